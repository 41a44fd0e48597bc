//! How each driver is told to connect, from a database's URL.

use std::str::FromStr as _;

use sqlx::ConnectOptions as _;

use crate::DbError;

pub(crate) fn configuration(error: impl std::error::Error + Send + Sync + 'static) -> DbError {
    DbError::from(sqlx::Error::Configuration(Box::new(error)))
}

/// Tokens are read by the server itself, so they go over the wire as they are.
#[cfg(any(feature = "mysql", feature = "postgres"))]
#[derive(Debug, thiserror::Error)]
#[error("a database that is connected to with tokens needs TLS: add {0} to its URL")]
struct TokensNeedTls(&'static str);

#[cfg(feature = "sqlite")]
pub(crate) fn sqlite(url: &str) -> Result<sqlx::sqlite::SqliteConnectOptions, DbError> {
    use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
    Ok(SqliteConnectOptions::from_str(url)?
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(std::time::Duration::from_secs(20))
        .disable_statement_logging())
}

#[cfg(feature = "mysql")]
pub(crate) fn mysql(url: &str, tokens: bool) -> Result<sqlx::mysql::MySqlConnectOptions, DbError> {
    use sqlx::mysql::{MySqlConnectOptions, MySqlSslMode};
    let options = MySqlConnectOptions::from_str(url)?;
    if tokens && matches!(options.get_ssl_mode(), MySqlSslMode::Disabled | MySqlSslMode::Preferred) {
        return Err(configuration(TokensNeedTls("ssl-mode=VERIFY_IDENTITY&ssl-ca=FILE")));
    }
    Ok(options
        .enable_cleartext_plugin(tokens)
        .charset("utf8mb4")
        .pipes_as_concat(false)
        .no_engine_substitution(false)
        .timezone(None)
        .statement_cache_capacity(200)
        .disable_statement_logging())
}

#[cfg(feature = "postgres")]
pub(crate) fn postgres(url: &str, tokens: bool) -> Result<sqlx::postgres::PgConnectOptions, DbError> {
    use sqlx::postgres::{PgConnectOptions, PgSslMode};
    let options = PgConnectOptions::from_str(url)?;
    if tokens && matches!(options.get_ssl_mode(), PgSslMode::Disable | PgSslMode::Allow | PgSslMode::Prefer) {
        return Err(configuration(TokensNeedTls("sslmode=verify-full&sslrootcert=FILE")));
    }
    Ok(options.application_name("kinlink").statement_cache_capacity(200).disable_statement_logging())
}

#[cfg(all(test, feature = "mysql", feature = "postgres"))]
mod tests {
    use super::{mysql, postgres};

    #[test]
    fn tokens_go_over_tls_or_not_at_all() {
        for parameter in ["", "?ssl-mode=DISABLED", "?ssl-mode=PREFERRED"] {
            assert!(mysql(&format!("mysql://kinlink@db/kinlink{parameter}"), true).is_err(), "{parameter}");
            assert!(mysql(&format!("mysql://kinlink@db/kinlink{parameter}"), false).is_ok(), "{parameter}");
        }
        for parameter in ["", "?sslmode=disable", "?sslmode=allow", "?sslmode=prefer"] {
            assert!(postgres(&format!("postgres://kinlink@db/kinlink{parameter}"), true).is_err(), "{parameter}");
            assert!(postgres(&format!("postgres://kinlink@db/kinlink{parameter}"), false).is_ok(), "{parameter}");
        }
        mysql("mysql://kinlink@db/kinlink?ssl-mode=VERIFY_IDENTITY", true).unwrap();
        let error = postgres("postgres://kinlink@db/kinlink", true).unwrap_err().to_string();
        assert!(error.contains("sslmode=verify-full"), "{error}");
        postgres("postgres://kinlink@db/kinlink?sslmode=verify-full", true).unwrap();
    }
}
