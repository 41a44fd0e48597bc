//! `/settings`: what the school set.

use axum::{extract::State, response::IntoResponse};
use kinlink_domain::policy::InvalidSetting;
use kinlink_service::{
    ServiceError,
    settings::{self, SettingView},
};
use kinlink_web::{
    FieldFault, Json, Parameters, Path, Problem,
    document::{Addressed, Bodied, Known, Queried, Restricted},
};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{AdminState, page, staff::Staff};

pub(crate) fn routes() -> OpenApiRouter<AdminState> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(set))
}

type SettingList = page::Items<SettingView>;

/// Every setting, its value and its meaning
#[utoipa::path(
    get,
    path = "/settings",
    operation_id = "list_settings",
    tag = "settings",
    security(("staff_token" = [])),
    responses((status = 200, description = "Every setting.", body = SettingList), Known, Queried)
)]
async fn list(
    State(state): State<AdminState>,
    Staff(actor): Staff,
    query: Parameters,
) -> Result<impl IntoResponse, Problem> {
    query.finish()?;
    Ok(Json(page::Items { items: settings::list(&state.app, &actor).await? }))
}

/// A new value of a setting.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SettingChange)]
struct Change {
    /// The value as text, as the list has it.
    value: String,
}

/// Change a setting
#[utoipa::path(
    put,
    path = "/settings/{name}",
    operation_id = "set_setting",
    tag = "settings",
    security(("staff_token" = [])),
    params(("name" = String, Path, description = "Its name.", example = "email_proof_hours")),
    request_body(content = Change, example = json!({"value": "24"})),
    responses(
        (status = 200, description = "The setting as it now stands.", body = SettingView),
        Known, Restricted, Addressed, Bodied
    )
)]
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
