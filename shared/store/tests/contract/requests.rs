//! One request: stored, found, changed.

use kinlink_domain::{
    fold::fold_words,
    ids::{AdultId, LinkId, MoodleUserId, RequestId},
    outcome::Outcome,
    request::{ClaimState, Kind, Status},
    submission::{FaultCode, FieldFault},
};
use kinlink_store::{
    Session, StoreError,
    accounts::{self, Adult, LoginRow},
    proofs::{self, Proof},
    requests::{self, Claim, Request},
};

use crate::{
    fixtures::{HARD_NAMES, adult, at, claim, email, id, login_row, request, stored_request},
    harness::{assert_same, for_each_engine},
};

/// A request with every column filled, from one text.
fn full(name: &str) -> Request {
    Request {
        source: Some(id()),
        title: Some(name.to_owned()),
        comment: format!("{name}\nsecond line"),
        email_typed: name.to_owned(),
        faults: vec![FieldFault {
            pointer: "/children/0/tutor_group".to_owned(),
            code: FaultCode::TooLong,
            detail: name.to_owned(),
        }],
        submitted: serde_json::json!({ "given_name": name }).to_string(),
        staff_note: name.to_owned(),
        dedup_key: Some(fold_words(name).chars().chain("-key".chars()).collect()),
        created_at: at(-1),
        updated_at: at(1),
        ..request(name, name)
    }
}

#[tokio::test]
async fn a_request_is_found_by_its_id_reference_and_key_as_it_was_stored_whatever_its_letters() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        for name in HARD_NAMES {
            let stored = full(name);
            let mut claims = [
                claim(stored.id, 0, name, name),
                claim(stored.id, 1, name, "Second"),
                claim(stored.id, 2, "Third", name),
            ];
            claims[1].child.tutor_group = Some(name.to_owned());
            claims[1].child.admission_number = Some(name.to_owned());
            requests::insert(s, &stored, &claims).await.unwrap();

            let found = requests::find(s, stored.id).await.unwrap().unwrap();
            assert_same(&found, &stored);
            let found = requests::find_by_reference(s, &stored.reference).await.unwrap().unwrap();
            assert_same(&found, &stored);
            let key = stored.dedup_key.as_deref().unwrap();
            let found = requests::find_by_dedup_key(s, key).await.unwrap().unwrap();
            assert_same(&found, &stored);
            assert_same(&requests::claims(s, stored.id).await.unwrap(), &claims);
        }
        assert!(requests::find(s, id()).await.unwrap().is_none());
        assert!(requests::find_by_reference(s, &request("a", "b").reference).await.unwrap().is_none());
        assert!(requests::find_by_dedup_key(s, "").await.unwrap().is_none());
        assert!(requests::claims(s, id()).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn names_of_the_greatest_length_fit_even_where_folding_makes_them_longer() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        // Four bytes each; two letters when folded; eighteen letters when folded.
        for letter in ["😀", "ß", "ﷺ"] {
            let longest = letter.repeat(100);
            let mut stored = request(&longest, &longest);
            stored.title = Some(letter.repeat(50));
            stored.email_typed = letter.repeat(254);
            stored.comment = letter.repeat(2_000);
            let mut claim = claim(stored.id, 0, &longest, &longest);
            claim.child.tutor_group = Some(letter.repeat(50));
            claim.child.admission_number = Some(letter.repeat(50));
            requests::insert(s, &stored, std::slice::from_ref(&claim)).await.unwrap();
            assert_same(&requests::find(s, stored.id).await.unwrap().unwrap(), &stored);
            assert_same(&requests::claims(s, stored.id).await.unwrap(), &[claim]);
            let count = requests::sort_name(&longest, &longest).chars().count();
            assert!(count <= 210, "{count}");
        }
    })
    .await;
}

#[tokio::test]
async fn an_update_writes_every_changeable_column_once_for_each_version() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        let mut changed = full("Before");
        let mut claims = [claim(changed.id, 0, "Ann", "Before")];
        requests::insert(s, &changed, &claims).await.unwrap();
        let other = full("Untouched");
        requests::insert(s, &other, &[claim(other.id, 0, "Untouched", "Child")]).await.unwrap();

        for name in HARD_NAMES {
            changed.kind = Kind::ChildMissing;
            changed.status = Status::Approved;
            changed.adult = Some(id());
            changed.title = None;
            changed.given_name = name.to_owned();
            changed.family_name = name.to_owned();
            changed.email = Some(email("other@example.org"));
            changed.faults = Vec::new();
            changed.staff_note = name.to_owned();
            changed.dedup_key = None;
            changed.updated_at = at(100);
            changed.confirmed_at = Some(at(50));
            changed.decided_at = Some(at(60));
            changed.replied_at = Some(at(65));
            let version = changed.version;
            let [only] = &mut claims;
            only.child.given_name = name.to_owned();
            only.child.family_name = name.to_owned();
            only.child.tutor_group = Some(name.to_owned());
            only.child.admission_number = None;
            only.state = *ClaimState::ALL.last().unwrap();
            only.pupil = Some(MoodleUserId(i64::MAX));
            only.link = Some(LinkId(7));
            only.outcome = Some(Outcome::Linked);
            only.outcome_at = Some(at(70));
            requests::update(s, &mut changed, &claims).await.unwrap();
            requests::update_claim(s, &claims[0]).await.unwrap();

            assert_eq!(changed.version, version + 1);
            assert_same(&requests::find(s, changed.id).await.unwrap().unwrap(), &changed);
            assert_same(&requests::claims(s, changed.id).await.unwrap(), &claims);
        }

        // Back to nulls.
        changed.adult = None;
        changed.email = None;
        changed.confirmed_at = None;
        changed.decided_at = None;
        changed.replied_at = None;
        claims[0].pupil = None;
        claims[0].link = None;
        claims[0].outcome = None;
        claims[0].outcome_at = None;
        requests::update(s, &mut changed, &claims).await.unwrap();
        requests::update_claim(s, &claims[0]).await.unwrap();
        assert_same(&requests::find(s, changed.id).await.unwrap().unwrap(), &changed);
        assert_same(&requests::claims(s, changed.id).await.unwrap(), &claims);

        assert_same(&requests::find(s, other.id).await.unwrap().unwrap(), &other);
    })
    .await;
}

#[tokio::test]
async fn r_1_an_update_of_a_request_that_changed_since_it_was_read_is_stale_and_changes_nothing() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        let mut first = stored_request(s, "Jo", "Bloggs").await;
        let mut second = requests::find(s, first.id).await.unwrap().unwrap();
        first.status = Status::Denied;
        requests::update(s, &mut first, &[]).await.unwrap();

        second.status = Status::Approved;
        second.given_name = "Late".to_owned();
        let error = requests::update(s, &mut second, &[]).await.unwrap_err();
        assert!(matches!(error, StoreError::Stale(_)), "{error}");
        assert!(!error.is_duplicate() && !error.is_conflict());
        assert_eq!(second.version, 1, "the version is counted up only when something was written");
        assert_same(&requests::find(s, first.id).await.unwrap().unwrap(), &first);

        let mut unknown = request("No", "Body");
        let error = requests::update(s, &mut unknown, &[]).await.unwrap_err();
        assert!(matches!(error, StoreError::Stale(_)), "{error}");
    })
    .await;
}

#[tokio::test]
async fn a_key_is_unique_while_its_request_is_open_and_free_when_it_is_not() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        let keyed = |key: &str| Request { dedup_key: Some(key.to_owned()), ..request("Jo", "Bloggs") };
        let mut open = keyed("k1");
        requests::insert(s, &open, &[]).await.unwrap();
        assert!(requests::insert(s, &keyed("k1"), &[]).await.unwrap_err().is_duplicate());
        // Byte by byte: neither case nor accents make two keys one.
        requests::insert(s, &keyed("K1"), &[]).await.unwrap();
        let mut other = keyed("k2");
        requests::insert(s, &other, &[]).await.unwrap();
        other.dedup_key = Some("k1".to_owned());
        let error = requests::update(s, &mut other, &[]).await.unwrap_err();
        assert!(error.is_duplicate(), "{error}");
        assert!(!error.to_string().contains("k1"), "an error never repeats a value: {error}");

        open.dedup_key = None;
        requests::update(s, &mut open, &[]).await.unwrap();
        let second = keyed("k1");
        requests::insert(s, &second, &[]).await.unwrap();
        assert_eq!(requests::find_by_dedup_key(s, "k1").await.unwrap().unwrap().id, second.id);
        // Any number of closed requests has no key.
        stored_request(s, "Jo", "Bloggs").await;

        let same_reference = Request { reference: second.reference.clone(), ..request("Jo", "Bloggs") };
        assert!(requests::insert(s, &same_reference, &[]).await.unwrap_err().is_duplicate());
    })
    .await;
}

#[tokio::test]
async fn a_request_and_its_claims_are_stored_in_one_transaction_or_not_at_all() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        let stored = request("Jo", "Bloggs");
        {
            let mut tx = s.begin().await.unwrap();
            requests::insert(&mut tx, &stored, &[claim(stored.id, 0, "Ann", "Bloggs")]).await.unwrap();
            assert!(requests::find(&mut tx, stored.id).await.unwrap().is_some());
        }
        assert!(requests::find(s, stored.id).await.unwrap().is_none(), "dropped is rolled back");
        assert!(requests::claims(s, stored.id).await.unwrap().is_empty());

        // Two claims at the same place: the request does not stay without them.
        let mut tx = s.begin().await.unwrap();
        let claims = [claim(stored.id, 0, "Ann", "Bloggs"), claim(stored.id, 0, "Ben", "Bloggs")];
        assert!(requests::insert(&mut tx, &stored, &claims).await.unwrap_err().is_duplicate());
        drop(tx);
        assert!(requests::find(s, stored.id).await.unwrap().is_none());
    })
    .await;
}

#[tokio::test]
async fn claims_come_by_request_and_position_and_those_of_an_adult_newest_request_first() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        let adult: AdultId = id();
        let mut ids: Vec<RequestId> = Vec::new();
        for number in 0..3 {
            let mut stored = request("Jo", "Bloggs");
            stored.created_at = at(number);
            // Stored backwards.
            let claims: Vec<_> =
                (0..12).rev().map(|position| claim(stored.id, position, &format!("Child {position}"), "B")).collect();
            requests::insert(s, &stored, &claims).await.unwrap();
            if number < 2 {
                stored.adult = Some(adult);
                requests::update(s, &mut stored, &claims).await.unwrap();
            }
            ids.push(stored.id);
        }
        let both = requests::claims_of(s, &[ids[2], ids[0]]).await.unwrap();
        let places: Vec<_> = both.iter().map(|claim| (claim.request, claim.position)).collect();
        let expected: Vec<_> =
            [ids[0], ids[2]].into_iter().flat_map(|id| (0..12).map(move |place| (id, place))).collect();
        assert_eq!(places, expected);
        assert!(requests::claims_of(s, &[]).await.unwrap().is_empty());
        let mut numbered = both[1].clone();
        numbered.child.admission_number = Some("A0042".into());
        requests::update_claim(s, &numbered).await.unwrap();
        let asked = [both[0].id, numbered.id];
        let found = requests::admission_numbers(s, &asked).await.unwrap();
        assert_eq!(found, [(numbered.id, "A0042".to_owned())], "only of those that have one");

        let of_adult = requests::claims_of_adult(s, adult).await.unwrap();
        let places: Vec<_> = of_adult.iter().map(|(_, _, claim)| (claim.request, claim.position)).collect();
        let expected: Vec<_> =
            [ids[1], ids[0]].into_iter().flat_map(|id| (0..12).map(move |place| (id, place))).collect();
        assert_eq!(places, expected);
        for (reference, status, claim) in of_adult {
            let request = requests::find(s, claim.request).await.unwrap().unwrap();
            assert_eq!((reference, status), (request.reference, Status::Pending));
        }
        assert!(requests::claims_of_adult(s, id()).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn others_are_the_requests_of_the_same_address_newest_first() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        let mut own = Vec::new();
        for second in [3, 1, 2, 2] {
            let mut stored = request("Jo", "Bloggs");
            stored.created_at = at(second);
            requests::insert(s, &stored, &[]).await.unwrap();
            own.push(stored);
        }
        let mut stranger = request("Jo", "Bloggs");
        stranger.email = Some(email("else@example.org"));
        requests::insert(s, &stranger, &[]).await.unwrap();
        let mut without = request("Jo", "Bloggs");
        without.email = None;
        requests::insert(s, &without, &[]).await.unwrap();

        let email = own[1].email.clone().unwrap();
        assert_eq!(requests::by_email(s, &email, 10).await.unwrap().len(), own.len());
        assert_eq!(requests::by_email(s, &email, 1).await.unwrap().len(), 1);
        let others = requests::others_of(s, &own[1], 10).await.unwrap();
        let ids: Vec<_> = others.iter().map(|other| other.id).collect();
        assert_eq!(ids, [own[0].id, own[3].id, own[2].id]);
        assert_eq!(requests::others_of(s, &own[1], 1).await.unwrap().len(), 1);
        assert!(requests::others_of(s, &stranger, 10).await.unwrap().is_empty());
        assert!(requests::others_of(s, &without, 10).await.unwrap().is_empty(), "no address is not a common address");
    })
    .await;
}

#[tokio::test]
async fn a_request_cannot_be_proven_any_more_when_every_proof_of_it_ran_out() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        let mut stored = Vec::new();
        for (status, created, proofs_end) in [
            (Status::Unconfirmed, 2, &[5, 9][..]),
            (Status::Unconfirmed, 1, &[10]),
            (Status::Unconfirmed, 1, &[5, 11]),
            (Status::Unconfirmed, 0, &[]),
            (Status::Pending, 1, &[5]),
            (Status::Expired, 1, &[5]),
        ] {
            let mut unproven = request("Jo", "Bloggs");
            (unproven.status, unproven.created_at) = (status, at(created));
            requests::insert(s, &unproven, &[]).await.unwrap();
            for end in proofs_end {
                let id = id();
                let proof = Proof {
                    id,
                    request: unproven.id,
                    token_hash: id.to_string(),
                    created_at: at(created),
                    expires_at: at(*end),
                    consumed_at: None,
                };
                proofs::insert(s, &proof).await.unwrap();
            }
            stored.push(unproven.id);
        }
        let ids = |found: Vec<Request>| found.iter().map(|found| found.id).collect::<Vec<_>>();
        let found = requests::unprovable(s, at(10), 10).await.unwrap();
        assert_eq!(ids(found), [stored[3], stored[1], stored[0]], "oldest first");
        assert_eq!(ids(requests::unprovable(s, at(10), 1).await.unwrap()), [stored[3]]);
        assert_eq!(ids(requests::unprovable(s, at(9), 10).await.unwrap()), [stored[3], stored[0]]);
        assert_eq!(ids(requests::unprovable(s, at(4), 10).await.unwrap()), [stored[3]]);
    })
    .await;
}

/// An approved request of an adult with one claim for each state and outcome; their links are numbered from `first_link`.
async fn approved(
    session: &mut impl Session,
    adult: AdultId,
    first_link: i64,
    claims: &[(ClaimState, Option<Outcome>)],
) -> (Request, Vec<Claim>) {
    let mut request = request("Jo", "Bloggs");
    let mut stored: Vec<Claim> = (0..).zip(claims).map(|(place, _)| claim(request.id, place, "Ann", "B")).collect();
    requests::insert(session, &request, &stored).await.unwrap();
    (request.status, request.adult) = (Status::Approved, Some(adult));
    requests::update(session, &mut request, &stored).await.unwrap();
    for ((claim, (state, outcome)), link) in stored.iter_mut().zip(claims).zip(first_link..) {
        (claim.state, claim.outcome, claim.link) = (*state, *outcome, Some(LinkId(link)));
        requests::update_claim(session, claim).await.unwrap();
    }
    (request, stored)
}

const LINKED: (ClaimState, Option<Outcome>) = (ClaimState::Approved, Some(Outcome::Linked));

#[tokio::test]
async fn r_1_a_cycle_writes_what_it_found_to_approved_claims_and_nothing_else() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        let states: Vec<_> = ClaimState::ALL.iter().map(|state| (*state, None)).collect();
        let (request, claims) = approved(s, id(), 1, &states).await;
        let (other, untouched) = approved(s, id(), 100, &states).await;
        let results: Vec<(LinkId, Outcome)> =
            (1..50).zip(Outcome::ALL.iter().cycle()).map(|(link, outcome)| (LinkId(link), *outcome)).collect();
        requests::record_outcomes(s, &results, at(9)).await.unwrap();
        requests::record_outcomes(s, &[], at(10)).await.unwrap();

        for (before, after) in claims.into_iter().zip(requests::claims(s, request.id).await.unwrap()) {
            let mut expected = before;
            if expected.state == ClaimState::Approved {
                let link = expected.link.unwrap();
                expected.outcome = results.iter().find(|(found, _)| *found == link).map(|(_, outcome)| *outcome);
                expected.outcome_at = Some(at(9));
            }
            assert_same(&after, &expected);
        }
        assert_same(&requests::claims(s, other.id).await.unwrap(), &untouched);
        assert_same(&requests::find(s, request.id).await.unwrap().unwrap(), &request);
    })
    .await;
}

#[tokio::test]
async fn a_request_is_linked_when_every_approved_claim_of_it_is() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        let adult: AdultId = id();
        let waiting = (ClaimState::Approved, Some(Outcome::WaitingForAccount));
        let (all, _) = approved(s, adult, 10, &[LINKED, LINKED]).await;
        let (open, _) = approved(s, adult, 20, &[LINKED, (ClaimState::Open, None)]).await;
        let (partly, _) = approved(s, adult, 30, &[LINKED, waiting]).await;
        let (unknown, _) = approved(s, adult, 40, &[LINKED, (ClaimState::Approved, None)]).await;
        let (mut pending, _) = approved(s, adult, 50, &[LINKED]).await;
        pending.status = Status::Pending;
        requests::update(s, &mut pending, &[]).await.unwrap();
        let row = LoginRow { request: all.id, ..login_row(&adult_of("jo")) };
        accounts::insert_login_row(s, &row).await.unwrap();

        let every: Vec<LinkId> = (10..60).map(LinkId).collect();
        let mut tx = s.begin().await.unwrap();
        let found = requests::linked(&mut tx, &every).await.unwrap();
        let seen: Vec<_> = found
            .iter()
            .map(|linked| (linked.id, linked.adult, linked.has_open_claim, linked.made_login_row, linked.approved))
            .collect();
        assert_eq!(seen, [(all.id, adult, false, true, 2), (open.id, adult, true, false, 1)]);
        assert_eq!(Some(&found[0].email), all.email.as_ref());
        assert_eq!(requests::linked(&mut tx, &[LinkId(21), LinkId(31)]).await.unwrap().len(), 0, "by an open claim");
        assert_eq!(requests::linked(&mut tx, &[LinkId(11)]).await.unwrap().len(), 1);
        assert!(requests::linked(&mut tx, &[]).await.unwrap().is_empty());

        requests::mark_provisioned(&mut tx, &[all.id, pending.id], at(70)).await.unwrap();
        requests::mark_provisioned(&mut tx, &[], at(71)).await.unwrap();
        tx.commit().await.unwrap();
        let provisioned = requests::find(s, all.id).await.unwrap().unwrap();
        assert_eq!((provisioned.status, provisioned.updated_at), (Status::Provisioned, at(70)));
        assert_eq!(provisioned.version, all.version + 1, "who read it before is told");
        for untouched in [open, partly, unknown, pending] {
            assert_same(&requests::find(s, untouched.id).await.unwrap().unwrap(), &untouched);
        }
    })
    .await;
}

fn adult_of(username: &str) -> Adult {
    adult("Jo", "Bloggs", Some(username))
}

#[tokio::test]
async fn a_row_that_no_version_writes_is_named_and_not_guessed_at() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        for (column, value) in [
            ("status", "maybe"),
            ("kind", "maybe"),
            ("reference", "IOIO-IOIO"),
            ("email", "not an address"),
            ("faults", "not json"),
            ("adult_id", "not an id"),
        ] {
            let stored = stored_request(s, "Jo", "Bloggs").await;
            let sql = format!("UPDATE requests SET {column} = ? WHERE id = ?");
            store.db.execute(&sql, [value.into(), stored.id.to_string().into()]).await.unwrap();
            let error = requests::find(s, stored.id).await.unwrap_err();
            assert!(matches!(error, StoreError::Corrupt(_)), "{error}");
            assert!(error.to_string().contains(&format!("requests.{column}")), "{error}");
            assert!(!error.to_string().contains(value), "{error}");
        }
    })
    .await;
}

#[test]
fn an_answer_counts_until_staff_decide_anything() {
    let mut asked = request("Jo", "Bloggs");
    assert!(!asked.is_replied());
    asked.decided_at = Some(at(10));
    asked.replied_at = Some(at(20));
    assert!(asked.is_replied());
    asked.status = Status::WaitingForParent;
    assert!(!asked.is_replied(), "asked anew");
    asked.status = Status::Pending;
    asked.decided_at = Some(at(21));
    assert!(!asked.is_replied());
}
