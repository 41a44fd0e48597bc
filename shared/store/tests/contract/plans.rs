//! Plans that were kept.

use std::collections::BTreeSet;

use kinlink_domain::{
    ids::{ContextId, MoodleUserId, PlanId, RoleId},
    plan_row::{PlanRow, Scope, Write},
    reason::Reason,
};
use kinlink_store::{
    StoreError,
    plans::{self, Plan},
};

use crate::{
    fixtures::{HARD_NAMES, at, id},
    harness::{assert_same, for_each_engine},
};

fn plan(digest: &str, second: i64) -> Plan {
    Plan {
        id: PlanId::new(1_000 * second.unsigned_abs(), &[7; 10]),
        digest: digest.to_owned(),
        scope: Scope::Everything,
        actor: HARD_NAMES[0].to_owned(),
        created_at: at(second),
        additions: 3,
        removals: 2,
        contexts: 1,
        adoptions: 4,
        braked: second % 2 == 1,
        asked: None,
        admitted: None,
        begun_at: None,
        applied: None,
    }
}

fn row(number: i64, reason: Reason) -> PlanRow {
    PlanRow {
        write: Write::Remove,
        reason,
        adult: Some(id()),
        user: MoodleUserId(number),
        pupil: None,
        context: Some(ContextId(number)),
        role: Some(RoleId(9)),
        item: number,
        id: Some(number),
    }
}

#[tokio::test]
async fn a_plan_is_kept_with_every_row_and_read_in_pages_by_reason() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        let stored = plan("abc", 1);
        let reasons = [Reason::Stray, Reason::LinkEnded];
        let all: Vec<PlanRow> = (0..1_201).map(|number| row(number, reasons[usize::from(number < 1_100)])).collect();
        plans::insert(s, &stored, &all).await.unwrap();
        assert_same(&plans::find(s, stored.id).await.unwrap().unwrap(), &stored);
        assert!(plans::find(s, id()).await.unwrap().is_none());
        assert_eq!(plans::reasons(s, stored.id).await.unwrap(), [(Reason::LinkEnded, 1_100), (Reason::Stray, 101)]);
        assert!(plans::reasons(s, id()).await.unwrap().is_empty());

        let lines = |rows: &[PlanRow]| rows.iter().map(PlanRow::line).collect::<BTreeSet<_>>();
        let found = plans::rows(s, stored.id, None, 0, u64::MAX).await.unwrap();
        assert_eq!((found.len(), lines(&found)), (1_201, lines(&all)));
        let mut pieces = Vec::new();
        for page in 0..13 {
            pieces.extend(plans::rows(s, stored.id, None, page * 100, 100).await.unwrap());
        }
        assert_eq!(pieces, found);
        let strays = plans::rows(s, stored.id, Some(Reason::Stray), 1, 500).await.unwrap();
        assert_eq!((strays.len(), strays[0]), (100, all[1_101]));
        assert!(plans::rows(s, stored.id, Some(Reason::Adopted), 0, 5).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn the_newest_of_equal_digests_is_found_and_lists_are_newest_first() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        let stored = [plan("a", 1), plan("b", 2), plan("a", 3)];
        for plan in &stored {
            plans::insert(s, plan, &[]).await.unwrap();
        }
        assert_eq!(plans::find_by_digest(s, "a").await.unwrap().unwrap().id, stored[2].id);
        assert!(plans::find_by_digest(s, "c").await.unwrap().is_none());
        let same = async |session: &mut kinlink_store::Connection, scope, braked| {
            plans::find_same(session, "a", scope, braked).await.unwrap().map(|plan| plan.id)
        };
        let (scope, braked) = (stored[0].scope, stored[0].braked);
        assert_eq!(same(s, scope, braked).await, Some(stored[2].id));
        assert_eq!(same(s, scope, !braked).await, None);
        assert_eq!(same(s, Scope::Adoption, braked).await, None);
        plans::begin(s, stored[2].id, at(4)).await.unwrap();
        assert_eq!(same(s, scope, braked).await, Some(stored[0].id), "one that was begun is another");
        let ids = |plans: Vec<Plan>| plans.into_iter().map(|plan| plan.id).collect::<Vec<_>>();
        assert_eq!(ids(plans::list(s, None, 2).await.unwrap()), [stored[2].id, stored[1].id]);
        assert_eq!(ids(plans::list(s, Some(stored[1].id), 2).await.unwrap()), [stored[0].id]);

        assert_eq!(plans::prune(s, at(0), 3).await.unwrap(), 0);
        assert_eq!(plans::prune(s, at(2), 3).await.unwrap(), 1, "too old");
        assert_eq!(plans::prune(s, at(0), 1).await.unwrap(), 1, "too many");
        assert_eq!(ids(plans::list(s, None, 9).await.unwrap()), [stored[2].id]);
    })
    .await;
}

#[tokio::test]
async fn a_plan_is_asked_for_and_admitted_once_begun_and_applied() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        let mut stored = plan("a", 1);
        plans::insert(s, &stored, &[row(1, Reason::Stray)]).await.unwrap();
        plans::ask(s, stored.id, "staff:a", at(2)).await.unwrap();
        plans::ask(s, stored.id, "staff:b", at(3)).await.unwrap();
        stored.asked = Some(("staff:a".to_owned(), at(2)));
        assert_same(&plans::find(s, stored.id).await.unwrap().unwrap(), &stored);
        plans::admit(s, stored.id, "staff:b", at(4)).await.unwrap();
        let error = plans::admit(s, stored.id, "staff:c", at(5)).await.unwrap_err();
        assert!(matches!(error, StoreError::Stale(_)), "{error}");
        plans::begin(s, stored.id, at(6)).await.unwrap();
        plans::begin(s, stored.id, at(7)).await.unwrap();
        let cycle = id();
        plans::finish(s, stored.id, cycle, at(8)).await.unwrap();
        plans::finish(s, stored.id, id(), at(9)).await.unwrap();
        stored.admitted = Some(("staff:b".to_owned(), at(4)));
        stored.begun_at = Some(at(6));
        stored.applied = Some((at(8), cycle));
        assert_same(&plans::find(s, stored.id).await.unwrap().unwrap(), &stored);
    })
    .await;
}

#[tokio::test]
async fn a_size_is_remembered_until_it_is_measured_again() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        assert_eq!(plans::size(s, "pupils").await.unwrap(), None);
        for size in [900, 0, 901] {
            plans::set_size(s, "pupils", size, at(1)).await.unwrap();
            assert_eq!(plans::size(s, "pupils").await.unwrap(), Some(size));
        }
        assert_eq!(plans::size(s, "links").await.unwrap(), None);
    })
    .await;
}
