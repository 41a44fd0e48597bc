//! Every other decision, and the guard that nobody decides on what they did not see.

use kinlink_domain::request::Status;
use serde_json::{Value, json};

use crate::{admin, api, approval};

const AMELIA: (&str, &str, &str) = ("Amelia", "Turner", "7KL");
const ISLA: (&str, &str, &str) = ("Isla", "Turner", "8TH");

#[tokio::test]
async fn deciding_needs_the_version_that_was_seen() {
    let admin = admin().await;
    let request = admin.turner(&[AMELIA]).await;
    let claim = admin.show(&request).await["children"][0]["claim"].as_str().unwrap().to_owned();
    let base = format!("/requests/{}", request.id);
    for (method, path, body) in [
        ("POST", format!("{base}/approve"), approval()),
        ("POST", format!("{base}/deny"), json!({})),
        ("POST", format!("{base}/duplicate"), json!({})),
        ("POST", format!("{base}/bogus"), json!({})),
        ("POST", format!("{base}/ask"), json!({})),
        ("POST", format!("{base}/reopen"), json!({})),
        ("POST", format!("{base}/claims/{claim}/withdraw"), json!({})),
        ("PUT", format!("{base}/note"), json!({"note": "x"})),
        ("PATCH", base.clone(), json!({"title": "Dr"})),
    ] {
        let path = api(&path);
        let send = async |tag: &str| admin.approver.with("if-match", tag).json(method, &path, &body).await;
        admin.approver.json(method, &path, &body).await.problem(428, "precondition_required");
        send("\"v0\"").await.problem(412, "stale");
        send("\"v2\"").await.problem(412, "stale");
        send("\"abc\"").await.problem(412, "stale");
        send("v1").await.problem(400, "bad_if_match");
    }
    assert_eq!(admin.now(&request).await.version, 1);
}

#[tokio::test]
async fn one_click_decides_once() {
    let admin = admin().await;
    let request = admin.turner(&[AMELIA]).await;
    let _ =
        admin.decide(&request, "deny", &json!({"reason": "not_on_file", "note": "no such child"})).await.expect(200);
    admin.decide(&request, "deny", &json!({})).await.problem(412, "stale");
    let now = admin.now(&request).await;
    admin.decide(&now, "deny", &json!({})).await.problem(409, "wrong_status");
    let any = admin.approver.with("if-match", "*");
    any.post(&api(&format!("/requests/{}/deny", request.id)), &json!({})).await.problem(409, "wrong_status");
    let history = admin.show(&request).await["history"].clone();
    let denied: Vec<&Value> = history.as_array().unwrap().iter().filter(|entry| entry["action"] == "deny").collect();
    assert_eq!(denied.len(), 1);
    assert_eq!((&denied[0]["reason"], &denied[0]["note"]), (&json!("not_on_file"), &json!("no such child")));
}

#[tokio::test]
async fn denying_after_approval_takes_the_login_row_away_at_once() {
    let admin = admin().await;
    let request = admin.turner(&[AMELIA, ISLA]).await;
    let _ = admin.decide(&request, "approve", &approval()).await.expect(200);
    let approved = admin.now(&request).await;
    let denied = admin.decide(&approved, "deny", &json!({})).await.expect(200).json();
    assert_eq!(denied["status"], "denied");
    let rows = admin.viewer.get(&api("/login-rows")).await.expect(200).json();
    assert_eq!(rows["items"], json!([]));
    let links = admin.viewer.get(&api("/links")).await.expect(200).json();
    let links = links["items"].as_array().unwrap();
    assert!(links.len() == 2 && links.iter().all(|link| link["active"] == false && link["end_reason"] == "deny"));
}

#[tokio::test]
async fn one_child_can_be_withdrawn() {
    let admin = admin().await;
    let request = admin.turner(&[AMELIA, ISLA]).await;
    let approved = admin.decide(&request, "approve", &approval()).await.expect(200).json();
    let claim = approved["children"][1]["claim"].as_str().unwrap();
    let now = admin.now(&request).await;
    let left = admin.decide(&now, &format!("claims/{claim}/withdraw"), &json!({})).await.expect(200).json();
    let states: Vec<_> = left["children"].as_array().unwrap().iter().map(|child| child["state"].clone()).collect();
    assert_eq!(states, ["approved", "withdrawn"]);
    let rows = admin.viewer.get(&api("/login-rows?q=rachel")).await.expect(200).json();
    assert_eq!(rows["items"].as_array().unwrap().len(), 1);
    let now = admin.now(&request).await;
    admin.decide(&now, &format!("claims/{claim}/withdraw"), &json!({})).await.problem(409, "not_approved");
    let other = admin.kinlink.app.new_uuid();
    admin.decide(&now, &format!("claims/{other}/withdraw"), &json!({})).await.problem(404, "not_found");
    admin.decide(&now, "claims/x/withdraw", &json!({})).await.problem(404, "not_found");
}

#[tokio::test]
async fn the_other_ways_to_end_and_the_way_back() {
    let admin = admin().await;
    let request = admin.turner(&[AMELIA]).await;
    for (action, status) in [
        ("ask", Status::WaitingForParent),
        ("duplicate", Status::Duplicate),
        ("reopen", Status::Pending),
        ("bogus", Status::Bogus),
        ("reopen", Status::Pending),
    ] {
        let now = admin.now(&request).await;
        // The reference does as well as the id, and a reason need not be given.
        let path = api(&format!("/requests/{}/{action}", request.reference));
        let tagged = admin.approver.with("if-match", format!("W/\"v{}\"", now.version));
        let decided = tagged.send("POST", &path, "").await.expect(200);
        assert_eq!(decided.json()["status"], status.code(), "{action}");
        assert_eq!(decided.header("etag"), format!("\"v{}\"", now.version + 1));
    }
}

#[tokio::test]
async fn corrections_and_notes() {
    let admin = admin().await;
    let request = admin.turner(&[ISLA, ("Amelie", "Turner", "7KL")]).await;
    let claim = admin.show(&request).await["children"][1]["claim"].clone();
    let path = api(&format!("/requests/{}", request.id));
    let correct = async |version: i64, body: &Value| {
        admin.approver.with("if-match", format!("\"v{version}\"")).json("PATCH", &path, body).await
    };
    let body = json!({"title": "Dr", "children": [{"claim": claim, "given_name": "Amelia"}]});
    let corrected = correct(1, &body).await.expect(200).json();
    assert_eq!((&corrected["title"], &corrected["children"][1]["given_name"]), (&json!("Dr"), &json!("Amelia")));
    let errors = correct(2, &json!({"given_name": " ", "email": "x"})).await.problem(422, "invalid_fields");
    assert_eq!(errors, ["/email invalid", "/given_name required"]);
    let body = json!({"children": [{"claim": claim, "family_name": "x\u{0}"}]});
    assert_eq!(correct(2, &body).await.problem(422, "invalid_fields"), ["/children/0/family_name unprintable"]);
    assert_eq!(
        correct(2, &json!({"status": "approved"})).await.problem(422, "invalid_fields"),
        ["/status unknown_field"]
    );

    let note = async |version: i64, text: String| {
        let client = admin.approver.with("if-match", format!("\"v{version}\""));
        client.json("PUT", &format!("{path}/note"), &json!({ "note": text })).await
    };
    let _ = note(2, "Rang the office.\nTwo homes.".into()).await.expect(200);
    assert_eq!(admin.show(&request).await["staff_note"], "Rang the office.\nTwo homes.");
    assert_eq!(note(3, "x".repeat(4_001)).await.problem(422, "invalid_fields"), ["/note too_long"]);
    assert_eq!(admin.now(&request).await.version, 3);
}

#[tokio::test]
async fn a_question_with_a_message_is_mailed_and_shown() {
    let admin = admin().await;
    let request = admin.turner(&[AMELIA]).await;
    let errors = admin.decide(&request, "ask", &json!({"message": " "})).await.problem(422, "invalid_fields");
    assert_eq!(errors, ["/message required"]);
    let errors = admin.decide(&request, "deny", &json!({"message": "No."})).await.problem(422, "invalid_fields");
    assert_eq!(errors, ["/message invalid"], "only a question is sent");
    let asked = json!({"reason": "which_child", "note": "two of this name", "message": "Which tutor group?"});
    let asked = admin.decide(&request, "ask", &asked).await.expect(200).json();
    assert_eq!((&asked["status"], &asked["replied"]), (&json!("waiting_for_parent"), &json!(false)));
    let shown = admin.show(&request).await;
    assert_eq!(shown["question"], "Which tutor group?");
    let history = shown["history"].as_array().unwrap();
    let entry = history.iter().find(|entry| entry["action"] == "ask").unwrap();
    assert_eq!((&entry["message"], &entry["note"]), (&json!("Which tutor group?"), &json!("two of this name")));
    assert!(shown["mails"].as_array().unwrap().iter().any(|mail| mail["letter"] == "question"), "{shown}");
}
