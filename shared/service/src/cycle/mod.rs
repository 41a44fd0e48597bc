//! The provisioner: one run drains the queue, compares what should be in Moodle with what is, and writes the difference.
//!
//! Read in this order: this file (lease, lock, the loop over batches, the end), `batch.rs` (one batch, from its facts to its
//! end), `facts.rs` (what it reads), `judge.rs` (what it decides), `why.rs` (why a row goes), `settle.rs` (what it records),
//! `braking.rs`, `full.rs` (everybody, not only those with jobs), `adoption.rs` (rows of the earlier plugin), `report.rs` (what
//! comes out).
//!
//! Invariants, each with a test that kills the process between any two writes:
//! * The outbox is the truth; a queue message is a hint. Doubled, reordered or lost messages change nothing.
//! * A job is finished in the same transaction as what it brought about is recorded.
//! * The ledger names a row before Moodle holds it.
//! * One writer: a lease in the store, and the advisory lock of the connection that writes.

mod adoption;
mod batch;
mod braking;
mod classes;
mod facts;
mod full;
mod judge;
mod report;
mod settle;
mod tell;
mod why;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::{Duration, Instant};

use kinlink_domain::{
    Timestamp,
    adoption::Direction,
    brake::{self, Held},
    ids::{AdultId, CycleId, JobId, PlanId},
    plan_row::{PlanRow, Scope, Write},
    policy::Policy,
    reason::{Reason, Source},
    staff::{Actor, Permission},
};
use kinlink_moodle::{Locked, MoodleError, roles::Ownership, site};
use kinlink_queue::{Receipt, Received};
use kinlink_store::{
    audit, cycles,
    cycles::{Cycle, CycleState},
    jobs,
    jobs::Job,
    leases, ledger, plans as kept,
};
use serde_json::json;

pub use report::{Ran, Reached, Report, Step};

use crate::{App, ServiceError, access::require, leavers, observe, plans};
use batch::{Batch, Context};
use braking::Braking;
pub(crate) use full::Survey;
use judge::Judged;

/// Adults in one batch: what bounds a cycle's memory and the size of its transactions.
pub const BATCH: u32 = 1_000;
/// For how long the lease is taken; renewed with every batch.
const LEASE: jiff::SignedDuration = jiff::SignedDuration::from_secs(90);
/// For how long received messages are hidden. They are answered after the batch they were received for, so a cycle may be
/// as long as it likes.
const VISIBILITY: Duration = Duration::from_mins(5);
/// Time that must be left before the deadline for one more batch.
const RESERVE: jiff::SignedDuration = jiff::SignedDuration::from_secs(20);
/// Longest pause of a job.
const LONGEST_PAUSE_MINUTES: i64 = 6 * 60;

/// What a run is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mode {
    /// Those who have jobs.
    Jobs,
    /// Everybody: compare, put right, report strays.
    Full,
    /// Exactly the plan with this id or digest, also where the brake holds it.
    Apply(String),
}

impl Mode {
    /// The code in the list of cycles.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Jobs => "cycle",
            Self::Full => "reconcile",
            Self::Apply(_) => "apply",
        }
    }
}

/// How a run reports that it goes on; for progress bars.
pub type Progress<'a> = &'a (dyn Fn(&Report) + Send + Sync);

/// Runs one cycle, unless another one is running.
///
/// A cycle that staff asked for is taken up first: it decides mode and actor. `deadline` is when the process will be
/// stopped from outside; the run stops in time and leaves the rest to the next one.
///
/// # Errors
/// [`ServiceError::Forbidden`]; with [`Mode::Apply`] [`ServiceError::NotFound`] and the refusals `plan_changed` (its parts say
/// what changed) and `second_person` (it was noted who asked; somebody else has to); what stopped the run: the store, Moodle or its
/// preconditions. What was finished before stays finished; nothing is lost.
pub async fn run(
    app: &App,
    actor: &Actor,
    mode: Mode,
    deadline: Option<Timestamp>,
    progress: Progress<'_>,
) -> Result<Ran, ServiceError> {
    // The schedule runs as the system; people need the permission.
    if actor.name != Actor::system().name {
        require(actor, Permission::RunCycle)?;
    }
    let mode = match mode {
        Mode::Apply(reference) => {
            let plan = plans::resolve(app, actor, &reference).await?;
            if let Some((_, cycle)) = plan.applied {
                let mode = Mode::Apply(plan.id.to_string());
                return Ok(Ran::Done(Box::new(Report { already_applied: true, ..Report::new(cycle, &mode) })));
            }
            plans::admit(app, actor, &plan).await?;
            Mode::Apply(plan.id.to_string())
        }
        mode => mode,
    };
    let clock = Instant::now();
    let result = Box::pin(run_alone(app, actor, mode, deadline, progress)).await;
    observe::cycle_ended(app, clock.elapsed(), &result).await;
    result
}

async fn run_alone(
    app: &App,
    actor: &Actor,
    mode: Mode,
    deadline: Option<Timestamp>,
    progress: Progress<'_>,
) -> Result<Ran, ServiceError> {
    let holder: CycleId = app.new_id();
    let mut store = app.store.acquire().await?;
    if !leases::take(&mut store, leases::PROVISIONER, holder, app.now(), lease_end(app)).await? {
        return Ok(Ran::Busy);
    }
    drop(store);
    let result = run_with_lease(app, actor, mode, deadline, progress, holder).await;
    let given_back = async {
        leases::give_back(&mut app.store.acquire().await?, leases::PROVISIONER, holder).await?;
        Ok::<_, ServiceError>(())
    };
    if let Err(error) = given_back.await {
        tracing::warn!(%error, "the provisioner's lease was not given back; it runs out by itself");
    }
    result
}

fn lease_end(app: &App) -> Timestamp {
    app.now().checked_add(LEASE).unwrap_or(Timestamp::MAX)
}

async fn run_with_lease(
    app: &App,
    actor: &Actor,
    mode: Mode,
    deadline: Option<Timestamp>,
    progress: Progress<'_>,
    holder: CycleId,
) -> Result<Ran, ServiceError> {
    let statements = || app.moodle.db().stats().reads() + app.moodle.db().stats().writes();
    let before = statements();
    let locked = match app.moodle.lock().await {
        Ok(Some(locked)) => locked,
        // Somebody else writes to this Moodle: another Kinlink with a store of its own.
        Ok(None) => return Ok(Ran::Busy),
        Err(error) => return Err(fail(app, actor, &mode, error.into()).await),
    };
    let (cycle, mode) = begin(app, actor, mode).await?;
    let mut run = Run {
        app,
        locked,
        cycle,
        holder,
        deadline,
        progress,
        report: Report::new(cycle, &mode),
        brake: Braking::default(),
        only: None,
        held: Vec::new(),
    };
    let result = run.go(&mode).await;
    run.locked.release().await;
    run.report.moodle_statements = statements() - before;
    observe::cycle_wrote(&run.report);
    let mut store = app.store.acquire().await?;
    let now = app.now();
    match result {
        Ok(()) => {
            run.report.reached = None;
            let report = serde_json::to_value(&run.report).unwrap_or_default();
            cycles::finish(&mut store, cycle, CycleState::Done, Some(&report), None, now).await?;
            tracing::info!(cycle.id = %cycle, cycle.mode = mode.code(), report = %report, "cycle done");
            Ok(Ran::Done(Box::new(run.report)))
        }
        Err(error) => {
            let report = serde_json::to_value(&run.report).unwrap_or_default();
            cycles::finish(&mut store, cycle, CycleState::Failed, Some(&report), Some(&error.to_string()), now).await?;
            tracing::error!(cycle.id = %cycle, cycle.mode = mode.code(), %error, "cycle failed");
            Err(error)
        }
    }
}

/// Takes up the cycle that was asked for, or begins one of its own.
async fn begin(app: &App, actor: &Actor, mode: Mode) -> Result<(CycleId, Mode), ServiceError> {
    let mut tx = app.store.begin().await?;
    let now = app.now();
    cycles::bury_running(&mut tx, now).await?;
    let asked = match mode {
        Mode::Apply(_) => None,
        Mode::Jobs | Mode::Full => cycles::next_queued(&mut tx).await?,
    };
    let (id, mode) = if let Some(asked) = asked {
        cycles::start(&mut tx, asked.id, now).await?;
        let mode = match asked.plan {
            Some(plan) => Mode::Apply(plan.to_string()),
            None if asked.action == Mode::Full.code() => Mode::Full,
            None => mode,
        };
        (asked.id, mode)
    } else {
        let cycle = running(app, actor, &mode);
        cycles::insert(&mut tx, &cycle).await?;
        (cycle.id, mode)
    };
    tx.commit().await?;
    Ok((id, mode))
}

fn running(app: &App, actor: &Actor, mode: &Mode) -> Cycle {
    Cycle {
        id: app.new_id(),
        action: mode.code().to_owned(),
        state: CycleState::Running,
        actor: actor.name.clone(),
        plan: match mode {
            Mode::Apply(plan) => plan.parse().ok(),
            Mode::Jobs | Mode::Full => None,
        },
        created_at: app.now(),
        started_at: Some(app.now()),
        finished_at: None,
        report: None,
        fault: None,
    }
}

/// Records a cycle that could not even begin, so that staff see it.
async fn fail(app: &App, actor: &Actor, mode: &Mode, error: ServiceError) -> ServiceError {
    tracing::error!(cycle.mode = mode.code(), %error, "cycle failed before it began");
    let recorded = async {
        let mut tx = app.store.begin().await?;
        let now = app.now();
        cycles::bury_running(&mut tx, now).await?;
        let cycle = running(app, actor, mode);
        cycles::insert(&mut tx, &cycle).await?;
        cycles::finish(&mut tx, cycle.id, CycleState::Failed, None, Some(&error.to_string()), now).await?;
        Ok::<_, ServiceError>(tx.commit().await?)
    };
    if let Err(store) = recorded.await {
        tracing::error!(error = %store, "the failed cycle could not be recorded");
    }
    error
}

/// Makes jobs due now: those that wait and those that were given up; `adult` restricts it to one. Gives their number.
///
/// # Errors
/// [`ServiceError::Forbidden`], the store.
pub async fn revive(app: &App, actor: &Actor, adult: Option<AdultId>) -> Result<u64, ServiceError> {
    require(actor, Permission::RunCycle)?;
    let mut tx = app.store.begin().await?;
    let revived = jobs::revive(&mut tx, adult, app.now()).await?;
    let subject = adult.map_or_else(|| "jobs".to_owned(), |adult| format!("adult:{adult}"));
    audit::write(&mut tx, actor, app.now(), &[audit::Entry::new("jobs.revive", subject, json!({ "jobs": revived }))]);
    tx.commit().await?;
    Ok(revived)
}

/// Makes some jobs that were given up due now. Gives their number: those that were not given up (any more) are left alone.
///
/// # Errors
/// [`ServiceError::Forbidden`], the store.
pub async fn revive_jobs(app: &App, actor: &Actor, dead: &[JobId]) -> Result<u64, ServiceError> {
    require(actor, Permission::RunCycle)?;
    let mut tx = app.store.begin().await?;
    let mut revived = 0;
    for chunk in dead.chunks(kinlink_db::ROWS_PER_STATEMENT) {
        revived += jobs::revive_dead(&mut tx, chunk, app.now()).await?;
    }
    let entry = audit::Entry::new("jobs.revive", "jobs", json!({ "jobs": revived }));
    audit::write(&mut tx, actor, app.now(), &[entry]);
    tx.commit().await?;
    Ok(revived)
}

/// What would be written if a full cycle ran now, row by row, with its digest. Writes nothing and takes no lock.
///
/// # Errors
/// [`ServiceError::Forbidden`], Moodle or its preconditions, the store.
pub async fn plan(app: &App, actor: &Actor) -> Result<(kinlink_domain::plan::Plan, String), ServiceError> {
    require(actor, Permission::Read)?;
    let survey = survey(app).await?;
    Ok((survey.plan, survey.digest.to_string()))
}

/// Compares everybody, on a connection of its own. Reads only.
pub(crate) async fn survey(app: &App) -> Result<Survey, ServiceError> {
    let mut connection = app.moodle.connect().await?;
    let context = read_context(app, &mut connection).await?;
    full::survey(app, &mut connection, &context, &|_| {}).await
}

/// The rows that a plan of this scope would have now. Reads only.
pub(crate) async fn rows_now(app: &App, scope: Scope) -> Result<Vec<PlanRow>, ServiceError> {
    match Direction::of(scope) {
        None => Ok(survey(app).await?.rows),
        Some(direction) => Ok(preview(app, direction).await?.rows),
    }
}

/// What adopting, or giving back, would change now, on a connection of its own. Reads only.
pub(crate) async fn preview(app: &App, direction: Direction) -> Result<adoption::Survey, ServiceError> {
    let mut connection = app.moodle.connect().await?;
    let context = read_context(app, &mut connection).await?;
    adoption::survey(app, &mut connection, &context, direction).await
}

async fn read_context(app: &App, connection: &mut kinlink_db::Connection) -> Result<Context, ServiceError> {
    let policy = app.policy().await?;
    let prefix = app.moodle.prefix().clone();
    let site = site::read(connection, &prefix, &policy).await?;
    Ok(Context::new(policy, site, prefix))
}

/// A run under way.
struct Run<'a> {
    app: &'a App,
    locked: Locked,
    cycle: CycleId,
    holder: CycleId,
    deadline: Option<Timestamp>,
    progress: Progress<'a>,
    report: Report,
    brake: Braking,
    /// The lines of the plan that is applied: nothing else is written.
    only: Option<HashSet<String>>,
    /// Removals that a full comparison found and the brake holds.
    held: Vec<PlanRow>,
}

impl Run<'_> {
    async fn go(&mut self, mode: &Mode) -> Result<(), ServiceError> {
        let context = read_context(self.app, &mut self.locked.connection).await?;
        for refused in &context.site.refused_contexts {
            self.report.warn(format!(
                "static context {refused} is missing or is neither system nor category; nobody gets a role there"
            ));
        }
        crate::holds::turn(self.app).await?;
        let warned = self.report.warnings.len();
        match mode {
            Mode::Jobs => self.jobs(&context).await?,
            Mode::Full => {
                // First, so that what ends tonight is gone tonight.
                let (policy, site) = (&context.policy, &context.site);
                let warning = leavers::nightly(self.app, &mut self.locked.connection, policy, site).await?;
                if let Some(warning) = warning {
                    self.report.warn(warning);
                }
                self.jobs(&context).await?;
                self.full(&context).await?;
            }
            Mode::Apply(plan) => {
                let plan = plan.parse().map_err(|_| ServiceError::NotFound("plan"))?;
                self.apply(&context, plan).await?;
            }
        }
        if self.report.held > 0 {
            self.keep_held(&context).await?;
        }
        for warning in &self.report.warnings[warned.min(self.report.warnings.len())..] {
            tracing::warn!(cycle.id = %self.cycle, "{warning}");
        }
        Ok(())
    }

    /// Everybody who has a job: those the queue hints at, and whatever else is due in the outbox.
    async fn jobs(&mut self, context: &Context) -> Result<(), ServiceError> {
        let began = self.app.now();
        let mut total = None;
        loop {
            if self.is_late() {
                self.report.unfinished = true;
                return Ok(());
            }
            let hints = self.receive().await;
            let mut store = self.app.store.acquire().await?;
            let due = jobs::due(&mut store, began, BATCH).await?;
            let mut receipts: HashMap<JobId, Vec<Receipt>> = HashMap::new();
            for (job, receipt) in hints {
                receipts.entry(job).or_default().push(receipt);
            }
            let hinted: Vec<JobId> = receipts.keys().copied().collect();
            let waiting = jobs::ready_of(&mut store, &hinted).await?;
            drop(store);
            if due.is_empty() && receipts.is_empty() {
                return Ok(());
            }
            if !due.is_empty() {
                self.renew().await?;
                if total.is_none() {
                    self.engage_brake(context, began).await?;
                    let due = jobs::count_due(&mut self.app.store.acquire().await?, began).await?;
                    total = Some(due.unsigned_abs());
                }
                self.report.jobs += due.len() as u64;
                let adults = unique_adults(&due);
                batch::process(self, context, Batch::of_jobs(adults, due)).await?;
                self.reach(Step::Jobs, self.report.jobs, total).await;
            }
            self.answer(receipts, &waiting).await;
        }
    }

    /// Decides the brake for removals that decisions caused, before the first is made; and watches for what else the batches
    /// would remove, since a job that grants may find a row that must go.
    async fn engage_brake(&mut self, context: &Context, began: Timestamp) -> Result<(), ServiceError> {
        let mut store = self.app.store.acquire().await?;
        let owned = ledger::count_owned(&mut store).await?;
        self.brake.watch(&context.policy, owned);
        if !jobs::removal_is_due(&mut store, began).await? {
            return Ok(());
        }
        let ended = ledger::count_ended(&mut store).await?;
        drop(store);
        let mut removals: BTreeMap<Source, u64> = BTreeMap::new();
        for (code, count) in ended {
            if let Some(source) = Reason::of_end(Some(&code)).source() {
                *removals.entry(source).or_default() += count;
            }
        }
        let mut shrunken = BTreeSet::new();
        if removals.contains_key(&Source::Leavers)
            && full::pupils_have_shrunk(self.app, &mut self.locked.connection, context).await?
        {
            shrunken.insert(Source::Leavers);
        }
        for (source, why) in brake::judge(|source| context.policy.brake_of(source), &removals, owned, &shrunken) {
            self.hold(source, why, removals[&source], owned);
        }
        Ok(())
    }

    /// Holds a source of removals: additions and other sources go on, its removals wait for a person.
    fn hold(&mut self, source: Source, why: Held, removals: u64, owned: u64) {
        self.report.brake = true;
        if !self.brake.hold(source, why) {
            return;
        }
        let because = match why {
            Held::TooMany => String::new(),
            Held::SourceShrank => ", and what they rely on is empty or less than half of what it was".to_owned(),
        };
        self.report.warn(format!(
            "the brake holds removals ({source}): {removals} of {owned} rows of ours would go{because}; look at the plan and \
             apply it if it is right"
        ));
    }

    /// Some removals of a source are about to be made.
    fn expect_removals(&mut self, source: Source, more: u64) {
        if let Some((removals, owned)) = self.brake.too_many_with(source, more) {
            self.hold(source, Held::TooMany, removals, owned);
        }
    }

    /// Counts removals that are held.
    fn hold_rows(&mut self, rows: &[PlanRow]) {
        self.report.held += rows.len() as u64;
        for (source, count) in braking::removals_of(rows) {
            *self.report.held_by.entry(source).or_default() += count;
        }
    }

    /// Leaves of a batch only what stands in the plan that is applied. Links of the others stay as they were.
    fn keep_to_plan(&self, judged: &mut Judged) {
        let Some(only) = &self.only else { return };
        let others: Vec<PlanRow> = judged.rows().filter(|row| !only.contains(&row.line())).collect();
        judged.leave_out(&others);
    }

    async fn full(&mut self, context: &Context) -> Result<(), ServiceError> {
        let app = self.app;
        self.reach(Step::Compare, 0, None).await;
        let survey = full::survey(app, &mut self.locked.connection, context, &|_| {}).await?;
        self.report.plan_digest = Some(survey.digest.to_string());
        self.report.beside_holds(survey.beside_holds);
        let owned = ledger::count_owned(&mut app.store.acquire().await?).await?;
        // What those with jobs were held for is in the comparison again.
        (self.report.held, self.report.held_by) = (0, BTreeMap::new());
        self.brake.stop_watching();
        let (removals, shrunken) = (survey.removals(), survey.shrunken());
        for (source, why) in brake::judge(|source| context.policy.brake_of(source), &removals, owned, &shrunken) {
            self.hold(source, why, removals[&source], owned);
        }
        if !shrunken.contains(&Source::Leavers) {
            full::believe_pupils(app, &survey).await?;
        }
        let is_held = |row: &&PlanRow| {
            row.write == Write::Remove && row.reason.source().is_some_and(|source| self.brake.holds(source))
        };
        self.held = survey.rows.iter().filter(is_held).copied().collect();
        self.put_right(context, &survey).await?;
        // With no time left the findings of the last comparison stay.
        if self.report.unfinished {
            return Ok(());
        }
        classes::look(self, context, &survey).await
    }

    /// Writes what a survey found, as far as brake and plan let it.
    async fn put_right(&mut self, context: &Context, survey: &Survey) -> Result<(), ServiceError> {
        let mut done = 0;
        for adults in survey.adults.chunks(BATCH as usize) {
            if self.is_late() {
                self.report.unfinished = true;
                return Ok(());
            }
            self.renew().await?;
            batch::process(self, context, Batch::of_adults(adults.to_vec())).await?;
            done += adults.len() as u64;
            self.reach(Step::Apply, done, Some(survey.adults.len() as u64)).await;
        }
        full::remove_strays(self, context, survey).await
    }

    /// Writes exactly the rows of a plan, after making sure that they are still what is to be written.
    async fn apply(&mut self, context: &Context, id: PlanId) -> Result<(), ServiceError> {
        let app = self.app;
        let mut store = app.store.acquire().await?;
        let plan = kept::find(&mut store, id).await?.ok_or(ServiceError::NotFound("plan"))?;
        if plan.applied.is_some() {
            self.report.already_applied = true;
            return Ok(());
        }
        let Some((admitted_by, _)) = &plan.admitted else { return Err(plans::second_person(&plan)) };
        let admitted_by = Actor { name: admitted_by.clone(), role: None };
        let rows = kept::rows(&mut store, id, None, 0, u64::MAX).await?;
        drop(store);
        self.reach(Step::Compare, 0, None).await;
        self.report.plan_digest = Some(plan.digest.clone());
        if let Some(direction) = Direction::of(plan.scope) {
            return adoption::apply(self, context, &plan, &rows, direction, &admitted_by).await;
        }
        let survey = full::survey(app, &mut self.locked.connection, context, &|_| {}).await?;
        let shrunken = survey.shrunken();
        let relies_on = |row: &PlanRow| {
            row.write == Write::Remove && row.reason.source().is_some_and(|source| shrunken.contains(&source))
        };
        // Since it was kept, what its removals rely on became empty or less than half: that wants the word of two people.
        if !plan.braked && rows.iter().any(relies_on) {
            return Err(ServiceError::refused(
                "source_shrank",
                "what this plan's removals rely on is empty or less than half of what it was; look at the pupil filter and \
                 the store, then keep a new plan: two people apply it",
            ));
        }
        self.begin_plan(&plan, &rows, &survey.rows, &admitted_by).await?;
        self.only = Some(rows.iter().map(PlanRow::line).collect());
        self.put_right(context, &survey).await?;
        if !self.report.unfinished {
            // Two people looked at it: what there is now is what there should be.
            if plan.braked || !shrunken.contains(&Source::Leavers) {
                full::believe_pupils(app, &survey).await?;
            }
            kept::finish(&mut app.store.acquire().await?, id, self.cycle, app.now()).await?;
        }
        Ok(())
    }

    /// Notes that a plan is applied from now on, if it is still what is to be written.
    async fn begin_plan(
        &self,
        plan: &kept::Plan,
        rows: &[PlanRow],
        now: &[PlanRow],
        admitted_by: &Actor,
    ) -> Result<(), ServiceError> {
        let app = self.app;
        // One that was begun and did not end was as planned then, and is partly done.
        if !plans::is_under_way(plan, app.now())
            && let Some(changes) = plans::Changes::of(plan, rows, now)
        {
            return Err(changes.into());
        }
        let detail = json!({
            "plan": plan.id, "digest": plan.digest, "additions": plan.additions, "removals": plan.removals,
            "adoptions": plan.adoptions, "asked_by": plan.asked.as_ref().map(|(person, _)| person),
        });
        let mut tx = app.store.begin().await?;
        kept::begin(&mut tx, plan.id, app.now()).await?;
        let entry = audit::Entry::new("plan.apply", format!("cycle:{}", self.cycle), detail);
        audit::write(&mut tx, admitted_by, app.now(), &[entry]);
        Ok(tx.commit().await?)
    }

    /// Keeps the plan of what the brake holds, unless it is kept already.
    async fn keep_held(&mut self, context: &Context) -> Result<(), ServiceError> {
        if self.held.is_empty() {
            let survey = full::survey(self.app, &mut self.locked.connection, context, &|_| {}).await?;
            let is_held = |row: &PlanRow| row.reason.source().is_some_and(|source| self.brake.holds(source));
            self.held = survey.rows.into_iter().filter(|row| row.write == Write::Remove && is_held(row)).collect();
        }
        let rows = std::mem::take(&mut self.held);
        if rows.is_empty() {
            return Ok(());
        }
        let plan = plans::keep(self.app, &Actor::system(), Scope::HeldRemovals, &rows, true).await?;
        tracing::warn!(
            cycle.id = %self.cycle, plan.id = %plan.id, plan.digest = plan.digest, removals = plan.removals,
            "the brake holds removals; their plan is kept"
        );
        self.report.held_plan = Some(plan.id);
        Ok(())
    }

    /// Tells how far the run has come: the caller, and the store for whoever looks at the cycle.
    async fn reach(&mut self, step: Step, done: u64, total: Option<u64>) {
        self.report.reached = Some(Reached { step, done, total });
        (self.progress)(&self.report);
        let report = serde_json::to_value(&self.report).unwrap_or_default();
        let noted = async {
            cycles::note(&mut self.app.store.acquire().await?, self.cycle, &report).await?;
            Ok::<_, ServiceError>(())
        };
        if let Err(error) = noted.await {
            // Only for the eye; the work itself is recorded elsewhere.
            tracing::warn!(cycle.id = %self.cycle, %error, "how far the cycle has come could not be noted");
        }
    }

    fn is_late(&self) -> bool {
        self.deadline.is_some_and(|end| self.app.now().checked_add(RESERVE).map_or(true, |soon| soon > end))
    }

    async fn renew(&self) -> Result<(), ServiceError> {
        let mut store = self.app.store.acquire().await?;
        let (now, until) = (self.app.now(), lease_end(self.app));
        if leases::take(&mut store, leases::PROVISIONER, self.holder, now, until).await? {
            Ok(())
        } else {
            Err(ServiceError::refused("lease_lost", "another provisioner took over; this one stops"))
        }
    }

    /// Hints that wait on the queue. A queue out of reach is no reason to stop: the outbox has everything.
    async fn receive(&mut self) -> Vec<(JobId, Receipt)> {
        let received = match self.app.queue.receive(BATCH as usize, Duration::ZERO, VISIBILITY).await {
            Ok(received) => received,
            Err(error) => {
                if self.report.queue_failed {
                    return Vec::new();
                }
                self.report.queue_failed = true;
                self.report.warn(format!("the queue cannot be read ({error}); the outbox is swept all the same"));
                return Vec::new();
            }
        };
        let mut hints = Vec::with_capacity(received.len());
        for Received { hint, receipt, receives } in received {
            match hint {
                Ok(hint) => {
                    observe::hint_received(self.cycle, hint, receives);
                    hints.push((hint.job, receipt));
                }
                // Left alone, it comes back until the queue makes it a dead letter, where a person sees it.
                Err(error) => {
                    self.report.unreadable += 1;
                    tracing::warn!(%error, receives, "a message on the queue cannot be read");
                }
            }
        }
        hints
    }

    /// Answers the messages: done ones are deleted, those whose job waits come back when it is due.
    async fn answer(&mut self, receipts: HashMap<JobId, Vec<Receipt>>, waiting_before: &[Job]) {
        if receipts.is_empty() {
            return;
        }
        let answered = async {
            let ids: Vec<JobId> = waiting_before.iter().map(|job| job.id).collect();
            let waiting = jobs::ready_of(&mut self.app.store.acquire().await?, &ids).await?;
            let due: HashMap<JobId, Timestamp> = waiting.iter().map(|job| (job.id, job.available_at)).collect();
            let (mut done, mut later) = (Vec::new(), Vec::new());
            for (job, own) in receipts {
                match due.get(&job) {
                    None => done.extend(own),
                    Some(at) => {
                        let seconds = (at.as_second() - self.app.now().as_second()).max(1);
                        let pause = Duration::from_secs(u64::try_from(seconds).unwrap_or(1));
                        later.extend(own.into_iter().map(|receipt| (receipt, pause)));
                    }
                }
            }
            self.app.queue.delete(&done).await?;
            self.app.queue.set_visibility(&later).await?;
            Ok::<_, ServiceError>(())
        };
        if let Err(error) = answered.await {
            // The messages come back and find their jobs done.
            tracing::warn!(%error, "messages could not be answered");
        }
    }

    /// When a job is tried again after `attempts` tries: 1, 2, 4 … minutes.
    fn next_try(&self, attempts: i64) -> Timestamp {
        let exponent = u32::try_from(attempts.clamp(0, 16)).unwrap_or(16);
        let minutes = 2_i64.pow(exponent).min(LONGEST_PAUSE_MINUTES);
        self.app.now().checked_add(jiff::SignedDuration::from_mins(minutes)).unwrap_or(Timestamp::MAX)
    }
}

fn unique_adults(jobs: &[Job]) -> Vec<AdultId> {
    let mut adults: Vec<AdultId> = jobs.iter().map(|job| job.adult).collect();
    adults.sort_unstable();
    adults.dedup();
    adults
}

/// What tells that a role row is ours, under a policy.
async fn ownership(
    app: &App,
    policy: &Policy,
    users: &[kinlink_domain::ids::MoodleUserId],
) -> Result<Ownership, ServiceError> {
    if !policy.component.is_empty() {
        return Ok(Ownership::Component(policy.component.clone()));
    }
    let keys = ledger::of_users(&mut app.store.acquire().await?, "", users).await?;
    Ok(Ownership::Ledger(keys.into_iter().collect()))
}

/// Whether a failure concerns the rows of a batch and not the databases as such: then a smaller batch may go through.
fn is_about_rows(error: &ServiceError) -> bool {
    let fault = match error {
        ServiceError::Moodle(MoodleError::NoContext(_)) => return true,
        ServiceError::Moodle(MoodleError::Db(error)) | ServiceError::Store(kinlink_store::StoreError::Db(error)) => {
            error.fault()
        }
        _ => return false,
    };
    matches!(fault, kinlink_db::Fault::Other | kinlink_db::Fault::Duplicate)
}
