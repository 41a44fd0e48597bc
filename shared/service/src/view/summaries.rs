//! Requests in lists: their summary, the cursor lists of the API and the command line, and finding one by its name.

use kinlink_domain::{
    Timestamp,
    ids::{ClaimId, MoodleUserId, RequestId},
    outcome::Outcome,
    reference::Reference,
    request::{ClaimState, Kind, Status},
    staff::{Actor, Permission},
    submission::{FaultCode, FieldFault},
};
use kinlink_store::requests::{self, Claim};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Cursor, Filter, Page, Request, Sort};
use crate::{App, ServiceError, access::require};

/// A request in a list.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RequestSummary {
    /// Its id.
    pub id: RequestId,
    /// What people call it.
    pub reference: Reference,
    /// What the adult wants.
    pub kind: Kind,
    /// Where it stands.
    pub status: Status,
    /// Whether the adult answered a question and staff have decided nothing since.
    pub replied: bool,
    /// Title.
    #[schema(required)]
    pub title: Option<String>,
    /// Given name.
    pub given_name: String,
    /// Family name.
    pub family_name: String,
    /// Address, as far as it is one; otherwise as typed.
    pub email: String,
    /// The children.
    pub children: Vec<ChildSummary>,
    /// How many faults the submission has; what is suspicious counts only for those who may read what it is.
    pub faults: usize,
    /// When it came.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// For `If-Match`.
    pub version: i64,
}

/// A child in a list.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ChildSummary {
    /// Its claim.
    pub claim: ClaimId,
    /// Given name.
    pub given_name: String,
    /// Family name.
    pub family_name: String,
    /// Tutor group.
    #[schema(required)]
    pub tutor_group: Option<String>,
    /// Admission number.
    #[schema(required)]
    pub admission_number: Option<String>,
    /// Where the claim stands.
    pub state: ClaimState,
    /// The pupil that was picked.
    #[schema(required)]
    pub pupil: Option<MoodleUserId>,
    /// What the last cycle found.
    #[schema(required)]
    pub outcome: Option<Outcome>,
    /// What that means.
    #[schema(required)]
    pub advice: Option<&'static str>,
}

impl From<&Claim> for ChildSummary {
    fn from(claim: &Claim) -> Self {
        Self {
            claim: claim.id,
            given_name: claim.child.given_name.clone(),
            family_name: claim.child.family_name.clone(),
            tutor_group: claim.child.tutor_group.clone(),
            admission_number: claim.child.admission_number.clone(),
            state: claim.state,
            pupil: claim.pupil,
            outcome: claim.outcome,
            advice: claim.outcome.map(Outcome::advice),
        }
    }
}

impl RequestSummary {
    /// The summary of a request with its claims, as far as the actor may know it.
    #[must_use]
    pub fn new(actor: &Actor, request: &Request, claims: &[Claim]) -> Self {
        Self {
            id: request.id,
            reference: request.reference.clone(),
            kind: request.kind,
            status: request.status,
            replied: request.is_replied(),
            title: request.title.clone(),
            given_name: request.given_name.clone(),
            family_name: request.family_name.clone(),
            email: request.email.as_ref().map_or_else(|| request.email_typed.clone(), ToString::to_string),
            children: claims.iter().filter(|claim| claim.request == request.id).map(ChildSummary::from).collect(),
            faults: faults_of(actor, request).count(),
            created_at: request.created_at,
            updated_at: request.updated_at,
            version: request.version,
        }
    }
}

/// The faults of a request that the actor may read: what makes it suspicious says something about the adult that is not for
/// everybody.
pub(super) fn faults_of<'a>(actor: &Actor, request: &'a Request) -> impl Iterator<Item = &'a FieldFault> {
    let reads_notes = actor.may(Permission::ReadNotes);
    request.faults.iter().filter(move |fault| reads_notes || fault.code != FaultCode::Suspicious)
}

/// The summary of a request that was just decided on.
///
/// # Errors
/// [`ServiceError::Forbidden`], the store.
pub async fn summarise(app: &App, actor: &Actor, request: &Request) -> Result<RequestSummary, ServiceError> {
    require(actor, Permission::Read)?;
    let claims = requests::claims(&mut app.store.acquire().await?, request.id).await?;
    Ok(RequestSummary::new(actor, request, &claims))
}

/// A page of requests.
///
/// # Errors
/// [`ServiceError::Forbidden`], the store.
pub async fn list_requests(
    app: &App,
    actor: &Actor,
    filter: &Filter,
    sort: Sort,
    after: Option<&Cursor>,
    limit: u32,
) -> Result<Page<RequestSummary>, ServiceError> {
    require(actor, Permission::Read)?;
    let mut store = app.store.acquire().await?;
    let mut rows = requests::list(&mut store, &readable(filter, actor), sort, after, limit + 1).await?;
    let more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    let ids: Vec<RequestId> = rows.iter().map(|request| request.id).collect();
    let claims = requests::claims_of(&mut store, &ids).await?;
    Ok(Page {
        next: rows.last().filter(|_| more).map(|last| requests::cursor(last, sort)),
        items: rows.iter().map(|request| RequestSummary::new(actor, request, &claims)).collect(),
    })
}

/// A filter that looks no deeper than the actor may read.
fn readable(filter: &Filter, actor: &Actor) -> Filter {
    Filter { in_notes: actor.may(Permission::ReadNotes), ..filter.clone() }
}

/// How many requests each status has under a filter, statuses without any included.
///
/// # Errors
/// [`ServiceError::Forbidden`], the store.
pub async fn count_requests(app: &App, actor: &Actor, filter: &Filter) -> Result<Vec<(Status, i64)>, ServiceError> {
    require(actor, Permission::Read)?;
    let found = requests::counts(&mut app.store.acquire().await?, &readable(filter, actor)).await?;
    let count = |status: &Status| found.iter().find(|(other, _)| other == status).map_or(0, |(_, count)| *count);
    Ok(Status::ALL.iter().map(|status| (*status, count(status))).collect())
}

/// A request by its id or its reference.
///
/// # Errors
/// [`ServiceError::NotFound`], the store.
pub async fn find_request(app: &App, name: &str) -> Result<Request, ServiceError> {
    let mut store = app.store.acquire().await?;
    let found = if let Ok(id) = name.parse::<RequestId>() {
        requests::find(&mut store, id).await?
    } else if let Ok(reference) = name.parse::<Reference>() {
        requests::find_by_reference(&mut store, &reference).await?
    } else {
        None
    };
    found.ok_or(ServiceError::NotFound("request"))
}
