//! The audit: who did what to what, when. Ids and codes only, no names.

use kinlink_db::{Session, Value, insert_many};
use kinlink_domain::{Timestamp, staff::Actor};
use sqlx::FromRow;

use crate::{
    StoreError,
    time::{instant, millis},
};

/// An entry to write.
#[derive(Debug, Clone)]
pub struct Entry {
    /// What was done: a code such as `request.approve`.
    pub action: String,
    /// To what: `request:<id>`, `login_row:<adult>`, `cycle:<id>`.
    pub subject: String,
    /// Ids and codes that belong to it.
    pub detail: serde_json::Value,
}

impl Entry {
    /// An entry.
    pub fn new(action: impl Into<String>, subject: impl Into<String>, detail: serde_json::Value) -> Self {
        Self { action: action.into(), subject: subject.into(), detail }
    }
}

/// An entry as it was written.
#[derive(Debug, Clone)]
pub struct Written {
    /// Its running number.
    pub seq: i64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: String,
    /// What.
    pub entry: Entry,
}

#[derive(FromRow)]
struct AuditRow {
    seq: i64,
    at: i64,
    actor: String,
    action: String,
    subject: String,
    detail: String,
}

/// Writes entries, in the transaction of what they tell of.
///
/// # Errors
/// [`StoreError`].
pub async fn write(
    session: &mut impl Session,
    actor: &Actor,
    now: Timestamp,
    entries: &[Entry],
) -> Result<(), StoreError> {
    let rows = entries
        .iter()
        .map(|entry| {
            [
                millis(now).into(),
                actor.name.as_str().into(),
                entry.action.as_str().into(),
                entry.subject.as_str().into(),
                Value::from(entry.detail.to_string()),
            ]
        })
        .collect();
    insert_many(session, "INSERT INTO audit (at, actor, action, subject, detail)", rows, "").await?;
    Ok(())
}

/// The entries about one subject, oldest first.
///
/// # Errors
/// [`StoreError`].
pub async fn of_subject(session: &mut impl Session, subject: &str) -> Result<Vec<Written>, StoreError> {
    let sql = "SELECT seq, at, actor, action, subject, detail FROM audit WHERE subject = ? ORDER BY seq";
    let rows: Vec<AuditRow> = session.fetch_all(sql, [subject.into()]).await?;
    rows.into_iter()
        .map(|row| {
            let detail = serde_json::from_str(&row.detail).map_err(|_| StoreError::Corrupt("audit.detail"))?;
            Ok(Written {
                seq: row.seq,
                at: instant(row.at),
                actor: row.actor,
                entry: Entry { action: row.action, subject: row.subject, detail },
            })
        })
        .collect()
}
