//! Data whose time is over, and people whose data is erased.

use std::collections::BTreeSet;

use kinlink_domain::{
    Timestamp,
    audit_chain::Broken,
    email_change::End,
    hold::Identity,
    ids::{AdultId, HoldId, MoodleUserId, RequestId},
    request::Status,
    retention::RetentionClass,
    staff::{Actor, StaffRole},
};
use kinlink_store::{
    Session, Store, StoreError, accounts, audit, bundle, cycles,
    cycles::CycleState,
    decisions::{self, Decision},
    email_changes::{self, EmailChange},
    erasure::{self, Erasure, Requests},
    holds, idempotency, ledger, links, mails, questions, requests, retention,
    staff::{self, Member},
};

use crate::{
    fixtures::{adult, at, claim, cycle, email, id, mail, request, stored_adult, stored_link},
    harness::{self, for_each_engine},
};

/// The instant before which data has had its time in these tests.
const CUTOFF: i64 = 1_000;
/// The moment it is.
const NOW: i64 = 5_000;

fn before() -> Timestamp {
    at(CUTOFF)
}

fn now() -> Timestamp {
    at(NOW)
}

/// What is due of a class.
async fn due(session: &mut impl Session, class: RetentionClass) -> u64 {
    let held = holds::held_adults(session, now()).await.unwrap();
    retention::due(session, class, before(), &held).await.unwrap().count
}

/// Does away with one batch.
async fn purge(store: &Store, class: RetentionClass, limit: u32) -> u64 {
    let mut tx = store.begin().await.unwrap();
    let gone = retention::purge(&mut tx, class, before(), now(), limit).await.unwrap();
    tx.commit().await.unwrap();
    gone
}

fn of(harness: &harness::Store) -> Store {
    Store::new(harness.db.clone())
}

/// A request with a claim, a question, a decision with a note and a mail, last changed at a second.
async fn full_request(session: &mut impl Session, status: Status, second: i64, of: Option<AdultId>) -> RequestId {
    let mut stored = request("Canary", "Bell");
    stored.comment = "canary words".into();
    stored.staff_note = "canary note".into();
    stored.submitted = r#"{"given_name":"Canary"}"#.into();
    let claims = [claim(stored.id, 0, "Canarychild", "Bell")];
    requests::insert(session, &stored, &claims).await.unwrap();
    stored.status = status;
    stored.adult = of;
    stored.updated_at = at(second);
    requests::update(session, &mut stored, &claims).await.unwrap();
    let question = questions::Question {
        id: id::<()>().uuid(),
        request: stored.id,
        question: "canary?".into(),
        asked_at: at(1),
        answer: None,
        closed_at: None,
    };
    questions::insert(session, &question).await.unwrap();
    let decision = Decision {
        id: question.id,
        request: stored.id,
        claim: None,
        actor: "cli:test".into(),
        action: kinlink_domain::request::Action::Ask,
        reason: None,
        note: Some("canary note".into()),
        pupil: None,
        made_at: at(1),
    };
    decisions::insert(session, &[decision]).await.unwrap();
    let mut written = mail(None, 0);
    written.request = Some(stored.id);
    mails::enqueue(session, &[written]).await.unwrap();
    stored.id
}

#[tokio::test]
async fn a_request_is_due_from_the_moment_after_its_last_day_and_only_in_its_own_class() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        let classes = [
            (RetentionClass::Unproven, vec![Status::Expired]),
            (RetentionClass::Bogus, vec![Status::Bogus]),
            // One that was dealt with and made nobody an adult would be in no class.
            (RetentionClass::Refused, vec![Status::Denied, Status::Duplicate, Status::Withdrawn, Status::Provisioned]),
        ];
        for status in Status::ALL {
            full_request(s, *status, CUTOFF, None).await;
        }
        for (class, _) in &classes {
            assert_eq!(due(s, *class).await, 0, "{class}: what changed at the cutoff itself is kept");
        }
        assert_eq!(due(s, RetentionClass::Words).await, 0);
        for status in Status::ALL {
            full_request(s, *status, CUTOFF - 1, None).await;
        }
        full_request(s, Status::Provisioned, CUTOFF - 1, Some(id())).await;
        for (class, statuses) in &classes {
            let found = retention::due(s, *class, before(), &[]).await.unwrap();
            assert_eq!((found.count, found.oldest), (statuses.len() as u64, Some(at(CUTOFF - 1))), "{class}");
        }
        // Everything closed, and what is provisioned: those keep their row.
        assert_eq!(due(s, RetentionClass::Words).await, 7);

        let all = of(&store);
        for (class, statuses) in &classes {
            assert_eq!(purge(&all, *class, 100).await, statuses.len() as u64, "{class}");
            assert_eq!(purge(&all, *class, 100).await, 0, "{class}: twice is once");
        }
        assert_eq!(purge(&all, RetentionClass::Words, 100).await, 1, "the provisioned one of an adult");
        assert_eq!(due(s, RetentionClass::Words).await, 0);
        // What is open or in force, and what is younger, has every word.
        let kept: Vec<(String, i64)> = s
            .fetch_all(
                "SELECT status, COUNT(*) FROM requests WHERE comment_text <> '' GROUP BY status ORDER BY status",
                [],
            )
            .await
            .unwrap();
        let expected = Status::ALL.iter().map(|status| {
            let both =
                matches!(status, Status::Unconfirmed | Status::Pending | Status::WaitingForParent | Status::Approved);
            (status.code().to_owned(), if both { 2 } else { 1 })
        });
        let mut expected: Vec<_> = expected.collect();
        expected.sort();
        assert_eq!(kept, expected);
        for (table, rows) in [("requests", 15), ("claims", 15), ("questions", 14), ("decisions", 15), ("mails", 15)] {
            let sql = format!("SELECT COUNT(*) FROM {table}");
            let count: (i64,) = s.fetch_optional(&sql, []).await.unwrap().unwrap();
            assert_eq!(count.0, rows, "{table}");
        }
    })
    .await;
}

#[tokio::test]
async fn taking_words_away_leaves_the_request_found_by_name_and_its_last_change_as_it_was() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        let known = full_request(s, Status::Provisioned, 10, None).await;
        let was = requests::find(s, known).await.unwrap().unwrap();
        assert_eq!(purge(&of(&store), RetentionClass::Words, 100).await, 1);
        let is = requests::find(s, known).await.unwrap().unwrap();
        assert_eq!((is.comment.as_str(), is.staff_note.as_str(), is.submitted.as_str()), ("", "", "null"));
        assert_eq!((is.given_name.as_str(), is.updated_at, is.version), ("Canary", was.updated_at, was.version + 1));
        assert!(questions::of_request(s, known).await.unwrap().is_empty());
        assert_eq!(decisions::of_request(s, known).await.unwrap()[0].note, None);
        let searched: (String,) = s.fetch_optional("SELECT search_text FROM requests", []).await.unwrap().unwrap();
        assert!(searched.0.contains("canarychild") && searched.0.contains("bell"), "{searched:?}");
        assert!(!searched.0.contains("words") && !searched.0.contains("note"), "{searched:?}");
    })
    .await;
}

#[tokio::test]
async fn mails_holds_staff_and_cycles_go_when_their_time_is_over() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        let all = of(&store);
        // Mails: what is still to be sent stays, however old.
        for (state, ended) in [("sent", CUTOFF - 1), ("failed", CUTOFF - 1), ("suppressed", CUTOFF)] {
            let written = mail(None, 0);
            mails::enqueue(s, std::slice::from_ref(&written)).await.unwrap();
            mails::end(s, written.id, state, None, at(ended)).await.unwrap();
        }
        mails::enqueue(s, &[mail(None, 0)]).await.unwrap();
        assert_eq!(purge(&all, RetentionClass::Mails, 100).await, 2);
        let mut left: Vec<String> = mails::newest(s, 9).await.unwrap().into_iter().map(|mail| mail.state).collect();
        left.sort();
        assert_eq!(left, ["queued", "suppressed"]);

        // Holds: those in force stay for ever.
        let hold = "INSERT INTO holds (id, email, reason, reference, from_at, until_at, placed_by, placed_at, released_at) \
                    VALUES (?, 'canary@example.org', 'other', 'C-1', 0, ?, 'cli:test', 0, ?)";
        let instant = |second: i64| at(second).as_millisecond();
        for (until, released) in [
            (None, None),
            (Some(CUTOFF - 1), None),
            (Some(CUTOFF), None),
            (None, Some(CUTOFF - 1)),
            (Some(NOW), Some(CUTOFF - 1)),
            (Some(NOW), None),
        ] {
            let key: HoldId = id();
            s.execute(hold, [key.to_string().into(), until.map(instant).into(), released.map(instant).into()]).await.unwrap();
        }
        assert_eq!(purge(&all, RetentionClass::Holds, 100).await, 3);
        assert_eq!(purge(&all, RetentionClass::Holds, 100).await, 0);

        // Staff: who has a session is here.
        for (subject, second) in [("old", CUTOFF - 1), ("new", CUTOFF), ("here", CUTOFF - 1)] {
            let member = Member {
                id: id(),
                issuer: "https://sign-in.example".into(),
                subject: subject.into(),
                name: "Canary".into(),
                email: None,
                role: StaffRole::Viewer,
                created_at: at(0),
                last_signed_in_at: at(second),
            };
            let kept = staff::keep(s, &member).await.unwrap();
            if subject == "here" {
                let session = "INSERT INTO staff_sessions (token_hash, staff_id, staff_role, way, started_at, last_seen_at) \
                               VALUES ('t', ?, 'viewer', 'oidc', 0, 0)";
                s.execute(session, [kept.to_string().into()]).await.unwrap();
            }
        }
        assert_eq!(purge(&all, RetentionClass::Staff, 100).await, 1);
        assert!(staff::find_by_subject(s, "https://sign-in.example", "old").await.unwrap().is_none());

        // Cycles: the newest says when the last one was.
        for (state, second) in [(CycleState::Done, 1), (CycleState::Done, 2), (CycleState::Queued, 3)] {
            let run = cycle(state, second);
            cycles::insert(s, &run).await.unwrap();
            let found = [(kinlink_domain::ids::LinkId(7), kinlink_domain::outcome::Outcome::Linked)];
            cycles::record(s, run.id, &found, at(second)).await.unwrap();
        }
        assert_eq!(purge(&all, RetentionClass::Cycles, 100).await, 1);
        for table in ["cycles", "cycle_results"] {
            let sql = format!("SELECT COUNT(*) FROM {table}");
            assert_eq!(s.fetch_optional::<(i64,)>(&sql, []).await.unwrap().unwrap().0, 2, "{table}");
        }
    })
    .await;
}

#[tokio::test]
async fn an_adult_is_erased_a_while_after_their_last_link_and_never_with_anything_in_force() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        let all = of(&store);
        let ended = async |session: &mut kinlink_store::Connection, second: i64| {
            let adult = adult("Canary", "Bell", None);
            accounts::insert_adult(session, &adult).await.unwrap();
            let link = stored_link(session, adult.id, 7).await;
            links::end(session, &[link], "revoked", at(second)).await.unwrap();
            adult.id
        };
        // What keeps an adult, each on its own.
        let young = ended(s, CUTOFF).await;
        let linked = ended(s, CUTOFF - 1).await;
        stored_link(s, linked, 8).await;
        let signs_in = stored_adult(s, "Canary", "Bell", "canary@example.org").await.id;
        let asks = ended(s, CUTOFF - 1).await;
        full_request(s, Status::Pending, CUTOFF - 1, Some(asks)).await;
        let in_moodle = ended(s, CUTOFF - 1).await;
        let owned = ledger::Owned {
            adult: in_moodle,
            link: kinlink_domain::ids::LinkId(1),
            role: kinlink_domain::ids::RoleId(1),
            context: kinlink_domain::ids::ContextId(1),
            user: MoodleUserId(1),
            item: 1,
        };
        ledger::intend(s, "local_kinlink", &[owned], id(), at(0)).await.unwrap();
        let held = ended(s, CUTOFF - 1).await;
        let insert = "INSERT INTO holds (id, adult_id, reason, reference, from_at, placed_by, placed_at) \
                    VALUES (?, ?, 'other', 'C-1', 0, 'cli:test', 0)";
        let hold_id: HoldId = id();
        s.execute(insert, [hold_id.to_string().into(), held.to_string().into()]).await.unwrap();
        assert_eq!(due(s, RetentionClass::Adults).await, 0);

        let gone = ended(s, CUTOFF - 1).await;
        let theirs = full_request(s, Status::Withdrawn, CUTOFF - 1, Some(gone)).await;
        assert_eq!(due(s, RetentionClass::Adults).await, 1);
        assert_eq!(purge(&all, RetentionClass::Adults, 100).await, 1);
        assert_eq!(purge(&all, RetentionClass::Adults, 100).await, 0, "twice is once");

        let is = accounts::adult(s, gone).await.unwrap().unwrap();
        assert_eq!((is.given_name.as_str(), is.family_name.as_str(), is.username), ("Erased", "person", None));
        assert_eq!(is.email.as_str(), format!("erased-{gone}@kinlink.invalid"));
        let request = requests::find(s, theirs).await.unwrap().unwrap();
        assert_eq!((request.given_name.as_str(), request.email, request.comment.as_str()), ("Erased", None, ""));
        assert_eq!(requests::claims(s, theirs).await.unwrap()[0].child.given_name, "Erased");
        let stays = links::of_adults(s, &[gone]).await.unwrap();
        assert_eq!(stays.len(), 1, "the link stays, with ids");
        assert_eq!(stays[0].end_reason.as_deref(), Some("erased"), "and cannot be given back");
        for kept in [young, linked, signs_in, asks, in_moodle, held] {
            let is = accounts::adult(s, kept).await.unwrap().unwrap();
            assert_eq!(is.given_name, "Canary", "{kept}");
        }
    })
    .await;
}

#[tokio::test]
async fn by_what_a_hold_recognises_somebody_stays_as_long_as_the_hold() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        let insert = "INSERT INTO holds (id, adult_id, email, reason, reference, from_at, placed_by, placed_at) \
                      VALUES (?, ?, ?, 'other', 'C-1', 0, 'cli:test', 0)";
        for by_address in [false, true] {
            // The adult has another address by now; the request bears the one that the paper names.
            let adult =
                stored_adult(s, "Canary", "Bell", if by_address { "one@example.org" } else { "two@example.org" })
                    .await
                    .id;
            let asked = full_request(s, Status::Withdrawn, CUTOFF - 1, Some(adult)).await;
            let address = requests::find(s, asked).await.unwrap().unwrap().email.unwrap().to_string();
            let (by_adult, by_email) = if by_address { (None, Some(address.clone())) } else { (Some(adult), None) };
            let hold: HoldId = id();
            let by_adult = by_adult.map(|adult| adult.to_string());
            s.execute(insert, [hold.to_string().into(), by_adult.into(), by_email.into()]).await.unwrap();
            let stops = holds::in_force(s, now()).await.unwrap();
            let again = Identity { addresses: vec![address], ..Identity::default() };
            assert!(stops.forbid_person(&again), "by address {by_address}: who asks again is recognised");
            assert_eq!(due(s, RetentionClass::Refused).await, 0, "by address {by_address}");
            s.execute("UPDATE holds SET released_at = 1", []).await.unwrap();
            assert_eq!(due(s, RetentionClass::Refused).await, 1, "by address {by_address}");
            s.execute("UPDATE requests SET updated_at = ?", [kinlink_db::Value::from(i64::MAX / 2)]).await.unwrap();
            s.execute("DELETE FROM login_rows", []).await.unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn erasing_an_adult_takes_what_they_sent_from_a_former_address() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        let adult = adult("Zoe", "García-López", None);
        accounts::insert_adult(s, &adult).await.unwrap();
        let mut first = request("Zoë", "Garcia Lopez");
        first.email = Some("earlier@example.org".parse().unwrap());
        let mut second = request("Zoë", "Garcia Lopez");
        second.email.clone_from(&first.email);
        let mut anothers = request("Pat", "Garcia");
        anothers.email.clone_from(&first.email);
        for asked in [&mut first, &mut second, &mut anothers] {
            requests::insert(s, asked, &[claim(asked.id, 0, "Ivy", "Garcia")]).await.unwrap();
        }
        first.adult = Some(adult.id);
        requests::update(s, &mut first, &[]).await.unwrap();
        let known = holds::addresses_of(s, &BTreeSet::from([adult.id])).await.unwrap();
        let theirs = ["earlier@example.org", "jo@example.org"].map(str::to_owned);
        assert_eq!(known[&adult.id], BTreeSet::from(theirs));
        let found = Requests::of_adults(s, &[adult.id], at(1_000_000)).await.unwrap().ids().unwrap();
        let mut expected = vec![first.id, second.id];
        expected.sort_unstable();
        assert_eq!(found, expected, "and not what somebody else sent from the same mailbox");
    })
    .await;
}

#[tokio::test]
async fn who_asks_again_is_not_forgotten_with_what_is_over() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        let all = of(&store);
        // One person, however the name is written.
        let adult = adult("Zoe", "García-López", None);
        accounts::insert_adult(s, &adult).await.unwrap();
        let link = stored_link(s, adult.id, 7).await;
        links::end(s, &[link], "revoked", at(CUTOFF - 1)).await.unwrap();
        let mut again = request("Zoë", "Garcia Lopez");
        again.created_at = at(CUTOFF + 10);
        again.updated_at = again.created_at;
        requests::insert(s, &again, &[claim(again.id, 0, "Ivy", "Garcia")]).await.unwrap();

        assert_eq!(due(s, RetentionClass::Adults).await, 0, "a request waits");
        again.status = Status::Denied;
        requests::update(s, &mut again, &[]).await.unwrap();
        assert_eq!(due(s, RetentionClass::Adults).await, 0, "it was decided lately");

        // An erasure that was asked for earlier takes what there was then.
        let mut tx = all.begin().await.unwrap();
        assert!(Requests::of_adults(&mut tx, &[adult.id], at(CUTOFF + 9)).await.unwrap().ids().unwrap().is_empty());
        assert_eq!(
            Requests::of_adults(&mut tx, &[adult.id], again.created_at).await.unwrap().ids().unwrap(),
            [again.id]
        );
        drop(tx);
        again.updated_at = at(CUTOFF - 1);
        requests::update(s, &mut again, &[]).await.unwrap();
        assert_eq!(due(s, RetentionClass::Adults).await, 1, "nothing is new any more");
    })
    .await;
}

#[tokio::test]
async fn erasing_an_adult_takes_everything_of_theirs_and_nothing_of_anybody_else() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        let all = of(&store);
        let mut adults = Vec::new();
        // Two people with one mailbox: known by address and name.
        for (name, username) in [("Canaryone", "one@example.org"), ("Canarytwo", "two@example.org")] {
            let adult = stored_adult(s, name, "Bell", username).await;
            let accepted = full_request(s, Status::Provisioned, 1, Some(adult.id)).await;
            let refused = request(name, "Bell");
            requests::insert(s, &refused, &[claim(refused.id, 0, name, "Bell")]).await.unwrap();
            idempotency::insert(s, "form", name, "f", refused.reference.as_str(), at(0)).await.unwrap();
            let mut to = mail(None, 0);
            to.adult = Some(adult.id);
            mails::enqueue(s, &[to]).await.unwrap();
            let change = EmailChange {
                id: id(),
                adult: adult.id,
                email: email("jo@example.org"),
                shared: false,
                request: None,
                token_hash: format!("hash of {name}"),
                created_at: at(0),
                expires_at: at(9),
                end: None,
                ended_at: None,
            };
            email_changes::insert(s, &change).await.unwrap();
            adults.push((adult.id, accepted, refused.id));
        }
        let ((one, accepted, refused), (two, others, others_refused)) = (adults[0], adults[1]);
        let standing = erasure::standing(s, one).await.unwrap().unwrap();
        assert_eq!((standing.links, standing.login_rows, standing.role_rows, standing.erased), (0, 1, 0, false));
        assert!(erasure::standing(s, id()).await.unwrap().is_none());
        accounts::delete_login_rows(s, &[one], at(1)).await.unwrap();

        let mut tx = all.begin().await.unwrap();
        let theirs = Requests::of_adults(&mut tx, &[one], at(0)).await.unwrap();
        assert_eq!(theirs.ids().unwrap(), [accepted, refused]);
        erasure::erase_adults(&mut tx, &[one], at(0), at(2)).await.unwrap();
        tx.commit().await.unwrap();

        assert!(erasure::standing(s, one).await.unwrap().unwrap().erased);
        assert!(requests::is_erased(s, accepted).await.unwrap() && !requests::is_erased(s, others).await.unwrap());
        assert!(!accounts::lock(s, one).await.unwrap(), "nobody is given access any more");
        assert!(accounts::lock(s, two).await.unwrap());
        assert!(requests::find(s, refused).await.unwrap().is_none(), "never accepted: the row is gone");
        let kept = requests::find(s, accepted).await.unwrap().unwrap();
        assert_eq!((kept.status, kept.dedup_key), (Status::Withdrawn, None));
        let count = async |session: &mut kinlink_store::Connection, sql: &str| {
            session.fetch_optional::<(i64,)>(sql, []).await.unwrap().unwrap().0
        };
        assert_eq!(count(s, "SELECT COUNT(*) FROM mails").await, 2, "of the other");
        assert_eq!(count(s, "SELECT COUNT(*) FROM email_changes").await, 1);
        assert_eq!(count(s, "SELECT COUNT(*) FROM idempotency_keys").await, 1);
        assert_eq!(count(s, "SELECT COUNT(*) FROM questions").await, 1);
        assert_eq!(count(s, "SELECT COUNT(*) FROM adults WHERE given_name = 'Canaryone'").await, 0);
        // The other has every word.
        assert_eq!(accounts::adult(s, two).await.unwrap().unwrap().given_name, "Canarytwo");
        for other in [others, others_refused] {
            assert!(requests::find(s, other).await.unwrap().unwrap().given_name.starts_with("Canary"));
        }
        let end = email_changes::end_of(s, two, End::Withdrawn, at(5)).await.unwrap();
        assert_eq!(end, 1);

        let mut tx = all.begin().await.unwrap();
        let found = Requests::by_ids(&mut tx, &[others_refused.to_string()]).await.unwrap();
        erasure::erase_requests(&mut tx, &found, at(3)).await.unwrap();
        erasure::erase_requests(&mut tx, &Requests::default(), at(3)).await.unwrap();
        tx.commit().await.unwrap();
        assert!(requests::find(s, others_refused).await.unwrap().is_none());
    })
    .await;
}

#[tokio::test]
async fn an_erasure_is_asked_for_once_and_finished_or_dropped_once() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        let asked = |adult: Option<AdultId>, request: Option<RequestId>| Erasure {
            id: id(),
            adult,
            request,
            asked_by: "cli:test".into(),
            asked_at: at(1),
            erased_at: None,
        };
        let mut first = asked(Some(id()), None);
        let second = asked(None, Some(id()));
        for one in [&first, &second, &asked(Some(id()), None)] {
            erasure::insert(s, one).await.unwrap();
        }
        let again = erasure::insert(s, &asked(first.adult, None)).await.unwrap_err();
        assert!(again.is_duplicate(), "{again}");
        let again = erasure::insert(s, &asked(None, second.request)).await.unwrap_err();
        assert!(again.is_duplicate(), "{again}");

        assert_eq!(erasure::list(s, true, 9).await.unwrap().len(), 3);
        erasure::finish(s, first.id, at(5)).await.unwrap();
        first.erased_at = Some(at(5));
        assert_eq!(erasure::of_adult(s, first.adult.unwrap()).await.unwrap().unwrap(), first);
        assert!(matches!(erasure::finish(s, first.id, at(6)).await.unwrap_err(), StoreError::Stale(_)));
        assert!(matches!(erasure::drop_waiting(s, first.id).await.unwrap_err(), StoreError::Stale(_)));
        erasure::drop_waiting(s, second.id).await.unwrap();
        assert_eq!(erasure::list(s, true, 9).await.unwrap().len(), 1);
        let newest = erasure::list(s, false, 9).await.unwrap();
        assert_eq!((newest.len(), &newest[1]), (2, &first));
        assert_eq!(erasure::list(s, false, 1).await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn purging_the_audit_keeps_the_chain_whole() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        let all = of(&store);
        for second in [CUTOFF - 2, CUTOFF - 1, CUTOFF, CUTOFF + 1] {
            let mut tx = all.begin().await.unwrap();
            let entry = audit::Entry::new("test.act", "test:1", serde_json::json!({ "second": second }));
            audit::write(&mut tx, &Actor::system(), at(second), &[entry]);
            tx.commit().await.unwrap();
        }
        let found = retention::due(s, RetentionClass::Audit, before(), &[]).await.unwrap();
        assert_eq!((found.count, found.oldest), (2, Some(at(CUTOFF - 2))));
        assert_eq!(purge(&all, RetentionClass::Audit, 1).await, 1);
        assert_eq!(purge(&all, RetentionClass::Audit, 9).await, 1);
        assert_eq!(due(s, RetentionClass::Audit).await, 0);
        let verified = audit::verify(s).await.unwrap();
        assert_eq!((verified.entries, verified.broken), (2, None::<Broken>));
    })
    .await;
}

#[tokio::test]
async fn a_batch_takes_the_same_number_of_statements_for_one_and_for_two_hundred() {
    for_each_engine(|store| async move {
        let all = of(&store);
        for class in [RetentionClass::Refused, RetentionClass::Words, RetentionClass::Adults, RetentionClass::Mails] {
            let mut counts = Vec::new();
            for rows in [1_u64, 200] {
                // One transaction for all that is made: two hundred single ones would only take time.
                let mut tx = all.begin().await.unwrap();
                for _ in 0..rows {
                    match class {
                        RetentionClass::Adults => {
                            let adult = adult("Canary", "Bell", None);
                            accounts::insert_adult(&mut tx, &adult).await.unwrap();
                            full_request(&mut tx, Status::Provisioned, 1, Some(adult.id)).await;
                        }
                        RetentionClass::Words => {
                            full_request(&mut tx, Status::Provisioned, 1, None).await;
                        }
                        RetentionClass::Refused => {
                            full_request(&mut tx, Status::Denied, 1, None).await;
                        }
                        _ => {
                            let written = mail(None, 0);
                            mails::enqueue(&mut tx, std::slice::from_ref(&written)).await.unwrap();
                            mails::end(&mut tx, written.id, "sent", None, at(1)).await.unwrap();
                        }
                    }
                }
                tx.commit().await.unwrap();
                let sent = || (store.db.stats().reads(), store.db.stats().writes());
                let was = sent();
                assert_eq!(purge(&all, class, 200).await, rows, "{class}");
                let is = sent();
                counts.push((is.0 - was.0, is.1 - was.1));
            }
            assert_eq!(counts[0], counts[1], "{class}");
            assert!(counts[0].0 + counts[0].1 <= 24, "{class}: {counts:?}");
            // What words were about stays; it must not be counted with what comes next.
            all.execute("DELETE FROM requests", []).await.unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn a_copy_of_ones_data_holds_ones_own_and_nobody_elses() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        let (one, two) = (adult("Canaryone", "Bell", None), adult("Canarytwo", "Bell", None));
        let mut asked = Vec::new();
        for (adult, pupil) in [(&one, 7), (&two, 8)] {
            accounts::insert_adult(s, adult).await.unwrap();
            let request = full_request(s, Status::Provisioned, 1, Some(adult.id)).await;
            let mut claims = requests::claims(s, request).await.unwrap();
            claims[0].pupil = Some(MoodleUserId(pupil));
            claims[0].child.given_name = format!("Child of {}", adult.given_name);
            requests::update_claim(s, &claims[0]).await.unwrap();
            for own in [true, false] {
                let mut to = mail(None, 0);
                to.recipient = email(&format!("{}@example.org", adult.given_name));
                to.adult = own.then_some(adult.id);
                to.request = (!own).then_some(request);
                mails::enqueue(s, std::slice::from_ref(&to)).await.unwrap();
                mails::end(s, to.id, "sent", None, at(3)).await.unwrap();
            }
            let change = EmailChange {
                id: id(),
                adult: adult.id,
                email: email(&format!("new.{}@example.org", adult.given_name)),
                shared: false,
                request: None,
                token_hash: format!("hash of {}", adult.id),
                created_at: at(0),
                expires_at: at(9),
                end: None,
                ended_at: None,
            };
            email_changes::insert(s, &change).await.unwrap();
            asked.push((request, claims[0].id));
        }
        let decision = Decision {
            id: id::<()>().uuid(),
            request: asked[0].0,
            claim: Some(asked[0].1),
            actor: "staff:1".into(),
            action: kinlink_domain::request::Action::Approve,
            reason: None,
            note: None,
            pupil: None,
            made_at: at(4),
        };
        decisions::insert(s, &[decision]).await.unwrap();

        let mails = bundle::sent_mails(s, one.id, &[asked[0].0]).await.unwrap();
        assert_eq!(mails.iter().map(|mail| mail.recipient.as_str()).collect::<Vec<_>>(), ["canaryone@example.org"; 2]);
        assert_eq!(bundle::sent_mails(s, one.id, &[]).await.unwrap().len(), 1);
        let changes = bundle::email_changes(s, one.id).await.unwrap();
        assert_eq!(changes, [("new.canaryone@example.org".to_owned(), at(0), None)]);
        let claims = bundle::claims_of_pupil(s, MoodleUserId(7)).await.unwrap();
        assert_eq!((claims.len(), claims[0].given_name.as_str()), (1, "Child of Canaryone"));
        assert_eq!((claims[0].adult, claims[0].request), (Some(one.id), asked[0].0));
        let decided = bundle::decisions_about(s, MoodleUserId(7)).await.unwrap();
        assert_eq!(decided, [("approve".to_owned(), "staff:1".to_owned(), at(4))]);
        assert!(bundle::decisions_about(s, MoodleUserId(8)).await.unwrap().is_empty());
    })
    .await;
}
