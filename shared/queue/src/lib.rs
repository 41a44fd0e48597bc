//! The job queue: SQS, and one on the store for a single machine.
//!
//! A message is a [`Hint`] that there is something to do. Both queues keep the same promises, which are SQS's: a message
//! is delivered at least once and in any order; a received message is hidden from others for its *visibility* and comes
//! back unless it is deleted; a message that was received too often becomes a dead letter. One behaviour suite
//! (`tests/behaviour.rs`) runs against both.
//!
//! What does not live here: the outbox (crate `store`), what a job does (crate `service`), and the SQS queues
//! themselves with their redrive policy (`template.yaml`).

mod embedded;
mod envelope;
mod error;
mod sqs;

use std::time::Duration;

pub use embedded::EmbeddedQueue;
pub use envelope::{EnvelopeError, Hint};
pub use error::QueueError;
pub use sqs::SqsQueue;

/// The longest time for which a message can be put back: SQS allows 12 hours in all, counted from the moment the
/// message was received, and the work before it was put back counts too.
pub const MAX_VISIBILITY: Duration = Duration::from_mins(11 * 60 + 30);

/// A queue. Cheap to clone.
#[derive(Debug, Clone)]
pub enum Queue {
    /// Amazon SQS, or an emulator.
    Sqs(SqsQueue),
    /// A table of the store.
    Embedded(EmbeddedQueue),
}

/// Proof of having received a message: needed to delete it or to put it back. Valid until the message is received again.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Receipt(String);

/// A message as it was received.
#[derive(Debug, Clone)]
pub struct Received {
    /// What it says. A message that cannot be read is not deleted but left alone: it comes back until the queue makes
    /// it a dead letter.
    pub hint: Result<Hint, EnvelopeError>,
    /// What deletes it or puts it back.
    pub receipt: Receipt,
    /// How often it has been received, this time included.
    pub receives: u32,
}

/// A message that was received too often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// What it says.
    pub hint: Result<Hint, EnvelopeError>,
    /// The queue's name for it, to tell letters apart.
    pub id: String,
    /// How often it had been received. On SQS every look at the dead letters counts as well.
    pub receives: u32,
}

/// How much is in a queue; on SQS an estimate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Depth {
    /// Messages that can be received now.
    pub ready: u64,
    /// Messages that were received or put back for later.
    pub in_flight: u64,
    /// Dead letters; `None` if it is not configured where they are.
    pub dead: Option<u64>,
}

/// Runs a method of whichever queue it is.
macro_rules! either {
    ($self:expr, $queue:ident => $call:expr) => {
        match $self {
            Queue::Sqs($queue) => $call,
            Queue::Embedded($queue) => $call,
        }
    };
}

impl Queue {
    /// Sends hints, in batches.
    ///
    /// # Errors
    /// [`QueueError::NotSent`] says how many did not arrive, after one more try. Callers log it and go on.
    pub async fn send(&self, hints: &[Hint]) -> Result<(), QueueError> {
        either!(self, queue => queue.send(hints).await)
    }

    /// Receives up to `max` messages and hides them from others for `visibility`. Waits up to `wait` for the first ones
    /// (whole seconds on SQS, rounded up) and not for more. Empty if none came.
    ///
    /// # Errors
    /// The queue cannot be reached. Not if it fails when some messages have been received already: those are given.
    pub async fn receive(&self, max: usize, wait: Duration, visibility: Duration) -> Result<Vec<Received>, QueueError> {
        either!(self, queue => queue.receive(max, wait, visibility).await)
    }

    /// Deletes messages: their work is done. An outdated receipt has no effect.
    ///
    /// # Errors
    /// The queue cannot be reached; messages that were not deleted come back.
    pub async fn delete(&self, receipts: &[Receipt]) -> Result<(), QueueError> {
        either!(self, queue => queue.delete(receipts).await)
    }

    /// Hides each message for a time from now: longer for work that takes longer, as a pause before the next try, or
    /// zero to put it back at once. More than [`MAX_VISIBILITY`] is cut. An outdated receipt has no effect.
    ///
    /// # Errors
    /// The queue cannot be reached; the messages come back when they would have anyway.
    pub async fn set_visibility(&self, receipts: &[(Receipt, Duration)]) -> Result<(), QueueError> {
        either!(self, queue => queue.set_visibility(receipts).await)
    }

    /// How much is in the queue.
    ///
    /// # Errors
    /// The queue cannot be reached.
    pub async fn depth(&self) -> Result<Depth, QueueError> {
        either!(self, queue => queue.depth().await)
    }

    /// Up to `max` dead letters. SQS has no way to look without receiving: a letter that somebody else looks at in the
    /// same moment is missing.
    ///
    /// # Errors
    /// [`QueueError::NoDeadLetterQueue`], or the queue cannot be reached.
    pub async fn dead_letters(&self, max: usize) -> Result<Vec<DeadLetter>, QueueError> {
        either!(self, queue => queue.dead_letters(max).await)
    }

    /// Moves all dead letters back to the queue, as if never received; gives how many.
    ///
    /// # Errors
    /// [`QueueError::NoDeadLetterQueue`], or the queue cannot be reached. What was moved before that stays moved, and a
    /// message can then be in both places: no harm, since messages are hints.
    pub async fn redrive(&self) -> Result<u64, QueueError> {
        either!(self, queue => queue.redrive().await)
    }
}
