//! Links: adult ↔ pupil, approved; the cause of a role row in Moodle. One row a pair, for ever.

use kinlink_db::{Int, Session, Value, in_list};
use kinlink_domain::{
    Timestamp,
    ids::{AdultId, ClaimId, LinkId, MoodleUserId},
};
use sqlx::FromRow;

use crate::{
    StoreError,
    error::id,
    time::{instant, millis},
};

/// A link.
#[derive(Debug, Clone)]
pub struct Link {
    /// Its id: `itemid` of its role row.
    pub id: LinkId,
    /// The adult.
    pub adult: AdultId,
    /// The pupil: a Moodle user.
    pub pupil: MoodleUserId,
    /// The claim that was approved last.
    pub claim: ClaimId,
    /// Whether it is in force.
    pub active: bool,
    /// When it came into force, the last time.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Why it ended: a code.
    pub end_reason: Option<String>,
}

#[derive(FromRow)]
struct LinkRow {
    id: i64,
    adult_id: String,
    pupil_id: i64,
    claim_id: String,
    active: Int,
    started_at: i64,
    ended_at: Option<i64>,
    end_reason: Option<String>,
}

impl TryFrom<LinkRow> for Link {
    type Error = StoreError;
    fn try_from(row: LinkRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: LinkId(row.id),
            adult: id(&row.adult_id, "links.adult_id")?,
            pupil: MoodleUserId(row.pupil_id),
            claim: id(&row.claim_id, "links.claim_id")?,
            active: row.active.is_set(),
            started_at: instant(row.started_at),
            ended_at: row.ended_at.map(instant),
            end_reason: row.end_reason,
        })
    }
}

const LINK: &str = "SELECT id, adult_id, pupil_id, claim_id, active, started_at, ended_at, end_reason FROM links";

/// Brings the link of a pair into force, whether or not it existed; gives its id.
///
/// # Errors
/// [`StoreError`].
pub async fn activate(
    session: &mut impl Session,
    adult: AdultId,
    pupil: MoodleUserId,
    claim: ClaimId,
    now: Timestamp,
) -> Result<LinkId, StoreError> {
    let sql = format!(
        "INSERT INTO links (adult_id, pupil_id, claim_id, active, started_at, ended_at, end_reason) VALUES (?, ?, ?, 1, ?, ?, ?){}",
        session
            .engine()
            .or_update("adult_id, pupil_id", &["claim_id", "active", "started_at", "ended_at", "end_reason"])
    );
    let args = [
        adult.to_string().into(),
        pupil.0.into(),
        claim.to_string().into(),
        millis(now).into(),
        None::<i64>.into(),
        Value::from(None::<String>),
    ];
    session.execute(&sql, args).await?;
    let link = of_pair(session, adult, pupil).await?;
    link.map(|link| link.id).ok_or(StoreError::Stale("the link"))
}

/// Ends links that are in force. Gives the number ended.
///
/// # Errors
/// [`StoreError`].
pub async fn end(
    session: &mut impl Session,
    links: &[LinkId],
    reason: &str,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let sql = format!(
        "UPDATE links SET active = 0, ended_at = ?, end_reason = ? WHERE active = 1 AND id IN {}",
        in_list(links.len())
    );
    let mut args: Vec<Value> = vec![millis(now).into(), reason.into()];
    args.extend(links.iter().map(|link| Value::from(link.0)));
    Ok(session.execute(&sql, args).await?)
}

/// Brings links that ended into force again. Gives the number brought.
///
/// # Errors
/// [`StoreError`].
pub async fn resume(session: &mut impl Session, links: &[LinkId], now: Timestamp) -> Result<u64, StoreError> {
    let sql = format!(
        "UPDATE links SET active = 1, started_at = ?, ended_at = NULL, end_reason = NULL WHERE active = 0 AND id IN {}",
        in_list(links.len())
    );
    let mut args: Vec<Value> = vec![millis(now).into()];
    args.extend(links.iter().map(|link| Value::from(link.0)));
    Ok(session.execute(&sql, args).await?)
}

/// The link of a pair, in force or ended.
///
/// # Errors
/// [`StoreError`].
pub async fn of_pair(
    session: &mut impl Session,
    adult: AdultId,
    pupil: MoodleUserId,
) -> Result<Option<Link>, StoreError> {
    let sql = format!("{LINK} WHERE adult_id = ? AND pupil_id = ?");
    Ok(fetch(session, &sql, vec![adult.to_string().into(), pupil.0.into()]).await?.pop())
}

/// Every link of these adults, in force or ended, by id.
///
/// # Errors
/// [`StoreError`].
pub async fn of_adults(session: &mut impl Session, adults: &[AdultId]) -> Result<Vec<Link>, StoreError> {
    let sql = format!("{LINK} WHERE adult_id IN {} ORDER BY id", in_list(adults.len()));
    fetch(session, &sql, adults.iter().map(|adult| adult.to_string().into()).collect()).await
}

/// Links by their ids, by id.
///
/// # Errors
/// [`StoreError`].
pub async fn by_ids(session: &mut impl Session, links: &[LinkId]) -> Result<Vec<Link>, StoreError> {
    let sql = format!("{LINK} WHERE id IN {} ORDER BY id", in_list(links.len()));
    fetch(session, &sql, links.iter().map(|link| link.0.into()).collect()).await
}

/// Which links to list.
#[derive(Debug, Clone, Copy, Default)]
pub struct Filter {
    /// Only this adult's.
    pub adult: Option<AdultId>,
    /// Only this pupil's.
    pub pupil: Option<MoodleUserId>,
    /// Only those in force, or only those that ended.
    pub active: Option<bool>,
}

/// A page of links by id, behind `after`.
///
/// # Errors
/// [`StoreError`].
pub async fn list(
    session: &mut impl Session,
    filter: Filter,
    after: Option<LinkId>,
    limit: u32,
) -> Result<Vec<Link>, StoreError> {
    let mut sql = format!("{LINK} WHERE id > ?");
    let mut args: Vec<Value> = vec![after.map_or(0, |link| link.0).into()];
    if let Some(adult) = filter.adult {
        sql.push_str(" AND adult_id = ?");
        args.push(adult.to_string().into());
    }
    if let Some(pupil) = filter.pupil {
        sql.push_str(" AND pupil_id = ?");
        args.push(pupil.0.into());
    }
    if let Some(active) = filter.active {
        sql.push_str(" AND active = ?");
        args.push(active.into());
    }
    sql.push_str(" ORDER BY id LIMIT ?");
    args.push(i64::from(limit).into());
    fetch(session, &sql, args).await
}

async fn fetch(session: &mut impl Session, sql: &str, args: Vec<Value>) -> Result<Vec<Link>, StoreError> {
    let rows: Vec<LinkRow> = session.fetch_all(sql, args).await?;
    rows.into_iter().map(Link::try_from).collect()
}
