//! What may stand in a text field: the checks that every typed value passes before anything else looks at it.

use unicode_normalization::UnicodeNormalization as _;

/// Why a text is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TextFault {
    /// Nothing but white space.
    #[error("is empty")]
    Empty,
    /// More characters than the field holds.
    #[error("is longer than {0} characters")]
    TooLong(usize),
    /// A control character or a bidirectional override.
    #[error("contains a character that cannot be shown")]
    Unprintable,
}

/// A single line: normalised to NFC, trimmed, runs of white space made one space, 1 to `max` characters.
///
/// # Errors
/// [`TextFault`], in the order unprintable, empty, too long.
pub fn line(text: &str, max: usize) -> Result<String, TextFault> {
    if text.chars().any(|c| is_unprintable(c) || matches!(c, '\n' | '\r')) {
        return Err(TextFault::Unprintable);
    }
    let text = collapse(text);
    if text.is_empty() {
        return Err(TextFault::Empty);
    }
    if text.chars().count() > max {
        return Err(TextFault::TooLong(max));
    }
    Ok(text)
}

/// A text of several lines: normalised to NFC, line ends made `\n`, trimmed, at most `max` characters. May be empty.
///
/// # Errors
/// [`TextFault::Unprintable`] and [`TextFault::TooLong`].
pub fn paragraph(text: &str, max: usize) -> Result<String, TextFault> {
    let text: String = text.replace("\r\n", "\n").nfc().collect();
    if text.chars().any(|c| is_unprintable(c) && c != '\n') {
        return Err(TextFault::Unprintable);
    }
    let text = text.trim();
    if text.chars().count() > max {
        return Err(TextFault::TooLong(max));
    }
    Ok(text.to_owned())
}

/// The part of a refused text that can be kept for a person to look at: what cannot be shown is left out, the rest is cut to `max` characters.
#[must_use]
pub fn salvage(text: &str, max: usize) -> String {
    let shown: String =
        text.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).filter(|c| !is_unprintable(*c)).collect();
    let cut: String = collapse(&shown).chars().take(max).collect();
    // Cut at a space, it would end with one.
    cut.trim_end().to_owned()
}

/// The text without what cannot be shown, to hand it back to whoever typed it.
#[must_use]
pub fn printable(text: &str) -> String {
    text.chars().filter(|c| !is_unprintable(*c)).collect()
}

fn collapse(text: &str) -> String {
    let composed: String = text.nfc().collect();
    composed.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Control characters other than tab and line feed, bidirectional overrides and isolates, and the byte order mark.
///
/// Joiners (U+200C, U+200D) and the left-to-right and right-to-left marks stay: names in Persian and Arabic need them.
fn is_unprintable(c: char) -> bool {
    (c.is_control() && c != '\t' && c != '\n')
        || matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}' | '\u{FFFE}' | '\u{FFFF}')
}

#[cfg(test)]
mod tests {
    use super::{TextFault, line, paragraph, printable, salvage};
    use proptest::prelude::*;

    #[test]
    fn lines() {
        for (typed, kept) in [
            ("  Zoë  ", Ok("Zoë")),
            ("Zoe\u{308}", Ok("Zoë")),
            ("Garcia \t Lopez", Ok("Garcia Lopez")),
            ("O'Brien\\Shah", Ok("O'Brien\\Shah")),
            ("محمد", Ok("محمد")),
            (" ", Err(TextFault::Empty)),
            ("", Err(TextFault::Empty)),
            ("a\u{0}b", Err(TextFault::Unprintable)),
            ("a\nb", Err(TextFault::Unprintable)),
            ("a\u{202E}b", Err(TextFault::Unprintable)),
            ("abcdefghijk", Err(TextFault::TooLong(10))),
        ] {
            assert_eq!(
                line(typed, if typed.len() == 11 && typed.is_ascii() { 10 } else { 100 }).as_deref(),
                kept.as_deref(),
                "{typed:?}"
            );
        }
    }

    #[test]
    fn paragraphs_keep_their_lines() {
        assert_eq!(paragraph(" a\r\nb \n", 10).as_deref(), Ok("a\nb"));
        assert_eq!(paragraph("", 10).as_deref(), Ok(""));
        assert_eq!(paragraph("a\u{7}", 10), Err(TextFault::Unprintable));
        assert_eq!(paragraph("aaaa", 3), Err(TextFault::TooLong(3)));
    }

    #[test]
    fn what_cannot_be_shown_is_left_out_and_the_rest_stays_as_it_was_typed() {
        assert_eq!(printable("  a\u{0}\u{202E}b\r\n\tc\u{200D} "), "  ab\n\tc\u{200D} ");
    }

    proptest! {
        #[test]
        fn what_is_salvaged_would_be_accepted_or_is_empty(text in any::<String>()) {
            let kept = salvage(&text, 50);
            prop_assert!(kept.is_empty() || line(&kept, 50).is_ok(), "{kept:?}");
        }

        #[test]
        fn a_line_that_was_accepted_is_accepted_unchanged_again(text in any::<String>()) {
            if let Ok(once) = line(&text, 200) {
                prop_assert_eq!(line(&once, 200), Ok(once));
            }
        }
    }
}
