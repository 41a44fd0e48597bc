//! Who counts as a pupil: the school's filter, as a setting people can read.
//!
//! `idnumber=* cohort=pupils auth=manual,ldap profile:usertype=pupil role=student cohort!=staff`: every condition must
//! hold. Whatever the filter says, the `moodle` crate always leaves out deleted and suspended users, the guest, site
//! administrators, everybody who teaches or manages anywhere, and everybody who holds the parent role over somebody else.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A parsed filter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PupilFilter(Vec<Condition>);

/// One condition: a field, and the values it may (or may not) have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// What is looked at.
    pub field: Field,
    /// Whether having one of the values excludes.
    pub negated: bool,
    /// The values; `*` alone means any that is not empty.
    pub values: Vec<String>,
}

/// What a condition looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Field {
    /// `user.auth`.
    Auth,
    /// `user.idnumber`.
    IdNumber,
    /// `user.department`.
    Department,
    /// Membership of a cohort, by its `idnumber`.
    Cohort,
    /// A role held anywhere, by its short name.
    Role,
    /// A custom profile field, by its short name.
    Profile(String),
}

/// A text that is not a filter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a condition; write auth=, idnumber=, department=, cohort=, role= or profile:NAME= with a value, several values separated by commas, * for any"
)]
pub struct InvalidFilter(String);

impl PupilFilter {
    /// The conditions, all of which must hold.
    #[must_use]
    pub fn conditions(&self) -> &[Condition] {
        &self.0
    }
}

impl Default for PupilFilter {
    /// A pupil has an admission number.
    fn default() -> Self {
        Self(vec![Condition { field: Field::IdNumber, negated: false, values: vec!["*".into()] }])
    }
}

impl FromStr for PupilFilter {
    type Err = InvalidFilter;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let conditions = text
            .split_whitespace()
            .map(|word| {
                let invalid = || InvalidFilter(word.to_owned());
                let (field, values) = word.split_once('=').ok_or_else(invalid)?;
                let (field, negated) = field.strip_suffix('!').map_or((field, false), |field| (field, true));
                let field = match field {
                    "auth" => Field::Auth,
                    "idnumber" => Field::IdNumber,
                    "department" => Field::Department,
                    "cohort" => Field::Cohort,
                    "role" => Field::Role,
                    other => Field::Profile(
                        other.strip_prefix("profile:").filter(|name| !name.is_empty()).ok_or_else(invalid)?.into(),
                    ),
                };
                let values: Vec<String> = values.split(',').filter(|value| !value.is_empty()).map(Into::into).collect();
                let star = values.iter().any(|value| value == "*");
                let star_allowed =
                    matches!(field, Field::IdNumber | Field::Department | Field::Profile(_)) && values.len() == 1;
                if values.is_empty() || (star && !star_allowed) {
                    return Err(invalid());
                }
                Ok(Condition { field, negated, values })
            })
            .collect::<Result<Vec<_>, _>>()?;
        if conditions.is_empty() {
            return Err(InvalidFilter(String::new()));
        }
        Ok(Self(conditions))
    }
}

impl TryFrom<String> for PupilFilter {
    type Error = InvalidFilter;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}
impl From<PupilFilter> for String {
    fn from(filter: PupilFilter) -> Self {
        filter.to_string()
    }
}

impl fmt::Display for PupilFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, condition) in self.0.iter().enumerate() {
            let space = if i == 0 { "" } else { " " };
            let equals = if condition.negated { "!=" } else { "=" };
            let field = match &condition.field {
                Field::Auth => "auth",
                Field::IdNumber => "idnumber",
                Field::Department => "department",
                Field::Cohort => "cohort",
                Field::Role => "role",
                Field::Profile(name) => &format!("profile:{name}"),
            };
            write!(f, "{space}{field}{equals}{}", condition.values.join(","))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::PupilFilter;

    #[test]
    fn filters_read_back_as_written() {
        for text in
            ["idnumber=*", "auth=manual,ldap cohort=pupils", "profile:usertype=pupil role=student cohort!=staff"]
        {
            assert_eq!(text.parse::<PupilFilter>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_filter_is_refused_and_named() {
        for text in ["", "  ", "auth", "auth=", "auth=*", "colour=red", "profile:=x", "idnumber=*,A1", "cohort=*"] {
            assert!(text.parse::<PupilFilter>().is_err(), "{text:?}");
        }
        let error = "cohort=pupils colour=red".parse::<PupilFilter>().unwrap_err().to_string();
        assert!(error.starts_with("\"colour=red\""), "{error}");
    }
}
