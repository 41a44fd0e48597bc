//! Idempotency keys: the same key with the same body gets the same answer again.

use kinlink_db::{Session, Value};
use kinlink_domain::Timestamp;
use sqlx::FromRow;

use crate::{StoreError, time::millis};

/// What is known of a key.
#[derive(Debug, Clone, FromRow)]
pub struct Remembered {
    /// Hash of the body it came with.
    pub fingerprint: String,
    /// The answer.
    pub response: Option<String>,
}

/// Looks a key up. `scope` is who uses it (a source); `key_hash` the hash of what they sent.
///
/// # Errors
/// [`StoreError`].
pub async fn find(session: &mut impl Session, scope: &str, key_hash: &str) -> Result<Option<Remembered>, StoreError> {
    let sql = "SELECT fingerprint, response FROM idempotency_keys WHERE scope = ? AND key_hash = ?";
    Ok(session.fetch_optional(sql, [scope.into(), key_hash.into()]).await?)
}

/// Remembers a key with its answer, in the transaction that brings the answer about.
///
/// # Errors
/// A duplicate when the same key was used at the same time.
pub async fn insert(
    session: &mut impl Session,
    scope: &str,
    key_hash: &str,
    fingerprint: &str,
    response: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let sql =
        "INSERT INTO idempotency_keys (scope, key_hash, fingerprint, response, created_at) VALUES (?, ?, ?, ?, ?)";
    let args = [scope.into(), key_hash.into(), fingerprint.into(), response.into(), Value::from(millis(now))];
    session.execute(sql, args).await?;
    Ok(())
}

/// Forgets keys that are older than `before`.
///
/// # Errors
/// [`StoreError`].
pub async fn forget(session: &mut impl Session, before: Timestamp) -> Result<u64, StoreError> {
    Ok(session.execute("DELETE FROM idempotency_keys WHERE created_at < ?", [millis(before).into()]).await?)
}
