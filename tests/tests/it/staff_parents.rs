//! An address that somebody in Moodle has already: eight cases, and what holds in each. An account that signs in another way is
//! linked by choice and never changed; another person gets an account and a user name of their own.

use kinlink_domain::{ids::MoodleUserId, submission::RawSubmission};
use kinlink_service::{
    ServiceError,
    approve::{AccountChoice, Approval},
    doctor::{self, Level},
    view,
};
use kinlink_store::{accounts, requests::Request};
use kinlink_testapp::{administrator, family};
use kinlink_testkit::snapshot;
use serde_json::Value;

use crate::world::{ENGINES, World, pupil_named, world};

const ADDRESS: &str = "sam.porter@school.example.org";

/// A request from this person at the address, for this pupil.
fn asks(given: &str, family_name: &str, pupil: (&str, &str)) -> RawSubmission {
    let pupil = pupil_named(pupil.0, pupil.1);
    family((given, family_name, ADDRESS), &[(pupil.given, pupil.family, &pupil.tutor_group)])
}

/// What refuses an approval without a choice, by its code.
fn refused(result: Result<Request, ServiceError>) -> &'static str {
    match result {
        Err(ServiceError::Refused { code, .. }) => code,
        other => panic!("not refused: {other:?}"),
    }
}

impl World {
    /// An account of Moodle's with its own context and a role of its own that is not ours. Gives its id.
    async fn insert_account(&self, auth: &str, username: &str, name: (&str, &str)) -> i64 {
        self.meddle(&format!(
            "INSERT INTO mdl_user (auth, confirmed, mnethostid, username, password, firstname, lastname, email, description, \
             lang, timecreated, timemodified) VALUES ('{auth}', 1, 1, '{username}', 'secret', '{}', '{}', '{ADDRESS}', '', 'en', \
             7, 7)",
            name.0, name.1
        ))
        .await;
        let id = self.account(username).await.unwrap().0;
        self.meddle(&format!(
            "INSERT INTO mdl_context (contextlevel, instanceid, path, depth) VALUES (30, {id}, '/1/{id}', 2)"
        ))
        .await;
        self.give_foreign_role(id).await;
        id
    }

    /// A role row of another program's for an account, in the course category.
    async fn give_foreign_role(&self, account: i64) {
        self.meddle(&format!(
            "INSERT INTO mdl_role_assignments (roleid, contextid, userid, timemodified, modifierid, component, itemid, sortorder) \
             VALUES (3, 2, {account}, 7, 2, '', 0, 0)"
        ))
        .await;
    }

    /// The whole row of an account: every column, byte by byte.
    async fn account_row(&self, account: i64) -> String {
        let users = snapshot(&self.test.moodle.db).await.remove("mdl_user").unwrap();
        // Engines write a number of a JSON object in two ways.
        let id = |row: &String| serde_json::from_str::<Value>(row).unwrap()["id"].to_string();
        let is_it = |row: &&String| id(row).trim_matches('"') == account.to_string();
        users.iter().find(is_it).unwrap_or_else(|| panic!("no user {account}")).clone()
    }

    /// A cycle, Moodle's cron, and another cycle.
    async fn settled(&self) {
        self.cycle().await;
        self.moodle_cron().await;
        self.cycle().await;
    }

    async fn children_of(&self, account: i64) -> Vec<i64> {
        self.our_rows().await.into_iter().filter(|row| row.0 == account).map(|row| row.1).collect()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Auth {
    /// The account of an adult whom staff accepted before.
    Db,
    /// An account that signs in another way, as a member of staff's.
    Other,
}

#[tokio::test]
async fn eight_cases_of_an_address_that_moodle_knows() {
    for engine in ENGINES {
        for auth in [Auth::Db, Auth::Other] {
            for same in [true, false] {
                for allowed in [0, 1] {
                    let world = world(engine).await;
                    let case = format!("{engine}: {auth:?}, same person: {same}, allowaccountssameemail: {allowed}");
                    one_case(&world, auth, same, allowed, &case).await;
                }
            }
        }
    }
}

async fn one_case(world: &World, auth: Auth, same: bool, allowed: i64, case: &str) {
    world.meddle(&format!("UPDATE mdl_config SET value = '{allowed}' WHERE name = 'allowaccountssameemail'")).await;
    let (first, second) = (pupil_named("Nell", "Ashby"), pupil_named("Theo", "Marlow"));
    // Whoever has the address already.
    let existing = match auth {
        Auth::Db => {
            world.approved(&asks("Sam", "Porter", ("Nell", "Ashby"))).await;
            world.settled().await;
            let account = world.account(ADDRESS).await.unwrap().0;
            world.give_foreign_role(account).await;
            account
        }
        Auth::Other => world.insert_account("manual", ADDRESS, ("Sam", "Porter")).await,
    };
    let before = world.account_row(existing).await;
    let foreign = world.foreign_rows().await;
    let rows_before = world.test.count("login_rows").await;

    let (given, family_name) = if same { ("Sam", "Porter") } else { ("Robin", "Lake") };
    let request = world.test.submit(&asks(given, family_name, ("Theo", "Marlow"))).await;
    let seen = view::show_request(&world.test.app, &administrator(), &request.id.to_string()).await.unwrap();
    assert_eq!(
        seen.new_username.as_deref(),
        Some("sam.porter-2@school.example.org"),
        "{case}: what a new one is called"
    );
    assert_eq!(seen.accounts.as_ref().unwrap()[0].id.0, existing, "{case}");
    assert_eq!(seen.adults.len(), usize::from(auth == Auth::Db), "{case}");

    // Without a word only the adult with this address and name is clear.
    let by_itself = world.approve(&request, &Approval::default()).await;
    let choice = match (auth, same) {
        (Auth::Db, true) => {
            by_itself.unwrap();
            None
        }
        (Auth::Db, false) => {
            assert_eq!(refused(by_itself), "shared_mailbox", "{case}");
            Some(AccountChoice::New)
        }
        (Auth::Other, true) => {
            assert_eq!(refused(by_itself), "account_exists", "{case}");
            Some(AccountChoice::MoodleUser(MoodleUserId(existing)))
        }
        (Auth::Other, false) => {
            assert_eq!(refused(by_itself), "account_exists", "{case}");
            Some(AccountChoice::New)
        }
    };
    if let Some(account) = choice {
        assert_eq!(world.test.count("login_rows").await, rows_before, "{case}: what is refused writes nothing");
        world.approve(&request, &Approval { account, ..Approval::default() }).await.unwrap();
    }
    world.settled().await;

    let mut store = world.test.app.store.acquire().await.unwrap();
    let adult = world.request(&request).await.adult.unwrap();
    let adult = accounts::adult(&mut store, adult).await.unwrap().unwrap();
    let rows = accounts::login_rows_of(&mut store, &[adult.id]).await.unwrap();
    drop(store);
    let account = if same {
        existing
    } else {
        // An account of their own, made by Moodle's synchronisation whatever the setting says.
        assert_eq!(adult.username, seen.new_username, "{case}: as it was shown");
        assert_eq!((rows.len(), rows[0].email.as_str()), (1, ADDRESS), "{case}");
        let own = world.account("sam.porter-2@school.example.org").await.unwrap().0;
        assert_ne!(own, existing, "{case}");
        let row: Value = serde_json::from_str(&world.account_row(own).await).unwrap();
        assert_eq!(
            (&row["auth"], &row["email"], &row["firstname"]),
            (&"db".into(), &ADDRESS.into(), &"Robin".into()),
            "{case}"
        );
        own
    };
    match (auth, same) {
        (Auth::Db, true) => assert_eq!((rows.len(), adult.username.as_deref()), (1, Some(ADDRESS)), "{case}"),
        (Auth::Other, true) => {
            assert_eq!((adult.picked_user, adult.username.as_deref()), (Some(MoodleUserId(existing)), None), "{case}");
            assert!(rows.is_empty(), "{case}: a login row would be refused by Moodle, for ever");
        }
        _ => assert_eq!(adult.picked_user, None, "{case}"),
    }
    let mut children = vec![second.user_id];
    if (auth, same) == (Auth::Db, true) {
        children.push(first.user_id);
    }
    children.sort_unstable();
    assert_eq!(world.children_of(account).await, children, "{case}");
    if !same {
        let theirs = if auth == Auth::Db { vec![first.user_id] } else { Vec::new() };
        assert_eq!(world.children_of(existing).await, theirs, "{case}: nobody else's children");
    }
    assert_eq!(world.account_row(existing).await, before, "{case}: the account stays byte by byte");
    assert_eq!(world.foreign_rows().await, foreign, "{case}: its other roles stay");

    // What Moodle does with a shared address is said where it matters.
    let diagnosis = doctor::examine(&world.test.app, &administrator()).await.unwrap();
    let found = diagnosis.find("moodle.shared_addresses").unwrap();
    let both_are_ours = auth == Auth::Db && !same;
    let expected = if both_are_ours && allowed == 0 { Level::Warning } else { Level::Good };
    assert_eq!(found.level, expected, "{case}: {found:?}");
}

/// Accounts that an older system made in the same way: the adult's own goes on under its user name, another person's is not
/// taken by whoever asks from the same address.
#[tokio::test]
async fn an_account_from_before_kinlink_is_taken_over_by_its_own_person_alone() {
    for engine in ENGINES {
        for (given, name, choice, username) in
            [("Sam", "Porter", None, "sporter"), ("Robin", "Lake", Some(AccountChoice::New), ADDRESS)]
        {
            let world = world(engine).await;
            let existing = world.insert_account("db", "sporter", ("Sam", "Porter")).await;
            let request = world.test.submit(&asks(given, name, ("Theo", "Marlow"))).await;
            if let Some(account) = choice {
                let by_itself = world.approve(&request, &Approval::default()).await;
                assert_eq!(refused(by_itself), "account_exists", "{engine}");
                world.approve(&request, &Approval { account, ..Approval::default() }).await.unwrap();
            } else {
                world.approve(&request, &Approval::default()).await.unwrap();
            }
            world.settled().await;
            let rows = accounts::all_login_rows(&mut world.test.app.store.acquire().await.unwrap()).await.unwrap();
            assert_eq!(rows.iter().map(|row| row.username.as_str()).collect::<Vec<_>>(), [username], "{engine}");
            let account = world.account(username).await.unwrap().0;
            assert_eq!(account == existing, choice_is_none(username), "{engine}");
            assert_eq!(world.children_of(account).await.len(), 1, "{engine}");
        }
    }
}

fn choice_is_none(username: &str) -> bool {
    username == "sporter"
}

/// Staff say that an account is this person's: one of the external database gets a login row, so that Moodle does not suspend
/// it; an account that an adult has already is that adult's.
#[tokio::test]
async fn an_account_that_staff_choose_belongs_to_one_adult() {
    for engine in ENGINES {
        let world = world(engine).await;
        let existing = world.insert_account("db", "sporter", ("S.", "Porter")).await;
        let choice = Approval { account: AccountChoice::MoodleUser(MoodleUserId(existing)), ..Approval::default() };
        let first = world.test.submit(&asks("Sam", "Porter", ("Theo", "Marlow"))).await;
        let first = world.approve(&first, &choice).await.unwrap();
        world.settled().await;
        assert_eq!(world.account("sporter").await, Some(MoodleUserId(existing)), "{engine}");
        assert_eq!(world.number("SELECT COUNT(*) FROM mdl_user WHERE username = 'sporter' AND suspended = 0").await, 1);
        assert_eq!(world.children_of(existing).await.len(), 1, "{engine}");

        // From another address: the account says who it is.
        let ashby = pupil_named("Nell", "Ashby");
        let child = (ashby.given, ashby.family, ashby.tutor_group.as_str());
        let second = world.test.submit(&family(("Samuel", "Porter", "sam@home.example.org"), &[child])).await;
        let second = world.approve(&second, &choice).await.unwrap();
        assert_eq!(second.adult, first.adult, "{engine}");
        world.settled().await;
        assert_eq!(world.children_of(existing).await.len(), 2, "{engine}");

        let staff = world.insert_account("manual", "rlake", ("Robin", "Lake")).await;
        let choice = Approval { account: AccountChoice::MoodleUser(MoodleUserId(staff)), ..Approval::default() };
        let mut adults = Vec::new();
        for address in ["robin@example.org", "robin@home.example.org"] {
            let request = world.test.submit(&family(("Robin", "Lake", address), &[child])).await;
            adults.push(world.approve(&request, &choice).await.unwrap().adult);
        }
        assert_eq!(adults[0], adults[1], "{engine}");
    }
}
