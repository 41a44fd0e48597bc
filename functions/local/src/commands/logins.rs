//! `kinlink logins`: the rows by which parents sign in, taking them away, and other addresses.

use kinlink_domain::email_change::InMoodle;
use kinlink_service::{
    ServiceError, accounts,
    email_change::{self, NewAddress},
    explain::{Who, find_adult},
};
use serde_json::{Value, json};

use crate::{
    answer::{Answer, count, short, table},
    failure::Failure,
    local::Local,
};

/// What to do.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Args {
    /// List login rows with their state in Moodle
    List {
        /// Words of a name, a user name or an address
        search: Vec<String>,
        /// At most so many
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
    /// Take login rows away: the links end, requests become withdrawn, Moodle suspends the accounts
    Revoke {
        /// User names
        #[arg(required = true)]
        usernames: Vec<String>,
        /// How many these are; must be said for more than ten
        #[arg(long, value_name = "NUMBER")]
        confirm: Option<usize>,
    },
    /// Give an adult another address: the new one is sent a link to confirm it, the old one is told. The user name stays
    ChangeEmail {
        /// User name, address or id of the adult
        adult: String,
        /// The new address; left out: say how the latest change stands
        new: Option<String>,
        /// Two people share the new mailbox: somebody else may have the address
        #[arg(long)]
        shared: bool,
        /// Take the change back that waits to be confirmed
        #[arg(long, conflicts_with_all = ["new", "shared"])]
        withdraw: bool,
    },
}

async fn change_email(
    local: &Local,
    adult: &str,
    new: Option<String>,
    shared: bool,
    withdraw: bool,
) -> Result<Answer, Failure> {
    let Who::Adult(adult) = find_adult(&local.app, &local.actor, adult).await? else {
        return Err(ServiceError::NotFound("adult").into());
    };
    if withdraw {
        email_change::withdraw(&local.app, &local.actor, adult).await?;
        return Ok(Answer::new(json!({ "withdrawn": true }), "Taken back: the link works no more.".to_owned()));
    }
    if let Some(email) = new {
        let wanted = NewAddress { email, shared };
        let change = email_change::start(&local.app, &local.actor, adult, &wanted).await?;
        let text = format!("{} is sent a link; nothing changes before its button is pressed.", change.email);
        return Ok(Answer::new(change, text));
    }
    let address = email_change::show(&local.app, &local.actor, adult).await?;
    let change = match &address.change {
        Some(change) => format!("A change to {} is {}.", change.email, change.standing),
        None => "No change is known.".to_owned(),
    };
    let moodle = match address.in_moodle {
        InMoodle::Follows => "Moodle takes a new address over.",
        InMoodle::Keeps => "Moodle keeps the old address: see `kinlink doctor`, moodle.auth_db_settings.",
        InMoodle::NotOurs => "The Moodle account signs in another way; its address is not ours to change.",
        InMoodle::NoLoginRow => "There is no login row, so Moodle is told nothing.",
        InMoodle::Unknown => "Moodle cannot be asked.",
    };
    let text = format!("{}\n{change}\n{moodle}", address.email);
    Ok(Answer::new(address, text))
}

pub(crate) async fn run(args: Args) -> Result<Answer, Failure> {
    let local = Local::ready().await?;
    match args {
        Args::List { search, limit } => {
            let found = accounts::list(&local.app, &local.actor, &search.join(" "), None, limit).await?;
            let items: Vec<Value> = found
                .iter()
                .map(|login| {
                    let row = &login.row;
                    json!({
                        "username": row.username, "firstname": row.firstname, "lastname": row.lastname,
                        "email": row.email, "adult": row.adult, "request": row.request, "state": login.state,
                        "moodle_user": login.moodle_user, "created_at": row.created_at,
                    })
                })
                .collect();
            let rows: Vec<[String; 4]> = found
                .iter()
                .zip(&items)
                .map(|(login, item)| {
                    let state = item["state"].as_str().unwrap_or_default().to_owned();
                    let user = login.moodle_user.map_or_else(|| "-".into(), |id| id.to_string());
                    let name = short(&format!("{} {}", login.row.firstname, login.row.lastname), 40);
                    [login.row.username.clone(), state, user, name]
                })
                .collect();
            Ok(Answer::new(json!({ "items": items }), table(["USERNAME", "STATE", "MOODLE USER", "NAME"], &rows)))
        }
        Args::ChangeEmail { adult, new, shared, withdraw } => change_email(&local, &adult, new, shared, withdraw).await,
        Args::Revoke { usernames, confirm } => {
            let revoked = accounts::revoke(&local.app, &local.actor, &usernames, confirm).await?;
            let text = format!(
                "Revoked {}. The next cycle takes the role rows away.",
                count(revoked, "login row", "login rows")
            );
            Ok(Answer::new(json!({ "revoked": revoked }), text))
        }
    }
}
