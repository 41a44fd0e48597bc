//! Adults and login rows.

use std::time::Duration;

use kinlink_domain::ids::{AdultId, MoodleUserId};
use kinlink_store::{
    Connection, Engine, Session, StoreError,
    accounts::{self, Adult, GUARD, LoginRow},
    requests::Cursor,
};

use crate::{
    fixtures::{HARD_NAMES, adult, at, email, id, login_row, stored_adult},
    harness::{assert_same, at_once, for_each_engine, for_each_order},
};

/// All rows of the table as Moodle sees them, the guard included.
async fn table(session: &mut impl Session) -> Vec<String> {
    let rows: Vec<(String,)> =
        session.fetch_all("SELECT username FROM login_rows ORDER BY username", []).await.unwrap();
    rows.into_iter().map(|(name,)| name).collect()
}

fn names(rows: &[LoginRow]) -> Vec<&str> {
    rows.iter().map(|row| row.username.as_str()).collect()
}

#[tokio::test]
async fn adults_come_back_as_they_were_stored_by_id_address_and_user_name() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        let mut stored: Vec<Adult> = Vec::new();
        for (number, name) in HARD_NAMES.into_iter().enumerate() {
            let mut adult = adult(name, name, Some(name));
            adult.title = Some(name.to_owned());
            adult.email = email(&format!("jo{}@example.org", number % 2));
            adult.created_at = at(100 - i64::try_from(number).unwrap());
            accounts::insert_adult(s, &adult).await.unwrap();
            assert_same(&accounts::adult(s, adult.id).await.unwrap().unwrap(), &adult);
            stored.push(adult);
        }
        let mut picked = adult("Pat", "Picked", None);
        picked.picked_user = Some(MoodleUserId(i64::MAX));
        picked.email = email("pat@example.org");
        accounts::insert_adult(s, &picked).await.unwrap();
        assert_same(&accounts::adult(s, picked.id).await.unwrap().unwrap(), &picked);

        assert!(accounts::adult(s, id()).await.unwrap().is_none());
        let mut two = accounts::adults(s, &[stored[3].id, id(), stored[1].id]).await.unwrap();
        two.sort_by_key(|adult| adult.id);
        assert_same(&two, &[&stored[1], &stored[3]]);
        assert!(accounts::adults(s, &[]).await.unwrap().is_empty());

        let by_email = accounts::adults_by_email(s, &email("jo1@example.org")).await.unwrap();
        let mut expected: Vec<&Adult> = stored.iter().skip(1).step_by(2).collect();
        expected.reverse();
        assert_same(&by_email, &expected);
        assert!(accounts::adults_by_email(s, &email("nobody@example.org")).await.unwrap().is_empty());

        let wanted = [HARD_NAMES[2].to_owned(), "nobody".to_owned(), HARD_NAMES[6].to_owned()];
        let mut by_name = accounts::adults_by_username(s, &wanted).await.unwrap();
        by_name.sort_by_key(|adult| adult.id);
        assert_same(&by_name, &[&stored[2], &stored[6]]);
        assert!(accounts::adults_by_username(s, &[]).await.unwrap().is_empty());
        let other_case = accounts::adults_by_username(s, &["o'brien".to_owned()]).await.unwrap();
        assert!(other_case.is_empty(), "user names are compared byte by byte");
    })
    .await;
}

#[tokio::test]
async fn adults_are_walked_through_in_the_order_in_which_they_were_accepted() {
    for_each_order(|store| async move {
        let s = &mut store.connect().await;
        let mut expected = Vec::new();
        for number in 0..57 {
            let adult = adult("Jo", "Bloggs", Some(&format!("jo{number}")));
            expected.push(adult.id);
            accounts::insert_adult(s, &adult).await.unwrap();
        }
        for limit in [1_u32, 10, 57, 100] {
            let mut walked: Vec<AdultId> = Vec::new();
            loop {
                let page = accounts::adults_after(s, walked.last().copied(), limit).await.unwrap();
                walked.extend(page.iter().map(|adult| adult.id));
                if page.len() < limit as usize {
                    break;
                }
            }
            assert_eq!(walked, expected, "by {limit}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_user_name_or_picked_account_belongs_to_one_adult_also_when_it_is_given_later() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        let first = adult("Jo", "Bloggs", Some("jo"));
        accounts::insert_adult(s, &first).await.unwrap();
        assert!(accounts::insert_adult(s, &adult("Jo", "Other", Some("jo"))).await.unwrap_err().is_duplicate());
        let second = adult("Al", "Bloggs", None);
        let third = adult("Ben", "Bloggs", None);
        for adult in [&second, &third] {
            accounts::insert_adult(s, adult).await.unwrap();
        }

        assert!(accounts::set_account(s, second.id, Some("jo"), None).await.unwrap_err().is_duplicate());
        accounts::set_account(s, second.id, None, Some(MoodleUserId(7))).await.unwrap();
        assert!(accounts::set_account(s, third.id, None, Some(MoodleUserId(7))).await.unwrap_err().is_duplicate());
        let found = accounts::adult(s, second.id).await.unwrap().unwrap();
        assert_eq!((found.username, found.picked_user), (None, Some(MoodleUserId(7))));

        accounts::set_account(s, second.id, Some("al"), None).await.unwrap();
        accounts::set_account(s, third.id, None, Some(MoodleUserId(7))).await.unwrap();
        let found = accounts::adult(s, second.id).await.unwrap().unwrap();
        assert_eq!((found.username.as_deref(), found.picked_user), (Some("al"), None));
        assert_same(&accounts::adult(s, first.id).await.unwrap().unwrap(), &first);
    })
    .await;
}

#[tokio::test]
async fn r_2_a_second_login_row_for_an_adult_or_a_user_name_is_refused() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        let first = stored_adult(s, "Jo", "Bloggs", "jo").await;
        let second_row = LoginRow { username: "jo2".to_owned(), ..login_row(&first) };
        assert!(accounts::insert_login_row(s, &second_row).await.unwrap_err().is_duplicate());
        let second = adult("Al", "Bloggs", Some("al"));
        let taken = LoginRow { username: "jo".to_owned(), ..login_row(&second) };
        assert!(accounts::insert_login_row(s, &taken).await.unwrap_err().is_duplicate());
        assert_eq!(table(s).await, ["jo"]);
    })
    .await;
}

#[tokio::test]
async fn login_rows_are_read_by_moodle_with_a_plain_select() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        for (number, name) in HARD_NAMES.into_iter().enumerate() {
            let mut row = login_row(&adult(name, name, Some(&format!("user{number}@example.org"))));
            row.description = format!("Parent of {name}");
            row.lang = "cy".to_owned();
            accounts::insert_login_row(s, &row).await.unwrap();
            assert_same(&accounts::login_rows_of(s, &[row.adult]).await.unwrap(), &[&row]);
            let named = [row.username.clone(), "nobody@example.org".to_owned()];
            assert_same(&accounts::login_rows_named(s, &named).await.unwrap(), &[&row]);

            // As auth_db does it: the value within the statement.
            let sql = format!(
                "SELECT firstname, lastname, email, description, lang, request_id FROM login_rows WHERE username = '{}'",
                row.username
            );
            let seen: Vec<(String, String, String, String, String, String)> = s.fetch_all(&sql, []).await.unwrap();
            let expected = (row.firstname, row.lastname, row.email, row.description, row.lang, row.request.to_string());
            assert_eq!(seen, [expected]);
        }
        let sql = "SELECT adult_id, created_at, username FROM login_rows";
        let all: Vec<(String, i64, String)> = s.fetch_all(sql, []).await.unwrap();
        assert_eq!(all.len(), HARD_NAMES.len());
    })
    .await;
}

#[tokio::test]
async fn login_rows_are_listed_by_user_name_page_by_page_without_the_guard() {
    for_each_order(|store| async move {
        let s = &mut store.connect().await;
        for number in 0..57 {
            // Names that a language sorts otherwise than bytes do.
            let username = format!("{}{number}@example.org", ["a-b", "ab", "a.b", "zoe", "a_b"][number % 5]);
            stored_adult(s, "Jo", "Bloggs", &username).await;
        }
        let gone = stored_adult(s, "Jo", "Bloggs", "zz-gone").await;
        accounts::delete_login_rows(s, &[gone.id], at(0)).await.unwrap();
        let guard = stored_adult(s, "Jo", "Bloggs", "x").await;
        // Few rows are left, so that the guard comes.
        let all: Vec<_> = accounts::all_login_rows(s).await.unwrap().into_iter().map(|row| row.adult).collect();
        accounts::delete_login_rows(s, &all[40..], at(0)).await.unwrap();
        accounts::delete_login_rows(s, &all[10..40], at(0)).await.unwrap();
        assert!(table(s).await.contains(&GUARD.to_owned()));
        for number in 57..104 {
            stored_adult(s, "Jo", "Bloggs", &format!("{}{number}", ["B", "b", "Ł", "ł", "-"][number % 5])).await;
        }

        let expected = accounts::all_login_rows(s).await.unwrap();
        assert_eq!(expected.len(), 57);
        assert_eq!(accounts::count_login_rows(s).await.unwrap(), 57);
        for limit in [1_u32, 10, 57, 100] {
            let mut listed: Vec<LoginRow> = Vec::new();
            loop {
                let after = listed.last().map(|row| Cursor { value: row.username.clone(), id: String::new() });
                let page = accounts::list_login_rows(s, "", after.as_ref(), limit).await.unwrap();
                let last = page.len() < limit as usize;
                listed.extend(page);
                assert!(listed.len() <= 57, "by {limit} goes in circles");
                if last {
                    break;
                }
            }
            assert_eq!(names(&listed), names(&expected), "by {limit}");
        }
        assert!(accounts::list_login_rows(s, "guard", None, 10).await.unwrap().is_empty());
        assert!(accounts::login_rows_of(s, &[guard.id]).await.unwrap().len() <= 1);
    })
    .await;
}

#[tokio::test]
async fn c_8_login_rows_are_found_by_any_part_of_name_user_name_or_address() {
    for_each_order(|store| async move {
        let s = &mut store.connect().await;
        stored_adult(s, "Aoife", "O'Brien", "aoife@example.org").await;
        stored_adult(s, "Zo\u{eb}", "Łukasz", "zl").await;
        stored_adult(s, "100%", "Sure!", "a_b").await;
        stored_adult(s, r"Back\slash", "Gabriel", "plain").await;
        stored_adult(s, "محمد", "王", "mw").await;
        let other = stored_adult(s, "ÉMILE", "Ångström", "ea").await;
        for (search, expected) in [
            ("aoife", &["aoife@example.org"][..]),
            ("AOIFE o'b", &["aoife@example.org"]),
            ("obrien", &["aoife@example.org"]),
            ("O’Brien", &["aoife@example.org"]),
            ("aoife@example", &["aoife@example.org"]),
            ("zoë", &["zl"]),
            ("ZOË", &["zl"]),
            ("Zoe", &["zl"]),
            ("Łukasz", &["zl"]),
            ("ŁUKASZ", &["zl"]),
            ("lukasz zoe", &["zl"]),
            ("100%", &["a_b"]),
            ("%", &["a_b"]),
            ("_", &["a_b"]),
            ("A_B", &["a_b"]),
            ("sure!", &["a_b"]),
            ("!", &["a_b"]),
            (r"k\s", &["plain"]),
            (r"\", &["plain"]),
            ("محمد", &["mw"]),
            ("王", &["mw"]),
            ("émile", &["ea"]),
            ("emile angstrom", &["ea"]),
            ("aoife zoe", &[]),
            ("a%e", &[]),
            ("x' OR '1'='1", &[]),
        ] {
            let found = accounts::list_login_rows(s, search, None, 10).await.unwrap();
            assert_eq!(names(&found), expected, "{search:?}");
        }
        // A row is found by what stands in it, also when nothing is known of its adult any more.
        s.execute("DELETE FROM adults WHERE id = ?", [other.id.to_string().into()]).await.unwrap();
        assert_eq!(names(&accounts::list_login_rows(s, "ea", None, 10).await.unwrap()), ["ea"]);
    })
    .await;
}

#[tokio::test]
async fn d_3_deleting_the_row_of_one_adult_never_takes_those_of_others() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        // As in the old system: rows of several adults with the same request id.
        let request = id();
        let mut adults = Vec::new();
        for number in 0..40 {
            let adult = adult("Jo", "Bloggs", Some(&format!("jo{number}")));
            let row = LoginRow { request, ..login_row(&adult) };
            accounts::insert_login_row(s, &row).await.unwrap();
            adults.push(adult.id);
        }
        let before = table(s).await;
        assert_eq!(accounts::delete_login_rows(s, &adults[..1], at(0)).await.unwrap(), 1);
        let mut after = table(s).await;
        after.retain(|name| name != GUARD);
        assert_eq!(after, before.iter().filter(|name| *name != "jo0").cloned().collect::<Vec<_>>());

        assert_eq!(accounts::delete_login_rows(s, &adults[..1], at(0)).await.unwrap(), 0, "gone already");
        assert_eq!(accounts::delete_login_rows(s, &[id()], at(0)).await.unwrap(), 0);
        assert_eq!(accounts::delete_login_rows(s, &[], at(0)).await.unwrap(), 0);
        assert_eq!(accounts::count_login_rows(s).await.unwrap(), 39);
        assert_eq!(accounts::login_rows_of(s, &adults).await.unwrap().len(), 39);
        assert!(accounts::login_rows_of(s, &[]).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn deleting_the_last_login_rows_leaves_a_guard_that_is_neither_listed_nor_counted_nor_deleted() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        assert_eq!(accounts::delete_login_rows(s, &[id()], at(0)).await.unwrap(), 0);
        assert!(table(s).await.is_empty(), "a table that was never used stays as it is");

        let first = stored_adult(s, "Jo", "Bloggs", "jo").await;
        let second = stored_adult(s, "Al", "Bloggs", "al").await;
        for adult in [&first, &second] {
            assert_eq!(accounts::delete_login_rows(s, &[adult.id], at(0)).await.unwrap(), 1);
        }
        assert_eq!(table(s).await, [GUARD]);
        assert_eq!(accounts::count_login_rows(s).await.unwrap(), 0);
        assert!(accounts::all_login_rows(s).await.unwrap().is_empty());
        assert!(accounts::list_login_rows(s, "", None, 10).await.unwrap().is_empty());
        assert!(accounts::list_login_rows(s, "kinlink", None, 10).await.unwrap().is_empty());
        assert!(accounts::login_rows_of(s, &[first.id, second.id]).await.unwrap().is_empty());
        assert!(GUARD.chars().any(char::is_uppercase), "Moodle refuses it as a user name");

        // Again, with the guard there; then a row again for who had one.
        let third = stored_adult(s, "Cy", "Bloggs", "cy").await;
        assert_eq!(accounts::delete_login_rows(s, &[third.id], at(5)).await.unwrap(), 1);
        assert_eq!(table(s).await, [GUARD]);
        accounts::insert_login_row(s, &login_row(&first)).await.unwrap();
        assert_eq!(accounts::count_login_rows(s).await.unwrap(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_roll_back_of_a_deletion_brings_rows_back_and_takes_the_guard_away() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        let only = stored_adult(s, "Jo", "Bloggs", "jo").await;
        {
            let mut tx = s.begin().await.unwrap();
            accounts::delete_login_rows(&mut tx, &[only.id], at(0)).await.unwrap();
            assert_eq!(table(&mut tx).await, [GUARD]);
        }
        assert_eq!(table(s).await, ["jo"]);
    })
    .await;
}

async fn delete(connection: &mut Connection, adults: &[AdultId]) -> Result<u64, StoreError> {
    let mut tx = connection.begin().await?;
    let deleted = accounts::delete_login_rows(&mut tx, adults, at(0)).await?;
    tx.commit().await?;
    Ok(deleted)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transactions_that_delete_the_last_login_rows_at_once_leave_at_least_one_row() {
    for_each_engine(|store| async move {
        // Each deletes one; each deletes many; all that is left.
        for (tasks, each) in [(6, 1), (2, 40), (4, 30)] {
            for round in 0..3 {
                let s = &mut store.connect().await;
                s.execute("DELETE FROM login_rows", []).await.unwrap();
                let mut adults = Vec::new();
                for number in 0..tasks * each {
                    adults.push(stored_adult(s, "Jo", "B", &format!("jo{tasks}-{each}-{round}-{number}")).await.id);
                }
                let results = at_once(&store.db, tasks, |task, mut connection| {
                    let own = adults[task * each..(task + 1) * each].to_vec();
                    async move {
                        loop {
                            match delete(&mut connection, &own).await {
                                // MariaDB may see a dead lock where many delete many; then nothing was done.
                                Err(error) if error.is_conflict() => {}
                                result => return result,
                            }
                        }
                    }
                })
                .await;
                for result in results {
                    assert_eq!(result.unwrap(), u64::try_from(each).unwrap());
                }
                assert_eq!(table(s).await, [GUARD], "{tasks} deleted {each}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn two_transactions_that_do_not_see_each_other_cannot_empty_the_table_together() {
    for_each_engine(|store| async move {
        if store.engine() == Engine::Sqlite {
            // One writer at a time: the second sees what the first did.
            return;
        }
        let s = &mut store.connect().await;
        let mut adults = Vec::new();
        for number in 0..80 {
            adults.push(stored_adult(s, "Jo", "Bloggs", &format!("jo{number}")).await.id);
        }
        let mut first = store.db.begin().await.unwrap();
        accounts::delete_login_rows(&mut first, &adults[..40], at(0)).await.unwrap();
        // The second waits for the guard of the first, or does not and commits; either way both see 40 rows left.
        let (db, rest) = (store.db.clone(), adults[40..].to_vec());
        let mut second = tokio::spawn(async move {
            let mut second = db.begin().await.unwrap();
            accounts::delete_login_rows(&mut second, &rest, at(0)).await.unwrap();
            second.commit().await.unwrap();
        });
        let waits = tokio::time::timeout(Duration::from_millis(200), &mut second).await.is_err();
        first.commit().await.unwrap();
        if waits {
            second.await.unwrap();
        }
        assert_eq!(table(s).await, [GUARD]);
    })
    .await;
}
