//! The page in place of a form that is closed.

use askama::Template;
use axum::{http::StatusCode, response::Response};
use i18n_embed_fl::fl;
use kinlink_domain::policy::Policy;
use kinlink_web::{Audience, page};

use super::{
    layout::{Frame, Switch},
    texts::texts,
    visitor::Visitor,
};
use crate::IntakeState;

#[derive(Template)]
#[template(path = "closed.html")]
struct ClosedPage {
    frame: Frame,
}

/// Says whom to contact instead.
pub(crate) fn closed(state: &IntakeState, visitor: Visitor, policy: &Policy, status: StatusCode) -> Response {
    let heading = fl!(texts(visitor.locale), "closed-title");
    let frame = Frame::new(visitor, &state.school, Some(policy), heading).switch(Switch::Link("/request"));
    page(&Audience::public(&policy.embed_origins), status, &ClosedPage { frame })
}
