//! Staff HTTPS function: the JSON API under `/api/v1/admin`. One module a group of endpoints.
//!
//! - `requests`: lists, one request, decisions, corrections, notes.
//! - `login_rows`, `adults`, `pupils`, `links`: who can sign in, by which address, who is a pupil, who is linked to whom.
//! - `leavers`: which pupils have left, what ends when, and giving it back.
//! - `cycles`, `plans`, `health`, `diagnosis`: what the provisioner did and would do, how much waits, what is wrong and why.
//! - `settings`, `tokens`, `sources`: what administrators set; `audit`: what was done.
//! - `privacy`: how long data is kept, erasing somebody's, a copy of it.
//! - [`access`]: who may use which route and see what, as one table.
//!
//! Every endpoint knows its caller by `staff` (a bearer token); what the caller may do is decided in the crate `service`,
//! as is everything else. Here texts become calls and results become JSON.

pub mod access;
mod adults;
mod audit;
pub mod audit_file;
mod cycles;
mod diagnosis;
mod health;
mod holds;
mod leavers;
mod links;
mod login_rows;
mod page;
mod pages;
mod plans;
mod privacy;
pub mod privacy_file;
mod pupils;
mod reconciliation;
mod requests;
mod session;
mod settings;
mod sources;
mod staff;
mod tokens;

use std::sync::Arc;

use axum::{Router, middleware::from_fn_with_state};
use kinlink_service::{App, mail::School};
use kinlink_web::{assets, document, origin::same_origin};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

pub use session::SignIn;

/// Where the API is.
const ROOT: &str = "/api/v1/admin";

/// What the function works with.
#[derive(Clone)]
pub struct AdminState {
    /// Databases, queue, clock, key.
    pub app: App,
    /// Tells a provisioner in the same process that a cycle was asked for; does nothing where there is none.
    pub wake: Arc<dyn Fn() + Send + Sync>,
    /// What pages say about the school.
    pub school: School,
    /// Whether the Moodle behind it is the demonstration's: every page says so.
    pub demonstration: bool,
    /// What signing in needs.
    pub sign_in: Arc<SignIn>,
}

/// The function's routes without what goes around them, to be put together with others' in one process.
pub fn routes(state: AdminState) -> Router {
    let pages = same_origin(session::routes().merge(pages::routes()), state.sign_in.public_url());
    let pages = pages.layer(from_fn_with_state(state.clone(), pages::fault::as_pages));
    Router::from(api()).merge(pages).with_state(state)
}

/// The API: its routes with their description.
fn api() -> OpenApiRouter<AdminState> {
    let api = OpenApiRouter::new()
        .merge(requests::routes())
        .merge(login_rows::routes())
        .merge(adults::routes())
        .merge(pupils::routes())
        .merge(links::routes())
        .merge(leavers::routes())
        .merge(holds::routes())
        .merge(cycles::routes())
        .merge(plans::routes())
        .merge(reconciliation::routes())
        .merge(health::routes())
        .merge(diagnosis::routes())
        .merge(settings::routes())
        .merge(tokens::routes())
        .merge(sources::routes())
        .merge(audit::routes())
        .merge(privacy::routes());
    OpenApiRouter::new().nest(ROOT, api)
}

/// The description of the API.
#[must_use]
pub fn openapi() -> OpenApi {
    document::complete(api().into_openapi())
}

/// The function. It also serves the description of its part of the API, and what its pages are dressed in.
pub fn router(state: AdminState) -> Router {
    kinlink_web::finish(routes(state).merge(assets::routes()).merge(document::serve(openapi)))
}
