//! A database and its pool of connections.

use std::{sync::Arc, time::Duration};

use sqlx::Executor as _;

use crate::{
    Connection, DbError, Engine, FromAnyRow, Renewal, Session, Stats, Tx, Value, connect, connect::configuration,
    pause::Pauses, renewal::Renewing,
};

/// How long a connection that has been idle may take to show that it lives.
const PING_LIMIT: Duration = Duration::from_secs(2);

/// The options that all three drivers share.
macro_rules! sized {
    ($pool:ident, $options:expr, $max:expr) => {{
        let pauses = Pauses::default();
        $pool::new()
            .max_connections($max)
            .acquire_timeout($options.acquire_timeout)
            .idle_timeout($options.idle_timeout)
            .max_lifetime($options.max_lifetime)
            .test_before_acquire(false)
            .before_acquire(move |connection, met| {
                let must_ask = pauses.must_ask(met.age, met.idle_for, $options.trusted_idle);
                Box::pin(async move {
                    if !must_ask {
                        return Ok(true);
                    }
                    let answer = tokio::time::timeout(PING_LIMIT, sqlx::Connection::ping(connection)).await;
                    Ok(matches!(answer, Ok(Ok(()))))
                })
            })
    }};
}

/// How a pool is sized, and how patient it is.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Upper bound of connections; very few in a Lambda sandbox.
    pub max_connections: u32,
    /// How long a statement waits for a connection before it fails as [`crate::Fault::Unreachable`]. Connecting is part of
    /// it, and trying again when the server is full or starting.
    pub acquire_timeout: Duration,
    /// How long a connection may lie idle; shorter than the server's own limit.
    pub idle_timeout: Duration,
    /// How long a connection may lie idle before it is asked, when it is used again, whether it still lives: a frozen sandbox
    /// loses its connections without a word, but one that was busy a moment ago has not.
    pub trusted_idle: Duration,
    /// How old a connection may become.
    pub max_lifetime: Duration,
    /// How long a statement may take before it fails as [`crate::Fault::Unreachable`] and its connection ends: a server
    /// that is gone without a word would be waited for until TCP gives up. Not for SQLite, which has no network, and
    /// not for migrations.
    pub statement_timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            max_connections: 8,
            acquire_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_mins(4),
            trusted_idle: Duration::from_secs(2),
            max_lifetime: Duration::from_mins(30),
            statement_timeout: Duration::from_mins(5),
        }
    }
}

/// A database: a pool of connections to one of the three engines. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Db {
    pub(crate) pool: Pool,
    pub(crate) options: Options,
    pub(crate) renewing: Option<Arc<Renewing>>,
    pub(crate) stats: Arc<Stats>,
}

#[derive(Debug, Clone)]
pub(crate) enum Pool {
    #[cfg(feature = "sqlite")]
    Sqlite(sqlx::SqlitePool),
    #[cfg(feature = "mysql")]
    MySql(sqlx::MySqlPool),
    #[cfg(feature = "postgres")]
    Postgres(sqlx::PgPool),
}

impl Pool {
    fn lazy(url: &str, options: Options, tokens: bool) -> Result<Self, DbError> {
        let engine = Engine::of_url(url).map_err(configuration)?;
        Ok(match engine {
            #[cfg(feature = "sqlite")]
            Engine::Sqlite => {
                use sqlx::sqlite::SqlitePoolOptions;
                // Each connection to `:memory:` would be a database of its own.
                let max = if url.contains(":memory:") { 1 } else { options.max_connections };
                Self::Sqlite(sized!(SqlitePoolOptions, options, max).connect_lazy_with(connect::sqlite(url)?))
            }
            #[cfg(feature = "mysql")]
            Engine::MySql => {
                use sqlx::mysql::MySqlPoolOptions;
                Self::MySql(
                    sized!(MySqlPoolOptions, options, options.max_connections)
                        .after_connect(|connection, _| {
                            Box::pin(async move {
                                // Strict: a value that does not fit is an error, never cut. Read committed: under
                                // REPEATABLE READ the range locks of a job sweep dead-lock with its own updates.
                                connection
                                    .execute("SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO'")
                                    .await?;
                                connection
                                    .execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
                                    .await
                                    .map(drop)
                            })
                        })
                        .connect_lazy_with(connect::mysql(url, tokens)?),
                )
            }
            #[cfg(feature = "postgres")]
            Engine::Postgres => {
                use sqlx::postgres::PgPoolOptions;
                let pool = sized!(PgPoolOptions, options, options.max_connections);
                Self::Postgres(pool.connect_lazy_with(connect::postgres(url, tokens)?))
            }
            #[allow(unreachable_patterns, reason = "reached only when an engine's feature is off")]
            _ => {
                return Err(configuration(std::io::Error::other(format!("this binary was built without {engine}"))));
            }
        })
    }

    /// From now on new connections are made with another URL.
    pub(crate) fn set_url(&self, url: &str, tokens: bool) -> Result<(), DbError> {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(pool) => pool.set_connect_options(connect::sqlite(url)?),
            #[cfg(feature = "mysql")]
            Self::MySql(pool) => pool.set_connect_options(connect::mysql(url, tokens)?),
            #[cfg(feature = "postgres")]
            Self::Postgres(pool) => pool.set_connect_options(connect::postgres(url, tokens)?),
        }
        Ok(())
    }
}

impl Db {
    /// A pool for a database URL. Nothing is connected before the first statement.
    ///
    /// # Errors
    /// The URL is not one of ours, or this binary was built without that engine. The URL is not repeated in the error.
    pub fn connect_lazy(url: &str, options: Options) -> Result<Self, DbError> {
        Ok(Self { pool: Pool::lazy(url, options, false)?, options, renewing: None, stats: Arc::default() })
    }

    /// As [`Db::connect_lazy`], for a database whose URL does not stay what it is.
    ///
    /// # Errors
    /// As [`Db::connect_lazy`]; and tokens would be sent over a connection without TLS.
    pub fn connect_renewing(url: &str, renewal: Renewal, options: Options) -> Result<Self, DbError> {
        let pool = Pool::lazy(url, options, renewal.gives_tokens())?;
        let renewing = Some(Arc::new(Renewing::new(renewal, url)));
        Ok(Self { pool, options, renewing, stats: Arc::default() })
    }

    /// Which engine this is.
    #[must_use]
    pub const fn engine(&self) -> Engine {
        match self.pool {
            #[cfg(feature = "sqlite")]
            Pool::Sqlite(_) => Engine::Sqlite,
            #[cfg(feature = "mysql")]
            Pool::MySql(_) => Engine::MySql,
            #[cfg(feature = "postgres")]
            Pool::Postgres(_) => Engine::Postgres,
        }
    }

    /// The statements sent so far.
    #[must_use]
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Takes one connection out of the pool, for what must stay on one connection (a lock and the writes under it).
    ///
    /// # Errors
    /// [`crate::Fault::Unreachable`] when no connection can be made or becomes free in time.
    pub async fn acquire(&self) -> Result<Connection, DbError> {
        Connection::acquire(self).await
    }

    /// Begins a transaction that may write: on SQLite it takes the write lock at once, so that it cannot fail half-way
    /// for having read first. Dropping it rolls back.
    ///
    /// # Errors
    /// [`crate::Fault::Unreachable`] without a connection, [`crate::Fault::Conflict`] when SQLite stays locked.
    pub async fn begin(&self) -> Result<Tx<'static>, DbError> {
        Tx::begin(self).await
    }

    /// Runs one statement of its own; gives the number of rows it matched.
    ///
    /// # Errors
    /// Any [`crate::Fault`].
    pub async fn execute(&self, sql: &str, args: impl Into<Vec<Value>> + Send) -> Result<u64, DbError> {
        self.acquire().await?.execute(sql, args).await
    }

    /// All rows of one statement.
    ///
    /// # Errors
    /// Any [`crate::Fault`].
    pub async fn fetch_all<T: FromAnyRow>(
        &self,
        sql: &str,
        args: impl Into<Vec<Value>> + Send,
    ) -> Result<Vec<T>, DbError> {
        self.acquire().await?.fetch_all(sql, args).await
    }

    /// The first row of one statement, if there is one.
    ///
    /// # Errors
    /// Any [`crate::Fault`].
    pub async fn fetch_optional<T: FromAnyRow>(
        &self,
        sql: &str,
        args: impl Into<Vec<Value>> + Send,
    ) -> Result<Option<T>, DbError> {
        self.acquire().await?.fetch_optional(sql, args).await
    }

    /// Applies a set of embedded migrations, as [`Connection::migrate`] does.
    ///
    /// # Errors
    /// sqlx's reason: a migration failed or one that was applied has changed since.
    pub async fn migrate(&self, migrator: &sqlx::migrate::Migrator) -> Result<(), MigrateFailure> {
        let mut connection = self.acquire().await.map_err(DbError::into_migrate_failure)?;
        let result = connection.migrate(migrator).await;
        if result.is_err() && self.engine() != Engine::Sqlite {
            connection.discard();
        }
        result
    }

    /// Closes the pool: connections end, further statements fail as [`crate::Fault::Unreachable`].
    pub async fn close(&self) {
        match &self.pool {
            #[cfg(feature = "sqlite")]
            Pool::Sqlite(pool) => pool.close().await,
            #[cfg(feature = "mysql")]
            Pool::MySql(pool) => pool.close().await,
            #[cfg(feature = "postgres")]
            Pool::Postgres(pool) => pool.close().await,
        }
    }
}

/// A migration that could not be applied.
#[derive(Debug, thiserror::Error)]
#[error("a migration could not be applied: {0}")]
pub struct MigrateFailure(pub sqlx::migrate::MigrateError);
