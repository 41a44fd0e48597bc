//! Changes of adults' addresses: who is to get which, and how it ended. At most one of each adult has not ended.

use std::fmt::Write as _;

use kinlink_db::{Session, Value, in_list};
use kinlink_domain::{
    Timestamp,
    email::EmailAddress,
    email_change::End,
    ids::{AdultId, EmailChangeId, RequestId},
};
use sqlx::FromRow;

use crate::{
    StoreError,
    error::{coded, id, id_or_none},
    holds,
    time::{instant, millis},
};

/// A change of an adult's address.
#[derive(Debug, Clone)]
pub struct EmailChange {
    /// Its id.
    pub id: EmailChangeId,
    /// The adult.
    pub adult: AdultId,
    /// The new address.
    pub email: EmailAddress,
    /// Whether staff said that the adult shares it with somebody else.
    pub shared: bool,
    /// The request that asked for it.
    pub request: Option<RequestId>,
    /// SHA-256 of the token that proves the new address, hexadecimal.
    pub token_hash: String,
    /// When it began.
    pub created_at: Timestamp,
    /// From when on the token does not work.
    pub expires_at: Timestamp,
    /// How it ended.
    pub end: Option<End>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

#[derive(FromRow)]
struct EmailChangeRow {
    id: String,
    adult_id: String,
    email: String,
    shared: i64,
    request_id: Option<String>,
    token_hash: String,
    created_at: i64,
    expires_at: i64,
    outcome: Option<String>,
    ended_at: Option<i64>,
}

impl TryFrom<EmailChangeRow> for EmailChange {
    type Error = StoreError;
    fn try_from(row: EmailChangeRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: id(&row.id, "email_changes.id")?,
            adult: id(&row.adult_id, "email_changes.adult_id")?,
            email: EmailAddress::parse(&row.email).map_err(|_| StoreError::Corrupt("email_changes.email"))?,
            shared: row.shared != 0,
            request: id_or_none(row.request_id.as_deref(), "email_changes.request_id")?,
            token_hash: row.token_hash,
            created_at: instant(row.created_at),
            expires_at: instant(row.expires_at),
            end: row.outcome.map(|code| coded(End::from_code(&code), "email_changes.outcome")).transpose()?,
            ended_at: row.ended_at.map(instant),
        })
    }
}

const EMAIL_CHANGE: &str = "SELECT id, adult_id, email, shared, request_id, token_hash, created_at, expires_at, outcome, \
     ended_at FROM email_changes";

/// Of several that began in one moment the one that has not ended is the latest.
const LATEST_OF: &str =
    "adult_id = ? ORDER BY created_at DESC, CASE WHEN outcome IS NULL THEN 0 ELSE 1 END, id DESC LIMIT 1";

/// Stores a change that begins.
///
/// # Errors
/// A duplicate when another change of the adult has not ended.
pub async fn insert(session: &mut impl Session, change: &EmailChange) -> Result<(), StoreError> {
    session
        .execute(
            "INSERT INTO email_changes (id, adult_id, waiting_for, email, shared, request_id, token_hash, created_at, \
             expires_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                change.id.to_string().into(),
                change.adult.to_string().into(),
                change.adult.to_string().into(),
                change.email.as_str().into(),
                change.shared.into(),
                change.request.map(|request| request.to_string()).into(),
                change.token_hash.as_str().into(),
                millis(change.created_at).into(),
                Value::from(millis(change.expires_at)),
            ],
        )
        .await?;
    Ok(())
}

/// The change with this id.
///
/// # Errors
/// [`StoreError`].
pub async fn find(session: &mut impl Session, change: EmailChangeId) -> Result<Option<EmailChange>, StoreError> {
    one(session, "id = ?", change.to_string()).await
}

/// The change with this token's hash.
///
/// # Errors
/// [`StoreError`].
pub async fn find_by_token(session: &mut impl Session, token_hash: &str) -> Result<Option<EmailChange>, StoreError> {
    one(session, "token_hash = ?", token_hash.to_owned()).await
}

/// The latest change of an adult.
///
/// # Errors
/// [`StoreError`].
pub async fn latest_of(session: &mut impl Session, adult: AdultId) -> Result<Option<EmailChange>, StoreError> {
    one(session, LATEST_OF, adult.to_string()).await
}

async fn one(session: &mut impl Session, condition: &str, value: String) -> Result<Option<EmailChange>, StoreError> {
    let sql = format!("{EMAIL_CHANGE} WHERE {condition}");
    let row: Option<EmailChangeRow> = session.fetch_optional(&sql, [value.into()]).await?;
    row.map(EmailChange::try_from).transpose()
}

/// The changes to this address that have not ended and whose token still works, in no order.
///
/// # Errors
/// [`StoreError`].
pub async fn waiting_for(
    session: &mut impl Session,
    email: &EmailAddress,
    now: Timestamp,
) -> Result<Vec<EmailChange>, StoreError> {
    let sql = format!("{EMAIL_CHANGE} WHERE email = ? AND outcome IS NULL AND expires_at > ?");
    let rows: Vec<EmailChangeRow> = session.fetch_all(&sql, [email.as_str().into(), Value::from(millis(now))]).await?;
    rows.into_iter().map(EmailChange::try_from).collect()
}

/// Ends a change.
///
/// # Errors
/// [`StoreError::Stale`] when it has ended already.
pub async fn end(
    session: &mut impl Session,
    change: EmailChangeId,
    end: End,
    now: Timestamp,
) -> Result<(), StoreError> {
    let sql = "UPDATE email_changes SET outcome = ?, ended_at = ?, waiting_for = NULL WHERE id = ? AND outcome IS NULL";
    match session.execute(sql, [end.code().into(), millis(now).into(), Value::from(change.to_string())]).await? {
        1 => Ok(()),
        _ => Err(StoreError::Stale("the change of the address")),
    }
}

/// Ends the change of an adult that has not ended, if there is one, expired or not. Gives their number.
///
/// # Errors
/// [`StoreError`].
pub async fn end_of(session: &mut impl Session, adult: AdultId, end: End, now: Timestamp) -> Result<u64, StoreError> {
    let sql = "UPDATE email_changes SET outcome = ?, ended_at = ?, waiting_for = NULL WHERE waiting_for = ?";
    Ok(session.execute(sql, [end.code().into(), millis(now).into(), Value::from(adult.to_string())]).await?)
}

/// Forgets changes whose token stopped working before an instant, however they ended; not those of adults who are held
/// ([`holds::held_adults`]). Gives their number.
///
/// # Errors
/// [`StoreError`].
pub async fn forget(session: &mut impl Session, before: Timestamp, now: Timestamp) -> Result<u64, StoreError> {
    let held = holds::held_adults(session, now).await?;
    let mut sql = "DELETE FROM email_changes WHERE expires_at < ?".to_owned();
    if !held.is_empty() {
        let _ = write!(sql, " AND adult_id NOT IN {}", in_list(held.len()));
    }
    let mut args = vec![Value::from(millis(before))];
    args.extend(held.iter().map(|adult| Value::from(adult.to_string())));
    Ok(session.execute(&sql, args).await?)
}
