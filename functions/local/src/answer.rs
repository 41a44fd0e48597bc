//! What a command answers: a text for people, the same as JSON, and an exit code. Also the little that all texts share.

use std::{fmt::Write as _, io::Write as _, process::ExitCode};

use kinlink_domain::Timestamp;
use serde::Serialize;

/// How a command ended, as the shell sees it. `kinlink --help` explains them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done.
    Done = 0,
    /// It failed.
    Failed = 1,
    /// Wrong arguments or settings; doctor found errors.
    Usage = 2,
    /// Explain found a broken link in the chain.
    Broken = 3,
    /// Another cycle is running.
    Busy = 4,
    /// It cannot be done as things stand.
    Refused = 5,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// What a command answers.
#[derive(Debug)]
pub(crate) struct Answer {
    json: String,
    text: String,
    exit: Exit,
}

impl Answer {
    /// An answer of a command that did what it was asked.
    pub(crate) fn new(json: impl Serialize, text: impl Into<String>) -> Self {
        // Nothing here has keys that are not texts, which is all that could fail.
        Self { json: serde_json::to_string(&json).unwrap_or_default(), text: text.into(), exit: Exit::Done }
    }

    /// Nothing is left to print; everything was printed on the way.
    pub(crate) fn silent() -> Self {
        Self { json: String::new(), text: String::new(), exit: Exit::Done }
    }

    /// The same answer with another exit code.
    pub(crate) fn exit(self, exit: Exit) -> Self {
        Self { exit, ..self }
    }

    /// Prints the answer; gives the exit code.
    pub(crate) fn print(self, json: bool) -> ExitCode {
        if json && !self.json.is_empty() {
            say(&self.json);
        } else if !json && !self.text.is_empty() {
            say(self.text.trim_end());
        }
        self.exit.into()
    }
}

/// Prints a text and ends the line. What strangers typed cannot steer the terminal; a reader that went away is no error.
pub(crate) fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{}", plain(text)).and_then(|()| out.flush());
}

/// The text without control characters but line ends.
pub(crate) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect()
}

/// Rows under headings, in columns. Says so when there are none.
pub(crate) fn table<const N: usize>(headings: [&str; N], rows: &[[String; N]]) -> String {
    if rows.is_empty() {
        return "None.\n".into();
    }
    let mut widths = headings.map(|heading| heading.chars().count());
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    let mut line = |cells: [&str; N]| {
        let mut line = String::new();
        for (cell, width) in cells.iter().zip(widths) {
            // Writing to a String cannot fail.
            let _ = write!(line, "{cell:width$}  ");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    };
    line(headings);
    for row in rows {
        line(row.each_ref().map(String::as_str));
    }
    text
}

/// The beginning of a text, for a column.
pub(crate) fn short(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

/// An instant for people: UTC to the second.
pub(crate) fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// An instant that may be missing.
pub(crate) fn time_or_dash(at: Option<Timestamp>) -> String {
    at.map_or_else(|| "-".into(), time)
}

/// Adds to a text, in the words of `format!`.
macro_rules! put {
    ($text:expr, $($arguments:tt)*) => {{
        use std::fmt::Write as _;
        // Writing to a String cannot fail.
        let _ = write!($text, $($arguments)*);
    }};
}
pub(crate) use put;

/// A number with its noun.
pub(crate) fn count(number: impl TryInto<u64>, one: &str, many: &str) -> String {
    let number = number.try_into().unwrap_or(u64::MAX);
    format!("{number} {}", if number == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::{plain, short, table};

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [["a".to_owned(), "long cell".to_owned()], ["bcd".to_owned(), "x".to_owned()]];
        assert_eq!(table(["H", "I"], &rows), "H    I\na    long cell\nbcd  x\n");
        assert_eq!(table(["H"], &[]), "None.\n");
    }

    #[test]
    fn texts_cannot_steer_the_terminal() {
        assert_eq!(plain("a\u{1b}[31m\nb\r"), "a\u{fffd}[31m\nb\u{fffd}");
        assert_eq!(short("Wiśniewska", 5), "Wiśn…");
    }
}
