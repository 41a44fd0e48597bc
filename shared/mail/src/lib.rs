//! Mails: their texts, and the way to send them.
//!
//! A [`Letter`] says which mail it is and what it needs to know; [`render`] makes a subject and a body of it; [`Smtp`]
//! sends those. What does not live here: which mail is due, and the table in which mails wait (crate `store`).

mod letter;
mod smtp;
mod smtp_url;
mod texts;

pub use kinlink_domain::locale::Locale;
pub use letter::{Common, Letter, Rendered, render};
pub use smtp::{Reason, SendError, Smtp, TIMEOUT};
pub use smtp_url::{InvalidSmtpUrl, SmtpUrl, Tls};
