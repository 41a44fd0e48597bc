//! What settings are taken, and how wrong ones are reported.
#![expect(clippy::unwrap_used, reason = "every function here is part of a test")]

use std::{collections::BTreeMap, fs, path::Path};

use kinlink_config::{
    Config, ConfigErrors, DatabaseAuth, Loaded, LogFormat, Origin, SETTINGS, Secrets, TomlFile, load, references,
};
use secrecy::ExposeSecret as _;

const KEY: &str = "0123456789abcdef0123456789abcdef";

fn environment(variables: &[(&str, &str)]) -> BTreeMap<String, String> {
    variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn loaded(variables: &[(&str, &str)], file: Option<&str>) -> Result<Loaded, ConfigErrors> {
    loaded_with(variables, file, &Secrets::new())
}

fn loaded_with(variables: &[(&str, &str)], file: Option<&str>, secrets: &Secrets) -> Result<Loaded, ConfigErrors> {
    load(&environment(variables), file.map(toml), secrets)
}

fn toml(text: &str) -> TomlFile<'_> {
    TomlFile { path: Path::new("kinlink.toml"), text }
}

fn config(variables: &[(&str, &str)], file: &str) -> Config {
    loaded(variables, Some(file)).unwrap().config
}

fn errors(variables: &[(&str, &str)], file: &str) -> Vec<String> {
    loaded(variables, Some(file)).unwrap_err().0.iter().map(ToString::to_string).collect()
}

fn origin(loaded: &Loaded, name: &str) -> String {
    loaded.report.iter().find(|line| line.name == name).unwrap().origin.to_string()
}

#[test]
fn without_any_setting_there_are_defaults() {
    let Loaded { config, report } = loaded(&[("PATH", "/bin"), ("LANG", "C")], None).unwrap();
    assert_eq!(config.data_dir, Path::new(".kinlink"));
    assert!(config.store_url.is_none() && config.moodle_url.is_none() && config.mail_url.is_none());
    assert_eq!(config.moodle_prefix.as_str(), "mdl_");
    assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.public_url.as_str(), "http://127.0.0.1:8080");
    assert_eq!((config.school.as_str(), config.contact.as_str()), ("Demonstration School", "the school office"));
    assert_eq!((config.cycle_seconds, config.log_format), (60, LogFormat::Pretty));
    assert_eq!(report.len(), SETTINGS.len());
    assert!(report.iter().all(|line| line.origin == Origin::Default));
}

#[test]
fn a_variable_wins_over_the_file_and_an_empty_one_is_none() {
    let file = "school = \"From File\"\ncontact = \"File Office\"\ncycle_seconds = 5\n";
    let loaded = loaded(&[("KINLINK_SCHOOL", " From Variable "), ("KINLINK_CONTACT", "")], Some(file)).unwrap();
    assert_eq!(loaded.config.school, "From Variable");
    assert_eq!(loaded.config.contact, "File Office");
    assert_eq!(loaded.config.cycle_seconds, 5);
    assert_eq!(origin(&loaded, "school"), "environment KINLINK_SCHOOL");
    assert_eq!(origin(&loaded, "contact"), "file kinlink.toml");
    assert_eq!(origin(&loaded, "listen"), "default");
    // Moodle without a prefix: here nothing is a value.
    assert_eq!(config(&[("KINLINK_MOODLE_PREFIX", "")], "").moodle_prefix.as_str(), "");
}

#[test]
fn every_setting_is_taken_from_both_places() {
    let values = [
        ("data_dir", "/var/lib/kinlink", "/var/lib/kinlink"),
        ("store_url", "postgres://kinlink:s3cret@db/kinlink", "postgres://***@db/***"),
        ("store_auth", "password", "password"),
        ("store_owner_url", "postgres://owner:s3cret@db/kinlink", "postgres://***@db/***"),
        ("moodle_url", "mysql://moodle:s3cret@db/moodle", "mysql://***@db/***"),
        ("moodle_auth", "aws-iam", "aws-iam"),
        ("moodle_access", "read", "read"),
        ("moodle_prefix", "m_", "m_"),
        ("moodle_site", "https://moodle.example.org/", "https://moodle.example.org"),
        ("queue_url", "http://127.0.0.1:5000/1/q", "http://127.0.0.1:5000/1/q"),
        ("queue_dead_url", "https://sqs.eu-west-1.amazonaws.com/1/d", "https://sqs.eu-west-1.amazonaws.com/1/d"),
        ("signing_key", KEY, "***"),
        ("listen", "[::1]:9000", "[::1]:9000"),
        ("public_url", "https://parents.example.org", "https://parents.example.org"),
        ("school", "St Brigid’s", "St Brigid’s"),
        ("contact", "office@example.org", "office@example.org"),
        ("mail_url", "smtps://u:s3cret@mail.example.org", "smtps://***@mail.example.org:465"),
        ("mail_from", "noreply@example.org", "noreply@example.org"),
        ("cycle_seconds", "10", "10"),
        ("log_format", "json", "json"),
        ("oidc_issuer", "https://sign-in.example.org/", "https://sign-in.example.org/"),
        ("oidc_client_id", "kinlink", "kinlink"),
        ("oidc_client_secret", "s3cret", "***"),
        ("oidc_roles", "viewer=teachers approver=front office,head", "viewer=teachers approver=front office,head"),
        ("oidc_role_claim", "realm_access.roles", "realm_access.roles"),
        ("oidc_scopes", "openid groups", "openid groups"),
    ];
    assert_eq!(values.map(|(name, _, _)| name).to_vec(), SETTINGS.iter().map(|s| s.name).collect::<Vec<_>>());
    let file = values.map(|(name, value, _)| format!("{name} = \"{value}\"")).join("\n");
    let variables: Vec<(&str, &str)> =
        SETTINGS.iter().zip(&values).map(|(setting, (_, value, _))| (setting.variable, *value)).collect();
    for loaded in [loaded(&[], Some(&file)).unwrap(), loaded(&variables, None).unwrap()] {
        for (line, (name, _, masked)) in loaded.report.iter().zip(&values) {
            assert_eq!(line.value_masked.as_deref(), Some(*masked), "{name}");
            assert_ne!(line.origin, Origin::Default, "{name}");
        }
        assert!(!format!("{loaded:?}").contains("s3cret"), "{loaded:?}");
        assert!(!format!("{loaded:?}").contains(KEY), "{loaded:?}");
        assert_eq!(loaded.config.store_url.unwrap().expose(), "postgres://kinlink:s3cret@db/kinlink");
    }
}

#[test]
fn without_a_public_address_it_is_where_the_runner_listens() {
    for (listen, public) in [
        ("127.0.0.1:9000", "http://127.0.0.1:9000"),
        ("0.0.0.0:9000", "http://127.0.0.1:9000"),
        ("[::1]:9000", "http://[::1]:9000"),
    ] {
        assert_eq!(config(&[("KINLINK_LISTEN", listen)], "").public_url.as_str(), public);
    }
}

#[test]
fn secrets_may_stand_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    fs::write(&path, format!("{KEY}\n")).unwrap();
    let reference = format!("file:{}", path.display());
    let loaded = loaded(
        &[
            ("KINLINK_SIGNING_KEY", reference.as_str()),
            ("KINLINK_STORE_URL", "env:DATABASE_URL"),
            ("DATABASE_URL", "mysql://kinlink:s3cret@db/kinlink"),
        ],
        Some("moodle_url = \"env:DATABASE_URL\""),
    )
    .unwrap();
    assert_eq!(loaded.config.signing_key.as_ref().unwrap().expose_secret(), KEY);
    assert_eq!(loaded.config.store_url.as_ref().unwrap().expose(), "mysql://kinlink:s3cret@db/kinlink");
    assert_eq!(origin(&loaded, "signing_key"), format!("environment KINLINK_SIGNING_KEY, by reference {reference}"));
    assert_eq!(origin(&loaded, "moodle_url"), "file kinlink.toml, by reference env:DATABASE_URL");
    // What is no secret is taken as it stands.
    assert_eq!(config(&[("KINLINK_SCHOOL", "env:DATABASE_URL")], "").school, "env:DATABASE_URL");
}

#[test]
fn secrets_may_stand_in_aws_secrets_manager() {
    let variables = [
        ("KINLINK_STORE_URL", "aws-sm:kinlink/store?sslmode=verify-full"),
        ("KINLINK_STORE_AUTH", "aws-iam"),
        ("KINLINK_SIGNING_KEY", "aws-sm:kinlink/keys#signing"),
        // No secret, so no reference.
        ("KINLINK_SCHOOL", "aws-sm:school"),
    ];
    let file = "moodle_url = \"aws-sm:kinlink/moodle\"\nsigning_key = \"aws-sm:elsewhere\"";
    let needed: Vec<(String, String)> = references(&environment(&variables), Some(toml(file)))
        .into_iter()
        .map(|needed| (needed.place, needed.reference.secret().to_owned()))
        .collect();
    let expected = [
        ("KINLINK_STORE_URL", "kinlink/store"),
        ("moodle_url in kinlink.toml", "kinlink/moodle"),
        ("KINLINK_SIGNING_KEY", "kinlink/keys"),
    ];
    assert_eq!(needed, expected.map(|(place, secret)| (place.to_owned(), secret.to_owned())));

    let rds =
        r#"{"engine":"postgres","host":"db","port":5432,"username":"kinlink","password":"s3cret/","dbname":"kinlink"}"#;
    let secrets: Secrets = [
        ("kinlink/store", rds.to_owned()),
        ("kinlink/moodle", "mysql://moodle:s3cret@db/moodle\n".to_owned()),
        ("kinlink/keys", format!("{{\"signing\":\"{KEY}\"}}")),
    ]
    .map(|(name, content)| (name.to_owned(), content.into()))
    .into();
    let loaded = loaded_with(&variables, Some(file), &secrets).unwrap();
    let (store, moodle) = (loaded.config.store_url.as_ref().unwrap(), loaded.config.moodle_url.as_ref().unwrap());
    assert_eq!(store.expose(), "postgres://kinlink:s3cret%2F@db:5432/kinlink?sslmode=verify-full");
    assert_eq!(store.reference().unwrap().to_string(), "aws-sm:kinlink/store?sslmode=verify-full");
    assert_eq!(moodle.expose(), "mysql://moodle:s3cret@db/moodle");
    assert_eq!(loaded.config.signing_key.as_ref().unwrap().expose_secret(), KEY);
    assert_eq!((loaded.config.store_auth, loaded.config.moodle_auth), (DatabaseAuth::AwsIam, DatabaseAuth::Password));
    // The report says where a value stands, and never what it is.
    assert_eq!(
        origin(&loaded, "signing_key"),
        "environment KINLINK_SIGNING_KEY, by reference aws-sm:kinlink/keys#signing"
    );
    let shown = loaded.report.iter().find(|line| line.name == "store_url").unwrap();
    assert_eq!(shown.value_masked.as_deref(), Some("postgres://***@db/***"));
    assert!(!format!("{loaded:?}").contains("s3cret") && !format!("{loaded:?}").contains(KEY));
}

#[test]
fn what_a_secret_holds_is_checked_like_any_other_value() {
    for (setting, reference, content, expected) in [
        ("KINLINK_SIGNING_KEY", "aws-sm:keys", "s3cret", "expected at least 32 random characters"),
        ("KINLINK_SIGNING_KEY", "aws-sm:keys?a=b", KEY, "only the reference of a database's URL"),
        ("KINLINK_SIGNING_KEY", "aws-sm:keys#signing", "{}", "has no key signing"),
        ("KINLINK_STORE_URL", "aws-sm:keys", "s3cret", "expected a database URL"),
        ("KINLINK_STORE_URL", "aws-sm:keys", "{\"password\":\"s3cret\"}", "name the key with the URL"),
    ] {
        let secrets: Secrets = [("keys".to_owned(), content.into())].into();
        let errors = loaded_with(&[(setting, reference)], None, &secrets).unwrap_err();
        let [error] = errors.0.as_slice() else { panic!("{errors}") };
        let error = error.to_string();
        assert!(error.starts_with(setting) && error.contains(expected), "{error}");
        assert!(!error.contains("s3cret"), "{error}");
    }
}

#[test]
fn references_that_lead_nowhere_say_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    fs::write(path("empty"), "\n").unwrap();
    fs::write(path("short"), "s3cret").unwrap();
    fs::write(path("long"), "x".repeat(100_000)).unwrap();
    for (value, problem) in [
        ("env:NOT_SET".to_owned(), "the variable NOT_SET that it refers to is not set".to_owned()),
        ("env:EMPTY".to_owned(), "the variable EMPTY that it refers to is not set".to_owned()),
        (format!("file:{}", path("none")), format!("the file {} that it refers to cannot be read", path("none"))),
        (format!("file:{}", path("empty")), format!("the file {} that it refers to is empty", path("empty"))),
        (format!("file:{}", path("long")), "is too long for a secret".to_owned()),
        (format!("file:{}", path("short")), "expected at least 32 random characters".to_owned()),
        ("aws-sm:kinlink/key".to_owned(), "the secret kinlink/key that it refers to was not fetched".to_owned()),
    ] {
        let errors = errors(&[("KINLINK_SIGNING_KEY", &value), ("EMPTY", "")], "");
        let [error] = errors.as_slice() else { panic!("{errors:?}") };
        assert!(error.starts_with("KINLINK_SIGNING_KEY: ") && error.contains(&problem), "{error}");
        assert!(!error.contains("s3cret"), "{error}");
    }
}

#[test]
fn wrong_values_name_the_place_and_what_was_expected_and_never_the_value() {
    for (name, value, expected) in [
        ("data_dir", "\u{7}", "a line of"),
        ("store_url", "s3cret://kinlink", "a database URL"),
        ("store_url", "mysql://user:s3cret@host", "a database URL"),
        ("moodle_url", "s3cret", "a database URL"),
        ("moodle_prefix", "mdl;drop", "a prefix of table names"),
        ("moodle_site", "http://moodle.example.org", "an address such as https://"),
        ("queue_url", "kinlink-queue", "the URL of an SQS queue"),
        ("queue_dead_url", "https://sqs.eu-west-1.amazonaws.com", "the URL of an SQS queue"),
        ("signing_key", "s3cret", "at least 32 random characters"),
        ("listen", "localhost:8080", "an IP address and a port"),
        ("listen", "127.0.0.1", "an IP address and a port"),
        ("public_url", "parents.example.org", "an address such as https://"),
        ("mail_url", "smtp://user:s3cret@host?tls=none", "TLS"),
        ("mail_url", "user:s3cret@host", "smtp://host:25?tls=none"),
        ("mail_from", "School <noreply@example.org>", "an email address"),
        ("cycle_seconds", "0", "a whole number from 1 to 86400"),
        ("cycle_seconds", "1.5", "a whole number from 1 to 86400"),
        ("log_format", "xml", "pretty or json"),
        ("store_auth", "iam", "password or aws-iam"),
    ] {
        let variable = format!("KINLINK_{}", name.to_uppercase());
        let toml = format!("{name} = \"{}\"", value.replace('\u{7}', "\\u0007"));
        for (errors, place) in [
            (errors(&[(&variable, value)], ""), format!("{variable}: expected ")),
            (errors(&[], &toml), format!("{name} in kinlink.toml: expected ")),
        ] {
            let [error] = errors.as_slice() else { panic!("{name}: {errors:?}") };
            assert!(error.starts_with(&format!("{place}{expected}")), "{error}");
            assert!(!error.contains("s3cret"), "{error}");
        }
    }
}

#[test]
fn all_errors_are_told_at_once() {
    let all = loaded(
        &[("KINLINK_LISTEN", "x"), ("KINLINK_CYCLE_SECONDS", "x"), ("KINLINK_SCHOL", "x")],
        Some("log_format = true\nconntact = \"x\"\n[store]\nurl = \"x\"\n"),
    )
    .unwrap_err();
    assert_eq!(all.0.len(), 6, "{all}");
    let text = all.to_string();
    for part in [
        "KINLINK_SCHOL: there is no such setting; did you mean KINLINK_SCHOOL?",
        "conntact in kinlink.toml: there is no such setting; did you mean contact?",
        "store in kinlink.toml: there is no such setting",
        "log_format in kinlink.toml: expected a text in double quotes",
        "KINLINK_LISTEN: expected",
        "KINLINK_CYCLE_SECONDS: expected",
    ] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn unknown_variables_are_errors_but_for_those_of_tests_and_tools() {
    for name in ["KINLINK_TEST_SMTP", "KINLINK_CRASH_AT", "KINLINK_LOG", "KINLINK_CONFIG", "OTHER", "MY_KINLINK_X"] {
        loaded(&[(name, "x")], None).unwrap();
    }
    assert_eq!(
        errors(&[("KINLINK_COLOUR", "x")], ""),
        ["KINLINK_COLOUR: there is no such setting; `kinlink config` lists them"]
    );
}

#[test]
fn a_file_that_is_not_toml_is_named_with_its_line_and_not_quoted() {
    for text in ["# comment\nstore_url = mysql://user:s3cret@db/x\n", "school = \"x\"\nsigning_key = \"s3cret\n"] {
        let errors = errors(&[], text);
        let [error] = errors.as_slice() else { panic!("{errors:?}") };
        assert!(error.starts_with("kinlink.toml, line 2: not valid TOML"), "{error}");
        assert!(!error.contains("s3cret"), "{error}");
    }
}

#[test]
fn settings_that_need_each_other() {
    for (name, value, message) in [
        ("KINLINK_MAIL_URL", "smtp://relay?tls=none", "KINLINK_MAIL_URL needs KINLINK_MAIL_FROM as well"),
        (
            "KINLINK_QUEUE_DEAD_URL",
            "https://sqs.eu-west-1.amazonaws.com/1/d",
            "KINLINK_QUEUE_DEAD_URL needs KINLINK_QUEUE_URL as well",
        ),
        ("KINLINK_STORE_AUTH", "aws-iam", "KINLINK_STORE_AUTH needs KINLINK_STORE_URL as well"),
        ("KINLINK_MOODLE_AUTH", "aws-iam", "KINLINK_MOODLE_AUTH needs KINLINK_MOODLE_URL as well"),
    ] {
        assert_eq!(errors(&[(name, value)], ""), [message]);
    }
}

#[test]
fn a_sign_in_is_there_as_a_whole_or_not_at_all() {
    let all = [
        ("KINLINK_OIDC_ISSUER", "https://sign-in.example.org"),
        ("KINLINK_OIDC_CLIENT_ID", "kinlink"),
        ("KINLINK_OIDC_CLIENT_SECRET", "s3cret"),
        ("KINLINK_OIDC_ROLES", "administrator=it"),
    ];
    assert_eq!(config(&all, "").oidc_scopes, "openid profile email");
    for missing in 0..all.len() {
        let mut some = all.to_vec();
        let (name, _) = some.remove(missing);
        assert_eq!(errors(&some, ""), [format!("{} needs {name} as well", some[0].0)]);
        assert_eq!(errors(&[all[missing]], "").len(), 3);
    }
    for (name, value, expected) in [
        ("KINLINK_OIDC_ISSUER", "http://sign-in.example.org", "the provider's address"),
        ("KINLINK_OIDC_ROLES", "teachers", "roles here and their names"),
        ("KINLINK_OIDC_SCOPES", "profile", "openid"),
    ] {
        let errors = errors(&[(name, value)], "");
        assert!(errors.len() == 1 && errors[0].contains(name) && errors[0].contains(expected), "{errors:?}");
    }
}
