//! One decision on many requests: `POST /admin/requests/bulk` shows what would happen, row by row, and changes nothing;
//! `POST /admin/requests/bulk/apply` does it.

use std::collections::{BTreeMap, BTreeSet};

use askama::Template;
use axum::{extract::State, http::StatusCode, response::Response};
use kinlink_domain::{ids::RequestId, request::ClaimState};
use kinlink_service::{
    ServiceError,
    approve::Checks,
    decide::{MAX_QUESTION, Reason},
    view::{
        BulkAct, BulkResult, ListQuery, MOST_AT_ONCE, PER_PAGE, Preview, Refusal, RequestSummary, bulk, list_view,
        preview_bulk,
    },
};
use kinlink_web::{Parameters, form::Fields, number::grouped};

use super::{
    Choice, Fault,
    address::ListAddress,
    conflict,
    decision::{CheckBox, check_boxes, checks_of},
    list::{child_name, mark, name},
    list_of,
    outcome::{ReasonChoice, reasons},
};
use crate::{
    AdminState,
    pages::{
        StaffForm,
        interruption::Interruption,
        names::Names,
        notice::Notice,
        shell::{Desk, Section, Shell},
        words,
    },
};

/// What can be done to many requests at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Approve,
    Ask,
    Deny,
    Duplicate,
    Bogus,
    Reopen,
}

impl Act {
    const ALL: [Self; 6] = [Self::Approve, Self::Ask, Self::Deny, Self::Duplicate, Self::Bogus, Self::Reopen];

    const fn code(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Ask => "ask",
            Self::Deny => "deny",
            Self::Duplicate => "duplicate",
            Self::Bogus => "bogus",
            Self::Reopen => "reopen",
        }
    }

    const fn choice(self) -> &'static str {
        match self {
            Self::Approve => "Approve…",
            Self::Ask => "Ask for information…",
            Self::Deny => "Deny…",
            Self::Duplicate => "Mark as duplicate…",
            Self::Bogus => "Mark as not genuine…",
            Self::Reopen => "Open again…",
        }
    }

    /// What the page and its button are called: "Approve 12 requests".
    fn title(self, number: usize) -> String {
        let requests = words::requests(number);
        match self {
            Self::Approve => format!("Approve {requests}"),
            Self::Ask => format!("Ask for information about {requests}"),
            Self::Deny => format!("Deny {requests}"),
            Self::Duplicate => format!("Mark {requests} as duplicate"),
            Self::Bogus => format!("Mark {requests} as not genuine"),
            Self::Reopen => format!("Open {requests} again"),
        }
    }

    /// "12 approved": what was done.
    fn done(self, number: usize) -> String {
        let number = grouped(number);
        match self {
            Self::Approve => format!("{number} approved"),
            Self::Ask => format!("{number} asked"),
            Self::Deny => format!("{number} denied"),
            Self::Duplicate => format!("{number} marked as duplicate"),
            Self::Bogus => format!("{number} marked as not genuine"),
            Self::Reopen => format!("{number} opened again"),
        }
    }

    const fn icon(self) -> &'static str {
        match self {
            Self::Approve => "check",
            Self::Ask => "send",
            Self::Deny => "ban",
            Self::Duplicate => "copy",
            Self::Bogus => "shield-alert",
            Self::Reopen => "rotate-ccw",
        }
    }

    fn effects(self) -> Vec<&'static str> {
        match self {
            Self::Approve => vec![
                "Each parent gets an account, or their account gets the child. The next cycle links them in Moodle.",
                "Each parent gets an email when everything is ready.",
                "To take it back, open the request and withdraw the child.",
            ],
            Self::Ask => vec![
                "Each parent gets an email with your question and a link for the answer.",
                "The requests wait for the parents, and come back to To do with the answers.",
            ],
            Self::Deny => vec![
                "Each parent whose address is confirmed gets an email that the school could not confirm the request. The reason is never in it.",
                "The requests are closed. They can be opened again.",
            ],
            Self::Duplicate | Self::Bogus => {
                vec!["Nobody gets an email.", "The requests are closed. They can be opened again."]
            }
            Self::Reopen => vec![
                "The requests go back to To do.",
                "Nothing that was taken away comes back by this alone.",
                "A parent who never confirmed their address is asked to do so first.",
            ],
        }
    }

    fn with(self, checks: Checks, reason: Reason) -> BulkAct {
        match self {
            Self::Approve => BulkAct::Approve { checks },
            Self::Ask => BulkAct::Ask { reason },
            Self::Deny => BulkAct::Deny { reason },
            Self::Duplicate => BulkAct::Duplicate { reason },
            Self::Bogus => BulkAct::Bogus { reason },
            Self::Reopen => BulkAct::Reopen { reason },
        }
    }
}

/// What the list offers.
pub(super) fn choices() -> Vec<Choice> {
    Act::ALL.iter().map(|act| Choice { value: act.code().to_owned(), text: act.choice(), chosen: false }).collect()
}

#[derive(Template)]
#[template(path = "requests/bulk.html")]
struct BulkPage {
    shell: Shell,
    faults: Vec<Fault>,
    back: String,
    view: &'static str,
    lede: String,
    all: Option<AllThatMatch>,
    preview: String,
    apply: String,
    act: &'static str,
    can: Vec<BulkRow>,
    can_title: String,
    cannot: Vec<BulkRow>,
    cannot_title: String,
    effects: Vec<&'static str>,
    checks: Vec<CheckBox>,
    reasons: Vec<ReasonChoice>,
    reason_fault: Option<String>,
    asks: bool,
    question: String,
    question_fault: Option<String>,
    question_most: usize,
    /// Whether a note can be written with it.
    notes: bool,
    note: String,
    danger: bool,
    icon: &'static str,
    button: String,
}

/// The second option: not only what was ticked.
struct AllThatMatch {
    text: String,
    can: bool,
    button: String,
}

struct BulkRow {
    mark: String,
    href: String,
    name: String,
    reference: String,
    text: String,
}

#[derive(Template)]
#[template(path = "requests/bulk-result.html")]
struct ResultPage {
    shell: Shell,
    back: String,
    view: &'static str,
    summary: String,
    skipped: Vec<BulkRow>,
    skipped_title: String,
    done: Vec<BulkRow>,
    done_title: String,
}

/// The largest page of a list holds as many as can be decided on at once.
const ALL_ROWS: u32 = PER_PAGE[PER_PAGE.len() - 1];

type Rows = Vec<(RequestId, i64)>;

pub(super) async fn preview(
    State(state): State<AdminState>,
    desk: Desk,
    query: Parameters,
    form: StaffForm,
) -> Result<Response, Interruption> {
    desk.check(&form)?;
    kinlink_service::access::require(desk.actor(), kinlink_domain::staff::Permission::Decide)?;
    let list = list_of(query);
    let act = chosen(&form);
    let rows = if form.has("all") { all_rows(&state, &desk, &list).await? } else { ticked(&form) };
    let mut faults = Vec::new();
    if act.is_none() {
        faults.push(Fault::new("main", "Choose in the list what to do with the requests"));
    }
    if rows.is_empty() {
        faults.push(Fault::new("main", "Tick at least one request in the list"));
    }
    confirmation(&state, &desk, &list, act, &rows, &form, faults, form.has("all")).await
}

pub(super) async fn apply(
    State(state): State<AdminState>,
    desk: Desk,
    query: Parameters,
    form: StaffForm,
) -> Result<Response, Interruption> {
    desk.check(&form)?;
    kinlink_service::access::require(desk.actor(), kinlink_domain::staff::Permission::Decide)?;
    let list = list_of(query);
    let rows = ticked(&form);
    let Some(act) = chosen(&form).filter(|_| !rows.is_empty()) else {
        let faults = vec![Fault::new("main", "Choose in the list what to do, and tick at least one request")];
        return confirmation(&state, &desk, &list, None, &rows, &form, faults, true).await;
    };
    let (checks, reason) = (checks_of(&form), reason(act, &form));
    let mut faults = Vec::new();
    if act == Act::Deny && reason.reason.is_none() {
        faults.push(Fault::new("reason", "Choose a reason"));
    }
    if act == Act::Ask && reason.message.as_deref().is_none_or(|question| question.trim().is_empty()) {
        faults.push(Fault::new("question", "Write your question"));
    }
    if act == Act::Approve && desk.policy().require_checks {
        faults.extend(check_boxes(&form, true).iter().filter(|check| check.missing).map(CheckBox::fault));
    }
    if !faults.is_empty() {
        return confirmation(&state, &desk, &list, Some(act), &rows, &form, faults, true).await;
    }
    let what = act.with(checks, reason);
    let before = summaries(&state, &desk, &what, &rows).await?;
    let results = match bulk(&state.app, desk.actor(), &what, &rows).await {
        Ok(results) => results,
        Err(ServiceError::Invalid(wrong)) => {
            let faults = wrong.into_iter().map(|fault| fault_of(&fault.pointer, &fault.detail)).collect();
            return confirmation(&state, &desk, &list, Some(act), &rows, &form, faults, true).await;
        }
        Err(error) => return Err(error.into()),
    };
    report(&state, &desk, &list, act, &what, &before, results).await
}

fn fault_of(pointer: &str, detail: &str) -> Fault {
    let anchor = match pointer {
        "/message" => "question",
        "/reason" => "reason",
        "/note" => "note",
        _ => "main",
    };
    Fault::new(anchor, words::sentence(detail))
}

fn chosen(form: &Fields) -> Option<Act> {
    let code = form.get("action")?;
    Act::ALL.into_iter().find(|act| act.code() == code)
}

/// The requests that were ticked, each once. A mark that is none of ours is left out.
fn ticked(form: &Fields) -> Rows {
    let mut seen = BTreeSet::new();
    form.all("id")
        .filter_map(|mark| {
            let (id, version) = mark.split_once(':')?;
            Some((id.parse().ok()?, version.parse().ok()?))
        })
        .filter(|(id, _): &(RequestId, i64)| seen.insert(*id))
        .collect()
}

/// Every request that matches, as far as they can be decided on at once.
async fn all_rows(state: &AdminState, desk: &Desk, list: &ListAddress) -> Result<Rows, ServiceError> {
    let query = ListQuery { page: 1, per_page: ALL_ROWS, ..list.0.clone() };
    let page = list_view(&state.app, desk.actor(), &query).await?;
    Ok(page.items.iter().map(|item| (item.summary.id, item.summary.version)).collect())
}

fn reason(act: Act, form: &Fields) -> Reason {
    let text = |name: &str| form.get(name).filter(|text| !text.trim().is_empty()).map(str::to_owned);
    let known = |code: &String| words::REASONS.iter().any(|(known, ..)| *known == code.as_str());
    Reason {
        reason: text("reason").filter(|code| act == Act::Deny && known(code)),
        note: text("note"),
        message: text("question").filter(|_| act == Act::Ask),
    }
}

/// The requests as they stand before the act, by their ids.
async fn summaries(
    state: &AdminState,
    desk: &Desk,
    what: &BulkAct,
    rows: &Rows,
) -> Result<BTreeMap<RequestId, RequestSummary>, ServiceError> {
    let previews = preview_bulk(&state.app, desk.actor(), what, rows).await?;
    Ok(previews.into_iter().filter_map(|preview| Some((preview.id, preview.summary?))).collect())
}

#[expect(clippy::too_many_arguments, reason = "the parts of one page; a struct would only name them twice")]
async fn confirmation(
    state: &AdminState,
    desk: &Desk,
    list: &ListAddress,
    act: Option<Act>,
    rows: &Rows,
    form: &Fields,
    faults: Vec<Fault>,
    only_these: bool,
) -> Result<Response, Interruption> {
    let sent = act.map(|act| act.with(Checks::ALL, reason(act, form)));
    let previews = match &sent {
        Some(what) if !rows.is_empty() => preview_bulk(&state.app, desk.actor(), what, rows).await?,
        _ => Vec::new(),
    };
    let (can, cannot): (Vec<&Preview>, Vec<&Preview>) = previews.iter().partition(|preview| preview.verdict.is_ok());
    let names = names(state, cannot.iter().filter_map(|preview| preview.verdict.as_ref().err())).await?;
    let can: Vec<BulkRow> = can.iter().map(|preview| row(list, preview, will(act, preview))).collect();
    let cannot: Vec<BulkRow> = cannot
        .iter()
        .map(|preview| {
            let now = preview.summary.as_ref().map(|summary| summary.status);
            let text = preview.verdict.as_ref().err().map(|refusal| why(desk, &names, refusal, now));
            row(list, preview, text.unwrap_or_default())
        })
        .collect();
    let title = match act {
        Some(act) if !can.is_empty() => act.title(can.len()),
        Some(_) if !cannot.is_empty() => "Nothing can be done with these".to_owned(),
        _ => "Nothing is chosen yet".to_owned(),
    };
    let all = match act {
        Some(act) if !only_these => all_that_match(state, desk, list, act, rows.len()).await?,
        _ => None,
    };
    let fault = |anchor: &str| faults.iter().find(|fault| fault.anchor == anchor).map(|fault| fault.text.clone());
    let wrong = !faults.is_empty();
    let shell = desk.shell(title.clone(), Section::Requests);
    let page = BulkPage {
        shell: if wrong { shell.wrong() } else { shell },
        back: list.list(),
        view: words::view(list.0.view),
        lede: if cannot.is_empty() { String::new() } else { skipped_words(cannot.len()) },
        all,
        preview: list.beside("bulk"),
        apply: list.beside("bulk/apply"),
        act: act.map_or("", Act::code),
        can_title: words::requests(can.len()),
        cannot_title: format!("{} left out", words::requests(cannot.len())),
        effects: act.map(Act::effects).unwrap_or_default(),
        checks: if act == Some(Act::Approve) && desk.policy().require_checks {
            check_boxes(form, wrong)
        } else {
            Vec::new()
        },
        reasons: if act == Some(Act::Deny) { reasons(form.get("reason")) } else { Vec::new() },
        reason_fault: fault("reason"),
        asks: act == Some(Act::Ask),
        question: form.get("question").unwrap_or_default().to_owned(),
        question_fault: fault("question"),
        question_most: MAX_QUESTION,
        notes: act != Some(Act::Approve),
        note: form.get("note").unwrap_or_default().to_owned(),
        danger: matches!(act, Some(Act::Deny | Act::Bogus)),
        icon: act.map_or("check", Act::icon),
        button: title,
        faults,
        can,
        cannot,
    };
    let status = if wrong { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    Ok(desk.page(status, &page))
}

/// The second option, where more match than were ticked.
async fn all_that_match(
    state: &AdminState,
    desk: &Desk,
    list: &ListAddress,
    act: Act,
    ticked: usize,
) -> Result<Option<AllThatMatch>, ServiceError> {
    let query = ListQuery { page: 1, ..list.0.clone() };
    let total = list_view(&state.app, desk.actor(), &query).await?.total;
    if usize::try_from(total).is_ok_and(|total| total <= ticked) {
        return Ok(None);
    }
    let (all, most) = (grouped(total), grouped(MOST_AT_ONCE));
    let can = usize::try_from(total).is_ok_and(|total| total <= MOST_AT_ONCE);
    let text = if can {
        format!("You ticked {} of {all} that match the list.", grouped(ticked))
    } else {
        format!(
            "You ticked {} of {all} that match the list. At most {most} can be decided on at once, so narrow the list to take all of them.",
            grouped(ticked)
        )
    };
    let verb = act.choice().trim_end_matches('…').to_lowercase();
    Ok(Some(AllThatMatch { text, can, button: format!("Take all {all} that match instead ({verb})") }))
}

fn row(list: &ListAddress, preview: &Preview, text: String) -> BulkRow {
    match &preview.summary {
        Some(summary) => row_of(list, summary, text),
        None => BulkRow {
            mark: String::new(),
            href: list.list(),
            name: "Unknown".to_owned(),
            reference: String::new(),
            text,
        },
    }
}

fn row_of(list: &ListAddress, summary: &RequestSummary, text: String) -> BulkRow {
    BulkRow {
        mark: mark(summary),
        href: list.request(&summary.reference),
        name: name(summary),
        reference: summary.reference.to_string(),
        text,
    }
}

/// What will happen to one request.
fn will(act: Option<Act>, preview: &Preview) -> String {
    let Some(summary) = &preview.summary else { return String::new() };
    if act != Some(Act::Approve) {
        return format!("{}, {}", words::kind(summary.kind), words::standing(summary).text.to_lowercase());
    }
    let children = summary.children.iter().filter(|child| child.state == ClaimState::Open);
    let children: Vec<String> = children
        .map(|child| {
            format!("{} {}", child_name(child), child.tutor_group.as_deref().unwrap_or_default()).trim().to_owned()
        })
        .collect();
    format!("Links {}", children.join(", "))
}

/// Who did things meanwhile, by their names in the audit.
async fn names<'a>(state: &AdminState, refusals: impl Iterator<Item = &'a Refusal>) -> Result<Names, ServiceError> {
    let actors: Vec<&str> = refusals.flat_map(|refusal| &refusal.since).map(|entry| entry.actor.as_str()).collect();
    Names::of(&state.app, actors).await
}

/// Why one request is or was left out.
fn why(desk: &Desk, names: &Names, refusal: &Refusal, now: Option<kinlink_domain::request::Status>) -> String {
    match refusal.since.last() {
        Some(last) => conflict::line(desk, names, last),
        None if refusal.code == "stale" => "It changed meanwhile.".to_owned(),
        None => words::refusal(refusal.code, &refusal.detail, now),
    }
}

fn skipped_words(number: usize) -> String {
    let verb = if number == 1 { "is" } else { "are" };
    format!("{} {verb} left out; below it says why.", words::requests(number))
}

async fn report(
    state: &AdminState,
    desk: &Desk,
    list: &ListAddress,
    act: Act,
    what: &BulkAct,
    before: &BTreeMap<RequestId, RequestSummary>,
    results: Vec<BulkResult>,
) -> Result<Response, Interruption> {
    // Sent twice, the second time finds what the first time did: that is no conflict.
    let is_double = |refusal: &Refusal| conflict::is_double(desk, &refusal.since, what.action().code());
    let (done, skipped): (Vec<&BulkResult>, Vec<&BulkResult>) =
        results.iter().partition(|one| one.result.as_ref().map_or_else(is_double, |_| true));
    if skipped.is_empty() {
        let after = if act == Act::Approve { " They go live in the next cycle." } else { "" };
        return Ok(Notice::ok(format!("{}.{after}", act.done(done.len()))).then(state, &list.list()));
    }
    let names = names(state, skipped.iter().filter_map(|one| one.result.as_ref().err())).await?;
    let text = |one: &BulkResult| {
        let now = before.get(&one.id).map(|summary| summary.status);
        one.result.as_ref().err().map(|refusal| why(desk, &names, refusal, now)).unwrap_or_default()
    };
    let shown = |one: &BulkResult, text: String| before.get(&one.id).map(|summary| row_of(list, summary, text));
    let first = skipped.first().map(|one| {
        let reference = one.reference.as_ref().map_or_else(|| "one".to_owned(), ToString::to_string);
        format!("{reference}: {}", text(one))
    });
    let summary =
        format!("{}, {} skipped. {}", act.done(done.len()), grouped(skipped.len()), first.unwrap_or_default());
    let page = ResultPage {
        shell: desk.shell(format!("{}, {} skipped", act.done(done.len()), grouped(skipped.len())), Section::Requests),
        back: list.list(),
        view: words::view(list.0.view),
        summary,
        skipped_title: format!("{} skipped", words::requests(skipped.len())),
        skipped: skipped.iter().filter_map(|one| shown(one, text(one))).collect(),
        done_title: words::sentence(&act.done(done.len())).trim_end_matches('.').to_owned(),
        done: done.iter().filter_map(|one| shown(one, String::new())).collect(),
    };
    Ok(desk.show(&page))
}
