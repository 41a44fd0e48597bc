//! The database of a real, seeded Moodle 4.5, loaded from its dump.
//!
//! The dumps are no part of the repository: they lie in `../shared/moodle` or where `KINLINK_TEST_MOODLE_DUMPS` says.

use std::{
    fs::File,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io::{Seek as _, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use kinlink_db::{Engine, Session as _};

use crate::{
    TestDb,
    address::database_server,
    database::{administer, administrator, random_name},
};

/// A copy of a real Moodle's database that nobody else uses.
#[derive(Debug)]
pub struct MoodleDump {
    /// Moodle's own database.
    pub moodle: TestDb,
    /// What Moodle's table names begin with.
    pub prefix: &'static str,
    /// The database with the table `auth` that this Moodle's *external database* authentication reads; only the dump
    /// for MariaDB has it.
    pub logins: Option<TestDb>,
}

/// A new copy of the real Moodle's database on MariaDB or PostgreSQL, or `None` where there are no dumps; that is said
/// on stderr, and by `tests/run` at its end.
///
/// # Panics
/// For SQLite, on which there is no Moodle; and when the folder with the dumps is there but cannot be loaded.
pub async fn moodle_dump(engine: Engine) -> Option<MoodleDump> {
    let folder = dumps_folder();
    if !folder.is_dir() {
        eprintln!("NOT TESTED against a real Moodle: there is no folder {}", folder.display());
        return None;
    }
    match engine {
        Engine::Sqlite => panic!("Moodle does not run on SQLite: there is no dump for it"),
        Engine::MySql => Some(on_mariadb(&folder).await),
        Engine::Postgres => Some(on_postgres(&folder).await),
    }
}

fn dumps_folder() -> PathBuf {
    std::env::var_os("KINLINK_TEST_MOODLE_DUMPS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/moodle"), PathBuf::from)
}

/// MariaDB cannot copy a database, so the dump is loaded every time; that takes 1.5 s.
async fn on_mariadb(folder: &Path) -> MoodleDump {
    let moodle = random_name("moodle");
    let logins = random_name("logins");
    let mut sql = String::new();
    for line in unpack(&folder.join("moodle-4.5-mariadb.sql.gz")).split_inclusive('\n') {
        // The dump makes and enters its two databases by name; rows that mention these names stay as they are.
        if line.starts_with("CREATE DATABASE ") || line.starts_with("USE ") {
            sql.push_str(
                &line.replace("`moodle`", &format!("`{moodle}`")).replace("`parentauth`", &format!("`{logins}`")),
            );
        } else {
            sql.push_str(line);
        }
    }
    let server = database_server(Engine::MySql);
    let (user, password, host, port) = parts_of(&server);
    let mut client = Command::new("mariadb");
    client
        .args(["--no-defaults", "--protocol=tcp", "--user", user, "--host", host, "--port", port])
        .env("MYSQL_PWD", password);
    feed(client, sql).await;
    MoodleDump {
        moodle: TestDb::on_server(Engine::MySql, moodle),
        prefix: "mdl_",
        logins: Some(TestDb::on_server(Engine::MySql, logins)),
    }
}

/// User, password, host and port of `mysql://USER:PASSWORD@HOST:PORT`, as `tests/run` writes it.
fn parts_of(server: &str) -> (&str, &str, &str, &str) {
    let parts = || {
        let (account, address) = server.split_once("://")?.1.rsplit_once('@')?;
        let (user, password) = account.split_once(':')?;
        let (host, port) = address.split_once(':')?;
        Some((user, password, host, port))
    };
    parts().expect("KINLINK_TEST_MARIADB_URL is mysql://USER:PASSWORD@HOST:PORT")
}

/// PostgreSQL copies a database in 0.4 s, so the first test of a run loads the dump (2.5 s) and the others copy it.
async fn on_postgres(folder: &Path) -> MoodleDump {
    const LOCK: &str = "72616577";
    let engine = Engine::Postgres;
    let dump = unpack(&folder.join("moodle-4.5-postgres.sql.gz"));
    let mut hasher = DefaultHasher::new();
    dump.hash(&mut hasher);
    let template = format!("moodle_template_{:016x}", hasher.finish());

    // Tests are processes of their own: the server decides who loads while the others wait.
    let postgres = administrator(engine);
    let mut connection = postgres.acquire().await.expect("the PostgreSQL test server");
    connection.execute(&format!("SELECT pg_advisory_lock({LOCK})"), []).await.expect("a lock");
    let loaded: Option<(i32,)> = connection
        .fetch_optional("SELECT 1 FROM pg_database WHERE datname = ?", [template.as_str().into()])
        .await
        .expect("the list of databases");
    if loaded.is_none() {
        let loading = random_name("moodle_loading");
        // The role that owned the tables does not exist here.
        let sql: String =
            dump.split_inclusive('\n').filter(|line| !line.trim_end().ends_with(" OWNER TO moodle;")).collect();
        let statements = [
            format!("CREATE DATABASE \"{loading}\""),
            // Named only when complete: a test that dies in between leaves no half template behind.
            format!("ALTER DATABASE \"{loading}\" RENAME TO \"{template}\""),
        ];
        connection.execute(&statements[0], []).await.expect("a database for the template");
        let mut client = Command::new("psql");
        client
            .args(["--no-psqlrc", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1", "--file=-"])
            .arg(format!("{}/{loading}", database_server(engine)));
        feed(client, sql).await;
        connection.execute(&statements[1], []).await.expect("a template");
    }
    connection.discard();

    let name = random_name("moodle");
    administer(engine, &[&format!("CREATE DATABASE \"{name}\" TEMPLATE \"{template}\"")]).await;
    MoodleDump { moodle: TestDb::on_server(engine, name), prefix: "mdl_", logins: None }
}

fn unpack(path: &Path) -> String {
    let output = Command::new("gzip").args(["--decompress", "--stdout", "--"]).arg(path).output().expect("gzip runs");
    assert!(
        output.status.success(),
        "{} cannot be unpacked: {}",
        path.display(),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("a dump in UTF-8")
}

/// Runs a database client with statements on its standard input.
async fn feed(mut client: Command, sql: String) {
    let program = client.get_program().to_string_lossy().into_owned();
    let output = tokio::task::spawn_blocking(move || {
        // Through a file: a pipe would have to be written and read at the same time.
        let mut input: File = tempfile::tempfile()?;
        input.write_all(sql.as_bytes())?;
        input.rewind()?;
        client.stdin(Stdio::from(input)).output()
    })
    .await
    .expect("the client is not cancelled")
    .unwrap_or_else(|error| panic!("the database client `{program}` does not run: {error}"));
    assert!(
        output.status.success(),
        "`{program}` could not load the Moodle dump: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}
