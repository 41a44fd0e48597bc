//! The built binary, as people and scripts use it. Each test has a data folder of its own.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use kinlink_db::{Db, Options};
use kinlink_domain::{Timestamp, ids::Id};
use kinlink_store::leases;
use serde_json::{Value, json};
use tempfile::TempDir;

const COMMANDS: [&str; 76] = [
    "serve",
    "demo",
    "migrate",
    "cycle",
    "reconcile",
    "contested",
    "contested list",
    "contested release",
    "plan",
    "plans",
    "plans list",
    "plans show",
    "plans compare",
    "plans apply",
    "adopt",
    "doctor",
    "explain",
    "requests",
    "requests list",
    "requests show",
    "requests approve",
    "requests deny",
    "requests ask",
    "requests duplicate",
    "requests bogus",
    "requests reopen",
    "requests withdraw",
    "requests correct",
    "requests note",
    "logins",
    "logins list",
    "logins revoke",
    "logins change-email",
    "links",
    "links list",
    "links restore",
    "leavers",
    "pupils",
    "cycles",
    "cycles list",
    "cycles show",
    "mail",
    "mail list",
    "mail show",
    "mail send",
    "sign-in",
    "holds",
    "holds list",
    "holds show",
    "holds place",
    "holds ask-release",
    "holds withdraw-release",
    "holds release",
    "tokens",
    "tokens list",
    "tokens create",
    "tokens revoke",
    "sources",
    "sources list",
    "sources create",
    "sources revoke",
    "privacy",
    "privacy retention",
    "privacy purge",
    "privacy bundle",
    "privacy erase",
    "privacy erasures",
    "config",
    "config show",
    "config set",
    "config help",
    "openapi",
    "roles",
    "help serve",
    "help requests approve",
    "",
];

/// A data folder, and the binary that works in it.
struct Here {
    folder: TempDir,
}

impl Here {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// The binary with nothing of this process's settings.
    fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kinlink"));
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("KINLINK_") {
                command.env_remove(name);
            }
        }
        command
            .current_dir(self.folder.path())
            .env("KINLINK_DATA_DIR", self.folder.path().join("data"))
            .env("USER", "Tester")
            .env_remove("LOGNAME")
            .args(arguments.split_whitespace());
        command
    }

    fn run(&self, arguments: &str) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// The answer as JSON, with the exit code.
    fn json(&self, arguments: &str) -> (i32, Value) {
        let output = self.run(&format!("{arguments} --json"));
        let text = String::from_utf8(output.stdout).unwrap();
        let last = text.lines().last().unwrap_or_default();
        let value = serde_json::from_str(last);
        let value = value.unwrap_or_else(|error| panic!("{arguments}: {error} in {text:?}"));
        assert_eq!(text.lines().count(), 1, "{arguments}: {text}");
        (output.status.code().unwrap(), value)
    }
}

/// A server that ends with the test.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Server {
    /// Starts it on a free port; gives what it prints when it is ready.
    fn start(here: &Here) -> (Self, Value) {
        let mut command = here.command("serve --json");
        command.env("KINLINK_LISTEN", "127.0.0.1:0").stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        (Self(child), serde_json::from_str(&line).unwrap())
    }

    /// Asks it to end, as a service manager does; gives the exit code.
    fn end(mut self) -> Option<i32> {
        let id = self.0.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(30) {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        None
    }
}

fn text(output: &[u8]) -> String {
    String::from_utf8_lossy(output).into_owned()
}

#[test]
fn the_demonstration_comes_true() {
    let here = Here::new();
    let output = here
        .command("demo --json")
        .env("KINLINK_STORE_URL", "not a database: the demonstration has its own")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let last = text(&output.stdout).lines().last().unwrap().to_owned();
    let summary: Value = serde_json::from_str(&last).unwrap();
    let names: Vec<&String> = summary.as_object().unwrap().keys().collect();
    assert_eq!(names.len(), 6, "{last}");
    assert_eq!((&summary["failed"], &summary["foreign_rows_touched"]), (&json!(0), &json!(0)), "{last}");
    for name in ["requests", "provisioned", "links", "waiting"] {
        assert!(summary[name].as_u64().unwrap() > 0, "{last}");
    }
    assert!(!here.folder.path().join("data").exists(), "the demonstration leaves nothing behind");

    let output = here.run("demo");
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stdout).starts_with("DEMONSTRATION"));
}

#[tokio::test]
async fn the_whole_road_over_http() {
    let here = Here::new();
    let (server, ready) = Server::start(&here);
    let address = ready["address"].as_str().unwrap();
    let staff = format!("Bearer {}", ready["admin_token"].as_str().unwrap());
    let client = reqwest::Client::new();
    let get =
        async |path: &str| client.get(format!("{address}{path}")).header("authorization", &staff).send().await.unwrap();
    assert!(get("/healthz").await.status().is_success());
    assert!(get("/").await.text().await.unwrap().contains("DEMONSTRATION"));

    let body = json!({
        "kind": "new_account",
        "adult": { "title": "Mr", "given_name": "Gwilym", "family_name": "Williams", "email": "gwilym@williams.test" },
        "children": [{ "given_name": "Noah", "family_name": "Williams", "tutor_group": "8KL" }],
        "declaration": true,
    });
    let sent =
        client.post(format!("{address}/api/v1/requests")).header("x-api-key", ready["source_key"].as_str().unwrap());
    let answer = sent.json(&body).send().await.unwrap();
    assert_eq!(answer.status(), 202);
    let answer: Value = answer.json().await.unwrap();
    let reference = answer["reference"].as_str().unwrap();

    // Whoever sits at the machine reads the mail in the browser, and the link works.
    let page = get("/mail").await.text().await.unwrap();
    let begins = format!("href=\"{address}/confirm/");
    let token = page.split(&begins).nth(1).unwrap().split('"').next().unwrap();
    let pressed = client.post(format!("{address}/confirm/{token}")).send().await.unwrap();
    assert!(pressed.status().is_success() && pressed.text().await.unwrap().contains(reference));
    let elsewhere = client.get(format!("{address}/mail")).header("host", "evil.example").send().await.unwrap();
    assert_eq!(elsewhere.status(), 403);

    let path = format!("/api/v1/admin/requests/{reference}");
    let seen = get(&path).await;
    let tag = seen.headers()["etag"].clone();
    let approve = async |tag: &reqwest::header::HeaderValue| {
        let checks = json!({ "checks": { "details_match": true, "no_similar_pupil": true, "no_critical_note": true } });
        let call =
            client.post(format!("{address}{path}/approve")).header("authorization", &staff).header("if-match", tag);
        call.json(&checks).send().await.unwrap().status()
    };
    assert_eq!(approve(&tag).await, 200);
    assert_eq!(approve(&tag).await, 412);
    let cycle = client.post(format!("{address}/api/v1/admin/cycles")).header("authorization", &staff);
    assert_eq!(cycle.json(&json!({ "action": "cycle" })).send().await.unwrap().status(), 202);

    let began = Instant::now();
    loop {
        let request: Value = get(&path).await.json().await.unwrap();
        if request["status"] == "provisioned" {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(30), "{request}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }

    // The command line sees the same, beside the running server.
    let (code, explained) = here.json("explain gwilym@williams.test Noah Williams");
    assert_eq!((code, &explained["broken"]), (0, &Value::Null), "{explained}");
    let (code, logins) = here.json("logins list williams");
    assert_eq!((code, &logins["items"][0]["state"]), (0, &json!("active")));
    let (code, change) = here.json("logins change-email gwilym@williams.test gwilym@new.test");
    assert_eq!((code, &change["standing"]), (0, &json!("waiting")), "{change}");
    let (code, address) = here.json("logins change-email gwilym@williams.test");
    assert_eq!((code, &address["in_moodle"], &address["change"]), (0, &json!("follows"), &change), "{address}");
    let (code, back) = here.json("logins change-email gwilym@williams.test --withdraw");
    assert_eq!((code, &back["withdrawn"]), (0, &json!(true)), "{back}");
    for (arguments, exit, error) in [
        ("logins change-email gwilym@williams.test --withdraw", 5, "no_email_change"),
        ("logins change-email gwilym@williams.test gwilym@williams.test", 5, "same_address"),
        ("logins change-email gwilym@williams.test k.larsen@school.example.org", 5, "shared_mailbox"),
        ("logins change-email gwilym@williams.test nonsense", 5, "invalid_fields"),
        ("logins change-email nobody@example.org x@example.org", 1, "not_found"),
        ("logins change-email gwilym@williams.test x@example.org --withdraw", 2, "usage"),
    ] {
        let (code, answer) = here.json(arguments);
        assert_eq!((code, answer["error"]["code"].as_str()), (exit, Some(error)), "{arguments}: {answer}");
    }
    let (code, denied) = here.json(&format!("requests deny {reference} --reason mistake"));
    assert_eq!((code, &denied["status"]), (0, &json!("denied")));
    let (code, explained) = here.json("explain gwilym@williams.test Noah Williams");
    assert_eq!(code, 3, "{explained}");
    assert_eq!(server.end(), Some(0));

    // A new start makes new keys.
    let (_server, again) = Server::start(&here);
    let address = again["address"].as_str().unwrap();
    let old = client.get(format!("{address}{path}")).header("authorization", &staff).send().await.unwrap();
    assert_eq!(old.status(), 401);
}

#[test]
fn a_hold_is_placed_by_one_person_and_not_released_by_the_same() {
    let here = Here::new();
    let (code, hold) = here.json("holds place --email Held@example.org --reason court_order --reference C-17/2026");
    assert_eq!((code, &hold["state"], &hold["placed_by"]), (0, &json!("in_force"), &json!("cli:Tester")), "{hold}");
    let id = hold["id"].as_str().unwrap();
    assert!(text(&here.run("holds list").stdout).contains("held@example.org"));
    assert!(text(&here.run(&format!("holds show {id}")).stdout).contains("C-17/2026"));
    for (arguments, exit, code) in [
        (format!("holds release {id}"), 5, "not_asked"),
        ("holds place --reason other --reference x".to_owned(), 5, "invalid_fields"),
        ("holds place --email a@example.org --reason king --reference x".to_owned(), 2, "usage"),
        ("holds place --email a@example.org --adult b --reason other --reference x".to_owned(), 2, "usage"),
        ("holds show x".to_owned(), 1, "not_found"),
    ] {
        let (found, answer) = here.json(&arguments);
        assert_eq!((found, answer["error"]["code"].as_str()), (exit, Some(code)), "{arguments}: {answer}");
    }
    assert_eq!(here.json(&format!("holds ask-release {id}")).0, 0);
    let (code, refused) = here.json(&format!("holds release {id}"));
    assert_eq!((code, refused["error"]["code"].as_str()), (5, Some("second_person")), "{refused}");
    let (code, kept) = here.json(&format!("holds withdraw-release {id}"));
    assert_eq!((code, &kept["release_asked_by"]), (0, &json!(null)), "{kept}");
}

#[test]
fn a_request_goes_its_way_by_the_command_line() {
    let here = Here::new();
    let (code, token) = here.json("tokens create reports --role viewer --days 30");
    assert!(code == 0 && token["secret"].as_str().unwrap().starts_with("klt_"), "{token}");
    let (_, tokens) = here.json("tokens list");
    assert_eq!(tokens["items"][0]["created_by"], "cli:Tester");
    assert!(!tokens.to_string().contains(token["secret"].as_str().unwrap()));
    let id = token["id"].as_str().unwrap();
    assert_eq!(here.json(&format!("tokens revoke {id}")).0, 0);
    assert_eq!(here.json("sources create website --proves-email").0, 0);

    for (arguments, exit, code) in [
        ("requests show K7QX-2M9D", 1, "not_found"),
        ("requests approve nonsense", 1, "not_found"),
        ("explain nobody@example.org Turner", 1, "not_found"),
        ("logins revoke nobody", 1, "not_found"),
        ("links restore 987654", 1, "not_found"),
        ("links restore", 2, "usage"),
        ("cycles show x", 1, "not_found"),
        ("mail show x", 1, "not_found"),
        ("cycle --apply 0123", 5, "plan_changed"),
        ("plans apply 0123", 5, "plan_changed"),
        ("plans show 0123", 1, "not_found"),
        ("contested release x", 1, "not_found"),
        ("config set colour red", 5, "invalid_setting"),
        ("config set email_proof perhaps", 5, "invalid_setting"),
        ("tokens create x --role king", 2, "usage"),
        ("nonsense", 2, "usage"),
        ("requests approve K7QX-2M9D --pick 1", 2, "usage"),
    ] {
        let (found, answer) = here.json(arguments);
        assert_eq!((found, answer["error"]["code"].as_str()), (exit, Some(code)), "{arguments}: {answer}");
        assert!(
            answer["error"]["errors"].is_array() && answer["error"]["detail"].as_str().unwrap().ends_with('.'),
            "{answer}"
        );
        let output = here.run(arguments);
        assert!(output.stdout.is_empty(), "{arguments}");
        assert_eq!(output.status.code(), Some(exit), "{arguments}");
        assert!(exit == 2 || text(&output.stderr).starts_with("kinlink: "), "{}", text(&output.stderr));
    }
    let (code, pupils) = here.json("pupils niamh obrien");
    assert_eq!((code, pupils["items"].as_array().unwrap().len()), (0, 1));
    for arguments in [
        "requests list --status pending",
        "links list",
        "leavers --preview",
        "leavers",
        "cycles list",
        "mail list",
        "mail send",
        "plan",
        "plan --keep",
        "plans list",
        "adopt",
        "adopt --give-back",
        "contested list",
        "cycle",
        "cycle --full",
        "reconcile",
    ] {
        assert_eq!(here.json(arguments).0, 0, "{arguments}");
        let output = here.run(arguments);
        assert!(output.status.success() && !output.stdout.is_empty(), "{arguments}");
    }
    // The school's earlier rows stand for nobody's link here: each stays as it is.
    let (_, adopt) = here.json("adopt");
    assert_eq!((&adopt["scope"], &adopt["adoptions"]), (&json!("adoption"), &json!(0)), "{adopt}");
    assert!(adopt["left"].as_u64().unwrap() > 0, "{adopt}");
    let (code, doctor) = here.json("doctor");
    assert_eq!((code, &doctor["demonstration"]), (0, &json!(true)), "{doctor}");
}

#[test]
fn settings_are_shown_without_secrets_and_wrong_ones_stop_the_start() {
    let here = Here::new();
    let store = format!("sqlite:{}", here.folder.path().join("own.db").display());
    let key = "correct horse battery staple, and then some";
    let mut command = here.command("config");
    command.env("KINLINK_MOODLE_URL", "mysql://kinlink:s3cret@127.0.0.1:1/moodle").env("KINLINK_SIGNING_KEY", key);
    command
        .env("KINLINK_STORE_URL", &store)
        .env("KINLINK_MAIL_URL", "smtp://user:s3cret@127.0.0.1:1")
        .env("KINLINK_MAIL_FROM", "a@example.org");
    let output = command.output().unwrap();
    let shown = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(shown.contains("mysql://***@127.0.0.1/***") && shown.contains("environment KINLINK_MOODLE_URL"), "{shown}");
    assert!(!shown.contains("s3cret") && !shown.contains(key), "{shown}");
    // The store has no tables yet, and that is said without hiding the connections.
    assert!(shown.contains("kinlink migrate"), "{shown}");

    assert!(text(&here.run("config").stdout).contains("pupil_filter"));
    assert_eq!(
        here.json("config set email_proof_hours 24").1,
        json!({
            "name": "email_proof_hours", "value": "24", "meaning": "hours for which the link that proves it works",
        })
    );

    for (name, value) in
        [("KINLINK_LISTEN", "here"), ("KINLINK_STOER_URL", "sqlite:x"), ("KINLINK_SIGNING_KEY", "short")]
    {
        for arguments in ["serve", "requests list", "doctor"] {
            let output = here.command(arguments).env(name, value).output().unwrap();
            assert_eq!(output.status.code(), Some(2), "{name} {arguments}");
            assert!(text(&output.stderr).contains(name), "{}", text(&output.stderr));
        }
    }

    // A store that is configured is never migrated by the way.
    let output = here.command("requests list").env("KINLINK_STORE_URL", &store).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("`kinlink migrate`"), "{}", text(&output.stderr));
    let output = here.command("doctor").env("KINLINK_STORE_URL", &store).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stdout));
    assert!(here.command("migrate").env("KINLINK_STORE_URL", &store).output().unwrap().status.success());
    assert!(here.command("requests list").env("KINLINK_STORE_URL", &store).output().unwrap().status.success());
}

#[cfg(unix)]
#[test]
fn the_data_folder_is_for_its_owner() {
    use std::os::unix::fs::PermissionsExt as _;
    let here = Here::new();
    assert!(here.run("requests list").status.success());
    let data = here.folder.path().join("data");
    let mode = |path: std::path::PathBuf| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(data.clone()), mode(data.join("signing-key"))), (0o700, 0o600));
    let key = std::fs::read_to_string(data.join("signing-key")).unwrap();
    assert_eq!(key.trim().len(), 64);
    assert!(here.run("requests list").status.success());
    assert_eq!(std::fs::read_to_string(data.join("signing-key")).unwrap(), key);
}

#[test]
fn every_command_has_help() {
    let here = Here::new();
    for command in COMMANDS {
        let arguments = if command.starts_with("help") || command == "config help" {
            command.to_owned()
        } else {
            format!("{command} --help")
        };
        let output = here.run(&arguments);
        assert!(output.status.success(), "{arguments}: {}", text(&output.stderr));
        assert!(text(&output.stdout).len() > 80, "{arguments}");
    }
    let help = text(&here.run("--help").stdout);
    for code in ["0  done", "1  failed", "2  wrong", "3  explain", "4  busy", "5  refused"] {
        assert!(help.contains(code), "{help}");
    }
    assert!(!here.folder.path().join("data").exists());
}

#[test]
fn two_may_start_at_once() {
    let here = Here::new();
    for arguments in ["migrate", "doctor"] {
        let both: Vec<Child> = (0..4)
            .map(|_| here.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
            .collect();
        for child in both {
            let output = child.wait_with_output().unwrap();
            assert!(output.status.success(), "{arguments}: {}{}", text(&output.stdout), text(&output.stderr));
        }
    }
}

#[tokio::test]
async fn a_cycle_beside_another_is_busy() {
    let here = Here::new();
    assert!(here.run("migrate").status.success());
    let url = format!("sqlite:{}", here.folder.path().join("data/store.db").display());
    let db = Db::connect_lazy(&url, Options::default()).unwrap();
    let until = Timestamp::now() + jiff::SignedDuration::from_mins(1);
    let (holder, mut store) = (Id::new(1, &[1; 10]), db.acquire().await.unwrap());
    assert!(leases::take(&mut store, leases::PROVISIONER, holder, Timestamp::now(), until).await.unwrap());
    drop(store);
    db.close().await;
    let (code, answer) = here.json("cycle");
    assert_eq!((code, &answer["error"]["code"]), (4, &json!("busy")), "{answer}");
    assert_eq!(here.run("cycle").status.code(), Some(4));
}

#[tokio::test]
async fn links_of_the_command_line_let_into_the_staffs_pages_once() {
    let here = Here::new();
    let (server, ready) = Server::start(&here);
    let address = ready["address"].as_str().unwrap();
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let press = async |url: String| client.post(url).send().await.unwrap();
    let printed = ready["sign_in_url"].as_str().unwrap();
    assert!(printed.starts_with(&format!("{address}/admin/sign-in/link/")), "{printed}");
    assert_eq!(client.get(printed).send().await.unwrap().status(), 200);
    let answer = press(printed.to_owned()).await;
    assert_eq!(answer.status(), 303);
    let cookie = answer.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let page = client.get(format!("{address}/admin/help")).header("cookie", cookie).send().await.unwrap();
    assert_eq!(page.status(), 200);
    assert!(page.text().await.unwrap().contains("<bdi>Tester</bdi>"), "the link's maker is who signs in");
    assert_eq!(press(printed.to_owned()).await.status(), 410);

    // Another process, which knows nothing of the port that the system chose.
    let (exit, made) = here.json("sign-in --role viewer");
    assert_eq!((exit, &made["role"]), (0, &json!("viewer")));
    let made = made["sign_in_url"].as_str().unwrap();
    let path = made.strip_prefix("http://127.0.0.1:8080").unwrap();
    assert_eq!(press(format!("{address}{path}")).await.status(), 303);
    let output = here.run("sign-in");
    assert!(text(&output.stdout).starts_with("http://127.0.0.1:8080/admin/sign-in/link/"), "{}", text(&output.stdout));
    assert_eq!(server.end(), Some(0));
}

#[test]
fn the_command_line_shows_purges_copies_and_erases() {
    let here = Here::new();
    assert_eq!(here.json("sources create website --proves-email").0, 0);
    let (code, classes) = here.json("privacy retention");
    assert_eq!((code, classes["items"].as_array().unwrap().len()), (0, 10), "{classes}");
    for arguments in ["privacy purge --dry-run", "privacy purge"] {
        let (code, answer) = here.json(arguments);
        assert_eq!((code, answer["items"][0]["class"].as_str()), (0, Some("unproven")), "{arguments}: {answer}");
    }
    assert_eq!(here.json("privacy erasures").1["items"], serde_json::json!([]));
    for (arguments, exit, code) in [
        ("privacy bundle --adult nobody@example.org --out copy", 1, "not_found"),
        ("privacy bundle --out copy", 2, "usage"),
        ("privacy erase --adult nobody@example.org", 2, "usage"),
        ("privacy erase --adult nobody@example.org --yes", 1, "not_found"),
        ("privacy erase --request K7QX-2M9D --yes", 1, "not_found"),
    ] {
        let (found, answer) = here.json(arguments);
        assert_eq!((found, answer["error"]["code"].as_str()), (exit, Some(code)), "{arguments}: {answer}");
    }
    assert!(!here.folder.path().join("copy").exists(), "nothing is written about nobody");
}
