//! The code for tokens, and what the user info adds.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use kinlink_oidc::{Fault, OidcError};
use serde_json::json;

use crate::liar::{Liar, MARKS, changed, now};

#[tokio::test]
async fn the_code_is_sent_with_what_only_we_have() {
    let liar = Liar::new().await;
    liar.identify().await.unwrap();
    let (headers, body) = liar.last_asked("/token");
    let basic = headers["authorization"].to_str().unwrap().strip_prefix("Basic ").unwrap();
    let pair = String::from_utf8(STANDARD.decode(basic).unwrap()).unwrap();
    assert_eq!(pair, "kinlink:a+secret%3A+with+%25%2C+%26+and+%C3%BC");
    assert_eq!(
        body,
        format!(
            "grant_type=authorization_code&code=a+code&redirect_uri=https%3A%2F%2Fkinlink.test%2Fadmin%2Fsign-in%2Fcallback\
             &code_verifier={}",
            MARKS.verifier
        )
    );
}

#[tokio::test]
async fn a_provider_that_takes_the_secret_in_the_body_only_gets_it_there() {
    for (methods, in_header) in [
        (json!(["client_secret_post"]), false),
        (json!(["client_secret_post", "client_secret_basic"]), true),
        (json!([]), true),
    ] {
        let liar = Liar::new().await;
        liar.configures("token_endpoint_auth_methods_supported", methods.clone());
        liar.identify().await.unwrap();
        let (headers, body) = liar.last_asked("/token");
        assert_eq!(headers.contains_key("authorization"), in_header, "{methods}");
        assert_eq!(body.contains("client_secret="), !in_header, "{methods}");
    }
}

#[tokio::test]
async fn what_the_provider_refuses_is_named_by_its_code_alone() {
    for (status, body, expected, may_pass) in [
        (400, r#"{"error":"invalid_grant","error_description":"secret"}"#, "refuses: invalid_grant", false),
        (401, r#"{"error":"invalid_client"}"#, "refuses: invalid_client", false),
        (400, r#"{"error":"Secret of somebody"}"#, "token endpoint answers 400", false),
        (400, "<html>secret", "token endpoint answers 400", false),
        (500, r#"{"error":"invalid_grant"}"#, "token endpoint answers 500", true),
        (200, r#"{"access_token":"secret"}"#, "token endpoint answers what cannot be read", false),
        (200, r#"{"error":"invalid_grant"}"#, "token endpoint answers what cannot be read", false),
    ] {
        let liar = Liar::new().await;
        liar.answers("/token", status, body);
        let error = liar.identify().await.unwrap_err();
        assert!(error.to_string().contains(expected), "{body}: {error}");
        assert!(!error.to_string().to_lowercase().contains("secret"), "{error}");
        assert_eq!(error.may_pass(), may_pass, "{body}");
    }
}

#[tokio::test]
async fn an_answer_that_names_another_provider_is_not_taken_to_this_one() {
    let liar = Liar::new().await;
    let identify = async |issuer| liar.provider.identify(now(), "a code", issuer, MARKS).await;
    let mixed_up = |result| matches!(result, Err(OidcError::Untrusted(Fault::AnswerIssuer)));
    assert!(mixed_up(identify(Some("https://evil.example")).await));
    assert_eq!(liar.times_asked("/token"), 0, "the code stays here");
    assert!(identify(Some(&liar.issuer)).await.is_ok());

    let liar = Liar::new().await;
    liar.configures("authorization_response_iss_parameter_supported", json!(true));
    assert!(mixed_up(liar.identify().await), "this provider names itself always");
}

#[tokio::test]
async fn user_info_is_asked_for_what_the_token_does_not_say_and_changes_nothing_else() {
    let liar = Liar::new().await;
    liar.configures("userinfo_endpoint", json!(format!("{}/info", liar.issuer)));
    liar.says("/info", &json!({ "sub": "s-1", "name": "Someone", "email": "b@example.org", "roles": "dsl" }));
    let identity = liar.identify().await.unwrap();
    assert_eq!(identity.name.as_deref(), Some("Jo Bell"));
    assert_eq!(liar.times_asked("/info"), 0, "the token says it all");

    let identity = liar.identify_by(&liar.key.sign(&changed(&liar.claims(), "roles", json!(null)))).await.unwrap();
    assert_eq!((identity.name.as_deref(), identity.email.as_deref()), (Some("Jo Bell"), Some("jo@example.org")));
    assert_eq!(identity.roles, Some(vec!["dsl".to_owned()]));
    assert_eq!(liar.last_asked("/info").0["authorization"], "Bearer access");

    // An empty list says that there are none; nobody gets more by the back door.
    let identity = liar.identify_by(&liar.key.sign(&changed(&liar.claims(), "roles", json!([])))).await.unwrap();
    assert_eq!(identity.roles, Some(Vec::new()));
    let identity = liar.identify_by(&liar.key.sign(&changed(&liar.claims(), "name", json!(null)))).await.unwrap();
    assert_eq!((identity.name.as_deref(), identity.roles.unwrap().join(" ")), (Some("Someone"), "it".to_owned()));
}

#[tokio::test]
async fn user_info_about_somebody_else_is_not_believed() {
    let liar = Liar::new().await;
    liar.configures("userinfo_endpoint", json!(format!("{}/info", liar.issuer)));
    liar.gives(&liar.key.sign(&changed(&liar.claims(), "roles", json!(null))));
    for said in [json!({ "sub": "s-2", "roles": ["it"] }), json!({ "roles": ["it"] })] {
        liar.says("/info", &said);
        let error = liar.identify().await.unwrap_err();
        assert!(matches!(error, OidcError::Untrusted(Fault::OtherSubject)), "{error}");
    }
    liar.answers("/info", 401, "");
    assert!(matches!(liar.identify().await.unwrap_err(), OidcError::Status { status: 401, .. }));
}
