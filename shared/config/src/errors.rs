//! What can be wrong with the settings. An error names the variable or the key and what was expected; it never repeats
//! the value, which may be a secret in the wrong place.

use std::{fmt, io};

/// One thing that is wrong.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A value of the wrong form.
    #[error("{place}: expected {expected}")]
    Value {
        /// The variable, or the key and its file.
        place: String,
        /// What the value should look like.
        expected: String,
    },
    /// A variable that names no setting: perhaps mistyped, and then the setting would silently keep its default.
    #[error("{name}: there is no such setting{}", hint(suggestion.as_deref()))]
    UnknownVariable {
        /// The variable.
        name: String,
        /// A setting's variable that looks like it.
        suggestion: Option<String>,
    },
    /// A key that names no setting.
    #[error("{name} in {file}: there is no such setting{}", hint(suggestion.as_deref()))]
    UnknownKey {
        /// The key.
        name: String,
        /// The file.
        file: String,
        /// A setting's key that looks like it.
        suggestion: Option<String>,
    },
    /// A secret that stands elsewhere, and is not there.
    #[error("{place}: {problem}")]
    Reference {
        /// The variable, or the key and its file.
        place: String,
        /// What is wrong with the reference.
        problem: String,
    },
    /// The settings file cannot be read.
    #[error("{file}: the settings file cannot be read ({reason})")]
    Unreadable {
        /// The file.
        file: String,
        /// Why.
        reason: io::ErrorKind,
    },
    /// The settings file is not TOML.
    #[error("{file}, line {line}: not valid TOML; a setting looks like school = \"St Brigid's School\"")]
    Syntax {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
    },
    /// Settings that do not go together.
    #[error("{needing} needs {missing} as well")]
    Incomplete {
        /// The setting that is there, as a variable.
        needing: &'static str,
        /// The setting that lacks, as a variable.
        missing: &'static str,
    },
}

fn hint(suggestion: Option<&str>) -> String {
    match suggestion {
        Some(name) => format!("; did you mean {name}?"),
        None => "; `kinlink config` lists them".to_owned(),
    }
}

/// Everything that is wrong, one a line.
#[derive(Debug)]
pub struct ConfigErrors(pub Vec<ConfigError>);

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the settings are wrong:")?;
        for error in &self.0 {
            write!(f, "\n  {error}")?;
        }
        Ok(())
    }
}
impl std::error::Error for ConfigErrors {}
