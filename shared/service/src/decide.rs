//! Every other decision: deny, ask, duplicate, bogus, reopen, withdraw one child, correct, note.
//!
//! Each is one transaction guarded by the request's version. What ends something in force ends the links and the login row
//! at once and queues the job that takes the role rows away.

use kinlink_domain::{
    ids::{AdultId, ClaimId, LinkId, RequestId},
    request::{Action, ClaimState, Status, status_by_claims},
    staff::{Actor, Permission},
    submission::{FaultCode, FieldFault, RawChild, RawSubmission, Submission},
    text,
};
use kinlink_queue::Hint;
use kinlink_store::{
    Tx, audit, decisions,
    decisions::Decision,
    jobs,
    jobs::{Job, Priority},
    links, proofs, questions, requests,
    requests::{Claim, Request},
};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    App, ServiceError,
    access::require,
    accounts::end_account_if_unlinked,
    error::retry_races,
    holds,
    mail::{self, Letter},
    observe, own,
    questions::message,
    submit::{ask_for_proof, field_fault},
};

/// Why, and what staff write with it.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DecisionReason)]
pub struct Reason {
    /// A short code of the school's choosing, such as `not_on_file`. It stays as long as the audit is kept, so it can hold no name.
    #[serde(default)]
    #[schema(pattern = "^[a-z0-9_]{0,32}$")]
    pub reason: Option<String>,
    /// Free text for the history; the adult does not see it.
    #[serde(default)]
    pub note: Option<String>,
    /// What the adult is asked by mail; only with [`ask`]. Name no child: others may read the mail. Without it no mail goes,
    /// and staff ask in another way.
    #[serde(default)]
    pub message: Option<String>,
}

/// The longest question, in characters.
pub const MAX_QUESTION: usize = 2_000;

/// Corrected texts; what is absent stays. The submission as it came is kept beside them.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Correction {
    /// Title; empty removes it.
    #[serde(default)]
    pub title: Option<String>,
    /// Given name.
    #[serde(default)]
    pub given_name: Option<String>,
    /// Family name.
    #[serde(default)]
    pub family_name: Option<String>,
    /// Address; a changed one must be proven anew.
    #[serde(default)]
    pub email: Option<String>,
    /// Children, by their claims.
    #[serde(default)]
    pub children: Vec<ChildCorrection>,
}

/// A corrected child.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChildCorrection {
    /// Which claim.
    pub claim: ClaimId,
    /// Given name.
    #[serde(default)]
    pub given_name: Option<String>,
    /// Family name.
    #[serde(default)]
    pub family_name: Option<String>,
    /// Tutor group; empty removes it.
    #[serde(default)]
    pub tutor_group: Option<String>,
    /// Admission number; empty removes it.
    #[serde(default)]
    pub admission_number: Option<String>,
}

/// Loads a request for a decision of the actor's.
///
/// # Errors
/// [`ServiceError::NotFound`], [`ServiceError::Stale`], refusals `wrong_status` and `own_request`; the store, Moodle.
pub(crate) async fn load(
    app: &App,
    actor: &Actor,
    id: RequestId,
    version: Option<i64>,
    action: Action,
) -> Result<(Request, Vec<Claim>), ServiceError> {
    let mut store = app.store.acquire().await?;
    let request = requests::find(&mut store, id).await?.ok_or(ServiceError::NotFound("request"))?;
    let claims = requests::claims(&mut store, id).await?;
    drop(store);
    own::require_anothers(app, actor, &request).await?;
    if version.is_some_and(|version| version != request.version) {
        return Err(ServiceError::Stale);
    }
    if !request.status.allows(action) {
        let detail = format!("the request is {}; {action} is not possible then", request.status);
        return Err(ServiceError::refused("wrong_status", detail));
    }
    Ok((request, claims))
}

/// Adds a job to the outbox; gives the hint to send after the commit.
pub(crate) async fn enqueue_job(
    app: &App,
    tx: &mut Tx<'_>,
    adult: AdultId,
    request: Option<RequestId>,
    priority: Priority,
) -> Result<Hint, ServiceError> {
    let job = Job { id: app.new_id(), adult, request, priority, attempts: 0, available_at: app.now() };
    jobs::insert(tx, std::slice::from_ref(&job), app.now()).await?;
    Ok(Hint { job: job.id, adult, correlation: Some(observe::correlation(&job)) })
}

/// Tells the queue of jobs that are stored. A failure is harmless: the next cycle sweeps the outbox.
pub(crate) async fn tell_queue(app: &App, hints: &[Hint]) {
    if hints.is_empty() {
        return;
    }
    let sent = async {
        app.queue.send(hints).await?;
        let ids: Vec<_> = hints.iter().map(|hint| hint.job).collect();
        jobs::mark_sent(&mut app.store.acquire().await?, &ids, app.now()).await?;
        Ok::<_, ServiceError>(())
    };
    observe::hinted(hints, &sent.await);
}

/// Ends a request: denied, duplicate or bogus. What it brought about is taken away.
///
/// # Errors
/// [`ServiceError::Forbidden`], [`ServiceError::NotFound`], [`ServiceError::Stale`], a refusal `wrong_status`, the store.
pub async fn end(
    app: &App,
    actor: &Actor,
    id: RequestId,
    version: Option<i64>,
    action: Action,
    reason: &Reason,
) -> Result<Request, ServiceError> {
    require(actor, Permission::Decide)?;
    let status = match action {
        Action::Deny => Status::Denied,
        Action::MarkDuplicate => Status::Duplicate,
        Action::MarkBogus => Status::Bogus,
        other => return Err(ServiceError::refused("wrong_action", format!("{other} does not end a request"))),
    };
    let (request, hints) = retry_races!(end_once(app, actor, id, version, action, status, reason))?;
    tell_queue(app, &hints).await;
    Ok(request)
}

async fn end_once(
    app: &App,
    actor: &Actor,
    id: RequestId,
    version: Option<i64>,
    action: Action,
    status: Status,
    reason: &Reason,
) -> Result<(Request, Vec<Hint>), ServiceError> {
    let (mut request, mut claims) = load(app, actor, id, version, action).await?;
    let was = request.status;
    let mut tx = app.store.begin().await?;
    let mut hints = Vec::new();
    if was.is_in_force() {
        hints = take_away(app, &mut tx, actor, &mut request, &mut claims, |_| true, action.code()).await?;
    }
    for claim in claims.iter_mut().filter(|claim| claim.state == ClaimState::Open) {
        claim.state = ClaimState::Denied;
        claim.pupil = None;
    }
    request.status = status;
    request.dedup_key = None;
    // An address that nobody proved gets no answer; a duplicate's other request gets one; a bogus one deserves none.
    if action == Action::Deny && was.is_open() && was != Status::Unconfirmed {
        let once = format!("denied:{id}:{}", request.version);
        mail::enqueue(app, &mut tx, &request, None, Letter::CouldNotConfirm, &once).await?;
    }
    save(app, &mut tx, actor, &mut request, &claims, action, reason, None).await?;
    tx.commit().await?;
    observe::decided(id, action, request.status, &[]);
    Ok((request, hints))
}

/// Takes one child of a request in force away.
///
/// # Errors
/// As [`end`]; [`ServiceError::NotFound`] for a claim of another request, a refusal `not_approved`.
pub async fn withdraw_child(
    app: &App,
    actor: &Actor,
    id: RequestId,
    version: Option<i64>,
    claim: ClaimId,
    reason: &Reason,
) -> Result<Request, ServiceError> {
    require(actor, Permission::Decide)?;
    let (request, hints) = retry_races!(withdraw_once(app, actor, id, version, claim, reason))?;
    tell_queue(app, &hints).await;
    Ok(request)
}

async fn withdraw_once(
    app: &App,
    actor: &Actor,
    id: RequestId,
    version: Option<i64>,
    claim: ClaimId,
    reason: &Reason,
) -> Result<(Request, Vec<Hint>), ServiceError> {
    let action = Action::WithdrawChild;
    let (mut request, mut claims) = load(app, actor, id, version, action).await?;
    let wanted = claims.iter().find(|c| c.id == claim).ok_or(ServiceError::NotFound("claim"))?;
    if wanted.state != ClaimState::Approved {
        return Err(ServiceError::refused("not_approved", format!("this child is {}, not approved", wanted.state)));
    }
    let mut tx = app.store.begin().await?;
    let hints = take_away(app, &mut tx, actor, &mut request, &mut claims, |c| c.id == claim, action.code()).await?;
    request.status = if claims.iter().any(|c| matches!(c.state, ClaimState::Approved | ClaimState::Open)) {
        status_by_claims(claims.iter().map(|c| (c.state, c.outcome == Some(kinlink_domain::outcome::Outcome::Linked))))
    } else {
        Status::Withdrawn
    };
    save(app, &mut tx, actor, &mut request, &claims, action, reason, Some(claim)).await?;
    tx.commit().await?;
    observe::decided(id, action, request.status, &[]);
    Ok((request, hints))
}

/// Ends the links of some of a request's claims, and the adult's login row when no link is left.
async fn take_away(
    app: &App,
    tx: &mut Tx<'_>,
    actor: &Actor,
    request: &mut Request,
    claims: &mut [Claim],
    which: impl Fn(&Claim) -> bool,
    reason: &str,
) -> Result<Vec<Hint>, ServiceError> {
    let Some(adult) = request.adult else { return Ok(Vec::new()) };
    let chosen: Vec<ClaimId> =
        claims.iter().filter(|c| c.state == ClaimState::Approved && which(c)).map(|c| c.id).collect();
    // A link that another request approved since then belongs to that one.
    let own: Vec<LinkId> = links::of_adults(tx, &[adult])
        .await?
        .into_iter()
        .filter(|link| link.active && chosen.contains(&link.claim))
        .map(|link| link.id)
        .collect();
    links::end(tx, &own, reason, app.now()).await?;
    for claim in claims.iter_mut().filter(|claim| chosen.contains(&claim.id)) {
        claim.state = ClaimState::Withdrawn;
        claim.outcome = None;
        claim.outcome_at = None;
    }
    let entries: Vec<_> = own
        .iter()
        .map(|link| audit::Entry::new("link.end", format!("link:{link}"), json!({ "adult": adult, "reason": reason })))
        .collect();
    audit::write(tx, actor, app.now(), &entries);
    end_account_if_unlinked(app, tx, actor, adult, Some(request)).await?;
    Ok(vec![enqueue_job(app, tx, adult, Some(request.id), Priority::Removal).await?])
}

/// Asks the adult for information: the request waits for them, visibly. With a message they are sent it, and answer on the
/// page of [`crate::questions`]. A question that was still open takes no answer any more.
///
/// # Errors
/// As [`end`]; [`ServiceError::Invalid`] for a message that is empty, too long or cannot be shown; a refusal `no_address`.
pub async fn ask(
    app: &App,
    actor: &Actor,
    id: RequestId,
    version: Option<i64>,
    reason: &Reason,
) -> Result<Request, ServiceError> {
    require(actor, Permission::Decide)?;
    retry_races!(ask_once(app, actor, id, version, reason))
}

async fn ask_once(
    app: &App,
    actor: &Actor,
    id: RequestId,
    version: Option<i64>,
    reason: &Reason,
) -> Result<Request, ServiceError> {
    let message = reason.message.as_deref().map(|text| message(text, "/message", MAX_QUESTION)).transpose()?;
    let (mut request, claims) = load(app, actor, id, version, Action::Ask).await?;
    if message.is_some() && request.email.is_none() {
        let detail =
            "the request has no email address to write to; correct it, or ask without a message in another way";
        return Err(ServiceError::refused("no_address", detail));
    }
    let mut tx = app.store.begin().await?;
    if message.is_some() {
        // A mail that would not be sent is not promised either.
        let picked = claims.iter().filter_map(|claim| claim.pupil);
        holds::require_request_free(app, &mut tx, &request, picked).await?;
    }
    request.status = Status::WaitingForParent;
    let decision = save(app, &mut tx, actor, &mut request, &claims, Action::Ask, reason, None).await?;
    questions::close_open(&mut tx, id, app.now()).await?;
    if let Some(text) = message {
        let asked = questions::Question {
            id: decision,
            request: id,
            question: text,
            asked_at: app.now(),
            answer: None,
            closed_at: None,
        };
        questions::insert(&mut tx, &asked).await?;
        let letter = Letter::Question { question: decision };
        mail::enqueue(app, &mut tx, &request, request.adult, letter, &format!("question:{decision}")).await?;
    }
    tx.commit().await?;
    observe::decided(id, Action::Ask, request.status, &[]);
    Ok(request)
}

/// Takes a request up again that had ended or waited for the adult. Nothing that was taken away comes back by this alone.
///
/// # Errors
/// As [`end`]; a refusal `erased` when its personal data is gone.
pub async fn reopen(
    app: &App,
    actor: &Actor,
    id: RequestId,
    version: Option<i64>,
    reason: &Reason,
) -> Result<Request, ServiceError> {
    require(actor, Permission::Decide)?;
    retry_races!(reopen_once(app, actor, id, version, reason))
}

async fn reopen_once(
    app: &App,
    actor: &Actor,
    id: RequestId,
    version: Option<i64>,
    reason: &Reason,
) -> Result<Request, ServiceError> {
    let policy = app.policy().await?;
    let (mut request, mut claims) = load(app, actor, id, version, Action::Reopen).await?;
    let mut tx = app.store.begin().await?;
    // Nobody is left of whom it could be decided; it would be approved for an adult without a name.
    if requests::is_erased(&mut tx, id).await? {
        let detail = "the data of this request is erased; ask the parent for a new one";
        return Err(ServiceError::refused("erased", detail));
    }
    for claim in &mut claims {
        claim.state = ClaimState::Open;
        claim.pupil = None;
        claim.link = None;
        claim.outcome = None;
        claim.outcome_at = None;
    }
    // Whoever has not proven their address has to do so before staff decide, also after this.
    let proven = request.confirmed_at.is_some() || !policy.email_proof || request.email.is_none();
    request.status = if proven { Status::Pending } else { Status::Unconfirmed };
    let key = content(&request, &claims).content_hash();
    request.dedup_key = match requests::find_by_dedup_key(&mut tx, &key).await? {
        Some(other) if other.id != id => None,
        _ => Some(key),
    };
    save(app, &mut tx, actor, &mut request, &claims, Action::Reopen, reason, None).await?;
    if !proven {
        ask_for_proof(app, &mut tx, &policy, &request).await?;
    }
    tx.commit().await?;
    observe::decided(id, Action::Reopen, request.status, &[]);
    Ok(request)
}

/// Corrects names, the address, tutor groups and admission numbers.
///
/// # Errors
/// As [`end`]; [`ServiceError::Invalid`] for what cannot stand, [`ServiceError::NotFound`] for a claim of another request,
/// a refusal `already_decided` for the adult's details or an approved child.
pub async fn correct(
    app: &App,
    actor: &Actor,
    id: RequestId,
    version: Option<i64>,
    correction: &Correction,
) -> Result<Request, ServiceError> {
    require(actor, Permission::Decide)?;
    retry_races!(correct_once(app, actor, id, version, correction))
}

async fn correct_once(
    app: &App,
    actor: &Actor,
    id: RequestId,
    version: Option<i64>,
    correction: &Correction,
) -> Result<Request, ServiceError> {
    let policy = app.policy().await?;
    let (mut request, mut claims) = load(app, actor, id, version, Action::Correct).await?;
    let about_adult = correction.title.is_some()
        || correction.given_name.is_some()
        || correction.family_name.is_some()
        || correction.email.is_some();
    if about_adult && !request.status.is_open() {
        return Err(ServiceError::refused("already_decided", "the adult's details were used to make the account"));
    }
    let mut wanted = raw(&request, &claims);
    let set = |field: &mut String, value: &Option<String>| {
        if let Some(value) = value {
            field.clone_from(value);
        }
    };
    set(&mut wanted.title, &correction.title);
    set(&mut wanted.given_name, &correction.given_name);
    set(&mut wanted.family_name, &correction.family_name);
    set(&mut wanted.email, &correction.email);
    for child in &correction.children {
        let position = claims.iter().position(|c| c.id == child.claim).ok_or(ServiceError::NotFound("claim"))?;
        if claims[position].state != ClaimState::Open {
            return Err(ServiceError::refused(
                "already_decided",
                "this child was decided on; withdraw or reopen first",
            ));
        }
        let raw = &mut wanted.children[position];
        set(&mut raw.given_name, &child.given_name);
        set(&mut raw.family_name, &child.family_name);
        if child.tutor_group.is_some() {
            raw.tutor_group.clone_from(&child.tutor_group);
        }
        if child.admission_number.is_some() {
            raw.admission_number.clone_from(&child.admission_number);
        }
    }
    let checked = Submission::check(&wanted);
    let before = content(&request, &claims);
    // What was wrong before may stay wrong; what this makes wrong is refused.
    let worse: Vec<_> = checked
        .faults
        .iter()
        .filter(|fault| !before.faults.iter().any(|old| old.pointer == fault.pointer))
        .map(|fault| FieldFault { pointer: place(&fault.pointer, &claims, correction), ..fault.clone() })
        .collect();
    if !worse.is_empty() {
        return Err(ServiceError::Invalid(worse));
    }
    let new_address = checked.email != request.email;
    let mut tx = app.store.begin().await?;
    request.title.clone_from(&checked.title);
    request.given_name.clone_from(&checked.given_name);
    request.family_name.clone_from(&checked.family_name);
    request.email.clone_from(&checked.email);
    // What made the form look as if no person had sent it is no matter of its fields: correcting them proves nothing.
    let suspicions = request.faults.iter().filter(|fault| fault.code == FaultCode::Suspicious);
    request.faults = suspicions.cloned().chain(checked.faults).collect();
    for (claim, child) in claims.iter_mut().zip(checked.children) {
        // A pupil was pinned for what stood there before.
        if claim.state == ClaimState::Open && claim.child != child {
            claim.pupil = None;
        }
        claim.child = child;
    }
    if new_address {
        proofs::revoke_all(&mut tx, id, app.now()).await?;
        request.confirmed_at = None;
        // Whose account it was is as open again as whose address it is.
        request.adult = None;
        if policy.email_proof && request.email.is_some() {
            request.status = Status::Unconfirmed;
            ask_for_proof(app, &mut tx, &policy, &request).await?;
        }
    }
    save(app, &mut tx, actor, &mut request, &claims, Action::Correct, &Reason::default(), None).await?;
    tx.commit().await?;
    observe::decided(id, Action::Correct, request.status, &[]);
    Ok(request)
}

/// Where in a correction a fault of the corrected submission stands: the adult's fields stand at the top there, and its
/// children are those that are corrected.
fn place(pointer: &str, claims: &[Claim], correction: &Correction) -> String {
    if let Some(field) = pointer.strip_prefix("/adult") {
        return field.to_owned();
    }
    let child = || {
        let (position, field) = pointer.strip_prefix("/children/")?.split_once('/')?;
        let claim = claims.get(position.parse::<usize>().ok()?)?.id;
        let child = correction.children.iter().rposition(|child| child.claim == claim)?;
        Some(format!("/children/{child}/{field}"))
    };
    child().unwrap_or_else(|| pointer.to_owned())
}

/// Replaces the staff's note. Possible in every status.
///
/// # Errors
/// [`ServiceError::Forbidden`], [`ServiceError::NotFound`], [`ServiceError::Stale`], [`ServiceError::Invalid`], a refusal
/// `own_request`, the store.
pub async fn note(
    app: &App,
    actor: &Actor,
    id: RequestId,
    version: Option<i64>,
    note: &str,
) -> Result<Request, ServiceError> {
    require(actor, Permission::Decide)?;
    let note = text::paragraph(note, 4_000).map_err(|f| ServiceError::Invalid(vec![field_fault("/note", f)]))?;
    let request = requests::find(&mut app.store.acquire().await?, id).await?;
    own::require_anothers(app, actor, &request.ok_or(ServiceError::NotFound("request"))?).await?;
    let mut tx = app.store.begin().await?;
    let mut request = requests::find(&mut tx, id).await?.ok_or(ServiceError::NotFound("request"))?;
    if version.is_some_and(|version| version != request.version) {
        return Err(ServiceError::Stale);
    }
    let claims = requests::claims(&mut tx, id).await?;
    request.staff_note = note;
    request.updated_at = app.now();
    requests::update(&mut tx, &mut request, &claims).await?;
    let entry = audit::Entry::new("request.note", format!("request:{id}"), json!({ "version": request.version }));
    audit::write(&mut tx, actor, app.now(), &[entry]);
    tx.commit().await?;
    Ok(request)
}

/// Writes the request with its claims, the decision and the audit entry. Gives the decision's id.
#[expect(clippy::too_many_arguments, reason = "the parts of one decision; a struct would only name them twice")]
async fn save(
    app: &App,
    tx: &mut Tx<'_>,
    actor: &Actor,
    request: &mut Request,
    claims: &[Claim],
    action: Action,
    reason: &Reason,
    claim: Option<ClaimId>,
) -> Result<Uuid, ServiceError> {
    let now = app.now();
    if reason.message.is_some() && action != Action::Ask {
        let detail = "only a question is sent to the adult; write a note instead".to_owned();
        let fault = FieldFault { pointer: "/message".to_owned(), code: FaultCode::Invalid, detail };
        return Err(ServiceError::Invalid(vec![fault]));
    }
    let note = match reason.note.as_deref().map(|note| text::paragraph(note, 4_000)).transpose() {
        Ok(note) => note.filter(|note| !note.is_empty()),
        Err(fault) => return Err(ServiceError::Invalid(vec![field_fault("/note", fault)])),
    };
    let decision = Decision {
        id: app.new_uuid(),
        request: request.id,
        claim,
        actor: actor.name.clone(),
        action,
        reason: reason_code(reason.reason.as_deref())?,
        note,
        pupil: None,
        made_at: now,
    };
    request.decided_at = Some(now);
    request.updated_at = now;
    requests::update(tx, request, claims).await?;
    for claim in claims {
        requests::update_claim(tx, claim).await?;
    }
    decisions::insert(tx, std::slice::from_ref(&decision)).await?;
    let detail =
        json!({ "version": request.version, "status": request.status, "claim": claim, "reason": decision.reason });
    let entry = audit::Entry::new(format!("request.{action}"), format!("request:{}", request.id), detail);
    audit::write(tx, actor, now, &[entry]);
    Ok(decision.id)
}

/// A reason as it may stand in the audit, which nobody can take a name out of: a short code, or none.
///
/// # Errors
/// [`ServiceError::Invalid`] at `/reason`.
pub(crate) fn reason_code(text: Option<&str>) -> Result<Option<String>, ServiceError> {
    let code = text.unwrap_or_default().trim();
    let fits = code.len() <= 32 && code.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'));
    if !fits {
        let detail =
            "must be a short code of a to z, 0 to 9 and _, such as not_on_file; write words into the note".to_owned();
        let fault = FieldFault { pointer: "/reason".to_owned(), code: FaultCode::Invalid, detail };
        return Err(ServiceError::Invalid(vec![fault]));
    }
    Ok(Some(code.to_owned()).filter(|code| !code.is_empty()))
}

/// The request's present texts, as a submission.
fn raw(request: &Request, claims: &[Claim]) -> RawSubmission {
    RawSubmission {
        kind: Some(request.kind.code().to_owned()),
        locale: Some(request.locale.clone()),
        title: request.title.clone().unwrap_or_default(),
        given_name: request.given_name.clone(),
        family_name: request.family_name.clone(),
        email: request.email.as_ref().map_or_else(|| request.email_typed.clone(), ToString::to_string),
        children: claims
            .iter()
            .map(|claim| RawChild {
                given_name: claim.child.given_name.clone(),
                family_name: claim.child.family_name.clone(),
                tutor_group: claim.child.tutor_group.clone(),
                admission_number: claim.child.admission_number.clone(),
            })
            .collect(),
        comment: request.comment.clone(),
        declaration: None,
    }
}

fn content(request: &Request, claims: &[Claim]) -> Submission {
    Submission::check(&raw(request, claims))
}
