//! Kinlink's own database: one module a concern, each with its rows and its statements.
//!
//! *Rule: every state change is one transaction, guarded by a version or a unique key.* Functions that write take a
//! [`Session`], so that callers in `service` put several of them into one transaction; none of them begins or commits.
//! Instants are milliseconds since 1970 in UTC. No rule of the domain is decided here, and no statement of Moodle's lives
//! here.
//!
//! To add a table: a migration with the same name in all three folders of `migrations/`, a module here, and a contract
//! test in `tests/`.

pub mod accounts;
pub mod adoptions;
pub mod audit;
pub mod bundle;
pub mod cycles;
pub mod decisions;
pub mod email_changes;
pub mod erasure;
pub mod error;
pub mod findings;
pub mod holds;
pub mod idempotency;
pub mod jobs;
pub mod leases;
pub mod leavers;
pub mod ledger;
pub mod links;
pub mod mails;
pub mod migrations;
pub mod plans;
pub mod proofs;
pub mod put_backs;
pub mod questions;
pub mod quotas;
pub mod requests;
pub mod retention;
pub mod sessions;
pub mod settings;
pub mod sign_ins;
pub mod sources;
pub mod staff;
pub mod time;
pub mod tokens;
pub mod transaction;
pub mod views;

pub use error::StoreError;
pub use kinlink_db::{Connection, Db, Engine, Session};
pub use transaction::{Store, Tx};
