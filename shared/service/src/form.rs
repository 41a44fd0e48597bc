//! The form of our own pages: how often it is taken, what looks as if no person had filled it in, and once for one click.

use std::net::IpAddr;

use kinlink_domain::{
    Timestamp,
    policy::Policy,
    submission::{FaultCode, FieldFault, RawSubmission, Submission},
};
use kinlink_store::{Tx, quotas};

use crate::{
    App, ServiceError,
    access::fingerprint,
    error::retry_races,
    observe,
    submit::{Accepted, IdempotencyKey, Sender, find_answer, keep_answer, put},
};

/// Purpose of the derived keys under which quotas are counted.
const QUOTA: &str = "form-quota";
const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

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

/// What became of a form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sent {
    /// Stored, now or by an earlier click. The same whoever is known.
    Accepted(Accepted),
    /// Too many of them: nothing was stored.
    TooOften {
        /// Seconds after which to try again.
        retry_after: u32,
    },
}

/// Stores a form, once.
///
/// # Errors
/// [`ServiceError::Invalid`]; a refusal [`KEY_REUSED`](crate::submit::KEY_REUSED) when other answers came with the same
/// nonce before; the store. After `Ok(Accepted)` the request is stored.
pub async fn send(app: &App, policy: &Policy, form: &Form<'_>) -> Result<Sent, ServiceError> {
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
) -> Result<Sent, ServiceError> {
    let mut tx = app.store.begin().await?;
    if let Some(known) = find_answer(&mut tx, Sender::OwnForm, key).await? {
        return Ok(Sent::Accepted(known));
    }
    if let Some(retry_after) = used_up(app, &mut tx, policy, form, submission).await? {
        return Ok(Sent::TooOften { retry_after });
    }
    let (accepted, new) = put(app, &mut tx, policy, Sender::OwnForm, form.raw, submission).await?;
    keep_answer(app, &mut tx, Sender::OwnForm, key, &accepted).await?;
    tx.commit().await?;
    if let Some(request) = new {
        observe::received(&request, submission.children.len());
    }
    Ok(Sent::Accepted(accepted))
}

/// Counts the form; gives the seconds to wait when it is one too many.
///
/// Whether the person or address is known plays no part. Always in this order, so that two that wait for each other's
/// rows cannot happen.
async fn used_up(
    app: &App,
    tx: &mut Tx<'_>,
    policy: &Policy,
    form: &Form<'_>,
    submission: &Submission,
) -> Result<Option<u32>, ServiceError> {
    let client =
        form.client.map(|client| (format!("client:{}", network(client)), HOUR, policy.form_per_address_per_hour));
    let email = submission.email.as_ref().map(|email| (format!("email:{email}"), DAY, policy.form_per_email_per_day));
    let now = app.now().as_second();
    for (whom, length, limit) in client.into_iter().chain(email) {
        let start = now - now.rem_euclid(length);
        let window = Timestamp::from_second(start).unwrap_or(Timestamp::MIN);
        if !quotas::take(tx, &app.key.derive(QUOTA, &whom), window, limit).await? {
            return Ok(Some(u32::try_from(start + length - now).unwrap_or(1)));
        }
    }
    Ok(None)
}

/// What counts as one client: an IPv4 address, or the IPv6 network that a household is given.
fn network(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) & !u128::from(u64::MAX)).into()),
        v4 @ IpAddr::V4(_) => v4,
    }
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

#[cfg(test)]
mod tests {
    use super::network;

    #[test]
    fn a_household_is_one_client() {
        for (client, counted) in [
            ("203.0.113.9", "203.0.113.9"),
            ("::ffff:203.0.113.9", "203.0.113.9"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
            ("::1", "::"),
        ] {
            assert_eq!(network(client.parse().unwrap()).to_string(), counted, "{client}");
        }
    }
}
