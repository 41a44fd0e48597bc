//! `/holds`: only safeguarding, two people, and what the rest of the API says of it.

use kinlink_domain::staff::{Actor, StaffRole};
use kinlink_service::access::mint_token;
use kinlink_testapp::family;
use serde_json::json;

use crate::{admin, api, approval};

#[tokio::test]
async fn a_hold_is_placed_asked_about_and_released_by_another_person() {
    let admin = admin().await;
    let lead = admin.anyone.bearer(&admin.kinlink.safeguarding_token);
    let other = Actor { name: "cli:other".into(), role: Some(StaffRole::Administrator) };
    let other = mint_token(&admin.kinlink.app, &other, "other", StaffRole::Safeguarding, None).await.unwrap().secret;
    let other = admin.anyone.bearer(&other);
    let new = json!({"email": "Held@example.org", "reason": "court_order", "reference": "C-17/2026"});
    let placed = lead.post(&api("/holds"), &new).await.expect(201);
    let hold = placed.header("location").to_owned();
    let body = placed.json();
    assert_eq!((body["state"].as_str(), body["email"].as_str()), (Some("in_force"), Some("held@example.org")));
    assert_eq!(hold, format!("/api/v1/admin/holds/{}", body["id"].as_str().unwrap()));
    for client in [&admin.viewer, &admin.approver] {
        client.get(&hold).await.problem(403, "forbidden");
        client.get(&api("/holds")).await.problem(403, "forbidden");
        client.post(&api("/holds"), &new).await.problem(403, "forbidden");
        client.post(&format!("{hold}/release-request"), &json!({})).await.problem(403, "forbidden");
        client.post(&format!("{hold}/release"), &json!({})).await.problem(403, "forbidden");
    }
    lead.post(&format!("{hold}/release"), &json!({})).await.problem(409, "not_asked");
    let asked = lead.post(&format!("{hold}/release-request"), &json!({})).await.expect(200).json();
    assert!(asked["may_release"] == false && asked["release_asked_at"].is_string(), "{asked}");
    // Both tokens were made by the same person.
    admin.administrator.post(&format!("{hold}/release"), &json!({})).await.problem(409, "second_person");
    assert_eq!(other.get(&hold).await.expect(200).json()["may_release"], true);
    let _ = other.send("DELETE", &format!("{hold}/release-request"), "").await.expect(204);
    other.send("DELETE", &format!("{hold}/release-request"), "").await.problem(409, "not_asked");
    let _ = lead.post(&format!("{hold}/release-request"), &json!({})).await.expect(200);
    let waiting = other.get(&api("/holds?view=release_asked&limit=1")).await.expect(200).json();
    assert_eq!(waiting["items"].as_array().unwrap().len(), 1, "{waiting}");
    let released = other.post(&format!("{hold}/release"), &json!({})).await.expect(200).json();
    assert_eq!(released["state"], "over");
    other.post(&format!("{hold}/release"), &json!({})).await.problem(409, "over");
    other.get(&api("/holds?view=odd")).await.problem(422, "invalid_parameters");
    other.get(&api("/holds/0192f0c1-8a5e-7c3e-9d1a-3f1b2c4d5e6f")).await.problem(404, "not_found");
}

#[tokio::test]
async fn what_cannot_be_a_hold_is_refused_field_by_field() {
    let admin = admin().await;
    let lead = admin.anyone.bearer(&admin.kinlink.safeguarding_token);
    let whole = json!({"email": "held@example.org", "reason": "other", "reference": "x"});
    for (field, value, pointer) in [
        ("email", json!(null), "/adult"),
        ("email", json!("nobody"), "/email"),
        ("pupil", json!(99_999_999), "/pupil"),
        ("pupil", json!(-1), "/pupil"),
        ("reference", json!(" "), "/reference"),
        ("reference", json!("x".repeat(101)), "/reference"),
        ("until", json!("2020-01-01T00:00:00Z"), "/until"),
        ("adult", json!("0192f0c1-8a5e-7c3e-9d1a-3f1b2c4d5e6f"), "/email"),
    ] {
        let mut new = whole.clone();
        new[field] = value.clone();
        let problem = lead.post(&api("/holds"), &new).await.expect(422).json();
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{field} {value}: {problem}");
    }
    let unknown = json!({"adult": "0192f0c1-8a5e-7c3e-9d1a-3f1b2c4d5e6f", "reason": "other", "reference": "x"});
    lead.post(&api("/holds"), &unknown).await.problem(404, "not_found");
    assert_eq!(admin.kinlink.count("holds").await, 0);
}

#[tokio::test]
async fn below_safeguarding_the_api_says_whom_to_ask_and_nothing_else() {
    let admin = admin().await;
    let lead = admin.anyone.bearer(&admin.kinlink.safeguarding_token);
    let raw = family(("Rachel", "Turner", "rachel.turner@example.org"), &[("Amelia", "Turner", "7KL")]);
    let request = admin.kinlink.submit(&raw).await;
    let new = json!({"email": "rachel.turner@example.org", "reason": "court_order", "reference": "C-17/2026"});
    let _ = lead.post(&api("/holds"), &new).await.expect(201);
    let path = api(&format!("/requests/{}", request.id));
    for (client, sees) in
        [(&admin.viewer, false), (&admin.approver, false), (&lead, true), (&admin.administrator, true)]
    {
        let shown = client.get(&path).await.expect(200);
        let body = shown.json();
        assert_eq!(body["refer_to_safeguarding"], true);
        assert_eq!(body.get("holds").is_some(), sees, "{body}");
        assert!(!shown.text.contains("C-17/2026"), "the reference stands with the hold alone");
        assert_eq!(shown.text.contains("court_order"), sees);
    }
    for client in [&admin.approver, &lead, &admin.administrator] {
        let refused = client.with("if-match", "*").post(&format!("{path}/approve"), &approval()).await;
        refused.problem(409, "refer_to_safeguarding");
    }
    assert_eq!(admin.kinlink.count("adults").await, 0);
}
