//! The whole road under the rights in `infra/grants`: each process connects as the user that these files make for it.
//! What the Moodle user may not do is tested beside the adapter, in `shared/moodle/tests/grants.rs`.

use kinlink_db::{Db, Engine, Fault, Options};
use kinlink_domain::request::{Action, Status};
use kinlink_moodle::Moodle;
use kinlink_queue::{EmbeddedQueue, Queue};
use kinlink_service::{
    cycle::Mode,
    decide::{self, Reason},
    doctor, explain, mail,
};
use kinlink_testapp::{administrator, family};
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
        for user in ["user", "migrate_user", "auth_user"] {
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
    let (store_file, moodle_file) = match engine {
        Engine::MySql => (
            include_str!("../../../infra/grants/store-mariadb.sql"),
            include_str!("../../../infra/grants/moodle-mariadb.sql"),
        ),
        _ => (
            include_str!("../../../infra/grants/store-postgres.sql"),
            include_str!("../../../infra/grants/moodle-postgres.sql"),
        ),
    };
    // Only for its Moodle: the store comes from the files.
    let moodle = world(engine).await.test.moodle;
    run(&moodle.db, &moodle, &parts(moodle_file)[0]).await;

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
    test.app.store = functions;
    World { test }
}

async fn the_whole_road(engine: Engine) {
    let world = granted(engine).await;
    let app = &world.test.app;
    let child = pupil_named("Theo", "Marlow");
    let raw = family(
        ("Rachel", "Turner", "rachel.turner@example.org"),
        &[(child.given, child.family, &child.tutor_group), ("Nell", "Ashby", "10TH")],
    );
    let request = world.approved(&raw).await;
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
    }

    // Taken away again, and everybody compared.
    decide::end(app, &administrator(), request.id, None, Action::Deny, &Reason::default()).await.unwrap();
    assert_eq!(world.cycle().await.removed, 2, "{engine}");
    let full = world.run(Mode::Full).await.unwrap();
    assert_eq!((full.added, full.removed), (0, 0), "{engine}: {full:?}");
    // A migrator that runs again finds everything done.
    kinlink_store::migrations::migrate(&world.test.store.db).await.unwrap();
}

#[tokio::test]
async fn the_rights_are_enough_for_the_whole_road_on_mariadb() {
    the_whole_road(Engine::MySql).await;
}

#[tokio::test]
async fn the_rights_are_enough_for_the_whole_road_on_postgres() {
    the_whole_road(Engine::Postgres).await;
}
