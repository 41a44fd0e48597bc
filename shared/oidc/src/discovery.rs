//! What the provider says of itself (OpenID Connect Discovery 1.0), and its keys. Both are kept in the process.

use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::jwk::{Jwk, JwkSet};
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use crate::{OidcError, Provider, http};

/// For how long what was fetched is believed.
const KEPT: SignedDuration = SignedDuration::from_hours(1);
/// How often at most an unknown key makes us fetch the keys anew.
const KEYS_AGAIN: SignedDuration = SignedDuration::from_mins(1);
const METADATA: &str = "configuration (.well-known/openid-configuration)";
const KEYS: &str = "key set (jwks_uri)";

/// What we need of a provider's configuration.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Metadata {
    issuer: String,
    pub(crate) authorization_endpoint: Url,
    pub(crate) token_endpoint: Url,
    pub(crate) userinfo_endpoint: Option<Url>,
    pub(crate) end_session_endpoint: Option<Url>,
    jwks_uri: Url,
    #[serde(default)]
    pub(crate) token_endpoint_auth_methods_supported: Vec<String>,
    #[serde(default)]
    pub(crate) authorization_response_iss_parameter_supported: bool,
}

/// A key set as it comes: keys of kinds that we do not know may stand beside those that we need.
#[derive(Deserialize)]
struct PublishedKeys {
    keys: Vec<Value>,
}

/// What is known of the provider, and since when.
#[derive(Debug)]
pub(crate) struct Known {
    metadata: Metadata,
    keys: JwkSet,
    fetched_at: Timestamp,
    /// When an unknown key last made us fetch the keys.
    keys_again_at: Option<Timestamp>,
}

impl Provider {
    /// The provider's configuration.
    pub(crate) async fn metadata(&self, now: Timestamp) -> Result<Metadata, OidcError> {
        // Held while fetching: of many who sign in at once, one fetches and the others wait for it.
        let mut known = self.known.lock().await;
        if let Some(known) = known.as_ref()
            && is_recent(known.fetched_at, KEPT, now)
        {
            return Ok(known.metadata.clone());
        }
        let metadata = self.fetch_metadata().await?;
        let keys = self.fetch_keys(&metadata).await?;
        *known = Some(Known { metadata: metadata.clone(), keys, fetched_at: now, keys_again_at: None });
        Ok(metadata)
    }

    /// The provider's keys. When none of them has the wanted id they are fetched anew, at most once a minute: a provider
    /// that changes its keys publishes them first.
    pub(crate) async fn keys(&self, now: Timestamp, wanted: Option<&str>) -> Result<JwkSet, OidcError> {
        self.metadata(now).await?;
        let mut known = self.known.lock().await;
        let Some(known) = known.as_mut() else { return Err(OidcError::Unreadable { what: METADATA }) };
        let is_missing = wanted.is_some_and(|wanted| known.keys.find(wanted).is_none());
        if is_missing && known.keys_again_at.is_none_or(|at| !is_recent(at, KEYS_AGAIN, now)) {
            known.keys_again_at = Some(now);
            known.keys = self.fetch_keys(&known.metadata).await?;
        }
        Ok(known.keys.clone())
    }

    async fn fetch_keys(&self, metadata: &Metadata) -> Result<JwkSet, OidcError> {
        let published: PublishedKeys = http::json(self.client()?.get(metadata.jwks_uri.clone()), KEYS).await?;
        let keys = published.keys.into_iter().filter_map(|key| serde_json::from_value::<Jwk>(key).ok());
        Ok(JwkSet { keys: keys.collect() })
    }

    async fn fetch_metadata(&self) -> Result<Metadata, OidcError> {
        let issuer = &self.settings.issuer;
        let address = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let metadata: Metadata = http::json(self.client()?.get(address), METADATA).await?;
        if metadata.issuer != *issuer {
            // Only as much as a name may hold: this stands in a page and in the log.
            let found = metadata.issuer.chars().filter(|c| !c.is_control()).take(200).collect();
            return Err(OidcError::OtherIssuer { found });
        }
        let needed = [
            ("authorization_endpoint", Some(&metadata.authorization_endpoint)),
            ("token_endpoint", Some(&metadata.token_endpoint)),
            ("jwks_uri", Some(&metadata.jwks_uri)),
            ("userinfo_endpoint", metadata.userinfo_endpoint.as_ref()),
            ("end_session_endpoint", metadata.end_session_endpoint.as_ref()),
        ];
        for (what, url) in needed {
            if url.is_some_and(|url| !http::is_protected(url)) {
                return Err(OidcError::Unprotected { what });
            }
        }
        Ok(metadata)
    }
}

fn is_recent(at: Timestamp, span: SignedDuration, now: Timestamp) -> bool {
    at.checked_add(span).is_ok_and(|end| now < end)
}
