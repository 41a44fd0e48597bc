//! What staff pages read: lists with checks, neighbours, matching, users, cycles; and that no page sends a statement a row.

use kinlink_db::Engine;
use kinlink_domain::{
    Timestamp,
    ids::{MoodleUserId, RequestId},
    outcome::Outcome,
    request::{ClaimState, Kind, Status},
    staff::{Actor, StaffRole},
    submission::{Child, RawSubmission},
};
use kinlink_moodle::{Moodle, Prefix};
use kinlink_service::{
    ServiceError,
    accounts::AccountState,
    approve::{Approval, Checks},
    cycle::{self, Mode, Ran},
    decide::{self, Correction, Reason},
    view::{
        self, Account, AuditQuery, BulkAct, Check, CheckFilter, CycleState, Difference, Filter, ListPage, ListQuery,
        Mark, RequestView, Sort, Step, StepState, UserQuery, UserView,
    },
};
use kinlink_store::{
    jobs,
    requests::{self, Claim, Request},
};
use kinlink_testapp::{administrator, family};
use kinlink_testkit::fresh;
use kinlink_tests::crowd::Crowd;

use crate::world::{ENGINES, World, pupil_named, world};

fn viewer() -> Actor {
    Actor { name: "cli:viewer".into(), role: Some(StaffRole::Viewer) }
}

/// A submission from an address of its own about one child.
fn about(adult: &str, child: (&str, &str, &str)) -> RawSubmission {
    family((adult, "Page", &format!("{}@example.org", adult.to_lowercase())), &[child])
}

/// A Moodle that cannot be asked.
async fn without_moodle(world: &mut World) -> Moodle {
    let empty = fresh(Engine::Sqlite).await;
    let gone = Moodle::new(empty.db.clone(), Prefix::parse("gone_").unwrap());
    std::mem::replace(&mut world.test.app.moodle, gone)
}

async fn list(world: &World, query: &ListQuery) -> ListPage {
    view::list_view(&world.test.app, &administrator(), query).await.unwrap()
}

fn check_names(page: &ListPage, request: &Request) -> Vec<Check> {
    let item = page.items.iter().find(|item| item.summary.id == request.id);
    item.unwrap_or_else(|| panic!("{} is listed", request.reference)).checks.clone()
}

#[tokio::test]
async fn a_list_says_of_each_request_whom_it_matches_and_what_to_look_at() {
    for engine in ENGINES {
        let mut world = world(engine).await;
        let exact = world.test.submit(&about("Ann", ("Oscar", "Turner", "9KL"))).await;
        let nobody = world.test.submit(&about("Bea", ("Nobody", "Anywhere", "7KL"))).await;
        let several = world.test.submit(&about("Cat", ("Emily", "Jones", "8MB"))).await;
        let namesake = world.test.submit(&about("Dot", ("Jack", "Smith", "7KL"))).await;
        let mut twice = about("Ann", ("Isla", "Turner", "8TH"));
        twice.comment = format!("Please {}", "look ".repeat(100));
        let twice = world.test.submit(&twice).await;
        let staff = "UPDATE mdl_user SET email = 'Eva@Example.org' WHERE id = 4";
        world.meddle(staff).await;
        let account = world.test.submit(&about("Eva", ("Harry", "Patel", "7MB"))).await;
        let mut faulty = about("Flo", ("Noah", "Williams", "8KL"));
        faulty.email = "not an address".into();
        let faulty = world.test.submit(&faulty).await;

        let page = list(&world, &ListQuery::of(RequestView::Todo)).await;
        assert_eq!((page.total, page.page, page.pages, page.items.len()), (7, 1, 1, 7), "{engine}");
        let same = |other: &Request| Check::SameEmailAs(vec![other.reference.clone()]);
        for (request, checks) in [
            (&exact, vec![Check::Ready, same(&twice)]),
            (&nobody, vec![Check::PupilNotFound(1)]),
            (&several, vec![Check::SeveralPupils(1)]),
            (&namesake, vec![Check::Ready, Check::SharedSurname(1)]),
            (&twice, vec![Check::Ready, same(&exact)]),
            (&account, vec![Check::HasAccount]),
            (&faulty, vec![Check::Faults(1)]),
        ] {
            assert_eq!(check_names(&page, request), checks, "{engine}: {}", request.given_name);
        }
        let item = |request: &Request| page.items.iter().find(|item| item.summary.id == request.id).unwrap();
        let turner = MoodleUserId(pupil_named("Oscar", "Turner").user_id);
        assert_eq!(item(&exact).marks, [Mark::Matched(turner)], "{engine}");
        assert_eq!(item(&several).marks, [Mark::Several(2)], "{engine}");
        assert!(matches!(item(&nobody).marks[..], [Mark::None(_)]), "{engine}");
        assert!(matches!(&item(&account).account, Some(Account::Moodle { id: MoodleUserId(4), .. })), "{engine}");
        let excerpt = &item(&twice).excerpt;
        assert!(excerpt.starts_with("Please look look") && excerpt.ends_with('…') && excerpt.chars().count() == 241);

        for (check, expected) in [
            (CheckFilter::Ready, vec![exact.id, namesake.id, twice.id]),
            (CheckFilter::PupilNotFound, vec![nobody.id]),
            (CheckFilter::SeveralPupils, vec![several.id]),
            (CheckFilter::SharedSurname, vec![namesake.id]),
            (CheckFilter::SameEmail, vec![exact.id, twice.id]),
            (CheckFilter::HasAccount, vec![account.id]),
            (CheckFilter::EmailNotConfirmed, vec![]),
            (CheckFilter::Faults, vec![faulty.id]),
        ] {
            let query = ListQuery { check: Some(check), ..ListQuery::of(RequestView::All) };
            let page = list(&world, &query).await;
            let mut found: Vec<RequestId> = page.items.iter().map(|item| item.summary.id).collect();
            found.sort_unstable();
            let mut expected = expected;
            expected.sort_unstable();
            assert_eq!(found, expected, "{engine}: {check}");
            assert_eq!((page.total, page.unchecked), (i64::try_from(expected.len()).unwrap(), 0), "{engine}: {check}");
        }

        // L-7: without Moodle the list is still there, and says so.
        let good = without_moodle(&mut world).await;
        let page = list(&world, &ListQuery::of(RequestView::Todo)).await;
        assert_eq!(page.total, 7, "{engine}");
        assert!(page.items.iter().all(|item| item.checks.contains(&Check::MoodleUnknown)), "{engine}");
        assert!(page.items.iter().all(|item| item.marks.iter().all(|mark| *mark == Mark::Unknown)), "{engine}");
        assert!(check_names(&page, &exact).contains(&same(&twice)), "{engine}");
        world.test.app.moodle = good;
    }
}

#[tokio::test]
async fn views_count_what_they_list_and_a_search_by_a_childs_name_narrows_both() {
    let world = world(Engine::Sqlite).await;
    let app = &world.test.app;
    let mut made = Vec::new();
    for (adult, child) in
        [("Ann", ("Oscar", "Turner", "9KL")), ("Bea", ("Zoë", "Clark", "7MB")), ("Cat", ("Leo", "Fischer", "9MB"))]
    {
        made.push(world.test.submit(&about(adult, child)).await);
        world.test.clock.advance(jiff::SignedDuration::from_mins(1));
    }
    decide::ask(app, &administrator(), made[1].id, None, &Reason::default()).await.unwrap();
    world.approve(&made[2], &Approval::default()).await.unwrap();
    let counts = view::count_views(app, &viewer(), &Filter::default()).await.unwrap();
    for (view, count) in counts {
        let page = list(&world, &ListQuery::of(view)).await;
        assert_eq!(page.total, count, "{view}");
        let expected = match view {
            RequestView::Todo | RequestView::Waiting | RequestView::Approved => 1,
            RequestView::All => 3,
            _ => 0,
        };
        assert_eq!(count, expected, "{view}");
    }
    let query = ListQuery { search: "clark zoe".into(), ..ListQuery::of(RequestView::All) };
    let page = list(&world, &query).await;
    assert_eq!(page.items.iter().map(|item| item.summary.id).collect::<Vec<_>>(), [made[1].id]);
    assert_eq!(page.items[0].marks, [Mark::Matched(MoodleUserId(pupil_named("Zoë", "Clark").user_id))]);
    let filter = Filter { search: query.search.clone(), ..Filter::default() };
    let counts = view::count_views(app, &viewer(), &filter).await.unwrap();
    assert!(counts.contains(&(RequestView::Waiting, 1)) && counts.contains(&(RequestView::Todo, 0)), "{counts:?}");
    // An approved request whose pupil left needs a person again.
    world.meddle("UPDATE mdl_user SET suspended = 1 WHERE idnumber <> ''").await;
    world.moodle_cron().await;
    world.cycle().await;
    let page = list(&world, &ListQuery::of(RequestView::Todo)).await;
    assert_eq!(page.items.iter().map(|item| item.summary.id).collect::<Vec<_>>(), [made[0].id, made[2].id]);
    assert_eq!(page.items[1].marks, [Mark::Decided]);
}

#[tokio::test]
async fn pages_are_numbered_and_one_past_the_end_is_the_last() {
    let world = world(Engine::Sqlite).await;
    let mut store = world.test.app.store.acquire().await.unwrap();
    crowd_of_requests(&world, &mut store, 60).await;
    drop(store);
    let all = RequestView::All;
    for (check, total) in [(None, 60), (Some(CheckFilter::PupilNotFound), 60), (Some(CheckFilter::Ready), 0)] {
        let query = |page| ListQuery { check, page, per_page: 20, ..ListQuery::of(all) };
        let pages = if total == 0 { 1 } else { 3 };
        for (asked, shown, rows) in [(0, 1, 25), (1, 1, 25), (3, 3, 10), (4, 3, 10), (u32::MAX, 3, 10)] {
            let page = list(&world, &query(asked)).await;
            let expected = if total == 0 { (1, 0) } else { (shown, rows) };
            assert_eq!((page.page, page.items.len()), expected, "{check:?}, page {asked}");
            assert_eq!((page.total, page.pages), (total, pages), "{check:?}");
        }
    }
}

#[tokio::test]
async fn neighbours_walk_through_the_list_and_stay_when_the_request_has_left_it() {
    let world = world(Engine::Sqlite).await;
    let app = &world.test.app;
    let mut made = Vec::new();
    for adult in ["Ann", "Bea", "Cat", "Dot"] {
        world.test.clock.advance(jiff::SignedDuration::from_mins(1));
        made.push(world.test.submit(&about(adult, ("Nobody", "Anywhere", "7KL"))).await);
    }
    let ids: Vec<RequestId> = made.iter().map(|request| request.id).collect();
    for check in [None, Some(CheckFilter::PupilNotFound)] {
        let query = ListQuery { check, ..ListQuery::of(RequestView::Todo) };
        for (place, id) in ids.iter().enumerate() {
            let found = view::neighbours(app, &viewer(), &query, *id).await.unwrap();
            assert_eq!(found.position, Some(i64::try_from(place).unwrap() + 1));
            assert_eq!(found.total, 4);
            assert_eq!(found.previous, place.checked_sub(1).map(|before| ids[before]));
            assert_eq!(found.next, ids.get(place + 1).copied());
        }
    }
    let reason = Reason::default();
    decide::end(app, &administrator(), ids[1], None, kinlink_domain::request::Action::Deny, &reason).await.unwrap();
    for check in [None, Some(CheckFilter::PupilNotFound)] {
        let query = ListQuery { check, ..ListQuery::of(RequestView::Todo) };
        let found = view::neighbours(app, &viewer(), &query, ids[1]).await.unwrap();
        assert_eq!((found.position, found.total), (None, 3), "{check:?}");
        assert_eq!((found.previous, found.next), (Some(ids[0]), Some(ids[2])), "{check:?}");
        let newest = ListQuery { sort: Sort::Newest, ..query };
        let found = view::neighbours(app, &viewer(), &newest, ids[1]).await.unwrap();
        assert_eq!((found.previous, found.next), (Some(ids[2]), Some(ids[0])), "{check:?}");
    }
}

#[tokio::test]
async fn a_pinned_pupil_is_taken_by_approving_and_lost_when_the_child_is_corrected() {
    for engine in ENGINES {
        let world = world(engine).await;
        let app = &world.test.app;
        let staff = administrator();
        let request = world.test.submit(&about("Ann", ("Oskar", "Turner", "9KL"))).await;
        let claim = claims(&world, &request).await[0].id;
        let (turner, smith) = (pupil_named("Oscar", "Turner"), pupil_named("Jack", "Smith"));
        let (turner, smith) = (MoodleUserId(turner.user_id), MoodleUserId(smith.user_id));
        assert!(world.approve(&request, &Approval::default()).await.is_err(), "{engine}: no pupil matches exactly");

        // Staff are no pupils, and somebody else's version is stale.
        let refused = view::pin_pupil(app, &staff, request.id, None, claim, MoodleUserId(4)).await.unwrap_err();
        assert!(matches!(refused, ServiceError::Refused { code: "not_a_pupil", .. }), "{engine}: {refused}");
        let refused = view::pin_pupil(app, &viewer(), request.id, None, claim, turner).await.unwrap_err();
        assert!(matches!(refused, ServiceError::Forbidden(_)), "{engine}");
        let pinned = view::pin_pupil(app, &staff, request.id, Some(request.version), claim, smith).await.unwrap();
        assert_eq!(pinned.version, request.version + 1, "{engine}");
        let stale = view::pin_pupil(app, &staff, request.id, Some(request.version), claim, turner).await.unwrap_err();
        assert!(matches!(stale, ServiceError::Stale), "{engine}");

        let corrected = Correction {
            children: vec![decide::ChildCorrection {
                claim,
                given_name: Some("Oska".into()),
                family_name: None,
                tutor_group: None,
                admission_number: None,
            }],
            ..Correction::default()
        };
        decide::correct(app, &staff, request.id, None, &corrected).await.unwrap();
        assert_eq!(claims(&world, &request).await[0].pupil, None, "{engine}: another child may be meant now");

        view::pin_pupil(app, &staff, request.id, None, claim, smith).await.unwrap();
        view::unpin_pupil(app, &staff, request.id, None, claim).await.unwrap();
        assert_eq!(claims(&world, &request).await[0].pupil, None, "{engine}");
        view::pin_pupil(app, &staff, request.id, None, claim, turner).await.unwrap();
        let page = list(&world, &ListQuery::of(RequestView::Todo)).await;
        assert_eq!(
            (page.items[0].marks.clone(), page.items[0].checks.clone()),
            (vec![Mark::Pinned(turner)], vec![Check::Ready])
        );

        world.test.clock.advance(jiff::SignedDuration::from_mins(1));
        world.approve(&request, &Approval::default()).await.unwrap();
        let approved = claims(&world, &request).await;
        assert_eq!((approved[0].state, approved[0].pupil), (ClaimState::Approved, Some(turner)), "{engine}");
        let detail = view::show_request(app, &administrator(), &request.id.to_string()).await.unwrap();
        let pins: Vec<_> = detail
            .history
            .iter()
            .filter(|entry| entry.action.ends_with("pin"))
            .map(|entry| (entry.action.as_str(), entry.claim, entry.pupil))
            .collect();
        let about = Some(claim);
        assert_eq!(
            pins,
            [
                ("pin", about, Some(smith)),
                ("pin", about, Some(smith)),
                ("unpin", about, None),
                ("pin", about, Some(turner))
            ],
            "{engine}"
        );
        let refused = view::unpin_pupil(app, &staff, request.id, None, claim).await.unwrap_err();
        assert!(matches!(refused, ServiceError::Refused { code: "not_open", .. }), "{engine}: {refused}");
        let beside = view::beside_request(app, &viewer(), &detail).await.unwrap();
        assert_eq!(beside.pupil(turner).unwrap().name, "Oscar Turner", "{engine}");
        assert_eq!(beside.links.len(), 1, "{engine}");
        let changes: Vec<_> =
            beside.changes.iter().map(|c| (c.pointer.as_str(), c.sent.as_str(), c.now.as_str())).collect();
        assert_eq!(changes, [("/children/0/given_name", "Oskar", "Oska")], "{engine}");
        assert_eq!(detail.last_decision().unwrap().action, "approve", "{engine}");
    }
}

async fn claims(world: &World, request: &Request) -> Vec<Claim> {
    requests::claims(&mut world.test.app.store.acquire().await.unwrap(), request.id).await.unwrap()
}

#[tokio::test]
async fn children_without_a_pupil_are_grouped_as_typed_and_pinned_together() {
    let world = world(Engine::Sqlite).await;
    let app = &world.test.app;
    world.test.submit(&about("Zed", ("Oscar", "Turner", "9KL"))).await;
    let first = world.test.submit(&about("Ann", ("Oskar", "Turner", "9KL"))).await;
    world.test.clock.advance(jiff::SignedDuration::from_mins(1));
    let second = world.test.submit(&about("Bea", ("OSKAR", "turner", "9kl"))).await;
    let other = world.test.submit(&about("Cat", ("Emily", "Jones", "8MB"))).await;
    let queue = view::matching_queue(app, &viewer()).await.unwrap();
    assert_eq!((queue.groups.len(), queue.more), (2, 0), "{queue:#?}");
    let group = queue.groups.iter().find(|group| group.family_name == "Turner").unwrap();
    let best = &group.candidates[0];
    let turner = MoodleUserId(pupil_named("Oscar", "Turner").user_id);
    assert_eq!((best.pupil.id, best.exact), (turner, false));
    assert_eq!(best.differences, [Difference::GivenNameLetters(1)]);
    let jones = queue.groups.iter().find(|group| group.family_name == "Jones").unwrap();
    assert!(jones.candidates[0].exact && jones.candidates[1].exact && jones.candidates[0].differences.is_empty());

    let target = |claim: &view::QueueClaim| view::PinTarget {
        request: claim.request,
        version: claim.version,
        claim: claim.claim,
    };
    let mut targets: Vec<_> = group.claims.iter().map(target).collect();
    assert_eq!(targets.iter().map(|target| target.request).collect::<Vec<_>>(), [first.id, second.id]);
    targets.push(target(&jones.claims[0]));
    decide::note(app, &administrator(), second.id, None, "Rang them").await.unwrap();
    let results = view::pin_same(app, &administrator(), turner, &targets).await.unwrap();
    assert_eq!(results[0].result.as_ref().unwrap(), &(first.version + 1));
    let stale = results[1].result.as_ref().unwrap_err();
    assert_eq!(
        (stale.code, stale.since[0].action.as_str(), stale.since[0].actor.as_str()),
        ("stale", "note", "cli:test")
    );
    assert_eq!(results[2].result.as_ref().unwrap_err().code, "other_child");
    assert_eq!(view::matching_queue(app, &viewer()).await.unwrap().groups.len(), 2);
    assert_eq!(claims(&world, &other).await[0].pupil, None);
    // One child is one pupil.
    let raw = family(("Dot", "Page", "dot@example.org"), &[("Oskar", "Turner", "9KL"), ("Oscer", "Turner", "9KL")]);
    let twins = world.test.submit(&raw).await;
    let both = claims(&world, &twins).await;
    view::pin_pupil(app, &administrator(), twins.id, None, both[0].id, turner).await.unwrap();
    let refused = view::pin_pupil(app, &administrator(), twins.id, None, both[1].id, turner).await.unwrap_err();
    assert!(matches!(refused, ServiceError::Refused { code: "same_pupil", .. }), "{refused}");
}

#[tokio::test]
async fn many_requests_are_decided_one_by_one_and_what_one_refuses_stops_no_other() {
    for engine in ENGINES {
        let world = world(engine).await;
        let app = &world.test.app;
        let staff = administrator();
        let ready = world.test.submit(&about("Ann", ("Oscar", "Turner", "9KL"))).await;
        let unclear = world.test.submit(&about("Bea", ("Emily", "Jones", "8MB"))).await;
        let stale = world.test.submit(&about("Cat", ("Leo", "Fischer", "9MB"))).await;
        let help = RawSubmission {
            kind: Some(Kind::CannotSignIn.code().into()),
            children: Vec::new(),
            ..about("Dot", ("", "", ""))
        };
        let help = world.test.submit(&help).await;
        let also_ready = world.test.submit(&about("Eva", ("Harry", "Patel", "7MB"))).await;
        let unknown: RequestId = app.new_id();
        decide::note(app, &staff, stale.id, None, "Rang them").await.unwrap();
        let mut rows: Vec<(RequestId, i64)> =
            [&ready, &unclear, &stale, &help].iter().map(|request| (request.id, request.version)).collect();
        rows.extend([(unknown, 1), (also_ready.id, also_ready.version)]);

        let act = BulkAct::Approve { checks: Checks::ALL };
        let previews = view::preview_bulk(app, &staff, &act, &rows).await.unwrap();
        let codes: Vec<_> = previews.iter().map(|row| row.verdict.as_ref().map_err(|refusal| refusal.code)).collect();
        let expected = [Ok(&()), Err("invalid"), Err("stale"), Err("nothing_to_link"), Err("not_found"), Ok(&())];
        assert_eq!(codes, expected, "{engine}");
        assert!(previews[4].summary.is_none() && previews[0].summary.is_some(), "{engine}");
        let since = &previews[2].verdict.as_ref().unwrap_err().since;
        assert_eq!((since.len(), since[0].action.as_str()), (1, "note"), "{engine}");

        let missing =
            view::bulk(app, &staff, &BulkAct::Approve { checks: Checks::default() }, &rows).await.unwrap_err();
        assert!(matches!(missing, ServiceError::Invalid(_)), "{engine}: the checks are asked for once, for all");
        let forbidden = view::bulk(app, &viewer(), &act, &rows).await.unwrap_err();
        assert!(matches!(forbidden, ServiceError::Forbidden(_)), "{engine}");
        let results = view::bulk(app, &staff, &act, &rows).await.unwrap();
        let codes: Vec<_> = results.iter().map(|row| row.result.as_ref().map_err(|refusal| refusal.code)).collect();
        let approved = Status::Approved;
        let expected =
            [Ok(&approved), Err("invalid"), Err("stale"), Err("nothing_to_link"), Err("not_found"), Ok(&approved)];
        assert_eq!(codes, expected, "{engine}");
        let stale_one = results[2].result.as_ref().unwrap_err();
        assert_eq!(stale_one.since[0].actor, "cli:test", "{engine}");
        assert_eq!(results[0].reference.as_ref(), Some(&ready.reference), "{engine}");
        assert_eq!(results[4].reference, None, "{engine}");
        // Moodle makes the accounts, and both are linked by one cycle.
        world.moodle_cron().await;
        assert_eq!(world.cycle().await.added, 2, "{engine}");

        // What is in force is not taken away by the dozen.
        let rows: Vec<(RequestId, i64)> = vec![
            (ready.id, world.request(&ready).await.version),
            (unclear.id, unclear.version),
            (help.id, help.version),
        ];
        let reason = Reason { reason: Some("not_on_file".into()), ..Reason::default() };
        let act = BulkAct::Deny { reason };
        let previews = view::preview_bulk(app, &staff, &act, &rows).await.unwrap();
        assert_eq!(previews[0].verdict.as_ref().unwrap_err().code, "in_force", "{engine}");
        let results = view::bulk(app, &staff, &act, &rows).await.unwrap();
        assert_eq!(results[0].result.as_ref().unwrap_err().code, "in_force", "{engine}");
        assert!(results[1..].iter().all(|row| *row.result.as_ref().unwrap() == Status::Denied), "{engine}");
        let again = view::preview_bulk(app, &staff, &act, &[(unclear.id, unclear.version + 1)]).await.unwrap();
        assert_eq!(again[0].verdict.as_ref().unwrap_err().code, "wrong_status", "{engine}");
        let reopen = BulkAct::Reopen { reason: Reason::default() };
        let results = view::bulk(app, &staff, &reopen, &[(unclear.id, unclear.version + 1)]).await.unwrap();
        assert_eq!(*results[0].result.as_ref().unwrap(), Status::Pending, "{engine}");
        let many = vec![(unclear.id, 1); view::MOST_AT_ONCE + 1];
        let refused = view::bulk(app, &staff, &reopen, &many).await.unwrap_err();
        assert!(matches!(refused, ServiceError::Refused { code: "too_many", .. }), "{engine}");
    }
}

#[tokio::test]
async fn whoever_saw_an_older_version_is_told_who_did_what_since() {
    let world = world(Engine::Sqlite).await;
    let app = &world.test.app;
    let request = world.test.submit(&about("Ann", ("Oscar", "Turner", "9KL"))).await;
    let since = async |version| {
        let found = view::what_happened_since(app, &administrator(), request.id, version).await.unwrap();
        found.into_iter().map(|entry| (entry.action, entry.actor, entry.note)).collect::<Vec<_>>()
    };
    assert_eq!(since(request.version).await, []);
    let reason = Reason { note: Some("Which school?".into()), ..Reason::default() };
    decide::ask(app, &administrator(), request.id, None, &reason).await.unwrap();
    world.approve(&request, &Approval::default()).await.unwrap();
    world.moodle_cron().await;
    world.cycle().await;
    let by =
        |action: &str, actor: &str, note: Option<&str>| (action.to_owned(), actor.to_owned(), note.map(str::to_owned));
    let asked = by("ask", "cli:test", Some("Which school?"));
    let rest = [by("approve", "cli:test", None), by("provision", "system", None)];
    assert_eq!(since(1).await, [vec![asked], rest.to_vec()].concat());
    assert_eq!(since(2).await, rest);
    let read = view::what_happened_since(app, &viewer(), request.id, 1).await.unwrap();
    assert!(read.len() == 3 && read.iter().all(|entry| entry.note.is_none()), "viewers read no notes");
    assert_eq!(since(3).await, rest[1..]);
    let now = world.request(&request).await.version;
    assert_eq!(now, 4, "every change is told");
    assert_eq!(since(now).await, []);
}

fn users(view: UserView) -> UserQuery {
    UserQuery { view, search: String::new(), page: 1, per_page: 25 }
}

#[tokio::test]
async fn users_are_listed_with_their_pupils_and_how_they_stand_in_moodle() {
    for engine in ENGINES {
        let mut world = world(engine).await;
        world.approved(&about("Ann", ("Oscar", "Turner", "9KL"))).await;
        let bea = world.approved(&about("Bea", ("Leo", "Fischer", "9MB"))).await;
        world.moodle_cron().await;
        world.cycle().await;
        world.approved(&about("Cat", ("Noah", "Williams", "8KL"))).await;
        let leo = pupil_named("Leo", "Fischer").user_id;
        world.meddle(&format!("UPDATE mdl_user SET suspended = 1 WHERE id = {leo}")).await;
        world.meddle("UPDATE mdl_user SET suspended = 1 WHERE username = 'ann@example.org'").await;

        let app = &world.test.app;
        let page = view::list_users(app, &viewer(), &users(UserView::All)).await.unwrap();
        let rows: Vec<_> = page
            .items
            .iter()
            .map(|item| {
                let pupil = &item.pupils[0];
                (item.username.as_str(), item.state, pupil.name.as_deref(), pupil.left)
            })
            .collect();
        assert_eq!(
            rows,
            [
                ("ann@example.org", AccountState::Suspended, Some("Oscar Turner"), false),
                ("bea@example.org", AccountState::Active, Some("Leo Fischer"), true),
                ("cat@example.org", AccountState::Missing, Some("Noah Williams"), false),
            ],
            "{engine}"
        );
        assert_eq!(page.items[1].reference.as_ref(), Some(&bea.reference), "{engine}");
        let counts = view::count_user_views(app, &viewer(), "").await.unwrap().counts;
        for (view, count) in counts {
            let page = view::list_users(app, &viewer(), &users(view)).await.unwrap();
            assert_eq!(Some(page.total), count, "{engine}: {view}");
            let names: Vec<_> = page.items.iter().map(|item| &item.username[..3]).collect();
            let expected: &[&str] = match view {
                UserView::All => &["ann", "bea", "cat"],
                UserView::NoMoodleUser => &["cat"],
                UserView::Suspended => &["ann"],
                UserView::PupilsLeft => &["bea"],
                UserView::NoPupils | UserView::OtherAuth => &[],
            };
            assert_eq!(names, expected, "{engine}: {view}");
        }

        let user = view::show_user(app, &viewer(), "bea@example.org").await.unwrap();
        assert_eq!((user.state, user.links.len(), user.requests.len()), (Some(AccountState::Active), 1, 1), "{engine}");
        assert_eq!(user.requests[0].id, bea.id, "{engine}");
        assert!(user.history.iter().any(|entry| entry.action == "adult.approve"), "{engine}");
        assert_eq!(user.pupils.as_ref().unwrap()[0].name, "Leo Fischer", "{engine}");
        let same = view::show_user(app, &viewer(), &user.adult.to_string()).await.unwrap();
        assert_eq!(same.username, user.username, "{engine}");

        let good = without_moodle(&mut world).await;
        let app = &world.test.app;
        let page = view::list_users(app, &viewer(), &users(UserView::All)).await.unwrap();
        assert!(!page.moodle_known && page.total == 3, "{engine}");
        assert!(page.items.iter().all(|item| item.state == AccountState::Unknown && !item.pupils[0].left), "{engine}");
        let counts = view::count_user_views(app, &viewer(), "").await.unwrap().counts;
        assert!(
            counts.contains(&(UserView::All, Some(3))) && counts.contains(&(UserView::Suspended, None)),
            "{engine}"
        );
        world.test.app.moodle = good;

        let app = &world.test.app;
        let names: Vec<String> = ["bea@example.org", "nobody", "cat@example.org"].map(str::to_owned).to_vec();
        let results = view::revoke_many(app, &administrator(), &names, None, Some("left_school")).await.unwrap();
        let codes: Vec<_> = results
            .iter()
            .map(|row| (&row.username[..3], row.result.as_ref().map_err(|refusal| refusal.code)))
            .collect();
        assert_eq!(codes, [("bea", Ok(&())), ("cat", Ok(&())), ("nob", Err("not_found"))], "{engine}");
        let user = view::show_user(app, &administrator(), &user.adult.to_string()).await.unwrap();
        assert!(!user.has_login_row && user.state.is_none() && !user.links[0].active, "{engine}");
        let revoked = user.history.iter().find(|entry| entry.action == "adult.revoke").unwrap();
        assert_eq!(revoked.detail["reason"], "left_school", "{engine}");
        assert_eq!(world.request(&bea).await.status, Status::Withdrawn, "{engine}");
        let many: Vec<String> = (0..11).map(|number| format!("u{number}")).collect();
        for typed in [None, Some(10), Some(12)] {
            let refused = view::revoke_many(app, &administrator(), &many, typed, None).await.unwrap_err();
            assert!(matches!(refused, ServiceError::Refused { code: "confirm_number", .. }), "{engine}: {typed:?}");
        }
        assert_eq!(view::revoke_many(app, &administrator(), &many, Some(11), None).await.unwrap().len(), 11);
    }
}

#[tokio::test]
async fn a_cycle_shows_how_far_it_has_come_and_what_it_found() {
    for engine in ENGINES {
        let world = world(engine).await;
        let app = &world.test.app;
        let ann = world.approved(&about("Ann", ("Oscar", "Turner", "9KL"))).await;
        world.approved(&about("Bea", ("Leo", "Fischer", "9MB"))).await;
        let leo = pupil_named("Leo", "Fischer").user_id;
        world.moodle_cron().await;
        world.meddle(&format!("UPDATE mdl_user SET suspended = 1 WHERE id = {leo}")).await;

        let queued = view::request_cycle(app, &administrator(), "reconcile").await.unwrap();
        let waiting = view::cycle_progress(app, &viewer(), queued).await.unwrap();
        assert!(waiting.goes_on && waiting.steps.iter().all(|step| step.state == StepState::Waiting), "{engine}");
        // Looks at the store while the cycle runs, as a page would.
        let seen = std::sync::Mutex::new(Vec::new());
        let watch = |report: &cycle::Report| seen.lock().unwrap().push(report.reached.unwrap());
        let Ran::Done(_) = cycle::run(app, &Actor::system(), Mode::Jobs, None, &watch).await.unwrap() else {
            panic!("busy")
        };
        let seen: Vec<_> = seen.into_inner().unwrap().iter().map(|r| (r.step, r.done, r.total)).collect();
        assert_eq!(seen, [(Step::Jobs, 2, Some(2)), (Step::Compare, 0, None)], "{engine}");
        let done = view::cycle_progress(app, &viewer(), queued).await.unwrap();
        assert_eq!((done.cycle.state, done.goes_on), (CycleState::Done, false), "{engine}");
        assert_eq!(done.steps.len(), 3, "{engine}");
        assert!(done.steps.iter().all(|step| step.state == StepState::Done && step.done.is_none()), "{engine}");
        assert_eq!(done.outcomes, [(Outcome::NotAPupil, 1), (Outcome::Linked, 1)], "{engine}");
        assert_eq!((done.plan.added, done.plan.brake, done.plan.digest.is_some()), (1, false, true), "{engine}");

        let all = view::cycle_findings(app, &viewer(), queued, false, 1, 25).await.unwrap();
        assert_eq!((all.total, all.pages), (2, 1), "{engine}");
        assert_eq!(all.items[0].outcome, Outcome::NotAPupil, "{engine}: what needs a person comes first");
        let linked = &all.items[1];
        assert_eq!(
            (linked.given_name.as_str(), linked.pupil_name.as_deref()),
            ("Ann", Some("Oscar Turner")),
            "{engine}"
        );
        assert_eq!(linked.request.as_ref().map(|(id, _)| *id), Some(ann.id), "{engine}");
        let problems = view::cycle_findings(app, &viewer(), queued, true, 9, 25).await.unwrap();
        assert_eq!((problems.total, problems.page, problems.items.len()), (1, 1, 1), "{engine}");

        // A cycle that is stopped says where.
        let running = kinlink_store::cycles::Cycle {
            id: app.new_id(),
            action: "reconcile".into(),
            state: CycleState::Running,
            actor: "system".into(),
            plan: None,
            created_at: app.now(),
            started_at: Some(app.now()),
            finished_at: None,
            report: None,
            fault: None,
        };
        let mut store = app.store.acquire().await.unwrap();
        kinlink_store::cycles::insert(&mut store, &running).await.unwrap();
        let report = serde_json::json!({ "reached": { "step": "compare", "done": 5, "total": null }, "added": 3 });
        kinlink_store::cycles::note(&mut store, running.id, &report).await.unwrap();
        let states = async || {
            let progress = view::cycle_progress(app, &viewer(), running.id).await.unwrap();
            assert_eq!(progress.plan.added, 3, "{engine}");
            progress.steps.iter().map(|step| (step.state, step.done)).collect::<Vec<_>>()
        };
        assert_eq!(
            states().await,
            [(StepState::Done, None), (StepState::Running, Some(5)), (StepState::Waiting, None)],
            "{engine}"
        );
        kinlink_store::cycles::bury_running(&mut store, app.now()).await.unwrap();
        drop(store);
        assert_eq!(states().await[1], (StepState::Failed, Some(5)), "{engine}");
    }
}

#[tokio::test]
async fn jobs_that_were_given_up_are_shown_with_a_remedy_and_revived_by_choice() {
    let world = world(Engine::Sqlite).await;
    let app = &world.test.app;
    let ann = world.approved(&about("Ann", ("Oscar", "Turner", "9KL"))).await;
    let mut store = app.store.acquire().await.unwrap();
    let due = jobs::due(&mut store, app.now(), 10).await.unwrap();
    jobs::bury(&mut store, &[due[0].id], Outcome::AccountOtherAuth).await.unwrap();
    drop(store);
    let dead = view::dead_jobs(app, &viewer(), 50).await.unwrap();
    assert_eq!(dead.len(), 1);
    assert_eq!(dead[0].name, Some(("Ann".to_owned(), "Page".to_owned())));
    assert_eq!(dead[0].request, Some((ann.id, ann.reference.clone())));
    assert!(dead[0].advice.unwrap().contains("signs in another way") && !dead[0].removal);
    assert!(matches!(view::revive_jobs(app, &viewer(), &[dead[0].id]).await, Err(ServiceError::Forbidden(_))));
    assert_eq!(view::revive_jobs(app, &administrator(), &[dead[0].id]).await.unwrap(), 1);
    assert!(view::dead_jobs(app, &viewer(), 50).await.unwrap().is_empty());
    assert_eq!(view::revive_jobs(app, &administrator(), &[dead[0].id]).await.unwrap(), 0);
}

#[tokio::test]
async fn the_audit_is_for_administrators_and_an_export_walks_through_the_whole_list() {
    let world = world(Engine::Sqlite).await;
    let app = &world.test.app;
    let mut store = app.store.acquire().await.unwrap();
    crowd_of_requests(&world, &mut store, 620).await;
    drop(store);
    let request = world.test.submit(&about("Ann", ("Oscar", "Turner", "9KL"))).await;
    decide::note(app, &administrator(), request.id, None, "Rang them").await.unwrap();
    for role in [StaffRole::Viewer, StaffRole::Approver, StaffRole::Safeguarding] {
        let actor = Actor { name: "cli:x".into(), role: Some(role) };
        let refused = view::list_audit(app, &actor, &AuditQuery::default(), 10).await;
        assert!(matches!(refused, Err(ServiceError::Forbidden(_))), "{role}");
    }
    let query = AuditQuery { action: Some("request.".into()), ..AuditQuery::default() };
    let page = view::list_audit(app, &administrator(), &query, 1).await.unwrap();
    assert_eq!(page.items[0].action, "request.note");
    let query = AuditQuery { cursor: page.next, ..query };
    let page = view::list_audit(app, &administrator(), &query, 10).await.unwrap();
    assert_eq!(page.items.iter().map(|entry| entry.action.as_str()).collect::<Vec<_>>(), ["request.submit"; 2]);
    assert_eq!(page.next, None);

    for check in [None, Some(CheckFilter::PupilNotFound)] {
        let query = ListQuery { check, sort: Sort::Name, ..ListQuery::of(RequestView::Todo) };
        let (mut rows, mut after) = (Vec::new(), None);
        loop {
            let page = view::export_requests(app, &administrator(), &query, after.as_ref()).await.unwrap();
            rows.extend(page.items);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        let expected = if check.is_some() { 620 } else { 621 };
        let mut ids: Vec<_> = rows.iter().map(|row| row.summary.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!((rows.len(), ids.len()), (expected, expected), "{check:?}");
        assert!(rows.iter().any(|row| row.staff_note == "Rang them") == check.is_none());
    }
}

/// Pending requests that no pupil matches, each from an address of its own.
async fn crowd_of_requests(world: &World, store: &mut kinlink_store::Connection, count: usize) {
    let template = world.test.submit(&about("Template", ("Nobody", "Anywhere", "7KL"))).await;
    let app = &world.test.app;
    for number in 1..count {
        let id: RequestId = app.new_id();
        let email = format!("crowd{number}@example.org");
        let request = Request {
            id,
            reference: app.new_reference(),
            family_name: format!("Crowd{number}"),
            email: Some(email.parse().unwrap()),
            email_typed: email,
            dedup_key: None,
            created_at: Timestamp::from_second(1_700_000_000 + i64::try_from(number / 3).unwrap()).unwrap(),
            ..template.clone()
        };
        let child = Child {
            given_name: format!("Nobody{number}"),
            family_name: "Anywhere".into(),
            tutor_group: Some("7KL".into()),
            admission_number: None,
        };
        let claim = Claim {
            id: app.new_id(),
            request: id,
            position: 0,
            child,
            state: ClaimState::Open,
            pupil: None,
            link: None,
            outcome: None,
            outcome_at: None,
        };
        requests::insert(store, &request, &[claim]).await.unwrap();
    }
}

/// Statements to the store and to Moodle.
fn sent(world: &World) -> (u64, u64) {
    let count = |db: &kinlink_db::Db| db.stats().reads() + db.stats().writes();
    (count(&world.test.store.db), count(&world.test.moodle.db))
}

/// What each read sends, with so many rows behind it.
async fn statements(engine: Engine, rows: usize) -> Vec<(&'static str, u64, u64)> {
    let world = world(engine).await;
    let app = &world.test.app;
    let staff = administrator();
    let crowd = Crowd { people: rows, gaps: false };
    crowd.settle_in(&app.store, app.moodle.db(), app.now()).await.unwrap();
    world.run(Mode::Jobs).await.unwrap();
    let mut store = app.store.acquire().await.unwrap();
    crowd_of_requests(&world, &mut store, rows).await;
    let cycle = kinlink_store::cycles::list(&mut store, None, 1).await.unwrap()[0].id;
    let due = jobs::due(&mut store, app.now(), 1).await.unwrap();
    assert!(due.is_empty());
    drop(store);
    let todo = ListQuery { per_page: 100, ..ListQuery::of(RequestView::Todo) };
    let checked = ListQuery { check: Some(CheckFilter::PupilNotFound), ..todo.clone() };
    let page = view::list_view(app, &staff, &todo).await.unwrap();
    let chosen: Vec<(RequestId, i64)> =
        page.items.iter().take(100).map(|item| (item.summary.id, item.summary.version)).collect();
    let one = chosen[0].0;
    let approve = BulkAct::Approve { checks: Checks::ALL };

    let mut counts = Vec::new();
    macro_rules! count {
        ($what:literal, $call:expr) => {{
            let before = sent(&world);
            $call.await.unwrap();
            let after = sent(&world);
            counts.push(($what, after.0 - before.0, after.1 - before.1));
        }};
    }
    count!("count_views", view::count_views(app, &staff, &Filter::default()));
    count!("list_view", view::list_view(app, &staff, &todo));
    count!("list_view, filtered by check", view::list_view(app, &staff, &checked));
    count!("list_view, decided", view::list_view(app, &staff, &ListQuery::of(RequestView::Provisioned)));
    count!("neighbours", view::neighbours(app, &staff, &todo, one));
    count!("neighbours, filtered by check", view::neighbours(app, &staff, &checked, one));
    count!("export_requests", view::export_requests(app, &staff, &todo, None));
    count!("preview_bulk", view::preview_bulk(app, &staff, &approve, &chosen));
    count!("matching_queue", view::matching_queue(app, &staff));
    let shown = view::show_request(app, &staff, &one.to_string()).await.unwrap();
    count!("show_request", view::show_request(app, &staff, &one.to_string()));
    count!("beside_request", view::beside_request(app, &staff, &shown));
    count!("what_happened_since", view::what_happened_since(app, &staff, one, 0));
    count!("list_users", view::list_users(app, &staff, &UserQuery { per_page: 100, ..users(UserView::All) }));
    count!("list_users, by Moodle", view::list_users(app, &staff, &users(UserView::PupilsLeft)));
    count!("count_user_views", view::count_user_views(app, &staff, ""));
    count!("show_user", view::show_user(app, &staff, "crowd0@example.org"));
    count!("cycle_progress", view::cycle_progress(app, &staff, cycle));
    count!("cycle_findings", view::cycle_findings(app, &staff, cycle, false, 1, 100));
    count!("pending_trend", view::pending_trend(app, &staff, 28, &jiff::tz::TimeZone::UTC));
    count!("dead_jobs", view::dead_jobs(app, &staff, 100));
    count!("list_audit", view::list_audit(app, &staff, &AuditQuery::default(), 100));
    counts
}

#[tokio::test]
async fn ten_rows_and_three_hundred_take_the_same_number_of_statements() {
    for engine in ENGINES {
        let few = statements(engine, 10).await;
        let many = statements(engine, 300).await;
        println!("{engine}: (store, Moodle) {many:#?}");
        assert_eq!(few, many, "{engine}");
        for (what, store, moodle) in many {
            assert!(store <= 16 && moodle <= 8, "{engine}: {what} sends {store} and {moodle} statements");
        }
    }
}
