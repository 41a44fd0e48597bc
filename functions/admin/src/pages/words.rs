//! Codes as words for people: states, kinds, results, history. Each with how it looks where it has a look.

use kinlink_domain::{
    differences::Difference,
    hold::{REFER, REFER_CODE},
    outcome::{Next, Outcome},
    request::{ClaimState, Kind, Status},
    request_view::{CheckFilter, RequestView},
    staff::StaffRole,
};
use kinlink_service::view::{Check, RequestSummary};
use kinlink_web::number::counted;

/// A word with a tone and an icon: colour never stands alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tag {
    pub(crate) tone: &'static str,
    pub(crate) icon: &'static str,
    pub(crate) text: String,
}

impl Tag {
    pub(crate) fn new(tone: &'static str, icon: &'static str, text: impl Into<String>) -> Self {
        Self { tone, icon, text: text.into() }
    }
}

pub(crate) const fn role(role: StaffRole) -> &'static str {
    match role {
        StaffRole::Viewer => "viewer",
        StaffRole::Approver => "approver",
        StaffRole::Safeguarding => "safeguarding lead",
        StaffRole::Administrator => "administrator",
    }
}

pub(crate) fn status(status: Status) -> Tag {
    let (tone, icon, text) = match status {
        Status::Unconfirmed => ("grey", "mail", "Email not confirmed"),
        Status::Pending => ("amber", "circle-dot", "New"),
        Status::WaitingForParent => ("violet", "hourglass", "Waiting for parent"),
        Status::Approved => ("blue", "clock", "Approved"),
        Status::Provisioned => ("green", "check", "Provisioned"),
        Status::Denied => ("grey", "ban", "Denied"),
        Status::Duplicate => ("grey", "copy", "Duplicate"),
        Status::Bogus => ("grey", "shield", "Not genuine"),
        Status::Withdrawn => ("grey", "undo-2", "Withdrawn"),
        Status::Expired => ("grey", "clock", "Expired"),
    };
    Tag::new(tone, icon, text)
}

pub(crate) const fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::NewAccount => "New account",
        Kind::CannotSignIn => "Cannot sign in",
        Kind::ChildMissing => "Child missing",
        Kind::ChangeEmail => "Change of email",
        Kind::Leave => "To be removed",
        Kind::Other => "Something else",
    }
}

pub(crate) const fn claim(state: ClaimState) -> &'static str {
    match state {
        ClaimState::Open => "not decided",
        ClaimState::Approved => "approved",
        ClaimState::Denied => "refused",
        ClaimState::Withdrawn => "withdrawn",
    }
}

/// The result of one link in one cycle.
pub(crate) fn outcome(outcome: Outcome) -> Tag {
    let text = match outcome {
        Outcome::Linked => "Linked",
        Outcome::Ended => "Link taken away",
        Outcome::WaitingForAccount => "Waiting for Moodle’s account",
        Outcome::SyncTaskDisabled => "Moodle’s task is switched off",
        Outcome::SyncTaskFailing => "Moodle’s task fails",
        Outcome::NoLoginRow => "No login row",
        Outcome::AccountOtherAuth => "Account signs in another way",
        Outcome::AccountDeleted => "Account deleted in Moodle",
        Outcome::AccountSuspended => "Account suspended in Moodle",
        Outcome::PupilDeleted => "Pupil deleted in Moodle",
        Outcome::NotAPupil => "Not a pupil any more",
        Outcome::Referred => return Tag::new("amber", "shield-alert", REFER),
        Outcome::Contested => "Taken away in Moodle again and again",
        Outcome::RemovalHeld => "Removal held by the brake",
        Outcome::WriteFailed => "Could not be written",
    };
    match outcome.next() {
        Next::Done => Tag::new("green", "check", text),
        Next::Wait => Tag::new("blue", "hourglass", text),
        Next::Retry => Tag::new("red", "triangle-alert", text),
    }
}

/// What happened, as the middle of a sentence: "Jo Bell **approved this request**".
pub(crate) fn act(code: &str) -> String {
    match code {
        "submit" => "sent this request",
        "confirm_email" => "confirmed the email address",
        "approve" => "approved",
        "deny" => "denied",
        "ask" => "asked for information",
        "answer" => "answered",
        "mark_duplicate" => "marked this as a duplicate",
        "mark_bogus" => "marked this as not genuine",
        "reopen" => "opened this again",
        "withdraw_child" => "withdrew a child",
        "correct" => "corrected details",
        "note" => "changed the staff note",
        "provision" => "finished the links in Moodle",
        "expire" => "closed this: the address was never confirmed",
        "pin" => "chose a pupil",
        "unpin" => "took back the choice of a pupil",
        other => return other.replace(['_', '.'], " "),
    }
    .to_owned()
}

/// The icon beside it.
pub(crate) fn act_icon(code: &str) -> &'static str {
    match code {
        "submit" => "inbox",
        "confirm_email" => "mail-check",
        "approve" => "check",
        "deny" => "ban",
        "ask" | "answer" => "message-square",
        "mark_duplicate" => "copy",
        "mark_bogus" => "shield",
        "reopen" | "withdraw_child" => "undo-2",
        "correct" | "note" => "pencil",
        "pin" | "unpin" => "link",
        "provision" => "refresh-cw",
        _ => "clock",
    }
}

pub(crate) const fn view(view: RequestView) -> &'static str {
    match view {
        RequestView::Todo => "To do",
        RequestView::Waiting => "Waiting for parent",
        RequestView::Approved => "Approved",
        RequestView::Provisioned => "Provisioned",
        RequestView::Closed => "Closed",
        RequestView::All => "All",
        RequestView::Unconfirmed => "Email not confirmed",
    }
}

/// In what a pupil differs from what was typed, for somebody who has to choose.
pub(crate) fn differences(found: &[Difference]) -> String {
    if found.is_empty() {
        return "everything that was typed agrees".to_owned();
    }
    let letters = |name: &str, number: usize| format!("{name} differs by {}", counted(number, "letter", "letters"));
    let words: Vec<String> = found
        .iter()
        .map(|difference| match difference {
            Difference::GivenNameLetters(number) => letters("first name", *number),
            Difference::GivenNameShort => "first name is a shorter or longer form".to_owned(),
            Difference::OtherGivenName => "another first name".to_owned(),
            Difference::FamilyNameLetters(number) => letters("last name", *number),
            Difference::FamilyNameShort => "last name is a shorter or longer form".to_owned(),
            Difference::OtherFamilyName => "another last name".to_owned(),
            Difference::OtherGroup => "another tutor group".to_owned(),
            Difference::NoGroup => "no tutor group was typed".to_owned(),
            Difference::OtherNumber => "another admission number".to_owned(),
        })
        .collect();
    words.join(", ")
}

/// Where a request stands, for a list or the top of its page.
pub(crate) fn standing(request: &RequestSummary) -> Tag {
    if request.replied && request.status == Status::Pending {
        return Tag::new("violet", "message-square", "Parent replied");
    }
    status(request.status)
}

/// "1 request", "12 requests".
pub(crate) fn requests(number: impl TryInto<i64>) -> String {
    counted(number, "request", "requests")
}

pub(crate) const fn check_filter(check: CheckFilter) -> &'static str {
    match check {
        CheckFilter::ReferToSafeguarding => REFER,
        CheckFilter::Ready => "Ready to approve",
        CheckFilter::PupilNotFound => "Pupil not found",
        CheckFilter::SeveralPupils => "Several pupils",
        CheckFilter::SharedSurname => "Shared surname",
        CheckFilter::SameEmail => "Same email as another",
        CheckFilter::HasAccount => "Has an account",
        CheckFilter::EmailNotConfirmed => "Email not confirmed",
        CheckFilter::Faults => "Details to correct",
    }
}

/// What a list says about a request.
pub(crate) fn check(check: &Check) -> Tag {
    match check {
        Check::ReferToSafeguarding => Tag::new("red", "shield-alert", REFER),
        Check::Ready => Tag::new("green", "shield-check", "Ready to approve"),
        Check::PupilNotFound(number) => {
            Tag::new("red", "user-x", format!("{} not found", counted(*number, "pupil", "pupils")))
        }
        Check::SeveralPupils(1) => Tag::new("amber", "users", "Several possible pupils"),
        Check::SeveralPupils(number) => {
            Tag::new("amber", "users", format!("Several possible pupils for {}", counted(*number, "child", "children")))
        }
        Check::SharedSurname(_) => Tag::new("amber", "users", "Shared surname"),
        Check::SameEmailAs(others) => {
            let first = others.first().map_or_else(|| "another".to_owned(), ToString::to_string);
            let more = if others.len() > 1 { format!(" and {} more", others.len() - 1) } else { String::new() };
            Tag::new("amber", "copy", format!("Same email as {first}{more}"))
        }
        Check::HasAccount => Tag::new("blue", "user-check", "Has an account"),
        Check::EmailNotConfirmed => Tag::new("grey", "mail", "Email not confirmed"),
        Check::Faults(number) => {
            Tag::new("red", "triangle-alert", format!("{} to correct", counted(*number, "detail", "details")))
        }
        Check::MoodleUnknown => Tag::new("grey", "wifi-off", "Moodle not reached"),
    }
}

/// Why something cannot be done to a request, and what to do. `detail` is what the use case says.
pub(crate) fn refusal(code: &str, detail: &str, now: Option<Status>) -> String {
    let text = match code {
        "wrong_status" => {
            let now = now.map_or_else(|| "decided".to_owned(), |now| status(now).text.to_lowercase());
            return format!("It is {now} now, so this is not possible.");
        }
        REFER_CODE => "Refer to safeguarding. This cannot be decided here.",
        "own_request" => "This is your own request; somebody else must decide.",
        "in_force" => "It is approved, and this would take access away. Open it and decide on it by itself.",
        "takes_away" => "Approving this one ends somebody’s access. Open it and decide on it by itself.",
        "nothing_to_link" => "It names no child to link. Open it and decide on it by itself.",
        "shared_mailbox" => "Somebody with another name has this email address. Choose whose account it is.",
        "same_address" => "This is the person’s email address already.",
        "new_address_missing" => "The request came from the address that the person has already. Enter the new one.",
        "account_exists" => "A Moodle account with this email address exists. Choose whether it is the parent’s own.",
        "adult_not_clear" => "No account, or more than one, has this email address and name. Choose whom it concerns.",
        "needs_correction" => "The parent’s name or email address is missing or wrong. Correct it first.",
        "nothing_approved" => "No child would be linked. Choose at least one pupil, or deny the request.",
        "nothing_decided" => "No child of this request is left to decide.",
        "own_pupil" => "The account that was chosen is the pupil’s own. Choose another one.",
        "account_is_pupil" => "This Moodle account is a pupil’s. A parent needs an account of their own.",
        "no_username" => "Every user name for this email address is taken. Correct the address, or choose an account.",
        "no_address" => "It has no email address to write to. Correct it, or ask in another way.",
        "already_decided" => "This was decided on meanwhile and cannot be corrected any more.",
        "not_a_pupil" => "This Moodle user is not a pupil of the school. Choose another one.",
        "same_pupil" => "Another child of this request is that pupil already.",
        "not_open" => "This child was decided on already.",
        "not_approved" => "This child is not approved, so there is nothing to withdraw.",
        "moodle_unknown" | "unavailable" => {
            "Moodle or our database could not be reached just now. Try again in a minute."
        }
        "not_found" => "There is no such request any more.",
        "race" => "Somebody decided about the same person at the same moment. Try again.",
        "not_tried" => "A database went out of reach before its turn. Nothing was done to it.",
        _ => return sentence(detail),
    };
    text.to_owned()
}

/// Why a request was denied: the codes that our pages offer, with what each means.
pub(crate) const REASONS: [(&str, &str, &str); 4] = [
    ("not_on_file", "Details are not on file", "The name or the email address is not that of a contact of the pupil."),
    (
        "access_restricted",
        "Access is restricted",
        "There is a court order or another note. The parent is only told to contact the office.",
    ),
    ("no_pupil", "No such pupil here", "No pupil of the school is meant."),
    ("other", "Something else", "Say what in the note for the history."),
];

/// A reason in words; one that our pages do not know as it is.
pub(crate) fn reason(code: &str) -> String {
    let known = REASONS.iter().find(|(known, ..)| *known == code);
    known.map_or_else(|| code.replace('_', " "), |(_, text, _)| (*text).to_owned())
}

/// A text as a sentence: with a capital at its beginning and a full stop at its end.
pub(crate) fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let begins = characters.next().map(|first| first.to_uppercase().collect::<String>()).unwrap_or_default();
    let ends = if text.ends_with(['.', '!', '?']) || text.is_empty() { "" } else { "." };
    format!("{begins}{}{ends}", characters.as_str())
}

/// What happened to a request, as the middle of "Jo Bell … at 09:31".
pub(crate) fn done(code: &str) -> String {
    let text = match code {
        "approve" => "approved this",
        "deny" => "denied this",
        "ask" => "asked the parent for information",
        "answer" => "answered the question",
        other => return act(other),
    };
    text.to_owned()
}

/// What happened to one child of a request.
pub(crate) fn act_on_child(code: &str, child: &str) -> String {
    match code {
        "approve" => format!("approved {child}"),
        "deny" => format!("refused {child}"),
        "withdraw_child" => format!("withdrew {child}"),
        "pin" => format!("chose the pupil for {child}"),
        "unpin" => format!("took back the choice of a pupil for {child}"),
        other => format!("{} ({child})", act(other)),
    }
}

/// What a mail is called.
pub(crate) fn letter(code: &str) -> String {
    match code {
        "confirm_address" => "Please confirm your email address",
        "received" => "We have your request",
        "question" => "A question about your request",
        "approved" => "Your account is ready",
        "child_added" => "A child was added to your account",
        "could_not_confirm" => "We could not confirm your request",
        "access_ended" => "Your access has ended",
        "new_address" => "Please confirm your new email address",
        "address_changing" => "Your email address is being changed",
        other => return other.replace('_', " "),
    }
    .to_owned()
}

/// The field that a JSON pointer into a submission or a correction means, with a capital.
pub(crate) fn field(pointer: &str) -> String {
    let parts: Vec<&str> = pointer.trim_start_matches('/').split('/').collect();
    let name = match parts.last().copied().unwrap_or_default() {
        "kind" => "what is asked for",
        "title" => "title",
        "given_name" => "first name",
        "family_name" => "last name",
        "email" => "email",
        "children" => "children",
        "tutor_group" => "tutor group",
        "admission_number" => "admission number",
        "comment" => "note",
        "declaration" => "declaration",
        other => other,
    };
    let field = match parts.as_slice() {
        ["children", place, _] => match place.parse::<usize>() {
            Ok(place) => format!("child {}: {name}", place + 1),
            Err(_) => name.to_owned(),
        },
        _ => name.to_owned(),
    };
    sentence(&field).trim_end_matches('.').to_owned()
}

/// A fault of a submission: the field and what to do.
pub(crate) fn fault(pointer: &str, detail: &str) -> String {
    sentence(&format!("{}: {detail}", field(pointer)))
}
