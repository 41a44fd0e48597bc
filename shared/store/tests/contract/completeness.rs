//! Every statement was sent to every engine once: every public function of the crate is called by some test here.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The names of the public functions of a module that query, as `module::function`. What its submodules hold is called by its
/// name too.
fn public_functions(source: &Path) -> Vec<String> {
    let module = source.file_stem().unwrap().to_str().unwrap();
    let text: String = if source.is_dir() {
        files(source).iter().map(|file| fs::read_to_string(file).unwrap()).collect()
    } else {
        fs::read_to_string(source).unwrap()
    };
    text.lines()
        .filter_map(|line| line.strip_prefix("pub async fn ").or_else(|| line.strip_prefix("pub fn ")))
        .map(|rest| format!("{module}::{}", rest.split(['(', '<']).next().unwrap()))
        .collect()
}

fn files(folder: impl AsRef<Path>) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn every_public_function_is_called_by_a_test() {
    let tests: String = files("tests/contract").iter().map(|file| fs::read_to_string(file).unwrap()).collect();
    // `use …::{is_current, migrate}` and `use …::time::{instant, millis}`: called without their module.
    let unqualified = ["migrations::migrate", "migrations::is_current", "migrations::migrator"];
    let functions: Vec<String> = files("src").iter().flat_map(|file| public_functions(file)).collect();
    assert!(functions.len() > 80, "{}", functions.len());
    let missing: Vec<_> = functions
        .iter()
        .filter(|name| !tests.contains(&format!("{name}(")) && !unqualified.contains(&name.as_str()))
        .collect();
    assert!(missing.is_empty(), "without a contract test: {missing:?}");
}
