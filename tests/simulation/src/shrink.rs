//! Shrinking: acts and misfortunes are left out while the same promise is still broken.

use anyhow::Result;

use crate::{history::History, oracle::Promise};

/// Whether a history still breaks the promise.
pub trait Check {
    /// Plays it and looks.
    fn breaks(&mut self, history: &History, promise: Promise) -> impl Future<Output = Result<bool>>;
}

/// The shortest history found that still breaks the promise.
///
/// # Errors
/// Playing failed.
pub async fn shrink(check: &mut impl Check, history: &History, promise: Promise) -> Result<History> {
    let mut best = history.clone();
    loop {
        let before = best.clone();
        let mut size = best.steps.len().div_ceil(2);
        while size > 0 {
            let mut from = 0;
            while from < best.steps.len() {
                let mut shorter = best.clone();
                shorter.steps.drain(from..(from + size).min(best.steps.len()));
                if check.breaks(&shorter, promise).await? {
                    best = shorter;
                } else {
                    from += size;
                }
            }
            size /= 2;
        }
        for number in 0..best.steps.len() {
            for at in (0..best.steps[number].acts.len()).rev() {
                let mut simpler = best.clone();
                simpler.steps[number].acts[at].1 = None;
                if simpler != best && check.breaks(&simpler, promise).await? {
                    best = simpler;
                }
                if best.steps[number].acts.len() > 1 {
                    let mut simpler = best.clone();
                    simpler.steps[number].acts.remove(at);
                    if check.breaks(&simpler, promise).await? {
                        best = simpler;
                    }
                }
            }
        }
        if best == before {
            return Ok(best);
        }
    }
}
