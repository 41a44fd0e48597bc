//! A pupil is back: what ended because they had left is given back by one act. The link is the very same, and so is the user
//! name, so that Moodle revives the account with its password.

use std::collections::BTreeSet;

use kinlink_domain::{
    hold::Identity,
    ids::{AdultId, LinkId, MoodleUserId},
    leaving::{PUPIL_LEFT, PupilFacts},
    policy::Policy,
    request::ClaimState,
    staff::{Actor, Permission},
};
use kinlink_moodle::{pupils, site, users};
use kinlink_queue::Hint;
use kinlink_store::{
    Tx,
    accounts::{self, Adult},
    audit,
    jobs::Priority,
    leavers,
    links::{self, Link},
    requests::{self, Request},
};
use serde_json::json;

use crate::{
    App, ServiceError,
    access::require,
    approve::give_login_row,
    decide::{enqueue_job, tell_queue},
    error::retry_races,
    holds,
    mail::{self, Letter},
    own::Person,
};

/// Gives a link back that ended because its pupil left, and the login row with it. One that is in force stays as it is.
///
/// # Errors
/// [`ServiceError::Forbidden`], [`ServiceError::NotFound`], refusals `own_request`, `ended_otherwise` (somebody decided
/// that it ends), `request_gone` (what it was approved by is withdrawn or not kept any more), `not_a_pupil`, and that of a hold;
/// the store, Moodle.
pub async fn restore(app: &App, actor: &Actor, link: LinkId) -> Result<Link, ServiceError> {
    require(actor, Permission::Decide)?;
    let found = links::by_ids(&mut app.store.acquire().await?, &[link]).await?.pop();
    let found = found.ok_or(ServiceError::NotFound("link"))?;
    if found.active {
        return Ok(found);
    }
    let (mut restored, hints) = retry_races!(restore_once(app, actor, found.adult, Some(link)))?;
    tell_queue(app, &hints).await;
    restored.pop().ok_or(ServiceError::NotFound("link"))
}

/// Gives back every link of an adult that ended because its pupil left, of those pupils who are here again.
///
/// # Errors
/// As [`restore`]; a refusal `nothing_to_restore` when there is none.
pub async fn restore_all(app: &App, actor: &Actor, adult: AdultId) -> Result<Vec<Link>, ServiceError> {
    require(actor, Permission::Decide)?;
    let (restored, hints) = retry_races!(restore_once(app, actor, adult, None))?;
    tell_queue(app, &hints).await;
    Ok(restored)
}

/// Whether a link can be given back, as far as the store knows.
pub(crate) fn restorable(link: &Link) -> bool {
    !link.active && link.end_reason.as_deref() == Some(PUPIL_LEFT)
}

async fn restore_once(
    app: &App,
    actor: &Actor,
    adult: AdultId,
    wanted: Option<LinkId>,
) -> Result<(Vec<Link>, Vec<Hint>), ServiceError> {
    let person = Person::of(app, actor).await?;
    let policy = app.policy().await?;
    let mut store = app.store.acquire().await?;
    let adult = accounts::adult(&mut store, adult).await?.ok_or(ServiceError::NotFound("adult"))?;
    let chosen = ended(&links::of_adults(&mut store, &[adult.id]).await?, wanted)?;
    person.require_others(app, &mut store, std::slice::from_ref(&adult)).await?;
    drop(store);
    let here = look(app, &policy, &adult, &chosen).await?;

    let mut tx = app.store.begin().await?;
    if !accounts::lock(&mut tx, adult.id).await? {
        return Err(ServiceError::NotFound("adult"));
    }
    // Their address may be another one since Moodle was asked: nobody is written to at a former one.
    if accounts::adult(&mut tx, adult.id).await?.as_ref() != Some(&adult) {
        return Err(ServiceError::Race);
    }
    let mut restored = Vec::new();
    let mut refused = None;
    for link in ended(&links::of_adults(&mut tx, &[adult.id]).await?, wanted)? {
        match require_restorable(app, &mut tx, &link, &here).await {
            Ok(request) => restored.push((link, request)),
            Err(error @ ServiceError::Refused { .. }) => refused = Some(error),
            Err(error) => return Err(error),
        }
    }
    let Some((_, request)) = restored.last() else {
        return Err(refused.filter(|_| wanted.is_some()).unwrap_or_else(nothing));
    };
    let now = app.now();
    let ids: Vec<LinkId> = restored.iter().map(|(link, _)| link.id).collect();
    if links::resume(&mut tx, &ids, now).await? != ids.len() as u64 {
        return Err(ServiceError::Race);
    }
    let pupils: Vec<MoodleUserId> = restored.iter().map(|(link, _)| link.pupil).collect();
    leavers::forget(&mut tx, &pupils).await?;
    let login_row = give_login_row(app, &mut tx, &policy, request, &adult).await?;
    let mut entries: Vec<_> = restored
        .iter()
        .map(|(link, _)| {
            let detail = json!({ "adult": adult.id, "pupil": link.pupil });
            audit::Entry::new("link.restore", format!("link:{}", link.id), detail)
        })
        .collect();
    let detail = json!({ "links": ids, "login_row": login_row });
    entries.push(audit::Entry::new("adult.restore", format!("adult:{}", adult.id), detail));
    audit::write(&mut tx, actor, now, &entries);
    // One mail, however many children.
    let once = format!("restored:{}:{}", adult.id, now.as_millisecond());
    mail::enqueue_to(app, &mut tx, &adult.email, Some(request.id), Some(adult.id), Letter::ChildAdded, &once).await?;
    let hint = enqueue_job(app, &mut tx, adult.id, Some(request.id), Priority::Grant).await?;
    let links = links::by_ids(&mut tx, &ids).await?;
    tx.commit().await?;
    Ok((links, vec![hint]))
}

/// The links to give back: all that ended because a pupil left, or the one that is wanted.
fn ended(links: &[Link], wanted: Option<LinkId>) -> Result<Vec<Link>, ServiceError> {
    let chosen: Vec<Link> = links
        .iter()
        .filter(|link| restorable(link) && wanted.is_none_or(|wanted| link.id == wanted))
        .cloned()
        .collect();
    match wanted {
        Some(_) if chosen.is_empty() => Err(ServiceError::refused(
            "ended_otherwise",
            "this link did not end because the pupil left; open the parent's request again and approve it",
        )),
        None if chosen.is_empty() => Err(nothing()),
        _ => Ok(chosen),
    }
}

fn nothing() -> ServiceError {
    ServiceError::refused("nothing_to_restore", "no pupil of this adult has come back whose link had ended")
}

/// What Moodle says now.
struct Here {
    /// Those of the links' pupils who are pupils, and are not the adult.
    pupils: BTreeSet<MoodleUserId>,
    /// Who the adult is, as far as holds ask.
    who: Identity,
}

async fn look(app: &App, policy: &Policy, adult: &Adult, links: &[Link]) -> Result<Here, ServiceError> {
    let mut moodle = app.moodle.connect().await?;
    let prefix = app.moodle.prefix();
    let site = site::read(&mut moodle, prefix, policy).await?;
    let wanted: Vec<MoodleUserId> = links.iter().map(|link| link.pupil).collect();
    let facts = pupils::facts(&mut moodle, prefix, policy, &site, &wanted).await?;
    let account = match (adult.picked_user, &adult.username) {
        (Some(user), _) => users::by_ids(&mut moodle, prefix, &[user]).await?.pop(),
        (None, Some(name)) => {
            users::by_usernames(&mut moodle, prefix, site.local_host, std::slice::from_ref(name)).await?.pop()
        }
        (None, None) => None,
    };
    let own = account.as_ref().map(|user| user.id);
    let is_here = |pupil: &MoodleUserId| {
        let facts = facts.get(pupil).copied().unwrap_or(PupilFacts::MISSING);
        facts.departure().is_none() && Some(*pupil) != own
    };
    let pupils = wanted.into_iter().filter(is_here).collect();
    Ok(Here { pupils, who: holds::of_account(adult, account.as_ref()) })
}

/// Everything that may stand in the way of one link; gives the request that it was approved by.
async fn require_restorable(app: &App, tx: &mut Tx<'_>, link: &Link, here: &Here) -> Result<Request, ServiceError> {
    holds::require_free(app, tx, &here.who, [link.pupil]).await?;
    if !here.pupils.contains(&link.pupil) {
        return Err(ServiceError::refused(
            "not_a_pupil",
            "this Moodle user is not a pupil (yet); nothing is given back",
        ));
    }
    let claims = requests::claims_of_adult(tx, link.adult).await?;
    let claim = claims.into_iter().map(|(.., claim)| claim).find(|claim| claim.id == link.claim);
    let request = match claim.filter(|claim| claim.state == ClaimState::Approved) {
        Some(claim) => requests::find(tx, claim.request).await?,
        None => None,
    };
    request.ok_or_else(|| {
        ServiceError::refused(
            "request_gone",
            "the request by which this was approved is withdrawn or not kept any more; ask the parent for a new one",
        )
    })
}
