//! `kinlink privacy`: how long data is kept, doing away with what is due, a copy of somebody's data, erasing it.

use std::path::{Path, PathBuf};

use kinlink_admin::privacy_file::{self, Format};
use kinlink_domain::ids::AdultId;
use kinlink_service::{
    ServiceError,
    bundle::{self, Made},
    erasure::{self, ErasureState},
    explain::{self, Who},
    retention,
};
use serde_json::json;

use crate::{
    answer::{Answer, count, put, table, time, time_or_dash},
    failure::Failure,
    local::Local,
};

/// What to do.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Args {
    /// Show how long each class of data is kept, and what of it is due
    Retention,
    /// Do away with what is due, as every night does
    Purge {
        /// Only say what is due
        #[arg(long)]
        dry_run: bool,
    },
    /// Write a copy of everything that is held about somebody into a folder: a page to read, and JSON
    Bundle {
        #[command(flatten)]
        of: Of,
        /// The folder; it is made if it is not there
        #[arg(long, value_name = "FOLDER")]
        out: PathBuf,
    },
    /// Erase the data of an adult, or the request of somebody who never had an account
    Erase {
        /// The adult: address, user name or id
        #[arg(long, required_unless_present = "request", conflicts_with = "request")]
        adult: Option<String>,
        /// The request, by its reference
        #[arg(long)]
        request: Option<String>,
        /// End their access first, if they have any
        #[arg(long)]
        end_access: bool,
        /// Yes, erase: this cannot be undone
        #[arg(long, required = true)]
        yes: bool,
    },
    /// List erasures, done or waiting for Moodle
    Erasures,
}

/// Whose copy.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Of {
    /// Of an adult: address, user name or id
    #[arg(long)]
    adult: Option<String>,
    /// Of a pupil: admission number, name or Moodle user id
    #[arg(long)]
    pupil: Option<String>,
}

pub(crate) async fn run(args: Args) -> Result<Answer, Failure> {
    let local = Local::ready().await?;
    let (app, actor) = (&local.app, &local.actor);
    match args {
        Args::Retention | Args::Purge { dry_run: true } => {
            let classes = retention::preview(app, actor).await?;
            let rows: Vec<[String; 5]> = classes
                .iter()
                .map(|class| {
                    [
                        class.class.to_string(),
                        class.days.to_string(),
                        class.disposal.to_string(),
                        class.due.to_string(),
                        time_or_dash(class.oldest),
                    ]
                })
                .collect();
            Ok(Answer::new(json!({ "items": classes }), table(["CLASS", "DAYS", "THEN", "DUE", "OLDEST"], &rows)))
        }
        Args::Purge { dry_run: false } => {
            let purged = retention::purge(app, actor).await?;
            let rows: Vec<[String; 2]> =
                purged.iter().map(|purged| [purged.class.to_string(), purged.count.to_string()]).collect();
            Ok(Answer::new(json!({ "items": purged }), table(["CLASS", "GONE"], &rows)))
        }
        Args::Bundle { of, out } => {
            let made = match (&of.adult, &of.pupil) {
                (Some(adult), _) => bundle::of_adult(app, actor, adult_of(&local, adult).await?).await?,
                (_, Some(pupil)) => bundle::of_pupil(app, actor, explain::find_pupil(app, actor, pupil).await?).await?,
                (None, None) => return Err(ServiceError::NotFound("person").into()),
            };
            let files = write(&made, &local, &out)?;
            let remarks = &made.for_the_data_protection_officer;
            let mut text = format!("Written: {} and {}.\n", files[0].display(), files[1].display());
            if !remarks.holds.is_empty() {
                put!(
                    text,
                    "\nFor the data protection officer only: {} them. That it exists is not disclosed.\n",
                    count(remarks.holds.len(), "hold concerns", "holds concern")
                );
            }
            if !remarks.words_of_staff.is_empty() {
                put!(text, "\nFor the data protection officer only, not in the files: what staff wrote.\n");
                for words in &remarks.words_of_staff {
                    put!(text, "- {words}\n");
                }
            }
            Ok(Answer::new(json!({ "files": files, "for_the_data_protection_officer": remarks }), text))
        }
        Args::Erase { adult, request, end_access, .. } => {
            let erasure = match (adult, request) {
                (Some(adult), _) => erasure::adult(app, actor, adult_of(&local, &adult).await?, end_access).await?,
                (_, Some(reference)) => erasure::request_by_reference(app, actor, &reference).await?,
                (None, None) => return Err(ServiceError::NotFound("person").into()),
            };
            let text = match erasure.state {
                ErasureState::Erased => {
                    "The personal data is erased. Delete the account in Moodle there, if there is one."
                }
                ErasureState::AccessEnded => {
                    "Access has ended. The personal data is erased by itself as soon as Moodle holds nothing more."
                }
            };
            Ok(Answer::new(&erasure, text))
        }
        Args::Erasures => {
            let erasures = erasure::list(app, actor, 200).await?;
            let rows: Vec<[String; 4]> = erasures
                .iter()
                .map(|erasure| {
                    let about = match (erasure.adult, erasure.request) {
                        (Some(adult), _) => format!("adult {adult}"),
                        (_, Some(request)) => format!("request {request}"),
                        (None, None) => "-".to_owned(),
                    };
                    [about, erasure.asked_by.clone(), time(erasure.asked_at), time_or_dash(erasure.erased_at)]
                })
                .collect();
            Ok(Answer::new(json!({ "items": erasures }), table(["OF", "ASKED BY", "ASKED", "DONE"], &rows)))
        }
    }
}

/// The adult whom staff mean.
async fn adult_of(local: &Local, text: &str) -> Result<AdultId, Failure> {
    match explain::find_adult(&local.app, &local.actor, text).await? {
        Who::Adult(id) => Ok(id),
        Who::Asker(_) => {
            let what = "this address belongs to nobody who was accepted; say the request's reference instead";
            Err(Failure::argument("--adult", what))
        }
    }
}

fn write(made: &Made, local: &Local, folder: &Path) -> Result<[PathBuf; 2], Failure> {
    let failed = |error: std::io::Error| {
        Failure::failed("write_failed", format!("cannot write into {}: {error}", folder.display()))
    };
    std::fs::create_dir_all(folder).map_err(failed)?;
    let mut files = [PathBuf::new(), PathBuf::new()];
    for (place, format) in files.iter_mut().zip([Format::Html, Format::Json]) {
        let content = privacy_file::content(&made.bundle, &local.school.name, format)
            .map_err(|_| Failure::failed("write_failed", "the copy cannot be written"))?;
        *place = folder.join(format.name());
        std::fs::write(&*place, content).map_err(failed)?;
    }
    Ok(files)
}
