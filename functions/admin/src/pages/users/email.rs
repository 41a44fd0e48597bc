//! Another address for one person: a page that asks for it and says what happens, the act, and taking it back while the new
//! address is not proven.

use askama::Template;
use axum::{extract::State, http::StatusCode, response::Response};
use kinlink_domain::{
    email_change::{InMoodle, Standing},
    ids::AdultId,
    staff::Permission,
};
use kinlink_service::{
    ServiceError,
    access::require,
    email_change::{self, EmailChangeView, NewAddress},
    view::{UserDetail, show_user},
};
use kinlink_web::{Path, form::Fields, when::When};

use super::{HERE, show::full_name};
use crate::{
    AdminState,
    page::is_plain,
    pages::{
        StaffForm,
        faults::Fault,
        interruption::Interruption,
        notice::Notice,
        requests::SHARED,
        shell::{Desk, Section, Shell},
        words::{self, Tag},
    },
};

/// A change of an address, as the page of its person shows it.
pub(super) struct Change {
    pub(super) email: String,
    pub(super) tag: Tag,
    /// Until when the link works, while it does.
    pub(super) until: Option<When>,
}

impl Change {
    /// The latest change, where it says something that the address itself does not.
    pub(super) fn of(user: &UserDetail, desk: &Desk) -> Option<Self> {
        let change = user.email_change.as_ref()?;
        let tag = match change.standing {
            Standing::Waiting => Tag::new("blue", "hourglass", "Waits for the new address to be confirmed"),
            Standing::Expired => Tag::new("amber", "clock", "Not confirmed in time"),
            Standing::Taken => Tag::new("red", "triangle-alert", "Somebody else got this address first"),
            Standing::Done | Standing::Withdrawn | Standing::Replaced => return None,
        };
        let until = (change.standing == Standing::Waiting).then(|| desk.clock.full(change.expires_at));
        Some(Self { email: change.email.clone(), tag, until })
    }
}

#[derive(Template)]
#[template(path = "users/email.html")]
struct EmailPage {
    shell: Shell,
    faults: Vec<Fault>,
    back: String,
    name: String,
    present: String,
    username: Option<String>,
    waiting: Option<String>,
    email: String,
    email_fault: Option<String>,
    /// Whether the page asks if two people share the mailbox.
    asks_shared: bool,
    shared: bool,
    in_moodle: &'static str,
}

/// The page that asks; changes nothing.
pub(super) async fn show(
    State(state): State<AdminState>,
    desk: Desk,
    Path(name): Path<String>,
) -> Result<Response, Interruption> {
    require(desk.actor(), Permission::Decide)?;
    let user = person(&state, &desk, &name).await?;
    page(&state, &desk, &user, StatusCode::OK, &Fields::default(), Vec::new(), false).await
}

pub(super) async fn start(
    State(state): State<AdminState>,
    desk: Desk,
    Path(name): Path<String>,
    form: StaffForm,
) -> Result<Response, Interruption> {
    desk.check(&form)?;
    require(desk.actor(), Permission::Decide)?;
    let user = person(&state, &desk, &name).await?;
    let wanted = NewAddress { email: form.get("email").unwrap_or_default().to_owned(), shared: form.has("shared") };
    let (fault, status, shared) = match email_change::start(&state.app, desk.actor(), user.adult, &wanted).await {
        Ok(EmailChangeView { .. }) => {
            let text =
                "The new address was sent a link to confirm it, and the old one was told. Nothing changes before that.";
            return Ok(Notice::ok(text).then(&state, &address(user.adult)));
        }
        Err(ServiceError::Invalid(_)) => {
            let text = "Enter an email address like name@example.org";
            (Fault::new("email", text), StatusCode::UNPROCESSABLE_ENTITY, false)
        }
        Err(ServiceError::Refused { code, detail, .. }) => {
            let anchor = if code == "shared_mailbox" { "shared" } else { "email" };
            let text = match code {
                "shared_mailbox" => SHARED.to_owned(),
                code => words::refusal(code, &detail, None),
            };
            (Fault::new(anchor, text), StatusCode::CONFLICT, code == "shared_mailbox")
        }
        Err(error) if error.unavailable().is_some() => {
            let text =
                "Moodle or our database cannot be reached at the moment. Nothing was done; try again in a minute.";
            (Fault::new("email", text), StatusCode::SERVICE_UNAVAILABLE, false)
        }
        Err(error) => return Err(error.into()),
    };
    page(&state, &desk, &user, status, &form, vec![fault], shared).await
}

pub(super) async fn withdraw(
    State(state): State<AdminState>,
    desk: Desk,
    Path(name): Path<String>,
    form: StaffForm,
) -> Result<Response, Interruption> {
    desk.check(&form)?;
    require(desk.actor(), Permission::Decide)?;
    let user = person(&state, &desk, &name).await?;
    let notice = match email_change::withdraw(&state.app, desk.actor(), user.adult).await {
        Ok(()) => Notice::ok("The change was taken back; its link works no more."),
        Err(ServiceError::Refused { code: "no_email_change", .. } | ServiceError::Stale) => {
            Notice::warn("No change waits any more. The address is as it stands here.")
        }
        Err(error) => return Err(error.into()),
    };
    Ok(notice.then(&state, &address(user.adult)))
}

/// The page of a person.
fn address(adult: AdultId) -> String {
    format!("{HERE}/{adult}")
}

async fn person(state: &AdminState, desk: &Desk, name: &str) -> Result<UserDetail, ServiceError> {
    if !is_plain(name) {
        return Err(ServiceError::NotFound("adult"));
    }
    show_user(&state.app, desk.actor(), name).await
}

async fn page(
    state: &AdminState,
    desk: &Desk,
    user: &UserDetail,
    status: StatusCode,
    form: &Fields,
    faults: Vec<Fault>,
    must_share: bool,
) -> Result<Response, Interruption> {
    let known = email_change::show(&state.app, desk.actor(), user.adult).await?;
    let shell = desk.shell("Change email", Section::Users);
    let waiting = known.change.filter(|change| change.standing == Standing::Waiting).map(|change| change.email);
    let template = EmailPage {
        shell: if faults.is_empty() { shell } else { shell.wrong() },
        back: address(user.adult),
        name: full_name(user),
        present: known.email,
        username: user.username.clone().filter(|_| !user.picked_account),
        waiting,
        email: form.get("email").unwrap_or_default().to_owned(),
        email_fault: faults.iter().find(|fault| fault.anchor == "email").map(|fault| fault.text.clone()),
        asks_shared: must_share || form.has("shared"),
        shared: form.has("shared"),
        in_moodle: in_moodle(known.in_moodle),
        faults,
    };
    Ok(desk.page(status, &template))
}

/// What becomes of the address in Moodle, in a sentence.
const fn in_moodle(effect: InMoodle) -> &'static str {
    match effect {
        InMoodle::Follows => "Moodle takes the new address over at its next synchronisation.",
        InMoodle::Keeps => {
            "Moodle keeps the old address: it is not set to take changed addresses over. Health says which setting that is; until then somebody has to change it in Moodle."
        }
        InMoodle::NotOurs => {
            "The Moodle account signs in another way, so its address there is not ours to change. Only the address that we write to changes."
        }
        InMoodle::NoLoginRow => "The person has no access at the moment, so Moodle is told nothing.",
        InMoodle::Unknown => "Moodle cannot be asked at the moment whether it takes the new address over.",
    }
}
