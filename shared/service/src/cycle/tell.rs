//! What a batch came to, in the log: one line for each job, and for each adult who was put right without one. Ids and codes only.

use std::collections::{BTreeMap, HashMap, HashSet};

use kinlink_domain::{
    ids::{AdultId, CycleId, JobId, LinkId, MoodleUserId},
    outcome::{Next, Outcome},
    plan::Place,
};

use super::{batch::Batch, judge::Judged};
use crate::observe::{correlation, joined};

/// The role rows of one adult that were written, each as `link/user/context/role` (link 0: a static context).
#[derive(Default)]
struct Rows {
    added: Vec<String>,
    removed: Vec<String>,
}

/// Tells what a batch came to, after it was recorded.
pub(super) fn settled(
    cycle: CycleId,
    batch: &Batch,
    judged: &Judged,
    dead: &HashSet<JobId>,
    outcome_of: impl Fn(AdultId) -> Outcome,
) {
    // Nobody listens: not worth the texts.
    if !tracing::enabled!(tracing::Level::WARN) {
        return;
    }
    let rows = rows(judged);
    let none = Rows::default();
    let mut told: HashSet<AdultId> = HashSet::new();
    for job in &batch.jobs {
        told.insert(job.adult);
        let outcome = outcome_of(job.adult);
        let Rows { added, removed } = rows.get(&job.adult).unwrap_or(&none);
        let links = links(judged, job.adult);
        let (correlation, added, removed) = (correlation(job), joined(added), joined(removed));
        macro_rules! tell {
            ($level:ident, $said:literal) => {
                tracing::$level!(
                    cycle.id = %cycle, correlation.id = %correlation, job.id = %job.id, adult.id = %job.adult,
                    outcome = outcome.code(), links, rows.added = added, rows.removed = removed, $said
                )
            };
        }
        if dead.contains(&job.id) {
            tell!(warn, "job given up");
        } else if outcome.next() == Next::Done {
            tell!(info, "job done");
        } else {
            tell!(info, "job waits");
        }
    }
    for (adult, Rows { added, removed }) in rows.iter().filter(|(adult, _)| !told.contains(adult)) {
        let links = links(judged, *adult);
        let (added, removed) = (joined(added), joined(removed));
        tracing::info!(
            cycle.id = %cycle, adult.id = %adult, links, rows.added = added, rows.removed = removed, "adult put right"
        );
    }
}

/// Tells that an adult's rows could not be written.
pub(super) fn failed(cycle: CycleId, batch: &Batch, dead: &HashSet<JobId>) {
    let outcome = Outcome::WriteFailed.code();
    for job in &batch.jobs {
        let said = if dead.contains(&job.id) { "job given up" } else { "job waits" };
        tracing::warn!(
            cycle.id = %cycle, correlation.id = %correlation(job), job.id = %job.id, adult.id = %job.adult, outcome, "{said}"
        );
    }
}

/// An adult's links, each as `link:outcome`.
fn links(judged: &Judged, adult: AdultId) -> String {
    let own = judged.links_of.get(&adult).into_iter().flatten();
    joined(own.filter_map(|link| Some(format!("{link}:{}", judged.outcomes.get(link)?.code()))))
}

fn rows(judged: &Judged) -> BTreeMap<AdultId, Rows> {
    let mut rows: BTreeMap<AdultId, Rows> = BTreeMap::new();
    for addition in &judged.plan.additions {
        let (row, Some(context), Some(adult)) = (addition.row, addition.context, judged.desired.get(&addition.row))
        else {
            continue;
        };
        let link = match row.place {
            Place::Pupil(_) => row.item,
            Place::Context(_) => 0,
        };
        rows.entry(*adult).or_default().added.push(format!("{link}/{}/{context}/{}", row.user, row.role));
    }
    if judged.plan.removals.is_empty() {
        return rows;
    }
    let of_link: HashMap<LinkId, AdultId> =
        judged.links_of.iter().flat_map(|(adult, links)| links.iter().map(|link| (*link, *adult))).collect();
    let of_user: HashMap<MoodleUserId, AdultId> =
        judged.accounts_of.iter().flat_map(|(adult, users)| users.iter().map(|user| (*user, *adult))).collect();
    for removal in &judged.plan.removals {
        let row = removal.row;
        if let Some(adult) = of_link.get(&LinkId(row.item)).or_else(|| of_user.get(&row.user)) {
            let text = format!("{}/{}/{}/{}", row.item, row.user, row.context, row.role);
            rows.entry(*adult).or_default().removed.push(text);
        }
    }
    rows
}
