//! A copy of somebody's data as files: one to read, one for machines. For the pages and the command line.

use askama::Template;
use axum::{
    body::Body,
    http::{HeaderValue, header},
    response::{IntoResponse as _, Response},
};
use kinlink_service::bundle::Bundle;

/// The form of a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A page that needs nothing beside itself.
    Html,
    /// For machines.
    Json,
}

impl Format {
    /// The name of the file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Html => "personal-data.html",
            Self::Json => "personal-data.json",
        }
    }

    const fn content_type(self) -> HeaderValue {
        match self {
            Self::Html => HeaderValue::from_static("text/html; charset=utf-8"),
            Self::Json => HeaderValue::from_static("application/json"),
        }
    }
}

#[derive(Template)]
#[template(path = "privacy/bundle.html")]
struct BundlePage<'a> {
    school: &'a str,
    bundle: &'a Bundle,
}

/// The copy as a file's content.
///
/// # Errors
/// Writing into memory failed.
pub fn content(bundle: &Bundle, school: &str, format: Format) -> Result<String, askama::Error> {
    match format {
        Format::Html => BundlePage { school, bundle }.render(),
        Format::Json => serde_json::to_string_pretty(bundle).map_err(|error| askama::Error::Custom(error.into())),
    }
}

/// The copy as a download.
pub(crate) fn download(content: String, format: Format) -> Response {
    let mut response = Body::from(content).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, format.content_type());
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Ok(name) = HeaderValue::try_from(format!("attachment; filename=\"{}\"", format.name())) {
        headers.insert(header::CONTENT_DISPOSITION, name);
    }
    response
}

/// A field's name as words.
fn label(name: &str) -> String {
    let words = name.replace('_', " ");
    let mut characters = words.chars();
    characters.next().map(|first| first.to_uppercase().chain(characters).collect()).unwrap_or_default()
}
