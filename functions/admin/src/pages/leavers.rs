//! `/admin/leavers`: which pupils have left, and whose access ends when. Looking writes nothing; it ends by itself at night.

use askama::Template;
use axum::{Router, extract::State, response::Response, routing::get};
use jiff::civil::Date;
use kinlink_domain::leaving::Departure;
use kinlink_service::leavers::{self, GroupCount, Leaving};
use kinlink_web::{
    number::{counted, grouped},
    when::When,
};

use super::{
    interruption::Interruption,
    shell::{Desk, Section, Shell},
};
use crate::AdminState;

/// Pupils that the page names; the command line and the API name them all.
const ROWS: usize = 500;

pub(crate) fn routes() -> Router<AdminState> {
    Router::new().route("/leavers", get(show))
}

struct Row {
    name: String,
    tutor_group: String,
    reason: &'static str,
    /// None for those whom the next night's run will be the first to know.
    since: Option<When>,
    ends: When,
    adults: i64,
}

struct GroupRow {
    year: String,
    tutor_group: String,
    pupils: String,
    links: String,
}

#[derive(Template)]
#[template(path = "leavers.html")]
struct LeaversPage {
    shell: Shell,
    pupils: String,
    left: String,
    newly_left: u64,
    back: u64,
    /// Adults who may still sign in although no pupil is left.
    login_rows: String,
    /// The day on which the next of them may not any more.
    next_row: Option<When>,
    held: bool,
    groups: Vec<GroupRow>,
    rows: Vec<Row>,
    more: usize,
}

async fn show(State(state): State<AdminState>, desk: Desk) -> Result<Response, Interruption> {
    let found = leavers::preview(&state.app, desk.actor()).await?;
    let more = found.leavers.len().saturating_sub(ROWS);
    Ok(desk.show(&LeaversPage {
        shell: desk.shell("Leavers", Section::Users),
        pupils: counted(found.pupils, "linked pupil", "linked pupils"),
        left: grouped(found.leavers.len()),
        newly_left: found.newly_left,
        back: found.back,
        login_rows: grouped(found.login_rows.len()),
        next_row: found.login_rows.first().map(|row| day(row.ends_on)),
        held: found.held,
        groups: found.groups.into_iter().map(group).collect(),
        rows: found.leavers.into_iter().take(ROWS).map(|leaving| row(leaving, &desk)).collect(),
        more,
    }))
}

fn group(count: GroupCount) -> GroupRow {
    GroupRow {
        year: count.year_group.map_or_else(|| "–".to_owned(), |year| year.to_string()),
        tutor_group: if count.tutor_group.is_empty() { "none".to_owned() } else { count.tutor_group },
        pupils: count.pupils.to_string(),
        links: count.links.to_string(),
    }
}

fn row(leaving: Leaving, desk: &Desk) -> Row {
    Row {
        name: if leaving.name.is_empty() { format!("Moodle user {}", leaving.pupil) } else { leaving.name },
        tutor_group: leaving.tutor_group,
        reason: reason(leaving.reason),
        since: leaving.since.map(|since| desk.clock.date(since)),
        ends: day(leaving.ends_on),
        adults: leaving.adults,
    }
}

/// Why a pupil counts as having left, in words.
pub(super) const fn reason(reason: Departure) -> &'static str {
    match reason {
        Departure::Deleted => "Deleted in Moodle",
        Departure::Suspended => "Suspended in Moodle",
        Departure::Leaver => "Marked as a leaver",
        Departure::NotAPupil => "Not a pupil any more",
    }
}

/// A day as pages show it.
pub(super) fn day(date: Date) -> When {
    let text = date.strftime("%-d %B %Y").to_string();
    When { iso: date.to_string(), title: text.clone(), text }
}
