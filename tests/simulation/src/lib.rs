//! The deterministic fault simulation: a seed becomes a history of acts and misfortunes, played by the real use cases on real
//! databases; an oracle that knows none of their rules checks what must never happen.
//!
//! Read in this order: [`people`] (who is in the model world), [`world`] (its databases and clock), [`acts`] (what somebody
//! may do, one entry each), [`later`] (what comes later in the life of an account), [`scenes`] (acts that belong together), [`history`] (drawing and
//! playing), [`stage`] (who goes on at each point, and what goes wrong
//! there), [`model`] (what was answered, by plain bookkeeping), [`oracle`] (the promises), [`shrink`] (the shortest history
//! that still breaks one), [`sabotage`] (defects put in on purpose, to see that the oracle notices). `docs/simulation.md` says
//! how to run it.

pub mod acts;
pub mod history;
pub mod later;
pub mod machine;
pub mod meddle;
pub mod model;
pub mod oracle;
pub mod people;
pub mod sabotage;
pub mod scenes;
pub mod shrink;
pub mod stage;
pub mod world;

pub use machine::Machine;

/// About how many steps a history has.
pub const STEPS: usize = 20;
