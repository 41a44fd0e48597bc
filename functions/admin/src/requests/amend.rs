//! `PATCH /requests/{request}` (corrected texts) and `PUT /requests/{request}/note`.

use axum::{extract::State, response::Response};
use kinlink_service::{
    decide::{self, Correction},
    view::RequestSummary,
};
use kinlink_web::{
    IfMatch, Json, Path, Problem,
    document::{Addressed, Bodied, Known, Matched, Restricted},
};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{decided, resolve};
use crate::{AdminState, staff::Staff};

/// Correct the texts of a request
///
/// What is absent stays; the submission as it came is kept.
#[utoipa::path(
    patch,
    path = "/requests/{request}",
    operation_id = "correct_request",
    tag = "requests",
    security(("staff_token" = [])),
    params(("request" = String, Path, description = "Its id or reference."), IfMatch),
    request_body = Correction,
    responses(
        (
            status = 200,
            description = "The request as it now stands.",
            body = RequestSummary,
            headers(("ETag" = String, description = "Its version, for `If-Match`."))
        ),
        (
            status = 409,
            description = "`wrong_status`, `own_request`, `already_decided`, `try_again`.",
            body = Problem,
            content_type = "application/problem+json"
        ),
        Known, Restricted, Addressed, Matched, Bodied
    )
)]
pub(super) async fn correct(
    State(state): State<AdminState>,
    Staff(actor): Staff,
    Path(name): Path<String>,
    IfMatch(version): IfMatch,
    Json(correction): Json<Correction>,
) -> Result<Response, Problem> {
    let id = resolve(&state.app, &name).await?;
    let request = decide::correct(&state.app, &actor, id, version, &correction).await?;
    decided(&state.app, &actor, &request).await
}

/// The staff's note.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Note {
    /// The whole note; empty removes it.
    note: String,
}

/// Write the staff's note of a request
#[utoipa::path(
    put,
    path = "/requests/{request}/note",
    operation_id = "note_request",
    tag = "requests",
    security(("staff_token" = [])),
    params(("request" = String, Path, description = "Its id or reference."), IfMatch),
    request_body = Note,
    responses(
        (
            status = 200,
            description = "The request as it now stands.",
            body = RequestSummary,
            headers(("ETag" = String, description = "Its version, for `If-Match`."))
        ),
        (
            status = 409,
            description = "`own_request`, `try_again`.",
            body = Problem,
            content_type = "application/problem+json"
        ),
        Known, Restricted, Addressed, Matched, Bodied
    )
)]
pub(super) async fn note(
    State(state): State<AdminState>,
    Staff(actor): Staff,
    Path(name): Path<String>,
    IfMatch(version): IfMatch,
    Json(body): Json<Note>,
) -> Result<Response, Problem> {
    let id = resolve(&state.app, &name).await?;
    let request = decide::note(&state.app, &actor, id, version, &body.note).await?;
    decided(&state.app, &actor, &request).await
}
