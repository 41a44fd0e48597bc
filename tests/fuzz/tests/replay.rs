//! Every saved input once more, on each target: examples, and whatever ever broke a property.

#![allow(clippy::unwrap_used, reason = "helpers of tests, which clippy does not take for tests")]

use std::{fs, path::PathBuf};

use kinlink_fuzz::TARGETS;

fn corpus() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

/// Runs the inputs of one target; fails if there is none.
fn replay(name: &str) {
    let (_, hold) = TARGETS.into_iter().find(|(known, _)| *known == name).unwrap();
    let mut inputs: Vec<PathBuf> =
        fs::read_dir(corpus().join(name)).unwrap().map(|file| file.unwrap().path()).collect();
    inputs.sort();
    assert!(inputs.len() >= 3, "{name} has no examples");
    for input in inputs {
        println!("{}", input.display());
        hold(&fs::read(input).unwrap());
    }
}

#[test]
fn saved_submissions_hold() {
    replay("submission");
}

#[test]
fn saved_registers_hold() {
    replay("matching");
}

#[test]
fn saved_bodies_of_the_typed_api_hold() {
    replay("typed");
}

#[test]
fn saved_bodies_of_contact_form_7_hold() {
    replay("contact_form_7");
}

#[test]
fn saved_forms_hold() {
    replay("form_pages");
}

#[test]
fn every_target_has_its_inputs_and_every_folder_is_a_target_s() {
    let mut folders: Vec<String> =
        fs::read_dir(corpus()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    folders.sort();
    let mut names = TARGETS.map(|(name, _)| name).to_vec();
    names.sort_unstable();
    assert_eq!(folders, names);
}

/// Inputs that a fuzzer would have to invent, so that the fast tests go far without one.
#[test]
fn short_and_odd_inputs_hold() {
    for (name, hold) in TARGETS {
        for odd in
            [&b""[..], b"\0", b"{", b"[]", b"null", b"\xff\xfe", b"\"\\ud800\"", b"1e999", "\u{202e}\n\t".as_bytes()]
        {
            println!("{name}: {odd:?}");
            hold(odd);
        }
        hold(&vec![b'['; 40_000]);
    }
}
