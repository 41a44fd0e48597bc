//! The store, and its transactions: what is done in one carries its audit, and the audit is chained when it commits.
//!
//! Entries are only collected while a transaction goes on; the chain's end is locked by its last statements. So
//! transactions wait for each other for that moment only, and always after every other lock: they cannot dead-lock on it.

use std::ops::Deref;

use kinlink_db::{Db, DbError, Engine, FromAnyRow, Session, Value};
use kinlink_domain::{Timestamp, staff::Actor};

use crate::{
    StoreError,
    audit::{self, Entry, Noted},
};

/// Our database.
#[derive(Clone)]
pub struct Store(Db);

impl Store {
    /// The store in a database.
    #[must_use]
    pub const fn new(db: Db) -> Self {
        Self(db)
    }

    /// Begins a transaction. Dropping it rolls back, and nothing stands in the audit.
    ///
    /// # Errors
    /// As [`Db::begin`].
    pub async fn begin(&self) -> Result<Tx<'static>, StoreError> {
        Ok(Tx { inner: self.0.begin().await?, noted: Vec::new() })
    }
}

impl Deref for Store {
    type Target = Db;
    fn deref(&self) -> &Db {
        &self.0
    }
}

/// A transaction on the store.
pub struct Tx<'c> {
    inner: kinlink_db::Tx<'c>,
    noted: Vec<Noted>,
}

impl Tx<'_> {
    /// Takes entries of the audit down; they are written when the transaction commits.
    pub(crate) fn note(&mut self, actor: &Actor, now: Timestamp, entries: &[Entry]) {
        self.noted.extend(entries.iter().map(|entry| Noted {
            actor: actor.name.clone(),
            at: now,
            entry: entry.clone(),
        }));
    }

    /// Makes everything that was done in this transaction lasting, with its audit.
    ///
    /// # Errors
    /// The audit could not be written (nothing lasts then), or the commit failed; after [`kinlink_db::Fault::Unreachable`] it
    /// is not known whether it took effect.
    pub async fn commit(mut self) -> Result<(), StoreError> {
        audit::append(&mut self.inner, &self.noted).await?;
        Ok(self.inner.commit().await?)
    }
}

impl Session for Tx<'_> {
    fn engine(&self) -> Engine {
        self.inner.engine()
    }

    async fn execute(&mut self, sql: &str, args: impl Into<Vec<Value>> + Send) -> Result<u64, DbError> {
        self.inner.execute(sql, args).await
    }

    async fn fetch_all<T: FromAnyRow>(
        &mut self,
        sql: &str,
        args: impl Into<Vec<Value>> + Send,
    ) -> Result<Vec<T>, DbError> {
        self.inner.fetch_all(sql, args).await
    }
}
