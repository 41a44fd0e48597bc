//! The audit: who did what to what, when. Only for administrators, because it also tells of staff.

use kinlink_domain::{
    Timestamp,
    staff::{Actor, Permission},
};
use kinlink_store::audit::{self, Filter, Written};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::Page;
use crate::{App, ServiceError, access::require};

/// Which entries of the audit to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditQuery {
    /// Only by this actor.
    pub actor: Option<String>,
    /// Only actions that begin so: `request.` or `request.approve`.
    pub action: Option<String>,
    /// Only about this subject: `request:<id>`, `adult:<id>`.
    pub subject: Option<String>,
    /// Not before this instant.
    pub from: Option<Timestamp>,
    /// Before this instant.
    pub to: Option<Timestamp>,
    /// Only entries before the one with this number: [`Page::next`] of the page before.
    pub cursor: Option<i64>,
}

impl AuditQuery {
    fn filter(&self) -> Filter {
        let Self { actor, action, subject, from, to, cursor: _ } = self.clone();
        Filter { actor, action, subject, from, to }
    }
}

/// An entry of the audit.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AuditEntry {
    /// Its running number.
    pub seq: i64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: String,
    /// What: a code.
    pub action: String,
    /// To what.
    pub subject: String,
    /// Ids and codes that belong to it.
    #[schema(value_type = Object)]
    pub detail: serde_json::Value,
    /// Its hash in the chain; none when it is older than the chain.
    #[schema(required)]
    pub hash: Option<String>,
}

impl From<Written> for AuditEntry {
    fn from(written: Written) -> Self {
        let audit::Entry { action, subject, detail } = written.entry;
        Self { seq: written.seq, at: written.at, actor: written.actor, action, subject, detail, hash: written.hash }
    }
}

/// Entries of the audit, newest first.
///
/// # Errors
/// [`ServiceError::Forbidden`], the store.
pub async fn list_audit(
    app: &App,
    actor: &Actor,
    query: &AuditQuery,
    limit: u32,
) -> Result<Page<AuditEntry, i64>, ServiceError> {
    require(actor, Permission::Administer)?;
    let mut items = audit::list(&mut app.store.acquire().await?, &query.filter(), query.cursor, limit + 1).await?;
    let more = items.len() > limit as usize;
    items.truncate(limit as usize);
    Ok(Page {
        next: items.last().filter(|_| more).map(|entry| entry.seq),
        items: items.into_iter().map(AuditEntry::from).collect(),
    })
}

/// Entries of one piece of a file.
const PIECE: u32 = 1_000;

/// Begins a file of the audit: as [`export_audit`]. That somebody takes it is noted in the audit itself, before anything is
/// read: a file leaves the house.
///
/// # Errors
/// [`ServiceError::Forbidden`], the store.
pub async fn begin_export(
    app: &App,
    actor: &Actor,
    query: &AuditQuery,
    after: i64,
) -> Result<Vec<AuditEntry>, ServiceError> {
    require(actor, Permission::Administer)?;
    let mut tx = app.store.begin().await?;
    // What was typed may be a name, and nobody can take it out of here again.
    let filtered = query.actor.is_some() || query.action.is_some() || query.subject.is_some();
    let detail = json!({ "filtered": filtered, "from": query.from, "to": query.to });
    audit::write(&mut tx, actor, app.now(), &[audit::Entry::new("audit.export", "audit", detail)]);
    tx.commit().await?;
    export_audit(app, actor, query, after).await
}

/// Entries of the audit for a file, oldest first, behind the entry with the number `after`: [`PIECE`] at a time, none at the
/// end.
///
/// # Errors
/// [`ServiceError::Forbidden`], the store.
pub async fn export_audit(
    app: &App,
    actor: &Actor,
    query: &AuditQuery,
    after: i64,
) -> Result<Vec<AuditEntry>, ServiceError> {
    require(actor, Permission::Administer)?;
    let mut store = app.store.acquire().await?;
    let found = audit::list_onwards(&mut store, &query.filter(), after, PIECE).await?;
    Ok(found.into_iter().map(AuditEntry::from).collect())
}
