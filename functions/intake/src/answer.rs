//! The answer to a submission: of one form, whoever is known.

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use kinlink_service::submit::Accepted;
use kinlink_web::Json;
use serde_json::json;

/// 202 with the reference.
pub(crate) fn accepted(accepted: &Accepted) -> Response {
    (StatusCode::ACCEPTED, Json(json!({ "reference": accepted.reference }))).into_response()
}
