//! How Kinlink is: what waits and when it last did its work.

use kinlink_domain::{
    Timestamp,
    ids::{AdultId, JobId, RequestId},
    outcome::Outcome,
    reference::Reference,
    staff::{Actor, Permission},
};
use kinlink_store::{cycles, jobs};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{App, ServiceError, access::require};

/// How much waits.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct Health {
    /// Jobs of the outbox.
    pub jobs: jobs::Backlog,
    /// When a cycle last ended well.
    #[schema(required)]
    pub last_good_cycle: Option<Timestamp>,
}

/// How much waits, and when a cycle last ended well.
///
/// # Errors
/// [`ServiceError::Forbidden`], the store.
pub async fn health(app: &App, actor: &Actor) -> Result<Health, ServiceError> {
    require(actor, Permission::Read)?;
    let mut store = app.store.acquire().await?;
    let last = cycles::last_good(&mut store).await?;
    Ok(Health { jobs: jobs::backlog(&mut store).await?, last_good_cycle: last.and_then(|cycle| cycle.finished_at) })
}

/// A job that was given up until a person looks.
#[derive(Debug, Clone, Serialize)]
pub struct DeadJob {
    /// The job.
    pub id: JobId,
    /// Whether it takes access away; otherwise it gives access.
    pub removal: bool,
    /// How often it was tried.
    pub attempts: i64,
    /// What was found the last time.
    pub outcome: Option<Outcome>,
    /// What that means and what to do.
    pub advice: Option<&'static str>,
    /// When it was made.
    pub created_at: Timestamp,
    /// The adult.
    pub adult: AdultId,
    /// Their given and family name.
    pub name: Option<(String, String)>,
    /// The request whose decision made it.
    pub request: Option<(RequestId, Reference)>,
}

/// The jobs that were given up, oldest first.
///
/// # Errors
/// [`ServiceError::Forbidden`], the store.
pub async fn dead_jobs(app: &App, actor: &Actor, limit: u32) -> Result<Vec<DeadJob>, ServiceError> {
    require(actor, Permission::Read)?;
    let found = jobs::dead(&mut app.store.acquire().await?, limit).await?;
    Ok(found
        .into_iter()
        .map(|job| DeadJob {
            id: job.id,
            removal: job.priority == jobs::Priority::Removal,
            attempts: job.attempts,
            outcome: job.outcome,
            advice: job.outcome.map(Outcome::advice),
            created_at: job.created_at,
            adult: job.adult,
            name: job.name,
            request: job.request,
        })
        .collect())
}
