//! What only servers have: collations, and the lock of the one writer.

use std::time::Duration;

use kinlink_db::{Db, Engine, Options};
use kinlink_moodle::{Locked, Moodle, Prefix, schema};
use kinlink_testkit::{TestDb, fresh};

use crate::{
    bench::Bench,
    evidence::evidence_is_what_the_tables_say,
    pupils::{accented_names_come_back_as_they_are, every_field_of_the_filter_works},
    role_rows::{only_rows_of_ours_are_removed, role_rows_are_written_once},
    sessions::a_dirty_flag_is_one_row_that_is_renewed,
    users::{a_user_name_is_exact_whatever_the_collation, an_address_is_found_in_any_case},
};

/// Moodle's tables have the collation that the administrator once chose; so have comparisons with what we send.
#[tokio::test]
async fn every_collation_that_a_moodle_can_have_works() {
    for (charset, collation) in [
        ("utf8mb4", "utf8mb4_general_ci"),
        ("utf8mb4", "utf8mb4_bin"),
        ("utf8mb4", "utf8mb4_unicode_520_ci"),
        ("utf8mb3", "utf8mb3_unicode_ci"),
        ("utf8mb3", "utf8mb3_general_ci"),
    ] {
        let mut bench = Bench::ours(Engine::MySql, "mdl_").await;
        bench.name = collation.to_owned();
        for (table, _) in schema::USED {
            let convert = format!("ALTER TABLE {{p}}{table} CONVERT TO CHARACTER SET {charset} COLLATE {collation}");
            bench.run(&convert, []).await;
        }
        a_user_name_is_exact_whatever_the_collation(&mut bench).await;
        an_address_is_found_in_any_case(&mut bench).await;
        every_field_of_the_filter_works(&mut bench).await;
        accented_names_come_back_as_they_are(&mut bench).await;
        role_rows_are_written_once(&mut bench).await;
        only_rows_of_ours_are_removed(&mut bench).await;
        a_dirty_flag_is_one_row_that_is_renewed(&mut bench).await;
        evidence_is_what_the_tables_say(&mut bench).await;
        bench.close().await;
    }
}

/// The lock once it is free: a server notices the end of a connection a moment later.
async fn lock_soon(moodle: &Moodle) -> Locked {
    for _ in 0..100 {
        if let Some(locked) = moodle.lock().await.unwrap() {
            return locked;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the lock does not become free");
}

#[tokio::test]
async fn one_writer_at_a_time_and_only_for_its_own_moodle() {
    for engine in [Engine::MySql, Engine::Postgres] {
        let (first, second) = (fresh(engine).await, fresh(engine).await);
        // Two processes have two pools.
        let process = |test: &TestDb, prefix: &str| {
            Moodle::new(Db::connect_lazy(&test.url, Options::default()).unwrap(), Prefix::parse(prefix).unwrap())
        };
        let (mine, theirs) = (process(&first, "mdl_"), process(&first, "mdl_"));
        let held = mine.lock().await.unwrap().unwrap();
        assert!(theirs.lock().await.unwrap().is_none(), "{engine}: held by another process");
        assert!(mine.lock().await.unwrap().is_none(), "{engine}: held by another connection of this process");
        for other in [process(&second, "mdl_"), process(&first, "zzz_")] {
            assert!(other.lock().await.unwrap().is_some(), "{engine}: another Moodle on the same server");
        }
        held.release().await;
        lock_soon(&theirs).await.release().await;
        // A cycle that is cut short drops it: the connection must not go back to the pool with the lock.
        let held = lock_soon(&mine).await;
        assert!(theirs.lock().await.unwrap().is_none(), "{engine}: held again");
        drop(held);
        drop(lock_soon(&theirs).await);
        for moodle in [mine, theirs] {
            moodle.db().close().await;
        }
        first.drop_database().await;
        second.drop_database().await;
    }
    // The demonstration has one writer anyway.
    let sqlite = fresh(Engine::Sqlite).await;
    assert!(Moodle::new(sqlite.db.clone(), Prefix::default()).lock().await.unwrap().is_some());
}
