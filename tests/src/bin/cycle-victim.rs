//! A process that runs one cycle, or approves one request, and may die of a crash point meanwhile: what `kill.rs` starts.
//!
//! Arguments: store URL, Moodle URL, and `jobs`, `full`, `apply:PLAN` or `approve:REFERENCE`. `KINLINK_VICTIM_SHIFT_MS` moves its clock,
//! so that a later process finds the lease of a dead one run out; `KINLINK_CRASH_AT` is the crash point (`kinlink-db`).
//! Ends with 0 when it did what it was told, 3 when another provisioner is at work, 1 after an error.

use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use kinlink_domain::staff::{Actor, StaffRole};
use kinlink_service::{
    App,
    approve::{Approval, Checks, approve},
    cycle::{self, Mode, Ran},
};
use kinlink_store::requests;
use kinlink_tests::process::app;

const BUSY: u8 = 3;

async fn act(app: &App, what: &str) -> Result<ExitCode> {
    let mode = match what.split_once(':') {
        Some(("approve", reference)) => {
            let reference = reference.parse().context("a reference")?;
            let mut store = app.store.acquire().await?;
            let request = requests::find_by_reference(&mut store, &reference).await?.context("the request")?;
            drop(store);
            let actor = Actor { name: "cli:test".into(), role: Some(StaffRole::Administrator) };
            let approval = Approval { checks: Checks::ALL, ..Approval::default() };
            approve(app, &actor, request.id, None, &approval).await?;
            return Ok(ExitCode::SUCCESS);
        }
        Some(("apply", plan)) => Mode::Apply(plan.to_owned()),
        _ if what == "jobs" => Mode::Jobs,
        _ if what == "full" => Mode::Full,
        _ => bail!("{what:?} is neither jobs, full, apply:PLAN nor approve:REFERENCE"),
    };
    Ok(match cycle::run(app, &Actor::system(), mode, None, &|_| {}).await? {
        Ran::Busy => ExitCode::from(BUSY),
        Ran::Done(report) => {
            println!("{}", serde_json::to_string(&report)?);
            ExitCode::SUCCESS
        }
    })
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [store, moodle, what] = arguments.as_slice() else { bail!("cycle-victim STORE-URL MOODLE-URL WHAT") };
    let shift = std::env::var("KINLINK_VICTIM_SHIFT_MS").unwrap_or_default().parse().unwrap_or_default();
    act(&app(store, moodle, shift)?, what).await
}
