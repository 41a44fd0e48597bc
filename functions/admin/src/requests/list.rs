//! `GET /requests` and `GET /requests/counts`.

use std::collections::BTreeMap;

use axum::{extract::State, response::IntoResponse};
use kinlink_domain::{
    ids::RequestId,
    request::{Kind, Status},
};
use kinlink_service::view::{Cursor, Filter, Sort, count_requests, list_requests};
use kinlink_web::{Json, Parameters, Problem};
use serde_json::json;

use crate::{AdminState, page, staff::Staff};

/// A page of requests: `status` (repeatable, or a list), `kind`, `q`, `sort`, `cursor`, `limit`.
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

/// How many requests each status has: `kind`, `q`.
pub(super) async fn counts(
    State(state): State<AdminState>,
    Staff(actor): Staff,
    mut query: Parameters,
) -> Result<impl IntoResponse, Problem> {
    let filter = filter(&mut query);
    query.finish()?;
    let counts = count_requests(&state.app, &actor, &filter).await?;
    let counts: BTreeMap<&str, i64> = counts.into_iter().map(|(status, count)| (status.code(), count)).collect();
    Ok(Json(json!({ "counts": counts })))
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
