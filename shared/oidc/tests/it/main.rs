//! The provider's side is played here, so that it can lie. An honest one, the real thing, is in the tests of `functions/admin`.

#![allow(clippy::unwrap_used, reason = "helpers of tests, which clippy does not take for tests")]

mod discovery;
mod exchange;
mod liar;
mod tokens;
