//! The types of settings that are more than a text: each exists only if it is valid.

use std::{fmt, str::FromStr};

use kinlink_db::Engine;
use secrecy::{ExposeSecret as _, SecretString};
use url::{Host, Url};

use crate::SecretReference;

/// A text that is not a value of the setting: what was expected instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidValue(pub &'static str);

/// The URL of a database, password included. Shown without anything but engine and host.
#[derive(Clone)]
pub struct DatabaseUrl {
    url: SecretString,
    engine: Engine,
    reference: Option<SecretReference>,
}

impl DatabaseUrl {
    /// The whole URL, to connect with.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.url.expose_secret()
    }

    /// Where it stands in AWS Secrets Manager, if it came from there: it may change there while we run.
    #[must_use]
    pub const fn reference(&self) -> Option<&SecretReference> {
        self.reference.as_ref()
    }

    pub(crate) fn set_reference(&mut self, reference: SecretReference) {
        self.reference = Some(reference);
    }

    /// Which engine it names.
    #[must_use]
    pub const fn engine(&self) -> Engine {
        self.engine
    }
}

impl FromStr for DatabaseUrl {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXPECTED: InvalidValue = InvalidValue(
            "a database URL: sqlite:PATH, mysql://user:password@host:3306/database or \
             postgres://user:password@host:5432/database, with special characters percent-encoded",
        );
        let engine = Engine::of_url(text).map_err(|_| EXPECTED)?;
        if engine == Engine::Sqlite {
            let path = text.trim_start_matches("sqlite:").trim_start_matches("//");
            if path.is_empty() {
                return Err(EXPECTED);
            }
        } else {
            // PostgreSQL's socket is given as postgres:///database?host=/run/postgresql.
            let url = Url::parse(text).map_err(|_| EXPECTED)?;
            if !text.contains("://") || url.path().trim_matches('/').is_empty() {
                return Err(EXPECTED);
            }
        }
        Ok(Self { url: text.into(), engine, reference: None })
    }
}
impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.expose();
        if self.engine == Engine::Sqlite {
            return f.write_str(text);
        }
        let scheme = text.split(':').next().unwrap_or_default();
        // A password with a bare `/` ends the host too early; an `@` behind it gives that away.
        let host = Url::parse(text)
            .ok()
            .filter(|url| !url.path().contains('@'))
            .and_then(|url| url.host_str().map(str::to_owned))
            .unwrap_or_else(|| "***".to_owned());
        write!(f, "{scheme}://***@{host}/***")
    }
}
impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({self})")
    }
}

/// How we prove to a database who we are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatabaseAuth {
    /// By the password in its URL.
    Password,
    /// By a token that AWS signs for our role; the URL has no password.
    AwsIam,
}

impl FromStr for DatabaseAuth {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "password" => Ok(Self::Password),
            "aws-iam" => Ok(Self::AwsIam),
            _ => Err(InvalidValue("password or aws-iam")),
        }
    }
}
impl fmt::Display for DatabaseAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Password => "password",
            Self::AwsIam => "aws-iam",
        })
    }
}

/// What our user may do in Moodle's database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MoodleAccess {
    /// Read: enough for the staff's pages.
    Read,
    /// Read, and write what the provisioner writes.
    Write,
}

impl FromStr for MoodleAccess {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "read" => Ok(Self::Read),
            "write" => Ok(Self::Write),
            _ => Err(InvalidValue("read or write")),
        }
    }
}
impl fmt::Display for MoodleAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Write => "write",
        })
    }
}

/// What Moodle's table names begin with. Part of SQL statements, so nothing but letters, digits and underscores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TablePrefix(String);

impl TablePrefix {
    /// The prefix as text; may be empty.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
impl FromStr for TablePrefix {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let plain = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        if text.len() > 20 || !plain || text.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(InvalidValue(
                "a prefix of table names such as mdl_ (up to 20 lower-case letters, digits and underscores), or nothing",
            ));
        }
        Ok(Self(text.to_owned()))
    }
}
impl fmt::Display for TablePrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An address that people open in a browser: https, or http on this machine. Without a slash at the end, so that paths
/// can be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebAddress(String);

impl WebAddress {
    /// The address as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
impl FromStr for WebAddress {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXPECTED: InvalidValue =
            InvalidValue("an address such as https://parents.example.org (http only on this machine)");
        let url = Url::parse(text).map_err(|_| EXPECTED)?;
        let here = match url.host() {
            Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => return Err(EXPECTED),
        };
        let protected = url.scheme() == "https" || (url.scheme() == "http" && here);
        let bare = url.query().is_none() && url.fragment().is_none();
        let nobody = url.username().is_empty() && url.password().is_none();
        if !(protected && bare && nobody) {
            return Err(EXPECTED);
        }
        Ok(Self(url.as_str().trim_end_matches('/').to_owned()))
    }
}
impl fmt::Display for WebAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The form of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people at a terminal.
    Pretty,
    /// One JSON object a line.
    Json,
}

impl FromStr for LogFormat {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "pretty" => Ok(Self::Pretty),
            "json" => Ok(Self::Json),
            _ => Err(InvalidValue("pretty or json")),
        }
    }
}
impl fmt::Display for LogFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pretty => "pretty",
            Self::Json => "json",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{DatabaseUrl, TablePrefix, WebAddress};

    #[test]
    fn database_urls_are_shown_without_their_secrets() {
        for (text, shown) in [
            ("sqlite:.kinlink/kinlink.db", Some("sqlite:.kinlink/kinlink.db")),
            ("mysql://kinlink:s3cret@db.example.org:3306/kinlink", Some("mysql://***@db.example.org/***")),
            ("mariadb://kinlink:s3cret@db.example.org/kinlink", Some("mariadb://***@db.example.org/***")),
            ("postgres://kinlink:s3cret@[::1]:5432/kinlink?sslmode=require", Some("postgres://***@[::1]/***")),
            ("postgres:///kinlink?host=/run/s3cret", Some("postgres://***@***/***")),
            ("mysql://12:34/s3cret@db/kinlink", Some("mysql://***@***/***")),
            ("sqlite:", None),
            ("sqlite://", None),
            ("mysql://kinlink@db", None),
            ("mysql:kinlink", None),
            ("postgres://kinlink:s3/cret@db/kinlink", None),
            ("oracle://db/kinlink", None),
            ("db.example.org", None),
        ] {
            let parsed = text.parse::<DatabaseUrl>();
            assert_eq!(parsed.as_ref().map(ToString::to_string).ok().as_deref(), shown, "{text}");
            if let Ok(url) = parsed {
                assert_eq!(url.expose(), text);
                assert!(!format!("{url:?}").contains("s3cret"));
            }
        }
    }

    #[test]
    fn prefixes_can_stand_in_sql() {
        for (text, valid) in [
            ("mdl_", true),
            ("", true),
            ("m2", true),
            ("2m_", false),
            ("MDL_", false),
            ("mdl-", false),
            ("mdl_;--", false),
            ("a_very_very_long_prefix", false),
        ] {
            assert_eq!(text.parse::<TablePrefix>().is_ok(), valid, "{text}");
        }
    }

    #[test]
    fn web_addresses_are_https_or_here() {
        for (text, kept) in [
            ("https://moodle.example.org/", Some("https://moodle.example.org")),
            ("https://example.org:8443/moodle/", Some("https://example.org:8443/moodle")),
            ("http://127.0.0.1:8080", Some("http://127.0.0.1:8080")),
            ("http://localhost:8080/", Some("http://localhost:8080")),
            ("http://[::1]:8080", Some("http://[::1]:8080")),
            ("http://moodle.example.org", None),
            ("https://moodle.example.org/?x=1", None),
            ("https://moodle.example.org/#x", None),
            ("https://user:pass@moodle.example.org", None),
            ("ftp://moodle.example.org", None),
            ("moodle.example.org", None),
            ("https://", None),
        ] {
            assert_eq!(text.parse::<WebAddress>().as_ref().map(WebAddress::as_str).ok(), kept, "{text}");
        }
    }
}
