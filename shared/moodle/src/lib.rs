//! Moodle's database: what Kinlink reads there and the few rows it writes.
//!
//! *Rule: read what we need, write only rows that are ours.* How a running Moodle behaves when somebody else writes to its
//! database was observed, not guessed; the doc comments say what each statement relies on. Statements are written once
//! for the three engines, with `{p}` for the table prefix. What does not live here: any decision (crate `domain`), any
//! table of ours (crate `store`).
//!
//! [`Moodle`] is the way in. A cycle takes the [`connection::Locked`] connection and does everything on it: the advisory
//! lock ends with the connection, so a writer that lost its lock has lost its means to write, too.

pub mod adoption;
pub mod apply;
pub mod connection;
#[cfg(feature = "sqlite")]
pub mod demo;
pub mod error;
pub mod evidence;
pub mod prefix;
pub mod pupils;
pub mod roles;
pub mod schema;
pub mod site;
pub mod tasks;
pub mod users;

pub use connection::{Locked, Moodle};
pub use error::MoodleError;
pub use prefix::Prefix;
