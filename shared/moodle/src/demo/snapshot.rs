//! The rows of the demonstration's Moodle that are not ours, before and after: the proof that none of them was touched.
//!
//! It must see rows as they are, with every column, not as the adapter reads them.

use std::collections::BTreeSet;

use kinlink_db::{DbError, Session as _};

use crate::Moodle;

/// Every foreign row, with all its columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    rows: BTreeSet<(&'static str, String)>,
}

impl Snapshot {
    /// Reads every role row without our component, and every user but those that Moodle's synchronisation made.
    ///
    /// # Errors
    /// The database refused a statement; so does every database but SQLite.
    pub async fn take(moodle: &Moodle, component: &str) -> Result<Self, DbError> {
        let mut session = moodle.db().acquire().await?;
        let mut rows = BTreeSet::new();
        for (table, foreign, value) in [("role_assignments", "component <> ?", component), ("user", "auth <> ?", "db")]
        {
            let name = moodle.prefix().table(table);
            let columns: Vec<(String,)> =
                session.fetch_all("SELECT name FROM pragma_table_info(?) ORDER BY cid", [name.as_str().into()]).await?;
            let columns: Vec<String> = columns.into_iter().map(|(column,)| format!("\"{column}\"")).collect();
            let sql = format!("SELECT json_array({}) FROM {name} WHERE {foreign}", columns.join(", "));
            let found: Vec<(String,)> = session.fetch_all(&sql, [value.into()]).await?;
            rows.extend(found.into_iter().map(|(row,)| (table, row)));
        }
        Ok(Self { rows })
    }

    /// The rows that are only in one of the two; a changed one is there twice.
    #[must_use]
    pub fn differences(&self, later: &Self) -> Vec<String> {
        self.rows
            .symmetric_difference(&later.rows)
            .map(|(table, row)| format!("a foreign row of {table} changed: {row}"))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use kinlink_db::{Db, Options};

    use super::Snapshot;
    use crate::{Moodle, Prefix, demo};

    #[tokio::test]
    async fn a_foreign_row_that_changes_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("moodle.db").display());
        let db = Db::connect_lazy(&url, Options::default()).unwrap();
        demo::install(&db).await.unwrap();
        let moodle = Moodle::new(db, Prefix::default());
        let take = || Snapshot::take(&moodle, "local_kinlink");
        let before = take().await.unwrap();
        assert_eq!(before.differences(&take().await.unwrap()), Vec::<String>::new());
        let db = moodle.db();
        db.execute("UPDATE mdl_role_assignments SET sortorder = sortorder + 1 WHERE id = 1", []).await.unwrap();
        db.execute("DELETE FROM mdl_user WHERE id = 2", []).await.unwrap();
        let differences = before.differences(&take().await.unwrap());
        // A changed row is one that went and one that came.
        assert_eq!(differences.len(), 3, "{differences:?}");
    }
}
