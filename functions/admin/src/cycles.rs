//! `/cycles`: what the provisioner did, and asking it to run.

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
    routing::get,
};
use kinlink_domain::{Timestamp, ids::CycleId, outcome::Outcome};
use kinlink_service::{
    ServiceError,
    view::{Cycle, CycleState, list_cycles, request_cycle, show_cycle},
};
use kinlink_web::{Json, Parameters, Path, Problem};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{AdminState, ROOT, links::LinkView, page, staff::Staff};

pub(crate) fn routes() -> Router<AdminState> {
    Router::new().route("/cycles", get(list).post(ask)).route("/cycles/{cycle}", get(show))
}

#[derive(Serialize)]
struct CycleView {
    id: CycleId,
    action: String,
    state: CycleState,
    actor: String,
    created_at: Timestamp,
    started_at: Option<Timestamp>,
    finished_at: Option<Timestamp>,
    report: Option<serde_json::Value>,
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

/// A page of cycles, newest first: `cursor`, `limit`.
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
#[derive(Serialize)]
struct ResultView {
    link: LinkView,
    outcome: Outcome,
    advice: &'static str,
}

#[derive(Serialize)]
struct CycleDetail {
    #[serde(flatten)]
    cycle: CycleView,
    results: Vec<ResultView>,
}

/// A cycle with the result of each link it looked at.
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ask {
    action: Act,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Act {
    /// Does what waits.
    Cycle,
    /// Compares everything.
    Reconcile,
}

/// Asks for a cycle.
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
    Ok((StatusCode::ACCEPTED, location, Json(json!({ "id": id, "state": CycleState::Queued }))))
}
