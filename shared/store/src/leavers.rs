//! Pupils who have left while somebody is still linked to them, and what is to end because of it.
//!
//! A pupil stands in `leavers` from the first look that finds them gone until they are back or nobody is linked to them any
//! more. When an adult's last link ended is read from the links. What does not live here: who counts as having left
//! ([`kinlink_domain::leaving`]).

use kinlink_db::{Session, Value, in_list, insert_many};
use kinlink_domain::{
    Timestamp,
    ids::{AdultId, LinkId, MoodleUserId},
    leaving::{Departure, PUPIL_LEFT},
};

use crate::{
    StoreError,
    error::{coded, id},
    time::{instant, millis},
};

/// A pupil who has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leaver {
    /// The pupil.
    pub pupil: MoodleUserId,
    /// Why they count as having left.
    pub reason: Departure,
    /// Since when that is known.
    pub since: Timestamp,
}

type LeaverRow = (i64, String, i64);

fn leaver((pupil, reason, since): LeaverRow) -> Result<Leaver, StoreError> {
    let reason = coded(Departure::from_code(&reason), "leavers.reason")?;
    Ok(Leaver { pupil: MoodleUserId(pupil), reason, since: instant(since) })
}

/// A page of the pupils to whom somebody is linked, by id, behind `after`.
///
/// # Errors
/// [`StoreError`].
pub async fn linked_pupils(
    session: &mut impl Session,
    after: MoodleUserId,
    limit: u32,
) -> Result<Vec<MoodleUserId>, StoreError> {
    let sql = "SELECT DISTINCT pupil_id FROM links WHERE active = 1 AND pupil_id > ? ORDER BY pupil_id LIMIT ?";
    let rows: Vec<(i64,)> = session.fetch_all(sql, [after.0.into(), Value::from(i64::from(limit))]).await?;
    Ok(rows.into_iter().map(|(pupil,)| MoodleUserId(pupil)).collect())
}

/// Those of these pupils who are noted as having left, in no order.
///
/// # Errors
/// [`StoreError`].
pub async fn of_pupils(session: &mut impl Session, pupils: &[MoodleUserId]) -> Result<Vec<Leaver>, StoreError> {
    let sql = format!("SELECT pupil_id, reason, since FROM leavers WHERE pupil_id IN {}", in_list(pupils.len()));
    let rows: Vec<LeaverRow> = session.fetch_all(&sql, numbers(pupils)).await?;
    rows.into_iter().map(leaver).collect()
}

/// Notes pupils as having left; for one who is noted already the reason, not the time.
///
/// # Errors
/// [`StoreError`].
pub async fn note(session: &mut impl Session, leavers: &[Leaver]) -> Result<(), StoreError> {
    let rows = leavers
        .iter()
        .map(|leaver| [leaver.pupil.0.into(), leaver.reason.code().into(), Value::from(millis(leaver.since))])
        .collect();
    let end = session.engine().or_update("pupil_id", &["reason"]);
    insert_many(session, "INSERT INTO leavers (pupil_id, reason, since)", rows, &end).await?;
    Ok(())
}

/// Forgets pupils who are back. Gives their number.
///
/// # Errors
/// [`StoreError`].
pub async fn forget(session: &mut impl Session, pupils: &[MoodleUserId]) -> Result<u64, StoreError> {
    let sql = format!("DELETE FROM leavers WHERE pupil_id IN {}", in_list(pupils.len()));
    Ok(session.execute(&sql, numbers(pupils)).await?)
}

/// Forgets pupils to whom nobody is linked any more. Gives their number.
///
/// # Errors
/// [`StoreError`].
pub async fn forget_unlinked(session: &mut impl Session) -> Result<u64, StoreError> {
    let sql = "DELETE FROM leavers WHERE NOT EXISTS (SELECT 1 FROM links WHERE links.pupil_id = leavers.pupil_id AND \
               links.active = 1)";
    Ok(session.execute(sql, []).await?)
}

/// The links in force to these pupils, with their adults, by id. Held until the end of the transaction.
///
/// # Errors
/// [`StoreError`].
pub async fn hold_links(
    session: &mut impl Session,
    pupils: &[MoodleUserId],
) -> Result<Vec<(LinkId, AdultId, MoodleUserId)>, StoreError> {
    let sql = format!(
        "SELECT id, adult_id, pupil_id FROM links WHERE active = 1 AND pupil_id IN {} ORDER BY id{}",
        in_list(pupils.len()),
        session.engine().for_update()
    );
    let rows: Vec<(i64, String, i64)> = session.fetch_all(&sql, numbers(pupils)).await?;
    rows.into_iter()
        .map(|(link, adult, pupil)| Ok((LinkId(link), id(&adult, "links.adult_id")?, MoodleUserId(pupil))))
        .collect()
}

/// How many adults are linked to each of these pupils; none is missing here.
///
/// # Errors
/// [`StoreError`].
pub async fn count_adults(
    session: &mut impl Session,
    pupils: &[MoodleUserId],
) -> Result<Vec<(MoodleUserId, i64)>, StoreError> {
    let sql = format!(
        "SELECT pupil_id, COUNT(*) FROM links WHERE active = 1 AND pupil_id IN {} GROUP BY pupil_id",
        in_list(pupils.len())
    );
    let rows: Vec<(i64, i64)> = session.fetch_all(&sql, numbers(pupils)).await?;
    Ok(rows.into_iter().map(|(pupil, adults)| (MoodleUserId(pupil), adults)).collect())
}

/// What holds of an adult of whom no link is in force and whose last one ended because the pupil left.
const LEFT_BEHIND: &str = "MAX(l.active) = 0 AND MAX(CASE WHEN l.end_reason = ? THEN l.ended_at END) = MAX(l.ended_at)";

/// A page of the adults with a login row whose last link ended before `before`, because the pupil left, with that moment; by
/// id, behind `after`.
///
/// # Errors
/// [`StoreError`].
pub async fn left_behind(
    session: &mut impl Session,
    before: Timestamp,
    after: Option<AdultId>,
    limit: u32,
) -> Result<Vec<(AdultId, Timestamp)>, StoreError> {
    let sql = format!(
        "SELECT r.adult_id, MAX(l.ended_at) FROM login_rows r JOIN links l ON l.adult_id = r.adult_id WHERE r.adult_id > ? \
         GROUP BY r.adult_id HAVING {LEFT_BEHIND} AND MAX(l.ended_at) < ? ORDER BY r.adult_id LIMIT ?"
    );
    let args: [Value; 4] = [
        after.map_or_else(String::new, |adult| adult.to_string()).into(),
        PUPIL_LEFT.into(),
        millis(before).into(),
        i64::from(limit).into(),
    ];
    let rows: Vec<(String, i64)> = session.fetch_all(&sql, args).await?;
    rows.into_iter().map(|(adult, ended)| Ok((id(&adult, "login_rows.adult_id")?, instant(ended)))).collect()
}

fn numbers(pupils: &[MoodleUserId]) -> Vec<Value> {
    pupils.iter().map(|pupil| Value::from(pupil.0)).collect()
}
