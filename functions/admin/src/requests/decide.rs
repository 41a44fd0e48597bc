//! `POST /requests/{request}/approve`, `deny`, `duplicate`, `bogus`, `ask`, `reopen` and `claims/{claim}/withdraw`.
//!
//! Each needs `If-Match` with the version that staff saw: nobody decides on what they did not see.

use axum::{extract::State, response::Response};
use kinlink_domain::{ids::ClaimId, request::Action, staff::Actor};
use kinlink_service::{
    ServiceError,
    approve::{self, Approval},
    decide::{self, Reason},
    view::RequestSummary,
};
use kinlink_web::{
    IfMatch, Json, MaybeJson, Path, Problem,
    document::{Addressed, Bodied, Known, Matched, Restricted},
};

use super::{decided, resolve};
use crate::{AdminState, staff::Staff};

/// Approve a request, or some of its children
///
/// Gives the adult a login row, links them to the pupils, and tells the provisioner.
#[utoipa::path(
    post,
    path = "/requests/{request}/approve",
    operation_id = "approve_request",
    tag = "requests",
    security(("staff_token" = [])),
    params(("request" = String, Path, description = "Its id or reference."), IfMatch),
    request_body(
        content = Approval,
        example = json!({"checks": {"details_match": true, "no_similar_pupil": true, "no_critical_note": true}})
    ),
    responses(
        (
            status = 200,
            description = "The request as it now stands.",
            body = RequestSummary,
            headers(("ETag" = String, description = "Its version, for `If-Match`.")),
            links(("withdraw" = (
                operation_id = "withdraw_child",
                parameters(
                    ("request" = "$response.body#/id"),
                    ("claim" = "$response.body#/children/0/claim"),
                    ("If-Match" = "$response.header.ETag")
                )
            )))
        ),
        (
            status = 409,
            description = "`wrong_status`, `own_request`, `needs_correction`, `nothing_decided`, `nothing_approved`, `shared_mailbox`, `account_exists`, `account_is_pupil`, `other_account`, `own_pupil`, `no_username`, `adult_not_clear`, `same_address`, `new_address_missing`, `refer_to_safeguarding`, `try_again`.",
            body = Problem,
            content_type = "application/problem+json"
        ),
        Known, Restricted, Addressed, Matched, Bodied
    )
)]
pub(super) async fn approve(
    State(state): State<AdminState>,
    Staff(actor): Staff,
    Path(name): Path<String>,
    IfMatch(version): IfMatch,
    Json(approval): Json<Approval>,
) -> Result<Response, Problem> {
    let id = resolve(&state.app, &name).await?;
    let request = approve::approve(&state.app, &actor, id, version, &approval).await?;
    decided(&state.app, &actor, &request).await
}

/// Deny a request
///
/// What an approval brought about is taken away.
#[utoipa::path(
    post,
    path = "/requests/{request}/deny",
    operation_id = "deny_request",
    tag = "requests",
    security(("staff_token" = [])),
    params(("request" = String, Path, description = "Its id or reference."), IfMatch),
    request_body = Option<Reason>,
    responses(
        (
            status = 200,
            description = "The request as it now stands.",
            body = RequestSummary,
            headers(("ETag" = String, description = "Its version, for `If-Match`."))
        ),
        (
            status = 409,
            description = "`wrong_status`, `own_request`, `try_again`.",
            body = Problem,
            content_type = "application/problem+json"
        ),
        Known, Restricted, Addressed, Matched, Bodied
    )
)]
pub(super) async fn deny(
    State(state): State<AdminState>,
    Staff(actor): Staff,
    Path(name): Path<String>,
    IfMatch(version): IfMatch,
    MaybeJson(reason): MaybeJson<Reason>,
) -> Result<Response, Problem> {
    end(&state, &actor, &name, version, Action::Deny, &reason).await
}

/// Mark a request as a duplicate
///
/// What an approval brought about is taken away.
#[utoipa::path(
    post,
    path = "/requests/{request}/duplicate",
    operation_id = "duplicate_request",
    tag = "requests",
    security(("staff_token" = [])),
    params(("request" = String, Path, description = "Its id or reference."), IfMatch),
    request_body = Option<Reason>,
    responses(
        (
            status = 200,
            description = "The request as it now stands.",
            body = RequestSummary,
            headers(("ETag" = String, description = "Its version, for `If-Match`."))
        ),
        (
            status = 409,
            description = "`wrong_status`, `own_request`, `try_again`.",
            body = Problem,
            content_type = "application/problem+json"
        ),
        Known, Restricted, Addressed, Matched, Bodied
    )
)]
pub(super) async fn duplicate(
    State(state): State<AdminState>,
    Staff(actor): Staff,
    Path(name): Path<String>,
    IfMatch(version): IfMatch,
    MaybeJson(reason): MaybeJson<Reason>,
) -> Result<Response, Problem> {
    end(&state, &actor, &name, version, Action::MarkDuplicate, &reason).await
}

/// Mark a request as bogus
///
/// What an approval brought about is taken away.
#[utoipa::path(
    post,
    path = "/requests/{request}/bogus",
    operation_id = "bogus_request",
    tag = "requests",
    security(("staff_token" = [])),
    params(("request" = String, Path, description = "Its id or reference."), IfMatch),
    request_body = Option<Reason>,
    responses(
        (
            status = 200,
            description = "The request as it now stands.",
            body = RequestSummary,
            headers(("ETag" = String, description = "Its version, for `If-Match`."))
        ),
        (
            status = 409,
            description = "`wrong_status`, `own_request`, `try_again`.",
            body = Problem,
            content_type = "application/problem+json"
        ),
        Known, Restricted, Addressed, Matched, Bodied
    )
)]
pub(super) async fn bogus(
    State(state): State<AdminState>,
    Staff(actor): Staff,
    Path(name): Path<String>,
    IfMatch(version): IfMatch,
    MaybeJson(reason): MaybeJson<Reason>,
) -> Result<Response, Problem> {
    end(&state, &actor, &name, version, Action::MarkBogus, &reason).await
}

async fn end(
    state: &AdminState,
    actor: &Actor,
    name: &str,
    version: Option<i64>,
    action: Action,
    reason: &Reason,
) -> Result<Response, Problem> {
    let id = resolve(&state.app, name).await?;
    let request = decide::end(&state.app, actor, id, version, action, reason).await?;
    decided(&state.app, actor, &request).await
}

/// Ask the adult
///
/// With a `message` the adult is sent it and can answer on a page of ours; without one staff ask in another way, and the
/// request only waits.
#[utoipa::path(
    post,
    path = "/requests/{request}/ask",
    operation_id = "ask_adult",
    tag = "requests",
    security(("staff_token" = [])),
    params(("request" = String, Path, description = "Its id or reference."), IfMatch),
    request_body = Option<Reason>,
    responses(
        (
            status = 200,
            description = "The request as it now stands.",
            body = RequestSummary,
            headers(("ETag" = String, description = "Its version, for `If-Match`."))
        ),
        (
            status = 409,
            description = "`wrong_status`, `own_request`, `no_address`, `refer_to_safeguarding`, `try_again`.",
            body = Problem,
            content_type = "application/problem+json"
        ),
        Known, Restricted, Addressed, Matched, Bodied
    )
)]
pub(super) async fn ask(
    State(state): State<AdminState>,
    Staff(actor): Staff,
    Path(name): Path<String>,
    IfMatch(version): IfMatch,
    MaybeJson(reason): MaybeJson<Reason>,
) -> Result<Response, Problem> {
    let id = resolve(&state.app, &name).await?;
    let request = decide::ask(&state.app, &actor, id, version, &reason).await?;
    decided(&state.app, &actor, &request).await
}

/// Take a request up again
///
/// Nothing that was taken away comes back by this alone.
#[utoipa::path(
    post,
    path = "/requests/{request}/reopen",
    operation_id = "reopen_request",
    tag = "requests",
    security(("staff_token" = [])),
    params(("request" = String, Path, description = "Its id or reference."), IfMatch),
    request_body = Option<Reason>,
    responses(
        (
            status = 200,
            description = "The request as it now stands.",
            body = RequestSummary,
            headers(("ETag" = String, description = "Its version, for `If-Match`."))
        ),
        (
            status = 409,
            description = "`wrong_status`, `own_request`, `erased`, `try_again`.",
            body = Problem,
            content_type = "application/problem+json"
        ),
        Known, Restricted, Addressed, Matched, Bodied
    )
)]
pub(super) async fn reopen(
    State(state): State<AdminState>,
    Staff(actor): Staff,
    Path(name): Path<String>,
    IfMatch(version): IfMatch,
    MaybeJson(reason): MaybeJson<Reason>,
) -> Result<Response, Problem> {
    let id = resolve(&state.app, &name).await?;
    let request = decide::reopen(&state.app, &actor, id, version, &reason).await?;
    decided(&state.app, &actor, &request).await
}

/// Take one child of a request away
#[utoipa::path(
    post,
    path = "/requests/{request}/claims/{claim}/withdraw",
    operation_id = "withdraw_child",
    tag = "requests",
    security(("staff_token" = [])),
    params(("request" = String, Path, description = "Its id or reference."), ("claim" = ClaimId, Path, description = "The claim."), IfMatch),
    request_body = Option<Reason>,
    responses(
        (
            status = 200,
            description = "The request as it now stands.",
            body = RequestSummary,
            headers(("ETag" = String, description = "Its version, for `If-Match`."))
        ),
        (
            status = 409,
            description = "`wrong_status`, `own_request`, `not_approved`, `try_again`.",
            body = Problem,
            content_type = "application/problem+json"
        ),
        Known, Restricted, Addressed, Matched, Bodied
    )
)]
pub(super) async fn withdraw(
    State(state): State<AdminState>,
    Staff(actor): Staff,
    Path((name, claim)): Path<(String, String)>,
    IfMatch(version): IfMatch,
    MaybeJson(reason): MaybeJson<Reason>,
) -> Result<Response, Problem> {
    let id = resolve(&state.app, &name).await?;
    let claim: ClaimId = claim.parse().map_err(|_| ServiceError::NotFound("claim"))?;
    let request = decide::withdraw_child(&state.app, &actor, id, version, claim, &reason).await?;
    decided(&state.app, &actor, &request).await
}
