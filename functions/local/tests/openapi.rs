//! The API's description: the copy in the repository is what the code says, and it is whole.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
};

use serde_json::Value;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");

fn described() -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_kinlink")).arg("openapi").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_description_in_the_repository_is_fresh() {
    let (described, kept) = (described(), std::fs::read_to_string(FILE).unwrap_or_default());
    let different = described.lines().zip(kept.lines()).position(|(new, old)| new != old);
    let line = different.unwrap_or_else(|| described.lines().count().min(kept.lines().count())) + 1;
    assert!(
        described == kept,
        "docs/openapi.json differs from the code in line {line}. If the API was meant to change, renew it:\n\
         cargo run -p kinlink -- openapi > docs/openapi.json"
    );
}

#[test]
fn every_reference_leads_somewhere_and_every_part_is_used() {
    let document: Value = serde_json::from_str(&described()).unwrap();
    let mut used = BTreeSet::new();
    references(&document, &mut used);
    let mut there = BTreeSet::new();
    for kind in ["schemas", "responses"] {
        let parts = document["components"][kind].as_object().unwrap();
        there.extend(parts.keys().map(|name| format!("#/components/{kind}/{name}")));
    }
    assert_eq!(used, there);
}

#[test]
fn every_operation_has_a_name_of_its_own_and_says_who_may_call_it() {
    let document: Value = serde_json::from_str(&described()).unwrap();
    let schemes = document["components"]["securitySchemes"].as_object().unwrap();
    let mut names = BTreeMap::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let name = operation["operationId"].as_str().unwrap();
            assert_eq!(names.insert(name, (method, path)), None, "{name} stands twice");
            let security = operation["security"].as_array().unwrap();
            assert!(!security.is_empty(), "{name}");
            for scheme in security.iter().flat_map(|needed| needed.as_object().unwrap().keys()) {
                assert!(schemes.contains_key(scheme), "{name}: {scheme}");
            }
            // Whoever must be known gets 401 when they are not.
            let open = security.iter().any(|needed| needed.as_object().unwrap().is_empty());
            assert_eq!(operation["responses"].get("401").is_none(), open, "{name}");
        }
    }
}

fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get("$ref").and_then(Value::as_str).map(str::to_owned));
            members.values().for_each(|member| references(member, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}
