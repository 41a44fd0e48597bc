//! What is changed without deciding: corrections, the staff's note, the choice of a pupil.

use kinlink_domain::request::Status;
use kinlink_testapp::family;

use super::{AMELIA, EMILY, approve, approved, at, picks};
use crate::staff::{Office, office, text};

#[tokio::test]
async fn corrections_stand_beside_what_was_sent() {
    let office = office().await;
    let person = office.approver().await;
    let request = office.turner(&[("Amelie", "Turner", "7KL")]).await;
    let page = person.page(&at(&request, "/edit")).await;
    let child = page.split("-given_name\"").next().unwrap().rsplit('"').next().unwrap().to_owned();
    let given = format!("{child}-given_name");
    let group = format!("{child}-tutor_group");
    let fields = [
        ("version", "1"),
        ("given_name", ""),
        ("email", "nobody"),
        (group.as_str(), "7KL\u{7}"),
        (given.as_str(), "Amelia"),
    ];
    let answer = person.post(&at(&request, "/edit"), &fields).await;
    assert_eq!(answer.status.as_u16(), 422);
    for anchor in ["given_name", "email", &group] {
        assert!(answer.text.contains(&format!("<a href=\"#{anchor}\">")), "{anchor}: {}", text(&answer.text));
        assert!(answer.text.contains(&format!("id=\"{anchor}-fault\"")), "{anchor}");
    }
    assert!(answer.text.contains("value=\"nobody\"") && answer.text.contains("Sent as <bdi>Amelie</bdi>"));
    assert_eq!(office.now(&request).await.version, 1);
    let fields = [("version", "1"), (given.as_str(), "Amelia"), ("title", "Dr")];
    let answer = person.post(&at(&request, "/edit"), &fields).await;
    let page = person.follow(&answer).await;
    for expected in
        ["Corrections saved.", "Dr Rachel Turner", "Sent as Amelie Turner 7KL", "Child 1: first name: Amelie → Amelia"]
    {
        assert!(text(&page).contains(expected), "{expected}: {}", text(&page));
    }
    // The same again changes nothing.
    let before = office.everything().await;
    let fields = [("version", "2"), (given.as_str(), "Amelia"), ("title", "Dr")];
    assert_eq!(person.post(&at(&request, "/edit"), &fields).await.status.as_u16(), 303);
    Office::assert_same(&before, &office.everything().await, "an empty correction");
    let fields = [("version", "2"), ("email", "r.turner@example.org")];
    let answer = person.post(&at(&request, "/edit"), &fields).await;
    assert!(text(&person.follow(&answer).await).contains("The parent is asked to confirm the new address"));
    assert_eq!(office.now(&request).await.status, Status::Unconfirmed);
}

#[tokio::test]
async fn after_approval_the_parents_details_are_closed() {
    let office = office().await;
    let person = office.approver().await;
    let request = approved(&office, &person).await;
    let page = person.page(&at(&request, "/edit")).await;
    assert!(!page.contains("name=\"given_name\"") && text(&page).contains("was decided on already: approved"));
    let answer = person.post(&at(&request, "/edit"), &[("version", "2"), ("given_name", "X")]).await;
    assert_eq!(answer.status.as_u16(), 303);
    assert_eq!(office.now(&request).await.version, 2);
}

#[tokio::test]
async fn the_note_is_kept_and_is_for_staff_alone() {
    let office = office().await;
    let person = office.approver().await;
    let request = office.turner(&[AMELIA]).await;
    let answer = person.post(&at(&request, "/note"), &[("version", "1"), ("note", "Asked <i>Miss Grant</i>.")]).await;
    let page = person.follow(&answer).await;
    assert!(page.contains("Asked &#60;i&#62;Miss Grant&#60;/i&#62;.</textarea>"), "{}", text(&page));
    let long = "x".repeat(4_001);
    let answer = person.post(&at(&request, "/note"), &[("version", "2"), ("note", &long)]).await;
    assert_eq!(answer.status.as_u16(), 422);
    assert!(answer.text.contains("<a href=\"#note\">") && answer.text.contains(&long));
    // The same note a second time.
    let again = person.post(&at(&request, "/note"), &[("version", "1"), ("note", "Asked <i>Miss Grant</i>.")]).await;
    assert_eq!(again.status.as_u16(), 303);
}

#[tokio::test]
async fn a_choice_is_kept_without_deciding() {
    let office = office().await;
    let person = office.approver().await;
    let raw = family(("Catherine", "Jones", "catherine.jones@example.org"), &[EMILY]);
    let request = office.kinlink.submit(&raw).await;
    let page = person.page(&at(&request, "")).await;
    let claim = crate::staff::field(&page, "claim");
    let (name, pupil, _) = picks(&page)[0].clone();
    let path = at(&request, "/pin");
    let answer = person.post(&path, &[("version", "1"), ("claim", &claim)]).await;
    assert_eq!(answer.status.as_u16(), 422);
    assert!(text(&answer.text).contains("Choose a pupil for Emily Jones first"));
    let answer = person.post(&path, &[("version", "1"), ("claim", &claim), (&name, "3")]).await;
    assert_eq!(answer.status.as_u16(), 422, "a teacher is no pupil");
    let answer = person.post(&path, &[("version", "1"), ("claim", &claim), (&name, &pupil)]).await;
    let page = person.follow(&answer).await;
    assert!(text(&page).contains("Choice kept.") && text(&page).contains("Chosen by staff"), "{}", text(&page));
    assert!(text(&page).contains("Jo chose the pupil for Emily Jones."), "{}", text(&page));
    assert!(picks(&page).contains(&(name.clone(), pupil, true)));
    assert_eq!(office.now(&request).await.status, Status::Pending);
    let answer = person.post(&path, &[("version", "2"), ("claim", &claim), (&name, "leave")]).await;
    assert!(text(&person.follow(&answer).await).contains("Choice taken back."));
    let answer = approve(&person, &request).await;
    assert_eq!(answer.status.as_u16(), 422, "nobody is chosen any more");
}
