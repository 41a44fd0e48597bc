//! The brake of one run: which sources of removals are held, and how much each has removed.

use std::collections::BTreeMap;

use kinlink_domain::{
    brake::Held,
    plan_row::{PlanRow, Write},
    policy::Policy,
    reason::Source,
};

/// The state of the brake in a run.
#[derive(Debug, Default)]
pub(super) struct Braking {
    /// Most removals of each source that are believed in this run, where that is watched batch by batch.
    limits: BTreeMap<Source, u64>,
    owned: u64,
    held: BTreeMap<Source, Held>,
    /// Removals that were let through.
    removed: BTreeMap<Source, u64>,
}

impl Braking {
    /// Watches each source from batch to batch.
    pub(super) fn watch(&mut self, policy: &Policy, owned: u64) {
        let limit = |source: &Source| (*source, policy.brake_of(*source).limit(owned));
        self.limits = Source::ALL.iter().map(limit).collect();
        self.owned = owned;
    }

    /// Everything was compared and judged at once: nothing more to be watched.
    pub(super) fn stop_watching(&mut self) {
        self.limits.clear();
    }

    /// Whether a source is watched that is about to remove for the first time in this run: what it relies on is to be looked
    /// at before.
    pub(super) fn is_first_of(&self, source: Source) -> bool {
        !self.limits.is_empty() && !self.holds(source) && !self.removed.contains_key(&source)
    }

    /// Whether a source is held.
    pub(super) fn holds(&self, source: Source) -> bool {
        self.held.contains_key(&source)
    }

    /// Holds a source. Gives whether it was not held before.
    pub(super) fn hold(&mut self, source: Source, why: Held) -> bool {
        self.held.insert(source, why).is_none()
    }

    /// How many rows are ours, where sources are watched.
    pub(super) const fn owned(&self) -> u64 {
        self.owned
    }

    /// How many removals of a source there would be with these, and how many rows are ours, if that is too many.
    pub(super) fn too_many_with(&mut self, source: Source, more: u64) -> Option<(u64, u64)> {
        if self.holds(source) {
            return None;
        }
        let removed = self.removed.entry(source).or_default();
        *removed += more;
        self.limits.get(&source).is_some_and(|limit| *removed > *limit).then_some((*removed, self.owned))
    }
}

/// How many removals of each source these rows are.
pub(super) fn removals_of<'a>(rows: impl IntoIterator<Item = &'a PlanRow>) -> BTreeMap<Source, u64> {
    let mut counts = BTreeMap::new();
    for row in rows {
        if let (Write::Remove, Some(source)) = (row.write, row.reason.source()) {
            *counts.entry(source).or_default() += 1;
        }
    }
    counts
}
