//! Refuses what other sites make a browser send to our pages.
//!
//! A browser says by itself where a request comes from: newer ones in `Sec-Fetch-Site`, all in `Origin`. Forms inside a
//! frame on a school's site still post from our own origin. This is the outer fence; forms of staff carry a token besides.

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderMap, HeaderName, Method, StatusCode, header},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse as _, Response},
};
use url::Url;

use crate::Problem;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Where our own pages are.
#[derive(Debug, Clone)]
pub struct OwnOrigin(String);

impl OwnOrigin {
    /// The origin of the address under which the pages are reached.
    #[must_use]
    pub fn new(public_url: &Url) -> Self {
        Self(public_url.origin().ascii_serialization())
    }

    /// Whether a request may be acted on: it only reads, or it comes from one of our own pages, or from no page at all.
    #[must_use]
    pub fn allows(&self, method: &Method, headers: &HeaderMap) -> bool {
        if matches!(*method, Method::GET | Method::HEAD) {
            return true;
        }
        if let Some(site) = headers.get(SEC_FETCH_SITE) {
            return site == "same-origin" || site == "none";
        }
        // An older browser, plain HTTP, or no browser.
        let Some(origin) = headers.get(header::ORIGIN) else { return true };
        let Ok(origin) = origin.to_str() else { return false };
        origin.eq_ignore_ascii_case(&self.0) || is_host(origin, headers)
    }
}

/// Whether an origin is the host that the request went to: the server may be reached under another name than the set one.
fn is_host(origin: &str, headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let named = origin.split_once("://").map(|(_, name)| name);
    named.zip(host).is_some_and(|(named, host)| named.eq_ignore_ascii_case(host))
}

/// Puts the fence around pages: what comes from another site is a problem 403 `cross_site`.
pub fn same_origin<S: Clone + Send + Sync + 'static>(routes: Router<S>, public_url: &Url) -> Router<S> {
    routes.layer(from_fn_with_state(OwnOrigin::new(public_url), refuse))
}

async fn refuse(State(own): State<OwnOrigin>, request: Request, next: Next) -> Response {
    if own.allows(request.method(), request.headers()) {
        return next.run(request).await;
    }
    let detail = "this was sent from another site; open the page here and send it again";
    Problem::new(StatusCode::FORBIDDEN, "cross_site", "Sent from another site", detail).into_response()
}
