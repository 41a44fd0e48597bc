//! `kinlink doctor`: everything that a cycle relies on, looked at.

use kinlink_service::doctor::{self, Level};
use serde_json::json;

use crate::{
    answer::{Answer, Exit, put},
    failure::Failure,
    local::Local,
};

pub(crate) async fn run() -> Result<Answer, Failure> {
    let local = Local::open("error").await?;
    local.prepare().await?;
    // What stands in its way is among the findings.
    let _ = local.run_demonstration().await;
    let diagnosis = doctor::examine(&local.app, &local.actor).await?;
    let mut text = String::new();
    if local.demonstration {
        text.push_str("DEMONSTRATION: the Moodle looked at is an invented school's.\n\n");
    }
    for finding in &diagnosis.findings {
        let sign = match finding.level {
            Level::Good => '✓',
            Level::Warning => '!',
            Level::Error => '✗',
        };
        put!(text, "{sign} {}: {}\n", finding.check, finding.seen);
        if !finding.remedy.is_empty() {
            put!(text, "    {}\n", finding.remedy);
        }
    }
    let worst = diagnosis.worst();
    text.push_str(match worst {
        Level::Good => "\nEverything is as it should be.\n",
        Level::Warning => "\nIt works; somebody should look at what is marked with !.\n",
        Level::Error => "\nCycles cannot work, or harm threatens: begin with the first ✗.\n",
    });
    let answer = json!({ "level": worst, "demonstration": local.demonstration, "findings": diagnosis.findings });
    Ok(Answer::new(answer, text).exit(if worst == Level::Error { Exit::Usage } else { Exit::Done }))
}
