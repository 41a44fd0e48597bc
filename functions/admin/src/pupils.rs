//! `GET /pupils`: pupils to pick from.

use axum::{Router, extract::State, response::IntoResponse, routing::get};
use kinlink_service::view::search_pupils;
use kinlink_web::{Json, Parameters, Problem};
use serde_json::json;

use crate::{AdminState, page, staff::Staff};

pub(crate) fn routes() -> Router<AdminState> {
    Router::new().route("/pupils", get(search))
}

/// Pupils that contain every word of `q`, at most `limit`.
async fn search(
    State(state): State<AdminState>,
    Staff(actor): Staff,
    mut query: Parameters,
) -> Result<impl IntoResponse, Problem> {
    let words = query.text("q").unwrap_or_default();
    let limit = page::limit(&mut query);
    query.finish()?;
    Ok(Json(json!({ "items": search_pupils(&state.app, &actor, &words, limit as usize).await? })))
}
