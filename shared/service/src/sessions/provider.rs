//! Coming in by the school's sign-in: before somebody goes to the provider, and after what it says was checked.
//!
//! A sign-in under way is known by `state`, belongs to the browser that began it, works once and for ten minutes. What else it
//! needs (nonce, PKCE verifier) is derived from `state` and the signing key: the database alone reveals none of it.

use std::net::IpAddr;

use jiff::SignedDuration;
use kinlink_domain::{
    Timestamp,
    ids::StaffId,
    staff::{Actor, StaffRole},
};
use kinlink_store::{audit, sessions, sessions::Way, sign_ins, staff};
use serde_json::json;

use super::{Newcomer, SignedIn, StaffSession, UNDER_WAY, after, let_in};
use crate::{App, ServiceError, app::hash, error::retry_races, quota::Quota};

/// How far the provider's clock may be behind ours.
const CLOCKS: SignedDuration = SignedDuration::from_secs(60);

/// A sign-in that begins.
#[derive(Debug, Clone)]
pub struct Begun {
    /// `state` of the request to the provider.
    pub state: String,
    /// `nonce` of it.
    pub nonce: String,
    /// The PKCE verifier.
    pub verifier: String,
    /// What the browser has to hold meanwhile.
    pub browser: String,
}

/// A sign-in that came back from the provider to the browser that began it.
#[derive(Debug, Clone)]
pub struct UnderWay {
    /// What `nonce` was.
    pub nonce: String,
    /// The PKCE verifier.
    pub verifier: String,
    /// The page to go to afterwards.
    pub return_to: String,
    again: Option<StaffId>,
    started_at: Timestamp,
}

impl UnderWay {
    /// Whether somebody who is signed in was to prove themselves again.
    #[must_use]
    pub const fn is_again(&self) -> bool {
        self.again.is_some()
    }
}

/// Who somebody is, as the provider says and as it was checked.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The provider.
    pub issuer: String,
    /// Who they are there.
    pub subject: String,
    /// What they are called there.
    pub name: Option<String>,
    /// Their address.
    pub email: Option<String>,
    /// What their roles there mean here.
    pub role: Option<StaffRole>,
    /// When they proved who they are, if the provider says.
    pub authenticated_at: Option<Timestamp>,
    /// All of it as the provider said it.
    pub id_token: String,
}

/// Begins a sign-in from a client. `again` is the session of somebody who is to prove themselves again.
///
/// # Errors
/// [`ServiceError::TooOften`] for strangers; the store.
pub async fn begin(
    app: &App,
    client: Option<IpAddr>,
    return_to: &str,
    again: Option<&StaffSession>,
) -> Result<Begun, ServiceError> {
    if let (Some(client), None) = (client, again) {
        let most = app.policy().await?.sign_ins_per_address_per_hour;
        Quota::of_client("sign-in", client, most).take(app, &mut app.store.acquire().await?).await?;
    }
    let (state, browser) = (app.new_secret(), app.new_secret());
    let sign_in = sign_ins::SignIn {
        state_hash: hash(&state),
        browser_hash: hash(&browser),
        return_to: return_to.to_owned(),
        again: again.map(StaffSession::staff),
        started_at: app.now(),
        expires_at: after(app.now(), UNDER_WAY),
    };
    sign_ins::begin(&mut app.store.acquire().await?, &sign_in).await?;
    let (nonce, verifier) = derived(app, &state);
    Ok(Begun { state, nonce, verifier, browser })
}

/// Takes a sign-in that came back.
///
/// # Errors
/// [`ServiceError::Refused`] `sign_in_over` for one that came back before, is too old, never was, or belongs to another
/// browser; the store.
pub async fn take(app: &App, state: &str, browser: &str) -> Result<UnderWay, ServiceError> {
    let mut tx = app.store.begin().await?;
    let taken = sign_ins::take(&mut tx, &hash(state), &hash(browser)).await?;
    tx.commit().await?;
    let taken = taken.filter(|sign_in| app.now() < sign_in.expires_at).ok_or_else(|| {
        let detail = "this sign-in was finished before, took longer than ten minutes, or was begun in another browser";
        ServiceError::refused("sign_in_over", detail)
    })?;
    let (nonce, verifier) = derived(app, state);
    let (return_to, again, started_at) = (taken.return_to, taken.again, taken.started_at);
    Ok(UnderWay { nonce, verifier, return_to, again, started_at })
}

/// Lets somebody in whom the provider vouches for, if one of their roles means something here. `earlier` is the secret of
/// the session that the browser had before.
///
/// A role that changed ends the sessions that somebody had with the former one, everywhere.
///
/// # Errors
/// [`ServiceError::Refused`]: `no_role` without a role that means something here, and then every session of theirs has
/// ended; `another_person` or `not_again` when somebody was to prove themselves again and did not. The store.
pub async fn enter(
    app: &App,
    under_way: &UnderWay,
    identity: &Identity,
    earlier: Option<&str>,
) -> Result<SignedIn, ServiceError> {
    retry_races!(enter_once(app, under_way, identity, earlier))
}

async fn enter_once(
    app: &App,
    under_way: &UnderWay,
    identity: &Identity,
    earlier: Option<&str>,
) -> Result<SignedIn, ServiceError> {
    let mut tx = app.store.begin().await?;
    let known = staff::find_by_subject(&mut tx, &identity.issuer, &identity.subject).await?;
    let refusal = refusal(under_way, identity, known.as_ref());
    if let Some(refusal) = refusal {
        if let (Some(known), None) = (&known, identity.role) {
            sessions::end_all_but(&mut tx, known.id, None).await?;
        }
        // Whoever is refused may never have been heard of: the audit gets a mark that only our key can make again.
        let mark = app.key.derive("staff.refused", &format!("{} {}", identity.issuer, identity.subject));
        let detail = json!({ "reason": refusal.0 });
        let entry = audit::Entry::new("staff.refused", format!("subject:{mark}"), detail);
        audit::write(&mut tx, &Actor::system(), app.now(), &[entry]);
        tx.commit().await?;
        return Err(ServiceError::refused(refusal.0, refusal.1));
    }
    let Some(role) = identity.role else { return Err(ServiceError::Unauthorized) };
    if let Some(known) = known {
        sessions::end_all_but(&mut tx, known.id, Some(role)).await?;
    }
    let newcomer = Newcomer {
        issuer: &identity.issuer,
        subject: &identity.subject,
        name: identity.name.as_deref().or(identity.email.as_deref()).unwrap_or("Somebody without a name"),
        email: identity.email.as_deref(),
        role,
        way: Way::Provider,
        id_token: Some(identity.id_token.clone()),
        // A provider's clock that is ahead must not make a session fresh for longer.
        authenticated_at: identity.authenticated_at.map(|at| at.min(app.now())),
        detail: json!({ "way": "provider", "role": role, "again": under_way.is_again() }),
    };
    let signed_in = let_in(app, &mut tx, newcomer, earlier).await?;
    tx.commit().await?;
    Ok(signed_in)
}

/// Why somebody may not come in: a code, and what to do.
fn refusal(
    under_way: &UnderWay,
    identity: &Identity,
    known: Option<&staff::Member>,
) -> Option<(&'static str, &'static str)> {
    if identity.role.is_none() {
        return Some(("no_role", "none of this person's roles at the provider means something here"));
    }
    let again = under_way.again?;
    if known.is_none_or(|known| known.id != again) {
        return Some(("another_person", "somebody else signed in than the person who was to"));
    }
    let proved = identity.authenticated_at.is_some_and(|at| after(at, CLOCKS) >= under_way.started_at);
    (!proved).then_some((
        "not_again",
        "the provider does not say that the person signed in anew; it has to send the claim auth_time",
    ))
}

fn derived(app: &App, state: &str) -> (String, String) {
    (app.key.derive("sign-in nonce", state), app.key.derive("sign-in verifier", state))
}
