//! `kinlink reconcile`: compares everybody, puts right what differs, and says what was found.

use kinlink_domain::finding::Class;
use kinlink_service::{
    cycle::{self, Mode, Ran},
    reconciliation,
};
use serde_json::json;

use crate::{
    answer::{Answer, Exit, count, put},
    failure::Failure,
    local::Local,
};

/// Findings that are printed; the API has them all.
const MOST: u64 = 200;

/// What to compare: everything.
#[derive(Debug, clap::Args)]
#[command(after_help = "The same as `kinlink cycle --full`, and what was found in classes. `kinlink plan` only looks.")]
pub(crate) struct Args {}

pub(crate) async fn run(Args {}: Args) -> Result<Answer, Failure> {
    let local = Local::ready_logging("off").await?;
    let (app, actor) = (&local.app, &local.actor);
    let Ran::Done(report) = Box::pin(cycle::run(app, actor, Mode::Full, None, &|_| {})).await? else {
        return Err(Failure::new(Exit::Busy, "busy", "another cycle is running; nothing was done"));
    };
    let (_, findings) = reconciliation::list(app, actor, None, 0, MOST).await?;
    let mut text = format!(
        "Cycle {}: {} added ({} put back), {} removed, {} held.\n",
        report.cycle,
        count(report.added, "role row", "role rows"),
        report.put_back,
        report.removed,
        report.held
    );
    for (class, number) in &report.classes {
        put!(text, "{class}: {number}. {}\n", Class::advice(*class));
        for finding in findings.iter().filter(|finding| finding.class == *class) {
            let id = |name: &str, id: Option<String>| id.map_or_else(String::new, |id| format!(" {name}={id}"));
            put!(
                text,
                " {}{}{}{}{}\n",
                id("adult", finding.adult.map(|id| id.to_string())),
                id("link", finding.link.map(|id| id.to_string())),
                id("user", finding.user.map(|id| id.to_string())),
                id("pupil", finding.pupil.map(|id| id.to_string())),
                id("other", finding.other.map(|id| id.to_string()))
            );
        }
    }
    put!(text, "foreign: {}. They are never touched.\n", report.foreign);
    for warning in &report.warnings {
        put!(text, "! {warning}\n");
    }
    Ok(Answer::new(json!({ "report": report, "findings": findings }), text))
}
