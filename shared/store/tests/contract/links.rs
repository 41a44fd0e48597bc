//! Links: one row a pair, for ever.

use kinlink_domain::ids::{AdultId, LinkId, MoodleUserId};
use kinlink_store::links::{self, Filter};

use crate::{
    fixtures::{HARD_NAMES, at, id, new_claim_id, stored_link},
    harness::{at_once, for_each_engine},
};

#[tokio::test]
async fn a_link_is_made_once_for_a_pair_and_keeps_its_id_when_it_ends_and_comes_back() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        let (adult, pupil): (AdultId, _) = (id(), MoodleUserId(i64::MAX));
        let (first_claim, second_claim) = (new_claim_id(), new_claim_id());
        assert!(links::of_pair(s, adult, pupil).await.unwrap().is_none());

        let link = links::activate(s, adult, pupil, first_claim, at(1)).await.unwrap();
        assert!(link.0 > 0, "0 stands for a row without a link");
        let made = links::of_pair(s, adult, pupil).await.unwrap().unwrap();
        assert_eq!((made.id, made.adult, made.pupil, made.claim), (link, adult, pupil, first_claim));
        assert_eq!((made.active, made.started_at, made.ended_at, made.end_reason), (true, at(1), None, None));

        assert_eq!(links::activate(s, adult, pupil, second_claim, at(2)).await.unwrap(), link);
        assert_eq!(links::of_pair(s, adult, pupil).await.unwrap().unwrap().claim, second_claim);

        assert_eq!(links::end(s, &[link], "withdrawn", at(3)).await.unwrap(), 1);
        assert_eq!(links::end(s, &[link], "again", at(4)).await.unwrap(), 0, "it ended already");
        let ended = links::of_pair(s, adult, pupil).await.unwrap().unwrap();
        assert_eq!((ended.active, ended.started_at, ended.ended_at), (false, at(2), Some(at(3))));
        assert_eq!(ended.end_reason.as_deref(), Some("withdrawn"));

        assert_eq!(links::activate(s, adult, pupil, first_claim, at(5)).await.unwrap(), link);
        let back = links::of_pair(s, adult, pupil).await.unwrap().unwrap();
        assert_eq!((back.active, back.started_at, back.ended_at, back.end_reason), (true, at(5), None, None));

        for reason in HARD_NAMES {
            let reason: String = reason.chars().take(32).collect();
            links::activate(s, adult, pupil, first_claim, at(6)).await.unwrap();
            links::end(s, &[link], &reason, at(7)).await.unwrap();
            assert_eq!(links::of_pair(s, adult, pupil).await.unwrap().unwrap().end_reason, Some(reason));
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn links_of_one_pair_that_are_made_at_once_are_one() {
    for_each_engine(|store| async move {
        for round in 0..5 {
            let adult: AdultId = id();
            let made = at_once(&store.db, 4, |_, mut connection| async move {
                links::activate(&mut connection, adult, MoodleUserId(round), new_claim_id(), at(0)).await.unwrap()
            })
            .await;
            assert!(made.iter().all(|link| *link == made[0]), "{made:?}");
            assert_eq!(links::of_adults(&mut store.connect().await, &[adult]).await.unwrap().len(), 1);
        }
    })
    .await;
}

#[tokio::test]
async fn links_are_listed_by_id_page_by_page_by_adult_pupil_and_whether_they_are_in_force() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        let adults: [AdultId; 3] = [id(), id(), id()];
        let mut all: Vec<LinkId> = Vec::new();
        for pupil in 1..=19 {
            for adult in adults {
                all.push(stored_link(s, adult, pupil).await);
            }
        }
        assert!(all.is_sorted());
        let ended: Vec<LinkId> = all.iter().copied().step_by(4).collect();
        assert_eq!(links::end(s, &ended, "left", at(1)).await.unwrap(), u64::try_from(ended.len()).unwrap());
        assert_eq!(links::end(s, &[], "left", at(1)).await.unwrap(), 0);
        let every = links::by_ids(s, &all).await.unwrap();
        assert_eq!(every.iter().map(|link| link.id).collect::<Vec<_>>(), all);

        for filter in [
            Filter::default(),
            Filter { adult: Some(adults[1]), ..Filter::default() },
            Filter { pupil: Some(MoodleUserId(5)), ..Filter::default() },
            Filter { active: Some(true), ..Filter::default() },
            Filter { active: Some(false), ..Filter::default() },
            Filter { adult: Some(adults[0]), pupil: Some(MoodleUserId(1)), active: Some(false) },
            Filter { adult: Some(id()), ..Filter::default() },
        ] {
            let expected: Vec<LinkId> = every
                .iter()
                .filter(|link| filter.adult.is_none_or(|adult| link.adult == adult))
                .filter(|link| filter.pupil.is_none_or(|pupil| link.pupil == pupil))
                .filter(|link| filter.active.is_none_or(|active| link.active == active))
                .map(|link| link.id)
                .collect();
            for limit in [1_u32, 10, 57, 58] {
                let mut listed: Vec<LinkId> = Vec::new();
                loop {
                    let page = links::list(s, filter, listed.last().copied(), limit).await.unwrap();
                    listed.extend(page.iter().map(|link| link.id));
                    if page.len() < limit as usize {
                        break;
                    }
                }
                assert_eq!(listed, expected, "{filter:?} by {limit}");
            }
        }

        let two = links::of_adults(s, &[adults[2], adults[0]]).await.unwrap();
        assert_eq!(two.len(), 38);
        assert!(two.is_sorted_by_key(|link| link.id) && two.iter().all(|link| link.adult != adults[1]));
        assert!(links::of_adults(s, &[]).await.unwrap().is_empty());
        assert!(links::by_ids(s, &[]).await.unwrap().is_empty());
        assert!(links::by_ids(s, &[LinkId(0)]).await.unwrap().is_empty());
    })
    .await;
}
