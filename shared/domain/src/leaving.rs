//! Pupils who leave: whether one has left, and when what their parents have ends.
//!
//! Nothing ends at once, because a source may be wrong for a day: a pupil who has left is noted, the links end after a
//! grace time, the login row of an adult without any link after another one. Days are days of the school's calendar, so
//! that a nightly run which begins a minute earlier than the last one does not lose a day. What does not live here: who
//! looks, and when (crate `service`).

use jiff::{Span, civil::Date, tz::TimeZone};

use crate::{Timestamp, brake::Brake, request::coded};

/// Why a link ended whose pupil left: the code in the store.
pub const PUPIL_LEFT: &str = "pupil_left";

coded! {
    /// Why a pupil counts as having left.
    Departure {
        /// Moodle has deleted the user, or has no such user.
        Deleted = "deleted",
        /// The user is suspended.
        Suspended = "suspended",
        /// The user matches the leaver filter.
        Leaver = "leaver",
        /// The user does not pass the pupil filter any more, or is what never is a pupil.
        NotAPupil = "not_a_pupil",
    }
}

/// A user who was once accepted as a pupil, as Moodle has them today. No names: a pupil is who they are by their id, so that
/// another surname, tutor group or year changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own that Moodle has")]
pub struct PupilFacts {
    /// Whether the user is deleted or missing.
    pub deleted: bool,
    /// Whether the user is suspended.
    pub suspended: bool,
    /// Whether the user matches the leaver filter.
    pub leaver: bool,
    /// Whether the user passes the pupil filter and is nothing that never is a pupil.
    pub eligible: bool,
}

impl PupilFacts {
    /// A user whom Moodle does not have.
    pub const MISSING: Self = Self { deleted: true, suspended: false, leaver: false, eligible: false };

    /// Why the pupil has left; none for one who is here. The strongest reason counts.
    #[must_use]
    pub const fn departure(self) -> Option<Departure> {
        if self.deleted {
            Some(Departure::Deleted)
        } else if self.suspended {
            Some(Departure::Suspended)
        } else if self.leaver {
            Some(Departure::Leaver)
        } else if !self.eligible {
            Some(Departure::NotAPupil)
        } else {
            None
        }
    }
}

/// A time of grace: so many days of a calendar.
#[derive(Debug, Clone)]
pub struct Grace {
    /// The days.
    pub days: u32,
    /// Whose days they are.
    pub zone: TimeZone,
}

impl Grace {
    /// The day on which something ends that began then.
    #[must_use]
    pub fn ends_on(&self, since: Timestamp) -> Date {
        day(since, &self.zone).checked_add(self.span()).unwrap_or(Date::MAX)
    }

    /// Whether it is over.
    #[must_use]
    pub fn is_over(&self, since: Timestamp, now: Timestamp) -> bool {
        day(now, &self.zone) >= self.ends_on(since)
    }

    /// The instant before which something must have begun for it to be over now: [`Grace::is_over`] for statements.
    #[must_use]
    pub fn over_before(&self, now: Timestamp) -> Timestamp {
        let first = day(now, &self.zone).checked_sub(self.span()).and_then(jiff::civil::Date::tomorrow);
        first.and_then(|day| day.to_zoned(self.zone.clone())).map_or(Timestamp::MIN, |start| start.timestamp())
    }

    fn span(&self) -> Span {
        // A setting is far below jiff's limit; beyond it nothing would ever end.
        Span::new().try_days(self.days).unwrap_or_default()
    }
}

fn day(at: Timestamp, zone: &TimeZone) -> Date {
    at.to_zoned(zone.clone()).date()
}

impl Departure {
    /// The day on which the links of a pupil end who left then. For a deleted user that is the next day: Moodle took every role
    /// in their context away with them, so nothing is left to see, and who comes back gets a new user. Not at once, so that
    /// one night on which Moodle lacks its users ends nothing.
    #[must_use]
    pub fn ends_on(self, since: Timestamp, grace: &Grace) -> Date {
        self.grace(grace).ends_on(since)
    }

    /// Whether those links end now.
    #[must_use]
    pub fn is_over(self, since: Timestamp, now: Timestamp, grace: &Grace) -> bool {
        self.grace(grace).is_over(since, now)
    }

    fn grace(self, grace: &Grace) -> Grace {
        let days = if self == Self::Deleted { grace.days.min(1) } else { grace.days };
        Grace { days, zone: grace.zone.clone() }
    }
}

/// Whether what Moodle says of the pupils cannot be believed: the filter matches nobody, or too many left since the last
/// look. A school loses a whole year group on one day in July, so the limit is far above that; small faults are what the
/// grace time is for.
#[must_use]
pub fn is_implausible(brake: Brake, newly_left: u64, pupils: u64, filter_matches: bool) -> bool {
    pupils > 0 && (!filter_matches || brake.engages(newly_left, pupils))
}

/// The year group that a tutor group such as `7KL` or `Year 10 B` names: its first number.
#[must_use]
pub fn year_group(tutor_group: &str) -> Option<u32> {
    let digits: String =
        tutor_group.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
    digits.parse().ok().filter(|year| *year < 100)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn london(days: u32) -> Grace {
        Grace { days, zone: crate::policy::Policy::default().zone() }
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn the_strongest_reason_counts_and_only_who_is_here_has_none() {
        let facts = |deleted, suspended, leaver, eligible| PupilFacts { deleted, suspended, leaver, eligible };
        for (facts, departure) in [
            (facts(false, false, false, true), None),
            (facts(false, false, false, false), Some(Departure::NotAPupil)),
            (facts(false, false, true, true), Some(Departure::Leaver)),
            (facts(false, false, true, false), Some(Departure::Leaver)),
            (facts(false, true, true, false), Some(Departure::Suspended)),
            (facts(true, true, true, true), Some(Departure::Deleted)),
            (PupilFacts::MISSING, Some(Departure::Deleted)),
        ] {
            assert_eq!(facts.departure(), departure, "{facts:?}");
        }
    }

    #[test]
    fn grace_is_counted_in_days_of_the_schools_calendar() {
        let grace = london(30);
        let noted = at("2026-07-20T01:30:00Z");
        assert_eq!(grace.ends_on(noted).to_string(), "2026-08-19");
        for (now, over) in [
            ("2026-08-18T22:59:00Z", false),
            // Midnight in London in summer.
            ("2026-08-18T23:00:00Z", true),
            // A run that begins earlier in the night than the one that noted it.
            ("2026-08-19T00:10:00Z", true),
        ] {
            assert_eq!(grace.is_over(noted, at(now)), over, "{now}");
            assert_eq!(Departure::Suspended.is_over(noted, at(now), &grace), over, "{now}");
            assert!(Departure::Deleted.is_over(noted, at(now), &grace), "{now}");
        }
        // A second night has to say so.
        assert!(!Departure::Deleted.is_over(noted, at("2026-07-20T22:59:00Z"), &grace));
        assert!(Departure::Deleted.is_over(noted, at("2026-07-20T23:00:00Z"), &grace));
        assert!(Departure::Deleted.is_over(noted, noted, &london(0)));
        // Across the change of the clocks.
        assert_eq!(grace.ends_on(at("2026-10-10T00:30:00Z")).to_string(), "2026-11-09");
        assert!(london(0).is_over(noted, noted));
    }

    #[test]
    fn a_year_group_that_leaves_is_believed_and_a_broken_filter_is_not() {
        let brake = Brake { floor: 25, percent: 40 };
        for (left, pupils, matches, implausible) in [
            (143, 1_000, true, false),
            (400, 1_000, true, false),
            (401, 1_000, true, true),
            (25, 25, true, false),
            (26, 26, true, true),
            (3, 3, false, true),
            (0, 1_000, false, true),
            (0, 0, false, false),
        ] {
            assert_eq!(is_implausible(brake, left, pupils, matches), implausible, "{left} of {pupils}");
        }
    }

    #[test]
    fn the_year_is_the_first_number_of_a_tutor_group() {
        for (group, year) in [
            ("7KL", Some(7)),
            ("Year 10 B", Some(10)),
            ("13A2", Some(13)),
            ("Form B", None),
            ("", None),
            ("2026A", None),
            ("99999999999", None),
        ] {
            assert_eq!(year_group(group), year, "{group:?}");
        }
    }

    proptest! {
        /// A statement that compares instants and the rule for people never disagree.
        #[test]
        fn what_began_before_the_limit_is_over(since in 0_i64..4_000_000_000, later in -200_i64..200, days in 0_u32..120) {
            let since = Timestamp::from_second(since).unwrap();
            let now = since.checked_add(jiff::SignedDuration::from_hours(later * 17)).unwrap();
            let grace = london(days);
            prop_assert_eq!(since < grace.over_before(now), grace.is_over(since, now));
        }
    }
}
