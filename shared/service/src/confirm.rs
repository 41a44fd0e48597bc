//! Proving an address: the link in the mail opens a page, its button uses the token up. Looking at the page changes nothing.

use kinlink_domain::{
    reference::Reference,
    request::{Action, Status},
    staff::Actor,
};
use kinlink_store::{
    StoreError, audit, proofs,
    requests::{self, Request},
};
use serde_json::json;

use crate::{
    App, ServiceError,
    app::hash,
    error::retry_races,
    mail::{self, Letter},
    observe,
    status::status_token,
};

/// What pressing the button brought about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Confirmation {
    /// The address is proven, by this or an earlier press.
    Confirmed(Confirmed),
    /// The link is unknown, expired or replaced: one answer for all of these.
    Invalid,
}

/// A proven address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirmed {
    /// What people call the request.
    pub reference: Reference,
    /// The token of its status page, while the address that was proven by this link is still the request's: whoever kept
    /// the link of an address that was corrected since must not get one for the new address.
    pub status_token: Option<String>,
}

/// Uses a token up.
///
/// # Errors
/// The store.
pub async fn confirm(app: &App, token: &str) -> Result<Confirmation, ServiceError> {
    retry_races!(confirm_once(app, token))
}

async fn confirm_once(app: &App, token: &str) -> Result<Confirmation, ServiceError> {
    let now = app.now();
    let mut tx = app.store.begin().await?;
    let Some(proof) = proofs::find(&mut tx, &hash(token)).await? else { return Ok(Confirmation::Invalid) };
    let Some(mut request) = requests::find(&mut tx, proof.request).await? else { return Ok(Confirmation::Invalid) };
    if proof.consumed_at.is_some() {
        return Ok(confirmed(app, &request, proof.consumed_at == request.confirmed_at));
    }
    if proof.expires_at <= now || !request.status.allows(Action::ConfirmEmail) {
        return Ok(Confirmation::Invalid);
    }
    match proofs::consume(&mut tx, proof.id, now).await {
        Ok(()) => {}
        // Pressed twice at the same moment: the other press does it.
        Err(StoreError::Stale(_)) => return Ok(confirmed(app, &request, true)),
        Err(error) => return Err(error.into()),
    }
    request.status = Status::Pending;
    request.confirmed_at = Some(now);
    request.updated_at = now;
    let claims = requests::claims(&mut tx, request.id).await?;
    requests::update(&mut tx, &mut request, &claims).await?;
    mail::enqueue(app, &mut tx, &request, None, Letter::Received, &format!("received:{}", request.id)).await?;
    let entry = audit::Entry::new("request.confirm_email", format!("request:{}", request.id), json!({}));
    audit::write(&mut tx, &Actor::parent(), now, &[entry]);
    tx.commit().await?;
    observe::confirmed(request.id);
    Ok(confirmed(app, &request, true))
}

fn confirmed(app: &App, request: &Request, present: bool) -> Confirmation {
    Confirmation::Confirmed(Confirmed {
        reference: request.reference.clone(),
        status_token: present.then(|| status_token(app, request)),
    })
}

/// Ends requests whose address was not proven in time: the last link has run out. Gives their number.
///
/// # Errors
/// The store.
pub async fn expire(app: &App) -> Result<usize, ServiceError> {
    let now = app.now();
    let stale = requests::unprovable(&mut app.store.acquire().await?, now, 500).await?;
    let mut expired = 0;
    for mut request in stale {
        let mut tx = app.store.begin().await?;
        request.status = Status::Expired;
        request.dedup_key = None;
        request.updated_at = now;
        let claims = requests::claims(&mut tx, request.id).await?;
        match requests::update(&mut tx, &mut request, &claims).await {
            Ok(()) => {}
            // Confirmed at this very moment.
            Err(StoreError::Stale(_)) => continue,
            Err(error) => return Err(error.into()),
        }
        let entry = audit::Entry::new("request.expire", format!("request:{}", request.id), json!({}));
        audit::write(&mut tx, &Actor::system(), now, &[entry]);
        tx.commit().await?;
        expired += 1;
    }
    Ok(expired)
}
