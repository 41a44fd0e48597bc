//! The pages of signing in and out. Looking changes nothing: each has a button.

use askama::Template;
use axum::{
    Extension, Router,
    extract::{RawQuery, State},
    http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse as _, Redirect, Response},
    routing::{get, post},
};
use kinlink_service::{
    ServiceError,
    quota::guessing,
    sessions::{Way, links, sign_out},
};
use kinlink_web::{
    Audience, ClientAddress, Path, Problem,
    form::{Fields, Form},
    layers::RequestId,
    page,
};

use super::{
    AGAIN, SIGN_IN, SIGNED_OUT, Visitor,
    cookie::Cookie,
    message::Message,
    provider::{begin, begin_again, end_at_provider, leading_out},
    return_to::{START, page_of_ours},
    session,
};
use crate::AdminState;

pub(super) fn routes() -> Router<AdminState> {
    Router::new()
        .route(SIGN_IN, get(show).post(begin))
        .route(AGAIN, get(show_again).post(begin_again))
        .route("/admin/sign-in/link/{token}", get(show_link).post(use_link))
        .route("/admin/sign-out", post(leave))
        .route(SIGNED_OUT, get(left))
}

#[derive(Template)]
#[template(path = "session/sign_in.html")]
struct SignInPage {
    title: &'static str,
    school: String,
    has_provider: bool,
    return_to: String,
}

#[derive(Template)]
#[template(path = "session/link.html")]
struct LinkPage {
    title: &'static str,
    school: String,
}

#[derive(Template)]
#[template(path = "session/leaving.html")]
struct LeavingPage {
    title: &'static str,
    school: String,
    url: String,
}

#[derive(Template)]
#[template(path = "session/again.html")]
struct AgainPage {
    title: &'static str,
    school: String,
    person: String,
    by_provider: bool,
    csrf: String,
    return_to: String,
}

/// The page that an address asks to come back to.
fn asked_for(query: Option<&str>) -> String {
    let fields = query.and_then(|query| Fields::parse(query.as_bytes())).unwrap_or_default();
    page_of_ours(fields.get("return_to"))
}

async fn show(State(state): State<AdminState>, RawQuery(query): RawQuery, parts: Parts) -> Response {
    let return_to = asked_for(query.as_deref());
    match session(&parts, &state).await {
        Ok(_) => Redirect::to(&return_to).into_response(),
        Err(ServiceError::Unauthorized) => {
            let school = state.school.name.clone();
            let has_provider = state.sign_in.school.is_some();
            let shown = SignInPage { title: "Sign in", school, has_provider, return_to };
            leading_out(&state, page(&Audience::staff(), StatusCode::OK, &shown))
        }
        Err(error) => Problem::from(error).into_response(),
    }
}

async fn show_again(State(state): State<AdminState>, RawQuery(query): RawQuery, visitor: Visitor) -> Response {
    let shown = AgainPage {
        title: "Sign in again",
        school: state.school.name.clone(),
        person: visitor.person().to_owned(),
        by_provider: visitor.session.way() == Way::Provider,
        csrf: visitor.csrf(),
        return_to: asked_for(query.as_deref()),
    };
    leading_out(&state, page(&Audience::staff(), StatusCode::OK, &shown))
}

async fn show_link(State(state): State<AdminState>) -> Response {
    // The same page for every link, so that nobody learns here which ones there are.
    let shown = LinkPage { title: "Sign in with a link", school: state.school.name.clone() };
    page(&Audience::staff(), StatusCode::OK, &shown)
}

async fn use_link(
    State(state): State<AdminState>,
    Extension(id): Extension<RequestId>,
    client: Option<Extension<ClientAddress>>,
    Path(token): Path<String>,
    headers: HeaderMap,
) -> Response {
    let cookies = state.sign_in.cookies;
    let entered = Box::pin(links::enter(&state.app, &token, cookies.read(Cookie::Session, &headers)));
    let is_wrong = |entered: &Result<_, _>| matches!(entered, Err(ServiceError::Refused { .. }));
    match guessing(&state.app, ClientAddress::of(client), entered, is_wrong).await {
        Ok(signed_in) => {
            let mut response = Redirect::to(START).into_response();
            cookies.set(Cookie::Session, &signed_in.secret, response.headers_mut());
            response
        }
        Err(ServiceError::Refused { code: "link_over", .. }) => {
            let message = Message {
                lede: "Each link works once, and for ten minutes.".into(),
                what_to_do: vec![
                    "Run kinlink sign-in again on the machine where this runs, and open the new link.".into(),
                ],
                ..Message::new(&state, "This link does not work any more")
            };
            message.of_request(id).respond(StatusCode::GONE)
        }
        Err(error) => Problem::from(error).into_response(),
    }
}

/// Ends our session, then the provider's.
async fn leave(State(state): State<AdminState>, visitor: Visitor, form: Form) -> Result<Response, Problem> {
    visitor.check_csrf(form.get("csrf"))?;
    sign_out(&state.app, &visitor.session).await?;
    let mut response = match end_at_provider(&state, &visitor).await {
        // A page, not a redirect: our pages' policy lets a form lead to our own pages only, and browsers hold what follows a
        // form to that as well.
        Some(url) => {
            let shown = LeavingPage {
                title: "Signing you out",
                school: state.school.name.clone(),
                url: url.as_str().to_owned(),
            };
            let mut response = page(&Audience::staff(), StatusCode::OK, &shown);
            // No referrer: our address is nothing that the provider needs.
            let no_referrer = HeaderValue::from_static("no-referrer");
            response.headers_mut().insert(header::REFERRER_POLICY, no_referrer);
            response
        }
        None => Redirect::to(SIGNED_OUT).into_response(),
    };
    state.sign_in.cookies.remove(Cookie::Session, response.headers_mut());
    Ok(response)
}

async fn left(State(state): State<AdminState>) -> Response {
    let message = Message {
        lede: "You can close this page.".into(),
        action: Some((SIGN_IN, "Sign in")),
        ..Message::new(&state, "You are signed out")
    };
    message.respond(StatusCode::OK)
}
