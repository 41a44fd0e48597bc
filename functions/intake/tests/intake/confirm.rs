//! `/confirm/{token}`: looking changes nothing, the button does.

use jiff::SignedDuration;
use kinlink_domain::request::Status;

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
    let unknown = intake.anyone.send("POST", "/confirm/unknown", "").await.expect(410);
    assert!(unknown.text.contains("does not work any more"));
    intake.kinlink.clock.advance(SignedDuration::from_hours(48));
    let late = intake.anyone.send("POST", &path, "").await.expect(410);
    assert_eq!(late.text, unknown.text);
    assert_eq!(intake.kinlink.request(&reference).await.status, Status::Unconfirmed);
}

#[tokio::test]
async fn pages_are_safe_and_carry_their_style() {
    let intake = intake().await;
    let page = intake.anyone.get("/confirm/x").await.expect(200);
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert_eq!((page.header("cache-control"), page.header("referrer-policy")), ("no-store", "no-referrer"));
    let policy = page.header("content-security-policy");
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
    assert!(page.text.contains("Kinlink &lt;Test&gt; School") && page.text.contains("<html lang=\"en\">"));
    assert!(!page.text.contains("<script") && !page.text.contains("style="));
    let style = intake.anyone.get("/assets/kinlink.css").await.expect(200);
    assert_eq!(style.header("content-type"), "text/css; charset=utf-8");
}

#[tokio::test]
async fn without_the_store_the_page_asks_for_patience() {
    let intake = intake().await;
    intake.kinlink.store.db.close().await;
    let _ = intake.anyone.get("/confirm/x").await.expect(200);
    let page = intake.anyone.send("POST", "/confirm/x", "").await.expect(503);
    assert_eq!((page.header("content-type"), page.header("retry-after")), ("text/html; charset=utf-8", "5"));
    assert!(page.text.contains("not confirmed yet"));
}
