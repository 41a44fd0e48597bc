//! `kinlink sources`: the forms that may send requests.

use kinlink_domain::ids::SourceId;
use kinlink_service::{
    ServiceError,
    access::{self, Source},
};
use serde_json::{Value, json};

use crate::{
    answer::{Answer, table, time},
    failure::Failure,
    local::Local,
};

/// What to do.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Args {
    /// List sources, without their keys
    List,
    /// Make a source; its key is shown this once
    Create {
        /// What it is: "school website"
        name: String,
        /// The form proves email addresses itself, so that Kinlink need not
        #[arg(long)]
        proves_email: bool,
    },
    /// Revoke a source, at once
    Revoke {
        /// Its id, as `list` shows it
        id: String,
    },
}

fn view(source: &Source) -> Value {
    json!({
        "id": source.id, "name": source.name, "proves_email": source.proves_email, "created_at": source.created_at,
        "created_by": source.created_by, "revoked_at": source.revoked_at,
    })
}

pub(crate) async fn run(args: Args) -> Result<Answer, Failure> {
    let local = Local::ready().await?;
    let (app, actor) = (&local.app, &local.actor);
    match args {
        Args::List => {
            let sources = access::list_sources(app, actor).await?;
            let rows: Vec<[String; 4]> = sources
                .iter()
                .map(|source| {
                    let state = source.revoked_at.map_or_else(|| "valid".into(), |at| format!("revoked {}", time(at)));
                    let proves = if source.proves_email { "yes" } else { "no" };
                    [source.id.to_string(), source.name.clone(), proves.into(), state]
                })
                .collect();
            let items: Vec<Value> = sources.iter().map(view).collect();
            Ok(Answer::new(json!({ "items": items }), table(["ID", "NAME", "PROVES EMAIL", "STATE"], &rows)))
        }
        Args::Create { name, proves_email } => {
            let minted = access::mint_source(app, actor, &name, proves_email).await?;
            let text = format!("{}\nThis is shown once. The form sends it as `X-Api-Key: …`.", minted.secret);
            Ok(Answer::new(minted, text))
        }
        Args::Revoke { id } => {
            let id: SourceId = id.parse().map_err(|_| ServiceError::NotFound("source"))?;
            access::revoke_source(app, actor, id).await?;
            Ok(Answer::new(json!({ "revoked": id }), format!("The source {id} cannot send any more.")))
        }
    }
}
