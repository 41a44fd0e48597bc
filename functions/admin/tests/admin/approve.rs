//! Approving: what is linked, what is refused, and why.

use kinlink_testapp::family;
use serde_json::{Value, json};

use crate::{Admin, admin, api, approval};

const AMELIA: (&str, &str, &str) = ("Amelia", "Turner", "7KL");
const ISLA: (&str, &str, &str) = ("Isla", "Turner", "8TH");

fn picking(claim: &Value, pick: &Value) -> Value {
    let mut body = approval();
    body["claims"] = json!([{ "claim": claim, "pick": pick }]);
    body
}

async fn usernames(admin: &Admin) -> Vec<String> {
    let rows = admin.viewer.get(&api("/login-rows")).await.expect(200).json();
    rows["items"].as_array().unwrap().iter().map(|row| row["username"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn an_exact_match_gives_a_login_row_a_link_and_a_job() {
    let admin = admin().await;
    let request = admin.turner(&[AMELIA]).await;
    let answer = admin.decide(&request, "approve", &approval()).await.expect(200);
    assert_eq!(answer.header("etag"), "\"v2\"");
    let decided = answer.json();
    assert_eq!((&decided["status"], &decided["version"]), (&json!("approved"), &json!(2)));
    assert_eq!(decided["children"][0]["state"], "approved");
    assert_eq!(usernames(&admin).await, ["rachel.turner@example.org"]);
    let links = admin.viewer.get(&api("/links?active=true")).await.expect(200).json();
    assert_eq!(links["items"][0]["pupil"], decided["children"][0]["pupil"]);
    assert_eq!((links["items"].as_array().unwrap().len(), &links["next"]), (1, &json!(null)));
    let health = admin.viewer.get(&api("/health")).await.expect(200).json();
    assert_eq!(health["jobs"], json!({"ready": 1, "dead": 0}));
}

#[tokio::test]
async fn ambiguous_children_wait_for_a_pick() {
    let admin = admin().await;
    let raw = family(("Catherine", "Jones", "catherine.jones@example.org"), &[("Emily", "Jones", "8MB")]);
    let request = admin.kinlink.submit(&raw).await;
    let errors = admin.decide(&request, "approve", &approval()).await.problem(422, "invalid_fields");
    assert_eq!(errors, ["/claims/0 invalid"]);
    let shown = admin.show(&request).await;
    let matching = &shown["matches"][0];
    assert_eq!((&matching["verdict"], matching["candidates"].as_array().unwrap().len()), (&json!("ambiguous"), 2));
    let pupil = &matching["candidates"][1]["pupil"]["id"];
    let body = picking(&matching["claim"], &json!({ "pupil": pupil }));
    let decided = admin.decide(&request, "approve", &body).await.expect(200).json();
    assert_eq!(&decided["children"][0]["pupil"], pupil);
}

#[tokio::test]
async fn nobody_is_linked_to_who_is_no_pupil() {
    let admin = admin().await;
    let request = admin.turner(&[AMELIA]).await;
    let claim = admin.show(&request).await["children"][0]["claim"].clone();
    // The guest, the administrator, a teacher, nobody.
    for user in [1, 2, 3, 1_000_000] {
        let answer = admin.decide(&request, "approve", &picking(&claim, &json!({ "pupil": user }))).await;
        assert_eq!(answer.problem(422, "invalid_fields"), ["/claims/0/pick invalid"]);
    }
    for (body, pointer) in [
        (picking(&json!("x"), &json!("exact")), "/claims/0/claim invalid"),
        (picking(&json!(admin.kinlink.app.new_uuid()), &json!("exact")), "/claims/0/claim invalid"),
        (picking(&claim, &json!("all")), "/claims/0/pick invalid"),
        (picking(&claim, &json!({ "pupil": "3" })), "/claims/0/pick/pupil invalid"),
    ] {
        let errors = admin.decide(&request, "approve", &body).await.problem(422, "invalid_fields");
        assert_eq!(errors, [pointer], "{body}");
    }
    assert_eq!(admin.kinlink.count("links").await, 0);
    assert_eq!(admin.now(&request).await.version, 1);
}

#[tokio::test]
async fn the_checks_in_the_mis_must_be_confirmed() {
    let admin = admin().await;
    let request = admin.turner(&[AMELIA]).await;
    let body = json!({"checks": {"details_match": true}});
    let errors = admin.decide(&request, "approve", &body).await.problem(422, "invalid_fields");
    assert_eq!(errors, ["/checks/no_critical_note required", "/checks/no_similar_pupil required"]);
    let relaxed = admin.administrator.json("PUT", &api("/settings/require_checks"), &json!({"value": "no"})).await;
    assert_eq!(relaxed.expect(200).json()["value"], "false");
    let _ = admin.decide(&request, "approve", &json!({})).await.expect(200);
}

#[tokio::test]
async fn another_child_joins_the_same_account() {
    let admin = admin().await;
    let first = admin.turner(&[AMELIA]).await;
    let _ = admin.decide(&first, "approve", &approval()).await.expect(200);
    let second = admin.turner(&[ISLA]).await;
    assert_eq!(admin.show(&second).await["adults"].as_array().unwrap().len(), 1);
    let _ = admin.decide(&second, "approve", &approval()).await.expect(200);
    assert_eq!(usernames(&admin).await.len(), 1);
    assert_eq!((admin.kinlink.count("adults").await, admin.kinlink.count("links").await), (1, 2));
}

#[tokio::test]
async fn two_people_with_one_mailbox_are_told_apart_by_a_person() {
    let admin = admin().await;
    let first = admin.turner(&[AMELIA]).await;
    let _ = admin.decide(&first, "approve", &approval()).await.expect(200);
    let raw = family(("Mark", "Turner", "rachel.turner@example.org"), &[ISLA]);
    let second = admin.kinlink.submit(&raw).await;
    let errors = admin.decide(&second, "approve", &approval()).await.problem(409, "shared_mailbox");
    assert_eq!(errors, ["/account/adult invalid"]);
    let mut body = approval();
    body["account"] = json!("new");
    let _ = admin.decide(&second, "approve", &body).await.expect(200);
    assert_eq!(usernames(&admin).await.len(), 2);
    assert_eq!(admin.kinlink.count("adults").await, 2);
}

#[tokio::test]
async fn an_account_that_signs_in_another_way_is_named_and_can_be_chosen() {
    let admin = admin().await;
    let raw = family(("Kirsten", "Larsen", "k.larsen@school.example.org"), &[("Sophie", "Larsen", "9TH")]);
    let request = admin.kinlink.submit(&raw).await;
    let errors = admin.decide(&request, "approve", &approval()).await.problem(409, "account_exists");
    assert_eq!(errors, ["/account/moodle_user invalid"]);
    let account = admin.show(&request).await["accounts"][0].clone();
    assert_eq!((&account["auth"], &account["is_pupil"]), (&json!("manual"), &json!(false)));
    let mut body = approval();
    body["account"] = json!({ "moodle_user": account["id"] });
    let _ = admin.decide(&request, "approve", &body).await.expect(200);
    assert!(usernames(&admin).await.is_empty(), "the account signs in as before");
    assert_eq!(admin.kinlink.count("links").await, 1);
}

#[tokio::test]
async fn without_moodle_nothing_is_approved_and_the_request_can_still_be_read() {
    let admin = admin().await;
    let request = admin.turner(&[AMELIA]).await;
    admin.kinlink.moodle.db.close().await;
    let answer = admin.decide(&request, "approve", &approval()).await;
    answer.problem(503, "moodle_unavailable");
    assert_eq!(answer.header("retry-after"), "5");
    let shown = admin.show(&request).await;
    assert_eq!((&shown["matches"], &shown["status"]), (&json!(null), &json!("pending")));
}
