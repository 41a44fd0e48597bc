//! `GET /pupils`: pupils to pick from.

use axum::{extract::State, response::IntoResponse};
use kinlink_domain::matching::Pupil;
use kinlink_service::view::search_pupils;
use kinlink_web::{
    Json, Parameters, Problem,
    document::{Known, Queried},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{AdminState, page, staff::Staff};

pub(crate) fn routes() -> OpenApiRouter<AdminState> {
    OpenApiRouter::new().routes(routes!(search))
}

type PupilList = page::Items<Pupil>;

/// Pupils to pick from
#[utoipa::path(
    get,
    path = "/pupils",
    operation_id = "search_pupils",
    tag = "pupils",
    security(("staff_token" = [])),
    params(page::Search, page::Limit),
    responses((status = 200, description = "The first pupils that fit.", body = PupilList), Known, Queried)
)]
async fn search(
    State(state): State<AdminState>,
    Staff(actor): Staff,
    mut query: Parameters,
) -> Result<impl IntoResponse, Problem> {
    let words = query.text("q").unwrap_or_default();
    let limit = page::limit(&mut query);
    query.finish()?;
    Ok(Json(page::Items { items: search_pupils(&state.app, &actor, &words, limit as usize).await? }))
}
