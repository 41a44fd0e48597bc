//! Sign-ins that are under way: those that went to the school's provider, and links that wait to be used. Each is known by the
//! hash of a secret and is used once: what is used goes.

use kinlink_db::{Session, Value};
use kinlink_domain::{Timestamp, ids::StaffId, staff::StaffRole};
use sqlx::FromRow;

use crate::{
    StoreError,
    error::{coded, id_or_none},
    time::{instant, millis},
};

/// A sign-in that went to the provider.
#[derive(Debug, Clone)]
pub struct SignIn {
    /// SHA-256 of `state`, hexadecimal.
    pub state_hash: String,
    /// SHA-256 of what the browser holds meanwhile, hexadecimal.
    pub browser_hash: String,
    /// The page to go to afterwards.
    pub return_to: String,
    /// Who has to come back, if somebody who is signed in is to prove themselves again.
    pub again: Option<StaffId>,
    /// When it began.
    pub started_at: Timestamp,
    /// From when on it does not work.
    pub expires_at: Timestamp,
}

/// A link that lets somebody in.
#[derive(Debug, Clone)]
pub struct Link {
    /// SHA-256 of its secret, hexadecimal.
    pub token_hash: String,
    /// What whoever uses it may do.
    pub role: StaffRole,
    /// Who made it.
    pub created_by: String,
    /// When.
    pub created_at: Timestamp,
    /// From when on it does not work.
    pub expires_at: Timestamp,
}

#[derive(FromRow)]
struct SignInRow {
    state_hash: String,
    browser_hash: String,
    return_to: String,
    again_staff_id: Option<String>,
    started_at: i64,
    expires_at: i64,
}

#[derive(FromRow)]
struct LinkRow {
    token_hash: String,
    staff_role: String,
    created_by: String,
    created_at: i64,
    expires_at: i64,
}

/// Stores a sign-in that begins.
///
/// # Errors
/// [`StoreError`].
pub async fn begin(session: &mut impl Session, sign_in: &SignIn) -> Result<(), StoreError> {
    session
        .execute(
            "INSERT INTO sign_ins (state_hash, browser_hash, return_to, again_staff_id, started_at, expires_at) \
             VALUES (?, ?, ?, ?, ?, ?)",
            [
                sign_in.state_hash.as_str().into(),
                sign_in.browser_hash.as_str().into(),
                sign_in.return_to.as_str().into(),
                Value::from(sign_in.again.map(|staff| staff.to_string())),
                millis(sign_in.started_at).into(),
                millis(sign_in.expires_at).into(),
            ],
        )
        .await?;
    Ok(())
}

/// Takes a sign-in of a browser: the same one is never given twice, however many ask at once. `None` also when another
/// browser began it; it stays then, for the one that did.
///
/// # Errors
/// [`StoreError`].
pub async fn take(
    session: &mut impl Session,
    state_hash: &str,
    browser_hash: &str,
) -> Result<Option<SignIn>, StoreError> {
    let sql = "SELECT state_hash, browser_hash, return_to, again_staff_id, started_at, expires_at FROM sign_ins \
               WHERE state_hash = ? AND browser_hash = ?";
    let row: Option<SignInRow> = session.fetch_optional(sql, [state_hash.into(), Value::from(browser_hash)]).await?;
    let Some(row) = row else { return Ok(None) };
    if session.execute("DELETE FROM sign_ins WHERE state_hash = ?", [state_hash.into()]).await? == 0 {
        return Ok(None);
    }
    Ok(Some(SignIn {
        state_hash: row.state_hash,
        browser_hash: row.browser_hash,
        return_to: row.return_to,
        again: id_or_none(row.again_staff_id.as_deref(), "sign_ins.again_staff_id")?,
        started_at: instant(row.started_at),
        expires_at: instant(row.expires_at),
    }))
}

/// Stores a link.
///
/// # Errors
/// [`StoreError`].
pub async fn insert_link(session: &mut impl Session, link: &Link) -> Result<(), StoreError> {
    session
        .execute(
            "INSERT INTO sign_in_links (token_hash, staff_role, created_by, created_at, expires_at) VALUES (?, ?, ?, ?, ?)",
            [
                link.token_hash.as_str().into(),
                link.role.code().into(),
                link.created_by.as_str().into(),
                millis(link.created_at).into(),
                Value::from(millis(link.expires_at)),
            ],
        )
        .await?;
    Ok(())
}

/// Takes a link: the same one is never given twice, however many ask at once.
///
/// # Errors
/// [`StoreError`].
pub async fn take_link(session: &mut impl Session, token_hash: &str) -> Result<Option<Link>, StoreError> {
    let sql =
        "SELECT token_hash, staff_role, created_by, created_at, expires_at FROM sign_in_links WHERE token_hash = ?";
    let row: Option<LinkRow> = session.fetch_optional(sql, [token_hash.into()]).await?;
    let Some(row) = row else { return Ok(None) };
    if session.execute("DELETE FROM sign_in_links WHERE token_hash = ?", [token_hash.into()]).await? == 0 {
        return Ok(None);
    }
    Ok(Some(Link {
        token_hash: row.token_hash,
        role: coded(StaffRole::from_code(&row.staff_role), "sign_in_links.staff_role")?,
        created_by: row.created_by,
        created_at: instant(row.created_at),
        expires_at: instant(row.expires_at),
    }))
}

/// Forgets sign-ins and links that do not work any more. Gives how many.
///
/// # Errors
/// [`StoreError`].
pub async fn prune(session: &mut impl Session, now: Timestamp) -> Result<u64, StoreError> {
    let sign_ins = session.execute("DELETE FROM sign_ins WHERE expires_at <= ?", [millis(now).into()]).await?;
    let links = session.execute("DELETE FROM sign_in_links WHERE expires_at <= ?", [millis(now).into()]).await?;
    Ok(sign_ins + links)
}
