//! The oracle notices: each defect that is put in on purpose is found, by the promise that it breaks.

use kinlink_db::Engine;
use kinlink_simulation::{
    Machine, STEPS,
    history::History,
    oracle::{Broken, Promise},
    sabotage::{self, Sabotage},
};

/// The seeds in which a defect must be found.
const SEEDS: std::ops::Range<u64> = 10_000..10_200;

/// What was found first that the defect is said to break.
async fn found(machine: &mut Machine, sabotage: &Sabotage) -> Result<(u64, Broken), Vec<Broken>> {
    let mut others = Vec::new();
    for seed in SEEDS {
        let history = History::draw(seed, STEPS);
        let outcome = machine.play(&history, Some(sabotage)).await.unwrap();
        for broken in outcome.broken.into_iter().flat_map(|(_, all)| all) {
            if sabotage.breaks.contains(&broken.promise) {
                return Ok((seed, broken));
            }
            others.push(broken);
        }
    }
    others.dedup_by_key(|broken| broken.promise);
    Err(others)
}

async fn each_is_noticed(part: usize) {
    let mut machine = Machine::new(Engine::Sqlite).await.unwrap();
    let mut missed = Vec::new();
    for sabotage in sabotage::ALL.iter().skip(part).step_by(2) {
        match found(&mut machine, sabotage).await {
            Ok((seed, broken)) => println!("{}: seed {seed}, {broken}", sabotage.name),
            Err(others) => missed.push(format!("{}: only {others:?}", sabotage.name)),
        }
    }
    assert!(missed.is_empty(), "defects that nobody noticed:\n{}", missed.join("\n"));
}

#[tokio::test]
async fn every_second_defect_is_noticed() {
    each_is_noticed(0).await;
}

#[tokio::test]
async fn every_other_defect_is_noticed() {
    each_is_noticed(1).await;
}

#[test]
fn every_promise_is_broken_by_a_defect() {
    for promise in Promise::ALL {
        assert!(sabotage::ALL.iter().any(|sabotage| sabotage.breaks.contains(&promise)), "{promise:?}");
    }
}
