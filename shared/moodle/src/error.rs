//! What can be wrong with a Moodle, in words that say what to do.

use kinlink_db::DbError;

/// A failed use of Moodle's database, or a precondition that does not hold there.
#[derive(Debug, thiserror::Error)]
pub enum MoodleError {
    /// The database failed.
    #[error("Moodle: {0}")]
    Db(#[from] DbError),
    /// A setting that every Moodle has is missing.
    #[error("Moodle has no setting {0}; is this Moodle's database, with the right table prefix?")]
    NoSetting(&'static str),
    /// There is no system context.
    #[error("Moodle has no system context; is this Moodle's database, with the right table prefix?")]
    NoSystemContext,
    /// A role row was to be written in a context that could not be found or made.
    #[error("Moodle gave no context for a role of user {0}; run the cycle again, then doctor")]
    NoContext(kinlink_domain::ids::MoodleUserId),
    /// A row that was to be adopted or given back is not any more as it was planned.
    #[error(
        "role rows in Moodle changed while they were to be adopted or given back; nothing was written, apply the plan again"
    )]
    RowsChanged,
    /// The role does not exist.
    #[error(
        "Moodle has no role with the short name {0:?}; create it (Site administration > Users > Permissions > Define roles) or set the policy {1}"
    )]
    NoRole(String, &'static str),
    /// The role exists, but may not be given where it is needed.
    #[error("the role {0:?} may not be assigned in the context type User; allow that in Moodle's Define roles")]
    RoleNotAssignable(String),
}
