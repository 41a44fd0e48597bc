//! `/adults/{adult}/email-change`: another address for an adult who has an account. The user name stays.

use axum::{extract::State, http::StatusCode, response::IntoResponse};
use kinlink_domain::ids::AdultId;
use kinlink_service::{
    ServiceError,
    email_change::{self, AddressView, EmailChangeView, NewAddress},
};
use kinlink_web::{
    Json, Parameters, Path, Problem,
    document::{Addressed, Bodied, Known, Queried, Restricted},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{AdminState, staff::Staff};

pub(crate) fn routes() -> OpenApiRouter<AdminState> {
    OpenApiRouter::new().routes(routes!(show, start, withdraw))
}

fn id(text: &str) -> Result<AdultId, Problem> {
    Ok(text.parse().map_err(|_| ServiceError::NotFound("adult"))?)
}

/// An adult's address, the latest change of it, and what Moodle does with it
#[utoipa::path(
    get,
    path = "/adults/{adult}/email-change",
    operation_id = "show_email_change",
    tag = "adults",
    security(("staff_token" = [])),
    params(("adult" = AdultId, Path, description = "Their id.")),
    responses((status = 200, description = "The address and its change.", body = AddressView), Known, Queried, Addressed)
)]
async fn show(
    State(state): State<AdminState>,
    Staff(actor): Staff,
    Path(adult): Path<String>,
    query: Parameters,
) -> Result<impl IntoResponse, Problem> {
    query.finish()?;
    Ok(Json(email_change::show(&state.app, &actor, id(&adult)?).await?))
}

/// Begin to change an adult's address
///
/// The new address is sent a link that proves it, the old one is told. Until it is proven nothing changes; a change that
/// still waits is replaced.
#[utoipa::path(
    post,
    path = "/adults/{adult}/email-change",
    operation_id = "start_email_change",
    tag = "adults",
    security(("staff_token" = [])),
    params(("adult" = AdultId, Path, description = "Their id.")),
    request_body = NewAddress,
    responses(
        (
            status = 202,
            description = "It waits for the new address to be proven.",
            body = EmailChangeView,
            links(
                ("show" = (operation_id = "show_email_change", parameters(("adult" = "$request.path.adult")))),
                ("withdraw" = (operation_id = "withdraw_email_change", parameters(("adult" = "$request.path.adult"))))
            )
        ),
        (
            status = 409,
            description = "`same_address`, `shared_mailbox`, `refer_to_safeguarding`, `own_request`, `try_again`.",
            body = Problem,
            content_type = "application/problem+json"
        ),
        Known, Restricted, Addressed, Bodied
    )
)]
async fn start(
    State(state): State<AdminState>,
    Staff(actor): Staff,
    Path(adult): Path<String>,
    Json(wanted): Json<NewAddress>,
) -> Result<impl IntoResponse, Problem> {
    let change = email_change::start(&state.app, &actor, id(&adult)?, &wanted).await?;
    Ok((StatusCode::ACCEPTED, Json(change)))
}

/// Take a change back that is not proven yet
#[utoipa::path(
    delete,
    path = "/adults/{adult}/email-change",
    operation_id = "withdraw_email_change",
    tag = "adults",
    security(("staff_token" = [])),
    params(("adult" = AdultId, Path, description = "Their id.")),
    responses(
        (status = 204, description = "Its link works no more."),
        (
            status = 409,
            description = "`no_email_change`.",
            body = Problem,
            content_type = "application/problem+json"
        ),
        Known, Restricted, Addressed
    )
)]
async fn withdraw(
    State(state): State<AdminState>,
    Staff(actor): Staff,
    Path(adult): Path<String>,
) -> Result<impl IntoResponse, Problem> {
    email_change::withdraw(&state.app, &actor, id(&adult)?).await?;
    Ok(StatusCode::NO_CONTENT)
}
