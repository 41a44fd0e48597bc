//! `kinlink links`: which adult is linked to which pupil, and giving back what ended because a pupil left.

use kinlink_domain::ids::{AdultId, LinkId, MoodleUserId};
use kinlink_service::{
    leavers,
    view::{self, Link, LinkFilter},
};
use serde_json::{Value, json};

use crate::{
    answer::{Answer, count, table, time, time_or_dash},
    failure::Failure,
    local::Local,
};

/// What to do.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Args {
    /// List links, oldest first
    List {
        /// Only those of this adult (id)
        #[arg(long)]
        adult: Option<AdultId>,
        /// Only those to this pupil (Moodle user id)
        #[arg(long)]
        pupil: Option<i64>,
        /// Also those that ended
        #[arg(long)]
        all: bool,
        /// At most so many
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
    /// Give back what ended because the pupil left, once they are here again
    #[command(group = clap::ArgGroup::new("which").required(true))]
    Restore {
        /// This link (its id)
        #[arg(group = "which")]
        link: Option<i64>,
        /// Every such link of this adult (id)
        #[arg(long, group = "which")]
        adult: Option<AdultId>,
    },
}

/// A link as JSON.
pub(super) fn view(link: &Link) -> Value {
    json!({
        "id": link.id, "adult": link.adult, "pupil": link.pupil, "claim": link.claim, "active": link.active,
        "started_at": link.started_at, "ended_at": link.ended_at, "end_reason": link.end_reason,
    })
}

pub(crate) async fn run(args: Args) -> Result<Answer, Failure> {
    let local = Local::ready().await?;
    match args {
        Args::List { adult, pupil, all, limit } => list(&local, adult, pupil, all, limit).await,
        Args::Restore { link, adult } => restore(&local, link, adult).await,
    }
}

async fn restore(local: &Local, link: Option<i64>, adult: Option<AdultId>) -> Result<Answer, Failure> {
    let mut restored = Vec::new();
    if let Some(link) = link {
        restored.push(leavers::restore(&local.app, &local.actor, LinkId(link)).await?);
    }
    if let Some(adult) = adult {
        restored.extend(leavers::restore_all(&local.app, &local.actor, adult).await?);
    }
    let items: Vec<Value> = restored.iter().map(view).collect();
    let links = count(restored.len(), "link is", "links are");
    let text = format!("{links} in force again. The next cycle gives the role rows back.");
    Ok(Answer::new(json!({ "items": items }), text))
}

async fn list(
    local: &Local,
    adult: Option<AdultId>,
    pupil: Option<i64>,
    all: bool,
    limit: u32,
) -> Result<Answer, Failure> {
    let filter = LinkFilter { adult, pupil: pupil.map(MoodleUserId), active: (!all).then_some(true) };
    let page = view::list_links(&local.app, &local.actor, filter, None, limit).await?;
    let rows: Vec<[String; 6]> = page
        .items
        .iter()
        .map(|link| {
            [
                link.id.to_string(),
                link.adult.to_string(),
                link.pupil.to_string(),
                time(link.started_at),
                time_or_dash(link.ended_at),
                link.end_reason.clone().unwrap_or_default(),
            ]
        })
        .collect();
    let mut text = table(["ID", "ADULT", "PUPIL", "SINCE", "UNTIL", "WHY"], &rows);
    if page.next.is_some() {
        text.push_str("There are more; --limit shows them.\n");
    }
    let items: Vec<Value> = page.items.iter().map(view).collect();
    Ok(Answer::new(json!({ "items": items, "more": page.next.is_some() }), text))
}
