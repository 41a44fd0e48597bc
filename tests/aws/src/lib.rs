//! Runs the built Lambda functions as AWS does, so that what ships is what is tested.
//!
//! - [`sandbox`], [`function`]: processes of the built programs with a Runtime API of their own (`runtime_api`); frozen, thawed,
//!   killed and ended as on AWS; what they write (`output`).
//! - [`event`]: what AWS sends them, from recorded shapes, and what they answer.
//! - [`artefacts`]: where the built programs and the template are.
//! - [`aws_proxy`], [`tcp_proxy`]: what is between them and AWS, and between them and their databases; both make faults.
//! - [`secrets_manager`]: making and changing secrets in the emulator.
//! - [`template`]: the expanded `template.yaml`, from which queues, settings, timeouts and rights are taken.
//! - [`world`]: all of it together, with a school.
//!
//! Nothing of Kinlink's own code runs the functions here: only the built programs do. What does not live here: servers
//! (`tests/servers`) and what the stories are (`tests/aws/tests`).

pub mod artefacts;
pub mod aws_proxy;
pub mod event;
pub mod function;
mod output;
mod runtime_api;
pub mod sandbox;
pub mod secrets_manager;
pub mod tcp_proxy;
pub mod template;
pub mod world;

pub use output::CANARIES;
