//! `kinlink`: Kinlink on one machine, and its command line. Reads the arguments, runs one command, prints its answer.

mod answer;
mod cli;
mod commands;
mod failure;
mod local;
mod stand_in;

use std::process::ExitCode;

use clap::Parser as _;

use crate::{cli::Cli, failure::Failure};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return cli::refuse(&error),
    };
    let json = cli.json;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let result = match runtime {
        Ok(runtime) => runtime.block_on(commands::run(cli)),
        Err(error) => Err(Failure::failed("runtime", format!("the process cannot start ({error})"))),
    };
    match result {
        Ok(answer) => answer.print(json),
        Err(failure) => failure.print(json),
    }
}
