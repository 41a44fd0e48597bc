//! A summer at a school: Year 13 leaves, everybody else moves up, some come back. Night by night with a clock of its own, an
//! independent reckoning says which links, login rows and role rows there must be.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use kinlink_db::{Engine, Value, insert_many};
use kinlink_domain::{
    ids::{LinkId, MoodleUserId},
    staff::{Actor, StaffRole},
};
use kinlink_moodle::demo::{LoginRowView, tasks::run_due_in};
use kinlink_service::{
    ServiceError,
    cycle::{Mode, Report},
    leavers::{self, Ran},
    settings,
};
use kinlink_store::{accounts, audit, links};
use kinlink_testapp::administrator;
use kinlink_tests::crowd::{Crowd, FIRST_ACCOUNT, FIRST_PUPIL};

use crate::world::{ENGINES, World, world};

const LINK_GRACE: i64 = 30;
const ROW_GRACE: i64 = 20;
/// Nights since the first of July.
const BROKEN_FILTER: i64 = 3;
const EMPTY_MIS: i64 = 5;
const LEAVING: i64 = 19;
const EARLY_RETURN: i64 = 30;
const ROLLOVER: i64 = 40;
const MERGE: i64 = 45;
const LATE_RETURN: i64 = 65;
const LAST: i64 = 79;

/// How a school marks who has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Habit {
    Suspended,
    Deleted,
    Cohort,
}

/// A pupil, as the reckoning knows them.
struct Pupil {
    index: i64,
    year: i64,
    /// The night that first finds them gone.
    left: Option<(i64, Habit)>,
    /// The nights from which on their links are back.
    restored: Option<i64>,
}

impl Pupil {
    fn id(&self) -> i64 {
        FIRST_PUPIL + self.index
    }

    fn habit(&self) -> Habit {
        [Habit::Suspended, Habit::Deleted, Habit::Cohort][usize::try_from(self.index % 3).unwrap()]
    }

    /// The night whose run ends their links.
    fn ends(&self) -> Option<i64> {
        self.left.map(|(night, habit)| night + if habit == Habit::Deleted { 1 } else { LINK_GRACE })
    }

    fn linked(&self, night: i64) -> bool {
        self.restored.is_some_and(|back| night >= back) || self.ends().is_none_or(|ends| night < ends)
    }

    fn deleted(&self, night: i64) -> bool {
        self.left.is_some_and(|(left, habit)| habit == Habit::Deleted && night >= left)
    }
}

struct School {
    world: World,
    pupils: Vec<Pupil>,
    night: i64,
}

impl School {
    /// Families of two pupils with two adults each; siblings are years apart, in some families both are in Year 13.
    async fn open(engine: Engine, pupils: i64) -> Self {
        let world = world(engine).await;
        let app = &world.test.app;
        for (name, value) in [
            ("leaver_grace_days", LINK_GRACE.to_string()),
            ("login_row_grace_days", ROW_GRACE.to_string()),
            ("leaver_filter", "cohort=leavers".to_owned()),
        ] {
            settings::set(app, &administrator(), name, &value).await.unwrap();
        }
        // The first of July, at one in the night at the school.
        let july = "2027-07-01T00:00:00Z".parse().unwrap();
        world.test.clock.advance(app.now().duration_until(july));
        let people = usize::try_from(pupils).unwrap();
        Crowd { people, gaps: false }.settle_in(&app.store, app.moodle.db(), app.now()).await.unwrap();
        let year = |index: i64| {
            let family = index / 2;
            7 + if index % 2 == 0 { family % 7 } else { (family + family / 7) % 7 }
        };
        let pupils: Vec<Pupil> =
            (0..pupils).map(|index| Pupil { index, year: year(index), left: None, restored: None }).collect();
        let school = Self { world, pupils, night: 0 };
        for year in 7..=13 {
            let of_year = school.ids(|pupil| pupil.year == year);
            school.meddle(&format!("UPDATE mdl_user SET department = '{year}KL' WHERE id IN ({of_year})")).await;
        }
        let cohort = "INSERT INTO mdl_cohort (contextid, name, idnumber, descriptionformat, timecreated, timemodified) VALUES (1, 'Gone', 'leavers', 1, 0, 0)";
        school.meddle(cohort).await;
        // Rows that are none of ours, in contexts of pupils who stay.
        let others = school.ids(|pupil| pupil.index % 10 == 3 && pupil.year != 13);
        let foreign = format!(
            "INSERT INTO mdl_role_assignments (contextid, userid, component, itemid, roleid) SELECT id, 4, '', 0, 9 FROM \
             mdl_context WHERE contextlevel = 30 AND instanceid IN ({others})"
        );
        school.meddle(&foreign).await;
        school
    }

    fn ids(&self, which: impl Fn(&Pupil) -> bool) -> String {
        let ids: Vec<String> =
            self.pupils.iter().filter(|pupil| which(pupil)).map(|pupil| pupil.id().to_string()).collect();
        if ids.is_empty() { "0".to_owned() } else { ids.join(", ") }
    }

    async fn meddle(&self, sql: &str) {
        self.world.meddle(sql).await;
    }

    fn find(&self, which: impl Fn(&Pupil) -> bool) -> i64 {
        self.pupils.iter().find(|pupil| which(pupil)).expect("a pupil of this kind").index
    }

    fn pupil(&self, index: i64) -> &Pupil {
        &self.pupils[usize::try_from(index).unwrap()]
    }

    fn pupil_mut(&mut self, index: i64) -> &mut Pupil {
        &mut self.pupils[usize::try_from(index).unwrap()]
    }

    fn sibling(&self, index: i64) -> &Pupil {
        self.pupil(index ^ 1)
    }

    /// Moodle's own tasks, which make, suspend and revive accounts.
    async fn cron(&self) {
        let app = &self.world.test.app;
        let rows = accounts::all_login_rows(&mut app.store.acquire().await.unwrap()).await.unwrap();
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
        run_due_in(app.moodle.db(), app.moodle.prefix(), &views, app.now().as_second()).await.unwrap();
    }

    async fn night(&mut self) -> Report {
        let report = self.world.run(Mode::Full).await.unwrap();
        if self.night == 0 || report.sync_hurried {
            self.cron().await;
        }
        report
    }

    fn next_day(&mut self) {
        self.night += 1;
        // A little earlier every night, as runs begin when they begin.
        self.world.test.clock.advance(SignedDuration::from_secs(24 * 3600 - 7));
    }

    /// Whether an adult may sign in: until a time after the last of their two pupils' links ended.
    fn may_sign_in(&self, adult: i64) -> bool {
        let own = [self.pupil(adult / 2 * 2), self.pupil(adult / 2 * 2 + 1)];
        let last = own.iter().map(|pupil| pupil.ends()).collect::<Option<Vec<_>>>();
        let back = own.iter().any(|pupil| pupil.restored.is_some_and(|back| self.night >= back));
        back || last.is_none_or(|ends| self.night < ends.into_iter().max().unwrap() + ROW_GRACE)
    }

    /// Everything must be as reckoned.
    async fn check(&self) {
        let night = self.night;
        let store = &self.world.test.store.db;
        let found: Vec<(i64, i64)> = store.fetch_all("SELECT pupil_id, active FROM links", []).await.unwrap();
        assert_eq!(found.len(), self.pupils.len() * 2);
        for (pupil, active) in found {
            let pupil = self.pupil(pupil - FIRST_PUPIL);
            assert_eq!(active == 1, pupil.linked(night), "night {night}: pupil {} of year {}", pupil.index, pupil.year);
        }
        let adults = 0..i64::try_from(self.pupils.len()).unwrap();
        let rows: Vec<(String,)> =
            store.fetch_all("SELECT username FROM login_rows WHERE username LIKE 'crowd%'", []).await.unwrap();
        let rows: BTreeSet<String> = rows.into_iter().map(|(name,)| name).collect();
        let expected: BTreeSet<String> = adults
            .clone()
            .filter(|adult| self.may_sign_in(*adult))
            .map(|adult| format!("crowd{adult}@example.org"))
            .collect();
        assert_eq!(rows, expected, "night {night}: login rows");
        let ours: BTreeSet<(i64, i64)> = self
            .world
            .our_rows()
            .await
            .into_iter()
            .map(|(user, pupil, ..)| (user - FIRST_ACCOUNT, pupil - FIRST_PUPIL))
            .collect();
        let expected: BTreeSet<(i64, i64)> = adults
            .flat_map(|adult| [(adult, adult / 2 * 2), (adult, adult / 2 * 2 + 1)])
            .filter(|(_, pupil)| self.pupil(*pupil).linked(night) && !self.pupil(*pupil).deleted(night))
            .collect();
        assert_eq!(ours, expected, "night {night}: role rows");
    }

    async fn year_13_leaves(&mut self) {
        let of = |habit| move |pupil: &Pupil| pupil.year == 13 && pupil.habit() == habit;
        let suspended = self.ids(of(Habit::Suspended));
        self.meddle(&format!("UPDATE mdl_user SET suspended = 1 WHERE id IN ({suspended})")).await;
        // As Moodle deletes: the user's own context loses every role.
        let deleted = self.ids(of(Habit::Deleted));
        let in_context = format!("SELECT id FROM mdl_context WHERE contextlevel = 30 AND instanceid IN ({deleted})");
        self.meddle(&format!("DELETE FROM mdl_role_assignments WHERE contextid IN ({in_context})")).await;
        self.meddle(&format!("UPDATE mdl_user SET deleted = 1, idnumber = '' WHERE id IN ({deleted})")).await;
        let cohort = self.ids(of(Habit::Cohort));
        let insert = format!(
            "INSERT INTO mdl_cohort_members (cohortid, userid, timeadded) SELECT h.id, u.id, 0 FROM mdl_cohort h, mdl_user u \
             WHERE h.idnumber = 'leavers' AND u.id IN ({cohort})"
        );
        self.meddle(&insert).await;
        let night = self.night;
        for pupil in self.pupils.iter_mut().filter(|pupil| pupil.year == 13) {
            pupil.left = Some((night, pupil.habit()));
        }
    }

    /// The MIS moves everybody up, some have another surname, and Year 7 is new.
    async fn rollover(&self) {
        for year in (7..=12).rev() {
            let up = self.ids(|pupil| pupil.year == year);
            self.meddle(&format!("UPDATE mdl_user SET department = '{}MB' WHERE id IN ({up})", year + 1)).await;
        }
        let renamed = self.ids(|pupil| pupil.index % 25 == 1);
        self.meddle(&format!("UPDATE mdl_user SET lastname = 'Newname' WHERE id IN ({renamed})")).await;
        let rows = (0..self.pupils.len() / 7).map(|number| -> [Value; 7] {
            let id = FIRST_PUPIL + 500_000 + i64::try_from(number).unwrap();
            let name = format!("new{number}");
            [
                id.into(),
                1.into(),
                1.into(),
                name.as_str().into(),
                format!("N{number}").into(),
                "New".into(),
                "7KL".into(),
            ]
        });
        let insert = "INSERT INTO mdl_user (id, confirmed, mnethostid, username, idnumber, firstname, department)";
        let mut moodle = self.world.test.moodle.db.acquire().await.unwrap();
        insert_many(&mut moodle, insert, rows.collect(), "").await.unwrap();
    }

    /// Two accounts of one pupil become one: the old one is suspended, the new one has the number.
    async fn merge(&mut self, index: i64) {
        let id = self.pupil(index).id();
        self.meddle(&format!("UPDATE mdl_user SET suspended = 1, idnumber = '' WHERE id = {id}")).await;
        let number = format!("C{index:06}");
        let insert = format!(
            "INSERT INTO mdl_user (id, confirmed, mnethostid, username, idnumber, firstname) VALUES ({}, 1, 1, 'merged', \
             '{number}', 'Given')",
            id + 700_000
        );
        self.meddle(&insert).await;
        let night = self.night;
        self.pupil_mut(index).left = Some((night, Habit::Suspended));
    }

    async fn comes_back(&self, index: i64) {
        let id = self.pupil(index).id();
        self.meddle(&format!("UPDATE mdl_user SET suspended = 0 WHERE id = {id}")).await;
        self.meddle(&format!("DELETE FROM mdl_cohort_members WHERE userid = {id}")).await;
    }

    async fn links_of(&self, index: i64) -> Vec<LinkId> {
        let filter = links::Filter { pupil: Some(MoodleUserId(self.pupil(index).id())), ..links::Filter::default() };
        let mut store = self.world.test.app.store.acquire().await.unwrap();
        links::list(&mut store, filter, None, 10).await.unwrap().into_iter().map(|link| link.id).collect()
    }

    /// One act for each adult gives everything back.
    async fn restore(&mut self, index: i64) {
        let app = &self.world.test.app;
        for link in self.links_of(index).await {
            let restored = leavers::restore(app, &administrator(), link).await.unwrap();
            assert!(restored.active && restored.id == link);
        }
        // What the next run brings; the store has it at once.
        let night = self.night + 1;
        self.pupil_mut(index).restored = Some(night);
    }

    async fn count(&self, sql: &str) -> i64 {
        let row: Option<(i64,)> = self.world.test.store.db.fetch_optional(sql, []).await.unwrap();
        row.unwrap().0
    }
}

const MAILS: &str = "SELECT COUNT(*) FROM mails WHERE letter LIKE '%access_ended%'";

async fn summer(engine: Engine, pupils: i64) {
    let mut school = School::open(engine, pupils).await;
    let single = |school: &School, pupil: &Pupil| pupil.year == 13 && school.sibling(pupil.index).year != 13;
    let early = school.find(|pupil| single(&school, pupil) && pupil.habit() == Habit::Suspended);
    let late = school.find(|pupil| single(&school, pupil) && pupil.habit() == Habit::Cohort);
    let both = school
        .find(|pupil| pupil.year == 13 && school.sibling(pupil.index).year == 13 && pupil.habit() == Habit::Suspended);
    let foreign = school.world.foreign_rows().await;
    let account = school.world.account(&format!("crowd{}@example.org", both / 2 * 2)).await;
    let numbers: Vec<LinkId> = school.links_of(both).await;
    while school.night <= LAST {
        let night = school.night;
        match night {
            BROKEN_FILTER => {
                let app = &school.world.test.app;
                settings::set(app, &administrator(), "pupil_filter", "cohort=renamed").await.unwrap();
            }
            EMPTY_MIS => {
                school.meddle("UPDATE mdl_user SET department = idnumber, idnumber = '' WHERE id >= 1000000").await;
            }
            LEAVING => school.year_13_leaves().await,
            EARLY_RETURN => {
                school.comes_back(early).await;
                school.pupil_mut(early).left = None;
            }
            ROLLOVER => school.rollover().await,
            MERGE => school.merge(2).await,
            LATE_RETURN => school.comes_back(late).await,
            _ => {}
        }
        let report = school.night().await;
        let held = report.warnings.iter().any(|warning| warning.contains("not believed"));
        assert_eq!(held, matches!(night, BROKEN_FILTER | EMPTY_MIS), "night {night}: {:?}", report.warnings);
        if !held {
            assert!(!report.brake, "night {night}: {:?}", report.warnings);
        }
        school.check().await;
        match night {
            BROKEN_FILTER => {
                let app = &school.world.test.app;
                settings::set(app, &administrator(), "pupil_filter", "idnumber=*").await.unwrap();
            }
            EMPTY_MIS => {
                school.meddle("UPDATE mdl_user SET idnumber = department WHERE id >= 1000000 AND auth <> 'db'").await;
            }
            LATE_RETURN => school.restore(late).await,
            _ => {}
        }
        let gone = school.pupils.iter().all(|pupil| school.may_sign_in(pupil.index));
        assert_eq!(school.count(MAILS).await > 0, !gone, "night {night}: nobody is told while they are only in grace");
        school.next_day();
    }
    let removed = i64::try_from((0..pupils).filter(|adult| !school.may_sign_in(*adult)).count()).unwrap();
    assert!(removed >= 2 && school.count(MAILS).await == removed, "{engine}: one mail for each of {removed}");

    // A family of whom nobody was left: the rows are gone, Moodle suspended the accounts; one act brings the child back.
    let suspended = format!("SELECT suspended FROM mdl_user WHERE id = {}", account.unwrap());
    assert_eq!(school.world.number(&suspended).await, 1, "{engine}");
    school.comes_back(both).await;
    school.restore(both).await;
    school.next_day();
    school.night().await;
    school.cron().await;
    school.check().await;
    assert_eq!(school.links_of(both).await, numbers, "{engine}: the very same links");
    assert_eq!(school.world.number(&suspended).await, 0, "{engine}: Moodle revived the very same account");
    let again = school.world.account(&format!("crowd{}@example.org", both / 2 * 2)).await;
    assert_eq!(again, account, "{engine}");

    assert_eq!(school.world.foreign_rows().await, foreign, "{engine}: nobody else's rows were touched");
    let mut store = school.world.test.app.store.acquire().await.unwrap();
    let verified = audit::verify(&mut store).await.unwrap();
    assert!(verified.broken.is_none() && verified.entries > 0, "{engine}");
    assert_eq!(
        school.count("SELECT COUNT(*) FROM leavers").await,
        0,
        "{engine}: who is gone for good is not looked at"
    );
}

#[tokio::test]
async fn a_summer_with_a_thousand_pupils_loses_nothing_and_ends_everything_on_its_day() {
    summer(Engine::Sqlite, 1_000).await;
}

#[tokio::test]
async fn a_summer_at_a_small_school_on_mariadb() {
    summer(Engine::MySql, 56).await;
}

#[tokio::test]
async fn a_summer_at_a_small_school_on_postgresql() {
    summer(Engine::Postgres, 56).await;
}

/// Statements of a run in which everybody leaves, to the store and to Moodle.
async fn everybody_leaves(engine: Engine, people: usize) -> [u64; 4] {
    let world = world(engine).await;
    let app = &world.test.app;
    for (name, value) in [("leaver_grace_days", "0"), ("login_row_grace_days", "0"), ("leaver_brake_percent", "100")] {
        settings::set(app, &administrator(), name, value).await.unwrap();
    }
    Crowd { people, gaps: false }.settle_in(&app.store, app.moodle.db(), app.now()).await.unwrap();
    world.meddle("UPDATE mdl_user SET suspended = 1 WHERE id >= 1000000 AND auth <> 'db'").await;
    let sent = || {
        let (store, moodle) = (world.test.store.db.stats(), world.test.moodle.db.stats());
        [store.reads(), store.writes(), moodle.reads(), moodle.writes()]
    };
    let before = sent();
    let Ran::Done(report) = leavers::run(app, &administrator()).await.unwrap() else { panic!("a cycle is running") };
    let after = sent();
    let people = u64::try_from(people).unwrap();
    assert_eq!(
        (report.newly_left, report.ended_links, report.removed_login_rows),
        (people, people * 2, people),
        "{engine}"
    );
    std::array::from_fn(|place| after[place] - before[place])
}

#[tokio::test]
async fn ten_leavers_and_a_thousand_take_the_same_number_of_statements() {
    for engine in ENGINES {
        let (few, many) = (everybody_leaves(engine, 10).await, everybody_leaves(engine, 1_000).await);
        assert_eq!(few, many, "{engine}");
        assert!(many.iter().sum::<u64>() <= 60 && many[3] == 0, "{engine}: {many:?}");
    }
}

#[tokio::test]
async fn login_rows_go_all_or_not_at_all_where_the_brake_holds_them() {
    for engine in ENGINES {
        let world = world(engine).await;
        let app = &world.test.app;
        let set = async |name, value| settings::set(app, &administrator(), name, value).await.unwrap();
        for (name, value) in
            [("leaver_grace_days", "0"), ("login_row_grace_days", "1"), ("leaver_brake_percent", "100")]
        {
            set(name, value).await;
        }
        Crowd { people: 40, gaps: false }.settle_in(&app.store, app.moodle.db(), app.now()).await.unwrap();
        world.meddle("UPDATE mdl_user SET suspended = 1 WHERE id >= 1000000 AND auth <> 'db'").await;
        let run = async || match leavers::run(app, &administrator()).await.unwrap() {
            Ran::Done(report) => report,
            Ran::Busy => panic!("a cycle is running"),
        };
        assert_eq!(run().await.ended_links, 80, "{engine}");
        world.test.clock.advance(SignedDuration::from_hours(3 * 24));
        set("leaver_brake_percent", "40").await;
        let before = world.test.count("login_rows").await;
        let report = run().await;
        assert_eq!((report.held_login_rows, report.removed_login_rows), (40, 0), "{engine}: {report:?}");
        assert_eq!(world.test.count("login_rows").await, before, "{engine}: all stay");
        let full = world.run(Mode::Full).await.unwrap();
        assert!(full.warnings.iter().any(|warning| warning.contains("40 login rows")), "{engine}: {full:?}");
        set("leaver_brake_percent", "100").await;
        assert_eq!(run().await.removed_login_rows, 40, "{engine}");
    }
}

#[tokio::test]
async fn what_somebody_decided_is_not_given_back() {
    let mut school = School::open(Engine::Sqlite, 56).await;
    school.night().await;
    school.night = LEAVING;
    school.year_13_leaves().await;
    let index = school.find(|pupil| pupil.year == 13 && pupil.habit() == Habit::Suspended);
    let app = school.world.test.app.clone();
    let code = async |link: LinkId| match leavers::restore(&app, &administrator(), link).await {
        Err(ServiceError::Refused { code, .. }) => code,
        other => panic!("{other:?}"),
    };
    settings::set(&app, &administrator(), "leaver_grace_days", "0").await.unwrap();
    school.night().await;
    let found = school.links_of(index).await;
    assert_eq!(code(found[0]).await, "not_a_pupil", "they are still gone");
    school.comes_back(index).await;
    let store = &school.world.test.store.db;
    let withdraw = format!("UPDATE claims SET state = 'withdrawn' WHERE link_id = {}", found[0]);
    store.execute(&withdraw, []).await.unwrap();
    assert_eq!(code(found[0]).await, "request_gone", "staff took it away since");
    let ended = format!("UPDATE links SET end_reason = 'revoked' WHERE id = {}", found[1]);
    store.execute(&ended, []).await.unwrap();
    assert_eq!(code(found[1]).await, "ended_otherwise");
    assert!(matches!(leavers::restore(&app, &administrator(), LinkId(987_654)).await, Err(ServiceError::NotFound(_))));
    let viewer = Actor { name: "cli:viewer".into(), role: Some(StaffRole::Viewer) };
    assert!(matches!(leavers::restore(&app, &viewer, found[0]).await, Err(ServiceError::Forbidden(_))));
    assert!(matches!(leavers::run(&app, &viewer).await, Err(ServiceError::Forbidden(_))));
}
