//! The outbox.

use kinlink_domain::{
    Timestamp,
    ids::{AdultId, JobId},
    outcome::Outcome,
};
use kinlink_store::{
    Session, StoreError,
    jobs::{self, Backlog, Job, Priority},
};

use crate::{
    fixtures::{at, id, job},
    harness::{assert_same, at_once, for_each_engine},
};

async fn due(session: &mut impl Session, now: Timestamp) -> Vec<JobId> {
    jobs::due(session, now, 1_000).await.unwrap().iter().map(|job| job.id).collect()
}

async fn ready(session: &mut impl Session, job: JobId) -> Option<Job> {
    jobs::ready_of(session, &[job]).await.unwrap().pop()
}

#[tokio::test]
async fn jobs_are_due_removals_first_then_by_time_and_never_before_their_time() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        let adult = id();
        let queued = [
            job(adult, Priority::Grant, at(1)),
            job(adult, Priority::Grant, at(0)),
            job(adult, Priority::Removal, at(9)),
            job(adult, Priority::Grant, at(1)),
            job(adult, Priority::Removal, at(3)),
            job(adult, Priority::Removal, at(11)),
            Job { request: Some(id()), attempts: 3, ..job(adult, Priority::Grant, at(10)) },
        ];
        jobs::insert(s, &queued, at(0)).await.unwrap();
        jobs::insert(s, &[], at(0)).await.unwrap();
        let in_order = [4, 2, 1, 0, 3, 6].map(|place: usize| queued[place].id);
        assert_eq!(due(s, at(10)).await, in_order);
        assert_eq!(due(s, at(0)).await, [queued[1].id]);
        assert!(due(s, at(-1)).await.is_empty());
        let first_two = jobs::due(s, at(10), 2).await.unwrap();
        assert_same(&first_two, &[&queued[4], &queued[2]]);
        assert_same(&ready(s, queued[6].id).await.unwrap(), &queued[6]);

        assert!(!jobs::removal_is_due(s, at(2)).await.unwrap(), "grants are no removals");
        assert!(jobs::removal_is_due(s, at(3)).await.unwrap());
        jobs::finish(s, &[queued[4].id, queued[2].id], Outcome::Ended).await.unwrap();
        assert!(!jobs::removal_is_due(s, at(10)).await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn a_job_is_finished_postponed_buried_and_revived() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        let adults: [AdultId; 2] = [id(), id()];
        let queued: Vec<Job> = (0..4).map(|n| job(adults[n % 2], Priority::Grant, at(0))).collect();
        jobs::insert(s, &queued, at(0)).await.unwrap();
        let [done, waits, dead, untouched] = [0, 1, 2, 3].map(|place: usize| queued[place].id);
        assert_eq!(jobs::backlog(s).await.unwrap(), Backlog { ready: 4, dead: 0 });

        jobs::mark_sent(s, &[done, waits], at(1)).await.unwrap();
        jobs::finish(s, &[done], Outcome::Linked).await.unwrap();
        jobs::postpone(s, &[waits, done], at(60), Outcome::WaitingForAccount).await.unwrap();
        jobs::bury(s, &[dead, done], Outcome::WriteFailed).await.unwrap();
        assert_eq!(jobs::backlog(s).await.unwrap(), Backlog { ready: 2, dead: 1 });
        assert!(ready(s, done).await.is_none(), "done stays done");
        assert!(ready(s, dead).await.is_none());
        let postponed = ready(s, waits).await.unwrap();
        assert_eq!((postponed.attempts, postponed.available_at), (1, at(60)));
        assert_same(&ready(s, untouched).await.unwrap(), &queued[3]);
        assert_eq!(due(s, at(59)).await, [untouched]);
        assert_eq!(due(s, at(60)).await, [untouched, waits]);
        assert_eq!(jobs::ready_of(s, &queued.iter().map(|job| job.id).collect::<Vec<_>>()).await.unwrap().len(), 2);

        // One adult's only: `waits` and `untouched` are the second's.
        assert_eq!(jobs::revive(s, Some(adults[1]), at(5)).await.unwrap(), 2);
        assert_eq!(due(s, at(5)).await.len(), 2);
        assert_eq!(ready(s, waits).await.unwrap().attempts, 0);
        assert!(ready(s, dead).await.is_none());
        assert_eq!(jobs::revive(s, None, at(6)).await.unwrap(), 3);
        assert_eq!(ready(s, dead).await.unwrap().attempts, 0);
        assert!(ready(s, done).await.is_none());
        assert_eq!(jobs::backlog(s).await.unwrap(), Backlog { ready: 3, dead: 0 });
        assert_eq!(jobs::revive(s, Some(id()), at(6)).await.unwrap(), 0);

        let row: Vec<(String, Option<i64>, Option<String>)> = s
            .fetch_all("SELECT state, sent_at, outcome FROM jobs WHERE id = ?", [done.to_string().into()])
            .await
            .unwrap();
        assert_eq!(row, [("done".to_owned(), Some(at(1).as_millisecond()), Some("linked".to_owned()))]);
    })
    .await;
}

#[tokio::test]
async fn an_empty_list_of_jobs_changes_nothing() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        assert_eq!(jobs::backlog(s).await.unwrap(), Backlog::default());
        let only = job(id(), Priority::Grant, at(0));
        jobs::insert(s, std::slice::from_ref(&only), at(0)).await.unwrap();
        jobs::mark_sent(s, &[], at(1)).await.unwrap();
        jobs::finish(s, &[], Outcome::Linked).await.unwrap();
        jobs::postpone(s, &[], at(9), Outcome::Linked).await.unwrap();
        jobs::bury(s, &[], Outcome::Linked).await.unwrap();
        assert!(jobs::ready_of(s, &[]).await.unwrap().is_empty());
        assert_same(&ready(s, only.id).await.unwrap(), &only);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_that_sweep_the_same_jobs_at_once_do_not_dead_lock() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        for _ in 0..3 {
            let queued: Vec<Job> = (0..300)
                .map(|n| job(id(), if n % 3 == 0 { Priority::Removal } else { Priority::Grant }, at(n % 7)))
                .collect();
            jobs::insert(s, &queued, at(0)).await.unwrap();
            let results = at_once(&store.db, 2, |task, mut connection| async move {
                loop {
                    let mut tx = connection.begin().await?;
                    let mut batch: Vec<JobId> =
                        jobs::due(&mut tx, at(10), 40).await?.iter().map(|job| job.id).collect();
                    if batch.is_empty() {
                        return Ok::<(), StoreError>(());
                    }
                    // The two go through the same jobs from both ends.
                    if task == 1 {
                        batch.reverse();
                    }
                    jobs::mark_sent(&mut tx, &batch, at(10)).await?;
                    let (first, second) = batch.split_at(batch.len() / 2);
                    jobs::finish(&mut tx, first, Outcome::Linked).await?;
                    jobs::postpone(&mut tx, second, at(100), Outcome::WaitingForAccount).await?;
                    tx.commit().await?;
                }
            })
            .await;
            assert!(results.iter().all(Result::is_ok), "{results:?}");
            let all: Vec<JobId> = queued.iter().map(|job| job.id).collect();
            let left = jobs::ready_of(s, &all).await.unwrap();
            assert!(left.iter().all(|job| job.available_at == at(100)), "nothing was left out");
            jobs::finish(s, &all, Outcome::Linked).await.unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn as_many_jobs_as_a_school_has_parents_are_stored_and_finished_at_once() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        let queued: Vec<Job> = (0..2_500).map(|_| job(id(), Priority::Grant, at(0))).collect();
        jobs::insert(s, &queued, at(0)).await.unwrap();
        let all: Vec<JobId> = queued.iter().map(|job| job.id).collect();
        assert_eq!(jobs::ready_of(s, &all).await.unwrap().len(), 2_500);
        jobs::finish(s, &all, Outcome::Linked).await.unwrap();
        assert_eq!(jobs::backlog(s).await.unwrap(), Backlog::default());
    })
    .await;
}
