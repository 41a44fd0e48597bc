//! Children without a pupil, over all requests that wait for staff: the same typed child once, with whom it may be.

use std::collections::{BTreeSet, HashMap};

use kinlink_domain::{
    Timestamp,
    differences::{Difference, differences},
    hold::Identity,
    ids::{ClaimId, RequestId},
    matching::{Pupil, Verdict},
    reference::Reference,
    staff::{Actor, Permission},
};
use kinlink_store::{
    requests,
    views::{self, Unmatched},
};
use serde::Serialize;

use super::{list::count, register};
use crate::{
    App, ServiceError,
    access::require,
    holds,
    pin::{ChildKey, child_key},
};

/// So many open children are looked at, the oldest first.
pub const MOST_QUEUED: u32 = 1_000;

/// Children without a pupil.
#[derive(Debug, Clone, Serialize)]
pub struct MatchingQueue {
    /// One a typed child, the oldest first.
    pub groups: Vec<QueueGroup>,
    /// How many further open children were not looked at, because there are more than [`MOST_QUEUED`].
    pub more: i64,
}

/// A child as typed, in one request or in several.
#[derive(Debug, Clone, Serialize)]
pub struct QueueGroup {
    /// Given name, as typed first.
    pub given_name: String,
    /// Family name.
    pub family_name: String,
    /// Tutor group.
    pub tutor_group: Option<String>,
    /// Admission number.
    pub admission_number: Option<String>,
    /// The claims that typed the child so, the oldest first.
    pub claims: Vec<QueueClaim>,
    /// Whom the child may be, the best first; none is chosen.
    pub candidates: Vec<QueueCandidate>,
}

/// A claim of a [`QueueGroup`].
#[derive(Debug, Clone, Serialize)]
pub struct QueueClaim {
    /// Its request.
    pub request: RequestId,
    /// What people call the request.
    pub reference: Reference,
    /// The request's version.
    pub version: i64,
    /// The claim.
    pub claim: ClaimId,
    /// The adult's given name.
    pub given_name: String,
    /// The adult's family name.
    pub family_name: String,
    /// When the request came.
    pub created_at: Timestamp,
    /// Whether safeguarding has to be asked about the adult.
    pub referred: bool,
}

/// A pupil whom a typed child may be.
#[derive(Debug, Clone, Serialize)]
pub struct QueueCandidate {
    /// The pupil.
    pub pupil: Pupil,
    /// Whether everything agrees that must: then others agree as well.
    pub exact: bool,
    /// Whether safeguarding has to be asked before the pupil is given to one of these claims.
    pub referred: bool,
    /// In what the two differ.
    pub differences: Vec<Difference>,
}

/// The children of requests that wait for staff who match no pupil exactly, or several, and for whom nobody pinned one.
///
/// # Errors
/// [`ServiceError::Forbidden`], the store, Moodle: without its pupils nothing can be said.
pub async fn matching_queue(app: &App, actor: &Actor) -> Result<MatchingQueue, ServiceError> {
    require(actor, Permission::Read)?;
    let policy = app.policy().await?;
    let mut store = app.store.acquire().await?;
    let open = views::unmatched(&mut store, MOST_QUEUED).await?;
    let more = (views::count_unmatched(&mut store).await? - count(open.len())).max(0);
    let stops = holds::in_force(app, &mut store).await?;
    let ids: Vec<RequestId> = open.iter().map(|open| open.claim.request).collect::<BTreeSet<_>>().into_iter().collect();
    let asking = if stops.0.is_empty() { Vec::new() } else { requests::by_ids(&mut store, &ids).await? };
    let asking: HashMap<RequestId, Identity> =
        asking.iter().map(|request| (request.id, holds::of_request(request, None))).collect();
    drop(store);
    let register = register(app, &policy).await?;
    let mut places: HashMap<ChildKey, usize> = HashMap::new();
    let mut typed: Vec<(ChildKey, Vec<Unmatched>)> = Vec::new();
    for claim in open {
        let key = child_key(&claim.claim.child);
        let place = *places.entry(key.clone()).or_insert(typed.len());
        if place == typed.len() {
            typed.push((key, Vec::new()));
        }
        typed[place].1.push(claim);
    }
    let groups = typed.into_iter().filter_map(|(_, claims)| {
        let child = claims.first()?.claim.child.clone();
        let found = register.match_child(&child);
        if matches!(found.verdict, Verdict::Exact(_)) {
            return None;
        }
        let who = || claims.iter().filter_map(|claim| asking.get(&claim.claim.request));
        let candidate = |candidate: kinlink_domain::matching::Candidate| QueueCandidate {
            referred: who().any(|who| stops.forbid(who, candidate.pupil.id)),
            differences: differences(&child, &candidate.pupil),
            exact: candidate.exact,
            pupil: candidate.pupil,
        };
        Some(QueueGroup {
            candidates: found.candidates.into_iter().map(candidate).collect(),
            claims: claims
                .iter()
                .map(|claim| QueueClaim {
                    referred: asking.get(&claim.claim.request).is_some_and(|who| stops.forbid_person(who)),
                    ..QueueClaim::from(claim.clone())
                })
                .collect(),
            given_name: child.given_name,
            family_name: child.family_name,
            tutor_group: child.tutor_group,
            admission_number: child.admission_number,
        })
    });
    Ok(MatchingQueue { groups: groups.collect(), more })
}

impl From<Unmatched> for QueueClaim {
    fn from(found: Unmatched) -> Self {
        Self {
            request: found.claim.request,
            reference: found.reference,
            version: found.version,
            claim: found.claim.id,
            given_name: found.given_name,
            family_name: found.family_name,
            created_at: found.created_at,
            referred: false,
        }
    }
}
