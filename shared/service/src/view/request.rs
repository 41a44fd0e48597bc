//! One request with everything beside it.

use kinlink_domain::{
    Timestamp,
    ids::{ClaimId, MoodleUserId, RequestId},
    matching::Match,
    policy::Policy,
    request::{Action, ClaimState},
    staff::{Actor, Permission},
    submission::FieldFault,
};
use kinlink_moodle::users;
use kinlink_store::{
    accounts,
    audit::{self, Written},
    decisions, mails, questions,
    requests::{self, Claim},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Request, RequestSummary, find_request, register};
use crate::{App, ServiceError, access::require, status};

/// A request with everything beside it.
#[derive(Debug, Clone, Serialize, ToSchema)]
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
    #[schema(required)]
    pub confirmed_at: Option<Timestamp>,
    /// When it was last decided on.
    #[schema(required)]
    pub decided_at: Option<Timestamp>,
    /// What was wrong with the submission, as work for staff.
    pub fault_list: Vec<FieldFault>,
    /// The submission as it came.
    pub submitted: serde_json::Value,
    /// The question that waits for the adult's answer; none when staff asked in another way than by mail.
    #[schema(required)]
    pub question: Option<String>,
    /// What can be done now.
    pub actions: Vec<Action>,
    /// For each open claim, whom it may mean; none when Moodle cannot be asked.
    #[schema(required)]
    pub matches: Option<Vec<ClaimMatch>>,
    /// Moodle accounts with the same address; none when Moodle cannot be asked.
    #[schema(required)]
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
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ClaimMatch {
    /// The claim.
    pub claim: ClaimId,
    /// Verdict and candidates.
    #[serde(flatten)]
    pub found: Match,
}

/// A Moodle account with the request's address.
#[derive(Debug, Clone, Serialize, ToSchema)]
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
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AdultHint {
    /// Their id.
    pub id: kinlink_domain::ids::AdultId,
    /// Given and family name.
    pub name: String,
    /// User name of their login row.
    #[schema(required)]
    pub username: Option<String>,
}

/// An entry of a request's history.
#[derive(Debug, Clone, Serialize, ToSchema)]
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
    /// What was written to the adult, or by them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The pupil that was picked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pupil: Option<MoodleUserId>,
}

/// A mail about a request.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct MailHint {
    /// Which letter.
    pub letter: String,
    /// `queued`, `sent`, `suppressed` or `failed`.
    pub state: String,
    /// When it was caused.
    pub created_at: Timestamp,
    /// When it was sent.
    #[schema(required)]
    pub sent_at: Option<Timestamp>,
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
    let question = status::open_question(&mut store, &request).await?;
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
        question: question.map(|question| question.question),
        actions: Action::ALL
            .iter()
            .copied()
            .filter(|action| request.status.allows(*action))
            .filter(|action| {
                !matches!(action, Action::ConfirmEmail | Action::Answer | Action::Provision | Action::Expire)
            })
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

/// What an entry of the audit says about a request.
fn entry_of(written: &Written) -> HistoryEntry {
    let detail = &written.entry.detail;
    let text = |name: &str| detail.get(name).and_then(serde_json::Value::as_str);
    HistoryEntry {
        at: written.at,
        actor: written.actor.clone(),
        action: written.entry.action.trim_start_matches("request.").to_owned(),
        claim: text("claim").and_then(|claim| claim.parse().ok()),
        reason: text("reason").map(str::to_owned),
        note: None,
        message: None,
        pupil: detail.get("pupil").and_then(serde_json::Value::as_i64).map(MoodleUserId),
    }
}

/// What happened to a request since it had this version, oldest first, with what staff wrote: for whoever decided on what
/// they saw a while ago.
///
/// # Errors
/// [`ServiceError::Forbidden`], the store.
pub async fn what_happened_since(
    app: &App,
    actor: &Actor,
    id: RequestId,
    version: i64,
) -> Result<Vec<HistoryEntry>, ServiceError> {
    require(actor, Permission::Read)?;
    let mut store = app.store.acquire().await?;
    let written = audit::of_subject(&mut store, &format!("request:{id}")).await?;
    let decided = decisions::of_request(&mut store, id).await?;
    let mut entries = since(&written, version);
    for entry in &mut entries {
        let same = |decision: &&decisions::Decision| {
            decision.made_at == entry.at && decision.action.code() == entry.action && decision.claim == entry.claim
        };
        entry.note = decided.iter().find(same).and_then(|decision| decision.note.clone());
    }
    Ok(entries)
}

/// The entries of one request that made it newer than a version. Most say which version they made; arrival makes the first,
/// and what Kinlink does by itself the next.
pub(crate) fn since(written: &[Written], version: i64) -> Vec<HistoryEntry> {
    let mut now = 0;
    let mut entries = Vec::new();
    for entry in written {
        let made = entry.entry.detail.get("version").and_then(serde_json::Value::as_i64);
        now = match (made, entry.entry.action.as_str()) {
            (Some(made), _) => made,
            (None, "request.submit") => 1,
            (None, "request.confirm_email" | "request.expire" | "request.provision") => now + 1,
            (None, _) => continue,
        };
        if now > version {
            entries.push(entry_of(entry));
        }
    }
    entries
}

async fn history(store: &mut kinlink_store::Connection, request: &Request) -> Result<Vec<HistoryEntry>, ServiceError> {
    let decided = decisions::of_request(store, request.id).await?;
    let asked = questions::of_request(store, request.id).await?;
    let mut history: Vec<HistoryEntry> = decided
        .into_iter()
        .map(|decision| HistoryEntry {
            at: decision.made_at,
            actor: decision.actor,
            action: decision.action.code().to_owned(),
            claim: decision.claim,
            reason: decision.reason,
            note: decision.note,
            message: asked.iter().find(|asked| asked.id == decision.id).map(|asked| asked.question.clone()),
            pupil: decision.pupil,
        })
        .collect();
    history.extend(asked.into_iter().filter_map(|asked| {
        Some(HistoryEntry {
            at: asked.closed_at?,
            actor: Actor::parent().name,
            action: Action::Answer.code().to_owned(),
            claim: None,
            reason: None,
            note: None,
            message: Some(asked.answer?),
            pupil: None,
        })
    }));
    // The audit also knows what no person decided: arrival, proof of the address, provisioning.
    let written = audit::of_subject(store, &format!("request:{}", request.id)).await?;
    let undecided = [
        "request.submit",
        "request.confirm_email",
        "request.expire",
        "request.provision",
        "request.note",
        "request.pin",
        "request.unpin",
    ];
    history.extend(written.iter().filter(|entry| undecided.contains(&entry.entry.action.as_str())).map(entry_of));
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
