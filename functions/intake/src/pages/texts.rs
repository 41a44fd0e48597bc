//! The words of the pages: `i18n/<tag>/form.ftl` (Fluent), one folder a language, part of the program.
//!
//! `fl!` refuses to compile an id or a variable that English lacks; a test compares the other languages with English.

use std::sync::OnceLock;

use i18n_embed::{LanguageLoader as _, fluent::FluentLanguageLoader};
use i18n_embed_fl::fl;
use jiff::{Timestamp, tz::TimeZone};
use kinlink_domain::locale::Locale;
use kinlink_web::number::grouped;
use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "i18n"]
struct Files;

/// The texts of one language.
pub(crate) type Texts = &'static FluentLanguageLoader;

/// The texts of a language, with English behind them. Read when they are first needed.
pub(crate) fn texts(locale: Locale) -> Texts {
    static LOADED: [OnceLock<FluentLanguageLoader>; Locale::ALL.len()] = [const { OnceLock::new() }; Locale::ALL.len()];
    LOADED[locale as usize].get_or_init(|| {
        let tag = |locale: Locale| locale.tag().parse().expect("the tag of a language");
        let loader = FluentLanguageLoader::new("form", tag(Locale::default()));
        loader.load_languages(&Files, &[tag(locale)]).expect("texts that are part of the program");
        // Pages set names apart by `<bdi>`; marks would end up in what people copy. Holds only for what is loaded.
        loader.set_use_isolating(false);
        loader
    })
}

/// A whole number as people write it.
pub(crate) fn number(locale: Locale, number: usize) -> String {
    match locale {
        Locale::En | Locale::Cy => grouped(number),
        // Neither sets four digits apart.
        Locale::Pl | Locale::Ar => number.to_string(),
    }
}

/// A day as people write it, in the school's zone.
pub(crate) fn date(texts: Texts, at: Timestamp, zone: &TimeZone) -> String {
    let day = at.to_zoned(zone.clone()).date();
    let month = match day.month() {
        1 => fl!(texts, "month-1"),
        2 => fl!(texts, "month-2"),
        3 => fl!(texts, "month-3"),
        4 => fl!(texts, "month-4"),
        5 => fl!(texts, "month-5"),
        6 => fl!(texts, "month-6"),
        7 => fl!(texts, "month-7"),
        8 => fl!(texts, "month-8"),
        9 => fl!(texts, "month-9"),
        10 => fl!(texts, "month-10"),
        11 => fl!(texts, "month-11"),
        _ => fl!(texts, "month-12"),
    };
    // As text: a year must not be grouped.
    fl!(texts, "date", day = day.day().to_string(), month = month, year = day.year().to_string())
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use i18n_embed::LanguageLoader as _;
    use jiff::tz::TimeZone;
    use kinlink_domain::locale::Locale;

    use super::{Files, date, texts};

    /// Each id of a language's file with the variables that its text uses.
    fn ids(locale: Locale) -> BTreeMap<String, BTreeSet<String>> {
        let file = Files::get(&format!("{}/form.ftl", locale.tag())).unwrap();
        let text = String::from_utf8(file.data.into_owned()).unwrap();
        let mut ids: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut id = String::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let begins = line.starts_with(|c: char| c.is_ascii_alphabetic());
            if let Some((name, _)) = line.split_once(" =").filter(|_| begins) {
                name.clone_into(&mut id);
                assert!(ids.insert(id.clone(), BTreeSet::new()).is_none(), "{id} stands twice");
            }
            let name = |rest: &str| rest.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap().to_owned();
            if let Some(used) = ids.get_mut(&id) {
                used.extend(line.split('$').skip(1).map(name));
            }
        }
        ids
    }

    #[test]
    fn every_language_has_the_ids_of_english_with_the_same_variables_and_no_others() {
        let english = ids(Locale::En);
        assert!(english.len() > 150, "{}", english.len());
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
            assert_eq!(parsed, ids(*locale).into_keys().collect(), "{}", locale.tag());
            assert_eq!(texts(*locale).current_language(), tag);
        }
    }

    #[test]
    fn days_are_those_of_the_school_s_zone_on_both_sides_of_summer_time() {
        let zone = TimeZone::get("Europe/London").unwrap();
        for (at, locale, expected) in [
            ("2026-03-28T23:30:00Z", Locale::En, "28 March 2026"),
            ("2026-03-29T23:30:00Z", Locale::En, "30 March 2026"),
            ("2026-10-24T23:30:00Z", Locale::Cy, "25 Hydref 2026"),
            ("2026-10-25T23:30:00Z", Locale::Pl, "25 października 2026"),
            ("2026-12-31T12:00:00Z", Locale::Ar, "31 ديسمبر 2026"),
        ] {
            assert_eq!(date(texts(locale), at.parse().unwrap(), &zone), expected, "{at}");
        }
    }
}
