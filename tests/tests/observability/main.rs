//! What Kinlink tells of itself: one id from the form to the role row in the log, and what is counted.
//!
//! A binary of its own, since it listens to everything that this process logs. One engine is enough: nothing of this is SQL.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(unreachable_pub, reason = "a test binary exports nothing")]

mod counted;
mod log;
#[path = "../it/world.rs"]
#[allow(dead_code, reason = "the other tests use the rest")]
mod world;

use kinlink_db::Engine;
use kinlink_domain::{outcome::Outcome, request::Action, staff::Actor};
use kinlink_mail::Smtp;
use kinlink_provisioner::Provisioner;
use kinlink_service::{
    accounts,
    app::Clock,
    approve::Approval,
    confirm,
    cycle::{self, Mode},
    decide::{self, Reason},
    mail::{self, Transport},
    metric,
    submit::{Faults, submit},
};
use kinlink_store::{requests::Request, sources};
use kinlink_testapp::{administrator, family};
use serde_json::{Value, json};

use crate::{
    counted::Counted,
    log::lines,
    world::{World, pupil_named, world},
};

/// A parent of Theo Marlow.
fn marlow(email: &str) -> kinlink_domain::submission::RawSubmission {
    let pupil = pupil_named("Theo", "Marlow");
    family(("Pat", "Marlow", email), &[(pupil.given, pupil.family, &pupil.tutor_group)])
}

/// What was said under this correlation id, in its order.
fn said(correlation: &str) -> Vec<String> {
    let own = lines().into_iter().filter(|line| line["correlation.id"] == correlation);
    own.map(|line| line["message"].as_str().unwrap().to_owned()).collect()
}

/// The last line with this message under this correlation id.
fn last(correlation: &str, message: &str) -> Value {
    let own = |line: &Value| line["correlation.id"] == correlation && line["message"] == message;
    lines().into_iter().rfind(own).unwrap_or_else(|| panic!("{message:?} was not logged"))
}

async fn deliver(world: &World, transport: &Transport) -> mail::Delivery {
    mail::deliver(&world.test.app, &world.test.school, transport, 50, None).await.unwrap()
}

#[tokio::test]
async fn one_id_leads_from_the_form_to_the_role_row_and_away_again() {
    log::listen();
    let world = world(Engine::Sqlite).await;
    let app = &world.test.app;
    let source = sources::find(&mut app.store.acquire().await.unwrap(), world.test.source_id).await.unwrap().unwrap();
    let accepted = submit(app, &source, &marlow("road@example.org"), Faults::Refuse, None).await.unwrap();
    submit(app, &source, &marlow("road@example.org"), Faults::Refuse, None).await.unwrap();
    let paths = world.test.mailed_confirmations().await;
    confirm::confirm(app, paths[0].rsplit('/').next().unwrap()).await.unwrap();
    let request: Request = world.test.request(accepted.reference.as_str()).await;
    world.approve(&request, &Approval::default()).await.unwrap();
    let messages: Vec<(String,)> = world.test.store.db.fetch_all("SELECT body FROM queue_messages", []).await.unwrap();
    assert!(messages[0].0.contains(&format!(r#""correlation_id":"{}""#, request.id)), "{messages:?}");
    world.cycle().await;
    world.moodle_cron().await;
    let done = world.cycle().await;
    assert_eq!(done.outcome(Outcome::Linked), 1, "{done:?}");
    deliver(&world, &Transport::Store).await;
    let id = request.id.to_string();
    assert_eq!(
        said(&id),
        [
            "request received",
            "request confirmed",
            "request decided",
            "hint sent",
            "hint received",
            "job waits",
            "hint received",
            "job done",
            "mail sent",
        ]
    );
    assert_eq!(last(&id, "request decided")["links"], "1", "the links that the decision brought into force");
    let told = last(&id, "job done");
    let [(user, pupil, _, link)] = world.our_rows().await.try_into().unwrap();
    let context =
        world.number(&format!("SELECT id FROM mdl_context WHERE contextlevel = 30 AND instanceid = {pupil}")).await;
    let role = world.number("SELECT id FROM mdl_role WHERE shortname = 'parent'").await;
    assert_eq!(told["rows.added"], format!("{link}/{user}/{context}/{role}"));
    assert_eq!((&told["links"], &told["outcome"]), (&json!(format!("{link}:linked")), &json!("linked")));
    assert_eq!(told["cycle.id"], done.cycle.to_string());
    assert_eq!((&told["level"], &told["rows.removed"]), (&json!("INFO"), &json!("")));

    decide::end(app, &administrator(), request.id, None, Action::Deny, &Reason::default()).await.unwrap();
    world.cycle().await;
    assert_eq!(said(&id)[9..], ["request decided", "hint sent", "hint received", "job done"]);
    assert_eq!(last(&id, "job done")["rows.removed"], format!("{link}/{user}/{context}/{role}"));
}

#[tokio::test]
async fn what_no_request_caused_is_followed_by_the_jobs_id_and_a_hint_that_is_not_sent_is_told() {
    log::listen();
    let world = world(Engine::Sqlite).await;
    let app = &world.test.app;
    world.approved(&marlow("revoked@example.org")).await;
    world.cycle().await;
    world.moodle_cron().await;
    world.cycle().await;
    world.test.store.db.execute("ALTER TABLE queue_messages RENAME TO away", []).await.unwrap();
    accounts::revoke(app, &administrator(), &["revoked@example.org".to_owned()], None).await.unwrap();
    world.test.store.db.execute("ALTER TABLE away RENAME TO queue_messages", []).await.unwrap();
    world.cycle().await;
    let job: Option<(String,)> =
        world.test.store.db.fetch_optional("SELECT id FROM jobs WHERE request_id IS NULL", []).await.unwrap();
    let (job,) = job.unwrap();
    assert_eq!(said(&job), ["hint not sent; the next cycle finds the job in the outbox", "job done"]);
    let line = last(&job, "job done");
    assert_eq!((&line["job.id"], line["rows.removed"].as_str().unwrap().split('/').count()), (&json!(job), 4));
}

#[tokio::test]
async fn a_job_that_is_given_up_and_a_message_that_dies_are_warnings_with_the_id() {
    log::listen();
    let world = world(Engine::Sqlite).await;
    kinlink_service::settings::set(&world.test.app, &administrator(), "max_attempts", "1").await.unwrap();
    let request = world.approved(&marlow("poison@example.org")).await;
    world
        .meddle(
            "INSERT INTO mdl_user (auth, confirmed, mnethostid, username, firstname, lastname, email) VALUES \
             ('manual', 1, 1, 'poison@example.org', 'Other', 'Person', 'other@example.org')",
        )
        .await;
    // It was received as often as a message may be.
    world.test.store.db.execute("UPDATE queue_messages SET receives = 5", []).await.unwrap();
    world.cycle().await;
    let id = request.id.to_string();
    assert_eq!(said(&id)[3..], ["a message became a dead letter", "job given up"]);
    let line = last(&id, "job given up");
    assert_eq!((&line["level"], &line["outcome"]), (&json!("WARN"), &json!("account_other_auth")));
}

#[tokio::test]
async fn the_provisioner_passes_nothing_on_that_an_event_or_a_panic_said() {
    let mut world = world(Engine::Sqlite).await;
    world.test.app.clock = Clock::new(|| panic!("Pat Marlow"));
    let provisioner =
        Provisioner { app: world.test.app.clone(), school: world.test.school.clone(), transport: Transport::Store };
    for event in [
        json!({ "action": "Pat Marlow" }),
        json!({ "action": "cycle", "Marlow": 1 }),
        json!("Marlow"),
        json!({
            "action": "cycle", "retry": "Marlow",
        }),
    ] {
        let answer = provisioner.answer(event, None).await.unwrap_err();
        assert!(answer.contains("no event") && !answer.contains("Marlow"), "{answer}");
    }
    let answer = provisioner.answer(json!({ "action": "cycle" }), None).await.unwrap_err();
    assert_eq!(answer, "a panic; the log says where");
}

#[tokio::test]
async fn every_metric_is_counted_where_its_fact_arises() {
    let number = |cycle: &Value, name: &str| cycle[name][0].as_f64();
    let counted = Counted::default();
    let _guard = counted.listen();
    let world = world(Engine::Sqlite).await;
    let app = &world.test.app;

    let source = sources::find(&mut app.store.acquire().await.unwrap(), world.test.source_id).await.unwrap().unwrap();
    for _ in 0..2 {
        submit(app, &source, &marlow("lost@example.org"), Faults::Refuse, None).await.unwrap();
    }
    assert_eq!(counted.take(), json!({ "RequestsReceived": [1] }), "the same one again is not another one");
    let nobody = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("smtp://{}?tls=none", listener.local_addr().unwrap())
    };
    let smtp = Smtp::new(&nobody.parse().unwrap(), &"accounts@school.example".parse().unwrap(), "School").unwrap();
    deliver(&world, &Transport::Smtp(Box::new(smtp))).await;
    assert_eq!(counted.take(), json!({ "MailsFailed": [1] }));
    world.test.clock.advance(jiff::SignedDuration::from_mins(30));
    deliver(&world, &Transport::Store).await;
    assert_eq!(counted.take(), json!({ "MailsSent": [1] }));

    // Two parents of one child, and one who cannot be linked.
    world.approved(&marlow("pat@example.org")).await;
    let other = world.approved(&marlow("sam@example.org")).await;
    assert_eq!(counted.take(), json!({ "RequestsReceived": [2], "Decisions": [2] }));
    let report = world.cycle().await;
    let mut cycle = counted.take();
    assert!(cycle["CycleMilliseconds"].take()[0].as_f64().unwrap() < 60_000.0);
    assert_eq!(number(&cycle, "MoodleStatements"), u32::try_from(report.moodle_statements).ok().map(f64::from));
    cycle["MoodleStatements"].take();
    let waiting = json!({
        "CyclesDone": [1], "JobsWaiting": [2.0], "JobsDead": [0.0], "BrakeEngaged": [0.0],
        "CycleMilliseconds": null, "MoodleStatements": null,
    });
    assert_eq!(cycle, waiting);
    world.moodle_cron().await;
    world.cycle().await;
    let cycle = counted.take();
    let numbers = |cycle: &Value| {
        ["LinksMade", "RequestsProvisioned", "JobsWaiting", "JobsDead", "BrakeEngaged"].map(|name| number(cycle, name))
    };
    assert_eq!(numbers(&cycle), [Some(2.0), Some(2.0), Some(0.0), Some(0.0), Some(0.0)], "{cycle}");

    // Another cycle that is running is none of ours.
    let until = app.now().checked_add(jiff::SignedDuration::from_secs(90)).unwrap();
    let mut store = app.store.acquire().await.unwrap();
    let (lease, holder) = (kinlink_store::leases::PROVISIONER, app.new_id());
    assert!(kinlink_store::leases::take(&mut store, lease, holder, app.now(), until).await.unwrap());
    cycle::run(app, &Actor::system(), Mode::Jobs, None, &|_| {}).await.unwrap();
    kinlink_store::leases::give_back(&mut store, lease, holder).await.unwrap();
    drop(store);
    assert_eq!(counted.take(), json!({}));

    // The brake holds every removal.
    for (name, value) in [("brake_floor", "0"), ("brake_percent", "1"), ("brake_two_persons", "false")] {
        kinlink_service::settings::set(app, &administrator(), name, value).await.unwrap();
    }
    decide::end(app, &administrator(), other.id, None, Action::Deny, &Reason::default()).await.unwrap();
    assert!(world.cycle().await.brake);
    let cycle = counted.take();
    assert_eq!((number(&cycle, "BrakeEngaged"), number(&cycle, "LinksRemoved")), (Some(1.0), None), "{cycle}");
    let (_, digest) = cycle::plan(app, &administrator()).await.unwrap();
    world.run(Mode::Apply(digest)).await.unwrap();
    let cycle = counted.take();
    assert_eq!((number(&cycle, "BrakeEngaged"), number(&cycle, "LinksRemoved")), (Some(0.0), Some(1.0)), "{cycle}");

    world.meddle("UPDATE mdl_role SET shortname = 'gone' WHERE shortname = 'parent'").await;
    world.run(Mode::Full).await.unwrap_err();
    let cycle = counted.take();
    assert_eq!((number(&cycle, "CyclesFailed"), number(&cycle, "CyclesDone")), (Some(1.0), None), "{cycle}");

    let mut names: Vec<&str> = metric::ALL.iter().map(|metric| metric.name).collect();
    names.sort_unstable();
    assert_eq!(counted.ever(), names, "no metric of the list is missing, and there is no other");
}
