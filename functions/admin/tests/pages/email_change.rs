//! Another address for one person, from their page and from a request that asks for it; and which user name a new account gets.

use kinlink_domain::{request::Kind, staff::StaffRole};
use kinlink_service::{
    email_change::{Proven, prove},
    mail::write,
};
use kinlink_store::mails;
use kinlink_testapp::family;

use crate::{
    staff::{Office, Person, office, text},
    world::world,
};

const NEW: &str = "rachel@new.example.org";
const CHECKS: [(&str, &str); 3] = [("details_match", "1"), ("no_similar_pupil", "1"), ("no_critical_note", "1")];

impl Office {
    /// Presses the button behind the newest link that was mailed to a new address.
    async fn prove(&self) -> Proven {
        let kinlink = &self.kinlink;
        let mut store = kinlink.app.store.acquire().await.unwrap();
        let start = format!("{}/confirm/email/", kinlink.school.public_url);
        for mail in mails::newest(&mut store, 50).await.unwrap() {
            let written = write(&kinlink.app, &kinlink.school, &mut store, &mail).await.unwrap();
            let body = written.map(|mail| mail.body).unwrap_or_default();
            let link = body.split_whitespace().find(|word| word.starts_with(&start)).map(str::to_owned);
            if let Some(link) = link {
                drop(store);
                return prove(&kinlink.app, &link[start.len()..]).await.unwrap();
            }
        }
        panic!("no link was mailed");
    }

    /// A request of this person for another address.
    async fn asks_change(&self, given: &str, email: &str) -> String {
        let mut raw = family((given, "Turner", email), &[]);
        raw.kind = Some(Kind::ChangeEmail.code().into());
        let request = self.kinlink.submit(&raw).await;
        format!("/admin/requests/{}", request.reference)
    }
}

async fn approve(person: &Person, path: &str, fields: &[(&str, &str)]) -> kinlink_testapp::Answer {
    let fields: Vec<(&str, &str)> =
        [("version", "1"), ("do", "approve")].iter().chain(fields).chain(&CHECKS).copied().collect();
    person.post(&format!("{path}/decide"), &fields).await
}

#[tokio::test]
async fn an_address_is_changed_in_two_steps_and_shown_while_it_waits() {
    let world = world().await;
    let person = world.office.approver().await;
    let user = format!("/admin/users/{}", world.adult);
    let path = format!("{user}/email");
    assert!(person.page(&user).await.contains(&format!("href=\"{path}\"")));
    let page = person.page(&path).await;
    let words = text(&page);
    for expected in [
        "Present address: rachel.turner@example.org",
        "The user name stays rachel.turner@example.org",
        "Moodle takes the new address over at its next synchronisation.",
        "You can take it back until it is confirmed.",
    ] {
        assert!(words.contains(expected), "{expected}: {words}");
    }
    assert!(!page.contains("name=\"shared\""), "nobody is asked for what is not the case");

    let done = person.post(&path, &[("email", NEW)]).await.expect(303);
    assert_eq!(done.header("location"), user);
    let words = text(&person.follow(&done).await);
    assert!(words.contains("The new address was sent a link to confirm it"), "{words}");
    assert!(words.contains(NEW) && words.contains("Waits for the new address to be confirmed"), "{words}");
    assert!(words.contains("Jo began to change the email address"), "{words}");
    assert!(text(&person.page(&path).await).contains(&format!("A change to {NEW} waits to be confirmed.")));

    let back = person.post(&format!("{path}/withdraw"), &[]).await.expect(303);
    let words = text(&person.follow(&back).await);
    assert!(words.contains("The change was taken back") && !words.contains(NEW), "{words}");
    let again = person.post(&format!("{path}/withdraw"), &[]).await.expect(303);
    assert!(text(&person.follow(&again).await).contains("No change waits any more."));

    let _ = person.post(&path, &[("email", NEW)]).await.expect(303);
    assert_eq!(world.office.prove().await, Proven::Changed);
    let page = person.page(&user).await;
    let words = text(&page);
    assert!(words.contains(NEW) && !words.contains("Take it back"), "{words}");
    assert!(words.contains("confirmed the new email address"), "{words}");
}

#[tokio::test]
async fn what_is_wrong_with_a_new_address_is_said_beside_it() {
    let world = world().await;
    let person = world.office.approver().await;
    let path = format!("/admin/users/{}/email", world.adult);
    let before = world.office.everything().await;
    for (email, status, words) in [
        ("", 422, "Enter an email address like name@example.org"),
        ("rachel", 422, "Enter an email address like name@example.org"),
        ("Rachel.Turner@example.org", 409, "This is the person’s email address already."),
        ("k.larsen@school.example.org", 409, "Somebody else has this address, here or in Moodle."),
    ] {
        let answer = person.post(&path, &[("email", email)]).await;
        assert_eq!(answer.status.as_u16(), status, "{email}: {}", text(&answer.text));
        assert!(answer.text.contains("<title>Error: Change email"), "{email}");
        assert!(text(&answer.text).contains(words), "{email}: {}", text(&answer.text));
        assert!(email.is_empty() || answer.text.contains(&format!("value=\"{email}\"")), "{email}: {}", answer.text);
    }
    Office::assert_same(&before, &world.office.everything().await, "what is refused");
    let asked = person.post(&path, &[("email", "k.larsen@school.example.org")]).await.expect(409);
    assert!(
        asked.text.contains("<input type=\"checkbox\" id=\"shared\" name=\"shared\" value=\"1\""),
        "{}",
        asked.text
    );
    let _ = person.post(&path, &[("email", "k.larsen@school.example.org"), ("shared", "1")]).await.expect(303);
    assert_eq!(world.office.kinlink.count("email_changes").await, 1);
    let _ = person.get("/admin/users/nobody/email").await.expect(404);
    let viewer = world.office.person("Vi", StaffRole::Viewer).await;
    assert!(!viewer.page(&format!("/admin/users/{}", world.adult)).await.contains("Change email"));
    world.office.kinlink.moodle.db.close().await;
    let away = person.post(&path, &[("email", NEW)]).await.expect(503);
    assert!(text(&away.text).contains("Nothing was done"), "{}", away.text);
}

#[tokio::test]
async fn an_address_that_moodle_keeps_is_shown_beside_ours() {
    let world = world().await;
    let office = &world.office;
    let person = office.approver().await;
    office
        .meddle_in_moodle(
            "INSERT INTO mdl_user (auth, confirmed, mnethostid, username, firstname, lastname, email) VALUES ('db', 1, 1, \
             'rachel.turner@example.org', 'Rachel', 'Turner', 'Old.Address@example.org')",
        )
        .await;
    let path = format!("/admin/users/{}", world.adult);
    assert!(text(&person.page(&path).await).contains("Moodle has Old.Address@example.org"));
    office
        .meddle_in_moodle(
            "UPDATE mdl_user SET email = 'Rachel.TURNER@example.org' WHERE lastname = 'Turner' AND auth = 'db'",
        )
        .await;
    assert!(!text(&person.page(&path).await).contains("Moodle has"));
    office
        .meddle_in_moodle("UPDATE mdl_config_plugins SET value = 'oncreate' WHERE name = 'field_updatelocal_email'")
        .await;
    assert!(text(&person.page(&format!("{path}/email")).await).contains("Moodle keeps the old address"));
}

#[tokio::test]
async fn a_request_from_the_new_address_says_whose_it_is_and_is_done_at_once() {
    let world = world().await;
    let person = world.office.approver().await;
    let path = world.office.asks_change("Rachel", NEW).await;
    let page = person.page(&path).await;
    let words = text(&page);
    assert!(
        words.contains("Whose email address changes?") && words.contains("The same name, another email address"),
        "{words}"
    );
    assert!(words.contains("Has the address rachel.turner@example.org."), "{words}");
    assert!(page.contains(&format!(
        "name=\"new_email\" type=\"email\" maxlength=\"100\" autocomplete=\"off\" spellcheck=\"false\" value=\"{NEW}\""
    )));
    assert!(!page.contains(&format!("value=\"adult:{}\" checked", world.adult)), "a name alone chooses nobody");

    let unsaid = approve(&person, &path, &[("new_email", NEW)]).await.expect(422);
    assert!(text(&unsaid.text).contains("Choose whom it concerns."), "{}", text(&unsaid.text));
    let unknown = approve(&person, &path, &[("account", "other"), ("other_account", "nobody")]).await.expect(422);
    assert!(text(&unknown.text).contains("there is no one account of this name"), "{}", text(&unknown.text));
    let adult = format!("adult:{}", world.adult);
    let wrong = approve(&person, &path, &[("account", &adult), ("new_email", "nonsense")]).await.expect(422);
    assert!(wrong.text.contains("href=\"#new_email\">Enter an email address"), "{}", wrong.text);
    assert!(wrong.text.contains(&format!("value=\"{adult}\" checked")), "what was chosen is kept");

    let done = approve(&person, &path, &[("account", &adult), ("new_email", NEW)]).await.expect(303);
    assert!(text(&person.follow(&done).await).contains("is done."));
    let user = text(&person.page(&format!("/admin/users/{}", world.adult)).await);
    assert!(user.contains(NEW) && !user.contains("Waits for"), "the request proved it: {user}");
}

#[tokio::test]
async fn a_request_from_the_old_address_needs_the_new_one_and_then_waits() {
    let world = world().await;
    let person = world.office.approver().await;
    let path = world.office.asks_change("Rachel", "rachel.turner@example.org").await;
    let page = person.page(&path).await;
    assert!(page.contains(&format!("value=\"adult:{}\" checked", world.adult)), "address and name agree");
    let missing = approve(&person, &path, &[("account", &format!("adult:{}", world.adult))]).await.expect(422);
    assert!(text(&missing.text).contains("Enter the new one."), "{}", text(&missing.text));
    let taken = [
        ("account", "other"),
        ("other_account", "rachel.turner@example.org"),
        ("new_email", "k.larsen@school.example.org"),
    ];
    let shared = approve(&person, &path, &taken).await.expect(422);
    assert!(shared.text.contains("id=\"shared\""), "{}", shared.text);
    let fields = [taken[0], taken[1], ("new_email", NEW)];
    let _ = approve(&person, &path, &fields).await.expect(303);
    let user = text(&person.page(&format!("/admin/users/{}", world.adult)).await);
    assert!(user.contains("Waits for the new address to be confirmed"), "{user}");
}

#[tokio::test]
async fn the_user_name_of_a_new_account_is_shown_before_it_is_made() {
    let office = office().await;
    let person = office.approver().await;
    let first = office.turner(&[("Amelia", "Turner", "7KL")]).await;
    let page = text(&person.page(&format!("/admin/requests/{}", first.reference)).await);
    assert!(page.contains("A new one will get the user name rachel.turner@example.org."), "{page}");
    office.approve(&first).await;
    let raw = family(("Mark", "Turner", "rachel.turner@example.org"), &[("Isla", "Turner", "8TH")]);
    let second = office.kinlink.submit(&raw).await;
    let page = text(&person.page(&format!("/admin/requests/{}", second.reference)).await);
    assert!(page.contains("The user name will be rachel.turner-2@example.org."), "{page}");
    assert!(page.contains("The account of Rachel Turner"), "both people side by side: {page}");
}

#[tokio::test]
async fn an_account_from_before_kinlink_is_offered_to_its_own_person() {
    let office = office().await;
    let person = office.approver().await;
    office
        .meddle_in_moodle(
            "INSERT INTO mdl_user (auth, confirmed, mnethostid, username, firstname, lastname, email) VALUES ('db', 1, 1, \
             'rturner', 'Rachel', 'Turner', 'rachel.turner@example.org')",
        )
        .await;
    let own = office.turner(&[("Amelia", "Turner", "7KL")]).await;
    let page = person.page(&format!("/admin/requests/{}", own.reference)).await;
    assert!(text(&page).contains("Moodle user rturner, a parent account from before Kinlink."), "{}", text(&page));
    assert!(page.contains("name=\"account\" value=\"auto\" checked"), "{page}");
    let raw = family(("Mark", "Turner", "rachel.turner@example.org"), &[("Isla", "Turner", "8TH")]);
    let other = office.kinlink.submit(&raw).await;
    let page = person.page(&format!("/admin/requests/{}", other.reference)).await;
    assert!(!page.contains("value=\"auto\" checked") && page.contains("name=\"account\" value=\"user:"), "{page}");
}
