//! What an adult sent: from raw texts to checked values, with a fault for each field that is wrong.
//!
//! One set of checks serves the typed API (which refuses faulty submissions) and form webhooks (which keep them, with
//! their faults as work for staff). Neither ever sees a value that could not be stored or shown.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;

use crate::{
    email::{EmailAddress, InvalidEmail},
    fold::fold,
    request::Kind,
    text::{self, TextFault},
};

/// Longest title ("Mr and Mrs", "Professor the Reverend").
pub const MAX_TITLE: usize = 50;
/// Longest given or family name: what Moodle's columns hold.
pub const MAX_NAME: usize = 100;
/// Longest tutor group.
pub const MAX_TUTOR_GROUP: usize = 50;
/// Longest admission number.
pub const MAX_ADMISSION_NUMBER: usize = 50;
/// Longest comment, in characters.
pub const MAX_COMMENT: usize = 2_000;
/// Most children in one request.
pub const MAX_CHILDREN: usize = 20;
/// Languages that texts exist in or that Moodle may be told; anything else becomes English.
const LOCALES: [&str; 4] = ["en", "cy", "pl", "ar"];

/// A submission as it came: texts only, nothing checked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RawSubmission {
    /// A [`Kind`]'s code, if the form said one.
    pub kind: Option<String>,
    /// A language tag.
    pub locale: Option<String>,
    /// The adult's title.
    pub title: String,
    /// The adult's given name.
    pub given_name: String,
    /// The adult's family name.
    pub family_name: String,
    /// The adult's email address.
    pub email: String,
    /// The children.
    pub children: Vec<RawChild>,
    /// Free text.
    pub comment: String,
    /// Whether the adult declared that what they wrote is true; `None` where the form does not ask.
    pub declaration: Option<bool>,
}

/// A child as it came.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RawChild {
    /// Given name.
    pub given_name: String,
    /// Family name.
    pub family_name: String,
    /// Tutor group; `None` when the adult said they do not know it.
    pub tutor_group: Option<String>,
    /// Admission number, if given.
    pub admission_number: Option<String>,
}

/// A checked submission: every text is safe to store and show; `faults` says what is missing or was mended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    /// What the adult wants.
    pub kind: Kind,
    /// Language for mails: one of the two-letter codes that texts exist in.
    pub locale: String,
    /// Title, if any.
    pub title: Option<String>,
    /// Given name; empty only with a fault.
    pub given_name: String,
    /// Family name; empty only with a fault.
    pub family_name: String,
    /// The address, if it is one.
    pub email: Option<EmailAddress>,
    /// The address as typed (salvaged), for staff to mend.
    pub email_typed: String,
    /// The children, those that carry anything at all.
    pub children: Vec<Child>,
    /// Free text, possibly empty.
    pub comment: String,
    /// What is wrong, field by field.
    pub faults: Vec<FieldFault>,
}

/// A checked child.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Child {
    /// Given name; empty only with a fault.
    pub given_name: String,
    /// Family name; empty only with a fault.
    pub family_name: String,
    /// Tutor group, if known.
    pub tutor_group: Option<String>,
    /// Admission number, if given.
    pub admission_number: Option<String>,
}

/// One thing wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = SubmissionFault)]
pub struct FieldFault {
    /// JSON pointer (RFC 6901) into the typed body: `/children/0/tutor_group`.
    pub pointer: String,
    /// A stable code.
    pub code: FaultCode,
    /// What to do, in English; never repeats the value.
    pub detail: String,
}

/// The codes of [`FieldFault`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FaultCode {
    /// Nothing was given.
    Required,
    /// More characters than the field holds.
    TooLong,
    /// Control characters.
    Unprintable,
    /// Not of the form that the field wants.
    Invalid,
    /// More entries than allowed.
    TooMany,
    /// Perhaps not sent by a person.
    Suspicious,
}

impl fmt::Display for FaultCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Required => "required",
            Self::TooLong => "too_long",
            Self::Unprintable => "unprintable",
            Self::Invalid => "invalid",
            Self::TooMany => "too_many",
            Self::Suspicious => "suspicious",
        })
    }
}

/// Collects faults while fields are read.
#[derive(Default)]
struct Faults(Vec<FieldFault>);

impl Faults {
    fn push(&mut self, pointer: impl Into<String>, code: FaultCode, detail: impl Into<String>) {
        self.0.push(FieldFault { pointer: pointer.into(), code, detail: detail.into() });
    }

    fn text(&mut self, pointer: &str, fault: TextFault) {
        let (code, detail) = match fault {
            TextFault::Empty => (FaultCode::Required, "enter a value".to_owned()),
            TextFault::TooLong(max) => (FaultCode::TooLong, format!("use at most {max} characters")),
            TextFault::Unprintable => (FaultCode::Unprintable, "remove control characters".to_owned()),
        };
        self.push(pointer, code, detail);
    }

    /// A line that must be there. What is wrong is kept as far as it can be.
    fn required(&mut self, pointer: &str, raw: &str, max: usize) -> String {
        text::line(raw, max).unwrap_or_else(|fault| {
            self.text(pointer, fault);
            text::salvage(raw, max)
        })
    }

    /// A line that may be blank.
    fn optional(&mut self, pointer: &str, raw: &str, max: usize) -> Option<String> {
        match text::line(raw, max) {
            Ok(line) => Some(line),
            Err(TextFault::Empty) => None,
            Err(fault) => {
                self.text(pointer, fault);
                Some(text::salvage(raw, max)).filter(|kept| !kept.is_empty())
            }
        }
    }
}

impl Submission {
    /// Checks a submission. Never fails: what is wrong is in [`Submission::faults`].
    #[must_use]
    pub fn check(raw: &RawSubmission) -> Self {
        let mut faults = Faults::default();
        let kind = match raw.kind.as_deref().map(str::trim) {
            None | Some("") => {
                faults.push("/kind", FaultCode::Required, format!("say one of {}", Kind::CODES.join(", ")));
                Kind::Other
            }
            Some(code) => Kind::from_code(code).unwrap_or_else(|| {
                faults.push("/kind", FaultCode::Invalid, format!("say one of {}", Kind::CODES.join(", ")));
                Kind::Other
            }),
        };
        let title = faults.optional("/adult/title", &raw.title, MAX_TITLE);
        let given_name = faults.required("/adult/given_name", &raw.given_name, MAX_NAME);
        let family_name = faults.required("/adult/family_name", &raw.family_name, MAX_NAME);
        let email = match EmailAddress::parse(&raw.email) {
            Ok(address) => Some(address),
            Err(fault) => {
                let code = match fault {
                    _ if raw.email.trim().is_empty() => FaultCode::Required,
                    InvalidEmail::Malformed => FaultCode::Invalid,
                    InvalidEmail::TooLong => FaultCode::TooLong,
                };
                faults.push("/adult/email", code, "enter an email address like name@example.org");
                None
            }
        };
        let comment = text::paragraph(&raw.comment, MAX_COMMENT).unwrap_or_else(|fault| {
            faults.text("/comment", fault);
            text::salvage(&raw.comment, MAX_COMMENT)
        });
        if raw.declaration == Some(false) {
            faults.push("/declaration", FaultCode::Required, "the adult must confirm that the details are true");
        }
        let children = Self::check_children(&raw.children, kind, &mut faults);
        Self {
            kind,
            locale: locale(raw.locale.as_deref()),
            title,
            given_name,
            family_name,
            email_typed: text::salvage(&raw.email, 254),
            email,
            children,
            comment,
            faults: faults.0,
        }
    }

    fn check_children(raw: &[RawChild], kind: Kind, faults: &mut Faults) -> Vec<Child> {
        if raw.len() > MAX_CHILDREN {
            faults.push("/children", FaultCode::TooMany, format!("name at most {MAX_CHILDREN} children"));
        }
        if raw.is_empty() && kind.needs_children() {
            faults.push("/children", FaultCode::Required, "name at least one child");
        }
        raw.iter()
            .take(MAX_CHILDREN)
            .enumerate()
            .map(|(i, child)| {
                let at = |field: &str| format!("/children/{i}/{field}");
                Child {
                    given_name: faults.required(&at("given_name"), &child.given_name, MAX_NAME),
                    family_name: faults.required(&at("family_name"), &child.family_name, MAX_NAME),
                    tutor_group: child
                        .tutor_group
                        .as_deref()
                        .and_then(|group| faults.optional(&at("tutor_group"), group, MAX_TUTOR_GROUP)),
                    admission_number: child
                        .admission_number
                        .as_deref()
                        .and_then(|number| faults.optional(&at("admission_number"), number, MAX_ADMISSION_NUMBER)),
                }
            })
            .collect()
    }

    /// What makes two submissions the same: kind, address, names, children (in any order) and comment, folded. The same
    /// submission twice is one request.
    #[must_use]
    pub fn content_hash(&self) -> String {
        let mut children: Vec<String> = self
            .children
            .iter()
            .map(|child| {
                [
                    fold(&child.given_name),
                    fold(&child.family_name),
                    fold(child.tutor_group.as_deref().unwrap_or_default()),
                    fold(child.admission_number.as_deref().unwrap_or_default()),
                ]
                .join("\u{1f}")
            })
            .collect();
        children.sort_unstable();
        let email = self.email.as_ref().map_or_else(|| self.email_typed.to_lowercase(), ToString::to_string);
        let all = [
            self.kind.code(),
            &email,
            &fold(&self.given_name),
            &fold(&self.family_name),
            &children.join("\u{1e}"),
            &self.comment,
        ]
        .join("\u{1d}");
        hex(&Sha256::digest(all))
    }
}

/// Lower-case hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        // Writing to a String cannot fail.
        let _ = write!(out, "{byte:02x}");
        out
    })
}

fn locale(tag: Option<&str>) -> String {
    let language = tag.unwrap_or_default().split(['-', '_']).next().unwrap_or_default().trim().to_ascii_lowercase();
    LOCALES.into_iter().find(|known| *known == language).unwrap_or("en").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn good() -> RawSubmission {
        RawSubmission {
            kind: Some("new_account".into()),
            locale: Some("cy-GB".into()),
            title: "Mr and Mrs".into(),
            given_name: "Aoife".into(),
            family_name: "O'Brien".into(),
            email: "Aoife@Example.org".into(),
            children: vec![RawChild {
                given_name: "Zoe\u{308}".into(),
                family_name: "O’Brien-Shah".into(),
                tutor_group: Some("7KL".into()),
                admission_number: None,
            }],
            comment: "two\r\nhomes".into(),
            declaration: Some(true),
        }
    }

    #[test]
    fn a_good_submission_has_no_faults_and_is_normalised() {
        let checked = Submission::check(&good());
        assert_eq!(checked.faults, []);
        assert_eq!(checked.locale, "cy");
        assert_eq!(checked.children[0].given_name, "Zoë");
        assert_eq!(checked.comment, "two\nhomes");
        assert_eq!(checked.email.unwrap().as_str(), "aoife@example.org");
    }

    #[test]
    fn each_fault_names_its_field() {
        let mut raw = good();
        raw.kind = Some("nonsense".into());
        raw.given_name = " ".into();
        raw.family_name = "x\u{0}y".into();
        raw.email = "jo".into();
        raw.title = "t".repeat(51);
        raw.declaration = Some(false);
        raw.children[0].given_name = "n".repeat(101);
        raw.children[0].tutor_group = Some("7\u{7}".into());
        let faults: Vec<_> = Submission::check(&raw)
            .faults
            .into_iter()
            .map(|fault| format!("{} {}", fault.pointer, fault.code))
            .collect();
        assert_eq!(
            faults,
            [
                "/kind invalid",
                "/adult/title too_long",
                "/adult/given_name required",
                "/adult/family_name unprintable",
                "/adult/email invalid",
                "/declaration required",
                "/children/0/given_name too_long",
                "/children/0/tutor_group unprintable",
            ]
        );
    }

    #[test]
    fn from_one_to_twenty_children() {
        let mut raw = good();
        raw.children = vec![raw.children[0].clone(); 21];
        assert_eq!(Submission::check(&raw).faults[0].code, FaultCode::TooMany);
        raw.children.truncate(20);
        assert_eq!(Submission::check(&raw).faults, []);
        raw.children.clear();
        assert_eq!(Submission::check(&raw).faults[0].pointer, "/children");
        raw.kind = Some("leave".into());
        assert_eq!(Submission::check(&raw).faults, [], "leaving needs no child");
    }

    #[test]
    fn a_blank_tutor_group_is_no_tutor_group() {
        // S-4: a space must not turn into "any tutor group" further on.
        let mut raw = good();
        raw.children[0].tutor_group = Some(" \u{a0} ".into());
        assert_eq!(Submission::check(&raw).children[0].tutor_group, None);
    }

    #[test]
    fn the_same_submission_hashes_alike_whatever_the_order_and_spelling() {
        let mut a = good();
        a.children.push(RawChild { given_name: "Sam".into(), family_name: "Shah".into(), ..RawChild::default() });
        let mut b = a.clone();
        b.children.reverse();
        b.email = "aoife@example.ORG ".into();
        b.family_name = "O’BRIEN".into();
        assert_eq!(Submission::check(&a).content_hash(), Submission::check(&b).content_hash());
        b.children.pop();
        assert_ne!(Submission::check(&a).content_hash(), Submission::check(&b).content_hash());
    }

    proptest! {
        #[test]
        fn whatever_is_sent_is_kept_in_a_form_that_can_be_stored_and_shown(
            given in any::<String>(), email in any::<String>(), comment in any::<String>(), group in any::<Option<String>>(),
        ) {
            let raw = RawSubmission {
                given_name: given, email, comment,
                children: vec![RawChild { tutor_group: group, ..RawChild::default() }],
                ..RawSubmission::default()
            };
            let checked = Submission::check(&raw);
            for text in [&checked.given_name, &checked.email_typed, &checked.comment] {
                prop_assert!(!text.contains('\0') && text.chars().count() <= MAX_COMMENT);
            }
            prop_assert!(checked.given_name.chars().count() <= MAX_NAME);
        }
    }
}
