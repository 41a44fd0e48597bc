//! `kinlink cycles`: what the provisioner did.

use kinlink_domain::ids::CycleId;
use kinlink_service::{
    ServiceError,
    view::{self, Cycle},
};
use serde_json::{Value, json};

use super::links;
use crate::{
    answer::{Answer, put, table, time, time_or_dash},
    failure::Failure,
    local::Local,
};

/// What to do.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Args {
    /// List cycles, newest first
    List {
        /// At most so many
        #[arg(long, default_value_t = 20)]
        limit: u32,
    },
    /// Show a cycle with the result of each link it looked at
    Show {
        /// Its id, as `list` shows it
        id: String,
    },
}

fn view(cycle: &Cycle) -> Value {
    json!({
        "id": cycle.id, "action": cycle.action, "state": cycle.state, "actor": cycle.actor,
        "created_at": cycle.created_at, "started_at": cycle.started_at, "finished_at": cycle.finished_at,
        "report": cycle.report, "fault": cycle.fault,
    })
}

fn state(cycle: &Cycle) -> String {
    json!(cycle.state).as_str().unwrap_or_default().to_owned()
}

pub(crate) async fn run(args: Args) -> Result<Answer, Failure> {
    let local = Local::ready().await?;
    match args {
        Args::List { limit } => {
            let page = view::list_cycles(&local.app, &local.actor, None, limit).await?;
            let rows: Vec<[String; 6]> = page
                .items
                .iter()
                .map(|cycle| {
                    let number = |name: &str| {
                        cycle
                            .report
                            .as_ref()
                            .and_then(|report| report[name].as_u64())
                            .map_or_else(String::new, |n| n.to_string())
                    };
                    let at = time(cycle.created_at);
                    [cycle.id.to_string(), at, cycle.action.clone(), state(cycle), number("added"), number("removed")]
                })
                .collect();
            let text = table(["ID", "AT", "ACTION", "STATE", "ADDED", "REMOVED"], &rows);
            let items: Vec<Value> = page.items.iter().map(view).collect();
            Ok(Answer::new(json!({ "items": items, "more": page.next.is_some() }), text))
        }
        Args::Show { id } => {
            let id: CycleId = id.parse().map_err(|_| ServiceError::NotFound("cycle"))?;
            let (cycle, results) = view::show_cycle(&local.app, &local.actor, id).await?;
            let mut text = format!(
                "{} {} by {}: {}, {} to {}\n",
                cycle.action,
                cycle.id,
                cycle.actor,
                state(&cycle),
                time_or_dash(cycle.started_at),
                time_or_dash(cycle.finished_at)
            );
            if let Some(fault) = &cycle.fault {
                put!(text, "Stopped: {fault}\n");
            }
            if let Some(Value::Object(report)) = &cycle.report {
                for (name, value) in report {
                    put!(text, "  {name}: {value}\n");
                }
            }
            let rows: Vec<[String; 4]> = results
                .iter()
                .map(|(link, outcome)| {
                    [link.id.to_string(), link.adult.to_string(), link.pupil.to_string(), outcome.to_string()]
                })
                .collect();
            text.push_str(&table(["LINK", "ADULT", "PUPIL", "OUTCOME"], &rows));
            let mut answer = view(&cycle);
            answer["results"] = results
                .iter()
                .map(|(link, outcome)| json!({ "link": links::view(link), "outcome": outcome, "advice": outcome.advice() }))
                .collect();
            Ok(Answer::new(answer, text))
        }
    }
}
