//! Whom staff mean when they ask why somebody does not see a child: who fits what was typed, so that a person chooses.
//! Walking the chain itself is in `explain.rs`.

use std::collections::{BTreeSet, HashSet};

use kinlink_domain::{
    fold::{are_one_name, fold, fold_words},
    ids::{AdultId, MoodleUserId},
    request::ClaimState,
    request_view::RequestView,
    staff::{Actor, Permission},
};
use kinlink_moodle::{pupils, site};
use kinlink_store::{
    Connection,
    accounts::{self, Adult},
    bundle, links,
    requests::{self, Request, Sort},
    views::{self, Selection},
};

use super::{PupilName, beside, find_request, register};
use crate::{App, ServiceError, access::require, explain::Who};

/// Rows that a search looks at; who has so many of one name types more.
const LOOKED_AT: u32 = 200;

/// Somebody whom staff may mean: an adult, or whoever sent a request that made nobody an adult yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whom {
    /// What [`whom`] finds them by: the adult's id, or the request's reference.
    pub key: String,
    /// Whose chain is walked.
    pub who: Who,
    /// Given and family name.
    pub name: String,
    /// Their address.
    pub email: String,
    /// The user name of their login row, kept when the row is gone.
    pub username: Option<String>,
}

impl From<&Adult> for Whom {
    fn from(adult: &Adult) -> Self {
        Self {
            key: adult.id.to_string(),
            who: Who::Adult(adult.id),
            name: format!("{} {}", adult.given_name, adult.family_name),
            email: adult.email.to_string(),
            username: adult.username.clone(),
        }
    }
}

impl Whom {
    /// Whoever sent the request, as long as they are nobody's adult; none without an address.
    fn asking(request: &Request) -> Option<Self> {
        let email = request.email.clone()?;
        Some(Self {
            key: request.reference.to_string(),
            name: format!("{} {}", request.given_name, request.family_name),
            email: email.to_string(),
            who: Who::Asker(email),
            username: None,
        })
    }

    /// Whether every word is a part of their name, address, user name or key.
    fn fits(&self, words: &[&str]) -> bool {
        let folded = fold(&self.name);
        let plain =
            [&self.email, &self.key, self.username.as_ref().unwrap_or(&self.email)].map(|text| text.to_lowercase());
        words.iter().all(|word| {
            let (name, text) = (fold(word), word.to_lowercase());
            (!name.is_empty() && folded.contains(&name)) || plain.iter().any(|plain| plain.contains(&text))
        })
    }
}

/// The adult of a request: who it was decided to be, or who has its address and name.
fn adult_of<'a>(request: &Request, adults: &'a [Adult]) -> Option<&'a Adult> {
    let named = |adult: &&Adult| {
        request.email.as_ref() == Some(&adult.email)
            && are_one_name((&request.given_name, &request.family_name), (&adult.given_name, &adult.family_name))
    };
    match request.adult {
        Some(id) => adults.iter().find(|adult| adult.id == id),
        None => adults.iter().find(named),
    }
}

/// The adults that requests may be about: those they were decided to be, and those with their addresses.
async fn adults_of(store: &mut Connection, asked: &[Request]) -> Result<Vec<Adult>, ServiceError> {
    let ids: Vec<AdultId> = asked.iter().filter_map(|request| request.adult).collect();
    let emails: Vec<_> = asked.iter().filter_map(|request| request.email.clone()).collect();
    let mut adults = accounts::adults(store, &ids).await?;
    adults.extend(accounts::adults_by_emails(store, &emails).await?);
    Ok(adults)
}

/// Those who fit every word of a name, address, user name or reference; adults first, each once, at most `most`.
///
/// # Errors
/// [`ServiceError::Forbidden`], the store.
pub async fn find_whom(app: &App, actor: &Actor, text: &str, most: usize) -> Result<Vec<Whom>, ServiceError> {
    require(actor, Permission::Read)?;
    let words: Vec<&str> = text.split_whitespace().collect();
    if words.is_empty() {
        return Ok(Vec::new());
    }
    // An id or a reference means one.
    match whom(app, actor, text.trim()).await {
        Err(ServiceError::NotFound(_)) => {}
        found => return Ok(vec![found?]),
    }
    let mut store = app.store.acquire().await?;
    let rows = accounts::login_row_page(&mut store, text, false, LOOKED_AT, 0).await?;
    let selection = Selection { search: text.to_owned(), ..Selection::of(RequestView::All) };
    let asked = views::page(&mut store, &selection, Sort::Newest, LOOKED_AT, 0).await?;
    let mut adults = accounts::adults(&mut store, &rows.iter().map(|row| row.adult).collect::<Vec<_>>()).await?;
    // Whose access ended and whose requests are gone is still found by the whole user name or address.
    adults.extend(accounts::adults_by_username(&mut store, &[text.trim().to_lowercase()]).await?);
    if let Ok(email) = text.parse() {
        adults.extend(accounts::adults_by_email(&mut store, &email).await?);
    }
    adults.extend(adults_of(&mut store, &asked).await?);
    let of_adults = adults.iter().map(Whom::from);
    let of_requests = asked.iter().filter(|request| adult_of(request, &adults).is_none()).filter_map(Whom::asking);
    let mut seen = HashSet::new();
    let found = of_adults.chain(of_requests).filter(|whom| {
        // One address that asked several times is one choice, by its newest request.
        let same = match &whom.who {
            Who::Adult(id) => id.to_string(),
            Who::Asker(email) => format!("{email} {}", fold_words(&whom.name)),
        };
        whom.fits(&words) && seen.insert(same)
    });
    Ok(found.take(most).collect())
}

/// Somebody by their [`Whom::key`].
///
/// # Errors
/// [`ServiceError::Forbidden`], [`ServiceError::NotFound`], the store.
pub async fn whom(app: &App, actor: &Actor, key: &str) -> Result<Whom, ServiceError> {
    require(actor, Permission::Read)?;
    let nobody = || ServiceError::NotFound("adult");
    if let Ok(id) = key.parse::<AdultId>()
        && let Some(adult) = accounts::adult(&mut app.store.acquire().await?, id).await?
    {
        return Ok(Whom::from(&adult));
    }
    let request = find_request(app, key).await.map_err(|error| match error {
        ServiceError::NotFound(_) => nobody(),
        other => other,
    })?;
    let mut store = app.store.acquire().await?;
    let adults = adults_of(&mut store, std::slice::from_ref(&request)).await?;
    match adult_of(&request, &adults) {
        Some(adult) => Ok(Whom::from(adult)),
        None => Whom::asking(&request).ok_or_else(nobody),
    }
}

/// The pupils whom somebody was linked to or asked for, each once, with their names: also those whom a child that is not
/// decided yet may mean.
///
/// # Errors
/// [`ServiceError::Forbidden`], Moodle, the store.
pub async fn pupils_of(app: &App, actor: &Actor, whom: &Whom) -> Result<Vec<PupilName>, ServiceError> {
    require(actor, Permission::Read)?;
    let mut store = app.store.acquire().await?;
    let mut wanted = BTreeSet::new();
    let mut claims = Vec::new();
    let email = match &whom.who {
        Who::Adult(id) => {
            wanted.extend(links::of_adults(&mut store, &[*id]).await?.into_iter().map(|link| link.pupil));
            claims.extend(requests::claims_of_adult(&mut store, *id).await?.into_iter().map(|(.., claim)| claim));
            accounts::adult(&mut store, *id).await?.map(|adult| adult.email)
        }
        Who::Asker(email) => Some(email.clone()),
    };
    if let Some(email) = email {
        let asked = requests::by_email(&mut store, &email, LOOKED_AT).await?;
        let undecided: Vec<_> =
            asked.iter().filter(|request| request.adult.is_none()).map(|request| request.id).collect();
        claims.extend(requests::claims_of(&mut store, &undecided).await?);
    }
    drop(store);
    wanted.extend(claims.iter().filter_map(|claim| claim.pupil));
    if claims.iter().any(|claim| claim.pupil.is_none() && claim.state == ClaimState::Open) {
        let policy = app.policy().await?;
        let register = register(app, &policy).await?;
        let open = claims.iter().filter(|claim| claim.pupil.is_none() && claim.state == ClaimState::Open);
        wanted.extend(open.flat_map(|claim| register.match_child(&claim.child).candidates).map(|found| found.pupil.id));
    }
    Ok(beside::people(app, None, wanted).await?.0)
}

/// A user of Moodle by their id. Only who is a pupil, or was taken for one here, is named: nobody is to leaf through
/// Moodle's other users by counting up a number in an address.
///
/// # Errors
/// [`ServiceError::Forbidden`], [`ServiceError::NotFound`], Moodle, the store.
pub async fn name_pupil(app: &App, actor: &Actor, pupil: MoodleUserId) -> Result<PupilName, ServiceError> {
    require(actor, Permission::Read)?;
    let (mut found, _) = beside::people(app, None, BTreeSet::from([pupil])).await?;
    let found = found.pop().ok_or(ServiceError::NotFound("pupil"))?;
    if is_pupil(app, pupil).await? {
        return Ok(found);
    }
    Ok(PupilName { id: pupil, name: format!("Moodle user {pupil}"), left: false })
}

/// Whether a user is a pupil in Moodle, or somebody was linked to them or asked for them as one: a pupil who left still has
/// a name here.
async fn is_pupil(app: &App, user: MoodleUserId) -> Result<bool, ServiceError> {
    let mut store = app.store.acquire().await?;
    let linked = links::Filter { pupil: Some(user), ..links::Filter::default() };
    let is_known = !links::list(&mut store, linked, None, 1).await?.is_empty()
        || !bundle::claims_of_pupil(&mut store, user).await?.is_empty();
    drop(store);
    if is_known {
        return Ok(true);
    }
    let policy = app.policy().await?;
    let mut moodle = app.moodle.connect().await?;
    let prefix = app.moodle.prefix();
    // Where Moodle lacks a role, nobody can be told to be a pupil; the page says so itself.
    let Ok(site) = site::read(&mut moodle, prefix, &policy).await else { return Ok(false) };
    Ok(pupils::eligible(&mut moodle, prefix, &policy, &site, &[user]).await?.contains(&user))
}
