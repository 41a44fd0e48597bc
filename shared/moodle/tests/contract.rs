//! What the adapter promises, on every engine with our own tables and on the real Moodle's, under two table prefixes (C-1).
//!
//! Each check is a function that takes a [`Bench`] and leaves it as it was but for people of its own, so that all of them
//! can follow each other on one real Moodle.

#![cfg(all(feature = "sqlite", feature = "mysql", feature = "postgres"))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    time::Duration,
};

use kinlink_db::{Connection, Db, Engine, Int, Options, Session, Value};
use kinlink_domain::{
    adoption::Change,
    ids::{ContextId, Id, MoodleUserId, RoleId},
    leaving::{Departure, PupilFacts},
    matching::Pupil,
    plan::{ActualRole, Addition, DesiredRole, Place, Plan, Removal, UserContext},
    plan_row::Write,
    policy::Policy,
    reason::Reason,
};
use kinlink_moodle::{
    Locked, Moodle, MoodleError, Prefix, adoption,
    apply::{self, Signature},
    demo, evidence, pupils,
    roles::{self, Ownership},
    schema,
    site::{self, Site},
    tasks, users,
};
use kinlink_testkit::{TestDb, fresh, moodle_dump};

const OURS: &str = "local_kinlink";

/// A Moodle to look at and to write to.
struct Bench {
    test: TestDb,
    prefix: Prefix,
    connection: Connection,
    /// How it is named when a check fails.
    name: String,
    people: i64,
}

impl Bench {
    async fn open(test: TestDb, prefix: Prefix, kind: &str) -> Self {
        let name = format!("{} with {prefix} ({kind})", test.engine());
        let connection = test.db.acquire().await.unwrap();
        let mut bench = Self { test, prefix, connection, name, people: 0 };
        // Both kinds get a course, which is a context that nobody may be given a static role in.
        bench.run("INSERT INTO {p}context (contextlevel, instanceid, path, depth, locked) VALUES (50, 990, '/1/990', 2, 0)", []).await;
        bench
    }

    async fn ours(engine: Engine, prefix: &str) -> Self {
        let (test, prefix) = (fresh(engine).await, Prefix::parse(prefix).unwrap());
        schema::create(&test.db, &prefix).await.unwrap();
        demo::fill(&test.db, &prefix).await.unwrap();
        Self::open(test, prefix, "our tables").await
    }

    /// The real Moodle's; `None` without dumps, which the kit says on stderr.
    async fn real(engine: Engine, prefix: &str) -> Option<Self> {
        let dump = moodle_dump(engine).await?;
        for (table, _) in schema::USED.iter().filter(|_| prefix != dump.prefix) {
            let rename = format!("ALTER TABLE {}{table} RENAME TO {prefix}{table}", dump.prefix);
            dump.moodle.db.execute(&rename, []).await.unwrap();
        }
        if let Some(logins) = dump.logins {
            logins.drop_database().await;
        }
        Some(Self::open(dump.moodle, Prefix::parse(prefix).unwrap(), "a real Moodle").await)
    }

    const fn engine(&self) -> Engine {
        self.test.engine()
    }

    fn sql(&self, text: &str) -> String {
        text.replace("{p}", self.prefix.as_str())
    }

    async fn run(&mut self, text: &str, args: impl Into<Vec<Value>> + Send) -> u64 {
        let sql = self.sql(text);
        self.connection.execute(&sql, args).await.unwrap_or_else(|error| panic!("{}: {error}: {sql}", self.name))
    }

    async fn number(&mut self, text: &str) -> i64 {
        let sql = self.sql(text);
        let row: Result<Option<(Int,)>, _> = self.connection.fetch_optional(&sql, []).await;
        row.unwrap_or_else(|error| panic!("{}: {error}: {sql}", self.name)).unwrap().0.0
    }

    /// A new local user who signs in by hand, without a context. Attributes are further columns with SQL literals.
    async fn user(&mut self, given: &str, attributes: &[(&str, &str)]) -> MoodleUserId {
        self.people += 1;
        let username = format!("{}{}", given.to_lowercase(), self.people);
        let mut columns = vec![
            ("auth", "'manual'".to_owned()),
            ("confirmed", "1".to_owned()),
            ("mnethostid", "1".to_owned()),
            ("username", format!("'{username}'")),
            ("firstname", format!("'{given}'")),
            ("lastname", "'Bench'".to_owned()),
            ("email", format!("'{username}@bench.test'")),
        ];
        for (column, value) in attributes {
            columns.retain(|(name, _)| name != column);
            columns.push((column, (*value).to_owned()));
        }
        let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
        let values: Vec<&str> = columns.iter().map(|(_, value)| value.as_str()).collect();
        self.run(&format!("INSERT INTO {{p}}user ({}) VALUES ({})", names.join(", "), values.join(", ")), []).await;
        MoodleUserId(self.number("SELECT MAX(id) FROM {p}user").await)
    }

    /// A user with an admission number: a pupil by the filter that is there without a setting.
    async fn pupil(&mut self, given: &str) -> MoodleUserId {
        self.user(given, &[("idnumber", "'B1'"), ("department", "'7KL'")]).await
    }

    async fn context(&mut self, user: MoodleUserId, path: Option<&str>, depth: i64) -> ContextId {
        let args: [Value; 3] = [user.0.into(), Value::Text(path.map(Into::into)), depth.into()];
        self.run(
            "INSERT INTO {p}context (contextlevel, instanceid, path, depth, locked) VALUES (30, ?, ?, ?, 0)",
            args,
        )
        .await;
        self.context_of(user).await
    }

    async fn context_of(&mut self, user: MoodleUserId) -> ContextId {
        let sql = format!("SELECT id FROM {{p}}context WHERE contextlevel = 30 AND instanceid = {user}");
        ContextId(self.number(&sql).await)
    }

    async fn assign(&mut self, user: MoodleUserId, role: &str, context: ContextId, component: &str, item: i64) {
        let args: [Value; 5] = [context.0.into(), user.0.into(), component.into(), item.into(), role.into()];
        self.run(
            "INSERT INTO {p}role_assignments (contextid, userid, component, itemid, roleid) VALUES (?, ?, ?, ?, (SELECT id FROM \
             {p}role WHERE shortname = ?))",
            args,
        )
        .await;
    }

    async fn site(&mut self, policy: &Policy) -> Site {
        site::read(&mut self.connection, &self.prefix, policy).await.unwrap()
    }

    async fn course(&mut self) -> ContextId {
        ContextId(self.number("SELECT id FROM {p}context WHERE contextlevel = 50 AND instanceid = 990").await)
    }

    /// Those of these users who are pupils, by both questions that can be asked.
    async fn pupils(&mut self, policy: &Policy, of: &[MoodleUserId]) -> Vec<MoodleUserId> {
        let site = self.site(policy).await;
        let all = pupils::all(&mut self.connection, &self.prefix, policy, &site).await.unwrap();
        let listed = u64::try_from(all.len()).unwrap();
        let all: Vec<MoodleUserId> = all.into_iter().map(|pupil| pupil.id).filter(|id| of.contains(id)).collect();
        let counted = pupils::count(&mut self.connection, &self.prefix, policy, &site).await.unwrap();
        let never = u64::try_from(site.never_pupils.len()).unwrap();
        assert!((listed..=listed + never).contains(&counted), "{}: {counted} of {listed}", self.name);
        let eligible = pupils::eligible(&mut self.connection, &self.prefix, policy, &site, of).await.unwrap();
        assert_eq!(all.iter().copied().collect::<BTreeSet<_>>(), eligible, "{}: both say the same", self.name);
        let facts = pupils::facts(&mut self.connection, &self.prefix, policy, &site, of).await.unwrap();
        let here = facts.iter().filter(|(_, facts)| facts.departure().is_none()).map(|(id, _)| *id);
        assert_eq!(here.collect::<BTreeSet<_>>(), eligible, "{}: who has not left is a pupil", self.name);
        let mut all = all;
        all.sort_unstable();
        all
    }

    async fn apply(&mut self, plan: &Plan, ended: &[MoodleUserId]) -> Result<(), MoodleError> {
        let site = self.site(&Policy::default()).await;
        let ended: BTreeSet<MoodleUserId> = ended.iter().copied().collect();
        apply::roles(&mut self.connection, &self.prefix, &site, &signature(), plan, &ended).await
    }

    async fn adopt(&mut self, site: &Site, changes: &[Change]) -> Result<(), MoodleError> {
        adoption::write(&mut self.connection, &self.prefix, site, OURS, changes).await
    }

    async fn contexts(&mut self, plan: &Plan) -> BTreeMap<MoodleUserId, ContextId> {
        let site = self.site(&Policy::default()).await;
        apply::contexts(&mut self.connection, &self.prefix, &site, plan).await.unwrap()
    }

    async fn role(&mut self) -> RoleId {
        self.site(&Policy::default()).await.link_role
    }

    async fn clock(&mut self) -> i64 {
        tasks::clock(&mut self.connection).await.unwrap()
    }

    async fn close(self) {
        drop(self.connection);
        self.test.drop_database().await;
    }
}

fn signature() -> Signature {
    Signature { component: OURS.into(), modifier: 2 }
}

fn policy(filter: &str) -> Policy {
    Policy { pupil_filter: filter.parse().unwrap(), ..Policy::default() }
}

fn addition(user: MoodleUserId, pupil: MoodleUserId, role: RoleId, item: i64, context: Option<ContextId>) -> Addition {
    Addition {
        row: DesiredRole { user, place: Place::Pupil(pupil), role, item },
        context,
        reason: Reason::LinkApproved,
    }
}

/// Our tables on every engine, and on the servers under a second prefix.
const OUR_TABLES: [(Engine, &str); 5] = [
    (Engine::Sqlite, "mdl_"),
    (Engine::MySql, "mdl_"),
    (Engine::Postgres, "mdl_"),
    (Engine::MySql, "zzz_"),
    (Engine::Postgres, "zzz_"),
];

/// A test for each check on our tables, and one that runs all of them on each real Moodle.
macro_rules! checks {
    ($($check:ident),* $(,)?) => {
        mod on_our_tables {
            $(#[tokio::test]
            async fn $check() {
                for (engine, prefix) in super::OUR_TABLES {
                    let mut bench = super::Bench::ours(engine, prefix).await;
                    super::$check(&mut bench).await;
                    bench.close().await;
                }
            })*
        }

        async fn all_on_a_real_moodle(engine: Engine, prefix: &str) {
            let Some(mut bench) = Bench::real(engine, prefix).await else { return };
            $(self::$check(&mut bench).await;)*
            bench.close().await;
        }
    };
}

checks!(
    the_site_is_read_whole,
    a_site_that_lacks_what_a_cycle_needs_is_refused,
    static_contexts_that_would_show_one_child_to_everybody_are_refused,
    a_user_name_is_exact_whatever_the_collation,
    an_address_is_found_in_any_case,
    a_context_is_complete_or_not,
    staff_parents_and_people_who_left_are_never_pupils,
    every_field_of_the_filter_works,
    who_left_is_known_with_the_reason,
    accented_names_come_back_as_they_are,
    role_rows_are_ours_by_component_or_by_ledger,
    contexts_are_made_and_mended_but_never_doubled,
    role_rows_are_written_once,
    only_rows_of_ours_are_removed,
    a_row_is_adopted_and_given_back_and_no_other_changes,
    a_dirty_flag_is_one_row_that_is_renewed,
    only_named_users_lose_their_sessions,
    a_failure_half_way_leaves_nothing,
    only_enabled_tasks_are_hurried,
    evidence_is_what_the_tables_say,
    missing_tables_and_columns_are_named,
);

#[tokio::test]
async fn on_a_real_moodle_on_mariadb() {
    all_on_a_real_moodle(Engine::MySql, "mdl_").await;
}

#[tokio::test]
async fn on_a_real_moodle_on_mariadb_with_another_prefix() {
    all_on_a_real_moodle(Engine::MySql, "zzz_").await;
}

#[tokio::test]
async fn on_a_real_moodle_on_postgres() {
    all_on_a_real_moodle(Engine::Postgres, "mdl_").await;
}

#[tokio::test]
async fn on_a_real_moodle_on_postgres_with_another_prefix() {
    all_on_a_real_moodle(Engine::Postgres, "zzz_").await;
}

// ---- The site ----------------------------------------------------------------------------------------------------------

async fn the_site_is_read_whole(bench: &mut Bench) {
    let site = bench.site(&Policy::default()).await;
    let said = &bench.name;
    assert_eq!((site.local_host, site.session_timeout, site.system_path.as_str()), (1, 28_800, "/1"), "{said}");
    assert_eq!(site.never_pupils, BTreeSet::from([MoodleUserId(1), MoodleUserId(2)]), "{said}");
    assert!(site.auth_db_enabled && !site.extended_usernames && site.release.starts_with("4."), "{said}: {site:?}");
    assert_eq!((site.link_role, site.static_role), (RoleId(9), RoleId(9)), "{said}");
    for (value, enabled) in [("email,ldap", 0), ("email, db ", 1), ("dbx", 0), ("", 0), ("email,db", 1)] {
        bench.run("UPDATE {p}config SET value = ? WHERE name = 'auth'", [value.into()]).await;
        assert_eq!(bench.site(&Policy::default()).await.auth_db_enabled, enabled == 1, "{}: {value:?}", bench.name);
    }
    bench.run("UPDATE {p}config SET value = '2, 7,' WHERE name = 'siteadmins'", []).await;
    let never = bench.site(&Policy::default()).await.never_pupils;
    assert_eq!(never, BTreeSet::from([1, 2, 7].map(MoodleUserId)), "{}", bench.name);
    bench.run("UPDATE {p}config SET value = '2' WHERE name = 'siteadmins'", []).await;
}

async fn a_site_that_lacks_what_a_cycle_needs_is_refused(bench: &mut Bench) {
    let named =
        |link: &str, fixed: &str| Policy { link_role: link.into(), static_role: fixed.into(), ..Policy::default() };
    // C-3; on MariaDB `Parent` compares equal to `parent`, and is another name all the same.
    for link in ["nobody", "Parent", "parént", ""] {
        let error = site::read(&mut bench.connection, &bench.prefix, &named(link, "parent")).await.unwrap_err();
        assert!(matches!(&error, MoodleError::NoRole(name, "link_role") if name == link), "{}: {error}", bench.name);
    }
    let error = site::read(&mut bench.connection, &bench.prefix, &named("parent", "nobody")).await.unwrap_err();
    assert!(matches!(error, MoodleError::NoRole(_, "static_role")), "{}: {error}", bench.name);
    let error = site::read(&mut bench.connection, &bench.prefix, &named("student", "parent")).await.unwrap_err();
    assert!(matches!(error, MoodleError::RoleNotAssignable(_)), "{}: {error}", bench.name);

    bench.run("UPDATE {p}config SET name = 'away' WHERE name = 'mnet_localhost_id'", []).await;
    let error = site::read(&mut bench.connection, &bench.prefix, &Policy::default()).await.unwrap_err();
    assert!(matches!(error, MoodleError::NoSetting("mnet_localhost_id")), "{}: {error}", bench.name);
    bench.run("UPDATE {p}config SET name = 'mnet_localhost_id' WHERE name = 'away'", []).await;

    bench.run("UPDATE {p}context SET contextlevel = 11 WHERE contextlevel = 10", []).await;
    let error = site::read(&mut bench.connection, &bench.prefix, &Policy::default()).await.unwrap_err();
    assert!(matches!(error, MoodleError::NoSystemContext), "{}: {error}", bench.name);
    bench.run("UPDATE {p}context SET contextlevel = 10 WHERE contextlevel = 11", []).await;

    let other = Prefix::parse("nomoodle_").unwrap();
    let error = site::read(&mut bench.connection, &other, &Policy::default()).await.unwrap_err();
    assert!(error.to_string().contains("nomoodle_"), "{}: {error}", bench.name);
}

async fn static_contexts_that_would_show_one_child_to_everybody_are_refused(bench: &mut Bench) {
    let pupil = bench.pupil("Ivy").await;
    let own = bench.context(pupil, Some("/1/1"), 2).await;
    let course = bench.course().await;
    let category = ContextId(bench.number("SELECT MIN(id) FROM {p}context WHERE contextlevel = 40").await);
    let (system, missing) = (ContextId(1), ContextId(999_999));
    let policy = Policy { static_contexts: vec![own, system, missing, category, course], ..Policy::default() };
    let site = bench.site(&policy).await;
    assert_eq!(site.static_contexts, [system, category], "{}", bench.name);
    assert_eq!(site.refused_contexts, [own, missing, course], "{}", bench.name);
}

// ---- Users -------------------------------------------------------------------------------------------------------------

async fn a_user_name_is_exact_whatever_the_collation(bench: &mut Bench) {
    let zoe = bench.user("Zoe", &[("username", "'zoe.exact'"), ("auth", "'db'")]).await;
    bench.user("Far", &[("username", "'far.exact'"), ("mnethostid", "3")]).await;
    let gone = bench
        .user("Gone", &[("username", "'gone.exact'"), ("deleted", "1"), ("suspended", "1"), ("confirmed", "0")])
        .await;
    let names = ["zoe.exact", "far.exact", "gone.exact", "nobody.exact"].map(String::from);
    let mut found = users::by_usernames(&mut bench.connection, &bench.prefix, 1, &names).await.unwrap();
    found.sort_by_key(|user| user.id);
    let ids: Vec<MoodleUserId> = found.iter().map(|user| user.id).collect();
    assert_eq!(ids, [zoe, gone], "{}: users of other hosts are other people", bench.name);
    let flags = |at: usize| (found[at].deleted, found[at].suspended, found[at].confirmed, found[at].host);
    assert_eq!((flags(0), flags(1)), ((false, false, true, 1), (true, true, false, 1)), "{}", bench.name);
    assert_eq!((found[0].auth.as_str(), found[0].name.as_str()), ("db", "Zoe Bench"), "{}", bench.name);
    for other in ["zoë.exact", "Zoe.Exact", "zoe.exact ", "ZOE.EXACT", "zoe.exac%"] {
        let found = users::by_usernames(&mut bench.connection, &bench.prefix, 1, &[other.to_owned()]).await.unwrap();
        assert_eq!(found, [], "{}: {other:?}", bench.name);
    }
    // C-2: an account whose host was changed under it; a guest from another Moodle is none.
    let lost = bench.user("Lost", &[("username", "'lost.exact'"), ("auth", "'db'"), ("mnethostid", "0")]).await;
    for (name, expected) in [("lost.exact", Some(lost)), ("far.exact", None), ("Lost.exact", None), ("zoe.exact", None)]
    {
        let found = users::displaced(&mut bench.connection, &bench.prefix, 1, name).await.unwrap();
        assert_eq!(found.map(|user| user.id), expected, "{}: {name}", bench.name);
    }
    assert_eq!(users::by_usernames(&mut bench.connection, &bench.prefix, 1, &[]).await.unwrap(), []);
    let by_id = users::by_ids(&mut bench.connection, &bench.prefix, &[zoe, gone, MoodleUserId(999_999)]).await.unwrap();
    assert_eq!(by_id.len(), 2, "{}", bench.name);
    assert_eq!(users::by_ids(&mut bench.connection, &bench.prefix, &[]).await.unwrap(), []);
}

async fn an_address_is_found_in_any_case(bench: &mut Bench) {
    let mixed = bench.user("Case", &[("email", "'Case.Mixed@Bench.TEST'")]).await;
    let lower = bench.user("Lower", &[("email", "'case.mixed@bench.test'"), ("suspended", "1")]).await;
    bench.user("Dead", &[("email", "'case.mixed@bench.test'"), ("deleted", "1")]).await;
    bench.user("Other", &[("email", "'xcase.mixed@bench.test'")]).await;
    let email = "case.MIXED@bench.test".parse().unwrap();
    let found = users::by_email(&mut bench.connection, &bench.prefix, &email).await.unwrap();
    let ids: BTreeSet<MoodleUserId> = found.into_iter().map(|user| user.id).collect();
    assert_eq!(ids, BTreeSet::from([mixed, lower]), "{}", bench.name);

    let accent = bench.user("Accent", &[("email", "'cäse.mixed@bench.test'")]).await;
    let alone = bench.user("Alone", &[("email", "'alone@bench.test'")]).await;
    let emails = [email, "alone@bench.test".parse().unwrap(), "nobody@bench.test".parse().unwrap()];
    let found = users::by_emails(&mut bench.connection, &bench.prefix, &emails).await.unwrap();
    let found: Vec<_> = found.into_iter().map(|(email, user)| (email, user.id)).collect();
    let case = "case.mixed@bench.test".to_owned();
    let expected = [(case.clone(), mixed), (case, lower), ("alone@bench.test".to_owned(), alone)];
    assert_eq!(found, expected, "{}: not {accent:?}", bench.name);
    assert!(users::by_emails(&mut bench.connection, &bench.prefix, &[]).await.unwrap().is_empty(), "{}", bench.name);
}

async fn a_context_is_complete_or_not(bench: &mut Bench) {
    let mut expected = Vec::new();
    for (path, depth, complete) in [
        (Some("/1/77"), 2, true),
        (Some("/1/3/77"), 3, true),
        (None, 0, false),
        (None, 2, false),
        (Some(""), 2, false),
        (Some("/1/77"), 0, false),
    ] {
        let user = bench.user("Con", &[]).await;
        let id = bench.context(user, path, depth).await;
        expected.push((user, Some(UserContext { id, complete })));
    }
    let without = bench.user("Con", &[]).await;
    expected.push((without, None));
    let ids: Vec<MoodleUserId> = expected.iter().map(|(user, _)| *user).collect();
    let mut found = users::by_ids(&mut bench.connection, &bench.prefix, &ids).await.unwrap();
    found.sort_by_key(|user| user.id);
    let found: Vec<_> = found.into_iter().map(|user| (user.id, user.context)).collect();
    assert_eq!(found, expected, "{}", bench.name);
}

// ---- Pupils ------------------------------------------------------------------------------------------------------------

/// S-5. Every one of these has an admission number.
async fn staff_parents_and_people_who_left_are_never_pupils(bench: &mut Bench) {
    let (course, system) = (bench.course().await, ContextId(1));
    let pupil = bench.pupil("Real").await;
    let own = bench.context(pupil, Some("/1/2"), 2).await;
    bench.assign(pupil, "student", course, "", 0).await;
    // A pupil who may look at their own reports: not over somebody else.
    bench.assign(pupil, "parent", own, "", 0).await;
    let mut others = Vec::new();
    for role in ["manager", "coursecreator", "editingteacher", "teacher"] {
        for context in [course, system] {
            let staff = bench.pupil("Staff").await;
            bench.assign(staff, role, context, "", 0).await;
            others.push(staff);
        }
    }
    // A role of the school's own making, by what it was made from.
    bench
        .run(
            "INSERT INTO {p}role (name, shortname, description, sortorder, archetype) VALUES ('Head', 'headofyear', '', 77, 'teacher')",
            [],
        )
        .await;
    let head = bench.pupil("Head").await;
    bench.assign(head, "headofyear", course, "enrol_manual", 0).await;
    let parent = bench.pupil("Parent").await;
    bench.assign(parent, "parent", own, OURS, 7).await;
    others.extend([head, parent]);
    for attribute in ["deleted", "suspended"] {
        others.push(bench.user("Left", &[("idnumber", "'B9'"), (attribute, "1")]).await);
    }
    let (guest, admin) = (MoodleUserId(1), MoodleUserId(2));
    bench.run("UPDATE {p}user SET idnumber = 'B8' WHERE id IN (1, 2)", []).await;
    others.extend([guest, admin]);
    let asked: Vec<MoodleUserId> = others.iter().copied().chain([pupil]).collect();
    for filter in ["idnumber=*", "auth=manual,db,nologin"] {
        assert_eq!(bench.pupils(&policy(filter), &asked).await, [pupil], "{}: {filter}", bench.name);
    }
    bench.run("UPDATE {p}user SET idnumber = '' WHERE id IN (1, 2)", []).await;
    bench.run("DELETE FROM {p}role_assignments WHERE itemid = 7", []).await;
    assert_eq!(bench.pupils(&Policy::default(), &[]).await, []);
}

async fn who_left_is_known_with_the_reason(bench: &mut Bench) {
    let here = bench.pupil("Here").await;
    let suspended = bench.user("Suspended", &[("idnumber", "'L1'"), ("suspended", "1")]).await;
    let deleted = bench.user("Deleted", &[("deleted", "1")]).await;
    let unmarked = bench.user("Unmarked", &[("department", "'7KL'")]).await;
    let leaver = bench.user("Leaver", &[("idnumber", "'L2'"), ("department", "'LEFT'")]).await;
    let cohort = bench.user("Cohort", &[("idnumber", "'L3'"), ("department", "'LEFT'")]).await;
    bench
        .run("INSERT INTO {p}cohort (contextid, name, idnumber, descriptionformat, timecreated, timemodified) VALUES (1, 'Gone', 'gone', 1, 0, 0)", [])
        .await;
    let member = "INSERT INTO {p}cohort_members (cohortid, userid, timeadded) SELECT id, ?, 0 FROM {p}cohort WHERE idnumber = 'gone'";
    bench.run(member, [cohort.0.into()]).await;
    let nobody = MoodleUserId(987_654_321);
    let asked = [here, suspended, deleted, unmarked, leaver, cohort, nobody];
    let name = bench.name.clone();
    for (filter, left) in
        [("", vec![]), ("department=LEFT", vec![leaver, cohort]), ("department=LEFT cohort=gone", vec![cohort])]
    {
        let mut policy = Policy::default();
        policy.set("leaver_filter", filter).unwrap();
        let site = bench.site(&policy).await;
        let facts = pupils::facts(&mut bench.connection, &bench.prefix, &policy, &site, &asked).await.unwrap();
        let reasons: Vec<Option<Departure>> =
            asked.iter().map(|id| facts.get(id).copied().unwrap_or(PupilFacts::MISSING).departure()).collect();
        let marked = |id| left.contains(&id).then_some(Departure::Leaver);
        let expected = [
            None,
            Some(Departure::Suspended),
            Some(Departure::Deleted),
            Some(Departure::NotAPupil),
            marked(leaver),
            marked(cohort),
            Some(Departure::Deleted),
        ];
        assert_eq!(reasons, expected, "{name}: {filter:?}");
        // Nothing new is given to who is marked as a leaver.
        let pupils: Vec<MoodleUserId> = [here, leaver, cohort].into_iter().filter(|id| !left.contains(id)).collect();
        assert_eq!(bench.pupils(&policy, &asked).await, pupils, "{name}: {filter:?}");
    }
    let policy = Policy::default();
    let site = bench.site(&policy).await;
    let named =
        pupils::named(&mut bench.connection, &bench.prefix, &policy, &[leaver, suspended, nobody]).await.unwrap();
    let mut named: Vec<(MoodleUserId, String)> = named.into_iter().map(|pupil| (pupil.id, pupil.tutor_group)).collect();
    named.sort_unstable();
    assert_eq!(named, [(suspended, String::new()), (leaver, "LEFT".to_owned())], "{name}: whoever they are now");
    assert!(pupils::any(&mut bench.connection, &bench.prefix, &policy, &site).await.unwrap(), "{name}");
    for filter in ["cohort=nosuch", "idnumber=nosuch"] {
        let policy = self::policy(filter);
        assert!(!pupils::any(&mut bench.connection, &bench.prefix, &policy, &site).await.unwrap(), "{name}: {filter}");
    }
    bench.run("UPDATE {p}user SET idnumber = 'L9' WHERE id = 2", []).await;
    let administrator = self::policy("idnumber=L9");
    assert!(!pupils::any(&mut bench.connection, &bench.prefix, &administrator, &site).await.unwrap(), "{name}");
    bench.run("UPDATE {p}user SET idnumber = '' WHERE id = 2", []).await;
}

async fn every_field_of_the_filter_works(bench: &mut Bench) {
    let course = bench.course().await;
    bench.run("INSERT INTO {p}user_info_field (shortname, name, datatype) VALUES ('kind', 'Kind', 'text')", []).await;
    bench.run("INSERT INTO {p}user_info_field (shortname, name, datatype) VALUES ('form', 'Form', 'text')", []).await;
    let field = bench.number("SELECT id FROM {p}user_info_field WHERE shortname = 'kind'").await;
    let form = bench.number("SELECT id FROM {p}user_info_field WHERE shortname = 'form'").await;
    bench
        .run(
            "INSERT INTO {p}cohort (contextid, name, idnumber, descriptionformat, timecreated, timemodified) VALUES \
             (1, 'Bench', 'bench', 0, 0, 0)",
            [],
        )
        .await;
    let cohort = bench.number("SELECT id FROM {p}cohort WHERE idnumber = 'bench'").await;

    let all = bench.user("All", &[("auth", "'ldap'"), ("idnumber", "'F1'"), ("department", "'7KL'")]).await;
    let none = bench.user("None", &[]).await;
    bench
        .run(
            "INSERT INTO {p}cohort_members (cohortid, userid, timeadded) VALUES (?, ?, 0)",
            [cohort.into(), all.0.into()],
        )
        .await;
    for (field, data) in [(field, "pupil"), (form, "9 KL")] {
        let args: [Value; 3] = [all.0.into(), field.into(), data.into()];
        bench.run("INSERT INTO {p}user_info_data (userid, fieldid, data) VALUES (?, ?, ?)", args).await;
    }
    let args: [Value; 2] = [none.0.into(), field.into()];
    bench.run("INSERT INTO {p}user_info_data (userid, fieldid, data) VALUES (?, ?, '')", args).await;
    bench.assign(all, "student", course, "", 0).await;

    for (condition, fits) in [
        ("auth=ldap", true),
        ("auth=db,ldap", true),
        ("auth=db", false),
        ("idnumber=*", true),
        ("idnumber=F1,F2", true),
        ("idnumber=F2", false),
        ("department=*", true),
        ("department=7KL", true),
        ("department=8KL", false),
        ("cohort=bench", true),
        ("cohort=other,bench", true),
        ("cohort=other", false),
        ("role=student", true),
        ("role=guest", false),
        ("profile:kind=pupil", true),
        ("profile:kind=staff,pupil", true),
        ("profile:kind=staff", false),
        ("profile:kind=*", true),
        ("profile:nofield=*", false),
    ] {
        let (field, values) = condition.split_once('=').unwrap();
        let (with, without) = (policy(condition), policy(&format!("{field}!={values}")));
        // `none` has none of it, so that it fits exactly the negations (but signs in by hand, in neither list).
        let found = bench.pupils(&with, &[all, none]).await;
        let expected: &[MoodleUserId] = if fits { &[all] } else { &[] };
        assert_eq!(found, expected, "{}: {condition}", bench.name);
        let found = bench.pupils(&without, &[all, none]).await;
        let expected: &[MoodleUserId] = if fits { &[none] } else { &[all, none] };
        assert_eq!(found, expected, "{}: not {condition}", bench.name);
    }
    // All at once, the tutor group out of a profile field: values are bound in the order of the text.
    let mut every =
        policy("auth=ldap idnumber=F1 department!=8KL cohort=bench role=student profile:kind=pupil profile:form!=x");
    every.tutor_group_field = "profile:form".to_owned().try_into().unwrap();
    assert_eq!(bench.pupils(&every, &[all, none]).await, [all], "{}", bench.name);
    let site = bench.site(&every).await;
    let found = pupils::all(&mut bench.connection, &bench.prefix, &every, &site).await.unwrap();
    let expected = Pupil {
        id: all,
        given_name: "All".into(),
        family_name: "Bench".into(),
        tutor_group: "9 KL".into(),
        admission_number: "F1".into(),
    };
    assert_eq!(found.into_iter().find(|pupil| pupil.id == all), Some(expected), "{}", bench.name);
    every.pupil_filter = "profile:kind!=*".parse().unwrap();
    let found = pupils::all(&mut bench.connection, &bench.prefix, &every, &site).await.unwrap();
    let groups: Vec<String> =
        found.into_iter().filter(|pupil| pupil.id == none).map(|pupil| pupil.tutor_group).collect();
    assert_eq!(groups, [""], "{}: a pupil without the field has no tutor group", bench.name);
}

/// C-9. The MariaDB of the tests speaks latin1 unless it is told otherwise.
async fn accented_names_come_back_as_they_are(bench: &mut Bench) {
    let written = [("Zoë", "5A6FC3AB"), ("Seán", "5365C3A16E"), ("Łukasz", "C581756B61737A"), ("小明", "E5B08FE6988E")];
    let mut ids = Vec::new();
    for (name, _) in written {
        let id = bench.pupil("Plain").await;
        bench
            .run(
                "UPDATE {p}user SET firstname = ?, department = ? WHERE id = ?",
                [name.into(), "7Ä".into(), id.0.into()],
            )
            .await;
        ids.push(id);
    }
    if bench.engine() == Engine::MySql {
        for (id, (name, hex)) in ids.iter().zip(written) {
            let same = format!("SELECT COUNT(*) FROM {{p}}user WHERE id = {id} AND HEX(firstname) = '{hex}'");
            assert_eq!(bench.number(&same).await, 1, "{name} lies there in UTF-8");
        }
    }
    let policy = Policy::default();
    let site = bench.site(&policy).await;
    let found = pupils::all(&mut bench.connection, &bench.prefix, &policy, &site).await.unwrap();
    for (id, (name, _)) in ids.iter().zip(written) {
        let pupil = found.iter().find(|pupil| pupil.id == *id).unwrap();
        assert_eq!((pupil.given_name.as_str(), pupil.tutor_group.as_str()), (name, "7Ä"), "{}", bench.name);
    }
}

// ---- Role rows as they are ---------------------------------------------------------------------------------------------

async fn role_rows_are_ours_by_component_or_by_ledger(bench: &mut Bench) {
    let role = bench.role().await;
    let (adult, child) = (bench.user("Ann", &[]).await, bench.pupil("Kid").await);
    let context = bench.context(child, Some("/1/9"), 2).await;
    for (component, item) in [(OURS, 41), (OURS, 42), ("", 0), ("tool_cohortroles", 5)] {
        bench.assign(adult, "parent", context, component, item).await;
    }
    let (connection, prefix) = (&mut bench.connection, &bench.prefix);
    let ours = Ownership::Component(OURS.into());
    let mut found = roles::of_users(connection, prefix, &ours, &[adult, child]).await.unwrap();
    found.sort_by_key(|row| row.item);
    assert!(found.iter().all(|row| row.ours && row.user == adult && row.context == context && row.role == role));
    assert_eq!(found.iter().map(|row| row.item).collect::<Vec<_>>(), [41, 42], "{}", bench.name);
    assert_eq!(roles::of_users(connection, prefix, &ours, &[]).await.unwrap(), []);

    let page = roles::page(connection, prefix, &ours, found[0].id - 1, 1).await.unwrap();
    assert_eq!(page, [found[0]], "{}", bench.name);
    let page = roles::page(connection, prefix, &ours, page[0].id, 100).await.unwrap();
    assert_eq!(page, [found[1]], "{}", bench.name);

    // Without a component the row by hand looks like ours: only the ledger tells.
    for (keys, is_ours) in [(HashSet::new(), false), (HashSet::from([(adult, context, role, 0)]), true)] {
        let ledger = Ownership::Ledger(keys);
        let found = roles::of_users(connection, prefix, &ledger, &[adult]).await.unwrap();
        assert_eq!(found.iter().map(|row| (row.item, row.ours)).collect::<Vec<_>>(), [(0, is_ours)], "{}", bench.name);
        assert_eq!(roles::page(connection, prefix, &ledger, 0, 100).await.unwrap(), []);
    }
    bench.run("DELETE FROM {p}role_assignments WHERE userid = ?", [adult.0.into()]).await;
}

// ---- Writing -----------------------------------------------------------------------------------------------------------

async fn contexts_are_made_and_mended_but_never_doubled(bench: &mut Bench) {
    let mut people = Vec::new();
    for _ in 0..6 {
        people.push(bench.pupil("Mend").await);
    }
    let [missing, unbuilt, blank, flat, deep, meanwhile] = people[..] else { unreachable!() };
    bench.context(unbuilt, None, 0).await;
    bench.context(blank, Some(""), 2).await;
    bench.context(flat, Some("/1/0"), 0).await;
    // C-4: a context that Moodle put elsewhere is used as it is.
    let deep_context = bench.context(deep, Some("/1/3/88"), 3).await;
    // Made by Moodle after we looked.
    let meanwhile_context = bench.context(meanwhile, Some("/1/5/99"), 3).await;
    let plan = Plan {
        new_contexts: BTreeSet::from([missing, meanwhile]),
        mended_contexts: BTreeSet::from([unbuilt, blank, flat, deep]),
        ..Plan::default()
    };
    for round in 1..=2 {
        let made = bench.contexts(&plan).await;
        assert_eq!(made.keys().copied().collect::<Vec<_>>(), people, "{}", bench.name);
        assert_eq!((made[&deep], made[&meanwhile]), (deep_context, meanwhile_context), "{}", bench.name);
        for user in [missing, unbuilt, blank, flat] {
            let whole = format!(
                "SELECT COUNT(*) FROM {{p}}context WHERE contextlevel = 30 AND instanceid = {user} AND depth = 2 AND locked = 0 \
                 AND path = '/1/{}' AND id = {}",
                made[&user], made[&user]
            );
            assert_eq!(bench.number(&whole).await, 1, "{}: {user} in round {round}", bench.name);
        }
        for (user, path) in [(deep, "/1/3/88"), (meanwhile, "/1/5/99")] {
            let same = format!(
                "SELECT COUNT(*) FROM {{p}}context WHERE instanceid = {user} AND contextlevel = 30 AND depth = 3 AND path = '{path}'"
            );
            assert_eq!(bench.number(&same).await, 1, "{}: as it was", bench.name);
        }
    }
    assert_eq!(bench.contexts(&Plan::default()).await, BTreeMap::new());
}

async fn role_rows_are_written_once(bench: &mut Bench) {
    let role = bench.role().await;
    let (adult, other, child) = (bench.user("Ada", &[]).await, bench.user("Bob", &[]).await, bench.pupil("Kid").await);
    let context = bench.context(child, Some("/1/9"), 2).await;
    // A row by hand for the same pair is foreign: never a reason to skip ours.
    bench.assign(adult, "parent", context, "", 0).await;
    let plan = Plan {
        additions: BTreeSet::from([
            addition(adult, child, role, 51, Some(context)),
            addition(other, child, role, 52, Some(context)),
        ]),
        ..Plan::default()
    };
    let clock = bench.clock().await;
    for _ in 0..2 {
        bench.apply(&plan, &[]).await.unwrap();
        let rows = format!(
            "SELECT COUNT(*) FROM {{p}}role_assignments WHERE contextid = {context} AND roleid = {role} AND component = '{OURS}' AND \
             modifierid = 2 AND sortorder = 0 AND timemodified >= {clock} AND timemodified < {clock} + 600 AND \
             (userid = {adult} AND itemid = 51 OR userid = {other} AND itemid = 52)"
        );
        assert_eq!(bench.number(&rows).await, 2, "{}", bench.name);
        let all = format!("SELECT COUNT(*) FROM {{p}}role_assignments WHERE contextid = {context}");
        assert_eq!(bench.number(&all).await, 3, "{}", bench.name);
    }
    // C-4: without its context no row is written, and no other either.
    let third = bench.user("Eva", &[]).await;
    let plan = Plan {
        additions: BTreeSet::from([
            addition(third, child, role, 53, Some(context)),
            addition(third, child, role, 54, None),
        ]),
        ..Plan::default()
    };
    let error = bench.apply(&plan, &[]).await.unwrap_err();
    assert!(matches!(error, MoodleError::NoContext(user) if user == third), "{}: {error}", bench.name);
    assert_eq!(bench.number(&format!("SELECT COUNT(*) FROM {{p}}role_assignments WHERE userid = {third}")).await, 0);
    assert_eq!(bench.number("SELECT COUNT(*) FROM {p}role_assignments WHERE contextid = 0").await, 0);
}

/// Our rows of a user, as a plan would remove them, with their components.
async fn rows_of(bench: &mut Bench, user: MoodleUserId) -> Vec<(Removal, String)> {
    let sql = bench
        .sql("SELECT id, contextid, roleid, itemid, component FROM {p}role_assignments WHERE userid = ? ORDER BY id");
    let rows: Vec<(i64, i64, i64, i64, String)> = bench.connection.fetch_all(&sql, [user.0.into()]).await.unwrap();
    let removal = |(id, context, role, item, component)| {
        let row = ActualRole { id, user, context: ContextId(context), role: RoleId(role), item, ours: true };
        (Removal { row, reason: Reason::LinkEnded }, component)
    };
    rows.into_iter().map(removal).collect()
}

async fn only_rows_of_ours_are_removed(bench: &mut Bench) {
    let (adult, child) = (bench.user("Rem", &[]).await, bench.pupil("Kid").await);
    let context = bench.context(child, Some("/1/9"), 2).await;
    for (component, item) in [(OURS, 61), (OURS, 62), ("", 0), ("tool_cohortroles", 5)] {
        bench.assign(adult, "parent", context, component, item).await;
    }
    let rows = rows_of(bench, adult).await;
    // A plan that was wrong about whose rows these are.
    let plan = Plan {
        removals: rows.iter().map(|(removal, _)| *removal).filter(|removal| removal.row.item != 62).collect(),
        ..Plan::default()
    };
    assert_eq!(plan.removals.len(), 3);
    for _ in 0..2 {
        bench.apply(&plan, &[]).await.unwrap();
        let left: Vec<(i64, String)> = rows_of(bench, adult).await.into_iter().map(|(r, c)| (r.row.item, c)).collect();
        let expected = [(62, OURS.to_owned()), (0, String::new()), (5, "tool_cohortroles".to_owned())];
        assert_eq!(left, expected, "{}", bench.name);
    }
    assert_eq!(bench.number(&format!("SELECT COUNT(*) FROM {{p}}cache_flags WHERE name = '{adult}'")).await, 1);
}

/// Every role row of a Moodle but for the columns that adopting changes, with them at the end.
async fn whole_rows(bench: &mut Bench) -> Vec<(i64, String, String)> {
    let sql = bench.sql(
        "SELECT id, CONCAT(roleid, ' ', contextid, ' ', userid, ' ', timemodified, ' ', modifierid, ' ', sortorder), \
         CONCAT(component, ' ', itemid) FROM {p}role_assignments ORDER BY id",
    );
    bench.connection.fetch_all(&sql, []).await.unwrap()
}

async fn a_row_is_adopted_and_given_back_and_no_other_changes(bench: &mut Bench) {
    let role = bench.role().await;
    let site = bench.site(&Policy::default()).await;
    let (adult, other, child) = (bench.user("Ada", &[]).await, bench.user("Bob", &[]).await, bench.pupil("Kid").await);
    let context = bench.context(child, Some("/1/9"), 2).await;
    let counted = adoption::count(&mut bench.connection, &bench.prefix, role).await.unwrap();
    let other_role = if bench.number("SELECT COUNT(*) FROM {p}role WHERE shortname = 'student'").await == 1 {
        "student"
    } else {
        "parent"
    };
    for (user, name, at, component, item) in [
        (adult, "parent", context, "", 0),
        (other, "parent", context, "", 0),
        (adult, "parent", context, OURS, 71),
        (adult, "parent", ContextId(1), "", 0),
        (adult, other_role, context, "tool_cohortroles", 0),
        (adult, "parent", context, "tool_cohortroles", 5),
        (adult, "parent", context, OURS, 72),
    ] {
        bench.assign(user, name, at, component, item).await;
    }
    bench
        .run(
            "UPDATE {p}role_assignments SET timemodified = 7, modifierid = 5 WHERE userid IN (?, ?)",
            [adult.0.into(), other.0.into()],
        )
        .await;
    let before = whole_rows(bench).await;
    assert_eq!(
        adoption::count(&mut bench.connection, &bench.prefix, role).await.unwrap(),
        counted + 2,
        "{}",
        bench.name
    );

    let ownership = Ownership::Component(OURS.into());
    let rows = adoption::rows(&mut bench.connection, &bench.prefix, role, &ownership, &[adult, other]).await.unwrap();
    let mut found: Vec<(MoodleUserId, i64, bool)> = rows.iter().map(|row| (row.user, row.item, row.ours)).collect();
    found.sort_unstable();
    let expected = [(adult, 0, false), (adult, 0, false), (adult, 71, true), (adult, 72, true), (other, 0, false)];
    assert_eq!(found, expected, "{}", bench.name);
    let of = |user: MoodleUserId, item: i64| {
        *rows.iter().find(|row| (row.user, row.context, row.item) == (user, context, item)).unwrap()
    };
    let change = |write: Write, row: ActualRole, item: i64| Change {
        write,
        row,
        item,
        adult: Id::new(1, &[7; 10]),
        pupil: child,
    };
    let adopt = [
        change(Write::Adopt, of(adult, 0), 71),
        change(Write::Adopt, of(other, 0), 73),
        change(Write::Remove, of(adult, 71), 71),
    ];
    let wrongs = [
        (change(Write::Adopt, ActualRole { user: other, ..of(adult, 0) }, 71), "another person's"),
        (change(Write::Adopt, ActualRole { context: ContextId(1), ..of(adult, 0) }, 71), "at another place"),
        (change(Write::Adopt, ActualRole { role: RoleId(77), ..of(adult, 0) }, 71), "in another role"),
        (change(Write::Adopt, of(adult, 72), 71), "ours"),
        (change(Write::GiveBack, of(adult, 0), 71), "nobody's"),
        (change(Write::GiveBack, of(adult, 72), 71), "of another link"),
    ];
    // A row that is not as it was planned: nothing is written, of the others neither.
    for (wrong, why) in wrongs {
        let error = bench.adopt(&site, &[adopt[1], wrong]).await.unwrap_err();
        assert!(matches!(error, MoodleError::RowsChanged), "{}: {why}: {error}", bench.name);
        assert_eq!(whole_rows(bench).await, before, "{}: {why}", bench.name);
    }
    bench.adopt(&site, &adopt).await.unwrap();
    let copy = of(adult, 71).id;
    let after: Vec<(i64, String, String)> = before
        .iter()
        .filter(|(id, ..)| *id != copy)
        .map(|(id, row, mark)| {
            let mark = if *id == of(adult, 0).id {
                format!("{OURS} 71")
            } else if *id == of(other, 0).id {
                format!("{OURS} 73")
            } else {
                mark.clone()
            };
            (*id, row.clone(), mark)
        })
        .collect();
    assert_eq!(whole_rows(bench).await, after, "{}", bench.name);
    for user in [adult, other] {
        assert_eq!(bench.number(&format!("SELECT COUNT(*) FROM {{p}}cache_flags WHERE name = '{user}'")).await, 1);
    }
    // A second time there is nothing to adopt.
    assert!(matches!(bench.adopt(&site, &adopt[..1]).await.unwrap_err(), MoodleError::RowsChanged), "{}", bench.name);
    let ours = |user, item| ActualRole { item, ours: true, ..of(user, 0) };
    let back = [change(Write::GiveBack, ours(adult, 71), 71), change(Write::GiveBack, ours(other, 73), 73)];
    bench.adopt(&site, &back).await.unwrap();
    let left: Vec<_> = before.into_iter().filter(|(id, ..)| *id != copy).collect();
    assert_eq!(whole_rows(bench).await, left, "{}", bench.name);
    bench.run("DELETE FROM {p}role_assignments WHERE userid IN (?, ?)", [adult.0.into(), other.0.into()]).await;
}

async fn a_dirty_flag_is_one_row_that_is_renewed(bench: &mut Bench) {
    let role = bench.role().await;
    let (old, new, child) = (bench.user("Old", &[]).await, bench.user("New", &[]).await, bench.pupil("Kid").await);
    let context = bench.context(child, Some("/1/9"), 2).await;
    for (kind, name) in
        [("accesslib/dirtyusers", old), ("userpreferenceschanged", old), ("accesslib/dirtyusers", child)]
    {
        let args: [Value; 2] = [kind.into(), name.to_string().into()];
        bench
            .run(
                "INSERT INTO {p}cache_flags (flagtype, name, timemodified, value, expiry) VALUES (?, ?, 5, '0', 6)",
                args,
            )
            .await;
    }
    let flags = |bench: &Bench| {
        bench.sql("SELECT flagtype, name, timemodified, value, expiry FROM {p}cache_flags WHERE name IN (?, ?, ?) ORDER BY id")
    };
    let names: [Value; 3] = [old, new, child].map(|user| user.to_string().into());
    for item in [71, 72] {
        let plan = Plan {
            additions: [old, new].map(|user| addition(user, child, role, item, Some(context))).into(),
            ..Plan::default()
        };
        let before = bench.clock().await;
        bench.apply(&plan, &[]).await.unwrap();
        let after = bench.clock().await;
        let sql = flags(bench);
        let found: Vec<(String, String, i64, String, i64)> =
            bench.connection.fetch_all(&sql, names.clone()).await.unwrap();
        let mut dirty: Vec<&str> = Vec::new();
        for (kind, name, at, value, expiry) in &found {
            if kind == "accesslib/dirtyusers" && *name != child.to_string() {
                dirty.push(name);
                // Not before the change; expiring no sooner than a session can live; not far in the future.
                assert!(*at >= after && *at <= after + 5 && *at >= before, "{}: {at} at {after}", bench.name);
                assert_eq!((value.as_str(), expiry - at), ("1", 28_800), "{}", bench.name);
            } else {
                assert_eq!((*at, value.as_str(), *expiry), (5, "0", 6), "{}: nobody else's flag", bench.name);
            }
        }
        assert_eq!(dirty, [old.to_string(), new.to_string()], "{}: one row each", bench.name);
        assert_eq!(found.len(), 4, "{}", bench.name);
    }
    // A setting of the school's: the flag lasts as long as a session.
    bench.run("UPDATE {p}config SET value = '7200' WHERE name = 'sessiontimeout'", []).await;
    bench.apply(&Plan::default(), &[new]).await.unwrap();
    bench.run("UPDATE {p}config SET value = '28800' WHERE name = 'sessiontimeout'", []).await;
    let lasts = format!(
        "SELECT expiry - timemodified FROM {{p}}cache_flags WHERE flagtype = 'accesslib/dirtyusers' AND name = '{new}'"
    );
    assert_eq!(bench.number(&lasts).await, 7_200, "{}", bench.name);
}

async fn session(bench: &mut Bench, user: MoodleUserId, sid: &str, created: i64) {
    let args: [Value; 4] = [sid.into(), user.0.into(), created.into(), created.into()];
    bench
        .run("INSERT INTO {p}sessions (state, sid, userid, timecreated, timemodified) VALUES (0, ?, ?, ?, ?)", args)
        .await;
}

async fn only_named_users_lose_their_sessions(bench: &mut Bench) {
    let (gone, stays) = (bench.user("Gone", &[]).await, bench.user("Stays", &[]).await);
    for (user, sid) in [(gone, "bench1"), (gone, "bench2"), (stays, "bench3")] {
        session(bench, user, sid, 5).await;
    }
    let all = bench.number("SELECT COUNT(*) FROM {p}sessions").await;
    bench.apply(&Plan::default(), &[]).await.unwrap();
    assert_eq!(bench.number("SELECT COUNT(*) FROM {p}sessions").await, all, "{}", bench.name);
    bench.apply(&Plan::default(), &[gone]).await.unwrap();
    assert_eq!(bench.number("SELECT COUNT(*) FROM {p}sessions").await, all - 2, "{}", bench.name);
    assert_eq!(bench.number(&format!("SELECT COUNT(*) FROM {{p}}sessions WHERE userid = {stays}")).await, 1);
    // File sessions live on without their row until the flag tells them.
    assert_eq!(bench.number(&format!("SELECT COUNT(*) FROM {{p}}cache_flags WHERE name = '{gone}'")).await, 1);
}

/// The flags come last: when they fail, nothing of what went before stays.
async fn a_failure_half_way_leaves_nothing(bench: &mut Bench) {
    let (adult, child) = (bench.user("Half", &[]).await, bench.pupil("Kid").await);
    let context = bench.context(child, Some("/1/9"), 2).await;
    bench.assign(adult, "parent", context, OURS, 81).await;
    session(bench, adult, "benchhalf", 5).await;
    let policy = Policy::default();
    let mut site = bench.site(&policy).await;
    if bench.engine() == Engine::Sqlite {
        // SQLite takes any number.
        let trigger = "CREATE TRIGGER bench_fails BEFORE INSERT ON {p}cache_flags BEGIN SELECT RAISE(ABORT, 'no'); END";
        bench.run(trigger, []).await;
    } else {
        site.session_timeout = i64::MAX - 10;
    }
    let removals: BTreeSet<Removal> = rows_of(bench, adult).await.into_iter().map(|(removal, _)| removal).collect();
    let additions = BTreeSet::from([addition(adult, child, site.link_role, 82, Some(context))]);
    let plan = Plan { removals, additions, ..Plan::default() };
    let ended = BTreeSet::from([adult]);
    let result = apply::roles(&mut bench.connection, &bench.prefix, &site, &signature(), &plan, &ended).await;
    assert!(matches!(result, Err(MoodleError::Db(_))), "{}: {result:?}", bench.name);
    let items: Vec<i64> = rows_of(bench, adult).await.into_iter().map(|(removal, _)| removal.row.item).collect();
    assert_eq!(items, [81], "{}", bench.name);
    assert_eq!(
        bench.number(&format!("SELECT COUNT(*) FROM {{p}}sessions WHERE userid = {adult}")).await,
        1,
        "{}",
        bench.name
    );
    assert_eq!(
        bench.number(&format!("SELECT COUNT(*) FROM {{p}}cache_flags WHERE name = '{adult}'")).await,
        0,
        "{}",
        bench.name
    );
    if bench.engine() == Engine::Sqlite {
        bench.run("DROP TRIGGER bench_fails", []).await;
    }
    bench.apply(&plan, &[adult]).await.unwrap();
    let items: Vec<i64> = rows_of(bench, adult).await.into_iter().map(|(removal, _)| removal.row.item).collect();
    assert_eq!(items, [82], "{}: the same connection goes on", bench.name);
}

// ---- Tasks and evidence ------------------------------------------------------------------------------------------------

async fn only_enabled_tasks_are_hurried(bench: &mut Bench) {
    assert_eq!(tasks::SYNC_USERS, demo::tasks::SYNC_USERS);
    let set = "UPDATE {p}task_scheduled SET disabled = ?, nextruntime = 4000000000, faildelay = ?, lastruntime = ? WHERE classname = ?";
    bench.run(set, [1.into(), 0.into(), 50.into(), tasks::SYNC_USERS.into()] as [Value; 4]).await;
    bench.run(set, [0.into(), 120.into(), 0.into(), tasks::SEND_PASSWORDS.into()] as [Value; 4]).await;
    let (connection, prefix) = (&mut bench.connection, &bench.prefix);
    for task in [tasks::SYNC_USERS, tasks::SEND_PASSWORDS, "\\no\\such\\task"] {
        tasks::hurry(connection, prefix, task).await.unwrap();
    }
    let sync = tasks::state(connection, prefix, tasks::SYNC_USERS).await.unwrap().unwrap();
    let expected =
        tasks::TaskState { disabled: true, last_run: Some(50), next_run: Some(4_000_000_000), fail_delay: 0 };
    assert_eq!(sync, expected, "{}: an administrator switched it off", bench.name);
    let passwords = tasks::state(connection, prefix, tasks::SEND_PASSWORDS).await.unwrap().unwrap();
    let expected = tasks::TaskState { disabled: false, last_run: None, next_run: Some(0), fail_delay: 120 };
    assert_eq!(passwords, expected, "{}", bench.name);
    assert_eq!(tasks::state(connection, prefix, "\\no\\such\\task").await.unwrap(), None);

    bench.run("UPDATE {p}task_scheduled SET lastruntime = CASE WHEN disabled = 1 THEN 0 END", []).await;
    let age = tasks::seconds_since_cron(&mut bench.connection, &bench.prefix).await.unwrap();
    assert_eq!(age, None, "{}: no task ever ran", bench.name);
    let clock = bench.clock().await;
    // Also when the servers' clocks differ: nothing here may overflow below zero.
    for ago in [90, -900] {
        bench
            .run(
                "UPDATE {p}task_scheduled SET lastruntime = ? WHERE classname = ?",
                [(clock - ago).into(), tasks::SYNC_USERS.into()],
            )
            .await;
        let age = tasks::seconds_since_cron(&mut bench.connection, &bench.prefix).await.unwrap().unwrap();
        assert!((ago..ago + 60).contains(&age), "{}: {age}", bench.name);
    }
    bench.run("UPDATE {p}task_scheduled SET faildelay = 0", []).await;
}

async fn evidence_is_what_the_tables_say(bench: &mut Bench) {
    let role = bench.role().await;
    let (adult, child) =
        (bench.user("Evi", &[("auth", "'db'"), ("username", "'evi.dence'")]).await, bench.pupil("Kid").await);
    let context = bench.context(child, Some("/1/9"), 2).await;
    let now = bench.clock().await;
    for (capability, allowed) in [("moodle/user:viewdetails", true), ("moodle/user:update", false)] {
        let found = evidence::role_allows(&mut bench.connection, &bench.prefix, role, capability).await.unwrap();
        assert_eq!(found, allowed, "{}: {capability}", bench.name);
    }
    let row = evidence::role_row(&mut bench.connection, &bench.prefix, OURS, role, context, adult).await.unwrap();
    assert_eq!(row, None, "{}", bench.name);
    bench.assign(adult, "parent", context, OURS, 91).await;
    bench.run("UPDATE {p}role_assignments SET timemodified = ? WHERE itemid = 91", [now.into()]).await;
    let row = evidence::role_row(&mut bench.connection, &bench.prefix, OURS, role, context, adult).await.unwrap();
    assert_eq!(row, Some(now), "{}", bench.name);

    let stale = async |bench: &mut Bench| {
        evidence::has_stale_session(&mut bench.connection, &bench.prefix, adult, now).await.unwrap()
    };
    assert!(!stale(bench).await, "{}: no session at all", bench.name);
    session(bench, adult, "bencholder", now - 60).await;
    assert!(stale(bench).await, "{}: older than the row, and not told", bench.name);
    bench.apply(&Plan::default(), &[]).await.unwrap();
    let flag = "INSERT INTO {p}cache_flags (flagtype, name, timemodified, value, expiry) VALUES ('accesslib/dirtyusers', ?, ?, '1', ?)";
    let name: Value = adult.to_string().into();
    bench.run(flag, [name.clone(), (now - 5).into(), (now + 900).into()]).await;
    assert!(stale(bench).await, "{}: told before the row", bench.name);
    bench
        .run(
            "UPDATE {p}cache_flags SET timemodified = ?, expiry = ? WHERE name = ?",
            [now.into(), (now - 5).into(), name.clone()],
        )
        .await;
    assert!(stale(bench).await, "{}: told, but the flag ran out", bench.name);
    bench.run("UPDATE {p}cache_flags SET expiry = ? WHERE name = ?", [(now + 900).into(), name]).await;
    assert!(!stale(bench).await, "{}: told", bench.name);

    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    let without = async |bench: &mut Bench, of: &[&str]| {
        evidence::accounts_without_login_row(&mut bench.connection, &bench.prefix, &names(of)).await.unwrap()
    };
    let lost = without(bench, &[]).await;
    assert!(lost >= 1, "{}", bench.name);
    assert_eq!(without(bench, &["evi.dence", "else"]).await, lost - 1, "{}", bench.name);
    bench.run("UPDATE {p}user SET email = 'Evi@Example.org' WHERE username = 'evi.dence'", []).await;
    let others = async |bench: &mut Bench, username: &str, email: &str| {
        let addresses = [(username.to_owned(), email.to_owned())].into();
        evidence::accounts_with_another_address(&mut bench.connection, &bench.prefix, &addresses).await.unwrap()
    };
    assert_eq!(others(bench, "evi.dence", "evi@example.ORG").await, 0, "{}: the case is not the address", bench.name);
    assert_eq!(others(bench, "evi.dence", "new@example.org").await, 1, "{}", bench.name);
    assert_eq!(others(bench, "nobody", "new@example.org").await, 0, "{}: not an account of ours", bench.name);
    let (all, living) = users::count_auth_db(&mut bench.connection, &bench.prefix).await.unwrap();
    bench.run("UPDATE {p}user SET suspended = 1 WHERE id = ?", [adult.0.into()]).await;
    assert_eq!(without(bench, &[]).await, lost - 1, "{}: suspended already", bench.name);
    assert_eq!(users::count_auth_db(&mut bench.connection, &bench.prefix).await.unwrap(), (all, living - 1));
    bench.run("DELETE FROM {p}role_assignments WHERE itemid = 91", []).await;
}

async fn missing_tables_and_columns_are_named(bench: &mut Bench) {
    let missing = evidence::missing_schema(&mut bench.connection, &bench.prefix, true).await.unwrap();
    assert_eq!(missing, [] as [String; 0], "{}", bench.name);
    let other = Prefix::parse("nomoodle_").unwrap();
    let missing = evidence::missing_schema(&mut bench.connection, &other, true).await.unwrap();
    assert_eq!(missing.len(), schema::USED.len(), "{}", bench.name);
    bench.run("ALTER TABLE {p}sessions RENAME COLUMN timemodified TO touched", []).await;
    let missing = evidence::missing_schema(&mut bench.connection, &bench.prefix, true).await.unwrap();
    assert!(matches!(&missing[..], [one] if one.contains("timemodified")), "{}: {missing:?}", bench.name);
    bench.run("ALTER TABLE {p}sessions RENAME COLUMN touched TO timemodified", []).await;
}

// ---- Servers only ------------------------------------------------------------------------------------------------------

/// Moodle's tables have the collation that the administrator once chose; so have comparisons with what we send.
#[tokio::test]
async fn every_collation_that_a_moodle_can_have_works() {
    for (charset, collation) in [
        ("utf8mb4", "utf8mb4_general_ci"),
        ("utf8mb4", "utf8mb4_bin"),
        ("utf8mb4", "utf8mb4_unicode_520_ci"),
        ("utf8mb3", "utf8mb3_unicode_ci"),
        ("utf8mb3", "utf8mb3_general_ci"),
    ] {
        let mut bench = Bench::ours(Engine::MySql, "mdl_").await;
        bench.name = collation.to_owned();
        for (table, _) in schema::USED {
            let convert = format!("ALTER TABLE {{p}}{table} CONVERT TO CHARACTER SET {charset} COLLATE {collation}");
            bench.run(&convert, []).await;
        }
        a_user_name_is_exact_whatever_the_collation(&mut bench).await;
        an_address_is_found_in_any_case(&mut bench).await;
        every_field_of_the_filter_works(&mut bench).await;
        accented_names_come_back_as_they_are(&mut bench).await;
        role_rows_are_written_once(&mut bench).await;
        only_rows_of_ours_are_removed(&mut bench).await;
        a_dirty_flag_is_one_row_that_is_renewed(&mut bench).await;
        evidence_is_what_the_tables_say(&mut bench).await;
        bench.close().await;
    }
}

/// The lock once it is free: a server notices the end of a connection a moment later.
async fn lock_soon(moodle: &Moodle) -> Locked {
    for _ in 0..100 {
        if let Some(locked) = moodle.lock().await.unwrap() {
            return locked;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the lock does not become free");
}

#[tokio::test]
async fn one_writer_at_a_time_and_only_for_its_own_moodle() {
    for engine in [Engine::MySql, Engine::Postgres] {
        let (first, second) = (fresh(engine).await, fresh(engine).await);
        // Two processes have two pools.
        let process = |test: &TestDb, prefix: &str| {
            Moodle::new(Db::connect_lazy(&test.url, Options::default()).unwrap(), Prefix::parse(prefix).unwrap())
        };
        let (mine, theirs) = (process(&first, "mdl_"), process(&first, "mdl_"));
        let held = mine.lock().await.unwrap().unwrap();
        assert!(theirs.lock().await.unwrap().is_none(), "{engine}: held by another process");
        assert!(mine.lock().await.unwrap().is_none(), "{engine}: held by another connection of this process");
        for other in [process(&second, "mdl_"), process(&first, "zzz_")] {
            assert!(other.lock().await.unwrap().is_some(), "{engine}: another Moodle on the same server");
        }
        held.release().await;
        lock_soon(&theirs).await.release().await;
        // A cycle that is cut short drops it: the connection must not go back to the pool with the lock.
        let held = lock_soon(&mine).await;
        assert!(theirs.lock().await.unwrap().is_none(), "{engine}: held again");
        drop(held);
        drop(lock_soon(&theirs).await);
        for moodle in [mine, theirs] {
            moodle.db().close().await;
        }
        first.drop_database().await;
        second.drop_database().await;
    }
    // The demonstration has one writer anyway.
    let sqlite = fresh(Engine::Sqlite).await;
    assert!(Moodle::new(sqlite.db.clone(), Prefix::default()).lock().await.unwrap().is_some());
}
