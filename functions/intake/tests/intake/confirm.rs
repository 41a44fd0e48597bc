//! `/confirm/{token}`: looking changes nothing, the button does.

use jiff::SignedDuration;
use kinlink_domain::request::Status;
use kinlink_service::{
    approve::{Approval, Checks, approve},
    decide::{Correction, correct},
    email_change::{self, NewAddress},
};
use kinlink_testapp::{administrator, family};

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

/// A parent with an account, and the path of the link that was mailed to their new address.
async fn new_address(intake: &crate::Intake) -> String {
    let app = &intake.kinlink.app;
    let raw = family(("Rachel", "Turner", "rachel@example.org"), &[("Amelia", "Turner", "7KL")]);
    let request = intake.kinlink.submit(&raw).await;
    let approval = Approval { checks: Checks::ALL, ..Approval::default() };
    let adult = approve(app, &administrator(), request.id, None, &approval).await.unwrap().adult.unwrap();
    let wanted = NewAddress { email: "rachel@new.example.org".into(), shared: false };
    email_change::start(app, &administrator(), adult, &wanted).await.unwrap();
    let mailed = intake.kinlink.mailed_confirmations().await;
    mailed.into_iter().find(|path| path.starts_with("/confirm/email/")).expect("a link")
}

#[tokio::test]
async fn looking_at_the_link_of_a_new_address_changes_nothing_and_the_button_does() {
    let intake = intake().await;
    let path = new_address(&intake).await;
    let unknown = intake.anyone.get("/confirm/email/unknown").await.expect(200);
    for _ in 0..100 {
        assert_eq!(intake.anyone.get(&path).await.expect(200).text, unknown.text, "the same for every token");
    }
    let _ = intake.anyone.send("HEAD", &path, "").await.expect(200);
    assert!(unknown.text.contains("Confirm your new email address"), "{}", unknown.text);
    let store = &intake.kinlink.store.db;
    let addresses = async || -> Vec<(String, String)> {
        store.fetch_all("SELECT email, username FROM login_rows", []).await.unwrap()
    };
    assert_eq!(addresses().await, [("rachel@example.org".to_owned(), "rachel@example.org".to_owned())]);

    // Neither kind of link is taken for the other.
    let _ = intake.anyone.send("POST", &path.replace("/email", ""), "").await.expect(404);
    let done = intake.anyone.send("POST", &path, "").await.expect(200);
    assert!(done.text.contains("Your new email address is confirmed"), "{}", done.text);
    assert!(!done.text.contains("rachel") && !done.text.contains("Turner"), "the page names nobody");
    assert_eq!(addresses().await, [("rachel@new.example.org".to_owned(), "rachel@example.org".to_owned())]);
    assert_eq!(intake.anyone.send("POST", &path, "").await.expect(200).text, done.text, "pressed once more");
    for (lang, title) in [("cy", "Cadarnhau eich cyfeiriad e-bost newydd"), ("pl", "Potwierdź swój nowy adres e-mail")]
    {
        let page = intake.anyone.get(&format!("/confirm/email/x?lang={lang}")).await.expect(200);
        assert!(page.text.contains(title), "{lang}: {}", page.text);
    }
}

#[tokio::test]
async fn links_of_new_addresses_that_do_not_work_say_what_every_dead_link_says() {
    let intake = intake().await;
    let path = new_address(&intake).await;
    let anyone = intake.anyone.with("x-request-id", "0199aaaa-0000-7000-8000-000000000001");
    let unknown = anyone.send("POST", "/confirm/email/unknown", "").await.expect(404);
    assert_eq!(unknown.text, anyone.send("POST", "/confirm/unknown", "").await.expect(404).text);
    intake.kinlink.clock.advance(SignedDuration::from_hours(24 * 10));
    assert_eq!(anyone.send("POST", &path, "").await.expect(404).text, unknown.text);
    // The public function reaches neither Moodle nor the queue.
    intake.kinlink.moodle.db.close().await;
    assert_eq!(anyone.send("POST", &path, "").await.expect(404).text, unknown.text);
    intake.kinlink.store.db.close().await;
    let _ = anyone.get("/confirm/email/x").await.expect(200);
    let _ = anyone.send("POST", "/confirm/email/x", "").await.expect(503);
}
