//! The answer to a submission: of one form, whoever is known.

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use kinlink_domain::reference::Reference;
use kinlink_service::submit::Accepted;
use kinlink_web::Json;
use serde::Serialize;
use utoipa::ToSchema;

/// A submission that is kept.
#[derive(Serialize, ToSchema)]
#[schema(as = Accepted)]
pub(crate) struct Receipt {
    /// What people call the request.
    reference: Reference,
}

/// 202 with the reference.
pub(crate) fn accepted(accepted: Accepted) -> Response {
    (StatusCode::ACCEPTED, Json(Receipt { reference: accepted.reference })).into_response()
}
