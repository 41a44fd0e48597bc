//! The three folders of migrations make one schema.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use kinlink_db::Int;
use kinlink_store::{Db, Engine, migrations::migrate};
use kinlink_testkit::fresh;

use crate::harness::ENGINES;

/// What the engines must agree in, by table.
pub(crate) type Schema = BTreeMap<String, Table>;

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Table {
    /// Name, whether it holds texts (or integers), whether it may be null; in their order.
    columns: Vec<(String, bool, bool)>,
    primary_key: Vec<String>,
    unique: BTreeSet<Vec<String>>,
    indexes: BTreeSet<Vec<String>>,
}

const MIGRATIONS: &str = "_sqlx_migrations";

/// Table, column, type, 1 if it may be null.
type ColumnRow = (String, String, String, i64);
/// Table, index, `primary`, `unique` or `index`, column; in the order of the index.
type IndexRow = (String, String, String, String);

const COLUMNS_SQLITE: &str = "SELECT m.name, c.name, LOWER(c.type), 1 - c.\"notnull\" FROM sqlite_master m \
    JOIN pragma_table_info(m.name) c WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite!_%' ESCAPE '!' ORDER BY m.name, c.cid";
const COLUMNS_MARIADB: &str = "SELECT CAST(table_name AS CHAR), CAST(column_name AS CHAR), CAST(data_type AS CHAR), \
    CAST(is_nullable = 'YES' AS SIGNED) FROM information_schema.columns WHERE table_schema = DATABASE() \
    ORDER BY table_name, ordinal_position";
const COLUMNS_POSTGRES: &str = "SELECT CAST(table_name AS TEXT), CAST(column_name AS TEXT), CAST(data_type AS TEXT), \
    CAST(CASE is_nullable WHEN 'YES' THEN 1 ELSE 0 END AS BIGINT) FROM information_schema.columns \
    WHERE table_schema = 'public' ORDER BY table_name, ordinal_position";
// An INTEGER PRIMARY KEY is the row's own number and has no index.
const INDEXES_SQLITE: &str = "SELECT * FROM (SELECT m.name AS t, i.name AS i, \
    CASE WHEN i.origin = 'pk' THEN 'primary' WHEN i.\"unique\" THEN 'unique' ELSE 'index' END AS kind, c.name AS c, \
    c.seqno AS place FROM sqlite_master m JOIN pragma_index_list(m.name) i JOIN pragma_index_info(i.name) c \
    WHERE m.type = 'table' \
    UNION ALL SELECT m.name, 'rowid', 'primary', c.name, 0 FROM sqlite_master m JOIN pragma_table_info(m.name) c \
    WHERE m.type = 'table' AND c.pk = 1 AND NOT EXISTS (SELECT 1 FROM pragma_index_list(m.name) WHERE origin = 'pk') \
    ) ORDER BY t, i, place";
const INDEXES_MARIADB: &str = "SELECT CAST(table_name AS CHAR), CAST(index_name AS CHAR), \
    CASE WHEN index_name = 'PRIMARY' THEN 'primary' WHEN non_unique = 0 THEN 'unique' ELSE 'index' END, \
    CAST(column_name AS CHAR) FROM information_schema.statistics WHERE table_schema = DATABASE() \
    ORDER BY table_name, index_name, seq_in_index";
const INDEXES_POSTGRES: &str = "SELECT CAST(t.relname AS TEXT), CAST(i.relname AS TEXT), \
    CASE WHEN x.indisprimary THEN 'primary' WHEN x.indisunique THEN 'unique' ELSE 'index' END, CAST(a.attname AS TEXT) \
    FROM pg_index x JOIN pg_class t ON t.oid = x.indrelid JOIN pg_class i ON i.oid = x.indexrelid \
    JOIN pg_namespace n ON n.oid = t.relnamespace \
    CROSS JOIN LATERAL unnest(x.indkey) WITH ORDINALITY AS k(attnum, place) \
    JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.attnum \
    WHERE n.nspname = 'public' ORDER BY t.relname, i.relname, k.place";

pub(crate) async fn read_schema(db: &Db) -> Schema {
    let (columns, indexes) = match db.engine() {
        Engine::Sqlite => (COLUMNS_SQLITE, INDEXES_SQLITE),
        Engine::MySql => (COLUMNS_MARIADB, INDEXES_MARIADB),
        Engine::Postgres => (COLUMNS_POSTGRES, INDEXES_POSTGRES),
    };
    let mut schema = Schema::new();
    let rows: Vec<ColumnRow> = db.fetch_all(columns, []).await.unwrap();
    for (table, column, data_type, nullable) in rows {
        if table != MIGRATIONS {
            let is_text = data_type.contains("text") || data_type.contains("char");
            assert!(is_text || data_type.contains("int"), "{table}.{column} is neither text nor integer: {data_type}");
            schema.entry(table).or_default().columns.push((column, is_text, nullable == 1));
        }
    }
    let rows: Vec<IndexRow> = match db.engine() {
        Engine::Sqlite => {
            let rows: Vec<(String, String, String, String, i64)> = db.fetch_all(indexes, []).await.unwrap();
            rows.into_iter().map(|(table, index, kind, column, _)| (table, index, kind, column)).collect()
        }
        Engine::MySql | Engine::Postgres => db.fetch_all(indexes, []).await.unwrap(),
    };
    let mut by_index: BTreeMap<(String, String, String), Vec<String>> = BTreeMap::new();
    for (table, index, kind, column) in rows {
        by_index.entry((table, index, kind)).or_default().push(column);
    }
    for ((table, index, kind), columns) in by_index {
        let Some(table) = schema.get_mut(&table) else { continue };
        match kind.as_str() {
            "primary" => table.primary_key = columns,
            "unique" => assert!(table.unique.insert(columns), "{index} repeats another unique key"),
            _ => assert!(table.indexes.insert(columns), "{index} repeats another index"),
        }
    }
    schema
}

#[test]
fn the_three_folders_hold_scripts_of_the_same_names() {
    let names = |folder: &str| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(folder);
        let files = std::fs::read_dir(folder).unwrap();
        files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect::<BTreeSet<_>>()
    };
    assert!(names("sqlite").len() >= 4);
    assert_eq!(names("sqlite"), names("mysql"));
    assert_eq!(names("sqlite"), names("postgres"));
}

#[tokio::test]
async fn the_three_schemas_agree_in_tables_columns_nulls_keys_and_indexes() {
    let mut schemas = Vec::new();
    for engine in ENGINES {
        let test = fresh(engine).await;
        migrate(&test.db).await.unwrap();
        schemas.push((engine, read_schema(&test.db).await));
    }
    let (_, sqlite) = &schemas[0];
    assert!(sqlite.len() >= 19, "{:?}", sqlite.keys());
    let unique = |table: &str, columns: &[&str]| {
        let columns: Vec<String> = columns.iter().map(|column| (*column).to_owned()).collect();
        sqlite[table].unique.contains(&columns) || sqlite[table].primary_key == columns
    };
    // What keeps two of a kind out whoever forgets to look first.
    for (table, columns) in [
        ("requests", &["reference"][..]),
        ("requests", &["dedup_key"]),
        ("adults", &["username"]),
        ("adults", &["picked_user_id"]),
        ("login_rows", &["username"]),
        ("login_rows", &["adult_id"]),
        ("links", &["adult_id", "pupil_id"]),
        ("mails", &["once_key"]),
        ("email_proofs", &["token_hash"]),
        ("idempotency_keys", &["scope", "key_hash"]),
        ("quotas", &["key_hash", "window_start"]),
        ("ledger", &["user_id", "context_id", "role_id", "item_id", "component"]),
        ("leases", &["name"]),
        ("staff", &["issuer", "subject"]),
        ("staff_sessions", &["token_hash"]),
        ("sign_ins", &["state_hash"]),
        ("sign_in_links", &["token_hash"]),
    ] {
        assert!(unique(table, columns), "{table} {columns:?}");
    }
    for (engine, schema) in &schemas[1..] {
        assert_eq!(schema.keys().collect::<Vec<_>>(), sqlite.keys().collect::<Vec<_>>(), "tables on {engine}");
        for (name, table) in schema {
            assert_eq!(table, &sqlite[name], "{name} on {engine}");
        }
    }
}

#[tokio::test]
async fn mariadb_and_postgresql_agree_in_how_long_texts_may_be() {
    let sql = |cast: &str, schema: &str| {
        format!(
            "SELECT CAST(table_name AS {cast}), CAST(column_name AS {cast}), character_maximum_length FROM information_schema.columns \
             WHERE table_schema = {schema} AND data_type IN ('varchar', 'character varying') AND table_name <> '_sqlx_migrations'"
        )
    };
    let mut found = Vec::new();
    for (engine, cast, schema) in [(Engine::MySql, "CHAR", "DATABASE()"), (Engine::Postgres, "TEXT", "'public'")] {
        let test = fresh(engine).await;
        migrate(&test.db).await.unwrap();
        let rows: Vec<(String, String, Int)> = test.db.fetch_all(&sql(cast, schema), []).await.unwrap();
        // Each server sorts in its own way.
        found.push(rows.into_iter().collect::<BTreeSet<_>>());
    }
    assert!(found[0].len() > 60, "{}", found[0].len());
    assert_eq!(found[0], found[1]);
}

#[tokio::test]
async fn every_text_of_mariadb_is_utf8mb4_and_compared_byte_by_byte_and_every_table_is_transactional() {
    let test = fresh(Engine::MySql).await;
    migrate(&test.db).await.unwrap();
    let sql = "SELECT CAST(CONCAT(table_name, '.', column_name) AS CHAR) FROM information_schema.columns \
               WHERE table_schema = DATABASE() AND table_name <> '_sqlx_migrations' AND collation_name IS NOT NULL \
               AND collation_name <> 'utf8mb4_bin'";
    let wrong: Vec<(String,)> = test.db.fetch_all(sql, []).await.unwrap();
    assert!(wrong.is_empty(), "{wrong:?}");
    let sql = "SELECT CAST(table_name AS CHAR) FROM information_schema.tables \
               WHERE table_schema = DATABASE() AND engine <> 'InnoDB'";
    let wrong: Vec<(String,)> = test.db.fetch_all(sql, []).await.unwrap();
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[tokio::test]
async fn login_rows_has_exactly_the_columns_of_its_contract_with_moodle() {
    for engine in ENGINES {
        let test = fresh(engine).await;
        migrate(&test.db).await.unwrap();
        let schema = read_schema(&test.db).await;
        let columns: Vec<&str> = schema["login_rows"].columns.iter().map(|(name, ..)| name.as_str()).collect();
        assert_eq!(
            columns,
            [
                "username",
                "firstname",
                "lastname",
                "email",
                "description",
                "lang",
                "request_id",
                "adult_id",
                "created_at"
            ],
            "{engine}"
        );
        assert!(schema["login_rows"].columns.iter().all(|(.., nullable)| !nullable), "{engine}");
    }
}
