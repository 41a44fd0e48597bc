//! What is ours in Moodle.

use std::collections::BTreeSet;

use kinlink_domain::ids::{AdultId, ContextId, CycleId, LinkId, MoodleUserId, RoleId};
use kinlink_store::{
    Connection,
    ledger::{self, Key, Owned, Standing},
    links,
};

use crate::{
    fixtures::{at, id, stored_link},
    harness::for_each_engine,
};

const COMPONENT: &str = "local_kinlink";

fn owned(adult: AdultId, user: i64, link: LinkId) -> Owned {
    Owned { adult, link, role: RoleId(9), context: ContextId(1_000 + link.0), user: MoodleUserId(user), item: link.0 }
}

fn key(row: &Owned) -> Key {
    (row.user, row.context, row.role, row.item)
}

fn sorted(mut keys: Vec<Key>) -> Vec<Key> {
    keys.sort_unstable();
    keys
}

#[tokio::test]
async fn a_row_is_ours_from_the_intention_to_its_removal() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        let adults: [AdultId; 2] = [id(), id()];
        let [first, second]: [CycleId; 2] = [id(), id()];
        let mut rows = Vec::new();
        for (adult, user, pupil) in [(adults[0], 1, 11), (adults[0], 1, 12), (adults[1], 2, 13)] {
            rows.push(owned(adult, user, stored_link(s, adult, pupil).await));
        }
        ledger::intend(s, COMPONENT, &rows, first, at(0)).await.unwrap();
        ledger::intend(s, "other", &rows[..1], first, at(0)).await.unwrap();
        let keys = sorted(rows.iter().map(key).collect());
        let users = [MoodleUserId(1), MoodleUserId(2)];
        assert_eq!(sorted(ledger::of_users(s, COMPONENT, &users).await.unwrap()), keys);
        assert_eq!(ledger::of_users(s, "other", &users).await.unwrap(), [key(&rows[0])]);
        assert_eq!(ledger::noted_of_users(s, "other", &users).await.unwrap(), [(key(&rows[0]), false)]);
        assert_eq!(ledger::of_users(s, COMPONENT, &users[1..]).await.unwrap(), [key(&rows[2])]);
        assert!(ledger::of_users(s, COMPONENT, &[]).await.unwrap().is_empty());
        assert_eq!(ledger::count_owned(s).await.unwrap(), 0, "intended is not yet written");

        ledger::settle(s, &[], false, first, at(1)).await.unwrap();
        assert_eq!(ledger::count_owned(s).await.unwrap(), 0, "nobody's");
        // Also by a later cycle, when the one that intended it died.
        ledger::settle(s, &adults[..1], false, second, at(1)).await.unwrap();
        assert_eq!(ledger::count_owned(s).await.unwrap(), 3);

        // A cycle that runs again over the same rows leaves one row each.
        ledger::intend(s, COMPONENT, &rows, second, at(2)).await.unwrap();
        assert_eq!(ledger::count_owned(s).await.unwrap(), 1);
        ledger::settle(s, &adults, false, second, at(2)).await.unwrap();
        assert_eq!(ledger::count_owned(s).await.unwrap(), 4);

        let unknown = (MoodleUserId(1), ContextId(1), RoleId(1), 1);
        ledger::removed(s, COMPONENT, &[key(&rows[0]), unknown], second, at(3)).await.unwrap();
        ledger::removed(s, COMPONENT, &[], second, at(3)).await.unwrap();
        let left = sorted(ledger::of_users(s, COMPONENT, &users).await.unwrap());
        assert_eq!(left, sorted(rows[1..].iter().map(key).collect()));
        assert_eq!(ledger::of_users(s, "other", &users).await.unwrap(), [key(&rows[0])], "another component's stays");

        let accounts = |mut found: Vec<Standing>| {
            found.sort_unstable_by_key(|standing| standing.user);
            found.into_iter().map(|standing| (standing.adult, standing.user)).collect::<Vec<_>>()
        };
        let standing = ledger::standing_of(s, COMPONENT, &adults).await.unwrap();
        // As many rows as the ledger names for the account, and none that a dead process left unsettled.
        for found in &standing {
            let own = ledger::of_users(s, COMPONENT, &[found.user]).await.unwrap();
            assert_eq!((found.rows, found.intended), (i64::try_from(own.len()).unwrap(), 0));
        }
        assert_eq!(accounts(standing), [(adults[0], MoodleUserId(1)), (adults[1], MoodleUserId(2))]);
        let elsewhere = ledger::standing_of(s, "another", &adults[..1]).await.unwrap();
        assert_eq!(elsewhere[0].rows, 0, "rows of another component are not counted");
        assert!(ledger::standing_of(s, COMPONENT, &[]).await.unwrap().is_empty());
        ledger::removed(s, COMPONENT, &[key(&rows[2])], second, at(4)).await.unwrap();
        assert!(ledger::standing_of(s, COMPONENT, &adults[1..]).await.unwrap().is_empty());
        ledger::settle(s, &adults, false, second, at(4)).await.unwrap();
        assert!(
            ledger::standing_of(s, COMPONENT, &adults[1..]).await.unwrap().is_empty(),
            "what is removed stays removed"
        );

        // Written again after it was removed.
        ledger::intend(s, COMPONENT, &rows[2..], second, at(5)).await.unwrap();
        assert_eq!(ledger::of_users(s, COMPONENT, &users[1..]).await.unwrap(), [key(&rows[2])]);
        let again = ledger::standing_of(s, COMPONENT, &adults[1..]).await.unwrap();
        assert_eq!((again[0].rows, again[0].intended), (1, 1), "intended, not known to be written");
        ledger::written(s, "another", &[key(&rows[2])], second, at(6)).await.unwrap();
        ledger::written(s, COMPONENT, &[key(&rows[1])], second, at(6)).await.unwrap();
        assert_eq!(ledger::standing_of(s, COMPONENT, &adults[1..]).await.unwrap()[0].intended, 1, "other rows");
        ledger::written(s, COMPONENT, &[key(&rows[2])], second, at(6)).await.unwrap();
        assert_eq!(ledger::standing_of(s, COMPONENT, &adults[1..]).await.unwrap()[0].intended, 0);
    })
    .await;
}

#[tokio::test]
async fn settling_gives_up_the_rows_of_links_that_ended_of_these_adults_unless_they_are_held() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        let [adult, other]: [AdultId; 2] = [id(), id()];
        let cycle: CycleId = id();
        let mut rows = Vec::new();
        for pupil in 1..=4 {
            rows.push(owned(adult, 1, stored_link(s, adult, pupil).await));
        }
        rows.push(owned(other, 2, stored_link(s, other, 1).await));
        // A static context has no link; a link that is unknown did not end.
        rows.push(owned(adult, 1, LinkId(0)));
        rows.push(owned(adult, 1, LinkId(9_999)));
        links::end(s, &[rows[0].link, rows[1].link, rows[4].link], "left", at(0)).await.unwrap();
        let counts = async |s: &mut Connection| {
            let ended = ledger::count_ended(s).await.unwrap();
            assert!(ended.iter().all(|(reason, _)| reason == "left"), "{ended:?}");
            (ledger::count_owned(s).await.unwrap(), ended.iter().map(|(_, count)| count).sum::<u64>())
        };
        ledger::intend(s, COMPONENT, &rows, cycle, at(0)).await.unwrap();
        assert_eq!(counts(s).await, (0, 0), "not written yet");
        ledger::settle(s, &[adult, other], true, cycle, at(1)).await.unwrap();
        assert_eq!(counts(s).await, (7, 3), "held");

        ledger::settle(s, &[adult], false, cycle, at(2)).await.unwrap();
        assert_eq!(counts(s).await, (4, 1), "the other adult was not looked at");
        let left = sorted(ledger::of_users(s, COMPONENT, &[MoodleUserId(1)]).await.unwrap());
        assert_eq!(left, sorted([&rows[2], &rows[3], &rows[5]].map(key).to_vec()));

        links::end(s, &[rows[2].link], "left", at(3)).await.unwrap();
        assert_eq!(counts(s).await, (4, 2));
        ledger::removed(s, COMPONENT, &[key(&rows[4]), key(&rows[5])], cycle, at(4)).await.unwrap();
        assert_eq!(counts(s).await, (2, 1));
    })
    .await;
}

#[tokio::test]
async fn two_thousand_five_hundred_rows_are_intended_confirmed_read_and_removed() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        let cycle: CycleId = id();
        let adults: Vec<AdultId> = (0..2_500).map(|_| id()).collect();
        let rows: Vec<Owned> =
            adults.iter().zip(1..).map(|(adult, number)| owned(*adult, number, LinkId(number))).collect();
        ledger::intend(s, COMPONENT, &rows, cycle, at(0)).await.unwrap();
        // Again: every row exists, in all three statements.
        ledger::intend(s, COMPONENT, &rows, cycle, at(0)).await.unwrap();
        ledger::settle(s, &adults, true, cycle, at(1)).await.unwrap();
        assert_eq!(ledger::count_owned(s).await.unwrap(), 2_500);
        assert_eq!(ledger::count_ended(s).await.unwrap(), [], "links that nobody knows");

        let users: Vec<MoodleUserId> = rows.iter().map(|row| row.user).collect();
        let keys: BTreeSet<Key> = rows.iter().map(key).collect();
        let found: BTreeSet<Key> = ledger::of_users(s, COMPONENT, &users).await.unwrap().into_iter().collect();
        assert_eq!(found, keys);
        assert_eq!(ledger::standing_of(s, COMPONENT, &adults).await.unwrap().len(), 2_500);

        let keys: Vec<Key> = keys.into_iter().collect();
        ledger::removed(s, COMPONENT, &keys[..2_499], cycle, at(2)).await.unwrap();
        assert_eq!(ledger::of_users(s, COMPONENT, &users).await.unwrap(), keys[2_499..]);
        assert_eq!(ledger::count_owned(s).await.unwrap(), 1);
    })
    .await;
}
