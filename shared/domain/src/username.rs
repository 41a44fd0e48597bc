//! User names that Moodle will accept.
//!
//! Moodle's external-database authentication creates no account when cleaning would change the name, and says so only
//! in a task's output (`reference/moodle-database.md` §2). With `extendedusernamechars` off, cleaning keeps `a-z 0-9 - _ . @`
//! (`clean_param`, `PARAM_USERNAME`); with it on, everything but spaces and upper case.

use sha2::{Digest as _, Sha256};

use crate::{email::EmailAddress, fold::fold, submission::hex};

/// Moodle's `user.username` holds 100 characters.
pub const MAX_USERNAME: usize = 100;

/// Whether Moodle keeps this name as it is.
#[must_use]
pub fn is_acceptable(name: &str, extended: bool) -> bool {
    !name.is_empty()
        && name.chars().count() <= MAX_USERNAME
        && name.chars().all(|c| if extended { !c.is_whitespace() && !c.is_control() } else { is_plain(c) })
        && name.to_lowercase() == name
}

const fn is_plain(c: char) -> bool {
    matches!(c, 'a'..='z' | '0'..='9' | '-' | '_' | '.' | '@')
}

/// The name for an adult: the email address where Moodle accepts it, otherwise the address with each refused character
/// replaced; `number` (1, 2, …) tells apart adults who would get the same name.
///
/// Always acceptable to Moodle under the setting given, and always a function of its arguments alone.
#[must_use]
pub fn propose(email: &EmailAddress, extended: bool, number: u32) -> String {
    let (local, domain) = (email.local_part(), email.domain());
    let local = if extended {
        local.to_owned()
    } else {
        let plain: String = local
            .chars()
            .map(|c| match c {
                c if is_plain(c) => c,
                '+' => '-',
                _ => '_',
            })
            .collect();
        plain.replace('_', if local.contains('_') { "_" } else { "" })
    };
    let local = if local.is_empty() { fold(domain) } else { local };
    let suffix = if number > 1 { format!("-{number}") } else { String::new() };
    let whole = format!("{local}{suffix}@{domain}");
    if whole.chars().count() <= MAX_USERNAME {
        return whole;
    }
    // Too long only with a suffix, since addresses are bounded: keep it unmistakable by a digest of the address.
    let digest = &hex(&Sha256::digest(email.as_str()))[..12];
    let kept: String = whole.chars().take(MAX_USERNAME - digest.len() - suffix.len() - 1).collect();
    format!("{kept}-{digest}{suffix}")
}

#[cfg(test)]
mod tests {
    use super::{MAX_USERNAME, is_acceptable, propose};
    use crate::email::EmailAddress;
    use proptest::prelude::*;

    #[test]
    fn names() {
        for (email, extended, number, name) in [
            ("Jo@Example.org", false, 1, "jo@example.org"),
            ("jo@example.org", false, 2, "jo-2@example.org"),
            ("o'neil+tag@example.org", false, 1, "oneil-tag@example.org"),
            ("o'neil+tag@example.org", true, 1, "o'neil+tag@example.org"),
            ("a_b'c@example.org", false, 1, "a_b_c@example.org"),
            ("jo@bücher.example", false, 1, "jo@xn--bcher-kva.example"),
            ("'@example.org", false, 1, "exampleorg@example.org"),
        ] {
            assert_eq!(propose(&EmailAddress::parse(email).unwrap(), extended, number), name, "{email}");
        }
    }

    #[test]
    fn what_moodle_refuses() {
        for name in ["", "Parent.Upper", "jo+tag@example.test", "pàrent.acc", "a b", "o'neil"] {
            assert!(!is_acceptable(name, false), "{name}");
        }
        assert!(is_acceptable("o'neil+tag@example.org", true));
        assert!(!is_acceptable("O'neil", true));
        assert!(!is_acceptable(&"a".repeat(101), true));
    }

    /// What Moodle makes of a user name: `core_user::clean_field($name, 'username')`, that is `clean_param(…, PARAM_USERNAME)`.
    /// Written from `reference/moodle-database.md` §2, not from the code above: names that this changes are passed over.
    fn cleaned_by_moodle(name: &str, extended: bool) -> String {
        let trimmed = name.trim_matches([' ', '\t', '\n', '\r', '\0', '\u{b}']);
        let lower = trimmed.to_lowercase();
        if extended {
            return lower;
        }
        lower.chars().filter(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.@_".contains(*c)).collect()
    }

    #[test]
    fn the_oracle_changes_what_a_running_moodle_passed_over() {
        for (name, extended) in [
            ("Parent.Upper", false),
            ("Parent.Upper", true),
            ("a b", false),
            ("jo+tag@example.test", false),
            ("p\u{e0}rent.acc", false),
            (" jo", true),
        ] {
            assert_ne!(cleaned_by_moodle(name, extended), name, "{name}");
        }
        for (name, extended) in [("jo-2@example.org", false), ("jo+tag@example.test", true), ("a_b.c", false)] {
            assert_eq!(cleaned_by_moodle(name, extended), name);
        }
    }

    /// Addresses as people have them, with every character that their grammar allows.
    fn addresses() -> impl Strategy<Value = Option<EmailAddress>> {
        ("[a-zA-Z0-9'+_.!#$%&*/=?^`{|}~-]{1,64}", "[a-z\u{e9}\u{fc}\u{142}0-9-]{1,40}\\.[a-z]{2,6}")
            .prop_map(|(local, domain)| EmailAddress::parse(&format!("{local}@{domain}")).ok())
    }

    proptest! {
        #[test]
        fn every_proposed_name_survives_moodles_own_cleaning(
            email in addresses(), extended in any::<bool>(), number in 1_u32..1000,
        ) {
            if let Some(email) = email {
                let name = propose(&email, extended, number);
                prop_assert_eq!(cleaned_by_moodle(&name, extended), name.clone());
                prop_assert!(!name.is_empty() && name.chars().count() <= MAX_USERNAME, "{name}");
                prop_assert!(is_acceptable(&name, extended), "{name}");
            }
        }

        /// Two adults with one mailbox.
        #[test]
        fn names_of_one_address_are_distinct(
            email in addresses(), extended in any::<bool>(), one in 1_u32..1000, other in 1_u32..1000,
        ) {
            if let Some(email) = email.filter(|_| one != other) {
                prop_assert_ne!(propose(&email, extended, one), propose(&email, extended, other));
            }
        }

        /// What we take for acceptable is what Moodle leaves as it is.
        #[test]
        fn acceptable_is_what_moodle_leaves_as_it_is(name in "\\PC{0,110}", extended in any::<bool>()) {
            let survives = cleaned_by_moodle(&name, extended) == name && !name.is_empty() && name.chars().count() <= MAX_USERNAME;
            // Rather stricter than Moodle: blanks within a name are allowed there under extended names, never made by us.
            prop_assert!(!is_acceptable(&name, extended) || survives, "{name:?}");
            prop_assert!(!survives || extended || is_acceptable(&name, extended), "{name:?}");
        }
    }
}
