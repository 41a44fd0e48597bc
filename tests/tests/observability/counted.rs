//! What this thread counted.

use std::{cell::RefCell, collections::BTreeSet};

use metrics::LocalRecorderGuard;
use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use serde_json::{Map, Value, json};

/// A listener of this thread.
#[derive(Default)]
pub(crate) struct Counted {
    recorder: DebuggingRecorder,
    ever: RefCell<BTreeSet<String>>,
}

impl Counted {
    /// Begins to listen; ends with the guard.
    pub(crate) fn listen(&self) -> LocalRecorderGuard<'_> {
        metrics::set_default_local_recorder(&self.recorder)
    }

    /// What was counted and measured since the last time: names with their numbers, without counts of zero.
    pub(crate) fn take(&self) -> Value {
        let mut taken = Map::new();
        for (key, _, _, value) in self.recorder.snapshotter().snapshot().into_vec() {
            assert_eq!(key.key().labels().count(), 0, "{key:?}");
            let numbers = match value {
                DebugValue::Counter(0) => continue,
                DebugValue::Counter(number) => json!([number]),
                DebugValue::Gauge(number) => json!([number.into_inner()]),
                DebugValue::Histogram(numbers) if numbers.is_empty() => continue,
                DebugValue::Histogram(numbers) => {
                    numbers.into_iter().map(|number| json!(number.into_inner())).collect()
                }
            };
            self.ever.borrow_mut().insert(key.key().name().to_owned());
            taken.insert(key.key().name().to_owned(), numbers);
        }
        Value::Object(taken)
    }

    /// The names of everything that was ever taken, sorted.
    pub(crate) fn ever(&self) -> Vec<String> {
        self.ever.borrow().iter().cloned().collect()
    }
}
