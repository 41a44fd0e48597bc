//! `kinlink migrate`: the store's tables, brought up to date.

use serde_json::json;

use crate::{answer::Answer, failure::Failure, local::Local};

/// What to migrate.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Run it once after installing and after every update, before the functions start. The embedded store \
                        in the data folder is migrated by whatever uses it."
)]
pub(crate) struct Args {}

pub(crate) async fn run(Args {}: Args) -> Result<Answer, Failure> {
    let local = Local::open("warn").await?;
    local.app.migrate().await?;
    let text = format!("The store {} is up to date.", local.store_name());
    Ok(Answer::new(json!({ "migrated": true, "store": local.store_name() }), text))
}
