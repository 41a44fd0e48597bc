//! One adult: account, pupils, requests, history.

use askama::Template;
use axum::{extract::State, response::Response};
use kinlink_domain::staff::Permission;
use kinlink_service::{
    ServiceError,
    view::{LinkHint, RequestSummary, UserDetail, show_user},
};
use kinlink_web::{Path, when::When};

use super::{in_moodle, revoke::REASONS};
use crate::{
    AdminState,
    page::is_plain,
    pages::{
        interruption::Interruption,
        names::Names,
        shell::{Desk, Section, Shell},
        words::{self, Tag},
    },
};

struct Pupil {
    name: String,
    left: bool,
    tag: Tag,
    since: When,
    ended: Option<When>,
    moodle: Option<String>,
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
struct ShowPage {
    shell: Shell,
    name: String,
    state: Tag,
    email: String,
    username: Option<String>,
    account: Option<String>,
    account_link: Option<String>,
    since: When,
    pupils: Vec<Pupil>,
    requests: Vec<Asked>,
    history: Vec<Event>,
    revocable: Option<String>,
    moodle_known: bool,
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
        pupils: user.links.iter().map(|link| pupil(link, &user, site, &desk)).collect(),
        requests: user.requests.iter().map(|request| asked(request, &desk)).collect(),
        history: history.collect(),
        revocable: user.username.clone().filter(|_| user.has_login_row && desk.may(Permission::Decide)),
        moodle_known: user.pupils.is_some(),
        name: full,
        email: user.email,
        username: user.username,
    }))
}

fn full_name(user: &UserDetail) -> String {
    let parts = [user.title.as_deref().unwrap_or_default(), &user.given_name, &user.family_name];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

fn pupil(link: &LinkHint, user: &UserDetail, site: Option<&str>, desk: &Desk) -> Pupil {
    let known = user.pupils.as_ref().and_then(|pupils| pupils.iter().find(|pupil| pupil.id == link.pupil));
    Pupil {
        name: known.map_or_else(|| format!("Moodle user {}", link.pupil), |pupil| pupil.name.clone()),
        left: known.is_some_and(|pupil| pupil.left),
        tag: if link.active { Tag::new("green", "link", "Linked") } else { Tag::new("grey", "undo-2", "Ended") },
        since: desk.clock.date(link.started_at),
        ended: link.ended_at.map(|at| desk.clock.date(at)),
        moodle: in_moodle(site, link.pupil.0),
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
    let known = REASONS.iter().find(|(known, _)| *known == code);
    known.map_or_else(|| code.replace('_', " "), |(_, text)| text.to_lowercase())
}

/// What the audit says about an adult, as the middle of a sentence.
fn happened(action: &str) -> String {
    match action {
        "adult.approve" => "gave access",
        "adult.revoke" => "said why the access ended",
        "login_row.revoke" => "took the access away",
        "jobs.revive" => "had it tried again",
        other => return other.replace(['_', '.'], " "),
    }
    .to_owned()
}
