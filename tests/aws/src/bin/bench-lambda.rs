//! How long each function takes from the start of its process to its first answer, beside a function that does nothing.
//!
//!     tests/run --servers-only -- tests/aws/bench
//!
//! What is measured is the process on this machine: no code is downloaded, no micro virtual machine starts, and a whole core is
//! there. What can be compared are the rows. With `--write docs/benchmarks.md` the table replaces what stands there between the
//! two comments `cold-start:begin` and `cold-start:end`.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use clap::Parser;
use kinlink_aws_tests::{
    artefacts,
    event::{Front, HttpEvent, recorded},
    sandbox::{Answer, Launch},
    world::world,
};
use serde_json::{Value, json};

#[derive(Parser)]
struct Arguments {
    /// Starts of each function
    #[arg(long, default_value_t = 30)]
    runs: usize,
    /// The file to write the table into
    #[arg(long)]
    write: Option<PathBuf>,
}

/// One row of the table.
struct Row {
    function: &'static str,
    what: &'static str,
    launch: Launch,
    event: Value,
    /// Whether the answer is a failure: an event that is none needs nothing at all.
    refused: bool,
}

/// What was measured.
struct Measured {
    times: Vec<Duration>,
    /// KiB after the first answer.
    memory: u64,
}

impl Measured {
    fn median(&self) -> f64 {
        self.times[self.times.len() / 2].as_secs_f64() * 1000.0
    }
}

async fn measure(row: &Row, runs: usize) -> Result<Measured> {
    let (mut times, mut memory) = (Vec::new(), 0);
    // The first start reads the program from the disk; it does not count.
    for run in 0..=runs {
        let mut sandbox = row.launch.start().await?;
        let answer = sandbox.invoke(&row.event).await?;
        let fits = if row.refused { matches!(answer, Answer::Error(_)) } else { matches!(answer, Answer::Response(_)) };
        ensure!(fits, "{} {}: {answer:?}\n{}", row.function, row.what, sandbox.output.text());
        if run > 0 {
            times.push(sandbox.first_answer.context("an answer")?);
            memory = memory.max(sandbox.peak_memory()?);
        }
    }
    times.sort_unstable();
    Ok(Measured { times, memory })
}

fn table(rows: &[(Row, Measured)]) -> Result<String> {
    let hello = rows[0].1.median();
    let mut text = String::from(
        "| function | first request | median | min | max | × hello | peak memory | zip |\n|---|---|---|---|---|---|---|---|\n",
    );
    for (row, measured) in rows {
        let milliseconds = |time: &Duration| time.as_secs_f64() * 1000.0;
        let (first, last) = (milliseconds(&measured.times[0]), milliseconds(&measured.times[measured.times.len() - 1]));
        let zip = match artefacts::archive(row.function)? {
            Some(path) => format!("{:.2} MB", megabytes(&path)?),
            None => "–".to_owned(),
        };
        // At most a few hundred thousand KiB: exact.
        let memory = f64::from(u32::try_from(measured.memory)?) / 1024.0;
        writeln!(
            text,
            "| {} | {} | {:.1} ms | {first:.1} ms | {last:.1} ms | {:.2} | {memory:.1} MiB | {zip} |",
            row.function,
            row.what,
            measured.median(),
            measured.median() / hello,
        )?;
    }
    Ok(text)
}

fn megabytes(path: &Path) -> Result<f64> {
    Ok(f64::from(u32::try_from(std::fs::metadata(path)?.len())?) / 1_000_000.0)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let world = world().await?;
    let hello = Launch {
        name: "hello".to_owned(),
        program: artefacts::program("hello")?,
        settings: BTreeMap::new(),
        secrets: Vec::new(),
        memory: 128,
        timeout: Duration::from_secs(3),
    };
    let (intake, admin, provisioner) = (&world.intake.launch, &world.admin.launch, &world.provisioner.launch);
    let get = |path: &str| HttpEvent::get(Front::ApiGateway, path).json();
    let row =
        |function, what, launch: &Launch, event| Row { function, what, launch: launch.clone(), event, refused: false };
    let rows = vec![
        row("hello", "`GET /`", &hello, get("/")),
        row("intake", "`GET /healthz`", intake, get("/healthz")),
        row("intake", "`GET /request`, reads the store", intake, get("/request")),
        row("admin", "`GET /api/v1/admin/requests` without a token: 401", admin, get("/api/v1/admin/requests")),
        row(
            "admin",
            "the same with a token, reads the store",
            admin,
            world.staff_event("GET", "/requests", None).json(),
        ),
        Row {
            refused: true,
            ..row("provisioner", "an event that is none: refused", provisioner, json!({ "action": "none" }))
        },
        row("provisioner", "a cycle with nothing to do, both databases", provisioner, recorded("schedule-cycle")),
    ];
    let mut measured = Vec::new();
    for row in rows {
        let result = measure(&row, arguments.runs).await?;
        measured.push((row, result));
    }
    let table = table(&measured)?;
    print!("{table}");
    if let Some(path) = arguments.write {
        kinlink_testkit::table::put(&path, "cold-start", &table)?;
    }
    Ok(())
}
