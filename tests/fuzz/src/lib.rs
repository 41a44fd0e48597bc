//! What holds for every input, however it was made. A target takes any bytes and panics when they break a property.
//!
//! - `submission`, `matching`: rules of the crate `domain`.
//! - `typed`, `contact_form_7`, `form_pages`: the public function, from its router down to the store.
//! - `answers`: what every answer of that function must be; `log`: what must not be in the log.
//!
//! `tests/fuzz/run` lets a fuzzer look for such inputs, guided by the code that they reach. `tests/replay.rs` tries the saved
//! ones with every test run: `corpus/<target>/` holds examples to begin with, and each input that ever broke something.

#![allow(clippy::unwrap_used, reason = "these are tests, which clippy does not take for tests here")]

mod answers;
mod contact_form_7;
mod form_pages;
mod house;
mod log;
mod matching;
mod submission;
mod typed;

/// A target: its name, and what it does with any bytes.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: [Target; 5] = [
    ("submission", submission::hold),
    ("matching", matching::hold),
    ("typed", typed::hold),
    ("contact_form_7", contact_form_7::hold),
    ("form_pages", form_pages::hold),
];
