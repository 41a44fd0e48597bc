//! What is around every page: the title, the menu, who is signed in, the notice of the last act.
//!
//! [`Desk`] is what a handler asks for: the person who is signed in, the school's settings and clock, and how much waits.
//! It makes the [`Shell`] that the layout shows, and the response.

use askama::Template;
use axum::{
    extract::FromRequestParts,
    http::{StatusCode, request::Parts},
    response::{IntoResponse as _, Redirect, Response},
};
use kinlink_domain::{
    policy::Policy,
    staff::{Actor, Permission, StaffRole},
};
use kinlink_service::view::{self, Filter, RequestView};
use kinlink_web::{
    Problem,
    form::Fields,
    page::{Audience, page},
    when::Clock,
};

use super::{interruption::Interruption, notice::Notice, words};
use crate::{
    AdminState, access,
    session::{self, Cookies, Visitor},
};

/// A part of the menu.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Section {
    Requests,
    Users,
    Matching,
    Explain,
    Holds,
    Cycles,
    Plans,
    Reconciliation,
    Health,
    Settings,
    Keys,
    Audit,
    Privacy,
    /// In no part: help, errors.
    None,
}

/// A line of the menu.
pub(crate) struct Entry {
    pub(crate) href: &'static str,
    pub(crate) icon: &'static str,
    pub(crate) text: &'static str,
    pub(crate) current: bool,
    pub(crate) begins_setup: bool,
    pub(crate) count: i64,
}

/// What the layout shows around a page.
pub(crate) struct Shell {
    /// The first words of the page's title; also its `h1` unless the page says otherwise.
    pub(crate) title: String,
    /// Whether the page shows faults of what was sent.
    pub(crate) wrong: bool,
    /// Whether the page asks for parts of itself again.
    pub(crate) live: bool,
    pub(crate) school: String,
    pub(crate) person: String,
    pub(crate) role: &'static str,
    pub(crate) csrf: String,
    pub(crate) notice: Option<Notice>,
    pub(crate) demonstration: bool,
    section: Section,
    todo: i64,
    rank: StaffRole,
}

impl Shell {
    /// The menu, as far as it is for this person.
    pub(crate) fn menu(&self) -> Vec<Entry> {
        let entry = |section, href, icon, text| Entry {
            href,
            icon,
            text,
            current: section == self.section,
            begins_setup: section == Section::Health,
            count: if section == Section::Requests { self.todo } else { 0 },
        };
        let mut menu = vec![
            entry(Section::Requests, "/admin/requests", "inbox", "Requests"),
            entry(Section::Users, "/admin/users", "users", "Authorised users"),
            entry(Section::Matching, "/admin/matching", "link", "Pupil matching"),
            entry(Section::Explain, "/admin/explain", "circle-help", "Child not showing?"),
            entry(Section::Holds, "/admin/holds", "lock", "Holds"),
            entry(Section::Cycles, "/admin/cycles", "refresh-cw", "Provisioning cycles"),
            entry(Section::Plans, "/admin/plans", "list-checks", "Plans"),
            entry(Section::Reconciliation, "/admin/reconciliation", "search", "Comparison"),
            entry(Section::Health, "/admin/health", "activity", "Health"),
            entry(Section::Settings, "/admin/settings", "settings", "Settings"),
            entry(Section::Keys, "/admin/tokens", "key", "Tokens and forms"),
            entry(Section::Audit, "/admin/audit", "history", "Audit"),
            entry(Section::Privacy, "/admin/privacy", "shield", "Privacy"),
        ];
        menu.retain(|entry| access::may_open(entry.href, self.rank));
        menu
    }

    /// The same with faults of what was sent.
    pub(crate) fn wrong(mut self) -> Self {
        self.wrong = true;
        self
    }

    /// The same for a page that asks for parts of itself again.
    pub(crate) fn live(mut self) -> Self {
        self.live = true;
        self
    }
}

/// Where a member of staff sits: everything that a handler of a page needs besides the state.
pub(crate) struct Desk {
    pub(crate) visitor: Visitor,
    pub(crate) clock: Clock,
    /// How many requests are in each view of the whole list.
    pub(crate) counts: Vec<(RequestView, i64)>,
    notice: Option<Notice>,
    cookies: Cookies,
    school: String,
    demonstration: bool,
}

impl Desk {
    pub(crate) fn actor(&self) -> &Actor {
        self.visitor.actor()
    }

    /// The school's settings.
    pub(crate) const fn policy(&self) -> &Policy {
        self.visitor.policy()
    }

    /// Whether the person may do what needs the permission. Pages leave out what somebody may not do; whether they may is
    /// decided where it is done.
    pub(crate) fn may(&self, permission: Permission) -> bool {
        self.actor().may(permission)
    }

    /// Fails unless a posted form carries this session's anti-forgery token.
    pub(crate) fn check(&self, form: &Fields) -> Result<(), Problem> {
        self.visitor.check_csrf(form.get("csrf"))
    }

    /// Fails with the page that signs in again, unless that was done a short while ago: for acts that reach far. What leads
    /// to such an act asks for it too, so that nobody loses what they typed.
    pub(crate) fn must_be_fresh(&self, return_to: &str) -> Result<(), Interruption> {
        match self.sign_in_again(return_to) {
            None => Ok(()),
            Some(to) => Err(Interruption::Instead(Box::new(Redirect::to(&to).into_response()))),
        }
    }

    /// The same for a form that was posted: the page that they come back to says that it was not taken, and to send it again.
    /// `not_done` says so: "The hold was not placed".
    pub(crate) fn must_be_fresh_to_send(
        &self,
        state: &AdminState,
        return_to: &str,
        not_done: &str,
    ) -> Result<(), Interruption> {
        let Some(to) = self.sign_in_again(return_to) else { return Ok(()) };
        let notice = Notice::warn(format!("{not_done}, because you had to sign in again first. Send it again."));
        Err(Interruption::Instead(Box::new(notice.then(state, &to))))
    }

    /// Where somebody signs in again and comes back from, unless they did so a short while ago.
    pub(crate) fn sign_in_again(&self, return_to: &str) -> Option<String> {
        (!self.visitor.is_fresh()).then(|| session::again(return_to))
    }

    pub(crate) fn shell(&self, title: impl Into<String>, section: Section) -> Shell {
        Shell {
            title: title.into(),
            wrong: false,
            live: false,
            school: self.school.clone(),
            person: self.visitor.person().to_owned(),
            role: words::role(self.visitor.role()),
            csrf: self.visitor.csrf(),
            notice: self.notice.clone(),
            demonstration: self.demonstration,
            section,
            todo: self.counts.iter().find(|(view, _)| *view == RequestView::Todo).map_or(0, |(_, count)| *count),
            rank: self.visitor.role(),
        }
    }

    /// The page.
    pub(crate) fn page(&self, status: StatusCode, template: &impl Template) -> Response {
        let mut response = page(&Audience::staff(), status, template);
        if self.notice.is_some() {
            Notice::forget(self.cookies, &mut response);
        }
        response
    }

    /// The page, when all is well.
    pub(crate) fn show(&self, template: &impl Template) -> Response {
        self.page(StatusCode::OK, template)
    }
}

impl FromRequestParts<AdminState> for Desk {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &AdminState) -> Result<Self, Response> {
        let visitor = Visitor::from_request_parts(parts, state).await?;
        let counts = view::count_views(&state.app, visitor.actor(), &Filter::default()).await;
        let counts = counts.map_err(|error| Problem::from(error).into_response())?;
        Ok(Self {
            clock: Clock::new(visitor.policy().zone(), state.app.now()),
            notice: Notice::brought(state, &parts.headers),
            cookies: state.sign_in.cookies(),
            school: state.school.name.clone(),
            demonstration: state.demonstration,
            visitor,
            counts,
        })
    }
}
