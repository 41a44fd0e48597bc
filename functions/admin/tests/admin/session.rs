//! Signing in by a link, and what a session is: when it begins, when it ends, and who can do what with it.

use std::sync::Arc;

use axum::Extension;
use jiff::SignedDuration;
use kinlink_admin::{AdminState, SignIn, router};
use kinlink_config::Config;
use kinlink_domain::{Timestamp, staff::StaffRole};
use kinlink_service::{
    ServiceError, housekeeping,
    sessions::{
        self,
        provider::{self, Identity},
    },
    settings,
};
use kinlink_testapp::{Answer, Client, TestApp, administrator, app};
use kinlink_web::ClientAddress;

/// A browser: it keeps cookies.
#[derive(Clone)]
pub(crate) struct Browser {
    client: Client,
    pub(crate) cookies: Vec<(String, String)>,
}

impl Browser {
    pub(crate) fn new(kinlink: &TestApp, public_url: &str, config: &Config) -> Self {
        let state = AdminState {
            app: kinlink.app.clone(),
            wake: Arc::new(|| {}),
            school: kinlink.school.clone(),
            demonstration: false,
            sign_in: Arc::new(SignIn::new(public_url, config).unwrap()),
        };
        Self { client: Client::new(router(state)), cookies: Vec::new() }
    }

    /// A browser at an address, before pages where links alone let people in.
    fn at(kinlink: &TestApp, address: &str) -> Self {
        let state = AdminState {
            app: kinlink.app.clone(),
            wake: Arc::new(|| {}),
            school: kinlink.school.clone(),
            demonstration: false,
            sign_in: Arc::new(SignIn::new(&kinlink.school.public_url, &Config::default()).unwrap()),
        };
        let address = ClientAddress(address.parse().unwrap());
        Self { client: Client::new(router(state).layer(Extension(address))), cookies: Vec::new() }
    }

    /// Another browser before the same pages.
    pub(crate) fn other(&self) -> Self {
        Self { client: self.client.clone(), cookies: Vec::new() }
    }

    fn client(&self) -> Client {
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if cookies.is_empty() { self.client.clone() } else { self.client.with("cookie", cookies.join("; ")) }
    }

    fn keep(&mut self, answer: Answer) -> Answer {
        for line in answer.headers.get_all("set-cookie") {
            let line = line.to_str().unwrap();
            let (name, value) = line.split(';').next().unwrap().split_once('=').unwrap();
            self.cookies.retain(|(known, _)| known != name);
            if !line.contains("Max-Age=0") {
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
        answer
    }

    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        let answer = self.client().get(path).await;
        self.keep(answer)
    }

    pub(crate) async fn post(&mut self, path: &str, form: &[(&str, &str)]) -> Answer {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let client = self.client().with("content-type", "application/x-www-form-urlencoded");
        let answer = client.send("POST", path, body).await;
        self.keep(answer)
    }

    /// The anti-forgery token of this session's pages.
    pub(crate) async fn csrf(&mut self) -> String {
        let page = self.get("/admin/help").await.expect(200);
        value_of(&page, "csrf")
    }

    pub(crate) async fn is_in(&mut self) -> bool {
        let answer = self.get("/admin/help").await;
        assert!(answer.status == 200 || answer.header("location").starts_with("/admin/sign-in?"), "{}", answer.text);
        answer.status == 200
    }

    pub(crate) fn session(&self) -> &str {
        let found = self.cookies.iter().find(|(name, _)| name.ends_with("kinlink"));
        found.map_or("", |(_, value)| value)
    }
}

/// The value of a hidden field.
pub(crate) fn value_of(page: &Answer, field: &str) -> String {
    let after = page.text.split(&format!("name=\"{field}\" value=\"")).nth(1).expect("the field");
    after.split('"').next().unwrap().replace("&#38;", "&").replace("&amp;", "&")
}

async fn link(kinlink: &TestApp, role: StaffRole) -> String {
    let link = sessions::links::mint(&kinlink.app, &administrator(), role).await.unwrap();
    format!("/admin/sign-in/link/{}", link.token)
}

/// A Kinlink where links alone let people in, and a browser before it.
async fn closed() -> (TestApp, Browser) {
    let kinlink = app().await;
    let browser = Browser::new(&kinlink, &kinlink.school.public_url, &Config::default());
    (kinlink, browser)
}

/// The same with somebody in.
async fn entered(role: StaffRole) -> (TestApp, Browser) {
    let (kinlink, mut browser) = closed().await;
    let path = link(&kinlink, role).await;
    let _ = browser.post(&path, &[]).await.expect(303);
    (kinlink, browser)
}

fn minutes(minutes: i64) -> SignedDuration {
    SignedDuration::from_mins(minutes)
}

/// What the audit says of staff who sign in and out, oldest first.
pub(crate) async fn audit(kinlink: &TestApp) -> Vec<(String, String, String, String)> {
    let sql = "SELECT actor, action, subject, detail FROM audit WHERE action LIKE 'staff.%' ORDER BY seq";
    kinlink.store.db.fetch_all(sql, []).await.unwrap()
}

#[tokio::test]
async fn a_link_lets_in_once_and_looking_at_it_uses_nothing_up() {
    let (kinlink, mut browser) = closed().await;
    let path = link(&kinlink, StaffRole::Administrator).await;
    for _ in 0..2 {
        let page = browser.get(&path).await.expect(200);
        assert!(page.text.contains("<button type=\"submit\"") && !page.headers.contains_key("set-cookie"));
        assert_eq!(page.header("cache-control"), "no-store");
    }
    assert!(!browser.is_in().await);

    let answer = browser.post(&path, &[]).await.expect(303);
    assert_eq!(answer.header("location"), "/admin/requests");
    let cookie = answer.header("set-cookie");
    let secret = cookie.strip_prefix("__Host-kinlink=").unwrap().split(';').next().unwrap();
    assert_eq!(secret.len(), 43, "256 bits");
    assert_eq!(cookie, format!("__Host-kinlink={secret}; Path=/; HttpOnly; SameSite=Lax; Secure"));
    assert!(browser.is_in().await);
    let stored: Vec<(String,)> = kinlink.store.db.fetch_all("SELECT token_hash FROM staff_sessions", []).await.unwrap();
    assert!(stored.len() == 1 && stored[0].0.len() == 64 && !stored[0].0.contains(secret), "{stored:?}");

    let mut other = browser.other();
    let used = other.post(&path, &[]).await.expect(410);
    assert!(
        used.text.contains("<h1>This link does not work any more</h1>") && !used.headers.contains_key("set-cookie")
    );
    assert!(!other.is_in().await);
}

#[tokio::test]
async fn links_that_are_old_or_made_up_let_nobody_in() {
    let (kinlink, mut browser) = closed().await;
    let path = link(&kinlink, StaffRole::Administrator).await;
    kinlink.clock.advance(minutes(10));
    for path in [path.as_str(), "/admin/sign-in/link/x", "/admin/sign-in/link/%00", &format!("{path}x")] {
        let _ = browser.post(path, &[]).await.expect(410);
    }
    assert!(browser.cookies.is_empty());
    let fresh = link(&kinlink, StaffRole::Administrator).await;
    kinlink.clock.advance(minutes(10) - SignedDuration::from_millis(1));
    let _ = browser.post(&fresh, &[]).await.expect(303);
}

#[tokio::test]
async fn only_whoever_administers_makes_links() {
    let (kinlink, _browser) = closed().await;
    let mut actor = administrator();
    actor.role = Some(StaffRole::Safeguarding);
    let refused = sessions::links::mint(&kinlink.app, &actor, StaffRole::Viewer).await;
    assert!(matches!(refused, Err(ServiceError::Forbidden(_))));
}

#[tokio::test]
async fn on_this_very_machine_the_cookie_needs_no_https() {
    let kinlink = app().await;
    let mut browser = Browser::new(&kinlink, "http://127.0.0.1:8080", &Config::default());
    let path = link(&kinlink, StaffRole::Viewer).await;
    let answer = browser.post(&path, &[]).await.expect(303);
    let cookie = answer.header("set-cookie");
    assert!(cookie.starts_with("kinlink=") && cookie.ends_with("; Path=/; HttpOnly; SameSite=Lax"), "{cookie}");
    assert!(browser.is_in().await);
}

#[tokio::test]
async fn without_a_session_looking_leads_to_the_sign_in_page_and_acting_says_so() {
    let (_kinlink, mut browser) = closed().await;
    let answer = browser.get("/admin/help?a=1&b=2").await.expect(303);
    assert_eq!(answer.header("location"), "/admin/sign-in?return_to=%2Fadmin%2Fhelp%3Fa%3D1%26b%3D2");
    let page = browser.get("/admin/sign-in?return_to=%2Fadmin%2Fhelp").await.expect(200);
    assert!(page.text.contains("<h1>Sign in</h1>") && page.text.contains("kinlink sign-in"));
    let answer = browser.post("/admin/sign-out", &[]).await.expect(401);
    assert!(answer.text.contains("<h1>You were signed out</h1>"), "{}", answer.text);
    assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
    for wrong in ["", "x", &"A".repeat(43)] {
        browser.cookies = vec![("__Host-kinlink".to_owned(), wrong.to_owned())];
        assert!(!browser.is_in().await, "{wrong}");
    }
}

#[tokio::test]
async fn a_session_ends_when_it_is_not_used_and_is_noted_as_used_once_a_minute() {
    let (kinlink, mut browser) = entered(StaffRole::Administrator).await;
    let seen = async || -> i64 {
        let row: Option<(i64,)> =
            kinlink.store.db.fetch_optional("SELECT last_seen_at FROM staff_sessions", []).await.unwrap();
        row.unwrap().0
    };
    let began = seen().await;
    kinlink.clock.advance(SignedDuration::from_secs(59));
    assert!(browser.is_in().await);
    assert_eq!(seen().await, began);
    kinlink.clock.advance(SignedDuration::from_secs(1));
    assert!(browser.is_in().await);
    assert_eq!(seen().await, began + 60_000);

    kinlink.clock.advance(minutes(30) - SignedDuration::from_millis(1));
    assert!(browser.is_in().await);
    kinlink.clock.advance(minutes(30));
    assert!(!browser.is_in().await);
}

#[tokio::test]
async fn a_session_ends_after_its_hours_however_much_it_is_used() {
    let (kinlink, mut browser) = entered(StaffRole::Administrator).await;
    for _ in 0..29 {
        kinlink.clock.advance(minutes(20));
        assert!(browser.is_in().await);
    }
    kinlink.clock.advance(minutes(20) - SignedDuration::from_millis(1));
    assert!(browser.is_in().await);
    kinlink.clock.advance(SignedDuration::from_millis(1));
    assert!(!browser.is_in().await, "10 hours");
}

#[tokio::test]
async fn a_shorter_setting_counts_at_once() {
    let (kinlink, mut browser) = entered(StaffRole::Administrator).await;
    kinlink.clock.advance(minutes(6));
    settings::set(&kinlink.app, &administrator(), "session_idle_minutes", "5").await.unwrap();
    assert!(!browser.is_in().await);
}

#[tokio::test]
async fn whoever_signs_in_gets_a_session_that_nobody_knew_before() {
    let (kinlink, mut browser) = closed().await;
    let planted = "A".repeat(43);
    browser.cookies = vec![("__Host-kinlink".to_owned(), planted.clone())];
    let path = link(&kinlink, StaffRole::Administrator).await;
    let _ = browser.post(&path, &[]).await.expect(303);
    let first = browser.session().to_owned();
    assert_ne!(first, planted);

    // Signing in anew ends the session that this browser had.
    let mut before = browser.clone();
    let path = link(&kinlink, StaffRole::Viewer).await;
    let _ = browser.post(&path, &[]).await.expect(303);
    assert_ne!(browser.session(), first);
    assert!(browser.is_in().await && !before.is_in().await);
}

#[tokio::test]
async fn a_form_must_come_from_the_sessions_own_pages() {
    let (kinlink, mut browser) = entered(StaffRole::Administrator).await;
    let csrf = browser.csrf().await;
    assert_ne!(csrf, browser.csrf().await, "each page has a mark of its own");
    let (nonce, mark) = csrf.split_once('.').unwrap();
    let mut other = browser.other();
    let path = link(&kinlink, StaffRole::Administrator).await;
    let _ = other.post(&path, &[]).await.expect(303);
    let others = other.csrf().await;
    assert_ne!(csrf, others);
    let (short, swapped) = (&csrf[..csrf.len() - 1], format!("x{nonce}.{mark}"));
    for wrong in [
        &[][..],
        &[("csrf", "")],
        &[("csrf", ".")],
        &[("csrf", mark)],
        &[("csrf", short)],
        &[("csrf", &swapped)],
        &[("csrf", &others)],
        &[("other", &csrf)],
    ] {
        let answer = browser.post("/admin/sign-out", wrong).await.expect(403);
        assert!(answer.text.contains("<h1>") && answer.header("content-type").starts_with("text/html"));
    }
    for (name, value) in
        [("sec-fetch-site", "cross-site"), ("sec-fetch-site", "same-site"), ("origin", "https://evil.example")]
    {
        let mut from_elsewhere = Browser { client: browser.client.with(name, value), cookies: browser.cookies.clone() };
        let _ = from_elsewhere.post("/admin/sign-out", &[("csrf", &csrf)]).await.expect(403);
    }
    assert!(browser.is_in().await);

    let answer = browser.post("/admin/sign-out", &[("csrf", &csrf)]).await.expect(303);
    assert_eq!(answer.header("location"), "/admin/signed-out");
    assert_eq!(answer.header("set-cookie"), "__Host-kinlink=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax; Secure");
    assert!(browser.get("/admin/signed-out").await.expect(200).text.contains("<h1>You are signed out</h1>"));
    assert!(other.is_in().await, "the others stay in");
}

#[tokio::test]
async fn a_session_that_was_ended_stays_ended_for_whoever_kept_its_secret() {
    let (_kinlink, mut browser) = entered(StaffRole::Administrator).await;
    let csrf = browser.csrf().await;
    let mut kept = browser.clone();
    let _ = browser.post("/admin/sign-out", &[("csrf", &csrf)]).await.expect(303);
    assert!(!kept.is_in().await);
    let _ = kept.post("/admin/sign-out", &[("csrf", &csrf)]).await.expect(401);
}

#[tokio::test]
async fn somebody_may_do_what_the_links_role_may() {
    let (_kinlink, mut viewer) = entered(StaffRole::Viewer).await;
    let _ = viewer.get("/admin/tokens").await.expect(403);
    let (_kinlink, mut administrator) = entered(StaffRole::Administrator).await;
    let _ = administrator.get("/admin/tokens").await.expect(200);
}

#[tokio::test]
async fn the_sign_in_page_leads_to_pages_of_ours_only() {
    let (_kinlink, mut browser) = entered(StaffRole::Viewer).await;
    for (asked, page) in [
        ("%2Fadmin%2Fhelp%3Fa%3D1", "/admin/help?a=1"),
        ("%2F%2Fevil.example", "/admin/requests"),
        ("https%3A%2F%2Fevil.example%2Fadmin%2F", "/admin/requests"),
        ("%2Fadmin%2F%5C..%5C..%5Cevil.example", "/admin/requests"),
        ("%2Fadmin%2Fx%0D%0Aset-cookie%3Aa", "/admin/requests"),
        ("", "/admin/requests"),
    ] {
        let answer = browser.get(&format!("/admin/sign-in?return_to={asked}")).await.expect(303);
        assert_eq!(answer.header("location"), page, "{asked}");
    }
}

#[tokio::test]
async fn far_reaching_acts_ask_who_it_is_again_after_a_while() {
    let (kinlink, mut browser) = entered(StaffRole::Administrator).await;
    let csrf = browser.csrf().await;
    let form = [("csrf", csrf.as_str()), ("name", "export"), ("role", "viewer")];
    let _ = browser.post("/admin/tokens", &form).await.expect(201);
    kinlink.clock.advance(minutes(15) - SignedDuration::from_millis(1));
    let _ = browser.post("/admin/tokens", &form).await.expect(201);
    kinlink.clock.advance(SignedDuration::from_millis(1));
    let answer = browser.post("/admin/tokens", &form).await.expect(303);
    assert_eq!(answer.header("location").replace("?&", "?"), "/admin/sign-in/again?return_to=%2Fadmin%2Ftokens");
    let page = browser.get(answer.header("location")).await.expect(200);
    assert!(page.text.contains("<h1>Sign in again</h1>") && page.text.contains("kinlink sign-in"), "{}", page.text);
    assert!(page.text.contains("href=\"/admin/tokens\""));

    let path = link(&kinlink, StaffRole::Administrator).await;
    let _ = browser.post(&path, &[]).await.expect(303);
    let csrf = browser.csrf().await;
    let form = [("csrf", csrf.as_str()), ("name", "export"), ("role", "viewer")];
    let _ = browser.post("/admin/tokens", &form).await.expect(201);
}

#[tokio::test]
async fn the_audit_says_who_came_and_went_without_a_name() {
    let (kinlink, mut browser) = entered(StaffRole::Approver).await;
    let csrf = browser.csrf().await;
    let _ = browser.post("/admin/sign-out", &[("csrf", &csrf)]).await.expect(303);
    let written = audit(&kinlink).await;
    let actions: Vec<&str> = written.iter().map(|(_, action, ..)| action.as_str()).collect();
    assert_eq!(actions, ["staff.link_minted", "staff.sign_in", "staff.sign_out"]);
    assert_eq!(written[0].0, "cli:test");
    assert!(written[0].3.contains("approver"));
    for (actor, _, subject, _) in &written[1..] {
        assert!(actor.starts_with("staff:") && actor == subject, "{actor} {subject}");
    }
    assert!(written[1].3.contains("\"way\":\"link\""), "{}", written[1].3);
}

#[tokio::test]
async fn people_are_called_by_their_names_in_three_statements_however_many_they_are() {
    let (kinlink, _browser) = entered(StaffRole::Viewer).await;
    let mut actors: Vec<String> =
        vec!["system".into(), "parent".into(), "cli:root".into(), "staff:x".into(), "x".into()];
    let staff = audit(&kinlink).await[1].0.clone();
    let token = kinlink.viewer_token.split('_').nth(1).unwrap();
    let source = format!("source:{}", kinlink.source_id);
    actors.extend([staff.clone(), format!("token:{token}"), source.clone()]);
    let before = kinlink.store.db.stats().reads();
    let names = sessions::names(&kinlink.app, actors.iter().map(String::as_str)).await.unwrap();
    assert_eq!(kinlink.store.db.stats().reads() - before, 3);
    let expected = [
        ("system", "Kinlink"),
        ("parent", "The parent"),
        ("cli:root", "root"),
        (&staff, "test"),
        (&format!("token:{token}"), "test"),
        (&source, "test"),
    ];
    assert_eq!(names.len(), expected.len(), "{names:?}");
    for (actor, name) in expected {
        assert_eq!(names[actor], name, "{actor}");
    }
}

#[tokio::test]
async fn housekeeping_forgets_what_has_ended_and_nothing_else() {
    let (kinlink, mut browser) = entered(StaffRole::Viewer).await;
    let _ = link(&kinlink, StaffRole::Viewer).await;
    provider::begin(&kinlink.app, None, "/admin/help", None).await.unwrap();
    assert_eq!(housekeeping::tidy(&kinlink.app).await.unwrap().sessions, 0);
    assert!(browser.is_in().await);
    kinlink.clock.advance(minutes(10));
    assert_eq!(housekeeping::tidy(&kinlink.app).await.unwrap().sessions, 2);
    kinlink.clock.advance(minutes(20));
    assert_eq!(housekeeping::tidy(&kinlink.app).await.unwrap().sessions, 1);
    assert_eq!(kinlink.count("staff_sessions").await, 0);
    assert_eq!(kinlink.count("staff").await, 1, "who somebody is stays, for the audit's sake");
}

/// What a provider says of somebody who proved who they are at this moment.
fn identity(kinlink: &TestApp, subject: &str, authenticated_at: Option<Timestamp>) -> Identity {
    Identity {
        issuer: format!("https://{}.example", kinlink.store.name.len()),
        subject: subject.to_owned(),
        name: Some("Jo Bell".to_owned()),
        email: None,
        role: Some(StaffRole::Approver),
        authenticated_at,
        id_token: "a.b.c".to_owned(),
    }
}

#[tokio::test]
async fn somebody_who_is_to_sign_in_again_must_do_it_themselves_and_now() {
    let kinlink = app().await;
    let app = &kinlink.app;
    let first = provider::begin(app, None, "/admin/help", None).await.unwrap();
    let under_way = provider::take(app, &first.state, &first.browser).await.unwrap();
    let unknown = identity(&kinlink, "jo", None);
    let entered = provider::enter(app, &under_way, &unknown, None).await.unwrap();
    assert!(!entered.session.is_fresh(app.now()), "who knows how long ago they signed in at the school?");

    kinlink.clock.advance(minutes(1));
    let long_ago = app.now() - SignedDuration::from_secs(61);
    for (subject, at, code) in
        [("jo", None, "not_again"), ("jo", Some(long_ago), "not_again"), ("sam", Some(app.now()), "another_person")]
    {
        let begun = provider::begin(app, None, "/admin/help", Some(&entered.session)).await.unwrap();
        let under_way = provider::take(app, &begun.state, &begun.browser).await.unwrap();
        let refused = provider::enter(app, &under_way, &identity(&kinlink, subject, at), Some(&entered.secret)).await;
        assert!(matches!(refused, Err(ServiceError::Refused { code: found, .. }) if found == code), "{refused:?}");
        assert!(sessions::current(app, &entered.secret).await.is_ok(), "what they had, they keep");
    }
    let begun = provider::begin(app, None, "/admin/help", Some(&entered.session)).await.unwrap();
    let under_way = provider::take(app, &begun.state, &begun.browser).await.unwrap();
    // A clock that runs ahead makes nobody fresh for longer.
    let ahead = identity(&kinlink, "jo", Some(app.now() + minutes(30)));
    let again = provider::enter(app, &under_way, &ahead, Some(&entered.secret)).await.unwrap();
    assert!(again.session.is_fresh(app.now() + minutes(15) - SignedDuration::from_millis(1)));
    assert!(!again.session.is_fresh(app.now() + minutes(15)));
    assert!(sessions::current(app, &entered.secret).await.is_err(), "the former one has ended");
}

#[tokio::test]
async fn who_tries_wrong_links_too_often_cannot_use_a_right_one_for_a_while() {
    let kinlink = app().await;
    settings::set(&kinlink.app, &administrator(), "guesses_per_address_per_hour", "3").await.unwrap();
    let (mut here, mut there) = (Browser::at(&kinlink, "203.0.113.9"), Browser::at(&kinlink, "203.0.113.10"));
    // The clock stands at a full hour, where windows begin.
    kinlink.clock.advance(minutes(25));
    for number in 0..3 {
        let _ = here.post(&format!("/admin/sign-in/link/wrong{number}"), &[]).await.expect(410);
    }
    let right = link(&kinlink, StaffRole::Viewer).await;
    let refused = here.post(&right, &[]).await.expect(429);
    assert_eq!(refused.header("retry-after"), (35 * 60).to_string());
    for words in ["Too many attempts", "Nothing was lost or changed. Try again in 35 minutes."] {
        assert!(refused.text.contains(words), "{words}: {}", refused.text);
    }
    assert!(!here.is_in().await);
    // The link itself was not used up.
    let _ = there.post(&right, &[]).await.expect(303);
    assert!(there.is_in().await);
    kinlink.clock.advance(minutes(35));
    let later = link(&kinlink, StaffRole::Viewer).await;
    let _ = here.post(&later, &[]).await.expect(303);
    assert!(here.is_in().await);
}

#[tokio::test]
async fn one_address_begins_so_many_sign_ins_an_hour_and_who_is_in_may_always_sign_in_again() {
    let kinlink = app().await;
    let app = &kinlink.app;
    settings::set(app, &administrator(), "sign_ins_per_address_per_hour", "2").await.unwrap();
    let (here, there) = (Some("203.0.113.9".parse().unwrap()), Some("203.0.113.10".parse().unwrap()));
    let first = provider::begin(app, here, "/admin/help", None).await.unwrap();
    provider::begin(app, here, "/admin/help", None).await.unwrap();
    let refused = provider::begin(app, here, "/admin/help", None).await;
    assert!(matches!(refused, Err(ServiceError::TooOften { retry_after: 1..=3_600 })), "{refused:?}");
    provider::begin(app, there, "/admin/help", None).await.unwrap();
    let under_way = provider::take(app, &first.state, &first.browser).await.unwrap();
    let entered = provider::enter(app, &under_way, &identity(&kinlink, "jo", None), None).await.unwrap();
    provider::begin(app, here, "/admin/help", Some(&entered.session)).await.unwrap();
    kinlink.clock.advance(minutes(60));
    provider::begin(app, here, "/admin/help", None).await.unwrap();
}
