//! What was typed into the form: read from its fields, handed back in the same fields, and checked.
//!
//! Between the steps the answers travel in the form itself and are checked anew each time: nothing is kept here, and nothing
//! a browser sends is believed.

use std::collections::{BTreeMap, HashSet};

use kinlink_domain::{
    locale::Locale,
    request::Kind,
    submission::{
        FaultCode, FieldFault, MAX_CHILDREN, MAX_NAME, MAX_TITLE, MAX_TUTOR_GROUP, RawChild, RawSubmission, Submission,
    },
    text,
};
use kinlink_web::form::Fields;

use super::texts::Texts;
use i18n_embed_fl::fl;

/// What people can ask for here, in the order in which the page names it.
pub(crate) const KINDS: [Kind; 4] = [Kind::NewAccount, Kind::CannotSignIn, Kind::ChildMissing, Kind::Other];
/// Longest comment: shorter than what other forms may send, as the page says.
pub(crate) const MAX_COMMENT: usize = 1_000;
/// The field that people do not see.
pub(crate) const TRAP: &str = "website";

/// The same field twice: no browser sends that, and there is no telling which one is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Repeated;

/// What was typed. There is always a child to type into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answers {
    pub(crate) kind: String,
    pub(crate) title: String,
    pub(crate) given_name: String,
    pub(crate) family_name: String,
    pub(crate) email: String,
    pub(crate) children: Vec<Child>,
    pub(crate) comment: String,
    /// What stands in the field that people do not see.
    pub(crate) trap: String,
    /// More children than the form takes were named; those beyond are not here.
    too_many: bool,
}

/// A child as typed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Child {
    pub(crate) given_name: String,
    pub(crate) family_name: String,
    pub(crate) tutor_group: String,
}

/// One thing wrong, in the page's language: `kit::errors`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The id of the field.
    pub(crate) anchor: String,
    /// What to do.
    pub(crate) text: String,
}

impl Default for Answers {
    fn default() -> Self {
        Self {
            kind: String::new(),
            title: String::new(),
            given_name: String::new(),
            family_name: String::new(),
            email: String::new(),
            children: vec![Child::default()],
            comment: String::new(),
            trap: String::new(),
            too_many: false,
        }
    }
}

impl Answers {
    /// Reads the fields. Unknown ones are left out.
    pub(crate) fn read(fields: &Fields) -> Result<Self, Repeated> {
        let mut seen = HashSet::new();
        if !fields.pairs().all(|(name, _)| seen.insert(name)) {
            return Err(Repeated);
        }
        let text = |name: &str| fields.get(name).unwrap_or_default().to_owned();
        let mut children: BTreeMap<u32, Child> = BTreeMap::new();
        for (name, value) in fields.pairs() {
            let Some((place, part)) = child_field(name) else { continue };
            let child = children.entry(place).or_default();
            match part {
                "given_name" => value.clone_into(&mut child.given_name),
                "family_name" => value.clone_into(&mut child.family_name),
                "tutor_group" => value.clone_into(&mut child.tutor_group),
                _ => {}
            }
        }
        let too_many = children.len() > MAX_CHILDREN;
        let mut children: Vec<Child> = children.into_values().take(MAX_CHILDREN).collect();
        if children.is_empty() {
            children.push(Child::default());
        }
        Ok(Self {
            kind: text("kind"),
            title: text("title"),
            given_name: text("given_name"),
            family_name: text("family_name"),
            email: text("email"),
            children,
            comment: text("comment"),
            trap: text(TRAP),
            too_many,
        })
    }

    /// One more child, if there is room. It has the family name of the one before it, or of the adult: nobody should have
    /// to type that twice.
    pub(crate) fn add_child(&mut self) {
        if self.children.len() < MAX_CHILDREN {
            let before = self.children.last().map(|child| child.family_name.trim()).unwrap_or_default();
            let family_name = if before.is_empty() { self.family_name.trim() } else { before }.to_owned();
            self.children.push(Child { family_name, ..Child::default() });
        }
    }

    /// One child less; the last one that is left is emptied.
    pub(crate) fn remove_child(&mut self, place: usize) {
        if place < self.children.len() {
            self.children.remove(place);
        }
        if self.children.is_empty() {
            self.children.push(Child::default());
        }
    }

    /// What is sent when nothing is wrong: children of whom nothing is said do not count, unless one must be named.
    pub(crate) fn raw(&self, locale: Locale) -> RawSubmission {
        let children = self.named().map(|place| {
            let child = &self.children[place];
            RawChild {
                given_name: child.given_name.clone(),
                family_name: child.family_name.clone(),
                tutor_group: Some(child.tutor_group.clone()).filter(|group| !group.trim().is_empty()),
                admission_number: None,
            }
        });
        RawSubmission {
            kind: Some(self.kind.clone()),
            locale: Some(locale.code().to_owned()),
            title: self.title.clone(),
            given_name: self.given_name.clone(),
            family_name: self.family_name.clone(),
            email: self.email.clone(),
            children: children.collect(),
            comment: self.comment.clone(),
            declaration: Some(true),
        }
    }

    /// The places of the children that count.
    fn named(&self) -> impl Iterator<Item = usize> {
        let blank = self.children.iter().all(Child::is_blank);
        let needed = Kind::from_code(&self.kind).is_none_or(Kind::needs_children);
        let first_anyway = blank && needed;
        (0..self.children.len()).filter(move |place| !self.children[*place].is_blank() || (first_anyway && *place == 0))
    }

    /// Checks the answers, and says in the page's language what is wrong, in the order of the page.
    pub(crate) fn check(&self, locale: Locale, texts: Texts) -> (Submission, Vec<Fault>) {
        let submission = Submission::check(&self.raw(locale));
        let places: Vec<usize> = self.named().collect();
        let unknown_kind = Kind::from_code(&self.kind).is_some_and(|kind| !KINDS.contains(&kind));
        let long_comment = submission.comment.chars().count() > MAX_COMMENT;
        let mut faults: Vec<Fault> = Vec::new();
        if unknown_kind {
            faults.push(Fault::new("kind", fl!(texts, "fault-kind")));
        }
        // The comment stands last on the page.
        let (comment, others): (Vec<_>, Vec<_>) =
            submission.faults.iter().partition(|fault| fault.pointer.starts_with("/comment"));
        faults.extend(others.into_iter().filter_map(|fault| Fault::of(fault, &places, texts)));
        if self.too_many {
            let max = MAX_CHILDREN;
            faults.push(Fault::new("children", fl!(texts, "fault-children-many", max = max)));
        }
        match comment.first() {
            Some(fault) if fault.code != FaultCode::TooLong => faults.extend(Fault::of(fault, &places, texts)),
            None if !long_comment => {}
            _ => {
                let field = fl!(texts, "comment-heading");
                faults.push(Fault::new("comment", fl!(texts, "fault-long", field = field, max = MAX_COMMENT)));
            }
        }
        (submission, faults)
    }

    /// The same answers as they can stand in a page: without characters that cannot be shown.
    pub(crate) fn shown(&self) -> Self {
        let line = |text: &String| text::printable(text).replace('\n', " ");
        Self {
            kind: line(&self.kind),
            title: line(&self.title),
            given_name: line(&self.given_name),
            family_name: line(&self.family_name),
            email: line(&self.email),
            children: self
                .children
                .iter()
                .map(|child| Child {
                    given_name: line(&child.given_name),
                    family_name: line(&child.family_name),
                    tutor_group: line(&child.tutor_group),
                })
                .collect(),
            comment: text::printable(&self.comment),
            trap: line(&self.trap),
            too_many: self.too_many,
        }
    }

    /// Names and values of the hidden fields that carry the answers on.
    pub(crate) fn hidden(&self) -> Vec<(String, String)> {
        let shown = self.shown();
        let mut fields = vec![
            ("kind".to_owned(), shown.kind),
            ("title".to_owned(), shown.title),
            ("given_name".to_owned(), shown.given_name),
            ("family_name".to_owned(), shown.family_name),
            ("email".to_owned(), shown.email),
        ];
        for (place, child) in shown.children.into_iter().enumerate() {
            fields.push((child_name(place, "given_name"), child.given_name));
            fields.push((child_name(place, "family_name"), child.family_name));
            fields.push((child_name(place, "tutor_group"), child.tutor_group));
        }
        fields.push(("comment".to_owned(), shown.comment));
        fields.push((TRAP.to_owned(), shown.trap));
        fields
    }
}

impl Child {
    fn is_blank(&self) -> bool {
        [&self.given_name, &self.family_name, &self.tutor_group].into_iter().all(|text| text.trim().is_empty())
    }
}

impl Fault {
    pub(crate) fn new(anchor: impl Into<String>, text: String) -> Self {
        Self { anchor: anchor.into(), text }
    }

    /// A fault of the domain as a field's. `places` are those of the children that were checked.
    fn of(fault: &FieldFault, places: &[usize], texts: Texts) -> Option<Self> {
        let anchor = |part: &str| part.replace('_', "-");
        if let Some(rest) = fault.pointer.strip_prefix("/children/") {
            let (place, part) = rest.split_once('/')?;
            let number = places.get(place.parse::<usize>().ok()?)? + 1;
            let (label, missing, max) = match part {
                "given_name" => (
                    fl!(texts, "field-child-given-name", number = number),
                    fl!(texts, "fault-child-given-name", number = number),
                    MAX_NAME,
                ),
                "family_name" => (
                    fl!(texts, "field-child-family-name", number = number),
                    fl!(texts, "fault-child-family-name", number = number),
                    MAX_NAME,
                ),
                _ => {
                    let label = fl!(texts, "field-child-tutor-group", number = number);
                    (label.clone(), label, MAX_TUTOR_GROUP)
                }
            };
            let id = format!("child-{number}-{}", anchor(part));
            return Some(Self::new(id, words(fault.code, texts, label, missing, max)));
        }
        let (id, label, missing, max) = match fault.pointer.as_str() {
            "/kind" => return Some(Self::new("kind", fl!(texts, "fault-kind"))),
            "/children" => return Some(Self::new("child-1-given-name", fl!(texts, "fault-children-required"))),
            "/adult/title" => ("title", fl!(texts, "title-label"), fl!(texts, "title-label"), MAX_TITLE),
            "/adult/given_name" => {
                ("given-name", fl!(texts, "given-name-label"), fl!(texts, "fault-given-name"), MAX_NAME)
            }
            "/adult/family_name" => {
                ("family-name", fl!(texts, "family-name-label"), fl!(texts, "fault-family-name"), MAX_NAME)
            }
            "/adult/email" => {
                let text = match fault.code {
                    FaultCode::Required => fl!(texts, "fault-email-required"),
                    _ => fl!(texts, "fault-email-invalid"),
                };
                return Some(Self::new("email", text));
            }
            "/comment" => ("comment", fl!(texts, "comment-heading"), fl!(texts, "comment-heading"), MAX_COMMENT),
            _ => return None,
        };
        Some(Self::new(id, words(fault.code, texts, label, missing, max)))
    }
}

/// What a fault of a text says.
fn words(code: FaultCode, texts: Texts, field: String, missing: String, max: usize) -> String {
    match code {
        FaultCode::Required => missing,
        FaultCode::TooLong => fl!(texts, "fault-long", field = field, max = max),
        _ => fl!(texts, "fault-unprintable", field = field),
    }
}

/// The name of a child's field.
pub(crate) fn child_name(place: usize, part: &str) -> String {
    format!("children[{place}][{part}]")
}

/// Which child and which part of it a field is about. Of each number there is one spelling only.
fn child_field(name: &str) -> Option<(u32, &str)> {
    let (place, part) = name.strip_prefix("children[")?.strip_suffix(']')?.split_once("][")?;
    let plain = place.bytes().all(|b| b.is_ascii_digit()) && (place == "0" || !place.starts_with('0'));
    Some((place.parse().ok().filter(|_| plain)?, part))
}

#[cfg(test)]
mod tests {
    use kinlink_domain::locale::Locale;
    use kinlink_web::form::Fields;

    use super::{Answers, Repeated};
    use crate::pages::texts::texts;

    fn read(body: &str) -> Answers {
        Answers::read(&Fields::parse(body.as_bytes()).unwrap()).unwrap()
    }

    fn faults(body: &str) -> Vec<String> {
        let (_, faults) = read(body).check(Locale::En, texts(Locale::En));
        faults.into_iter().map(|fault| format!("{}: {}", fault.anchor, fault.text)).collect()
    }

    const GOOD: &str = "kind=new_account&given_name=Hana&family_name=Kowalczyk&email=hana@example.org\
        &children[0][given_name]=Zofia&children[0][family_name]=Kowalczyk&children[0][tutor_group]=8C";

    #[test]
    fn faults_follow_the_order_of_the_page_and_name_the_field_and_what_to_do() {
        assert_eq!(faults(GOOD), [""; 0]);
        assert_eq!(
            faults("kind=leave&title=%00&comment=%00&children[3][tutor_group]=8C&children[9][given_name]=Jan"),
            [
                "kind: Choose what you need",
                "title: Title: we removed a character that cannot be shown. Please check what is left",
                "given-name: Enter your first name",
                "family-name: Enter your last name",
                "email: Enter your email address",
                "child-1-given-name: Enter the first name of child 1",
                "child-1-family-name: Enter the last name of child 1",
                "child-2-family-name: Enter the last name of child 2",
                "comment: Anything else we should know?: we removed a character that cannot be shown. Please check what is left",
            ]
        );
    }

    #[test]
    fn a_child_of_whom_nothing_is_said_counts_only_where_one_must_be_named() {
        let blank = "children[0][given_name]=&children[1][family_name]=+";
        let adult = "given_name=A&family_name=B&email=a@example.org";
        assert_eq!(faults(&format!("kind=cannot_sign_in&{adult}&{blank}")), [""; 0]);
        assert_eq!(
            faults(&format!("kind=child_missing&{adult}&{blank}")),
            [
                "child-1-given-name: Enter the first name of child 1",
                "child-1-family-name: Enter the last name of child 1"
            ]
        );
        // A blank one between others keeps its number on the page.
        let gap = "children[0][given_name]=&children[1][given_name]=Jan";
        assert_eq!(
            faults(&format!("kind=new_account&{adult}&{gap}")),
            ["child-2-family-name: Enter the last name of child 2"]
        );
    }

    #[test]
    fn long_texts_are_named_with_what_is_allowed() {
        let (name, comment) = ("n".repeat(101), "c".repeat(1_001));
        assert_eq!(
            faults(&format!(
                "{GOOD}&title={}&children[1][given_name]={name}&children[1][family_name]=K",
                "t".repeat(51)
            )),
            [
                "title: Title: use no more than 50 characters",
                "child-2-given-name: First name of child 2: use no more than 100 characters"
            ]
        );
        for comment in [comment.as_str(), &"c".repeat(2_001)] {
            let expected = "comment: Anything else we should know?: use no more than 1000 characters";
            assert_eq!(faults(&format!("{GOOD}&comment={comment}")), [expected]);
        }
        assert_eq!(faults(&format!("{GOOD}&comment={}", "%0D%0A".repeat(1_500))), [""; 0], "blank lines at the end");
    }

    #[test]
    fn what_is_carried_on_reads_back_the_same() {
        let typed = format!("{GOOD}&comment=a%0D%0Ab&title=%C3%A9&website=x&children[1][given_name]=%3Cb%3E");
        let answers = read(&typed);
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(answers.hidden());
        let again = read(&body.finish());
        assert_eq!(again.hidden(), answers.hidden());
        assert_eq!((again.trap.as_str(), again.children.len()), ("x", 2));
    }

    #[test]
    fn a_field_is_there_once() {
        for body in ["kind=a&kind=b", "x=&x=", "children[0][given_name]=a&children[0][given_name]=b"] {
            assert_eq!(Answers::read(&Fields::parse(body.as_bytes()).unwrap()), Err(Repeated), "{body}");
        }
        let odd = "children[00][given_name]=a&children[+1][given_name]=b&children[x][given_name]=c&children[1]=d\
                   &children[99999999999][given_name]=e&children[][given_name]=f";
        assert_eq!(read(odd), Answers::default());
    }

    #[test]
    fn a_further_child_has_the_family_name_of_the_one_before_it_and_there_are_at_most_twenty() {
        let mut answers = read("family_name=Kowalczyk");
        answers.add_child();
        assert_eq!(answers.children[1].family_name, "Kowalczyk");
        answers.children[1].family_name = "Nowak".into();
        answers.add_child();
        assert_eq!(answers.children[2].family_name, "Nowak");
        (0..30).for_each(|_| answers.add_child());
        assert_eq!(answers.children.len(), 20);
        answers.remove_child(99);
        (0..30).for_each(|_| answers.remove_child(0));
        assert_eq!(answers.children.len(), 1);
    }

    #[test]
    fn more_children_than_allowed_are_refused_and_the_first_twenty_stay() {
        let body: String = (0..21).fold(String::new(), |body, n| {
            format!("{body}children[{n}][given_name]=N{n}&children[{n}][family_name]=K&")
        });
        let all = format!("{body}kind=new_account&given_name=A&family_name=B&email=a@example.org");
        let expected = "children: You can name up to 20 children here. Please send another form for the others";
        assert_eq!(faults(&all), [expected]);
        assert_eq!(read(&all).children.len(), 20);
    }
}
