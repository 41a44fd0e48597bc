//! What the newest full comparison found, and the rows that somebody takes away in Moodle each time they are put back.

use std::collections::BTreeMap;

use kinlink_domain::{
    finding::{Class, Finding},
    ids::{ContestId, CycleId, LinkId, MoodleUserId},
    staff::{Actor, Permission},
};
use kinlink_store::{
    audit, cycles,
    cycles::Cycle,
    findings,
    jobs::Priority,
    put_backs::{self, Contest},
};
use serde_json::json;

use crate::{
    App, ServiceError,
    access::require,
    cycle::Mode,
    decide::{enqueue_job, tell_queue},
    view::found_by_class,
};

// What callers are given.
pub use kinlink_store::put_backs::Contest as ContestedRow;

/// Most contested rows that are listed: with more, something is wrong with all of them.
const MOST: u32 = 1_000;

/// What the newest full comparison found, in numbers.
#[derive(Debug, Clone)]
pub struct Overview {
    /// The cycle that compared; none when none is known.
    pub cycle: Option<Cycle>,
    /// How much is kept of each class of which there is something, in the order of the classes.
    pub kept: Vec<(Class, u64)>,
    /// How much more the cycle found than is kept.
    pub more: u64,
}

/// What the newest full comparison found, in numbers.
///
/// # Errors
/// [`ServiceError::Forbidden`], the store.
pub async fn overview(app: &App, actor: &Actor) -> Result<Overview, ServiceError> {
    require(actor, Permission::Read)?;
    let mut store = app.store.acquire().await?;
    let kept = findings::count(&mut store).await?;
    // The findings name their cycle; one that found nothing left none.
    let cycle = match findings::cycle(&mut store).await? {
        Some(cycle) => cycles::find(&mut store, cycle).await?,
        None => cycles::newest_done(&mut store, Mode::Full.code()).await?,
    };
    let report = cycle.as_ref().and_then(|cycle| cycle.report.as_ref());
    let found: u64 = report.map_or(0, |report| found_by_class(report).values().sum());
    let more = found.saturating_sub(kept.iter().map(|(_, count)| count).sum());
    Ok(Overview { cycle, kept, more })
}

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

/// The pupils whom some links are to.
///
/// # Errors
/// [`ServiceError::Forbidden`], the store.
pub async fn pupils(
    app: &App,
    actor: &Actor,
    links: &[LinkId],
) -> Result<BTreeMap<LinkId, MoodleUserId>, ServiceError> {
    require(actor, Permission::Read)?;
    if links.is_empty() {
        return Ok(BTreeMap::new());
    }
    let found = kinlink_store::links::by_ids(&mut app.store.acquire().await?, links).await?;
    Ok(found.into_iter().map(|link| (link.id, link.pupil)).collect())
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
