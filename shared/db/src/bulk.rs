//! Writing many rows in few statements.

use crate::{DbError, Engine, Session, Value, values_list};

/// Values that [`insert_many`] binds in a statement: large enough that what a thousand people need fits into one statement of
/// each kind, small enough for every engine's limit (SQLite: 32,766).
const VALUES_PER_STATEMENT: usize = 32_000;
/// Rows per statement at up to 4 values a row, with the same limit in mind.
pub const ROWS_PER_STATEMENT: usize = 8_000;

impl Engine {
    /// What follows `INSERT … VALUES …` so that a row whose `key` exists already gets its `columns` overwritten.
    /// `key` names the columns of the unique key; MariaDB/MySQL finds it by itself.
    #[must_use]
    pub fn or_update(self, key: &str, columns: &[&str]) -> String {
        let sets = |value: fn(&str) -> String| {
            columns.iter().map(|column| format!("{column} = {}", value(column))).collect::<Vec<_>>().join(", ")
        };
        match self {
            Self::MySql => format!(" ON DUPLICATE KEY UPDATE {}", sets(|column| format!("VALUES({column})"))),
            Self::Sqlite | Self::Postgres => {
                format!(" ON CONFLICT ({key}) DO UPDATE SET {}", sets(|column| format!("excluded.{column}")))
            }
        }
    }

    /// What follows `INSERT … VALUES …` so that a row of which any unique key exists already is left out. Unlike a refused
    /// row it does not end a transaction on PostgreSQL, and unlike with [`Engine::or_update`] a key may repeat within one
    /// statement there. `column` is any column of the table.
    #[must_use]
    pub fn or_ignore(self, column: &str) -> String {
        match self {
            Self::MySql => format!(" ON DUPLICATE KEY UPDATE {column} = {column}"),
            Self::Sqlite | Self::Postgres => " ON CONFLICT DO NOTHING".to_owned(),
        }
    }
}

impl Engine {
    /// A list of bound rows for `(a, b) IN {this}`.
    #[must_use]
    pub fn rows_in(self, rows: usize, columns: usize) -> String {
        match self {
            Self::Sqlite | Self::Postgres => format!("(VALUES {})", values_list(rows, columns)),
            Self::MySql => format!("({})", values_list(rows, columns)),
        }
    }

    /// A derived table of bound rows, for `… FROM {this} WHERE NOT EXISTS (…)`: `rows` rows of the named columns.
    /// MariaDB before 10.3 and MySQL know no `VALUES` there, SQLite and PostgreSQL limit or slow down long `UNION`s.
    #[must_use]
    pub fn derived_rows(self, alias: &str, columns: &[&str], rows: usize) -> String {
        match self {
            Self::Postgres => {
                format!("(VALUES {}) AS {alias} ({})", values_list(rows, columns.len()), columns.join(", "))
            }
            Self::Sqlite => {
                let named: Vec<String> =
                    columns.iter().zip(1..).map(|(column, number)| format!("column{number} AS {column}")).collect();
                format!("(SELECT {} FROM (VALUES {})) AS {alias}", named.join(", "), values_list(rows, columns.len()))
            }
            Self::MySql => {
                let first: Vec<String> = columns.iter().map(|column| format!("? AS {column}")).collect();
                let other = format!(" UNION ALL SELECT {}", vec!["?"; columns.len()].join(", "));
                format!("(SELECT {}{}) AS {alias}", first.join(", "), other.repeat(rows.saturating_sub(1)))
            }
        }
    }
}

/// Inserts rows, as many in one statement as every engine takes. `insert` is `INSERT INTO t (a, b)`, `end` what follows the values
/// (usually empty, or [`Engine::or_update`]). Gives the number of rows the engine reports.
///
/// # Errors
/// Any [`crate::Fault`] of one of the statements; earlier ones are not undone unless `session` is a transaction.
pub async fn insert_many<const N: usize>(
    session: &mut impl Session,
    insert: &str,
    rows: Vec<[Value; N]>,
    end: &str,
) -> Result<u64, DbError> {
    let most = ROWS_PER_STATEMENT.min(VALUES_PER_STATEMENT / N.max(1));
    let mut affected = 0;
    let mut rows = rows.into_iter().peekable();
    while rows.peek().is_some() {
        let chunk: Vec<[Value; N]> = rows.by_ref().take(most).collect();
        let sql = format!("{insert} VALUES {}{end}", values_list(chunk.len(), N));
        let args: Vec<Value> = chunk.into_iter().flatten().collect();
        affected += session.execute(&sql, args).await?;
    }
    Ok(affected)
}

#[cfg(test)]
mod tests {
    use crate::Engine;

    #[test]
    fn each_engine_has_its_own_words_for_bound_rows_and_for_upserts() {
        let rendered: Vec<String> = [Engine::Sqlite, Engine::MySql, Engine::Postgres]
            .into_iter()
            .flat_map(|engine| [engine.derived_rows("d", &["a", "b"], 2), engine.or_update("k", &["a", "b"])])
            .collect();
        assert_eq!(
            rendered,
            [
                "(SELECT column1 AS a, column2 AS b FROM (VALUES (?, ?), (?, ?))) AS d",
                " ON CONFLICT (k) DO UPDATE SET a = excluded.a, b = excluded.b",
                "(SELECT ? AS a, ? AS b UNION ALL SELECT ?, ?) AS d",
                " ON DUPLICATE KEY UPDATE a = VALUES(a), b = VALUES(b)",
                "(VALUES (?, ?), (?, ?)) AS d (a, b)",
                " ON CONFLICT (k) DO UPDATE SET a = excluded.a, b = excluded.b",
            ]
        );
    }
}
