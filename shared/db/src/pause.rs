//! Which connections must show that they live before they are used again: those that were idle, and all of them after the whole
//! process stood still.
//!
//! A frozen Lambda sandbox loses its connections without a word. sqlx gives a connection back in a task of its own, and that
//! task may be frozen too: then the connection looks as if it had been used a moment ago. So the pool's own pauses count as
//! well, by the wall clock, since the other one may stand still in a freeze.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// When a pool was used, in milliseconds since 1970.
#[derive(Debug, Default)]
pub(crate) struct Pauses {
    /// Last.
    used: AtomicI64,
    /// After the last pause.
    resumed: AtomicI64,
}

impl Pauses {
    /// Whether a connection must show that it lives, when it is as old as that, was idle for so long, and is `trusted` for so
    /// long.
    pub(crate) fn must_ask(&self, age: Duration, idle: Duration, trusted: Duration) -> bool {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.must_ask_at(millis(now), age, idle, trusted)
    }

    fn must_ask_at(&self, now: i64, age: Duration, idle: Duration, trusted: Duration) -> bool {
        let trusted = millis(trusted);
        // A clock that was put back tells nothing: that counts as a pause.
        if !(0..trusted).contains(&(now - self.used.swap(now, Ordering::Relaxed))) {
            self.resumed.store(now, Ordering::Relaxed);
        }
        let since = now - self.resumed.load(Ordering::Relaxed);
        millis(idle) >= trusted || (since < trusted && millis(age) >= since)
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Pauses;

    #[test]
    fn who_was_idle_is_asked_and_after_a_pause_of_the_pool_everybody_who_was_there_before() {
        let pauses = Pauses::default();
        let ms = Duration::from_millis;
        let ask = |now: i64, age, idle| pauses.must_ask_at(1_795_000_000_000 + now, ms(age), ms(idle), ms(2_000));
        assert!(ask(0, 10, 0), "nothing is known of the time before");
        assert!(!ask(1_000, 900, 0), "made since then");
        assert!(!ask(2_500, 60_000, 100), "the pool was in use all the time");
        assert!(ask(3_000, 60_000, 2_000), "idle");
        assert!(ask(9_000, 60_000, 0), "the pool stood still, whatever the connection says of itself");
        assert!(ask(9_100, 60_000, 0), "the second one as well");
        assert!(!ask(9_200, 150, 0), "made after the pause");
        assert!(!ask(11_100, 60_000, 0), "long after the pause");
        assert!(ask(5_000, 60_000, 0), "the clock was put back");
    }
}
