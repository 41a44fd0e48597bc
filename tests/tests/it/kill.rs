//! The process dies between any two writes: whatever it left behind, the next run makes of it what an undisturbed run
//! makes. And two processes that start together do the work once.
//!
//! A victim (`src/bin/cycle-victim.rs`) is told to end itself at its first crash point, its second, and so on, each time
//! on the same databases, until it lives to the end.

use std::{
    collections::BTreeMap,
    process::{Child, Command, Stdio},
    time::Duration,
};

use kinlink_db::{Db, Engine, Int, Session as _};
use kinlink_domain::{Timestamp, adoption::Direction, ids::PlanId, request::Action, submission::RawSubmission};
use kinlink_moodle::demo::school::{self, Attendance, ContextState, Pupil};
use kinlink_service::{
    adoption,
    cycle::{self, Mode},
    decide::{self, Reason},
    settings,
};
use kinlink_store::requests;
use kinlink_testapp::{administrator, family};
use kinlink_tests::crowd::Crowd;

use crate::world::{ENGINES, World, pupil_named, world};

/// Every table of a database as it was, in tables beside them: putting it back takes milliseconds on every engine.
struct Kept {
    tables: Vec<String>,
}

impl Kept {
    async fn keep(db: &Db) -> Self {
        let list = match db.engine() {
            Engine::Sqlite => {
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND name NOT LIKE '\\_%' ESCAPE '\\'"
            }
            Engine::MySql => {
                "SELECT CAST(table_name AS CHAR) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name NOT LIKE '\\_%'"
            }
            Engine::Postgres => {
                "SELECT CAST(tablename AS TEXT) FROM pg_tables WHERE schemaname = 'public' AND tablename NOT LIKE '\\_%'"
            }
        };
        let tables: Vec<(String,)> = db.fetch_all(list, []).await.unwrap();
        let tables: Vec<String> = tables.into_iter().map(|(name,)| name).collect();
        for table in &tables {
            db.execute(&format!("CREATE TABLE kept_{table} AS SELECT * FROM {table}"), []).await.unwrap();
        }
        Self { tables }
    }

    async fn put_back(&self, db: &Db) {
        let mut tx = db.begin().await.unwrap();
        for table in &self.tables {
            tx.execute(&format!("DELETE FROM {table}"), []).await.unwrap();
            tx.execute(&format!("INSERT INTO {table} SELECT * FROM kept_{table}"), []).await.unwrap();
        }
        tx.commit().await.unwrap();
    }
}

/// How a victim ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// It did its work.
    Done,
    /// Another provisioner was at work.
    Busy,
    /// It refused or failed.
    Failed,
    /// The crash point ended it.
    Killed,
}

/// A Kinlink in the middle of its work, kept as it was.
struct Scene {
    world: World,
    kept_store: Kept,
    kept_moodle: Kept,
    now: Timestamp,
    /// The request that waits for a decision.
    pending: String,
}

/// A pupil of the school with everything in order, by position.
fn pupil(at: usize) -> Pupil {
    let ready = |pupil: &Pupil| pupil.attendance == Attendance::Current && pupil.context == ContextState::Built;
    school::pupils().into_iter().filter(ready).nth(at).unwrap()
}

fn asks(given: &str, pupils: &[Pupil]) -> RawSubmission {
    let children: Vec<_> = pupils.iter().map(|p| (p.given, p.family, p.tutor_group.as_str())).collect();
    let address = format!("{}@example.org", given.to_lowercase());
    let mut raw = family((given, "Killick", &address), &children);
    for (child, pupil) in raw.children.iter_mut().zip(pupils) {
        child.admission_number = Some(pupil.admission_number.clone());
    }
    raw
}

/// One of everything: somebody whose account is there and whose pupils lack a context or its path; somebody denied, with
/// open sessions; somebody with one child withdrawn; one with a further child; one whose account Moodle has not made yet;
/// somebody whose row was deleted in Moodle; a row of ours that nobody knows; a request that waits for a decision.
async fn scene(engine: Engine) -> Scene {
    let world = world(engine).await;
    let app = &world.test.app;
    settings::set(app, &administrator(), "static_contexts", "2").await.unwrap();
    let leaving = world.approved(&asks("Leaving", &[pupil(0), pupil(1)])).await;
    let splitting = world.approved(&asks("Splitting", &[pupil(2), pupil(3)])).await;
    world.approved(&asks("Growing", &[pupil(4)])).await;
    world.approved(&asks("Drifted", &[pupil(5)])).await;
    world.cycle().await;
    world.moodle_cron().await;
    let report = world.cycle().await;
    assert_eq!(report.provisioned, 4, "{engine}: {report:?}");

    let arriving = [pupil_named("Theo", "Marlow"), pupil_named("Nell", "Ashby")];
    world.approved(&asks("Arriving", &arriving)).await;
    world.cycle().await;
    world.moodle_cron().await;

    let account = async |name: &str| world.account(&format!("{name}@example.org")).await.unwrap();
    for (sid, user) in
        [("a", account("leaving").await), ("b", account("leaving").await), ("c", account("splitting").await)]
    {
        world
            .meddle(&format!(
                "INSERT INTO mdl_sessions (state, sid, userid, timecreated, timemodified) VALUES (0, '{sid}', {user}, 1, 1)"
            ))
            .await;
    }
    let reason = Reason::default();
    decide::end(app, &administrator(), leaving.id, None, Action::Deny, &reason).await.unwrap();
    let claims = requests::claims(&mut app.store.acquire().await.unwrap(), splitting.id).await.unwrap();
    decide::withdraw_child(app, &administrator(), splitting.id, None, claims[0].id, &reason).await.unwrap();
    let mut further = asks("Growing", &[pupil(6)]);
    further.kind = Some("child_missing".into());
    world.approved(&further).await;
    world.approved(&asks("Waiting", &[pupil(7)])).await;
    let pending = world.test.submit(&asks("Pending", &[pupil(8), pupil(9)])).await;

    let drifted = account("drifted").await;
    world
        .meddle(&format!("DELETE FROM mdl_role_assignments WHERE component = 'local_kinlink' AND userid = {drifted}"))
        .await;
    world
        .meddle(&format!(
            "INSERT INTO mdl_role_assignments (roleid, contextid, userid, component, itemid, timemodified) VALUES ({}, {}, {drifted}, \
             'local_kinlink', 999, 1)",
            school::PARENT_ROLE,
            pupil(10).context_id().unwrap(),
        ))
        .await;
    let (kept_store, kept_moodle) = (Kept::keep(&world.test.store.db).await, Kept::keep(&world.test.moodle.db).await);
    Scene { now: app.now(), kept_store, kept_moodle, pending: pending.reference.as_str().to_owned(), world }
}

/// What there is to compare, without ids that differ between runs and without instants.
type State = BTreeMap<&'static str, Vec<String>>;

impl Scene {
    async fn put_back(&self) {
        self.kept_store.put_back(&self.world.test.store.db).await;
        self.kept_moodle.put_back(&self.world.test.moodle.db).await;
    }

    /// Starts a victim whose clock is `run` quarters of an hour behind the scene.
    fn start(&self, what: &str, run: i64, crash: Option<u64>) -> Child {
        let quarter = 15 * 60 * 1_000;
        let shift = self.now.as_millisecond() - Timestamp::now().as_millisecond() + (run + 1) * quarter;
        let mut command = Command::new(env!("CARGO_BIN_EXE_cycle-victim"));
        command
            .args([&self.world.test.store.url, &self.world.test.moodle.url, what])
            .env("KINLINK_VICTIM_SHIFT_MS", shift.to_string())
            .env_remove("KINLINK_CRASH_AT")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if let Some(point) = crash {
            command.env("KINLINK_CRASH_AT", point.to_string());
        }
        command.spawn().unwrap()
    }

    /// Runs a victim to its end; gives that and what it said.
    fn victim(&self, what: &str, run: i64, crash: Option<u64>) -> (End, String) {
        ended(self.start(what, run, crash))
    }

    /// Runs a cycle that nothing disturbs. The server may need a moment to see that the dead one's connection, and with
    /// it the lock, is gone.
    fn undisturbed(&self, what: &str, run: i64) {
        for _ in 0..100 {
            match self.victim(what, run, None) {
                (End::Done, _) => return,
                (End::Busy, _) => std::thread::sleep(Duration::from_millis(100)),
                (end, said) => panic!("{what}: {end:?}: {said}"),
            }
        }
        panic!("{what}: busy for ten seconds");
    }

    async fn lines(&self, db: &Db, sql: &str) -> Vec<String> {
        let rows: Vec<(String,)> = db.fetch_all(sql, []).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
        let mut lines: Vec<String> = rows.into_iter().map(|(line,)| line).collect();
        lines.sort();
        lines
    }

    async fn state(&self) -> State {
        let mut state = State::new();
        let moodle = [
            (
                "role_assignments",
                "SELECT CONCAT(ra.roleid, ' in ', c.contextlevel, '/', c.instanceid, ' user ', ra.userid, ' ', ra.component, ' ', \
                 ra.modifierid, ' ', ra.sortorder, ' item ', ra.itemid) FROM mdl_role_assignments ra JOIN mdl_context c ON c.id = ra.contextid",
            ),
            (
                "contexts",
                "SELECT CONCAT(contextlevel, '/', instanceid, ' depth ', depth, CASE WHEN path = CONCAT('/1/', id) THEN ' path' ELSE '' END) \
                 FROM mdl_context",
            ),
            ("cache_flags", "SELECT CONCAT(flagtype, ' ', name, ' ', value) FROM mdl_cache_flags"),
            ("sessions", "SELECT sid FROM mdl_sessions"),
            ("due tasks", "SELECT classname FROM mdl_task_scheduled WHERE nextruntime = 0 AND classname LIKE '%sync%'"),
        ];
        for (name, sql) in moodle {
            state.insert(name, self.lines(&self.world.test.moodle.db, sql).await);
        }
        let store = [
            ("requests", "SELECT CONCAT(reference, ' ', status, ' ', version) FROM requests"),
            (
                "claims",
                "SELECT CONCAT(r.reference, ' ', c.position, ' ', c.state, ' ', COALESCE(c.outcome, '-'), ' ', COALESCE(c.pupil_id, 0), \
                 CASE WHEN c.link_id IS NULL THEN '' ELSE ' link' END) FROM claims c JOIN requests r ON r.id = c.request_id",
            ),
            ("adults", "SELECT CONCAT(email, ' ', COALESCE(username, '-')) FROM adults"),
            (
                "links",
                "SELECT CONCAT(a.email, ' ', l.pupil_id, ' ', l.active) FROM links l JOIN adults a ON a.id = l.adult_id",
            ),
            (
                "jobs",
                "SELECT CONCAT(a.email, ' ', j.priority, ' ', j.state, ' ', COALESCE(j.outcome, '-')) FROM jobs j JOIN adults a \
                 ON a.id = j.adult_id",
            ),
            ("mails", "SELECT CONCAT(recipient, ' ', letter, ' ', COALESCE(once_key, '-'), ' ', state) FROM mails"),
            ("login rows", "SELECT CONCAT(username, ' ', firstname, ' ', lastname, ' ', email) FROM login_rows"),
            (
                "decisions",
                "SELECT CONCAT(r.reference, ' ', d.action, ' ', COALESCE(d.pupil_id, 0)) FROM decisions d JOIN requests r ON \
                 r.id = d.request_id",
            ),
            ("audit", "SELECT action FROM audit"),
            ("running", "SELECT action FROM cycles WHERE state = 'running'"),
        ];
        for (name, sql) in store {
            state.insert(name, self.lines(&self.world.test.store.db, sql).await);
        }
        let contexts: Vec<(i64, i64, i64)> = self
            .world
            .test
            .moodle
            .db
            .fetch_all("SELECT id, contextlevel, instanceid FROM mdl_context", [])
            .await
            .unwrap();
        let contexts: BTreeMap<i64, String> =
            contexts.into_iter().map(|(id, level, instance)| (id, format!("{level}/{instance}"))).collect();
        let ledger: Vec<(String, i64, String)> = self
            .world
            .test
            .store
            .db
            .fetch_all(
                "SELECT CONCAT(a.email, ' ', g.component, ' item ', g.item_id, ' link ', g.link_id, ' role ', g.role_id, ' user ', \
                 g.user_id), g.context_id, g.state FROM ledger g JOIN adults a ON a.id = g.adult_id",
                [],
            )
            .await
            .unwrap();
        let mut ledger: Vec<String> = ledger
            .into_iter()
            .map(|(row, context, state)| {
                let place = contexts.get(&context).cloned().unwrap_or_else(|| format!("no context {context}"));
                format!("{row} in {place} {state}")
            })
            .collect();
        ledger.sort();
        state.insert("ledger", ledger);
        state
    }

    /// The ledger names a row before Moodle holds it; a row that nobody knows was there before.
    async fn assert_ledger_names_every_row(&self, when: &str) {
        let rows: Vec<(i64, i64, i64, i64)> = self
            .world
            .test
            .moodle
            .db
            .fetch_all(
                "SELECT userid, contextid, roleid, itemid FROM mdl_role_assignments WHERE component = 'local_kinlink' AND itemid <> 999",
                [],
            )
            .await
            .unwrap();
        for (user, context, role, item) in rows {
            let sql = "SELECT COUNT(*) FROM ledger WHERE state <> 'removed' AND user_id = ? AND context_id = ? AND role_id = ? AND item_id = ?";
            let named: Option<(Int,)> = self
                .world
                .test
                .store
                .db
                .fetch_optional(sql, [user.into(), context.into(), role.into(), item.into()])
                .await
                .unwrap();
            assert_eq!(named.unwrap().0.0, 1, "{when}: Moodle holds a row that the ledger does not name");
        }
    }
}

fn ended(child: Child) -> (End, String) {
    let output = child.wait_with_output().unwrap();
    let end = match output.status.code() {
        Some(0) => End::Done,
        Some(3) => End::Busy,
        Some(_) => End::Failed,
        None => End::Killed,
    };
    (end, [output.stderr, output.stdout].map(|said| String::from_utf8_lossy(&said).into_owned()).concat())
}

/// What differs, line by line.
fn differences(wanted: &State, found: &State) -> Vec<String> {
    let mut lines = Vec::new();
    for (name, wanted) in wanted {
        let found = &found[name];
        let count = |list: &[String], line: &String| list.iter().filter(|other| *other == line).count();
        let lacking = wanted.iter().filter(|line| count(found, line) < count(wanted, line));
        let extra = found.iter().filter(|line| count(wanted, line) < count(found, line));
        lines.extend(lacking.map(|line| format!("{name}: lacks {line}")));
        lines.extend(extra.map(|line| format!("{name}: has {line}")));
    }
    lines
}

/// Kills a cycle at every point; gives how many there were.
async fn kill_everywhere(scene: &Scene, what: &str, prepare: &[&str]) -> u64 {
    let engine = scene.world.test.store.engine();
    let again = async || {
        scene.put_back().await;
        for sql in prepare {
            scene.world.test.store.db.execute(sql, []).await.unwrap();
        }
    };
    again().await;
    scene.undisturbed(what, 0);
    let wanted = scene.state().await;
    scene.undisturbed(what, 1);
    assert_eq!(differences(&wanted, &scene.state().await), [""; 0], "{engine} {what}: a second run changes nothing");

    let mut broken = Vec::new();
    for point in 1_u64.. {
        again().await;
        let (end, said) = scene.victim(what, 0, Some(point));
        if end == End::Done {
            assert_eq!(broken, [""; 0], "{engine} {what}");
            return point - 1;
        }
        assert_eq!(end, End::Killed, "{engine} {what}: {said}");
        let when = said.lines().last().unwrap_or_default().to_owned();
        scene.assert_ledger_names_every_row(&format!("{engine} {what}: {when}")).await;
        let mut left = Vec::new();
        for run in 1..=2 {
            scene.undisturbed(what, run);
            left = differences(&wanted, &scene.state().await);
            if left.is_empty() {
                break;
            }
        }
        if !left.is_empty() {
            broken.push(format!("{when}\n    {}\n", left.join("\n    ")));
        }
    }
    unreachable!("the loop ends when a victim lives")
}

async fn dies_anywhere(engine: Engine, what: &str, prepare: &[&str]) {
    let scene = scene(engine).await;
    let points = kill_everywhere(&scene, what, prepare).await;
    println!("{engine} {what}: {points} crash points");
    assert!(points >= 10, "{engine} {what}: {points} crash points only");
}

#[tokio::test]
async fn a_cycle_may_die_anywhere() {
    for engine in ENGINES {
        dies_anywhere(engine, "jobs", &[]).await;
    }
}

/// Nobody has a job any more, so that the full comparison finds everything by itself.
#[tokio::test]
async fn a_full_cycle_may_die_anywhere() {
    for engine in ENGINES {
        dies_anywhere(engine, "full", &["UPDATE jobs SET state = 'done'"]).await;
    }
}

/// Rows of the earlier plugin for three links: one with our row beside it, one whose row of ours is still to be written, one of
/// another adult. Gives the plan that adopts them or, when they are adopted, gives them back.
async fn scene_of_adoption(engine: Engine, direction: Direction) -> (Scene, PlanId) {
    let world = world(engine).await;
    let app = &world.test.app;
    world.approved(&asks("Growing", &[pupil(4)])).await;
    world.approved(&asks("Other", &[pupil(5)])).await;
    world.cycle().await;
    world.moodle_cron().await;
    assert_eq!(world.cycle().await.added, 2, "{engine}");
    let mut further = asks("Growing", &[pupil(6)]);
    further.kind = Some("child_missing".into());
    world.approved(&further).await;
    for (name, pupil) in [("growing", pupil(4)), ("growing", pupil(6)), ("other", pupil(5))] {
        let user = world.account(&format!("{name}@example.org")).await.unwrap();
        world
            .meddle(&format!(
                "INSERT INTO mdl_role_assignments (roleid, contextid, userid, component, itemid, timemodified, modifierid) VALUES ({}, {}, \
                 {user}, '', 0, 7, 5)",
                school::PARENT_ROLE,
                pupil.context_id().unwrap(),
            ))
            .await;
    }
    let mut plan = adoption::make(app, &administrator(), Direction::Adopt).await.unwrap().plan;
    if direction == Direction::GiveBack {
        cycle::run(app, &administrator(), Mode::Apply(plan.digest), None, &|_| {}).await.unwrap();
        world.cycle().await;
        plan = adoption::make(app, &administrator(), direction).await.unwrap().plan;
    }
    assert_eq!(plan.adoptions, 3, "{engine}");
    let (kept_store, kept_moodle) = (Kept::keep(&world.test.store.db).await, Kept::keep(&world.test.moodle.db).await);
    (Scene { now: app.now(), kept_store, kept_moodle, pending: String::new(), world }, plan.id)
}

/// Wherever it dies, ordinary cycles and the same plan make of it what an undisturbed one makes, and nobody takes for drift
/// what the dead one left. Every point on SQLite; each server tries every third, and not the same ones: between the points of one
/// transaction nothing is there to differ.
async fn adoption_dies_anywhere(direction: Direction, engine: Engine) {
    let (scene, plan) = scene_of_adoption(engine, direction).await;
    let what = format!("apply:{plan}");
    // How often a plan was tried stands in the audit.
    let state = async || {
        let mut state = scene.state().await;
        state.remove("audit");
        let counted = "SELECT COUNT(*) FROM put_backs";
        let put_backs: Option<(Int,)> = scene.world.test.store.db.fetch_optional(counted, []).await.unwrap();
        let adopted = "SELECT CONCAT(assignment_id, CASE WHEN given_back_at IS NULL THEN ' ours' ELSE ' given back' END) FROM \
                       adoptions";
        state.insert("adoptions", scene.lines(&scene.world.test.store.db, adopted).await);
        state.insert("put backs", vec![put_backs.unwrap().0.0.to_string()]);
        state
    };
    scene.undisturbed(&what, 0);
    scene.undisturbed("full", 1);
    let wanted = state().await;
    let (first, step) = match engine {
        Engine::Sqlite => (1, 1),
        Engine::MySql => (1, 3),
        Engine::Postgres => (2, 3),
    };
    let mut points = 0;
    for point in (first..).step_by(step) {
        scene.put_back().await;
        let (end, said) = scene.victim(&what, 0, Some(point));
        if end == End::Done {
            break;
        }
        let when = format!("{engine} {direction}: {}", said.lines().last().unwrap_or_default());
        assert_eq!(end, End::Killed, "{when}: {said}");
        points += 1;
        scene.assert_ledger_names_every_row(&when).await;
        // Before the plan began a full cycle may change its base, and then it is refused.
        let begun = format!("SELECT COUNT(*) FROM plans WHERE id = '{plan}' AND begun_at IS NOT NULL");
        let begun: Option<(Int,)> = scene.world.test.store.db.fetch_optional(&begun, []).await.unwrap();
        if begun.unwrap().0.0 == 1 {
            scene.undisturbed("full", 1);
        }
        for (what, run) in [(what.as_str(), 2), ("full", 3)] {
            scene.undisturbed(what, run);
        }
        assert_eq!(differences(&wanted, &state().await), [""; 0], "{when}");
    }
    println!("{engine} {direction}: {points} crash points");
    assert!(points >= 10, "{engine} {direction}: {points} crash points only");
}

#[tokio::test]
async fn adopting_may_die_anywhere() {
    adoption_dies_anywhere(Direction::Adopt, Engine::Sqlite).await;
}

#[tokio::test]
async fn adopting_may_die_anywhere_on_mariadb() {
    adoption_dies_anywhere(Direction::Adopt, Engine::MySql).await;
}

#[tokio::test]
async fn adopting_may_die_anywhere_on_postgres() {
    adoption_dies_anywhere(Direction::Adopt, Engine::Postgres).await;
}

#[tokio::test]
async fn giving_back_may_die_anywhere() {
    adoption_dies_anywhere(Direction::GiveBack, Engine::Sqlite).await;
}

#[tokio::test]
async fn giving_back_may_die_anywhere_on_mariadb() {
    adoption_dies_anywhere(Direction::GiveBack, Engine::MySql).await;
}

#[tokio::test]
async fn giving_back_may_die_anywhere_on_postgres() {
    adoption_dies_anywhere(Direction::GiveBack, Engine::Postgres).await;
}

/// after a death there is either no approval or a whole one, and approving again never makes a second.
#[tokio::test]
async fn approving_may_die_anywhere() {
    for engine in ENGINES {
        let scene = scene(engine).await;
        let what = format!("approve:{}", scene.pending);
        let before = scene.state().await;
        let (end, said) = scene.victim(&what, 0, None);
        assert_eq!(end, End::Done, "{engine}: {said}");
        let wanted = scene.state().await;
        let mut points = 0;
        for point in 1_u64.. {
            scene.put_back().await;
            let (end, said) = scene.victim(&what, 0, Some(point));
            if end == End::Done {
                break;
            }
            assert_eq!(end, End::Killed, "{engine}: {said}");
            points = point;
            let left = scene.state().await;
            let happened = left == wanted;
            assert!(happened || left == before, "{engine}: {said}: {:?}", differences(&wanted, &left));
            let (end, refusal) = scene.victim(&what, 1, None);
            assert_eq!(end, if happened { End::Failed } else { End::Done }, "{engine}: {said}: {refusal}");
            assert_eq!(differences(&wanted, &scene.state().await), [""; 0], "{engine}: {said}");
        }
        println!("{engine} approve: {points} crash points");
        assert!(points >= 10, "{engine}: {points} crash points only");
    }
}

/// of two that start together one works, or both in turn; no row is doubled.
#[tokio::test]
async fn two_cycles_at_once_write_every_row_once() {
    for engine in ENGINES {
        let scene = scene(engine).await;
        let (store, moodle) = (&scene.world.test.store.db, &scene.world.test.moodle.db);
        let people = 400_usize;
        scene.world.meddle("DELETE FROM mdl_role_assignments WHERE component = 'local_kinlink'").await;
        for table in ["requests", "claims", "adults", "login_rows", "links", "jobs", "ledger", "cycle_results"] {
            store.execute(&format!("DELETE FROM {table}"), []).await.unwrap();
        }
        Crowd { people, gaps: true }.settle_in(store, moodle, scene.now).await.unwrap();
        let both = [scene.start("jobs", 0, None), scene.start("jobs", 0, None)].map(ended);
        let ends = both.each_ref().map(|(end, _)| *end);
        assert!(ends.iter().all(|end| matches!(end, End::Done | End::Busy)), "{engine}: {both:?}");
        assert!(ends.contains(&End::Done), "{engine}: {both:?}");
        println!("{engine}: {ends:?}");
        let rows = scene.world.our_rows().await;
        let distinct: std::collections::BTreeSet<_> = rows.iter().collect();
        assert_eq!((rows.len(), distinct.len()), (people * 3, people * 3), "{engine}: {ends:?}");
        assert_eq!(
            scene.world.number("SELECT COUNT(*) - COUNT(DISTINCT name) FROM mdl_cache_flags").await,
            0,
            "{engine}"
        );
    }
}
