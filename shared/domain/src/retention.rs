//! How long personal data is kept: one table, a line for each class of data.
//!
//! Days are counted from the moment at which the data has done its work, never from when it came: what is in force is not
//! old. What does not live here: which rows a class means in SQL (`kinlink_store::retention`), and what `docs/privacy.md` says
//! of every column.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::{Timestamp, request::coded};

coded! {
    /// A class of data that is kept equally long.
    RetentionClass {
        /// Requests whose address nobody proved.
        Unproven = "unproven",
        /// Requests that were not genuine.
        Bogus = "bogus",
        /// Requests that were refused, repeated another one, or were taken back.
        Refused = "refused",
        /// What people wrote in their own words about requests that are closed.
        Words = "words",
        /// Mails.
        Mails = "mails",
        /// Adults who have no access any more.
        Adults = "adults",
        /// Holds that are over.
        Holds = "holds",
        /// Members of staff who do not sign in any more.
        Staff = "staff",
        /// Runs of the provisioner, and what they found.
        Cycles = "cycles",
        /// The audit.
        Audit = "audit",
    }
}

coded! {
    /// What is done with data whose time is over.
    Disposal {
        /// The rows are removed.
        Remove = "remove",
        /// The texts are removed; what they were about stays.
        Blank = "blank",
        /// Names and addresses are replaced by words that name nobody; ids stay, because role rows in Moodle bear them.
        Pseudonymise = "pseudonymise",
    }
}

/// One line of the table.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// The class.
    pub class: RetentionClass,
    /// The setting that holds the days.
    pub setting: &'static str,
    /// What the setting means.
    pub meaning: &'static str,
    /// What the data is, in words for staff.
    pub what: &'static str,
    /// From which moment the days are counted.
    pub since: &'static str,
    /// What is done.
    pub disposal: Disposal,
    /// The days, unless the school says otherwise.
    pub default: u32,
    /// The fewest days that a school may set.
    pub least: u32,
    /// The most. There is no "for ever": data about people is kept for a purpose, and every purpose ends.
    pub most: u32,
}

const TEN_YEARS: u32 = 3_653;
const SIX_YEARS: u32 = 2_192;

/// The table, in the order of [`RetentionClass::ALL`].
pub const RULES: &[Rule] = &[
    Rule {
        class: RetentionClass::Unproven,
        setting: "keep_unproven_days",
        meaning: "days for which requests are kept whose email address was not proven in time",
        what: "Requests whose email address nobody proved",
        since: "when the last link to prove it ran out",
        disposal: Disposal::Remove,
        default: 7,
        least: 0,
        most: 90,
    },
    Rule {
        class: RetentionClass::Bogus,
        setting: "keep_bogus_days",
        meaning: "days for which requests are kept that were marked as not genuine",
        what: "Requests that were not genuine",
        since: "when they were last changed",
        disposal: Disposal::Remove,
        default: 30,
        least: 0,
        most: 365,
    },
    Rule {
        class: RetentionClass::Refused,
        setting: "keep_refused_days",
        meaning: "days for which requests are kept that were refused, duplicates or taken back",
        what: "Requests that were refused, duplicates or taken back",
        since: "when they were last changed",
        disposal: Disposal::Remove,
        default: 90,
        least: 0,
        most: 2 * 365,
    },
    Rule {
        class: RetentionClass::Words,
        setting: "keep_words_days",
        meaning: "days for which comments, notes, questions, answers and forms as they came are kept once a request is closed",
        what: "Comments, notes, questions, answers, and forms as they came",
        since: "when the request was provisioned or closed, or changed after that",
        disposal: Disposal::Blank,
        default: 30,
        least: 0,
        most: 2 * 365,
    },
    Rule {
        class: RetentionClass::Mails,
        setting: "keep_mails_days",
        meaning: "days for which it is kept to whom which mail was sent",
        what: "To whom which mail was sent",
        since: "when the mail was sent or given up",
        disposal: Disposal::Remove,
        default: 30,
        least: 1,
        most: 365,
    },
    Rule {
        class: RetentionClass::Adults,
        setting: "keep_adults_days",
        meaning: "days for which the names of parents are kept whose access has ended",
        what: "Names and addresses of parents whose access has ended",
        since: "when their last child’s access ended",
        disposal: Disposal::Pseudonymise,
        default: 365,
        least: 30,
        most: TEN_YEARS,
    },
    Rule {
        class: RetentionClass::Holds,
        setting: "keep_holds_days",
        meaning: "days for which holds are kept that are over",
        what: "Holds that are over",
        since: "when they were released or ran out",
        disposal: Disposal::Remove,
        default: SIX_YEARS,
        least: 30,
        most: 3 * TEN_YEARS,
    },
    Rule {
        class: RetentionClass::Staff,
        setting: "keep_staff_days",
        meaning: "days for which the names of staff are kept who do not sign in any more",
        what: "Names of staff who do not sign in any more",
        since: "when they last signed in",
        disposal: Disposal::Remove,
        default: SIX_YEARS,
        least: 30,
        most: TEN_YEARS,
    },
    Rule {
        class: RetentionClass::Cycles,
        setting: "keep_cycles_days",
        meaning: "days for which runs of the provisioner and what they found are kept",
        what: "Runs of the provisioner and what they found (ids only)",
        since: "when they began",
        disposal: Disposal::Remove,
        default: 365,
        least: 30,
        most: TEN_YEARS,
    },
    Rule {
        class: RetentionClass::Audit,
        setting: "keep_audit_days",
        meaning: "days for which the audit is kept",
        what: "The audit (ids only)",
        since: "when the entry was written",
        disposal: Disposal::Remove,
        default: SIX_YEARS,
        least: 365,
        most: 3 * TEN_YEARS,
    },
];

impl RetentionClass {
    /// Its line of the table.
    #[must_use]
    pub const fn rule(self) -> &'static Rule {
        &RULES[self as usize]
    }
}

/// For how many days each class is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retention([u32; RULES.len()]);

impl Default for Retention {
    fn default() -> Self {
        Self(std::array::from_fn(|place| RULES[place].default))
    }
}

impl Retention {
    /// The days of a class.
    #[must_use]
    pub const fn days(&self, class: RetentionClass) -> u32 {
        self.0[class as usize]
    }

    /// Sets the days of a class.
    ///
    /// # Errors
    /// What was expected.
    pub fn set(&mut self, class: RetentionClass, text: &str) -> Result<(), String> {
        let Rule { least, most, .. } = *class.rule();
        let days = text.parse().ok().filter(|days| (least..=most).contains(days));
        self.0[class as usize] = days.ok_or_else(|| format!("a whole number from {least} to {most}"))?;
        Ok(())
    }

    /// The moment before which data of a class has had its time: what was over at this very moment is kept.
    #[must_use]
    pub fn cutoff(&self, class: RetentionClass, now: Timestamp) -> Timestamp {
        let kept = SignedDuration::from_hours(24 * i64::from(self.days(class)));
        now.checked_sub(kept).unwrap_or(Timestamp::MIN)
    }
}

/// Something that is kept for a time that no setting changes.
#[derive(Debug, Clone, Copy)]
pub struct Fixed {
    /// What it is, in words for staff.
    pub what: &'static str,
    /// For how many days it is kept.
    pub days: u32,
    /// From which moment they are counted.
    pub since: &'static str,
}

/// Keys by which a form sent twice is known as one.
pub const IDEMPOTENCY_KEYS: Fixed =
    Fixed { what: "Keys by which a form sent twice is known as one", days: 7, since: "when the form came" };
/// Counters of how much was sent from where.
pub const QUOTAS: Fixed = Fixed {
    what: "Counters of how much was sent from where (keyed hashes, no addresses)",
    days: 2,
    since: "when the counting began",
};
/// Changes of addresses.
pub const EMAIL_CHANGES: Fixed =
    Fixed { what: "Changes of an email address", days: 30, since: "when the link that proves it ran out" };

/// Everything that is kept for a fixed time. Sessions of staff end by the settings `session_*`.
pub const FIXED: &[Fixed] = &[IDEMPOTENCY_KEYS, QUOTAS, EMAIL_CHANGES];

impl Fixed {
    /// The moment before which it has had its time.
    #[must_use]
    pub fn cutoff(&self, now: Timestamp) -> Timestamp {
        now.checked_sub(SignedDuration::from_hours(24 * i64::from(self.days))).unwrap_or(Timestamp::MIN)
    }
}

/// What stands for a person's given name when their data was erased.
pub const ERASED_GIVEN_NAME: &str = "Erased";
/// What stands for an adult's family name when their data was erased.
pub const ERASED_ADULT: &str = "person";
/// What stands for a child's family name when the data was erased.
pub const ERASED_CHILD: &str = "child";
/// The domain of the addresses that stand for erased ones: it never exists (RFC 2606), so nothing can be sent there.
pub const ERASED_DOMAIN: &str = "kinlink.invalid";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{email::EmailAddress, policy::Policy};
    use proptest::prelude::*;

    #[test]
    fn the_table_has_a_line_for_every_class_in_its_order() {
        assert_eq!(RULES.iter().map(|rule| rule.class).collect::<Vec<_>>(), RetentionClass::ALL);
        for rule in RULES {
            assert!((rule.least..=rule.most).contains(&rule.default), "{}", rule.setting);
            assert_eq!(rule.setting, format!("keep_{}_days", rule.class));
        }
    }

    #[test]
    fn the_defaults_are_those_of_the_proposal() {
        let retention = Retention::default();
        let table: Vec<String> = RULES
            .iter()
            .map(|rule| format!("{} {} {}", rule.class, retention.days(rule.class), rule.disposal))
            .collect();
        insta::assert_snapshot!(table.join("\n"), @r"
        unproven 7 remove
        bogus 30 remove
        refused 90 remove
        words 30 blank
        mails 30 remove
        adults 365 pseudonymise
        holds 2192 remove
        staff 2192 remove
        cycles 365 remove
        audit 2192 remove
        ");
    }

    #[test]
    fn every_class_has_its_setting_within_its_limits_and_nothing_is_kept_for_ever() {
        let mut policy = Policy::default();
        for rule in RULES {
            for wrong in
                [rule.least.checked_sub(1).map(i64::from), Some(i64::from(rule.most) + 1)].into_iter().flatten()
            {
                assert!(policy.set(rule.setting, &wrong.to_string()).is_err(), "{} = {wrong}", rule.setting);
            }
            for wrong in ["for ever", "forever", "-1", "", "1.5"] {
                assert!(policy.set(rule.setting, wrong).is_err(), "{} = {wrong:?}", rule.setting);
            }
            policy.set(rule.setting, &rule.most.to_string()).unwrap();
            assert_eq!(policy.retention.days(rule.class), rule.most);
            policy.set(rule.setting, &rule.least.to_string()).unwrap();
            assert_eq!(policy.retention.days(rule.class), rule.least);
        }
    }

    #[test]
    fn an_erased_address_is_one_and_names_nobody() {
        let address = format!("erased-01890a5d-ac96-774b-bcce-b302099a8057@{ERASED_DOMAIN}");
        assert_eq!(EmailAddress::parse(&address).unwrap().as_str(), address);
    }

    proptest! {
        /// More days never make anything due earlier, and a class looks at no other class's days.
        #[test]
        fn the_cutoff_moves_with_its_own_setting_only(class in 0..RULES.len(), other in 0..RULES.len(), days in 0_u32..20_000, second in 0_i64..4_000_000_000) {
            let now = Timestamp::from_second(second).unwrap();
            let (class, other) = (RetentionClass::ALL[class], RetentionClass::ALL[other]);
            let before = Retention::default();
            let mut after = before;
            if after.set(class, &days.to_string()).is_ok() {
                prop_assert_eq!(after.days(class) >= before.days(class), after.cutoff(class, now) <= before.cutoff(class, now));
                prop_assert_eq!(now.duration_since(after.cutoff(class, now)).as_secs(), i64::from(days) * 86_400);
                if other != class {
                    prop_assert_eq!(after.cutoff(other, now), before.cutoff(other, now));
                }
            } else {
                prop_assert_eq!(after, before);
            }
        }
    }
}
