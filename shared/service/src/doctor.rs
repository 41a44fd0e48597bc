//! Doctor: looks at everything that a cycle relies on, and says what to do about what is wrong. Changes nothing.

use std::collections::{BTreeMap, BTreeSet};

use kinlink_domain::{
    policy::Policy,
    staff::{Actor, Permission},
};
use kinlink_moodle::{Prefix, evidence, pupils, site, tasks, users};
use kinlink_store::{Connection, accounts, cycles, jobs, migrations};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{App, ServiceError, access::require};

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// As it should be.
    Good,
    /// Works, but somebody should look.
    Warning,
    /// Cycles cannot work, or harm threatens.
    Error,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = DoctorFinding)]
pub struct Finding {
    /// A stable code.
    pub check: &'static str,
    /// How bad it is.
    pub level: Level,
    /// What was seen.
    pub seen: String,
    /// What to do; empty when nothing is to be done.
    pub remedy: String,
}

/// Everything that was looked at.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Diagnosis {
    /// The findings, in the order in which they build on each other.
    pub findings: Vec<Finding>,
}

impl Diagnosis {
    /// The worst level.
    #[must_use]
    pub fn worst(&self) -> Level {
        self.findings.iter().map(|finding| finding.level).max().unwrap_or(Level::Good)
    }

    /// The finding of a check.
    #[must_use]
    pub fn find(&self, check: &str) -> Option<&Finding> {
        self.findings.iter().find(|finding| finding.check == check)
    }

    fn good(&mut self, check: &'static str, seen: impl Into<String>) {
        self.findings.push(Finding { check, level: Level::Good, seen: seen.into(), remedy: String::new() });
    }

    fn bad(&mut self, check: &'static str, level: Level, seen: impl Into<String>, remedy: impl Into<String>) {
        self.findings.push(Finding { check, level, seen: seen.into(), remedy: remedy.into() });
    }

    fn check(&mut self, check: &'static str, good: bool, level: Level, seen: impl Into<String>, remedy: &str) {
        if good { self.good(check, seen) } else { self.bad(check, level, seen, remedy) }
    }
}

/// Moodle's clock and ours may differ by this much before sessions notice (`kinlink_moodle::apply` stamps 3 s ahead).
const CLOCK_SKEW_SECONDS: i64 = 60;
/// A task that has not run for this long is taken for stopped.
const STOPPED_AFTER_SECONDS: i64 = 3_600;

/// Looks at everything. One thing that fails does not keep the others from being looked at.
///
/// # Errors
/// [`ServiceError::Forbidden`]. Whatever else is wrong is a finding.
pub async fn examine(app: &App, actor: &Actor) -> Result<Diagnosis, ServiceError> {
    require(actor, Permission::Read)?;
    let mut diagnosis = Diagnosis::default();
    let policy = examine_store(app, &mut diagnosis).await;
    examine_queue(app, &mut diagnosis).await;
    examine_moodle(app, &policy.unwrap_or_default(), &mut diagnosis).await;
    Ok(diagnosis)
}

async fn examine_store(app: &App, diagnosis: &mut Diagnosis) -> Option<Policy> {
    let mut store = match app.store.acquire().await {
        Ok(store) => store,
        Err(error) => {
            let remedy = "Check KINLINK_STORE_URL, the network and the database server.";
            diagnosis.bad("store.connection", Level::Error, error.to_string(), remedy);
            return None;
        }
    };
    diagnosis.good("store.connection", app.store.engine().to_string());
    match migrations::is_current(&app.store).await {
        Ok(true) => diagnosis.good("store.schema", "up to date"),
        Ok(false) => {
            let remedy = "Run `kinlink migrate`, or the provisioner's action migrate.";
            diagnosis.bad("store.schema", Level::Error, "tables are missing or of an older version", remedy);
            return None;
        }
        Err(error) => {
            diagnosis.bad("store.schema", Level::Error, error.to_string(), "Check the rights of the database user.");
            return None;
        }
    }
    let policy = match app.policy().await {
        Ok(policy) => {
            diagnosis.good("store.settings", "every setting fits");
            Some(policy)
        }
        Err(error) => {
            let remedy = "Set it anew with `kinlink config set`.";
            diagnosis.bad("store.settings", Level::Error, error.to_string(), remedy);
            None
        }
    };
    examine_work(app, &mut store, diagnosis).await;
    policy
}

async fn examine_work(app: &App, store: &mut Connection, diagnosis: &mut Diagnosis) {
    match jobs::backlog(store).await {
        Ok(backlog) => {
            let seen = format!("{} to be done, {} given up", backlog.ready, backlog.dead);
            let remedy = "Look at the requests whose children are not linked; when the cause is gone, run `kinlink cycle --retry`.";
            diagnosis.check("work.jobs", backlog.dead == 0, Level::Warning, seen, remedy);
        }
        Err(error) => diagnosis.bad("work.jobs", Level::Error, error.to_string(), "Check the store."),
    }
    match cycles::last_good(store).await {
        Ok(Some(cycle)) => {
            let age = cycle.finished_at.map_or(0, |at| app.now().as_second() - at.as_second());
            let remedy = "Check the schedule that starts the provisioner, and the list of cycles for what stopped it.";
            let seen = format!("the last good cycle ended {age} s ago");
            diagnosis.check("work.heartbeat", age < STOPPED_AFTER_SECONDS, Level::Warning, seen, remedy);
        }
        Ok(None) => {
            let remedy = "Run `kinlink cycle`, or wait for the schedule.";
            diagnosis.bad("work.heartbeat", Level::Warning, "no cycle ended well yet", remedy);
        }
        Err(error) => diagnosis.bad("work.heartbeat", Level::Error, error.to_string(), "Check the store."),
    }
}

async fn examine_queue(app: &App, diagnosis: &mut Diagnosis) {
    match app.queue.depth().await {
        Ok(depth) => {
            let dead = depth.dead.unwrap_or(0);
            let seen = format!("{} ready, {} in flight, {dead} dead", depth.ready, depth.in_flight);
            let remedy = "Look at the dead letters; their jobs are in the outbox all the same. Redrive or purge them.";
            diagnosis.check("queue", dead == 0, Level::Warning, seen, remedy);
        }
        Err(error) => {
            let remedy = "Check KINLINK_QUEUE_URL and the rights on the queue. Cycles go on by the outbox meanwhile.";
            diagnosis.bad("queue", Level::Warning, error.to_string(), remedy);
        }
    }
}

async fn examine_moodle(app: &App, policy: &Policy, diagnosis: &mut Diagnosis) {
    let mut moodle = match app.moodle.connect().await {
        Ok(moodle) => moodle,
        Err(error) => {
            let remedy = "Check KINLINK_MOODLE_URL, the network, the password and the database server.";
            diagnosis.bad("moodle.connection", Level::Error, error.to_string(), remedy);
            return;
        }
    };
    let prefix = app.moodle.prefix();
    diagnosis.good("moodle.connection", app.moodle.db().engine().to_string());
    match evidence::missing_schema(&mut moodle, prefix, app.moodle.writes()).await {
        Ok(missing) if missing.is_empty() => {
            let seen = if app.moodle.writes() {
                "every table and column is there"
            } else {
                "every table and column can be read; what may be written is the provisioner's to see"
            };
            diagnosis.good("moodle.schema", seen);
        }
        Ok(missing) => {
            let remedy = "Check KINLINK_MOODLE_PREFIX, the name of the database in KINLINK_MOODLE_URL, and the grants in infra/grants.";
            diagnosis.bad("moodle.schema", Level::Error, missing.join("; "), remedy);
            return;
        }
        Err(error) => {
            diagnosis.bad("moodle.schema", Level::Error, error.to_string(), "Check the connection.");
            return;
        }
    }
    if let Err(error) = examine_parts(app, policy, &mut moodle, prefix, diagnosis).await {
        diagnosis.bad(
            "moodle",
            Level::Error,
            error.to_string(),
            "Check the connection and the grants in infra/grants.",
        );
    }
}

async fn examine_parts(
    app: &App,
    policy: &Policy,
    moodle: &mut Connection,
    prefix: &Prefix,
    diagnosis: &mut Diagnosis,
) -> Result<(), ServiceError> {
    match site::read(moodle, prefix, policy).await {
        Ok(site) => {
            diagnosis.good("moodle.release", site.release.clone());
            diagnosis.good("moodle.role", format!("{} is role {}", policy.link_role, site.link_role));
            let view = "moodle/user:viewdetails";
            let can_view = evidence::role_allows(moodle, prefix, site.link_role, view).await?;
            let remedy =
                "In Moodle's Define roles, allow moodle/user:viewdetails for the role; without it parents see nothing.";
            diagnosis.check("moodle.role_capability", can_view, Level::Warning, view, remedy);
            let refused = site.refused_contexts.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            let seen = if refused.is_empty() { "usable".to_owned() } else { format!("unusable: {refused}") };
            let remedy = "Set the policy static_contexts to ids of system or category contexts; others are left out.";
            diagnosis.check("moodle.static_contexts", refused.is_empty(), Level::Warning, seen, remedy);
            let remedy = "Enable it in Moodle: Site administration > Plugins > Authentication > Manage authentication.";
            diagnosis.check(
                "moodle.auth_db_enabled",
                site.auth_db_enabled,
                Level::Error,
                "the external database authentication",
                remedy,
            );
            let pupils = pupils::all(moodle, prefix, policy, &site).await?.len();
            let remedy =
                "Nobody passes the pupil filter; set the policy pupil_filter to what your pupils have in common.";
            diagnosis.check(
                "moodle.pupils",
                pupils > 0,
                Level::Error,
                format!("{pupils} pupils pass the filter"),
                remedy,
            );
        }
        Err(error) => diagnosis.bad("moodle.role", Level::Error, error.to_string(), "See the message."),
    }
    examine_auth_db(moodle, prefix, diagnosis).await?;
    examine_tasks(moodle, prefix, diagnosis).await?;
    examine_accounts(app, moodle, prefix, diagnosis).await?;
    examine_addresses(app, moodle, prefix, diagnosis).await?;
    let skew = tasks::clock(moodle).await? - app.now().as_second();
    let remedy = "Set both clocks by NTP. Dirty flags use the database's clock, lease and back-off ours.";
    diagnosis.check(
        "moodle.clock",
        skew.abs() < CLOCK_SKEW_SECONDS,
        Level::Warning,
        format!("{skew} s from ours"),
        remedy,
    );
    Ok(())
}

/// The external-database plugin's settings, as far as the database shows them (`reference/moodle-database.md` §2).
async fn examine_auth_db(
    moodle: &mut Connection,
    prefix: &Prefix,
    diagnosis: &mut Diagnosis,
) -> Result<(), ServiceError> {
    let names = [
        "host",
        "table",
        "fielduser",
        "passtype",
        "removeuser",
        "updateusers",
        "field_map_firstname",
        "field_map_lastname",
        "field_map_email",
        "field_updatelocal_email",
    ];
    let found = site::plugin_config(moodle, prefix, "auth_db", &names).await?;
    let value = |name: &str| found.get(name).cloned().unwrap_or_default();
    let wanted: BTreeMap<&str, (&[&str], &str)> = BTreeMap::from([
        ("table", (&["login_rows"][..], "the table that Kinlink writes")),
        ("fielduser", (&["username"][..], "the column with the user name")),
        ("passtype", (&["internal"][..], "Moodle keeps the passwords")),
        ("removeuser", (&["1"][..], "suspend who has no row: otherwise a revoked parent can go on signing in")),
        ("updateusers", (&["1"][..], "take over what changes in the table")),
        ("field_map_firstname", (&["firstname"][..], "the column with the first name")),
        ("field_map_lastname", (&["lastname"][..], "the column with the last name")),
        ("field_map_email", (&["email"][..], "the column with the address")),
        (
            "field_updatelocal_email",
            (&["onlogin"][..], "otherwise an address that changes here stays the old one in Moodle"),
        ),
    ]);
    let wrong: Vec<String> = wanted
        .iter()
        .filter(|(name, (allowed, _))| !allowed.contains(&value(name).as_str()))
        .map(|(name, (allowed, why))| {
            format!("{name} is {:?}, should be {} ({why})", value(name), allowed.join(" or "))
        })
        .collect();
    let level = if value("table").is_empty() || value("removeuser") == "2" { Level::Error } else { Level::Warning };
    let seen = if wrong.is_empty() { "as Kinlink needs them".to_owned() } else { wrong.join("; ") };
    let remedy = "Set them in Moodle: Site administration > Plugins > Authentication > External database. Moodle caches settings: \
                  do not change them by SQL.";
    diagnosis.check("moodle.auth_db_settings", wrong.is_empty(), level, seen, remedy);
    Ok(())
}

async fn examine_tasks(
    moodle: &mut Connection,
    prefix: &Prefix,
    diagnosis: &mut Diagnosis,
) -> Result<(), ServiceError> {
    for (check, task, level) in [
        ("moodle.sync_task", tasks::SYNC_USERS, Level::Error),
        ("moodle.password_task", tasks::SEND_PASSWORDS, Level::Warning),
    ] {
        match tasks::state(moodle, prefix, task).await? {
            None => diagnosis.bad(
                check,
                level,
                format!("{task} is missing"),
                "Install Moodle's plugin auth_db (it is part of core).",
            ),
            Some(state) if state.disabled => {
                let remedy =
                    "Enable it in Moodle: Site administration > Server > Tasks > Scheduled tasks. It ships disabled.";
                diagnosis.bad(check, level, format!("{task} is switched off"), remedy);
            }
            Some(state) if state.fail_delay > 0 => {
                let remedy = "Look at the task's log in Moodle; usually the external database's address or password is wrong there.";
                diagnosis.bad(
                    check,
                    level,
                    format!("{task} fails; Moodle tries again every {} s", state.fail_delay),
                    remedy,
                );
            }
            Some(_) => diagnosis.good(check, format!("{task} is on")),
        }
    }
    match tasks::seconds_since_cron(moodle, prefix).await? {
        Some(age) => {
            let remedy = "Start Moodle's cron (admin/cli/cron.php, every minute) on its server.";
            let seen = format!("a task last ended {age} s ago");
            diagnosis.check("moodle.cron", age < STOPPED_AFTER_SECONDS, Level::Error, seen, remedy);
        }
        None => diagnosis.bad(
            "moodle.cron",
            Level::Error,
            "no task ever ran",
            "Set up Moodle's cron (admin/cli/cron.php, every minute).",
        ),
    }
    Ok(())
}

/// The danger of the empty table: whoever signs in by the external database and has no row is suspended at the next
/// synchronisation.
async fn examine_accounts(
    app: &App,
    moodle: &mut Connection,
    prefix: &Prefix,
    diagnosis: &mut Diagnosis,
) -> Result<(), ServiceError> {
    let mut store = app.store.acquire().await?;
    let names: BTreeSet<String> =
        accounts::all_login_rows(&mut store).await?.into_iter().map(|row| row.username).collect();
    let (all, living) = users::count_auth_db(moodle, prefix).await?;
    let lost = evidence::accounts_without_login_row(moodle, prefix, &names).await?;
    let seen = format!(
        "{} login rows; {all} accounts sign in by the external database, {living} of them not suspended, {lost} of those have no login row",
        names.len()
    );
    if lost > 0 {
        let remedy = "Moodle suspends these accounts at its next synchronisation if it reads Kinlink's table. Before pointing Moodle \
                      here, bring their rows over, or keep the task switched off until then.";
        let level = if names.is_empty() { Level::Error } else { Level::Warning };
        diagnosis.bad("moodle.accounts", level, seen, remedy);
    } else {
        diagnosis.good("moodle.accounts", seen);
    }
    Ok(())
}

/// Addresses that Moodle did not take over, and what it does where two people share one.
async fn examine_addresses(
    app: &App,
    moodle: &mut Connection,
    prefix: &Prefix,
    diagnosis: &mut Diagnosis,
) -> Result<(), ServiceError> {
    let mut store = app.store.acquire().await?;
    let addresses: BTreeMap<String, String> =
        accounts::all_login_rows(&mut store).await?.into_iter().map(|row| (row.username, row.email)).collect();
    let old = evidence::accounts_with_another_address(moodle, prefix, &addresses).await?;
    let seen = format!("{old} accounts have another address in Moodle than here");
    let remedy = "Kinlink does not write addresses into Moodle: its synchronisation takes them over at its next run, if \
                  field_updatelocal_email is onlogin and updateusers is 1 for the external database. Until then Moodle writes to the old ones.";
    diagnosis.check("moodle.addresses", old == 0, Level::Warning, seen, remedy);

    let mailboxes: BTreeSet<&String> = addresses.values().collect();
    let shared = addresses.len() - mailboxes.len();
    let allowed = site::config(moodle, prefix, &["allowaccountssameemail"]).await?;
    let allows = allowed.get("allowaccountssameemail").is_some_and(|value| value == "1");
    let seen = if shared == 0 {
        "no two login rows have one address".to_owned()
    } else {
        let setting = if allows { "on" } else { "off" };
        format!("{shared} login rows share the address of another; allowaccountssameemail is {setting}")
    };
    let remedy = "Moodle's synchronisation makes these accounts all the same. With the setting off, Moodle's own forms refuse to give \
                  somebody such an address by hand. Either way these people sign in and ask for a new password by user name, not by address.";
    diagnosis.check("moodle.shared_addresses", shared == 0 || allows, Level::Warning, seen, remedy);
    Ok(())
}
