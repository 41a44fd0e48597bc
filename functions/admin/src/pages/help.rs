//! `/admin/help`: the few words that staff need, on one page.

use askama::Template;
use axum::{extract::State, response::Response};

use super::shell::{Desk, Section, Shell};
use crate::AdminState;

#[derive(Template)]
#[template(path = "help.html")]
struct HelpPage {
    shell: Shell,
    contact: String,
}

pub(crate) async fn show(State(state): State<AdminState>, desk: Desk) -> Response {
    desk.show(&HelpPage { shell: desk.shell("Help", Section::None), contact: state.school.contact.clone() })
}
