//! The queue as a table of the store, for a single machine or a school without SQS.
//!
//! Table `queue_messages` is made by the store's migrations. A message is *ready* when it is not dead and its
//! `visible_at` has come; receiving moves `visible_at` on and puts a new receipt on the row, so that earlier receipts
//! match nothing any more. Instants are milliseconds since 1970 by the clock that the queue is given.

use std::{fmt, sync::Arc, time::Duration};

use kinlink_db::{Db, DbError, Fault, Int, Session as _, Value, in_list, values_list};
use tokio::time::Instant;
use uuid::Uuid;

use crate::{DeadLetter, Depth, Hint, MAX_VISIBILITY, QueueError, Receipt, Received};

/// How many messages one statement handles.
const BATCH: usize = 100;
/// The pause between two looks while waiting for a message.
const PAUSE: Duration = Duration::from_millis(200);
/// How often a transaction is tried that another one got in the way of.
const TRIES: u32 = 5;

/// Gives the time in milliseconds since 1970.
type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// A queue on the store. Cheap to clone.
#[derive(Clone)]
pub struct EmbeddedQueue {
    db: Db,
    max_receives: u32,
    now_ms: Clock,
}

impl fmt::Debug for EmbeddedQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbeddedQueue")
            .field("engine", &self.db.engine())
            .field("max_receives", &self.max_receives)
            .finish_non_exhaustive()
    }
}

#[derive(sqlx::FromRow)]
struct MessageRow {
    id: String,
    body: String,
    receives: Int,
}

#[derive(sqlx::FromRow)]
struct DepthRow {
    ready: Int,
    in_flight: Int,
    dead: Int,
}

impl EmbeddedQueue {
    /// A queue whose messages become dead letters when they have been received `max_receives` times and come back once
    /// more. `now_ms` gives the time in milliseconds since 1970.
    #[must_use]
    pub fn new(db: Db, max_receives: u32, now_ms: impl Fn() -> i64 + Send + Sync + 'static) -> Self {
        Self { db, max_receives, now_ms: Arc::new(now_ms) }
    }

    pub(crate) async fn send(&self, hints: &[Hint]) -> Result<(), QueueError> {
        for (i, batch) in hints.chunks(BATCH).enumerate() {
            let now = (self.now_ms)();
            let mut args: Vec<Value> = Vec::with_capacity(batch.len() * 5);
            for hint in batch {
                let id = Uuid::now_v7().to_string();
                args.extend([id.into(), hint.to_body().into(), 0.into(), now.into(), now.into()]);
            }
            let sql = format!(
                "INSERT INTO queue_messages (id, body, receives, visible_at, created_at) VALUES {}",
                values_list(batch.len(), 5)
            );
            if let Err(error) = self.db.execute(&sql, args).await {
                let unsent = hints.len() - i * BATCH;
                return Err(QueueError::NotSent { unsent, cause: Some(Box::new(error.into())) });
            }
        }
        Ok(())
    }

    pub(crate) async fn receive(
        &self,
        max: usize,
        wait: Duration,
        visibility: Duration,
    ) -> Result<Vec<Received>, QueueError> {
        let deadline = Instant::now() + wait;
        loop {
            let received = self.claim(max, visibility).await?;
            let left = deadline.saturating_duration_since(Instant::now());
            if !received.is_empty() || max == 0 || left.is_zero() {
                return Ok(received);
            }
            tokio::time::sleep(left.min(PAUSE)).await;
        }
    }

    /// Takes up to `max` messages that are ready now.
    async fn claim(&self, max: usize, visibility: Duration) -> Result<Vec<Received>, DbError> {
        let mut received = Vec::new();
        let mut more = max > 0 && self.is_ready().await?;
        while more {
            let batch = (max - received.len()).min(BATCH);
            match retried(|| self.claim_batch(batch, visibility)).await {
                Ok((found, claimed)) => {
                    received.extend(claimed);
                    more = found == batch && received.len() < max;
                }
                Err(error) if received.is_empty() => return Err(error),
                Err(error) => {
                    tracing::warn!(%error, received = received.len(), "the queue failed between two batches");
                    more = false;
                }
            }
        }
        Ok(received)
    }

    /// Whether any message is ready; without a lock, so that waiting for messages disturbs nobody.
    async fn is_ready(&self) -> Result<bool, DbError> {
        let sql = "SELECT 1 FROM queue_messages WHERE dead_at IS NULL AND visible_at <= ? LIMIT 1";
        let row: Option<(Int,)> = self.db.fetch_optional(sql, [(self.now_ms)().into()]).await?;
        Ok(row.is_some())
    }

    /// Takes messages in one transaction; those that were received too often become dead letters instead. Gives how
    /// many rows there were, and the messages.
    async fn claim_batch(&self, batch: usize, visibility: Duration) -> Result<(usize, Vec<Received>), DbError> {
        let now = (self.now_ms)();
        let mut tx = self.db.begin().await?;
        let sql = format!(
            "SELECT id, body, receives FROM queue_messages WHERE dead_at IS NULL AND visible_at <= ? \
             ORDER BY visible_at, id LIMIT ?{}",
            tx.engine().for_update_skip_locked()
        );
        let rows: Vec<MessageRow> = tx.fetch_all(&sql, [now.into(), integer(batch).into()]).await?;
        let found = rows.len();
        let (spent, rows): (Vec<_>, Vec<_>) =
            rows.into_iter().partition(|row| row.receives.0 >= i64::from(self.max_receives));
        let dead: Vec<_> = spent.iter().map(|row| (row.id.clone(), Hint::from_body(&row.body).ok())).collect();
        if !spent.is_empty() {
            let sql =
                format!("UPDATE queue_messages SET dead_at = ?, receipt = ? WHERE id IN {}", in_list(spent.len()));
            let mut args: Vec<Value> = vec![now.into(), Value::Text(None)];
            args.extend(spent.into_iter().map(|row| row.id.into()));
            tx.execute(&sql, args).await?;
        }
        let mut received = Vec::with_capacity(rows.len());
        if !rows.is_empty() {
            let visible_at = after(now, visibility);
            let mut cases: Vec<Value> = Vec::with_capacity(rows.len() * 2);
            let mut ids: Vec<Value> = Vec::with_capacity(rows.len());
            let sql = format!(
                "UPDATE queue_messages SET receives = receives + 1, visible_at = ?, receipt = CASE id{} END \
                 WHERE id IN {}",
                " WHEN ? THEN ?".repeat(rows.len()),
                in_list(rows.len())
            );
            for MessageRow { id, body, receives } in rows {
                let receipt = Uuid::now_v7().to_string();
                received.push(Received {
                    hint: Hint::from_body(&body),
                    receipt: Receipt(format!("{id}/{receipt}")),
                    receives: u32::try_from(receives.0 + 1).unwrap_or(u32::MAX),
                });
                cases.extend([Value::from(&id), receipt.into()]);
                ids.push(id.into());
            }
            let mut args: Vec<Value> = vec![visible_at.into()];
            args.append(&mut cases);
            args.append(&mut ids);
            tx.execute(&sql, args).await?;
        }
        tx.commit().await?;
        for (id, hint) in dead {
            let correlation = hint.and_then(|hint| hint.correlation).map(tracing::field::display);
            let job = hint.map(|hint| tracing::field::display(hint.job));
            tracing::warn!(
                message.id = id,
                job.id = job,
                correlation.id = correlation,
                "a message became a dead letter"
            );
        }
        Ok((found, received))
    }

    pub(crate) async fn delete(&self, receipts: &[Receipt]) -> Result<(), QueueError> {
        for batch in receipts.chunks(BATCH) {
            let (ids, receipts): (Vec<Value>, Vec<Value>) =
                batch.iter().filter_map(parts).map(|(id, receipt)| (id.into(), receipt.into())).unzip();
            // A receipt belongs to one row, so the two lists cannot match crosswise.
            let sql = format!(
                "DELETE FROM queue_messages WHERE dead_at IS NULL AND id IN {} AND receipt IN {}",
                in_list(ids.len()),
                in_list(receipts.len())
            );
            let args = [ids, receipts].concat();
            retried(|| self.db.execute(&sql, args.clone())).await?;
        }
        Ok(())
    }

    pub(crate) async fn set_visibility(&self, receipts: &[(Receipt, Duration)]) -> Result<(), QueueError> {
        for batch in receipts.chunks(BATCH) {
            let now = (self.now_ms)();
            let mut cases: Vec<Value> = Vec::with_capacity(batch.len() * 2);
            let (ids, receipts): (Vec<Value>, Vec<Value>) = batch
                .iter()
                .filter_map(|(receipt, visibility)| Some((parts(receipt)?, *visibility)))
                .map(|((id, receipt), visibility)| {
                    cases.extend([receipt.into(), after(now, visibility).into()]);
                    (id.into(), receipt.into())
                })
                .unzip();
            if ids.is_empty() {
                continue;
            }
            let sql = format!(
                "UPDATE queue_messages SET visible_at = CASE receipt{} END \
                 WHERE dead_at IS NULL AND id IN {} AND receipt IN {}",
                " WHEN ? THEN ?".repeat(ids.len()),
                in_list(ids.len()),
                in_list(receipts.len())
            );
            let args = [cases, ids, receipts].concat();
            retried(|| self.db.execute(&sql, args.clone())).await?;
        }
        Ok(())
    }

    pub(crate) async fn depth(&self) -> Result<Depth, QueueError> {
        let now = (self.now_ms)();
        let sql = "SELECT COUNT(CASE WHEN dead_at IS NULL AND visible_at <= ? THEN 1 END) AS ready, \
                   COUNT(CASE WHEN dead_at IS NULL AND visible_at > ? THEN 1 END) AS in_flight, \
                   COUNT(dead_at) AS dead FROM queue_messages";
        let row: Option<DepthRow> = self.db.fetch_optional(sql, [now.into(), now.into()]).await?;
        let DepthRow { ready, in_flight, dead } = row.expect("a SELECT of counts has one row");
        let count = |number: Int| u64::try_from(number.0).unwrap_or(0);
        Ok(Depth { ready: count(ready), in_flight: count(in_flight), dead: Some(count(dead)) })
    }

    pub(crate) async fn dead_letters(&self, max: usize) -> Result<Vec<DeadLetter>, QueueError> {
        let sql =
            "SELECT id, body, receives FROM queue_messages WHERE dead_at IS NOT NULL ORDER BY dead_at, id LIMIT ?";
        let rows: Vec<MessageRow> = self.db.fetch_all(sql, [integer(max).into()]).await?;
        Ok(rows
            .into_iter()
            .map(|MessageRow { id, body, receives }| DeadLetter {
                hint: Hint::from_body(&body),
                id,
                receives: u32::try_from(receives.0).unwrap_or(u32::MAX),
            })
            .collect())
    }

    pub(crate) async fn redrive(&self) -> Result<u64, QueueError> {
        let now = (self.now_ms)();
        let sql = "UPDATE queue_messages SET dead_at = ?, receives = 0, visible_at = ? WHERE dead_at IS NOT NULL";
        Ok(retried(|| self.db.execute(sql, [Value::Int(None), now.into()])).await?)
    }
}

/// Tries a statement or transaction again when another one got in its way.
async fn retried<T, F: Future<Output = Result<T, DbError>>>(mut attempt: impl FnMut() -> F) -> Result<T, DbError> {
    let mut tries = 1;
    loop {
        match attempt().await {
            Err(error) if error.fault() == Fault::Conflict && tries < TRIES => {
                tokio::time::sleep(Duration::from_millis(10) * tries).await;
                tries += 1;
            }
            result => return result,
        }
    }
}

/// A row's id and the receipt that it must still have. `None` for a receipt of another queue, which has no effect.
fn parts(receipt: &Receipt) -> Option<(&str, &str)> {
    receipt.0.split_once('/')
}

fn integer(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn after(now: i64, pause: Duration) -> i64 {
    now + i64::try_from(pause.min(MAX_VISIBILITY).as_millis()).unwrap_or(i64::MAX)
}
