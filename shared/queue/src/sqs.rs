//! The queue on Amazon SQS.
//!
//! After how many receives a message becomes a dead letter is the queue's redrive policy, set where the queue is made.
//!
//! The correlation id stands in the body and, for whoever looks at a message from outside, in an attribute as well. Only the
//! body is read.

use std::{error::Error, fmt, time::Duration};

use aws_config::{SdkConfig, timeout::TimeoutConfig};
use aws_sdk_sqs::{
    Client,
    error::SdkError,
    types::{
        BatchResultErrorEntry, ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry, Message,
        MessageAttributeValue, MessageSystemAttributeName, QueueAttributeName, SendMessageBatchRequestEntry,
    },
};
use backon::{BackoffBuilder as _, ExponentialBuilder};
use tokio::time::Instant;
use uuid::Uuid;

use crate::{DeadLetter, Depth, Hint, MAX_VISIBILITY, QueueError, Receipt, Received};

/// What SQS takes in one batch.
const BATCH: usize = 10;
/// The longest that SQS lets one request wait.
const MAX_WAIT: Duration = Duration::from_secs(20);
/// The message attribute with the correlation id.
const CORRELATION: &str = "correlation_id";
/// How long one try of a request may take; longer than [`MAX_WAIT`].
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(30);
/// The least pause before the second try of a batch's entries; the longest is twice as long.
const PAUSE: Duration = Duration::from_millis(100);
/// For how long dead letters are hidden from others while they are looked at or moved.
const DEAD_LETTER_VISIBILITY: Duration = Duration::from_mins(1);

/// A queue on SQS and, where known, the queue of its dead letters. Cheap to clone.
#[derive(Debug, Clone)]
pub struct SqsQueue {
    client: Client,
    queue_url: String,
    dead_url: Option<String>,
}

/// A message to send.
struct Outgoing {
    body: String,
    correlation: Option<Uuid>,
}

impl From<&Hint> for Outgoing {
    fn from(hint: &Hint) -> Self {
        Self { body: hint.to_body(), correlation: hint.correlation }
    }
}

impl From<String> for Outgoing {
    /// A body as it was received.
    fn from(body: String) -> Self {
        Self { correlation: Hint::from_body(&body).ok().and_then(|hint| hint.correlation), body }
    }
}

impl Outgoing {
    fn entry(&self, id: usize) -> SendMessageBatchRequestEntry {
        let mut entry = SendMessageBatchRequestEntry::builder().id(id.to_string()).message_body(&self.body);
        if let Some(correlation) = self.correlation {
            let value = MessageAttributeValue::builder().data_type("String").string_value(correlation.to_string());
            entry = entry.message_attributes(CORRELATION, required(value.build()));
        }
        required(entry.build())
    }
}

/// What became of a batch of messages.
struct Sent {
    /// Indexes of those that did not arrive.
    unsent: Vec<usize>,
    /// Why, if the whole request failed.
    cause: Option<QueueError>,
}

impl SqsQueue {
    /// A queue reached with given AWS settings: region, credentials, how often a request is tried. Nothing is connected
    /// before the first request.
    #[must_use]
    pub fn new(sdk: &SdkConfig, queue_url: String, dead_url: Option<String>) -> Self {
        // Without a limit a request over a connection that died while the sandbox was frozen waits for TCP's.
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(Duration::from_secs(3))
            .operation_attempt_timeout(ATTEMPT_TIMEOUT)
            .build();
        let config = aws_sdk_sqs::config::Builder::from(sdk).timeout_config(timeouts).build();
        Self::from_client(Client::from_conf(config), queue_url, dead_url)
    }

    /// A queue reached through a client.
    #[must_use]
    pub const fn from_client(client: Client, queue_url: String, dead_url: Option<String>) -> Self {
        Self { client, queue_url, dead_url }
    }

    pub(crate) async fn send(&self, hints: &[Hint]) -> Result<(), QueueError> {
        let messages: Vec<Outgoing> = hints.iter().map(Outgoing::from).collect();
        let mut unsent = 0;
        for (i, batch) in messages.chunks(BATCH).enumerate() {
            let sent = self.send_batch(batch).await;
            unsent += sent.unsent.len();
            if let Some(cause) = sent.cause {
                // Whatever stopped this request will stop the next: better tell the caller than let it wait.
                unsent += messages.len() - i * BATCH - batch.len();
                return Err(QueueError::NotSent { unsent, cause: Some(Box::new(cause)) });
            }
        }
        if unsent == 0 { Ok(()) } else { Err(QueueError::NotSent { unsent, cause: None }) }
    }

    /// Sends up to [`BATCH`] messages; those that SQS did not take are sent once more.
    async fn send_batch(&self, messages: &[Outgoing]) -> Sent {
        let mut unsent: Vec<usize> = (0..messages.len()).collect();
        for again in [false, true] {
            pause_if(again).await;
            let entries = unsent.iter().map(|&i| messages[i].entry(i));
            let request = self.client.send_message_batch().queue_url(&self.queue_url);
            match request.set_entries(Some(entries.collect())).send().await {
                Ok(answer) => unsent = indexes(answer.failed()),
                Err(error) => return Sent { unsent, cause: Some(failure("SendMessageBatch", &error)) },
            }
            if unsent.is_empty() {
                break;
            }
        }
        Sent { unsent, cause: None }
    }

    pub(crate) async fn receive(
        &self,
        max: usize,
        wait: Duration,
        visibility: Duration,
    ) -> Result<Vec<Received>, QueueError> {
        let deadline = Instant::now() + wait;
        let mut received: Vec<Received> = Vec::new();
        while received.len() < max {
            let left = deadline.saturating_duration_since(Instant::now());
            let wait = if received.is_empty() { left.min(MAX_WAIT) } else { Duration::ZERO };
            let batch = match self.receive_batch(&self.queue_url, max - received.len(), wait, visibility).await {
                Ok(batch) => batch,
                Err(error) if received.is_empty() => return Err(error),
                Err(error) => {
                    tracing::warn!(%error, received = received.len(), "the queue failed between two batches");
                    break;
                }
            };
            if batch.is_empty() && (!received.is_empty() || Instant::now() >= deadline) {
                break;
            }
            received.extend(batch.into_iter().filter_map(|message| {
                Some(Received {
                    hint: Hint::from_body(message.body.as_deref().unwrap_or_default()),
                    receives: receives(&message),
                    receipt: Receipt(message.receipt_handle?),
                })
            }));
        }
        Ok(received)
    }

    async fn receive_batch(
        &self,
        url: &str,
        max: usize,
        wait: Duration,
        visibility: Duration,
    ) -> Result<Vec<Message>, QueueError> {
        self.client
            .receive_message()
            .queue_url(url)
            .max_number_of_messages(i32::try_from(max.min(BATCH)).unwrap_or(1))
            .wait_time_seconds(seconds(wait))
            .visibility_timeout(seconds(visibility.min(MAX_VISIBILITY)))
            .message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount)
            .send()
            .await
            .map(|answer| answer.messages.unwrap_or_default())
            .map_err(|error| failure("ReceiveMessage", &error))
    }

    pub(crate) async fn delete(&self, receipts: &[Receipt]) -> Result<(), QueueError> {
        self.delete_from(&self.queue_url, receipts).await
    }

    async fn delete_from(&self, url: &str, receipts: &[Receipt]) -> Result<(), QueueError> {
        let mut count = 0;
        for batch in receipts.chunks(BATCH) {
            let mut undone: Vec<usize> = (0..batch.len()).collect();
            for again in [false, true] {
                pause_if(again).await;
                let entries = undone.iter().map(|&i| {
                    required(
                        DeleteMessageBatchRequestEntry::builder().id(i.to_string()).receipt_handle(&batch[i].0).build(),
                    )
                });
                let request = self.client.delete_message_batch().queue_url(url).set_entries(Some(entries.collect()));
                let answer = request.send().await.map_err(|error| failure("DeleteMessageBatch", &error))?;
                undone = indexes(worth_another_try(answer.failed()));
                if undone.is_empty() {
                    break;
                }
            }
            count += undone.len();
        }
        if count == 0 { Ok(()) } else { Err(QueueError::Batch { operation: "DeleteMessageBatch", count }) }
    }

    pub(crate) async fn set_visibility(&self, receipts: &[(Receipt, Duration)]) -> Result<(), QueueError> {
        self.set_visibility_in(&self.queue_url, receipts).await
    }

    async fn set_visibility_in(&self, url: &str, receipts: &[(Receipt, Duration)]) -> Result<(), QueueError> {
        let mut count = 0;
        for batch in receipts.chunks(BATCH) {
            let mut undone: Vec<usize> = (0..batch.len()).collect();
            for again in [false, true] {
                pause_if(again).await;
                let entries = undone.iter().map(|&i| {
                    let (Receipt(handle), visibility) = &batch[i];
                    required(
                        ChangeMessageVisibilityBatchRequestEntry::builder()
                            .id(i.to_string())
                            .receipt_handle(handle)
                            .visibility_timeout(seconds((*visibility).min(MAX_VISIBILITY)))
                            .build(),
                    )
                });
                let request = self.client.change_message_visibility_batch().queue_url(url);
                let request = request.set_entries(Some(entries.collect()));
                let answer = request.send().await.map_err(|error| failure("ChangeMessageVisibilityBatch", &error))?;
                undone = indexes(worth_another_try(answer.failed()));
                if undone.is_empty() {
                    break;
                }
            }
            count += undone.len();
        }
        if count == 0 { Ok(()) } else { Err(QueueError::Batch { operation: "ChangeMessageVisibilityBatch", count }) }
    }

    pub(crate) async fn depth(&self) -> Result<Depth, QueueError> {
        let (ready, in_flight) = self.count(&self.queue_url).await?;
        let dead = match &self.dead_url {
            Some(url) => {
                let (ready, looked_at) = self.count(url).await?;
                Some(ready + looked_at)
            }
            None => None,
        };
        Ok(Depth { ready, in_flight, dead })
    }

    /// How many messages can be received now, and how many only later.
    async fn count(&self, url: &str) -> Result<(u64, u64), QueueError> {
        use QueueAttributeName::{
            ApproximateNumberOfMessages as Ready, ApproximateNumberOfMessagesDelayed as Delayed,
            ApproximateNumberOfMessagesNotVisible as Hidden,
        };
        let request = self.client.get_queue_attributes().queue_url(url);
        let request = request.attribute_names(Ready).attribute_names(Delayed).attribute_names(Hidden);
        let answer = request.send().await.map_err(|error| failure("GetQueueAttributes", &error))?;
        let number = |name| -> Result<u64, QueueError> {
            answer.attributes().and_then(|all| all.get(&name)).and_then(|text| text.parse().ok()).ok_or_else(|| {
                QueueError::Sqs { operation: "GetQueueAttributes", reason: format!("no number for {name}") }
            })
        };
        Ok((number(Ready)?, number(Hidden)? + number(Delayed)?))
    }

    pub(crate) async fn dead_letters(&self, max: usize) -> Result<Vec<DeadLetter>, QueueError> {
        let url = self.dead_url.as_deref().ok_or(QueueError::NoDeadLetterQueue)?;
        let mut letters = Vec::new();
        let mut looked_at = Vec::new();
        let mut result = Ok(());
        while letters.len() < max {
            match self.receive_batch(url, max - letters.len(), Duration::ZERO, DEAD_LETTER_VISIBILITY).await {
                Ok(batch) if batch.is_empty() => break,
                Ok(batch) => {
                    for message in batch {
                        letters.push(DeadLetter {
                            hint: Hint::from_body(message.body.as_deref().unwrap_or_default()),
                            receives: receives(&message),
                            id: message.message_id.unwrap_or_default(),
                        });
                        looked_at.extend(message.receipt_handle.map(|handle| (Receipt(handle), Duration::ZERO)));
                    }
                }
                Err(error) => {
                    result = Err(error);
                    break;
                }
            }
        }
        // Also after a failure: what was looked at must not stay hidden. If it does, it comes back by itself.
        if let Err(error) = self.set_visibility_in(url, &looked_at).await {
            tracing::warn!(%error, "dead letters stay hidden for a minute");
        }
        result.map(|()| letters)
    }

    pub(crate) async fn redrive(&self) -> Result<u64, QueueError> {
        let url = self.dead_url.as_deref().ok_or(QueueError::NoDeadLetterQueue)?;
        let mut moved = 0;
        loop {
            let batch = self.receive_batch(url, BATCH, Duration::ZERO, DEAD_LETTER_VISIBILITY).await?;
            if batch.is_empty() {
                return Ok(moved);
            }
            // First sent, then deleted: a failure in between doubles a message, never loses it.
            let (receipts, messages): (Vec<_>, Vec<_>) = batch
                .into_iter()
                .filter_map(|message| Some((Receipt(message.receipt_handle?), Outgoing::from(message.body?))))
                .unzip();
            let Sent { unsent, cause } = self.send_batch(&messages).await;
            let sent: Vec<Receipt> = receipts
                .into_iter()
                .enumerate()
                .filter(|(i, _)| !unsent.contains(i))
                .map(|(_, receipt)| receipt)
                .collect();
            self.delete_from(url, &sent).await?;
            moved += sent.len() as u64;
            if !unsent.is_empty() {
                return Err(QueueError::NotSent { unsent: unsent.len(), cause: cause.map(Box::new) });
            }
        }
    }
}

/// A moment, of a length by chance, before entries are sent again that SQS did not take: it was busy, and others wait as well.
async fn pause_if(again: bool) {
    if again {
        let pauses = ExponentialBuilder::new().with_min_delay(PAUSE).with_jitter().build();
        if let Some(pause) = pauses.into_iter().next() {
            tokio::time::sleep(pause).await;
        }
    }
}

/// Whole seconds, rounded up: a pause that was asked for is never none.
fn seconds(duration: Duration) -> i32 {
    let whole = duration.as_secs().saturating_add(u64::from(duration.subsec_nanos() > 0));
    i32::try_from(whole).unwrap_or(i32::MAX)
}

fn receives(message: &Message) -> u32 {
    message
        .attributes()
        .and_then(|all| all.get(&MessageSystemAttributeName::ApproximateReceiveCount))
        .and_then(|text| text.parse().ok())
        .unwrap_or(1)
}

/// A request's entry; building fails only without a field that we always set.
fn required<T, E: fmt::Debug>(entry: Result<T, E>) -> T {
    entry.expect("every required field is set")
}

/// Those failures that are not about our receipts: a receipt that is outdated, or whose message is gone or visible
/// again, has no effect and is no error.
fn worth_another_try(failed: &[BatchResultErrorEntry]) -> impl Iterator<Item = &BatchResultErrorEntry> {
    failed.iter().filter(|entry| {
        if entry.sender_fault() {
            tracing::debug!(code = entry.code(), "a receipt had no effect");
        }
        !entry.sender_fault()
    })
}

fn indexes<'a>(failed: impl IntoIterator<Item = &'a BatchResultErrorEntry>) -> Vec<usize> {
    failed.into_iter().filter_map(|entry| entry.id().parse().ok()).collect()
}

fn failure<E, R>(operation: &'static str, error: &SdkError<E, R>) -> QueueError
where
    E: Error + 'static,
    R: fmt::Debug + 'static,
{
    // The outermost words ("dispatch failure", "service error") say little, so all are joined.
    let mut reason = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        if !reason.ends_with(&text) {
            reason.push_str(": ");
            reason.push_str(&text);
        }
        next = cause.source();
    }
    QueueError::Sqs { operation, reason }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    #[test]
    fn a_part_of_a_second_is_a_second_and_nothing_is_nothing() {
        for (millis, expected) in [(0, 0), (1, 1), (1000, 1), (1001, 2), (90_000, 90)] {
            assert_eq!(super::seconds(Duration::from_millis(millis)), expected, "{millis} ms");
        }
        assert_eq!(super::seconds(Duration::MAX), i32::MAX);
    }
}
