//! Holds: a hold wins over everything, acts and ends by itself, and only safeguarding sees it.

use jiff::SignedDuration;
use kinlink_domain::{
    Timestamp,
    explain::Step,
    hold::{HoldReason, REFER_CODE},
    ids::{AdultId, HoldId, MoodleUserId, StaffId},
    outcome::Outcome,
    request::{Action, Status},
    staff::{Actor, StaffRole},
    submission::RawSubmission,
};
use kinlink_intake::IntakeState;
use kinlink_service::{
    ServiceError,
    access::{self, authenticate},
    approve::{AccountChoice, Approval, Checks, ClaimChoice, Pick},
    bulk::{BulkAct, bulk, preview_bulk},
    cycle::{Mode, Report},
    decide::{self, Reason},
    explain::{self, explain},
    holds::{self, HoldQuery, NewHold},
    mail::{self, Transport, deliver},
    pin::pin_pupil,
    sessions, settings,
    status::status_token,
    view::{Check, ListQuery, RequestView, list_view, matching_queue, show_request, show_user},
};
use kinlink_store::{accounts, mails, requests, requests::Request, staff};
use kinlink_testapp::{administrator, family};

use crate::world::{ENGINES, World, pupil_named, thirty, world};

fn lead(name: &str) -> Actor {
    Actor { name: format!("cli:{name}"), role: Some(StaffRole::Safeguarding) }
}

fn approver() -> Actor {
    Actor { name: "cli:approver".into(), role: Some(StaffRole::Approver) }
}

fn on() -> NewHold {
    NewHold {
        adult: None,
        email: None,
        pupil: None,
        reason: HoldReason::CourtOrder,
        reference: "C-17/2026".into(),
        from: None,
        until: None,
    }
}

const MARLOW: (&str, &str) = ("Theo", "Marlow");
const ASHBY: (&str, &str) = ("Nell", "Ashby");
const RACHEL: &str = "rachel.turner@example.org";
const OTHER: &str = "other@example.org";

fn asking(adult: (&str, &str, &str), children: &[(&str, &str)]) -> RawSubmission {
    let pupils: Vec<_> = children.iter().map(|(given, name)| pupil_named(given, name)).collect();
    let children: Vec<(&str, &str, &str)> =
        pupils.iter().map(|pupil| (pupil.given, pupil.family, pupil.tutor_group.as_str())).collect();
    family(adult, &children)
}

fn pupil(name: (&str, &str)) -> MoodleUserId {
    MoodleUserId(pupil_named(name.0, name.1).user_id)
}

/// Mrs Turner with two children, and another parent of one of them; both provisioned, each with an open session.
struct Family {
    world: World,
    rachel: Request,
    other: Request,
}

impl Family {
    async fn new(engine: kinlink_db::Engine) -> Self {
        let world = world(engine).await;
        let rachel = world.approved(&asking(("Rachel", "Turner", RACHEL), &[MARLOW, ASHBY])).await;
        let other = world.approved(&asking(("Olaf", "Other", OTHER), &[MARLOW])).await;
        world.cycle().await;
        world.moodle_cron().await;
        world.cycle().await;
        let family = Self { world, rachel, other };
        assert_eq!(family.pairs().await.len(), 3);
        for address in [RACHEL, OTHER] {
            family.open_session(address).await;
        }
        family.world.meddle("DELETE FROM mdl_cache_flags").await;
        family
    }

    async fn open_session(&self, address: &str) {
        let user = self.world.account(address).await.unwrap();
        let sql = format!(
            "INSERT INTO mdl_sessions (state, sid, userid, timecreated, timemodified) VALUES (0, 'sid{user}', {user}, 1, 1)"
        );
        self.world.meddle(&sql).await;
    }

    /// Who is linked to whom in Moodle: by address and pupil.
    async fn pairs(&self) -> Vec<(&'static str, MoodleUserId)> {
        let (rachel, other) = (self.world.account(RACHEL).await, self.world.account(OTHER).await);
        let rows = self.world.our_rows().await;
        let mut pairs: Vec<_> = rows
            .iter()
            .map(|row| {
                let address = match Some(MoodleUserId(row.0)) {
                    user if user == rachel => RACHEL,
                    user if user == other => OTHER,
                    user => panic!("{user:?}"),
                };
                (address, MoodleUserId(row.1))
            })
            .collect();
        pairs.sort_unstable();
        pairs
    }

    async fn adult(&self, request: &Request) -> AdultId {
        self.world.request(request).await.adult.unwrap()
    }

    async fn place(&self, new: &NewHold) -> HoldId {
        holds::place(&self.world.test.app, &lead("one"), new).await.unwrap().id
    }

    async fn release(&self, hold: HoldId) {
        holds::ask_release(&self.world.test.app, &lead("one"), hold).await.unwrap();
        holds::release(&self.world.test.app, &lead("two"), hold).await.unwrap();
    }

    async fn count(&self, sql: &str) -> i64 {
        self.world.number(sql).await
    }
}

fn refers<T: std::fmt::Debug>(result: &Result<T, ServiceError>) -> bool {
    matches!(result, Err(ServiceError::Refused { code: REFER_CODE, .. }))
}

fn all() -> Vec<(&'static str, MoodleUserId)> {
    let mut all = vec![(RACHEL, pupil(MARLOW)), (RACHEL, pupil(ASHBY)), (OTHER, pupil(MARLOW))];
    all.sort_unstable();
    all
}

#[tokio::test]
async fn a_held_adult_loses_rows_and_sessions_in_the_next_cycle_and_gets_the_rows_back_by_themselves() {
    for engine in ENGINES {
        let family = Family::new(engine).await;
        let (world, app) = (&family.world, &family.world.test.app);
        let foreign = world.foreign_rows().await;
        let adult = family.adult(&family.rachel).await;
        let hold = family.place(&NewHold { adult: Some(adult), ..on() }).await;
        assert_eq!(family.pairs().await.len(), 3, "{engine}: nothing is done outside a cycle");

        let report = world.cycle().await;
        assert_eq!((report.removed, report.held, report.brake), (2, 0, false), "{engine}: {report:?}");
        assert!(!report.sync_hurried, "{engine}: the login row stays, so Moodle has nothing to do");
        assert_eq!(report.outcome(Outcome::Referred), 2, "{engine}: {report:?}");
        assert_eq!(family.pairs().await, [(OTHER, pupil(MARLOW))], "{engine}: the other parent keeps theirs");
        let (rachel, other) = (world.account(RACHEL).await.unwrap(), world.account(OTHER).await.unwrap());
        let sessions = |user| format!("SELECT COUNT(*) FROM mdl_sessions WHERE userid = {user}");
        assert_eq!(family.count(&sessions(rachel)).await, 0, "{engine}");
        assert_eq!(family.count(&sessions(other)).await, 1, "{engine}");
        let flags = format!("SELECT COUNT(*) FROM mdl_cache_flags WHERE name = '{rachel}' AND value = '1'");
        assert_eq!(family.count(&flags).await, 1, "{engine}");
        assert_eq!(world.foreign_rows().await, foreign, "{engine}");
        assert_eq!(world.test.count("login_rows").await, 2, "{engine}");

        // The account is not shut; a session that begins later is not ended again by looking.
        family.open_session(RACHEL).await;
        let full = world.run(Mode::Full).await.unwrap();
        assert_eq!((full.added, full.removed, full.held), (0, 0, 0), "{engine}: {full:?}");
        assert_eq!(family.count(&sessions(rachel)).await, 1, "{engine}");

        // Two different people release it.
        let asked = holds::ask_release(app, &lead("one"), hold).await.unwrap();
        assert!(asked.release_asked.is_some());
        world.cycle().await;
        assert_eq!(family.pairs().await.len(), 1, "{engine}: asking is not releasing");
        let alone = holds::release(app, &lead("one"), hold).await;
        assert!(matches!(alone, Err(ServiceError::Refused { code: "second_person", .. })), "{engine}: {alone:?}");
        holds::release(app, &lead("two"), hold).await.unwrap();
        let report = world.cycle().await;
        assert_eq!((report.added, report.outcome(Outcome::Linked)), (2, 2), "{engine}: {report:?}");
        assert_eq!(family.pairs().await, all(), "{engine}");
        let full = world.run(Mode::Full).await.unwrap();
        assert_eq!((full.added, full.removed), (0, 0), "{engine}: {full:?}");
        assert_eq!(world.foreign_rows().await, foreign, "{engine}");
    }
}

#[tokio::test]
async fn a_held_pupil_stops_everybody_a_held_pair_only_the_pair_and_sessions_stay_where_the_school_says_so() {
    for engine in ENGINES {
        let family = Family::new(engine).await;
        let world = &family.world;
        settings::set(&world.test.app, &administrator(), "end_sessions", "false").await.unwrap();
        let by_pupil = family.place(&NewHold { pupil: Some(pupil(MARLOW)), ..on() }).await;
        world.cycle().await;
        assert_eq!(family.pairs().await, [(RACHEL, pupil(ASHBY))], "{engine}");
        assert_eq!(family.count("SELECT COUNT(*) FROM mdl_sessions").await, 2, "{engine}");
        family.release(by_pupil).await;
        // The full comparison finds the same as the jobs would.
        world.run(Mode::Full).await.unwrap();
        assert_eq!(family.pairs().await, all(), "{engine}");

        let pair = NewHold { email: Some("Rachel.Turner+x@Example.org".into()), pupil: Some(pupil(MARLOW)), ..on() };
        let pair = family.place(&pair).await;
        world.cycle().await;
        let left = [(OTHER, pupil(MARLOW)), (RACHEL, pupil(ASHBY))];
        assert_eq!(family.pairs().await, left, "{engine}");
        family.release(pair).await;
        world.cycle().await;
        assert_eq!(family.pairs().await, all(), "{engine}");
    }
}

/// The school's provider and the mailed link know one person by two names.
#[tokio::test]
async fn who_signs_in_by_two_ways_is_no_second_person() {
    for engine in ENGINES {
        let family = Family::new(engine).await;
        let app = &family.world.test.app;
        let hold = family.place(&NewHold { pupil: Some(pupil(MARLOW)), ..on() }).await;
        let mut signed_in = Vec::new();
        for (issuer, email) in
            [("https://id.example", "Lead@example.org"), ("mail", "lead@example.org"), ("mail", "two@example.org")]
        {
            let member = staff::Member {
                id: app.new_id(),
                issuer: issuer.into(),
                subject: email.into(),
                name: "Lead".into(),
                email: Some(email.into()),
                role: StaffRole::Safeguarding,
                created_at: app.now(),
                last_signed_in_at: app.now(),
            };
            let id = staff::keep(&mut app.store.acquire().await.unwrap(), &member).await.unwrap();
            signed_in.push(Actor { name: format!("staff:{id}"), role: Some(StaffRole::Safeguarding) });
        }
        let [first, same, second] = signed_in.as_slice() else { unreachable!() };
        holds::ask_release(app, first, hold).await.unwrap();
        assert!(!holds::show(app, same, hold).await.unwrap().may_release, "{engine}");
        let refused = holds::release(app, same, hold).await;
        assert!(matches!(refused, Err(ServiceError::Refused { code: "second_person", .. })), "{engine}: {refused:?}");
        // Whoever made a link of the command line is who comes by it; and who is forgotten may be anybody.
        let links =
            ["cli:one", "cli:two"].map(|name| Actor { name: name.into(), role: Some(StaffRole::Administrator) });
        let mut by_link = Vec::new();
        for minter in &links {
            let link = sessions::links::mint(app, minter, StaffRole::Safeguarding).await.unwrap();
            let entered = sessions::links::enter(app, &link.token, None).await.unwrap();
            by_link.push(entered.session.actor().clone());
        }
        let forgotten: StaffId = app.new_id();
        let forgotten = Actor { name: format!("staff:{forgotten}"), role: Some(StaffRole::Safeguarding) };
        for no_second in [&by_link[0], &by_link[1], &links[0], &forgotten] {
            let refused = holds::release(app, no_second, hold).await;
            let name = &no_second.name;
            assert!(matches!(refused, Err(ServiceError::Refused { code: "second_person", .. })), "{engine}: {name}");
        }
        assert!(holds::show(app, second, hold).await.unwrap().may_release, "{engine}");
        holds::release(app, second, hold).await.unwrap();

        let hold = family.place(&NewHold { pupil: Some(pupil(MARLOW)), ..on() }).await;
        holds::ask_release(app, &lead("one"), hold).await.unwrap();
        let refused = holds::release(app, &by_link[0], hold).await;
        assert!(matches!(refused, Err(ServiceError::Refused { code: "second_person", .. })), "{engine}: {refused:?}");
        holds::release(app, &by_link[1], hold).await.unwrap();
    }
}

/// What somebody wrote by hand, or the plugin, is not ours to take away; nobody may think that it is gone.
#[tokio::test]
async fn a_row_of_somebody_elses_beside_a_held_link_is_warned_of() {
    for engine in ENGINES {
        let family = Family::new(engine).await;
        let world = &family.world;
        let by_hand = "INSERT INTO mdl_role_assignments (roleid, contextid, userid, timemodified, modifierid, component, itemid, \
                       sortorder) SELECT roleid, contextid, userid, 1, 2, '', 0, 0 FROM mdl_role_assignments \
                       WHERE component = 'local_kinlink'";
        world.meddle(by_hand).await;
        let (hers, foreign) = (family.pairs().await.len(), world.foreign_rows().await);
        assert_eq!(hers, 3, "{engine}");
        let warnings = |report: &Report| report.warnings.iter().filter(|text| text.contains("not ours let")).count();
        assert_eq!(warnings(&world.run(Mode::Full).await.unwrap()), 0, "{engine}: nothing is held");
        family.place(&NewHold { pupil: Some(pupil(ASHBY)), ..on() }).await;
        let report = world.cycle().await;
        assert_eq!((report.removed, warnings(&report)), (1, 1), "{engine}: {report:?}");
        let full = world.run(Mode::Full).await.unwrap();
        assert!(
            full.warnings.iter().any(|text| text.starts_with("1 role rows that are not ours let")),
            "{engine}: {full:?}"
        );
        assert_eq!(world.foreign_rows().await, foreign, "{engine}");
    }
}

/// By whatever address a held adult was ever accepted, and by the one that Moodle has of a picked account.
#[tokio::test]
async fn a_held_adult_who_asks_from_a_former_address_is_recognised() {
    for engine in ENGINES {
        let family = Family::new(engine).await;
        let world = &family.world;
        let adult = family.adult(&family.rachel).await;
        let sql = format!("UPDATE adults SET email = 'rachel@new.example.org' WHERE id = '{adult}'");
        world.test.app.store.execute(&sql, []).await.unwrap();
        family.place(&NewHold { adult: Some(adult), ..on() }).await;
        for address in ["rachel@new.example.org", RACHEL] {
            let asked = world.test.submit(&asking(("R.", "Turner-Smith", address), &[ASHBY])).await;
            let as_new = Approval { account: AccountChoice::New, ..Approval::default() };
            let refused = world.approve(&asked, &as_new).await;
            assert!(refers(&refused), "{engine}: {address}: {refused:?}");
        }
        // Another person at the same Moodle is nobody to this hold.
        let free = world.test.submit(&asking(("Una", "Free", "una@example.org"), &[ASHBY])).await;
        world.approve(&free, &Approval::default()).await.unwrap();
    }
}

#[tokio::test]
async fn a_hold_on_the_address_of_a_picked_account_stops_it() {
    for engine in ENGINES {
        let family = Family::new(engine).await;
        let world = &family.world;
        let teacher = world.number("SELECT MIN(id) FROM mdl_user WHERE auth = 'manual' AND id > 2").await;
        world.meddle(&format!("UPDATE mdl_user SET email = 'Kim@School.example' WHERE id = {teacher}")).await;
        let by_account = Approval { account: AccountChoice::MoodleUser(MoodleUserId(teacher)), ..Approval::default() };
        let asked = world.test.submit(&asking(("Kim", "Larsen", "kim@home.example"), &[ASHBY])).await;
        let hold = family.place(&NewHold { email: Some("kim@school.example".into()), ..on() }).await;
        let refused = world.approve(&asked, &by_account).await;
        assert!(refers(&refused), "{engine}: {refused:?}");
        family.release(hold).await;
        world.approve(&asked, &by_account).await.unwrap();
        world.cycle().await;
        let row = format!(
            "SELECT COUNT(*) FROM mdl_role_assignments WHERE userid = {teacher} AND component = 'local_kinlink'"
        );
        assert_eq!(world.number(&row).await, 1, "{engine}");
        family.place(&NewHold { email: Some("kim@school.example".into()), ..on() }).await;
        world.run(Mode::Full).await.unwrap();
        assert_eq!(world.number(&row).await, 0, "{engine}");
    }
}

/// The court paper names the address that the school knew last year.
#[tokio::test]
async fn a_hold_on_a_former_address_takes_away_what_its_adult_has_by_the_present_one() {
    for engine in ENGINES {
        let family = Family::new(engine).await;
        let world = &family.world;
        let adult = family.adult(&family.rachel).await;
        let sql = format!("UPDATE adults SET email = 'rachel@new.example.org' WHERE id = '{adult}'");
        world.test.app.store.execute(&sql, []).await.unwrap();
        let hold = family.place(&NewHold { email: Some(RACHEL.into()), ..on() }).await;
        let report = world.cycle().await;
        assert_eq!((report.removed, report.outcome(Outcome::Referred)), (2, 2), "{engine}: {report:?}");
        assert_eq!(family.pairs().await, [(OTHER, pupil(MARLOW))], "{engine}");
        family.release(hold).await;
        world.cycle().await;
        assert_eq!(family.pairs().await, all(), "{engine}");
    }
}

#[tokio::test]
async fn a_hold_begins_and_ends_at_its_time_without_anybody() {
    for engine in ENGINES {
        let family = Family::new(engine).await;
        let world = &family.world;
        let now = world.test.app.now();
        let hours = |hours| now.checked_add(SignedDuration::from_hours(hours)).unwrap();
        let coming = NewHold { email: Some(RACHEL.into()), from: Some(hours(24)), until: Some(hours(48)), ..on() };
        family.place(&coming).await;
        assert_eq!(world.cycle().await.jobs, 0, "{engine}: nothing is due yet");
        world.test.clock.advance(SignedDuration::from_hours(24));
        let report = world.cycle().await;
        assert_eq!((report.jobs, report.removed), (1, 2), "{engine}: {report:?}");
        assert_eq!(world.cycle().await.jobs, 0, "{engine}: noted once");
        world.test.clock.advance(SignedDuration::from_hours(23));
        assert_eq!(world.run(Mode::Full).await.unwrap().added, 0, "{engine}");
        world.test.clock.advance(SignedDuration::from_hours(1));
        let report = world.cycle().await;
        assert_eq!((report.jobs, report.added), (1, 2), "{engine}: {report:?}");
        assert_eq!(world.cycle().await.jobs, 0, "{engine}: noted once");
        assert_eq!(family.pairs().await, all(), "{engine}");

        // Both turns missed: nothing happens but what should be.
        family.place(&NewHold { from: Some(hours(72)), until: Some(hours(73)), ..coming }).await;
        world.test.clock.advance(SignedDuration::from_hours(100));
        world.cycle().await;
        assert_eq!(family.pairs().await, all(), "{engine}");
    }
}

#[tokio::test]
async fn the_brake_neither_holds_nor_counts_what_a_hold_takes_away() {
    for engine in ENGINES {
        let world = world(engine).await;
        let app = &world.test.app;
        let requests = thirty(&world).await;
        for request in &requests[..26] {
            let adult = world.request(request).await.adult;
            holds::place(app, &lead("one"), &NewHold { adult, ..on() }).await.unwrap();
        }
        // A decision beside them is no more than the brake believes.
        let deny = async |request: &Request| {
            decide::end(app, &administrator(), request.id, None, Action::Deny, &Reason::default()).await.unwrap();
        };
        deny(&requests[26]).await;
        let report = world.cycle().await;
        assert_eq!((report.removed, report.held, report.brake), (27, 0, false), "{engine}: {report:?}");
        assert_eq!(world.our_rows().await.len(), 3, "{engine}");
        let full = world.run(Mode::Full).await.unwrap();
        assert_eq!((full.removed, full.brake), (0, false), "{engine}: {full:?}");

        // The brake holds what decisions take away; a hold placed then takes its row all the same.
        settings::set(app, &administrator(), "brake_floor", "1").await.unwrap();
        settings::set(app, &administrator(), "brake_percent", "1").await.unwrap();
        deny(&requests[27]).await;
        deny(&requests[28]).await;
        let report = world.cycle().await;
        assert_eq!((report.removed, report.held, report.brake), (0, 2, true), "{engine}: {report:?}");
        let adult = world.request(&requests[27]).await.adult;
        holds::place(app, &lead("one"), &NewHold { adult, ..on() }).await.unwrap();
        let report = world.cycle().await;
        assert_eq!((report.removed, world.our_rows().await.len()), (1, 2), "{engine}: {report:?}");
        // The comparison of everybody comes to the same.
        let adult = world.request(&requests[28]).await.adult;
        holds::place(app, &lead("one"), &NewHold { adult, ..on() }).await.unwrap();
        world.run(Mode::Full).await.unwrap();
        assert_eq!(world.our_rows().await.len(), 1, "{engine}");
    }
}

#[tokio::test]
async fn nobody_who_is_held_can_be_approved_pinned_or_asked_whether_or_not_they_are_known() {
    for engine in ENGINES {
        let family = Family::new(engine).await;
        let (world, app) = (&family.world, &family.world.test.app);
        // Held before the request comes.
        family.place(&NewHold { email: Some("new@example.org".into()), ..on() }).await;
        family.place(&NewHold { adult: Some(family.adult(&family.rachel).await), ..on() }).await;
        family.place(&NewHold { pupil: Some(pupil(ASHBY)), ..on() }).await;
        let unknown = world.test.submit(&asking(("Nia", "New", "New+1@example.org"), &[MARLOW])).await;
        let again = world.test.submit(&asking(("R.", "Turner", RACHEL), &[MARLOW])).await;
        let pair = world.test.submit(&asking(("Olga", "Free", "olga@example.org"), &[MARLOW, ASHBY])).await;
        for request in [&unknown, &again, &pair] {
            let refused = world.approve(request, &Approval::default()).await;
            assert!(refers(&refused), "{engine}: {refused:?}");
        }
        let claims = requests::claims(&mut app.store.acquire().await.unwrap(), pair.id).await.unwrap();
        for (request, claim, child, free) in [
            (&unknown, None, MARLOW, false),
            (&pair, Some(claims[1].id), ASHBY, false),
            (&pair, Some(claims[0].id), MARLOW, true),
        ] {
            let claim = match claim {
                Some(claim) => claim,
                None => requests::claims(&mut app.store.acquire().await.unwrap(), request.id).await.unwrap()[0].id,
            };
            let pinned = pin_pupil(app, &approver(), request.id, None, claim, pupil(child)).await;
            assert_eq!((refers(&pinned), pinned.is_ok()), (!free, free), "{engine}: {pinned:?}");
        }
        let question = Reason { message: Some("Which child is yours?".into()), ..Reason::default() };
        let asked = decide::ask(app, &approver(), unknown.id, None, &question).await;
        assert!(refers(&asked), "{engine}: {asked:?}");

        // Many at once: foreseen, and refused one by one.
        let rows: Vec<_> = [&unknown, &again, &pair].iter().map(|request| request.id).collect();
        let mut versioned = Vec::new();
        for id in rows {
            let request = requests::find(&mut app.store.acquire().await.unwrap(), id).await.unwrap().unwrap();
            versioned.push((id, request.version));
        }
        let act = BulkAct::Approve { checks: Checks::ALL };
        for preview in preview_bulk(app, &approver(), &act, &versioned).await.unwrap() {
            assert_eq!(preview.verdict.unwrap_err().code, REFER_CODE, "{engine}");
        }
        for result in bulk(app, &approver(), &act, &versioned).await.unwrap() {
            assert_eq!(result.result.unwrap_err().code, REFER_CODE, "{engine}");
        }
        // Whatever is free of the hold can be approved, and what is held can be refused.
        let choice = |claim: usize, pick| ClaimChoice { claim: claims[claim].id, pick };
        let only = Approval { claims: vec![choice(0, Pick::Exact), choice(1, Pick::Leave)], ..Approval::default() };
        world.approve(&pair, &only).await.unwrap();
        let denied = decide::end(app, &approver(), unknown.id, None, Action::Deny, &Reason::default()).await.unwrap();
        assert_eq!(denied.status, Status::Denied, "{engine}");
    }
}

#[tokio::test]
async fn two_different_people_release_a_hold_and_a_token_is_its_maker() {
    let world = world(kinlink_db::Engine::Sqlite).await;
    let app = &world.test.app;
    let place = async || {
        let new = NewHold { email: Some("held@example.org".into()), ..on() };
        holds::place(app, &lead("one"), &new).await.unwrap().id
    };
    let administrator = |name: &str| Actor { name: format!("cli:{name}"), role: Some(StaffRole::Administrator) };
    let token = async |maker: &Actor| {
        let minted = access::mint_token(app, maker, "script", StaffRole::Safeguarding, None).await.unwrap();
        authenticate(app, &minted.secret).await.unwrap()
    };
    let (of_one, also_of_one, of_two) =
        (token(&administrator("one")).await, token(&administrator("one")).await, token(&administrator("two")).await);
    for (asks, releases, may) in [
        (&lead("one"), &lead("one"), false),
        (&lead("one"), &of_one, false),
        (&of_one, &lead("one"), false),
        (&of_one, &also_of_one, false),
        (&lead("two"), &lead("one"), true),
        (&of_one, &of_two, true),
        (&of_two, &lead("one"), true),
    ] {
        let hold = place().await;
        let none = holds::release(app, releases, hold).await;
        assert!(matches!(none, Err(ServiceError::Refused { code: "not_asked", .. })), "{none:?}");
        holds::ask_release(app, asks, hold).await.unwrap();
        let twice = holds::ask_release(app, releases, hold).await;
        assert!(matches!(twice, Err(ServiceError::Refused { code: "already_asked", .. })), "{twice:?}");
        assert_eq!(holds::show(app, releases, hold).await.unwrap().may_release, may, "{asks:?} {releases:?}");
        let released = holds::release(app, releases, hold).await;
        assert_eq!(released.is_ok(), may, "{asks:?} {releases:?}: {released:?}");
        // Taken back, it is as it was.
        if !may {
            holds::withdraw_release(app, releases, hold).await.unwrap();
            holds::ask_release(app, releases, hold).await.unwrap();
            holds::release(app, &lead("three"), hold).await.unwrap();
        }
        let over = holds::ask_release(app, asks, hold).await;
        assert!(matches!(over, Err(ServiceError::Refused { code: "over", .. })), "{over:?}");
    }
    for role in [StaffRole::Viewer, StaffRole::Approver] {
        let actor = Actor { role: Some(role), ..lead("low") };
        let hold = place().await;
        let new = NewHold { email: Some("x@example.org".into()), ..on() };
        assert!(matches!(holds::place(app, &actor, &new).await, Err(ServiceError::Forbidden(_))));
        assert!(matches!(holds::ask_release(app, &actor, hold).await, Err(ServiceError::Forbidden(_))));
        assert!(matches!(holds::release(app, &actor, hold).await, Err(ServiceError::Forbidden(_))));
        assert!(matches!(holds::show(app, &actor, hold).await, Err(ServiceError::Forbidden(_))));
    }
}

#[tokio::test]
async fn below_safeguarding_nobody_learns_more_than_whom_to_ask() {
    let family = Family::new(kinlink_db::Engine::Sqlite).await;
    let (world, app) = (&family.world, &family.world.test.app);
    let adult = family.adult(&family.rachel).await;
    let hold = family.place(&NewHold { adult: Some(adult), ..on() }).await;
    let waiting = world.test.submit(&asking(("R.", "Turner", RACHEL), &[MARLOW])).await;
    let _unclear = world.test.submit(&asking(("Rachel", "T.", RACHEL), &[])).await;
    for role in StaffRole::ALL.iter().copied() {
        let actor = Actor { name: format!("cli:{role}"), role: Some(role) };
        let sees = role >= StaffRole::Safeguarding;
        let request = show_request(app, &actor, waiting.reference.as_str()).await.unwrap();
        assert!(request.refer_to_safeguarding && !request.actions.contains(&Action::Approve), "{role}");
        assert_eq!(request.holds.as_ref().map(|holds| holds[0].id), sees.then_some(hold), "{role}");
        let user = show_user(app, &actor, &adult.to_string()).await.unwrap();
        assert!(user.refer_to_safeguarding, "{role}");
        let explained = explain(app, &actor, explain::Who::Adult(adult), pupil(MARLOW)).await.unwrap();
        assert_eq!(explained.explanation.broken, Some(Step::Hold), "{role}");
        let listed = list_view(app, &actor, &ListQuery::of(RequestView::All)).await.unwrap();
        let item = listed.items.iter().find(|item| item.summary.id == waiting.id).unwrap();
        assert_eq!(item.checks.first(), Some(&Check::ReferToSafeguarding), "{role}");
        let queue = matching_queue(app, &actor).await.unwrap();
        let all = [
            serde_json::to_string(&request).unwrap(),
            serde_json::to_string(&user).unwrap(),
            serde_json::to_string(&explained).unwrap(),
            serde_json::to_string(&queue).unwrap(),
        ]
        .concat();
        for secret in [hold.to_string().as_str(), "C-17/2026", "court_order", "hold.place"] {
            let is_there = all.contains(secret);
            assert!(sees || !is_there, "{role} reads {secret}: {all}");
        }
    }
    let list = HoldQuery { view: kinlink_domain::hold::HoldView::All, adult: None, pupil: None, before: None };
    assert!(matches!(holds::list(app, &approver(), list, 9).await, Err(ServiceError::Forbidden(_))));
    let listed = holds::list(app, &lead("two"), list, 9).await.unwrap();
    assert_eq!((listed.items.len(), listed.items[0].adult_name.as_deref()), (1, Some("Rachel Turner")));
    // Looking is noted, with ids and nothing else.
    holds::show(app, &lead("two"), hold).await.unwrap();
    let sql = "SELECT action, detail FROM audit WHERE subject = ? ORDER BY seq";
    let noted: Vec<(String, String)> =
        world.test.store.db.fetch_all(sql, [format!("hold:{hold}").into()]).await.unwrap();
    let actions: Vec<&str> = noted.iter().map(|(action, _)| action.as_str()).collect();
    assert_eq!(actions, ["hold.place", "hold.view"]);
    assert!(noted.iter().all(|(_, detail)| !detail.contains("C-17") && !detail.contains('@')), "{noted:?}");
}

/// Delivers, and gives the letters that one address was sent, without what is different for everybody.
async fn letters(world: &World, request: &Request, address: &str) -> Vec<String> {
    let (app, school) = (&world.test.app, &world.test.school);
    deliver(app, school, &Transport::Store, 50, None).await.unwrap();
    let mut store = app.store.acquire().await.unwrap();
    let mut found = Vec::new();
    for mail in mails::newest(&mut store, 100).await.unwrap() {
        if mail.recipient.as_str() == address && mail.state == "sent" {
            let written = mail::write(app, school, &mut store, &mail).await.unwrap();
            found.push(written.map_or_else(String::new, |mail| {
                neutral(&format!("{}\n{}", mail.subject, mail.body), app, request, address)
            }));
        }
    }
    // Those of one instant come in any order.
    found.sort_unstable();
    found
}

fn neutral(text: &str, app: &kinlink_service::App, request: &Request, address: &str) -> String {
    text.replace(&status_token(app, request), "TOKEN")
        .replace(request.reference.as_str(), "REFERENCE")
        .replace(address, "ADDRESS")
}

/// The status page as a browser gets it.
async fn status_page(world: &World, request: &Request, address: &str) -> String {
    let app = &world.test.app;
    let state = IntakeState { app: app.clone(), school: world.test.school.clone() };
    let client = kinlink_testapp::Client::new(kinlink_intake::router(state));
    let answer = client.get(&format!("/status/{}", status_token(app, request))).await.expect(200);
    neutral(&answer.text, app, request, address)
}

#[tokio::test]
async fn who_is_held_sees_byte_for_byte_what_anybody_sees_whom_we_could_not_confirm() {
    let family = Family::new(kinlink_db::Engine::Sqlite).await;
    let (world, app) = (&family.world, &family.world.test.app);
    let (held_address, free_address) = ("held@example.org", "free@example.org");
    family.place(&NewHold { email: Some(held_address.into()), ..on() }).await;
    let held = world.test.submit(&asking(("Pat", "Same", held_address), &[MARLOW])).await;
    let free = world.test.submit(&asking(("Pat", "Same", free_address), &[MARLOW])).await;
    let same = async |what: &str| {
        let (held_page, free_page) =
            (status_page(world, &held, held_address).await, status_page(world, &free, free_address).await);
        assert_eq!(held_page, free_page, "{what}");
        let (of_held, of_free) = (letters(world, &held, held_address).await, letters(world, &free, free_address).await);
        assert!(!of_free.is_empty(), "{what}");
        assert_eq!(of_held, of_free, "{what}");
    };
    same("not decided").await;
    for request in [&held, &free] {
        decide::end(app, &approver(), request.id, None, Action::Deny, &Reason::default()).await.unwrap();
    }
    same("denied").await;

    // Held after everything was there: the page is that of a request which ended.
    let ended = status_page(world, &free, free_address).await;
    let ready = status_page(world, &family.rachel, RACHEL).await;
    assert_ne!(ready, ended);
    family.place(&NewHold { adult: Some(family.adult(&family.rachel).await), ..on() }).await;
    let rachel = status_page(world, &family.rachel, RACHEL).await;
    decide::end(app, &approver(), family.other.id, None, Action::Deny, &Reason::default()).await.unwrap();
    let other = status_page(world, &family.other, OTHER).await;
    assert_eq!(rachel, other);
}

#[tokio::test]
async fn no_letter_about_access_goes_to_whom_a_hold_stops() {
    for engine in ENGINES {
        let family = Family::new(engine).await;
        let (world, app) = (&family.world, &family.world.test.app);
        let states = async |address: &str| -> Vec<(String, String)> {
            deliver(app, &world.test.school, &Transport::Store, 50, None).await.unwrap();
            let mut store = app.store.acquire().await.unwrap();
            let mut found: Vec<_> = mails::newest(&mut store, 100)
                .await
                .unwrap()
                .into_iter()
                .filter(|mail| mail.recipient.as_str() == address)
                .map(|mail| {
                    let letter: serde_json::Value = serde_json::from_str(&mail.letter).unwrap();
                    (letter["letter"].as_str().unwrap().to_owned(), mail.state)
                })
                .collect();
            found.sort_unstable();
            found
        };
        // The letter that the account is there waits to be sent when the hold is placed.
        family.place(&NewHold { email: Some(RACHEL.into()), ..on() }).await;
        family
            .place(&NewHold { adult: Some(family.adult(&family.other).await), pupil: Some(pupil(MARLOW)), ..on() })
            .await;
        for address in [RACHEL, OTHER] {
            let found = states(address).await;
            assert!(found.contains(&("approved".into(), "suppressed".into())), "{engine}: {found:?}");
            assert!(!found.contains(&("approved".into(), "sent".into())), "{engine}: {found:?}");
        }
        world.cycle().await;
        decide::end(app, &approver(), family.rachel.id, None, Action::Deny, &Reason::default()).await.unwrap();
        let found = states(RACHEL).await;
        assert!(found.contains(&("access_ended".into(), "suppressed".into())), "{engine}: {found:?}");
    }
}

/// A generator whose histories can be run again: xorshift.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(sides).unwrap()).unwrap()
    }
}

/// Whether a hold of the test's own memory forbids a pair at a time.
fn is_held(placed: &[(NewHold, HoldId, bool)], adult: (AdultId, &str), pupil: MoodleUserId, now: Timestamp) -> bool {
    placed.iter().any(|(hold, _, released)| {
        let whom = match (hold.adult, &hold.email) {
            (Some(held), _) => held == adult.0,
            (None, Some(email)) => email == adult.1,
            (None, None) => true,
        };
        let when = hold.from.is_none_or(|from| from <= now) && hold.until.is_none_or(|until| now < until);
        !released && whom && when && hold.pupil.is_none_or(|held| held == pupil)
    })
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one arm an act")]
async fn there_is_no_path_from_held_to_a_role_row() {
    let mut removed = 0;
    let mut returned = 0;
    for seed in 1..=8_u64 {
        let family = Family::new(kinlink_db::Engine::Sqlite).await;
        let (world, app) = (&family.world, &family.world.test.app);
        let adults = [
            (family.adult(&family.rachel).await, RACHEL, &family.rachel),
            (family.adult(&family.other).await, OTHER, &family.other),
        ];
        let mut placed: Vec<(NewHold, HoldId, bool)> = Vec::new();
        let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let mut history = Vec::new();
        for _ in 0..30 {
            let (adult, address, request) = adults[dice.below(2)];
            let child = [pupil(MARLOW), pupil(ASHBY)][dice.below(2)];
            let reason = Reason::default();
            let step = dice.below(12);
            history.push((step, address, child));
            match step {
                0..=1 => {
                    let now = app.now();
                    let at = |hours: usize| {
                        now.checked_add(SignedDuration::from_hours(i64::try_from(hours).unwrap())).unwrap()
                    };
                    let mut new = on();
                    match dice.below(4) {
                        0 => new.adult = Some(adult),
                        1 => new.email = Some(address.to_owned()),
                        2 => new.pupil = Some(child),
                        _ => (new.adult, new.pupil) = (Some(adult), Some(child)),
                    }
                    if dice.below(3) == 0 {
                        new.from = Some(at(dice.below(30) + 1));
                    }
                    if dice.below(2) == 0 {
                        new.until = Some(at(31 + dice.below(30)));
                    }
                    new.from = Some(new.from.unwrap_or(now));
                    let id = family.place(&new).await;
                    placed.push((new, id, false));
                }
                2 => {
                    if let Some((_, hold, _)) = placed.iter().rfind(|(.., released)| !released) {
                        let _ = holds::ask_release(app, &lead("one"), *hold).await;
                    }
                }
                3..=4 => {
                    for (_, hold, released) in &mut placed {
                        if !*released && holds::release(app, &lead("two"), *hold).await.is_ok() {
                            *released = true;
                            break;
                        }
                    }
                }
                5 => {
                    let _ = world.approve(request, &Approval::default()).await;
                }
                6 => {
                    let _ = decide::end(app, &approver(), request.id, None, Action::Deny, &reason).await;
                }
                7 => {
                    let _ = decide::reopen(app, &approver(), request.id, None, &reason).await;
                    let claims = requests::claims(&mut app.store.acquire().await.unwrap(), request.id).await.unwrap();
                    let _ = pin_pupil(app, &approver(), request.id, None, claims[0].id, child).await;
                    let version = world.request(request).await.version;
                    let act = BulkAct::Approve { checks: Checks::ALL };
                    bulk(app, &approver(), &act, &[(request.id, version)]).await.unwrap();
                }
                8 => {
                    let claims = requests::claims(&mut app.store.acquire().await.unwrap(), request.id).await.unwrap();
                    let claim = claims[0].id;
                    let _ = decide::withdraw_child(app, &approver(), request.id, None, claim, &reason).await;
                }
                9 => world.test.clock.advance(SignedDuration::from_hours(13)),
                _ => world.moodle_cron().await,
            }
            let mode = if dice.below(4) == 0 { Mode::Full } else { Mode::Jobs };
            let report = world.run(mode).await.unwrap();
            removed += report.outcome(Outcome::Referred);
            returned += report.added;
            let now = app.now();
            for (address, child) in family.pairs().await {
                let adult = adults.iter().find(|(_, other, _)| *other == address).unwrap().0;
                assert!(!is_held(&placed, (adult, address), child, now), "seed {seed}: {history:?} {placed:?}");
            }
        }
        // Everything released and approved again: everything comes back.
        for (_, hold, released) in &placed {
            if !released {
                let _ = holds::ask_release(app, &lead("one"), *hold).await;
                let _ = holds::release(app, &lead("two"), *hold).await;
            }
        }
        for (.., request) in adults {
            let _ = decide::end(app, &approver(), request.id, None, Action::Deny, &Reason::default()).await;
            let _ = decide::reopen(app, &approver(), request.id, None, &Reason::default()).await;
            world.approve(request, &Approval::default()).await.unwrap();
        }
        world.cycle().await;
        world.moodle_cron().await;
        world.moodle_cron().await;
        world.cycle().await;
        assert_eq!(family.pairs().await, all(), "seed {seed}: {history:?}");
        let login_rows = accounts::count_login_rows(&mut app.store.acquire().await.unwrap()).await.unwrap();
        assert_eq!(login_rows, 2);
    }
    assert!(removed > 10 && returned > 5, "the histories go both ways: {removed} {returned}");
}
