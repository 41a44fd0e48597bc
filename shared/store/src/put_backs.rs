//! Rows of ours that were put back into Moodle after somebody took them away, and those that are left alone because that
//! happened again and again.

use kinlink_db::{Session, Value, insert_many};
use kinlink_domain::{
    Timestamp,
    ids::{AdultId, ContestId, ContextId, LinkId, MoodleUserId, RoleId},
};

use crate::{
    StoreError,
    error::id,
    ledger::Key,
    time::{instant, millis},
};

/// A row that is left alone until a person says that it is to be put back again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contest {
    /// Its id.
    pub id: ContestId,
    /// The row.
    pub row: Key,
    /// The component that it bears.
    pub component: String,
    /// The adult.
    pub adult: AdultId,
    /// The link that causes it; 0 for a static context.
    pub link: LinkId,
    /// Since when it is left alone.
    pub began_at: Timestamp,
}

fn key_values((user, context, role, item): &Key) -> [Value; 4] {
    [user.0.into(), context.0.into(), role.0.into(), (*item).into()]
}

const ROW: &str = "(user_id, context_id, role_id, item_id)";

/// Notes that rows are put back now.
///
/// # Errors
/// [`StoreError`].
pub async fn note(session: &mut impl Session, component: &str, rows: &[Key], now: Timestamp) -> Result<(), StoreError> {
    let values = rows
        .iter()
        .map(|row| {
            let [user, context, role, item] = key_values(row);
            [component.into(), user, context, role, item, Value::from(millis(now))]
        })
        .collect();
    let insert = "INSERT INTO put_backs (component, user_id, context_id, role_id, item_id, put_back_at)";
    let end = session.engine().or_ignore("component");
    insert_many(session, insert, values, &end).await?;
    Ok(())
}

/// Those of some rows that were put back so many times since then.
///
/// # Errors
/// [`StoreError`].
pub async fn frequent(
    session: &mut impl Session,
    component: &str,
    rows: &[Key],
    since: Timestamp,
    times: i64,
) -> Result<Vec<Key>, StoreError> {
    let mut found = Vec::new();
    for chunk in rows.chunks(kinlink_db::ROWS_PER_STATEMENT) {
        let sql = format!(
            "SELECT user_id, context_id, role_id, item_id FROM put_backs WHERE component = ? AND put_back_at > ? AND {ROW} IN \
             {} GROUP BY user_id, context_id, role_id, item_id HAVING COUNT(*) >= ?",
            session.engine().rows_in(chunk.len(), 4)
        );
        let mut args: Vec<Value> = vec![component.into(), millis(since).into()];
        args.extend(chunk.iter().flat_map(key_values));
        args.push(times.into());
        found.extend(fetch_keys(session, &sql, args).await?);
    }
    Ok(found)
}

/// Those of some rows that are left alone.
///
/// # Errors
/// [`StoreError`].
pub async fn contested(session: &mut impl Session, component: &str, rows: &[Key]) -> Result<Vec<Key>, StoreError> {
    let mut found = Vec::new();
    for chunk in rows.chunks(kinlink_db::ROWS_PER_STATEMENT) {
        let sql = format!(
            "SELECT user_id, context_id, role_id, item_id FROM contests WHERE component = ? AND {ROW} IN {}",
            session.engine().rows_in(chunk.len(), 4)
        );
        let mut args: Vec<Value> = vec![component.into()];
        args.extend(chunk.iter().flat_map(key_values));
        found.extend(fetch_keys(session, &sql, args).await?);
    }
    Ok(found)
}

async fn fetch_keys(session: &mut impl Session, sql: &str, args: Vec<Value>) -> Result<Vec<Key>, StoreError> {
    let rows: Vec<(i64, i64, i64, i64)> = session.fetch_all(sql, args).await?;
    let key = |(user, context, role, item)| (MoodleUserId(user), ContextId(context), RoleId(role), item);
    Ok(rows.into_iter().map(key).collect())
}

/// Leaves rows alone from now on. Those that are left alone already stay as they are.
///
/// # Errors
/// [`StoreError`].
pub async fn contest(session: &mut impl Session, contests: &[Contest]) -> Result<(), StoreError> {
    let values = contests
        .iter()
        .map(|contest| {
            let [user, context, role, item] = key_values(&contest.row);
            [
                contest.id.to_string().into(),
                contest.component.as_str().into(),
                user,
                context,
                role,
                item,
                contest.adult.to_string().into(),
                contest.link.0.into(),
                Value::from(millis(contest.began_at)),
            ]
        })
        .collect();
    let insert =
        "INSERT INTO contests (id, component, user_id, context_id, role_id, item_id, adult_id, link_id, began_at)";
    let end = session.engine().or_ignore("id");
    insert_many(session, insert, values, &end).await?;
    Ok(())
}

type ContestRow = (String, String, i64, i64, i64, i64, String, i64, i64);

/// Rows that are left alone, the oldest first, at most so many.
///
/// # Errors
/// [`StoreError`].
pub async fn contests(session: &mut impl Session, limit: u32) -> Result<Vec<Contest>, StoreError> {
    fetch(session, "ORDER BY id LIMIT ?", i64::from(limit).into()).await
}

/// A row that is left alone.
///
/// # Errors
/// [`StoreError`].
pub async fn find(session: &mut impl Session, contest: ContestId) -> Result<Option<Contest>, StoreError> {
    Ok(fetch(session, "WHERE id = ?", contest.to_string().into()).await?.pop())
}

async fn fetch(session: &mut impl Session, end: &str, arg: Value) -> Result<Vec<Contest>, StoreError> {
    let sql = format!(
        "SELECT id, component, user_id, context_id, role_id, item_id, adult_id, link_id, began_at FROM contests {end}"
    );
    let rows: Vec<ContestRow> = session.fetch_all(&sql, [arg]).await?;
    rows.into_iter()
        .map(|(contest, component, user, context, role, item, adult, link, began_at)| {
            Ok(Contest {
                id: id(&contest, "contests.id")?,
                row: (MoodleUserId(user), ContextId(context), RoleId(role), item),
                component,
                adult: id(&adult, "contests.adult_id")?,
                link: LinkId(link),
                began_at: instant(began_at),
            })
        })
        .collect()
}

/// Ends a contest: the row may be put back again, and its count begins anew. Gives whether there was one.
///
/// # Errors
/// [`StoreError`].
pub async fn release(session: &mut impl Session, contest: ContestId) -> Result<bool, StoreError> {
    let counted = "DELETE FROM put_backs WHERE EXISTS (SELECT 1 FROM contests c WHERE c.id = ? AND \
                   c.component = put_backs.component AND c.user_id = put_backs.user_id AND \
                   c.context_id = put_backs.context_id AND c.role_id = put_backs.role_id AND \
                   c.item_id = put_backs.item_id)";
    session.execute(counted, [contest.to_string().into()]).await?;
    Ok(session.execute("DELETE FROM contests WHERE id = ?", [contest.to_string().into()]).await? == 1)
}

/// Forgets what was put back before `before`.
///
/// # Errors
/// [`StoreError`].
pub async fn forget(session: &mut impl Session, before: Timestamp) -> Result<u64, StoreError> {
    Ok(session.execute("DELETE FROM put_backs WHERE put_back_at < ?", [millis(before).into()]).await?)
}
