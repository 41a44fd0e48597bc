//! Idempotency keys, proofs, sources, tokens, settings, audit, decisions, instants.

use kinlink_domain::{
    Timestamp,
    ids::{ClaimId, MoodleUserId, RequestId},
    request::Action,
    staff::{Actor, StaffRole},
};
use kinlink_store::{
    StoreError, audit,
    decisions::{self, Decision},
    idempotency,
    proofs::{self, Proof},
    settings,
    sources::{self, Source},
    time,
    tokens::{self, Token},
};

use crate::{
    fixtures::{HARD_NAMES, at, id},
    harness::{assert_same, at_once, for_each_engine},
};

#[tokio::test]
async fn an_idempotency_key_remembers_its_answer_within_its_scope_until_it_is_forgotten() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        assert!(idempotency::find(s, "form", "k").await.unwrap().is_none());
        for (number, answer) in (0..).zip(HARD_NAMES) {
            let key = format!("k{number}");
            idempotency::insert(s, "form", &key, "print", answer, at(number)).await.unwrap();
            let found = idempotency::find(s, "form", &key).await.unwrap().unwrap();
            assert_eq!((found.fingerprint.as_str(), found.response.as_deref()), ("print", Some(answer)));
        }
        assert!(idempotency::insert(s, "form", "k0", "other", "other", at(0)).await.unwrap_err().is_duplicate());
        assert_eq!(idempotency::find(s, "form", "k0").await.unwrap().unwrap().fingerprint, "print");
        idempotency::insert(s, "other form", "k0", "other", "other", at(0)).await.unwrap();
        assert!(idempotency::find(s, "FORM", "k0").await.unwrap().is_none());

        assert_eq!(idempotency::forget(s, at(0)).await.unwrap(), 0);
        assert_eq!(idempotency::forget(s, at(3)).await.unwrap(), 4);
        assert!(idempotency::find(s, "form", "k2").await.unwrap().is_none());
        assert!(idempotency::find(s, "form", "k3").await.unwrap().is_some());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_several_who_use_an_idempotency_key_at_once_exactly_one_brings_the_answer_about() {
    for_each_engine(|store| async move {
        for round in 0..5 {
            let results = at_once(&store.db, 4, |_, mut connection| async move {
                let mut tx = connection.begin().await?;
                idempotency::insert(&mut tx, "form", &format!("k{round}"), "print", "answer", at(0)).await?;
                tx.commit().await?;
                Ok::<(), StoreError>(())
            })
            .await;
            assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1, "{results:?}");
            assert!(results.iter().all(|result| result.as_ref().err().is_none_or(StoreError::is_duplicate)));
        }
    })
    .await;
}

fn proof(request: RequestId, token_hash: &str) -> Proof {
    Proof {
        id: id(),
        request,
        token_hash: token_hash.to_owned(),
        created_at: at(0),
        expires_at: at(100),
        consumed_at: None,
    }
}

#[tokio::test]
async fn a_proof_is_found_by_its_token_and_used_up_once() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        let (request, other): (RequestId, RequestId) = (id(), id());
        let stored = [proof(request, "t0"), proof(request, "t1"), proof(request, "t2"), proof(other, "t3")];
        for proof in &stored {
            proofs::insert(s, proof).await.unwrap();
            assert_same(&proofs::find(s, &proof.token_hash).await.unwrap().unwrap(), proof);
        }
        assert!(proofs::insert(s, &proof(request, "t0")).await.unwrap_err().is_duplicate());
        assert!(proofs::find(s, "T0").await.unwrap().is_none());

        proofs::consume(s, stored[0].id, at(10)).await.unwrap();
        let error = proofs::consume(s, stored[0].id, at(11)).await.unwrap_err();
        assert!(matches!(error, StoreError::Stale(_)), "{error}");
        assert!(matches!(proofs::consume(s, id(), at(11)).await.unwrap_err(), StoreError::Stale(_)));
        assert_eq!(proofs::find(s, "t0").await.unwrap().unwrap().consumed_at, Some(at(10)));

        // Revoking ends what is open, never brings forward or back what has ended, and leaves other requests alone.
        proofs::revoke_all(s, request, at(20)).await.unwrap();
        proofs::revoke_all(s, request, at(30)).await.unwrap();
        let ends = |proof: Option<Proof>| proof.unwrap().expires_at;
        assert_eq!(ends(proofs::find(s, "t0").await.unwrap()), at(100), "used already");
        assert_eq!(ends(proofs::find(s, "t1").await.unwrap()), at(20));
        assert_eq!(ends(proofs::find(s, "t2").await.unwrap()), at(20));
        assert_eq!(ends(proofs::find(s, "t3").await.unwrap()), at(100));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_several_who_use_a_proof_at_once_exactly_one_succeeds() {
    for_each_engine(|store| async move {
        for round in 0..5 {
            let stored = proof(id(), &format!("t{round}"));
            proofs::insert(&mut store.connect().await, &stored).await.unwrap();
            let results = at_once(&store.db, 4, |_, mut connection| async move {
                let mut tx = connection.begin().await?;
                proofs::consume(&mut tx, stored.id, at(1)).await?;
                tx.commit().await?;
                Ok::<(), StoreError>(())
            })
            .await;
            assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1, "{results:?}");
            let late = |result: &Result<(), StoreError>| matches!(result, Ok(()) | Err(StoreError::Stale(_)));
            assert!(results.iter().all(late), "{results:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn sources_are_listed_newest_first_and_revoked_once() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        let mut stored = Vec::new();
        for (second, name) in (0..).zip(HARD_NAMES) {
            let source = Source {
                id: id(),
                name: name.to_owned(),
                key_hash: "0".repeat(64),
                proves_email: second % 2 == 0,
                created_at: at(second / 2),
                created_by: name.to_owned(),
                revoked_at: None,
            };
            sources::insert(s, &source).await.unwrap();
            assert_same(&sources::find(s, source.id).await.unwrap().unwrap(), &source);
            stored.insert(0, source);
        }
        assert_same(&sources::list(s).await.unwrap(), &stored);
        assert!(sources::find(s, id()).await.unwrap().is_none());

        assert!(sources::revoke(s, stored[0].id, at(50)).await.unwrap());
        assert!(!sources::revoke(s, stored[0].id, at(51)).await.unwrap());
        assert!(!sources::revoke(s, id(), at(51)).await.unwrap());
        stored[0].revoked_at = Some(at(50));
        assert_same(&sources::list(s).await.unwrap(), &stored);
    })
    .await;
}

#[tokio::test]
async fn tokens_are_listed_newest_first_revoked_once_and_valid_until_they_end() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        let mut stored = Vec::new();
        for (second, name) in (0..).zip(HARD_NAMES) {
            let token = Token {
                id: id(),
                name: name.to_owned(),
                role: StaffRole::ALL[usize::try_from(second).unwrap() % StaffRole::ALL.len()],
                secret_hash: "f".repeat(64),
                created_at: at(second / 2),
                created_by: name.to_owned(),
                expires_at: (second % 2 == 0).then(|| at(100)),
                revoked_at: None,
            };
            tokens::insert(s, &token).await.unwrap();
            assert_same(&tokens::find(s, token.id).await.unwrap().unwrap(), &token);
            stored.insert(0, token);
        }
        assert_same(&tokens::list(s).await.unwrap(), &stored);
        assert!(tokens::find(s, id()).await.unwrap().is_none());

        let (for_ever, expires) = (&stored[0], &stored[1]);
        assert!(for_ever.is_valid(at(1_000)));
        assert!(expires.is_valid(at(99)) && !expires.is_valid(at(100)));

        assert!(tokens::revoke(s, stored[0].id, at(50)).await.unwrap());
        assert!(!tokens::revoke(s, stored[0].id, at(51)).await.unwrap());
        assert!(!tokens::revoke(s, id(), at(51)).await.unwrap());
        stored[0].revoked_at = Some(at(50));
        assert_same(&tokens::list(s).await.unwrap(), &stored);
        assert!(!stored[0].is_valid(at(0)));
    })
    .await;
}

#[tokio::test]
async fn a_setting_is_stored_over_what_was_there() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        assert!(settings::all(s).await.unwrap().is_empty());
        for (second, value) in (0..).zip(HARD_NAMES) {
            settings::set(s, "one", value, value, at(second)).await.unwrap();
            settings::set(s, &format!("two{second}"), value, "someone", at(second)).await.unwrap();
            let all = settings::all(s).await.unwrap();
            assert_eq!(all[0], ("one".to_owned(), value.to_owned()));
            assert_eq!(all.len(), usize::try_from(second).unwrap() + 2);
        }
        let row: Vec<(i64, String)> = store
            .db
            .fetch_all("SELECT changed_at, changed_by FROM settings WHERE name = ?", ["one".into()])
            .await
            .unwrap();
        assert_eq!(row, [(time::millis(at(9)), HARD_NAMES[9].to_owned())]);
    })
    .await;
}

#[tokio::test]
async fn the_audit_keeps_entries_of_one_subject_in_the_order_in_which_they_were_written() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        let entry = |number: i32| {
            let detail = serde_json::json!({ "number": number, "names": HARD_NAMES });
            audit::Entry::new("request.approve", format!("request:{}", number % 2), detail)
        };
        let actor = Actor { name: HARD_NAMES[0].to_owned(), role: Some(StaffRole::Approver) };
        let ours = kinlink_store::Store::new(store.db.clone());
        let mut tx = ours.begin().await.unwrap();
        audit::write(&mut tx, &actor, at(2), &(0..6).map(entry).collect::<Vec<_>>());
        audit::write(&mut tx, &Actor::system(), at(1), &[entry(6), entry(7)]);
        audit::write(&mut tx, &Actor::system(), at(1), &[]);
        assert!(audit::of_subject(&mut tx, "request:0").await.unwrap().is_empty(), "written when it commits");
        tx.commit().await.unwrap();

        let written = audit::of_subject(s, "request:0").await.unwrap();
        let numbers: Vec<_> = written.iter().map(|written| written.entry.detail["number"].as_i64().unwrap()).collect();
        assert_eq!(numbers, [0, 2, 4, 6]);
        assert!(written.is_sorted_by(|a, b| a.seq < b.seq));
        let (first, last) = (&written[0], &written[3]);
        assert_eq!(
            (first.actor.as_str(), first.at, last.actor.as_str(), last.at),
            (HARD_NAMES[0], at(2), "system", at(1))
        );
        assert_same(&first.entry, &entry(0));
        assert!(audit::of_subject(s, "request:9").await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn decisions_are_added_and_come_back_oldest_first() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        let request: RequestId = id();
        let mut stored = Vec::new();
        for (number, action) in (0..).zip(Action::ALL) {
            let name = HARD_NAMES[usize::try_from(number).unwrap() % HARD_NAMES.len()];
            let claim: ClaimId = id();
            stored.push(Decision {
                id: claim.uuid(),
                request,
                claim: (number % 2 == 0).then_some(claim),
                actor: name.to_owned(),
                action: *action,
                reason: (number % 3 == 0).then(|| "not_known".to_owned()),
                note: (number % 2 == 1).then(|| name.to_owned()),
                pupil: (number % 2 == 0).then_some(MoodleUserId(number)),
                made_at: at(number / 2),
            });
        }
        let mut shuffled = stored.clone();
        shuffled.reverse();
        decisions::insert(s, &shuffled).await.unwrap();
        decisions::insert(s, &[]).await.unwrap();
        assert_same(&decisions::of_request(s, request).await.unwrap(), &stored);
        assert!(decisions::of_request(s, id()).await.unwrap().is_empty());
        assert_same(&decisions::of_requests(s, &[id(), request]).await.unwrap(), &stored);
        assert!(decisions::of_requests(s, &[]).await.unwrap().is_empty());
        assert!(decisions::insert(s, &stored[..1]).await.unwrap_err().is_duplicate(), "a fact is added once");
    })
    .await;
}

#[test]
fn an_instant_keeps_its_milliseconds_and_none_is_out_of_range() {
    let instant = Timestamp::from_millisecond(1_750_000_000_123).unwrap();
    assert_eq!(time::instant(time::millis(instant)), instant);
    assert_eq!(time::instant(i64::MIN), Timestamp::MIN);
    assert_eq!(time::instant(i64::MAX), Timestamp::MAX);
}
