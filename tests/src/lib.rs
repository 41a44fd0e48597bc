//! Tests across crates live in `tests/`; programs they start, in `src/bin/`; what both need, here.

pub mod crowd;
pub mod process;
