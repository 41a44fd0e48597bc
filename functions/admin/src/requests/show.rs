//! `GET /requests/{id or reference}`: a request with everything beside it.

use axum::{extract::State, response::IntoResponse};
use kinlink_service::view::show_request;
use kinlink_web::{Json, Parameters, Path, Problem, etag};

use crate::{AdminState, staff::Staff};

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
