//! A client that calls a router without a network.

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{HeaderMap, Request, StatusCode},
};
use serde_json::Value;
use tower::ServiceExt as _;

/// A router with headers that go with every call. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    router: Router,
    headers: Vec<(String, String)>,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as text.
    pub text: String,
}

impl Client {
    /// A client of a router.
    #[must_use]
    pub const fn new(router: Router) -> Self {
        Self { router, headers: Vec::new() }
    }

    /// The same client with one more header.
    #[must_use]
    pub fn with(&self, name: &str, value: impl Into<String>) -> Self {
        let mut client = self.clone();
        client.headers.push((name.to_owned(), value.into()));
        client
    }

    /// The same client with a bearer token.
    #[must_use]
    pub fn bearer(&self, token: &str) -> Self {
        self.with("authorization", format!("Bearer {token}"))
    }

    /// Sends any request.
    pub async fn send(&self, method: &str, path: &str, body: impl Into<Body>) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let request = request.body(body.into()).expect("a request");
        let Ok(response) = self.router.clone().oneshot(request).await;
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.expect("a body");
        let text = String::from_utf8(bytes.to_vec()).expect("a body in UTF-8");
        Answer { status: parts.status, headers: parts.headers, text }
    }

    /// Sends GET.
    pub async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, Body::empty()).await
    }

    /// Sends JSON.
    pub async fn json(&self, method: &str, path: &str, body: &Value) -> Answer {
        self.with("content-type", "application/json").send(method, path, body.to_string()).await
    }

    /// Sends JSON by POST.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.json("POST", path, body).await
    }
}

impl Answer {
    /// The body as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {} {}", self.status, self.text))
    }

    /// A header, empty when it is missing.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("a header in ASCII"))
    }

    /// Fails unless the status is this one; gives the answer back.
    #[must_use]
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        self
    }

    /// Fails unless this is a problem with this status and code; gives its `errors` as "pointer code" or "parameter
    /// code", sorted.
    #[track_caller]
    #[allow(clippy::must_use_candidate, reason = "most tests want no more than the check")]
    pub fn problem(&self, status: u16, code: &str) -> Vec<String> {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        assert_eq!(self.header("content-type"), "application/problem+json; charset=utf-8");
        let problem = self.json();
        assert_eq!(problem["code"], code, "{problem}");
        assert_eq!(problem["status"], status, "{problem}");
        let kind = format!("https://kinlink.dev/problems/{}", code.replace('_', "-"));
        assert_eq!(problem["type"], kind.as_str(), "{problem}");
        assert!(!problem["title"].as_str().expect("a title").is_empty(), "{problem}");
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let errors = problem["errors"].as_array().cloned().unwrap_or_default();
        let mut named: Vec<String> = errors
            .iter()
            .map(|error| format!("{}{} {}", text(&error["pointer"]), text(&error["parameter"]), text(&error["code"])))
            .collect();
        named.sort();
        named
    }
}
