//! Which pupil a claim may mean. Matching ranks and proposes; it never decides.
//!
//! A pupil is an exact match when the admission number is the same and one of the names agrees, or when both names and
//! the tutor group are the same (folded: [`crate::fold`]). A proposal needs exactly one exact match; everything else waits
//! for a person. The caller passes only pupils (see [`crate::pupil_filter`]): staff and other parents cannot match because
//! they are not there.

use serde::Serialize;
use utoipa::ToSchema;

use crate::{fold::fold, ids::MoodleUserId, submission::Child};

/// A pupil as Moodle knows them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Pupil {
    /// Moodle's `user.id`.
    pub id: MoodleUserId,
    /// `user.firstname`.
    pub given_name: String,
    /// `user.lastname`.
    pub family_name: String,
    /// `user.department`, or the profile field that holds the tutor group.
    pub tutor_group: String,
    /// `user.idnumber`.
    pub admission_number: String,
}

/// What a claim and a pupil have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Agreement {
    /// The admission numbers are the same.
    AdmissionNumber,
    /// The admission numbers differ.
    AdmissionNumberDiffers,
    /// The given names are the same.
    GivenName,
    /// The given names are close (a shortened form, one or two letters).
    GivenNameClose,
    /// The family names are the same.
    FamilyName,
    /// The family names are close.
    FamilyNameClose,
    /// The tutor groups are the same.
    TutorGroup,
    /// The tutor groups differ.
    TutorGroupDiffers,
}

/// A pupil whom a claim may mean.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Candidate {
    /// The pupil.
    pub pupil: Pupil,
    /// Whether everything agrees that must.
    pub exact: bool,
    /// What agrees and what does not.
    pub agreements: Vec<Agreement>,
    /// For ordering only: 0 to 100.
    pub score: u8,
}

/// What matching found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(tag = "verdict", content = "pupil", rename_all = "snake_case")]
pub enum Verdict {
    /// Exactly one pupil agrees in everything.
    Exact(MoodleUserId),
    /// Two or more pupils agree in everything.
    Ambiguous,
    /// Somebody is similar, nobody agrees in everything.
    Similar,
    /// Nobody comes near.
    Nobody,
}

/// Verdict and candidates, best first, at most ten.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Match {
    /// The verdict.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// The candidates.
    pub candidates: Vec<Candidate>,
}

/// Below this a pupil is not shown as a candidate: one close name alone is noise.
const SHOWN_FROM: u8 = 35;
const SHOWN_MOST: usize = 10;

/// Pupils prepared for matching many claims: their names folded once.
#[derive(Debug)]
pub struct Register {
    entries: Vec<Folded>,
}

#[derive(Debug)]
struct Folded {
    pupil: Pupil,
    given: Name,
    family: Name,
    group: String,
    number: String,
}

/// A folded name, with what tells most other names apart from it without comparing letter by letter: lists match hundreds
/// of children with every pupil.
#[derive(Debug)]
struct Name {
    text: String,
    /// How many letters it has.
    length: usize,
    /// Which letters it has: a bit each, by their remainder.
    letters: u64,
}

impl Name {
    fn new(name: &str) -> Self {
        let text = fold(name);
        let letters = text.chars().fold(0, |set, letter| set | 1 << (u32::from(letter) % 64));
        Self { length: text.chars().count(), letters, text }
    }

    fn same(&self, other: &Self) -> bool {
        !self.text.is_empty() && self.text == other.text
    }

    /// Whether one name is the beginning of the other (Sam, Samuel) or nearly the same (Catherine, Katherine).
    fn close(&self, other: &Self) -> bool {
        let shorter = self.length.min(other.length);
        if shorter < 3 {
            return false;
        }
        if self.text.starts_with(&other.text) || other.text.starts_with(&self.text) {
            return true;
        }
        let most: u32 = if shorter < 6 { 1 } else { 2 };
        // A step changes the length by at most one, and the set of letters by at most two.
        self.length.abs_diff(other.length) <= most as usize
            && (self.letters ^ other.letters).count_ones() <= 2 * most
            && strsim::osa_distance(&self.text, &other.text) <= most as usize
    }
}

impl Register {
    /// Prepares a set of pupils.
    #[must_use]
    pub fn new(pupils: Vec<Pupil>) -> Self {
        let entries = pupils
            .into_iter()
            .map(|pupil| Folded {
                given: Name::new(&pupil.given_name),
                family: Name::new(&pupil.family_name),
                group: fold(&pupil.tutor_group),
                number: fold(&pupil.admission_number),
                pupil,
            })
            .collect();
        Self { entries }
    }

    /// The pupil with this id, if they are one.
    #[must_use]
    pub fn find(&self, id: MoodleUserId) -> Option<&Pupil> {
        self.entries.iter().map(|entry| &entry.pupil).find(|pupil| pupil.id == id)
    }

    /// The pupils whose names, tutor group or admission number contain every word of `query`, in the register's order.
    pub fn search(&self, query: &str) -> impl Iterator<Item = &Pupil> {
        let words: Vec<String> = query.split_whitespace().map(fold).filter(|word| !word.is_empty()).collect();
        self.entries
            .iter()
            .filter(move |entry| {
                words.iter().all(|word| {
                    [&entry.given.text, &entry.family.text, &entry.group, &entry.number]
                        .iter()
                        .any(|field| field.contains(word.as_str()))
                })
            })
            .map(|entry| &entry.pupil)
    }

    /// Whom this child may be.
    #[must_use]
    pub fn match_child(&self, child: &Child) -> Match {
        let claim = Folded {
            given: Name::new(&child.given_name),
            family: Name::new(&child.family_name),
            group: fold(child.tutor_group.as_deref().unwrap_or_default()),
            number: fold(child.admission_number.as_deref().unwrap_or_default()),
            pupil: Pupil {
                id: MoodleUserId(0),
                given_name: String::new(),
                family_name: String::new(),
                tutor_group: String::new(),
                admission_number: String::new(),
            },
        };
        let mut candidates: Vec<Candidate> = self.entries.iter().filter_map(|entry| compare(&claim, entry)).collect();
        candidates.sort_by(|a, b| b.exact.cmp(&a.exact).then(b.score.cmp(&a.score)).then(a.pupil.id.cmp(&b.pupil.id)));
        let exact = candidates.iter().filter(|candidate| candidate.exact).count();
        let verdict = match (exact, candidates.first()) {
            (_, None) => Verdict::Nobody,
            (0, Some(_)) => Verdict::Similar,
            (1, Some(only)) => Verdict::Exact(only.pupil.id),
            _ => Verdict::Ambiguous,
        };
        candidates.truncate(SHOWN_MOST.max(exact));
        Match { verdict, candidates }
    }
}

/// The candidate that a pupil is for a claim; `None` when they do not come near.
fn compare(claim: &Folded, entry: &Folded) -> Option<Candidate> {
    let mut agreements = [None; 4];
    let mut score = 0;
    let mut agree = |place: usize, what, points: u8| {
        agreements[place] = Some(what);
        score += points;
    };
    let given = claim.given.same(&entry.given);
    let family = claim.family.same(&entry.family);
    let group = !claim.group.is_empty() && claim.group == entry.group;
    let number = !claim.number.is_empty() && claim.number == entry.number;
    // A number that was given and belongs to somebody else is a contradiction: a person must look.
    let other_number = !claim.number.is_empty() && !number;

    if number {
        agree(0, Agreement::AdmissionNumber, 40);
    } else if other_number && !entry.number.is_empty() {
        agree(0, Agreement::AdmissionNumberDiffers, 0);
    }
    if family {
        agree(1, Agreement::FamilyName, 25);
    } else if claim.family.close(&entry.family) {
        agree(1, Agreement::FamilyNameClose, 15);
    }
    if given {
        agree(2, Agreement::GivenName, 20);
    } else if claim.given.close(&entry.given) {
        agree(2, Agreement::GivenNameClose, 12);
    }
    if group {
        agree(3, Agreement::TutorGroup, 15);
    } else if !claim.group.is_empty() && !entry.group.is_empty() {
        agree(3, Agreement::TutorGroupDiffers, 0);
    }
    let exact = if claim.number.is_empty() { given && family && group } else { number && (given || family) };
    (exact || score >= SHOWN_FROM).then(|| Candidate {
        pupil: entry.pupil.clone(),
        exact,
        agreements: agreements.into_iter().flatten().collect(),
        score,
    })
}

#[cfg(test)]
mod tests {
    use super::{Agreement, Match, Name, Pupil, Register, Verdict};
    use crate::{ids::MoodleUserId, submission::Child};
    use proptest::prelude::*;

    fn pupil(id: i64, given: &str, family: &str, group: &str, number: &str) -> Pupil {
        Pupil {
            id: MoodleUserId(id),
            given_name: given.into(),
            family_name: family.into(),
            tutor_group: group.into(),
            admission_number: number.into(),
        }
    }

    fn child(given: &str, family: &str, group: Option<&str>, number: Option<&str>) -> Child {
        Child {
            given_name: given.into(),
            family_name: family.into(),
            tutor_group: group.map(Into::into),
            admission_number: number.map(Into::into),
        }
    }

    fn register() -> Register {
        Register::new(vec![
            pupil(9, "Zoë", "O'Brien-Shah", "7KL", "A1"),
            pupil(10, "Sam", "Smith", "7KL", "A2"),
            pupil(11, "Sam", "Smith", "8AB", "A3"),
            pupil(12, "Sam", "Smith", "8AB", "A4"),
            pupil(13, "Łukasz", "Wiśniewski", "9C", "A5"),
            pupil(14, "محمد", "علي", "9C", "A6"),
        ])
    }

    #[test]
    fn verdicts() {
        let exact = |id| Verdict::Exact(MoodleUserId(id));
        for (claim, verdict) in [
            (child("zoe", "O’BRIEN SHAH", Some("7kl"), None), exact(9)),
            (child("Sam", "Smith", Some("7KL"), None), exact(10)),
            (child("Lukasz", "Wisniewski", Some("9C"), None), exact(13)),
            (child("محمد", "علي", Some("9C"), None), exact(14)),
            // Two of that name in one tutor group: only the admission number tells them apart.
            (child("Sam", "Smith", Some("8AB"), None), Verdict::Ambiguous),
            (child("Sam", "Smith", Some("8AB"), Some("a4")), exact(12)),
            (child("Sam", "Smyth", None, Some("A4")), exact(12)),
            // No tutor group and no number: never exact, however unique the name is (S-4).
            (child("Zoë", "O'Brien-Shah", None, None), Verdict::Similar),
            (child("Zoë", "O'Brien-Shah", Some("8AB"), None), Verdict::Similar),
            // The number of somebody with another name, or nobody's number: a contradiction, a person must look.
            (child("Zoë", "O'Brien-Shah", Some("7KL"), Some("A5")), Verdict::Similar),
            (child("Zoë", "O'Brien-Shah", Some("7KL"), Some("A99")), Verdict::Similar),
            (child("Nobody", "Here", Some("7KL"), None), Verdict::Nobody),
            (child("", "", Some("7KL"), None), Verdict::Nobody),
            (child("", "", None, Some("A1")), Verdict::Similar),
        ] {
            assert_eq!(register().match_child(&claim).verdict, verdict, "{claim:?}");
        }
    }

    #[test]
    fn candidates_are_ranked_and_say_why() {
        let Match { candidates, .. } = register().match_child(&child("Samuel", "Smith", Some("8AB"), None));
        assert_eq!(candidates.iter().map(|c| c.pupil.id.0).collect::<Vec<_>>(), [11, 12, 10]);
        assert_eq!(candidates[0].agreements, [Agreement::FamilyName, Agreement::GivenNameClose, Agreement::TutorGroup]);
    }

    #[test]
    fn search_takes_words_in_any_order_and_spelling() {
        let register = register();
        let ids = |query: &str| register.search(query).map(|p| p.id.0).collect::<Vec<_>>();
        assert_eq!(ids("obrien ZOE"), [9]);
        assert_eq!(ids("smith 8ab"), [11, 12]);
        assert_eq!(ids("a3"), [11]);
        assert_eq!(ids("%"), (9..=14).collect::<Vec<_>>(), "punctuation alone restricts nothing");
    }

    proptest! {
        /// The short cut before the distance of two names is reckoned leaves nothing out.
        #[test]
        fn close_means_a_beginning_or_few_letters(a in "[abcé王]{0,9}", b in "[abcé王]{0,9}") {
            let (name, other) = (Name::new(&a), Name::new(&b));
            let (a, b) = (&name.text, &other.text);
            let shorter = a.chars().count().min(b.chars().count());
            let few = if shorter < 6 { 1 } else { 2 };
            let expected = shorter >= 3 && (a.starts_with(b) || b.starts_with(a) || strsim::osa_distance(a, b) <= few);
            prop_assert_eq!(name.close(&other), expected);
        }

        /// Never guesses: where two pupils are alike in all that the claim says, there is no exact match.
        #[test]
        fn twins_in_data_are_never_exact(given in "[a-z]{1,6}", family in "[a-z]{1,6}", group in "[0-9]{1,2}[A-Z]") {
            let register = Register::new(vec![
                pupil(1, &given, &family, &group, "N1"),
                pupil(2, &given.to_uppercase(), &family, &group, "N2"),
            ]);
            let verdict = register.match_child(&child(&given, &family, Some(&group), None)).verdict;
            prop_assert_eq!(verdict, Verdict::Ambiguous);
        }

        /// An exact match is always the only one that agrees in number, or in both names and group.
        #[test]
        fn exact_means_everything_agrees(
            pupils in prop::collection::vec(("[ab]{1,2}", "[ab]{1,2}", "[78]", "[xyz]"), 0..12),
            claim in ("[ab]{1,2}", "[ab]{1,2}", prop::option::of("[78 ]"), prop::option::of("[xyz]")),
        ) {
            let pupils: Vec<Pupil> = pupils.into_iter().zip(1..).map(|((g, f, t, n), id)| pupil(id, &g, &f, &t, &n)).collect();
            let child = child(&claim.0, &claim.1, claim.2.as_deref(), claim.3.as_deref());
            if let Verdict::Exact(id) = Register::new(pupils.clone()).match_child(&child).verdict {
                let agree: Vec<_> = pupils.iter().filter(|p| match &claim.3 {
                    Some(number) => &p.admission_number == number && (p.given_name == claim.0 || p.family_name == claim.1),
                    None => p.given_name == claim.0 && p.family_name == claim.1
                        && claim.2.as_deref().map(str::trim).is_some_and(|group| !group.is_empty() && p.tutor_group == group),
                }).map(|p| p.id).collect();
                prop_assert_eq!(agree, vec![id]);
            }
        }
    }
}
