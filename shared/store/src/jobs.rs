//! The outbox: what is to be done in Moodle, one row a decision. The queue carries hints to these rows; they are the truth.

use kinlink_db::{Session, Value, in_list, insert_many};
use kinlink_domain::{
    Timestamp,
    ids::{AdultId, JobId, RequestId},
    outcome::Outcome,
    reference::Reference,
};
use sqlx::FromRow;

use crate::{
    StoreError,
    error::{coded, id, id_or_none},
    time::{instant, millis},
};

/// What comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// Taking access away.
    Removal = 0,
    /// Giving access.
    Grant = 1,
}

/// A job: "look at this adult".
#[derive(Debug, Clone)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// The adult to look at.
    pub adult: AdultId,
    /// The request whose decision made it.
    pub request: Option<RequestId>,
    /// What comes first.
    pub priority: Priority,
    /// How often it was tried.
    pub attempts: i64,
    /// Not before this instant.
    pub available_at: Timestamp,
}

/// How many jobs are in each state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct Backlog {
    /// To be done.
    pub ready: i64,
    /// Tried too often; a person must look.
    pub dead: i64,
}

#[derive(FromRow)]
struct JobRow {
    id: String,
    adult_id: String,
    request_id: Option<String>,
    priority: i64,
    attempts: i64,
    available_at: i64,
}

impl TryFrom<JobRow> for Job {
    type Error = StoreError;
    fn try_from(row: JobRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: id(&row.id, "jobs.id")?,
            adult: id(&row.adult_id, "jobs.adult_id")?,
            request: id_or_none(row.request_id.as_deref(), "jobs.request_id")?,
            priority: priority(row.priority),
            attempts: row.attempts,
            available_at: instant(row.available_at),
        })
    }
}

const fn priority(number: i64) -> Priority {
    if number == 0 { Priority::Removal } else { Priority::Grant }
}

const JOB: &str = "SELECT id, adult_id, request_id, priority, attempts, available_at FROM jobs";

/// Adds jobs, in the transaction of the decisions that cause them.
///
/// # Errors
/// [`StoreError`].
pub async fn insert(session: &mut impl Session, jobs: &[Job], now: Timestamp) -> Result<(), StoreError> {
    let rows = jobs
        .iter()
        .map(|job| {
            [
                job.id.to_string().into(),
                job.adult.to_string().into(),
                job.request.map(|request| request.to_string()).into(),
                "ready".into(),
                (job.priority as i64).into(),
                job.attempts.into(),
                millis(job.available_at).into(),
                Value::from(millis(now)),
            ]
        })
        .collect();
    let insert = "INSERT INTO jobs (id, adult_id, request_id, state, priority, attempts, available_at, created_at)";
    insert_many(session, insert, rows, "").await?;
    Ok(())
}

/// The jobs that are due, removals first, at most `limit`.
///
/// # Errors
/// [`StoreError`].
pub async fn due(session: &mut impl Session, now: Timestamp, limit: u32) -> Result<Vec<Job>, StoreError> {
    let sql = format!("{JOB} WHERE state = 'ready' AND available_at <= ? ORDER BY priority, available_at, id LIMIT ?");
    let rows: Vec<JobRow> = session.fetch_all(&sql, [millis(now).into(), Value::from(i64::from(limit))]).await?;
    rows.into_iter().map(Job::try_from).collect()
}

/// Those of these jobs that are still to be done, due or not.
///
/// # Errors
/// [`StoreError`].
pub async fn ready_of(session: &mut impl Session, jobs: &[JobId]) -> Result<Vec<Job>, StoreError> {
    let sql = format!("{JOB} WHERE state = 'ready' AND id IN {}", in_list(jobs.len()));
    let args: Vec<Value> = jobs.iter().map(|job| job.to_string().into()).collect();
    let rows: Vec<JobRow> = session.fetch_all(&sql, args).await?;
    rows.into_iter().map(Job::try_from).collect()
}

/// Whether a removal is due.
///
/// # Errors
/// [`StoreError`].
pub async fn removal_is_due(session: &mut impl Session, now: Timestamp) -> Result<bool, StoreError> {
    let sql = "SELECT id FROM jobs WHERE state = 'ready' AND available_at <= ? AND priority = 0 LIMIT 1";
    Ok(session.fetch_optional::<(String,)>(sql, [millis(now).into()]).await?.is_some())
}

/// Notes that the queue was told of these jobs.
///
/// # Errors
/// [`StoreError`].
pub async fn mark_sent(session: &mut impl Session, jobs: &[JobId], now: Timestamp) -> Result<(), StoreError> {
    let sql = format!("UPDATE jobs SET sent_at = ? WHERE id IN {}", in_list(jobs.len()));
    session.execute(&sql, with_ids(vec![millis(now).into()], jobs)).await?;
    Ok(())
}

/// Ends jobs: done.
///
/// # Errors
/// [`StoreError`].
pub async fn finish(session: &mut impl Session, jobs: &[JobId], outcome: Outcome) -> Result<(), StoreError> {
    let sql =
        format!("UPDATE jobs SET state = 'done', outcome = ? WHERE state = 'ready' AND id IN {}", in_list(jobs.len()));
    session.execute(&sql, with_ids(vec![outcome.code().into()], jobs)).await?;
    Ok(())
}

/// Puts jobs off.
///
/// # Errors
/// [`StoreError`].
pub async fn postpone(
    session: &mut impl Session,
    jobs: &[JobId],
    until: Timestamp,
    outcome: Outcome,
) -> Result<(), StoreError> {
    let sql = format!(
        "UPDATE jobs SET attempts = attempts + 1, available_at = ?, outcome = ? WHERE state = 'ready' AND id IN {}",
        in_list(jobs.len())
    );
    session.execute(&sql, with_ids(vec![millis(until).into(), outcome.code().into()], jobs)).await?;
    Ok(())
}

/// Gives jobs up until a person revives them.
///
/// # Errors
/// [`StoreError`].
pub async fn bury(session: &mut impl Session, jobs: &[JobId], outcome: Outcome) -> Result<(), StoreError> {
    let sql = format!(
        "UPDATE jobs SET state = 'dead', attempts = attempts + 1, outcome = ? WHERE state = 'ready' AND id IN {}",
        in_list(jobs.len())
    );
    session.execute(&sql, with_ids(vec![outcome.code().into()], jobs)).await?;
    Ok(())
}

/// Makes jobs due at once and forgets how often they were tried: those that were given up, and those that wait. `adult`
/// restricts it to one.
///
/// # Errors
/// [`StoreError`].
pub async fn revive(session: &mut impl Session, adult: Option<AdultId>, now: Timestamp) -> Result<u64, StoreError> {
    let mut sql =
        "UPDATE jobs SET state = 'ready', attempts = 0, available_at = ? WHERE state IN ('dead', 'ready')".to_owned();
    let mut args: Vec<Value> = vec![millis(now).into()];
    if let Some(adult) = adult {
        sql.push_str(" AND adult_id = ?");
        args.push(adult.to_string().into());
    }
    Ok(session.execute(&sql, args).await?)
}

/// Makes some of the jobs that were given up due at once, and forgets how often they were tried. Gives their number.
///
/// # Errors
/// [`StoreError`].
pub async fn revive_dead(session: &mut impl Session, jobs: &[JobId], now: Timestamp) -> Result<u64, StoreError> {
    let sql = format!(
        "UPDATE jobs SET state = 'ready', attempts = 0, available_at = ? WHERE state = 'dead' AND id IN {}",
        in_list(jobs.len())
    );
    Ok(session.execute(&sql, with_ids(vec![millis(now).into()], jobs)).await?)
}

/// A job that was given up, with whom it is about.
#[derive(Debug, Clone)]
pub struct Dead {
    /// The job.
    pub id: JobId,
    /// What comes first.
    pub priority: Priority,
    /// How often it was tried.
    pub attempts: i64,
    /// What was found the last time.
    pub outcome: Option<Outcome>,
    /// When it was made.
    pub created_at: Timestamp,
    /// The adult to look at.
    pub adult: AdultId,
    /// Their given and family name; none when there is no such adult.
    pub name: Option<(String, String)>,
    /// The request whose decision made it.
    pub request: Option<(RequestId, Reference)>,
}

#[derive(FromRow)]
struct DeadRow {
    id: String,
    priority: i64,
    attempts: i64,
    outcome: Option<String>,
    created_at: i64,
    adult_id: String,
    given_name: Option<String>,
    family_name: Option<String>,
    request_id: Option<String>,
    reference: Option<String>,
}

/// The jobs that were given up, oldest first.
///
/// # Errors
/// [`StoreError`].
pub async fn dead(session: &mut impl Session, limit: u32) -> Result<Vec<Dead>, StoreError> {
    let sql = "SELECT j.id, j.priority, j.attempts, j.outcome, j.created_at, j.adult_id, a.given_name, a.family_name, \
               j.request_id, r.reference FROM jobs j LEFT JOIN adults a ON a.id = j.adult_id LEFT JOIN requests r \
               ON r.id = j.request_id WHERE j.state = 'dead' ORDER BY j.created_at, j.id LIMIT ?";
    let rows: Vec<DeadRow> = session.fetch_all(sql, [i64::from(limit).into()]).await?;
    rows.into_iter()
        .map(|row| {
            let reference =
                row.reference.map(|text| text.parse().map_err(|_| StoreError::Corrupt("requests.reference")));
            Ok(Dead {
                id: id(&row.id, "jobs.id")?,
                priority: priority(row.priority),
                attempts: row.attempts,
                outcome: row.outcome.map(|code| coded(Outcome::from_code(&code), "jobs.outcome")).transpose()?,
                created_at: instant(row.created_at),
                adult: id(&row.adult_id, "jobs.adult_id")?,
                name: row.given_name.zip(row.family_name),
                request: id_or_none(row.request_id.as_deref(), "jobs.request_id")?.zip(reference.transpose()?),
            })
        })
        .collect()
}

/// How many jobs are due.
///
/// # Errors
/// [`StoreError`].
pub async fn count_due(session: &mut impl Session, now: Timestamp) -> Result<i64, StoreError> {
    let sql = "SELECT COUNT(*) FROM jobs WHERE state = 'ready' AND available_at <= ?";
    Ok(session.fetch_optional::<(i64,)>(sql, [millis(now).into()]).await?.map_or(0, |(count,)| count))
}

/// How many jobs wait, and how many were given up.
///
/// # Errors
/// [`StoreError`].
pub async fn backlog(session: &mut impl Session) -> Result<Backlog, StoreError> {
    let rows: Vec<(String, i64)> = session
        .fetch_all("SELECT state, COUNT(*) FROM jobs WHERE state IN ('ready', 'dead') GROUP BY state", [])
        .await?;
    let count = |state: &str| rows.iter().find(|(name, _)| name == state).map_or(0, |(_, count)| *count);
    Ok(Backlog { ready: count("ready"), dead: count("dead") })
}

fn with_ids(mut args: Vec<Value>, jobs: &[JobId]) -> Vec<Value> {
    args.extend(jobs.iter().map(|job| Value::from(job.to_string())));
    args
}
