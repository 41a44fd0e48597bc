//! Authorised users: the list, one of them, taking access away.

use jiff::SignedDuration;

use crate::{
    staff::{Office, office, text},
    world::world,
};

/// Counts who has access; the row that keeps the table from being empty is nobody.
const PEOPLE: &str = "SELECT COUNT(*) FROM login_rows WHERE username LIKE '%@%'";

#[tokio::test]
async fn the_list_shows_who_has_access_with_their_pupils_and_how_they_stand_in_moodle() {
    let world = world().await;
    let person = world.office.approver().await;
    let words = text(&person.page("/admin/users").await);
    for expected in [
        "Rachel Turner rachel.turner@example.org",
        "Amelia Turner",
        "Not in Moodle yet",
        world.turner.reference.as_str(),
        "1 person",
    ] {
        assert!(words.contains(expected), "{expected}: {words}");
    }
    world
        .office
        .meddle_in_moodle(
            "UPDATE mdl_user SET username = 'rachel.turner@example.org', auth = 'db', suspended = 0 WHERE id = 4",
        )
        .await;
    world
        .office
        .meddle_in_moodle("UPDATE mdl_user SET suspended = 1 WHERE firstname = 'Amelia' AND lastname = 'Turner'")
        .await;
    let page = person.page("/admin/users?view=pupils_left").await;
    let words = text(&page);
    assert!(words.contains("Amelia Turner (left)") && words.contains("Active"), "{words}");
    assert!(words.contains("Every pupil of theirs"), "{words}");
    assert!(page.contains("href=\"https://moodle.test/user/profile.php?id=4\""));
    let empty = text(&person.page("/admin/users?view=suspended").await);
    assert!(empty.contains("Nobody is in this list.") && empty.contains("Show everybody"), "{empty}");
}

#[tokio::test]
async fn a_search_narrows_the_list_and_its_counts_and_stays_in_the_links() {
    let office = office().await;
    office.crowd(0..60).await;
    let person = office.approver().await;
    let page = person.page("/admin/users").await;
    assert!(text(&page).contains("Page 1 of 2") && page.contains("href=\"/admin/users?page=2\""), "{page}");
    let second = text(&person.page("/admin/users?page=2").await);
    assert!(second.contains("Parent059 Crowd") && !second.contains("Parent000 Crowd"), "{second}");
    let found = person.page("/admin/users?q=parent00").await;
    let words = text(&found);
    assert!(words.contains("10 people") && words.contains("All 10") && words.contains("Parent007"), "{words}");
    assert!(found.contains("value=\"parent00\""), "{found}");
    assert!(found.contains("href=\"/admin/users?q=parent00&#38;view=no_pupils\""), "{found}");
}

#[tokio::test]
async fn the_page_of_a_user_tells_what_happened() {
    let world = world().await;
    let person = world.office.approver().await;
    let path = format!("/admin/users/{}", world.adult);
    let words = text(&person.page(&path).await);
    for expected in ["Rachel Turner", "Amelia Turner", "Linked", "New account", "gave access", "Revoke access"] {
        assert!(words.contains(expected), "{expected}: {words}");
    }
    assert_eq!(text(&person.page("/admin/users/rachel.turner@example.org").await), words, "by user name too");
    let fields = [("id", "rachel.turner@example.org"), ("reason", "left_school")];
    let done = person.post("/admin/users/revoke/apply", &fields).await;
    assert!(text(&person.follow(&done).await).contains("Access ended for 1 person."));
    let words = text(&person.page(&path).await);
    for expected in [
        "No access",
        "Ended",
        "Withdrawn",
        "Jo took the access away",
        "Jo said why the access ended: the children have left",
    ] {
        assert!(words.contains(expected), "{expected}: {words}");
    }
    assert!(!words.contains("Revoke access"), "{words}");
}

#[tokio::test]
async fn access_is_taken_away_after_a_page_that_names_the_person() {
    let world = world().await;
    let person = world.office.approver().await;
    let fields = [("id", "rachel.turner@example.org"), ("id", "nobody"), ("id", "\0")];
    let before = world.office.everything().await;
    let asked = person.post("/admin/users/revoke", &fields).await.expect(200);
    let words = text(&asked.text);
    assert!(words.contains("End the access of 1 person.") && words.contains("Rachel Turner"), "{words}");
    assert!(words.contains("Moodle suspends the accounts. Nothing in Moodle is deleted."), "{words}");
    assert!(!words.contains("Type the number"), "{words}");
    Office::assert_same(&before, &world.office.everything().await, "the page that asks");
    assert_eq!(world.office.woken(), 0);
    let fields = [("id", "rachel.turner@example.org"), ("reason", "whatever")];
    let done = person.post("/admin/users/revoke/apply", &fields).await.expect(303);
    assert_eq!((done.header("location"), world.office.woken()), ("/admin/users", 1));
    assert_eq!(world.office.number(PEOPLE).await, 0);
    let reasons = "SELECT COUNT(*) FROM audit WHERE action = 'adult.revoke'";
    assert_eq!(world.office.number(reasons).await, 0, "what is no reason is none");
    let again = person.post("/admin/users/revoke/apply", &fields).await;
    let words = text(&person.follow(&again).await);
    assert!(words.contains("Access ended for 0 people. 1 left out: Their access has ended already."), "{words}");
    let asked = person.post("/admin/users/revoke", &fields).await;
    assert!(text(&person.follow(&asked).await).contains("Their access has ended already."));
    let nobody = person.post("/admin/users/revoke", &[]).await;
    assert!(text(&person.follow(&nobody).await).contains("Nobody was ticked."));
}

#[tokio::test]
async fn more_than_ten_need_their_number_typed_by_somebody_who_signed_in_lately() {
    let office = office().await;
    office.crowd(0..12).await;
    let person = office.approver().await;
    let names: Vec<String> = (0..11).map(|number| format!("parent{number:03}@example.org")).collect();
    let with = |number: &'static str| -> Vec<(&str, &str)> {
        names.iter().map(|name| ("id", name.as_str())).chain([("number", number), ("reason", "mistake")]).collect()
    };
    let asked = person.post("/admin/users/revoke", &with("")).await.expect(200);
    assert!(text(&asked.text).contains("Type the number of people to go on"), "{}", asked.text);
    let before = office.everything().await;
    for number in ["", "10", "12", "eleven"] {
        let answer = person.post("/admin/users/revoke/apply", &with(number)).await.expect(422);
        assert!(answer.text.contains("<title>Error: Revoke access"), "{number}");
        assert!(answer.text.contains("href=\"#number\">Type the number of people, 11, to go on"), "{}", answer.text);
        assert!(answer.text.contains(&format!("value=\"{number}\" aria-invalid=\"true\"")), "{}", answer.text);
        assert!(answer.text.contains("value=\"mistake\" selected"), "{}", answer.text);
        assert_eq!(answer.text.matches("name=\"id\"").count(), 11);
    }
    Office::assert_same(&before, &office.everything().await, "a wrong number");

    // A page view keeps the session; it does not prove again who somebody is.
    office.kinlink.clock.advance(SignedDuration::from_mins(10));
    person.page("/admin/users").await;
    office.kinlink.clock.advance(SignedDuration::from_mins(6));
    for path in ["/admin/users/revoke", "/admin/users/revoke/apply"] {
        let stale = person.post(path, &with("11")).await.expect(303);
        assert_eq!(stale.header("location"), "/admin/sign-in/again?return_to=%2Fadmin%2Fusers", "{path}");
    }
    assert_eq!(office.number(PEOPLE).await, 12);
    let few = person.post("/admin/users/revoke", &with("")[..10]).await.expect(200);
    assert!(text(&few.text).contains("End the access of 10 people."));

    let fresh = office.approver().await;
    let done = fresh.post("/admin/users/revoke/apply", &with(" 11 ")).await;
    assert!(text(&fresh.follow(&done).await).contains("Access ended for 11 people."));
    assert_eq!(office.number(PEOPLE).await, 1);
}
