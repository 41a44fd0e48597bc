//! Who is in the model world: adults who ask, and pupils of the demonstration school whom they ask for.
//!
//! Family names of adults and pupils differ, so that a pupil's name in a place where it must not be is found.

use std::sync::LazyLock;

use kinlink_domain::submission::{RawChild, RawSubmission};
use kinlink_moodle::demo::school::{self, Pupil};

/// Somebody who asks.
#[derive(Debug, Clone, Copy)]
pub struct Adult {
    /// Given name.
    pub given: &'static str,
    /// Family name.
    pub family: &'static str,
    /// Address.
    pub email: &'static str,
}

/// Everybody who asks. Two share a mailbox, two bear one name, one writes their name in two ways, one is a member of staff,
/// one has an account that was made by hand.
pub const ADULTS: &[Adult] = &[
    Adult { given: "Ada", family: "Killick", email: "ada@example.org" },
    Adult { given: "Bruno", family: "Killick", email: "bruno@example.org" },
    Adult { given: "Zoë", family: "Vantongeren", email: "home@example.org" },
    Adult { given: "Zoe", family: "Vantongeren", email: "Home@Example.org" },
    Adult { given: "Piet", family: "Vantongeren", email: "home@example.org" },
    Adult { given: "Ada", family: "Killick", email: "ada.second@example.org" },
    Adult { given: "Kirsten", family: "Underhay", email: "k.larsen@school.example.org" },
    Adult { given: "Cleo", family: "Wexcombe", email: "cleo@example.org" },
    Adult { given: "Dov", family: "Ormerod", email: "dov@example.org" },
];

/// Which of [`ADULTS`] is a member of staff.
pub const STAFF: usize = 6;

/// Names of the pupils who stay when the school is made small: four with everything in order, one without context, one whose
/// context lacks its path, twins that only their number tells apart, siblings, one with a foreign role row, one who left.
const NAMES: &[(&str, &str)] = &[
    ("Amelia", "Turner"),
    ("Noah", "Williams"),
    ("Grace", "Okafor"),
    ("Daniel", "Okafor"),
    ("Theo", "Marlow"),
    ("Nell", "Ashby"),
    ("Emily", "Jones"),
    ("Molly", "Dawson"),
    ("Callum", "Reid"),
    ("Zoë", "Clark"),
];

/// The pupils who stay.
#[must_use]
pub fn pupils() -> &'static [Pupil] {
    static PUPILS: LazyLock<Vec<Pupil>> = LazyLock::new(|| {
        school::pupils().into_iter().filter(|pupil| NAMES.contains(&(pupil.given, pupil.family))).collect()
    });
    &PUPILS
}

/// A child as an adult writes of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Child {
    /// Which of [`pupils`].
    pub pupil: usize,
    /// Whether the admission number is given.
    pub number: bool,
    /// Whether the name is misspelt, so that nobody matches exactly.
    pub misspelt: bool,
}

/// What an adult sends.
#[must_use]
pub fn submission(adult: usize, children: &[Child], kind: &str) -> RawSubmission {
    let adult = ADULTS[adult % ADULTS.len()];
    let pupils = pupils();
    RawSubmission {
        kind: Some(kind.to_owned()),
        given_name: adult.given.to_owned(),
        family_name: adult.family.to_owned(),
        email: adult.email.to_owned(),
        children: children
            .iter()
            .map(|child| {
                let pupil = &pupils[child.pupil % pupils.len()];
                RawChild {
                    given_name: pupil.given.to_owned(),
                    family_name: if child.misspelt { format!("{}x", pupil.family) } else { pupil.family.to_owned() },
                    tutor_group: Some(pupil.tutor_group.clone()),
                    admission_number: (child.number && !child.misspelt).then(|| pupil.admission_number.clone()),
                }
            })
            .collect(),
        declaration: Some(true),
        ..RawSubmission::default()
    }
}
