//! Decisions: facts that are only ever added.

use kinlink_db::{Session, Value, in_list, insert_many};
use kinlink_domain::{
    Timestamp,
    ids::{ClaimId, MoodleUserId, RequestId},
    request::Action,
};
use sqlx::FromRow;
use uuid::Uuid;

use crate::{
    StoreError,
    error::{coded, id, id_or_none},
    time::{instant, millis},
};

/// Something that was decided about a request, or about one of its claims.
#[derive(Debug, Clone)]
pub struct Decision {
    /// Identifies it.
    pub id: Uuid,
    /// The request.
    pub request: RequestId,
    /// The claim, where it is about one.
    pub claim: Option<ClaimId>,
    /// Who decided.
    pub actor: String,
    /// What.
    pub action: Action,
    /// Why: a code.
    pub reason: Option<String>,
    /// What staff wrote with it.
    pub note: Option<String>,
    /// The pupil that was picked.
    pub pupil: Option<MoodleUserId>,
    /// When.
    pub made_at: Timestamp,
}

#[derive(FromRow)]
struct DecisionRow {
    id: String,
    request_id: String,
    claim_id: Option<String>,
    actor: String,
    action: String,
    reason: Option<String>,
    note: Option<String>,
    pupil_id: Option<i64>,
    made_at: i64,
}

/// Adds decisions.
///
/// # Errors
/// [`StoreError`].
pub async fn insert(session: &mut impl Session, decisions: &[Decision]) -> Result<(), StoreError> {
    let rows = decisions
        .iter()
        .map(|decision| {
            [
                decision.id.to_string().into(),
                decision.request.to_string().into(),
                decision.claim.map(|claim| claim.to_string()).into(),
                decision.actor.as_str().into(),
                decision.action.code().into(),
                decision.reason.as_deref().into(),
                decision.note.as_deref().into(),
                decision.pupil.map(|pupil| pupil.0).into(),
                Value::from(millis(decision.made_at)),
            ]
        })
        .collect();
    let insert = "INSERT INTO decisions (id, request_id, claim_id, actor, action, reason, note, pupil_id, made_at)";
    insert_many(session, insert, rows, "").await?;
    Ok(())
}

/// Every decision about whole requests of which at least one was made at or after `since`, oldest first: request, what, when.
///
/// # Errors
/// [`StoreError`].
pub async fn of_decided_since(
    session: &mut impl Session,
    since: Timestamp,
) -> Result<Vec<(RequestId, Action, Timestamp)>, StoreError> {
    let sql = "SELECT request_id, action, made_at FROM decisions WHERE claim_id IS NULL AND request_id IN \
               (SELECT request_id FROM decisions WHERE made_at >= ?) ORDER BY made_at, id";
    let rows: Vec<(String, String, i64)> = session.fetch_all(sql, [millis(since).into()]).await?;
    rows.into_iter()
        .map(|(request, action, at)| {
            Ok((
                id(&request, "decisions.request_id")?,
                coded(Action::from_code(&action), "decisions.action")?,
                instant(at),
            ))
        })
        .collect()
}

/// The decisions about a request, oldest first.
///
/// # Errors
/// [`StoreError`].
pub async fn of_request(session: &mut impl Session, request: RequestId) -> Result<Vec<Decision>, StoreError> {
    of_requests(session, &[request]).await
}

/// The decisions about these requests, oldest first.
///
/// # Errors
/// [`StoreError`].
pub async fn of_requests(session: &mut impl Session, requests: &[RequestId]) -> Result<Vec<Decision>, StoreError> {
    let sql = format!(
        "SELECT id, request_id, claim_id, actor, action, reason, note, pupil_id, made_at FROM decisions \
         WHERE request_id IN {} ORDER BY made_at, id",
        in_list(requests.len())
    );
    let args: Vec<Value> = requests.iter().map(|request| request.to_string().into()).collect();
    let rows: Vec<DecisionRow> = session.fetch_all(&sql, args).await?;
    rows.into_iter()
        .map(|row| {
            Ok(Decision {
                id: row.id.parse().map_err(|_| StoreError::Corrupt("decisions.id"))?,
                request: id(&row.request_id, "decisions.request_id")?,
                claim: id_or_none(row.claim_id.as_deref(), "decisions.claim_id")?,
                actor: row.actor,
                action: coded(Action::from_code(&row.action), "decisions.action")?,
                reason: row.reason,
                note: row.note,
                pupil: row.pupil_id.map(MoodleUserId),
                made_at: instant(row.made_at),
            })
        })
        .collect()
}
