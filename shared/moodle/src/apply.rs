//! The writer: contexts, role rows, dirty flags, sessions. Beside it only `adoption.rs` writes: whose a role row is.
//!
//! What each write must also do was observed in a running Moodle (`reference/moodle-database.md` §3): a user context needs
//! path and depth; an open session sees a changed role only by a dirty flag that is stamped not before the change; flags
//! have no unique key; a suspended account keeps its open sessions until their rows are gone.

use std::collections::{BTreeMap, BTreeSet};

use kinlink_db::{Connection, Engine, ROWS_PER_STATEMENT, Session, Tx, Value, in_list, insert_many};
use kinlink_domain::{
    ids::{ContextId, MoodleUserId},
    plan::{Addition, Plan, Removal},
};

use crate::{
    MoodleError, Prefix,
    connection::sql,
    site::{CONTEXT_USER, Site},
};

/// Seconds that a dirty flag is stamped ahead of the database's clock. Moodle reloads when the flag is newer than the
/// session's data less 2 s; stamping ahead covers the time until the commit and a small difference of clocks.
const FLAG_AHEAD: i64 = 3;

/// What stands in every row we write.
#[derive(Debug, Clone)]
pub struct Signature {
    /// `role_assignments.component`.
    pub component: String,
    /// `role_assignments.modifierid`.
    pub modifier: i64,
}

/// Makes the user contexts that a plan needs, and mends those without path; gives the ids of all of them.
///
/// A transaction of its own, before the role rows: contexts are harmless (Moodle makes them itself on first use), and the
/// ledger must know their ids before a role row is written.
///
/// # Errors
/// [`MoodleError::Db`]; nothing was written then.
pub async fn contexts(
    connection: &mut Connection,
    prefix: &Prefix,
    site: &Site,
    plan: &Plan,
) -> Result<BTreeMap<MoodleUserId, ContextId>, MoodleError> {
    let users: Vec<MoodleUserId> = plan.new_contexts.union(&plan.mended_contexts).copied().collect();
    if users.is_empty() {
        return Ok(BTreeMap::new());
    }
    let mut tx = connection.begin().await?;
    let rows: Vec<[Value; 4]> =
        plan.new_contexts.iter().map(|user| [CONTEXT_USER.into(), user.0.into(), 0_i64.into(), 0_i64.into()]).collect();
    // Moodle may make the same context at the same moment: then there is nothing to do. On MariaDB `ON DUPLICATE KEY UPDATE`
    // would need the right to change every column that is inserted; IGNORE hides nothing here, since integers fit.
    let (insert, unless_there) = match tx.engine() {
        Engine::MySql => ("INSERT IGNORE INTO", ""),
        Engine::Sqlite | Engine::Postgres => ("INSERT INTO", " ON CONFLICT DO NOTHING"),
    };
    let insert = sql(prefix, &format!("{insert} {{p}}context (contextlevel, instanceid, depth, locked)"));
    insert_many(&mut tx, &insert, rows, unless_there).await?;
    for chunk in users.chunks(ROWS_PER_STATEMENT) {
        let text = format!(
            "UPDATE {{p}}context SET path = CONCAT(?, '/', id), depth = 2 WHERE contextlevel = ? AND (path IS NULL OR \
             path = '' OR depth = 0) AND instanceid IN {}",
            in_list(chunk.len())
        );
        let mut args: Vec<Value> = vec![site.system_path.as_str().into(), CONTEXT_USER.into()];
        args.extend(chunk.iter().map(|user| Value::from(user.0)));
        tx.execute(&sql(prefix, &text), args).await?;
    }
    let mut ids = BTreeMap::new();
    for chunk in users.chunks(ROWS_PER_STATEMENT) {
        let text = format!(
            "SELECT instanceid, id FROM {{p}}context WHERE contextlevel = ? AND instanceid IN {}",
            in_list(chunk.len())
        );
        let mut args: Vec<Value> = vec![CONTEXT_USER.into()];
        args.extend(chunk.iter().map(|user| Value::from(user.0)));
        let rows: Vec<(i64, i64)> = tx.fetch_all(&sql(prefix, &text), args).await?;
        ids.extend(rows.into_iter().map(|(user, id)| (MoodleUserId(user), ContextId(id))));
    }
    tx.commit().await?;
    Ok(ids)
}

/// Writes a plan's role rows: inserts, deletions, ended sessions and dirty flags in one transaction.
///
/// Every addition must have its context by now (see [`contexts`]).
///
/// # Errors
/// [`MoodleError::Db`]; nothing was written then.
pub async fn roles(
    connection: &mut Connection,
    prefix: &Prefix,
    site: &Site,
    signature: &Signature,
    plan: &Plan,
    end_sessions_of: &BTreeSet<MoodleUserId>,
) -> Result<(), MoodleError> {
    let mut dirty = plan.dirty_users();
    dirty.extend(end_sessions_of);
    if dirty.is_empty() {
        return Ok(());
    }
    let mut tx = connection.begin().await?;
    let additions: Vec<&Addition> = plan.additions.iter().collect();
    for chunk in additions.chunks(ROWS_PER_STATEMENT) {
        insert_roles(&mut tx, prefix, signature, chunk).await?;
    }
    let removals: Vec<&Removal> = plan.removals.iter().collect();
    for chunk in removals.chunks(ROWS_PER_STATEMENT) {
        let text = format!("DELETE FROM {{p}}role_assignments WHERE component = ? AND id IN {}", in_list(chunk.len()));
        let mut args: Vec<Value> = vec![signature.component.as_str().into()];
        args.extend(chunk.iter().map(|removal| Value::from(removal.row.id)));
        tx.execute(&sql(prefix, &text), args).await?;
    }
    let ended: Vec<MoodleUserId> = end_sessions_of.iter().copied().collect();
    for chunk in ended.chunks(ROWS_PER_STATEMENT) {
        let text = format!("DELETE FROM {{p}}sessions WHERE userid IN {}", in_list(chunk.len()));
        let args: Vec<Value> = chunk.iter().map(|user| user.0.into()).collect();
        tx.execute(&sql(prefix, &text), args).await?;
    }
    // Last, so that as little time as possible passes between the stamp and the commit.
    let dirty: Vec<MoodleUserId> = dirty.into_iter().collect();
    for chunk in dirty.chunks(ROWS_PER_STATEMENT) {
        flag(&mut tx, prefix, site, chunk).await?;
    }
    tx.commit().await?;
    Ok(())
}

async fn insert_roles(
    tx: &mut Tx<'_>,
    prefix: &Prefix,
    signature: &Signature,
    additions: &[&Addition],
) -> Result<(), MoodleError> {
    let text = format!(
        "INSERT INTO {{p}}role_assignments (roleid, contextid, userid, timemodified, modifierid, component, itemid, sortorder) \
         SELECT d.roleid, d.contextid, d.userid, {}, ?, ?, d.itemid, 0 FROM {} WHERE NOT EXISTS (SELECT 1 FROM \
         {{p}}role_assignments x WHERE x.userid = d.userid AND x.contextid = d.contextid AND x.roleid = d.roleid AND \
         x.itemid = d.itemid AND x.component = ?)",
        tx.engine().clock_seconds(),
        tx.engine().derived_rows("d", &["roleid", "contextid", "userid", "itemid"], additions.len()),
    );
    let mut args: Vec<Value> = vec![signature.modifier.into(), signature.component.as_str().into()];
    for Addition { row, context, .. } in additions {
        // Without its context no row may be written (C-4: never a role in context 0).
        let context = context.ok_or(MoodleError::NoContext(row.user))?;
        args.extend([row.role.0.into(), context.0.into(), row.user.0.into(), Value::from(row.item)]);
    }
    args.push(signature.component.as_str().into());
    tx.execute(&sql(prefix, &text), args).await?;
    Ok(())
}

/// Tells the users' open sessions to load their roles anew: the existing flag is renewed, a missing one added.
pub(crate) async fn flag(
    tx: &mut Tx<'_>,
    prefix: &Prefix,
    site: &Site,
    users: &[MoodleUserId],
) -> Result<(), MoodleError> {
    let clock = tx.engine().clock_seconds();
    let names = || users.iter().map(|user| Value::from(user.to_string()));
    let update = format!(
        "UPDATE {{p}}cache_flags SET value = '1', timemodified = {clock} + ?, expiry = {clock} + ? WHERE \
         flagtype = 'accesslib/dirtyusers' AND name IN {}",
        in_list(users.len())
    );
    let lasts = FLAG_AHEAD + site.session_timeout;
    let mut args: Vec<Value> = vec![FLAG_AHEAD.into(), lasts.into()];
    args.extend(names());
    tx.execute(&sql(prefix, &update), args).await?;
    let insert = format!(
        "INSERT INTO {{p}}cache_flags (flagtype, name, timemodified, value, expiry) SELECT 'accesslib/dirtyusers', d.name, \
         {clock} + ?, '1', {clock} + ? FROM {} WHERE NOT EXISTS (SELECT 1 FROM {{p}}cache_flags f WHERE \
         f.flagtype = 'accesslib/dirtyusers' AND f.name = d.name)",
        tx.engine().derived_rows("d", &["name"], users.len())
    );
    let mut args: Vec<Value> = vec![FLAG_AHEAD.into(), lasts.into()];
    args.extend(names());
    tx.execute(&sql(prefix, &insert), args).await?;
    Ok(())
}
