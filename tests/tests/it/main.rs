//! The whole road on real databases: one binary, a module a concern.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(unreachable_pub, reason = "a test binary exports nothing")]

mod adoption;
mod brake;
mod connections;
mod defects;
mod diagnosis;
mod email_change;
mod faults;
mod foreign;
mod grants;
mod holds;
mod kill;
mod mails;
mod plans;
mod privacy;
mod questions;
mod queue_hints;
mod reconcile;
mod road;
mod rollover;
mod sqs;
mod staff_parents;
mod statements;
mod views;
mod world;
