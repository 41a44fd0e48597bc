//! Who may send.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use kinlink_service::access::{revoke_source, webhook_signature};
use kinlink_testapp::{Client, administrator};
use serde_json::json;

use crate::{HOOK, Intake, REQUESTS, form_of, good, intake, reference, set};

#[tokio::test]
async fn keys_come_in_two_headers() {
    let intake = intake().await;
    let first = reference(&intake.form.post(REQUESTS, &good()).await);
    let bearer = intake.anyone.bearer(&intake.kinlink.source_key);
    assert_eq!(reference(&bearer.post(REQUESTS, &good()).await), first);
    assert_eq!(reference(&bearer.post(HOOK, &json!({"parent_moodle_provisioning": "1"})).await).len(), 9);
}

#[tokio::test]
async fn who_is_not_known_always_gets_the_same_answer() {
    let intake = intake().await;
    let key = &intake.kinlink.source_key;
    let (head, _) = key.rsplit_once('_').unwrap();
    for path in [REQUESTS, HOOK] {
        let nobody = intake.anyone.post(path, &good()).await;
        nobody.problem(401, "unauthorized");
        assert_eq!(nobody.header("www-authenticate"), "Bearer");
        for wrong in [
            "x",
            "kls_",
            &format!("{head}_AAAA"),
            &format!("{key}A"),
            &key.replacen("kls_0", "kls_1", 1),
            &intake.kinlink.admin_token,
        ] {
            let answer = intake.anyone.with("x-api-key", wrong).post(path, &good()).await;
            assert_eq!((form_of(&answer), &answer.text), (form_of(&nobody), &nobody.text), "{wrong}");
        }
        // Also for a body that could not be read: strangers learn nothing about it.
        assert_eq!(intake.anyone.send("POST", path, "{").await.text, nobody.text);
    }
    assert_eq!(intake.kinlink.count("requests").await, 0);
}

#[tokio::test]
async fn a_revoked_source_may_not_send_any_more() {
    let intake = intake().await;
    let _ = intake.form.post(REQUESTS, &good()).await.expect(202);
    revoke_source(&intake.kinlink.app, &administrator(), intake.kinlink.source_id).await.unwrap();
    intake.form.post(REQUESTS, &good()).await.problem(401, "unauthorized");
    intake.form.post(HOOK, &good()).await.problem(401, "unauthorized");
    signed(&intake, "msg_1", 0, &good().to_string())
        .send("POST", REQUESTS, good().to_string())
        .await
        .problem(401, "unauthorized");
}

/// A client with the headers of a webhook that the source signed.
fn signed(intake: &Intake, id: &str, off_seconds: i64, body: &str) -> Client {
    let key = &intake.kinlink.source_key;
    let secret = &key[format!("kls_{}_", intake.kinlink.source_id).len()..];
    let timestamp = (intake.kinlink.clock.now().as_second() + off_seconds).to_string();
    let signature = webhook_signature(secret, id, &timestamp, body.as_bytes());
    intake
        .anyone
        .with("x-kinlink-source", intake.kinlink.source_id.to_string())
        .with("webhook-id", id)
        .with("webhook-timestamp", timestamp)
        .with("webhook-signature", format!("v1,{} v1,{signature}", STANDARD.encode("another")))
        .with("content-type", "application/json")
}

#[tokio::test]
async fn signed_webhooks() {
    let intake = intake().await;
    let body = good().to_string();
    let first = reference(&signed(&intake, "msg_1", 0, &body).send("POST", REQUESTS, body.clone()).await);
    assert_eq!(intake.kinlink.request(&first).await.source, Some(intake.kinlink.source_id));
    // The id is the key of idempotency: the same once more, later and signed anew.
    assert_eq!(reference(&signed(&intake, "msg_1", 299, &body).send("POST", REQUESTS, body.clone()).await), first);
    let other = set(good(), "/comment", json!("other")).to_string();
    let reused = signed(&intake, "msg_1", 0, &other).send("POST", REQUESTS, other.clone()).await;
    reused.problem(422, "idempotency_key_reused");
    // A key of its own goes before the id.
    let keyed = signed(&intake, "msg_1", 0, &other).with("idempotency-key", "own");
    assert_ne!(reference(&keyed.send("POST", REQUESTS, other.clone()).await), first);
}

#[tokio::test]
async fn signatures_that_do_not_hold() {
    let intake = intake().await;
    let body = good().to_string();
    let other = set(good(), "/comment", json!("other")).to_string();
    for (client, sent, what) in [
        (signed(&intake, "msg_1", 0, &body), &other, "another body"),
        (signed(&intake, "msg_1", -301, &body), &body, "too old"),
        (signed(&intake, "msg_1", 301, &body), &body, "from the future"),
        (signed(&intake, "msg_1", 0, &body).with("webhook-id", "msg_2"), &other, "two ids"),
        (intake.anyone.with("x-kinlink-source", intake.kinlink.source_id.to_string()), &body, "no signature"),
    ] {
        let answer = client.send("POST", REQUESTS, sent.clone()).await;
        assert_eq!(answer.problem(401, "unauthorized"), [""; 0], "{what}");
    }
    // Another source's signature does not do.
    let answer = signed(&intake, "msg_1", 0, &body);
    let answer = Client::clone(&answer).with("x-api-key", "kls_x").send("POST", REQUESTS, body).await;
    answer.problem(401, "unauthorized");
    assert_eq!(intake.kinlink.count("requests").await, 0);
}
