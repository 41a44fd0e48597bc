//! Runs of the provisioner.

use std::collections::HashMap;

use kinlink_domain::{
    ids::{CycleId, LinkId},
    outcome::Outcome,
    staff::{Actor, Permission},
};
use kinlink_store::{audit, cycles, links};

use super::{Cycle, CycleState, Link, Page};
use crate::{App, ServiceError, access::require};

/// A page of cycles, newest first.
///
/// # Errors
/// [`ServiceError::Forbidden`], the store.
pub async fn list_cycles(
    app: &App,
    actor: &Actor,
    after: Option<CycleId>,
    limit: u32,
) -> Result<Page<Cycle, CycleId>, ServiceError> {
    require(actor, Permission::Read)?;
    let mut items = cycles::list(&mut app.store.acquire().await?, after, limit + 1).await?;
    let more = items.len() > limit as usize;
    items.truncate(limit as usize);
    Ok(Page { next: items.last().filter(|_| more).map(|cycle| cycle.id), items })
}

/// A cycle with the result of each link it looked at.
///
/// # Errors
/// [`ServiceError::Forbidden`], [`ServiceError::NotFound`], the store.
pub async fn show_cycle(app: &App, actor: &Actor, id: CycleId) -> Result<(Cycle, Vec<(Link, Outcome)>), ServiceError> {
    require(actor, Permission::Read)?;
    let mut store = app.store.acquire().await?;
    let cycle = cycles::find(&mut store, id).await?.ok_or(ServiceError::NotFound("cycle"))?;
    let results = cycles::results(&mut store, id).await?;
    let ids: Vec<_> = results.iter().map(|(link, _)| *link).collect();
    let mut found = Vec::with_capacity(ids.len());
    for chunk in ids.chunks(kinlink_db::ROWS_PER_STATEMENT) {
        found.extend(links::by_ids(&mut store, chunk).await?);
    }
    let outcomes: HashMap<LinkId, Outcome> = results.into_iter().collect();
    let results = found.into_iter().filter_map(|link| Some((outcomes.get(&link.id).copied()?, link)));
    let results = results.map(|(outcome, link)| (link, outcome)).collect();
    Ok((cycle, results))
}

/// Asks for a cycle: the provisioner takes it up at once where it runs in the same process, otherwise at its next start.
///
/// # Errors
/// [`ServiceError::Forbidden`], the store.
pub async fn request_cycle(app: &App, actor: &Actor, action: &str) -> Result<CycleId, ServiceError> {
    require(actor, Permission::RunCycle)?;
    let cycle = Cycle {
        id: app.new_id(),
        action: action.to_owned(),
        state: CycleState::Queued,
        actor: actor.name.clone(),
        plan: None,
        created_at: app.now(),
        started_at: None,
        finished_at: None,
        report: None,
        fault: None,
    };
    let mut tx = app.store.begin().await?;
    cycles::insert(&mut tx, &cycle).await?;
    let entry =
        audit::Entry::new("cycle.request", format!("cycle:{}", cycle.id), serde_json::json!({ "action": action }));
    audit::write(&mut tx, actor, app.now(), &[entry]);
    tx.commit().await?;
    Ok(cycle.id)
}
