//! The outcomes of a request that need a word more: denying, asking, marking as duplicate or not genuine, withdrawing a
//! child. Each is a page of its own that says what will happen and what the parent gets; its button does it.

use askama::Template;
use axum::{extract::State, http::StatusCode, response::Response};
use kinlink_domain::{
    ids::ClaimId,
    locale::Locale,
    request::{Action, ClaimState, Status},
};
use kinlink_mail::{Common, Letter, render};
use kinlink_service::{
    ServiceError,
    decide::{self, MAX_QUESTION, Reason},
    view::{self, ChildSummary, Request, RequestDetail},
};
use kinlink_web::{Parameters, Path, Problem, form::Fields, number::grouped};

use super::{
    Choice, Fault,
    address::ListAddress,
    conflict::Conflict,
    decide::{next, version},
    list::{child_name, name},
    list_of,
    show::{Again, again},
};
use crate::{
    AdminState,
    pages::{
        StaffForm,
        interruption::Interruption,
        notice::Notice,
        shell::{Desk, Section, Shell},
        words,
    },
};

/// Questions to begin with: code, name, text. They name nobody: mail is read by others too.
const QUESTIONS: [(&str, &str, &str); 4] = [
    ("empty", "An empty text", ""),
    (
        "group",
        "Tutor group or spelling",
        "We could not find your child by the details in your request. Which tutor group is your child in, and how is the name written at school?",
    ),
    (
        "contact",
        "Contact details",
        "The name or the email address in your request is not among the contacts that the school has for your child. Which name, address or telephone number did you give the school?",
    ),
    (
        "wish",
        "What is needed",
        "We are not sure what you need. Please tell us in a few words what does not work or what is missing.",
    ),
];

/// What becomes of the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Deny,
    Ask,
    Duplicate,
    Bogus,
    Withdraw(ClaimId),
}

impl Outcome {
    fn of(path: &str) -> Result<Self, Problem> {
        match path {
            "deny" => Ok(Self::Deny),
            "ask" => Ok(Self::Ask),
            "duplicate" => Ok(Self::Duplicate),
            "bogus" => Ok(Self::Bogus),
            _ => Err(Problem::not_found("there is no such page; the menu shows what there is")),
        }
    }

    fn path(self) -> String {
        match self {
            Self::Deny => "deny".to_owned(),
            Self::Ask => "ask".to_owned(),
            Self::Duplicate => "duplicate".to_owned(),
            Self::Bogus => "bogus".to_owned(),
            Self::Withdraw(claim) => format!("withdraw/{claim}"),
        }
    }

    const fn action(self) -> Action {
        match self {
            Self::Deny => Action::Deny,
            Self::Ask => Action::Ask,
            Self::Duplicate => Action::MarkDuplicate,
            Self::Bogus => Action::MarkBogus,
            Self::Withdraw(_) => Action::WithdrawChild,
        }
    }

    const fn title(self, is_in_force: bool) -> &'static str {
        match self {
            Self::Deny if is_in_force => "Deny this request and end access",
            Self::Deny => "Deny this request",
            Self::Ask => "Ask for information",
            Self::Duplicate => "Mark as duplicate",
            Self::Bogus => "Mark as not genuine",
            Self::Withdraw(_) => "Withdraw a child",
        }
    }

    const fn icon(self) -> &'static str {
        match self {
            Self::Deny => "ban",
            Self::Ask => "send",
            Self::Duplicate => "copy",
            Self::Bogus => "shield-alert",
            Self::Withdraw(_) => "unlink",
        }
    }

    /// Whether a reason has to be chosen.
    const fn needs_reason(self) -> bool {
        matches!(self, Self::Deny | Self::Withdraw(_))
    }
}

/// A reason to choose.
pub(super) struct ReasonChoice {
    pub(super) code: &'static str,
    pub(super) text: &'static str,
    pub(super) hint: &'static str,
    pub(super) chosen: bool,
}

/// The reasons that there are.
pub(super) fn reasons(chosen: Option<&str>) -> Vec<ReasonChoice> {
    let choice = |(code, text, hint)| ReasonChoice { code, text, hint, chosen: chosen == Some(code) };
    words::REASONS.into_iter().map(choice).collect()
}

#[derive(Template)]
#[template(path = "requests/outcome.html")]
struct OutcomePage {
    shell: Shell,
    faults: Vec<Fault>,
    conflict: Option<Conflict>,
    back: String,
    action: String,
    version: i64,
    name: String,
    reference: String,
    about: String,
    reasons: Vec<ReasonChoice>,
    reason_fault: Option<String>,
    question: Option<Question>,
    choices: Vec<OtherRequest>,
    note: String,
    note_fault: Option<String>,
    effects: Vec<String>,
    mail: Option<Mail>,
    next: bool,
    next_ticked: bool,
    danger: bool,
    icon: &'static str,
    button: &'static str,
}

/// The question to the parent.
struct Question {
    templates: Vec<Choice>,
    text: String,
    fault: Option<String>,
    most: usize,
    most_text: String,
}

/// A request that came from the same address.
struct OtherRequest {
    value: String,
    name: String,
    text: String,
    chosen: bool,
}

/// The mail as the parent gets it.
struct Mail {
    to: String,
    lang: &'static str,
    dir: &'static str,
    subject: String,
    paragraphs: Vec<Vec<String>>,
}

/// What was typed so far, and what is wrong with it.
#[derive(Default)]
struct Typed<'a> {
    form: Option<&'a Fields>,
    faults: Vec<Fault>,
    conflict: Option<Conflict>,
}

pub(super) async fn show(
    State(state): State<AdminState>,
    desk: Desk,
    Path((request, outcome)): Path<(String, String)>,
    query: Parameters,
) -> Result<Response, Interruption> {
    look(&state, &desk, &request, Outcome::of(&outcome)?, query).await
}

pub(super) async fn show_withdrawal(
    State(state): State<AdminState>,
    desk: Desk,
    Path((request, claim)): Path<(String, ClaimId)>,
    query: Parameters,
) -> Result<Response, Interruption> {
    look(&state, &desk, &request, Outcome::Withdraw(claim), query).await
}

pub(super) async fn send(
    State(state): State<AdminState>,
    desk: Desk,
    Path((request, outcome)): Path<(String, String)>,
    query: Parameters,
    form: StaffForm,
) -> Result<Response, Interruption> {
    act(&state, &desk, &request, Outcome::of(&outcome)?, query, &form).await
}

pub(super) async fn withdraw(
    State(state): State<AdminState>,
    desk: Desk,
    Path((request, claim)): Path<(String, ClaimId)>,
    query: Parameters,
    form: StaffForm,
) -> Result<Response, Interruption> {
    act(&state, &desk, &request, Outcome::Withdraw(claim), query, &form).await
}

async fn look(
    state: &AdminState,
    desk: &Desk,
    request: &str,
    outcome: Outcome,
    query: Parameters,
) -> Result<Response, Interruption> {
    kinlink_service::access::require(desk.actor(), kinlink_domain::staff::Permission::Decide)?;
    let list = list_of(query);
    let detail = view::show_request(&state.app, desk.actor(), request).await?;
    if !is_possible(&detail, outcome) {
        return Ok(impossible(state, &list, &detail));
    }
    page(state, desk, &list, &detail, outcome, StatusCode::OK, Typed::default()).await
}

fn is_possible(detail: &RequestDetail, outcome: Outcome) -> bool {
    let child = match outcome {
        Outcome::Withdraw(claim) => {
            detail.summary.children.iter().any(|child| child.claim == claim && child.state == ClaimState::Approved)
        }
        _ => true,
    };
    child && detail.actions.contains(&outcome.action())
}

/// Back to the request, which shows how it stands: an old link, or a page that was left open.
fn impossible(state: &AdminState, list: &ListAddress, detail: &RequestDetail) -> Response {
    let text = words::refusal("wrong_status", "", Some(detail.summary.status));
    Notice::warn(text).then(state, &list.request(&detail.summary.reference))
}

async fn act(
    state: &AdminState,
    desk: &Desk,
    request: &str,
    outcome: Outcome,
    query: Parameters,
    form: &Fields,
) -> Result<Response, Interruption> {
    desk.check(form)?;
    kinlink_service::access::require(desk.actor(), kinlink_domain::staff::Permission::Decide)?;
    let list = list_of(query);
    let version = version(form)?;
    let detail = view::show_request(&state.app, desk.actor(), request).await?;
    if form.get("do") != Some("send") {
        // Looking at the text, or beginning with another one.
        if !is_possible(&detail, outcome) {
            return Ok(impossible(state, &list, &detail));
        }
        let typed = Typed { form: Some(form), ..Typed::default() };
        return page(state, desk, &list, &detail, outcome, StatusCode::OK, typed).await;
    }
    let next = next(state, desk, &list, &detail, form).await?;
    let reason = reason(outcome, &detail, form);
    let faults = missing(outcome, &detail, &reason);
    if !faults.is_empty() && version == detail.summary.version {
        return wrong(state, desk, &list, &detail, outcome, form, faults).await;
    }
    let (app, actor, id, seen) = (&state.app, desk.actor(), detail.summary.id, Some(version));
    let done = match outcome {
        Outcome::Ask => decide::ask(app, actor, id, seen, &reason).await,
        Outcome::Withdraw(claim) => decide::withdraw_child(app, actor, id, seen, claim, &reason).await,
        Outcome::Deny | Outcome::Duplicate | Outcome::Bogus => {
            decide::end(app, actor, id, seen, outcome.action(), &reason).await
        }
    };
    match done {
        Ok(request) => Ok(Notice::ok(said(outcome, &detail, &request)).then(state, &next)),
        Err(ServiceError::Stale) => stale(state, desk, &list, outcome, form, version, &detail, &next).await,
        Err(ServiceError::Invalid(faults)) => {
            let faults = faults.iter().map(|fault| fault_of(&fault.pointer, &fault.detail)).collect();
            wrong(state, desk, &list, &detail, outcome, form, faults).await
        }
        Err(ServiceError::Refused { code: "wrong_status" | "not_approved", .. }) => {
            Ok(impossible(state, &list, &detail))
        }
        Err(ServiceError::Refused { code, detail: text, .. }) => {
            let fault = Fault::new("main", words::refusal(code, &text, Some(detail.summary.status)));
            wrong(state, desk, &list, &detail, outcome, form, vec![fault]).await
        }
        Err(error) => Err(error.into()),
    }
}

fn fault_of(pointer: &str, text: &str) -> Fault {
    let anchor = match pointer {
        "/message" => "question",
        "/reason" => "reason",
        "/note" => "note",
        _ => "main",
    };
    Fault::new(anchor, words::sentence(text))
}

fn has_address(detail: &RequestDetail) -> bool {
    detail.summary.email.parse::<kinlink_domain::email::EmailAddress>().is_ok()
}

/// What the form says, as the use cases take it.
fn reason(outcome: Outcome, detail: &RequestDetail, form: &Fields) -> Reason {
    let text = |name: &str| form.get(name).filter(|text| !text.trim().is_empty()).map(str::to_owned);
    let mut note = text("note");
    if outcome == Outcome::Duplicate
        && let Some(first) = text("of").filter(|of| detail.others.iter().any(|other| other.reference.as_str() == of))
    {
        let of = format!("Duplicate of {first}.");
        note = Some(note.map_or_else(|| of.clone(), |note| format!("{of}\n{note}")));
    }
    let known = |code: &String| words::REASONS.iter().any(|(known, ..)| *known == code.as_str());
    Reason {
        reason: text("reason").filter(|code| outcome.needs_reason() && known(code)),
        note,
        message: form.get("question").filter(|_| outcome == Outcome::Ask && has_address(detail)).map(str::to_owned),
    }
}

/// What has to be said before the outcome is possible.
fn missing(outcome: Outcome, detail: &RequestDetail, reason: &Reason) -> Vec<Fault> {
    let mut faults = Vec::new();
    if outcome.needs_reason() && reason.reason.is_none() {
        faults.push(Fault::new("reason", "Choose a reason"));
    }
    if reason.reason.as_deref() == Some("other") && reason.note.is_none() {
        faults.push(Fault::new("note", "Say for the history what the reason is"));
    }
    let is_asked = reason.message.as_deref().is_some_and(|question| !question.trim().is_empty());
    if outcome == Outcome::Ask && has_address(detail) && !is_asked {
        faults.push(Fault::new("question", "Write your question"));
    }
    faults
}

async fn wrong(
    state: &AdminState,
    desk: &Desk,
    list: &ListAddress,
    detail: &RequestDetail,
    outcome: Outcome,
    form: &Fields,
    faults: Vec<Fault>,
) -> Result<Response, Interruption> {
    let typed = Typed { form: Some(form), faults, conflict: None };
    page(state, desk, list, detail, outcome, StatusCode::UNPROCESSABLE_ENTITY, typed).await
}

/// Somebody else was faster. Where the outcome is still possible its page comes again, with what was typed.
#[expect(clippy::too_many_arguments, reason = "the parts of one answer; a struct would only name them twice")]
async fn stale(
    state: &AdminState,
    desk: &Desk,
    list: &ListAddress,
    outcome: Outcome,
    form: &Fields,
    version: i64,
    detail: &RequestDetail,
    next: &str,
) -> Result<Response, Interruption> {
    let conflict = Conflict::since(state, desk, detail.summary.id, version).await?;
    let reference = detail.summary.reference.as_str();
    if conflict.is_double(desk, outcome.action().code()) {
        return Ok(Notice::ok(format!("{reference}: this was done already.")).then(state, next));
    }
    let now = view::show_request(&state.app, desk.actor(), reference).await?;
    if is_possible(&now, outcome) {
        let advice =
            "Nothing of yours was done. What you typed is still here: look whether it is right as things stand now.";
        let typed = Typed { form: Some(form), faults: Vec::new(), conflict: Some(conflict.about(advice)) };
        return page(state, desk, list, &now, outcome, StatusCode::CONFLICT, typed).await;
    }
    let shown = Again { conflict: Some(conflict), ..Again::default() };
    again(state, desk, list, reference, StatusCode::CONFLICT, shown).await
}

/// What was done, for the page that follows.
fn said(outcome: Outcome, before: &RequestDetail, now: &Request) -> String {
    let reference = &now.reference;
    let ended = if before.summary.status.is_in_force() { " Access ends with the next cycle." } else { "" };
    match outcome {
        Outcome::Deny => format!("{reference} denied.{ended}"),
        Outcome::Ask => format!("{reference} waits for the parent."),
        Outcome::Duplicate => format!("{reference} marked as a duplicate.{ended}"),
        Outcome::Bogus => format!("{reference} marked as not genuine.{ended}"),
        Outcome::Withdraw(_) => format!("A child of {reference} was withdrawn. The link goes with the next cycle."),
    }
}

async fn page(
    state: &AdminState,
    desk: &Desk,
    list: &ListAddress,
    detail: &RequestDetail,
    outcome: Outcome,
    status: StatusCode,
    typed: Typed<'_>,
) -> Result<Response, Interruption> {
    let summary = &detail.summary;
    let is_in_force = summary.status.is_in_force();
    let neighbours = view::neighbours(&state.app, desk.actor(), &list.0, summary.id).await?;
    let empty = Fields::default();
    let fields = typed.form.unwrap_or(&empty);
    let fault = |anchor: &str| typed.faults.iter().find(|fault| fault.anchor == anchor).map(|fault| fault.text.clone());
    let question = (outcome == Outcome::Ask && has_address(detail)).then(|| question(fields, fault("question")));
    let mail = mail(state, detail, outcome, question.as_ref().map(|question| question.text.as_str()));
    let child = match outcome {
        Outcome::Withdraw(claim) => summary.children.iter().find(|child| child.claim == claim),
        _ => None,
    };
    let shell = desk.shell(outcome.title(is_in_force), Section::Requests);
    let template = OutcomePage {
        shell: if typed.faults.is_empty() { shell } else { shell.wrong() },
        back: list.request(&summary.reference),
        action: list.under(&summary.reference, &outcome.path()),
        version: summary.version,
        name: name(summary),
        reference: summary.reference.to_string(),
        about: about(detail, child),
        reasons: if outcome.needs_reason() { reasons(fields.get("reason")) } else { Vec::new() },
        reason_fault: fault("reason"),
        choices: if outcome == Outcome::Duplicate { others(desk, detail, fields.get("of")) } else { Vec::new() },
        note: fields.get("note").unwrap_or_default().to_owned(),
        note_fault: fault("note"),
        effects: effects(desk, detail, outcome, child, mail.is_some()),
        next: neighbours.next.is_some(),
        next_ticked: typed.form.is_none_or(|form| form.has("next")),
        danger: matches!(outcome, Outcome::Deny | Outcome::Bogus | Outcome::Withdraw(_)),
        icon: outcome.icon(),
        button: button(outcome, is_in_force, mail.is_some()),
        question,
        mail,
        faults: typed.faults,
        conflict: typed.conflict,
    };
    Ok(desk.page(status, &template))
}

fn question(fields: &Fields, fault: Option<String>) -> Question {
    let chosen = fields.get("template").unwrap_or_default();
    let template = QUESTIONS.iter().find(|(code, ..)| *code == chosen).map(|(.., text)| *text);
    let typed = fields.get("question").unwrap_or_default();
    let text = if fields.get("do") == Some("template") { template.unwrap_or(typed) } else { typed };
    let choice = |(code, text, _): &(&'static str, &'static str, &str)| Choice {
        value: (*code).to_owned(),
        text,
        chosen: *code == chosen,
    };
    Question {
        templates: QUESTIONS.iter().map(choice).collect(),
        text: text.to_owned(),
        fault,
        most: MAX_QUESTION,
        most_text: grouped(MAX_QUESTION),
    }
}

fn about(detail: &RequestDetail, child: Option<&ChildSummary>) -> String {
    match child {
        Some(child) => child_name(child),
        None => kinlink_web::number::counted(detail.summary.children.len(), "child", "children"),
    }
}

fn others(desk: &Desk, detail: &RequestDetail, chosen: Option<&str>) -> Vec<OtherRequest> {
    let other = |other: &view::RequestSummary| OtherRequest {
        value: other.reference.to_string(),
        name: name(other),
        text: format!("{}, sent {}", words::standing(other).text, desk.clock.list(other.created_at).text),
        chosen: chosen == Some(other.reference.as_str()),
    };
    detail.others.iter().map(other).collect()
}

const fn button(outcome: Outcome, is_in_force: bool, mails: bool) -> &'static str {
    match outcome {
        Outcome::Deny if is_in_force => "Deny and end access",
        Outcome::Deny if mails => "Deny and send email",
        Outcome::Deny => "Deny without an email",
        Outcome::Ask if mails => "Send the question",
        Outcome::Ask => "Wait for the parent",
        Outcome::Duplicate if is_in_force => "Mark as duplicate and end access",
        Outcome::Duplicate => "Mark as duplicate",
        Outcome::Bogus if is_in_force => "Mark as not genuine and end access",
        Outcome::Bogus => "Mark as not genuine",
        Outcome::Withdraw(_) => "Withdraw the child",
    }
}

/// What will happen, in sentences.
fn effects(
    desk: &Desk,
    detail: &RequestDetail,
    outcome: Outcome,
    child: Option<&ChildSummary>,
    mails: bool,
) -> Vec<String> {
    let mut effects: Vec<String> = Vec::new();
    let mut will = |text: &str| effects.push(text.to_owned());
    if outcome == Outcome::Ask {
        if mails {
            will("The parent gets the email shown here, with a link for the answer.");
        } else {
            will("There is no email address to write to. Ask in another way, for example by telephone.");
        }
        will("The request waits for the parent. With the answer it comes back to To do.");
        will("You can decide at any time without the answer.");
        return effects;
    }
    if let Some(child) = child {
        will(&format!("The link to {} ends now, and the next cycle takes it out of Moodle.", child_name(child)));
        takes_away(desk, &mut will);
        return effects;
    }
    if detail.summary.status.is_in_force() {
        will("Every link that this request made ends now, and the next cycle takes them out of Moodle.");
        takes_away(desk, &mut will);
    } else if mails {
        will("The parent gets the email shown here. The words are the same whatever the reason.");
    } else if outcome == Outcome::Deny {
        will("The parent gets no email, because the address is missing or was never confirmed.");
    } else {
        will("The parent gets no email.");
    }
    will("The request is closed. It can be opened again.");
    effects
}

fn takes_away(desk: &Desk, will: &mut impl FnMut(&str)) {
    will(
        "If no other link is left, the parent cannot sign in any more: Moodle suspends the account and deletes nothing. The parent gets an email that access has ended.",
    );
    if desk.policy().end_sessions {
        will("Open Moodle sessions of the parent end as well.");
    }
}

/// The mail that the outcome sends, as it reads now.
fn mail(state: &AdminState, detail: &RequestDetail, outcome: Outcome, question: Option<&str>) -> Option<Mail> {
    let summary = &detail.summary;
    let reference = summary.reference.clone();
    let letter = match outcome {
        Outcome::Deny if summary.status.is_open() && summary.status != Status::Unconfirmed => {
            Letter::CouldNotConfirm { reference }
        }
        Outcome::Ask => {
            let text = question?.trim();
            let question = if text.is_empty() { "(your question)".to_owned() } else { text.to_owned() };
            // The real link is the parent's alone.
            let status_url = format!("{}/status/…", state.school.public_url);
            Letter::Question { reference, question, status_url }
        }
        _ => return None,
    };
    if !has_address(detail) {
        return None;
    }
    let locale = Locale::from_tag(&detail.locale);
    let common = Common {
        school: state.school.name.clone(),
        moodle_url: state.school.moodle_url.clone(),
        public_url: state.school.public_url.clone(),
        contact: state.school.contact.clone(),
        adult_name: format!("{} {}", summary.given_name, summary.family_name),
        locale,
    };
    let mail = render(&letter, &common);
    let paragraphs = mail.body.split("\n\n").map(|paragraph| paragraph.lines().map(str::to_owned).collect()).collect();
    Some(Mail {
        to: summary.email.clone(),
        lang: locale.tag(),
        dir: locale.direction().code(),
        subject: mail.subject,
        paragraphs,
    })
}
