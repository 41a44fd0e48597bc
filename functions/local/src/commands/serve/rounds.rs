//! The provisioner's rounds in `serve`: as often as the settings say, and at once when somebody asks for a cycle.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use kinlink_provisioner::{Event, Provisioner};
use kinlink_service::{
    ServiceError,
    view::{self, CycleState},
};
use tokio::sync::{Notify, watch};

use crate::{local::Local, stand_in};

/// How many of the newest cycles are looked through for ones that wait.
const NEWEST: u32 = 20;

/// How often what has run out is forgotten.
const TIDY_EVERY: Duration = Duration::from_hours(1);

/// Runs until told to stop. What fails is logged; the next round tries again.
pub(super) async fn run(local: Local, wake: Arc<Notify>, mut stopped: watch::Receiver<bool>) {
    let every = Duration::from_secs(u64::from(local.config.cycle_seconds));
    let provisioner = local.provisioner();
    let mut tidied: Option<Instant> = None;
    loop {
        if tidied.is_none_or(|at| at.elapsed() >= TIDY_EVERY) {
            tidied = Some(Instant::now());
            if let Err(error) = Box::pin(provisioner.handle(Event::Tidy {}, None)).await {
                tracing::error!(%error, "what has run out could not be forgotten; it is tried again in an hour");
            }
        }
        match round(&local, &provisioner).await {
            // Each run takes up one of the cycles that were asked for.
            Ok(true) => wake.notify_one(),
            Ok(false) => {}
            Err(error) => tracing::error!(%error, "a round of the provisioner failed; the next one tries again"),
        }
        tokio::select! {
            _ = stopped.wait_for(|stop| *stop) => return,
            () = wake.notified() => {}
            () = tokio::time::sleep(every) => {}
        }
    }
}

/// One round. `true` when more cycles were asked for.
async fn round(local: &Local, provisioner: &Provisioner) -> Result<bool, ServiceError> {
    local.run_demonstration().await?;
    Box::pin(provisioner.handle(Event::Cycle { retry: false }, None)).await?;
    if stand_in::accounts_made(&local.run_demonstration().await?) > 0 {
        // Nobody wants to wait for the pause that a real Moodle needs.
        Box::pin(provisioner.handle(Event::Cycle { retry: true }, None)).await?;
    }
    let newest = view::list_cycles(&local.app, &local.actor, None, NEWEST).await?;
    Ok(newest.items.iter().any(|cycle| cycle.state == CycleState::Queued))
}
