//! Why a command did not do what it was asked, and what to do next: for people one sentence, for scripts a code.

use std::process::ExitCode;

use kinlink_config::ConfigErrors;
use kinlink_db::{DbError, Fault};
use kinlink_domain::submission::FieldFault;
use kinlink_moodle::{MoodleError, demo::DemoError};
use kinlink_service::{ServiceError, error::Unavailable};
use kinlink_store::StoreError;
use serde_json::{Value, json};

use crate::answer::{Exit, plain, say};

/// Why a command failed.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: Exit,
    code: String,
    /// What went wrong, without a full stop.
    what: String,
    /// What to do next: a sentence, or nothing.
    next: String,
    errors: Vec<Value>,
}

impl Failure {
    /// A failure of any kind.
    pub(crate) fn new(exit: Exit, code: impl Into<String>, what: impl Into<String>) -> Self {
        let what: String = what.into();
        let what = what.trim_end_matches('.').to_owned();
        Self { exit, code: code.into(), what, next: String::new(), errors: Vec::new() }
    }

    /// Something that should have worked did not.
    pub(crate) fn failed(code: &str, what: impl Into<String>) -> Self {
        Self::new(Exit::Failed, code, what)
    }

    /// An argument names something that is not there.
    pub(crate) fn argument(pointer: &str, what: impl Into<String>) -> Self {
        let what = what.into();
        let errors = vec![json!({ "pointer": pointer, "code": "invalid", "detail": what })];
        Self { errors, ..Self::new(Exit::Refused, "invalid_fields", what) }
    }

    /// The same, with what to do next.
    pub(crate) fn next(self, next: impl Into<String>) -> Self {
        Self { next: next.into(), ..self }
    }

    fn faults(self, faults: &[FieldFault]) -> Self {
        Self { errors: faults.iter().map(|fault| json!(fault)).collect(), ..self }
    }

    /// What went wrong and what to do next.
    pub(crate) fn sentence(&self) -> String {
        if self.next.is_empty() { format!("{}.", self.what) } else { format!("{}. {}", self.what, self.next) }
    }

    /// Prints the failure; gives the exit code.
    pub(crate) fn print(self, json: bool) -> ExitCode {
        let detail = self.sentence();
        if json {
            say(&json!({ "error": { "code": self.code, "detail": detail, "errors": self.errors } }).to_string());
        } else {
            eprintln!("kinlink: {}", plain(&detail));
            for error in &self.errors {
                let text = |key: &str| error.get(key).and_then(Value::as_str).unwrap_or_default();
                eprintln!("  {} {}", plain(text("pointer")), plain(text("detail")));
            }
        }
        self.exit.into()
    }
}

impl From<ServiceError> for Failure {
    fn from(error: ServiceError) -> Self {
        let text = error.to_string();
        match &error {
            ServiceError::NotFound(thing) => Self::failed("not_found", text).next(where_to_look(thing)),
            ServiceError::Invalid(faults) => {
                Self::new(Exit::Refused, "invalid_fields", text).next("Mend what is named here.").faults(faults)
            }
            ServiceError::Refused { code, parts, .. } => Self::new(Exit::Refused, *code, text).faults(parts),
            ServiceError::Stale => Self::new(Exit::Refused, "stale", text),
            ServiceError::Race => Self::new(Exit::Refused, "try_again", text),
            ServiceError::Forbidden(_) => Self::new(Exit::Refused, "forbidden", text),
            ServiceError::Unauthorized => Self::new(Exit::Refused, "unauthorized", text),
            ServiceError::Setting(_) => Self::new(Exit::Refused, "invalid_setting", text)
                .next("`kinlink config show` lists the settings and what they mean."),
            ServiceError::Letter => Self::failed("letter", text),
            ServiceError::TooOften { .. } => Self::new(Exit::Refused, "too_often", text),
            ServiceError::Queue(_) => Self::failed("queue_unavailable", text).next("`kinlink doctor` says more."),
            ServiceError::Store(StoreError::Db(db)) if db.fault() == Fault::Schema => schema_missing(),
            ServiceError::Store(_) | ServiceError::Moodle(_) => {
                let code = match error.unavailable() {
                    Some(Unavailable::Store) => "store_unavailable",
                    Some(Unavailable::Moodle) => "moodle_unavailable",
                    Some(Unavailable::Queue) => "queue_unavailable",
                    None if matches!(error, ServiceError::Moodle(_)) => "moodle",
                    None => "store",
                };
                Self::failed(code, text).next("`kinlink doctor` says more.")
            }
        }
    }
}

/// Our database is there, its tables are not.
pub(crate) fn schema_missing() -> Failure {
    Failure::failed("schema_missing", "the store's tables are missing or of an older version")
        .next("Run `kinlink migrate`.")
}

fn where_to_look(thing: &str) -> &'static str {
    match thing {
        "request" | "claim" => "`kinlink requests list` shows those there are.",
        "adult" | "login row" => "`kinlink logins list` shows who can sign in.",
        "pupil" => "`kinlink pupils NAME` searches; the policy pupil_filter says who counts as one.",
        "hold" => "`kinlink holds list --view all` shows those there are.",
        "token" => "`kinlink tokens list` shows those there are.",
        "source" => "`kinlink sources list` shows those there are.",
        "cycle" => "`kinlink cycles list` shows those there were.",
        "contested row" => "`kinlink contested list` shows those there are.",
        "plan" => "`kinlink plans list` shows those that are kept.",
        "mail" => "`kinlink mail list` shows those there are.",
        _ => "",
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        ServiceError::from(error).into()
    }
}

impl From<MoodleError> for Failure {
    fn from(error: MoodleError) -> Self {
        ServiceError::from(error).into()
    }
}

impl From<DbError> for Failure {
    fn from(error: DbError) -> Self {
        ServiceError::from(error).into()
    }
}

impl From<DemoError> for Failure {
    fn from(error: DemoError) -> Self {
        Self::failed("demonstration", format!("the demonstration's Moodle cannot be used ({error})"))
            .next("Remove moodle-demonstration.db from the data folder, or set KINLINK_MOODLE_URL.")
    }
}

impl From<ConfigErrors> for Failure {
    fn from(errors: ConfigErrors) -> Self {
        let listed =
            errors.0.iter().map(|error| json!({ "pointer": "", "code": "setting", "detail": error.to_string() }));
        Self {
            errors: listed.collect(),
            ..Self::new(Exit::Usage, "settings", "the settings are wrong")
                .next("`kinlink config help` explains each of them.")
        }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::new(Exit::Usage, "settings", format!("{error:#}")).next("`kinlink config help` explains the settings.")
    }
}
