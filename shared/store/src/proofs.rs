//! Proofs of an email address: the token is stored as a hash, expires, and is used up once.

use kinlink_db::{Session, Value};
use kinlink_domain::{
    Timestamp,
    ids::{ProofId, RequestId},
};
use sqlx::FromRow;

use crate::{
    StoreError,
    error::id,
    time::{instant, millis},
};

/// A proof that was asked for.
#[derive(Debug, Clone)]
pub struct Proof {
    /// Its id.
    pub id: ProofId,
    /// The request it is for.
    pub request: RequestId,
    /// SHA-256 of the token, hexadecimal.
    pub token_hash: String,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// From when on it does not work.
    pub expires_at: Timestamp,
    /// When it was used.
    pub consumed_at: Option<Timestamp>,
}

#[derive(FromRow)]
struct ProofRow {
    id: String,
    request_id: String,
    token_hash: String,
    created_at: i64,
    expires_at: i64,
    consumed_at: Option<i64>,
}

/// Stores a proof.
///
/// # Errors
/// [`StoreError`].
pub async fn insert(session: &mut impl Session, proof: &Proof) -> Result<(), StoreError> {
    session
        .execute(
            "INSERT INTO email_proofs (id, request_id, token_hash, created_at, expires_at) VALUES (?, ?, ?, ?, ?)",
            [
                proof.id.to_string().into(),
                proof.request.to_string().into(),
                proof.token_hash.as_str().into(),
                millis(proof.created_at).into(),
                Value::from(millis(proof.expires_at)),
            ],
        )
        .await?;
    Ok(())
}

/// The proof with this token's hash.
///
/// # Errors
/// [`StoreError`].
pub async fn find(session: &mut impl Session, token_hash: &str) -> Result<Option<Proof>, StoreError> {
    let sql =
        "SELECT id, request_id, token_hash, created_at, expires_at, consumed_at FROM email_proofs WHERE token_hash = ?";
    let row: Option<ProofRow> = session.fetch_optional(sql, [token_hash.into()]).await?;
    row.map(|row| {
        Ok(Proof {
            id: id(&row.id, "email_proofs.id")?,
            request: id(&row.request_id, "email_proofs.request_id")?,
            token_hash: row.token_hash,
            created_at: instant(row.created_at),
            expires_at: instant(row.expires_at),
            consumed_at: row.consumed_at.map(instant),
        })
    })
    .transpose()
}

/// Uses a proof up.
///
/// # Errors
/// [`StoreError::Stale`] when it was used before.
pub async fn consume(session: &mut impl Session, proof: ProofId, now: Timestamp) -> Result<(), StoreError> {
    let sql = "UPDATE email_proofs SET consumed_at = ? WHERE id = ? AND consumed_at IS NULL";
    match session.execute(sql, [millis(now).into(), Value::from(proof.to_string())]).await? {
        1 => Ok(()),
        _ => Err(StoreError::Stale("the proof of the address")),
    }
}

/// Ends every unused proof of a request: its address changed, or a new link was asked for.
///
/// # Errors
/// [`StoreError`].
pub async fn revoke_all(session: &mut impl Session, request: RequestId, now: Timestamp) -> Result<(), StoreError> {
    let sql = "UPDATE email_proofs SET expires_at = ? WHERE request_id = ? AND consumed_at IS NULL AND expires_at > ?";
    session.execute(sql, [millis(now).into(), request.to_string().into(), Value::from(millis(now))]).await?;
    Ok(())
}
