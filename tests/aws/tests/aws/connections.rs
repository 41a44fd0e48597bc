//! Databases come and go while sandboxes sleep: nobody who asks sees more of it than a short wait or a page that says so.

use std::time::{Duration, Instant};

use kinlink_aws_tests::{
    event::{Front, HttpEvent, recorded},
    sandbox::{Answer, End},
    tcp_proxy::Mode,
    world::{World, until, world},
};

/// A connection that was used a moment ago is trusted without asking; what is cut or forgotten lies idle for longer than that.
pub async fn idle_for_a_while() {
    tokio::time::sleep(Duration::from_millis(2_100)).await;
}

fn form() -> HttpEvent {
    HttpEvent::get(Front::ApiGateway, "/request")
}

/// Asks each function for something that needs its databases.
async fn everybody_works(world: &World) {
    let _ = world.intake.request(&form()).await.unwrap().expect(200);
    let _ = world.staff("GET", "/requests", None).await.unwrap().expect(200);
    let _ = world.staff("GET", "/pupils?q=theo", None).await.unwrap().expect(200);
    let report = world.cycle().await.unwrap();
    assert!(report["report"].is_object(), "{report}");
}

async fn sandboxes(world: &World) -> [usize; 3] {
    [world.intake.sandboxes().await, world.admin.sandboxes().await, world.provisioner.sandboxes().await]
}

#[tokio::test]
async fn connections_that_were_cut_while_a_sandbox_was_frozen_are_made_anew() {
    let world = world().await.unwrap();
    everybody_works(&world).await;
    for _ in 0..3 {
        world.store.cut();
        world.moodle.cut();
        idle_for_a_while().await;
        everybody_works(&world).await;
    }
    assert_eq!(sandboxes(&world).await, [1, 1, 1], "always the same sandbox");
}

#[tokio::test]
async fn connections_that_something_between_has_forgotten_are_made_anew_in_time() {
    let world = world().await.unwrap();
    everybody_works(&world).await;
    world.store.strand();
    world.moodle.strand();
    idle_for_a_while().await;
    let began = Instant::now();
    everybody_works(&world).await;
    println!("with forgotten connections: {:?}", began.elapsed());
    assert_eq!(sandboxes(&world).await, [1, 1, 1], "always the same sandbox");
}

#[tokio::test]
async fn a_store_whose_balancer_closes_every_connection_is_out_of_reach_too() {
    let world = world().await.unwrap();
    world.store.set(Mode::Close).await;
    let _ = world.intake.request(&form()).await.unwrap().expect(503);
    let _ = world.staff("GET", "/requests", None).await.unwrap().expect(503);
    world.store.set(Mode::Open).await;
    everybody_works(&world).await;
}

#[tokio::test]
async fn a_sandbox_keeps_its_connections_and_makes_no_more_than_two() {
    let world = world().await.unwrap();
    let _ = world.intake.request(&form()).await.unwrap().expect(200);
    assert_eq!(world.store.accepted(), 1);
    for _ in 0..20 {
        let _ = world.intake.request(&form()).await.unwrap().expect(200);
    }
    // One goes back to the pool in the background: a sandbox that is frozen first makes a second one in its next event.
    assert!(world.store.accepted() <= 2, "{} connections", world.store.accepted());
}

#[tokio::test]
async fn a_store_that_is_down_is_answered_in_time_and_the_same_sandboxes_go_on_when_it_is_back() {
    let world = world().await.unwrap();
    for mode in [Mode::Refuse, Mode::Hang] {
        // Also at the very start: functions start without databases.
        world.store.set(mode).await;
        world.moodle.set(mode).await;
        world.store.cut();
        world.moodle.cut();
        let began = Instant::now();
        let page = world.intake.request(&form()).await.unwrap().expect(503);
        assert!(page.header("content-type").starts_with("text/html"), "{:?}", page.headers);
        assert!(began.elapsed() < world.intake.launch.timeout, "{mode:?}: {:?}", began.elapsed());
        let theo = [("Theo", "Marlow", "7KL")];
        let api = world.intake.request(&world.submission("down1@canary.example", &theo)).await.unwrap().expect(503);
        assert!(api.header("content-type").starts_with("application/problem+json"), "{:?}", api.headers);
        assert!(!api.header("retry-after").is_empty(), "{:?}", api.headers);
        let staff = world.staff("GET", "/requests", None).await.unwrap().expect(503);
        assert!(staff.header("content-type").starts_with("application/problem+json"), "{:?}", staff.headers);
        let cycle = world.provisioner.invoke(&recorded("schedule-cycle")).await.unwrap();
        let Answer::Error(error) = cycle else { panic!("{mode:?}: {cycle:?}") };
        assert!(error["errorMessage"].as_str().is_some_and(|text| !text.is_empty()), "{error}");
        println!("{mode:?}: {:?}", began.elapsed());

        world.store.set(Mode::Open).await;
        world.moodle.set(Mode::Open).await;
        everybody_works(&world).await;
    }
    assert_eq!(sandboxes(&world).await, [1, 1, 1], "always the same sandbox");
}

#[tokio::test]
async fn a_moodle_database_that_is_down_stops_cycles_only() {
    let world = world().await.unwrap();
    world.moodle.set(Mode::Refuse).await;
    let _ = world.intake.request(&form()).await.unwrap().expect(200);
    let _ = world.staff("GET", "/requests", None).await.unwrap().expect(200);
    let cycle = world.provisioner.invoke(&recorded("schedule-cycle")).await.unwrap();
    assert!(matches!(cycle, Answer::Error(_)), "{cycle:?}");
    world.moodle.set(Mode::Open).await;
    everybody_works(&world).await;
}

#[tokio::test]
async fn a_sandbox_that_is_told_to_end_closes_its_connections_and_ends_with_0() {
    let world = world().await.unwrap();
    let connections = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND client_port IN \
                       (SELECT client_port FROM pg_stat_activity) AND pid <> pg_backend_pid()";
    // The test's own pool is on the same database.
    let before = world.number(connections).await.unwrap();
    for function in [&world.intake, &world.admin, &world.provisioner] {
        let mut sandbox = function.sandbox().await.unwrap();
        let name = &function.launch.name;
        match name.as_str() {
            "intake" => sandbox.invoke(&form().json()).await.unwrap(),
            "admin" => sandbox.invoke(&world.staff_event("GET", "/requests", None).json()).await.unwrap(),
            _ => sandbox.invoke(&recorded("schedule-cycle")).await.unwrap(),
        }
        .json();
        assert!(world.number(connections).await.unwrap() > before, "{name} has connections");
        let began = Instant::now();
        let (end, text) = sandbox.shut_down().await.unwrap();
        let End::Ended(status) = end else { panic!("{name}: {end:?}: {text}") };
        assert_eq!(status.code(), Some(0), "{name}: {text}");
        assert!(began.elapsed() < Duration::from_secs(2), "{name}: {:?}", began.elapsed());
        until("its connections are closed", async || Ok(world.number(connections).await? <= before)).await.unwrap();
    }
}
