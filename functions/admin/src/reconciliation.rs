//! `/findings` and `/contested-rows`: what the newest full comparison found, and rows that are left alone.

use axum::{extract::State, http::StatusCode, response::IntoResponse};
use kinlink_domain::{
    Timestamp,
    finding::{Class, Finding},
    ids::{AdultId, ContestId, ContextId, LinkId, MoodleUserId, RoleId},
};
use kinlink_service::{
    ServiceError,
    reconciliation::{self, ContestedRow},
};
use kinlink_web::{
    Json, Parameters, Path, Problem,
    document::{Addressed, Known, Paged, Queried, Restricted},
};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{AdminState, page, staff::Staff};

pub(crate) fn routes() -> OpenApiRouter<AdminState> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(contested)).routes(routes!(release))
}

/// Something that the newest full comparison found.
#[derive(Serialize, ToSchema)]
#[schema(as = Finding)]
struct FindingView {
    #[serde(flatten)]
    finding: Finding,
    /// What that means.
    meaning: &'static str,
    /// What to do about it.
    advice: &'static str,
}

type FindingPage = page::Page<FindingView>;

/// What the newest full comparison found
#[utoipa::path(
    get,
    path = "/findings",
    operation_id = "list_findings",
    tag = "cycles",
    security(("staff_token" = [])),
    params(("class" = Option<Class>, Query, description = "Only this class."), page::Paging),
    responses((status = 200, description = "A page of findings.", body = FindingPage), Known, Queried, Paged)
)]
async fn list(
    State(state): State<AdminState>,
    Staff(actor): Staff,
    mut query: Parameters,
) -> Result<impl IntoResponse, Problem> {
    let class = query.text("class").and_then(|code| {
        let class = Class::from_code(&code);
        if class.is_none() {
            query.refuse("class", format!("expected one of {}", Class::CODES.join(", ")));
        }
        class
    });
    let (cursor, limit) = (page::cursor(&mut query), page::limit(&mut query));
    query.finish()?;
    let skip = page::decode(cursor, |_: &u32| true)?.unwrap_or_default();
    let (_, mut found) = reconciliation::list(&state.app, &actor, class, u64::from(skip), u64::from(limit) + 1).await?;
    let next = (found.len() > limit as usize).then(|| u64::from(skip) + u64::from(limit));
    found.truncate(limit as usize);
    let view =
        |finding: Finding| FindingView { finding, meaning: finding.class.words(), advice: finding.class.advice() };
    Ok(Json(page::Page::new(found.into_iter().map(view).collect(), next.as_ref())))
}

/// A row that is left alone, because somebody takes it away in Moodle each time it is put back.
#[derive(Serialize, ToSchema)]
#[schema(as = ContestedRow)]
struct ContestedView {
    /// Its id.
    id: ContestId,
    /// The adult.
    adult: AdultId,
    /// The link that causes it; 0 for a static context.
    link: LinkId,
    /// The account in Moodle.
    user: MoodleUserId,
    /// The context.
    context: ContextId,
    /// The role.
    role: RoleId,
    /// Since when it is left alone.
    since: Timestamp,
}

impl From<ContestedRow> for ContestedView {
    fn from(row: ContestedRow) -> Self {
        let (user, context, role, _) = row.row;
        Self { id: row.id, adult: row.adult, link: row.link, user, context, role, since: row.began_at }
    }
}

type ContestedList = page::Items<ContestedView>;

/// Rows that are left alone until a person says otherwise
#[utoipa::path(
    get,
    path = "/contested-rows",
    operation_id = "list_contested_rows",
    tag = "cycles",
    security(("staff_token" = [])),
    responses((status = 200, description = "Every such row, the oldest first.", body = ContestedList), Known, Queried)
)]
async fn contested(
    State(state): State<AdminState>,
    Staff(actor): Staff,
    query: Parameters,
) -> Result<impl IntoResponse, Problem> {
    query.finish()?;
    let items = reconciliation::contested(&state.app, &actor).await?.into_iter().map(ContestedView::from).collect();
    Ok(Json(page::Items { items }))
}

/// Let a row be put back again
#[utoipa::path(
    delete,
    path = "/contested-rows/{row}",
    operation_id = "release_contested_row",
    tag = "cycles",
    security(("staff_token" = [])),
    params(("row" = ContestId, Path, description = "Its id.")),
    responses((status = 204, description = "The next cycle puts it back."), Known, Restricted, Addressed)
)]
async fn release(
    State(state): State<AdminState>,
    Staff(actor): Staff,
    Path(id): Path<String>,
) -> Result<impl IntoResponse, Problem> {
    let id = id.parse().map_err(|_| ServiceError::NotFound("contested row"))?;
    reconciliation::release(&state.app, &actor, id).await?;
    (state.wake)();
    Ok(StatusCode::NO_CONTENT)
}
