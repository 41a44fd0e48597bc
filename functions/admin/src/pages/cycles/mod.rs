//! `/admin/cycles`: what the provisioner did and does.
//!
//! `list`: the runs, and asking for one. `show`, `progress`: one run, live while it goes. What does not live here: what a run
//! would write (`plans`) and what a comparison found (`reconciliation`).

mod list;
mod progress;
mod show;

use axum::{Router, routing::get};
use kinlink_domain::Timestamp;
use kinlink_service::view::CycleState;
use kinlink_web::number::counted;

use super::words::Tag;
use crate::AdminState;

/// Where the list is.
const HERE: &str = "/admin/cycles";

pub(crate) fn routes() -> Router<AdminState> {
    Router::new()
        .route("/cycles", get(list::show).post(list::run))
        .route("/cycles/{cycle}", get(show::show))
        .route("/cycles/{cycle}/progress", get(progress::poll))
}

fn state(state: CycleState) -> Tag {
    let (tone, icon, text) = match state {
        CycleState::Queued => ("grey", "hourglass", "Waiting to start"),
        CycleState::Running => ("blue", "refresh-cw", "Running"),
        CycleState::Done => ("green", "check", "Done"),
        CycleState::Failed => ("red", "triangle-alert", "Failed"),
    };
    Tag::new(tone, icon, text)
}

/// What a run does, in words.
fn action(code: &str) -> &'static str {
    match code {
        "reconcile" => "Compare everything",
        "apply" => "Apply a plan",
        _ => "Do what waits",
    }
}

/// What a run did in Moodle, in a few words.
fn written(provisioned: u64, added: u64, removed: u64, held: u64) -> String {
    let parts = [
        (provisioned, "request finished", "requests finished"),
        (added, "role given", "roles given"),
        (removed, "role taken away", "roles taken away"),
        (held, "removal held", "removals held"),
    ];
    let parts = parts.into_iter().filter(|(count, ..)| *count > 0).map(|(count, one, many)| counted(count, one, many));
    let parts: Vec<String> = parts.collect();
    if parts.is_empty() { "Nothing was changed".to_owned() } else { parts.join(", ") }
}

/// How long a run took.
fn took(began: Option<Timestamp>, ended: Option<Timestamp>) -> String {
    let (Some(began), Some(ended)) = (began, ended) else { return String::new() };
    let milliseconds = (ended.as_millisecond() - began.as_millisecond()).max(0);
    match milliseconds {
        0..1_000 => format!("{milliseconds} ms"),
        1_000..60_000 => format!("{}.{} s", milliseconds / 1_000, milliseconds % 1_000 / 100),
        _ => format!("{} min {} s", milliseconds / 60_000, milliseconds % 60_000 / 1_000),
    }
}
