//! `kinlink leavers`: which pupils have left, and ending what their parents have when its time is over.

use std::fmt::Write as _;

use kinlink_service::leavers::{self, Leaving, Preview, Ran, Report};

use crate::{
    answer::{Answer, Exit, count, short, table, time_or_dash},
    failure::Failure,
    local::Local,
};

/// What to do.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only show who has left and what ends when; writes nothing
    #[arg(long)]
    preview: bool,
}

pub(crate) async fn run(Args { preview }: Args) -> Result<Answer, Failure> {
    let local = Local::ready().await?;
    if preview {
        let found = leavers::preview(&local.app, &local.actor).await?;
        let text = shown(&found);
        return Ok(Answer::new(found, text));
    }
    Ok(match leavers::run(&local.app, &local.actor).await? {
        Ran::Busy => {
            let text = "A cycle is running; nothing was done. Try again when it has ended.";
            Answer::new(serde_json::json!({ "busy": true }), text).exit(Exit::Busy)
        }
        Ran::Done(report) => {
            let answer = Answer::new(report, told(&report));
            if report.held || report.held_login_rows > 0 { answer.exit(Exit::Refused) } else { answer }
        }
    })
}

fn told(report: &Report) -> String {
    if report.held {
        return format!("Held: {}.", leavers::held_warning(report));
    }
    let mut text = format!(
        "{} of {} have left, {} of them newly; {} came back. Ended {} and took {} away.",
        report.left,
        count(usize::try_from(report.pupils).unwrap_or(usize::MAX), "linked pupil", "linked pupils"),
        report.newly_left,
        report.back,
        count(usize::try_from(report.ended_links).unwrap_or(usize::MAX), "link", "links"),
        count(usize::try_from(report.removed_login_rows).unwrap_or(usize::MAX), "login row", "login rows"),
    );
    if report.held_login_rows > 0 {
        let _ = write!(text, "\nHeld: {}.", leavers::held_login_rows_warning(report));
    }
    text
}

fn shown(found: &Preview) -> String {
    let mut text = String::new();
    if found.held {
        text.push_str(
            "NOT BELIEVED: nothing will end. Look at pupil_filter, leaver_filter and the accounts in Moodle.\n",
        );
    }
    let row = |leaving: &Leaving| {
        [
            leaving.ends_on.to_string(),
            leaving.pupil.to_string(),
            short(&leaving.name, 40),
            leaving.tutor_group.clone(),
            leaving.reason.code().to_owned(),
            time_or_dash(leaving.since),
            leaving.adults.to_string(),
        ]
    };
    let rows: Vec<_> = found.leavers.iter().map(row).collect();
    text.push_str(&table(["ENDS", "PUPIL", "NAME", "GROUP", "WHY", "KNOWN SINCE", "ADULTS"], &rows));
    let groups: Vec<[String; 4]> = found
        .groups
        .iter()
        .map(|group| {
            let year = group.year_group.map_or_else(|| "-".to_owned(), |year| year.to_string());
            [year, group.tutor_group.clone(), group.pupils.to_string(), group.links.to_string()]
        })
        .collect();
    if !groups.is_empty() {
        text.push('\n');
        text.push_str(&table(["YEAR", "GROUP", "PUPILS", "LINKS"], &groups));
    }
    if let Some(first) = found.login_rows.first() {
        let rows = count(found.login_rows.len(), "adult", "adults");
        let _ = writeln!(text, "\n{rows} may still sign in without a pupil; the first until {}.", first.ends_on);
    }
    text
}
