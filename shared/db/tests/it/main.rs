//! Databases whose servers change passwords, are full, or fall silent.
#![expect(clippy::unwrap_used, reason = "every function here is part of a test")]

mod between;
mod full;
mod rotation;
mod silence;
