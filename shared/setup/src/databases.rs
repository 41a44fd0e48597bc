//! From the settings of databases to pools that know what to do when a password changes.

use std::{sync::Arc, time::Duration};

use anyhow::{Context as _, Result};
use kinlink_config::{Config, DatabaseAuth, DatabaseUrl};
use kinlink_db::{Db, DbError, Engine, Options, Renewal};

use crate::{Host, aws::Aws, secrets, token};

/// What a function without Moodle answers when somebody asks for it.
const NO_MOODLE: &str = "this function has no Moodle (KINLINK_MOODLE_URL is not set)";

/// Where the databases are: what the configuration says, or what the caller puts in place of what it leaves out.
#[derive(Debug)]
pub struct Databases {
    /// Our database.
    pub store: DatabaseUrl,
    /// Moodle's; `None` for a function that has nothing to do with Moodle.
    pub moodle: Option<DatabaseUrl>,
}

impl Databases {
    /// Those of the configuration that a function needs.
    ///
    /// # Errors
    /// One of them is not set; on one machine the runner has defaults, elsewhere there are none.
    pub fn configured(config: &Config, host: Host) -> Result<Self> {
        let url = |url: &Option<DatabaseUrl>, name: &str| {
            url.clone().with_context(|| format!("set {name} to the database's URL"))
        };
        Ok(Self {
            store: url(&config.store_url, "KINLINK_STORE_URL")?,
            // The public function is not even told where Moodle is.
            moodle: if host == Host::Intake { None } else { Some(url(&config.moodle_url, "KINLINK_MOODLE_URL")?) },
        })
    }

    /// Our database as its owner, where that is another user.
    pub(crate) fn connect_owner(config: &Config, host: Host, aws: &Arc<Aws>) -> Result<Option<Db>> {
        let owner = config.store_owner_url.as_ref();
        let connected = owner.map(|url| connect(url, DatabaseAuth::Password, options(host), aws)).transpose();
        connected.context("KINLINK_STORE_OWNER_URL")
    }

    /// Pools for our database and Moodle's. Nothing is connected.
    pub(crate) fn connect(&self, config: &Config, host: Host, aws: &Arc<Aws>) -> Result<(Db, Db)> {
        let options = options(host);
        let store = connect(&self.store, config.store_auth, options, aws).context("KINLINK_STORE_URL")?;
        let moodle = match &self.moodle {
            Some(url) => connect(url, config.moodle_auth, options, aws).context("KINLINK_MOODLE_URL")?,
            None => absent(store.engine(), options)?,
        };
        Ok((store, moodle))
    }
}

/// How patient pools are: whatever a database does, the function answers before Lambda ends it.
fn options(host: Host) -> Options {
    // One event at a time; two connections, since a cycle holds one while it reads another.
    let sandbox = Options { max_connections: 2, acquire_timeout: Duration::from_secs(8), ..Options::default() };
    match host {
        Host::Intake | Host::Admin => Options { statement_timeout: Duration::from_secs(12), ..sandbox },
        Host::Provisioner => Options { statement_timeout: Duration::from_mins(1), ..sandbox },
        Host::Machine => Options::default(),
    }
}

fn connect(url: &DatabaseUrl, auth: DatabaseAuth, options: Options, aws: &Arc<Aws>) -> Result<Db, DbError> {
    let renewal = match (auth, url.reference()) {
        (DatabaseAuth::AwsIam, _) => {
            let (url, aws) = (url.clone(), Arc::clone(aws));
            Renewal::by_age(token::RENEWED_AFTER, move || {
                let (url, aws) = (url.clone(), Arc::clone(&aws));
                Box::pin(async move { token::url_with_token(&url, aws.settings().await).await })
            })
        }
        (DatabaseAuth::Password, Some(reference)) => {
            let (reference, aws) = (reference.clone(), Arc::clone(aws));
            Renewal::when_refused(move || {
                let (reference, aws) = (reference.clone(), Arc::clone(&aws));
                Box::pin(async move { reference.database_url(&secrets::fetch(&aws, reference.secret()).await?) })
            })
        }
        (DatabaseAuth::Password, None) => return Db::connect_lazy(url.expose(), options),
    };
    Db::connect_renewing(url.expose(), renewal, options)
}

/// A database that is not there: every use of it is [`kinlink_db::Fault::Unreachable`], with the reason. It goes by an engine
/// that this binary has.
fn absent(engine: Engine, options: Options) -> Result<Db, DbError> {
    let url = match engine {
        Engine::Sqlite => "sqlite::memory:",
        Engine::MySql => "mysql://nobody@absent.invalid/absent?ssl-mode=VERIFY_IDENTITY",
        Engine::Postgres => "postgres://nobody@absent.invalid/absent?sslmode=verify-full",
    };
    let renewal = Renewal::by_age(Duration::MAX, || Box::pin(async { Err(NO_MOODLE.to_owned()) }));
    Db::connect_renewing(url, renewal, options)
}

#[cfg(test)]
mod tests {
    use kinlink_config::Config;
    use kinlink_db::{Engine, Fault, Options};

    use super::{Databases, NO_MOODLE, absent};
    use crate::Host;

    #[tokio::test]
    async fn a_moodle_that_a_function_does_not_have_is_unreachable_and_says_so() {
        for engine in [Engine::Sqlite, Engine::MySql, Engine::Postgres] {
            let db = absent(engine, Options::default()).unwrap();
            let error = db.execute("SELECT 1", []).await.unwrap_err();
            assert_eq!((db.engine(), error.fault()), (engine, Fault::Unreachable));
            assert!(error.to_string().contains(NO_MOODLE), "{error}");
        }
    }

    #[test]
    fn only_the_public_function_does_without_moodle() {
        let config = Config { store_url: Some("sqlite:x".parse().unwrap()), ..Config::default() };
        assert!(Databases::configured(&config, Host::Intake).unwrap().moodle.is_none());
        for host in [Host::Admin, Host::Provisioner] {
            let error = Databases::configured(&config, host).unwrap_err().to_string();
            assert!(error.contains("KINLINK_MOODLE_URL"), "{error}");
        }
        let error = Databases::configured(&Config::default(), Host::Intake).unwrap_err().to_string();
        assert!(error.contains("KINLINK_STORE_URL"), "{error}");
    }
}
