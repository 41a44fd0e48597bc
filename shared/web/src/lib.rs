//! What every HTTP function shares.
//!
//! - [`problem`]: errors as RFC 9457 problems, and which service error becomes which.
//! - [`body`]: reading bodies: size, type, and JSON whose faults name the field.
//! - [`query`]: reading query parameters and paths.
//! - [`client`]: where a request comes from.
//! - [`etag`]: versions as entity tags.
//! - [`layers`]: request ids, the log line of each request, panics, security headers, 404 and 405.
//! - [`document`]: what all endpoints share in the API's description, and serving it.
//! - [`html`]: escaping, for the few pages that functions write.
//!
//! For pages:
//!
//! - [`page`]: pages as responses, with their headers. `templates/kit.html` has the parts that pages are made of.
//! - [`form`]: reading forms: size, type, and fields in their order.
//! - [`origin`]: refusing what other sites make a browser send.
//! - [`assets`]: style sheet, scripts and icons.
//! - [`when`], [`number`], [`chart`]: times, numbers and daily numbers for people.
//!
//! What does not live here: any route but those of the assets and of the description, and any rule of Kinlink's.

// So that the macros of `templates/kit.html` mean the same here and in other crates.
extern crate self as kinlink_web;

pub mod assets;
pub mod body;
pub mod chart;
pub mod client;
pub mod document;
pub mod etag;
pub mod form;
pub mod html;
pub mod layers;
pub mod number;
mod objects;
pub mod origin;
pub mod page;
pub mod problem;
pub mod query;
pub mod when;

pub use body::{Json, MaybeJson};
pub use client::ClientAddress;
pub use etag::{IfMatch, etag};
pub use form::{Form, FormFault};
pub use layers::finish;
pub use page::{Audience, page};
pub use problem::{FieldFault, Problem};
pub use query::{Parameters, Path};
