//! One holder at a time.

use kinlink_domain::ids::CycleId;
use kinlink_store::leases::{self, PROVISIONER};

use crate::{
    fixtures::{at, id},
    harness::{at_once, for_each_engine},
};

#[tokio::test]
async fn a_lease_is_taken_refused_to_others_renewed_and_given_back() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        let [first, second]: [CycleId; 2] = [id(), id()];
        assert!(leases::take(s, PROVISIONER, first, at(0), at(10)).await.unwrap());
        assert!(!leases::take(s, PROVISIONER, second, at(5), at(15)).await.unwrap());
        assert!(!leases::take(s, PROVISIONER, second, at(10), at(20)).await.unwrap(), "it holds to its last instant");
        assert!(leases::take(s, "other", second, at(5), at(15)).await.unwrap(), "leases of other names are others");

        assert!(leases::take(s, PROVISIONER, first, at(9), at(30)).await.unwrap(), "renewed");
        assert!(!leases::take(s, PROVISIONER, second, at(20), at(40)).await.unwrap());
        leases::give_back(s, PROVISIONER, second).await.unwrap();
        assert!(!leases::take(s, PROVISIONER, second, at(20), at(40)).await.unwrap(), "only the holder gives it back");

        leases::give_back(s, PROVISIONER, first).await.unwrap();
        assert!(leases::take(s, PROVISIONER, second, at(20), at(40)).await.unwrap());
        assert!(!leases::take(s, PROVISIONER, first, at(21), at(41)).await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn a_lease_that_ran_out_goes_to_another_and_the_late_holder_does_not_get_it_back() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        let [dead, second]: [CycleId; 2] = [id(), id()];
        assert!(leases::take(s, PROVISIONER, dead, at(0), at(10)).await.unwrap());
        assert!(leases::take(s, PROVISIONER, second, at(11), at(20)).await.unwrap());
        assert!(!leases::take(s, PROVISIONER, dead, at(12), at(30)).await.unwrap());
        leases::give_back(s, PROVISIONER, dead).await.unwrap();
        assert!(!leases::take(s, PROVISIONER, dead, at(13), at(30)).await.unwrap(), "giving back was harmless");
    })
    .await;
}

#[tokio::test]
async fn a_refused_lease_does_not_spoil_the_transaction_that_asked_for_it() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        let [first, second]: [CycleId; 2] = [id(), id()];
        assert!(leases::take(s, PROVISIONER, first, at(0), at(10)).await.unwrap());
        let mut tx = s.begin().await.unwrap();
        assert!(!leases::take(&mut tx, PROVISIONER, second, at(1), at(11)).await.unwrap());
        assert!(leases::take(&mut tx, "other", second, at(1), at(11)).await.unwrap());
        tx.commit().await.unwrap();
        assert!(!leases::take(s, "other", first, at(2), at(12)).await.unwrap());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_several_who_take_a_lease_at_once_exactly_one_gets_it() {
    for_each_engine(|store| async move {
        for round in 0..5 {
            // First nobody has it; then the one who has it let it run out.
            for now in [at(0), at(100)] {
                let name = format!("lease {round}");
                let taken = at_once(&store.db, 4, |_, mut connection| {
                    let name = name.clone();
                    async move { leases::take(&mut connection, &name, id(), now, now).await.unwrap() }
                })
                .await;
                assert_eq!(taken.iter().filter(|taken| **taken).count(), 1, "{taken:?}");
            }
        }
    })
    .await;
}
