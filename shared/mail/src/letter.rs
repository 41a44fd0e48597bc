//! The mails there are and what each needs to know.
//!
//! Mail is read by others too: on shared telephones, by assistants, by whoever holds the address next. So no mail names
//! a child, says why something was refused, or holds a password.

use kinlink_domain::{reference::Reference, text::salvage};
use serde::{Deserialize, Serialize};

use crate::texts;

/// One mail. As JSON (`{"template":"received","reference":"K7QX-2M9D"}`) it is kept in the store until it is sent, so
/// names of templates and fields must stay as they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "template", rename_all = "snake_case")]
pub enum Letter {
    /// Please prove that this address is yours.
    ConfirmAddress {
        /// The request.
        reference: Reference,
        /// The page with the button that proves it.
        url: String,
        /// For how many hours that page works.
        hours: u32,
    },
    /// The request has reached the school.
    Received {
        /// The request.
        reference: Reference,
    },
    /// There is a new account.
    Approved {
        /// The request.
        reference: Reference,
        /// The name to sign in with.
        username: String,
        /// How many children it is linked to; a number, never who.
        children: usize,
    },
    /// The request was refused, for whatever reason: the same words for all of them.
    CouldNotConfirm {
        /// The request.
        reference: Reference,
    },
    /// An account that exists is linked to one more child.
    ChildAdded {
        /// The request.
        reference: Reference,
    },
    /// The account has ended.
    AccessEnded {},
}

impl Letter {
    /// The stable name of the template, as in its JSON.
    #[must_use]
    pub const fn template(&self) -> &'static str {
        match self {
            Self::ConfirmAddress { .. } => "confirm_address",
            Self::Received { .. } => "received",
            Self::Approved { .. } => "approved",
            Self::CouldNotConfirm { .. } => "could_not_confirm",
            Self::ChildAdded { .. } => "child_added",
            Self::AccessEnded {} => "access_ended",
        }
    }

    /// The request it is about.
    #[must_use]
    pub const fn reference(&self) -> Option<&Reference> {
        match self {
            Self::ConfirmAddress { reference, .. }
            | Self::Received { reference }
            | Self::Approved { reference, .. }
            | Self::CouldNotConfirm { reference }
            | Self::ChildAdded { reference } => Some(reference),
            Self::AccessEnded {} => None,
        }
    }
}

/// A language in which mails are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Locale {
    /// English.
    #[default]
    En,
}

/// What every mail may need to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Common {
    /// The school's name.
    pub school: String,
    /// Where to sign in to Moodle; without it the mails say only "Moodle".
    pub moodle_url: Option<String>,
    /// Where our own pages are.
    pub public_url: String,
    /// How to reach the office, to stand in a sentence: "the school office", "office@example.org".
    pub contact: String,
    /// Whom to address. Not used before the email address is proven: anybody may have typed it.
    pub adult_name: String,
    /// The language.
    pub locale: Locale,
}

/// A mail as it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// A single line.
    pub subject: String,
    /// Plain text; paragraphs are not wrapped, lines end with `\n`.
    pub body: String,
}

/// The longest line that a value may put into a mail, in characters.
const MAX_LINE: usize = 200;

/// Writes a mail.
///
/// Values are made single lines without control characters, so that none of them adds a header or a paragraph of its own.
#[must_use]
pub fn render(letter: &Letter, common: &Common) -> Rendered {
    let line = |text: &str| salvage(text, MAX_LINE);
    let common = Common {
        school: line(&common.school),
        moodle_url: common.moodle_url.as_deref().map(line),
        public_url: line(&common.public_url),
        contact: line(&common.contact),
        adult_name: line(&common.adult_name),
        locale: common.locale,
    };
    let Rendered { subject, body } = match common.locale {
        Locale::En => texts::en::write(letter, &common),
    };
    Rendered { subject: line(&subject), body }
}

#[cfg(test)]
mod tests {
    use super::{Common, Letter, Locale, Rendered, render};

    fn common() -> Common {
        Common {
            school: "St Brigid’s School".into(),
            moodle_url: Some("https://moodle.example.org".into()),
            public_url: "https://parents.example.org".into(),
            contact: "the school office (office@example.org)".into(),
            adult_name: "Aoife Ní Bhriain".into(),
            locale: Locale::En,
        }
    }

    fn letters() -> Vec<Letter> {
        let reference = || "K7QX-2M9D".parse().unwrap();
        vec![
            Letter::ConfirmAddress {
                reference: reference(),
                url: "https://parents.example.org/confirm/3q2-7w".into(),
                hours: 48,
            },
            Letter::Received { reference: reference() },
            Letter::Approved { reference: reference(), username: "aoife@example.org".into(), children: 2 },
            Letter::CouldNotConfirm { reference: reference() },
            Letter::ChildAdded { reference: reference() },
            Letter::AccessEnded {},
        ]
    }

    #[test]
    fn every_letter_reads_as_in_its_snapshot() {
        for letter in letters() {
            let Rendered { subject, body } = render(&letter, &common());
            insta::assert_snapshot!(letter.template(), format!("Subject: {subject}\n\n{body}"));
        }
    }

    #[test]
    fn one_child_is_not_several_and_moodle_may_have_no_address() {
        let letter =
            Letter::Approved { reference: "K7QX-2M9D".parse().unwrap(), username: "aoife".into(), children: 1 };
        let Rendered { subject, body } = render(&letter, &Common { moodle_url: None, ..common() });
        insta::assert_snapshot!("approved_one_child_no_address", format!("Subject: {subject}\n\n{body}"));
    }

    #[test]
    fn letters_survive_json_with_the_template_as_tag() {
        for letter in letters() {
            let json = serde_json::to_value(&letter).unwrap();
            assert_eq!(json["template"], letter.template());
            assert_eq!(serde_json::from_value::<Letter>(json).unwrap(), letter);
        }
        let kept =
            r#"{"template":"approved","reference":"K7QX-2M9D","username":"jo@example.org","children":1,"later":true}"#;
        assert_eq!(serde_json::from_str::<Letter>(kept).unwrap().template(), "approved");
    }

    #[test]
    fn the_subject_names_the_request_and_is_one_line_whatever_the_values_are() {
        let evil = "X\r\nBcc: all@example.org\n\n\u{202e}Y";
        let common = Common { school: evil.into(), contact: evil.into(), adult_name: evil.into(), ..common() };
        for letter in letters() {
            let Rendered { subject, body } = render(&letter, &common);
            assert!(!subject.contains(char::is_control), "{subject:?}");
            assert!(!body.lines().any(|line| line.starts_with("Bcc")), "{body}");
            assert!(!body.contains(['\r', '\u{202e}']), "{body}");
            if let Some(reference) = letter.reference() {
                assert!(subject.contains(reference.as_str()), "{subject}");
            }
        }
    }

    #[test]
    fn a_name_is_used_only_when_the_address_is_proven_and_never_as_an_advertisement() {
        let letters = letters();
        assert!(!render(&letters[0], &common()).body.contains("Aoife"));
        assert!(render(&letters[2], &common()).body.contains("Aoife"));
        for name in ["Win at https://evil.example", "www.evil.example", "evil.example/x", "call jo@evil.example", ""] {
            let body = render(&letters[2], &Common { adult_name: name.into(), ..common() }).body;
            assert!(body.starts_with("Hello,\n"), "{body}");
        }
    }
}
