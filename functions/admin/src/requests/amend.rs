//! `PATCH /requests/{request}` (corrected texts) and `PUT /requests/{request}/note`.

use axum::{extract::State, response::Response};
use kinlink_service::decide::{self, Correction};
use kinlink_web::{IfMatch, Json, Path, Problem};
use serde::Deserialize;

use super::{decided, resolve};
use crate::{AdminState, staff::Staff};

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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Note {
    note: String,
}

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
