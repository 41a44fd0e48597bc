//! A Kinlink with the synthetic school on one engine, and the acts that tests repeat: ask, approve, let Moodle's cron run,
//! run a cycle, look at the role rows.

use jiff::SignedDuration;
use kinlink_db::{Engine, Int};
use kinlink_domain::{ids::MoodleUserId, staff::Actor, submission::RawSubmission};
use kinlink_moodle::{
    Prefix,
    demo::{self, LoginRowView, school, tasks::run_due_in},
    schema,
};
use kinlink_service::{
    ServiceError,
    approve::{Approval, Checks, approve},
    cycle::{self, Mode, Ran, Report},
};
use kinlink_store::{accounts, requests::Request};
use kinlink_testapp::{TestApp, administrator, family};
use kinlink_testkit::fresh;

pub const ENGINES: [Engine; 3] = [Engine::Sqlite, Engine::MySql, Engine::Postgres];

/// A Kinlink beside a school.
pub struct World {
    pub test: TestApp,
}

/// Store and Moodle on one engine, the demonstration school in Moodle.
pub async fn world(engine: Engine) -> World {
    let moodle = fresh(engine).await;
    let prefix = Prefix::default();
    schema::create(&moodle.db, &prefix).await.unwrap();
    demo::fill(&moodle.db, &prefix).await.unwrap();
    World { test: kinlink_testapp::with(fresh(engine).await, moodle).await }
}

/// A role row: (user, pupil or context, component, item).
pub type RoleRow = (i64, i64, String, i64);

/// A pupil of the school by name.
pub fn pupil_named(given: &str, family: &str) -> school::Pupil {
    school::pupils()
        .into_iter()
        .find(|pupil| pupil.given == given && pupil.family == family)
        .unwrap_or_else(|| panic!("the school has {given} {family}"))
}

impl World {
    /// Submits and approves with every check made; each child by exact match.
    pub async fn approved(&self, raw: &RawSubmission) -> Request {
        let request = self.test.submit(raw).await;
        self.approve(&request, &Approval::default()).await.unwrap()
    }

    /// Approves with every check made.
    pub async fn approve(&self, request: &Request, approval: &Approval) -> Result<Request, ServiceError> {
        let approval = Approval { checks: Checks::ALL, ..approval.clone() };
        approve(&self.test.app, &administrator(), request.id, None, &approval).await
    }

    /// Runs one cycle over the jobs that are due.
    pub async fn cycle(&self) -> Report {
        self.run(Mode::Jobs).await.unwrap()
    }

    /// Runs one cycle.
    pub async fn run(&self, mode: Mode) -> Result<Report, ServiceError> {
        match cycle::run(&self.test.app, &Actor::system(), mode, None, &|_| {}).await? {
            Ran::Done(report) => Ok(*report),
            Ran::Busy => panic!("another cycle is running"),
        }
    }

    /// Lets Moodle's stand-in do what is due, and time pass so that waiting jobs are due again.
    pub async fn moodle_cron(&self) {
        let rows = accounts::all_login_rows(&mut self.test.app.store.acquire().await.unwrap()).await.unwrap();
        let views: Vec<LoginRowView<'_>> = rows
            .iter()
            .map(|row| LoginRowView {
                username: &row.username,
                firstname: &row.firstname,
                lastname: &row.lastname,
                email: &row.email,
                description: &row.description,
                lang: &row.lang,
            })
            .collect();
        let prefix = self.test.app.moodle.prefix();
        // A day later, so that every task is due again.
        self.test.clock.advance(SignedDuration::from_hours(25));
        run_due_in(&self.test.moodle.db, prefix, &views, self.test.clock.now().as_second()).await.unwrap();
    }

    /// The role rows with our component, as (user, pupil, component, item), sorted.
    pub async fn our_rows(&self) -> Vec<RoleRow> {
        self.rows("= 'local_kinlink'").await
    }

    /// Every role row that is not ours, with its id.
    pub async fn foreign_rows(&self) -> Vec<(i64, i64, i64, i64, String, i64, i64)> {
        let sql = "SELECT id, roleid, contextid, userid, component, itemid, timemodified FROM mdl_role_assignments \
                   WHERE component <> 'local_kinlink' ORDER BY id";
        self.test.moodle.db.fetch_all(sql, []).await.unwrap()
    }

    async fn rows(&self, component: &str) -> Vec<RoleRow> {
        let sql = format!(
            "SELECT ra.userid, CASE WHEN c.contextlevel = 30 THEN c.instanceid ELSE -c.id END, ra.component, ra.itemid FROM \
             mdl_role_assignments ra JOIN mdl_context c ON c.id = ra.contextid WHERE ra.component {component} \
             ORDER BY ra.userid, 2, ra.itemid"
        );
        self.test.moodle.db.fetch_all(&sql, []).await.unwrap()
    }

    /// The Moodle account with this user name.
    pub async fn account(&self, username: &str) -> Option<MoodleUserId> {
        let sql = "SELECT id FROM mdl_user WHERE username = ? AND deleted = 0";
        let row: Option<(i64,)> = self.test.moodle.db.fetch_optional(sql, [username.into()]).await.unwrap();
        row.map(|(id,)| MoodleUserId(id))
    }

    /// A number from Moodle's database.
    pub async fn number(&self, sql: &str) -> i64 {
        let row: Option<(Int,)> = self.test.moodle.db.fetch_optional(sql, []).await.unwrap();
        row.unwrap().0.0
    }

    /// Changes something in Moodle's database, as an administrator or another program would.
    pub async fn meddle(&self, sql: &str) {
        self.test.moodle.db.execute(sql, []).await.unwrap();
    }

    /// A request as it stands.
    pub async fn request(&self, request: &Request) -> Request {
        self.test.request(request.reference.as_str()).await
    }
}

/// A person who is not the administrator of the other acts.
pub fn another_person() -> Actor {
    Actor { name: "cli:another".to_owned(), ..administrator() }
}

/// Thirty parents with one pupil each, provisioned.
pub async fn thirty(world: &World) -> Vec<Request> {
    let mut requests = Vec::new();
    for (i, pupil) in school::pupils().iter().filter(|pupil| is_unique(pupil)).take(30).enumerate() {
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
fn is_unique(pupil: &school::Pupil) -> bool {
    let fold = kinlink_domain::fold::fold;
    let same = school::pupils()
        .iter()
        .filter(|other| {
            fold(other.given) == fold(pupil.given)
                && fold(other.family) == fold(pupil.family)
                && other.tutor_group == pupil.tutor_group
        })
        .count();
    same == 1 && pupil.attendance == school::Attendance::Current
}
