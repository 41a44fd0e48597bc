//! From configuration to a working [`App`]: pools, queue, key, mail, logs. Used by every `main`, once, before the first event.
//!
//! Nothing is connected here: pools are lazy, so that a function's start costs no round trip and a database that is down is
//! an answer, not a crash. What does not live here: reading settings (crate `config`) and anything that happens later.

use std::{io::IsTerminal as _, time::Duration};

use anyhow::{Context as _, Result};
use kinlink_config::{Config, LogFormat};
use kinlink_db::{Db, Options};
use kinlink_mail::Smtp;
use kinlink_moodle::{Moodle, Prefix};
use kinlink_queue::{EmbeddedQueue, Queue, SqsQueue};
use kinlink_service::{
    App,
    app::{Clock, Random, SigningKey},
    mail::{School, Transport},
};
use secrecy::SecretString;
use tracing_subscriber::{EnvFilter, layer::SubscriberExt as _, util::SubscriberInitExt as _};

/// After how many receives a message of the embedded queue is dead. Jobs that wait for Moodle come back often, so this is
/// generous; the outbox has its own limit (policy `max_attempts`).
const EMBEDDED_RECEIVES: u32 = 50;

/// How many connections a process may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Host {
    /// A Lambda sandbox: one event at a time. Two connections, since a cycle holds one while it reads another.
    Sandbox,
    /// One long-lived process for everything.
    Machine,
}

/// Where the databases are: what the configuration says, or what the caller puts in place of what it leaves out.
#[derive(Debug)]
pub struct Databases {
    /// Our database.
    pub store_url: String,
    /// Moodle's.
    pub moodle_url: String,
}

impl Databases {
    /// Those of the configuration.
    ///
    /// # Errors
    /// One of them is not set; on one machine the runner has defaults, elsewhere there are none.
    pub fn configured(config: &Config) -> Result<Self> {
        let url = |url: &Option<kinlink_config::DatabaseUrl>, name: &str| {
            url.as_ref().map(|url| url.expose().to_owned()).with_context(|| format!("set {name} to the database's URL"))
        };
        Ok(Self {
            store_url: url(&config.store_url, "KINLINK_STORE_URL")?,
            moodle_url: url(&config.moodle_url, "KINLINK_MOODLE_URL")?,
        })
    }
}

/// The application.
///
/// # Errors
/// A URL or prefix that does not fit, or no signing key.
pub async fn app(config: &Config, databases: &Databases, key: Option<SecretString>, host: Host) -> Result<App> {
    let options = match host {
        Host::Sandbox => Options { max_connections: 2, acquire_timeout: Duration::from_secs(8), ..Options::default() },
        Host::Machine => Options::default(),
    };
    let store = Db::connect_lazy(&databases.store_url, options).context("KINLINK_STORE_URL")?;
    let moodle = Db::connect_lazy(&databases.moodle_url, options).context("KINLINK_MOODLE_URL")?;
    let prefix = Prefix::parse(config.moodle_prefix.as_str()).context("KINLINK_MOODLE_PREFIX")?;
    let clock = Clock::system();
    let queue = if let Some(url) = &config.queue_url {
        Queue::Sqs(SqsQueue::from_environment(url.clone(), config.queue_dead_url.clone()).await)
    } else {
        let clock = clock.clone();
        Queue::Embedded(EmbeddedQueue::new(store.clone(), EMBEDDED_RECEIVES, move || clock.now().as_millisecond()))
    };
    let key = key
        .or_else(|| config.signing_key.clone())
        .context("set KINLINK_SIGNING_KEY to at least 32 random characters")?;
    Ok(App {
        store,
        moodle: Moodle::new(moodle, prefix),
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

/// Starts the log: JSON lines for machines, short lines for people. `KINLINK_LOG` chooses what is logged (`info` unless set).
pub fn log(format: LogFormat) {
    log_from(format, "info");
}

/// [`log()`] with another level for where `KINLINK_LOG` is not set. Logs go to the standard error: the standard output
/// belongs to the answers of a command.
pub fn log_from(format: LogFormat, level: &str) {
    let filter = EnvFilter::try_from_env("KINLINK_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    let registry = tracing_subscriber::registry().with(filter);
    let colours = std::io::stderr().is_terminal();
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(colours);
    match format {
        // CloudWatch stamps the time itself; a second one would only cost.
        LogFormat::Json => registry.with(layer.json().without_time().flatten_event(true)).init(),
        LogFormat::Pretty => registry.with(layer.compact().with_target(false)).init(),
    }
}
