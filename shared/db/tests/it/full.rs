//! A server without a free connection.

use std::time::Duration;

use kinlink_db::{Db, Fault, Options};
use kinlink_testkit::servers;

use crate::between::{Between, address};

#[tokio::test]
async fn a_full_server_is_asked_again_until_it_has_room() {
    for test in servers().await {
        let server = Between::start(test.engine(), address(&test.url), 3).await;
        let db = Db::connect_lazy(&server.url(&test.url), Options::default()).unwrap();
        db.execute("SELECT 1", []).await.unwrap();
        assert_eq!(server.accepted(), 4, "{}", test.engine());
        db.close().await;
        test.drop_database().await;
    }
}

#[tokio::test]
async fn a_server_that_stays_full_is_named_as_the_reason_in_time() {
    for test in servers().await {
        let server = Between::start(test.engine(), address(&test.url), usize::MAX).await;
        let options = Options { acquire_timeout: Duration::from_secs(1), ..Options::default() };
        let db = Db::connect_lazy(&server.url(&test.url), options).unwrap();
        let asked = tokio::time::timeout(Duration::from_secs(5), db.execute("SELECT 1", [])).await;
        let error = asked.expect("an answer in time").unwrap_err();
        assert_eq!(error.fault(), Fault::Unreachable);
        assert!(error.to_string().to_lowercase().contains("too many"), "{error}");
        assert!((3..40).contains(&server.accepted()), "{} tries", server.accepted());
        test.drop_database().await;
    }
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_named_as_the_reason() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    for scheme in ["mysql", "postgres"] {
        let options = Options { acquire_timeout: Duration::from_millis(500), ..Options::default() };
        let db = Db::connect_lazy(&format!("{scheme}://nobody@127.0.0.1:{port}/nothing"), options).unwrap();
        let error = db.execute("SELECT 1", []).await.unwrap_err();
        assert_eq!(error.fault(), Fault::Unreachable);
        assert!(error.to_string().contains("refused"), "{error}");
    }
}
