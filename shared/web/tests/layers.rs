//! What goes around every route, and the extractors, seen from outside.

use axum::{
    Router,
    routing::{get, post},
};
use kinlink_testapp::Client;
use kinlink_web::{IfMatch, Json, MaybeJson, Path, body::read, etag::tagged, finish};
use serde::Deserialize;
use serde_json::json;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    #[serde(default)]
    text: String,
}

fn client() -> Client {
    let routes = Router::new()
        .route("/fine", get(async || tagged(7, "fine")).put(async |tag: IfMatch| format!("{tag:?}")))
        .route("/json", post(async |Json::<Body>(body)| body.text.len().to_string()))
        .route("/maybe", post(async |MaybeJson::<Body>(body)| body.text))
        .route("/raw", post(async |request| read(request, 10).await.map(|bytes| bytes.len().to_string())))
        .route("/item/{id}", get(async |Path(id): Path<u8>| id.to_string()))
        .route("/panic", get(async || assert!(std::env::args().next().is_none(), "somebody's name")));
    Client::new(finish(routes))
}

#[tokio::test]
async fn every_answer_carries_the_security_headers_and_an_id() {
    let client = client();
    for path in ["/fine", "/nothing", "/panic"] {
        let answer = client.get(path).await;
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cache-control", "no-store"),
            ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
            ("strict-transport-security", "max-age=31536000"),
        ] {
            assert_eq!(answer.header(name), value, "{path}");
        }
        let shares = answer.headers.keys().any(|name| name.as_str().starts_with("access-control-"));
        assert!(!shares, "{path}: other origins may read it");
        assert_eq!(answer.header("x-request-id").len(), 36, "{path}");
    }
    let id = "0192f0c1-8a5e-7c3e-9d1a-3f1b2c4d5e6f";
    assert_eq!(client.with("x-request-id", id).get("/fine").await.header("x-request-id"), id);
    assert_ne!(client.with("x-request-id", "me").get("/fine").await.header("x-request-id"), "me");
}

#[tokio::test]
async fn a_panic_is_an_internal_problem_that_says_nothing() {
    let answer = client().get("/panic").await;
    answer.problem(500, "internal");
    assert!(!answer.text.contains("somebody"), "{}", answer.text);
}

#[tokio::test]
async fn unknown_addresses_and_methods_are_problems() {
    let client = client();
    client.get("/nothing").await.problem(404, "not_found");
    client.get("/item/x").await.problem(404, "not_found");
    client.get("/item/%ff").await.problem(404, "not_found");
    let answer = client.send("DELETE", "/fine", "").await;
    answer.problem(405, "method_not_allowed");
    let mut allowed: Vec<_> = answer.header("allow").split(',').map(str::trim).collect();
    allowed.sort_unstable();
    assert_eq!(allowed, ["GET", "HEAD", "PUT"]);
}

#[tokio::test]
async fn bodies_are_limited_and_must_be_json() {
    let client = client();
    let most = 32 * 1024 - r#"{"text":""}"#.len();
    let answer = client.post("/json", &json!({ "text": "x".repeat(most) })).await.expect(200);
    assert_eq!(answer.text, most.to_string());
    client.post("/json", &json!({ "text": "x".repeat(most + 1) })).await.problem(413, "too_large");
    client.send("POST", "/json", "{}").await.problem(415, "unsupported_media_type");
    client.with("content-type", "text/plain").send("POST", "/json", "{}").await.problem(415, "unsupported_media_type");
    client.with("content-type", "application/json").send("POST", "/json", "{").await.problem(400, "bad_json");
    let errors = client.post("/json", &json!({ "test": "" })).await.problem(422, "invalid_fields");
    assert_eq!(errors, ["/test unknown_field"]);
    let _ =
        client.with("content-type", "application/json; charset=utf-8").send("POST", "/json", "{}").await.expect(200);

    let _ = client.send("POST", "/maybe", "").await.expect(200);
    client.send("POST", "/maybe", "{}").await.problem(415, "unsupported_media_type");
    let _ = client.post("/maybe", &json!({ "text": "x" })).await.expect(200);

    let _ = client.send("POST", "/raw", "1234567890").await.expect(200);
    client.send("POST", "/raw", "12345678901").await.problem(413, "too_large");
}

#[tokio::test]
async fn versions_are_entity_tags() {
    let client = client();
    assert_eq!(client.get("/fine").await.header("etag"), "\"v7\"");
    client.send("PUT", "/fine", "").await.problem(428, "precondition_required");
    assert_eq!(client.with("if-match", "\"v7\"").send("PUT", "/fine", "").await.text, "IfMatch(Some(7))");
    client.with("if-match", "v7").send("PUT", "/fine", "").await.problem(400, "bad_if_match");
    client
        .with("if-match", "\"v7\"")
        .with("if-match", "\"v8\"")
        .send("PUT", "/fine", "")
        .await
        .problem(400, "bad_if_match");
}
