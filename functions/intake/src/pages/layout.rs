//! What is around every public page: language, title, the school and how to reach it.

use i18n_embed_fl::fl;
use kinlink_domain::policy::Policy;
use kinlink_service::mail::School;

use super::{
    texts::{Texts, texts},
    visitor::Visitor,
};

/// What the layout shows. A page's struct has a field `frame: Frame`.
pub(crate) struct Frame {
    /// The page's words.
    pub(crate) t: Texts,
    /// Who looks.
    pub(crate) visitor: Visitor,
    /// The page's heading.
    pub(crate) heading: String,
    /// The document's title: it begins with the heading, or says first that something is wrong.
    pub(crate) title: String,
    /// The school's name.
    pub(crate) school: String,
    /// How to reach the office.
    pub(crate) contact: Contact,
    /// Where the school says how it uses personal data; empty for nowhere.
    pub(crate) privacy_url: String,
    /// How to change the language.
    pub(crate) switch: Switch,
}

/// How to change the language of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Switch {
    /// By a link to this address; empty for the page itself.
    Link(&'static str),
    /// By a button of the page's form, so that nothing typed is lost. The form, its address, and the button's name.
    Button { form: &'static str, action: &'static str, name: &'static str },
}

/// How to reach the office, as a link where it can be one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Contact {
    pub(crate) text: String,
    pub(crate) href: Option<String>,
}

impl Frame {
    pub(crate) fn new(visitor: Visitor, school: &School, policy: Option<&Policy>, heading: String) -> Self {
        let t = texts(visitor.locale);
        Self {
            t,
            visitor,
            title: fl!(t, "page-title", title = heading.as_str(), school = school.name.as_str()),
            heading,
            school: school.name.clone(),
            contact: Contact::of(&school.contact),
            privacy_url: policy.map(|policy| policy.privacy_url.clone()).unwrap_or_default(),
            switch: Switch::Link(""),
        }
    }

    /// The same with a title that says first that something is wrong.
    pub(crate) fn wrong(self) -> Self {
        Self { title: fl!(self.t, "page-title-error", title = self.title.as_str()), ..self }
    }

    /// The same with another way to change the language.
    pub(crate) fn switch(self, switch: Switch) -> Self {
        Self { switch, ..self }
    }
}

impl Contact {
    fn of(text: &str) -> Self {
        let one_word = !text.contains(char::is_whitespace);
        // "+44 (0)1632": the nought is dialled only without what stands before it.
        let number: String = text.replace("(0)", "").chars().filter(|c| c.is_ascii_digit() || *c == '+').collect();
        let telephone = number.len() >= 5 && text.chars().all(|c| c.is_ascii_digit() || " +()-".contains(c));
        let href = if one_word && text.contains('@') && !text.contains([':', '?', '&', '/']) {
            Some(format!("mailto:{text}"))
        } else if text.starts_with("https://") && one_word {
            Some(text.to_owned())
        } else {
            telephone.then(|| format!("tel:{number}"))
        };
        Self { text: text.to_owned(), href }
    }
}

#[cfg(test)]
mod tests {
    use super::Contact;

    #[test]
    fn a_contact_becomes_a_link_only_where_it_is_nothing_else() {
        for (text, href) in [
            ("office@school.example", Some("mailto:office@school.example")),
            ("01632 960 123", Some("tel:01632960123")),
            ("+44 (0)1632 960-123", Some("tel:+441632960123")),
            ("https://school.example/contact", Some("https://school.example/contact")),
            ("the school office", None),
            ("the office, 01632 960 123", None),
            ("javascript:alert(1)@x", None),
            ("a@b?subject=x", None),
            ("7", None),
        ] {
            assert_eq!(Contact::of(text).href.as_deref(), href, "{text}");
        }
    }
}
