//! Signing in by the school's provider: there, and back.
//!
//! Looking at a page begins nothing; its button does. The way back is a GET, because the protocol says so: what it changes is
//! held by `state`, which works once, and by a cookie, which only the browser that began has.

use std::net::IpAddr;

use axum::{
    Extension, Router,
    extract::{RawQuery, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Redirect, Response},
    routing::get,
};
use kinlink_oidc::{Marks, OidcError};
use kinlink_service::{
    ServiceError,
    sessions::{
        StaffSession, Way,
        provider::{self, Identity},
    },
};
use kinlink_web::{
    ClientAddress, Problem,
    form::{Fields, Form},
    layers::RequestId,
    problem::Cause,
};
use url::Url;

use super::{CALLBACK, SIGN_IN, SIGNED_OUT, Visitor, below, cookie::Cookie, message::Message, return_to::page_of_ours};
use crate::AdminState;

/// Seconds after which to try again when the provider is out.
const RETRY_AFTER: u32 = 30;

pub(super) fn routes() -> Router<AdminState> {
    Router::new().route(CALLBACK, get(come_back))
}

/// Lets the page's form lead to the provider. Browsers hold every redirect that follows a form to `form-action`, and a
/// provider may hand people on to others: their addresses are not known here.
pub(super) fn leading_out(state: &AdminState, mut response: Response) -> Response {
    let Some(school) = &state.sign_in.school else { return response };
    let mut allowed = "form-action 'self' https:".to_owned();
    // A provider on this very machine.
    if let Ok(issuer) = Url::parse(school.provider.issuer())
        && issuer.scheme() == "http"
    {
        allowed = format!("{allowed} {}", issuer.origin().ascii_serialization());
    }
    let policy = response.headers().get(header::CONTENT_SECURITY_POLICY).and_then(|policy| policy.to_str().ok());
    let wider = policy.map(|policy| policy.replace("form-action 'self'", &allowed));
    if let Some(wider) = wider.and_then(|wider| HeaderValue::try_from(wider).ok()) {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, wider);
    }
    response
}

/// The button of the sign-in page.
pub(super) async fn begin(
    State(state): State<AdminState>,
    Extension(id): Extension<RequestId>,
    client: Option<Extension<ClientAddress>>,
    form: Form,
) -> Result<Response, Problem> {
    go(&state, id, ClientAddress::of(client), &page_of_ours(form.get("return_to")), None).await
}

/// The button of the page that asks somebody who is signed in to prove themselves again.
pub(super) async fn begin_again(
    State(state): State<AdminState>,
    Extension(id): Extension<RequestId>,
    visitor: Visitor,
    form: Form,
) -> Result<Response, Problem> {
    visitor.check_csrf(form.get("csrf"))?;
    go(&state, id, None, &page_of_ours(form.get("return_to")), Some(&visitor.session)).await
}

async fn go(
    state: &AdminState,
    id: RequestId,
    client: Option<IpAddr>,
    return_to: &str,
    again: Option<&StaffSession>,
) -> Result<Response, Problem> {
    let provider = match &state.sign_in.school {
        Some(school) if again.is_none_or(|session| session.way() == Way::Provider) => &school.provider,
        // The page says what to do instead.
        _ => return Ok(Redirect::to(SIGN_IN).into_response()),
    };
    let begun = provider::begin(&state.app, client, return_to, again).await?;
    let marks = Marks { state: &begun.state, nonce: &begun.nonce, verifier: &begun.verifier };
    Ok(match provider.authorization_url(state.app.now(), marks, again.is_some()).await {
        Ok(url) => {
            let mut response = Redirect::to(url.as_str()).into_response();
            state.sign_in.cookies.set(Cookie::SignIn, &begun.browser, response.headers_mut());
            response
        }
        Err(error) => failed(state, id, &error),
    })
}

/// The way back from the provider.
async fn come_back(
    State(state): State<AdminState>,
    Extension(id): Extension<RequestId>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let mut response = match finish(&state, id, query.as_deref(), &headers).await {
        Ok(response) => response,
        Err(ServiceError::Refused { code, .. }) => refused(&state, id, code),
        Err(error) => Problem::from(error).into_response(),
    };
    state.sign_in.cookies.remove(Cookie::SignIn, response.headers_mut());
    response
}

async fn finish(
    state: &AdminState,
    id: RequestId,
    query: Option<&str>,
    headers: &HeaderMap,
) -> Result<Response, ServiceError> {
    let cookies = state.sign_in.cookies;
    let Some(school) = &state.sign_in.school else { return Ok(Redirect::to(SIGN_IN).into_response()) };
    let fields = query.and_then(|query| Fields::parse(query.as_bytes())).unwrap_or_default();
    let (state_mark, browser) = (fields.get("state"), cookies.read(Cookie::SignIn, headers));
    let under_way = provider::take(&state.app, state_mark.unwrap_or_default(), browser.unwrap_or_default()).await?;
    let Some(code) = fields.get("code") else {
        // They pressed "Cancel" there, or the provider does not let them in: it has told them why.
        return Ok(refused(state, id, "not_let_in"));
    };
    let marks = Marks { state: state_mark.unwrap_or_default(), nonce: &under_way.nonce, verifier: &under_way.verifier };
    let said = match school.provider.identify(state.app.now(), code, fields.get("iss"), marks).await {
        Ok(said) => said,
        Err(error) => return Ok(failed(state, id, &error)),
    };
    let identity = Identity {
        issuer: school.provider.issuer().to_owned(),
        subject: said.subject,
        name: said.name,
        email: said.email,
        role: school.roles.highest(said.roles.iter().flatten().map(String::as_str)),
        authenticated_at: said.authenticated_at,
        id_token: said.id_token,
    };
    let earlier = cookies.read(Cookie::Session, headers);
    let signed_in = provider::enter(&state.app, &under_way, &identity, earlier).await?;
    let mut response = Redirect::to(&under_way.return_to).into_response();
    cookies.set(Cookie::Session, &signed_in.secret, response.headers_mut());
    Ok(response)
}

/// Where to send somebody who signs out, if they came by the provider and it wants to know.
pub(super) async fn end_at_provider(state: &AdminState, visitor: &Visitor) -> Option<Url> {
    let school = state.sign_in.school.as_ref()?;
    let id_token = visitor.session.id_token()?;
    let back = below(&state.sign_in.public_url, SIGNED_OUT).ok()?;
    // Our session has ended already; a provider that is out must not keep anybody from leaving.
    school.provider.end_session_url(state.app.now(), id_token, &back).await.unwrap_or_else(|error| {
        tracing::warn!(%error, "the sign-in provider cannot be told that somebody signed out");
        None
    })
}

/// The page for whoever cannot be let in though they did nothing wrong.
fn refused(state: &AdminState, id: RequestId, code: &str) -> Response {
    let (status, title, lede, what_to_do): (_, _, _, &[&str]) = match code {
        "no_role" => (
            StatusCode::FORBIDDEN,
            "You may not use these pages",
            "You have signed in at the school, but your account has no role here.",
            &[
                "Ask IT to give your school account a role that is meant for these pages (setting KINLINK_OIDC_ROLES), then sign in again.",
            ],
        ),
        "another_person" => (
            StatusCode::FORBIDDEN,
            "Somebody else signed in",
            "You were asked to sign in again as yourself, but another account signed in.",
            &["Sign in again with the account with which you began. What you were about to do was not done."],
        ),
        "not_again" => (
            StatusCode::FORBIDDEN,
            "The school’s sign-in did not ask you again",
            "For this act you must have signed in a moment ago, and the school’s sign-in does not say that you have.",
            &[
                "For IT: the provider has to honour prompt=login and max_age=0 and send the claim auth_time in the ID token.",
                "Until then, a link of kinlink sign-in lets an administrator do it.",
            ],
        ),
        "not_let_in" => (
            StatusCode::FORBIDDEN,
            "You are not signed in",
            "The school’s sign-in did not let you in, or you cancelled it there.",
            &["Try again. If it happens once more, ask IT whether your account may use this application."],
        ),
        _ => (
            StatusCode::BAD_REQUEST,
            "This sign-in is over",
            "It was finished before, took longer than ten minutes, or was begun in another browser.",
            &["Sign in once more. If that leads here again, check that the browser takes cookies of this site."],
        ),
    };
    let message = Message {
        lede: lede.into(),
        what_to_do: what_to_do.iter().map(ToString::to_string).collect(),
        action: Some((SIGN_IN, "Sign in")),
        ..Message::new(state, title)
    };
    message.of_request(id).respond(status)
}

/// The page for when the provider is out, or says what must not be believed. Its words are for whoever runs Kinlink too;
/// nothing in them is about a person.
fn failed(state: &AdminState, id: RequestId, error: &OidcError) -> Response {
    let passes = error.may_pass();
    let for_it = format!("For IT: {error}. {}", error.advice());
    let link = "Until then, IT can let you in with a one-time link: kinlink sign-in".to_owned();
    let message = Message {
        lede: if passes {
            "The school’s sign-in cannot be reached at the moment.".into()
        } else {
            "The school’s sign-in and these pages do not understand each other.".into()
        },
        what_to_do: vec![
            if passes { "Try again in a minute.".into() } else { "Show this page to IT.".into() },
            for_it,
            link,
        ],
        action: Some((SIGN_IN, "Try again")),
        ..Message::new(state, "Signing in does not work")
    };
    let status = if passes { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::BAD_GATEWAY };
    let mut response = message.of_request(id).respond(status);
    // For the log line of the request.
    response.extensions_mut().insert(Cause(format!("{error}. {}", error.advice())));
    if passes {
        response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER.into());
    }
    response
}
