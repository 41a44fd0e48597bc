//! `/audit`: who did what to what; the same as files (written in `audit_file`); and whether it is what was written. Only for
//! administrators.

use axum::{
    extract::{RawQuery, State},
    response::{IntoResponse, Response},
};
use kinlink_domain::{Timestamp, audit_chain::End};
use kinlink_service::{
    audit_chain::{self, Verification},
    view::{AuditEntry, AuditQuery, list_audit},
};
use kinlink_web::{
    Json, Parameters, Problem,
    document::{Known, Paged, Queried, Restricted},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    AdminState,
    audit_file::{Format, file},
    page,
    staff::Staff,
};

pub(crate) fn routes() -> OpenApiRouter<AdminState> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(export_jsonl))
        .routes(routes!(export_csv))
        .routes(routes!(verify))
}

/// The filters of the list and of the files, in descriptions.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it only describes; `filters` reads")]
struct Filters {
    /// Only by this actor.
    actor: Option<String>,
    /// Only actions that begin so: `request.` or `request.approve`.
    action: Option<String>,
    /// Only about this subject, such as `request:` and its id.
    subject: Option<String>,
    /// Not before this instant.
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
    /// Before this instant.
    #[param(value_type = Option<String>, format = DateTime)]
    to: Option<Timestamp>,
}

/// Where a file begins, in descriptions.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it only describes; `after` reads")]
struct Behind {
    /// Only entries behind the one with this number: the last one of the file before.
    #[param(minimum = 0)]
    after: Option<i64>,
}

fn after(query: &mut Parameters) -> Option<i64> {
    let after = query.one("after", NUMBER);
    if after.is_some_and(|after: i64| after < 0) {
        query.refuse("after", NUMBER);
    }
    after
}

const NUMBER: &str = "expected the number of an entry";

fn filters(query: &mut Parameters) -> AuditQuery {
    let instant = "an instant such as 2026-09-03T08:00:00Z";
    AuditQuery {
        actor: query.text("actor"),
        action: query.text("action"),
        subject: query.text("subject"),
        from: query.one("from", instant),
        to: query.one("to", instant),
        cursor: None,
    }
}

type AuditPage = page::Page<AuditEntry>;

/// Entries of the audit, newest first
#[utoipa::path(
    get,
    path = "/audit",
    operation_id = "list_audit",
    tag = "audit",
    security(("staff_token" = [])),
    params(Filters, page::Paging),
    responses((status = 200, description = "A page of entries.", body = AuditPage), Known, Restricted, Queried, Paged)
)]
async fn list(
    State(state): State<AdminState>,
    Staff(actor): Staff,
    mut query: Parameters,
) -> Result<impl IntoResponse, Problem> {
    let filters = filters(&mut query);
    let (cursor, limit) = (page::cursor(&mut query), page::limit(&mut query));
    query.finish()?;
    let cursor = page::decode(cursor, |seq: &i64| *seq > 0)?;
    let found = list_audit(&state.app, &actor, &AuditQuery { cursor, ..filters }, limit).await?;
    Ok(Json(page::Page::new(found.items, found.next.as_ref())))
}

/// Entries of the audit as JSON Lines, oldest first
///
/// A file ends after 10,000 entries, or earlier where they are large. Ask again with the number of its last entry as `after`,
/// or follow `Link`, until there is no such header.
#[utoipa::path(
    get,
    path = "/audit/export.jsonl",
    operation_id = "export_audit_as_json_lines",
    tag = "audit",
    security(("staff_token" = [])),
    params(Filters, Behind),
    responses(
        (
            status = 200,
            description = "One entry a line.",
            body = String,
            content_type = "application/jsonl",
            headers(("link" = String, description = "Where entries are left: the next file, as `rel=\"next\"`."))
        ),
        Known, Restricted, Queried
    )
)]
async fn export_jsonl(
    State(state): State<AdminState>,
    Staff(actor): Staff,
    RawQuery(address): RawQuery,
    mut query: Parameters,
) -> Result<Response, Problem> {
    let (filters, after) = (filters(&mut query), after(&mut query));
    query.finish()?;
    Ok(file(&state.app, &actor, filters, Format::JsonLines, after, address.as_deref()).await?)
}

/// Entries of the audit as CSV, oldest first
///
/// A file ends after 10,000 entries, or earlier where they are large. Ask again with the number of its last entry as `after`,
/// or follow `Link`, until there is no such header.
#[utoipa::path(
    get,
    path = "/audit/export.csv",
    operation_id = "export_audit_as_csv",
    tag = "audit",
    security(("staff_token" = [])),
    params(Filters, Behind),
    responses(
        (
            status = 200,
            description = "In UTF-8; no cell is a formula.",
            body = String,
            content_type = "text/csv",
            headers(("link" = String, description = "Where entries are left: the next file, as `rel=\"next\"`."))
        ),
        Known, Restricted, Queried
    )
)]
async fn export_csv(
    State(state): State<AdminState>,
    Staff(actor): Staff,
    RawQuery(address): RawQuery,
    mut query: Parameters,
) -> Result<Response, Problem> {
    let (filters, after) = (filters(&mut query), after(&mut query));
    query.finish()?;
    Ok(file(&state.app, &actor, filters, Format::Csv, after, address.as_deref()).await?)
}

/// Whether the audit is what was written
#[utoipa::path(
    get,
    path = "/audit/verification",
    operation_id = "verify_audit",
    tag = "audit",
    security(("staff_token" = [])),
    params(
        ("seq" = Option<i64>, Query, description = "The number of an end that was noted earlier.", minimum = 1),
        ("hash" = Option<String>, Query, description = "Its hash.", pattern = "^[0-9a-fA-F]{64}$")
    ),
    responses((status = 200, description = "What was found.", body = Verification), Known, Restricted, Queried)
)]
async fn verify(
    State(state): State<AdminState>,
    Staff(actor): Staff,
    mut query: Parameters,
) -> Result<impl IntoResponse, Problem> {
    let noted = match (query.text("seq"), query.text("hash")) {
        (None, None) => None,
        (seq, hash) => {
            let noted = End::noted(&seq.unwrap_or_default(), &hash.unwrap_or_default());
            if noted.is_none() {
                let expected =
                    "expected `seq`, the number of an entry, with `hash`, its 64 hexadecimal digits; or neither";
                query.refuse("seq", expected);
            }
            noted
        }
    };
    query.finish()?;
    Ok(Json(audit_chain::verify(&state.app, &actor, noted.as_ref()).await?))
}
