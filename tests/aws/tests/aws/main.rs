//! Stories on the built functions: one binary, a module a concern. `tests/aws/run` says what it needs.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(unreachable_pub, reason = "a test binary exports nothing")]

mod connections;
mod deadline;
mod kill;
mod logs;
mod queue;
mod rights;
mod secrets;
mod start;
mod whole;
