//! `/plans`: what would be written in Moodle, kept, looked at, compared, and applied exactly as it is.

use axum::{
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
};
use kinlink_domain::{
    Timestamp,
    adoption::Direction,
    ids::{CycleId, PlanId},
    plan_row::{PlanRow, Scope},
    reason::Reason,
};
use kinlink_service::{
    ServiceError, adoption,
    plans::{self, Application, Comparison, Plan},
};
use kinlink_web::{
    Json, Parameters, Path, Problem,
    document::{Addressed, Bodied, Known, Paged, Queried, Restricted},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{AdminState, ROOT, page, staff::Staff};

pub(crate) fn routes() -> OpenApiRouter<AdminState> {
    OpenApiRouter::new()
        .routes(routes!(list, make))
        .routes(routes!(show))
        .routes(routes!(rows))
        .routes(routes!(compare))
        .routes(routes!(apply))
        .routes(routes!(make_adoption))
}

/// A plan that was kept, without its rows.
#[derive(Serialize, ToSchema)]
#[schema(as = Plan)]
struct PlanView {
    /// Its id.
    id: PlanId,
    /// What tells it from every plan with other rows.
    digest: String,
    /// How much it speaks of.
    scope: Scope,
    /// Who had it made; `system` when the brake did.
    actor: String,
    /// When it was made.
    created_at: Timestamp,
    /// Role rows to insert.
    additions: u64,
    /// Role rows to delete.
    removals: u64,
    /// User contexts to make or mend.
    contexts: u64,
    /// Role rows to adopt, or to give back.
    adoptions: u64,
    /// Whether the brake holds some of it: then it takes a second person, unless the school wants it otherwise.
    braked: bool,
    /// The person who asked for it to be applied.
    #[schema(required)]
    asked_by: Option<String>,
    /// The person by whose word it may be applied.
    #[schema(required)]
    admitted_by: Option<String>,
    /// When it was applied to its end.
    #[schema(required)]
    applied_at: Option<Timestamp>,
    /// The cycle that applied it.
    #[schema(required)]
    cycle: Option<CycleId>,
}

impl From<Plan> for PlanView {
    fn from(plan: Plan) -> Self {
        let (applied_at, cycle) = plan.applied.unzip();
        Self {
            id: plan.id,
            digest: plan.digest,
            scope: plan.scope,
            actor: plan.actor,
            created_at: plan.created_at,
            additions: plan.additions,
            removals: plan.removals,
            contexts: plan.contexts,
            adoptions: plan.adoptions,
            braked: plan.braked,
            asked_by: plan.asked.map(|(person, _)| person),
            admitted_by: plan.admitted.map(|(person, _)| person),
            applied_at,
            cycle,
        }
    }
}

type PlanPage = page::Page<PlanView>;

fn id(text: &str) -> Result<PlanId, Problem> {
    Ok(text.parse().map_err(|_| ServiceError::NotFound("plan"))?)
}

/// Plans that were kept, newest first
#[utoipa::path(
    get,
    path = "/plans",
    operation_id = "list_plans",
    tag = "plans",
    security(("staff_token" = [])),
    params(page::Paging),
    responses((status = 200, description = "A page of plans.", body = PlanPage), Known, Queried, Paged)
)]
async fn list(
    State(state): State<AdminState>,
    Staff(actor): Staff,
    mut query: Parameters,
) -> Result<impl IntoResponse, Problem> {
    let (cursor, limit) = (page::cursor(&mut query), page::limit(&mut query));
    query.finish()?;
    let cursor = page::decode(cursor, |_: &PlanId| true)?;
    let found = plans::list(&state.app, &actor, cursor, limit).await?;
    Ok(Json(page::Page::new(found.items.into_iter().map(PlanView::from).collect(), found.next.as_ref())))
}

/// Compare everything and keep the plan
#[utoipa::path(
    post,
    path = "/plans",
    operation_id = "make_plan",
    tag = "plans",
    security(("staff_token" = [])),
    responses(
        (
            status = 201,
            description = "The plan; nothing was written in Moodle. The same rows as those of a plan that was not applied are that plan.",
            body = PlanView,
            headers(("Location" = String, description = "The plan.")),
            links(("plan" = (operation_id = "show_plan", parameters(("plan" = "$response.body#/id")))))
        ),
        Known, Restricted, Queried
    )
)]
async fn make(
    State(state): State<AdminState>,
    Staff(actor): Staff,
    query: Parameters,
) -> Result<impl IntoResponse, Problem> {
    query.finish()?;
    let plan = plans::make(&state.app, &actor).await?;
    let location = [(header::LOCATION, format!("{ROOT}/plans/{}", plan.id))];
    Ok((StatusCode::CREATED, location, Json(PlanView::from(plan))))
}

/// Which way.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AdoptionToPlan)]
struct AdoptionWish {
    /// Whether rows of the earlier plugin become ours, or adopted rows become the earlier plugin's again.
    direction: Direction,
}

/// A plan that adopts or gives back.
#[derive(Serialize, ToSchema)]
struct AdoptionPlan {
    #[serde(flatten)]
    plan: PlanView,
    /// How many rows of the same kind stay as they are. When adopting: those behind which no link in force stands. When giving
    /// back: those that are gone, because their link ended or is held.
    left: u64,
}

/// Look which rows of the earlier plugin would be adopted, or given back, and keep the plan
#[utoipa::path(
    post,
    path = "/adoption-plans",
    operation_id = "make_adoption_plan",
    tag = "plans",
    security(("staff_token" = [])),
    request_body = AdoptionWish,
    responses(
        (
            status = 201,
            description = "The plan; nothing was written in Moodle. It is looked at and applied like every plan.",
            body = AdoptionPlan,
            headers(("Location" = String, description = "The plan.")),
            links(("plan" = (operation_id = "show_plan", parameters(("plan" = "$response.body#/id")))))
        ),
        Known, Restricted, Bodied
    )
)]
async fn make_adoption(
    State(state): State<AdminState>,
    Staff(actor): Staff,
    Json(wish): Json<AdoptionWish>,
) -> Result<impl IntoResponse, Problem> {
    let made = adoption::make(&state.app, &actor, wish.direction).await?;
    let location = [(header::LOCATION, format!("{ROOT}/plans/{}", made.plan.id))];
    Ok((StatusCode::CREATED, location, Json(AdoptionPlan { plan: made.plan.into(), left: made.left })))
}

/// How many rows of a plan have a reason.
#[derive(Serialize, ToSchema)]
#[schema(as = PlanReason)]
struct ReasonView {
    /// The reason.
    reason: Reason,
    /// What it says to people.
    meaning: &'static str,
    /// How many rows have it.
    rows: u64,
}

/// A plan with why it has its rows.
#[derive(Serialize, ToSchema)]
struct PlanDetail {
    #[serde(flatten)]
    plan: PlanView,
    /// How many rows have which reason.
    reasons: Vec<ReasonView>,
}

/// A plan with why it has its rows
#[utoipa::path(
    get,
    path = "/plans/{plan}",
    operation_id = "show_plan",
    tag = "plans",
    security(("staff_token" = [])),
    params(("plan" = PlanId, Path, description = "Its id.")),
    responses((status = 200, description = "The plan.", body = PlanDetail), Known, Queried, Addressed)
)]
async fn show(
    State(state): State<AdminState>,
    Staff(actor): Staff,
    Path(text): Path<String>,
    query: Parameters,
) -> Result<impl IntoResponse, Problem> {
    query.finish()?;
    let plan = plans::find(&state.app, &actor, &id(&text)?.to_string()).await?;
    let reasons = plans::reasons(&state.app, &actor, plan.id).await?;
    let reasons = reasons.into_iter().map(|(reason, rows)| ReasonView { reason, meaning: reason.words(), rows });
    Ok(Json(PlanDetail { reasons: reasons.collect(), plan: plan.into() }))
}

type PlanRowPage = page::Page<PlanRow>;

/// The exact rows of a plan, grouped by reason
#[utoipa::path(
    get,
    path = "/plans/{plan}/rows",
    operation_id = "list_plan_rows",
    tag = "plans",
    security(("staff_token" = [])),
    params(
        ("plan" = PlanId, Path, description = "Its id."),
        ("reason" = Option<Reason>, Query, description = "Only rows with this reason."),
        page::Paging
    ),
    responses((status = 200, description = "A page of rows.", body = PlanRowPage), Known, Queried, Paged, Addressed)
)]
async fn rows(
    State(state): State<AdminState>,
    Staff(actor): Staff,
    Path(text): Path<String>,
    mut query: Parameters,
) -> Result<impl IntoResponse, Problem> {
    let reason = query.text("reason").and_then(|code| {
        let reason = Reason::from_code(&code);
        if reason.is_none() {
            query.refuse("reason", format!("expected one of {}", Reason::CODES.join(", ")));
        }
        reason
    });
    let (cursor, limit) = (page::cursor(&mut query), page::limit(&mut query));
    query.finish()?;
    let skip = u64::from(page::decode(cursor, |_: &u32| true)?.unwrap_or_default());
    let plan = plans::find(&state.app, &actor, &id(&text)?.to_string()).await?;
    let mut rows = plans::rows(&state.app, &actor, plan.id, reason, skip, u64::from(limit) + 1).await?;
    let next = (rows.len() > limit as usize).then(|| skip + u64::from(limit));
    rows.truncate(limit as usize);
    Ok(Json(page::Page::new(rows, next.as_ref())))
}

/// What is in only one of two plans
#[utoipa::path(
    get,
    path = "/plans/{plan}/comparison",
    operation_id = "compare_plans",
    tag = "plans",
    security(("staff_token" = [])),
    params(
        ("plan" = PlanId, Path, description = "The first."),
        ("with" = PlanId, Query, description = "The second.")
    ),
    responses((status = 200, description = "The differences.", body = Comparison), Known, Queried, Addressed)
)]
async fn compare(
    State(state): State<AdminState>,
    Staff(actor): Staff,
    Path(text): Path<String>,
    mut query: Parameters,
) -> Result<impl IntoResponse, Problem> {
    let with: Option<PlanId> = query.one("with", "expected a plan's id");
    if with.is_none() {
        query.refuse("with", "say which plan to compare with");
    }
    query.finish()?;
    let first = plans::find(&state.app, &actor, &id(&text)?.to_string()).await?;
    let second = with.map(|with| with.to_string()).unwrap_or_default();
    let second = plans::find(&state.app, &actor, &second).await?;
    Ok(Json(plans::compare(&state.app, &actor, first.id, second.id).await?))
}

/// The wish to apply a plan.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PlanToApply)]
struct Wish {
    /// The number of removals; needed when there are more than ten.
    #[serde(default)]
    removals: Option<u64>,
}

/// Apply a plan
#[utoipa::path(
    post,
    path = "/plans/{plan}/application",
    operation_id = "apply_plan",
    tag = "plans",
    security(("staff_token" = [])),
    params(("plan" = PlanId, Path, description = "Its id.")),
    request_body = Wish,
    responses(
        (status = 200, description = "It was applied before; nothing is to be done.", body = Application),
        (
            status = 202,
            description = "The provisioner applies exactly its rows at its next start, or a second person has to ask for it too.",
            body = Application,
            headers(("Location" = String, description = "The cycle, if one was queued; otherwise the plan."))
        ),
        (
            status = 409,
            description = "`plan_changed`: the plan is not any more what is to be written; `errors` says what changed. `confirm_number`: it takes much away, and the number of removals was not said.",
            body = Problem,
            content_type = "application/problem+json"
        ),
        Known, Restricted, Bodied, Addressed
    )
)]
async fn apply(
    State(state): State<AdminState>,
    Staff(actor): Staff,
    Path(text): Path<String>,
    Json(wish): Json<Wish>,
) -> Result<impl IntoResponse, Problem> {
    let plan = id(&text)?;
    let application = plans::ask(&state.app, &actor, plan, wish.removals).await?;
    let (status, location) = match &application {
        Application::Applied { cycle } => (StatusCode::OK, format!("{ROOT}/cycles/{cycle}")),
        Application::WaitsForSecondPerson => (StatusCode::ACCEPTED, format!("{ROOT}/plans/{plan}")),
        Application::Queued { cycle } => {
            (state.wake)();
            (StatusCode::ACCEPTED, format!("{ROOT}/cycles/{cycle}"))
        }
    };
    Ok((status, [(header::LOCATION, location)], Json(application)))
}
