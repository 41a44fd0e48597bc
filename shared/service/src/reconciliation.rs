//! What the newest full comparison found, and the rows that somebody takes away in Moodle each time they are put back.

use kinlink_domain::{
    finding::{Class, Finding},
    ids::{ContestId, CycleId},
    staff::{Actor, Permission},
};
use kinlink_store::{
    audit, findings,
    jobs::Priority,
    put_backs::{self, Contest},
};
use serde_json::json;

use crate::{
    App, ServiceError,
    access::require,
    decide::{enqueue_job, tell_queue},
};

// What callers are given.
pub use kinlink_store::put_backs::Contest as ContestedRow;

/// Most contested rows that are listed: with more, something is wrong with all of them.
const MOST: u32 = 1_000;

/// Some of what the newest full comparison found, and which cycle that was; only one class, if it is given.
///
/// # Errors
/// [`ServiceError::Forbidden`], the store.
pub async fn list(
    app: &App,
    actor: &Actor,
    class: Option<Class>,
    skip: u64,
    limit: u64,
) -> Result<(Option<CycleId>, Vec<Finding>), ServiceError> {
    require(actor, Permission::Read)?;
    let mut store = app.store.acquire().await?;
    Ok((findings::cycle(&mut store).await?, findings::list(&mut store, class, skip, limit).await?))
}

/// Rows that are left alone until a person says otherwise, the oldest first.
///
/// # Errors
/// [`ServiceError::Forbidden`], the store.
pub async fn contested(app: &App, actor: &Actor) -> Result<Vec<Contest>, ServiceError> {
    require(actor, Permission::Read)?;
    Ok(put_backs::contests(&mut app.store.acquire().await?, MOST).await?)
}

/// Lets a contested row be put back again; the next cycle does.
///
/// # Errors
/// [`ServiceError::Forbidden`], [`ServiceError::NotFound`], the store.
pub async fn release(app: &App, actor: &Actor, id: ContestId) -> Result<(), ServiceError> {
    require(actor, Permission::RunCycle)?;
    let mut tx = app.store.begin().await?;
    let contest = put_backs::find(&mut tx, id).await?.ok_or(ServiceError::NotFound("contested row"))?;
    put_backs::release(&mut tx, id).await?;
    let detail = json!({ "adult": contest.adult, "link": contest.link });
    let entry = audit::Entry::new("contest.release", format!("contest:{id}"), detail);
    audit::write(&mut tx, actor, app.now(), &[entry]);
    let hint = enqueue_job(app, &mut tx, contest.adult, None, Priority::Grant).await?;
    tx.commit().await?;
    tell_queue(app, &[hint]).await;
    Ok(())
}
