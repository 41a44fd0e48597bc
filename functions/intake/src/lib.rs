//! Public HTTPS function: requests, form webhooks, email proof.
//!
//! - `POST /api/v1/requests`: the typed API (`requests`).
//! - `POST /hooks/contact-form-7`: what `WordPress` sends (`contact_form_7`).
//! - `/request`, `/confirm`, `/status`: the pages for parents (`pages`).
//! - `GET /healthz`: says that the function runs; touches no database.
//!
//! Who sends is checked in `sender`. What does not live here: what makes a submission good or the same as another (crate
//! `domain`), and storing it (crate `service`). Answers never say whether a person, child or address is known.

mod answer;
mod contact_form_7;
mod pages;
mod requests;
mod sender;

use axum::{Router, response::Redirect, routing::get};
use kinlink_service::{App, mail::School};
use kinlink_web::{Json, assets, document};
use serde::Serialize;
use utoipa::{ToSchema, openapi::OpenApi};
use utoipa_axum::{router::OpenApiRouter, routes};

pub use pages::error_pages;

/// What the function works with.
#[derive(Clone)]
pub struct IntakeState {
    /// Databases, queue, clock, key.
    pub app: App,
    /// What pages say about the school.
    pub school: School,
}

/// The function's routes without what goes around them, to be put together with others' in one process.
pub fn routes(state: IntakeState) -> Router {
    Router::from(api()).merge(pages::routes(&state.school.public_url)).with_state(state)
}

/// The API: its routes with their description. Pages for people are no part of it.
fn api() -> OpenApiRouter<IntakeState> {
    OpenApiRouter::new()
        .routes(routes!(requests::submit))
        .routes(routes!(contact_form_7::receive))
        .routes(routes!(health))
}

/// The description of the API.
#[must_use]
pub fn openapi() -> OpenApi {
    let mut description = document::complete(api().into_openapi());
    // Here the handler refuses unknown fields, all of them at once; a derive only knows of those that serde refuses.
    document::close(&mut description, &["Submission", "Adult", "Child"]);
    description
}

/// That the function runs.
#[derive(Serialize, ToSchema)]
struct Running {
    /// Always `ok`.
    status: &'static str,
}

/// Say that the function runs
///
/// Touches no database.
#[utoipa::path(
    get,
    path = "/healthz",
    operation_id = "running",
    tag = "diagnosis",
    security(()),
    responses((status = 200, description = "It runs.", body = Running))
)]
async fn health() -> Json<Running> {
    Json(Running { status: "ok" })
}

/// The function. It also serves the description of its part of the API.
pub fn router(state: IntakeState) -> Router {
    let school = state.school.clone();
    let own = Router::new().route("/", get(async || Redirect::to("/request"))).merge(assets::routes());
    error_pages(kinlink_web::finish(routes(state).merge(own).merge(document::serve(openapi))), school)
}
