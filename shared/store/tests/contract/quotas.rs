//! No more than allowed, also at the same moment.

use kinlink_store::{Engine, quotas};

use crate::{
    fixtures::at,
    harness::{at_once, for_each_engine},
};

#[tokio::test]
async fn a_quota_is_taken_until_it_is_used_up_and_each_window_counts_anew() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        for _ in 0..3 {
            assert!(quotas::take(s, "a", at(0), 3).await.unwrap());
        }
        assert!(!quotas::take(s, "a", at(0), 3).await.unwrap());
        assert!(!quotas::take(s, "a", at(0), 3).await.unwrap());
        assert!(quotas::take(s, "a", at(0), 4).await.unwrap(), "what was refused was not counted");
        assert!(quotas::take(s, "a", at(60), 3).await.unwrap(), "another window");
        assert!(quotas::take(s, "A", at(0), 3).await.unwrap(), "another key");
        assert!(!quotas::take(s, "b", at(0), 0).await.unwrap(), "nothing is allowed");
    })
    .await;
}

#[tokio::test]
async fn what_is_rolled_back_was_not_counted_and_a_refusal_does_not_spoil_the_transaction() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        let mut tx = s.begin().await.unwrap();
        assert!(quotas::take(&mut tx, "a", at(0), 1).await.unwrap());
        assert!(!quotas::take(&mut tx, "a", at(0), 1).await.unwrap());
        assert!(quotas::take(&mut tx, "b", at(0), 1).await.unwrap());
        drop(tx);
        assert!(quotas::take(s, "a", at(0), 1).await.unwrap());
        assert!(quotas::take(s, "b", at(0), 1).await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn what_was_taken_can_be_looked_at_and_taking_is_one_statement_where_the_engine_can() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        assert_eq!(quotas::used(s, "a", at(0)).await.unwrap(), 0);
        let before = store.db.stats().writes();
        for _ in 0..3 {
            quotas::take(s, "a", at(0), 2).await.unwrap();
        }
        let statements = store.db.stats().writes() - before;
        assert_eq!(statements, if store.engine() == Engine::MySql { 6 } else { 3 });
        assert_eq!(quotas::used(s, "a", at(0)).await.unwrap(), 2, "what was refused was not counted");
        assert_eq!(quotas::used(s, "a", at(60)).await.unwrap(), 0);
        assert_eq!(quotas::used(s, "b", at(0)).await.unwrap(), 0);
    })
    .await;
}

#[tokio::test]
async fn old_windows_are_forgotten() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        for (key, second) in [("a", 0), ("a", 60), ("b", 60)] {
            assert!(quotas::take(s, key, at(second), 1).await.unwrap());
        }
        assert_eq!(quotas::forget(s, at(60)).await.unwrap(), 1);
        assert!(quotas::take(s, "a", at(0), 1).await.unwrap());
        assert!(!quotas::take(s, "a", at(60), 1).await.unwrap());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_at_the_same_moment_only_as_many_as_allowed_get_through() {
    for_each_engine(|store| async move {
        for round in 0..5 {
            let taken = at_once(&store.db, 6, |_, mut connection| async move {
                let mut tx = connection.begin().await.unwrap();
                let taken = quotas::take(&mut tx, "a", at(round), 2).await.unwrap();
                tx.commit().await.unwrap();
                taken
            })
            .await;
            assert_eq!(taken.iter().filter(|taken| **taken).count(), 2, "{taken:?}");
        }
    })
    .await;
}
