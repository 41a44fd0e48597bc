//! The table of `kinlink_admin::access` against the real router: every route as every role and as nobody, and everything
//! sensitive as every role.
//!
//! A route that was added and is not in the table fails `the_table_names_exactly_the_routes_that_there_are`, which says what to
//! add. A route that needs a body to get as far as its check has one in [`body`] or [`FORM`]; a parameter of a path has its
//! value in [`Stage::fill`]; something sensitive has its text in [`Stage::of_field`].

use std::collections::{BTreeMap, BTreeSet};

use kinlink_admin::access::{FIELDS, Field, Least, ROUTES, Route};
use kinlink_domain::{
    hold::HoldReason,
    staff::{Actor, StaffRole},
};
use kinlink_service::{
    access,
    accounts::revoke_many,
    approve::{Approval, Checks, approve},
    cycle::Mode,
    decide::{self, Correction, Reason},
    holds::{self, NewHold},
    plans, questions, settings, status,
    view::show_request,
};
use kinlink_testapp::{Answer, Client, administrator, family};
use kinlink_web::document;
use serde_json::{Value, json};

use crate::{
    staff::{Office, Person, office},
    world::{World, world},
};

const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];
/// An id that nothing has.
const NOBODY: &str = "0192f0c1-8a5e-7c3e-9d1a-3f1b2c4d5e6f";
const SIGN_IN: &str = "/admin/sign-in?return_to=";

/// A body that is right, for endpoints that read it before they look at who sends it.
fn body(route: &Route, claim: &str) -> Value {
    match route.path.trim_start_matches("/api/v1/admin") {
        "/requests/{request}/approve" => {
            let checks = json!({"details_match": true, "no_similar_pupil": true, "no_critical_note": true});
            json!({"checks": checks, "claims": [{"claim": claim, "pick": "deny"}]})
        }
        "/requests/{request}/note" => json!({"note": ""}),
        "/login-rows/revoke" => json!({"usernames": ["nobody@example.org"]}),
        "/cycles" => json!({"action": "cycle"}),
        "/adoption-plans" => json!({"direction": "adopt"}),
        "/adults/{adult}/email-change" => json!({"email": "new@example.org"}),
        "/settings/{name}" => json!({"value": "no"}),
        "/tokens" => json!({"name": "x", "role": "viewer"}),
        "/sources" => json!({"name": "x"}),
        "/holds" => json!({"email": "held@example.org", "reason": "other", "reference": "x"}),
        _ => json!({}),
    }
}

/// The fields of a form, for pages that read them before they look at who sends them: what a page needs beside the version
/// of what it is about.
const FORM: [(&str, &str); 2] = [("version", "1"), ("do", "send")];

fn is_api(route: &Route) -> bool {
    route.path.starts_with("/api/")
}

/// What the routes are tried on.
struct Stage {
    world: World,
    claim: String,
}

impl Stage {
    async fn new() -> Self {
        let world = world().await;
        let app = &world.office.kinlink.app;
        let jones = show_request(app, &administrator(), &world.jones.id.to_string()).await.unwrap();
        let claim = jones.summary.children[0].claim.to_string();
        Self { world, claim }
    }

    /// A path with values for its parameters.
    fn fill(&self, path: &str) -> String {
        let part = |part: &str| match part {
            "{request}" => self.world.jones.id.to_string(),
            "{claim}" => self.claim.clone(),
            "{adult}" => self.world.adult.clone(),
            "{cycle}" => self.world.cycle.clone(),
            "{plan}" => self.world.plan.clone(),
            "{link}" => "1".to_owned(),
            "{outcome}" => "deny".to_owned(),
            // A setting, or an embedded file.
            "{name}" => "email_proof".to_owned(),
            "{token}" | "{source}" => NOBODY.to_owned(),
            other if other.starts_with('{') => NOBODY.to_owned(),
            other => other.to_owned(),
        };
        let filled = path.split('/').map(part).collect::<Vec<_>>().join("/");
        // What an endpoint must be asked.
        let query = match path.rsplit('/').next().unwrap_or_default() {
            "explain" => "?adult=nobody@example.org&pupil=1".to_owned(),
            "comparison" => format!("?with={NOBODY}"),
            _ => String::new(),
        };
        format!("{filled}{query}")
    }

    /// Uses a route of the API.
    async fn call(&self, route: &Route, client: &Client) -> Answer {
        let (client, path) = (client.with("if-match", "*"), self.fill(route.path));
        match route.method {
            "GET" | "DELETE" => client.send(route.method, &path, "").await,
            method => client.json(method, &path, &body(route, &self.claim)).await,
        }
    }

    /// Uses a page.
    async fn visit(&self, route: &Route, person: &Person) -> Answer {
        let path = self.fill(route.path);
        match route.method {
            "GET" => person.get(&path).await,
            _ => person.post(&path, &FORM).await,
        }
    }

    async fn person(&self, role: StaffRole) -> Person {
        self.world.office.person("Jo", role).await
    }

    fn token(&self, role: StaffRole) -> Client {
        let office = &self.world.office;
        office.anyone.bearer(token(office, role))
    }
}

/// The API token of somebody of this role.
fn token(office: &Office, role: StaffRole) -> &str {
    let kinlink = &office.kinlink;
    match role {
        StaffRole::Viewer => &kinlink.viewer_token,
        StaffRole::Approver => &kinlink.approver_token,
        StaffRole::Safeguarding => &kinlink.safeguarding_token,
        StaffRole::Administrator => &kinlink.admin_token,
    }
}

/// The paths that a router says it has.
fn paths(router: &str) -> BTreeSet<String> {
    let named = router.split("RouteId(").filter_map(|part| part.split_once("): \"")?.1.split_once('"'));
    named.map(|(path, _)| path.to_owned()).filter(|path| !path.contains("__private__")).collect()
}

#[tokio::test]
async fn the_table_names_exactly_the_routes_that_there_are() {
    let stage = Stage::new().await;
    let found = paths(&stage.world.office.routes);
    assert!(found.len() > 30, "the router does not name its routes any more: {found:?}");
    let mut there = BTreeSet::new();
    for path in &found {
        for method in METHODS {
            let answer = stage.world.office.anyone.send(method, &stage.fill(path), "").await;
            // What stands below a fallback answers in every method, and is no route.
            if ![404, 405].contains(&answer.status.as_u16()) || is_open(method, path) {
                there.insert((method.to_owned(), path.clone()));
            }
        }
    }
    let table: BTreeSet<_> = ROUTES.iter().map(|route| (route.method.to_owned(), route.path.to_owned())).collect();
    assert_eq!(table.len(), ROUTES.len(), "a route stands twice in ROUTES");
    let missing: Vec<_> = there.difference(&table).collect();
    assert!(
        missing.is_empty(),
        "these routes are not in the table; add a line for each to ROUTES in functions/admin/src/access.rs, with the least \
         role that may use it: {missing:?}"
    );
    let gone: Vec<_> = table.difference(&there).collect();
    assert!(gone.is_empty(), "ROUTES in functions/admin/src/access.rs names what the router does not have: {gone:?}");
    let described = document::endpoints(&kinlink_admin::openapi()).into_iter();
    let described: BTreeSet<_> = described.map(|(method, path)| (method.to_owned(), path)).collect();
    let api = table.into_iter().filter(|(_, path)| path.starts_with("/api/v1/admin"));
    assert_eq!(api.collect::<BTreeSet<_>>(), described, "every endpoint is described, and nothing else");
}

/// Routes that anybody may use answer 404 to what is not there, as a path that is none does.
fn is_open(method: &str, path: &str) -> bool {
    ROUTES.iter().any(|route| route.least == Least::Anybody && (route.method, route.path) == (method, path))
}

#[tokio::test]
async fn every_endpoint_as_every_role_and_as_nobody() {
    let stage = Stage::new().await;
    let app = &stage.world.office.kinlink.app;
    let anyone = &stage.world.office.anyone;
    let soon = app.now() + jiff::SignedDuration::from_secs(1);
    let mint = async |expires| access::mint_token(app, &administrator(), "x", StaffRole::Administrator, expires).await;
    let (revoked, expired) = (mint(None).await.unwrap(), mint(Some(soon)).await.unwrap());
    access::revoke_token(app, &administrator(), revoked.id.parse().unwrap()).await.unwrap();
    stage.world.office.kinlink.clock.advance(jiff::SignedDuration::from_secs(1));
    let mut wrong = Vec::new();
    for route in ROUTES.iter().filter(|route| is_api(route)) {
        let name = format!("{} {}", route.method, route.path);
        let Least::Role(_) = route.least else {
            assert_eq!(stage.call(route, anyone).await.status.as_u16(), 200, "{name} is for everybody");
            continue;
        };
        for stranger in [anyone.clone(), anyone.bearer(&revoked.secret), anyone.bearer(&expired.secret)] {
            let answer = stage.call(route, &stranger).await;
            assert_eq!(answer.status.as_u16(), 401, "{name} without a valid token: {}", answer.text);
            answer.problem(401, "unauthorized");
        }
        for role in StaffRole::ALL.iter().copied() {
            let answer = stage.call(route, &stage.token(role)).await;
            let status = answer.status.as_u16();
            if !route.least.is_met_by(role) {
                if status != 403 {
                    wrong.push(format!("{role} may not {name}, and gets {status}: {}", answer.text));
                }
            } else if [401, 403, 405].contains(&status) || status >= 500 {
                wrong.push(format!("{role} may {name}, and gets {status}: {}", answer.text));
            } else if [400, 415, 422].contains(&status) {
                wrong.push(format!("give {name} a right body in `body`, or a query in `fill`: {}", answer.text));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn every_page_as_every_role_and_as_nobody() {
    let stage = Stage::new().await;
    let office = &stage.world.office;
    let nobody = Person::nobody(office);
    let mut wrong = Vec::new();
    for route in ROUTES.iter().filter(|route| !is_api(route)) {
        let name = format!("{} {}", route.method, route.path);
        let is_sent_away = |answer: &Answer| match (answer.status.as_u16(), route.method) {
            // A part of a page has the whole page loaded anew.
            (204, "GET") => answer.header("hx-refresh") == "true",
            (303, "GET") => answer.header("location").starts_with(SIGN_IN),
            (401, "POST") => true,
            _ => false,
        };
        let Least::Role(_) = route.least else {
            let answer = stage.visit(route, &nobody).await;
            let status = answer.status.as_u16();
            assert!(!is_sent_away(&answer) && ![401, 403].contains(&status), "{name} is for everybody: {status}");
            continue;
        };
        let late = stage.person(StaffRole::Administrator).await;
        office.meddle("UPDATE staff_sessions SET last_seen_at = 0, started_at = 0").await;
        let left = stage.person(StaffRole::Administrator).await;
        assert_eq!(left.post("/admin/sign-out", &[]).await.status.as_u16(), 303);
        for (stranger, what) in [(&nobody, "nobody"), (&late, "a session that ran out"), (&left, "one that was ended")]
        {
            let answer = stage.visit(route, stranger).await;
            assert!(is_sent_away(&answer), "{what} {name}: {} {}", answer.status, answer.text);
        }
        for role in StaffRole::ALL.iter().copied() {
            let answer = stage.visit(route, &stage.person(role).await).await;
            let status = answer.status.as_u16();
            let is_let_in = !is_sent_away(&answer) && ![401, 403, 405].contains(&status) && status < 500;
            if route.least.is_met_by(role) && !is_let_in {
                wrong.push(format!("{role} may {name}, and gets {status}"));
            }
            if !route.least.is_met_by(role) && status != 403 {
                wrong.push(format!("{role} may not {name}, and gets {status} before anybody looks at the role"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// An office in which every sensitive thing stands somewhere, each as a text that stands for nothing else.
async fn planted() -> (Office, BTreeMap<&'static str, String>) {
    let office = office().await;
    let app = &office.kinlink.app;
    let staff = administrator();
    let mut raw = family(("Canaryadult", "Walker", "canary.mail@example.org"), &[("Canarychild", "Turner", "7KL")]);
    raw.comment = "canarycomment".into();
    raw.title = "Canarysent".into();
    let request = office.kinlink.submit(&raw).await;
    office
        .meddle(
            "UPDATE requests SET faults = '[{\"pointer\":\"\",\"code\":\"suspicious\",\"detail\":\"canarysuspicion\"}]'",
        )
        .await;
    let corrected = Correction { title: Some("Mrs".into()), ..Correction::default() };
    decide::correct(app, &staff, request.id, None, &corrected).await.unwrap();
    decide::note(app, &staff, request.id, None, "canarynote").await.unwrap();
    let asked = Reason {
        reason: Some("canaryreason".into()),
        note: Some("canarydecision".into()),
        message: Some("canaryquestion".into()),
    };
    let stored = decide::ask(app, &staff, request.id, None, &asked).await.unwrap();
    questions::answer(app, &status::status_token(app, &stored), "canaryanswer").await.unwrap();
    decide::ask(app, &staff, request.id, None, &asked).await.unwrap();
    // Somebody who had access, and lost it for a reason.
    let amelia = [("Amelia", "Turner", "7KL")];
    let other = office.kinlink.submit(&family(("Ann", "Other", "other@example.org"), &amelia)).await;
    let approval = Approval { checks: Checks::ALL, ..Approval::default() };
    approve(app, &staff, other.id, None, &approval).await.unwrap();
    revoke_many(app, &staff, &["other@example.org".to_owned()], None, Some("canaryrevoked")).await.unwrap();
    let third = office.kinlink.submit(&family(("Bea", "Third", "canary.login@example.org"), &amelia)).await;
    approve(app, &staff, third.id, None, &approval).await.unwrap();
    let colleague = Actor { name: "cli:canaryactor".into(), role: Some(StaffRole::Administrator) };
    settings::set(app, &colleague, "description", "canarysetting").await.unwrap();
    let hold = NewHold {
        adult: None,
        email: Some("canary.mail@example.org".into()),
        pupil: None,
        reason: HoldReason::CourtOrder,
        reference: "canaryhold".into(),
        from: None,
        until: None,
    };
    holds::place(app, &staff, &hold).await.unwrap();
    office.run(Mode::Full).await;
    plans::make(app, &staff).await.unwrap();
    access::mint_token(app, &staff, "canarytoken", StaffRole::Viewer, None).await.unwrap();
    access::mint_source(app, &staff, "canarysource", true).await.unwrap();
    let texts = [
        ("adult", "Canaryadult"),
        ("email", "canary.mail@example.org"),
        ("child", "Canarychild"),
        // Whom the third request is linked to.
        ("pupil", "Amelia"),
        ("login_row", "canary.login@example.org"),
        ("comment", "canarycomment"),
        ("submitted", "Canarysent"),
        ("suspicion", "anarysuspicion"),
        ("staff_note", "canarynote"),
        ("decision_note", "canarydecision"),
        ("decision_reason", "canaryreason"),
        ("question", "canaryquestion"),
        ("answer", "canaryanswer"),
        ("revocation_reason", "canaryrevoked"),
        ("hold", "canaryhold"),
        ("setting", "canarysetting"),
        ("token", "canarytoken"),
        ("source", "canarysource"),
        ("audit", "canaryactor"),
    ];
    (office, texts.map(|(name, text)| (name, text.to_owned())).into())
}

/// Everything that somebody of this role is shown anywhere, about everything that there is.
async fn everything_shown(office: &Office, role: StaffRole) -> String {
    let person = office.person("Jo", role).await;
    let script = office.anyone.bearer(token(office, role));
    let all = Everything::of(office).await;
    let mut text = String::new();
    for route in ROUTES.iter().filter(|route| route.method == "GET" && route.path.contains("/admin")) {
        for path in all.addresses(route.path) {
            assert!(!path.contains('{'), "give {path} a value in `Everything` (functions/admin/tests/pages/roles.rs)");
            let answer = if is_api(route) { script.get(&path).await } else { person.get(&path).await };
            text.push_str(&answer.text);
        }
    }
    text
}

/// The values of every parameter of a path.
struct Everything(BTreeMap<&'static str, Vec<String>>);

impl Everything {
    async fn of(office: &Office) -> Self {
        let ids = async |sql: &str| -> Vec<String> {
            let rows: Vec<(String,)> = office.kinlink.store.db.fetch_all(sql, []).await.unwrap();
            assert!(!rows.is_empty(), "nothing is planted for {sql}");
            rows.into_iter().map(|(id,)| id).collect()
        };
        Self(BTreeMap::from([
            ("{request}", ids("SELECT id FROM requests").await),
            ("{claim}", ids("SELECT id FROM claims").await),
            ("{adult}", ids("SELECT id FROM adults").await),
            ("{pupil}", ids("SELECT DISTINCT CAST(pupil_id AS TEXT) FROM links").await),
            ("{hold}", ids("SELECT id FROM holds").await),
            ("{plan}", ids("SELECT id FROM plans").await),
            ("{cycle}", ids("SELECT id FROM cycles").await),
            ("{outcome}", vec!["deny".to_owned(), "ask".to_owned()]),
            // A link that signs in; the page is the same for each.
            ("{token}", vec![NOBODY.to_owned()]),
        ]))
    }

    /// The addresses of a route, with whatever stands for its parameters.
    fn addresses(&self, template: &str) -> Vec<String> {
        let mut addresses = match template.rsplit('/').next().unwrap_or_default() {
            "explain" => vec![format!("{template}?adult={{adult}}&pupil={{pupil}}"), template.to_owned()],
            "comparison" => vec![format!("{template}?with={{plan}}")],
            "requests" => vec![template.to_owned(), format!("{template}?view=all")],
            _ => vec![template.to_owned()],
        };
        for (parameter, values) in &self.0 {
            let filled = |address: &String| -> Vec<String> {
                if address.contains(parameter) {
                    values.iter().map(|value| address.replace(parameter, value)).collect()
                } else {
                    vec![address.clone()]
                }
            };
            addresses = addresses.iter().flat_map(filled).collect();
        }
        addresses
    }
}

#[tokio::test]
async fn everything_sensitive_as_every_role() {
    let (office, texts) = planted().await;
    for role in StaffRole::ALL.iter().copied() {
        let shown = everything_shown(&office, role).await;
        for Field { name, meaning, least } in FIELDS {
            let text = texts.get(name).unwrap_or_else(|| {
                panic!("{name} has no text that stands for it; plant one in `planted` (functions/admin/tests/pages/roles.rs)")
            });
            let at = shown.find(text.as_str());
            let around = at.map(|at| {
                let from = (0..=at.saturating_sub(300)).rev().find(|from| shown.is_char_boundary(*from)).unwrap();
                &shown[from..at + text.len()]
            });
            assert_eq!(around.is_some(), role >= *least, "{role}, {name} ({meaning}): {around:?}");
        }
    }
    let known: BTreeSet<_> = FIELDS.iter().map(|field| field.name).collect();
    assert_eq!(texts.keys().copied().collect::<BTreeSet<_>>(), known, "every planted text is of a field of the table");
}

#[tokio::test]
async fn that_a_form_is_suspicious_is_counted_only_for_who_may_read_why() {
    let (office, texts) = planted().await;
    let reference = office.text("SELECT reference FROM requests WHERE given_name = 'Canaryadult'").await;
    for role in StaffRole::ALL.iter().copied() {
        let (person, script) = (office.person("Jo", role).await, office.anyone.bearer(token(&office, role)));
        let counts = usize::from(role >= StaffRole::Approver);
        let list = script.get(&format!("/api/v1/admin/requests?q={}", texts["email"])).await.expect(200).json();
        let one = script.get(&format!("/api/v1/admin/requests/{reference}")).await.expect(200).json();
        assert_eq!(list["items"][0]["faults"], json!(counts), "{role}: {list}");
        assert_eq!((&one["faults"], one["fault_list"].as_array().unwrap().len()), (&json!(counts), counts), "{role}");
        let page = person.page("/admin/requests?view=all&check=faults").await;
        assert_eq!(page.contains(&reference), counts == 1, "{role}: {page}");
    }
}

/// Fields that a request can be found by.
const SEARCHED: [&str; 11] = [
    "adult",
    "email",
    "child",
    "comment",
    "submitted",
    "staff_note",
    "decision_note",
    "decision_reason",
    "question",
    "answer",
    "suspicion",
];

#[tokio::test]
async fn nobody_finds_a_request_by_what_they_may_not_read() {
    let (office, texts) = planted().await;
    let reference = office.text("SELECT reference FROM requests WHERE given_name = 'Canaryadult'").await;
    for role in StaffRole::ALL.iter().copied() {
        let (person, script) = (office.person("Jo", role).await, office.anyone.bearer(token(&office, role)));
        for name in SEARCHED {
            let least = FIELDS.iter().find(|field| field.name == name).unwrap().least;
            if role >= least {
                continue;
            }
            let text = &texts[name];
            for path in ["/admin/requests?view=all&q=", "/admin/requests/counts?view=all&q=", "/admin/users?q="] {
                let page = person.get(&format!("{path}{text}")).await;
                assert!(!page.text.contains(&reference), "{role} finds {reference} by {name}: {path}{text}");
            }
            let found = script.get(&format!("/api/v1/admin/requests?q={text}")).await.expect(200).json();
            assert_eq!(found["items"], json!([]), "{role} finds a request by {name}");
        }
        // The search itself works.
        let page = person.page(&format!("/admin/requests?view=all&q={}", texts["email"])).await;
        assert!(page.contains(&reference), "{role}: {page}");
    }
}
