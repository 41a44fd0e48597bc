//! The audit's chain: every entry counts, whoever writes at the same time, and whoever meddles is named.

use kinlink_domain::{audit_chain::Broken, staff::Actor};
use kinlink_store::{Store, audit, migrations};
use serde_json::json;

use crate::{
    fixtures::{HARD_NAMES, at},
    harness::{Store as TestStore, for_each_engine},
};

fn entry(number: i64) -> audit::Entry {
    audit::Entry::new("request.approve", format!("request:{number}"), json!({ "number": number, "names": HARD_NAMES }))
}

/// Twelve entries in four transactions.
async fn written(store: &TestStore) -> Store {
    let ours = Store::new(store.db.clone());
    for group in 0..4 {
        let mut tx = ours.begin().await.unwrap();
        let entries: Vec<_> = (0..3).map(|number| entry(group * 3 + number)).collect();
        audit::write(&mut tx, &Actor::system(), at(group), &entries);
        tx.commit().await.unwrap();
    }
    ours
}

async fn verify(store: &Store) -> audit::Verified {
    audit::verify(&mut store.acquire().await.unwrap()).await.unwrap()
}

#[tokio::test]
async fn a_chain_that_nobody_touched_holds_and_one_rolled_back_leaves_no_gap() {
    for_each_engine(|test| async move {
        let store = written(&test).await;
        let mut dropped = store.begin().await.unwrap();
        audit::write(&mut dropped, &Actor::system(), at(9), &[entry(99)]);
        drop(dropped);
        let mut tx = store.begin().await.unwrap();
        audit::write(&mut tx, &Actor::parent(), at(9), &[entry(12)]);
        tx.commit().await.unwrap();
        let verified = verify(&store).await;
        assert_eq!((verified.entries, verified.first.seq, verified.last.seq, verified.broken), (13, 0, 13, None));
        assert_eq!(verified.last.hash.len(), 64);
        let s = &mut test.connect().await;
        assert_eq!(audit::ends(s).await.unwrap(), (verified.first, verified.last));
        let all = audit::Filter::default();
        let one = audit::Filter { subject: Some("request:3".into()), ..all.clone() };
        for (filter, after, expected) in [(&all, 7, &[8, 9, 10, 11, 12][..]), (&one, 0, &[4]), (&one, 4, &[])] {
            let found = audit::list_onwards(s, filter, after, 5).await.unwrap();
            assert_eq!(found.iter().map(|written| written.seq).collect::<Vec<_>>(), expected);
        }
        for (actor, action, subject, since, did) in [
            (Actor::system(), "request.approve", "request:3", at(1), true),
            (Actor::system(), "request.approve", "request:3", at(2), false),
            (Actor::parent(), "request.approve", "request:3", at(1), false),
            (Actor::system(), "request.deny", "request:3", at(1), false),
            (Actor::system(), "request.approve", "request:99", at(1), false),
        ] {
            let done = audit::did_since(s, &actor, action, subject, since).await.unwrap();
            assert_eq!(done, did, "{actor:?} {action} {subject}");
        }
    })
    .await;
}

#[tokio::test]
async fn whoever_meddles_is_named_by_the_first_bad_entry() {
    for_each_engine(|test| async move {
        let store = written(&test).await;
        for (meddling, broken) in [
            ("UPDATE audit SET actor = 'staff:other' WHERE seq = 5", Broken::Changed(5)),
            ("UPDATE audit SET at = at + 1 WHERE seq = 1", Broken::Changed(1)),
            ("UPDATE audit SET action = 'request.deny' WHERE seq = 12", Broken::Changed(12)),
            ("UPDATE audit SET subject = 'request:7' WHERE seq = 3", Broken::Changed(3)),
            ("UPDATE audit SET detail = '{}' WHERE seq >= 4", Broken::Changed(4)),
            ("UPDATE audit SET hash = NULL WHERE seq = 6", Broken::Changed(6)),
            ("DELETE FROM audit WHERE seq = 7", Broken::Missing(7)),
            ("DELETE FROM audit WHERE seq > 10", Broken::Missing(11)),
            ("DELETE FROM audit", Broken::Missing(1)),
            ("UPDATE audit SET seq = 20 WHERE seq = 12", Broken::Missing(12)),
            ("UPDATE audit_chain SET last_hash = 'x'", Broken::End(12)),
            ("UPDATE audit_chain SET last_seq = 11", Broken::End(11)),
            (
                "INSERT INTO audit (seq, at, actor, action, subject, detail) VALUES (13, 1, 'a', 'b', 'c', '{}')",
                Broken::End(13),
            ),
        ] {
            let mut tx = store.begin().await.unwrap();
            kinlink_db::Session::execute(&mut tx, meddling, []).await.unwrap();
            assert_eq!(audit::verify(&mut tx).await.unwrap().broken, Some(broken), "{meddling}");
            // Rolled back: the next one meddles with a whole chain.
            drop(tx);
        }
        assert_eq!(verify(&store).await.broken, None);
    })
    .await;
}

#[tokio::test]
async fn a_row_put_behind_the_end_by_hand_stops_nobody_and_is_named() {
    for_each_engine(|test| async move {
        let store = written(&test).await;
        let by_hand = "INSERT INTO audit (seq, at, actor, action, subject, detail) VALUES (13, 1, 'a', 'b', 'c', '{}')";
        store.execute(by_hand, []).await.unwrap();
        let mut tx = store.begin().await.unwrap();
        audit::write(&mut tx, &Actor::system(), at(9), &[entry(14)]);
        tx.commit().await.unwrap();
        assert_eq!(verify(&store).await.broken, Some(Broken::Changed(13)));
    })
    .await;
}

#[tokio::test]
async fn many_at_once_make_one_chain() {
    for_each_engine(|test| async move {
        let store = Store::new(test.db.clone());
        let mut running = Vec::new();
        for writer in 0..8 {
            let store = store.clone();
            running.push(tokio::spawn(async move {
                for number in 0..5 {
                    let mut tx = store.begin().await.unwrap();
                    audit::write(&mut tx, &Actor::system(), at(number), &[entry(writer * 5 + number)]);
                    tx.commit().await.unwrap();
                }
            }));
        }
        for task in running {
            task.await.unwrap();
        }
        let verified = verify(&store).await;
        assert_eq!((verified.entries, verified.broken), (40, None));
    })
    .await;
}

#[tokio::test]
async fn what_is_old_is_forgotten_and_the_rest_of_the_chain_holds() {
    for_each_engine(|test| async move {
        let store = written(&test).await;
        let mut tx = store.begin().await.unwrap();
        assert_eq!(audit::purge(&mut tx, at(2), 4).await.unwrap(), 4, "no more than asked for");
        assert_eq!(audit::purge(&mut tx, at(2), 4).await.unwrap(), 2);
        tx.commit().await.unwrap();
        let verified = verify(&store).await;
        assert_eq!((verified.entries, verified.first.seq, verified.broken), (6, 6, None));
        // The newest entry stays: the chain is to go on.
        let mut tx = store.begin().await.unwrap();
        assert_eq!(audit::purge(&mut tx, at(100), 100).await.unwrap(), 5);
        audit::write(&mut tx, &Actor::system(), at(9), &[entry(13)]);
        tx.commit().await.unwrap();
        let verified = verify(&store).await;
        assert_eq!((verified.entries, verified.last.seq, verified.broken), (2, 13, None));
        let mut tx = store.begin().await.unwrap();
        assert_eq!(audit::purge(&mut tx, at(-100), 100).await.unwrap(), 0);
        kinlink_db::Session::execute(&mut tx, "UPDATE audit SET detail = '{}' WHERE seq = 12", []).await.unwrap();
        assert_eq!(audit::verify(&mut tx).await.unwrap().broken, Some(Broken::Changed(12)));
    })
    .await;
}

#[tokio::test]
async fn entries_that_are_older_than_the_chain_stay_and_are_not_checked() {
    for_each_engine(|test| async move {
        // As the version before left it.
        let before = "INSERT INTO audit (at, actor, action, subject, detail) VALUES (1, 'a', 'b', 'c', '{}')";
        test.db.execute(before, []).await.unwrap();
        test.db.execute("DROP TABLE audit_chain", []).await.unwrap();
        test.db.execute("ALTER TABLE audit DROP COLUMN hash", []).await.unwrap();
        test.db.execute("DELETE FROM _sqlx_migrations WHERE version = 9", []).await.unwrap();
        migrations::migrate(&test.db).await.unwrap();
        let store = written(&test).await;
        let verified = verify(&store).await;
        assert_eq!((verified.entries, verified.first.seq, verified.last.seq, verified.broken), (12, 1, 13, None));
        assert_eq!(audit::of_subject(&mut test.connect().await, "c").await.unwrap().len(), 1);
    })
    .await;
}
