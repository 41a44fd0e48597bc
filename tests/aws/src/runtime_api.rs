//! Lambda's Runtime API and Extensions API for one sandbox, on a free port of the loopback interface.
//!
//! It speaks what AWS documents: `next`, `response`, `error`, `init/error`, and for extensions `register` and `event/next`.
//! The state of the conversation is one value that everybody may wait on. What does not live here: the process on the other
//! side (`sandbox`).

use std::net::SocketAddr;

use anyhow::{Context as _, Result};
use axum::{
    Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Path, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};
use uuid::Uuid;

/// What a function is asked to do.
#[derive(Debug, Clone)]
pub(crate) struct Invocation {
    /// The id of the invocation.
    pub(crate) request_id: String,
    /// When the sandbox will be ended, in milliseconds since 1970.
    pub(crate) deadline_ms: i64,
    /// The function's name on AWS.
    pub(crate) arn: String,
    /// The event.
    pub(crate) event: Value,
}

/// What a function said to an invocation.
#[derive(Debug, Clone)]
pub(crate) enum Said {
    /// Its response.
    Response(Vec<u8>),
    /// That it failed.
    Error(Value),
}

/// How far the conversation has come.
#[derive(Debug, Default)]
pub(crate) struct Conversation {
    /// An invocation that the function has not taken yet.
    offered: Option<Invocation>,
    /// The invocation it works on.
    running: Option<String>,
    /// What it said to the last invocation.
    said: Option<Said>,
    /// Whether it waits for the next invocation.
    waits: bool,
    /// The extensions inside it: identifier, name, and whether it waits for its next event.
    extensions: Vec<(String, String, bool)>,
    /// What it said of a start that failed.
    init_error: Option<Value>,
    /// What it said against the rules of the interface.
    violations: Vec<String>,
}

impl Conversation {
    /// Whether AWS would freeze the sandbox now: function and extensions wait for what comes next.
    pub(crate) fn is_idle(&self) -> bool {
        self.waits && self.offered.is_none() && self.extensions.iter().all(|(_, _, waits)| *waits)
    }
}

type Shared = watch::Sender<Conversation>;

/// The interface of one sandbox.
#[derive(Debug)]
pub(crate) struct RuntimeApi {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    shared: Shared,
    server: JoinHandle<()>,
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl RuntimeApi {
    /// Listens on a free port.
    ///
    /// # Errors
    /// No port is free.
    pub(crate) async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("a free port")?;
        let address = listener.local_addr()?;
        let shared = Shared::new(Conversation::default());
        let routes = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
            .route("/2018-06-01/runtime/init/error", post(init_error))
            .route("/2020-01-01/extension/register", post(register))
            .route("/2020-01-01/extension/event/next", get(event_next))
            .layer(DefaultBodyLimit::disable())
            .with_state(shared.clone());
        let server = tokio::spawn(async move {
            // Ends with the sandbox; a connection that breaks is the function's death, which is seen elsewhere.
            let _ = axum::serve(listener, routes).await;
        });
        Ok(Self { address, shared, server })
    }

    /// Puts an invocation where the function will fetch it.
    pub(crate) fn offer(&self, invocation: Invocation) {
        self.shared.send_modify(|conversation| {
            conversation.said = None;
            conversation.offered = Some(invocation);
        });
    }

    /// Waits until the function has said something to the invocation.
    pub(crate) async fn said(&self) -> Said {
        let mut changes = self.shared.subscribe();
        let conversation = changes.wait_for(|conversation| conversation.said.is_some()).await;
        conversation.expect("the sender lives").said.clone().expect("it was waited for")
    }

    /// Waits until function and extensions wait for what comes next.
    pub(crate) async fn idle(&self) {
        let mut changes = self.shared.subscribe();
        let _ = changes.wait_for(Conversation::is_idle).await;
    }

    /// Whether function and extensions wait for what comes next.
    pub(crate) fn is_idle(&self) -> bool {
        self.shared.borrow().is_idle()
    }

    /// Waits until the function has fetched its invocation.
    pub(crate) async fn taken(&self) {
        let mut changes = self.shared.subscribe();
        let _ = changes.wait_for(|conversation| conversation.offered.is_none()).await;
    }

    /// What the function said of its failed start.
    pub(crate) fn init_error(&self) -> Option<Value> {
        self.shared.borrow().init_error.clone()
    }

    /// Whether an extension is registered: without one AWS ends a sandbox without a word.
    pub(crate) fn has_extension(&self) -> bool {
        !self.shared.borrow().extensions.is_empty()
    }

    /// What the function did against the rules.
    pub(crate) fn violations(&self) -> Vec<String> {
        self.shared.borrow().violations.clone()
    }
}

async fn next(State(shared): State<Shared>) -> Response {
    shared.send_modify(|conversation| conversation.waits = true);
    let mut changes = shared.subscribe();
    let taken = loop {
        if changes.wait_for(|conversation| conversation.offered.is_some()).await.is_err() {
            std::future::pending::<()>().await;
        }
        let mut taken = None;
        shared.send_if_modified(|conversation| {
            taken = conversation.offered.take();
            if let Some(invocation) = &taken {
                conversation.running = Some(invocation.request_id.clone());
                conversation.waits = false;
            }
            taken.is_some()
        });
        if let Some(invocation) = taken {
            break invocation;
        }
    };
    let root = format!("1-{:08x}-{}", taken.deadline_ms / 1000, &taken.request_id.replace('-', "")[..24]);
    let headers = [
        ("lambda-runtime-aws-request-id", taken.request_id.clone()),
        ("lambda-runtime-deadline-ms", taken.deadline_ms.to_string()),
        ("lambda-runtime-invoked-function-arn", taken.arn.clone()),
        ("lambda-runtime-trace-id", format!("Root={root};Parent=53995c3f42cd8ad8;Sampled=1")),
    ];
    (headers, Json(taken.event)).into_response()
}

/// Takes what the function says if it is about what it works on.
fn say(shared: &Shared, id: &str, said: Said) -> Response {
    let mut known = false;
    shared.send_modify(|conversation| {
        known = conversation.running.as_deref() == Some(id);
        if known {
            conversation.running = None;
            conversation.said = Some(said);
        } else {
            conversation.violations.push(format!("an answer to the unknown invocation {id}"));
        }
    });
    if known {
        (StatusCode::ACCEPTED, Json(json!({ "status": "OK" }))).into_response()
    } else {
        let body = json!({ "errorMessage": "Invalid request ID", "errorType": "InvalidRequestID" });
        (StatusCode::BAD_REQUEST, Json(body)).into_response()
    }
}

async fn response(State(shared): State<Shared>, Path(id): Path<String>, body: Bytes) -> Response {
    say(&shared, &id, Said::Response(body.to_vec()))
}

async fn error(State(shared): State<Shared>, Path(id): Path<String>, body: Bytes) -> Response {
    say(&shared, &id, Said::Error(readable(&body)))
}

async fn init_error(State(shared): State<Shared>, body: Bytes) -> Response {
    shared.send_modify(|conversation| conversation.init_error = Some(readable(&body)));
    (StatusCode::ACCEPTED, Json(json!({ "status": "OK" }))).into_response()
}

fn readable(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap_or_else(|_| Value::String(String::from_utf8_lossy(body).into_owned()))
}

async fn register(State(shared): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    let name = headers.get("lambda-extension-name").and_then(|name| name.to_str().ok()).unwrap_or_default().to_owned();
    // AWS gives SHUTDOWN to programs beside the function only; those inside it learn of the end by SIGTERM.
    if String::from_utf8_lossy(&body).contains("SHUTDOWN") {
        shared.send_modify(|conversation| conversation.violations.push(format!("{name} wants SHUTDOWN events")));
        let body =
            json!({ "errorMessage": "internal extensions get no SHUTDOWN", "errorType": "Extension.InvalidEventType" });
        return (StatusCode::BAD_REQUEST, Json(body)).into_response();
    }
    let id = Uuid::now_v7().to_string();
    shared.send_modify(|conversation| conversation.extensions.push((id.clone(), name, false)));
    let answer = json!({ "functionName": "kinlink", "functionVersion": "$LATEST", "handler": "bootstrap" });
    ([("lambda-extension-identifier", id)], Json(answer)).into_response()
}

/// Our extensions ask for no events: they wait until the end.
async fn event_next(State(shared): State<Shared>, headers: HeaderMap) -> Response {
    let id = headers.get("lambda-extension-identifier").and_then(|id| id.to_str().ok()).unwrap_or_default().to_owned();
    let mut known = false;
    shared.send_modify(|conversation| {
        for extension in conversation.extensions.iter_mut().filter(|extension| extension.0 == id) {
            extension.2 = true;
            known = true;
        }
        if !known {
            conversation.violations.push("an extension that is not registered waits".to_owned());
        }
    });
    if !known {
        return StatusCode::FORBIDDEN.into_response();
    }
    std::future::pending().await
}
