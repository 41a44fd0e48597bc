//! Role rows and contexts: which are ours, and writing them once.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use kinlink_db::Session as _;
use kinlink_domain::{
    ids::{ContextId, MoodleUserId, RoleId},
    plan::{ActualRole, Plan, Removal},
    reason::Reason,
};
use kinlink_moodle::{
    MoodleError,
    roles::{self, Ownership},
};

use crate::bench::{Bench, OURS, addition};

pub async fn role_rows_are_ours_by_component_or_by_ledger(bench: &mut Bench) {
    let role = bench.role().await;
    let (adult, child) = (bench.user("Ann", &[]).await, bench.pupil("Kid").await);
    let context = bench.context(child, Some("/1/9"), 2).await;
    for (component, item) in [(OURS, 41), (OURS, 42), ("", 0), ("tool_cohortroles", 5)] {
        bench.assign(adult, "parent", context, component, item).await;
    }
    let (connection, prefix) = (&mut bench.connection, &bench.prefix);
    let ours = Ownership::Component(OURS.into());
    let mut found = roles::of_users(connection, prefix, &ours, &[adult, child]).await.unwrap();
    found.sort_by_key(|row| row.item);
    assert!(found.iter().all(|row| row.ours && row.user == adult && row.context == context && row.role == role));
    assert_eq!(found.iter().map(|row| row.item).collect::<Vec<_>>(), [41, 42], "{}", bench.name);
    assert_eq!(roles::of_users(connection, prefix, &ours, &[]).await.unwrap(), []);

    let page = roles::page(connection, prefix, &ours, found[0].id - 1, 1).await.unwrap();
    assert_eq!(page, [found[0]], "{}", bench.name);
    let page = roles::page(connection, prefix, &ours, page[0].id, 100).await.unwrap();
    assert_eq!(page, [found[1]], "{}", bench.name);

    let others = roles::of_others(connection, prefix, OURS, role, &[adult, child]).await.unwrap();
    assert_eq!(others, [(adult, context); 2], "{}: by hand and by a plugin", bench.name);
    let others = roles::of_others(connection, prefix, "", role, &[adult]).await.unwrap();
    assert_eq!(others.len(), 3, "{}: whatever is marked at all", bench.name);
    let elsewhere = roles::of_others(connection, prefix, OURS, RoleId(role.0 + 1), &[adult]).await.unwrap();
    assert_eq!(elsewhere, [], "{}", bench.name);

    // Without a component the row by hand looks like ours: only the ledger tells.
    for (keys, is_ours) in [(HashSet::new(), false), (HashSet::from([(adult, context, role, 0)]), true)] {
        let ledger = Ownership::Ledger(keys);
        let found = roles::of_users(connection, prefix, &ledger, &[adult]).await.unwrap();
        assert_eq!(found.iter().map(|row| (row.item, row.ours)).collect::<Vec<_>>(), [(0, is_ours)], "{}", bench.name);
        assert_eq!(roles::page(connection, prefix, &ledger, 0, 100).await.unwrap(), []);
    }
    bench.run("DELETE FROM {p}role_assignments WHERE userid = ?", [adult.0.into()]).await;
}

pub async fn contexts_are_made_and_mended_but_never_doubled(bench: &mut Bench) {
    let mut people = Vec::new();
    for _ in 0..6 {
        people.push(bench.pupil("Mend").await);
    }
    let [missing, unbuilt, blank, flat, deep, meanwhile] = people[..] else { unreachable!() };
    bench.context(unbuilt, None, 0).await;
    bench.context(blank, Some(""), 2).await;
    bench.context(flat, Some("/1/0"), 0).await;
    // C-4: a context that Moodle put elsewhere is used as it is.
    let deep_context = bench.context(deep, Some("/1/3/88"), 3).await;
    // Made by Moodle after we looked.
    let meanwhile_context = bench.context(meanwhile, Some("/1/5/99"), 3).await;
    let plan = Plan {
        new_contexts: BTreeSet::from([missing, meanwhile]),
        mended_contexts: BTreeSet::from([unbuilt, blank, flat, deep]),
        ..Plan::default()
    };
    for round in 1..=2 {
        let made = bench.contexts(&plan).await;
        assert_eq!(made.keys().copied().collect::<Vec<_>>(), people, "{}", bench.name);
        assert_eq!((made[&deep], made[&meanwhile]), (deep_context, meanwhile_context), "{}", bench.name);
        for user in [missing, unbuilt, blank, flat] {
            let whole = format!(
                "SELECT COUNT(*) FROM {{p}}context WHERE contextlevel = 30 AND instanceid = {user} AND depth = 2 AND locked = 0 \
                 AND path = '/1/{}' AND id = {}",
                made[&user], made[&user]
            );
            assert_eq!(bench.number(&whole).await, 1, "{}: {user} in round {round}", bench.name);
        }
        for (user, path) in [(deep, "/1/3/88"), (meanwhile, "/1/5/99")] {
            let same = format!(
                "SELECT COUNT(*) FROM {{p}}context WHERE instanceid = {user} AND contextlevel = 30 AND depth = 3 AND path = '{path}'"
            );
            assert_eq!(bench.number(&same).await, 1, "{}: as it was", bench.name);
        }
    }
    assert_eq!(bench.contexts(&Plan::default()).await, BTreeMap::new());
}

pub async fn role_rows_are_written_once(bench: &mut Bench) {
    let role = bench.role().await;
    let (adult, other, child) = (bench.user("Ada", &[]).await, bench.user("Bob", &[]).await, bench.pupil("Kid").await);
    let context = bench.context(child, Some("/1/9"), 2).await;
    // A row by hand for the same pair is foreign: never a reason to skip ours.
    bench.assign(adult, "parent", context, "", 0).await;
    let plan = Plan {
        additions: BTreeSet::from([
            addition(adult, child, role, 51, Some(context)),
            addition(other, child, role, 52, Some(context)),
        ]),
        ..Plan::default()
    };
    let clock = bench.clock().await;
    for _ in 0..2 {
        bench.apply(&plan, &[]).await.unwrap();
        let rows = format!(
            "SELECT COUNT(*) FROM {{p}}role_assignments WHERE contextid = {context} AND roleid = {role} AND component = '{OURS}' AND \
             modifierid = 2 AND sortorder = 0 AND timemodified >= {clock} AND timemodified < {clock} + 600 AND \
             (userid = {adult} AND itemid = 51 OR userid = {other} AND itemid = 52)"
        );
        assert_eq!(bench.number(&rows).await, 2, "{}", bench.name);
        let all = format!("SELECT COUNT(*) FROM {{p}}role_assignments WHERE contextid = {context}");
        assert_eq!(bench.number(&all).await, 3, "{}", bench.name);
    }
    // C-4: without its context no row is written, and no other either.
    let third = bench.user("Eva", &[]).await;
    let plan = Plan {
        additions: BTreeSet::from([
            addition(third, child, role, 53, Some(context)),
            addition(third, child, role, 54, None),
        ]),
        ..Plan::default()
    };
    let error = bench.apply(&plan, &[]).await.unwrap_err();
    assert!(matches!(error, MoodleError::NoContext(user) if user == third), "{}: {error}", bench.name);
    assert_eq!(bench.number(&format!("SELECT COUNT(*) FROM {{p}}role_assignments WHERE userid = {third}")).await, 0);
    assert_eq!(bench.number("SELECT COUNT(*) FROM {p}role_assignments WHERE contextid = 0").await, 0);
}

/// Our rows of a user, as a plan would remove them, with their components.
pub async fn rows_of(bench: &mut Bench, user: MoodleUserId) -> Vec<(Removal, String)> {
    let sql = bench
        .sql("SELECT id, contextid, roleid, itemid, component FROM {p}role_assignments WHERE userid = ? ORDER BY id");
    let rows: Vec<(i64, i64, i64, i64, String)> = bench.connection.fetch_all(&sql, [user.0.into()]).await.unwrap();
    let removal = |(id, context, role, item, component)| {
        let row = ActualRole { id, user, context: ContextId(context), role: RoleId(role), item, ours: true };
        (Removal { row, reason: Reason::LinkEnded }, component)
    };
    rows.into_iter().map(removal).collect()
}

pub async fn only_rows_of_ours_are_removed(bench: &mut Bench) {
    let (adult, child) = (bench.user("Rem", &[]).await, bench.pupil("Kid").await);
    let context = bench.context(child, Some("/1/9"), 2).await;
    for (component, item) in [(OURS, 61), (OURS, 62), ("", 0), ("tool_cohortroles", 5)] {
        bench.assign(adult, "parent", context, component, item).await;
    }
    let rows = rows_of(bench, adult).await;
    // A plan that was wrong about whose rows these are.
    let plan = Plan {
        removals: rows.iter().map(|(removal, _)| *removal).filter(|removal| removal.row.item != 62).collect(),
        ..Plan::default()
    };
    assert_eq!(plan.removals.len(), 3);
    for _ in 0..2 {
        bench.apply(&plan, &[]).await.unwrap();
        let left: Vec<(i64, String)> = rows_of(bench, adult).await.into_iter().map(|(r, c)| (r.row.item, c)).collect();
        let expected = [(62, OURS.to_owned()), (0, String::new()), (5, "tool_cohortroles".to_owned())];
        assert_eq!(left, expected, "{}", bench.name);
    }
    assert_eq!(bench.number(&format!("SELECT COUNT(*) FROM {{p}}cache_flags WHERE name = '{adult}'")).await, 1);
}
