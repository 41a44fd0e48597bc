//! The whole road on real databases: one binary, a module a concern.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(unreachable_pub, reason = "a test binary exports nothing")]

mod brake;
mod defects;
mod diagnosis;
mod faults;
mod foreign;
mod grants;
mod kill;
mod mails;
mod questions;
mod queue_hints;
mod road;
mod sqs;
mod statements;
mod views;
mod world;
