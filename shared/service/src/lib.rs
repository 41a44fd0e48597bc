//! Use cases: what functions call. One file a use case.
//!
//! The road of one request: [`submit`] → [`confirm`] → [`view`] (what staff look at) → [`decide`] → [`cycle`] → [`mail`].
//! Around it: [`accounts`] (login rows), [`explain`], [`doctor`], [`settings`], [`access`] (tokens and sources), [`housekeeping`].
//!
//! Everything from outside comes in by [`App`]: databases, queue, clock, randomness, key. Nothing here knows HTTP, Lambda
//! or the command line; no SQL stands here.

pub mod access;
pub mod accounts;
pub mod app;
pub mod approve;
pub mod confirm;
pub mod cycle;
pub mod decide;
pub mod doctor;
pub mod error;
pub mod explain;
pub mod housekeeping;
pub mod mail;
pub mod settings;
pub mod submit;
pub mod view;

pub use app::App;
pub use error::ServiceError;
