//! Approving: which pupil each claim means, which account the adult has, and one transaction that makes it so.
//!
//! Status, adult, login row, links, decisions, outbox job and audit are one transaction, guarded by the request's version
//! and by unique keys (user name, pair of adult and pupil, login row of an adult). Moodle is only read here.

use std::collections::{BTreeMap, BTreeSet};

use kinlink_domain::{
    fold::{are_one_name, fold},
    ids::{AdultId, ClaimId, MoodleUserId, RequestId},
    matching::{Register, Verdict},
    policy::Policy,
    request::{Action, ClaimState, Kind, Status, status_by_claims},
    staff::{Actor, Permission},
    submission::{FaultCode, FieldFault},
};
use kinlink_moodle::{pupils, site, site::Site, users, users::User};
use kinlink_store::{
    Tx, accounts,
    accounts::{Adult, LoginRow},
    audit, decisions,
    decisions::Decision,
    jobs::Priority,
    links, requests,
    requests::{Claim, Request},
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::{
    App, ServiceError,
    access::require,
    accounts::end_access,
    decide::{enqueue_job, load, tell_queue},
    email_change::{self, Wanted},
    error::retry_races,
    holds, observe,
    own::Person,
    usernames,
};

/// What staff decide about a request.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// What to do with each claim. Left empty: every open claim by the pupil that staff pinned to it, or by its exact match.
    /// Otherwise claims that are not named stay open.
    #[serde(default)]
    pub claims: Vec<ClaimChoice>,
    /// Which account the adult gets.
    #[serde(default)]
    pub account: AccountChoice,
    /// What was checked in the MIS.
    #[serde(default)]
    pub checks: Checks,
    /// A note for the history.
    #[serde(default)]
    pub note: Option<String>,
    /// Only for a request for another address: the new one. Left out: the address that the request came from.
    #[serde(default)]
    pub new_email: Option<String>,
    /// Only for a request for another address: two people share that mailbox.
    #[serde(default)]
    pub shared: bool,
}

/// What to do with one claim.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClaimChoice {
    /// Which claim.
    pub claim: ClaimId,
    /// What to do with it.
    pub pick: Pick,
}

/// Whom a claim means.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Pick {
    /// The one pupil who matches exactly.
    Exact,
    /// This pupil: a Moodle user id.
    Pupil(MoodleUserId),
    /// Nobody: this claim is refused.
    Deny,
    /// Not decided yet.
    Leave,
}

/// Which account the adult gets.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AccountChoice {
    /// That of the adult with this address and name, otherwise a new one; refused where that is not clear.
    #[default]
    Auto,
    /// That of this adult.
    Adult(AdultId),
    /// A new one, even if the address is known: two people with one mailbox.
    New,
    /// A Moodle account that there is already. One that signs in another way, such as that of a member of staff, is linked and
    /// never changed; one that signs in by the external database gets a login row of its user name.
    MoodleUser(MoodleUserId),
}

/// The checks that the school's staff make in the MIS before they approve.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Checks {
    /// The adult's details and address are those on file.
    #[serde(default)]
    pub details_match: bool,
    /// No unrelated pupil of a similar name was taken for the child.
    #[serde(default)]
    pub no_similar_pupil: bool,
    /// No court order or other critical note stands against it.
    #[serde(default)]
    pub no_critical_note: bool,
}

impl Checks {
    /// Everything checked.
    pub const ALL: Self = Self { details_match: true, no_similar_pupil: true, no_critical_note: true };

    fn missing(self) -> Vec<FieldFault> {
        [
            (self.details_match, "details_match", "confirm that the adult's details and address are those on file"),
            (self.no_similar_pupil, "no_similar_pupil", "confirm that no pupil of a similar name is meant"),
            (
                self.no_critical_note,
                "no_critical_note",
                "confirm that no court order or critical note stands against it",
            ),
        ]
        .into_iter()
        .filter(|(checked, ..)| !checked)
        .map(|(_, name, detail)| fault(format!("/checks/{name}"), FaultCode::Required, detail))
        .collect()
    }
}

/// The site and its pupils, read once for one approval or for many.
pub(crate) struct School {
    site: Site,
    pub(crate) register: Register,
}

impl School {
    /// # Errors
    /// Moodle, or what it lacks.
    pub(crate) async fn read(app: &App, policy: &Policy) -> Result<Self, ServiceError> {
        let mut moodle = app.moodle.connect().await?;
        let prefix = app.moodle.prefix();
        let site = site::read(&mut moodle, prefix, policy).await?;
        let register = Register::new(pupils::all(&mut moodle, prefix, policy, &site).await?);
        Ok(Self { site, register })
    }

    /// What user names are made by.
    pub(crate) const fn rules(&self) -> usernames::Rules {
        usernames::Rules { extended: self.site.extended_usernames, host: self.site.local_host }
    }
}

/// What approving one request found in Moodle.
struct Reading<'a> {
    rules: usernames::Rules,
    register: &'a Register,
    /// The accounts with the request's address.
    same_address: Vec<User>,
    /// Those with the address that the request asks for, where it asks for one.
    new_address: Vec<User>,
}

/// Approves a request, claim by claim.
///
/// # Errors
/// [`ServiceError::Forbidden`], [`ServiceError::NotFound`], [`ServiceError::Stale`] (`version`, when given, is not the
/// request's); [`ServiceError::Invalid`] naming each claim that cannot be approved and why; refusals `wrong_status`,
/// `own_request`, `refer_to_safeguarding`, `needs_correction`, `shared_mailbox`, `account_exists`, `nothing_approved`; Moodle or the store failed. Nothing was
/// changed then.
pub async fn approve(
    app: &App,
    actor: &Actor,
    id: RequestId,
    version: Option<i64>,
    approval: &Approval,
) -> Result<Request, ServiceError> {
    require(actor, Permission::Decide)?;
    let policy = app.policy().await?;
    let (request, _) = load(app, actor, id, version, Action::Approve).await?;
    require_checks(&policy, approval.checks)?;
    let school = School::read(app, &policy).await?;
    approve_among(app, actor, &policy, &school, &request, version, approval).await
}

/// # Errors
/// [`ServiceError::Invalid`] naming the checks that staff have not made.
pub(crate) fn require_checks(policy: &Policy, checks: Checks) -> Result<(), ServiceError> {
    let missing = if policy.require_checks { checks.missing() } else { Vec::new() };
    if missing.is_empty() { Ok(()) } else { Err(ServiceError::Invalid(missing)) }
}

/// Approves a request whose school was read before. The caller looked at permission and checks.
pub(crate) async fn approve_among(
    app: &App,
    actor: &Actor,
    policy: &Policy,
    school: &School,
    request: &Request,
    version: Option<i64>,
    approval: &Approval,
) -> Result<Request, ServiceError> {
    let mut same_address = match &request.email {
        Some(email) => email_change::at_moodle(app, email).await?,
        None => Vec::new(),
    };
    // An account of another host is nobody's here (C-2).
    same_address.retain(|user| user.host == school.site.local_host);
    let new_address = match (request.kind, &approval.new_email) {
        (Kind::ChangeEmail, Some(said)) => {
            email_change::at_moodle(app, &email_change::address(said, "/new_email")?).await?
        }
        (Kind::ChangeEmail, None) => same_address.clone(),
        _ => Vec::new(),
    };
    let reading = Reading { rules: school.rules(), register: &school.register, same_address, new_address };
    let (request, jobs) = retry_races!(approve_once(app, actor, policy, request.id, version, approval, &reading))?;
    tell_queue(app, &jobs).await;
    Ok(request)
}

/// What approving a request by itself would come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Foreseen {
    /// So many children would be linked.
    Links(usize),
    /// Nobody would be linked: it would be marked as dealt with, or an address would change.
    DealtWith,
    /// The adult's access would end.
    Leaves,
}

/// What approving without a word about claims and account would come to, or why it would be refused; as far as can be told
/// without trying. `adults` and `same_address` are those with the request's address.
///
/// # Errors
/// As [`approve`].
pub(crate) fn foresee(
    request: &Request,
    claims: &[Claim],
    adults: &[&Adult],
    same_address: &[&User],
    register: &Register,
) -> Result<Foreseen, ServiceError> {
    require_usable(request)?;
    let picks = picks(request, claims, &Approval::default(), register)?;
    match request.kind {
        Kind::Leave => return Ok(Foreseen::Leaves),
        Kind::ChangeEmail => return Ok(Foreseen::DealtWith),
        _ => {}
    }
    let links = picks.values().filter(|pick| matches!(pick, Some(Some(_)))).count();
    if links > 0 {
        if request.adult.is_none() {
            same_person(request, adults, same_address, register)?;
        }
        return Ok(Foreseen::Links(links));
    }
    if claims.iter().any(|claim| claim.state == ClaimState::Approved) {
        return Err(nothing_decided());
    }
    if request.kind.needs_children() { Err(nothing_approved()) } else { Ok(Foreseen::DealtWith) }
}

fn nothing_decided() -> ServiceError {
    ServiceError::refused("nothing_decided", "no child of this request is left to decide")
}

fn nothing_approved() -> ServiceError {
    ServiceError::refused("nothing_approved", "no child would be linked; pick at least one pupil, or deny the request")
}

#[expect(clippy::too_many_lines, reason = "one transaction, told from its beginning to its end")]
async fn approve_once(
    app: &App,
    actor: &Actor,
    policy: &Policy,
    id: RequestId,
    version: Option<i64>,
    approval: &Approval,
    reading: &Reading<'_>,
) -> Result<(Request, Vec<kinlink_queue::Hint>), ServiceError> {
    let now = app.now();
    let (mut request, mut claims) = load(app, actor, id, version, Action::Approve).await?;
    require_usable(&request)?;
    let picks = picks(&request, &claims, approval, reading.register)?;
    let pinned: BTreeMap<ClaimId, MoodleUserId> =
        picks.iter().filter_map(|(claim, pick)| Some((*claim, pick.as_ref()?.to_owned()?))).collect();
    let person = Person::of(app, actor).await?;

    let mut tx = app.store.begin().await?;
    let mut made = Vec::new();
    let decision = |claim: Option<ClaimId>, action, pupil| Decision {
        id: app.new_uuid(),
        request: id,
        claim,
        actor: actor.name.clone(),
        action,
        reason: None,
        note: approval.note.clone().filter(|_| claim.is_none()),
        pupil,
        made_at: now,
    };
    if request.kind != Kind::Leave {
        holds::require_request_free(app, &mut tx, &request, pinned.values().copied()).await?;
    }
    let mut jobs = Vec::new();
    if request.kind == Kind::Leave {
        let adult = adult_of_request(&mut tx, &request, &approval.account).await?;
        person.require_others(app, &mut tx, std::slice::from_ref(&adult)).await?;
        request.adult = Some(adult.id);
        end_access(app, &mut tx, actor, &[adult.id], "left").await?;
        jobs.push(enqueue_job(app, &mut tx, adult.id, Some(id), Priority::Removal).await?);
        request.status = Status::Provisioned;
    } else if request.kind == Kind::ChangeEmail {
        let adult = adult_of_request(&mut tx, &request, &approval.account).await?;
        person.require_others(app, &mut tx, std::slice::from_ref(&adult)).await?;
        let email = email_change::wanted_address(&request, &adult, approval.new_email.as_deref())?;
        request.adult = Some(adult.id);
        let wanted =
            Wanted { email: &email, shared: approval.shared, at_moodle: &reading.new_address, request: Some(&request) };
        jobs.extend(email_change::begin_by_request(app, &mut tx, actor, policy, &adult, &wanted).await?);
        request.status = Status::Provisioned;
        close_open(&mut claims);
    } else if !pinned.is_empty() {
        let Resolved { adult, is_new, account } =
            resolve_adult(app, &mut tx, &request, &approval.account, reading).await?;
        // Nobody erases them from here on; and who is erased is nobody any more.
        if !accounts::lock(&mut tx, adult.id).await? {
            return Err(ServiceError::NotFound("adult"));
        }
        // They were read before they were held: their address may be another one by now.
        if !is_new && accounts::adult(&mut tx, adult.id).await?.as_ref() != Some(&adult) {
            return Err(ServiceError::Race);
        }
        // Ending a request ends what one adult has by it.
        let begun = claims.iter().any(|claim| claim.state == ClaimState::Approved);
        if begun && request.adult.is_some_and(|settled| settled != adult.id) {
            let detail = "a child of this request is linked to another account already; go on with that one, or withdraw \
                          that child first";
            return Err(ServiceError::refused("other_account", detail));
        }
        // The request may bear another address than the account that was chosen for it.
        person.require_others(app, &mut tx, std::slice::from_ref(&adult)).await?;
        holds::require_free(app, &mut tx, &holds::of_account(&adult, account.as_ref()), pinned.values().copied())
            .await?;
        request.adult = Some(adult.id);
        if adult.picked_user.is_some_and(|account| pinned.values().any(|pupil| *pupil == account)) {
            return Err(ServiceError::refused("own_pupil", "the account that was chosen is the pupil's own"));
        }
        let gave_row = give_login_row(app, &mut tx, policy, &request, &adult).await?;
        for claim in &mut claims {
            if let Some(pupil) = pinned.get(&claim.id) {
                claim.link = Some(links::activate(&mut tx, adult.id, *pupil, claim.id, now).await?);
                claim.pupil = Some(*pupil);
                claim.state = ClaimState::Approved;
                claim.outcome = None;
                claim.outcome_at = None;
                made.push(decision(Some(claim.id), Action::Approve, Some(*pupil)));
            }
        }
        jobs.push(enqueue_job(app, &mut tx, adult.id, Some(id), Priority::Grant).await?);
        let detail = json!({ "new": is_new, "login_row": gave_row, "picked_user": adult.picked_user });
        let entry = audit::Entry::new("adult.approve", format!("adult:{}", adult.id), detail);
        audit::write(&mut tx, actor, now, &[entry]);
        request.status = Status::Approved;
    } else if claims.iter().any(|claim| claim.state == ClaimState::Approved) {
        // Nothing new is linked: a child that was left open is refused.
        if !picks.values().any(Option::is_some) {
            return Err(nothing_decided());
        }
        request.status = Status::Approved;
    } else if request.kind.needs_children() {
        return Err(nothing_approved());
    } else {
        // A request for help that links nobody: approving it says that it was dealt with.
        request.status = Status::Provisioned;
        close_open(&mut claims);
    }
    for claim in &mut claims {
        if matches!(picks.get(&claim.id), Some(Some(None))) {
            claim.state = ClaimState::Denied;
            claim.pupil = None;
            made.push(decision(Some(claim.id), Action::Deny, None));
        }
    }
    if request.status == Status::Approved {
        // Nothing is linked yet, unless this adds a child to what is.
        let linked = claims.iter().map(|c| (c.state, c.outcome == Some(kinlink_domain::outcome::Outcome::Linked)));
        request.status = status_by_claims(linked);
    }
    request.dedup_key = None;
    request.decided_at = Some(now);
    request.updated_at = now;
    requests::update(&mut tx, &mut request, &claims).await?;
    for claim in &claims {
        requests::update_claim(&mut tx, claim).await?;
    }
    made.insert(0, decision(None, Action::Approve, None));
    decisions::insert(&mut tx, &made).await?;
    let detail = json!({
        "version": request.version,
        "checks": approval.checks,
        "claims": claims.iter().map(|claim| json!({
            "claim": claim.id, "state": claim.state, "pupil": claim.pupil, "link": claim.link,
        })).collect::<Vec<_>>(),
    });
    let entry = audit::Entry::new("request.approve", format!("request:{id}"), detail);
    audit::write(&mut tx, actor, now, &[entry]);
    tx.commit().await?;
    let links: Vec<_> = claims.iter().filter(|c| pinned.contains_key(&c.id)).filter_map(|c| c.link).collect();
    observe::decided(id, Action::Approve, request.status, &links);
    Ok((request, jobs))
}

/// Closes the children of a request that is dealt with without linking anybody.
fn close_open(claims: &mut [Claim]) {
    for claim in claims.iter_mut().filter(|claim| claim.state == ClaimState::Open) {
        claim.state = ClaimState::Denied;
        claim.pupil = None;
    }
}

/// Refuses a request whose adult could be given no account.
fn require_usable(request: &Request) -> Result<(), ServiceError> {
    if request.email.is_none() || request.given_name.is_empty() || request.family_name.is_empty() {
        return Err(ServiceError::Refused {
            code: "needs_correction",
            detail: "the adult's name or address is missing or wrong; correct it first".into(),
            parts: request.faults.clone(),
        });
    }
    Ok(())
}

/// What is decided about each claim: `None` leaves it open, `Some(None)` refuses it, `Some(Some(pupil))` pins a pupil.
type Picks = BTreeMap<ClaimId, Option<Option<MoodleUserId>>>;

fn picks(request: &Request, claims: &[Claim], approval: &Approval, register: &Register) -> Result<Picks, ServiceError> {
    let mut picks = Picks::new();
    let mut faults = Vec::new();
    let mut taken = BTreeSet::new();
    for (i, choice) in approval.claims.iter().enumerate() {
        let pointer = format!("/claims/{i}/claim");
        match claims.iter().find(|claim| claim.id == choice.claim) {
            None => faults.push(fault(pointer, FaultCode::Invalid, "this request has no such claim")),
            Some(claim) if claim.state == ClaimState::Approved => {
                faults.push(fault(pointer, FaultCode::Invalid, "this child is approved already; withdraw it first"));
            }
            Some(_) if !taken.insert(choice.claim) => {
                faults.push(fault(pointer, FaultCode::Invalid, "this claim is named twice"));
            }
            Some(_) => {}
        }
    }
    let links = !matches!(request.kind, Kind::Leave | Kind::ChangeEmail);
    let default = if approval.claims.is_empty() && links { Pick::Exact } else { Pick::Leave };
    let mut pupils = BTreeMap::new();
    for claim in claims {
        let choice = approval.claims.iter().position(|choice| choice.claim == claim.id);
        if claim.state == ClaimState::Approved || (choice.is_none() && claim.state != ClaimState::Open) {
            continue;
        }
        // A pupil whom staff pinned to an open claim is taken unless this approval says otherwise.
        let pinned = claim.pupil.filter(|_| claim.state == ClaimState::Open && matches!(default, Pick::Exact));
        let pick = choice.map_or(pinned.map_or(default, Pick::Pupil), |i| approval.claims[i].pick);
        let pointer = choice.map_or_else(|| format!("/claims/{}", claim.position), |i| format!("/claims/{i}/pick"));
        let decided = match pick {
            Pick::Leave => None,
            Pick::Deny => Some(None),
            Pick::Exact => match register.match_child(&claim.child).verdict {
                Verdict::Exact(pupil) => Some(Some(pupil)),
                Verdict::Ambiguous => {
                    faults.push(fault(pointer, FaultCode::Invalid, "two or more pupils match exactly; pick one"));
                    None
                }
                Verdict::Similar => {
                    faults.push(fault(
                        pointer,
                        FaultCode::Invalid,
                        "no pupil matches exactly; pick one of the candidates",
                    ));
                    None
                }
                Verdict::Nobody => {
                    faults.push(fault(pointer, FaultCode::Invalid, "no pupil is like this; search for one or deny"));
                    None
                }
            },
            Pick::Pupil(pupil) if register.find(pupil).is_some() => Some(Some(pupil)),
            Pick::Pupil(_) => {
                faults.push(fault(pointer, FaultCode::Invalid, "this Moodle user is not a pupil by the pupil filter"));
                None
            }
        };
        if let Some(Some(pupil)) = decided
            && let Some(other) = pupils.insert(pupil, claim.position)
        {
            let detail = format!("the same pupil is picked for child {} and child {}", other + 1, claim.position + 1);
            faults.push(fault(format!("/claims/{}", claim.position), FaultCode::Invalid, detail));
        }
        picks.insert(claim.id, decided);
    }
    if faults.is_empty() { Ok(picks) } else { Err(ServiceError::Invalid(faults)) }
}

fn same_name(request: &Request, adult: &Adult) -> bool {
    are_one_name((&request.given_name, &request.family_name), (&adult.given_name, &adult.family_name))
}

/// The adult whom a request is about that links nobody: as staff say, otherwise the one with its address and name.
async fn adult_of_request(tx: &mut Tx<'_>, request: &Request, choice: &AccountChoice) -> Result<Adult, ServiceError> {
    let known = known_adults(tx, request).await?;
    let mut wanted: Vec<Adult> = match choice {
        AccountChoice::Adult(id) => accounts::adult(tx, *id).await?.into_iter().collect(),
        _ => known.into_iter().filter(|adult| same_name(request, adult)).collect(),
    };
    match (wanted.pop(), wanted.is_empty()) {
        (Some(adult), true) => Ok(adult),
        _ => Err(ServiceError::refused(
            "adult_not_clear",
            "no adult, or more than one, has this address and name; name the adult whom it concerns (account.adult)",
        )),
    }
}

async fn known_adults(tx: &mut Tx<'_>, request: &Request) -> Result<Vec<Adult>, ServiceError> {
    match &request.email {
        Some(email) => Ok(accounts::adults_by_email(tx, email).await?),
        None => Ok(Vec::new()),
    }
}

/// Whom a request is approved for.
struct Resolved {
    adult: Adult,
    /// Whether they are stored now for the first time.
    is_new: bool,
    /// The Moodle account that staff picked just now.
    account: Option<User>,
}

impl Resolved {
    fn known(adult: Adult) -> Self {
        Self::of((adult, false))
    }

    fn of((adult, is_new): (Adult, bool)) -> Self {
        Self { adult, is_new, account: None }
    }
}

/// The adult whom the request is from: known, or new. `true` when new.
async fn resolve_adult(
    app: &App,
    tx: &mut Tx<'_>,
    request: &Request,
    choice: &AccountChoice,
    reading: &Reading<'_>,
) -> Result<Resolved, ServiceError> {
    // A request that was approved before keeps its adult.
    if let (Some(id), AccountChoice::Auto) = (request.adult, choice)
        && let Some(adult) = accounts::adult(tx, id).await?
    {
        return Ok(Resolved::known(adult));
    }
    let known = known_adults(tx, request).await?;
    match choice {
        AccountChoice::Adult(id) => {
            let adult = accounts::adult(tx, *id).await?.ok_or(ServiceError::NotFound("adult"))?;
            Ok(Resolved::known(adult))
        }
        AccountChoice::MoodleUser(user) => {
            let account = living_account(app, reading, *user).await?;
            let (adult, is_new) = take_account(app, tx, request, &known, &account).await?;
            Ok(Resolved { adult, is_new, account: Some(account) })
        }
        AccountChoice::New => Ok(Resolved::of(new_adult(app, tx, request, reading, &known).await?)),
        AccountChoice::Auto => {
            let same_address: Vec<&User> = reading.same_address.iter().collect();
            let people: Vec<&Adult> = known.iter().collect();
            if let Some(adult) = same_person(request, &people, &same_address, reading.register)? {
                return Ok(Resolved::known(adult.clone()));
            }
            // An account from before Kinlink that is the adult's own goes on, whatever its user name.
            match reading.same_address.iter().find(|user| reading.register.find(user.id).is_none()) {
                // It has the request's own address: holds know that already.
                Some(own) => Ok(Resolved::of(take_account(app, tx, request, &[], own).await?)),
                None => Ok(Resolved::of(new_adult(app, tx, request, reading, &[]).await?)),
            }
        }
    }
}

/// The known adult with the request's address and name; `None` when the address is nobody's.
///
/// # Errors
/// The refusals `shared_mailbox` and `account_exists`: only a person can tell whose account it is.
fn same_person<'a>(
    request: &Request,
    known: &[&'a Adult],
    same_address: &[&User],
    register: &Register,
) -> Result<Option<&'a Adult>, ServiceError> {
    let (same, others): (Vec<&Adult>, Vec<&Adult>) = known.iter().partition(|adult| same_name(request, adult));
    if let [adult] = same.as_slice() {
        return Ok(Some(adult));
    }
    if !same.is_empty() || !others.is_empty() {
        return Err(shared_mailbox(same.into_iter().chain(others)));
    }
    // Accounts that are no pupil's: the adult's own, perhaps. One from before Kinlink with the adult's name is.
    let theirs: Vec<&User> = same_address.iter().copied().filter(|user| register.find(user.id).is_none()).collect();
    match theirs.as_slice() {
        [] => Ok(None),
        [user] if is_own(request, user) => Ok(None),
        _ => Err(account_exists(&theirs)),
    }
}

/// Whether an account with the request's address is the adult's by all that can be told: it signs in by the external database,
/// as those of Kinlink do, and has the adult's name.
fn is_own(request: &Request, user: &User) -> bool {
    user.auth == "db" && fold(&user.name) == fold(&format!("{} {}", request.given_name, request.family_name))
}

fn shared_mailbox<'a>(adults: impl Iterator<Item = &'a Adult>) -> ServiceError {
    let parts = adults
        .map(|adult| fault("/account/adult".into(), FaultCode::Invalid, format!("adult {} has this address", adult.id)))
        .collect();
    ServiceError::Refused {
        code: "shared_mailbox",
        detail: "somebody with another name has this address; choose their account (account.adult) or a new one (account: new)"
            .into(),
        parts,
    }
}

fn account_exists(users: &[&User]) -> ServiceError {
    let parts = users
        .iter()
        .map(|user| {
            let detail = format!("Moodle user {} has this address and signs in by {}", user.id, user.auth);
            fault("/account/moodle_user".into(), FaultCode::Invalid, detail)
        })
        .collect();
    ServiceError::Refused {
        code: "account_exists",
        detail: "a Moodle account with this address exists; choose it (account.moodle_user) if it is the adult's own, or a new \
                 one (account: new)"
            .into(),
        parts,
    }
}

async fn living_account(app: &App, reading: &Reading<'_>, user: MoodleUserId) -> Result<User, ServiceError> {
    let mut moodle = app.moodle.connect().await?;
    let found = users::by_ids(&mut moodle, app.moodle.prefix(), &[user]).await?.pop();
    let account = found
        .filter(|account| !account.deleted && account.host == reading.rules.host)
        .ok_or(ServiceError::NotFound("Moodle account"))?;
    if reading.register.find(user).is_some() {
        return Err(ServiceError::refused(
            "account_is_pupil",
            "this Moodle account is a pupil's; an adult needs their own",
        ));
    }
    Ok(account)
}

/// The adult who uses a Moodle account that there is: the one who has it already, otherwise the one with the request's address
/// and name, otherwise a new one.
async fn take_account(
    app: &App,
    tx: &mut Tx<'_>,
    request: &Request,
    known: &[Adult],
    account: &User,
) -> Result<(Adult, bool), ServiceError> {
    // Without a login row Moodle would suspend an account of the external database; one of another kind must have none.
    let (username, picked) =
        if account.auth == "db" { (Some(account.username.clone()), None) } else { (None, Some(account.id)) };
    let owner = match &username {
        Some(name) => accounts::adults_by_username(tx, std::slice::from_ref(name)).await?.pop(),
        None => accounts::adult_by_picked_user(tx, account.id).await?,
    };
    if let Some(owner) = owner {
        return Ok((owner, false));
    }
    if let Some(adult) = known.iter().find(|adult| same_name(request, adult)) {
        accounts::set_account(tx, adult.id, username.as_deref(), picked).await?;
        accounts::delete_login_rows(tx, &[adult.id], app.now()).await?;
        return Ok((Adult { username, picked_user: picked, ..adult.clone() }, false));
    }
    insert_adult(app, tx, request, username, picked).await
}

async fn new_adult(
    app: &App,
    tx: &mut Tx<'_>,
    request: &Request,
    reading: &Reading<'_>,
    known: &[Adult],
) -> Result<(Adult, bool), ServiceError> {
    let email = request.email.as_ref().ok_or(ServiceError::NotFound("address"))?;
    let mut moodle = app.moodle.connect().await?;
    let looked = usernames::first_free(tx, &mut moodle, app.moodle.prefix(), reading.rules, email).await?;
    // an adult with this address who was not there a moment ago may be this very person, accepted by another click.
    let is_new = |adult: &Adult| adult.email == *email && known.iter().all(|other| other.id != adult.id);
    if looked.neighbours.iter().any(is_new) {
        return Err(ServiceError::Race);
    }
    match looked.name {
        Some(name) => insert_adult(app, tx, request, Some(name), None).await,
        None => Err(ServiceError::refused(
            "no_username",
            "every user name for this address is taken; correct the address or pick an account",
        )),
    }
}

async fn insert_adult(
    app: &App,
    tx: &mut Tx<'_>,
    request: &Request,
    username: Option<String>,
    picked_user: Option<MoodleUserId>,
) -> Result<(Adult, bool), ServiceError> {
    let adult = Adult {
        id: app.new_id(),
        title: request.title.clone(),
        given_name: request.given_name.clone(),
        family_name: request.family_name.clone(),
        email: request.email.clone().ok_or(ServiceError::NotFound("address"))?,
        locale: request.locale.clone(),
        username,
        picked_user,
        created_at: app.now(),
    };
    accounts::insert_adult(tx, &adult).await?;
    Ok((adult, true))
}

/// Gives the adult a login row if they need one and have none. `true` when it did.
pub(crate) async fn give_login_row(
    app: &App,
    tx: &mut Tx<'_>,
    policy: &Policy,
    request: &Request,
    adult: &Adult,
) -> Result<bool, ServiceError> {
    let Some(username) = &adult.username else { return Ok(false) };
    if !accounts::login_rows_of(tx, &[adult.id]).await?.is_empty() {
        return Ok(false);
    }
    let first = match (&adult.title, policy.title_in_first_name) {
        (Some(title), true) => format!("{title} {}", adult.given_name),
        _ => adult.given_name.clone(),
    };
    let row = LoginRow {
        username: username.clone(),
        // Moodle cuts at 100 characters; cut here, so that both sides hold the same.
        firstname: first.chars().take(100).collect(),
        lastname: adult.family_name.clone(),
        email: adult.email.to_string(),
        description: policy.description.clone(),
        lang: adult.locale.clone(),
        request: request.id,
        adult: adult.id,
        created_at: app.now(),
    };
    accounts::insert_login_row(tx, &row).await?;
    Ok(true)
}

fn fault(pointer: String, code: FaultCode, detail: impl Into<String>) -> FieldFault {
    FieldFault { pointer, code, detail: detail.into() }
}
