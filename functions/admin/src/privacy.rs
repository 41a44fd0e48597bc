//! `/retention`, `…/erasure`, `…/access-bundle`: how long data is kept, erasing somebody's, and giving somebody a copy of theirs.

use axum::{extract::State, http::StatusCode, response::IntoResponse};
use kinlink_domain::{
    ids::{AdultId, MoodleUserId, RequestId},
    staff::Permission,
};
use kinlink_service::{
    ServiceError,
    access::require,
    bundle::{self, Made},
    erasure::{self, ErasureState, ErasureView},
    retention::{self, ClassView, Purged},
};
use kinlink_web::{
    Json, Parameters, Path, Problem,
    document::{Addressed, Bodied, Known, Queried, Restricted},
};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{AdminState, page, staff::Staff};

/// How many erasures are listed: a school has few.
const LISTED: u32 = 200;

pub(crate) fn routes() -> OpenApiRouter<AdminState> {
    OpenApiRouter::new()
        .routes(routes!(preview))
        .routes(routes!(purge))
        .routes(routes!(list_erasures))
        .routes(routes!(erase_adult))
        .routes(routes!(erase_request))
        .routes(routes!(bundle_of_adult))
        .routes(routes!(bundle_of_pupil))
}

type ClassList = page::Items<ClassView>;
type PurgedList = page::Items<Purged>;
type ErasureList = page::Items<ErasureView>;

/// How long each class of data is kept, and what of it is due
#[utoipa::path(
    get,
    path = "/retention",
    operation_id = "preview_retention",
    tag = "privacy",
    security(("staff_token" = [])),
    responses((status = 200, description = "Every class.", body = ClassList), Known, Queried)
)]
async fn preview(
    State(state): State<AdminState>,
    Staff(actor): Staff,
    query: Parameters,
) -> Result<impl IntoResponse, Problem> {
    query.finish()?;
    Ok(Json(page::Items { items: retention::preview(&state.app, &actor).await? }))
}

/// Do away with everything that is due
///
/// The same happens every night. Twice is once.
#[utoipa::path(
    post,
    path = "/retention/purge",
    operation_id = "purge_retention",
    tag = "privacy",
    security(("staff_token" = [])),
    responses((status = 200, description = "How much of each class is gone.", body = PurgedList), Known, Restricted)
)]
async fn purge(State(state): State<AdminState>, Staff(actor): Staff) -> Result<impl IntoResponse, Problem> {
    Ok(Json(page::Items { items: retention::purge(&state.app, &actor).await? }))
}

/// The newest erasures
#[utoipa::path(
    get,
    path = "/erasures",
    operation_id = "list_erasures",
    tag = "privacy",
    security(("staff_token" = [])),
    responses((status = 200, description = "The newest 200, done or waiting.", body = ErasureList), Known, Queried)
)]
async fn list_erasures(
    State(state): State<AdminState>,
    Staff(actor): Staff,
    query: Parameters,
) -> Result<impl IntoResponse, Problem> {
    query.finish()?;
    Ok(Json(page::Items { items: erasure::list(&state.app, &actor, LISTED).await? }))
}

/// How an adult is erased.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ErasureOrder {
    /// End their access first, if they have any.
    #[serde(default)]
    end_access: bool,
}

/// Erase an adult's data
///
/// At once, or by itself as soon as Moodle holds no role row of theirs any more. The account in Moodle is not ours: delete it
/// there. Twice is once.
#[utoipa::path(
    post,
    path = "/adults/{adult}/erasure",
    operation_id = "erase_adult",
    tag = "privacy",
    security(("staff_token" = [])),
    params(("adult" = AdultId, Path, description = "Their id.")),
    request_body = ErasureOrder,
    responses(
        (status = 200, description = "The data is gone.", body = ErasureView),
        (status = 202, description = "Access has ended; the rest waits for Moodle.", body = ErasureView),
        (
            status = 409,
            description = "`access_in_force`, `refer_to_safeguarding`, `own_request`, `try_again`.",
            body = Problem,
            content_type = "application/problem+json"
        ),
        Known, Restricted, Addressed, Bodied
    )
)]
async fn erase_adult(
    State(state): State<AdminState>,
    Staff(actor): Staff,
    Path(adult): Path<String>,
    Json(order): Json<ErasureOrder>,
) -> Result<impl IntoResponse, Problem> {
    let adult = adult.parse().map_err(|_| ServiceError::NotFound("adult"))?;
    let erasure = erasure::adult(&state.app, &actor, adult, order.end_access).await?;
    if erasure.state == ErasureState::AccessEnded {
        (state.wake)();
    }
    Ok((status_of(&erasure), Json(erasure)))
}

/// Erase a request whose adult was never accepted
#[utoipa::path(
    post,
    path = "/requests/{request}/erasure",
    operation_id = "erase_request",
    tag = "privacy",
    security(("staff_token" = [])),
    params(("request" = RequestId, Path, description = "Its id.")),
    responses(
        (status = 200, description = "The data is gone.", body = ErasureView),
        (
            status = 409,
            description = "`known_adult`, `refer_to_safeguarding`, `own_request`, `try_again`.",
            body = Problem,
            content_type = "application/problem+json"
        ),
        Known, Restricted, Addressed
    )
)]
async fn erase_request(
    State(state): State<AdminState>,
    Staff(actor): Staff,
    Path(request): Path<String>,
) -> Result<impl IntoResponse, Problem> {
    let request = request.parse().map_err(|_| ServiceError::NotFound("request"))?;
    Ok(Json(erasure::request(&state.app, &actor, request).await?))
}

const fn status_of(erasure: &ErasureView) -> StatusCode {
    match erasure.state {
        ErasureState::Erased => StatusCode::OK,
        ErasureState::AccessEnded => StatusCode::ACCEPTED,
    }
}

/// Make a copy of everything that is held about an adult
///
/// Other people are left out. The remarks beside it are for the data protection officer and must not be handed on.
#[utoipa::path(
    post,
    path = "/adults/{adult}/access-bundle",
    operation_id = "bundle_of_adult",
    tag = "privacy",
    security(("staff_token" = [])),
    params(("adult" = AdultId, Path, description = "Their id.")),
    responses((status = 200, description = "The copy.", body = Made), Known, Restricted, Addressed)
)]
async fn bundle_of_adult(
    State(state): State<AdminState>,
    Staff(actor): Staff,
    Path(adult): Path<String>,
) -> Result<impl IntoResponse, Problem> {
    let adult = adult.parse().map_err(|_| ServiceError::NotFound("adult"))?;
    Ok(Json(bundle::of_adult(&state.app, &actor, adult).await?))
}

/// Make a copy of everything that is held about a pupil
///
/// Parents and carers are numbers in it.
#[utoipa::path(
    post,
    path = "/pupils/{pupil}/access-bundle",
    operation_id = "bundle_of_pupil",
    tag = "privacy",
    security(("staff_token" = [])),
    params(("pupil" = MoodleUserId, Path, description = "Their number in Moodle.")),
    responses((status = 200, description = "The copy.", body = Made), Known, Restricted, Addressed)
)]
async fn bundle_of_pupil(
    State(state): State<AdminState>,
    Staff(actor): Staff,
    Path(pupil): Path<String>,
) -> Result<impl IntoResponse, Problem> {
    require(&actor, Permission::Administer)?;
    let pupil = pupil.parse().map(MoodleUserId).map_err(|_| ServiceError::NotFound("pupil"))?;
    Ok(Json(bundle::of_pupil(&state.app, &actor, pupil).await?))
}
