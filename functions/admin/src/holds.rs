//! `/holds`: legal and safeguarding stops. Only for safeguarding. One person asks to release a hold, another releases it.

use axum::{
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
};
use kinlink_domain::{
    hold::HoldView,
    ids::{AdultId, HoldId, MoodleUserId},
};
use kinlink_service::{
    ServiceError,
    holds::{self, HoldItem, HoldQuery, NewHold},
};
use kinlink_web::{
    Json, Parameters, Path, Problem,
    document::{Addressed, Bodied, Known, Paged, Queried, Restricted},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{AdminState, ROOT, page, staff::Staff};

pub(crate) fn routes() -> OpenApiRouter<AdminState> {
    OpenApiRouter::new()
        .routes(routes!(list, place))
        .routes(routes!(show))
        .routes(routes!(ask_release, withdraw_release))
        .routes(routes!(release))
}

type HoldItemPage = page::Page<HoldItem>;

/// Holds, newest first
#[utoipa::path(
    get,
    path = "/holds",
    operation_id = "list_holds",
    tag = "holds",
    security(("staff_token" = [])),
    params(
        ("view" = Option<HoldView>, Query, description = "Which ones; all if left out."),
        ("adult" = Option<AdultId>, Query, description = "Only those that name this adult."),
        ("pupil" = Option<MoodleUserId>, Query, description = "Only those that name this pupil."),
        page::Paging
    ),
    responses((status = 200, description = "A page of holds.", body = HoldItemPage), Known, Restricted, Queried, Paged)
)]
async fn list(
    State(state): State<AdminState>,
    Staff(actor): Staff,
    mut query: Parameters,
) -> Result<impl IntoResponse, Problem> {
    let view = query.text("view").and_then(|code| {
        let view = HoldView::from_code(&code);
        if view.is_none() {
            query.refuse("view", format!("expected one of {}", HoldView::CODES.join(", ")));
        }
        view
    });
    let adult = query.one("adult", "expected an adult's id");
    let pupil = query.one("pupil", "expected a Moodle user id").map(MoodleUserId);
    let (cursor, limit) = (page::cursor(&mut query), page::limit(&mut query));
    query.finish()?;
    let before = page::decode(cursor, |_: &HoldId| true)?;
    let query = HoldQuery { view: view.unwrap_or(HoldView::All), adult, pupil, before };
    let found = holds::list(&state.app, &actor, query, limit).await?;
    Ok(Json(page::Page::new(found.items, found.next.as_ref())))
}

/// Place a hold
///
/// It wins over everything: whoever it concerns loses their role rows with the next cycle.
#[utoipa::path(
    post,
    path = "/holds",
    operation_id = "place_hold",
    tag = "holds",
    security(("staff_token" = [])),
    request_body = NewHold,
    responses(
        (
            status = 201,
            description = "The hold.",
            body = HoldItem,
            headers(("Location" = String, description = "The hold.")),
            links(("show" = (operation_id = "show_hold", parameters(("hold" = "$response.body#/id")))))
        ),
        (
            status = 404,
            description = "`not_found`: there is no such adult.",
            body = Problem,
            content_type = "application/problem+json"
        ),
        Known, Restricted, Bodied
    )
)]
async fn place(
    State(state): State<AdminState>,
    Staff(actor): Staff,
    Json(body): Json<NewHold>,
) -> Result<impl IntoResponse, Problem> {
    let hold = holds::place(&state.app, &actor, &body).await?;
    let location = [(header::LOCATION, format!("{ROOT}/holds/{}", hold.id))];
    Ok((StatusCode::CREATED, location, Json(holds::show(&state.app, &actor, hold.id).await?)))
}

/// A hold
///
/// Who looks at it is noted in the audit.
#[utoipa::path(
    get,
    path = "/holds/{hold}",
    operation_id = "show_hold",
    tag = "holds",
    security(("staff_token" = [])),
    params(("hold" = HoldId, Path, description = "Its id.")),
    responses((status = 200, description = "The hold.", body = HoldItem), Known, Restricted, Addressed)
)]
async fn show(
    State(state): State<AdminState>,
    Staff(actor): Staff,
    Path(id): Path<String>,
) -> Result<impl IntoResponse, Problem> {
    Ok(Json(holds::show(&state.app, &actor, hold(&id)?).await?))
}

/// Ask for the release of a hold
#[utoipa::path(
    post,
    path = "/holds/{hold}/release-request",
    operation_id = "ask_to_release_hold",
    tag = "holds",
    security(("staff_token" = [])),
    params(("hold" = HoldId, Path, description = "Its id.")),
    responses(
        (status = 200, description = "The hold, which stays until another person releases it.", body = HoldItem),
        (
            status = 409,
            description = "`over`, `already_asked`, `own_hold`.",
            body = Problem,
            content_type = "application/problem+json"
        ),
        Known, Restricted, Addressed
    )
)]
async fn ask_release(
    State(state): State<AdminState>,
    Staff(actor): Staff,
    Path(id): Path<String>,
) -> Result<impl IntoResponse, Problem> {
    let hold = holds::ask_release(&state.app, &actor, hold(&id)?).await?;
    Ok(Json(holds::show(&state.app, &actor, hold.id).await?))
}

/// Take back that a hold is to be released
#[utoipa::path(
    delete,
    path = "/holds/{hold}/release-request",
    operation_id = "withdraw_release_of_hold",
    tag = "holds",
    security(("staff_token" = [])),
    params(("hold" = HoldId, Path, description = "Its id.")),
    responses(
        (status = 204, description = "The hold stays."),
        (
            status = 409,
            description = "`over`, `not_asked`, `own_hold`.",
            body = Problem,
            content_type = "application/problem+json"
        ),
        Known, Restricted, Addressed
    )
)]
async fn withdraw_release(
    State(state): State<AdminState>,
    Staff(actor): Staff,
    Path(id): Path<String>,
) -> Result<impl IntoResponse, Problem> {
    holds::withdraw_release(&state.app, &actor, hold(&id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Release a hold that another person asked to release
#[utoipa::path(
    post,
    path = "/holds/{hold}/release",
    operation_id = "release_hold",
    tag = "holds",
    security(("staff_token" = [])),
    params(("hold" = HoldId, Path, description = "Its id.")),
    responses(
        (status = 200, description = "The hold, which is over.", body = HoldItem),
        (
            status = 409,
            description = "`over`, `not_asked`, `second_person` (the caller, or whoever made their token, asked), `own_hold`.",
            body = Problem,
            content_type = "application/problem+json"
        ),
        Known, Restricted, Addressed
    )
)]
async fn release(
    State(state): State<AdminState>,
    Staff(actor): Staff,
    Path(id): Path<String>,
) -> Result<impl IntoResponse, Problem> {
    let hold = holds::release(&state.app, &actor, hold(&id)?).await?;
    Ok(Json(holds::show(&state.app, &actor, hold.id).await?))
}

fn hold(id: &str) -> Result<HoldId, ServiceError> {
    id.parse().map_err(|_| ServiceError::NotFound("hold"))
}
