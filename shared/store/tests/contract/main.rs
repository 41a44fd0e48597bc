//! The store's contract: what callers may rely on, held to on every engine.
//!
//! Needs the test servers: `tests/run --servers-only -- cargo nextest run -p kinlink-store`. Tests named C-…, D-… and
//! R-… guard against the faults of the plugin that Kinlink replaces (`reference/tvs-plugin.md` §21).

#![allow(clippy::unwrap_used, reason = "helpers of tests, which clippy does not take for tests")]

mod accounts;
mod adoptions;
mod audit_chain;
mod completeness;
mod concurrency;
mod cycles;
mod data_map;
mod email_changes;
mod findings;
mod fixtures;
mod harness;
mod holds;
mod jobs;
mod leases;
mod leavers;
mod ledger;
mod links;
mod lists;
mod mails;
mod migrations;
mod pages;
mod plans;
mod put_backs;
mod questions;
mod quotas;
mod records;
mod requests;
mod retention;
mod schema;
mod staff;
mod views;
