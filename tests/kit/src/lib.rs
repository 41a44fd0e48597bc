//! Test servers and fixtures for the tests of every crate.
//!
//! The servers themselves are started by `tests/run`, which hands their addresses over in environment variables. A
//! test that needs a server which is not there fails and says so; nothing is skipped in silence.
//!
//! - [`fresh`], [`all_engines`], [`servers`]: new empty databases.
//! - [`moodle_dump`]: the database of a real Moodle.
//! - [`snapshot`], [`changed_tables`]: what a piece of code changed in a whole database, wherever it wrote.
//! - [`table`]: figures in documents. [`canary`]: words that must appear nowhere but where they belong.
//! - [`sqs_endpoint`], [`smtp_address`], [`mails_to`]: the queue and mail servers.

mod address;
pub mod canary;
mod database;
mod mail;
mod moodle;
mod snapshot;
pub mod table;

pub use address::{oidc_issuer, smtp_address, sqs_endpoint};
pub use database::{TestDb, all_engines, fresh, servers};
pub use mail::{Mail, mails_to};
pub use moodle::{MoodleDump, moodle_dump};
pub use snapshot::{Change, Snapshot, changed_tables, snapshot};
