//! Everybody, not only those with jobs: a survey that reads, then the batches that differ, then rows that are nobody's.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use kinlink_db::Connection;
use kinlink_domain::{
    brake::has_shrunk,
    ids::{AdultId, LinkId, MoodleUserId},
    plan::{ActualRole, Digest, Plan, Removal},
    plan_row::PlanRow,
    reason::{Reason, Source},
};
use kinlink_moodle::{apply, pupils, roles};
use kinlink_store::{accounts, ledger, plans};

use super::{
    BATCH, Run,
    batch::Context,
    braking::removals_of,
    facts::Known,
    judge::{GonePupil, judge},
    ownership,
};
use crate::{App, ServiceError};

/// Rows of ours that are read at once when looking for strays.
const PAGE: i64 = 5_000;
/// Under which name the number of pupils is remembered.
const PUPILS: &str = "pupils";

/// What a survey found.
pub(crate) struct Survey {
    /// Every row that would be written.
    pub(crate) plan: Plan,
    /// The same rows with whose they are.
    pub(crate) rows: Vec<PlanRow>,
    /// Its digest.
    pub(crate) digest: Digest,
    /// The adults for whom something would be written.
    pub(super) adults: Vec<AdultId>,
    /// Links in force whose pupil is gone.
    pub(super) gone_pupils: Vec<GonePupil>,
    /// Accounts that bear another user name today.
    pub(super) renamed: Vec<(AdultId, MoodleUserId)>,
    /// Rows that are left alone.
    pub(super) contested: Vec<(AdultId, LinkId, MoodleUserId)>,
    /// Rows that are not ours, beside held links.
    pub(super) beside_holds: u64,
    /// Rows marked as ours for which no adult accounts.
    strays: Vec<ActualRole>,
    /// Rows in Moodle that are marked as ours.
    marked: u64,
    /// Pupils, by the pupil filter.
    pub(super) pupils: u64,
    /// How many there were when they were believed last.
    pupils_before: Option<u64>,
}

impl Survey {
    /// How many removals there would be of each source.
    pub(crate) fn removals(&self) -> BTreeMap<Source, u64> {
        removals_of(&self.rows)
    }

    /// Sources that rely on something that is empty, or less than half of what it was. A store that explains less than half
    /// of what is marked as ours in Moodle was lost or restored to an older state.
    pub(crate) fn shrunken(&self) -> BTreeSet<Source> {
        let mut shrunken = BTreeSet::new();
        let strays = self.strays.len() as u64;
        if has_shrunk(self.marked - strays, self.marked) {
            shrunken.insert(Source::Reconciliation);
        }
        if self.pupils_before.is_some_and(|before| has_shrunk(self.pupils, before)) {
            shrunken.insert(Source::Leavers);
        }
        shrunken
    }
}

/// Compares everybody. Reads only.
pub(crate) async fn survey(
    app: &App,
    moodle: &mut Connection,
    context: &Context,
    progress: &(dyn Fn(u64) + Send + Sync),
) -> Result<Survey, ServiceError> {
    let mut survey = Survey {
        plan: Plan::default(),
        rows: Vec::new(),
        digest: Digest::default(),
        adults: Vec::new(),
        gone_pupils: Vec::new(),
        renamed: Vec::new(),
        contested: Vec::new(),
        beside_holds: 0,
        strays: Vec::new(),
        marked: 0,
        pupils: pupils::count(moodle, &context.prefix, &context.policy, &context.site).await?,
        pupils_before: plans::size(&mut app.store.acquire().await?, PUPILS).await?,
    };
    let mut after = None;
    let mut seen = HashSet::new();
    let mut done = 0;
    loop {
        let page = accounts::adults_after(&mut app.store.acquire().await?, after, BATCH).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        done += page.len() as u64;
        let known = Known::of(app, context, page).await?;
        let mut judged = judge(app, moodle, context, &known).await?;
        survey.gone_pupils.append(&mut judged.gone_pupils);
        survey.renamed.append(&mut judged.renamed);
        survey.contested.append(&mut judged.contested);
        survey.beside_holds += judged.beside_holds;
        // Only who differs is processed, or who is still to be recorded after a process that died.
        survey.adults.extend(judged.differing());
        seen.extend(&judged.seen);
        if !judged.plan.is_empty() {
            survey.digest.add(&judged.plan);
            survey.rows.extend(judged.rows());
            survey.plan.extend(judged.plan);
        }
        progress(done);
    }
    find_strays(app, moodle, context, &mut survey, &seen).await?;
    Ok(survey)
}

/// Rows marked as ours for which no adult accounts: written by a store that was lost or restored to an older state. Their
/// link is unknown, or its number was given anew to somebody else.
async fn find_strays(
    app: &App,
    moodle: &mut Connection,
    context: &Context,
    survey: &mut Survey,
    seen: &HashSet<i64>,
) -> Result<(), ServiceError> {
    let ownership = ownership(app, &context.policy, &[]).await?;
    let mut after = 0;
    loop {
        let page = roles::page(moodle, &context.prefix, &ownership, after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.id;
        survey.marked += page.len() as u64;
        for row in page.into_iter().filter(|row| !seen.contains(&row.id)) {
            let removal = Removal { row, reason: Reason::Stray };
            if survey.plan.removals.insert(removal) {
                survey.digest.add_line(&removal.row().line());
                survey.rows.push(removal.row());
                survey.strays.push(row);
            }
        }
    }
}

/// Whether there are less than half as many pupils as when they were believed last.
pub(super) async fn pupils_have_shrunk(
    app: &App,
    moodle: &mut Connection,
    context: &Context,
) -> Result<bool, ServiceError> {
    let Some(before) = plans::size(&mut app.store.acquire().await?, PUPILS).await? else { return Ok(false) };
    Ok(has_shrunk(pupils::count(moodle, &context.prefix, &context.policy, &context.site).await?, before))
}

/// Remembers how many pupils there are, so that a filter that suddenly gives few is noticed.
pub(super) async fn believe_pupils(app: &App, survey: &Survey) -> Result<(), ServiceError> {
    if survey.pupils_before != Some(survey.pupils) {
        plans::set_size(&mut app.store.acquire().await?, PUPILS, survey.pupils, app.now()).await?;
    }
    Ok(())
}

/// Removes the strays that a survey found and that the run may remove.
pub(super) async fn remove_strays(run: &mut Run<'_>, context: &Context, survey: &Survey) -> Result<(), ServiceError> {
    let removals = survey.strays.iter().map(|row| Removal { row: *row, reason: Reason::Stray });
    let mut plan = Plan { removals: removals.collect(), ..Plan::default() };
    if let Some(only) = &run.only {
        plan.retain(|row| only.contains(&row.line()));
    }
    if run.brake.holds(Source::Reconciliation) {
        run.hold_rows(&plan.rows().collect::<Vec<_>>());
        return Ok(());
    }
    if plan.removals.is_empty() {
        return Ok(());
    }
    let (prefix, site, signature) = (&context.prefix, &context.site, &context.signature);
    apply::roles(&mut run.locked.connection, prefix, site, signature, &plan, &BTreeSet::new()).await?;
    let keys: Vec<ledger::Key> =
        plan.removals.iter().map(|Removal { row, .. }| (row.user, row.context, row.role, row.item)).collect();
    let mut tx = run.app.store.begin().await?;
    ledger::removed(&mut tx, &context.policy.component, &keys, run.cycle, run.app.now()).await?;
    tx.commit().await?;
    run.report.removed += plan.removals.len() as u64;
    run.report.warn(format!("{} role rows of ours belonged to no link and were removed", plan.removals.len()));
    Ok(())
}
