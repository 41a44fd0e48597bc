//! Applying a plan: first a page that says exactly what will happen, then the act. What the brake holds takes two people: the
//! first one asks.

use askama::Template;
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
};
use kinlink_domain::{plan_row::PlanRow, staff::Permission};
use kinlink_service::{
    ServiceError,
    access::require,
    plans::{self, Application, Changes, Plan, TYPED_NUMBER_ABOVE, Word},
};
use kinlink_web::{
    Path,
    number::{counted, grouped},
    when::When,
};

use super::{SHOWN, address, counts, cycle_address, id, rows, rows::Rows};
use crate::{
    AdminState,
    pages::{
        StaffForm,
        faults::Fault,
        interruption::Interruption,
        names::Names,
        notice::Notice,
        shell::{Desk, Section, Shell},
        words,
    },
};

#[derive(Template)]
#[template(path = "plans/apply.html")]
struct ApplyPage {
    shell: Shell,
    here: String,
    made: When,
    digest: String,
    counts: String,
    rows: String,
    removals: String,
    /// Whether this is the first of two people, who asks.
    asks: bool,
    /// Who asked, where this is the second.
    asked_by: Option<String>,
    must_type: bool,
    typed: String,
    faults: Vec<Fault>,
}

/// Rows of one kind, of which the first are shown.
struct Part {
    rows: Rows,
    more: String,
}

/// What is shown when a plan is not any more what is to be written.
#[derive(Template)]
#[template(path = "plans/changed.html")]
struct ChangedPage {
    shell: Shell,
    here: String,
    detail: String,
    vanished: Option<Part>,
    came: Option<Part>,
}

/// Where the page is.
fn application(plan: &Plan) -> String {
    format!("{}/application", address(plan.id))
}

/// The page that asks; changes nothing.
pub(super) async fn confirm(
    State(app): State<AdminState>,
    desk: Desk,
    Path(text): Path<String>,
) -> Result<Response, Interruption> {
    require(desk.actor(), Permission::RunCycle)?;
    let plan = plans::find(&app.app, desk.actor(), &id(&text)?.to_string()).await?;
    let word = plans::word(&app.app, desk.actor(), &plan).await?;
    if plan.applied.is_some() || word == Word::IsGiven {
        // The plan's own page says why there is nothing to do.
        return Ok(Redirect::to(&address(plan.id)).into_response());
    }
    desk.must_be_fresh(&application(&plan))?;
    page(&app, &desk, &plan, word, String::new(), Vec::new()).await
}

async fn page(
    app: &AdminState,
    desk: &Desk,
    plan: &Plan,
    word: Word,
    typed: String,
    faults: Vec<Fault>,
) -> Result<Response, Interruption> {
    let first = plan.asked.as_ref().filter(|_| plan.admitted.is_none()).map(|(person, _)| person.as_str());
    let names = Names::of(&app.app, first).await?;
    let taken = plans::taken_away(plan);
    let shell = desk.shell("Apply a plan", Section::Plans);
    let status = if faults.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let template = ApplyPage {
        shell: if faults.is_empty() { shell } else { shell.wrong() },
        here: address(plan.id),
        made: desk.clock.full(plan.created_at),
        digest: plan.digest.clone(),
        counts: counts(plan),
        rows: counted(rows(plan), "row", "rows"),
        removals: if taken > 0 { counted(taken, "role", "roles") } else { String::new() },
        asks: word == Word::Asks,
        asked_by: first.map(|person| names.name(person)),
        must_type: taken > TYPED_NUMBER_ABOVE,
        typed,
        faults,
    };
    Ok(desk.page(status, &template))
}

pub(super) async fn apply(
    State(app): State<AdminState>,
    desk: Desk,
    Path(text): Path<String>,
    form: StaffForm,
) -> Result<Response, Interruption> {
    desk.check(&form)?;
    require(desk.actor(), Permission::RunCycle)?;
    let plan = plans::find(&app.app, desk.actor(), &id(&text)?.to_string()).await?;
    let here = address(plan.id);
    desk.must_be_fresh(&application(&plan))?;
    let typed = form.get("number").unwrap_or_default().trim().to_owned();
    match plans::ask_or_changes(&app.app, desk.actor(), plan.id, typed.parse().ok()).await {
        Ok(Err(changes)) => changed(&app, &desk, &plan, &changes).await,
        Ok(Ok(Application::Applied { .. })) => {
            Ok(Notice::ok("It was applied before. Nothing is to be done.").then(&app, &here))
        }
        Ok(Ok(Application::WaitsForSecondPerson)) => {
            let text = "Noted. Nothing is written until another person applies this plan too.";
            Ok(Notice::warn(text).then(&app, &here))
        }
        Ok(Ok(Application::Queued { cycle })) => {
            (app.wake)();
            let text = "This cycle applies the plan, exactly as it is.";
            Ok(Notice::ok(text).then(&app, &cycle_address(cycle)))
        }
        Err(ServiceError::Refused { code: "confirm_number", .. }) => {
            let word = plans::word(&app.app, desk.actor(), &plan).await?;
            let fault = format!("Type the number of roles that are taken away, {}, to go on", plan.removals);
            page(&app, &desk, &plan, word, typed, vec![Fault::new("number", fault)]).await
        }
        Err(error) => Err(error.into()),
    }
}

/// The page that says what changed, with names; nothing was written.
async fn changed(app: &AdminState, desk: &Desk, plan: &Plan, changes: &Changes) -> Result<Response, Interruption> {
    let shown = |rows: &[PlanRow]| rows.iter().take(SHOWN).copied().collect::<Vec<_>>();
    let (vanished, came) = (shown(&changes.vanished), shown(&changes.came));
    let names = plans::names(&app.app, desk.actor(), &[vanished.as_slice(), &came].concat()).await?;
    let part = |caption, rows: &[PlanRow], all: usize| {
        let more = if all > rows.len() { grouped(all - rows.len()) } else { String::new() };
        (!rows.is_empty()).then(|| Part { rows: Rows::new(caption, rows, &names), more })
    };
    let template = ChangedPage {
        shell: desk.shell("The plan has changed", Section::Plans),
        here: address(plan.id),
        detail: words::sentence(&changes.detail()),
        vanished: part("Rows of the plan that are not to be written any more", &vanished, changes.vanished.len()),
        came: part("Rows to be written now that are not in the plan", &came, changes.came.len()),
    };
    Ok(desk.page(StatusCode::CONFLICT, &template))
}
