//! How many statements a cycle sends: a number of its own for every kind of work, whatever the number of people.

use kinlink_db::{Db, Engine};
use kinlink_service::{
    cycle::{Mode, Report},
    settings,
};
use kinlink_testapp::administrator;
use kinlink_tests::crowd::Crowd;

use crate::world::{ENGINES, World, world};

/// Statements of one cycle: reads and writes in Moodle, reads and writes in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Count {
    moodle_reads: u64,
    moodle_writes: u64,
    store_reads: u64,
    store_writes: u64,
}

fn sent(db: &Db) -> (u64, u64) {
    (db.stats().reads(), db.stats().writes())
}

async fn counted(world: &World, mode: Mode) -> (Count, Report) {
    let (moodle, store) = (&world.test.moodle.db, &world.test.store.db);
    let (before_moodle, before_store) = (sent(moodle), sent(store));
    let report = world.run(mode).await.unwrap();
    let (after_moodle, after_store) = (sent(moodle), sent(store));
    let count = Count {
        moodle_reads: after_moodle.0 - before_moodle.0,
        moodle_writes: after_moodle.1 - before_moodle.1,
        store_reads: after_store.0 - before_store.0,
        store_writes: after_store.1 - before_store.1,
    };
    assert_eq!(report.moodle_statements, count.moodle_reads + count.moodle_writes, "the report tells the same number");
    (count, report)
}

const WHAT: [&str; 5] = ["first provisioning", "nothing to do", "full, nothing to do", "removal", "full afterwards"];

/// The counts of a life of so many people, in the order of [`WHAT`].
async fn life(engine: Engine, people: usize) -> [Count; 5] {
    let world = world(engine).await;
    let app = &world.test.app;
    let crowd = Crowd { people, gaps: true };
    settings::set(app, &administrator(), "brake_floor", "1000000").await.unwrap();
    // A role in the school's category too, so that every kind of row is written.
    settings::set(app, &administrator(), "static_contexts", "2").await.unwrap();
    crowd.settle_in(&app.store, app.moodle.db(), app.now()).await.unwrap();
    let people = u64::try_from(people).unwrap();

    let (provisioning, report) = counted(&world, Mode::Jobs).await;
    let gaps = people / 5;
    assert_eq!(
        (report.added, report.provisioned, report.contexts),
        (people * 3, people, gaps),
        "{engine}: {:?}",
        report.outcomes
    );
    let (nothing, report) = counted(&world, Mode::Jobs).await;
    assert_eq!((report.jobs, report.added, report.removed), (0, 0, 0), "{engine}");
    let (full, report) = counted(&world, Mode::Full).await;
    assert_eq!((report.added, report.removed, report.contexts), (0, 0, 0), "{engine}: {report:?}");
    crowd.leave(&app.store, app.moodle.db(), app.now()).await.unwrap();
    let (removal, report) = counted(&world, Mode::Jobs).await;
    assert_eq!((report.removed, report.added, report.held), (people * 3, 0, 0), "{engine}: {report:?}");
    assert_eq!(world.our_rows().await, [], "{engine}");
    assert_eq!(world.number("SELECT COUNT(*) FROM mdl_sessions").await, 0, "{engine}");
    let (after, report) = counted(&world, Mode::Full).await;
    assert_eq!((report.added, report.removed), (0, 0), "{engine}: {report:?}");
    [provisioning, nothing, full, removal, after]
}

#[tokio::test]
async fn ten_people_and_a_thousand_take_the_same_number_of_statements() {
    for engine in ENGINES {
        let few = life(engine, 10).await;
        let many = life(engine, 1_000).await;
        println!("{engine}");
        for ((what, few), many) in WHAT.iter().zip(few).zip(many) {
            println!("  {what:20} 10: {few:?}\n  {:20} 1,000: {many:?}", "");
        }
        assert_eq!(few, many, "{engine}: 10 people and 1,000");
        let [provisioning, nothing, full, removal, after] = many;
        assert!(nothing.moodle_reads <= 6 && nothing.moodle_writes == 0, "{engine}: {nothing:?}");
        for full in [full, after] {
            assert!(full.moodle_reads <= 20 && full.moodle_writes == 0, "{engine}: {full:?}");
        }
        for work in [provisioning, removal] {
            assert!(work.moodle_reads + work.moodle_writes <= 24, "{engine}: {work:?}");
            assert!(work.store_reads + work.store_writes <= 48, "{engine}: {work:?}");
        }
    }
}
