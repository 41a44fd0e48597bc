//! `/adults/{adult}/email-change`, and requests that ask for another address.

use kinlink_testapp::family;
use serde_json::{Value, json};

use crate::{Admin, admin, api, approval};

const AMELIA: (&str, &str, &str) = ("Amelia", "Turner", "7KL");
const NEW: &str = "rachel@new.example.org";

/// Mrs Turner with access, and the path of her address.
async fn turner(admin: &Admin) -> (String, String) {
    let request = admin.turner(&[AMELIA]).await;
    let _ = admin.decide(&request, "approve", &approval()).await.expect(200);
    let rows = admin.viewer.get(&api("/login-rows")).await.expect(200).json();
    let adult = rows["items"][0]["adult"].as_str().unwrap().to_owned();
    let path = api(&format!("/adults/{adult}/email-change"));
    (adult, path)
}

#[tokio::test]
async fn a_change_is_begun_seen_replaced_and_taken_back() {
    let admin = admin().await;
    let (_, path) = turner(&admin).await;
    let shown = admin.viewer.get(&path).await.expect(200).json();
    assert_eq!(shown, json!({"email": "rachel.turner@example.org", "change": null, "in_moodle": "follows"}));
    let begun = admin.approver.post(&path, &json!({ "email": " Rachel@New.example.org " })).await.expect(202).json();
    assert_eq!(
        (&begun["email"], &begun["standing"], &begun["shared"]),
        (&json!(NEW), &json!("waiting"), &json!(false))
    );
    assert_eq!(admin.viewer.get(&path).await.expect(200).json()["change"], begun);
    admin.kinlink.clock.advance(jiff::SignedDuration::from_secs(1));
    let again = admin.approver.post(&path, &json!({ "email": "third@example.org" })).await.expect(202).json();
    assert_eq!(admin.viewer.get(&path).await.expect(200).json()["change"], again);
    let _ = admin.approver.send("DELETE", &path, "").await.expect(204);
    assert_eq!(admin.viewer.get(&path).await.expect(200).json()["change"]["standing"], "withdrawn");
    admin.approver.send("DELETE", &path, "").await.problem(409, "no_email_change");
}

#[tokio::test]
async fn what_cannot_be_is_refused_and_changes_nothing() {
    let admin = admin().await;
    let (_, path) = turner(&admin).await;
    for (body, status, code, errors) in [
        (json!({ "email": "nonsense" }), 422, "invalid_fields", vec!["/email invalid"]),
        (json!({}), 422, "invalid_fields", vec!["/email required"]),
        (json!({ "email": NEW, "colour": 1 }), 422, "invalid_fields", vec!["/colour unknown_field"]),
        (json!({ "email": "RACHEL.turner@example.org" }), 409, "same_address", vec![]),
        (json!({ "email": "k.larsen@school.example.org" }), 409, "shared_mailbox", vec!["/shared invalid"]),
    ] {
        assert_eq!(admin.approver.post(&path, &body).await.problem(status, code), errors, "{body}");
    }
    admin.viewer.post(&path, &json!({ "email": NEW })).await.problem(403, "forbidden");
    admin.viewer.send("DELETE", &path, "").await.problem(403, "forbidden");
    for unknown in ["x", "0192f0c1-8a5e-7c3e-9d1a-3f1b2c4d5e6f"] {
        let path = api(&format!("/adults/{unknown}/email-change"));
        admin.viewer.get(&path).await.problem(404, "not_found");
        admin.approver.post(&path, &json!({ "email": NEW })).await.problem(404, "not_found");
        admin.approver.send("DELETE", &path, "").await.problem(404, "not_found");
    }
    assert_eq!(admin.kinlink.count("email_changes").await, 0);
    let shared = json!({ "email": "k.larsen@school.example.org", "shared": true });
    let _ = admin.approver.post(&path, &shared).await.expect(202);
    admin.kinlink.moodle.db.close().await;
    assert_eq!(admin.viewer.get(&path).await.expect(200).json()["in_moodle"], "unknown");
    admin.approver.post(&path, &json!({ "email": NEW })).await.problem(503, "moodle_unavailable");
}

#[tokio::test]
async fn a_request_for_another_address_names_its_adult_and_the_new_address() {
    let admin = admin().await;
    let (adult, path) = turner(&admin).await;
    let mut raw = family(("Rachel", "Turner", NEW), &[]);
    raw.kind = Some("change_email".into());
    let request = admin.kinlink.submit(&raw).await;
    let seen = admin.show(&request).await;
    assert_eq!((&seen["new_username"], &seen["adults"][0]["id"]), (&Value::Null, &json!(adult)));
    admin.decide(&request, "approve", &approval()).await.problem(409, "adult_not_clear");
    let mut body = approval();
    body["account"] = json!({ "adult": adult });
    body["new_email"] = json!("nonsense");
    assert_eq!(admin.decide(&request, "approve", &body).await.problem(422, "invalid_fields"), ["/new_email invalid"]);
    body.as_object_mut().unwrap().remove("new_email");
    let done = admin.decide(&request, "approve", &body).await.expect(200).json();
    assert_eq!(done["status"], "provisioned");
    let shown = admin.viewer.get(&path).await.expect(200).json();
    assert_eq!((&shown["email"], &shown["change"]["standing"]), (&json!(NEW), &json!("done")));
}

#[tokio::test]
async fn the_user_name_that_a_new_account_would_get_is_said_before() {
    let admin = admin().await;
    let first = admin.turner(&[AMELIA]).await;
    assert_eq!(admin.show(&first).await["new_username"], "rachel.turner@example.org");
    let _ = admin.decide(&first, "approve", &approval()).await.expect(200);
    let raw = family(("Mark", "Turner", "rachel.turner@example.org"), &[("Isla", "Turner", "8TH")]);
    let second = admin.kinlink.submit(&raw).await;
    let shown = admin.show(&second).await["new_username"].clone();
    assert_eq!(shown, "rachel.turner-2@example.org");
    let mut body = approval();
    body["account"] = json!("new");
    let _ = admin.decide(&second, "approve", &body).await.expect(200);
    let rows = admin.viewer.get(&api("/login-rows?q=mark")).await.expect(200).json();
    assert_eq!(rows["items"][0]["username"], shown, "as it was said");
    let odd = family(("Bea", "Odd", "o'neil+x@example.org"), &[AMELIA]);
    let odd = admin.kinlink.submit(&odd).await;
    assert_eq!(admin.show(&odd).await["new_username"], "oneil-x@example.org", "as Moodle accepts it");
    admin.kinlink.moodle.db.close().await;
    assert_eq!(admin.show(&odd).await["new_username"], Value::Null);
}
