//! Running statements: on a connection or in a transaction, in the same words.

use std::{future::Future, sync::Arc};

use sqlx::{AssertSqlSafe, Transaction, pool::PoolConnection};

use crate::{Db, DbError, Engine, MigrateFailure, Stats, Value, crash, pool::Pool, rewrite, stats};

/// A row type that every engine in this binary can fill: any struct with `#[derive(sqlx::FromRow)]` and portable fields.
pub trait FromAnyRow: from_row::Sqlite + from_row::MySql + from_row::Postgres + Send + Unpin + 'static {}
impl<T: from_row::Sqlite + from_row::MySql + from_row::Postgres + Send + Unpin + 'static> FromAnyRow for T {}

/// One bound an engine; empty for engines that this binary lacks.
mod from_row {
    macro_rules! bound {
        ($feature:literal, $name:ident, $row:ty) => {
            #[cfg(feature = $feature)]
            pub trait $name: for<'r> sqlx::FromRow<'r, $row> {}
            #[cfg(feature = $feature)]
            impl<T: for<'r> sqlx::FromRow<'r, $row>> $name for T {}
            #[cfg(not(feature = $feature))]
            pub trait $name {}
            #[cfg(not(feature = $feature))]
            impl<T> $name for T {}
        };
    }
    bound!("sqlite", Sqlite, sqlx::sqlite::SqliteRow);
    bound!("mysql", MySql, sqlx::mysql::MySqlRow);
    bound!("postgres", Postgres, sqlx::postgres::PgRow);
}

/// Where statements run. Functions that query take `&mut impl Session`, so that they work alone and inside a transaction.
pub trait Session: Send {
    /// Which engine this is.
    fn engine(&self) -> Engine;

    /// Runs a statement; gives the number of rows it matched (also on MariaDB/MySQL: matched, not changed).
    fn execute(
        &mut self,
        sql: &str,
        args: impl Into<Vec<Value>> + Send,
    ) -> impl Future<Output = Result<u64, DbError>> + Send;

    /// All rows.
    fn fetch_all<T: FromAnyRow>(
        &mut self,
        sql: &str,
        args: impl Into<Vec<Value>> + Send,
    ) -> impl Future<Output = Result<Vec<T>, DbError>> + Send;

    /// The first row, if there is one.
    fn fetch_optional<T: FromAnyRow>(
        &mut self,
        sql: &str,
        args: impl Into<Vec<Value>> + Send,
    ) -> impl Future<Output = Result<Option<T>, DbError>> + Send {
        async move { Ok(self.fetch_all(sql, args).await?.into_iter().next()) }
    }
}

/// One connection taken out of the pool; it goes back when dropped.
#[derive(Debug)]
pub struct Connection {
    inner: Inner,
    stats: Arc<Stats>,
}

#[derive(Debug)]
enum Inner {
    #[cfg(feature = "sqlite")]
    Sqlite(PoolConnection<sqlx::Sqlite>),
    #[cfg(feature = "mysql")]
    MySql(PoolConnection<sqlx::MySql>),
    #[cfg(feature = "postgres")]
    Postgres(PoolConnection<sqlx::Postgres>),
}

/// A transaction. Nothing is kept unless [`Tx::commit`] returns `Ok`.
pub struct Tx<'c> {
    inner: TxInner<'c>,
    stats: Arc<Stats>,
}

enum TxInner<'c> {
    #[cfg(feature = "sqlite")]
    Sqlite(Transaction<'c, sqlx::Sqlite>),
    #[cfg(feature = "mysql")]
    MySql(Transaction<'c, sqlx::MySql>),
    #[cfg(feature = "postgres")]
    Postgres(Transaction<'c, sqlx::Postgres>),
}

/// On PostgreSQL a statement with more values is planned anew each time: from the sixth time on it would run a kept one by a
/// plan that compares every row with every value of a long list. (On MariaDB preparing is what is dear.)
const KEPT_VALUES: usize = 100;

#[cfg(feature = "sqlite")]
const SQLITE_BEGIN: &str = "BEGIN IMMEDIATE";

impl Connection {
    pub(crate) async fn acquire(db: &Db) -> Result<Self, DbError> {
        let inner = match &db.pool {
            #[cfg(feature = "sqlite")]
            Pool::Sqlite(pool) => Inner::Sqlite(pool.acquire().await?),
            #[cfg(feature = "mysql")]
            Pool::MySql(pool) => Inner::MySql(pool.acquire().await?),
            #[cfg(feature = "postgres")]
            Pool::Postgres(pool) => Inner::Postgres(pool.acquire().await?),
        };
        Ok(Self { inner, stats: Arc::clone(&db.stats) })
    }

    /// Begins a transaction on this connection.
    ///
    /// # Errors
    /// As [`Db::begin`].
    pub async fn begin(&mut self) -> Result<Tx<'_>, DbError> {
        use sqlx::Connection as _;
        let inner = match &mut self.inner {
            #[cfg(feature = "sqlite")]
            Inner::Sqlite(connection) => TxInner::Sqlite(connection.begin_with(SQLITE_BEGIN).await?),
            #[cfg(feature = "mysql")]
            Inner::MySql(connection) => TxInner::MySql(connection.begin().await?),
            #[cfg(feature = "postgres")]
            Inner::Postgres(connection) => TxInner::Postgres(connection.begin().await?),
        };
        Ok(Tx { inner, stats: Arc::clone(&self.stats) })
    }

    /// Applies a set of embedded migrations with sqlx's migrator. After a failure, [`Connection::discard`] it on a server:
    /// sqlx then leaves its advisory lock on the connection, and others would wait for it.
    ///
    /// Do not rely on that lock on MariaDB, which takes the endless time that sqlx waits for it for none at all.
    ///
    /// # Errors
    /// sqlx's reason: a migration failed or one that was applied has changed since.
    pub async fn migrate(&mut self, migrator: &sqlx::migrate::Migrator) -> Result<(), MigrateFailure> {
        let result = match &mut self.inner {
            #[cfg(feature = "sqlite")]
            Inner::Sqlite(connection) => migrator.run_direct(None, &mut **connection, false).await,
            #[cfg(feature = "mysql")]
            Inner::MySql(connection) => migrator.run_direct(None, &mut **connection, false).await,
            #[cfg(feature = "postgres")]
            Inner::Postgres(connection) => migrator.run_direct(None, &mut **connection, false).await,
        };
        result.map_err(MigrateFailure)
    }

    /// Ends the connection instead of giving it back: what is bound to it (an advisory lock) ends with it.
    pub fn discard(self) {
        match self.inner {
            #[cfg(feature = "sqlite")]
            Inner::Sqlite(connection) => drop(connection.detach()),
            #[cfg(feature = "mysql")]
            Inner::MySql(connection) => drop(connection.detach()),
            #[cfg(feature = "postgres")]
            Inner::Postgres(connection) => drop(connection.detach()),
        }
    }
}

impl Tx<'static> {
    pub(crate) async fn begin(db: &Db) -> Result<Self, DbError> {
        let inner = match &db.pool {
            #[cfg(feature = "sqlite")]
            Pool::Sqlite(pool) => TxInner::Sqlite(pool.begin_with(SQLITE_BEGIN).await?),
            #[cfg(feature = "mysql")]
            Pool::MySql(pool) => TxInner::MySql(pool.begin().await?),
            #[cfg(feature = "postgres")]
            Pool::Postgres(pool) => TxInner::Postgres(pool.begin().await?),
        };
        Ok(Self { inner, stats: Arc::clone(&db.stats) })
    }
}

impl Tx<'_> {
    /// Makes everything that was done in this transaction lasting.
    ///
    /// # Errors
    /// The commit failed. After [`crate::Fault::Unreachable`] it is not known whether it took effect.
    pub async fn commit(self) -> Result<(), DbError> {
        crash::point("before commit");
        match self.inner {
            #[cfg(feature = "sqlite")]
            TxInner::Sqlite(tx) => tx.commit().await?,
            #[cfg(feature = "mysql")]
            TxInner::MySql(tx) => tx.commit().await?,
            #[cfg(feature = "postgres")]
            TxInner::Postgres(tx) => tx.commit().await?,
        }
        crash::point("after commit");
        Ok(())
    }
}

/// Runs `$body` for the connection at hand, whichever engine it is.
macro_rules! on_connection {
    ($enum:ident, $self:expr, |$connection:ident, $arguments:ident| $body:expr) => {
        match &mut $self.inner {
            #[cfg(feature = "sqlite")]
            $enum::Sqlite(connection) => {
                use bind::sqlite as $arguments;
                let $connection = &mut **connection;
                $body
            }
            #[cfg(feature = "mysql")]
            $enum::MySql(connection) => {
                use bind::mysql as $arguments;
                let $connection = &mut **connection;
                $body
            }
            #[cfg(feature = "postgres")]
            $enum::Postgres(connection) => {
                use bind::postgres as $arguments;
                let $connection = &mut **connection;
                $body
            }
        }
    };
}

/// Turns values into each driver's arguments.
mod bind {
    macro_rules! binder {
        ($feature:literal, $name:ident, $arguments:ty) => {
            #[cfg(feature = $feature)]
            pub(super) fn $name(values: Vec<crate::Value>) -> Result<$arguments, crate::DbError> {
                use sqlx::Arguments as _;
                let mut arguments = <$arguments>::default();
                arguments.reserve(values.len(), values.len() * 16);
                for value in values {
                    let added = match value {
                        crate::Value::Int(value) => arguments.add(value),
                        crate::Value::Text(value) => arguments.add(value),
                    };
                    added.map_err(|error| crate::DbError::from(sqlx::Error::Encode(error)))?;
                }
                Ok(arguments)
            }
        };
    }
    binder!("sqlite", sqlite, sqlx::sqlite::SqliteArguments);
    binder!("mysql", mysql, sqlx::mysql::MySqlArguments);
    binder!("postgres", postgres, sqlx::postgres::PgArguments);
}

/// Implements [`Session`] for a struct with `inner` and `stats`.
macro_rules! session {
    ($type:ty, $enum:ident) => {
        impl Session for $type {
            fn engine(&self) -> Engine {
                match self.inner {
                    #[cfg(feature = "sqlite")]
                    $enum::Sqlite(_) => Engine::Sqlite,
                    #[cfg(feature = "mysql")]
                    $enum::MySql(_) => Engine::MySql,
                    #[cfg(feature = "postgres")]
                    $enum::Postgres(_) => Engine::Postgres,
                }
            }

            async fn execute(&mut self, sql: &str, args: impl Into<Vec<Value>> + Send) -> Result<u64, DbError> {
                if stats::is_write(sql) {
                    crash::point(sql);
                }
                self.stats.count(sql);
                let sql = rewrite(self.engine(), sql).into_owned();
                let args = args.into();
                let keep = self.engine() != Engine::Postgres || args.len() <= KEPT_VALUES;
                on_connection!($enum, self, |connection, arguments| {
                    let query = sqlx::query_with(AssertSqlSafe(sql), arguments(args)?).persistent(keep);
                    Ok(query.execute(connection).await?.rows_affected())
                })
            }

            async fn fetch_all<T: FromAnyRow>(
                &mut self,
                sql: &str,
                args: impl Into<Vec<Value>> + Send,
            ) -> Result<Vec<T>, DbError> {
                self.stats.count(sql);
                let sql = rewrite(self.engine(), sql).into_owned();
                let args = args.into();
                let keep = self.engine() != Engine::Postgres || args.len() <= KEPT_VALUES;
                on_connection!($enum, self, |connection, arguments| {
                    let query = sqlx::query_as_with(AssertSqlSafe(sql), arguments(args)?).persistent(keep);
                    Ok(query.fetch_all(connection).await?)
                })
            }
        }
    };
}

session!(Connection, Inner);
session!(Tx<'_>, TxInner);
