//! What a school may set: one typed struct, each setting with its name, default and meaning in one table.
//!
//! These live in the store's `settings`, so that every function sees the same. How to reach databases, queues and mail
//! is configuration (crate `kinlink-config`), not policy.

use std::sync::LazyLock;

use jiff::tz::{TimeZone, TimeZoneDatabase};
use serde::{Deserialize, Serialize};

use crate::{
    brake::Brake,
    ids::ContextId,
    leaving::Grace,
    pupil_filter::PupilFilter,
    reason::Source,
    retention::{Retention, RetentionClass},
};

/// The school's settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of its own with a name that people set")]
pub struct Policy {
    /// Whether the login row's first name begins with the title.
    pub title_in_first_name: bool,
    /// Whether an email address must be proven before staff see a request.
    pub email_proof: bool,
    /// Hours for which the link in that mail works.
    pub email_proof_hours: u32,
    /// Whether staff must confirm the checks in the MIS to approve.
    pub require_checks: bool,
    /// Short name of the role that links an adult to a pupil.
    pub link_role: String,
    /// Short name of the role in static contexts.
    pub static_role: String,
    /// Contexts (system or category) in which every linked adult gets the static role.
    pub static_contexts: Vec<ContextId>,
    /// `role_assignments.component` of our rows; empty makes them editable in Moodle, and then the ledger alone tells what is ours.
    pub component: String,
    /// `role_assignments.modifierid` of our rows: a Moodle user id.
    pub modifier_id: i64,
    /// Who counts as a pupil.
    pub pupil_filter: PupilFilter,
    /// Which of the pupils have left, if the school marks them so.
    pub leaver_filter: Option<PupilFilter>,
    /// Days for which the links of a pupil who left stay in force.
    pub leaver_grace_days: u32,
    /// Days for which an adult whose last pupil left may still sign in.
    pub login_row_grace_days: u32,
    /// Percent of the linked pupils that may leave between two looks; beyond that nothing is believed.
    pub leaver_brake_percent: u32,
    /// Where Moodle keeps the tutor group.
    pub tutor_group_field: TutorGroupField,
    /// Whether removing an adult's login row also ends their open Moodle sessions.
    pub end_sessions: bool,
    /// When a plan removes too much.
    pub brake: Brake,
    /// Whether what the brake holds takes two persons to be applied.
    pub brake_two_persons: bool,
    /// How many plans are kept.
    pub plans_kept: u32,
    /// For how many days plans are kept.
    pub plans_kept_days: u32,
    /// After how many tries a job waits for a person.
    pub max_attempts: u32,
    /// What stands in the login row's description.
    pub description: String,
    /// Whether parents can send the form of our own pages.
    pub form_open: bool,
    /// Origins of the school's sites that may show that form in a frame.
    pub embed_origins: Vec<String>,
    /// How many forms are taken from one client address within an hour.
    pub form_per_address_per_hour: u32,
    /// How many forms are taken for one email address within a day.
    pub form_per_email_per_day: u32,
    /// How many submissions are taken from one source, such as the school's website, within an hour.
    pub source_per_hour: u32,
    /// How many submissions of sources are taken from one client address within an hour.
    pub source_per_address_per_hour: u32,
    /// How many submissions are taken from everybody within an hour.
    pub submissions_per_hour: u32,
    /// How many sign-ins of staff one client address may begin within an hour.
    pub sign_ins_per_address_per_hour: u32,
    /// How many links and keys from one client address may be wrong within an hour.
    pub guesses_per_address_per_hour: u32,
    /// Where the school says how it uses personal data; empty for nowhere.
    pub privacy_url: String,
    /// For how long personal data is kept.
    pub retention: Retention,
    /// The IANA name of the time zone in which people are shown times.
    pub time_zone: String,
    /// Minutes without a page after which staff are signed out.
    pub session_idle_minutes: u32,
    /// Hours after which staff are signed out in any case.
    pub session_hours: u32,
    /// Minutes after signing in for which risky acts ask for no further proof.
    pub reauthenticate_minutes: u32,
}

/// Where Moodle keeps a pupil's tutor group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum TutorGroupField {
    /// `user.department`, as the plugin that this replaces assumed.
    Department,
    /// A custom profile field, by its short name.
    Profile(String),
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            title_in_first_name: false,
            email_proof: true,
            email_proof_hours: 48,
            require_checks: true,
            link_role: "parent".into(),
            static_role: "parent".into(),
            static_contexts: Vec::new(),
            component: "local_kinlink".into(),
            modifier_id: 2,
            pupil_filter: PupilFilter::default(),
            leaver_filter: None,
            leaver_grace_days: 30,
            login_row_grace_days: 90,
            leaver_brake_percent: 40,
            tutor_group_field: TutorGroupField::Department,
            end_sessions: true,
            brake: Brake::default(),
            brake_two_persons: true,
            plans_kept: 50,
            plans_kept_days: 30,
            max_attempts: 10,
            description: "Parent or carer account".into(),
            form_open: true,
            embed_origins: Vec::new(),
            form_per_address_per_hour: 20,
            form_per_email_per_day: 10,
            source_per_hour: 2_000,
            source_per_address_per_hour: 2_000,
            submissions_per_hour: 5_000,
            sign_ins_per_address_per_hour: 120,
            guesses_per_address_per_hour: 60,
            privacy_url: String::new(),
            retention: Retention::default(),
            time_zone: "Europe/London".into(),
            session_idle_minutes: 30,
            session_hours: 10,
            reauthenticate_minutes: 15,
        }
    }
}

/// A setting that does not exist or cannot have this value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSetting {
    /// No setting has this name.
    #[error("there is no setting {0:?}; `kinlink config` lists them")]
    Unknown(String),
    /// The value does not fit.
    #[error("setting {name}: expected {expected}")]
    Value {
        /// The setting.
        name: &'static str,
        /// What it should look like.
        expected: String,
    },
}

/// One setting: name, meaning, reader and writer.
pub struct Setting {
    /// Its name.
    pub name: &'static str,
    /// What it means.
    pub meaning: &'static str,
    /// Its value as text.
    pub get: fn(&Policy) -> String,
    set: fn(&mut Policy, &str) -> Result<(), String>,
}

/// The setting of a class of data that is kept for some days.
macro_rules! kept {
    ($class:ident) => {
        Setting {
            name: RetentionClass::$class.rule().setting,
            meaning: RetentionClass::$class.rule().meaning,
            get: |p| p.retention.days(RetentionClass::$class).to_string(),
            set: |p, v| p.retention.set(RetentionClass::$class, v),
        }
    };
}

/// Every setting, in the order in which people read them.
pub const SETTINGS: &[Setting] = &[
    Setting {
        name: "email_proof",
        meaning: "the email address must be proven before staff see a request",
        get: |p| p.email_proof.to_string(),
        set: |p, v| boolean(v).map(|v| p.email_proof = v),
    },
    Setting {
        name: "email_proof_hours",
        meaning: "hours for which the link that proves it works",
        get: |p| p.email_proof_hours.to_string(),
        set: |p, v| number(v, 1, 720).map(|v| p.email_proof_hours = v),
    },
    Setting {
        name: "require_checks",
        meaning: "staff must confirm the checks in the MIS to approve",
        get: |p| p.require_checks.to_string(),
        set: |p, v| boolean(v).map(|v| p.require_checks = v),
    },
    Setting {
        name: "title_in_first_name",
        meaning: "the first name in Moodle begins with the title",
        get: |p| p.title_in_first_name.to_string(),
        set: |p, v| boolean(v).map(|v| p.title_in_first_name = v),
    },
    Setting {
        name: "description",
        meaning: "the description of new accounts in Moodle",
        get: |p| p.description.clone(),
        set: |p, v| match crate::text::line(v, 255) {
            Ok(text) => {
                p.description = text;
                Ok(())
            }
            Err(_) => Err("a line of 1 to 255 characters".into()),
        },
    },
    Setting {
        name: "pupil_filter",
        meaning: "who counts as a pupil",
        get: |p| p.pupil_filter.to_string(),
        set: |p, v| {
            v.parse().map(|v| p.pupil_filter = v).map_err(|e: crate::pupil_filter::InvalidFilter| e.to_string())
        },
    },
    Setting {
        name: "leaver_filter",
        meaning: "which pupils have left, in the same words as who counts as a pupil; empty for none",
        get: |p| p.leaver_filter.as_ref().map(ToString::to_string).unwrap_or_default(),
        set: |p, v| {
            let filter = (!v.is_empty()).then(|| v.parse()).transpose();
            filter.map(|v| p.leaver_filter = v).map_err(|e: crate::pupil_filter::InvalidFilter| e.to_string())
        },
    },
    Setting {
        name: "leaver_grace_days",
        meaning: "days for which parents keep the access to a pupil who left",
        get: |p| p.leaver_grace_days.to_string(),
        set: |p, v| number(v, 0, 3_650).map(|v| p.leaver_grace_days = v),
    },
    Setting {
        name: "login_row_grace_days",
        meaning: "days for which parents may still sign in when their last pupil’s access has ended",
        get: |p| p.login_row_grace_days.to_string(),
        set: |p, v| number(v, 0, 3_650).map(|v| p.login_row_grace_days = v),
    },
    Setting {
        name: "leaver_brake_percent",
        meaning: "percent of the linked pupils that may leave from one night to the next; with more, something is broken and nothing ends",
        get: |p| p.leaver_brake_percent.to_string(),
        set: |p, v| number(v, 1, 100).map(|v| p.leaver_brake_percent = v),
    },
    Setting {
        name: "tutor_group_field",
        meaning: "where Moodle keeps the tutor group",
        get: |p| p.tutor_group_field.clone().into(),
        set: |p, v| v.to_owned().try_into().map(|v| p.tutor_group_field = v),
    },
    Setting {
        name: "link_role",
        meaning: "short name of the role that links an adult to a pupil",
        get: |p| p.link_role.clone(),
        set: |p, v| short_name(v).map(|v| p.link_role = v),
    },
    Setting {
        name: "static_role",
        meaning: "short name of the role in static contexts",
        get: |p| p.static_role.clone(),
        set: |p, v| short_name(v).map(|v| p.static_role = v),
    },
    Setting {
        name: "static_contexts",
        meaning: "context ids (system or category) in which every linked adult gets the static role",
        get: |p| p.static_contexts.iter().map(ToString::to_string).collect::<Vec<_>>().join(","),
        set: |p, v| {
            v.split(',')
                .map(str::trim)
                .filter(|v| !v.is_empty())
                .map(|v| v.parse().ok().filter(|id| *id > 0).map(ContextId))
                .collect::<Option<Vec<_>>>()
                .map(|v| p.static_contexts = v)
                .ok_or_else(|| "context ids separated by commas, or nothing".into())
        },
    },
    Setting {
        name: "component",
        meaning: "component of our role rows; empty lets staff edit them in Moodle",
        get: |p| p.component.clone(),
        set: |p, v| {
            // Moodle demands <type>_<name> (`reference/moodle-database.md` §3.4).
            let plain = v.len() <= 100 && v.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
            let parts = v.split_once('_').is_some_and(|(kind, name)| !kind.is_empty() && !name.is_empty());
            if v.is_empty() || (plain && parts) {
                v.clone_into(&mut p.component);
                Ok(())
            } else {
                Err("nothing, or a Moodle component name such as local_kinlink".into())
            }
        },
    },
    Setting {
        name: "modifier_id",
        meaning: "Moodle user id noted as the one who assigned the roles",
        get: |p| p.modifier_id.to_string(),
        set: |p, v| number(v, 0, u32::MAX).map(|v| p.modifier_id = i64::from(v)),
    },
    Setting {
        name: "end_sessions",
        meaning: "losing access, by a revoked login row or by a hold, also ends the adult's open Moodle sessions",
        get: |p| p.end_sessions.to_string(),
        set: |p, v| boolean(v).map(|v| p.end_sessions = v),
    },
    Setting {
        name: "brake_floor",
        meaning: "removals per cycle that are always believed",
        get: |p| p.brake.floor.to_string(),
        set: |p, v| number(v, 0, u32::MAX).map(|v| p.brake.floor = u64::from(v)),
    },
    Setting {
        name: "brake_percent",
        meaning: "percent of our rows whose removal is believed beyond that",
        get: |p| p.brake.percent.to_string(),
        set: |p, v| number(v, 0, 100).map(|v| p.brake.percent = u64::from(v)),
    },
    Setting {
        name: "brake_two_persons",
        meaning: "what the brake holds is applied only when a second person confirms it",
        get: |p| p.brake_two_persons.to_string(),
        set: |p, v| boolean(v).map(|v| p.brake_two_persons = v),
    },
    Setting {
        name: "plans_kept",
        meaning: "how many plans are kept, the newest",
        get: |p| p.plans_kept.to_string(),
        set: |p, v| number(v, 1, 1_000).map(|v| p.plans_kept = v),
    },
    Setting {
        name: "plans_kept_days",
        meaning: "days for which plans are kept",
        get: |p| p.plans_kept_days.to_string(),
        set: |p, v| number(v, 1, 366).map(|v| p.plans_kept_days = v),
    },
    Setting {
        name: "max_attempts",
        meaning: "tries after which a job waits for a person",
        get: |p| p.max_attempts.to_string(),
        set: |p, v| number(v, 1, 1000).map(|v| p.max_attempts = v),
    },
    Setting {
        name: "form_open",
        meaning: "parents can send the form of our own pages",
        get: |p| p.form_open.to_string(),
        set: |p, v| boolean(v).map(|v| p.form_open = v),
    },
    Setting {
        name: "embed_origins",
        meaning: "https origins, separated by spaces, of the school's sites that may show the form in a frame",
        get: |p| p.embed_origins.join(" "),
        set: |p, v| {
            let origins = v.split_whitespace().map(origin).collect::<Option<Vec<_>>>();
            origins
                .map(|origins| p.embed_origins = origins)
                .ok_or_else(|| "origins such as https://www.school.example separated by spaces, or nothing".into())
        },
    },
    Setting {
        name: "form_per_address_per_hour",
        meaning: "forms taken from one client address within an hour",
        get: |p| p.form_per_address_per_hour.to_string(),
        set: |p, v| number(v, 1, 100_000).map(|v| p.form_per_address_per_hour = v),
    },
    Setting {
        name: "form_per_email_per_day",
        meaning: "forms taken for one email address within a day",
        get: |p| p.form_per_email_per_day.to_string(),
        set: |p, v| number(v, 1, 100_000).map(|v| p.form_per_email_per_day = v),
    },
    Setting {
        name: "source_per_hour",
        meaning: "submissions taken from one source, such as the school's website, within an hour",
        get: |p| p.source_per_hour.to_string(),
        set: |p, v| number(v, 1, 1_000_000).map(|v| p.source_per_hour = v),
    },
    Setting {
        name: "source_per_address_per_hour",
        meaning: "submissions of sources taken from one client address within an hour",
        get: |p| p.source_per_address_per_hour.to_string(),
        set: |p, v| number(v, 1, 1_000_000).map(|v| p.source_per_address_per_hour = v),
    },
    Setting {
        name: "submissions_per_hour",
        meaning: "submissions taken from everybody within an hour, forms included",
        get: |p| p.submissions_per_hour.to_string(),
        set: |p, v| number(v, 1, 1_000_000).map(|v| p.submissions_per_hour = v),
    },
    Setting {
        name: "sign_ins_per_address_per_hour",
        meaning: "sign-ins of staff that one client address may begin within an hour",
        get: |p| p.sign_ins_per_address_per_hour.to_string(),
        set: |p, v| number(v, 1, 100_000).map(|v| p.sign_ins_per_address_per_hour = v),
    },
    Setting {
        name: "guesses_per_address_per_hour",
        meaning: "mailed links, keys and API tokens from one client address that may be wrong within an hour; then none from there is taken",
        get: |p| p.guesses_per_address_per_hour.to_string(),
        set: |p, v| number(v, 1, 100_000).map(|v| p.guesses_per_address_per_hour = v),
    },
    Setting {
        name: "privacy_url",
        meaning: "the page where the school says how it uses personal data; empty for none",
        get: |p| p.privacy_url.clone(),
        set: |p, v| {
            let plain =
                v.len() <= 500 && v.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '"' | '\'' | '<' | '>'));
            if v.is_empty() || (plain && v.strip_prefix("https://").is_some_and(|rest| !rest.is_empty())) {
                v.clone_into(&mut p.privacy_url);
                Ok(())
            } else {
                Err("nothing, or the address of a page that begins with https://".into())
            }
        },
    },
    Setting {
        name: "time_zone",
        meaning: "the time zone in which people are shown times",
        get: |p| p.time_zone.clone(),
        set: |p, v| match ZONES.get(v) {
            // As the database spells it, whatever the case in which it was typed.
            Ok(zone) => {
                zone.iana_name().unwrap_or(v).clone_into(&mut p.time_zone);
                Ok(())
            }
            Err(_) => Err("the IANA name of a time zone such as Europe/London".into()),
        },
    },
    Setting {
        name: "session_idle_minutes",
        meaning: "minutes without a page after which staff are signed out",
        get: |p| p.session_idle_minutes.to_string(),
        set: |p, v| number(v, 5, 720).map(|v| p.session_idle_minutes = v),
    },
    Setting {
        name: "session_hours",
        meaning: "hours after which staff are signed out in any case",
        get: |p| p.session_hours.to_string(),
        set: |p, v| number(v, 1, 72).map(|v| p.session_hours = v),
    },
    Setting {
        name: "reauthenticate_minutes",
        meaning: "minutes after signing in for which risky acts ask for no further proof",
        get: |p| p.reauthenticate_minutes.to_string(),
        set: |p, v| number(v, 1, 720).map(|v| p.reauthenticate_minutes = v),
    },
    kept!(Unproven),
    kept!(Bogus),
    kept!(Refused),
    kept!(Words),
    kept!(Mails),
    kept!(Adults),
    kept!(Holds),
    kept!(Staff),
    kept!(Cycles),
    kept!(Audit),
];

/// The time zones that are built in: the machine's own may be missing or old.
static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

impl Policy {
    /// The defaults with stored values laid over them.
    ///
    /// # Errors
    /// [`InvalidSetting`] for the first name or value that does not fit.
    pub fn with<'a>(values: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, InvalidSetting> {
        let mut policy = Self::default();
        for (name, value) in values {
            policy.set(name, value)?;
        }
        Ok(policy)
    }

    /// Sets one setting from text.
    ///
    /// # Errors
    /// [`InvalidSetting`]; the policy is then unchanged.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), InvalidSetting> {
        let setting = SETTINGS
            .iter()
            .find(|setting| setting.name == name)
            .ok_or_else(|| InvalidSetting::Unknown(name.to_owned()))?;
        (setting.set)(self, value.trim()).map_err(|expected| InvalidSetting::Value { name: setting.name, expected })
    }

    /// For how long a pupil's links outlive their leaving.
    #[must_use]
    pub fn leaver_grace(&self) -> Grace {
        Grace { days: self.leaver_grace_days, zone: self.zone() }
    }

    /// For how long a login row outlives the last link.
    #[must_use]
    pub fn login_row_grace(&self) -> Grace {
        Grace { days: self.login_row_grace_days, zone: self.zone() }
    }

    /// When too many pupils leave at once.
    #[must_use]
    pub fn leaver_brake(&self) -> Brake {
        Brake { floor: self.brake.floor, percent: self.leaver_brake_percent.into() }
    }

    /// The brake of a source of removals. Pupils leave by whole year groups, so theirs is another one.
    #[must_use]
    pub fn brake_of(&self, source: Source) -> Brake {
        match source {
            Source::Leavers => self.leaver_brake(),
            Source::Decisions | Source::Reconciliation => self.brake,
        }
    }

    /// The school's time zone.
    #[must_use]
    pub fn zone(&self) -> TimeZone {
        ZONES.get(&self.time_zone).unwrap_or(TimeZone::UTC)
    }
}

impl TryFrom<String> for TutorGroupField {
    type Error = String;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        match text.strip_prefix("profile:") {
            Some(name) if !name.is_empty() => Ok(Self::Profile(name.to_owned())),
            None if text == "department" => Ok(Self::Department),
            _ => Err("department or profile:NAME".into()),
        }
    }
}
impl From<TutorGroupField> for String {
    fn from(field: TutorGroupField) -> Self {
        match field {
            TutorGroupField::Department => "department".into(),
            TutorGroupField::Profile(name) => format!("profile:{name}"),
        }
    }
}

fn boolean(text: &str) -> Result<bool, String> {
    match text {
        "true" | "yes" | "on" | "1" => Ok(true),
        "false" | "no" | "off" | "0" => Ok(false),
        _ => Err("true or false".into()),
    }
}

fn number(text: &str, least: u32, most: u32) -> Result<u32, String> {
    text.parse()
        .ok()
        .filter(|n| (least..=most).contains(n))
        .ok_or_else(|| format!("a whole number from {least} to {most}"))
}

/// An `https` origin, in lower case: scheme, host and perhaps a port, and nothing after them.
fn origin(text: &str) -> Option<String> {
    let text = text.to_ascii_lowercase();
    let rest = text.strip_prefix("https://")?;
    let (host, port) = rest.split_once(':').unwrap_or((rest, "443"));
    let label = |label: &str| {
        !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') && !label.starts_with('-')
    };
    let good = host.len() <= 253 && host.split('.').all(label) && port.parse::<u16>().is_ok_and(|port| port > 0);
    good.then_some(text)
}

fn short_name(text: &str) -> Result<String, String> {
    if text.is_empty() || text.len() > 100 || text.chars().any(char::is_whitespace) {
        return Err("the short name of a Moodle role, such as parent".into());
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::{InvalidSetting, Policy, SETTINGS};

    #[test]
    fn every_setting_reads_back_what_it_wrote() {
        for setting in SETTINGS {
            let mut policy = Policy::default();
            let value = (setting.get)(&policy);
            policy.set(setting.name, &value).unwrap();
            assert_eq!(policy, Policy::default(), "{}", setting.name);
        }
    }

    #[test]
    fn origins_and_time_zones_are_kept_as_browsers_and_the_database_spell_them() {
        let mut policy = Policy::default();
        policy.set("embed_origins", " https://WWW.School.example  https://b.example:8443 ").unwrap();
        assert_eq!(policy.embed_origins, ["https://www.school.example", "https://b.example:8443"]);
        policy.set("time_zone", "europe/warsaw").unwrap();
        assert_eq!((policy.time_zone.as_str(), policy.zone().iana_name()), ("Europe/Warsaw", Some("Europe/Warsaw")));
        policy.set("privacy_url", "https://school.example/privacy?a=b#c").unwrap();
    }

    #[test]
    fn wrong_values_name_the_setting_and_what_was_expected() {
        let mut policy = Policy::default();
        for (name, value) in [
            ("email_proof", "perhaps"),
            ("email_proof_hours", "0"),
            ("static_contexts", "1,x"),
            ("static_contexts", "0"),
            ("component", "kinlink"),
            ("component", "Local_x"),
            ("link_role", ""),
            ("pupil_filter", ""),
            ("tutor_group_field", "profile:"),
            ("leaver_filter", "left"),
            ("leaver_grace_days", "-1"),
            ("leaver_brake_percent", "0"),
            ("brake_percent", "101"),
            ("form_open", "maybe"),
            ("embed_origins", "http://school.example"),
            ("embed_origins", "https://school.example/path"),
            ("embed_origins", "https://*.school.example"),
            ("embed_origins", "https://a.example; script-src *"),
            ("embed_origins", "https://a.example,https://b.example"),
            ("embed_origins", "https://a.example:0"),
            ("embed_origins", "https://"),
            ("form_per_address_per_hour", "0"),
            ("privacy_url", "javascript:alert(1)"),
            ("privacy_url", "https://a.example/\"x"),
            ("privacy_url", "https://"),
            ("time_zone", "Europe/Atlantis"),
            ("time_zone", ""),
        ] {
            let error = policy.set(name, value).unwrap_err();
            assert!(error.to_string().contains(name), "{error}");
        }
        assert!(matches!(policy.set("colour", "red"), Err(InvalidSetting::Unknown(_))));
        assert_eq!(policy, Policy::default());
    }
}
