//! One request, login rows, cycles, settings.

use std::sync::{Arc, atomic::Ordering};

use kinlink_admin::{AdminState, router};
use kinlink_testapp::{Client, family};
use serde_json::{Value, json};

use crate::{admin, api, approval, sign_in};

#[tokio::test]
async fn a_request_is_shown_by_id_and_by_reference() {
    let admin = admin().await;
    let request = admin.turner(&[("Amelia", "Turner", "7KL")]).await;
    let by_id = admin.viewer.get(&api(&format!("/requests/{}", request.id))).await.expect(200);
    assert_eq!(by_id.header("etag"), "\"v1\"");
    let typed = request.reference.as_str().to_lowercase().replace('-', "");
    let by_reference = admin.viewer.get(&api(&format!("/requests/{typed}"))).await.expect(200);
    assert_eq!(by_reference.json(), by_id.json());
    let shown = by_id.json();
    assert_eq!((&shown["matches"][0]["verdict"], &shown["status"]), (&json!("exact"), &json!("pending")));
    assert!(shown["actions"].as_array().unwrap().contains(&json!("approve")));
    for name in ["x", "K7QX-2M9D", "0192f0c1-8a5e-7c3e-9d1a-3f1b2c4d5e6f", "%00"] {
        admin.viewer.get(&api(&format!("/requests/{name}"))).await.problem(404, "not_found");
    }
}

#[tokio::test]
async fn login_rows_are_revoked_all_or_none() {
    let admin = admin().await;
    let request = admin.turner(&[("Amelia", "Turner", "7KL")]).await;
    let _ = admin.decide(&request, "approve", &approval()).await.expect(200);
    let revoke = async |body: Value| admin.approver.post(&api("/login-rows/revoke"), &body).await;
    let name = "rachel.turner@example.org";
    revoke(json!({"usernames": [name, "nobody@example.org"]})).await.problem(404, "not_found");
    let many: Vec<String> = (0..11).map(|i| format!("u{i}@example.org")).collect();
    revoke(json!({"usernames": many})).await.problem(422, "confirm_number");
    revoke(json!({"usernames": many, "confirm": 10})).await.problem(422, "confirm_number");
    revoke(json!({"usernames": many, "confirm": 11})).await.problem(404, "not_found");
    let many: Vec<String> = (0..1_001).map(|i| format!("{i:0>100}")).collect();
    revoke(json!({"usernames": many, "confirm": 1001})).await.problem(422, "too_many");
    assert_eq!(
        revoke(json!({"usernames": ["a\u{0}b", "x", ""]})).await.problem(422, "invalid_fields"),
        ["/usernames/0 invalid", "/usernames/2 invalid"]
    );
    assert_eq!(admin.viewer.get(&api("/login-rows")).await.json()["items"].as_array().unwrap().len(), 1);

    assert_eq!(revoke(json!({"usernames": [name]})).await.expect(200).json(), json!({"revoked": 1}));
    assert_eq!(admin.viewer.get(&api("/login-rows")).await.json()["items"], json!([]));
    assert_eq!(admin.show(&request).await["status"], "withdrawn");
}

#[tokio::test]
async fn a_cycle_can_be_asked_for() {
    let admin = admin().await;
    let asked = admin.approver.post(&api("/cycles"), &json!({"action": "reconcile"})).await.expect(202);
    let id = asked.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(asked.json(), json!({"id": id, "state": "queued"}));
    assert_eq!(admin.woken.load(Ordering::SeqCst), 1);
    let shown = admin.viewer.get(asked.header("location")).await.expect(200).json();
    assert_eq!(
        (&shown["action"], &shown["state"], &shown["results"]),
        (&json!("reconcile"), &json!("queued"), &json!([]))
    );
    let listed = admin.viewer.get(&api("/cycles")).await.expect(200).json();
    assert_eq!((&listed["items"][0]["id"], &listed["next"]), (&json!(id), &json!(null)));
    for (body, expected) in [(json!({}), "/action required"), (json!({"action": "apply"}), "/action invalid")] {
        assert_eq!(admin.approver.post(&api("/cycles"), &body).await.problem(422, "invalid_fields"), [expected]);
    }
    admin.viewer.post(&api("/cycles"), &json!({"action": "cycle"})).await.problem(403, "forbidden");
    assert_eq!(admin.woken.load(Ordering::SeqCst), 1, "only who may ask wakes the provisioner");
    admin.viewer.get(&api("/cycles/x")).await.problem(404, "not_found");
}

#[tokio::test]
async fn settings_are_listed_with_their_meaning_and_checked() {
    let admin = admin().await;
    let listed = admin.administrator.get(&api("/settings")).await.expect(200).json();
    let listed = listed["items"].as_array().unwrap().clone();
    assert!(listed.iter().all(|setting| !setting["meaning"].as_str().unwrap().is_empty()));
    let set = async |name: &str, value: Value| {
        admin.administrator.json("PUT", &api(&format!("/settings/{name}")), &json!({ "value": value })).await
    };
    assert_eq!(set("email_proof_hours", json!("24")).await.expect(200).json()["value"], "24");
    assert_eq!(set("email_proof_hours", json!("0")).await.problem(422, "invalid_fields"), ["/value invalid"]);
    assert_eq!(set("email_proof_hours", json!(24)).await.problem(422, "invalid_fields"), ["/value invalid"]);
    set("colour", json!("red")).await.problem(404, "not_found");
    let listed = admin.administrator.get(&api("/settings")).await.expect(200).text;
    assert!(listed.contains("\"24\""));
}

#[tokio::test]
async fn a_value_in_the_store_that_does_not_fit_is_an_internal_error_that_shows_nothing() {
    let admin = admin().await;
    let sql = "INSERT INTO settings (name, value, changed_at, changed_by) VALUES ('email_proof', 'secret', 0, 'x')";
    admin.kinlink.store.db.execute(sql, []).await.unwrap();
    let answer = admin.administrator.get(&api("/settings")).await;
    answer.problem(500, "internal");
    assert!(!answer.text.contains("email_proof") && !answer.text.contains("secret"), "{}", answer.text);
}

#[tokio::test]
async fn bodies_and_addresses_that_are_wrong() {
    let admin = admin().await;
    let request = admin.kinlink.submit(&family(("A", "B", "a@example.org"), &[("Amelia", "Turner", "7KL")])).await;
    let path = api(&format!("/requests/{}/deny", request.id));
    let client = admin.approver.with("if-match", "\"v1\"");
    assert_eq!(client.post(&path, &json!({"why": "x"})).await.problem(422, "invalid_fields"), ["/why unknown_field"]);
    assert_eq!(client.post(&path, &json!({"reason": 1})).await.problem(422, "invalid_fields"), ["/reason invalid"]);
    assert_eq!(
        client.post(&path, &json!({"reason": "r".repeat(33)})).await.problem(422, "invalid_fields"),
        ["/reason invalid"]
    );
    client.with("content-type", "application/json").send("POST", &path, "{").await.problem(400, "bad_json");
    client.post(&path, &json!({"note": "x".repeat(33_000)})).await.problem(413, "too_large");
    admin.approver.get(&path).await.problem(405, "method_not_allowed");
    admin.approver.get(&api("/nothing")).await.problem(404, "not_found");
    admin.approver.get("/").await.problem(404, "not_found");
    assert_eq!(admin.now(&request).await.version, 1);
}

#[tokio::test]
async fn a_panic_is_an_internal_problem_and_the_function_goes_on() {
    let kinlink = kinlink_testapp::app().await;
    let state = AdminState {
        app: kinlink.app.clone(),
        wake: Arc::new(|| panic!("somebody's name")),
        school: kinlink.school.clone(),
        demonstration: false,
        sign_in: sign_in(&kinlink),
    };
    let client = Client::new(router(state)).bearer(&kinlink.admin_token);
    let answer = client.post(&api("/cycles"), &json!({"action": "cycle"})).await;
    answer.problem(500, "internal");
    assert!(!answer.text.contains("somebody"), "{}", answer.text);
    let _ = client.get(&api("/cycles")).await.expect(200);
}
