//! Submitting: what an adult sent becomes a request, or is refused field by field; never lost once answered.

use std::net::IpAddr;

use kinlink_domain::{
    ids::{RequestId, SourceId},
    policy::Policy,
    reference::Reference,
    request::{ClaimState, Status},
    staff::Actor,
    submission::{FaultCode, FieldFault, RawSubmission, Submission},
    text::TextFault,
};
use kinlink_store::{
    StoreError, Tx, audit, idempotency, proofs,
    proofs::Proof,
    requests,
    requests::{Claim, Request},
    sources::Source,
};
use serde_json::json;

use crate::{
    App, ServiceError,
    app::hash,
    error::retry_races,
    mail::{self, Letter},
    observe,
    quota::Quota,
};

/// Purpose of the derived secret in the link that proves an address.
pub(crate) const PROOF: &str = "email-proof";

/// The code of the refusal of an idempotency key that came with another body before.
pub const KEY_REUSED: &str = "idempotency_key_reused";

/// What becomes of faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Faults {
    /// The sender can show them to the adult: refuse, nothing is stored.
    Refuse,
    /// The sender cannot: keep the submission, with its faults as work for staff.
    Keep,
}

/// An idempotency key with the hash of the body that it came with.
#[derive(Debug, Clone)]
pub struct IdempotencyKey {
    /// The key as sent.
    pub key: String,
    /// Hash of the body.
    pub fingerprint: String,
}

/// The answer: always the same form, whoever is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// What people call the request.
    pub reference: Reference,
}

/// As [`submit_from`], from nobody knows where.
///
/// # Errors
/// As [`submit_from`].
pub async fn submit(
    app: &App,
    source: &Source,
    raw: &RawSubmission,
    faults: Faults,
    key: Option<&IdempotencyKey>,
) -> Result<Accepted, ServiceError> {
    submit_from(app, source, None, raw, faults, key).await
}

/// Stores a submission that came from a client, once.
///
/// # Errors
/// [`ServiceError::Invalid`] with [`Faults::Refuse`]; [`ServiceError::TooOften`], and nothing was stored; a refusal
/// `idempotency_key_reused`; the store. After `Ok` the request is stored.
pub async fn submit_from(
    app: &App,
    source: &Source,
    client: Option<IpAddr>,
    raw: &RawSubmission,
    faults: Faults,
    key: Option<&IdempotencyKey>,
) -> Result<Accepted, ServiceError> {
    let submission = Submission::check(raw);
    if faults == Faults::Refuse && !submission.faults.is_empty() {
        return Err(ServiceError::Invalid(submission.faults));
    }
    let policy = app.policy().await?;
    retry_races!(store(app, &policy, source, client, raw, &submission, key))
}

/// Takes one of all the submissions that there may be. The last thing before the end of the transaction, because everybody
/// waits for this row.
///
/// # Errors
/// [`ServiceError::TooOften`]; the store.
pub(crate) async fn take_of_all(app: &App, tx: &mut Tx<'_>, policy: &Policy) -> Result<(), ServiceError> {
    Quota::hourly("submissions", "all", policy.submissions_per_hour).take(app, tx).await
}

/// Who sends a submission.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Sender<'a> {
    /// A form elsewhere, by its key.
    Source(&'a Source),
    /// The form of our own pages. It has no key that somebody could present, and proves no address.
    OwnForm,
}

impl Sender<'_> {
    /// Whose idempotency keys are meant.
    fn scope(self) -> String {
        match self {
            Self::Source(source) => source.id.to_string(),
            Self::OwnForm => "form".to_owned(),
        }
    }

    fn actor(self) -> Actor {
        match self {
            Self::Source(source) => Actor { name: format!("source:{}", source.id), role: None },
            Self::OwnForm => Actor { name: "form".to_owned(), role: None },
        }
    }

    fn proves_email(self) -> bool {
        matches!(self, Self::Source(source) if source.proves_email)
    }

    fn id(self) -> Option<SourceId> {
        match self {
            Self::Source(source) => Some(source.id),
            Self::OwnForm => None,
        }
    }
}

async fn store(
    app: &App,
    policy: &Policy,
    source: &Source,
    client: Option<IpAddr>,
    raw: &RawSubmission,
    submission: &Submission,
    key: Option<&IdempotencyKey>,
) -> Result<Accepted, ServiceError> {
    let sender = Sender::Source(source);
    let mut tx = app.store.begin().await?;
    if let Some(key) = key
        && let Some(known) = find_answer(&mut tx, sender, key).await?
    {
        return Ok(known);
    }
    // Always in this order, so that two that wait for each other's rows cannot happen.
    let client = client.map(|client| Quota::of_client("source-client", client, policy.source_per_address_per_hour));
    let own = Quota::hourly("source", &source.id.to_string(), policy.source_per_hour);
    for quota in client.into_iter().chain([own]) {
        quota.take(app, &mut tx).await?;
    }
    let (accepted, new) = put(app, &mut tx, policy, sender, raw, submission).await?;
    if let Some(key) = key {
        keep_answer(app, &mut tx, sender, key, &accepted).await?;
    }
    take_of_all(app, &mut tx, policy).await?;
    tx.commit().await?;
    if let Some(request) = new {
        observe::received(&request, submission.children.len());
    }
    Ok(accepted)
}

/// The answer that a key got before.
pub(crate) async fn find_answer(
    tx: &mut Tx<'_>,
    sender: Sender<'_>,
    key: &IdempotencyKey,
) -> Result<Option<Accepted>, ServiceError> {
    let Some(known) = idempotency::find(tx, &sender.scope(), &hash(&key.key)).await? else { return Ok(None) };
    if known.fingerprint != key.fingerprint {
        return Err(ServiceError::refused(
            KEY_REUSED,
            "this Idempotency-Key was used with another body; use a new key for a new submission",
        ));
    }
    let reference = known.response.and_then(|text| text.parse().ok());
    let reference = reference.ok_or(StoreError::Corrupt("idempotency_keys.response"))?;
    Ok(Some(Accepted { reference }))
}

/// Remembers the answer to a key, in the transaction that brings it about.
pub(crate) async fn keep_answer(
    app: &App,
    tx: &mut Tx<'_>,
    sender: Sender<'_>,
    key: &IdempotencyKey,
    accepted: &Accepted,
) -> Result<(), ServiceError> {
    let (key_hash, response) = (hash(&key.key), accepted.reference.as_str());
    Ok(idempotency::insert(tx, &sender.scope(), &key_hash, &key.fingerprint, response, app.now()).await?)
}

/// Stores a checked submission, unless an open request says the same. Gives the answer, and the request if it is new.
pub(crate) async fn put(
    app: &App,
    tx: &mut Tx<'_>,
    policy: &Policy,
    sender: Sender<'_>,
    raw: &RawSubmission,
    submission: &Submission,
) -> Result<(Accepted, Option<Request>), ServiceError> {
    let dedup_key = submission.content_hash();
    if let Some(known) = requests::find_by_dedup_key(tx, &dedup_key).await? {
        // The same once more, because the mail did not come, perhaps: another one, at most once an hour.
        if known.status == Status::Unconfirmed {
            ask_for_proof(app, tx, policy, &known).await?;
        }
        return Ok((Accepted { reference: known.reference }, None));
    }
    let request = new_request(app, policy, sender, raw, submission, dedup_key);
    let claims = new_claims(app, request.id, submission);
    requests::insert(tx, &request, &claims).await?;
    if request.status == Status::Unconfirmed {
        ask_for_proof(app, tx, policy, &request).await?;
    } else {
        mail::enqueue(app, tx, &request, None, Letter::Received, &format!("received:{}", request.id)).await?;
    }
    let detail = json!({
        "kind": request.kind, "status": request.status, "claims": claims.len(), "faults": request.faults.len(),
    });
    let entry = audit::Entry::new("request.submit", format!("request:{}", request.id), detail);
    audit::write(tx, &sender.actor(), app.now(), &[entry]);
    Ok((Accepted { reference: request.reference.clone() }, Some(request)))
}

fn new_request(
    app: &App,
    policy: &Policy,
    sender: Sender<'_>,
    raw: &RawSubmission,
    submission: &Submission,
    dedup_key: String,
) -> Request {
    let now = app.now();
    let must_prove = policy.email_proof && !sender.proves_email() && submission.email.is_some();
    Request {
        id: app.new_id(),
        reference: app.new_reference(),
        kind: submission.kind,
        status: if must_prove { Status::Unconfirmed } else { Status::Pending },
        locale: submission.locale.clone(),
        source: sender.id(),
        adult: None,
        title: submission.title.clone(),
        given_name: submission.given_name.clone(),
        family_name: submission.family_name.clone(),
        email: submission.email.clone(),
        email_typed: submission.email_typed.clone(),
        comment: submission.comment.clone(),
        faults: submission.faults.clone(),
        submitted: original(raw),
        staff_note: String::new(),
        dedup_key: Some(dedup_key),
        created_at: now,
        updated_at: now,
        // A source that proved the address says so for every submission.
        confirmed_at: (sender.proves_email() && submission.email.is_some()).then_some(now),
        decided_at: None,
        replied_at: None,
        version: 1,
    }
}

/// The submission as it came, kept until its words are forgotten. A NUL cannot be stored by PostgreSQL; it is shown as its symbol.
fn original(raw: &RawSubmission) -> String {
    serde_json::to_string(raw).unwrap_or_default().replace("\\u0000", "\u{2400}")
}

fn new_claims(app: &App, request: RequestId, submission: &Submission) -> Vec<Claim> {
    submission
        .children
        .iter()
        .zip(0..)
        .map(|(child, position)| Claim {
            id: app.new_id(),
            request,
            position,
            child: child.clone(),
            state: ClaimState::Open,
            pupil: None,
            link: None,
            outcome: None,
            outcome_at: None,
        })
        .collect()
}

/// Queues the mail that asks the adult to prove their address, at most one an hour for each request.
pub(crate) async fn ask_for_proof(
    app: &App,
    tx: &mut Tx<'_>,
    policy: &Policy,
    request: &Request,
) -> Result<(), ServiceError> {
    let now = app.now();
    let id = app.new_id();
    let lasts = jiff::SignedDuration::from_hours(i64::from(policy.email_proof_hours));
    let proof = Proof {
        id,
        request: request.id,
        token_hash: hash(&app.key.derive(PROOF, &id.to_string())),
        created_at: now,
        expires_at: now.checked_add(lasts).unwrap_or(kinlink_domain::Timestamp::MAX),
        consumed_at: None,
    };
    proofs::insert(tx, &proof).await?;
    let letter = Letter::ConfirmAddress { proof: id, hours: policy.email_proof_hours };
    let address = request.email.as_ref().map(|email| hash(email.as_str())).unwrap_or_default();
    let once = format!("confirm:{}:{}:{}", request.id, &address[..address.len().min(12)], now.as_second() / 3600);
    mail::enqueue(app, tx, request, None, letter, &once).await
}

/// A fault of a single text field.
pub(crate) fn field_fault(pointer: &str, fault: TextFault) -> FieldFault {
    let code = match fault {
        TextFault::Empty => FaultCode::Required,
        TextFault::TooLong(_) => FaultCode::TooLong,
        TextFault::Unprintable => FaultCode::Unprintable,
    };
    FieldFault { pointer: pointer.to_owned(), code, detail: fault.to_string() }
}
