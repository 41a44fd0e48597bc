//! Data whose time is over: what is due of each class, and doing away with it. How long each is kept is the domain's
//! ([`kinlink_domain::retention`]); taking one person's data out of the rest is [`crate::erasure`].

use std::fmt::Write as _;

use kinlink_db::{Session, Value, in_list};
use kinlink_domain::{Timestamp, ids::AdultId, retention::RetentionClass};

use crate::{
    StoreError, Tx, audit, erasure,
    erasure::Requests,
    error::id,
    holds,
    requests::{self, search_text},
    time::{instant, millis},
};

/// What of a class is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// How many.
    pub count: u64,
    /// From which moment the oldest is counted.
    pub oldest: Option<Timestamp>,
}

/// Statuses in which a request is closed: nothing is decided any more.
const CLOSED: &str = "('provisioned', 'denied', 'duplicate', 'bogus', 'withdrawn', 'expired')";

/// Statuses in which a request waits for somebody.
const OPEN: &str = "('unconfirmed', 'pending', 'waiting_for_parent')";

/// Where the rows of a class are.
struct Place {
    table: &'static str,
    /// What of it identifies a row.
    key: &'static str,
    /// The moment that is counted from.
    since: &'static str,
    /// What else must be so.
    condition: String,
    /// How often the cutoff is bound in the condition.
    cutoffs: usize,
    /// What names the adult, where nothing goes by which a hold recognises somebody ([`holds::held_adults`]).
    adult: Option<&'static str>,
}

fn place(class: RetentionClass) -> Option<Place> {
    let place = |table, since, condition: &str| Place {
        table,
        key: "id",
        since,
        condition: condition.to_owned(),
        cutoffs: 0,
        adult: None,
    };
    let request = |condition| Place { adult: Some("adult_id"), ..place("requests", "updated_at", condition) };
    Some(match class {
        RetentionClass::Unproven => request("status = 'expired' AND erased_at IS NULL"),
        RetentionClass::Bogus => request("status = 'bogus' AND erased_at IS NULL"),
        // What was dealt with and made nobody an adult would else be kept for ever.
        RetentionClass::Refused => request(
            "(status IN ('denied', 'duplicate', 'withdrawn') OR (status = 'provisioned' AND adult_id IS NULL)) AND \
             erased_at IS NULL",
        ),
        RetentionClass::Words => place(
            "requests",
            "updated_at",
            &format!(
                "status IN {CLOSED} AND erased_at IS NULL AND (comment_text <> '' OR staff_note <> '' OR \
                 submitted <> '{BLANK_SUBMISSION}' OR EXISTS (SELECT 1 FROM questions q WHERE q.request_id = requests.id) OR \
                 EXISTS (SELECT 1 FROM decisions d WHERE d.request_id = requests.id AND d.note IS NOT NULL))"
            ),
        ),
        RetentionClass::Mails => place("mails", "sent_at", "state <> 'queued'"),
        RetentionClass::Adults => Place {
            // Nothing is in force, nothing waits for a decision, nothing of theirs is left in Moodle.
            condition: format!(
                "erased_at IS NULL AND created_at < ? \
                AND NOT EXISTS (SELECT 1 FROM login_rows w WHERE w.adult_id = adults.id) \
                AND NOT EXISTS (SELECT 1 FROM links k WHERE k.adult_id = adults.id AND k.active = 1) \
                AND NOT EXISTS (SELECT 1 FROM ledger g WHERE g.adult_id = adults.id AND g.state <> 'removed') \
                AND NOT EXISTS (SELECT 1 FROM requests r WHERE r.adult_id = adults.id AND (r.updated_at >= ? OR \
                r.status IN {OPEN})) \
                AND NOT EXISTS (SELECT 1 FROM requests r WHERE r.adult_id IS NULL AND {} AND {} AND \
                (r.updated_at >= ? OR r.status IN {OPEN}))",
                erasure::same_address("adults", "r"),
                erasure::same_name("r", "adults")
            ),
            cutoffs: 3,
            adult: Some("id"),
            ..place(
                "adults",
                "COALESCE((SELECT MAX(e.ended_at) FROM links e WHERE e.adult_id = adults.id), created_at)",
                "",
            )
        },
        RetentionClass::Holds => {
            place("holds", "COALESCE(released_at, until_at)", "(released_at IS NOT NULL OR until_at IS NOT NULL)")
        }
        RetentionClass::Staff => place(
            "staff",
            "last_signed_in_at",
            "NOT EXISTS (SELECT 1 FROM staff_sessions s WHERE s.staff_id = staff.id)",
        ),
        // The newest stays, however old: it says when the last one was.
        RetentionClass::Cycles => place(
            "cycles",
            "created_at",
            "state = 'done' AND id <> (SELECT MAX(newest.id) FROM (SELECT id FROM cycles WHERE state = 'done') AS newest)",
        ),
        RetentionClass::Audit => return None,
    })
}

impl Place {
    /// The condition of what is due, with its values.
    fn due(&self, before: Timestamp, held: &[AdultId]) -> (String, Vec<Value>) {
        let mut sql = format!("{} AND {} < ?", self.condition, self.since);
        let mut args = vec![Value::from(millis(before)); self.cutoffs + 1];
        if let Some(column) = self.adult
            && !held.is_empty()
        {
            let _ = write!(sql, " AND ({column} IS NULL OR {column} NOT IN {})", in_list(held.len()));
            args.extend(held.iter().map(|adult| Value::from(adult.to_string())));
        }
        (sql, args)
    }
}

/// What stands for a submission whose words were taken away.
pub(crate) const BLANK_SUBMISSION: &str = "null";

/// What of a class is due: one statement. `held` are the adults of [`holds::held_adults`].
///
/// # Errors
/// [`StoreError`].
pub async fn due(
    session: &mut impl Session,
    class: RetentionClass,
    before: Timestamp,
    held: &[AdultId],
) -> Result<Due, StoreError> {
    let (sql, args) = match place(class) {
        Some(place) => {
            let (condition, args) = place.due(before, held);
            (format!("SELECT COUNT(*), MIN({}) FROM {} WHERE {condition}", place.since, place.table), args)
        }
        None => (format!("SELECT COUNT(*), MIN(at) FROM audit WHERE {}", audit::OVER), vec![millis(before).into()]),
    };
    let row: Option<(i64, Option<i64>)> = session.fetch_optional(&sql, args).await?;
    let (count, oldest) = row.unwrap_or_default();
    Ok(Due { count: u64::try_from(count).unwrap_or_default(), oldest: oldest.map(instant) })
}

/// Does away with what is due of a class, at most `limit` rows, in a number of statements that does not depend on how many
/// there are. Gives the number.
///
/// # Errors
/// [`StoreError`].
pub async fn purge(
    tx: &mut Tx<'_>,
    class: RetentionClass,
    before: Timestamp,
    now: Timestamp,
    limit: u32,
) -> Result<u64, StoreError> {
    let Some(place) = place(class) else { return audit::purge(tx, before, limit).await };
    let held = if place.adult.is_some() { holds::held_adults(tx, now).await? } else { Vec::new() };
    let (condition, mut args) = place.due(before, &held);
    let sql = format!(
        "SELECT {} FROM {} WHERE {condition} ORDER BY {} LIMIT ?{}",
        place.key,
        place.table,
        place.key,
        tx.engine().for_update()
    );
    args.push(i64::from(limit).into());
    let rows: Vec<(String,)> = tx.fetch_all(&sql, args).await?;
    let keys: Vec<String> = rows.into_iter().map(|(key,)| key).collect();
    if keys.is_empty() {
        return Ok(0);
    }
    match class {
        RetentionClass::Unproven | RetentionClass::Bogus | RetentionClass::Refused => {
            let requests = Requests::by_ids(tx, &keys).await?;
            erasure::erase_requests(tx, &requests, now).await?;
        }
        RetentionClass::Words => blank_words(tx, &keys).await?,
        RetentionClass::Adults => {
            let adults: Vec<AdultId> =
                keys.iter().map(|key| id(key, "adults.id")).collect::<Result<_, StoreError>>()?;
            erasure::erase_adults(tx, &adults, before, now).await?;
        }
        RetentionClass::Cycles => {
            for table in ["cycle_results", "findings"] {
                delete(tx, table, "cycle_id", &keys).await?;
            }
            delete(tx, "cycles", "id", &keys).await?;
        }
        RetentionClass::Mails | RetentionClass::Holds | RetentionClass::Staff | RetentionClass::Audit => {
            delete(tx, place.table, place.key, &keys).await?;
        }
    }
    Ok(u64::try_from(keys.len()).unwrap_or(u64::MAX))
}

/// Deletes the rows of a table in which a column holds one of these texts.
pub(crate) async fn delete(tx: &mut Tx<'_>, table: &str, column: &str, keys: &[String]) -> Result<(), StoreError> {
    let sql = format!("DELETE FROM {table} WHERE {column} IN {}", in_list(keys.len()));
    tx.execute(&sql, texts(keys)).await?;
    Ok(())
}

pub(crate) fn texts(keys: &[String]) -> Vec<Value> {
    keys.iter().map(Value::from).collect()
}

/// Takes away what people wrote in their own words; the version counts up, so that nobody writes it back who read it before.
/// When the request last changed stays: its other times are counted from there.
async fn blank_words(tx: &mut Tx<'_>, keys: &[String]) -> Result<(), StoreError> {
    let list = in_list(keys.len());
    let mut requests = Vec::with_capacity(keys.len());
    for key in keys {
        requests.push(id(key, "requests.id")?);
    }
    let mut found = requests::by_ids(tx, &requests).await?;
    let claims = requests::claims_of(tx, &requests).await?;
    let searched: Vec<(String, String)> = found
        .iter_mut()
        .map(|request| {
            request.comment.clear();
            request.staff_note.clear();
            let children: Vec<_> =
                claims.iter().filter(|claim| claim.request == request.id).map(|claim| &claim.child).collect();
            (request.id.to_string(), search_text(request, &children))
        })
        .collect();
    let sql = format!(
        "UPDATE requests SET comment_text = '', staff_note = '', submitted = '{BLANK_SUBMISSION}', version = version + 1, \
         search_text = {} WHERE id IN {list}",
        by_id(searched.len())
    );
    let mut args = pairs(&searched);
    args.extend(texts(keys));
    tx.execute(&sql, args).await?;
    delete(tx, "questions", "request_id", keys).await?;
    let sql = format!("UPDATE decisions SET note = NULL WHERE request_id IN {list}");
    tx.execute(&sql, texts(keys)).await?;
    Ok(())
}

/// An expression that gives each of so many rows a value of its own, with [`pairs`] as its arguments.
pub(crate) fn by_id(rows: usize) -> String {
    format!("CASE id{} ELSE '' END", " WHEN ? THEN ?".repeat(rows))
}

pub(crate) fn pairs(values: &[(String, String)]) -> Vec<Value> {
    values.iter().flat_map(|(id, value)| [Value::from(id), Value::from(value)]).collect()
}
