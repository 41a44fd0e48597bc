//! Plans that are kept: applied exactly as they are or not at all, and once.

use std::collections::BTreeSet;

use kinlink_db::Engine;
use kinlink_domain::{
    plan_row::{PlanRow, Scope, Write},
    reason::Reason as Why,
    request::Action,
    staff::Actor,
};
use kinlink_service::{
    ServiceError,
    cycle::{self, Mode, Ran, Report},
    decide::{self, Reason},
    plans::{self, Application, Plan, Word},
    settings,
};
use kinlink_testapp::{administrator, family};
use kinlink_testkit::{changed_tables, snapshot};

use crate::world::{ENGINES, World, another_person, pupil_named, thirty, world};

async fn rows(world: &World, plan: &Plan) -> Vec<PlanRow> {
    plans::rows(&world.test.app, &administrator(), plan.id, None, 0, u64::MAX).await.unwrap()
}

async fn apply(world: &World, plan: &Plan) -> Result<Report, ServiceError> {
    let mode = Mode::Apply(plan.digest.clone());
    match cycle::run(&world.test.app, &administrator(), mode, None, &|_| {}).await? {
        Ran::Done(report) => Ok(*report),
        Ran::Busy => panic!("another cycle is running"),
    }
}

/// What a plan would change: two rows deleted by hand, one written twice, a link ended.
async fn drift(world: &World) {
    let requests = thirty(world).await;
    let rows = world.our_rows().await;
    for row in &rows[..2] {
        world.meddle(&format!("DELETE FROM mdl_role_assignments WHERE itemid = {}", row.3)).await;
    }
    world
        .meddle(&format!(
            "INSERT INTO mdl_role_assignments (roleid, contextid, userid, timemodified, modifierid, component, itemid, \
             sortorder) SELECT roleid, contextid, userid, timemodified, modifierid, component, itemid, sortorder FROM \
             mdl_role_assignments WHERE itemid = {}",
            rows[2].3
        ))
        .await;
    let reason = Reason::default();
    decide::end(&world.test.app, &administrator(), requests[29].id, None, Action::Deny, &reason).await.unwrap();
}

async fn exactly_its_rows(engine: Engine) {
    let world = world(engine).await;
    drift(&world).await;
    let plan = plans::make(&world.test.app, &administrator()).await.unwrap();
    assert_eq!((plan.additions, plan.removals, plan.contexts), (2, 2, 0), "{engine}: {plan:?}");
    assert_eq!((plan.scope, plan.braked), (Scope::Everything, false), "{engine}");
    let planned = rows(&world, &plan).await;
    let reasons: Vec<(Write, Why)> = planned.iter().map(|row| (row.write, row.reason)).collect();
    let expected = [
        (Write::Add, Why::DriftPutBack),
        (Write::Add, Why::DriftPutBack),
        (Write::Remove, Why::LinkEnded),
        (Write::Remove, Why::SurplusCopy),
    ];
    assert_eq!(reasons, expected, "{engine}: {planned:#?}");
    assert!(planned.iter().all(|row| row.adult.is_some() && row.pupil.is_some()), "{engine}: {planned:#?}");

    let before = snapshot(&world.test.moodle.db).await;
    let report = apply(&world, &plan).await.unwrap();
    assert_eq!((report.added, report.removed, report.already_applied), (2, 2, false), "{engine}: {report:?}");
    let after = snapshot(&world.test.moodle.db).await;
    let changed = changed_tables(&before, &after);
    let tables: BTreeSet<&str> = changed.keys().map(String::as_str).collect();
    let allowed = BTreeSet::from(["mdl_cache_flags", "mdl_role_assignments", "mdl_sessions", "mdl_task_scheduled"]);
    assert!(tables.is_subset(&allowed), "{engine}: {changed:#?}");
    let roles = &changed["mdl_role_assignments"];
    assert_eq!((roles.added.len(), roles.removed.len()), (2, 2), "{engine}: {roles:#?}");

    // Once more: nothing is written, and that is said.
    let again = apply(&world, &plan).await.unwrap();
    assert_eq!((again.added, again.removed, again.already_applied), (0, 0, true), "{engine}: {again:?}");
    assert!(changed_tables(&after, &snapshot(&world.test.moodle.db).await).is_empty(), "{engine}");
    let rest = plans::make(&world.test.app, &administrator()).await.unwrap();
    assert_eq!((rest.additions, rest.removals), (0, 0), "{engine}: {rest:?}");
}

#[tokio::test]
async fn applying_a_plan_writes_exactly_its_rows_and_only_once() {
    for engine in ENGINES {
        exactly_its_rows(engine).await;
    }
}

#[tokio::test]
async fn a_plan_whose_base_changed_is_refused_and_says_what_changed() {
    for engine in ENGINES {
        let world = world(engine).await;
        drift(&world).await;
        let plan = plans::make(&world.test.app, &administrator()).await.unwrap();
        // Somebody put one row right by hand, and another one vanished.
        let removed = rows(&world, &plan).await.into_iter().find(|row| row.reason == Why::SurplusCopy).unwrap();
        world.meddle(&format!("DELETE FROM mdl_role_assignments WHERE id = {}", removed.id.unwrap())).await;
        let lost = world.our_rows().await[5].clone();
        world.meddle(&format!("DELETE FROM mdl_role_assignments WHERE itemid = {}", lost.3)).await;
        let before = snapshot(&world.test.moodle.db).await;
        let asked = plans::ask(&world.test.app, &administrator(), plan.id, None).await.unwrap_err();
        let run = apply(&world, &plan).await.unwrap_err();
        for refused in [asked, run] {
            let ServiceError::Refused { code: "plan_changed", parts, .. } = &refused else {
                panic!("{engine}: {refused:?}")
            };
            let parts: Vec<(&str, &str)> = parts.iter().map(|part| (&*part.pointer, &*part.detail)).collect();
            assert_eq!(parts.len(), 2, "{engine}: {parts:?}");
            let vanished = format!("{} (surplus_copy)", removed.line());
            assert_eq!(parts[0], ("/vanished/0", vanished.as_str()), "{engine}");
            assert_eq!(parts[1].0, "/came/0", "{engine}");
            assert!(parts[1].1.ends_with(&format!("item={} (drift_put_back)", lost.3)), "{engine}: {parts:?}");
        }
        assert!(changed_tables(&before, &snapshot(&world.test.moodle.db).await).is_empty(), "{engine}");
    }
}

/// What the brake held is applied though new links were approved meanwhile, and those are left to the next cycle.
#[tokio::test]
async fn a_held_plan_goes_on_to_fit_while_others_are_approved_and_writes_nothing_of_theirs() {
    for engine in ENGINES {
        let world = world(engine).await;
        let requests = thirty(&world).await;
        settings::set(&world.test.app, &administrator(), "brake_floor", "2").await.unwrap();
        for request in &requests[..3] {
            let reason = Reason::default();
            decide::end(&world.test.app, &administrator(), request.id, None, Action::Deny, &reason).await.unwrap();
        }
        let held = world.cycle().await.held_plan.unwrap();
        let child = pupil_named("Theo", "Marlow");
        let raw = family(("New", "Parent", "new@example.org"), &[(child.given, child.family, &child.tutor_group)]);
        world.approved(&raw).await;
        world.moodle_cron().await;
        let app = &world.test.app;
        let whose_word = async |actor: &Actor| {
            let plan = plans::find(app, actor, &held.to_string()).await.unwrap();
            plans::word(app, actor, &plan).await.unwrap()
        };
        assert_eq!(whose_word(&administrator()).await, Word::Asks, "{engine}");
        let asked = plans::ask(app, &administrator(), held, None).await.unwrap();
        assert_eq!(asked, Application::WaitsForSecondPerson, "{engine}");
        assert_eq!(
            (whose_word(&administrator()).await, whose_word(&another_person()).await),
            (Word::IsGiven, Word::Applies),
            "{engine}"
        );
        assert!(plans::cycle(app, &administrator(), held).await.unwrap().is_none(), "{engine}");
        let Application::Queued { cycle } = plans::ask(app, &another_person(), held, None).await.unwrap() else {
            panic!("{engine}")
        };
        assert_eq!(plans::cycle(app, &administrator(), held).await.unwrap().unwrap().id, cycle, "{engine}");
        // Whatever runs next takes it up.
        let report = world.cycle().await;
        assert_eq!((report.cycle, report.mode), (cycle, "apply"), "{engine}: {report:?}");
        assert_eq!((report.added, report.removed), (0, 3), "{engine}: {report:?}");
        assert_eq!(world.our_rows().await.len(), 27, "{engine}");
        assert_eq!(world.cycle().await.added, 1, "{engine}");
        let again = plans::ask(app, &administrator(), held, None).await.unwrap();
        assert_eq!(again, Application::Applied { cycle }, "{engine}");
    }
}

#[tokio::test]
async fn plans_are_listed_compared_and_forgotten() {
    let world = world(Engine::Sqlite).await;
    let (app, staff) = (&world.test.app, administrator());
    drift(&world).await;
    let first = plans::make(app, &staff).await.unwrap();
    assert_eq!(plans::make(app, &staff).await.unwrap().id, first.id, "the same rows are the same plan");
    let lost = world.our_rows().await[5].clone();
    world.meddle(&format!("DELETE FROM mdl_role_assignments WHERE itemid = {}", lost.3)).await;
    world.test.clock.advance(jiff::SignedDuration::from_secs(1));
    let second = plans::make(app, &staff).await.unwrap();
    let listed = plans::list(app, &staff, None, 10).await.unwrap();
    assert_eq!(listed.items.iter().map(|plan| plan.id).collect::<Vec<_>>(), [second.id, first.id]);
    let compared = plans::compare(app, &staff, first.id, second.id).await.unwrap();
    assert_eq!((compared.only_first.len(), compared.only_second.len(), compared.both), (0, 1, 4));
    assert_eq!(compared.only_second[0].item, lost.3);
    let names = plans::names(app, &staff, &compared.only_second).await.unwrap();
    assert_eq!((names.adults.len(), names.users.len()), (1, 1));

    settings::set(app, &staff, "plans_kept", "1").await.unwrap();
    assert_eq!(kinlink_service::housekeeping::tidy(app).await.unwrap().plans, 1);
    assert!(matches!(plans::find(app, &staff, &first.id.to_string()).await, Err(ServiceError::NotFound("plan"))));
    assert_eq!(plans::find(app, &staff, &second.digest).await.unwrap().id, second.id);
}

/// More than ten removals need their number.
#[tokio::test]
async fn many_removals_need_their_number_typed() {
    let world = world(Engine::Sqlite).await;
    let requests = thirty(&world).await;
    for request in &requests[..11] {
        let reason = Reason::default();
        decide::end(&world.test.app, &administrator(), request.id, None, Action::Deny, &reason).await.unwrap();
    }
    let plan = plans::make(&world.test.app, &administrator()).await.unwrap();
    for wrong in [None, Some(10)] {
        let refused = plans::ask(&world.test.app, &administrator(), plan.id, wrong).await.unwrap_err();
        assert!(matches!(refused, ServiceError::Refused { code: "confirm_number", .. }), "{refused}");
    }
    let asked = plans::ask(&world.test.app, &administrator(), plan.id, Some(11)).await.unwrap();
    assert!(matches!(asked, Application::Queued { .. }), "{asked:?}");
    assert_eq!(world.cycle().await.removed, 11);
}
