//! What a batch came to, recorded with its jobs in one transaction: a job ends with what it brought about, or not at all.

use std::collections::{BTreeMap, HashSet};

use kinlink_domain::{
    ids::{AdultId, JobId, LinkId},
    outcome::{Next, Outcome},
    reason::Reason,
    staff::Actor,
};
use kinlink_store::{audit, cycles, jobs, ledger, links, mails, put_backs, put_backs::Contest, requests};
use serde_json::json;

use super::{
    Run,
    batch::{Batch, Context},
    judge::Judged,
    tell,
};
use crate::{
    ServiceError,
    mail::{self, Letter},
};

/// Records what a batch came to and finishes its jobs: one transaction. Gives the number of requests that became provisioned.
pub(super) async fn settle(
    run: &mut Run<'_>,
    context: &Context,
    batch: &Batch,
    judged: &Judged,
) -> Result<u64, ServiceError> {
    let app = run.app;
    let now = app.now();
    let mut tx = app.store.begin().await?;
    if batch.jobs.is_empty() && judged.plan.is_empty() && judged.unsettled.is_empty() {
        // A full cycle looked and found everything as it should be: nothing to record.
        return Ok(0);
    }
    let held = !judged.held_users.is_empty();
    ledger::settle(&mut tx, &batch.adults, held, run.cycle, now).await?;
    // Where only a second copy went, the row itself stays ours.
    let removals = judged.plan.removals.iter().filter(|removal| removal.reason != Reason::SurplusCopy);
    let mut removed: Vec<ledger::Key> = removals.map(|r| (r.row.user, r.row.context, r.row.role, r.row.item)).collect();
    removed.extend(&judged.vanished);
    ledger::removed(&mut tx, &context.policy.component, &removed, run.cycle, now).await?;
    put_backs::note(&mut tx, &context.policy.component, &judged.put_back, now).await?;
    let contests: Vec<Contest> = judged
        .newly_contested
        .iter()
        .map(|(row, adult, link)| {
            let component = context.policy.component.clone();
            Contest { id: app.new_id(), row: *row, component, adult: *adult, link: *link, began_at: now }
        })
        .collect();
    put_backs::contest(&mut tx, &contests).await?;
    let results: Vec<(LinkId, Outcome)> = judged.outcomes.iter().map(|(link, outcome)| (*link, *outcome)).collect();
    cycles::record(&mut tx, run.cycle, &results, now).await?;
    requests::record_outcomes(&mut tx, &results, now).await?;

    let links: Vec<LinkId> = judged.outcomes.keys().copied().collect();
    let linked = requests::linked(&mut tx, &links).await?;
    let done: Vec<_> = linked.iter().filter(|request| !request.has_open_claim).map(|request| request.id).collect();
    if !done.is_empty() {
        requests::mark_provisioned(&mut tx, &done, now).await?;
        let entries: Vec<_> = done
            .iter()
            .map(|id| audit::Entry::new("request.provision", format!("request:{id}"), json!({ "cycle": run.cycle })))
            .collect();
        audit::write(&mut tx, &Actor::system(), now, &entries);
    }
    let letters: Vec<_> = linked
        .iter()
        .map(|request| {
            let letter = if request.made_login_row { Letter::Approved } else { Letter::ChildAdded };
            // One mail when the account is there, one more for every child that is added later.
            let once = format!("linked:{}:{}", request.id, request.approved);
            mail::new(app, &request.email, Some(request.id), Some(request.adult), letter, &once)
        })
        .collect::<Result<_, _>>()?;
    mails::enqueue(&mut tx, &letters).await?;
    let dead = settle_jobs(run, &mut tx, context, batch, |adult| worst(judged, adult)).await?;
    tx.commit().await?;
    tell::settled(run.cycle, batch, judged, &dead, |adult| worst(judged, adult));
    Ok(done.len() as u64)
}

/// The outcome that decides what becomes of an adult's job: the one that needs most attention.
fn worst(judged: &Judged, adult: AdultId) -> Outcome {
    let outcomes = judged.links_of.get(&adult).into_iter().flatten().filter_map(|link| judged.outcomes.get(link));
    outcomes
        .copied()
        .max_by_key(|outcome| match outcome.next() {
            Next::Done => 0,
            Next::Wait => 1,
            Next::Retry => 2,
        })
        .unwrap_or(Outcome::Ended)
}

/// Ends, puts off or gives up a batch's jobs. Gives those that were given up.
async fn settle_jobs(
    run: &Run<'_>,
    tx: &mut kinlink_store::Tx<'_>,
    context: &Context,
    batch: &Batch,
    outcome_of: impl Fn(AdultId) -> Outcome,
) -> Result<HashSet<JobId>, ServiceError> {
    let most = i64::from(context.policy.max_attempts);
    let mut groups: BTreeMap<(&'static str, i64), (Outcome, Vec<JobId>)> = BTreeMap::new();
    for job in &batch.jobs {
        let outcome = outcome_of(job.adult);
        let attempts = if outcome.next() == Next::Done { 0 } else { job.attempts };
        groups.entry((outcome.code(), attempts)).or_insert((outcome, Vec::new())).1.push(job.id);
    }
    let mut dead = HashSet::new();
    for ((_, attempts), (outcome, ids)) in groups {
        match outcome.next() {
            Next::Done => jobs::finish(tx, &ids, outcome).await?,
            // Waiting for Moodle is nobody's fault and never given up; the pauses grow to hours.
            Next::Retry if attempts + 1 >= most => {
                jobs::bury(tx, &ids, outcome).await?;
                dead.extend(ids);
            }
            Next::Wait | Next::Retry => jobs::postpone(tx, &ids, run.next_try(attempts), outcome).await?,
        }
    }
    Ok(dead)
}

/// Records that an adult's rows could not be written.
pub(super) async fn settle_failed(run: &mut Run<'_>, context: &Context, batch: &Batch) -> Result<(), ServiceError> {
    let app = run.app;
    let now = app.now();
    let mut tx = app.store.begin().await?;
    let active: BTreeMap<LinkId, Outcome> = links::of_adults(&mut tx, &batch.adults)
        .await?
        .into_iter()
        .filter(|link| link.active)
        .map(|link| (link.id, Outcome::WriteFailed))
        .collect();
    let results: Vec<(LinkId, Outcome)> = active.iter().map(|(link, outcome)| (*link, *outcome)).collect();
    cycles::record(&mut tx, run.cycle, &results, now).await?;
    requests::record_outcomes(&mut tx, &results, now).await?;
    let dead = settle_jobs(run, &mut tx, context, batch, |_| Outcome::WriteFailed).await?;
    tx.commit().await?;
    tell::failed(run.cycle, batch, &dead);
    run.report.adults += batch.adults.len() as u64;
    run.report.count(&active);
    Ok(())
}
