//! Changes of adults' addresses.

use kinlink_domain::{email_change::End, ids::AdultId};
use kinlink_store::{
    Session, StoreError, accounts,
    email_changes::{self, EmailChange},
};

use crate::{
    fixtures::{adult, at, email, id, stored_adult},
    harness::{assert_same, at_once, for_each_engine},
};

fn change(adult: AdultId, address: &str, second: i64) -> EmailChange {
    let id = id();
    EmailChange {
        id,
        adult,
        email: email(address),
        shared: second % 2 == 1,
        request: None,
        token_hash: format!("hash of {id}"),
        created_at: at(second),
        expires_at: at(second + 100),
        end: None,
        ended_at: None,
    }
}

#[tokio::test]
async fn a_change_is_found_by_id_token_and_adult_and_ends_once() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        let mut asked = EmailChange { request: Some(id()), ..change(id(), "new@example.org", 1) };
        email_changes::insert(s, &asked).await.unwrap();
        email_changes::insert(s, &change(id(), "theirs@example.org", 2)).await.unwrap();
        assert_same(&email_changes::find(s, asked.id).await.unwrap().unwrap(), &asked);
        assert_same(&email_changes::find_by_token(s, &asked.token_hash).await.unwrap().unwrap(), &asked);
        assert_same(&email_changes::latest_of(s, asked.adult).await.unwrap().unwrap(), &asked);
        assert!(email_changes::find_by_token(s, "").await.unwrap().is_none());
        assert!(email_changes::find(s, id()).await.unwrap().is_none());

        email_changes::end(s, asked.id, End::Done, at(5)).await.unwrap();
        let error = email_changes::end(s, asked.id, End::Taken, at(6)).await.unwrap_err();
        assert!(matches!(error, StoreError::Stale(_)), "{error}");
        assert_eq!(email_changes::end_of(s, asked.adult, End::Withdrawn, at(6)).await.unwrap(), 0);
        asked.end = Some(End::Done);
        asked.ended_at = Some(at(5));
        assert_same(&email_changes::find(s, asked.id).await.unwrap().unwrap(), &asked);
    })
    .await;
}

#[tokio::test]
async fn each_adult_has_at_most_one_change_that_has_not_ended() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        let adult: AdultId = id();
        let (first, second) = (change(adult, "one@example.org", 1), change(adult, "two@example.org", 2));
        email_changes::insert(s, &first).await.unwrap();
        assert!(email_changes::insert(s, &second).await.unwrap_err().is_duplicate());
        assert_eq!(email_changes::end_of(s, adult, End::Replaced, at(3)).await.unwrap(), 1);
        email_changes::insert(s, &second).await.unwrap();
        assert_eq!(email_changes::latest_of(s, adult).await.unwrap().unwrap().id, second.id);
        assert_eq!(email_changes::find(s, first.id).await.unwrap().unwrap().end, Some(End::Replaced));
        // Another adult waits for the same address; one that ended or expired does not.
        let other = change(id(), "two@example.org", 50);
        email_changes::insert(s, &other).await.unwrap();
        let waiting = async |s: &mut _, second| {
            let found = email_changes::waiting_for(s, &email("two@example.org"), at(second)).await.unwrap();
            let mut found: Vec<_> = found.into_iter().map(|change| change.id).collect();
            found.sort_unstable();
            found
        };
        assert_eq!(waiting(s, 60).await, [second.id, other.id]);
        assert_eq!(waiting(s, 102).await, [other.id]);
        email_changes::end(s, other.id, End::Withdrawn, at(103)).await.unwrap();
        assert!(waiting(s, 104).await.is_empty());

        let hold = "INSERT INTO holds (id, adult_id, reason, reference, from_at, placed_by, placed_at) \
                    VALUES (?, ?, 'other', 'C-1', 0, 'cli:test', 0)";
        s.execute(hold, [id::<()>().to_string().into(), adult.to_string().into()]).await.unwrap();
        let forgotten = email_changes::forget(s, at(102), at(110)).await.unwrap();
        assert_eq!(forgotten, 0, "by these addresses a held adult is recognised");
        s.execute("UPDATE holds SET released_at = 105", []).await.unwrap();
        assert_eq!(email_changes::forget(s, at(102), at(110)).await.unwrap(), 1, "the first");
        assert!(email_changes::find(s, first.id).await.unwrap().is_none());
        assert!(email_changes::find(s, second.id).await.unwrap().is_some());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_several_changes_of_one_adult_that_begin_at_once_one_is_kept() {
    for_each_engine(|store| async move {
        let adult: AdultId = id();
        let results = at_once(&store.db, 4, |task, mut connection| async move {
            let mut tx = connection.begin().await?;
            email_changes::insert(&mut tx, &change(adult, "new@example.org", i64::try_from(task).unwrap())).await?;
            tx.commit().await?;
            Ok::<(), StoreError>(())
        })
        .await;
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1, "{results:?}");
    })
    .await;
}

#[tokio::test]
async fn an_adult_gets_another_address_with_their_login_row_and_keeps_the_user_name() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        let moved = stored_adult(s, "Jo", "Bell", "jo@example.org").await;
        let other = stored_adult(s, "Al", "Bell", "jo-2@example.org").await;
        let without = adult("Zo\u{eb}", "Bell", None);
        accounts::insert_adult(s, &without).await.unwrap();
        assert_eq!(accounts::set_email(s, moved.id, &email("new@example.org")).await.unwrap(), 1);
        assert_eq!(accounts::set_email(s, without.id, &email("zoe@example.org")).await.unwrap(), 0);
        let error = accounts::set_email(s, id(), &email("x@example.org")).await.unwrap_err();
        assert!(matches!(error, StoreError::Stale(_)), "{error}");

        let row = accounts::login_rows_of(s, &[moved.id]).await.unwrap().remove(0);
        assert_eq!((row.email.as_str(), row.username.as_str()), ("new@example.org", "jo@example.org"));
        let now = accounts::adult(s, moved.id).await.unwrap().unwrap();
        assert_eq!((now.email.as_str(), now.username.as_deref()), ("new@example.org", Some("jo@example.org")));
        assert_eq!(accounts::login_rows_of(s, &[other.id]).await.unwrap()[0].email, "jo@example.org");

        let named: Vec<_> = accounts::adults_by_name(s, "ZOE", "bell", 9).await.unwrap();
        assert_eq!(named.iter().map(|adult| adult.id).collect::<Vec<_>>(), [without.id]);
        assert!(accounts::adults_by_name(s, "Zo", "Bell", 9).await.unwrap().is_empty());
        let user = kinlink_domain::ids::MoodleUserId(77);
        assert!(accounts::adult_by_picked_user(s, user).await.unwrap().is_none());
        accounts::set_account(s, without.id, None, Some(user)).await.unwrap();
        assert_eq!(accounts::adult_by_picked_user(s, user).await.unwrap().unwrap().id, without.id);
    })
    .await;
}
