//! The runs, newest first, and the buttons that ask for one.

use askama::Template;
use axum::{extract::State, response::Response};
use kinlink_domain::{ids::CycleId, staff::Permission};
use kinlink_service::view::{Cycle, CycleState, list_cycles, request_cycle};
use kinlink_web::{Parameters, when::When};

use super::{HERE, action, took, written};
use crate::{
    AdminState,
    pages::{
        StaffForm,
        interruption::Interruption,
        names::Names,
        notice::Notice,
        shell::{Desk, Section, Shell},
        words::Tag,
    },
};

/// Runs on one page.
const PAGE: u32 = 30;

struct Row {
    id: CycleId,
    began: When,
    action: &'static str,
    by: String,
    state: Tag,
    result: String,
    took: String,
}

#[derive(Template)]
#[template(path = "cycles/list.html")]
struct ListPage {
    shell: Shell,
    rows: Vec<Row>,
    next: Option<CycleId>,
    is_first: bool,
    may_run: bool,
    under_way: Option<CycleId>,
}

pub(super) async fn show(
    State(state): State<AdminState>,
    desk: Desk,
    mut asked: Parameters,
) -> Result<Response, Interruption> {
    // The run after which the page begins.
    let after = asked.one("after", "the id of a cycle");
    let found = list_cycles(&state.app, desk.actor(), after, PAGE).await?;
    let names = Names::of(&state.app, found.items.iter().map(|cycle| cycle.actor.as_str())).await?;
    let is_under_way = |cycle: &&Cycle| matches!(cycle.state, CycleState::Queued | CycleState::Running);
    let under_way = found.items.iter().find(is_under_way).map(|cycle| cycle.id);
    let row = |cycle: Cycle| Row {
        id: cycle.id,
        began: desk.clock.list(cycle.started_at.unwrap_or(cycle.created_at)),
        action: action(&cycle.action),
        by: names.name(&cycle.actor),
        state: super::state(cycle.state),
        result: result(&cycle),
        took: took(cycle.started_at, cycle.finished_at),
    };
    Ok(desk.show(&ListPage {
        shell: desk.shell("Provisioning cycles", Section::Cycles),
        rows: found.items.into_iter().map(row).collect(),
        next: found.next,
        is_first: after.is_none(),
        may_run: desk.may(Permission::RunCycle),
        under_way,
    }))
}

/// Asks for a run, and leads to it.
pub(super) async fn run(
    State(state): State<AdminState>,
    desk: Desk,
    form: StaffForm,
) -> Result<Response, Interruption> {
    desk.check(&form)?;
    let action = if form.get("action") == Some("reconcile") { "reconcile" } else { "cycle" };
    let id = request_cycle(&state.app, desk.actor(), action).await?;
    (state.wake)();
    Ok(Notice::ok("A cycle was asked for.").then(&state, &format!("{HERE}/{id}")))
}

/// What a run did, as far as it told.
fn result(cycle: &Cycle) -> String {
    let Some(report) = &cycle.report else { return String::new() };
    let number = |name: &str| report.get(name).and_then(serde_json::Value::as_u64).unwrap_or_default();
    written(number("provisioned"), number("added"), number("removed"), number("held"))
}
