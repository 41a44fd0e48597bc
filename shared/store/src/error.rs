//! What can go wrong in the store.

use kinlink_db::DbError;

/// A failed use of the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database failed.
    #[error("store: {0}")]
    Db(#[from] DbError),
    /// The row changed since it was read: somebody else was faster.
    #[error("store: {0} was changed by somebody else meanwhile")]
    Stale(&'static str),
    /// A row holds what no version of Kinlink writes.
    #[error("store: column {0} holds an unknown value; was the database changed by hand, or by a newer version?")]
    Corrupt(&'static str),
    /// The migrations could not be applied.
    #[error("store: {0}")]
    Migrate(#[from] kinlink_db::MigrateFailure),
}

impl StoreError {
    /// Whether a unique key refused the row: somebody else was first.
    #[must_use]
    pub fn is_duplicate(&self) -> bool {
        matches!(self, Self::Db(error) if error.is_duplicate())
    }

    /// Whether the same transaction may succeed when it is tried again.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Db(error) if error.fault() == kinlink_db::Fault::Conflict)
    }
}

/// Reads a coded column.
pub(crate) fn coded<T>(value: Option<T>, column: &'static str) -> Result<T, StoreError> {
    value.ok_or(StoreError::Corrupt(column))
}

/// Reads an id column.
pub(crate) fn id<Of>(text: &str, column: &'static str) -> Result<kinlink_domain::ids::Id<Of>, StoreError> {
    text.parse().map_err(|_| StoreError::Corrupt(column))
}

/// Reads an id column that may be null.
pub(crate) fn id_or_none<Of>(
    text: Option<&str>,
    column: &'static str,
) -> Result<Option<kinlink_domain::ids::Id<Of>>, StoreError> {
    text.map(|text| id(text, column)).transpose()
}
