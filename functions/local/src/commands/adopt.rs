//! `kinlink adopt`: the role rows of the earlier plugin become ours, or become again what they were.

use kinlink_domain::{adoption::Direction, plan_row::PlanRow};
use kinlink_service::{adoption, plans};
use serde_json::json;

use crate::{
    answer::{Answer, count, put},
    failure::Failure,
    local::Local,
};

/// What to adopt: whatever stands for a link in force.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Nothing is written in Moodle yet: the plan is kept and shown, and `kinlink plans apply DIGEST` writes \
                        exactly its rows. An adopted row is removed when its link ends, like every row of ours. Rows behind \
                        which no link in force stands are never touched. --give-back undoes it, but for rows whose link \
                        ended: access that was taken away is never given back."
)]
pub(crate) struct Args {
    /// Plan the opposite: adopted rows become again what they were
    #[arg(long)]
    give_back: bool,
}

pub(crate) async fn run(Args { give_back }: Args) -> Result<Answer, Failure> {
    let local = Local::ready().await?;
    let (app, actor) = (&local.app, &local.actor);
    let direction = if give_back { Direction::GiveBack } else { Direction::Adopt };
    let made = Box::pin(adoption::make(app, actor, direction)).await?;
    let plan = made.plan;
    let rows = plans::rows(app, actor, plan.id, None, 0, u64::MAX).await?;
    let lines: Vec<String> = rows.iter().map(PlanRow::line).collect();
    let mut text = lines.iter().fold(String::new(), |text, line| text + line + "\n");
    let adoptions = count(plan.adoptions, "row", "rows");
    match direction {
        Direction::Adopt => {
            put!(text, "{adoptions} of the earlier plugin would become ours; ");
            put!(text, "{} of ours beside them would go.\n", count(plan.removals, "copy", "copies"));
            put!(text, "{} without a link in force would stay as they are.\n", count(made.left, "row", "rows"));
        }
        Direction::GiveBack => {
            put!(text, "{adoptions} would become the earlier plugin's again.\n");
            put!(
                text,
                "{} gone since, because the link ended or is held, would stay gone.\n",
                count(made.left, "row", "rows")
            );
        }
    }
    if !rows.is_empty() {
        put!(text, "To write exactly these: kinlink plans apply {}\n", plan.digest);
    }
    let answer = json!({
        "id": plan.id, "digest": plan.digest, "scope": plan.scope, "adoptions": plan.adoptions, "removals": plan.removals,
        "left": made.left, "rows": lines,
    });
    Ok(Answer::new(answer, text))
}
