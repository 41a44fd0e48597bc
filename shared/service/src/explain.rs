//! Why an adult does not see a child: collects the evidence, lets the domain judge it.

use kinlink_domain::{
    email::EmailAddress,
    explain::{AccountEvidence, ClaimEvidence, Evidence, Explanation, PupilEvidence, RoleEvidence, judge},
    fold::are_one_name,
    hold::{Identity, REFER, address_key},
    ids::{AdultId, HoldId, MoodleUserId},
    policy::Policy,
    reference::Reference,
    request::{ClaimState, Status},
    staff::{Actor, Permission},
};
use kinlink_moodle::{evidence, pupils, site, tasks, users};
use kinlink_store::{
    accounts,
    links::{self, Link},
    requests::{self, Claim, Request},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{App, ServiceError, access::require, holds, looked};

/// Whom staff mean by an adult.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// An adult that was accepted.
    Adult(AdultId),
    /// Somebody who asked from this address and was not accepted (yet).
    Asker(EmailAddress),
}

impl From<AdultId> for Who {
    fn from(adult: AdultId) -> Self {
        Self::Adult(adult)
    }
}

/// An explanation with the two it is about.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Explained {
    /// The adult; none when nobody was accepted yet.
    #[schema(required)]
    pub adult: Option<AdultId>,
    /// The pupil.
    pub pupil: MoodleUserId,
    /// The request that the chain begins with; none when none names this pupil.
    #[schema(required)]
    pub request: Option<Reference>,
    /// The chain and its first broken link.
    #[serde(flatten)]
    pub explanation: Explanation,
}

/// The adult whom staff mean: by id, user name or address.
///
/// # Errors
/// [`ServiceError::Forbidden`]; [`ServiceError::NotFound`] when neither an adult nor a request is known by that name; a
/// refusal `adult_not_clear` when several adults have the address; the store.
pub async fn find_adult(app: &App, actor: &Actor, name: &str) -> Result<Who, ServiceError> {
    require(actor, Permission::Read)?;
    let mut store = app.store.acquire().await?;
    if let Ok(id) = name.parse::<AdultId>() {
        let adult = accounts::adult(&mut store, id).await?.ok_or(ServiceError::NotFound("adult"))?;
        return Ok(Who::Adult(adult.id));
    }
    if let Some(adult) = accounts::adults_by_username(&mut store, &[name.to_owned()]).await?.pop() {
        return Ok(Who::Adult(adult.id));
    }
    let not_clear =
        || ServiceError::refused("adult_not_clear", "several adults have this address; give the id or user name");
    let email: EmailAddress = name.parse().map_err(|_| ServiceError::NotFound("adult"))?;
    match accounts::adults_by_email(&mut store, &email).await?.as_slice() {
        [adult] => Ok(Who::Adult(adult.id)),
        [] => {
            // An adult whose address is another one by now still is who asked from this one.
            let asked = requests::by_email(&mut store, &email, 50).await?;
            let mut adults: Vec<AdultId> = asked.iter().filter_map(|request| request.adult).collect();
            adults.sort_unstable();
            adults.dedup();
            match (asked.is_empty(), adults.as_slice()) {
                (true, _) => Err(ServiceError::NotFound("adult")),
                (false, []) => Ok(Who::Asker(email)),
                (false, [adult]) => Ok(Who::Adult(*adult)),
                (false, _) => Err(not_clear()),
            }
        }
        _ => Err(not_clear()),
    }
}

/// The pupil whom staff mean: by Moodle user id, or by name, tutor group or admission number where that is one pupil.
///
/// # Errors
/// [`ServiceError::NotFound`], a refusal `pupil_not_clear`, Moodle, the store.
pub async fn find_pupil(app: &App, actor: &Actor, name: &str) -> Result<MoodleUserId, ServiceError> {
    require(actor, Permission::Read)?;
    if let Ok(id) = name.parse() {
        return Ok(MoodleUserId(id));
    }
    let found = crate::view::search_pupils(app, actor, name, 2).await?;
    match found.as_slice() {
        [] => Err(ServiceError::NotFound("pupil")),
        [pupil] => Ok(pupil.id),
        _ => Err(ServiceError::refused(
            "pupil_not_clear",
            "several pupils are called so; give the Moodle user id or admission number",
        )),
    }
}

/// Walks the chain from the request to the role row.
///
/// # Errors
/// [`ServiceError::Forbidden`], [`ServiceError::NotFound`], Moodle's database, the store.
pub async fn explain(
    app: &App,
    actor: &Actor,
    who: impl Into<Who>,
    pupil: MoodleUserId,
) -> Result<Explained, ServiceError> {
    require(actor, Permission::Read)?;
    let policy = app.policy().await?;
    let mut store = app.store.acquire().await?;
    let mut asker = Identity::default();
    let (adult, link, has_login_row, claims) = match who.into() {
        Who::Adult(adult) => {
            let adult = accounts::adult(&mut store, adult).await?.ok_or(ServiceError::NotFound("adult"))?;
            // Another connection notes it: a pool may have no more than this one to give.
            drop(store);
            looked::note(app, actor, "adult", adult.id).await?;
            store = app.store.acquire().await?;
            let link = links::of_pair(&mut store, adult.id, pupil).await?;
            let has_login_row = !accounts::login_rows_of(&mut store, &[adult.id]).await?.is_empty();
            let mut claims = requests::claims_of_adult(&mut store, adult.id).await?;
            // What nobody has decided on yet belongs to no adult; the address tells whose it may be.
            let name = (adult.given_name.as_str(), adult.family_name.as_str());
            claims.extend(undecided_from(&mut store, &adult.email, Some(name)).await?);
            (Some(adult), link, has_login_row, claims)
        }
        Who::Asker(email) => {
            asker.addresses.push(address_key(email.as_str()));
            (None, None, false, undecided_from(&mut store, &email, None).await?)
        }
    };
    let stops = holds::in_force(app, &mut store).await?;
    drop(store);
    let claim = claim_about(app, &policy, claims, link.as_ref(), pupil).await;
    if let (None, Some((_, _, claim))) = (&adult, &claim) {
        looked::note(app, actor, "request", claim.request).await?;
    }

    let mut moodle = app.moodle.connect().await?;
    let prefix = app.moodle.prefix();
    // A missing role is something to explain here, not a reason to stop.
    let site = site::read(&mut moodle, prefix, &policy).await.ok();
    let host = site::local_host(&mut moodle, prefix).await?;
    let picked_user = adult.as_ref().and_then(|adult| adult.picked_user);
    let account = match (picked_user, adult.as_ref().and_then(|adult| adult.username.as_ref())) {
        (Some(picked), _) => users::by_ids(&mut moodle, prefix, &[picked]).await?.pop(),
        (None, Some(name)) => {
            match users::by_usernames(&mut moodle, prefix, host, std::slice::from_ref(name)).await?.pop() {
                Some(user) => Some(user),
                // C-2: an account that was ours and belongs to no local host any more cannot sign in.
                None => users::displaced(&mut moodle, prefix, host, name).await?,
            }
        }
        (None, None) => None,
    };
    let role = site::roles(&mut moodle, prefix, &[&policy.link_role]).await?.remove(&policy.link_role);
    let can_view = match &role {
        Some(role) => evidence::role_allows(&mut moodle, prefix, role.id, "moodle/user:viewdetails").await?,
        None => false,
    };
    let child = users::by_ids(&mut moodle, prefix, &[pupil]).await?.pop();
    let passes_filter = match &site {
        Some(site) => pupils::eligible(&mut moodle, prefix, &policy, site, &[pupil]).await?.contains(&pupil),
        None => true,
    };
    let written_at = match (&account, &role, child.as_ref().and_then(|child| child.context)) {
        (Some(account), Some(role), Some(context)) => {
            evidence::role_row(&mut moodle, prefix, &policy.component, role.id, context.id, account.id).await?
        }
        _ => None,
    };
    let stale_session = match (&account, written_at) {
        (Some(account), Some(at)) => evidence::has_stale_session(&mut moodle, prefix, account.id, at).await?,
        _ => false,
    };
    let request = claim.as_ref().map(|(reference, ..)| reference.clone());
    let identity = adult.as_ref().map_or(asker, |adult| holds::of_account(adult, account.as_ref()));
    let found = Evidence {
        hold: held(actor, &stops.of_pair(&identity, pupil)),
        claim: claim.map(|(reference, status, claim)| ClaimEvidence {
            reference: reference.to_string(),
            status,
            state: claim.state,
        }),
        link_active: link.map(|link| link.active),
        can_sign_in: has_login_row || picked_user.is_some(),
        account: account.map(|user| AccountEvidence {
            id: user.id.0,
            auth_as_expected: picked_user.is_some() || user.auth == "db",
            auth: user.auth,
            deleted: user.deleted,
            suspended: user.suspended,
            confirmed: user.confirmed,
            local: user.host == host,
        }),
        role: role.map(|role| RoleEvidence { id: role.id.0, assignable: role.in_users, can_view }),
        pupil: child.map(|child| PupilEvidence {
            deleted: child.deleted,
            passes_filter,
            context_complete: child.context.map(|context| context.complete),
        }),
        role_row: written_at.is_some(),
        stale_session,
        cron_age: tasks::seconds_since_cron(&mut moodle, prefix).await?,
    };
    Ok(Explained { adult: adult.map(|adult| adult.id), pupil, request, explanation: judge(&found) })
}

/// What the reader may know of the holds that forbid a pair.
fn held(actor: &Actor, ids: &[HoldId]) -> Option<String> {
    if ids.is_empty() {
        return None;
    }
    let ids: Vec<String> = ids.iter().map(|id| format!("hold {id}")).collect();
    Some(if actor.may(Permission::Hold) { ids.join(", ") } else { REFER.to_lowercase() })
}

/// A claim with its request's reference and status.
type Known = (Reference, Status, Claim);

/// The claims of the requests that came from an address and were nobody's yet, newest first; with a name only those that bear
/// it: a mailbox may be another's as well.
async fn undecided_from(
    store: &mut kinlink_store::Connection,
    email: &EmailAddress,
    name: Option<(&str, &str)>,
) -> Result<Vec<Known>, ServiceError> {
    let mut asked = requests::by_email(store, email, 50).await?;
    let bears = |request: &Request, name| are_one_name((&request.given_name, &request.family_name), name);
    asked.retain(|request| request.adult.is_none() && name.is_none_or(|name| bears(request, name)));
    let ids: Vec<_> = asked.iter().map(|request| request.id).collect();
    let claims = requests::claims_of(store, &ids).await?;
    Ok(asked
        .iter()
        .flat_map(|request| {
            let own = claims.iter().filter(|claim| claim.request == request.id);
            own.map(|claim| (request.reference.clone(), request.status, claim.clone())).collect::<Vec<_>>()
        })
        .collect())
}

/// The claim that is about this pupil: the one that made the link or that the pupil was picked for, before an undecided one
/// that may mean them; what is in force first.
async fn claim_about(
    app: &App,
    policy: &Policy,
    claims: Vec<Known>,
    link: Option<&Link>,
    pupil: MoodleUserId,
) -> Option<Known> {
    // Without pupils (Moodle lacks its role, say) an undecided claim cannot be told to be about this one.
    let register = crate::view::register(app, policy).await.ok();
    let may_mean = |claim: &Claim| {
        let found = register.as_ref().map(|register| register.match_child(&claim.child));
        found.is_some_and(|found| found.candidates.iter().any(|candidate| candidate.pupil.id == pupil))
    };
    claims
        .into_iter()
        .filter(|(_, _, claim)| {
            claim.pupil == Some(pupil)
                || link.is_some_and(|link| link.claim == claim.id)
                || (claim.pupil.is_none() && may_mean(claim))
        })
        .min_by_key(|(_, _, claim)| match claim.state {
            ClaimState::Approved => 0,
            ClaimState::Open => 1,
            ClaimState::Withdrawn => 2,
            ClaimState::Denied => 3,
        })
}
