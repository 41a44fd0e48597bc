//! Email addresses.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// An address that a mail can be sent to and that Moodle can hold: lower case, ASCII (an international domain in its
/// `xn--` form), at most [`EmailAddress::MAX`] characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EmailAddress(String);

/// A text that is not an address we can use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEmail {
    /// Not of the form name@example.org.
    #[error("is not an email address like name@example.org")]
    Malformed,
    /// Longer than Moodle's column.
    #[error("is longer than {} characters", EmailAddress::MAX)]
    TooLong,
}

impl EmailAddress {
    /// Moodle's `user.email` and `user.username` hold 100 characters.
    pub const MAX: usize = 100;

    /// Reads an address as people type it.
    ///
    /// # Errors
    /// [`InvalidEmail`].
    pub fn parse(typed: &str) -> Result<Self, InvalidEmail> {
        let typed = typed.trim();
        let (local, domain) = typed.rsplit_once('@').ok_or(InvalidEmail::Malformed)?;
        // Quoted and non-ASCII local parts are legal and, with mail as it is, undeliverable.
        let plain = local.is_ascii() && !local.contains(['"', ' ', '\\']);
        let domain = idna::domain_to_ascii_strict(domain).map_err(|_| InvalidEmail::Malformed)?;
        let address = format!("{}@{domain}", local.to_ascii_lowercase());
        let options =
            email_address::Options::default().with_required_tld().without_domain_literal().without_display_text();
        let numeric_tld = domain.rsplit('.').next().is_some_and(|tld| tld.bytes().all(|b| b.is_ascii_digit()));
        if !plain || numeric_tld || email_address::EmailAddress::parse_with_options(&address, options).is_err() {
            return Err(InvalidEmail::Malformed);
        }
        if address.len() > Self::MAX {
            return Err(InvalidEmail::TooLong);
        }
        Ok(Self(address))
    }

    /// The address as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands before the `@`.
    #[must_use]
    pub fn local_part(&self) -> &str {
        self.0.rsplit_once('@').map_or(self.0.as_str(), |(local, _)| local)
    }

    /// What stands behind the `@`.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(_, domain)| domain)
    }
}

impl FromStr for EmailAddress {
    type Err = InvalidEmail;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}
impl TryFrom<String> for EmailAddress {
    type Error = InvalidEmail;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}
impl From<EmailAddress> for String {
    fn from(address: EmailAddress) -> Self {
        address.0
    }
}
impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::{EmailAddress, InvalidEmail};

    #[test]
    fn addresses() {
        let long = format!("{}@example.org", "a".repeat(60));
        let too_long = format!("{}@{}.example.org", "a".repeat(60), "b".repeat(60));
        for (typed, kept) in [
            (" Aoife.OBrien+School@Example.org ", Ok("aoife.obrien+school@example.org")),
            ("o'neil@example.org", Ok("o'neil@example.org")),
            ("jo@bücher.example", Ok("jo@xn--bcher-kva.example")),
            (long.as_str(), Ok(long.as_str())),
            (too_long.as_str(), Err(InvalidEmail::TooLong)),
            ("jo", Err(InvalidEmail::Malformed)),
            ("jo@", Err(InvalidEmail::Malformed)),
            ("@example.org", Err(InvalidEmail::Malformed)),
            ("jo@localhost", Err(InvalidEmail::Malformed)),
            ("jo@127.0.0.1", Err(InvalidEmail::Malformed)),
            ("jo@[127.0.0.1]", Err(InvalidEmail::Malformed)),
            ("jo..jo@example.org", Err(InvalidEmail::Malformed)),
            ("jo jo@example.org", Err(InvalidEmail::Malformed)),
            ("\"jo jo\"@example.org", Err(InvalidEmail::Malformed)),
            ("jo@example.org\nbcc:x@example.org", Err(InvalidEmail::Malformed)),
            ("zoë@example.org", Err(InvalidEmail::Malformed)),
            ("Jo <jo@example.org>", Err(InvalidEmail::Malformed)),
            ("", Err(InvalidEmail::Malformed)),
        ] {
            assert_eq!(
                EmailAddress::parse(typed).as_ref().map(EmailAddress::as_str).map_err(|e| *e),
                kept,
                "{typed:?}"
            );
        }
    }
}
