//! The whole road under the rights in `infra/grants`: each process connects as the user that these files make for it.
//! What the Moodle user may not do is tested beside the adapter, in `shared/moodle/tests/grants.rs`.

use std::sync::Arc;

use kinlink_admin::{AdminState, SignIn, router};
use kinlink_config::Config;
use kinlink_db::{Db, Engine, Fault, Options};
use kinlink_domain::{
    adoption::Direction,
    request::{Action, Status},
    staff::StaffRole,
};
use kinlink_moodle::Moodle;
use kinlink_queue::{EmbeddedQueue, Queue};
use kinlink_service::{
    App, adoption,
    app::Store,
    approve::{Approval, Checks, approve},
    cycle::Mode,
    decide::{self, Reason},
    doctor, explain, mail, plans,
    sessions::links,
    view::Request,
};
use kinlink_testapp::{Client, administrator, family};
use kinlink_testkit::{TestDb, fresh};

use crate::{
    diagnosis::heal,
    world::{World, pupil_named, world},
};

const PASSWORD: &str = "a-password-of-this-test";

/// Statements of a file of grants: before and after the first migration.
fn parts(file: &str) -> [Vec<String>; 2] {
    let statements = |part: &str| {
        let code: Vec<&str> = part.lines().filter(|line| !line.starts_with("--")).collect();
        let statements = code.join("\n");
        let statements = statements.split(";\n").map(|statement| statement.trim().trim_end_matches(';').to_owned());
        statements.filter(|statement| !statement.is_empty()).collect()
    };
    let (before, after) = file.split_at(file.find("-- ---- Part 2").unwrap_or(file.len()));
    [statements(before), statements(after)]
}

/// Runs statements as the administrator of a test database. Users are the whole server's, so each test has its own.
async fn run(administrator: &Db, test: &TestDb, statements: &[String]) {
    for statement in statements {
        let mut statement = statement
            .replace("{prefix}", "mdl_")
            .replace("{database}", &test.name)
            .replace("{pattern}", &test.name.replace('_', "\\_"));
        for user in ["user", "read_user", "migrate_user", "auth_user"] {
            statement = statement.replace(&format!("{{{user}}}"), &name_of(test, user));
        }
        for password in ["{password}", "{migrate_password}", "{auth_password}"] {
            statement = statement.replace(password, PASSWORD);
        }
        assert!(!statement.contains('{'), "{statement}");
        administrator.execute(&statement, []).await.unwrap_or_else(|error| panic!("{error}: {statement}"));
    }
}

fn name_of(test: &TestDb, user: &str) -> String {
    format!("{}_{user}", test.name.rsplit('_').next().unwrap())
}

/// A file for a user beside `{user}`.
fn as_user(file: &str, user: &str) -> String {
    file.replace("{user}", &format!("{{{user}}}"))
}

/// A pool of one of the users.
fn pool(test: &TestDb, user: &str) -> Db {
    let (scheme, rest) = test.url.split_once("://").unwrap();
    let (_, address) = rest.split_once('@').unwrap();
    let url = format!("{scheme}://{}:{PASSWORD}@{address}", name_of(test, user));
    Db::connect_lazy(&url, Options::default()).unwrap()
}

async fn refused(db: &Db, statements: &[&str]) {
    for statement in statements {
        match db.execute(statement, []).await {
            Ok(_) => panic!("{}: {statement} was not refused", db.engine()),
            Err(error) => assert_eq!(error.fault(), Fault::Denied, "{}: {statement}: {error}", db.engine()),
        }
    }
}

/// The demonstration school, and a store whose owner migrated it; the functions connect as `kinlink` to both.
async fn granted(engine: Engine) -> World {
    let (store_file, moodle_file, read_file) = match engine {
        Engine::MySql => (
            include_str!("../../../infra/grants/store-mariadb.sql"),
            include_str!("../../../infra/grants/moodle-mariadb.sql"),
            include_str!("../../../infra/grants/moodle-read-mariadb.sql"),
        ),
        _ => (
            include_str!("../../../infra/grants/store-postgres.sql"),
            include_str!("../../../infra/grants/moodle-postgres.sql"),
            include_str!("../../../infra/grants/moodle-read-postgres.sql"),
        ),
    };
    // Only for its Moodle: the store comes from the files.
    let moodle = world(engine).await.test.moodle;
    run(&moodle.db, &moodle, &parts(moodle_file)[0]).await;
    run(&moodle.db, &moodle, &parts(&as_user(read_file, "read_user"))[0]).await;

    let [before, after] = parts(store_file);
    let mut store = fresh(engine).await;
    let administrator = store.db.clone();
    run(&administrator, &store, &before).await;
    store.db = pool(&store, "migrate_user");
    let mut test = kinlink_testapp::with(store, moodle).await;
    run(&administrator, &test.store, &after).await;

    let (functions, clock) = (pool(&test.store, "user"), test.clock.clone());
    test.app.moodle = Moodle::new(pool(&test.moodle, "user"), test.app.moodle.prefix().clone());
    test.app.queue = Queue::Embedded(EmbeddedQueue::new(functions.clone(), 5, move || clock.now().as_millisecond()));
    // Only the action migrate is the owner's.
    test.app.store_owner = Some(Db::clone(&test.app.store));
    test.app.store = Store::new(functions);
    World { test }
}

/// Every address that the staff's pages and their API read, but for those that tell how many seconds ago Moodle's cron ran.
fn addresses(request: &Request) -> Vec<String> {
    let (id, adult, api) = (request.id, request.adult.unwrap(), "/api/v1/admin");
    vec![
        "/admin/requests".to_owned(),
        "/admin/requests?view=all&check=ready".to_owned(),
        format!("/admin/requests/{id}"),
        "/admin/users".to_owned(),
        format!("/admin/users/{adult}"),
        "/admin/matching".to_owned(),
        "/admin/cycles".to_owned(),
        "/admin/plans".to_owned(),
        "/admin/reconciliation".to_owned(),
        "/admin/settings".to_owned(),
        "/admin/audit".to_owned(),
        format!("{api}/requests"),
        format!("{api}/requests/counts"),
        format!("{api}/requests/{id}"),
        format!("{api}/login-rows"),
        format!("{api}/pupils?q=mar"),
        format!("{api}/links"),
        format!("{api}/cycles"),
        format!("{api}/health"),
        format!("{api}/settings"),
    ]
}

/// Somebody at the staff's pages of this application, by a session that both may use.
fn browser(world: &World, app: &App, session: &str) -> Client {
    let school = world.test.school.clone();
    let sign_in = Arc::new(SignIn::new(&school.public_url, &Config::default()).unwrap());
    let state = AdminState { app: app.clone(), wake: Arc::new(|| {}), school, demonstration: false, sign_in };
    let client = Client::new(router(state)).bearer(&world.test.admin_token);
    client.with("cookie", format!("__Host-kinlink={session}"))
}

/// A page without the tokens of its forms, which are other ones each time.
fn without_form_tokens(page: &str) -> String {
    let mut parts = page.split("name=\"csrf\" value=\"");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |page, part| page + part.split_once('"').unwrap().1)
}

/// The staff's pages under the user that only reads show all that they show under the one that writes, and find nothing wrong.
async fn staff_only_read(world: &World, staff: &App, request: &Request, pupil: &str) {
    let engine = staff.store.engine();
    let request = world.request(request).await;
    let link = links::mint(staff, &administrator(), StaffRole::Administrator).await.unwrap();
    let session = links::enter(staff, &link.token, None).await.unwrap().secret;
    let (reading, writing) = (browser(world, staff, &session), browser(world, &world.test.app, &session));
    for address in addresses(&request) {
        let (seen, expected) = (reading.get(&address).await, writing.get(&address).await);
        assert_eq!(seen.status.as_u16(), 200, "{engine}: {address}: {}", seen.text);
        assert_eq!(without_form_tokens(&seen.text), without_form_tokens(&expected.text), "{engine}: {address}");
    }
    let explain = format!("/api/v1/admin/explain?adult={}&pupil={pupil}", request.adult.unwrap());
    let explained = reading.get(&explain).await.expect(200).json();
    assert!(explained["broken"].is_null() && explained["steps"].is_array(), "{engine}: {explained:#}");
    assert_eq!(reading.get("/admin/health").await.status.as_u16(), 200, "{engine}");
    let diagnosis = reading.get("/api/v1/admin/doctor").await.expect(200).json();
    let bad: Vec<_> = diagnosis["findings"].as_array().unwrap().iter().filter(|each| each["level"] != "good").collect();
    assert!(bad.is_empty(), "{engine}: {bad:#?}");
    let plan = plans::make(staff, &administrator()).await.unwrap();
    assert_eq!((plan.additions, plan.removals, plan.contexts), (0, 0, 0), "{engine}");
    let page = reading.get(&format!("/admin/plans/{}", plan.id)).await.expect(200);
    assert!(page.text.contains("Nothing would change."), "{engine}: {}", page.text);
    // And no more than that.
    refused(staff.moodle.db(), &["DELETE FROM mdl_role_assignments", "DELETE FROM mdl_sessions"]).await;
}

async fn the_whole_road(engine: Engine) {
    let world = granted(engine).await;
    let app = &world.test.app;
    let child = pupil_named("Theo", "Marlow");
    let raw = family(
        ("Rachel", "Turner", "rachel.turner@example.org"),
        &[(child.given, child.family, &child.tutor_group), ("Nell", "Ashby", "10TH")],
    );
    // The staff's pages: the functions' user of the store, and of Moodle the one that only reads.
    let reader = Moodle::new(pool(&world.test.moodle, "read_user"), app.moodle.prefix().clone()).read_only();
    let staff = App { moodle: reader, ..app.clone() };
    let request = world.test.submit(&raw).await;
    let approval = Approval { checks: Checks::ALL, ..Approval::default() };
    let request = approve(&staff, &administrator(), request.id, None, &approval).await.unwrap();
    world.cycle().await;
    world.moodle_cron().await;
    assert_eq!(world.cycle().await.added, 2, "{engine}");
    assert_eq!(world.request(&request).await.status, Status::Provisioned, "{engine}");
    let delivery = mail::deliver(app, &world.test.school, &mail::Transport::Store, 50, None).await.unwrap();
    assert_eq!((delivery.failed, delivery.postponed), (0, 0), "{engine}");

    heal(&world).await;
    let diagnosis = doctor::examine(app, &administrator()).await.unwrap();
    let bad: Vec<_> = diagnosis.findings.iter().filter(|finding| finding.level != doctor::Level::Good).collect();
    assert!(bad.is_empty(), "{engine}: {bad:#?}");
    let adult = explain::find_adult(app, &administrator(), "rachel.turner@example.org").await.unwrap();
    let pupil = explain::find_pupil(app, &administrator(), &child.admission_number).await.unwrap();
    let explained = explain::explain(app, &administrator(), adult, pupil).await.unwrap();
    assert_eq!(explained.explanation.broken, None, "{engine}: {:#?}", explained.explanation);

    staff_only_read(&world, &staff, &request, &child.admission_number).await;

    // Moodle reads the login rows, and of them only what an account needs.
    let auth_db = pool(&world.test.store, "auth_user");
    let mapped = "SELECT username, firstname, lastname, email, description, lang FROM login_rows WHERE username = ?";
    let rows: Vec<(String, String, String, String, String, String)> =
        auth_db.fetch_all(mapped, ["rachel.turner@example.org".into()]).await.unwrap();
    assert_eq!(rows.len(), 1, "{engine}");
    refused(
        &auth_db,
        &[
            "SELECT request_id FROM login_rows",
            "SELECT adult_id FROM login_rows",
            "SELECT created_at FROM login_rows",
            "SELECT username FROM login_rows WHERE adult_id = 'x'",
            "SELECT * FROM login_rows",
            "SELECT id FROM requests",
            "SELECT email FROM adults",
            "SELECT secret_hash FROM tokens",
            "SELECT detail FROM audit",
            "SELECT version FROM _sqlx_migrations",
            "UPDATE login_rows SET email = 'x'",
            "INSERT INTO login_rows (username) VALUES ('x')",
            "DELETE FROM login_rows",
            "DROP TABLE login_rows",
            "CREATE TABLE x (id INTEGER)",
        ],
    )
    .await;
    refused(
        &app.store,
        &[
            "CREATE TABLE x (id INTEGER)",
            "DROP TABLE audit",
            "ALTER TABLE requests ADD COLUMN x INTEGER",
            "CREATE INDEX x ON requests (locale)",
            "TRUNCATE TABLE audit",
        ],
    )
    .await;
    // Nobody's rights reach into the other database.
    if engine == Engine::MySql {
        let theirs = format!("SELECT id FROM `{}`.mdl_user", world.test.moodle.name);
        refused(&app.store, &[&theirs]).await;
        refused(&auth_db, &[&theirs]).await;
        refused(app.moodle.db(), &[&format!("SELECT id FROM `{}`.requests", world.test.store.name)]).await;
    } else {
        // The Moodle user comes from another file: the store lets nobody in but its own.
        let url = world.test.store.url.split_once('@').unwrap().1;
        let stranger = format!("postgres://{}:{PASSWORD}@{url}", name_of(&world.test.moodle, "user"));
        let options = Options { acquire_timeout: std::time::Duration::from_secs(2), ..Options::default() };
        let stranger = Db::connect_lazy(&stranger, options).unwrap();
        assert!(stranger.acquire().await.is_err(), "{engine}");
        // What was written in the audit is never changed. (MariaDB cannot except a table from a grant on the whole database.)
        refused(&app.store, &["UPDATE audit SET actor = 'x'"]).await;
    }

    // A row of the earlier plugin becomes ours, the plugin's again, and ours.
    let user = world.account("rachel.turner@example.org").await.unwrap();
    let plugins = format!(
        "INSERT INTO mdl_role_assignments (roleid, contextid, userid, timemodified, modifierid, component, itemid, sortorder) \
         SELECT roleid, contextid, userid, 7, 5, '', 0, 0 FROM mdl_role_assignments WHERE userid = {user}"
    );
    world.test.moodle.db.execute(&plugins, []).await.unwrap();
    for (direction, added) in [(Direction::Adopt, 0), (Direction::GiveBack, 2), (Direction::Adopt, 0)] {
        let plan = adoption::make(&staff, &administrator(), direction).await.unwrap().plan;
        assert_eq!(plan.adoptions, 2, "{engine}");
        let report = world.run(Mode::Apply(plan.digest)).await.unwrap();
        assert_eq!(report.adopted + report.given_back, 2, "{engine}: {report:?}");
        assert_eq!(world.run(Mode::Full).await.unwrap().added, added, "{engine}");
    }

    // Taken away again, and everybody compared.
    decide::end(app, &administrator(), request.id, None, Action::Deny, &Reason::default()).await.unwrap();
    assert_eq!(world.cycle().await.removed, 2, "{engine}");
    let full = world.run(Mode::Full).await.unwrap();
    assert_eq!((full.added, full.removed), (0, 0), "{engine}: {full:?}");
    // A migrator that runs again finds everything done.
    app.migrate().await.unwrap();
}

#[tokio::test]
async fn the_rights_are_enough_for_the_whole_road_on_mariadb() {
    the_whole_road(Engine::MySql).await;
}

#[tokio::test]
async fn the_rights_are_enough_for_the_whole_road_on_postgres() {
    the_whole_road(Engine::Postgres).await;
}
