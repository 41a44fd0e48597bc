//! The three engines, and the few expressions that each spells in its own way.

use std::{fmt, str::FromStr};

/// A family of database servers that speak the same dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Engine {
    /// SQLite, embedded: one machine, no server.
    Sqlite,
    /// MariaDB 10.6 and later, MySQL 8 and later.
    MySql,
    /// PostgreSQL 13 and later.
    Postgres,
}

/// A database URL that names none of the engines.
#[derive(Debug, thiserror::Error)]
#[error("a database URL begins with sqlite:, mysql://, mariadb://, postgres:// or postgresql://")]
pub struct UnknownScheme;

impl Engine {
    /// The engine that a database URL names by its scheme.
    ///
    /// # Errors
    /// [`UnknownScheme`] for every other scheme; the URL itself is not repeated, since it may hold a password.
    pub fn of_url(url: &str) -> Result<Self, UnknownScheme> {
        let scheme = url.split_once(':').ok_or(UnknownScheme)?.0;
        match scheme {
            "sqlite" => Ok(Self::Sqlite),
            "mysql" | "mariadb" => Ok(Self::MySql),
            "postgres" | "postgresql" => Ok(Self::Postgres),
            _ => Err(UnknownScheme),
        }
    }

    /// An expression for the database server's own clock, in whole seconds since 1970, at the moment of the statement
    /// (on PostgreSQL `now()` would be the start of the transaction).
    #[must_use]
    pub const fn clock_seconds(self) -> &'static str {
        match self {
            Self::Sqlite => "unixepoch()",
            Self::MySql => "UNIX_TIMESTAMP()",
            Self::Postgres => "CAST(FLOOR(EXTRACT(EPOCH FROM clock_timestamp())) AS BIGINT)",
        }
    }

    /// Ends a `SELECT` that takes rows for itself: skips those another transaction holds. SQLite has one writer and needs nothing.
    #[must_use]
    pub const fn for_update_skip_locked(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::MySql | Self::Postgres => " FOR UPDATE SKIP LOCKED",
        }
    }

    /// Ends a `SELECT` that holds its rows until the end of the transaction.
    #[must_use]
    pub const fn for_update(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::MySql | Self::Postgres => " FOR UPDATE",
        }
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sqlite => "SQLite",
            Self::MySql => "MariaDB/MySQL",
            Self::Postgres => "PostgreSQL",
        })
    }
}

impl FromStr for Engine {
    type Err = UnknownScheme;

    fn from_str(url: &str) -> Result<Self, Self::Err> {
        Self::of_url(url)
    }
}

#[cfg(test)]
mod tests {
    use super::Engine;

    #[test]
    fn the_scheme_decides_the_engine() {
        for (url, engine) in [
            ("sqlite:kinlink.db", Some(Engine::Sqlite)),
            ("sqlite::memory:", Some(Engine::Sqlite)),
            ("mysql://u:p@h/d", Some(Engine::MySql)),
            ("mariadb://u@h/d", Some(Engine::MySql)),
            ("postgres://u@h/d", Some(Engine::Postgres)),
            ("postgresql:///d", Some(Engine::Postgres)),
            ("oracle://h", None),
            ("kinlink.db", None),
            ("", None),
        ] {
            assert_eq!(Engine::of_url(url).ok(), engine, "{url}");
        }
    }
}
