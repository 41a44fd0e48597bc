//! `GET /admin/requests/export.csv`: the list as a file, all pages of it, written while it is read.

use std::{collections::VecDeque, io::Error};

use axum::{body::Body, extract::State, response::Response};
use futures_util::{FutureExt as _, future::BoxFuture, stream::try_unfold};
use kinlink_domain::{Timestamp, staff::Actor};
use kinlink_service::{
    App, ServiceError,
    view::{Cursor, ExportRow, ListQuery, Page, export_requests},
};
use kinlink_web::{Parameters, when::Clock};

use super::{list::child_name, list_of};
use crate::{
    AdminState,
    pages::{
        interruption::Interruption,
        sheet::{self, BYTE_ORDER_MARK},
        shell::Desk,
        words,
    },
};

const COLUMNS: [&str; 14] = [
    "Reference",
    "Status",
    "Asking for",
    "Sent",
    "Title",
    "First name",
    "Last name",
    "Email",
    "Email confirmed",
    "Children",
    "Note",
    "Staff note",
    "Decided",
    "Checks",
];

/// How far the file is written.
struct Writing {
    app: App,
    actor: Actor,
    clock: Clock,
    query: ListQuery,
    /// Pages that are read and not written yet: the first, at the beginning.
    read: VecDeque<Page<ExportRow>>,
    after: Option<Cursor>,
    ended: bool,
    begun: bool,
}

pub(super) async fn download(
    State(state): State<AdminState>,
    desk: Desk,
    query: Parameters,
) -> Result<Response, Interruption> {
    let query = list_of(query).0;
    // Whatever can go wrong is most likely to do so here, where it still can be said.
    let first = export_requests(&state.app, desk.actor(), &query, None).await?;
    let name = format!("requests-{}.csv", desk.clock.today());
    let writing = Writing {
        app: state.app.clone(),
        actor: desk.actor().clone(),
        clock: desk.clock.clone(),
        query,
        read: VecDeque::from([first]),
        after: None,
        ended: false,
        begun: false,
    };
    Ok(sheet::file(&name, Body::from_stream(try_unfold(writing, step))))
}

/// The next piece of the file.
async fn step(mut writing: Writing) -> Result<Option<(Vec<u8>, Writing)>, Error> {
    if writing.ended {
        return Ok(None);
    }
    let page = match writing.read.pop_front() {
        Some(page) => page,
        None => next(&writing).await.map_err(|error| Error::other(error.to_string()))?,
    };
    let columns = (!writing.begun).then(|| COLUMNS.map(str::to_owned).to_vec());
    let rows = page.items.iter().map(|row| cells(&writing.clock, row).to_vec());
    let mut bytes = if writing.begun { Vec::new() } else { BYTE_ORDER_MARK.to_vec() };
    bytes.extend(sheet::rows(columns.into_iter().chain(rows))?);
    writing.begun = true;
    writing.ended = page.next.is_none();
    writing.after = page.next;
    Ok(Some((bytes, writing)))
}

/// The next page. Boxed with what it needs, because the compiler cannot see otherwise that it may move between threads.
fn next(writing: &Writing) -> BoxFuture<'static, Result<Page<ExportRow>, ServiceError>> {
    let (app, actor) = (writing.app.clone(), writing.actor.clone());
    let (query, after) = (writing.query.clone(), writing.after.clone());
    async move { export_requests(&app, &actor, &query, after.as_ref()).await }.boxed()
}

fn cells(clock: &Clock, row: &ExportRow) -> [String; 14] {
    let summary = &row.summary;
    let time = |at: Timestamp| at.to_zoned(clock.zone.clone()).strftime("%Y-%m-%d %H:%M").to_string();
    let children = summary.children.iter().map(|child| {
        let group = child.tutor_group.as_deref().unwrap_or_default();
        format!("{} {group} ({})", child_name(child), words::claim(child.state)).replace("  ", " ")
    });
    let checks = row.checks.iter().map(|check| words::check(check).text);
    [
        summary.reference.to_string(),
        words::standing(summary).text,
        words::kind(summary.kind).to_owned(),
        time(summary.created_at),
        summary.title.clone().unwrap_or_default(),
        summary.given_name.clone(),
        summary.family_name.clone(),
        summary.email.clone(),
        row.confirmed_at.map(time).unwrap_or_default(),
        children.collect::<Vec<_>>().join("; "),
        row.comment.clone(),
        row.staff_note.clone(),
        row.decided_at.map(time).unwrap_or_default(),
        checks.collect::<Vec<_>>().join("; "),
    ]
}
