//! Seeds 0 to 1,999 keep every promise; a seed is a history.

use std::ops::Range;

use kinlink_db::Engine;
use kinlink_simulation::{Machine, STEPS, history::History};

/// Plays seeds and says what broke, with the shortest history that still breaks it.
pub async fn keep_every_promise(engine: Engine, seeds: Range<u64>) {
    let mut machine = Machine::new(engine).await.unwrap();
    for seed in seeds {
        let history = History::draw(seed, STEPS);
        let outcome = machine.play(&history, None).await.unwrap();
        if let Some((step, broken)) = outcome.broken {
            let short = machine.shrink(&history, broken[0].promise).await.unwrap();
            panic!("{engine}: seed {seed} breaks after step {step}: {}\nShortest history:\n{short}", broken[0]);
        }
    }
}

macro_rules! ranges {
    ($($name:ident: $range:expr;)*) => {
        $(#[tokio::test]
        async fn $name() {
            keep_every_promise(Engine::Sqlite, $range).await;
        })*
    };
}

ranges! {
    seeds_from_0_keep_every_promise: 0..250;
    seeds_from_250_keep_every_promise: 250..500;
    seeds_from_500_keep_every_promise: 500..750;
    seeds_from_750_keep_every_promise: 750..1_000;
    seeds_from_1000_keep_every_promise: 1_000..1_250;
    seeds_from_1250_keep_every_promise: 1_250..1_500;
    seeds_from_1500_keep_every_promise: 1_500..1_750;
    seeds_from_1750_keep_every_promise: 1_750..2_000;
}

#[tokio::test]
async fn the_same_seed_gives_the_same_history() {
    let (mut first, mut second) =
        (Machine::new(Engine::Sqlite).await.unwrap(), Machine::new(Engine::Sqlite).await.unwrap());
    let mut linked = 0;
    for seed in 5_000..5_030 {
        let history = History::draw(seed, STEPS);
        let one = first.play(&history, None).await.unwrap();
        assert_eq!(one, second.play(&history, None).await.unwrap(), "seed {seed}");
        linked += one.linked;
    }
    // A simulation in which nothing succeeds would keep every promise too.
    assert!(linked > 30, "{linked} pairs were linked in thirty histories");
}
