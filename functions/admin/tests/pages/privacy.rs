//! The privacy dial: what is due, purging, copies, erasing.

use jiff::SignedDuration;
use kinlink_domain::{hold::HoldReason, request::Action};
use kinlink_service::{
    approve::{Approval, Checks, approve},
    decide::{self, Reason},
    holds::{self, NewHold},
};
use kinlink_testapp::administrator;

use crate::{
    staff::{Office, office, text},
    world::world,
};

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
    // A slip loses nothing of what was filled in.
    let wrong = person.post(&erase, &[("typed", "yes"), ("end_access", "1")]).await.expect(422);
    assert!(wrong.text.contains("href=\"#typed\"") && wrong.text.contains("value=\"1\" checked"), "{}", wrong.text);
    assert!(text(&wrong.text).contains("Nothing was erased: type the word “erase” to confirm"), "{}", wrong.text);
    assert!(!person.page(&here).await.contains("checked"));
    for (fields, says) in [
        (&[("typed", "erase")][..], "still has access"),
        (&[("typed", " Erase "), ("end_access", "1")][..], "Access has ended."),
    ] {
        let answer = person.post(&erase, fields).await.expect(303);
        let words = text(&person.follow(&answer).await);
        assert!(words.contains(says), "{says}: {words}");
    }
    assert_eq!(office.woken(), 1);
    // The provisioner first sees to what is left in Moodle.
    office.run(kinlink_service::cycle::Mode::Jobs).await;
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
    let erase = async |reference: &str, typed: &str| {
        let fields = [("reference", reference), ("typed", typed)];
        person.post("/admin/privacy/requests/erase", &fields).await
    };
    for (reference, typed, anchor, says) in [
        (reference.as_str(), "", "typed", "Nothing was erased: type the word “erase” to confirm"),
        ("AAAA-AAAA", "erase", "reference", "Nothing was erased: no request has this reference"),
    ] {
        let again = erase(reference, typed).await.expect(422);
        assert!(text(&again.text).contains(says), "{says}: {}", text(&again.text));
        assert!(again.text.contains(&format!("href=\"#{anchor}\"")), "{}", again.text);
        assert!(again.text.contains(&format!("value=\"{reference}\"")), "the reference stays: {}", again.text);
    }
    assert_eq!(office.kinlink.count("requests").await, 1);
    let done = erase(&reference, "erase").await.expect(303);
    let words = text(&person.follow(&done).await);
    assert!(words.contains("The request and everything about it is erased."), "{words}");
    let _ = erase(&reference, "erase").await.expect(422);
    assert_eq!(office.kinlink.count("requests").await, 0);
}

#[tokio::test]
async fn a_pupils_copy_warns_of_holds_on_them_and_on_whoever_is_linked_to_them() {
    for of_the_adult in [false, true] {
        let world = world().await;
        let office = &world.office;
        let person = office.administrator().await;
        let here = format!("/admin/privacy/pupils/{}", world.amelia);
        let looks = async || {
            let sql = format!(
                "SELECT COUNT(*) FROM audit WHERE action = 'pupil.view' AND subject = 'pupil:{}'",
                world.amelia
            );
            office.number(&sql).await
        };
        let words = text(&person.page(&here).await);
        assert!(words.contains("No hold concerns them or anybody linked to them."), "{words}");
        assert_eq!(
            looks().await,
            1,
            "that somebody looked is noted where there is nothing as well, or the copy would tell"
        );
        let (email, pupil) = if of_the_adult {
            (Some("rachel.turner@example.org".into()), None)
        } else {
            (None, Some(kinlink_domain::ids::MoodleUserId(world.amelia)))
        };
        let reference = "C-18/2026".into();
        let hold =
            NewHold { adult: None, email, pupil, reason: HoldReason::CourtOrder, reference, from: None, until: None };
        let hold = holds::place(&office.kinlink.app, &administrator(), &hold).await.unwrap();
        let words = text(&person.page(&here).await);
        assert!(words.contains("A hold concerns them or somebody linked to them."), "{of_the_adult}: {words}");
        assert!(!words.contains("C-18/2026"), "what it says is not told: {words}");
        let file = person.post(&format!("{here}/bundle"), &[("format", "html")]).await.expect(200);
        for secret in ["C-18/2026", &hold.id.to_string(), "court", "safeguarding"] {
            assert!(!file.text.contains(secret), "{secret}: {}", file.text);
        }
        let by_api = office.anyone.bearer(&office.kinlink.admin_token);
        let path = format!("/api/v1/admin/pupils/{}/access-bundle", world.amelia);
        let made = by_api.json("POST", &path, &serde_json::json!({})).await.expect(200).json();
        assert_eq!(made["for_the_data_protection_officer"]["holds"], serde_json::json!([hold.id]), "{of_the_adult}");

        office.kinlink.clock.advance(SignedDuration::from_mins(20));
        let again = person.get(&here).await.expect(303);
        assert!(again.header("location").starts_with("/admin/sign-in/again"), "{}", again.header("location"));
    }
}

#[tokio::test]
async fn a_form_that_came_too_late_says_that_nothing_was_done() {
    let world = world().await;
    let office = &world.office;
    let person = office.administrator().await;
    office.kinlink.clock.advance(SignedDuration::from_mins(20));
    let adult = format!("/admin/privacy/adults/{}", world.adult);
    for (path, says) in [
        ("/admin/privacy/purge", "Nothing was purged, because you had to sign in again first. Send it again."),
        ("/admin/privacy/requests/erase", "Nothing was erased, because"),
        (&format!("{adult}/erase"), "Nothing was erased, because"),
        (&format!("{adult}/bundle"), "No copy was made, because"),
        ("/admin/settings", "Nothing was saved, because"),
        ("/admin/tokens", "No token was made, because"),
        ("/admin/sources", "No key was made, because"),
    ] {
        let answer = person.post(path, &[("typed", "erase"), ("name", "x")]).await.expect(303);
        assert!(answer.header("location").starts_with("/admin/sign-in/again"), "{path}");
        let words = text(&office.administrator().await.carry(&answer, "/admin/requests").await);
        assert!(words.contains(says), "{path}: {words}");
    }
}
