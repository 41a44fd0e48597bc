//! Quotas: how often something was done within a window of time. Sandboxes come and go, so the count is kept here.
//!
//! Callers give keyed hashes as keys: whom a quota is about cannot be read from the table.

use kinlink_db::{Engine, Session, Value};
use kinlink_domain::Timestamp;

use crate::{StoreError, time::millis};

/// Takes one of `limit` within the window that began at `window_start`. `false` when they are used up; then nothing is
/// counted.
///
/// In a transaction the row is held until its end, so that callers at the same moment count after each other. One statement;
/// two on MariaDB and MySQL, which report the same for a row that they inserted and for one that they left as it was.
///
/// # Errors
/// [`StoreError`].
pub async fn take(
    session: &mut impl Session,
    key_hash: &str,
    window_start: Timestamp,
    limit: u32,
) -> Result<bool, StoreError> {
    if limit == 0 {
        return Ok(false);
    }
    if session.engine() != Engine::MySql {
        let upsert = "INSERT INTO quotas (key_hash, window_start, used) VALUES (?, ?, 1) \
                      ON CONFLICT (key_hash, window_start) DO UPDATE SET used = quotas.used + 1 WHERE quotas.used < ?";
        let args = [key_hash.into(), millis(window_start).into(), Value::from(i64::from(limit))];
        return Ok(session.execute(upsert, args).await? == 1);
    }
    let insert = format!(
        "INSERT INTO quotas (key_hash, window_start, used) VALUES (?, ?, 0){}",
        session.engine().or_ignore("key_hash")
    );
    session.execute(&insert, [key_hash.into(), Value::from(millis(window_start))]).await?;
    let update = "UPDATE quotas SET used = used + 1 WHERE key_hash = ? AND window_start = ? AND used < ?";
    let args = [key_hash.into(), millis(window_start).into(), Value::from(i64::from(limit))];
    Ok(session.execute(update, args).await? == 1)
}

/// How many were taken in the window that began at `window_start`.
///
/// # Errors
/// [`StoreError`].
pub async fn used(session: &mut impl Session, key_hash: &str, window_start: Timestamp) -> Result<i64, StoreError> {
    let sql = "SELECT used FROM quotas WHERE key_hash = ? AND window_start = ?";
    let row: Option<(i64,)> = session.fetch_optional(sql, [key_hash.into(), Value::from(millis(window_start))]).await?;
    Ok(row.map_or(0, |(used,)| used))
}

/// Forgets windows that began before `before`.
///
/// # Errors
/// [`StoreError`].
pub async fn forget(session: &mut impl Session, before: Timestamp) -> Result<u64, StoreError> {
    Ok(session.execute("DELETE FROM quotas WHERE window_start < ?", [millis(before).into()]).await?)
}
