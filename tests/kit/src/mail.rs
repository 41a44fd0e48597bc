//! What arrived at the SMTP server that delivers nothing.

use serde::Deserialize;

use crate::address::variable;

/// A message as the SMTP server received it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Mail {
    /// The sender of the envelope.
    pub from: String,
    /// The recipients of the envelope.
    pub to: Vec<String>,
    /// Headers and body as they came over the wire: encoded words and quoted-printable are not decoded.
    pub data: String,
}

/// The messages to one address, in the order of their arrival.
///
/// All tests share the server, so each sends to addresses of its own. A message is in here once the server has
/// acknowledged it: there is nothing to wait for.
#[must_use]
pub fn mails_to(recipient: &str) -> Vec<Mail> {
    let path = variable("KINLINK_TEST_SMTP_SINK");
    let lines = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("the mails in {path}: {error}"));
    lines
        .split_inclusive('\n')
        // The last line may be half written by a message to somebody else.
        .filter(|line| line.ends_with('\n'))
        .map(|line| serde_json::from_str::<Mail>(line).expect("a message written by tests/servers/smtp_sink.py"))
        .filter(|mail| mail.to.iter().any(|to| to == recipient))
        .collect()
}
