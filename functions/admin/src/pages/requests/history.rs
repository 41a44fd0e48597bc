//! What happened to a request, as a timeline of sentences: decisions, what parents did, mails.

use kinlink_domain::{
    Timestamp,
    request::{Action, Kind},
    submission::RawSubmission,
};
use kinlink_service::view::{Beside, FieldChange, HistoryEntry, MailHint, RequestDetail};
use kinlink_web::when::When;

use super::list::child_name;
use crate::pages::{names::Names, shell::Desk, words};

/// One thing that happened.
pub(super) struct Event {
    pub(super) icon: &'static str,
    pub(super) who: String,
    pub(super) what: String,
    pub(super) changes: Vec<Change>,
    pub(super) note: String,
    pub(super) when: When,
}

/// One corrected text.
pub(super) struct Change {
    pub(super) field: String,
    pub(super) old: String,
    pub(super) new: String,
}

/// A field of the submission as it came.
pub(super) struct SentField {
    pub(super) label: String,
    pub(super) text: String,
}

/// The timeline, newest first.
pub(super) fn timeline(desk: &Desk, detail: &RequestDetail, beside: &Beside, names: &Names) -> Vec<Event> {
    let mut events: Vec<(Timestamp, Event)> =
        detail.history.iter().map(|entry| (entry.at, event(desk, detail, names, entry))).collect();
    // All that was corrected stands at the last correction: what each of them changed is not kept.
    let corrected = detail.history.iter().rposition(|entry| entry.action == Action::Correct.code());
    if let Some((_, event)) = corrected.and_then(|place| events.get_mut(place)) {
        event.changes = beside.changes.iter().map(change).collect();
    }
    events.extend(detail.mails.iter().map(|mail| (mail.created_at, mailed(desk, mail))));
    // What happened in the same second stays in its order: a decision comes before the mail that it caused.
    events.sort_by_key(|(at, _)| at.as_second());
    events.into_iter().rev().map(|(_, event)| event).collect()
}

fn event(desk: &Desk, detail: &RequestDetail, names: &Names, entry: &HistoryEntry) -> Event {
    let child = entry.claim.and_then(|claim| detail.summary.children.iter().find(|child| child.claim == claim));
    let mut what = match child {
        Some(child) => words::act_on_child(&entry.action, &child_name(child)),
        None => words::done(&entry.action),
    };
    if let Some(reason) = &entry.reason {
        what = format!("{what}: {}", words::reason(reason));
    }
    let note = [entry.message.as_deref(), entry.note.as_deref()].into_iter().flatten().collect::<Vec<_>>().join("\n");
    Event {
        icon: words::act_icon(&entry.action),
        who: who(names, entry),
        what: format!("{what}."),
        changes: Vec::new(),
        note,
        when: desk.clock.full(entry.at),
    }
}

fn change(change: &FieldChange) -> Change {
    Change { field: words::field(&change.pointer), old: change.sent.clone(), new: change.now.clone() }
}

fn who(names: &Names, entry: &HistoryEntry) -> String {
    // The parent sent it, whichever form it came by.
    if entry.action == "submit" {
        return "The parent".to_owned();
    }
    names.get(&entry.actor).unwrap_or("Somebody").to_owned()
}

fn mailed(desk: &Desk, mail: &MailHint) -> Event {
    let letter = words::letter(&mail.letter);
    let sent = mail.sent_at.map(|at| desk.clock.log(at).text).unwrap_or_default();
    let (icon, state) = match mail.state.as_str() {
        "sent" => ("mail-check", format!("sent {sent}")),
        "queued" => ("mail", "waits to be sent".to_owned()),
        "suppressed" => ("mail", "not sent, because it was not true any more".to_owned()),
        _ => ("mail-x", "could not be delivered".to_owned()),
    };
    Event {
        icon,
        who: "Email".to_owned(),
        what: format!("“{letter}”: {state}."),
        changes: Vec::new(),
        note: String::new(),
        when: desk.clock.full(mail.created_at),
    }
}

/// The form by which the request came: its name in the audit of the submission.
pub(super) fn source(detail: &RequestDetail, names: &Names) -> String {
    let sent = detail.history.iter().find(|entry| entry.action == "submit");
    sent.and_then(|entry| names.get(&entry.actor)).map(|name| format!("by the form “{name}”")).unwrap_or_default()
}

/// The submission as it came.
pub(super) fn submission(detail: &RequestDetail) -> RawSubmission {
    serde_json::from_value(detail.submitted.clone()).unwrap_or_default()
}

/// The submission as it came, field by field.
pub(super) fn sent_fields(sent: &RawSubmission) -> Vec<SentField> {
    let kind = sent.kind.as_deref();
    let kind = kind.and_then(Kind::from_code).map(words::kind).or(kind);
    let mut fields: Vec<(String, &str)> = vec![
        ("Asking for".into(), kind.unwrap_or_default()),
        ("Title".into(), &sent.title),
        ("First name".into(), &sent.given_name),
        ("Last name".into(), &sent.family_name),
        ("Email".into(), &sent.email),
    ];
    for (place, child) in sent.children.iter().enumerate() {
        let label = |what: &str| format!("Child {}: {what}", place + 1);
        fields.push((label("first name"), &child.given_name));
        fields.push((label("last name"), &child.family_name));
        fields.push((label("tutor group"), child.tutor_group.as_deref().unwrap_or_default()));
        fields.push((label("admission number"), child.admission_number.as_deref().unwrap_or_default()));
    }
    fields.push(("Note".into(), &sent.comment));
    let said = fields.into_iter().filter(|(_, text)| !text.trim().is_empty());
    said.map(|(label, text)| SentField { label, text: text.to_owned() }).collect()
}
