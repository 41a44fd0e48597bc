//! `/confirm/{token}`: looking changes nothing, the button does.

use jiff::SignedDuration;
use kinlink_domain::request::Status;
use kinlink_service::decide::{Correction, correct};
use kinlink_testapp::administrator;

use crate::{REQUESTS, good, intake, reference};

#[tokio::test]
async fn looking_changes_nothing_and_the_button_confirms() {
    let intake = intake().await;
    let reference = reference(&intake.form.post(REQUESTS, &good()).await);
    let path = intake.kinlink.mailed_confirmations().await.remove(0);
    let unknown = intake.anyone.get("/confirm/unknown").await.expect(200);
    for _ in 0..500 {
        let page = intake.anyone.get(&path).await.expect(200);
        assert_eq!(page.text, unknown.text, "the page is the same for every token");
    }
    let _ = intake.anyone.send("HEAD", &path, "").await.expect(200);
    assert_eq!(intake.kinlink.request(&reference).await.version, 1);

    let page = intake.anyone.send("POST", &path, "").await.expect(200);
    assert!(page.text.contains(&reference) && page.text.contains("confirmed"), "{}", page.text);
    let (_, status) = page.text.split_once("href=\"/status/").expect("a link to the status");
    let status = format!("/status/{}", status.split_once('"').unwrap().0);
    assert!(intake.anyone.get(&status).await.expect(200).text.contains(&reference));
    let request = intake.kinlink.request(&reference).await;
    assert_eq!((request.status, request.version), (Status::Pending, 2));
    // Pressed once more: the same page, and nothing changes.
    assert_eq!(intake.anyone.send("POST", &path, "").await.expect(200).text, page.text);
    assert_eq!(intake.kinlink.request(&reference).await.version, 2);
}

#[tokio::test]
async fn links_that_do_not_work_all_say_the_same() {
    let intake = intake().await;
    let reference = reference(&intake.form.post(REQUESTS, &good()).await);
    let path = intake.kinlink.mailed_confirmations().await.remove(0);
    let anyone = intake.anyone.with("x-request-id", "0199aaaa-0000-7000-8000-000000000001");
    let unknown = anyone.send("POST", "/confirm/unknown", "").await.expect(404);
    assert!(unknown.text.contains("There is nothing here"));
    intake.kinlink.clock.advance(SignedDuration::from_hours(48));
    let late = anyone.send("POST", &path, "").await.expect(404);
    assert_eq!(late.text, unknown.text);
    assert_eq!(anyone.get("/status/unknown").await.expect(404).text, unknown.text);
    assert_eq!(intake.kinlink.request(&reference).await.status, Status::Unconfirmed);
}

#[tokio::test]
async fn the_page_needs_no_database_and_is_not_to_be_framed_by_strangers() {
    let intake = intake().await;
    intake.kinlink.store.db.close().await;
    let page = intake.anyone.get("/confirm/x").await.expect(200);
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert_eq!(page.header("cache-control"), "no-store");
    let policy = page.header("content-security-policy");
    assert!(policy.contains("default-src 'none'") && policy.ends_with("frame-ancestors 'self'"), "{policy}");
    assert!(
        page.text.contains("Kinlink &#60;Test&#62; School") && page.text.contains("<html lang=\"en-GB\" dir=\"ltr\">")
    );
    let page = intake.anyone.send("POST", "/confirm/x", "").await.expect(503);
    assert_eq!((page.header("content-type"), page.header("retry-after")), ("text/html; charset=utf-8", "5"));
    assert!(page.text.contains("Please go back and try again in a minute"));
}

#[tokio::test]
async fn the_link_of_an_address_that_was_corrected_since_leads_to_no_status_page() {
    let intake = intake().await;
    let reference = reference(&intake.form.post(REQUESTS, &good()).await);
    let old = intake.kinlink.mailed_confirmations().await.remove(0);
    let _ = intake.anyone.send("POST", &old, "").await.expect(200);
    let request = intake.kinlink.request(&reference).await;
    let correction = Correction { email: Some("other@example.org".into()), ..Correction::default() };
    correct(&intake.kinlink.app, &administrator(), request.id, None, &correction).await.unwrap();
    intake.kinlink.clock.advance(SignedDuration::from_hours(1));
    let page = intake.anyone.send("POST", &old, "").await.expect(200);
    assert!(page.text.contains(&reference) && !page.text.contains("/status/"), "{}", page.text);
}
