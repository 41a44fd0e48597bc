//! What goes wrong around a cycle: clear errors, nothing lost, nothing doubled, the next cycle heals.

use jiff::SignedDuration;
use kinlink_domain::{ids::MoodleUserId, outcome::Outcome, request::Status};
use kinlink_moodle::{Moodle, Prefix};
use kinlink_service::{
    approve::{AccountChoice, Approval, ClaimChoice, Pick},
    cycle::{self, Mode, Ran},
    decide::{self, Reason},
};
use kinlink_store::{leases, requests};
use kinlink_testapp::{administrator, family};
use kinlink_testkit::fresh;

use crate::world::{ENGINES, World, pupil_named, world};

fn marlow(email: &str) -> kinlink_domain::submission::RawSubmission {
    let pupil = kinlink_moodle::demo::school::pupils().into_iter().find(|p| p.given == "Theo").unwrap();
    family(("Pat", "Marlow", email), &[(pupil.given, pupil.family, &pupil.tutor_group)])
}

async fn failed_cycles(world: &World) -> i64 {
    world.test.count("cycles WHERE state = 'failed' AND fault IS NOT NULL").await
}

#[tokio::test]
async fn c_3_o_2_a_broken_precondition_stops_the_cycle_before_it_writes_and_the_next_heals() {
    for engine in ENGINES {
        for (fault, mend, said) in [
            (
                "UPDATE mdl_role SET shortname = 'other' WHERE shortname = 'parent'",
                "UPDATE mdl_role SET shortname = 'parent' WHERE shortname = 'other'",
                "no role",
            ),
            (
                "DELETE FROM mdl_role_context_levels WHERE roleid = 9",
                "INSERT INTO mdl_role_context_levels (roleid, contextlevel) VALUES (9, 30)",
                "may not be assigned",
            ),
            (
                "UPDATE mdl_context SET contextlevel = 11 WHERE contextlevel = 10",
                "UPDATE mdl_context SET contextlevel = 10 WHERE contextlevel = 11",
                "no system context",
            ),
            (
                "UPDATE mdl_config SET name = 'x' WHERE name = 'mnet_localhost_id'",
                "UPDATE mdl_config SET name = 'mnet_localhost_id' WHERE name = 'x'",
                "mnet_localhost_id",
            ),
        ] {
            let world = world(engine).await;
            world.approved(&marlow("pat@example.org")).await;
            world.moodle_cron().await;
            world.meddle(fault).await;
            let error = world.run(Mode::Jobs).await.unwrap_err().to_string();
            assert!(error.contains(said), "{engine}: {error}");
            assert_eq!(world.our_rows().await, [], "{engine}: C-3: nothing is written without a role");
            assert_eq!(failed_cycles(&world).await, 1, "{engine}: staff see it");
            world.meddle(mend).await;
            let report = world.cycle().await;
            assert_eq!(report.outcome(Outcome::Linked), 1, "{engine}: {report:?}");
        }
    }
}

#[tokio::test]
async fn moodle_out_of_reach_or_with_another_prefix_is_an_error_that_names_it_and_loses_nothing() {
    for engine in ENGINES {
        let mut world = world(engine).await;
        world.approved(&marlow("pat@example.org")).await;
        world.moodle_cron().await;
        let good = world.test.app.moodle.clone();
        let empty = fresh(engine).await;
        for (moodle, said) in [
            (Moodle::new(empty.db.clone(), Prefix::default()), "table"),
            (Moodle::new(good.db().clone(), Prefix::parse("zzz_").unwrap()), "table"),
        ] {
            world.test.app.moodle = moodle;
            let error = world.run(Mode::Jobs).await.unwrap_err().to_string();
            assert!(error.contains(said) && error.starts_with("Moodle"), "{engine}: {error}");
        }
        world.test.app.moodle = good;
        let report = world.cycle().await;
        assert_eq!(report.outcome(Outcome::Linked), 1, "{engine}: {report:?}");
    }
}

#[tokio::test]
async fn a_sync_task_that_is_off_or_fails_is_said_on_the_request() {
    for engine in ENGINES {
        let world = world(engine).await;
        let request = world.approved(&marlow("pat@example.org")).await;
        let task = "WHERE classname LIKE '%sync_users'";
        world.meddle(&format!("UPDATE mdl_task_scheduled SET disabled = 1 {task}")).await;
        let report = world.cycle().await;
        assert_eq!(
            (report.outcome(Outcome::SyncTaskDisabled), report.sync_hurried),
            (1, false),
            "{engine}: {report:?}"
        );
        let untouched = format!("SELECT disabled FROM mdl_task_scheduled {task}");
        assert_eq!(world.number(&untouched).await, 1, "{engine}: never enabled behind the administrator's back");
        world.meddle(&format!("UPDATE mdl_task_scheduled SET disabled = 0, faildelay = 60 {task}")).await;
        world.test.clock.advance(SignedDuration::from_hours(1));
        let report = world.cycle().await;
        assert_eq!(report.outcome(Outcome::SyncTaskFailing), 1, "{engine}: {report:?}");
        let claims = requests::claims(&mut world.test.app.store.acquire().await.unwrap(), request.id).await.unwrap();
        assert_eq!(claims[0].outcome, Some(Outcome::SyncTaskFailing), "{engine}");
    }
}

/// O-1, C-11, L-6: one bad request stops nobody, is tried less and less often, and is then given up visibly.
#[tokio::test]
async fn o_1_c_11_l_6_a_poison_request_hurts_nobody_and_is_given_up_in_the_end() {
    for engine in ENGINES {
        let world = world(engine).await;
        let good = world.approved(&marlow("good@example.org")).await;
        let poison = world.approved(&marlow("poison@example.org")).await;
        // Somebody makes an account of that name by hand, with another authentication.
        world
            .meddle(
                "INSERT INTO mdl_user (auth, confirmed, mnethostid, username, firstname, lastname, email) VALUES \
                 ('manual', 1, 1, 'poison@example.org', 'Other', 'Person', 'other@example.org')",
            )
            .await;
        world.moodle_cron().await;
        let report = world.cycle().await;
        assert_eq!(report.outcome(Outcome::Linked), 1, "{engine}: {report:?}");
        assert_eq!(report.outcome(Outcome::AccountOtherAuth), 1, "{engine}: {report:?}");
        assert_eq!(world.request(&good).await.status, Status::Provisioned);
        assert_eq!(world.request(&poison).await.status, Status::Approved);
        let mut tries = 1;
        while world.test.count("jobs WHERE state = 'ready'").await > 0 {
            world.test.clock.advance(SignedDuration::from_hours(7));
            world.cycle().await;
            tries += 1;
            assert!(tries < 30, "{engine}: never given up");
        }
        assert_eq!(tries, 10, "{engine}: policy max_attempts");
        assert_eq!(world.test.count("jobs WHERE state = 'dead'").await, 1, "{engine}");
        // A person mends the cause and tries again.
        world.meddle("UPDATE mdl_user SET auth = 'db' WHERE username = 'poison@example.org'").await;
        cycle::revive(&world.test.app, &administrator(), None).await.unwrap();
        let report = world.cycle().await;
        assert_eq!(report.outcome(Outcome::Linked), 1, "{engine}: {report:?}");
        assert_eq!(world.request(&poison).await.status, Status::Provisioned);
    }
}

/// C-16: an approved request whose login row is gone is not provisioned.
#[tokio::test]
async fn c_16_without_a_login_row_nothing_is_linked() {
    for engine in ENGINES {
        let world = world(engine).await;
        let request = world.approved(&marlow("pat@example.org")).await;
        world.moodle_cron().await;
        world.test.store.db.execute("DELETE FROM login_rows", []).await.unwrap();
        let report = world.cycle().await;
        assert_eq!((report.outcome(Outcome::NoLoginRow), report.added), (1, 0), "{engine}: {report:?}");
        assert_eq!(world.request(&request).await.status, Status::Approved);
    }
}

/// C-10: an account is found by its user name alone, whatever the parent edits in their profile.
#[tokio::test]
async fn c_10_an_edited_profile_does_not_lose_the_account() {
    for engine in ENGINES {
        let world = world(engine).await;
        world.approved(&marlow("pat@example.org")).await;
        world.moodle_cron().await;
        world
            .meddle("UPDATE mdl_user SET firstname = 'Patricia', lastname = 'Other', email = 'new@example.org' WHERE username = 'pat@example.org'")
            .await;
        assert_eq!(world.cycle().await.outcome(Outcome::Linked), 1, "{engine}");
    }
}

/// S-4, S-5, C-6: what is not exactly one pupil makes no row, and says why.
#[tokio::test]
async fn s_4_s_5_c_6_only_one_exact_pupil_or_a_persons_pick_makes_a_row() {
    for engine in ENGINES {
        let world = world(engine).await;
        let teacher: Option<(i64, String, String)> = world
            .test
            .moodle
            .db
            .fetch_optional(
                "SELECT id, firstname, lastname FROM mdl_user WHERE id > 2 AND auth = 'manual' AND department = '' AND \
                 idnumber = '' AND deleted = 0 ORDER BY id LIMIT 1",
                [],
            )
            .await
            .unwrap();
        let (teacher, given, family_name) = teacher.unwrap();
        let marlow = pupil_named("Theo", "Marlow");
        for child in [
            ("Theo", "Marlow", " "),
            ("Theo", "Marlow", "99ZZ"),
            (given.as_str(), family_name.as_str(), ""),
            ("Nobody", "Atall", "7KL"),
        ] {
            let raw = family(("Pat", "Marlow", "pat@example.org"), &[child]);
            let request = world.test.submit(&raw).await;
            let refused = world.approve(&request, &Approval::default()).await;
            assert!(refused.is_err(), "{engine}: {child:?}");
            let claims =
                requests::claims(&mut world.test.app.store.acquire().await.unwrap(), request.id).await.unwrap();
            let pick = |user: i64| Approval {
                claims: vec![ClaimChoice { claim: claims[0].id, pick: Pick::Pupil(MoodleUserId(user)) }],
                ..Approval::default()
            };
            // Not even a person can pick somebody who is no pupil.
            assert!(world.approve(&request, &pick(teacher)).await.is_err(), "{engine}");
            assert!(world.approve(&request, &pick(2)).await.is_err(), "{engine}: the administrator");
            assert!(world.approve(&request, &pick(999_999)).await.is_err(), "{engine}: nobody");
            assert_eq!(world.test.count("links").await, 0, "{engine}");
            decide::end(
                &world.test.app,
                &administrator(),
                request.id,
                None,
                kinlink_domain::request::Action::Deny,
                &Reason::default(),
            )
            .await
            .unwrap();
        }
        // A person's pick of a pupil is enough, and a child left open keeps the request from counting as done.
        let raw = family(("Pat", "Marlow", "pat@example.org"), &[("Teo", "Marlo", ""), ("Nobody", "Atall", "")]);
        let request = world.test.submit(&raw).await;
        let claims = requests::claims(&mut world.test.app.store.acquire().await.unwrap(), request.id).await.unwrap();
        let approval = Approval {
            claims: vec![ClaimChoice { claim: claims[0].id, pick: Pick::Pupil(MoodleUserId(marlow.user_id)) }],
            ..Approval::default()
        };
        world.approve(&request, &approval).await.unwrap();
        world.moodle_cron().await;
        let report = world.cycle().await;
        assert_eq!(report.outcome(Outcome::Linked), 1, "{engine}: {report:?}");
        assert_eq!(
            world.request(&request).await.status,
            Status::Approved,
            "{engine}: one child is still to be decided"
        );
    }
}

/// A pin is no licence: a user who stopped being a pupil between decision and cycle gets no row.
#[tokio::test]
async fn a_pupil_who_became_staff_before_the_cycle_is_not_linked_to() {
    for engine in ENGINES {
        let world = world(engine).await;
        world.approved(&marlow("pat@example.org")).await;
        world.moodle_cron().await;
        let child = pupil_named("Theo", "Marlow");
        world.meddle(&format!("UPDATE mdl_user SET idnumber = '' WHERE id = {}", child.user_id)).await;
        let report = world.cycle().await;
        assert_eq!((report.outcome(Outcome::NotAPupil), report.added), (1, 0), "{engine}: {report:?}");
    }
}

/// two cycles at once, and one whose process died.
#[tokio::test]
async fn r_3_one_cycle_at_a_time_and_a_dead_one_blocks_only_for_a_while() {
    for engine in ENGINES {
        let world = world(engine).await;
        world.approved(&marlow("pat@example.org")).await;
        world.moodle_cron().await;
        let app = &world.test.app;
        let other = app.new_id();
        let until = app.now().checked_add(SignedDuration::from_secs(90)).unwrap();
        let mut store = app.store.acquire().await.unwrap();
        assert!(leases::take(&mut store, leases::PROVISIONER, other, app.now(), until).await.unwrap());
        drop(store);
        let system = kinlink_domain::staff::Actor::system();
        let ran = cycle::run(app, &system, Mode::Jobs, None, &|_| {}).await.unwrap();
        assert!(matches!(ran, Ran::Busy), "{engine}");
        world.test.clock.advance(SignedDuration::from_secs(91));
        assert_eq!(world.cycle().await.outcome(Outcome::Linked), 1, "{engine}");

        // Another Kinlink, with a store of its own, holds Moodle's lock. SQLite has no such lock.
        if engine != kinlink_db::Engine::Sqlite {
            let locked = app.moodle.lock().await.unwrap().expect("free");
            let ran = cycle::run(app, &system, Mode::Jobs, None, &|_| {}).await.unwrap();
            assert!(matches!(ran, Ran::Busy), "{engine}");
            locked.release().await;
        }
    }
}

/// A deadline stops the run in time; the next one goes on.
#[tokio::test]
async fn a_run_that_is_out_of_time_leaves_the_rest_for_the_next() {
    let world = world(kinlink_db::Engine::Sqlite).await;
    world.approved(&marlow("pat@example.org")).await;
    world.moodle_cron().await;
    let system = kinlink_domain::staff::Actor::system();
    let soon = world.test.app.now().checked_add(SignedDuration::from_secs(5)).unwrap();
    let Ran::Done(report) = cycle::run(&world.test.app, &system, Mode::Jobs, Some(soon), &|_| {}).await.unwrap() else {
        panic!("busy")
    };
    assert_eq!((report.unfinished, report.jobs), (true, 0));
    assert_eq!(world.cycle().await.outcome(Outcome::Linked), 1);
}

/// Two adults with one mailbox are told apart by an explicit choice, with user names of their own.
#[tokio::test]
async fn a_shared_mailbox_needs_a_choice_and_gives_two_accounts() {
    for engine in ENGINES {
        let world = world(engine).await;
        world.approved(&marlow("home@example.org")).await;
        let mut other = marlow("home@example.org");
        other.given_name = "Sam".into();
        let request = world.test.submit(&other).await;
        let refused = world.approve(&request, &Approval::default()).await.unwrap_err();
        assert!(refused.to_string().contains("address"), "{engine}: {refused}");
        world.approve(&request, &Approval { account: AccountChoice::New, ..Approval::default() }).await.unwrap();
        world.moodle_cron().await;
        let report = world.cycle().await;
        assert_eq!(report.outcome(Outcome::Linked), 2, "{engine}: {report:?}");
        assert!(
            world.account("home@example.org").await.is_some() && world.account("home-2@example.org").await.is_some()
        );
    }
}

/// a decision that comes while a cycle works is not overwritten.
#[tokio::test]
async fn r_1_a_decision_during_a_cycle_stands() {
    for engine in ENGINES {
        let world = world(engine).await;
        let request = world.approved(&marlow("pat@example.org")).await;
        world.moodle_cron().await;
        world.cycle().await;
        // The next cycle reads, then staff deny, then it records: simulated by recording an old finding after the denial.
        let app = &world.test.app;
        decide::end(app, &administrator(), request.id, None, kinlink_domain::request::Action::Deny, &Reason::default())
            .await
            .unwrap();
        let mut store = app.store.acquire().await.unwrap();
        let links =
            kinlink_store::links::list(&mut store, kinlink_store::links::Filter::default(), None, 10).await.unwrap();
        requests::record_outcomes(&mut store, &[(links[0].id, Outcome::Linked)], app.now()).await.unwrap();
        assert!(requests::linked(&mut store, &[links[0].id]).await.unwrap().is_empty(), "{engine}");
        requests::mark_provisioned(&mut store, &[request.id], app.now()).await.unwrap();
        drop(store);
        assert_eq!(world.request(&request).await.status, Status::Denied, "{engine}");
        world.cycle().await;
        assert_eq!(world.our_rows().await, [], "{engine}");
    }
}
