//! `GET /doctor` and `GET /explain`: what is wrong, and why one adult does not see one child.

use axum::{extract::State, response::IntoResponse};
use kinlink_service::{doctor, explain};
use kinlink_web::{
    Json, Parameters, Problem,
    document::{Addressed, Known, Queried},
};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{AdminState, staff::Staff};

pub(crate) fn routes() -> OpenApiRouter<AdminState> {
    OpenApiRouter::new().routes(routes!(examine)).routes(routes!(walk))
}

/// What was looked at, and how bad the worst of it is.
#[derive(Serialize, ToSchema)]
struct Diagnosis {
    /// The worst level of all findings.
    level: doctor::Level,
    /// The findings, in the order in which they build on each other.
    findings: Vec<doctor::Finding>,
}

/// Look at everything that a cycle relies on
#[utoipa::path(
    get,
    path = "/doctor",
    operation_id = "doctor",
    tag = "diagnosis",
    security(("staff_token" = [])),
    responses((status = 200, description = "What was found, good or bad.", body = Diagnosis), Known, Queried)
)]
async fn examine(
    State(state): State<AdminState>,
    Staff(actor): Staff,
    query: Parameters,
) -> Result<impl IntoResponse, Problem> {
    query.finish()?;
    let diagnosis = doctor::examine(&state.app, &actor).await?;
    Ok(Json(Diagnosis { level: diagnosis.worst(), findings: diagnosis.findings }))
}

/// Say why an adult does not see a pupil
///
/// Walks the chain from the adult's request to the role row over the pupil and names the first link that is broken.
#[utoipa::path(
    get,
    path = "/explain",
    operation_id = "explain",
    tag = "diagnosis",
    security(("staff_token" = [])),
    params(
        ("adult" = String, Query, description = "The adult's id, user name or address."),
        ("pupil" = String, Query, description = "The pupil's Moodle user id, admission number or name.")
    ),
    responses(
        (status = 200, description = "The chain.", body = explain::Explained),
        (
            status = 409,
            description = "`adult_not_clear`, `pupil_not_clear`: several are of this name.",
            body = Problem,
            content_type = "application/problem+json"
        ),
        Known, Queried, Addressed
    )
)]
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
    Ok(Json(explain::explain(&state.app, &actor, adult, pupil).await?))
}
