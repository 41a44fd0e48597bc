//! The way in: which database, which prefix, and the lock that makes us the only writer.

use std::ops::{Deref, DerefMut};

use kinlink_db::{Connection, Db, DbError, Engine, FromAnyRow, Int, Session, Value};

use crate::{MoodleError, Prefix};

/// A Moodle, by its database. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Moodle {
    db: Db,
    prefix: Prefix,
    writes: bool,
}

impl Moodle {
    /// A Moodle in this database, with this table prefix.
    #[must_use]
    pub const fn new(db: Db, prefix: Prefix) -> Self {
        Self { db, prefix, writes: true }
    }

    /// The same for a process whose user may only read there.
    #[must_use]
    pub fn read_only(self) -> Self {
        Self { writes: false, ..self }
    }

    /// Whether this process is the one that writes there.
    #[must_use]
    pub const fn writes(&self) -> bool {
        self.writes
    }

    /// The database.
    #[must_use]
    pub const fn db(&self) -> &Db {
        &self.db
    }

    /// The table prefix.
    #[must_use]
    pub const fn prefix(&self) -> &Prefix {
        &self.prefix
    }

    /// A connection for reading.
    ///
    /// # Errors
    /// [`MoodleError::Db`] when none can be made.
    pub async fn connect(&self) -> Result<Connection, MoodleError> {
        Ok(self.db.acquire().await?)
    }

    /// A connection that holds the advisory lock: `None` when another writer holds it.
    ///
    /// `role_assignments` has no unique key, so two writers could double rows. The lock is the database server's own and
    /// ends with the connection. SQLite (the demonstration) has one writer anyway and no such lock.
    ///
    /// # Errors
    /// [`MoodleError::Db`].
    pub async fn lock(&self) -> Result<Option<Locked>, MoodleError> {
        let mut connection = self.db.acquire().await?;
        let taken = match self.db.engine() {
            Engine::Sqlite => true,
            Engine::MySql => {
                is_one(&mut connection, &format!("SELECT GET_LOCK({MYSQL_LOCK}, 0)"), &self.prefix).await?
            }
            Engine::Postgres => {
                let sql = format!("SELECT CASE WHEN pg_try_advisory_lock({POSTGRES_LOCK}) THEN 1 ELSE 0 END");
                is_one(&mut connection, &sql, &self.prefix).await?
            }
        };
        Ok(taken.then(|| Locked { connection: Held(Some(connection)), prefix: self.prefix.clone() }))
    }
}

/// The lock's name on MariaDB/MySQL: the server has one name space for all databases, and names are at most 64 characters.
const MYSQL_LOCK: &str = "CONCAT('kinlink.', MD5(CONCAT(DATABASE(), '.', ?)))";
/// The lock's key on PostgreSQL, where every database has its own.
const POSTGRES_LOCK: &str = "hashtextextended('kinlink.' || ?, 0)";

async fn is_one(connection: &mut Connection, sql: &str, prefix: &Prefix) -> Result<bool, MoodleError> {
    let row: Option<(Int,)> = connection.fetch_optional(sql, [prefix.as_str().into()]).await?;
    Ok(row.is_some_and(|(value,)| value.0 == 1))
}

/// A connection under the advisory lock. The lock goes when this is [released](Locked::release) or dropped.
#[derive(Debug)]
pub struct Locked {
    /// The connection; everything of the cycle runs on it.
    pub connection: Held,
    /// The table prefix.
    pub prefix: Prefix,
}

impl Locked {
    /// Gives the lock back, and the connection to the pool. When that fails the connection ends, and the lock with it as soon
    /// as the server notices.
    pub async fn release(mut self) {
        let released = match self.connection.engine() {
            // There was none.
            Engine::Sqlite => Ok(true),
            Engine::MySql => {
                is_one(&mut self.connection, &format!("SELECT RELEASE_LOCK({MYSQL_LOCK})"), &self.prefix).await
            }
            Engine::Postgres => {
                let sql = format!("SELECT CASE WHEN pg_advisory_unlock({POSTGRES_LOCK}) THEN 1 ELSE 0 END");
                is_one(&mut self.connection, &sql, &self.prefix).await
            }
        };
        if released.unwrap_or(false) {
            self.connection.0.take();
        }
    }
}

/// A [`Connection`] that ends when it is dropped. Back in the pool it would still hold the lock, unseen by this process
/// (to whose next cycle the server gives it again) and in the way of every other.
#[derive(Debug)]
pub struct Held(Option<Connection>);

impl Deref for Held {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.0.as_ref().expect("there until it is dropped")
    }
}

impl DerefMut for Held {
    fn deref_mut(&mut self) -> &mut Connection {
        self.0.as_mut().expect("there until it is dropped")
    }
}

impl Session for Held {
    fn engine(&self) -> Engine {
        (**self).engine()
    }

    async fn execute(&mut self, sql: &str, args: impl Into<Vec<Value>> + Send) -> Result<u64, DbError> {
        (**self).execute(sql, args).await
    }

    async fn fetch_all<T: FromAnyRow>(
        &mut self,
        sql: &str,
        args: impl Into<Vec<Value>> + Send,
    ) -> Result<Vec<T>, DbError> {
        (**self).fetch_all(sql, args).await
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(connection) = self.0.take() {
            connection.discard();
        }
    }
}

/// A statement with the table prefix put in for `{p}`.
pub(crate) fn sql(prefix: &Prefix, text: &str) -> String {
    text.replace("{p}", prefix.as_str())
}
