//! The brake, the plan, and applying exactly that plan.

use std::collections::BTreeMap;

use kinlink_domain::{outcome::Outcome, reason::Source, request::Action, request::Status};
use kinlink_service::{
    ServiceError,
    cycle::{self, Mode, Ran},
    decide::{self, Reason},
    settings,
};
use kinlink_testapp::{administrator, family};

use crate::world::{ENGINES, another_person, pupil_named, thirty, world};

#[tokio::test]
async fn too_many_removals_are_held_until_a_person_applies_exactly_that_plan() {
    for engine in ENGINES {
        let world = world(engine).await;
        let requests = thirty(&world).await;
        for request in &requests[..26] {
            let reason = Reason::default();
            decide::end(&world.test.app, &administrator(), request.id, None, Action::Deny, &reason).await.unwrap();
        }
        // A grant beside them goes through.
        let child = pupil_named("Theo", "Marlow");
        let raw = family(("New", "Parent", "new@example.org"), &[(child.given, child.family, &child.tutor_group)]);
        world.approved(&raw).await;
        world.moodle_cron().await;
        let report = world.cycle().await;
        assert!(report.brake, "{engine}: 26 of 30 are more than 25: {report:?}");
        assert_eq!((report.removed, report.held, report.added), (0, 26, 1), "{engine}: {report:?}");
        assert_eq!(report.outcome(Outcome::RemovalHeld), 26, "{engine}");
        assert!(report.warnings.iter().any(|warning| warning.contains("brake")), "{engine}");
        assert_eq!(world.our_rows().await.len(), 31, "{engine}");

        let (plan, digest) = cycle::plan(&world.test.app, &administrator()).await.unwrap();
        assert_eq!((plan.removals.len(), plan.additions.len()), (26, 0), "{engine}");
        // A full cycle holds the same.
        let full = world.run(Mode::Full).await.unwrap();
        assert_eq!((full.removed, full.plan_digest.as_deref()), (0, Some(digest.as_str())), "{engine}: {full:?}");
        assert_eq!((full.held, &full.held_by), (26, &BTreeMap::from([(Source::Decisions, 26)])), "{engine}");
        // The plan is kept once, however often it is held.
        assert!(report.held_plan.is_some() && report.held_plan == full.held_plan, "{engine}: {report:?} {full:?}");
        // Another digest, or one whose base changed, is refused.
        let stale = cycle::run(&world.test.app, &administrator(), Mode::Apply("0".repeat(24)), None, &|_| {}).await;
        let stale = stale.unwrap_err();
        assert!(matches!(stale, ServiceError::Refused { code: "plan_changed", .. }), "{engine}: {stale}");
        assert_eq!(world.our_rows().await.len(), 31);
        // One person asks, and asking twice does not make two of them; another one confirms.
        let [first, second] = [administrator(), another_person()];
        let apply = |person| cycle::run(&world.test.app, person, Mode::Apply(digest.clone()), None, &|_| {});
        for _ in 0..2 {
            let refused = apply(&first).await.unwrap_err();
            assert!(matches!(refused, ServiceError::Refused { code: "second_person", .. }), "{engine}: {refused}");
        }
        assert_eq!(world.our_rows().await.len(), 31, "{engine}");
        let Ran::Done(applied) = apply(&second).await.unwrap() else { panic!("busy") };
        assert_eq!((applied.removed, applied.added, applied.brake), (26, 0, false), "{engine}: {applied:?}");
        assert_eq!(world.our_rows().await.len(), 5, "{engine}");
        // Applied twice: nothing is left to do, and that is said.
        let Ran::Done(again) = apply(&first).await.unwrap() else { panic!("busy") };
        assert_eq!((again.removed, again.added, again.already_applied), (0, 0, true), "{engine}: {again:?}");
        assert_eq!(world.our_rows().await.len(), 5, "{engine}");
        let (rest, _) = cycle::plan(&world.test.app, &administrator()).await.unwrap();
        assert!(rest.is_empty(), "{engine}");
        // The waiting jobs find their work done.
        world.moodle_cron().await;
        let report = world.cycle().await;
        assert_eq!((report.removed, report.held), (0, 0), "{engine}: {report:?}");
    }
}

#[tokio::test]
async fn a_few_removals_are_believed() {
    for engine in ENGINES {
        let world = world(engine).await;
        let requests = thirty(&world).await;
        for request in &requests[..25] {
            let reason = Reason::default();
            decide::end(&world.test.app, &administrator(), request.id, None, Action::Deny, &reason).await.unwrap();
        }
        let report = world.cycle().await;
        assert_eq!((report.brake, report.removed), (false, 25), "{engine}: {report:?}");
        assert_eq!(world.request(&requests[0]).await.status, Status::Denied);
        assert_eq!(world.test.count("login_rows WHERE username <> 'KINLINK-GUARD'").await, 5, "{engine}");
    }
}

#[tokio::test]
async fn c_13_d_5_the_auth_table_is_never_emptied() {
    for engine in ENGINES {
        let world = world(engine).await;
        let child = pupil_named("Theo", "Marlow");
        let raw = family(("Only", "Parent", "only@example.org"), &[(child.given, child.family, &child.tutor_group)]);
        let request = world.approved(&raw).await;
        decide::end(&world.test.app, &administrator(), request.id, None, Action::MarkBogus, &Reason::default())
            .await
            .unwrap();
        let rows: Vec<(String,)> = world.test.store.db.fetch_all("SELECT username FROM login_rows", []).await.unwrap();
        // C-13: the bogus person's row is gone; a row that Moodle never makes an account of keeps the table from being empty.
        assert_eq!(rows, [(kinlink_store::accounts::GUARD.to_owned(),)], "{engine}");
        assert!(!kinlink_domain::username::is_acceptable(kinlink_store::accounts::GUARD, false));
        assert!(!kinlink_domain::username::is_acceptable(kinlink_store::accounts::GUARD, true));
    }
}

/// Rows of ours that no link explains (a store restored to an older state) are found and removed by a full cycle only.
#[tokio::test]
async fn strays_are_removed_by_a_full_cycle_and_drift_is_put_back() {
    for engine in ENGINES {
        let world = world(engine).await;
        thirty(&world).await;
        let foreign = world.foreign_rows().await;
        world
            .meddle(
                "INSERT INTO mdl_role_assignments (roleid, contextid, userid, timemodified, modifierid, component, itemid, sortorder) \
                 VALUES (9, 40, 5, 1, 2, 'local_kinlink', 999999, 0)",
            )
            .await;
        let first = world.our_rows().await.into_iter().find(|row| row.3 != 999_999).unwrap();
        world
            .meddle(&format!(
                "DELETE FROM mdl_role_assignments WHERE component = 'local_kinlink' AND itemid = {}",
                first.3
            ))
            .await;
        let report = world.cycle().await;
        assert_eq!((report.added, report.removed), (0, 0), "{engine}: jobs alone do not see it");
        let report = world.run(Mode::Full).await.unwrap();
        assert_eq!((report.added, report.removed), (1, 1), "{engine}: {report:?}");
        assert_eq!(world.our_rows().await.len(), 30, "{engine}");
        assert_eq!(world.foreign_rows().await, foreign, "{engine}");
    }
}

/// One source runs away; what staff decided, and what is new, goes on.
#[tokio::test]
async fn a_source_that_runs_away_is_held_and_the_others_go_on() {
    for engine in ENGINES {
        let world = world(engine).await;
        let requests = thirty(&world).await;
        settings::set(&world.test.app, &administrator(), "brake_floor", "3").await.unwrap();
        settings::set(&world.test.app, &administrator(), "brake_percent", "0").await.unwrap();
        // Four rows in Moodle that are marked as ours and nobody's.
        for item in 0..4 {
            world
                .meddle(&format!(
                    "INSERT INTO mdl_role_assignments (roleid, contextid, userid, timemodified, modifierid, component, itemid, \
                     sortorder) VALUES (9, 40, 5, 1, 2, 'local_kinlink', {}, 0)",
                    990_000 + item
                ))
                .await;
        }
        for request in &requests[..2] {
            let reason = Reason::default();
            decide::end(&world.test.app, &administrator(), request.id, None, Action::Deny, &reason).await.unwrap();
        }
        let report = world.run(Mode::Full).await.unwrap();
        assert_eq!((report.removed, report.held, report.brake), (2, 4, true), "{engine}: {report:?}");
        assert_eq!(report.held_by, BTreeMap::from([(Source::Reconciliation, 4)]), "{engine}");
        assert_eq!(world.our_rows().await.len(), 28 + 4, "{engine}");

        // Without the rule of two persons one is enough.
        settings::set(&world.test.app, &administrator(), "brake_two_persons", "false").await.unwrap();
        let plan = report.held_plan.unwrap().to_string();
        let applied = cycle::run(&world.test.app, &administrator(), Mode::Apply(plan), None, &|_| {}).await.unwrap();
        let Ran::Done(applied) = applied else { panic!("busy") };
        assert_eq!(applied.removed, 4, "{engine}: {applied:?}");
        assert_eq!(world.our_rows().await.len(), 28, "{engine}");
    }
}

/// A store that was lost, or half of it: what it does not know is not removed, however few rows that are.
#[tokio::test]
async fn an_empty_or_shrunken_store_never_removes() {
    for engine in ENGINES {
        for kept in [0, 9] {
            let world = world(engine).await;
            let requests = thirty(&world).await;
            // Ten rows are left in Moodle: fewer than the brake believes by number.
            for request in &requests[..20] {
                let reason = Reason::default();
                decide::end(&world.test.app, &administrator(), request.id, None, Action::Deny, &reason).await.unwrap();
            }
            assert_eq!(world.cycle().await.removed, 20, "{engine}");
            let links: Vec<(i64,)> =
                world.test.store.db.fetch_all("SELECT id FROM links WHERE active = 1 ORDER BY id", []).await.unwrap();
            let least = if kept == 0 { i64::MAX } else { links[10 - 4].0 };
            for table in ["ledger WHERE link_id", "links WHERE id"] {
                let sql = format!("DELETE FROM {table} < ?");
                world.test.store.db.execute(&sql, [least.into()]).await.unwrap();
            }
            let report = world.run(Mode::Full).await.unwrap();
            let lost = if kept == 0 { 10 } else { 6 };
            assert_eq!((report.removed, report.held, report.brake), (0, lost, true), "{engine}: {report:?}");
            assert!(report.warnings.iter().any(|warning| warning.contains("less than half")), "{engine}: {report:?}");
            assert_eq!(world.our_rows().await.len(), 10, "{engine}");
        }
    }
}

/// After a store was restored the number of a link may be given anew: the old row with it is nobody's.
#[tokio::test]
async fn a_row_whose_link_is_somebody_elses_is_a_stray() {
    for engine in ENGINES {
        let world = world(engine).await;
        thirty(&world).await;
        let rows = world.our_rows().await;
        let foreign = world.foreign_rows().await;
        // The link's number at an account that is nobody's, in a context that is nobody's.
        world
            .meddle(&format!(
                "INSERT INTO mdl_role_assignments (roleid, contextid, userid, timemodified, modifierid, component, itemid, \
                 sortorder) VALUES (9, 40, 5, 1, 2, 'local_kinlink', {}, 0)",
                rows[0].3
            ))
            .await;
        // And at the account of another parent.
        world
            .meddle(&format!(
                "INSERT INTO mdl_role_assignments (roleid, contextid, userid, timemodified, modifierid, component, itemid, \
                 sortorder) VALUES (9, 40, {}, 1, 2, 'local_kinlink', {}, 0)",
                rows[1].0, rows[0].3
            ))
            .await;
        let report = world.run(Mode::Full).await.unwrap();
        assert_eq!((report.added, report.removed), (0, 2), "{engine}: {report:?}");
        assert_eq!(world.our_rows().await, rows, "{engine}");
        assert_eq!(world.foreign_rows().await, foreign, "{engine}");
        let again = world.run(Mode::Full).await.unwrap();
        assert_eq!((again.added, again.removed), (0, 0), "{engine}: {again:?}");
    }
}
