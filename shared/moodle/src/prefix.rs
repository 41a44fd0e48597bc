//! The prefix of Moodle's table names (`$CFG->prefix`), checked once so that it can stand in SQL.
//!
//! What does not live here: the tables themselves (`schema`) and the statements that use them.

use std::{fmt, str::FromStr};

/// What Moodle puts before every table name, usually `mdl_`.
///
/// It becomes part of statements, where nothing can be bound; therefore only what cannot be anything but a name is
/// accepted. An empty prefix can only be used on MariaDB and MySQL: on PostgreSQL `user` is a reserved word.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Prefix(String);

/// A table prefix that Moodle would not use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a Moodle table prefix is at most {} of the characters a-z, 0-9 and _, such as mdl_", Prefix::LONGEST)]
pub struct InvalidPrefix;

impl Prefix {
    /// Long enough for every school; names of tables and indexes stay well below PostgreSQL's 63 bytes.
    const LONGEST: usize = 20;

    /// Checks a prefix.
    ///
    /// # Errors
    /// [`InvalidPrefix`] unless it matches `^[a-z0-9_]{0,20}$`.
    pub fn parse(text: &str) -> Result<Self, InvalidPrefix> {
        let is_name = text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'));
        if is_name && text.len() <= Self::LONGEST { Ok(Self(text.to_owned())) } else { Err(InvalidPrefix) }
    }

    /// The full name of a table: `user` becomes `mdl_user`.
    #[must_use]
    pub fn table(&self, name: &str) -> String {
        format!("{}{name}", self.0)
    }

    /// The prefix alone.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// `mdl_`, as Moodle's installer proposes.
impl Default for Prefix {
    fn default() -> Self {
        Self("mdl_".to_owned())
    }
}

impl FromStr for Prefix {
    type Err = InvalidPrefix;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::Prefix;

    #[test]
    fn a_prefix_is_a_plain_name_and_nothing_else() {
        for good in ["mdl_", "", "m2", "abcdefghijklmnopqrst"] {
            assert_eq!(Prefix::parse(good).unwrap().as_str(), good);
        }
        for bad in ["MDL_", "mdl-", "mdl_ ", "mdl_;", "x`", "\"", "é", "mdl_\n", "abcdefghijklmnopqrstu"] {
            assert!(Prefix::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_prefix_stands_before_the_table() {
        assert_eq!(Prefix::default().table("user"), "mdl_user");
        assert_eq!(Prefix::parse("").unwrap().table("user"), "user");
    }

    #[test]
    fn the_error_says_what_is_expected() {
        let said = Prefix::parse("Mdl").unwrap_err().to_string();
        assert!(said.contains("20") && said.contains("mdl_"), "{said}");
    }
}
