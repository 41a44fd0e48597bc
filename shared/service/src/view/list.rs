//! The numbered lists of requests on the staff pages: views with counts, one page, and the neighbours of a request.

use std::collections::HashMap;

use kinlink_domain::{
    ids::RequestId,
    policy::Policy,
    request::{Kind, Status},
    request_view::{CheckFilter, RequestView},
    staff::{Actor, Permission},
};
use kinlink_store::{
    Connection,
    requests::{self, Claim},
    views::{self, Selection},
};
use serde::Serialize;

use super::{
    Filter, Request, RequestSummary, Sort,
    checks::{Account, Check, Findings, Mark, Surroundings},
};
use crate::{App, ServiceError, access::require};

/// A filter by check looks at so many requests at most: they are judged one by one, in memory.
pub const MOST_CHECKED: u32 = 2_000;
/// Numbers of rows that a page may have.
pub const PER_PAGE: [u32; 3] = [25, 50, 100];
/// Longest excerpt of the adult's words, in characters.
const EXCERPT: usize = 240;

/// Which page of which list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListQuery {
    /// The view.
    pub view: RequestView,
    /// Only this kind.
    pub kind: Option<Kind>,
    /// Only those that contain every word: names, address, comment, note, children, reference.
    pub search: String,
    /// Only those with this check; then only what waits for a decision is looked at.
    pub check: Option<CheckFilter>,
    /// The order.
    pub sort: Sort,
    /// The page, from 1. One past the end gives the last page.
    pub page: u32,
    /// Rows of a page: one of [`PER_PAGE`]; anything else gives the nearest of them.
    pub per_page: u32,
}

impl ListQuery {
    /// The first page of a view in its own order: what is to do oldest first, all else newest first.
    #[must_use]
    pub const fn of(view: RequestView) -> Self {
        let sort = default_sort(view);
        Self { view, kind: None, search: String::new(), check: None, sort, page: 1, per_page: PER_PAGE[0] }
    }

    pub(super) fn selection(&self, actor: &Actor) -> Selection {
        let statuses = match self.check {
            // Nothing else is judged (see `checks.rs`).
            Some(_) => vec![Status::Unconfirmed, Status::Pending, Status::WaitingForParent, Status::Approved],
            None => Vec::new(),
        };
        let in_notes = actor.may(Permission::ReadNotes);
        Selection { view: self.view, kind: self.kind, search: self.search.clone(), in_notes, statuses }
    }

    fn rows(&self) -> u32 {
        let nearest = PER_PAGE.into_iter().min_by_key(|rows| rows.abs_diff(self.per_page));
        nearest.unwrap_or(PER_PAGE[0])
    }
}

/// The order of a view: what is to do oldest first, all else newest first.
#[must_use]
pub const fn default_sort(view: RequestView) -> Sort {
    match view {
        RequestView::Todo => Sort::Oldest,
        _ => Sort::Newest,
    }
}

/// A request in a numbered list.
#[derive(Debug, Clone, Serialize)]
pub struct ListItem {
    /// The request.
    pub summary: RequestSummary,
    /// The beginning of the adult's words; empty for roles that may not read what was written.
    pub excerpt: String,
    /// What to look at; nothing for what was decided.
    pub checks: Vec<Check>,
    /// For each of the summary's children, whom they match.
    pub marks: Vec<Mark>,
    /// The account that the address has, while the request waits for a decision.
    pub account: Option<Account>,
}

impl ListItem {
    fn new(actor: &Actor, request: &Request, claims: &[Claim], findings: Findings) -> Self {
        let mut words = request.comment.split_whitespace().collect::<Vec<_>>().join(" ");
        if words.chars().count() > EXCERPT {
            words = words.chars().take(EXCERPT).collect();
            words.push('…');
        }
        let Findings { checks, marks, account } = findings;
        Self { summary: RequestSummary::new(actor, request, claims), excerpt: words, checks, marks, account }
    }

    /// The item as far as the actor may know it.
    fn readable_by(mut self, actor: &Actor) -> Self {
        if !actor.may(Permission::ReadNotes) {
            self.excerpt.clear();
        }
        self
    }
}

/// A numbered page.
#[derive(Debug, Clone, Serialize)]
pub struct ListPage {
    /// The rows.
    pub items: Vec<ListItem>,
    /// How many requests there are on all pages.
    pub total: i64,
    /// Which page this is, from 1.
    pub page: u32,
    /// How many there are, at least 1.
    pub pages: u32,
    /// How many requests a filter by check did not look at, because there are more than [`MOST_CHECKED`].
    pub unchecked: i64,
}

/// How many requests each view holds under a filter (whose own statuses are left aside): one statement.
///
/// # Errors
/// [`ServiceError::Forbidden`], the store.
pub async fn count_views(app: &App, actor: &Actor, filter: &Filter) -> Result<Vec<(RequestView, i64)>, ServiceError> {
    require(actor, Permission::Read)?;
    let mut store = app.store.acquire().await?;
    let found = views::counts(&mut store, filter.kind, &filter.search, actor.may(Permission::ReadNotes)).await?;
    let number = |view: &RequestView| {
        found.iter().filter(|(status, stuck, _)| view.holds(*status, *stuck)).map(|(.., count)| count).sum()
    };
    Ok(RequestView::ALL.iter().map(|view| (*view, number(view))).collect())
}

/// A numbered page of a list. With Moodle out of reach the list still comes, with [`Check::MoodleUnknown`].
///
/// # Errors
/// [`ServiceError::Forbidden`], the store.
pub async fn list_view(app: &App, actor: &Actor, query: &ListQuery) -> Result<ListPage, ServiceError> {
    require(actor, Permission::Read)?;
    let rows = query.rows();
    if query.check.is_some() {
        let Checked { rows: found, unchecked } = checked(app, actor, query).await?;
        let total = found.len();
        let (page, pages) = numbers(query.page, rows, count(total));
        let start = (page as usize - 1) * rows as usize;
        let items = found.into_iter().skip(start).take(rows as usize).map(|row| row.item.readable_by(actor)).collect();
        return Ok(ListPage { items, total: count(total), page, pages, unchecked });
    }
    let policy = app.policy().await?;
    let mut store = app.store.acquire().await?;
    let selection = query.selection(actor);
    let total = views::count(&mut store, &selection).await?;
    let (page, pages) = numbers(query.page, rows, total);
    let offset = i64::from(page - 1) * i64::from(rows);
    let found = views::page(&mut store, &selection, query.sort, rows, offset).await?;
    let items = items(app, actor, &policy, &mut store, &found).await?;
    let items = items.into_iter().map(|item| item.readable_by(actor)).collect();
    Ok(ListPage { items, total, page, pages, unchecked: 0 })
}

pub(super) fn count(items: usize) -> i64 {
    i64::try_from(items).unwrap_or(i64::MAX)
}

/// The page that is shown, and how many there are.
pub(super) fn numbers(wanted: u32, rows: u32, total: i64) -> (u32, u32) {
    let pages = u32::try_from(total.max(0).unsigned_abs().div_ceil(u64::from(rows))).unwrap_or(u32::MAX).max(1);
    (wanted.clamp(1, pages), pages)
}

/// List items of requests, in their order.
pub(super) async fn items(
    app: &App,
    actor: &Actor,
    policy: &Policy,
    store: &mut Connection,
    found: &[Request],
) -> Result<Vec<ListItem>, ServiceError> {
    let ids: Vec<RequestId> = found.iter().map(|request| request.id).collect();
    let claims = requests::claims_of(store, &ids).await?;
    let surroundings = Surroundings::read(app, policy, store, found).await?;
    let mut by_request: HashMap<RequestId, Vec<&Claim>> = HashMap::new();
    for claim in &claims {
        by_request.entry(claim.request).or_default().push(claim);
    }
    Ok(found
        .iter()
        .map(|request| {
            let own = by_request.get(&request.id).map(Vec::as_slice).unwrap_or_default();
            let findings = surroundings.judge(actor, request, own);
            let own: Vec<Claim> = own.iter().copied().cloned().collect();
            ListItem::new(actor, request, &own, findings)
        })
        .collect())
}

/// What passes a filter by check.
pub(super) struct Checked {
    pub(super) rows: Vec<CheckedRow>,
    pub(super) unchecked: i64,
}

pub(super) struct CheckedRow {
    pub(super) request: Request,
    pub(super) item: ListItem,
}

/// Everything that passes the query's filter by check, in its order.
pub(super) async fn checked(app: &App, actor: &Actor, query: &ListQuery) -> Result<Checked, ServiceError> {
    let policy = app.policy().await?;
    let mut store = app.store.acquire().await?;
    let selection = query.selection(actor);
    let all = views::count(&mut store, &selection).await?;
    let found = views::page(&mut store, &selection, query.sort, MOST_CHECKED, 0).await?;
    let unchecked = all - count(found.len());
    let items = items(app, actor, &policy, &mut store, &found).await?;
    let mut rows: Vec<CheckedRow> =
        found.into_iter().zip(items).map(|(request, item)| CheckedRow { request, item }).collect();
    rows.retain(|row| {
        query.check.is_none_or(|filter| row.item.checks.iter().any(|check| check.filter() == Some(filter)))
    });
    Ok(Checked { rows, unchecked: unchecked.max(0) })
}

/// Where a request stands in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Neighbours {
    /// Its place, from 1; none when the list does not hold it (any more).
    pub position: Option<i64>,
    /// How many requests the list holds.
    pub total: i64,
    /// The request before it.
    pub previous: Option<RequestId>,
    /// The request behind it: also when it has just left the list.
    pub next: Option<RequestId>,
}

/// Where a request stands in a list: three statements; with a filter by check as many as [`list_view`].
///
/// # Errors
/// [`ServiceError::Forbidden`], [`ServiceError::NotFound`], the store.
pub async fn neighbours(
    app: &App,
    actor: &Actor,
    query: &ListQuery,
    id: RequestId,
) -> Result<Neighbours, ServiceError> {
    require(actor, Permission::Read)?;
    let mut store = app.store.acquire().await?;
    let request = requests::find(&mut store, id).await?.ok_or(ServiceError::NotFound("request"))?;
    if query.check.is_none() {
        let place = views::place(&mut store, &query.selection(actor), query.sort, &request).await?;
        return Ok(Neighbours {
            position: place.included.then_some(place.before + 1),
            total: place.total,
            previous: place.previous,
            next: place.next,
        });
    }
    drop(store);
    let items: Vec<ListItem> = checked(app, actor, query).await?.rows.into_iter().map(|row| row.item).collect();
    let place = items.iter().position(|item| item.summary.id == id);
    // One that has left the list has its neighbours where it would stand.
    let behind = place.map_or_else(
        || items.iter().take_while(|item| comes_before(&item.summary, &request, query.sort)).count(),
        |place| place + 1,
    );
    let before = place.unwrap_or(behind);
    Ok(Neighbours {
        position: place.map(|place| count(place) + 1),
        total: count(items.len()),
        previous: before.checked_sub(1).and_then(|place| items.get(place)).map(|item| item.summary.id),
        next: items.get(behind).map(|item| item.summary.id),
    })
}

fn comes_before(summary: &RequestSummary, request: &Request, sort: Sort) -> bool {
    let by_time = (summary.created_at, summary.id).cmp(&(request.created_at, request.id));
    let name = |family: &str, given: &str| requests::sort_name(family, given);
    let by_name = || {
        (name(&summary.family_name, &summary.given_name), summary.id)
            .cmp(&(name(&request.family_name, &request.given_name), request.id))
    };
    match sort {
        Sort::Oldest => by_time.is_lt(),
        Sort::Newest => by_time.is_gt(),
        Sort::Name => by_name().is_lt(),
        Sort::NameDescending => by_name().is_gt(),
    }
}
