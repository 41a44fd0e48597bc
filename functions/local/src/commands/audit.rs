//! `kinlink audit`: who did what to what, the same as a file, and whether it is what was written.

use std::io::Write as _;

use kinlink_admin::audit_file::{Format, Pieces};
use kinlink_domain::audit_chain::End;
use kinlink_service::{
    audit_chain,
    view::{AuditQuery, list_audit},
};
use serde_json::json;

use crate::{
    answer::{Answer, Exit, table, time},
    failure::Failure,
    local::Local,
};

/// What to do.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Args {
    /// List entries, newest first
    List {
        #[command(flatten)]
        filter: Filter,
        /// How many at most
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
    },
    /// Walk along the chain of all entries, and name the first that is not what was written
    #[command(
        after_help = "Prints the chain's end as NUMBER:HASH. Note it where nobody with access to the database can change it, and give \
                            it back later with --noted: without it, a chain that was made anew as a whole cannot be told from the \
                            old one.\nExits with 5 if the audit was tampered with."
    )]
    Verify {
        /// An end that an earlier verification printed, or the nightly log
        #[arg(long, value_name = "NUMBER:HASH", value_parser = end)]
        noted: Option<End>,
    },
    /// Print all entries, oldest first, as JSON Lines or CSV
    Export {
        #[command(flatten)]
        filter: Filter,
        /// In which form
        #[arg(long, value_enum, default_value_t = Form::Jsonl)]
        format: Form,
    },
}

/// Which entries.
#[derive(Debug, clap::Args)]
pub(crate) struct Filter {
    /// Only by this actor, such as cli:jo
    #[arg(long)]
    actor: Option<String>,
    /// Only actions that begin so: request. or request.approve
    #[arg(long)]
    action: Option<String>,
    /// Only about this subject, such as request: and its id
    #[arg(long)]
    subject: Option<String>,
    /// Not before this instant, such as 2026-03-01T00:00:00Z
    #[arg(long)]
    from: Option<kinlink_domain::Timestamp>,
    /// Before this instant
    #[arg(long)]
    to: Option<kinlink_domain::Timestamp>,
}

impl From<Filter> for AuditQuery {
    fn from(filter: Filter) -> Self {
        let Filter { actor, action, subject, from, to } = filter;
        Self { actor, action, subject, from, to, cursor: None }
    }
}

/// The form of an export.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum Form {
    /// One JSON object a line, with hashes
    Jsonl,
    /// For spreadsheets; no cell is a formula
    Csv,
}

fn end(text: &str) -> Result<End, String> {
    let end = text.split_once(':').and_then(|(seq, hash)| End::noted(seq.trim(), hash.trim()));
    end.ok_or_else(|| "say NUMBER:HASH, as `kinlink audit verify` printed it".to_owned())
}

pub(crate) async fn run(args: Args) -> Result<Answer, Failure> {
    let local = Local::ready().await?;
    let (app, actor) = (&local.app, &local.actor);
    match args {
        Args::List { filter, limit } => {
            let found = list_audit(app, actor, &filter.into(), limit).await?;
            let rows: Vec<[String; 5]> = found
                .items
                .iter()
                .map(|entry| {
                    [
                        entry.seq.to_string(),
                        time(entry.at),
                        entry.actor.clone(),
                        entry.action.clone(),
                        entry.subject.clone(),
                    ]
                })
                .collect();
            let text = table(["NUMBER", "WHEN", "WHO", "WHAT", "ABOUT"], &rows);
            Ok(Answer::new(json!({ "items": found.items, "next": found.next }), text))
        }
        Args::Verify { noted } => {
            let found = audit_chain::verify(app, actor, noted.as_ref()).await?;
            let end = format!("{}:{}", found.last.seq, found.last.hash);
            Ok(match &found.broken {
                None => {
                    let text =
                        format!("The audit is whole: {} entries are as they were written.\nEnd: {end}", found.entries);
                    Answer::new(&found, text)
                }
                Some(broken) => {
                    let text = format!(
                        "The audit was TAMPERED WITH: {}. Keep a copy of the store's database as it is, look who could write to \
                         it, and compare with your newest export.",
                        broken.detail
                    );
                    Answer::new(&found, text).exit(Exit::Refused)
                }
            })
        }
        Args::Export { filter, format } => {
            let format = match format {
                Form::Jsonl => Format::JsonLines,
                Form::Csv => Format::Csv,
            };
            let mut pieces = Pieces::begin(app, actor, filter.into(), format, 0).await?;
            let mut out = std::io::stdout().lock();
            while let Some(piece) = pieces.next().await? {
                // A reader that went away has what it wanted.
                if out.write_all(&piece).is_err() {
                    break;
                }
            }
            Ok(Answer::silent())
        }
    }
}
