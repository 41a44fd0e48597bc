//! Sessions of members of staff. A session is known by the hash of what the browser holds; when it ends its row goes.

use kinlink_db::{Session, Value};
use kinlink_domain::{Timestamp, ids::StaffId, staff::StaffRole};
use sqlx::FromRow;

use crate::{
    StoreError,
    error::{coded, id},
    time::{instant, millis},
};

/// How somebody came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// By the school's sign-in (OpenID Connect).
    Provider,
    /// By a link that the command line printed.
    Link,
}

impl Way {
    const fn code(self) -> &'static str {
        match self {
            Self::Provider => "provider",
            Self::Link => "link",
        }
    }

    fn from_code(code: &str) -> Option<Self> {
        [Self::Provider, Self::Link].into_iter().find(|way| way.code() == code)
    }
}

/// A session.
#[derive(Debug, Clone)]
pub struct StaffSession {
    /// SHA-256 of what the browser holds, hexadecimal.
    pub token_hash: String,
    /// Whose it is.
    pub staff: StaffId,
    /// What they may do in it.
    pub role: StaffRole,
    /// How they came in.
    pub way: Way,
    /// What the provider said of them, to be shown to it again when they sign out.
    pub id_token: Option<String>,
    /// When it began.
    pub started_at: Timestamp,
    /// When they last proved who they are, if that is known.
    pub authenticated_at: Option<Timestamp>,
    /// When it was last used.
    pub last_seen_at: Timestamp,
}

#[derive(FromRow)]
struct SessionRow {
    token_hash: String,
    staff_id: String,
    staff_role: String,
    way: String,
    id_token: Option<String>,
    started_at: i64,
    authenticated_at: Option<i64>,
    last_seen_at: i64,
    display_name: String,
}

/// Stores a session.
///
/// # Errors
/// [`StoreError`].
pub async fn insert(session: &mut impl Session, begun: &StaffSession) -> Result<(), StoreError> {
    session
        .execute(
            "INSERT INTO staff_sessions (token_hash, staff_id, staff_role, way, id_token, started_at, authenticated_at, \
             last_seen_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                begun.token_hash.as_str().into(),
                begun.staff.to_string().into(),
                begun.role.code().into(),
                begun.way.code().into(),
                begun.id_token.as_deref().into(),
                millis(begun.started_at).into(),
                Value::from(begun.authenticated_at.map(millis)),
                millis(begun.last_seen_at).into(),
            ],
        )
        .await?;
    Ok(())
}

/// A session, expired or not, with the name of whose it is.
///
/// # Errors
/// [`StoreError`].
pub async fn find(session: &mut impl Session, token_hash: &str) -> Result<Option<(StaffSession, String)>, StoreError> {
    let sql = "SELECT s.token_hash, s.staff_id, s.staff_role, s.way, s.id_token, s.started_at, s.authenticated_at, \
               s.last_seen_at, m.display_name FROM staff_sessions s JOIN staff m ON m.id = s.staff_id \
               WHERE s.token_hash = ?";
    let row: Option<SessionRow> = session.fetch_optional(sql, [token_hash.into()]).await?;
    row.map(|row| {
        let found = StaffSession {
            token_hash: row.token_hash,
            staff: id(&row.staff_id, "staff_sessions.staff_id")?,
            role: coded(StaffRole::from_code(&row.staff_role), "staff_sessions.staff_role")?,
            way: coded(Way::from_code(&row.way), "staff_sessions.way")?,
            id_token: row.id_token,
            started_at: instant(row.started_at),
            authenticated_at: row.authenticated_at.map(instant),
            last_seen_at: instant(row.last_seen_at),
        };
        Ok((found, row.display_name))
    })
    .transpose()
}

/// Notes that a session was used; never an earlier moment than the one that stands there.
///
/// # Errors
/// [`StoreError`].
pub async fn touch(session: &mut impl Session, token_hash: &str, now: Timestamp) -> Result<(), StoreError> {
    let sql = "UPDATE staff_sessions SET last_seen_at = ? WHERE token_hash = ? AND last_seen_at < ?";
    session.execute(sql, [millis(now).into(), token_hash.into(), Value::from(millis(now))]).await?;
    Ok(())
}

/// Ends a session. `false` when there is none.
///
/// # Errors
/// [`StoreError`].
pub async fn end(session: &mut impl Session, token_hash: &str) -> Result<bool, StoreError> {
    let sql = "DELETE FROM staff_sessions WHERE token_hash = ?";
    Ok(session.execute(sql, [token_hash.into()]).await? == 1)
}

/// Ends every session of a member but those with a role that is still theirs; all without one. Gives how many.
///
/// # Errors
/// [`StoreError`].
pub async fn end_all_but(
    session: &mut impl Session,
    staff: StaffId,
    role: Option<StaffRole>,
) -> Result<u64, StoreError> {
    let sql = "DELETE FROM staff_sessions WHERE staff_id = ? AND staff_role <> ?";
    let role = role.map_or("", StaffRole::code);
    Ok(session.execute(sql, [staff.to_string().into(), Value::from(role)]).await?)
}

/// Forgets sessions that began or were last used before these moments. Gives how many.
///
/// # Errors
/// [`StoreError`].
pub async fn prune(session: &mut impl Session, began: Timestamp, used: Timestamp) -> Result<u64, StoreError> {
    let sql = "DELETE FROM staff_sessions WHERE started_at <= ? OR last_seen_at <= ?";
    Ok(session.execute(sql, [millis(began).into(), Value::from(millis(used))]).await?)
}
