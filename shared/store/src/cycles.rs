//! Runs of the provisioner, with the result of each link.

use std::collections::BTreeMap;

use kinlink_db::{Session, Value, in_list, insert_many};
use kinlink_domain::{
    Timestamp,
    ids::{AdultId, CycleId, LinkId, MoodleUserId, PlanId, RequestId},
    outcome::{Next, Outcome},
    reference::Reference,
};
use serde::Serialize;
use sqlx::FromRow;
use utoipa::ToSchema;

use crate::{
    StoreError,
    error::{coded, id, id_or_none},
    time::{instant, millis},
};

/// Where a cycle stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CycleState {
    /// Asked for; the provisioner takes it up at its next start.
    Queued,
    /// Running.
    Running,
    /// Ended as it should.
    Done,
    /// Stopped by a fault, or its process died.
    Failed,
}

impl CycleState {
    const fn code(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }

    fn from_code(code: &str) -> Option<Self> {
        [Self::Queued, Self::Running, Self::Done, Self::Failed].into_iter().find(|state| state.code() == code)
    }
}

/// A run of the provisioner.
#[derive(Debug, Clone)]
pub struct Cycle {
    /// Its id.
    pub id: CycleId,
    /// What it does: `cycle`, `reconcile`, `apply`.
    pub action: String,
    /// Where it stands.
    pub state: CycleState,
    /// Who asked for it.
    pub actor: String,
    /// The plan that it applies.
    pub plan: Option<PlanId>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// What it did, as JSON.
    pub report: Option<serde_json::Value>,
    /// What stopped it.
    pub fault: Option<String>,
}

#[derive(FromRow)]
struct CycleRow {
    id: String,
    action: String,
    state: String,
    actor: String,
    plan_id: Option<String>,
    created_at: i64,
    started_at: Option<i64>,
    finished_at: Option<i64>,
    report: Option<String>,
    fault: Option<String>,
}

impl TryFrom<CycleRow> for Cycle {
    type Error = StoreError;
    fn try_from(row: CycleRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: id(&row.id, "cycles.id")?,
            action: row.action,
            state: coded(CycleState::from_code(&row.state), "cycles.state")?,
            actor: row.actor,
            plan: id_or_none(row.plan_id.as_deref(), "cycles.plan_id")?,
            created_at: instant(row.created_at),
            started_at: row.started_at.map(instant),
            finished_at: row.finished_at.map(instant),
            report: row
                .report
                .map(|json| serde_json::from_str(&json).map_err(|_| StoreError::Corrupt("cycles.report")))
                .transpose()?,
            fault: row.fault,
        })
    }
}

const CYCLE: &str =
    "SELECT id, action, state, actor, plan_id, created_at, started_at, finished_at, report, fault FROM cycles";

/// Stores a cycle, queued or running.
///
/// # Errors
/// [`StoreError`].
pub async fn insert(session: &mut impl Session, cycle: &Cycle) -> Result<(), StoreError> {
    let sql =
        "INSERT INTO cycles (id, action, state, actor, plan_id, created_at, started_at) VALUES (?, ?, ?, ?, ?, ?, ?)";
    let args = [
        cycle.id.to_string().into(),
        cycle.action.as_str().into(),
        cycle.state.code().into(),
        cycle.actor.as_str().into(),
        cycle.plan.map(|plan| plan.to_string()).into(),
        millis(cycle.created_at).into(),
        Value::from(cycle.started_at.map(millis)),
    ];
    session.execute(sql, args).await?;
    Ok(())
}

/// The oldest queued cycle.
///
/// # Errors
/// [`StoreError`].
pub async fn next_queued(session: &mut impl Session) -> Result<Option<Cycle>, StoreError> {
    let sql = format!("{CYCLE} WHERE state = 'queued' ORDER BY created_at, id LIMIT 1");
    fetch_one(session, &sql, vec![]).await
}

/// Begins a queued cycle. Call it while holding the provisioner's lease.
///
/// # Errors
/// [`StoreError::Stale`] when it is not queued any more.
pub async fn start(session: &mut impl Session, cycle: CycleId, now: Timestamp) -> Result<(), StoreError> {
    let sql = "UPDATE cycles SET state = 'running', started_at = ? WHERE id = ? AND state = 'queued'";
    match session.execute(sql, [millis(now).into(), Value::from(cycle.to_string())]).await? {
        1 => Ok(()),
        _ => Err(StoreError::Stale("the cycle")),
    }
}

/// Notes how far a running cycle has come: what its report would be if it ended now.
///
/// # Errors
/// [`StoreError`].
pub async fn note(session: &mut impl Session, cycle: CycleId, report: &serde_json::Value) -> Result<(), StoreError> {
    let sql = "UPDATE cycles SET report = ? WHERE id = ? AND state = 'running'";
    session.execute(sql, [report.to_string().into(), Value::from(cycle.to_string())]).await?;
    Ok(())
}

/// Ends a cycle.
///
/// # Errors
/// [`StoreError`].
pub async fn finish(
    session: &mut impl Session,
    cycle: CycleId,
    state: CycleState,
    report: Option<&serde_json::Value>,
    fault: Option<&str>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let sql = "UPDATE cycles SET state = ?, finished_at = ?, report = ?, fault = ? WHERE id = ?";
    let args = [
        state.code().into(),
        millis(now).into(),
        report.map(ToString::to_string).into(),
        fault.into(),
        Value::from(cycle.to_string()),
    ];
    session.execute(sql, args).await?;
    Ok(())
}

/// Marks every running cycle as failed: called by the holder of the lease, so whoever ran them is dead.
///
/// # Errors
/// [`StoreError`].
pub async fn bury_running(session: &mut impl Session, now: Timestamp) -> Result<u64, StoreError> {
    let sql = "UPDATE cycles SET state = 'failed', finished_at = ?, fault = ? WHERE state = 'running'";
    let fault = "the process that ran this cycle ended before it was done; the next cycle heals what is left";
    Ok(session.execute(sql, [millis(now).into(), Value::from(fault)]).await?)
}

/// A cycle by its id.
///
/// # Errors
/// [`StoreError`].
pub async fn find(session: &mut impl Session, cycle: CycleId) -> Result<Option<Cycle>, StoreError> {
    fetch_one(session, &format!("{CYCLE} WHERE id = ?"), vec![cycle.to_string().into()]).await
}

/// The cycle that ended well last: the heartbeat.
///
/// # Errors
/// [`StoreError`].
pub async fn last_good(session: &mut impl Session) -> Result<Option<Cycle>, StoreError> {
    let sql = format!("{CYCLE} WHERE state = 'done' ORDER BY created_at DESC, id DESC LIMIT 1");
    fetch_one(session, &sql, vec![]).await
}

/// The newest cycle of this action that ended well.
///
/// # Errors
/// [`StoreError`].
pub async fn newest_done(session: &mut impl Session, action: &str) -> Result<Option<Cycle>, StoreError> {
    let sql = format!("{CYCLE} WHERE state = 'done' AND action = ? ORDER BY id DESC LIMIT 1");
    fetch_one(session, &sql, vec![action.into()]).await
}

/// The newest cycle that applies a plan, or tried to.
///
/// # Errors
/// [`StoreError`].
pub async fn newest_of_plan(session: &mut impl Session, plan: PlanId) -> Result<Option<Cycle>, StoreError> {
    let sql = format!("{CYCLE} WHERE plan_id = ? ORDER BY id DESC LIMIT 1");
    fetch_one(session, &sql, vec![plan.to_string().into()]).await
}

/// A page of cycles, newest first, behind `after`.
///
/// # Errors
/// [`StoreError`].
pub async fn list(session: &mut impl Session, after: Option<CycleId>, limit: u32) -> Result<Vec<Cycle>, StoreError> {
    // Ids sort by time of creation.
    let (condition, mut args) = match after {
        Some(after) => ("WHERE id < ?", vec![Value::from(after.to_string())]),
        None => ("", Vec::new()),
    };
    args.push(i64::from(limit).into());
    let rows: Vec<CycleRow> = session.fetch_all(&format!("{CYCLE} {condition} ORDER BY id DESC LIMIT ?"), args).await?;
    rows.into_iter().map(Cycle::try_from).collect()
}

async fn fetch_one(session: &mut impl Session, sql: &str, args: Vec<Value>) -> Result<Option<Cycle>, StoreError> {
    let row: Option<CycleRow> = session.fetch_optional(sql, args).await?;
    row.map(Cycle::try_from).transpose()
}

/// Forgets cycles that ended well before `before` and found nothing to record: one comes every minute.
///
/// # Errors
/// [`StoreError`].
pub async fn prune(session: &mut impl Session, before: Timestamp) -> Result<u64, StoreError> {
    let sql = "DELETE FROM cycles WHERE state = 'done' AND created_at < ? AND NOT EXISTS \
               (SELECT 1 FROM cycle_results WHERE cycle_results.cycle_id = cycles.id)";
    Ok(session.execute(sql, [millis(before).into()]).await?)
}

/// Records what a cycle found about links; a later finding of the same cycle replaces an earlier one.
///
/// # Errors
/// [`StoreError`].
pub async fn record(
    session: &mut impl Session,
    cycle: CycleId,
    results: &[(LinkId, Outcome)],
    now: Timestamp,
) -> Result<(), StoreError> {
    // The same key twice in one statement is an error on PostgreSQL: the last one counts.
    let results: BTreeMap<LinkId, Outcome> = results.iter().copied().collect();
    let rows = results
        .iter()
        .map(|(link, outcome)| {
            [cycle.to_string().into(), link.0.into(), outcome.code().into(), Value::from(millis(now))]
        })
        .collect();
    let end = session.engine().or_update("cycle_id, link_id", &["outcome", "found_at"]);
    insert_many(session, "INSERT INTO cycle_results (cycle_id, link_id, outcome, found_at)", rows, &end).await?;
    Ok(())
}

/// How many links of a cycle came to what.
///
/// # Errors
/// [`StoreError`].
pub async fn count_results(session: &mut impl Session, cycle: CycleId) -> Result<Vec<(Outcome, i64)>, StoreError> {
    let sql = "SELECT outcome, COUNT(*) FROM cycle_results WHERE cycle_id = ? GROUP BY outcome ORDER BY outcome";
    let rows: Vec<(String, i64)> = session.fetch_all(sql, [cycle.to_string().into()]).await?;
    rows.into_iter()
        .map(|(outcome, count)| Ok((coded(Outcome::from_code(&outcome), "cycle_results.outcome")?, count)))
        .collect()
}

/// What a cycle found about a link, with whom it links and the request behind it.
#[derive(Debug, Clone)]
pub struct Found {
    /// The link.
    pub link: LinkId,
    /// What was found.
    pub outcome: Outcome,
    /// When.
    pub found_at: Timestamp,
    /// The pupil.
    pub pupil: MoodleUserId,
    /// The adult.
    pub adult: AdultId,
    /// The adult's given name.
    pub given_name: String,
    /// The adult's family name.
    pub family_name: String,
    /// The request of the claim that was approved last.
    pub request: Option<(RequestId, Reference)>,
}

#[derive(FromRow)]
struct FoundRow {
    link_id: i64,
    outcome: String,
    found_at: i64,
    pupil_id: i64,
    adult_id: String,
    given_name: String,
    family_name: String,
    request_id: Option<String>,
    reference: Option<String>,
}

/// A numbered page of what a cycle found: what needs a person first, then what waits, then what is done.
///
/// # Errors
/// [`StoreError`].
pub async fn found(
    session: &mut impl Session,
    cycle: CycleId,
    outcomes: &[Outcome],
    limit: u32,
    offset: i64,
) -> Result<Vec<Found>, StoreError> {
    let list = |wanted: Next| {
        let codes: Vec<String> = Outcome::ALL
            .iter()
            .filter(|outcome| outcome.next() == wanted)
            .map(|outcome| format!("'{outcome}'"))
            .collect();
        codes.join(", ")
    };
    let sql = format!(
        "SELECT f.link_id, f.outcome, f.found_at, l.pupil_id, l.adult_id, a.given_name, a.family_name, r.id AS request_id, \
         r.reference FROM cycle_results f JOIN links l ON l.id = f.link_id JOIN adults a ON a.id = l.adult_id \
         LEFT JOIN claims c ON c.id = l.claim_id LEFT JOIN requests r ON r.id = c.request_id \
         WHERE f.cycle_id = ? AND f.outcome IN {} ORDER BY CASE WHEN f.outcome IN ({}) THEN 0 WHEN f.outcome IN ({}) THEN 1 \
         ELSE 2 END, f.link_id LIMIT ? OFFSET ?",
        in_list(outcomes.len()),
        list(Next::Retry),
        list(Next::Wait)
    );
    let mut args: Vec<Value> = vec![cycle.to_string().into()];
    args.extend(outcomes.iter().map(|outcome| Value::from(outcome.code())));
    args.extend([i64::from(limit).into(), offset.into()]);
    let rows: Vec<FoundRow> = session.fetch_all(&sql, args).await?;
    rows.into_iter()
        .map(|row| {
            let request = match (row.request_id, row.reference) {
                (Some(request), Some(reference)) => Some((
                    id(&request, "requests.id")?,
                    reference.parse().map_err(|_| StoreError::Corrupt("requests.reference"))?,
                )),
                _ => None,
            };
            Ok(Found {
                link: LinkId(row.link_id),
                outcome: coded(Outcome::from_code(&row.outcome), "cycle_results.outcome")?,
                found_at: instant(row.found_at),
                pupil: MoodleUserId(row.pupil_id),
                adult: id(&row.adult_id, "links.adult_id")?,
                given_name: row.given_name,
                family_name: row.family_name,
                request,
            })
        })
        .collect()
}

/// What a cycle found, by link.
///
/// # Errors
/// [`StoreError`].
pub async fn results(session: &mut impl Session, cycle: CycleId) -> Result<Vec<(LinkId, Outcome)>, StoreError> {
    let sql = "SELECT link_id, outcome FROM cycle_results WHERE cycle_id = ? ORDER BY link_id";
    let rows: Vec<(i64, String)> = session.fetch_all(sql, [cycle.to_string().into()]).await?;
    rows.into_iter()
        .map(|(link, outcome)| Ok((LinkId(link), coded(Outcome::from_code(&outcome), "cycle_results.outcome")?)))
        .collect()
}
