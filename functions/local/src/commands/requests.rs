//! `kinlink requests`: what adults asked for, and deciding about it.

mod decide;
mod show;

use kinlink_domain::{
    ids::{AdultId, MoodleUserId},
    request::{Action, Kind, Status},
};
use kinlink_service::{
    approve::AccountChoice,
    view::{self, Filter, RequestSummary, Sort},
};
use serde_json::json;

use crate::{
    answer::{Answer, short, table, time},
    failure::Failure,
    local::Local,
};

/// What to do. A request is named by its reference (K7QX-2M9D) or id; its children are numbered from 1, as `show` shows them.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Args {
    /// List requests
    #[command(after_help = "Examples:\n  kinlink requests list --status pending\n  kinlink requests list turner")]
    List(List),
    /// Show a request with everything that helps to decide: candidates, accounts, history, mails
    Show {
        /// Reference or id
        request: String,
    },
    /// Approve a request, child by child
    #[command(
        after_help = "Children that no option names are approved by their exact match.\n\nExamples:\n  kinlink requests \
                            approve K7QX-2M9D --checked\n  kinlink requests approve K7QX-2M9D --checked --pick 1=143 \
                            --deny-child 2\n  kinlink requests approve K7QX-2M9D --checked --account moodle:12"
    )]
    Approve(Approve),
    /// Refuse a request; what it brought about is taken away
    Deny(End),
    /// Ask the adult for information: the request waits for them
    Ask(Ask),
    /// Say that it repeats another request
    Duplicate(End),
    /// Say that it is not genuine
    Bogus(End),
    /// Take a request up again that had ended
    Reopen(End),
    /// Take one child of an approved request away
    Withdraw {
        /// Which child: its number
        child: usize,
        #[command(flatten)]
        end: End,
    },
    /// Correct what was typed; what is not named stays
    #[command(
        after_help = "Example:\n  kinlink requests correct K7QX-2M9D --family-name Nowak --child 1.given_name=Lily"
    )]
    Correct(Correct),
    /// Replace the staff's note
    Note {
        /// Reference or id
        request: String,
        /// The note; empty removes it
        note: String,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct List {
    /// Words of names, addresses, comments, notes, references
    search: Vec<String>,
    /// Only these statuses (may be given more than once)
    #[arg(long, value_parser = status)]
    status: Vec<Status>,
    /// Only this kind
    #[arg(long, value_parser = kind)]
    kind: Option<Kind>,
    /// The order
    #[arg(long, value_enum, default_value_t = Order::Newest)]
    sort: Order,
    /// At most so many
    #[arg(long, default_value_t = 50)]
    limit: u32,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Order {
    Newest,
    Oldest,
    Name,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Approve {
    /// Reference or id
    request: String,
    /// This child is that pupil
    #[arg(long, value_name = "CHILD=PUPIL_ID", value_parser = pick)]
    pick: Vec<(usize, MoodleUserId)>,
    /// Refuse this child
    #[arg(long, value_name = "CHILD")]
    deny_child: Vec<usize>,
    /// Leave this child undecided
    #[arg(long, value_name = "CHILD")]
    leave: Vec<usize>,
    /// Which account the adult gets: auto (that of the adult with this address and name, or a new one), new, adult:ID, moodle:ID
    #[arg(long, default_value = "auto", value_parser = account)]
    account: AccountChoice,
    /// Only for a request for another address: the new one; without it the address that the request came from
    #[arg(long, value_name = "EMAIL")]
    new_email: Option<String>,
    /// Only for a request for another address: two people share the new mailbox
    #[arg(long)]
    shared: bool,
    /// Everything was checked in the MIS: details match, no similar pupil is meant, no critical note
    #[arg(long)]
    checked: bool,
    /// A note for the history
    #[arg(long)]
    note: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct End {
    /// Reference or id
    request: String,
    /// A short code of the school's choosing, such as `not_on_file`
    #[arg(long)]
    reason: Option<String>,
    /// A note for the history; the adult does not see it
    #[arg(long)]
    note: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Ask {
    #[command(flatten)]
    end: End,
    /// What the adult is asked by mail; name no child. Without it no mail goes
    #[arg(long)]
    message: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Correct {
    /// Reference or id
    request: String,
    /// Title; empty removes it
    #[arg(long)]
    title: Option<String>,
    /// Given name
    #[arg(long)]
    given_name: Option<String>,
    /// Family name
    #[arg(long)]
    family_name: Option<String>,
    /// Address; a changed one must be proven anew
    #[arg(long)]
    email: Option<String>,
    /// A child's `given_name`, `family_name`, `tutor_group` or `admission_number`
    #[arg(long, value_name = "CHILD.FIELD=VALUE", value_parser = child_field)]
    child: Vec<(usize, String, String)>,
}

fn status(code: &str) -> Result<Status, String> {
    Status::from_code(code).ok_or_else(|| format!("say one of {}", Status::CODES.join(", ")))
}

fn kind(code: &str) -> Result<Kind, String> {
    Kind::from_code(code).ok_or_else(|| format!("say one of {}", Kind::CODES.join(", ")))
}

fn pick(text: &str) -> Result<(usize, MoodleUserId), String> {
    let parts = text.split_once('=').and_then(|(child, pupil)| Some((child.parse().ok()?, pupil.parse().ok()?)));
    parts.map(|(child, pupil)| (child, MoodleUserId(pupil))).ok_or_else(|| "write CHILD=PUPIL_ID, such as 1=143".into())
}

fn account(text: &str) -> Result<AccountChoice, String> {
    let adult = || Some(AccountChoice::Adult(text.strip_prefix("adult:")?.parse::<AdultId>().ok()?));
    let moodle = || Some(AccountChoice::MoodleUser(MoodleUserId(text.strip_prefix("moodle:")?.parse().ok()?)));
    match text {
        "auto" => Ok(AccountChoice::Auto),
        "new" => Ok(AccountChoice::New),
        _ => adult().or_else(moodle).ok_or_else(|| "write auto, new, adult:ID or moodle:ID".into()),
    }
}

fn child_field(text: &str) -> Result<(usize, String, String), String> {
    let parts = text.split_once('=').and_then(|(place, value)| {
        let (child, field) = place.split_once('.')?;
        let known = ["given_name", "family_name", "tutor_group", "admission_number"].contains(&field);
        known.then_some((child.parse().ok()?, field.to_owned(), value.to_owned()))
    });
    parts.ok_or_else(|| "write CHILD.FIELD=VALUE, such as 1.tutor_group=7KL".into())
}

pub(crate) async fn run(args: Args) -> Result<Answer, Failure> {
    let local = Local::ready().await?;
    match args {
        Args::List(args) => list(&local, args).await,
        Args::Show { request } => show::run(&local, &request).await,
        Args::Approve(args) => decide::approve(&local, args).await,
        Args::Deny(args) => decide::end(&local, args, Action::Deny).await,
        Args::Duplicate(args) => decide::end(&local, args, Action::MarkDuplicate).await,
        Args::Bogus(args) => decide::end(&local, args, Action::MarkBogus).await,
        Args::Ask(args) => decide::ask(&local, args).await,
        Args::Reopen(args) => decide::reopen(&local, args).await,
        Args::Withdraw { child, end } => decide::withdraw(&local, child, end).await,
        Args::Correct(args) => decide::correct(&local, args).await,
        Args::Note { request, note } => decide::note(&local, &request, &note).await,
    }
}

async fn list(local: &Local, args: List) -> Result<Answer, Failure> {
    let filter = Filter { statuses: args.status, kind: args.kind, search: args.search.join(" "), ..Filter::default() };
    let sort = match args.sort {
        Order::Newest => Sort::Newest,
        Order::Oldest => Sort::Oldest,
        Order::Name => Sort::Name,
    };
    let page = view::list_requests(&local.app, &local.actor, &filter, sort, None, args.limit).await?;
    let rows: Vec<[String; 6]> = page.items.iter().map(row).collect();
    let mut text = table(["REFERENCE", "AT", "STATUS", "KIND", "CHILDREN", "ADULT"], &rows);
    if page.next.is_some() {
        text.push_str("There are more; --limit shows them.\n");
    }
    Ok(Answer::new(json!({ "items": page.items, "more": page.next.is_some() }), text))
}

fn row(request: &RequestSummary) -> [String; 6] {
    let adult = format!("{} {} <{}>", request.given_name, request.family_name, request.email);
    [
        request.reference.to_string(),
        time(request.created_at),
        request.status.to_string(),
        request.kind.to_string(),
        request.children.len().to_string(),
        short(&adult, 60),
    ]
}

#[cfg(test)]
mod tests {
    use super::{account, child_field, pick};

    #[test]
    fn arguments_are_read_as_they_are_documented() {
        assert_eq!(pick("2=143").unwrap(), (2, kinlink_domain::ids::MoodleUserId(143)));
        assert_eq!(child_field("1.given_name=a=b").unwrap(), (1, "given_name".into(), "a=b".into()));
        for good in ["auto", "new", "moodle:12", "adult:0190a1b2-0000-7000-8000-000000000000"] {
            assert!(account(good).is_ok(), "{good}");
        }
        assert!(pick("x=1").is_err() && pick("1").is_err());
        assert!(child_field("1.colour=red").is_err() && child_field("given_name=x").is_err());
        assert!(account("moodle:x").is_err() && account("").is_err());
    }
}
