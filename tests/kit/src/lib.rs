//! Test servers and fixtures for the tests of every crate.
//!
//! The servers themselves are started by `tests/run`, which hands their addresses over in environment variables. A
//! test that needs a server which is not there fails and says so; nothing is skipped in silence.
//!
//! - [`fresh`], [`all_engines`], [`servers`]: new empty databases.
//! - [`moodle_dump`]: the database of a real Moodle.
//! - [`snapshot`], [`changed_tables`]: what a piece of code changed in a whole database, wherever it wrote.
//! - [`sqs_endpoint`], [`smtp_address`], [`mails_to`]: the queue and mail servers.

mod address;
mod database;
mod mail;
mod moodle;
mod snapshot;

pub use address::{oidc_issuer, smtp_address, sqs_endpoint};
pub use database::{TestDb, all_engines, fresh, servers};
pub use mail::{Mail, mails_to};
pub use moodle::{MoodleDump, moodle_dump};
pub use snapshot::{Change, Snapshot, changed_tables, snapshot};
