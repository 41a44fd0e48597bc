//! The privacy dial: what is due, purging, copies, erasing.

use jiff::SignedDuration;
use kinlink_domain::request::Action;
use kinlink_service::{
    approve::{Approval, Checks, approve},
    decide::{self, Reason},
};
use kinlink_testapp::administrator;

use crate::staff::{Office, office, text};

/// Mrs Turner with access to Amelia: the address of her page.
async fn turner(office: &Office) -> String {
    let request = office.turner(&[("Amelia", "Turner", "7KL")]).await;
    let approval = Approval { checks: Checks::ALL, ..Approval::default() };
    approve(&office.kinlink.app, &administrator(), request.id, None, &approval).await.unwrap();
    format!("/admin/privacy/adults/{}", office.now(&request).await.adult.unwrap())
}

#[tokio::test]
async fn what_is_due_is_shown_and_purged_only_by_who_signed_in_a_short_while_ago() {
    let office = office().await;
    let person = office.administrator().await;
    let request = office.turner(&[("Amelia", "Turner", "7KL")]).await;
    let app = &office.kinlink.app;
    decide::end(app, &administrator(), request.id, None, Action::MarkBogus, &Reason::default()).await.unwrap();
    let words = text(&person.page("/admin/privacy").await);
    assert!(words.contains("Requests that were not genuine") && words.contains("30 days"), "{words}");
    assert!(words.contains("0 due."), "{words}");
    let nothing = person.post("/admin/privacy/purge", &[]).await.expect(303);
    assert!(text(&person.follow(&nothing).await).contains("Nothing was due."));

    office.kinlink.clock.advance(SignedDuration::from_hours(24 * 31));
    let person = office.administrator().await;
    let words = text(&person.page("/admin/privacy").await);
    assert!(words.contains("the oldest since"), "{words}");
    office.kinlink.clock.advance(SignedDuration::from_mins(20));
    let words = text(&person.page("/admin/privacy").await);
    assert!(words.contains("sign in again first") && !words.contains("Purge now"), "{words}");
    let again = person.post("/admin/privacy/purge", &[]).await.expect(303);
    assert!(again.header("location").starts_with("/admin/sign-in/again"), "{}", again.header("location"));
    assert_eq!(office.kinlink.count("requests").await, 1);

    let person = office.administrator().await;
    let gone = person.post("/admin/privacy/purge", &[]).await.expect(303);
    assert!(text(&person.follow(&gone).await).contains("due and"), "{}", gone.text);
    assert_eq!(office.kinlink.count("requests").await, 0);
}

#[tokio::test]
async fn a_copy_is_a_file_that_needs_nothing_beside_itself() {
    let office = office().await;
    let person = office.administrator().await;
    let here = turner(&office).await;
    let page = person.page(&here).await;
    assert!(text(&page).contains("No hold concerns them."), "{}", text(&page));
    for (format, content_type, name) in
        [("html", "text/html; charset=utf-8", "personal-data.html"), ("json", "application/json", "personal-data.json")]
    {
        let file = person.post(&format!("{here}/bundle"), &[("format", format)]).await.expect(200);
        assert_eq!(file.header("content-type"), content_type);
        assert_eq!(file.header("content-disposition"), format!("attachment; filename=\"{name}\""));
        assert_eq!(file.header("cache-control"), "no-store");
        assert!(
            file.text.contains("rachel.turner@example.org") && file.text.contains("Amelia Turner"),
            "{}",
            file.text
        );
        for foreign in ["src=", "style", "<script", "href=", "cli:test"] {
            assert!(!file.text.contains(foreign), "{format}: {foreign}");
        }
    }
    let found = person.page("/admin/privacy?pupil=amelia").await;
    let path = found.split("href=\"/admin/privacy/pupils/").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let file = person.post(&format!("/admin/privacy/pupils/{path}/bundle"), &[("format", "html")]).await.expect(200);
    assert!(file.text.contains("Amelia Turner") && !file.text.contains("rachel"), "{}", file.text);
    assert!(text(&person.page("/admin/privacy?pupil=nobodyatall").await).contains("Nobody fits."));
}

#[tokio::test]
async fn erasing_needs_the_word_and_ends_access_only_when_told_so() {
    let office = office().await;
    let person = office.administrator().await;
    let here = turner(&office).await;
    let erase = format!("{here}/erase");
    for (fields, says) in [
        (&[("typed", "yes")][..], "Nothing was erased"),
        (&[("typed", "erase")][..], "still has access"),
        (&[("typed", " Erase "), ("end_access", "1")][..], "Access has ended."),
    ] {
        let answer = person.post(&erase, fields).await.expect(303);
        let words = text(&person.follow(&answer).await);
        assert!(words.contains(says), "{says}: {words}");
    }
    assert_eq!(office.woken(), 1);
    kinlink_service::housekeeping::tidy(&office.kinlink.app).await.unwrap();
    let words = text(&person.page(&here).await);
    assert!(words.contains("Erased person") && !words.contains("Turner"), "{words}");
    let words = text(&person.page("/admin/privacy").await);
    assert!(words.contains("A parent Erased"), "{words}");
}

#[tokio::test]
async fn the_request_of_somebody_without_an_account_is_erased_by_its_reference() {
    let office = office().await;
    let person = office.administrator().await;
    let request = office.turner(&[("Amelia", "Turner", "7KL")]).await;
    let reference = request.reference.to_string();
    for (reference, typed, says) in [
        (reference.as_str(), "", "Nothing was erased"),
        ("AAAA-AAAA", "erase", "No request has this reference."),
        (reference.as_str(), "erase", "The request and everything about it is erased."),
        (reference.as_str(), "erase", "No request has this reference."),
    ] {
        let fields = [("reference", reference), ("typed", typed)];
        let answer = person.post("/admin/privacy/requests/erase", &fields).await.expect(303);
        let words = text(&person.follow(&answer).await);
        assert!(words.contains(says), "{says}: {words}");
    }
    assert_eq!(office.kinlink.count("requests").await, 0);
}
