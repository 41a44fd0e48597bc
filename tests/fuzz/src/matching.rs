//! Matching: an exact match is the only pupil that agrees, by a rule written down a second time here; order, spelling and
//! which side is which change nothing.

use kinlink_domain::{
    fold::fold,
    ids::MoodleUserId,
    matching::{Match, Pupil, Register, Verdict},
    submission::Child,
};
use unicode_normalization::UnicodeNormalization as _;

/// Lines as pupils; the first is the child.
fn read(data: &[u8]) -> (Child, Vec<Pupil>) {
    let text = String::from_utf8_lossy(data);
    let mut lines = text.split('\n').take(40).map(|line| {
        let mut parts = line.split('\t').map(str::to_owned);
        std::array::from_fn::<_, 4, _>(|_| parts.next().unwrap_or_default())
    });
    let [given_name, family_name, group, number] = lines.next().unwrap_or_default();
    let child = Child {
        given_name,
        family_name,
        tutor_group: Some(group),
        admission_number: Some(number).filter(|n| !n.is_empty()),
    };
    let pupils = (1..).zip(lines).map(|(id, [given_name, family_name, tutor_group, admission_number])| Pupil {
        id: MoodleUserId(id),
        given_name,
        family_name,
        tutor_group,
        admission_number,
    });
    (child, pupils.collect())
}

/// The rule once more, from its description: the same number and one of the names; without a number both names and the
/// group.
fn agrees(child: &Child, pupil: &Pupil) -> bool {
    let same = |one: &str, other: &str| !fold(one).is_empty() && fold(one) == fold(other);
    let given = same(&child.given_name, &pupil.given_name);
    let family = same(&child.family_name, &pupil.family_name);
    let number = child.admission_number.as_deref().unwrap_or_default();
    if fold(number).is_empty() {
        given && family && same(child.tutor_group.as_deref().unwrap_or_default(), &pupil.tutor_group)
    } else {
        same(number, &pupil.admission_number) && (given || family)
    }
}

fn ids(found: &Match) -> Vec<i64> {
    found.candidates.iter().map(|candidate| candidate.pupil.id.0).collect()
}

fn respelt(child: &Child, spell: impl Fn(&str) -> String) -> Child {
    Child {
        given_name: spell(&child.given_name),
        family_name: spell(&child.family_name),
        tutor_group: child.tutor_group.as_deref().map(&spell),
        admission_number: child.admission_number.as_deref().map(&spell),
    }
}

pub(crate) fn hold(data: &[u8]) {
    let (child, pupils) = read(data);
    let register = Register::new(pupils.clone());
    let found = register.match_child(&child);
    let plausible: Vec<MoodleUserId> =
        pupils.iter().filter(|pupil| agrees(&child, pupil)).map(|pupil| pupil.id).collect();
    match (plausible.as_slice(), found.verdict) {
        ([only], Verdict::Exact(id)) => assert_eq!(*only, id),
        ([], Verdict::Similar) => assert!(!found.candidates.is_empty()),
        ([], Verdict::Nobody) => assert!(found.candidates.is_empty()),
        ([_, _, ..], Verdict::Ambiguous) => {}
        (plausible, verdict) => panic!("{verdict:?} where {plausible:?} agree: {child:?}"),
    }
    let exact: Vec<_> = found.candidates.iter().filter(|candidate| candidate.exact).map(|c| c.pupil.id).collect();
    assert_eq!(exact.len(), plausible.len(), "all who agree are shown");
    assert!(found.candidates.len() <= exact.len().max(10));
    assert!(found.candidates.iter().all(|candidate| candidate.score <= 100));

    // The order of the register is no reason to prefer somebody.
    let reversed = Register::new(pupils.iter().rev().cloned().collect()).match_child(&child);
    assert_eq!((ids(&reversed), reversed.verdict), (ids(&found), found.verdict));

    // Spelling: taken apart, or folded already.
    for other in [respelt(&child, |text| text.nfd().collect()), respelt(&child, fold)] {
        let other = register.match_child(&other);
        assert_eq!((ids(&other), other.verdict), (ids(&found), found.verdict), "{child:?}");
    }
    for text in [&child.given_name, &child.family_name] {
        assert_eq!(fold(&fold(text)), fold(text), "folded twice is folded once");
    }

    // Which side is the claim and which the pupil changes nothing, where neither has a number.
    for pupil in &pupils {
        let child = Child { admission_number: None, ..child.clone() };
        let turned = Child {
            given_name: pupil.given_name.clone(),
            family_name: pupil.family_name.clone(),
            tutor_group: Some(pupil.tutor_group.clone()),
            admission_number: None,
        };
        let as_pupil = Pupil {
            id: pupil.id,
            given_name: child.given_name.clone(),
            family_name: child.family_name.clone(),
            tutor_group: child.tutor_group.clone().unwrap_or_default(),
            admission_number: String::new(),
        };
        let one = Register::new(vec![pupil.clone()]).match_child(&child);
        let other = Register::new(vec![as_pupil]).match_child(&turned);
        assert_eq!(one.verdict, other.verdict, "{child:?} {pupil:?}");
    }
}
