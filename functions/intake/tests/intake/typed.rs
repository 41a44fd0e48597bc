//! `POST /api/v1/requests`: what is taken, what is refused, and what counts as the same.

use kinlink_domain::{request::Status, submission::RawSubmission};
use serde_json::{Value, json};

use crate::{HOOK, REQUESTS, form_of, good, intake, reference, set, without};

#[tokio::test]
async fn a_good_submission_is_stored_whole_and_waits_for_the_proof_of_its_address() {
    let intake = intake().await;
    let reference = reference(&intake.form.post(REQUESTS, &good()).await);
    let request = intake.kinlink.request(&reference).await;
    assert_eq!((request.status, request.faults.len(), request.version), (Status::Unconfirmed, 0, 1));
    assert_eq!(request.source, Some(intake.kinlink.source_id));
    assert_eq!(request.email.unwrap().as_str(), "aoife.obrien@example.org");
    let submitted: RawSubmission = serde_json::from_str(&request.submitted).unwrap();
    assert_eq!(submitted.family_name, "O'Brien");
    assert_eq!(intake.kinlink.count("claims").await, 1);
    assert_eq!(intake.kinlink.mailed_confirmations().await.len(), 1);
}

#[tokio::test]
async fn a_source_that_proves_addresses_skips_the_proof() {
    let intake = intake().await;
    let proving = intake.anyone.with("x-api-key", &intake.kinlink.proving_source_key);
    let reference = reference(&proving.post(REQUESTS, &good()).await);
    assert_eq!(intake.kinlink.request(&reference).await.status, Status::Pending);
}

#[tokio::test]
async fn every_fault_is_named_at_once_and_nothing_is_stored() {
    let intake = intake().await;
    let body = json!({
        "kind": "nonsense", "source": {"form": "x"},
        "adult": {"title": "t".repeat(51), "given_name": " ", "family_name": "x\u{0}y", "email": "jo", "relationship": "mother"},
        "children": [{"given_name": "", "family_name": "n".repeat(101), "tutor_group": " ", "year/": "7"},
            {"given_name": "Sam", "family_name": "Shah"}],
        "comment": "c".repeat(2001),
    });
    let errors = intake.form.post(REQUESTS, &body).await.problem(422, "invalid_fields");
    assert_eq!(
        errors,
        [
            "/adult/email invalid",
            "/adult/family_name unprintable",
            "/adult/given_name required",
            "/adult/relationship unknown_field",
            "/adult/title too_long",
            "/children/0/family_name too_long",
            "/children/0/given_name required",
            "/children/0/tutor_group required",
            "/children/0/year~1 unknown_field",
            "/children/1/tutor_group required",
            "/comment too_long",
            "/declaration required",
            "/kind invalid",
            "/source unknown_field",
        ]
    );
    assert_eq!(intake.kinlink.count("requests").await, 0);
}

#[tokio::test]
async fn single_faults() {
    let intake = intake().await;
    let children = |count: usize| {
        let child = |i| json!({"given_name": format!("N{i}"), "family_name": "X", "tutor_group": null});
        Value::Array((0..count).map(child).collect())
    };
    for (body, expected) in [
        (
            json!({}),
            vec![
                "/adult/email required",
                "/adult/family_name required",
                "/adult/given_name required",
                "/declaration required",
                "/kind required",
            ],
        ),
        (without(good(), "/kind"), vec!["/kind required"]),
        (without(good(), "/adult/email"), vec!["/adult/email required"]),
        (set(good(), "/adult/email", json!("jo@localhost")), vec!["/adult/email invalid"]),
        (set(good(), "/adult/email", json!(7)), vec!["/adult/email invalid"]),
        (set(good(), "/adult", json!("Aoife")), vec!["/adult invalid"]),
        (set(good(), "/adult", json!(null)), vec!["/adult invalid"]),
        (set(good(), "/children", json!([])), vec!["/children required"]),
        (set(good(), "/children", json!({})), vec!["/children invalid"]),
        (set(good(), "/children", children(21)), vec!["/children too_many"]),
        (set(good(), "/children", json!([1])), vec!["/children/0 invalid"]),
        (set(good(), "/children/0/given_name", json!(["Niamh"])), vec!["/children/0/given_name invalid"]),
        (set(good(), "/children/0/family_name", json!(" \u{a0}")), vec!["/children/0/family_name required"]),
        (without(good(), "/children/0/tutor_group"), vec!["/children/0/tutor_group required"]),
        (set(good(), "/children/0/tutor_group", json!("")), vec!["/children/0/tutor_group required"]),
        (set(good(), "/declaration", json!(false)), vec!["/declaration required"]),
        (set(good(), "/declaration", json!("yes")), vec!["/declaration invalid"]),
        (json!([]), vec![" invalid"]),
        (json!("x"), vec![" invalid"]),
    ] {
        let answer = intake.form.post(REQUESTS, &body).await;
        let errors = answer.problem(422, "invalid_fields");
        assert_eq!(errors, expected, "{body}");
    }
    assert_eq!(intake.kinlink.count("requests").await, 0);
    let _ = intake.form.post(REQUESTS, &set(good(), "/children", children(20))).await.expect(202);
}

#[tokio::test]
async fn a_tutor_group_may_be_unknown_if_the_adult_says_so_or_gives_the_number() {
    let intake = intake().await;
    let unknown = set(good(), "/children/0/tutor_group", json!(null));
    let numbered = set(without(good(), "/children/0/tutor_group"), "/children/0/admission_number", json!("A00101"));
    let blank = set(without(good(), "/children/0/tutor_group"), "/children/0/admission_number", json!(" "));
    let _ = intake.form.post(REQUESTS, &unknown).await.expect(202);
    let _ = intake.form.post(REQUESTS, &numbered).await.expect(202);
    assert_eq!(
        intake.form.post(REQUESTS, &blank).await.problem(422, "invalid_fields"),
        ["/children/0/tutor_group required"]
    );
}

#[tokio::test]
async fn bodies_that_cannot_be_read() {
    let intake = intake().await;
    let json = intake.form.with("content-type", "application/json");
    let doubled = good().to_string().replacen('{', r#"{"kind":"leave","#, 1);
    for (body, status, code) in [
        ("", 400, "bad_json"),
        ("{", 400, "bad_json"),
        (r#"{"kind":"new_account"} x"#, 400, "bad_json"),
        (r#"{"comment":"\ud800"}"#, 400, "bad_json"),
        (&doubled, 422, "invalid_fields"),
    ] {
        json.send("POST", REQUESTS, body.to_owned()).await.problem(status, code);
    }
    json.send("POST", REQUESTS, b"{\"comment\":\"\xff\"}".to_vec()).await.problem(400, "bad_json");
    let most = 32 * 1024;
    let fill = |length: usize| {
        let mut text = good().to_string();
        text.push_str(&" ".repeat(length - text.len()));
        text
    };
    json.send("POST", REQUESTS, fill(most + 1)).await.problem(413, "too_large");
    let _ = json.send("POST", REQUESTS, fill(most)).await.expect(202);
    intake.form.send("POST", REQUESTS, good().to_string()).await.problem(415, "unsupported_media_type");
    let form = intake.form.with("content-type", "application/x-www-form-urlencoded");
    form.send("POST", REQUESTS, "kind=new_account").await.problem(415, "unsupported_media_type");
    intake.form.get(REQUESTS).await.problem(405, "method_not_allowed");
}

#[tokio::test]
async fn the_same_content_is_one_request() {
    let intake = intake().await;
    let first = reference(&intake.form.post(REQUESTS, &good()).await);
    let again = set(good(), "/adult/email", json!(" AOIFE.OBRIEN@example.org"));
    assert_eq!(reference(&intake.form.post(REQUESTS, &again).await), first);
    let other = set(good(), "/comment", json!("Another comment."));
    assert_ne!(reference(&intake.form.post(REQUESTS, &other).await), first);
    assert_eq!(intake.kinlink.count("requests").await, 2);
}

#[tokio::test]
async fn idempotency_keys() {
    let intake = intake().await;
    let keyed = intake.form.with("idempotency-key", "\"8e03978e\"");
    let first = reference(&keyed.post(REQUESTS, &good()).await);
    assert_eq!(reference(&keyed.post(REQUESTS, &good()).await), first);
    assert_eq!(reference(&intake.form.with("idempotency-key", "8e03978e").post(REQUESTS, &good()).await), first);
    let other = set(good(), "/comment", json!("other"));
    keyed.post(REQUESTS, &other).await.problem(422, "idempotency_key_reused");
    // A key belongs to its source.
    let proving = intake.anyone.with("x-api-key", &intake.kinlink.proving_source_key);
    let _ = proving.with("idempotency-key", "8e03978e").post(REQUESTS, &other).await.expect(202);
    for bad in ["", "\"\"", "a b", "\"a", &"k".repeat(201)] {
        let answer = intake.form.with("idempotency-key", bad).post(REQUESTS, &good()).await;
        answer.problem(400, "bad_idempotency_key");
    }
    assert_eq!(intake.kinlink.count("requests").await, 2);
}

#[tokio::test]
async fn answers_are_alike_whoever_is_known() {
    let intake = intake().await;
    let fresh = intake.form.post(REQUESTS, &good()).await;
    let repeated = intake.form.post(REQUESTS, &good()).await;
    // A member of staff's address and a Moodle user's; a child that does not exist.
    let known = set(good(), "/adult/email", json!("k.larsen@school.example.org"));
    let known = intake.form.post(REQUESTS, &known).await;
    let nobody = intake.form.post(REQUESTS, &set(good(), "/children/0/given_name", json!("Nobody"))).await;
    let hook = json!({"parent_moodle_provisioning": 1, "parent_email": "not an address"});
    let hook = intake.form.post(HOOK, &hook).await;
    for answer in [&repeated, &known, &nobody, &hook] {
        reference(answer);
        assert_eq!(form_of(answer), form_of(&fresh));
    }
}

#[tokio::test]
async fn without_the_store_nothing_is_accepted() {
    let intake = intake().await;
    intake.kinlink.store.db.close().await;
    let answer = intake.form.post(REQUESTS, &good()).await;
    answer.problem(503, "store_unavailable");
    assert_eq!(answer.header("retry-after"), "5");
}
