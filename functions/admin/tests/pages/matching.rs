//! Pupil matching: children whose pupil is not clear, and choosing one.

use kinlink_domain::staff::StaffRole;
use kinlink_testapp::family;

use crate::{
    staff::{Office, office, text},
    world::EMILY,
};

/// The values of the fields of this name on a page, in order.
fn values(page: &str, name: &str) -> Vec<String> {
    let start = format!("name=\"{name}\" value=\"");
    page.split(&start).skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
}

async fn two_of_one_name(office: &Office) {
    for (name, email) in [("Cat", "cat@example.org"), ("Dan", "dan@example.org")] {
        office.kinlink.submit(&family((name, "Jones", email), &[EMILY])).await;
    }
}

#[tokio::test]
async fn a_child_that_two_parents_named_is_there_once_and_a_pupil_is_chosen_for_both() {
    let office = office().await;
    two_of_one_name(&office).await;
    let person = office.approver().await;
    let page = person.page("/admin/matching").await;
    let words = text(&page);
    let viewer = office.person("Viv", StaffRole::Viewer).await.page("/admin/matching").await;
    assert!(
        text(&viewer).contains("everything that was typed agrees") && !viewer.contains("name=\"pupil\""),
        "{viewer}"
    );
    assert_eq!(words.matches("Emily Jones 8MB").count(), 3, "the child and two candidates: {words}");
    assert!(words.contains("Typed in 2 requests") && words.contains("everything that was typed agrees"), "{words}");
    let (claims, pupils) = (values(&page, "claim"), values(&page, "pupil"));
    assert_eq!((claims.len(), pupils.len()), (2, 2));
    let fields = [("claim", claims[0].as_str()), ("claim", &claims[1]), ("pupil", &pupils[1])];
    let done = person.post("/admin/matching", &fields).await;
    let words = text(&person.follow(&done).await);
    assert!(
        words.contains("The pupil was chosen for 2 requests.") && words.contains("All pupils are matched."),
        "{words}"
    );
    assert_eq!(office.number(&format!("SELECT COUNT(*) FROM claims WHERE pupil_id = {}", pupils[1])).await, 2);
    assert_eq!(office.kinlink.count("links").await, 0, "choosing links nothing");
    // The same again: both requests were changed meanwhile.
    let again = person.post("/admin/matching", &fields).await;
    let words = text(&person.follow(&again).await);
    assert!(words.contains("The pupil was chosen for 0 requests. 2 left out:"), "{words}");
}

#[tokio::test]
async fn choosing_nothing_is_said_beside_the_child() {
    let office = office().await;
    two_of_one_name(&office).await;
    office.kinlink.submit(&family(("Eva", "Moss", "eva@example.org"), &[("Ameli", "Turner", "7KL")])).await;
    let person = office.approver().await;
    let page = person.page("/admin/matching").await;
    let claims = values(&page, "claim");
    let before = office.everything().await;
    for fields in [vec![("claim", claims[0].as_str())], vec![("claim", claims[0].as_str()), ("pupil", "x")]] {
        let answer = person.post("/admin/matching", &fields).await.expect(422);
        assert!(answer.text.contains("<title>Error: Pupil matching"), "{}", answer.text);
        assert!(answer.text.contains("href=\"#child-1\">Choose the pupil"), "{}", answer.text);
        assert_eq!(text(&answer.text).matches("or open the request and decide there").count(), 1);
    }
    for fields in [vec![], vec![("pupil", "1")], vec![("claim", "x"), ("claim", "a:b:c:d"), ("pupil", "1")]] {
        let answer = person.post("/admin/matching", &fields).await.expect(422);
        assert!(answer.text.contains("href=\"#main\">Choose the pupil"), "{}", answer.text);
    }
    let stranger = person.post("/admin/matching", &[("claim", &claims[0]), ("pupil", "999999")]).await;
    assert!(stranger.status.is_client_error() && stranger.text.contains("not a pupil"), "{}", stranger.text);
    Office::assert_same(&before, &office.everything().await, "nothing chosen");
}

#[tokio::test]
async fn a_child_that_nobody_resembles_leads_to_its_request_and_an_empty_queue_says_so() {
    let office = office().await;
    let person = office.approver().await;
    assert!(text(&person.page("/admin/matching").await).contains("All pupils are matched."));
    let frodo =
        office.kinlink.submit(&family(("Tom", "Underhill", "t@example.org"), &[("Frodo", "Underhill", "7RS")])).await;
    let page = person.page("/admin/matching").await;
    let words = text(&page);
    assert!(words.contains("No pupil has a similar name.") && !words.contains("Use this pupil"), "{words}");
    assert!(page.contains(&format!("href=\"/admin/requests/{}\"", frodo.id)), "{page}");
    assert!(!page.contains("action=\"/admin/matching\""), "there is nothing to send: {page}");
}

#[tokio::test]
async fn only_those_that_wait_longest_are_on_the_page() {
    let office = office().await;
    for number in 0..27 {
        let email = format!("p{number}@example.org");
        let child = format!("Nobody{}", ["a", "b", "c"][number % 3].repeat(number + 1));
        office.kinlink.submit(&family(("Pat", "Moss", &email), &[(&child, "Anywhere", "7KL")])).await;
    }
    let page = office.approver().await.page("/admin/matching").await;
    assert_eq!(page.matches("id=\"child-").count(), 25, "{}", text(&page));
    assert!(text(&page).contains("2 more children after these."), "{}", text(&page));
}
