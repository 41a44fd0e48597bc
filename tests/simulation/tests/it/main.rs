//! The simulation in every test run: 2,000 histories on SQLite in ranges that run beside each other, some on the servers, and
//! the proof that the oracle notices what it is there for.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(unreachable_pub, reason = "a test binary exports nothing")]

mod long;
mod mended;
mod oracle;
mod seeds;
mod servers;
