//! The mails there are and what each needs to know.
//!
//! Mail is read by others too: on shared telephones, by assistants, by whoever holds the address next. So none of our texts
//! names a child, says why something was refused, or holds a password. A question is in the words of the staff, who are told
//! the same where they write it.

use kinlink_domain::{locale::Locale, reference::Reference, text::salvage};

use crate::texts;

/// One mail.
#[derive(Debug, Clone, PartialEq, Eq)]
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
        /// The page that says how far it is.
        status_url: String,
    },
    /// The school wants to know something.
    Question {
        /// The request.
        reference: Reference,
        /// The question, of one line or more.
        question: String,
        /// The page with the form for the answer.
        status_url: String,
    },
    /// There is a new account.
    Approved {
        /// The request.
        reference: Reference,
        /// The name to sign in with.
        username: String,
        /// How many children it is linked to; a number, never who.
        children: usize,
        /// The page that says when it is ready.
        status_url: String,
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
        /// The page that says when it is ready.
        status_url: String,
    },
    /// The account has ended.
    AccessEnded,
    /// Please prove that the new address of an account is yours.
    NewAddress {
        /// The page with the button that proves it.
        url: String,
        /// For how many hours that page works.
        hours: u32,
    },
    /// The account gets another address: to the old one, which learns neither the new one nor who asked.
    AddressChanging,
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
/// The longest line of a question. Questions are checked where they are asked; this only keeps what is shown in bounds.
const MAX_QUESTION_LINE: usize = 4_000;

/// Writes a mail.
///
/// Values are made single lines without control characters, so that none of them adds a header or a paragraph of its own.
/// Only a question keeps its lines.
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
    let mut letter = letter.clone();
    match &mut letter {
        Letter::ConfirmAddress { url, .. } | Letter::NewAddress { url, .. } => *url = line(url),
        Letter::Received { status_url, .. } | Letter::ChildAdded { status_url, .. } => *status_url = line(status_url),
        Letter::Question { question, status_url, .. } => {
            let lines: Vec<_> = question.lines().map(|text| salvage(text, MAX_QUESTION_LINE)).collect();
            *question = lines.join("\n");
            *status_url = line(status_url);
        }
        Letter::Approved { username, status_url, .. } => {
            *username = line(username);
            *status_url = line(status_url);
        }
        Letter::CouldNotConfirm { .. } | Letter::AccessEnded | Letter::AddressChanging => {}
    }
    let Rendered { subject, body } = texts::write(&letter, &common);
    Rendered { subject: line(&subject), body }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use kinlink_domain::locale::{Direction, Locale};

    use super::{Common, Letter, Rendered, render};

    const REFERENCE: &str = "K7QX-2M9D";

    /// Names that weak code breaks.
    fn hostile_names() -> [(&'static str, String); 4] {
        [
            ("markup", r#"O'Brien <b>&amp;</b> "{ $school }""#.to_owned()),
            ("right to left", "نور الحداد".to_owned()),
            ("long", "Ł".repeat(100)),
            ("more headers", "X\r\nBcc: all@example.org\n\nParagraph\u{202e}\u{2068}Y\u{2069}\u{7}".to_owned()),
        ]
    }

    fn common(locale: Locale) -> Common {
        Common {
            school: "St Brigid’s School".into(),
            moodle_url: Some("https://moodle.example.org".into()),
            public_url: "https://parents.example.org".into(),
            contact: "office@example.org".into(),
            adult_name: "Aoife Ní Bhriain".into(),
            locale,
        }
    }

    /// Every letter, with its name.
    fn letters() -> [(&'static str, Letter); 9] {
        let reference = || REFERENCE.parse().unwrap();
        let status_url = || "https://parents.example.org/status/AZLwwYpe".to_owned();
        [
            (
                "confirm_address",
                Letter::ConfirmAddress {
                    reference: reference(),
                    url: "https://parents.example.org/confirm/3q2-7w".into(),
                    hours: 48,
                },
            ),
            ("received", Letter::Received { reference: reference(), status_url: status_url() }),
            (
                "question",
                Letter::Question {
                    reference: reference(),
                    question: "Which tutor group is your child in?\n\nIs there a second family name?".into(),
                    status_url: status_url(),
                },
            ),
            (
                "approved",
                Letter::Approved {
                    reference: reference(),
                    username: "aoife@example.org".into(),
                    children: 2,
                    status_url: status_url(),
                },
            ),
            ("could_not_confirm", Letter::CouldNotConfirm { reference: reference() }),
            ("child_added", Letter::ChildAdded { reference: reference(), status_url: status_url() }),
            ("access_ended", Letter::AccessEnded),
            (
                "new_address",
                Letter::NewAddress { url: "https://parents.example.org/confirm/email/3q2-7w".into(), hours: 48 },
            ),
            ("address_changing", Letter::AddressChanging),
        ]
    }

    fn shown(Rendered { subject, body }: &Rendered) -> String {
        format!("Subject: {subject}\n\n{body}")
    }

    #[test]
    fn every_letter_reads_as_in_its_snapshot_in_every_language() {
        for locale in Locale::ALL {
            for (name, letter) in letters() {
                insta::assert_snapshot!(format!("{name}.{}", locale.tag()), shown(&render(&letter, &common(*locale))));
            }
        }
    }

    #[test]
    fn hostile_values_stay_text_in_every_letter_and_language() {
        for locale in Locale::ALL {
            for (kind, name) in hostile_names() {
                let mut all = String::new();
                let common = Common { school: name.clone(), adult_name: name.clone(), ..common(*locale) };
                for (letter_name, mut letter) in letters() {
                    if let Letter::Question { question, .. } = &mut letter {
                        question.clone_from(&name);
                    }
                    if let Letter::Approved { username, .. } = &mut letter {
                        username.clone_from(&name);
                    }
                    let mail = render(&letter, &common);
                    assert!(!mail.subject.contains(char::is_control), "{:?}", mail.subject);
                    assert!(!mail.body.lines().any(|line| line.starts_with("Bcc")), "{}", mail.body);
                    let unwanted = |c: char| {
                        (c.is_control() && c != '\n') || matches!(c, '\u{2066}'..='\u{2069}' | '\u{202a}'..='\u{202e}')
                    };
                    assert!(!mail.body.contains(unwanted) && !mail.subject.contains(unwanted), "{mail:?}");
                    let is_about_account =
                        matches!(letter, Letter::AccessEnded | Letter::NewAddress { .. } | Letter::AddressChanging);
                    if !is_about_account {
                        assert!(mail.subject.contains(REFERENCE), "{}", mail.subject);
                    }
                    write!(all, "=== {letter_name}\n{}", shown(&mail)).unwrap();
                }
                insta::assert_snapshot!(format!("hostile {kind}.{}", locale.tag()), all);
            }
        }
    }

    #[test]
    fn numbers_take_the_form_that_the_language_asks_for() {
        let mut all = String::new();
        for locale in Locale::ALL {
            let body = |letter: &Letter, needle: &str| {
                let body = render(letter, &Common { moodle_url: None, ..common(*locale) }).body;
                body.lines().find(|line| line.contains(needle)).unwrap().to_owned()
            };
            for children in [0, 1, 2, 3, 5, 6, 11, 22, 100] {
                let letter = Letter::Approved {
                    reference: REFERENCE.parse().unwrap(),
                    username: "aoife".into(),
                    children,
                    status_url: String::new(),
                };
                writeln!(all, "{} {children}: {}", locale.tag(), body(&letter, REFERENCE)).unwrap();
            }
            for hours in [1, 2, 3, 6, 24, 48, 100] {
                let letter = Letter::ConfirmAddress { reference: REFERENCE.parse().unwrap(), url: "URL".into(), hours };
                let mail = render(&letter, &common(*locale)).body;
                let line = mail.lines().skip_while(|line| *line != "URL").nth(2).unwrap();
                writeln!(all, "{} {hours} h: {line}", locale.tag()).unwrap();
            }
        }
        insta::assert_snapshot!("numbers", all);
    }

    #[test]
    fn in_arabic_every_paragraph_of_ours_begins_with_an_arabic_letter() {
        // Mail programs take the direction of a paragraph from its first letter.
        for locale in Locale::ALL.iter().filter(|locale| locale.direction() == Direction::RightToLeft) {
            for (name, letter) in letters() {
                let common = common(*locale);
                let body = render(&letter, &common).body;
                for line in body.lines().filter(|line| !line.is_empty() && *line != common.school) {
                    let ours = !line.starts_with("https://") && !line.starts_with(' ');
                    let first = line.chars().find(|c| c.is_alphabetic()).unwrap();
                    assert!(!ours || matches!(first, '\u{600}'..='\u{6ff}'), "{name}: {line}");
                }
            }
        }
    }

    #[test]
    fn a_name_is_used_only_when_the_address_is_proven_and_never_as_an_advertisement() {
        let [(_, confirm), _, _, (_, approved), ..] = letters();
        for locale in Locale::ALL {
            assert!(!render(&confirm, &common(*locale)).body.contains("Aoife"));
            let new_address = Letter::NewAddress { url: String::new(), hours: 1 };
            assert!(!render(&new_address, &common(*locale)).body.contains("Aoife"));
            assert!(render(&approved, &common(*locale)).body.contains("Aoife"));
            for name in
                ["Win at https://evil.example", "www.evil.example", "evil.example/x", "call jo@evil.example", ""]
            {
                let body = render(&approved, &Common { adult_name: name.into(), ..common(*locale) }).body;
                assert!(!body.contains("evil"), "{body}");
            }
        }
    }
}
