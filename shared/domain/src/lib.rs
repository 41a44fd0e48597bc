//! The words and rules of Kinlink: pure, no I/O, no clock, no randomness.
//!
//! Read in this order to follow a request: [`submission`] (what an adult typed, checked) → [`request`] (its states) →
//! [`matching`] (which pupil a claim may mean) → [`username`] (the name Moodle will accept) → [`plan`] (the rows that
//! should be in Moodle, less those that are) → [`reason`] (why each is) → [`brake`] (when a plan is too big to believe) → [`explain`] (why an adult
//! does not see a child). [`policy`] holds what a school may set.

pub mod adoption;
pub mod audit_chain;
pub mod brake;
pub mod desired;
pub mod differences;
pub mod email;
pub mod email_change;
pub mod explain;
pub mod finding;
pub mod fold;
pub mod hold;
pub mod ids;
pub mod leaving;
pub mod locale;
pub mod matching;
pub mod outcome;
pub mod plan;
pub mod plan_row;
pub mod policy;
pub mod pupil_filter;
pub mod reason;
pub mod reference;
pub mod request;
pub mod request_view;
pub mod retention;
pub mod staff;
pub mod submission;
pub mod text;
pub mod user_view;
pub mod username;

pub use jiff::Timestamp;
