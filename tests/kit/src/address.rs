//! Where the test servers are: the environment variables that `tests/run` sets.

use kinlink_db::Engine;

/// The value of a variable that `tests/run` sets.
pub(crate) fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!(
            "{name} is not set: this test needs the test servers. Run `tests/run`, or for a single crate \
             `tests/run --servers-only -- cargo nextest run -p THE-CRATE`"
        )
    })
}

/// The administrator's URL of a database server, without a database.
pub(crate) fn database_server(engine: Engine) -> String {
    match engine {
        Engine::MySql => variable("KINLINK_TEST_MARIADB_URL"),
        Engine::Postgres => variable("KINLINK_TEST_POSTGRES_URL"),
        Engine::Sqlite => unreachable!("SQLite has no server"),
    }
}

/// The endpoint of the SQS emulator, `http://127.0.0.1:PORT`. Every test makes queues of its own.
#[must_use]
pub fn sqs_endpoint() -> String {
    variable("KINLINK_TEST_SQS_ENDPOINT")
}

/// Host and port of the SMTP server that delivers nothing. It speaks neither TLS nor AUTH.
#[must_use]
pub fn smtp_address() -> (String, u16) {
    let address = variable("KINLINK_TEST_SMTP");
    let (host, port) = address.rsplit_once(':').expect("KINLINK_TEST_SMTP is HOST:PORT");
    (host.to_owned(), port.parse().expect("KINLINK_TEST_SMTP ends with a port"))
}

/// The sign-in provider's name for itself. It asks nobody for a password; `tests/servers/oidc/provider.mjs` says how to choose
/// who signs in.
#[must_use]
pub fn oidc_issuer() -> String {
    variable("KINLINK_TEST_OIDC_ISSUER")
}
