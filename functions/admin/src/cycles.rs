//! `/cycles`: what the provisioner did, and asking it to run.

use axum::{
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
};
use kinlink_domain::{Timestamp, ids::CycleId, outcome::Outcome};
use kinlink_service::{
    ServiceError, cycle,
    view::{Cycle, CycleState, list_cycles, request_cycle, show_cycle},
};
use kinlink_web::{
    Json, Parameters, Path, Problem,
    document::{Addressed, Bodied, Known, Paged, Queried, Restricted},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{AdminState, ROOT, links::LinkView, page, staff::Staff};

pub(crate) fn routes() -> OpenApiRouter<AdminState> {
    OpenApiRouter::new().routes(routes!(list, ask)).routes(routes!(show))
}

/// A run of the provisioner.
#[derive(Serialize, ToSchema)]
#[schema(as = Cycle)]
struct CycleView {
    /// Its id.
    id: CycleId,
    /// What it does: `cycle`, `reconcile` or `apply`.
    action: String,
    /// Where it stands.
    state: CycleState,
    /// Who asked for it.
    actor: String,
    /// When it was asked for.
    created_at: Timestamp,
    /// When it began.
    #[schema(required)]
    started_at: Option<Timestamp>,
    /// When it ended.
    #[schema(required)]
    finished_at: Option<Timestamp>,
    /// What it did.
    #[schema(required, value_type = Option<cycle::Report>)]
    report: Option<serde_json::Value>,
    /// Why it stopped.
    #[schema(required)]
    fault: Option<String>,
}

impl From<Cycle> for CycleView {
    fn from(cycle: Cycle) -> Self {
        Self {
            id: cycle.id,
            action: cycle.action,
            state: cycle.state,
            actor: cycle.actor,
            created_at: cycle.created_at,
            started_at: cycle.started_at,
            finished_at: cycle.finished_at,
            report: cycle.report,
            fault: cycle.fault,
        }
    }
}

type CyclePage = page::Page<CycleView>;

/// Cycles, newest first
#[utoipa::path(
    get,
    path = "/cycles",
    operation_id = "list_cycles",
    tag = "cycles",
    security(("staff_token" = [])),
    params(page::Paging),
    responses((status = 200, description = "A page of cycles.", body = CyclePage), Known, Queried, Paged)
)]
async fn list(
    State(state): State<AdminState>,
    Staff(actor): Staff,
    mut query: Parameters,
) -> Result<impl IntoResponse, Problem> {
    let (cursor, limit) = (page::cursor(&mut query), page::limit(&mut query));
    query.finish()?;
    let cursor = page::decode(cursor, |_: &CycleId| true)?;
    let found = list_cycles(&state.app, &actor, cursor, limit).await?;
    Ok(Json(page::Page::new(found.items.into_iter().map(CycleView::from).collect(), found.next.as_ref())))
}

/// The result of one link in a cycle.
#[derive(Serialize, ToSchema)]
#[schema(as = CycleResult)]
struct ResultView {
    /// The link.
    link: LinkView,
    /// What came of it.
    outcome: Outcome,
    /// What that means and what to do.
    advice: &'static str,
}

/// A cycle with the result of each link it looked at.
#[derive(Serialize, ToSchema)]
struct CycleDetail {
    #[serde(flatten)]
    cycle: CycleView,
    /// The results.
    results: Vec<ResultView>,
}

/// A cycle with the result of each link it looked at
#[utoipa::path(
    get,
    path = "/cycles/{cycle}",
    operation_id = "show_cycle",
    tag = "cycles",
    security(("staff_token" = [])),
    params(("cycle" = CycleId, Path, description = "Its id.")),
    responses((status = 200, description = "The cycle.", body = CycleDetail), Known, Queried, Addressed)
)]
async fn show(
    State(state): State<AdminState>,
    Staff(actor): Staff,
    Path(id): Path<String>,
    query: Parameters,
) -> Result<impl IntoResponse, Problem> {
    query.finish()?;
    let id = id.parse().map_err(|_| ServiceError::NotFound("cycle"))?;
    let (cycle, results) = show_cycle(&state.app, &actor, id).await?;
    let results = results
        .into_iter()
        .map(|(link, outcome)| ResultView { link: link.into(), outcome, advice: outcome.advice() })
        .collect();
    Ok(Json(CycleDetail { cycle: cycle.into(), results }))
}

/// Which cycle is asked for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CycleAsked)]
struct Ask {
    /// What it is to do.
    action: Act,
}

/// What a cycle may be asked to do: what waits, or to compare everything.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = CycleAction)]
enum Act {
    /// Does what waits.
    Cycle,
    /// Compares everything.
    Reconcile,
}

/// A cycle that was asked for.
#[derive(Serialize, ToSchema)]
struct CycleQueued {
    /// Its id.
    id: CycleId,
    /// Where it stands.
    state: CycleState,
}

/// Ask for a cycle
#[utoipa::path(
    post,
    path = "/cycles",
    operation_id = "ask_for_cycle",
    tag = "cycles",
    security(("staff_token" = [])),
    request_body = Ask,
    responses(
        (
            status = 202,
            description = "The provisioner takes it up at its next start.",
            body = CycleQueued,
            headers(("Location" = String, description = "The cycle.")),
            links(("cycle" = (operation_id = "show_cycle", parameters(("cycle" = "$response.body#/id")))))
        ),
        Known, Restricted, Bodied
    )
)]
async fn ask(
    State(state): State<AdminState>,
    Staff(actor): Staff,
    Json(body): Json<Ask>,
) -> Result<impl IntoResponse, Problem> {
    let action = match body.action {
        Act::Cycle => "cycle",
        Act::Reconcile => "reconcile",
    };
    let id = request_cycle(&state.app, &actor, action).await?;
    (state.wake)();
    let location = [(header::LOCATION, format!("{ROOT}/cycles/{id}"))];
    Ok((StatusCode::ACCEPTED, location, Json(CycleQueued { id, state: CycleState::Queued })))
}
