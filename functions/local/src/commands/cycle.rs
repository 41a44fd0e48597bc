//! `kinlink cycle`: one run of the provisioner, and what goes with it: expiry and mails.

use std::time::Duration;

use indicatif::ProgressBar;
use kinlink_service::{
    cycle::{self, Mode, Ran, Report},
    housekeeping, mail,
};
use serde_json::json;

use crate::{
    answer::{Answer, Exit, count, put},
    failure::Failure,
    local::Local,
    stand_in,
};

/// Mails sent by one call.
const MAILS: u32 = 200;

/// What to run.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  kinlink cycle                  what is due\n  kinlink cycle --retry          also \
                        what waits or was given up\n  kinlink cycle --full           compare everybody\n  kinlink plan \
                        && kinlink cycle --apply DIGEST    exactly that plan, as `kinlink plans apply` does\n\nExit code 4: \
                        another cycle is running; nothing was done, and nothing needs to be."
)]
pub(crate) struct Args {
    /// Compare everybody, not only those with something due
    #[arg(long, conflicts_with = "apply")]
    full: bool,
    /// First make everything due that waits or was given up
    #[arg(long)]
    retry: bool,
    /// Write exactly the plan with this digest or id, also where the brake holds it
    #[arg(long, value_name = "DIGEST")]
    apply: Option<String>,
}

pub(crate) async fn run(args: Args, json: bool) -> Result<Answer, Failure> {
    // What goes wrong in a cycle is in its report and in the answer.
    let local = Local::ready_logging("off").await?;
    let app = &local.app;
    let mode = match args.apply {
        Some(digest) => Mode::Apply(digest),
        None if args.full => Mode::Full,
        None => Mode::Jobs,
    };
    if args.retry {
        cycle::revive(app, &local.actor, None).await?;
    }
    // It hides itself where nobody looks.
    let bar = if json { ProgressBar::hidden() } else { ProgressBar::new_spinner() };
    bar.enable_steady_tick(Duration::from_millis(100));
    bar.set_message("Running a cycle …");
    let show = |report: &Report| {
        bar.set_message(format!("{} adults, {} rows added, {} removed", report.adults, report.added, report.removed));
    };
    let ran = Box::pin(cycle::run(app, &local.actor, mode, None, &show)).await;
    bar.finish_and_clear();
    let tidied = housekeeping::tidy(app).await?;
    let mails = mail::deliver(app, &local.school, &local.transport, MAILS, None).await?;
    let Ran::Done(report) = ran? else {
        return Err(Failure::new(Exit::Busy, "busy", "another cycle is running; nothing was done")
            .next("It does what is due; look at it with `kinlink cycles list`."));
    };
    let accounts = stand_in::accounts_made(&local.run_demonstration().await?);
    let mut text = describe(&report);
    put!(text, "Mails: {} sent, {} to be tried again, {} failed.\n", mails.sent, mails.postponed, mails.failed);
    if accounts > 0 {
        put!(
            text,
            "DEMONSTRATION: Moodle's synchronisation made or revived {accounts} accounts. `kinlink cycle --retry` links them.\n"
        );
    }
    let answer = json!({ "report": report, "tidied": tidied, "mails": mails, "demonstration_accounts_made": accounts });
    Ok(Answer::new(answer, text))
}

fn describe(report: &Report) -> String {
    let mut text = format!(
        "Cycle {} ({}): {}, {}; {} added, {} removed, {} held; {} provisioned.\n",
        report.cycle,
        report.mode,
        count(report.jobs, "job", "jobs"),
        count(report.adults, "adult", "adults"),
        count(report.added, "role row", "role rows"),
        report.removed,
        report.held,
        count(report.provisioned, "request", "requests"),
    );
    for (outcome, links) in &report.outcomes {
        put!(text, "  {outcome}: {links}\n");
    }
    for (source, held) in &report.held_by {
        put!(text, "  held, {source}: {held}\n");
    }
    for warning in &report.warnings {
        put!(text, "! {warning}\n");
    }
    if let Some(plan) = report.held_plan {
        put!(text, "! Look at what is held: kinlink plans show {plan}\n");
    }
    if report.already_applied {
        text.push_str("! This plan was applied before; nothing was written.\n");
    }
    if report.unfinished {
        text.push_str("! Time ran out; the next cycle goes on.\n");
    }
    text
}
