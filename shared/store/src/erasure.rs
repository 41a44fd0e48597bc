//! Taking people's data out of the rest: requests and adults that are erased, and the list of erasures that were asked for.
//!
//! What was never approved is removed. What was, keeps its row with ids, states and times: links, the ledger and the audit
//! name it, and role rows in Moodle bear the link's number; names, addresses and words are replaced. The audit is not
//! touched: it holds ids only.

use kinlink_db::{Session, Value, in_list};
use kinlink_domain::{
    Timestamp,
    email_change::End,
    ids::{AdultId, ErasureId, RequestId},
    retention::{ERASED_ADULT, ERASED_CHILD, ERASED_DOMAIN, ERASED_GIVEN_NAME},
};
use sqlx::FromRow;

use crate::{
    StoreError, Tx,
    error::{id, id_or_none},
    requests::{searched, sort_name},
    retention::{BLANK_SUBMISSION, by_id, delete, pairs, texts},
    time::{instant, millis},
};

/// The erasure of somebody's data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erasure {
    /// Its id.
    pub id: ErasureId,
    /// The adult, if it is one who was accepted.
    pub adult: Option<AdultId>,
    /// The request, if its adult was not.
    pub request: Option<RequestId>,
    /// Who asked for it: an actor's name.
    pub asked_by: String,
    /// When.
    pub asked_at: Timestamp,
    /// When it was done; until then it waits for Moodle.
    pub erased_at: Option<Timestamp>,
}

#[derive(FromRow)]
struct ErasureRow {
    id: String,
    adult_id: Option<String>,
    request_id: Option<String>,
    asked_by: String,
    asked_at: i64,
    erased_at: Option<i64>,
}

impl TryFrom<ErasureRow> for Erasure {
    type Error = StoreError;
    fn try_from(row: ErasureRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: id(&row.id, "erasures.id")?,
            adult: id_or_none(row.adult_id.as_deref(), "erasures.adult_id")?,
            request: id_or_none(row.request_id.as_deref(), "erasures.request_id")?,
            asked_by: row.asked_by,
            asked_at: instant(row.asked_at),
            erased_at: row.erased_at.map(instant),
        })
    }
}

/// Why the links of somebody erased have ended, as far as anybody may still know.
const ERASED: &str = "erased";

const ERASURE: &str = "SELECT id, adult_id, request_id, asked_by, asked_at, erased_at FROM erasures";

/// Stores an erasure that was asked for.
///
/// # Errors
/// A duplicate when the same was asked for before.
pub async fn insert(session: &mut impl Session, erasure: &Erasure) -> Result<(), StoreError> {
    let sql =
        "INSERT INTO erasures (id, adult_id, request_id, asked_by, asked_at, erased_at) VALUES (?, ?, ?, ?, ?, ?)";
    let args = [
        erasure.id.to_string().into(),
        erasure.adult.map(|adult| adult.to_string()).into(),
        erasure.request.map(|request| request.to_string()).into(),
        erasure.asked_by.as_str().into(),
        millis(erasure.asked_at).into(),
        Value::from(erasure.erased_at.map(millis)),
    ];
    session.execute(sql, args).await?;
    Ok(())
}

/// The erasure of an adult.
///
/// # Errors
/// [`StoreError`].
pub async fn of_adult(session: &mut impl Session, adult: AdultId) -> Result<Option<Erasure>, StoreError> {
    Ok(fetch(session, "WHERE adult_id = ?", vec![adult.to_string().into()]).await?.pop())
}

/// Erasures, the newest first; with `waiting` only those that are not done.
///
/// # Errors
/// [`StoreError`].
pub async fn list(session: &mut impl Session, waiting: bool, limit: u32) -> Result<Vec<Erasure>, StoreError> {
    let end = if waiting { "WHERE erased_at IS NULL ORDER BY id" } else { "ORDER BY id DESC" };
    fetch(session, &format!("{end} LIMIT ?"), vec![i64::from(limit).into()]).await
}

async fn fetch(session: &mut impl Session, end: &str, args: Vec<Value>) -> Result<Vec<Erasure>, StoreError> {
    let rows: Vec<ErasureRow> = session.fetch_all(&format!("{ERASURE} {end}"), args).await?;
    rows.into_iter().map(Erasure::try_from).collect()
}

/// Notes that an erasure is done.
///
/// # Errors
/// [`StoreError::Stale`] when it was done before, or was dropped.
pub async fn finish(session: &mut impl Session, erasure: ErasureId, now: Timestamp) -> Result<(), StoreError> {
    let sql = "UPDATE erasures SET erased_at = ? WHERE id = ? AND erased_at IS NULL";
    one(session.execute(sql, [millis(now).into(), Value::from(erasure.to_string())]).await?)
}

/// Forgets an erasure that waits: its adult was given access again.
///
/// # Errors
/// [`StoreError::Stale`] when it is done, or was dropped before.
pub async fn drop_waiting(session: &mut impl Session, erasure: ErasureId) -> Result<(), StoreError> {
    let sql = "DELETE FROM erasures WHERE id = ? AND erased_at IS NULL";
    one(session.execute(sql, [Value::from(erasure.to_string())]).await?)
}

fn one(rows: u64) -> Result<(), StoreError> {
    if rows == 1 { Ok(()) } else { Err(StoreError::Stale("the erasure")) }
}

/// What stands in the way of erasing an adult.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// How many links are in force.
    pub links: i64,
    /// How many login rows they have.
    pub login_rows: i64,
    /// How many role rows of ours Moodle may still hold.
    pub role_rows: i64,
    /// How many jobs the provisioner has not seen to. Until then Moodle may hold more than the ledger knows, and sessions that
    /// are to be ended by the user name that erasing takes.
    pub jobs: i64,
    /// Whether they are erased already.
    pub erased: bool,
}

impl Standing {
    /// Whether nothing of the adult's is left to be done in Moodle.
    #[must_use]
    pub const fn is_settled(&self) -> bool {
        self.role_rows == 0 && self.jobs == 0
    }
}

/// How an adult stands; none when there is no such adult.
///
/// # Errors
/// [`StoreError`].
pub async fn standing(session: &mut impl Session, adult: AdultId) -> Result<Option<Standing>, StoreError> {
    let sql = "SELECT (SELECT COUNT(*) FROM links k WHERE k.adult_id = a.id AND k.active = 1), \
               (SELECT COUNT(*) FROM login_rows w WHERE w.adult_id = a.id), \
               (SELECT COUNT(*) FROM ledger g WHERE g.adult_id = a.id AND g.state <> 'removed'), \
               (SELECT COUNT(*) FROM jobs j WHERE j.adult_id = a.id AND (j.state = 'ready' OR (j.state = 'dead' AND j.priority = 0))), a.erased_at \
               FROM adults a WHERE a.id = ?";
    let row: Option<(i64, i64, i64, i64, Option<i64>)> =
        session.fetch_optional(sql, [adult.to_string().into()]).await?;
    Ok(row.map(|(links, login_rows, role_rows, jobs, erased)| Standing {
        links,
        login_rows,
        role_rows,
        jobs,
        erased: erased.is_some(),
    }))
}

/// The condition that two tables name the same person: as people compare names, whether in one word or two
/// (`kinlink_domain::fold::fold`).
pub(crate) fn same_name(one: &str, other: &str) -> String {
    format!("REPLACE({one}.sort_name, ' ', '') = REPLACE({other}.sort_name, ' ', '')")
}

/// The condition that an adult has or had a request's address.
pub(crate) fn same_address(adult: &str, request: &str) -> String {
    format!(
        "({adult}.email = {request}.email \
         OR EXISTS (SELECT 1 FROM requests o WHERE o.adult_id = {adult}.id AND o.email = {request}.email) \
         OR EXISTS (SELECT 1 FROM email_changes c WHERE c.adult_id = {adult}.id AND c.outcome = '{}' AND c.email = {request}.email))",
        End::Done.code()
    )
}

/// Requests to erase: their id, reference, and whether an adult was accepted by them.
#[derive(Debug, Clone, Default)]
pub struct Requests(Vec<(String, String, bool)>);

impl Requests {
    /// Requests by their ids.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn by_ids(session: &mut impl Session, ids: &[String]) -> Result<Self, StoreError> {
        Self::fetch(session, &format!("id IN {}", in_list(ids.len())), texts(ids)).await
    }

    /// Every request of these adults, and those with their name and an address of theirs, today's or an earlier one, that staff
    /// never accepted: an adult is known by address and name. Of the latter only what was sent by then: what came later is a
    /// new beginning.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn of_adults(
        session: &mut impl Session,
        adults: &[AdultId],
        sent_by: Timestamp,
    ) -> Result<Self, StoreError> {
        let ids: Vec<String> = adults.iter().map(ToString::to_string).collect();
        let condition = format!(
            "adult_id IN {list} OR (adult_id IS NULL AND created_at <= ? AND EXISTS (SELECT 1 FROM adults a WHERE a.id IN \
             {list} AND {same_name} AND {same_address}))",
            list = in_list(ids.len()),
            same_name = same_name("a", "requests"),
            same_address = same_address("a", "requests")
        );
        let mut args = texts(&ids);
        args.push(millis(sent_by).into());
        args.extend(texts(&ids));
        Self::fetch(session, &condition, args).await
    }

    async fn fetch(session: &mut impl Session, condition: &str, args: Vec<Value>) -> Result<Self, StoreError> {
        let sql = format!("SELECT id, reference, adult_id FROM requests WHERE {condition} ORDER BY id");
        let rows: Vec<(String, String, Option<String>)> = session.fetch_all(&sql, args).await?;
        Ok(Self(rows.into_iter().map(|(id, reference, adult)| (id, reference, adult.is_some())).collect()))
    }

    /// Their ids.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`].
    pub fn ids(&self) -> Result<Vec<RequestId>, StoreError> {
        self.0.iter().map(|(request, ..)| id(request, "requests.id")).collect()
    }
}

/// Erases requests: removes those that were never approved, with everything about them, and takes the personal data out of
/// the others.
///
/// # Errors
/// [`StoreError`].
pub async fn erase_requests(tx: &mut Tx<'_>, requests: &Requests, now: Timestamp) -> Result<(), StoreError> {
    if requests.0.is_empty() {
        return Ok(());
    }
    let all: Vec<String> = requests.0.iter().map(|(id, ..)| id.clone()).collect();
    let references: Vec<String> = requests.0.iter().map(|(_, reference, _)| reference.clone()).collect();
    for (table, column) in [("mails", "request_id"), ("questions", "request_id"), ("email_proofs", "request_id")] {
        delete(tx, table, column, &all).await?;
    }
    delete(tx, "idempotency_keys", "response", &references).await?;
    let removed: Vec<String> = requests.0.iter().filter(|(.., known)| !known).map(|(id, ..)| id.clone()).collect();
    for (table, column) in [("decisions", "request_id"), ("claims", "request_id"), ("requests", "id")] {
        delete(tx, table, column, &removed).await?;
    }
    let kept: Vec<(String, String)> = requests
        .0
        .iter()
        .filter(|(.., known)| *known)
        .map(|(id, reference, _)| {
            (id.clone(), searched(&format!("{reference} {ERASED_GIVEN_NAME} {ERASED_ADULT}"), ""))
        })
        .collect();
    pseudonymise_requests(tx, &kept, now).await
}

/// Takes the personal data out of requests; what is still open or in force of them is not any more.
async fn pseudonymise_requests(
    tx: &mut Tx<'_>,
    searched: &[(String, String)],
    now: Timestamp,
) -> Result<(), StoreError> {
    let ids: Vec<String> = searched.iter().map(|(id, _)| id.clone()).collect();
    let list = in_list(ids.len());
    let sql = format!(
        "UPDATE requests SET title = NULL, given_name = ?, family_name = ?, sort_name = ?, email = NULL, email_typed = '', \
         comment_text = '', faults = '[]', submitted = '{BLANK_SUBMISSION}', staff_note = '', dedup_key = NULL, \
         status = CASE WHEN status IN ('denied', 'duplicate', 'bogus', 'withdrawn', 'expired') THEN status ELSE 'withdrawn' END, \
         version = version + 1, erased_at = ?, search_text = {} WHERE id IN {list}",
        by_id(searched.len())
    );
    let mut args: Vec<Value> = vec![
        ERASED_GIVEN_NAME.into(),
        ERASED_ADULT.into(),
        sort_name(ERASED_ADULT, ERASED_GIVEN_NAME).into(),
        millis(now).into(),
    ];
    args.extend(pairs(searched));
    args.extend(texts(&ids));
    if !ids.is_empty() {
        tx.execute(&sql, args).await?;
    }
    let sql = format!(
        "UPDATE claims SET given_name = ?, family_name = ?, tutor_group = NULL, admission_number = NULL, outcome = NULL, \
         outcome_at = NULL, state = CASE state WHEN 'approved' THEN 'withdrawn' WHEN 'open' THEN 'denied' ELSE state END \
         WHERE request_id IN {list}"
    );
    let mut args: Vec<Value> = vec![ERASED_GIVEN_NAME.into(), ERASED_CHILD.into()];
    args.extend(texts(&ids));
    tx.execute(&sql, args).await?;
    tx.execute(&format!("UPDATE decisions SET note = NULL WHERE request_id IN {list}"), texts(&ids)).await?;
    Ok(())
}

/// Erases adults who have no access any more, with the requests that they had `sent_by` then, mails and changes of addresses.
/// Their rows stay as pseudonyms: links and the ledger name them.
///
/// # Errors
/// [`StoreError`].
pub async fn erase_adults(
    tx: &mut Tx<'_>,
    adults: &[AdultId],
    sent_by: Timestamp,
    now: Timestamp,
) -> Result<(), StoreError> {
    let requests = Requests::of_adults(tx, adults, sent_by).await?;
    erase_requests(tx, &requests, now).await?;
    let ids: Vec<String> = adults.iter().map(ToString::to_string).collect();
    for table in ["mails", "email_changes"] {
        delete(tx, table, "adult_id", &ids).await?;
    }
    let sql = format!(
        "UPDATE adults SET title = NULL, given_name = ?, family_name = ?, sort_name = ?, \
         email = CONCAT('erased-', id, '@{ERASED_DOMAIN}'), username = NULL, picked_user_id = NULL, erased_at = ? WHERE id IN {}",
        in_list(ids.len())
    );
    let mut args: Vec<Value> = vec![
        ERASED_GIVEN_NAME.into(),
        ERASED_ADULT.into(),
        sort_name(ERASED_ADULT, ERASED_GIVEN_NAME).into(),
        millis(now).into(),
    ];
    args.extend(texts(&ids));
    tx.execute(&sql, args).await?;
    // What ended because a pupil left could be given back; nobody is there any more to whom.
    let sql =
        format!("UPDATE links SET end_reason = '{ERASED}' WHERE active = 0 AND adult_id IN {}", in_list(ids.len()));
    tx.execute(&sql, texts(&ids)).await?;
    Ok(())
}
