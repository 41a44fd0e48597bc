//! Every request of a list, in pages, for a file: the caller writes it.

use kinlink_domain::{
    Timestamp,
    ids::RequestId,
    staff::{Actor, Permission},
};
use kinlink_store::{audit, requests, views};
use serde::Serialize;
use serde_json::json;

use super::{
    Cursor, ListQuery, Page, Request, RequestSummary,
    checks::Check,
    list::{CheckedRow, checked},
};
use crate::{App, ServiceError, access::require};

/// Rows of one page.
pub const EXPORT_ROWS: u32 = 500;

/// A request in a file.
#[derive(Debug, Clone, Serialize)]
pub struct ExportRow {
    /// The request.
    pub summary: RequestSummary,
    /// The adult's words.
    pub comment: String,
    /// The staff's note.
    pub staff_note: String,
    /// When the address was proven.
    pub confirmed_at: Option<Timestamp>,
    /// When it was last decided on.
    pub decided_at: Option<Timestamp>,
    /// What to look at; only when the list is filtered by check.
    pub checks: Vec<Check>,
}

impl ExportRow {
    fn new(request: &Request, summary: RequestSummary, checks: Vec<Check>) -> Self {
        Self {
            summary,
            comment: request.comment.clone(),
            staff_note: request.staff_note.clone(),
            confirmed_at: request.confirmed_at,
            decided_at: request.decided_at,
            checks,
        }
    }
}

/// The requests of a list behind a cursor, whatever the query's own page: [`EXPORT_ROWS`] at a time, two statements. A list
/// that is filtered by check comes at once.
///
/// # Errors
/// [`ServiceError::Forbidden`], the store.
pub async fn export_requests(
    app: &App,
    actor: &Actor,
    query: &ListQuery,
    after: Option<&Cursor>,
) -> Result<Page<ExportRow>, ServiceError> {
    // The file holds what was written about everybody, and leaves the house.
    require(actor, Permission::ReadNotes)?;
    if after.is_none() {
        let mut tx = app.store.begin().await?;
        // What was searched for may be a name.
        let detail = json!({ "view": query.view, "kind": query.kind, "searched": !query.search.is_empty() });
        audit::write(&mut tx, actor, app.now(), &[audit::Entry::new("requests.export", "requests", detail)]);
        tx.commit().await?;
    }
    if query.check.is_some() {
        let rows = checked(app, actor, query).await?.rows;
        let row = |CheckedRow { request, item }| ExportRow::new(&request, item.summary, item.checks);
        return Ok(Page { items: rows.into_iter().map(row).collect(), next: None });
    }
    let mut store = app.store.acquire().await?;
    let mut found = views::after(&mut store, &query.selection(actor), query.sort, after, EXPORT_ROWS + 1).await?;
    let more = found.len() > EXPORT_ROWS as usize;
    found.truncate(EXPORT_ROWS as usize);
    let ids: Vec<RequestId> = found.iter().map(|request| request.id).collect();
    let claims = requests::claims_of(&mut store, &ids).await?;
    Ok(Page {
        next: found.last().filter(|_| more).map(|last| requests::cursor(last, query.sort)),
        items: found
            .iter()
            .map(|request| ExportRow::new(request, RequestSummary::new(actor, request, &claims), Vec::new()))
            .collect(),
    })
}
