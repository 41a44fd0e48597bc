//! of several who do the same at the same time, exactly one does it.

use kinlink_domain::request::Status;
use kinlink_store::{StoreError, accounts, requests};

use crate::{
    fixtures::{adult, at, login_row, request, stored_request},
    harness::{at_once, for_each_engine},
};

const ROUNDS: usize = 5;
const TASKS: usize = 4;

/// Exactly one succeeded; every other was told that it was too late, never that it should try again.
#[track_caller]
fn assert_one_wins(results: &[Result<(), StoreError>], is_late: impl Fn(&StoreError) -> bool) {
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1, "{results:?}");
    assert!(results.iter().all(|result| result.as_ref().err().is_none_or(&is_late)), "{results:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r_2_of_concurrent_updates_of_one_request_exactly_one_wins() {
    for_each_engine(|store| async move {
        for round in 0..ROUNDS {
            let read = stored_request(&mut store.connect().await, "Jo", "Bloggs").await;
            let id = read.id;
            let results = at_once(&store.db, TASKS, |task, mut connection| {
                let mut own = read.clone();
                async move {
                    own.status = Status::Approved;
                    own.staff_note = task.to_string();
                    let mut tx = connection.begin().await?;
                    requests::update(&mut tx, &mut own, &[]).await?;
                    tx.commit().await?;
                    Ok(())
                }
            })
            .await;
            assert_one_wins(&results, |error| matches!(error, StoreError::Stale(_)));
            let winner = results.iter().position(Result::is_ok).unwrap();
            let stored = requests::find(&mut store.connect().await, id).await.unwrap().unwrap();
            assert_eq!((stored.version, stored.staff_note), (2, winner.to_string()), "round {round}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r_2_of_concurrent_requests_with_the_same_content_exactly_one_is_stored() {
    for_each_engine(|store| async move {
        for round in 0..ROUNDS {
            let results = at_once(&store.db, TASKS, |_, mut connection| async move {
                let mut own = request("Jo", "Bloggs");
                own.dedup_key = Some(format!("key {round}"));
                let mut tx = connection.begin().await?;
                requests::insert(&mut tx, &own, &[]).await?;
                tx.commit().await?;
                Ok(())
            })
            .await;
            assert_one_wins(&results, StoreError::is_duplicate);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r_2_of_concurrent_adults_with_the_same_user_name_exactly_one_is_stored() {
    for_each_engine(|store| async move {
        for round in 0..ROUNDS {
            let results = at_once(&store.db, TASKS, |_, mut connection| async move {
                let own = adult("Jo", "Bloggs", Some(&format!("jo{round}@example.org")));
                let mut tx = connection.begin().await?;
                accounts::insert_adult(&mut tx, &own).await?;
                accounts::insert_login_row(&mut tx, &login_row(&own)).await?;
                tx.commit().await?;
                Ok(())
            })
            .await;
            assert_one_wins(&results, StoreError::is_duplicate);
            assert_eq!(
                accounts::count_login_rows(&mut store.connect().await).await.unwrap(),
                i64::try_from(round).unwrap() + 1
            );
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r_2_of_concurrent_login_rows_of_one_adult_exactly_one_is_stored() {
    for_each_engine(|store| async move {
        for round in 0..ROUNDS {
            let owner = adult("Jo", "Bloggs", Some("unused"));
            let results = at_once(&store.db, TASKS, |task, mut connection| {
                let mut row = login_row(&owner);
                row.username = format!("round{round}task{task}@example.org");
                row.created_at = at(0);
                async move { accounts::insert_login_row(&mut connection, &row).await }
            })
            .await;
            assert_one_wins(&results, StoreError::is_duplicate);
        }
    })
    .await;
}
