//! Kinlink's settings: where they come from, what they must look like.
//!
//! [`SETTINGS`] is the table of all of them; [`load`] reads environment variables over a TOML file over defaults and
//! gives one typed [`Config`], with a report of where each value came from, or every error at once. Secrets that stand in
//! AWS Secrets Manager are named by [`references`]; the caller fetches them and hands them to [`load`].
//!
//! What does not live here: what a school decides (roles, pupil filter, brake …). That is policy (`kinlink_domain::policy`)
//! and stands in the store, so that every function sees the same.

mod errors;
mod load;
mod reference;
mod settings;
mod values;

pub use errors::{ConfigError, ConfigErrors};
pub use load::{Loaded, Needed, Origin, ReportLine, Sources, TomlFile, load, references};
pub use reference::{SecretReference, Secrets};
pub use settings::{Config, REFERENCES, SETTINGS, Setting, help};
pub use values::{DatabaseAuth, DatabaseUrl, InvalidValue, LogFormat, MoodleAccess, TablePrefix, WebAddress};
