//! `kinlink sign-in`: a link that lets whoever opens it into the staff's pages, once.

use kinlink_domain::staff::StaffRole;
use kinlink_service::sessions::links;
use serde_json::json;

use super::tokens::role;
use crate::{
    answer::{Answer, time},
    failure::Failure,
    local::Local,
};

/// For whom.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What whoever opens the link may do: viewer, approver, safeguarding or administrator
    #[arg(long, default_value = "administrator", value_parser = role)]
    role: StaffRole,
}

pub(crate) async fn run(args: Args) -> Result<Answer, Failure> {
    let local = Local::ready().await?;
    let link = links::mint(&local.app, &local.actor, args.role).await?;
    let url = address(&local.school.public_url, &link);
    let until = time(link.expires_at);
    let text = format!("{url}\nOpen it in a browser. It works once, until {until}, and makes you {}.", args.role);
    Ok(Answer::new(json!({ "sign_in_url": url, "role": args.role, "expires_at": link.expires_at }), text))
}

/// The address of a link below that of our pages.
pub(super) fn address(public_url: &str, link: &links::Link) -> String {
    format!("{public_url}/admin/sign-in/link/{}", link.token)
}
