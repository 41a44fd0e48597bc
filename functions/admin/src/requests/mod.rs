//! `/requests`: what adults asked for.

mod amend;
mod decide;
mod list;
mod show;

use axum::{
    Router,
    response::{IntoResponse as _, Response},
    routing::{get, patch, post, put},
};
use kinlink_domain::{ids::RequestId, staff::Actor};
use kinlink_service::{
    App,
    view::{Request, find_request, summarise},
};
use kinlink_web::{Json, Problem, etag};

use crate::AdminState;

pub(crate) fn routes() -> Router<AdminState> {
    Router::new()
        .route("/requests", get(list::list))
        .route("/requests/counts", get(list::counts))
        .route("/requests/{request}", get(show::show))
        .route("/requests/{request}", patch(amend::correct))
        .route("/requests/{request}/note", put(amend::note))
        .route("/requests/{request}/approve", post(decide::approve))
        .route("/requests/{request}/deny", post(decide::deny))
        .route("/requests/{request}/duplicate", post(decide::duplicate))
        .route("/requests/{request}/bogus", post(decide::bogus))
        .route("/requests/{request}/ask", post(decide::ask))
        .route("/requests/{request}/reopen", post(decide::reopen))
        .route("/requests/{request}/claims/{claim}/withdraw", post(decide::withdraw))
}

/// The id of a request that a path names by id or reference.
async fn resolve(app: &App, name: &str) -> Result<RequestId, Problem> {
    match name.parse() {
        Ok(id) => Ok(id),
        Err(_) => Ok(find_request(app, name).await?.id),
    }
}

/// The answer to a decision: the request as it now stands, with its `ETag`.
async fn decided(app: &App, actor: &Actor, request: &Request) -> Result<Response, Problem> {
    Ok((etag(request.version), Json(summarise(app, actor, request).await?)).into_response())
}
