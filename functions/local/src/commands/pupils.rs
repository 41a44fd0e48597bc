//! `kinlink pupils`: who is a pupil, by name, tutor group or admission number.

use kinlink_service::view;
use serde_json::json;

use crate::{
    answer::{Answer, table},
    failure::Failure,
    local::Local,
};

/// Whom to search.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Every word must be found; case, accents and hyphens do not matter. The policy pupil_filter says who \
                        counts as a pupil.\n\nExample:\n  kinlink pupils obrien 7kl"
)]
pub(crate) struct Args {
    /// Words of a name, a tutor group, an admission number
    #[arg(required = true)]
    search: Vec<String>,
    /// At most so many
    #[arg(long, default_value_t = 50)]
    limit: usize,
}

pub(crate) async fn run(args: Args) -> Result<Answer, Failure> {
    let local = Local::ready().await?;
    let pupils = view::search_pupils(&local.app, &local.actor, &args.search.join(" "), args.limit).await?;
    let rows: Vec<[String; 4]> = pupils
        .iter()
        .map(|pupil| {
            let name = format!("{} {}", pupil.given_name, pupil.family_name);
            [pupil.id.to_string(), pupil.admission_number.clone(), pupil.tutor_group.clone(), name]
        })
        .collect();
    let text = table(["ID", "NUMBER", "GROUP", "NAME"], &rows);
    Ok(Answer::new(json!({ "items": pupils }), text))
}
