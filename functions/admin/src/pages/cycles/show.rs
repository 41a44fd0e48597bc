//! One run: how far it has come, and what it found for each child. The part that changes while it goes on is in `progress`.

use askama::Template;
use axum::{extract::State, response::Response};
use kinlink_domain::{ids::CycleId, outcome::Next};
use kinlink_service::{
    ServiceError,
    view::{CycleFinding, CycleState, cycle_findings, cycle_progress},
};
use kinlink_web::{Parameters, Path, when::When};

use super::{HERE, action, progress::Progress, took};
use crate::{
    AdminState,
    pages::{
        interruption::Interruption,
        names::Names,
        numbered::{Numbered, link},
        plans,
        shell::{Desk, Section, Shell},
        words::{self, Tag},
    },
};

/// Findings on one page.
const PAGE: u32 = 50;

struct Row {
    tag: Tag,
    adult: String,
    adult_href: String,
    pupil: String,
    request: Option<(String, String)>,
    advice: &'static str,
}

#[derive(Template)]
#[template(path = "cycles/show.html")]
struct ShowPage {
    shell: Shell,
    progress: Progress,
    /// Where the page asks for its progress, or does not, while the run goes on.
    pause: Option<String>,
    resume: Option<String>,
    action: &'static str,
    /// The plan that it applies.
    plan: Option<String>,
    by: String,
    began: When,
    took: String,
    rows: Vec<Row>,
    nothing: &'static str,
    is_all: bool,
    all: String,
    problems: String,
    pager: Numbered,
}

pub(super) async fn show(
    State(state): State<AdminState>,
    desk: Desk,
    Path(id): Path<String>,
    mut asked: Parameters,
) -> Result<Response, Interruption> {
    let id: CycleId = id.parse().map_err(|_| ServiceError::NotFound("cycle"))?;
    let is_all = asked.text("show").is_some_and(|show| show == "all");
    let is_paused = asked.text("updates").is_some_and(|updates| updates == "off");
    let page = asked.one("page", "a number").unwrap_or(1);
    let found = cycle_progress(&state.app, desk.actor(), id).await?;
    let findings = cycle_findings(&state.app, desk.actor(), id, !is_all, page, PAGE).await?;
    let cycle = found.cycle.clone();
    let names = Names::of(&state.app, [cycle.actor.as_str()]).await?;
    let here = format!("{HERE}/{id}");
    let show = if is_all { "all" } else { "" };
    let updates = if is_paused { "off" } else { "" };
    let is_live = found.goes_on && !is_paused;
    let shell = desk.shell("Cycle", Section::Cycles);
    Ok(desk.show(&ShowPage {
        shell: if is_live { shell.live() } else { shell },
        pause: is_live.then(|| link(&here, &[("show", show)], &[("updates", "off")])),
        resume: (found.goes_on && is_paused).then(|| link(&here, &[("show", show)], &[])),
        action: action(&cycle.action),
        plan: cycle.plan.map(plans::address),
        by: names.name(&cycle.actor),
        began: desk.clock.full(cycle.started_at.unwrap_or(cycle.created_at)),
        took: took(cycle.started_at, cycle.finished_at),
        progress: Progress::of_page(found, is_live, state.app.now()),
        rows: findings.items.into_iter().map(row).collect(),
        nothing: nothing(cycle.state, is_all),
        is_all,
        pager: Numbered::new(&here, &[("show", show), ("updates", updates)], findings.page, findings.pages),
        all: link(&here, &[("updates", updates)], &[("show", "all")]),
        problems: link(&here, &[("updates", updates)], &[]),
    }))
}

/// What is said when there is nothing to list.
fn nothing(state: CycleState, is_all: bool) -> &'static str {
    match (state, is_all) {
        (CycleState::Queued | CycleState::Running, _) => "Nothing so far.",
        (CycleState::Failed, _) => "The cycle was stopped before it found anything to list here.",
        (CycleState::Done, true) => "This cycle looked at no link.",
        (CycleState::Done, false) => "Everything that was looked at is done.",
    }
}

fn row(found: CycleFinding) -> Row {
    Row {
        tag: words::outcome(found.outcome),
        adult: format!("{} {}", found.given_name, found.family_name),
        adult_href: format!("/admin/users/{}", found.adult),
        pupil: found.pupil_name.unwrap_or_else(|| format!("Moodle user {}", found.pupil)),
        request: found.request.map(|(id, reference)| (format!("/admin/requests/{id}"), reference.to_string())),
        advice: if found.outcome.next() == Next::Done { "" } else { found.advice },
    }
}
