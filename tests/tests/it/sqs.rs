//! The road with the queue that runs on AWS: an SQS-compatible server, its dead-letter queue, and a queue that is gone.

use std::collections::HashSet;

use aws_sdk_sqs::{Client, types::QueueAttributeName};
use kinlink_db::Engine;
use kinlink_domain::outcome::Outcome;
use kinlink_queue::{Queue, SqsQueue};
use kinlink_service::cycle;
use kinlink_testapp::{administrator, family};

use crate::world::{World, pupil_named, world};

/// A world whose queue is SQS, dead-lettering after `receives`.
async fn on_sqs(receives: u32) -> (World, Client, String) {
    let sdk = aws_config::defaults(aws_config::BehaviorVersion::v2026_01_12())
        .endpoint_url(kinlink_testkit::sqs_endpoint())
        .load()
        .await;
    let client = Client::new(&sdk);
    let mut world = world(Engine::Postgres).await;
    let name = format!("kinlink-{}", world.test.app.new_uuid());
    let dead = client.create_queue().queue_name(format!("{name}-dead")).send().await.unwrap().queue_url.unwrap();
    let attributes = client
        .get_queue_attributes()
        .queue_url(&dead)
        .attribute_names(QueueAttributeName::QueueArn)
        .send()
        .await
        .unwrap();
    let arn = attributes.attributes.unwrap()[&QueueAttributeName::QueueArn].clone();
    let policy = serde_json::json!({ "deadLetterTargetArn": arn, "maxReceiveCount": receives }).to_string();
    let queue = client
        .create_queue()
        .queue_name(&name)
        .attributes(QueueAttributeName::RedrivePolicy, policy)
        .send()
        .await
        .unwrap()
        .queue_url
        .unwrap();
    world.test.app.queue = Queue::Sqs(SqsQueue::from_client(client.clone(), queue.clone(), Some(dead)));
    (world, client, queue)
}

async fn approve(world: &World, number: usize) {
    let child = pupil_named("Theo", "Marlow");
    let email = format!("p{number}@example.org");
    let raw = family(("Pat", &format!("P{number}"), &email), &[(child.given, child.family, &child.tutor_group)]);
    world.approved(&raw).await;
}

#[tokio::test]
async fn decisions_become_messages_with_ids_only_and_a_cycle_drains_them_in_batches() {
    let (world, client, queue) = on_sqs(20).await;
    for number in 0..23 {
        approve(&world, number).await;
    }
    let seen = client
        .receive_message()
        .queue_url(&queue)
        .max_number_of_messages(1)
        .visibility_timeout(0)
        .send()
        .await
        .unwrap();
    let body: serde_json::Value = serde_json::from_str(seen.messages()[0].body().unwrap()).unwrap();
    let keys: HashSet<&str> = body.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, HashSet::from(["v", "job", "adult", "correlation_id"]), "no name, no address: {body}");
    world.moodle_cron().await;
    let report = world.cycle().await;
    assert_eq!((report.jobs, report.outcome(Outcome::Linked)), (23, 23), "{report:?}");
    let depth = world.test.app.queue.depth().await.unwrap();
    assert_eq!((depth.ready, depth.in_flight, depth.dead), (0, 0, Some(0)));
}

#[tokio::test]
async fn a_message_that_cannot_be_read_becomes_a_dead_letter_and_stops_nobody() {
    let (world, client, queue) = on_sqs(1).await;
    client.send_message().queue_url(&queue).message_body("no json").send().await.unwrap();
    approve(&world, 1).await;
    world.moodle_cron().await;
    let report = world.cycle().await;
    assert_eq!((report.unreadable, report.outcome(Outcome::Linked)), (1, 1), "{report:?}");
    // Left alone it comes back (here: at once), and is then received once too often.
    let all = client.receive_message().queue_url(&queue).visibility_timeout(0).send().await.unwrap();
    assert!(all.messages().is_empty(), "hidden while the cycle might work on it");
    client.send_message().queue_url(&queue).message_body("no json either").send().await.unwrap();
    client.receive_message().queue_url(&queue).visibility_timeout(0).send().await.unwrap();
    let report = world.cycle().await;
    assert_eq!(report.unreadable, 0, "{report:?}");
    let letters = world.test.app.queue.dead_letters(10).await.unwrap();
    assert_eq!(letters.iter().filter(|letter| letter.hint.is_err()).count(), 1, "{letters:?}");
}

#[tokio::test]
async fn a_purged_queue_loses_nothing() {
    let (world, client, queue) = on_sqs(20).await;
    for number in 0..3 {
        approve(&world, number).await;
    }
    client.purge_queue().queue_url(&queue).send().await.unwrap();
    world.moodle_cron().await;
    let report = world.cycle().await;
    assert_eq!((report.jobs, report.outcome(Outcome::Linked)), (3, 3), "{report:?}");
    client.delete_queue().queue_url(&queue).send().await.unwrap();
    approve(&world, 9).await;
    assert_eq!(cycle::revive(&world.test.app, &administrator(), None).await.unwrap(), 1);
    world.moodle_cron().await;
    let report = world.cycle().await;
    assert_eq!(report.outcome(Outcome::Linked), 1, "the queue itself is gone, the outbox is not: {report:?}");
}
