//! What the last act did, in words, on the page that the redirect leads to. It travels in a cookie that we sign and that
//! lives until it is shown, or for ten minutes; it names references and numbers, never a person.

use axum::{
    http::HeaderMap,
    response::{IntoResponse as _, Redirect, Response},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

use crate::{
    AdminState,
    session::{Cookie, Cookies},
};

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
        let signed = state.app.key.sign(PURPOSE, &text);
        state.sign_in.cookies().set(Cookie::Notice, &signed, response.headers_mut());
        response
    }

    /// The notice that a browser brings, if it is one of ours.
    pub(crate) fn brought(state: &AdminState, headers: &HeaderMap) -> Option<Self> {
        let signed = state.sign_in.cookies().read(Cookie::Notice, headers)?;
        let text = state.app.key.verified(PURPOSE, signed)?;
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
    }

    /// Ends a notice that was shown.
    pub(crate) fn forget(cookies: Cookies, response: &mut Response) {
        cookies.remove(Cookie::Notice, response.headers_mut());
    }
}
