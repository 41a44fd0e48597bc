//! One batch of adults: facts → desired rows → plan → apply → settle. A fixed number of statements, however many adults.
//!
//! What does not live here: reading (`facts.rs`), deciding (`judge.rs`) and recording (`settle.rs`).

use std::collections::{BTreeMap, BTreeSet, HashSet};

use kinlink_domain::{
    brake::Held,
    desired::{SyncTask, Terms},
    ids::{AdultId, ContextId, LinkId, MoodleUserId},
    outcome::Outcome,
    plan::{Addition, Place, Plan},
    plan_row::{PlanRow, Write},
    policy::Policy,
    reason::{Reason, Source},
};
use kinlink_moodle::{Prefix, apply, apply::Signature, site::Site, tasks};
use kinlink_store::{
    jobs::{Job, Priority},
    ledger::{self, Owned},
};

use super::{
    Run,
    facts::{Known, sync_task},
    full, is_about_rows,
    judge::{Judged, judge},
    settle::{settle, settle_failed},
};
use crate::ServiceError;

/// What holds for every batch of a run.
pub(super) struct Context {
    pub(super) policy: Policy,
    pub(super) site: Site,
    pub(super) prefix: Prefix,
    pub(super) terms: Terms,
    pub(super) signature: Signature,
}

impl Context {
    pub(super) fn new(policy: Policy, site: Site, prefix: Prefix) -> Self {
        let terms = Terms {
            link_role: site.link_role,
            static_role: site.static_role,
            static_contexts: site.static_contexts.clone(),
            item_is_link: !policy.component.is_empty(),
        };
        let signature = Signature { component: policy.component.clone(), modifier: policy.modifier_id };
        Self { policy, site, prefix, terms, signature }
    }
}

/// The adults of a batch, with the jobs that name them (none in a full cycle).
#[derive(Debug, Clone)]
pub(super) struct Batch {
    pub(super) adults: Vec<AdultId>,
    pub(super) jobs: Vec<Job>,
}

impl Batch {
    pub(super) const fn of_jobs(adults: Vec<AdultId>, jobs: Vec<Job>) -> Self {
        Self { adults, jobs }
    }

    pub(super) const fn of_adults(adults: Vec<AdultId>) -> Self {
        Self { adults, jobs: Vec::new() }
    }

    /// Two halves, each with its own jobs.
    fn split(self) -> (Self, Self) {
        let (left, right) = self.adults.split_at(self.adults.len() / 2);
        let chosen: HashSet<AdultId> = left.iter().copied().collect();
        let (left_jobs, right_jobs) = self.jobs.into_iter().partition(|job| chosen.contains(&job.adult));
        (Self::of_jobs(left.to_vec(), left_jobs), Self::of_jobs(right.to_vec(), right_jobs))
    }
}

/// Processes a batch; one that fails for its rows is halved until the bad one stands alone (O-1: one bad row stops nobody).
pub(super) async fn process(run: &mut Run<'_>, context: &Context, batch: Batch) -> Result<(), ServiceError> {
    let mut stack = vec![batch];
    while let Some(batch) = stack.pop() {
        match process_once(run, context, &batch).await {
            Ok(()) => {}
            Err(error) if is_about_rows(&error) && batch.adults.len() > 1 => {
                tracing::warn!(adults = batch.adults.len(), %error, "a batch failed; its halves are tried");
                let (left, right) = batch.split();
                stack.extend([right, left]);
            }
            Err(error) if is_about_rows(&error) => {
                tracing::error!(adult.id = ?batch.adults.first(), %error, "one adult's rows cannot be written");
                settle_failed(run, context, &batch).await?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

async fn process_once(run: &mut Run<'_>, context: &Context, batch: &Batch) -> Result<(), ServiceError> {
    let app = run.app;
    let known = Known::read(app, context, &batch.adults).await?;
    let mut judged = judge(app, &mut run.locked.connection, context, &known).await?;
    run.keep_to_plan(&mut judged);
    hold_removals(run, context, &mut judged).await?;

    // Moodle suspends whose row is gone, takes addresses over, and makes who waits. A hold leaves the login row: nothing to hurry,
    // least of all the mail with a password that Moodle sends to a new account.
    let is_referred = |adult: AdultId| {
        let mut outcomes =
            judged.links_of.get(&adult).into_iter().flatten().filter_map(|link| judged.outcomes.get(link));
        outcomes.any(|outcome| *outcome == Outcome::Referred)
    };
    let ends = batch.jobs.iter().any(|job| job.priority == Priority::Removal && !is_referred(job.adult));
    if judged.needs_sync || ends {
        hurry_sync(run, context, &judged).await?;
    }
    let made = apply::contexts(&mut run.locked.connection, &context.prefix, &context.site, &judged.plan).await?;
    complete(&mut judged.plan, &made);
    if !judged.plan.additions.is_empty() {
        let rows: Vec<Owned> = judged.plan.additions.iter().filter_map(|addition| owned(&judged, addition)).collect();
        let mut tx = app.store.begin().await?;
        ledger::intend(&mut tx, &context.policy.component, &rows, run.cycle, app.now()).await?;
        tx.commit().await?;
    }
    // Only who just lost their access loses their sessions, once.
    let removal_of: HashSet<AdultId> =
        batch.jobs.iter().filter(|job| job.priority == Priority::Removal).map(|job| job.adult).collect();
    let mut ended = BTreeSet::new();
    if context.policy.end_sessions {
        let removals = &judged.plan.removals;
        let losing: BTreeSet<MoodleUserId> = removals.iter().map(|removal| removal.row.user).collect();
        let just_lost = |user: &&MoodleUserId| {
            (!removal_of.is_empty() || losing.contains(user)) && !judged.held_users.contains(user)
        };
        ended.extend(judged.ended_accounts.iter().filter(just_lost));
        let referred = removals.iter().filter(|removal| removal.reason == Reason::Referred);
        ended.extend(referred.map(|removal| removal.row.user));
    }
    let (prefix, site, signature) = (&context.prefix, &context.site, &context.signature);
    apply::roles(&mut run.locked.connection, prefix, site, signature, &judged.plan, &ended).await?;
    if !judged.plan.additions.is_empty() {
        // Moodle mails first passwords every minute; sooner is kinder.
        tasks::hurry(&mut run.locked.connection, &context.prefix, tasks::SEND_PASSWORDS).await?;
    }
    let provisioned = settle(run, context, batch, &judged).await?;

    let report = &mut run.report;
    report.adults += batch.adults.len() as u64;
    report.added += judged.plan.additions.len() as u64;
    report.removed += judged.plan.removals.len() as u64;
    report.put_back += judged.put_back.len() as u64;
    if !judged.newly_contested.is_empty() {
        report.contested += judged.newly_contested.len() as u64;
        report.warn(
            "somebody or something in Moodle takes rows of ours away each time they are put back; they are left alone until a \
             person says otherwise"
                .to_owned(),
        );
    }
    report.beside_holds(judged.beside_holds);
    report.contexts += (judged.plan.new_contexts.len() + judged.plan.mended_contexts.len()) as u64;
    report.provisioned += provisioned;
    report.count(&judged.outcomes);
    Ok(())
}

/// Takes the removals of held sources out of a batch's plan; a source that would pass the limit by this batch is held from
/// now on. So is that of leavers when there are suddenly far fewer pupils, be it the first batch that finds it.
async fn hold_removals(run: &mut Run<'_>, context: &Context, judged: &mut Judged) -> Result<(), ServiceError> {
    let mut counts: BTreeMap<Source, u64> = BTreeMap::new();
    for removal in &judged.plan.removals {
        if let Some(source) = removal.reason.source() {
            *counts.entry(source).or_default() += 1;
        }
    }
    if let Some(count) = counts.get(&Source::Leavers).copied()
        && run.brake.is_first_of(Source::Leavers)
        && full::pupils_have_shrunk(run.app, &mut run.locked.connection, context).await?
    {
        run.hold(Source::Leavers, Held::SourceShrank, count, run.brake.owned());
    }
    for (source, count) in counts {
        run.expect_removals(source, count);
    }
    let is_held = |reason: Reason| reason.source().is_some_and(|source| run.brake.holds(source));
    let held: Vec<PlanRow> = judged.rows().filter(|row| row.write == Write::Remove && is_held(row.reason)).collect();
    if held.is_empty() {
        return Ok(());
    }
    let items: HashSet<i64> = held.iter().map(|row| row.item).collect();
    for (link, outcome) in &mut judged.outcomes {
        if *outcome == Outcome::Ended && items.contains(&link.0) {
            *outcome = Outcome::RemovalHeld;
        }
    }
    judged.plan.removals.retain(|removal| !is_held(removal.reason));
    judged.held_users.extend(held.iter().map(|row| row.user));
    run.hold_rows(&held);
    Ok(())
}

/// Makes Moodle synchronise accounts soon, once a cycle. A task that fails keeps Moodle's own pauses.
async fn hurry_sync(run: &mut Run<'_>, context: &Context, judged: &Judged) -> Result<(), ServiceError> {
    if run.report.sync_hurried {
        return Ok(());
    }
    let moodle = &mut run.locked.connection;
    let state = sync_task(moodle, &context.prefix).await?;
    if state == SyncTask::Running {
        tasks::hurry(moodle, &context.prefix, tasks::SYNC_USERS).await?;
        run.report.sync_hurried = true;
    } else if judged.needs_sync || !judged.ended_accounts.is_empty() {
        let what = if state == SyncTask::Disabled { "is switched off" } else { "fails" };
        run.report.warn(format!(
            "Moodle's task {} {what}: accounts are neither made nor suspended; run doctor",
            tasks::SYNC_USERS
        ));
    }
    Ok(())
}

/// Puts the contexts that were just made into the plan's additions.
fn complete(plan: &mut Plan, made: &BTreeMap<MoodleUserId, ContextId>) {
    let additions = std::mem::take(&mut plan.additions);
    plan.additions = additions
        .into_iter()
        .map(|mut addition| {
            if let (None, Place::Pupil(pupil)) = (addition.context, addition.row.place) {
                addition.context = made.get(&pupil).copied();
            }
            addition
        })
        .collect();
}

fn owned(judged: &Judged, addition: &Addition) -> Option<Owned> {
    let row = addition.row;
    let link = match row.place {
        Place::Pupil(_) if row.item != 0 => LinkId(row.item),
        _ => LinkId(0),
    };
    Some(Owned {
        adult: *judged.desired.get(&row)?,
        link,
        role: row.role,
        context: addition.context?,
        user: row.user,
        item: row.item,
    })
}
