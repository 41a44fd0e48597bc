//! The staff's pages from outside: what a browser without scripts sees and sends, on a whole Kinlink of its own.

#![allow(clippy::unwrap_used, reason = "helpers of tests, which clippy does not take for tests")]

mod acts;
mod audit;
mod cycles;
mod email_change;
mod every_page;
mod explain;
mod health;
mod holds;
mod leavers;
mod matching;
mod own;
mod plans;
mod privacy;
mod reconciliation;
mod requests;
mod roles;
mod settings;
mod staff;
mod statements;
mod tokens;
mod users;
mod world;
