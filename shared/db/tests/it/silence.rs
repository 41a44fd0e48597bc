//! Servers that fall silent without ending their connections: what a frozen sandbox or a broken network leaves behind.

use std::time::Duration;

use kinlink_db::{Db, Fault, Options, Session as _};
use kinlink_testkit::{TestDb, servers};
use tokio::time::timeout;

use crate::between::{Between, address};

/// Longer than anything here may take; what was before waited for TCP to give up.
const SOON: Duration = Duration::from_secs(12);

fn one_connection() -> Options {
    Options {
        max_connections: 1,
        acquire_timeout: Duration::from_secs(4),
        statement_timeout: Duration::from_millis(300),
        ..Options::default()
    }
}

async fn each(options: Options) -> Vec<(TestDb, Between, Db)> {
    let mut all = Vec::new();
    for test in servers().await {
        let server = Between::start(test.engine(), address(&test.url), 0).await;
        let db = Db::connect_lazy(&server.url(&test.url), options).unwrap();
        db.execute("CREATE TABLE t (x INT)", []).await.unwrap();
        all.push((test, server, db));
    }
    all
}

async fn end(test: TestDb, server: Between, db: Db) {
    db.close().await;
    // The real server holds what a silent connection holds, until it learns of its end.
    drop(server);
    test.drop_database().await;
}

#[tokio::test]
async fn a_statement_without_an_answer_fails_in_time_and_its_connection_is_replaced() {
    for (test, server, db) in each(one_connection()).await {
        let mut connection = db.acquire().await.unwrap();
        server.silence_the_old();
        let error = timeout(SOON, connection.execute("INSERT INTO t VALUES (1)", [])).await.unwrap().unwrap_err();
        assert_eq!(error.fault(), Fault::Unreachable);
        assert!(error.to_string().contains("did not answer within 0.3 s"), "{error}");
        // Nobody waits for it twice.
        let again = timeout(Duration::from_millis(100), connection.execute("INSERT INTO t VALUES (2)", [])).await;
        assert_eq!(again.unwrap().unwrap_err().fault(), Fault::Unreachable);
        drop(connection);
        // The only place of the pool is free at once.
        timeout(Duration::from_secs(1), db.execute("INSERT INTO t VALUES (3)", [])).await.unwrap().unwrap();
        assert_eq!(server.accepted(), 2);
        end(test, server, db).await;
    }
}

#[tokio::test]
async fn a_transaction_without_an_answer_fails_in_time_and_keeps_nothing() {
    for (test, server, db) in each(one_connection()).await {
        let mut tx = db.begin().await.unwrap();
        tx.execute("INSERT INTO t VALUES (1)", []).await.unwrap();
        server.silence_the_old();
        let error = timeout(SOON, tx.commit()).await.unwrap().unwrap_err();
        assert_eq!(error.fault(), Fault::Unreachable);
        let rows: Vec<(i64,)> = timeout(SOON, db.fetch_all("SELECT COUNT(*) FROM t", [])).await.unwrap().unwrap();
        assert_eq!(rows, [(0,)], "{}", test.engine());
        end(test, server, db).await;
    }
}

#[tokio::test]
async fn a_statement_that_nobody_waits_for_any_more_does_not_keep_its_place() {
    let options = Options { statement_timeout: Duration::from_mins(5), ..one_connection() };
    for (test, server, db) in each(options).await {
        let mut connection = db.acquire().await.unwrap();
        server.silence_the_old();
        let left = timeout(Duration::from_millis(100), connection.execute("INSERT INTO t VALUES (1)", [])).await;
        assert!(left.is_err());
        drop(connection);
        timeout(Duration::from_secs(1), db.execute("INSERT INTO t VALUES (2)", [])).await.unwrap().unwrap();
        end(test, server, db).await;
    }
}

#[tokio::test]
async fn a_connection_that_died_while_it_was_idle_is_replaced() {
    let options = Options { trusted_idle: Duration::ZERO, ..one_connection() };
    for (test, server, db) in each(options).await {
        // Back in the pool, and not just on its way there.
        db.execute("INSERT INTO t VALUES (1)", []).await.unwrap();
        drop(db.acquire().await.unwrap());
        drop(db.acquire().await.unwrap());
        server.silence_the_old();
        timeout(SOON, db.execute("INSERT INTO t VALUES (2)", [])).await.unwrap().unwrap();
        assert_eq!(server.accepted(), 2);
        end(test, server, db).await;
    }
}

#[tokio::test]
async fn a_connection_that_died_on_its_way_back_does_not_keep_its_place() {
    for (test, server, db) in each(one_connection()).await {
        let connection = db.acquire().await.unwrap();
        server.silence_the_old();
        drop(connection);
        timeout(SOON, db.execute("INSERT INTO t VALUES (1)", [])).await.unwrap().unwrap();
        assert_eq!(server.accepted(), 2);
        end(test, server, db).await;
    }
}

#[tokio::test]
async fn a_server_that_says_nothing_at_all_is_the_reason_in_time() {
    for (test, server, db) in each(Options { acquire_timeout: Duration::from_secs(1), ..one_connection() }).await {
        let connection = db.acquire().await.unwrap();
        server.silence_all();
        connection.discard();
        let error = timeout(SOON, db.execute("INSERT INTO t VALUES (1)", [])).await.unwrap().unwrap_err();
        assert_eq!(error.fault(), Fault::Unreachable);
        assert!(error.to_string().contains("did not answer within 1 s"), "{error}");
        server.speak();
        timeout(SOON, db.execute("INSERT INTO t VALUES (2)", [])).await.unwrap().unwrap();
        end(test, server, db).await;
    }
}
