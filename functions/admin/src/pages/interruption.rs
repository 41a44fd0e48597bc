//! Why a handler stops before its end: a problem, which becomes a page, or a page that the person has to see first.

use axum::response::{IntoResponse, Response};
use kinlink_service::ServiceError;
use kinlink_web::Problem;

/// Why a handler stops.
pub(crate) enum Interruption {
    /// Something is wrong.
    Problem(Problem),
    /// Another page comes first, such as signing in again.
    Instead(Box<Response>),
}

impl From<Problem> for Interruption {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<ServiceError> for Interruption {
    fn from(error: ServiceError) -> Self {
        Self::Problem(error.into())
    }
}

impl IntoResponse for Interruption {
    fn into_response(self) -> Response {
        match self {
            Self::Problem(problem) => problem.into_response(),
            Self::Instead(response) => *response,
        }
    }
}
