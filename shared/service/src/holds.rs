//! Holds: placing, asking to release, releasing, and looking at them; and what a hold means to every other use case.
//!
//! A hold wins over everything. It is read where something is decided ([`require_free`]), where rows are reckoned (the cycle,
//! [`kinlink_domain::desired`]) and where a mail is written: nothing about it is copied anywhere. Only safeguarding sees
//! holds; everybody else is told to ask them. Two different people release one.

use std::collections::{BTreeMap, BTreeSet};

use kinlink_domain::{
    Timestamp,
    email::EmailAddress,
    hold::{Hold, HoldReason, HoldView, Identity, MAX_REFERENCE, REFER_CODE, Stops, address_key},
    ids::{AdultId, ClaimId, HoldId, MoodleUserId},
    request::ClaimState,
    staff::{Actor, Permission},
    submission::{FaultCode, FieldFault},
    text,
};
use kinlink_moodle::users;
use kinlink_queue::Hint;
use kinlink_store::{
    Session, Tx,
    accounts::{self, Adult},
    audit, holds, jobs,
    jobs::{Job, Priority},
    requests::{Claim, Request},
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::{
    App, ServiceError, access::require, decide::tell_queue, error::retry_races, looked, observe, own::Person,
    submit::field_fault, view::Page,
};

/// A hold to place.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewHold {
    /// The adult, if they were accepted.
    #[serde(default)]
    pub adult: Option<AdultId>,
    /// The address of somebody who need not be known yet: everybody who has or gets it.
    #[serde(default)]
    pub email: Option<String>,
    /// The pupil: a Moodle user id. Alone it stops every adult, with an adult or an address only this pair.
    #[serde(default)]
    pub pupil: Option<MoodleUserId>,
    /// Why.
    pub reason: HoldReason,
    /// Where the document is: a file number, never its contents.
    pub reference: String,
    /// From when; now if left out.
    #[serde(default)]
    pub from: Option<Timestamp>,
    /// Until when; until it is released if left out.
    #[serde(default)]
    pub until: Option<Timestamp>,
}

/// Which holds to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HoldQuery {
    /// The view.
    pub view: HoldView,
    /// Only those that name this adult.
    pub adult: Option<AdultId>,
    /// Only those that name this pupil.
    pub pupil: Option<MoodleUserId>,
    /// Only those placed before this one.
    pub before: Option<HoldId>,
}

/// A hold with whom it is about.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct HoldItem {
    /// Its id.
    pub id: HoldId,
    /// The held adult.
    #[schema(required)]
    pub adult: Option<AdultId>,
    /// Their name; none when they are gone from the store.
    #[schema(required)]
    pub adult_name: Option<String>,
    /// The held address.
    #[schema(required)]
    pub email: Option<String>,
    /// The held pupil.
    #[schema(required)]
    pub pupil: Option<MoodleUserId>,
    /// Their name; none when Moodle cannot be asked or has no such user.
    #[schema(required)]
    pub pupil_name: Option<String>,
    /// Why.
    pub reason: HoldReason,
    /// Where the document is.
    pub reference: String,
    /// From when.
    pub from: Timestamp,
    /// Until when.
    #[schema(required)]
    pub until: Option<Timestamp>,
    /// `in_force`, `coming` or `over`.
    pub state: HoldView,
    /// Who placed it.
    pub placed_by: String,
    /// When.
    pub placed_at: Timestamp,
    /// Who asked to release it.
    #[schema(required)]
    pub release_asked_by: Option<String>,
    /// When.
    #[schema(required)]
    pub release_asked_at: Option<Timestamp>,
    /// Who released it.
    #[schema(required)]
    pub released_by: Option<String>,
    /// When.
    #[schema(required)]
    pub released_at: Option<Timestamp>,
    /// Whether the caller is another person than who asked to release it, and may do so.
    pub may_release: bool,
}

/// What safeguarding is told of a hold beside a request or an adult: enough to open it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct HoldHint {
    /// Its id.
    pub id: HoldId,
    /// Why.
    pub reason: HoldReason,
}

/// Fails because of a hold, in the words that everybody may read.
pub(crate) fn refusal() -> ServiceError {
    ServiceError::refused(REFER_CODE, "refer to safeguarding; this cannot be decided here")
}

/// Who an adult is, as far as holds ask.
pub(crate) fn of_adult(adult: &Adult) -> Identity {
    Identity {
        adult: Some(adult.id),
        addresses: vec![address_key(adult.email.as_str())],
        username: adult.username.clone(),
        account: adult.picked_user,
    }
}

/// Who an adult is whose Moodle account was looked up: also by the address that Moodle has.
pub(crate) fn of_account(adult: &Adult, account: Option<&users::User>) -> Identity {
    let mut identity = of_adult(adult);
    if let Some(user) = account {
        identity.username = Some(user.username.clone());
        identity.account = Some(user.id);
        identity.addresses.push(address_key(&user.email));
    }
    identity
}

/// Who asks in a request: by its address as it stands, as it was typed and as it first came, and by its adult once it has one.
pub(crate) fn of_request(request: &Request, adult: Option<&Adult>) -> Identity {
    let mut identity = adult.map(of_adult).unwrap_or_default();
    identity.adult = identity.adult.or(request.adult);
    let sent: Option<serde_json::Value> = serde_json::from_str(&request.submitted).ok();
    let sent = sent.as_ref().and_then(|sent| sent.get("email")?.as_str());
    let now = request.email.as_ref().map(EmailAddress::as_str);
    identity.addresses.extend(
        [now, Some(request.email_typed.as_str()), sent]
            .into_iter()
            .flatten()
            .filter(|address| !address.trim().is_empty())
            .map(address_key),
    );
    identity
}

/// The holds in force.
///
/// # Errors
/// The store.
pub(crate) async fn in_force(app: &App, session: &mut impl Session) -> Result<Stops, ServiceError> {
    Ok(holds::in_force(session, app.now()).await?)
}

/// The holds in force that forbid any pupil of a request's children, or its person every one. `meant` gives for a claim whom
/// it means where nobody was picked.
pub(crate) fn on_request(
    stops: &Stops,
    who: &Identity,
    claims: &[&Claim],
    meant: impl Fn(ClaimId) -> Option<MoodleUserId>,
) -> Vec<HoldId> {
    let mut found = stops.of_person(who);
    let alive = claims.iter().filter(|claim| matches!(claim.state, ClaimState::Open | ClaimState::Approved));
    for pupil in alive.filter_map(|claim| claim.pupil.or_else(|| meant(claim.id))) {
        found.extend(stops.of_pair(who, pupil));
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// Fails when a hold forbids somebody to be linked, or to be linked to one of these pupils. Asked within the transaction that
/// would do it.
///
/// # Errors
/// The refusal [`REFER_CODE`]; the store.
pub(crate) async fn require_free(
    app: &App,
    session: &mut impl Session,
    who: &Identity,
    pupils: impl IntoIterator<Item = MoodleUserId>,
) -> Result<(), ServiceError> {
    let stops = in_force(app, session).await?;
    let held = stops.forbid_person(who) || pupils.into_iter().any(|pupil| stops.forbid(who, pupil));
    if held { Err(refusal()) } else { Ok(()) }
}

/// [`require_free`] for whoever asks in a request.
///
/// # Errors
/// As [`require_free`].
pub(crate) async fn require_request_free(
    app: &App,
    session: &mut impl Session,
    request: &Request,
    pupils: impl IntoIterator<Item = MoodleUserId>,
) -> Result<(), ServiceError> {
    let known = match request.adult {
        Some(adult) => accounts::adult(session, adult).await?,
        None => None,
    };
    require_free(app, session, &of_request(request, known.as_ref()), pupils).await
}

/// Fails when a hold names an adult, alone or with a pupil: by another address they would no longer be who is held.
///
/// # Errors
/// The refusal [`REFER_CODE`]; the store.
pub(crate) async fn require_unnamed(app: &App, session: &mut impl Session, adult: &Adult) -> Result<(), ServiceError> {
    if in_force(app, session).await?.name(&of_adult(adult)) { Err(refusal()) } else { Ok(()) }
}

/// The hints of these holds, for whoever may see them; none for everybody else, and none of none.
pub(crate) fn hints(actor: &Actor, stops: &Stops, ids: &[HoldId]) -> Option<Vec<HoldHint>> {
    let named = stops.0.iter().filter(|stop| ids.contains(&stop.hold));
    let hints: Vec<HoldHint> = named.map(|stop| HoldHint { id: stop.hold, reason: stop.reason }).collect();
    (actor.may(Permission::Hold) && !hints.is_empty()).then_some(hints)
}

/// Places a hold. Whoever it concerns is looked at in the next cycle.
///
/// # Errors
/// [`ServiceError::Forbidden`], [`ServiceError::Invalid`], [`ServiceError::NotFound`] for an unknown adult, the store. A Moodle
/// that cannot be asked is no reason not to place one.
pub async fn place(app: &App, actor: &Actor, new: &NewHold) -> Result<Hold, ServiceError> {
    require(actor, Permission::Hold)?;
    let hold = checked(app, actor, new)?;
    if let Some(adult) = hold.adult {
        accounts::adult(&mut app.store.acquire().await?, adult).await?.ok_or(ServiceError::NotFound("adult"))?;
    }
    if let Some(pupil) = hold.pupil
        && !may_exist(app, pupil).await
    {
        return Err(invalid(vec![("/pupil", "Moodle has no such user")]));
    }
    let hints = retry_races!(place_once(app, actor, &hold))?;
    tell_queue(app, &hints).await;
    Ok(hold)
}

fn invalid(faults: Vec<(&str, &str)>) -> ServiceError {
    let fault = |(pointer, detail): (&str, &str)| FieldFault {
        pointer: pointer.to_owned(),
        code: FaultCode::Invalid,
        detail: detail.to_owned(),
    };
    ServiceError::Invalid(faults.into_iter().map(fault).collect())
}

fn checked(app: &App, actor: &Actor, new: &NewHold) -> Result<Hold, ServiceError> {
    let now = app.now();
    let mut faults = Vec::new();
    let email = new.email.as_deref().map(str::trim).filter(|email| !email.is_empty()).map(EmailAddress::parse);
    if matches!(email, Some(Err(_))) {
        faults.push(("/email", "is not an email address like name@example.org"));
    }
    let email = email.and_then(Result::ok);
    match (new.adult, &new.email, new.pupil) {
        (Some(_), Some(_), _) => faults.push(("/email", "name the adult or an address, not both")),
        (None, None, None) => faults.push(("/adult", "say who is held: an adult, an address, a pupil, or a pair")),
        _ => {}
    }
    if new.pupil.is_some_and(|pupil| pupil.0 <= 0) {
        faults.push(("/pupil", "is not a Moodle user id"));
    }
    let from = new.from.unwrap_or(now);
    if new.until.is_some_and(|until| until <= from || until <= now) {
        faults.push(("/until", "must be later than now and than its beginning"));
    }
    if !faults.is_empty() {
        return Err(invalid(faults));
    }
    let reference = text::line(&new.reference, MAX_REFERENCE)
        .map_err(|fault| ServiceError::Invalid(vec![field_fault("/reference", fault)]))?;
    Ok(Hold {
        id: app.new_id(),
        adult: new.adult,
        email,
        pupil: new.pupil,
        reason: new.reason,
        reference,
        from,
        until: new.until,
        placed_by: actor.name.clone(),
        placed_at: now,
        release_asked: None,
        released: None,
    })
}

/// Whether Moodle has, or may have, this user.
async fn may_exist(app: &App, pupil: MoodleUserId) -> bool {
    let found = async {
        let mut moodle = app.moodle.connect().await?;
        Ok::<_, ServiceError>(!users::by_ids(&mut moodle, app.moodle.prefix(), &[pupil]).await?.is_empty())
    };
    found.await.unwrap_or_else(|error| {
        tracing::warn!(%error, "a hold is placed without asking Moodle for the pupil");
        true
    })
}

async fn place_once(app: &App, actor: &Actor, hold: &Hold) -> Result<Vec<Hint>, ServiceError> {
    let now = app.now();
    let mut tx = app.store.begin().await?;
    holds::insert(&mut tx, hold, hold.next_turn(now)).await?;
    let hints = if hold.is_in_force(now) { look_at(app, &mut tx, hold, Priority::Removal).await? } else { Vec::new() };
    note(app, &mut tx, actor, "hold.place", hold);
    tx.commit().await?;
    Ok(hints)
}

/// Queues a job for everybody whom a hold concerns.
async fn look_at(app: &App, tx: &mut Tx<'_>, hold: &Hold, priority: Priority) -> Result<Vec<Hint>, ServiceError> {
    let now = app.now();
    let adults = holds::concerned(tx, hold).await?;
    let made: Vec<Job> = adults
        .into_iter()
        .map(|adult| Job { id: app.new_id(), adult, request: None, priority, attempts: 0, available_at: now })
        .collect();
    if !made.is_empty() {
        jobs::insert(tx, &made, now).await?;
    }
    let hint = |job: &Job| Hint { job: job.id, adult: job.adult, correlation: Some(observe::correlation(job)) };
    Ok(made.iter().map(hint).collect())
}

/// Notes an act in the audit: ids and instants only.
fn note(app: &App, tx: &mut Tx<'_>, actor: &Actor, action: &str, hold: &Hold) {
    let detail = json!({ "adult": hold.adult, "pupil": hold.pupil, "from": hold.from, "until": hold.until });
    audit::write(tx, actor, app.now(), &[audit::Entry::new(action, format!("hold:{}", hold.id), detail)]);
}

/// Loads a hold for an act on its release.
async fn load(app: &App, actor: &Actor, id: HoldId) -> Result<Hold, ServiceError> {
    require(actor, Permission::Hold)?;
    let person = Person::of(app, actor).await?;
    let mut store = app.store.acquire().await?;
    let hold = holds::find(&mut store, id).await?.ok_or(ServiceError::NotFound("hold"))?;
    if hold.is_over(app.now()) {
        return Err(ServiceError::refused("over", "this hold is over"));
    }
    let concerned = holds::concerned(&mut store, &hold).await?;
    let adults = if concerned.is_empty() { Vec::new() } else { accounts::adults(&mut store, &concerned).await? };
    let is_own = hold.email.as_ref().is_some_and(|email| person.has_address(email));
    if is_own || !person.among(app, &mut store, &adults).await?.is_empty() {
        return Err(ServiceError::refused("own_hold", "this hold concerns yourself; others must decide"));
    }
    Ok(hold)
}

/// Asks for the release of a hold: somebody else then says whether it is released.
///
/// # Errors
/// [`ServiceError::Forbidden`], [`ServiceError::NotFound`], refusals `over`, `own_hold` and `already_asked`, the store.
pub async fn ask_release(app: &App, actor: &Actor, id: HoldId) -> Result<Hold, ServiceError> {
    let mut hold = load(app, actor, id).await?;
    if hold.release_asked.is_some() {
        return Err(ServiceError::refused("already_asked", "somebody has asked to release this hold already"));
    }
    let now = app.now();
    let mut tx = app.store.begin().await?;
    holds::ask_release(&mut tx, id, &actor.name, now).await?;
    note(app, &mut tx, actor, "hold.ask_release", &hold);
    tx.commit().await?;
    hold.release_asked = Some((actor.name.clone(), now));
    Ok(hold)
}

/// Takes back that a hold is to be released. Everybody who may hold may do so: the hold stays.
///
/// # Errors
/// [`ServiceError::Forbidden`], [`ServiceError::NotFound`], refusals `over`, `own_hold` and `not_asked`, the store.
pub async fn withdraw_release(app: &App, actor: &Actor, id: HoldId) -> Result<Hold, ServiceError> {
    let mut hold = load(app, actor, id).await?;
    if hold.release_asked.is_none() {
        return Err(not_asked());
    }
    let mut tx = app.store.begin().await?;
    holds::withdraw_release(&mut tx, id).await?;
    note(app, &mut tx, actor, "hold.withdraw_release", &hold);
    tx.commit().await?;
    hold.release_asked = None;
    Ok(hold)
}

fn not_asked() -> ServiceError {
    ServiceError::refused("not_asked", "nobody has asked to release this hold; one person asks, another releases")
}

/// Releases a hold that another person asked to release. Rows whose links are in force come back with the next cycle.
///
/// # Errors
/// [`ServiceError::Forbidden`], [`ServiceError::NotFound`], refusals `over`, `own_hold`, `not_asked` and `second_person`, the
/// store.
pub async fn release(app: &App, actor: &Actor, id: HoldId) -> Result<Hold, ServiceError> {
    let mut hold = load(app, actor, id).await?;
    let (asked_by, _) = hold.release_asked.clone().ok_or_else(not_asked)?;
    // A script acts for whoever minted its token.
    let person = Person::of(app, actor).await?;
    if !person.is_another_than(&Person::named(&mut app.store.acquire().await?, &asked_by).await?) {
        let detail = "you asked to release this hold; another person must do it";
        return Err(ServiceError::refused("second_person", detail));
    }
    let now = app.now();
    let was_in_force = hold.is_in_force(now);
    let mut tx = app.store.begin().await?;
    holds::release(&mut tx, id, &asked_by, &actor.name, now).await?;
    let hints = if was_in_force { look_at(app, &mut tx, &hold, Priority::Grant).await? } else { Vec::new() };
    note(app, &mut tx, actor, "hold.release", &hold);
    tx.commit().await?;
    tell_queue(app, &hints).await;
    hold.released = Some((actor.name.clone(), now));
    Ok(hold)
}

/// Queues jobs for whomever a hold concerns that began or ended by itself since somebody looked last. One statement when there
/// is none.
///
/// # Errors
/// The store.
pub(crate) async fn turn(app: &App) -> Result<(), ServiceError> {
    let now = app.now();
    if holds::turned(&mut app.store.acquire().await?, now).await?.is_empty() {
        return Ok(());
    }
    let mut tx = app.store.begin().await?;
    for hold in holds::turned(&mut tx, now).await? {
        let (action, priority) =
            if hold.is_over(now) { ("hold.end", Priority::Grant) } else { ("hold.begin", Priority::Removal) };
        // The queue need not be told: this cycle sweeps the outbox next.
        look_at(app, &mut tx, &hold, priority).await?;
        holds::set_turn(&mut tx, hold.id, hold.next_turn(now)).await?;
        note(app, &mut tx, &Actor::system(), action, &hold);
    }
    Ok(tx.commit().await?)
}

/// Holds, the newest first.
///
/// # Errors
/// [`ServiceError::Forbidden`], the store.
pub async fn list(
    app: &App,
    actor: &Actor,
    query: HoldQuery,
    limit: u32,
) -> Result<Page<HoldItem, HoldId>, ServiceError> {
    require(actor, Permission::Hold)?;
    looked::note(app, actor, "hold", "list").await?;
    let filter = holds::Filter { view: query.view, adult: query.adult, pupil: query.pupil };
    let mut store = app.store.acquire().await?;
    let mut found = holds::list(&mut store, &filter, app.now(), query.before, limit + 1).await?;
    drop(store);
    let more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let next = found.last().filter(|_| more).map(|hold| hold.id);
    Ok(Page { items: items(app, actor, &found).await?, next })
}

/// How many holds each view has.
///
/// # Errors
/// [`ServiceError::Forbidden`], the store.
pub async fn count(app: &App, actor: &Actor) -> Result<Vec<(HoldView, i64)>, ServiceError> {
    require(actor, Permission::Hold)?;
    Ok(holds::counts(&mut app.store.acquire().await?, app.now()).await?)
}

/// A hold; who looks at it is noted.
///
/// # Errors
/// [`ServiceError::Forbidden`], [`ServiceError::NotFound`], the store.
pub async fn show(app: &App, actor: &Actor, id: HoldId) -> Result<HoldItem, ServiceError> {
    require(actor, Permission::Hold)?;
    let hold = holds::find(&mut app.store.acquire().await?, id).await?.ok_or(ServiceError::NotFound("hold"))?;
    looked::note(app, actor, "hold", id).await?;
    items(app, actor, std::slice::from_ref(&hold)).await?.pop().ok_or(ServiceError::NotFound("hold"))
}

/// Holds with whom they are about.
async fn items(app: &App, actor: &Actor, found: &[Hold]) -> Result<Vec<HoldItem>, ServiceError> {
    let now = app.now();
    let ids: Vec<AdultId> = found.iter().filter_map(|hold| hold.adult).collect();
    let adults = match ids.as_slice() {
        [] => Vec::new(),
        ids => accounts::adults(&mut app.store.acquire().await?, ids).await?,
    };
    let adults: BTreeMap<AdultId, String> =
        adults.into_iter().map(|adult| (adult.id, format!("{} {}", adult.given_name, adult.family_name))).collect();
    let pupils = pupil_names(app, found).await;
    let others = askers_but(app, actor, found, now).await?;
    let mut items = Vec::with_capacity(found.len());
    for hold in found {
        let may_release = hold.awaits_release(now)
            && hold.release_asked.as_ref().is_some_and(|(asked_by, _)| others.contains(asked_by));
        let (asked_by, asked_at) = hold.release_asked.clone().unzip();
        let (released_by, released_at) = hold.released.clone().unzip();
        items.push(HoldItem {
            id: hold.id,
            adult: hold.adult,
            adult_name: hold.adult.and_then(|adult| adults.get(&adult).cloned()),
            email: hold.email.as_ref().map(ToString::to_string),
            pupil: hold.pupil,
            pupil_name: hold.pupil.and_then(|pupil| pupils.get(&pupil).cloned()),
            reason: hold.reason,
            reference: hold.reference.clone(),
            from: hold.from,
            until: hold.until,
            state: hold.view(now),
            placed_by: hold.placed_by.clone(),
            placed_at: hold.placed_at,
            release_asked_by: asked_by,
            release_asked_at: asked_at,
            released_by,
            released_at,
            may_release,
        });
    }
    Ok(items)
}

/// Those who asked to release one of the holds and are certainly not the actor: after them the actor may release it.
async fn askers_but(
    app: &App,
    actor: &Actor,
    found: &[Hold],
    now: Timestamp,
) -> Result<BTreeSet<String>, ServiceError> {
    let awaiting = found.iter().filter(|hold| hold.awaits_release(now));
    let askers: BTreeSet<&String> = awaiting.filter_map(|hold| Some(&hold.release_asked.as_ref()?.0)).collect();
    let mut store = app.store.acquire().await?;
    let me = Person::named(&mut store, &actor.name).await?;
    let mut others = BTreeSet::new();
    for asker in askers {
        if Person::named(&mut store, asker).await?.is_another_than(&me) {
            others.insert(asker.clone());
        }
    }
    Ok(others)
}

/// The names of held pupils. Without Moodle there are none.
async fn pupil_names(app: &App, found: &[Hold]) -> BTreeMap<MoodleUserId, String> {
    let mut ids: Vec<MoodleUserId> = found.iter().filter_map(|hold| hold.pupil).collect();
    ids.sort_unstable();
    ids.dedup();
    if ids.is_empty() {
        return BTreeMap::new();
    }
    let named = async {
        let mut moodle = app.moodle.connect().await?;
        Ok::<_, ServiceError>(users::by_ids(&mut moodle, app.moodle.prefix(), &ids).await?)
    };
    match named.await {
        Ok(users) => users.into_iter().map(|user| (user.id, user.name)).collect(),
        Err(error) => {
            tracing::warn!(%error, "holds are listed without the names of pupils");
            BTreeMap::new()
        }
    }
}
