//! Plans: what would be written, kept with its rows and reasons, looked at, compared, and applied exactly as it is.
//!
//! A plan is of today: it is applied only while everything it says is still what is to be written. What the brake holds is
//! applied only when a second person confirms it (policy `brake_two_persons`). What does not live here: comparing and
//! writing (`cycle`).

use std::collections::HashSet;

use jiff::SignedDuration;
use kinlink_domain::{
    Timestamp,
    adoption::Direction,
    brake,
    ids::{CycleId, PlanId},
    plan::Digest,
    plan_row::{PlanRow, Scope, Write},
    policy::Policy,
    reason::Reason,
    staff::{Actor, Permission},
    submission::{FaultCode, FieldFault},
};
use kinlink_store::{
    audit, cycles,
    cycles::{Cycle, CycleState},
    ledger, plans,
};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use crate::{
    App, ServiceError,
    access::require,
    cycle::{self, Survey},
    own::Person,
    view::{self, Names, Page},
};

// What callers are given.
pub use kinlink_store::plans::Plan;

/// More removals than this need their number typed.
pub const TYPED_NUMBER_ABOVE: u64 = 10;
/// Rows that a refusal names, of those that vanished and of those that came.
const NAMED: usize = 20;

/// Compares everybody and keeps the plan. Writes nothing in Moodle.
///
/// # Errors
/// [`ServiceError::Forbidden`], Moodle or its preconditions, the store.
pub async fn make(app: &App, actor: &Actor) -> Result<Plan, ServiceError> {
    require(actor, Permission::RunCycle)?;
    keep_survey(app, actor, &cycle::survey(app).await?).await
}

/// Keeps the plan of everything that a survey found.
async fn keep_survey(app: &App, actor: &Actor, survey: &Survey) -> Result<Plan, ServiceError> {
    let policy = app.policy().await?;
    let owned = ledger::count_owned(&mut app.store.acquire().await?).await?;
    let braked =
        !brake::judge(|source| policy.brake_of(source), &survey.removals(), owned, &survey.shrunken()).is_empty();
    keep(app, actor, Scope::Everything, &survey.rows, braked).await
}

/// Keeps a plan; one of the same rows and scope that was neither begun nor applied is kept already. Forgets old ones.
pub(crate) async fn keep(
    app: &App,
    actor: &Actor,
    scope: Scope,
    rows: &[PlanRow],
    braked: bool,
) -> Result<Plan, ServiceError> {
    let policy = app.policy().await?;
    let mut digest = Digest::default();
    for row in rows {
        digest.add_line(&row.line());
    }
    let digest = digest.to_string();
    let count = |wanted: &[Write]| rows.iter().filter(|row| wanted.contains(&row.write)).count() as u64;
    let mut tx = app.store.begin().await?;
    if let Some(same) = plans::find_same(&mut tx, &digest, scope, braked).await? {
        return Ok(same);
    }
    let plan = Plan {
        id: app.new_id(),
        digest,
        scope,
        actor: actor.name.clone(),
        created_at: app.now(),
        additions: count(&[Write::Add]),
        removals: count(&[Write::Remove]),
        contexts: count(&[Write::MakeContext, Write::MendContext]),
        adoptions: count(&[Write::Adopt, Write::GiveBack]),
        braked,
        asked: None,
        admitted: None,
        begun_at: None,
        applied: None,
    };
    plans::insert(&mut tx, &plan, rows).await?;
    let detail = json!({
        "digest": plan.digest, "scope": scope, "additions": plan.additions, "removals": plan.removals,
        "adoptions": plan.adoptions, "braked": braked,
    });
    audit::write(&mut tx, actor, app.now(), &[audit::Entry::new("plan.keep", format!("plan:{}", plan.id), detail)]);
    prune_in(app, &mut tx, &policy).await?;
    tx.commit().await?;
    Ok(plan)
}

/// Forgets plans that are too old or too many. Gives their number.
///
/// # Errors
/// The store.
pub(crate) async fn prune(app: &App) -> Result<u64, ServiceError> {
    let policy = app.policy().await?;
    let mut tx = app.store.begin().await?;
    let forgotten = prune_in(app, &mut tx, &policy).await?;
    tx.commit().await?;
    Ok(forgotten)
}

async fn prune_in(app: &App, tx: &mut kinlink_store::Tx<'_>, policy: &Policy) -> Result<u64, ServiceError> {
    let kept = SignedDuration::from_hours(24 * i64::from(policy.plans_kept_days));
    let before = app.now().checked_sub(kept).unwrap_or(Timestamp::MIN);
    Ok(plans::prune(tx, before, policy.plans_kept).await?)
}

/// A page of plans, newest first.
///
/// # Errors
/// [`ServiceError::Forbidden`], the store.
pub async fn list(
    app: &App,
    actor: &Actor,
    after: Option<PlanId>,
    limit: u32,
) -> Result<Page<Plan, PlanId>, ServiceError> {
    require(actor, Permission::Read)?;
    let mut items = plans::list(&mut app.store.acquire().await?, after, limit + 1).await?;
    let more = items.len() > limit as usize;
    items.truncate(limit as usize);
    Ok(Page { next: items.last().filter(|_| more).map(|plan| plan.id), items })
}

/// A plan by its id or digest; of several with one digest the newest.
///
/// # Errors
/// [`ServiceError::Forbidden`], [`ServiceError::NotFound`], the store.
pub async fn find(app: &App, actor: &Actor, reference: &str) -> Result<Plan, ServiceError> {
    require(actor, Permission::Read)?;
    load(app, reference).await?.ok_or(ServiceError::NotFound("plan"))
}

async fn load(app: &App, reference: &str) -> Result<Option<Plan>, ServiceError> {
    let mut store = app.store.acquire().await?;
    Ok(match reference.parse() {
        Ok(id) => plans::find(&mut store, id).await?,
        Err(_) => plans::find_by_digest(&mut store, reference).await?,
    })
}

/// Why a plan has its rows: how many have which reason.
///
/// # Errors
/// [`ServiceError::Forbidden`], the store.
pub async fn reasons(app: &App, actor: &Actor, plan: PlanId) -> Result<Vec<(Reason, u64)>, ServiceError> {
    require(actor, Permission::Read)?;
    Ok(plans::reasons(&mut app.store.acquire().await?, plan).await?)
}

/// Some rows of a plan, grouped by reason; only those with one reason, if it is given.
///
/// # Errors
/// [`ServiceError::Forbidden`], the store.
pub async fn rows(
    app: &App,
    actor: &Actor,
    plan: PlanId,
    reason: Option<Reason>,
    skip: u64,
    limit: u64,
) -> Result<Vec<PlanRow>, ServiceError> {
    require(actor, Permission::Read)?;
    Ok(plans::rows(&mut app.store.acquire().await?, plan, reason, skip, limit).await?)
}

/// What the people of some rows are called. Of a row that is no adult's it is the account that it stands at.
///
/// # Errors
/// [`ServiceError::Forbidden`], the store.
pub async fn names(app: &App, actor: &Actor, rows: &[PlanRow]) -> Result<Names, ServiceError> {
    let adults = rows.iter().filter_map(|row| row.adult).collect();
    let strangers = rows.iter().filter(|row| row.adult.is_none()).map(|row| row.user);
    view::names(app, actor, adults, rows.iter().filter_map(|row| row.pupil).chain(strangers).collect()).await
}

/// What is in only one of two plans.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = PlanComparison)]
pub struct Comparison {
    /// Rows of the first alone.
    pub only_first: Vec<PlanRow>,
    /// Rows of the second alone.
    pub only_second: Vec<PlanRow>,
    /// How many are in both.
    pub both: u64,
}

/// Compares two plans.
///
/// # Errors
/// [`ServiceError::Forbidden`], the store.
pub async fn compare(app: &App, actor: &Actor, first: PlanId, second: PlanId) -> Result<Comparison, ServiceError> {
    require(actor, Permission::Read)?;
    let mut store = app.store.acquire().await?;
    let first = plans::rows(&mut store, first, None, 0, u64::MAX).await?;
    let second = plans::rows(&mut store, second, None, 0, u64::MAX).await?;
    Ok(difference(first, second))
}

fn difference(mut first: Vec<PlanRow>, mut second: Vec<PlanRow>) -> Comparison {
    let lines = |rows: &[PlanRow]| rows.iter().map(PlanRow::line).collect::<HashSet<_>>();
    let (in_first, in_second) = (lines(&first), lines(&second));
    first.retain(|row| !in_second.contains(&row.line()));
    second.retain(|row| !in_first.contains(&row.line()));
    let both = in_first.intersection(&in_second).count() as u64;
    Comparison { only_first: first, only_second: second, both }
}

/// Why a plan cannot be applied any more: what of it vanished, and what came.
#[derive(Debug, Clone)]
pub struct Changes {
    /// Its rows that are not to be written any more.
    pub vanished: Vec<PlanRow>,
    /// Rows that are to be written now and are not in it.
    pub came: Vec<PlanRow>,
}

impl Changes {
    /// What changed between a plan's rows and what is to be written now; none when it is the same. Of a plan that holds
    /// removals only its own rows matter.
    pub(crate) fn of(plan: &Plan, rows: &[PlanRow], now: &[PlanRow]) -> Option<Self> {
        let Comparison { only_first: vanished, only_second: mut came, .. } = difference(rows.to_vec(), now.to_vec());
        if plan.scope == Scope::HeldRemovals {
            came.clear();
        }
        (!vanished.is_empty() || !came.is_empty()).then_some(Self { vanished, came })
    }

    /// In a sentence: how much changed, and what to do.
    #[must_use]
    pub fn detail(&self) -> String {
        format!(
            "the plan is not any more what is to be written: {} of its rows vanished, {} came; make a new plan and look at it",
            self.vanished.len(),
            self.came.len()
        )
    }
}

impl From<Changes> for ServiceError {
    fn from(changes: Changes) -> Self {
        let part = |kind: &str, number: usize, row: &PlanRow| FieldFault {
            pointer: format!("/{kind}/{number}"),
            code: FaultCode::Invalid,
            detail: format!("{} ({})", row.line(), row.reason),
        };
        let parts = |kind: &'static str, rows: &[PlanRow]| {
            rows.iter().take(NAMED).enumerate().map(|(number, row)| part(kind, number, row)).collect::<Vec<_>>()
        };
        Self::Refused {
            code: "plan_changed",
            detail: changes.detail(),
            parts: [parts("vanished", &changes.vanished), parts("came", &changes.came)].concat(),
        }
    }
}

/// The plan that is to be applied: one that was kept, or the one that would be made now if it has this digest.
pub(crate) async fn resolve(app: &App, actor: &Actor, reference: &str) -> Result<Plan, ServiceError> {
    if let Some(plan) = load(app, reference).await? {
        return Ok(plan);
    }
    if reference.parse::<PlanId>().is_ok() {
        return Err(ServiceError::NotFound("plan"));
    }
    let survey = cycle::survey(app).await?;
    if survey.digest.to_string() != reference {
        let detail = format!("no plan {reference} was kept, and what is to be written now is {}", survey.digest);
        return Err(ServiceError::refused("plan_changed", format!("{detail}; look at it again")));
    }
    keep_survey(app, actor, &survey).await
}

/// Lets a plan be applied by the actor's word, or notes that they asked for it where a second person has to confirm it.
///
/// # Errors
/// The refusal `second_person`, when somebody else has to confirm it; the store.
pub(crate) async fn admit(app: &App, actor: &Actor, plan: &Plan) -> Result<(), ServiceError> {
    if plan.admitted.is_some() {
        return Ok(());
    }
    let person = Person::of(app, actor).await?;
    let (id, now) = (plan.id, app.now());
    let alone = !plan.braked || !app.policy().await?.brake_two_persons;
    let mut tx = app.store.begin().await?;
    // As it stands now: somebody may have asked meanwhile.
    let plan = plans::find(&mut tx, id).await?.ok_or(ServiceError::NotFound("plan"))?;
    let is_second = match &plan.asked {
        Some((asked, _)) => Person::named(&mut tx, asked).await?.is_another_than(&person),
        None => false,
    };
    let subject = format!("plan:{id}");
    if alone || is_second {
        plans::admit(&mut tx, id, person.name(), now).await?;
        audit::write(
            &mut tx,
            actor,
            now,
            &[audit::Entry::new("plan.admit", subject, json!({ "digest": plan.digest }))],
        );
        return Ok(tx.commit().await?);
    }
    if plan.asked.is_none() {
        plans::ask(&mut tx, id, person.name(), now).await?;
        audit::write(&mut tx, actor, now, &[audit::Entry::new("plan.ask", subject, json!({ "digest": plan.digest }))]);
        tx.commit().await?;
    }
    Err(second_person(&plan))
}

/// What somebody's word would do to a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// It is applied.
    Applies,
    /// It is noted; somebody else has to give theirs too.
    Asks,
    /// Nothing: they gave it, and somebody else has to give theirs.
    IsGiven,
}

/// What the actor's word would do to a plan that was not applied. Decides nothing.
///
/// # Errors
/// The store.
pub async fn word(app: &App, actor: &Actor, plan: &Plan) -> Result<Word, ServiceError> {
    if plan.admitted.is_some() || !plan.braked || !app.policy().await?.brake_two_persons {
        return Ok(Word::Applies);
    }
    let Some((asked, _)) = &plan.asked else { return Ok(Word::Asks) };
    let mut store = app.store.acquire().await?;
    let asked = Person::named(&mut store, asked).await?;
    let is_second = Person::named(&mut store, &actor.name).await?.is_another_than(&asked);
    Ok(if is_second { Word::Applies } else { Word::IsGiven })
}

/// The newest cycle that applies a plan, or tried to.
///
/// # Errors
/// [`ServiceError::Forbidden`], the store.
pub async fn cycle(app: &App, actor: &Actor, plan: PlanId) -> Result<Option<Cycle>, ServiceError> {
    require(actor, Permission::Read)?;
    Ok(cycles::newest_of_plan(&mut app.store.acquire().await?, plan).await?)
}

/// The refusal of a plan that waits for a second person.
pub(crate) fn second_person(plan: &Plan) -> ServiceError {
    let detail = format!("the brake holds this; another person has to apply the plan {} too", plan.digest);
    ServiceError::refused("second_person", detail)
}

/// Whether a plan was begun and may be gone on with as it was planned: what is written of it is as it says. A run that was
/// cut off is taken up within the day; later so much may have happened that it has to be looked at anew.
pub(crate) fn is_under_way(plan: &Plan, now: Timestamp) -> bool {
    plan.begun_at.is_some_and(|begun| now.duration_since(begun) < SignedDuration::from_hours(24))
}

/// What became of the wish to apply a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(tag = "state", rename_all = "snake_case")]
#[schema(as = PlanApplication)]
pub enum Application {
    /// It was applied before; nothing is to be done.
    Applied {
        /// By this cycle.
        cycle: CycleId,
    },
    /// Somebody else has to ask for it too.
    WaitsForSecondPerson,
    /// The provisioner applies it at its next start.
    Queued {
        /// The cycle that does.
        cycle: CycleId,
    },
}

/// How many role rows a plan takes away from people. Where a row is adopted only a copy of it goes: nobody loses access.
#[must_use]
pub const fn taken_away(plan: &Plan) -> u64 {
    if Direction::of(plan.scope).is_none() { plan.removals } else { 0 }
}

/// Asks for a plan to be applied, after looking whether it still can be. `typed_number` is the number of removals, which
/// must be right when there are more than ten.
///
/// # Errors
/// [`ServiceError::Forbidden`], [`ServiceError::NotFound`], refusals `plan_changed` (its parts say what changed) and
/// `confirm_number`; Moodle, the store.
pub async fn ask(app: &App, actor: &Actor, id: PlanId, typed_number: Option<u64>) -> Result<Application, ServiceError> {
    Ok(ask_or_changes(app, actor, id, typed_number).await??)
}

/// As [`ask`], for callers who show row by row what changed.
///
/// # Errors
/// As [`ask`], but for `plan_changed`.
pub async fn ask_or_changes(
    app: &App,
    actor: &Actor,
    id: PlanId,
    typed_number: Option<u64>,
) -> Result<Result<Application, Changes>, ServiceError> {
    require(actor, Permission::RunCycle)?;
    let plan = find(app, actor, &id.to_string()).await?;
    if let Some((_, cycle)) = plan.applied {
        return Ok(Ok(Application::Applied { cycle }));
    }
    let taken = taken_away(&plan);
    if taken > TYPED_NUMBER_ABOVE && typed_number != Some(taken) {
        let detail = format!("this takes away {taken} role rows; confirm that number");
        return Err(ServiceError::refused("confirm_number", detail));
    }
    if !is_under_way(&plan, app.now()) {
        let rows = plans::rows(&mut app.store.acquire().await?, id, None, 0, u64::MAX).await?;
        if let Some(changes) = Changes::of(&plan, &rows, &cycle::rows_now(app, plan.scope).await?) {
            return Ok(Err(changes));
        }
    }
    match admit(app, actor, &plan).await {
        Err(ServiceError::Refused { code: "second_person", .. }) => return Ok(Ok(Application::WaitsForSecondPerson)),
        admitted => admitted?,
    }
    let cycle = Cycle {
        id: app.new_id(),
        action: "apply".to_owned(),
        state: CycleState::Queued,
        actor: actor.name.clone(),
        plan: Some(id),
        created_at: app.now(),
        started_at: None,
        finished_at: None,
        report: None,
        fault: None,
    };
    let mut tx = app.store.begin().await?;
    cycles::insert(&mut tx, &cycle).await?;
    let entry =
        audit::Entry::new("cycle.request", format!("cycle:{}", cycle.id), json!({ "action": "apply", "plan": id }));
    audit::write(&mut tx, actor, app.now(), &[entry]);
    tx.commit().await?;
    Ok(Ok(Application::Queued { cycle: cycle.id }))
}
