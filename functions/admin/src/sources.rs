//! `/sources`: the forms that may send submissions. A source's key is in the answer that made it, and nowhere else.

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
    routing::{delete, get},
};
use kinlink_domain::{Timestamp, ids::SourceId};
use kinlink_service::{ServiceError, access};
use kinlink_web::{Json, Parameters, Path, Problem};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{AdminState, ROOT, staff::Staff};

pub(crate) fn routes() -> Router<AdminState> {
    Router::new().route("/sources", get(list).post(mint)).route("/sources/{source}", delete(revoke))
}

#[derive(Serialize)]
struct SourceView {
    id: SourceId,
    name: String,
    proves_email: bool,
    created_at: Timestamp,
    created_by: String,
    revoked_at: Option<Timestamp>,
}

impl From<access::Source> for SourceView {
    fn from(source: access::Source) -> Self {
        Self {
            id: source.id,
            name: source.name,
            proves_email: source.proves_email,
            created_at: source.created_at,
            created_by: source.created_by,
            revoked_at: source.revoked_at,
        }
    }
}

async fn list(
    State(state): State<AdminState>,
    Staff(actor): Staff,
    query: Parameters,
) -> Result<impl IntoResponse, Problem> {
    query.finish()?;
    let sources: Vec<SourceView> =
        access::list_sources(&state.app, &actor).await?.into_iter().map(SourceView::from).collect();
    Ok(Json(json!({ "items": sources })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewSource {
    name: String,
    #[serde(default)]
    proves_email: bool,
}

async fn mint(
    State(state): State<AdminState>,
    Staff(actor): Staff,
    Json(body): Json<NewSource>,
) -> Result<impl IntoResponse, Problem> {
    let minted = access::mint_source(&state.app, &actor, &body.name, body.proves_email).await?;
    let location = [(header::LOCATION, format!("{ROOT}/sources/{}", minted.id))];
    Ok((StatusCode::CREATED, location, Json(minted)))
}

async fn revoke(
    State(state): State<AdminState>,
    Staff(actor): Staff,
    Path(id): Path<String>,
) -> Result<impl IntoResponse, Problem> {
    let id = id.parse().map_err(|_| ServiceError::NotFound("source"))?;
    access::revoke_source(&state.app, &actor, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
