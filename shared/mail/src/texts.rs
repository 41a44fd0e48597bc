//! The words of the mails: `i18n/<tag>/mail.ftl` (Fluent), one folder a language, part of the program.
//!
//! `fl!` refuses to compile an id or a variable that English lacks; a test compares the other languages with English.

use std::sync::OnceLock;

use i18n_embed::{LanguageLoader as _, fluent::FluentLanguageLoader};
use i18n_embed_fl::fl;
use kinlink_domain::locale::Locale;
use rust_embed::RustEmbed;

use crate::{Common, Letter, Rendered};

#[derive(RustEmbed)]
#[folder = "i18n"]
struct Files;

/// The texts of a language, with English behind them. Read when they are first needed.
fn texts(locale: Locale) -> &'static FluentLanguageLoader {
    static LOADED: [OnceLock<FluentLanguageLoader>; Locale::ALL.len()] = [const { OnceLock::new() }; Locale::ALL.len()];
    LOADED[locale as usize].get_or_init(|| {
        let tag = |locale: Locale| locale.tag().parse().expect("the tag of a language");
        let loader = FluentLanguageLoader::new("mail", tag(Locale::default()));
        loader.load_languages(&Files, &[tag(locale)]).expect("texts that are part of the program");
        // Marks around each value would end up in links and subjects. Holds only for what is loaded: hence last.
        loader.set_use_isolating(false);
        loader
    })
}

/// Writes a mail from values that are safe to show.
pub(crate) fn write(letter: &Letter, common: &Common) -> Rendered {
    let texts = texts(common.locale);
    let Common { school, contact, public_url, .. } = common;
    let (school, contact, public_url) = (school.as_str(), contact.as_str(), public_url.as_str());
    let moodle = common.moodle_url.as_deref().map_or_else(|| "Moodle".to_owned(), |url| format!("Moodle ({url})"));
    let (subject, text) = match letter {
        Letter::ConfirmAddress { reference, url, hours } => (
            fl!(texts, "confirm-address-subject", reference = reference.as_str()),
            fl!(texts, "confirm-address-body", school = school, url = url.as_str(), hours = hours.to_owned()),
        ),
        Letter::Received { reference, status_url } => (
            fl!(texts, "received-subject", reference = reference.as_str()),
            fl!(
                texts,
                "received-body",
                reference = reference.as_str(),
                status_url = status_url.as_str(),
                contact = contact
            ),
        ),
        Letter::Question { reference, question, status_url } => (
            fl!(texts, "question-subject", reference = reference.as_str()),
            fl!(
                texts,
                "question-body",
                reference = reference.as_str(),
                school = school,
                question = indented(question),
                status_url = status_url.as_str(),
                contact = contact
            ),
        ),
        Letter::Approved { reference, username, children, status_url } => (
            fl!(texts, "approved-subject", reference = reference.as_str()),
            fl!(
                texts,
                "approved-body",
                reference = reference.as_str(),
                moodle = moodle,
                children = children.to_owned(),
                username = username.as_str(),
                status_url = status_url.as_str(),
                contact = contact
            ),
        ),
        Letter::CouldNotConfirm { reference } => (
            fl!(texts, "could-not-confirm-subject", reference = reference.as_str()),
            fl!(
                texts,
                "could-not-confirm-body",
                reference = reference.as_str(),
                contact = contact,
                public_url = public_url
            ),
        ),
        Letter::ChildAdded { reference, status_url } => (
            fl!(texts, "child-added-subject", reference = reference.as_str()),
            fl!(
                texts,
                "child-added-body",
                reference = reference.as_str(),
                moodle = moodle,
                status_url = status_url.as_str(),
                contact = contact
            ),
        ),
        Letter::AccessEnded => (
            fl!(texts, "access-ended-subject", school = school),
            fl!(texts, "access-ended-body", moodle = moodle, contact = contact),
        ),
        Letter::NewAddress { url, hours } => (
            fl!(texts, "new-address-subject", school = school),
            fl!(texts, "new-address-body", school = school, url = url.as_str(), hours = hours.to_owned()),
        ),
        Letter::AddressChanging => (
            fl!(texts, "address-changing-subject", school = school),
            fl!(texts, "address-changing-body", moodle = moodle, contact = contact),
        ),
    };
    let greeting = match letter {
        // Nobody has proven yet that the name and the address belong together.
        Letter::ConfirmAddress { .. } | Letter::NewAddress { .. } => fl!(texts, "greeting-without-name"),
        _ if is_plain_name(&common.adult_name) => fl!(texts, "greeting", name = common.adult_name.as_str()),
        _ => fl!(texts, "greeting-without-name"),
    };
    Rendered { subject, body: format!("{greeting}\n\n{text}\n\n{school}\n") }
}

/// Whether a name can stand in a greeting: what looks like a link would be an advertisement that we send for a stranger.
fn is_plain_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(['/', '@', '<', '>']) && !name.to_lowercase().contains("www.")
}

/// Somebody else's words, set off from ours. Not by `>`: mail programs fold that away as a quotation of an older mail.
fn indented(text: &str) -> String {
    text.lines()
        .map(|line| if line.is_empty() { String::new() } else { format!("    {line}") })
        .collect::<Vec<_>>()
        .join("\n")
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use i18n_embed::LanguageLoader as _;
    use kinlink_domain::locale::Locale;

    use super::{Files, texts};

    /// Each id of a language's file with the variables that its text uses.
    fn ids(locale: Locale) -> BTreeMap<String, BTreeSet<String>> {
        let file = Files::get(&format!("{}/mail.ftl", locale.tag())).unwrap();
        let text = String::from_utf8(file.data.into_owned()).unwrap();
        let mut ids: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut id = String::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            if let Some((name, _)) =
                line.split_once(" =").filter(|_| line.starts_with(|c: char| c.is_alphabetic() || c == '-'))
            {
                id = name.to_owned();
                assert!(ids.insert(id.clone(), BTreeSet::new()).is_none(), "{id} stands twice");
            }
            let variables = line
                .split('$')
                .skip(1)
                .map(|rest| rest.split(|c: char| !(c.is_alphanumeric() || c == '_')).next().unwrap().to_owned());
            if let Some(used) = ids.get_mut(&id) {
                used.extend(variables);
            }
        }
        ids
    }

    #[test]
    fn every_language_has_the_ids_of_english_with_the_same_variables_and_no_others() {
        let english = ids(Locale::En);
        assert!(english.len() > 15, "{english:?}");
        for locale in Locale::ALL {
            assert_eq!(ids(*locale), english, "{}", locale.tag());
        }
    }

    #[test]
    fn every_file_is_read_whole() {
        // What the parser does not understand it leaves out, and English would stand there instead.
        for locale in Locale::ALL {
            let tag = locale.tag().parse().unwrap();
            let parsed: BTreeSet<String> =
                texts(*locale).with_message_iter(&tag, |messages| messages.map(|m| m.id.name.to_owned()).collect());
            let expected: BTreeSet<String> = ids(*locale).into_keys().filter(|id| !id.starts_with('-')).collect();
            assert_eq!(parsed, expected, "{}", locale.tag());
            assert_eq!(texts(*locale).current_language(), tag);
        }
    }
}
