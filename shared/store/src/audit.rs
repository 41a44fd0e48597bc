//! The audit: who did what to what, when. Ids and codes only, no names: what is erased elsewhere leaves the chain valid.
//!
//! Every entry is chained to the one before ([`kinlink_domain::audit_chain`]). The only way in is a transaction
//! ([`crate::transaction`]): what happened and its entry are there together or not at all.

use kinlink_db::{Session, Value, in_list, insert_many};
use kinlink_domain::{
    Timestamp,
    audit_chain::{Broken, End, Record, Walk},
    staff::Actor,
};
use sqlx::FromRow;

use crate::{
    StoreError, Tx,
    time::{instant, millis},
};

/// An entry to write.
#[derive(Debug, Clone)]
pub struct Entry {
    /// What was done: a code such as `request.approve`.
    pub action: String,
    /// To what: `request:<id>`, `login_row:<adult>`, `cycle:<id>`.
    pub subject: String,
    /// Ids and codes that belong to it.
    pub detail: serde_json::Value,
}

impl Entry {
    /// An entry.
    pub fn new(action: impl Into<String>, subject: impl Into<String>, detail: serde_json::Value) -> Self {
        Self { action: action.into(), subject: subject.into(), detail }
    }
}

/// An entry as it was written.
#[derive(Debug, Clone)]
pub struct Written {
    /// Its running number.
    pub seq: i64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: String,
    /// What.
    pub entry: Entry,
    /// Its hash in the chain; none when it is older than the chain.
    pub hash: Option<String>,
}

#[derive(FromRow)]
struct AuditRow {
    seq: i64,
    at: i64,
    actor: String,
    action: String,
    subject: String,
    detail: String,
    hash: Option<String>,
}

/// An entry that waits for its transaction's end.
pub(crate) struct Noted {
    pub(crate) actor: String,
    pub(crate) at: Timestamp,
    pub(crate) entry: Entry,
}

/// Adds entries to what a transaction tells of; they are chained when it commits.
pub fn write(tx: &mut Tx<'_>, actor: &Actor, now: Timestamp, entries: &[Entry]) {
    tx.note(actor, now, entries);
}

/// Chains entries to the audit's end and writes them. Holds the end until the transaction ends: call it last.
pub(crate) async fn append(session: &mut impl Session, noted: &[Noted]) -> Result<(), StoreError> {
    if noted.is_empty() {
        return Ok(());
    }
    let sql = format!("SELECT last_seq, last_hash FROM audit_chain WHERE id = 1{}", session.engine().for_update());
    let end: Option<(i64, String)> = session.fetch_optional(&sql, []).await?;
    let (seq, hash) = end.ok_or(StoreError::Corrupt("audit_chain"))?;
    // A row that somebody put behind the end by hand must not stop every decision; verifying names it.
    let newest: Option<(Option<i64>,)> = session.fetch_optional("SELECT MAX(seq) FROM audit", []).await?;
    let newest = newest.and_then(|(seq,)| seq).unwrap_or_default();
    let mut end = End { seq: seq.max(newest), hash };
    let mut rows = Vec::with_capacity(noted.len());
    for Noted { actor, at, entry } in noted {
        let (seq, at, detail) = (end.seq + 1, millis(*at), entry.detail.to_string());
        let Entry { action, subject, .. } = entry;
        end = end.after(&Record { seq, at, actor, action, subject, detail: &detail });
        rows.push([
            seq.into(),
            at.into(),
            actor.as_str().into(),
            action.as_str().into(),
            subject.as_str().into(),
            detail.into(),
            Value::from(end.hash.as_str()),
        ]);
    }
    insert_many(session, "INSERT INTO audit (seq, at, actor, action, subject, detail, hash)", rows, "").await?;
    let sql = "UPDATE audit_chain SET last_seq = ?, last_hash = ? WHERE id = 1";
    session.execute(sql, [end.seq.into(), Value::from(end.hash)]).await?;
    Ok(())
}

/// How many entries are read at once to verify them.
const PAGE: u32 = 2_000;

/// What a verification found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// How many entries were looked at.
    pub entries: u64,
    /// Entries up to this number were not: they are older than the chain, or purged.
    pub first: End,
    /// The chain's end.
    pub last: End,
    /// What is wrong, if anything.
    pub broken: Option<Broken>,
}

/// Walks the whole chain.
///
/// # Errors
/// [`StoreError`].
pub async fn verify(session: &mut impl Session) -> Result<Verified, StoreError> {
    loop {
        let verified = walk(session).await?;
        // Entries that were forgotten while it was walked along are not missing.
        if verified.broken.is_none() || ends(session).await?.0 == verified.first {
            return Ok(verified);
        }
    }
}

async fn walk(session: &mut impl Session) -> Result<Verified, StoreError> {
    // The ends first: entries that are written meanwhile are behind them and not looked at.
    let (first, last) = ends(session).await?;
    let mut verified = Verified { entries: 0, first: first.clone(), last: last.clone(), broken: None };
    let mut walk = Walk::behind(first);
    loop {
        let sql = format!("{AUDIT} WHERE seq > ? ORDER BY seq LIMIT ?");
        let rows: Vec<AuditRow> =
            session.fetch_all(&sql, [walk.reached().seq.into(), Value::from(i64::from(PAGE))]).await?;
        let page = rows.len();
        for row in &rows {
            if row.seq > last.seq {
                break;
            }
            let record = Record {
                seq: row.seq,
                at: row.at,
                actor: &row.actor,
                action: &row.action,
                subject: &row.subject,
                detail: &row.detail,
            };
            if let Err(broken) = walk.step(&record, row.hash.as_deref()) {
                verified.broken = Some(broken);
                return Ok(verified);
            }
            verified.entries += 1;
        }
        if page < PAGE as usize || walk.reached().seq >= last.seq {
            break;
        }
    }
    verified.broken = walk.finish(&last).err();
    if verified.broken.is_none() {
        verified.broken = behind(session, &last).await?;
    }
    Ok(verified)
}

/// Whether an entry stands behind the end that no transaction put there: the end would have moved with it.
async fn behind(session: &mut impl Session, last: &End) -> Result<Option<Broken>, StoreError> {
    let sql = "SELECT MIN(a.seq) FROM audit a, audit_chain c WHERE c.id = 1 AND a.seq > c.last_seq AND a.seq > ?";
    let row: Option<(Option<i64>,)> = session.fetch_optional(sql, [last.seq.into()]).await?;
    Ok(row.and_then(|(seq,)| seq).map(Broken::End))
}

/// Both ends of the chain: up to which entry nothing is checked, and the newest.
///
/// # Errors
/// [`StoreError`].
pub async fn ends(session: &mut impl Session) -> Result<(End, End), StoreError> {
    let sql = "SELECT first_seq, first_hash, last_seq, last_hash FROM audit_chain WHERE id = 1";
    let row: Option<(i64, String, i64, String)> = session.fetch_optional(sql, []).await?;
    let (first, first_hash, last, last_hash) = row.ok_or(StoreError::Corrupt("audit_chain"))?;
    Ok((End { seq: first, hash: first_hash }, End { seq: last, hash: last_hash }))
}

/// What is older than a moment: but what is older than an entry that stays, stays. Numbers and times need not rise together,
/// since entries are numbered when they are committed. The newest entry always stays.
pub(crate) const OVER: &str = "seq < COALESCE((SELECT MIN(seq) FROM audit WHERE at >= ?), \
     (SELECT last_seq FROM audit_chain WHERE id = 1))";

/// Forgets at most `limit` entries that are older than `before`; the chain then begins behind them. Gives their number. Whoever
/// writes to the audit waits meanwhile.
///
/// # Errors
/// [`StoreError`].
pub async fn purge(tx: &mut Tx<'_>, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
    let sql = format!("SELECT first_seq FROM audit_chain WHERE id = 1{}", tx.engine().for_update());
    let (first,) = tx.fetch_optional::<(i64,)>(&sql, []).await?.ok_or(StoreError::Corrupt("audit_chain"))?;
    let sql = format!("SELECT seq, hash FROM audit WHERE {OVER} AND seq <= ? ORDER BY seq DESC LIMIT 1");
    let args = [millis(before).into(), Value::from(first.saturating_add(i64::from(limit)))];
    let Some((seq, hash)) = tx.fetch_optional::<(i64, Option<String>)>(&sql, args).await? else {
        return Ok(0);
    };
    let gone = tx.execute("DELETE FROM audit WHERE seq <= ?", [seq.into()]).await?;
    let sql = "UPDATE audit_chain SET first_seq = ?, first_hash = ? WHERE id = 1 AND first_seq < ?";
    tx.execute(sql, [seq.into(), hash.unwrap_or_default().into(), Value::from(seq)]).await?;
    Ok(gone)
}

impl TryFrom<AuditRow> for Written {
    type Error = StoreError;
    fn try_from(row: AuditRow) -> Result<Self, StoreError> {
        let detail = serde_json::from_str(&row.detail).map_err(|_| StoreError::Corrupt("audit.detail"))?;
        Ok(Self {
            seq: row.seq,
            at: instant(row.at),
            actor: row.actor,
            entry: Entry { action: row.action, subject: row.subject, detail },
            hash: row.hash,
        })
    }
}

const AUDIT: &str = "SELECT seq, at, actor, action, subject, detail, hash FROM audit";

/// The entries about one subject, oldest first.
///
/// # Errors
/// [`StoreError`].
pub async fn of_subject(session: &mut impl Session, subject: &str) -> Result<Vec<Written>, StoreError> {
    of_subjects(session, &[subject.to_owned()]).await
}

/// The entries about several subjects, oldest first.
///
/// # Errors
/// [`StoreError`].
pub async fn of_subjects(session: &mut impl Session, subjects: &[String]) -> Result<Vec<Written>, StoreError> {
    let sql = format!("{AUDIT} WHERE subject IN {} ORDER BY seq", in_list(subjects.len()));
    let rows: Vec<AuditRow> = session.fetch_all(&sql, subjects.iter().map(Value::from).collect::<Vec<_>>()).await?;
    rows.into_iter().map(Written::try_from).collect()
}

/// Which entries to list.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only by this actor.
    pub actor: Option<String>,
    /// Only actions that begin so: `request.` or `request.approve`.
    pub action: Option<String>,
    /// Only about this subject.
    pub subject: Option<String>,
    /// Not before this instant.
    pub from: Option<Timestamp>,
    /// Before this instant.
    pub to: Option<Timestamp>,
}

impl Filter {
    fn conditions(&self) -> (String, Vec<Value>) {
        let mut sql = String::new();
        let mut args: Vec<Value> = Vec::new();
        let mut add = |condition: &str, value: Option<Value>| {
            if let Some(value) = value {
                sql.push_str(condition);
                args.push(value);
            }
        };
        add(" AND actor = ?", self.actor.as_deref().map(Value::from));
        // `!` escapes the pattern's own characters.
        let prefix = |text: &String| format!("{}%", text.replace('!', "!!").replace('%', "!%").replace('_', "!_"));
        add(" AND action LIKE ? ESCAPE '!'", self.action.as_ref().map(prefix).map(Value::from));
        add(" AND subject = ?", self.subject.as_deref().map(Value::from));
        add(" AND at >= ?", self.from.map(millis).map(Value::from));
        add(" AND at < ?", self.to.map(millis).map(Value::from));
        (sql, args)
    }
}

/// Entries, newest first, those before the entry with the number `before`.
///
/// # Errors
/// [`StoreError`].
pub async fn list(
    session: &mut impl Session,
    filter: &Filter,
    before: Option<i64>,
    limit: u32,
) -> Result<Vec<Written>, StoreError> {
    let (conditions, mut args) = filter.conditions();
    let sql = format!("{AUDIT} WHERE seq < ?{conditions} ORDER BY seq DESC LIMIT ?");
    args.insert(0, before.unwrap_or(i64::MAX).into());
    args.push(i64::from(limit).into());
    let rows: Vec<AuditRow> = session.fetch_all(&sql, args).await?;
    rows.into_iter().map(Written::try_from).collect()
}

/// Entries, oldest first, those behind the entry with the number `after`: for files, which grow at their end.
///
/// # Errors
/// [`StoreError`].
pub async fn list_onwards(
    session: &mut impl Session,
    filter: &Filter,
    after: i64,
    limit: u32,
) -> Result<Vec<Written>, StoreError> {
    let (conditions, mut args) = filter.conditions();
    let sql = format!("{AUDIT} WHERE seq > ?{conditions} ORDER BY seq LIMIT ?");
    args.insert(0, after.into());
    args.push(i64::from(limit).into());
    let rows: Vec<AuditRow> = session.fetch_all(&sql, args).await?;
    rows.into_iter().map(Written::try_from).collect()
}

/// Whether an actor did this to this subject since an instant.
///
/// # Errors
/// [`StoreError`].
pub async fn did_since(
    session: &mut impl Session,
    actor: &Actor,
    action: &str,
    subject: &str,
    since: Timestamp,
) -> Result<bool, StoreError> {
    let sql = "SELECT seq FROM audit WHERE subject = ? AND actor = ? AND action = ? AND at >= ? LIMIT 1";
    let args = [subject.into(), actor.name.as_str().into(), action.into(), Value::from(millis(since))];
    Ok(session.fetch_optional::<(i64,)>(sql, args).await?.is_some())
}
