//! `/admin/matching`: children whose pupil nobody knows yet, over all requests, the same typed child once. Choosing a pupil
//! pins them; it links nothing.

use askama::Template;
use axum::{Router, extract::State, http::StatusCode, response::Response, routing::get};
use kinlink_domain::{ids::MoodleUserId, staff::Permission};
use kinlink_service::{
    ServiceError,
    view::{MatchingQueue, PinTarget, QueueGroup, matching_queue, pin_same},
};
use kinlink_web::{form::Fields, number::counted, when::When};

use super::{
    StaffForm,
    faults::Fault,
    interruption::Interruption,
    notice::Notice,
    shell::{Desk, Section, Shell},
    words,
};
use crate::AdminState;

const HERE: &str = "/admin/matching";
/// Children on the page: those who wait longest.
const SHOWN: usize = 25;

pub(crate) fn routes() -> Router<AdminState> {
    Router::new().route("/matching", get(show).post(choose))
}

struct Claim {
    /// Request, version and claim, as the form posts them.
    mark: String,
    href: String,
    reference: String,
    parent: String,
    sent: When,
    /// Whether safeguarding has to be asked about the parent.
    referred: bool,
}

struct Candidate {
    id: i64,
    name: String,
    group: String,
    number: String,
    differences: String,
    /// Whether safeguarding has to be asked about the pupil.
    referred: bool,
}

struct Child {
    anchor: String,
    name: String,
    group: String,
    number: String,
    claims: Vec<Claim>,
    candidates: Vec<Candidate>,
    /// Whether there is something to choose, and this person may.
    can_choose: bool,
    /// Whether it is to be said for which of the requests the choice is.
    has_boxes: bool,
    fault: Option<&'static str>,
}

#[derive(Template)]
#[template(path = "matching.html")]
struct MatchingPage {
    shell: Shell,
    children: Vec<Child>,
    more: String,
    moodle_known: bool,
    faults: Vec<Fault>,
}

async fn show(State(state): State<AdminState>, desk: Desk) -> Result<Response, Interruption> {
    Ok(desk.show(&page(&state, &desk).await?))
}

async fn page(state: &AdminState, desk: &Desk) -> Result<MatchingPage, Interruption> {
    let (queue, moodle_known) = match matching_queue(&state.app, desk.actor()).await {
        Ok(queue) => (queue, true),
        Err(error @ ServiceError::Moodle(_)) => {
            tracing::warn!(%error, "children are not matched: Moodle cannot be asked");
            (MatchingQueue { groups: Vec::new(), more: 0 }, false)
        }
        Err(error) => return Err(error.into()),
    };
    let found = queue.groups.len();
    let rest = i64::try_from(found.saturating_sub(SHOWN)).unwrap_or(i64::MAX).saturating_add(queue.more);
    Ok(MatchingPage {
        shell: desk.shell("Pupil matching", Section::Matching),
        children: (1..).zip(queue.groups).take(SHOWN).map(|(number, group)| child(number, group, desk)).collect(),
        more: if rest > 0 { counted(rest, "more child", "more children") } else { String::new() },
        moodle_known,
        faults: Vec::new(),
    })
}

fn child(number: u32, group: QueueGroup, desk: &Desk) -> Child {
    let claims = group.claims.into_iter().map(|claim| Claim {
        mark: format!("{}:{}:{}", claim.request, claim.version, claim.claim),
        href: format!("/admin/requests/{}", claim.request),
        reference: claim.reference.to_string(),
        parent: format!("{} {}", claim.given_name, claim.family_name),
        referred: claim.referred,
        sent: desk.clock.list(claim.created_at),
    });
    let claims: Vec<Claim> = claims.collect();
    let candidates = group.candidates.iter().map(|candidate| Candidate {
        id: candidate.pupil.id.0,
        name: format!("{} {}", candidate.pupil.given_name, candidate.pupil.family_name),
        group: candidate.pupil.tutor_group.clone(),
        number: candidate.pupil.admission_number.clone(),
        differences: words::differences(&candidate.differences),
        referred: candidate.referred,
    });
    let can_choose = desk.may(Permission::Decide) && !group.candidates.is_empty();
    Child {
        anchor: format!("child-{number}"),
        name: format!("{} {}", group.given_name, group.family_name),
        group: group.tutor_group.unwrap_or_default(),
        number: group.admission_number.unwrap_or_default(),
        has_boxes: can_choose && claims.len() > 1,
        can_choose,
        claims,
        candidates: candidates.collect(),
        fault: None,
    }
}

async fn choose(State(state): State<AdminState>, desk: Desk, form: StaffForm) -> Result<Response, Interruption> {
    desk.check(&form)?;
    kinlink_service::access::require(desk.actor(), kinlink_domain::staff::Permission::Decide)?;
    let targets: Vec<PinTarget> = form.all("claim").filter_map(target).collect();
    let pupil: Option<i64> = form.get("pupil").and_then(|id| id.parse().ok());
    let Some(pupil) = pupil.filter(|_| !targets.is_empty()) else {
        return nothing_chosen(&state, &desk, &form).await;
    };
    let results = pin_same(&state.app, desk.actor(), MoodleUserId(pupil), &targets).await?;
    let refused: Vec<_> = results.iter().filter_map(|result| result.result.as_ref().err()).collect();
    let done = results.len() - refused.len();
    let text = format!("The pupil was chosen for {}.", counted(done, "request", "requests"));
    let notice = match refused.first() {
        None => Notice::ok(text),
        Some(first) => {
            let why = words::refusal(first.code, &first.detail, None);
            Notice::warn(format!("{text} {} left out: {why}", refused.len()))
        }
    };
    Ok(notice.then(&state, HERE))
}

/// The page again: the child for whom nothing was chosen says so.
async fn nothing_chosen(state: &AdminState, desk: &Desk, form: &Fields) -> Result<Response, Interruption> {
    let mut page = page(state, desk).await?;
    let meant = |child: &&mut Child| child.claims.iter().any(|claim| form.all("claim").any(|mark| mark == claim.mark));
    let mut anchor = "main".to_owned();
    if let Some(child) = page.children.iter_mut().find(meant) {
        anchor.clone_from(&child.anchor);
        child.fault = Some("Choose the pupil, or open the request and decide there");
    }
    page.faults.push(Fault::new(anchor, "Choose the pupil and at least one request"));
    page.shell = page.shell.wrong();
    Ok(desk.page(StatusCode::UNPROCESSABLE_ENTITY, &page))
}

fn target(mark: &str) -> Option<PinTarget> {
    let mut parts = mark.split(':');
    let target = PinTarget {
        request: parts.next()?.parse().ok()?,
        version: parts.next()?.parse().ok()?,
        claim: parts.next()?.parse().ok()?,
    };
    parts.next().is_none().then_some(target)
}
