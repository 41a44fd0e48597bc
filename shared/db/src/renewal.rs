//! Databases whose URL changes while the process lives: a password is rotated, a token runs out.
//!
//! Where a URL comes from (a secret store, a signature) is the caller's; here is only when it is asked for: first, when it is
//! older than it may be, and once after a refusal. What does not live here: trying to connect again (`acquire`).

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Mutex;

use crate::{DbError, pool::Pool};

/// How long one renewal may take: others that want to connect wait for it.
const LIMIT: Duration = Duration::from_secs(5);

/// A URL on its way, or in words for the log why there is none (without anything secret).
pub type UrlFuture = Pin<Box<dyn Future<Output = Result<SecretString, String>> + Send>>;

/// Where the URL of a database comes from that does not keep it.
#[derive(Clone)]
pub struct Renewal {
    fetch: Arc<dyn Fn() -> UrlFuture + Send + Sync>,
    max_age: Option<Duration>,
}

impl Renewal {
    /// The URL that was given first is good until the server refuses its password; then a new one is fetched.
    pub fn when_refused(fetch: impl Fn() -> UrlFuture + Send + Sync + 'static) -> Self {
        Self { fetch: Arc::new(fetch), max_age: None }
    }

    /// The URL that was given first has no password. One is fetched before the first connection, and again before a
    /// connection when the last is older than `max_age`. Such passwords go to the server as they are, so the URL must ask
    /// for TLS.
    pub fn by_age(max_age: Duration, fetch: impl Fn() -> UrlFuture + Send + Sync + 'static) -> Self {
        Self { fetch: Arc::new(fetch), max_age: Some(max_age) }
    }

    /// Whether what it gives are tokens, which the server itself must read.
    pub(crate) const fn gives_tokens(&self) -> bool {
        self.max_age.is_some()
    }
}

impl fmt::Debug for Renewal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Renewal").field("max_age", &self.max_age).finish_non_exhaustive()
    }
}

/// A [`Renewal`] at work.
#[derive(Debug)]
pub(crate) struct Renewing {
    renewal: Renewal,
    /// How often the URL was replaced: who was refused tells by it whether somebody has renewed it meanwhile.
    generation: AtomicU64,
    /// The last one, and when it was fetched by the wall clock: a frozen process does not age, its token does. Locked while
    /// one is fetched, so that two tasks fetch once; never for longer than [`LIMIT`].
    last: Mutex<Option<(SystemTime, SecretString)>>,
}

impl Renewing {
    /// `url` is what the pool connects with until the first renewal.
    pub(crate) fn new(renewal: Renewal, url: &str) -> Self {
        let last = if renewal.max_age.is_some() { None } else { Some((SystemTime::now(), url.into())) };
        Self { renewal, generation: AtomicU64::new(0), last: Mutex::new(last) }
    }

    /// Sees to it that the URL is not too old; gives its generation.
    pub(crate) async fn keep_fresh(&self, pool: &Pool) -> Result<u64, DbError> {
        if let Some(max_age) = self.renewal.max_age {
            let mut last = self.last.lock().await;
            // A clock that was put back tells nothing: that counts as old.
            let age = last.as_ref().and_then(|(since, _)| since.elapsed().ok());
            if age.is_none_or(|age| age >= max_age) {
                self.replace(&mut last, pool).await?;
            }
        }
        Ok(self.generation.load(Ordering::Acquire))
    }

    /// Fetches a new URL after the server has refused that of `generation`, unless another task has done so already.
    /// Gives whether there is something new to try.
    pub(crate) async fn after_refusal(&self, generation: u64, pool: &Pool) -> Result<bool, DbError> {
        let mut last = self.last.lock().await;
        if self.generation.load(Ordering::Acquire) != generation {
            return Ok(true);
        }
        self.replace(&mut last, pool).await
    }

    /// Gives whether the new URL differs from the last one.
    async fn replace(&self, last: &mut Option<(SystemTime, SecretString)>, pool: &Pool) -> Result<bool, DbError> {
        let asked = SystemTime::now();
        let url = match tokio::time::timeout(LIMIT, (self.renewal.fetch)()).await {
            Ok(url) => url.map_err(DbError::no_credentials)?,
            Err(_) => {
                return Err(DbError::no_credentials(format!("no answer within {} s", LIMIT.as_secs())));
            }
        };
        let same = last.as_ref().is_some_and(|(_, last)| last.expose_secret() == url.expose_secret());
        if !same {
            pool.set_url(url.expose_secret(), self.renewal.gives_tokens())?;
            self.generation.fetch_add(1, Ordering::AcqRel);
        }
        *last = Some((asked, url));
        Ok(!same)
    }
}
