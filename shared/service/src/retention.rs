//! The privacy dial: what is due by the school's settings, and doing away with it, every night or by hand.
//!
//! Each batch is one transaction with an entry in the audit that holds a number and nothing else. A run that dies leaves
//! whole batches; the next one goes on. How long what is kept: [`kinlink_domain::retention`].

use kinlink_domain::{
    Timestamp,
    retention::{Disposal, RetentionClass},
    staff::{Actor, Permission},
};
use kinlink_store::{audit, holds, retention};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use crate::{App, ServiceError, access::require, error::retry_races};

/// Rows of one transaction: short enough that nobody waits for it.
const BATCH: u32 = 200;
/// Transactions of one class in one run: a function must end in time, and the next night goes on.
const MOST_BATCHES: u32 = 50;

/// A class of data: how long it is kept, and what of it is due.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = RetentionClassState)]
pub struct ClassView {
    /// The class.
    pub class: RetentionClass,
    /// What it is.
    pub what: &'static str,
    /// For how many days it is kept.
    pub days: u32,
    /// The setting that says so.
    pub setting: &'static str,
    /// The fewest days that it takes.
    pub least: u32,
    /// The most.
    pub most: u32,
    /// From which moment they are counted.
    pub since: &'static str,
    /// What is done then.
    pub disposal: Disposal,
    /// How much is due now.
    pub due: u64,
    /// From which moment the oldest of that is counted.
    #[schema(required)]
    pub oldest: Option<Timestamp>,
}

/// How much of a class was done away with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = RetentionPurged)]
pub struct Purged {
    /// The class.
    pub class: RetentionClass,
    /// How much.
    pub count: u64,
}

/// Every class with what of it is due: one statement each, and those that tell who is held. Nothing is changed.
///
/// # Errors
/// [`ServiceError::Forbidden`], the store, a stored setting that does not fit.
pub async fn preview(app: &App, actor: &Actor) -> Result<Vec<ClassView>, ServiceError> {
    require(actor, Permission::Administer)?;
    let kept = app.policy().await?.retention;
    let now = app.now();
    let mut store = app.store.acquire().await?;
    let held = holds::held_adults(&mut store, now).await?;
    let mut views = Vec::with_capacity(RetentionClass::ALL.len());
    for &class in RetentionClass::ALL {
        let rule = class.rule();
        let due = retention::due(&mut store, class, kept.cutoff(class, now), &held).await?;
        views.push(ClassView {
            class,
            what: rule.what,
            days: kept.days(class),
            setting: rule.setting,
            least: rule.least,
            most: rule.most,
            since: rule.since,
            disposal: rule.disposal,
            due: due.count,
            oldest: due.oldest,
        });
    }
    Ok(views)
}

/// Does away with everything that is due, now and not at night.
///
/// # Errors
/// As [`preview`]. What was done before an error stays done.
pub async fn purge(app: &App, actor: &Actor) -> Result<Vec<Purged>, ServiceError> {
    require(actor, Permission::Administer)?;
    run(app, actor).await
}

/// Does away with everything that is due.
///
/// # Errors
/// The store, a stored setting that does not fit.
pub(crate) async fn run(app: &App, actor: &Actor) -> Result<Vec<Purged>, ServiceError> {
    let kept = app.policy().await?.retention;
    // One moment for all of it: what comes meanwhile waits for the next run.
    let now = app.now();
    let mut purged = Vec::with_capacity(RetentionClass::ALL.len());
    for &class in RetentionClass::ALL {
        let before = kept.cutoff(class, now);
        let mut count = 0;
        for _ in 0..MOST_BATCHES {
            let done = retry_races!(batch(app, actor, class, before, now))?;
            count += done;
            if done < u64::from(batch_of(class)) {
                break;
            }
        }
        if count > 0 {
            tracing::info!(%class, count, "data whose time was over is gone");
        }
        purged.push(Purged { class, count });
    }
    Ok(purged)
}

/// How many of a class go in one transaction. Audit entries are small and many, and each batch of them writes another.
const fn batch_of(class: RetentionClass) -> u32 {
    match class {
        RetentionClass::Audit => 10_000,
        _ => BATCH,
    }
}

async fn batch(
    app: &App,
    actor: &Actor,
    class: RetentionClass,
    before: Timestamp,
    now: Timestamp,
) -> Result<u64, ServiceError> {
    let mut tx = app.store.begin().await?;
    let count = retention::purge(&mut tx, class, before, now, batch_of(class)).await?;
    if count > 0 {
        let entry = audit::Entry::new("retention.purge", format!("retention:{class}"), json!({ "count": count }));
        audit::write(&mut tx, actor, now, &[entry]);
        tx.commit().await?;
    }
    Ok(count)
}
