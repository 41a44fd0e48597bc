//! `/confirm/{token}`: the page behind the link that was mailed. Looking changes nothing, so that mail scanners use
//! nothing up; the button does it. The page is the same for every token until the button is pressed.
//!
//! `/confirm/email/{token}` is the same for the new address of an account that there is.

use askama::Template;
use axum::{
    Extension,
    extract::State,
    http::{HeaderMap, StatusCode, Uri},
    response::Response,
};
use i18n_embed_fl::fl;
use kinlink_domain::reference::Reference;
use kinlink_service::{
    confirm::{Confirmation, confirm},
    email_change::{Proven, prove},
    quota::guessing,
};
use kinlink_web::{Audience, ClientAddress, Path, page};

use super::{
    Failed,
    layout::{Frame, Switch},
    texts::texts,
    visitor::Visitor,
};
use crate::IntakeState;

#[derive(Template)]
#[template(path = "confirm.html")]
struct ConfirmPage {
    frame: Frame,
    text: String,
    button: String,
    not_you: String,
}

#[derive(Template)]
#[template(path = "changed.html")]
struct ChangedPage {
    frame: Frame,
}

#[derive(Template)]
#[template(path = "confirmed.html")]
struct ConfirmedPage {
    frame: Frame,
    reference: Reference,
    /// The address of the status page.
    status: Option<String>,
}

/// Shows the page with the button. Asks no database.
pub(crate) async fn open(State(state): State<IntakeState>, uri: Uri, headers: HeaderMap) -> Response {
    let visitor = Visitor::opening(&uri, &headers);
    let words = texts(visitor.locale);
    let template = ConfirmPage {
        frame: Frame::new(visitor, &state.school, None, fl!(words, "confirm-title")),
        text: fl!(words, "confirm-text"),
        button: fl!(words, "confirm-button"),
        not_you: fl!(words, "confirm-not-you"),
    };
    page(&Audience::public([""; 0]), StatusCode::OK, &template)
}

/// The same for a new address. Asks no database either.
pub(crate) async fn open_change(State(state): State<IntakeState>, uri: Uri, headers: HeaderMap) -> Response {
    let visitor = Visitor::opening(&uri, &headers);
    let words = texts(visitor.locale);
    let template = ConfirmPage {
        frame: Frame::new(visitor, &state.school, None, fl!(words, "change-title")),
        text: fl!(words, "change-text"),
        button: fl!(words, "confirm-button"),
        not_you: fl!(words, "change-not-you"),
    };
    page(&Audience::public([""; 0]), StatusCode::OK, &template)
}

/// Uses the token of a new address up.
pub(crate) async fn press_change(
    State(state): State<IntakeState>,
    client: Option<Extension<ClientAddress>>,
    Path(token): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Failed> {
    let visitor = Visitor::opening(&uri, &headers);
    let is_wrong = |pressed: &Result<_, _>| matches!(pressed, Ok(Proven::Invalid));
    match guessing(&state.app, ClientAddress::of(client), Box::pin(prove(&state.app, &token)), is_wrong).await {
        Ok(Proven::Changed) => {
            let heading = fl!(texts(visitor.locale), "changed-title");
            let frame = Frame::new(visitor, &state.school, None, heading).switch(Switch::Link(""));
            Ok(page(&Audience::public([""; 0]), StatusCode::OK, &ChangedPage { frame }))
        }
        Ok(Proven::Invalid) => Err(Failed::not_found(visitor)),
        Err(error) => Err(Failed::new(visitor, error)),
    }
}

/// Uses the token up.
pub(crate) async fn press(
    State(state): State<IntakeState>,
    client: Option<Extension<ClientAddress>>,
    Path(token): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Failed> {
    let visitor = Visitor::opening(&uri, &headers);
    let is_wrong = |pressed: &Result<_, _>| matches!(pressed, Ok(Confirmation::Invalid));
    match guessing(&state.app, ClientAddress::of(client), Box::pin(confirm(&state.app, &token)), is_wrong).await {
        Ok(Confirmation::Confirmed(confirmed)) => {
            let heading = fl!(texts(visitor.locale), "confirmed-title");
            let frame = Frame::new(visitor, &state.school, None, heading).switch(Switch::Link(""));
            let status = confirmed.status_token.map(|token| format!("/status/{token}{}", visitor.query()));
            let template = ConfirmedPage { frame, reference: confirmed.reference, status };
            Ok(page(&Audience::public([""; 0]), StatusCode::OK, &template))
        }
        Ok(Confirmation::Invalid) => Err(Failed::not_found(visitor)),
        Err(error) => Err(Failed::new(visitor, error)),
    }
}
