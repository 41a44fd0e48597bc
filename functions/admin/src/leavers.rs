//! `GET /leavers`: which pupils have left and what ends when. `POST /links/{link}/restore` and `/adults/{adult}/restore`: a pupil
//! is back.

use axum::{extract::State, response::IntoResponse};
use kinlink_domain::ids::{AdultId, LinkId};
use kinlink_service::{
    ServiceError,
    leavers::{self, Preview},
};
use kinlink_web::{
    Json, Parameters, Path, Problem,
    document::{Addressed, Known, Queried, Restricted},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{AdminState, links::LinkView, page, staff::Staff};

pub(crate) fn routes() -> OpenApiRouter<AdminState> {
    OpenApiRouter::new().routes(routes!(show)).routes(routes!(restore)).routes(routes!(restore_all))
}

/// Pupils who have left, and what ends when
///
/// Looks at every linked pupil now; writes nothing.
#[utoipa::path(
    get,
    path = "/leavers",
    operation_id = "show_leavers",
    tag = "leavers",
    security(("staff_token" = [])),
    responses((status = 200, description = "Who has left, and what the next runs would do.", body = Preview), Known, Queried)
)]
async fn show(
    State(state): State<AdminState>,
    Staff(actor): Staff,
    query: Parameters,
) -> Result<impl IntoResponse, Problem> {
    query.finish()?;
    Ok(Json(leavers::preview(&state.app, &actor).await?))
}

/// Give a link back that ended because the pupil left
///
/// The link is in force again under the same number, the login row comes back with the same user name, and the provisioner
/// is told. A link that is in force stays as it is.
#[utoipa::path(
    post,
    path = "/links/{link}/restore",
    operation_id = "restore_link",
    tag = "leavers",
    security(("staff_token" = [])),
    params(("link" = LinkId, Path, description = "Its id.")),
    responses(
        (status = 200, description = "The link as it now stands.", body = LinkView),
        (
            status = 409,
            description = "`not_a_pupil`, `ended_otherwise`, `request_gone`, `own_request`, `refer_to_safeguarding`, `try_again`.",
            body = Problem,
            content_type = "application/problem+json"
        ),
        Known, Restricted, Addressed
    )
)]
async fn restore(
    State(state): State<AdminState>,
    Staff(actor): Staff,
    Path(link): Path<String>,
) -> Result<impl IntoResponse, Problem> {
    let link = link.parse().map(LinkId).map_err(|_| ServiceError::NotFound("link"))?;
    let restored = leavers::restore(&state.app, &actor, link).await?;
    Ok(Json(LinkView::from(restored)))
}

type LinkList = page::Items<LinkView>;

/// Give an adult every link back that ended because a pupil left who is here again
#[utoipa::path(
    post,
    path = "/adults/{adult}/restore",
    operation_id = "restore_adult",
    tag = "leavers",
    security(("staff_token" = [])),
    params(("adult" = AdultId, Path, description = "Their id.")),
    responses(
        (status = 200, description = "The links that are in force again.", body = LinkList),
        (
            status = 409,
            description = "`nothing_to_restore`, `own_request`, `try_again`.",
            body = Problem,
            content_type = "application/problem+json"
        ),
        Known, Restricted, Addressed
    )
)]
async fn restore_all(
    State(state): State<AdminState>,
    Staff(actor): Staff,
    Path(adult): Path<String>,
) -> Result<impl IntoResponse, Problem> {
    let adult = adult.parse().map_err(|_| ServiceError::NotFound("adult"))?;
    let restored = leavers::restore_all(&state.app, &actor, adult).await?;
    Ok(Json(LinkList { items: restored.into_iter().map(LinkView::from).collect() }))
}
