//! From every schema that may be found to the present one.

use std::time::Duration;

use kinlink_db::DbError;
use kinlink_store::{
    Db, Engine, StoreError,
    migrations::{is_current, migrate, migrator},
};
use kinlink_testkit::{TestDb, fresh, snapshot};
use sqlx::{
    AssertSqlSafe, SqlSafeStr as _,
    migrate::{MigrateError, Migration, MigrationType, Migrator},
};
use tokio::time::timeout;

use crate::{
    harness::{ENGINES, for_each_engine, second_pool},
    schema::{Schema, read_schema},
};

/// Longer than any migration takes: a test that waits for a lock for ever fails instead.
const HANGS: Duration = Duration::from_secs(20);

/// A migrator that knows only the first scripts.
fn first_scripts(engine: Engine, count: usize) -> Migrator {
    Migrator::with_migrations(migrator(engine).iter().take(count).cloned().collect())
}

fn script_count(engine: Engine) -> usize {
    migrator(engine).iter().count()
}

async fn present_schema(engine: Engine) -> Schema {
    let test = fresh(engine).await;
    migrate(&test.db).await.unwrap();
    let schema = read_schema(&test.db).await;
    test.drop_database().await;
    schema
}

/// How many scripts are noted as applied, and how many as failed.
async fn applied(db: &Db) -> (usize, usize) {
    let count = async |success: &str| {
        let sql = format!("SELECT version FROM _sqlx_migrations WHERE success = {success}");
        let rows: Result<Vec<(i64,)>, DbError> = db.fetch_all(&sql, []).await;
        rows.unwrap().len()
    };
    (count("TRUE").await, count("FALSE").await)
}

#[tokio::test]
async fn an_empty_database_is_migrated_once_and_a_second_time_changes_nothing() {
    for engine in ENGINES {
        let TestDb { db, .. } = &fresh(engine).await;
        assert!(!is_current(db).await.unwrap(), "{engine}: an empty database is not current");
        migrate(db).await.unwrap();
        assert!(is_current(db).await.unwrap(), "{engine}");
        assert_eq!(applied(db).await, (script_count(engine), 0), "{engine}");

        let before = snapshot(db).await;
        migrate(db).await.unwrap();
        assert_eq!(snapshot(db).await, before, "{engine}");
        assert!(is_current(db).await.unwrap(), "{engine}");
    }
}

#[tokio::test]
async fn every_earlier_version_is_brought_up_to_date_and_keeps_its_rows() {
    for engine in ENGINES {
        let present = present_schema(engine).await;
        for count in 0..script_count(engine) {
            let test = fresh(engine).await;
            test.db.migrate(&first_scripts(engine, count)).await.unwrap();
            assert!(!is_current(&test.db).await.unwrap(), "{engine}: {count} scripts are not current");
            if count > 0 {
                let insert = "INSERT INTO sources (id, name, key_hash, proves_email, created_at, created_by) \
                              VALUES ('kept', 'kept', 'kept', 0, 0, 'kept')";
                test.db.execute(insert, []).await.unwrap();
            }
            let before = snapshot(&test.db).await;

            migrate(&test.db).await.unwrap();
            assert!(is_current(&test.db).await.unwrap(), "{engine}: from {count} scripts");
            assert_eq!(read_schema(&test.db).await, present, "{engine}: from {count} scripts");
            let after = snapshot(&test.db).await;
            for (table, rows) in before.iter().filter(|(table, _)| *table != "_sqlx_migrations") {
                assert_eq!(&after[table], rows, "{engine}: {table} from {count} scripts");
            }
            test.drop_database().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_that_migrate_at_once_both_succeed() {
    for engine in ENGINES {
        let present = present_schema(engine).await;
        for round in 0..5 {
            let test = fresh(engine).await;
            let migrating = [second_pool(&test.url), second_pool(&test.url)].map(|pool| {
                tokio::spawn(async move {
                    let result = timeout(HANGS, migrate(&pool)).await;
                    pool.close().await;
                    result
                })
            });
            for task in migrating {
                let result = task.await.unwrap();
                assert!(matches!(result, Ok(Ok(()))), "{engine}, round {round}: {result:?}");
            }
            assert_eq!(applied(&test.db).await, (script_count(engine), 0), "{engine}, round {round}");
            assert_eq!(read_schema(&test.db).await, present, "{engine}, round {round}");
            test.drop_database().await;
        }
    }
}

/// What a process that died in a script leaves behind on MariaDB, which commits each `CREATE TABLE` by itself.
async fn die_in_script(db: &Db, script: usize) {
    db.migrate(&first_scripts(Engine::MySql, script)).await.unwrap();
    let migration = migrator(Engine::MySql).iter().nth(script).unwrap();
    let first_table = migration.sql.as_str().split(';').next().unwrap().to_owned();
    db.execute(&first_table, []).await.unwrap();
    let insert = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
                  VALUES (?, 'died', FALSE, UNHEX(?), -1)";
    let checksum = migration.checksum.iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
    db.execute(insert, [migration.version.into(), checksum.into()]).await.unwrap();
}

#[tokio::test]
async fn on_mariadb_a_script_that_a_dead_process_left_half_applied_is_finished() {
    let present = present_schema(Engine::MySql).await;
    for script in 0..script_count(Engine::MySql) {
        let test = fresh(Engine::MySql).await;
        // Several connections lie in the pool, as in a process that has worked for a while.
        drop([test.db.acquire().await.unwrap(), test.db.acquire().await.unwrap(), test.db.acquire().await.unwrap()]);
        die_in_script(&test.db, script).await;
        assert_eq!(applied(&test.db).await, (script, 1));
        assert!(!is_current(&test.db).await.unwrap(), "script {script} failed");

        timeout(HANGS, migrate(&test.db)).await.expect("no lock is left on another connection").unwrap();
        assert!(is_current(&test.db).await.unwrap());
        assert_eq!(applied(&test.db).await, (script_count(Engine::MySql), 0));
        assert_eq!(read_schema(&test.db).await, present, "script {script}");

        let other = second_pool(&test.url);
        timeout(HANGS, migrate(&other)).await.expect("no lock is left for another process").unwrap();
        other.close().await;
        test.drop_database().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_mariadb_two_processes_finish_a_half_applied_script_at_once() {
    let present = present_schema(Engine::MySql).await;
    for round in 0..5 {
        let test = fresh(Engine::MySql).await;
        die_in_script(&test.db, round % script_count(Engine::MySql)).await;
        let migrating = [second_pool(&test.url), second_pool(&test.url)].map(|pool| {
            tokio::spawn(async move {
                let result = timeout(HANGS, migrate(&pool)).await;
                pool.close().await;
                result
            })
        });
        for task in migrating {
            let result = task.await.unwrap();
            assert!(matches!(result, Ok(Ok(()))), "round {round}: {result:?}");
        }
        assert_eq!(applied(&test.db).await, (script_count(Engine::MySql), 0), "round {round}");
        assert_eq!(read_schema(&test.db).await, present, "round {round}");
        test.drop_database().await;
    }
}

#[tokio::test]
async fn a_script_that_changed_after_it_was_applied_and_a_newer_database_are_refused_and_no_lock_stays() {
    for_each_engine(|store| async move {
        let db = &store.db;
        let before = snapshot(db).await;

        let mut scripts: Vec<Migration> = migrator(store.engine()).iter().cloned().collect();
        let changed = AssertSqlSafe(format!("{} ", scripts[0].sql.as_str())).into_sql_str();
        scripts[0] =
            Migration::new(scripts[0].version, "changed".into(), MigrationType::Simple, changed, scripts[0].no_tx);
        let refused = db.migrate(&Migrator::with_migrations(scripts)).await.unwrap_err();
        assert!(matches!(refused.0, MigrateError::VersionMismatch(1)), "{refused}");

        // This program is older than the database: it must leave it alone.
        let mut scripts: Vec<Migration> = migrator(store.engine()).iter().cloned().collect();
        let newer = "CREATE TABLE newer (id BIGINT)".into_sql_str();
        scripts.push(Migration::new(9_999, "newer".into(), MigrationType::Simple, newer, false));
        db.migrate(&Migrator::with_migrations(scripts)).await.unwrap();
        let refused = migrate(db).await.unwrap_err();
        assert!(matches!(refused, StoreError::Migrate(_)), "{refused}");
        assert!(!refused.to_string().is_empty());
        assert!(is_current(db).await.unwrap(), "a newer schema has all that this program needs");

        db.execute("DELETE FROM _sqlx_migrations WHERE version = 9999", []).await.unwrap();
        db.execute("DROP TABLE newer", []).await.unwrap();
        assert_eq!(snapshot(db).await, before);
        timeout(HANGS, migrate(db)).await.expect("a refused migration leaves no lock behind").unwrap();
    })
    .await;
}

#[tokio::test]
async fn without_a_server_migrating_fails_and_says_so() {
    for url in ["mysql://u:secret-word@127.0.0.1:9/d", "postgres://u:secret-word@127.0.0.1:9/d"] {
        let options = kinlink_db::Options { acquire_timeout: Duration::from_millis(500), ..Default::default() };
        let db = Db::connect_lazy(url, options).unwrap();
        for error in [migrate(&db).await.unwrap_err(), is_current(&db).await.unwrap_err()] {
            assert!(!error.to_string().is_empty());
            assert!(!format!("{error:#}").contains("secret-word"), "{error:#}");
        }
    }
}
