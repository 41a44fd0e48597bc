//! What the store holds about one person and no other module reads: for the copy of their data that a person may ask for.

use kinlink_db::{Session, Value, in_list};
use kinlink_domain::{
    Timestamp,
    ids::{AdultId, LinkId, MoodleUserId, RequestId},
};
use sqlx::FromRow;

use crate::{
    StoreError,
    error::{id, id_or_none},
    time::instant,
};

/// A mail that was sent.
#[derive(Debug, Clone)]
pub struct SentMail {
    /// Which letter, as JSON.
    pub letter: String,
    /// To whom.
    pub recipient: String,
    /// When.
    pub sent_at: Timestamp,
}

/// The mails that were sent to an adult, or about these requests, oldest first.
///
/// # Errors
/// [`StoreError`].
pub async fn sent_mails(
    session: &mut impl Session,
    adult: AdultId,
    requests: &[RequestId],
) -> Result<Vec<SentMail>, StoreError> {
    let sql = format!(
        "SELECT letter, recipient, sent_at FROM mails WHERE state = 'sent' AND (adult_id = ? OR request_id IN {}) \
         ORDER BY sent_at, id",
        in_list(requests.len())
    );
    let mut args: Vec<Value> = vec![adult.to_string().into()];
    args.extend(requests.iter().map(|request| Value::from(request.to_string())));
    let rows: Vec<(String, String, i64)> = session.fetch_all(&sql, args).await?;
    Ok(rows
        .into_iter()
        .map(|(letter, recipient, sent_at)| SentMail { letter, recipient, sent_at: instant(sent_at) })
        .collect())
}

/// The addresses that an adult was to get, with when each was asked for and how that ended, oldest first.
///
/// # Errors
/// [`StoreError`].
pub async fn email_changes(
    session: &mut impl Session,
    adult: AdultId,
) -> Result<Vec<(String, Timestamp, Option<String>)>, StoreError> {
    let sql = "SELECT email, created_at, outcome FROM email_changes WHERE adult_id = ? ORDER BY created_at, id";
    let rows: Vec<(String, i64, Option<String>)> = session.fetch_all(sql, [adult.to_string().into()]).await?;
    Ok(rows.into_iter().map(|(email, at, outcome)| (email, instant(at), outcome)).collect())
}

/// A claim for which somebody picked the pupil.
#[derive(Debug, Clone)]
pub struct NamedClaim {
    /// Its request.
    pub request: RequestId,
    /// The adult, if they were accepted.
    pub adult: Option<AdultId>,
    /// Its link, if it was approved.
    pub link: Option<LinkId>,
    /// The child's given name, as it stands there.
    pub given_name: String,
    /// Family name.
    pub family_name: String,
    /// Tutor group.
    pub tutor_group: Option<String>,
    /// Admission number.
    pub admission_number: Option<String>,
    /// Where it stands: a code.
    pub state: String,
    /// When the request came.
    pub created_at: Timestamp,
}

#[derive(FromRow)]
struct NamedClaimRow {
    request_id: String,
    adult_id: Option<String>,
    link_id: Option<i64>,
    given_name: String,
    family_name: String,
    tutor_group: Option<String>,
    admission_number: Option<String>,
    state: String,
    created_at: i64,
}

/// The claims for which somebody picked this pupil, oldest first.
///
/// # Errors
/// [`StoreError`].
pub async fn claims_of_pupil(session: &mut impl Session, pupil: MoodleUserId) -> Result<Vec<NamedClaim>, StoreError> {
    let sql = "SELECT c.request_id, r.adult_id, c.link_id, c.given_name, c.family_name, c.tutor_group, c.admission_number, \
               c.state, r.created_at FROM claims c JOIN requests r ON r.id = c.request_id WHERE c.pupil_id = ? \
               ORDER BY r.created_at, c.id";
    let rows: Vec<NamedClaimRow> = session.fetch_all(sql, [pupil.0.into()]).await?;
    rows.into_iter()
        .map(|row| {
            Ok(NamedClaim {
                request: id(&row.request_id, "claims.request_id")?,
                adult: id_or_none(row.adult_id.as_deref(), "requests.adult_id")?,
                link: row.link_id.map(LinkId),
                given_name: row.given_name,
                family_name: row.family_name,
                tutor_group: row.tutor_group,
                admission_number: row.admission_number,
                state: row.state,
                created_at: instant(row.created_at),
            })
        })
        .collect()
}

/// What was decided about a pupil, oldest first: what, by whom, when.
///
/// # Errors
/// [`StoreError`].
pub async fn decisions_about(
    session: &mut impl Session,
    pupil: MoodleUserId,
) -> Result<Vec<(String, String, Timestamp)>, StoreError> {
    let sql = "SELECT action, actor, made_at FROM decisions WHERE pupil_id = ? OR claim_id IN \
               (SELECT id FROM claims WHERE claims.pupil_id = ?) ORDER BY made_at, id";
    let rows: Vec<(String, String, i64)> = session.fetch_all(sql, [pupil.0.into(), Value::from(pupil.0)]).await?;
    Ok(rows.into_iter().map(|(action, actor, at)| (action, actor, instant(at))).collect())
}
