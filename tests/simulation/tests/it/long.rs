//! A thousand cycles over a world that never stands still: what is not ours stays byte by byte, and two cycles are enough.

use kinlink_db::Engine;
use kinlink_simulation::{
    Machine,
    acts::Act,
    history::{History, Step},
};

#[tokio::test]
async fn foreign_rows_stay_over_a_thousand_cycles_and_two_cycles_converge() {
    let mut machine = Machine::new(Engine::Sqlite).await.unwrap();
    let (mut cycles, mut seed) = (0, 900_000);
    while cycles < 1_000 {
        // Between any two acts the provisioner runs; at the end of each history the oracle gives it two cycles.
        let mut history = History::draw(seed, 60);
        let own = history.steps.len();
        history.steps = history
            .steps
            .into_iter()
            .enumerate()
            .flat_map(|(number, step)| {
                let act = if number % 3 == 0 { Act::Reconcile } else { Act::Cycle };
                [step, Step { acts: vec![(act, None)], order: 0 }]
            })
            .collect();
        let outcome = machine.play(&history, None).await.unwrap();
        assert_eq!(outcome.broken, None, "seed {seed}:\n{history}");
        cycles += own;
        seed += 1;
    }
}
