//! What holds for every page: who may see it, that looking changes nothing, and that nothing in its address breaks it.

use jiff::SignedDuration;
use kinlink_domain::{
    ids::PlanId,
    staff::{Actor, StaffRole},
};
use kinlink_service::{access, plans, settings};
use kinlink_testapp::family;
use kinlink_testkit::{changed_tables, snapshot};
use serde_json::Value;

use crate::{
    staff::{Office, changed_but_looks, office, text},
    world::world,
};

#[tokio::test]
async fn every_page_is_there_for_its_roles_and_says_so_to_the_others() {
    let world = world().await;
    for role in StaffRole::ALL.iter().copied() {
        let person = world.office.person("Jo", role).await;
        let is_administrator = role == StaffRole::Administrator;
        for (path, heading, for_administrators) in world.pages() {
            let answer = person.get(&path).await;
            let words = text(&answer.text);
            if for_administrators && !is_administrator {
                assert_eq!(answer.status.as_u16(), 403, "{role} {path}");
                assert!(words.contains("You may not do this"), "{role} {path}: {words}");
                assert!(words.contains("Ask an administrator"), "{role} {path}: {words}");
                continue;
            }
            assert_eq!(answer.status.as_u16(), 200, "{role} {path}: {words}");
            assert!(answer.text.contains(&format!("<title>{heading} – ")), "{role} {path}");
            assert!(answer.text.contains(&format!("<h1>{heading}")) || words.contains(heading), "{role} {path}");
            assert_eq!(answer.text.matches("<h1").count(), 1, "{role} {path}");
            assert_eq!(answer.header("cache-control"), "no-store", "{role} {path}");
            assert_eq!(answer.text.contains("href=\"/admin/settings\""), is_administrator, "{role} {path}: the menu");
        }
        for (path, heading) in world.safeguarding_pages() {
            let answer = person.get(&path).await;
            if role < StaffRole::Safeguarding {
                assert_eq!(answer.status.as_u16(), 403, "{role} {path}");
                assert!(!answer.text.contains("href=\"/admin/holds\""), "{role} {path}: the menu");
                continue;
            }
            assert_eq!(answer.status.as_u16(), 200, "{role} {path}: {}", answer.text);
            assert!(answer.text.contains(&format!("<title>{heading} – ")), "{role} {path}");
            assert_eq!(answer.text.matches("<h1").count(), 1, "{role} {path}");
            assert!(answer.text.contains("href=\"/admin/holds\""), "{role} {path}: the menu");
        }
        for (path, for_administrators) in world.parts() {
            let status = person.get(&path).await.status.as_u16();
            let expected = if for_administrators && !is_administrator { 403 } else { status.min(303) };
            assert_eq!(status, expected, "{role} {path}");
        }
    }
}

#[tokio::test]
async fn who_may_not_act_sees_no_button_for_it() {
    let world = world().await;
    world.office.meddle("UPDATE jobs SET state = 'dead', attempts = 8, outcome = 'write_failed'").await;
    let buttons = [
        ("/admin/users".to_owned(), "Revoke access"),
        (format!("/admin/users/{}", world.adult), "Revoke access"),
        ("/admin/matching".to_owned(), "Use this pupil"),
        ("/admin/cycles".to_owned(), "Run now"),
        ("/admin/plans".to_owned(), "Compare with Moodle and keep the plan"),
        (format!("/admin/plans/{}", world.plan), "Apply this plan"),
        ("/admin/reconciliation".to_owned(), "Compare everything now"),
        ("/admin/health".to_owned(), "Try the ticked again"),
    ];
    for (role, may) in [(StaffRole::Viewer, false), (StaffRole::Approver, true)] {
        let person = world.office.person("Jo", role).await;
        for (path, button) in &buttons {
            let page = person.page(path).await;
            assert_eq!(text(&page).contains(button), may, "{role} {path}");
        }
    }
}

#[tokio::test]
async fn looking_changes_nothing() {
    let world = world().await;
    let person = world.office.administrator().await;
    // So that the session is noted as used.
    world.office.kinlink.clock.advance(SignedDuration::from_mins(2));
    let (store, moodle) = (world.office.everything().await, snapshot(&world.office.kinlink.moodle.db).await);
    let held = world.safeguarding_pages().into_iter().map(|(path, _)| path);
    let pages = world.pages().into_iter().map(|(path, ..)| path).chain(held);
    for path in pages.chain(world.parts().into_iter().map(|(path, _)| path)) {
        assert!(person.get(&path).await.status.as_u16() < 400, "{path}");
    }
    let now = world.office.everything().await;
    // That somebody looked is noted, and nothing else.
    let mut changed = changed_but_looks(&store, &now);
    let sessions = changed.remove("staff_sessions").expect("the session was used");
    assert!(changed.is_empty(), "{changed:?}");
    let without_time = |rows: &[String]| -> Vec<Value> {
        let read = rows.iter().map(|row| serde_json::from_str::<Value>(row).unwrap());
        read.map(|mut row| {
            row["last_seen_at"] = Value::Null;
            row
        })
        .collect()
    };
    assert_eq!(without_time(&sessions.removed), without_time(&sessions.added));
    assert!(changed_tables(&moodle, &snapshot(&world.office.kinlink.moodle.db).await).is_empty());
}

#[tokio::test]
async fn without_a_session_looking_leads_to_signing_in_and_back() {
    let world = world().await;
    for (path, ..) in world.pages() {
        let answer = world.office.anyone.get(&path).await.expect(303);
        let back: String = url::form_urlencoded::byte_serialize(path.as_bytes()).collect();
        assert_eq!(answer.header("location"), format!("/admin/sign-in?return_to={back}"));
    }
    // A part of a page has the page loaded anew, so that the sign-in page does not appear inside it.
    let part = world.office.anyone.get(&format!("/admin/cycles/{}/progress", world.cycle)).await.expect(204);
    assert_eq!((part.header("hx-refresh"), part.text.as_str()), ("true", ""));
}

#[tokio::test]
async fn what_is_not_there_is_a_page_that_says_so() {
    let world = world().await;
    let person = world.office.administrator().await;
    let unknown = "01890000-0000-7000-8000-000000000000";
    for path in [
        "/admin/nothing".to_owned(),
        "/admin/users/nobody".to_owned(),
        "/admin/users/%00".to_owned(),
        "/admin/users/%FF".to_owned(),
        format!("/admin/users/{unknown}"),
        "/admin/cycles/x".to_owned(),
        "/admin/cycles/x/progress".to_owned(),
        format!("/admin/cycles/{unknown}"),
        format!("/admin/cycles/{unknown}/progress"),
        format!("/admin/users/{}/more", world.adult),
        "/admin/plans/x".to_owned(),
        format!("/admin/plans/{unknown}"),
        format!("/admin/plans/{unknown}/application"),
        format!("/admin/plans/{unknown}/comparison"),
        format!("/admin/plans/{}/comparison?with={unknown}", world.plan),
    ] {
        let answer = person.get(&path).await.expect(404);
        assert_eq!(answer.header("content-type"), "text/html; charset=utf-8", "{path}");
        assert!(text(&answer.text).contains("Page not found"), "{path}");
    }
    for path in ["tokens/x", "sources/x", &format!("tokens/{unknown}"), &format!("sources/{unknown}")] {
        let answer = person.post(&format!("/admin/{path}/revoke"), &[]).await.expect(404);
        assert!(text(&answer.text).contains("Page not found"), "{path}");
    }
    let wrong = person.post("/admin/help", &[]).await.expect(405);
    assert!(text(&wrong.text).contains("cannot be used like this"), "{}", wrong.text);
}

#[tokio::test]
async fn wrong_parameters_are_left_aside() {
    let world = world().await;
    let person = world.office.administrator().await;
    let mut wrong = String::from("view=x&q=a%00b&q=c&page=-1&page=x&after=%ff&before=x&show=1&updates=2&nothing=3&");
    wrong.push_str(
        "actor=%00&action=%e2%80%ae&subject=%27&from=yesterday&to=2026-99-99&seen=%00&pause=x&loaded=&told=x",
    );
    for (path, heading, _) in world.pages() {
        let path = format!("{}?{wrong}", path.split('?').next().unwrap());
        assert!(text(&person.page(&path).await).contains(heading), "{path}");
        let path =
            format!("{}?page=4294967296&page=&before=&after=&q={}", path.split('?').next().unwrap(), "x".repeat(5_000));
        assert!(text(&person.page(&path).await).contains(heading), "{path}");
    }
    for (path, _) in world.parts() {
        let status = person.get(&format!("{path}?{wrong}")).await.status.as_u16();
        // A file does not say what was left aside.
        assert!(if path.contains("/audit/export") { status == 422 } else { status < 400 }, "{path}: {status}");
    }
}

const SCRIPT: &str = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>{{7*7}}";
/// Turns the direction of what follows.
const TURN: char = '\u{202e}';

/// Fails if something that was typed is markup, or if a turned name may turn what follows it.
#[track_caller]
fn assert_harmless(path: &str, page: &str) {
    for markup in ["<script>", "<img", "<u>", "onerror=alert(2)>{{"] {
        assert_eq!(page.find(markup).map(|at| &page[at.saturating_sub(80)..at + 20]), None, "{path}: {markup}");
    }
    for inline in [" style=", " onclick=", "javascript:", "hx-on"] {
        assert!(!page.contains(inline), "{path}: {inline}");
    }
    for (at, _) in page.match_indices(TURN) {
        let before = &page[..at];
        let tag = &before[before.rfind('<').unwrap()..];
        let isolated = tag.starts_with("<bdi>") || tag.starts_with("<title>") || !tag.contains('>');
        assert!(isolated, "{path}: {}", &before[before.len().saturating_sub(120)..]);
    }
}

/// Lets Moodle differ from what should be: a plan that somebody asked for, findings, and a row that is left alone.
async fn differ(office: &Office, somebody: &Actor, pupil: i64) -> PlanId {
    let app = &office.kinlink.app;
    // The parent has an account with another address; Amelia's is one at which a role is that is nobody's.
    let account = "UPDATE mdl_user SET username = 'a''b@example.org', auth = 'db', suspended = 0 WHERE id = 4";
    office.meddle_in_moodle(account).await;
    office.stray(900..901).await;
    let strange = format!("UPDATE mdl_role_assignments SET userid = {pupil} WHERE itemid = 900");
    office.meddle_in_moodle(&strange).await;
    let plan = plans::make(app, somebody).await.unwrap().id;
    office.kinlink.clock.advance(SignedDuration::from_secs(1));
    // Whoever looks came by a link of the command line: only another user of that is certainly another person.
    let colleague = Actor { name: "cli:colleague".into(), role: somebody.role };
    let asked = plans::ask(app, &colleague, plan, None).await.unwrap();
    assert_eq!(asked, plans::Application::WaitsForSecondPerson);
    office.run(kinlink_service::cycle::Mode::Full).await;
    let contest = "INSERT INTO contests (id, component, user_id, context_id, role_id, item_id, adult_id, link_id, began_at) \
         SELECT '0192f0c1-8a5e-7c3e-9d1a-3f1b2c4d5e6f', 'local_kinlink', 4, 1, 9, id, adult_id, id, 0 FROM links";
    office.meddle(contest).await;
    plan
}

#[tokio::test]
async fn nothing_that_was_typed_becomes_markup() {
    let office = office().await;
    let app = &office.kinlink.app;
    let hostile = format!("{SCRIPT}{TURN}");
    // Names in Moodle are whatever somebody typed there.
    let quoted = hostile.replace('\'', "''");
    office.meddle_in_moodle(&format!("UPDATE mdl_user SET firstname = '{quoted}' WHERE firstname = 'Amelia'")).await;
    let pupil: Option<(i64,)> = office
        .kinlink
        .moodle
        .db
        .fetch_optional("SELECT id FROM mdl_user WHERE firstname LIKE '%script%'", [])
        .await
        .unwrap();
    assert!(pupil.is_some());
    let mut raw = family((SCRIPT, SCRIPT, "a'b@example.org"), &[("Isla", "Turner", "8TH")]);
    raw.title = "<u>Dr".into();
    let request = office.approve(&office.kinlink.submit(&raw).await).await;
    office.meddle(&format!("UPDATE login_rows SET firstname = '{quoted}'")).await;
    office.meddle(&format!("UPDATE adults SET given_name = '{quoted}'")).await;
    office.run(kinlink_service::cycle::Mode::Jobs).await;
    let somebody = Actor { name: format!("cli:{hostile}"), role: Some(StaffRole::Administrator) };
    let plan = differ(&office, &somebody, pupil.unwrap().0).await;
    office.meddle("UPDATE jobs SET state = 'dead', attempts = 8, outcome = 'write_failed'").await;
    let unclear =
        family((SCRIPT, "Jones", "c@example.org"), &[(SCRIPT, SCRIPT, "7'<u>KL"), ("Ameli", "Turner", "7KL")]);
    office.kinlink.submit(&unclear).await;
    settings::set(app, &somebody, "description", SCRIPT).await.unwrap();
    access::mint_token(app, &somebody, SCRIPT, StaffRole::Viewer, None).await.unwrap();
    access::mint_source(app, &somebody, SCRIPT, true).await.unwrap();
    kinlink_service::view::request_cycle(app, &somebody, "cycle").await.unwrap();
    let report = format!("{{\"warnings\":[{}],\"plan_digest\":{}}}", Value::from(SCRIPT), Value::from(SCRIPT));
    let report = report.replace('\'', "''");
    office.meddle(&format!("UPDATE cycles SET fault = '{}', report = '{report}'", SCRIPT.replace('\'', "''"))).await;

    let person = office.person(&hostile, StaffRole::Administrator).await;
    let query: String = url::form_urlencoded::byte_serialize(hostile.as_bytes()).collect();
    let adult = office.text("SELECT id FROM adults").await;
    let username = office.text("SELECT username FROM login_rows").await;
    let cycles: Vec<(String,)> = office.kinlink.store.db.fetch_all("SELECT id FROM cycles", []).await.unwrap();
    let mut paths: Vec<String> = [
        "/admin/users",
        "/admin/matching",
        "/admin/cycles",
        "/admin/plans",
        "/admin/reconciliation",
        "/admin/reconciliation?view=left_alone",
        "/admin/health",
        "/admin/settings",
        "/admin/tokens",
        "/admin/audit",
        "/admin/audit/verification",
        "/admin/help",
    ]
    .map(str::to_owned)
    .to_vec();
    paths.extend([
        format!("/admin/users/{adult}"),
        format!("/admin/users/{adult}/email"),
        format!("/admin/users?q={query}&view={query}"),
        format!("/admin/explain?parent={query}&child={query}"),
        format!("/admin/explain?adult={adult}"),
        format!("/admin/explain?adult={adult}&pupil={}", office.number("SELECT pupil_id FROM links").await),
        format!("/admin/audit?actor={query}&action={query}&subject={query}&from={query}&to={query}"),
        format!("/admin/audit?actor=cli:{query}"),
        format!("/admin/plans/{plan}"),
        format!("/admin/plans/{plan}?reason={query}"),
        format!("/admin/plans/{plan}/application"),
        format!("/admin/plans/{plan}/comparison?with={}", office.text("SELECT MAX(id) FROM plans").await),
        "/admin/reconciliation?view=extra".to_owned(),
        format!("/admin/reconciliation?view={query}"),
    ]);
    for (cycle,) in &cycles {
        paths.push(format!("/admin/cycles/{cycle}?show=all"));
        paths.push(format!("/admin/cycles/{cycle}/progress?seen={query}&told={query}"));
    }
    for path in &paths {
        assert_harmless(path, &person.page(path).await);
    }
    for path in [
        "/admin/users",
        &format!("/admin/plans/{plan}"),
        "/admin/reconciliation",
        "/admin/reconciliation?view=left_alone",
    ] {
        assert!(person.page(path).await.contains(TURN), "{path}: the name is shown");
    }
    assert!(text(&person.page("/admin/audit").await).contains("alert(1)"), "what was set is shown");
    let claim = format!("{}:1:{}", request.id, request.id);
    for (path, fields) in [
        ("/admin/users/revoke", vec![("id", username.as_str()), ("reason", &hostile), ("number", &hostile)]),
        ("/admin/matching", vec![("claim", claim.as_str()), ("pupil", &hostile)]),
        ("/admin/settings", vec![("setting.time_zone", &hostile), ("setting.link_role", "")]),
        ("/admin/tokens", vec![("name", ""), ("role", &hostile), ("days", &hostile)]),
        ("/admin/sources", vec![("name", hostile.as_str())]),
    ] {
        let answer = person.post(path, &fields).await;
        assert!(matches!(answer.status.as_u16(), 200 | 201 | 422), "{path}: {}", answer.status);
        assert_harmless(path, &answer.text);
    }
}

#[tokio::test]
async fn without_moodle_the_pages_answer_and_say_so() {
    let world = world().await;
    let person = world.office.administrator().await;
    world.office.kinlink.moodle.db.close().await;
    for (path, words) in [
        ("/admin/users".to_owned(), "Moodle cannot be reached just now."),
        (format!("/admin/users/{}", world.adult), "Moodle cannot be reached just now"),
        ("/admin/matching".to_owned(), "Moodle cannot be reached just now"),
        (format!("/admin/cycles/{}?show=all", world.cycle), "Moodle user "),
        (format!("/admin/plans/{}", world.plan), "Moodle user 5"),
        ("/admin/health".to_owned(), "Something is wrong"),
    ] {
        let page = text(&person.page(&path).await);
        assert!(page.contains(words), "{path}: {page}");
    }
    let health = text(&person.page("/admin/health").await);
    assert!(health.contains("Moodle’s database moodle.connection Wrong"), "{health}");
    let plan = person.post("/admin/plans", &[]).await.expect(503);
    assert!(text(&plan.text).contains("Wait a minute and try again"), "{}", plan.text);
    let counts = text(&person.page("/admin/users").await);
    assert!(counts.contains("All 1") && counts.contains("Suspended ?"), "{counts}");
}

#[tokio::test]
async fn what_an_act_did_is_said_once_and_nobody_can_say_it_for_us() {
    let office = office().await;
    let person = office.administrator().await;
    let done = person.post("/admin/settings", &[]).await;
    assert!(person.follow(&done).await.contains("id=\"flash\""));
    let cookie = done.header("set-cookie").split(';').next().unwrap().to_owned();
    let shown = person.client.with("cookie", cookie.as_str()).get("/admin/help").await;
    assert!(shown.text.contains("Nothing was changed.") && shown.header("set-cookie").contains("Max-Age=0"));
    for forged in [
        cookie.replace('.', ".x"),
        cookie.replacen("kinlink-notice=", "kinlink-notice=e", 1),
        "__Host-kinlink-notice=".into(),
    ] {
        let page = person.client.with("cookie", forged.as_str()).get("/admin/help").await.expect(200);
        assert!(!page.text.contains("id=\"flash\""), "{forged}");
    }
}
