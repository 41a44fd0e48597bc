//! `/admin/privacy`: how long personal data is kept and what of it is due; a copy of somebody's data; erasing it.
//!
//! Whatever is given away or goes for good asks who does it to have signed in a short while ago.

use askama::Template;
use axum::{
    Router,
    extract::State,
    http::StatusCode,
    response::Response,
    routing::{get, post},
};
use kinlink_domain::{
    ids::{AdultId, MoodleUserId},
    retention::{Disposal, FIXED, Fixed},
    staff::Permission,
};
use kinlink_service::{
    ServiceError,
    access::require,
    bundle::{self, Remarks},
    erasure::{self, ErasureState, ErasureView},
    retention::{self, ClassView},
    view::search_pupils,
};
use kinlink_web::{Parameters, Path, Problem, form::Fields, when::When};

use super::{
    StaffForm,
    faults::{self, Fault},
    interruption::Interruption,
    names::Names,
    notice::Notice,
    shell::{Desk, Section, Shell},
    words::{self, Tag},
};
use crate::{
    AdminState,
    privacy_file::{self, Format},
};

const HERE: &str = "/admin/privacy";
/// Erasures and pupils that are shown.
const SHOWN: usize = 20;
/// Longest search, in characters.
const MAX_SEARCH: usize = 200;
/// What has to be typed to erase somebody.
const TYPED: &str = "erase";
const NOT_ERASED: &str = "Nothing was erased";

pub(crate) fn routes() -> Router<AdminState> {
    Router::new()
        .route("/privacy", get(show))
        .route("/privacy/purge", post(purge))
        .route("/privacy/requests/erase", post(erase_request))
        .route("/privacy/adults/{adult}", get(show_adult))
        .route("/privacy/adults/{adult}/bundle", post(bundle_of_adult))
        .route("/privacy/adults/{adult}/erase", post(erase_adult))
        .route("/privacy/pupils/{pupil}", get(show_pupil))
        .route("/privacy/pupils/{pupil}/bundle", post(bundle_of_pupil))
}

struct Class {
    what: &'static str,
    since: &'static str,
    kept: String,
    then: &'static str,
    due: u64,
    oldest: Option<When>,
}

struct Erasure {
    about: String,
    href: Option<String>,
    tag: Tag,
    by: String,
    asked: When,
    done: Option<When>,
}

struct Found {
    href: String,
    name: String,
    group: String,
}

#[derive(Template)]
#[template(path = "privacy/dial.html")]
struct DialPage {
    shell: Shell,
    classes: Vec<Class>,
    fixed: &'static [Fixed],
    due: u64,
    erasures: Vec<Erasure>,
    sought: String,
    found: Vec<Found>,
    /// Where to sign in again before anything can be done away with.
    sign_in_again: Option<String>,
    /// The reference of the request that was to be erased, where that was not done.
    reference: String,
    faults: Vec<Fault>,
}

impl DialPage {
    fn fault(&self, anchor: &str) -> Option<&str> {
        faults::of(&self.faults, anchor)
    }
}

async fn show(State(state): State<AdminState>, desk: Desk, mut query: Parameters) -> Result<Response, Interruption> {
    require(desk.actor(), Permission::Administer)?;
    let sought: String = query.text("pupil").unwrap_or_default().chars().take(MAX_SEARCH).collect();
    dial(&state, &desk, sought, String::new(), Vec::new()).await
}

/// The page: after a search for a pupil, or with what is wrong with the order to erase a request.
async fn dial(
    state: &AdminState,
    desk: &Desk,
    sought: String,
    reference: String,
    faults: Vec<Fault>,
) -> Result<Response, Interruption> {
    let (app, actor) = (&state.app, desk.actor());
    let classes = retention::preview(app, actor).await?;
    let erasures = erasure::list(app, actor, u32::try_from(SHOWN).unwrap_or(u32::MAX)).await?;
    let names = Names::of(app, erasures.iter().map(|erasure| erasure.asked_by.as_str())).await?;
    let found = if sought.trim().is_empty() { Vec::new() } else { search_pupils(app, actor, &sought, SHOWN).await? };
    let shell = desk.shell("Privacy", Section::Privacy);
    let template = DialPage {
        shell: if faults.is_empty() { shell } else { shell.wrong() },
        due: classes.iter().map(|class| class.due).sum(),
        classes: classes.iter().map(|class| line(class, desk)).collect(),
        fixed: FIXED,
        erasures: erasures.iter().map(|erasure| asked(erasure, &names, desk)).collect(),
        sought,
        found: found
            .into_iter()
            .map(|pupil| Found {
                href: format!("{HERE}/pupils/{}", pupil.id),
                name: format!("{} {}", pupil.given_name, pupil.family_name),
                group: pupil.tutor_group,
            })
            .collect(),
        sign_in_again: desk.sign_in_again(HERE),
        reference,
        faults,
    };
    Ok(desk.page(status_of(&template.faults), &template))
}

/// A form that was not taken is a fault of the caller.
fn status_of(faults: &[Fault]) -> StatusCode {
    if faults.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY }
}

fn line(class: &ClassView, desk: &Desk) -> Class {
    Class {
        what: class.what,
        since: class.since,
        kept: match class.days {
            0 => "not at all".to_owned(),
            1 => "1 day".to_owned(),
            days => format!("{days} days"),
        },
        then: match class.disposal {
            Disposal::Remove => "is removed",
            Disposal::Blank => "the texts are removed",
            Disposal::Pseudonymise => "names are removed, ids stay",
        },
        due: class.due,
        oldest: class.oldest.map(|at| desk.clock.date(at)),
    }
}

fn asked(erasure: &ErasureView, names: &Names, desk: &Desk) -> Erasure {
    Erasure {
        about: if erasure.adult.is_some() { "A parent".to_owned() } else { "A request".to_owned() },
        href: erasure.adult.map(|adult| format!("/admin/users/{adult}")),
        tag: state_tag(erasure.state),
        by: names.name(&erasure.asked_by),
        asked: desk.clock.full(erasure.asked_at),
        done: erasure.erased_at.map(|at| desk.clock.full(at)),
    }
}

fn state_tag(state: ErasureState) -> Tag {
    match state {
        ErasureState::AccessEnded => Tag::new("amber", "hourglass", "Access ended; waits for Moodle"),
        ErasureState::Erased => Tag::new("green", "check", "Erased"),
    }
}

async fn purge(State(state): State<AdminState>, desk: Desk, form: StaffForm) -> Result<Response, Interruption> {
    desk.check(&form)?;
    require(desk.actor(), Permission::Administer)?;
    desk.must_be_fresh_to_send(&state, HERE, "Nothing was purged")?;
    let purged = retention::purge(&state.app, desk.actor()).await?;
    let count: u64 = purged.iter().map(|purged| purged.count).sum();
    let text = match count {
        0 => "Nothing was due.".to_owned(),
        1 => "1 thing was due and is gone.".to_owned(),
        count => format!("{count} things were due and are gone."),
    };
    Ok(Notice::ok(text).then(&state, HERE))
}

#[derive(Template)]
#[template(path = "privacy/adult.html")]
struct AdultPage {
    shell: Shell,
    name: String,
    user: String,
    here: String,
    remarks: Remarks,
    erasure: Option<Tag>,
    typed: &'static str,
    /// Whether access is to end first.
    end_access: bool,
    faults: Vec<Fault>,
}

impl AdultPage {
    fn fault(&self, anchor: &str) -> Option<&str> {
        faults::of(&self.faults, anchor)
    }
}

fn adult_id(text: &str) -> Result<AdultId, ServiceError> {
    text.parse().map_err(|_| ServiceError::NotFound("adult"))
}

async fn show_adult(
    State(state): State<AdminState>,
    desk: Desk,
    Path(adult): Path<String>,
) -> Result<Response, Interruption> {
    require(desk.actor(), Permission::Administer)?;
    let id = adult_id(&adult)?;
    desk.must_be_fresh(&of_adult(id))?;
    adult_page(&state, &desk, id, false, Vec::new()).await
}

fn of_adult(id: AdultId) -> String {
    format!("{HERE}/adults/{id}")
}

/// The page: as it is opened, or with what is wrong with the order to erase.
async fn adult_page(
    state: &AdminState,
    desk: &Desk,
    id: AdultId,
    end_access: bool,
    faults: Vec<Fault>,
) -> Result<Response, Interruption> {
    let (adult, remarks) = bundle::remarks(&state.app, desk.actor(), id).await?;
    let erasure = erasure::find(&state.app, desk.actor(), id).await?;
    let shell = desk.shell("Copy or erase personal data", Section::Privacy);
    let template = AdultPage {
        shell: if faults.is_empty() { shell } else { shell.wrong() },
        name: format!("{} {}", adult.given_name, adult.family_name),
        user: format!("/admin/users/{id}"),
        here: of_adult(id),
        remarks,
        erasure: erasure.map(|erasure| state_tag(erasure.state)),
        typed: TYPED,
        end_access,
        faults,
    };
    Ok(desk.page(status_of(&template.faults), &template))
}

fn format_of(form: &Fields) -> Format {
    if form.get("format") == Some("json") { Format::Json } else { Format::Html }
}

fn file(state: &AdminState, form: &Fields, made: &bundle::Made) -> Result<Response, Interruption> {
    let format = format_of(form);
    let content = privacy_file::content(&made.bundle, &state.school.name, format)
        .map_err(|_| Problem::internal("a copy of personal data could not be written"))?;
    Ok(privacy_file::download(content, format))
}

async fn bundle_of_adult(
    State(state): State<AdminState>,
    desk: Desk,
    Path(adult): Path<String>,
    form: StaffForm,
) -> Result<Response, Interruption> {
    desk.check(&form)?;
    require(desk.actor(), Permission::Administer)?;
    let id = adult_id(&adult)?;
    desk.must_be_fresh_to_send(&state, &of_adult(id), "No copy was made")?;
    file(&state, &form, &bundle::of_adult(&state.app, desk.actor(), id).await?)
}

async fn erase_adult(
    State(state): State<AdminState>,
    desk: Desk,
    Path(adult): Path<String>,
    form: StaffForm,
) -> Result<Response, Interruption> {
    desk.check(&form)?;
    require(desk.actor(), Permission::Administer)?;
    let id = adult_id(&adult)?;
    let (here, end_access) = (of_adult(id), form.has("end_access"));
    desk.must_be_fresh_to_send(&state, &here, NOT_ERASED)?;
    if !is_typed(&form) {
        return adult_page(&state, &desk, id, end_access, vec![not_typed()]).await;
    }
    let notice = match erasure::adult(&state.app, desk.actor(), id, end_access).await {
        Ok(erasure) if erasure.state == ErasureState::Erased => Notice::ok("The personal data is erased."),
        Ok(_) => {
            (state.wake)();
            Notice::ok("Access has ended. The personal data is erased by itself as soon as Moodle holds nothing more.")
        }
        Err(ServiceError::Refused { code, detail, .. }) => Notice::warn(words::refusal(code, &detail, None)),
        Err(error) => return Err(error.into()),
    };
    Ok(notice.then(&state, &here))
}

/// Whether the word was typed: a slip must not erase anybody.
fn is_typed(form: &Fields) -> bool {
    form.get("typed").is_some_and(|typed| typed.trim().eq_ignore_ascii_case(TYPED))
}

fn not_typed() -> Fault {
    Fault::new("typed", format!("{NOT_ERASED}: type the word “{TYPED}” to confirm"))
}

async fn erase_request(State(state): State<AdminState>, desk: Desk, form: StaffForm) -> Result<Response, Interruption> {
    desk.check(&form)?;
    require(desk.actor(), Permission::Administer)?;
    desk.must_be_fresh_to_send(&state, HERE, NOT_ERASED)?;
    let reference = form.get("reference").unwrap_or_default().trim();
    let again = async |fault| dial(&state, &desk, String::new(), reference.to_owned(), vec![fault]).await;
    if !is_typed(&form) {
        return again(not_typed()).await;
    }
    let notice = match erasure::request_by_reference(&state.app, desk.actor(), reference).await {
        Ok(_) => Notice::ok("The request and everything about it is erased."),
        Err(ServiceError::NotFound(_)) => {
            return again(Fault::new("reference", format!("{NOT_ERASED}: no request has this reference"))).await;
        }
        Err(ServiceError::Refused { code, detail, .. }) => Notice::warn(words::refusal(code, &detail, None)),
        Err(error) => return Err(error.into()),
    };
    Ok(notice.then(&state, HERE))
}

#[derive(Template)]
#[template(path = "privacy/pupil.html")]
struct PupilPage {
    shell: Shell,
    name: String,
    here: String,
    remarks: Remarks,
}

async fn show_pupil(
    State(state): State<AdminState>,
    desk: Desk,
    Path(pupil): Path<String>,
) -> Result<Response, Interruption> {
    require(desk.actor(), Permission::Administer)?;
    let id = pupil_id(&pupil)?;
    let here = format!("{HERE}/pupils/{id}");
    desk.must_be_fresh(&here)?;
    let (pupil, remarks) = bundle::pupil_remarks(&state.app, desk.actor(), id).await?;
    Ok(desk.show(&PupilPage {
        shell: desk.shell("Copy a pupil’s personal data", Section::Privacy),
        name: pupil.name,
        here,
        remarks,
    }))
}

fn pupil_id(text: &str) -> Result<MoodleUserId, ServiceError> {
    text.parse().map(MoodleUserId).map_err(|_| ServiceError::NotFound("pupil"))
}

async fn bundle_of_pupil(
    State(state): State<AdminState>,
    desk: Desk,
    Path(pupil): Path<String>,
    form: StaffForm,
) -> Result<Response, Interruption> {
    desk.check(&form)?;
    require(desk.actor(), Permission::Administer)?;
    let id = pupil_id(&pupil)?;
    desk.must_be_fresh_to_send(&state, &format!("{HERE}/pupils/{id}"), "No copy was made")?;
    file(&state, &form, &bundle::of_pupil(&state.app, desk.actor(), id).await?)
}
