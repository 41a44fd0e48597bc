//! Running statements: on a connection or in a transaction, in the same words.

use std::{future::Future, sync::Arc, time::Duration};

use sqlx::{AssertSqlSafe, SqlStr, pool::PoolConnection};
use sqlx_core::transaction::TransactionManager as _;
use tokio::time::timeout;

#[cfg(feature = "crash-points")]
use crate::script::{self, At};
use crate::{Db, DbError, Engine, MigrateFailure, Stats, Value, acquire::acquire, crash, pool::Pool, rewrite, stats};

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
///
/// One that is dropped in the middle of a statement (it timed out, or nobody waits for it any more) ends instead: giving it back
/// would mean to wait for a server that may never answer.
#[derive(Debug)]
pub struct Connection {
    engine: Engine,
    /// There until it is dropped or discarded.
    inner: Option<Inner>,
    /// Whether a statement was begun and has not come to its end.
    busy: bool,
    /// How long a statement may take.
    limit: Option<Duration>,
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

const THERE: &str = "there until it is dropped";

/// On PostgreSQL a statement with more values is planned anew each time: from the sixth time on it would run a kept one by a
/// plan that compares every row with every value of a long list. (On MariaDB preparing is what is dear.)
const KEPT_VALUES: usize = 100;
/// How long a connection is waited for that goes back: it ends a transaction that was left open, and shows that it lives.
const RETURN_LIMIT: Duration = Duration::from_secs(2);

/// What the database is told at a point of a [script](crate::script); in a shipped binary just that.
#[cfg(feature = "crash-points")]
macro_rules! point {
    ($stats:expr, $at:expr, $skipped:expr, $told:expr) => {
        script::at($stats, || $at, $skipped, $told).await
    };
}
#[cfg(not(feature = "crash-points"))]
macro_rules! point {
    ($stats:expr, $at:expr, $skipped:expr, $told:expr) => {{
        let _ = $stats;
        let told: Result<_, DbError> = $told.await;
        told
    }};
}

/// Runs `$body` for the connection at hand, whichever engine it is.
macro_rules! on_connection {
    ($self:expr, |$connection:ident, $arguments:ident| $body:expr) => {
        match $self.inner.as_mut().expect(THERE) {
            #[cfg(feature = "sqlite")]
            Inner::Sqlite(connection) => {
                use bind::sqlite as $arguments;
                let $connection = &mut **connection;
                $body
            }
            #[cfg(feature = "mysql")]
            Inner::MySql(connection) => {
                use bind::mysql as $arguments;
                let $connection = &mut **connection;
                $body
            }
            #[cfg(feature = "postgres")]
            Inner::Postgres(connection) => {
                use bind::postgres as $arguments;
                let $connection = &mut **connection;
                $body
            }
        }
    };
}

impl Connection {
    pub(crate) async fn acquire(db: &Db) -> Result<Self, DbError> {
        let inner = match &db.pool {
            #[cfg(feature = "sqlite")]
            Pool::Sqlite(pool) => Inner::Sqlite(acquire(db, pool).await?),
            #[cfg(feature = "mysql")]
            Pool::MySql(pool) => Inner::MySql(acquire(db, pool).await?),
            #[cfg(feature = "postgres")]
            Pool::Postgres(pool) => Inner::Postgres(acquire(db, pool).await?),
        };
        let engine = db.engine();
        let limit = (engine != Engine::Sqlite).then_some(db.options.statement_timeout);
        Ok(Self { engine, inner: Some(inner), busy: false, limit, stats: Arc::clone(&db.stats) })
    }

    /// Begins a transaction on this connection.
    ///
    /// # Errors
    /// As [`Db::begin`].
    pub async fn begin(&mut self) -> Result<Tx<'_>, DbError> {
        Tx::on(Held::Lent(self)).await
    }

    /// Applies a set of embedded migrations with sqlx's migrator. After a failure, [`Connection::discard`] it on a server:
    /// sqlx then leaves its advisory lock on the connection, and others would wait for it.
    ///
    /// Do not rely on that lock on MariaDB, which takes the endless time that sqlx waits for it for none at all.
    ///
    /// # Errors
    /// sqlx's reason: a migration failed or one that was applied has changed since.
    pub async fn migrate(&mut self, migrator: &sqlx::migrate::Migrator) -> Result<(), MigrateFailure> {
        self.busy = true;
        let result = match self.inner.as_mut().expect(THERE) {
            #[cfg(feature = "sqlite")]
            Inner::Sqlite(connection) => migrator.run_direct(None, &mut **connection, false).await,
            #[cfg(feature = "mysql")]
            Inner::MySql(connection) => migrator.run_direct(None, &mut **connection, false).await,
            #[cfg(feature = "postgres")]
            Inner::Postgres(connection) => migrator.run_direct(None, &mut **connection, false).await,
        };
        self.busy = false;
        result.map_err(MigrateFailure)
    }

    /// A connection that a script lost ends as one that a network lost does, and what is bound to it with it.
    #[cfg(feature = "crash-points")]
    fn lost<T>(&mut self, result: Result<T, DbError>) -> Result<T, DbError> {
        self.busy |= result.as_ref().is_err_and(|error| error.fault() == crate::Fault::Unreachable);
        result
    }

    #[cfg(not(feature = "crash-points"))]
    #[expect(clippy::unused_self, reason = "the scripts of tests are not compiled in")]
    const fn lost<T>(&mut self, result: Result<T, DbError>) -> Result<T, DbError> {
        result
    }

    /// Ends the connection instead of giving it back: what is bound to it (an advisory lock) ends with it.
    pub fn discard(mut self) {
        self.end();
    }

    fn end(&mut self) {
        match self.inner.take() {
            #[cfg(feature = "sqlite")]
            Some(Inner::Sqlite(connection)) => drop(connection.detach()),
            #[cfg(feature = "mysql")]
            Some(Inner::MySql(connection)) => drop(connection.detach()),
            #[cfg(feature = "postgres")]
            Some(Inner::Postgres(connection)) => drop(connection.detach()),
            None => {}
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // SQLite answers always, and an embedded database in memory would end with its connection.
        if self.busy && self.engine != Engine::Sqlite {
            self.end();
        }
        match self.inner.take() {
            #[cfg(feature = "sqlite")]
            Some(Inner::Sqlite(connection)) => drop(connection),
            #[cfg(feature = "mysql")]
            Some(Inner::MySql(connection)) => give_back(connection),
            #[cfg(feature = "postgres")]
            Some(Inner::Postgres(connection)) => give_back(connection),
            None => {}
        }
    }
}

/// What dropping does in sqlx, but not for ever: a connection that died while the sandbox was frozen would keep its place in the
/// pool.
fn give_back<D: sqlx::Database>(mut connection: PoolConnection<D>) {
    match tokio::runtime::Handle::try_current() {
        Ok(runtime) => drop(runtime.spawn(timeout(RETURN_LIMIT, connection.return_to_pool()))),
        Err(_) => drop(connection.detach()),
    }
}

/// Waits for a statement, within its limit; `busy` stays true if it did not come to its end. Nothing more is said on such a
/// connection: it would only wait again.
async fn run<T>(
    busy: &mut bool,
    limit: Option<Duration>,
    statement: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, DbError> {
    if let Some(limit) = limit
        && *busy
    {
        return Err(DbError::silent(limit));
    }
    *busy = true;
    let result = match limit {
        Some(limit) => timeout(limit, statement).await.map_err(|_| DbError::silent(limit))?,
        None => statement.await,
    };
    *busy = false;
    Ok(result?)
}

/// A transaction. Nothing is kept unless [`Tx::commit`] returns `Ok`.
pub struct Tx<'c> {
    connection: Held<'c>,
    open: bool,
}

/// The connection of a transaction. sqlx's own transaction would hide it, and with it the way to end it.
enum Held<'c> {
    Own(Connection),
    Lent(&'c mut Connection),
}

impl Held<'_> {
    const fn get(&mut self) -> &mut Connection {
        match self {
            Self::Own(connection) => connection,
            Self::Lent(connection) => connection,
        }
    }
}

async fn begin<D: sqlx::Database>(
    connection: &mut D::Connection,
    statement: Option<SqlStr>,
) -> Result<(), sqlx::Error> {
    D::TransactionManager::begin(connection, statement).await
}

async fn commit<D: sqlx::Database>(connection: &mut D::Connection) -> Result<(), sqlx::Error> {
    D::TransactionManager::commit(connection).await
}

fn start_rollback<D: sqlx::Database>(connection: &mut D::Connection) {
    D::TransactionManager::start_rollback(connection);
}

impl Tx<'static> {
    pub(crate) async fn begin(db: &Db) -> Result<Self, DbError> {
        Tx::on(Held::Own(Connection::acquire(db).await?)).await
    }
}

impl<'c> Tx<'c> {
    async fn on(connection: Held<'c>) -> Result<Self, DbError> {
        // Open before it is: if beginning does not come to its end, what may have begun is rolled back.
        let mut tx = Self { connection, open: true };
        let Connection { inner, busy, limit, stats, .. } = tx.connection.get();
        point!(stats, At::Begin, |_| (), async {
            match inner.as_mut().expect(THERE) {
                #[cfg(feature = "sqlite")]
                Inner::Sqlite(connection) => {
                    let statement = Some(sqlx::SqlSafeStr::into_sql_str("BEGIN IMMEDIATE"));
                    run(busy, *limit, begin::<sqlx::Sqlite>(connection, statement)).await
                }
                #[cfg(feature = "mysql")]
                Inner::MySql(connection) => run(busy, *limit, begin::<sqlx::MySql>(connection, None)).await,
                #[cfg(feature = "postgres")]
                Inner::Postgres(connection) => run(busy, *limit, begin::<sqlx::Postgres>(connection, None)).await,
            }
        })?;
        Ok(tx)
    }

    /// Makes everything that was done in this transaction lasting.
    ///
    /// # Errors
    /// The commit failed. After [`crate::Fault::Unreachable`] it is not known whether it took effect.
    pub async fn commit(mut self) -> Result<(), DbError> {
        crash::point("before commit");
        let Connection { inner, busy, limit, stats, .. } = self.connection.get();
        let open = &mut self.open;
        point!(stats, At::Commit, |_| (), async {
            match inner.as_mut().expect(THERE) {
                #[cfg(feature = "sqlite")]
                Inner::Sqlite(connection) => run(busy, *limit, commit::<sqlx::Sqlite>(connection)).await?,
                #[cfg(feature = "mysql")]
                Inner::MySql(connection) => run(busy, *limit, commit::<sqlx::MySql>(connection)).await?,
                #[cfg(feature = "postgres")]
                Inner::Postgres(connection) => run(busy, *limit, commit::<sqlx::Postgres>(connection)).await?,
            }
            *open = false;
            Ok(())
        })?;
        crash::point("after commit");
        Ok(())
    }
}

impl Drop for Tx<'_> {
    fn drop(&mut self) {
        #[cfg(feature = "crash-points")]
        script::ended(&self.connection.get().stats);
        // A connection that is busy ends, and its transaction with it.
        if !self.open {
            return;
        }
        // Only noted here; it is sent with what comes next, at the latest when the connection goes back.
        match self.connection.get().inner.as_mut() {
            #[cfg(feature = "sqlite")]
            Some(Inner::Sqlite(connection)) => start_rollback::<sqlx::Sqlite>(connection),
            #[cfg(feature = "mysql")]
            Some(Inner::MySql(connection)) => start_rollback::<sqlx::MySql>(connection),
            #[cfg(feature = "postgres")]
            Some(Inner::Postgres(connection)) => start_rollback::<sqlx::Postgres>(connection),
            None => {}
        }
    }
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

impl Session for Connection {
    fn engine(&self) -> Engine {
        self.engine
    }

    async fn execute(&mut self, sql: &str, args: impl Into<Vec<Value>> + Send) -> Result<u64, DbError> {
        if stats::is_write(sql) {
            crash::point(sql);
        }
        let args = args.into();
        let result = point!(&self.stats, At::Statement(sql.to_owned()), |rows| rows, async {
            self.stats.count(sql);
            let sql = rewrite(self.engine, sql).into_owned();
            let keep = self.engine != Engine::Postgres || args.len() <= KEPT_VALUES;
            on_connection!(self, |connection, arguments| {
                let query = sqlx::query_with(AssertSqlSafe(sql), arguments(args)?).persistent(keep);
                Ok(run(&mut self.busy, self.limit, query.execute(connection)).await?.rows_affected())
            })
        });
        self.lost(result)
    }

    async fn fetch_all<T: FromAnyRow>(
        &mut self,
        sql: &str,
        args: impl Into<Vec<Value>> + Send,
    ) -> Result<Vec<T>, DbError> {
        let args = args.into();
        let result = point!(&self.stats, At::Statement(sql.to_owned()), |_| Vec::new(), async {
            self.stats.count(sql);
            let sql = rewrite(self.engine, sql).into_owned();
            let keep = self.engine != Engine::Postgres || args.len() <= KEPT_VALUES;
            on_connection!(self, |connection, arguments| {
                let query = sqlx::query_as_with(AssertSqlSafe(sql), arguments(args)?).persistent(keep);
                run(&mut self.busy, self.limit, query.fetch_all(connection)).await
            })
        });
        self.lost(result)
    }
}

impl Session for Tx<'_> {
    fn engine(&self) -> Engine {
        match &self.connection {
            Held::Own(connection) => connection.engine,
            Held::Lent(connection) => connection.engine,
        }
    }

    async fn execute(&mut self, sql: &str, args: impl Into<Vec<Value>> + Send) -> Result<u64, DbError> {
        self.connection.get().execute(sql, args).await
    }

    async fn fetch_all<T: FromAnyRow>(
        &mut self,
        sql: &str,
        args: impl Into<Vec<Value>> + Send,
    ) -> Result<Vec<T>, DbError> {
        self.connection.get().fetch_all(sql, args).await
    }
}
