//! The staff's pages under `/admin`. One module a page or a group of pages; its template has the same name.
//!
//! - `shell`: what is around every page: menu, person, notice of the last act.
//! - `notice`: carries the words of what was done over the redirect that follows.
//! - `fault`: problems as pages.
//! - `interruption`: why a handler stops before its end.
//! - `faults`: what is wrong with a form that was sent.
//! - `numbered`, `sheet`, `live`: links below a list; a list as CSV; parts of pages that ask for themselves again.
//! - `names`: what actors are called.
//! - `words`: codes as words for people.
//!
//! Every act is a form that posts and is answered by a redirect; looking changes nothing. Who looks is known by
//! `session::Visitor`; what they may do is decided in the crate `service`. What does not live here: signing in (`session`)
//! and any rule.

mod audit;
mod cycles;
mod explain;
pub(crate) mod fault;
mod faults;
mod health;
mod help;
mod holds;
mod interruption;
mod leavers;
mod live;
mod matching;
mod names;
mod notice;
mod numbered;
mod plans;
mod privacy;
mod reconciliation;
mod requests;
mod settings;
pub(crate) mod sheet;
mod shell;
mod tokens;
mod users;
mod words;

use axum::{
    Router,
    http::StatusCode,
    response::{IntoResponse as _, Redirect},
    routing::get,
};
use kinlink_web::{
    Problem,
    form::{Form, STAFF_LIMIT},
};

use crate::AdminState;

/// What the staff's forms post.
pub(crate) type StaffForm = Form<STAFF_LIMIT>;

/// Where the pages are.
pub(crate) const ROOT: &str = "/admin";

pub(crate) fn routes() -> Router<AdminState> {
    let pages = Router::new()
        .route("/", get(async || Redirect::to("/admin/requests").into_response()))
        .merge(cycles::routes())
        .merge(plans::routes())
        .merge(reconciliation::routes())
        .merge(health::routes())
        .merge(users::routes())
        .merge(leavers::routes())
        .merge(holds::routes())
        .merge(matching::routes())
        .merge(explain::routes())
        .merge(audit::routes())
        .merge(settings::routes())
        .merge(tokens::routes())
        .merge(privacy::routes())
        .route("/help", get(help::show))
        .merge(requests::routes())
        .fallback(async || Problem::not_found("there is no such page; the menu shows what there is"))
        .method_not_allowed_fallback(async || {
            let detail = "this address cannot be used like this; go back and begin at the menu";
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "Wrong method", detail)
        });
    Router::new().nest(ROOT, pages)
}
