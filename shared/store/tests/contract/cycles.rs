//! Runs of the provisioner.

use kinlink_domain::{
    ids::{CycleId, LinkId},
    outcome::Outcome,
};
use kinlink_store::{
    StoreError,
    cycles::{self, Cycle, CycleState},
};

use crate::{
    fixtures::{HARD_NAMES, at, cycle, id},
    harness::{assert_same, at_once, for_each_engine, for_each_order},
};

#[tokio::test]
async fn a_cycle_is_queued_started_once_and_finished() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        assert!(cycles::next_queued(s).await.unwrap().is_none());
        assert!(cycles::last_good(s).await.unwrap().is_none());
        let late = cycle(CycleState::Queued, 5);
        let early = Cycle { actor: HARD_NAMES[0].to_owned(), ..cycle(CycleState::Queued, 1) };
        let running = Cycle { started_at: Some(at(0)), ..cycle(CycleState::Running, 0) };
        for cycle in [&late, &early, &running] {
            cycles::insert(s, cycle).await.unwrap();
            assert_same(&cycles::find(s, cycle.id).await.unwrap().unwrap(), cycle);
        }
        assert!(cycles::find(s, id()).await.unwrap().is_none());
        assert_same(&cycles::next_queued(s).await.unwrap().unwrap(), &early);

        cycles::start(s, early.id, at(6)).await.unwrap();
        let started = cycles::find(s, early.id).await.unwrap().unwrap();
        assert_eq!((started.state, started.started_at), (CycleState::Running, Some(at(6))));
        let error = cycles::start(s, early.id, at(7)).await.unwrap_err();
        assert!(matches!(error, StoreError::Stale(_)), "{error}");
        assert!(matches!(cycles::start(s, id(), at(7)).await.unwrap_err(), StoreError::Stale(_)));
        assert_eq!(cycles::next_queued(s).await.unwrap().unwrap().id, late.id);

        let report = serde_json::json!({ "links": 3, "names": HARD_NAMES, "none": null });
        cycles::finish(s, early.id, CycleState::Done, Some(&report), None, at(8)).await.unwrap();
        let done = cycles::find(s, early.id).await.unwrap().unwrap();
        assert_eq!((done.state, done.finished_at, done.fault), (CycleState::Done, Some(at(8)), None));
        assert_eq!(done.report, Some(report));

        for fault in HARD_NAMES {
            cycles::finish(s, running.id, CycleState::Failed, None, Some(fault), at(9)).await.unwrap();
            let failed = cycles::find(s, running.id).await.unwrap().unwrap();
            assert_eq!((failed.state, failed.report, failed.fault.as_deref()), (CycleState::Failed, None, Some(fault)));
        }
        assert_eq!(cycles::last_good(s).await.unwrap().unwrap().id, early.id);
        cycles::finish(s, late.id, CycleState::Done, None, None, at(9)).await.unwrap();
        assert_eq!(cycles::last_good(s).await.unwrap().unwrap().id, late.id);
        // By when they were made: ids rise.
        assert_eq!(cycles::newest_done(s, &late.action).await.unwrap().unwrap().id, early.id);
        assert!(cycles::newest_done(s, "apply").await.unwrap().is_none());

        let plan = id();
        let of_plan = [cycle(CycleState::Queued, 20), cycle(CycleState::Queued, 21)];
        for (nth, applies) in of_plan.iter().enumerate() {
            let applies = Cycle { plan: Some(plan).filter(|_| nth == 0), ..applies.clone() };
            cycles::insert(s, &applies).await.unwrap();
        }
        assert_eq!(cycles::newest_of_plan(s, plan).await.unwrap().unwrap().id, of_plan[0].id);
        assert!(cycles::newest_of_plan(s, id()).await.unwrap().is_none());
    })
    .await;
}

#[tokio::test]
async fn the_running_cycles_of_dead_processes_are_buried_and_no_others() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        let states =
            [CycleState::Queued, CycleState::Running, CycleState::Running, CycleState::Done, CycleState::Failed];
        let stored = states.map(|state| cycle(state, 0));
        for cycle in &stored {
            cycles::insert(s, cycle).await.unwrap();
        }
        assert_eq!(cycles::bury_running(s, at(9)).await.unwrap(), 2);
        assert_eq!(cycles::bury_running(s, at(10)).await.unwrap(), 0);
        for before in stored {
            let after = cycles::find(s, before.id).await.unwrap().unwrap();
            if before.state == CycleState::Running {
                assert_eq!((after.state, after.finished_at), (CycleState::Failed, Some(at(9))));
                assert!(after.fault.is_some());
            } else {
                assert_same(&after, &before);
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_several_who_start_a_cycle_at_once_exactly_one_does() {
    for_each_engine(|store| async move {
        for _ in 0..5 {
            let queued = cycle(CycleState::Queued, 0);
            cycles::insert(&mut store.connect().await, &queued).await.unwrap();
            let started = at_once(&store.db, 4, |_, mut connection| async move {
                cycles::start(&mut connection, queued.id, at(1)).await
            })
            .await;
            assert_eq!(started.iter().filter(|result| result.is_ok()).count(), 1, "{started:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn cycles_are_listed_newest_first_page_by_page_whatever_order_of_texts_the_server_has() {
    for_each_order(|store| async move {
        let s = &mut store.connect().await;
        let mut expected: Vec<CycleId> = Vec::new();
        for number in 0..57 {
            let cycle = cycle(CycleState::Done, number / 10);
            cycles::insert(s, &cycle).await.unwrap();
            expected.insert(0, cycle.id);
        }
        for limit in [1_u32, 10, 57, 100] {
            let mut listed: Vec<CycleId> = Vec::new();
            loop {
                let page = cycles::list(s, listed.last().copied(), limit).await.unwrap();
                listed.extend(page.iter().map(|cycle| cycle.id));
                if page.len() < limit as usize {
                    break;
                }
            }
            assert_eq!(listed, expected, "by {limit}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_later_finding_of_a_cycle_about_a_link_replaces_the_earlier_and_other_cycles_keep_theirs() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        let [first, second]: [CycleId; 2] = [id(), id()];
        cycles::record(s, first, &[], at(0)).await.unwrap();
        assert!(cycles::results(s, first).await.unwrap().is_empty());
        let all: Vec<_> = (0..).map(LinkId).zip(Outcome::ALL.iter().copied()).collect();
        cycles::record(s, first, &all, at(0)).await.unwrap();
        cycles::record(s, second, &all[..1], at(0)).await.unwrap();
        assert_eq!(cycles::results(s, first).await.unwrap(), all);

        let later = [
            (LinkId(1), Outcome::WriteFailed),
            (LinkId(99), Outcome::Linked),
            // Twice at once: the last one counts.
            (LinkId(1), Outcome::Linked),
        ];
        cycles::record(s, first, &later, at(1)).await.unwrap();
        let mut expected = all.clone();
        expected[1].1 = Outcome::Linked;
        expected.push((LinkId(99), Outcome::Linked));
        assert_eq!(cycles::results(s, first).await.unwrap(), expected);
        assert_eq!(cycles::results(s, second).await.unwrap(), all[..1]);

        let many: Vec<_> = (0..2_500).map(|link| (LinkId(link), Outcome::Ended)).collect();
        cycles::record(s, first, &many, at(2)).await.unwrap();
        assert_eq!(cycles::results(s, first).await.unwrap(), many);
    })
    .await;
}

#[tokio::test]
async fn old_cycles_that_found_nothing_are_forgotten_and_no_others() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        let (empty, found, failed, young) = (
            cycle(CycleState::Done, 1),
            cycle(CycleState::Done, 2),
            cycle(CycleState::Failed, 3),
            cycle(CycleState::Done, 50),
        );
        for cycle in [&empty, &found, &failed, &young] {
            cycles::insert(s, cycle).await.unwrap();
        }
        cycles::record(s, found.id, &[(LinkId(1), Outcome::Linked)], at(2)).await.unwrap();
        assert_eq!(cycles::prune(s, at(40)).await.unwrap(), 1);
        assert!(cycles::find(s, empty.id).await.unwrap().is_none());
        for kept in [found.id, failed.id, young.id] {
            assert!(cycles::find(s, kept).await.unwrap().is_some());
        }
    })
    .await;
}
