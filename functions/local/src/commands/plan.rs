//! `kinlink plan`: what a full cycle would write, row by row.

use kinlink_service::cycle;
use serde_json::json;

use crate::{
    answer::{Answer, count, put},
    failure::Failure,
    local::Local,
};

/// What to plan.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Nothing is written and no lock is taken. `kinlink cycle --apply DIGEST` writes exactly this plan, and \
                        refuses if it is another one by then."
)]
pub(crate) struct Args {}

pub(crate) async fn run(Args {}: Args) -> Result<Answer, Failure> {
    let local = Local::ready().await?;
    let (plan, digest) = Box::pin(cycle::plan(&local.app, &local.actor)).await?;
    let rows: Vec<String> = plan.lines().collect();
    let mut text = rows.join("\n");
    if rows.is_empty() {
        text.push_str("Moodle is as it should be; a full cycle would write nothing.");
    } else {
        put!(text, "\n\n{}. To write exactly these: kinlink cycle --apply {digest}", count(rows.len(), "row", "rows"));
    }
    put!(text, "\nDigest: {digest}\n");
    Ok(Answer::new(json!({ "digest": digest, "rows": rows }), text))
}
