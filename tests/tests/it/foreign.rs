//! A real Moodle's whole database, before and after: what is not ours is as it was, byte by byte.

use kinlink_db::Engine;
use kinlink_domain::{
    request::{Action, Status},
    submission::{RawChild, RawSubmission},
};
use kinlink_service::{
    cycle::Mode,
    decide::{self, Reason},
};
use kinlink_testapp::{administrator, family};
use kinlink_testkit::{Change, Snapshot, changed_tables, fresh, moodle_dump, snapshot};

use crate::world::World;

fn request(adult: (&str, &str, &str), children: &[(&str, &str, &str)]) -> RawSubmission {
    let child = |(given, family, number): &(&str, &str, &str)| RawChild {
        given_name: (*given).into(),
        family_name: (*family).into(),
        tutor_group: None,
        admission_number: Some((*number).into()),
    };
    RawSubmission { children: children.iter().map(child).collect(), ..family(adult, &[]) }
}

/// What changed since `before`, which becomes what is now; only `expected` tables may differ.
async fn changes<const N: usize>(world: &World, before: &mut Snapshot, expected: [&str; N]) -> [Change; N] {
    let after = snapshot(&world.test.moodle.db).await;
    let mut changed = changed_tables(before, &after);
    let tables: Vec<&String> = changed.keys().collect();
    assert_eq!(tables, expected, "{changed:#?}");
    *before = after;
    expected.map(|table| changed.remove(table).unwrap())
}

fn counts(change: &Change) -> (usize, usize) {
    (change.added.len(), change.removed.len())
}

/// Every changed row is ours: nothing of it is anybody else's.
fn all_contain(rows: &[String], text: &str) {
    for row in rows {
        assert!(row.contains(text), "{text} is not in {row}");
    }
}

async fn only_our_rows_change(engine: Engine) {
    let Some(dump) = moodle_dump(engine).await else { return };
    let world = World { test: kinlink_testapp::with(fresh(engine).await, dump.moodle).await };
    // An administrator enables the task, as the guide says; another pupil comes, whose context Moodle has not made yet;
    // Eve's lacks its path.
    world
        .meddle("UPDATE mdl_task_scheduled SET disabled = 0, nextruntime = 0 WHERE classname LIKE '%auth\\_db%sync\\_users'")
        .await;
    world
        .meddle(
            "INSERT INTO mdl_user (auth, confirmed, mnethostid, username, firstname, lastname, email, idnumber) VALUES \
             ('manual', 1, 1, 'max.brown', 'Max', 'Brown', 'max@example.test', 'P1009')",
        )
        .await;
    let eve = "(SELECT id FROM mdl_user WHERE idnumber = 'P1002')";
    let unbuilt =
        format!("UPDATE mdl_context SET path = NULL, depth = 0 WHERE contextlevel = 30 AND instanceid = {eve}");
    world.meddle(&unbuilt).await;
    let mut before = snapshot(&world.test.moodle.db).await;

    let adams =
        world.approved(&request(("Nora", "Adams", "nora.adams@example.org"), &[("Tom", "Adams", "P1001")])).await;
    let children = [("Eve", "Brown", "P1002"), ("Max", "Brown", "P1009")];
    let brown = world.approved(&request(("Olaf", "Brown", "olaf.brown@example.org"), &children)).await;
    assert!(
        changed_tables(&before, &snapshot(&world.test.moodle.db).await).is_empty(),
        "{engine}: approving only reads"
    );
    // The task is due already: there is nothing to be said to Moodle.
    let waiting = world.cycle().await;
    assert!(waiting.sync_hurried && waiting.added == 0, "{engine}: {waiting:?}");
    assert!(
        changed_tables(&before, &snapshot(&world.test.moodle.db).await).is_empty(),
        "{engine}: nothing to write yet"
    );

    world.moodle_cron().await;
    before = snapshot(&world.test.moodle.db).await;
    let report = world.cycle().await;
    assert_eq!(
        (report.added, report.removed, report.contexts, report.provisioned),
        (3, 0, 2, 2),
        "{engine}: {report:?}"
    );
    let [flags, contexts, roles, tasks] =
        changes(&world, &mut before, ["mdl_cache_flags", "mdl_context", "mdl_role_assignments", "mdl_task_scheduled"])
            .await;
    assert_eq!(counts(&roles), (3, 0), "{engine}: {roles:#?}");
    all_contain(&roles.added, "local_kinlink");
    assert_eq!(counts(&flags), (2, 0), "{engine}: {flags:#?}");
    all_contain(&flags.added, "accesslib/dirtyusers");
    // One made, one mended.
    assert_eq!(counts(&contexts), (2, 1), "{engine}: {contexts:#?}");
    assert_eq!(counts(&tasks), (1, 1), "{engine}: {tasks:#?}");
    all_contain(&tasks.added, "send_new_user_passwords_task");
    for request in [&adams, &brown] {
        assert_eq!(world.request(request).await.status, Status::Provisioned, "{engine}");
    }
    assert_eq!(world.our_rows().await.len(), 3, "{engine}");

    // Looking again, also at everybody, writes nothing: rows of the old plugin for the same pupils are not ours.
    world.cycle().await;
    let full = world.run(Mode::Full).await.unwrap();
    assert_eq!((full.added, full.removed, full.held), (0, 0, 0), "{engine}: {full:?}");
    assert!(changed_tables(&before, &snapshot(&world.test.moodle.db).await).is_empty(), "{engine}");

    // One adult is refused after all; both have sessions.
    for name in ["nora.adams@example.org", "olaf.brown@example.org"] {
        let user = world.account(name).await.unwrap();
        world
            .meddle(&format!(
                "INSERT INTO mdl_sessions (state, sid, userid, timecreated, timemodified) VALUES (0, 'sid{user}', {user}, 1, 1)"
            ))
            .await;
    }
    before = snapshot(&world.test.moodle.db).await;
    // Flags are stamped in whole seconds: one that is renewed within the second it was made in does not change.
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    decide::end(&world.test.app, &administrator(), brown.id, None, Action::Deny, &Reason::default()).await.unwrap();
    let report = world.cycle().await;
    assert_eq!((report.added, report.removed), (0, 2), "{engine}: {report:?}");
    let [flags, roles, sessions, tasks] =
        changes(&world, &mut before, ["mdl_cache_flags", "mdl_role_assignments", "mdl_sessions", "mdl_task_scheduled"])
            .await;
    assert_eq!(counts(&roles), (0, 2), "{engine}: {roles:#?}");
    all_contain(&roles.removed, "local_kinlink");
    assert_eq!((counts(&flags), counts(&sessions)), ((1, 1), (0, 1)), "{engine}: {flags:#?} {sessions:#?}");
    let olaf = world.account("olaf.brown@example.org").await.unwrap();
    all_contain(&sessions.removed, &format!("sid{olaf}"));
    assert_eq!(counts(&tasks), (1, 1), "{engine}: {tasks:#?}");
    all_contain(&tasks.added, "sync_users");
    world.run(Mode::Full).await.unwrap();
    assert!(changed_tables(&before, &snapshot(&world.test.moodle.db).await).is_empty(), "{engine}");
    world.test.moodle.drop_database().await;
}

#[tokio::test]
async fn only_our_rows_change_in_a_real_moodle_on_mariadb() {
    only_our_rows_change(Engine::MySql).await;
}

#[tokio::test]
async fn only_our_rows_change_in_a_real_moodle_on_postgres() {
    only_our_rows_change(Engine::Postgres).await;
}
