//! What every answer of the public function must be, and that nothing of what was sent is in places where it must not be.

use std::{collections::BTreeSet, sync::OnceLock};

use kinlink_domain::submission::FieldFault;
use kinlink_testapp::Answer;
use serde_json::Value;

use crate::log;

/// Stands in every text that is sent with it. No word of ours holds it.
pub(crate) const CANARY: &str = "zq7vx";

/// Every text of a value with the canary before it; the names of its members stay.
pub(crate) fn marked(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(format!("{CANARY}{text}")),
        Value::Array(values) => values.iter().map(marked).collect(),
        Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), marked(value))).collect(),
        other => other.clone(),
    }
}

/// Fails unless the answer is one that the description of the API names for this address: accepted, or a problem.
#[track_caller]
pub(crate) fn hold(path: &str, answer: &Answer) {
    let status = answer.status.as_u16();
    assert!(documented(path).contains(&status), "{path} answers {status}: {}", answer.text);
    assert!(status < 500, "{path} answers {status}: {}", answer.text);
    assert!(!answer.header("x-request-id").is_empty(), "{path}: an answer without an id");
    if status == 202 {
        let body = answer.json();
        let members = body.as_object().expect("an object");
        assert_eq!(members.keys().collect::<Vec<_>>(), ["reference"], "{path}: {}", answer.text);
        return;
    }
    assert_eq!(answer.header("content-type"), "application/problem+json; charset=utf-8", "{path}");
    let problem = answer.json();
    assert_eq!(problem["status"], status, "{problem}");
    let code = problem["code"].as_str().expect("a code");
    let kind = format!("https://kinlink.dev/problems/{}", code.replace('_', "-"));
    assert_eq!(problem["type"], kind.as_str(), "{problem}");
    for name in ["title", "detail"] {
        assert!(!problem[name].as_str().expect("a text").is_empty(), "{problem}");
    }
    for fault in problem["errors"].as_array().into_iter().flatten() {
        assert!(fault["pointer"].is_string() != fault["parameter"].is_string(), "{problem}");
        assert!(fault["code"].is_string() && fault["detail"].is_string(), "{problem}");
    }
}

/// Fails if the canary is in an answer, but for the names of fields, or in the log.
#[track_caller]
pub(crate) fn silent(path: &str, answer: &Answer) {
    let mut body: Value = serde_json::from_str(&answer.text).unwrap_or(Value::String(answer.text.clone()));
    for fault in body.get_mut("errors").and_then(Value::as_array_mut).into_iter().flatten() {
        fault["pointer"] = Value::Null;
    }
    assert!(!body.to_string().contains(CANARY), "{path} repeats what was sent: {}", answer.text);
    quiet(path);
}

/// Fails if the canary is in the log.
#[track_caller]
pub(crate) fn quiet(path: &str) {
    let log = log::take();
    assert!(!log.contains(CANARY), "{path}: the log repeats what was sent: {log}");
}

/// Fails if a fault of a submission says more than the field and what to do.
#[track_caller]
pub(crate) fn faults_are_silent(faults: &[FieldFault]) {
    for fault in faults {
        assert!(!fault.detail.contains(CANARY) && !fault.pointer.contains(CANARY), "{fault:?}");
        let pointer = fault.pointer.strip_prefix('/').unwrap_or_else(|| panic!("{fault:?}"));
        let names =
            |part: &str| part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        assert!(pointer.split('/').all(names), "{fault:?}");
    }
}

/// The statuses that the description names for POST on a path.
fn documented(path: &str) -> BTreeSet<u16> {
    static DESCRIPTION: OnceLock<Value> = OnceLock::new();
    let description = DESCRIPTION.get_or_init(|| serde_json::to_value(kinlink_intake::openapi()).unwrap());
    let responses = description["paths"][path]["post"]["responses"].as_object().expect("a path of the description");
    responses.keys().filter_map(|status| status.parse().ok()).collect()
}
