//! References to secrets in AWS Secrets Manager, and what is made of what stands there.
//!
//! `aws-sm:NAME-OR-ARN` is the whole secret, `aws-sm:NAME-OR-ARN#key` one key of a JSON object. For a database URL the object may
//! also be what RDS keeps (`engine`, `host`, `port`, `username`, `password`, `dbname`), and `?…` at the end of the reference
//! is added to the URL: `aws-sm:NAME?sslmode=verify-full&sslrootcert=/opt/rds.pem`.
//!
//! What does not live here: fetching. This crate speaks to nobody.

use std::{collections::BTreeMap, fmt};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::Value;

/// What a reference begins with.
const PREFIX: &str = "aws-sm:";
/// What may stand in a part of a URL as it is.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Secrets that were fetched, by name or ARN, as they stood in the reference.
pub type Secrets = BTreeMap<String, SecretString>;

/// Where in AWS Secrets Manager a value stands. Not secret itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretReference {
    secret: String,
    key: Option<String>,
    parameters: Option<String>,
}

/// What kind of value is referred to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    DatabaseUrl,
}

impl SecretReference {
    /// Reads a reference; `None` if the text is none.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let rest = text.strip_prefix(PREFIX)?;
        let (rest, parameters) = match rest.split_once('?') {
            Some((rest, parameters)) => (rest, Some(parameters.to_owned())),
            None => (rest, None),
        };
        let (secret, key) = match rest.split_once('#') {
            Some((secret, key)) => (secret, Some(key.to_owned())),
            None => (rest, None),
        };
        Some(Self { secret: secret.to_owned(), key, parameters })
    }

    /// The name or ARN of the secret.
    #[must_use]
    pub fn secret(&self) -> &str {
        &self.secret
    }

    /// The URL of a database, from what the secret holds.
    ///
    /// # Errors
    /// What is wrong with it, without repeating it.
    pub fn database_url(&self, content: &SecretString) -> Result<SecretString, String> {
        self.value(content, Kind::DatabaseUrl)
    }

    /// The value, from what the secret holds.
    pub(crate) fn value(&self, content: &SecretString, kind: Kind) -> Result<SecretString, String> {
        let content = content.expose_secret().trim();
        let value = match &self.key {
            Some(key) => self.under_key(content, key)?,
            None if kind == Kind::DatabaseUrl && content.starts_with('{') => self.rds_url(content)?,
            None => content.to_owned(),
        };
        if value.is_empty() {
            return Err(format!("the secret {} that it refers to is empty", self.secret));
        }
        match (&self.parameters, kind) {
            (Some(_), Kind::Text) => {
                Err("only the reference of a database's URL may have parameters after ?".to_owned())
            }
            (Some(parameters), Kind::DatabaseUrl) => {
                let sign = if value.contains('?') { '&' } else { '?' };
                Ok(format!("{value}{sign}{parameters}").into())
            }
            (None, _) => Ok(value.into()),
        }
    }

    fn under_key(&self, content: &str, key: &str) -> Result<String, String> {
        let object: BTreeMap<String, Value> = serde_json::from_str(content)
            .map_err(|_| format!("the secret {} that it refers to is not a JSON object", self.secret))?;
        match object.get(key) {
            Some(Value::String(text)) => Ok(text.trim().to_owned()),
            Some(Value::Number(number)) => Ok(number.to_string()),
            Some(_) => Err(format!("the key {key} of the secret {} is not a text", self.secret)),
            None => Err(format!("the secret {} that it refers to has no key {key}", self.secret)),
        }
    }

    fn rds_url(&self, content: &str) -> Result<String, String> {
        let wrong = || {
            format!(
                "the secret {} that it refers to is a JSON object, but not one with engine, host, username, password and \
                 dbname as RDS keeps it; name the key with the URL, as in {PREFIX}{}#url",
                self.secret, self.secret
            )
        };
        let rds: RdsSecret = serde_json::from_str(content).map_err(|_| wrong())?;
        let scheme = match rds.engine.to_lowercase().as_str() {
            "postgres" | "postgresql" | "aurora-postgresql" => "postgres",
            "mysql" | "mariadb" | "aurora-mysql" | "aurora" => "mysql",
            _ => return Err(wrong()),
        };
        let encoded = |text: &str| utf8_percent_encode(text, PLAIN).to_string();
        // An address of IPv6 stands in brackets, and needs them.
        let host =
            if rds.host.contains(':') && !rds.host.starts_with('[') { format!("[{}]", rds.host) } else { rds.host };
        let port = match rds.port {
            None | Some(Value::Null) => String::new(),
            Some(Value::Number(number)) => format!(":{number}"),
            Some(Value::String(text)) if text.parse::<u16>().is_ok() => format!(":{text}"),
            Some(_) => return Err(wrong()),
        };
        // Tokens take the place of the password.
        let password = rds.password.map_or_else(String::new, |password| format!(":{}", encoded(&password)));
        Ok(format!("{scheme}://{}{password}@{host}{port}/{}", encoded(&rds.username), encoded(&rds.dbname)))
    }
}

impl fmt::Display for SecretReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", self.secret)?;
        self.key.as_ref().map_or(Ok(()), |key| write!(f, "#{key}"))?;
        self.parameters.as_ref().map_or(Ok(()), |parameters| write!(f, "?{parameters}"))
    }
}

#[derive(Deserialize)]
struct RdsSecret {
    engine: String,
    host: String,
    port: Option<Value>,
    username: String,
    password: Option<String>,
    #[serde(alias = "dbName", alias = "database")]
    dbname: String,
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::SecretReference;

    fn url(reference: &str, content: &str) -> Result<String, String> {
        let reference = SecretReference::read(reference).unwrap();
        reference.database_url(&content.into()).map(|url| url.expose_secret().to_owned())
    }

    #[test]
    fn references_are_read_and_written_alike() {
        let arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:kinlink/store-AbCdEf";
        for (text, secret) in [
            ("aws-sm:kinlink/store".to_owned(), "kinlink/store"),
            (format!("aws-sm:{arn}"), arn),
            (format!("aws-sm:{arn}#url?sslmode=verify-full&sslrootcert=/opt/rds.pem"), arn),
            ("aws-sm:kinlink#key".to_owned(), "kinlink"),
        ] {
            let reference = SecretReference::read(&text).unwrap();
            assert_eq!((reference.secret(), reference.to_string()), (secret, text));
        }
        assert_eq!(SecretReference::read("postgres://x/y"), None);
    }

    #[test]
    fn the_url_of_a_database_is_put_together_from_what_rds_keeps() {
        let rds = r#"{"engine":"ENGINE","host":"db.example.org","port":5432,"username":"kin@link","password":"a/b?c#d%e:ü","dbname":"kinlink","x":1}"#;
        let credentials = "kin%40link:a%2Fb%3Fc%23d%25e%3A%C3%BC@db.example.org:5432/kinlink";
        for (engine, scheme) in [
            ("postgres", "postgres"),
            ("aurora-postgresql", "postgres"),
            ("mysql", "mysql"),
            ("mariadb", "mysql"),
            ("aurora-mysql", "mysql"),
        ] {
            let content = rds.replace("ENGINE", engine);
            assert_eq!(url("aws-sm:s", &content).unwrap(), format!("{scheme}://{credentials}"));
            assert_eq!(
                url("aws-sm:s?sslmode=verify-full", &content).unwrap(),
                format!("{scheme}://{credentials}?sslmode=verify-full")
            );
        }
        let token = r#"{"engine":"postgres","host":"::1","username":"kinlink","dbname":"kinlink"}"#;
        assert_eq!(url("aws-sm:s", token).unwrap(), "postgres://kinlink@[::1]/kinlink");
        assert_eq!(url("aws-sm:s?b=2", " mysql://u:p@h/d?a=1\n").unwrap(), "mysql://u:p@h/d?a=1&b=2");
        assert_eq!(url("aws-sm:s#url", r#"{"url":"mysql://u:p@h/d"}"#).unwrap(), "mysql://u:p@h/d");
    }

    #[test]
    fn what_is_wrong_with_a_secret_is_said_without_it() {
        for (reference, content, expected) in [
            ("aws-sm:name", "{\"password\":\"s3cret\"}", "not one with engine, host"),
            ("aws-sm:name", "{\"password\":\"s3cret", "not one with engine, host"),
            (
                "aws-sm:name",
                r#"{"engine":"oracle","host":"h","username":"u","password":"s3cret","dbname":"d"}"#,
                "not one with engine, host",
            ),
            ("aws-sm:name#url", "s3cret", "is not a JSON object"),
            ("aws-sm:name#url", r#"{"other":"s3cret"}"#, "has no key url"),
            ("aws-sm:name#url", r#"{"url":{"x":"s3cret"}}"#, "is not a text"),
            ("aws-sm:name", " ", "is empty"),
        ] {
            let error = url(reference, content).unwrap_err();
            assert!(error.contains(expected) && error.contains("name") && !error.contains("s3cret"), "{error}");
        }
    }
}
