//! `/admin/users`: who may sign in to Moodle as a parent.
//!
//! `list`: the login rows. `show`: one adult with everything beside them. `revoke`: taking access away, from one or many.
//! `email`: another address for one. `restore`: giving back what ended because a pupil left.

mod email;
mod list;
mod restore;
mod revoke;
mod show;

use axum::{
    Router,
    routing::{get, post},
};
use kinlink_service::accounts::AccountState;

use super::words::Tag;
use crate::AdminState;

/// Where the list is.
const HERE: &str = "/admin/users";

pub(crate) fn routes() -> Router<AdminState> {
    Router::new()
        .route("/users", get(list::show))
        .route("/users/revoke", post(revoke::confirm))
        .route("/users/revoke/apply", post(revoke::apply))
        .route("/users/{adult}", get(show::show))
        .route("/users/{adult}/restore", post(restore::restore))
        .route("/users/{adult}/email", get(email::show).post(email::start))
        .route("/users/{adult}/email/withdraw", post(email::withdraw))
}

fn state(state: AccountState) -> Tag {
    let (tone, icon, text) = match state {
        AccountState::Active => ("green", "check", "Active"),
        AccountState::Suspended => ("red", "ban", "Suspended in Moodle"),
        AccountState::Missing => ("amber", "hourglass", "Not in Moodle yet"),
        AccountState::OtherAuth => ("red", "triangle-alert", "Signs in another way"),
        AccountState::Unknown => ("grey", "wifi-off", "Moodle not reached"),
    };
    Tag::new(tone, icon, text)
}

/// The page of a user in Moodle, where its address is known.
pub(super) fn in_moodle(site: Option<&str>, user: i64) -> Option<String> {
    site.map(|site| format!("{}/user/profile.php?id={user}", site.trim_end_matches('/')))
}
