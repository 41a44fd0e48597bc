//! `GET /requests` and `GET /requests/counts`.

use std::collections::BTreeMap;

use axum::{extract::State, response::IntoResponse};
use kinlink_domain::{
    ids::RequestId,
    request::{Kind, Status},
};
use kinlink_service::view::{Cursor, Filter, RequestSummary, Sort, count_requests, list_requests};
use kinlink_web::{
    Json, Parameters, Problem,
    document::{Known, Paged, Queried},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{AdminState, page, staff::Staff};

/// How a list of requests is sorted, in descriptions.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it only describes; `sort` reads")]
enum RequestSort {
    #[schema(rename = "newest")]
    Newest,
    #[schema(rename = "oldest")]
    Oldest,
    #[schema(rename = "name")]
    Name,
    #[schema(rename = "-name")]
    NameDescending,
}

type RequestPage = page::Page<RequestSummary>;

/// Requests
#[utoipa::path(
    get,
    path = "/requests",
    operation_id = "list_requests",
    tag = "requests",
    security(("staff_token" = [])),
    params(
        (
            "status" = Option<Vec<Status>>, Query,
            description = "Only those that stand here; may be repeated, or be a list separated by commas."
        ),
        ("kind" = Option<Kind>, Query, description = "Only those of this kind."),
        page::Search,
        ("sort" = inline(Option<RequestSort>), Query, description = "`newest` unless it is said."),
        page::Paging
    ),
    responses(
        (
            status = 200,
            description = "A page of requests.",
            body = RequestPage,
            links(("show" = (operation_id = "show_request", parameters(("request" = "$response.body#/items/0/id")))))
        ),
        Known, Queried, Paged
    )
)]
pub(super) async fn list(
    State(state): State<AdminState>,
    Staff(actor): Staff,
    mut query: Parameters,
) -> Result<impl IntoResponse, Problem> {
    let filter = Filter { statuses: statuses(&mut query), ..filter(&mut query) };
    let sort = sort(&mut query);
    let (cursor, limit) = (page::cursor(&mut query), page::limit(&mut query));
    query.finish()?;
    let by_time = matches!(sort, Sort::Newest | Sort::Oldest);
    let cursor = page::decode(cursor, |cursor: &Cursor| {
        let value = if by_time { cursor.value.parse::<i64>().is_ok() } else { page::is_plain(&cursor.value) };
        value && cursor.id.parse::<RequestId>().is_ok()
    })?;
    let found = list_requests(&state.app, &actor, &filter, sort, cursor.as_ref(), limit).await?;
    Ok(Json(page::Page::new(found.items, found.next.as_ref())))
}

/// How many requests each status has.
#[derive(Serialize, ToSchema)]
struct RequestCounts {
    /// The number of each status, those without any included.
    counts: BTreeMap<&'static str, i64>,
}

/// How many requests each status has
#[utoipa::path(
    get,
    path = "/requests/counts",
    operation_id = "count_requests",
    tag = "requests",
    security(("staff_token" = [])),
    params(("kind" = Option<Kind>, Query, description = "Only those of this kind."), page::Search),
    responses((status = 200, description = "The numbers.", body = RequestCounts), Known, Queried)
)]
pub(super) async fn counts(
    State(state): State<AdminState>,
    Staff(actor): Staff,
    mut query: Parameters,
) -> Result<impl IntoResponse, Problem> {
    let filter = filter(&mut query);
    query.finish()?;
    let counts = count_requests(&state.app, &actor, &filter).await?;
    let counts = counts.into_iter().map(|(status, count)| (status.code(), count)).collect();
    Ok(Json(RequestCounts { counts }))
}

fn filter(query: &mut Parameters) -> Filter {
    let kind = query.text("kind").and_then(|code| {
        let kind = Kind::from_code(&code);
        if kind.is_none() {
            query.refuse("kind", format!("expected one of {}", Kind::CODES.join(", ")));
        }
        kind
    });
    Filter { kind, search: query.text("q").unwrap_or_default(), ..Filter::default() }
}

fn statuses(query: &mut Parameters) -> Vec<Status> {
    let codes = query.list::<String>("status", "expected text");
    let statuses: Vec<Status> = codes.iter().filter_map(|code| Status::from_code(code)).collect();
    if statuses.len() < codes.len() {
        query.refuse("status", format!("expected some of {}", Status::CODES.join(", ")));
    }
    statuses
}

fn sort(query: &mut Parameters) -> Sort {
    match query.text("sort").as_deref() {
        None | Some("newest") => Sort::Newest,
        Some("oldest") => Sort::Oldest,
        Some("name") => Sort::Name,
        Some("-name") => Sort::NameDescending,
        Some(_) => {
            query.refuse("sort", "expected newest, oldest, name or -name");
            Sort::Newest
        }
    }
}
