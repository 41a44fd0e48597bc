//! What goes around every route: request ids, the log line of each request, panics, security headers, 404 and 405.

use std::{any::Any, time::Instant};

use axum::{
    Router,
    extract::{MatchedPath, Request},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::{Next, from_fn},
    response::{IntoResponse as _, Response},
};
use tower_http::{CompressionLevel, catch_panic::CatchPanicLayer, compression::CompressionLayer};
use tracing::Instrument as _;
use uuid::Uuid;

use crate::{Problem, problem::Cause};

/// The header with the id of a request: taken over when it is a UUID, otherwise made.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Headers of every response, unless a route sets its own.
const HEADERS: [(HeaderName, &str); 5] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    // Nearly everything here is personal.
    (header::CACHE_CONTROL, "no-store"),
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    // Browsers heed it over HTTPS only.
    (header::STRICT_TRANSPORT_SECURITY, "max-age=31536000"),
];

/// The id of a request, in its extensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestId(pub Uuid);

/// Puts everything that functions share around a function's routes: the last step of making its router.
pub fn finish(routes: Router) -> Router {
    routes
        .fallback(async || Problem::not_found("there is nothing at this address"))
        .method_not_allowed_fallback(async || {
            let detail = "this address does not take this method; the header Allow says which it takes";
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "Wrong method", detail)
        })
        // Neither a gateway nor a function's own address compresses. What is compressed already (assets) is left alone.
        .layer(CompressionLayer::new().quality(CompressionLevel::Fastest))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn(around))
}

/// What a panic says may hold personal data: it is not repeated here.
fn panicked(_: Box<dyn Any + Send>) -> Response {
    Problem::internal("a panic").into_response()
}

async fn around(mut request: Request, next: Next) -> Response {
    let began = Instant::now();
    let id = request_id(request.headers());
    request.extensions_mut().insert(RequestId(id));
    let method = known(request.method());
    // The matched path, never the path itself: that may hold a token.
    let path = request.extensions().get::<MatchedPath>().cloned();
    // Its id stands with every line that is logged meanwhile, however little is logged.
    let span = tracing::error_span!("request", request.id = %id);
    let mut response = next.run(request).instrument(span.clone()).await;

    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    if let Ok(value) = HeaderValue::try_from(id.to_string()) {
        headers.insert(REQUEST_ID, value);
    }
    let status = response.status();
    let path = path.as_ref().map_or("(none)", MatchedPath::as_str);
    let ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let cause = response.extensions_mut().remove::<Cause>();
    let code = status.as_u16();
    span.in_scope(|| {
        if status.is_server_error() {
            let error = cause.map_or_else(|| "unknown".to_owned(), |cause| cause.0);
            tracing::error!(method, path, status = code, ms, error, "request");
        } else {
            tracing::info!(method, path, status = code, ms, "request");
        }
    });
    response
}

fn request_id(headers: &HeaderMap) -> Uuid {
    let given = headers.get(REQUEST_ID).and_then(|value| Uuid::try_parse(value.to_str().ok()?).ok());
    given.unwrap_or_else(Uuid::now_v7)
}

/// The method, if it is one of the usual ones; anything else could be a text of the caller's choosing.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "(other)",
    }
}
