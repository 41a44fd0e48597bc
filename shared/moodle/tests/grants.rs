//! The rights in `infra/grants/moodle-*.sql` are enough for everything the adapter does, and for nothing else; those in
//! `moodle-read-*.sql` for everything it reads. The users are made by these very files. The whole service under them is
//! tested in `tests/tests/it/grants.rs`.

#![cfg(all(feature = "sqlite", feature = "mysql", feature = "postgres"))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::{BTreeSet, HashMap};

use kinlink_db::{Connection, Db, Engine, Fault, Int, Options, Session as _};
use kinlink_domain::{
    adoption::{self as domain_adoption, Adopted, Wanted},
    ids::{ContextId, Id, MoodleUserId},
    plan::{ActualRole, Addition, DesiredRole, Place, Plan, Removal, UserContext},
    policy::Policy,
    reason::Reason,
};
use kinlink_moodle::{
    Moodle, Prefix, adoption,
    apply::{self, Signature},
    demo, evidence, pupils,
    roles::{self, Ownership},
    schema,
    site::{self, Site},
    tasks, users,
};
use kinlink_testkit::{TestDb, fresh, moodle_dump};

const PASSWORD: &str = "kinlinks-password-of-this-test";

/// Users are the whole server's, so each test has its own; PostgreSQL's names end at 63 characters.
fn user_of(test: &TestDb) -> String {
    format!("kinlink_{}", test.name.rsplit('_').next().unwrap())
}

/// The provisioner's user.
async fn kinlink(test: &TestDb, prefix: &Prefix) -> Moodle {
    let file = match test.engine() {
        Engine::MySql => include_str!("../../../infra/grants/moodle-mariadb.sql"),
        _ => include_str!("../../../infra/grants/moodle-postgres.sql"),
    };
    granted(test, prefix, file, user_of(test)).await
}

/// The user of the staff's pages.
async fn reader(test: &TestDb, prefix: &Prefix) -> Moodle {
    let file = match test.engine() {
        Engine::MySql => include_str!("../../../infra/grants/moodle-read-mariadb.sql"),
        _ => include_str!("../../../infra/grants/moodle-read-postgres.sql"),
    };
    granted(test, prefix, file, format!("{}_read", user_of(test))).await.read_only()
}

/// Runs a file of grants in a database, and gives a pool of the user it makes.
async fn granted(test: &TestDb, prefix: &Prefix, file: &str, user: String) -> Moodle {
    for placeholder in ["{prefix}", "{database}", "{user}", "{password}"] {
        assert!(file.contains(placeholder), "{placeholder}");
    }
    let code: Vec<&str> = file.lines().filter(|line| !line.starts_with("--")).collect();
    for statement in code.join("\n").split(";\n").map(str::trim).filter(|statement| !statement.is_empty()) {
        let statement = statement
            .trim_end_matches(';')
            .replace("{prefix}", prefix.as_str())
            .replace("{database}", &test.name)
            .replace("{user}", &user)
            .replace("{password}", PASSWORD);
        test.db.execute(&statement, []).await.unwrap_or_else(|error| panic!("{error}: {statement}"));
    }
    let (scheme, rest) = test.url.split_once("://").unwrap();
    let (_, address) = rest.split_once('@').unwrap();
    let url = format!("{scheme}://{user}:{PASSWORD}@{address}");
    Moodle::new(Db::connect_lazy(&url, Options::default()).unwrap(), prefix.clone())
}

async fn number(db: &Db, sql: &str) -> i64 {
    let row: Option<(Int,)> = db.fetch_optional(sql, []).await.unwrap();
    row.unwrap().0.0
}

/// Everything that the adapter can read; gives what writing goes on with.
async fn the_adapter_reads(connection: &mut Connection, prefix: &Prefix) -> (Site, MoodleUserId) {
    let engine = connection.engine();
    let mut policy = Policy { static_contexts: vec![ContextId(1)], ..Policy::default() };
    let site = site::read(connection, prefix, &policy).await.unwrap();
    site::plugin_config(connection, prefix, "auth_db", &["table"]).await.unwrap();
    let filters = "auth=manual idnumber=* department!=x cohort!=nobody role!=nobody profile:usertype!=staff profile:none!=* auth!=db";
    policy.pupil_filter = filters.parse().unwrap();
    policy.tutor_group_field = "profile:usertype".to_owned().try_into().unwrap();
    let pupil = pupils::all(connection, prefix, &policy, &site).await.unwrap().pop().unwrap();
    policy.tutor_group_field = "department".to_owned().try_into().unwrap();
    assert!(!pupils::all(connection, prefix, &policy, &site).await.unwrap().is_empty(), "{engine}");
    let eligible = pupils::eligible(connection, prefix, &policy, &site, &[pupil.id]).await.unwrap();
    assert_eq!(eligible, BTreeSet::from([pupil.id]), "{engine}");

    users::by_ids(connection, prefix, &[ADULT]).await.unwrap();
    users::by_usernames(connection, prefix, site.local_host, &["admin".to_owned()]).await.unwrap();
    users::by_email(connection, prefix, &"admin@example.test".parse().unwrap()).await.unwrap();
    users::by_emails(connection, prefix, &["admin@example.test".parse().unwrap()]).await.unwrap();
    users::count_auth_db(connection, prefix).await.unwrap();

    let ownership = Ownership::Component("local_kinlink".into());
    roles::of_users(connection, prefix, &ownership, &[ADULT]).await.unwrap();
    roles::page(connection, prefix, &ownership, 0, 10).await.unwrap();
    evidence::role_row(connection, prefix, "local_kinlink", site.link_role, ContextId(1), ADULT).await.unwrap();
    evidence::has_stale_session(connection, prefix, ADULT, 0).await.unwrap();
    evidence::role_allows(connection, prefix, site.link_role, "moodle/user:viewdetails").await.unwrap();
    evidence::accounts_without_login_row(connection, prefix, &BTreeSet::new()).await.unwrap();
    evidence::accounts_with_another_address(connection, prefix, &std::collections::BTreeMap::new()).await.unwrap();
    for task in [tasks::SYNC_USERS, tasks::SEND_PASSWORDS] {
        assert!(tasks::state(connection, prefix, task).await.unwrap().is_some(), "{engine}");
    }
    tasks::seconds_since_cron(connection, prefix).await.unwrap();
    assert!(tasks::clock(connection).await.unwrap() > 0);
    (site, pupil.id)
}

/// Who is linked.
const ADULT: MoodleUserId = MoodleUserId(2);

/// A row of the earlier plugin becomes ours and the plugin's again.
async fn the_adapter_adopts(
    owner: &Db,
    connection: &mut Connection,
    prefix: &Prefix,
    site: &Site,
    pupil: MoodleUserId,
) {
    let (table, contexts, role) = (prefix.table("role_assignments"), prefix.table("context"), site.link_role);
    let insert = format!(
        "INSERT INTO {table} (roleid, contextid, userid, timemodified, modifierid, component, itemid, sortorder) SELECT {role}, \
         id, {ADULT}, 7, 5, '', 0, 0 FROM {contexts} WHERE contextlevel = 30 AND instanceid = {pupil}"
    );
    owner.execute(&insert, []).await.unwrap();
    let ownership = Ownership::Component("local_kinlink".into());
    let wanted = |context| Wanted { adult: Id::new(1, &[7; 10]), pupil, user: ADULT, context, role, item: 5 };
    adoption::count(connection, prefix, role).await.unwrap();
    let rows = adoption::rows(connection, prefix, role, &ownership, &[ADULT]).await.unwrap();
    let row = *rows.iter().find(|row| !row.ours).unwrap();
    let adopt = domain_adoption::adopt(&[wanted(row.context)], &rows);
    assert_eq!(adopt.len(), 1, "{}: {adopt:?}", connection.engine());
    adoption::write(connection, prefix, site, "local_kinlink", &adopt).await.unwrap();
    let rows = adoption::rows(connection, prefix, role, &ownership, &[ADULT]).await.unwrap();
    assert!(rows.contains(&ActualRole { item: 5, ours: true, ..row }), "{}: {rows:?}", connection.engine());
    let noted = Adopted { id: row.id, user: ADULT, context: row.context, role, item: 5 };
    let back = domain_adoption::give_back(&[wanted(row.context)], &rows, &[noted]).changes;
    adoption::write(connection, prefix, site, "local_kinlink", &back).await.unwrap();
    let rows = adoption::rows(connection, prefix, role, &ownership, &[ADULT]).await.unwrap();
    assert!(rows.contains(&row), "{}: {rows:?}", connection.engine());
    owner.execute(&format!("DELETE FROM {table} WHERE id = {}", row.id), []).await.unwrap();
}

/// Everything that the adapter can do, under the rights of the file.
async fn the_adapter_works(test: &TestDb, moodle: &Moodle) {
    let (prefix, owner, adult) = (moodle.prefix(), &test.db, ADULT);
    let engine = test.engine();
    let mut locked = moodle.lock().await.unwrap().unwrap();
    let connection = &mut *locked.connection;
    assert_eq!(evidence::missing_schema(connection, prefix, true).await.unwrap(), [] as [String; 0], "{engine}");
    let (site, pupil) = the_adapter_reads(connection, prefix).await;

    // One pupil without context, one without path; one row more, one less; flags new and renewed; sessions ended.
    let (context, sessions) = (prefix.table("context"), prefix.table("sessions"));
    owner
        .execute(&format!("DELETE FROM {context} WHERE contextlevel = 30 AND instanceid = {pupil}"), [])
        .await
        .unwrap();
    owner
        .execute(&format!("UPDATE {context} SET path = NULL, depth = 0 WHERE contextlevel = 30 AND instanceid = 1"), [])
        .await
        .unwrap();
    let open = format!(
        "INSERT INTO {sessions} (state, sid, userid, timecreated, timemodified) VALUES (0, 'granted', 2, 1, 1)"
    );
    owner.execute(&open, []).await.unwrap();
    let desired = DesiredRole { user: adult, place: Place::Pupil(pupil), role: site.link_role, item: 5 };
    let mut plan = Plan::compare(&BTreeSet::from([desired]), &[], &HashMap::new(), |_| Reason::LinkEnded);
    plan.mended_contexts.insert(MoodleUserId(1));
    let signature = Signature { component: "local_kinlink".into(), modifier: 2 };
    let ended = BTreeSet::from([adult]);
    for round in 1..=2 {
        let made = apply::contexts(connection, prefix, &site, &plan).await.unwrap();
        let own = made[&pupil];
        let ready = Plan {
            additions: BTreeSet::from([Addition { row: desired, context: Some(own), reason: Reason::LinkApproved }]),
            ..Plan::default()
        };
        apply::roles(connection, prefix, &site, &signature, &ready, &ended).await.unwrap();
        let ownership = Ownership::Component("local_kinlink".into());
        let rows: Vec<ActualRole> = roles::of_users(connection, prefix, &ownership, &[adult]).await.unwrap();
        assert_eq!(rows.len(), 1, "{engine}: round {round}");
        let contexts = HashMap::from([(pupil, UserContext { id: own, complete: true })]);
        assert!(
            Plan::compare(&BTreeSet::from([desired]), &rows, &contexts, |_| Reason::LinkEnded).is_empty(),
            "{engine}"
        );
        let at = evidence::role_row(connection, prefix, "local_kinlink", site.link_role, own, adult).await.unwrap();
        evidence::has_stale_session(connection, prefix, adult, at.unwrap()).await.unwrap();
        let less = Plan {
            removals: rows.into_iter().map(|row| Removal { row, reason: Reason::LinkEnded }).collect(),
            ..Plan::default()
        };
        apply::roles(connection, prefix, &site, &signature, &less, &BTreeSet::new()).await.unwrap();
    }
    the_adapter_adopts(owner, connection, prefix, &site, pupil).await;
    let dirty = format!(
        "SELECT COUNT(*) FROM {} WHERE flagtype = 'accesslib/dirtyusers' AND name = '2'",
        prefix.table("cache_flags")
    );
    assert_eq!(number(owner, &dirty).await, 1, "{engine}");
    assert_eq!(number(owner, &format!("SELECT COUNT(*) FROM {sessions} WHERE userid = 2")).await, 0, "{engine}");

    for task in [tasks::SYNC_USERS, tasks::SEND_PASSWORDS] {
        tasks::hurry(connection, prefix, task).await.unwrap();
    }
    locked.release().await;
}

/// Everything else is refused. `{p}` is the prefix; each statement would work for the owner.
const REFUSED: &[&str] = &[
    // Secrets.
    "SELECT password FROM {p}user",
    "SELECT secret FROM {p}user",
    "SELECT * FROM {p}user",
    "SELECT lastip FROM {p}user",
    "SELECT id FROM {p}user WHERE password LIKE '$6$%'",
    "SELECT sid FROM {p}sessions",
    "SELECT id FROM {p}sessions WHERE sid = 'x'",
    "SELECT sessdata FROM {p}sessions",
    "SELECT value FROM {p}user_preferences",
    "SELECT output FROM {p}task_log",
    "SELECT public_key FROM {p}mnet_host",
    "SELECT description FROM {p}cohort",
    // People.
    "INSERT INTO {p}user (username) VALUES ('intruder')",
    "UPDATE {p}user SET suspended = 0",
    "UPDATE {p}user SET password = 'x' WHERE id = 2",
    "UPDATE {p}user SET username = 'x' WHERE id = 2",
    "DELETE FROM {p}user WHERE id = 2",
    "INSERT INTO {p}user_info_data (userid, fieldid, data) VALUES (2, 1, 'x')",
    "INSERT INTO {p}cohort_members (cohortid, userid, timeadded) VALUES (1, 2, 0)",
    "DELETE FROM {p}cohort_members",
    // What a role is.
    "UPDATE {p}role SET archetype = 'manager'",
    "INSERT INTO {p}role_capabilities (contextid, roleid, capability, permission) VALUES (1, 9, 'moodle/site:config', 1)",
    "UPDATE {p}role_capabilities SET permission = 1",
    "DELETE FROM {p}role_capabilities",
    "INSERT INTO {p}role_context_levels (roleid, contextlevel) VALUES (9, 10)",
    // A row is written, taken away or adopted, never turned into another person's or another role.
    "UPDATE {p}role_assignments SET roleid = 1",
    "UPDATE {p}role_assignments SET userid = 1",
    "UPDATE {p}role_assignments SET contextid = 1",
    "UPDATE {p}role_assignments SET timemodified = 1",
    "UPDATE {p}role_assignments SET modifierid = 1",
    "UPDATE {p}role_assignments SET component = 'local_kinlink', sortorder = 1",
    "UPDATE {p}context SET instanceid = 1 WHERE id = 1",
    "UPDATE {p}context SET contextlevel = 1 WHERE id = 1",
    "UPDATE {p}context SET locked = 1 WHERE id = 1",
    "INSERT INTO {p}context (contextlevel, instanceid, path, depth, locked) VALUES (30, 99999, '/1', 2, 0)",
    "DELETE FROM {p}context WHERE id = 1",
    "UPDATE {p}cache_flags SET name = '3'",
    "UPDATE {p}cache_flags SET flagtype = 'x'",
    "DELETE FROM {p}cache_flags",
    // Tasks and settings.
    "UPDATE {p}task_scheduled SET disabled = 0",
    "UPDATE {p}task_scheduled SET lastruntime = 0",
    "UPDATE {p}task_scheduled SET classname = 'x'",
    "INSERT INTO {p}task_log (classname) VALUES ('x')",
    "DELETE FROM {p}task_scheduled",
    "UPDATE {p}config SET value = '3' WHERE name = 'siteadmins'",
    "INSERT INTO {p}config (name, value) VALUES ('x', 'y')",
    "UPDATE {p}config_plugins SET value = ''",
    "UPDATE {p}sessions SET userid = 2",
    "INSERT INTO {p}sessions (state, sid, userid) VALUES (0, 'x', 2)",
    // The tables themselves.
    "DROP TABLE {p}role_assignments",
    "TRUNCATE TABLE {p}sessions",
    "ALTER TABLE {p}user ADD COLUMN x INTEGER",
    "CREATE INDEX {p}x ON {p}user (id)",
    "CREATE TABLE {p}x (id INTEGER)",
];

/// What the provisioner writes, and the staff's pages do not.
const WRITES: &[&str] = &[
    "INSERT INTO {p}context (contextlevel, instanceid, depth, locked) VALUES (30, 99999, 0, 0)",
    "UPDATE {p}context SET path = path",
    "UPDATE {p}context SET depth = depth",
    "INSERT INTO {p}role_assignments (roleid, contextid, userid, timemodified, modifierid, component, itemid, sortorder) \
     VALUES (1, 1, 5, 0, 0, 'local_kinlink', 1, 0)",
    "UPDATE {p}role_assignments SET component = 'local_kinlink'",
    "UPDATE {p}role_assignments SET itemid = 1",
    "DELETE FROM {p}role_assignments",
    "INSERT INTO {p}cache_flags (flagtype, name, timemodified, value, expiry) VALUES ('x', 'x', 0, '1', 0)",
    "UPDATE {p}cache_flags SET timemodified = 0",
    "UPDATE {p}cache_flags SET value = '1'",
    "UPDATE {p}cache_flags SET expiry = 0",
    "UPDATE {p}task_scheduled SET nextruntime = 0",
    "DELETE FROM {p}sessions",
];

/// A user that only reads reads all and writes nothing, and its doctor asks for no more.
async fn reading_is_all(test: &TestDb, moodle: &Moodle) {
    let (engine, prefix) = (test.engine(), moodle.prefix());
    let mut connection = moodle.connect().await.unwrap();
    the_adapter_reads(&mut connection, prefix).await;
    let missing = evidence::missing_schema(&mut connection, prefix, moodle.writes()).await.unwrap();
    assert_eq!(missing, [] as [String; 0], "{engine}");
    // Every write is missed where one would be made.
    let missing = evidence::missing_schema(&mut connection, prefix, true).await.unwrap();
    assert_eq!(missing.len(), 9, "{engine}: {missing:#?}");
    for statement in WRITES {
        let sql = statement.replace("{p}", prefix.as_str());
        match connection.execute(&sql, []).await {
            Ok(_) => panic!("{engine}: {sql} was not refused"),
            Err(error) => assert_eq!(error.fault(), Fault::Denied, "{engine}: {sql}: {error}"),
        }
    }
    if engine == Engine::Postgres {
        for table in ["context", "role_assignments", "cache_flags"] {
            let sql = format!("SELECT nextval('{}_id_seq')", prefix.table(table));
            assert_eq!(connection.execute(&sql, []).await.unwrap_err().fault(), Fault::Denied, "{sql}");
        }
    }
    // The same with the owner's rights: refused for the right, not for a mistake in the statement.
    let mut tx = test.db.begin().await.unwrap();
    for statement in WRITES {
        tx.execute(&statement.replace("{p}", prefix.as_str()), []).await.unwrap();
    }
}

async fn the_rest_is_refused(test: &TestDb, moodle: &Moodle) {
    let own_rights = match test.engine() {
        Engine::MySql => {
            ["CREATE USER intruder", "GRANT SELECT ON {p}user TO CURRENT_USER", "SELECT * FROM mysql.global_priv"]
        }
        _ => ["CREATE ROLE intruder", "CREATE SCHEMA intruder", "SELECT setval('{p}role_assignments_id_seq', 1)"],
    };
    for statement in REFUSED.iter().chain(&own_rights) {
        let sql = statement.replace("{p}", moodle.prefix().as_str());
        match moodle.db().execute(&sql, []).await {
            Ok(_) => panic!("{}: {sql} was not refused", test.engine()),
            Err(error) => assert_eq!(error.fault(), Fault::Denied, "{}: {sql}: {error}", test.engine()),
        }
    }
    // The same names with the owner's rights: refused for the right, not for a mistake in the statement.
    let mut tx = test.db.begin().await.unwrap();
    for statement in REFUSED.iter().filter(|statement| statement.starts_with("SELECT")) {
        tx.execute(&statement.replace("{p}", moodle.prefix().as_str()), []).await.unwrap();
    }
}

/// What may be read is what the adapter's statements name, neither less nor more.
async fn exactly_what_is_used_can_be_read(test: &TestDb, moodle: &Moodle) {
    let of_user = match test.engine() {
        Engine::MySql => {
            "CAST(table_name AS CHAR), CAST(column_name AS CHAR) FROM information_schema.column_privileges WHERE table_schema = DATABASE()"
        }
        _ => {
            "CAST(table_name AS TEXT), CAST(column_name AS TEXT) FROM information_schema.column_privileges WHERE grantee = current_user"
        }
    };
    let sql = format!("SELECT {of_user} AND privilege_type = 'SELECT'");
    let granted: Vec<(String, String)> = moodle.db().fetch_all(&sql, []).await.unwrap();
    let granted: BTreeSet<(String, String)> = granted.into_iter().collect();
    let used = schema::USED
        .iter()
        .flat_map(|(table, columns)| columns.iter().map(|column| (moodle.prefix().table(table), (*column).to_owned())));
    assert_eq!(granted, used.collect::<BTreeSet<_>>(), "{}", test.engine());
}

/// Each right to write is missed by name when it is taken away.
async fn a_right_that_lacks_is_named(test: &TestDb, moodle: &Moodle) {
    let user = user_of(test);
    // One connection for all: it has prepared the statements while it still had every right.
    let mut connection = moodle.connect().await.unwrap();
    assert_eq!(evidence::missing_schema(&mut connection, moodle.prefix(), true).await.unwrap(), [] as [String; 0]);
    for (right, table) in [
        ("SELECT (idnumber)", "cohort"),
        ("SELECT (archetype)", "role"),
        ("INSERT (contextlevel, instanceid, depth, locked)", "context"),
        ("UPDATE (path)", "context"),
        ("UPDATE (depth)", "context"),
        ("INSERT (component)", "role_assignments"),
        ("DELETE", "role_assignments"),
        ("UPDATE (component)", "role_assignments"),
        ("UPDATE (itemid)", "role_assignments"),
        ("INSERT (expiry)", "cache_flags"),
        ("UPDATE (timemodified)", "cache_flags"),
        ("UPDATE (nextruntime)", "task_scheduled"),
        ("DELETE", "sessions"),
    ] {
        let table = moodle.prefix().table(table);
        let (on, user) = match test.engine() {
            Engine::MySql => (format!("`{}`.`{table}`", test.name), format!("'{user}'@'%'")),
            _ => (table.clone(), format!("\"{user}\"")),
        };
        test.db.execute(&format!("REVOKE {right} ON {on} FROM {user}"), []).await.unwrap();
        let missing = evidence::missing_schema(&mut connection, moodle.prefix(), true).await.unwrap();
        assert!(
            matches!(&missing[..], [one] if one.contains(&table) && one.contains("lacks a right")),
            "{}: {right} on {table}: {missing:?}",
            test.engine()
        );
        test.db.execute(&format!("GRANT {right} ON {on} TO {user}"), []).await.unwrap();
    }
    assert_eq!(evidence::missing_schema(&mut connection, moodle.prefix(), true).await.unwrap(), [] as [String; 0]);
}

async fn hold(test: TestDb, prefix: Prefix) {
    let moodle = kinlink(&test, &prefix).await;
    the_adapter_works(&test, &moodle).await;
    the_rest_is_refused(&test, &moodle).await;
    exactly_what_is_used_can_be_read(&test, &moodle).await;
    a_right_that_lacks_is_named(&test, &moodle).await;
    moodle.db().close().await;

    let reader = reader(&test, &prefix).await;
    reading_is_all(&test, &reader).await;
    the_rest_is_refused(&test, &reader).await;
    exactly_what_is_used_can_be_read(&test, &reader).await;
    reader.db().close().await;
    test.drop_database().await;
}

async fn on_our_tables(engine: Engine) {
    let prefix = Prefix::parse("zzz_").unwrap();
    let test = fresh(engine).await;
    schema::create(&test.db, &prefix).await.unwrap();
    demo::fill(&test.db, &prefix).await.unwrap();
    hold(test, prefix).await;
}

async fn on_a_real_moodle(engine: Engine) {
    let Some(dump) = moodle_dump(engine).await else { return };
    hold(dump.moodle, Prefix::parse(dump.prefix).unwrap()).await;
    if let Some(logins) = dump.logins {
        logins.drop_database().await;
    }
}

/// What `infra/grants/README.md` proposes for schools on PostgreSQL: rows of others are out of reach, the adapter works.
#[tokio::test]
async fn row_security_keeps_other_peoples_role_rows_out_of_reach() {
    let (test, prefix) = (fresh(Engine::Postgres).await, Prefix::default());
    schema::create(&test.db, &prefix).await.unwrap();
    demo::fill(&test.db, &prefix).await.unwrap();
    let moodle = kinlink(&test, &prefix).await;
    let user = user_of(&test);
    for statement in [
        "ALTER TABLE mdl_role_assignments ENABLE ROW LEVEL SECURITY".to_owned(),
        format!("CREATE POLICY kinlink_reads ON mdl_role_assignments FOR SELECT TO \"{user}\" USING (true)"),
        format!(
            "CREATE POLICY kinlink_adds ON mdl_role_assignments FOR INSERT TO \"{user}\" WITH CHECK (component = 'local_kinlink')"
        ),
        format!(
            "CREATE POLICY kinlink_removes ON mdl_role_assignments FOR DELETE TO \"{user}\" USING (component = 'local_kinlink')"
        ),
        format!(
            "CREATE POLICY kinlink_adopts ON mdl_role_assignments FOR UPDATE TO \"{user}\" USING (component = 'local_kinlink' OR \
             component = '' AND itemid = 0) WITH CHECK (component = 'local_kinlink' OR component = '' AND itemid = 0)"
        ),
    ] {
        test.db.execute(&statement, []).await.unwrap();
    }
    the_adapter_works(&test, &moodle).await;
    let all = number(&test.db, "SELECT COUNT(*) FROM mdl_role_assignments").await;
    assert_eq!(moodle.db().execute("DELETE FROM mdl_role_assignments WHERE component <> 'x'", []).await.unwrap(), 0);
    let intrude = "INSERT INTO mdl_role_assignments (roleid, contextid, userid, component) VALUES (1, 1, 5, '')";
    assert_eq!(moodle.db().execute(intrude, []).await.unwrap_err().fault(), Fault::Denied);
    assert_eq!(number(&test.db, "SELECT COUNT(*) FROM mdl_role_assignments").await, all);
    moodle.db().close().await;
    test.drop_database().await;
}

#[tokio::test]
async fn they_are_enough_and_no_more_on_mariadb() {
    on_our_tables(Engine::MySql).await;
}

#[tokio::test]
async fn they_are_enough_and_no_more_on_postgres() {
    on_our_tables(Engine::Postgres).await;
}

#[tokio::test]
async fn they_are_enough_and_no_more_for_a_real_moodle_on_mariadb() {
    on_a_real_moodle(Engine::MySql).await;
}

#[tokio::test]
async fn they_are_enough_and_no_more_for_a_real_moodle_on_postgres() {
    on_a_real_moodle(Engine::Postgres).await;
}
