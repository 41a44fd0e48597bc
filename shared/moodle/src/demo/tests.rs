//! The demonstration is what it says it is: counts, hard names, expectations, and Moodle's tasks with their surprises.

use std::collections::{HashMap, HashSet};

use kinlink_db::{Db, Engine, Int, Options, Value};
use kinlink_domain::fold::fold;

use super::{
    DemoChild, DemoError, Expectation, Installed, LoginRowView, install, names, run_due,
    school::{Attendance, ContextState, GROUP_SIZE, OPENED, PUPIL_COUNT, Pupil, pupils, tutor_groups},
    story,
    tasks::{SEND_PASSWORDS, SYNC_USERS, SyncReport},
};

const NOW: i64 = OPENED + 10 * super::tasks::DAY;

fn memory() -> Db {
    Db::connect_lazy("sqlite::memory:", Options::default()).unwrap()
}

async fn school() -> Db {
    let db = memory();
    assert_eq!(install(&db).await.unwrap(), Installed::Now);
    db
}

async fn number(db: &Db, sql: &str) -> i64 {
    let row: Option<(Int,)> = db.fetch_optional(sql, []).await.unwrap();
    row.unwrap().0.0
}

fn folded(pupil: &Pupil) -> (String, String, String) {
    (fold(pupil.given), fold(pupil.family), fold(&pupil.tutor_group))
}

fn current() -> Vec<Pupil> {
    pupils().into_iter().filter(|pupil| pupil.attendance == Attendance::Current).collect()
}

#[test]
fn every_tutor_group_is_full_and_numbers_are_unique() {
    let all = current();
    assert_eq!(all.len(), PUPIL_COUNT);
    for group in tutor_groups() {
        let here = all.iter().filter(|pupil| pupil.tutor_group == group);
        assert_eq!(here.count(), GROUP_SIZE, "{group}");
    }
    let everybody = pupils();
    let numbers: HashSet<&str> = everybody.iter().map(|pupil| pupil.admission_number.as_str()).collect();
    assert_eq!(numbers.len(), everybody.len());
    assert_eq!(everybody[0].admission_number, "A00101");
    assert_eq!(everybody.last().unwrap().admission_number, "A00426");
    assert!(everybody.iter().all(|pupil| pupil.given.chars().count() <= 100 && pupil.family.chars().count() <= 100));
    assert_eq!(names::LONGEST_GIVEN.len(), 100);
}

#[test]
fn only_the_intended_pupils_share_a_name() {
    let mut by_name: HashMap<(String, String), Vec<String>> = HashMap::new();
    for pupil in pupils() {
        let (given, family, group) = folded(&pupil);
        by_name.entry((given, family)).or_default().push(group);
    }
    let mut shared: Vec<_> = by_name.into_iter().filter(|(_, groups)| groups.len() > 1).collect();
    shared.sort();
    let name = |given: &str, family: &str| (given.to_owned(), family.to_owned());
    assert_eq!(
        shared,
        [
            (name("emily", "jones"), vec!["8mb".to_owned(), "8mb".to_owned()]),
            (name("jack", "smith"), vec!["7kl".to_owned(), "9rs".to_owned()]),
        ]
    );
}

#[test]
fn hard_names_are_there() {
    let all = current();
    let has = |test: &dyn Fn(&Pupil) -> bool| all.iter().any(test);
    assert!(has(&|pupil| pupil.family.contains('\'')));
    assert!(has(&|pupil| pupil.family.contains('\u{2019}')));
    assert!(has(&|pupil| pupil.given.contains('\u{301}')));
    assert!(has(&|pupil| pupil.family == "O'Brien-Shah"));
    assert!(has(&|pupil| pupil.family == "Garcia Lopez"));
    assert!(has(&|pupil| pupil.given == "Zoë"));
    assert!(has(&|pupil| pupil.given == "Łukasz"));
    assert!(has(&|pupil| pupil.family.chars().count() == 1));
    for script in ['\u{600}'..='\u{6ff}', '\u{590}'..='\u{5ff}', '\u{4e00}'..='\u{9fff}'] {
        assert!(has(&|pupil| pupil.given.chars().any(|c| script.contains(&c))), "{script:?}");
    }
}

#[tokio::test]
async fn the_school_is_in_the_tables() {
    let db = school().await;
    let statement = "SELECT COUNT(*) FROM mdl_";
    for (from, expected) in [
        ("user", 2 + 25 + 6 + 326),
        ("user WHERE department <> '' AND deleted = 0 AND suspended = 0", 320),
        ("user WHERE suspended = 1", 7),
        ("user WHERE deleted = 1 AND username LIKE '%@%.1756710000' AND LENGTH(email) = 32 AND idnumber = ''", 1),
        ("user WHERE id = 1 AND username = 'guest'", 1),
        ("user WHERE id = 2 AND username = 'admin'", 1),
        ("cohort_members m JOIN mdl_cohort c ON c.id = m.cohortid WHERE c.idnumber = 'pupils'", 325),
        ("cohort_members m JOIN mdl_cohort c ON c.id = m.cohortid WHERE c.idnumber = 'staff'", 25),
        ("context WHERE contextlevel = 10 AND path = '/1' AND depth = 1", 1),
        ("context WHERE contextlevel = 40", 1),
        ("context WHERE contextlevel = 30", 359 - 3),
        ("context WHERE contextlevel = 30 AND path = '/1/' || id AND depth = 2", 359 - 4),
        ("context WHERE path IS NULL AND depth = 0", 1),
        (
            "role_context_levels l JOIN mdl_role r ON r.id = l.roleid WHERE r.shortname = 'parent' AND l.contextlevel = 30",
            1,
        ),
        ("role_capabilities WHERE roleid = 9 AND contextid = 1 AND permission = 1", 7),
        ("role_assignments WHERE roleid = 9 AND component = ''", 9),
        ("role_assignments WHERE roleid = 9 AND component = 'tool_cohortroles'", 2),
        ("role_assignments a LEFT JOIN mdl_context c ON c.id = a.contextid WHERE c.id IS NULL", 0),
        (
            "config WHERE name IN ('mnet_localhost_id', 'siteguest', 'sessiontimeout', 'extendedusernamechars', 'auth')",
            5,
        ),
        ("task_scheduled WHERE disabled = 0", 2),
    ] {
        assert_eq!(number(&db, &format!("{statement}{from}")).await, expected, "{from}");
    }
}

#[tokio::test]
async fn installing_again_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("moodle.db").display());
    let db = Db::connect_lazy(&url, Options::default()).unwrap();
    assert_eq!(install(&db).await.unwrap(), Installed::Now);
    db.execute("UPDATE mdl_user SET suspended = 1 WHERE id = 40", []).await.unwrap();
    let before = db.stats().writes();
    assert_eq!(install(&db).await.unwrap(), Installed::Before);
    assert_eq!(db.stats().writes(), before);
    db.close().await;
    let again = Db::connect_lazy(&url, Options::default()).unwrap();
    assert_eq!(install(&again).await.unwrap(), Installed::Before);
    assert_eq!(number(&again, "SELECT suspended FROM mdl_user WHERE id = 40").await, 1);
}

#[tokio::test]
async fn a_moodle_that_is_not_the_demonstration_is_left_alone() {
    let db = memory();
    db.execute("CREATE TABLE mdl_user (id INTEGER)", []).await.unwrap();
    assert!(matches!(install(&db).await, Err(DemoError::NotADemonstration)));
    assert_eq!(number(&db, "SELECT COUNT(*) FROM sqlite_master").await, 1);
    let server = Db::connect_lazy("postgres://nobody@127.0.0.1:1/none", Options::default()).unwrap();
    assert!(matches!(install(&server).await, Err(DemoError::NotSqlite(Engine::Postgres))));
}

/// Pupils whom a claim names: exactly as typed, after folding, by number, and by name alone.
struct Found {
    literal: usize,
    folded: usize,
    number: Option<Pupil>,
    name: usize,
}

fn find(all: &[Pupil], child: &DemoChild) -> Found {
    let typed = (fold(child.given), fold(child.family), fold(child.tutor_group));
    let count = |test: &dyn Fn(&Pupil) -> bool| all.iter().filter(|pupil| test(pupil)).count();
    Found {
        literal: count(&|p| {
            (p.given, p.family, p.tutor_group.as_str()) == (child.given, child.family, child.tutor_group)
        }),
        folded: count(&|p| folded(p) == typed),
        number: child.admission_number.and_then(|number| all.iter().find(|p| p.admission_number == number)).cloned(),
        name: count(&|p| {
            let (given, family, _) = folded(p);
            (given, family) == (typed.0.clone(), typed.1.clone())
        }),
    }
}

#[test]
fn families_are_what_they_are_said_to_be() {
    let all = current();
    let families = story();
    assert!(families.len() >= 40, "{}", families.len());
    let mut known: HashSet<String> = HashSet::new();
    for family in &families {
        let who = &family.adult.email;
        let email = who.to_lowercase();
        assert!(who.ends_with("example.org") || who.rsplit('.').next() == Some("test"), "{who}");
        assert!(family.children.len() <= 4);
        let found: Vec<Found> = family.children.iter().map(|child| find(&all, child)).collect();
        let literal = found.iter().all(|found| found.literal == 1);
        let folded = found.iter().all(|found| found.folded == 1);
        for (found, child) in found.iter().zip(&family.children) {
            if let Some(number) = child.admission_number {
                let pupil = found.number.as_ref().unwrap_or_else(|| panic!("{number}"));
                let same = fold(pupil.given) == fold(child.given) && fold(pupil.family) == fold(child.family);
                assert_eq!(same, family.expectation != Expectation::NumberNotName, "{who}");
            }
        }
        let repeated = !known.insert(email.clone());
        let unusable = email.contains(['+', '\'']);
        let context = family.children.iter().any(|child| {
            all.iter().any(|pupil| {
                pupil.given == child.given && pupil.family == child.family && pupil.context != ContextState::Built
            })
        });
        let holds = match family.expectation {
            Expectation::Exact => literal && !repeated && !unusable && !context,
            Expectation::ExactAfterFolding => folded && !literal && !repeated,
            Expectation::NumberNotName => !folded && found.iter().all(|found| found.number.is_some()),
            Expectation::ExactContextMissing => literal && context,
            Expectation::WrongTutorGroup => !folded && found.iter().all(|found| found.name == 1),
            Expectation::SameNameInGroup => found.iter().any(|found| found.folded == 2),
            Expectation::Nobody => found.iter().all(|found| found.name == 0),
            Expectation::Sibling => literal && repeated,
            Expectation::Duplicate => {
                repeated
                    && families
                        .iter()
                        .filter(|other| other.adult == family.adult && other.children == family.children)
                        .count()
                        == 2
            }
            Expectation::StaffParent => literal && email.ends_with("@school.example.org"),
            Expectation::AccountMadeByHand => {
                literal && names::PARENTS_BY_HAND.iter().any(|((_, _, address), _)| *address == email)
            }
            Expectation::UnusableUserName => literal && unusable,
            Expectation::JointTitle => literal && family.adult.title.contains(" and "),
            Expectation::Denied => literal,
            Expectation::Bogus => found.iter().all(|found| found.name == 0),
            Expectation::ForAPerson => family.children.is_empty() && repeated,
        };
        assert!(holds, "{who}: {:?}", family.expectation);
    }
    let kinds: HashSet<Expectation> = families.iter().map(|family| family.expectation).collect();
    assert_eq!(kinds.len(), 16, "every expectation occurs");
}

fn login(username: &'static str) -> LoginRowView<'static> {
    LoginRowView {
        username,
        firstname: "Rachel",
        lastname: "Turner",
        email: "rachel.turner@example.org",
        description: "Parent of Amelia Turner",
        lang: "cy",
    }
}

async fn hurry(db: &Db, classname: &str) {
    let changed = db
        .execute("UPDATE mdl_task_scheduled SET nextruntime = 0 WHERE classname = ?", [classname.into()] as [Value; 1])
        .await
        .unwrap();
    assert_eq!(changed, 1);
}

async fn sync(db: &Db, rows: &[LoginRowView<'_>], now: i64) -> SyncReport {
    hurry(db, SYNC_USERS).await;
    run_due(db, rows, now).await.unwrap().sync.unwrap()
}

#[tokio::test]
async fn a_new_row_becomes_a_user_with_context_and_a_password_to_come() {
    let db = school().await;
    let report = run_due(&db, &[login("rachel.turner")], NOW).await.unwrap();
    assert_eq!(report.sync, Some(SyncReport { inserted: 1, ..SyncReport::default() }));
    // The password task was due as well, and ran after it.
    assert_eq!(report.passwords_mailed, Some(1));
    for (from, expected) in [
        (
            "mdl_user WHERE auth = 'db' AND confirmed = 1 AND suspended = 0 AND mnethostid = 1 AND username = 'rachel.turner' \
             AND firstname = 'Rachel' AND description = 'Parent of Amelia Turner' AND lang = 'cy' AND password = ''",
            1,
        ),
        (
            "mdl_context c JOIN mdl_user u ON u.id = c.instanceid AND c.contextlevel = 30 \
             WHERE u.auth = 'db' AND c.path = '/1/' || c.id AND c.depth = 2 AND c.locked = 0",
            1,
        ),
        ("mdl_user_preferences WHERE name = 'auth_forcepasswordchange' AND value = '1'", 1),
        ("mdl_user_preferences WHERE name = 'create_password'", 0),
        (
            r"mdl_task_log WHERE classname = 'auth_db\task\sync_users' AND result = 0 AND output LIKE '%Inserted user rachel.turner id %'",
            1,
        ),
        (r"mdl_task_log WHERE classname = 'core\task\send_new_user_passwords_task' AND result = 0", 1),
    ] {
        assert_eq!(number(&db, &format!("SELECT COUNT(*) FROM {from}")).await, expected, "{from}");
    }
    let next = "SELECT nextruntime - lastruntime FROM mdl_task_scheduled WHERE component = ";
    assert_eq!(number(&db, &format!("{next}'auth_db'")).await, super::tasks::DAY);
    assert_eq!(number(&db, &format!("{next}'moodle'")).await, 60);
    // Nothing is due any more.
    assert_eq!(run_due(&db, &[], NOW + 1).await.unwrap(), super::TaskReport::default());
}

#[tokio::test]
async fn an_empty_table_suspends_everybody_and_a_full_one_revives() {
    let db = school().await;
    let rows = [login("one.parent"), login("two.parent")];
    assert_eq!(sync(&db, &rows, NOW).await.inserted, 2);
    let report = sync(&db, &[], NOW + 10).await;
    assert_eq!(report, SyncReport { suspended: 2, ..SyncReport::default() });
    assert_eq!(number(&db, "SELECT COUNT(*) FROM mdl_user WHERE auth = 'db' AND suspended = 0").await, 0);
    // Only this authentication's users: pupils and staff stay.
    assert_eq!(number(&db, "SELECT COUNT(*) FROM mdl_user WHERE auth = 'manual' AND suspended = 1").await, 7);
    assert_eq!(number(&db, "SELECT COUNT(*) FROM mdl_task_log WHERE result <> 0").await, 0);

    let changed = LoginRowView { lastname: "Turner-Hall", ..rows[0] };
    let report = sync(&db, &[changed], NOW + 20).await;
    assert_eq!(report, SyncReport { revived: 1, updated: 1, ..SyncReport::default() });
    assert_eq!(
        number(
            &db,
            "SELECT COUNT(*) FROM mdl_user WHERE username = 'one.parent' AND suspended = 0 AND lastname = 'Turner-Hall'"
        )
        .await,
        1
    );
    // A second run with the same table does nothing.
    assert_eq!(sync(&db, &[changed], NOW + 30).await, SyncReport::default());
}

#[tokio::test]
async fn bad_user_names_and_clashes_are_passed_over_without_failing() {
    let db = school().await;
    let too_long = "x".repeat(101);
    let bad = ["Parent.Upper", "", "jo+tag@example.test", "pàrent.acc", "d'souza", "parent space", too_long.as_str()];
    let mut rows: Vec<LoginRowView<'_>> = bad.iter().map(|name| LoginRowView { username: name, ..login("") }).collect();
    rows.push(login("admin"));
    rows.push(login("k.larsen@school.example.org"));
    rows.push(login("good.parent@example.org"));
    let expected = SyncReport { inserted: 1, refused: 7, clashes: 2, ..SyncReport::default() };
    assert_eq!(sync(&db, &rows, NOW).await, expected);
    // They are tried, and refused, again on every run.
    let expected = SyncReport { inserted: 0, ..expected };
    assert_eq!(sync(&db, &rows, NOW + 10).await, expected);
    assert_eq!(number(&db, "SELECT COUNT(*) FROM mdl_task_scheduled WHERE faildelay <> 0").await, 0);
    assert_eq!(number(&db, "SELECT COUNT(*) FROM mdl_user WHERE username = 'admin' AND auth = 'manual'").await, 1);
}

#[tokio::test]
async fn a_disabled_task_does_not_run_even_when_hurried() {
    let db = school().await;
    db.execute("UPDATE mdl_task_scheduled SET disabled = 1", []).await.unwrap();
    hurry(&db, SYNC_USERS).await;
    hurry(&db, SEND_PASSWORDS).await;
    assert_eq!(run_due(&db, &[login("someone")], NOW).await.unwrap(), super::TaskReport::default());
    assert_eq!(number(&db, "SELECT COUNT(*) FROM mdl_task_scheduled WHERE nextruntime = 0").await, 2);
}

#[tokio::test]
async fn nobody_without_an_address_or_suspended_is_mailed_a_password() {
    let db = school().await;
    let silent = LoginRowView { email: "", ..login("no.address") };
    let report = run_due(&db, &[silent, login("with.address")], NOW).await.unwrap();
    assert_eq!(report.passwords_mailed, Some(1));
    hurry(&db, SEND_PASSWORDS).await;
    let report = run_due(&db, &[silent], NOW + 1).await.unwrap();
    assert_eq!(report.passwords_mailed, Some(0));
    assert_eq!(number(&db, "SELECT COUNT(*) FROM mdl_user_preferences WHERE name = 'create_password'").await, 1);
}
