//! `kinlink holds`: legal and safeguarding stops. One person asks to release one, another releases it.

use kinlink_domain::{
    Timestamp,
    hold::{HoldReason, HoldView},
    ids::HoldId,
};
use kinlink_service::{
    ServiceError,
    explain::{self, Who},
    holds::{self, HoldItem, HoldQuery, NewHold},
};
use serde_json::json;

use crate::{
    answer::{Answer, table, time, time_or_dash},
    failure::Failure,
    local::Local,
};

/// Most holds that the list shows.
const MOST: u32 = 1_000;

/// What to do.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Args {
    /// List holds, newest first
    List {
        /// Which ones: `in_force`, coming, `release_asked`, over or all
        #[arg(long, default_value = "in_force", value_parser = view)]
        view: HoldView,
    },
    /// Show a hold; that you looked is noted
    Show {
        /// Its id, as `list` shows it
        id: String,
    },
    /// Place a hold: on an adult, on a pupil, or on the pair
    Place(Place),
    /// Ask for the release of a hold; another person then releases it
    AskRelease {
        /// Its id
        id: String,
    },
    /// Take back that a hold is to be released
    WithdrawRelease {
        /// Its id
        id: String,
    },
    /// Release a hold that another person asked to release
    Release {
        /// Its id
        id: String,
    },
}

/// Who is held, why and for how long.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  kinlink holds place --email jo@example.org --reason court_order --reference C-17/2026"
)]
pub(crate) struct Place {
    /// An adult who was accepted: id, user name or address
    #[arg(long, conflicts_with = "email")]
    adult: Option<String>,
    /// The address of somebody who need not be known yet
    #[arg(long)]
    email: Option<String>,
    /// The pupil: Moodle user id, admission number or name; alone it stops every adult
    #[arg(long)]
    pupil: Option<String>,
    /// Why: `court_order`, `care_order`, `safeguarding_concern`, `police_request`, `disputed_authority` or other
    #[arg(long, value_parser = reason)]
    reason: HoldReason,
    /// Where the document is: a file number, never its contents
    #[arg(long)]
    reference: String,
    /// From when, such as 2026-09-03T08:00:00Z; without, from now
    #[arg(long)]
    from: Option<Timestamp>,
    /// Until when; without, until it is released
    #[arg(long)]
    until: Option<Timestamp>,
}

fn view(code: &str) -> Result<HoldView, String> {
    HoldView::from_code(code).ok_or_else(|| format!("say one of {}", HoldView::CODES.join(", ")))
}

fn reason(code: &str) -> Result<HoldReason, String> {
    HoldReason::from_code(code).ok_or_else(|| format!("say one of {}", HoldReason::CODES.join(", ")))
}

fn id(text: &str) -> Result<HoldId, ServiceError> {
    text.parse().map_err(|_| ServiceError::NotFound("hold"))
}

pub(crate) async fn run(args: Args) -> Result<Answer, Failure> {
    let local = Local::ready().await?;
    let (app, actor) = (&local.app, &local.actor);
    match args {
        Args::List { view } => {
            let query = HoldQuery { view, adult: None, pupil: None, before: None };
            let found = holds::list(app, actor, query, MOST).await?.items;
            let rows: Vec<[String; 6]> = found.iter().map(row).collect();
            let text = table(["ID", "WHO", "PUPIL", "REASON", "UNTIL", "STATE"], &rows);
            Ok(Answer::new(json!({ "items": found }), text))
        }
        Args::Show { id: hold } => {
            let found = holds::show(app, actor, id(&hold)?).await?;
            let text = described(&found);
            Ok(Answer::new(found, text))
        }
        Args::Place(place) => {
            let hold = holds::place(app, actor, &new_hold(&local, place).await?).await?;
            let text = format!("The hold {} is placed. What it stops goes with the next cycle.", hold.id);
            Ok(Answer::new(holds::show(app, actor, hold.id).await?, text))
        }
        Args::AskRelease { id: hold } => {
            let hold = holds::ask_release(app, actor, id(&hold)?).await?;
            let text = format!("Noted. The hold {} stays until another person releases it.", hold.id);
            Ok(Answer::new(holds::show(app, actor, hold.id).await?, text))
        }
        Args::WithdrawRelease { id: hold } => {
            let hold = holds::withdraw_release(app, actor, id(&hold)?).await?;
            let text = format!("The hold {} stays.", hold.id);
            Ok(Answer::new(holds::show(app, actor, hold.id).await?, text))
        }
        Args::Release { id: hold } => {
            let hold = holds::release(app, actor, id(&hold)?).await?;
            let text =
                format!("The hold {} is released. Links that are in force come back with the next cycle.", hold.id);
            Ok(Answer::new(holds::show(app, actor, hold.id).await?, text))
        }
    }
}

async fn new_hold(local: &Local, place: Place) -> Result<NewHold, ServiceError> {
    let (app, actor) = (&local.app, &local.actor);
    let adult = match &place.adult {
        Some(name) => match explain::find_adult(app, actor, name).await? {
            Who::Adult(adult) => Some(adult),
            Who::Asker(_) => return Err(ServiceError::NotFound("adult")),
        },
        None => None,
    };
    let pupil = match &place.pupil {
        Some(name) => Some(explain::find_pupil(app, actor, name).await?),
        None => None,
    };
    let Place { email, reason, reference, from, until, .. } = place;
    Ok(NewHold { adult, email, pupil, reason, reference, from, until })
}

/// Whom a hold is on.
fn whom(hold: &HoldItem) -> String {
    let known = hold.adult_name.clone().or_else(|| hold.email.clone());
    known.or_else(|| hold.adult.map(|adult| adult.to_string())).unwrap_or_else(|| "everybody".to_owned())
}

fn pupil(hold: &HoldItem) -> String {
    match (&hold.pupil_name, hold.pupil) {
        (Some(name), _) => name.clone(),
        (None, Some(id)) => id.to_string(),
        (None, None) => "every pupil".to_owned(),
    }
}

fn state(hold: &HoldItem) -> String {
    let asked = hold.release_asked_at.is_some() && hold.state != HoldView::Over;
    format!("{}{}", hold.state, if asked { ", release asked" } else { "" })
}

fn row(hold: &HoldItem) -> [String; 6] {
    [hold.id.to_string(), whom(hold), pupil(hold), hold.reason.to_string(), time_or_dash(hold.until), state(hold)]
}

fn described(hold: &HoldItem) -> String {
    let by = |who: &Option<String>, at: Option<Timestamp>| {
        who.as_ref().zip(at).map_or_else(|| "–".to_owned(), |(who, at)| format!("{who}, {}", time(at)))
    };
    format!(
        "Hold {}\n  adult      {}\n  pupil      {}\n  reason     {}\n  reference  {}\n  from       {}\n  until      {}\n  \
         state      {}\n  placed     {}, {}\n  asked      {}\n  released   {}\n",
        hold.id,
        whom(hold),
        pupil(hold),
        hold.reason,
        hold.reference,
        time(hold.from),
        time_or_dash(hold.until),
        state(hold),
        hold.placed_by,
        time(hold.placed_at),
        by(&hold.release_asked_by, hold.release_asked_at),
        by(&hold.released_by, hold.released_at),
    )
}
