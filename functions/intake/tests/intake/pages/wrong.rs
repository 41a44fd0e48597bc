//! When something goes wrong: a page that says what to do for people, a problem for programs.

use axum::{
    body::{Body, to_bytes},
    http::Request,
};
use tower::ServiceExt as _;

use super::{post, typed};
use crate::{HOOK, REQUESTS, intake};

const ID: &str = "0199aaaa-0000-7000-8000-000000000001";

#[tokio::test]
async fn people_get_a_page_in_their_language_with_what_to_do_and_the_request_s_id() {
    let intake = intake().await;
    let browser = intake.anyone.with("accept", "text/html").with("accept-language", "cy").with("x-request-id", ID);
    for (method, path, status, words) in [
        ("GET", "/nowhere", 404, "Nid oes dim yma"),
        ("GET", "/request/nowhere", 404, "Nid oes dim yma"),
        ("GET", "/request/sent/x", 404, "Nid oes dim yma"),
        ("GET", "/request/send", 405, "Ni ellir defnyddio’r dudalen hon fel hyn"),
        ("DELETE", "/request", 405, "Ni ellir defnyddio’r dudalen hon fel hyn"),
        ("POST", "/request", 415, "Nid oeddem yn gallu darllen yr hyn a anfonwyd"),
    ] {
        let page = browser.send(method, path, "").await.expect(status);
        assert!(page.text.contains("<html lang=\"cy\"") && page.text.contains("<title>Gwall: "), "{path}");
        assert!(page.text.contains(words) && page.text.contains(ID), "{path}: {}", page.text);
        assert!(page.text.contains("href=\"/request?lang=cy\""), "{path}");
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8", "{path}");
        assert_eq!(page.header("x-request-id"), ID, "{path}");
        assert!(!page.header("strict-transport-security").is_empty(), "{path}");
        assert!(page.header("content-security-policy").contains("script-src 'self'"), "{path}");
    }
    let page = browser.send("DELETE", "/request", "").await;
    assert!(page.header("allow").contains("POST"), "{}", page.header("allow"));
    let arabic = browser.get("/nowhere?lang=ar").await.expect(404);
    assert!(arabic.text.contains("<html lang=\"ar\" dir=\"rtl\">"));
    assert_eq!(browser.send("HEAD", "/request/sent/x", "").await.expect(404).text, "");
}

#[tokio::test]
async fn programs_keep_getting_problems() {
    let intake = intake().await;
    let browser = intake.anyone.with("accept", "text/html");
    browser.get("/api/nowhere").await.problem(404, "not_found");
    browser.send("POST", REQUESTS, "{").await.problem(401, "unauthorized");
    browser.send("POST", HOOK, "{").await.problem(401, "unauthorized");
    browser.get(HOOK).await.problem(405, "method_not_allowed");
    browser.get("/assets/nothing.0.css").await.problem(404, "not_found");
    intake.anyone.get("/nowhere").await.problem(404, "not_found");
}

#[tokio::test]
async fn without_the_store_every_page_asks_for_patience_in_the_language_of_the_form() {
    let intake = intake().await;
    let ready = super::with(intake.ready(&typed()).await, &[("lang", "pl")]);
    intake.kinlink.store.db.close().await;
    let mut answers = vec![intake.anyone.get("/request?lang=pl").await, intake.anyone.get("/status/x?lang=pl").await];
    for path in ["/request", "/request/send", "/confirm/x?lang=pl"] {
        answers.push(post(&intake.anyone, path, &ready).await);
    }
    for answer in answers {
        if answer.status == 404 {
            // A token that is none needs no database to be refused.
            continue;
        }
        let page = answer.expect(503);
        assert_eq!(page.header("retry-after"), "5");
        assert!(page.text.contains("Chwilowo jesteśmy zajęci"), "{}", page.text);
        assert!(!page.text.contains("Kowalczyk"));
    }
}

#[tokio::test]
async fn the_root_leads_to_the_form() {
    let intake = intake().await;
    let answer = intake.anyone.get("/").await.expect(303);
    assert_eq!(answer.header("location"), "/request");
}

#[tokio::test]
async fn the_style_sheet_and_the_script_of_a_page_are_served_and_the_page_is_light() {
    let intake = intake().await;
    let page = intake.anyone.get("/request").await.expect(200);
    let mut assets: Vec<&str> =
        page.text.split("\"/assets/").skip(1).map(|rest| rest.split(['"', '#']).next().unwrap()).collect();
    assets.sort_unstable();
    assets.dedup();
    assert_eq!(assets.len(), 4, "{assets:?}");
    assert!(!page.text.contains("htmx"));
    let router = kinlink_intake::router(kinlink_intake::IntakeState {
        app: intake.kinlink.app.clone(),
        school: intake.kinlink.school.clone(),
    });
    let mut weight = 0;
    for path in assets.iter().map(|asset| format!("/assets/{asset}")).chain(["/request".to_owned()]) {
        let request = Request::get(&path).header("accept-encoding", "gzip, br");
        let response = router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        assert_eq!(response.headers()["content-encoding"], "br", "{path}");
        weight += to_bytes(response.into_body(), usize::MAX).await.unwrap().len();
    }
    assert!(weight < 18_000, "{weight}");
}
