//! `kinlink openapi`: the API's description, as the functions describe themselves.

use axum::Router;
use kinlink_web::document;
use utoipa::openapi::OpenApi;

use crate::{answer::Answer, failure::Failure};

/// The descriptions of all functions in one.
pub(crate) fn description() -> OpenApi {
    kinlink_intake::openapi().merge_from(kinlink_admin::openapi())
}

/// The route that serves it.
pub(crate) fn route() -> Router {
    document::serve(description)
}

pub(crate) fn run() -> Result<Answer, Failure> {
    let description = description();
    let text = description.to_pretty_json();
    let text = text.map_err(|error| Failure::failed("openapi", format!("it cannot be written as JSON ({error})")))?;
    Ok(Answer::new(description, text))
}
