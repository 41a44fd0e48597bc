//! Secrets stand in Secrets Manager; they are fetched once, and again when a database does not take them any more.

use kinlink_aws_tests::{
    event::{Front, HttpEvent},
    secrets_manager,
    world::{Options, World, world_with},
};
use serde_json::json;

use crate::connections::idle_for_a_while;

async fn with_secrets() -> World {
    world_with(Options { secrets: true, ..Options::default() }).await.unwrap()
}

/// What stands here for the secret that a function's setting refers to.
fn secret(world: &World, function: &str, variable: &str) -> String {
    let value = &world.template.function(function).unwrap().variables[variable];
    world.resources[value.strip_prefix("aws-sm:").unwrap()].clone()
}

async fn everybody_works(world: &World) {
    let _ = world.intake.request(&HttpEvent::get(Front::ApiGateway, "/request")).await.unwrap().expect(200);
    let _ = world.staff("GET", "/pupils?q=theo", None).await.unwrap().expect(200);
    let report = world.cycle().await.unwrap();
    assert!(report["report"].is_object(), "{report}");
}

#[tokio::test]
async fn each_function_fetches_its_own_secrets_once_and_no_other() {
    let world = with_secrets().await;
    for _ in 0..3 {
        everybody_works(&world).await;
    }
    for function in ["intake", "admin", "provisioner"] {
        let variables = world.template.function(function).unwrap().variables;
        let mut wanted: Vec<String> = variables
            .values()
            .filter_map(|value| Some(world.resources[value.strip_prefix("aws-sm:")?].clone()))
            .collect();
        let calls = world.aws.calls_of(function, "GetSecretValue");
        let mut fetched: Vec<String> = calls.into_iter().map(|call| call.resource).collect();
        wanted.sort();
        fetched.sort();
        assert_eq!(fetched, wanted, "{function}");
    }
}

#[tokio::test]
async fn a_password_that_was_rotated_meanwhile_is_fetched_anew_by_the_running_sandbox() {
    let world = with_secrets().await;
    let store = &world.test.store;
    let user = format!("rotated_{}", store.name.rsplit('_').next().unwrap());
    let arn = secret(&world, "intake", "KINLINK_STORE_URL");
    // As RDS keeps it.
    let content = |password: &str| {
        let (host, port) = (world.store.address.ip().to_string(), world.store.address.port());
        json!({ "engine": "postgres", "host": host, "port": port, "username": user, "password": password, "dbname": store.name })
            .to_string()
    };
    store.db.execute(&format!("CREATE ROLE {user} SUPERUSER LOGIN PASSWORD 'first-password'"), []).await.unwrap();
    secrets_manager::put(&arn, &content("first-password")).await.unwrap();
    everybody_works(&world).await;

    store.db.execute(&format!("ALTER ROLE {user} PASSWORD 'second-password'"), []).await.unwrap();
    secrets_manager::put(&arn, &content("second-password")).await.unwrap();
    // Connections that are there go on; the next new one is refused.
    everybody_works(&world).await;
    world.store.cut();
    idle_for_a_while().await;
    everybody_works(&world).await;
    let sandboxes = [&world.intake, &world.admin, &world.provisioner];
    for function in sandboxes {
        assert_eq!(function.sandboxes().await, 1, "always the same sandbox");
        let text = function.written().await;
        assert!(!text.contains("first-password") && !text.contains("second-password"), "{text}");
    }
}

#[tokio::test]
async fn a_secret_that_is_not_there_is_named_with_its_setting() {
    let missing = "aws-sm:arn:aws:secretsmanager:eu-west-1:123456789012:secret:kinlink/none-AbCdEf";
    let settings = vec![("admin", "KINLINK_SIGNING_KEY", Some(missing.to_owned()))];
    let world = world_with(Options { settings, secrets: true }).await.unwrap();
    let mut sandbox = world.admin.launch.start().await.unwrap();
    let error = sandbox.ready().await.unwrap_err().to_string();
    assert!(error.contains("KINLINK_SIGNING_KEY") && error.contains("kinlink/none"), "{error}");
}
