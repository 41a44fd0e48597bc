//! Everybody, not only those with jobs: a survey that reads, then the batches that differ, then rows that are nobody's.

use std::collections::{BTreeSet, HashSet};

use kinlink_db::Connection;
use kinlink_domain::{
    ids::{AdultId, LinkId},
    plan::{ActualRole, Digest, Plan, Removal},
};
use kinlink_moodle::{apply, roles};
use kinlink_store::{accounts, ledger, links};

use super::{
    BATCH, Run,
    batch::{self, Context},
    ownership,
};
use crate::{App, ServiceError};

/// Rows of ours that are read at once when looking for strays; one statement looks up their links.
const PAGE: i64 = 5_000;

/// What a survey found.
pub(super) struct Survey {
    /// Every row that would be written.
    pub(super) plan: Plan,
    /// Its digest.
    pub(super) digest: Digest,
    /// The adults for whom something would be written.
    pub(super) adults: Vec<AdultId>,
    /// Rows with our component whose link nobody knows.
    pub(super) strays: Vec<ActualRole>,
}

/// Compares everybody. Reads only.
pub(super) async fn survey(
    app: &App,
    moodle: &mut Connection,
    context: &Context,
    progress: &(dyn Fn(u64) + Send + Sync),
) -> Result<Survey, ServiceError> {
    let mut survey =
        Survey { plan: Plan::default(), digest: Digest::default(), adults: Vec::new(), strays: Vec::new() };
    let mut after = None;
    let mut seen = 0;
    loop {
        let page = accounts::adults_after(&mut app.store.acquire().await?, after, BATCH).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        let ids: Vec<AdultId> = page.iter().map(|adult| adult.id).collect();
        let judged = batch::survey(app, moodle, context, &ids).await?;
        // Only who differs is processed, or who is still to be recorded after a process that died.
        survey.adults.extend(judged.differing());
        if !judged.plan.is_empty() {
            survey.digest.add(&judged.plan);
            survey.plan.extend(judged.plan);
        }
        seen += ids.len() as u64;
        progress(seen);
    }
    find_strays(app, moodle, context, &mut survey).await?;
    Ok(survey)
}

/// Rows with our component whose link the store does not have: written by a store that was lost or restored to an older state.
async fn find_strays(
    app: &App,
    moodle: &mut Connection,
    context: &Context,
    survey: &mut Survey,
) -> Result<(), ServiceError> {
    let ownership = ownership(app, &context.policy, &[]).await?;
    let mut after = 0;
    loop {
        let page = roles::page(moodle, &context.prefix, &ownership, after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.id;
        let items: BTreeSet<i64> = page.iter().map(|row| row.item).filter(|item| *item != 0).collect();
        let items: Vec<LinkId> = items.into_iter().map(LinkId).collect();
        let known = links::by_ids(&mut app.store.acquire().await?, &items).await?;
        let known: HashSet<i64> = known.into_iter().map(|link| link.id.0).collect();
        for row in page.into_iter().filter(|row| row.item != 0 && !known.contains(&row.item)) {
            survey.plan.removals.insert(Removal { row });
            let mut stray = Plan::default();
            stray.removals.insert(Removal { row });
            survey.digest.add(&stray);
            survey.strays.push(row);
        }
    }
}

/// Removes the strays that a survey found, unless the brake holds removals.
pub(super) async fn remove_strays(run: &mut Run<'_>, context: &Context, survey: &Survey) -> Result<(), ServiceError> {
    if survey.strays.is_empty() {
        return Ok(());
    }
    if run.report.brake {
        run.report.held += survey.strays.len() as u64;
        return Ok(());
    }
    let plan = Plan { removals: survey.strays.iter().map(|row| Removal { row: *row }).collect(), ..Plan::default() };
    let (prefix, site, signature) = (&context.prefix, &context.site, &context.signature);
    apply::roles(&mut run.locked.connection, prefix, site, signature, &plan, &BTreeSet::new()).await?;
    let keys: Vec<ledger::Key> = survey.strays.iter().map(|row| (row.user, row.context, row.role, row.item)).collect();
    let mut tx = run.app.store.begin().await?;
    ledger::removed(&mut tx, &context.policy.component, &keys, run.cycle, run.app.now()).await?;
    tx.commit().await?;
    run.report.removed += plan.removals.len() as u64;
    run.report.warn(format!("{} role rows of ours belonged to no link and were removed", plan.removals.len()));
    Ok(())
}
