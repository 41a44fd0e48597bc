//! The form for a new hold, and placing it. Who is held may come with the address, from a person's or a request's page.

use askama::Template;
use axum::{extract::State, http::StatusCode, response::Response};
use jiff::{civil::Date, tz::TimeZone};
use kinlink_domain::{
    Timestamp,
    hold::{HoldReason, MAX_REFERENCE},
    ids::{AdultId, MoodleUserId},
    staff::Permission,
    submission::FieldFault,
};
use kinlink_service::{
    ServiceError,
    access::require,
    explain::find_pupil,
    holds::{self, NewHold},
    view::{UserDetail, find_request, show_user},
};
use kinlink_web::{Parameters, form::Fields};

use super::{address, place_address};
use crate::{
    AdminState,
    page::is_plain,
    pages::{
        StaffForm,
        faults::Fault,
        interruption::Interruption,
        notice::Notice,
        shell::{Desk, Section, Shell},
        words,
    },
};

/// The fields that may come with the address: ids and references, and nothing that says who somebody is.
const FIELDS: [&str; 3] = ["adult", "request", "pupil"];

struct Choice {
    value: String,
    text: String,
    chosen: bool,
}

#[derive(Template)]
#[template(path = "holds/place.html")]
struct PlacePage {
    shell: Shell,
    faults: Vec<Fault>,
    /// The adult who was chosen, with their name.
    adult: Option<(String, String)>,
    /// The adult's pupils, where one was chosen.
    pupils: Vec<Choice>,
    /// The request that the form was opened from.
    request: String,
    email: String,
    pupil: String,
    reasons: Vec<Choice>,
    reference: String,
    max_reference: usize,
    from: String,
    until: String,
}

impl PlacePage {
    /// What is wrong with a field.
    fn fault(&self, anchor: &str) -> Option<&str> {
        self.faults.iter().find(|fault| fault.anchor == anchor).map(|fault| fault.text.as_str())
    }
}

/// The form; changes nothing.
pub(super) async fn form(
    State(app): State<AdminState>,
    desk: Desk,
    mut query: Parameters,
) -> Result<Response, Interruption> {
    require(desk.actor(), Permission::Hold)?;
    let [adult, request, pupil] = FIELDS.map(|name| query.text(name).unwrap_or_default());
    let typed = Typed { adult, request, pupil, ..Typed::default() };
    desk.must_be_fresh(&typed.address())?;
    let email = match typed.request.as_str() {
        "" => String::new(),
        request => find_request(&app.app, request).await?.email.map(|email| email.to_string()).unwrap_or_default(),
    };
    page(&app, &desk, Typed { email, ..typed }, Vec::new()).await
}

/// What was typed, or came with the address.
#[derive(Default)]
struct Typed {
    adult: String,
    /// The request that the form was opened from; its address is the first one in the form.
    request: String,
    email: String,
    pupil: String,
    reason: String,
    reference: String,
    from: String,
    until: String,
}

impl Typed {
    /// Where the form stands with whom it is about, as far as that is ids: what was typed would stay in histories.
    fn address(&self) -> String {
        // Beside an adult the pupil is chosen from a list; elsewhere it is typed, and may be a name or an admission number.
        let pupil = if self.adult.is_empty() { "" } else { &self.pupil };
        place_address(&[("adult", &self.adult), ("request", &self.request), ("pupil", pupil)])
    }

    fn read(form: &Fields) -> Self {
        let text = |name| form.get(name).unwrap_or_default().trim().to_owned();
        Self {
            adult: text("adult"),
            request: text("request"),
            email: text("email"),
            pupil: text("pupil"),
            reason: text("reason"),
            reference: text("reference"),
            from: text("from"),
            until: text("until"),
        }
    }
}

pub(super) async fn place(
    State(app): State<AdminState>,
    desk: Desk,
    form: StaffForm,
) -> Result<Response, Interruption> {
    desk.check(&form)?;
    require(desk.actor(), Permission::Hold)?;
    let typed = Typed::read(&form);
    desk.must_be_fresh_to_send(&app, &typed.address(), "The hold was not placed")?;
    let new = match new_hold(&app, &desk, &typed).await? {
        Ok(new) => new,
        Err(faults) => return page(&app, &desk, typed, faults).await,
    };
    match holds::place(&app.app, desk.actor(), &new).await {
        Ok(hold) => {
            let text = "The hold is placed. What it stops goes with the next cycle.";
            Ok(Notice::ok(text).then(&app, &address(hold.id)))
        }
        Err(ServiceError::Invalid(faults)) => {
            let faults = faults.iter().map(fault).collect();
            page(&app, &desk, typed, faults).await
        }
        Err(error) => Err(error.into()),
    }
}

fn fault(fault: &FieldFault) -> Fault {
    let field = fault.pointer.trim_start_matches('/');
    let (anchor, text) = match field {
        "adult" => ("email", "Say who is held: an email address, a pupil, or both".to_owned()),
        "email" => ("email", "Enter an email address like name@example.org".to_owned()),
        "pupil" => {
            ("pupil", "Moodle has no such user. Enter the Moodle user id, the name or the admission number".to_owned())
        }
        "reference" => ("reference", format!("Say where the document is, in at most {MAX_REFERENCE} characters")),
        "until" => ("until", "The last day must not be before the first, nor in the past".to_owned()),
        _ => ("reason", words::sentence(&fault.detail)),
    };
    Fault::new(anchor, text)
}

/// The hold that was typed, or what is wrong with it.
async fn new_hold(app: &AdminState, desk: &Desk, typed: &Typed) -> Result<Result<NewHold, Vec<Fault>>, Interruption> {
    let mut faults = Vec::new();
    let adult: Option<AdultId> = typed.adult.parse().ok();
    let mut pupil: Option<MoodleUserId> = None;
    if !typed.pupil.is_empty() {
        match find_pupil(&app.app, desk.actor(), &typed.pupil).await {
            Ok(found) => pupil = Some(found),
            Err(ServiceError::Refused { .. }) => {
                faults.push(Fault::new("pupil", "Several pupils are called so. Enter the Moodle user id"));
            }
            Err(ServiceError::NotFound(_)) => {
                faults.push(Fault::new(
                    "pupil",
                    "No pupil is called so. Enter the Moodle user id, the name or the admission number",
                ));
            }
            Err(error) if error.unavailable().is_some() => {
                faults.push(Fault::new("pupil", "Moodle cannot be reached. Enter the Moodle user id"));
            }
            Err(error) => return Err(error.into()),
        }
    }
    let reason = HoldReason::from_code(&typed.reason);
    if reason.is_none() {
        faults.push(Fault::new("reason", "Choose a reason"));
    }
    let today = desk.clock.today();
    let mut day = |text: &str, field: &'static str| -> Option<Date> {
        let date: Option<Date> = text.parse().ok();
        if date.is_none() && !text.is_empty() {
            faults.push(Fault::new(field, "Enter a date like 2026-11-22"));
        }
        date
    };
    let from = day(&typed.from, "from").filter(|from| *from != today);
    // The last day belongs to the hold.
    let until = day(&typed.until, "until").and_then(|until| until.tomorrow().ok());
    let zone = &desk.clock.zone;
    match reason {
        Some(reason) if faults.is_empty() => Ok(Ok(NewHold {
            adult,
            email: Some(typed.email.clone()).filter(|email| adult.is_none() && !email.is_empty()),
            pupil,
            reason,
            reference: typed.reference.clone(),
            from: from.and_then(|from| beginning(from, zone)),
            until: until.and_then(|until| beginning(until, zone)),
        })),
        _ => Ok(Err(faults)),
    }
}

fn beginning(day: Date, zone: &TimeZone) -> Option<Timestamp> {
    Some(day.to_zoned(zone.clone()).ok()?.timestamp())
}

async fn page(app: &AdminState, desk: &Desk, typed: Typed, faults: Vec<Fault>) -> Result<Response, Interruption> {
    let adult = match typed.adult.as_str() {
        "" => None,
        name if is_plain(name) => Some(show_user(&app.app, desk.actor(), name).await?),
        _ => return Err(ServiceError::NotFound("adult").into()),
    };
    let shell = desk.shell("Place a hold", Section::Holds);
    let status = if faults.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let template = PlacePage {
        shell: if faults.is_empty() { shell } else { shell.wrong() },
        pupils: adult.as_ref().map(|adult| pupils(adult, &typed.pupil)).unwrap_or_default(),
        adult: adult.map(|adult| (adult.adult.to_string(), format!("{} {}", adult.given_name, adult.family_name))),
        reasons: HoldReason::ALL
            .iter()
            .map(|reason| Choice {
                value: reason.code().to_owned(),
                text: reason.words().to_owned(),
                chosen: reason.code() == typed.reason,
            })
            .collect(),
        request: typed.request,
        email: typed.email,
        pupil: typed.pupil,
        reference: typed.reference,
        max_reference: MAX_REFERENCE,
        from: typed.from,
        until: typed.until,
        faults,
    };
    Ok(desk.page(status, &template))
}

/// The pupils of an adult: one of them makes the hold one on the pair.
fn pupils(adult: &UserDetail, chosen: &str) -> Vec<Choice> {
    let choice = |link: &kinlink_service::view::LinkHint| {
        let known = adult.pupils.as_ref().and_then(|pupils| pupils.iter().find(|pupil| pupil.id == link.pupil));
        let value = link.pupil.to_string();
        Choice {
            text: known.map_or_else(|| format!("Moodle user {}", link.pupil), |pupil| pupil.name.clone()),
            chosen: value == chosen,
            value,
        }
    };
    adult.links.iter().map(choice).collect()
}
