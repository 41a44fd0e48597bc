//! Holds: what stops an adult, a pupil or the pair; which of them are in force, and whom that concerns.

use std::collections::{BTreeMap, BTreeSet};

use kinlink_db::{Session, Value, in_list};
use kinlink_domain::{
    Timestamp,
    email::EmailAddress,
    email_change,
    hold::{HeldAdult, Hold, HoldReason, HoldView, Stop, Stops, address_key},
    ids::{AdultId, HoldId, MoodleUserId},
};
use sqlx::FromRow;

use crate::{
    StoreError,
    error::{coded, id, id_or_none},
    time::{instant, millis},
};

#[derive(FromRow)]
struct HoldRow {
    id: String,
    adult_id: Option<String>,
    email: Option<String>,
    pupil_id: Option<i64>,
    reason: String,
    reference: String,
    from_at: i64,
    until_at: Option<i64>,
    placed_by: String,
    placed_at: i64,
    release_asked_by: Option<String>,
    release_asked_at: Option<i64>,
    released_by: Option<String>,
    released_at: Option<i64>,
}

impl TryFrom<HoldRow> for Hold {
    type Error = StoreError;
    fn try_from(row: HoldRow) -> Result<Self, StoreError> {
        let email = row.email.map(|email| EmailAddress::parse(&email)).transpose();
        Ok(Self {
            id: id(&row.id, "holds.id")?,
            adult: id_or_none(row.adult_id.as_deref(), "holds.adult_id")?,
            email: email.map_err(|_| StoreError::Corrupt("holds.email"))?,
            pupil: row.pupil_id.map(MoodleUserId),
            reason: coded(HoldReason::from_code(&row.reason), "holds.reason")?,
            reference: row.reference,
            from: instant(row.from_at),
            until: row.until_at.map(instant),
            placed_by: row.placed_by,
            placed_at: instant(row.placed_at),
            release_asked: row.release_asked_by.zip(row.release_asked_at.map(instant)),
            released: row.released_by.zip(row.released_at.map(instant)),
        })
    }
}

const HOLD: &str = "SELECT id, adult_id, email, pupil_id, reason, reference, from_at, until_at, placed_by, placed_at, \
     release_asked_by, release_asked_at, released_by, released_at FROM holds";

/// Stores a hold that was just placed; `turn` is when it next begins or ends by itself.
///
/// # Errors
/// [`StoreError`].
pub async fn insert(session: &mut impl Session, hold: &Hold, turn: Option<Timestamp>) -> Result<(), StoreError> {
    session
        .execute(
            "INSERT INTO holds (id, adult_id, email, pupil_id, reason, reference, from_at, until_at, turn_at, placed_by, \
             placed_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                hold.id.to_string().into(),
                hold.adult.map(|adult| adult.to_string()).into(),
                hold.email.as_ref().map(ToString::to_string).into(),
                hold.pupil.map(|pupil| pupil.0).into(),
                hold.reason.code().into(),
                hold.reference.as_str().into(),
                millis(hold.from).into(),
                hold.until.map(millis).into(),
                turn.map(millis).into(),
                hold.placed_by.as_str().into(),
                Value::from(millis(hold.placed_at)),
            ],
        )
        .await?;
    Ok(())
}

/// A hold by its id.
///
/// # Errors
/// [`StoreError`].
pub async fn find(session: &mut impl Session, hold: HoldId) -> Result<Option<Hold>, StoreError> {
    let row: Option<HoldRow> =
        session.fetch_optional(&format!("{HOLD} WHERE id = ?"), [hold.to_string().into()]).await?;
    row.map(Hold::try_from).transpose()
}

/// Which holds to list.
#[derive(Debug, Clone)]
pub struct Filter {
    /// The view.
    pub view: HoldView,
    /// Only those that name this adult.
    pub adult: Option<AdultId>,
    /// Only those that name this pupil.
    pub pupil: Option<MoodleUserId>,
}

const OVER: &str = "(released_at IS NOT NULL OR (until_at IS NOT NULL AND until_at <= ?))";

/// The condition of a view, with as many times `now` as it has places.
fn condition(view: HoldView) -> (String, usize) {
    match view {
        HoldView::InForce => (format!("(NOT {OVER} AND from_at <= ?)"), 2),
        HoldView::Coming => (format!("(NOT {OVER} AND from_at > ?)"), 2),
        HoldView::ReleaseAsked => (format!("(NOT {OVER} AND release_asked_at IS NOT NULL)"), 1),
        HoldView::Over => (OVER.to_owned(), 1),
        HoldView::All => ("1 = 1".to_owned(), 0),
    }
}

/// Holds, the newest first, those placed before `before`.
///
/// # Errors
/// [`StoreError`].
pub async fn list(
    session: &mut impl Session,
    filter: &Filter,
    now: Timestamp,
    before: Option<HoldId>,
    limit: u32,
) -> Result<Vec<Hold>, StoreError> {
    let (condition, places) = condition(filter.view);
    let mut sql = format!("{HOLD} WHERE {condition}");
    let mut args: Vec<Value> = vec![millis(now).into(); places];
    if let Some(adult) = filter.adult {
        sql.push_str(" AND adult_id = ?");
        args.push(adult.to_string().into());
    }
    if let Some(pupil) = filter.pupil {
        sql.push_str(" AND pupil_id = ?");
        args.push(pupil.0.into());
    }
    if let Some(before) = before {
        sql.push_str(" AND id < ?");
        args.push(before.to_string().into());
    }
    sql.push_str(" ORDER BY id DESC LIMIT ?");
    args.push(i64::from(limit).into());
    let rows: Vec<HoldRow> = session.fetch_all(&sql, args).await?;
    rows.into_iter().map(Hold::try_from).collect()
}

/// How many holds each view has.
///
/// # Errors
/// [`StoreError`].
pub async fn counts(session: &mut impl Session, now: Timestamp) -> Result<Vec<(HoldView, i64)>, StoreError> {
    let mut args: Vec<Value> = Vec::new();
    let columns: Vec<String> = HoldView::ALL
        .iter()
        .map(|view| {
            let (condition, places) = condition(*view);
            args.extend(vec![Value::from(millis(now)); places]);
            format!("COUNT(CASE WHEN {condition} THEN 1 END)")
        })
        .collect();
    let sql = format!("SELECT {} FROM holds", columns.join(", "));
    let row: Option<(i64, i64, i64, i64, i64)> = session.fetch_optional(&sql, args).await?;
    let (in_force, coming, asked, over, all) = row.unwrap_or_default();
    Ok(HoldView::ALL.iter().copied().zip([in_force, coming, asked, over, all]).collect())
}

#[derive(FromRow)]
struct StopRow {
    id: String,
    adult_id: Option<String>,
    email: Option<String>,
    pupil_id: Option<i64>,
    reason: String,
    username: Option<String>,
    picked_user_id: Option<i64>,
}

/// The holds in force, with the held adults as they stand now. A school has few of them: everybody is judged by the same
/// read, whether that is one request or a batch of a cycle.
///
/// # Errors
/// [`StoreError`].
pub async fn in_force(session: &mut impl Session, now: Timestamp) -> Result<Stops, StoreError> {
    let sql = "SELECT h.id, h.adult_id, h.email, h.pupil_id, h.reason, a.username, a.picked_user_id \
               FROM holds h LEFT JOIN adults a ON a.id = h.adult_id \
               WHERE h.released_at IS NULL AND h.from_at <= ? AND (h.until_at IS NULL OR h.until_at > ?) ORDER BY h.id";
    let rows: Vec<StopRow> = session.fetch_all(sql, [millis(now).into(), Value::from(millis(now))]).await?;
    let addresses: BTreeSet<String> = rows.iter().filter_map(|row| row.email.as_deref()).map(address_key).collect();
    let behind = known_by(session, &addresses).await?;
    let mut held: BTreeSet<AdultId> = behind.values().flatten().map(|adult| adult.id).collect();
    for row in &rows {
        held.extend(id_or_none(row.adult_id.as_deref(), "holds.adult_id")?);
    }
    // Somebody who is gone from the store has no address; the id still names them.
    let addresses = addresses_of(session, &held).await?;
    let with_addresses = |adult: &HeldAdult| HeldAdult {
        addresses: addresses.get(&adult.id).into_iter().flatten().cloned().collect(),
        ..adult.clone()
    };
    let stops = rows.into_iter().map(|row| {
        let adult: Option<AdultId> = id_or_none(row.adult_id.as_deref(), "holds.adult_id")?;
        let named = adult.map(|id| HeldAdult {
            id,
            addresses: Vec::new(),
            username: row.username.clone(),
            account: row.picked_user_id.map(MoodleUserId),
        });
        let behind = row.email.as_deref().and_then(|email| behind.get(&address_key(email)));
        Ok(Stop {
            hold: id(&row.id, "holds.id")?,
            reason: coded(HoldReason::from_code(&row.reason), "holds.reason")?,
            adult: named.as_ref().map(with_addresses),
            behind: behind.into_iter().flatten().map(with_addresses).collect(),
            address: row.email.as_deref().map(address_key),
            pupil: row.pupil_id.map(MoodleUserId),
        })
    });
    Ok(Stops(stops.collect::<Result<_, StoreError>>()?))
}

#[derive(FromRow)]
struct KnownRow {
    known: String,
    id: String,
    username: Option<String>,
    picked_user_id: Option<i64>,
}

/// The adults who are or were known by these addresses: as their own, today or before a change, or in a request that was
/// approved for them. By address; no statement without one.
async fn known_by(
    session: &mut impl Session,
    addresses: &BTreeSet<String>,
) -> Result<BTreeMap<String, Vec<HeldAdult>>, StoreError> {
    let mut behind: BTreeMap<String, Vec<HeldAdult>> = BTreeMap::new();
    if addresses.is_empty() {
        return Ok(behind);
    }
    let condition = vec!["email = ? OR email LIKE ? ESCAPE '!'"; addresses.len()].join(" OR ");
    let sql = format!(
        "SELECT k.email AS known, a.id, a.username, a.picked_user_id FROM \
         (SELECT id AS adult_id, email FROM adults WHERE {condition} \
         UNION SELECT adult_id, email FROM requests WHERE adult_id IS NOT NULL AND ({condition}) \
         UNION SELECT adult_id, email FROM email_changes WHERE outcome = ? AND ({condition})) k \
         JOIN adults a ON a.id = k.adult_id ORDER BY a.id"
    );
    let patterns: Vec<Value> = addresses.iter().flat_map(|key| [key.as_str().into(), any_tag(key).into()]).collect();
    let mut args = [patterns.clone(), patterns.clone()].concat();
    args.push(email_change::End::Done.code().into());
    args.extend(patterns);
    let rows: Vec<KnownRow> = session.fetch_all(&sql, args).await?;
    for row in rows {
        let adults = behind.entry(address_key(&row.known)).or_default();
        let id = id(&row.id, "adults.id")?;
        if adults.iter().all(|adult| adult.id != id) {
            let account = row.picked_user_id.map(MoodleUserId);
            adults.push(HeldAdult { id, addresses: Vec::new(), username: row.username, account });
        }
    }
    Ok(behind)
}

/// The addresses by which these adults are or were known, by the adult's id: [`known_by`] the other way round. No statement
/// without an adult.
///
/// # Errors
/// [`StoreError`].
pub async fn addresses_of(
    session: &mut impl Session,
    adults: &BTreeSet<AdultId>,
) -> Result<BTreeMap<AdultId, BTreeSet<String>>, StoreError> {
    let mut addresses: BTreeMap<AdultId, BTreeSet<String>> = BTreeMap::new();
    if adults.is_empty() {
        return Ok(addresses);
    }
    let list = in_list(adults.len());
    let sql = format!(
        "SELECT id AS adult_id, email FROM adults WHERE id IN {list} \
         UNION SELECT adult_id, email FROM requests WHERE email IS NOT NULL AND adult_id IN {list} \
         UNION SELECT adult_id, email FROM email_changes WHERE outcome = ? AND adult_id IN {list}"
    );
    let ids: Vec<Value> = adults.iter().map(|adult| adult.to_string().into()).collect();
    let mut args = [ids.clone(), ids.clone()].concat();
    args.push(email_change::End::Done.code().into());
    args.extend(ids);
    let rows: Vec<(String, String)> = session.fetch_all(&sql, args).await?;
    for (adult, email) in rows {
        addresses.entry(id(&adult, "adults.id")?).or_default().insert(address_key(&email));
    }
    Ok(addresses)
}

/// The adults who are named by a hold that is not over, by themselves or by an address of theirs: by what is known of them they
/// are recognised if they ask again, so nothing of that goes while the hold lasts.
///
/// # Errors
/// [`StoreError`].
pub async fn held_adults(session: &mut impl Session, now: Timestamp) -> Result<Vec<AdultId>, StoreError> {
    let sql =
        format!("SELECT adult_id, email FROM holds WHERE NOT {OVER} AND (adult_id IS NOT NULL OR email IS NOT NULL)");
    let rows: Vec<(Option<String>, Option<String>)> = session.fetch_all(&sql, [Value::from(millis(now))]).await?;
    let addresses: BTreeSet<String> = rows.iter().filter_map(|(_, email)| email.as_deref()).map(address_key).collect();
    let behind = known_by(session, &addresses).await?;
    let mut held: BTreeSet<AdultId> = behind.values().flatten().map(|adult| adult.id).collect();
    for (adult, _) in &rows {
        held.extend(id_or_none(adult.as_deref(), "holds.adult_id")?);
    }
    Ok(held.into_iter().collect())
}

/// The pattern of a mailbox's addresses with something behind a `+`. `!` escapes the pattern's own characters.
fn any_tag(key: &str) -> String {
    let (local, domain) = key.rsplit_once('@').unwrap_or((key, ""));
    let escape = |text: &str| text.replace('!', "!!").replace('%', "!%").replace('_', "!_");
    format!("{}+%@{}", escape(local), escape(domain))
}

/// The holds that began or ended by themselves since somebody looked last.
///
/// # Errors
/// [`StoreError`].
pub async fn turned(session: &mut impl Session, now: Timestamp) -> Result<Vec<Hold>, StoreError> {
    let rows: Vec<HoldRow> =
        session.fetch_all(&format!("{HOLD} WHERE turn_at <= ? ORDER BY id"), [millis(now).into()]).await?;
    rows.into_iter().map(Hold::try_from).collect()
}

/// Notes when a hold next begins or ends by itself.
///
/// # Errors
/// [`StoreError`].
pub async fn set_turn(session: &mut impl Session, hold: HoldId, turn: Option<Timestamp>) -> Result<(), StoreError> {
    let args = [turn.map(millis).into(), Value::from(hold.to_string())];
    session.execute("UPDATE holds SET turn_at = ? WHERE id = ?", args).await?;
    Ok(())
}

/// Notes who asks to release a hold.
///
/// # Errors
/// [`StoreError::Stale`] when somebody asked before, or it is released.
pub async fn ask_release(
    session: &mut impl Session,
    hold: HoldId,
    actor: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let sql = "UPDATE holds SET release_asked_by = ?, release_asked_at = ? WHERE id = ? AND released_at IS NULL AND \
               release_asked_at IS NULL";
    let args = [actor.into(), millis(now).into(), Value::from(hold.to_string())];
    changed(session.execute(sql, args).await?)
}

/// Forgets that somebody asked to release a hold.
///
/// # Errors
/// [`StoreError::Stale`] when nobody asks, or it is released.
pub async fn withdraw_release(session: &mut impl Session, hold: HoldId) -> Result<(), StoreError> {
    let sql = "UPDATE holds SET release_asked_by = NULL, release_asked_at = NULL WHERE id = ? AND released_at IS NULL AND \
               release_asked_at IS NOT NULL";
    changed(session.execute(sql, [Value::from(hold.to_string())]).await?)
}

/// Releases a hold, if `asked_by` asks for it still.
///
/// # Errors
/// [`StoreError::Stale`] otherwise.
pub async fn release(
    session: &mut impl Session,
    hold: HoldId,
    asked_by: &str,
    actor: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let sql = "UPDATE holds SET released_by = ?, released_at = ?, turn_at = NULL WHERE id = ? AND released_at IS NULL AND \
               release_asked_by = ?";
    let args = [actor.into(), millis(now).into(), hold.to_string().into(), Value::from(asked_by)];
    changed(session.execute(sql, args).await?)
}

fn changed(rows: u64) -> Result<(), StoreError> {
    if rows == 1 { Ok(()) } else { Err(StoreError::Stale("the hold")) }
}

/// The adults whose rows a hold may decide, rather too many than too few: each is then looked at.
///
/// # Errors
/// [`StoreError`].
pub async fn concerned(session: &mut impl Session, hold: &Hold) -> Result<Vec<AdultId>, StoreError> {
    if let Some(email) = &hold.email {
        let behind = known_by(session, &BTreeSet::from([address_key(email.as_str())])).await?;
        return Ok(behind.into_values().flatten().map(|adult| adult.id).collect());
    }
    let (sql, arg) = match (hold.adult, hold.pupil) {
        (Some(adult), _) => ("SELECT id FROM adults WHERE id = ?", Value::from(adult.to_string())),
        // Also of links that ended: their rows may still stand, and must not.
        (None, Some(pupil)) => {
            ("SELECT DISTINCT adult_id FROM links WHERE pupil_id = ? ORDER BY adult_id", pupil.0.into())
        }
        (None, None) => return Ok(Vec::new()),
    };
    let rows: Vec<(String,)> = session.fetch_all(sql, [arg]).await?;
    rows.into_iter().map(|(adult,)| id(&adult, "holds.adult_id")).collect()
}
