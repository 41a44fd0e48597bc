//! The audit: who did what to what, when. Ids and codes only, no names.

use kinlink_db::{Session, Value, in_list, insert_many};
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

impl TryFrom<AuditRow> for Written {
    type Error = StoreError;
    fn try_from(row: AuditRow) -> Result<Self, StoreError> {
        let detail = serde_json::from_str(&row.detail).map_err(|_| StoreError::Corrupt("audit.detail"))?;
        Ok(Self {
            seq: row.seq,
            at: instant(row.at),
            actor: row.actor,
            entry: Entry { action: row.action, subject: row.subject, detail },
        })
    }
}

const AUDIT: &str = "SELECT seq, at, actor, action, subject, detail FROM audit";

/// The entries about one subject, oldest first.
///
/// # Errors
/// [`StoreError`].
pub async fn of_subject(session: &mut impl Session, subject: &str) -> Result<Vec<Written>, StoreError> {
    of_subjects(session, &[subject.to_owned()]).await
}

/// The entries about several subjects, oldest first.
///
/// # Errors
/// [`StoreError`].
pub async fn of_subjects(session: &mut impl Session, subjects: &[String]) -> Result<Vec<Written>, StoreError> {
    let sql = format!("{AUDIT} WHERE subject IN {} ORDER BY seq", in_list(subjects.len()));
    let rows: Vec<AuditRow> = session.fetch_all(&sql, subjects.iter().map(Value::from).collect::<Vec<_>>()).await?;
    rows.into_iter().map(Written::try_from).collect()
}

/// Which entries to list.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only by this actor.
    pub actor: Option<String>,
    /// Only actions that begin so: `request.` or `request.approve`.
    pub action: Option<String>,
    /// Only about this subject.
    pub subject: Option<String>,
    /// Not before this instant.
    pub from: Option<Timestamp>,
    /// Before this instant.
    pub to: Option<Timestamp>,
}

/// Entries, newest first, those before the entry with the number `before`.
///
/// # Errors
/// [`StoreError`].
pub async fn list(
    session: &mut impl Session,
    filter: &Filter,
    before: Option<i64>,
    limit: u32,
) -> Result<Vec<Written>, StoreError> {
    let mut sql = format!("{AUDIT} WHERE seq < ?");
    let mut args: Vec<Value> = vec![before.unwrap_or(i64::MAX).into()];
    let mut add = |condition: &str, value: Option<Value>| {
        if let Some(value) = value {
            sql.push_str(condition);
            args.push(value);
        }
    };
    add(" AND actor = ?", filter.actor.as_deref().map(Value::from));
    // `!` escapes the pattern's own characters.
    let prefix = |text: &String| format!("{}%", text.replace('!', "!!").replace('%', "!%").replace('_', "!_"));
    add(" AND action LIKE ? ESCAPE '!'", filter.action.as_ref().map(prefix).map(Value::from));
    add(" AND subject = ?", filter.subject.as_deref().map(Value::from));
    add(" AND at >= ?", filter.from.map(millis).map(Value::from));
    add(" AND at < ?", filter.to.map(millis).map(Value::from));
    sql.push_str(" ORDER BY seq DESC LIMIT ?");
    args.push(i64::from(limit).into());
    let rows: Vec<AuditRow> = session.fetch_all(&sql, args).await?;
    rows.into_iter().map(Written::try_from).collect()
}
