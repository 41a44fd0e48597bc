//! Pages as responses: status, HTML, and the headers that keep other sites and injected text from doing anything with them.
//!
//! What does not live here: layouts and pages. `templates/kit.html` has the parts that pages are made of.

use askama::Template;
use axum::{
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use url::Url;

use crate::Problem;

/// What every page says besides its content security policy. (HSTS comes with every response: [`finish`](crate::finish).)
const HEADERS: [(HeaderName, HeaderValue); 6] = [
    (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    // Not `no-referrer`: with that, browsers would send `Origin: null` with our own forms.
    (header::REFERRER_POLICY, HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("permissions-policy"), HeaderValue::from_static(NO_DEVICES)),
];
/// Nothing here uses a device or asks for a permission.
const NO_DEVICES: &str = "accelerometer=(), autoplay=(), camera=(), display-capture=(), encrypted-media=(), fullscreen=(), \
    geolocation=(), gyroscope=(), hid=(), idle-detection=(), magnetometer=(), microphone=(), midi=(), payment=(), \
    picture-in-picture=(), screen-wake-lock=(), serial=(), usb=(), xr-spatial-tracking=()";
/// Only what we serve ourselves; no inline script or style, with or without a nonce.
const STAFF: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; \
    connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
/// The same without fonts. `app.js` writes no HTML, so that trusted types can forbid it. What may frame the page follows.
const PUBLIC: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
    form-action 'self'; base-uri 'none'; require-trusted-types-for 'script'; frame-ancestors 'self'";

/// Whom a page is for: that decides its content security policy.
#[derive(Debug, Clone)]
pub struct Audience(HeaderValue);

impl Audience {
    /// Staff: never inside a frame.
    #[must_use]
    pub fn staff() -> Self {
        Self(HeaderValue::from_static(STAFF))
    }

    /// Everybody: may be framed by ourselves and by these sites, which are given as addresses.
    ///
    /// What is no `http` or `https` address is left out: it could not frame us, and must not end up in a header.
    pub fn public<T: AsRef<str>>(sites: impl IntoIterator<Item = T>) -> Self {
        let mut policy = PUBLIC.to_owned();
        for site in sites {
            let Ok(site) = Url::parse(site.as_ref()) else { continue };
            if matches!(site.scheme(), "http" | "https") {
                policy.push(' ');
                policy.push_str(&site.origin().ascii_serialization());
            }
        }
        // An origin holds no control characters, so that this cannot fail; if it did, nobody would frame us.
        Self(HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static(PUBLIC)))
    }
}

/// A page. When its template cannot be written, an internal problem whose cause is logged.
pub fn page(audience: &Audience, status: StatusCode, template: &impl Template) -> Response {
    let html = match template.render() {
        Ok(html) => html,
        Err(error) => return Problem::internal(format!("a page cannot be written: {error}")).into_response(),
    };
    let mut response = (status, html).into_response();
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, value);
    }
    headers.insert(header::CONTENT_SECURITY_POLICY, audience.0.clone());
    response
}
