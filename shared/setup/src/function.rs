//! The start of a Lambda function: everything dear, once, before the first event.

use std::{process::ExitCode, sync::Arc, time::Duration};

use anyhow::{Context as _, Result};
use kinlink_config::{Config, LogFormat};
use kinlink_service::{App, mail::School};

use crate::{Aws, Databases, Host, telemetry};

/// How long closing may take at the end of a sandbox: Lambda allows half a second.
const CLOSING: Duration = Duration::from_millis(400);

/// What a function works with.
pub struct Function {
    /// The settings.
    pub config: Config,
    /// The application.
    pub app: App,
    /// For the texts of pages and mails.
    pub school: School,
}

/// The `main` of a function: starts telling what happens, reads the settings with their secrets, puts the application
/// together, and hands it to `serve`. What goes wrong on the way is one readable message without secrets, and the process ends
/// with a failure, as Lambda expects of a start that failed.
pub fn main<E: Into<Box<dyn std::error::Error + Send + Sync>>>(
    host: Host,
    serve: impl AsyncFnOnce(Function) -> Result<(), E>,
) -> ExitCode {
    telemetry::start(LogFormat::Json);
    let run = async {
        let function = start(host).await?;
        serve(function).await.map_err(|error| anyhow::Error::from_boxed(error.into()))
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime.context("no runtime").and_then(|runtime| runtime.block_on(run)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("kinlink cannot run: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn start(host: Host) -> Result<Function> {
    let aws = Arc::new(Aws::default());
    let config = crate::load(&aws).await?.config;
    let app = crate::app(&config, &Databases::configured(&config, host)?, None, host, &aws).await?;
    Ok(Function { school: crate::school(&config), app, config })
}

/// Ends the connections of an application, so that the databases need not find out by themselves.
pub async fn close(app: App) {
    let owner = async {
        if let Some(owner) = &app.store_owner {
            owner.close().await;
        }
    };
    let all = async { tokio::join!(app.store.close(), app.moodle.db().close(), owner) };
    if tokio::time::timeout(CLOSING, all).await.is_err() {
        tracing::warn!("database connections were still in use at the end");
    }
}
