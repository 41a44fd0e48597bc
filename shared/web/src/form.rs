//! Reading the forms of pages: size, media type, and the fields in the order in which they were sent.
//!
//! What the fields mean is the page's business. A fault is a problem by default; a page that would rather answer with a
//! page takes `Result<Form, FormFault>`.

use std::ops::Deref;

use axum::{
    extract::{FromRequest, Request},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use url::form_urlencoded;

use crate::{
    Problem,
    body::{media_type, read},
};

/// Most bytes of a public form.
pub const PUBLIC_LIMIT: usize = 64 * 1024;
/// Most bytes of a form of staff: it may hold a text, or many marked rows.
pub const STAFF_LIMIT: usize = 256 * 1024;
/// Most fields of a form; no page of ours comes near.
pub const FIELDS_LIMIT: usize = 2_000;
const MEDIA_TYPE: &str = "application/x-www-form-urlencoded";

/// The fields of a form of at most `LIMIT` bytes.
#[derive(Debug, Clone, Default)]
pub struct Form<const LIMIT: usize = PUBLIC_LIMIT>(pub Fields);

impl<const LIMIT: usize> Deref for Form<LIMIT> {
    type Target = Fields;

    fn deref(&self) -> &Fields {
        &self.0
    }
}

/// Names and values in the order in which they were sent; a name may be there more than once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fields(Vec<(String, String)>);

impl Fields {
    /// Reads the body of a form. What is not UTF-8 becomes the replacement character. Nothing when there are more than
    /// [`FIELDS_LIMIT`] fields.
    #[must_use]
    pub fn parse(body: &[u8]) -> Option<Self> {
        let mut pairs = form_urlencoded::parse(body).into_owned();
        let fields = pairs.by_ref().take(FIELDS_LIMIT).collect();
        pairs.next().is_none().then_some(Self(fields))
    }

    /// The first value of a name, as it was typed.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// Every value of a name.
    pub fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.pairs().filter(move |(field, _)| *field == name).map(|(_, value)| value)
    }

    /// Whether the name is there, if only with an empty value: a button that was pressed, a box that was ticked.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// All names and values, in order.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// Why a body is not a form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FormFault {
    /// The HTTP status.
    pub status: StatusCode,
    /// A stable code: `unsupported_media_type`, `too_large`, `too_many_fields` or `unreadable`.
    pub code: &'static str,
    /// What is wrong and what to do, in English, for the person who sent it.
    pub text: &'static str,
}

impl FormFault {
    const WRONG_TYPE: Self = Self {
        status: StatusCode::UNSUPPORTED_MEDIA_TYPE,
        code: "unsupported_media_type",
        text: "This was not sent as a form. Go back, reload the page and send it again.",
    };
    const TOO_LARGE: Self = Self {
        status: StatusCode::PAYLOAD_TOO_LARGE,
        code: "too_large",
        text: "This is more than we can take at once. Go back, shorten the longest text and send it again.",
    };
    const TOO_MANY: Self = Self {
        status: StatusCode::PAYLOAD_TOO_LARGE,
        code: "too_many_fields",
        text: "These are more fields than we can take at once. Go back, choose fewer and send it again.",
    };
    const UNREADABLE: Self = Self {
        status: StatusCode::BAD_REQUEST,
        code: "unreadable",
        text: "This did not arrive in full. Go back and send it again.",
    };
}

impl From<FormFault> for Problem {
    fn from(fault: FormFault) -> Self {
        Self::new(fault.status, fault.code, "The form cannot be read", fault.text)
    }
}

impl IntoResponse for FormFault {
    fn into_response(self) -> Response {
        Problem::from(self).into_response()
    }
}

impl<S: Sync, const LIMIT: usize> FromRequest<S> for Form<LIMIT> {
    type Rejection = FormFault;

    async fn from_request(request: Request, _: &S) -> Result<Self, FormFault> {
        if media_type(request.headers()) != MEDIA_TYPE {
            return Err(FormFault::WRONG_TYPE);
        }
        let body = read(request, LIMIT).await.map_err(|problem| match problem.status {
            StatusCode::PAYLOAD_TOO_LARGE => FormFault::TOO_LARGE,
            _ => FormFault::UNREADABLE,
        })?;
        Fields::parse(&body).map(Self).ok_or(FormFault::TOO_MANY)
    }
}
