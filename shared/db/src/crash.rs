//! Crash points: with the feature `crash-points`, the process ends itself at the n-th one.
//!
//! A test sets `KINLINK_CRASH_AT=n` for a child process and sees what the next run makes of what the dead one left
//! behind. Points lie before every writing statement and on both sides of every commit, in both databases. Without the
//! feature (every shipped binary) nothing is compiled in.

#[cfg(feature = "crash-points")]
pub(crate) fn point(name: &str) {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    static AT: LazyLock<Option<u64>> =
        LazyLock::new(|| std::env::var("KINLINK_CRASH_AT").ok().and_then(|value| value.parse().ok()));
    static PASSED: AtomicU64 = AtomicU64::new(0);
    if let Some(at) = *AT {
        let now = PASSED.fetch_add(1, Ordering::SeqCst) + 1;
        if now == at {
            eprintln!("crash point {now}: {name}");
            std::process::abort();
        }
    }
}

#[cfg(not(feature = "crash-points"))]
pub(crate) const fn point(_name: &str) {}
