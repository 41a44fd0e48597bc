//! The schema, forward only. Safe when two processes start at once, and after a process died half-way.

use std::time::Duration;

use kinlink_db::{Connection, Db, Engine, Fault, Int, MigrateFailure, Session as _};
use sqlx::migrate::{MigrateError, Migrator};

use crate::StoreError;

static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");
static MYSQL: Migrator = sqlx::migrate!("migrations/mysql");
static POSTGRES: Migrator = sqlx::migrate!("migrations/postgres");

/// How often a migration that met another process is tried again.
const ATTEMPTS: u32 = 10;

/// The name of our lock on MariaDB/MySQL: names are the whole server's, and at most 64 characters long.
const LOCK: &str = "CONCAT('kinlink-migrate-', MD5(DATABASE()))";
/// How long to wait for another process that migrates.
const LOCK_SECONDS: u32 = 600;

/// The migrations for an engine.
#[must_use]
pub fn migrator(engine: Engine) -> &'static Migrator {
    match engine {
        Engine::Sqlite => &SQLITE,
        Engine::MySql => &MYSQL,
        Engine::Postgres => &POSTGRES,
    }
}

/// Brings the schema up to date.
///
/// PostgreSQL serialises two migrators by sqlx's advisory lock, MariaDB/MySQL by our own (on MariaDB sqlx's is none).
/// SQLite has none: there the second meets a table that exists already or a locked file, and finds everything done when it
/// looks again. MariaDB/MySQL cannot roll back DDL: its scripts create only what is missing, so one that died half-way is
/// run again from its start.
///
/// # Errors
/// [`StoreError::Migrate`] when a script fails or one that was applied has changed since; [`StoreError::Db`] without a
/// connection.
pub async fn migrate(db: &Db) -> Result<(), StoreError> {
    let mut connection = connect(db).await?;
    let result = migrate_on(&mut connection).await;
    // A failure leaves the lock on the connection; it ends with it. SQLite has no lock, and in memory no second chance.
    if result.is_err() && db.engine() != Engine::Sqlite {
        connection.discard();
    }
    result
}

/// Two processes that open a new file of SQLite at once both want to switch it to its write-ahead log, for which the second
/// does not wait.
async fn connect(db: &Db) -> Result<Connection, StoreError> {
    let mut attempt = 0;
    loop {
        attempt += 1;
        match db.acquire().await {
            Err(error) if db.engine() == Engine::Sqlite && error.fault() == Fault::Conflict && attempt < ATTEMPTS => {
                pause(attempt).await;
            }
            result => return Ok(result?),
        }
    }
}

async fn pause(attempt: u32) {
    tokio::time::sleep(Duration::from_millis(50 * u64::from(attempt))).await;
}

async fn migrate_on(connection: &mut Connection) -> Result<(), StoreError> {
    let engine = connection.engine();
    if engine == Engine::MySql {
        lock(connection).await?;
    }
    let mut attempt = 0;
    while let Err(failure) = connection.migrate(migrator(engine)).await {
        attempt += 1;
        match &failure {
            MigrateFailure(MigrateError::Dirty(version)) if engine == Engine::MySql && attempt < ATTEMPTS => {
                let forget = "DELETE FROM _sqlx_migrations WHERE version = ? AND success = FALSE";
                connection.execute(forget, [(*version).into()]).await?;
            }
            MigrateFailure(MigrateError::ExecuteMigration(..) | MigrateError::Execute(..))
                if engine == Engine::Sqlite && attempt < ATTEMPTS =>
            {
                pause(attempt).await;
            }
            _ => return Err(failure.into()),
        }
    }
    if engine == Engine::MySql {
        let unlock = format!("SELECT RELEASE_LOCK({LOCK})");
        connection.fetch_optional::<(Option<Int>,)>(&unlock, []).await?;
    }
    Ok(())
}

/// Waits until no other process migrates this database on MariaDB/MySQL. The lock ends with the connection.
async fn lock(connection: &mut Connection) -> Result<(), StoreError> {
    let taken: Option<(Option<Int>,)> =
        connection.fetch_optional(&format!("SELECT GET_LOCK({LOCK}, {LOCK_SECONDS})"), []).await?;
    if matches!(taken, Some((Some(Int(1)),))) {
        return Ok(());
    }
    let reason = "another process has been migrating this database for very long".to_owned();
    Err(MigrateFailure(MigrateError::Execute(sqlx::Error::Protocol(reason))).into())
}

/// Whether the schema is the one this program was built with. Cheap enough for `doctor`, never called in a function's start.
///
/// # Errors
/// [`StoreError::Db`] without a connection; an empty database is not an error but `false`.
pub async fn is_current(db: &Db) -> Result<bool, StoreError> {
    let wanted = migrator(db.engine()).iter().count();
    let applied = "SELECT version FROM _sqlx_migrations WHERE success = TRUE";
    match db.fetch_all::<(i64,)>(applied, []).await {
        Ok(rows) => Ok(rows.len() >= wanted),
        Err(error) if error.fault() == kinlink_db::Fault::Schema => Ok(false),
        Err(error) => Err(error.into()),
    }
}
