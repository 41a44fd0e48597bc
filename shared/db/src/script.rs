//! Scripts: with the feature `crash-points`, whoever drives a future decides what the database does at each of its points.
//!
//! A point lies before each statement, each beginning of a transaction and each commit. There a future inside
//! [`Script::run`] parks: it stays pending until its driver polls it again with a [`Verdict`], so that a driver can let it
//! go on, lose its connection before or after the statement took effect, let another future go first, or drop it, which is
//! what the death of a process looks like to a database. Nothing here depends on time or threads: the same verdicts give
//! the same history. Without the feature (every shipped binary) nothing is compiled in; outside [`Script::run`] nothing
//! parks. What does not live here: ending the whole process (`crash`), and any choice (the simulation in `tests/`).

use std::{
    future::{Future, poll_fn},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Poll,
};

use crate::{Db, DbError, Fault, Stats};

tokio::task_local! {
    static SCRIPT: Script;
}

/// Where a future has come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum At {
    /// Before a transaction begins.
    Begin,
    /// Before this statement.
    Statement(String),
    /// Before a commit.
    Commit,
}

/// What the database does at a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// What it is told.
    Go,
    /// Nothing; it fails.
    Fail(Fault),
    /// What it is told, but the answer is lost.
    FailAfter(Fault),
    /// Nothing, and says that it did, for so many rows: a defect that tests put in on purpose.
    Skip(u64),
}

/// A future that waits for its verdict.
#[derive(Debug, Clone)]
pub struct Parked {
    stats: Arc<Stats>,
    /// Where.
    pub at: At,
}

impl Parked {
    /// Whether this database is meant.
    #[must_use]
    pub fn is_on(&self, db: &Db) -> bool {
        Arc::ptr_eq(&self.stats, &db.stats)
    }

    /// Whether a statement or transaction of its own is about to take the right to write.
    #[must_use]
    pub fn takes_write_lock(&self) -> bool {
        match &self.at {
            At::Begin => true,
            At::Statement(sql) => crate::stats::is_write(sql),
            At::Commit => false,
        }
    }
}

#[derive(Debug, Default)]
struct State {
    parked: Option<Parked>,
    verdict: Option<Verdict>,
    /// The databases on which transactions are open.
    open: Vec<Arc<Stats>>,
}

/// The strings by which a driver holds one future. Clones are the same strings.
#[derive(Debug, Clone, Default)]
pub struct Script(Arc<Mutex<State>>);

impl Script {
    /// Runs a future that parks at every point.
    pub async fn run<F: Future>(&self, future: F) -> F::Output {
        SCRIPT.scope(self.clone(), future).await
    }

    /// Where the future waits for a verdict, if it does.
    #[must_use]
    pub fn parked(&self) -> Option<Parked> {
        self.state().parked.clone()
    }

    /// Says what happens at the point at which the future waits. It goes on when it is polled next.
    pub fn resume(&self, verdict: Verdict) {
        self.state().verdict = Some(verdict);
    }

    /// Whether the future holds an open transaction on this database.
    #[must_use]
    pub fn has_open_transaction(&self, db: &Db) -> bool {
        self.state().open.iter().any(|open| Arc::ptr_eq(open, &db.stats))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn reach(&self, stats: &Arc<Stats>, at: At) -> Verdict {
        let begins = at == At::Begin;
        self.state().parked = Some(Parked { stats: Arc::clone(stats), at });
        poll_fn(|_| {
            let mut held = self.state();
            let Some(verdict) = held.verdict.take() else { return Poll::Pending };
            held.parked = None;
            if begins {
                held.open.push(Arc::clone(stats));
            }
            Poll::Ready(verdict)
        })
        .await
    }
}

/// Does what the database is told at a point, unless the script wants something else.
pub(crate) async fn at<T>(
    stats: &Arc<Stats>,
    point: impl FnOnce() -> At,
    skipped: impl FnOnce(u64) -> T,
    told: impl Future<Output = Result<T, DbError>>,
) -> Result<T, DbError> {
    let Ok(script) = SCRIPT.try_with(Script::clone) else { return told.await };
    match script.reach(stats, point()).await {
        Verdict::Go => told.await,
        Verdict::Fail(fault) => Err(DbError::scripted(fault)),
        Verdict::FailAfter(fault) => {
            told.await?;
            Err(DbError::scripted(fault))
        }
        Verdict::Skip(rows) => Ok(skipped(rows)),
    }
}

/// Notes that a transaction is over, whichever way.
pub(crate) fn ended(stats: &Arc<Stats>) {
    // Without a script there is nobody to tell; so it is also when a thread ends.
    let _ = SCRIPT.try_with(|script| {
        let mut held = script.state();
        if let Some(at) = held.open.iter().rposition(|open| Arc::ptr_eq(open, stats)) {
            held.open.remove(at);
        }
    });
}
