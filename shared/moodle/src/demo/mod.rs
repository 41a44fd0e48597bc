//! The demonstration: a Moodle database of an invented school, families who ask for accounts, and a stand-in for Moodle's
//! own scheduled tasks. None of it is for a real Moodle.
//!
//! * `names` and [`school`]: who is at the school, and the rows that say so;
//! * [`story`](fn@story): the requests that the demonstration sends, each with what should become of it;
//! * [`tasks`]: what Moodle's cron would do meanwhile;
//! * [`Snapshot`]: the rows that must be as they were afterwards.
//!
//! What does not live here: what Kinlink itself reads and writes in Moodle; it cannot tell this school from another.

mod names;
pub mod school;
mod snapshot;
mod story;
pub mod tasks;

use kinlink_db::{Db, DbError, Engine, Session, Value};

pub use school::fill;
pub use snapshot::Snapshot;
pub use story::{DemoAdult, DemoChild, DemoFamily, Expectation, story};
pub use tasks::{LoginRowView, TaskReport, run_due};

use crate::{prefix::Prefix, schema};

/// What [`install`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Installed {
    /// The database was empty; the school is in it now.
    Now,
    /// The school was there already; nothing was changed.
    Before,
}

/// Why the demonstration was not installed.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The database refused a statement.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The demonstration writes users and roles: it keeps away from every database that might be a school's.
    #[error("the demonstration's Moodle is a SQLite file of its own, not a {0} database")]
    NotSqlite(Engine),
    /// There are Moodle tables, but not of this school.
    #[error("this database has Moodle tables that are not the demonstration's; give the demonstration a new file")]
    NotADemonstration,
}

/// Makes the demonstration's Moodle with the prefix `mdl_` in a SQLite database, if it is not there already: wholly or not at all.
///
/// # Errors
/// [`DemoError::NotSqlite`] and [`DemoError::NotADemonstration`] before anything is written; else what the database says.
pub async fn install(db: &Db) -> Result<Installed, DemoError> {
    if db.engine() != Engine::Sqlite {
        return Err(DemoError::NotSqlite(db.engine()));
    }
    let prefix = Prefix::default();
    let mut tx = db.begin().await?;
    let tables: Vec<(String,)> = tx
        .fetch_all(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name IN (?, ?)",
            [prefix.table("user").into(), prefix.table("config").into()] as [Value; 2],
        )
        .await?;
    if tables.is_empty() {
        schema::create_in(&mut tx, &prefix).await?;
        school::fill_in(&mut tx, &prefix).await?;
        tx.commit().await?;
        return Ok(Installed::Now);
    }
    let config = prefix.table("config");
    let release: Option<(String,)> = if tables.iter().any(|(name,)| *name == config) {
        tx.fetch_optional(&format!("SELECT value FROM {config} WHERE name = 'release'"), []).await?
    } else {
        None
    };
    match release {
        Some((release,)) if release == school::RELEASE => Ok(Installed::Before),
        _ => Err(DemoError::NotADemonstration),
    }
}

fn text(value: &str) -> Value {
    Value::from(value)
}

#[cfg(test)]
mod tests;
