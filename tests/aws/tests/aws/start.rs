//! A start that cannot succeed says which setting is wrong, and no secret.

use kinlink_aws_tests::world::{Options, world_with};

const PASSWORD: &str = "correct-horse-battery";

/// Starts a function with one setting changed; gives what it said and wrote.
async fn failed_start(function: &'static str, variable: &'static str, value: Option<&str>) -> String {
    let settings = vec![(function, variable, value.map(ToOwned::to_owned))];
    let world = world_with(Options { settings, secrets: false }).await.unwrap();
    let launch = match function {
        "intake" => &world.intake.launch,
        "admin" => &world.admin.launch,
        _ => &world.provisioner.launch,
    };
    let mut sandbox = launch.start().await.unwrap();
    let error = sandbox.ready().await.unwrap_err().to_string();
    assert!(!sandbox.is_alive(), "{error}");
    error
}

#[tokio::test]
async fn a_setting_that_is_missing_is_named() {
    for (function, variable) in [
        ("intake", "KINLINK_SIGNING_KEY"),
        ("intake", "KINLINK_STORE_URL"),
        ("admin", "KINLINK_MOODLE_URL"),
        ("provisioner", "KINLINK_MOODLE_URL"),
        ("provisioner", "KINLINK_SIGNING_KEY"),
    ] {
        let said = failed_start(function, variable, None).await;
        assert!(said.contains(variable), "{function}: {said}");
    }
}

#[tokio::test]
async fn a_setting_that_is_wrong_is_named_and_its_secret_is_not() {
    for (function, variable, value) in [
        ("intake", "KINLINK_STORE_URL", format!("oracle://kinlink:{PASSWORD}@store.test/kinlink")),
        ("provisioner", "KINLINK_MOODLE_URL", format!("mysql://kinlink:{PASSWORD}@[moodle/x")),
        ("provisioner", "KINLINK_MAIL_URL", format!("ftp://mail:{PASSWORD}@mail.test")),
        ("admin", "KINLINK_SIGNING_KEY", "too-short-horse".to_owned()),
        ("admin", "KINLINK_QUEUE_URL", "kinlink-jobs".to_owned()),
    ] {
        let said = failed_start(function, variable, Some(&value)).await;
        assert!(said.contains(variable), "{function}: {said}");
        assert!(!said.contains(PASSWORD) && !said.contains("too-short-horse"), "{function}: {said}");
    }
}
