//! Rows of the earlier plugin: adopting them and giving them back.

use kinlink_db::Session as _;
use kinlink_domain::{
    adoption::Change,
    ids::{ContextId, Id, MoodleUserId, RoleId},
    plan::ActualRole,
    plan_row::Write,
    policy::Policy,
};
use kinlink_moodle::{MoodleError, adoption, roles::Ownership};

use crate::bench::{Bench, OURS};

/// Every role row of a Moodle but for the columns that adopting changes, with them at the end.
async fn whole_rows(bench: &mut Bench) -> Vec<(i64, String, String)> {
    let sql = bench.sql(
        "SELECT id, CONCAT(roleid, ' ', contextid, ' ', userid, ' ', timemodified, ' ', modifierid, ' ', sortorder), \
         CONCAT(component, ' ', itemid) FROM {p}role_assignments ORDER BY id",
    );
    bench.connection.fetch_all(&sql, []).await.unwrap()
}

pub async fn a_row_is_adopted_and_given_back_and_no_other_changes(bench: &mut Bench) {
    let role = bench.role().await;
    let site = bench.site(&Policy::default()).await;
    let (adult, other, child) = (bench.user("Ada", &[]).await, bench.user("Bob", &[]).await, bench.pupil("Kid").await);
    let context = bench.context(child, Some("/1/9"), 2).await;
    let counted = adoption::count(&mut bench.connection, &bench.prefix, role).await.unwrap();
    let other_role = if bench.number("SELECT COUNT(*) FROM {p}role WHERE shortname = 'student'").await == 1 {
        "student"
    } else {
        "parent"
    };
    for (user, name, at, component, item) in [
        (adult, "parent", context, "", 0),
        (other, "parent", context, "", 0),
        (adult, "parent", context, OURS, 71),
        (adult, "parent", ContextId(1), "", 0),
        (adult, other_role, context, "tool_cohortroles", 0),
        (adult, "parent", context, "tool_cohortroles", 5),
        (adult, "parent", context, OURS, 72),
    ] {
        bench.assign(user, name, at, component, item).await;
    }
    bench
        .run(
            "UPDATE {p}role_assignments SET timemodified = 7, modifierid = 5 WHERE userid IN (?, ?)",
            [adult.0.into(), other.0.into()],
        )
        .await;
    let before = whole_rows(bench).await;
    assert_eq!(
        adoption::count(&mut bench.connection, &bench.prefix, role).await.unwrap(),
        counted + 2,
        "{}",
        bench.name
    );

    let ownership = Ownership::Component(OURS.into());
    let rows = adoption::rows(&mut bench.connection, &bench.prefix, role, &ownership, &[adult, other]).await.unwrap();
    let mut found: Vec<(MoodleUserId, i64, bool)> = rows.iter().map(|row| (row.user, row.item, row.ours)).collect();
    found.sort_unstable();
    let expected = [(adult, 0, false), (adult, 0, false), (adult, 71, true), (adult, 72, true), (other, 0, false)];
    assert_eq!(found, expected, "{}", bench.name);
    let of = |user: MoodleUserId, item: i64| {
        *rows.iter().find(|row| (row.user, row.context, row.item) == (user, context, item)).unwrap()
    };
    let change = |write: Write, row: ActualRole, item: i64| Change {
        write,
        row,
        item,
        adult: Id::new(1, &[7; 10]),
        pupil: child,
    };
    let adopt = [
        change(Write::Adopt, of(adult, 0), 71),
        change(Write::Adopt, of(other, 0), 73),
        change(Write::Remove, of(adult, 71), 71),
    ];
    let wrongs = [
        (change(Write::Adopt, ActualRole { user: other, ..of(adult, 0) }, 71), "another person's"),
        (change(Write::Adopt, ActualRole { context: ContextId(1), ..of(adult, 0) }, 71), "at another place"),
        (change(Write::Adopt, ActualRole { role: RoleId(77), ..of(adult, 0) }, 71), "in another role"),
        (change(Write::Adopt, of(adult, 72), 71), "ours"),
        (change(Write::GiveBack, of(adult, 0), 71), "nobody's"),
        (change(Write::GiveBack, of(adult, 72), 71), "of another link"),
    ];
    // A row that is not as it was planned: nothing is written, of the others neither.
    for (wrong, why) in wrongs {
        let error = bench.adopt(&site, &[adopt[1], wrong]).await.unwrap_err();
        assert!(matches!(error, MoodleError::RowsChanged), "{}: {why}: {error}", bench.name);
        assert_eq!(whole_rows(bench).await, before, "{}: {why}", bench.name);
    }
    bench.adopt(&site, &adopt).await.unwrap();
    let copy = of(adult, 71).id;
    let after: Vec<(i64, String, String)> = before
        .iter()
        .filter(|(id, ..)| *id != copy)
        .map(|(id, row, mark)| {
            let mark = if *id == of(adult, 0).id {
                format!("{OURS} 71")
            } else if *id == of(other, 0).id {
                format!("{OURS} 73")
            } else {
                mark.clone()
            };
            (*id, row.clone(), mark)
        })
        .collect();
    assert_eq!(whole_rows(bench).await, after, "{}", bench.name);
    for user in [adult, other] {
        assert_eq!(bench.number(&format!("SELECT COUNT(*) FROM {{p}}cache_flags WHERE name = '{user}'")).await, 1);
    }
    // A second time there is nothing to adopt.
    assert!(matches!(bench.adopt(&site, &adopt[..1]).await.unwrap_err(), MoodleError::RowsChanged), "{}", bench.name);
    let ours = |user, item| ActualRole { item, ours: true, ..of(user, 0) };
    let back = [change(Write::GiveBack, ours(adult, 71), 71), change(Write::GiveBack, ours(other, 73), 73)];
    bench.adopt(&site, &back).await.unwrap();
    let left: Vec<_> = before.into_iter().filter(|(id, ..)| *id != copy).collect();
    assert_eq!(whole_rows(bench).await, left, "{}", bench.name);
    bench.run("DELETE FROM {p}role_assignments WHERE userid IN (?, ?)", [adult.0.into(), other.0.into()]).await;
}
