//! One adult: account, pupils, requests, history.

use askama::Template;
use axum::{extract::State, response::Response};
use kinlink_domain::{leaving::PUPIL_LEFT, staff::Permission};
use kinlink_service::{
    ServiceError,
    view::{LinkHint, RequestSummary, UserDetail, show_user},
};
use kinlink_web::{Path, when::When};

use super::{HERE, email::Change, in_moodle, revoke::REASONS};
use crate::{
    AdminState,
    page::is_plain,
    pages::{
        explain,
        holds::{self, HoldLink},
        interruption::Interruption,
        leavers,
        names::Names,
        shell::{Desk, Section, Shell},
        words::{self, Tag},
    },
};

struct Pupil {
    name: String,
    left: bool,
    /// Why they left, since when that is known, and when the link ends: for a link in force.
    leaving: Option<(&'static str, When, When)>,
    /// The number of a link that can be given back.
    restorable: Option<String>,
    tag: Tag,
    since: When,
    ended: Option<When>,
    moodle: Option<String>,
    /// Why they do not see this one.
    explain: String,
}

struct Asked {
    href: String,
    reference: String,
    kind: &'static str,
    status: Tag,
    sent: When,
}

struct Event {
    who: String,
    what: String,
    /// What was said with it.
    reason: String,
    at: When,
}

#[derive(Template)]
#[template(path = "users/show.html")]
#[expect(clippy::struct_excessive_bools, reason = "each is a part of the page that is there or not")]
struct ShowPage {
    shell: Shell,
    name: String,
    state: Tag,
    email: String,
    /// A change of it that is not done.
    change: Option<Change>,
    /// The address that Moodle still has, where it differs.
    moodle_email: Option<String>,
    /// Where the address is changed.
    change_email: Option<String>,
    /// Where a copy of their data is made, and where it is erased.
    privacy: Option<String>,
    username: Option<String>,
    account: Option<String>,
    account_link: Option<String>,
    since: When,
    pupils: Vec<Pupil>,
    requests: Vec<Asked>,
    history: Vec<Event>,
    revocable: Option<String>,
    /// Where what ended because pupils left is given back.
    restore: String,
    /// Whether several links can be given back.
    restore_all: bool,
    /// Whether it is the reader themself, who could revoke anybody else.
    own: bool,
    moodle_known: bool,
    /// Whether safeguarding has to be asked about them.
    referred: bool,
    /// The holds behind that; only for safeguarding.
    holds: Vec<HoldLink>,
    /// Where a hold on them is placed; only for safeguarding.
    place_hold: Option<String>,
}

pub(super) async fn show(
    State(state): State<AdminState>,
    desk: Desk,
    Path(name): Path<String>,
) -> Result<Response, Interruption> {
    if !is_plain(&name) {
        return Err(ServiceError::NotFound("adult").into());
    }
    let user = show_user(&state.app, desk.actor(), &name).await?;
    let names = Names::of(&state.app, user.history.iter().map(|entry| entry.actor.as_str())).await?;
    let site = state.school.moodle_url.as_deref();
    let full = full_name(&user);
    let pupils: Vec<Pupil> = user.links.iter().map(|link| pupil(link, &user, site, &desk)).collect();
    let history = user.history.iter().rev().map(|entry| Event {
        who: names.name(&entry.actor),
        what: happened(&entry.action),
        reason: entry.detail.get("reason").and_then(|code| code.as_str()).map(reason).unwrap_or_default(),
        at: desk.clock.full(entry.at),
    });
    Ok(desk.show(&ShowPage {
        shell: desk.shell(full.clone(), Section::Users),
        state: match user.state {
            Some(state) => super::state(state),
            None if user.picked_account => Tag::new("blue", "user-check", "Uses an account of their own"),
            None => Tag::new("grey", "ban", "No access"),
        },
        account: user.account.as_ref().map(|account| account.username.clone()),
        account_link: user.account.as_ref().and_then(|account| in_moodle(site, account.id.0)),
        since: desk.clock.date(user.created_at),
        restore: format!("{HERE}/{}/restore", user.adult),
        restore_all: pupils.iter().filter(|pupil| pupil.restorable.is_some()).count() > 1,
        pupils,
        requests: user.requests.iter().map(|request| asked(request, &desk)).collect(),
        history: history.collect(),
        revocable: user.username.clone().filter(|_| user.has_login_row && desk.may(Permission::Decide) && !user.own),
        own: user.own && desk.may(Permission::Decide),
        moodle_known: user.pupils.is_some(),
        referred: user.refer_to_safeguarding,
        holds: holds::links(user.holds.as_deref()),
        place_hold: desk.may(Permission::Hold).then(|| holds::place_address(&[("adult", &user.adult.to_string())])),
        change: Change::of(&user, &desk),
        moodle_email: moodle_email(&user),
        privacy: desk.may(Permission::Administer).then(|| format!("/admin/privacy/adults/{}", user.adult)),
        change_email: (desk.may(Permission::Decide) && !user.own).then(|| format!("{HERE}/{}/email", user.adult)),
        name: full,
        email: user.email,
        username: user.username,
    }))
}

/// The address of the person's account in Moodle where it is not ours. That of an account that signs in another way may be
/// any, and is shown all the same: Moodle writes to it.
fn moodle_email(user: &UserDetail) -> Option<String> {
    let account = user.account.as_ref()?;
    let differs = !account.email.is_empty() && account.email.to_lowercase() != user.email.to_lowercase();
    differs.then(|| account.email.clone())
}

pub(super) fn full_name(user: &UserDetail) -> String {
    let parts = [user.title.as_deref().unwrap_or_default(), &user.given_name, &user.family_name];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

fn pupil(link: &LinkHint, user: &UserDetail, site: Option<&str>, desk: &Desk) -> Pupil {
    let known = user.pupils.as_ref().and_then(|pupils| pupils.iter().find(|pupil| pupil.id == link.pupil));
    let leaving = user.leaving.iter().find(|leaving| link.active && leaving.pupil == link.pupil);
    // Whether they are a pupil again is asked when somebody presses the button; who is plainly gone has none.
    let is_back = link.restorable && known.is_some_and(|pupil| !pupil.left);
    Pupil {
        leaving: leaving.map(|leaving| {
            (leavers::reason(leaving.reason), desk.clock.date(leaving.since), leavers::day(leaving.ends_on))
        }),
        restorable: (is_back && desk.may(Permission::Decide) && !user.own).then(|| link.id.to_string()),
        name: known.map_or_else(|| format!("Moodle user {}", link.pupil), |pupil| pupil.name.clone()),
        left: leaving.is_some() || known.is_some_and(|pupil| pupil.left),
        tag: if link.active { Tag::new("green", "link", "Linked") } else { Tag::new("grey", "undo-2", "Ended") },
        since: desk.clock.date(link.started_at),
        ended: link.ended_at.map(|at| desk.clock.date(at)),
        moodle: in_moodle(site, link.pupil.0),
        explain: explain::address(&user.adult.to_string(), link.pupil),
    }
}

fn asked(request: &RequestSummary, desk: &Desk) -> Asked {
    Asked {
        href: format!("/admin/requests/{}", request.id),
        reference: request.reference.to_string(),
        kind: words::kind(request.kind),
        status: words::standing(request),
        sent: desk.clock.date(request.created_at),
    }
}

/// Why access ended; a code that our pages do not know as it is.
fn reason(code: &str) -> String {
    if code == PUPIL_LEFT {
        return "the pupils have left".to_owned();
    }
    let known = REASONS.iter().find(|(known, _)| *known == code);
    known.map_or_else(|| code.replace('_', " "), |(_, text)| text.to_lowercase())
}

/// What the audit says about an adult, as the middle of a sentence.
fn happened(action: &str) -> String {
    match action {
        "adult.approve" => "gave access",
        "adult.revoke" => "said why the access ended",
        "login_row.revoke" => "took the access away",
        "adult.email_change" => "began to change the email address",
        "adult.email_changed" => "confirmed the new email address",
        "adult.email_change_withdrawn" => "took the change of the email address back",
        "adult.email_change_taken" => "ended the change of the email address: somebody else got it first",
        "adult.restore" => "gave the access back",
        "jobs.revive" => "had it tried again",
        other => return other.replace(['_', '.'], " "),
    }
    .to_owned()
}
