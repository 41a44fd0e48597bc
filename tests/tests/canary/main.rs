//! Names, addresses and admission numbers in places where they must never be: logs (at their loudest), metrics, queue
//! messages, problem bodies, the audit, reports and plans, what the doctor says.
//!
//! A binary of its own, since it listens to everything that this process logs. What all other tests log is searched by
//! `tests/logs/run`. Panics: `shared/web/tests/log.rs`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(unreachable_pub, reason = "a test binary exports nothing")]

#[path = "../it/world.rs"]
#[allow(dead_code, reason = "the other tests use the rest")]
mod world;

use std::{
    io::Write,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use kinlink_admin::{AdminState, SignIn};
use kinlink_config::Config;
use kinlink_domain::{request::Action, submission::RawSubmission};
use kinlink_intake::IntakeState;
use kinlink_service::{
    approve::Approval,
    confirm,
    cycle::Mode,
    decide::{self, Reason},
    doctor, housekeeping, mail,
    questions::{self, Answered},
    status::{find_by_status_token, status_token},
};
use kinlink_testapp::{Client, administrator, family};
use kinlink_testkit::{
    canary::{self, assert_none},
    snapshot,
};
use metrics_util::debugging::DebuggingRecorder;
use serde_json::json;

use crate::world::{ENGINES, World, pupil_named, world};

/// Everything that was logged on this thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The log of this process, empty; one test listens at a time.
fn listen() -> (Log, MutexGuard<'static, ()>) {
    static LOG: OnceLock<Log> = OnceLock::new();
    static TURN: Mutex<()> = Mutex::new(());
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let log = LOG.get_or_init(|| {
        let log = Log::default();
        let writer = log.clone();
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(move || writer.clone()).init();
        log
    });
    log.0.lock().unwrap().clear();
    (log.clone(), turn)
}

impl Log {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

/// An adult whose name and address nobody else has, with a pupil of the school and a child that nobody knows.
fn canaries() -> RawSubmission {
    let pupil = pupil_named("Theo", "Marlow");
    let mut raw = family(
        (canary::GIVEN_NAME, canary::FAMILY_NAME, canary::EMAIL),
        &[
            (pupil.given, pupil.family, &pupil.tutor_group),
            (canary::CHILD_GIVEN_NAME, canary::CHILD_FAMILY_NAME, canary::TUTOR_GROUP),
        ],
    );
    raw.children[1].admission_number = Some(canary::ADMISSION_NUMBER.into());
    raw.comment = canary::COMMENT.into();
    raw
}

/// Tables of the store in which no name, address or admission number may be.
const WITHOUT_NAMES: [&str; 14] = [
    "audit",
    "cycle_results",
    "cycles",
    "contests",
    "erasures",
    "findings",
    "jobs",
    "ledger",
    "links",
    "plan_rows",
    "plans",
    "put_backs",
    "queue_messages",
    "quotas",
];

/// Fails if a word about people is in a table that must hold none.
async fn assert_tables_hold_no_names(world: &World, others: &[&str]) {
    let tables = snapshot(&world.test.store.db).await;
    for table in WITHOUT_NAMES {
        assert_none(&tables[table].join("\n"), others, table);
    }
}

#[tokio::test]
#[expect(clippy::await_holding_lock, reason = "one test listens at a time; each has a runtime of its own")]
async fn no_name_address_or_admission_number_reaches_a_log_or_a_queue_message() {
    let (log, _turn) = listen();
    let recorder = DebuggingRecorder::new();
    let counted = recorder.snapshotter();
    let _counting = metrics::set_default_local_recorder(&recorder);
    for engine in ENGINES {
        let world = world(engine).await;
        let app = &world.test.app;
        let pupil = pupil_named("Theo", "Marlow");
        let raw = canaries();
        let request = world.test.submit(&raw).await;
        assert!(world.approve(&request, &Approval::default()).await.is_err());
        let mut lone = raw.clone();
        lone.children.truncate(1);
        // Asked and answered in words that name a child: both are for two pairs of eyes only.
        let message = Some(format!("Is {} in {}?", canary::CHILD_GIVEN_NAME, canary::TUTOR_GROUP));
        let reason = Reason { note: Some(canary::NOTE.into()), message, ..Reason::default() };
        let asked = decide::ask(app, &administrator(), request.id, None, &reason).await.unwrap();
        let token = status_token(app, &asked);
        mail::deliver(app, &world.test.school, &mail::Transport::Store, 50, None).await.unwrap();
        find_by_status_token(app, &token).await.unwrap().unwrap();
        let answered = questions::answer(app, &token, "Canarychild Canarykin is in 7CANARY.").await.unwrap();
        assert!(matches!(answered, Answered::Taken(_)));
        let approved = world.approved(&lone).await;
        world.cycle().await;
        world.moodle_cron().await;
        world.cycle().await;
        // What goes wrong is logged, too: an account that cannot be used, a duplicate user name, Moodle without its role.
        world.meddle("UPDATE mdl_user SET auth = 'manual' WHERE email LIKE 'canary%'").await;
        world.run(Mode::Full).await.unwrap();
        world.meddle("UPDATE mdl_role SET shortname = 'gone' WHERE shortname = 'parent'").await;
        assert!(world.run(Mode::Jobs).await.is_err());
        decide::end(app, &administrator(), request.id, None, Action::Deny, &Reason::default()).await.unwrap();
        decide::end(app, &administrator(), approved.id, None, Action::Deny, &Reason::default()).await.unwrap();
        mail::deliver(app, &world.test.school, &mail::Transport::Store, 50, None).await.unwrap();
        confirm::confirm(app, "no such token").await.unwrap();

        housekeeping::tidy(app).await.unwrap();
        let found = doctor::examine(app, &administrator()).await.unwrap();

        let logged = log.text().to_lowercase();
        assert!(logged.contains("cycle done") && logged.contains("cycle failed"), "{engine}: the log was caught");
        assert!(!logged.contains(&token.to_lowercase()), "{engine}: the link of the status page is in the log");
        let pupils = ["marlow", pupil.admission_number.as_str()];
        assert_none(&logged, &pupils, "the log");
        assert_none(&serde_json::to_string(&found).unwrap(), &pupils, "what the doctor says");
        assert_tables_hold_no_names(&world, &pupils).await;
        let counted = format!("{:?}", counted.snapshot().into_vec());
        assert!(counted.contains("RequestsReceived"), "{engine}: metrics were caught: {counted}");
        assert_none(&counted, &pupils, "the metrics");
        log.0.lock().unwrap().clear();
    }
}

#[tokio::test]
#[expect(clippy::await_holding_lock, reason = "one test listens at a time; each has a runtime of its own")]
async fn what_is_refused_or_fails_repeats_no_name_in_its_answer_or_in_the_log() {
    let (log, _turn) = listen();
    let world = world(ENGINES[0]).await;
    let (app, school) = (world.test.app.clone(), world.test.school.clone());
    let intake = Client::new(kinlink_intake::router(IntakeState { app: app.clone(), school: school.clone() }));
    let admin = Client::new(kinlink_admin::router(AdminState {
        app: app.clone(),
        wake: Arc::new(|| {}),
        sign_in: Arc::new(SignIn::new(&school.public_url, &Config::default()).unwrap()),
        school,
        demonstration: false,
    }))
    .bearer(&world.test.admin_token);
    let request = world.test.submit(&canaries()).await;
    let keyed = intake.with("x-api-key", &world.test.source_key).with("content-type", "application/json");
    let body = |change: fn(&mut serde_json::Value)| {
        let child = json!({"given_name": canary::CHILD_GIVEN_NAME, "family_name": canary::CHILD_FAMILY_NAME});
        let adult =
            json!({"given_name": canary::GIVEN_NAME, "family_name": canary::FAMILY_NAME, "email": canary::EMAIL});
        let mut body = json!({"kind": "new_account", "adult": adult, "children": [child], "comment": canary::COMMENT});
        change(&mut body);
        body.to_string()
    };
    let bodies = [
        body(|body| body["adult"]["email"] = json!("canary at canary.example")),
        body(|body| body["adult"]["given_name"] = json!("canary".repeat(100))),
        body(|body| body["children"][0]["admission_number"] = json!("canary".repeat(100))),
        body(|body| body["children"] = json!("canary")),
        body(|body| body["kind"] = json!("canary")),
        body(|body| body["adult"] = json!(["canary"])),
        body(|_| {}).replace('}', ""),
        format!("{}\u{0}", body(|_| {})),
    ];
    let mut answers = Vec::new();
    for body in bodies {
        answers.push(keyed.send("POST", "/api/v1/requests", body.clone()).await);
        answers.push(intake.with("x-api-key", "canary").send("POST", "/api/v1/requests", body).await);
    }
    let id = request.id.to_string();
    let staff = admin.with("content-type", "application/json").with("if-match", "*");
    for (method, path, body) in [
        ("GET", "/api/v1/admin/requests/canary", String::new()),
        ("GET", "/api/v1/admin/requests?status=canary", String::new()),
        ("POST", "/api/v1/admin/requests/{id}/approve", json!({"checks": "canary"}).to_string()),
        ("POST", "/api/v1/admin/requests/{id}/approve", json!({"checks": {"details_match": false}}).to_string()),
        ("PATCH", "/api/v1/admin/requests/{id}", json!({"email": "canary at canary"}).to_string()),
        ("PUT", "/api/v1/admin/requests/{id}/note", json!({"note": "canary".repeat(1_000)}).to_string()),
        ("POST", "/api/v1/admin/login-rows/revoke", json!({"usernames": ["canary@canary.example"]}).to_string()),
        ("PUT", "/api/v1/admin/settings/email_proof", json!({"value": "canary"}).to_string()),
        ("POST", "/api/v1/admin/tokens", json!({"name": "canary", "role": "canary"}).to_string()),
    ] {
        answers.push(staff.send(method, &path.replace("{id}", &id), body).await);
    }
    // Without the database every road fails, with a person in its hands.
    world.test.store.db.close().await;
    let before = answers.len();
    answers.push(keyed.send("POST", "/api/v1/requests", body(|_| {})).await);
    answers.push(staff.send("GET", &format!("/api/v1/admin/requests/{id}"), "").await);
    answers.push(staff.send("GET", "/api/v1/admin/requests?q=canary", "").await);
    assert!(answers[before..].iter().all(|answer| answer.status.as_u16() >= 500), "{:?}", &answers[before..]);
    assert!(confirm::confirm(&app, "canary").await.is_err());
    for answer in &answers {
        assert!(answer.status.is_client_error() || answer.status.is_server_error(), "{answer:?}");
        assert_none(&answer.text, &["marlow"], "the body of a problem");
    }
    let logged = log.text();
    assert!(logged.contains("/api/v1/requests"), "the log was caught: {logged}");
    assert_none(&logged, &["marlow"], "the log");
}

#[test]
#[should_panic(expected = "\"canary\" is in a sentence: …one canary sings…")]
fn a_canary_is_found() {
    assert_none("one CANARY sings", &["nightingale"], "a sentence");
}
