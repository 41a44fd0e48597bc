//! What is read around a decision: pinned pupils, matching, many at once, and what happened since.

use kinlink_db::Engine;
use kinlink_domain::{
    ids::{MoodleUserId, RequestId},
    request::{ClaimState, Kind, Status},
    submission::RawSubmission,
};
use kinlink_service::{
    ServiceError,
    approve::{Approval, Checks},
    decide::{self, Correction, Reason},
    view::{self, BulkAct, Check, Difference, ListQuery, Mark, RequestView},
};
use kinlink_store::requests::{self, Claim, Request};
use kinlink_testapp::{administrator, family};

use super::{about, list, viewer};
use crate::world::{ENGINES, World, pupil_named, world};

#[tokio::test]
async fn a_pinned_pupil_is_taken_by_approving_and_lost_when_the_child_is_corrected() {
    for engine in ENGINES {
        let world = world(engine).await;
        let app = &world.test.app;
        let staff = administrator();
        let request = world.test.submit(&about("Ann", ("Oskar", "Turner", "9KL"))).await;
        let claim = claims(&world, &request).await[0].id;
        let (turner, smith) = (pupil_named("Oscar", "Turner"), pupil_named("Jack", "Smith"));
        let (turner, smith) = (MoodleUserId(turner.user_id), MoodleUserId(smith.user_id));
        assert!(world.approve(&request, &Approval::default()).await.is_err(), "{engine}: no pupil matches exactly");

        // Staff are no pupils, and somebody else's version is stale.
        let refused = view::pin_pupil(app, &staff, request.id, None, claim, MoodleUserId(4)).await.unwrap_err();
        assert!(matches!(refused, ServiceError::Refused { code: "not_a_pupil", .. }), "{engine}: {refused}");
        let refused = view::pin_pupil(app, &viewer(), request.id, None, claim, turner).await.unwrap_err();
        assert!(matches!(refused, ServiceError::Forbidden(_)), "{engine}");
        let pinned = view::pin_pupil(app, &staff, request.id, Some(request.version), claim, smith).await.unwrap();
        assert_eq!(pinned.version, request.version + 1, "{engine}");
        let stale = view::pin_pupil(app, &staff, request.id, Some(request.version), claim, turner).await.unwrap_err();
        assert!(matches!(stale, ServiceError::Stale), "{engine}");

        let corrected = Correction {
            children: vec![decide::ChildCorrection {
                claim,
                given_name: Some("Oska".into()),
                family_name: None,
                tutor_group: None,
                admission_number: None,
            }],
            ..Correction::default()
        };
        decide::correct(app, &staff, request.id, None, &corrected).await.unwrap();
        assert_eq!(claims(&world, &request).await[0].pupil, None, "{engine}: another child may be meant now");

        view::pin_pupil(app, &staff, request.id, None, claim, smith).await.unwrap();
        view::unpin_pupil(app, &staff, request.id, None, claim).await.unwrap();
        assert_eq!(claims(&world, &request).await[0].pupil, None, "{engine}");
        view::pin_pupil(app, &staff, request.id, None, claim, turner).await.unwrap();
        let page = list(&world, &ListQuery::of(RequestView::Todo)).await;
        assert_eq!(
            (page.items[0].marks.clone(), page.items[0].checks.clone()),
            (vec![Mark::Pinned(turner)], vec![Check::Ready])
        );

        world.test.clock.advance(jiff::SignedDuration::from_mins(1));
        world.approve(&request, &Approval::default()).await.unwrap();
        let approved = claims(&world, &request).await;
        assert_eq!((approved[0].state, approved[0].pupil), (ClaimState::Approved, Some(turner)), "{engine}");
        let detail = view::show_request(app, &administrator(), &request.id.to_string()).await.unwrap();
        let pins: Vec<_> = detail
            .history
            .iter()
            .filter(|entry| entry.action.ends_with("pin"))
            .map(|entry| (entry.action.as_str(), entry.claim, entry.pupil))
            .collect();
        let about = Some(claim);
        assert_eq!(
            pins,
            [
                ("pin", about, Some(smith)),
                ("pin", about, Some(smith)),
                ("unpin", about, None),
                ("pin", about, Some(turner))
            ],
            "{engine}"
        );
        let refused = view::unpin_pupil(app, &staff, request.id, None, claim).await.unwrap_err();
        assert!(matches!(refused, ServiceError::Refused { code: "not_open", .. }), "{engine}: {refused}");
        let beside = view::beside_request(app, &viewer(), &detail).await.unwrap();
        assert_eq!(beside.pupil(turner).unwrap().name, "Oscar Turner", "{engine}");
        assert_eq!(beside.links.len(), 1, "{engine}");
        let changes: Vec<_> =
            beside.changes.iter().map(|c| (c.pointer.as_str(), c.sent.as_str(), c.now.as_str())).collect();
        assert_eq!(changes, [("/children/0/given_name", "Oskar", "Oska")], "{engine}");
        assert_eq!(detail.last_decision().unwrap().action, "approve", "{engine}");
    }
}

async fn claims(world: &World, request: &Request) -> Vec<Claim> {
    requests::claims(&mut world.test.app.store.acquire().await.unwrap(), request.id).await.unwrap()
}

#[tokio::test]
async fn children_without_a_pupil_are_grouped_as_typed_and_pinned_together() {
    let world = world(Engine::Sqlite).await;
    let app = &world.test.app;
    world.test.submit(&about("Zed", ("Oscar", "Turner", "9KL"))).await;
    let first = world.test.submit(&about("Ann", ("Oskar", "Turner", "9KL"))).await;
    world.test.clock.advance(jiff::SignedDuration::from_mins(1));
    let second = world.test.submit(&about("Bea", ("OSKAR", "turner", "9kl"))).await;
    let other = world.test.submit(&about("Cat", ("Emily", "Jones", "8MB"))).await;
    let queue = view::matching_queue(app, &viewer()).await.unwrap();
    assert_eq!((queue.groups.len(), queue.more), (2, 0), "{queue:#?}");
    let group = queue.groups.iter().find(|group| group.family_name == "Turner").unwrap();
    let best = &group.candidates[0];
    let turner = MoodleUserId(pupil_named("Oscar", "Turner").user_id);
    assert_eq!((best.pupil.id, best.exact), (turner, false));
    assert_eq!(best.differences, [Difference::GivenNameLetters(1)]);
    let jones = queue.groups.iter().find(|group| group.family_name == "Jones").unwrap();
    assert!(jones.candidates[0].exact && jones.candidates[1].exact && jones.candidates[0].differences.is_empty());

    let target = |claim: &view::QueueClaim| view::PinTarget {
        request: claim.request,
        version: claim.version,
        claim: claim.claim,
    };
    let mut targets: Vec<_> = group.claims.iter().map(target).collect();
    assert_eq!(targets.iter().map(|target| target.request).collect::<Vec<_>>(), [first.id, second.id]);
    targets.push(target(&jones.claims[0]));
    decide::note(app, &administrator(), second.id, None, "Rang them").await.unwrap();
    let results = view::pin_same(app, &administrator(), turner, &targets).await.unwrap();
    assert_eq!(results[0].result.as_ref().unwrap(), &(first.version + 1));
    let stale = results[1].result.as_ref().unwrap_err();
    assert_eq!(
        (stale.code, stale.since[0].action.as_str(), stale.since[0].actor.as_str()),
        ("stale", "note", "cli:test")
    );
    assert_eq!(results[2].result.as_ref().unwrap_err().code, "other_child");
    assert_eq!(view::matching_queue(app, &viewer()).await.unwrap().groups.len(), 2);
    assert_eq!(claims(&world, &other).await[0].pupil, None);
    // One child is one pupil.
    let raw = family(("Dot", "Page", "dot@example.org"), &[("Oskar", "Turner", "9KL"), ("Oscer", "Turner", "9KL")]);
    let twins = world.test.submit(&raw).await;
    let both = claims(&world, &twins).await;
    view::pin_pupil(app, &administrator(), twins.id, None, both[0].id, turner).await.unwrap();
    let refused = view::pin_pupil(app, &administrator(), twins.id, None, both[1].id, turner).await.unwrap_err();
    assert!(matches!(refused, ServiceError::Refused { code: "same_pupil", .. }), "{refused}");
}

#[tokio::test]
async fn many_requests_are_decided_one_by_one_and_what_one_refuses_stops_no_other() {
    for engine in ENGINES {
        let world = world(engine).await;
        let app = &world.test.app;
        let staff = administrator();
        let ready = world.test.submit(&about("Ann", ("Oscar", "Turner", "9KL"))).await;
        let unclear = world.test.submit(&about("Bea", ("Emily", "Jones", "8MB"))).await;
        let stale = world.test.submit(&about("Cat", ("Leo", "Fischer", "9MB"))).await;
        let help = RawSubmission {
            kind: Some(Kind::CannotSignIn.code().into()),
            children: Vec::new(),
            ..about("Dot", ("", "", ""))
        };
        let help = world.test.submit(&help).await;
        let also_ready = world.test.submit(&about("Eva", ("Harry", "Patel", "7MB"))).await;
        let unknown: RequestId = app.new_id();
        decide::note(app, &staff, stale.id, None, "Rang them").await.unwrap();
        let mut rows: Vec<(RequestId, i64)> =
            [&ready, &unclear, &stale, &help].iter().map(|request| (request.id, request.version)).collect();
        rows.extend([(unknown, 1), (also_ready.id, also_ready.version)]);

        let act = BulkAct::Approve { checks: Checks::ALL };
        let previews = view::preview_bulk(app, &staff, &act, &rows).await.unwrap();
        let codes: Vec<_> = previews.iter().map(|row| row.verdict.as_ref().map_err(|refusal| refusal.code)).collect();
        let expected = [Ok(&()), Err("invalid"), Err("stale"), Err("nothing_to_link"), Err("not_found"), Ok(&())];
        assert_eq!(codes, expected, "{engine}");
        assert!(previews[4].summary.is_none() && previews[0].summary.is_some(), "{engine}");
        let since = &previews[2].verdict.as_ref().unwrap_err().since;
        assert_eq!((since.len(), since[0].action.as_str()), (1, "note"), "{engine}");

        let missing =
            view::bulk(app, &staff, &BulkAct::Approve { checks: Checks::default() }, &rows).await.unwrap_err();
        assert!(matches!(missing, ServiceError::Invalid(_)), "{engine}: the checks are asked for once, for all");
        let forbidden = view::bulk(app, &viewer(), &act, &rows).await.unwrap_err();
        assert!(matches!(forbidden, ServiceError::Forbidden(_)), "{engine}");
        let results = view::bulk(app, &staff, &act, &rows).await.unwrap();
        let codes: Vec<_> = results.iter().map(|row| row.result.as_ref().map_err(|refusal| refusal.code)).collect();
        let approved = Status::Approved;
        let expected =
            [Ok(&approved), Err("invalid"), Err("stale"), Err("nothing_to_link"), Err("not_found"), Ok(&approved)];
        assert_eq!(codes, expected, "{engine}");
        let stale_one = results[2].result.as_ref().unwrap_err();
        assert_eq!(stale_one.since[0].actor, "cli:test", "{engine}");
        assert_eq!(results[0].reference.as_ref(), Some(&ready.reference), "{engine}");
        assert_eq!(results[4].reference, None, "{engine}");
        // Moodle makes the accounts, and both are linked by one cycle.
        world.moodle_cron().await;
        assert_eq!(world.cycle().await.added, 2, "{engine}");

        // What is in force is not taken away by the dozen.
        let rows: Vec<(RequestId, i64)> = vec![
            (ready.id, world.request(&ready).await.version),
            (unclear.id, unclear.version),
            (help.id, help.version),
        ];
        let reason = Reason { reason: Some("not_on_file".into()), ..Reason::default() };
        let act = BulkAct::Deny { reason };
        let previews = view::preview_bulk(app, &staff, &act, &rows).await.unwrap();
        assert_eq!(previews[0].verdict.as_ref().unwrap_err().code, "in_force", "{engine}");
        let results = view::bulk(app, &staff, &act, &rows).await.unwrap();
        assert_eq!(results[0].result.as_ref().unwrap_err().code, "in_force", "{engine}");
        assert!(results[1..].iter().all(|row| *row.result.as_ref().unwrap() == Status::Denied), "{engine}");
        let again = view::preview_bulk(app, &staff, &act, &[(unclear.id, unclear.version + 1)]).await.unwrap();
        assert_eq!(again[0].verdict.as_ref().unwrap_err().code, "wrong_status", "{engine}");
        let reopen = BulkAct::Reopen { reason: Reason::default() };
        let results = view::bulk(app, &staff, &reopen, &[(unclear.id, unclear.version + 1)]).await.unwrap();
        assert_eq!(*results[0].result.as_ref().unwrap(), Status::Pending, "{engine}");
        let many = vec![(unclear.id, 1); view::MOST_AT_ONCE + 1];
        let refused = view::bulk(app, &staff, &reopen, &many).await.unwrap_err();
        assert!(matches!(refused, ServiceError::Refused { code: "too_many", .. }), "{engine}");
    }
}

#[tokio::test]
async fn whoever_saw_an_older_version_is_told_who_did_what_since() {
    let world = world(Engine::Sqlite).await;
    let app = &world.test.app;
    let request = world.test.submit(&about("Ann", ("Oscar", "Turner", "9KL"))).await;
    let since = async |version| {
        let found = view::what_happened_since(app, &administrator(), request.id, version).await.unwrap();
        found.into_iter().map(|entry| (entry.action, entry.actor, entry.note)).collect::<Vec<_>>()
    };
    assert_eq!(since(request.version).await, []);
    let reason = Reason { note: Some("Which school?".into()), ..Reason::default() };
    decide::ask(app, &administrator(), request.id, None, &reason).await.unwrap();
    world.approve(&request, &Approval::default()).await.unwrap();
    world.moodle_cron().await;
    world.cycle().await;
    let by =
        |action: &str, actor: &str, note: Option<&str>| (action.to_owned(), actor.to_owned(), note.map(str::to_owned));
    let asked = by("ask", "cli:test", Some("Which school?"));
    let rest = [by("approve", "cli:test", None), by("provision", "system", None)];
    assert_eq!(since(1).await, [vec![asked], rest.to_vec()].concat());
    assert_eq!(since(2).await, rest);
    let read = view::what_happened_since(app, &viewer(), request.id, 1).await.unwrap();
    assert!(read.len() == 3 && read.iter().all(|entry| entry.note.is_none()), "viewers read no notes");
    assert_eq!(since(3).await, rest[1..]);
    let now = world.request(&request).await.version;
    assert_eq!(now, 4, "every change is told");
    assert_eq!(since(now).await, []);
}
