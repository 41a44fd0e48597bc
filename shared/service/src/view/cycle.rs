//! One run of the provisioner: how far it has come, and what it found.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use kinlink_domain::{
    Timestamp,
    finding::Class,
    ids::{AdultId, CycleId, LinkId, MoodleUserId, PlanId, RequestId},
    outcome::{Next, Outcome},
    reference::Reference,
    staff::{Actor, Permission},
};
use kinlink_store::cycles;
use serde::Serialize;
use serde_json::Value;

use super::{
    Cycle, CycleState,
    beside::people,
    list::{PER_PAGE, numbers},
};
use crate::{
    App, ServiceError,
    access::require,
    cycle::{Reached, Step},
};

/// How a step of a cycle stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    /// Not begun.
    Waiting,
    /// Going on.
    Running,
    /// Done.
    Done,
    /// The cycle was stopped here.
    Failed,
}

/// A step of a cycle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct StepView {
    /// The step.
    pub step: Step,
    /// How it stands.
    pub state: StepState,
    /// Jobs or adults that were looked at, while it goes on or when it was stopped.
    pub done: Option<u64>,
    /// How many there are, if that is known.
    pub total: Option<u64>,
}

/// What a cycle planned and did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct PlanSummary {
    /// Role rows inserted.
    pub added: u64,
    /// Role rows deleted.
    pub removed: u64,
    /// Role rows whose removal the brake holds.
    pub held: u64,
    /// User contexts made or mended.
    pub contexts: u64,
    /// Requests that became provisioned.
    pub provisioned: u64,
    /// Whether the brake is engaged.
    pub brake: bool,
    /// The digest of the plan, after a full comparison: a person can apply it.
    pub digest: Option<String>,
    /// The plan of what the brake holds: a person can look at it and apply it.
    pub held_plan: Option<PlanId>,
    /// How much a full comparison found.
    pub found: u64,
}

impl PlanSummary {
    fn read(report: &Value) -> Self {
        let number = |name: &str| report.get(name).and_then(Value::as_u64).unwrap_or_default();
        Self {
            added: number("added"),
            removed: number("removed"),
            held: number("held"),
            contexts: number("contexts"),
            provisioned: number("provisioned"),
            brake: report.get("brake").and_then(Value::as_bool).unwrap_or_default(),
            digest: report.get("plan_digest").and_then(Value::as_str).map(str::to_owned),
            held_plan: report.get("held_plan").and_then(Value::as_str).and_then(|plan| plan.parse().ok()),
            found: found(report).values().sum(),
        }
    }
}

/// How much a full comparison found, by class, as its report says.
pub(crate) fn found(report: &Value) -> BTreeMap<Class, u64> {
    let classes = report.get("classes").and_then(Value::as_object).into_iter().flatten();
    classes.filter_map(|(class, count)| Some((Class::from_code(class)?, count.as_u64()?))).collect()
}

/// How far a cycle has come.
#[derive(Debug, Clone)]
pub struct CycleProgress {
    /// The cycle.
    pub cycle: Cycle,
    /// Whether it waits or runs: then ask again.
    pub goes_on: bool,
    /// Its steps, in their order.
    pub steps: Vec<StepView>,
    /// How many links came to what, what needs a person first.
    pub outcomes: Vec<(Outcome, i64)>,
    /// What it planned and did so far.
    pub plan: PlanSummary,
    /// What staff should look at.
    pub warnings: Vec<String>,
}

/// How far a cycle has come. Light enough to be asked for every other second: two statements.
///
/// # Errors
/// [`ServiceError::Forbidden`], [`ServiceError::NotFound`], the store.
pub async fn cycle_progress(app: &App, actor: &Actor, id: CycleId) -> Result<CycleProgress, ServiceError> {
    require(actor, Permission::Read)?;
    let mut store = app.store.acquire().await?;
    let cycle = cycles::find(&mut store, id).await?.ok_or(ServiceError::NotFound("cycle"))?;
    let mut outcomes = cycles::count_results(&mut store, id).await?;
    outcomes.sort_by_key(|(outcome, _)| attention(*outcome));
    let report = cycle.report.clone().unwrap_or_default();
    let part = |name: &str| report.get(name).cloned().unwrap_or_default();
    Ok(CycleProgress {
        goes_on: matches!(cycle.state, CycleState::Queued | CycleState::Running),
        steps: steps(&cycle, serde_json::from_value(part("reached")).ok()),
        outcomes,
        plan: PlanSummary::read(&report),
        warnings: serde_json::from_value(part("warnings")).unwrap_or_default(),
        cycle,
    })
}

/// What needs a person first, then what waits, then what is done.
const fn attention(outcome: Outcome) -> u8 {
    match outcome.next() {
        Next::Retry => 0,
        Next::Wait => 1,
        Next::Done => 2,
    }
}

fn steps(cycle: &Cycle, reached: Option<Reached>) -> Vec<StepView> {
    let all = Step::of_mode(&cycle.action);
    // A cycle that was stopped before it reached anything was stopped in its first step.
    let current = reached.map_or(all[0], |reached| reached.step);
    all.iter()
        .map(|step| {
            let state = match cycle.state {
                CycleState::Queued => StepState::Waiting,
                CycleState::Done => StepState::Done,
                _ if *step < current => StepState::Done,
                _ if *step > current => StepState::Waiting,
                CycleState::Running => StepState::Running,
                CycleState::Failed => StepState::Failed,
            };
            let here = reached.filter(|reached| reached.step == *step);
            StepView { step: *step, state, done: here.map(|here| here.done), total: here.and_then(|here| here.total) }
        })
        .collect()
}

/// What a cycle found about a link.
#[derive(Debug, Clone, Serialize)]
pub struct CycleFinding {
    /// The link.
    pub link: LinkId,
    /// What was found.
    pub outcome: Outcome,
    /// What that means and what to do.
    pub advice: &'static str,
    /// When.
    pub found_at: Timestamp,
    /// The adult.
    pub adult: AdultId,
    /// The adult's given name.
    pub given_name: String,
    /// The adult's family name.
    pub family_name: String,
    /// The pupil.
    pub pupil: MoodleUserId,
    /// The pupil's name; none when Moodle cannot be asked or has no such user.
    pub pupil_name: Option<String>,
    /// The request of the claim that was approved last.
    pub request: Option<(RequestId, Reference)>,
}

/// A numbered page of what a cycle found.
#[derive(Debug, Clone, Serialize)]
pub struct CycleFindings {
    /// The rows: what needs a person first, then what waits, then what is done.
    pub items: Vec<CycleFinding>,
    /// How many there are on all pages.
    pub total: i64,
    /// Which page this is, from 1.
    pub page: u32,
    /// How many there are, at least 1.
    pub pages: u32,
}

/// A numbered page of what a cycle found; with `problems` only what is not done.
///
/// # Errors
/// [`ServiceError::Forbidden`], the store. Without Moodle the pupils' names are missing.
pub async fn cycle_findings(
    app: &App,
    actor: &Actor,
    id: CycleId,
    problems: bool,
    page: u32,
    per_page: u32,
) -> Result<CycleFindings, ServiceError> {
    require(actor, Permission::Read)?;
    let rows = PER_PAGE.into_iter().min_by_key(|rows| rows.abs_diff(per_page)).unwrap_or(PER_PAGE[0]);
    let mut store = app.store.acquire().await?;
    let counts = cycles::count_results(&mut store, id).await?;
    let wanted: Vec<Outcome> =
        Outcome::ALL.iter().copied().filter(|outcome| !problems || outcome.next() != Next::Done).collect();
    let total = counts.iter().filter(|(outcome, _)| wanted.contains(outcome)).map(|(_, count)| count).sum();
    let (page, pages) = numbers(page, rows, total);
    let found = cycles::found(&mut store, id, &wanted, rows, i64::from(page - 1) * i64::from(rows)).await?;
    drop(store);
    let pupils: BTreeSet<MoodleUserId> = found.iter().map(|found| found.pupil).collect();
    let names = match people(app, None, pupils).await {
        Ok((pupils, _)) => pupils,
        Err(error) => {
            tracing::warn!(cycle.id = %id, %error, "a cycle is shown without the names of its pupils");
            Vec::new()
        }
    };
    let names: HashMap<MoodleUserId, String> = names.into_iter().map(|pupil| (pupil.id, pupil.name)).collect();
    let items = found
        .into_iter()
        .map(|found| CycleFinding {
            link: found.link,
            outcome: found.outcome,
            advice: found.outcome.advice(),
            found_at: found.found_at,
            adult: found.adult,
            given_name: found.given_name,
            family_name: found.family_name,
            pupil: found.pupil,
            pupil_name: names.get(&found.pupil).cloned(),
            request: found.request,
        })
        .collect();
    Ok(CycleFindings { items, total, page, pages })
}
