//! `GET /health`: how much waits, and when a cycle last ended well.

use axum::{extract::State, response::IntoResponse};
use kinlink_service::view::{Health, health};
use kinlink_web::{
    Json, Parameters, Problem,
    document::{Known, Queried},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{AdminState, staff::Staff};

pub(crate) fn routes() -> OpenApiRouter<AdminState> {
    OpenApiRouter::new().routes(routes!(show))
}

/// How much waits, and when a cycle last ended well
#[utoipa::path(
    get,
    path = "/health",
    operation_id = "health",
    tag = "diagnosis",
    security(("staff_token" = [])),
    responses((status = 200, description = "How much waits.", body = Health), Known, Queried)
)]
async fn show(
    State(state): State<AdminState>,
    Staff(actor): Staff,
    query: Parameters,
) -> Result<impl IntoResponse, Problem> {
    query.finish()?;
    Ok(Json(health(&state.app, &actor).await?))
}
