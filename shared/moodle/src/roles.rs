//! Role rows as they are: what a plan is compared with.

use std::collections::HashSet;

use kinlink_db::{Session, Value, in_list};
use kinlink_domain::{
    ids::{ContextId, MoodleUserId, RoleId},
    plan::ActualRole,
};
use sqlx::FromRow;

use crate::{MoodleError, Prefix, connection::sql};

/// A row's identity without its component: (user, context, role, item).
pub type Key = (MoodleUserId, ContextId, RoleId, i64);

/// What tells that a row is ours.
#[derive(Debug, Clone)]
pub enum Ownership {
    /// Its component.
    Component(String),
    /// The component is empty: only rows that the ledger names.
    Ledger(HashSet<Key>),
}

impl Ownership {
    /// The component that our rows carry.
    #[must_use]
    pub fn component(&self) -> &str {
        match self {
            Self::Component(component) => component,
            Self::Ledger(_) => "",
        }
    }
}

#[derive(FromRow)]
struct RoleRow {
    id: i64,
    roleid: i64,
    contextid: i64,
    userid: i64,
    itemid: i64,
}

const ROLE_ROW: &str = "SELECT id, roleid, contextid, userid, itemid FROM {p}role_assignments";

/// The role rows of these users that carry our component, told apart into ours and foreign ones.
///
/// # Errors
/// [`MoodleError::Db`].
pub async fn of_users(
    session: &mut impl Session,
    prefix: &Prefix,
    ownership: &Ownership,
    users: &[MoodleUserId],
) -> Result<Vec<ActualRole>, MoodleError> {
    let text = format!("{ROLE_ROW} WHERE component = ? AND userid IN {}", in_list(users.len()));
    let mut args: Vec<Value> = vec![ownership.component().into()];
    args.extend(users.iter().map(|user| Value::from(user.0)));
    fetch(session, &sql(prefix, &text), args, ownership).await
}

/// Where these users have a role by rows that do not carry our component: made by hand, or by another plugin. One place for each
/// row.
///
/// # Errors
/// [`MoodleError::Db`].
pub async fn of_others(
    session: &mut impl Session,
    prefix: &Prefix,
    component: &str,
    role: RoleId,
    users: &[MoodleUserId],
) -> Result<Vec<(MoodleUserId, ContextId)>, MoodleError> {
    let text = format!(
        "SELECT userid, contextid FROM {{p}}role_assignments WHERE roleid = ? AND component <> ? AND userid IN {}",
        in_list(users.len())
    );
    let mut args: Vec<Value> = vec![role.0.into(), component.into()];
    args.extend(users.iter().map(|user| Value::from(user.0)));
    let rows: Vec<(i64, i64)> = session.fetch_all(&sql(prefix, &text), args).await?;
    Ok(rows.into_iter().map(|(user, context)| (MoodleUserId(user), ContextId(context))).collect())
}

/// A page of the rows that carry our component, by id behind `after`: what a full comparison walks through to find rows
/// that belong to nobody. Gives nothing where the ledger alone tells what is ours.
///
/// # Errors
/// [`MoodleError::Db`].
pub async fn page(
    session: &mut impl Session,
    prefix: &Prefix,
    ownership: &Ownership,
    after: i64,
    limit: i64,
) -> Result<Vec<ActualRole>, MoodleError> {
    let Ownership::Component(component) = ownership else { return Ok(Vec::new()) };
    let text = format!("{ROLE_ROW} WHERE component = ? AND id > ? ORDER BY id LIMIT ?");
    let args = vec![component.as_str().into(), after.into(), limit.into()];
    fetch(session, &sql(prefix, &text), args, ownership).await
}

/// How many rows there are that link somebody to a user in this role and do not carry our component. They are nobody's
/// business here; people want to know of them before they adopt or remove them.
///
/// # Errors
/// [`MoodleError::Db`].
pub async fn count_foreign(
    session: &mut impl Session,
    prefix: &Prefix,
    role: RoleId,
    component: &str,
) -> Result<u64, MoodleError> {
    let text = "SELECT COUNT(*) FROM {p}role_assignments ra JOIN {p}context c ON c.id = ra.contextid WHERE ra.roleid = ? AND \
                c.contextlevel = 30 AND ra.component <> ?";
    let row: Option<(i64,)> = session.fetch_optional(&sql(prefix, text), [role.0.into(), component.into()]).await?;
    Ok(row.map_or(0, |(count,)| count.unsigned_abs()))
}

async fn fetch(
    session: &mut impl Session,
    sql: &str,
    args: Vec<Value>,
    ownership: &Ownership,
) -> Result<Vec<ActualRole>, MoodleError> {
    let rows: Vec<RoleRow> = session.fetch_all(sql, args).await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let (user, context, role) = (MoodleUserId(row.userid), ContextId(row.contextid), RoleId(row.roleid));
            let ours = match ownership {
                Ownership::Component(_) => true,
                Ownership::Ledger(keys) => keys.contains(&(user, context, role, row.itemid)),
            };
            ActualRole { id: row.id, user, context, role, item: row.itemid, ours }
        })
        .collect())
}
