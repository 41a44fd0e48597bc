//! Members of staff, their sessions, sign-ins under way, and names.

use kinlink_domain::{ids::StaffId, staff::StaffRole};
use kinlink_store::{
    StoreError,
    sessions::{self, StaffSession, Way},
    sign_ins::{self, Link, SignIn},
    sources::{self, Source},
    staff::{self, Member},
    tokens::{self, Token},
};

use crate::{
    fixtures::{HARD_NAMES, at, id},
    harness::{assert_same, at_once, for_each_engine},
};

const ISSUER: &str = "https://sign-in.example.org/realms/school";

fn member(subject: &str, name: &str, second: i64) -> Member {
    Member {
        id: id(),
        issuer: ISSUER.to_owned(),
        subject: subject.to_owned(),
        name: name.to_owned(),
        email: (second % 2 == 0).then(|| format!("{second}@example.org")),
        role: StaffRole::Approver,
        created_at: at(second),
        last_signed_in_at: at(second),
    }
}

fn session(token_hash: &str, staff: StaffId, role: StaffRole, second: i64) -> StaffSession {
    StaffSession {
        token_hash: token_hash.to_owned(),
        staff,
        role,
        way: Way::Provider,
        id_token: None,
        started_at: at(second),
        authenticated_at: None,
        last_seen_at: at(second),
    }
}

fn sign_in(state_hash: &str) -> SignIn {
    SignIn {
        state_hash: state_hash.to_owned(),
        browser_hash: format!("browser of {state_hash}"),
        return_to: "/admin/requests?q=O'Brien".to_owned(),
        again: None,
        started_at: at(0),
        expires_at: at(100),
    }
}

fn link(token_hash: &str) -> Link {
    Link {
        token_hash: token_hash.to_owned(),
        role: StaffRole::Safeguarding,
        created_by: HARD_NAMES[0].to_owned(),
        created_at: at(0),
        expires_at: at(50),
    }
}

#[tokio::test]
async fn a_member_is_kept_once_and_what_is_new_replaces_what_was_known() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        let mut stored = Vec::new();
        for (second, name) in (0..).zip(HARD_NAMES) {
            let member = member(name, name, second);
            assert_eq!(staff::keep(s, &member).await.unwrap(), member.id);
            assert_same(&staff::find(s, member.id).await.unwrap().unwrap(), &member);
            stored.push(member);
        }
        assert!(staff::find(s, id()).await.unwrap().is_none());

        let mut later = member(HARD_NAMES[1], "Zoë Married", 50);
        later.role = StaffRole::Viewer;
        assert_eq!(staff::keep(s, &later).await.unwrap(), stored[1].id, "the same person keeps their id");
        let found = staff::find_by_subject(s, ISSUER, HARD_NAMES[1]).await.unwrap().unwrap();
        let expected = Member { id: stored[1].id, created_at: at(1), ..later };
        assert_same(&found, &expected);
        assert_same(&staff::find(s, stored[0].id).await.unwrap().unwrap(), &stored[0]);

        // A subject is exact, and only means somebody together with who says it.
        assert!(staff::find_by_subject(s, ISSUER, "o'brien").await.unwrap().is_none());
        assert!(staff::find_by_subject(s, "https://elsewhere.example", HARD_NAMES[0]).await.unwrap().is_none());
        let elsewhere = Member { issuer: "https://elsewhere.example".to_owned(), ..member(HARD_NAMES[0], "Else", 60) };
        assert_eq!(staff::keep(s, &elsewhere).await.unwrap(), elsewhere.id);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_who_signs_in_for_the_first_time_in_several_browsers_at_once_is_one_member() {
    for_each_engine(|store| async move {
        for round in 0..5 {
            let results = at_once(&store.db, 4, |_, mut connection| async move {
                staff::keep(&mut connection, &member(&format!("s{round}"), "Jo", round)).await
            })
            .await;
            let ids: Vec<StaffId> = results.into_iter().map(Result::unwrap).collect();
            assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn names_are_given_for_those_who_exist() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        let mut members = Vec::new();
        let (mut token_ids, mut source_ids) = (Vec::new(), Vec::new());
        for (second, name) in (0..).zip(HARD_NAMES) {
            let member = member(name, name, second);
            staff::keep(s, &member).await.unwrap();
            members.push(member.id);
            let token = Token {
                id: id(),
                name: name.to_owned(),
                role: StaffRole::Viewer,
                secret_hash: "f".repeat(64),
                created_at: at(second),
                created_by: "x".to_owned(),
                expires_at: None,
                revoked_at: None,
            };
            tokens::insert(s, &token).await.unwrap();
            token_ids.push(token.id);
            let source = Source {
                id: id(),
                name: name.to_owned(),
                key_hash: "0".repeat(64),
                proves_email: false,
                created_at: at(second),
                created_by: "x".to_owned(),
                revoked_at: None,
            };
            sources::insert(s, &source).await.unwrap();
            source_ids.push(source.id);
        }
        members[0] = id();
        token_ids[0] = id();
        source_ids[0] = id();
        let sorted = |mut names: Vec<String>| {
            names.sort();
            names
        };
        let expected = sorted(HARD_NAMES[1..].iter().map(ToString::to_string).collect());
        let found = staff::names(s, &members).await.unwrap();
        assert!(found.iter().all(|(id, name)| members.iter().position(|m| m == id).unwrap()
            == HARD_NAMES.iter().position(|n| n == name).unwrap()));
        assert_eq!(sorted(found.into_iter().map(|(_, name)| name).collect()), expected);
        let found = tokens::names(s, &token_ids).await.unwrap();
        assert_eq!(sorted(found.into_iter().map(|(_, name)| name).collect()), expected);
        let found = sources::names(s, &source_ids).await.unwrap();
        assert_eq!(sorted(found.into_iter().map(|(_, name)| name).collect()), expected);
        assert!(staff::names(s, &[]).await.unwrap().is_empty());
        assert!(tokens::names(s, &[]).await.unwrap().is_empty());
        assert!(sources::names(s, &[]).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_session_is_found_by_its_secret_with_its_owners_name_until_it_ends() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        for (second, name) in (0..).zip(HARD_NAMES) {
            let jo = staff::keep(s, &member(name, name, 0)).await.unwrap();
            let stored = StaffSession {
                way: if second % 2 == 0 { Way::Provider } else { Way::Link },
                id_token: (second % 2 == 0).then(|| "e".repeat(20_000)),
                authenticated_at: (second % 3 == 0).then(|| at(second - 5)),
                ..session(&format!("t{second}"), jo, StaffRole::Administrator, second)
            };
            sessions::insert(s, &stored).await.unwrap();
            let (found, owner) = sessions::find(s, &stored.token_hash).await.unwrap().unwrap();
            assert_same(&found, &stored);
            assert_eq!(owner, name);
        }
        assert!(sessions::find(s, "T0").await.unwrap().is_none());
        let again = session("t0", id(), StaffRole::Viewer, 0);
        assert!(sessions::insert(s, &again).await.unwrap_err().is_duplicate());

        // The last use never goes back: two pages may be asked for at once.
        for (now, seen) in [(40, 40), (30, 40), (41, 41)] {
            sessions::touch(s, "t0", at(now)).await.unwrap();
            assert_eq!(sessions::find(s, "t0").await.unwrap().unwrap().0.last_seen_at, at(seen));
        }
        assert_eq!(sessions::find(s, "t1").await.unwrap().unwrap().0.last_seen_at, at(1), "of one session only");

        assert!(sessions::end(s, "t0").await.unwrap());
        assert!(!sessions::end(s, "t0").await.unwrap());
        assert!(sessions::find(s, "t0").await.unwrap().is_none());
        assert!(sessions::find(s, "t1").await.unwrap().is_some());
    })
    .await;
}

#[tokio::test]
async fn sessions_with_another_role_than_the_one_that_is_left_end() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        let jo = staff::keep(s, &member("jo", "Jo", 0)).await.unwrap();
        let sam = staff::keep(s, &member("sam", "Sam", 0)).await.unwrap();
        for (token, staff, role) in [
            ("jo approver", jo, StaffRole::Approver),
            ("jo viewer", jo, StaffRole::Viewer),
            ("sam viewer", sam, StaffRole::Viewer),
        ] {
            sessions::insert(s, &session(token, staff, role, 0)).await.unwrap();
        }
        assert_eq!(sessions::end_all_but(s, jo, Some(StaffRole::Approver)).await.unwrap(), 1);
        assert!(sessions::find(s, "jo viewer").await.unwrap().is_none());
        assert!(sessions::find(s, "jo approver").await.unwrap().is_some());
        assert_eq!(sessions::end_all_but(s, jo, None).await.unwrap(), 1);
        assert!(sessions::find(s, "jo approver").await.unwrap().is_none());
        assert!(sessions::find(s, "sam viewer").await.unwrap().is_some());
    })
    .await;
}

#[tokio::test]
async fn sessions_that_are_old_or_were_not_used_are_forgotten() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        let jo = staff::keep(s, &member("jo", "Jo", 0)).await.unwrap();
        for (token, started, seen) in [("old", 10, 90), ("idle", 20, 50), ("kept", 11, 51)] {
            let stored = StaffSession { last_seen_at: at(seen), ..session(token, jo, StaffRole::Viewer, started) };
            sessions::insert(s, &stored).await.unwrap();
        }
        assert_eq!(sessions::prune(s, at(9), at(49)).await.unwrap(), 0);
        assert_eq!(sessions::prune(s, at(10), at(50)).await.unwrap(), 2);
        assert!(sessions::find(s, "kept").await.unwrap().is_some());
    })
    .await;
}

#[tokio::test]
async fn a_sign_in_is_taken_once_and_by_the_browser_that_began_it() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        let stored = [SignIn { again: Some(id()), ..sign_in("a") }, sign_in("b")];
        for sign_in in &stored {
            sign_ins::begin(s, sign_in).await.unwrap();
        }
        assert!(sign_ins::begin(s, &sign_in("a")).await.unwrap_err().is_duplicate());

        assert!(sign_ins::take(s, "a", "browser of b").await.unwrap().is_none(), "another browser");
        assert!(sign_ins::take(s, "A", "browser of a").await.unwrap().is_none());
        for sign_in in &stored {
            let taken = sign_ins::take(s, &sign_in.state_hash, &sign_in.browser_hash).await.unwrap();
            assert_same(&taken.unwrap(), sign_in);
            assert!(sign_ins::take(s, &sign_in.state_hash, &sign_in.browser_hash).await.unwrap().is_none());
        }
    })
    .await;
}

#[tokio::test]
async fn a_link_is_taken_once_and_what_is_over_is_forgotten() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        for token in ["a", "b"] {
            sign_ins::insert_link(s, &link(token)).await.unwrap();
        }
        assert!(sign_ins::insert_link(s, &link("a")).await.unwrap_err().is_duplicate());
        assert_same(&sign_ins::take_link(s, "a").await.unwrap().unwrap(), &link("a"));
        assert!(sign_ins::take_link(s, "a").await.unwrap().is_none());
        assert!(sign_ins::take_link(s, "B").await.unwrap().is_none());

        sign_ins::begin(s, &sign_in("c")).await.unwrap();
        assert_eq!(sign_ins::prune(s, at(49)).await.unwrap(), 0);
        assert_eq!(sign_ins::prune(s, at(50)).await.unwrap(), 1);
        assert!(sign_ins::take_link(s, "b").await.unwrap().is_none());
        assert_eq!(sign_ins::prune(s, at(100)).await.unwrap(), 1);
        assert!(sign_ins::take(s, "c", "browser of c").await.unwrap().is_none());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_several_who_take_a_sign_in_or_a_link_at_once_exactly_one_gets_it() {
    for_each_engine(|store| async move {
        for round in 0..5 {
            let name = format!("r{round}");
            let s = &mut store.connect().await;
            sign_ins::begin(s, &sign_in(&name)).await.unwrap();
            sign_ins::insert_link(s, &link(&name)).await.unwrap();
            let results = at_once(&store.db, 4, |_, mut connection| {
                let name = name.clone();
                async move {
                    let mut tx = connection.begin().await?;
                    let state = sign_ins::take(&mut tx, &name, &format!("browser of {name}")).await?.is_some();
                    let link = sign_ins::take_link(&mut tx, &name).await?.is_some();
                    tx.commit().await?;
                    Ok::<_, StoreError>((state, link))
                }
            })
            .await;
            let taken = |which: fn(&(bool, bool)) -> bool| {
                results.iter().filter(|result| result.as_ref().is_ok_and(which)).count()
            };
            assert_eq!((taken(|r| r.0), taken(|r| r.1)), (1, 1), "{results:?}");
            let fair = |result: &Result<_, StoreError>| result.as_ref().err().is_none_or(StoreError::is_conflict);
            assert!(results.iter().all(fair), "{results:?}");
        }
    })
    .await;
}
