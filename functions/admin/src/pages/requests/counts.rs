//! `GET /admin/requests/counts`: the views with their counts, alone. The list asks for it again and again; while nothing
//! changes the pauses grow, so that a page that nobody looks at costs little.

use askama::Template;
use axum::{extract::State, http::StatusCode, response::Response};
use kinlink_domain::request_view::RequestView;
use kinlink_service::{
    App, ServiceError,
    view::{Filter, count_views},
};
use kinlink_web::{Audience, Parameters, number::grouped, page};

use super::address::ListAddress;
use crate::{
    AdminState,
    pages::{
        live::{Again, Earlier, Pauses, reload, untouched},
        shell::Desk,
        words,
    },
    session::Visitor,
};

const PAUSES: Pauses = Pauses { soon: 15, late: 240 };

#[derive(Template)]
#[template(path = "requests/tabs.html")]
struct TabsFragment {
    tabs: Tabs,
}

/// The views with their counts.
pub(super) struct Tabs {
    pub(super) tabs: Vec<Tab>,
    /// When to ask again, if at all.
    pub(super) poll: Option<Again>,
}

/// A view.
pub(super) struct Tab {
    pub(super) code: &'static str,
    pub(super) text: &'static str,
    pub(super) href: String,
    pub(super) count: String,
    pub(super) current: bool,
}

/// The views of a list, counted under its search and kind. Those of the whole list were counted for the menu already.
pub(super) async fn tabs(app: &App, desk: &Desk, list: &ListAddress) -> Result<Tabs, ServiceError> {
    let filter = filter(list);
    if filter == Filter::default() {
        return Ok(tabs_of(app, &desk.counts, list, None));
    }
    Ok(tabs_of(app, &count_views(app, desk.actor(), &filter).await?, list, None))
}

fn filter(list: &ListAddress) -> Filter {
    Filter { kind: list.0.kind, search: list.0.search.clone(), ..Filter::default() }
}

fn tabs_of(app: &App, counts: &[(RequestView, i64)], list: &ListAddress, earlier: Option<&Earlier>) -> Tabs {
    let tabs = counts
        .iter()
        // Requests whose address was never proven are nobody's work: their view is there only while there are some.
        .filter(|(view, count)| *view != RequestView::Unconfirmed || *count > 0 || *view == list.0.view)
        .map(|(view, count)| Tab {
            code: view.code(),
            text: words::view(*view),
            href: list.viewing(*view).list(),
            count: grouped(*count),
            current: *view == list.0.view,
        })
        .collect();
    let numbers = counts.iter().map(|(_, count)| count.to_string()).collect::<Vec<_>>().join(".");
    let poll = PAUSES.again(&list.beside("counts"), &numbers, earlier, app.now());
    Tabs { tabs, poll }
}

pub(super) async fn show(
    State(state): State<AdminState>,
    mut query: Parameters,
    visitor: Result<Visitor, Response>,
) -> Response {
    // Somebody who is signed out must not find the sign-in page in the place of the views.
    let Ok(visitor) = visitor else { return reload() };
    let list = ListAddress::read(&mut query);
    let earlier = Earlier::read(&mut query);
    match count_views(&state.app, visitor.actor(), &filter(&list)).await {
        Ok(counts) => {
            let tabs = tabs_of(&state.app, &counts, &list, Some(&earlier));
            page(&Audience::staff(), StatusCode::OK, &TabsFragment { tabs })
        }
        // The counts that are there stay; the next time may go well.
        Err(error) => untouched(&error.into()),
    }
}
