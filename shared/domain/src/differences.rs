//! In what a typed child and a pupil differ, as data: pages put it into words. Matching itself is [`crate::matching`].

use serde::Serialize;

use crate::{fold::fold, matching::Pupil, submission::Child};

/// One thing in which a typed child and a pupil differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "difference", content = "letters", rename_all = "snake_case")]
pub enum Difference {
    /// The given names differ by so many letters.
    GivenNameLetters(usize),
    /// One given name is the beginning of the other: Sam, Samuel.
    GivenNameShort,
    /// The given names have little in common, or one is missing.
    OtherGivenName,
    /// The family names differ by so many letters.
    FamilyNameLetters(usize),
    /// One family name is the beginning of the other.
    FamilyNameShort,
    /// The family names have little in common, or one is missing.
    OtherFamilyName,
    /// The pupil is in another tutor group.
    OtherGroup,
    /// The adult gave no tutor group.
    NoGroup,
    /// The pupil has another admission number.
    OtherNumber,
}

/// More letters than this are another name.
const FEW_LETTERS: usize = 2;

/// In what a child and a pupil differ; nothing when names, tutor group and admission number agree as far as they were given.
#[must_use]
pub fn differences(child: &Child, pupil: &Pupil) -> Vec<Difference> {
    let mut found = Vec::new();
    let names = [
        (
            &child.given_name,
            &pupil.given_name,
            Difference::GivenNameShort,
            Difference::GivenNameLetters as fn(usize) -> Difference,
            Difference::OtherGivenName,
        ),
        (
            &child.family_name,
            &pupil.family_name,
            Difference::FamilyNameShort,
            Difference::FamilyNameLetters,
            Difference::OtherFamilyName,
        ),
    ];
    for (typed, real, short, letters, other) in names {
        let (typed, real) = (fold(typed), fold(real));
        if typed == real {
            continue;
        }
        let distance = strsim::osa_distance(&typed, &real);
        let shorter = typed.chars().count().min(real.chars().count());
        found.push(if shorter >= 3 && (typed.starts_with(&real) || real.starts_with(&typed)) {
            short
        } else if shorter >= 3 && distance <= FEW_LETTERS {
            letters(distance)
        } else {
            other
        });
    }
    match child.tutor_group.as_deref().map(fold).filter(|group| !group.is_empty()) {
        Some(group) if group != fold(&pupil.tutor_group) => found.push(Difference::OtherGroup),
        Some(_) => {}
        None => found.push(Difference::NoGroup),
    }
    let number = child.admission_number.as_deref().map(fold).filter(|number| !number.is_empty());
    if number.is_some_and(|number| number != fold(&pupil.admission_number)) {
        found.push(Difference::OtherNumber);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{Difference, differences};
    use crate::{ids::MoodleUserId, matching::Pupil, submission::Child};

    #[test]
    fn what_differs_is_named_and_what_agrees_is_not() {
        let pupil = Pupil {
            id: MoodleUserId(9),
            given_name: "Zoë".into(),
            family_name: "O'Brien-Shah".into(),
            tutor_group: "7KL".into(),
            admission_number: "A1".into(),
        };
        for (given, family, group, number, expected) in [
            ("zoe", "OBRIEN SHAH", Some("7kl"), Some("a1"), vec![]),
            (
                "Zoey",
                "O'Brien-Shaw",
                Some("8AB"),
                None,
                vec![Difference::GivenNameShort, Difference::FamilyNameLetters(1), Difference::OtherGroup],
            ),
            (
                "Zeo",
                "O'Brien",
                None,
                Some("A2"),
                vec![
                    Difference::GivenNameLetters(1),
                    Difference::FamilyNameShort,
                    Difference::NoGroup,
                    Difference::OtherNumber,
                ],
            ),
            (
                "Ann",
                "",
                Some(""),
                Some(""),
                vec![Difference::OtherGivenName, Difference::OtherFamilyName, Difference::NoGroup],
            ),
            ("محمد", "O'Brien-Shah", Some("7KL"), None, vec![Difference::OtherGivenName]),
        ] {
            let child = Child {
                given_name: given.into(),
                family_name: family.into(),
                tutor_group: group.map(Into::into),
                admission_number: number.map(Into::into),
            };
            assert_eq!(differences(&child, &pupil), expected, "{given} {family}");
        }
    }
}
