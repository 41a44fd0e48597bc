//! Requests: the list, one request with everything beside it, and every decision about one or many.
//!
//! - `address`: the state of the list in its address.
//! - `list`, `counts`, `export`: the list, its counts that refresh themselves, the list as CSV.
//! - `show`: one request; its parts are in `children` (pupils), `decision` (what can be decided), `history`.
//! - `decide`: approving and reopening, from that page. `outcome`: denying, asking and the like, each on a page of its own.
//! - `edit`, `note`, `pin`: what is changed without deciding.
//! - `bulk`: one decision on many requests.
//! - `conflict`: what is shown when somebody else was faster.
//!
//! Texts become calls here and results become pages; what may be done is decided in the crate `service`.

mod address;
mod bulk;
mod children;
mod conflict;
mod counts;
mod decide;
mod decision;
mod edit;
mod export;
mod history;
mod list;
mod note;
mod outcome;
mod pin;
mod show;

use axum::{
    Router,
    routing::{get, post},
};
use kinlink_web::{Parameters, form::Fields};

use self::address::ListAddress;
pub(crate) use self::decide::SHARED;
use super::faults::Fault;
use crate::AdminState;

/// Where the list is.
const ROOT: &str = "/admin/requests";

pub(super) fn routes() -> Router<AdminState> {
    Router::new()
        .route("/requests", get(list::show))
        .route("/requests/counts", get(counts::show))
        .route("/requests/export.csv", get(export::download))
        .route("/requests/bulk", post(bulk::preview))
        .route("/requests/bulk/apply", post(bulk::apply))
        .route("/requests/{request}", get(show::show))
        .route("/requests/{request}/decide", post(decide::decide))
        .route("/requests/{request}/note", post(note::save))
        .route("/requests/{request}/pin", post(pin::pin))
        .route("/requests/{request}/edit", get(edit::show).post(edit::save))
        .route("/requests/{request}/withdraw/{claim}", get(outcome::show_withdrawal).post(outcome::withdraw))
        .route("/requests/{request}/{outcome}", get(outcome::show).post(outcome::send))
}

/// An option of a list or a group of radio buttons.
#[derive(Debug, Clone)]
struct Choice {
    value: String,
    text: &'static str,
    chosen: bool,
}

/// The version that somebody saw when they filled a form in.
fn seen(form: &Fields) -> Option<i64> {
    form.get("version")?.parse().ok()
}

/// The list that the address of a page names, without a word about what it does not understand.
fn list_of(mut query: Parameters) -> ListAddress {
    ListAddress::read(&mut query)
}
