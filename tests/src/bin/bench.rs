//! The benchmark of the provisioner: a cycle beside bare INSERTs and SELECTs of the same rows, in the same run.
//! `docs/benchmarks.md` says how to run it and what came out.
//!
//! Every cycle runs in a process of its own (this program again, with `--child`), so that its peak memory is its own.

use std::{collections::BTreeMap, env, path::Path, process::Command, time::Instant};

use anyhow::{Context as _, Result, bail, ensure};
use kinlink_db::{Db, Engine, FromAnyRow, Session, Value, in_list, values_list};
use kinlink_domain::{Timestamp, staff::Actor};
use kinlink_moodle::{Prefix, demo, schema};
use kinlink_service::cycle::{self, Mode, Ran};
use kinlink_store::migrations;
use kinlink_testkit::{TestDb, fresh, table::put};
use kinlink_tests::{crowd::Crowd, process::app};
use serde_json::{Value as Json, json};

/// Rows of a bare statement; each is a transaction of its own.
const ROWS: usize = 1_000;
const USAGE: &str = "bench [--people N] [--repeats N] [--write docs/benchmarks.md]";

// Rows as they are read, by table.
type Assignment = (i64, i64, i64, i64, i64, String, i64, i64);
type Owned = (String, String, i64, i64, i64, i64, i64, String, String, i64);
type Mail = (String, Option<String>, Option<String>, String, String, Option<String>, String, i64, i64, i64);
type Adult = (String, Option<String>, String, String, String, String, Option<String>, Option<i64>, i64);
type Link = (i64, String, i64, String, i64, i64, Option<i64>, Option<String>);
type Login = (String, String, String, String, String, String, String, String, i64);
type User = (i64, String, String, String, String, i64, Option<i64>, Option<String>);
type Role = (i64, i64, i64, i64, i64);

/// Seconds and other numbers by name.
type Numbers = BTreeMap<&'static str, f64>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if let ["--child", store, moodle, mode] = arguments.as_slice() {
        return child(store, moodle, mode).await;
    }
    let (mut people, mut repeats, mut document) = (10_000, 3, None);
    let mut rest = arguments.as_slice();
    while let [name, value, behind @ ..] = rest {
        match *name {
            "--people" => people = value.parse().context("a number of people")?,
            "--repeats" => repeats = value.parse().context("a number of repetitions")?,
            "--write" => document = Some(Path::new(value)),
            _ => bail!("{USAGE}"),
        }
        rest = behind;
    }
    ensure!(rest.is_empty(), USAGE);
    let table = bench(people, repeats).await?;
    println!("{table}");
    if let Some(document) = document {
        put(document, &format!("provisioning-{people}"), &table)?;
    }
    Ok(())
}

/// Runs one cycle and prints what it took.
async fn child(store: &str, moodle: &str, mode: &str) -> Result<()> {
    let app = app(store, moodle, 0)?;
    let mode = if mode == "full" { Mode::Full } else { Mode::Jobs };
    let began = Instant::now();
    let Ran::Done(report) = cycle::run(&app, &Actor::system(), mode, None, &|_| {}).await? else { bail!("busy") };
    let seconds = began.elapsed().as_secs_f64();
    let (store, moodle) = (app.store.stats(), app.moodle.db().stats());
    let numbers = json!({
        "seconds": seconds,
        "moodle": moodle.reads() + moodle.writes(),
        "moodle_writes": moodle.writes(),
        "store": store.reads() + store.writes(),
        "peak_mib": peak_mib()?,
        "provisioned": report.provisioned,
        "added": report.added,
    });
    println!("{numbers}");
    Ok(())
}

/// Peak resident memory of this process.
fn peak_mib() -> Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("VmHWM")?;
    let kib: f64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kib / 1024.0)
}

fn cycle_of(store: &TestDb, moodle: &TestDb, mode: &str) -> Result<Json> {
    let output = Command::new(env::current_exe()?).args(["--child", &store.url, &moodle.url, mode]).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Both engines, as tables.
async fn bench(people: usize, repeats: usize) -> Result<String> {
    let (mut granting, mut looking) = (Vec::new(), Vec::new());
    for engine in [Engine::MySql, Engine::Postgres] {
        let mut runs = Vec::new();
        for _ in 0..repeats {
            let run = once(engine, people).await?;
            eprintln!("{engine}: {run:.3?}");
            runs.push(run);
        }
        let middle = |of: &dyn Fn(&Numbers) -> f64| {
            let mut all: Vec<f64> = runs.iter().map(of).collect();
            all.sort_by(f64::total_cmp);
            all[all.len() / 2]
        };
        let median = |name: &'static str| middle(&|run| run[name]);
        // The median of the ratios: numerator and denominator of each were measured in the same minute.
        let ratio = |upper: &'static str, lower: &'static str| middle(&|run| run[upper] / run[lower]);
        #[expect(clippy::cast_precision_loss, reason = "a number of people")]
        let per_second = people as f64 / median("c");
        granting.push(format!(
            "| {engine} | {:.2} s | {:.2} s | {:.2} s | {:.2} | {:.2} | {per_second:.0} | {} + {} | {:.0} MiB |",
            median("a"),
            median("b"),
            median("c"),
            ratio("c", "a"),
            ratio("c", "b"),
            median("c_moodle"),
            median("c_store"),
            median("c_peak"),
        ));
        looking.push(format!(
            "| {engine} | {:.3} s | {} | {:.2} s | {:.2} s | {:.2} | {} + {} | {:.0} MiB |",
            median("d"),
            median("d_moodle"),
            median("select"),
            median("e"),
            ratio("e", "select"),
            median("e_moodle"),
            median("e_store"),
            median("e_peak"),
        ));
    }
    Ok(format!(
        "{people} adults × 2 pupils, medians of {repeats}.\n\n\
         | engine | a: bare INSERTs, Moodle | b: bare writes, both | c: cycle | c/a | c/b | people/s | statements (Moodle + store) | peak RSS |\n\
         |---|---|---|---|---|---|---|---|---|\n{}\n\n\
         | engine | d: cycle with nothing to do | its statements, Moodle | bare SELECTs | e: full cycle with nothing to do | e/bare | \
         statements (Moodle + store) | peak RSS |\n\
         |---|---|---|---|---|---|---|---|\n{}",
        granting.join("\n"),
        looking.join("\n"),
    ))
}

async fn once(engine: Engine, people: usize) -> Result<Numbers> {
    let (store, moodle) = (fresh(engine).await, fresh(engine).await);
    let prefix = Prefix::default();
    schema::create(&moodle.db, &prefix).await?;
    demo::fill(&moodle.db, &prefix).await?;
    migrations::migrate(&store.db).await?;
    let crowd = Crowd { people, gaps: false };
    crowd.settle_in(&store.db, &moodle.db, Timestamp::from_millisecond(1_788_422_400_000)?).await?;
    analyse(&store.db, &["jobs", "adults", "links", "claims", "requests", "login_rows"]).await?;
    analyse(&moodle.db, &["mdl_user", "mdl_context"]).await?;

    let mut numbers = Numbers::new();
    let number = |json: &Json, name: &str| json[name].as_f64().unwrap_or_default();
    let report = cycle_of(&store, &moodle, "jobs")?;
    ensure!(report["provisioned"] == people && report["added"] == 2 * people, "{report}");
    numbers.insert("c", number(&report, "seconds"));
    numbers.insert("c_moodle", number(&report, "moodle"));
    numbers.insert("c_store", number(&report, "store"));
    numbers.insert("c_peak", number(&report, "peak_mib"));
    let report = cycle_of(&store, &moodle, "jobs")?;
    ensure!(report["moodle_writes"] == 0, "{report}");
    numbers.insert("d", number(&report, "seconds"));
    numbers.insert("d_moodle", number(&report, "moodle"));
    let report = cycle_of(&store, &moodle, "full")?;
    ensure!(report["moodle_writes"] == 0, "{report}");
    numbers.insert("e", number(&report, "seconds"));
    numbers.insert("e_moodle", number(&report, "moodle"));
    numbers.insert("e_store", number(&report, "store"));
    numbers.insert("e_peak", number(&report, "peak_mib"));
    numbers.insert("select", selects(&store.db, &moodle.db).await?);
    let bare = bare_moodle(&moodle.db).await?;
    numbers.insert("a", bare);
    numbers.insert("b", bare + bare_store(&store.db).await?);
    store.drop_database().await;
    moodle.drop_database().await;
    Ok(numbers)
}

/// Statistics as a database that has been running for a while has them.
async fn analyse(db: &Db, tables: &[&str]) -> Result<()> {
    for table in tables {
        match db.engine() {
            Engine::MySql => drop(db.fetch_all::<(String,)>(&format!("ANALYZE TABLE {table}"), []).await?),
            Engine::Postgres | Engine::Sqlite => drop(db.execute(&format!("ANALYZE {table}"), []).await?),
        }
    }
    Ok(())
}

/// An empty table with the same columns and indexes.
async fn copy(db: &Db, table: &str) -> Result<String> {
    let name = format!("bare_{table}");
    let sql = match db.engine() {
        Engine::Postgres => format!("CREATE TABLE {name} (LIKE {table} INCLUDING ALL)"),
        Engine::MySql | Engine::Sqlite => format!("CREATE TABLE {name} LIKE {table}"),
    };
    db.execute(&sql, []).await?;
    Ok(name)
}

/// Inserts rows with one statement a transaction; gives the seconds.
async fn insert<const N: usize>(db: &Db, table: &str, columns: &str, rows: Vec<[Value; N]>) -> Result<f64> {
    let statements: Vec<(String, Vec<Value>)> = rows
        .chunks(ROWS)
        .map(|rows| {
            let sql = format!("INSERT INTO {table} ({columns}) VALUES {}", values_list(rows.len(), N));
            (sql, rows.concat())
        })
        .collect();
    timed(db, statements).await
}

/// Runs statements, each in a transaction of its own; gives the seconds.
async fn timed(db: &Db, statements: Vec<(String, Vec<Value>)>) -> Result<f64> {
    let mut connection = db.acquire().await?;
    let began = Instant::now();
    for (sql, args) in statements {
        let mut tx = connection.begin().await?;
        tx.execute(&sql, args).await?;
        tx.commit().await?;
    }
    Ok(began.elapsed().as_secs_f64())
}

async fn rows<T: FromAnyRow>(db: &Db, sql: &str) -> Result<Vec<T>> {
    Ok(db.fetch_all(sql, []).await?)
}

/// The rows that the cycle wrote in Moodle.
async fn bare_moodle(db: &Db) -> Result<f64> {
    let (assignments, flags) = (copy(db, "mdl_role_assignments").await?, copy(db, "mdl_cache_flags").await?);
    let columns = "roleid, contextid, userid, timemodified, modifierid, component, itemid, sortorder";
    let sql = format!("SELECT {columns} FROM mdl_role_assignments WHERE component = 'local_kinlink' ORDER BY id");
    let values = rows::<Assignment>(db, &sql).await?.into_iter().map(|r| -> [Value; 8] {
        [r.0.into(), r.1.into(), r.2.into(), r.3.into(), r.4.into(), r.5.into(), r.6.into(), r.7.into()]
    });
    let first = insert(db, &assignments, columns, values.collect()).await?;
    let columns = "flagtype, name, timemodified, value, expiry";
    let sql = format!("SELECT {columns} FROM mdl_cache_flags ORDER BY id");
    let values = rows::<(String, String, i64, String, i64)>(db, &sql)
        .await?
        .into_iter()
        .map(|r| -> [Value; 5] { [r.0.into(), r.1.into(), r.2.into(), r.3.into(), r.4.into()] });
    Ok(first + insert(db, &flags, columns, values.collect()).await?)
}

/// What the cycle wrote in the store: the ledger's rows and their second state, results, mails, audit; outcomes of claims,
/// states of requests and jobs.
async fn bare_store(db: &Db) -> Result<f64> {
    let mut seconds = 0.0;
    let columns = "adult_id, component, item_id, link_id, role_id, context_id, user_id, state, cycle_id, changed_at";
    let table = copy(db, "ledger").await?;
    let values = rows::<Owned>(db, &format!("SELECT {columns} FROM ledger ORDER BY id")).await?.into_iter().map(
        |r| -> [Value; 10] {
            [
                r.0.into(),
                r.1.into(),
                r.2.into(),
                r.3.into(),
                r.4.into(),
                r.5.into(),
                r.6.into(),
                "intended".into(),
                r.8.into(),
                r.9.into(),
            ]
        },
    );
    seconds += insert(db, &table, columns, values.collect()).await?;
    seconds += update(db, "ledger", "adult_id", "adults", "id", "state = 'written', changed_at = 1").await?;

    let columns = "cycle_id, link_id, outcome, found_at";
    let table = copy(db, "cycle_results").await?;
    let values = rows::<(String, i64, String, i64)>(db, &format!("SELECT {columns} FROM cycle_results"))
        .await?
        .into_iter()
        .map(|r| -> [Value; 4] { [r.0.into(), r.1.into(), r.2.into(), r.3.into()] });
    seconds += insert(db, &table, columns, values.collect()).await?;

    let columns = "id, request_id, adult_id, recipient, letter, once_key, state, attempts, available_at, created_at";
    let table = copy(db, "mails").await?;
    let values = rows::<Mail>(db, &format!("SELECT {columns} FROM mails")).await?.into_iter().map(|r| -> [Value; 10] {
        [
            r.0.into(),
            r.1.into(),
            r.2.into(),
            r.3.into(),
            r.4.into(),
            r.5.into(),
            r.6.into(),
            r.7.into(),
            r.8.into(),
            r.9.into(),
        ]
    });
    seconds += insert(db, &table, columns, values.collect()).await?;

    let columns = "at, actor, action, subject, detail, hash";
    let table = copy(db, "audit").await?;
    let values = rows::<(i64, String, String, String, String, Option<String>)>(
        db,
        &format!("SELECT {columns} FROM audit ORDER BY seq"),
    )
    .await?
    .into_iter()
    .map(|r| -> [Value; 6] { [r.0.into(), r.1.into(), r.2.into(), r.3.into(), r.4.into(), r.5.into()] });
    seconds += insert(db, &table, columns, values.collect()).await?;

    for (table, undo, set) in [
        ("claims", "outcome = NULL, outcome_at = NULL", "outcome = 'linked', outcome_at = 1"),
        ("requests", "status = 'approved'", "status = 'provisioned', updated_at = 1, version = version + 1"),
        ("jobs", "state = 'ready', outcome = NULL", "state = 'done', outcome = 'linked'"),
    ] {
        let bare = copy(db, table).await?;
        db.execute(&format!("INSERT INTO {bare} SELECT * FROM {table}"), []).await?;
        db.execute(&format!("UPDATE {bare} SET {undo}"), []).await?;
        seconds += update(db, table, "id", table, "id", set).await?;
    }
    Ok(seconds)
}

/// Updates the copy of a table by lists of keys, a thousand at a time; the keys are those of another table.
async fn update(db: &Db, table: &str, key: &str, of: &str, its: &str, set: &str) -> Result<f64> {
    let keys: Vec<(String,)> = rows(db, &format!("SELECT {its} FROM {of} ORDER BY {its}")).await?;
    let statements = keys
        .chunks(ROWS)
        .map(|keys| {
            let sql = format!("UPDATE bare_{table} SET {set} WHERE {key} IN {}", in_list(keys.len()));
            (sql, keys.iter().map(|(key,)| Value::from(key)).collect())
        })
        .collect();
    timed(db, statements).await
}

/// Reads once, whole tables at a time, every row that a full comparison has to see.
async fn selects(store: &Db, moodle: &Db) -> Result<f64> {
    let began = Instant::now();
    let mut read = 0;
    let sql =
        "SELECT id, title, given_name, family_name, email, locale, username, picked_user_id, created_at FROM adults";
    read += rows::<Adult>(store, sql).await?.len();
    let sql = "SELECT id, adult_id, pupil_id, claim_id, active, started_at, ended_at, end_reason FROM links";
    read += rows::<Link>(store, sql).await?.len();
    let sql = "SELECT username, firstname, lastname, email, description, lang, request_id, adult_id, created_at FROM login_rows";
    read += rows::<Login>(store, sql).await?.len();
    read += rows::<(String, i64)>(store, "SELECT adult_id, user_id FROM ledger").await?.len();
    let sql = "SELECT u.id, u.username, u.auth, u.firstname, u.lastname, u.mnethostid, c.id, c.path FROM mdl_user u LEFT JOIN \
               mdl_context c ON c.contextlevel = 30 AND c.instanceid = u.id WHERE u.id >= 1000000";
    read += rows::<User>(moodle, sql).await?.len();
    let sql =
        "SELECT id, roleid, contextid, userid, itemid FROM mdl_role_assignments WHERE component = 'local_kinlink'";
    read += rows::<Role>(moodle, sql).await?.len();
    ensure!(read > 0, "nothing was read");
    Ok(began.elapsed().as_secs_f64())
}
