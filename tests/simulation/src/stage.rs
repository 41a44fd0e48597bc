//! The stage: futures that park at every point of a database, and a driver that says who goes on and what goes wrong.
//!
//! One future goes on at a time, from its point to its next one, so that a seed fixes the whole interleaving. On SQLite
//! that is exact. Servers hold locks that the driver cannot see: there a future that does not come to its next point is
//! left waiting while others go on, and the order may differ between two runs.

use std::{
    collections::hash_map::DefaultHasher,
    future::{Future, poll_fn},
    hash::{Hash as _, Hasher as _},
    pin::Pin,
    task::Poll,
    time::Duration,
};

use fastrand::Rng;
use kinlink_db::{
    Db, Engine, Fault,
    script::{At, Parked, Script, Verdict},
};

use crate::sabotage::Sabotage;

/// How long a server's lock is waited for before another future goes on.
const PATIENCE: Duration = Duration::from_millis(100);

/// What goes wrong once in an act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Misfortune {
    /// At which of its points, counted from 0.
    pub at: u32,
    /// What.
    pub kind: Kind,
}

/// The kinds of misfortune.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The connection is lost before the statement or commit takes effect.
    Lost,
    /// It takes effect; the connection is lost before the answer arrives.
    AnswerLost,
    /// Another writer is in the way.
    Busy,
    /// The database is away for this point and so many after it.
    Away(u32),
    /// The process dies.
    Death,
}

impl std::fmt::Display for Misfortune {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.kind {
            Kind::Lost => write!(f, "connection lost before point {}", self.at),
            Kind::AnswerLost => write!(f, "answer lost at point {}", self.at),
            Kind::Busy => write!(f, "database busy at point {}", self.at),
            Kind::Away(points) => write!(f, "database away for {} points from point {}", points + 1, self.at),
            Kind::Death => write!(f, "process dies at point {}", self.at),
        }
    }
}

/// How a future ended.
#[derive(Debug)]
pub enum End<T> {
    /// It answered.
    Answered(T),
    /// Its process died.
    Died,
}

/// A future that enters the stage, with what goes wrong in it.
pub type Entrance<'a, T> = (Pin<Box<dyn Future<Output = T> + 'a>>, Option<Misfortune>);

/// A future on the stage, and what struck it.
struct Player<'a, T> {
    script: Script,
    future: Option<Pin<Box<dyn Future<Output = T> + 'a>>>,
    end: Option<End<T>>,
    misfortune: Option<Misfortune>,
    points: u32,
    /// The database that is away, and for how many more points.
    away: Option<(bool, u32)>,
    struck: Struck,
    waits: bool,
}

/// Which databases a misfortune struck in an act.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Struck {
    /// The store (or the queue in it).
    pub store: bool,
    /// Moodle's.
    pub moodle: bool,
}

impl Struck {
    /// Whether anything was struck at all.
    #[must_use]
    pub const fn any(self) -> bool {
        self.store || self.moodle
    }
}

/// The databases of the stage, its order, and what happened on it.
pub struct Stage<'w> {
    store: &'w Db,
    moodle: &'w Db,
    order: Rng,
    /// A defect that is put in on purpose.
    pub sabotage: Option<&'w Sabotage>,
    trace: DefaultHasher,
    /// How many points were passed.
    pub points: u64,
    /// The statements that may have changed something.
    pub written: Vec<String>,
}

impl<'w> Stage<'w> {
    /// A stage whose order is fixed by a seed.
    #[must_use]
    pub fn new(store: &'w Db, moodle: &'w Db, order: u64) -> Self {
        Self {
            store,
            moodle,
            order: Rng::with_seed(order),
            sabotage: None,
            trace: DefaultHasher::new(),
            points: 0,
            written: Vec::new(),
        }
    }

    /// A digest of who passed which point in which order.
    #[must_use]
    pub fn trace(&self) -> u64 {
        self.trace.finish()
    }

    /// Plays futures to their ends, each with its misfortune.
    pub async fn play<'a, T: 'a>(&mut self, futures: Vec<Entrance<'a, T>>) -> Vec<(End<T>, Struck)> {
        let mut players: Vec<Player<'a, T>> = futures
            .into_iter()
            .map(|(future, misfortune)| {
                let script = Script::default();
                let inner = script.clone();
                let future: Pin<Box<dyn Future<Output = T> + 'a>> = Box::pin(async move { inner.run(future).await });
                Player {
                    script,
                    future: Some(future),
                    end: None,
                    misfortune,
                    points: 0,
                    away: None,
                    struck: Struck::default(),
                    waits: false,
                }
            })
            .collect();
        let mut current = 0;
        while let Some(next) = self.choose(&players, current) {
            current = next;
            self.step(&mut players, current).await;
        }
        players.into_iter().map(|player| (player.end.unwrap_or(End::Died), player.struck)).collect()
    }

    /// Who goes on: mostly who went on before.
    fn choose<T>(&mut self, players: &[Player<'_, T>], current: usize) -> Option<usize> {
        let alive: Vec<usize> = (0..players.len()).filter(|i| players[*i].end.is_none()).collect();
        if alive.len() < 2 {
            return alive.first().copied();
        }
        let able: Vec<usize> = alive.iter().copied().filter(|i| !self.is_blocked(players, *i)).collect();
        let ready: Vec<usize> = able.iter().copied().filter(|i| !players[*i].waits).collect();
        let among = if !ready.is_empty() {
            ready
        } else if !able.is_empty() {
            able
        } else {
            alive
        };
        if among.contains(&current) && self.order.u8(..4) > 0 {
            return Some(current);
        }
        Some(among[self.order.usize(..among.len())])
    }

    /// SQLite has one writer: who would wait for another's transaction must not go on, since nobody else would.
    fn is_blocked<T>(&self, players: &[Player<'_, T>], at: usize) -> bool {
        let Some(parked) = players[at].script.parked().filter(Parked::takes_write_lock) else { return false };
        [self.store, self.moodle].into_iter().any(|db| {
            db.engine() == Engine::Sqlite
                && parked.is_on(db)
                && !players[at].script.has_open_transaction(db)
                && players
                    .iter()
                    .enumerate()
                    .any(|(i, other)| i != at && other.end.is_none() && other.script.has_open_transaction(db))
        })
    }

    /// Lets one player go on to its next point or end.
    async fn step<T>(&mut self, players: &mut [Player<'_, T>], at: usize) {
        let blocked = self.is_blocked(players, at);
        let others = players.iter().filter(|player| player.end.is_none()).count() > 1;
        let player = &mut players[at];
        if let Some(parked) = player.script.parked().filter(|_| !player.waits) {
            let on_store = parked.is_on(self.store);
            (at, on_store, parked.at == At::Begin, parked.at == At::Commit).hash(&mut self.trace);
            if let At::Statement(sql) = &parked.at {
                sql.hash(&mut self.trace);
                if parked.takes_write_lock() {
                    self.written.push(sql.clone());
                }
            }
            self.points += 1;
            let Some(verdict) = self.verdict(player, &parked, on_store, blocked) else {
                player.end = Some(End::Died);
                // Dropping it is what its death looks like from outside.
                player.future = None;
                return;
            };
            player.script.resume(verdict);
        }
        let Player { future, script, end, waits, .. } = player;
        let Some(running) = future.as_mut() else { return };
        let to_next_point = poll_fn(|context| match running.as_mut().poll(context) {
            Poll::Ready(answer) => Poll::Ready(Some(answer)),
            // Parked, and not at the point that it was just let go from.
            Poll::Pending if script.parked().is_some() => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        });
        let came = if others && self.store.engine() != Engine::Sqlite {
            tokio::time::timeout(PATIENCE, to_next_point).await.ok()
        } else {
            Some(to_next_point.await)
        };
        *waits = came.is_none();
        if let Some(Some(answer)) = came {
            *end = Some(End::Answered(answer));
            *future = None;
        }
    }

    /// What happens at a point; `None` is death.
    fn verdict<T>(
        &mut self,
        player: &mut Player<'_, T>,
        parked: &Parked,
        on_store: bool,
        blocked: bool,
    ) -> Option<Verdict> {
        let point = player.points;
        player.points += 1;
        if let Some(verdict) = self.sabotage.and_then(|sabotage| sabotage.verdict(on_store, &parked.at)) {
            return Some(verdict);
        }
        // When giving the lock back fails, the connection ends, and the lock with it: nothing is left undone.
        let harmless =
            matches!(&parked.at, At::Statement(sql) if sql.contains("RELEASE_LOCK") || sql.contains("advisory_unlock"));
        let mut strike = |fault| {
            player.struck.store |= on_store;
            player.struck.moodle |= !on_store && !harmless;
            fault
        };
        if blocked {
            // Two that wait for each other: the database would end one of them.
            return Some(strike(Verdict::Fail(Fault::Conflict)));
        }
        if let Some((away, left)) = player.away
            && away == on_store
            && left > 0
        {
            player.away = Some((away, left - 1));
            return Some(strike(Verdict::Fail(Fault::Unreachable)));
        }
        let Some(misfortune) = player.misfortune.filter(|misfortune| misfortune.at == point) else {
            return Some(Verdict::Go);
        };
        match misfortune.kind {
            Kind::Lost => Some(strike(Verdict::Fail(Fault::Unreachable))),
            Kind::AnswerLost => Some(strike(Verdict::FailAfter(Fault::Unreachable))),
            // A commit does not fail by another writer on any engine once its locks are taken.
            Kind::Busy if parked.at == At::Commit => Some(Verdict::Go),
            Kind::Busy => Some(strike(Verdict::Fail(Fault::Conflict))),
            Kind::Away(points) => {
                player.away = Some((on_store, points));
                Some(strike(Verdict::Fail(Fault::Unreachable)))
            }
            Kind::Death => None,
        }
    }
}
