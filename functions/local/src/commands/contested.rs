//! `kinlink contested`: rows that somebody takes away in Moodle each time they are put back.

use kinlink_domain::ids::ContestId;
use kinlink_service::{ServiceError, reconciliation};
use serde_json::{Value, json};

use crate::{
    answer::{Answer, table, time},
    failure::Failure,
    local::Local,
};

/// What to do.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Args {
    /// List rows that are left alone, the oldest first
    List,
    /// Let a row be put back again
    Release {
        /// Its id, as `list` shows it
        id: String,
    },
}

pub(crate) async fn run(args: Args) -> Result<Answer, Failure> {
    let local = Local::ready().await?;
    let (app, actor) = (&local.app, &local.actor);
    match args {
        Args::List => {
            let found = reconciliation::contested(app, actor).await?;
            let rows: Vec<[String; 5]> = found
                .iter()
                .map(|row| {
                    let (user, link) = (row.row.0.to_string(), row.link.to_string());
                    [row.id.to_string(), row.adult.to_string(), link, user, time(row.began_at)]
                })
                .collect();
            let items: Vec<Value> = found
                .iter()
                .map(|row| {
                    json!({
                        "id": row.id, "adult": row.adult, "link": row.link, "user": row.row.0, "context": row.row.1,
                        "role": row.row.2, "since": row.began_at,
                    })
                })
                .collect();
            Ok(Answer::new(json!({ "items": items }), table(["ID", "ADULT", "LINK", "USER", "SINCE"], &rows)))
        }
        Args::Release { id } => {
            let id: ContestId = id.parse().map_err(|_| ServiceError::NotFound("contested row"))?;
            reconciliation::release(app, actor, id).await?;
            Ok(Answer::new(json!({ "released": id }), "The next cycle puts it back."))
        }
    }
}
