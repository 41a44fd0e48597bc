//! Who may read the audit, and exports.

use kinlink_db::Engine;
use kinlink_domain::staff::{Actor, StaffRole};
use kinlink_service::{
    ServiceError, decide,
    view::{self, AuditQuery, CheckFilter, ListQuery, RequestView, Sort},
};
use kinlink_testapp::administrator;

use super::{about, crowd_of_requests};
use crate::world::world;

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
