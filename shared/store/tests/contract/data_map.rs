//! `docs/privacy.md` names every column of the store, and none that is not there.

use std::{collections::BTreeSet, fs, path::Path};

use kinlink_store::{Engine, migrations::migrate};
use kinlink_testkit::fresh;

#[tokio::test]
async fn the_data_map_names_every_column_of_the_schema_and_no_other() {
    let test = fresh(Engine::Sqlite).await;
    migrate(&test.db).await.unwrap();
    let sql = "SELECT m.name, c.name FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table' AND \
               m.name NOT LIKE 'sqlite!_%' ESCAPE '!' AND m.name <> '_sqlx_migrations'";
    let rows: Vec<(String, String)> = test.db.fetch_all(sql, []).await.unwrap();
    let columns: BTreeSet<String> = rows.into_iter().map(|(table, column)| format!("{table}.{column}")).collect();
    assert!(columns.len() > 150, "{}", columns.len());

    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/privacy.md");
    let map = fs::read_to_string(path).unwrap();
    let named: Vec<(&str, &str)> = map
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once("` | "))
        .map(|(column, what)| (column, what.trim_end_matches('|').trim()))
        .collect();
    let nothing: Vec<_> = named.iter().filter(|(_, what)| what.is_empty()).collect();
    assert!(nothing.is_empty(), "say what these hold: {nothing:?}");
    let listed: BTreeSet<String> = named.iter().map(|(column, _)| (*column).to_owned()).collect();
    assert_eq!(listed.len(), named.len(), "a column stands there twice");
    let missing: Vec<_> = columns.difference(&listed).collect();
    assert!(missing.is_empty(), "not in docs/privacy.md: {missing:?}");
    let gone: Vec<_> = listed.difference(&columns).collect();
    assert!(gone.is_empty(), "in docs/privacy.md, but not in the store: {gone:?}");
}
