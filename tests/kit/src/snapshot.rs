//! The rows of a whole database before and after: what a piece of code changed, wherever it wrote.

use std::collections::BTreeMap;

use kinlink_db::{Connection, Db, Engine, Session as _};

/// Every table of a database with its rows. Each row is a JSON object of its columns as text; the rows are sorted.
/// Binary values are in hexadecimal.
pub type Snapshot = BTreeMap<String, Vec<String>>;

/// How a table differs between two snapshots. A changed row is one removed and one added. Both are empty if only the
/// table itself came or went.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    /// Rows that were there before and are not now.
    pub removed: Vec<String>,
    /// Rows that were not there before and are now.
    pub added: Vec<String>,
}

/// Reads a whole database: on PostgreSQL the schema `public`. Nobody else may be writing to it meanwhile.
///
/// Counters that are not rows (sequences, `AUTO_INCREMENT`) and the structure of the tables are not part of it.
pub async fn snapshot(db: &Db) -> Snapshot {
    let mut connection = db.acquire().await.expect("a connection to the test database");
    let tables = tables(&mut connection).await;
    let mut snapshot: Snapshot = tables.keys().map(|table| (table.clone(), Vec::new())).collect();
    for table in filled(&mut connection, &tables).await {
        let statement = format!("SELECT {} FROM {} t", tables[&table], quoted(db.engine(), &table));
        let rows: Vec<(String,)> = connection
            .fetch_all(&statement, [])
            .await
            .unwrap_or_else(|error| panic!("the rows of {table} cannot be read: {error}"));
        let mut rows: Vec<String> = rows.into_iter().map(|(row,)| row).collect();
        rows.sort_unstable();
        snapshot.insert(table, rows);
    }
    snapshot
}

/// The tables that differ, with the rows that do.
#[must_use]
pub fn changed_tables(before: &Snapshot, after: &Snapshot) -> BTreeMap<String, Change> {
    let none = Vec::new();
    let mut changed = BTreeMap::new();
    for table in before.keys().chain(after.keys()) {
        let (old, new) = (before.get(table), after.get(table));
        if old != new {
            let (old, new) = (old.unwrap_or(&none), new.unwrap_or(&none));
            changed.insert(table.clone(), Change { removed: missing_from(new, old), added: missing_from(old, new) });
        }
    }
    changed
}

/// The rows that `rows` has and `other` lacks, or has more often than `other`.
fn missing_from(other: &[String], rows: &[String]) -> Vec<String> {
    let mut left: BTreeMap<&str, usize> = BTreeMap::new();
    for row in other {
        *left.entry(row).or_default() += 1;
    }
    let mut missing = Vec::new();
    for row in rows {
        match left.get_mut(row.as_str()) {
            Some(count) if *count > 0 => *count -= 1,
            _ => missing.push(row.clone()),
        }
    }
    missing
}

fn quoted(engine: Engine, name: &str) -> String {
    match engine {
        Engine::MySql => format!("`{name}`"),
        Engine::Sqlite | Engine::Postgres => format!("\"{name}\""),
    }
}

/// Every table with the expression that turns a row of it into JSON.
async fn tables(connection: &mut Connection) -> BTreeMap<String, String> {
    let engine = connection.engine();
    let columns = match engine {
        // PostgreSQL does it for whole rows and needs no columns.
        Engine::Postgres => "SELECT CAST(tablename AS TEXT), '', '' FROM pg_tables WHERE schemaname = 'public'",
        Engine::MySql => {
            "SELECT CAST(c.table_name AS CHAR), CAST(c.column_name AS CHAR), CAST(c.data_type AS CHAR) \
             FROM information_schema.columns c JOIN information_schema.tables t \
             ON t.table_schema = c.table_schema AND t.table_name = c.table_name \
             WHERE c.table_schema = DATABASE() AND t.table_type = 'BASE TABLE' ORDER BY c.table_name, c.ordinal_position"
        }
        Engine::Sqlite => {
            "SELECT m.name, c.name, '' FROM sqlite_master m JOIN pragma_table_info(m.name) c \
             WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY m.name, c.cid"
        }
    };
    let columns: Vec<(String, String, String)> =
        connection.fetch_all(columns, []).await.expect("the list of tables and columns");
    let mut members: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (table, column, data_type) in columns {
        let name = quoted(engine, &column);
        let value = match engine {
            // SQLite types values, not columns.
            Engine::Sqlite => format!("CASE typeof({name}) WHEN 'blob' THEN hex({name}) ELSE {name} END"),
            Engine::MySql if is_binary(&data_type) => format!("HEX({name})"),
            Engine::MySql | Engine::Postgres => name,
        };
        members.entry(table).or_default().push(format!("'{column}', {value}"));
    }
    members
        .into_iter()
        .map(|(table, members)| {
            let row = match engine {
                Engine::Postgres => "CAST(row_to_json(t) AS TEXT)".to_owned(),
                Engine::MySql | Engine::Sqlite => format!("JSON_OBJECT({})", members.join(", ")),
            };
            (table, row)
        })
        .collect()
}

fn is_binary(data_type: &str) -> bool {
    data_type.ends_with("blob") || data_type.ends_with("binary") || data_type == "bit"
}

/// The tables that have rows: of the 500 of a Moodle most are empty, and asking for all in a few statements is quick.
async fn filled(connection: &mut Connection, tables: &BTreeMap<String, String>) -> Vec<String> {
    let engine = connection.engine();
    let names: Vec<&String> = tables.keys().collect();
    let mut filled = Vec::new();
    for chunk in names.chunks(100) {
        let selects: Vec<String> = chunk
            .iter()
            .map(|name| format!("SELECT '{name}' AS name WHERE EXISTS (SELECT 1 FROM {})", quoted(engine, name)))
            .collect();
        let found: Vec<(String,)> =
            connection.fetch_all(&selects.join(" UNION ALL "), []).await.expect("which tables have rows");
        filled.extend(found.into_iter().map(|(name,)| name));
    }
    filled
}

#[cfg(test)]
mod tests {
    use super::{Change, Snapshot, changed_tables};

    fn snapshot(tables: &[(&str, &[&str])]) -> Snapshot {
        tables
            .iter()
            .map(|(table, rows)| ((*table).to_owned(), rows.iter().map(|row| (*row).to_owned()).collect()))
            .collect()
    }

    #[test]
    fn only_what_differs_is_listed_and_equal_rows_are_counted() {
        let before = snapshot(&[("same", &["a"]), ("twice", &["a", "a"]), ("edited", &["old", "x"]), ("gone", &[])]);
        let after = snapshot(&[("same", &["a"]), ("twice", &["a"]), ("edited", &["new", "x"]), ("made", &["m"])]);
        let changed = changed_tables(&before, &after);
        let rows = |rows: &[&str]| rows.iter().map(|row| (*row).to_owned()).collect::<Vec<_>>();
        assert_eq!(
            changed.into_iter().collect::<Vec<_>>(),
            [
                ("edited".to_owned(), Change { removed: rows(&["old"]), added: rows(&["new"]) }),
                ("gone".to_owned(), Change::default()),
                ("made".to_owned(), Change { removed: vec![], added: rows(&["m"]) }),
                ("twice".to_owned(), Change { removed: rows(&["a"]), added: vec![] }),
            ]
        );
    }
}
