//! `/admin/holds`: legal and safeguarding stops. Only for safeguarding; the menu shows it to nobody else.
//!
//! `list`: the holds in views. `place`: the form for a new one. `show`: one hold, and the road to its release, which takes
//! two people.

mod list;
mod place;
mod show;

use axum::{
    Router,
    routing::{get, post},
};
use kinlink_domain::{hold::HoldView, ids::HoldId};
use kinlink_service::{
    ServiceError,
    holds::{HoldHint, HoldItem},
};

use super::words::Tag;
use crate::AdminState;

const HERE: &str = "/admin/holds";

pub(crate) fn routes() -> Router<AdminState> {
    Router::new()
        .route("/holds", get(list::show).post(place::place))
        .route("/holds/new", get(place::form))
        .route("/holds/{hold}", get(show::show))
        .route("/holds/{hold}/ask-release", post(show::ask_release))
        .route("/holds/{hold}/withdraw-release", post(show::withdraw_release))
        .route("/holds/{hold}/release", post(show::release))
}

fn address(hold: HoldId) -> String {
    format!("{HERE}/{hold}")
}

fn id(text: &str) -> Result<HoldId, ServiceError> {
    text.parse().map_err(|_| ServiceError::NotFound("hold"))
}

/// How a hold stands, in a word.
fn state(hold: &HoldItem) -> Tag {
    match hold.state {
        HoldView::Coming => Tag::new("blue", "calendar", "Coming"),
        HoldView::Over if hold.released_at.is_some() => Tag::new("grey", "undo-2", "Released"),
        HoldView::Over => Tag::new("grey", "clock", "Run out"),
        _ => Tag::new("red", "lock", "In force"),
    }
}

/// Whom a hold is on, in words; the pupil only where there is one.
fn whom(hold: &HoldItem) -> (String, Option<String>) {
    let adult = match (&hold.adult_name, &hold.email, hold.adult) {
        (Some(name), ..) => name.clone(),
        (None, Some(email), _) => email.clone(),
        (None, None, Some(_)) => "Somebody who is not kept any more".to_owned(),
        (None, None, None) => "Everybody".to_owned(),
    };
    let pupil = hold.pupil.map(|id| hold.pupil_name.clone().unwrap_or_else(|| format!("Moodle user {id}")));
    (adult, pupil)
}

/// A hold beside a request or a person, for whoever may see it.
pub(crate) struct HoldLink {
    pub(crate) href: String,
    pub(crate) text: &'static str,
}

/// The holds beside a request or a person.
pub(crate) fn links(hints: Option<&[HoldHint]>) -> Vec<HoldLink> {
    let link = |hint: &HoldHint| HoldLink { href: address(hint.id), text: hint.reason.words() };
    hints.unwrap_or_default().iter().map(link).collect()
}

/// Where a hold on somebody is placed.
pub(crate) fn place_address(fields: &[(&str, &str)]) -> String {
    super::numbered::link(&format!("{HERE}/new"), fields, &[])
}
