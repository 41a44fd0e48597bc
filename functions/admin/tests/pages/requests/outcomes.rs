//! Denying, asking, marking, withdrawing, opening again: each on a page that says what will happen.

use kinlink_domain::request::Status;

use super::{AMELIA, approved, at};
use crate::staff::{Office, office, text};

#[tokio::test]
async fn denying_names_its_effect_and_shows_the_mail() {
    let office = office().await;
    let person = office.approver().await;
    let request = office.turner(&[AMELIA]).await;
    let page = person.page(&at(&request, "/deny")).await;
    assert!(page.contains("Deny and send email</button>"), "{}", text(&page));
    let words = text(&page);
    for expected in
        ["What the parent gets", "rachel.turner@example.org", request.reference.as_str(), "Details are not on file"]
    {
        assert!(words.contains(expected), "{expected}: {words}");
    }
    let before = office.everything().await;
    let answer = person.post(&at(&request, "/deny"), &[("version", "1"), ("note", "kept"), ("do", "send")]).await;
    assert_eq!(answer.status.as_u16(), 422);
    assert!(
        answer.text.contains("<a href=\"#reason\">Choose a reason</a>") && answer.text.contains(">kept</textarea>")
    );
    let answer = person.post(&at(&request, "/deny"), &[("version", "1"), ("reason", "other"), ("do", "send")]).await;
    assert_eq!(answer.status.as_u16(), 422);
    assert!(answer.text.contains("<a href=\"#note\">"));
    Office::assert_same(&before, &office.everything().await, "a form with faults");
    let fields = [("version", "1"), ("reason", "access_restricted"), ("note", "court order"), ("do", "send")];
    let answer = person.post(&at(&request, "/deny"), &fields).await;
    let page = person.follow(&answer).await;
    assert!(text(&page).contains(&format!("{} denied.", request.reference)), "{}", text(&page));
    assert!(text(&page).contains("Jo denied this: Access is restricted. court order"), "{}", text(&page));
    assert_eq!(office.now(&request).await.status, Status::Denied);
    // Sent twice: done once.
    let before = office.everything().await;
    let again = person.post(&at(&request, "/deny"), &fields).await;
    assert_eq!(again.status.as_u16(), 303);
    Office::assert_same(&before, &office.everything().await, "the second click");
    // A page that was left open leads to how things stand.
    let old = person.get(&at(&request, "/deny")).await;
    assert!(text(&person.follow(&old).await).contains("It is denied now, so this is not possible."));
    assert_eq!(person.post(&at(&request, "/decide"), &[("version", "2"), ("do", "reopen")]).await.status.as_u16(), 303);
    assert_eq!(office.now(&request).await.status, Status::Pending);
}

#[tokio::test]
async fn asking_shows_the_mail_before_it_goes() {
    let office = office().await;
    let person = office.approver().await;
    let request = office.turner(&[AMELIA]).await;
    let before = office.everything().await;
    let path = at(&request, "/ask");
    let fields = [("version", "1"), ("template", "group"), ("question", "old"), ("do", "template")];
    let answer = person.post(&path, &fields).await.expect(200);
    assert!(answer.text.contains("Which tutor group is your child in"), "{}", text(&answer.text));
    assert!(!answer.text.contains(">old</textarea>"));
    let fields = [("version", "1"), ("template", "group"), ("question", "My own <b>words</b>?"), ("do", "preview")];
    let answer = person.post(&path, &fields).await.expect(200);
    assert_eq!(answer.text.matches("My own &#60;b&#62;words&#60;/b&#62;?").count(), 2, "in the field and in the mail");
    let answer = person.post(&path, &[("version", "1"), ("question", " "), ("do", "send")]).await;
    assert_eq!(answer.status.as_u16(), 422);
    let long = "x".repeat(2_001);
    let answer = person.post(&path, &[("version", "1"), ("question", &long), ("do", "send")]).await;
    assert_eq!(answer.status.as_u16(), 422);
    assert!(answer.text.contains("<a href=\"#question\">") && answer.text.contains(&long));
    Office::assert_same(&before, &office.everything().await, "previews");
    let answer = person.post(&path, &[("version", "1"), ("question", "Which group?"), ("do", "send")]).await;
    assert_eq!(answer.status.as_u16(), 303, "{}", text(&answer.text));
    assert_eq!(office.now(&request).await.status, Status::WaitingForParent);
    assert_eq!(office.kinlink.count("questions").await, 1);
    let page = person.page(&at(&request, "")).await;
    assert!(text(&page).contains("Take it back to To do"), "{}", text(&page));
}

#[tokio::test]
async fn a_duplicate_names_the_first_request() {
    let office = office().await;
    let person = office.approver().await;
    let first = office.turner(&[AMELIA]).await;
    let second = office.turner(&[super::ISLA]).await;
    let page = person.page(&at(&second, "/duplicate")).await;
    assert!(page.contains(&format!("name=\"of\" value=\"{}\"", first.reference)), "{}", text(&page));
    let fields = [("version", "1"), ("of", first.reference.as_str()), ("note", "twice"), ("do", "send")];
    assert_eq!(person.post(&at(&second, "/duplicate"), &fields).await.status.as_u16(), 303);
    assert_eq!(office.now(&second).await.status, Status::Duplicate);
    let page = person.page(&at(&second, "")).await;
    assert!(text(&page).contains(&format!("Duplicate of {}. twice", first.reference)), "{}", text(&page));
    let fields = [("version", "1"), ("do", "send")];
    assert_eq!(person.post(&at(&first, "/bogus"), &fields).await.status.as_u16(), 303);
    assert_eq!(office.now(&first).await.status, Status::Bogus);
}

#[tokio::test]
async fn withdrawing_takes_one_child_away() {
    let office = office().await;
    let person = office.approver().await;
    let request = approved(&office, &person).await;
    let page = person.page(&at(&request, "")).await;
    let path =
        page.split("href=\"").find(|rest| rest.contains("/withdraw/")).unwrap().split('"').next().unwrap().to_owned();
    let page = person.page(&path).await;
    assert!(text(&page).contains("The link to Amelia Turner ends now"), "{}", text(&page));
    let fields = [("version", "2"), ("reason", "not_on_file"), ("do", "send")];
    let answer = person.post(&path, &fields).await;
    assert_eq!(answer.status.as_u16(), 303, "{}", text(&answer.text));
    let page = person.page(&at(&request, "")).await;
    assert!(text(&page).contains("Jo withdrew Amelia Turner: Details are not on file."), "{}", text(&page));
    assert!(!page.contains(&path), "it is withdrawn");
    let old = person.get(&path).await;
    assert_eq!(old.status.as_u16(), 303);
    for claim in ["x", "0192f0c1-8a5e-7c3e-9d1a-3f1b2c4d5e6f"] {
        let answer = person.get(&at(&request, &format!("/withdraw/{claim}"))).await;
        assert!(matches!(answer.status.as_u16(), 303 | 404), "{claim}");
    }
}
