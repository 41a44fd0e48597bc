//! The log of a test's process as a file, for the last step of `tests/run`: `tests/logs/run` searches all of them for names
//! and addresses of people.

use std::{
    fs::File,
    path::Path,
    sync::{Mutex, Once},
};

use tracing_subscriber::{Layer as _, filter, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _};

/// The folder in which the files are; without it nothing is kept.
const FOLDER: &str = "KINLINK_TEST_LOGS";

/// Begins to keep what our own crates log, at every level. A test that listens by itself goes on to do so.
pub(crate) fn keep() {
    static BEGUN: Once = Once::new();
    BEGUN.call_once(|| {
        let Some(folder) = std::env::var_os(FOLDER) else { return };
        let file = Path::new(&folder).join(format!("{}.log", std::process::id()));
        let file = File::create(file).expect("a file in the folder of tests/run");
        let ours = filter::filter_fn(|line| line.target().starts_with("kinlink"));
        let layer = fmt::layer().with_ansi(false).with_writer(Mutex::new(file)).with_filter(ours);
        let _ = tracing_subscriber::registry().with(layer).try_init();
    });
}
