//! The fuzzer on one target: `KINLINK_FUZZ_TARGET` names it; the arguments are libFuzzer's. `tests/fuzz/run` starts it.

#![no_main]

use std::sync::LazyLock;

use kinlink_fuzz::{TARGETS, Target};
use libfuzzer_sys::fuzz_target;

static TARGET: LazyLock<Target> = LazyLock::new(|| {
    let name = std::env::var("KINLINK_FUZZ_TARGET").unwrap_or_default();
    let found = TARGETS.into_iter().find(|(known, _)| *known == name);
    found.unwrap_or_else(|| panic!("KINLINK_FUZZ_TARGET is one of {:?}", TARGETS.map(|(known, _)| known)))
});

fuzz_target!(|data: &[u8]| (TARGET.1)(data));
