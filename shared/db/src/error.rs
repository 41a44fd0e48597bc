//! What can go wrong with a database, without repeating what was in it.

use std::{borrow::Cow, time::Duration};

/// The kinds of failure that callers tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A unique key already holds this value: somebody else was first.
    Duplicate,
    /// Dead-lock, busy or serialization failure: the same transaction may succeed when tried again.
    Conflict,
    /// No connection: wrong address, server down, wrong password, pool exhausted.
    Unreachable,
    /// A table or column that the statement names is not there: wrong prefix, wrong database or not migrated.
    Schema,
    /// The database user lacks a right.
    Denied,
    /// Anything else.
    Other,
}

/// A failed statement or connection.
///
/// Database servers put the offending value into their messages ("Duplicate entry 'jo@example.org' …"), so the message
/// is repeated only for faults that concern names of tables and users, never for those that concern rows.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.describe())]
pub struct DbError {
    fault: Fault,
    #[source]
    cause: Hidden,
}

/// The driver's error, whose text is kept out of chains printed with `{:#}`.
#[derive(Debug)]
struct Hidden(Cause);

#[derive(Debug)]
enum Cause {
    Driver(sqlx::Error),
    /// No answer for so long.
    Silent(Duration),
    /// There is nothing to connect with; the words say why.
    NoCredentials(String),
}

impl std::fmt::Display for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("database driver error")
    }
}
impl std::error::Error for Hidden {}

impl DbError {
    /// Which kind of failure this is.
    #[must_use]
    pub const fn fault(&self) -> Fault {
        self.fault
    }

    /// Whether a unique key refused the row.
    #[must_use]
    pub fn is_duplicate(&self) -> bool {
        self.fault == Fault::Duplicate
    }

    /// The same failure, met on the way to a migration.
    pub(crate) fn into_migrate_failure(self) -> crate::MigrateFailure {
        let error = match self.cause.0 {
            Cause::Driver(error) => error,
            Cause::Silent(_) => sqlx::Error::Io(std::io::Error::new(std::io::ErrorKind::TimedOut, self.describe())),
            Cause::NoCredentials(_) => sqlx::Error::Io(std::io::Error::other(self.describe())),
        };
        crate::MigrateFailure(sqlx::migrate::MigrateError::Execute(error))
    }

    /// The server did not answer for so long.
    pub(crate) const fn silent(limit: Duration) -> Self {
        Self { fault: Fault::Unreachable, cause: Hidden(Cause::Silent(limit)) }
    }

    /// What a script wants the database to fail by.
    #[cfg(feature = "crash-points")]
    pub(crate) fn scripted(fault: Fault) -> Self {
        let error = std::io::Error::new(std::io::ErrorKind::ConnectionReset, "the script says so");
        Self { fault, cause: Hidden(Cause::Driver(sqlx::Error::Io(error))) }
    }

    /// What to connect with could not be had, in words.
    pub(crate) const fn no_credentials(why: String) -> Self {
        Self { fault: Fault::Unreachable, cause: Hidden(Cause::NoCredentials(why)) }
    }

    fn describe(&self) -> String {
        let error = match &self.cause.0 {
            Cause::Driver(error) => error,
            Cause::Silent(limit) => {
                return format!("the database did not answer within {} s", limit.as_secs_f32());
            }
            Cause::NoCredentials(why) => return format!("the database cannot be connected to: {why}"),
        };
        let code = code(error);
        match self.fault {
            Fault::Duplicate => "a row with this unique key exists already".to_owned(),
            Fault::Conflict => {
                format!("the database is busy with another writer (code {code}); try again")
            }
            Fault::Schema => format!("the database lacks a table or column: {}", message(error)),
            Fault::Denied => format!("the database user lacks a right: {}", message(error)),
            Fault::Unreachable => format!("the database cannot be reached: {}", message(error)),
            Fault::Other => match error {
                // Our own words, or the driver's about a parameter: never the URL.
                sqlx::Error::Configuration(why) => format!("wrong connection settings: {why}"),
                sqlx::Error::ColumnDecode { index, .. } => {
                    format!("column {index} holds an unexpected type")
                }
                sqlx::Error::Database(_) => {
                    format!("the database refused a statement (code {code})")
                }
                other => format!("database failure: {}", kind_of(other)),
            },
        }
    }
}

impl From<sqlx::Error> for DbError {
    fn from(error: sqlx::Error) -> Self {
        Self { fault: classify(&error), cause: Hidden(Cause::Driver(error)) }
    }
}

fn code(error: &sqlx::Error) -> Cow<'_, str> {
    error.as_database_error().and_then(sqlx::error::DatabaseError::code).unwrap_or(Cow::Borrowed("none"))
}

fn message(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(database) => database.message().to_owned(),
        sqlx::Error::Io(io) => io.to_string(),
        sqlx::Error::PoolTimedOut => "no connection became free in time".to_owned(),
        other => kind_of(other).to_owned(),
    }
}

/// Whether the server refused the password (or token) that it was given.
pub(crate) fn is_refusal(error: &sqlx::Error) -> bool {
    #[cfg(feature = "mysql")]
    if let Some(number) = mysql_number(error) {
        return matches!(number, 1045 | 1698);
    }
    // 28000: what RDS says of a token that it does not take.
    matches!(code(error).as_ref(), "28P01" | "28000")
}

/// Whether the server has no connection left for us at the moment, and the driver does not try again by itself.
pub(crate) fn is_full(error: &sqlx::Error) -> bool {
    #[cfg(feature = "mysql")]
    if let Some(number) = mysql_number(error) {
        return matches!(number, 1040 | 1203 | 1226);
    }
    code(error) == "53300"
}

#[cfg(feature = "mysql")]
fn mysql_number(error: &sqlx::Error) -> Option<u16> {
    let database = error.as_database_error()?;
    database.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>().map(sqlx::mysql::MySqlDatabaseError::number)
}

fn kind_of(error: &sqlx::Error) -> &'static str {
    match error {
        sqlx::Error::Configuration(_) => "wrong connection settings",
        sqlx::Error::Tls(_) => "TLS failed",
        sqlx::Error::Protocol(_) => "the server answered out of turn",
        sqlx::Error::RowNotFound => "a row that must exist is missing",
        sqlx::Error::PoolTimedOut => "no connection became free in time",
        sqlx::Error::PoolClosed => "the connection pool is closed",
        sqlx::Error::WorkerCrashed => "the database worker ended",
        _ => "driver error",
    }
}

fn classify(error: &sqlx::Error) -> Fault {
    match error {
        // Protocol: what answered was cut off, or is no such server.
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed => Fault::Unreachable,
        sqlx::Error::Database(database) => {
            if database.is_unique_violation() {
                return Fault::Duplicate;
            }
            // PostgreSQL and MySQL give an SQLSTATE or error number, SQLite its (extended) result code.
            #[cfg(feature = "mysql")]
            if let Some(number) = mysql_number(error) {
                return match number {
                    1205 | 1213 => Fault::Conflict,
                    1049 | 1054 | 1146 => Fault::Schema,
                    1044 | 1142 | 1143 | 1227 | 1370 => Fault::Denied,
                    1040 | 1045 | 1130 | 1203 | 1226 | 1698 => Fault::Unreachable,
                    _ => Fault::Other,
                };
            }
            match code(error).as_ref() {
                "40001" | "40P01" | "55P03" | "5" | "6" | "261" | "517" => Fault::Conflict,
                "42P01" | "42703" | "3D000" | "3F000" => Fault::Schema,
                "42501" => Fault::Denied,
                "28P01" | "28000" | "53300" | "57P01" | "57P03" | "14" => Fault::Unreachable,
                "1" if database.message().starts_with("no such") => Fault::Schema,
                _ => Fault::Other,
            }
        }
        _ => Fault::Other,
    }
}
