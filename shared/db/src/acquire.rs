//! Getting a connection: when to try again, and for how long.
//!
//! sqlx tries again by itself when TCP is refused or PostgreSQL is full or starting, with growing pauses within the
//! acquire timeout. What is added here: the same for MariaDB/MySQL, one more try with a new password after a refusal, and
//! the reason when time runs out. What does not live here: where new passwords come from (`renewal`).

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder};
use sqlx::{ConnectOptions as _, pool::PoolConnection};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::{
    Db, DbError,
    error::{is_full, is_refusal},
};

/// How long it is tried to find out why a pool could not connect.
const REASON_LIMIT: Duration = Duration::from_secs(1);

/// A connection of a pool of `db`; never later than its acquire timeout, and a moment to find the reason.
pub(crate) async fn acquire<D: sqlx::Database>(db: &Db, pool: &sqlx::Pool<D>) -> Result<PoolConnection<D>, DbError> {
    let deadline = Instant::now() + db.options.acquire_timeout;
    let mut last = None;
    match timeout_at(deadline, try_until(deadline, db, pool, &mut last)).await {
        Ok(Ok(connection)) => Ok(connection),
        Ok(Err(Some(error))) => Err(error),
        Ok(Err(None)) | Err(_) => match last {
            Some(error) => Err(error.into()),
            None => Err(reason(db, pool).await),
        },
    }
}

/// `Err(None)` when the pool's own time ran out; what was met before that is in `last`.
async fn try_until<D: sqlx::Database>(
    deadline: Instant,
    db: &Db,
    pool: &sqlx::Pool<D>,
    last: &mut Option<sqlx::Error>,
) -> Result<PoolConnection<D>, Option<DbError>> {
    // Jitter: sandboxes that a full database has refused together must not come back together.
    let mut pauses = ExponentialBuilder::new()
        .with_min_delay(Duration::from_millis(50))
        .with_max_delay(Duration::from_secs(2))
        .with_jitter()
        .without_max_times()
        .build();
    let mut renewed = false;
    loop {
        let generation = match &db.renewing {
            Some(renewing) => renewing.keep_fresh(&db.pool).await.map_err(Some)?,
            None => 0,
        };
        let error = match pool.acquire().await {
            Ok(connection) => return Ok(connection),
            Err(sqlx::Error::PoolTimedOut) => return Err(None),
            Err(error) => error,
        };
        if is_refusal(&error)
            && !renewed
            && let Some(renewing) = &db.renewing
        {
            tracing::info!("the database refused the password; fetching it anew");
            if !renewing.after_refusal(generation, &db.pool).await.map_err(Some)? {
                return Err(Some(error.into()));
            }
            renewed = true;
        } else if is_full(&error)
            && let Some(pause) = pauses.next()
            && Instant::now() + pause < deadline
        {
            *last = Some(error);
            sleep(pause).await;
        } else {
            return Err(Some(error.into()));
        }
    }
}

/// Why a pool gave no connection in time. sqlx keeps to itself what it met while it was trying, so one more connection is
/// asked for, unless all that the pool may have are in use.
async fn reason<D: sqlx::Database>(db: &Db, pool: &sqlx::Pool<D>) -> DbError {
    if pool.is_closed() || pool.size() >= pool.options().get_max_connections() {
        return sqlx::Error::PoolTimedOut.into();
    }
    let options = pool.connect_options();
    match timeout(REASON_LIMIT, options.connect()).await {
        Ok(Err(error)) => error.into(),
        // It was slow, or it is back.
        Ok(Ok(_)) | Err(_) => DbError::silent(db.options.acquire_timeout),
    }
}
