//! The languages that mails and public pages are written in.
//!
//! The texts themselves live beside the code that shows them, as `i18n/<tag>/….ftl`.

use crate::request::coded;

coded! {
    /// A language that our texts exist in. The code is what a request keeps; [`Locale::tag`] is what browsers, mail
    /// programs and folders of texts say.
    #[derive(Default)]
    Locale {
        /// English, as written in Britain.
        #[default]
        En = "en",
        /// Welsh.
        Cy = "cy",
        /// Polish.
        Pl = "pl",
        /// Arabic.
        Ar = "ar",
    }
}

/// Which way a language is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From left to right.
    LeftToRight,
    /// From right to left.
    RightToLeft,
}

impl Direction {
    /// The value of HTML's `dir` attribute.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::LeftToRight => "ltr",
            Self::RightToLeft => "rtl",
        }
    }
}

impl Locale {
    /// The language of a tag such as `cy`, `cy-GB` or `pl_PL`; English for every other.
    #[must_use]
    pub fn from_tag(tag: &str) -> Self {
        let language = tag.split(['-', '_']).next().unwrap_or_default().trim().to_ascii_lowercase();
        Self::from_code(&language).unwrap_or_default()
    }

    /// The BCP 47 tag: HTML's `lang`, a mail's `Content-Language`, and the folder of the texts.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::En => "en-GB",
            Self::Cy => "cy",
            Self::Pl => "pl",
            Self::Ar => "ar",
        }
    }

    /// What its speakers call it.
    #[must_use]
    pub const fn own_name(self) -> &'static str {
        match self {
            Self::En => "English",
            Self::Cy => "Cymraeg",
            Self::Pl => "Polski",
            Self::Ar => "العربية",
        }
    }

    /// Which way it is written.
    #[must_use]
    pub const fn direction(self) -> Direction {
        match self {
            Self::Ar => Direction::RightToLeft,
            Self::En | Self::Cy | Self::Pl => Direction::LeftToRight,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Direction, Locale};

    #[test]
    fn a_tag_gives_its_language_and_an_unknown_one_gives_english() {
        for (tag, locale) in [
            ("en", Locale::En),
            ("en-GB", Locale::En),
            ("cy-GB", Locale::Cy),
            (" PL_pl ", Locale::Pl),
            ("ar-EG", Locale::Ar),
            ("tlh", Locale::En),
            ("", Locale::En),
            ("-", Locale::En),
        ] {
            assert_eq!(Locale::from_tag(tag), locale, "{tag:?}");
        }
        for locale in Locale::ALL {
            assert_eq!(Locale::from_tag(locale.code()), *locale);
            assert_eq!(Locale::from_tag(locale.tag()), *locale);
        }
    }

    #[test]
    fn only_arabic_is_written_from_right_to_left() {
        let right_to_left: Vec<_> = Locale::ALL.iter().filter(|l| l.direction() == Direction::RightToLeft).collect();
        assert_eq!(right_to_left, [&Locale::Ar]);
        assert_eq!(Locale::Ar.direction().code(), "rtl");
    }
}
