//! Where the built functions and the expanded template are: named by the environment, never guessed.

use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};

use crate::template::Template;

/// The folder with `FUNCTION/bootstrap`.
pub const LAMBDA: &str = "KINLINK_TEST_LAMBDA";
/// The resolved template.
pub const TEMPLATE: &str = "KINLINK_TEST_TEMPLATE";

fn variable(name: &str) -> Result<String> {
    std::env::var(name).with_context(|| format!("{name} is not set: run tests/aws/run"))
}

/// The built program of a function.
///
/// # Errors
/// It is not there.
pub fn program(function: &str) -> Result<PathBuf> {
    let path = PathBuf::from(variable(LAMBDA)?).join(function).join("bootstrap");
    ensure!(path.is_file(), "{} is not there: build the functions with infra/build", path.display());
    Ok(path)
}

/// The archive of a function as it is uploaded, beside the folder of its program; nothing for a program without one.
///
/// # Errors
/// The environment does not say where programs are.
pub fn archive(function: &str) -> Result<Option<PathBuf>> {
    let path = PathBuf::from(variable(LAMBDA)?).join(format!("{function}.zip"));
    Ok(path.is_file().then_some(path))
}

/// The resolved template of a whole installation.
///
/// # Errors
/// It is not there or cannot be read.
pub fn template() -> Result<Template> {
    Template::read(&variable(TEMPLATE)?)
}
