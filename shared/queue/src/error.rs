//! What can go wrong with a queue. None of it loses work: the outbox in the store is the truth.

use kinlink_db::DbError;

/// A queue that did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// Some hints did not reach the queue. Callers may go on: the next cycle finds their jobs in the outbox.
    #[error("{unsent} messages did not reach the queue; their jobs stay in the outbox")]
    NotSent {
        /// How many.
        unsent: usize,
        /// Why, where one failure explains it.
        #[source]
        cause: Option<Box<QueueError>>,
    },
    /// The queue refused some messages of a batch twice, for no fault of ours.
    #[error("SQS {operation} failed twice for {count} messages")]
    Batch {
        /// The name of SQS's operation.
        operation: &'static str,
        /// How many messages.
        count: usize,
    },
    /// SQS did not answer, or answered with an error.
    #[error("SQS {operation} failed: {reason}")]
    Sqs {
        /// The name of SQS's operation.
        operation: &'static str,
        /// SQS's or the connection's words; they name queues, never what is in them.
        reason: String,
    },
    /// The store failed.
    #[error("the queue in the store: {0}")]
    Store(#[from] DbError),
    /// Dead letters were asked for and this queue is not told where they are.
    #[error("the dead-letter queue is not configured (setting queue_dead_url)")]
    NoDeadLetterQueue,
}
