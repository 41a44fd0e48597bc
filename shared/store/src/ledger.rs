//! The ledger: every row we wrote in Moodle.
//!
//! A row is noted as `intended` before it is written there, as `written` after: a process that dies in between leaves
//! either no row in Moodle or one that the ledger names.

use kinlink_db::{Session, Value, in_list, insert_many};
use kinlink_domain::{
    Timestamp,
    ids::{AdultId, ContextId, CycleId, LinkId, MoodleUserId, RoleId},
};
use sqlx::FromRow;

use crate::{StoreError, time::millis};

/// A row of Moodle's `role_assignments` that is ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Owned {
    /// The adult.
    pub adult: AdultId,
    /// The link that causes it; 0 for a static context.
    pub link: LinkId,
    /// `roleid`.
    pub role: RoleId,
    /// `contextid`.
    pub context: ContextId,
    /// `userid`.
    pub user: MoodleUserId,
    /// `itemid`.
    pub item: i64,
}

/// Key of an owned row, the component apart: (user, context, role, item).
pub type Key = (MoodleUserId, ContextId, RoleId, i64);

#[derive(FromRow)]
struct KeyRow {
    #[sqlx(rename = "user_id")]
    user: i64,
    #[sqlx(rename = "context_id")]
    context: i64,
    #[sqlx(rename = "role_id")]
    role: i64,
    #[sqlx(rename = "item_id")]
    item: i64,
}

/// Notes rows that are about to be written.
///
/// # Errors
/// [`StoreError`].
pub async fn intend(
    session: &mut impl Session,
    component: &str,
    rows: &[Owned],
    cycle: CycleId,
    now: Timestamp,
) -> Result<(), StoreError> {
    let values = rows
        .iter()
        .map(|row| {
            [
                row.adult.to_string().into(),
                component.into(),
                row.item.into(),
                row.link.0.into(),
                row.role.0.into(),
                row.context.0.into(),
                row.user.0.into(),
                "intended".into(),
                cycle.to_string().into(),
                Value::from(millis(now)),
            ]
        })
        .collect();
    let end = session.engine().or_update(
        "user_id, context_id, role_id, item_id, component",
        &["adult_id", "link_id", "state", "cycle_id", "changed_at"],
    );
    let insert = "INSERT INTO ledger (adult_id, component, item_id, link_id, role_id, context_id, user_id, state, cycle_id, \
                  changed_at)";
    insert_many(session, insert, values, &end).await?;
    Ok(())
}

/// Notes that Moodle now holds what it should for these adults: whatever was intended for them, by this cycle or by one
/// that died, is written; what belongs to links that ended is gone, unless its removal is `held`.
///
/// # Errors
/// [`StoreError`].
pub async fn settle(
    session: &mut impl Session,
    adults: &[AdultId],
    held: bool,
    cycle: CycleId,
    now: Timestamp,
) -> Result<(), StoreError> {
    let list = in_list(adults.len());
    let args = || {
        let mut args: Vec<Value> = vec![cycle.to_string().into(), millis(now).into()];
        args.extend(adults.iter().map(|adult| Value::from(adult.to_string())));
        args
    };
    let written = format!(
        "UPDATE ledger SET state = 'written', cycle_id = ?, changed_at = ? WHERE state = 'intended' AND adult_id IN {list}"
    );
    session.execute(&written, args()).await?;
    if !held {
        let gone = format!(
            "UPDATE ledger SET state = 'removed', cycle_id = ?, changed_at = ? WHERE state = 'written' AND link_id <> 0 AND \
             adult_id IN {list} AND NOT EXISTS (SELECT 1 FROM links WHERE links.id = ledger.link_id AND links.active = 1)"
        );
        session.execute(&gone, args()).await?;
    }
    Ok(())
}

/// Notes that rows are gone from Moodle, or are ours no more. Unknown rows are no error: they were ours by their component
/// alone.
///
/// # Errors
/// [`StoreError`].
pub async fn removed(
    session: &mut impl Session,
    component: &str,
    rows: &[Key],
    cycle: CycleId,
    now: Timestamp,
) -> Result<(), StoreError> {
    mark(session, "removed", component, rows, cycle, now).await
}

/// Notes that Moodle holds rows that were intended.
///
/// # Errors
/// [`StoreError`].
pub async fn written(
    session: &mut impl Session,
    component: &str,
    rows: &[Key],
    cycle: CycleId,
    now: Timestamp,
) -> Result<(), StoreError> {
    mark(session, "written", component, rows, cycle, now).await
}

async fn mark(
    session: &mut impl Session,
    state: &'static str,
    component: &str,
    rows: &[Key],
    cycle: CycleId,
    now: Timestamp,
) -> Result<(), StoreError> {
    for chunk in rows.chunks(kinlink_db::ROWS_PER_STATEMENT) {
        let sql = format!(
            "UPDATE ledger SET state = '{state}', cycle_id = ?, changed_at = ? WHERE component = ? AND \
             (user_id, context_id, role_id, item_id) IN {}",
            session.engine().rows_in(chunk.len(), 4)
        );
        let mut args: Vec<Value> = vec![cycle.to_string().into(), millis(now).into(), component.into()];
        args.extend(chunk.iter().flat_map(|(user, context, role, item)| {
            [Value::from(user.0), context.0.into(), role.0.into(), (*item).into()]
        }));
        session.execute(&sql, args).await?;
    }
    Ok(())
}

/// The rows that the ledger says are ours, for these users.
///
/// # Errors
/// [`StoreError`].
pub async fn of_users(
    session: &mut impl Session,
    component: &str,
    users: &[MoodleUserId],
) -> Result<Vec<Key>, StoreError> {
    let sql = format!(
        "SELECT user_id, context_id, role_id, item_id FROM ledger WHERE state <> 'removed' AND component = ? AND user_id IN {}",
        in_list(users.len())
    );
    let mut args: Vec<Value> = vec![component.into()];
    args.extend(users.iter().map(|user| Value::from(user.0)));
    let rows: Vec<KeyRow> = session.fetch_all(&sql, args).await?;
    Ok(rows
        .into_iter()
        .map(|row| (MoodleUserId(row.user), ContextId(row.context), RoleId(row.role), row.item))
        .collect())
}

/// What the ledger holds for an adult in one Moodle account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// The adult.
    pub adult: AdultId,
    /// The account.
    pub user: MoodleUserId,
    /// Rows with the component in question that are not removed.
    pub rows: i64,
    /// How many of all rows are intended and not known to be written.
    pub intended: i64,
}

/// The Moodle accounts in which we own rows for these adults (also for those whose login row is gone and whose name may have
/// changed), with how many rows there should be and how many a process that died left unsettled.
///
/// # Errors
/// [`StoreError`].
pub async fn standing_of(
    session: &mut impl Session,
    component: &str,
    adults: &[AdultId],
) -> Result<Vec<Standing>, StoreError> {
    let sql = format!(
        "SELECT adult_id, user_id, COUNT(CASE WHEN component = ? THEN 1 END), COUNT(CASE WHEN state = 'intended' THEN 1 END) \
         FROM ledger WHERE state <> 'removed' AND adult_id IN {} GROUP BY adult_id, user_id",
        in_list(adults.len())
    );
    let mut args: Vec<Value> = vec![component.into()];
    args.extend(adults.iter().map(|adult| Value::from(adult.to_string())));
    let rows: Vec<(String, i64, i64, i64)> = session.fetch_all(&sql, args).await?;
    rows.into_iter()
        .map(|(adult, user, rows, intended)| {
            let adult = crate::error::id(&adult, "ledger.adult_id")?;
            Ok(Standing { adult, user: MoodleUserId(user), rows, intended })
        })
        .collect()
}

/// How many rows we own.
///
/// # Errors
/// [`StoreError`].
pub async fn count_owned(session: &mut impl Session) -> Result<u64, StoreError> {
    count(session, "SELECT COUNT(*) FROM ledger WHERE state = 'written'").await
}

/// How many of them belong to links that ended, by the code of why: what the next cycle would remove. Rows of links that
/// nobody knows are not counted; only a full comparison removes them.
///
/// # Errors
/// [`StoreError`].
pub async fn count_ended(session: &mut impl Session) -> Result<Vec<(String, u64)>, StoreError> {
    let sql = "SELECT COALESCE(links.end_reason, ''), COUNT(*) FROM ledger JOIN links ON links.id = ledger.link_id \
               WHERE ledger.state = 'written' AND ledger.link_id <> 0 AND links.active = 0 GROUP BY links.end_reason";
    let rows: Vec<(String, i64)> = session.fetch_all(sql, []).await?;
    Ok(rows.into_iter().map(|(code, count)| (code, count.unsigned_abs())).collect())
}

/// The rows that the ledger says are ours, for these users, each with whether it was written (or only intended).
///
/// # Errors
/// [`StoreError`].
pub async fn noted_of_users(
    session: &mut impl Session,
    component: &str,
    users: &[MoodleUserId],
) -> Result<Vec<(Key, bool)>, StoreError> {
    let sql = format!(
        "SELECT user_id, context_id, role_id, item_id, state FROM ledger WHERE state <> 'removed' AND component = ? AND \
         user_id IN {}",
        in_list(users.len())
    );
    let mut args: Vec<Value> = vec![component.into()];
    args.extend(users.iter().map(|user| Value::from(user.0)));
    let rows: Vec<(i64, i64, i64, i64, String)> = session.fetch_all(&sql, args).await?;
    Ok(rows
        .into_iter()
        .map(|(user, context, role, item, state)| {
            ((MoodleUserId(user), ContextId(context), RoleId(role), item), state == "written")
        })
        .collect())
}

async fn count(session: &mut impl Session, sql: &str) -> Result<u64, StoreError> {
    let row: Option<(i64,)> = session.fetch_optional(sql, []).await?;
    Ok(row.map_or(0, |(count,)| u64::try_from(count).unwrap_or_default()))
}
