//! One act on many requests: a preview that names what cannot be done and why, then each request by itself.
//!
//! Each request is a guarded transaction of its own by the use case that also serves one request; what one of them refuses
//! never stops the others. What needs a look at the single request is refused here: approving without a clear pupil for each
//! child, approving that an adult leaves, and ending what is in force.

use kinlink_domain::{
    ids::RequestId,
    reference::Reference,
    request::{Action, Kind, Status},
    staff::{Actor, Permission},
    submission::FieldFault,
};
use kinlink_store::{
    audit,
    requests::{self, Claim, Request},
};
use serde::Serialize;

use crate::{
    App, ServiceError,
    access::require,
    approve::{Approval, Checks, Foreseen, School, approve, approve_among, foresee, require_checks},
    decide::{Reason, ask, end, load, reopen},
    own,
    view::{HistoryEntry, RequestSummary, Surroundings, since, what_happened_since},
};

/// Most requests in one go.
pub const MOST_AT_ONCE: usize = 100;

/// What is done to each of the requests.
#[derive(Debug, Clone)]
pub enum BulkAct {
    /// Approve: every open child by its pinned or exact pupil.
    Approve {
        /// What was checked in the MIS, for all of them.
        checks: Checks,
    },
    /// Refuse.
    Deny {
        /// Why.
        reason: Reason,
    },
    /// Ask the adults for information.
    Ask {
        /// What is asked, for the history.
        reason: Reason,
    },
    /// Say that they repeat other requests.
    Duplicate {
        /// Why.
        reason: Reason,
    },
    /// Say that they are not genuine.
    Bogus {
        /// Why.
        reason: Reason,
    },
    /// Take them up again.
    Reopen {
        /// Why.
        reason: Reason,
    },
}

impl BulkAct {
    /// What it does to a request.
    #[must_use]
    pub const fn action(&self) -> Action {
        match self {
            Self::Approve { .. } => Action::Approve,
            Self::Deny { .. } => Action::Deny,
            Self::Ask { .. } => Action::Ask,
            Self::Duplicate { .. } => Action::MarkDuplicate,
            Self::Bogus { .. } => Action::MarkBogus,
            Self::Reopen { .. } => Action::Reopen,
        }
    }

    /// What is refused here though it is possible for a single request.
    fn require_simple(&self, request: &Request) -> Result<(), ServiceError> {
        let ends = matches!(self, Self::Deny { .. } | Self::Duplicate { .. } | Self::Bogus { .. });
        if ends && request.status.is_in_force() {
            let detail = "the request is in force and this takes access away; decide on it by itself";
            return Err(ServiceError::refused("in_force", detail));
        }
        if matches!(self, Self::Approve { .. }) && request.kind == Kind::Leave {
            let detail = "approving this takes access away; decide on it by itself";
            return Err(ServiceError::refused("takes_away", detail));
        }
        Ok(())
    }
}

/// Why one of the requests was or would be refused.
#[derive(Debug, Clone, Serialize)]
pub struct Refusal {
    /// A stable code: that of [`ServiceError::Refused`], or `not_found`, `invalid`, `stale`, `race`, `unavailable`,
    /// `not_tried`, `failed`.
    pub code: &'static str,
    /// What stands in the way, in English; names no person.
    pub detail: String,
    /// The parts that stand in the way, if it is about parts.
    pub parts: Vec<FieldFault>,
    /// What others did to the request meanwhile, oldest first, if that is why.
    pub since: Vec<HistoryEntry>,
}

impl From<&ServiceError> for Refusal {
    fn from(error: &ServiceError) -> Self {
        let (code, parts) = match error {
            ServiceError::Refused { code, parts, .. } => (*code, parts.clone()),
            ServiceError::NotFound(_) => ("not_found", Vec::new()),
            ServiceError::Invalid(faults) => ("invalid", faults.clone()),
            ServiceError::Stale => ("stale", Vec::new()),
            ServiceError::Race => ("race", Vec::new()),
            error if error.unavailable().is_some() => ("unavailable", Vec::new()),
            _ => ("failed", Vec::new()),
        };
        let detail = match error {
            ServiceError::Invalid(faults) => {
                let mut details: Vec<&str> = faults.iter().map(|fault| fault.detail.as_str()).collect();
                details.dedup();
                details.join("; ")
            }
            // What failed inside is for the log.
            _ if code == "failed" => "this could not be done".to_owned(),
            error => error.to_string(),
        };
        Self { code, detail, parts, since: Vec::new() }
    }
}

/// What became of one request.
#[derive(Debug, Clone)]
pub struct BulkResult {
    /// The request.
    pub id: RequestId,
    /// What people call it; none when there is no such request.
    pub reference: Option<Reference>,
    /// Where it stands now, or why nothing was done.
    pub result: Result<Status, Refusal>,
}

/// What would become of one request.
#[derive(Debug, Clone)]
pub struct Preview {
    /// The request.
    pub id: RequestId,
    /// The version that was seen.
    pub version: i64,
    /// The request as it stands now; none when there is none.
    pub summary: Option<RequestSummary>,
    /// Whether it can be done, or why not.
    pub verdict: Result<(), Refusal>,
}

fn require_few(rows: &[(RequestId, i64)]) -> Result<(), ServiceError> {
    if rows.len() <= MOST_AT_ONCE {
        return Ok(());
    }
    Err(ServiceError::refused("too_many", format!("decide on at most {MOST_AT_ONCE} requests at once")))
}

/// What an act on these requests, each with the version that was seen, would come to, in their order. Changes nothing.
///
/// # Errors
/// [`ServiceError::Forbidden`], a refusal `too_many`, the store; with [`BulkAct::Approve`] also Moodle.
pub async fn preview_bulk(
    app: &App,
    actor: &Actor,
    act: &BulkAct,
    rows: &[(RequestId, i64)],
) -> Result<Vec<Preview>, ServiceError> {
    require(actor, Permission::Decide)?;
    require_few(rows)?;
    let policy = app.policy().await?;
    let mut store = app.store.acquire().await?;
    let ids: Vec<RequestId> = rows.iter().map(|(id, _)| *id).collect();
    let found = requests::by_ids(&mut store, &ids).await?;
    let claims = requests::claims_of(&mut store, &ids).await?;
    let stale: Vec<String> = found
        .iter()
        .filter(|request| rows.iter().any(|(id, seen)| *id == request.id && *seen != request.version))
        .map(|request| format!("request:{}", request.id))
        .collect();
    let written = audit::of_subjects(&mut store, &stale).await?;
    let surroundings = match act {
        BulkAct::Approve { .. } => Some(Surroundings::read(app, &policy, &mut store, &found).await?),
        _ => None,
    };
    drop(store);
    let own = own::of(app, actor, &found).await?;
    let judge = |request: &Request, seen: i64| -> Result<(), Refusal> {
        if own.contains(&request.id) {
            return Err(Refusal::from(&own::refusal()));
        }
        if request.version != seen {
            let subject = format!("request:{}", request.id);
            let its: Vec<_> = written.iter().filter(|entry| entry.entry.subject == subject).cloned().collect();
            return Err(Refusal { since: since(&its, seen), ..Refusal::from(&ServiceError::Stale) });
        }
        let its: Vec<&Claim> = claims.iter().filter(|claim| claim.request == request.id).collect();
        possible(act, request, &its, surroundings.as_ref()).map_err(|error| Refusal::from(&error))
    };
    Ok(rows
        .iter()
        .map(|(id, seen)| match found.iter().find(|request| request.id == *id) {
            None => Preview {
                id: *id,
                version: *seen,
                summary: None,
                verdict: Err(Refusal::from(&ServiceError::NotFound("request"))),
            },
            Some(request) => Preview {
                id: *id,
                version: *seen,
                summary: Some(RequestSummary::new(actor, request, &claims)),
                verdict: judge(request, *seen),
            },
        })
        .collect())
}

fn possible(
    act: &BulkAct,
    request: &Request,
    claims: &[&Claim],
    surroundings: Option<&Surroundings>,
) -> Result<(), ServiceError> {
    if !request.status.allows(act.action()) {
        let detail = format!("the request is {}; {} is not possible then", request.status, act.action());
        return Err(ServiceError::refused("wrong_status", detail));
    }
    act.require_simple(request)?;
    let Some(surroundings) = surroundings else { return Ok(()) };
    let foreseen = surroundings.foresee(request, claims).ok_or_else(|| {
        ServiceError::refused("moodle_unknown", "Moodle cannot be asked which pupils are meant; try again later")
    })?;
    require_links(foreseen?)
}

fn require_links(foreseen: Foreseen) -> Result<(), ServiceError> {
    match foreseen {
        Foreseen::Links(_) => Ok(()),
        Foreseen::DealtWith | Foreseen::Leaves => {
            Err(ServiceError::refused("nothing_to_link", "the request names no child to link; decide on it by itself"))
        }
    }
}

/// Does the act to these requests, each with the version that was seen, one after the other.
///
/// # Errors
/// [`ServiceError::Forbidden`], a refusal `too_many`, [`ServiceError::Invalid`] for checks that were not made, the store;
/// with [`BulkAct::Approve`] also Moodle. Nothing was done then. What one request refuses is in its result.
pub async fn bulk(
    app: &App,
    actor: &Actor,
    act: &BulkAct,
    rows: &[(RequestId, i64)],
) -> Result<Vec<BulkResult>, ServiceError> {
    require(actor, Permission::Decide)?;
    require_few(rows)?;
    let policy = app.policy().await?;
    let school = match act {
        BulkAct::Approve { checks } => {
            require_checks(&policy, *checks)?;
            Some(School::read(app, &policy).await?)
        }
        _ => None,
    };
    let ids: Vec<RequestId> = rows.iter().map(|(id, _)| *id).collect();
    let known = requests::by_ids(&mut app.store.acquire().await?, &ids).await?;
    let mut results = Vec::with_capacity(rows.len());
    let mut gone = false;
    for (id, version) in rows {
        let result = if gone {
            let detail = "a database went out of reach before this one's turn; nothing was done".to_owned();
            Err(Refusal { code: "not_tried", detail, parts: Vec::new(), since: Vec::new() })
        } else {
            match one(app, actor, &policy, act, school.as_ref(), *id, *version).await {
                Ok(request) => Ok(request.status),
                Err(error) => {
                    gone = error.unavailable().is_some();
                    Err(refusal(app, actor, *id, *version, &error).await)
                }
            }
        };
        let reference = known.iter().find(|request| request.id == *id).map(|request| request.reference.clone());
        results.push(BulkResult { id: *id, reference, result });
    }
    Ok(results)
}

async fn one(
    app: &App,
    actor: &Actor,
    policy: &kinlink_domain::policy::Policy,
    act: &BulkAct,
    school: Option<&School>,
    id: RequestId,
    version: i64,
) -> Result<Request, ServiceError> {
    let seen = Some(version);
    let (request, claims) = load(app, actor, id, seen, act.action()).await?;
    act.require_simple(&request)?;
    let approval = |checks: &Checks| Approval { checks: *checks, ..Approval::default() };
    match (act, school) {
        (BulkAct::Approve { checks }, Some(school)) => {
            // Accounts are looked at by the approval itself; here only whether every child has its pupil.
            require_links(foresee(&request, &claims, &[], &[], &school.register)?)?;
            approve_among(app, actor, policy, school, &request, seen, &approval(checks)).await
        }
        (BulkAct::Approve { checks }, None) => approve(app, actor, id, seen, &approval(checks)).await,
        (BulkAct::Deny { reason } | BulkAct::Duplicate { reason } | BulkAct::Bogus { reason }, _) => {
            end(app, actor, id, seen, act.action(), reason).await
        }
        (BulkAct::Ask { reason }, _) => ask(app, actor, id, seen, reason).await,
        (BulkAct::Reopen { reason }, _) => reopen(app, actor, id, seen, reason).await,
    }
}

/// Why nothing was done to one request; with who did what meanwhile, if that is why.
async fn refusal(app: &App, actor: &Actor, id: RequestId, version: i64, error: &ServiceError) -> Refusal {
    let mut refusal = Refusal::from(error);
    if matches!(error, ServiceError::Stale) {
        refusal.since = what_happened_since(app, actor, id, version).await.unwrap_or_default();
    }
    if refusal.code == "failed" {
        tracing::error!(request.id = %id, %error, "one of many requests could not be decided on");
    }
    refusal
}
