//! Why an adult does not see a child: collects the evidence, lets the domain judge it.

use kinlink_domain::{
    explain::{AccountEvidence, ClaimEvidence, Evidence, Explanation, PupilEvidence, RoleEvidence, judge},
    ids::{AdultId, MoodleUserId},
    request::ClaimState,
    staff::{Actor, Permission},
};
use kinlink_moodle::{evidence, pupils, site, tasks, users};
use kinlink_store::{
    accounts::{self, Adult},
    links, requests,
};
use serde::Serialize;

use crate::{App, ServiceError, access::require};

/// An explanation with the two it is about.
#[derive(Debug, Clone, Serialize)]
pub struct Explained {
    /// The adult.
    pub adult: AdultId,
    /// The pupil.
    pub pupil: MoodleUserId,
    /// The chain and its first broken link.
    #[serde(flatten)]
    pub explanation: Explanation,
}

/// The adult whom staff mean: by id, user name or address.
///
/// # Errors
/// [`ServiceError::Forbidden`], [`ServiceError::NotFound`], a refusal `adult_not_clear` when several have the address, the
/// store.
pub async fn find_adult(app: &App, actor: &Actor, name: &str) -> Result<Adult, ServiceError> {
    require(actor, Permission::Read)?;
    let mut store = app.store.acquire().await?;
    if let Ok(id) = name.parse::<AdultId>() {
        return accounts::adult(&mut store, id).await?.ok_or(ServiceError::NotFound("adult"));
    }
    if let Some(adult) = accounts::adults_by_username(&mut store, &[name.to_owned()]).await?.pop() {
        return Ok(adult);
    }
    let email = name.parse().map_err(|_| ServiceError::NotFound("adult"))?;
    let mut adults = accounts::adults_by_email(&mut store, &email).await?;
    match (adults.pop(), adults.is_empty()) {
        (None, _) => Err(ServiceError::NotFound("adult")),
        (Some(adult), true) => Ok(adult),
        (Some(_), false) => {
            Err(ServiceError::refused("adult_not_clear", "several adults have this address; give the id or user name"))
        }
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
pub async fn explain(app: &App, actor: &Actor, adult: AdultId, pupil: MoodleUserId) -> Result<Explained, ServiceError> {
    require(actor, Permission::Read)?;
    let policy = app.policy().await?;
    let mut store = app.store.acquire().await?;
    let adult = accounts::adult(&mut store, adult).await?.ok_or(ServiceError::NotFound("adult"))?;
    let link = links::of_pair(&mut store, adult.id, pupil).await?;
    let has_login_row = !accounts::login_rows_of(&mut store, &[adult.id]).await?.is_empty();
    let mut claims: Vec<_> = requests::claims_of_adult(&mut store, adult.id)
        .await?
        .into_iter()
        .filter(|(_, _, claim)| claim.pupil == Some(pupil) || link.as_ref().is_some_and(|link| link.claim == claim.id))
        .collect();
    claims.sort_by_key(|(_, _, claim)| match claim.state {
        ClaimState::Approved => 0,
        ClaimState::Open => 1,
        ClaimState::Withdrawn => 2,
        ClaimState::Denied => 3,
    });
    drop(store);

    let mut moodle = app.moodle.connect().await?;
    let prefix = app.moodle.prefix();
    // A missing role is something to explain here, not a reason to stop.
    let site = site::read(&mut moodle, prefix, &policy).await.ok();
    let config = site::config(&mut moodle, prefix, &["mnet_localhost_id"]).await?;
    let host = config.get("mnet_localhost_id").and_then(|id| id.parse().ok()).unwrap_or(1);
    let account = match (adult.picked_user, &adult.username) {
        (Some(picked), _) => users::by_ids(&mut moodle, prefix, &[picked]).await?.pop(),
        (None, Some(name)) => users::by_usernames(&mut moodle, prefix, host, std::slice::from_ref(name)).await?.pop(),
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
    let found = Evidence {
        claim: claims.first().map(|(reference, status, claim)| ClaimEvidence {
            reference: reference.to_string(),
            status: *status,
            state: claim.state,
        }),
        link_active: link.map(|link| link.active),
        can_sign_in: has_login_row || adult.picked_user.is_some(),
        account: account.map(|user| AccountEvidence {
            id: user.id.0,
            auth_as_expected: adult.picked_user.is_some() || user.auth == "db",
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
    Ok(Explained { adult: adult.id, pupil, explanation: judge(&found) })
}
