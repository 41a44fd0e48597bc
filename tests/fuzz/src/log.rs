//! The log of our own crates, kept to be looked at: nothing that somebody sent may be in it.

use std::{
    io::{self, Write},
    sync::{Mutex, Once},
};

use tracing_subscriber::{Layer as _, filter, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _};

static WRITTEN: Mutex<Vec<u8>> = Mutex::new(Vec::new());
static BEGUN: Once = Once::new();

struct Keep;

impl Write for Keep {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        WRITTEN.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Begins to keep the log, at every level of our own crates.
pub(crate) fn keep() {
    BEGUN.call_once(|| {
        let ours = filter::filter_fn(|line| line.target().starts_with("kinlink"));
        let layer = fmt::layer().json().with_writer(|| Keep).with_filter(ours);
        // Another test of the process may have begun its own; then that one is looked at by itself.
        let _ = tracing_subscriber::registry().with(layer).try_init();
    });
}

/// What was written since the last time.
pub(crate) fn take() -> String {
    String::from_utf8_lossy(&std::mem::take(&mut *WRITTEN.lock().unwrap())).into_owned()
}
