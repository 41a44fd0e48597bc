//! `/request/sent/{token}`: the request was sent. The same words whoever is known, and nothing about a person: the address
//! of this page stays in the history of a browser that others may use.

use askama::Template;
use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, Uri},
    response::Response,
};
use i18n_embed_fl::fl;
use kinlink_domain::reference::Reference;
use kinlink_web::{Audience, Path, page};

use super::{
    Failed,
    layout::{Frame, Switch},
    texts::texts,
    token::read_receipt,
    visitor::Visitor,
};
use crate::IntakeState;

#[derive(Template)]
#[template(path = "sent.html")]
struct SentPage {
    frame: Frame,
    reference: Reference,
    /// Whether the mail asks to prove the address.
    must_confirm: bool,
}

/// Shows the reference and what happens next.
pub(crate) async fn show(
    State(state): State<IntakeState>,
    Path(token): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Failed> {
    let visitor = Visitor::opening(&uri, &headers);
    let reference = read_receipt(&state.app, &token).ok_or_else(|| Failed::not_found(visitor))?;
    let policy = state.app.policy().await.map_err(|error| Failed::new(visitor, error))?;
    let heading = fl!(texts(visitor.locale), "sent-title");
    let frame = Frame::new(visitor, &state.school, Some(&policy), heading).switch(Switch::Link(""));
    let template = SentPage { frame, reference, must_confirm: policy.email_proof };
    Ok(page(&Audience::public(&policy.embed_origins), StatusCode::OK, &template))
}
