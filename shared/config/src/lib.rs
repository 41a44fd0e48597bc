//! Kinlink's settings: where they come from, what they must look like.
//!
//! [`SETTINGS`] is the table of all of them; [`load`] reads environment variables over a TOML file over defaults and
//! gives one typed [`Config`], with a report of where each value came from, or every error at once.
//!
//! What does not live here: what a school decides (roles, pupil filter, brake …). That is policy (`kinlink_domain::policy`)
//! and stands in the store, so that every function sees the same.

mod errors;
mod load;
mod settings;
mod values;

pub use errors::{ConfigError, ConfigErrors};
pub use load::{Loaded, Origin, ReportLine, TomlFile, load, load_from_process};
pub use settings::{Config, SETTINGS, Setting, help};
pub use values::{DatabaseUrl, InvalidValue, LogFormat, TablePrefix, WebAddress};
