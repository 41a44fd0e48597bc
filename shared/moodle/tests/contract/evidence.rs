//! Tasks, the evidence behind explanations, and what a Moodle lacks.

use std::collections::BTreeSet;

use kinlink_db::Value;
use kinlink_domain::plan::Plan;
use kinlink_moodle::{Prefix, demo, evidence, schema, tasks, users};

use crate::{
    bench::{Bench, OURS},
    sessions::session,
};

pub async fn only_enabled_tasks_are_hurried(bench: &mut Bench) {
    assert_eq!(tasks::SYNC_USERS, demo::tasks::SYNC_USERS);
    let set = "UPDATE {p}task_scheduled SET disabled = ?, nextruntime = 4000000000, faildelay = ?, lastruntime = ? WHERE classname = ?";
    bench.run(set, [1.into(), 0.into(), 50.into(), tasks::SYNC_USERS.into()] as [Value; 4]).await;
    bench.run(set, [0.into(), 120.into(), 0.into(), tasks::SEND_PASSWORDS.into()] as [Value; 4]).await;
    let (connection, prefix) = (&mut bench.connection, &bench.prefix);
    for task in [tasks::SYNC_USERS, tasks::SEND_PASSWORDS, "\\no\\such\\task"] {
        tasks::hurry(connection, prefix, task).await.unwrap();
    }
    let sync = tasks::state(connection, prefix, tasks::SYNC_USERS).await.unwrap().unwrap();
    let expected =
        tasks::TaskState { disabled: true, last_run: Some(50), next_run: Some(4_000_000_000), fail_delay: 0 };
    assert_eq!(sync, expected, "{}: an administrator switched it off", bench.name);
    let passwords = tasks::state(connection, prefix, tasks::SEND_PASSWORDS).await.unwrap().unwrap();
    let expected = tasks::TaskState { disabled: false, last_run: None, next_run: Some(0), fail_delay: 120 };
    assert_eq!(passwords, expected, "{}", bench.name);
    assert_eq!(tasks::state(connection, prefix, "\\no\\such\\task").await.unwrap(), None);

    bench.run("UPDATE {p}task_scheduled SET lastruntime = CASE WHEN disabled = 1 THEN 0 END", []).await;
    let age = tasks::seconds_since_cron(&mut bench.connection, &bench.prefix).await.unwrap();
    assert_eq!(age, None, "{}: no task ever ran", bench.name);
    let clock = bench.clock().await;
    // Also when the servers' clocks differ: nothing here may overflow below zero.
    for ago in [90, -900] {
        bench
            .run(
                "UPDATE {p}task_scheduled SET lastruntime = ? WHERE classname = ?",
                [(clock - ago).into(), tasks::SYNC_USERS.into()],
            )
            .await;
        let age = tasks::seconds_since_cron(&mut bench.connection, &bench.prefix).await.unwrap().unwrap();
        assert!((ago..ago + 60).contains(&age), "{}: {age}", bench.name);
    }
    bench.run("UPDATE {p}task_scheduled SET faildelay = 0", []).await;
}

pub async fn evidence_is_what_the_tables_say(bench: &mut Bench) {
    let role = bench.role().await;
    let (adult, child) =
        (bench.user("Evi", &[("auth", "'db'"), ("username", "'evi.dence'")]).await, bench.pupil("Kid").await);
    let context = bench.context(child, Some("/1/9"), 2).await;
    let now = bench.clock().await;
    for (capability, allowed) in [("moodle/user:viewdetails", true), ("moodle/user:update", false)] {
        let found = evidence::role_allows(&mut bench.connection, &bench.prefix, role, capability).await.unwrap();
        assert_eq!(found, allowed, "{}: {capability}", bench.name);
    }
    let row = evidence::role_row(&mut bench.connection, &bench.prefix, OURS, role, context, adult).await.unwrap();
    assert_eq!(row, None, "{}", bench.name);
    bench.assign(adult, "parent", context, OURS, 91).await;
    bench.run("UPDATE {p}role_assignments SET timemodified = ? WHERE itemid = 91", [now.into()]).await;
    let row = evidence::role_row(&mut bench.connection, &bench.prefix, OURS, role, context, adult).await.unwrap();
    assert_eq!(row, Some(now), "{}", bench.name);

    let stale = async |bench: &mut Bench| {
        evidence::has_stale_session(&mut bench.connection, &bench.prefix, adult, now).await.unwrap()
    };
    assert!(!stale(bench).await, "{}: no session at all", bench.name);
    session(bench, adult, "bencholder", now - 60).await;
    assert!(stale(bench).await, "{}: older than the row, and not told", bench.name);
    bench.apply(&Plan::default(), &[]).await.unwrap();
    let flag = "INSERT INTO {p}cache_flags (flagtype, name, timemodified, value, expiry) VALUES ('accesslib/dirtyusers', ?, ?, '1', ?)";
    let name: Value = adult.to_string().into();
    bench.run(flag, [name.clone(), (now - 5).into(), (now + 900).into()]).await;
    assert!(stale(bench).await, "{}: told before the row", bench.name);
    bench
        .run(
            "UPDATE {p}cache_flags SET timemodified = ?, expiry = ? WHERE name = ?",
            [now.into(), (now - 5).into(), name.clone()],
        )
        .await;
    assert!(stale(bench).await, "{}: told, but the flag ran out", bench.name);
    bench.run("UPDATE {p}cache_flags SET expiry = ? WHERE name = ?", [(now + 900).into(), name]).await;
    assert!(!stale(bench).await, "{}: told", bench.name);

    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    let without = async |bench: &mut Bench, of: &[&str]| {
        evidence::accounts_without_login_row(&mut bench.connection, &bench.prefix, &names(of)).await.unwrap()
    };
    let lost = without(bench, &[]).await;
    assert!(lost >= 1, "{}", bench.name);
    assert_eq!(without(bench, &["evi.dence", "else"]).await, lost - 1, "{}", bench.name);
    bench.run("UPDATE {p}user SET email = 'Evi@Example.org' WHERE username = 'evi.dence'", []).await;
    let others = async |bench: &mut Bench, username: &str, email: &str| {
        let addresses = [(username.to_owned(), email.to_owned())].into();
        evidence::accounts_with_another_address(&mut bench.connection, &bench.prefix, &addresses).await.unwrap()
    };
    assert_eq!(others(bench, "evi.dence", "evi@example.ORG").await, 0, "{}: the case is not the address", bench.name);
    assert_eq!(others(bench, "evi.dence", "new@example.org").await, 1, "{}", bench.name);
    assert_eq!(others(bench, "nobody", "new@example.org").await, 0, "{}: not an account of ours", bench.name);
    let (all, living) = users::count_auth_db(&mut bench.connection, &bench.prefix).await.unwrap();
    bench.run("UPDATE {p}user SET suspended = 1 WHERE id = ?", [adult.0.into()]).await;
    assert_eq!(without(bench, &[]).await, lost - 1, "{}: suspended already", bench.name);
    assert_eq!(users::count_auth_db(&mut bench.connection, &bench.prefix).await.unwrap(), (all, living - 1));
    bench.run("DELETE FROM {p}role_assignments WHERE itemid = 91", []).await;
}

pub async fn missing_tables_and_columns_are_named(bench: &mut Bench) {
    let missing = evidence::missing_schema(&mut bench.connection, &bench.prefix, true).await.unwrap();
    assert_eq!(missing, [] as [String; 0], "{}", bench.name);
    let other = Prefix::parse("nomoodle_").unwrap();
    let missing = evidence::missing_schema(&mut bench.connection, &other, true).await.unwrap();
    assert_eq!(missing.len(), schema::USED.len(), "{}", bench.name);
    bench.run("ALTER TABLE {p}sessions RENAME COLUMN timemodified TO touched", []).await;
    let missing = evidence::missing_schema(&mut bench.connection, &bench.prefix, true).await.unwrap();
    assert!(matches!(&missing[..], [one] if one.contains("timemodified")), "{}: {missing:?}", bench.name);
    bench.run("ALTER TABLE {p}sessions RENAME COLUMN touched TO timemodified", []).await;
}
