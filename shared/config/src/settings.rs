//! The settings: one typed struct, and one table with the name, meaning, reader and writer of each.

use std::{fmt::Write as _, net::SocketAddr, path::PathBuf, str::FromStr};

use kinlink_domain::{email::EmailAddress, staff::RoleMap};
use kinlink_mail::SmtpUrl;
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use crate::values::{DatabaseAuth, DatabaseUrl, LogFormat, MoodleAccess, TablePrefix, WebAddress};

/// How Kinlink reaches the world around it.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where files are kept on a single machine.
    pub data_dir: PathBuf,
    /// Our database; `None` for a SQLite file in `data_dir`.
    pub store_url: Option<DatabaseUrl>,
    /// How we prove to our database who we are.
    pub store_auth: DatabaseAuth,
    /// Our database as its owner, who alone may change its tables; `None` where that is the user of [`Self::store_url`].
    pub store_owner_url: Option<DatabaseUrl>,
    /// Moodle's database; `None` for the demonstration Moodle.
    pub moodle_url: Option<DatabaseUrl>,
    /// How we prove to Moodle's database who we are.
    pub moodle_auth: DatabaseAuth,
    /// What our user may do there.
    pub moodle_access: MoodleAccess,
    /// What Moodle's table names begin with.
    pub moodle_prefix: TablePrefix,
    /// Where people open Moodle.
    pub moodle_site: Option<WebAddress>,
    /// The SQS queue; `None` for the queue in the store.
    pub queue_url: Option<String>,
    /// The SQS queue of dead letters.
    pub queue_dead_url: Option<String>,
    /// What cookies, page tokens and links are signed with, at least [`Config::MIN_KEY`] characters; `None` for a key
    /// that the local runner makes and keeps in `data_dir`.
    pub signing_key: Option<SecretString>,
    /// Where the local runner listens.
    pub listen: SocketAddr,
    /// Where people open our pages; links in mails begin with it. Unless set, where the local runner listens.
    pub public_url: WebAddress,
    /// The school's name, as texts call it.
    pub school: String,
    /// How to reach the office, to stand in a sentence.
    pub contact: String,
    /// The mail server; `None` keeps mails in the store.
    pub mail_url: Option<SmtpUrl>,
    /// The sender of mails; always there with `mail_url`.
    pub mail_from: Option<EmailAddress>,
    /// Seconds between two cycles of the local runner.
    pub cycle_seconds: u32,
    /// The form of the log.
    pub log_format: LogFormat,
    /// The school's sign-in for staff (OpenID Connect), as it names itself; `None` leaves links of the command line.
    pub oidc_issuer: Option<String>,
    /// What we are called there; always there with `oidc_issuer`, as are the next two.
    pub oidc_client_id: Option<String>,
    /// What we prove ourselves with there.
    pub oidc_client_secret: Option<SecretString>,
    /// Which roles there mean which role here.
    pub oidc_roles: Option<RoleMap>,
    /// The claim with somebody's roles.
    pub oidc_role_claim: String,
    /// What we ask the provider for.
    pub oidc_scopes: String,
}

impl Config {
    /// The least number of characters of the signing key.
    pub const MIN_KEY: usize = 32;
}

impl Default for Config {
    fn default() -> Self {
        let listen = SocketAddr::from(([127, 0, 0, 1], 8080));
        Self {
            data_dir: ".kinlink".into(),
            store_url: None,
            store_auth: DatabaseAuth::Password,
            store_owner_url: None,
            moodle_url: None,
            moodle_auth: DatabaseAuth::Password,
            moodle_access: MoodleAccess::Write,
            moodle_prefix: "mdl_".parse().expect("a prefix"),
            moodle_site: None,
            queue_url: None,
            queue_dead_url: None,
            signing_key: None,
            listen,
            public_url: address_of(listen),
            school: "Demonstration School".into(),
            contact: "the school office".into(),
            mail_url: None,
            mail_from: None,
            cycle_seconds: 60,
            log_format: LogFormat::Pretty,
            oidc_issuer: None,
            oidc_client_id: None,
            oidc_client_secret: None,
            oidc_roles: None,
            oidc_role_claim: "roles".into(),
            oidc_scopes: "openid profile email".into(),
        }
    }
}

/// The address under which a browser on this machine finds what listens there.
pub(crate) fn address_of(listen: SocketAddr) -> WebAddress {
    let loopback = if listen.ip().is_loopback() { listen } else { SocketAddr::from(([127, 0, 0, 1], listen.port())) };
    format!("http://{loopback}").parse().expect("a loopback address")
}

/// One setting.
pub struct Setting {
    /// Its name, which is its key in the TOML file.
    pub name: &'static str,
    /// Its environment variable.
    pub variable: &'static str,
    /// What it means, and what happens without it.
    pub meaning: &'static str,
    /// Whether the value must never be shown. Such a value may be a reference: `env:NAME`, `file:/path` or
    /// `aws-sm:NAME-OR-ARN` ([`crate::SecretReference`]).
    pub secret: bool,
    /// Whether the value is the URL of a database, which may be put together from a secret's parts.
    pub(crate) database: bool,
    /// Its value as people may see it: secrets are masked. `None` if it has none.
    pub shown: fn(&Config) -> Option<String>,
    /// Whether nothing is a value. For all others an empty variable is the same as none.
    pub(crate) empty_is_value: bool,
    /// Takes a value, or says what it should look like.
    pub(crate) set: fn(&mut Config, &str) -> Result<(), String>,
}

/// A row of the table: name, variable, meaning, writer and reader, then those of `secret`, `database` and `empty_is_value` that
/// hold.
macro_rules! setting {
    ($name:literal, $variable:literal, $meaning:literal, $shown:expr, $set:expr $(, $field:ident)*) => {
        Setting {
            $($field: true,)*
            ..Setting {
                name: $name,
                variable: $variable,
                meaning: $meaning,
                secret: false,
                database: false,
                empty_is_value: false,
                shown: $shown,
                set: $set,
            }
        }
    };
}

/// Every setting, in the order in which people read them.
pub const SETTINGS: &[Setting] = &[
    setting!(
        "data_dir",
        "KINLINK_DATA_DIR",
        "folder for files on a single machine",
        |c| Some(c.data_dir.display().to_string()),
        |c, v| line(v, 1000).map(|_| c.data_dir = v.into())
    ),
    setting!(
        "store_url",
        "KINLINK_STORE_URL",
        "our database; without it a SQLite file in data_dir",
        |c| c.store_url.as_ref().map(ToString::to_string),
        |c, v| parsed(v).map(|v| c.store_url = Some(v)),
        secret,
        database
    ),
    setting!(
        "store_auth",
        "KINLINK_STORE_AUTH",
        "how our database knows us: password, or aws-iam for signed tokens (the URL then has no password, but asks for TLS)",
        |c| Some(c.store_auth.to_string()),
        |c, v| parsed(v).map(|v| c.store_auth = v)
    ),
    setting!(
        "store_owner_url",
        "KINLINK_STORE_OWNER_URL",
        "our database as the owner of its tables, for migrating alone; without it store_url's user migrates",
        |c| c.store_owner_url.as_ref().map(ToString::to_string),
        |c, v| parsed(v).map(|v| c.store_owner_url = Some(v)),
        secret,
        database
    ),
    setting!(
        "moodle_url",
        "KINLINK_MOODLE_URL",
        "Moodle's database; without it a demonstration Moodle in data_dir",
        |c| c.moodle_url.as_ref().map(ToString::to_string),
        |c, v| parsed(v).map(|v| c.moodle_url = Some(v)),
        secret,
        database
    ),
    setting!(
        "moodle_auth",
        "KINLINK_MOODLE_AUTH",
        "how Moodle's database knows us: password or aws-iam",
        |c| Some(c.moodle_auth.to_string()),
        |c, v| parsed(v).map(|v| c.moodle_auth = v)
    ),
    setting!(
        "moodle_access",
        "KINLINK_MOODLE_ACCESS",
        "what moodle_url's user may do: write, or read where nothing but the staff's pages is served",
        |c| Some(c.moodle_access.to_string()),
        |c, v| parsed(v).map(|v| c.moodle_access = v)
    ),
    setting!(
        "moodle_prefix",
        "KINLINK_MOODLE_PREFIX",
        "what Moodle's table names begin with; may be empty",
        |c| Some(c.moodle_prefix.to_string()),
        |c, v| parsed(v).map(|v| c.moodle_prefix = v),
        empty_is_value
    ),
    setting!(
        "moodle_site",
        "KINLINK_MOODLE_SITE",
        "where people open Moodle; without it mails name no address",
        |c| c.moodle_site.as_ref().map(ToString::to_string),
        |c, v| parsed(v).map(|v| c.moodle_site = Some(v))
    ),
    setting!(
        "queue_url",
        "KINLINK_QUEUE_URL",
        "URL of the SQS queue; without it the queue is in the store",
        |c| c.queue_url.clone(),
        |c, v| queue(v).map(|v| c.queue_url = Some(v))
    ),
    setting!(
        "queue_dead_url",
        "KINLINK_QUEUE_DEAD_URL",
        "URL of the SQS queue of dead letters; without it they can be neither listed nor moved back",
        |c| c.queue_dead_url.clone(),
        |c, v| queue(v).map(|v| c.queue_dead_url = Some(v))
    ),
    setting!(
        "signing_key",
        "KINLINK_SIGNING_KEY",
        "signs cookies, page tokens and links; without it `kinlink serve` makes one and keeps it in data_dir",
        |c| c.signing_key.as_ref().map(|_| "***".to_owned()),
        |c, v| key(v).map(|v| c.signing_key = Some(v)),
        secret
    ),
    setting!(
        "listen",
        "KINLINK_LISTEN",
        "address and port on which `kinlink serve` listens",
        |c| Some(c.listen.to_string()),
        |c, v| match v.parse() {
            Ok(address) => {
                c.listen = address;
                Ok(())
            }
            Err(_) => Err("an IP address and a port such as 127.0.0.1:8080".into()),
        }
    ),
    setting!(
        "public_url",
        "KINLINK_PUBLIC_URL",
        "where people open our pages; without it where `kinlink serve` listens",
        |c| Some(c.public_url.to_string()),
        |c, v| parsed(v).map(|v| c.public_url = v)
    ),
    setting!("school", "KINLINK_SCHOOL", "the school's name in pages and mails", |c| Some(c.school.clone()), |c, v| {
        line(v, 100).map(|v| c.school = v)
    }),
    setting!(
        "contact",
        "KINLINK_CONTACT",
        "how to reach the office, as it stands in a sentence of pages and mails",
        |c| Some(c.contact.clone()),
        |c, v| line(v, 200).map(|v| c.contact = v)
    ),
    setting!(
        "mail_url",
        "KINLINK_MAIL_URL",
        "the mail server; without it mails are kept in the store and shown by `kinlink mail`",
        |c| c.mail_url.as_ref().map(ToString::to_string),
        |c, v| parsed(v).map(|v| c.mail_url = Some(v)),
        secret
    ),
    setting!(
        "mail_from",
        "KINLINK_MAIL_FROM",
        "the address that mails come from",
        |c| c.mail_from.as_ref().map(ToString::to_string),
        |c, v| match EmailAddress::parse(v) {
            Ok(address) => {
                c.mail_from = Some(address);
                Ok(())
            }
            Err(_) => Err("an email address such as noreply@example.org".into()),
        }
    ),
    setting!(
        "cycle_seconds",
        "KINLINK_CYCLE_SECONDS",
        "seconds between two cycles of `kinlink serve`",
        |c| Some(c.cycle_seconds.to_string()),
        |c, v| match v.parse() {
            Ok(seconds @ 1..=86_400) => {
                c.cycle_seconds = seconds;
                Ok(())
            }
            _ => Err("a whole number from 1 to 86400".into()),
        }
    ),
    setting!(
        "log_format",
        "KINLINK_LOG_FORMAT",
        "form of the log: pretty or json",
        |c| Some(c.log_format.to_string()),
        |c, v| parsed(v).map(|v| c.log_format = v)
    ),
    setting!(
        "oidc_issuer",
        "KINLINK_OIDC_ISSUER",
        "the school's sign-in for staff (OpenID Connect), exactly as it names itself; without it `kinlink sign-in` prints \
         links that let people in",
        |c| c.oidc_issuer.clone(),
        |c, v| issuer(v).map(|v| c.oidc_issuer = Some(v))
    ),
    setting!(
        "oidc_client_id",
        "KINLINK_OIDC_CLIENT_ID",
        "what Kinlink is called there",
        |c| c.oidc_client_id.clone(),
        |c, v| line(v, 255).map(|v| c.oidc_client_id = Some(v))
    ),
    setting!(
        "oidc_client_secret",
        "KINLINK_OIDC_CLIENT_SECRET",
        "what Kinlink proves itself with there",
        |c| c.oidc_client_secret.as_ref().map(|_| "***".to_owned()),
        |c, v| line(v, 1000).map(|v| c.oidc_client_secret = Some(v.into())),
        secret
    ),
    setting!(
        "oidc_roles",
        "KINLINK_OIDC_ROLES",
        "which roles or groups there mean which role here, such as viewer=teachers approver=office,head administrator=it; \
         nobody else gets in",
        |c| c.oidc_roles.as_ref().map(ToString::to_string),
        |c, v| parsed(v).map(|v| c.oidc_roles = Some(v))
    ),
    setting!(
        "oidc_role_claim",
        "KINLINK_OIDC_ROLE_CLAIM",
        "the claim with somebody's roles or groups; a path such as realm_access.roles leads into a claim",
        |c| Some(c.oidc_role_claim.clone()),
        |c, v| line(v, 255).map(|v| c.oidc_role_claim = v)
    ),
    setting!(
        "oidc_scopes",
        "KINLINK_OIDC_SCOPES",
        "what to ask the provider for, separated by spaces",
        |c| Some(c.oidc_scopes.clone()),
        |c, v| {
            if v.split(' ').any(|scope| scope == "openid") && line(v, 1000).is_ok() {
                v.clone_into(&mut c.oidc_scopes);
                Ok(())
            } else {
                Err("scopes separated by spaces, with openid among them".into())
            }
        }
    ),
];

/// How a secret may stand elsewhere, for people.
pub const REFERENCES: &str = "A secret may be a reference: env:NAME, file:/path, or for AWS Secrets Manager aws-sm:NAME-OR-ARN \
    and aws-sm:NAME-OR-ARN#key for a key of a JSON object. The URL of a database is also put together from what RDS keeps \
    (engine, host, port, username, password, dbname); what follows ? in the reference is added to it, such as \
    aws-sm:NAME?sslmode=verify-full&sslrootcert=/opt/rds.pem for PostgreSQL or \
    aws-sm:NAME?ssl-mode=VERIFY_IDENTITY&ssl-ca=/opt/rds.pem for MariaDB and MySQL.";

/// Every setting with its variable, default and meaning, for `--help`.
#[must_use]
pub fn help() -> String {
    let defaults = Config::default();
    let width = SETTINGS.iter().map(|setting| setting.variable.len()).max().unwrap_or(0);
    let mut text = String::new();
    for setting in SETTINGS {
        let default = (setting.shown)(&defaults).map_or_else(String::new, |default| format!(" [default: {default}]"));
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{:width$}  {}{default}", setting.variable, setting.meaning);
    }
    text
}

fn parsed<T>(text: &str) -> Result<T, String>
where
    T: FromStr,
    T::Err: ToString,
{
    text.parse().map_err(|error: T::Err| error.to_string())
}

fn line(text: &str, max: usize) -> Result<String, String> {
    kinlink_domain::text::line(text, max).map_err(|_| format!("a line of 1 to {max} characters"))
}

fn queue(text: &str) -> Result<String, String> {
    let valid = Url::parse(text).is_ok_and(|url| {
        matches!(url.scheme(), "https" | "http")
            && url.path().len() > 1
            && url.query().is_none()
            && url.username().is_empty()
            && url.password().is_none()
    });
    if valid {
        Ok(text.to_owned())
    } else {
        Err("the URL of an SQS queue such as https://sqs.eu-west-1.amazonaws.com/123456789012/kinlink".into())
    }
}

/// Not trimmed: providers compare their name letter by letter, and some end it with a slash.
fn issuer(text: &str) -> Result<String, String> {
    let _: WebAddress = parsed(text).map_err(|_| {
        "the provider's address, such as https://sign-in.example.org (http only on this machine)".to_owned()
    })?;
    Ok(text.to_owned())
}

fn key(text: &str) -> Result<SecretString, String> {
    let key = SecretString::from(text);
    if key.expose_secret().chars().count() < Config::MIN_KEY {
        return Err(format!("at least {} random characters, as `openssl rand -hex 32` prints them", Config::MIN_KEY));
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::{Config, SETTINGS, help};

    #[test]
    fn variables_follow_from_names_and_defaults_are_valid() {
        for setting in SETTINGS {
            assert_eq!(setting.variable, format!("KINLINK_{}", setting.name.to_uppercase()));
            let mut config = Config::default();
            if let Some(default) = (setting.shown)(&config) {
                (setting.set)(&mut config, &default).unwrap();
                assert_eq!((setting.shown)(&config), Some(default), "{}", setting.name);
            }
        }
    }

    #[test]
    fn the_help_has_a_line_for_every_setting() {
        let help = help();
        assert_eq!(help.lines().count(), SETTINGS.len());
        assert!(
            help.contains(
                "KINLINK_SCHOOL              the school's name in pages and mails [default: Demonstration School]"
            ),
            "{help}"
        );
    }
}
