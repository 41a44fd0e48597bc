//! Nobody decides about themselves: a member of staff who is also a parent has a colleague decide.
//!
//! A person is known by the address that the school's sign-in gave. A token acts for whoever minted it. The command line
//! has no person: whoever may run it owns the system. What does not live here: whether the role allows the act
//! ([`crate::access`]).

use std::collections::BTreeSet;

use kinlink_domain::{
    email::EmailAddress,
    hold::address_key,
    ids::{AdultId, Id, MoodleUserId, RequestId},
    staff::Actor,
};
use kinlink_moodle::users;
use kinlink_store::{
    accounts::{self, Adult},
    requests::Request,
    staff, tokens,
};

use crate::{App, ServiceError};

/// The code of the refusal of a decision about oneself.
pub const OWN_REQUEST: &str = "own_request";

/// Tokens that mint tokens: no real chain is longer, and a damaged table must not be walked for ever.
const LONGEST_CHAIN: usize = 16;

/// The person behind an actor, as far as it matters here: their address, as
/// holds compare addresses: a tag behind a `+` makes nobody another person. Without one nothing is their own.
#[derive(Debug)]
pub(crate) struct Person(Option<String>);

impl Person {
    /// Who acts. Ask before a transaction begins: this takes a connection of its own.
    ///
    /// # Errors
    /// The store.
    pub(crate) async fn of(app: &App, actor: &Actor) -> Result<Self, ServiceError> {
        let Some(id) = id(&behind(app, &actor.name).await?, "staff:") else { return Ok(Self(None)) };
        let member = staff::find(&mut app.store.acquire().await?, id).await?;
        Ok(Self(member.and_then(|member| member.email).map(|email| address_key(&email))))
    }

    /// Whether this is the person's address.
    pub(crate) fn has_address(&self, email: &EmailAddress) -> bool {
        self.0.as_deref() == Some(address_key(email.as_str()).as_str())
    }

    /// Whether a request bears the person's address: as it stands, as it was typed, or as it first came.
    fn wrote(&self, request: &Request) -> bool {
        let Some(own) = &self.0 else { return false };
        let sent: Option<serde_json::Value> = serde_json::from_str(&request.submitted).ok();
        let sent = sent.as_ref().and_then(|sent| sent.get("email")?.as_str());
        let now = request.email.as_ref().map(EmailAddress::as_str);
        [now, Some(request.email_typed.as_str()), sent]
            .into_iter()
            .flatten()
            .any(|address| address_key(address) == *own)
    }

    /// Those of the adults who are the person: by address, or by the Moodle account that was picked for them.
    ///
    /// # Errors
    /// Moodle, which is asked only when an account was picked: rather no decision than one about oneself.
    pub(crate) async fn among(&self, app: &App, adults: &[Adult]) -> Result<BTreeSet<AdultId>, ServiceError> {
        let Some(own) = &self.0 else { return Ok(BTreeSet::new()) };
        let is_picked = adults.iter().any(|adult| adult.picked_user.is_some());
        let accounts: BTreeSet<MoodleUserId> = match EmailAddress::parse(own) {
            Ok(email) if is_picked => {
                let mut moodle = app.moodle.connect().await?;
                let found = users::by_email(&mut moodle, app.moodle.prefix(), &email).await?;
                found.into_iter().map(|user| user.id).collect()
            }
            _ => BTreeSet::new(),
        };
        let is_own = |adult: &&Adult| {
            address_key(adult.email.as_str()) == *own || adult.picked_user.is_some_and(|user| accounts.contains(&user))
        };
        Ok(adults.iter().filter(is_own).map(|adult| adult.id).collect())
    }

    /// Fails when one of the adults is the person.
    ///
    /// # Errors
    /// The refusal [`OWN_REQUEST`]; Moodle.
    pub(crate) async fn require_others(&self, app: &App, adults: &[Adult]) -> Result<(), ServiceError> {
        if self.among(app, adults).await?.is_empty() { Ok(()) } else { Err(refusal()) }
    }
}

/// Fails when the request is the actor's own. Every decision loads its request by way of this.
///
/// # Errors
/// The refusal [`OWN_REQUEST`]; the store, Moodle.
pub(crate) async fn require_anothers(app: &App, actor: &Actor, request: &Request) -> Result<(), ServiceError> {
    if of(app, actor, std::slice::from_ref(request)).await?.is_empty() { Ok(()) } else { Err(refusal()) }
}

/// Those of the requests that are the actor's own, in a fixed number of statements.
///
/// # Errors
/// The store, Moodle.
pub(crate) async fn of(app: &App, actor: &Actor, requests: &[Request]) -> Result<BTreeSet<RequestId>, ServiceError> {
    let person = Person::of(app, actor).await?;
    if person.0.is_none() {
        return Ok(BTreeSet::new());
    }
    let ids: Vec<AdultId> =
        requests.iter().filter_map(|request| request.adult).collect::<BTreeSet<_>>().into_iter().collect();
    let adults = match ids.as_slice() {
        [] => Vec::new(),
        ids => accounts::adults(&mut app.store.acquire().await?, ids).await?,
    };
    let adults = person.among(app, &adults).await?;
    let is_own =
        |request: &&Request| person.wrote(request) || request.adult.is_some_and(|adult| adults.contains(&adult));
    Ok(requests.iter().filter(is_own).map(|request| request.id).collect())
}

/// Whether a request is the actor's own, for whom it is shown. Without Moodle that may not be known: the page still comes,
/// and deciding waits.
///
/// # Errors
/// The store.
pub(crate) async fn is_own_request(app: &App, actor: &Actor, request: &Request) -> Result<bool, ServiceError> {
    known(of(app, actor, std::slice::from_ref(request)).await.map(|own| !own.is_empty()))
}

/// Whether an adult is the actor themself, as [`is_own_request`].
///
/// # Errors
/// The store.
pub(crate) async fn is_own_account(app: &App, actor: &Actor, adult: &Adult) -> Result<bool, ServiceError> {
    let person = Person::of(app, actor).await?;
    known(person.among(app, std::slice::from_ref(adult)).await.map(|own| !own.is_empty()))
}

fn known(own: Result<bool, ServiceError>) -> Result<bool, ServiceError> {
    match own {
        Err(ServiceError::Moodle(error)) => {
            tracing::warn!(%error, "a page is shown without knowing whether it is about who looks at it");
            Ok(false)
        }
        own => own,
    }
}

/// The name of whoever is behind an actor's name: for a token, who minted it.
///
/// # Errors
/// The store.
pub(crate) async fn behind(app: &App, actor: &str) -> Result<String, ServiceError> {
    let mut name = actor.to_owned();
    for _ in 0..LONGEST_CHAIN {
        let Some(token) = id(&name, "token:") else { break };
        match tokens::find(&mut app.store.acquire().await?, token).await? {
            Some(token) => name = token.created_by,
            None => break,
        }
    }
    Ok(name)
}

/// Whether two names of people (as [`behind`] gives them) are certainly two people. Somebody may sign in and also have the
/// command line: two names of different kinds may be one person.
pub(crate) fn are_two_people(one: &str, other: &str) -> bool {
    let kind = |name: &str| name.split_once(':').map(|(kind, _)| kind.to_owned());
    one != other && kind(one) == kind(other)
}

/// Why it is refused.
pub(crate) fn refusal() -> ServiceError {
    ServiceError::refused(OWN_REQUEST, "this is your own request; somebody else must decide")
}

fn id<Of>(name: &str, kind: &str) -> Option<Id<Of>> {
    name.strip_prefix(kind)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::are_two_people;

    #[test]
    fn only_two_names_of_one_kind_are_two_people() {
        for (one, other, two) in [
            ("staff:1", "staff:2", true),
            ("cli:jo", "cli:anna", true),
            ("staff:1", "staff:1", false),
            ("staff:1", "cli:jo", false),
            ("lambda:invoke", "staff:1", false),
            ("lambda:invoke", "lambda:invoke", false),
        ] {
            assert_eq!((are_two_people(one, other), are_two_people(other, one)), (two, two), "{one} {other}");
        }
    }
}
