//! Where and how to hand over mail, as one URL.

use std::{fmt, str::FromStr};

use secrecy::SecretString;
use url::Url;

/// How the connection to the mail server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    /// Not at all: a relay on the same machine or network.
    None,
    /// The connection begins in the clear and must become TLS before anything else is said.
    StartTls,
    /// TLS from the first byte.
    Implicit,
}

/// A mail server: `smtp://host:25?tls=none`, `smtp://user:password@host:587?tls=starttls` or
/// `smtps://user:password@host:465`. Without `tls=` it is STARTTLS; without a port it is the usual one.
///
/// Special characters of user name and password are percent-encoded (`@` is `%40`).
#[derive(Clone)]
pub struct SmtpUrl {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) tls: Tls,
    pub(crate) credentials: Option<(String, SecretString)>,
}

/// A text that is not such a URL. The text is not repeated, since it may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSmtpUrl {
    /// Not of the form.
    #[error(
        "smtp://host:25?tls=none, smtp://user:password@host:587?tls=starttls or smtps://user:password@host:465, \
         with special characters percent-encoded"
    )]
    Malformed,
    /// A user name without password or the other way round.
    #[error("both a user name and a password in the mail server's URL, or neither")]
    HalfCredentials,
    /// The password would be sent in the clear.
    #[error("TLS (smtps:// or ?tls=starttls) for a mail server with a password")]
    PasswordInTheClear,
}

impl SmtpUrl {
    /// The server's name or address.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The server's port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// How the connection is protected.
    #[must_use]
    pub const fn tls(&self) -> Tls {
        self.tls
    }
}

impl FromStr for SmtpUrl {
    type Err = InvalidSmtpUrl;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        use InvalidSmtpUrl::{HalfCredentials, Malformed, PasswordInTheClear};
        let url = Url::parse(text).map_err(|_| Malformed)?;
        let mut tls = match url.scheme() {
            "smtps" => Tls::Implicit,
            "smtp" => Tls::StartTls,
            _ => return Err(Malformed),
        };
        for (name, value) in url.query_pairs() {
            tls = match (url.scheme(), name.as_ref(), value.as_ref()) {
                ("smtp", "tls", "none") => Tls::None,
                ("smtp", "tls", "starttls") => Tls::StartTls,
                _ => return Err(Malformed),
            };
        }
        // The scheme is not one of the web's, so the parser leaves the host as it stands.
        let host = url.host_str().map(|host| host.trim_matches(['[', ']'])).unwrap_or_default();
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
        if host.is_empty() || !host.chars().all(plain) || !matches!(url.path(), "" | "/") || url.fragment().is_some() {
            return Err(Malformed);
        }
        let port = url.port().unwrap_or(match tls {
            Tls::None => 25,
            Tls::StartTls => 587,
            Tls::Implicit => 465,
        });
        let decoded = |text: &str| {
            percent_encoding::percent_decode_str(text)
                .decode_utf8()
                .map(std::borrow::Cow::into_owned)
                .map_err(|_| Malformed)
        };
        let credentials = match (url.username(), url.password()) {
            ("", None) => None,
            ("", Some(_)) | (_, None | Some("")) => return Err(HalfCredentials),
            (user, Some(password)) => Some((decoded(user)?, SecretString::from(decoded(password)?))),
        };
        if credentials.is_some() && tls == Tls::None {
            return Err(PasswordInTheClear);
        }
        Ok(Self { host: host.to_owned(), port, tls, credentials })
    }
}

/// Without user name and password.
impl fmt::Display for SmtpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls == Tls::Implicit { "smtps" } else { "smtp" };
        let secret = if self.credentials.is_some() { "***@" } else { "" };
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        let tls = match self.tls {
            Tls::None => "?tls=none",
            Tls::StartTls => "?tls=starttls",
            Tls::Implicit => "",
        };
        write!(f, "{scheme}://{secret}{host}:{}{tls}", self.port)
    }
}
impl fmt::Debug for SmtpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SmtpUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::{InvalidSmtpUrl, SmtpUrl};

    #[test]
    fn urls() {
        use InvalidSmtpUrl::{HalfCredentials, Malformed, PasswordInTheClear};
        for (text, shown) in [
            ("smtp://relay:25?tls=none", Ok("smtp://relay:25?tls=none")),
            ("smtp://relay?tls=none", Ok("smtp://relay:25?tls=none")),
            ("smtp://127.0.0.1:2525?tls=none", Ok("smtp://127.0.0.1:2525?tls=none")),
            ("smtp://[::1]:2525?tls=none", Ok("smtp://[::1]:2525?tls=none")),
            ("smtp://mail.example.org", Ok("smtp://mail.example.org:587?tls=starttls")),
            ("smtp://u:p@mail.example.org:587?tls=starttls", Ok("smtp://***@mail.example.org:587?tls=starttls")),
            ("smtps://u:p@mail.example.org", Ok("smtps://***@mail.example.org:465")),
            ("smtps://u:p@mail.example.org:8465/", Ok("smtps://***@mail.example.org:8465")),
            ("smtps://mail.example.org?tls=none", Err(Malformed)),
            ("smtp://mail.example.org?tls=maybe", Err(Malformed)),
            ("smtp://mail.example.org?pool=4", Err(Malformed)),
            ("smtp://mail.example.org/path", Err(Malformed)),
            ("smtp://mail.example.org:99999", Err(Malformed)),
            ("smtp://mail exam ple.org", Err(Malformed)),
            ("smtp://", Err(Malformed)),
            ("smtp:mail.example.org", Err(Malformed)),
            ("mail.example.org:25", Err(Malformed)),
            ("https://mail.example.org", Err(Malformed)),
            ("", Err(Malformed)),
            ("smtps://u@mail.example.org", Err(HalfCredentials)),
            ("smtps://u:@mail.example.org", Err(HalfCredentials)),
            ("smtps://:p@mail.example.org", Err(HalfCredentials)),
            ("smtp://u:p@mail.example.org?tls=none", Err(PasswordInTheClear)),
            ("smtps://%ff:p@mail.example.org", Err(Malformed)),
        ] {
            assert_eq!(text.parse::<SmtpUrl>().map(|url| url.to_string()), shown.map(str::to_owned), "{text}");
        }
    }

    #[test]
    fn credentials_are_decoded_and_never_shown() {
        let url: SmtpUrl = "smtps://jo%40example.org:pass%2Fw%25rd@mail.example.org".parse().unwrap();
        let (user, password) = url.credentials.as_ref().unwrap();
        assert_eq!((user.as_str(), password.expose_secret()), ("jo@example.org", "pass/w%rd"));
        let shown = format!("{url} {url:?}");
        assert!(!shown.contains("jo") && !shown.contains("pass"), "{shown}");
    }
}
