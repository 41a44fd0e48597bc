//! The adult's side of a question: seeing it, and answering it once. Asking is a decision ([`crate::decide::ask`]).

use kinlink_domain::{Timestamp, reference::Reference, request::Status, staff::Actor, text, text::TextFault};
use kinlink_store::{StoreError, audit, questions, requests};
use serde_json::json;

use crate::{App, ServiceError, error::retry_races, status, submit::field_fault};

/// The longest answer, in characters.
pub const MAX_ANSWER: usize = 2_000;

/// A question that waits for its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenQuestion {
    /// The request.
    pub reference: Reference,
    /// The question, of one line or more.
    pub text: String,
    /// When it was asked.
    pub asked_at: Timestamp,
}

/// What became of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answered {
    /// It is kept, and the school sees it.
    Taken(Reference),
    /// Nothing is asked any more: it was answered before, or the request went on.
    Closed(Reference),
    /// The token is none of ours, or of an address that the request no longer has.
    Unknown,
}

/// The question that can be answered with a token of a status page. Looking changes nothing.
///
/// # Errors
/// The store.
pub async fn open_question(app: &App, token: &str) -> Result<Option<OpenQuestion>, ServiceError> {
    let mut store = app.store.acquire().await?;
    let Some(request) = status::find_request(app, &mut store, token).await? else { return Ok(None) };
    let question = status::open_question(&mut store, &request).await?;
    Ok(question.map(|question| OpenQuestion {
        reference: request.reference,
        text: question.question,
        asked_at: question.asked_at,
    }))
}

/// Keeps an answer and gives the request back to staff.
///
/// # Errors
/// [`ServiceError::Invalid`] with `/answer` for an answer that is empty, too long or cannot be shown; the store.
pub async fn answer(app: &App, token: &str, text: &str) -> Result<Answered, ServiceError> {
    retry_races!(answer_once(app, token, text))
}

async fn answer_once(app: &App, token: &str, answer: &str) -> Result<Answered, ServiceError> {
    let now = app.now();
    let mut tx = app.store.begin().await?;
    let Some(mut request) = status::find_request(app, &mut tx, token).await? else { return Ok(Answered::Unknown) };
    let Some(question) = status::open_question(&mut tx, &request).await? else {
        return Ok(Answered::Closed(request.reference));
    };
    let answer = message(answer, "/answer", MAX_ANSWER)?;
    questions::answer(&mut tx, question.id, &answer, now).await.map_err(meanwhile)?;
    request.status = Status::Pending;
    request.replied_at = Some(now);
    request.updated_at = now;
    let claims = requests::claims(&mut tx, request.id).await?;
    requests::update(&mut tx, &mut request, &claims).await.map_err(meanwhile)?;
    let detail = json!({ "version": request.version, "question": question.id });
    let entry = audit::Entry::new("request.answer", format!("request:{}", request.id), detail);
    audit::write(&mut tx, &Actor::parent(), now, &[entry]);
    tx.commit().await?;
    Ok(Answered::Taken(request.reference))
}

/// Pressed twice, or staff did something at the same moment: look again. The adult saw no version to decide on.
fn meanwhile(error: StoreError) -> ServiceError {
    match error {
        StoreError::Stale(_) => ServiceError::Race,
        other => other.into(),
    }
}

/// A text from one to the other side: there, and fit to be stored and shown.
pub(crate) fn message(text: &str, pointer: &str, max: usize) -> Result<String, ServiceError> {
    match text::paragraph(text, max) {
        Ok(text) if text.is_empty() => Err(TextFault::Empty),
        checked => checked,
    }
    .map_err(|fault| ServiceError::Invalid(vec![field_fault(pointer, fault)]))
}
