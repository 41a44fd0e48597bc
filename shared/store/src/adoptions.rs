//! Role rows of the earlier plugin that became ours, so that they can be given back.
//!
//! A row is noted before Moodle has it changed: a process that dies in between leaves a note of a row that is not ours, which
//! is harmless, and never an adopted row without a note. The ledger names adopted rows like any other.

use kinlink_db::{Session, Value, in_list, insert_many};
use kinlink_domain::{
    Timestamp,
    adoption::Adopted,
    ids::{ContextId, MoodleUserId, PlanId, RoleId},
};

use crate::{StoreError, time::millis};

/// Notes rows that a plan adopts. A plan that goes on after its process died notes them anew.
///
/// # Errors
/// [`StoreError`].
pub async fn note(
    session: &mut impl Session,
    plan: PlanId,
    rows: &[Adopted],
    now: Timestamp,
) -> Result<(), StoreError> {
    let values = rows
        .iter()
        .map(|row| {
            [
                plan.to_string().into(),
                row.id.into(),
                row.user.0.into(),
                row.context.0.into(),
                row.role.0.into(),
                row.item.into(),
                millis(now).into(),
                Value::from(None::<i64>),
            ]
        })
        .collect();
    let end = session.engine().or_update("plan_id, assignment_id", &["adopted_at", "given_back_at"]);
    let insert = "INSERT INTO adoptions (plan_id, assignment_id, user_id, context_id, role_id, item_id, adopted_at, \
                  given_back_at)";
    insert_many(session, insert, values, &end).await?;
    Ok(())
}

/// The rows of these users that were adopted and not given back, each once.
///
/// # Errors
/// [`StoreError`].
pub async fn of_users(session: &mut impl Session, users: &[MoodleUserId]) -> Result<Vec<Adopted>, StoreError> {
    let sql = format!(
        "SELECT DISTINCT assignment_id, user_id, context_id, role_id, item_id FROM adoptions WHERE given_back_at IS NULL AND \
         user_id IN {}",
        in_list(users.len())
    );
    let args: Vec<Value> = users.iter().map(|user| Value::from(user.0)).collect();
    let rows: Vec<(i64, i64, i64, i64, i64)> = session.fetch_all(&sql, args).await?;
    Ok(rows
        .into_iter()
        .map(|(id, user, context, role, item)| Adopted {
            id,
            user: MoodleUserId(user),
            context: ContextId(context),
            role: RoleId(role),
            item,
        })
        .collect())
}

/// How many rows were adopted and not given back.
///
/// # Errors
/// [`StoreError`].
pub async fn count(session: &mut impl Session) -> Result<u64, StoreError> {
    let sql = "SELECT COUNT(DISTINCT assignment_id) FROM adoptions WHERE given_back_at IS NULL";
    let row: Option<(i64,)> = session.fetch_optional(sql, []).await?;
    Ok(row.map_or(0, |(count,)| count.unsigned_abs()))
}

/// Notes that rows were given back, by their ids in Moodle.
///
/// # Errors
/// [`StoreError`].
pub async fn given_back(session: &mut impl Session, rows: &[i64], now: Timestamp) -> Result<(), StoreError> {
    for chunk in rows.chunks(kinlink_db::ROWS_PER_STATEMENT) {
        let sql = format!(
            "UPDATE adoptions SET given_back_at = ? WHERE given_back_at IS NULL AND assignment_id IN {}",
            in_list(chunk.len())
        );
        let mut args: Vec<Value> = vec![millis(now).into()];
        args.extend(chunk.iter().map(|id| Value::from(*id)));
        session.execute(&sql, args).await?;
    }
    Ok(())
}
