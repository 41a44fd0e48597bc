//! Staff at our pages: their sessions, how those begin and end, and what people are called.
//!
//! - [`links`]: coming in by a link that the command line printed.
//! - [`provider`]: coming in by the school's sign-in, once somebody else has checked what the provider says.
//! - [`names()`]: what actors of the audit are called.
//!
//! The browser holds a secret; the store holds its hash. An [`Actor`] of a session is `staff:<id>`: no names go to the
//! audit or to logs. What does not live here: cookies, pages, and the protocol of the provider.

pub mod links;
mod names;
pub mod provider;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::SignedDuration;
use kinlink_domain::{
    Timestamp,
    ids::StaffId,
    policy::Policy,
    staff::{Actor, StaffRole},
    text,
};
use kinlink_store::{Tx, audit, sessions, sign_ins, staff};
use serde_json::json;

use crate::{
    App, ServiceError,
    app::{SigningKey, hash},
};

pub use kinlink_store::sessions::Way;
pub use names::names;

/// How long a sign-in may be under way: a link that waits to be used, somebody who is at the provider.
pub(crate) const UNDER_WAY: SignedDuration = SignedDuration::from_mins(10);
/// What a session's key signs: what its forms carry.
const FORM: &str = "form";
/// How exactly it is noted when a session was last used; more would be a write for every page.
const SEEN: SignedDuration = SignedDuration::from_mins(1);

/// A member of staff who is signed in.
#[derive(Debug, Clone)]
pub struct StaffSession {
    actor: Actor,
    stored: sessions::StaffSession,
    name: String,
    /// Signs what this session's forms carry.
    forms: SigningKey,
    csrf: String,
    fresh_until: Timestamp,
}

impl StaffSession {
    /// Who they are for use cases and the audit.
    #[must_use]
    pub const fn actor(&self) -> &Actor {
        &self.actor
    }

    /// Which member of staff they are.
    #[must_use]
    pub const fn staff(&self) -> StaffId {
        self.stored.staff
    }

    /// What people call them.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What they may do.
    #[must_use]
    pub const fn role(&self) -> StaffRole {
        self.stored.role
    }

    /// How they came in.
    #[must_use]
    pub const fn way(&self) -> Way {
        self.stored.way
    }

    /// What the provider said of them, to be shown to it when they sign out.
    #[must_use]
    pub fn id_token(&self) -> Option<&str> {
        self.stored.id_token.as_deref()
    }

    /// What every form of this session carries, and no other site can know. Another one each time the session is read, so
    /// that the size of a compressed page tells nothing about it.
    #[must_use]
    pub fn csrf(&self) -> &str {
        &self.csrf
    }

    /// Whether a form carried it. Takes as long for a wrong one as for the right one.
    #[must_use]
    pub fn is_csrf(&self, presented: &str) -> bool {
        self.forms.verified(FORM, presented).is_some()
    }

    /// Whether they proved who they are a short while ago (policy `reauthenticate_minutes`).
    #[must_use]
    pub fn is_fresh(&self, now: Timestamp) -> bool {
        now < self.fresh_until
    }

    fn new(app: &App, policy: &Policy, stored: sessions::StaffSession, name: String) -> Self {
        let minutes = SignedDuration::from_mins(i64::from(policy.reauthenticate_minutes));
        let forms = SigningKey::new(app.key.derive("csrf", &stored.token_hash).into());
        Self {
            actor: Actor { name: format!("staff:{}", stored.staff), role: Some(stored.role) },
            csrf: forms.sign(FORM, &URL_SAFE_NO_PAD.encode(app.random.bytes::<12>())),
            forms,
            fresh_until: stored.authenticated_at.map_or(Timestamp::MIN, |at| after(at, minutes)),
            stored,
            name,
        }
    }
}

/// Somebody who has just signed in.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// What the browser has to hold. Never the one that it held before: nobody can give somebody a session.
    pub secret: String,
    /// The session.
    pub session: StaffSession,
}

/// Who is to be let in.
struct Newcomer<'a> {
    issuer: &'a str,
    subject: &'a str,
    name: &'a str,
    email: Option<&'a str>,
    role: StaffRole,
    way: Way,
    id_token: Option<String>,
    authenticated_at: Option<Timestamp>,
    /// What the audit notes besides.
    detail: serde_json::Value,
}

/// The session whose secret a browser holds, and the school's settings by which it was judged.
///
/// # Errors
/// [`ServiceError::Unauthorized`] when there is none or it has ended; the store.
pub async fn current(app: &App, secret: &str) -> Result<(StaffSession, Policy), ServiceError> {
    let policy = app.policy().await?;
    let mut store = app.store.acquire().await?;
    let found = sessions::find(&mut store, &hash(secret)).await?;
    let (stored, name) = found.ok_or(ServiceError::Unauthorized)?;
    let (idle, most) = lifetimes(&policy);
    let now = app.now();
    if now >= after(stored.last_seen_at, idle) || now >= after(stored.started_at, most) {
        return Err(ServiceError::Unauthorized);
    }
    if now >= after(stored.last_seen_at, SEEN) {
        sessions::touch(&mut store, &stored.token_hash, now).await?;
    }
    Ok((StaffSession::new(app, &policy, stored, name), policy))
}

/// Ends a session.
///
/// # Errors
/// The store.
pub async fn sign_out(app: &App, session: &StaffSession) -> Result<(), ServiceError> {
    let mut tx = app.store.begin().await?;
    if sessions::end(&mut tx, &session.stored.token_hash).await? {
        let entry = audit::Entry::new("staff.sign_out", session.actor.name.clone(), json!({}));
        audit::write(&mut tx, &session.actor, app.now(), &[entry]);
    }
    Ok(tx.commit().await?)
}

/// Forgets sessions and sign-ins that have ended by themselves. Gives how many.
///
/// # Errors
/// The store.
pub(crate) async fn prune(app: &App) -> Result<u64, ServiceError> {
    let (idle, most) = lifetimes(&app.policy().await?);
    let now = app.now();
    let before = |span| now.checked_sub(span).unwrap_or(Timestamp::MIN);
    let mut store = app.store.acquire().await?;
    let ended = sessions::prune(&mut store, before(most), before(idle)).await?;
    Ok(ended + sign_ins::prune(&mut store, now).await?)
}

/// Lets somebody in: keeps what is known of them, ends the session that the browser had, begins a new one.
async fn let_in(
    app: &App,
    tx: &mut Tx<'_>,
    newcomer: Newcomer<'_>,
    earlier: Option<&str>,
) -> Result<SignedIn, ServiceError> {
    let policy = Policy::with(
        kinlink_store::settings::all(tx).await?.iter().map(|(name, value)| (name.as_str(), value.as_str())),
    )?;
    let now = app.now();
    let member = staff::Member {
        id: app.new_id(),
        issuer: newcomer.issuer.to_owned(),
        subject: newcomer.subject.to_owned(),
        name: text::salvage(newcomer.name, 100),
        email: newcomer.email.map(|email| text::salvage(email, 254)),
        role: newcomer.role,
        created_at: now,
        last_signed_in_at: now,
    };
    let staff = staff::keep(tx, &member).await?;
    if let Some(earlier) = earlier {
        sessions::end(tx, &hash(earlier)).await?;
    }
    let secret = app.new_secret();
    let stored = sessions::StaffSession {
        token_hash: hash(&secret),
        staff,
        role: newcomer.role,
        way: newcomer.way,
        id_token: newcomer.id_token,
        started_at: now,
        authenticated_at: newcomer.authenticated_at,
        last_seen_at: now,
    };
    sessions::insert(tx, &stored).await?;
    let session = StaffSession::new(app, &policy, stored, member.name);
    let entry = audit::Entry::new("staff.sign_in", session.actor.name.clone(), newcomer.detail);
    audit::write(tx, &session.actor, now, &[entry]);
    Ok(SignedIn { secret, session })
}

/// How long a session lives without being used, and at most.
fn lifetimes(policy: &Policy) -> (SignedDuration, SignedDuration) {
    (
        SignedDuration::from_mins(i64::from(policy.session_idle_minutes)),
        SignedDuration::from_hours(i64::from(policy.session_hours)),
    )
}

fn after(at: Timestamp, span: SignedDuration) -> Timestamp {
    at.checked_add(span).unwrap_or(Timestamp::MAX)
}
