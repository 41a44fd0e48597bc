//! What the pages of users, cycles, health and audit read beside what everybody reads.

use kinlink_domain::{
    ids::{JobId, LinkId, MoodleUserId},
    outcome::Outcome,
    staff::Actor,
};
use kinlink_store::{
    accounts, audit,
    cycles::{self, CycleState},
    jobs::{self, Job, Priority},
    links,
};
use serde_json::json;

use crate::{
    fixtures::{HARD_NAMES, at, claim, cycle, email, id, job, request, stored_adult, stored_link},
    harness::{for_each_engine, for_each_order},
};

#[tokio::test]
async fn login_rows_come_in_numbered_pages_and_those_without_pupils_apart() {
    for_each_order(|store| async move {
        let s = &mut store.connect().await;
        let mut adults = Vec::new();
        for (place, name) in HARD_NAMES.into_iter().enumerate() {
            let adult = stored_adult(s, "Jo", name, &format!("jo{place}@example.org")).await;
            if place % 2 == 0 {
                let link = stored_link(s, adult.id, 100).await;
                if place == 0 {
                    links::end(s, &[link], "left", at(1)).await.unwrap();
                }
            }
            adults.push(adult);
        }
        let names = |rows: Vec<accounts::LoginRow>| rows.into_iter().map(|row| row.username).collect::<Vec<_>>();
        let whole = names(accounts::login_row_page(s, "", false, 100, 0).await.unwrap());
        assert_eq!(whole.len(), HARD_NAMES.len());
        let mut paged = Vec::new();
        for offset in [0, 4, 8] {
            paged.extend(names(accounts::login_row_page(s, "", false, 4, offset).await.unwrap()));
        }
        assert_eq!(paged, whole);
        let without = names(accounts::login_row_page(s, "", true, 100, 0).await.unwrap());
        assert_eq!(without.len(), 6, "the one whose link ended, and those who never had one: {without:?}");
        assert!(without.contains(&"jo0@example.org".to_owned()));
        assert_eq!(accounts::count_login_row_pages(s, "").await.unwrap(), (10, 6));
        // Nobody is left: the guard row is never listed.
        accounts::delete_login_rows(s, &[adults[0].id], at(2)).await.unwrap();
        assert_eq!(accounts::count_login_row_pages(s, "").await.unwrap(), (9, 5));
        assert_eq!(names(accounts::login_row_page(s, "obrien", false, 10, 0).await.unwrap()), [""; 0]);
        assert_eq!(accounts::count_login_row_pages(s, "zoe").await.unwrap(), (1, 1));
        assert_eq!(names(accounts::login_row_page(s, "zoe", true, 10, 0).await.unwrap()), ["jo1@example.org"]);
    })
    .await;
}

#[tokio::test]
async fn adults_are_found_by_several_addresses_at_once() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        let first = stored_adult(s, "Jo", "One", "one").await;
        let second = stored_adult(s, "Jo", "Two", "two").await;
        let found = accounts::adults_by_emails(s, &[email("jo@example.org"), email("no@example.org")]).await.unwrap();
        assert_eq!(found.iter().map(|adult| adult.id).collect::<Vec<_>>(), [first.id, second.id]);
        assert!(accounts::adults_by_emails(s, &[email("no@example.org")]).await.unwrap().is_empty());
        assert!(accounts::adults_by_emails(s, &[]).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_running_cycle_notes_how_far_it_has_come_and_one_that_ended_does_not() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        let (running, done) = (cycle(CycleState::Running, 0), cycle(CycleState::Done, 0));
        for cycle in [&running, &done] {
            cycles::insert(s, cycle).await.unwrap();
            cycles::note(s, cycle.id, &json!({ "reached": { "step": "jobs", "names": HARD_NAMES } })).await.unwrap();
        }
        let noted = cycles::find(s, running.id).await.unwrap().unwrap();
        assert_eq!(noted.report, Some(json!({ "reached": { "step": "jobs", "names": HARD_NAMES } })));
        assert_eq!(noted.state, CycleState::Running);
        assert_eq!(cycles::find(s, done.id).await.unwrap().unwrap().report, None);
    })
    .await;
}

#[tokio::test]
async fn what_a_cycle_found_is_counted_and_paged_with_what_needs_a_person_first() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        let cycle = id();
        let adult = stored_adult(s, HARD_NAMES[0], HARD_NAMES[1], "one").await;
        let asked = request("Jo", "Bloggs");
        let child = claim(asked.id, 0, "Nell", "Ashby");
        kinlink_store::requests::insert(s, &asked, std::slice::from_ref(&child)).await.unwrap();
        let with_request = links::activate(s, adult.id, MoodleUserId(1), child.id, at(0)).await.unwrap();
        let mut all = vec![(with_request, Outcome::Linked)];
        for (pupil, outcome) in [(2, Outcome::WaitingForAccount), (3, Outcome::NotAPupil), (4, Outcome::Linked)] {
            all.push((stored_link(s, adult.id, pupil).await, outcome));
        }
        cycles::record(s, cycle, &all, at(3)).await.unwrap();
        cycles::record(s, id(), &all[..1], at(3)).await.unwrap();
        let mut counts = cycles::count_results(s, cycle).await.unwrap();
        counts.sort_unstable();
        assert_eq!(counts, [(Outcome::Linked, 2), (Outcome::WaitingForAccount, 1), (Outcome::NotAPupil, 1)]);

        let found = cycles::found(s, cycle, Outcome::ALL, 10, 0).await.unwrap();
        let order: Vec<LinkId> = found.iter().map(|found| found.link).collect();
        assert_eq!(order, [all[2].0, all[1].0, all[0].0, all[3].0]);
        let first = &found[2];
        assert_eq!((first.outcome, first.pupil, first.found_at), (Outcome::Linked, MoodleUserId(1), at(3)));
        assert_eq!((first.given_name.as_str(), first.family_name.as_str()), (HARD_NAMES[0], HARD_NAMES[1]));
        assert_eq!((first.adult, &first.request), (adult.id, &Some((asked.id, asked.reference.clone()))));
        assert_eq!(found[3].request, None, "a link whose claim is unknown is shown all the same");
        let second = cycles::found(s, cycle, Outcome::ALL, 1, 1).await.unwrap();
        assert_eq!(second.len(), 1);
        assert_eq!(second[0].link, order[1]);
        let problems = cycles::found(s, cycle, &[Outcome::NotAPupil], 10, 0).await.unwrap();
        assert_eq!(problems.iter().map(|found| found.link).collect::<Vec<_>>(), [all[2].0]);
    })
    .await;
}

#[tokio::test]
async fn jobs_that_were_given_up_are_listed_with_whom_they_are_about_and_revived_one_by_one() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        let adult = stored_adult(s, HARD_NAMES[2], HARD_NAMES[3], "one").await;
        let asked = request("Jo", "Bloggs");
        kinlink_store::requests::insert(s, &asked, &[]).await.unwrap();
        let known = Job { request: Some(asked.id), ..job(adult.id, Priority::Removal, at(0)) };
        let (unknown, ready) = (job(id(), Priority::Grant, at(0)), job(adult.id, Priority::Grant, at(0)));
        jobs::insert(s, &[known.clone(), unknown.clone(), ready.clone()], at(0)).await.unwrap();
        assert_eq!(jobs::count_due(s, at(0)).await.unwrap(), 3);
        jobs::bury(s, &[known.id, unknown.id], Outcome::AccountOtherAuth).await.unwrap();
        assert_eq!(jobs::count_due(s, at(0)).await.unwrap(), 1);

        let dead = jobs::dead(s, 10).await.unwrap();
        assert_eq!(dead.iter().map(|job| job.id).collect::<Vec<_>>(), [known.id, unknown.id]);
        assert_eq!(dead[0].name, Some((HARD_NAMES[2].to_owned(), HARD_NAMES[3].to_owned())));
        assert_eq!(dead[0].request, Some((asked.id, asked.reference.clone())));
        assert_eq!((dead[0].priority, dead[0].attempts), (Priority::Removal, 1));
        assert_eq!((dead[0].outcome, dead[0].created_at), (Some(Outcome::AccountOtherAuth), at(0)));
        assert_eq!((&dead[1].name, &dead[1].request, dead[1].priority), (&None, &None, Priority::Grant));
        assert_eq!(jobs::dead(s, 1).await.unwrap().len(), 1);

        let chosen: [JobId; 3] = [known.id, ready.id, id()];
        assert_eq!(jobs::revive_dead(s, &chosen, at(5)).await.unwrap(), 1, "only what was given up");
        assert_eq!(jobs::revive_dead(s, &chosen, at(5)).await.unwrap(), 0);
        assert_eq!(jobs::revive_dead(s, &[], at(5)).await.unwrap(), 0);
        let revived = jobs::ready_of(s, &[known.id]).await.unwrap();
        assert_eq!((revived[0].attempts, revived[0].available_at), (0, at(5)));
        assert_eq!(jobs::dead(s, 10).await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn the_audit_is_listed_newest_first_by_who_what_whom_and_when() {
    for_each_engine(|store| async move {
        let actors = ["token:1", "cli:jo", HARD_NAMES[0]];
        let mut tx = kinlink_store::Store::new(store.db.clone()).begin().await.unwrap();
        for number in 0..12_i64 {
            let place = usize::try_from(number).unwrap();
            let actor = Actor { name: actors[place % 3].to_owned(), role: None };
            let action = ["request.approve", "request_approve", "login_row.revoke", "100%"][place % 4];
            let entry = audit::Entry::new(action, format!("request:{}", number % 2), json!({ "number": number }));
            audit::write(&mut tx, &actor, at(number), &[entry]);
        }
        tx.commit().await.unwrap();
        let s = &mut store.connect().await;
        let numbers = async |s: &mut kinlink_store::Connection, filter: &audit::Filter, before, limit| {
            let found = audit::list(s, filter, before, limit).await.unwrap();
            let of = |entry: &audit::Written| entry.entry.detail["number"].as_i64().unwrap();
            (found.iter().map(of).collect::<Vec<_>>(), found.last().map(|entry| entry.seq))
        };
        let all = audit::Filter::default();
        let (first, last) = numbers(s, &all, None, 7).await;
        assert_eq!(first, [11, 10, 9, 8, 7, 6, 5]);
        assert_eq!(numbers(s, &all, last, 100).await.0, [4, 3, 2, 1, 0]);
        let by = |actor: &str| audit::Filter { actor: Some(actor.to_owned()), ..all.clone() };
        assert_eq!(numbers(s, &by("cli:jo"), None, 100).await.0, [10, 7, 4, 1]);
        assert_eq!(numbers(s, &by(HARD_NAMES[0]), None, 100).await.0, [11, 8, 5, 2]);
        let what = |action: &str| audit::Filter { action: Some(action.to_owned()), ..all.clone() };
        assert_eq!(numbers(s, &what("request."), None, 100).await.0, [8, 4, 0]);
        assert_eq!(numbers(s, &what("request_"), None, 100).await.0, [9, 5, 1], "an underscore is no wildcard");
        assert_eq!(numbers(s, &what("100%"), None, 100).await.0, [11, 7, 3]);
        assert_eq!(numbers(s, &what("%"), None, 100).await.0, [0; 0]);
        let about =
            audit::Filter { subject: Some("request:1".to_owned()), from: Some(at(3)), to: Some(at(9)), ..all.clone() };
        assert_eq!(numbers(s, &about, None, 100).await.0, [7, 5, 3], "from is in, to is out");
        let both = audit::of_subjects(s, &["request:0".to_owned(), "request:1".to_owned()]).await.unwrap();
        assert!(both.len() == 12 && both.is_sorted_by_key(|entry| entry.seq));
        assert!(audit::of_subjects(s, &[]).await.unwrap().is_empty());
    })
    .await;
}
