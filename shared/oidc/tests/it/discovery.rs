//! What the provider says of itself, and its keys.

use kinlink_oidc::{Fault, OidcError};
use serde_json::json;

use crate::liar::{CONFIGURATION, Key, Liar, MARKS, changed, later, now, provider};

#[tokio::test]
async fn people_are_sent_with_everything_that_brings_them_back_safely() {
    let liar = Liar::new().await;
    let url = liar.provider.authorization_url(now(), MARKS, false).await.unwrap();
    let query: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    let expected = [
        ("tenant", "1"),
        ("response_type", "code"),
        ("client_id", "kinlink"),
        ("redirect_uri", "https://kinlink.test/admin/sign-in/callback"),
        ("scope", "openid profile"),
        ("state", "the state"),
        ("nonce", "the nonce"),
        // The pair of RFC 7636, appendix B.
        ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
        ("code_challenge_method", "S256"),
    ];
    assert_eq!(query, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    assert!(!url.as_str().contains(MARKS.verifier));

    let again = liar.provider.authorization_url(now(), MARKS, true).await.unwrap();
    assert!(again.as_str().ends_with("&prompt=login&max_age=0"), "{again}");
}

#[tokio::test]
async fn what_the_provider_says_of_itself_is_kept_for_an_hour() {
    let liar = Liar::new().await;
    for (moment, asked) in [(now(), 1), (later(3_599), 1), (later(3_600), 2), (later(3_601), 2)] {
        liar.provider.authorization_url(moment, MARKS, false).await.unwrap();
        assert_eq!((liar.times_asked(CONFIGURATION), liar.times_asked("/keys")), (asked, asked), "{moment}");
    }
}

#[tokio::test]
async fn of_many_who_sign_in_at_once_one_asks() {
    let liar = Liar::new().await;
    let ask = || liar.provider.authorization_url(now(), MARKS, false);
    let (a, b, c) = tokio::join!(ask(), ask(), ask());
    assert!(a.is_ok() && b.is_ok() && c.is_ok());
    assert_eq!(liar.times_asked(CONFIGURATION), 1);
}

#[tokio::test]
async fn keys_that_changed_are_fetched_when_one_of_them_is_met_and_not_more_than_once_a_minute() {
    let liar = Liar::new().await;
    liar.identify().await.unwrap();
    let second = Key::new("second");
    liar.publishes(&[&liar.key, &second]);
    liar.identify_by(&second.sign(&liar.claims())).await.unwrap();
    assert_eq!(liar.times_asked("/keys"), 2);

    // A key that is nowhere does not make us ask again and again.
    let third = Key::new("third");
    let error = liar.identify_by(&third.sign(&liar.claims())).await.unwrap_err();
    assert!(matches!(error, OidcError::Untrusted(Fault::UnknownKey)), "{error}");
    assert_eq!(liar.times_asked("/keys"), 2);

    liar.publishes(&[&third]);
    let token = third.sign(&changed(&liar.claims(), "exp", json!(later(600).as_second())));
    liar.gives(&token);
    liar.provider.identify(later(60), "a code", None, MARKS).await.unwrap();
    assert_eq!(liar.times_asked("/keys"), 3);
    // What is published no more counts no more.
    assert!(liar.identify_by(&liar.key.sign(&liar.claims())).await.is_err());
}

#[tokio::test]
async fn a_provider_that_is_not_what_it_should_be_is_refused_with_advice() {
    for (name, value, expected) in [
        ("issuer", json!("https://evil.example"), "the sign-in provider names itself \"https://evil.example\""),
        ("issuer", json!(null), "configuration (.well-known/openid-configuration) answers what cannot be read"),
        ("token_endpoint", json!("http://evil.example/token"), "token_endpoint is not an https address"),
        ("jwks_uri", json!("http://10.0.0.1/keys"), "jwks_uri is not an https address"),
        ("userinfo_endpoint", json!("ftp://127.0.0.1/"), "userinfo_endpoint is not an https address"),
        ("end_session_endpoint", json!("javascript:alert(1)"), "end_session_endpoint is not an https address"),
        ("authorization_endpoint", json!("nowhere"), "answers what cannot be read"),
    ] {
        let liar = Liar::new().await;
        liar.configures(name, value.clone());
        let error = liar.provider.authorization_url(now(), MARKS, false).await.unwrap_err();
        assert!(error.to_string().contains(expected), "{name} {value}: {error}");
        assert!(!error.may_pass() && !error.advice().is_empty());
        assert_eq!(liar.times_asked("/keys"), 0, "nothing more is asked");
    }
}

#[tokio::test]
async fn a_name_with_a_slash_at_its_end_is_another_name_and_the_advice_says_so() {
    let liar = Liar::new().await;
    let error = provider(&format!("{}/", liar.issuer)).authorization_url(now(), MARKS, false).await.unwrap_err();
    assert!(error.to_string().contains(&format!("{:?}", liar.issuer)), "{error}");
    assert!(error.advice().contains("slash"), "{}", error.advice());
}

#[tokio::test]
async fn answers_that_are_none_are_named_and_nothing_is_believed_half() {
    let huge = format!("[\"{}\"]", "x".repeat(300_000));
    for (path, status, body, expected, may_pass) in [
        (CONFIGURATION, 404, "", "answers 404", false),
        (CONFIGURATION, 503, "", "answers 503", true),
        (CONFIGURATION, 429, "", "answers 429", true),
        // Followed, it would lead to the keys.
        (CONFIGURATION, 302, "", "answers 302", false),
        (CONFIGURATION, 200, "<html>", "answers what cannot be read", false),
        (CONFIGURATION, 200, huge.as_str(), "answers what cannot be read", false),
        ("/keys", 500, "", "key set (jwks_uri) answers 500", true),
        ("/keys", 200, "{}", "key set (jwks_uri) answers what cannot be read", false),
    ] {
        let liar = Liar::new().await;
        liar.answers(path, status, body);
        let error = liar.provider.authorization_url(now(), MARKS, false).await.unwrap_err();
        assert!(error.to_string().contains(expected), "{path} {status}: {error}");
        assert_eq!(error.may_pass(), may_pass, "{path} {status}");
        // As soon as it is well again, so are we.
        liar.says(CONFIGURATION, &liar.configuration());
        liar.publishes(&[&liar.key]);
        liar.identify().await.unwrap();
    }
}

#[tokio::test]
async fn a_provider_that_is_down_may_come_back() {
    // Nobody listens on the discard port.
    let error = provider("http://127.0.0.1:9").authorization_url(now(), MARKS, false).await.unwrap_err();
    assert!(error.may_pass(), "{error}");
    assert!(error.to_string().contains("cannot be reached (no connection)"), "{error}");
}

#[tokio::test]
async fn whoever_signs_out_is_sent_to_the_provider_if_it_wants_to_know() {
    let liar = Liar::new().await;
    let back = "https://kinlink.test/admin/signed-out".parse().unwrap();
    let url = liar.provider.end_session_url(now(), "a.b.c", &back).await.unwrap().unwrap();
    let query: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    let expected = [("id_token_hint", "a.b.c"), ("client_id", "kinlink"), ("post_logout_redirect_uri", back.as_str())];
    assert_eq!(query, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));

    let liar = Liar::new().await;
    liar.configures("end_session_endpoint", json!(null));
    assert!(liar.provider.end_session_url(now(), "a.b.c", &back).await.unwrap().is_none());
}
