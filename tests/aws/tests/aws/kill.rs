//! The provisioner dies at any moment, or two of them start at once: every role row is there once in the end.

use std::collections::BTreeSet;

use kinlink_aws_tests::{
    event::recorded,
    sandbox::Answer,
    world::{World, world},
};
use kinlink_domain::Timestamp;
use kinlink_tests::crowd::Crowd;

/// Adults, each with two pupils.
const PEOPLE: usize = 300;

async fn crowded() -> World {
    let world = world().await.unwrap();
    let crowd = Crowd { people: PEOPLE, gaps: true };
    crowd.settle_in(&world.test.store.db, &world.test.moodle.db, Timestamp::now()).await.unwrap();
    world
}

/// Every adult has a row for each of their two pupils, once.
async fn assert_everybody_once(world: &World) {
    let rows = world.our_rows().await.unwrap();
    let distinct: BTreeSet<_> = rows.iter().copied().collect();
    assert_eq!((rows.len(), distinct.len()), (PEOPLE * 2, PEOPLE * 2));
    let waiting = world.number("SELECT COUNT(*) FROM jobs WHERE state <> 'done'").await.unwrap();
    let provisioned = world.number("SELECT COUNT(*) FROM requests WHERE status = 'provisioned'").await.unwrap();
    assert_eq!((waiting, usize::try_from(provisioned).unwrap()), (0, PEOPLE));
}

#[tokio::test]
async fn a_provisioner_that_is_killed_at_any_moment_leaves_every_row_once() {
    let world = crowded().await;
    let foreign = world.foreign_rows().await.unwrap();
    let (mut kills, mut written_before_a_kill) = (0, 0);
    // Each at another moment of a cycle: so many pieces after its event began, on both connections together.
    for after in [3, 9, 14, 18, 22, 26, 30, 34, 38, 42, 46, 50, 55, 60] {
        let mut sandbox = world.provisioner.sandbox().await.unwrap();
        let sum = || world.store.pieces() + world.moodle.pieces();
        let end = sum() + after;
        sandbox.begin(&recorded("schedule-cycle")).await.unwrap();
        let reached = async {
            while sum() < end {
                let (store, moodle) = (world.store.pieces(), world.moodle.pieces());
                tokio::select! {
                    () = world.store.until(store + 1) => {}
                    () = world.moodle.until(moodle + 1) => {}
                }
            }
        };
        let killed = tokio::select! {
            () = reached => true,
            answer = sandbox.answered() => { answer.unwrap().json(); false }
        };
        if killed {
            sandbox.kill().await;
            kills += 1;
            written_before_a_kill = written_before_a_kill.max(world.our_rows().await.unwrap().len());
        } else {
            world.provisioner.give_back(sandbox).await;
        }
        world.time_passes().await.unwrap();
    }
    println!("{kills} kills, up to {written_before_a_kill} rows before one");
    assert!(kills >= 8, "{kills} kills");
    let report = world.cycle().await.unwrap();
    assert!(report["report"].is_object(), "{report}");
    assert_everybody_once(&world).await;
    assert_eq!(world.foreign_rows().await.unwrap(), foreign);
    let full = world.provisioner.invoke(&recorded("schedule-reconcile")).await.unwrap().json();
    assert_eq!((full["report"]["added"].as_u64(), full["report"]["removed"].as_u64()), (Some(0), Some(0)), "{full}");
}

#[tokio::test]
async fn after_a_kill_the_next_event_says_busy_until_the_dead_one_s_lease_has_run_out() {
    let world = crowded().await;
    let mut sandbox = world.provisioner.sandbox().await.unwrap();
    sandbox.begin(&recorded("schedule-cycle")).await.unwrap();
    world.moodle.until(3).await;
    sandbox.kill().await;
    let busy = world.cycle().await.unwrap();
    assert_eq!(busy["busy"], true, "{busy}");
    world.time_passes().await.unwrap();
    let report = world.cycle().await.unwrap();
    assert!(report["report"].is_object(), "{report}");
    assert_everybody_once(&world).await;
}

#[tokio::test]
async fn two_scheduled_events_at_once_write_every_row_once() {
    let world = crowded().await;
    let (mut one, mut other) =
        (world.provisioner.launch.start().await.unwrap(), world.provisioner.launch.start().await.unwrap());
    one.ready().await.unwrap();
    other.ready().await.unwrap();
    let event = recorded("schedule-cycle");
    let (first, second) = tokio::join!(one.invoke(&event), other.invoke(&event));
    let answers = [first.unwrap(), second.unwrap()];
    assert!(answers.iter().all(|answer| matches!(answer, Answer::Response(_))), "{answers:?}");
    let answers = answers.map(|answer| answer.json());
    assert!(answers.iter().any(|answer| answer["report"].is_object()), "{answers:?}");
    assert_everybody_once(&world).await;
}
