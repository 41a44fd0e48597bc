//! Errors as RFC 9457 problems, and which service error becomes which.
//!
//! `type` is `https://kinlink.dev/problems/` with the code, in which `_` is written `-`; it is stable. A problem never
//! shows internals and never repeats what somebody typed. What went wrong inside goes with the response as a [`Cause`],
//! which the log line of the request names once.

use std::borrow::Cow;

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use kinlink_domain::submission;
use kinlink_service::{
    ServiceError,
    error::{MoodleError, Unavailable},
};
use serde::Serialize;
use utoipa::{PartialSchema, ToSchema, openapi};

/// The media type of problems, as a description names it.
pub const BARE_MEDIA_TYPE: &str = "application/problem+json";
/// The media type of problems.
pub const MEDIA_TYPE: &str = "application/problem+json; charset=utf-8";
/// Seconds after which to try again what could not be reached.
const RETRY_AFTER: u32 = 5;

/// An answer that says what is wrong and what to do.
#[derive(Debug, Clone)]
pub struct Problem {
    /// The HTTP status.
    pub status: StatusCode,
    /// A stable code.
    pub code: &'static str,
    /// What kind of problem this is; the same for each of its kind.
    pub title: &'static str,
    /// What is wrong this time and what to do.
    pub detail: Cow<'static, str>,
    /// The fields or parameters that are wrong.
    pub errors: Vec<FieldFault>,
    /// Seconds after which to try again.
    pub retry_after: Option<u32>,
    cause: Option<Cause>,
}

/// One thing wrong with one field of the body, or with one query parameter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldFault {
    /// JSON pointer (RFC 6901) into the body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// Name of the query parameter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameter: Option<String>,
    /// A stable code.
    pub code: Cow<'static, str>,
    /// What to do; never repeats the value.
    pub detail: Cow<'static, str>,
}

/// What went wrong inside: in the extensions of the response, for the log.
#[derive(Debug, Clone)]
pub struct Cause(pub String);

impl FieldFault {
    /// A fault of a field of the body.
    pub fn field(
        pointer: impl Into<String>,
        code: impl Into<Cow<'static, str>>,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { pointer: Some(pointer.into()), parameter: None, code: code.into(), detail: detail.into() }
    }

    /// A fault of a query parameter.
    pub fn parameter(
        name: impl Into<String>,
        code: impl Into<Cow<'static, str>>,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { pointer: None, parameter: Some(name.into()), code: code.into(), detail: detail.into() }
    }
}

impl From<submission::FieldFault> for FieldFault {
    fn from(fault: submission::FieldFault) -> Self {
        Self::field(fault.pointer, fault.code.to_string(), fault.detail)
    }
}

impl Problem {
    /// A problem without parts.
    pub fn new(
        status: StatusCode,
        code: &'static str,
        title: &'static str,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { status, code, title, detail: detail.into(), errors: Vec::new(), retry_after: None, cause: None }
    }

    /// The same problem with its parts.
    #[must_use]
    pub fn with_errors(mut self, errors: Vec<FieldFault>) -> Self {
        self.errors = errors;
        self
    }

    /// Fields of the body are wrong.
    #[must_use]
    pub fn invalid_fields(errors: Vec<FieldFault>) -> Self {
        let detail = match errors.len() {
            1 => "one field is wrong; `errors` says which and what to do".into(),
            n => format!("{n} fields are wrong; `errors` says which and what to do").into(),
        };
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        Self { detail, ..Self::new(status, "invalid_fields", "Fields are wrong", "").with_errors(errors) }
    }

    /// The thing does not exist.
    pub fn not_found(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "Not found", detail)
    }

    /// The caller did not say who they are; always the same answer.
    #[must_use]
    pub fn unauthorized() -> Self {
        let detail = "the key or token is missing or not valid (any more)";
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", "Not authorised", detail)
    }

    /// Something went wrong that is not the caller's business; `cause` goes to the log.
    pub fn internal(cause: impl Into<String>) -> Self {
        let detail = "something went wrong here; the log tells more under this answer's x-request-id";
        let problem = Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "Internal error", detail);
        Self { cause: Some(Cause(cause.into())), ..problem }
    }

    fn unavailable(what: Unavailable, cause: String) -> Self {
        let (code, detail) = match what {
            Unavailable::Store => ("store_unavailable", "our database cannot be reached or is busy; try again"),
            Unavailable::Moodle => ("moodle_unavailable", "Moodle's database cannot be reached or is busy; try again"),
            Unavailable::Queue => ("queue_unavailable", "the queue cannot be reached; try again"),
        };
        let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, code, "Not available at the moment", detail);
        Self { retry_after: Some(RETRY_AFTER), cause: Some(Cause(cause)), ..problem }
    }

    /// What went wrong inside, for responses that are no problems, such as pages.
    #[must_use]
    pub fn cause(&self) -> Option<Cause> {
        self.cause.clone()
    }

    fn kind(&self) -> String {
        format!("https://kinlink.dev/problems/{}", self.code.replace('_', "-"))
    }
}

impl From<ServiceError> for Problem {
    fn from(error: ServiceError) -> Self {
        if let Some(what) = error.unavailable() {
            return Self::unavailable(what, error.to_string());
        }
        let message = error.to_string();
        match error {
            ServiceError::NotFound(_) => Self::not_found(message),
            ServiceError::Invalid(faults) => Self::invalid_fields(faults.into_iter().map(FieldFault::from).collect()),
            ServiceError::Refused { code, detail, parts } => {
                let status = match code {
                    // What was sent is at fault, not how things stand.
                    "confirm_number" | "too_many" | "idempotency_key_reused" => StatusCode::UNPROCESSABLE_ENTITY,
                    _ => StatusCode::CONFLICT,
                };
                Self::new(status, code, "Refused", detail)
                    .with_errors(parts.into_iter().map(FieldFault::from).collect())
            }
            ServiceError::Stale => Self::new(StatusCode::PRECONDITION_FAILED, "stale", "Changed meanwhile", message),
            ServiceError::Race => Self::new(StatusCode::CONFLICT, "try_again", "Done by two at once", message),
            ServiceError::Forbidden(_) => Self::new(StatusCode::FORBIDDEN, "forbidden", "Not allowed", message),
            ServiceError::Unauthorized => Self::unauthorized(),
            ServiceError::TooOften { retry_after } => {
                let problem = Self::new(StatusCode::TOO_MANY_REQUESTS, "too_often", "Too often", message);
                Self { retry_after: Some(retry_after), ..problem }
            }
            // A precondition that Moodle does not meet: the text says what to do there, and holds nothing about a person.
            ServiceError::Moodle(MoodleError::Db(_)) => Self::internal(message),
            ServiceError::Moodle(_) => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "moodle_misconfigured",
                "Moodle is not set up for this",
                message,
            ),
            ServiceError::Store(_) | ServiceError::Queue(_) | ServiceError::Setting(_) | ServiceError::Letter => {
                Self::internal(message)
            }
        }
    }
}

/// A problem as JSON.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
struct Body<'a> {
    /// What kind of problem it is, as a stable address.
    #[serde(rename = "type")]
    #[schema(format = "uri")]
    kind: String,
    /// The kind in words.
    title: &'a str,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// The kind as a stable code.
    #[schema(pattern = "^[a-z0-9_]+$", example = "invalid_fields")]
    code: &'a str,
    /// What is wrong this time and what to do.
    detail: &'a str,
    /// The fields or parameters that are wrong.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [FieldFault],
}

impl PartialSchema for Problem {
    fn schema() -> openapi::RefOr<openapi::Schema> {
        Body::schema()
    }
}

impl ToSchema for Problem {
    fn schemas(schemas: &mut Vec<(String, openapi::RefOr<openapi::Schema>)>) {
        Body::schemas(schemas);
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = Body {
            kind: self.kind(),
            title: self.title,
            status: self.status.as_u16(),
            code: self.code,
            detail: &self.detail,
            errors: &self.errors,
        };
        // Texts and numbers only: nothing that could fail.
        let body = serde_json::to_string(&body).unwrap_or_default();
        let mut response =
            (self.status, [(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE))], body).into_response();
        // Routers of pages turn it into a page.
        response.extensions_mut().insert(self.clone());
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(cause) = self.cause {
            response.extensions_mut().insert(cause);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse as _;
    use kinlink_domain::{
        staff::Permission,
        submission::{FaultCode, FieldFault},
    };
    use kinlink_service::ServiceError;

    use super::{Cause, Problem};

    #[test]
    fn which_service_error_becomes_which_problem() {
        let fault = FieldFault { pointer: "/a".into(), code: FaultCode::Required, detail: "enter a value".into() };
        for (error, status, code) in [
            (ServiceError::NotFound("request"), 404, "not_found"),
            (ServiceError::Invalid(vec![fault]), 422, "invalid_fields"),
            (ServiceError::refused("wrong_status", "x"), 409, "wrong_status"),
            (ServiceError::refused("confirm_number", "x"), 422, "confirm_number"),
            (ServiceError::refused("too_many", "x"), 422, "too_many"),
            (ServiceError::refused("idempotency_key_reused", "x"), 422, "idempotency_key_reused"),
            (ServiceError::Stale, 412, "stale"),
            (ServiceError::Forbidden(Permission::Decide), 403, "forbidden"),
            (ServiceError::Unauthorized, 401, "unauthorized"),
            (ServiceError::TooOften { retry_after: 60 }, 429, "too_often"),
            (ServiceError::Letter, 500, "internal"),
        ] {
            let problem = Problem::from(error);
            assert_eq!((problem.status.as_u16(), problem.code), (status, code));
            let response = problem.into_response();
            assert_eq!(response.headers().contains_key("www-authenticate"), status == 401);
            assert_eq!(response.headers().get("retry-after").is_some_and(|after| after == "60"), status == 429);
            assert_eq!(response.extensions().get::<Cause>().is_some(), status == 500);
        }
    }
}
