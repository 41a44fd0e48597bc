//! Which ID tokens are believed.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use kinlink_oidc::{Fault, OidcError};
use serde_json::{Value, json};

use crate::liar::{CLIENT, Key, Liar, SECRET, changed, later, now};

#[track_caller]
fn fault(result: Result<kinlink_oidc::Identity, OidcError>) -> Fault {
    match result {
        Err(OidcError::Untrusted(fault)) => fault,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_token_that_is_right_says_who_somebody_is() {
    let liar = Liar::new().await;
    let identity = liar.identify().await.unwrap();
    assert_eq!((identity.subject.as_str(), identity.name.as_deref()), ("s-1", Some("Jo Bell")));
    assert_eq!(identity.email.as_deref(), Some("jo@example.org"));
    assert_eq!(identity.roles, Some(vec!["it".to_owned()]));
    assert_eq!(identity.authenticated_at, Some(later(-10)));
    assert_eq!(identity.id_token.split('.').count(), 3);
    assert!(!format!("{identity:?}").contains("Jo"), "nobody logs a name by accident");
}

#[tokio::test]
async fn every_claim_that_is_wrong_or_missing_is_refused() {
    let liar = Liar::new().await;
    let other = "https://evil.example";
    let cases: Vec<(&str, Value, Option<Fault>)> = vec![
        ("iss", json!(other), Some(Fault::Issuer)),
        ("iss", json!(format!("{}/", liar.issuer)), Some(Fault::Issuer)),
        ("iss", json!([liar.issuer]), Some(Fault::Malformed)),
        ("iss", json!(null), Some(Fault::Malformed)),
        ("aud", json!("another"), Some(Fault::Audience)),
        ("aud", json!(["another"]), Some(Fault::Audience)),
        ("aud", json!([]), Some(Fault::Audience)),
        ("aud", json!(null), Some(Fault::Malformed)),
        ("aud", json!([CLIENT]), None),
        ("aud", json!([CLIENT, "another"]), Some(Fault::AuthorizedParty)),
        ("azp", json!("another"), Some(Fault::AuthorizedParty)),
        ("azp", json!(CLIENT), None),
        ("exp", json!(now().as_second() - 61), Some(Fault::Expired)),
        ("exp", json!(now().as_second() - 60), Some(Fault::Expired)),
        ("exp", json!(now().as_second() - 59), None),
        ("exp", json!(0), Some(Fault::Expired)),
        ("exp", json!("tomorrow"), Some(Fault::Malformed)),
        ("exp", json!(1e300), Some(Fault::Malformed)),
        ("exp", json!(null), Some(Fault::Malformed)),
        ("iat", json!(now().as_second() + 61), Some(Fault::Future)),
        ("iat", json!(now().as_second() + 60), None),
        ("iat", json!(null), Some(Fault::Malformed)),
        ("nbf", json!(now().as_second() + 61), Some(Fault::Future)),
        ("nonce", json!("another"), Some(Fault::Nonce)),
        ("nonce", json!(null), Some(Fault::Nonce)),
        ("sub", json!(" "), Some(Fault::Subject)),
        ("sub", json!("x".repeat(256)), Some(Fault::Subject)),
        ("sub", json!(null), Some(Fault::Malformed)),
        ("auth_time", json!(null), None),
    ];
    for (name, value, expected) in cases {
        let result = liar.identify_by(&liar.key.sign(&changed(&liar.claims(), name, value.clone()))).await;
        match expected {
            Some(expected) => assert_eq!(fault(result), expected, "{name} {value}"),
            None => assert!(result.is_ok(), "{name} {value}: {result:?}"),
        }
    }
    let several = changed(&changed(&liar.claims(), "aud", json!(["another", CLIENT])), "azp", json!(CLIENT));
    assert!(liar.identify_by(&liar.key.sign(&several)).await.is_ok());
}

/// A token whose header is this, with the payload of a right one and this signature.
fn forged(liar: &Liar, header: &Value, signature: &str) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.{signature}", part(header), part(&liar.claims()))
}

#[tokio::test]
async fn only_the_providers_own_signature_counts() {
    let liar = Liar::new().await;
    let (claims, id) = (liar.claims(), liar.key.id.clone());
    let right = liar.key.sign(&claims);
    let with_secret = |secret: &[u8]| {
        let header = Header { kid: Some(id.clone()), ..Header::new(Algorithm::HS256) };
        encode(&header, &claims, &EncodingKey::from_secret(secret)).unwrap()
    };
    let public_key = liar.key.published().to_string();
    let (head, signature) = right.rsplit_once('.').unwrap();
    let mut payload = head.split('.');
    let (header, _) = (payload.next().unwrap(), payload.next());
    let someone_else = URL_SAFE_NO_PAD.encode(changed(&claims, "sub", json!("s-2")).to_string());
    let critical = json!({ "alg": "ES256", "kid": id, "crit": ["b64"], "b64": false });
    for (token, expected) in [
        (forged(&liar, &json!({ "alg": "none" }), ""), Fault::Algorithm),
        (forged(&liar, &json!({ "alg": "None", "kid": id }), ""), Fault::Algorithm),
        (forged(&liar, &json!({ "alg": "HS256", "kid": id }), ""), Fault::Algorithm),
        (forged(&liar, &json!({}), ""), Fault::Algorithm),
        (forged(&liar, &json!({ "alg": "ES256", "kid": id }), ""), Fault::Signature),
        (forged(&liar, &json!({ "alg": "RS256", "kid": id }), signature), Fault::UnknownKey),
        (forged(&liar, &critical, signature), Fault::Malformed),
        // Whoever holds a shared secret, or the public key taken for one, could have made these.
        (with_secret(SECRET.as_bytes()), Fault::Algorithm),
        (with_secret(public_key.as_bytes()), Fault::Algorithm),
        (format!("{header}.{someone_else}.{signature}"), Fault::Signature),
        (format!("{head}.{}", signature.to_lowercase()), Fault::Signature),
        // Another's key that says it is the provider's.
        (Key::new(&id).sign(&claims), Fault::Signature),
        (Key::new("unknown").sign(&claims), Fault::UnknownKey),
        (head.to_owned(), Fault::Malformed),
        ("x".to_owned(), Fault::Malformed),
        (String::new(), Fault::Malformed),
    ] {
        assert_eq!(fault(liar.identify_by(&token).await), expected, "{token}");
    }
    assert!(liar.identify_by(&right).await.is_ok(), "the right one still counts");
    let unnamed = liar.key.sign_with(&Header::new(Algorithm::ES256), &claims);
    assert!(liar.identify_by(&unnamed).await.is_ok(), "a token need not name its key");
}

#[tokio::test]
async fn a_key_that_is_meant_for_something_else_proves_nothing() {
    for (name, value) in [("use", json!("enc")), ("key_ops", json!(["encrypt"]))] {
        let liar = Liar::new().await;
        let keys = json!({ "keys": [changed(&liar.key.published(), name, value), {"kty": "future", "kid": "x"}, 7] });
        liar.says("/keys", &keys);
        assert_eq!(fault(liar.identify().await), Fault::UnknownKey, "{name}");
    }
}
