//! The same number of statements, whatever the number of rows.

use kinlink_db::Engine;
use kinlink_domain::ids::RequestId;
use kinlink_service::{
    approve::Checks,
    cycle::Mode,
    view::{self, AuditQuery, BulkAct, CheckFilter, Filter, ListQuery, RequestView, UserQuery, UserView},
};
use kinlink_store::jobs;
use kinlink_testapp::administrator;
use kinlink_tests::crowd::Crowd;

use super::{crowd_of_requests, users};
use crate::world::{ENGINES, World, world};

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
async fn ten_rows_and_a_hundred_take_the_same_number_of_statements() {
    for engine in ENGINES {
        let few = statements(engine, 10).await;
        let many = statements(engine, 100).await;
        println!("{engine}: (store, Moodle) {many:#?}");
        assert_eq!(few, many, "{engine}");
        for (what, store, moodle) in many {
            assert!(store <= 16 && moodle <= 8, "{engine}: {what} sends {store} and {moodle} statements");
        }
    }
}
