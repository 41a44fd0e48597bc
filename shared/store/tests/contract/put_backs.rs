//! Rows that were put back, and those that are left alone.

use kinlink_domain::ids::{ContextId, LinkId, MoodleUserId, RoleId};
use kinlink_store::{
    ledger::Key,
    put_backs::{self, Contest},
};

use crate::{
    fixtures::{at, id},
    harness::for_each_engine,
};

const COMPONENT: &str = "local_kinlink";

fn row(number: i64) -> Key {
    (MoodleUserId(number), ContextId(100 + number), RoleId(9), number)
}

#[tokio::test]
async fn what_is_put_back_often_within_a_time_is_known() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        let rows = [row(1), row(2), row(3)];
        for second in [10, 20, 20, 30] {
            put_backs::note(s, COMPONENT, &rows[..2], at(second)).await.unwrap();
        }
        put_backs::note(s, "other", &rows, at(10)).await.unwrap();
        put_backs::note(s, COMPONENT, &rows[..1], at(40)).await.unwrap();
        put_backs::note(s, COMPONENT, &[], at(40)).await.unwrap();
        let often = async |s: &mut _, since, times| {
            let mut rows = put_backs::frequent(s, COMPONENT, &rows, at(since), times).await.unwrap();
            rows.sort_unstable();
            rows
        };
        assert_eq!(often(s, 0, 3).await, rows[..2], "each moment counts once");
        assert_eq!(often(s, 0, 4).await, rows[..1]);
        assert_eq!(often(s, 10, 3).await, rows[..1], "the first is too long ago");
        assert_eq!(put_backs::frequent(s, COMPONENT, &rows[1..], at(0), 4).await.unwrap(), []);
        assert_eq!(put_backs::frequent(s, COMPONENT, &[], at(0), 0).await.unwrap(), []);
        assert_eq!(put_backs::forget(s, at(20)).await.unwrap(), 5);
        assert_eq!(often(s, 0, 3).await, rows[..1]);
    })
    .await;
}

#[tokio::test]
async fn a_row_is_left_alone_until_it_is_released() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        let contest = |number: i64| Contest {
            id: id(),
            row: row(number),
            component: COMPONENT.to_owned(),
            adult: id(),
            link: LinkId(number),
            began_at: at(number),
        };
        let first = contest(1);
        put_backs::contest(s, std::slice::from_ref(&first)).await.unwrap();
        put_backs::contest(s, &[contest(1), contest(2)]).await.unwrap();
        let all = put_backs::contests(s, 9).await.unwrap();
        assert_eq!((all.len(), all.contains(&first)), (2, true), "the one that was there stays");
        assert_eq!(put_backs::contests(s, 1).await.unwrap().len(), 1);
        assert_eq!(put_backs::find(s, first.id).await.unwrap(), Some(first.clone()));
        assert_eq!(put_backs::find(s, id()).await.unwrap(), None);
        assert_eq!(put_backs::contested(s, COMPONENT, &[row(1), row(3)]).await.unwrap(), [row(1)]);
        assert_eq!(put_backs::contested(s, "other", &[row(1)]).await.unwrap(), []);

        put_backs::note(s, COMPONENT, &[row(1), row(2)], at(5)).await.unwrap();
        assert!(put_backs::release(s, first.id).await.unwrap());
        assert!(!put_backs::release(s, first.id).await.unwrap());
        assert_eq!(put_backs::contested(s, COMPONENT, &[row(1), row(2)]).await.unwrap(), [row(2)]);
        assert_eq!(put_backs::frequent(s, COMPONENT, &[row(1), row(2)], at(0), 1).await.unwrap(), [row(2)]);
    })
    .await;
}
