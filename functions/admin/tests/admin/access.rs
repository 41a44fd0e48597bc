//! Who may do what.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use kinlink_web::document;
use serde_json::{Value, json};

use crate::{admin, api, approval};

/// An id that nothing has.
const NOBODY: &str = "0192f0c1-8a5e-7c3e-9d1a-3f1b2c4d5e6f";

/// Every endpoint: method, path, a body that is right, and the least role that may.
fn endpoints() -> Vec<(&'static str, String, Value, &'static str)> {
    let of = |path: &str| format!("/requests/{{request}}{path}");
    vec![
        ("GET", "/requests".into(), json!(null), "viewer"),
        ("GET", "/requests/counts".into(), json!(null), "viewer"),
        ("GET", of(""), json!(null), "viewer"),
        ("PATCH", of(""), json!({}), "approver"),
        ("PUT", of("/note"), json!({"note": ""}), "approver"),
        ("POST", of("/approve"), approval(), "approver"),
        ("POST", of("/deny"), json!({}), "approver"),
        ("POST", of("/duplicate"), json!({}), "approver"),
        ("POST", of("/bogus"), json!({}), "approver"),
        ("POST", of("/ask"), json!({}), "approver"),
        ("POST", of("/reopen"), json!({}), "approver"),
        ("POST", of("/claims/{claim}/withdraw"), json!({}), "approver"),
        ("GET", "/login-rows".into(), json!(null), "viewer"),
        ("POST", "/login-rows/revoke".into(), json!({"usernames": ["nobody@example.org"]}), "approver"),
        ("GET", "/pupils".into(), json!(null), "viewer"),
        ("GET", "/links".into(), json!(null), "viewer"),
        ("GET", "/cycles".into(), json!(null), "viewer"),
        ("GET", "/cycles/{cycle}".into(), json!(null), "viewer"),
        ("POST", "/cycles".into(), json!({"action": "cycle"}), "approver"),
        ("GET", "/health".into(), json!(null), "viewer"),
        ("GET", "/doctor".into(), json!(null), "viewer"),
        ("GET", "/explain?adult=nobody@example.org&pupil=1".into(), json!(null), "viewer"),
        ("GET", "/settings".into(), json!(null), "viewer"),
        ("PUT", "/settings/{name}".into(), json!({"value": "no"}), "administrator"),
        ("GET", "/tokens".into(), json!(null), "administrator"),
        ("POST", "/tokens".into(), json!({"name": "x", "role": "viewer"}), "administrator"),
        ("DELETE", "/tokens/{token}".into(), json!(null), "administrator"),
        ("GET", "/sources".into(), json!(null), "administrator"),
        ("POST", "/sources".into(), json!({"name": "x"}), "administrator"),
        ("DELETE", "/sources/{source}".into(), json!(null), "administrator"),
    ]
}

#[test]
fn the_description_names_exactly_these_endpoints() {
    let described: BTreeSet<_> = document::endpoints(&kinlink_admin::openapi()).into_iter().collect();
    let path = |path: String| api(path.split('?').next().unwrap());
    let here: BTreeSet<_> = endpoints().into_iter().map(|(method, to, ..)| (method, path(to))).collect();
    assert_eq!(described, here);
}

#[tokio::test]
async fn the_description_is_served_to_anybody() {
    let admin = admin().await;
    let answer = admin.anyone.get("/api/v1/openapi.json").await.expect(200);
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("cache-control"), "public, max-age=300");
    assert_eq!(answer.json(), json!(kinlink_admin::openapi()));
}

#[tokio::test]
async fn roles_and_endpoints() {
    let admin = admin().await;
    let request = admin.turner(&[("Amelia", "Turner", "7KL")]).await;
    let claim = admin.show(&request).await["children"][0]["claim"].as_str().unwrap().to_owned();
    let kinlink = &admin.kinlink;
    let roles = [
        ("viewer", &kinlink.viewer_token),
        ("approver", &kinlink.approver_token),
        ("safeguarding", &kinlink.safeguarding_token),
        ("administrator", &kinlink.admin_token),
    ];
    let rank = |role: &str| roles.iter().position(|(name, _)| *name == role).unwrap();
    for (method, path, body, least) in endpoints() {
        let path = path.replace("{request}", &request.id.to_string()).replace("{claim}", &claim);
        let path = path.replace("{name}", "email_proof");
        let path = ["{cycle}", "{token}", "{source}"].iter().fold(path, |path, id| path.replace(id, NOBODY));
        let anyone = admin.anyone.with("if-match", "*");
        let send = async |client: kinlink_testapp::Client| match &body {
            Value::Null => client.send(method, &api(&path), "").await,
            body => client.json(method, &api(&path), body).await,
        };
        send(anyone.clone()).await.problem(401, "unauthorized");
        for (role, token) in roles {
            let answer = send(anyone.bearer(token)).await;
            if rank(role) < rank(least) {
                answer.problem(403, "forbidden");
            } else {
                let status = answer.status.as_u16();
                assert!(
                    ![400, 401, 403, 405, 415, 422].contains(&status) && status < 500,
                    "{role} {method} {path}: {}",
                    answer.text
                );
            }
        }
    }
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
