//! What every HTTP function shares.
//!
//! - [`problem`]: errors as RFC 9457 problems, and which service error becomes which.
//! - [`body`]: reading bodies: size, type, and JSON whose faults name the field.
//! - [`query`]: reading query parameters and paths.
//! - [`etag`]: versions as entity tags.
//! - [`layers`]: request ids, the log line of each request, panics, security headers, 404 and 405.
//! - [`html`]: escaping, for the few pages that functions write.
//!
//! What does not live here: any route, and any rule of Kinlink's.

pub mod body;
pub mod etag;
pub mod html;
pub mod layers;
pub mod problem;
pub mod query;

pub use body::{Json, MaybeJson};
pub use etag::{IfMatch, etag};
pub use layers::finish;
pub use problem::{FieldFault, Problem};
pub use query::{Parameters, Path};
