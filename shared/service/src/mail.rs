//! Mails: queued in the transaction that causes them, written and sent later, and only if they are still true then.

use kinlink_domain::{
    Timestamp,
    email::EmailAddress,
    email_change::{Standing, standing},
    hold::{Identity, Stops},
    ids::{AdultId, EmailChangeId, ProofId, RequestId},
    reference::Reference,
    request::{Action, ClaimState, Status},
};
use kinlink_mail::{Common, Locale, Rendered, SendError, Smtp, render};
use kinlink_store::{
    Session, Tx, accounts, email_changes,
    links::{self, Link},
    mails::{self, Mail},
    questions,
    requests::{self, Claim, Request},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    App, ServiceError, email_change::NEW_ADDRESS, holds, metric, observe, status::status_token, submit::PROOF,
};

/// How often a mail that the server refuses for now is tried before it counts as failed.
const ATTEMPTS: i64 = 8;
/// For how long a mail that is being sent is hidden from other senders.
const HIDDEN: jiff::SignedDuration = jiff::SignedDuration::from_mins(2);

/// Time that must be left before the deadline for one more mail: what sending may take, and noting that it was sent.
const ONE_MAIL: jiff::SignedDuration =
    jiff::SignedDuration::from_secs(kinlink_mail::TIMEOUT.as_secs().cast_signed() + 5);

/// Which mail is due, with ids only: the texts and links are made when it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "letter", rename_all = "snake_case")]
pub enum Letter {
    /// Prove the address.
    ConfirmAddress {
        /// The proof whose link it carries.
        proof: ProofId,
        /// How long the link works.
        hours: u32,
    },
    /// We have your request.
    Received,
    /// The school wants to know something.
    Question {
        /// The question.
        question: Uuid,
    },
    /// The account is there.
    Approved,
    /// A child was added to the account.
    ChildAdded,
    /// We could not confirm your request.
    CouldNotConfirm,
    /// Your access ended.
    AccessEnded,
    /// Prove the new address of an account.
    NewAddress {
        /// The change whose link it carries.
        change: EmailChangeId,
        /// How long the link works.
        hours: u32,
    },
    /// Your account gets another address: to the old one.
    AddressChanging {
        /// The change.
        change: EmailChangeId,
    },
}

/// What the texts need to know of the school.
#[derive(Debug, Clone)]
pub struct School {
    /// Its name.
    pub name: String,
    /// How to reach the office, to stand in a sentence.
    pub contact: String,
    /// Where our pages are, without a slash at the end.
    pub public_url: String,
    /// Where to sign in to Moodle.
    pub moodle_url: Option<String>,
}

/// Where mails go.
#[derive(Clone)]
pub enum Transport {
    /// To a mail server.
    Smtp(Box<Smtp>),
    /// Nowhere: they stay in the store, where `kinlink mail` shows them.
    Store,
}

/// What a round of sending did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Delivery {
    /// Sent.
    pub sent: usize,
    /// Not sent, because they were not true any more.
    pub suppressed: usize,
    /// To be tried again.
    pub postponed: usize,
    /// Given up.
    pub failed: usize,
}

/// Queues a mail to the adult of a request; at most one for each `once`. A request without a usable address gets none.
///
/// An adult who was accepted is written to at their own address: that of the request may be one that they gave up.
pub(crate) async fn enqueue(
    app: &App,
    tx: &mut Tx<'_>,
    request: &Request,
    adult: Option<AdultId>,
    letter: Letter,
    once: &str,
) -> Result<(), ServiceError> {
    let own = match adult {
        Some(adult) => accounts::adult(tx, adult).await?.map(|adult| adult.email),
        None => None,
    };
    match own.as_ref().or(request.email.as_ref()) {
        Some(email) => enqueue_to(app, tx, email, Some(request.id), adult, letter, once).await,
        None => Ok(()),
    }
}

/// Queues a mail to an address.
pub(crate) async fn enqueue_to(
    app: &App,
    tx: &mut Tx<'_>,
    recipient: &EmailAddress,
    request: Option<RequestId>,
    adult: Option<AdultId>,
    letter: Letter,
    once: &str,
) -> Result<(), ServiceError> {
    let mail = new(app, recipient, request, adult, letter, once)?;
    Ok(mails::enqueue(tx, &[mail]).await?)
}

/// A mail to queue.
pub(crate) fn new(
    app: &App,
    recipient: &EmailAddress,
    request: Option<RequestId>,
    adult: Option<AdultId>,
    letter: Letter,
    once: &str,
) -> Result<Mail, ServiceError> {
    let now = app.now();
    Ok(Mail {
        id: app.new_id(),
        request,
        adult,
        recipient: recipient.clone(),
        letter: serde_json::to_string(&letter).map_err(|_| ServiceError::Letter)?,
        once_key: Some(once.to_owned()),
        state: "queued".into(),
        attempts: 0,
        available_at: now,
        created_at: now,
        sent_at: None,
        fault: None,
    })
}

/// Sends what is due, at most `limit` mails, and none that might not be sent before the `deadline`, when the process will be
/// stopped from outside. After a mail for which the server itself is to blame the others stay due: they would fare the same.
///
/// # Errors
/// The store. A mail server's trouble is no error: the mail waits.
pub async fn deliver(
    app: &App,
    school: &School,
    transport: &Transport,
    limit: u32,
    deadline: Option<Timestamp>,
) -> Result<Delivery, ServiceError> {
    let mut delivery = Delivery::default();
    let due = mails::due(&mut app.store.acquire().await?, app.now(), limit).await?;
    for mail in due {
        if deadline.is_some_and(|end| app.now().checked_add(ONE_MAIL).map_or(true, |soon| soon > end)) {
            break;
        }
        let mut store = app.store.acquire().await?;
        let now = app.now();
        let hidden = now.checked_add(HIDDEN).unwrap_or(Timestamp::MAX);
        if !mails::take(&mut store, &mail, hidden).await? {
            continue;
        }
        let Some(rendered) = write(app, school, &mut store, &mail).await? else {
            mails::end(&mut store, mail.id, "suppressed", Some("not_true_any_more"), now).await?;
            delivery.suppressed += 1;
            continue;
        };
        let request = mail.request.map(tracing::field::display);
        let sent = match transport {
            Transport::Store => Ok(()),
            Transport::Smtp(smtp) => smtp.send(&mail.recipient, &rendered).await,
        };
        match sent {
            Ok(()) => {
                mails::end(&mut store, mail.id, "sent", None, now).await?;
                observe::mail_sent(&mail);
                delivery.sent += 1;
            }
            // However long the server is away, its trouble is no reason to give a mail up.
            Err(error) if error.concerns_server() => {
                metric::MAILS_FAILED.add(1);
                tracing::warn!(correlation.id = request, mail.id = %mail.id, %error, "the mail server is in trouble; what is due is tried again");
                mails::postpone(&mut store, mail.id, pause(now, mail.attempts)).await?;
                delivery.postponed += 1;
                break;
            }
            Err(error @ SendError::Temporary(..)) if mail.attempts + 1 < ATTEMPTS => {
                metric::MAILS_FAILED.add(1);
                tracing::warn!(correlation.id = request, mail.id = %mail.id, %error, "a mail could not be sent; it is tried again");
                mails::postpone(&mut store, mail.id, pause(now, mail.attempts)).await?;
                delivery.postponed += 1;
            }
            Err(error) => {
                metric::MAILS_FAILED.add(1);
                tracing::error!(correlation.id = request, mail.id = %mail.id, %error, "a mail was given up");
                mails::end(&mut store, mail.id, "failed", Some("not_accepted"), now).await?;
                delivery.failed += 1;
            }
        }
    }
    Ok(delivery)
}

fn pause(now: Timestamp, attempts: i64) -> Timestamp {
    let minutes = 2_i64.saturating_pow(u32::try_from(attempts.clamp(0, 8)).unwrap_or(8));
    now.checked_add(jiff::SignedDuration::from_mins(minutes)).unwrap_or(Timestamp::MAX)
}

/// A mail as it would be sent now; `None` when what it says is not true any more.
///
/// # Errors
/// The store; a stored letter that cannot be read.
#[expect(clippy::too_many_lines, reason = "one letter after the other, each with what makes it untrue")]
pub async fn write(
    app: &App,
    school: &School,
    session: &mut impl Session,
    mail: &Mail,
) -> Result<Option<Rendered>, ServiceError> {
    let letter: Letter = serde_json::from_str(&mail.letter).map_err(|_| ServiceError::Letter)?;
    let request = match mail.request {
        Some(request) => requests::find(session, request).await?,
        None => None,
    };
    let adult = match mail.adult.or(request.as_ref().and_then(|request| request.adult)) {
        Some(adult) => accounts::adult(session, adult).await?,
        None => None,
    };
    let adult_id = adult.as_ref().map(|adult| adult.id).into_iter().collect::<Vec<_>>();
    let links = links::of_adults(session, &adult_id).await?;
    let stops = holds::in_force(app, session).await?;
    let who = match &request {
        Some(request) => holds::of_request(request, adult.as_ref()),
        None => adult.as_ref().map(holds::of_adult).unwrap_or_default(),
    };
    if is_stopped(session, letter, &stops, &who, request.as_ref(), &links).await? {
        return Ok(None);
    }
    let active = links.iter().filter(|link| link.active && !stops.forbid(&who, link.pupil)).count();
    let status = request.as_ref().map(|request| request.status);
    let reference = |request: &Option<Request>| -> Result<Reference, ServiceError> {
        request.as_ref().map(|request| request.reference.clone()).ok_or(ServiceError::Letter)
    };
    // Every letter that carries it is about a request.
    let status_url = request
        .as_ref()
        .map(|request| format!("{}/status/{}", school.public_url, status_token(app, request)))
        .unwrap_or_default();
    let text = match letter {
        Letter::ConfirmAddress { proof, hours } => {
            if status != Some(Status::Unconfirmed) {
                return Ok(None);
            }
            let url = format!("{}/confirm/{}", school.public_url, app.key.derive(PROOF, &proof.to_string()));
            kinlink_mail::Letter::ConfirmAddress { reference: reference(&request)?, url, hours }
        }
        Letter::Received => {
            if !status.is_some_and(|status| status.is_open() && status != Status::Unconfirmed) {
                return Ok(None);
            }
            kinlink_mail::Letter::Received { reference: reference(&request)?, status_url }
        }
        Letter::Question { question } => {
            let reference = reference(&request)?;
            let Some(request) = request.as_ref().filter(|request| request.status.allows(Action::Answer)) else {
                return Ok(None);
            };
            match questions::open(session, request.id).await?.filter(|open| open.id == question) {
                Some(open) => kinlink_mail::Letter::Question { reference, question: open.question, status_url },
                None => return Ok(None),
            }
        }
        Letter::Approved | Letter::ChildAdded => {
            if active == 0 || !status.is_some_and(Status::is_in_force) {
                return Ok(None);
            }
            let reference = reference(&request)?;
            match (letter, adult.as_ref().and_then(|adult| adult.username.clone())) {
                (Letter::Approved, Some(username)) => {
                    kinlink_mail::Letter::Approved { reference, username, children: active, status_url }
                }
                // An account that signs in another way is known to its owner.
                _ => kinlink_mail::Letter::ChildAdded { reference, status_url },
            }
        }
        Letter::CouldNotConfirm => {
            if status != Some(Status::Denied) {
                return Ok(None);
            }
            kinlink_mail::Letter::CouldNotConfirm { reference: reference(&request)? }
        }
        Letter::AccessEnded => {
            if active > 0 || !accounts::login_rows_of(session, &adult_id).await?.is_empty() {
                return Ok(None);
            }
            kinlink_mail::Letter::AccessEnded
        }
        Letter::NewAddress { change, hours } => match standing_of(app, session, change).await? {
            Some(Standing::Waiting) => {
                let secret = app.key.derive(NEW_ADDRESS, &change.to_string());
                kinlink_mail::Letter::NewAddress { url: format!("{}/confirm/email/{secret}", school.public_url), hours }
            }
            _ => return Ok(None),
        },
        // What was taken back before this was sent will not happen.
        Letter::AddressChanging { change } => match standing_of(app, session, change).await? {
            Some(Standing::Waiting | Standing::Done) => kinlink_mail::Letter::AddressChanging,
            _ => return Ok(None),
        },
    };
    let adult_name = match (&adult, &request) {
        (Some(adult), _) => format!("{} {}", adult.given_name, adult.family_name),
        (None, Some(request)) => format!("{} {}", request.given_name, request.family_name),
        (None, None) => String::new(),
    };
    let locale = match (&request, &adult) {
        (Some(request), _) => &request.locale,
        (None, Some(adult)) => &adult.locale,
        (None, None) => "",
    };
    let common = Common {
        school: school.name.clone(),
        moodle_url: school.moodle_url.clone(),
        public_url: school.public_url.clone(),
        contact: school.contact.clone(),
        adult_name,
        locale: Locale::from_tag(locale),
    };
    Ok(Some(render(&text, &common)))
}

async fn standing_of(
    app: &App,
    session: &mut impl Session,
    change: EmailChangeId,
) -> Result<Option<Standing>, ServiceError> {
    let change = email_changes::find(session, change).await?;
    Ok(change.map(|change| standing(change.end, change.expires_at, app.now())))
}

/// Whether a hold forbids a letter. What everybody gets whose request comes and cannot be confirmed goes to held people as
/// well: a mail that stays away would tell them.
async fn is_stopped(
    session: &mut impl Session,
    letter: Letter,
    stops: &Stops,
    who: &Identity,
    request: Option<&Request>,
    links: &[Link],
) -> Result<bool, ServiceError> {
    if stops.0.is_empty()
        || matches!(letter, Letter::ConfirmAddress { .. } | Letter::Received | Letter::CouldNotConfirm)
    {
        return Ok(false);
    }
    if stops.forbid_person(who) {
        return Ok(true);
    }
    let claims = match request {
        Some(request) => requests::claims(session, request.id).await?,
        None => Vec::new(),
    };
    let is_held = |claim: &Claim| claim.pupil.is_some_and(|pupil| stops.forbid(who, pupil));
    Ok(match letter {
        Letter::ConfirmAddress { .. } | Letter::Received | Letter::CouldNotConfirm => false,
        Letter::Question { .. } => claims.iter().any(is_held),
        Letter::Approved | Letter::ChildAdded => {
            claims.iter().filter(|claim| claim.state == ClaimState::Approved).all(is_held)
        }
        Letter::AccessEnded => links.iter().any(|link| stops.forbid(who, link.pupil)),
        Letter::NewAddress { .. } | Letter::AddressChanging { .. } => stops.name(who),
    })
}
