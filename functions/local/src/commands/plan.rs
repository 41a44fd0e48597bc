//! `kinlink plan`: what a full cycle would write, row by row.

use kinlink_domain::plan_row::PlanRow;
use kinlink_service::{cycle, plans};
use serde_json::json;

use crate::{
    answer::{Answer, count, put},
    failure::Failure,
    local::Local,
};

/// What to plan.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Nothing is written in Moodle and no lock is taken. `kinlink plans apply DIGEST` writes exactly this plan, \
                        and refuses if it is another one by then."
)]
pub(crate) struct Args {
    /// Keep the plan with the reason of each row; `kinlink plans` lists, shows, compares and applies those that are kept
    #[arg(long)]
    keep: bool,
}

pub(crate) async fn run(Args { keep }: Args) -> Result<Answer, Failure> {
    let local = Local::ready().await?;
    let (app, actor) = (&local.app, &local.actor);
    let (id, digest, rows) = if keep {
        let plan = Box::pin(plans::make(app, actor)).await?;
        let rows = plans::rows(app, actor, plan.id, None, 0, u64::MAX).await?;
        (Some(plan.id), plan.digest, rows.iter().map(PlanRow::line).collect())
    } else {
        let (plan, digest) = Box::pin(cycle::plan(app, actor)).await?;
        (None, digest, plan.lines().collect::<Vec<_>>())
    };
    let mut text = rows.join("\n");
    if rows.is_empty() {
        text.push_str("Moodle is as it should be; a full cycle would write nothing.");
    } else {
        put!(text, "\n\n{}. To write exactly these: kinlink plans apply {digest}", count(rows.len(), "row", "rows"));
    }
    put!(text, "\nDigest: {digest}\n");
    let mut answer = json!({ "digest": digest, "rows": rows });
    if let Some(id) = id {
        put!(text, "Kept as {id}; `kinlink plans show {id}` says why each row is there.\n");
        answer["id"] = json!(id);
    }
    Ok(Answer::new(answer, text))
}
