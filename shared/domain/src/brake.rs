//! The brake: when a plan removes too much to be believed.

use serde::{Deserialize, Serialize};

/// A plan may remove up to the larger of a number and a share of what we own; beyond that its removals are held until a
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

#[cfg(test)]
mod tests {
    use super::Brake;

    #[test]
    fn the_larger_of_number_and_share() {
        let brake = Brake::default();
        for (removals, owned, engages) in
            [(25, 25, false), (26, 26, true), (26, 500, true), (50, 1000, false), (51, 1000, true), (0, 0, false)]
        {
            assert_eq!(brake.engages(removals, owned), engages, "{removals} of {owned}");
        }
    }
}
