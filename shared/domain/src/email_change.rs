//! Changing an adult's address: when a change may begin, how it stands, and what becomes of it in Moodle.
//!
//! A change has two steps, so that nobody's account ends at an address that is not theirs: staff (or a request of the adult's)
//! begin it, and whoever reads the new address proves it. The user name never changes. What does not live here: rows and
//! letters.

use jiff::Timestamp;

use crate::{email::EmailAddress, request::coded};

coded! {
    /// How a change ended.
    End {
        /// The new address was proven and is the adult's.
        Done = "done",
        /// Staff took it back.
        Withdrawn = "withdrawn",
        /// A later change took its place.
        Replaced = "replaced",
        /// Somebody else got the new address before it was proven, and staff had not said that the two share it.
        Taken = "taken",
    }
}

coded! {
    /// Where a change stands.
    Standing {
        /// The new address is not proven yet.
        Waiting = "waiting",
        /// The new address was proven and is the adult's.
        Done = "done",
        /// Staff took it back.
        Withdrawn = "withdrawn",
        /// A later change took its place.
        Replaced = "replaced",
        /// Somebody else got the new address first.
        Taken = "taken",
        /// The new address was not proven in time.
        Expired = "expired",
    }
}

/// Where a change stands that ended so, or not, and whose link works until `expires_at`.
#[must_use]
pub fn standing(end: Option<End>, expires_at: Timestamp, now: Timestamp) -> Standing {
    match end {
        Some(End::Done) => Standing::Done,
        Some(End::Withdrawn) => Standing::Withdrawn,
        Some(End::Replaced) => Standing::Replaced,
        Some(End::Taken) => Standing::Taken,
        None if expires_at <= now => Standing::Expired,
        None => Standing::Waiting,
    }
}

/// Why a change may not begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The adult has this address already.
    SameAddress,
    /// Somebody else has the address: only staff can say that the two share a mailbox.
    SharedMailbox,
}

/// Whether an adult with one address may get another. `taken`: somebody else has it; `shared`: staff said that they share it.
///
/// # Errors
/// [`Refusal`].
pub fn may_begin(present: &EmailAddress, wanted: &EmailAddress, taken: bool, shared: bool) -> Result<(), Refusal> {
    if present == wanted {
        return Err(Refusal::SameAddress);
    }
    if taken && !shared { Err(Refusal::SharedMailbox) } else { Ok(()) }
}

coded! {
    /// What Moodle does with an adult's new address.
    InMoodle {
        /// Its synchronisation takes the address over.
        Follows = "follows",
        /// It keeps the old one: it is not set to take changed addresses over.
        Keeps = "keeps",
        /// The account signs in another way; its address is not ours to change.
        NotOurs = "not_ours",
        /// The adult has no login row, so Moodle is told nothing.
        NoLoginRow = "no_login_row",
        /// Moodle could not be asked.
        Unknown = "unknown",
    }
}

impl InMoodle {
    /// What Moodle does. `picked`: the adult uses an account that signs in another way; `takes_over`: whether Moodle is set
    /// to take changed addresses over, unless it could not be asked.
    #[must_use]
    pub const fn of(picked: bool, has_login_row: bool, takes_over: Option<bool>) -> Self {
        match (picked, has_login_row, takes_over) {
            (true, ..) => Self::NotOurs,
            (false, false, _) => Self::NoLoginRow,
            (false, true, Some(true)) => Self::Follows,
            (false, true, Some(false)) => Self::Keeps,
            (false, true, None) => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::{End, InMoodle, Refusal, Standing, may_begin, standing};
    use crate::email::EmailAddress;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn where_a_change_stands() {
        for (end, expires, expected) in [
            (None, 11, Standing::Waiting),
            (None, 10, Standing::Expired),
            (None, 9, Standing::Expired),
            (Some(End::Done), 9, Standing::Done),
            (Some(End::Done), 11, Standing::Done),
            (Some(End::Withdrawn), 9, Standing::Withdrawn),
            (Some(End::Replaced), 11, Standing::Replaced),
            (Some(End::Taken), 11, Standing::Taken),
        ] {
            assert_eq!(standing(end, at(expires), at(10)), expected, "{end:?} {expires}");
        }
    }

    #[test]
    fn when_a_change_may_begin() {
        let address = |text: &str| EmailAddress::parse(text).unwrap();
        let (old, new) = (address("old@example.org"), address("new@example.org"));
        for (wanted, taken, shared, expected) in [
            (&new, false, false, Ok(())),
            (&new, false, true, Ok(())),
            (&new, true, false, Err(Refusal::SharedMailbox)),
            (&new, true, true, Ok(())),
            (&old, false, false, Err(Refusal::SameAddress)),
            (&old, true, true, Err(Refusal::SameAddress)),
            (&address("OLD@Example.org"), false, false, Err(Refusal::SameAddress)),
        ] {
            assert_eq!(may_begin(&old, wanted, taken, shared), expected, "{wanted} {taken} {shared}");
        }
    }

    #[test]
    fn what_moodle_does_with_a_new_address() {
        for (picked, row, takes_over, expected) in [
            (false, true, Some(true), InMoodle::Follows),
            (false, true, Some(false), InMoodle::Keeps),
            (false, true, None, InMoodle::Unknown),
            (false, false, Some(true), InMoodle::NoLoginRow),
            (true, false, Some(true), InMoodle::NotOurs),
            (true, true, Some(true), InMoodle::NotOurs),
        ] {
            assert_eq!(InMoodle::of(picked, row, takes_over), expected, "{picked} {row} {takes_over:?}");
        }
    }

    proptest! {
        /// Whatever happens to it, a change is waiting at most once: before its end and in its time.
        #[test]
        fn only_what_has_not_ended_waits_and_only_in_its_time(
            end in prop::sample::select(vec![None, Some(End::Done), Some(End::Withdrawn), Some(End::Replaced), Some(End::Taken)]),
            expires in 0_i64..1_000, now in 0_i64..1_000,
        ) {
            let waits = standing(end, at(expires), at(now)) == Standing::Waiting;
            prop_assert_eq!(waits, end.is_none() && now < expires);
        }
    }
}
