//! Nobody decides about themselves: a member of staff who is also a parent has a colleague decide.
//!
//! A person is known by the address that the school's sign-in gave, and an adult by every address that they have or had. A
//! token acts for whoever minted it, and whoever came by a link of the command line for whoever made it. The command line has
//! no person: whoever may run it owns the system. What does not live here: whether the role allows the act
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
    Session,
    accounts::{self, Adult},
    holds as store_holds,
    requests::Request,
    staff, tokens,
};

use crate::{App, ServiceError, sessions::links};

/// The code of the refusal of a decision about oneself.
pub const OWN_REQUEST: &str = "own_request";

/// Tokens that mint tokens: no real chain is longer, and a damaged table must not be walked for ever.
const LONGEST_CHAIN: usize = 16;

/// The person behind an actor, as far as it matters here.
#[derive(Debug)]
pub(crate) struct Person {
    /// Their name: for a token, that of whoever minted it.
    name: String,
    /// Their address, as holds compare addresses: a tag behind a `+` makes nobody another person. Without one nothing is
    /// their own.
    address: Option<String>,
    /// Whether it is certain who they are.
    is_known: bool,
}

impl Person {
    /// Who acts. Ask before a transaction begins: this takes a connection of its own.
    ///
    /// # Errors
    /// The store.
    pub(crate) async fn of(app: &App, actor: &Actor) -> Result<Self, ServiceError> {
        Self::named(&mut app.store.acquire().await?, &actor.name).await
    }

    /// Who is behind the name of an actor.
    ///
    /// # Errors
    /// The store.
    pub(crate) async fn named(session: &mut impl Session, actor: &str) -> Result<Self, ServiceError> {
        let name = behind(session, actor).await?;
        let Some(id) = id(&name, "staff:") else { return Ok(Self { name, address: None, is_known: true }) };
        Ok(match staff::find(session, id).await? {
            Some(member) if member.issuer == links::ISSUER => {
                Self { name: member.subject, address: None, is_known: true }
            }
            Some(member) => Self { name, address: member.email.as_deref().map(address_key), is_known: true },
            // Forgotten meanwhile: who signs in again gets another name.
            None => Self { name, address: None, is_known: false },
        })
    }

    /// Their name, as the store keeps who did something.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whether these are certainly two people. Somebody may sign in and also have the command line: two names of different
    /// kinds may be one person. So are two who sign in with one address, be it by the school's provider and by a mailed link.
    pub(crate) fn is_another_than(&self, other: &Self) -> bool {
        let kind = |person: &Self| person.name.split_once(':').map(|(kind, _)| kind.to_owned());
        let one_address = self.address.is_some() && self.address == other.address;
        self.is_known && other.is_known && self.name != other.name && kind(self) == kind(other) && !one_address
    }

    /// Whether this is the person's address.
    pub(crate) fn has_address(&self, email: &EmailAddress) -> bool {
        self.address.as_deref() == Some(address_key(email.as_str()).as_str())
    }

    /// Whether a request bears the person's address: as it stands, as it was typed, or as it first came.
    fn wrote(&self, request: &Request) -> bool {
        let Some(own) = &self.address else { return false };
        let sent: Option<serde_json::Value> = serde_json::from_str(&request.submitted).ok();
        let sent = sent.as_ref().and_then(|sent| sent.get("email")?.as_str());
        let now = request.email.as_ref().map(EmailAddress::as_str);
        [now, Some(request.email_typed.as_str()), sent]
            .into_iter()
            .flatten()
            .any(|address| address_key(address) == *own)
    }

    /// Those of the adults who are the person: by an address that they have or had, or by the Moodle account that was picked
    /// for them.
    ///
    /// # Errors
    /// The store. Moodle, which is asked only when an account was picked: rather no decision than one about oneself.
    pub(crate) async fn among(
        &self,
        app: &App,
        session: &mut impl Session,
        adults: &[Adult],
    ) -> Result<BTreeSet<AdultId>, ServiceError> {
        let Some(own) = &self.address else { return Ok(BTreeSet::new()) };
        let is_picked = adults.iter().any(|adult| adult.picked_user.is_some());
        let accounts: BTreeSet<MoodleUserId> = match EmailAddress::parse(own) {
            Ok(email) if is_picked => {
                let mut moodle = app.moodle.connect().await?;
                let found = users::by_email(&mut moodle, app.moodle.prefix(), &email).await?;
                found.into_iter().map(|user| user.id).collect()
            }
            _ => BTreeSet::new(),
        };
        let ids: BTreeSet<AdultId> = adults.iter().map(|adult| adult.id).collect();
        let addresses = store_holds::addresses_of(session, &ids).await?;
        let is_own = |adult: &&Adult| {
            address_key(adult.email.as_str()) == *own
                || addresses.get(&adult.id).is_some_and(|known| known.contains(own))
                || adult.picked_user.is_some_and(|user| accounts.contains(&user))
        };
        Ok(adults.iter().filter(is_own).map(|adult| adult.id).collect())
    }

    /// Fails when one of the adults is the person.
    ///
    /// # Errors
    /// The refusal [`OWN_REQUEST`]; the store, Moodle.
    pub(crate) async fn require_others(
        &self,
        app: &App,
        session: &mut impl Session,
        adults: &[Adult],
    ) -> Result<(), ServiceError> {
        if self.among(app, session, adults).await?.is_empty() { Ok(()) } else { Err(refusal()) }
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
    if person.address.is_none() {
        return Ok(BTreeSet::new());
    }
    let ids: Vec<AdultId> =
        requests.iter().filter_map(|request| request.adult).collect::<BTreeSet<_>>().into_iter().collect();
    let mut store = app.store.acquire().await?;
    let adults = match ids.as_slice() {
        [] => Vec::new(),
        ids => accounts::adults(&mut store, ids).await?,
    };
    let adults = person.among(app, &mut store, &adults).await?;
    drop(store);
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
    let mut store = app.store.acquire().await?;
    known(person.among(app, &mut store, std::slice::from_ref(adult)).await.map(|own| !own.is_empty()))
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
async fn behind(session: &mut impl Session, actor: &str) -> Result<String, ServiceError> {
    let mut name = actor.to_owned();
    for _ in 0..LONGEST_CHAIN {
        let Some(token) = id(&name, "token:") else { break };
        match tokens::find(session, token).await? {
            Some(token) => name = token.created_by,
            None => break,
        }
    }
    Ok(name)
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
    use super::Person;

    #[test]
    fn only_two_names_of_one_kind_with_two_addresses_are_two_people() {
        for (one, other, two) in [
            ("staff:1 a@x", "staff:2 b@x", true),
            ("staff:1 a@x", "staff:2 a@x", false),
            ("staff:1 a@x", "staff:2", true),
            ("staff:1", "staff:2", true),
            ("cli:jo", "cli:anna", true),
            ("staff:1 a@x", "staff:1 a@x", false),
            // The address changed between the two words.
            ("staff:1 a@x", "staff:1 b@x", false),
            ("staff:1 a@x", "cli:jo", false),
            ("lambda:invoke", "staff:1", false),
            ("lambda:invoke", "lambda:invoke", false),
        ] {
            let person = |text: &str| {
                let (name, address) =
                    text.split_once(' ').map_or((text, None), |(name, at)| (name, Some(at.to_owned())));
                Person { name: name.to_owned(), address, is_known: true }
            };
            let (first, second) = (person(one), person(other));
            assert_eq!(first.is_another_than(&second), two, "{one} {other}");
            assert_eq!(second.is_another_than(&first), two, "{other} {one}");
            let forgotten = Person { is_known: false, ..second };
            assert!(!first.is_another_than(&forgotten) && !forgotten.is_another_than(&first), "{one} {other}");
        }
    }
}
