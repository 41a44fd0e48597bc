//! Users: accounts of adults, and the users that were pinned as pupils.

use std::collections::HashSet;

use kinlink_db::{Int, Session, Value, in_list};
use kinlink_domain::{
    email::EmailAddress,
    ids::{ContextId, MoodleUserId},
    plan::UserContext,
};
use sqlx::FromRow;

use crate::{MoodleError, Prefix, connection::sql};

/// A user, with their own context if there is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// `user.id`.
    pub id: MoodleUserId,
    /// `user.username`.
    pub username: String,
    /// `user.auth`.
    pub auth: String,
    /// `user.firstname` and `user.lastname`.
    pub name: String,
    /// `user.email`, as Moodle spells it.
    pub email: String,
    /// `user.deleted`.
    pub deleted: bool,
    /// `user.suspended`.
    pub suspended: bool,
    /// `user.confirmed`.
    pub confirmed: bool,
    /// `user.mnethostid`.
    pub host: i64,
    /// The user's context.
    pub context: Option<UserContext>,
}

#[derive(FromRow)]
struct UserRow {
    id: i64,
    username: String,
    auth: String,
    firstname: String,
    lastname: String,
    email: String,
    deleted: Int,
    suspended: Int,
    confirmed: Int,
    mnethostid: i64,
    contextid: Option<i64>,
    path: Option<String>,
    depth: Option<Int>,
}

impl From<UserRow> for User {
    fn from(row: UserRow) -> Self {
        // Moodle refuses every capability in a context without path or depth (`reference/moodle-database.md` §3.2).
        let complete = row.path.is_some_and(|path| !path.is_empty()) && row.depth.is_some_and(Int::is_set);
        Self {
            id: MoodleUserId(row.id),
            username: row.username,
            auth: row.auth,
            name: format!("{} {}", row.firstname, row.lastname),
            email: row.email,
            deleted: row.deleted.is_set(),
            suspended: row.suspended.is_set(),
            confirmed: row.confirmed.is_set(),
            host: row.mnethostid,
            context: row.contextid.map(|id| UserContext { id: ContextId(id), complete }),
        }
    }
}

const USER: &str = "SELECT u.id, u.username, u.auth, u.firstname, u.lastname, u.email, u.deleted, u.suspended, u.confirmed, \
     u.mnethostid, c.id AS contextid, c.path, c.depth FROM {p}user u LEFT JOIN {p}context c ON c.contextlevel = 30 AND c.instanceid = u.id";

/// Users by their ids, in no order.
///
/// # Errors
/// [`MoodleError::Db`].
pub async fn by_ids(
    session: &mut impl Session,
    prefix: &Prefix,
    users: &[MoodleUserId],
) -> Result<Vec<User>, MoodleError> {
    let condition = format!("u.id IN {}", in_list(users.len()));
    fetch(session, prefix, &condition, users.iter().map(|user| user.0.into()).collect()).await
}

/// Users of this Moodle by their user names, in no order. User names of other hosts are other people's.
///
/// # Errors
/// [`MoodleError::Db`].
pub async fn by_usernames(
    session: &mut impl Session,
    prefix: &Prefix,
    local_host: i64,
    names: &[String],
) -> Result<Vec<User>, MoodleError> {
    let condition = format!("u.mnethostid = ? AND u.username IN {}", in_list(names.len()));
    let mut args: Vec<Value> = vec![local_host.into()];
    args.extend(names.iter().map(Value::from));
    // MariaDB's collation takes `zoe` for `zoë`; a user name is exact.
    let users = fetch(session, prefix, &condition, args).await?;
    let exact: HashSet<&str> = names.iter().map(String::as_str).collect();
    Ok(users.into_iter().filter(|user| exact.contains(user.username.as_str())).collect())
}

/// An account that signs in by the external database under this name but does not belong to this Moodle, as the
/// synchronisation never makes them: somebody changed its host, and nobody can sign in to it.
///
/// # Errors
/// [`MoodleError::Db`].
pub async fn displaced(
    session: &mut impl Session,
    prefix: &Prefix,
    local_host: i64,
    name: &str,
) -> Result<Option<User>, MoodleError> {
    let condition = "u.mnethostid <> ? AND u.username = ? AND u.auth = 'db' AND u.deleted = 0";
    let users = fetch(session, prefix, condition, vec![local_host.into(), name.into()]).await?;
    Ok(users.into_iter().find(|user| user.username == name))
}

/// Living users with this address, whatever they sign in by: what staff see beside a request.
///
/// # Errors
/// [`MoodleError::Db`].
pub async fn by_email(
    session: &mut impl Session,
    prefix: &Prefix,
    email: &EmailAddress,
) -> Result<Vec<User>, MoodleError> {
    // Moodle keeps addresses as typed; comparing lower case costs an index, so the exact spelling may use it first.
    let condition = "u.deleted = 0 AND (u.email = ? OR LOWER(u.email) = ?) ";
    fetch(session, prefix, condition, vec![email.as_str().into(), email.as_str().into()]).await
}

/// As [`by_email`] for several addresses at once; each user with their address in lower case.
///
/// # Errors
/// [`MoodleError::Db`].
pub async fn by_emails(
    session: &mut impl Session,
    prefix: &Prefix,
    emails: &[EmailAddress],
) -> Result<Vec<(String, User)>, MoodleError> {
    let list = in_list(emails.len());
    let text = format!("{USER} WHERE u.deleted = 0 AND LOWER(u.email) IN {list} ORDER BY u.id");
    let args: Vec<Value> = emails.iter().map(|email| email.as_str().into()).collect();
    let rows: Vec<UserRow> = session.fetch_all(&sql(prefix, &text), args).await?;
    // MariaDB's collation takes `zoe` for `zoë`; an address is exact but for its case.
    let wanted: HashSet<&str> = emails.iter().map(EmailAddress::as_str).collect();
    Ok(rows
        .into_iter()
        .map(|row| (row.email.to_lowercase(), User::from(row)))
        .filter(|(email, _)| wanted.contains(email.as_str()))
        .collect())
}

async fn fetch(
    session: &mut impl Session,
    prefix: &Prefix,
    condition: &str,
    args: Vec<Value>,
) -> Result<Vec<User>, MoodleError> {
    let text = format!("{USER} WHERE {condition}");
    let rows: Vec<UserRow> = session.fetch_all(&sql(prefix, &text), args).await?;
    Ok(rows.into_iter().map(User::from).collect())
}

/// A page of the living accounts of this Moodle that sign in by the external database, by id behind `after`.
///
/// # Errors
/// [`MoodleError::Db`].
pub async fn auth_db_page(
    session: &mut impl Session,
    prefix: &Prefix,
    local_host: i64,
    after: MoodleUserId,
    limit: u32,
) -> Result<Vec<User>, MoodleError> {
    let condition = "u.mnethostid = ? AND u.auth = 'db' AND u.deleted = 0 AND u.id > ? ORDER BY u.id LIMIT ?";
    let args = vec![local_host.into(), after.0.into(), i64::from(limit).into()];
    fetch(session, prefix, condition, args).await
}

/// How many living accounts sign in by the external database, and how many of those are not suspended.
///
/// # Errors
/// [`MoodleError::Db`].
pub async fn count_auth_db(session: &mut impl Session, prefix: &Prefix) -> Result<(i64, i64), MoodleError> {
    let text =
        "SELECT COUNT(*), COUNT(CASE WHEN suspended = 0 THEN 1 END) FROM {p}user WHERE auth = 'db' AND deleted = 0";
    Ok(session.fetch_optional(&sql(prefix, text), []).await?.unwrap_or_default())
}
