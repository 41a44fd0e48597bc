//! The list, its counts and its file.

use kinlink_domain::staff::StaffRole;
use kinlink_testapp::family;

use super::{AMELIA, EMILY, approved, at};
use crate::staff::{Office, office, text};

const LIST: &str = "/admin/requests";

/// So many requests, one a minute, from the oldest.
async fn crowd(office: &Office, number: usize) {
    for i in 0..number {
        office.kinlink.clock.advance(jiff::SignedDuration::from_mins(1));
        let (family_name, email) = (format!("Walker{i:04}"), format!("walker{i}@example.org"));
        office.kinlink.submit(&family(("Ann", &family_name, &email), &[("Amelia", "Turner", "7KL")])).await;
    }
}

#[tokio::test]
async fn a_row_says_who_asks_for_what_and_what_to_look_at() {
    let office = office().await;
    let request = office.turner(&[AMELIA, ("Nobody", "Like This", "9ZZ")]).await;
    office.kinlink.clock.advance(jiff::SignedDuration::from_secs(1));
    let ambiguous =
        office.kinlink.submit(&family(("Catherine", "Jones", "catherine.jones@example.org"), &[EMILY])).await;
    let page = office.approver().await.page(LIST).await;
    let words = text(&page);
    for expected in [
        "Rachel Turner",
        "rachel.turner@example.org",
        "matched: Amelia Turner 7KL",
        "no match: Nobody Like This 9ZZ",
        "New account",
        "1 pupil not found",
        "Several possible pupils",
        "just now",
        "To do 2",
        "Nothing waits for the next cycle.",
    ] {
        assert!(words.contains(expected), "{expected}: {words}");
    }
    assert!(page.contains(&format!("href=\"{}\"", at(&request, ""))));
    assert!(page.contains(&format!("value=\"{}:1\"", ambiguous.id)));
    // The oldest comes first in To do.
    assert!(page.find(request.reference.as_str()) < page.find(ambiguous.reference.as_str()));
    assert!(page.contains("aria-sort=\"ascending\""));
}

#[tokio::test]
async fn only_who_may_decide_finds_boxes_and_acts() {
    let office = office().await;
    office.turner(&[AMELIA]).await;
    for (role, boxes) in [
        (StaffRole::Viewer, false),
        (StaffRole::Approver, true),
        (StaffRole::Safeguarding, true),
        (StaffRole::Administrator, true),
    ] {
        let page = office.person(role.code(), role).await.page(LIST).await;
        assert_eq!(page.contains("data-select-all"), boxes, "{role}");
        assert_eq!(page.contains("name=\"action\""), boxes, "{role}");
        assert!(page.contains("Rachel Turner"), "{role}");
    }
    let answer = office.anyone.get(&format!("{LIST}?view=closed")).await;
    assert_eq!(answer.status.as_u16(), 303);
    assert!(answer.header("location").contains("/admin/sign-in?"), "{}", answer.header("location"));
}

#[tokio::test]
async fn views_filters_search_and_order_stand_in_the_address() {
    let office = office().await;
    let person = office.approver().await;
    let done = approved(&office, &person).await;
    crowd(&office, 3).await;
    let names = |page: &str| page.matches("class=\"who\"").count();
    for (query, rows) in [
        ("", 3),
        ("?view=approved", 1),
        ("?view=all", 4),
        ("?view=closed", 0),
        ("?view=all&q=rachel", 1),
        ("?view=all&q=walker0001", 1),
        ("?q=WALKER0001", 1),
        ("?kind=leave", 0),
        ("?kind=new_account", 3),
        ("?check=ready", 3),
        ("?check=pupil_not_found", 0),
        (&format!("?view=all&q={}", done.reference), 1),
    ] {
        let page = person.page(&format!("{LIST}{query}")).await;
        assert_eq!(names(&page), rows, "{query}");
        assert_eq!(page.contains("class=\"empty\""), rows == 0, "{query}");
    }
    let page = person.page(&format!("{LIST}?sort=-name&kind=new_account&q=walker")).await;
    assert!(page.find("Walker0002") < page.find("Walker0001"));
    // Each filter that is set can be taken away; the order stays.
    assert!(page.contains("href=\"/admin/requests?kind=new_account&#38;sort=-name\""), "{page}");
    assert!(page.contains("aria-sort=\"descending\""));
    let page = person.page(&format!("{LIST}?view=sideways&page=x&colour=red")).await;
    assert!(text(&page).contains("left out: view, page, colour."), "{}", text(&page));
    assert_eq!(names(&page), 3);
    assert!(text(&person.page(LIST).await).contains("1 approved request goes live in the next cycle."));
}

#[tokio::test]
async fn every_view_says_what_it_is_when_it_is_empty() {
    let office = office().await;
    let person = office.approver().await;
    for (query, expected) in [
        ("", "Nothing to do"),
        ("?view=waiting", "No question is open"),
        ("?view=approved", "Nothing waits for a cycle"),
        ("?view=provisioned", "Nothing is done yet"),
        ("?view=closed", "Nothing is closed"),
        ("?view=all", "There are no requests yet"),
        ("?view=unconfirmed", "Every address is confirmed"),
        ("?q=%3Cb%3E", "No request matches “&#60;b&#62;”"),
        ("?kind=leave", "No request matches these filters"),
    ] {
        let page = person.page(&format!("{LIST}{query}")).await;
        assert!(page.contains(expected), "{query}: {}", text(&page));
    }
}

#[tokio::test]
async fn pages_are_numbered_and_stay_in_bounds() {
    let office = office().await;
    crowd(&office, 53).await;
    let person = office.approver().await;
    for (query, range, current) in [
        ("", "1 to 25 of 53", "1"),
        ("?page=3", "51 to 53 of 53", "3"),
        ("?page=4", "51 to 53 of 53", "3"),
        ("?page=99999", "51 to 53 of 53", "3"),
        ("?page=0", "1 to 25 of 53", "1"),
        ("?page=-1", "1 to 25 of 53", "1"),
        ("?per=50&page=2", "51 to 53 of 53", "2"),
        ("?per=100", "1 to 53 of 53", "1"),
        ("?per=7", "1 to 25 of 53", "1"),
    ] {
        let page = person.page(&format!("{LIST}{query}")).await;
        assert!(text(&page).contains(range), "{query}: {}", text(&page));
        let current = format!("aria-current=\"page\"><span class=\"vh\">Page </span>{current}</a>");
        assert!(page.contains(&current), "{query}");
    }
}

#[tokio::test]
async fn counts_ask_again_ever_more_rarely_until_something_changes() {
    let office = office().await;
    let person = office.approver().await;
    office.turner(&[AMELIA]).await;
    let poll = |page: &str| {
        let at = page.find("hx-get=\"").map(|at| at + 8)?;
        let href = page[at..].split('"').next().unwrap().replace("&#38;", "&");
        let every = page[at..].split("hx-trigger=\"every ").nth(1).unwrap().split("s\"").next().unwrap().to_owned();
        Some((href, every))
    };
    let (mut href, every) = poll(&person.page(&format!("{LIST}?q=turner")).await).unwrap();
    assert_eq!(every, "15");
    for pause in ["30", "60", "120", "240", "240"] {
        let fragment = person.page(&href).await;
        assert!(fragment.starts_with("<ul class=\"views\""), "{fragment}");
        let (next, every) = poll(&fragment).unwrap();
        assert_eq!(every, pause);
        href = next;
    }
    office.turner(&[("Isla", "Turner", "8TH")]).await;
    let fragment = person.page(&href).await;
    assert!(text(&fragment).starts_with("To do 2"), "{fragment}");
    let (href, every) = poll(&fragment).unwrap();
    assert_eq!(every, "15");
    // A page that was left open stops, so that it keeps no session alive.
    office.kinlink.clock.advance(jiff::SignedDuration::from_mins(31));
    let person = office.approver().await;
    assert_eq!(poll(&person.page(&href).await), None);
    // Somebody who is signed out gets no sign-in page in the place of the counts.
    let answer = office.anyone.get(&href).await;
    assert_eq!((answer.status.as_u16(), answer.header("hx-refresh"), answer.text.as_str()), (204, "true", ""));
}

#[tokio::test]
async fn the_file_holds_the_whole_list_and_no_formulas() {
    let office = office().await;
    let person = office.approver().await;
    crowd(&office, 27).await;
    let mut raw = family(("=HYPERLINK(1)", "+Plus", "minus@example.org"), &[("-Amelia", "@Turner", "7KL")]);
    raw.comment = "\"quoted\", and\na line".into();
    office.kinlink.submit(&raw).await;
    let answer = person.get("/admin/requests/export.csv?page=2").await.expect(200);
    assert_eq!(answer.header("content-type"), "text/csv; charset=utf-8");
    assert_eq!(answer.header("content-disposition"), "attachment; filename=\"requests-2026-09-03.csv\"");
    assert_eq!((answer.header("cache-control"), answer.header("x-content-type-options")), ("no-store", "nosniff"));
    assert!(answer.text.starts_with("\u{feff}Reference,Status,"), "{}", answer.text);
    assert_eq!(answer.text.matches("walker").count(), 27);
    let row = answer.text.split("\r\n").find(|row| row.contains("minus@")).unwrap();
    for expected in
        ["'=HYPERLINK(1)", "'+Plus", "'-Amelia @Turner 7KL (not decided)", "\"\"\"quoted\"\", and\na line\""]
    {
        assert!(row.contains(expected), "{expected}: {row}");
    }
    let filtered = person.get("/admin/requests/export.csv?q=walker0003").await.expect(200);
    assert_eq!(filtered.text.lines().count(), 2);
    assert_eq!(office.anyone.get("/admin/requests/export.csv").await.status.as_u16(), 303);
}

#[tokio::test]
async fn ten_requests_and_a_thousand_take_the_same_number_of_statements() {
    let mut sent = Vec::new();
    for number in [10, 1_000] {
        let office = office().await;
        crowd(&office, number).await;
        let person = office.approver().await;
        let request = office.turner(&[AMELIA]).await;
        // That somebody looks at a request is noted once a while: now.
        person.page(&at(&request, "")).await;
        let mut counts = Vec::new();
        for path in [
            LIST.to_owned(),
            format!("{LIST}?view=all&per=100&page=2"),
            format!("{LIST}?check=ready"),
            at(&request, ""),
            at(&request, "/deny"),
            format!("{LIST}/counts"),
        ] {
            let (store, moodle) = (&office.kinlink.store.db, &office.kinlink.moodle.db);
            let before = (store.stats().reads(), store.stats().writes(), moodle.stats().reads());
            person.page(&path).await;
            let after = (store.stats().reads(), store.stats().writes(), moodle.stats().reads());
            assert_eq!(before.1, after.1, "{path} writes");
            counts.push((path.replace(request.reference.as_str(), "…"), after.0 - before.0, after.2 - before.2));
        }
        sent.push(counts);
    }
    assert_eq!(sent[0], sent[1]);
}
