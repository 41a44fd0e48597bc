//! What the adapter promises, on every engine with our own tables and on the real Moodle's, under two table prefixes (C-1).
//!
//! Each check is a function that takes a [`Bench`] and leaves it as it was but for people of its own, so that all of them
//! can follow each other on one real Moodle.

#![cfg(all(feature = "sqlite", feature = "mysql", feature = "postgres"))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(unreachable_pub, reason = "a test binary exports nothing")]

mod adoption;
mod bench;
mod evidence;
mod pupils;
mod role_rows;
mod servers;
mod sessions;
mod site;
mod users;

use kinlink_db::Engine;

use crate::bench::Bench;

/// Our tables on every engine, and on the servers under a second prefix.
const OUR_TABLES: [(Engine, &str); 5] = [
    (Engine::Sqlite, "mdl_"),
    (Engine::MySql, "mdl_"),
    (Engine::Postgres, "mdl_"),
    (Engine::MySql, "zzz_"),
    (Engine::Postgres, "zzz_"),
];

/// A test for each check on our tables, and one that runs all of them on each real Moodle.
macro_rules! checks {
    ($($file:ident: $($check:ident),*;)*) => {
        mod on_our_tables {
            $($(#[tokio::test]
            async fn $check() {
                for (engine, prefix) in super::OUR_TABLES {
                    let mut bench = super::Bench::ours(engine, prefix).await;
                    crate::$file::$check(&mut bench).await;
                    bench.close().await;
                }
            })*)*
        }

        async fn all_on_a_real_moodle(engine: Engine, prefix: &str) {
            let Some(mut bench) = Bench::real(engine, prefix).await else { return };
            $($(crate::$file::$check(&mut bench).await;)*)*
            bench.close().await;
        }
    };
}

checks! {
    site: the_site_is_read_whole, a_site_that_lacks_what_a_cycle_needs_is_refused, static_contexts_that_would_show_one_child_to_everybody_are_refused;
    users: a_user_name_is_exact_whatever_the_collation, an_address_is_found_in_any_case, a_context_is_complete_or_not;
    pupils: staff_parents_and_people_who_left_are_never_pupils, every_field_of_the_filter_works, who_left_is_known_with_the_reason, accented_names_come_back_as_they_are;
    role_rows: role_rows_are_ours_by_component_or_by_ledger, contexts_are_made_and_mended_but_never_doubled, role_rows_are_written_once, only_rows_of_ours_are_removed;
    adoption: a_row_is_adopted_and_given_back_and_no_other_changes;
    sessions: a_dirty_flag_is_one_row_that_is_renewed, only_named_users_lose_their_sessions, a_failure_half_way_leaves_nothing;
    evidence: only_enabled_tasks_are_hurried, evidence_is_what_the_tables_say, missing_tables_and_columns_are_named;
}

#[tokio::test]
async fn on_a_real_moodle_on_mariadb() {
    all_on_a_real_moodle(Engine::MySql, "mdl_").await;
}

#[tokio::test]
async fn on_a_real_moodle_on_mariadb_with_another_prefix() {
    all_on_a_real_moodle(Engine::MySql, "zzz_").await;
}

#[tokio::test]
async fn on_a_real_moodle_on_postgres() {
    all_on_a_real_moodle(Engine::Postgres, "mdl_").await;
}

#[tokio::test]
async fn on_a_real_moodle_on_postgres_with_another_prefix() {
    all_on_a_real_moodle(Engine::Postgres, "zzz_").await;
}
