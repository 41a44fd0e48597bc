//! `kinlink logins`: the rows by which parents sign in, and taking them away.

use kinlink_service::accounts;
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
