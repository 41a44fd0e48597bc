//! `kinlink config`: connection settings with where each came from, and the school's settings with what they mean.

use kinlink_service::settings;
use serde_json::{Value, json};

use crate::{
    answer::{Answer, put, table},
    failure::Failure,
    local::Local,
};

/// What to do; without it, `show`.
#[derive(Debug, clap::Args)]
#[command(
    disable_help_subcommand = true,
    after_help = "Connection settings come from environment variables over a TOML file over defaults, and are changed \
                  there. The school's settings are in the store, so that every function sees the same; `set` changes \
                  them.\n\nExample:\n  kinlink config set pupil_filter \"cohort=pupils\""
)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Show every setting; secrets are masked
    Show,
    /// Set one of the school's settings
    Set {
        /// Its name
        name: String,
        /// Its value; may be empty
        value: String,
    },
    /// Explain the environment variables
    Help,
}

pub(crate) async fn run(args: Args) -> Result<Answer, Failure> {
    match args.what.unwrap_or(What::Show) {
        What::Show => show().await,
        What::Set { name, value } => set(&name, &value).await,
        What::Help => {
            let file = "KINLINK_CONFIG names a TOML file with the same settings in lower case and without KINLINK_ \
                        (kinlink.toml in the current folder, unless set).";
            let text = format!("{}\n{file}\n\n{}\n", kinlink_config::help(), kinlink_config::REFERENCES);
            let items: Vec<Value> = kinlink_config::SETTINGS
                .iter()
                .map(
                    |setting| json!({ "name": setting.name, "variable": setting.variable, "meaning": setting.meaning }),
                )
                .collect();
            Ok(Answer::new(json!({ "connection": items }), text))
        }
    }
}

async fn show() -> Result<Answer, Failure> {
    let local = Local::open("error").await?;
    let rows: Vec<[String; 3]> = local
        .report
        .iter()
        .map(|line| {
            let value = line.value_masked.clone().unwrap_or_else(|| "-".into());
            [line.variable.to_owned(), value, line.origin.to_string()]
        })
        .collect();
    let mut text =
        format!("Connections (`kinlink config help` explains them):\n{}\n", table(["SETTING", "VALUE", "FROM"], &rows));
    let connection: Vec<Value> = local
        .report
        .iter()
        .map(|line| {
            json!({
                "name": line.name, "variable": line.variable, "value": line.value_masked,
                "origin": line.origin.to_string(), "meaning": line.meaning,
            })
        })
        .collect();
    // The connections are worth seeing most when the store cannot be reached.
    let policy = async {
        local.prepare().await?;
        Ok::<_, Failure>(settings::list(&local.app, &local.actor).await?)
    };
    match policy.await {
        Ok(policy) => {
            let rows: Vec<[String; 3]> =
                policy.iter().map(|view| [view.name.to_owned(), view.value.clone(), view.meaning.to_owned()]).collect();
            let rows = table(["SETTING", "VALUE", "MEANING"], &rows);
            put!(text, "The school's settings (`kinlink config set NAME VALUE`):\n{rows}");
            Ok(Answer::new(json!({ "connection": connection, "policy": policy }), text))
        }
        Err(failure) => {
            let why = failure.sentence();
            put!(text, "The school's settings cannot be read: {why}\n");
            Ok(Answer::new(json!({ "connection": connection, "policy": null, "policy_error": why }), text))
        }
    }
}

async fn set(name: &str, value: &str) -> Result<Answer, Failure> {
    let local = Local::ready().await?;
    let policy = settings::set(&local.app, &local.actor, name, value).await?;
    let view = settings::views(&policy).into_iter().find(|view| view.name == name);
    let text = view.as_ref().map_or_else(String::new, |view| format!("{} = {}\n", view.name, view.value));
    Ok(Answer::new(view, text))
}
