//! Defects of the old plugin, by their ids in its register, each asserted not to be here. Those that belong to one
//! subject are tested with it (their names carry the id, too); here are the rest.

use kinlink_domain::{
    outcome::Outcome,
    request::{Action, Status},
    staff::{Actor, StaffRole},
};
use kinlink_service::{
    ServiceError,
    approve::{Approval, Checks, approve},
    decide::{self, Reason},
};
use kinlink_testapp::{administrator, family};

use crate::world::{ENGINES, pupil_named, world};

fn marlow(email: &str) -> kinlink_domain::submission::RawSubmission {
    let pupil = kinlink_moodle::demo::school::pupils().into_iter().find(|p| p.given == "Theo").unwrap();
    family(("Pat", "Marlow", email), &[(pupil.given, pupil.family, &pupil.tutor_group)])
}

/// S-3: the right is checked before anything happens.
#[tokio::test]
async fn s_3_who_may_not_decide_changes_nothing() {
    for engine in ENGINES {
        let world = world(engine).await;
        let request = world.approved(&marlow("pat@example.org")).await;
        let viewer = Actor { name: "token:viewer".into(), role: Some(StaffRole::Viewer) };
        for actor in [viewer, Actor::parent(), Actor { name: "source:x".into(), role: None }] {
            let refused =
                decide::end(&world.test.app, &actor, request.id, None, Action::Deny, &Reason::default()).await;
            assert!(matches!(refused, Err(ServiceError::Forbidden(_))), "{engine}");
        }
        assert_eq!(world.test.count("login_rows").await, 1, "{engine}");
        assert_eq!(world.request(&request).await.status, Status::Approved, "{engine}");
    }
}

/// two clicks at the same moment are one approval, one account, one login row.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r_2_two_clicks_at_once_approve_once() {
    for engine in ENGINES {
        let world = world(engine).await;
        let request = world.test.submit(&marlow("pat@example.org")).await;
        let approval = Approval { checks: Checks::ALL, ..Approval::default() };
        let click = || {
            let (app, approval) = (world.test.app.clone(), approval.clone());
            tokio::spawn(async move {
                approve(&app, &administrator(), request.id, Some(request.version), &approval).await.map(|r| r.version)
            })
        };
        let clicks = [click(), click(), click(), click()];
        let mut won = 0;
        for click in clicks {
            match click.await.unwrap() {
                Ok(_) => won += 1,
                Err(ServiceError::Stale | ServiceError::Refused { .. }) => {}
                Err(other) => panic!("{engine}: {other}"),
            }
        }
        assert_eq!(won, 1, "{engine}");
        for table in ["adults", "login_rows", "links", "jobs"] {
            assert_eq!(world.test.count(table).await, 1, "{engine}: {table}");
        }
        assert_eq!(world.request(&request).await.status, Status::Approved, "{engine}");
    }
}

/// R-2 again: two requests of one new parent, approved at the same moment, end on one account.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r_2_two_requests_of_one_parent_approved_at_once_share_the_account() {
    for engine in ENGINES {
        let world = world(engine).await;
        let ashby = pupil_named("Nell", "Ashby");
        let first = world.test.submit(&marlow("pat@example.org")).await;
        let other = family(("Pat", "Marlow", "pat@example.org"), &[(ashby.given, ashby.family, &ashby.tutor_group)]);
        let second = world.test.submit(&other).await;
        let approval = Approval { checks: Checks::ALL, ..Approval::default() };
        let click = |id| {
            let (app, approval) = (world.test.app.clone(), approval.clone());
            tokio::spawn(async move { approve(&app, &administrator(), id, None, &approval).await.map(|r| r.version) })
        };
        let (one, two) = (click(first.id), click(second.id));
        one.await.unwrap().unwrap();
        two.await.unwrap().unwrap();
        for (table, rows) in [("adults", 1), ("login_rows", 1), ("links", 2)] {
            assert_eq!(world.test.count(table).await, rows, "{engine}: {table}");
        }
    }
}

/// when the login row cannot be written, nothing is.
#[tokio::test]
async fn r_5_an_approval_that_cannot_write_the_login_row_leaves_everything_as_it_was() {
    for engine in ENGINES {
        let world = world(engine).await;
        let request = world.test.submit(&marlow("pat@example.org")).await;
        // Somebody put a row of that name there by hand.
        world
            .test
            .store
            .db
            .execute(
                "INSERT INTO login_rows (username, firstname, lastname, email, description, lang, request_id, adult_id, \
                 created_at) VALUES ('pat@example.org', 'x', 'x', 'x', 'x', 'en', 'x', 'x', 0)",
                [],
            )
            .await
            .unwrap();
        assert!(world.approve(&request, &Approval::default()).await.is_err(), "{engine}");
        for table in ["adults", "links", "jobs"] {
            assert_eq!(world.test.count(table).await, 0, "{engine}: {table}");
        }
        assert_eq!(world.request(&request).await.status, Status::Pending, "{engine}");
    }
}

/// C-2: the host of an account is never written; an account of another host is somebody else's.
#[tokio::test]
async fn c_2_an_account_of_another_host_is_not_the_parents() {
    for engine in ENGINES {
        let world = world(engine).await;
        world.approved(&marlow("pat@example.org")).await;
        world
            .meddle(
                "INSERT INTO mdl_user (auth, confirmed, mnethostid, username, firstname, lastname, email) VALUES \
                 ('db', 1, 77, 'pat@example.org', 'Pat', 'Marlow', 'pat@example.org')",
            )
            .await;
        let report = world.cycle().await;
        assert_eq!(report.outcome(Outcome::WaitingForAccount), 1, "{engine}: {report:?}");
        assert_eq!(world.number("SELECT COUNT(*) FROM mdl_user WHERE mnethostid = 77").await, 1, "{engine}");
    }
}

/// L-2: requests that fail again and again cause no mails, to nobody.
#[tokio::test]
async fn l_2_failing_requests_send_no_mails() {
    for engine in ENGINES {
        let world = world(engine).await;
        for number in 0..20 {
            world.approved(&marlow(&format!("p{number}@example.org"))).await;
        }
        world.meddle("UPDATE mdl_task_scheduled SET disabled = 1 WHERE classname LIKE '%sync_users'").await;
        let before = world.test.count("mails").await;
        for _ in 0..5 {
            world.test.clock.advance(jiff::SignedDuration::from_hours(7));
            let report = world.cycle().await;
            assert_eq!(report.outcome(Outcome::SyncTaskDisabled), 20, "{engine}: {report:?}");
        }
        assert_eq!(world.test.count("mails").await, before, "{engine}");
    }
}

/// L-5, PR-9: one request does not make Moodle synchronise when nothing waits for it.
#[tokio::test]
async fn l_5_moodle_is_told_to_synchronise_only_when_something_waits_for_it() {
    for engine in ENGINES {
        let world = world(engine).await;
        world.approved(&marlow("pat@example.org")).await;
        world.moodle_cron().await;
        let report = world.cycle().await;
        assert!(!report.sync_hurried, "{engine}: {report:?}");
    }
}
