//! The login rows: views with counts, search, and marking those whose access is to be revoked.

use askama::Template;
use axum::{extract::State, response::Response};
use kinlink_domain::staff::Permission;
use kinlink_service::view::{UserItem, UserPupil, UserQuery, UserView, count_user_views, list_users};
use kinlink_web::{
    Parameters,
    number::{counted, grouped},
    when::When,
};

use super::{HERE, in_moodle};
use crate::{
    AdminState,
    pages::{
        interruption::Interruption,
        numbered::{Numbered, link},
        shell::{Desk, Section, Shell},
        words::Tag,
    },
};

/// Rows on one page.
const PAGE: u32 = 50;
/// Longest search, in characters.
const MAX_SEARCH: usize = 200;

struct Tab {
    href: String,
    text: &'static str,
    count: String,
    current: bool,
}

struct Row {
    username: String,
    name: String,
    email: String,
    href: String,
    pupils: Vec<Pupil>,
    request: Option<(String, String)>,
    state: Tag,
    moodle: Option<String>,
    since: When,
}

struct Pupil {
    name: String,
    left: bool,
}

#[derive(Template)]
#[template(path = "users/list.html")]
struct ListPage {
    shell: Shell,
    tabs: Vec<Tab>,
    view: &'static str,
    search: String,
    rows: Vec<Row>,
    total: String,
    pager: Numbered,
    may_revoke: bool,
    moodle_known: bool,
    unchecked: String,
    meaning: &'static str,
}

pub(super) async fn show(
    State(state): State<AdminState>,
    desk: Desk,
    mut asked: Parameters,
) -> Result<Response, Interruption> {
    let view = asked.text("view").and_then(|code| UserView::from_code(&code)).unwrap_or(UserView::All);
    let search: String = asked.text("q").unwrap_or_default().chars().take(MAX_SEARCH).collect();
    let page = asked.one("page", "a number").unwrap_or(1);
    let query = UserQuery { view, search: search.clone(), page, per_page: PAGE };
    let found = list_users(&state.app, desk.actor(), &query).await?;
    let counts = count_user_views(&state.app, desk.actor(), &search).await?;
    let tab = |(tab, count): &(UserView, Option<i64>)| Tab {
        href: link(HERE, &[("q", &search)], &[("view", code(*tab))]),
        text: text(*tab),
        count: count.map_or_else(|| "?".to_owned(), grouped),
        current: *tab == view,
    };
    let site = state.school.moodle_url.as_deref();
    Ok(desk.show(&ListPage {
        tabs: counts.counts.iter().map(tab).collect(),
        shell: desk.shell("Authorised users", Section::Users),
        view: code(view),
        rows: found.items.into_iter().map(|item| row(item, site, &desk)).collect(),
        total: counted(found.total, "person", "people"),
        pager: Numbered::new(HERE, &[("view", code(view)), ("q", &search)], found.page, found.pages),
        search,
        may_revoke: desk.may(Permission::Decide),
        moodle_known: found.moodle_known,
        unchecked: if found.unchecked > 0 { grouped(found.unchecked) } else { String::new() },
        meaning: meaning(view),
    }))
}

/// What stands in the address; nothing for the first view.
fn code(view: UserView) -> &'static str {
    if view == UserView::All { "" } else { view.code() }
}

fn text(view: UserView) -> &'static str {
    match view {
        UserView::All => "All",
        UserView::NoPupils => "No pupils",
        UserView::NoMoodleUser => "Not in Moodle yet",
        UserView::OtherAuth => "Signs in another way",
        UserView::Suspended => "Suspended",
        UserView::PupilsLeft => "Pupils have left",
    }
}

fn meaning(view: UserView) -> &'static str {
    match view {
        UserView::All => "",
        UserView::NoPupils => {
            "These may sign in but see no pupil. Revoke their access unless a request of theirs is on its way."
        }
        UserView::NoMoodleUser => {
            "Moodle has not made these accounts. That takes a few minutes; if it lasts, look at Health."
        }
        UserView::OtherAuth => {
            "The user name belongs to a Moodle account that signs in another way, such as a member of staff."
        }
        UserView::Suspended => {
            "Suspended in Moodle although they are authorised here. Moodle’s next synchronisation should revive them."
        }
        UserView::PupilsLeft => {
            "Every pupil of theirs has left. Their access ends by itself; the page Leavers says when."
        }
    }
}

fn row(item: UserItem, site: Option<&str>, desk: &Desk) -> Row {
    let pupil = |pupil: UserPupil| Pupil {
        name: pupil.name.unwrap_or_else(|| format!("Moodle user {}", pupil.pupil)),
        left: pupil.left,
    };
    Row {
        name: format!("{} {}", item.given_name, item.family_name),
        href: format!("{HERE}/{}", item.adult),
        pupils: item.pupils.into_iter().map(pupil).collect(),
        request: item.reference.map(|reference| (format!("/admin/requests/{}", item.request), reference.to_string())),
        state: super::state(item.state),
        moodle: item.moodle_user.and_then(|user| in_moodle(site, user.0)),
        since: desk.clock.date(item.created_at),
        username: item.username,
        email: item.email,
    }
}
