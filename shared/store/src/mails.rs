//! Mails to send: written in the transaction that causes them, delivered later.

use kinlink_db::{Session, Value, insert_many};
use kinlink_domain::{
    Timestamp,
    email::EmailAddress,
    ids::{AdultId, MailId, RequestId},
};
use sqlx::FromRow;

use crate::{
    StoreError,
    error::{id, id_or_none},
    time::{instant, millis},
};

/// A mail.
#[derive(Debug, Clone)]
pub struct Mail {
    /// Its id.
    pub id: MailId,
    /// The request it is about.
    pub request: Option<RequestId>,
    /// The adult it is about.
    pub adult: Option<AdultId>,
    /// To whom.
    pub recipient: EmailAddress,
    /// Which letter, as JSON; never a secret.
    pub letter: String,
    /// At most one mail with the same key is ever stored.
    pub once_key: Option<String>,
    /// `queued`, `sent`, `suppressed` or `failed`.
    pub state: String,
    /// How often it was tried.
    pub attempts: i64,
    /// Not before this instant.
    pub available_at: Timestamp,
    /// When it was caused.
    pub created_at: Timestamp,
    /// When it was sent.
    pub sent_at: Option<Timestamp>,
    /// Why it failed or was suppressed: a code.
    pub fault: Option<String>,
}

#[derive(FromRow)]
struct MailRow {
    id: String,
    request_id: Option<String>,
    adult_id: Option<String>,
    recipient: String,
    letter: String,
    once_key: Option<String>,
    state: String,
    attempts: i64,
    available_at: i64,
    created_at: i64,
    sent_at: Option<i64>,
    fault: Option<String>,
}

impl TryFrom<MailRow> for Mail {
    type Error = StoreError;
    fn try_from(row: MailRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: id(&row.id, "mails.id")?,
            request: id_or_none(row.request_id.as_deref(), "mails.request_id")?,
            adult: id_or_none(row.adult_id.as_deref(), "mails.adult_id")?,
            recipient: EmailAddress::parse(&row.recipient).map_err(|_| StoreError::Corrupt("mails.recipient"))?,
            letter: row.letter,
            once_key: row.once_key,
            state: row.state,
            attempts: row.attempts,
            available_at: instant(row.available_at),
            created_at: instant(row.created_at),
            sent_at: row.sent_at.map(instant),
            fault: row.fault,
        })
    }
}

const MAIL: &str = "SELECT id, request_id, adult_id, recipient, letter, once_key, state, attempts, available_at, created_at, \
     sent_at, fault FROM mails";

/// Queues mails. One whose `once_key` was used before is dropped silently.
///
/// # Errors
/// [`StoreError`].
pub async fn enqueue(session: &mut impl Session, mails: &[Mail]) -> Result<(), StoreError> {
    let rows = mails
        .iter()
        .map(|mail| {
            [
                mail.id.to_string().into(),
                mail.request.map(|request| request.to_string()).into(),
                mail.adult.map(|adult| adult.to_string()).into(),
                mail.recipient.as_str().into(),
                mail.letter.as_str().into(),
                mail.once_key.as_deref().into(),
                "queued".into(),
                0_i64.into(),
                millis(mail.available_at).into(),
                Value::from(millis(mail.created_at)),
            ]
        })
        .collect();
    let insert = "INSERT INTO mails (id, request_id, adult_id, recipient, letter, once_key, state, attempts, available_at, \
                  created_at)";
    let end = session.engine().or_ignore("once_key");
    insert_many(session, insert, rows, &end).await?;
    Ok(())
}

/// The mails that are due, oldest first.
///
/// # Errors
/// [`StoreError`].
pub async fn due(session: &mut impl Session, now: Timestamp, limit: u32) -> Result<Vec<Mail>, StoreError> {
    let sql = format!("{MAIL} WHERE state = 'queued' AND available_at <= ? ORDER BY available_at, id LIMIT ?");
    fetch(session, &sql, vec![millis(now).into(), i64::from(limit).into()]).await
}

/// The newest mails, whatever their state.
///
/// # Errors
/// [`StoreError`].
pub async fn newest(session: &mut impl Session, limit: u32) -> Result<Vec<Mail>, StoreError> {
    fetch(session, &format!("{MAIL} ORDER BY created_at DESC, id DESC LIMIT ?"), vec![i64::from(limit).into()]).await
}

/// The mails about a request, oldest first.
///
/// # Errors
/// [`StoreError`].
pub async fn of_request(session: &mut impl Session, request: RequestId) -> Result<Vec<Mail>, StoreError> {
    let sql = format!("{MAIL} WHERE request_id = ? ORDER BY created_at, id");
    fetch(session, &sql, vec![request.to_string().into()]).await
}

async fn fetch(session: &mut impl Session, sql: &str, args: Vec<Value>) -> Result<Vec<Mail>, StoreError> {
    let rows: Vec<MailRow> = session.fetch_all(sql, args).await?;
    rows.into_iter().map(Mail::try_from).collect()
}

/// Takes a due mail for sending: counts the try and hides it until `until`, so that a second sender leaves it alone.
/// `false` when somebody else took it.
///
/// # Errors
/// [`StoreError`].
pub async fn take(session: &mut impl Session, mail: &Mail, until: Timestamp) -> Result<bool, StoreError> {
    let sql =
        "UPDATE mails SET attempts = attempts + 1, available_at = ? WHERE id = ? AND state = 'queued' AND attempts = ?";
    let args = [millis(until).into(), mail.id.to_string().into(), Value::from(mail.attempts)];
    Ok(session.execute(sql, args).await? == 1)
}

/// Ends a mail: `sent`, `suppressed` or `failed`, with a code for the latter two.
///
/// # Errors
/// [`StoreError`].
pub async fn end(
    session: &mut impl Session,
    mail: MailId,
    state: &str,
    fault: Option<&str>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let sql = "UPDATE mails SET state = ?, sent_at = ?, fault = ? WHERE id = ?";
    let args = [state.into(), millis(now).into(), fault.into(), Value::from(mail.to_string())];
    session.execute(sql, args).await?;
    Ok(())
}

/// Puts a mail off that a server did not take.
///
/// # Errors
/// [`StoreError`].
pub async fn postpone(session: &mut impl Session, mail: MailId, until: Timestamp) -> Result<(), StoreError> {
    let sql = "UPDATE mails SET available_at = ? WHERE id = ? AND state = 'queued'";
    session.execute(sql, [millis(until).into(), Value::from(mail.to_string())]).await?;
    Ok(())
}
