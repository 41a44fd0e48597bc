//! Sources: the forms that may send submissions.

use kinlink_db::{Int, Session, Value, in_list};
use kinlink_domain::{Timestamp, ids::SourceId};
use sqlx::FromRow;

use crate::{
    StoreError,
    error::id,
    time::{instant, millis},
};

/// A form that may send submissions.
#[derive(Debug, Clone)]
pub struct Source {
    /// Its id.
    pub id: SourceId,
    /// What staff call it.
    pub name: String,
    /// SHA-256 of its secret, hexadecimal.
    pub key_hash: String,
    /// Whether it proved the adult's address itself.
    pub proves_email: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: String,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

#[derive(FromRow)]
struct SourceRow {
    id: String,
    name: String,
    key_hash: String,
    proves_email: Int,
    created_at: i64,
    created_by: String,
    revoked_at: Option<i64>,
}

const SOURCE: &str = "SELECT id, name, key_hash, proves_email, created_at, created_by, revoked_at FROM sources";

impl TryFrom<SourceRow> for Source {
    type Error = StoreError;
    fn try_from(row: SourceRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: id(&row.id, "sources.id")?,
            name: row.name,
            key_hash: row.key_hash,
            proves_email: row.proves_email.is_set(),
            created_at: instant(row.created_at),
            created_by: row.created_by,
            revoked_at: row.revoked_at.map(instant),
        })
    }
}

/// Stores a source.
///
/// # Errors
/// [`StoreError`].
pub async fn insert(session: &mut impl Session, source: &Source) -> Result<(), StoreError> {
    session
        .execute(
            "INSERT INTO sources (id, name, key_hash, proves_email, created_at, created_by) VALUES (?, ?, ?, ?, ?, ?)",
            [
                source.id.to_string().into(),
                source.name.as_str().into(),
                source.key_hash.as_str().into(),
                source.proves_email.into(),
                millis(source.created_at).into(),
                Value::from(source.created_by.as_str()),
            ],
        )
        .await?;
    Ok(())
}

/// A source by its id, revoked or not.
///
/// # Errors
/// [`StoreError`].
pub async fn find(session: &mut impl Session, source: SourceId) -> Result<Option<Source>, StoreError> {
    let row: Option<SourceRow> =
        session.fetch_optional(&format!("{SOURCE} WHERE id = ?"), [source.to_string().into()]).await?;
    row.map(Source::try_from).transpose()
}

/// Every source, newest first.
///
/// # Errors
/// [`StoreError`].
pub async fn list(session: &mut impl Session) -> Result<Vec<Source>, StoreError> {
    let rows: Vec<SourceRow> = session.fetch_all(&format!("{SOURCE} ORDER BY created_at DESC, id DESC"), []).await?;
    rows.into_iter().map(Source::try_from).collect()
}

/// Revokes a source. `false` when there is no such source or it was revoked before.
///
/// # Errors
/// [`StoreError`].
pub async fn revoke(session: &mut impl Session, source: SourceId, now: Timestamp) -> Result<bool, StoreError> {
    let sql = "UPDATE sources SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL";
    Ok(session.execute(sql, [millis(now).into(), Value::from(source.to_string())]).await? == 1)
}

/// The names of sources, in no order; those that do not exist are left out.
///
/// # Errors
/// [`StoreError`].
pub async fn names(session: &mut impl Session, sources: &[SourceId]) -> Result<Vec<(SourceId, String)>, StoreError> {
    if sources.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!("SELECT id, name FROM sources WHERE id IN {}", in_list(sources.len()));
    let args: Vec<Value> = sources.iter().map(|source| source.to_string().into()).collect();
    let rows: Vec<(String, String)> = session.fetch_all(&sql, args).await?;
    rows.into_iter().map(|(source, name)| Ok((id(&source, "sources.id")?, name))).collect()
}
