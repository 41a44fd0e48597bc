//! How the function's process starts, and how it says that it cannot.

use std::process::{Command, Output};

fn start(settings: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kinlink-intake"));
    command.env_clear().envs(settings.iter().copied()).current_dir(std::env::temp_dir());
    command.output().expect("the function's process")
}

#[test]
fn a_start_that_fails_names_the_setting_in_one_message_without_secrets() {
    let key = ("KINLINK_SIGNING_KEY", "s3cret-s3cret-s3cret-s3cret-s3cret");
    let store = ("KINLINK_STORE_URL", "postgres://kinlink:s3cret@127.0.0.1:9/kinlink");
    for (settings, expected) in [
        (vec![key], "set KINLINK_STORE_URL to the database's URL"),
        (vec![store], "set KINLINK_SIGNING_KEY"),
        (vec![key, ("KINLINK_STORE_URL", "s3cret")], "KINLINK_STORE_URL: expected a database URL"),
        (
            vec![key, store, ("KINLINK_STORE_AUTH", "aws-iam")],
            "KINLINK_STORE_URL: wrong connection settings: a database",
        ),
        (vec![key, store, ("KINLINK_SCHOL", "s3cret")], "KINLINK_SCHOL: there is no such setting"),
        (vec![key, ("KINLINK_STORE_URL", "file:/not-here")], "KINLINK_STORE_URL: the file"),
    ] {
        let output = start(&settings);
        let said = String::from_utf8(output.stderr).expect("text");
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.starts_with("kinlink cannot run: ") && said.contains(expected), "{said}");
        assert!(!said.replace("file:/not-here", "").replace("/s3cret-is-not-here", "").contains("s3cret"), "{said}");
    }
}
