//! `/tokens`: API tokens of staff and scripts. A token's secret is in the answer that made it, and nowhere else.

use axum::{
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
};
use kinlink_domain::{Timestamp, ids::TokenId, staff::StaffRole};
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

/// An API token, without its secret.
#[derive(Serialize, ToSchema)]
#[schema(as = Token)]
struct TokenView {
    /// Its id.
    id: TokenId,
    /// What people call it.
    name: String,
    /// What it may do.
    role: StaffRole,
    /// When it was made.
    created_at: Timestamp,
    /// Who made it.
    created_by: String,
    /// Until when it is valid; without an end if missing.
    #[schema(required)]
    expires_at: Option<Timestamp>,
    /// When it was revoked.
    #[schema(required)]
    revoked_at: Option<Timestamp>,
}

impl From<access::Token> for TokenView {
    fn from(token: access::Token) -> Self {
        Self {
            id: token.id,
            name: token.name,
            role: token.role,
            created_at: token.created_at,
            created_by: token.created_by,
            expires_at: token.expires_at,
            revoked_at: token.revoked_at,
        }
    }
}

type TokenList = page::Items<TokenView>;

/// Every token
#[utoipa::path(
    get,
    path = "/tokens",
    operation_id = "list_tokens",
    tag = "tokens",
    security(("staff_token" = [])),
    responses(
        (status = 200, description = "Every token, the revoked included.", body = TokenList),
        Known, Restricted, Queried
    )
)]
async fn list(
    State(state): State<AdminState>,
    Staff(actor): Staff,
    query: Parameters,
) -> Result<impl IntoResponse, Problem> {
    query.finish()?;
    let items = access::list_tokens(&state.app, &actor).await?.into_iter().map(TokenView::from).collect();
    Ok(Json(page::Items { items }))
}

/// A token to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewToken {
    /// What people call it.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// What it may do.
    role: StaffRole,
    /// Until when it is valid; without an end if missing.
    #[serde(default)]
    expires_at: Option<Timestamp>,
}

/// Make a token
#[utoipa::path(
    post,
    path = "/tokens",
    operation_id = "mint_token",
    tag = "tokens",
    security(("staff_token" = [])),
    request_body = NewToken,
    responses(
        (
            status = 201,
            description = "The secret is in this answer, and nowhere else.",
            body = Minted,
            headers(("Location" = String, description = "The token.")),
            links(("revoke" = (operation_id = "revoke_token", parameters(("token" = "$response.body#/id")))))
        ),
        Known, Restricted, Bodied
    )
)]
async fn mint(
    State(state): State<AdminState>,
    Staff(actor): Staff,
    Json(body): Json<NewToken>,
) -> Result<impl IntoResponse, Problem> {
    let minted = access::mint_token(&state.app, &actor, &body.name, body.role, body.expires_at).await?;
    let location = [(header::LOCATION, format!("{ROOT}/tokens/{}", minted.id))];
    Ok((StatusCode::CREATED, location, Json(minted)))
}

/// Revoke a token
#[utoipa::path(
    delete,
    path = "/tokens/{token}",
    operation_id = "revoke_token",
    tag = "tokens",
    security(("staff_token" = [])),
    params(("token" = TokenId, Path, description = "Its id.")),
    responses((status = 204, description = "It is not valid any more."), Known, Restricted, Addressed)
)]
async fn revoke(
    State(state): State<AdminState>,
    Staff(actor): Staff,
    Path(id): Path<String>,
) -> Result<impl IntoResponse, Problem> {
    let id = id.parse().map_err(|_| ServiceError::NotFound("token"))?;
    access::revoke_token(&state.app, &actor, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
