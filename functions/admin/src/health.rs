//! `GET /health`: how much waits, and when a cycle last ended well.

use axum::{Router, extract::State, response::IntoResponse, routing::get};
use kinlink_service::view::health;
use kinlink_web::{Json, Parameters, Problem};

use crate::{AdminState, staff::Staff};

pub(crate) fn routes() -> Router<AdminState> {
    Router::new().route("/health", get(show))
}

async fn show(
    State(state): State<AdminState>,
    Staff(actor): Staff,
    query: Parameters,
) -> Result<impl IntoResponse, Problem> {
    query.finish()?;
    Ok(Json(health(&state.app, &actor).await?))
}
