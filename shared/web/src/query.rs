//! Reading query parameters and paths: every parameter that is wrong or unknown is named.

use std::str::FromStr;

use axum::{
    extract::{FromRequestParts, Path as AxumPath},
    http::{StatusCode, request::Parts},
};
use serde::de::DeserializeOwned;
use url::form_urlencoded;

use crate::{FieldFault, Problem};

/// The parameters of a query. Take what the route knows, then [`Parameters::finish`].
#[derive(Debug, Default)]
pub struct Parameters {
    left: Vec<(String, String)>,
    faults: Vec<FieldFault>,
}

impl Parameters {
    /// The parameters of a query such as `q=smith&limit=5`.
    #[must_use]
    pub fn parse(query: &str) -> Self {
        let left = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        Self { left, faults: Vec::new() }
    }

    /// Every value of a parameter that may be repeated or hold a list separated by commas; blank entries are left out.
    pub fn list<T: FromStr>(&mut self, name: &str, expected: &str) -> Vec<T> {
        let values = self.take(name);
        values
            .iter()
            .flat_map(|value| value.split(','))
            .map(str::trim)
            .filter(|value| !value.is_empty())
            .filter_map(|value| self.read(name, value, expected))
            .collect()
    }

    /// The value of a parameter; `None` when it is missing or blank. A value that cannot be read, or two values, are faults.
    pub fn one<T: FromStr>(&mut self, name: &str, expected: &str) -> Option<T> {
        let value = self.text(name)?;
        self.read(name, &value, expected)
    }

    /// The value of a parameter as text, trimmed; `None` when it is missing or blank.
    pub fn text(&mut self, name: &str) -> Option<String> {
        let values = self.take(name);
        if values.len() > 1 {
            self.faults.push(FieldFault::parameter(name, "duplicate", "name this parameter once"));
        }
        let value = values.first()?.trim().to_owned();
        if value.chars().any(char::is_control) {
            self.faults.push(FieldFault::parameter(name, "unprintable", "remove control characters"));
            return None;
        }
        Some(value).filter(|value| !value.is_empty())
    }

    /// Whether a parameter was sent and not taken yet, be it blank: whether a search was sent at all.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.left.iter().any(|(other, _)| other == name)
    }

    /// How many items a page may have: 1 to `most`.
    pub fn limit(&mut self, default: u32, most: u32) -> u32 {
        let expected = format!("expected a whole number from 1 to {most}");
        let limit = self.one("limit", &expected).unwrap_or(default);
        if limit == 0 || limit > most {
            self.faults.push(FieldFault::parameter("limit", "invalid", expected));
        }
        limit
    }

    /// Notes that a parameter is wrong.
    pub fn refuse(&mut self, name: &str, detail: impl Into<String>) {
        self.faults.push(FieldFault::parameter(name, "invalid", detail.into()));
    }

    /// Ends reading.
    ///
    /// # Errors
    /// 422 `invalid_parameters` with each parameter that is wrong, or that nobody took.
    pub fn finish(mut self) -> Result<(), Problem> {
        for (name, _) in self.left {
            let fault = FieldFault::parameter(name, "unknown_parameter", "there is no such parameter here");
            if !self.faults.contains(&fault) {
                self.faults.push(fault);
            }
        }
        if self.faults.is_empty() {
            return Ok(());
        }
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        let detail = "`errors` says which parameters are wrong and what to do";
        Err(Problem::new(status, "invalid_parameters", "Parameters are wrong", detail).with_errors(self.faults))
    }

    fn take(&mut self, name: &str) -> Vec<String> {
        self.left.extract_if(.., |(other, _)| other == name).map(|(_, value)| value).collect()
    }

    fn read<T: FromStr>(&mut self, name: &str, value: &str, expected: &str) -> Option<T> {
        let read = value.parse().ok();
        if read.is_none() {
            self.faults.push(FieldFault::parameter(name, "invalid", expected.to_owned()));
        }
        read
    }
}

impl<S: Sync> FromRequestParts<S> for Parameters {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Ok(Self::parse(parts.uri.query().unwrap_or_default()))
    }
}

/// The variable parts of a path. What cannot be one names nothing: 404.
#[derive(Debug, Clone, Copy)]
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match AxumPath::from_request_parts(parts, state).await {
            Ok(AxumPath(path)) => Ok(Self(path)),
            Err(_) => Err(Problem::not_found("there is nothing at this address")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Parameters;

    #[test]
    fn lists_can_be_repeated_and_separated() {
        let mut query = Parameters::parse("n=1&n=2,%203&q=+smith&limit=7&");
        assert_eq!(query.list::<u8>("n", "expected a number"), [1, 2, 3]);
        assert_eq!(query.text("q").as_deref(), Some("smith"));
        assert_eq!((query.limit(25, 100), query.one::<u8>("none", "")), (7, None));
        query.finish().unwrap();
    }

    #[test]
    fn every_wrong_parameter_is_named_at_once() {
        let mut query = Parameters::parse("n=x,1&a=1&a=2&q=%00&limit=101&other=1&other=2&%ff=1");
        query.list::<u8>("n", "expected a number");
        query.one::<u8>("a", "expected a number");
        query.text("q");
        query.limit(25, 100);
        let problem = query.finish().unwrap_err();
        let named: Vec<_> =
            problem.errors.iter().map(|e| format!("{} {}", e.parameter.as_deref().unwrap(), e.code)).collect();
        assert_eq!(
            named,
            [
                "n invalid",
                "a duplicate",
                "q unprintable",
                "limit invalid",
                "other unknown_parameter",
                "\u{fffd} unknown_parameter"
            ]
        );
    }
}
