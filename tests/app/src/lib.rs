//! A whole Kinlink for the tests of functions: databases, queue, clock, tokens, and a client for their routers.
//!
//! [`app`] gives an [`App`] on two SQLite files of its own: a migrated store, and the demonstration's Moodle. [`with`]
//! does the same on databases that the caller brings. What does not live here: databases and servers (`kinlink-testkit`),
//! and any rule.

mod clock;
mod http;
mod logs;

use kinlink_db::Engine;
use kinlink_domain::{
    ids::SourceId,
    request::Kind,
    staff::{Actor, StaffRole},
    submission::{RawChild, RawSubmission},
};
use kinlink_moodle::{Moodle, Prefix};
use kinlink_queue::{EmbeddedQueue, Queue};
use kinlink_service::{
    App,
    access::{self, Minted},
    app::{Clock, Random, SigningKey},
    mail::{School, write},
    submit::{Faults, submit},
};
use kinlink_store::{Store, mails, requests, requests::Request, sources};
use kinlink_testkit::{TestDb, fresh};

pub use clock::TestClock;
pub use http::{Answer, Client};

/// A whole Kinlink that nobody else uses. Its SQLite files go with it.
pub struct TestApp {
    /// What use cases take.
    pub app: App,
    /// The moment it is for `app`.
    pub clock: TestClock,
    /// The store.
    pub store: TestDb,
    /// Moodle's database.
    pub moodle: TestDb,
    /// The school of pages and mails.
    pub school: School,
    /// A token of the role administrator.
    pub admin_token: String,
    /// A token of the role safeguarding.
    pub safeguarding_token: String,
    /// A token of the role approver.
    pub approver_token: String,
    /// A token of the role viewer.
    pub viewer_token: String,
    /// A source whose submissions must prove their address.
    pub source_id: SourceId,
    /// Its key.
    pub source_key: String,
    /// A source that proves addresses itself: its submissions are pending at once.
    pub proving_source_id: SourceId,
    /// Its key.
    pub proving_source_key: String,
}

/// A whole Kinlink on SQLite, with the demonstration's Moodle. The clock stands at 2026-09-03 08:00 UTC.
pub async fn app() -> TestApp {
    let moodle = fresh(Engine::Sqlite).await;
    kinlink_moodle::demo::install(&moodle.db).await.expect("the demonstration's Moodle");
    with(fresh(Engine::Sqlite).await, moodle).await
}

/// A whole Kinlink on an empty store, which is migrated, and a Moodle that is there, with the prefix `mdl_`.
pub async fn with(store: TestDb, moodle: TestDb) -> TestApp {
    logs::keep();
    kinlink_store::migrations::migrate(&store.db).await.expect("migrations");
    let clock = TestClock::default();
    let (now, now_ms) = (clock.clone(), clock.clone());
    let app = App {
        store: Store::new(store.db.clone()),
        store_owner: None,
        moodle: Moodle::new(moodle.db.clone(), Prefix::default()),
        queue: Queue::Embedded(EmbeddedQueue::new(store.db.clone(), 5, move || now_ms.now().as_millisecond())),
        clock: Clock::new(move || now.now()),
        random: Random::system(),
        key: SigningKey::new("a signing key of the tests, long enough".to_owned().into()),
    };
    let token =
        async |role| access::mint_token(&app, &administrator(), "test", role, None).await.expect("a token").secret;
    let source = async |proves| -> Minted {
        access::mint_source(&app, &administrator(), "test", proves).await.expect("a source")
    };
    let (plain, proving) = (source(false).await, source(true).await);
    TestApp {
        admin_token: token(StaffRole::Administrator).await,
        safeguarding_token: token(StaffRole::Safeguarding).await,
        approver_token: token(StaffRole::Approver).await,
        viewer_token: token(StaffRole::Viewer).await,
        source_id: plain.id.parse().expect("an id"),
        source_key: plain.secret,
        proving_source_id: proving.id.parse().expect("an id"),
        proving_source_key: proving.secret,
        school: School {
            name: "Kinlink <Test> School".into(),
            contact: "office@school.example".into(),
            public_url: "https://kinlink.test".into(),
            moodle_url: Some("https://moodle.test".into()),
        },
        app,
        clock,
        store,
        moodle,
    }
}

/// An administrator at the command line.
#[must_use]
pub fn administrator() -> Actor {
    Actor { name: "cli:test".into(), role: Some(StaffRole::Administrator) }
}

/// A submission for a new account: the adult's given name, family name and address, and children as (given name,
/// family name, tutor group).
#[must_use]
pub fn family(adult: (&str, &str, &str), children: &[(&str, &str, &str)]) -> RawSubmission {
    RawSubmission {
        kind: Some(Kind::NewAccount.code().into()),
        given_name: adult.0.into(),
        family_name: adult.1.into(),
        email: adult.2.into(),
        children: children
            .iter()
            .map(|(given, family, group)| RawChild {
                given_name: (*given).into(),
                family_name: (*family).into(),
                tutor_group: Some((*group).into()),
                admission_number: None,
            })
            .collect(),
        declaration: Some(true),
        ..RawSubmission::default()
    }
}

impl TestApp {
    /// Submits by the source that proves addresses, and gives the request as it is stored: pending.
    pub async fn submit(&self, raw: &RawSubmission) -> Request {
        let mut store = self.app.store.acquire().await.expect("the store");
        let source = sources::find(&mut store, self.proving_source_id).await.expect("the store").expect("the source");
        drop(store);
        let accepted = submit(&self.app, &source, raw, Faults::Keep, None).await.expect("a submission");
        self.request(accepted.reference.as_str()).await
    }

    /// A request by its reference, as it is stored.
    pub async fn request(&self, reference: &str) -> Request {
        let reference = reference.parse().expect("a reference");
        let mut store = self.app.store.acquire().await.expect("the store");
        requests::find_by_reference(&mut store, &reference).await.expect("the store").expect("the request")
    }

    /// The paths of the links that were mailed to prove an address, the newest mail first; only those still true.
    pub async fn mailed_confirmations(&self) -> Vec<String> {
        let mut store = self.app.store.acquire().await.expect("the store");
        let mut paths = Vec::new();
        for mail in mails::newest(&mut store, 100).await.expect("the store") {
            let written = write(&self.app, &self.school, &mut store, &mail).await.expect("a mail");
            let text = written.map(|mail| mail.body).unwrap_or_default();
            let start = format!("{}/confirm/", self.school.public_url);
            let link = text.split_whitespace().find(|word| word.starts_with(&start));
            paths.extend(link.map(|link| link[self.school.public_url.len()..].to_owned()));
        }
        paths
    }

    /// How many rows a table of the store has.
    pub async fn count(&self, table: &str) -> i64 {
        let sql = format!("SELECT COUNT(*) FROM {table}");
        let row: Option<(i64,)> = self.store.db.fetch_optional(&sql, []).await.expect("a table of the store");
        row.map_or(0, |(count,)| count)
    }
}
