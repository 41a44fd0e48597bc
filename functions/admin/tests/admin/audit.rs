//! The audit by its API: the list, the files, and whether it is what was written.

use serde_json::{Value, json};

use crate::{admin, api, approval};

#[tokio::test]
async fn entries_are_listed_newest_first_in_pages_with_their_hashes() {
    let admin = admin().await;
    let request = admin.turner(&[("Amelia", "Turner", "7KL")]).await;
    let _ = admin.decide(&request, "approve", &approval()).await.expect(200);
    let about = api(&format!("/audit?subject=request:{}&limit=1", request.id));
    let first = admin.administrator.get(&about).await.expect(200).json();
    assert_eq!(first["items"][0]["action"], "request.approve");
    assert_eq!(first["items"][0]["hash"].as_str().unwrap().len(), 64);
    let next = first["next"].as_str().unwrap();
    let second = admin.administrator.get(&format!("{about}&cursor={next}")).await.expect(200).json();
    assert_eq!((&second["items"][0]["action"], &second["next"]), (&json!("request.submit"), &Value::Null));
    admin.administrator.get(&format!("{about}&cursor=LTE")).await.problem(400, "bad_cursor");
    let wrong = admin.administrator.get(&api("/audit?from=yesterday&who=me")).await.problem(422, "invalid_parameters");
    assert_eq!(wrong, ["from invalid", "who unknown_parameter"]);
    for path in ["/audit", "/audit/export.jsonl", "/audit/export.csv", "/audit/verification"] {
        admin.approver.get(&api(path)).await.problem(403, "forbidden");
    }
}

#[tokio::test]
async fn the_files_hold_every_entry_and_say_that_they_were_taken() {
    let admin = admin().await;
    let request = admin.turner(&[("Amelia", "Turner", "7KL")]).await;
    let lines = admin.administrator.get(&api("/audit/export.jsonl")).await.expect(200);
    assert_eq!(lines.header("content-type"), "application/jsonl");
    let entries: Vec<Value> = lines.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let numbers: Vec<i64> = entries.iter().map(|entry| entry["seq"].as_i64().unwrap()).collect();
    assert_eq!(numbers, (1..).take(numbers.len()).collect::<Vec<_>>());
    assert_eq!(entries.last().unwrap()["action"], "audit.export", "taking it is noted before it is read");
    let csv = admin.administrator.get(&api(&format!("/audit/export.csv?subject=request:{}", request.id))).await;
    let csv = csv.expect(200);
    assert_eq!(csv.header("content-type"), "text/csv; charset=utf-8");
    assert_eq!(csv.text.lines().count(), 2, "{}", csv.text);
    let none = admin.administrator.get(&api("/audit/export.jsonl?actor=nobody")).await.expect(200);
    assert_eq!(none.text, "");
}

#[tokio::test]
async fn a_changed_entry_is_named_and_a_chain_that_was_made_anew_is_not_the_one_that_was_noted() {
    let admin = admin().await;
    let verify = async |query: &str| {
        admin.administrator.get(&api(&format!("/audit/verification{query}"))).await.expect(200).json()
    };
    let noted = verify("").await;
    assert_eq!((&noted["whole"], &noted["broken"]), (&json!(true), &Value::Null));
    let (seq, hash) = (noted["last"]["seq"].as_i64().unwrap(), noted["last"]["hash"].as_str().unwrap().to_owned());
    admin.turner(&[("Amelia", "Turner", "7KL")]).await;
    assert_eq!(verify(&format!("?seq={seq}&hash={hash}")).await["whole"], true);
    let other = verify(&format!("?seq={}&hash={hash}", seq + 1)).await;
    assert_eq!((&other["whole"], &other["broken"]["seq"]), (&json!(false), &json!(seq + 1)));
    let store = &admin.kinlink.app.store;
    store.execute("UPDATE audit SET detail = '{\"role\":\"viewer\"}' WHERE seq = 2", []).await.unwrap();
    let broken = verify("").await;
    assert_eq!((&broken["whole"], &broken["broken"]["seq"]), (&json!(false), &json!(2)));
    let _ = admin.administrator.get(&api("/audit/verification?seq=0")).await.expect(200);
}
