//! What the functions write can be followed from the form to the role row, and holds nothing of anybody. That it is JSON and
//! names nobody is looked at in every story, when a sandbox goes.

use std::collections::{BTreeMap, BTreeSet};

use kinlink_aws_tests::{function::Function, world::world};
use serde_json::{Value, json};

use crate::whole::child;

/// The metrics that dashboards and alarms know.
const METRICS: [&str; 14] = [
    "BrakeEngaged",
    "CycleMilliseconds",
    "CyclesDone",
    "CyclesFailed",
    "Decisions",
    "JobsDead",
    "JobsWaiting",
    "LinksMade",
    "LinksRemoved",
    "MailsFailed",
    "MailsSent",
    "MoodleStatements",
    "RequestsProvisioned",
    "RequestsReceived",
];

/// The messages of the lines that belong to one request.
async fn lines_of(function: &Function, id: &str) -> BTreeSet<String> {
    let sandbox = function.sandbox().await.unwrap();
    let records = sandbox.output.records();
    function.give_back(sandbox).await;
    let own = records.into_iter().filter(|record| record["correlation.id"] == id);
    own.map(|record| record["message"].as_str().unwrap_or_default().to_owned()).collect()
}

/// What a function counted: the sum of each metric, and its unit. Looks at the form on the way.
async fn counted(function: &Function) -> BTreeMap<String, f64> {
    let sandbox = function.sandbox().await.unwrap();
    let metrics = sandbox.output.metrics();
    function.give_back(sandbox).await;
    let name = format!("kinlink-{}", function.launch.name);
    let mut sums = BTreeMap::new();
    for line in metrics {
        assert_eq!(line["Function"], name.as_str(), "{line}");
        assert!(line["_aws"]["Timestamp"].is_u64(), "{line}");
        for directive in line["_aws"]["CloudWatchMetrics"].as_array().unwrap() {
            assert_eq!(
                (&directive["Namespace"], &directive["Dimensions"]),
                (&json!("Kinlink"), &json!([["Function"]])),
                "{line}"
            );
            for metric in directive["Metrics"].as_array().unwrap() {
                let name = metric["Name"].as_str().unwrap();
                assert!(METRICS.contains(&name), "{name} is no metric of ours");
                let values: Vec<f64> = match &line[name] {
                    Value::Array(values) => values.iter().filter_map(Value::as_f64).collect(),
                    value => value.as_f64().or_else(|| value["Values"][0].as_f64()).into_iter().collect(),
                };
                assert!(!values.is_empty(), "{name} has no value: {line}");
                *sums.entry(name.to_owned()).or_insert(0.0) += values.iter().sum::<f64>();
            }
        }
    }
    sums
}

#[tokio::test]
async fn one_id_follows_a_request_from_the_form_to_the_role_row() {
    let world = world().await.unwrap();
    let (given, family, group) = child(0);
    let reference = world.submit("correlation1@canary.example", &[(given, family, &group)]).await.unwrap();
    let request = world.staff("GET", &format!("/requests/{reference}"), None).await.unwrap().expect(200).json();
    let id = request["id"].as_str().unwrap();
    world.approve(&reference).await.unwrap();
    let look = world.sqs.receive_message().queue_url(&world.queue).visibility_timeout(0).message_attribute_names("All");
    let message = look.send().await.unwrap().messages()[0].clone();
    let attribute = message.message_attributes().unwrap()["correlation_id"].string_value().unwrap().to_owned();
    assert_eq!(attribute, id);
    let body: Value = serde_json::from_str(message.body().unwrap()).unwrap();
    assert_eq!(body["correlation_id"], id);
    world.moodle_cron().await.unwrap();
    let report = world.cycle().await.unwrap();
    assert_eq!(report["report"]["provisioned"], 1, "{report}");

    for (function, messages) in [
        (&world.intake, &["request received"][..]),
        (&world.admin, &["request decided", "hint sent"]),
        (&world.provisioner, &["hint received", "job done", "mail sent"]),
    ] {
        let lines = lines_of(function, id).await;
        for message in messages {
            assert!(lines.contains(*message), "{}: {message:?} is not among {lines:?}", function.launch.name);
        }
    }
}

#[tokio::test]
async fn what_functions_count_reaches_cloudwatch_in_its_embedded_form() {
    let world = world().await.unwrap();
    let (given, family, group) = child(0);
    let reference = world.submit("metrics1@canary.example", &[(given, family, &group)]).await.unwrap();
    world.approve(&reference).await.unwrap();
    world.moodle_cron().await.unwrap();
    world.cycle().await.unwrap();
    let intake = counted(&world.intake).await;
    assert_eq!(intake, BTreeMap::from([("RequestsReceived".to_owned(), 1.0)]));
    let admin = counted(&world.admin).await;
    assert_eq!(admin, BTreeMap::from([("Decisions".to_owned(), 1.0)]));
    let provisioner = counted(&world.provisioner).await;
    for (name, value) in [
        ("CyclesDone", 1.0),
        ("LinksMade", 1.0),
        ("RequestsProvisioned", 1.0),
        ("JobsWaiting", 0.0),
        ("JobsDead", 0.0),
        ("BrakeEngaged", 0.0),
    ] {
        assert_eq!(provisioner.get(name), Some(&value), "{name}: {provisioner:?}");
    }
    assert!(provisioner["CycleMilliseconds"] > 0.0 && provisioner["MoodleStatements"] > 0.0, "{provisioner:?}");
}
