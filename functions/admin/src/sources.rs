//! `/sources`: the forms that may send submissions. A source's key is in the answer that made it, and nowhere else.

use axum::{
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
};
use kinlink_domain::{Timestamp, ids::SourceId};
use kinlink_service::{
    ServiceError,
    access::{self, Minted},
};
use kinlink_web::{
    Json, Parameters, Path, Problem,
    document::{Addressed, Bodied, Known, Queried, Restricted},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{AdminState, ROOT, page, staff::Staff};

pub(crate) fn routes() -> OpenApiRouter<AdminState> {
    OpenApiRouter::new().routes(routes!(list, mint)).routes(routes!(revoke))
}

/// A form that may send submissions, without its key.
#[derive(Serialize, ToSchema)]
#[schema(as = Source)]
struct SourceView {
    /// Its id.
    id: SourceId,
    /// What people call it.
    name: String,
    /// Whether its submissions come from a proven address.
    proves_email: bool,
    /// When it was made.
    created_at: Timestamp,
    /// Who made it.
    created_by: String,
    /// When it was revoked.
    #[schema(required)]
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

type SourceList = page::Items<SourceView>;

/// Every source
#[utoipa::path(
    get,
    path = "/sources",
    operation_id = "list_sources",
    tag = "sources",
    security(("staff_token" = [])),
    responses(
        (status = 200, description = "Every source, the revoked included.", body = SourceList),
        Known, Restricted, Queried
    )
)]
async fn list(
    State(state): State<AdminState>,
    Staff(actor): Staff,
    query: Parameters,
) -> Result<impl IntoResponse, Problem> {
    query.finish()?;
    let items = access::list_sources(&state.app, &actor).await?.into_iter().map(SourceView::from).collect();
    Ok(Json(page::Items { items }))
}

/// A source to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewSource {
    /// What people call it.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// Whether its submissions come from a proven address.
    #[serde(default)]
    proves_email: bool,
}

/// Make a source
#[utoipa::path(
    post,
    path = "/sources",
    operation_id = "mint_source",
    tag = "sources",
    security(("staff_token" = [])),
    request_body = NewSource,
    responses(
        (
            status = 201,
            description = "The key is in this answer, and nowhere else.",
            body = Minted,
            headers(("Location" = String, description = "The source.")),
            links(("revoke" = (operation_id = "revoke_source", parameters(("source" = "$response.body#/id")))))
        ),
        Known, Restricted, Bodied
    )
)]
async fn mint(
    State(state): State<AdminState>,
    Staff(actor): Staff,
    Json(body): Json<NewSource>,
) -> Result<impl IntoResponse, Problem> {
    let minted = access::mint_source(&state.app, &actor, &body.name, body.proves_email).await?;
    let location = [(header::LOCATION, format!("{ROOT}/sources/{}", minted.id))];
    Ok((StatusCode::CREATED, location, Json(minted)))
}

/// Revoke a source
#[utoipa::path(
    delete,
    path = "/sources/{source}",
    operation_id = "revoke_source",
    tag = "sources",
    security(("staff_token" = [])),
    params(("source" = SourceId, Path, description = "Its id.")),
    responses((status = 204, description = "It is not valid any more."), Known, Restricted, Addressed)
)]
async fn revoke(
    State(state): State<AdminState>,
    Staff(actor): Staff,
    Path(id): Path<String>,
) -> Result<impl IntoResponse, Problem> {
    let id = id.parse().map_err(|_| ServiceError::NotFound("source"))?;
    access::revoke_source(&state.app, &actor, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
