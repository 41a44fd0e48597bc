//! The intake function from outside: its router, on a whole Kinlink of its own.

#![allow(clippy::unwrap_used, reason = "helpers of tests, which clippy does not take for tests")]

mod confirm;
mod contact_form_7;
mod limits;
mod pages;
mod senders;
mod strangers;
mod typed;

use kinlink_intake::{IntakeState, router};
use kinlink_testapp::{Answer, Client, TestApp, app};
use serde_json::{Value, json};

/// A whole Kinlink with the function's router in front of it.
struct Intake {
    kinlink: TestApp,
    /// Without a key.
    anyone: Client,
    /// With the key of the source whose submissions must prove their address.
    form: Client,
}

async fn intake() -> Intake {
    let kinlink = app().await;
    let anyone = Client::new(router(IntakeState { app: kinlink.app.clone(), school: kinlink.school.clone() }));
    Intake { form: anyone.with("x-api-key", &kinlink.source_key), anyone, kinlink }
}

impl Intake {
    /// Changes a setting of the school.
    async fn set(&self, name: &str, value: &str) {
        kinlink_service::settings::set(&self.kinlink.app, &kinlink_testapp::administrator(), name, value)
            .await
            .unwrap();
    }
}

const REQUESTS: &str = "/api/v1/requests";
const HOOK: &str = "/hooks/contact-form-7";

/// A submission without faults.
fn good() -> Value {
    json!({
        "kind": "new_account",
        "locale": "en-GB",
        "adult": {"title": "Ms", "given_name": "Aoife", "family_name": "O'Brien", "email": "Aoife.OBrien@example.org"},
        "children": [{"given_name": "Niamh", "family_name": "O'Brien-Shah", "tutor_group": "7KL"}],
        "comment": "Two homes.",
        "declaration": true,
    })
}

/// A value with one member set, by JSON pointer; the member may be new in its object.
fn set(mut value: Value, pointer: &str, to: Value) -> Value {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    value.pointer_mut(parent).unwrap()[name] = to;
    value
}

/// A value without one member.
fn without(mut value: Value, pointer: &str) -> Value {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    value.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(name).unwrap();
    value
}

/// The reference of an accepted submission; fails unless that is all the answer says.
#[track_caller]
fn reference(answer: &Answer) -> String {
    assert_eq!(answer.status.as_u16(), 202, "{}", answer.text);
    assert_eq!(answer.header("content-type"), "application/json; charset=utf-8");
    let body = answer.json();
    let reference = body["reference"].as_str().unwrap().to_owned();
    assert_eq!(body, json!({ "reference": reference }));
    assert!(reference.parse::<kinlink_domain::reference::Reference>().is_ok());
    reference
}

/// Everything of an answer that must not differ: status, header names and values, the length of the body.
fn form_of(answer: &Answer) -> (u16, Vec<(String, String)>, usize) {
    let mut headers: Vec<_> = answer
        .headers
        .iter()
        .filter(|(name, _)| name.as_str() != "x-request-id")
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    headers.sort();
    (answer.status.as_u16(), headers, answer.text.len())
}

#[test]
fn the_description_names_exactly_these_endpoints() {
    let described = kinlink_web::document::endpoints(&kinlink_intake::openapi());
    let described: Vec<_> = described.iter().map(|(method, path)| (*method, path.as_str())).collect();
    assert_eq!(described, [("POST", REQUESTS), ("GET", "/healthz"), ("POST", HOOK)]);
}

#[tokio::test]
async fn the_description_is_served_to_anybody() {
    let intake = intake().await;
    let answer = intake.anyone.get("/api/v1/openapi.json").await.expect(200);
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("cache-control"), "public, max-age=300");
    assert_eq!(answer.json(), json!(kinlink_intake::openapi()));
}

#[tokio::test]
async fn health_needs_no_database_and_no_key() {
    let intake = intake().await;
    intake.kinlink.store.db.close().await;
    intake.kinlink.moodle.db.close().await;
    let answer = intake.anyone.get("/healthz").await.expect(200);
    assert_eq!(answer.json(), json!({ "status": "ok" }));
}
