//! The brake, the plan, and applying exactly that plan.

use kinlink_domain::{outcome::Outcome, request::Action, request::Status};
use kinlink_service::{
    cycle::{self, Mode, Ran},
    decide::{self, Reason},
};
use kinlink_store::requests::Request;
use kinlink_testapp::{administrator, family};

use crate::world::{ENGINES, World, pupil_named, world};

/// Thirty parents with one pupil each, provisioned.
async fn thirty(world: &World) -> Vec<Request> {
    let mut requests = Vec::new();
    for (i, pupil) in kinlink_moodle::demo::school::pupils().iter().filter(|p| unique(p)).take(30).enumerate() {
        let email = format!("parent{i}@example.org");
        let raw = family(("Pat", &format!("Parent{i}"), &email), &[(pupil.given, pupil.family, &pupil.tutor_group)]);
        requests.push(world.approved(&raw).await);
    }
    world.cycle().await;
    world.moodle_cron().await;
    world.cycle().await;
    assert_eq!(world.our_rows().await.len(), 30);
    requests
}

/// Whether nobody else in the tutor group has this name and the pupil can be matched.
fn unique(pupil: &kinlink_moodle::demo::school::Pupil) -> bool {
    let fold = kinlink_domain::fold::fold;
    let same = kinlink_moodle::demo::school::pupils()
        .iter()
        .filter(|other| {
            fold(other.given) == fold(pupil.given)
                && fold(other.family) == fold(pupil.family)
                && other.tutor_group == pupil.tutor_group
        })
        .count();
    same == 1 && pupil.attendance == kinlink_moodle::demo::school::Attendance::Current
}

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
        // Another digest, or one whose base changed, is refused.
        let stale = cycle::run(&world.test.app, &administrator(), Mode::Apply("0".repeat(24)), None, &|_| {}).await;
        assert!(stale.unwrap_err().to_string().contains("not"), "{engine}");
        assert_eq!(world.our_rows().await.len(), 31);
        let person = administrator();
        let apply = || cycle::run(&world.test.app, &person, Mode::Apply(digest.clone()), None, &|_| {});
        let Ran::Done(applied) = apply().await.unwrap() else { panic!("busy") };
        assert_eq!((applied.removed, applied.added, applied.brake), (26, 0, false), "{engine}: {applied:?}");
        assert_eq!(world.our_rows().await.len(), 5, "{engine}");
        // Applied twice: the plan is another one now.
        assert!(apply().await.is_err(), "{engine}");
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
