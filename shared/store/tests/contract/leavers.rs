//! Pupils who left: noted, forgotten, their links ended and resumed; adults who are left behind.

use kinlink_domain::{
    Timestamp,
    ids::{AdultId, LinkId, MoodleUserId},
    leaving::{Departure, PUPIL_LEFT},
};
use kinlink_store::{
    accounts,
    leavers::{self, Leaver},
    links,
};

use crate::{
    fixtures::{at, id, stored_adult, stored_link},
    harness::for_each_engine,
};

fn left(pupil: i64, reason: Departure, second: i64) -> Leaver {
    Leaver { pupil: MoodleUserId(pupil), reason, since: at(second) }
}

#[tokio::test]
async fn a_leaver_is_noted_once_keeps_their_time_and_is_forgotten() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        leavers::note(s, &[]).await.unwrap();
        let all: Vec<Leaver> = Departure::ALL.iter().zip(1..).map(|(reason, pupil)| left(pupil, *reason, 0)).collect();
        leavers::note(s, &all).await.unwrap();
        // Noted again for another reason: since when they are gone stays.
        leavers::note(s, &[left(2, Departure::Deleted, 60), left(9, Departure::Suspended, 60)]).await.unwrap();
        let pupils: Vec<MoodleUserId> = (1..=9).map(MoodleUserId).collect();
        let mut found = leavers::of_pupils(s, &pupils).await.unwrap();
        found.sort_by_key(|leaver| leaver.pupil);
        let mut expected = all.clone();
        expected[1].reason = Departure::Deleted;
        expected.push(left(9, Departure::Suspended, 60));
        assert_eq!(found, expected);
        assert_eq!(leavers::forget(s, &[MoodleUserId(9), MoodleUserId(8)]).await.unwrap(), 1);
        assert_eq!(leavers::forget(s, &[]).await.unwrap(), 0);
        assert_eq!(leavers::of_pupils(s, &[]).await.unwrap(), []);

        // Who has no link in force is forgotten; who has one stays.
        let (one, other): (AdultId, AdultId) = (id(), id());
        stored_link(s, one, 1).await;
        let ended = stored_link(s, other, 2).await;
        links::end(s, &[ended], PUPIL_LEFT, at(1)).await.unwrap();
        assert_eq!(leavers::forget_unlinked(s).await.unwrap(), 3);
        assert_eq!(leavers::of_pupils(s, &pupils).await.unwrap(), [all[0]]);
    })
    .await;
}

#[tokio::test]
async fn linked_pupils_come_once_each_page_by_page_and_their_links_by_id() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        let adults: [AdultId; 2] = [id(), id()];
        let mut expected = Vec::new();
        for pupil in [5, 3, 9_000_000_000, 7] {
            for adult in adults {
                expected.push((stored_link(s, adult, pupil).await, adult, MoodleUserId(pupil)));
            }
        }
        let ended: Vec<LinkId> = expected[..2].iter().map(|(link, ..)| *link).collect();
        links::end(s, &ended, PUPIL_LEFT, at(1)).await.unwrap();
        links::end(s, &[expected[2].0], "withdrawn", at(1)).await.unwrap();
        for limit in [1, 2, 100] {
            let (mut found, mut after) = (Vec::new(), MoodleUserId(0));
            loop {
                let page = leavers::linked_pupils(s, after, limit).await.unwrap();
                let Some(last) = page.last() else { break };
                after = *last;
                found.extend(page.iter().map(|pupil| pupil.0));
            }
            assert_eq!(found, [3, 7, 9_000_000_000], "{limit}");
        }
        let asked: Vec<MoodleUserId> = [3, 5, 7].map(MoodleUserId).to_vec();
        let mut tx = store.db.begin().await.unwrap();
        let held = leavers::hold_links(&mut tx, &asked).await.unwrap();
        assert_eq!(held, [expected[3], expected[6], expected[7]]);
        assert_eq!(leavers::hold_links(&mut tx, &[]).await.unwrap(), []);
        tx.commit().await.unwrap();
        let mut counts = leavers::count_adults(s, &asked).await.unwrap();
        counts.sort_unstable();
        assert_eq!(counts, [(MoodleUserId(3), 1), (MoodleUserId(7), 2)]);

        // What ended comes into force again under its own number; what never ended is left alone.
        assert_eq!(links::resume(s, &[ended[0], expected[3].0], at(9)).await.unwrap(), 1);
        assert_eq!(links::resume(s, &[], at(9)).await.unwrap(), 0);
        let resumed = links::by_ids(s, &[ended[0]]).await.unwrap().remove(0);
        assert_eq!((resumed.id, resumed.active, resumed.started_at), (ended[0], true, at(9)));
        assert_eq!((resumed.ended_at, resumed.end_reason), (None, None));
    })
    .await;
}

#[tokio::test]
async fn left_behind_is_who_has_a_login_row_and_whose_last_link_ended_because_the_pupil_left() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        let mut adults = Vec::new();
        for number in 0..6 {
            let name = format!("adult{number}@example.org");
            adults.push(stored_adult(s, "Ann", "Example", &name).await.id);
        }
        let link = |end: Option<(&'static str, i64)>| end;
        // Per adult: how their links ended, and whether they are left behind with the last one.
        let lives = [
            vec![link(Some((PUPIL_LEFT, 10)))],
            vec![link(Some((PUPIL_LEFT, 10))), link(Some((PUPIL_LEFT, 20)))],
            vec![link(Some((PUPIL_LEFT, 10))), link(None)],
            vec![link(Some((PUPIL_LEFT, 10))), link(Some(("withdrawn", 20)))],
            vec![link(Some(("withdrawn", 10))), link(Some((PUPIL_LEFT, 20)))],
            vec![],
        ];
        for (adult, life) in adults.iter().zip(&lives) {
            for (end, pupil) in life.iter().zip(1..) {
                let made = stored_link(s, *adult, pupil).await;
                if let Some((reason, second)) = end {
                    links::end(s, &[made], reason, at(*second)).await.unwrap();
                }
            }
        }
        let all = [(adults[0], at(10)), (adults[1], at(20)), (adults[4], at(20))];
        for (before, expected) in
            [(at(10), &all[..0]), (at(11), &all[..1]), (at(21), &all[..]), (Timestamp::MAX, &all[..])]
        {
            let found = leavers::left_behind(s, before, None, 100).await.unwrap();
            assert_eq!(found, expected, "{before}");
        }
        let second = leavers::left_behind(s, at(30), Some(adults[0]), 1).await.unwrap();
        assert_eq!(second, all[1..2]);
        accounts::delete_login_rows(s, &[adults[1]], at(30)).await.unwrap();
        let rest = leavers::left_behind(s, at(30), Some(adults[0]), 9).await.unwrap();
        assert_eq!(rest, all[2..], "who has no login row has nothing to lose; the guard is nobody");
    })
    .await;
}
