//! Moodle's scheduled tasks: their state, and how to make one run soon.
//!
//! `nextruntime = 0` makes Moodle's cron take the task up, within 1–2 s while a cron keeps alive and otherwise at its next
//! start; a disabled task is ignored (`reference/moodle-database.md` §5). Nothing is ever put into `task_adhoc`: a scheduled
//! task there ends the whole cron run.

use kinlink_db::{Int, Session};
use sqlx::FromRow;

use crate::{MoodleError, Prefix, connection::sql};

/// The task that makes, revives and suspends accounts by the login rows.
pub const SYNC_USERS: &str = "\\auth_db\\task\\sync_users";
/// The task that mails first passwords.
pub const SEND_PASSWORDS: &str = "\\core\\task\\send_new_user_passwords_task";

/// The state of a scheduled task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TaskState {
    /// Whether it is switched off.
    pub disabled: bool,
    /// When it last ended well; seconds since 1970.
    pub last_run: Option<i64>,
    /// When it is due.
    pub next_run: Option<i64>,
    /// Seconds of pause after failures; 0 after a success.
    pub fail_delay: i64,
}

#[derive(FromRow)]
struct TaskRow {
    disabled: Int,
    lastruntime: Option<i64>,
    nextruntime: Option<i64>,
    faildelay: Option<i64>,
}

/// A task's state; `None` when Moodle does not have it.
///
/// # Errors
/// [`MoodleError::Db`].
pub async fn state(session: &mut impl Session, prefix: &Prefix, task: &str) -> Result<Option<TaskState>, MoodleError> {
    let text = "SELECT disabled, lastruntime, nextruntime, faildelay FROM {p}task_scheduled WHERE classname = ?";
    let row: Option<TaskRow> = session.fetch_optional(&sql(prefix, text), [task.into()]).await?;
    Ok(row.map(|row| TaskState {
        disabled: row.disabled.is_set(),
        last_run: row.lastruntime.filter(|at| *at > 0),
        next_run: row.nextruntime,
        fail_delay: row.faildelay.unwrap_or_default(),
    }))
}

/// Makes a task due now, if it is switched on. Harmless when it is due already.
///
/// # Errors
/// [`MoodleError::Db`].
pub async fn hurry(session: &mut impl Session, prefix: &Prefix, task: &str) -> Result<(), MoodleError> {
    let text = "UPDATE {p}task_scheduled SET nextruntime = 0 WHERE classname = ? AND disabled = 0";
    session.execute(&sql(prefix, text), [task.into()]).await?;
    Ok(())
}

/// Seconds since any task last ended well, by the database's clock; `None` when none ever did.
///
/// # Errors
/// [`MoodleError::Db`].
pub async fn seconds_since_cron(session: &mut impl Session, prefix: &Prefix) -> Result<Option<i64>, MoodleError> {
    let text = format!(
        "SELECT {} - MAX(lastruntime) FROM {{p}}task_scheduled WHERE lastruntime > 0",
        session.engine().clock_seconds()
    );
    let row: Option<(Option<Int>,)> = session.fetch_optional(&sql(prefix, &text), []).await?;
    Ok(row.and_then(|(age,)| age).map(i64::from))
}

/// The database server's clock, in seconds since 1970.
///
/// # Errors
/// [`MoodleError::Db`].
pub async fn clock(session: &mut impl Session) -> Result<i64, MoodleError> {
    let text = format!("SELECT {}", session.engine().clock_seconds());
    let row: Option<(Int,)> = session.fetch_optional(&text, []).await?;
    Ok(row.map_or(0, |(now,)| now.0))
}
