//! Whether an ID token is what it should be (OpenID Connect Core 1.0, §3.1.3.7).

use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{
    Algorithm, DecodingKey, Validation, decode, decode_header,
    errors::ErrorKind,
    jwk::{Jwk, JwkSet, KeyOperations, PublicKeyUse},
};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::Fault;

/// Signatures that only the provider can make. Not `none`, which proves nothing, and none with a shared secret: whoever
/// checks such a one could have made it.
const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];
/// How far two clocks may be apart.
const CLOCKS: SignedDuration = SignedDuration::from_secs(60);
/// The longest name that the protocol allows.
const MOST_SUBJECT: usize = 255;

/// What a token has to say to be for us.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Expected<'a> {
    pub(crate) issuer: &'a str,
    pub(crate) client_id: &'a str,
    pub(crate) nonce: &'a str,
    pub(crate) now: Timestamp,
}

/// A token that was checked.
pub(crate) struct Checked {
    pub(crate) subject: String,
    pub(crate) authenticated_at: Option<Timestamp>,
    pub(crate) claims: Map<String, Value>,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    azp: Option<String>,
    exp: f64,
    iat: f64,
    nbf: Option<f64>,
    nonce: Option<String>,
    auth_time: Option<f64>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

/// The id of the key with which a token says it is signed.
pub(crate) fn key_id(token: &str) -> Result<Option<String>, Fault> {
    Ok(header(token)?.kid)
}

fn header(token: &str) -> Result<jsonwebtoken::Header, Fault> {
    let header = decode_header(token).map_err(|error| match error.kind() {
        // The name of the algorithm is one that the library does not know: `none` is.
        ErrorKind::Json(_) => Fault::Algorithm,
        _ => Fault::Malformed,
    })?;
    // What is critical must be understood; we understand nothing beyond the protocol.
    if header.crit.is_some() {
        return Err(Fault::Malformed);
    }
    if ALGORITHMS.contains(&header.alg) { Ok(header) } else { Err(Fault::Algorithm) }
}

/// Checks a token.
pub(crate) fn check(token: &str, keys: &JwkSet, expected: &Expected<'_>) -> Result<Checked, Fault> {
    let header = header(token)?;
    let fitting: Vec<DecodingKey> = keys
        .keys
        .iter()
        .filter(|key| header.kid.is_none() || header.kid == key.common.key_id)
        .filter(|key| is_for_signatures(key))
        .filter_map(|key| DecodingKey::from_jwk(key).ok())
        .filter(|key| key.family() == header.alg.family())
        .collect();
    if fitting.is_empty() {
        return Err(Fault::UnknownKey);
    }
    // The library proves the signature; what the token says is checked here, with the caller's clock.
    let mut signature = Validation::new(header.alg);
    signature.validate_exp = false;
    signature.validate_aud = false;
    signature.required_spec_claims.clear();
    let claims: Map<String, Value> = fitting
        .iter()
        .find_map(|key| decode(token, key, &signature).ok())
        .map(|proven| proven.claims)
        .ok_or(Fault::Signature)?;
    let said: Claims = Claims::deserialize(Value::Object(claims.clone())).map_err(|_| Fault::Malformed)?;
    believe(&said, expected)?;
    Ok(Checked { subject: said.sub, authenticated_at: said.auth_time.and_then(instant), claims })
}

fn is_for_signatures(key: &Jwk) -> bool {
    let verifies = |operations: &Vec<KeyOperations>| operations.contains(&KeyOperations::Verify);
    key.common.public_key_use.as_ref().is_none_or(|usage| *usage == PublicKeyUse::Signature)
        && key.common.key_operations.as_ref().is_none_or(verifies)
}

fn believe(said: &Claims, expected: &Expected<'_>) -> Result<(), Fault> {
    if said.iss != expected.issuer {
        return Err(Fault::Issuer);
    }
    let (is_for_us, others) = match &said.aud {
        Audience::One(audience) => (audience == expected.client_id, false),
        Audience::Several(all) => {
            (all.iter().any(|one| one == expected.client_id), all.iter().any(|one| one != expected.client_id))
        }
    };
    if !is_for_us {
        return Err(Fault::Audience);
    }
    // For several audiences only this says to which of them the token was given.
    match &said.azp {
        Some(party) if party != expected.client_id => return Err(Fault::AuthorizedParty),
        None if others => return Err(Fault::AuthorizedParty),
        _ => {}
    }
    let earliest = expected.now.checked_sub(CLOCKS).unwrap_or(Timestamp::MIN);
    let latest = expected.now.checked_add(CLOCKS).unwrap_or(Timestamp::MAX);
    if instant(said.exp).ok_or(Fault::Malformed)? <= earliest {
        return Err(Fault::Expired);
    }
    for from in [Some(said.iat), said.nbf].into_iter().flatten() {
        if instant(from).ok_or(Fault::Malformed)? > latest {
            return Err(Fault::Future);
        }
    }
    if said.nonce.as_deref() != Some(expected.nonce) {
        return Err(Fault::Nonce);
    }
    if said.sub.trim().is_empty() || said.sub.len() > MOST_SUBJECT {
        return Err(Fault::Subject);
    }
    Ok(())
}

/// Seconds since 1970, which may have a fraction.
fn instant(seconds: f64) -> Option<Timestamp> {
    SignedDuration::try_from_secs_f64(seconds).ok().and_then(|since| Timestamp::from_duration(since).ok())
}
