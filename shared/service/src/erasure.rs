//! Erasing one person's data when they ask for it: asked → access ended → nothing of theirs left in Moodle → erased.
//!
//! Whoever has access loses it first, by the ordinary road, and only when the caller says so. While Moodle may still hold a
//! role row or an open session of theirs the data stays, because it takes what is in it to end those; [`finish_due`] goes on
//! every night.
//! A hold stops it: what it protects from must stay known. The audit is not touched; it names nobody.
//!
//! What does not live here: the account in Moodle, which the school deletes there; erasing by age ([`crate::retention`]).

use kinlink_domain::{
    Timestamp,
    hold::HoldView,
    ids::{AdultId, ErasureId, RequestId},
    staff::{Actor, Permission},
};
use kinlink_queue::Hint;
use kinlink_store::{
    Tx, accounts,
    accounts::Adult,
    audit,
    erasure::{self, Erasure, Requests, Standing},
    holds as held,
    jobs::Priority,
    links, requests,
};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use crate::{
    App, ServiceError,
    access::require,
    accounts::end_access,
    decide::{enqueue_job, tell_queue},
    error::retry_races,
    holds,
    own::{self, Person},
};

/// The code of the refusal while the adult has access.
pub const ACCESS_IN_FORCE: &str = "access_in_force";
/// The code of the refusal of erasing one request of an adult who was accepted.
pub const KNOWN_ADULT: &str = "known_adult";

/// How many waiting erasures one run looks at.
const MOST: u32 = 500;

/// Where an erasure stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErasureState {
    /// The access has ended; Moodle may still hold role rows. It is finished by itself.
    AccessEnded,
    /// The data is gone.
    Erased,
}

/// An erasure as people see it.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Erasure)]
pub struct ErasureView {
    /// Its id.
    pub id: ErasureId,
    /// The adult, if they had been accepted.
    #[schema(required)]
    pub adult: Option<AdultId>,
    /// The request, if its adult had not.
    #[schema(required)]
    pub request: Option<RequestId>,
    /// Where it stands.
    pub state: ErasureState,
    /// Who asked for it.
    pub asked_by: String,
    /// When.
    pub asked_at: Timestamp,
    /// When it was done.
    #[schema(required)]
    pub erased_at: Option<Timestamp>,
}

impl From<Erasure> for ErasureView {
    fn from(erasure: Erasure) -> Self {
        let state = if erasure.erased_at.is_some() { ErasureState::Erased } else { ErasureState::AccessEnded };
        Self {
            id: erasure.id,
            adult: erasure.adult,
            request: erasure.request,
            state,
            asked_by: erasure.asked_by,
            asked_at: erasure.asked_at,
            erased_at: erasure.erased_at,
        }
    }
}

/// The newest erasures.
///
/// # Errors
/// [`ServiceError::Forbidden`], the store.
pub async fn list(app: &App, actor: &Actor, limit: u32) -> Result<Vec<ErasureView>, ServiceError> {
    require(actor, Permission::Administer)?;
    let found = erasure::list(&mut app.store.acquire().await?, false, limit).await?;
    Ok(found.into_iter().map(ErasureView::from).collect())
}

/// The erasure of an adult, if it was asked for.
///
/// # Errors
/// [`ServiceError::Forbidden`], the store.
pub async fn find(app: &App, actor: &Actor, adult: AdultId) -> Result<Option<ErasureView>, ServiceError> {
    require(actor, Permission::Administer)?;
    Ok(erasure::of_adult(&mut app.store.acquire().await?, adult).await?.map(ErasureView::from))
}

/// Erases an adult's data, at once or as soon as Moodle holds nothing of theirs any more. Asking twice is asking once.
///
/// # Errors
/// [`ServiceError::Forbidden`], [`ServiceError::NotFound`], refusals `access_in_force` (unless `end_access_first`),
/// `refer_to_safeguarding` and `own_request`; the store, Moodle.
pub async fn adult(
    app: &App,
    actor: &Actor,
    adult: AdultId,
    end_access_first: bool,
) -> Result<ErasureView, ServiceError> {
    require(actor, Permission::Administer)?;
    let (erasure, hints) = retry_races!(adult_once(app, actor, adult, end_access_first))?;
    tell_queue(app, &hints).await;
    Ok(erasure.into())
}

async fn adult_once(
    app: &App,
    actor: &Actor,
    id: AdultId,
    end_access_first: bool,
) -> Result<(Erasure, Vec<Hint>), ServiceError> {
    let person = Person::of(app, actor).await?;
    let now = app.now();
    let mut tx = app.store.begin().await?;
    let adult = accounts::adult(&mut tx, id).await?.ok_or(ServiceError::NotFound("adult"))?;
    person.require_others(app, &mut tx, std::slice::from_ref(&adult)).await?;
    if is_held(app, &mut tx, &adult).await? {
        return Err(holds::refusal());
    }
    accounts::lock(&mut tx, id).await?;
    let standing = erasure::standing(&mut tx, id).await?.ok_or(ServiceError::NotFound("adult"))?;
    let has_access = standing.links > 0 || standing.login_rows > 0;
    let known = erasure::of_adult(&mut tx, id).await?;
    if let Some(known) = known.filter(|_| !has_access) {
        return Ok((known, Vec::new()));
    }
    let mut hints = Vec::new();
    if has_access {
        if !end_access_first {
            let detail = "this parent still has access; end it with the erasure, or end it first";
            return Err(ServiceError::refused(ACCESS_IN_FORCE, detail));
        }
        // An erasure that waited while somebody gave access again starts anew.
        if let Some(known) = erasure::of_adult(&mut tx, id).await? {
            erasure::drop_waiting(&mut tx, known.id).await?;
        }
        end_access(app, &mut tx, actor, &[id], "erasure").await?;
        hints.push(enqueue_job(app, &mut tx, id, None, Priority::Removal).await?);
    }
    let mut erasure = Erasure {
        id: app.new_id(),
        adult: Some(id),
        request: None,
        asked_by: actor.name.clone(),
        asked_at: now,
        erased_at: None,
    };
    erasure::insert(&mut tx, &erasure).await?;
    let entry = audit::Entry::new(
        "adult.ask_erasure",
        subject(id),
        json!({ "erasure": erasure.id, "ended_access": has_access }),
    );
    audit::write(&mut tx, actor, now, &[entry]);
    // Whose access ends by this is told so by mail first.
    if !has_access && standing.is_settled() {
        erase(&mut tx, actor, &mut erasure, id, standing, now).await?;
    }
    tx.commit().await?;
    tracing::info!(erasure.id = %erasure.id, done = erasure.erased_at.is_some(), "an erasure was asked for");
    Ok((erasure, hints))
}

/// Erases a request whose adult was never accepted, with everything about it.
///
/// # Errors
/// [`ServiceError::Forbidden`], [`ServiceError::NotFound`], refusals `known_adult`, `refer_to_safeguarding` and
/// `own_request`; the store, Moodle.
pub async fn request(app: &App, actor: &Actor, request: RequestId) -> Result<ErasureView, ServiceError> {
    require(actor, Permission::Administer)?;
    Ok(retry_races!(request_once(app, actor, request))?.into())
}

/// Erases a request as [`request`], by its reference.
///
/// # Errors
/// As [`request`].
pub async fn request_by_reference(app: &App, actor: &Actor, reference: &str) -> Result<ErasureView, ServiceError> {
    require(actor, Permission::Administer)?;
    let reference = reference.trim().parse().map_err(|_| ServiceError::NotFound("request"))?;
    let found = requests::find_by_reference(&mut app.store.acquire().await?, &reference).await?;
    request(app, actor, found.ok_or(ServiceError::NotFound("request"))?.id).await
}

async fn request_once(app: &App, actor: &Actor, id: RequestId) -> Result<Erasure, ServiceError> {
    let now = app.now();
    let request = requests::find(&mut app.store.acquire().await?, id).await?;
    own::require_anothers(app, actor, &request.ok_or(ServiceError::NotFound("request"))?).await?;
    let mut tx = app.store.begin().await?;
    let request = requests::find(&mut tx, id).await?.ok_or(ServiceError::NotFound("request"))?;
    if request.adult.is_some() {
        let detail = "this request belongs to a parent who was accepted; erase the parent’s data";
        return Err(ServiceError::refused(KNOWN_ADULT, detail));
    }
    let stops = holds::in_force(app, &mut tx).await?;
    let who = holds::of_request(&request, None);
    let claims = requests::claims(&mut tx, id).await?;
    if stops.name(&who) || claims.iter().filter_map(|claim| claim.pupil).any(|pupil| stops.forbid(&who, pupil)) {
        return Err(holds::refusal());
    }
    let erasure = Erasure {
        id: app.new_id(),
        adult: None,
        request: Some(id),
        asked_by: actor.name.clone(),
        asked_at: now,
        erased_at: Some(now),
    };
    let found = Requests::by_ids(&mut tx, &[id.to_string()]).await?;
    erasure::erase_requests(&mut tx, &found, now).await?;
    erasure::insert(&mut tx, &erasure).await?;
    let entry = audit::Entry::new("request.erase", format!("request:{id}"), json!({ "erasure": erasure.id }));
    audit::write(&mut tx, actor, now, &[entry]);
    tx.commit().await?;
    Ok(erasure)
}

/// Finishes the erasures that waited for Moodle, and drops those whose adult was given access again. Gives the number of
/// those that are done.
///
/// # Errors
/// The store.
pub(crate) async fn finish_due(app: &App) -> Result<usize, ServiceError> {
    let waiting = erasure::list(&mut app.store.acquire().await?, true, MOST).await?;
    let mut done = 0;
    for erasure in waiting {
        match retry_races!(finish_once(app, &erasure)) {
            Ok(is_done) => done += usize::from(is_done),
            // One that cannot be finished keeps nobody else waiting.
            Err(error) => tracing::error!(erasure.id = %erasure.id, %error, "an erasure could not be finished"),
        }
    }
    Ok(done)
}

async fn finish_once(app: &App, erasure: &Erasure) -> Result<bool, ServiceError> {
    let Some(id) = erasure.adult else { return Ok(false) };
    let (now, actor) = (app.now(), Actor::system());
    let mut tx = app.store.begin().await?;
    accounts::lock(&mut tx, id).await?;
    let (Some(adult), Some(standing)) = (accounts::adult(&mut tx, id).await?, erasure::standing(&mut tx, id).await?)
    else {
        return Ok(false);
    };
    if standing.links > 0 || standing.login_rows > 0 {
        erasure::drop_waiting(&mut tx, erasure.id).await?;
        let entry = audit::Entry::new("adult.drop_erasure", subject(id), json!({ "erasure": erasure.id }));
        audit::write(&mut tx, &actor, now, &[entry]);
        tx.commit().await?;
        return Ok(false);
    }
    if !standing.is_settled() || is_held(app, &mut tx, &adult).await? {
        return Ok(false);
    }
    erase(&mut tx, &actor, &mut erasure.clone(), id, standing, now).await?;
    tx.commit().await?;
    Ok(true)
}

async fn erase(
    tx: &mut Tx<'_>,
    actor: &Actor,
    erasure: &mut Erasure,
    adult: AdultId,
    standing: Standing,
    now: Timestamp,
) -> Result<(), ServiceError> {
    if !standing.erased {
        erasure::erase_adults(tx, &[adult], erasure.asked_at, now).await?;
    }
    erasure::finish(tx, erasure.id, now).await?;
    erasure.erased_at = Some(now);
    let entry = audit::Entry::new("adult.erase", subject(adult), json!({ "erasure": erasure.id }));
    audit::write(tx, actor, now, &[entry]);
    Ok(())
}

/// Whether a hold names the adult, in force or to come, or forbids one of the pupils they are or were linked to.
async fn is_held(app: &App, tx: &mut Tx<'_>, adult: &Adult) -> Result<bool, ServiceError> {
    let stops = holds::in_force(app, tx).await?;
    let who = holds::of_adult(adult);
    if stops.name(&who) {
        return Ok(true);
    }
    let pupils = links::of_adults(tx, &[adult.id]).await?;
    if pupils.iter().any(|link| stops.forbid(&who, link.pupil)) {
        return Ok(true);
    }
    let coming = held::Filter { view: HoldView::Coming, adult: Some(adult.id), pupil: None };
    Ok(!held::list(tx, &coming, app.now(), None, 1).await?.is_empty())
}

fn subject(adult: AdultId) -> String {
    format!("adult:{adult}")
}
