//! What tells open sessions of a change, what ends them, and that a failure leaves nothing.

use std::collections::BTreeSet;

use kinlink_db::{Engine, Session as _, Value};
use kinlink_domain::{
    ids::MoodleUserId,
    plan::{Plan, Removal},
    policy::Policy,
};
use kinlink_moodle::{MoodleError, apply};

use crate::{
    bench::{Bench, OURS, addition, signature},
    role_rows::rows_of,
};

pub async fn a_dirty_flag_is_one_row_that_is_renewed(bench: &mut Bench) {
    let role = bench.role().await;
    let (old, new, child) = (bench.user("Old", &[]).await, bench.user("New", &[]).await, bench.pupil("Kid").await);
    let context = bench.context(child, Some("/1/9"), 2).await;
    for (kind, name) in
        [("accesslib/dirtyusers", old), ("userpreferenceschanged", old), ("accesslib/dirtyusers", child)]
    {
        let args: [Value; 2] = [kind.into(), name.to_string().into()];
        bench
            .run(
                "INSERT INTO {p}cache_flags (flagtype, name, timemodified, value, expiry) VALUES (?, ?, 5, '0', 6)",
                args,
            )
            .await;
    }
    let flags = |bench: &Bench| {
        bench.sql("SELECT flagtype, name, timemodified, value, expiry FROM {p}cache_flags WHERE name IN (?, ?, ?) ORDER BY id")
    };
    let names: [Value; 3] = [old, new, child].map(|user| user.to_string().into());
    for item in [71, 72] {
        let plan = Plan {
            additions: [old, new].map(|user| addition(user, child, role, item, Some(context))).into(),
            ..Plan::default()
        };
        let before = bench.clock().await;
        bench.apply(&plan, &[]).await.unwrap();
        let after = bench.clock().await;
        let sql = flags(bench);
        let found: Vec<(String, String, i64, String, i64)> =
            bench.connection.fetch_all(&sql, names.clone()).await.unwrap();
        let mut dirty: Vec<&str> = Vec::new();
        for (kind, name, at, value, expiry) in &found {
            if kind == "accesslib/dirtyusers" && *name != child.to_string() {
                dirty.push(name);
                // Not before the change; expiring no sooner than a session can live; not far in the future.
                assert!(*at >= after && *at <= after + 5 && *at >= before, "{}: {at} at {after}", bench.name);
                assert_eq!((value.as_str(), expiry - at), ("1", 28_800), "{}", bench.name);
            } else {
                assert_eq!((*at, value.as_str(), *expiry), (5, "0", 6), "{}: nobody else's flag", bench.name);
            }
        }
        assert_eq!(dirty, [old.to_string(), new.to_string()], "{}: one row each", bench.name);
        assert_eq!(found.len(), 4, "{}", bench.name);
    }
    // A setting of the school's: the flag lasts as long as a session.
    bench.run("UPDATE {p}config SET value = '7200' WHERE name = 'sessiontimeout'", []).await;
    bench.apply(&Plan::default(), &[new]).await.unwrap();
    bench.run("UPDATE {p}config SET value = '28800' WHERE name = 'sessiontimeout'", []).await;
    let lasts = format!(
        "SELECT expiry - timemodified FROM {{p}}cache_flags WHERE flagtype = 'accesslib/dirtyusers' AND name = '{new}'"
    );
    assert_eq!(bench.number(&lasts).await, 7_200, "{}", bench.name);
}

pub async fn session(bench: &mut Bench, user: MoodleUserId, sid: &str, created: i64) {
    let args: [Value; 4] = [sid.into(), user.0.into(), created.into(), created.into()];
    bench
        .run("INSERT INTO {p}sessions (state, sid, userid, timecreated, timemodified) VALUES (0, ?, ?, ?, ?)", args)
        .await;
}

pub async fn only_named_users_lose_their_sessions(bench: &mut Bench) {
    let (gone, stays) = (bench.user("Gone", &[]).await, bench.user("Stays", &[]).await);
    for (user, sid) in [(gone, "bench1"), (gone, "bench2"), (stays, "bench3")] {
        session(bench, user, sid, 5).await;
    }
    let all = bench.number("SELECT COUNT(*) FROM {p}sessions").await;
    bench.apply(&Plan::default(), &[]).await.unwrap();
    assert_eq!(bench.number("SELECT COUNT(*) FROM {p}sessions").await, all, "{}", bench.name);
    bench.apply(&Plan::default(), &[gone]).await.unwrap();
    assert_eq!(bench.number("SELECT COUNT(*) FROM {p}sessions").await, all - 2, "{}", bench.name);
    assert_eq!(bench.number(&format!("SELECT COUNT(*) FROM {{p}}sessions WHERE userid = {stays}")).await, 1);
    // File sessions live on without their row until the flag tells them.
    assert_eq!(bench.number(&format!("SELECT COUNT(*) FROM {{p}}cache_flags WHERE name = '{gone}'")).await, 1);
}

/// The flags come last: when they fail, nothing of what went before stays.
pub async fn a_failure_half_way_leaves_nothing(bench: &mut Bench) {
    let (adult, child) = (bench.user("Half", &[]).await, bench.pupil("Kid").await);
    let context = bench.context(child, Some("/1/9"), 2).await;
    bench.assign(adult, "parent", context, OURS, 81).await;
    session(bench, adult, "benchhalf", 5).await;
    let policy = Policy::default();
    let mut site = bench.site(&policy).await;
    if bench.engine() == Engine::Sqlite {
        // SQLite takes any number.
        let trigger = "CREATE TRIGGER bench_fails BEFORE INSERT ON {p}cache_flags BEGIN SELECT RAISE(ABORT, 'no'); END";
        bench.run(trigger, []).await;
    } else {
        site.session_timeout = i64::MAX - 10;
    }
    let removals: BTreeSet<Removal> = rows_of(bench, adult).await.into_iter().map(|(removal, _)| removal).collect();
    let additions = BTreeSet::from([addition(adult, child, site.link_role, 82, Some(context))]);
    let plan = Plan { removals, additions, ..Plan::default() };
    let ended = BTreeSet::from([adult]);
    let result = apply::roles(&mut bench.connection, &bench.prefix, &site, &signature(), &plan, &ended).await;
    assert!(matches!(result, Err(MoodleError::Db(_))), "{}: {result:?}", bench.name);
    let items: Vec<i64> = rows_of(bench, adult).await.into_iter().map(|(removal, _)| removal.row.item).collect();
    assert_eq!(items, [81], "{}", bench.name);
    assert_eq!(
        bench.number(&format!("SELECT COUNT(*) FROM {{p}}sessions WHERE userid = {adult}")).await,
        1,
        "{}",
        bench.name
    );
    assert_eq!(
        bench.number(&format!("SELECT COUNT(*) FROM {{p}}cache_flags WHERE name = '{adult}'")).await,
        0,
        "{}",
        bench.name
    );
    if bench.engine() == Engine::Sqlite {
        bench.run("DROP TRIGGER bench_fails", []).await;
    }
    bench.apply(&plan, &[adult]).await.unwrap();
    let items: Vec<i64> = rows_of(bench, adult).await.into_iter().map(|(removal, _)| removal.row.item).collect();
    assert_eq!(items, [82], "{}: the same connection goes on", bench.name);
}
