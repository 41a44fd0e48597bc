//! What the last act did, in words, on the page that the redirect leads to. It travels in a cookie that we sign and that
//! lives for a minute; it names references and numbers, never a person.

use axum::{
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse as _, Redirect, Response},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use kinlink_service::App;
use serde::{Deserialize, Serialize};

use crate::AdminState;

/// Where the cookie counts. Its name has no prefix: a forged one fails the signature.
const COOKIE: &str = "kinlink-notice";
/// What the signing key is derived for.
const PURPOSE: &str = "notice";

/// Words about an act, and how they look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Notice {
    /// `ok`, `info`, `warn` or `bad`.
    pub(crate) tone: String,
    /// The words.
    pub(crate) text: String,
}

impl Notice {
    pub(crate) fn ok(text: impl Into<String>) -> Self {
        Self { tone: "ok".into(), text: text.into() }
    }

    pub(crate) fn warn(text: impl Into<String>) -> Self {
        Self { tone: "warn".into(), text: text.into() }
    }

    pub(crate) fn icon(&self) -> &'static str {
        match self.tone.as_str() {
            "ok" => "circle-check",
            "info" => "info",
            _ => "triangle-alert",
        }
    }

    /// 303 to a page that shows this notice.
    pub(crate) fn then(&self, state: &AdminState, to: &str) -> Response {
        let mut response = Redirect::to(to).into_response();
        let text = URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).unwrap_or_default());
        let mark = state.app.key.derive(PURPOSE, &text);
        let secure = if state.school.public_url.starts_with("https:") { "; Secure" } else { "" };
        let cookie = format!("{COOKIE}={text}.{mark}; Path=/admin; Max-Age=60; HttpOnly; SameSite=Lax{secure}");
        if let Ok(cookie) = HeaderValue::try_from(cookie) {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
        response
    }

    /// The notice that a browser brings, if it is one of ours.
    pub(crate) fn brought(app: &App, headers: &HeaderMap) -> Option<Self> {
        let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let value = cookies
            .flat_map(|line| line.split(';'))
            .find_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('='))?;
        let (text, mark) = value.split_once('.')?;
        let expected = app.key.derive(PURPOSE, text);
        let ours = bool::from(subtle::ConstantTimeEq::ct_eq(expected.as_bytes(), mark.as_bytes()));
        ours.then(|| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()).flatten()
    }

    /// Ends a notice that was shown.
    pub(crate) fn forget(response: &mut Response) {
        let gone = HeaderValue::from_static("kinlink-notice=; Path=/admin; Max-Age=0; HttpOnly; SameSite=Lax");
        response.headers_mut().append(header::SET_COOKIE, gone);
    }
}
