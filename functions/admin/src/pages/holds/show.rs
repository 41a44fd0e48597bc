//! One hold, and the road to its release: one person asks, another releases.

use askama::Template;
use axum::{extract::State, response::Response};
use kinlink_domain::hold::HoldView;
use kinlink_service::{
    ServiceError,
    holds::{self, HoldItem},
};
use kinlink_web::{Path, when::When};

use super::{address, id, state, whom};
use crate::{
    AdminState,
    pages::{
        StaffForm,
        interruption::Interruption,
        names::Names,
        notice::Notice,
        shell::{Desk, Section, Shell},
        words::{self, Tag},
    },
};

/// Who did something to the hold, and when.
struct Step {
    who: String,
    what: &'static str,
    at: When,
}

#[derive(Template)]
#[template(path = "holds/show.html")]
struct HoldPage {
    shell: Shell,
    here: String,
    adult: String,
    adult_href: Option<String>,
    pupil: Option<String>,
    reason: &'static str,
    reference: String,
    state: Tag,
    from: When,
    until: Option<When>,
    steps: Vec<Step>,
    is_over: bool,
    is_asked: bool,
    may_release: bool,
    sign_in_again: Option<String>,
}

pub(super) async fn show(
    State(app): State<AdminState>,
    desk: Desk,
    Path(hold): Path<String>,
) -> Result<Response, Interruption> {
    let hold = holds::show(&app.app, desk.actor(), id(&hold)?).await?;
    let actors = [Some(&hold.placed_by), hold.release_asked_by.as_ref(), hold.released_by.as_ref()];
    let names = Names::of(&app.app, actors.into_iter().flatten().map(String::as_str)).await?;
    let (adult, pupil) = whom(&hold);
    let here = address(hold.id);
    Ok(desk.show(&HoldPage {
        shell: desk.shell("Hold", Section::Holds),
        adult,
        adult_href: hold.adult.filter(|_| hold.adult_name.is_some()).map(|adult| format!("/admin/users/{adult}")),
        pupil,
        reason: hold.reason.words(),
        state: state(&hold),
        from: desk.clock.full(hold.from),
        until: hold.until.map(|until| desk.clock.full(until)),
        steps: steps(&hold, &names, &desk),
        is_over: hold.state == HoldView::Over,
        is_asked: hold.release_asked_at.is_some(),
        may_release: hold.may_release,
        sign_in_again: desk.sign_in_again(&here),
        reference: hold.reference,
        here,
    }))
}

fn steps(hold: &HoldItem, names: &Names, desk: &Desk) -> Vec<Step> {
    let step = |who: &String, what, at| Step { who: names.name(who), what, at: desk.clock.full(at) };
    let placed = step(&hold.placed_by, "placed the hold", hold.placed_at);
    let asked = hold.release_asked_by.as_ref().zip(hold.release_asked_at);
    let released = hold.released_by.as_ref().zip(hold.released_at);
    let asked = asked.map(|(who, at)| step(who, "asked to release it", at));
    let released = released.map(|(who, at)| step(who, "released it", at));
    [Some(placed), asked, released].into_iter().flatten().collect()
}

pub(super) async fn ask_release(
    State(app): State<AdminState>,
    desk: Desk,
    Path(hold): Path<String>,
    form: StaffForm,
) -> Result<Response, Interruption> {
    let hold = id(&hold)?;
    let here = address(hold);
    desk.check(&form)?;
    desk.must_be_fresh_to_send(&app, &here, "Nothing was noted")?;
    let asked = holds::ask_release(&app.app, desk.actor(), hold).await.map(drop);
    done(&app, &here, asked, "Noted. The hold stays until another person releases it.")
}

pub(super) async fn withdraw_release(
    State(app): State<AdminState>,
    desk: Desk,
    Path(hold): Path<String>,
    form: StaffForm,
) -> Result<Response, Interruption> {
    let hold = id(&hold)?;
    desk.check(&form)?;
    let withdrawn = holds::withdraw_release(&app.app, desk.actor(), hold).await.map(drop);
    done(&app, &address(hold), withdrawn, "The hold stays.")
}

pub(super) async fn release(
    State(app): State<AdminState>,
    desk: Desk,
    Path(hold): Path<String>,
    form: StaffForm,
) -> Result<Response, Interruption> {
    let hold = id(&hold)?;
    let here = address(hold);
    desk.check(&form)?;
    desk.must_be_fresh_to_send(&app, &here, "The hold was not released")?;
    let released = holds::release(&app.app, desk.actor(), hold).await.map(drop);
    done(&app, &here, released, "The hold is released. Links that are in force come back with the next cycle.")
}

/// Back to the hold, with what was done or why not.
fn done(
    app: &AdminState,
    here: &str,
    result: Result<(), ServiceError>,
    words: &'static str,
) -> Result<Response, Interruption> {
    let notice = match result {
        Ok(()) => Notice::ok(words),
        Err(ServiceError::Refused { detail, .. }) => Notice::warn(words::sentence(&detail)),
        Err(ServiceError::Stale) => Notice::warn("Somebody else was quicker. This is how it stands now."),
        Err(error) => return Err(error.into()),
    };
    Ok(notice.then(app, here))
}
