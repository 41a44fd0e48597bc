//! Problems as pages: whatever goes wrong on a page's address is answered by a page that says what to do.

use askama::Template;
use axum::{
    extract::{Request, State},
    http::StatusCode,
    middleware::Next,
    response::Response,
};
use kinlink_web::{
    Problem,
    layers::RequestId,
    page::{Audience, page},
    problem::Cause,
};

use super::words::sentence;
use crate::AdminState;

#[derive(Template)]
#[template(path = "fault.html")]
struct FaultPage {
    school: String,
    title: &'static str,
    detail: String,
    what_to_do: String,
    parts: Vec<String>,
    reference: String,
}

/// Turns the problems that pages answer with into pages.
pub(crate) async fn as_pages(State(state): State<AdminState>, request: Request, next: Next) -> Response {
    let id = request.extensions().get::<RequestId>().copied();
    let mut response = next.run(request).await;
    let Some(problem) = response.extensions_mut().remove::<Problem>() else { return response };
    let template = FaultPage {
        school: state.school.name.clone(),
        title: title(problem.status),
        detail: sentence(&problem.detail),
        what_to_do: what_to_do(&problem),
        parts: problem.errors.iter().map(|fault| sentence(&fault.detail)).collect(),
        reference: id.map(|id| id.0.to_string()).unwrap_or_default(),
    };
    let mut shown = page(&Audience::staff(), problem.status, &template);
    if let Some(seconds) = problem.retry_after {
        shown.headers_mut().insert(axum::http::header::RETRY_AFTER, seconds.into());
    }
    if let Some(cause) = response.extensions_mut().remove::<Cause>() {
        shown.extensions_mut().insert(cause);
    }
    shown
}

fn title(status: StatusCode) -> &'static str {
    match status.as_u16() {
        403 => "You may not do this",
        404 => "Page not found",
        409 => "This cannot be done as things stand",
        412 => "Somebody else was faster",
        413 => "Too much was sent",
        401 => "You are signed out",
        429 => "Too many attempts",
        503 => "Not available at the moment",
        status if status >= 500 => "Something went wrong here",
        _ => "This could not be understood",
    }
}

fn what_to_do(problem: &Problem) -> String {
    if problem.status == StatusCode::TOO_MANY_REQUESTS {
        return format!("Nothing was lost or changed. {}", wait(problem.retry_after.unwrap_or(HOUR)));
    }
    let what = match problem.status.as_u16() {
        403 => "Ask an administrator of Kinlink if you need this.",
        404 => "Check the address, or begin at the requests.",
        409 | 412 => "Go back, load the page again and look at how things stand now.",
        401 => "Sign in, then do it again. Nothing was changed.",
        503 => "Nothing was lost. Wait a minute and try again.",
        status if status >= 500 => {
            "Nothing was half done. Try again; if it happens again, tell your IT the reference below."
        }
        _ => "Go back, load the page again and try once more. Nothing was changed.",
    };
    what.to_owned()
}

/// The longest that somebody has to wait, in seconds.
const HOUR: u32 = 3_600;

fn wait(seconds: u32) -> String {
    match seconds.div_ceil(60) {
        0 | 1 => "Try again in a minute.".to_owned(),
        60.. => "Try again in an hour.".to_owned(),
        minutes => format!("Try again in {minutes} minutes."),
    }
}
