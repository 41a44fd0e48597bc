//! The plans, newest first, and the button that makes one.

use askama::Template;
use axum::{extract::State, response::Response};
use kinlink_domain::{adoption::Direction, ids::PlanId, staff::Permission};
use kinlink_service::{
    adoption::{self, Made},
    plans::{self, Plan},
};
use kinlink_web::{Parameters, number::counted, when::When};

use super::{address, counts, cycle_address, state};
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

/// Plans on one page.
const PAGE: u32 = 30;

struct Row {
    href: String,
    made: When,
    by: String,
    scope: &'static str,
    counts: String,
    is_held: bool,
    state: Tag,
    /// Who asked for it, where it waits for somebody else.
    asked_by: Option<String>,
    /// The cycle that applied it.
    cycle: Option<String>,
}

#[derive(Template)]
#[template(path = "plans/list.html")]
struct ListPage {
    shell: Shell,
    rows: Vec<Row>,
    next: Option<PlanId>,
    is_first: bool,
    may_make: bool,
}

pub(super) async fn show(
    State(app): State<AdminState>,
    desk: Desk,
    mut asked: Parameters,
) -> Result<Response, Interruption> {
    // The plan after which the page begins.
    let after = asked.one("after", "the id of a plan");
    let found = plans::list(&app.app, desk.actor(), after, PAGE).await?;
    let names = Names::of(&app.app, found.items.iter().flat_map(people)).await?;
    let row = |plan: Plan| Row {
        href: address(plan.id),
        made: desk.clock.list(plan.created_at),
        by: names.name(&plan.actor),
        scope: plan.scope.words(),
        counts: counts(&plan),
        is_held: plan.braked && plan.applied.is_none(),
        state: state(&plan),
        asked_by: plan.asked.as_ref().filter(|_| plan.admitted.is_none()).map(|(person, _)| names.name(person)),
        cycle: plan.applied.map(|(_, cycle)| cycle_address(cycle)),
    };
    Ok(desk.show(&ListPage {
        shell: desk.shell("Plans", Section::Plans),
        rows: found.items.into_iter().map(row).collect(),
        next: found.next,
        is_first: after.is_none(),
        may_make: desk.may(Permission::RunCycle),
    }))
}

/// Who had a plan made, and who asked for it.
fn people(plan: &Plan) -> impl Iterator<Item = &str> {
    std::iter::once(plan.actor.as_str()).chain(plan.asked.as_ref().map(|(person, _)| person.as_str()))
}

/// Compares everybody, or looks for rows of the earlier plugin; keeps the plan, and leads to it.
pub(super) async fn make(State(app): State<AdminState>, desk: Desk, form: StaffForm) -> Result<Response, Interruption> {
    desk.check(&form)?;
    let (plan, text) = match form.get("adoption").and_then(Direction::from_code) {
        None => {
            let plan = plans::make(&app.app, desk.actor()).await?;
            (plan, "Everybody was compared. The plan is kept, and nothing was written in Moodle.".to_owned())
        }
        Some(direction) => {
            let Made { plan, left } = Box::pin(adoption::make(&app.app, desk.actor(), direction)).await?;
            let why = match direction {
                Direction::Adopt => "there is no link in force for that parent and pupil",
                Direction::GiveBack => "the link ended or is stopped, and undoing must give nobody access again",
            };
            let stay = counted(left, "row is left as it is", "rows are left as they are");
            let left = if left > 0 { format!(" {stay}: {why}.") } else { String::new() };
            (plan, format!("The plan is kept, and nothing was written in Moodle.{left}"))
        }
    };
    Ok(Notice::ok(text).then(&app, &address(plan.id)))
}
