//! Questions that staff asked the adult of a request, with their answers. At most one of a request is open; which statuses
//! allow an answer is the domain's.

use kinlink_db::{Session, Value, in_list};
use kinlink_domain::{Timestamp, ids::RequestId};
use sqlx::FromRow;
use uuid::Uuid;

use crate::{
    StoreError,
    error::id,
    time::{instant, millis},
};

/// A question.
#[derive(Debug, Clone)]
pub struct Question {
    /// Its id: that of the decision by which it was asked.
    pub id: Uuid,
    /// The request.
    pub request: RequestId,
    /// What was asked.
    pub question: String,
    /// When.
    pub asked_at: Timestamp,
    /// What the adult answered.
    pub answer: Option<String>,
    /// Since when it takes no answer: it was answered, or asked anew.
    pub closed_at: Option<Timestamp>,
}

#[derive(FromRow)]
struct QuestionRow {
    id: String,
    request_id: String,
    question: String,
    asked_at: i64,
    answer: Option<String>,
    closed_at: Option<i64>,
}

impl TryFrom<QuestionRow> for Question {
    type Error = StoreError;
    fn try_from(row: QuestionRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id.parse().map_err(|_| StoreError::Corrupt("questions.id"))?,
            request: id(&row.request_id, "questions.request_id")?,
            question: row.question,
            asked_at: instant(row.asked_at),
            answer: row.answer,
            closed_at: row.closed_at.map(instant),
        })
    }
}

const QUESTION: &str = "SELECT id, request_id, question, asked_at, answer, closed_at FROM questions";

/// Stores a question, open. Close what is open first ([`close_open`]).
///
/// # Errors
/// [`StoreError`].
pub async fn insert(session: &mut impl Session, question: &Question) -> Result<(), StoreError> {
    let sql = "INSERT INTO questions (id, request_id, question, asked_at) VALUES (?, ?, ?, ?)";
    let args = [
        question.id.to_string().into(),
        question.request.to_string().into(),
        question.question.as_str().into(),
        Value::from(millis(question.asked_at)),
    ];
    session.execute(sql, args).await?;
    Ok(())
}

/// The question of a request that takes an answer.
///
/// # Errors
/// [`StoreError`].
pub async fn open(session: &mut impl Session, request: RequestId) -> Result<Option<Question>, StoreError> {
    let sql = format!("{QUESTION} WHERE request_id = ? AND closed_at IS NULL ORDER BY asked_at DESC, id DESC LIMIT 1");
    let row: Option<QuestionRow> = session.fetch_optional(&sql, [request.to_string().into()]).await?;
    row.map(Question::try_from).transpose()
}

/// Every question of a request, oldest first.
///
/// # Errors
/// [`StoreError`].
pub async fn of_request(session: &mut impl Session, request: RequestId) -> Result<Vec<Question>, StoreError> {
    of_requests(session, &[request]).await
}

/// Every question of these requests, oldest first.
///
/// # Errors
/// [`StoreError`].
pub async fn of_requests(session: &mut impl Session, requests: &[RequestId]) -> Result<Vec<Question>, StoreError> {
    let sql = format!("{QUESTION} WHERE request_id IN {} ORDER BY asked_at, id", in_list(requests.len()));
    let args: Vec<Value> = requests.iter().map(|request| request.to_string().into()).collect();
    let rows: Vec<QuestionRow> = session.fetch_all(&sql, args).await?;
    rows.into_iter().map(Question::try_from).collect()
}

/// Keeps the answer to a question and closes it.
///
/// # Errors
/// [`StoreError::Stale`] when it was closed before.
pub async fn answer(
    session: &mut impl Session,
    question: Uuid,
    answer: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let sql = "UPDATE questions SET answer = ?, closed_at = ? WHERE id = ? AND closed_at IS NULL";
    match session.execute(sql, [answer.into(), millis(now).into(), Value::from(question.to_string())]).await? {
        1 => Ok(()),
        _ => Err(StoreError::Stale("the question")),
    }
}

/// Closes what is open of a request without an answer.
///
/// # Errors
/// [`StoreError`].
pub async fn close_open(session: &mut impl Session, request: RequestId, now: Timestamp) -> Result<(), StoreError> {
    let sql = "UPDATE questions SET closed_at = ? WHERE request_id = ? AND closed_at IS NULL";
    session.execute(sql, [millis(now).into(), Value::from(request.to_string())]).await?;
    Ok(())
}
