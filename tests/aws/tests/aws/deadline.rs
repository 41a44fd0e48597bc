//! An invocation has a deadline: the provisioner answers before it, and nothing goes on after the answer.

use std::time::Duration;

use kinlink_aws_tests::{
    event::recorded,
    sandbox::Answer,
    tcp_proxy::Mode,
    world::{World, until, world},
};
use kinlink_domain::Timestamp;
use kinlink_tests::crowd::Crowd;

/// What the provisioner keeps for its end.
const RESERVE: Duration = Duration::from_secs(20);

async fn crowded(people: usize) -> World {
    let world = world().await.unwrap();
    let crowd = Crowd { people, gaps: false };
    crowd.settle_in(&world.test.store.db, &world.test.moodle.db, Timestamp::now()).await.unwrap();
    // Mails have their own story.
    world.test.store.db.execute("DELETE FROM mails", []).await.unwrap();
    world
}

#[tokio::test]
async fn a_deadline_that_is_near_leaves_everything_for_the_next_event() {
    let world = crowded(10).await;
    let answer = world.provisioner.invoke_within(&recorded("schedule-cycle"), Duration::from_secs(15)).await;
    let report = answer.unwrap().json();
    assert_eq!(
        (&report["report"]["unfinished"], report["report"]["jobs"].as_u64()),
        (&true.into(), Some(0)),
        "{report}"
    );
    assert_eq!(world.our_rows().await.unwrap(), []);
    let report = world.cycle().await.unwrap();
    assert_eq!((report["report"]["jobs"].as_u64(), world.our_rows().await.unwrap().len()), (Some(10), 20), "{report}");
}

#[tokio::test]
async fn a_cycle_that_becomes_late_stops_between_two_batches_and_the_next_event_goes_on() {
    let people = 1_050;
    let world = crowded(people).await;
    let mut sandbox = world.provisioner.sandbox().await.unwrap();
    // Moodle's database stops answering in the middle of the first batch, until it is too late for a second one.
    let stopped = async {
        world.moodle.until(22).await;
        world.moodle.set(Mode::Hang).await;
        tokio::time::sleep(Duration::from_secs(6)).await;
        world.moodle.set(Mode::Open).await;
    };
    let event = recorded("schedule-cycle");
    let (answer, ()) = tokio::join!(sandbox.invoke_within(&event, RESERVE + Duration::from_secs(6)), stopped);
    let report = answer.unwrap().json();
    assert_eq!(
        (&report["report"]["unfinished"], report["report"]["jobs"].as_u64()),
        (&true.into(), Some(1_000)),
        "{report}"
    );
    assert_eq!(world.our_rows().await.unwrap().len(), 2_000);
    world.provisioner.give_back(sandbox).await;
    let report = world.cycle().await.unwrap();
    assert_eq!(report["report"]["jobs"].as_u64(), Some(50), "{report}");
    assert_eq!(world.our_rows().await.unwrap().len(), people * 2);
}

#[tokio::test]
async fn a_slow_mail_server_does_not_push_the_provisioner_over_its_deadline() {
    let world = world().await.unwrap();
    let crowd = Crowd { people: 40, gaps: false };
    crowd.settle_in(&world.test.store.db, &world.test.moodle.db, Timestamp::now()).await.unwrap();
    // Each mail takes some three seconds, forty would take two minutes.
    world.mail.set(Mode::Slow(Duration::from_millis(500))).await;
    let answer = world.provisioner.invoke_within(&recorded("schedule-cycle"), RESERVE + Duration::from_secs(4)).await;
    let answer = answer.unwrap();
    assert!(matches!(answer, Answer::Response(_)), "{answer:?}");
    // The rest is not lost.
    world.mail.set(Mode::Open).await;
    let waiting = "SELECT COUNT(*) FROM mails WHERE state NOT IN ('sent', 'done')";
    until("every mail is sent", async || {
        world.time_passes().await?;
        world.cycle().await?;
        Ok(world.number(waiting).await? == 0)
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn nothing_runs_after_the_response() {
    let world = crowded(20).await;
    let mut sandbox = world.provisioner.sandbox().await.unwrap();
    // Not frozen, so that whatever still wants to run can.
    sandbox.freezes = false;
    sandbox.invoke(&recorded("schedule-cycle")).await.unwrap().json();
    assert!(sandbox.is_idle());
    let (calls, pieces) = (world.aws.calls().len(), (world.store.pieces(), world.moodle.pieces()));
    // Connections that are closed or pinged in the background would show: several seconds of quiet.
    let ticks = sandbox.processor_ticks().unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!((world.aws.calls().len(), (world.store.pieces(), world.moodle.pieces())), (calls, pieces));
    assert!(sandbox.processor_ticks().unwrap() <= ticks + 2, "the process is at work");
    let open = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND xact_start IS NOT NULL \
                AND pid <> pg_backend_pid()";
    assert_eq!(world.number(open).await.unwrap(), 0, "a transaction stays open");
}
