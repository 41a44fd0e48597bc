//! The commands, one file each. Every one opens Kinlink, calls the use cases of the crate `service`, and gives an answer
//! as text and as JSON. What does not live here: any rule of Kinlink's.

pub(crate) mod adopt;
pub(crate) mod audit;
pub(crate) mod config;
pub(crate) mod contested;
pub(crate) mod cycle;
pub(crate) mod cycles;
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod explain;
pub(crate) mod holds;
pub(crate) mod leavers;
pub(crate) mod links;
pub(crate) mod logins;
pub(crate) mod mail;
pub(crate) mod migrate;
pub(crate) mod openapi;
pub(crate) mod plan;
pub(crate) mod plans;
pub(crate) mod privacy;
pub(crate) mod pupils;
pub(crate) mod reconcile;
pub(crate) mod requests;
pub(crate) mod roles;
pub(crate) mod serve;
pub(crate) mod sign_in;
pub(crate) mod sources;
pub(crate) mod tokens;

use crate::{
    answer::Answer,
    cli::{Cli, Command},
    failure::Failure,
};

/// Runs the command.
pub(crate) async fn run(cli: Cli) -> Result<Answer, Failure> {
    match cli.command.unwrap_or(Command::Serve) {
        Command::Serve => Box::pin(serve::run(cli.json)).await,
        Command::Demo(args) => Box::pin(demo::run(args, cli.json)).await,
        Command::Migrate(args) => migrate::run(args).await,
        Command::Cycle(args) => Box::pin(cycle::run(args, cli.json)).await,
        Command::Reconcile(args) => Box::pin(reconcile::run(args)).await,
        Command::Contested(args) => Box::pin(contested::run(args)).await,
        Command::Adopt(args) => Box::pin(adopt::run(args)).await,
        Command::Plan(args) => Box::pin(plan::run(args)).await,
        Command::Plans(args) => Box::pin(plans::run(args)).await,
        Command::Doctor => doctor::run().await,
        Command::Explain(args) => Box::pin(explain::run(args)).await,
        Command::Requests(args) => Box::pin(requests::run(args)).await,
        Command::Logins(args) => Box::pin(logins::run(args)).await,
        Command::Leavers(args) => Box::pin(leavers::run(args)).await,
        Command::Holds(args) => Box::pin(holds::run(args)).await,
        Command::Links(args) => Box::pin(links::run(args)).await,
        Command::Pupils(args) => pupils::run(args).await,
        Command::Cycles(args) => Box::pin(cycles::run(args)).await,
        Command::Mail(args) => Box::pin(mail::run(args)).await,
        Command::SignIn(args) => sign_in::run(args).await,
        Command::Tokens(args) => Box::pin(tokens::run(args)).await,
        Command::Sources(args) => Box::pin(sources::run(args)).await,
        Command::Audit(args) => Box::pin(audit::run(args)).await,
        Command::Privacy(args) => Box::pin(privacy::run(args)).await,
        Command::Config(args) => config::run(args).await,
        Command::Openapi => openapi::run(),
        Command::Roles => Ok(roles::run()),
    }
}
