//! The long run of the simulation: `simulate --seeds 0..100000`, `simulate --seed 4711`.
//!
//! Plays the histories of the seeds one after the other on each processor, shows how far it has come, and ends at the first
//! one (or `--most N`) that breaks a promise: with its seed, and the shortest history that still breaks it. `--seed N` plays one and prints
//! it. `--engine mysql` or `postgres` plays on the servers whose addresses `tests/run --servers-only` hands out.

use std::{
    ops::Range,
    process::ExitCode,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Instant,
};

use anyhow::{Context as _, Result, bail};
use kinlink_db::Engine;
use kinlink_simulation::{Machine, history::History};

const USAGE: &str = "simulate [--seeds FROM..TO | --seed N] [--steps N] [--engine sqlite|mysql|postgres] [--threads N] [--most FAILURES]";

struct Arguments {
    seeds: Range<u64>,
    one: bool,
    steps: usize,
    engine: Engine,
    threads: usize,
    most: usize,
}

fn arguments() -> Result<Arguments> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut read = Arguments {
        seeds: 0..100_000,
        one: false,
        steps: kinlink_simulation::STEPS,
        engine: Engine::Sqlite,
        threads,
        most: 1,
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let value = words.next().context(USAGE)?;
        match word.as_str() {
            "--seeds" => {
                let (from, to) = value.split_once("..").context(USAGE)?;
                read.seeds = from.parse().context(USAGE)?..to.parse().context(USAGE)?;
            }
            "--seed" => {
                let seed: u64 = value.parse().context(USAGE)?;
                (read.seeds, read.one, read.threads) = (seed..seed + 1, true, 1);
            }
            "--steps" => read.steps = value.parse().context(USAGE)?,
            "--most" => read.most = value.parse().context(USAGE)?,
            "--threads" => read.threads = value.parse().context(USAGE)?,
            "--engine" => {
                read.engine = match value.as_str() {
                    "sqlite" => Engine::Sqlite,
                    "mysql" => Engine::MySql,
                    "postgres" => Engine::Postgres,
                    _ => bail!(USAGE),
                }
            }
            _ => bail!(USAGE),
        }
    }
    Ok(read)
}

/// What all threads share.
struct Progress {
    next: AtomicU64,
    played: AtomicU64,
    stop: AtomicBool,
    failed: Mutex<Vec<u64>>,
    began: Instant,
}

impl Progress {
    /// Notes a seed that broke a promise; after so many the run ends.
    fn note_failure(&self, seed: u64, most: usize) {
        let mut failed = self.failed.lock().expect("nobody panicked");
        failed.push(seed);
        self.stop.store(failed.len() >= most, Ordering::SeqCst);
    }
}

async fn work(arguments: &Arguments, progress: &Progress) -> Result<()> {
    let mut machine = Machine::new(arguments.engine).await?;
    while !progress.stop.load(Ordering::SeqCst) {
        let seed = progress.next.fetch_add(1, Ordering::SeqCst);
        if seed >= arguments.seeds.end {
            break;
        }
        let history = History::draw(seed, arguments.steps);
        let outcome = machine.play(&history, None).await.with_context(|| format!("seed {seed}"))?;
        let played = progress.played.fetch_add(1, Ordering::SeqCst) + 1;
        if played.is_multiple_of(500) {
            let seconds = progress.began.elapsed().as_secs_f64();
            let (all, count) = (arguments.seeds.end - arguments.seeds.start, f64::from(u32::try_from(played)?));
            eprintln!("{played} of {all} histories, {:.0} a second", count / seconds);
        }
        if arguments.one {
            println!("{history}\n{outcome:?}");
        }
        if let Some((step, broken)) = outcome.broken {
            progress.note_failure(seed, arguments.most);
            let promise = broken[0].promise;
            println!("seed {seed}, after step {step}:");
            for broken in &broken {
                println!("  {broken}");
            }
            let short = machine.shrink(&history, promise).await?;
            println!("\nThe shortest history found that breaks {promise:?}:\n{short}");
        }
    }
    Ok(())
}

fn run() -> Result<ExitCode> {
    let arguments = arguments()?;
    let progress = Progress {
        next: AtomicU64::new(arguments.seeds.start),
        played: AtomicU64::new(0),
        stop: AtomicBool::new(false),
        failed: Mutex::default(),
        began: Instant::now(),
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..arguments.threads)
            .map(|_| {
                scope.spawn(|| {
                    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
                    runtime.block_on(work(&arguments, &progress))
                })
            })
            .collect();
        workers.into_iter().try_for_each(|worker| worker.join().expect("a worker that does not panic"))
    })?;
    let played = progress.played.load(Ordering::SeqCst);
    let failed = progress.failed.lock().expect("nobody panicked").len();
    println!("{played} histories in {:.0} s, {failed} broke a promise", progress.began.elapsed().as_secs_f64());
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn main() -> Result<ExitCode> {
    run()
}
