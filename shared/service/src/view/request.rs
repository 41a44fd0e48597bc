//! One request with everything beside it.

use kinlink_domain::{
    Timestamp,
    hold::Stops,
    ids::{ClaimId, HoldId, MoodleUserId, RequestId},
    matching::{Match, Verdict},
    policy::Policy,
    request::{Action, ClaimState, Kind},
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

use super::{Request, RequestSummary, find_request, summaries::faults_of};
use crate::{
    App, ServiceError,
    access::require,
    approve::School,
    holds::{self, HoldHint},
    looked, own, status, usernames,
};

/// Most adults of the same name that are shown beside a request for another address.
const MOST_NAMESAKES: u32 = 10;

/// A request with everything beside it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RequestDetail {
    /// The request.
    #[serde(flatten)]
    pub summary: RequestSummary,
    /// The adult's free text; none for roles that may not read what was written.
    #[schema(required)]
    pub comment: Option<String>,
    /// The staff's note; none for roles that may not read what was written.
    #[schema(required)]
    pub staff_note: Option<String>,
    /// Language for mails.
    pub locale: String,
    /// When the address was proven.
    #[schema(required)]
    pub confirmed_at: Option<Timestamp>,
    /// When it was last decided on.
    #[schema(required)]
    pub decided_at: Option<Timestamp>,
    /// What was wrong with the submission, as work for staff; without suspicions for roles that may not read what was written.
    pub fault_list: Vec<FieldFault>,
    /// The submission as it came; null for roles that may not read what was written.
    pub submitted: serde_json::Value,
    /// The question that waits for the adult's answer; none when staff asked in another way than by mail, and for roles that
    /// may not read what was written.
    #[schema(required)]
    pub question: Option<String>,
    /// Whether it is the caller's own request: then somebody else must decide.
    pub own: bool,
    /// Whether safeguarding has to be asked: then it cannot be approved as it stands.
    pub refer_to_safeguarding: bool,
    /// The pupils among those picked and the candidates whom only safeguarding can say anything about.
    pub referred_pupils: Vec<MoodleUserId>,
    /// The holds behind that; only for safeguarding.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub holds: Option<Vec<HoldHint>>,
    /// What can be done now; nothing to one's own request.
    pub actions: Vec<Action>,
    /// For each open claim, whom it may mean; none when Moodle cannot be asked.
    #[schema(required)]
    pub matches: Option<Vec<ClaimMatch>>,
    /// Moodle accounts with the same address; none when Moodle cannot be asked.
    #[schema(required)]
    pub accounts: Option<Vec<AccountHint>>,
    /// The user name that a new account would get if it were approved now; none when Moodle cannot be asked, without an address,
    /// and where no new account can come of it.
    #[schema(required)]
    pub new_username: Option<String>,
    /// Adults with the same address; for a request for another address also those with the same name.
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
    /// Their address.
    pub email: String,
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
    /// Why; this and what was written are left out for roles that may not read them.
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
    looked::note(app, actor, "request", request.id).await?;
    let policy = app.policy().await?;
    let mut store = app.store.acquire().await?;
    let claims = requests::claims(&mut store, request.id).await?;
    let others = requests::others_of(&mut store, &request, 20).await?;
    let other_claims =
        requests::claims_of(&mut store, &others.iter().map(|other| other.id).collect::<Vec<_>>()).await?;
    let mut adults = match &request.email {
        Some(email) => accounts::adults_by_email(&mut store, email).await?,
        None => Vec::new(),
    };
    if request.kind == Kind::ChangeEmail {
        let (given, family) = (&request.given_name, &request.family_name);
        let namesakes = accounts::adults_by_name(&mut store, given, family, MOST_NAMESAKES).await?;
        adults.extend(namesakes.into_iter().filter(|adult| Some(&adult.email) != request.email.as_ref()));
    }
    let question = status::open_question(&mut store, &request).await?;
    let stops = holds::in_force(app, &mut store).await?;
    let asking = match request.adult {
        Some(adult) => accounts::adult(&mut store, adult).await?,
        None => None,
    };
    let reads_notes = actor.may(Permission::ReadNotes);
    let history = history(&mut store, &request).await?;
    let mails = mails::of_request(&mut store, request.id).await?;
    drop(store);
    let own = own::is_own_request(app, actor, &request).await?;

    let moodle = ask_moodle(app, &policy, &request, &claims).await;
    if let Err(error) = &moodle {
        tracing::warn!(request.id = %request.id, %error, "a request is shown without its candidates");
    }
    let AtMoodle { matches, accounts, new_username } = moodle.unwrap_or_default();
    let referral = referral(&stops, &request, asking.as_ref(), &claims, matches.as_deref().unwrap_or_default());
    let hints = holds::hints(actor, &stops, &referral.holds);
    Ok(RequestDetail {
        summary: RequestSummary::new(actor, &request, &claims),
        comment: reads_notes.then(|| request.comment.clone()),
        staff_note: reads_notes.then(|| request.staff_note.clone()),
        locale: request.locale.clone(),
        confirmed_at: request.confirmed_at,
        decided_at: request.decided_at,
        fault_list: faults_of(actor, &request).cloned().collect(),
        submitted: if reads_notes {
            serde_json::from_str(&request.submitted).unwrap_or_default()
        } else {
            serde_json::Value::Null
        },
        question: question.map(|question| question.question).filter(|_| reads_notes),
        own,
        refer_to_safeguarding: !referral.holds.is_empty(),
        referred_pupils: referral.pupils,
        holds: hints,
        actions: Action::ALL
            .iter()
            .copied()
            .filter(|action| !own && request.status.allows(*action))
            .filter(|action| *action != Action::Approve || !referral.wholly || request.kind == Kind::Leave)
            .filter(|action| {
                !matches!(action, Action::ConfirmEmail | Action::Answer | Action::Provision | Action::Expire)
            })
            .collect(),
        matches,
        accounts,
        new_username,
        adults: adults
            .into_iter()
            .map(|adult| AdultHint {
                id: adult.id,
                name: format!("{} {}", adult.given_name, adult.family_name),
                username: adult.username,
                email: adult.email.to_string(),
            })
            .collect(),
        others: others.iter().map(|other| RequestSummary::new(actor, other, &other_claims)).collect(),
        history: readable(history, reads_notes),
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

/// What holds say about a request.
struct Referral {
    holds: Vec<HoldId>,
    /// Whether they forbid the adult every child.
    wholly: bool,
    pupils: Vec<MoodleUserId>,
}

fn referral(
    stops: &Stops,
    request: &Request,
    adult: Option<&accounts::Adult>,
    claims: &[Claim],
    matches: &[ClaimMatch],
) -> Referral {
    let who = holds::of_request(request, adult);
    let meant = |claim: ClaimId| match matches.iter().find(|found| found.claim == claim)?.found.verdict {
        Verdict::Exact(pupil) => Some(pupil),
        _ => None,
    };
    let candidates = matches.iter().flat_map(|found| &found.found.candidates).map(|candidate| candidate.pupil.id);
    let mut pupils: Vec<MoodleUserId> = claims.iter().filter_map(|claim| claim.pupil).chain(candidates).collect();
    pupils.retain(|pupil| stops.forbid(&who, *pupil));
    pupils.sort_unstable();
    pupils.dedup();
    Referral {
        holds: holds::on_request(stops, &who, &claims.iter().collect::<Vec<_>>(), meant),
        wholly: stops.forbid_person(&who),
        pupils,
    }
}

/// The history as far as the reader may know it: who did what is for everybody, the words are not.
fn readable(mut history: Vec<HistoryEntry>, reads_notes: bool) -> Vec<HistoryEntry> {
    for entry in history.iter_mut().filter(|_| !reads_notes) {
        entry.reason = None;
        entry.note = None;
        entry.message = None;
    }
    history
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
    Ok(readable(entries, actor.may(Permission::ReadNotes)))
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

/// What Moodle says about a request; nothing when it cannot be asked.
#[derive(Default)]
struct AtMoodle {
    matches: Option<Vec<ClaimMatch>>,
    accounts: Option<Vec<AccountHint>>,
    new_username: Option<String>,
}

async fn ask_moodle(app: &App, policy: &Policy, request: &Request, claims: &[Claim]) -> Result<AtMoodle, ServiceError> {
    let school = School::read(app, policy).await?;
    let register = &school.register;
    let matches = claims
        .iter()
        .filter(|claim| claim.state == ClaimState::Open)
        .map(|claim| ClaimMatch { claim: claim.id, found: register.match_child(&claim.child) })
        .collect();
    let mut moodle = app.moodle.connect().await?;
    let prefix = app.moodle.prefix();
    let accounts = match &request.email {
        Some(email) => users::by_email(&mut moodle, prefix, email).await?,
        None => Vec::new(),
    };
    let links = !matches!(request.kind, Kind::Leave | Kind::ChangeEmail);
    let new_username = match &request.email {
        Some(email) if request.status.is_open() && links => {
            let mut store = app.store.acquire().await?;
            usernames::first_free(&mut store, &mut moodle, prefix, school.rules(), email).await?.name
        }
        _ => None,
    };
    let accounts = accounts
        .into_iter()
        .filter(|user| user.host == school.rules().host)
        .map(|user| AccountHint {
            is_pupil: register.find(user.id).is_some(),
            id: user.id,
            username: user.username,
            auth: user.auth,
            name: user.name,
            suspended: user.suspended,
        })
        .collect();
    Ok(AtMoodle { matches: Some(matches), accounts: Some(accounts), new_username })
}
