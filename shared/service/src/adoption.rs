//! Coming from the earlier plugin: its role rows become ours, and this can be undone.
//!
//! Either way is a plan like any other: it is kept, looked at, compared and applied exactly as it is (`plans`). What does not
//! live here: which rows (`kinlink_domain::adoption`), and writing them (`cycle`).

use kinlink_domain::{
    adoption::Direction,
    staff::{Actor, Permission},
};

use crate::{
    App, ServiceError,
    access::require,
    cycle,
    plans::{self, Plan},
};

/// A plan that adopts or gives back, and what it leaves as it is.
#[derive(Debug, Clone)]
pub struct Made {
    /// The plan.
    pub plan: Plan,
    /// How many rows of the same kind stay as they are. When adopting: rows like those of the earlier plugin behind which no
    /// link in force stands. When giving back: adopted rows that are gone, because their link ended or is held.
    pub left: u64,
}

/// Looks which rows would be adopted, or given back, and keeps the plan. Writes nothing in Moodle.
///
/// # Errors
/// [`ServiceError::Forbidden`], Moodle or its preconditions, the store.
pub async fn make(app: &App, actor: &Actor, direction: Direction) -> Result<Made, ServiceError> {
    require(actor, Permission::RunCycle)?;
    let survey = cycle::preview(app, direction).await?;
    // The brake counts what takes access away; here nobody loses any.
    let plan = plans::keep(app, actor, direction.scope(), &survey.rows, false).await?;
    Ok(Made { plan, left: survey.left })
}
