//! What a full run would write in Moodle now, row by row. Writes nothing.

use askama::Template;
use axum::{extract::State, response::Response};
use kinlink_service::cycle;

use crate::{
    AdminState,
    pages::{
        interruption::Interruption,
        shell::{Desk, Section, Shell},
    },
};

/// Rows that the page shows; the command line prints them all.
const LINES: usize = 500;

#[derive(Template)]
#[template(path = "cycles/plan.html")]
struct PlanPage {
    shell: Shell,
    digest: String,
    additions: usize,
    removals: usize,
    contexts: usize,
    lines: Vec<String>,
    more: usize,
}

pub(super) async fn show(State(state): State<AdminState>, desk: Desk) -> Result<Response, Interruption> {
    let (plan, digest) = cycle::plan(&state.app, desk.actor()).await?;
    let mut lines: Vec<String> = plan.lines().collect();
    let more = lines.len().saturating_sub(LINES);
    lines.truncate(LINES);
    Ok(desk.show(&PlanPage {
        shell: desk.shell("What would change", Section::Cycles),
        digest,
        additions: plan.additions.len(),
        removals: plan.removals.len(),
        contexts: plan.new_contexts.len() + plan.mended_contexts.len(),
        lines,
        more,
    }))
}
