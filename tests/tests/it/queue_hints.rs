//! The queue carries hints: doubled, reordered, lost and unreadable messages change nothing.

use std::time::Duration;

use kinlink_domain::{ids::JobId, outcome::Outcome};
use kinlink_queue::{EmbeddedQueue, Hint, Queue};
use kinlink_testapp::family;
use kinlink_testkit::fresh;

use crate::world::{ENGINES, World, world};

async fn one_parent(world: &World, number: usize) {
    let pupil = kinlink_moodle::demo::school::pupils().into_iter().find(|p| p.given == "Theo").unwrap();
    let email = format!("p{number}@example.org");
    let raw = family(("Pat", &format!("P{number}"), &email), &[(pupil.given, pupil.family, &pupil.tutor_group)]);
    world.approved(&raw).await;
}

async fn ready(world: &World) -> u64 {
    let depth = world.test.app.queue.depth().await.unwrap();
    depth.ready + depth.in_flight
}

#[tokio::test]
async fn a_lost_message_is_healed_by_the_outbox() {
    for engine in ENGINES {
        let world = world(engine).await;
        one_parent(&world, 1).await;
        let received = world.test.app.queue.receive(10, Duration::ZERO, Duration::from_mins(1)).await.unwrap();
        let receipts: Vec<_> = received.into_iter().map(|message| message.receipt).collect();
        assert_eq!(receipts.len(), 1, "{engine}: approving told the queue");
        world.test.app.queue.delete(&receipts).await.unwrap();
        world.moodle_cron().await;
        let report = world.cycle().await;
        assert_eq!((report.jobs, report.outcome(Outcome::Linked)), (1, 1), "{engine}: {report:?}");
    }
}

#[tokio::test]
async fn doubled_and_reordered_messages_do_the_work_once() {
    for engine in ENGINES {
        let world = world(engine).await;
        for number in 0..5 {
            one_parent(&world, number).await;
        }
        let jobs: Vec<(String, String)> =
            world.test.store.db.fetch_all("SELECT id, adult_id FROM jobs ORDER BY id DESC", []).await.unwrap();
        let hints: Vec<Hint> = jobs
            .iter()
            .chain(&jobs)
            .map(|(job, adult)| Hint { job: job.parse().unwrap(), adult: adult.parse().unwrap(), correlation: None })
            .collect();
        world.test.app.queue.send(&hints).await.unwrap();
        world.moodle_cron().await;
        let report = world.cycle().await;
        assert_eq!((report.jobs, report.added), (5, 5), "{engine}: {report:?}");
        assert_eq!(ready(&world).await, 0, "{engine}: every copy is deleted");
        // Copies that come after the work was done.
        world.test.app.queue.send(&hints).await.unwrap();
        let report = world.cycle().await;
        assert_eq!((report.jobs, report.added, ready(&world).await), (0, 0, 0), "{engine}: {report:?}");
    }
}

#[tokio::test]
async fn a_message_for_nobody_or_nothing_is_harmless() {
    for engine in ENGINES {
        let world = world(engine).await;
        one_parent(&world, 1).await;
        let adult = kinlink_domain::ids::AdultId::new(1, &[7; 10]);
        let stranger = Hint { job: JobId::new(1, &[7; 10]), adult, correlation: None };
        world.test.app.queue.send(&[stranger]).await.unwrap();
        world
            .test
            .store
            .db
            .execute(
                "INSERT INTO queue_messages (id, body, receives, visible_at, created_at) VALUES ('x', 'no json', 0, 0, 0)",
                [],
            )
            .await
            .unwrap();
        world.moodle_cron().await;
        let report = world.cycle().await;
        assert_eq!((report.outcome(Outcome::Linked), report.unreadable), (1, 1), "{engine}: {report:?}");
        assert_eq!(ready(&world).await, 1, "{engine}: the unreadable one stays until it is a dead letter");
    }
}

#[tokio::test]
async fn a_queue_that_is_down_stops_neither_decisions_nor_cycles() {
    for engine in ENGINES {
        let mut world = world(engine).await;
        let gone = fresh(engine).await;
        // A queue whose table does not exist: every call fails.
        world.test.app.queue = Queue::Embedded(EmbeddedQueue::new(gone.db.clone(), 5, || 0));
        one_parent(&world, 1).await;
        world.moodle_cron().await;
        let report = world.cycle().await;
        assert_eq!((report.jobs, report.outcome(Outcome::Linked)), (1, 1), "{engine}: {report:?}");
        assert!(report.warnings.iter().any(|warning| warning.contains("queue")), "{engine}: {report:?}");
    }
}

#[tokio::test]
async fn a_message_whose_job_waits_comes_back_when_the_job_is_due() {
    for engine in ENGINES {
        let world = world(engine).await;
        one_parent(&world, 1).await;
        let report = world.cycle().await;
        assert_eq!(report.outcome(Outcome::WaitingForAccount), 1, "{engine}");
        let depth = world.test.app.queue.depth().await.unwrap();
        assert_eq!((depth.ready, depth.in_flight), (0, 1), "{engine}: hidden until then");
        world.moodle_cron().await;
        let report = world.cycle().await;
        assert_eq!(report.outcome(Outcome::Linked), 1, "{engine}");
        assert_eq!(ready(&world).await, 0, "{engine}");
    }
}
