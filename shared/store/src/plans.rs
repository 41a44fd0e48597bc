//! Plans that were kept: exact rows with their reasons, who asked for one to be applied, and what became of it. Also the
//! sizes of what removals rely on, so that a source that shrank is noticed.

use std::collections::BTreeMap;

use kinlink_db::{Int, Session, Value, insert_many};
use kinlink_domain::{
    Timestamp,
    ids::{CycleId, PlanId},
    plan_row::{PlanRow, Scope},
    reason::Reason,
};
use sqlx::FromRow;

use crate::{
    StoreError,
    error::{coded, id, id_or_none},
    time::{instant, millis},
};

/// Rows in one part of a plan; a part has one reason.
const ROWS_PER_PART: usize = 500;

/// A plan that was kept, without its rows.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Its id.
    pub id: PlanId,
    /// Its digest.
    pub digest: String,
    /// How much it speaks of.
    pub scope: Scope,
    /// Who had it made; `system` when the brake did.
    pub actor: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Role rows to insert.
    pub additions: u64,
    /// Role rows to delete.
    pub removals: u64,
    /// User contexts to make or mend.
    pub contexts: u64,
    /// Role rows to adopt, or to give back.
    pub adoptions: u64,
    /// Whether the brake would hold some of it.
    pub braked: bool,
    /// The person who asked for it to be applied, and when.
    pub asked: Option<(String, Timestamp)>,
    /// The person by whose word it may be applied, and when.
    pub admitted: Option<(String, Timestamp)>,
    /// When a cycle began to apply it, after it had checked it.
    pub begun_at: Option<Timestamp>,
    /// When it was applied to its end, and by which cycle.
    pub applied: Option<(Timestamp, CycleId)>,
}

#[derive(FromRow)]
struct Stored {
    id: String,
    digest: String,
    scope: String,
    actor: String,
    created_at: i64,
    additions: i64,
    removals: i64,
    contexts: i64,
    adoptions: i64,
    braked: Int,
    asked_by: Option<String>,
    asked_at: Option<i64>,
    admitted_by: Option<String>,
    admitted_at: Option<i64>,
    begun_at: Option<i64>,
    applied_at: Option<i64>,
    cycle_id: Option<String>,
}

impl TryFrom<Stored> for Plan {
    type Error = StoreError;
    fn try_from(row: Stored) -> Result<Self, StoreError> {
        let cycle = id_or_none(row.cycle_id.as_deref(), "plans.cycle_id")?;
        Ok(Self {
            id: id(&row.id, "plans.id")?,
            digest: row.digest,
            scope: coded(Scope::from_code(&row.scope), "plans.scope")?,
            actor: row.actor,
            created_at: instant(row.created_at),
            additions: row.additions.unsigned_abs(),
            removals: row.removals.unsigned_abs(),
            contexts: row.contexts.unsigned_abs(),
            adoptions: row.adoptions.unsigned_abs(),
            braked: row.braked.is_set(),
            asked: row.asked_by.zip(row.asked_at.map(instant)),
            admitted: row.admitted_by.zip(row.admitted_at.map(instant)),
            begun_at: row.begun_at.map(instant),
            applied: row.applied_at.map(instant).zip(cycle),
        })
    }
}

const PLAN: &str = "SELECT id, digest, scope, actor, created_at, additions, removals, contexts, adoptions, braked, asked_by, \
     asked_at, admitted_by, admitted_at, begun_at, applied_at, cycle_id FROM plans";

/// Keeps a plan with its rows.
///
/// # Errors
/// [`StoreError`].
pub async fn insert(session: &mut impl Session, plan: &Plan, rows: &[PlanRow]) -> Result<(), StoreError> {
    let sql = "INSERT INTO plans (id, digest, scope, actor, created_at, additions, removals, contexts, adoptions, braked) \
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    let count = |number: u64| Value::from(i64::try_from(number).unwrap_or(i64::MAX));
    let args = [
        plan.id.to_string().into(),
        plan.digest.as_str().into(),
        plan.scope.code().into(),
        plan.actor.as_str().into(),
        millis(plan.created_at).into(),
        count(plan.additions),
        count(plan.removals),
        count(plan.contexts),
        count(plan.adoptions),
        plan.braked.into(),
    ];
    session.execute(sql, args).await?;
    let mut by_reason: BTreeMap<Reason, Vec<&PlanRow>> = BTreeMap::new();
    for row in rows {
        by_reason.entry(row.reason).or_default().push(row);
    }
    let parts = by_reason.iter().flat_map(|(reason, rows)| rows.chunks(ROWS_PER_PART).map(move |part| (reason, part)));
    let parts: Vec<[Value; 5]> = parts
        .zip(0_i64..)
        .map(|((reason, part), number)| {
            let content = serde_json::to_string(part).unwrap_or_default();
            let count = i64::try_from(part.len()).unwrap_or(i64::MAX);
            [plan.id.to_string().into(), number.into(), reason.code().into(), count.into(), content.into()]
        })
        .collect();
    // A part is large: few in a statement keep it below what servers take at once.
    for some in parts.chunks(16) {
        let insert = "INSERT INTO plan_rows (plan_id, part, reason, row_count, content)";
        insert_many(session, insert, some.to_vec(), "").await?;
    }
    Ok(())
}

/// A plan by its id.
///
/// # Errors
/// [`StoreError`].
pub async fn find(session: &mut impl Session, plan: PlanId) -> Result<Option<Plan>, StoreError> {
    fetch_one(session, &format!("{PLAN} WHERE id = ?"), vec![plan.to_string().into()]).await
}

/// The newest plan with this digest.
///
/// # Errors
/// [`StoreError`].
pub async fn find_by_digest(session: &mut impl Session, digest: &str) -> Result<Option<Plan>, StoreError> {
    fetch_one(session, &format!("{PLAN} WHERE digest = ? ORDER BY id DESC LIMIT 1"), vec![digest.into()]).await
}

/// The newest plan of the same rows that was neither begun nor applied.
///
/// # Errors
/// [`StoreError`].
pub async fn find_same(
    session: &mut impl Session,
    digest: &str,
    scope: Scope,
    braked: bool,
) -> Result<Option<Plan>, StoreError> {
    let sql = format!(
        "{PLAN} WHERE digest = ? AND scope = ? AND braked = ? AND begun_at IS NULL AND applied_at IS NULL \
         ORDER BY id DESC LIMIT 1"
    );
    fetch_one(session, &sql, vec![digest.into(), scope.code().into(), i64::from(braked).into()]).await
}

/// A page of plans, newest first, behind `after`.
///
/// # Errors
/// [`StoreError`].
pub async fn list(session: &mut impl Session, after: Option<PlanId>, limit: u32) -> Result<Vec<Plan>, StoreError> {
    // Ids sort by time of creation.
    let (condition, mut args) = match after {
        Some(after) => ("WHERE id < ?", vec![Value::from(after.to_string())]),
        None => ("", Vec::new()),
    };
    args.push(i64::from(limit).into());
    let sql = format!("{PLAN} {condition} ORDER BY id DESC LIMIT ?");
    let rows: Vec<Stored> = session.fetch_all(&sql, args).await?;
    rows.into_iter().map(Plan::try_from).collect()
}

async fn fetch_one(session: &mut impl Session, sql: &str, args: Vec<Value>) -> Result<Option<Plan>, StoreError> {
    let row: Option<Stored> = session.fetch_optional(sql, args).await?;
    row.map(Plan::try_from).transpose()
}

/// How many rows of a plan have which reason.
///
/// # Errors
/// [`StoreError`].
pub async fn reasons(session: &mut impl Session, plan: PlanId) -> Result<Vec<(Reason, u64)>, StoreError> {
    let mut counts: BTreeMap<Reason, u64> = BTreeMap::new();
    for part in parts(session, plan).await? {
        *counts.entry(part.reason).or_default() += part.rows;
    }
    Ok(counts.into_iter().collect())
}

struct Part {
    number: i64,
    reason: Reason,
    rows: u64,
}

async fn parts(session: &mut impl Session, plan: PlanId) -> Result<Vec<Part>, StoreError> {
    let sql = "SELECT part, reason, row_count FROM plan_rows WHERE plan_id = ? ORDER BY part";
    let rows: Vec<(i64, String, i64)> = session.fetch_all(sql, [plan.to_string().into()]).await?;
    rows.into_iter()
        .map(|(number, reason, rows)| {
            let reason = coded(Reason::from_code(&reason), "plan_rows.reason")?;
            Ok(Part { number, reason, rows: rows.unsigned_abs() })
        })
        .collect()
}

/// Some rows of a plan, grouped by reason; only those with one reason, if it is given. Reads no more than it must.
///
/// # Errors
/// [`StoreError`].
pub async fn rows(
    session: &mut impl Session,
    plan: PlanId,
    reason: Option<Reason>,
    skip: u64,
    limit: u64,
) -> Result<Vec<PlanRow>, StoreError> {
    let mut found: Vec<PlanRow> = Vec::new();
    let mut before = 0;
    for part in parts(session, plan).await? {
        if reason.is_some_and(|reason| reason != part.reason) {
            continue;
        }
        let (first, end) = (before, before + part.rows);
        before = end;
        let wanted = limit.saturating_sub(found.len() as u64);
        if end <= skip || wanted == 0 {
            continue;
        }
        let sql = "SELECT content FROM plan_rows WHERE plan_id = ? AND part = ?";
        let row: Option<(String,)> =
            session.fetch_optional(sql, [plan.to_string().into(), Value::from(part.number)]).await?;
        let (content,) = row.ok_or(StoreError::Stale("the plan"))?;
        let rows: Vec<PlanRow> =
            serde_json::from_str(&content).map_err(|_| StoreError::Corrupt("plan_rows.content"))?;
        let skipped = usize::try_from(skip.saturating_sub(first)).unwrap_or(usize::MAX);
        found.extend(rows.into_iter().skip(skipped).take(usize::try_from(wanted).unwrap_or(usize::MAX)));
    }
    Ok(found)
}

/// Notes who asked for a plan to be applied. Does nothing when somebody did or it is admitted already.
///
/// # Errors
/// [`StoreError`].
pub async fn ask(session: &mut impl Session, plan: PlanId, person: &str, now: Timestamp) -> Result<(), StoreError> {
    let sql = "UPDATE plans SET asked_by = ?, asked_at = ? WHERE id = ? AND asked_by IS NULL AND admitted_at IS NULL";
    session.execute(sql, [person.into(), millis(now).into(), Value::from(plan.to_string())]).await?;
    Ok(())
}

/// Notes by whose word a plan may be applied.
///
/// # Errors
/// [`StoreError::Stale`] when somebody was faster.
pub async fn admit(session: &mut impl Session, plan: PlanId, person: &str, now: Timestamp) -> Result<(), StoreError> {
    let sql = "UPDATE plans SET admitted_by = ?, admitted_at = ? WHERE id = ? AND admitted_at IS NULL";
    match session.execute(sql, [person.into(), millis(now).into(), Value::from(plan.to_string())]).await? {
        1 => Ok(()),
        _ => Err(StoreError::Stale("the plan")),
    }
}

/// Notes that a plan was checked and its first row is about to be written. Only the first time counts.
///
/// # Errors
/// [`StoreError`].
pub async fn begin(session: &mut impl Session, plan: PlanId, now: Timestamp) -> Result<(), StoreError> {
    let sql = "UPDATE plans SET begun_at = ? WHERE id = ? AND begun_at IS NULL";
    session.execute(sql, [millis(now).into(), Value::from(plan.to_string())]).await?;
    Ok(())
}

/// Notes that a plan was applied to its end.
///
/// # Errors
/// [`StoreError`].
pub async fn finish(
    session: &mut impl Session,
    plan: PlanId,
    cycle: CycleId,
    now: Timestamp,
) -> Result<(), StoreError> {
    let sql = "UPDATE plans SET applied_at = ?, cycle_id = ? WHERE id = ? AND applied_at IS NULL";
    session.execute(sql, [millis(now).into(), cycle.to_string().into(), Value::from(plan.to_string())]).await?;
    Ok(())
}

/// Forgets plans made before `before`, and all but the `most` newest. Gives their number.
///
/// # Errors
/// [`StoreError`].
pub async fn prune(session: &mut impl Session, before: Timestamp, most: u32) -> Result<u64, StoreError> {
    let oldest = "SELECT id FROM plans ORDER BY id DESC LIMIT 1 OFFSET ?";
    let beyond: Option<(String,)> = session.fetch_optional(oldest, [i64::from(most).into()]).await?;
    // An id that is less than every other keeps all.
    let beyond = beyond.map_or_else(String::new, |(id,)| id);
    let condition = "created_at < ? OR id <= ?";
    let args = || -> [Value; 2] { [millis(before).into(), beyond.as_str().into()] };
    let rows = format!("DELETE FROM plan_rows WHERE plan_id IN (SELECT id FROM plans WHERE {condition})");
    session.execute(&rows, args()).await?;
    Ok(session.execute(&format!("DELETE FROM plans WHERE {condition}"), args()).await?)
}

/// How large something was when it was measured last.
///
/// # Errors
/// [`StoreError`].
pub async fn size(session: &mut impl Session, name: &str) -> Result<Option<u64>, StoreError> {
    let sql = "SELECT size FROM source_sizes WHERE name = ?";
    let row: Option<(i64,)> = session.fetch_optional(sql, [name.into()]).await?;
    Ok(row.map(|(size,)| size.unsigned_abs()))
}

/// Notes how large something is.
///
/// # Errors
/// [`StoreError`].
pub async fn set_size(session: &mut impl Session, name: &str, size: u64, now: Timestamp) -> Result<(), StoreError> {
    let sql = format!(
        "INSERT INTO source_sizes (name, size, measured_at) VALUES (?, ?, ?){}",
        session.engine().or_update("name", &["size", "measured_at"])
    );
    let size = i64::try_from(size).unwrap_or(i64::MAX);
    session.execute(&sql, [name.into(), size.into(), Value::from(millis(now))]).await?;
    Ok(())
}
