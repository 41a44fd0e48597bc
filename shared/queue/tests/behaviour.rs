//! What every queue must do: the same assertions on SQLite, MariaDB, PostgreSQL and SQS.
#![expect(clippy::unwrap_used, reason = "every function here is part of a test")]

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use kinlink_db::{Db, Engine};
use kinlink_domain::ids::{AdultId, JobId};
use kinlink_queue::{
    DeadLetter, Depth, EmbeddedQueue, EnvelopeError, Hint, MAX_VISIBILITY, Queue, QueueError, Receipt, Received,
    SqsQueue,
};
use kinlink_testkit::TestDb;
use uuid::Uuid;

/// After this many receives a message becomes a dead letter.
const MAX_RECEIVES: u32 = 3;
const NOW: Duration = Duration::ZERO;
const SHORT: Duration = Duration::from_secs(1);
const LONG: Duration = Duration::from_secs(100);

/// A queue under test, with what the tests need around it.
struct Bench {
    queue: Queue,
    kind: Kind,
}

enum Kind {
    Embedded { clock: Arc<AtomicI64>, database: TestDb },
    Sqs { client: aws_sdk_sqs::Client, url: String },
}

impl Bench {
    async fn embedded(engine: Engine) -> Self {
        let database = kinlink_testkit::fresh(engine).await;
        create_table(&database.db).await;
        let clock = Arc::new(AtomicI64::new(1_700_000_000_000));
        let hand = Arc::clone(&clock);
        let queue = EmbeddedQueue::new(database.db.clone(), MAX_RECEIVES, move || hand.load(Ordering::SeqCst));
        Self { queue: Queue::Embedded(queue), kind: Kind::Embedded { clock, database } }
    }

    async fn sqs() -> Self {
        let sdk = aws_config::defaults(aws_config::BehaviorVersion::v2026_01_12())
            .endpoint_url(kinlink_testkit::sqs_endpoint())
            .load()
            .await;
        let client = aws_sdk_sqs::Client::new(&sdk);
        let name = format!("test-{}", Uuid::now_v7().simple());
        let dead_url = create_sqs_queue(&client, &format!("{name}-dead"), None).await;
        let arn = aws_sdk_sqs::types::QueueAttributeName::QueueArn;
        let attributes =
            client.get_queue_attributes().queue_url(&dead_url).attribute_names(arn.clone()).send().await.unwrap();
        let policy = format!(
            r#"{{"deadLetterTargetArn":"{}","maxReceiveCount":{MAX_RECEIVES}}}"#,
            attributes.attributes().unwrap()[&arn]
        );
        let url = create_sqs_queue(&client, &name, Some(policy)).await;
        let queue = SqsQueue::new(&sdk, url.clone(), Some(dead_url));
        Self { queue: Queue::Sqs(queue), kind: Kind::Sqs { client, url } }
    }

    /// Lets time pass for the queue.
    async fn pass(&self, time: Duration) {
        match &self.kind {
            Kind::Embedded { clock, .. } => {
                clock.fetch_add(i64::try_from(time.as_millis()).unwrap(), Ordering::SeqCst);
            }
            // The emulator's clock cannot be set, and whole seconds are compared with fractions.
            Kind::Sqs { .. } => tokio::time::sleep(time + Duration::from_millis(200)).await,
        }
    }

    /// Puts any text into the queue, as a stranger or a later release might.
    async fn put(&self, body: &str) {
        match &self.kind {
            Kind::Embedded { database, clock } => {
                let now = clock.load(Ordering::SeqCst);
                let sql =
                    "INSERT INTO queue_messages (id, body, receives, visible_at, created_at) VALUES (?, ?, 0, ?, ?)";
                let id = Uuid::now_v7().to_string();
                database.db.execute(sql, [id.into(), body.into(), now.into(), now.into()]).await.unwrap();
            }
            Kind::Sqs { client, url } => {
                client.send_message().queue_url(url).message_body(body).send().await.unwrap();
            }
        }
    }

    async fn receive(&self, max: usize, visibility: Duration) -> Vec<Received> {
        self.queue.receive(max, NOW, visibility).await.unwrap()
    }

    async fn receive_one(&self, visibility: Duration) -> Received {
        // Without visibility a larger number would give the same message several times.
        let mut received = self.receive(if visibility.is_zero() { 1 } else { 10 }, visibility).await;
        assert_eq!(received.len(), 1);
        received.remove(0)
    }

    async fn depth(&self) -> (u64, u64, u64) {
        let Depth { ready, in_flight, dead } = self.queue.depth().await.unwrap();
        (ready, in_flight, dead.unwrap())
    }
}

/// As the store's migrations make it.
async fn create_table(db: &Db) {
    db.execute(
        "CREATE TABLE queue_messages (id VARCHAR(36) NOT NULL PRIMARY KEY, body TEXT NOT NULL, receives BIGINT NOT NULL, \
         visible_at BIGINT NOT NULL, receipt VARCHAR(36), created_at BIGINT NOT NULL, dead_at BIGINT)",
        [],
    )
    .await
    .unwrap();
    db.execute("CREATE INDEX queue_messages_ready ON queue_messages (dead_at, visible_at, id)", []).await.unwrap();
}

async fn create_sqs_queue(client: &aws_sdk_sqs::Client, name: &str, redrive_policy: Option<String>) -> String {
    let mut request = client.create_queue().queue_name(name);
    if let Some(policy) = redrive_policy {
        request = request.attributes(aws_sdk_sqs::types::QueueAttributeName::RedrivePolicy, policy);
    }
    request.send().await.unwrap().queue_url.unwrap()
}

fn hint(number: u8) -> Hint {
    let id = |millis| (millis, [number; 10]);
    let ((job, random), (adult, _)) = (id(1), id(2));
    // Messages of older releases carry no correlation id.
    let correlation = (number % 2 == 1).then(|| Uuid::from_u128(number.into()));
    Hint { job: JobId::new(job, &random), adult: AdultId::new(adult, &random), correlation }
}

fn hints(received: &[Received]) -> HashSet<Hint> {
    received.iter().map(|message| message.hint.unwrap()).collect()
}

fn receipts(received: &[Received]) -> Vec<Receipt> {
    received.iter().map(|message| message.receipt.clone()).collect()
}

async fn what_was_sent_is_received_once_and_is_gone_when_deleted(bench: &Bench) {
    assert_eq!(bench.depth().await, (0, 0, 0));
    bench.queue.send(&[]).await.unwrap();
    bench.queue.send(&[hint(1), hint(2)]).await.unwrap();
    assert_eq!(bench.depth().await, (2, 0, 0));
    assert!(bench.receive(0, LONG).await.is_empty());
    let received = bench.receive(10, SHORT).await;
    assert_eq!(received.len(), 2);
    assert_eq!(hints(&received), HashSet::from([hint(1), hint(2)]));
    assert!(received.iter().all(|message| message.receives == 1));
    assert_eq!(bench.depth().await, (0, 2, 0));
    assert!(bench.receive(10, SHORT).await.is_empty(), "received messages are hidden");
    bench.queue.delete(&[]).await.unwrap();
    bench.queue.delete(&receipts(&received)).await.unwrap();
    bench.pass(SHORT).await;
    assert_eq!(bench.depth().await, (0, 0, 0));
    assert!(bench.receive(10, SHORT).await.is_empty());
    bench.queue.delete(&receipts(&received)).await.expect("deleting twice is no error");
}

async fn more_than_a_batch_is_sent_received_put_back_and_deleted(bench: &Bench) {
    let sent: Vec<Hint> = (0..25).map(hint).collect();
    bench.queue.send(&sent).await.unwrap();
    let first = bench.receive(12, LONG).await;
    assert_eq!(first.len(), 12, "not more than asked for");
    let second = bench.receive(100, LONG).await;
    assert_eq!(second.len(), 13, "as many as there are");
    let all = [first, second].concat();
    assert_eq!(hints(&all), sent.into_iter().collect());
    let back: Vec<_> = receipts(&all).into_iter().map(|receipt| (receipt, NOW)).collect();
    bench.queue.set_visibility(&back).await.unwrap();
    let again = bench.receive(100, LONG).await;
    assert_eq!(again.len(), 25);
    assert!(again.iter().all(|message| message.receives == 2));
    bench.queue.delete(&receipts(&again)).await.unwrap();
    assert_eq!(bench.depth().await, (0, 0, 0));
}

async fn what_is_not_deleted_comes_back_with_a_higher_count(bench: &Bench) {
    bench.queue.send(&[hint(1)]).await.unwrap();
    let first = bench.receive_one(SHORT).await;
    bench.pass(SHORT).await;
    let second = bench.receive_one(SHORT).await;
    assert_eq!((first.hint, first.receives), (Ok(hint(1)), 1));
    assert_eq!((second.hint, second.receives), (Ok(hint(1)), 2));
    assert_ne!(first.receipt, second.receipt);
}

async fn a_message_can_be_put_back_at_once_or_for_later(bench: &Bench) {
    bench.queue.send(&[hint(1), hint(2)]).await.unwrap();
    let received = bench.receive(10, SHORT).await;
    let find = |number| received.iter().find(|message| message.hint == Ok(hint(number))).unwrap().receipt.clone();
    bench.queue.set_visibility(&[(find(1), NOW), (find(2), LONG)]).await.unwrap();
    assert_eq!(bench.receive_one(LONG).await.hint, Ok(hint(1)));
    bench.pass(SHORT).await;
    assert!(bench.receive(10, LONG).await.is_empty(), "the visibility was extended beyond the first one");
    assert_eq!(bench.depth().await, (0, 2, 0));
    bench.queue.set_visibility(&[(find(2), SHORT)]).await.unwrap();
    bench.pass(SHORT).await;
    assert_eq!(bench.receive_one(LONG).await.hint, Ok(hint(2)));
}

async fn a_pause_that_is_too_long_is_cut(bench: &Bench) {
    bench.queue.send(&[hint(1)]).await.unwrap();
    let receipt = bench.receive_one(SHORT).await.receipt;
    bench.queue.set_visibility(&[(receipt, MAX_VISIBILITY * 100)]).await.unwrap();
    assert_eq!(bench.depth().await, (0, 1, 0));
    if matches!(bench.kind, Kind::Embedded { .. }) {
        bench.pass(MAX_VISIBILITY).await;
        assert_eq!(bench.depth().await, (1, 0, 0));
    }
}

async fn an_outdated_receipt_has_no_effect(bench: &Bench) {
    bench.queue.send(&[hint(1)]).await.unwrap();
    let outdated = bench.receive_one(NOW).await.receipt;
    let current = bench.receive_one(LONG).await.receipt;
    // SQS keeps the right to delete all the same, and the emulator makes use of it. What holds everywhere: no error.
    if matches!(bench.kind, Kind::Embedded { .. }) {
        bench.queue.set_visibility(&[(outdated.clone(), NOW)]).await.unwrap();
        assert_eq!(bench.depth().await, (0, 1, 0), "still hidden");
        bench.queue.delete(std::slice::from_ref(&outdated)).await.unwrap();
        assert_eq!(bench.depth().await, (0, 1, 0), "still there");
    }
    bench.queue.delete(&[current]).await.unwrap();
    bench.queue.delete(std::slice::from_ref(&outdated)).await.expect("a message that is gone is no error");
    bench.queue.set_visibility(&[(outdated, NOW)]).await.expect("a message that is gone is no error");
    assert_eq!(bench.depth().await, (0, 0, 0));
}

async fn what_is_received_too_often_becomes_a_dead_letter_and_can_be_moved_back(bench: &Bench) {
    bench.queue.send(&[hint(1)]).await.unwrap();
    for receives in 1..=MAX_RECEIVES {
        assert_eq!(bench.receive_one(NOW).await.receives, receives);
    }
    bench.queue.send(&[hint(2)]).await.unwrap();
    assert_eq!(bench.receive_one(LONG).await.hint, Ok(hint(2)), "a dead letter does not stand in the way");
    assert_eq!(bench.depth().await, (0, 1, 1));
    assert!(bench.queue.dead_letters(0).await.unwrap().is_empty());
    for _ in 0..2 {
        let letters = bench.queue.dead_letters(10).await.unwrap();
        let [DeadLetter { hint: letter, id, receives }] = letters.as_slice() else { panic!("{letters:?}") };
        assert_eq!(*letter, Ok(hint(1)));
        assert!(!id.is_empty());
        assert!(*receives >= MAX_RECEIVES);
    }
    assert_eq!(bench.queue.redrive().await.unwrap(), 1);
    assert_eq!(bench.depth().await, (1, 1, 0));
    let back = bench.receive_one(LONG).await;
    assert_eq!((back.hint, back.receives), (Ok(hint(1)), 1));
    assert_eq!(bench.queue.redrive().await.unwrap(), 0);
}

async fn many_dead_letters_are_listed_and_moved_back(bench: &Bench) {
    let sent: Vec<Hint> = (0..23).map(hint).collect();
    bench.queue.send(&sent).await.unwrap();
    for _ in 0..MAX_RECEIVES {
        assert_eq!(bench.receive(100, SHORT).await.len(), 23);
        bench.pass(SHORT).await;
    }
    assert!(bench.receive(100, NOW).await.is_empty());
    assert_eq!(bench.queue.dead_letters(12).await.unwrap().len(), 12);
    assert_eq!(bench.queue.dead_letters(100).await.unwrap().len(), 23);
    assert_eq!(bench.queue.redrive().await.unwrap(), 23);
    assert_eq!(hints(&bench.receive(100, LONG).await), sent.into_iter().collect());
}

async fn a_long_poll_wakes_for_a_message_and_ends_without_one(bench: &Bench) {
    let began = Instant::now();
    assert!(bench.queue.receive(10, SHORT, LONG).await.unwrap().is_empty());
    assert!(began.elapsed() >= Duration::from_millis(900), "{:?}", began.elapsed());
    let queue = bench.queue.clone();
    let waiting = tokio::spawn(async move {
        let began = Instant::now();
        let received = queue.receive(10, Duration::from_secs(20), LONG).await.unwrap();
        (received, began.elapsed())
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    bench.queue.send(&[hint(1)]).await.unwrap();
    let (received, elapsed) = waiting.await.unwrap();
    assert_eq!(hints(&received), HashSet::from([hint(1)]));
    assert!(elapsed < Duration::from_secs(10), "did not wait for more: {elapsed:?}");
}

async fn messages_that_cannot_be_read_are_told_apart_and_become_dead_letters(bench: &Bench) {
    bench.put("not ours").await;
    bench.put(r#"{"v":2,"other":"things"}"#).await;
    bench.queue.send(&[hint(1)]).await.unwrap();
    for receives in 1..=MAX_RECEIVES {
        let received = bench.receive(10, SHORT).await;
        let bad: HashSet<_> = received.iter().filter_map(|message| message.hint.err()).map(|e| e.to_string()).collect();
        let expected = [EnvelopeError::Unreadable, EnvelopeError::UnknownVersion(2)];
        assert_eq!(bad, expected.iter().map(ToString::to_string).collect());
        let good: Vec<_> = received.iter().filter(|message| message.hint.is_ok()).cloned().collect();
        assert_eq!(good.len(), usize::from(receives == 1));
        bench.queue.delete(&receipts(&good)).await.unwrap();
        bench.pass(SHORT).await;
    }
    assert!(bench.receive(10, SHORT).await.is_empty());
    assert_eq!(bench.depth().await, (0, 0, 2));
    assert!(bench.queue.dead_letters(10).await.unwrap().iter().all(|letter| letter.hint.is_err()));
}

async fn the_same_hint_twice_and_in_any_order_is_two_messages(bench: &Bench) {
    bench.queue.send(&[hint(2), hint(1), hint(2)]).await.unwrap();
    let received = bench.receive(10, LONG).await;
    assert_eq!(received.len(), 3);
    assert_eq!(hints(&received), HashSet::from([hint(1), hint(2)]));
    let [first, ..] = received.as_slice() else { panic!() };
    bench.queue.delete(std::slice::from_ref(&first.receipt)).await.unwrap();
    assert_eq!(bench.depth().await, (0, 2, 0), "one receipt deletes one message");
}

async fn several_receivers_share_the_messages(bench: &Bench) {
    let sent: Vec<Hint> = (0..60).map(hint).collect();
    bench.queue.send(&sent).await.unwrap();
    let receivers: Vec<_> = (0..4)
        .map(|_| {
            let queue = bench.queue.clone();
            tokio::spawn(async move {
                let mut all = Vec::new();
                loop {
                    let received = queue.receive(7, NOW, LONG).await.unwrap();
                    if received.is_empty() {
                        return all;
                    }
                    queue.delete(&receipts(&received)).await.unwrap();
                    all.extend(received);
                }
            })
        })
        .collect();
    let mut all = Vec::new();
    for receiver in receivers {
        all.extend(receiver.await.unwrap());
    }
    // Those that another receiver held at the last look.
    all.extend(bench.receive(100, LONG).await);
    assert_eq!(hints(&all).len(), 60, "nothing is lost");
    // SQS promises at least once, and gives a message twice now and then; ours gives it once.
    if !matches!(bench.kind, Kind::Sqs { .. }) {
        assert_eq!(all.len(), 60);
    }
}

#[tokio::test]
async fn on_sqs_the_correlation_id_is_an_attribute_too_also_after_a_redrive() {
    let bench = Bench::sqs().await;
    let Kind::Sqs { client, url } = &bench.kind else { unreachable!() };
    let attributes = async || {
        let answer = client
            .receive_message()
            .queue_url(url)
            .max_number_of_messages(10)
            .visibility_timeout(0)
            .message_attribute_names("All")
            .send()
            .await
            .unwrap();
        let mut found: Vec<String> = answer
            .messages()
            .iter()
            .map(|message| {
                let body = Hint::from_body(message.body().unwrap()).unwrap().correlation.is_some();
                let attribute = message.message_attributes().and_then(|all| all.get("correlation_id"));
                format!("{body} {:?}", attribute.and_then(|value| value.string_value()))
            })
            .collect();
        found.sort();
        found
    };
    let expected = ["false None", r#"true Some("00000000-0000-0000-0000-000000000001")"#];
    bench.queue.send(&[hint(1), hint(2)]).await.unwrap();
    assert_eq!(attributes().await, expected);
    for _ in 1..MAX_RECEIVES {
        assert_eq!(bench.receive(2, SHORT).await.len(), 2);
        bench.pass(SHORT).await;
    }
    assert!(bench.receive(2, SHORT).await.is_empty());
    assert_eq!(bench.queue.redrive().await.unwrap(), 2);
    assert_eq!(attributes().await, expected);
}

/// Handlers run on any thread: this compiles only if every future may.
#[expect(dead_code, reason = "compiling is the test")]
fn every_future_is_send(queue: &Queue) {
    fn check(_: impl Send) {}
    check(queue.send(&[]));
    check(queue.receive(1, NOW, NOW));
    check(queue.delete(&[]));
    check(queue.set_visibility(&[]));
    check(queue.depth());
    check(queue.dead_letters(1));
    check(queue.redrive());
}

/// One test a queue and behaviour, so that a failure says which.
macro_rules! behaviours {
    ($($name:ident,)*) => {
        behaviours!(@on sqlite, super::Bench::embedded(kinlink_db::Engine::Sqlite), $($name,)*);
        behaviours!(@on mariadb, super::Bench::embedded(kinlink_db::Engine::MySql), $($name,)*);
        behaviours!(@on postgres, super::Bench::embedded(kinlink_db::Engine::Postgres), $($name,)*);
        behaviours!(@on sqs, super::Bench::sqs(), $($name,)*);
    };
    (@on $queue:ident, $bench:expr, $($name:ident,)*) => {
        mod $queue {
            $(#[tokio::test] async fn $name() { super::$name(&$bench.await).await; })*
        }
    };
}

behaviours! {
    what_was_sent_is_received_once_and_is_gone_when_deleted,
    more_than_a_batch_is_sent_received_put_back_and_deleted,
    what_is_not_deleted_comes_back_with_a_higher_count,
    a_message_can_be_put_back_at_once_or_for_later,
    a_pause_that_is_too_long_is_cut,
    an_outdated_receipt_has_no_effect,
    what_is_received_too_often_becomes_a_dead_letter_and_can_be_moved_back,
    many_dead_letters_are_listed_and_moved_back,
    a_long_poll_wakes_for_a_message_and_ends_without_one,
    messages_that_cannot_be_read_are_told_apart_and_become_dead_letters,
    the_same_hint_twice_and_in_any_order_is_two_messages,
    several_receivers_share_the_messages,
}

#[tokio::test]
async fn a_queue_that_cannot_be_reached_says_how_much_was_not_sent() {
    let nobody = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let sdk = aws_config::defaults(aws_config::BehaviorVersion::v2026_01_12())
        .endpoint_url(&nobody)
        .region("eu-west-1")
        .retry_config(aws_config::retry::RetryConfig::disabled())
        .load()
        .await;
    let sqs = Queue::Sqs(SqsQueue::new(&sdk, format!("{nobody}/1/q"), None));
    let database = kinlink_testkit::fresh(Engine::Sqlite).await;
    let without_table = Queue::Embedded(EmbeddedQueue::new(database.db.clone(), 1, || 0));
    let sent: Vec<Hint> = (0..25).map(hint).collect();
    for queue in [&sqs, &without_table] {
        match queue.send(&sent).await {
            Err(QueueError::NotSent { unsent: 25, cause: Some(_) }) => {}
            other => panic!("{other:?}"),
        }
        queue.receive(1, NOW, LONG).await.unwrap_err();
    }
    assert!(matches!(sqs.dead_letters(1).await, Err(QueueError::NoDeadLetterQueue)));
    assert!(matches!(sqs.redrive().await, Err(QueueError::NoDeadLetterQueue)));
}
