//! `/requests`: what adults asked for.

mod amend;
mod decide;
mod list;
mod show;

use axum::response::{IntoResponse as _, Response};
use kinlink_domain::{ids::RequestId, staff::Actor};
use kinlink_service::{
    App,
    view::{Request, find_request, summarise},
};
use kinlink_web::{Json, Problem, etag};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::AdminState;

pub(crate) fn routes() -> OpenApiRouter<AdminState> {
    OpenApiRouter::new()
        .routes(routes!(list::list))
        .routes(routes!(list::counts))
        .routes(routes!(show::show, amend::correct))
        .routes(routes!(amend::note))
        .routes(routes!(decide::approve))
        .routes(routes!(decide::deny))
        .routes(routes!(decide::duplicate))
        .routes(routes!(decide::bogus))
        .routes(routes!(decide::ask))
        .routes(routes!(decide::reopen))
        .routes(routes!(decide::withdraw))
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
