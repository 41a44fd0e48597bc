//! `kinlink roles`: who may use which page and endpoint, and who sees what.

use kinlink_admin::access::document;
use serde_json::json;

use crate::answer::Answer;

pub(crate) fn run() -> Answer {
    let text = document();
    Answer::new(json!({ "document": text }), text)
}
