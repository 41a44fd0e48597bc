//! One plan: where it stands, what it would write and why, row by row.

use askama::Template;
use axum::{extract::State, response::Response};
use kinlink_domain::{Timestamp, reason::Reason, staff::Permission};
use kinlink_service::{
    plans::{self, Plan, Word},
    view::{Cycle, CycleState},
};
use kinlink_web::{Parameters, Path, number::grouped, when::When};

use super::{address, choice, cycle_address, id, rows::Rows, state};
use crate::{
    AdminState,
    pages::{
        interruption::Interruption,
        names::Names,
        numbered::{Numbered, link},
        shell::{Desk, Section, Shell},
        words::{self, Tag},
    },
};

/// Rows on one page.
const PAGE: u32 = 50;
/// Other plans to compare with.
pub(super) const OTHERS: u32 = 50;

/// What the audit calls Kinlink itself.
const KINLINK: &str = "system";

/// A reason as a filter.
struct Tab {
    href: String,
    text: &'static str,
    count: String,
    current: bool,
}

/// Something that happened to the plan.
struct Step {
    who: String,
    what: &'static str,
    at: When,
}

/// Why there is no button that applies the plan, or what it does.
enum Act {
    /// Nothing to say: the person may not, or nothing is to be written.
    Nothing,
    /// It was applied.
    Applied(String),
    /// A cycle applies it now.
    UnderWay(String),
    /// The person gave their word, and another one has to.
    WaitsForAnother,
    /// The button; where the plan waits for a second person, this is one.
    Offered { is_second: bool },
}

#[derive(Template)]
#[template(path = "plans/show.html")]
struct ShowPage {
    shell: Shell,
    here: String,
    made: When,
    scope: &'static str,
    digest: String,
    is_held: bool,
    state: Tag,
    steps: Vec<Step>,
    additions: String,
    removals: String,
    contexts: String,
    act: Act,
    /// The cycle that was to apply it and was stopped, and why.
    stopped: Option<(String, String)>,
    tabs: Vec<Tab>,
    rows: Rows,
    pager: Numbered,
    /// Other plans, by their id.
    others: Vec<(String, String)>,
}

pub(super) async fn show(
    State(app): State<AdminState>,
    desk: Desk,
    Path(text): Path<String>,
    mut asked: Parameters,
) -> Result<Response, Interruption> {
    let reason = asked.text("reason").and_then(|code| Reason::from_code(&code));
    let page: u32 = asked.one("page", "a number").unwrap_or(1);
    let (service, actor) = (&app.app, desk.actor());
    let plan = plans::find(service, actor, &id(&text)?.to_string()).await?;
    let here = address(plan.id);
    let reasons = plans::reasons(service, actor, plan.id).await?;
    let total: u64 =
        reasons.iter().filter(|(other, _)| reason.is_none_or(|reason| reason == *other)).map(|(_, n)| n).sum();
    let pages = u32::try_from(total.div_ceil(u64::from(PAGE))).unwrap_or(u32::MAX).max(1);
    let page = page.clamp(1, pages);
    let skip = u64::from(page - 1) * u64::from(PAGE);
    let found = plans::rows(service, actor, plan.id, reason, skip, u64::from(PAGE)).await?;
    let called = plans::names(service, actor, &found).await?;
    let others = plans::list(service, actor, None, OTHERS).await?.items;
    let people = [Some(plan.actor.as_str()), who(plan.asked.as_ref()), who(plan.admitted.as_ref()), Some(KINLINK)];
    let names = Names::of(service, people.into_iter().flatten()).await?;
    let cycle = plans::cycle(service, actor, plan.id).await?;
    let code = reason.map_or("", Reason::code);
    Ok(desk.show(&ShowPage {
        shell: desk.shell("Plan", Section::Plans),
        made: desk.clock.full(plan.created_at),
        scope: plan.scope.words(),
        is_held: plan.braked && plan.applied.is_none(),
        state: state(&plan),
        steps: steps(&plan, &names, &desk),
        additions: grouped(plan.additions + plan.adoptions),
        removals: grouped(plan.removals),
        contexts: grouped(plan.contexts),
        act: act(&app, &desk, &plan, cycle.as_ref()).await?,
        stopped: cycle.filter(|cycle| cycle.state == CycleState::Failed && plan.applied.is_none()).map(|cycle| {
            (cycle_address(cycle.id), words::sentence(cycle.fault.as_deref().unwrap_or("its log says why")))
        }),
        tabs: tabs(&here, &reasons, reason),
        rows: Rows::new("Rows of this plan, by their reason", &found, &called),
        pager: Numbered::new(&here, &[("reason", code)], page, pages),
        others: others
            .iter()
            .filter(|other| other.id != plan.id)
            .map(|other| (other.id.to_string(), choice(other, &desk)))
            .collect(),
        digest: plan.digest,
        here,
    }))
}

fn who<T>(word: Option<&(String, T)>) -> Option<&str> {
    word.map(|(person, _)| person.as_str())
}

fn steps(plan: &Plan, names: &Names, desk: &Desk) -> Vec<Step> {
    let step = |person: &str, what, at| Step { who: names.name(person), what, at: desk.clock.full(at) };
    let by = |word: &Option<(String, Timestamp)>, what| word.as_ref().map(|(person, at)| step(person, what, *at));
    let steps = [
        Some(step(&plan.actor, "had it made", plan.created_at)),
        by(&plan.asked, "asked for it to be applied"),
        by(&plan.admitted, "had it applied"),
        plan.begun_at.map(|at| step(KINLINK, "began to apply it", at)),
        plan.applied.map(|(at, _)| step(KINLINK, "applied it", at)),
    ];
    steps.into_iter().flatten().collect()
}

async fn act(app: &AdminState, desk: &Desk, plan: &Plan, cycle: Option<&Cycle>) -> Result<Act, Interruption> {
    if let Some((_, cycle)) = plan.applied {
        return Ok(Act::Applied(cycle_address(cycle)));
    }
    let is_under_way = |cycle: &&Cycle| matches!(cycle.state, CycleState::Queued | CycleState::Running);
    if let Some(cycle) = cycle.filter(is_under_way) {
        return Ok(Act::UnderWay(cycle_address(cycle.id)));
    }
    if !desk.may(Permission::RunCycle) || super::rows(plan) == 0 {
        return Ok(Act::Nothing);
    }
    Ok(match plans::word(&app.app, desk.actor(), plan).await? {
        Word::IsGiven => Act::WaitsForAnother,
        Word::Asks => Act::Offered { is_second: false },
        Word::Applies => Act::Offered { is_second: plan.asked.is_some() && plan.admitted.is_none() },
    })
}

fn tabs(here: &str, reasons: &[(Reason, u64)], chosen: Option<Reason>) -> Vec<Tab> {
    let all = reasons.iter().map(|(_, count)| count).sum::<u64>();
    let all = Tab { href: here.to_owned(), text: "All", count: grouped(all), current: chosen.is_none() };
    let of_reason = |(reason, count): &(Reason, u64)| Tab {
        href: link(here, &[("reason", reason.code())], &[]),
        text: reason.words(),
        count: grouped(*count),
        current: chosen == Some(*reason),
    };
    std::iter::once(all).chain(reasons.iter().map(of_reason)).collect()
}
