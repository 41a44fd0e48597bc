//! The audit: who did what to what, when. Only for administrators, because it also tells of staff.

use kinlink_domain::{
    Timestamp,
    staff::{Actor, Permission},
};
use kinlink_store::audit::{self, Filter, Written};
use serde::Serialize;

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

/// An entry of the audit.
#[derive(Debug, Clone, Serialize)]
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
    pub detail: serde_json::Value,
}

impl From<Written> for AuditEntry {
    fn from(written: Written) -> Self {
        let audit::Entry { action, subject, detail } = written.entry;
        Self { seq: written.seq, at: written.at, actor: written.actor, action, subject, detail }
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
    let AuditQuery { actor: by, action, subject, from, to, cursor } = query.clone();
    let filter = Filter { actor: by, action, subject, from, to };
    let mut items = audit::list(&mut app.store.acquire().await?, &filter, cursor, limit + 1).await?;
    let more = items.len() > limit as usize;
    items.truncate(limit as usize);
    Ok(Page {
        next: items.last().filter(|_| more).map(|entry| entry.seq),
        items: items.into_iter().map(AuditEntry::from).collect(),
    })
}
