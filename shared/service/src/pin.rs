//! Saying ahead of approval which pupil a child is: the pupil is pinned to the open claim, and approving takes them.
//!
//! Nothing is linked by this. A pin is guarded by the request's version and audited like a decision; a child whose text is
//! corrected, and a request that ends, lose it.

use kinlink_domain::{
    fold::fold,
    ids::{ClaimId, MoodleUserId, RequestId},
    request::{Action, ClaimState},
    staff::{Actor, Permission},
    submission::Child,
};
use kinlink_moodle::{pupils, site};
use kinlink_store::{audit, requests, requests::Request};
use serde_json::json;

use crate::{
    App, ServiceError,
    access::require,
    bulk::{MOST_AT_ONCE, Refusal},
    decide::load,
    error::retry_races,
    holds,
    view::what_happened_since,
};

/// Pins a pupil to an open claim, in place of whoever was pinned before.
///
/// # Errors
/// [`ServiceError::Forbidden`], [`ServiceError::NotFound`], [`ServiceError::Stale`]; refusals `wrong_status`, `refer_to_safeguarding`, `not_open`,
/// `not_a_pupil`, `same_pupil` (another child of the request is that pupil); Moodle, the store.
pub async fn pin_pupil(
    app: &App,
    actor: &Actor,
    request: RequestId,
    version: Option<i64>,
    claim: ClaimId,
    pupil: MoodleUserId,
) -> Result<Request, ServiceError> {
    require(actor, Permission::Decide)?;
    require_pupil(app, pupil).await?;
    set_pin(app, actor, request, version, claim, Some(pupil), None).await
}

/// Takes a pin away: the claim is matched again.
///
/// # Errors
/// As [`pin_pupil`], without Moodle.
pub async fn unpin_pupil(
    app: &App,
    actor: &Actor,
    request: RequestId,
    version: Option<i64>,
    claim: ClaimId,
) -> Result<Request, ServiceError> {
    require(actor, Permission::Decide)?;
    set_pin(app, actor, request, version, claim, None, None).await
}

/// A claim to pin a pupil to, as it was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PinTarget {
    /// The request.
    pub request: RequestId,
    /// The request's version that was seen.
    pub version: i64,
    /// The claim.
    pub claim: ClaimId,
}

/// What became of one claim.
#[derive(Debug, Clone)]
pub struct PinResult {
    /// The claim.
    pub target: PinTarget,
    /// The request's new version, or why nothing was done.
    pub result: Result<i64, Refusal>,
}

/// Pins one pupil to several claims of the same child ("also for the three requests with this name"), each in a transaction of
/// its own. A claim whose child was typed in another way than the first one's is refused.
///
/// # Errors
/// [`ServiceError::Forbidden`], refusals `too_many` and `not_a_pupil`, Moodle, the store. What one claim refuses is in its result.
pub async fn pin_same(
    app: &App,
    actor: &Actor,
    pupil: MoodleUserId,
    targets: &[PinTarget],
) -> Result<Vec<PinResult>, ServiceError> {
    require(actor, Permission::Decide)?;
    if targets.len() > MOST_AT_ONCE {
        return Err(ServiceError::refused("too_many", format!("decide on at most {MOST_AT_ONCE} children at once")));
    }
    require_pupil(app, pupil).await?;
    let ids: Vec<RequestId> = targets.iter().map(|target| target.request).collect();
    let claims = requests::claims_of(&mut app.store.acquire().await?, &ids).await?;
    let first = targets.first().and_then(|target| claims.iter().find(|claim| claim.id == target.claim));
    let key = first.map(|claim| child_key(&claim.child));
    let mut results = Vec::with_capacity(targets.len());
    for target in targets {
        let version = Some(target.version);
        let pinned = set_pin(app, actor, target.request, version, target.claim, Some(pupil), key.as_ref()).await;
        let result = match pinned {
            Ok(request) => Ok(request.version),
            Err(error) => {
                let mut refusal = Refusal::from(&error);
                if matches!(error, ServiceError::Stale) {
                    refusal.since = what_happened_since(app, actor, target.request, target.version).await?;
                }
                Err(refusal)
            }
        };
        results.push(PinResult { target: *target, result });
    }
    Ok(results)
}

/// By what typed children are taken for the same: names, tutor group and admission number, folded.
pub(crate) type ChildKey = [String; 4];

pub(crate) fn child_key(child: &Child) -> ChildKey {
    let folded = |text: &Option<String>| fold(text.as_deref().unwrap_or_default());
    [fold(&child.given_name), fold(&child.family_name), folded(&child.tutor_group), folded(&child.admission_number)]
}

async fn require_pupil(app: &App, pupil: MoodleUserId) -> Result<(), ServiceError> {
    let policy = app.policy().await?;
    let mut moodle = app.moodle.connect().await?;
    let prefix = app.moodle.prefix();
    let site = site::read(&mut moodle, prefix, &policy).await?;
    if pupils::eligible(&mut moodle, prefix, &policy, &site, &[pupil]).await?.contains(&pupil) {
        return Ok(());
    }
    Err(ServiceError::refused("not_a_pupil", "this Moodle user is not a pupil by the pupil filter"))
}

async fn set_pin(
    app: &App,
    actor: &Actor,
    id: RequestId,
    version: Option<i64>,
    claim: ClaimId,
    pupil: Option<MoodleUserId>,
    key: Option<&ChildKey>,
) -> Result<Request, ServiceError> {
    retry_races!(pin_once(app, actor, id, version, claim, pupil, key))
}

async fn pin_once(
    app: &App,
    actor: &Actor,
    id: RequestId,
    version: Option<i64>,
    claim: ClaimId,
    pupil: Option<MoodleUserId>,
    key: Option<&ChildKey>,
) -> Result<Request, ServiceError> {
    let (mut request, mut claims) = load(app, actor, id, version, Action::Approve).await?;
    let taken = claims.iter().any(|other| {
        other.id != claim
            && matches!(other.state, ClaimState::Open | ClaimState::Approved)
            && pupil.is_some()
            && other.pupil == pupil
    });
    if taken {
        return Err(ServiceError::refused("same_pupil", "another child of this request is that pupil"));
    }
    let own = claims.iter_mut().find(|own| own.id == claim).ok_or(ServiceError::NotFound("claim"))?;
    if own.state != ClaimState::Open {
        return Err(ServiceError::refused("not_open", format!("this child is {}, not open", own.state)));
    }
    if key.is_some_and(|key| *key != child_key(&own.child)) {
        return Err(ServiceError::refused("other_child", "this child was typed in another way; look at it by itself"));
    }
    if let Some(pupil) = pupil {
        holds::require_request_free(app, &mut app.store.acquire().await?, &request, [pupil]).await?;
    }
    own.pupil = pupil;
    let now = app.now();
    request.updated_at = now;
    let mut tx = app.store.begin().await?;
    requests::update(&mut tx, &mut request, &claims).await?;
    for own in claims.iter().filter(|own| own.id == claim) {
        requests::update_claim(&mut tx, own).await?;
    }
    let action = if pupil.is_some() { "request.pin" } else { "request.unpin" };
    let detail = json!({ "version": request.version, "claim": claim, "pupil": pupil });
    audit::write(&mut tx, actor, now, &[audit::Entry::new(action, format!("request:{id}"), detail)]);
    tx.commit().await?;
    Ok(request)
}
