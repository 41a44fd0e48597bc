//! The earlier plugin's role rows become ours, and become again what they were.

use std::collections::BTreeMap;

use kinlink_db::Engine;
use kinlink_domain::{
    adoption::Direction,
    finding::Class,
    hold::HoldReason,
    outcome::Outcome,
    plan_row::{PlanRow, Scope, Write},
    reason::Reason as Why,
    request::Action,
    staff::{Actor, StaffRole},
};
use kinlink_moodle::demo::school;
use kinlink_service::{
    ServiceError, adoption,
    cycle::{self, Mode, Ran, Report},
    decide::{self, Reason},
    holds::{self, NewHold},
    plans::{self, Application, Plan},
    settings,
};
use kinlink_store::{audit, requests::Request};
use kinlink_testapp::{administrator, family};
use kinlink_testkit::{changed_tables, snapshot};

use crate::world::{ENGINES, World, pupil_named, world};

const RACHEL: &str = "rachel.turner@example.org";
const OSCAR: &str = "oscar.ashby@example.org";

/// A role row, its id first.
type RowWithId = (i64, i64, i64, i64, i64, i64, String, i64);
/// Whole role rows by their ids.
type Rows = BTreeMap<i64, (i64, i64, i64, i64, i64, String, i64)>;

async fn rows(world: &World) -> Rows {
    let sql =
        "SELECT id, roleid, contextid, userid, timemodified, modifierid, component, itemid FROM mdl_role_assignments";
    let rows: Vec<RowWithId> = world.test.moodle.db.fetch_all(sql, []).await.unwrap();
    rows.into_iter().map(|(id, a, b, c, d, e, f, g)| (id, (a, b, c, d, e, f, g))).collect()
}

/// What the earlier plugin would write.
async fn plugins_row(world: &World, email: &str, pupil: &school::Pupil) {
    let user = world.account(email).await.unwrap();
    let sql = format!(
        "INSERT INTO mdl_role_assignments (roleid, contextid, userid, timemodified, modifierid, component, itemid, sortorder) \
         SELECT {}, id, {user}, 7, 5, '', 0, 0 FROM mdl_context WHERE contextlevel = 30 AND instanceid = {}",
        school::PARENT_ROLE,
        pupil.user_id
    );
    world.meddle(&sql).await;
}

struct Story {
    world: World,
    rachel: Request,
    before: Rows,
}

/// Two parents. The plugin had linked both to their children, Rachel besides to a child that nobody approved here, and gave
/// her the role for everything; somebody else did so in its own name.
async fn story(engine: Engine) -> Story {
    let world = world(engine).await;
    let [theo, nell] = [pupil_named("Theo", "Marlow"), pupil_named("Nell", "Ashby")];
    let asks = |adult, pupil: &school::Pupil| family(adult, &[(pupil.given, pupil.family, &pupil.tutor_group)]);
    let rachel = world.approved(&asks(("Rachel", "Turner", RACHEL), &theo)).await;
    world.approved(&asks(("Oscar", "Ashby", OSCAR), &nell)).await;
    world.cycle().await;
    world.moodle_cron().await;
    world.cycle().await;
    assert_eq!(world.our_rows().await.len(), 2, "{engine}");
    for (email, pupil) in [(RACHEL, &theo), (RACHEL, &nell), (OSCAR, &nell)] {
        plugins_row(&world, email, pupil).await;
    }
    let user = world.account(RACHEL).await.unwrap();
    for (context, component) in
        [("1", ""), ("(SELECT MIN(id) FROM mdl_context WHERE contextlevel = 30)", "tool_cohortroles")]
    {
        let sql = format!(
            "INSERT INTO mdl_role_assignments (roleid, contextid, userid, timemodified, modifierid, component, itemid, sortorder) \
             SELECT {}, id, {user}, 7, 5, '{component}', 0, 0 FROM mdl_context WHERE id = {context}",
            school::PARENT_ROLE
        );
        world.meddle(&sql).await;
    }
    let before = rows(&world).await;
    Story { world, rachel, before }
}

impl Story {
    async fn plan(&self, direction: Direction) -> adoption::Made {
        adoption::make(&self.world.test.app, &administrator(), direction).await.unwrap()
    }

    async fn planned(&self, plan: &Plan) -> Vec<PlanRow> {
        plans::rows(&self.world.test.app, &administrator(), plan.id, None, 0, u64::MAX).await.unwrap()
    }

    async fn apply(&self, plan: &Plan) -> Result<Report, ServiceError> {
        let mode = Mode::Apply(plan.id.to_string());
        match cycle::run(&self.world.test.app, &administrator(), mode, None, &|_| {}).await? {
            Ran::Done(report) => Ok(*report),
            Ran::Busy => panic!("another cycle is running"),
        }
    }

    /// Makes a plan and applies it.
    async fn go(&self, direction: Direction) -> Report {
        self.apply(&self.plan(direction).await.plan).await.unwrap()
    }

    async fn end_rachels_link(&self) {
        let (app, reason) = (&self.world.test.app, Reason::default());
        decide::end(app, &administrator(), self.rachel.id, None, Action::Deny, &reason).await.unwrap();
    }

    /// Rows that let somebody see this pupil in the role of links, whoever wrote them.
    async fn access(&self, email: &str, pupil: &school::Pupil) -> i64 {
        let user = self.world.account(email).await.unwrap();
        let sql = format!(
            "SELECT COUNT(*) FROM mdl_role_assignments ra JOIN mdl_context c ON c.id = ra.contextid WHERE ra.roleid = {} AND \
             ra.userid = {user} AND c.contextlevel = 30 AND c.instanceid = {}",
            school::PARENT_ROLE,
            pupil.user_id
        );
        self.world.number(&sql).await
    }

    /// Everything is as it should be, and no row was put back or is contested.
    async fn assert_settled(&self, added: u64) {
        let full = self.world.run(Mode::Full).await.unwrap();
        let numbers = (full.added, full.removed, full.put_back, full.contested, full.held);
        assert_eq!(numbers, (added, 0, 0, 0, 0), "{full:?}");
        let drift = |class| full.classes.get(&class).copied().unwrap_or_default();
        assert_eq!([Class::Missing, Class::Changed, Class::Extra, Class::Contested].map(drift), [0; 4], "{full:?}");
        let again = self.world.run(Mode::Full).await.unwrap();
        assert_eq!((again.added, again.removed, again.put_back), (0, 0, 0), "{again:?}");
    }
}

/// The point of it all: the parent loses access with the link, and nobody else loses or gains anything.
async fn adopted_rows_go_with_their_link(engine: Engine) {
    let story = story(engine).await;
    let world = &story.world;
    let theo = pupil_named("Theo", "Marlow");
    assert_eq!(story.access(RACHEL, &theo).await, 2, "{engine}: ours beside the plugin's");
    let made = story.plan(Direction::Adopt).await;
    let plan = &made.plan;
    assert_eq!((plan.scope, plan.adoptions, plan.removals, plan.additions), (Scope::Adoption, 2, 2, 0), "{engine}");
    let foreign = i64::try_from(made.left).unwrap();
    let unmarked = "SELECT COUNT(*) FROM mdl_role_assignments ra JOIN mdl_context c ON c.id = ra.contextid WHERE \
                    ra.component = '' AND ra.itemid = 0 AND c.contextlevel = 30 AND ra.roleid = ";
    let unmarked = world.number(&format!("{unmarked}{}", school::PARENT_ROLE)).await;
    assert_eq!(foreign, unmarked - 2, "{engine}: Rachel's unapproved one, and what was there before");
    let planned = story.planned(plan).await;
    let writes: Vec<(Write, Why)> = planned.iter().map(|row| (row.write, row.reason)).collect();
    let [adopt, copy] = [(Write::Adopt, Why::Adopted), (Write::Remove, Why::SurplusCopy)];
    assert_eq!(writes, [adopt, adopt, copy, copy], "{engine}: {planned:#?}");
    assert!(planned.iter().all(|row| row.adult.is_some() && row.pupil.is_some()), "{engine}: {planned:#?}");

    let snapped = snapshot(&world.test.moodle.db).await;
    let report = story.apply(plan).await.unwrap();
    assert_eq!((report.adopted, report.removed, report.added, report.given_back), (2, 2, 0, 0), "{engine}: {report:?}");
    let changed = changed_tables(&snapped, &snapshot(&world.test.moodle.db).await);
    let tables: Vec<&str> = changed.keys().map(String::as_str).filter(|table| *table != "mdl_cache_flags").collect();
    assert_eq!(tables, ["mdl_role_assignments"], "{engine}: {changed:#?}");
    // Exactly the planned rows: of an adopted one only its mark changed, its copy is gone, all others are as they were.
    let mut expected = story.before.clone();
    for row in &planned {
        let id = row.id.unwrap();
        if row.write == Write::Adopt {
            let whole = expected.get_mut(&id).unwrap();
            (whole.5, whole.6) = ("local_kinlink".to_owned(), row.item);
        } else {
            assert_eq!(expected.remove(&id).unwrap().5, "local_kinlink", "{engine}: only copies of ours go");
        }
    }
    assert_eq!(rows(world).await, expected, "{engine}");
    assert_eq!(story.access(RACHEL, &theo).await, 1, "{engine}");
    let again = story.apply(plan).await.unwrap();
    assert!(again.already_applied && again.adopted == 0, "{engine}: {again:?}");
    assert_eq!(story.plan(Direction::Adopt).await.plan.adoptions, 0, "{engine}: nothing is left to adopt");
    story.assert_settled(0).await;
    assert_eq!(rows(world).await, expected, "{engine}: a full cycle changes nothing");

    story.end_rachels_link().await;
    assert_eq!(world.cycle().await.removed, 1, "{engine}");
    assert_eq!(story.access(RACHEL, &theo).await, 0, "{engine}: she has no access any more");
    let gone = planned
        .iter()
        .find(|row| row.write == Write::Adopt && row.pupil == Some(kinlink_domain::ids::MoodleUserId(theo.user_id)));
    expected.remove(&gone.unwrap().id.unwrap());
    assert_eq!(rows(world).await, expected, "{engine}: and nothing else changed");

    // Undoing gives no access back: her row stays gone, Oscar's is the plugin's again.
    let back = story.plan(Direction::GiveBack).await;
    assert_eq!((back.plan.scope, back.plan.adoptions, back.left), (Scope::GivingBack, 1, 1), "{engine}");
    assert_eq!(story.planned(&back.plan).await[0].reason, Why::GivenBack, "{engine}");
    let report = story.apply(&back.plan).await.unwrap();
    assert_eq!((report.given_back, report.adopted, report.added, report.removed), (1, 0, 0, 0), "{engine}: {report:?}");
    assert_eq!(story.access(RACHEL, &theo).await, 0, "{engine}");
    let id = story.planned(&back.plan).await[0].id.unwrap();
    assert_eq!(rows(world).await[&id], story.before[&id], "{engine}: as the plugin made it");
    assert!(story.apply(&back.plan).await.unwrap().already_applied, "{engine}");
    let nothing = story.plan(Direction::GiveBack).await;
    assert_eq!((nothing.plan.adoptions, nothing.left), (0, 1), "{engine}");
    // Ours is written beside it again, which is no drift.
    story.assert_settled(1).await;
    assert_eq!(story.access(OSCAR, &pupil_named("Nell", "Ashby")).await, 2, "{engine}: as before the adoption");

    let written = audit::list(&mut world.test.app.store.acquire().await.unwrap(), &audit::Filter::default(), None, 500)
        .await
        .unwrap();
    let of = |action: &str| written.iter().filter(|entry| entry.entry.action == action).count();
    assert_eq!((of("adoption.adopt"), of("adoption.give_back"), of("plan.apply")), (1, 1, 2), "{engine}");
}

#[tokio::test]
async fn an_adopted_row_goes_with_its_link_and_is_given_back_only_while_the_link_is_in_force() {
    for engine in ENGINES {
        Box::pin(adopted_rows_go_with_their_link(engine)).await;
    }
}

#[tokio::test]
async fn an_adoption_plan_whose_base_changed_is_refused_and_says_what_changed() {
    for engine in ENGINES {
        let story = story(engine).await;
        let world = &story.world;
        let plan = story.plan(Direction::Adopt).await.plan;
        let planned = story.planned(&plan).await;
        let vanished = planned.iter().find(|row| row.write == Write::Adopt).unwrap();
        world.meddle(&format!("DELETE FROM mdl_role_assignments WHERE id = {}", vanished.id.unwrap())).await;
        let before = rows(world).await;
        let asked = plans::ask(&world.test.app, &administrator(), plan.id, None).await.unwrap_err();
        for refused in [asked, story.apply(&plan).await.unwrap_err()] {
            let ServiceError::Refused { code: "plan_changed", parts, .. } = &refused else {
                panic!("{engine}: {refused:?}")
            };
            assert!(parts.iter().any(|part| part.detail.starts_with(&vanished.line())), "{engine}: {parts:?}");
        }
        assert_eq!(rows(world).await, before, "{engine}");
        // A plan of what is there now can be asked for, and the provisioner applies it.
        let plan = story.plan(Direction::Adopt).await.plan;
        assert_eq!(plan.adoptions, 1, "{engine}");
        let asked = plans::ask(&world.test.app, &administrator(), plan.id, None).await.unwrap();
        assert!(matches!(asked, Application::Queued { .. }), "{engine}: {asked:?}");
        let report = world.cycle().await;
        assert_eq!((report.mode, report.adopted), ("apply", 1), "{engine}: {report:?}");
        // Giving back is refused in the same way.
        let back = story.plan(Direction::GiveBack).await.plan;
        story.world.meddle("UPDATE mdl_role_assignments SET itemid = 999 WHERE component = 'local_kinlink'").await;
        let refused = story.apply(&back).await.unwrap_err();
        assert!(matches!(refused, ServiceError::Refused { code: "plan_changed", .. }), "{engine}: {refused:?}");
    }
}

/// Neither adopted nor given back is what a hold forbids.
#[tokio::test]
async fn a_hold_stops_both_ways() {
    for engine in ENGINES {
        let story = story(engine).await;
        let world = &story.world;
        let app = &world.test.app;
        let hold = NewHold {
            adult: world.request(&story.rachel).await.adult,
            email: None,
            pupil: None,
            reason: HoldReason::CourtOrder,
            reference: "C-17/2026".into(),
            from: None,
            until: None,
        };
        let lead = Actor { name: "cli:lead".to_owned(), role: Some(StaffRole::Safeguarding) };
        story.go(Direction::Adopt).await;
        let theo = pupil_named("Theo", "Marlow");
        holds::place(app, &lead, &hold).await.unwrap();
        // Before a cycle took the row away, and after.
        let early = story.plan(Direction::GiveBack).await;
        assert_eq!((early.plan.adoptions, early.left), (1, 1), "{engine}: only Oscar's");
        let report = world.cycle().await;
        assert_eq!((report.removed, report.outcome(Outcome::Referred)), (1, 1), "{engine}: {report:?}");
        assert_eq!(story.access(RACHEL, &theo).await, 0, "{engine}");
        assert_eq!(story.go(Direction::GiveBack).await.given_back, 1, "{engine}");
        assert_eq!(story.access(RACHEL, &theo).await, 0, "{engine}");
        // A row that the plugin writes meanwhile is not adopted for who is held.
        plugins_row(world, RACHEL, &theo).await;
        let again = story.plan(Direction::Adopt).await.plan;
        assert_eq!(again.adoptions, 1, "{engine}: Oscar's");
    }
}

/// A link that was approved and not provisioned yet: its row is there by adoption, and nobody has to write one.
#[tokio::test]
async fn what_is_adopted_before_the_first_cycle_needs_no_row_of_ours() {
    for engine in ENGINES {
        let story = story(engine).await;
        let world = &story.world;
        let pupil = pupil_named("Nell", "Ashby");
        let mut further = family(("Rachel", "Turner", RACHEL), &[(pupil.given, pupil.family, &pupil.tutor_group)]);
        further.kind = Some("child_missing".into());
        world.approved(&further).await;
        let report = story.go(Direction::Adopt).await;
        assert_eq!((report.adopted, report.removed), (3, 2), "{engine}: {report:?}");
        let report = world.cycle().await;
        assert_eq!((report.added, report.provisioned), (0, 1), "{engine}: {report:?}");
        assert_eq!(story.access(RACHEL, &pupil).await, 1, "{engine}");
        story.assert_settled(0).await;
    }
}

/// Two rows of the plugin for one link are both adopted, and the next cycle leaves one of them.
#[tokio::test]
async fn of_two_rows_of_the_plugin_for_one_link_one_stays() {
    let story = story(Engine::Sqlite).await;
    let world = &story.world;
    let theo = pupil_named("Theo", "Marlow");
    plugins_row(world, RACHEL, &theo).await;
    let report = story.go(Direction::Adopt).await;
    assert_eq!((report.adopted, report.removed), (3, 2), "{report:?}");
    assert_eq!(world.run(Mode::Full).await.unwrap().removed, 1);
    assert_eq!(story.access(RACHEL, &theo).await, 1);
    let back = story.plan(Direction::GiveBack).await;
    assert_eq!((back.plan.adoptions, back.left), (2, 1), "what is gone stays gone");
}

/// With an empty component nothing changes in Moodle: the ledger alone says that the row is ours.
#[tokio::test]
async fn without_a_component_the_ledger_takes_the_row_over() {
    for engine in ENGINES {
        let world = world(engine).await;
        settings::set(&world.test.app, &administrator(), "component", "").await.unwrap();
        let nell = pupil_named("Nell", "Ashby");
        let raw = family(("Rachel", "Turner", RACHEL), &[(nell.given, nell.family, &nell.tutor_group)]);
        let rachel = world.approved(&raw).await;
        world.cycle().await;
        world.moodle_cron().await;
        plugins_row(&world, RACHEL, &nell).await;
        let report = world.cycle().await;
        assert_eq!((report.added, report.outcome(Outcome::Linked)), (0, 1), "{engine}: theirs serves");
        let before = rows(&world).await;
        let story = Story { world, rachel, before };
        for _ in 0..2 {
            let made = story.plan(Direction::Adopt).await;
            assert_eq!((made.plan.adoptions, made.plan.removals), (1, 0), "{engine}");
            assert_eq!(story.apply(&made.plan).await.unwrap().adopted, 1, "{engine}");
            assert_eq!(story.plan(Direction::Adopt).await.plan.adoptions, 0, "{engine}");
            story.assert_settled(0).await;
            let back = story.plan(Direction::GiveBack).await;
            assert_eq!((back.plan.adoptions, back.left), (1, 0), "{engine}");
            assert_eq!(story.apply(&back.plan).await.unwrap().given_back, 1, "{engine}");
            story.assert_settled(0).await;
            assert_eq!(rows(&story.world).await, story.before, "{engine}");
        }
        assert_eq!(story.go(Direction::Adopt).await.adopted, 1, "{engine}");
        story.end_rachels_link().await;
        assert_eq!(story.world.cycle().await.removed, 1, "{engine}");
        assert_eq!(story.access(RACHEL, &nell).await, 0, "{engine}");
        let back = story.plan(Direction::GiveBack).await;
        assert_eq!((back.plan.adoptions, back.left), (0, 1), "{engine}");
    }
}

/// Somebody takes our mark off a row in Moodle: it is nobody's then, ours is written beside it, and it is counted.
#[tokio::test]
async fn a_row_whose_mark_was_taken_off_is_put_back_and_the_other_one_counted_as_foreign() {
    for engine in ENGINES {
        let story = story(engine).await;
        let world = &story.world;
        story.go(Direction::Adopt).await;
        let foreign = world.run(Mode::Full).await.unwrap().foreign;
        let item = world.our_rows().await[0].3;
        world.meddle(&format!("UPDATE mdl_role_assignments SET component = 'local_other' WHERE itemid = {item}")).await;
        let full = world.run(Mode::Full).await.unwrap();
        assert_eq!((full.added, full.put_back, full.removed), (1, 1, 0), "{engine}: {full:?}");
        assert_eq!(full.foreign, foreign + 1, "{engine}: {full:?}");
        assert_eq!(full.classes.get(&Class::Missing), Some(&1), "{engine}: {full:?}");
        let back = story.plan(Direction::GiveBack).await;
        assert_eq!((back.plan.adoptions, back.left), (1, 1), "{engine}: what is not ours is not given back");
    }
}

/// A process may die between the notes and Moodle, or between Moodle and the notes; this one stands for the first, `kill.rs`
/// for every point.
#[tokio::test]
async fn a_note_of_a_row_that_was_never_adopted_harms_nobody() {
    let story = story(Engine::Sqlite).await;
    let world = &story.world;
    let plan = story.plan(Direction::Adopt).await.plan;
    let planned = story.planned(&plan).await;
    let noted: Vec<_> = planned
        .iter()
        .filter(|row| row.write == Write::Adopt)
        .map(|row| kinlink_domain::adoption::Adopted {
            id: row.id.unwrap(),
            user: row.user,
            context: row.context.unwrap(),
            role: row.role.unwrap(),
            item: row.item,
        })
        .collect();
    let app = &world.test.app;
    kinlink_store::adoptions::note(&mut app.store.acquire().await.unwrap(), plan.id, &noted, app.now()).await.unwrap();
    let back = story.plan(Direction::GiveBack).await;
    assert_eq!((back.plan.adoptions, back.left), (0, 2));
    assert_eq!(story.apply(&plan).await.unwrap().adopted, 2);
    assert_eq!(story.go(Direction::GiveBack).await.given_back, 2);
}
