//! Tokens and the description of the API. Who may do what is tested by `pages/roles.rs`, route by route.

use jiff::SignedDuration;
use serde_json::json;

use crate::{admin, api};

#[tokio::test]
async fn the_description_is_served_to_anybody() {
    let admin = admin().await;
    let answer = admin.anyone.get("/api/v1/openapi.json").await.expect(200);
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("cache-control"), "public, max-age=300");
    assert_eq!(answer.json(), json!(kinlink_admin::openapi()));
}

#[tokio::test]
async fn what_is_no_token_always_gets_the_same_answer() {
    let admin = admin().await;
    let (token, key) = (&admin.kinlink.viewer_token, &admin.kinlink.source_key);
    let nobody = admin.anyone.get(&api("/requests")).await;
    nobody.problem(401, "unauthorized");
    let (head, _) = token.rsplit_once('_').unwrap();
    for wrong in ["", "x", "klt_", &format!("{head}_AAAA"), &format!("{token}A"), key] {
        let answer = admin.anyone.bearer(wrong).get(&api("/requests")).await;
        assert_eq!((answer.status, &answer.text), (nobody.status, &nobody.text), "{wrong}");
    }
    admin
        .anyone
        .with("authorization", format!("Basic {token}"))
        .get(&api("/requests"))
        .await
        .problem(401, "unauthorized");
    let _ = admin.anyone.with("authorization", format!("bearer {token}")).get(&api("/requests")).await.expect(200);
}

#[tokio::test]
async fn who_tries_wrong_tokens_too_often_is_not_told_any_more_which_are_right() {
    let admin = admin().await;
    let staff = kinlink_testapp::administrator();
    kinlink_service::settings::set(&admin.kinlink.app, &staff, "guesses_per_address_per_hour", "3").await.unwrap();
    let here = admin.at("203.0.113.9");
    let with = async |client: &kinlink_testapp::Client, token: &str| client.bearer(token).get(&api("/requests")).await;
    let right = &admin.kinlink.viewer_token;
    // Right ones are never counted, nor is what is no token at all.
    for _ in 0..5 {
        let _ = with(&here, right).await.expect(200);
        here.get(&api("/requests")).await.problem(401, "unauthorized");
    }
    for wrong in ["x", "klt_", &format!("{right}A")] {
        with(&here, wrong).await.problem(401, "unauthorized");
    }
    let refused = with(&here, right).await;
    refused.problem(429, "too_often");
    let wait: i64 = refused.header("retry-after").parse().unwrap();
    assert!((1..=3_600).contains(&wait), "{wait}");
    assert_eq!(with(&here, "x").await.text, refused.text, "wrong and right ones get the same answer");
    let _ = with(&admin.at("203.0.113.10"), right).await.expect(200);
    let _ = with(&admin.anyone, right).await.expect(200);
    admin.kinlink.clock.advance(SignedDuration::from_secs(wait));
    let _ = with(&here, right).await.expect(200);
}

#[tokio::test]
async fn tokens_are_made_listed_and_revoked() {
    let admin = admin().await;
    let expires = admin.kinlink.clock.now() + SignedDuration::from_hours(1);
    let body = json!({"name": "nightly export", "role": "viewer", "expires_at": expires});
    let made = admin.administrator.post(&api("/tokens"), &body).await.expect(201);
    let (id, secret) =
        (made.json()["id"].as_str().unwrap().to_owned(), made.json()["secret"].as_str().unwrap().to_owned());
    assert_eq!(made.header("location"), api(&format!("/tokens/{id}")));
    let script = admin.anyone.bearer(&secret);
    let _ = script.get(&api("/requests")).await.expect(200);
    script.get(&api("/tokens")).await.problem(403, "forbidden");

    let listed = admin.administrator.get(&api("/tokens")).await.expect(200);
    assert!(!listed.text.contains("hash") && !listed.text.contains(secret.rsplit_once('_').unwrap().1));
    let own =
        listed.json()["items"].as_array().unwrap().iter().find(|token| token["id"] == id.as_str()).unwrap().clone();
    assert_eq!(
        (&own["name"], &own["role"], &own["revoked_at"]),
        (&json!("nightly export"), &json!("viewer"), &json!(null))
    );

    admin.kinlink.clock.advance(SignedDuration::from_hours(1));
    script.get(&api("/requests")).await.problem(401, "unauthorized");

    let made =
        admin.administrator.post(&api("/tokens"), &json!({"name": "x", "role": "approver"})).await.expect(201).json();
    let script = admin.anyone.bearer(made["secret"].as_str().unwrap());
    let _ = script.get(&api("/requests")).await.expect(200);
    let path = api(&format!("/tokens/{}", made["id"].as_str().unwrap()));
    let _ = admin.administrator.send("DELETE", &path, "").await.expect(204);
    script.get(&api("/requests")).await.problem(401, "unauthorized");
    admin.administrator.send("DELETE", &path, "").await.problem(404, "not_found");
    admin.administrator.send("DELETE", &api("/tokens/x"), "").await.problem(404, "not_found");

    for (body, expected) in [
        (json!({"name": " ", "role": "viewer"}), "/name required"),
        (json!({"name": "x", "role": "root"}), "/role invalid"),
        (json!({"name": "x"}), "/role required"),
        (json!({"name": "x", "role": "viewer", "expires_at": "soon"}), "/expires_at invalid"),
        (json!({"name": "x", "role": "viewer", "scope": "all"}), "/scope unknown_field"),
    ] {
        assert_eq!(admin.administrator.post(&api("/tokens"), &body).await.problem(422, "invalid_fields"), [expected]);
    }
}

#[tokio::test]
async fn sources_are_made_listed_and_revoked() {
    let admin = admin().await;
    let made =
        admin.administrator.post(&api("/sources"), &json!({"name": "Website", "proves_email": true})).await.expect(201);
    let id = made.json()["id"].as_str().unwrap().to_owned();
    assert!(made.json()["secret"].as_str().unwrap().starts_with(&format!("kls_{id}_")));
    let listed = admin.administrator.get(&api("/sources")).await.expect(200).json();
    let own = listed["items"].as_array().unwrap().iter().find(|source| source["id"] == id.as_str()).unwrap().clone();
    assert_eq!(
        (&own["name"], &own["proves_email"], &own["revoked_at"]),
        (&json!("Website"), &json!(true), &json!(null))
    );
    let path = api(&format!("/sources/{id}"));
    let _ = admin.administrator.send("DELETE", &path, "").await.expect(204);
    admin.administrator.send("DELETE", &path, "").await.problem(404, "not_found");
}
