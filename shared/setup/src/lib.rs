//! From configuration to a working [`App`]: pools, queue, key, mail, logs. Used by every `main`, once, before the first event.
//!
//! Nothing is connected here: pools are lazy, so that a function's start costs no round trip and a database that is down is
//! an answer, not a crash. What does not live here: reading settings (crate `config`) and anything that happens later.

mod aws;
mod databases;
pub mod function;
mod secrets;
pub mod telemetry;
mod token;

use std::sync::Arc;

use anyhow::{Context as _, Result};
use kinlink_config::{Config, ConfigErrors, Loaded, MoodleAccess, Sources};
use kinlink_mail::Smtp;
use kinlink_moodle::{Moodle, Prefix};
use kinlink_queue::{EmbeddedQueue, Queue, SqsQueue};
use kinlink_service::{
    App,
    app::{Clock, Random, SigningKey, Store},
    mail::{School, Transport},
};
use secrecy::SecretString;

pub use crate::{
    aws::Aws,
    databases::Databases,
    telemetry::{log, log_from},
};

/// After how many receives a message of the embedded queue is dead. Jobs that wait for Moodle come back often, so this is
/// generous; the outbox has its own limit (policy `max_attempts`).
const EMBEDDED_RECEIVES: u32 = 50;

/// Which process this is: decides how many connections it holds, and how patient it is with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Host {
    /// The public function in a Lambda sandbox. It needs no Moodle.
    Intake,
    /// The function for staff in a sandbox.
    Admin,
    /// The provisioner in a sandbox.
    Provisioner,
    /// One long-lived process for everything.
    Machine,
}

/// The settings of this process, with secrets fetched that stand in AWS Secrets Manager. AWS is not touched if none does.
///
/// # Errors
/// Everything that is wrong with them.
pub async fn load(aws: &Aws) -> Result<Loaded, ConfigErrors> {
    let sources = Sources::of_process();
    let fetched = secrets::fetch_all(aws, &sources.references()).await?;
    sources.load(&fetched)
}

/// The application.
///
/// # Errors
/// A URL or prefix that does not fit, or no signing key.
pub async fn app(
    config: &Config,
    databases: &Databases,
    key: Option<SecretString>,
    host: Host,
    aws: &Arc<Aws>,
) -> Result<App> {
    let (store, moodle) = databases.connect(config, host, aws)?;
    let prefix = Prefix::parse(config.moodle_prefix.as_str()).context("KINLINK_MOODLE_PREFIX")?;
    let moodle = Moodle::new(moodle, prefix);
    let clock = Clock::system();
    let queue = if let Some(url) = &config.queue_url {
        Queue::Sqs(SqsQueue::new(aws.settings().await, url.clone(), config.queue_dead_url.clone()))
    } else {
        let clock = clock.clone();
        Queue::Embedded(EmbeddedQueue::new(store.clone(), EMBEDDED_RECEIVES, move || clock.now().as_millisecond()))
    };
    let key = key
        .or_else(|| config.signing_key.clone())
        .context("set KINLINK_SIGNING_KEY to at least 32 random characters")?;
    Ok(App {
        store: Store::new(store),
        store_owner: Databases::connect_owner(config, host, aws)?,
        moodle: match config.moodle_access {
            MoodleAccess::Read => moodle.read_only(),
            MoodleAccess::Write => moodle,
        },
        queue,
        clock,
        random: Random::system(),
        key: SigningKey::new(key),
    })
}

/// What the texts need to know of the school.
#[must_use]
pub fn school(config: &Config) -> School {
    School {
        name: config.school.clone(),
        contact: config.contact.clone(),
        public_url: config.public_url.as_str().to_owned(),
        moodle_url: config.moodle_site.as_ref().map(|site| site.as_str().to_owned()),
    }
}

/// Where mails go.
///
/// # Errors
/// The mail settings do not fit together.
pub fn transport(config: &Config) -> Result<Transport> {
    match (&config.mail_url, &config.mail_from) {
        (Some(url), Some(from)) => {
            let smtp = Smtp::new(url, from, &config.school).context("KINLINK_MAIL_URL")?;
            Ok(Transport::Smtp(Box::new(smtp)))
        }
        _ => Ok(Transport::Store),
    }
}
