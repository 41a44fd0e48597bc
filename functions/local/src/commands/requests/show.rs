//! One request with everything beside it, as a page of text.

use std::fmt::Write as _;

use kinlink_domain::matching::{Agreement, Match};
use kinlink_service::view::{self, ChildSummary, RequestDetail};
use serde_json::json;

use crate::{
    answer::{Answer, time, time_or_dash},
    failure::Failure,
    local::Local,
};

pub(super) async fn run(local: &Local, name: &str) -> Result<Answer, Failure> {
    let request = view::show_request(&local.app, &local.actor, name).await?;
    let text = describe(&request);
    Ok(Answer::new(request, text))
}

/// Writing to a String cannot fail; its results are passed over here.
fn describe(request: &RequestDetail) -> String {
    let summary = &request.summary;
    let mut text = String::new();
    let _ = writeln!(text, "{} {}: {}", summary.reference, summary.kind, summary.status);
    let title = summary.title.as_deref().map_or_else(String::new, |title| format!("{title} "));
    let _ = writeln!(text, "  {title}{} {} <{}>", summary.given_name, summary.family_name, summary.email);
    let _ = writeln!(
        text,
        "  came {}, address proven {}, decided {}",
        time(summary.created_at),
        time_or_dash(request.confirmed_at),
        time_or_dash(request.decided_at)
    );
    for (name, written) in [("Comment", &request.comment), ("Note", &request.staff_note)] {
        if let Some(written) = written.as_deref().filter(|written| !written.is_empty()) {
            let _ = writeln!(text, "  {name}: {written}");
        }
    }
    for fault in &request.fault_list {
        let _ = writeln!(text, "! {}: {}", fault.pointer, fault.detail);
    }
    for (number, child) in (1..).zip(&summary.children) {
        let _ = writeln!(text, "\nChild {number}: {}", typed(child));
        if let Some(advice) = child.advice {
            let _ = writeln!(text, "  {advice}");
        }
        let matches = request.matches.iter().flatten().find(|found| found.claim == child.claim);
        if let Some(found) = matches {
            text.push_str(&candidates(&found.found));
        }
    }
    if request.matches.is_none() {
        text.push_str("\n! Moodle cannot be asked; candidates and accounts are missing.\n");
    }
    for account in request.accounts.iter().flatten() {
        let kind = if account.is_pupil { "a pupil" } else { "an account" };
        let _ = writeln!(
            text,
            "\nSame address in Moodle: {kind}, moodle:{} {} ({}, signs in by {}{})",
            account.id,
            account.name,
            account.username,
            account.auth,
            if account.suspended { ", suspended" } else { "" }
        );
    }
    for adult in &request.adults {
        let username = adult.username.as_deref().unwrap_or("-");
        let _ =
            writeln!(text, "\nKnown adult with this address: adult:{} {} (user name {username})", adult.id, adult.name);
    }
    for other in &request.others {
        let _ =
            writeln!(text, "\nOther request with this address: {} {} ({})", other.reference, other.kind, other.status);
    }
    text.push_str("\nHistory:\n");
    for entry in &request.history {
        let extra: Vec<&str> = [&entry.reason, &entry.note].into_iter().flatten().map(String::as_str).collect();
        let _ = writeln!(text, "  {} {} {} {}", time(entry.at), entry.action, entry.actor, extra.join("; "));
    }
    for mail in &request.mails {
        let _ = writeln!(text, "  {} mail {} {}", time(mail.created_at), mail.letter, mail.state);
    }
    let actions: Vec<&str> = request.actions.iter().map(|action| action.code()).collect();
    let _ = writeln!(text, "\nPossible now: {}", actions.join(", "));
    text
}

fn typed(child: &ChildSummary) -> String {
    let mut text = format!("{} {}", child.given_name, child.family_name);
    if let Some(group) = &child.tutor_group {
        let _ = write!(text, ", {group}");
    }
    if let Some(number) = &child.admission_number {
        let _ = write!(text, ", number {number}");
    }
    let _ = write!(text, ": {}", child.state);
    if let Some(pupil) = child.pupil {
        let _ = write!(text, ", pupil {pupil}");
    }
    if let Some(outcome) = child.outcome {
        let _ = write!(text, ", {outcome}");
    }
    text
}

fn candidates(found: &Match) -> String {
    if found.candidates.is_empty() {
        return "  no pupil is like this; `kinlink pupils NAME` searches\n".into();
    }
    let mut text = String::new();
    for candidate in &found.candidates {
        let pupil = &candidate.pupil;
        let words: Vec<String> = candidate.agreements.iter().copied().map(word).collect();
        let _ = writeln!(
            text,
            "  {} pupil {} {} {}, {}, {} ({})",
            if candidate.exact { "=" } else { "~" },
            pupil.id,
            pupil.given_name,
            pupil.family_name,
            pupil.tutor_group,
            pupil.admission_number,
            words.join(", ")
        );
    }
    text
}

fn word(agreement: Agreement) -> String {
    json!(agreement).as_str().unwrap_or_default().replace('_', " ")
}
