//! API tokens of staff and scripts: stored as hashes, with a role, revocable.

use kinlink_db::{Session, Value, in_list};
use kinlink_domain::{Timestamp, ids::TokenId, staff::StaffRole};
use sqlx::FromRow;

use crate::{
    StoreError,
    error::{coded, id},
    time::{instant, millis},
};

/// An API token.
#[derive(Debug, Clone)]
pub struct Token {
    /// Its id.
    pub id: TokenId,
    /// What it is for.
    pub name: String,
    /// What it may do.
    pub role: StaffRole,
    /// SHA-256 of its secret, hexadecimal.
    pub secret_hash: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: String,
    /// From when on it does not work.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

impl Token {
    /// Whether it works at this moment.
    #[must_use]
    pub fn is_valid(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }
}

#[derive(FromRow)]
struct TokenRow {
    id: String,
    name: String,
    staff_role: String,
    secret_hash: String,
    created_at: i64,
    created_by: String,
    expires_at: Option<i64>,
    revoked_at: Option<i64>,
}

const TOKEN: &str =
    "SELECT id, name, staff_role, secret_hash, created_at, created_by, expires_at, revoked_at FROM tokens";

impl TryFrom<TokenRow> for Token {
    type Error = StoreError;
    fn try_from(row: TokenRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: id(&row.id, "tokens.id")?,
            name: row.name,
            role: coded(StaffRole::from_code(&row.staff_role), "tokens.staff_role")?,
            secret_hash: row.secret_hash,
            created_at: instant(row.created_at),
            created_by: row.created_by,
            expires_at: row.expires_at.map(instant),
            revoked_at: row.revoked_at.map(instant),
        })
    }
}

/// Stores a token.
///
/// # Errors
/// [`StoreError`].
pub async fn insert(session: &mut impl Session, token: &Token) -> Result<(), StoreError> {
    session
        .execute(
            "INSERT INTO tokens (id, name, staff_role, secret_hash, created_at, created_by, expires_at) \
             VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                token.id.to_string().into(),
                token.name.as_str().into(),
                token.role.code().into(),
                token.secret_hash.as_str().into(),
                millis(token.created_at).into(),
                token.created_by.as_str().into(),
                Value::from(token.expires_at.map(millis)),
            ],
        )
        .await?;
    Ok(())
}

/// A token by its id, valid or not.
///
/// # Errors
/// [`StoreError`].
pub async fn find(session: &mut impl Session, token: TokenId) -> Result<Option<Token>, StoreError> {
    let row: Option<TokenRow> =
        session.fetch_optional(&format!("{TOKEN} WHERE id = ?"), [token.to_string().into()]).await?;
    row.map(Token::try_from).transpose()
}

/// Every token, newest first.
///
/// # Errors
/// [`StoreError`].
pub async fn list(session: &mut impl Session) -> Result<Vec<Token>, StoreError> {
    let rows: Vec<TokenRow> = session.fetch_all(&format!("{TOKEN} ORDER BY created_at DESC, id DESC"), []).await?;
    rows.into_iter().map(Token::try_from).collect()
}

/// Revokes a token. `false` when there is no such token or it was revoked before.
///
/// # Errors
/// [`StoreError`].
pub async fn revoke(session: &mut impl Session, token: TokenId, now: Timestamp) -> Result<bool, StoreError> {
    let sql = "UPDATE tokens SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL";
    Ok(session.execute(sql, [millis(now).into(), Value::from(token.to_string())]).await? == 1)
}

/// The names of tokens, in no order; those that do not exist are left out.
///
/// # Errors
/// [`StoreError`].
pub async fn names(session: &mut impl Session, tokens: &[TokenId]) -> Result<Vec<(TokenId, String)>, StoreError> {
    if tokens.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!("SELECT id, name FROM tokens WHERE id IN {}", in_list(tokens.len()));
    let args: Vec<Value> = tokens.iter().map(|token| token.to_string().into()).collect();
    let rows: Vec<(String, String)> = session.fetch_all(&sql, args).await?;
    rows.into_iter().map(|(token, name)| Ok((id(&token, "tokens.id")?, name))).collect()
}
