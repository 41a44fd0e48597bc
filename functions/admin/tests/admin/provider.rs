//! Signing in by a real provider (`tests/servers/oidc`). Its clock is the machine's, so that ours stands there too.

use jiff::SignedDuration;
use kinlink_config::Config;
use kinlink_domain::{Timestamp, staff::StaffRole};
use kinlink_service::sessions;
use kinlink_testapp::{Answer, TestApp, administrator, app};
use kinlink_testkit::oidc_issuer;
use reqwest::header;
use serde_json::{Value, json};
use url::Url;

use crate::session::{Browser, audit, value_of};

const CALLBACK: &str = "https://kinlink.test/admin/sign-in/callback?";

fn config() -> Config {
    Config {
        oidc_issuer: Some(oidc_issuer()),
        oidc_client_id: Some("kinlink".to_owned()),
        oidc_client_secret: Some("kinlink-secret".to_owned().into()),
        oidc_roles: Some("viewer=teachers approver=front office safeguarding=dsl administrator=it".parse().unwrap()),
        ..Config::default()
    }
}

/// A Kinlink with the school's sign-in, and a browser before it.
async fn school(config: &Config) -> (TestApp, Browser) {
    let kinlink = app().await;
    kinlink.clock.set(Timestamp::now());
    let browser = Browser::new(&kinlink, &kinlink.school.public_url, config);
    (kinlink, browser)
}

/// Tells the provider what to say of somebody.
async fn says(claims: &Value) {
    tell("accounts", claims).await;
}

async fn tell(what: &str, body: &Value) {
    let url = format!("{}/test/{what}", oidc_issuer());
    let answer = reqwest::Client::new().post(url).json(body).send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.status());
}

/// A name that no other test uses: the provider is everybody's.
fn somebody(name: &str) -> String {
    format!("{name}-{}", Timestamp::now().as_nanosecond())
}

/// Goes where the button of the sign-in page leads, signs in there as this person, and gives the address to come back to.
async fn at_provider(browser: &mut Browser, sub: &str, return_to: &str) -> String {
    let answer = browser.post("/admin/sign-in", &[("return_to", return_to)]).await.expect(303);
    follow(answer.header("location"), sub).await
}

/// Follows the provider's redirects with cookies of its own, until they lead to us.
async fn follow(authorization: &str, sub: &str) -> String {
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let mut cookies: Vec<String> = Vec::new();
    let mut url: Url = authorization.parse().unwrap();
    assert!(authorization.starts_with(&oidc_issuer()), "{authorization}");
    url.query_pairs_mut().append_pair("login_hint", sub);
    for _ in 0..10 {
        let answer = client.get(url.clone()).header(header::COOKIE, cookies.join("; ")).send().await.unwrap();
        for line in answer.headers().get_all(header::SET_COOKIE) {
            cookies.push(line.to_str().unwrap().split(';').next().unwrap().to_owned());
        }
        let status = answer.status();
        let location = answer.headers().get(header::LOCATION).map(|location| location.to_str().unwrap().to_owned());
        let Some(location) = location else { panic!("{status} {}", answer.text().await.unwrap()) };
        if let Some(query) = location.strip_prefix(CALLBACK) {
            return format!("/admin/sign-in/callback?{query}");
        }
        url = url.join(&location).unwrap();
    }
    panic!("the provider goes round in circles: {url}");
}

/// Signs in from the button to the page.
async fn sign_in(browser: &mut Browser, sub: &str) -> Answer {
    let back = at_provider(browser, sub, "/admin/help?from=here").await;
    browser.get(&back).await
}

/// Tells the provider of somebody and signs them in.
async fn sign_in_as(browser: &mut Browser, name: &str, roles: &Value) -> (String, Answer) {
    let sub = somebody(name);
    says(&json!({ "sub": sub, "name": "Jo <Bell>", "email": "jo@example.org", "roles": roles })).await;
    let answer = sign_in(browser, &sub).await;
    (sub, answer)
}

fn is_over(answer: &Answer) {
    assert_eq!(answer.status, 400, "{}", answer.text);
    assert!(answer.text.contains("<h1>This sign-in is over</h1>"), "{}", answer.text);
}

#[tokio::test]
async fn somebody_with_a_role_signs_in_and_comes_to_the_page_they_wanted() {
    let (kinlink, mut browser) = school(&config()).await;
    let page = browser.get("/admin/sign-in?return_to=%2Fadmin%2Fhelp%3Ffrom%3Dhere").await.expect(200);
    assert_eq!(value_of(&page, "return_to"), "/admin/help?from=here");
    // The page's form leads to the provider, and browsers hold redirects to the page's policy.
    let policy = page.header("content-security-policy");
    assert!(policy.contains(&format!("form-action 'self' https: {};", oidc_issuer())), "{policy}");

    let sub = somebody("jo");
    says(&json!({ "sub": sub, "name": "Jo <Bell>", "roles": ["teachers", "front office"] })).await;
    let answer = browser.post("/admin/sign-in", &[("return_to", "/admin/help?from=here")]).await.expect(303);
    let cookie = answer.header("set-cookie");
    assert!(cookie.starts_with("__Host-kinlink-sign-in="), "{cookie}");
    assert!(cookie.ends_with("; Max-Age=600; Path=/; HttpOnly; SameSite=Lax; Secure"), "{cookie}");
    let back = follow(answer.header("location"), &sub).await;
    let answer = browser.get(&back).await.expect(303);
    assert_eq!(answer.header("location"), "/admin/help?from=here");
    assert_eq!(browser.cookies.len(), 1, "the cookie of the way there is gone: {:?}", browser.cookies);

    let page = browser.get("/admin/help").await.expect(200);
    assert!(page.text.contains("<bdi>Jo &#60;Bell&#62;</bdi>") && page.text.contains("approver"), "{}", page.text);
    let written = audit(&kinlink).await;
    assert_eq!(written.len(), 1);
    assert!(!format!("{written:?}").contains("Jo") && !format!("{written:?}").contains(&sub), "{written:?}");
    let stored: Vec<(String, String, String)> =
        kinlink.store.db.fetch_all("SELECT issuer, subject, staff_role FROM staff", []).await.unwrap();
    assert_eq!(stored, [(oidc_issuer(), sub, "approver".to_owned())]);
}

#[tokio::test]
async fn roles_are_read_wherever_the_provider_keeps_them() {
    for (claim, said, role) in [
        ("roles", json!({ "roles": "it" }), Some(StaffRole::Administrator)),
        ("roles", json!({ "roles": ["dsl", "teachers"] }), Some(StaffRole::Safeguarding)),
        ("realm_access.roles", json!({ "realm_access": { "roles": ["front office"] } }), Some(StaffRole::Approver)),
        ("roles", json!({ "realm_access": { "roles": ["it"] } }), None),
        ("roles", json!({ "roles": ["administrator", "front", "office", "IT"] }), None),
        ("roles", json!({ "roles": [] }), None),
        ("roles", json!({}), None),
    ] {
        let (kinlink, mut browser) = school(&Config { oidc_role_claim: claim.to_owned(), ..config() }).await;
        let sub = somebody("roles");
        let mut account = said.clone();
        account["sub"] = json!(sub);
        says(&account).await;
        let answer = sign_in(&mut browser, &sub).await;
        if let Some(role) = role {
            let _ = answer.expect(303);
            let row: Option<(String,)> =
                kinlink.store.db.fetch_optional("SELECT staff_role FROM staff_sessions", []).await.unwrap();
            assert_eq!(row.unwrap().0, role.code(), "{said}");
        } else {
            let answer = answer.expect(403);
            assert!(answer.text.contains("<h1>You may not use these pages</h1>"), "{}", answer.text);
            assert!(answer.text.contains("Ask IT") && !browser.is_in().await);
            let written = audit(&kinlink).await;
            assert!(written.len() == 1 && written[0].1 == "staff.refused", "{written:?}");
            assert!(written[0].2.starts_with("subject:") && !format!("{written:?}").contains(&sub), "{written:?}");
            assert_eq!(kinlink.count("staff").await, 0, "whoever has no business here leaves no name");
        }
    }
}

#[tokio::test]
async fn an_answer_works_once_for_ten_minutes_and_in_the_browser_that_asked() {
    let (kinlink, mut browser) = school(&config()).await;
    let sub = somebody("once");
    says(&json!({ "sub": sub, "roles": "it" })).await;

    let back = at_provider(&mut browser, &sub, "/admin/help").await;
    let mut foreign = browser.other();
    is_over(&foreign.get(&back).await);
    foreign.cookies = vec![("__Host-kinlink-sign-in".to_owned(), "A".repeat(43))];
    is_over(&foreign.get(&back).await);
    assert!(foreign.cookies.is_empty());
    let mut replaying = browser.clone();
    let _ = browser.get(&back).await.expect(303);
    is_over(&replaying.get(&back).await);
    assert!(browser.is_in().await && !replaying.is_in().await);

    let mut late = browser.other();
    let back = at_provider(&mut late, &sub, "/admin/help").await;
    kinlink.clock.advance(SignedDuration::from_mins(10));
    is_over(&late.get(&back).await);
    for made_up in ["", "?", "?code=x", "?state=x&code=x", "?state=&code=", "?error=access_denied"] {
        let mut anyone = browser.other();
        anyone.cookies = vec![("__Host-kinlink-sign-in".to_owned(), "A".repeat(43))];
        is_over(&anyone.get(&format!("/admin/sign-in/callback{made_up}")).await);
    }
}

#[tokio::test]
async fn another_answer_cannot_be_slipped_in() {
    let (_kinlink, mut victim) = school(&config()).await;
    let mut attacker = victim.other();
    let sub = somebody("attacker");
    says(&json!({ "sub": sub, "roles": "it" })).await;
    let theirs = at_provider(&mut attacker, &sub, "/admin/help").await;
    let own = at_provider(&mut victim, &sub, "/admin/help").await;
    let part = |path: &str, name: &str| {
        let url = Url::parse("https://kinlink.test").unwrap().join(path).unwrap();
        url.query_pairs().find(|(key, _)| key == name).unwrap().1.into_owned()
    };
    // The attacker's code with the victim's state: the PKCE verifier is another one.
    let mixed = own.replace(&part(&own, "code"), &part(&theirs, "code"));
    let answer = victim.get(&mixed).await.expect(502);
    assert!(answer.text.contains("invalid_grant"), "{}", answer.text);
    assert!(!victim.is_in().await);
}

#[tokio::test]
async fn whoever_cancels_at_the_provider_is_told_what_to_do() {
    let (_kinlink, mut browser) = school(&config()).await;
    let answer = browser.post("/admin/sign-in", &[]).await.expect(303);
    let url: Url = answer.header("location").parse().unwrap();
    let state = url.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    let back = format!("/admin/sign-in/callback?state={state}&error=access_denied&error_description=%3Cb%3Ehello");
    let answer = browser.get(&back).await.expect(403);
    assert!(
        answer.text.contains("<h1>You are not signed in</h1>") && !answer.text.contains("hello"),
        "{}",
        answer.text
    );
    is_over(&browser.get(&back).await);
}

#[tokio::test]
async fn new_keys_of_the_provider_do_not_keep_anybody_out() {
    let (_kinlink, mut browser) = school(&config()).await;
    let (_, answer) = sign_in_as(&mut browser, "before", &json!("it")).await;
    let _ = answer.expect(303);
    tell("rotate", &json!({})).await;
    let mut other = browser.other();
    let (_, answer) = sign_in_as(&mut other, "after", &json!("it")).await;
    let _ = answer.expect(303);
}

#[tokio::test]
async fn a_role_that_was_taken_away_or_changed_ends_the_sessions_that_it_gave() {
    let (_kinlink, mut laptop) = school(&config()).await;
    let mut phone = laptop.other();
    let (sub, answer) = sign_in_as(&mut laptop, "changes", &json!("it")).await;
    let _ = answer.expect(303);
    let _ = sign_in(&mut phone, &sub).await.expect(303);
    assert!(laptop.is_in().await && phone.is_in().await);

    says(&json!({ "sub": sub, "roles": "teachers" })).await;
    let _ = sign_in(&mut phone, &sub).await.expect(303);
    assert!(!laptop.is_in().await && phone.is_in().await, "the administrator's session has ended");
    let _ = phone.get("/admin/tokens").await.expect(403);

    says(&json!({ "sub": sub })).await;
    let _ = sign_in(&mut laptop, &sub).await.expect(403);
    assert!(!phone.is_in().await && !laptop.is_in().await);
}

/// From an act that needs it to the provider and back.
async fn again(browser: &mut Browser, sub: &str) -> Answer {
    let page = browser.get("/admin/sign-in/again?return_to=%2Fadmin%2Ftokens").await.expect(200);
    let (csrf, return_to) = (value_of(&page, "csrf"), value_of(&page, "return_to"));
    let _ = browser.post("/admin/sign-in/again", &[("return_to", &return_to)]).await.expect(403);
    let answer = browser.post("/admin/sign-in/again", &[("csrf", &csrf), ("return_to", &return_to)]).await.expect(303);
    let location = answer.header("location");
    assert!(location.contains("prompt=login") && location.contains("max_age=0"), "{location}");
    let back = follow(location, sub).await;
    browser.get(&back).await
}

#[tokio::test]
async fn somebody_signs_in_again_for_a_far_reaching_act() {
    let (kinlink, mut browser) = school(&config()).await;
    let (sub, answer) = sign_in_as(&mut browser, "again", &json!("it")).await;
    let _ = answer.expect(303);
    let csrf = browser.csrf().await;
    let form = [("csrf", csrf.as_str()), ("name", "export"), ("role", "viewer")];
    let answer = browser.post("/admin/tokens", &form).await.expect(303);
    assert_eq!(answer.header("location").replace("?&", "?"), "/admin/sign-in/again?return_to=%2Fadmin%2Ftokens");

    let (session, other) = (browser.session().to_owned(), somebody("other"));
    says(&json!({ "sub": other, "roles": "it" })).await;
    let refused = again(&mut browser, &other).await.expect(403);
    assert!(refused.text.contains("<h1>Somebody else signed in</h1>"), "{}", refused.text);
    assert_eq!(browser.session(), session, "the session is still its owner's");

    // The provider counts whole seconds.
    kinlink.clock.set(Timestamp::now());
    let answer = again(&mut browser, &sub).await.expect(303);
    assert_eq!(answer.header("location"), "/admin/tokens");
    assert_ne!(browser.session(), session);
    let csrf = browser.csrf().await;
    let form = [("csrf", csrf.as_str()), ("name", "export"), ("role", "viewer")];
    let _ = browser.post("/admin/tokens", &form).await.expect(201);
}

#[tokio::test]
async fn signing_out_ends_the_providers_session_too() {
    let (_kinlink, mut browser) = school(&config()).await;
    let (_, answer) = sign_in_as(&mut browser, "leaves", &json!("it")).await;
    let _ = answer.expect(303);
    let csrf = browser.csrf().await;
    let page = browser.post("/admin/sign-out", &[("csrf", &csrf)]).await.expect(200);
    assert!(browser.cookies.is_empty() && !browser.is_in().await);
    let refresh = page.text.split("http-equiv=\"refresh\" content=\"0; url=").nth(1).unwrap();
    let url = refresh.split('"').next().unwrap().replace("&#38;", "&").replace("&amp;", "&");
    assert!(url.starts_with(&format!("{}/session/end?id_token_hint=ey", oidc_issuer())), "{url}");
    let answer = reqwest::get(url).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(answer.text().await.unwrap().contains("/session/end/confirm"), "the provider knows the token and asks");
}

#[tokio::test]
async fn a_provider_that_is_down_keeps_nobody_from_coming_back_later_or_leaving() {
    // Nobody listens on the discard port.
    let (kinlink, mut browser) =
        school(&Config { oidc_issuer: Some("http://127.0.0.1:9".to_owned()), ..config() }).await;
    let _ = browser.get("/admin/sign-in").await.expect(200);
    let answer = browser.post("/admin/sign-in", &[]).await.expect(503);
    assert_eq!(answer.header("retry-after"), "30");
    assert!(answer.text.contains("<h1>Signing in does not work</h1>"), "{}", answer.text);
    assert!(answer.text.contains("KINLINK_OIDC_ISSUER") && answer.text.contains("kinlink sign-in"), "{}", answer.text);

    let link = sessions::links::mint(&kinlink.app, &administrator(), StaffRole::Administrator).await.unwrap();
    let _ = browser.post(&format!("/admin/sign-in/link/{}", link.token), &[]).await.expect(303);
    assert!(browser.is_in().await, "the glass is broken");
    let csrf = browser.csrf().await;
    let _ = browser.post("/admin/sign-out", &[("csrf", &csrf)]).await.expect(303);
}

#[tokio::test]
async fn settings_that_do_not_fit_the_provider_are_named() {
    let localhost = oidc_issuer().replace("127.0.0.1", "localhost");
    for (config, status, named) in [
        (Config { oidc_issuer: Some(localhost), ..config() }, 502, "KINLINK_OIDC_ISSUER"),
        (Config { oidc_issuer: Some(format!("{}/nowhere", oidc_issuer())), ..config() }, 502, "KINLINK_OIDC_ISSUER"),
    ] {
        let (_kinlink, mut browser) = school(&config).await;
        let answer = browser.post("/admin/sign-in", &[]).await.expect(status);
        assert!(answer.text.contains(named) && answer.text.contains("Reference:"), "{}", answer.text);
    }
    let wrong = Config { oidc_client_secret: Some("wrong".to_owned().into()), ..config() };
    let (_kinlink, mut browser) = school(&wrong).await;
    let (_, answer) = sign_in_as(&mut browser, "wrong", &json!("it")).await;
    let answer = answer.expect(502);
    assert!(
        answer.text.contains("invalid_client") && answer.text.contains("KINLINK_OIDC_CLIENT_SECRET"),
        "{}",
        answer.text
    );
    assert!(!answer.text.contains("wrong<") && !browser.is_in().await);
}
