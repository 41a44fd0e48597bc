//! Staff HTTPS function: the JSON API under `/api/v1/admin`. One module a group of endpoints.
//!
//! - `requests`: lists, one request, decisions, corrections, notes.
//! - `login_rows`, `pupils`, `links`: who can sign in, who is a pupil, who is linked to whom.
//! - `cycles`, `health`, `diagnosis`: what the provisioner did, how much waits, what is wrong and why.
//! - `settings`, `tokens`, `sources`: what administrators set.
//!
//! Every endpoint knows its caller by `staff` (a bearer token); what the caller may do is decided in the crate `service`,
//! as is everything else. Here texts become calls and results become JSON.

mod cycles;
mod diagnosis;
mod health;
mod links;
mod login_rows;
mod page;
mod pupils;
mod requests;
mod settings;
mod sources;
mod staff;
mod tokens;

use std::sync::Arc;

use axum::Router;
use kinlink_service::App;

/// Where the API is.
const ROOT: &str = "/api/v1/admin";

/// What the function works with.
#[derive(Clone)]
pub struct AdminState {
    /// Databases, queue, clock, key.
    pub app: App,
    /// Tells a provisioner in the same process that a cycle was asked for; does nothing where there is none.
    pub wake: Arc<dyn Fn() + Send + Sync>,
}

/// The function's routes without what goes around them, to be put together with others' in one process.
pub fn routes(state: AdminState) -> Router {
    let api = Router::new()
        .merge(requests::routes())
        .merge(login_rows::routes())
        .merge(pupils::routes())
        .merge(links::routes())
        .merge(cycles::routes())
        .merge(health::routes())
        .merge(diagnosis::routes())
        .merge(settings::routes())
        .merge(tokens::routes())
        .merge(sources::routes());
    Router::new().nest(ROOT, api).with_state(state)
}

/// The function.
pub fn router(state: AdminState) -> Router {
    kinlink_web::finish(routes(state))
}
