//! One decision on many requests.

use kinlink_domain::{request::Status, staff::StaffRole};
use kinlink_service::view::Request;
use kinlink_testapp::family;

use super::{AMELIA, EMILY, ISLA, approve};
use crate::staff::{Office, office, text};

const PREVIEW: &str = "/admin/requests/bulk";
const APPLY: &str = "/admin/requests/bulk/apply";

fn mark(request: &Request) -> String {
    format!("{}:{}", request.id, request.version)
}

/// Requests of different families, all of them for pupils who match.
async fn families(office: &Office, number: usize) -> Vec<Request> {
    let mut requests = Vec::new();
    for i in 0..number {
        office.kinlink.clock.advance(jiff::SignedDuration::from_secs(1));
        let email = format!("family{i}@example.org");
        requests.push(office.kinlink.submit(&family(("Ann", &format!("Family{i:03}"), &email), &[AMELIA])).await);
    }
    requests
}

#[tokio::test]
async fn the_confirmation_names_number_rows_and_reasons_and_changes_nothing() {
    let office = office().await;
    let person = office.approver().await;
    let mut requests = families(&office, 3).await;
    let unclear = office.kinlink.submit(&family(("Catherine", "Jones", "c.jones@example.org"), &[EMILY])).await;
    requests.push(unclear.clone());
    let marks: Vec<String> = requests.iter().map(mark).collect();
    let before = office.everything().await;
    let mut fields = vec![("action", "approve")];
    fields.extend(marks.iter().map(|mark| ("id", mark.as_str())));
    let answer = person.post(PREVIEW, &fields).await.expect(200);
    let words = text(&answer.text);
    for expected in [
        "Approve 3 requests",
        "1 request is left out",
        "Links Amelia Turner 7KL",
        "Two or more pupils match exactly; pick one.",
    ] {
        assert!(words.contains(expected), "{expected}: {words}");
    }
    assert!(answer.text.contains("Approve 3 requests</button>"));
    assert_eq!(answer.text.matches("name=\"id\"").count(), 3, "what cannot be done is not sent");
    assert!(answer.text.contains("name=\"details_match\""));
    let answer = person.post(PREVIEW, &[("action", "deny"), ("id", &marks[0])]).await.expect(200);
    assert!(answer.text.contains("Deny 1 request</button>") && answer.text.contains("name=\"reason\""));
    let answer = person.post(PREVIEW, &[("action", "ask"), ("id", &marks[0])]).await.expect(200);
    assert!(answer.text.contains("name=\"question\""));
    for fields in [
        vec![("action", ""), ("id", marks[0].as_str())],
        vec![("action", "approve")],
        vec![("action", "x"), ("id", "y:z")],
    ] {
        let answer = person.post(PREVIEW, &fields).await;
        assert_eq!(answer.status.as_u16(), 422, "{fields:?}");
        assert!(answer.text.contains("error-summary"));
    }
    // Faults of the second page: nothing is done, ticks are kept.
    let answer = person.post(APPLY, &[("action", "approve"), ("id", &marks[0]), ("details_match", "1")]).await;
    assert_eq!(answer.status.as_u16(), 422);
    assert!(
        answer.text.contains("<a href=\"#no_critical_note\">")
            && answer.text.contains("name=\"details_match\" value=\"1\" checked")
    );
    for (action, anchor) in [("deny", "#reason"), ("ask", "#question")] {
        let answer = person.post(APPLY, &[("action", action), ("id", &marks[0])]).await;
        assert_eq!(answer.status.as_u16(), 422);
        assert!(answer.text.contains(&format!("<a href=\"{anchor}\">")), "{action}");
    }
    Office::assert_same(&before, &office.everything().await, "previews");
}

#[tokio::test]
async fn what_can_be_done_is_done_and_the_rest_is_told() {
    let office = office().await;
    let person = office.approver().await;
    let jo = office.person("Jo Bell", StaffRole::Approver).await;
    let requests = families(&office, 3).await;
    let marks: Vec<String> = requests.iter().map(mark).collect();
    assert_eq!(approve(&jo, &requests[1]).await.status.as_u16(), 303);
    let mut fields =
        vec![("action", "approve"), ("details_match", "1"), ("no_similar_pupil", "1"), ("no_critical_note", "1")];
    fields.extend(marks.iter().map(|mark| ("id", mark.as_str())));
    let answer = person.post(APPLY, &fields).await.expect(200);
    let words = text(&answer.text);
    assert!(words.contains("2 approved, 1 skipped"), "{words}");
    assert!(words.contains(&format!("{}: Jo Bell approved this at 09:00.", requests[1].reference)), "{words}");
    for request in &requests {
        assert_eq!(office.now(request).await.status, Status::Approved);
    }
    // The same form again finds its own doing, and Jo's.
    let before = office.everything().await;
    let answer = person.post(APPLY, &fields).await.expect(200);
    assert!(text(&answer.text).contains("2 approved, 1 skipped"));
    Office::assert_same(&before, &office.everything().await, "the second click");
}

#[tokio::test]
async fn when_all_is_done_a_notice_says_so() {
    let office = office().await;
    let person = office.approver().await;
    let requests = families(&office, 12).await;
    let marks: Vec<String> = requests.iter().map(mark).collect();
    let mut fields = vec![("action", "deny"), ("reason", "no_pupil"), ("note", "a test")];
    fields.extend(marks.iter().map(|mark| ("id", mark.as_str())));
    let answer = person.post(&format!("{APPLY}?view=all&q=family"), &fields).await;
    assert_eq!(answer.header("location"), "/admin/requests?view=all&q=family");
    assert!(text(&person.follow(&answer).await).contains("12 denied."));
    let closed: Vec<Request> = {
        let mut closed = Vec::new();
        for request in &requests {
            closed.push(office.now(request).await);
        }
        closed
    };
    assert!(closed.iter().all(|request| request.status == Status::Denied));
    let marks: Vec<String> = closed.iter().map(mark).collect();
    let mut fields = vec![("action", "reopen")];
    fields.extend(marks.iter().map(|mark| ("id", mark.as_str())));
    let answer = person.post(APPLY, &fields).await;
    assert!(text(&person.follow(&answer).await).contains("12 opened again."));
}

#[tokio::test]
async fn all_that_match_is_an_option_of_its_own_and_has_a_limit() {
    let office = office().await;
    let person = office.approver().await;
    let requests = families(&office, 30).await;
    office.turner(&[ISLA]).await;
    let mark = mark(&requests[0]);
    let answer = person.post(&format!("{PREVIEW}?q=family"), &[("action", "approve"), ("id", &mark)]).await.expect(200);
    let words = text(&answer.text);
    assert!(
        words.contains("You ticked 1 of 30 that match the list.") && words.contains("Approve 1 request"),
        "{words}"
    );
    let answer =
        person.post(&format!("{PREVIEW}?q=family&page=2"), &[("action", "approve"), ("all", "1")]).await.expect(200);
    assert!(text(&answer.text).contains("Approve 30 requests"), "{}", text(&answer.text));
    assert_eq!(answer.text.matches("name=\"id\"").count(), 30);
    families(&office, 101).await;
    let answer = person.post(PREVIEW, &[("action", "deny"), ("id", &mark)]).await.expect(200);
    assert!(text(&answer.text).contains("At most 100 can be decided on at once"), "{}", text(&answer.text));
    assert!(!answer.text.contains("name=\"all\""));
}

#[tokio::test]
async fn viewers_decide_nothing() {
    let office = office().await;
    let viewer = office.person("Vi", StaffRole::Viewer).await;
    let requests = families(&office, 1).await;
    let before = office.everything().await;
    for path in [PREVIEW, APPLY] {
        let answer =
            viewer.post(path, &[("action", "deny"), ("id", &mark(&requests[0])), ("reason", "no_pupil")]).await;
        assert_eq!(answer.status.as_u16(), 403, "{path}");
    }
    Office::assert_same(&before, &office.everything().await, "a viewer");
}
