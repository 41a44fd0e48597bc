//! From the form to the role row, and back again.

use kinlink_domain::{
    outcome::Outcome,
    request::{Action, Status},
    submission::RawSubmission,
};
use kinlink_service::{
    approve::{AccountChoice, Approval, ClaimChoice, Pick},
    cycle::Mode,
    decide::{self, Reason},
    mail,
};
use kinlink_store::{accounts, requests};
use kinlink_testapp::{administrator, family};

use crate::world::{ENGINES, pupil_named, world};

/// One adult with two pupils of the school: the one without user context, and the one whose context has no path.
fn turner() -> RawSubmission {
    let find = |given: &str| kinlink_moodle::demo::school::pupils().into_iter().find(|p| p.given == given).unwrap();
    let (marlow, ashby) = (find("Theo"), find("Nell"));
    family(
        ("Rachel", "Turner", "rachel.turner@example.org"),
        &[(marlow.given, marlow.family, &marlow.tutor_group), (ashby.given, ashby.family, &ashby.tutor_group)],
    )
}

#[tokio::test]
async fn s_6_c_5_k_4_a_request_becomes_a_linked_account_and_can_be_taken_away_again() {
    for engine in ENGINES {
        let world = world(engine).await;
        let foreign = world.foreign_rows().await;
        let request = world.approved(&turner()).await;
        assert_eq!(request.status, Status::Approved, "{engine}");

        // Moodle has no account yet: nothing is written, Moodle is told to synchronise.
        let report = world.cycle().await;
        assert_eq!((report.outcome(Outcome::WaitingForAccount), report.added), (2, 0), "{engine}: {report:?}");
        assert!(report.sync_hurried);
        assert_eq!(world.our_rows().await, []);

        world.moodle_cron().await;
        let report = world.cycle().await;
        assert_eq!(
            (report.outcome(Outcome::Linked), report.added, report.provisioned),
            (2, 2, 1),
            "{engine}: {report:?}"
        );
        let parent = world.account("rachel.turner@example.org").await.unwrap();
        let (marlow, ashby) = (pupil_named("Theo", "Marlow"), pupil_named("Nell", "Ashby"));
        let rows = world.our_rows().await;
        let pairs: Vec<(i64, i64)> = rows.iter().map(|row| (row.0, row.1)).collect();
        let mut expected = vec![(parent.0, marlow.user_id), (parent.0, ashby.user_id)];
        expected.sort_unstable();
        assert_eq!(pairs, expected, "{engine}");
        assert_eq!(world.request(&request).await.status, Status::Provisioned);

        // C-5: both pupils' contexts have path and depth now; one was missing, one had none.
        let complete = "SELECT COUNT(*) FROM mdl_context WHERE contextlevel = 30 AND depth = 2 AND path LIKE '/1/%' AND \
                        instanceid IN (SELECT c.instanceid FROM mdl_role_assignments ra JOIN mdl_context c ON c.id = \
                        ra.contextid WHERE ra.component = 'local_kinlink')";
        assert_eq!(world.number(complete).await, 2, "{engine}");
        // K-4: the open session of the parent is told.
        let flags = format!(
            "SELECT COUNT(*) FROM mdl_cache_flags WHERE flagtype = 'accesslib/dirtyusers' AND name = '{}' AND value = '1'",
            parent.0
        );
        assert_eq!(world.number(&flags).await, 1, "{engine}");

        // Run again: nothing more happens.
        let again = world.cycle().await;
        assert_eq!((again.jobs, again.added, again.removed), (0, 0, 0), "{engine}");
        let full = world.run(Mode::Full).await.unwrap();
        assert_eq!((full.added, full.removed, full.held), (0, 0, 0), "{engine}: {full:?}");

        // One child is withdrawn: one row goes at once, the account stays.
        let mut store = world.test.app.store.acquire().await.unwrap();
        let claims = requests::claims(&mut store, request.id).await.unwrap();
        drop(store);
        let reason = Reason::default();
        decide::withdraw_child(&world.test.app, &administrator(), request.id, None, claims[0].id, &reason)
            .await
            .unwrap();
        let report = world.cycle().await;
        assert_eq!((report.removed, report.outcome(Outcome::Ended)), (1, 1), "{engine}: {report:?}");
        assert_eq!(world.our_rows().await.len(), 1);
        assert_eq!(world.test.count("login_rows").await, 1);

        // Denied after approval (S-6): links, role rows, login row and sessions go.
        world
            .meddle(&format!(
                "INSERT INTO mdl_sessions (state, sid, userid, timecreated, timemodified) VALUES (0, 'abc', {}, 1, 1)",
                parent.0
            ))
            .await;
        decide::end(&world.test.app, &administrator(), request.id, None, Action::Deny, &reason).await.unwrap();
        let mut store = world.test.app.store.acquire().await.unwrap();
        assert_eq!(accounts::count_login_rows(&mut store).await.unwrap(), 0, "{engine}: gone before any cycle");
        drop(store);
        let report = world.cycle().await;
        assert_eq!(report.removed, 1, "{engine}: {report:?}");
        assert!(report.sync_hurried, "Moodle is told to suspend the account");
        assert_eq!(world.our_rows().await, [], "{engine}");
        assert_eq!(world.number("SELECT COUNT(*) FROM mdl_sessions").await, 0, "{engine}");
        world.moodle_cron().await;
        let suspended = format!("SELECT suspended FROM mdl_user WHERE id = {}", parent.0);
        assert_eq!(world.number(&suspended).await, 1, "{engine}");

        // Approved anew for one child only: the other does not come back with the account.
        let reopened = decide::reopen(&world.test.app, &administrator(), request.id, None, &reason).await.unwrap();
        let approval = Approval {
            claims: vec![
                ClaimChoice { claim: claims[1].id, pick: Pick::Exact },
                ClaimChoice { claim: claims[0].id, pick: Pick::Deny },
            ],
            ..Approval::default()
        };
        world.approve(&reopened, &approval).await.unwrap();
        world.cycle().await;
        world.moodle_cron().await;
        let report = world.cycle().await;
        assert_eq!(report.outcome(Outcome::Linked), 1, "{engine}: {report:?}");
        let rows = world.our_rows().await;
        assert_eq!(rows.iter().map(|row| (row.0, row.1)).collect::<Vec<_>>(), [(parent.0, ashby.user_id)], "{engine}");
        assert_eq!(world.foreign_rows().await, foreign, "{engine}: foreign rows are as they were");
    }
}

/// C-14: "my child is missing" of a known adult becomes a link on the same account.
#[tokio::test]
async fn c_14_a_further_child_becomes_a_link_on_the_same_account() {
    for engine in ENGINES {
        let world = world(engine).await;
        let mut first = turner();
        let second_child = first.children.pop().unwrap();
        world.approved(&first).await;
        world.cycle().await;
        world.moodle_cron().await;
        world.cycle().await;
        let mut second = first.clone();
        second.kind = Some("child_missing".into());
        second.children = vec![second_child];
        second.email = "Rachel.Turner@Example.org".into();
        let second = world.approved(&second).await;
        let report = world.cycle().await;
        assert_eq!((report.outcome(Outcome::Linked), report.added), (2, 1), "{engine}: {report:?}");
        assert_eq!(world.request(&second).await.status, Status::Provisioned);
        assert_eq!(world.test.count("adults").await, 1);
        assert_eq!(world.test.count("login_rows").await, 1);
        // Both mails: the account, and the child that was added.
        let app = &world.test.app;
        let delivery = mail::deliver(app, &world.test.school, &mail::Transport::Store, 50, None).await.unwrap();
        assert_eq!((delivery.failed, delivery.postponed), (0, 0), "{engine}");
        let mut store = app.store.acquire().await.unwrap();
        let mails = kinlink_store::mails::newest(&mut store, 50).await.unwrap();
        let sent: Vec<_> = mails.iter().filter(|m| m.state == "sent").map(|m| m.letter.as_str()).collect();
        assert!(sent.iter().any(|letter| letter.contains("approved")), "{engine}: {mails:?}");
        assert!(sent.iter().any(|letter| letter.contains("child_added")), "{engine}: {mails:?}");
    }
}

/// A member of staff who is a parent keeps their own account: it is linked, never changed.
#[tokio::test]
async fn an_account_of_another_authentication_is_linked_only_when_staff_pick_it() {
    for engine in ENGINES {
        let world = world(engine).await;
        let teacher: Option<(i64, String)> = world
            .test
            .moodle
            .db
            .fetch_optional(
                "SELECT id, username FROM mdl_user WHERE auth = 'manual' AND deleted = 0 AND suspended = 0 AND department = '' \
                 AND idnumber = '' AND id > 2 ORDER BY id LIMIT 1",
                [],
            )
            .await
            .unwrap();
        let (id, username) = teacher.unwrap();
        let mut raw = turner();
        raw.email = username.clone();
        let request = world.test.submit(&raw).await;
        let before = world.number(&format!("SELECT COUNT(*) FROM mdl_user WHERE id = {id} AND auth = 'manual'")).await;
        let refused = world.approve(&request, &Approval::default()).await.unwrap_err();
        assert!(
            refused.to_string().contains("a Moodle account with this address exists; choose it"),
            "{engine}: {refused}"
        );
        let picked = Approval {
            account: AccountChoice::MoodleUser(kinlink_domain::ids::MoodleUserId(id)),
            ..Approval::default()
        };
        world.approve(&request, &picked).await.unwrap();
        let report = world.cycle().await;
        assert_eq!(report.outcome(Outcome::Linked), 2, "{engine}: {report:?}");
        assert!(world.our_rows().await.iter().all(|row| row.0 == id), "{engine}");
        assert_eq!(world.test.count("login_rows").await, 0, "{engine}: no second way to sign in");
        let after = world.number(&format!("SELECT COUNT(*) FROM mdl_user WHERE id = {id} AND auth = 'manual'")).await;
        assert_eq!(before, after);
    }
}

/// A child that was left open can be refused later, and then the request is done.
#[tokio::test]
async fn a_child_left_open_is_decided_later() {
    for engine in ENGINES {
        let world = world(engine).await;
        let request = world.test.submit(&turner()).await;
        let claims = requests::claims(&mut world.test.app.store.acquire().await.unwrap(), request.id).await.unwrap();
        let choose = |at: usize, pick| Approval {
            claims: vec![ClaimChoice { claim: claims[at].id, pick }],
            ..Approval::default()
        };
        world.approve(&request, &choose(0, Pick::Exact)).await.unwrap();
        world.moodle_cron().await;
        world.cycle().await;
        assert_eq!(world.request(&request).await.status, Status::Approved, "{engine}: one child is open");
        let done = world.approve(&request, &choose(1, Pick::Deny)).await.unwrap();
        assert_eq!(done.status, Status::Provisioned, "{engine}");
        let again = world.approve(&request, &Approval::default()).await.unwrap_err();
        assert!(again.to_string().contains("left to decide"), "{engine}: {again}");
        assert_eq!(world.our_rows().await.len(), 1, "{engine}");
    }
}

/// With an empty component the ledger alone tells what is ours; a row that somebody made by hand stays theirs.
#[tokio::test]
async fn without_a_component_rows_are_ours_by_the_ledger_and_those_made_by_hand_stay() {
    for engine in ENGINES {
        let world = world(engine).await;
        let app = &world.test.app;
        kinlink_service::settings::set(app, &administrator(), "component", "").await.unwrap();
        let request = world.approved(&turner()).await;
        world.cycle().await;
        world.moodle_cron().await;
        let parent = world.account("rachel.turner@example.org").await.unwrap();
        // Somebody links one of the two by hand, first.
        let ashby = pupil_named("Nell", "Ashby");
        let by_hand = format!(
            "INSERT INTO mdl_role_assignments (roleid, contextid, userid, timemodified, modifierid, component, itemid, sortorder) \
             SELECT 9, id, {}, 7, 2, '', 0, 0 FROM mdl_context WHERE contextlevel = 30 AND instanceid = {}",
            parent.0, ashby.user_id
        );
        world.meddle(&by_hand).await;
        let before = world.foreign_rows().await;
        let report = world.cycle().await;
        assert_eq!((report.outcome(Outcome::Linked), report.added), (2, 1), "{engine}: {report:?}");
        assert_eq!(world.foreign_rows().await.len(), before.len() + 1, "{engine}");
        let again = world.run(Mode::Full).await.unwrap();
        assert_eq!((again.added, again.removed), (0, 0), "{engine}: {again:?}");
        decide::end(app, &administrator(), request.id, None, Action::Deny, &Reason::default()).await.unwrap();
        let report = world.cycle().await;
        assert_eq!(report.removed, 1, "{engine}: {report:?}");
        assert_eq!(world.foreign_rows().await, before, "{engine}: ours is gone, theirs is as it was");
    }
}
