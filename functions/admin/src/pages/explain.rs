//! `/admin/explain`: why somebody does not see their child. First whom staff mean, then the chain from the request to the role
//! row with its first broken step, what to do about it, and where.
//!
//! Looking needs no form that posts: what was typed leads by a redirect to an address with ids only.

use askama::Template;
use axum::{
    Router,
    extract::State,
    response::{IntoResponse as _, Redirect, Response},
    routing::get,
};
use kinlink_domain::{
    explain::{Finding, Standing, Step},
    ids::MoodleUserId,
    staff::Permission,
};
use kinlink_service::{
    ServiceError,
    explain::{Explained, Who, explain},
    view::{PupilName, Whom, find_whom, name_pupil, pupils_of, search_pupils, whom},
};
use kinlink_web::Parameters;

use super::{
    interruption::Interruption,
    numbered::link,
    shell::{Desk, Section, Shell},
    users::in_moodle,
    words::{self, Tag},
};
use crate::AdminState;

const HERE: &str = "/admin/explain";
const TITLE: &str = "Why can’t they see their child?";
/// Choices that are shown; with more, somebody has to type more.
const SHOWN: usize = 20;
/// Longest search, in characters.
const MAX_SEARCH: usize = 200;
/// What is said to a half that was sent empty.
const NOTHING_TYPED: &str = "Enter a name.";

pub(crate) fn routes() -> Router<AdminState> {
    Router::new().route("/explain", get(show))
}

/// Where the chain of somebody and a pupil is shown.
pub(crate) fn address(adult: &str, pupil: MoodleUserId) -> String {
    link(HERE, &[("adult", adult), ("pupil", &pupil.to_string())], &[])
}

/// One of several who fit.
struct Choice {
    value: String,
    name: String,
    detail: String,
}

/// One half of the question: somebody who is known, or a search with those who fit.
#[derive(Default)]
struct Half {
    /// What the address carries, when it is clear who is meant.
    known: Option<Choice>,
    /// What was typed.
    typed: String,
    choices: Vec<Choice>,
    /// What the search gave, in words.
    told: String,
}

impl Half {
    fn known(choice: Choice) -> Self {
        Self { known: Some(choice), ..Self::default() }
    }

    /// What a search for `typed` gave.
    fn found(typed: String, mut choices: Vec<Choice>) -> Self {
        let told = match choices.len() {
            _ if typed.is_empty() => String::new(),
            0 => "Nobody fits. Check the spelling, or type less.".to_owned(),
            1 => String::new(),
            number if number > SHOWN => format!("More than {SHOWN} fit. Choose, or type more."),
            number => format!("{number} fit. Choose who is meant."),
        };
        choices.truncate(SHOWN);
        Self { known: None, typed, choices, told }
    }

    /// The same, and where nothing was typed it says so.
    fn unless(self, nothing_typed: bool) -> Self {
        if nothing_typed { Self { told: NOTHING_TYPED.to_owned(), ..self } } else { self }
    }
}

#[derive(Template)]
#[template(path = "explain/ask.html")]
struct AskPage {
    shell: Shell,
    adult: Half,
    pupil: Half,
    /// Where the adult is not chosen yet.
    another_adult: String,
}

/// A step of the chain.
struct Row {
    what: &'static str,
    code: &'static str,
    tag: Tag,
    dot: &'static str,
    evidence: String,
    is_broken: bool,
}

/// The first broken step.
struct Broken {
    what: &'static str,
    evidence: String,
    place: Option<Place>,
}

/// Where something is mended.
struct Place {
    href: String,
    text: String,
}

#[derive(Template)]
#[template(path = "explain/answer.html")]
struct AnswerPage {
    shell: Shell,
    adult: String,
    email: String,
    of_adult: String,
    pupil: String,
    pupil_left: bool,
    profile: Option<String>,
    broken: Option<Broken>,
    remedy: &'static str,
    rows: Vec<Row>,
    another: &'static str,
}

async fn show(State(state): State<AdminState>, desk: Desk, mut query: Parameters) -> Result<Response, Interruption> {
    let (app, actor) = (&state.app, desk.actor());
    let key = query.text("adult");
    let id = query.one("pupil", "a user's id").map(MoodleUserId);
    let [no_parent, no_child] = ["parent", "child"].map(|name| query.has(name));
    let [parent, child] = ["parent", "child"]
        .map(|name| query.text(name).unwrap_or_default().chars().take(MAX_SEARCH).collect::<String>());

    let mut adult = match &key {
        Some(key) => Some(whom(app, actor, key).await?),
        None => None,
    };
    let mut adults = Vec::new();
    if adult.is_none() && !parent.is_empty() {
        adults = find_whom(app, actor, &parent, SHOWN + 1).await?;
        // One who fits is no guess: the answer says who it is about.
        adult = (adults.len() == 1).then(|| adults.remove(0));
    }
    let mut pupil = id;
    let mut pupils = Vec::new();
    if pupil.is_none() && !child.is_empty() {
        pupils = search_pupils(app, actor, &child, SHOWN + 1).await?;
        pupil = (pupils.len() == 1).then(|| pupils.remove(0).id);
    }
    if let (Some(adult), Some(pupil)) = (&adult, pupil) {
        if key.as_ref() == Some(&adult.key) && id == Some(pupil) {
            return answer(&state, &desk, adult, pupil).await;
        }
        return Ok(Redirect::to(&address(&adult.key, pupil)).into_response());
    }

    let of_them = match &adult {
        Some(adult) if pupils.is_empty() => their_pupils(&state, &desk, adult).await?,
        _ => Vec::new(),
    };
    let found = pupils.into_iter().map(|pupil| Choice {
        value: pupil.id.to_string(),
        name: format!("{} {}", pupil.given_name, pupil.family_name),
        detail: [pupil.tutor_group, pupil.admission_number].join(" ").trim().to_owned(),
    });
    // The pupil is asked for when it is clear, or when nothing is, whose child it is: an answer to one half comes first.
    let no_child = no_child && child.is_empty() && of_them.is_empty() && (adult.is_some() || parent.is_empty());
    let no_parent = no_parent && parent.is_empty();
    let mut half = Half::found(child, found.collect()).unless(no_child);
    half.choices.extend(of_them.into_iter().map(choice_of_pupil));
    let template = AskPage {
        shell: desk.shell(TITLE, Section::Explain),
        another_adult: pupil.map_or_else(|| HERE.to_owned(), |id| link(HERE, &[("pupil", &id.to_string())], &[])),
        adult: match &adult {
            Some(adult) => Half::known(choice_of(adult)),
            None => Half::found(parent, adults.iter().map(choice_of).collect()).unless(no_parent),
        },
        pupil: match pupil {
            Some(pupil) => Half::known(choice_of_pupil(name_pupil(app, actor, pupil).await?)),
            None => half,
        },
    };
    Ok(desk.show(&template))
}

/// Whom the adult is linked to or asked for; without Moodle nobody, since the search says so.
async fn their_pupils(state: &AdminState, desk: &Desk, adult: &Whom) -> Result<Vec<PupilName>, ServiceError> {
    match pupils_of(&state.app, desk.actor(), adult).await {
        Err(error) if error.unavailable().is_some() => Ok(Vec::new()),
        other => other,
    }
}

fn choice_of(whom: &Whom) -> Choice {
    let detail = match &whom.who {
        Who::Adult(_) => whom.email.clone(),
        Who::Asker(_) => format!("{}, request {}, not accepted yet", whom.email, whom.key),
    };
    Choice { value: whom.key.clone(), name: whom.name.clone(), detail }
}

fn choice_of_pupil(pupil: PupilName) -> Choice {
    let detail = if pupil.left { "Suspended or deleted in Moodle" } else { "" };
    Choice { value: pupil.id.to_string(), name: pupil.name, detail: detail.to_owned() }
}

async fn answer(state: &AdminState, desk: &Desk, adult: &Whom, pupil: MoodleUserId) -> Result<Response, Interruption> {
    let explained = explain(&state.app, desk.actor(), adult.who.clone(), pupil).await?;
    let child = name_pupil(&state.app, desk.actor(), pupil).await;
    let (name, left) = match child {
        Ok(child) => (child.name, child.left),
        // A user that Moodle does not have is one of the faults that the chain names.
        Err(ServiceError::NotFound(_)) => (format!("Moodle user {pupil}"), false),
        Err(error) => return Err(error.into()),
    };
    let of_adult = match &adult.who {
        Who::Adult(id) => format!("/admin/users/{id}"),
        Who::Asker(_) => format!("/admin/requests/{}", adult.key),
    };
    let steps = &explained.explanation.steps;
    let first = explained.explanation.broken.and_then(|step| steps.iter().find(|finding| finding.step == step));
    Ok(desk.show(&AnswerPage {
        shell: desk.shell(TITLE, Section::Explain),
        broken: first.map(|finding| Broken {
            what: wrong(finding.step),
            evidence: words::sentence(&finding.evidence),
            place: place(finding.step, &explained, &of_adult, desk),
        }),
        remedy: explained.explanation.remedy,
        rows: steps.iter().map(|finding| row(finding, explained.explanation.broken)).collect(),
        adult: adult.name.clone(),
        email: adult.email.clone(),
        of_adult,
        pupil: name,
        pupil_left: left,
        profile: in_moodle(state.school.moodle_url.as_deref(), pupil.0),
        another: HERE,
    }))
}

fn row(finding: &Finding, broken: Option<Step>) -> Row {
    let (dot, tag) = match finding.standing {
        Standing::Good => ("ok", Tag::new("green", "check", "Good")),
        Standing::Broken => ("bad", Tag::new("red", "circle-x", "Broken")),
        Standing::Unknown => ("", Tag::new("grey", "minus", "Not reached")),
    };
    Row {
        what: what(finding.step),
        code: finding.step.code(),
        dot,
        evidence: if finding.standing == Standing::Unknown {
            String::new()
        } else {
            words::sentence(&finding.evidence)
        },
        is_broken: broken == Some(finding.step),
        tag,
    }
}

/// A step in words, as it is when all is well.
const fn what(step: Step) -> &'static str {
    match step {
        Step::Request => "They asked for this child",
        Step::EmailProven => "Their email address is confirmed",
        Step::Decision => "Staff approved this child",
        Step::Hold => "Nothing to refer to safeguarding",
        Step::Link => "The link is in force",
        Step::LoginRow => "They may sign in",
        Step::Account => "Moodle has their account",
        Step::AccountAuth => "The account signs in as it should",
        Step::AccountDeleted => "The account is not deleted",
        Step::AccountSuspended => "The account is not suspended",
        Step::AccountConfirmed => "The account is confirmed",
        Step::AccountHost => "The account belongs to this Moodle",
        Step::Role => "The role of parents exists",
        Step::RoleAssignable => "The role can be given over a user",
        Step::RoleCapability => "The role allows seeing a pupil",
        Step::Pupil => "Moodle has the pupil",
        Step::PupilFilter => "The pupil is a pupil",
        Step::Context => "Moodle has the pupil’s place for roles",
        Step::RoleRow => "The role over the pupil is written",
        Step::Session => "Open sessions know of it",
        Step::Cron => "Moodle’s cron runs",
    }
}

/// A step in words, as it is when it is broken.
const fn wrong(step: Step) -> &'static str {
    match step {
        Step::Request => "they did not ask for this child",
        Step::EmailProven => "their email address is not confirmed",
        Step::Decision => "staff have not approved this child",
        Step::Hold => "refer to safeguarding",
        Step::Link => "the link is not in force",
        Step::LoginRow => "they may not sign in",
        Step::Account => "Moodle has no account of theirs",
        Step::AccountAuth => "the account signs in another way",
        Step::AccountDeleted => "the account is deleted",
        Step::AccountSuspended => "the account is suspended",
        Step::AccountConfirmed => "the account is not confirmed",
        Step::AccountHost => "the account belongs to another Moodle",
        Step::Role => "the role of parents does not exist",
        Step::RoleAssignable => "the role cannot be given over a user",
        Step::RoleCapability => "the role does not allow seeing a pupil",
        Step::Pupil => "Moodle does not have the pupil",
        Step::PupilFilter => "this user does not count as a pupil",
        Step::Context => "Moodle lacks the pupil’s place for roles",
        Step::RoleRow => "the role over the pupil is not written",
        Step::Session => "an open session does not know of it",
        Step::Cron => "Moodle’s cron does not run",
    }
}

/// Where the step is mended; none where that is in Moodle alone.
fn place(step: Step, explained: &Explained, of_adult: &str, desk: &Desk) -> Option<Place> {
    let to = |href: &str, text: &str| Some(Place { href: href.to_owned(), text: text.to_owned() });
    let request = || match &explained.request {
        Some(reference) => to(&format!("/admin/requests/{reference}"), &format!("Go to request {reference}")),
        None => to(of_adult, "Go to this parent"),
    };
    match step {
        Step::Request
        | Step::EmailProven
        | Step::Decision
        | Step::Link
        | Step::LoginRow
        | Step::AccountAuth
        | Step::AccountDeleted
        | Step::Pupil => request(),
        // Who may know more finds it on the page of the parent or of the request.
        Step::Hold if desk.may(Permission::Hold) => to(of_adult, "Go to this parent"),
        Step::Hold => None,
        Step::AccountSuspended | Step::AccountConfirmed | Step::AccountHost => to(of_adult, "Go to this parent"),
        Step::PupilFilter | Step::Role if desk.may(Permission::Administer) => to("/admin/settings", "Go to Settings"),
        Step::Context | Step::RoleRow | Step::Session => to("/admin/cycles", "Go to Provisioning cycles"),
        Step::Account | Step::Role | Step::RoleAssignable | Step::RoleCapability | Step::PupilFilter | Step::Cron => {
            to("/admin/health", "Go to Health")
        }
    }
}
