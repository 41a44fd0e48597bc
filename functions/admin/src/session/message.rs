//! A page that only says something: what happened, what to do, and where to go.

use askama::Template;
use axum::{http::StatusCode, response::Response};
use kinlink_web::{Audience, layers::RequestId, page};

use crate::AdminState;

/// What the page says.
#[derive(Debug, Template)]
#[template(path = "session/message.html")]
pub(super) struct Message {
    pub(super) title: &'static str,
    pub(super) school: String,
    pub(super) lede: String,
    pub(super) what_to_do: Vec<String>,
    /// Address and words of a link.
    pub(super) action: Option<(&'static str, &'static str)>,
    /// Under which the log tells more.
    pub(super) reference: String,
}

impl Message {
    pub(super) fn new(state: &AdminState, title: &'static str) -> Self {
        Self {
            title,
            school: state.school.name.clone(),
            lede: String::new(),
            what_to_do: Vec::new(),
            action: None,
            reference: String::new(),
        }
    }

    /// The same with the id of the request, by which the log is searched.
    pub(super) fn of_request(self, id: RequestId) -> Self {
        Self { reference: id.0.to_string(), ..self }
    }

    pub(super) fn respond(&self, status: StatusCode) -> Response {
        page(&Audience::staff(), status, self)
    }
}
