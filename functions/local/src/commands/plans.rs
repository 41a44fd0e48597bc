//! `kinlink plans`: plans that were kept.

use kinlink_domain::plan_row::PlanRow;
use kinlink_service::{
    cycle::{self, Mode, Ran},
    plans::{self, Plan},
};
use serde_json::{Value, json};

use crate::{
    answer::{Answer, Exit, put, table, time, time_or_dash},
    failure::Failure,
    local::Local,
};

/// What to do.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Args {
    /// List plans, newest first
    List {
        /// At most so many
        #[arg(long, default_value_t = 20)]
        limit: u32,
    },
    /// Show a plan: each row with its reason
    Show {
        /// Its id or digest
        plan: String,
    },
    /// Show what is in only one of two plans
    Compare {
        /// The first, by id or digest
        first: String,
        /// The second
        second: String,
    },
    /// Write exactly a plan, also where the brake holds it
    #[command(
        after_help = "A plan that is not any more what is to be written is refused (exit code 5), and what changed is \
                            listed. One that was applied before writes nothing. What the brake holds needs two persons: \
                            the first asks, the second applies (setting brake_two_persons)."
    )]
    Apply {
        /// Its id or digest
        plan: String,
    },
}

fn view(plan: &Plan) -> Value {
    json!({
        "id": plan.id, "digest": plan.digest, "scope": plan.scope, "actor": plan.actor, "created_at": plan.created_at,
        "additions": plan.additions, "removals": plan.removals, "contexts": plan.contexts, "adoptions": plan.adoptions,
        "braked": plan.braked,
        "asked_by": plan.asked.as_ref().map(|(person, _)| person),
        "admitted_by": plan.admitted.as_ref().map(|(person, _)| person),
        "applied_at": plan.applied.map(|(at, _)| at), "cycle": plan.applied.map(|(_, cycle)| cycle),
    })
}

fn lines(text: &mut String, mark: &str, rows: &[PlanRow]) {
    for row in rows {
        put!(text, "{mark}{}  ({})\n", row.line(), row.reason);
    }
}

pub(crate) async fn run(args: Args) -> Result<Answer, Failure> {
    let local = Local::ready().await?;
    let (app, actor) = (&local.app, &local.actor);
    match args {
        Args::List { limit } => {
            let page = plans::list(app, actor, None, limit).await?;
            let rows: Vec<[String; 6]> = page
                .items
                .iter()
                .map(|plan| {
                    let (added, removed) = (plan.additions.to_string(), plan.removals.to_string());
                    let applied = time_or_dash(plan.applied.map(|(at, _)| at));
                    [plan.id.to_string(), time(plan.created_at), plan.scope.to_string(), added, removed, applied]
                })
                .collect();
            let text = table(["ID", "AT", "SCOPE", "ADD", "REMOVE", "APPLIED"], &rows);
            let items: Vec<Value> = page.items.iter().map(view).collect();
            Ok(Answer::new(json!({ "items": items, "more": page.next.is_some() }), text))
        }
        Args::Show { plan } => {
            let plan = plans::find(app, actor, &plan).await?;
            let reasons = plans::reasons(app, actor, plan.id).await?;
            let rows = plans::rows(app, actor, plan.id, None, 0, u64::MAX).await?;
            let mut text = format!("{} {} by {}, {}\n", plan.scope, plan.id, plan.actor, time(plan.created_at));
            put!(text, "Digest: {}\n", plan.digest);
            for (reason, rows) in &reasons {
                put!(text, "  {reason}: {rows}\n");
            }
            if plan.braked {
                text.push_str("The brake holds it.\n");
            }
            lines(&mut text, "", &rows);
            let mut answer = view(&plan);
            answer["reasons"] =
                reasons.iter().map(|(reason, rows)| json!({ "reason": reason, "rows": rows })).collect();
            answer["rows"] = json!(rows);
            Ok(Answer::new(answer, text))
        }
        Args::Compare { first, second } => {
            let first = plans::find(app, actor, &first).await?;
            let second = plans::find(app, actor, &second).await?;
            let compared = plans::compare(app, actor, first.id, second.id).await?;
            let mut text = String::new();
            lines(&mut text, "- ", &compared.only_first);
            lines(&mut text, "+ ", &compared.only_second);
            put!(text, "{} rows are in both.\n", compared.both);
            Ok(Answer::new(compared, text))
        }
        Args::Apply { plan } => {
            let ran = Box::pin(cycle::run(app, actor, Mode::Apply(plan), None, &|_| {})).await?;
            let Ran::Done(report) = ran else {
                return Err(Failure::new(Exit::Busy, "busy", "another cycle is running; nothing was done"));
            };
            let text = if report.already_applied {
                format!("It was applied before, by cycle {}; nothing was written.\n", report.cycle)
            } else {
                let (added, removed, cycle) = (report.added, report.removed, report.cycle);
                let mut text = format!("Cycle {cycle}: {added} role rows added, {removed} removed.\n");
                if report.adopted + report.given_back > 0 {
                    put!(text, "{} adopted, {} given back.\n", report.adopted, report.given_back);
                }
                text
            };
            Ok(Answer::new(json!({ "report": report }), text))
        }
    }
}
