//! How much is taken from programs and from everybody together, and how often somebody may be wrong about a secret. The forms
//! of our own pages have their quotas in `pages/limits.rs`.

use std::net::IpAddr;

use axum::Extension;
use jiff::SignedDuration;
use kinlink_intake::{IntakeState, router};
use kinlink_testapp::{Answer, Client};
use kinlink_web::ClientAddress;
use serde_json::{Value, json};

use crate::{
    HOOK, Intake, REQUESTS, form_of, good, intake,
    pages::{post, typed, with},
    reference, set,
};

const HERE: &str = "203.0.113.9";
const THERE: &str = "203.0.113.10";

/// A client at an address.
fn at(intake: &Intake, address: &str) -> Client {
    let address: IpAddr = address.parse().unwrap();
    let school = intake.kinlink.school.clone();
    let router = router(IntakeState { app: intake.kinlink.app.clone(), school });
    Client::new(router.layer(Extension(ClientAddress(address))))
}

fn with_key(client: &Client, intake: &Intake) -> Client {
    client.with("x-api-key", &intake.kinlink.source_key)
}

/// Submissions that all differ.
fn numbered(number: usize) -> Value {
    set(good(), "/comment", json!(format!("number {number}")))
}

/// Fails unless an answer says to wait, as programs are told; gives the seconds.
#[track_caller]
fn must_wait(answer: &Answer) -> i64 {
    answer.problem(429, "too_often");
    let wait: i64 = answer.header("retry-after").parse().unwrap();
    assert!((1..=3_600).contains(&wait), "{wait}");
    wait
}

/// Fails unless a person is told to wait.
#[track_caller]
fn must_wait_on_page(answer: &Answer) -> i64 {
    assert_eq!(answer.status.as_u16(), 429, "{}", answer.text);
    assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
    let wait: i64 = answer.header("retry-after").parse().unwrap();
    let minutes = match (wait + 59) / 60 {
        1 => "in a minute".to_owned(),
        more => format!("in about {more} minutes"),
    };
    assert!(answer.text.contains(&minutes), "{wait}: {}", answer.text);
    assert!(answer.text.contains("Nothing you did was lost or changed."), "{}", answer.text);
    wait
}

#[tokio::test]
async fn one_source_may_send_so_many_an_hour_by_whatever_way() {
    let intake = intake().await;
    intake.set("source_per_hour", "2").await;
    let keyed = intake.form.with("idempotency-key", "one");
    let first = reference(&keyed.post(REQUESTS, &numbered(1)).await);
    let hook = json!({"parent_moodle_provisioning": "1", "parent_fname": "Ann"});
    let _ = intake.form.post(HOOK, &hook).await.expect(202);
    let refused = intake.form.post(REQUESTS, &numbered(2)).await;
    let wait = must_wait(&refused);
    assert_eq!(must_wait(&intake.form.post(HOOK, &set(hook.clone(), "/parent_fname", json!("Bea"))).await), wait);
    assert_eq!(intake.kinlink.count("requests").await, 2, "what was refused is not kept");
    // What was answered with success is answered with success.
    assert_eq!(reference(&keyed.post(REQUESTS, &numbered(1)).await), first);
    // Another source has its own quota.
    let other = intake.anyone.with("x-api-key", &intake.kinlink.proving_source_key);
    let _ = other.post(REQUESTS, &numbered(3)).await.expect(202);
    intake.kinlink.clock.advance(SignedDuration::from_secs(wait - 1));
    assert_eq!(must_wait(&intake.form.post(REQUESTS, &numbered(4)).await), 1, "the last second of the window");
    intake.kinlink.clock.advance(SignedDuration::from_secs(1));
    let _ = intake.form.post(REQUESTS, &numbered(4)).await.expect(202);
}

#[tokio::test]
async fn one_client_address_may_send_so_many_an_hour_with_whatever_key() {
    let intake = intake().await;
    intake.set("source_per_address_per_hour", "1").await;
    let here = with_key(&at(&intake, HERE), &intake);
    let _ = here.post(REQUESTS, &numbered(1)).await.expect(202);
    let wait = must_wait(&here.post(REQUESTS, &numbered(2)).await);
    let other_key = at(&intake, HERE).with("x-api-key", &intake.kinlink.proving_source_key);
    must_wait(&other_key.post(REQUESTS, &numbered(2)).await);
    let _ = with_key(&at(&intake, THERE), &intake).post(REQUESTS, &numbered(2)).await.expect(202);
    let _ = intake.form.post(REQUESTS, &numbered(3)).await.expect(202);
    // The forms of a person at the same address are counted apart.
    let ready = intake.ready(&typed()).await;
    let _ = post(&at(&intake, HERE), "/request/send", &ready).await.expect(303);
    intake.kinlink.clock.advance(SignedDuration::from_secs(wait));
    let _ = here.post(REQUESTS, &numbered(4)).await.expect(202);
}

#[tokio::test]
async fn everybody_together_may_send_so_many_an_hour() {
    let intake = intake().await;
    let first = intake.ready(&typed()).await;
    let second = intake.ready(&with(typed(), &[("comment", "another")])).await;
    intake.set("submissions_per_hour", "2").await;
    let _ = post(&at(&intake, HERE), "/request/send", &first).await.expect(303);
    let _ = with_key(&at(&intake, THERE), &intake).post(REQUESTS, &numbered(1)).await.expect(202);
    let before = intake.kinlink.count("quotas").await;
    must_wait(&intake.form.post(REQUESTS, &numbered(2)).await);
    let wait = must_wait_on_page(&post(&at(&intake, HERE), "/request/send", &second).await);
    assert_eq!(intake.kinlink.count("requests").await, 2, "nothing of it is kept");
    assert_eq!(intake.kinlink.count("mails").await, 2);
    assert_eq!(intake.kinlink.count("quotas").await, before, "nor counted against anybody");
    // The click once more is the same form.
    let _ = post(&at(&intake, HERE), "/request/send", &first).await.expect(303);
    intake.kinlink.clock.advance(SignedDuration::from_secs(wait));
    let _ = post(&at(&intake, HERE), "/request/send", &second).await.expect(303);
}

#[tokio::test]
async fn who_is_known_and_who_is_not_are_refused_in_the_same_words() {
    let intake = intake().await;
    intake.set("source_per_hour", "1").await;
    let known = reference(&intake.form.post(REQUESTS, &numbered(1)).await);
    intake.kinlink.clock.advance(SignedDuration::from_secs(1));
    let stranger = set(numbered(2), "/adult/email", json!("stranger@example.org"));
    let (one, other) = (intake.form.post(REQUESTS, &stranger).await, intake.form.post(REQUESTS, &numbered(3)).await);
    assert_eq!((form_of(&one), &one.text), (form_of(&other), &other.text));
    assert!(!one.text.contains(&known));
}

/// What somebody who guesses tries, with the way it is refused.
async fn guess(client: &Client, what: usize) -> u16 {
    let anyone = client.clone();
    let answer = match what % 4 {
        0 => anyone.send("POST", "/confirm/unknown", "").await,
        1 => anyone.get("/status/unknown").await,
        2 => post(&anyone, "/status/unknown", &vec![("answer".into(), "x".into())]).await,
        _ => anyone.with("x-api-key", "kls_x").post(REQUESTS, &good()).await,
    };
    answer.status.as_u16()
}

#[tokio::test]
async fn who_is_wrong_too_often_is_not_told_any_more_what_is_right() {
    let intake = intake().await;
    intake.set("guesses_per_address_per_hour", "4").await;
    let reference = reference(&intake.form.post(REQUESTS, &good()).await);
    let confirm = intake.kinlink.mailed_confirmations().await.remove(0);
    let here = at(&intake, HERE);
    // Right ones are never counted.
    let page = at(&intake, HERE).send("POST", &confirm, "").await.expect(200).text;
    let mine = format!("/status/{}", page.split("/status/").nth(1).unwrap().split(['?', '"']).next().unwrap());
    for _ in 0..10 {
        let _ = here.get(&mine).await.expect(200);
    }
    for what in 0..4 {
        assert!([401, 404].contains(&guess(&here, what).await), "{what}");
    }
    // From now on a wrong and a right one get the same answer.
    let wait = must_wait_on_page(&here.get(&mine).await);
    let id = "0199aaaa-0000-7000-8000-000000000001";
    let same = async |path: &str| here.with("x-request-id", id).get(path).await;
    let (right, wrong) = (same(&mine).await, same("/status/unknown").await);
    assert_eq!((form_of(&right), &right.text), (form_of(&wrong), &wrong.text));
    let refused = here.send("POST", &confirm, "").await;
    must_wait_on_page(&refused);
    assert!(!refused.text.contains("Go to the form"), "they were not about to fill in a form: {}", refused.text);
    must_wait(&with_key(&here, &intake).post(REQUESTS, &numbered(1)).await);
    // A household's neighbours and those who are known by nothing are not concerned.
    let _ = at(&intake, THERE).get(&mine).await.expect(200);
    let _ = intake.anyone.get(&mine).await.expect(200);
    intake.kinlink.clock.advance(SignedDuration::from_secs(wait - 1));
    assert_eq!(must_wait_on_page(&here.get(&mine).await), 1);
    intake.kinlink.clock.advance(SignedDuration::from_secs(1));
    assert!(here.get(&mine).await.expect(200).text.contains(&reference));
}

#[tokio::test]
async fn quotas_cost_one_statement_each_and_looking_at_a_good_page_writes_none() {
    let intake = intake().await;
    let stats = || (intake.kinlink.store.db.stats().reads(), intake.kinlink.store.db.stats().writes());
    let cost = async |client: Client, number: usize| {
        let before = stats();
        let _ = client.post(REQUESTS, &numbered(number)).await.expect(202);
        let after = stats();
        (after.0 - before.0, after.1 - before.1)
    };
    let unknown = cost(intake.form.clone(), 1).await;
    let known = cost(with_key(&at(&intake, HERE), &intake), 2).await;
    // The settings and the guesses so far are read; the client's own quota is taken.
    assert_eq!((known.0 - unknown.0, known.1 - unknown.1), (2, 1));
    intake.set("source_per_hour", "1").await;
    let before = stats();
    must_wait(&intake.form.post(REQUESTS, &numbered(3)).await);
    assert_eq!(stats().1 - before.1, 1, "what is refused is refused by the first quota that is used up");

    let confirm = intake.kinlink.mailed_confirmations().await.remove(0);
    let page = intake.anyone.send("POST", &confirm, "").await.expect(200).text;
    let mine = format!("/status/{}", page.split("/status/").nth(1).unwrap().split(['?', '"']).next().unwrap());
    let before = stats();
    let _ = at(&intake, HERE).get(&mine).await.expect(200);
    assert_eq!(stats().1, before.1);
    let _ = at(&intake, HERE).get("/status/unknown").await.expect(404);
    assert_eq!(stats().1 - before.1, 1);
}
