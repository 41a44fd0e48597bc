//! What is taken over from others, and whether it is all there.

use std::{
    fs,
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

const NOTICE: &str = include_str!("../assets/NOTICE.md");
const ICONS: &str = include_str!("../assets/icons.svg");

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

#[test]
fn vendored_files_are_the_ones_that_the_notice_names() {
    let htmx = include_bytes!("../assets/vendor/htmx-4.0.1.min.js");
    assert_eq!(hex(htmx), "a0abb04f2f45a1f89d1d4844023245537e5e6014c87b144553e0607b4cc32130");
    for (file, bytes) in [("vendor/htmx-4.0.1.min.js", &htmx[..]), ("icons.svg", ICONS.as_bytes())] {
        let line = NOTICE.lines().find(|line| line.contains(&format!("`{file}`"))).unwrap();
        assert!(line.contains(&hex(bytes)), "{file} is {}; the notice says: {line}", hex(bytes));
    }
}

/// Every file with an extension in a folder and below.
fn files(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.map(|entry| entry.expect("an entry")) {
        let path = entry.path();
        if path.is_dir() {
            files(&path, extension, found);
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
}

/// The texts in quotes between the brackets of each call of a macro, by their place.
fn arguments<'a>(text: &'a str, call: &str, place: usize) -> Vec<&'a str> {
    let calls = text.match_indices(call).map(|(at, _)| &text[at + call.len()..]);
    calls
        .filter_map(|rest| rest.split_once(')')?.0.split(',').nth(place)?.trim().strip_prefix('"')?.strip_suffix('"'))
        .collect()
}

#[test]
fn every_icon_that_a_page_names_is_in_the_sprite() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let (mut templates, mut sources) = (Vec::new(), Vec::new());
    files(&root.join("shared/web/templates"), "html", &mut templates);
    files(&root.join("shared/web/examples"), "html", &mut templates);
    files(&root.join("functions"), "html", &mut templates);
    files(&root.join("functions"), "rs", &mut sources);
    let macros = [("kit::icon(", 0), ("kit::tag(", 1), ("kit::notice(", 1), ("kit::empty(", 0)];
    let calls = templates
        .iter()
        .map(|file| (file, &macros[..]))
        .chain(sources.iter().map(|file| (file, &[("Tag::new(", 1)][..])));
    let mut seen = 0;
    for (file, calls) in calls {
        let text = fs::read_to_string(file).unwrap();
        for (call, place) in calls {
            for icon in arguments(&text, call, *place) {
                seen += 1;
                assert!(ICONS.contains(&format!("<symbol id=\"{icon}\"")), "{}: no icon {icon}", file.display());
            }
        }
    }
    assert!(seen > 50, "only {seen} icons were found");
}

#[test]
fn the_sprite_holds_each_icon_once_and_no_colours_of_its_own() {
    let mut names: Vec<_> = ICONS.split("<symbol id=\"").skip(1).map(|rest| rest.split_once('"').unwrap().0).collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all);
    assert_eq!(ICONS.matches("stroke=\"currentColor\"").count(), all);
    assert!(!ICONS.contains("style=") && !ICONS.contains('#'));
}
