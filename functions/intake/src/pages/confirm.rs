//! `/confirm/{token}`: the page behind the link that was mailed. Looking changes nothing, so that mail scanners use
//! nothing up; the button does it. The page is the same for every token until the button is pressed.

use askama::Template;
use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, Uri},
    response::Response,
};
use i18n_embed_fl::fl;
use kinlink_domain::reference::Reference;
use kinlink_service::confirm::{Confirmation, confirm};
use kinlink_web::{Audience, Path, page};

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
    let frame = Frame::new(visitor, &state.school, None, fl!(texts(visitor.locale), "confirm-title"));
    page(&Audience::public([""; 0]), StatusCode::OK, &ConfirmPage { frame })
}

/// Uses the token up.
pub(crate) async fn press(
    State(state): State<IntakeState>,
    Path(token): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Failed> {
    let visitor = Visitor::opening(&uri, &headers);
    match confirm(&state.app, &token).await {
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
