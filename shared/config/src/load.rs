//! Reading settings: environment variables over a TOML file over defaults, secrets by reference.

use std::{
    collections::BTreeMap,
    env, fmt, fs, io,
    path::{Path, PathBuf},
};

use secrecy::ExposeSecret as _;

use crate::{
    Config, ConfigError, ConfigErrors, DatabaseAuth, SETTINGS, SecretReference, Secrets, Setting, reference::Kind,
    settings::address_of,
};

/// Names the settings file; without it `kinlink.toml` in the current folder is read, if there is one.
const FILE_VARIABLE: &str = "KINLINK_CONFIG";
const DEFAULT_FILE: &str = "kinlink.toml";
/// The longest secret that a file may hold, in bytes.
const MAX_SECRET_FILE: u64 = 64 * 1024;

/// The settings and where they came from.
#[derive(Debug)]
pub struct Loaded {
    /// The settings.
    pub config: Config,
    /// One line a setting, in the order of [`SETTINGS`].
    pub report: Vec<ReportLine>,
}

/// One setting as `kinlink config` prints it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportLine {
    /// Its name.
    pub name: &'static str,
    /// Its environment variable.
    pub variable: &'static str,
    /// Its value with secrets masked; `None` if it has none.
    pub value_masked: Option<String>,
    /// Where the value came from.
    pub origin: Origin,
    /// What it means.
    pub meaning: &'static str,
}

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// An environment variable.
    Variable {
        /// The variable.
        name: &'static str,
        /// The reference that stood there instead of the value (`env:NAME`, `file:/path`, `aws-sm:NAME`).
        reference: Option<String>,
    },
    /// The settings file.
    File {
        /// The file.
        path: PathBuf,
        /// The reference that stood there instead of the value.
        reference: Option<String>,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reference = match self {
            Self::Default => return f.write_str("default"),
            Self::Variable { name, reference } => {
                write!(f, "environment {name}")?;
                reference
            }
            Self::File { path, reference } => {
                write!(f, "file {}", path.display())?;
                reference
            }
        };
        reference.as_ref().map_or(Ok(()), |reference| write!(f, ", by reference {reference}"))
    }
}

/// A settings file that has been read.
#[derive(Debug, Clone, Copy)]
pub struct TomlFile<'a> {
    /// Where it lies, for messages.
    pub path: &'a Path,
    /// What stands in it.
    pub text: &'a str,
}

/// A text that was given for a setting, and where.
struct Given {
    text: String,
    origin: Origin,
    /// Where, for messages.
    place: String,
}

/// A setting whose value stands in AWS Secrets Manager.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Needed {
    /// The variable, or the key and its file.
    pub place: String,
    /// Where the value stands.
    pub reference: SecretReference,
}

/// The settings of a process as they were found, not read yet: secrets may have to be fetched in between.
pub struct Sources {
    variables: BTreeMap<String, String>,
    file: Option<(PathBuf, String)>,
    errors: Vec<ConfigError>,
}

impl Sources {
    /// Those of this process: its environment, and the file that `KINLINK_CONFIG` names or `kinlink.toml` in the current
    /// folder. What is wrong with them is told by [`Sources::load`].
    #[must_use]
    pub fn of_process() -> Self {
        let mut errors = Vec::new();
        let mut variables = BTreeMap::new();
        for (name, value) in env::vars_os() {
            // Names that are not UTF-8 are none of ours.
            let Ok(name) = name.into_string() else { continue };
            match value.into_string() {
                Ok(value) => {
                    variables.insert(name, value);
                }
                Err(_) if name.starts_with("KINLINK_") => {
                    errors.push(ConfigError::Value { place: name, expected: "text in UTF-8".to_owned() });
                }
                Err(_) => {}
            }
        }
        let named = variables.get(FILE_VARIABLE).filter(|path| !path.is_empty());
        let path = PathBuf::from(named.map_or(DEFAULT_FILE, String::as_str));
        let file = match fs::read_to_string(&path) {
            Ok(text) => Some((path, text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound && named.is_none() => None,
            Err(error) => {
                errors.push(ConfigError::Unreadable { file: path.display().to_string(), reason: error.kind() });
                None
            }
        };
        Self { variables, file, errors }
    }

    fn file(&self) -> Option<TomlFile<'_>> {
        self.file.as_ref().map(|(path, text)| TomlFile { path, text })
    }

    /// As [`references`].
    #[must_use]
    pub fn references(&self) -> Vec<Needed> {
        references(&self.variables, self.file())
    }

    /// As [`load`].
    ///
    /// # Errors
    /// As [`load`].
    pub fn load(mut self, secrets: &Secrets) -> Result<Loaded, ConfigErrors> {
        let mut errors = std::mem::take(&mut self.errors);
        match load(&self.variables, self.file(), secrets) {
            Ok(loaded) if errors.is_empty() => Ok(loaded),
            Ok(_) => Err(ConfigErrors(errors)),
            Err(ConfigErrors(others)) => {
                errors.extend(others);
                Err(ConfigErrors(errors))
            }
        }
    }
}

/// The settings whose values stand in AWS Secrets Manager, in the order of [`SETTINGS`].
#[must_use]
pub fn references(variables: &BTreeMap<String, String>, file: Option<TomlFile<'_>>) -> Vec<Needed> {
    // What is wrong elsewhere is told when everything is loaded.
    let mut given = given(variables, file, &mut Vec::new());
    let secret = SETTINGS.iter().filter(|setting| setting.secret);
    secret
        .filter_map(|setting| {
            let Given { text, place, .. } = given.remove(setting.name)?;
            SecretReference::read(&text).map(|reference| Needed { place, reference })
        })
        .collect()
}

/// What was given for each setting. Variables replace what stands in the file; an empty one is the same as none.
fn given(
    variables: &BTreeMap<String, String>,
    file: Option<TomlFile<'_>>,
    errors: &mut Vec<ConfigError>,
) -> BTreeMap<&'static str, Given> {
    let mut given = file.map_or_else(BTreeMap::new, |file| in_file(file, errors));
    for setting in SETTINGS {
        if let Some(text) = variables.get(setting.variable).map(|text| text.trim())
            && (setting.empty_is_value || !text.is_empty())
        {
            let origin = Origin::Variable { name: setting.variable, reference: None };
            let place = setting.variable.to_owned();
            given.insert(setting.name, Given { text: text.to_owned(), origin, place });
        }
    }
    given
}

/// Reads settings from all variables of an environment and, where there is one, a file. An empty variable is the same
/// as none. Files that secrets refer to are read; `secrets` holds what was fetched for [`references`].
///
/// # Errors
/// Everything that is wrong with them.
pub fn load(
    variables: &BTreeMap<String, String>,
    file: Option<TomlFile<'_>>,
    secrets: &Secrets,
) -> Result<Loaded, ConfigErrors> {
    let mut errors = Vec::new();
    unknown_variables(variables, &mut errors);
    let mut given = given(variables, file, &mut errors);
    let mut config = Config::default();
    let mut origins = BTreeMap::new();
    for setting in SETTINGS {
        if let Some(given) = given.remove(setting.name) {
            match apply(setting, given, variables, secrets, &mut config) {
                Ok(origin) => {
                    origins.insert(setting.name, origin);
                }
                Err(error) => errors.push(error),
            }
        }
    }
    for (name, url) in [
        ("store_url", &mut config.store_url),
        ("store_owner_url", &mut config.store_owner_url),
        ("moodle_url", &mut config.moodle_url),
    ] {
        if let (Some(url), Some(Origin::Variable { reference, .. } | Origin::File { reference, .. })) =
            (url, origins.get(name))
            && let Some(reference) = reference.as_deref().and_then(SecretReference::read)
        {
            url.set_reference(reference);
        }
    }
    if !origins.contains_key("public_url") {
        config.public_url = address_of(config.listen);
    }
    // Only when each is right by itself: otherwise this would be a second message about the same mistake.
    if errors.is_empty() {
        if config.mail_url.is_some() && config.mail_from.is_none() {
            errors.push(ConfigError::Incomplete { needing: "KINLINK_MAIL_URL", missing: "KINLINK_MAIL_FROM" });
        }
        if config.queue_dead_url.is_some() && config.queue_url.is_none() {
            errors.push(ConfigError::Incomplete { needing: "KINLINK_QUEUE_DEAD_URL", missing: "KINLINK_QUEUE_URL" });
        }
        sign_in(&config, &mut errors);
        for (auth, auth_variable, url, url_variable) in [
            (config.store_auth, "KINLINK_STORE_AUTH", config.store_url.is_some(), "KINLINK_STORE_URL"),
            (config.moodle_auth, "KINLINK_MOODLE_AUTH", config.moodle_url.is_some(), "KINLINK_MOODLE_URL"),
        ] {
            if auth == DatabaseAuth::AwsIam && !url {
                errors.push(ConfigError::Incomplete { needing: auth_variable, missing: url_variable });
            }
        }
    }
    if !errors.is_empty() {
        return Err(ConfigErrors(errors));
    }
    let report = SETTINGS
        .iter()
        .map(|setting| ReportLine {
            name: setting.name,
            variable: setting.variable,
            value_masked: (setting.shown)(&config),
            origin: origins.remove(setting.name).unwrap_or(Origin::Default),
            meaning: setting.meaning,
        })
        .collect();
    Ok(Loaded { config, report })
}

/// Half a sign-in would let nobody in, or tell them so only when they try.
fn sign_in(config: &Config, errors: &mut Vec<ConfigError>) {
    let parts = [
        ("KINLINK_OIDC_ISSUER", config.oidc_issuer.is_some()),
        ("KINLINK_OIDC_CLIENT_ID", config.oidc_client_id.is_some()),
        ("KINLINK_OIDC_CLIENT_SECRET", config.oidc_client_secret.is_some()),
        ("KINLINK_OIDC_ROLES", config.oidc_roles.is_some()),
    ];
    if let Some((needing, _)) = parts.iter().find(|(_, is_there)| *is_there) {
        let missing = parts.iter().filter(|(_, is_there)| !is_there);
        errors.extend(missing.map(|(missing, _)| ConfigError::Incomplete { needing, missing }));
    }
}

fn apply(
    setting: &Setting,
    Given { text, mut origin, place }: Given,
    variables: &BTreeMap<String, String>,
    secrets: &Secrets,
    config: &mut Config,
) -> Result<Origin, ConfigError> {
    let mut value = text;
    if setting.secret
        && let Some(target) = dereference(&value, setting, variables, secrets)
    {
        let target = target.map_err(|problem| ConfigError::Reference { place: place.clone(), problem })?;
        let stood_there = std::mem::replace(&mut value, target);
        match &mut origin {
            Origin::Variable { reference, .. } | Origin::File { reference, .. } => *reference = Some(stood_there),
            Origin::Default => {}
        }
    }
    (setting.set)(config, &value).map_err(|expected| ConfigError::Value { place, expected })?;
    Ok(origin)
}

/// The secret that a reference means; `None` if the text is no reference but the secret itself.
fn dereference(
    text: &str,
    setting: &Setting,
    variables: &BTreeMap<String, String>,
    secrets: &Secrets,
) -> Option<Result<String, String>> {
    if let Some(name) = text.strip_prefix("env:") {
        let value = variables.get(name).map(|value| value.trim()).filter(|value| !value.is_empty());
        return Some(
            value.map(str::to_owned).ok_or_else(|| format!("the variable {name} that it refers to is not set")),
        );
    }
    if let Some(path) = text.strip_prefix("file:") {
        return Some(secret_file(path).map_err(|reason| format!("the file {path} that it refers to {reason}")));
    }
    let reference = SecretReference::read(text)?;
    let kind = if setting.database { Kind::DatabaseUrl } else { Kind::Text };
    let value = match secrets.get(reference.secret()) {
        Some(content) => reference.value(content, kind),
        None => Err(format!(
            "the secret {} that it refers to was not fetched from AWS Secrets Manager; use env:NAME or file:/path here",
            reference.secret()
        )),
    };
    Some(value.map(|value| value.expose_secret().to_owned()))
}

fn secret_file(path: &str) -> Result<String, String> {
    let metadata = fs::metadata(path).map_err(|error| format!("cannot be read ({})", error.kind()))?;
    if metadata.len() > MAX_SECRET_FILE {
        return Err("is too long for a secret".to_owned());
    }
    let text = fs::read_to_string(path).map_err(|error| format!("cannot be read ({})", error.kind()))?;
    match text.trim() {
        "" => Err("is empty".to_owned()),
        text => Ok(text.to_owned()),
    }
}

fn unknown_variables(variables: &BTreeMap<String, String>, errors: &mut Vec<ConfigError>) {
    for name in variables.keys().filter(|name| name.starts_with("KINLINK_")) {
        let setting = SETTINGS.iter().any(|setting| setting.variable == name);
        let other = matches!(name.as_str(), FILE_VARIABLE | "KINLINK_LOG" | "KINLINK_CRASH_AT")
            || name.starts_with("KINLINK_TEST_");
        if !setting && !other {
            let suggestion = closest(name, SETTINGS.iter().map(|setting| setting.variable));
            errors.push(ConfigError::UnknownVariable { name: name.clone(), suggestion });
        }
    }
}

/// What stands in the settings file, by setting.
fn in_file(file: TomlFile<'_>, errors: &mut Vec<ConfigError>) -> BTreeMap<&'static str, Given> {
    let path = file.path.display().to_string();
    let table: toml::Table = match file.text.parse() {
        Ok(table) => table,
        Err(error) => {
            // The parser's own message quotes the line, and a secret may stand there.
            let error: toml::de::Error = error;
            let before = error.span().and_then(|span| file.text.get(..span.start)).unwrap_or_default();
            errors.push(ConfigError::Syntax { file: path, line: before.matches('\n').count() + 1 });
            return BTreeMap::new();
        }
    };
    let mut given = BTreeMap::new();
    for (name, value) in table {
        let Some(setting) = SETTINGS.iter().find(|setting| setting.name == name) else {
            let suggestion = closest(&name, SETTINGS.iter().map(|setting| setting.name));
            errors.push(ConfigError::UnknownKey { name, file: path.clone(), suggestion });
            continue;
        };
        let place = format!("{name} in {path}");
        let text = match value {
            toml::Value::String(text) => text.trim().to_owned(),
            toml::Value::Integer(number) => number.to_string(),
            _ => {
                errors.push(ConfigError::Value { place, expected: "a text in double quotes or a whole number".into() });
                continue;
            }
        };
        let origin = Origin::File { path: file.path.to_owned(), reference: None };
        given.insert(setting.name, Given { text, origin, place });
    }
    given
}

/// The known name that a mistyped one most likely means.
fn closest(typed: &str, known: impl Iterator<Item = &'static str>) -> Option<String> {
    let typed = typed.to_lowercase();
    known
        .map(|name| (strsim::normalized_damerau_levenshtein(&typed, &name.to_lowercase()), name))
        .filter(|(likeness, _)| *likeness >= 0.7)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, name)| name.to_owned())
}
