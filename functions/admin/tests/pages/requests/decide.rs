//! Approving and opening again, from the request's own page.

use kinlink_domain::{request::Status, staff::StaffRole};
use kinlink_testapp::family;

use super::{AMELIA, CHECKS, EMILY, ISLA, approve, approved, at, picks};
use crate::staff::{Office, field, office, text};

#[tokio::test]
async fn approving_takes_what_the_page_proposes_and_says_so() {
    let office = office().await;
    let person = office.approver().await;
    let request = office.turner(&[AMELIA]).await;
    let answer = approve(&person, &request).await;
    assert_eq!(answer.header("location"), at(&request, ""));
    let page = person.follow(&answer).await;
    assert!(page.contains("id=\"flash\""));
    assert!(text(&page).contains(&format!("{} approved. It goes live in the next cycle.", request.reference)));
    assert_eq!(office.now(&request).await.status, Status::Approved);
    assert_eq!((office.kinlink.count("links").await, office.kinlink.count("login_rows").await), (1, 1));
    let page = person.page(&at(&request, "")).await;
    assert!(!page.contains("id=\"flash\""), "a notice is shown once");
}

#[tokio::test]
async fn the_next_request_opens_if_that_is_wanted() {
    let office = office().await;
    let person = office.approver().await;
    let first = office.turner(&[AMELIA]).await;
    office.kinlink.clock.advance(jiff::SignedDuration::from_mins(1));
    let second = office.turner(&[ISLA]).await;
    let page = person.page(&at(&first, "?sort=name&view=all")).await;
    assert!(page.contains("name=\"next\" value=\"1\" checked"));
    let pick = picks(&page).into_iter().find(|(.., chosen)| *chosen).unwrap();
    let mut fields = vec![("version", "1"), ("next", "1"), (pick.0.as_str(), pick.1.as_str())];
    fields.extend(CHECKS);
    let answer = person.post(&at(&first, "/decide"), &fields).await;
    assert_eq!(answer.status.as_u16(), 303, "{}", text(&answer.text));
    assert_eq!(answer.header("location"), format!("/admin/requests/{}", second.id));
    // The last one leads back to itself.
    let page = person.page(&at(&second, "")).await;
    let pick = picks(&page).into_iter().find(|(.., chosen)| *chosen).unwrap();
    let mut fields = vec![("version", "1"), ("next", "1"), (pick.0.as_str(), pick.1.as_str())];
    fields.extend(CHECKS);
    let answer = person.post(&at(&second, "/decide"), &fields).await;
    assert_eq!(answer.header("location"), at(&second, ""));
}

#[tokio::test]
async fn missing_checks_and_picks_are_named_and_what_was_chosen_is_kept() {
    let office = office().await;
    let person = office.approver().await;
    let raw = family(("Catherine", "Jones", "catherine.jones@example.org"), &[AMELIA, EMILY]);
    let request = office.kinlink.submit(&raw).await;
    let page = person.page(&at(&request, "")).await;
    let amelia = picks(&page).into_iter().find(|(.., chosen)| *chosen).unwrap();
    let before = office.everything().await;
    let fields = [("version", "1"), ("do", "approve"), ("details_match", "1"), (amelia.0.as_str(), "deny")];
    let answer = person.post(&at(&request, "/decide"), &fields).await;
    assert_eq!(answer.status.as_u16(), 422);
    assert!(answer.text.contains("<title>Error: Catherine Jones"), "{}", answer.text);
    for link in ["#no_similar_pupil", "#no_critical_note", "#child-2"] {
        assert!(answer.text.contains(&format!("<a href=\"{link}\">")), "{link}: {}", text(&answer.text));
    }
    assert!(!answer.text.contains("<a href=\"#details_match\">"));
    assert!(answer.text.contains("name=\"details_match\" value=\"1\" checked"));
    assert!(text(&answer.text).contains("Choose the pupil for Emily Jones, or leave the child undecided"));
    assert!(picks(&answer.text).contains(&(amelia.0.clone(), "deny".to_owned(), true)));
    Office::assert_same(&before, &office.everything().await, "a form with faults");

    // With a pick for each child it goes through: one refused, one picked.
    let emily =
        picks(&answer.text).into_iter().find(|(name, value, _)| *name != amelia.0 && value.parse::<i64>().is_ok());
    let emily = emily.unwrap();
    let mut fields = vec![("version", "1"), (amelia.0.as_str(), "deny"), (emily.0.as_str(), emily.1.as_str())];
    fields.extend(CHECKS);
    assert_eq!(person.post(&at(&request, "/decide"), &fields).await.status.as_u16(), 303);
    assert_eq!(office.kinlink.count("links").await, 1);
}

#[tokio::test]
async fn a_school_can_do_without_the_checks() {
    let office = office().await;
    let person = office.approver().await;
    let actor = kinlink_testapp::administrator();
    kinlink_service::settings::set(&office.kinlink.app, &actor, "require_checks", "no").await.unwrap();
    let request = office.turner(&[AMELIA]).await;
    let page = person.page(&at(&request, "")).await;
    assert!(!page.contains("name=\"details_match\""));
    let pick = picks(&page).into_iter().find(|(.., chosen)| *chosen).unwrap();
    let fields = [("version", "1"), ("do", "approve"), (pick.0.as_str(), pick.1.as_str())];
    assert_eq!(person.post(&at(&request, "/decide"), &fields).await.status.as_u16(), 303);
}

#[tokio::test]
async fn whose_account_it_is_has_to_be_said_where_it_is_not_clear() {
    let office = office().await;
    let person = office.approver().await;
    approved(&office, &person).await;
    let raw = family(("Mark", "Turner", "rachel.turner@example.org"), &[("Oscar", "Turner", "9KL")]);
    let second = office.kinlink.submit(&raw).await;
    let page = person.page(&at(&second, "")).await;
    assert!(text(&page).contains("Which account does the parent get?"));
    assert!(
        text(&page).contains("The account of Rachel Turner The same email address, another name."),
        "{}",
        text(&page)
    );
    assert!(!page.contains("name=\"account\" value=\"new\" checked"), "none is chosen");
    let answer = approve(&person, &second).await;
    assert_eq!(answer.status.as_u16(), 422);
    assert!(
        answer.text.contains("<a href=\"#account\">Somebody with another name has this email address."),
        "{}",
        text(&answer.text)
    );
    let pick = picks(&page).into_iter().find(|(.., chosen)| *chosen).unwrap();
    let mut fields = vec![("version", "1"), ("account", "sideways"), (pick.0.as_str(), pick.1.as_str())];
    fields.extend(CHECKS);
    assert_eq!(person.post(&at(&second, "/decide"), &fields).await.status.as_u16(), 422);
    fields[1] = ("account", "new");
    assert_eq!(person.post(&at(&second, "/decide"), &fields).await.status.as_u16(), 303);
    assert_eq!(office.kinlink.count("login_rows").await, 2);

    // The same name: their own account is chosen, and a new one offered.
    let third = office.turner(&[("Ella", "Turner", "11RS")]).await;
    let page = person.page(&at(&third, "")).await;
    assert!(page.contains("name=\"account\" value=\"auto\" checked"), "{}", text(&page));
    // A member of staff who is a parent.
    let raw = family(("Kirsten", "Larsen", "k.larsen@school.example.org"), &[("Sophie", "Larsen", "9TH")]);
    let staff = office.kinlink.submit(&raw).await;
    let page = person.page(&at(&staff, "")).await;
    assert!(text(&page).contains("The Moodle account of Kirsten Larsen"), "{}", text(&page));
    let user = page.split("value=\"user:").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let pick = picks(&page).into_iter().find(|(.., chosen)| *chosen).unwrap();
    let account = format!("user:{user}");
    let mut fields = vec![("version", "1"), ("account", account.as_str()), (pick.0.as_str(), pick.1.as_str())];
    fields.extend(CHECKS);
    assert_eq!(person.post(&at(&staff, "/decide"), &fields).await.status.as_u16(), 303);
}

#[tokio::test]
async fn who_comes_late_sees_who_was_faster() {
    let office = office().await;
    let jo = office.person("Jo Bell", StaffRole::Approver).await;
    let late = office.person("Sunita Patel", StaffRole::Approver).await;
    let request = office.turner(&[AMELIA]).await;
    let page = late.page(&at(&request, "")).await;
    let version = field(&page, "version");
    let pick = picks(&page).into_iter().find(|(.., chosen)| *chosen).unwrap();
    office.kinlink.clock.advance(jiff::SignedDuration::from_mins(31));
    let jo = {
        let _ = jo;
        office.person("Jo Bell", StaffRole::Approver).await
    };
    let late = {
        let _ = late;
        office.person("Sunita Patel", StaffRole::Approver).await
    };
    assert_eq!(approve(&jo, &request).await.status.as_u16(), 303);
    let before = office.everything().await;
    let mut fields = vec![("version", version.as_str()), (pick.0.as_str(), pick.1.as_str())];
    fields.extend(CHECKS);
    let answer = late.post(&at(&request, "/decide"), &fields).await;
    assert_eq!(answer.status.as_u16(), 409);
    let words = text(&answer.text);
    assert!(words.contains("Jo Bell approved this at 09:31, while you had it open."), "{words}");
    assert!(words.contains("Approved. The next cycle links the children in Moodle."), "{words}");
    let fields = [("version", version.as_str()), ("reason", "not_on_file"), ("note", "my words"), ("do", "send")];
    let answer = late.post(&at(&request, "/deny"), &fields).await;
    assert_eq!(answer.status.as_u16(), 409);
    assert!(text(&answer.text).contains("Jo Bell approved this at 09:31"), "{}", text(&answer.text));
    assert!(answer.text.contains(">my words</textarea>"), "what was typed is kept");
    assert!(answer.text.contains("name=\"version\" value=\"2\""));
    let fields = [("version", version.as_str()), ("note", "mine")];
    let answer = late.post(&at(&request, "/note"), &fields).await;
    assert_eq!(answer.status.as_u16(), 409);
    assert!(answer.text.contains(">mine</textarea>"), "{}", text(&answer.text));
    let fields = [("version", version.as_str()), ("given_name", "Rachael")];
    let answer = late.post(&at(&request, "/edit"), &fields).await;
    assert_eq!(answer.status.as_u16(), 409);
    Office::assert_same(&before, &office.everything().await, "coming late");
}

#[tokio::test]
async fn a_form_that_is_sent_twice_is_done_once_and_no_error() {
    let office = office().await;
    let person = office.approver().await;
    let request = office.turner(&[AMELIA]).await;
    let page = person.page(&at(&request, "")).await;
    let pick = picks(&page).into_iter().find(|(.., chosen)| *chosen).unwrap();
    let mut fields = vec![("version", "1"), (pick.0.as_str(), pick.1.as_str())];
    fields.extend(CHECKS);
    assert_eq!(person.post(&at(&request, "/decide"), &fields).await.status.as_u16(), 303);
    let before = office.everything().await;
    let again = person.post(&at(&request, "/decide"), &fields).await;
    let page = person.follow(&again).await;
    assert!(text(&page).contains("this was done already"), "{}", text(&page));
    Office::assert_same(&before, &office.everything().await, "the second click");
}

#[tokio::test]
async fn forms_without_the_sessions_token_are_refused() {
    let office = office().await;
    let person = office.approver().await;
    let other = office.person("Sunita", StaffRole::Approver).await;
    let request = office.turner(&[AMELIA]).await;
    let stolen = field(&other.page(&at(&request, "")).await, "csrf");
    let mark = format!("{}:1", request.id);
    let before = office.everything().await;
    for path in [
        at(&request, "/decide"),
        at(&request, "/deny"),
        at(&request, "/ask"),
        at(&request, "/duplicate"),
        at(&request, "/bogus"),
        at(&request, "/edit"),
        at(&request, "/note"),
        at(&request, "/pin"),
        at(&request, &format!("/withdraw/{}", request.id)),
        "/admin/requests/bulk".into(),
        "/admin/requests/bulk/apply".into(),
    ] {
        for csrf in [None, Some(""), Some("x"), Some(stolen.as_str())] {
            let mut fields = vec![
                ("do", "send"),
                ("version", "1"),
                ("action", "deny"),
                ("id", mark.as_str()),
                ("reason", "no_pupil"),
            ];
            fields.extend(csrf.map(|csrf| ("csrf", csrf)));
            let answer = person.send(&path, &fields).await;
            assert_eq!(answer.status.as_u16(), 403, "{path} {csrf:?}");
            assert!(answer.text.contains("<!doctype html>"), "{path}");
        }
        let crossed = person
            .client
            .with("sec-fetch-site", "cross-site")
            .with("content-type", "application/x-www-form-urlencoded");
        assert_eq!(crossed.send("POST", &path, "version=1").await.status.as_u16(), 403, "{path}");
    }
    Office::assert_same(&before, &office.everything().await, "forged forms");
}

#[tokio::test]
async fn forms_that_are_not_complete_are_refused() {
    let office = office().await;
    let person = office.approver().await;
    let request = office.turner(&[AMELIA]).await;
    let before = office.everything().await;
    for path in ["/decide", "/deny", "/note", "/edit", "/pin"] {
        let answer = person.post(&at(&request, path), &[("do", "approve"), ("reason", "no_pupil")]).await;
        assert_eq!(answer.status.as_u16(), 400, "{path}: {}", text(&answer.text));
    }
    let answer = person.post(&at(&request, "/decide"), &[("version", "1")]).await;
    assert!(text(&person.follow(&answer).await).contains("Nothing was decided."));
    assert_eq!(person.post(&at(&request, "/pin"), &[("version", "1"), ("claim", "x")]).await.status.as_u16(), 404);
    assert_eq!(person.post(&at(&request, "/sideways"), &[("version", "1")]).await.status.as_u16(), 404);
    let picks = picks(&person.page(&at(&request, "")).await);
    // A teacher, nobody: whatever a form says, nobody is linked to who is no pupil.
    for pupil in ["3", "1000000", "-1", "99999999999999999999"] {
        let mut fields = vec![("version", "1"), (picks[0].0.as_str(), pupil)];
        fields.extend(CHECKS);
        assert_eq!(person.post(&at(&request, "/decide"), &fields).await.status.as_u16(), 422, "{pupil}");
    }
    let answer =
        person.client.with("content-type", "application/json").send("POST", &at(&request, "/decide"), "{}").await;
    assert_eq!(answer.status.as_u16(), 415);
    let long = "x".repeat(300_000);
    assert_eq!(person.post(&at(&request, "/note"), &[("version", "1"), ("note", &long)]).await.status.as_u16(), 413);
    Office::assert_same(&before, &office.everything().await, "bad forms");
}
