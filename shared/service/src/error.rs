//! What a use case may refuse or fail by, as a closed vocabulary.

use kinlink_db::{DbError, Fault};
use kinlink_domain::{policy::InvalidSetting, submission::FieldFault};
// Part of this vocabulary: functions tell what Moodle lacks from what its database refused.
pub use kinlink_moodle::MoodleError;
use kinlink_queue::QueueError;
use kinlink_store::StoreError;

/// Why a use case did not do what it was asked. Messages name the thing and the next step, and no person.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// The thing does not exist (any more).
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// The request's fields are wrong.
    #[error("{} {} wrong", .0.len(), if .0.len() == 1 { "field is" } else { "fields are" })]
    Invalid(Vec<FieldFault>),
    /// It cannot be done as things stand.
    #[error("{detail}")]
    Refused {
        /// A stable code.
        code: &'static str,
        /// What stands in the way and what to do.
        detail: String,
        /// The parts that stand in the way, if it is about parts.
        parts: Vec<FieldFault>,
    },
    /// The caller saw an older version.
    #[error("somebody changed this meanwhile; load it again and decide anew")]
    Stale,
    /// Somebody did the same at the same moment, in a way that no key could refuse.
    #[error("somebody decided about the same person at the same moment; try again")]
    Race,
    /// The caller's role does not allow it.
    #[error("this needs the permission {0}")]
    Forbidden(kinlink_domain::staff::Permission),
    /// The key, token or signature is missing, unknown, expired or revoked.
    #[error("the key or token is missing or not valid (any more)")]
    Unauthorized,
    /// Too many of the kind were sent or tried; whoever is known plays no part in that.
    #[error("too many were sent or tried; try again later")]
    TooOften {
        /// Seconds after which to try again.
        retry_after: u32,
    },
    /// Our database failed.
    #[error(transparent)]
    Store(StoreError),
    /// Moodle's database failed, or does not hold what it must.
    #[error(transparent)]
    Moodle(#[from] MoodleError),
    /// The queue failed.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// A stored setting does not fit.
    #[error(transparent)]
    Setting(#[from] InvalidSetting),
    /// A mail could not be rendered or a stored letter not be read.
    #[error("a stored letter cannot be read; was the database changed by hand, or by a newer version?")]
    Letter,
}

/// What a use case needs and could not reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unavailable {
    /// Our database.
    Store,
    /// Moodle's.
    Moodle,
    /// The queue.
    Queue,
}

impl ServiceError {
    /// A refusal without parts.
    pub fn refused(code: &'static str, detail: impl Into<String>) -> Self {
        Self::Refused { code, detail: detail.into(), parts: Vec::new() }
    }

    /// What could not be reached or was too busy, if that is why: the same call may succeed a little later.
    #[must_use]
    pub fn unavailable(&self) -> Option<Unavailable> {
        let passes = |error: &DbError| matches!(error.fault(), Fault::Unreachable | Fault::Conflict);
        match self {
            // Between a deployment and its migration; nothing was done, and in a minute it may be.
            Self::Store(StoreError::Db(error)) if error.fault() == Fault::Schema => Some(Unavailable::Store),
            // A unique key that still stands in the way after every try is a race that went on for long.
            Self::Store(StoreError::Db(error)) if passes(error) || error.is_duplicate() => Some(Unavailable::Store),
            Self::Moodle(MoodleError::Db(error)) if passes(error) => Some(Unavailable::Moodle),
            Self::Queue(_) => Some(Unavailable::Queue),
            _ => None,
        }
    }

    /// Whether the same call may succeed when it is made again: a unique key or a lock stood in the way.
    #[must_use]
    pub fn is_race(&self) -> bool {
        match self {
            Self::Race => true,
            Self::Store(error) => error.is_duplicate() || error.is_conflict(),
            _ => false,
        }
    }
}

impl From<StoreError> for ServiceError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Stale(_) => Self::Stale,
            other => Self::Store(other),
        }
    }
}

impl From<DbError> for ServiceError {
    fn from(error: DbError) -> Self {
        Self::Store(StoreError::Db(error))
    }
}

/// How often a use case is tried when a race stood in its way.
pub(crate) const TRIES: u32 = 4;

/// Runs `$body` (an expression with `?`-able result) until no race stands in its way.
macro_rules! retry_races {
    ($body:expr) => {{
        let mut tries = 0;
        loop {
            tries += 1;
            match $body.await {
                Err(error) if error.is_race() && tries < $crate::error::TRIES => {
                    tracing::debug!(tries, "a race; trying again");
                }
                result => break result,
            }
        }
    }};
}
pub(crate) use retry_races;
