//! The log line of each request. A test program of its own: tracing remembers, for the whole process, which lines nobody
//! wants, so tests that log beside this one would make it miss some.

use std::{
    io::Write,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    routing::{get, post},
};
use kinlink_testapp::Client;
use kinlink_web::{Json, Path, finish};

/// Lines that were logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no panic while logging").write(bytes)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn each_request_is_one_line_without_anything_that_the_caller_wrote() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().json().with_writer(move || writer.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let routes = Router::new()
        .route("/fine", get(async || "fine"))
        .route("/chatty", get(async || tracing::warn!("in between")))
        .route("/json", post(async |Json::<()>(())| "fine"))
        .route("/item/{id}", get(async |Path(id): Path<u8>| id.to_string()))
        .route("/panic", get(async || assert!(std::env::args().next().is_none(), "secret")));
    let client = Client::new(finish(routes));
    for (method, path, body) in [
        ("GET", "/item/77?name=secret", ""),
        ("POST", "/json?name=secret", "{\"secret\":1}"),
        ("GET", "/secret", ""),
        ("SECRET", "/fine", ""),
        ("GET", "/panic", ""),
    ] {
        client.with("content-type", "application/json").send(method, path, body).await;
    }
    let caught = log;
    let log = String::from_utf8(caught.0.lock().unwrap().clone()).unwrap();
    assert!(!log.to_lowercase().contains("secret"), "{log}");
    let lines: Vec<serde_json::Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let said: Vec<_> = lines
        .iter()
        .map(|line| {
            let fields = &line["fields"];
            let text = |name: &str| fields[name].as_str().unwrap_or_default().to_owned();
            (line["level"].clone(), text("method"), text("path"), fields["status"].as_u64().unwrap(), text("error"))
        })
        .collect();
    let line = |level: &str, method: &str, path: &str, status, error: &str| {
        (level.into(), method.to_owned(), path.to_owned(), status, error.to_owned())
    };
    assert_eq!(
        said,
        [
            line("INFO", "GET", "/item/{id}", 200, ""),
            line("INFO", "POST", "/json", 422, ""),
            line("INFO", "GET", "(none)", 404, ""),
            line("INFO", "(other)", "/fine", 405, ""),
            line("ERROR", "GET", "/panic", 500, "a panic"),
        ]
    );
    assert!(lines.iter().all(|line| line["span"]["request.id"].as_str().unwrap().len() == 36));

    let id = "0192f0c1-8a5e-7c3e-9d1a-3f1b2c4d5e6f";
    client.with("x-request-id", id).send("GET", "/chatty", "").await;
    let log = String::from_utf8(caught.0.lock().unwrap().clone()).unwrap();
    let last: Vec<serde_json::Value> =
        log.lines().rev().take(2).map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(last[1]["fields"]["message"], "in between");
    assert!(last.iter().all(|line| line["span"]["request.id"] == id), "every line of a request has its id: {last:?}");
}
