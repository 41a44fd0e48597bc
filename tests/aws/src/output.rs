//! What a sandbox writes: two files, read at any moment, and looked through when the sandbox is gone.
//!
//! Files and not pipes: a frozen process keeps what it wrote, and nobody has to empty them.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context as _, Result};
use serde_json::Value;
use tempfile::TempDir;

/// What stories call people and where these get mail, and names of pupils. None of it may ever be in a log.
pub const CANARIES: [&str; 6] = ["Zyxwvut", "Qwertzui", "canary.example", "Marlow", "Ashby", "@example.org"];

/// How plain lines begin that are no part of the log: what the runtime library says at the end of a sandbox, and what is said
/// instead of a start, a setting a line.
const PLAIN: [&str; 3] = ["[runtime] ", "kinlink cannot run: ", "  KINLINK_"];

/// The two files.
#[derive(Debug)]
pub struct Output {
    folder: TempDir,
}

impl Output {
    /// New empty files.
    ///
    /// # Errors
    /// The temporary folder.
    pub(crate) fn new() -> Result<Self> {
        Ok(Self { folder: tempfile::tempdir().context("a temporary folder")? })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Where a process writes to; `stdout` or `stderr`.
    pub(crate) fn sink(&self, name: &str) -> Result<Stdio> {
        Ok(File::create(self.path(name)).context("a file for a sandbox's output")?.into())
    }

    /// Everything written to both so far.
    #[must_use]
    pub fn text(&self) -> String {
        ["stderr", "stdout"].map(|name| read(&self.path(name))).concat()
    }

    /// The lines so far that are JSON.
    #[must_use]
    pub fn records(&self) -> Vec<Value> {
        self.text().lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// The lines so far that are metrics in the embedded form of `CloudWatch`.
    #[must_use]
    pub fn metrics(&self) -> Vec<Value> {
        self.records().into_iter().filter(|record| record.get("_aws").is_some()).collect()
    }

    /// What is wrong with what was written: canaries, secrets, and lines that are no JSON.
    ///
    #[must_use]
    pub fn faults(&self, secrets: &[String]) -> Vec<String> {
        let text = self.text();
        let mut faults: Vec<String> = Vec::new();
        for line in text.lines() {
            let named = CANARIES.iter().copied().chain(secrets.iter().map(String::as_str));
            let named: Vec<&str> = named.filter(|word| contains(line, word)).collect();
            if !named.is_empty() {
                faults.push(format!("{named:?} in the log: {line}"));
            }
            let plain = line.trim().is_empty() || PLAIN.iter().any(|begin| line.starts_with(begin));
            if !plain && serde_json::from_str::<Value>(line).is_err() {
                faults.push(format!("a line that is no JSON: {line}"));
            }
        }
        faults
    }
}

/// Names may be folded on their way into a log.
fn contains(line: &str, canary: &str) -> bool {
    line.to_lowercase().contains(&canary.to_lowercase())
}

fn read(path: &Path) -> String {
    std::fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}
