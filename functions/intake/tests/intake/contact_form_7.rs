//! `POST /hooks/contact-form-7`: nothing that a parent sent is lost.

use kinlink_domain::{
    request::{Action, Kind, Status},
    submission::RawSubmission,
};
use kinlink_service::decide::{Reason, end};
use kinlink_store::requests::{self, Claim, Request};
use kinlink_testapp::administrator;
use serde_json::{Value, json};

use crate::{HOOK, Intake, intake, reference, set, without};

/// What the form of the plugin sends.
fn form() -> Value {
    json!({
        "_remote_ip": "203.0.113.9", "_serial_number": "412", "parent_moodle_provisioning": "1",
        "request-type": "I do not currently have a Moodle Account.",
        "parent_title": "Ms", "parent_fname": " Aoife ", "parent_sname": "O'Brien", "parent_email": "Aoife@example.org",
        "child_fname": "Niamh", "child_sname": "O'Brien-Shah", "child_tg": "7KL",
        "child2_fname": "", "child2_sname": "", "child2_tg": "", "child3_fname": "", "child3_sname": "", "child3_tg": "",
        "parent_comment": "Two homes \u{2013} please write to me only.", "consent": ["I confirm"],
    })
}

async fn stored(intake: &Intake, reference: &str) -> (Request, Vec<Claim>) {
    let request = intake.kinlink.request(reference).await;
    let claims = requests::claims(&mut intake.kinlink.store.db.acquire().await.unwrap(), request.id).await.unwrap();
    (request, claims)
}

/// Sends a form as JSON and gives what was stored.
async fn sent(intake: &Intake, form: &Value) -> (Request, Vec<Claim>) {
    stored(intake, &reference(&intake.form.post(HOOK, form).await)).await
}

async fn mark_bogus(intake: &Intake, request: &Request) -> Request {
    let (app, version) = (&intake.kinlink.app, Some(request.version));
    end(app, &administrator(), request.id, version, Action::MarkBogus, &Reason::default()).await.unwrap()
}

fn faults(request: &Request) -> Vec<String> {
    request.faults.iter().map(|fault| format!("{} {}", fault.pointer, fault.code)).collect()
}

#[tokio::test]
async fn the_plugin_s_form_is_understood_as_json_and_as_a_form() {
    let intake = intake().await;
    let (request, claims) = sent(&intake, &form()).await;
    assert_eq!((request.kind, request.status), (Kind::NewAccount, Status::Unconfirmed));
    assert_eq!((request.title.as_deref(), request.given_name.as_str()), (Some("Ms"), "Aoife"));
    assert_eq!((claims.len(), claims[0].child.tutor_group.as_deref()), (1, Some("7KL")));
    assert!(faults(&request).is_empty());
    assert!(!request.submitted.contains("203.0.113.9"), "unknown fields are dropped");

    let body = "parent_moodle_provisioning=&request-type=I+do+not+currently+have+a+Moodle+Account.&parent_title=Ms\
                &parent_fname=Aoife&parent_sname=O%27Brien&parent_email=aoife%40example.org&child_fname=Niamh\
                &child_sname=O%27Brien-Shah&child_tg=7KL\
                &parent_comment=Two+homes+%E2%80%93+please+write+to+me+only.";
    let client = intake.form.with("content-type", "application/x-www-form-urlencoded");
    assert_eq!(reference(&client.send("POST", HOOK, body).await), request.reference.as_str(), "the same request");
    let client = intake.form.with("content-type", "text/plain; charset=UTF-8");
    assert_eq!(reference(&client.send("POST", HOOK, form().to_string()).await), request.reference.as_str());
}

#[tokio::test]
async fn d_1_long_titles_are_stored() {
    let intake = intake().await;
    for title in ["Mr and Mrs Smith", &"t".repeat(50)] {
        let (request, _) = sent(&intake, &set(form(), "/parent_title", json!(title))).await;
        assert_eq!((request.title.as_deref(), faults(&request).len()), (Some(title), 0));
        // The same content is one request, and a title is not content: make the next one another.
        mark_bogus(&intake, &request).await;
    }
    let longer = "t".repeat(51);
    let (request, _) = sent(&intake, &set(form(), "/parent_title", json!(longer))).await;
    assert_eq!(request.title.map(|title| title.len()), Some(50));
    assert!(request.submitted.contains(&longer), "the whole of it is kept");
    assert_eq!(request.faults[0].pointer, "/adult/title");
}

#[tokio::test]
async fn k_3_choices_may_come_as_lists() {
    let intake = intake().await;
    let with_lists = set(
        set(form(), "/parent_title", json!(["", "Dr"])),
        "/request-type",
        json!(["I have a Moodle account, but cannot log in."]),
    );
    let (request, _) = sent(&intake, &with_lists).await;
    assert_eq!((request.kind, request.title.as_deref()), (Kind::CannotSignIn, Some("Dr")));
    assert!(faults(&request).is_empty());
}

#[tokio::test]
async fn d_11_backslashes_are_kept() {
    let intake = intake().await;
    let typed = r#"O\'Brien \"x\" \\y"#;
    let changed = set(set(form(), "/parent_sname", json!(typed)), "/parent_comment", json!(typed));
    let (request, _) = sent(&intake, &changed).await;
    assert_eq!((request.family_name.as_str(), request.comment.as_str()), (typed, typed));
}

#[tokio::test]
async fn d_12_tutor_groups_are_not_cut() {
    let intake = intake().await;
    let group = "Ä".repeat(50);
    let (request, claims) = sent(&intake, &set(form(), "/child_tg", json!(group))).await;
    assert_eq!(claims[0].child.tutor_group.as_deref(), Some(group.as_str()));
    assert!(faults(&request).is_empty());
}

#[tokio::test]
async fn c_6_no_child_is_dropped() {
    let intake = intake().await;
    let mut body = set(form(), "/child2_fname", json!("Sam"));
    body = set(set(body, "/child3_tg", json!("9RS")), "/child20_sname", json!("Shah"));
    let (request, claims) = sent(&intake, &body).await;
    let children: Vec<_> =
        claims.iter().map(|c| (&*c.child.given_name, &*c.child.family_name, c.child.tutor_group.as_deref())).collect();
    assert_eq!(
        children,
        [("Niamh", "O'Brien-Shah", Some("7KL")), ("Sam", "", None), ("", "", Some("9RS")), ("", "Shah", None)]
    );
    assert_eq!(
        faults(&request),
        [
            "/children/1/family_name required",
            "/children/2/given_name required",
            "/children/2/family_name required",
            "/children/3/given_name required"
        ]
    );
    // More than a request holds: the rest stays in the submission as it came, and the fault says so.
    for number in 4..=22 {
        body = set(body, &format!("/child{number}_fname"), json!(format!("Child{number}")));
    }
    let (request, claims) = sent(&intake, &body).await;
    assert_eq!(claims.len(), 20);
    assert!(faults(&request).contains(&"/children too_many".to_owned()));
    let submitted: RawSubmission = serde_json::from_str(&request.submitted).unwrap();
    assert_eq!((submitted.children.len(), submitted.children[21].given_name.as_str()), (22, "Child22"));
}

#[tokio::test]
async fn c_12_a_form_with_nothing_but_the_marker_is_work_that_staff_can_end() {
    let intake = intake().await;
    let (request, claims) = sent(&intake, &json!({"parent_moodle_provisioning": null})).await;
    assert_eq!((request.status, claims.len()), (Status::Pending, 0));
    assert_eq!(
        faults(&request),
        ["/kind required", "/adult/given_name required", "/adult/family_name required", "/adult/email required"]
    );
    assert_eq!(mark_bogus(&intake, &request).await.status, Status::Bogus);
}

#[tokio::test]
async fn faults_become_pending_work() {
    let intake = intake().await;
    let body = set(set(form(), "/parent_email", json!("aoife at example")), "/request-type", json!("Something else"));
    let (request, _) = sent(&intake, &body).await;
    assert_eq!((request.status, request.kind), (Status::Pending, Kind::Other));
    assert_eq!((request.email, request.email_typed.as_str()), (None, "aoife at example"));
    assert!(request.submitted.contains("Something else"));
}

#[tokio::test]
async fn bytes_that_are_no_text_are_kept_as_far_as_they_can_be() {
    let intake = intake().await;
    let client = intake.form.with("content-type", "application/x-www-form-urlencoded");
    let answer = client
        .send("POST", HOOK, b"parent_moodle_provisioning=1&parent_fname=Zo%EB&parent_sname=Gro\xdf".to_vec())
        .await;
    let (request, _) = stored(&intake, &reference(&answer)).await;
    assert_eq!((request.given_name.as_str(), request.family_name.as_str()), ("Zo\u{fffd}", "Gro\u{fffd}"));
}

#[tokio::test]
async fn only_what_cannot_be_ours_or_cannot_be_read_is_refused() {
    let intake = intake().await;
    intake.form.post(HOOK, &without(form(), "/parent_moodle_provisioning")).await.problem(422, "marker_missing");
    intake.form.post(HOOK, &json!({})).await.problem(422, "marker_missing");
    intake.form.post(HOOK, &json!([1])).await.problem(400, "bad_json");
    let json = intake.form.with("content-type", "application/json");
    json.send("POST", HOOK, r#"{"parent_comment":"a "quote""}"#).await.problem(400, "bad_json");
    let plain = intake.form.with("content-type", "text/plain");
    plain.send("POST", HOOK, "parent_comment").await.problem(400, "bad_json");
    intake.form.send("POST", HOOK, form().to_string()).await.problem(415, "unsupported_media_type");
    let large = set(form(), "/parent_comment", json!("x".repeat(33_000)));
    intake.form.post(HOOK, &large).await.problem(413, "too_large");
    intake.form.get(HOOK).await.problem(405, "method_not_allowed");
    assert_eq!(intake.kinlink.count("requests").await, 0);
}
