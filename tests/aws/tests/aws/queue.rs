//! The queue loses, doubles, delays and refuses; what nobody can read becomes a dead letter that people see.

use aws_sdk_sqs::types::QueueAttributeName;
use kinlink_aws_tests::{
    aws_proxy::Fault,
    event::{Front, HttpEvent, recorded},
    world::{World, world},
};
use serde_json::{Value, json};

use crate::whole::child;

const ALWAYS: usize = 10_000;

async fn requested(world: &World, email: &str) -> String {
    let (given, family, group) = child(0);
    world.submit(email, &[(given, family, &group)]).await.unwrap()
}

/// After how many receives the template lets a message die.
async fn receives(world: &World) -> u64 {
    let request = world.sqs.get_queue_attributes().queue_url(&world.queue);
    let answer = request.attribute_names(QueueAttributeName::RedrivePolicy).send().await.unwrap();
    let policy: Value =
        serde_json::from_str(&answer.attributes().unwrap()[&QueueAttributeName::RedrivePolicy]).unwrap();
    policy["maxReceiveCount"].as_u64().unwrap()
}

/// Receives and lets go again, as often as it takes until one more time is too often.
async fn receive_often(world: &World, times: u64) {
    for _ in 0..times {
        let request = world.sqs.receive_message().queue_url(&world.queue).visibility_timeout(0).wait_time_seconds(5);
        assert_eq!(request.send().await.unwrap().messages().len(), 1);
    }
}

fn finding<'a>(diagnosis: &'a Value, check: &str) -> &'a Value {
    diagnosis["findings"].as_array().unwrap().iter().find(|finding| finding["check"] == check).unwrap()
}

#[tokio::test]
async fn a_message_that_nobody_can_read_becomes_a_dead_letter_that_doctor_and_staff_see() {
    let world = world().await.unwrap();
    let reference = requested(&world, "dead-letter1@canary.example").await;
    world.sqs.send_message().queue_url(&world.queue).message_body("no json").send().await.unwrap();
    world.approve(&reference).await.unwrap();
    world.moodle_cron().await.unwrap();

    // A cycle passes it over; five minutes later it would be there again, here after a second.
    world.aws.fail("provisioner", "ReceiveMessage", ALWAYS, Fault::Hidden(1));
    let report = world.cycle().await.unwrap();
    assert_eq!(report["report"]["unreadable"], 1, "{report}");
    assert_eq!(world.status(&reference).await.unwrap(), "provisioned", "it stops nobody");
    world.aws.heal();
    receive_often(&world, receives(&world).await - 1).await;
    let report = world.cycle().await.unwrap();
    assert_eq!(report["report"]["unreadable"], 0, "{report}");
    assert_eq!(world.depth().await.unwrap(), (0, 0, 1));

    let doctor = world.provisioner.invoke(&recorded("manual-doctor")).await.unwrap().json();
    assert_eq!(finding(&doctor, "queue")["level"], "warning", "{doctor}");
    assert!(finding(&doctor, "queue")["seen"].as_str().unwrap().contains("1 dead"), "{doctor}");
    let doctor = world.staff("GET", "/doctor", None).await.unwrap().expect(200).json();
    assert!(finding(&doctor, "queue")["seen"].as_str().unwrap().contains("1 dead"), "{doctor}");
    let cookie = world.signed_in().await.unwrap();
    let page = HttpEvent::get(Front::ApiGateway, "/admin/health").cookie(&cookie);
    let page = world.admin.request(&page).await.unwrap().expect(200).text();
    assert!(page.contains("1 dead"), "{page}");
}

#[tokio::test]
async fn a_dead_letter_that_somebody_moves_back_does_no_harm() {
    let world = world().await.unwrap();
    let reference = requested(&world, "moved-back1@canary.example").await;
    world.approve(&reference).await.unwrap();
    world.moodle_cron().await.unwrap();
    receive_often(&world, receives(&world).await).await;
    let report = world.cycle().await.unwrap();
    assert_eq!((&report["report"]["provisioned"], world.depth().await.unwrap()), (&json!(1), (0, 0, 1)), "{report}");

    // What "start DLQ redrive" in the console does.
    let letters = world.sqs.receive_message().queue_url(&world.dead).send().await.unwrap();
    let letter = &letters.messages()[0];
    let sent = world.sqs.send_message().queue_url(&world.queue).message_body(letter.body().unwrap());
    sent.send().await.unwrap();
    let handle = letter.receipt_handle().unwrap();
    world.sqs.delete_message().queue_url(&world.dead).receipt_handle(handle).send().await.unwrap();

    let rows = world.our_rows().await.unwrap();
    let report = world.cycle().await.unwrap();
    assert_eq!((&report["report"]["added"], &report["report"]["removed"]), (&json!(0), &json!(0)), "{report}");
    assert_eq!((world.our_rows().await.unwrap(), world.depth().await.unwrap()), (rows, (0, 0, 0)));
}

#[tokio::test]
async fn a_decision_whose_message_is_lost_is_carried_out_by_the_next_cycle() {
    let world = world().await.unwrap();
    let reference = requested(&world, "lost1@canary.example").await;
    world.aws.fail("admin", "SendMessageBatch", 1, Fault::MessageLost);
    world.approve(&reference).await.unwrap();
    assert_eq!((world.aws.faults_left(), world.depth().await.unwrap()), (0, (0, 0, 0)), "answered, and lost");
    world.moodle_cron().await.unwrap();
    let report = world.cycle().await.unwrap();
    assert_eq!(report["report"]["provisioned"], 1, "{report}");
    assert_eq!(world.status(&reference).await.unwrap(), "provisioned");
}

#[tokio::test]
async fn a_queue_that_throttles_or_is_down_stops_neither_decisions_nor_cycles() {
    let world = world().await.unwrap();
    for (number, fault) in
        [Fault::Throttled, Fault::Status(503), Fault::Status(500), Fault::Reset].into_iter().enumerate()
    {
        let reference = requested(&world, &format!("refused{number}@canary.example")).await;
        for (function, action) in [("admin", "SendMessageBatch"), ("provisioner", "ReceiveMessage")] {
            world.aws.fail(function, action, ALWAYS, fault);
        }
        let tried = world.aws.calls_of("admin", "SendMessageBatch").len();
        world.approve(&reference).await.unwrap();
        let tried = world.aws.calls_of("admin", "SendMessageBatch").len() - tried;
        assert!((2..=5).contains(&tried), "{fault:?}: {tried} tries");
        // Moodle synchronises once a day, or when a cycle tells it to.
        world.cycle().await.unwrap();
        world.moodle_cron().await.unwrap();
        world.time_passes().await.unwrap();
        let report = world.cycle().await.unwrap();
        assert!(report["report"]["warnings"].to_string().contains("the queue cannot be read"), "{fault:?}: {report}");
        assert_eq!(world.status(&reference).await.unwrap(), "provisioned", "{fault:?}: {report}");
        world.aws.heal();
    }
    let report = world.cycle().await.unwrap();
    assert_eq!(report["report"]["warnings"], json!([]), "{report}");
}

#[tokio::test]
async fn a_throttled_call_is_tried_again_and_succeeds() {
    let world = world().await.unwrap();
    let reference = requested(&world, "again1@canary.example").await;
    world.aws.fail("admin", "SendMessageBatch", 1, Fault::Throttled);
    world.approve(&reference).await.unwrap();
    assert_eq!((world.aws.faults_left(), world.depth().await.unwrap()), (0, (1, 0, 0)));
}

#[tokio::test]
async fn doubled_and_late_messages_are_harmless() {
    let world = world().await.unwrap();
    let reference = requested(&world, "doubled1@canary.example").await;
    world.aws.fail("admin", "SendMessageBatch", 1, Fault::AnswerLost);
    world.approve(&reference).await.unwrap();
    assert_eq!(world.depth().await.unwrap(), (2, 0, 0), "sent again, because nobody heard that it was done");
    let body = {
        let request = world.sqs.receive_message().queue_url(&world.queue).visibility_timeout(0);
        request.send().await.unwrap().messages()[0].body().unwrap().to_owned()
    };
    world.moodle_cron().await.unwrap();
    let report = world.cycle().await.unwrap();
    assert_eq!((&report["report"]["jobs"], &report["report"]["provisioned"]), (&json!(1), &json!(1)), "{report}");
    assert_eq!(world.depth().await.unwrap(), (0, 0, 0));

    world.sqs.send_message().queue_url(&world.queue).message_body(&body).send().await.unwrap();
    let rows = world.our_rows().await.unwrap();
    // An answer to the deletion that is lost: the message is deleted twice.
    world.aws.fail("provisioner", "DeleteMessageBatch", 1, Fault::AnswerLost);
    let report = world.cycle().await.unwrap();
    assert_eq!((&report["report"]["jobs"], &report["report"]["added"]), (&json!(0), &json!(0)), "{report}");
    assert_eq!((world.our_rows().await.unwrap(), world.depth().await.unwrap()), (rows, (0, 0, 0)));
}
