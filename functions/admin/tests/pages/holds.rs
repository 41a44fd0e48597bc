//! Holds: placing one from where somebody is looked at, the two people who release it, and what everybody else reads.

use jiff::SignedDuration;
use kinlink_domain::staff::StaffRole;

use crate::{
    staff::{Person, text},
    world::{World, world},
};

const FIELDS: [(&str, &str); 2] = [("reason", "court_order"), ("reference", "C-99/2026")];

/// Places a hold with further fields, and gives its address.
async fn place(person: &Person, further: &[(&str, &str)]) -> String {
    let fields: Vec<_> = FIELDS.into_iter().chain(further.iter().copied()).collect();
    person.post("/admin/holds", &fields).await.expect(303).header("location").to_owned()
}

async fn leads(world: &World) -> (Person, Person) {
    (
        world.office.person("Sam", StaffRole::Safeguarding).await,
        world.office.person("Kim", StaffRole::Safeguarding).await,
    )
}

#[tokio::test]
async fn a_hold_is_placed_from_a_persons_page_and_released_by_two_people() {
    let world = world().await;
    let (sam, kim) = leads(&world).await;
    let user = format!("/admin/users/{}", world.adult);
    let page = sam.page(&user).await;
    let form = format!("/admin/holds/new?adult={}", world.adult);
    assert!(page.contains(&format!("href=\"{form}\"")), "{page}");
    let words = text(&sam.page(&form).await);
    assert!(words.contains("Rachel Turner") && words.contains("Only Amelia Turner"), "{words}");

    let amelia = world.amelia.to_string();
    let hold = place(&sam, &[("adult", &world.adult), ("pupil", &amelia), ("until", "2027-01-31")]).await;
    let words = text(&sam.page(&hold).await);
    for part in [
        "Hold: Rachel Turner and Amelia Turner",
        "In force",
        "Court order",
        "C-99/2026",
        "Monday 1 February 2027",
        "Sam placed the hold",
    ] {
        assert!(words.contains(part), "{part}: {words}");
    }
    assert!(text(&sam.page(&user).await).contains("Refer to safeguarding. Hold: Court order"));

    let asked = sam.post(&format!("{hold}/ask-release"), &[]).await;
    let words = text(&sam.follow(&asked).await);
    assert!(words.contains("The hold stays until another person releases it"), "{words}");
    assert!(words.contains("You asked to release this hold, so another person must do it"), "{words}");
    let alone = sam.post(&format!("{hold}/release"), &[]).await;
    let words = text(&sam.follow(&alone).await);
    assert!(words.contains("You asked to release this hold; another person must do it"), "{words}");
    assert!(words.contains("In force"), "{words}");

    let kept = kim.post(&format!("{hold}/withdraw-release"), &[]).await;
    assert!(text(&kim.follow(&kept).await).contains("The hold stays."));
    let _ = sam.post(&format!("{hold}/ask-release"), &[]).await.expect(303);
    let listed = text(&kim.page("/admin/holds?view=release_asked").await);
    assert!(listed.contains("Release asked for 1") && listed.contains("C-99/2026"), "{listed}");
    let released = kim.post(&format!("{hold}/release"), &[]).await;
    let words = text(&kim.follow(&released).await);
    assert!(words.contains("The hold is released") && words.contains("Kim released it"), "{words}");
    assert!(!text(&sam.page(&user).await).contains("Refer to safeguarding"));
    assert!(text(&kim.page("/admin/holds?view=over").await).contains("C-99/2026"));
}

#[tokio::test]
async fn who_is_no_safeguarding_lead_is_told_whom_to_ask_and_cannot_approve() {
    let world = world().await;
    let (sam, _) = leads(&world).await;
    let request = format!("/admin/requests/{}", world.jones.reference);
    let form = format!("/admin/holds/new?request={}", world.jones.reference);
    let page = sam.page(&request).await;
    assert!(page.contains(&format!("href=\"{form}\"")), "the form is told the request, and no address: {page}");
    assert!(sam.page(&form).await.contains("value=\"cat.jones@example.org\""), "the form knows whose request it is");
    let _ = sam.get("/admin/holds/new?request=AAAA-AAAA").await.expect(404);
    let hold = place(&sam, &[("email", "cat.jones@example.org")]).await;
    for (role, sees) in [
        (StaffRole::Viewer, false),
        (StaffRole::Approver, false),
        (StaffRole::Safeguarding, true),
        (StaffRole::Administrator, true),
    ] {
        let person = world.office.person("Jo", role).await;
        for path in ["/admin/requests", request.as_str(), "/admin/matching"] {
            let page = person.page(path).await;
            assert!(text(&page).contains("Refer to safeguarding"), "{role} {path}: {}", text(&page));
            for secret in ["C-99/2026", "Court order", hold.as_str(), "/admin/holds"] {
                assert!(sees || !page.contains(secret), "{role} {path} shows {secret}");
            }
            assert_eq!(page.contains("href=\"/admin/holds\""), sees, "{role} {path}: the menu");
        }
        let page = person.page(&request).await;
        assert_eq!(page.contains(&hold), sees, "{role}: the hold itself");
        assert!(!page.contains("value=\"approve\""), "{role}: nothing offers to approve");
    }
    // Who had the page open before.
    let person = world.office.approver().await;
    let version = world.office.now(&world.jones).await.version.to_string();
    let fields = [
        ("version", version.as_str()),
        ("do", "approve"),
        ("details_match", "1"),
        ("no_similar_pupil", "1"),
        ("no_critical_note", "1"),
    ];
    let late = person.post(&format!("{request}/decide"), &fields).await;
    assert!([409, 422].contains(&late.status.as_u16()), "{}", late.text);
    assert_eq!(world.office.text("SELECT status FROM requests WHERE email = 'cat.jones@example.org'").await, "pending");
}

#[tokio::test]
async fn what_cannot_be_placed_is_said_at_its_field() {
    let world = world().await;
    let (sam, _) = leads(&world).await;
    for (fields, anchor, words) in [
        (&[("reason", "other"), ("reference", "x")][..], "#email", "Say who is held"),
        (&[("email", "no"), ("reason", "other"), ("reference", "x")], "#email", "Enter an email address"),
        (&[("email", "a@example.org"), ("reference", "x")], "#reason", "Choose a reason"),
        (&[("email", "a@example.org"), ("reason", "king"), ("reference", "x")], "#reason", "Choose a reason"),
        (&[("email", "a@example.org"), ("reason", "other")], "#reference", "Say where the document is"),
        (&[("pupil", "nobody at all"), ("reason", "other"), ("reference", "x")], "#pupil", "No pupil is called so"),
        (&[("pupil", "99999999"), ("reason", "other"), ("reference", "x")], "#pupil", "Moodle has no such user"),
        (&[("pupil", "Jones"), ("reason", "other"), ("reference", "x")], "#pupil", "Several pupils are called so"),
        (
            &[("email", "a@example.org"), ("reason", "other"), ("reference", "x"), ("until", "2020-01-01")],
            "#until",
            "The last day must not be before",
        ),
        (
            &[("email", "a@example.org"), ("reason", "other"), ("reference", "x"), ("from", "soon")],
            "#from",
            "Enter a date",
        ),
    ] {
        let before = world.office.number("SELECT COUNT(*) FROM holds").await;
        let answer = sam.post("/admin/holds", fields).await.expect(422);
        assert!(answer.text.contains(&format!("href=\"{anchor}\"")), "{fields:?}: {}", answer.text);
        assert!(text(&answer.text).contains(words), "{fields:?}: {}", text(&answer.text));
        assert_eq!(world.office.number("SELECT COUNT(*) FROM holds").await, before, "{fields:?}");
    }
}

#[tokio::test]
async fn placing_and_releasing_ask_to_sign_in_again_after_a_while() {
    let world = world().await;
    let (sam, kim) = leads(&world).await;
    let hold = place(&sam, &[("email", "a@example.org")]).await;
    let _ = sam.post(&format!("{hold}/ask-release"), &[]).await.expect(303);
    world.office.kinlink.clock.advance(SignedDuration::from_mins(20));
    for path in ["/admin/holds".to_owned(), format!("{hold}/release")] {
        let fields: Vec<_> = FIELDS.into_iter().chain([("email", "b@example.org")]).collect();
        let answer = kim.post(&path, &fields).await.expect(303);
        let location = answer.header("location");
        assert!(location.starts_with("/admin/sign-in/again?return_to="), "{path}: {location}");
        assert!(!location.contains("b%40") && !location.contains("b%2540"), "{path}: {location}");
    }
    let reference = world.jones.reference.as_str();
    let form = kim.get(&format!("/admin/holds/new?request={reference}")).await.expect(303);
    assert!(form.header("location").contains(&format!("request%3D{reference}")), "{}", form.header("location"));
    let page = kim.page(&hold).await;
    assert!(text(&page).contains("sign in again first") && !page.contains("Release this hold"), "{}", text(&page));
    assert_eq!(world.office.number("SELECT COUNT(*) FROM holds WHERE released_at IS NOT NULL").await, 0);
}

#[tokio::test]
async fn who_was_too_slow_comes_back_to_the_same_form_and_reads_that_nothing_was_placed() {
    let world = world().await;
    let before = world.office.number("SELECT COUNT(*) FROM holds").await;
    let (adult, amelia, jones) = (world.adult.clone(), world.amelia.to_string(), world.jones.reference.to_string());
    for (about, expected) in [
        (
            vec![("adult", adult.as_str()), ("pupil", amelia.as_str())],
            format!("/admin/holds/new?adult={adult}&pupil={amelia}"),
        ),
        // What was typed stays out of the address, whoever it is.
        (
            vec![("request", jones.as_str()), ("email", "b@example.org"), ("pupil", "Emily Jones")],
            format!("/admin/holds/new?request={jones}"),
        ),
    ] {
        let (person, _) = leads(&world).await;
        world.office.kinlink.clock.advance(SignedDuration::from_mins(20));
        let fields: Vec<_> = FIELDS.into_iter().chain(about).collect();
        let answer = person.post("/admin/holds", &fields).await.expect(303);
        let (_, query) = answer.header("location").split_once('?').expect("a page to come back to");
        let (_, back) = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "return_to").unwrap();
        assert_eq!(back, expected);
        // The page of signing in again does not use the notice up.
        let _ = person.get(answer.header("location")).await.expect(200);
        let (again, _) = leads(&world).await;
        let words = text(&again.carry(&answer, &back).await);
        assert!(
            words.contains("The hold was not placed, because you had to sign in again first. Send it again."),
            "{words}"
        );
        world.office.kinlink.clock.advance(SignedDuration::from_mins(20));
    }
    assert_eq!(world.office.number("SELECT COUNT(*) FROM holds").await, before);
}

#[tokio::test]
async fn a_hold_without_a_last_day_lasts_until_it_is_released() {
    let world = world().await;
    let (sam, kim) = leads(&world).await;
    assert!(text(&sam.page("/admin/holds").await).contains("until released"));
    let hold = format!("/admin/holds/{}", world.hold);
    let _ = sam.post(&format!("{hold}/ask-release"), &[]).await.expect(303);
    let _ = kim.post(&format!("{hold}/release"), &[]).await.expect(303);
    let words = text(&sam.page("/admin/holds?view=over").await);
    assert!(words.contains("released") && !words.contains("until released"), "{words}");
}
