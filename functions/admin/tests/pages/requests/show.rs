//! One request with everything beside it.

use kinlink_domain::staff::StaffRole;
use kinlink_testapp::family;

use super::{AMELIA, EMILY, ISLA, approved, at, picks};
use crate::staff::{Office, office, text};

#[tokio::test]
async fn looking_changes_nothing() {
    let office = office().await;
    let person = office.approver().await;
    let request = approved(&office, &person).await;
    let other = office.turner(&[EMILY]).await;
    let claim = {
        let page = person.page(&at(&request, "")).await;
        page.split("/withdraw/").nth(1).unwrap().split('"').next().unwrap().to_owned()
    };
    let before = office.everything().await;
    for path in [
        "/admin/requests".to_owned(),
        "/admin/requests/counts".to_owned(),
        "/admin/requests/export.csv".to_owned(),
        at(&request, ""),
        at(&request, "/deny"),
        at(&request, &format!("/withdraw/{claim}")),
        at(&other, ""),
        at(&other, "?find=emily&claim=0192f0c1-8a5e-7c3e-9d1a-3f1b2c4d5e6f"),
        at(&other, "/deny"),
        at(&other, "/ask"),
        at(&other, "/duplicate"),
        at(&other, "/bogus"),
        at(&other, "/edit"),
    ] {
        let _ = person.get(&path).await.expect(200);
        let _ = person.client.send("HEAD", &path, "").await;
    }
    for path in ["/decide", "/note", "/pin"] {
        assert_eq!(person.get(&at(&other, path)).await.status.as_u16(), 405, "{path}");
    }
    Office::assert_same(&before, &office.everything().await, "looking");
}

#[tokio::test]
async fn an_exact_match_is_chosen_and_everything_else_waits_for_a_person() {
    let office = office().await;
    let person = office.approver().await;
    let raw = family(("Catherine", "Jones", "catherine.jones@example.org"), &[AMELIA, EMILY, ("Xyz", "Qqq", "9ZZ")]);
    let request = office.kinlink.submit(&raw).await;
    let page = person.page(&at(&request, "")).await;
    let picks = picks(&page);
    let chosen: Vec<_> = picks.iter().filter(|(.., chosen)| *chosen).collect();
    assert_eq!(chosen.len(), 1, "{picks:?}");
    let words = text(&page);
    for expected in [
        "Amelia Turner 7KL",
        "Name and group",
        "Several match",
        "Two or more pupils match exactly.",
        "No match",
        "Nobody is like this. Find the pupil below.",
        "2 of 3 pupils are not matched.",
        "1 matched",
        "2 to choose",
        "everything that was typed agrees",
        "It waits for a decision.",
        "Check in the school’s own records",
    ] {
        assert!(words.contains(expected), "{expected}: {words}");
    }
    assert!(page.contains("Approve</button>") && page.contains("/deny") && page.contains("/ask"));
}

#[tokio::test]
async fn a_pupil_is_found_by_a_search() {
    let office = office().await;
    let person = office.approver().await;
    let request = office.turner(&[("Ammy", "Tornado", "7KL")]).await;
    let page = person.page(&at(&request, "")).await;
    let claim = crate::staff::field(&page, "claim");
    let page = person.page(&at(&request, &format!("?view=all&find=turner+7kl&claim={claim}"))).await;
    let words = text(&page);
    assert!(words.contains("1 pupil found by your search."), "{words}");
    assert!(words.contains("Amelia Turner 7KL"), "{words}");
    assert!(words.contains("another first name, another last name"), "{words}");
    // The search goes on with the list, and the list with the search.
    assert!(page.contains("<input type=\"hidden\" name=\"view\" value=\"all\">"));
}

#[tokio::test]
async fn the_list_goes_along_and_neighbours_are_one_click_away() {
    let office = office().await;
    let person = office.approver().await;
    let mut requests = Vec::new();
    for name in ["One", "Two", "Three"] {
        office.kinlink.clock.advance(jiff::SignedDuration::from_mins(1));
        requests.push(office.kinlink.submit(&family((name, "Walker", "w@example.org"), &[AMELIA])).await);
    }
    let page = person.page(&at(&requests[1], "?q=walker&sort=newest")).await;
    assert!(text(&page).contains("2 of 3"));
    for (id, rel) in [(requests[2].id, "prev"), (requests[0].id, "next")] {
        let link = format!("href=\"/admin/requests/{id}?q=walker&#38;sort=newest\" rel=\"{rel}\"");
        assert!(page.contains(&link), "{link}");
    }
    assert!(page.contains("href=\"/admin/requests?q=walker&#38;sort=newest\""));
    assert!(text(&page).contains("Other requests from this address"));
    // By id as well, and in any spelling of the reference.
    for name in [requests[1].id.to_string(), requests[1].reference.as_str().to_lowercase().replace('-', "")] {
        assert!(person.page(&format!("/admin/requests/{name}")).await.contains("Two Walker"));
    }
    for name in ["x", "K7QX-2M9D", "%00"] {
        let answer = person.get(&format!("/admin/requests/{name}")).await;
        assert_eq!(answer.status.as_u16(), 404);
        assert!(answer.text.contains("<h1>Page not found</h1>"), "{}", answer.text);
    }
}

#[tokio::test]
async fn viewers_find_no_buttons_and_a_line_that_says_why() {
    let office = office().await;
    let viewer = office.person("Vi", StaffRole::Viewer).await;
    let request = office.turner(&[AMELIA, EMILY]).await;
    let page = viewer.page(&at(&request, "")).await;
    assert!(text(&page).contains("Deciding needs the role approver"), "{}", text(&page));
    for part in ["name=\"do\"", "/deny", "/edit", "name=\"note\"", "form=\"decide\"", "formaction"] {
        assert!(!page.contains(part), "{part}");
    }
    let before = office.everything().await;
    for (path, fields) in [
        ("/decide", vec![("do", "approve"), ("version", "1")]),
        ("/decide", vec![("do", "reopen"), ("version", "1")]),
        ("/note", vec![("note", "x"), ("version", "1")]),
        ("/deny", vec![("do", "send"), ("reason", "not_on_file"), ("version", "1")]),
        ("/edit", vec![("title", "Dr"), ("version", "1")]),
    ] {
        let answer = viewer.post(&at(&request, path), &fields).await;
        let status = answer.status.as_u16();
        // A form that is not even complete may be told so first.
        assert!(status == 403 || status == 422, "{path}: {status}");
    }
    for path in ["/deny", "/ask", "/duplicate", "/bogus", "/edit"] {
        let answer = viewer.get(&at(&request, path)).await;
        assert_eq!(answer.status.as_u16(), 403, "{path}");
        assert!(answer.text.contains("You may not do this"));
    }
    Office::assert_same(&before, &office.everything().await, "a viewer");
}

#[tokio::test]
async fn the_state_decides_the_buttons() {
    let office = office().await;
    let person = office.approver().await;
    let request = approved(&office, &person).await;
    let page = person.page(&at(&request, "")).await;
    for expected in ["Deny and end access…", "Run a cycle now", "Withdraw…", "Waits for the cycle", "Amelia Turner"]
    {
        assert!(text(&page).contains(expected), "{expected}: {}", text(&page));
    }
    assert!(!page.contains("value=\"approve\""), "nothing is left to approve");
    let fields = [("version", "2"), ("reason", "not_on_file"), ("do", "send")];
    assert_eq!(person.post(&at(&request, "/deny"), &fields).await.status.as_u16(), 303);
    let page = person.page(&at(&request, "")).await;
    assert!(page.contains("value=\"reopen\"") && !page.contains("value=\"approve\"") && !page.contains("/deny\""));
    assert!(text(&page).contains("Denied on 3 September 2026. It can be opened again."), "{}", text(&page));
}

#[tokio::test]
async fn the_history_names_who_did_what() {
    let office = office().await;
    let sunita = office.person("Sunita Patel", StaffRole::Approver).await;
    let request = office.turner(&[AMELIA, ISLA]).await;
    let fields = [("version", "1"), ("title", "Dr"), ("given_name", "Rachael")];
    assert_eq!(sunita.post(&at(&request, "/edit"), &fields).await.status.as_u16(), 303);
    let fields =
        [("version", "2"), ("note", "Asked the office.\nThey know."), ("question", "Which group?"), ("do", "send")];
    assert_eq!(sunita.post(&at(&request, "/ask"), &fields).await.status.as_u16(), 303);
    let page = sunita.page(&at(&request, "")).await;
    let words = text(&page);
    for expected in [
        "Sunita Patel asked the parent for information.",
        "Which group? Asked the office. They know.",
        "Sunita Patel corrected details.",
        "Title: nothing → Dr",
        "First name: Rachel → Rachael",
        "The parent sent this request.",
        "by the form “test”",
        "As it was sent",
        "Waiting for parent",
        "Thursday 3 September 2026, 09:00",
        "Email “A question about your request”: waits to be sent.",
        "The parent was asked: “Which group?”",
    ] {
        assert!(words.contains(expected), "{expected}: {words}");
    }
    assert!(page.contains("data-print") && page.contains("no-print"));
}

#[tokio::test]
async fn without_moodle_the_request_can_be_read_and_denied() {
    let office = office().await;
    let person = office.approver().await;
    let request = office.turner(&[AMELIA]).await;
    office.kinlink.moodle.db.close().await;
    let page = person.page(&at(&request, "")).await;
    assert!(text(&page).contains("Moodle cannot be asked at the moment."), "{}", text(&page));
    let list = person.page("/admin/requests").await;
    assert!(text(&list).contains("Moodle not reached"));
    let pick = picks(&page).into_iter().find(|(_, value, _)| value == "leave").unwrap().0;
    let mut fields = vec![("version", "1"), (pick.as_str(), "leave")];
    fields.extend(super::CHECKS);
    let answer = person.post(&at(&request, "/decide"), &fields).await;
    assert_eq!(answer.status.as_u16(), 503);
    assert!(text(&answer.text).contains("Nothing was decided"), "{}", text(&answer.text));
    assert!(answer.text.contains("name=\"details_match\" value=\"1\" checked"), "ticks are kept");
    let fields = [("version", "1"), ("reason", "no_pupil"), ("do", "send")];
    assert_eq!(person.post(&at(&request, "/deny"), &fields).await.status.as_u16(), 303);
}
