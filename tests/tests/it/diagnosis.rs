//! `doctor` and `explain` against real faults: each is injected into a database, named, and mended again.

use std::time::Duration;

use jiff::SignedDuration;
use kinlink_db::{Db, Engine, Options, Session as _};
use kinlink_domain::{
    Timestamp,
    explain::{Standing, Step},
    hold::HoldReason,
    ids::{AdultId, MoodleUserId},
    staff::{Actor, StaffRole},
};
use kinlink_moodle::{Moodle, Prefix, tasks};
use kinlink_service::{
    App,
    app::Store,
    doctor::{self, Diagnosis, Level},
    explain::{Who, explain, find_adult},
    holds::{self, NewHold},
    settings,
};
use kinlink_testapp::{administrator, family};
use kinlink_testkit::fresh;

use crate::world::{World, pupil_named, world};

const SERVERS: [Engine; 2] = [Engine::MySql, Engine::Postgres];

/// What a Moodle at work has and the demonstration lacks: a cron that ran just now. The clocks of both agree then.
pub(crate) async fn heal(world: &World) {
    let mut moodle = world.test.moodle.db.acquire().await.unwrap();
    let now = tasks::clock(&mut moodle).await.unwrap();
    let ran = "UPDATE mdl_task_scheduled SET lastruntime = ?";
    moodle.execute(ran, [(now - 30).into()]).await.unwrap();
    world.test.clock.set(Timestamp::from_second(now).unwrap());
    drop(moodle);
    world.cycle().await;
}

async fn examine(app: &App) -> Diagnosis {
    doctor::examine(app, &administrator()).await.unwrap()
}

/// Everything that is not as it should be, as (check, level); each with something to do about it.
fn faults(diagnosis: &Diagnosis) -> Vec<(&'static str, Level)> {
    let bad = || diagnosis.findings.iter().filter(|finding| finding.level != Level::Good);
    for finding in bad() {
        assert!(!finding.remedy.is_empty() && !finding.seen.is_empty(), "{finding:?}");
    }
    bad().map(|finding| (finding.check, finding.level)).collect()
}

#[tokio::test]
async fn doctor_names_each_fault_of_moodle_and_no_other() {
    for engine in SERVERS {
        let world = world(engine).await;
        heal(&world).await;
        let whole = examine(&world.test.app).await;
        assert_eq!(faults(&whole), [], "{engine}: {whole:#?}");
        assert_eq!(whole.worst(), Level::Good);

        let sync = "classname = '\\auth_db\\task\\sync_users'";
        let passwords = "classname = '\\core\\task\\send_new_user_passwords_task'";
        let escaped = |text: &str| if engine == Engine::MySql { text.replace('\\', "\\\\") } else { text.to_owned() };
        let (sync, passwords) = (escaped(sync), escaped(passwords));
        let task = |set: &str, which: &str| format!("UPDATE mdl_task_scheduled SET {set} WHERE {which}");
        let capability = |permission: i64| {
            format!(
                "UPDATE mdl_role_capabilities SET permission = {permission} WHERE capability = 'moodle/user:viewdetails'"
            )
        };
        let auth_db = |name: &str, value: &str| {
            format!("UPDATE mdl_config_plugins SET value = '{value}' WHERE plugin = 'auth_db' AND name = '{name}'")
        };
        let setting = |name: &str, wrong: &str, right: &str, level: Level| {
            (auth_db(name, wrong), auth_db(name, right), "moodle.auth_db_settings", level)
        };
        let mut table = vec![
            (
                "UPDATE mdl_role SET shortname = 'guardian' WHERE shortname = 'parent'".to_owned(),
                "UPDATE mdl_role SET shortname = 'parent' WHERE shortname = 'guardian'".to_owned(),
                "moodle.role",
                Level::Error,
            ),
            (
                "UPDATE mdl_role_context_levels SET contextlevel = 31 WHERE contextlevel = 30".to_owned(),
                "UPDATE mdl_role_context_levels SET contextlevel = 30 WHERE contextlevel = 31".to_owned(),
                "moodle.role",
                Level::Error,
            ),
            (capability(-1000), capability(1), "moodle.role_capability", Level::Warning),
            (capability(0), capability(1), "moodle.role_capability", Level::Warning),
            (task("disabled = 1", &sync), task("disabled = 0", &sync), "moodle.sync_task", Level::Error),
            (task("faildelay = 120", &sync), task("faildelay = 0", &sync), "moodle.sync_task", Level::Error),
            (task("classname = 'gone'", &sync), task(&sync, "classname = 'gone'"), "moodle.sync_task", Level::Error),
            (
                task("disabled = 1", &passwords),
                task("disabled = 0", &passwords),
                "moodle.password_task",
                Level::Warning,
            ),
            (
                task("faildelay = 60", &passwords),
                task("faildelay = 0", &passwords),
                "moodle.password_task",
                Level::Warning,
            ),
            (
                "UPDATE mdl_task_scheduled SET lastruntime = lastruntime - 7200".to_owned(),
                "UPDATE mdl_task_scheduled SET lastruntime = lastruntime + 7200".to_owned(),
                "moodle.cron",
                Level::Error,
            ),
            (
                "UPDATE mdl_task_scheduled SET lastruntime = -lastruntime".to_owned(),
                "UPDATE mdl_task_scheduled SET lastruntime = -lastruntime".to_owned(),
                "moodle.cron",
                Level::Error,
            ),
            (
                "UPDATE mdl_config SET value = 'email' WHERE name = 'auth'".to_owned(),
                "UPDATE mdl_config SET value = 'email,db' WHERE name = 'auth'".to_owned(),
                "moodle.auth_db_enabled",
                Level::Error,
            ),
            setting("table", "", "login_rows", Level::Error),
            setting("table", "auth", "login_rows", Level::Warning),
            setting("fielduser", "email", "username", Level::Warning),
            setting("passtype", "plaintext", "internal", Level::Warning),
            setting("removeuser", "0", "1", Level::Warning),
            setting("removeuser", "2", "1", Level::Error),
            setting("field_map_firstname", "", "firstname", Level::Warning),
            setting("field_map_lastname", "firstname", "lastname", Level::Warning),
            setting("field_map_email", "", "email", Level::Warning),
        ];
        // The table that is empty when Moodle is pointed at it.
        table.push((
            "UPDATE mdl_user SET auth = 'db' WHERE id IN (5, 6)".to_owned(),
            "UPDATE mdl_user SET auth = 'manual' WHERE id IN (5, 6)".to_owned(),
            "moodle.accounts",
            Level::Error,
        ));
        for (inject, mend, check, level) in table {
            world.meddle(&inject).await;
            let found = examine(&world.test.app).await;
            assert_eq!(faults(&found), [(check, level)], "{engine}: {inject}: {found:#?}");
            assert_eq!(found.worst(), level);
            world.meddle(&mend).await;
            assert_eq!(faults(&examine(&world.test.app).await), [], "{engine}: mended by {mend}");
        }
        // A table or a right that lacks is named; what builds on it is not looked at.
        world.meddle("ALTER TABLE mdl_cohort RENAME TO mdl_away").await;
        let found = examine(&world.test.app).await;
        assert_eq!(faults(&found), [("moodle.schema", Level::Error)], "{engine}");
        assert!(found.find("moodle.schema").unwrap().seen.contains("mdl_cohort"), "{engine}: {found:#?}");
        world.meddle("ALTER TABLE mdl_away RENAME TO mdl_cohort").await;
    }
}

#[tokio::test]
async fn doctor_names_each_fault_of_our_own() {
    for engine in SERVERS {
        let world = world(engine).await;
        let app = &world.test.app;
        let (store, actor) = (&world.test.store.db, administrator());
        // No cycle ran yet.
        assert!(faults(&examine(app).await).contains(&("work.heartbeat", Level::Warning)), "{engine}");
        heal(&world).await;
        assert_eq!(faults(&examine(app).await), [], "{engine}");

        let pupil = pupil_named("Emil", "Larsen");
        for (name, wrong, right, check, level) in [
            // A pupil's context: everybody would see this one child.
            ("static_contexts", pupil.context_id().unwrap().to_string(), "", "moodle.static_contexts", Level::Warning),
            ("pupil_filter", "department=nowhere".to_owned(), "idnumber=*", "moodle.pupils", Level::Error),
            ("link_role", "nobody".to_owned(), "parent", "moodle.role", Level::Error),
        ] {
            settings::set(app, &actor, name, &wrong).await.unwrap();
            let found = examine(app).await;
            assert_eq!(faults(&found), [(check, level)], "{engine}: {name}: {found:#?}");
            settings::set(app, &actor, name, right).await.unwrap();
        }
        let job = "INSERT INTO jobs (id, adult_id, state, priority, attempts, available_at, created_at) VALUES ('x', 'x', 'dead', 1, 10, 1, 1)";
        let letter = "INSERT INTO queue_messages (id, body, receives, visible_at, created_at, dead_at) VALUES ('x', '{}', 5, 1, 1, 2)";
        let setting =
            "INSERT INTO settings (name, value, changed_at, changed_by) VALUES ('max_attempts', 'many', 1, 'x')";
        for (inject, mend, check, level) in [
            (job, "DELETE FROM jobs WHERE id = 'x'", "work.jobs", Level::Warning),
            (letter, "DELETE FROM queue_messages", "queue", Level::Warning),
            (setting, "DELETE FROM settings WHERE name = 'max_attempts'", "store.settings", Level::Error),
        ] {
            store.execute(inject, []).await.unwrap();
            let found = examine(app).await;
            assert_eq!(faults(&found), [(check, level)], "{engine}: {inject}: {found:#?}");
            store.execute(mend, []).await.unwrap();
        }
        // The heart stopped beating; and our clock is not the database's.
        world.test.clock.advance(SignedDuration::from_hours(2));
        let expected = [("work.heartbeat", Level::Warning), ("moodle.clock", Level::Warning)];
        assert_eq!(faults(&examine(app).await), expected, "{engine}");
        world.test.clock.advance(SignedDuration::from_hours(-2));

        // Some login rows are there, but not those of accounts that live.
        world.approved(&family(("Rachel", "Turner", "rachel.turner@example.org"), &[("Emil", "Larsen", "7KL")])).await;
        world.meddle("UPDATE mdl_user SET auth = 'db' WHERE id IN (5, 6)").await;
        assert_eq!(faults(&examine(app).await), [("moodle.accounts", Level::Warning)], "{engine}");
        world.meddle("UPDATE mdl_user SET auth = 'manual' WHERE id IN (5, 6)").await;
        assert_eq!(faults(&examine(app).await), [], "{engine}");
    }
}

/// Connections that fail: each is a finding, and what can still be looked at is looked at.
#[tokio::test]
async fn doctor_names_what_cannot_be_reached() {
    for engine in SERVERS {
        let world = world(engine).await;
        heal(&world).await;
        let at = |url: &str| {
            let options = Options { acquire_timeout: Duration::from_millis(1500), ..Options::default() };
            Db::connect_lazy(url, options).unwrap()
        };
        let (moodle_url, store_url) = (&world.test.moodle.url, &world.test.store.url);
        let (account, place) = moodle_url.rsplit_once('@').unwrap();
        let wrong_password = format!("{account}wrong@{place}");
        let nobody_there = format!("{account}@127.0.0.1:1/{}", world.test.moodle.name);
        let wrong_name = moodle_url.replace(&world.test.moodle.name, "no_such_database");
        for url in [&wrong_password, &nobody_there, &wrong_name] {
            let moodle = Moodle::new(at(url), Prefix::default());
            let found = examine(&App { moodle, ..world.test.app.clone() }).await;
            assert_eq!(faults(&found), [("moodle.connection", Level::Error)], "{engine}: {found:#?}");
            let seen = &found.find("moodle.connection").unwrap().seen;
            assert!(!seen.contains(account), "{engine}: no password in {seen}");
            assert_eq!(found.find("store.schema").unwrap().level, Level::Good, "{engine}");
        }
        let moodle = Moodle::new(world.test.moodle.db.clone(), Prefix::parse("zzz_").unwrap());
        let found = examine(&App { moodle, ..world.test.app.clone() }).await;
        assert_eq!(faults(&found), [("moodle.schema", Level::Error)], "{engine}: the wrong prefix");
        assert!(found.find("moodle.schema").unwrap().seen.contains("zzz_user"), "{engine}: {found:#?}");

        let empty = fresh(engine).await;
        let unmigrated = App { store: Store::new(empty.db.clone()), ..world.test.app.clone() };
        let found = faults(&examine(&unmigrated).await);
        assert!(found.contains(&("store.schema", Level::Error)), "{engine}: {found:?}");
        let (account, place) = store_url.rsplit_once('@').unwrap();
        let found = faults(
            &examine(&App { store: Store::new(at(&format!("{account}wrong@{place}"))), ..world.test.app.clone() })
                .await,
        );
        assert!(found.contains(&("store.connection", Level::Error)), "{engine}: {found:?}");
        empty.drop_database().await;
    }
}

struct Family {
    world: World,
    adult: AdultId,
    pupil: MoodleUserId,
}

impl Family {
    /// A family that sees its child: the whole chain holds.
    async fn linked(engine: Engine) -> Self {
        let world = world(engine).await;
        world.approved(&family(("Rachel", "Turner", "rachel.turner@example.org"), &[("Emil", "Larsen", "7KL")])).await;
        world.cycle().await;
        world.moodle_cron().await;
        assert_eq!(world.cycle().await.added, 1, "{engine}");
        heal(&world).await;
        let pupil = MoodleUserId(pupil_named("Emil", "Larsen").user_id);
        let found = find_adult(&world.test.app, &administrator(), "rachel.turner@example.org").await.unwrap();
        let Who::Adult(adult) = found else { panic!("{found:?}") };
        Self { world, adult, pupil }
    }

    /// The first broken step, if any; a broken one comes with something to do.
    async fn broken(&self, pupil: MoodleUserId) -> Option<Step> {
        let found = explain(&self.world.test.app, &administrator(), self.adult, pupil).await.unwrap().explanation;
        assert_eq!(found.steps.len(), Step::ALL.len());
        assert!(!found.remedy.is_empty());
        if found.broken.is_none() {
            let unknown = found.steps.iter().any(|finding| finding.standing == Standing::Unknown);
            assert!(!unknown, "a whole chain has no gaps: {found:#?}");
        }
        found.broken
    }

    async fn store(&self, sql: &str) {
        self.world.test.store.db.execute(sql, []).await.unwrap();
    }

    /// A hold on the pair.
    async fn names_a_hold(&self, pupil: MoodleUserId, engine: Engine) {
        let hold = NewHold {
            adult: Some(self.adult),
            email: None,
            pupil: Some(pupil),
            reason: HoldReason::CourtOrder,
            reference: "C-17/2026".into(),
            from: None,
            until: None,
        };
        let placed = holds::place(&self.world.test.app, &administrator(), &hold).await.unwrap();
        assert_eq!(self.broken(pupil).await, Some(Step::Hold), "{engine}");
        let approver = Actor { name: "cli:approver".into(), role: Some(StaffRole::Approver) };
        let found = explain(&self.world.test.app, &approver, self.adult, pupil).await.unwrap().explanation;
        assert_eq!((found.broken, found.remedy), (Some(Step::Hold), "Refer to safeguarding."), "{engine}");
        let told = serde_json::to_string(&found).unwrap();
        assert!(!told.contains(&placed.id.to_string()) && !told.contains("court"), "{engine}: {told}");
        self.store("DELETE FROM holds").await;
        assert_eq!(self.broken(pupil).await, None, "{engine}: nothing holds any more");
    }

    /// A session that began before the row was written, and whose flag somebody removed.
    async fn names_an_untold_session(&self, pupil: MoodleUserId, account: MoodleUserId, engine: Engine) {
        let session = format!(
            "INSERT INTO mdl_sessions (state, sid, userid, timecreated, timemodified) SELECT 0, 'stale', {account}, \
             MAX(timemodified) - 60, MAX(timemodified) FROM mdl_role_assignments WHERE component = 'local_kinlink'"
        );
        self.world.meddle(&session).await;
        assert_eq!(self.broken(pupil).await, None, "{engine}: the flag tells the session");
        self.world.meddle("DELETE FROM mdl_cache_flags").await;
        assert_eq!(self.broken(pupil).await, Some(Step::Session), "{engine}");
    }

    /// A request that nobody has decided on, for a pupil whom nobody asked for before.
    async fn names_a_further_request(&self, other: MoodleUserId, engine: Engine) {
        assert_eq!(self.broken(other).await, Some(Step::Request), "{engine}");
        let sophie = pupil_named("Sophie", "Larsen");
        let further = [(sophie.given, sophie.family, sophie.tutor_group.as_str())];
        self.world.test.submit(&family(("Rachel", "Turner", "rachel.turner@example.org"), &further)).await;
        assert_eq!(self.broken(other).await, Some(Step::Decision), "{engine}");
    }
}

#[tokio::test]
async fn explain_names_the_first_broken_step() {
    for engine in SERVERS {
        let family = Family::linked(engine).await;
        let (world, pupil) = (&family.world, family.pupil);
        assert_eq!(family.broken(pupil).await, None, "{engine}: the whole chain");
        let account = world.account("rachel.turner@example.org").await.unwrap();
        let mut seen = vec![Step::Request];
        let other = MoodleUserId(pupil_named("Sophie", "Larsen").user_id);
        assert_eq!(family.broken(other).await, Some(Step::Request), "{engine}");

        // In the store.
        for (inject, mend, step) in [
            (
                vec!["UPDATE requests SET status = 'unconfirmed'"],
                vec!["UPDATE requests SET status = 'provisioned'"],
                Step::EmailProven,
            ),
            (
                vec!["UPDATE claims SET state = 'denied'", "UPDATE links SET active = 0"],
                vec!["UPDATE claims SET state = 'approved'", "UPDATE links SET active = 1"],
                Step::Decision,
            ),
            (vec!["UPDATE links SET active = 0"], vec!["UPDATE links SET active = 1"], Step::Link),
            (
                vec!["UPDATE login_rows SET request_id = adult_id, adult_id = 'somebody'"],
                vec!["UPDATE login_rows SET adult_id = request_id"],
                Step::LoginRow,
            ),
        ] {
            for sql in inject {
                family.store(sql).await;
            }
            assert_eq!(family.broken(pupil).await, Some(step), "{engine}");
            seen.push(step);
            for sql in mend {
                family.store(sql).await;
            }
            assert_eq!(family.broken(pupil).await, None, "{engine}: {step} mended");
        }

        family.names_a_hold(pupil, engine).await;
        seen.push(Step::Hold);

        // In Moodle.
        let user = |set: &str| format!("UPDATE mdl_user SET {set} WHERE id = {account}");
        let child = |set: &str| format!("UPDATE mdl_user SET {set} WHERE id = {pupil}");
        let own = |set: &str| {
            format!("UPDATE mdl_context SET {set} WHERE id = {}", pupil_named("Emil", "Larsen").context_id().unwrap())
        };
        let row = |from: &str, to: &str| {
            format!("UPDATE mdl_role_assignments SET component = '{to}' WHERE component = '{from}'")
        };
        let level = |from: i64, to: i64| {
            format!("UPDATE mdl_role_context_levels SET contextlevel = {to} WHERE contextlevel = {from}")
        };
        let role = |from: &str, to: &str| format!("UPDATE mdl_role SET shortname = '{to}' WHERE shortname = '{from}'");
        let capability = |permission: i64| {
            format!(
                "UPDATE mdl_role_capabilities SET permission = {permission} WHERE capability = 'moodle/user:viewdetails'"
            )
        };
        let cron = |by: &str| format!("UPDATE mdl_task_scheduled SET lastruntime = lastruntime {by}");
        for (inject, mend, step) in [
            (user("username = 'moved'"), user("username = 'rachel.turner@example.org'"), Step::Account),
            (user("auth = 'manual'"), user("auth = 'db'"), Step::AccountAuth),
            (user("deleted = 1"), user("deleted = 0"), Step::AccountDeleted),
            (user("suspended = 1"), user("suspended = 0"), Step::AccountSuspended),
            (user("confirmed = 0"), user("confirmed = 1"), Step::AccountConfirmed),
            // C-2: the account is no local one any more.
            (user("mnethostid = 0"), user("mnethostid = 1"), Step::AccountHost),
            (role("parent", "guardian"), role("guardian", "parent"), Step::Role),
            (level(30, 31), level(31, 30), Step::RoleAssignable),
            (capability(-1), capability(1), Step::RoleCapability),
            (child("deleted = 1"), child("deleted = 0"), Step::Pupil),
            (own("path = NULL, depth = 0"), own("path = '/1/2', depth = 2"), Step::Context),
            (own("instanceid = 999999"), own(&format!("instanceid = {pupil}")), Step::Context),
            (row("local_kinlink", "away"), row("away", "local_kinlink"), Step::RoleRow),
            (cron("- 7200"), cron("+ 7200"), Step::Cron),
            (
                "UPDATE mdl_task_scheduled SET lastruntime = -lastruntime".into(),
                "UPDATE mdl_task_scheduled SET lastruntime = -lastruntime".into(),
                Step::Cron,
            ),
        ] {
            world.meddle(&inject).await;
            assert_eq!(family.broken(pupil).await, Some(step), "{engine}: {inject}");
            seen.push(step);
            world.meddle(&mend).await;
            assert_eq!(family.broken(pupil).await, None, "{engine}: mended by {mend}");
        }

        // A pupil no more: who is linked keeps the row, but a row that is gone does not come back.
        world.meddle(&child("idnumber = ''")).await;
        assert_eq!(family.broken(pupil).await, None, "{engine}: a leaver keeps the link");
        world.meddle(&row("local_kinlink", "away")).await;
        assert_eq!(family.broken(pupil).await, Some(Step::PupilFilter), "{engine}");
        seen.push(Step::PupilFilter);
        world.meddle(&row("away", "local_kinlink")).await;
        world.meddle(&child("idnumber = 'A1'")).await;

        family.names_an_untold_session(pupil, account, engine).await;
        seen.push(Step::Session);

        family.names_a_further_request(other, engine).await;
        let missing: Vec<&Step> = Step::ALL.iter().filter(|step| !seen.contains(step)).collect();
        assert!(missing.is_empty(), "{engine}: no fault for {missing:?}");
    }
}

/// Before anybody is accepted the chain breaks at what is still to be done, not at "send the form".
#[tokio::test]
async fn explain_names_the_step_that_an_undecided_request_waits_at() {
    for engine in SERVERS {
        let world = world(engine).await;
        let child = pupil_named("Theo", "Marlow");
        let pupil = MoodleUserId(child.user_id);
        let app = &world.test.app;
        let broken = async |pupil| {
            let who = find_adult(app, &administrator(), "pat@example.org").await.unwrap();
            assert!(matches!(who, Who::Asker(_)), "{engine}: {who:?}");
            explain(app, &administrator(), who, pupil).await.unwrap().explanation.broken
        };
        assert!(find_adult(app, &administrator(), "pat@example.org").await.is_err(), "{engine}: nobody asked");
        let raw = family(("Pat", "Marlow", "pat@example.org"), &[(child.given, child.family, &child.tutor_group)]);
        let request = world.test.submit(&raw).await;
        assert_eq!(broken(pupil).await, Some(Step::Decision), "{engine}");
        let sql = "UPDATE requests SET status = 'unconfirmed' WHERE id = ?";
        world.test.store.db.execute(sql, [request.id.to_string().into()]).await.unwrap();
        assert_eq!(broken(pupil).await, Some(Step::EmailProven), "{engine}");
        let other = MoodleUserId(pupil_named("Zoë", "Clark").user_id);
        assert_eq!(broken(other).await, Some(Step::Request), "{engine}: nobody asked for this pupil");
    }
}
