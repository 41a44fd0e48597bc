//! What is tidied up every night (every hour on one machine): requests whose address nobody proved, keys and cycles that nobody
//! asks for any more, sessions of staff that have ended, data whose time is over, erasures that waited for Moodle.

use jiff::SignedDuration;
use kinlink_domain::{
    Timestamp,
    retention::{EMAIL_CHANGES, IDEMPOTENCY_KEYS, QUOTAS},
    staff::Actor,
};
use kinlink_store::{audit, cycles, email_changes, idempotency, put_backs, quotas};
use serde::Serialize;

use crate::{App, ServiceError, confirm, erasure, plans, retention, sessions};

/// For how long a cycle without results stays in the list.
const EMPTY_CYCLES_KEPT: SignedDuration = SignedDuration::from_hours(7 * 24);

/// For how long it is remembered that a row was put back: longer than the time within which they are counted.
const PUT_BACKS_KEPT: SignedDuration = SignedDuration::from_hours(2 * 24);

/// What was tidied up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Tidied {
    /// Requests that expired.
    pub expired: usize,
    /// Idempotency keys that were forgotten.
    pub keys: u64,
    /// Quotas that were forgotten.
    pub quotas: u64,
    /// Changes of addresses that were forgotten.
    pub email_changes: u64,
    /// Cycles that were forgotten.
    pub cycles: u64,
    /// Plans that were forgotten.
    pub plans: u64,
    /// Sessions and sign-ins of staff that were forgotten.
    pub sessions: u64,
    /// Rows of data whose time was over.
    pub purged: u64,
    /// Erasures that were finished.
    pub erased: usize,
}

/// Tidies up.
///
/// # Errors
/// The store.
pub async fn tidy(app: &App) -> Result<Tidied, ServiceError> {
    let now = app.now();
    let expired = confirm::expire(app).await?;
    let sessions = sessions::prune(app).await?;
    let plans = plans::prune(app).await?;
    let long_ago = now.checked_sub(PUT_BACKS_KEPT).unwrap_or(Timestamp::MIN);
    put_backs::forget(&mut app.store.acquire().await?, long_ago).await?;
    let erased = erasure::finish_due(app).await?;
    let purged = retention::run(app, &Actor::system()).await?.iter().map(|purged| purged.count).sum();
    let mut store = app.store.acquire().await?;
    // Where the log is kept nobody with access to the database alone can change it.
    let (_, end) = audit::ends(&mut store).await?;
    tracing::info!(audit.end = %format!("{}:{}", end.seq, end.hash), "the audit's end tonight");
    Ok(Tidied {
        expired,
        keys: idempotency::forget(&mut store, IDEMPOTENCY_KEYS.cutoff(now)).await?,
        quotas: quotas::forget(&mut store, QUOTAS.cutoff(now)).await?,
        email_changes: email_changes::forget(&mut store, EMAIL_CHANGES.cutoff(now), now).await?,
        cycles: cycles::prune(&mut store, now.checked_sub(EMPTY_CYCLES_KEPT).unwrap_or(Timestamp::MIN)).await?,
        plans,
        sessions,
        purged,
        erased,
    })
}
