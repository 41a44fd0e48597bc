//! New empty databases, one a test, on each engine.

use kinlink_db::{Db, Engine, Options};
use tempfile::TempDir;
use uuid::Uuid;

use crate::address::database_server;

/// A database that nobody else uses.
///
/// On the servers it stays when this is dropped, and goes with the throw-away server at the end of `tests/run`; a test
/// that makes many calls [`TestDb::drop_database`]. The file of SQLite goes with the value.
#[derive(Debug)]
pub struct TestDb {
    /// A pool of connections to it.
    pub db: Db,
    /// Its URL, password included, for a second pool or another process.
    pub url: String,
    /// Its name; on SQLite the path of its file.
    pub name: String,
    /// Holds the file of SQLite.
    _folder: Option<TempDir>,
}

impl TestDb {
    /// Which engine this is.
    #[must_use]
    pub const fn engine(&self) -> Engine {
        self.db.engine()
    }

    /// Closes the pool and drops the database.
    pub async fn drop_database(self) {
        self.db.close().await;
        let statement = match self.engine() {
            // The file goes with the folder.
            Engine::Sqlite => return,
            Engine::MySql => format!("DROP DATABASE `{}`", self.name),
            Engine::Postgres => format!("DROP DATABASE \"{}\" WITH (FORCE)", self.name),
        };
        administer(self.engine(), &[&statement]).await;
    }

    /// Opens a database that exists on a server.
    pub(crate) fn on_server(engine: Engine, name: String) -> Self {
        let url = format!("{}/{name}", database_server(engine));
        let db = Db::connect_lazy(&url, Options::default()).expect("the URL of a test database");
        Self { db, url, name, _folder: None }
    }
}

/// A name that no other test has, short enough for every engine.
pub(crate) fn random_name(prefix: &str) -> String {
    format!("{prefix}_{}", Uuid::now_v7().simple())
}

/// Runs statements as the administrator of a database server.
pub(crate) async fn administer(engine: Engine, statements: &[&str]) {
    let administrator = administrator(engine);
    for statement in statements {
        administrator
            .execute(statement, [])
            .await
            .unwrap_or_else(|error| panic!("the test server for {engine} did not take `{statement}`: {error}"));
    }
    administrator.close().await;
}

/// A pool with one connection to the server's own database. Pools belong to one runtime, so each test has its own.
pub(crate) fn administrator(engine: Engine) -> Db {
    let own = match engine {
        Engine::MySql => "mysql",
        _ => "postgres",
    };
    let url = format!("{}/{own}", database_server(engine));
    Db::connect_lazy(&url, Options { max_connections: 1, ..Options::default() }).expect("the URL of a test server")
}

/// A new empty database on one engine.
pub async fn fresh(engine: Engine) -> TestDb {
    let name = random_name("test");
    match engine {
        Engine::Sqlite => {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let path =
                folder.path().join("test.db").to_str().expect("a temporary folder with a name in UTF-8").to_owned();
            let url = format!("sqlite://{path}");
            let db = Db::connect_lazy(&url, Options::default()).expect("the URL of a test database");
            TestDb { db, url, name: path, _folder: Some(folder) }
        }
        Engine::MySql => {
            // Said in full: the server's own default is latin1.
            let create = format!("CREATE DATABASE `{name}` CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci");
            administer(engine, &[&create]).await;
            TestDb::on_server(engine, name)
        }
        Engine::Postgres => {
            administer(engine, &[&format!("CREATE DATABASE \"{name}\"")]).await;
            TestDb::on_server(engine, name)
        }
    }
}

/// A new empty database on each engine: SQLite, MariaDB, PostgreSQL.
pub async fn all_engines() -> Vec<TestDb> {
    let mut all = vec![fresh(Engine::Sqlite).await];
    all.extend(servers().await);
    all
}

/// A new empty database on each engine that Moodle can have too: MariaDB, PostgreSQL.
pub async fn servers() -> Vec<TestDb> {
    vec![fresh(Engine::MySql).await, fresh(Engine::Postgres).await]
}
