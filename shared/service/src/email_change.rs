//! Another address for an adult who has an account: begun by staff or by an approved request, proven by whoever reads the
//! new address, withdrawn by staff until then. The user name stays.
//!
//! The old address is told at once; it learns neither the new one nor any name of a child. What Moodle holds is never
//! written here: its synchronisation takes the address over from the login row, if Moodle is set to, and an account that
//! signs in another way keeps its own. What does not live here: the rule (`domain/email_change.rs`), the letters' words.

use jiff::SignedDuration;
use kinlink_domain::{
    Timestamp,
    email::EmailAddress,
    email_change::{End, InMoodle, Refusal, Standing, may_begin, standing},
    ids::AdultId,
    policy::Policy,
    staff::{Actor, Permission},
    submission::{FaultCode, FieldFault},
};
use kinlink_moodle::{
    site,
    users::{self, User},
};
use kinlink_queue::Hint;
use kinlink_store::{
    StoreError, Tx,
    accounts::{self, Adult},
    audit,
    email_changes::{self, EmailChange},
    jobs::Priority,
    requests::Request,
    time,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::{
    App, ServiceError,
    access::require,
    app::hash,
    decide::enqueue_job,
    error::retry_races,
    holds, looked,
    mail::{self, Letter},
    own::Person,
};

/// Purpose of the secret in the link that proves a new address.
pub(crate) const NEW_ADDRESS: &str = "new-address";

/// The address that an adult is to get.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAddress {
    /// The new address.
    #[schema(max_length = 100)]
    pub email: String,
    /// Two people share this mailbox: the address may be somebody else's, too.
    #[serde(default)]
    pub shared: bool,
}

/// A change of an adult's address, as staff see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct EmailChangeView {
    /// The new address.
    pub email: String,
    /// Whether staff said that the adult shares it with somebody else.
    pub shared: bool,
    /// Where the change stands.
    pub standing: Standing,
    /// When it began.
    pub created_at: Timestamp,
    /// Until when the link works that proves the new address.
    pub expires_at: Timestamp,
    /// When it ended.
    #[schema(required)]
    pub ended_at: Option<Timestamp>,
}

impl EmailChangeView {
    pub(crate) fn new(change: &EmailChange, now: Timestamp) -> Self {
        Self {
            email: change.email.to_string(),
            shared: change.shared,
            standing: standing(change.end, change.expires_at, now),
            created_at: change.created_at,
            expires_at: change.expires_at,
            ended_at: change.ended_at,
        }
    }
}

/// An adult's address and what becomes of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct AddressView {
    /// The address that we write to.
    pub email: String,
    /// The latest change of it, however it stands; those that are long over are forgotten.
    #[schema(required)]
    pub change: Option<EmailChangeView>,
    /// What Moodle does with a new address.
    pub in_moodle: InMoodle,
}

/// The use case's own view of one adult: their address, the latest change of it, and what Moodle does with it. That somebody
/// looked is noted.
///
/// # Errors
/// [`ServiceError::Forbidden`], [`ServiceError::NotFound`], the store. Without Moodle only what it does is unknown.
pub async fn show(app: &App, actor: &Actor, adult: AdultId) -> Result<AddressView, ServiceError> {
    require(actor, Permission::Read)?;
    let mut store = app.store.acquire().await?;
    let adult = accounts::adult(&mut store, adult).await?.ok_or(ServiceError::NotFound("adult"))?;
    // Another connection notes it: a pool may have no more than this one to give.
    drop(store);
    looked::note(app, actor, "adult", adult.id).await?;
    let mut store = app.store.acquire().await?;
    let change = email_changes::latest_of(&mut store, adult.id).await?;
    let has_login_row = !accounts::login_rows_of(&mut store, &[adult.id]).await?.is_empty();
    drop(store);
    let takes_over = match takes_over(app).await {
        Ok(takes_over) => Some(takes_over),
        Err(error) => {
            tracing::warn!(adult.id = %adult.id, %error, "an address is shown without what Moodle does with it");
            None
        }
    };
    Ok(AddressView {
        email: adult.email.to_string(),
        change: change.map(|change| EmailChangeView::new(&change, app.now())),
        in_moodle: InMoodle::of(adult.picked_user.is_some(), has_login_row, takes_over),
    })
}

/// Whether Moodle is set to take changed addresses over from the login rows.
async fn takes_over(app: &App) -> Result<bool, ServiceError> {
    let mut moodle = app.moodle.connect().await?;
    let names = ["updateusers", "field_map_email", "field_updatelocal_email"];
    let set = site::plugin_config(&mut moodle, app.moodle.prefix(), "auth_db", &names).await?;
    let is = |name: &str, value: &str| set.get(name).is_some_and(|set| set == value);
    Ok(is("updateusers", "1") && is("field_map_email", "email") && is("field_updatelocal_email", "onlogin"))
}

/// Begins a change of an adult's address. An earlier one that still waits is replaced.
///
/// # Errors
/// [`ServiceError::Forbidden`], [`ServiceError::NotFound`], [`ServiceError::Invalid`] for the address; refusals `own_request`,
/// `same_address` and `shared_mailbox` (somebody else has the address: say that they share it); Moodle or the store failed. Nothing was
/// changed then.
pub async fn start(
    app: &App,
    actor: &Actor,
    adult: AdultId,
    wanted: &NewAddress,
) -> Result<EmailChangeView, ServiceError> {
    require(actor, Permission::Decide)?;
    let email = address(&wanted.email, "/email")?;
    let policy = app.policy().await?;
    let there = at_moodle(app, &email).await?;
    let person = Person::of(app, actor).await?;
    let attempt = async || -> Result<EmailChange, ServiceError> {
        let mut tx = app.store.begin().await?;
        let adult = accounts::adult(&mut tx, adult).await?.ok_or(ServiceError::NotFound("adult"))?;
        person.require_others(app, &mut tx, std::slice::from_ref(&adult)).await?;
        let wanted = Wanted { email: &email, shared: wanted.shared, at_moodle: &there, request: None };
        let change = begin(app, &mut tx, actor, &policy, &adult, &wanted).await?;
        tx.commit().await?;
        Ok(change)
    };
    let change = retry_races!(attempt())?;
    Ok(EmailChangeView::new(&change, app.now()))
}

/// Takes a change back that is not proven yet: its link works no more.
///
/// # Errors
/// [`ServiceError::Forbidden`], [`ServiceError::NotFound`], refusals `own_request` and `no_email_change` when none waits, the store, Moodle.
pub async fn withdraw(app: &App, actor: &Actor, adult: AdultId) -> Result<(), ServiceError> {
    require(actor, Permission::Decide)?;
    let person = Person::of(app, actor).await?;
    let mut store = app.store.acquire().await?;
    let known = accounts::adult(&mut store, adult).await?.ok_or(ServiceError::NotFound("adult"))?;
    person.require_others(app, &mut store, &[known]).await?;
    drop(store);
    retry_races!(withdraw_once(app, actor, adult))
}

async fn withdraw_once(app: &App, actor: &Actor, adult: AdultId) -> Result<(), ServiceError> {
    let now = app.now();
    let mut tx = app.store.begin().await?;
    let waiting = email_changes::latest_of(&mut tx, adult)
        .await?
        .filter(|change| standing(change.end, change.expires_at, now) == Standing::Waiting);
    let Some(change) = waiting else {
        return Err(ServiceError::refused("no_email_change", "no change of this adult's address waits to be proven"));
    };
    match email_changes::end(&mut tx, change.id, End::Withdrawn, now).await {
        // It was proven at the same moment: looking again tells.
        Err(StoreError::Stale(_)) => return Err(ServiceError::Race),
        ended => ended?,
    }
    let entry =
        audit::Entry::new("adult.email_change_withdrawn", format!("adult:{adult}"), json!({ "change": change.id }));
    audit::write(&mut tx, actor, now, &[entry]);
    tx.commit().await?;
    Ok(())
}

/// What pressing the button behind the link brought about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proven {
    /// The address is the adult's, by this or an earlier press.
    Changed,
    /// The link is unknown, expired, replaced or withdrawn: one answer for all of these.
    Invalid,
}

/// Uses a link up: the new address becomes the adult's, and their login row's. Asks neither Moodle nor the queue, which the
/// public function does not reach; the next cycle finds the job.
///
/// # Errors
/// The store.
pub async fn prove(app: &App, token: &str) -> Result<Proven, ServiceError> {
    retry_races!(prove_once(app, token))
}

async fn prove_once(app: &App, token: &str) -> Result<Proven, ServiceError> {
    let now = app.now();
    let mut tx = app.store.begin().await?;
    let Some(change) = email_changes::find_by_token(&mut tx, &hash(token)).await? else { return Ok(Proven::Invalid) };
    match standing(change.end, change.expires_at, now) {
        Standing::Waiting => {}
        Standing::Done => return Ok(Proven::Changed),
        _ => return Ok(Proven::Invalid),
    }
    let Some(adult) = accounts::adult(&mut tx, change.adult).await? else { return Ok(Proven::Invalid) };
    match holds::require_unnamed(app, &mut tx, &adult).await {
        Ok(()) => {}
        Err(ServiceError::Refused { .. }) => return Ok(Proven::Invalid),
        Err(error) => return Err(error),
    }
    let others = accounts::adults_by_email(&mut tx, &change.email).await?;
    if !change.shared && others.iter().any(|other| other.id != adult.id) {
        // Somebody got the address meanwhile: whether the two share it is the staff's to say.
        email_changes::end(&mut tx, change.id, End::Taken, now).await?;
        let detail = json!({ "change": change.id });
        let entry = audit::Entry::new("adult.email_change_taken", format!("adult:{}", adult.id), detail);
        audit::write(&mut tx, &Actor::system(), now, &[entry]);
        tx.commit().await?;
        return Ok(Proven::Invalid);
    }
    match finish(app, &mut tx, &Actor::parent(), &adult, &change).await {
        Ok(_) => {}
        // It ended at the same moment, by another press or otherwise: looking again tells.
        Err(ServiceError::Stale) => return Err(ServiceError::Race),
        Err(error) => return Err(error),
    }
    tx.commit().await?;
    Ok(Proven::Changed)
}

/// What a change is to bring about.
pub(crate) struct Wanted<'a> {
    pub(crate) email: &'a EmailAddress,
    pub(crate) shared: bool,
    /// The Moodle accounts that have the address.
    pub(crate) at_moodle: &'a [User],
    /// The request that asks for it.
    pub(crate) request: Option<&'a Request>,
}

/// An address as staff typed it.
pub(crate) fn address(typed: &str, pointer: &str) -> Result<EmailAddress, ServiceError> {
    EmailAddress::parse(typed).map_err(|wrong| {
        let fault = FieldFault { pointer: pointer.into(), code: FaultCode::Invalid, detail: wrong.to_string() };
        ServiceError::Invalid(vec![fault])
    })
}

/// The Moodle accounts that have an address.
pub(crate) async fn at_moodle(app: &App, email: &EmailAddress) -> Result<Vec<User>, ServiceError> {
    Ok(users::by_email(&mut app.moodle.connect().await?, app.moodle.prefix(), email).await?)
}

/// Begins a change in the caller's transaction: the row, both letters, the audit.
pub(crate) async fn begin(
    app: &App,
    tx: &mut Tx<'_>,
    actor: &Actor,
    policy: &Policy,
    adult: &Adult,
    wanted: &Wanted<'_>,
) -> Result<EmailChange, ServiceError> {
    // As it is stored: what is answered now is what is read later.
    let now = time::instant(time::millis(app.now()));
    // A held person must not slip out of a hold by another address.
    holds::require_unnamed(app, tx, adult).await?;
    let holders = holders(tx, adult, wanted, now).await?;
    match may_begin(&adult.email, wanted.email, !holders.is_empty(), wanted.shared) {
        Ok(()) => {}
        Err(Refusal::SameAddress) => {
            return Err(ServiceError::refused("same_address", "this is the adult's address already"));
        }
        Err(Refusal::SharedMailbox) => {
            return Err(ServiceError::Refused {
                code: "shared_mailbox",
                detail: "somebody else has this address; say that they share the mailbox (shared: true) if that is so"
                    .into(),
                parts: holders,
            });
        }
    }
    let replaced = email_changes::end_of(tx, adult.id, End::Replaced, now).await?;
    let id = app.new_id();
    let lasts = SignedDuration::from_hours(i64::from(policy.email_proof_hours));
    let change = EmailChange {
        id,
        adult: adult.id,
        email: wanted.email.clone(),
        shared: wanted.shared,
        request: wanted.request.map(|request| request.id),
        token_hash: hash(&app.key.derive(NEW_ADDRESS, &id.to_string())),
        created_at: now,
        expires_at: now.checked_add(lasts).unwrap_or(Timestamp::MAX),
        end: None,
        ended_at: None,
    };
    email_changes::insert(tx, &change).await?;
    let told = Letter::AddressChanging { change: id };
    mail::enqueue_to(app, tx, &adult.email, change.request, Some(adult.id), told, &format!("address_changing:{id}"))
        .await?;
    let detail = json!({
        "change": id, "request": change.request, "shared": change.shared, "replaced": replaced > 0,
    });
    let entry = audit::Entry::new("adult.email_change", format!("adult:{}", adult.id), detail);
    audit::write(tx, actor, now, &[entry]);
    if !is_proven(&change, wanted.request) {
        let asked = Letter::NewAddress { change: id, hours: policy.email_proof_hours };
        mail::enqueue_to(app, tx, &change.email, change.request, Some(adult.id), asked, &format!("new_address:{id}"))
            .await?;
    }
    Ok(change)
}

/// Whether the request that asks for a change came from the new address and proved it.
fn is_proven(change: &EmailChange, request: Option<&Request>) -> bool {
    request.is_some_and(|request| request.confirmed_at.is_some() && request.email.as_ref() == Some(&change.email))
}

/// Begins a change that an approved request asks for, and ends it at once where the request proved the new address. Gives
/// the jobs to tell the queue of after the commit.
pub(crate) async fn begin_by_request(
    app: &App,
    tx: &mut Tx<'_>,
    actor: &Actor,
    policy: &Policy,
    adult: &Adult,
    wanted: &Wanted<'_>,
) -> Result<Vec<Hint>, ServiceError> {
    let change = begin(app, tx, actor, policy, adult, wanted).await?;
    if is_proven(&change, wanted.request) {
        return finish(app, tx, actor, adult, &change).await;
    }
    Ok(Vec::new())
}

/// The new address becomes the adult's.
async fn finish(
    app: &App,
    tx: &mut Tx<'_>,
    actor: &Actor,
    adult: &Adult,
    change: &EmailChange,
) -> Result<Vec<Hint>, ServiceError> {
    let now = app.now();
    email_changes::end(tx, change.id, End::Done, now).await?;
    let rows = accounts::set_email(tx, adult.id, &change.email).await?;
    let detail = json!({ "change": change.id, "login_rows": rows });
    let entry = audit::Entry::new("adult.email_changed", format!("adult:{}", adult.id), detail);
    audit::write(tx, actor, now, &[entry]);
    if rows == 0 {
        return Ok(Vec::new());
    }
    // As with removals: a cycle hurries Moodle's synchronisation for such a job although nobody waits for an account.
    Ok(vec![enqueue_job(app, tx, adult.id, change.request, Priority::Removal).await?])
}

/// Who else has or is about to get the address, as parts of a refusal: ids only.
async fn holders(
    tx: &mut Tx<'_>,
    adult: &Adult,
    wanted: &Wanted<'_>,
    now: Timestamp,
) -> Result<Vec<FieldFault>, ServiceError> {
    let part = |detail: String| FieldFault { pointer: "/shared".into(), code: FaultCode::Invalid, detail };
    let mut parts: Vec<FieldFault> = accounts::adults_by_email(tx, wanted.email)
        .await?
        .iter()
        .filter(|other| other.id != adult.id)
        .map(|other| part(format!("adult {} has this address", other.id)))
        .collect();
    let waiting = email_changes::waiting_for(tx, wanted.email, now).await?;
    let waiting = waiting.iter().filter(|change| change.adult != adult.id);
    parts.extend(waiting.map(|change| part(format!("adult {} is about to get this address", change.adult))));
    // An account of ours is named by its adult.
    let names: Vec<String> = wanted.at_moodle.iter().map(|user| user.username.clone()).collect();
    let ours = accounts::adults_by_username(tx, &names).await?;
    let is_ours = |user: &&User| {
        adult.picked_user == Some(user.id) || ours.iter().any(|known| known.username.as_ref() == Some(&user.username))
    };
    let theirs = wanted.at_moodle.iter().filter(|user| !is_ours(user));
    parts.extend(
        theirs.map(|user| part(format!("Moodle user {} has this address and signs in by {}", user.id, user.auth))),
    );
    Ok(parts)
}

/// The new address that a request asks for: as staff say, otherwise the one that it came from, unless the adult has it.
///
/// # Errors
/// [`ServiceError::Invalid`], a refusal `new_address_missing`.
pub(crate) fn wanted_address(
    request: &Request,
    adult: &Adult,
    said: Option<&str>,
) -> Result<EmailAddress, ServiceError> {
    if let Some(said) = said {
        return address(said, "/new_email");
    }
    match &request.email {
        Some(email) if *email != adult.email => Ok(email.clone()),
        _ => Err(ServiceError::refused(
            "new_address_missing",
            "the request came from the address that the adult has already; say which is the new one (new_email)",
        )),
    }
}
