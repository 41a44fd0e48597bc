//! The brake: when removals are too many to be believed, source by source.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{reason::Source, request::coded};

/// A source may remove up to the larger of a number and a share of what we own; beyond that its removals are held until a
/// person applies exactly that plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Brake {
    /// Removals that are always believed.
    pub floor: u64,
    /// Percent of the owned rows that are believed beyond that.
    pub percent: u64,
}

impl Default for Brake {
    fn default() -> Self {
        Self { floor: 25, percent: 5 }
    }
}

coded! {
    /// Why the brake holds a source.
    Held {
        /// It would remove more than is believed.
        TooMany = "too_many",
        /// What it relies on is empty, or less than half of what it was.
        SourceShrank = "source_shrank",
    }
}

impl Brake {
    /// The most removals that are believed when we own `owned` rows.
    #[must_use]
    pub fn limit(self, owned: u64) -> u64 {
        self.floor.max(owned.saturating_mul(self.percent) / 100)
    }

    /// Whether this many removals are too many.
    #[must_use]
    pub fn engages(self, removals: u64, owned: u64) -> bool {
        removals > self.limit(owned)
    }
}

/// Which sources are held: those that would remove too many by their own brake, and those that shrank and would remove
/// anything at all.
#[must_use]
pub fn judge(
    brake_of: impl Fn(Source) -> Brake,
    removals: &BTreeMap<Source, u64>,
    owned: u64,
    shrunken: &BTreeSet<Source>,
) -> BTreeMap<Source, Held> {
    let held = |(source, count): (&Source, &u64)| {
        let why = if *count > 0 && shrunken.contains(source) {
            Held::SourceShrank
        } else if brake_of(*source).engages(*count, owned) {
            Held::TooMany
        } else {
            return None;
        };
        Some((*source, why))
    };
    removals.iter().filter_map(held).collect()
}

/// Whether what a source relies on is too small to be believed: less than half of what it was.
#[must_use]
pub const fn has_shrunk(now: u64, before: u64) -> bool {
    now < before.saturating_sub(now)
}

#[cfg(test)]
mod tests {
    use super::{Brake, Held, Source, has_shrunk, judge};
    use proptest::prelude::*;
    use std::collections::{BTreeMap, BTreeSet};

    #[test]
    fn the_larger_of_number_and_share() {
        let brake = Brake::default();
        for (removals, owned, engages) in
            [(25, 25, false), (26, 26, true), (26, 500, true), (50, 1000, false), (51, 1000, true), (0, 0, false)]
        {
            assert_eq!(brake.engages(removals, owned), engages, "{removals} of {owned}");
        }
    }

    #[test]
    fn a_source_that_runs_away_is_held_and_the_others_are_not() {
        let removals = BTreeMap::from([(Source::Decisions, 25), (Source::Leavers, 26), (Source::Reconciliation, 1)]);
        let held =
            judge(|_| Brake::default(), &removals, 100, &BTreeSet::from([Source::Reconciliation, Source::Decisions]));
        let expected = [
            (Source::Decisions, Held::SourceShrank),
            (Source::Leavers, Held::TooMany),
            (Source::Reconciliation, Held::SourceShrank),
        ];
        assert_eq!(held, BTreeMap::from(expected));
        let held = judge(|_| Brake::default(), &removals, 100, &BTreeSet::new());
        assert_eq!(held, BTreeMap::from([(Source::Leavers, Held::TooMany)]));
    }

    #[test]
    fn less_than_half_is_shrunk() {
        for (now, before, shrunk) in
            [(0, 0, false), (0, 1, true), (1, 2, false), (1, 3, true), (50, 100, false), (49, 100, true), (9, 3, false)]
        {
            assert_eq!(has_shrunk(now, before), shrunk, "{now} of {before}");
        }
    }

    proptest! {
        /// An empty source never removes, however few it would remove.
        #[test]
        fn an_empty_source_never_removes(count in 1_u64..1_000, owned in 0_u64..100_000, floor in 0_u64..2_000) {
            let brake = Brake { floor, percent: 100 };
            let held = judge(|_| brake, &BTreeMap::from([(Source::Leavers, count)]), owned, &BTreeSet::from([Source::Leavers]));
            prop_assert_eq!(held.get(&Source::Leavers), Some(&Held::SourceShrank));
        }
    }
}
