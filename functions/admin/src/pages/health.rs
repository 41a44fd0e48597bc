//! `/admin/health`: whether everything works, what is wrong and what to do, what waits, and what was given up.

use askama::Template;
use axum::{
    Router,
    extract::State,
    response::Response,
    routing::{get, post},
};
use kinlink_domain::{ids::JobId, staff::Permission};
use kinlink_service::{
    doctor::{self, Finding, Level},
    view::{self, DeadJob, dead_jobs, pending_trend, revive_jobs},
};
use kinlink_web::{
    chart::DailyChart,
    number::{counted, grouped},
    when::When,
};

use super::{
    StaffForm,
    interruption::Interruption,
    notice::Notice,
    shell::{Desk, Section, Shell},
    words::{self, Tag},
};
use crate::AdminState;

const HERE: &str = "/admin/health";
/// Days of the chart.
const DAYS: u32 = 28;
/// Jobs that the page shows; the next ones follow when these are dealt with.
const DEAD: u32 = 200;

pub(crate) fn routes() -> Router<AdminState> {
    Router::new().route("/health", get(show)).route("/health/retry", post(retry))
}

/// Something that was looked at.
struct Row {
    what: &'static str,
    check: &'static str,
    tag: Tag,
    seen: String,
    remedy: Vec<Part>,
    /// Whether a comparison names whom it is about.
    is_compared: bool,
}

/// A part of a text: words, or something to type.
struct Part {
    text: String,
    is_code: bool,
}

#[derive(Template)]
#[template(path = "health.html")]
struct HealthPage {
    shell: Shell,
    summary: Tag,
    ready: String,
    dead: String,
    last_good: Option<When>,
    version: &'static str,
    wrong: Vec<Row>,
    good: Vec<Row>,
    given_up: Vec<Dead>,
    waiting: String,
    received: DailyChart,
    pending: DailyChart,
    may_retry: bool,
}

/// A job that was given up.
struct Dead {
    id: String,
    name: String,
    href: String,
    request: Option<(String, String)>,
    what: &'static str,
    tag: Option<Tag>,
    advice: &'static str,
    attempts: String,
    since: When,
}

async fn show(State(state): State<AdminState>, desk: Desk) -> Result<Response, Interruption> {
    let health = view::health(&state.app, desk.actor()).await?;
    let given_up = dead_jobs(&state.app, desk.actor(), DEAD).await?;
    let trend = pending_trend(&state.app, desk.actor(), DAYS, &desk.clock.zone).await?;
    let days = |count: fn(&view::TrendDay) -> i64| -> Vec<_> {
        trend.iter().map(|day| (day.date, u64::try_from(count(day)).unwrap_or_default())).collect()
    };
    let diagnosis = doctor::examine(&state.app, desk.actor()).await?;
    let summary = match diagnosis.worst() {
        Level::Good => Tag::new("ok", "circle-check", "Everything works."),
        Level::Warning => {
            Tag::new("warn", "triangle-alert", "It works, but somebody should look at what is marked below.")
        }
        Level::Error => Tag::new(
            "bad",
            "triangle-alert",
            "Something is wrong: accounts or links may not be made until it is mended.",
        ),
    };
    // What is worst comes first; the order of the rest tells how they build on each other.
    let (good, mut wrong): (Vec<Finding>, Vec<Finding>) =
        diagnosis.findings.into_iter().partition(|finding| finding.level == Level::Good);
    wrong.sort_by_key(|finding| std::cmp::Reverse(finding.level));
    Ok(desk.show(&HealthPage {
        shell: desk.shell("Health", Section::Health),
        summary,
        ready: grouped(health.jobs.ready),
        dead: grouped(health.jobs.dead),
        last_good: health.last_good_cycle.map(|at| desk.clock.list(at)),
        version: env!("CARGO_PKG_VERSION"),
        wrong: wrong.into_iter().map(row).collect(),
        good: good.into_iter().map(row).collect(),
        given_up: given_up.into_iter().map(|job| dead(job, &desk)).collect(),
        waiting: grouped(trend.last().map_or(0, |day| day.waiting)),
        received: DailyChart::new("received", "Requests that came, day by day", "Requests", &days(|day| day.received)),
        pending: DailyChart::of_levels(
            "pending",
            "Requests that waited at the end of each day",
            "Waiting",
            &days(|day| day.waiting),
        ),
        may_retry: desk.may(Permission::RunCycle),
    }))
}

fn row(finding: Finding) -> Row {
    let tag = match finding.level {
        Level::Good => Tag::new("green", "check", "Good"),
        Level::Warning => Tag::new("amber", "triangle-alert", "Look"),
        Level::Error => Tag::new("red", "triangle-alert", "Wrong"),
    };
    // Commands stand between backticks.
    let parts = finding.remedy.split('`').zip([false, true].into_iter().cycle());
    let remedy = parts.filter(|(text, _)| !text.is_empty());
    let remedy = remedy.map(|(text, is_code)| Part { text: text.to_owned(), is_code }).collect();
    let is_compared = matches!(finding.check, "moodle.accounts" | "moodle.addresses") && finding.level != Level::Good;
    Row { what: what(finding.check), check: finding.check, tag, seen: finding.seen, remedy, is_compared }
}

/// What a check looks at; nothing for one that our pages do not know.
fn what(check: &str) -> &'static str {
    match check {
        "store.connection" => "Our database",
        "store.schema" => "Tables of our database",
        "store.settings" => "Settings",
        "work.jobs" => "Work that waits",
        "work.heartbeat" => "Cycles run",
        "queue" => "Queue",
        "moodle.connection" => "Moodle’s database",
        "moodle.schema" => "Tables of Moodle",
        "moodle.release" => "Version of Moodle",
        "moodle.role" => "Role of parents",
        "moodle.role_capability" => "What the role allows",
        "moodle.static_contexts" => "Contexts for every parent",
        "moodle.auth_db_enabled" => "Moodle’s way for parents to sign in",
        "moodle.auth_db_settings" => "Settings of that way",
        "moodle.pupils" => "Pupils",
        "moodle.sync_task" => "Moodle’s task that makes accounts",
        "moodle.password_task" => "Moodle’s task that sends passwords",
        "moodle.cron" => "Moodle’s cron",
        "moodle.accounts" => "Accounts and login rows",
        "moodle.addresses" => "Addresses in Moodle",
        "moodle.shared_addresses" => "Addresses that two people share",
        "moodle.clock" => "Clocks",
        _ => "",
    }
}

fn dead(job: DeadJob, desk: &Desk) -> Dead {
    Dead {
        id: job.id.to_string(),
        name: job.name.map_or_else(
            || "Somebody who is not known any more".to_owned(),
            |(given, family)| format!("{given} {family}"),
        ),
        href: format!("/admin/users/{}", job.adult),
        request: job.request.map(|(id, reference)| (format!("/admin/requests/{id}"), reference.to_string())),
        what: if job.removal { "Take access away" } else { "Give access" },
        tag: job.outcome.map(words::outcome),
        advice: job.advice.unwrap_or_default(),
        attempts: counted(job.attempts, "try", "tries"),
        since: desk.clock.list(job.created_at),
    }
}

/// Makes what was given up due again: what was ticked.
async fn retry(State(state): State<AdminState>, desk: Desk, form: StaffForm) -> Result<Response, Interruption> {
    desk.check(&form)?;
    kinlink_service::access::require(desk.actor(), kinlink_domain::staff::Permission::RunCycle)?;
    let jobs: Vec<JobId> = form.all("id").filter_map(|id| id.parse().ok()).collect();
    if jobs.is_empty() {
        return Ok(Notice::warn("Nothing was ticked. Tick what is to be tried again.").then(&state, HERE));
    }
    let revived = revive_jobs(&state.app, desk.actor(), &jobs).await?;
    (state.wake)();
    let text = format!("{} will be tried again in the next cycle.", counted(revived, "job", "jobs"));
    Ok(Notice::ok(text).then(&state, HERE))
}
