//! `/settings`: what the school set.

use axum::{
    Router,
    extract::State,
    response::IntoResponse,
    routing::{get, put},
};
use kinlink_domain::policy::InvalidSetting;
use kinlink_service::{ServiceError, settings};
use kinlink_web::{FieldFault, Json, Parameters, Path, Problem};
use serde::Deserialize;
use serde_json::json;

use crate::{AdminState, staff::Staff};

pub(crate) fn routes() -> Router<AdminState> {
    Router::new().route("/settings", get(list)).route("/settings/{name}", put(set))
}

async fn list(
    State(state): State<AdminState>,
    Staff(actor): Staff,
    query: Parameters,
) -> Result<impl IntoResponse, Problem> {
    query.finish()?;
    Ok(Json(json!({ "items": settings::list(&state.app, &actor).await? })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    value: String,
}

async fn set(
    State(state): State<AdminState>,
    Staff(actor): Staff,
    Path(name): Path<String>,
    Json(body): Json<Change>,
) -> Result<impl IntoResponse, Problem> {
    let policy = settings::set(&state.app, &actor, &name, &body.value).await.map_err(|error| match error {
        // About what was sent. The same error about another setting is about what is stored: that is internal.
        ServiceError::Setting(InvalidSetting::Unknown(wrong)) if wrong == name => {
            Problem::not_found("there is no such setting")
        }
        ServiceError::Setting(InvalidSetting::Value { name: wrong, expected }) if wrong == name => {
            Problem::invalid_fields(vec![FieldFault::field("/value", "invalid", format!("expected {expected}"))])
        }
        other => other.into(),
    })?;
    let set = settings::views(&policy).into_iter().find(|setting| setting.name == name);
    set.map(Json).ok_or_else(|| Problem::internal("a setting that was set is not there"))
}
