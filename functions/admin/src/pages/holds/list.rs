//! The holds, in views with counts, newest first.

use askama::Template;
use axum::{extract::State, response::Response};
use kinlink_domain::hold::HoldView;
use kinlink_service::holds::{self, HoldItem, HoldQuery};
use kinlink_web::{Parameters, when::When};

use super::{HERE, address, state, whom};
use crate::{
    AdminState,
    pages::{
        interruption::Interruption,
        numbered::link,
        shell::{Desk, Section, Shell},
        words::Tag,
    },
};

/// Holds of one page.
const PAGE: u32 = 50;

struct Tab {
    href: String,
    text: &'static str,
    count: i64,
    current: bool,
}

struct Row {
    href: String,
    adult: String,
    pupil: Option<String>,
    reason: &'static str,
    reference: String,
    state: Tag,
    asked: bool,
    from: When,
    until: Option<When>,
    /// What stands there instead of a day.
    without_end: &'static str,
}

#[derive(Template)]
#[template(path = "holds/list.html")]
struct HoldsPage {
    shell: Shell,
    tabs: Vec<Tab>,
    rows: Vec<Row>,
    older: Option<String>,
}

pub(super) async fn show(
    State(app): State<AdminState>,
    desk: Desk,
    mut query: Parameters,
) -> Result<Response, Interruption> {
    let view = query.text("view").and_then(|code| HoldView::from_code(&code)).unwrap_or(HoldView::InForce);
    let before = query.one("before", "a hold");
    let asked = HoldQuery { view, adult: None, pupil: None, before };
    let found = holds::list(&app.app, desk.actor(), asked, PAGE).await?;
    let counts = holds::count(&app.app, desk.actor()).await?;
    let tab = |(other, count): (HoldView, i64)| Tab {
        href: link(HERE, &[("view", other.code())], &[]),
        text: text(other),
        count,
        current: other == view,
    };
    Ok(desk.show(&HoldsPage {
        shell: desk.shell("Holds", Section::Holds),
        tabs: counts.into_iter().map(tab).collect(),
        older: found.next.map(|before| link(HERE, &[("view", view.code())], &[("before", &before.to_string())])),
        rows: found.items.into_iter().map(|hold| row(hold, &desk)).collect(),
    }))
}

const fn text(view: HoldView) -> &'static str {
    match view {
        HoldView::InForce => "In force",
        HoldView::Coming => "Coming",
        HoldView::ReleaseAsked => "Release asked for",
        HoldView::Over => "Over",
        HoldView::All => "All",
    }
}

fn row(hold: HoldItem, desk: &Desk) -> Row {
    let (adult, pupil) = whom(&hold);
    Row {
        href: address(hold.id),
        adult,
        pupil,
        reason: hold.reason.words(),
        state: state(&hold),
        asked: hold.release_asked_at.is_some() && hold.state != HoldView::Over,
        from: desk.clock.date(hold.from),
        until: hold.until.map(|until| desk.clock.date(until)),
        without_end: if hold.released_at.is_some() { "released" } else { "until released" },
        reference: hold.reference,
    }
}
