//! Tokens and forms: a secret is shown once; what was revoked does not work.

use jiff::SignedDuration;
use kinlink_testapp::family;

use crate::staff::{Office, Person, office, text};

/// The secret that a page shows.
fn secret(page: &str) -> String {
    page.split("id=\"secret\">")
        .nth(1)
        .unwrap_or_else(|| panic!("no secret: {page}"))
        .split('<')
        .next()
        .unwrap()
        .to_owned()
}

/// The address that revokes what has this name.
async fn revoke(person: &Person, name: &str) -> String {
    let page = person.page("/admin/tokens").await;
    let row = page.split("<tr role=\"row\">").find(|row| row.contains(&format!("<bdi>{name}</bdi></th>"))).unwrap();
    row.split("action=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_token_is_shown_once_works_and_ends_when_it_is_revoked() {
    let office = office().await;
    let person = office.administrator().await;
    let fields = [("name", "Nightly export"), ("role", "approver"), ("days", "90")];
    let made = person.post("/admin/tokens", &fields).await.expect(201);
    let secret = secret(&made.text);
    assert!(secret.starts_with("klt_") && made.header("cache-control") == "no-store");
    assert!(made.text.contains(&format!("data-copy=\"{secret}\"")), "{}", made.text);
    let page = person.page("/admin/tokens").await;
    assert!(!page.contains(secret.rsplit_once('_').unwrap().1), "{page}");
    let words = text(&page);
    assert!(words.contains("Nightly export approver 3 September 2026 by Alex 2 December 2026 Works"), "{words}");
    assert!(!format!("{:?}", office.everything().await).contains(secret.rsplit_once('_').unwrap().1), "kept nowhere");
    let script = office.anyone.bearer(&secret);
    let _ = script.get("/api/v1/admin/requests").await.expect(200);

    let path = revoke(&person, "Nightly export").await;
    let gone = person.post(&path, &[]).await.expect(303);
    assert!(text(&person.follow(&gone).await).contains("The token does not work any more."));
    let _ = script.get("/api/v1/admin/requests").await.expect(401);
    let row = text(&person.page("/admin/tokens").await);
    assert!(row.contains("2 December 2026 Ended"), "{row}");
}

#[tokio::test]
async fn a_token_of_an_unknown_role_or_lifetime_is_the_least_one() {
    let office = office().await;
    let person = office.administrator().await;
    let fields = [("name", "Odd"), ("role", "king"), ("days", "100000")];
    let made = person.post("/admin/tokens", &fields).await.expect(201);
    assert!(text(&made.text).contains("Odd viewer 3 September 2026 by Alex 3 October 2026"), "{}", text(&made.text));
    office.kinlink.clock.advance(SignedDuration::from_hours(24 * 30));
    let _ = office.anyone.bearer(&secret(&made.text)).get("/api/v1/admin/requests").await.expect(401);
}

#[tokio::test]
async fn a_form_gets_a_key_of_its_own() {
    let office = office().await;
    let person = office.administrator().await;
    let made = person.post("/admin/sources", &[("name", "Open day"), ("proves_email", "1")]).await.expect(201);
    assert!(secret(&made.text).starts_with("kls_"), "{}", made.text);
    let words = text(&person.page("/admin/tokens").await);
    assert!(words.contains("Open day proven by the form") && !words.contains("kls_"), "{words}");
    let path = revoke(&person, "Open day").await;
    let gone = person.post(&path, &[]).await;
    assert!(text(&person.follow(&gone).await).contains("The form’s key does not work any more."));
    assert!(text(&person.page("/admin/tokens").await).contains("by Alex Ended"));
    // The others still send.
    office.kinlink.submit(&family(("Ann", "Moss", "ann@example.org"), &[("Amelia", "Turner", "7KL")])).await;
}

#[tokio::test]
async fn a_name_that_cannot_be_used_is_shown_again() {
    let office = office().await;
    let person = office.administrator().await;
    let before = office.everything().await;
    let long = "x".repeat(101);
    for (path, field) in [("/admin/tokens", "token-name"), ("/admin/sources", "source-name")] {
        for name in ["", "  ", &long, "a\u{7}b"] {
            let answer = person.post(path, &[("name", name)]).await.expect(422);
            assert!(answer.text.contains("<title>Error: Tokens and forms"), "{path} {name:?}");
            assert!(answer.text.contains(&format!("href=\"#{field}\">Enter a name")), "{path} {name:?}");
            assert_eq!(answer.text.matches("aria-invalid").count(), 1, "{path} {name:?}");
        }
        let answer = person.post(path, &[("name", &long)]).await;
        assert!(answer.text.contains(&format!("value=\"{long}\"")), "{path}");
    }
    Office::assert_same(&before, &office.everything().await, "a name that cannot be used");
}

#[tokio::test]
async fn somebody_who_signed_in_a_while_ago_makes_nothing_but_can_still_revoke() {
    let office = office().await;
    let person = office.administrator().await;
    let _ = person.post("/admin/tokens", &[("name", "Leaked")]).await.expect(201);
    let path = revoke(&person, "Leaked").await;
    office.kinlink.clock.advance(SignedDuration::from_mins(10));
    person.page("/admin/tokens").await;
    office.kinlink.clock.advance(SignedDuration::from_mins(6));
    let page = person.page("/admin/tokens").await;
    assert!(
        page.contains("sign-in/again?return_to=%2Fadmin%2Ftokens") && !text(&page).contains("Make token"),
        "{page}"
    );
    for path in ["/admin/tokens", "/admin/sources"] {
        let stale = person.post(path, &[("name", "New")]).await.expect(303);
        assert_eq!(stale.header("location"), "/admin/sign-in/again?return_to=%2Fadmin%2Ftokens", "{path}");
    }
    assert_eq!(office.number("SELECT COUNT(*) FROM tokens WHERE name = 'New'").await, 0);
    let _ = person.post(&path, &[]).await.expect(303);
    assert!(text(&person.page("/admin/tokens").await).contains("Ended"));
}
