//! `kinlink explain`: the chain from request to role row, and its first broken link.

use kinlink_domain::explain::Standing;
use kinlink_service::explain;

use crate::{
    answer::{Answer, Exit, put},
    failure::Failure,
    local::Local,
};

/// Whom to explain.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  kinlink explain rachel.turner@example.org A00123\n\nExit code 0: the chain is whole; 3: a \
                        link is broken, and the answer says which and what to do."
)]
pub(crate) struct Args {
    /// The adult: address, user name or id
    adult: String,
    /// The pupil: admission number, name or Moodle user id
    #[arg(num_args = 1.., required = true)]
    pupil: Vec<String>,
}

pub(crate) async fn run(args: Args) -> Result<Answer, Failure> {
    let local = Local::ready().await?;
    let adult = explain::find_adult(&local.app, &local.actor, &args.adult).await?;
    let pupil = explain::find_pupil(&local.app, &local.actor, &args.pupil.join(" ")).await?;
    let explained = explain::explain(&local.app, &local.actor, adult, pupil).await?;
    let found = &explained.explanation;
    let mut text = String::new();
    for finding in &found.steps {
        let sign = match finding.standing {
            Standing::Good => '✓',
            Standing::Broken => '✗',
            Standing::Unknown => '·',
        };
        put!(text, "{sign} {}: {}\n", finding.step, finding.evidence);
    }
    let exit = if let Some(step) = found.broken {
        put!(text, "\nThe first broken link is {step}. {}\n", found.remedy);
        Exit::Broken
    } else {
        put!(text, "\n{}\n", found.remedy);
        Exit::Done
    };
    Ok(Answer::new(&explained, text).exit(exit))
}
