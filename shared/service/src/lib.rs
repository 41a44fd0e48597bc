//! Use cases: what functions call. One file a use case.
//!
//! The road of one request: [`submit`] → [`confirm`] → [`view`] (what staff look at) → [`decide`] → [`cycle`] → [`mail`].
//! What the adult does meanwhile: [`status`], [`questions`].
//! Around it: [`accounts`] (login rows), [`explain`], [`doctor`], [`settings`], [`access`] (tokens and sources), [`sessions`] (staff at our pages), [`housekeeping`].
//! What all of them tell of themselves: [`metric`], and `observe.rs`.
//!
//! Everything from outside comes in by [`App`]: databases, queue, clock, randomness, key. Nothing here knows HTTP, Lambda
//! or the command line; no SQL stands here.

pub mod access;
pub mod accounts;
pub mod app;
pub mod approve;
pub mod bulk;
pub mod confirm;
pub mod cycle;
pub mod decide;
pub mod doctor;
pub mod error;
pub mod explain;
pub mod form;
pub mod housekeeping;
pub mod mail;
pub mod metric;
mod observe;
pub mod pin;
pub mod questions;
pub mod sessions;
pub mod settings;
pub mod status;
pub mod submit;
pub mod view;

pub use app::App;
pub use error::ServiceError;
