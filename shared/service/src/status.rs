//! What the adult may see of their request, by a link that only mails carry.
//!
//! The link's token is made of the request's id, its present address and our key, so that nothing of it is stored. It works
//! for as long as the request has that address: when staff correct an address, whoever holds the old mailbox is shut out, as
//! with links that prove an address. Never show the link to somebody who only typed a form: it speaks for the mailbox.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use kinlink_domain::{
    Timestamp,
    email::EmailAddress,
    ids::{Id, RequestId},
    locale::Locale,
    outcome::Outcome,
    reference::Reference,
    request::{Action, ClaimState, Status, status_by_claims},
};
use kinlink_store::{
    Session, accounts, questions,
    questions::Question,
    requests::{self, Claim, Request},
};
use subtle::ConstantTimeEq as _;
use uuid::Uuid;

use crate::{App, ServiceError, holds};

/// Purpose of the derived secret in the link.
const STATUS: &str = "status";
/// Characters of a token that are the request's id; the rest proves that we made it.
const ID_LENGTH: usize = 22;
/// Characters of the proof: 132 bits.
const PROOF_LENGTH: usize = 22;

/// A request as its adult sees it: no name, no address, no child, and no reason for anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicStatus {
    /// What people call it.
    pub reference: Reference,
    /// Where it stands.
    pub state: PublicState,
    /// The language in which the adult is written to.
    pub locale: Locale,
    /// When it came.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// Where a request stands, as coarse as its adult sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublicState {
    /// The email address is not proven yet.
    AwaitingEmailProof,
    /// The school looks at it.
    BeingLookedAt,
    /// The school asked something and waits for the answer.
    QuestionAsked {
        /// The question.
        text: String,
    },
    /// Approved; the account is being made.
    Approved,
    /// Everything approved is there.
    Ready,
    /// Ended, in whatever way.
    Closed,
}

/// The token of a request's status page: 44 characters that stand in a URL as they are.
#[must_use]
pub fn status_token(app: &App, request: &Request) -> String {
    let id = URL_SAFE_NO_PAD.encode(request.id.uuid().as_bytes());
    let address = request.email.as_ref().map_or("", EmailAddress::as_str);
    let proof = app.key.derive(STATUS, &format!("{}:{address}", request.id));
    format!("{id}{}", &proof[..PROOF_LENGTH])
}

/// The request of a token, as its adult may see it. `None` for a token that we did not make and for one of an address that
/// the request no longer has.
///
/// # Errors
/// The store.
pub async fn find_by_status_token(app: &App, token: &str) -> Result<Option<PublicStatus>, ServiceError> {
    let mut store = app.store.acquire().await?;
    let Some(request) = find_request(app, &mut store, token).await? else { return Ok(None) };
    let question = open_question(&mut store, &request).await?;
    let state = match (request.status, question) {
        (Status::Unconfirmed, _) => PublicState::AwaitingEmailProof,
        (_, Some(question)) => PublicState::QuestionAsked { text: question.question },
        // What a hold forbids looks like what staff ended.
        (Status::Approved | Status::Provisioned, _) => match seen(app, &mut store, &request).await? {
            Status::Approved => PublicState::Approved,
            Status::Provisioned => PublicState::Ready,
            _ => PublicState::Closed,
        },
        // Staff asked in another way than by mail.
        (Status::Pending | Status::WaitingForParent, None) => PublicState::BeingLookedAt,
        (Status::Denied | Status::Duplicate | Status::Bogus | Status::Withdrawn | Status::Expired, _) => {
            PublicState::Closed
        }
    };
    Ok(Some(PublicStatus {
        state,
        locale: Locale::from_tag(&request.locale),
        created_at: request.created_at,
        updated_at: request.updated_at,
        reference: request.reference,
    }))
}

/// Where a request in force stands as if children whom a hold forbids had been withdrawn.
async fn seen(app: &App, session: &mut impl Session, request: &Request) -> Result<Status, ServiceError> {
    let stops = holds::in_force(app, session).await?;
    if stops.0.is_empty() {
        return Ok(request.status);
    }
    let adult = match request.adult {
        Some(adult) => accounts::adult(session, adult).await?,
        None => None,
    };
    let who = holds::of_request(request, adult.as_ref());
    let mut claims = requests::claims(session, request.id).await?;
    let before = claims.len();
    let is_held = |claim: &Claim| {
        claim.state == ClaimState::Approved && claim.pupil.is_some_and(|pupil| stops.forbid(&who, pupil))
    };
    claims.retain(|claim| !is_held(claim));
    let is_left = |claim: &Claim| matches!(claim.state, ClaimState::Approved | ClaimState::Open);
    Ok(if claims.len() == before {
        request.status
    } else if claims.iter().any(is_left) {
        status_by_claims(claims.iter().map(|claim| (claim.state, claim.outcome == Some(Outcome::Linked))))
    } else {
        Status::Withdrawn
    })
}

/// The request of a token.
pub(crate) async fn find_request(
    app: &App,
    session: &mut impl Session,
    token: &str,
) -> Result<Option<Request>, ServiceError> {
    let Some(id) = claimed_id(token) else { return Ok(None) };
    let found = requests::find(session, id).await?;
    Ok(found.filter(|request| status_token(app, request).as_bytes().ct_eq(token.as_bytes()).into()))
}

/// The request that a token says it is of.
fn claimed_id(token: &str) -> Option<RequestId> {
    let (id, _) = token.split_at_checked(ID_LENGTH)?;
    let bytes: [u8; 16] = URL_SAFE_NO_PAD.decode(id).ok()?.try_into().ok()?;
    Some(Id::from_uuid(Uuid::from_bytes(bytes)))
}

/// The question of a request that its adult can answer now.
pub(crate) async fn open_question(
    session: &mut impl Session,
    request: &Request,
) -> Result<Option<Question>, ServiceError> {
    if !request.status.allows(Action::Answer) {
        return Ok(None);
    }
    Ok(questions::open(session, request.id).await?)
}
