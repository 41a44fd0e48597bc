//! One way to speak SQL to SQLite, MariaDB/MySQL and PostgreSQL.
//!
//! SQL is written once, with `?` for every value; [`rewrite`] turns that into what the engine wants. Values are the
//! small [`Value`] enum, rows are plain structs with `#[derive(sqlx::FromRow)]`. What differs between engines and
//! cannot be written once (the clock, locks) is named here as a method of [`Engine`], never spelt out by callers.
//!
//! What does not live here: any table name. Statements belong to `store` and `moodle`.

mod acquire;
mod bulk;
mod connect;
mod crash;
mod engine;
mod error;
mod pause;
mod pool;
mod renewal;
mod rewrite;
#[cfg(feature = "crash-points")]
pub mod script;
mod session;
mod stats;
mod value;

pub use bulk::{ROWS_PER_STATEMENT, insert_many};
pub use engine::{Engine, UnknownScheme};
pub use error::{DbError, Fault};
pub use pool::{Db, MigrateFailure, Options};
pub use renewal::{Renewal, UrlFuture};
pub use rewrite::{in_list, rewrite, values_list};
pub use session::{Connection, FromAnyRow, Session, Tx};
pub use stats::Stats;
pub use value::{Int, Value};
