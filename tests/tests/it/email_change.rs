//! Another address for an adult with an account: two steps, one transaction, the same user name, and Moodle's own taking over.

use jiff::SignedDuration;
use kinlink_db::Engine;
use kinlink_domain::{
    email_change::{InMoodle, Standing},
    ids::{AdultId, MoodleUserId},
    request::{Kind, Status},
    staff::{Actor, StaffRole},
    submission::RawSubmission,
};
use kinlink_service::{
    ServiceError,
    approve::{AccountChoice, Approval},
    doctor::{self, Level},
    email_change::{self, NewAddress, Proven},
    mail::write,
    view::{BulkAct, bulk},
};
use kinlink_store::{accounts, mails, requests::Request};
use kinlink_testapp::{administrator, family};
use kinlink_testkit::{changed_tables, snapshot};

use crate::world::{ENGINES, World, world};

const OLD: &str = "pat@example.org";
const NEW: &str = "pat.marlow@new.example.org";

fn marlow() -> RawSubmission {
    family(("Pat", "Marlow", OLD), &[("Theo", "Marlow", &crate::world::pupil_named("Theo", "Marlow").tutor_group)])
}

fn new(email: &str, shared: bool) -> NewAddress {
    NewAddress { email: email.into(), shared }
}

fn code<T: std::fmt::Debug>(result: Result<T, ServiceError>) -> &'static str {
    match result {
        Err(ServiceError::Refused { code, .. }) => code,
        other => panic!("not refused: {other:?}"),
    }
}

impl World {
    /// A parent with a child and an account in Moodle.
    async fn settled_parent(&self) -> AdultId {
        let request = self.approved(&marlow()).await;
        self.cycle().await;
        self.moodle_cron().await;
        self.cycle().await;
        request.adult.unwrap()
    }

    async fn start(&self, adult: AdultId, email: &str, shared: bool) -> Result<Standing, ServiceError> {
        let change = email_change::start(&self.test.app, &administrator(), adult, &new(email, shared)).await?;
        Ok(change.standing)
    }

    async fn standing(&self, adult: AdultId) -> Option<Standing> {
        let address = email_change::show(&self.test.app, &administrator(), adult).await.unwrap();
        address.change.map(|change| change.standing)
    }

    /// Every mail that is true now: to whom, and what it says.
    async fn mails(&self) -> Vec<(String, String)> {
        let mut store = self.test.app.store.acquire().await.unwrap();
        let mut found = Vec::new();
        for mail in mails::newest(&mut store, 100).await.unwrap() {
            if let Some(written) = write(&self.test.app, &self.test.school, &mut store, &mail).await.unwrap() {
                found.push((mail.recipient.to_string(), format!("{}\n{}", written.subject, written.body)));
            }
        }
        found
    }

    /// The tokens of the links that were mailed to new addresses, the newest first; only those that work.
    async fn tokens(&self) -> Vec<String> {
        let start = format!("{}/confirm/email/", self.test.school.public_url);
        let mails = self.mails().await;
        let links = mails.iter().filter_map(|(_, text)| text.split_whitespace().find(|word| word.starts_with(&start)));
        links.map(|link| link[start.len()..].to_owned()).collect()
    }

    async fn prove(&self, token: &str) -> Proven {
        email_change::prove(&self.test.app, token).await.unwrap()
    }

    /// Address of the adult, address and name of their login row.
    async fn addresses(&self, adult: AdultId) -> (String, Vec<(String, String)>) {
        let mut store = self.test.app.store.acquire().await.unwrap();
        let row = accounts::adult(&mut store, adult).await.unwrap().unwrap();
        let rows = accounts::login_rows_of(&mut store, &[adult]).await.unwrap();
        (row.email.to_string(), rows.into_iter().map(|row| (row.email, row.username)).collect())
    }

    async fn in_moodle(&self, username: &str) -> String {
        let sql = "SELECT email FROM mdl_user WHERE username = ? AND deleted = 0";
        let row: Option<(String,)> = self.test.moodle.db.fetch_optional(sql, [username.into()]).await.unwrap();
        row.unwrap().0
    }

    async fn level(&self, check: &str) -> Level {
        doctor::examine(&self.test.app, &administrator()).await.unwrap().find(check).unwrap().level
    }
}

/// Whoever reads the mailbox that was given up learns nothing more.
#[tokio::test]
async fn who_changed_their_address_before_the_account_came_is_told_of_it_at_the_new_one() {
    for engine in ENGINES {
        let world = world(engine).await;
        let adult = world.approved(&marlow()).await.adult.unwrap();
        world.cycle().await;
        world.start(adult, NEW, false).await.unwrap();
        let token = world.tokens().await.remove(0);
        assert_eq!(world.prove(&token).await, Proven::Changed, "{engine}");
        let before = world.mails().await.len();
        world.moodle_cron().await;
        world.cycle().await;
        let mails = world.mails().await;
        let to: Vec<&str> = mails[..mails.len() - before].iter().map(|(to, _)| to.as_str()).collect();
        assert_eq!(to, [NEW], "{engine}: {mails:?}");
    }
}

#[tokio::test]
async fn the_new_address_is_proven_then_moodle_takes_it_over_and_the_user_name_stays() {
    for engine in ENGINES {
        let world = world(engine).await;
        let adult = world.settled_parent().await;
        let (roles, earlier) = (world.our_rows().await, world.mails().await.len());
        assert_eq!(
            world.start(adult, " Pat.Marlow@NEW.example.org ", false).await.unwrap(),
            Standing::Waiting,
            "{engine}"
        );

        // Both are written to at once; the old address learns neither the new one nor a child's name.
        let mails = world.mails().await;
        assert_eq!(mails.len(), earlier + 2, "{engine}: {mails:?}");
        let (_, told) = mails.iter().find(|(to, text)| to == OLD && text.contains("another email address")).unwrap();
        for secret in ["new.example.org", "pat.marlow", "Theo", "/confirm/"] {
            assert!(!told.to_lowercase().contains(&secret.to_lowercase()), "{engine}: {told}");
        }
        let (to, asked) = mails.iter().find(|(_, text)| text.contains("/confirm/email/")).unwrap();
        assert_eq!(to, NEW, "{engine}");
        assert!(!asked.contains("Theo") && !asked.contains("Pat"), "{engine}: {asked}");

        // Nothing changes before the button.
        world.moodle_cron().await;
        world.cycle().await;
        assert_eq!(world.addresses(adult).await, (OLD.into(), vec![(OLD.into(), OLD.into())]), "{engine}");
        assert_eq!(world.in_moodle(OLD).await, OLD, "{engine}");

        let token = world.tokens().await.remove(0);
        assert_eq!(world.prove("unknown").await, Proven::Invalid, "{engine}");
        assert_eq!(world.prove(&token).await, Proven::Changed, "{engine}");
        assert_eq!(world.addresses(adult).await, (NEW.into(), vec![(NEW.into(), OLD.into())]), "{engine}");
        assert_eq!(world.standing(adult).await, Some(Standing::Done), "{engine}");
        let before = snapshot(&world.test.store.db).await;
        assert_eq!(world.prove(&token).await, Proven::Changed, "{engine}: pressed once more");
        assert!(changed_tables(&before, &snapshot(&world.test.store.db).await).is_empty(), "{engine}");
        assert_eq!(code(email_change::withdraw(&world.test.app, &administrator(), adult).await), "no_email_change");

        // Moodle still writes to the old address, and doctor says so; the cycle hurries Moodle and writes no address itself.
        assert_eq!(world.level("moodle.addresses").await, Level::Warning, "{engine}");
        let users = snapshot(&world.test.moodle.db).await.remove("mdl_user");
        let report = world.cycle().await;
        assert!(report.sync_hurried, "{engine}: {report:?}");
        assert_eq!(snapshot(&world.test.moodle.db).await.remove("mdl_user"), users, "{engine}");
        world.moodle_cron().await;
        assert_eq!(world.in_moodle(OLD).await, NEW, "{engine}: the user name stays");
        assert_eq!(world.level("moodle.addresses").await, Level::Good, "{engine}");
        world.cycle().await;
        assert_eq!(world.our_rows().await, roles, "{engine}: no role came or went");
        assert_eq!(world.number("SELECT COUNT(*) FROM mdl_user WHERE lastname = 'Marlow' AND auth = 'db'").await, 1);
    }
}

#[tokio::test]
async fn a_change_can_be_taken_back_replaced_and_missed_and_its_link_is_dead_then() {
    for engine in ENGINES {
        let world = world(engine).await;
        let adult = world.settled_parent().await;
        let same = || world.addresses(adult);
        let before = same().await;

        world.start(adult, NEW, false).await.unwrap();
        let withdrawn = world.tokens().await.remove(0);
        email_change::withdraw(&world.test.app, &administrator(), adult).await.unwrap();
        assert_eq!(world.standing(adult).await, Some(Standing::Withdrawn), "{engine}");
        assert!(world.tokens().await.is_empty(), "{engine}: a link that is dead is not mailed");

        world.start(adult, NEW, false).await.unwrap();
        let replaced = world.tokens().await.remove(0);
        world.start(adult, "other@example.org", false).await.unwrap();
        assert_eq!(world.tokens().await.len(), 1, "{engine}: only the last link is mailed");

        let missed = world.tokens().await.remove(0);
        world.test.clock.advance(SignedDuration::from_hours(24 * 30));
        assert_eq!(world.standing(adult).await, Some(Standing::Expired), "{engine}");
        assert_eq!(code(email_change::withdraw(&world.test.app, &administrator(), adult).await), "no_email_change");
        for token in [&withdrawn, &replaced, &missed] {
            assert_eq!(world.prove(token).await, Proven::Invalid, "{engine}");
        }
        assert_eq!(same().await, before, "{engine}");
        assert_eq!(code(world.start(adult, OLD, true).await), "same_address", "{engine}");
        assert!(matches!(world.start(adult, "nonsense", false).await, Err(ServiceError::Invalid(_))), "{engine}");
        // One that expired is replaced like any other, and what is long over is forgotten.
        world.start(adult, NEW, false).await.unwrap();
        world.test.clock.advance(SignedDuration::from_hours(24 * 60));
        let tidied = kinlink_service::housekeeping::tidy(&world.test.app).await.unwrap();
        assert_eq!((tidied.email_changes, world.standing(adult).await), (4, None), "{engine}");
    }
}

#[tokio::test]
async fn an_address_that_somebody_has_needs_a_word_of_staff() {
    for engine in ENGINES {
        let world = world(engine).await;
        let adult = world.settled_parent().await;
        let mut raw = marlow();
        (raw.given_name, raw.email) = ("Al".into(), NEW.into());
        let other = world.approved(&raw).await.adult.unwrap();

        assert_eq!(code(world.start(adult, NEW, false).await), "shared_mailbox", "{engine}");
        assert_eq!(world.standing(adult).await, None, "{engine}");
        world.start(adult, NEW, true).await.unwrap();
        let token = world.tokens().await.remove(0);
        assert_eq!(world.prove(&token).await, Proven::Changed, "{engine}");
        assert_eq!(world.addresses(adult).await.1, [(NEW.to_owned(), OLD.to_owned())], "{engine}");
        assert_eq!(world.addresses(other).await.1, [(NEW.to_owned(), NEW.to_owned())], "{engine}");

        // Somebody at school who has it in Moodle alone, and somebody who is about to get it.
        let staff = "SELECT email AS name FROM mdl_user WHERE auth = 'manual' AND email LIKE '%@school.example.org' ORDER BY id";
        let staff: Vec<(String,)> = world.test.moodle.db.fetch_all(staff, []).await.unwrap();
        assert_eq!(code(world.start(adult, &staff[1].0, false).await), "shared_mailbox", "{engine}");
        world.start(other, "free@example.org", false).await.unwrap();
        assert_eq!(code(world.start(adult, "free@example.org", false).await), "shared_mailbox", "{engine}");

        // Somebody gets it between the two steps.
        let token = world.tokens().await.remove(0);
        let mut raw = marlow();
        (raw.given_name, raw.email) = ("Cy".into(), "free@example.org".into());
        world.approved(&raw).await;
        assert_eq!(world.prove(&token).await, Proven::Invalid, "{engine}");
        assert_eq!(world.standing(other).await, Some(Standing::Taken), "{engine}");
        assert_eq!(world.addresses(other).await.0, NEW, "{engine}");
    }
}

#[tokio::test]
async fn the_address_of_an_account_that_signs_in_another_way_is_ours_alone_to_change() {
    for engine in ENGINES {
        let world = world(engine).await;
        let staff = "SELECT id FROM mdl_user WHERE auth = 'manual' AND email LIKE '%@school.example.org' AND id > 2 ORDER BY id";
        let account: Option<(i64,)> = world.test.moodle.db.fetch_optional(staff, []).await.unwrap();
        let request = world.test.submit(&marlow()).await;
        let account = AccountChoice::MoodleUser(MoodleUserId(account.unwrap().0));
        let adult = world.approve(&request, &Approval { account, ..Approval::default() }).await.unwrap().adult.unwrap();
        world.cycle().await;
        let shown = email_change::show(&world.test.app, &administrator(), adult).await.unwrap();
        assert_eq!(shown.in_moodle, InMoodle::NotOurs, "{engine}");

        let (users, jobs) = (snapshot(&world.test.moodle.db).await, world.test.count("jobs").await);
        world.start(adult, NEW, false).await.unwrap();
        let token = world.tokens().await.remove(0);
        assert_eq!(world.prove(&token).await, Proven::Changed, "{engine}");
        assert_eq!(world.addresses(adult).await, (NEW.into(), Vec::new()), "{engine}");
        assert_eq!(world.test.count("jobs").await, jobs, "{engine}: nothing is to be done in Moodle");
        let report = world.cycle().await;
        assert!(!report.sync_hurried, "{engine}");
        assert!(changed_tables(&users, &snapshot(&world.test.moodle.db).await).is_empty(), "{engine}");
    }
}

#[tokio::test]
async fn a_moodle_that_keeps_old_addresses_is_said_to() {
    for engine in ENGINES {
        let world = world(engine).await;
        let adult = world.settled_parent().await;
        let effect = async || email_change::show(&world.test.app, &administrator(), adult).await.unwrap().in_moodle;
        assert_eq!(effect().await, InMoodle::Follows, "{engine}");
        assert_eq!(world.level("moodle.auth_db_settings").await, Level::Good, "{engine}");
        for (name, wrong, right) in [
            ("field_updatelocal_email", "oncreate", "onlogin"),
            ("updateusers", "0", "1"),
            ("field_map_email", "", "email"),
        ] {
            let set = |value: &str| {
                format!("UPDATE mdl_config_plugins SET value = '{value}' WHERE plugin = 'auth_db' AND name = '{name}'")
            };
            world.meddle(&set(wrong)).await;
            assert_eq!(effect().await, InMoodle::Keeps, "{engine}: {name}");
            assert_eq!(world.level("moodle.auth_db_settings").await, Level::Warning, "{engine}: {name}");
            world.meddle(&set(right)).await;
        }
        // Access that ended: nothing in Moodle changes.
        let names = [OLD.to_owned()];
        kinlink_service::accounts::revoke(&world.test.app, &administrator(), &names, None).await.unwrap();
        assert_eq!(effect().await, InMoodle::NoLoginRow, "{engine}");
        world.test.moodle.db.close().await;
        assert_eq!(effect().await, InMoodle::NoLoginRow, "{engine}");
    }
}

impl World {
    /// A request for another address.
    async fn asks_change(&self, given: &str, email: &str) -> Request {
        let mut raw = family((given, "Marlow", email), &[]);
        raw.kind = Some(Kind::ChangeEmail.code().into());
        raw.comment = format!("{} {email}", self.test.clock.now());
        self.test.submit(&raw).await
    }
}

#[tokio::test]
async fn a_request_for_another_address_ends_in_the_same_two_steps() {
    for engine in ENGINES {
        let world = world(engine).await;
        let adult = world.settled_parent().await;
        let mine = |new_email: Option<&str>| Approval {
            account: AccountChoice::Adult(adult),
            new_email: new_email.map(str::to_owned),
            ..Approval::default()
        };

        // From the old address: whose it is is clear, the new one is what staff read in the request.
        let from_old = world.asks_change("Pat", OLD).await;
        assert_eq!(code(world.approve(&from_old, &Approval::default()).await), "new_address_missing", "{engine}");
        let approval = Approval { new_email: Some("nonsense".into()), ..Approval::default() };
        let Err(ServiceError::Invalid(faults)) = world.approve(&from_old, &approval).await else { panic!("{engine}") };
        assert_eq!(faults[0].pointer, "/new_email", "{engine}");
        let approval = Approval { new_email: Some(NEW.into()), ..Approval::default() };
        let done = world.approve(&from_old, &approval).await.unwrap();
        assert_eq!((done.status, done.adult), (Status::Provisioned, Some(adult)), "{engine}");
        assert_eq!(world.standing(adult).await, Some(Standing::Waiting), "{engine}: nobody has proven the new one");
        assert_eq!(world.addresses(adult).await.0, OLD, "{engine}");
        let token = world.tokens().await.remove(0);
        assert_eq!(world.prove(&token).await, Proven::Changed, "{engine}");
        assert_eq!(world.addresses(adult).await.0, NEW, "{engine}");

        // From a new address, which the request proved: whose it is must be said.
        let from_new = world.asks_change("Pat", "third@example.org").await;
        assert_eq!(code(world.approve(&from_new, &Approval::default()).await), "adult_not_clear", "{engine}");
        let staff = administrator();
        let act = BulkAct::Approve { checks: kinlink_service::approve::Checks::ALL };
        let rows = [(from_new.id, from_new.version)];
        let many = bulk(&world.test.app, &staff, &act, &rows);
        let refusal = many.await.unwrap().remove(0).result.unwrap_err();
        assert_eq!(refusal.code, "nothing_to_link", "{engine}");
        let name = from_new.id.to_string();
        let seen = kinlink_service::view::show_request(&world.test.app, &staff, &name).await.unwrap();
        assert_eq!((seen.adults[0].id, seen.adults[0].email.as_str()), (adult, NEW), "{engine}: by the name");
        assert_eq!(seen.new_username, None, "{engine}: no account comes of it");
        let done = world.approve(&from_new, &mine(None)).await.unwrap();
        assert_eq!(done.status, Status::Provisioned, "{engine}");
        assert_eq!(
            world.addresses(adult).await,
            ("third@example.org".into(), vec![("third@example.org".into(), OLD.into())])
        );
        assert_eq!(world.standing(adult).await, Some(Standing::Done), "{engine}");
        assert!(world.tokens().await.is_empty(), "{engine}: it was proven already");
        let told = world.mails().await;
        assert!(
            told.iter().any(|(to, text)| to == NEW && text.contains("another email address")),
            "{engine}: {told:?}"
        );

        // Somebody else's address needs the word here, too.
        let mut raw = marlow();
        (raw.given_name, raw.email) = ("Al".into(), "al@example.org".into());
        world.approved(&raw).await;
        let shared = world.asks_change("Pat", "al@example.org").await;
        assert_eq!(code(world.approve(&shared, &mine(None)).await), "shared_mailbox", "{engine}");
        let before = world.test.count("email_changes").await;
        world.approve(&shared, &Approval { shared: true, ..mine(None) }).await.unwrap();
        assert_eq!(world.test.count("email_changes").await, before + 1, "{engine}");
        assert_eq!(world.addresses(adult).await.0, "al@example.org", "{engine}");
    }
}

#[tokio::test]
async fn who_may_not_decide_begins_no_change_and_takes_none_back() {
    let world = world(Engine::Sqlite).await;
    let adult = world.settled_parent().await;
    world.start(adult, NEW, false).await.unwrap();
    let before = snapshot(&world.test.store.db).await;
    let viewer = Actor { name: "token:viewer".into(), role: Some(StaffRole::Viewer) };
    for actor in [viewer, Actor::parent(), Actor::system()] {
        let started = email_change::start(&world.test.app, &actor, adult, &new("x@example.org", false)).await;
        assert!(matches!(started, Err(ServiceError::Forbidden(_))), "{started:?}");
        let ended = email_change::withdraw(&world.test.app, &actor, adult).await;
        assert!(matches!(ended, Err(ServiceError::Forbidden(_))), "{ended:?}");
    }
    assert!(changed_tables(&before, &snapshot(&world.test.store.db).await).is_empty());
    let audit: Vec<(String,)> = world.test.store.db.fetch_all("SELECT detail FROM audit", []).await.unwrap();
    assert!(audit.iter().all(|(detail,)| !detail.contains('@')), "ids and codes only");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_button_that_is_pressed_four_times_at_once_changes_the_address_once() {
    for engine in ENGINES {
        let world = world(engine).await;
        let adult = world.settled_parent().await;
        world.start(adult, NEW, false).await.unwrap();
        let (token, jobs) = (world.tokens().await.remove(0), world.test.count("jobs").await);
        let press = || {
            let (app, token) = (world.test.app.clone(), token.clone());
            tokio::spawn(async move { email_change::prove(&app, &token).await })
        };
        for pressed in [press(), press(), press(), press()] {
            assert_eq!(pressed.await.unwrap().unwrap(), Proven::Changed, "{engine}");
        }
        assert_eq!(world.test.count("jobs").await, jobs + 1, "{engine}");
        assert_eq!(world.addresses(adult).await.0, NEW, "{engine}");
    }
}
