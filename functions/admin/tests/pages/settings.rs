//! Settings: what is stored, what is refused, and that only somebody who signed in lately changes them.

use jiff::SignedDuration;

use crate::staff::{Office, office, text};

#[tokio::test]
async fn only_what_was_changed_is_stored_and_noted() {
    let office = office().await;
    let person = office.administrator().await;
    let page = person.page("/admin/settings").await;
    assert!(page.contains("name=\"setting.time_zone\" type=\"text\" value=\"Europe/London\""), "{page}");
    assert!(page.contains("name=\"setting.email_proof\" value=\"true\" checked"), "{page}");
    for setting in kinlink_domain::policy::SETTINGS {
        assert!(page.contains(&format!("name=\"setting.{}\"", setting.name)), "{}", setting.name);
    }
    let fields = [
        ("setting.time_zone", " Europe/Warsaw "),
        ("setting.email_proof", "true"),
        ("setting.email_proof_hours", "24"),
        ("setting.privacy_url", ""),
        ("setting.colour", "red"),
        ("max_attempts", "1"),
    ];
    let saved = person.post("/admin/settings", &fields).await.expect(303);
    assert_eq!(saved.header("location"), "/admin/settings");
    let words = text(&person.follow(&saved).await);
    assert!(words.contains("Saved: Hours for which the link that proves it works; The time zone"), "{words}");
    assert_eq!(office.kinlink.count("settings").await, 2);
    let noted = "SELECT COUNT(*) FROM audit WHERE action = 'setting.set' AND actor LIKE 'staff:%'";
    assert_eq!(office.number(noted).await, 2);
    let words = text(&person.page("/admin/audit?action=setting.").await);
    assert!(
        words.contains("Times are those of Europe/Warsaw.")
            && words.contains("from: 48")
            && words.contains("value: 24"),
        "{words}"
    );
    let before = office.everything().await;
    let same = person.post("/admin/settings", &fields[..4]).await;
    assert!(text(&person.follow(&same).await).contains("Nothing was changed."));
    Office::assert_same(&before, &office.everything().await, "the same again");
}

#[tokio::test]
async fn a_value_that_does_not_fit_is_shown_again_and_nothing_is_stored() {
    let office = office().await;
    let person = office.administrator().await;
    let before = office.everything().await;
    let fields = [
        ("setting.email_proof_hours", "24"),
        ("setting.time_zone", "Europe/Atlantis"),
        ("setting.embed_origins", "http://school.example"),
        ("setting.email_proof", "perhaps"),
        ("setting.description", "a\u{1}b"),
    ];
    let answer = person.post("/admin/settings", &fields).await.expect(422);
    let page = &answer.text;
    assert!(page.contains("<title>Error: Settings"), "{page}");
    assert_eq!(page.matches("<li><a href=\"#").count(), 4, "{page}");
    for expected in [
        "href=\"#time_zone\">The time zone in which people are shown times: enter ",
        "value=\"Europe/Atlantis\"",
        "value=\"http://school.example\"",
        "id=\"time_zone-fault\"",
        "aria-describedby=\"time_zone-fault\"",
        // What fits is kept too, and not stored.
        "value=\"24\"",
    ] {
        assert!(page.contains(expected), "{expected}: {page}");
    }
    Office::assert_same(&before, &office.everything().await, "a value that does not fit");
}

#[tokio::test]
async fn somebody_who_signed_in_a_while_ago_looks_and_changes_nothing() {
    let office = office().await;
    let person = office.administrator().await;
    assert!(!person.page("/admin/settings").await.contains("sign in again"));
    office.kinlink.clock.advance(SignedDuration::from_mins(10));
    person.page("/admin/settings").await;
    office.kinlink.clock.advance(SignedDuration::from_mins(6));
    let page = person.page("/admin/settings").await;
    assert!(page.contains("href=\"/admin/sign-in/again?return_to=%2Fadmin%2Fsettings\""), "{page}");
    assert_eq!(page.matches("<fieldset class=\"card-body stack\"").count(), page.matches(" disabled>").count());
    let before = office.everything().await;
    let stale = person.post("/admin/settings", &[("setting.max_attempts", "3")]).await.expect(303);
    assert_eq!(stale.header("location"), "/admin/sign-in/again?return_to=%2Fadmin%2Fsettings");
    Office::assert_same(&before, &office.everything().await, "somebody who is not fresh");
}
