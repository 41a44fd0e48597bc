//! What can be decided about a request now: the checks, the account, the buttons. Also the checks alone, for many requests.

use std::fmt::Write as _;

use kinlink_domain::{
    fold::fold,
    request::{Action, ClaimState, Kind, Status},
    staff::Permission,
};
use kinlink_service::{
    approve::{AccountChoice, Checks},
    view::{AccountHint, AdultHint, RequestDetail},
};
use kinlink_web::form::Fields;

use super::{Fault, children::Candidate};
use crate::pages::shell::Desk;

/// The checks that staff make in the school's own records, with their names in forms.
const CHECKS: [(&str, &str); 3] = [
    ("details_match", "Name and email belong to a contact of each pupil"),
    ("no_similar_pupil", "No other pupil of a similar name is meant"),
    ("no_critical_note", "No court order or other critical note on the pupil"),
];

/// One check.
pub(super) struct CheckBox {
    pub(super) name: &'static str,
    pub(super) text: &'static str,
    pub(super) ticked: bool,
    pub(super) missing: bool,
}

impl CheckBox {
    pub(super) fn fault(&self) -> Fault {
        Fault::new(self.name, format!("Confirm: {}", self.text))
    }
}

/// The checks as a form ticked them. `judged`: what is not ticked is missing.
pub(super) fn check_boxes(form: &Fields, judged: bool) -> Vec<CheckBox> {
    CHECKS
        .into_iter()
        .map(|(name, text)| CheckBox { name, text, ticked: form.has(name), missing: judged && !form.has(name) })
        .collect()
}

/// What a form says was checked.
pub(super) fn checks_of(form: &Fields) -> Checks {
    Checks {
        details_match: form.has("details_match"),
        no_similar_pupil: form.has("no_similar_pupil"),
        no_critical_note: form.has("no_critical_note"),
    }
}

/// Which account a form chose; nothing when it says something that there is not.
pub(super) fn account_of(form: &Fields) -> Option<AccountChoice> {
    match form.get("account") {
        None | Some("auto") => Some(AccountChoice::Auto),
        Some("new") => Some(AccountChoice::New),
        Some(other) => match other.split_once(':')? {
            ("adult", id) => id.parse().ok().map(AccountChoice::Adult),
            ("user", id) => id.parse().ok().map(|id| AccountChoice::MoodleUser(kinlink_domain::ids::MoodleUserId(id))),
            _ => None,
        },
    }
}

/// The decision as its card shows it.
#[expect(clippy::struct_excessive_bools, reason = "each is a button that is there or not")]
pub(super) struct Decision {
    pub(super) stands: String,
    /// What the first button says, if the request can be approved.
    pub(super) approve: Option<&'static str>,
    pub(super) needs_checks: bool,
    pub(super) checks: Vec<CheckBox>,
    pub(super) account: Vec<Candidate>,
    pub(super) account_title: &'static str,
    /// What a request for another address needs beside the person.
    pub(super) address: Option<NewAddress>,
    pub(super) reopen: bool,
    pub(super) reopen_text: &'static str,
    pub(super) ask: bool,
    pub(super) deny: bool,
    pub(super) deny_text: &'static str,
    pub(super) others: bool,
    pub(super) cycle: bool,
    pub(super) next: bool,
    pub(super) next_ticked: bool,
}

/// The new address of a request for another one, and an account that is not among the options.
pub(super) struct NewAddress {
    pub(super) email: String,
    pub(super) email_fault: Option<String>,
    /// The user name of another account, as it was typed.
    pub(super) other: String,
    pub(super) other_chosen: bool,
    /// Whether the page asks if two people share the mailbox.
    pub(super) asks_shared: bool,
    pub(super) shared: bool,
}

fn new_address(detail: &RequestDetail, fields: &Fields, faults: &[Fault]) -> NewAddress {
    let sent = &detail.summary.email;
    // The address that the request came from, unless somebody has it already: then another one is meant.
    let is_new = detail.adults.iter().all(|adult| adult.email != *sent);
    let by_itself = if is_new { sent.as_str() } else { "" };
    let fault = |anchor: &str| faults.iter().find(|fault| fault.anchor == anchor).map(|fault| fault.text.clone());
    NewAddress {
        email: fields.get("new_email").unwrap_or(by_itself).to_owned(),
        email_fault: fault("new_email"),
        other: fields.get("other_account").unwrap_or_default().to_owned(),
        other_chosen: fields.get("account") == Some("other"),
        asks_shared: fault("shared").is_some() || fields.has("shared"),
        shared: fields.has("shared"),
    }
}

/// What can be decided. `form`: what was sent when the page is shown again; `judged`: whether its checks are at fault.
pub(super) fn decision(
    desk: &Desk,
    detail: &RequestDetail,
    form: Option<&Fields>,
    faults: &[Fault],
    judged: bool,
    has_next: bool,
) -> Decision {
    let status = detail.summary.status;
    let allowed = |action: Action| detail.actions.contains(&action);
    let is_in_force = status.is_in_force();
    let is_open = detail.summary.children.iter().any(|child| child.state == ClaimState::Open);
    let empty = Fields::default();
    let fields = form.unwrap_or(&empty);
    Decision {
        stands: stands(desk, detail, is_open),
        approve: (allowed(Action::Approve) && (!is_in_force || is_open)).then(|| approve_text(detail, is_open)),
        needs_checks: desk.policy().require_checks,
        checks: check_boxes(fields, judged),
        account: if is_in_force { Vec::new() } else { accounts(detail, is_open, fields.get("account")) },
        account_title: match detail.summary.kind {
            Kind::Leave => "Whose access ends?",
            Kind::ChangeEmail => "Whose email address changes?",
            _ => "Which account does the parent get?",
        },
        address: (detail.summary.kind == Kind::ChangeEmail && !is_in_force)
            .then(|| new_address(detail, fields, faults)),
        reopen: allowed(Action::Reopen),
        reopen_text: if status == Status::WaitingForParent { "Take it back to To do" } else { "Open again" },
        ask: allowed(Action::Ask),
        deny: allowed(Action::Deny),
        deny_text: if is_in_force { "Deny and end access…" } else { "Deny…" },
        others: allowed(Action::MarkDuplicate),
        cycle: status == Status::Approved && desk.may(Permission::RunCycle),
        next: has_next,
        next_ticked: form.is_none_or(|form| form.has("next")),
    }
}

fn approve_text(detail: &RequestDetail, is_open: bool) -> &'static str {
    match detail.summary.kind {
        Kind::Leave => "Approve and end access",
        Kind::ChangeEmail => "Approve and change the address",
        kind if !kind.needs_children() && !is_open => "Mark as dealt with",
        _ if detail.summary.status.is_in_force() => "Decide on the remaining children",
        _ => "Approve",
    }
}

/// How things stand, in a sentence or two.
fn stands(desk: &Desk, detail: &RequestDetail, is_open: bool) -> String {
    let decided = detail.decided_at.map(|at| desk.clock.date(at).text);
    let ended = |what: &str| match &decided {
        Some(date) => format!("{what} on {date}. It can be opened again."),
        None => format!("{what}. It can be opened again."),
    };
    match detail.summary.status {
        Status::Unconfirmed => {
            "The parent has not confirmed the email address yet. Until then it cannot be approved.".to_owned()
        }
        Status::Pending if detail.summary.replied => "The parent answered. It waits for your decision.".to_owned(),
        Status::Pending => "It waits for a decision.".to_owned(),
        Status::WaitingForParent => "It waits for the parent’s answer. You can decide without it.".to_owned(),
        Status::Approved if is_open => "Approved, and a child is left to decide.".to_owned(),
        Status::Approved => "Approved. The next cycle links the children in Moodle.".to_owned(),
        Status::Provisioned => "Approved, and done in Moodle.".to_owned(),
        Status::Denied => ended("Denied"),
        Status::Duplicate => ended("Closed as a duplicate"),
        Status::Bogus => ended("Closed as not genuine"),
        Status::Withdrawn => ended("Withdrawn"),
        Status::Expired => "The email address was never confirmed, so this expired. It can be opened again.".to_owned(),
    }
}

/// The accounts that the parent may get, where a person has to say or may want to. The one that approving takes by itself
/// is chosen; where it would refuse, none is.
fn accounts(detail: &RequestDetail, is_open: bool, typed: Option<&str>) -> Vec<Candidate> {
    let summary = &detail.summary;
    let own = fold(&format!("{} {}", summary.given_name, summary.family_name));
    let is_same = |adult: &&AdultHint| fold(&adult.name) == own;
    let same: Vec<&AdultHint> =
        detail.adults.iter().filter(is_same).filter(|adult| adult.email == summary.email).collect();
    let clear = same.len() == 1;
    let mut options = Vec::new();
    let mut offer = |value: String, name: &str, text: String, by_itself: bool| {
        let chosen = typed.map_or(by_itself, |typed| typed == value);
        options.push(Candidate { value, name: name.to_owned(), group: String::new(), text, chosen });
    };
    if matches!(summary.kind, Kind::Leave | Kind::ChangeEmail) {
        for adult in &detail.adults {
            let has_address = adult.email == summary.email;
            let text = if has_address { "Has this email address" } else { "The same name, another email address" };
            // A name alone says too little.
            let by_itself = has_address && clear && is_same(&adult);
            offer(format!("adult:{}", adult.id), &adult.name, signs_in(adult, text), by_itself);
        }
        return options;
    }
    // An account of somebody who was accepted is offered by their name.
    let is_theirs =
        |account: &&AccountHint| detail.adults.iter().any(|adult| adult.username.as_ref() == Some(&account.username));
    let foreign: Vec<&AccountHint> =
        detail.accounts.iter().flatten().filter(|account| !account.is_pupil && !is_theirs(account)).collect();
    if !is_open || (detail.adults.is_empty() && foreign.is_empty()) {
        return options;
    }
    for adult in &detail.adults {
        let mine = clear && is_same(&adult);
        let value = if mine { "auto".to_owned() } else { format!("adult:{}", adult.id) };
        let text =
            if is_same(&adult) { "The same name and email address" } else { "The same email address, another name" };
        offer(value, &format!("The account of {}", adult.name), signs_in(adult, text), mine);
    }
    let alone = detail.adults.is_empty() && foreign.len() == 1;
    for account in foreign {
        let name = format!("The Moodle account of {}", account.name);
        if account.auth == "db" {
            let text = format!(
                "Moodle user {}, a parent account from before Kinlink. The parent goes on with it; name and address follow this request.",
                account.username
            );
            let mine = alone && fold(&account.name) == own;
            let value = if mine { "auto".to_owned() } else { format!("user:{}", account.id) };
            offer(value, &name, text, mine);
            continue;
        }
        let text = format!(
            "Moodle user {}, signs in by {}. It is linked and never changed. Right if it is the parent’s own, as with members of staff.",
            account.username, account.auth
        );
        offer(format!("user:{}", account.id), &name, text, false);
    }
    let mut text = String::from("For two people who share a mailbox, or if none of these is the parent’s own.");
    if let Some(username) = &detail.new_username {
        // Writing to a text cannot fail.
        let _ = write!(
            text,
            " The user name will be {username}. Moodle cannot tell two people with one address apart, so both sign in and ask for a new password by user name."
        );
    }
    offer("new".to_owned(), "A new account", text, false);
    options
}

fn signs_in(adult: &AdultHint, text: &str) -> String {
    match &adult.username {
        Some(username) => format!("{text}. Signs in as {username}."),
        None => format!("{text}. Signs in by a Moodle account of their own."),
    }
}
