//! A demonstration's stand-in for the two scheduled tasks of Moodle's that Kinlink depends on.
//!
//! It writes what Moodle 4.5 was seen to write, with Moodle's surprises: an empty table suspends everybody, and user names
//! that Moodle does not like are passed over while the task reports success. It takes the settings of the demonstration
//! (`removeuser` = suspend, `updateusers` = 1, first name, last name, email and description kept up to date) for granted
//! instead of reading them, knows no cron expressions, mails nothing and writes no event log.
//!
//! What does not live here: a clock. `now` comes from the caller.

use std::{
    collections::{HashMap, HashSet},
    fmt::Write as _,
};

use kinlink_db::{Db, DbError, Int, Session, Tx, Value};

use super::text;
use crate::prefix::Prefix;

/// `task_scheduled.classname` of the external database's synchronisation, with the leading backslash it has there.
pub const SYNC_USERS: &str = r"\auth_db\task\sync_users";
/// `task_scheduled.classname` of the task that mails first passwords.
pub const SEND_PASSWORDS: &str = r"\core\task\send_new_user_passwords_task";

/// How far ahead the synchronisation is scheduled after each run, in seconds.
pub const DAY: i64 = 24 * 60 * 60;
const MINUTE: i64 = 60;
/// `user.username` is 100 characters wide.
const LONGEST_USER_NAME: usize = 100;

/// A row of the table that Moodle's external database authentication reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoginRowView<'a> {
    /// The user name.
    pub username: &'a str,
    /// First name, perhaps with a title.
    pub firstname: &'a str,
    /// Family name.
    pub lastname: &'a str,
    /// Email address.
    pub email: &'a str,
    /// Profile text.
    pub description: &'a str,
    /// Language code; empty is the site's language.
    pub lang: &'a str,
}

/// What the synchronisation did. User names are only in `task_log.output`, where Moodle puts them too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SyncReport {
    /// New users.
    pub inserted: u64,
    /// Users that were suspended before.
    pub revived: u64,
    /// Users with a changed name, email or description.
    pub updated: u64,
    /// Users who are not in the table any more.
    pub suspended: u64,
    /// Rows passed over because Moodle's cleaning would change the user name.
    pub refused: u64,
    /// Rows passed over because a user of that name exists with another authentication.
    pub clashes: u64,
}

/// What [`run_due`] did; `None` for a task that was not due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TaskReport {
    /// `\auth_db\task\sync_users`.
    pub sync: Option<SyncReport>,
    /// `\core\task\send_new_user_passwords_task`: how many people Moodle would have mailed a password.
    pub passwords_mailed: Option<u64>,
}

/// Runs the tasks that are enabled and due in the demonstration's Moodle (prefix `mdl_`), as Moodle's cron would.
///
/// `login_rows` is the whole table; an empty one suspends every user of this authentication, as in Moodle.
///
/// # Errors
/// Any [`kinlink_db::Fault`]. Each task is one transaction: one that fails leaves nothing, the one before it stays.
pub async fn run_due(db: &Db, login_rows: &[LoginRowView<'_>], now: i64) -> Result<TaskReport, DbError> {
    run_due_in(db, &Prefix::default(), login_rows, now).await
}

/// [`run_due`] for another prefix; works on every engine, so that tests can let time pass in a Moodle on a server.
///
/// # Errors
/// As [`run_due`].
pub async fn run_due_in(
    db: &Db,
    prefix: &Prefix,
    login_rows: &[LoginRowView<'_>],
    now: i64,
) -> Result<TaskReport, DbError> {
    let mut report = TaskReport::default();
    let mut site = Site::open(db, prefix, now).await?;
    if site.is_due(SYNC_USERS).await? {
        let (sync, output) = site.sync_users(login_rows).await?;
        site.finish(SYNC_USERS, "auth_db", now + DAY, &output).await?;
        site.tx.commit().await?;
        report.sync = Some(sync);
        site = Site::open(db, prefix, now).await?;
    }
    if site.is_due(SEND_PASSWORDS).await? {
        let mailed = site.send_passwords().await?;
        site.finish(SEND_PASSWORDS, "moodle", now + MINUTE, "Creating passwords for new users...\n").await?;
        site.tx.commit().await?;
        report.passwords_mailed = Some(mailed);
    }
    Ok(report)
}

/// The Moodle at hand, within the transaction of one task.
struct Site {
    tx: Tx<'static>,
    prefix: Prefix,
    now: i64,
}

#[derive(sqlx::FromRow)]
struct KnownUser {
    id: Int,
    username: String,
    auth: String,
    deleted: Int,
    suspended: Int,
    firstname: String,
    lastname: String,
    email: String,
    description: Option<String>,
}

impl Site {
    async fn open(db: &Db, prefix: &Prefix, now: i64) -> Result<Self, DbError> {
        Ok(Self { tx: db.begin().await?, prefix: prefix.clone(), now })
    }

    /// Enabled, and its time has come (0 and NULL: at once). A disabled task is passed over even then.
    async fn is_due(&mut self, classname: &str) -> Result<bool, DbError> {
        let sql = format!(
            "SELECT id FROM {} WHERE classname = ? AND disabled = 0 AND (nextruntime IS NULL OR nextruntime <= ?)",
            self.prefix.table("task_scheduled")
        );
        let row: Option<(Int,)> = self.tx.fetch_optional(&sql, [text(classname), self.now.into()]).await?;
        Ok(row.is_some())
    }

    /// What Moodle notes after a success. In `task_log` the class name has no leading backslash; result 0 is success.
    async fn finish(&mut self, classname: &str, component: &str, next: i64, output: &str) -> Result<(), DbError> {
        let sql = format!(
            "UPDATE {} SET lastruntime = ?, nextruntime = ?, faildelay = 0, timestarted = NULL, hostname = NULL, pid = NULL \
             WHERE classname = ?",
            self.prefix.table("task_scheduled")
        );
        self.tx.execute(&sql, [self.now.into(), next.into(), text(classname)]).await?;
        let sql = format!(
            "INSERT INTO {} (type, component, classname, userid, timestart, timeend, dbreads, dbwrites, result, output, hostname) \
             VALUES (0, ?, ?, 0, ?, ?, 0, 0, 0, ?, 'demonstration')",
            self.prefix.table("task_log")
        );
        let logged = classname.trim_start_matches('\\');
        self.tx.execute(&sql, [text(component), text(logged), self.now.into(), self.now.into(), text(output)]).await?;
        Ok(())
    }

    async fn config(&mut self, name: &str) -> Result<Option<String>, DbError> {
        let sql = format!("SELECT value FROM {} WHERE name = ?", self.prefix.table("config"));
        let row: Option<(String,)> = self.tx.fetch_optional(&sql, [text(name)]).await?;
        Ok(row.map(|(value,)| value))
    }

    async fn local_host(&mut self) -> Result<i64, DbError> {
        let value = self.config("mnet_localhost_id").await?;
        Ok(value.and_then(|id| id.parse().ok()).unwrap_or(1))
    }

    async fn users(&mut self, host: i64) -> Result<Vec<KnownUser>, DbError> {
        let sql = format!(
            "SELECT id, username, auth, deleted, suspended, firstname, lastname, email, description FROM {} \
             WHERE mnethostid = ? ORDER BY id",
            self.prefix.table("user")
        );
        self.tx.fetch_all(&sql, [host.into()] as [Value; 1]).await
    }

    /// `auth_plugin_db::sync_users()`: suspends, then updates, then adds; the output is worded as Moodle's.
    async fn sync_users(&mut self, rows: &[LoginRowView<'_>]) -> Result<(SyncReport, String), DbError> {
        let host = self.local_host().await?;
        let users = self.users(host).await?;
        let known: HashMap<&str, &KnownUser> = users.iter().map(|user| (user.username.as_str(), user)).collect();
        let wanted: HashSet<&str> = rows.iter().map(|row| row.username).collect();
        let mut report = SyncReport::default();
        let mut output = String::new();

        for user in &users {
            let ours = user.auth == "db" && !user.deleted.is_set();
            if ours && !user.suspended.is_set() && !wanted.contains(user.username.as_str()) {
                self.suspend(user.id, true).await?;
                report.suspended += 1;
                note(&mut output, "Suspended", user);
            }
        }
        for row in rows {
            let Some(user) = known.get(row.username) else {
                continue;
            };
            if user.auth == "db" && !user.deleted.is_set() && differs(user, row) {
                self.update(user.id, row).await?;
                report.updated += 1;
                note(&mut output, "Updating", user);
            }
        }
        for row in rows {
            match known.get(row.username) {
                Some(user) if user.auth != "db" => {
                    report.clashes += 1;
                    let _ = writeln!(
                        output,
                        "  Error inserting user {} - user with this username was already created through '{}' plugin.",
                        row.username, user.auth
                    );
                }
                Some(user) if user.suspended.is_set() && !user.deleted.is_set() => {
                    self.suspend(user.id, false).await?;
                    report.revived += 1;
                    note(&mut output, "Revived", user);
                }
                Some(_) => {}
                None if is_clean_user_name(row.username) => {
                    let id = self.insert(host, row).await?;
                    report.inserted += 1;
                    let _ = writeln!(output, "  Inserted user {} id {id}", row.username);
                }
                None => {
                    report.refused += 1;
                    let _ = writeln!(output, "  Error inserting user {}", row.username);
                }
            }
        }
        Ok((report, output))
    }

    /// Preferences, password and role assignments stay, and so does an open session.
    async fn suspend(&mut self, user: Int, suspended: bool) -> Result<(), DbError> {
        let sql = format!("UPDATE {} SET suspended = ?, timemodified = ? WHERE id = ?", self.prefix.table("user"));
        self.tx.execute(&sql, [suspended.into(), self.now.into(), user.0.into()]).await?;
        Ok(())
    }

    async fn update(&mut self, user: Int, row: &LoginRowView<'_>) -> Result<(), DbError> {
        let sql = format!(
            "UPDATE {} SET firstname = ?, lastname = ?, email = ?, description = ?, timemodified = ? WHERE id = ?",
            self.prefix.table("user")
        );
        self.tx
            .execute(
                &sql,
                [
                    text(row.firstname),
                    text(row.lastname),
                    text(row.email),
                    text(row.description),
                    self.now.into(),
                    user.0.into(),
                ],
            )
            .await?;
        Ok(())
    }

    /// The user, the two preferences that ask for a password, and the context with its path.
    async fn insert(&mut self, host: i64, row: &LoginRowView<'_>) -> Result<i64, DbError> {
        let user_table = self.prefix.table("user");
        let sql = format!(
            "INSERT INTO {user_table} (auth, confirmed, mnethostid, username, firstname, lastname, email, description, lang, \
             timecreated, timemodified) VALUES ('db', 1, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        );
        let lang = if row.lang.is_empty() { "en" } else { row.lang };
        self.tx
            .execute(
                &sql,
                [
                    host.into(),
                    text(row.username),
                    text(row.firstname),
                    text(row.lastname),
                    text(row.email),
                    text(row.description),
                    text(lang),
                    self.now.into(),
                    self.now.into(),
                ],
            )
            .await?;
        let sql = format!("SELECT id FROM {user_table} WHERE mnethostid = ? AND username = ?");
        let user = self.id(&sql, [host.into(), text(row.username)]).await?;

        let preferences = self.prefix.table("user_preferences");
        for name in ["auth_forcepasswordchange", "create_password"] {
            let sql = format!("INSERT INTO {preferences} (userid, name, value) VALUES (?, ?, '1')");
            self.tx.execute(&sql, [user.into(), text(name)]).await?;
        }

        // As in Moodle: the id first, then the path, which holds the id.
        let contexts = self.prefix.table("context");
        let system = format!("SELECT id FROM {contexts} WHERE contextlevel = ? AND instanceid = ?");
        let system = self.id(&system, [10.into(), 0.into()]).await?;
        let sql = format!("INSERT INTO {contexts} (contextlevel, instanceid) VALUES (30, ?)");
        self.tx.execute(&sql, [user.into()] as [Value; 1]).await?;
        let sql = format!("SELECT id FROM {contexts} WHERE contextlevel = ? AND instanceid = ?");
        let context = self.id(&sql, [30.into(), user.into()]).await?;
        let sql = format!("UPDATE {contexts} SET path = ?, depth = 2 WHERE id = ?");
        self.tx.execute(&sql, [format!("/{system}/{context}").into(), context.into()]).await?;
        Ok(user)
    }

    async fn id(&mut self, sql: &str, args: [Value; 2]) -> Result<i64, DbError> {
        let row: Option<(Int,)> = self.tx.fetch_optional(sql, args).await?;
        row.map(|(id,)| id.0).ok_or_else(|| DbError::from(sqlx::Error::RowNotFound))
    }

    /// Users without an email address keep `create_password` for ever, as in Moodle. No password is made here, so nobody
    /// can sign in to the demonstration's Moodle; there is nothing to sign in to.
    async fn send_passwords(&mut self) -> Result<u64, DbError> {
        let sql = format!(
            "DELETE FROM {} WHERE name = 'create_password' AND value = '1' AND userid IN \
             (SELECT id FROM {} WHERE email <> '' AND suspended = 0 AND deleted = 0 AND auth <> 'nologin')",
            self.prefix.table("user_preferences"),
            self.prefix.table("user")
        );
        self.tx.execute(&sql, []).await
    }
}

/// Writing to a `String` cannot fail.
fn note(output: &mut String, what: &str, user: &KnownUser) {
    let _ = writeln!(output, "  {what} user {} id {}", user.username, user.id.0);
}

fn differs(user: &KnownUser, row: &LoginRowView<'_>) -> bool {
    user.firstname != row.firstname
        || user.lastname != row.lastname
        || user.email != row.email
        || user.description.as_deref().unwrap_or_default() != row.description
}

/// Whether Moodle's cleaning (`PARAM_USERNAME` with `extendedusernamechars` = 0) would leave the name as it is: only
/// `a-z 0-9 . _ - @`. A name too long for the column fails in Moodle as well, only later.
fn is_clean_user_name(name: &str) -> bool {
    let clean = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-' | b'@');
    !name.is_empty() && name.len() <= LONGEST_USER_NAME && name.bytes().all(clean)
}
