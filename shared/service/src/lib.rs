//! Use cases: what functions call. One file a use case.
//!
//! The road of one request: [`submit`] → [`confirm`] → [`view`] (what staff look at) → [`decide`] → [`cycle`] → [`mail`].
//! What the adult does meanwhile: [`status`], [`questions`].
//! Around it: [`accounts`] (login rows), [`email_change`], [`explain`], [`holds`], [`doctor`], [`settings`], [`access`] (tokens and sources), [`own`] (nobody decides about themselves), [`quota`], [`sessions`] (staff at our pages), [`audit_chain`], [`housekeeping`], [`retention`], [`erasure`] and [`bundle`] (a copy of one’s data).
//! What all of them tell of themselves: [`metric`], and `observe.rs`.
//!
//! Everything from outside comes in by [`App`]: databases, queue, clock, randomness, key. Nothing here knows HTTP, Lambda
//! or the command line; no SQL stands here.

pub mod access;
pub mod accounts;
pub mod adoption;
pub mod app;
pub mod approve;
pub mod audit_chain;
pub mod bulk;
pub mod bundle;
pub mod confirm;
pub mod cycle;
pub mod decide;
pub mod doctor;
pub mod email_change;
pub mod erasure;
pub mod error;
pub mod explain;
pub mod form;
pub mod holds;
pub mod housekeeping;
pub mod leavers;
mod looked;
pub mod mail;
pub mod metric;
mod observe;
pub mod own;
pub mod pin;
pub mod plans;
pub mod questions;
pub mod quota;
pub mod reconciliation;
pub mod retention;
pub mod sessions;
pub mod settings;
pub mod status;
pub mod submit;
mod usernames;
pub mod view;

pub use app::App;
pub use error::ServiceError;
