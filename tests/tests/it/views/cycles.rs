//! How far a cycle has come, what it found, and jobs that were given up.

use kinlink_db::Engine;
use kinlink_domain::{outcome::Outcome, staff::Actor};
use kinlink_service::{
    ServiceError,
    cycle::{self, Mode, Ran},
    view::{self, CycleState, Step, StepState},
};
use kinlink_store::jobs;
use kinlink_testapp::administrator;

use super::{about, viewer};
use crate::world::{ENGINES, pupil_named, world};

#[tokio::test]
async fn a_cycle_shows_how_far_it_has_come_and_what_it_found() {
    for engine in ENGINES {
        let world = world(engine).await;
        let app = &world.test.app;
        let ann = world.approved(&about("Ann", ("Oscar", "Turner", "9KL"))).await;
        world.approved(&about("Bea", ("Leo", "Fischer", "9MB"))).await;
        let leo = pupil_named("Leo", "Fischer").user_id;
        world.moodle_cron().await;
        world.meddle(&format!("UPDATE mdl_user SET suspended = 1 WHERE id = {leo}")).await;

        let queued = view::request_cycle(app, &administrator(), "reconcile").await.unwrap();
        let waiting = view::cycle_progress(app, &viewer(), queued).await.unwrap();
        assert!(waiting.goes_on && waiting.steps.iter().all(|step| step.state == StepState::Waiting), "{engine}");
        // Looks at the store while the cycle runs, as a page would.
        let seen = std::sync::Mutex::new(Vec::new());
        let watch = |report: &cycle::Report| seen.lock().unwrap().push(report.reached.unwrap());
        let Ran::Done(_) = cycle::run(app, &Actor::system(), Mode::Jobs, None, &watch).await.unwrap() else {
            panic!("busy")
        };
        let seen: Vec<_> = seen.into_inner().unwrap().iter().map(|r| (r.step, r.done, r.total)).collect();
        assert_eq!(seen, [(Step::Jobs, 2, Some(2)), (Step::Compare, 0, None)], "{engine}");
        let done = view::cycle_progress(app, &viewer(), queued).await.unwrap();
        assert_eq!((done.cycle.state, done.goes_on), (CycleState::Done, false), "{engine}");
        assert_eq!(done.steps.len(), 3, "{engine}");
        assert!(done.steps.iter().all(|step| step.state == StepState::Done && step.done.is_none()), "{engine}");
        assert_eq!(done.outcomes, [(Outcome::NotAPupil, 1), (Outcome::Linked, 1)], "{engine}");
        assert_eq!((done.plan.added, done.plan.brake, done.plan.digest.is_some()), (1, false, true), "{engine}");

        let all = view::cycle_findings(app, &viewer(), queued, false, 1, 25).await.unwrap();
        assert_eq!((all.total, all.pages), (2, 1), "{engine}");
        assert_eq!(all.items[0].outcome, Outcome::NotAPupil, "{engine}: what needs a person comes first");
        let linked = &all.items[1];
        assert_eq!(
            (linked.given_name.as_str(), linked.pupil_name.as_deref()),
            ("Ann", Some("Oscar Turner")),
            "{engine}"
        );
        assert_eq!(linked.request.as_ref().map(|(id, _)| *id), Some(ann.id), "{engine}");
        let problems = view::cycle_findings(app, &viewer(), queued, true, 9, 25).await.unwrap();
        assert_eq!((problems.total, problems.page, problems.items.len()), (1, 1, 1), "{engine}");

        // A cycle that is stopped says where.
        let running = kinlink_store::cycles::Cycle {
            id: app.new_id(),
            action: "reconcile".into(),
            state: CycleState::Running,
            actor: "system".into(),
            plan: None,
            created_at: app.now(),
            started_at: Some(app.now()),
            finished_at: None,
            report: None,
            fault: None,
        };
        let mut store = app.store.acquire().await.unwrap();
        kinlink_store::cycles::insert(&mut store, &running).await.unwrap();
        let report = serde_json::json!({ "reached": { "step": "compare", "done": 5, "total": null }, "added": 3 });
        kinlink_store::cycles::note(&mut store, running.id, &report).await.unwrap();
        let states = async || {
            let progress = view::cycle_progress(app, &viewer(), running.id).await.unwrap();
            assert_eq!(progress.plan.added, 3, "{engine}");
            progress.steps.iter().map(|step| (step.state, step.done)).collect::<Vec<_>>()
        };
        assert_eq!(
            states().await,
            [(StepState::Done, None), (StepState::Running, Some(5)), (StepState::Waiting, None)],
            "{engine}"
        );
        kinlink_store::cycles::bury_running(&mut store, app.now()).await.unwrap();
        drop(store);
        assert_eq!(states().await[1], (StepState::Failed, Some(5)), "{engine}");
    }
}

#[tokio::test]
async fn jobs_that_were_given_up_are_shown_with_a_remedy_and_revived_by_choice() {
    let world = world(Engine::Sqlite).await;
    let app = &world.test.app;
    let ann = world.approved(&about("Ann", ("Oscar", "Turner", "9KL"))).await;
    let mut store = app.store.acquire().await.unwrap();
    let due = jobs::due(&mut store, app.now(), 10).await.unwrap();
    jobs::bury(&mut store, &[due[0].id], Outcome::AccountOtherAuth).await.unwrap();
    drop(store);
    let dead = view::dead_jobs(app, &viewer(), 50).await.unwrap();
    assert_eq!(dead.len(), 1);
    assert_eq!(dead[0].name, Some(("Ann".to_owned(), "Page".to_owned())));
    assert_eq!(dead[0].request, Some((ann.id, ann.reference.clone())));
    assert!(dead[0].advice.unwrap().contains("signs in another way") && !dead[0].removal);
    assert!(matches!(view::revive_jobs(app, &viewer(), &[dead[0].id]).await, Err(ServiceError::Forbidden(_))));
    assert_eq!(view::revive_jobs(app, &administrator(), &[dead[0].id]).await.unwrap(), 1);
    assert!(view::dead_jobs(app, &viewer(), 50).await.unwrap().is_empty());
    assert_eq!(view::revive_jobs(app, &administrator(), &[dead[0].id]).await.unwrap(), 0);
}
