//! The command line: its commands, and the help that teaches them. What a command does lives in `commands`.

use std::process::ExitCode;

use clap::{Parser, Subcommand, error::ErrorKind};
use serde_json::json;

use crate::{
    answer::{Exit, say},
    commands::{
        adopt, audit, config, contested, cycle, cycles, demo, explain, holds, leavers, links, logins, mail, migrate,
        plan, plans, privacy, pupils, reconcile, requests, sign_in, sources, tokens,
    },
};

const LONG_ABOUT: &str = "\
Kinlink gives parents and carers their Moodle accounts.

Without a command it serves everything on this machine. Nothing needs to be set for that: the store is a SQLite file in \
.kinlink, and the Moodle is a DEMONSTRATION, an invented school in another file. Settings (KINLINK_STORE_URL, \
KINLINK_MOODLE_URL and others; `kinlink config help`) point it to real ones.";

const AFTER_HELP: &str = "\
First steps:
  kinlink demo               play the whole story with an invented school, in a minute
  kinlink                    serve it on this machine; prints what to open or call
  kinlink doctor             look at everything that cycles rely on, and say what to do
  kinlink explain ADULT PUPIL    why this adult does not see this child

Whoever can read the settings owns the system: the command line acts as cli:<your user name> with the role
administrator, and the audit says so.

Exit codes:
  0  done (doctor: good, or warnings)
  1  failed
  2  wrong arguments or settings; doctor found errors
  3  explain found a broken link in the chain
  4  busy: another cycle is running
  5  refused: the state does not allow it, somebody changed it meanwhile, or a value is wrong

Errors go to the standard error as one sentence with the next step; with --json they are
{\"error\":{\"code\",\"detail\",\"errors\"}} on the standard output. The log goes to the standard error; KINLINK_LOG=debug
shows more.";

/// Parent accounts for Moodle.
#[derive(Debug, Parser)]
#[command(name = "kinlink", version, long_about = LONG_ABOUT, after_help = AFTER_HELP)]
pub(crate) struct Cli {
    /// Answer in JSON, on one line
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// What to do; without one, `serve`
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve everything on this machine: form API, confirmation pages, staff API, cycles
    #[command(
        after_help = "Each start makes a link to sign in with, a staff token and a source key named \"laptop\", revokes the earlier ones, and \
                            prints them with curl lines to paste.\nKINLINK_LISTEN chooses the address (127.0.0.1:8080; port \
                            0 takes a free one).\nWith --json it prints {\"address\",\"sign_in_url\",\"admin_token\",\"source_key\"} \
                            when it is ready. Ctrl-C ends it."
    )]
    Serve,
    /// Play the whole story with an invented school, in a folder of its own that is removed afterwards
    Demo(demo::Args),
    /// Bring the store's tables up to date; safe to run twice, and by two at once
    Migrate(migrate::Args),
    /// Run the provisioner once: do what is due, in Moodle too
    Cycle(cycle::Args),
    /// Compare everybody, put right what differs, and say what was found
    Reconcile(reconcile::Args),
    /// List and release rows that somebody takes away in Moodle each time they are put back
    #[command(subcommand)]
    Contested(contested::Args),
    /// Show what a full cycle would write, row by row; writes nothing
    Plan(plan::Args),
    /// List, show, compare and apply plans that were kept
    #[command(subcommand)]
    Plans(plans::Args),
    /// Show which role rows of the earlier plugin would become ours; --give-back undoes it
    Adopt(adopt::Args),
    /// Look at everything that a cycle relies on, and say what to do about what is wrong
    Doctor,
    /// Say why an adult does not see a pupil
    Explain(explain::Args),
    /// List, show and decide requests
    #[command(subcommand)]
    Requests(requests::Args),
    /// List and revoke login rows: who can sign in, and by which address
    #[command(subcommand)]
    Logins(logins::Args),
    /// End what parents of pupils who left still have, as every night does; --preview only shows it
    Leavers(leavers::Args),
    /// List links: who is linked to which pupil; give back what ended
    #[command(subcommand)]
    Links(links::Args),
    /// List, place and release holds: legal and safeguarding stops
    #[command(subcommand)]
    Holds(holds::Args),
    /// Search pupils by name, tutor group or admission number
    Pupils(pupils::Args),
    /// List and show cycles that ran
    #[command(subcommand)]
    Cycles(cycles::Args),
    /// List, show and send mails
    #[command(subcommand)]
    Mail(mail::Args),
    /// Print a link that lets whoever opens it into the staff's pages: once, within ten minutes
    SignIn(sign_in::Args),
    /// List, create and revoke tokens of the staff API
    #[command(subcommand)]
    Tokens(tokens::Args),
    /// List, create and revoke sources: the forms that may send requests
    #[command(subcommand)]
    Sources(sources::Args),
    /// List, verify and export the audit: who did what to what
    #[command(subcommand)]
    Audit(audit::Args),
    /// How long data is kept, a copy of somebody's data, erasing it
    #[command(subcommand)]
    Privacy(privacy::Args),
    /// Show and change settings
    Config(config::Args),
    /// Print the description of the API, as it is served at /api/v1/openapi.json
    Openapi,
    /// Print who may use which page and endpoint, and who sees what: docs/roles.md
    Roles,
}

/// Prints what clap says about the arguments: the help that was asked for, or what is wrong with them.
pub(crate) fn refuse(error: &clap::Error) -> ExitCode {
    let asked = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    if !asked && std::env::args().any(|argument| argument == "--json") {
        let text = error.render().to_string();
        let detail = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
        let detail = format!("{}. `kinlink --help` explains the commands.", detail.trim_end_matches('.'));
        say(&json!({ "error": { "code": "usage", "detail": detail, "errors": [] } }).to_string());
    } else {
        // A reader that went away is no error.
        let _ = error.print();
    }
    if asked { Exit::Done.into() } else { Exit::Usage.into() }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
