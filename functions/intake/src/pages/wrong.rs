//! Pages that say that something went wrong, and what to do. Handlers answer with a [`Problem`]; around the whole router it
//! becomes a page in the visitor's language wherever a person is looking.

use askama::Template;
use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
};
use i18n_embed_fl::fl;
use kinlink_domain::policy::Policy;
use kinlink_service::mail::School;
use kinlink_web::{Audience, Problem, layers::REQUEST_ID, page};

use super::{
    layout::{Frame, Switch},
    texts::{Texts, texts},
    visitor::Visitor,
};
use crate::IntakeState;

#[derive(Template)]
#[template(path = "wrong.html")]
struct WrongPage {
    frame: Frame,
    text: String,
    /// Whether the form is where to go on.
    leads_to_form: bool,
    /// What the log knows the request by; empty where there is nothing to look up.
    reference: String,
}

/// A problem of somebody whose language is known.
#[derive(Debug)]
pub(crate) struct Failed {
    visitor: Visitor,
    problem: Problem,
}

impl Failed {
    pub(crate) fn new(visitor: Visitor, problem: impl Into<Problem>) -> Self {
        Self { visitor, problem: problem.into() }
    }

    /// The one answer to every address and token that is not (or no longer) good.
    pub(crate) fn not_found(visitor: Visitor) -> Self {
        Self::new(visitor, Problem::not_found("there is nothing at this address"))
    }
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        let mut response = self.problem.into_response();
        response.extensions_mut().insert(self.visitor);
        response
    }
}

/// Puts the pages around a finished router: problems become pages where people look. Answers to programs stay as they are.
pub fn error_pages(routes: Router, school: School) -> Router {
    routes.layer(from_fn_with_state(school, dress))
}

async fn dress(State(school): State<School>, request: Request, next: Next) -> Response {
    let for_people = is_page(request.uri().path(), request.headers());
    let is_form = under("/request", request.uri().path());
    let visitor = Visitor::opening(request.uri(), request.headers());
    let head = request.method() == Method::HEAD;
    let response = next.run(request).await;
    if !for_people || response.extensions().get::<Problem>().is_none() {
        return response;
    }
    let (parts, _) = response.into_parts();
    let visitor = parts.extensions.get::<Visitor>().copied().unwrap_or(visitor);
    let reference = parts.headers.get(REQUEST_ID).and_then(|id| id.to_str().ok()).unwrap_or_default().to_owned();
    let wait = parts.headers.get(header::RETRY_AFTER).and_then(|after| after.to_str().ok()?.parse().ok());
    let (heading, text) = words(texts(visitor.locale), parts.status, wait);
    let frame = Frame::new(visitor, &school, None, heading).wrong().switch(Switch::Link("/request"));
    // Who has to wait would be refused there too, or was about something else.
    let leads_to_form = is_form || parts.status != StatusCode::TOO_MANY_REQUESTS;
    let mut dressed =
        page(&Audience::public([""; 0]), parts.status, &WrongPage { frame, text, leads_to_form, reference });
    for name in KEPT {
        if let Some(value) = parts.headers.get(&name) {
            dressed.headers_mut().insert(name, value.clone());
        }
    }
    if head {
        *dressed.body_mut() = Body::empty();
    }
    dressed
}

/// Headers of the problem that its page keeps.
const KEPT: [HeaderName; 4] = [header::ALLOW, header::RETRY_AFTER, header::STRICT_TRANSPORT_SECURITY, REQUEST_ID];

/// Whether a person looks at the address: at our pages always, elsewhere when a browser asks for a page.
fn is_page(path: &str, headers: &HeaderMap) -> bool {
    if ["/request", "/confirm", "/status"].into_iter().any(|root| under(root, path)) {
        return true;
    }
    let accepts = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let others = ["/api", "/hooks", "/admin", "/assets", "/healthz"];
    accepts.contains("text/html") && !others.into_iter().any(|root| under(root, path))
}

/// Whether a path is this one or below it.
fn under(root: &str, path: &str) -> bool {
    path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// What is said of a status. `wait`: the seconds after which to try again, where they are known.
fn words(t: Texts, status: StatusCode, wait: Option<u32>) -> (String, String) {
    match status.as_u16() {
        403 => (fl!(t, "wrong-403-title"), fl!(t, "wrong-403-text")),
        404 | 410 => (fl!(t, "wrong-404-title"), fl!(t, "wrong-404-text")),
        405 => (fl!(t, "wrong-405-title"), fl!(t, "wrong-405-text")),
        413 => (fl!(t, "wrong-413-title"), fl!(t, "wrong-413-text")),
        415 => (fl!(t, "wrong-415-title"), fl!(t, "wrong-415-text")),
        409 | 412 | 422 => (fl!(t, "wrong-422-title"), fl!(t, "wrong-422-text")),
        429 => (fl!(t, "wrong-429-title"), wait_words(t, wait.unwrap_or(UNKNOWN_WAIT))),
        503 => (fl!(t, "wrong-503-title"), fl!(t, "wrong-503-text")),
        400..=499 => (fl!(t, "wrong-400-title"), fl!(t, "wrong-400-text")),
        _ => (fl!(t, "wrong-500-title"), fl!(t, "wrong-500-text")),
    }
}

/// What is said where nobody said how long to wait, in seconds.
const UNKNOWN_WAIT: u32 = 300;
/// From so many seconds on, hours are said.
const IN_HOURS: u32 = 2 * 3_600;

/// That somebody has to wait, and for how long.
fn wait_words(t: Texts, seconds: u32) -> String {
    let when = if seconds >= IN_HOURS {
        fl!(t, "wait-hours", hours = seconds.div_ceil(3_600))
    } else {
        fl!(t, "wait-minutes", minutes = seconds.div_ceil(60))
    };
    format!("{} {when}", fl!(t, "wrong-429-text"))
}

/// Too many forms: says how long to wait.
pub(crate) fn too_often(state: &IntakeState, visitor: Visitor, policy: &Policy, retry_after: u32) -> Response {
    let t = texts(visitor.locale);
    let text = wait_words(t, retry_after);
    let frame = Frame::new(visitor, &state.school, Some(policy), fl!(t, "wrong-429-title"));
    let frame = frame.wrong().switch(Switch::Link("/request"));
    let template = WrongPage { frame, text, leads_to_form: true, reference: String::new() };
    let audience = Audience::public(&policy.embed_origins);
    let mut response = page(&audience, StatusCode::TOO_MANY_REQUESTS, &template);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(retry_after));
    response
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue, header};

    use super::is_page;

    #[test]
    fn people_get_pages_and_programs_get_problems() {
        for (path, accept, page) in [
            ("/request", "", true),
            ("/request/sent/x", "*/*", true),
            ("/confirm/x", "", true),
            ("/status/x", "application/json", true),
            ("/requests", "", false),
            ("/requests", "text/html,*/*;q=0.8", true),
            ("/", "text/html", true),
            ("/api/v1/requests", "text/html", false),
            ("/hooks/contact-form-7", "text/html", false),
            ("/admin/requests", "text/html", false),
            ("/apis", "text/html", true),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
            assert_eq!(is_page(path, &headers), page, "{path} {accept}");
        }
    }
}
