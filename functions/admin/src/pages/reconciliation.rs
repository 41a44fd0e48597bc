//! `/admin/reconciliation`: what the newest full comparison with Moodle found, by class, with what to do; and the rows that
//! are left alone because somebody takes them away each time, with the button that ends that.

use std::collections::BTreeSet;

use askama::Template;
use axum::{
    Router,
    extract::State,
    response::Response,
    routing::{get, post},
};
use kinlink_domain::{
    finding::{Class, Finding},
    ids::{AdultId, ContestId, MoodleUserId},
    staff::Permission,
};
use kinlink_service::{
    ServiceError,
    reconciliation::{self, ContestedRow, Overview},
    view::{Names, names},
};
use kinlink_web::{Parameters, Path, number::grouped, when::When};

use super::{
    StaffForm,
    interruption::Interruption,
    notice::Notice,
    numbered::{Numbered, link},
    shell::{Desk, Section, Shell},
};
use crate::AdminState;

/// Where the page is.
const HERE: &str = "/admin/reconciliation";
/// The tab of rows that are left alone; the others are called as their class.
const LEFT_ALONE: &str = "left_alone";
/// Rows on one page.
const PAGE: u32 = 50;

pub(crate) fn routes() -> Router<AdminState> {
    Router::new().route("/reconciliation", get(show)).route("/reconciliation/{row}/release", post(release))
}

struct Tab {
    href: String,
    text: &'static str,
    count: String,
    current: bool,
}

/// Somebody, with their page where they have one.
struct Who {
    name: String,
    href: Option<String>,
}

struct Found {
    adult: Option<Who>,
    pupil: Option<Who>,
    /// Who a pupil may be now.
    other: Option<String>,
    what: &'static str,
    advice: &'static str,
}

struct Alone {
    id: ContestId,
    adult: Who,
    pupil: Option<Who>,
    since: When,
}

#[derive(Template)]
#[template(path = "reconciliation.html")]
struct ReconciliationPage {
    shell: Shell,
    /// The comparison that is shown, and when it was.
    compared: Option<(String, When)>,
    tabs: Vec<Tab>,
    /// What the chosen class means, and what to do about it.
    about: Option<(&'static str, &'static str)>,
    found: Vec<Found>,
    left_alone: Vec<Alone>,
    shows_left_alone: bool,
    /// How much more the comparison found than is kept.
    more: Option<String>,
    pager: Numbered,
    may_run: bool,
}

async fn show(State(app): State<AdminState>, desk: Desk, mut asked: Parameters) -> Result<Response, Interruption> {
    let view = asked.text("view").unwrap_or_default();
    let shows_left_alone = view == LEFT_ALONE;
    let class = Class::from_code(&view);
    let page: u32 = asked.one("page", "a number").unwrap_or(1);
    let (service, actor) = (&app.app, desk.actor());
    let overview = reconciliation::overview(service, actor).await?;
    let contested = reconciliation::contested(service, actor).await?;
    let total = match class {
        _ if shows_left_alone => contested.len() as u64,
        Some(class) => overview.kept.iter().find(|(other, _)| *other == class).map_or(0, |(_, count)| *count),
        None => all(&overview),
    };
    let pages = u32::try_from(total.div_ceil(u64::from(PAGE))).unwrap_or(u32::MAX).max(1);
    let page = page.clamp(1, pages);
    let skip = u64::from(page - 1) * u64::from(PAGE);
    let (mut found, mut left_alone) = (Vec::new(), Vec::new());
    if shows_left_alone {
        left_alone = alone(&app, &desk, contested.iter().skip(usize::try_from(skip).unwrap_or(usize::MAX))).await?;
    } else {
        let (_, rows) = reconciliation::list(service, actor, class, skip, u64::from(PAGE)).await?;
        found = with_names(&app, &desk, rows).await?;
    }
    let code = if shows_left_alone { LEFT_ALONE } else { class.map_or("", Class::code) };
    Ok(desk.show(&ReconciliationPage {
        shell: desk.shell("Comparison with Moodle", Section::Reconciliation),
        tabs: tabs(&overview, contested.len(), code),
        about: class.map(|class| (class.words(), class.advice())),
        found,
        left_alone,
        shows_left_alone,
        more: Some(overview.more).filter(|more| *more > 0 && !shows_left_alone).map(grouped),
        pager: Numbered::new(HERE, &[("view", code)], page, pages),
        may_run: desk.may(Permission::RunCycle),
        compared: overview.cycle.map(|cycle| {
            let at = cycle.finished_at.unwrap_or(cycle.created_at);
            (format!("/admin/cycles/{}", cycle.id), desk.clock.full(at))
        }),
    }))
}

fn all(overview: &Overview) -> u64 {
    overview.kept.iter().map(|(_, count)| count).sum()
}

/// The tabs; a class has one while there is something in it, or while it is looked at.
fn tabs(overview: &Overview, contested: usize, chosen: &str) -> Vec<Tab> {
    let tab = |code: &str, text, count: u64| Tab {
        href: link(HERE, &[("view", code)], &[]),
        text,
        count: grouped(count),
        current: code == chosen,
    };
    let count = |class: Class| overview.kept.iter().find(|(kept, _)| *kept == class).map_or(0, |(_, count)| *count);
    let classes = Class::ALL.iter().filter(|class| count(**class) > 0 || class.code() == chosen);
    std::iter::once(tab("", "All", all(overview)))
        .chain(classes.map(|class| tab(class.code(), class.words(), count(*class))))
        .chain([tab(LEFT_ALONE, "Left alone", contested as u64)])
        .collect()
}

async fn with_names(app: &AdminState, desk: &Desk, found: Vec<Finding>) -> Result<Vec<Found>, ServiceError> {
    let adults: BTreeSet<AdultId> = found.iter().filter_map(|found| found.adult).collect();
    let users = found.iter().flat_map(|found| {
        [found.user.filter(|_| found.adult.is_none()), found.pupil, found.other].into_iter().flatten()
    });
    let called = names(&app.app, desk.actor(), adults, users.collect()).await?;
    let row = |found: Finding| Found {
        adult: match (found.adult, found.user) {
            (Some(id), _) => Some(adult(id, &called)),
            (None, user) => user.map(|user| Who { name: name_of(user, &called), href: None }),
        },
        pupil: found
            .pupil
            .map(|pupil| Who { name: name_of(pupil, &called), href: found.adult.map(|adult| explained(adult, pupil)) }),
        other: found.other.map(|other| name_of(other, &called)),
        what: found.class.words(),
        advice: found.class.advice(),
    };
    Ok(found.into_iter().map(row).collect())
}

/// A page of rows that are left alone, with the names of whom they are about.
async fn alone<'a>(
    app: &AdminState,
    desk: &Desk,
    rows: impl Iterator<Item = &'a ContestedRow>,
) -> Result<Vec<Alone>, ServiceError> {
    let rows: Vec<&ContestedRow> = rows.take(PAGE as usize).collect();
    let links: Vec<_> = rows.iter().map(|row| row.link).filter(|link| link.0 != 0).collect();
    let pupils = reconciliation::pupils(&app.app, desk.actor(), &links).await?;
    let adults = rows.iter().map(|row| row.adult).collect();
    let called = names(&app.app, desk.actor(), adults, pupils.values().copied().collect()).await?;
    let row = |row: &&ContestedRow| Alone {
        id: row.id,
        adult: adult(row.adult, &called),
        pupil: pupils
            .get(&row.link)
            .map(|pupil| Who { name: name_of(*pupil, &called), href: Some(explained(row.adult, *pupil)) }),
        since: desk.clock.list(row.began_at),
    };
    Ok(rows.iter().map(row).collect())
}

fn adult(id: AdultId, names: &Names) -> Who {
    match names.adults.get(&id) {
        Some(name) => Who { name: name.clone(), href: Some(format!("/admin/users/{id}")) },
        None => Who { name: "Somebody who is not kept any more".to_owned(), href: None },
    }
}

fn name_of(user: MoodleUserId, names: &Names) -> String {
    names.users.get(&user).cloned().unwrap_or_else(|| format!("Moodle user {user}"))
}

/// Why an adult sees a pupil or not.
fn explained(adult: AdultId, pupil: MoodleUserId) -> String {
    link("/admin/explain", &[("adult", &adult.to_string())], &[("pupil", &pupil.to_string())])
}

/// Lets a row that is left alone be put back again.
async fn release(
    State(app): State<AdminState>,
    desk: Desk,
    Path(row): Path<String>,
    form: StaffForm,
) -> Result<Response, Interruption> {
    desk.check(&form)?;
    kinlink_service::access::require(desk.actor(), Permission::RunCycle)?;
    let row: ContestId = row.parse().map_err(|_| ServiceError::NotFound("contested row"))?;
    let notice = match reconciliation::release(&app.app, desk.actor(), row).await {
        Ok(()) => {
            (app.wake)();
            Notice::ok("The next cycle puts it back. If it is taken away again, find out who does that in Moodle.")
        }
        Err(ServiceError::NotFound(_)) => Notice::warn("It is not left alone any more."),
        Err(error) => return Err(error.into()),
    };
    Ok(notice.then(&app, &link(HERE, &[("view", LEFT_ALONE)], &[])))
}
