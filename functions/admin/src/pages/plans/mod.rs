//! `/admin/plans`: what would be written in Moodle, kept row by row, looked at, compared, and applied exactly as it is.
//!
//! `list`: the plans, and making one. `show`: one plan with its rows. `compare`: what is in only one of two. `apply`: the
//! page that says what will happen, and the act. `rows`: the table that shows rows.

mod apply;
mod compare;
mod list;
mod rows;
mod show;

use axum::{Router, routing::get};
use kinlink_domain::ids::{CycleId, PlanId};
use kinlink_service::{ServiceError, plans::Plan};
use kinlink_web::number::counted;

use super::{shell::Desk, words::Tag};
use crate::AdminState;

/// Where the list is.
const HERE: &str = "/admin/plans";

pub(crate) fn routes() -> Router<AdminState> {
    Router::new()
        .route("/plans", get(list::show).post(list::make))
        .route("/plans/{plan}", get(show::show))
        .route("/plans/{plan}/comparison", get(compare::show))
        .route("/plans/{plan}/application", get(apply::confirm).post(apply::apply))
}

/// Rows that are shown where two lists of rows are compared; the command line prints them all.
const SHOWN: usize = 100;

/// The page of a plan.
pub(crate) fn address(plan: PlanId) -> String {
    format!("{HERE}/{plan}")
}

fn id(text: &str) -> Result<PlanId, ServiceError> {
    text.parse().map_err(|_| ServiceError::NotFound("plan"))
}

fn cycle_address(cycle: CycleId) -> String {
    format!("/admin/cycles/{cycle}")
}

/// What a plan would write, in a few words.
fn counts(plan: &Plan) -> String {
    let parts = [
        (plan.additions, "role to give", "roles to give"),
        (plan.removals, "role to take away", "roles to take away"),
        (
            plan.adoptions,
            "role of the earlier plugin to take over or give back",
            "roles of the earlier plugin to take over or give back",
        ),
        (plan.contexts, "context to make or mend", "contexts to make or mend"),
    ];
    let parts = parts.into_iter().filter(|(count, ..)| *count > 0).map(|(count, one, many)| counted(count, one, many));
    let parts: Vec<String> = parts.collect();
    if parts.is_empty() { "Nothing to write".to_owned() } else { parts.join(", ") }
}

/// How many rows a plan writes.
fn rows(plan: &Plan) -> u64 {
    plan.additions + plan.removals + plan.adoptions + plan.contexts
}

/// Where a plan stands.
fn state(plan: &Plan) -> Tag {
    if plan.applied.is_some() {
        return Tag::new("green", "check", "Applied");
    }
    if plan.begun_at.is_some() {
        return Tag::new("blue", "refresh-cw", "Being applied");
    }
    if plan.admitted.is_some() {
        return Tag::new("blue", "hourglass", "To be applied");
    }
    if plan.asked.is_some() {
        return Tag::new("amber", "users", "Waits for a second person");
    }
    Tag::new("grey", "circle-dot", "Not applied")
}

/// A plan in a list to choose from: when it was made, and what it would write.
fn choice(plan: &Plan, desk: &Desk) -> String {
    format!("{}: {}", desk.clock.log(plan.created_at).text, counts(plan))
}
