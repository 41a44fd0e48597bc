//! Whether `docs/security.md` is honest as far as a program can tell: every file and every test that it names is there, every
//! claim of "met" names both, and what is not met says why.

#![allow(clippy::unwrap_used, reason = "helpers of tests, which clippy does not take for tests")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// A requirement as the document has it.
#[derive(Debug)]
struct Row {
    id: String,
    state: String,
    places: Vec<String>,
    tests: Vec<String>,
}

fn document() -> String {
    fs::read_to_string(root().join("docs/security.md")).unwrap()
}

/// What stands between backticks.
fn quoted(text: &str) -> Vec<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The rows whose first cell is a number of the standard.
fn rows(text: &str) -> Vec<Row> {
    let is_id = |cell: &str| cell.split('.').count() == 3 && cell.split('.').all(|part| part.parse::<u8>().is_ok());
    let rows = text.lines().filter_map(|line| {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let [id, _, state, places, tests] = cells.as_slice() else { return None };
        is_id(id).then(|| Row {
            id: (*id).to_owned(),
            state: (*state).to_owned(),
            places: quoted(places),
            tests: quoted(tests),
        })
    });
    rows.collect()
}

/// What is wrong with a row, given the tests that there are.
fn faults(row: &Row, known: &BTreeSet<String>) -> Vec<String> {
    let mut faults = Vec::new();
    let (state, reason) = row.state.split_once(':').unwrap_or((&row.state, ""));
    match state {
        "met" if row.tests.is_empty() => faults.push("met, and no test shows it".to_owned()),
        "partly" | "not met" | "not met here" if reason.trim().len() < 20 => {
            faults.push(format!("{state} without a reason"));
        }
        "met" | "partly" | "not met" | "not met here" => {}
        other => faults.push(format!("{other} is no state")),
    }
    if row.places.is_empty() {
        faults.push("no place is named".to_owned());
    }
    faults
        .extend(row.places.iter().filter(|place| !root().join(place).exists()).map(|place| format!("no file {place}")));
    let there = |test: &&String| if test.contains('/') { root().join(test).exists() } else { known.contains(*test) };
    faults.extend(row.tests.iter().filter(|test| !there(test)).map(|test| format!("no test {test}")));
    faults
}

/// The names of all test functions below a folder.
fn tests_below(folder: &Path, names: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if entry.file_type().unwrap().is_dir() {
            if !matches!(path.file_name().and_then(|name| name.to_str()), Some("target" | "node_modules")) {
                tests_below(&path, names);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            collect(&fs::read_to_string(&path).unwrap(), names);
        }
    }
}

/// The functions below `#[test]`, or within `proptest!`, where that attribute is the macro's.
fn collect(code: &str, names: &mut BTreeSet<String>) {
    let mut is_test = false;
    for line in code.lines().map(str::trim) {
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            is_test = true;
        } else if let Some(rest) = line.strip_prefix("async fn ").or_else(|| line.strip_prefix("fn "))
            && std::mem::take(&mut is_test)
        {
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            names.insert(rest[..end].to_owned());
        }
    }
}

#[test]
fn every_claim_names_files_and_tests_that_are_there() {
    let mut known = BTreeSet::new();
    for folder in ["functions", "shared", "tests"] {
        tests_below(&root().join(folder), &mut known);
    }
    let rows = rows(&document());
    assert!(rows.len() > 100, "{} requirements: the tables cannot be read any more", rows.len());
    let wrong: Vec<String> = rows
        .iter()
        .flat_map(|row| faults(row, &known).into_iter().map(|fault| format!("{}: {fault}", row.id)))
        .collect();
    assert!(wrong.is_empty(), "docs/security.md:\n{}", wrong.join("\n"));
    let ids: BTreeSet<&String> = rows.iter().map(|row| &row.id).collect();
    assert_eq!(ids.len(), rows.len(), "a requirement stands twice");
}

#[test]
fn every_file_that_the_rest_names_is_there() {
    let text = document();
    let paths = quoted(&text).into_iter().filter(|quote| {
        let first = quote.split('/').next().unwrap_or_default();
        quote.contains('/') && !quote.contains([' ', '{', ':']) && root().join(first).exists()
    });
    let missing: Vec<String> = paths.filter(|path| !root().join(path).exists()).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// The source of everything that ships: crates without their tests, and the browser's script.
fn shipped(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if entry.file_type().unwrap().is_dir() {
            if path.file_name().is_none_or(|name| name != "tests" && name != "vendor") {
                shipped(&path, found);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs" || extension == "js") {
            let code = fs::read_to_string(&path).unwrap();
            found.push((path, code));
        }
    }
}

#[test]
fn nothing_that_ships_starts_a_program_or_keeps_data_in_a_browser() {
    let mut found = Vec::new();
    for folder in ["functions", "shared"] {
        shipped(&root().join(folder), &mut found);
    }
    assert!(found.len() > 100 && found.iter().any(|(path, _)| path.ends_with("app.js")), "the source was found");
    for (path, code) in found {
        for word in
            ["process::Command", "Command::new(", "localStorage", "sessionStorage", "indexedDB", "document.cookie"]
        {
            assert!(!code.contains(word), "{}: {word}", path.display());
        }
    }
}

#[test]
fn a_claim_that_nothing_shows_is_found() {
    let known = BTreeSet::from(["a_test".to_owned()]);
    let fault = |line: &str| faults(&rows(line)[0], &known);
    assert_eq!(fault("| 1.2.3 | x | met | `Cargo.toml` | `a_test` |"), Vec::<String>::new());
    assert_eq!(fault("| 1.2.3 | x | met | `Cargo.toml` | – |"), ["met, and no test shows it"]);
    assert_eq!(fault("| 1.2.3 | x | met | `nothing.rs` | `no_test` |"), ["no file nothing.rs", "no test no_test"]);
    assert_eq!(fault("| 1.2.3 | x | partly | `Cargo.toml` | – |"), ["partly without a reason"]);
    assert_eq!(fault("| 1.2.3 | x | surely | `Cargo.toml` | – |"), ["surely is no state"]);
    assert_eq!(fault("| 1.2.3 | x | met | – | `a_test` |"), ["no place is named"]);
}
