//! `GET /admin/requests/{id or reference}`: one request with everything that a decision needs. Every refusal of a decision
//! shows this page again, with what was typed.

use askama::Template;
use axum::{extract::State, http::StatusCode, response::Response};
use kinlink_domain::{
    hold::REFER,
    ids::{AdultId, ClaimId},
    matching::Pupil,
    request::{Action, ClaimState, Status},
    staff::Permission,
};
use kinlink_service::{
    ServiceError,
    view::{self, Neighbours, RequestDetail, RequestSummary},
};
use kinlink_web::{
    Parameters, Path,
    form::Fields,
    number::{counted, grouped},
    when::When,
};

use super::{
    Fault, ROOT,
    address::{ListAddress, MAX_SEARCH},
    children::{ChildView, Shown},
    conflict::Conflict,
    decision::{Decision, decision},
    history::{self, Event, SentField},
    list::{child_name, name},
};
use crate::{
    AdminState,
    pages::{
        holds::{self, HoldLink},
        interruption::Interruption,
        names::Names,
        shell::{Desk, Section, Shell},
        words::{self, Tag},
    },
};

/// Most pupils that a search shows.
const MOST_FOUND: usize = 20;

#[derive(Template)]
#[template(path = "requests/show.html")]
#[expect(clippy::struct_excessive_bools, reason = "each is a part of the page that is there or not")]
struct ShowPage {
    shell: Shell,
    faults: Vec<Fault>,
    faults_title: &'static str,
    conflict: Option<Conflict>,
    /// The address of the request without what stands behind `?`.
    act: String,
    /// `?` and the list, or nothing.
    query: String,
    kept: Vec<(&'static str, String)>,
    list: String,
    view: &'static str,
    name: String,
    status: Tag,
    reference: String,
    sent: When,
    source: String,
    place: Option<Place>,
    blocks: Vec<Block>,
    edit: Option<String>,
    email: String,
    proof: Tag,
    kind: &'static str,
    no_account: String,
    accounts: Vec<AccountRow>,
    comment: String,
    pupil_tags: Vec<Tag>,
    children: Vec<ChildView>,
    acts_on_children: bool,
    decision: Decision,
    may_decide: bool,
    /// Whether it is the reader's own request.
    own: bool,
    /// Whether the reader may read what was written about people.
    reads_notes: bool,
    version: i64,
    note: String,
    note_fault: Option<String>,
    history: Vec<Event>,
    submitted: Vec<SentField>,
    others: Vec<Other>,
    /// The holds behind a referral; only for safeguarding.
    holds: Vec<HoldLink>,
    /// Where a hold on the parent is placed; only for safeguarding.
    place_hold: Option<String>,
}

/// Where the request stands in the list, with its neighbours.
struct Place {
    text: String,
    previous: Option<String>,
    next: Option<String>,
}

/// Something that stands in the way, or that somebody should know first.
struct Block {
    tone: &'static str,
    icon: &'static str,
    title: String,
    text: String,
    link: Option<Link>,
}

struct Link {
    href: String,
    text: &'static str,
}

/// An account that belongs, or may belong, to the parent.
struct AccountRow {
    label: &'static str,
    name: String,
    href: Option<String>,
    text: String,
}

/// Another request from the same address.
struct Other {
    href: String,
    reference: String,
    name: String,
    status: Tag,
    children: String,
    sent: When,
}

/// How the page is shown: with what was typed, and with what was wrong with it.
#[derive(Default)]
pub(super) struct Again<'a> {
    pub(super) form: Option<&'a Fields>,
    pub(super) faults: Vec<Fault>,
    pub(super) conflict: Option<Conflict>,
    /// Whether the checks of the form are at fault.
    pub(super) checks_judged: bool,
    pub(super) note: Option<String>,
}

/// A search for the pupil of a claim.
struct Search {
    claim: ClaimId,
    text: String,
    found: Vec<Pupil>,
}

pub(super) async fn show(
    State(state): State<AdminState>,
    desk: Desk,
    Path(request): Path<String>,
    mut query: Parameters,
) -> Result<Response, Interruption> {
    let list = ListAddress::read(&mut query);
    let search = search(&state, &desk, &mut query).await?;
    page(&state, &desk, &list, &request, StatusCode::OK, Again::default(), search).await
}

/// The page again, after something that was sent could not be done.
pub(super) async fn again(
    state: &AdminState,
    desk: &Desk,
    list: &ListAddress,
    request: &str,
    status: StatusCode,
    again: Again<'_>,
) -> Result<Response, Interruption> {
    // Somebody who was found by a search and chosen is among the options only as long as the search is.
    let asked = again.form.and_then(|form| Some((form.get("find")?.to_owned(), form.get("found")?.parse().ok()?)));
    let search = match asked {
        Some((text, claim)) => Some(found(state, desk, text, claim).await?),
        None => None,
    };
    page(state, desk, list, request, status, again, search).await
}

async fn search(state: &AdminState, desk: &Desk, query: &mut Parameters) -> Result<Option<Search>, ServiceError> {
    match (query.text("find"), query.one("claim", "a claim")) {
        (Some(text), Some(claim)) => Ok(Some(found(state, desk, text, claim).await?)),
        _ => Ok(None),
    }
}

async fn found(state: &AdminState, desk: &Desk, text: String, claim: ClaimId) -> Result<Search, ServiceError> {
    let text: String = text.chars().take(MAX_SEARCH).collect();
    let found = match view::search_pupils(&state.app, desk.actor(), &text, MOST_FOUND).await {
        Ok(found) => found,
        // Without Moodle the page says so by itself.
        Err(error) if error.unavailable().is_some() => Vec::new(),
        Err(error) => return Err(error),
    };
    Ok(Search { claim, text, found })
}

async fn page(
    state: &AdminState,
    desk: &Desk,
    list: &ListAddress,
    request: &str,
    status: StatusCode,
    again: Again<'_>,
    search: Option<Search>,
) -> Result<Response, Interruption> {
    let detail = view::show_request(&state.app, desk.actor(), request).await?;
    let summary = &detail.summary;
    let neighbours = view::neighbours(&state.app, desk.actor(), &list.0, summary.id).await?;
    let names = Names::of(&state.app, detail.history.iter().map(|entry| entry.actor.as_str())).await?;
    let beside = view::beside_request(&state.app, desk.actor(), &detail).await?;
    let sent = history::submission(&detail);
    let may_decide = desk.may(Permission::Decide) && !detail.own;
    let moodle_url = state.school.moodle_url.as_deref();
    let shown = Shown {
        detail: &detail,
        list,
        moodle_url,
        beside: &beside,
        found: search.as_ref().map(|search| (search.claim, search.text.as_str(), search.found.as_slice())),
        form: again.form,
        faults: &again.faults,
        may_decide,
    };
    let children = shown.children(&sent.children);
    let shell = desk.shell(name(summary), Section::Requests);
    let note_fault = again.faults.iter().find(|fault| fault.anchor == "note").map(|fault| fault.text.clone());
    let template = ShowPage {
        shell: if again.faults.is_empty() { shell } else { shell.wrong() },
        faults_title: "Nothing was done yet",
        act: format!("{ROOT}/{}", summary.reference),
        query: list.query(),
        kept: list.pairs(),
        list: list.list(),
        view: words::view(list.0.view),
        name: name(summary),
        status: words::standing(summary),
        reference: summary.reference.to_string(),
        sent: desk.clock.full(summary.created_at),
        source: history::source(&detail, &names),
        place: place(list, &neighbours),
        blocks: blocks(list, &detail, &children, &again),
        edit: (may_decide && detail.actions.contains(&Action::Correct)).then(|| list.under(&summary.reference, "edit")),
        email: if summary.email.is_empty() { "none".to_owned() } else { summary.email.clone() },
        proof: proof(&detail),
        kind: words::kind(summary.kind),
        no_account: match (&detail.accounts, &detail.new_username) {
            (None, _) => "Moodle cannot be asked at the moment".to_owned(),
            (Some(_), Some(username)) => {
                format!("None with this email address. A new one will get the user name {username}.")
            }
            (Some(_), None) => "None with this email address".to_owned(),
        },
        accounts: accounts(&detail, moodle_url),
        comment: detail.comment.clone().unwrap_or_default(),
        pupil_tags: pupil_tags(&children),
        acts_on_children: children.iter().any(|child| child.withdraw.is_some()),
        decision: decision(desk, &detail, again.form, &again.faults, again.checks_judged, neighbours.next.is_some()),
        may_decide,
        own: detail.own,
        reads_notes: desk.may(Permission::ReadNotes),
        version: summary.version,
        note: again.note.or_else(|| detail.staff_note.clone()).unwrap_or_default(),
        note_fault,
        history: history::timeline(desk, &detail, &beside, &names),
        submitted: history::sent_fields(&sent),
        others: others(desk, list, &detail.others),
        holds: holds::links(detail.holds.as_deref()),
        place_hold: desk.may(Permission::Hold).then(|| place_hold(&detail, beside.adult)),
        children,
        faults: again.faults,
        conflict: again.conflict,
    };
    Ok(desk.page(status, &template))
}

/// The form for a hold, with whom the request is from.
fn place_hold(detail: &RequestDetail, adult: Option<AdultId>) -> String {
    match adult {
        Some(adult) => holds::place_address(&[("adult", &adult.to_string())]),
        // Not the address itself: it would stand in histories.
        None => holds::place_address(&[("request", detail.summary.reference.as_str())]),
    }
}

fn place(list: &ListAddress, neighbours: &Neighbours) -> Option<Place> {
    let link = |id: &kinlink_domain::ids::RequestId| list.beside(&id.to_string());
    let text = match neighbours.position {
        Some(position) => format!("{} of {}", grouped(position), grouped(neighbours.total)),
        None if neighbours.previous.is_none() && neighbours.next.is_none() => return None,
        None => "Not in the list any more".to_owned(),
    };
    Some(Place { text, previous: neighbours.previous.as_ref().map(link), next: neighbours.next.as_ref().map(link) })
}

/// What stands in the way of approving, or what somebody should know first; the most important first.
fn blocks(list: &ListAddress, detail: &RequestDetail, children: &[ChildView], again: &Again<'_>) -> Vec<Block> {
    let summary = &detail.summary;
    let mut blocks = Vec::new();
    let mut block =
        |tone, icon, title: String, text: String, link| blocks.push(Block { tone, icon, title, text, link });
    if let Some(question) = detail.question.as_deref().filter(|_| summary.status == Status::WaitingForParent) {
        block("info", "message-square", "The parent was asked:".into(), format!("“{question}”"), None);
    }
    if detail.refer_to_safeguarding {
        let text = if detail.holds.is_some() {
            "A hold forbids this request, or one of its children."
        } else {
            "This cannot be decided here."
        };
        block("bad", "shield-alert", format!("{REFER}."), text.into(), None);
    }
    let can_correct = detail.actions.contains(&Action::Correct);
    if can_correct && !detail.fault_list.is_empty() {
        let title = format!("{} to correct.", counted(detail.fault_list.len(), "detail", "details"));
        let parts: Vec<String> =
            detail.fault_list.iter().map(|fault| words::fault(&fault.pointer, &fault.detail)).collect();
        let link = Link { href: list.under(&summary.reference, "edit"), text: "Correct them" };
        block("warn", "triangle-alert", title, parts.join(" "), Some(link));
    }
    let can_approve = detail.actions.contains(&Action::Approve);
    if can_approve && detail.matches.is_none() && summary.children.iter().any(|child| child.state == ClaimState::Open) {
        let text =
            "Pupils and accounts are not looked up, and approving has to wait. Everything else works.".to_owned();
        block("warn", "wifi-off", "Moodle cannot be asked at the moment.".into(), text, None);
    } else if can_approve && again.faults.is_empty() {
        let unclear: Vec<&str> =
            children.iter().filter(|child| child.is_unclear).map(|child| child.name.as_str()).collect();
        if !unclear.is_empty() {
            let all = summary.children.len();
            let title = if all == 1 {
                "The pupil is not matched.".to_owned()
            } else {
                let verb = if unclear.len() == 1 { "is" } else { "are" };
                format!("{} of {} {verb} not matched.", unclear.len(), counted(all, "pupil", "pupils"))
            };
            let text = "Choose the pupil, leave the child undecided, or ask the parent.".to_owned();
            let link = Link { href: "#pupils".to_owned(), text: "Go to pupils" };
            block("warn", "triangle-alert", title, text, Some(link));
        }
    }
    blocks
}

fn proof(detail: &RequestDetail) -> Tag {
    match (detail.confirmed_at, detail.summary.status) {
        (Some(_), _) => Tag::new("green", "mail-check", "Confirmed"),
        (None, Status::Unconfirmed) => Tag::new("amber", "mail", "Not confirmed yet"),
        (None, _) => Tag::new("grey", "mail", "Not confirmed"),
    }
}

fn accounts(detail: &RequestDetail, moodle_url: Option<&str>) -> Vec<AccountRow> {
    let mut rows = Vec::new();
    for adult in &detail.adults {
        let mut text = match &adult.username {
            Some(username) => format!("Accepted before. Signs in as {username}."),
            None => "Accepted before. Signs in by a Moodle account of their own.".to_owned(),
        };
        if adult.email != detail.summary.email {
            text = format!("{text} Has the address {}.", adult.email);
        }
        rows.push(AccountRow { label: "Account", name: adult.name.clone(), href: None, text });
    }
    for account in detail.accounts.iter().flatten() {
        let whose = if account.is_pupil { "A pupil’s account with this email address." } else { "" };
        let suspended = if account.suspended { " Suspended." } else { "" };
        let text = format!("{} signs in by {}.{suspended} {whose}", account.username, account.auth);
        let href = moodle_url.map(|url| format!("{}/user/profile.php?id={}", url.trim_end_matches('/'), account.id));
        rows.push(AccountRow {
            label: "Moodle account",
            name: account.name.clone(),
            href,
            text: text.trim().to_owned(),
        });
    }
    rows
}

fn pupil_tags(children: &[ChildView]) -> Vec<Tag> {
    let matched = children.iter().filter(|child| child.choice.is_some() && !child.is_unclear).count();
    let unclear = children.iter().filter(|child| child.is_unclear).count();
    let mut tags = Vec::new();
    if matched > 0 {
        tags.push(Tag::new("green", "check", format!("{matched} matched")));
    }
    if unclear > 0 {
        tags.push(Tag::new("red", "user-x", format!("{unclear} to choose")));
    }
    tags
}

fn others(desk: &Desk, list: &ListAddress, others: &[RequestSummary]) -> Vec<Other> {
    others
        .iter()
        .map(|other| {
            let children = other.children.iter().map(child_name).collect::<Vec<_>>().join(", ");
            Other {
                href: list.request(&other.reference),
                reference: other.reference.to_string(),
                name: name(other),
                status: words::standing(other),
                children: if children.is_empty() { children } else { format!("{children}, ") },
                sent: desk.clock.list(other.created_at),
            }
        })
        .collect()
}
