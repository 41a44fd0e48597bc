//! `/tokens`: API tokens of staff and scripts. A token's secret is in the answer that made it, and nowhere else.

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
    routing::{delete, get},
};
use kinlink_domain::{Timestamp, ids::TokenId, staff::StaffRole};
use kinlink_service::{ServiceError, access};
use kinlink_web::{Json, Parameters, Path, Problem};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{AdminState, ROOT, staff::Staff};

pub(crate) fn routes() -> Router<AdminState> {
    Router::new().route("/tokens", get(list).post(mint)).route("/tokens/{token}", delete(revoke))
}

#[derive(Serialize)]
struct TokenView {
    id: TokenId,
    name: String,
    role: StaffRole,
    created_at: Timestamp,
    created_by: String,
    expires_at: Option<Timestamp>,
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

async fn list(
    State(state): State<AdminState>,
    Staff(actor): Staff,
    query: Parameters,
) -> Result<impl IntoResponse, Problem> {
    query.finish()?;
    let tokens: Vec<TokenView> =
        access::list_tokens(&state.app, &actor).await?.into_iter().map(TokenView::from).collect();
    Ok(Json(json!({ "items": tokens })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewToken {
    name: String,
    role: StaffRole,
    #[serde(default)]
    expires_at: Option<Timestamp>,
}

async fn mint(
    State(state): State<AdminState>,
    Staff(actor): Staff,
    Json(body): Json<NewToken>,
) -> Result<impl IntoResponse, Problem> {
    let minted = access::mint_token(&state.app, &actor, &body.name, body.role, body.expires_at).await?;
    let location = [(header::LOCATION, format!("{ROOT}/tokens/{}", minted.id))];
    Ok((StatusCode::CREATED, location, Json(minted)))
}

async fn revoke(
    State(state): State<AdminState>,
    Staff(actor): Staff,
    Path(id): Path<String>,
) -> Result<impl IntoResponse, Problem> {
    let id = id.parse().map_err(|_| ServiceError::NotFound("token"))?;
    access::revoke_token(&state.app, &actor, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
