//! Who may come in: API tokens of staff and scripts, and keys of the forms that send submissions.
//!
//! A token is shown once, when it is made: `klt_<id>_<secret>`. The database holds the hash of the secret. A source's key
//! is `kls_<id>_<secret>`; its secret is derived from the signing key, because a webhook signature (Standard Webhooks) can
//! only be checked by who can compute it.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use kinlink_domain::{
    Timestamp,
    ids::{Id, SourceId, TokenId},
    staff::{Actor, Permission, StaffRole},
    submission::hex,
    text,
};
use kinlink_store::{audit, sources, tokens};
use serde::Serialize;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use utoipa::ToSchema;

use crate::{App, ServiceError, app::hash, submit::field_fault};

// What callers are given.
pub use kinlink_store::{sources::Source, tokens::Token};

const TOKEN_PREFIX: &str = "klt_";
const SOURCE_PREFIX: &str = "kls_";
/// A webhook's timestamp may be this far from our clock (Standard Webhooks recommends a few minutes).
const SIGNATURE_TOLERANCE_SECONDS: i64 = 300;

/// A token or source key at the only moment when its secret can be seen.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Minted {
    /// Its id.
    pub id: String,
    /// What the caller has to send.
    pub secret: String,
}

/// Fails unless the actor has the permission.
///
/// # Errors
/// [`ServiceError::Forbidden`].
pub fn require(actor: &Actor, permission: Permission) -> Result<(), ServiceError> {
    if actor.may(permission) { Ok(()) } else { Err(ServiceError::Forbidden(permission)) }
}

/// Makes an API token.
///
/// # Errors
/// [`ServiceError::Forbidden`], an unusable name, the store.
pub async fn mint_token(
    app: &App,
    actor: &Actor,
    name: &str,
    role: StaffRole,
    expires_at: Option<Timestamp>,
) -> Result<Minted, ServiceError> {
    require(actor, Permission::Administer)?;
    let name = usable_name(name)?;
    let secret = app.new_secret();
    let token = Token {
        id: app.new_id(),
        name,
        role,
        secret_hash: hash(&secret),
        created_at: app.now(),
        created_by: actor.name.clone(),
        expires_at,
        revoked_at: None,
    };
    let mut tx = app.store.begin().await?;
    tokens::insert(&mut tx, &token).await?;
    let detail = json!({ "role": role, "expires_at": expires_at });
    let entry = audit::Entry::new("token.mint", format!("token:{}", token.id), detail);
    audit::write(&mut tx, actor, app.now(), &[entry]);
    tx.commit().await?;
    Ok(Minted { id: token.id.to_string(), secret: format!("{TOKEN_PREFIX}{}_{secret}", token.id) })
}

/// Revokes an API token.
///
/// # Errors
/// [`ServiceError::Forbidden`], [`ServiceError::NotFound`], the store.
pub async fn revoke_token(app: &App, actor: &Actor, token: TokenId) -> Result<(), ServiceError> {
    require(actor, Permission::Administer)?;
    let mut tx = app.store.begin().await?;
    if !tokens::revoke(&mut tx, token, app.now()).await? {
        return Err(ServiceError::NotFound("token"));
    }
    let entry = audit::Entry::new("token.revoke", format!("token:{token}"), json!({}));
    audit::write(&mut tx, actor, app.now(), &[entry]);
    Ok(tx.commit().await?)
}

/// Every token, without secrets.
///
/// # Errors
/// [`ServiceError::Forbidden`], the store.
pub async fn list_tokens(app: &App, actor: &Actor) -> Result<Vec<Token>, ServiceError> {
    require(actor, Permission::Administer)?;
    Ok(tokens::list(&mut app.store.acquire().await?).await?)
}

/// The actor whom a token stands for.
///
/// # Errors
/// [`ServiceError::Unauthorized`], always with the same answer; the store.
pub async fn authenticate(app: &App, presented: &str) -> Result<Actor, ServiceError> {
    let (id, secret) = split::<kinlink_domain::ids::of::Token>(presented, TOKEN_PREFIX)?;
    let token = tokens::find(&mut app.store.acquire().await?, id).await?;
    let token = token.filter(|token| same(&token.secret_hash, &hash(secret)) && token.is_valid(app.now()));
    let token = token.ok_or(ServiceError::Unauthorized)?;
    Ok(Actor { name: format!("token:{}", token.id), role: Some(token.role) })
}

/// Makes a source: a form that may send submissions.
///
/// # Errors
/// [`ServiceError::Forbidden`], an unusable name, the store.
pub async fn mint_source(app: &App, actor: &Actor, name: &str, proves_email: bool) -> Result<Minted, ServiceError> {
    require(actor, Permission::Administer)?;
    let id: SourceId = app.new_id();
    let secret = source_secret(app, id);
    let source = Source {
        id,
        name: usable_name(name)?,
        key_hash: hash(&secret),
        proves_email,
        created_at: app.now(),
        created_by: actor.name.clone(),
        revoked_at: None,
    };
    let mut tx = app.store.begin().await?;
    sources::insert(&mut tx, &source).await?;
    let entry = audit::Entry::new("source.mint", format!("source:{id}"), json!({ "proves_email": proves_email }));
    audit::write(&mut tx, actor, app.now(), &[entry]);
    tx.commit().await?;
    Ok(Minted { id: id.to_string(), secret: format!("{SOURCE_PREFIX}{id}_{secret}") })
}

/// Revokes a source.
///
/// # Errors
/// [`ServiceError::Forbidden`], [`ServiceError::NotFound`], the store.
pub async fn revoke_source(app: &App, actor: &Actor, source: SourceId) -> Result<(), ServiceError> {
    require(actor, Permission::Administer)?;
    let mut tx = app.store.begin().await?;
    if !sources::revoke(&mut tx, source, app.now()).await? {
        return Err(ServiceError::NotFound("source"));
    }
    let entry = audit::Entry::new("source.revoke", format!("source:{source}"), json!({}));
    audit::write(&mut tx, actor, app.now(), &[entry]);
    Ok(tx.commit().await?)
}

/// Every source, without secrets.
///
/// # Errors
/// [`ServiceError::Forbidden`], the store.
pub async fn list_sources(app: &App, actor: &Actor) -> Result<Vec<Source>, ServiceError> {
    require(actor, Permission::Administer)?;
    Ok(sources::list(&mut app.store.acquire().await?).await?)
}

/// The source whose key this is.
///
/// # Errors
/// [`ServiceError::Unauthorized`], always with the same answer; the store.
pub async fn source_by_key(app: &App, presented: &str) -> Result<Source, ServiceError> {
    let (id, secret) = split::<kinlink_domain::ids::of::Source>(presented, SOURCE_PREFIX)?;
    let source = sources::find(&mut app.store.acquire().await?, id).await?;
    source
        .filter(|source| source.revoked_at.is_none() && same(&source.key_hash, &hash(secret)))
        .ok_or(ServiceError::Unauthorized)
}

/// The headers of a signed webhook (Standard Webhooks).
#[derive(Debug, Clone, Copy)]
pub struct Signature<'a> {
    /// Which source says it sent this: its id.
    pub source: &'a str,
    /// `webhook-id`.
    pub id: &'a str,
    /// `webhook-timestamp`: seconds since 1970.
    pub timestamp: &'a str,
    /// `webhook-signature`: one or more `v1,<base64>` separated by spaces.
    pub signatures: &'a str,
}

/// The source that signed this body.
///
/// # Errors
/// [`ServiceError::Unauthorized`] for an unknown or revoked source, a wrong signature or a timestamp that is too far off.
pub async fn source_by_signature(app: &App, signature: Signature<'_>, body: &[u8]) -> Result<Source, ServiceError> {
    let id: SourceId = signature.source.parse().map_err(|_| ServiceError::Unauthorized)?;
    let sent: i64 = signature.timestamp.parse().map_err(|_| ServiceError::Unauthorized)?;
    if (app.now().as_second() - sent).abs() > SIGNATURE_TOLERANCE_SECONDS {
        return Err(ServiceError::Unauthorized);
    }
    let source = sources::find(&mut app.store.acquire().await?, id).await?;
    let source = source.filter(|source| source.revoked_at.is_none()).ok_or(ServiceError::Unauthorized)?;
    let expected = webhook_signature(&source_secret(app, id), signature.id, signature.timestamp, body);
    let matches = signature
        .signatures
        .split_whitespace()
        .filter_map(|one| one.strip_prefix("v1,"))
        .any(|one| bool::from(one.as_bytes().ct_eq(expected.as_bytes())));
    if matches { Ok(source) } else { Err(ServiceError::Unauthorized) }
}

/// The signature that a webhook with this secret must carry, without its `v1,`.
#[must_use]
pub fn webhook_signature(secret: &str, id: &str, timestamp: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(format!("{id}.{timestamp}.").as_bytes());
    mac.update(body);
    STANDARD.encode(mac.finalize().into_bytes())
}

fn source_secret(app: &App, source: SourceId) -> String {
    app.key.derive("source", &source.to_string())
}

fn split<'a, Of>(presented: &'a str, prefix: &str) -> Result<(Id<Of>, &'a str), ServiceError> {
    let (id, secret) = presented
        .trim()
        .strip_prefix(prefix)
        .and_then(|rest| rest.split_once('_'))
        .ok_or(ServiceError::Unauthorized)?;
    Ok((id.parse().map_err(|_| ServiceError::Unauthorized)?, secret))
}

fn same(a: &str, b: &str) -> bool {
    a.as_bytes().ct_eq(b.as_bytes()).into()
}

fn usable_name(name: &str) -> Result<String, ServiceError> {
    text::line(name, 100).map_err(|fault| ServiceError::Invalid(vec![field_fault("/name", fault)]))
}

/// Hash of a body, for telling whether an idempotency key is used again with another one.
#[must_use]
pub fn fingerprint(body: &[u8]) -> String {
    hex(&Sha256::digest(body))
}
