//! `GET /doctor` and `GET /explain`: what is wrong, and why one adult does not see one child.

use axum::{Router, extract::State, response::IntoResponse, routing::get};
use kinlink_service::{doctor, explain};
use kinlink_web::{Json, Parameters, Problem};
use serde_json::json;

use crate::{AdminState, staff::Staff};

pub(crate) fn routes() -> Router<AdminState> {
    Router::new().route("/doctor", get(examine)).route("/explain", get(walk))
}

/// Everything that a cycle relies on.
async fn examine(
    State(state): State<AdminState>,
    Staff(actor): Staff,
    query: Parameters,
) -> Result<impl IntoResponse, Problem> {
    query.finish()?;
    let diagnosis = doctor::examine(&state.app, &actor).await?;
    Ok(Json(json!({ "level": diagnosis.worst(), "findings": diagnosis.findings })))
}

/// The chain from the request of `adult` (id, user name or address) to the role row over `pupil` (Moodle user id,
/// admission number or name).
async fn walk(
    State(state): State<AdminState>,
    Staff(actor): Staff,
    mut query: Parameters,
) -> Result<impl IntoResponse, Problem> {
    let (adult, pupil) = (query.text("adult"), query.text("pupil"));
    for (name, value) in [("adult", &adult), ("pupil", &pupil)] {
        if value.is_none() {
            query.refuse(name, format!("name the {name}"));
        }
    }
    query.finish()?;
    let adult = explain::find_adult(&state.app, &actor, &adult.unwrap_or_default()).await?;
    let pupil = explain::find_pupil(&state.app, &actor, &pupil.unwrap_or_default()).await?;
    Ok(Json(json!(explain::explain(&state.app, &actor, adult, pupil).await?)))
}
