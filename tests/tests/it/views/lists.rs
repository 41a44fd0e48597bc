//! Lists of requests: whom each matches, what to look at, pages, searching, neighbours.

use kinlink_db::Engine;
use kinlink_domain::ids::{MoodleUserId, RequestId};
use kinlink_service::{
    approve::Approval,
    decide::{self, Reason},
    view::{self, Account, Check, CheckFilter, Filter, ListPage, ListQuery, Mark, RequestView, Sort},
};
use kinlink_store::requests::Request;
use kinlink_testapp::administrator;

use super::{about, crowd_of_requests, list, viewer, without_moodle};
use crate::world::{ENGINES, pupil_named, world};

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
