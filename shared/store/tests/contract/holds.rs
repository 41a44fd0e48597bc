//! Holds: which are in force, whom they concern, and who released them.

use kinlink_domain::{
    hold::{Hold, HoldReason, HoldView, Identity, address_key},
    ids::{AdultId, HoldId, MoodleUserId},
};
use kinlink_store::{
    StoreError, accounts,
    accounts::Adult,
    holds::{self, Filter},
    links, requests,
};

use crate::{
    fixtures::{HARD_NAMES, adult, at, email, id, new_claim_id, request, stored_link},
    harness::{assert_same, for_each_engine},
};

fn hold(from: i64, until: Option<i64>) -> Hold {
    Hold {
        id: id(),
        adult: None,
        email: None,
        pupil: Some(MoodleUserId(9)),
        reason: HoldReason::CourtOrder,
        reference: "C-17/2026".to_owned(),
        from: at(from),
        until: until.map(at),
        placed_by: "staff:1".to_owned(),
        placed_at: at(0),
        release_asked: None,
        released: None,
    }
}

const ALL: Filter = Filter { view: HoldView::All, adult: None, pupil: None };

#[tokio::test]
async fn a_hold_reads_as_it_was_placed() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        for (reason, name) in HoldReason::ALL.iter().cycle().zip(HARD_NAMES) {
            let reference: String = name.chars().take(100).collect();
            let whole = Hold {
                adult: Some(id()),
                email: Some(email("jo@example.org")),
                reason: *reason,
                reference,
                ..hold(5, Some(i64::from(i32::MAX)))
            };
            holds::insert(s, &whole, Some(at(5))).await.unwrap();
            assert_same(&holds::find(s, whole.id).await.unwrap().unwrap(), &whole);
        }
        let bare = Hold { pupil: None, email: Some(email("jo@example.org")), ..hold(5, None) };
        holds::insert(s, &bare, None).await.unwrap();
        assert_same(&holds::find(s, bare.id).await.unwrap().unwrap(), &bare);
        assert!(holds::find(s, id()).await.unwrap().is_none());
    })
    .await;
}

#[tokio::test]
async fn one_asks_and_one_releases_and_each_only_once() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        let (mut placed, other) = (hold(0, None), hold(0, None));
        holds::insert(s, &placed, None).await.unwrap();
        holds::insert(s, &other, None).await.unwrap();
        let is_stale = |result: Result<(), StoreError>| matches!(result, Err(StoreError::Stale(_)));

        assert!(is_stale(holds::release(s, placed.id, "staff:1", "staff:2", at(1)).await), "nobody asked");
        assert!(is_stale(holds::withdraw_release(s, placed.id).await));
        holds::ask_release(s, placed.id, "staff:1", at(1)).await.unwrap();
        assert!(is_stale(holds::ask_release(s, placed.id, "staff:3", at(2)).await), "somebody has asked");
        holds::withdraw_release(s, placed.id).await.unwrap();
        assert_same(&holds::find(s, placed.id).await.unwrap().unwrap(), &placed);

        holds::ask_release(s, placed.id, "staff:1", at(3)).await.unwrap();
        assert!(is_stale(holds::release(s, placed.id, "staff:9", "staff:2", at(4)).await), "somebody else asks now");
        holds::release(s, placed.id, "staff:1", "staff:2", at(4)).await.unwrap();
        assert!(is_stale(holds::release(s, placed.id, "staff:1", "staff:3", at(5)).await), "it is released");
        assert!(is_stale(holds::withdraw_release(s, placed.id).await));
        placed.release_asked = Some(("staff:1".to_owned(), at(3)));
        placed.released = Some(("staff:2".to_owned(), at(4)));
        assert_same(&holds::find(s, placed.id).await.unwrap().unwrap(), &placed);
        assert_same(&holds::find(s, other.id).await.unwrap().unwrap(), &other);
    })
    .await;
}

#[tokio::test]
async fn each_view_lists_and_counts_its_own_holds() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        let adult: AdultId = id();
        let now = at(10);
        let in_force = Hold { adult: Some(adult), ..hold(10, Some(11)) };
        let (coming, over, asked, released) =
            (hold(11, None), hold(0, Some(10)), hold(0, None), Hold { pupil: None, ..hold(0, None) });
        for placed in [&in_force, &coming, &over, &asked, &released] {
            holds::insert(s, placed, placed.next_turn(now)).await.unwrap();
        }
        holds::ask_release(s, asked.id, "staff:1", at(1)).await.unwrap();
        holds::ask_release(s, released.id, "staff:1", at(1)).await.unwrap();
        holds::release(s, released.id, "staff:1", "staff:2", at(2)).await.unwrap();
        let mut expected = Vec::new();
        for (view, mut its) in [
            (HoldView::InForce, vec![in_force.id, asked.id]),
            (HoldView::Coming, vec![coming.id]),
            (HoldView::ReleaseAsked, vec![asked.id]),
            (HoldView::Over, vec![over.id, released.id]),
            (HoldView::All, vec![in_force.id, coming.id, over.id, asked.id, released.id]),
        ] {
            its.sort_unstable();
            its.reverse();
            let filter = Filter { view, ..ALL };
            let listed = holds::list(s, &filter, now, None, 10).await.unwrap();
            let ids: Vec<HoldId> = listed.iter().map(|hold| hold.id).collect();
            assert_eq!(ids, its, "{view}");
            for hold in &listed {
                let domain = hold.view(now) == view || view == HoldView::All || hold.awaits_release(now);
                assert!(domain, "the domain agrees: {view} {hold:?}");
            }
            let paged = holds::list(s, &filter, now, its.first().copied(), 10).await.unwrap();
            assert_eq!(paged.len(), its.len() - 1);
            expected.push((view, i64::try_from(its.len()).unwrap()));
        }
        assert_eq!(holds::counts(s, now).await.unwrap(), expected);
        let of_adult = Filter { adult: Some(adult), ..ALL };
        assert_eq!(holds::list(s, &of_adult, now, None, 10).await.unwrap().len(), 1);
        let of_pupil = Filter { pupil: Some(MoodleUserId(9)), ..ALL };
        assert_eq!(holds::list(s, &of_pupil, now, None, 10).await.unwrap().len(), 4);
        assert_eq!(holds::list(s, &ALL, now, None, 2).await.unwrap().len(), 2);
    })
    .await;
}

#[tokio::test]
async fn what_is_in_force_names_the_adult_as_they_stand_now() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        let known = Adult { picked_user: Some(MoodleUserId(70)), ..adult("Jo", "Held", Some("jo.held")) };
        accounts::insert_adult(s, &known).await.unwrap();
        let now = at(10);
        let by_adult = Hold { adult: Some(known.id), pupil: None, ..hold(10, None) };
        let by_address = Hold { email: Some(email("mum+school@example.org")), pupil: None, ..hold(0, Some(11)) };
        let unknown = Hold { adult: Some(id()), pupil: None, ..hold(0, None) };
        for placed in [&by_adult, &by_address, &unknown, &hold(11, None), &hold(0, Some(10))] {
            holds::insert(s, placed, None).await.unwrap();
        }
        let stops = holds::in_force(s, now).await.unwrap();
        assert_eq!(stops.0.len(), 3);
        let stop = stops.0.iter().find(|stop| stop.hold == by_adult.id).unwrap();
        let held = stop.adult.as_ref().unwrap();
        assert_eq!((held.id, &held.addresses), (known.id, &vec!["jo@example.org".to_owned()]));
        assert_eq!((held.username.as_deref(), held.account), (Some("jo.held"), Some(MoodleUserId(70))));
        assert_eq!((stop.pupil, stop.reason), (None, HoldReason::CourtOrder));
        let asker = Identity { addresses: vec![address_key("Mum@example.org")], ..Identity::default() };
        assert_eq!(stops.of_person(&asker), [by_address.id]);
        assert_eq!(holds::in_force(s, at(9)).await.unwrap().0.len(), 3, "one not yet, one still");
    })
    .await;
}

#[tokio::test]
async fn a_turn_is_found_once_it_has_come_and_until_it_is_noted() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        let (soon, later, never) = (hold(10, Some(20)), hold(11, None), hold(0, None));
        for placed in [&soon, &later, &never] {
            holds::insert(s, placed, placed.next_turn(at(5))).await.unwrap();
        }
        assert!(holds::turned(s, at(9)).await.unwrap().is_empty());
        let turned = holds::turned(s, at(10)).await.unwrap();
        assert_eq!(turned.len(), 1);
        assert_same(&turned[0], &soon);
        holds::set_turn(s, soon.id, soon.next_turn(at(10))).await.unwrap();
        assert!(holds::turned(s, at(10)).await.unwrap().is_empty());
        assert_eq!(holds::turned(s, at(20)).await.unwrap().len(), 2);
        holds::set_turn(s, soon.id, None).await.unwrap();
        // What is released turns no more.
        holds::ask_release(s, later.id, "staff:1", at(6)).await.unwrap();
        holds::release(s, later.id, "staff:1", "staff:2", at(7)).await.unwrap();
        assert!(holds::turned(s, at(99)).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn whom_a_hold_concerns() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        let of = |address: &str, username| Adult { email: email(address), ..adult("Jo", "Hol%d_!", Some(username)) };
        let mum = of("mum_x@example.org", "mum");
        let plus = of("mum_x+school@example.org", "plus");
        let like = of("mumyx+school@example.org", "like");
        for adult in [&mum, &plus, &like] {
            accounts::insert_adult(s, adult).await.unwrap();
        }
        let linked = stored_link(s, like.id, 9).await;
        stored_link(s, plus.id, 9).await;
        links::activate(s, mum.id, MoodleUserId(8), new_claim_id(), at(0)).await.unwrap();
        links::end(s, &[linked], "denied", at(1)).await.unwrap();
        let sorted = |mut ids: Vec<AdultId>| {
            ids.sort_unstable();
            ids
        };
        let by_adult = Hold { adult: Some(mum.id), ..hold(0, None) };
        assert_eq!(holds::concerned(s, &by_adult).await.unwrap(), [mum.id]);
        let by_address = Hold { email: Some(email("Mum_X+home@example.org")), pupil: None, ..hold(0, None) };
        assert_eq!(holds::concerned(s, &by_address).await.unwrap(), sorted(vec![mum.id, plus.id]));
        let pair = Hold { email: Some(email("mum_x@example.org")), ..hold(0, None) };
        assert_eq!(holds::concerned(s, &pair).await.unwrap(), sorted(vec![mum.id, plus.id]));
        let by_pupil = hold(0, None);
        assert_eq!(
            holds::concerned(s, &by_pupil).await.unwrap(),
            sorted(vec![like.id, plus.id]),
            "whose link ended is looked at as well"
        );
        // By a former address, or one of a request that was approved for them, they are the same person.
        let mut approved = request("Jo", "Hold");
        approved.email = Some(email("before@example.org"));
        approved.adult = Some(like.id);
        requests::insert(s, &approved, &[]).await.unwrap();
        requests::update(s, &mut approved, &[]).await.unwrap();
        let mut unknown = request("Jo", "Hold");
        unknown.email = Some(email("before@example.org"));
        requests::insert(s, &unknown, &[]).await.unwrap();
        let former = Hold { email: Some(email("Before+x@example.org")), pupil: None, ..hold(0, None) };
        assert_eq!(holds::concerned(s, &former).await.unwrap(), [like.id]);
        holds::insert(s, &former, None).await.unwrap();
        let stops = holds::in_force(s, at(1)).await.unwrap();
        let behind: Vec<AdultId> = stops.0[0].behind.iter().map(|adult| adult.id).collect();
        assert_eq!(behind, [like.id]);
        let gone = Hold { adult: Some(id()), ..hold(0, None) };
        assert!(holds::concerned(s, &gone).await.unwrap().is_empty());
    })
    .await;
}
