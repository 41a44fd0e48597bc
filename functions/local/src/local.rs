//! Kinlink as this machine's settings describe it, with what stands in for settings that are missing: a SQLite store, a
//! demonstration Moodle and a signing key, all in the data folder.

use std::{
    env,
    fs::{self, DirBuilder},
    io::{self, Write as _},
    path::Path,
    sync::Arc,
    time::Duration,
};

use kinlink_config::{Config, DatabaseUrl, LogFormat, ReportLine};
use kinlink_db::Fault;
use kinlink_domain::{
    staff::{Actor, StaffRole},
    submission::hex,
};
use kinlink_moodle::demo::{self, DemoError, TaskReport};
use kinlink_provisioner::Provisioner;
use kinlink_service::{
    App, ServiceError,
    app::Random,
    mail::{School, Transport},
};
use kinlink_setup::{Aws, Databases, Host};
use kinlink_store::migrations;
use secrecy::SecretString;

use crate::{
    failure::{Failure, schema_missing},
    stand_in,
};

const STORE: &str = "store.db";
const MOODLE: &str = "moodle-demonstration.db";
const KEY: &str = "signing-key";
/// How often the demonstration is tried when another process installs it at the same moment.
const ATTEMPTS: u32 = 10;

/// What every command works with.
#[derive(Clone)]
pub(crate) struct Local {
    /// The settings.
    pub(crate) config: Config,
    /// Where each came from.
    pub(crate) report: Vec<ReportLine>,
    /// The application.
    pub(crate) app: App,
    /// For the texts of mails and pages.
    pub(crate) school: School,
    /// Where mails go.
    pub(crate) transport: Transport,
    /// Who sits at this machine: whoever can read the settings owns the system.
    pub(crate) actor: Actor,
    /// Whether the Moodle is the demonstration's.
    pub(crate) demonstration: bool,
    embedded_store: bool,
}

impl Local {
    /// Reads the settings, starts the log, and puts everything together. Connects to nothing.
    pub(crate) async fn open(level: &str) -> Result<Self, Failure> {
        let aws = Arc::new(Aws::default());
        let loaded = kinlink_setup::load(&aws).await?;
        kinlink_setup::log_from(loaded.config.log_format, level);
        Self::new(loaded.config, loaded.report, &aws).await
    }

    /// As [`Self::open`], and the databases are ready: what a command wants that works with them.
    pub(crate) async fn ready() -> Result<Self, Failure> {
        Self::ready_logging("warn").await
    }

    /// As [`Self::ready`], with another level of what is logged where `KINLINK_LOG` is not set.
    pub(crate) async fn ready_logging(level: &str) -> Result<Self, Failure> {
        let local = Self::open(level).await?;
        local.prepare().await?;
        if !local.embedded_store && !migrations::is_current(&local.app.store).await? {
            return Err(schema_missing());
        }
        local.run_demonstration().await?;
        Ok(local)
    }

    /// The defaults in a folder, whatever the settings say: for the demonstration.
    pub(crate) async fn in_folder(folder: &Path) -> Result<Self, Failure> {
        kinlink_setup::log_from(LogFormat::Pretty, "error");
        let config = Config { data_dir: folder.to_owned(), ..Config::default() };
        let local = Self::new(config, Vec::new(), &Arc::default()).await?;
        local.prepare().await?;
        Ok(local)
    }

    async fn new(mut config: Config, report: Vec<ReportLine>, aws: &Arc<Aws>) -> Result<Self, Failure> {
        let (embedded_store, demonstration) = (config.store_url.is_none(), config.moodle_url.is_none());
        if embedded_store || demonstration || config.signing_key.is_none() {
            make_folder(&config.data_dir)?;
        }
        if demonstration {
            // Its tables have Moodle's usual prefix.
            config.moodle_prefix = Config::default().moodle_prefix;
        }
        let url = |configured: &Option<DatabaseUrl>, file: &str| match configured {
            Some(url) => Ok(url.clone()),
            None => sqlite_url(&config.data_dir.join(file)),
        };
        let databases =
            Databases { store: url(&config.store_url, STORE)?, moodle: Some(url(&config.moodle_url, MOODLE)?) };
        let key = match config.signing_key {
            Some(_) => None,
            None => Some(own_key(&config.data_dir)?),
        };
        let app = kinlink_setup::app(&config, &databases, key, Host::Machine, aws).await?;
        Ok(Self {
            school: kinlink_setup::school(&config),
            transport: kinlink_setup::transport(&config)?,
            actor: actor(),
            app,
            config,
            report,
            demonstration,
            embedded_store,
        })
    }

    /// Makes the embedded store's tables and the demonstration's Moodle where they are used. A database that is configured
    /// is never changed by starting something.
    pub(crate) async fn prepare(&self) -> Result<(), Failure> {
        if self.embedded_store {
            self.app.migrate().await?;
        }
        if self.demonstration {
            let mut attempt = 0;
            loop {
                attempt += 1;
                match demo::install(self.app.moodle.db()).await {
                    Err(DemoError::Db(error)) if error.fault() == Fault::Conflict && attempt < ATTEMPTS => {
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                    result => {
                        result?;
                        break;
                    }
                }
            }
        }
        Ok(())
    }

    /// Lets the demonstration's Moodle do what it would have done meanwhile: a Moodle's cron runs every minute, this one
    /// whenever it is used.
    pub(crate) async fn run_demonstration(&self) -> Result<TaskReport, ServiceError> {
        if self.demonstration { stand_in::run(&self.app).await } else { Ok(TaskReport::default()) }
    }

    /// The provisioner function, as it runs on a schedule.
    pub(crate) fn provisioner(&self) -> Provisioner {
        Provisioner { app: self.app.clone(), school: self.school.clone(), transport: self.transport.clone() }
    }

    /// Where the store is, for people.
    pub(crate) fn store_name(&self) -> String {
        match &self.config.store_url {
            Some(url) => url.to_string(),
            None => self.config.data_dir.join(STORE).display().to_string(),
        }
    }
}

fn actor() -> Actor {
    let name = ["LOGNAME", "USER", "USERNAME"].into_iter().find_map(|name| env::var(name).ok());
    let name = kinlink_domain::text::salvage(name.as_deref().unwrap_or_default(), 60);
    let name = if name.is_empty() { "Local administrator" } else { &name };
    Actor { name: format!("cli:{name}"), role: Some(StaffRole::Administrator) }
}

/// The data folder. It holds personal data and a key: on Unix only its owner may look into it.
fn make_folder(folder: &Path) -> Result<(), Failure> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(|error| unusable(folder, &error))
}

fn unusable(path: &Path, error: &io::Error) -> Failure {
    Failure::failed("data_dir", format!("{} cannot be used ({error})", path.display()))
        .next("Set KINLINK_DATA_DIR to a folder that you may write to.")
}

/// The URL of a SQLite file. In URLs `?` begins options and `%` a code.
fn sqlite_url(path: &Path) -> Result<DatabaseUrl, Failure> {
    let path = path.to_str().ok_or_else(|| {
        Failure::failed("data_dir", "the data folder's name is not UTF-8").next("Set KINLINK_DATA_DIR to another one.")
    })?;
    let url = format!("sqlite:{}", path.replace('%', "%25").replace('?', "%3F")).parse();
    Ok(url.map_err(anyhow::Error::from)?)
}

/// The key in the data folder; made, if it is not there, so that two processes that start at once get the same.
fn own_key(folder: &Path) -> Result<SecretString, Failure> {
    let path = folder.join(KEY);
    let read = || match fs::read_to_string(&path) {
        Ok(key) if key.trim().chars().count() >= Config::MIN_KEY => Ok(Some(key.trim().to_owned().into())),
        Ok(_) => Err(Failure::failed("signing_key", format!("{} does not hold a signing key", path.display()))
            .next("Remove the file; a new key is made then, and links in mails that are on their way stop working.")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unusable(&path, &error)),
    };
    if let Some(key) = read()? {
        return Ok(key);
    }
    // A temporary file is readable for its owner only; it gets its name when it is whole, and only if that is free.
    let made = || -> io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        writeln!(file, "{}", hex(&Random::system().bytes::<32>()))?;
        file.as_file().sync_all()?;
        match file.persist_noclobber(&path) {
            Err(error) if error.error.kind() != io::ErrorKind::AlreadyExists => Err(error.error),
            _ => Ok(()),
        }
    };
    made().map_err(|error| unusable(&path, &error))?;
    read()?.ok_or_else(|| unusable(&path, &io::ErrorKind::NotFound.into()))
}
