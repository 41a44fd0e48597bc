//! The form of our own pages: how often it is taken, what looks as if no person had filled it in, and once for one click.

use std::net::IpAddr;

use kinlink_domain::{
    policy::Policy,
    submission::{FaultCode, FieldFault, RawSubmission, Submission},
};

use crate::{
    App, ServiceError,
    access::fingerprint,
    error::retry_races,
    observe,
    quota::Quota,
    submit::{Accepted, IdempotencyKey, Sender, find_answer, keep_answer, put, take_of_all},
};

/// Why a form looks as if a program had filled it in. Staff see it; the sender does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suspicion {
    /// Sent sooner after it was opened than a person can write.
    Quick,
    /// The field that people do not see was filled in.
    Trap,
}

/// A form as it was sent.
#[derive(Debug, Clone)]
pub struct Form<'a> {
    /// What was typed.
    pub raw: &'a RawSubmission,
    /// What makes it suspicious.
    pub suspicions: &'a [Suspicion],
    /// What tells one form from another: sent again, it is the same request.
    pub nonce: &'a str,
    /// From where it was sent, if that is known.
    pub client: Option<IpAddr>,
}

/// Stores a form, once.
///
/// # Errors
/// [`ServiceError::Invalid`]; [`ServiceError::TooOften`], and nothing was stored; a refusal
/// [`KEY_REUSED`](crate::submit::KEY_REUSED) when other answers came with the same nonce before; the store. After `Ok` the
/// request is stored.
pub async fn send(app: &App, policy: &Policy, form: &Form<'_>) -> Result<Accepted, ServiceError> {
    let mut submission = Submission::check(form.raw);
    if !submission.faults.is_empty() {
        return Err(ServiceError::Invalid(submission.faults));
    }
    submission.faults = form.suspicions.iter().copied().map(Suspicion::fault).collect();
    let body = serde_json::to_vec(form.raw).unwrap_or_default();
    let key = IdempotencyKey { key: form.nonce.to_owned(), fingerprint: fingerprint(&body) };
    retry_races!(send_once(app, policy, form, &submission, &key))
}

async fn send_once(
    app: &App,
    policy: &Policy,
    form: &Form<'_>,
    submission: &Submission,
    key: &IdempotencyKey,
) -> Result<Accepted, ServiceError> {
    let mut tx = app.store.begin().await?;
    if let Some(known) = find_answer(&mut tx, Sender::OwnForm, key).await? {
        return Ok(known);
    }
    for quota in quotas(policy, form, submission) {
        quota.take(app, &mut tx).await?;
    }
    let (accepted, new) = put(app, &mut tx, policy, Sender::OwnForm, form.raw, submission).await?;
    keep_answer(app, &mut tx, Sender::OwnForm, key, &accepted).await?;
    take_of_all(app, &mut tx, policy).await?;
    tx.commit().await?;
    if let Some(request) = new {
        observe::received(&request, submission.children.len());
    }
    Ok(accepted)
}

/// The quotas of a form, in the order in which they are taken: always the same, so that two that wait for each other's rows
/// cannot happen.
fn quotas(policy: &Policy, form: &Form<'_>, submission: &Submission) -> Vec<Quota> {
    let client = form.client.map(|client| Quota::of_client("client", client, policy.form_per_address_per_hour));
    let email = submission.email.as_ref();
    let email = email.map(|email| Quota::daily("email", email.as_str(), policy.form_per_email_per_day));
    client.into_iter().chain(email).collect()
}

impl Suspicion {
    /// As staff see it, beside the faults of fields.
    fn fault(self) -> FieldFault {
        let detail = match self {
            Self::Quick => "sent within a few seconds of being opened, which people rarely manage",
            Self::Trap => "a field was filled in that people do not see",
        };
        FieldFault { pointer: String::new(), code: FaultCode::Suspicious, detail: detail.to_owned() }
    }
}
