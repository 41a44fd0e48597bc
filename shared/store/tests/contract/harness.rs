//! Running one test on every engine.

use std::{any::Any, fmt::Debug, sync::Arc};

use kinlink_db::Options;
use kinlink_store::{Connection, Db, Engine, migrations};
use kinlink_testkit::{TestDb, fresh};
use tokio::sync::Barrier;

/// A migrated store that nobody else uses.
#[derive(Clone)]
pub(crate) struct Store {
    pub(crate) db: Db,
    /// Keeps SQLite's file.
    _test: Arc<TestDb>,
}

impl Store {
    /// One connection out of its pool.
    pub(crate) async fn connect(&self) -> Connection {
        self.db.acquire().await.expect("a connection")
    }

    pub(crate) fn engine(&self) -> Engine {
        self.db.engine()
    }
}

/// The databases that tests run on.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Base {
    Engine(Engine),
    /// PostgreSQL in a database that sorts by the rules of a language, as most servers are set up; the test server's own
    /// default sorts by bytes, as the other two engines do.
    LinguisticPostgres,
}

pub(crate) const ENGINES: [Engine; 3] = [Engine::Sqlite, Engine::MySql, Engine::Postgres];

/// Runs a test on every engine, each with a migrated store of its own. A failure names the engine.
pub(crate) async fn for_each_engine<Fut>(test: impl Fn(Store) -> Fut)
where
    Fut: Future<Output = ()> + Send + 'static,
{
    run(ENGINES.map(Base::Engine).to_vec(), test).await;
}

/// As [`for_each_engine`], for what depends on an order of texts.
pub(crate) async fn for_each_order<Fut>(test: impl Fn(Store) -> Fut)
where
    Fut: Future<Output = ()> + Send + 'static,
{
    let mut bases = ENGINES.map(Base::Engine).to_vec();
    bases.push(Base::LinguisticPostgres);
    run(bases, test).await;
}

async fn run<Fut>(bases: Vec<Base>, test: impl Fn(Store) -> Fut)
where
    Fut: Future<Output = ()> + Send + 'static,
{
    let mut running = Vec::new();
    for base in bases {
        let store = store(base).await;
        running.push((base, store.clone(), tokio::spawn(test(store))));
    }
    let mut failures = Vec::new();
    // A test may take only the pool out of its store: the store is kept here until it ends.
    for (base, _store, task) in running {
        if let Err(error) = task.await {
            failures.push(format!("on {base:?}: {}", message(error.into_panic().as_ref())));
        }
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

fn message(panic: &(dyn Any + Send)) -> &str {
    panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("?")
}

async fn store(base: Base) -> Store {
    let (test, db) = match base {
        Base::Engine(engine) => {
            let test = fresh(engine).await;
            let db = test.db.clone();
            (test, db)
        }
        Base::LinguisticPostgres => {
            let test = fresh(Engine::Postgres).await;
            let name = format!("{}_en", test.name);
            let create = format!(
                "CREATE DATABASE \"{name}\" TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER icu ICU_LOCALE 'en-GB'"
            );
            test.db.execute(&create, []).await.expect("a database that sorts by language");
            let db = second_pool(&test.url.replace(&test.name, &name));
            (test, db)
        }
    };
    migrations::migrate(&db).await.expect("the migrations");
    Store { db, _test: Arc::new(test) }
}

/// A further pool, as another process would have.
pub(crate) fn second_pool(url: &str) -> Db {
    Db::connect_lazy(url, Options::default()).expect("the URL of a test database")
}

/// Runs `test` in several tasks at once, each with its number and a connection of its own; gives the results in order.
pub(crate) async fn at_once<T, Fut>(db: &Db, tasks: usize, test: impl Fn(usize, Connection) -> Fut) -> Vec<T>
where
    T: Send + 'static,
    Fut: Future<Output = T> + Send + 'static,
{
    let barrier = Arc::new(Barrier::new(tasks));
    let mut running = Vec::new();
    for task in 0..tasks {
        let connection = db.acquire().await.expect("a connection");
        let (future, barrier) = (test(task, connection), Arc::clone(&barrier));
        running.push(tokio::spawn(async move {
            barrier.wait().await;
            future.await
        }));
    }
    let mut results = Vec::new();
    for task in running {
        results.push(task.await.expect("a task that does not panic"));
    }
    results
}

/// What two values have in common that cannot be compared: their debug forms.
#[track_caller]
pub(crate) fn assert_same(left: &impl Debug, right: &impl Debug) {
    assert_eq!(format!("{left:#?}"), format!("{right:#?}"));
}
