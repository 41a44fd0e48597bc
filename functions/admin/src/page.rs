//! Pages of lists: cursors that callers pass back as they came, and the JSON of a page.

use axum::http::StatusCode;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use kinlink_web::{Parameters, Problem};
use serde::{Serialize, de::DeserializeOwned};

/// Items of a page unless the caller says otherwise.
const DEFAULT: u32 = 25;
/// Most items of a page.
const MOST: u32 = 100;

/// A page as JSON.
#[derive(Serialize)]
pub(crate) struct Page<T> {
    /// The items.
    items: Vec<T>,
    /// `cursor` for the next page; none at the end.
    next: Option<String>,
}

impl<T: Serialize> Page<T> {
    pub(crate) fn new(items: Vec<T>, next: Option<&impl Serialize>) -> Self {
        Self { items, next: next.map(encode) }
    }
}

/// The parameter `limit`.
pub(crate) fn limit(query: &mut Parameters) -> u32 {
    query.limit(DEFAULT, MOST)
}

/// The parameter `cursor`, as text.
pub(crate) fn cursor(query: &mut Parameters) -> Option<String> {
    query.text("cursor")
}

/// A cursor as callers see it: base64url of JSON.
fn encode(cursor: &impl Serialize) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(cursor).unwrap_or_default())
}

/// The cursor that a caller passed back, if it is one that `fits` the list.
pub(crate) fn decode<C: DeserializeOwned>(
    text: Option<String>,
    fits: impl Fn(&C) -> bool,
) -> Result<Option<C>, Problem> {
    let Some(text) = text else { return Ok(None) };
    let read = || serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok();
    read().filter(fits).map(Some).ok_or_else(|| {
        let detail = "use `next` of the page before as it came, with the same sort, or leave cursor out";
        Problem::new(StatusCode::BAD_REQUEST, "bad_cursor", "The cursor cannot be read", detail)
    })
}

/// Whether a text that a cursor holds may go into a statement.
pub(crate) fn is_plain(text: &str) -> bool {
    !text.chars().any(char::is_control)
}
