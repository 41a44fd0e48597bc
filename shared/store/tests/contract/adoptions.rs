//! Rows of the earlier plugin that became ours.

use kinlink_domain::{
    adoption::Adopted,
    ids::{ContextId, MoodleUserId, PlanId, RoleId},
};
use kinlink_store::adoptions;

use crate::{
    fixtures::{at, id},
    harness::for_each_engine,
};

fn row(number: i64) -> Adopted {
    Adopted {
        id: number,
        user: MoodleUserId(10 + number),
        context: ContextId(20 + number),
        role: RoleId(9),
        item: 30 + number,
    }
}

#[tokio::test]
async fn an_adopted_row_is_known_until_it_is_given_back() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        let [first, second]: [PlanId; 2] = [id(), id()];
        let users: Vec<MoodleUserId> = (1..=3).map(|number| row(number).user).collect();
        let of = async |s: &mut kinlink_store::Connection| {
            let mut rows = adoptions::of_users(s, &users).await.unwrap();
            rows.sort_unstable();
            assert_eq!(adoptions::count(s).await.unwrap(), rows.len() as u64);
            rows
        };
        assert_eq!(of(s).await, []);
        adoptions::note(s, first, &[row(1), row(2), row(3)], at(1)).await.unwrap();
        adoptions::note(s, first, &[], at(1)).await.unwrap();
        // The plan goes on after its process died; another plan adopts what the first did not come to.
        adoptions::note(s, first, &[row(1)], at(2)).await.unwrap();
        adoptions::note(s, second, &[row(2)], at(3)).await.unwrap();
        assert_eq!(of(s).await, [row(1), row(2), row(3)], "each once");
        assert_eq!(adoptions::of_users(s, &users[2..]).await.unwrap(), [row(3)]);
        assert_eq!(adoptions::of_users(s, &[]).await.unwrap(), []);

        adoptions::given_back(s, &[2, 99], at(4)).await.unwrap();
        adoptions::given_back(s, &[], at(4)).await.unwrap();
        assert_eq!(of(s).await, [row(1), row(3)], "by every plan that adopted it");
        // Adopted once more, by a plan of its own, or by the one that begins again.
        adoptions::note(s, first, &[row(2)], at(5)).await.unwrap();
        assert_eq!(of(s).await, [row(1), row(2), row(3)]);
    })
    .await;
}
