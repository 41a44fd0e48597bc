//! An HTTP proxy between the functions and the AWS emulator: writes down who called what, and makes faults by rule.
//!
//! Each function has an access key of its own, whose id stands in every signed request: that is how the record knows who
//! called. The emulator checks no signatures, so what a rule rewrites goes through.

use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use anyhow::{Context as _, Result};
use http_body_util::{BodyExt as _, Full};
use hyper::{Request, Response, StatusCode, body::Bytes, body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle, time::sleep};

/// What the id of each function's access key begins with; the function's name follows in capitals.
pub const KEY_PREFIX: &str = "AKIDKINLINK";

/// A call as it was made.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Call {
    /// Who called: the function's short name, or `test` for the tests themselves.
    pub function: String,
    /// `sqs`, `secretsmanager`, …
    pub service: String,
    /// `SendMessageBatch`, …
    pub action: String,
    /// The queue's URL or the secret's id, where the call names one.
    pub resource: String,
    /// The body.
    pub body: String,
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// AWS says that there were too many calls.
    Throttled,
    /// AWS answers with this status and nothing of use.
    Status(u16),
    /// The connection breaks before an answer.
    Reset,
    /// The call is done later.
    Late(Duration),
    /// The call is done, and its answer is lost: whoever called will do it again.
    AnswerLost,
    /// The call is answered as if it were done, on another queue: the message is lost.
    MessageLost,
    /// A message stays hidden for no more than so many seconds.
    Hidden(u32),
}

#[derive(Debug)]
struct Rule {
    function: String,
    action: &'static str,
    left: usize,
    fault: Fault,
}

#[derive(Debug, Default)]
struct Inner {
    calls: Mutex<Vec<Call>>,
    rules: Mutex<Vec<Rule>>,
    /// The queue that a lost message goes to instead.
    elsewhere: Mutex<BTreeMap<String, String>>,
}

/// The proxy.
#[derive(Debug)]
pub struct AwsProxy {
    /// Where it listens.
    pub address: SocketAddr,
    inner: Arc<Inner>,
    server: JoinHandle<()>,
}

impl Drop for AwsProxy {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl AwsProxy {
    /// A proxy on a free port before an emulator (`http://127.0.0.1:PORT`).
    ///
    /// # Errors
    /// No port is free.
    pub async fn start(emulator: String) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("a free port")?;
        let address = listener.local_addr()?;
        let inner = Arc::new(Inner::default());
        let (shared, client) = (inner.clone(), reqwest::Client::new());
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (inner, client, emulator) = (shared.clone(), client.clone(), emulator.clone());
                tokio::spawn(async move {
                    let serve = service_fn(|request| answer(&inner, &client, &emulator, request));
                    // An error is either the client's end or a connection that a rule breaks.
                    let connection = hyper::server::conn::http1::Builder::new();
                    let _ = connection.serve_connection(TokioIo::new(stream), serve).await;
                });
            }
        });
        Ok(Self { address, inner, server })
    }

    /// The endpoint for the functions.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Makes the next `times` calls of a function's action go wrong.
    pub fn fail(&self, function: &str, action: &'static str, times: usize, fault: Fault) {
        let rule = Rule { function: function.to_owned(), action, left: times, fault };
        lock(&self.inner.rules).push(rule);
    }

    /// How many faults are still to come.
    #[must_use]
    pub fn faults_left(&self) -> usize {
        lock(&self.inner.rules).iter().map(|rule| rule.left).sum()
    }

    /// No fault any more.
    pub fn heal(&self) {
        lock(&self.inner.rules).clear();
    }

    /// Where messages to a queue go when they are lost.
    pub fn lose_into(&self, queue: &str, other: &str) {
        lock(&self.inner.elsewhere).insert(queue.to_owned(), other.to_owned());
    }

    /// Every call so far.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        lock(&self.inner.calls).clone()
    }

    /// The calls of one action so far.
    #[must_use]
    pub fn calls_of(&self, function: &str, action: &str) -> Vec<Call> {
        self.calls().into_iter().filter(|call| call.function == function && call.action == action).collect()
    }

    /// Who called what on which resource: each once.
    #[must_use]
    pub fn record(&self) -> BTreeSet<(String, String, String)> {
        self.calls()
            .into_iter()
            .map(|call| (call.function, format!("{}:{}", call.service, call.action), call.resource))
            .collect()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// A connection that breaks: hyper closes it when a service fails.
#[derive(Debug)]
struct Broken;

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the connection breaks")
    }
}

impl std::error::Error for Broken {}

impl From<Infallible> for Broken {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

type Answered = Result<Response<Full<Bytes>>, Broken>;

async fn answer(inner: &Inner, client: &reqwest::Client, emulator: &str, request: Request<Incoming>) -> Answered {
    let (parts, body) = request.into_parts();
    let Ok(body) = body.collect().await.map(http_body_util::Collected::to_bytes) else { return Err(Broken) };
    let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let call = read(header("authorization"), header("x-amz-target"), &body);
    let fault = fault_of(inner, &call);
    lock(&inner.calls).push(call.clone());
    let mut body = body;
    match fault {
        Some(Fault::Throttled) => return Ok(refused(&call.service)),
        Some(Fault::Status(status)) => {
            let mut response = Response::new(Full::new(Bytes::from_static(b"<html>out of order</html>")));
            *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
            return Ok(response);
        }
        Some(Fault::Reset) => return Err(Broken),
        Some(Fault::Late(by)) => sleep(by).await,
        Some(Fault::MessageLost) => {
            let other = lock(&inner.elsewhere).get(&call.resource).cloned();
            body = changed(&body, "QueueUrl", &json!(other.unwrap_or_default()));
        }
        Some(Fault::Hidden(seconds)) => body = changed(&body, "VisibilityTimeout", &json!(seconds)),
        Some(Fault::AnswerLost) | None => {}
    }
    let mut forward = client.request(parts.method.clone(), format!("{emulator}{}", parts.uri)).body(body);
    for (name, value) in &parts.headers {
        if !matches!(name.as_str(), "content-length" | "connection" | "transfer-encoding") {
            forward = forward.header(name, value);
        }
    }
    let Ok(answered) = forward.send().await else { return Err(Broken) };
    let (status, headers) = (answered.status(), answered.headers().clone());
    let Ok(bytes) = answered.bytes().await else { return Err(Broken) };
    if fault == Some(Fault::AnswerLost) {
        return Err(Broken);
    }
    let mut response = Response::new(Full::new(bytes));
    *response.status_mut() = status;
    for (name, value) in &headers {
        if !matches!(name.as_str(), "content-length" | "connection" | "transfer-encoding") {
            response.headers_mut().insert(name, value.clone());
        }
    }
    Ok(response)
}

/// Who calls what: from the credential scope of the signature, the target header and the body.
fn read(authorization: &str, target: &str, body: &[u8]) -> Call {
    // AWS4-HMAC-SHA256 Credential=KEY/20260903/eu-west-1/sqs/aws4_request, SignedHeaders=…
    let scope = authorization.split_once("Credential=").map(|(_, rest)| rest).unwrap_or_default();
    let scope: Vec<&str> = scope.split([',', ' ']).next().unwrap_or_default().split('/').collect();
    let part = |place: usize| scope.get(place).copied().unwrap_or_default().to_owned();
    let text = String::from_utf8_lossy(body).into_owned();
    let json: Value = serde_json::from_str(&text).unwrap_or_default();
    let form: BTreeMap<String, String> =
        if json.is_null() { serde_urlencoded::from_str(&text).unwrap_or_default() } else { BTreeMap::new() };
    let field =
        |name: &str| json.get(name).and_then(Value::as_str).map(ToOwned::to_owned).or_else(|| form.get(name).cloned());
    let action = target.rsplit_once('.').map(|(_, action)| action.to_owned()).or_else(|| field("Action"));
    Call {
        function: part(0).strip_prefix(KEY_PREFIX).map_or_else(|| "test".to_owned(), str::to_lowercase),
        service: part(3),
        action: action.unwrap_or_default(),
        resource: field("QueueUrl").or_else(|| field("SecretId")).unwrap_or_default(),
        body: text,
    }
}

fn fault_of(inner: &Inner, call: &Call) -> Option<Fault> {
    let mut rules = lock(&inner.rules);
    let fits = |rule: &&mut Rule| rule.left > 0 && rule.function == call.function && rule.action == call.action;
    let rule = rules.iter_mut().find(fits)?;
    rule.left -= 1;
    Some(rule.fault)
}

fn changed(body: &Bytes, field: &str, value: &Value) -> Bytes {
    let mut json: Value = serde_json::from_slice(body).unwrap_or_default();
    json[field] = value.clone();
    Bytes::from(json.to_string())
}

/// AWS's answer to too many calls, as each service says it.
fn refused(service: &str) -> Response<Full<Bytes>> {
    let kind = if service == "sqs" { "com.amazonaws.sqs#RequestThrottled" } else { "ThrottlingException" };
    let body = json!({ "__type": kind, "message": "Rate exceeded" }).to_string();
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = StatusCode::BAD_REQUEST;
    let headers = response.headers_mut();
    headers.insert("content-type", "application/x-amz-json-1.0".parse().expect("a header"));
    if service == "sqs" {
        headers.insert("x-amzn-query-error", "RequestThrottled;Sender".parse().expect("a header"));
    }
    response
}
