//! What staff look at: lists, one request with everything beside it, pupils, links, cycles. Reads only.

use kinlink_domain::{
    Timestamp,
    ids::{ClaimId, CycleId, MoodleUserId, RequestId},
    matching::{Match, Pupil, Register},
    outcome::Outcome,
    policy::Policy,
    reference::Reference,
    request::{Action, ClaimState, Kind, Status},
    staff::{Actor, Permission},
    submission::FieldFault,
};
use kinlink_moodle::{pupils, site, users};
use kinlink_store::{
    accounts, audit, cycles, decisions, jobs, links, mails,
    requests::{self, Claim},
};
use serde::Serialize;

use crate::{App, ServiceError, access::require};

// What callers need to ask for lists and to read them.
pub use kinlink_store::{
    cycles::{Cycle, CycleState},
    links::{Filter as LinkFilter, Link},
    requests::{Cursor, Filter, Request, Sort},
};

/// A request in a list.
#[derive(Debug, Clone, Serialize)]
pub struct RequestSummary {
    /// Its id.
    pub id: RequestId,
    /// What people call it.
    pub reference: Reference,
    /// What the adult wants.
    pub kind: Kind,
    /// Where it stands.
    pub status: Status,
    /// Title.
    pub title: Option<String>,
    /// Given name.
    pub given_name: String,
    /// Family name.
    pub family_name: String,
    /// Address, as far as it is one; otherwise as typed.
    pub email: String,
    /// The children.
    pub children: Vec<ChildSummary>,
    /// How many faults the submission has.
    pub faults: usize,
    /// When it came.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// For `If-Match`.
    pub version: i64,
}

/// A child in a list.
#[derive(Debug, Clone, Serialize)]
pub struct ChildSummary {
    /// Its claim.
    pub claim: ClaimId,
    /// Given name.
    pub given_name: String,
    /// Family name.
    pub family_name: String,
    /// Tutor group.
    pub tutor_group: Option<String>,
    /// Admission number.
    pub admission_number: Option<String>,
    /// Where the claim stands.
    pub state: ClaimState,
    /// The pupil that was picked.
    pub pupil: Option<MoodleUserId>,
    /// What the last cycle found.
    pub outcome: Option<Outcome>,
    /// What that means.
    pub advice: Option<&'static str>,
}

impl From<&Claim> for ChildSummary {
    fn from(claim: &Claim) -> Self {
        Self {
            claim: claim.id,
            given_name: claim.child.given_name.clone(),
            family_name: claim.child.family_name.clone(),
            tutor_group: claim.child.tutor_group.clone(),
            admission_number: claim.child.admission_number.clone(),
            state: claim.state,
            pupil: claim.pupil,
            outcome: claim.outcome,
            advice: claim.outcome.map(Outcome::advice),
        }
    }
}

impl RequestSummary {
    /// The summary of a request with its claims.
    #[must_use]
    pub fn new(request: &Request, claims: &[Claim]) -> Self {
        Self {
            id: request.id,
            reference: request.reference.clone(),
            kind: request.kind,
            status: request.status,
            title: request.title.clone(),
            given_name: request.given_name.clone(),
            family_name: request.family_name.clone(),
            email: request.email.as_ref().map_or_else(|| request.email_typed.clone(), ToString::to_string),
            children: claims.iter().filter(|claim| claim.request == request.id).map(ChildSummary::from).collect(),
            faults: request.faults.len(),
            created_at: request.created_at,
            updated_at: request.updated_at,
            version: request.version,
        }
    }
}

/// The summary of a request that was just decided on.
///
/// # Errors
/// [`ServiceError::Forbidden`], the store.
pub async fn summarise(app: &App, actor: &Actor, request: &Request) -> Result<RequestSummary, ServiceError> {
    require(actor, Permission::Read)?;
    let claims = requests::claims(&mut app.store.acquire().await?, request.id).await?;
    Ok(RequestSummary::new(request, &claims))
}

/// A page of a list.
#[derive(Debug, Clone, Serialize)]
pub struct Page<T, C = Cursor> {
    /// The rows.
    pub items: Vec<T>,
    /// Where the next page begins; none at the end.
    pub next: Option<C>,
}

/// A page of requests.
///
/// # Errors
/// [`ServiceError::Forbidden`], the store.
pub async fn list_requests(
    app: &App,
    actor: &Actor,
    filter: &Filter,
    sort: Sort,
    after: Option<&Cursor>,
    limit: u32,
) -> Result<Page<RequestSummary>, ServiceError> {
    require(actor, Permission::Read)?;
    let mut store = app.store.acquire().await?;
    let mut rows = requests::list(&mut store, filter, sort, after, limit + 1).await?;
    let more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    let ids: Vec<RequestId> = rows.iter().map(|request| request.id).collect();
    let claims = requests::claims_of(&mut store, &ids).await?;
    Ok(Page {
        next: rows.last().filter(|_| more).map(|last| requests::cursor(last, sort)),
        items: rows.iter().map(|request| RequestSummary::new(request, &claims)).collect(),
    })
}

/// How many requests each status has under a filter, statuses without any included.
///
/// # Errors
/// [`ServiceError::Forbidden`], the store.
pub async fn count_requests(app: &App, actor: &Actor, filter: &Filter) -> Result<Vec<(Status, i64)>, ServiceError> {
    require(actor, Permission::Read)?;
    let found = requests::counts(&mut app.store.acquire().await?, filter).await?;
    let count = |status: &Status| found.iter().find(|(other, _)| other == status).map_or(0, |(_, count)| *count);
    Ok(Status::ALL.iter().map(|status| (*status, count(status))).collect())
}

/// A request with everything beside it.
#[derive(Debug, Clone, Serialize)]
pub struct RequestDetail {
    /// The request.
    #[serde(flatten)]
    pub summary: RequestSummary,
    /// The adult's free text.
    pub comment: String,
    /// The staff's note.
    pub staff_note: String,
    /// Language for mails.
    pub locale: String,
    /// When the address was proven.
    pub confirmed_at: Option<Timestamp>,
    /// When it was last decided on.
    pub decided_at: Option<Timestamp>,
    /// What was wrong with the submission, as work for staff.
    pub fault_list: Vec<FieldFault>,
    /// The submission as it came.
    pub submitted: serde_json::Value,
    /// What can be done now.
    pub actions: Vec<Action>,
    /// For each open claim, whom it may mean; none when Moodle cannot be asked.
    pub matches: Option<Vec<ClaimMatch>>,
    /// Moodle accounts with the same address; none when Moodle cannot be asked.
    pub accounts: Option<Vec<AccountHint>>,
    /// Adults with the same address.
    pub adults: Vec<AdultHint>,
    /// Other requests with the same address.
    pub others: Vec<RequestSummary>,
    /// What happened, oldest first.
    pub history: Vec<HistoryEntry>,
    /// The mails about it.
    pub mails: Vec<MailHint>,
}

/// Whom a claim may mean.
#[derive(Debug, Clone, Serialize)]
pub struct ClaimMatch {
    /// The claim.
    pub claim: ClaimId,
    /// Verdict and candidates.
    #[serde(flatten)]
    pub found: Match,
}

/// A Moodle account with the request's address.
#[derive(Debug, Clone, Serialize)]
pub struct AccountHint {
    /// `user.id`.
    pub id: MoodleUserId,
    /// `user.username`.
    pub username: String,
    /// `user.auth`.
    pub auth: String,
    /// First and last name.
    pub name: String,
    /// Whether it is suspended.
    pub suspended: bool,
    /// Whether it is a pupil's.
    pub is_pupil: bool,
}

/// An adult with the request's address.
#[derive(Debug, Clone, Serialize)]
pub struct AdultHint {
    /// Their id.
    pub id: kinlink_domain::ids::AdultId,
    /// Given and family name.
    pub name: String,
    /// User name of their login row.
    pub username: Option<String>,
}

/// An entry of a request's history.
#[derive(Debug, Clone, Serialize)]
pub struct HistoryEntry {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: String,
    /// What: a code.
    pub action: String,
    /// The claim it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claim: Option<ClaimId>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What staff wrote with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The pupil that was picked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pupil: Option<MoodleUserId>,
}

/// A mail about a request.
#[derive(Debug, Clone, Serialize)]
pub struct MailHint {
    /// Which letter.
    pub letter: String,
    /// `queued`, `sent`, `suppressed` or `failed`.
    pub state: String,
    /// When it was caused.
    pub created_at: Timestamp,
    /// When it was sent.
    pub sent_at: Option<Timestamp>,
}

/// A request by its id or its reference.
///
/// # Errors
/// [`ServiceError::NotFound`], the store.
pub async fn find_request(app: &App, name: &str) -> Result<Request, ServiceError> {
    let mut store = app.store.acquire().await?;
    let found = if let Ok(id) = name.parse::<RequestId>() {
        requests::find(&mut store, id).await?
    } else if let Ok(reference) = name.parse::<Reference>() {
        requests::find_by_reference(&mut store, &reference).await?
    } else {
        None
    };
    found.ok_or(ServiceError::NotFound("request"))
}

/// Everything about a request. Without Moodle the candidates are missing, the rest is there (L-7).
///
/// # Errors
/// [`ServiceError::Forbidden`], [`ServiceError::NotFound`], the store.
pub async fn show_request(app: &App, actor: &Actor, name: &str) -> Result<RequestDetail, ServiceError> {
    require(actor, Permission::Read)?;
    let request = find_request(app, name).await?;
    let policy = app.policy().await?;
    let mut store = app.store.acquire().await?;
    let claims = requests::claims(&mut store, request.id).await?;
    let others = requests::others_of(&mut store, &request, 20).await?;
    let other_claims =
        requests::claims_of(&mut store, &others.iter().map(|other| other.id).collect::<Vec<_>>()).await?;
    let adults = match &request.email {
        Some(email) => accounts::adults_by_email(&mut store, email).await?,
        None => Vec::new(),
    };
    let history = history(&mut store, &request).await?;
    let mails = mails::of_request(&mut store, request.id).await?;
    drop(store);

    let moodle = ask_moodle(app, &policy, &request, &claims).await;
    if let Err(error) = &moodle {
        tracing::warn!(request.id = %request.id, %error, "a request is shown without its candidates");
    }
    let (matches, accounts) = moodle.map_or((None, None), |(matches, accounts)| (Some(matches), Some(accounts)));
    Ok(RequestDetail {
        summary: RequestSummary::new(&request, &claims),
        comment: request.comment.clone(),
        staff_note: request.staff_note.clone(),
        locale: request.locale.clone(),
        confirmed_at: request.confirmed_at,
        decided_at: request.decided_at,
        fault_list: request.faults.clone(),
        submitted: serde_json::from_str(&request.submitted).unwrap_or_default(),
        actions: Action::ALL
            .iter()
            .copied()
            .filter(|action| request.status.allows(*action))
            .filter(|action| !matches!(action, Action::ConfirmEmail | Action::Provision | Action::Expire))
            .collect(),
        matches,
        accounts,
        adults: adults
            .into_iter()
            .map(|adult| AdultHint {
                id: adult.id,
                name: format!("{} {}", adult.given_name, adult.family_name),
                username: adult.username,
            })
            .collect(),
        others: others.iter().map(|other| RequestSummary::new(other, &other_claims)).collect(),
        history,
        mails: mails
            .into_iter()
            .map(|mail| MailHint {
                letter: serde_json::from_str::<serde_json::Value>(&mail.letter)
                    .ok()
                    .and_then(|letter| Some(letter.get("letter")?.as_str()?.to_owned()))
                    .unwrap_or_default(),
                state: mail.state,
                created_at: mail.created_at,
                sent_at: mail.sent_at,
            })
            .collect(),
    })
}

async fn history(store: &mut kinlink_store::Connection, request: &Request) -> Result<Vec<HistoryEntry>, ServiceError> {
    let decided = decisions::of_request(store, request.id).await?;
    let mut history: Vec<HistoryEntry> = decided
        .into_iter()
        .map(|decision| HistoryEntry {
            at: decision.made_at,
            actor: decision.actor,
            action: decision.action.code().to_owned(),
            claim: decision.claim,
            reason: decision.reason,
            note: decision.note,
            pupil: decision.pupil,
        })
        .collect();
    // The audit also knows what no person decided: arrival, proof of the address, provisioning.
    let written = audit::of_subject(store, &format!("request:{}", request.id)).await?;
    let undecided = ["request.submit", "request.confirm_email", "request.expire", "request.provision", "request.note"];
    history.extend(written.into_iter().filter(|entry| undecided.contains(&entry.entry.action.as_str())).map(|entry| {
        HistoryEntry {
            at: entry.at,
            actor: entry.actor,
            action: entry.entry.action.trim_start_matches("request.").to_owned(),
            claim: None,
            reason: None,
            note: None,
            pupil: None,
        }
    }));
    history.sort_by_key(|entry| entry.at);
    Ok(history)
}

async fn ask_moodle(
    app: &App,
    policy: &Policy,
    request: &Request,
    claims: &[Claim],
) -> Result<(Vec<ClaimMatch>, Vec<AccountHint>), ServiceError> {
    let register = register(app, policy).await?;
    let matches = claims
        .iter()
        .filter(|claim| claim.state == ClaimState::Open)
        .map(|claim| ClaimMatch { claim: claim.id, found: register.match_child(&claim.child) })
        .collect();
    let accounts = match &request.email {
        Some(email) => users::by_email(&mut app.moodle.connect().await?, app.moodle.prefix(), email).await?,
        None => Vec::new(),
    };
    let accounts = accounts
        .into_iter()
        .map(|user| AccountHint {
            is_pupil: register.find(user.id).is_some(),
            id: user.id,
            username: user.username,
            auth: user.auth,
            name: user.name,
            suspended: user.suspended,
        })
        .collect();
    Ok((matches, accounts))
}

/// Every pupil, ready for matching.
pub(crate) async fn register(app: &App, policy: &Policy) -> Result<Register, ServiceError> {
    let mut moodle = app.moodle.connect().await?;
    let prefix = app.moodle.prefix();
    let site = site::read(&mut moodle, prefix, policy).await?;
    Ok(Register::new(pupils::all(&mut moodle, prefix, policy, &site).await?))
}

/// Pupils that contain every word, at most `limit`.
///
/// # Errors
/// [`ServiceError::Forbidden`], Moodle, the store.
pub async fn search_pupils(app: &App, actor: &Actor, query: &str, limit: usize) -> Result<Vec<Pupil>, ServiceError> {
    require(actor, Permission::Read)?;
    let policy = app.policy().await?;
    Ok(register(app, &policy).await?.search(query).take(limit).cloned().collect())
}

/// A page of links.
///
/// # Errors
/// [`ServiceError::Forbidden`], the store.
pub async fn list_links(
    app: &App,
    actor: &Actor,
    filter: links::Filter,
    after: Option<kinlink_domain::ids::LinkId>,
    limit: u32,
) -> Result<Page<Link, kinlink_domain::ids::LinkId>, ServiceError> {
    require(actor, Permission::Read)?;
    let mut items = links::list(&mut app.store.acquire().await?, filter, after, limit + 1).await?;
    let more = items.len() > limit as usize;
    items.truncate(limit as usize);
    Ok(Page { next: items.last().filter(|_| more).map(|link| link.id), items })
}

/// A page of cycles, newest first.
///
/// # Errors
/// [`ServiceError::Forbidden`], the store.
pub async fn list_cycles(
    app: &App,
    actor: &Actor,
    after: Option<CycleId>,
    limit: u32,
) -> Result<Page<Cycle, CycleId>, ServiceError> {
    require(actor, Permission::Read)?;
    let mut items = cycles::list(&mut app.store.acquire().await?, after, limit + 1).await?;
    let more = items.len() > limit as usize;
    items.truncate(limit as usize);
    Ok(Page { next: items.last().filter(|_| more).map(|cycle| cycle.id), items })
}

/// A cycle with the result of each link it looked at.
///
/// # Errors
/// [`ServiceError::Forbidden`], [`ServiceError::NotFound`], the store.
pub async fn show_cycle(app: &App, actor: &Actor, id: CycleId) -> Result<(Cycle, Vec<(Link, Outcome)>), ServiceError> {
    require(actor, Permission::Read)?;
    let mut store = app.store.acquire().await?;
    let cycle = cycles::find(&mut store, id).await?.ok_or(ServiceError::NotFound("cycle"))?;
    let results = cycles::results(&mut store, id).await?;
    let ids: Vec<_> = results.iter().map(|(link, _)| *link).collect();
    let mut found = Vec::with_capacity(ids.len());
    for chunk in ids.chunks(kinlink_db::ROWS_PER_STATEMENT) {
        found.extend(links::by_ids(&mut store, chunk).await?);
    }
    let results = found
        .into_iter()
        .filter_map(|link| {
            let outcome = results.iter().find(|(id, _)| *id == link.id)?.1;
            Some((link, outcome))
        })
        .collect();
    Ok((cycle, results))
}

/// Asks for a cycle: the provisioner takes it up at once where it runs in the same process, otherwise at its next start.
///
/// # Errors
/// [`ServiceError::Forbidden`], the store.
pub async fn request_cycle(app: &App, actor: &Actor, action: &str) -> Result<CycleId, ServiceError> {
    require(actor, Permission::RunCycle)?;
    let cycle = Cycle {
        id: app.new_id(),
        action: action.to_owned(),
        state: CycleState::Queued,
        actor: actor.name.clone(),
        created_at: app.now(),
        started_at: None,
        finished_at: None,
        report: None,
        fault: None,
    };
    let mut tx = app.store.begin().await?;
    cycles::insert(&mut tx, &cycle).await?;
    let entry =
        audit::Entry::new("cycle.request", format!("cycle:{}", cycle.id), serde_json::json!({ "action": action }));
    audit::write(&mut tx, actor, app.now(), &[entry]).await?;
    tx.commit().await?;
    Ok(cycle.id)
}

/// How much waits.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Health {
    /// Jobs of the outbox.
    pub jobs: jobs::Backlog,
    /// When a cycle last ended well.
    pub last_good_cycle: Option<Timestamp>,
}

/// How much waits, and when a cycle last ended well.
///
/// # Errors
/// [`ServiceError::Forbidden`], the store.
pub async fn health(app: &App, actor: &Actor) -> Result<Health, ServiceError> {
    require(actor, Permission::Read)?;
    let mut store = app.store.acquire().await?;
    let last = cycles::last_good(&mut store).await?;
    Ok(Health { jobs: jobs::backlog(&mut store).await?, last_good_cycle: last.and_then(|cycle| cycle.finished_at) })
}
