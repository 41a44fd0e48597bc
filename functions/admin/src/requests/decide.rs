//! `POST /requests/{request}/approve`, `deny`, `duplicate`, `bogus`, `ask`, `reopen` and `claims/{claim}/withdraw`.
//!
//! Each needs `If-Match` with the version that staff saw: nobody decides on what they did not see.

use axum::{extract::State, response::Response};
use kinlink_domain::{ids::ClaimId, request::Action, staff::Actor};
use kinlink_service::{
    ServiceError,
    approve::{self, Approval},
    decide::{self, Reason},
};
use kinlink_web::{IfMatch, Json, MaybeJson, Path, Problem};

use super::{decided, resolve};
use crate::{AdminState, staff::Staff};

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

pub(super) async fn deny(
    State(state): State<AdminState>,
    Staff(actor): Staff,
    Path(name): Path<String>,
    IfMatch(version): IfMatch,
    MaybeJson(reason): MaybeJson<Reason>,
) -> Result<Response, Problem> {
    end(&state, &actor, &name, version, Action::Deny, &reason).await
}

pub(super) async fn duplicate(
    State(state): State<AdminState>,
    Staff(actor): Staff,
    Path(name): Path<String>,
    IfMatch(version): IfMatch,
    MaybeJson(reason): MaybeJson<Reason>,
) -> Result<Response, Problem> {
    end(&state, &actor, &name, version, Action::MarkDuplicate, &reason).await
}

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
