//! `/status/{token}`: where a request stands, for whoever reads the mailbox, and the answer to a question of the school's.
//! No name, no address, no child. Looking changes nothing.

use askama::Template;
use axum::{
    Extension,
    extract::State,
    http::{HeaderMap, StatusCode, Uri},
    response::{IntoResponse as _, Redirect, Response},
};
use i18n_embed_fl::fl;
use kinlink_domain::{
    submission::{FaultCode, FieldFault},
    text::printable,
};
use kinlink_service::{
    ServiceError,
    questions::{self, Answered, MAX_ANSWER},
    quota::guessing,
    status::{PublicState, PublicStatus, find_by_status_token},
};
use kinlink_web::{Audience, ClientAddress, Form, Path, page};

use super::{
    Failed,
    answers::Fault,
    form::repeated,
    layout::{Frame, Switch},
    texts::{Texts, date, number, texts},
    visitor::Visitor,
};
use crate::IntakeState;

#[derive(Template)]
#[template(path = "status.html")]
struct StatusPage {
    frame: Frame,
    status: PublicStatus,
    sent_on: String,
    notice: Option<String>,
    faults: Vec<Fault>,
    /// What was typed as an answer and could not be taken.
    typed: String,
    steps: Vec<Step>,
    /// What stands below the steps.
    text: String,
    moodle_url: Option<String>,
    max_answer: usize,
    most: String,
}

/// A step of the road, from sending to the account.
struct Step {
    text: String,
    done: bool,
    now: bool,
}

/// Shows where the request stands.
pub(crate) async fn open(
    State(state): State<IntakeState>,
    client: Option<Extension<ClientAddress>>,
    Path(token): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Failed> {
    let visitor = Visitor::opening(&uri, &headers);
    let query = uri.query().unwrap_or_default();
    let asked = query.split('&').any(|pair| pair.starts_with("lang="));
    let looked = Box::pin(find_by_status_token(&state.app, &token));
    let is_wrong = |found: &Result<Option<_>, _>| matches!(found, Ok(None));
    let status = found(guessing(&state.app, ClientAddress::of(client), looked, is_wrong).await, visitor)?;
    // The language in which the adult is written to, unless another was chosen here.
    let visitor = if asked { visitor } else { Visitor { locale: status.locale, ..visitor } };
    let t = texts(visitor.locale);
    let notice = if query.split('&').any(|pair| pair == ANSWERED) {
        Some(fl!(t, "status-answered"))
    } else {
        query.split('&').any(|pair| pair == LATE).then(|| fl!(t, "status-late"))
    };
    show(&state, visitor, status, notice, Vec::new(), String::new()).await
}

const ANSWERED: &str = "answered=1";
const LATE: &str = "late=1";

/// Takes the answer to the question.
pub(crate) async fn answer(
    State(state): State<IntakeState>,
    client: Option<Extension<ClientAddress>>,
    Path(token): Path<String>,
    headers: HeaderMap,
    form: Form,
) -> Result<Response, Failed> {
    let visitor = Visitor::sending(&form, &headers);
    let typed = form.get("answer").unwrap_or_default();
    if form.all("answer").count() > 1 {
        return Err(Failed::new(visitor, repeated()));
    }
    let back = |what: &str| Redirect::to(&format!("/status/{token}{}&{what}", visitor.query())).into_response();
    let answered = Box::pin(questions::answer(&state.app, &token, typed));
    let is_wrong = |answered: &Result<_, _>| matches!(answered, Ok(Answered::Unknown));
    match guessing(&state.app, ClientAddress::of(client), answered, is_wrong).await {
        // The token is a good one: it consists of letters that stand in an address as they are.
        Ok(Answered::Taken(_)) => Ok(back(ANSWERED)),
        Ok(Answered::Closed(_)) => Ok(back(LATE)),
        Ok(Answered::Unknown) => Err(Failed::not_found(visitor)),
        Err(ServiceError::Invalid(faults)) => {
            let t = texts(visitor.locale);
            let faults = faults.iter().map(|fault| Fault::new("answer", words(t, fault))).collect();
            // The token was a good one a moment ago.
            let status = found(find_by_status_token(&state.app, &token).await, visitor)?;
            show(&state, visitor, status, None, faults, printable(typed)).await
        }
        Err(error) => Err(Failed::new(visitor, error)),
    }
}

#[expect(clippy::result_large_err, reason = "it ends the request")]
fn found(found: Result<Option<PublicStatus>, ServiceError>, visitor: Visitor) -> Result<PublicStatus, Failed> {
    found.map_err(|error| Failed::new(visitor, error))?.ok_or_else(|| Failed::not_found(visitor))
}

fn words(t: Texts, fault: &FieldFault) -> String {
    let field = fl!(t, "answer-label");
    match fault.code {
        FaultCode::Required => fl!(t, "fault-answer"),
        FaultCode::TooLong => fl!(t, "fault-long", field = field, max = MAX_ANSWER),
        _ => fl!(t, "fault-unprintable", field = field),
    }
}

async fn show(
    state: &IntakeState,
    visitor: Visitor,
    status: PublicStatus,
    notice: Option<String>,
    faults: Vec<Fault>,
    typed: String,
) -> Result<Response, Failed> {
    let t = texts(visitor.locale);
    let policy = state.app.policy().await.map_err(|error| Failed::new(visitor, error))?;
    let frame = Frame::new(visitor, &state.school, Some(&policy), fl!(t, "status-title")).switch(Switch::Link(""));
    let code = if faults.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let (reached, text) = match &status.state {
        PublicState::AwaitingEmailProof => (1, fl!(t, "status-unconfirmed")),
        PublicState::BeingLookedAt => (2, fl!(t, "status-pending")),
        PublicState::QuestionAsked { .. } => (2, fl!(t, "status-question")),
        PublicState::Approved => (3, fl!(t, "status-approved")),
        PublicState::Ready => (4, fl!(t, "status-ready")),
        PublicState::Closed => (0, fl!(t, "status-closed")),
    };
    let ready = status.state == PublicState::Ready;
    let template = StatusPage {
        frame: if faults.is_empty() { frame } else { frame.wrong() },
        sent_on: date(t, status.created_at, &policy.zone()),
        notice,
        faults,
        typed,
        steps: if status.state == PublicState::Closed { Vec::new() } else { steps(t, reached) },
        text,
        moodle_url: state.school.moodle_url.clone().filter(|_| ready),
        max_answer: MAX_ANSWER,
        most: number(visitor.locale, MAX_ANSWER),
        status,
    };
    // Its address is a secret of the mailbox: nobody frames it.
    Ok(page(&Audience::public([""; 0]), code, &template))
}

/// The four steps; `reached` is the one that is under way, counted from 0.
fn steps(t: Texts, reached: usize) -> Vec<Step> {
    let texts = [
        fl!(t, "status-step-sent"),
        fl!(t, "status-step-confirmed"),
        fl!(t, "status-step-seen"),
        fl!(t, "status-step-ready"),
    ];
    let step = |(place, text)| Step { text, done: place < reached, now: place == reached };
    texts.into_iter().enumerate().map(step).collect()
}
