//! Our definition of Moodle's tables against a real Moodle's: the dumps of 4.5 on MariaDB and PostgreSQL.

#![cfg(all(feature = "sqlite", feature = "mysql", feature = "postgres"))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;

use kinlink_db::{Db, Engine, in_list};
use kinlink_moodle::{prefix::Prefix, schema};
use kinlink_testkit::{fresh, moodle_dump};

/// Every table of ours, with Moodle's usual prefix.
const TABLES: [&str; 18] = [
    "mdl_user",
    "mdl_context",
    "mdl_role",
    "mdl_role_context_levels",
    "mdl_role_capabilities",
    "mdl_role_assignments",
    "mdl_cache_flags",
    "mdl_config",
    "mdl_config_plugins",
    "mdl_task_scheduled",
    "mdl_task_log",
    "mdl_sessions",
    "mdl_user_preferences",
    "mdl_user_info_field",
    "mdl_user_info_data",
    "mdl_cohort",
    "mdl_cohort_members",
    "mdl_mnet_host",
];

/// One column or key: table, name, and everything the server knows of it.
type Fact = (String, String, String);

/// A statement for [`Fact`]s, which ends with `table IN`.
async fn facts(db: &Db, sql: &str) -> BTreeSet<Fact> {
    let sql = format!("{sql} {}", in_list(TABLES.len()));
    let rows: Vec<Fact> = db.fetch_all(&sql, TABLES.map(Into::into)).await.unwrap();
    rows.into_iter().collect()
}

async fn columns(db: &Db) -> BTreeSet<Fact> {
    let sql = match db.engine() {
        Engine::MySql => {
            "SELECT CAST(table_name AS CHAR), CAST(column_name AS CHAR), CAST(CONCAT_WS(' ', ordinal_position, column_type, \
             is_nullable, COALESCE(column_default, '-'), collation_name, extra) AS CHAR) \
             FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name IN"
        }
        _ => {
            "SELECT CAST(table_name AS TEXT), CAST(column_name AS TEXT), CONCAT_WS(' ', ordinal_position, data_type, \
             character_maximum_length, numeric_precision, numeric_scale, is_nullable, COALESCE(column_default, '-')) \
             FROM information_schema.columns WHERE table_schema = 'public' AND table_name IN"
        }
    };
    facts(db, sql).await
}

async fn keys(db: &Db) -> BTreeSet<Fact> {
    let sql = match db.engine() {
        Engine::MySql => {
            "SELECT CAST(table_name AS CHAR), CAST(CONCAT(index_name, ' ', seq_in_index) AS CHAR), \
             CAST(CONCAT_WS(' ', non_unique, column_name, sub_part) AS CHAR) \
             FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name IN"
        }
        _ => {
            "SELECT CAST(tablename AS TEXT), CAST(indexname AS TEXT), indexdef FROM pg_indexes \
             WHERE schemaname = 'public' AND tablename IN"
        }
    };
    facts(db, sql).await
}

async fn is_moodles(engine: Engine) {
    let Some(real) = moodle_dump(engine).await else {
        return;
    };
    let ours = fresh(engine).await;
    schema::create(&ours.db, &Prefix::parse(real.prefix).unwrap()).await.unwrap();
    for (what, ours, real) in [
        ("columns", columns(&ours.db).await, columns(&real.moodle.db).await),
        ("keys", keys(&ours.db).await, keys(&real.moodle.db).await),
    ] {
        let tables: BTreeSet<&str> = real.iter().map(|fact| fact.0.as_str()).collect();
        assert_eq!(tables.len(), TABLES.len(), "{what} of the dump");
        let missing: Vec<&Fact> = real.difference(&ours).collect();
        let invented: Vec<&Fact> = ours.difference(&real).collect();
        assert!(
            missing.is_empty() && invented.is_empty(),
            "{engine}, {what}: Moodle has {missing:#?}, we have {invented:#?}"
        );
    }
    ours.drop_database().await;
    real.moodle.drop_database().await;
    if let Some(logins) = real.logins {
        logins.drop_database().await;
    }
}

#[tokio::test]
async fn on_mariadb_it_is_moodles() {
    is_moodles(Engine::MySql).await;
}

#[tokio::test]
async fn on_postgres_it_is_moodles() {
    is_moodles(Engine::Postgres).await;
}

/// Name, nullability and default of each column, and the columns of each unique key.
#[tokio::test]
async fn on_sqlite_it_has_the_columns_and_unique_keys_of_postgres() {
    let prefix = Prefix::default();
    let sqlite = fresh(Engine::Sqlite).await;
    let postgres = fresh(Engine::Postgres).await;
    schema::create(&sqlite.db, &prefix).await.unwrap();
    schema::create(&postgres.db, &prefix).await.unwrap();

    // The primary key is left out: SQLite words it in its own way.
    let columns_of_sqlite = facts(
        &sqlite.db,
        "SELECT m.name, c.name, (c.cid + 1) || CASE c.\"notnull\" WHEN 1 THEN ' NO ' ELSE ' YES ' END || COALESCE(c.dflt_value, '-') \
         FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table' AND c.name <> 'id' AND m.name IN",
    );
    let columns_of_postgres = facts(
        &postgres.db,
        "SELECT CAST(table_name AS TEXT), CAST(column_name AS TEXT), CONCAT_WS(' ', ordinal_position, is_nullable, \
         COALESCE(split_part(column_default, '::', 1), '-')) \
         FROM information_schema.columns WHERE table_schema = 'public' AND column_name <> 'id' AND table_name IN",
    );
    assert_eq!(columns_of_sqlite.await, columns_of_postgres.await);

    let keys_of_sqlite = facts(
        &sqlite.db,
        "SELECT m.name, k.name, c.seqno || ' ' || c.name FROM sqlite_master m JOIN pragma_index_list(m.name) k \
         JOIN pragma_index_info(k.name) c WHERE m.type = 'table' AND k.\"unique\" = 1 AND m.name IN",
    );
    let keys_of_postgres = facts(
        &postgres.db,
        "SELECT CAST(t.relname AS TEXT), CAST(k.relname AS TEXT), CONCAT_WS(' ', c.attnum - 1, c.attname) FROM pg_index i \
         JOIN pg_class t ON t.oid = i.indrelid JOIN pg_class k ON k.oid = i.indexrelid JOIN pg_attribute c ON c.attrelid = k.oid \
         WHERE i.indisunique AND NOT i.indisprimary AND t.relname IN",
    );
    assert_eq!(keys_of_sqlite.await, keys_of_postgres.await);
    postgres.drop_database().await;
}
