//! `GET /requests/{id or reference}`: a request with everything beside it.

use axum::{extract::State, response::IntoResponse};
use kinlink_service::view::{RequestDetail, show_request};
use kinlink_web::{
    Json, Parameters, Path, Problem,
    document::{Addressed, Known, Queried},
    etag,
};

use crate::{AdminState, staff::Staff};

/// A request with everything beside it
#[utoipa::path(
    get,
    path = "/requests/{request}",
    operation_id = "show_request",
    tag = "requests",
    security(("staff_token" = [])),
    params(("request" = String, Path, description = "Its id or reference.")),
    responses(
        (
            status = 200,
            description = "The request, its candidates, its history.",
            body = RequestDetail,
            headers(("ETag" = String, description = "Its version, for `If-Match`.")),
            links(
                ("approve" = (
                    operation_id = "approve_request",
                    parameters(("request" = "$response.body#/id"), ("If-Match" = "$response.header.ETag"))
                )),
                ("deny" = (
                    operation_id = "deny_request",
                    parameters(("request" = "$response.body#/id"), ("If-Match" = "$response.header.ETag"))
                )),
                ("correct" = (
                    operation_id = "correct_request",
                    parameters(("request" = "$response.body#/id"), ("If-Match" = "$response.header.ETag"))
                ))
            )
        ),
        Known, Queried, Addressed
    )
)]
pub(super) async fn show(
    State(state): State<AdminState>,
    Staff(actor): Staff,
    Path(name): Path<String>,
    query: Parameters,
) -> Result<impl IntoResponse, Problem> {
    query.finish()?;
    let request = show_request(&state.app, &actor, &name).await?;
    Ok((etag(request.summary.version), Json(request)))
}
