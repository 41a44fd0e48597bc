//! What is tidied up every night (every hour on one machine): requests whose address nobody proved, keys and cycles that nobody
//! asks for any more, sessions of staff that have ended.

use jiff::SignedDuration;
use kinlink_domain::Timestamp;
use kinlink_store::{cycles, idempotency, quotas};
use serde::Serialize;

use crate::{App, ServiceError, confirm, sessions};

/// For how long an idempotency key is remembered.
const KEYS_KEPT: SignedDuration = SignedDuration::from_hours(7 * 24);
/// For how long a quota's window is remembered: longer than any window lasts.
const QUOTAS_KEPT: SignedDuration = SignedDuration::from_hours(2 * 24);
/// For how long a cycle without results stays in the list.
const EMPTY_CYCLES_KEPT: SignedDuration = SignedDuration::from_hours(7 * 24);

/// What was tidied up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Tidied {
    /// Requests that expired.
    pub expired: usize,
    /// Idempotency keys that were forgotten.
    pub keys: u64,
    /// Quotas that were forgotten.
    pub quotas: u64,
    /// Cycles that were forgotten.
    pub cycles: u64,
    /// Sessions and sign-ins of staff that were forgotten.
    pub sessions: u64,
}

/// Tidies up.
///
/// # Errors
/// The store.
pub async fn tidy(app: &App) -> Result<Tidied, ServiceError> {
    let before = |kept| app.now().checked_sub(kept).unwrap_or(Timestamp::MIN);
    let expired = confirm::expire(app).await?;
    let sessions = sessions::prune(app).await?;
    let mut store = app.store.acquire().await?;
    Ok(Tidied {
        expired,
        keys: idempotency::forget(&mut store, before(KEYS_KEPT)).await?,
        quotas: quotas::forget(&mut store, before(QUOTAS_KEPT)).await?,
        cycles: cycles::prune(&mut store, before(EMPTY_CYCLES_KEPT)).await?,
        sessions,
    })
}
