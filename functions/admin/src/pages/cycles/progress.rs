//! How far a run has come: the part of its page that changes. While the run goes on this part asks for itself again, less
//! and less often; when it has ended, it does not ask any more.

use askama::{Template, filters::HtmlSafe};
use axum::{extract::State, http::StatusCode, response::Response};
use kinlink_domain::{Timestamp, ids::CycleId};
use kinlink_service::{
    ServiceError,
    access::fingerprint,
    cycle,
    view::{CycleProgress, StepState, StepView, cycle_progress},
};
use kinlink_web::{
    Audience, Parameters, Path, Problem,
    number::{counted, grouped},
    page,
};

use super::{HERE, written};
use crate::{
    AdminState,
    pages::{
        live::{Again, Earlier, Pauses, reload, untouched},
        plans,
        words::{self, Tag},
    },
    session::Visitor,
};

const PAUSES: Pauses = Pauses { soon: 2, late: 30 };
/// A step's share that is told to people who hear the page, in per cent.
const SHARE: u64 = 25;

struct Step {
    text: &'static str,
    /// Looks of the mark beside it.
    tone: &'static str,
    icon: &'static str,
    state: String,
    /// How much of it is done, where both are known.
    bar: Option<(u64, u64)>,
}

#[derive(Template)]
#[template(path = "cycles/progress.html")]
pub(super) struct Progress {
    state: Tag,
    again: Option<Again>,
    steps: Vec<Step>,
    outcomes: Vec<(Tag, String)>,
    written: String,
    brake: bool,
    /// Where the plan of what the brake holds is looked at.
    held_plan: Option<String>,
    /// What a full comparison found, in a few words.
    found: Option<String>,
    digest: Option<String>,
    warnings: Vec<String>,
    fault: Option<String>,
    /// What the page's live region is to say; only in the part alone, because the page has one of its own.
    say: Option<String>,
    /// What to press when the part asks no more, while the rest of the page is as it was.
    reload: Option<&'static str>,
    here: String,
}

/// Its template escapes what it is given.
impl HtmlSafe for Progress {}

impl Progress {
    /// As it is in the page.
    pub(super) fn of_page(found: CycleProgress, is_live: bool, now: Timestamp) -> Self {
        let again = if is_live { again(&found, None, now) } else { None };
        Self::new(found, again)
    }

    /// As it takes the place of an earlier one.
    fn alone(found: CycleProgress, earlier: &Earlier, told: &str, now: Timestamp) -> Self {
        let say = Some(spoken(&found)).filter(|say| say != told);
        let again = again(&found, Some(earlier), now);
        let reload = if found.goes_on { "Go on updating" } else { "Show the results" };
        Self { say, reload: Some(reload).filter(|_| again.is_none()), ..Self::new(found, again) }
    }

    fn new(found: CycleProgress, again: Option<Again>) -> Self {
        let plan = &found.plan;
        Self {
            state: super::state(found.cycle.state),
            again,
            steps: found.steps.iter().map(step).collect(),
            outcomes: found
                .outcomes
                .iter()
                .map(|(outcome, count)| (words::outcome(*outcome), grouped(*count)))
                .collect(),
            written: written(plan.provisioned, plan.added, plan.removed, plan.held),
            brake: plan.brake,
            held_plan: plan.held_plan.map(plans::address),
            found: (plan.found > 0).then(|| counted(plan.found, "difference was found", "differences were found")),
            digest: found.plan.digest,
            warnings: found.warnings,
            fault: found.cycle.fault,
            say: None,
            reload: None,
            here: format!("{HERE}/{}", found.cycle.id),
        }
    }
}

/// `GET /admin/cycles/{cycle}/progress`: the part alone.
pub(super) async fn poll(
    State(state): State<AdminState>,
    visitor: Result<Visitor, Response>,
    Path(id): Path<String>,
    mut query: Parameters,
) -> Result<Response, Problem> {
    let Ok(visitor) = visitor else { return Ok(reload()) };
    let earlier = Earlier::read(&mut query);
    let told = query.text("told").unwrap_or_default();
    let id: CycleId = id.parse().map_err(|_| ServiceError::NotFound("cycle"))?;
    let found = match cycle_progress(&state.app, visitor.actor(), id).await {
        Ok(found) => found,
        Err(error @ ServiceError::NotFound(_)) => return Err(error.into()),
        // What is there stays; the next time may go well.
        Err(error) => return Ok(untouched(&error.into())),
    };
    let part = Progress::alone(found, &earlier, &told, state.app.now());
    Ok(page(&Audience::staff(), StatusCode::OK, &part))
}

/// When to ask again, while it goes on.
fn again(found: &CycleProgress, earlier: Option<&Earlier>, now: Timestamp) -> Option<Again> {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("told", &spoken(found));
    let address = format!("{HERE}/{}/progress?{}", found.cycle.id, query.finish());
    if found.goes_on { PAUSES.again(&address, &mark(found), earlier, now) } else { None }
}

/// Changes with anything that the part shows.
fn mark(found: &CycleProgress) -> String {
    let text = format!("{:?} {:?} {:?} {:?}", found.cycle.state, found.steps, found.outcomes, found.plan);
    fingerprint(text.as_bytes())[..16].to_owned()
}

/// What people who hear the page are told: each quarter of a step, and the end.
fn spoken(found: &CycleProgress) -> String {
    if !found.goes_on {
        return format!("The cycle has ended: {}.", super::state(found.cycle.state).text.to_lowercase());
    }
    let running = found.steps.iter().find(|step| step.state == StepState::Running);
    let Some((step, done, total)) = running.and_then(|step| Some((step, step.done?, step.total?))) else {
        return String::new();
    };
    match (done * 100).checked_div(total).map(|share| share / SHARE * SHARE) {
        None | Some(0) => String::new(),
        Some(share) => format!("{}: {share} %", text(step)),
    }
}

fn text(step: &StepView) -> &'static str {
    match step.step {
        cycle::Step::Jobs => "Do what waits",
        cycle::Step::Compare => "Compare everybody with Moodle",
        cycle::Step::Apply => "Put right what differs",
    }
}

fn step(step: &StepView) -> Step {
    let (tone, icon, state) = match step.state {
        StepState::Waiting => ("", "hourglass", "Not begun"),
        StepState::Running => ("", "refresh-cw", "Under way"),
        StepState::Done => ("ok", "check", "Done"),
        StepState::Failed => ("bad", "triangle-alert", "Stopped here"),
    };
    let state = match (step.done, step.total) {
        (Some(done), Some(total)) => format!("{state}: {} of {}", grouped(done), grouped(total)),
        (Some(done), None) => format!("{state}: {} looked at", grouped(done)),
        _ => state.to_owned(),
    };
    let bar = step.done.zip(step.total).filter(|(_, total)| *total > 0);
    Step { text: text(step), tone, icon, state, bar }
}
