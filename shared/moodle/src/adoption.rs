//! Rows of the earlier plugin become ours, and become again what they were.
//!
//! Only `component` and `itemid` of a row change: its id, time and modifier stay what the plugin made them. Each statement
//! names all of a row that was planned, so that a row which somebody changed meanwhile is left alone, and then nothing at all
//! is written. What does not live here: which rows (`kinlink_domain::adoption`).

use std::collections::BTreeSet;

use kinlink_db::{Connection, Session, Tx, Value, in_list};
use kinlink_domain::{
    adoption::Change,
    ids::{ContextId, MoodleUserId, RoleId},
    plan::ActualRole,
    plan_row::Write,
};
use sqlx::FromRow;

use crate::{MoodleError, Prefix, apply, connection::sql, roles::Ownership, site::Site};

/// Rows in one statement: each takes a branch of its `CASE`, which the database walks through for every row.
const ROWS_PER_UPDATE: usize = 500;

#[derive(FromRow)]
struct RoleRow {
    id: i64,
    contextid: i64,
    userid: i64,
    component: String,
    itemid: i64,
}

/// The rows of these users in this role that are ours, and those that are nobody's: without component and item.
///
/// # Errors
/// [`MoodleError::Db`].
pub async fn rows(
    session: &mut impl Session,
    prefix: &Prefix,
    role: RoleId,
    ownership: &Ownership,
    users: &[MoodleUserId],
) -> Result<Vec<ActualRole>, MoodleError> {
    let text = format!(
        "SELECT id, contextid, userid, component, itemid FROM {{p}}role_assignments WHERE roleid = ? AND (component = ? OR \
         component = '' AND itemid = 0) AND userid IN {}",
        in_list(users.len())
    );
    let mut args: Vec<Value> = vec![role.0.into(), ownership.component().into()];
    args.extend(users.iter().map(|user| Value::from(user.0)));
    let rows: Vec<RoleRow> = session.fetch_all(&sql(prefix, &text), args).await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let (user, context) = (MoodleUserId(row.userid), ContextId(row.contextid));
            let ours = match ownership {
                Ownership::Component(_) => !row.component.is_empty(),
                Ownership::Ledger(keys) => keys.contains(&(user, context, role, row.itemid)),
            };
            ActualRole { id: row.id, user, context, role, item: row.itemid, ours }
        })
        .collect())
}

/// How many rows there are that link somebody to a user in this role without component and item.
///
/// # Errors
/// [`MoodleError::Db`].
pub async fn count(session: &mut impl Session, prefix: &Prefix, role: RoleId) -> Result<u64, MoodleError> {
    let text = "SELECT COUNT(*) FROM {p}role_assignments ra JOIN {p}context c ON c.id = ra.contextid WHERE ra.roleid = ? AND \
                c.contextlevel = 30 AND ra.component = '' AND ra.itemid = 0";
    let row: Option<(i64,)> = session.fetch_optional(&sql(prefix, text), [role.0.into()]).await?;
    Ok(row.map_or(0, |(count,)| count.unsigned_abs()))
}

/// Writes changes, and dirty flags for their users, in one transaction.
///
/// # Errors
/// [`MoodleError::RowsChanged`] when a row is not any more as it was planned; [`MoodleError::Db`]. Nothing was written then.
pub async fn write(
    connection: &mut Connection,
    prefix: &Prefix,
    site: &Site,
    component: &str,
    changes: &[Change],
) -> Result<(), MoodleError> {
    let users: BTreeSet<MoodleUserId> = changes.iter().map(|change| change.row.user).collect();
    if users.is_empty() {
        return Ok(());
    }
    let of = |write: Write| changes.iter().filter(|change| change.write == write).collect::<Vec<_>>();
    let mut tx = connection.begin().await?;
    for chunk in of(Write::Adopt).chunks(ROWS_PER_UPDATE) {
        take(&mut tx, prefix, component, chunk).await?;
    }
    for chunk in of(Write::GiveBack).chunks(ROWS_PER_UPDATE) {
        give_back(&mut tx, prefix, component, chunk).await?;
    }
    // Only what bears our mark, and only beside a row that was adopted just now: the number of rows was counted.
    for chunk in of(Write::Remove).chunks(ROWS_PER_UPDATE) {
        let text = format!("DELETE FROM {{p}}role_assignments WHERE component = ? AND id IN {}", in_list(chunk.len()));
        let mut args: Vec<Value> = vec![component.into()];
        args.extend(chunk.iter().map(|change| Value::from(change.row.id)));
        tx.execute(&sql(prefix, &text), args).await?;
    }
    let users: Vec<MoodleUserId> = users.into_iter().collect();
    for chunk in users.chunks(kinlink_db::ROWS_PER_STATEMENT) {
        apply::flag(&mut tx, prefix, site, chunk).await?;
    }
    tx.commit().await?;
    Ok(())
}

// The ids stand in a list of their own besides: by it every engine finds the rows without looking at, and locking, others.
async fn take(tx: &mut Tx<'_>, prefix: &Prefix, component: &str, rows: &[&Change]) -> Result<(), MoodleError> {
    let text = format!(
        "UPDATE {{p}}role_assignments SET component = ?, itemid = CASE id{} END WHERE component = '' AND itemid = 0 AND \
         id IN {} AND (id, userid, contextid, roleid) IN {}",
        " WHEN ? THEN ?".repeat(rows.len()),
        in_list(rows.len()),
        tx.engine().rows_in(rows.len(), 4)
    );
    let mut args: Vec<Value> = vec![component.into()];
    args.extend(rows.iter().flat_map(|change| [Value::from(change.row.id), change.item.into()]));
    args.extend(rows.iter().map(|change| Value::from(change.row.id)));
    args.extend(rows.iter().flat_map(|change| identity(change)));
    all(tx.execute(&sql(prefix, &text), args).await?, rows)
}

async fn give_back(tx: &mut Tx<'_>, prefix: &Prefix, component: &str, rows: &[&Change]) -> Result<(), MoodleError> {
    let text = format!(
        "UPDATE {{p}}role_assignments SET component = '', itemid = 0 WHERE component = ? AND id IN {} AND \
         (id, userid, contextid, roleid, itemid) IN {}",
        in_list(rows.len()),
        tx.engine().rows_in(rows.len(), 5)
    );
    let mut args: Vec<Value> = vec![component.into()];
    args.extend(rows.iter().map(|change| Value::from(change.row.id)));
    args.extend(rows.iter().flat_map(|change| identity(change).into_iter().chain([change.item.into()])));
    all(tx.execute(&sql(prefix, &text), args).await?, rows)
}

fn identity(change: &Change) -> [Value; 4] {
    let row = change.row;
    [row.id.into(), row.user.0.into(), row.context.0.into(), row.role.0.into()]
}

/// Whether every row was still as it was planned. Every engine counts the rows that a statement found.
fn all(found: u64, rows: &[&Change]) -> Result<(), MoodleError> {
    if found == rows.len() as u64 { Ok(()) } else { Err(MoodleError::RowsChanged) }
}
