//! The model world: two databases made from a template, a clock and a generator that the seed fixes, and Moodle's cron.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
};

use anyhow::{Context as _, Result};
use fastrand::Rng;
use kinlink_db::{Db, Engine, Options, Session as _, Value, in_list};
use kinlink_domain::{
    Timestamp,
    staff::{Actor, StaffRole},
};
use kinlink_moodle::{
    Moodle, Prefix,
    demo::{self, LoginRowView, tasks},
    schema,
};
use kinlink_queue::{EmbeddedQueue, Queue};
use kinlink_service::{
    App, access,
    app::{Clock, Random, SigningKey, Store},
    mail::School,
};
use kinlink_store::{
    sources,
    sources::Source,
    staff::{self as members, Member},
};
use kinlink_testkit::{TestDb, fresh};
use tempfile::TempDir;

use crate::{model::User, people};

/// The department of pupils who left, where the school marks them so.
pub const LEFT: &str = "Left";

/// Where the clock stands at first: 2026-09-03 08:00 UTC, in milliseconds since 1970.
const START: i64 = 1_788_422_400_000;

/// How a world is set up; the seed chooses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "settings are drawn one by one")]
pub struct Setting {
    /// Whether linked adults also get a role in the category.
    pub category: bool,
    /// Whether losing access ends open sessions.
    pub end_sessions: bool,
    /// A brake that engages at more than this many removals; `None` is the usual one.
    pub brake: Option<u32>,
    /// Whether what the brake holds takes two persons.
    pub two_persons: bool,
    /// Days of grace for the links of pupils who left, and for the login rows of adults without one; `None`: ten years.
    pub grace: Option<(u32, u32)>,
    /// Whether data is kept for as short a time as the settings allow.
    pub forgets: bool,
}

/// The shortest times for which data is kept, in days: `keep_…_days`.
const SHORTEST: [(&str, u32); 7] = [
    ("keep_unproven_days", 1),
    ("keep_bogus_days", 1),
    ("keep_refused_days", 1),
    ("keep_words_days", 1),
    ("keep_mails_days", 1),
    ("keep_adults_days", 30),
    ("keep_holds_days", 30),
];

/// Prepared databases from which worlds are made quickly.
pub struct Template {
    folder: TempDir,
}

/// Where files live that nobody needs after a crash: memory, if there is such a place.
fn scratch() -> Result<TempDir> {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    made.or_else(|_| tempfile::tempdir()).context("a temporary folder")
}

fn open(path: &Path) -> Result<Db> {
    let url = format!("sqlite://{}", path.display());
    Ok(Db::connect_lazy(&url, Options { max_connections: 8, ..Options::default() })?)
}

impl Template {
    /// Makes the template: a migrated store with two sources, and a small school.
    ///
    /// # Errors
    /// The databases.
    pub async fn new() -> Result<Self> {
        let folder = scratch()?;
        let (raw_store, raw_moodle) = (folder.path().join("raw-store"), folder.path().join("raw-moodle"));
        let (store, moodle) = (open(&raw_store)?, open(&raw_moodle)?);
        settle(&store, &moodle).await?;
        for (db, name) in [(&store, "store.db"), (&moodle, "moodle.db")] {
            let path = folder.path().join(name);
            db.execute("VACUUM INTO ?", [Value::from(path.display().to_string())]).await?;
        }
        store.close().await;
        moodle.close().await;
        Ok(Self { folder })
    }

    fn copy(&self, name: &str, to: &Path) -> Result<PathBuf> {
        let path = to.join(name);
        std::fs::copy(self.folder.path().join(name), &path).context("a copy of the template")?;
        Ok(path)
    }
}

/// Fills empty databases with what every world begins with.
async fn settle(store: &Db, moodle: &Db) -> Result<()> {
    kinlink_store::migrations::migrate(store).await?;
    let prefix = Prefix::default();
    schema::create(moodle, &prefix).await?;
    demo::fill(moodle, &prefix).await?;
    make_small(moodle).await?;
    let app = app(store, moodle, &Arc::new(AtomicI64::new(START)), 1);
    let admin = staff("cli:setup");
    access::mint_source(&app, &admin, "proving", true).await?;
    access::mint_source(&app, &admin, "plain", false).await?;
    Ok(())
}

/// Leaves of the school only the pupils of [`people`]: every approval reads all of them.
async fn make_small(moodle: &Db) -> Result<()> {
    let kept: Vec<i64> = people::pupils().iter().map(|pupil| pupil.user_id).collect();
    let list = in_list(kept.len());
    let args = || kept.iter().map(|id| Value::from(*id)).collect::<Vec<_>>();
    let mut tx = moodle.begin().await?;
    let first = kinlink_moodle::demo::school::pupils()[0].user_id;
    // Of the adults stay the administrator, a few members of staff, and parents whose accounts were made by hand.
    let gone = format!("(id BETWEEN 9 AND 27 OR id BETWEEN 30 AND {first} - 1 OR id >= {first}) AND id NOT IN {list}");
    let others = format!("(SELECT id FROM mdl_user WHERE {gone})");
    for sql in [
        format!("DELETE FROM mdl_cohort_members WHERE userid IN {others}"),
        format!("DELETE FROM mdl_user_info_data WHERE userid IN {others}"),
        format!("DELETE FROM mdl_context WHERE contextlevel = 30 AND instanceid IN {others}"),
        format!("DELETE FROM mdl_user WHERE {gone}"),
    ] {
        tx.execute(&sql, args()).await?;
    }
    let roles = "DELETE FROM mdl_role_assignments WHERE contextid NOT IN (SELECT id FROM mdl_context) OR userid NOT IN (SELECT id \
                 FROM mdl_user)";
    tx.execute(roles, []).await?;
    tx.execute(
        "INSERT INTO mdl_cache_flags (flagtype, name, timemodified, value, expiry) VALUES ('accesslib/dirtycontexts', '/1/2', 1, '1', 2)",
        [],
    )
    .await?;
    tx.commit().await?;
    Ok(())
}

fn app(store: &Db, moodle: &Db, clock: &Arc<AtomicI64>, seed: u64) -> App {
    let now = |clock: &Arc<AtomicI64>| {
        let clock = Arc::clone(clock);
        move || clock.load(Ordering::SeqCst)
    };
    let (for_queue, for_app) = (now(clock), now(clock));
    let random = Mutex::new(Rng::with_seed(seed));
    App {
        store: Store::new(store.clone()),
        store_owner: None,
        moodle: Moodle::new(moodle.clone(), Prefix::default()),
        queue: Queue::Embedded(EmbeddedQueue::new(store.clone(), 5, for_queue)),
        clock: Clock::new(move || Timestamp::from_millisecond(for_app()).unwrap_or(Timestamp::MAX)),
        random: Random::new(move |bytes| random.lock().unwrap_or_else(PoisonError::into_inner).fill(bytes)),
        key: SigningKey::new("a signing key of the simulation, long enough".to_owned().into()),
    }
}

/// A member of staff by name, who may do everything.
#[must_use]
pub fn staff(name: &str) -> Actor {
    Actor { name: name.to_owned(), role: Some(StaffRole::Administrator) }
}

/// A world for one history.
pub struct World {
    /// What use cases take.
    pub app: App,
    /// The store.
    pub store: Db,
    /// Moodle's database.
    pub moodle: Db,
    /// How it is set up.
    pub setting: Setting,
    /// A source that proves addresses, and one that does not.
    pub sources: [Source; 2],
    /// The school of mails.
    pub school: School,
    clock: Arc<AtomicI64>,
    _folder: Option<TempDir>,
    servers: Vec<TestDb>,
}

impl World {
    /// A world on SQLite.
    ///
    /// # Errors
    /// The databases.
    pub async fn on_sqlite(template: &Template, setting: Setting, seed: u64) -> Result<Self> {
        let folder = scratch()?;
        let store = open(&template.copy("store.db", folder.path())?)?;
        let moodle = open(&template.copy("moodle.db", folder.path())?)?;
        Self::on(store, moodle, setting, seed, Some(folder), Vec::new()).await
    }

    /// A world on new databases of a server.
    ///
    /// # Errors
    /// The databases.
    pub async fn on_server(engine: Engine, setting: Setting, seed: u64) -> Result<Self> {
        let (store, moodle) = (fresh(engine).await, fresh(engine).await);
        settle(&store.db, &moodle.db).await?;
        Self::on(store.db.clone(), moodle.db.clone(), setting, seed, None, vec![store, moodle]).await
    }

    async fn on(
        store: Db,
        moodle: Db,
        setting: Setting,
        seed: u64,
        folder: Option<TempDir>,
        servers: Vec<TestDb>,
    ) -> Result<Self> {
        let clock = Arc::new(AtomicI64::new(START));
        let app = app(&store, &moodle, &clock, seed);
        // Without days of grace nobody leaves: a suspended pupil comes back, or not.
        let (links, login_rows) = setting.grace.unwrap_or((3_650, 3_650));
        let mut settings = vec![
            ("end_sessions", setting.end_sessions.to_string()),
            ("brake_two_persons", setting.two_persons.to_string()),
            ("leaver_grace_days", links.to_string()),
            ("login_row_grace_days", login_rows.to_string()),
        ];
        if setting.grace.is_some() {
            settings.push(("leaver_filter", format!("department={LEFT}")));
            // With so few pupils each who leaves would be too many.
            settings.push(("leaver_brake_percent", "100".to_owned()));
        }
        if setting.forgets {
            settings.extend(SHORTEST.map(|(name, days)| (name, days.to_string())));
        }
        if setting.category {
            settings.push(("static_contexts", "2".to_owned()));
        }
        if let Some(floor) = setting.brake {
            settings.push(("brake_floor", floor.to_string()));
            settings.push(("brake_percent", "0".to_owned()));
        }
        for (name, value) in settings {
            kinlink_service::settings::set(&app, &staff("cli:setup"), name, &value).await?;
        }
        let ids: Vec<(String,)> = store.fetch_all("SELECT id FROM sources ORDER BY proves_email DESC", []).await?;
        let mut connection = store.acquire().await?;
        let mut found = Vec::new();
        for (id,) in ids {
            found.extend(sources::find(&mut connection, id.parse().context("a source's id")?).await?);
        }
        drop(connection);
        let sources = <[Source; 2]>::try_from(found).ok().context("two sources")?;
        let school = School {
            name: "The school".into(),
            contact: "office@school.example".into(),
            public_url: "https://kinlink.test".into(),
            moodle_url: Some("https://moodle.test".into()),
        };
        Ok(Self { app, store, moodle, setting, sources, school, clock, _folder: folder, servers })
    }

    /// The member of staff who is a parent, signed in anew: a name that no other click has.
    ///
    /// # Errors
    /// The databases.
    pub async fn parent_of_staff(&self, click: &str) -> Result<String> {
        let now = self.app.now();
        let member = Member {
            id: self.app.new_id(),
            issuer: "https://school.example".to_owned(),
            subject: click.to_owned(),
            name: "Kirsten".to_owned(),
            email: Some(people::ADULTS[people::STAFF].email.to_owned()),
            role: StaffRole::Administrator,
            created_at: now,
            last_signed_in_at: now,
        };
        let id = members::keep(&mut self.store.acquire().await?, &member).await?;
        Ok(format!("staff:{id}"))
    }

    /// Whether a pupil is gone, by what stands in their user's row.
    #[must_use]
    pub fn is_gone(&self, user: &User) -> bool {
        let marked = self.setting.grace.is_some() && user.department == LEFT;
        user.deleted.is_set() || user.suspended.is_set() || marked
    }

    /// Lets time pass.
    pub fn advance(&self, milliseconds: i64) {
        self.clock.fetch_add(milliseconds, Ordering::SeqCst);
    }

    /// Milliseconds since 1970 by the world's clock.
    #[must_use]
    pub fn now(&self) -> i64 {
        self.clock.load(Ordering::SeqCst)
    }

    /// Lets Moodle's cron do what is due.
    ///
    /// # Errors
    /// The databases.
    pub async fn cron(&self) -> Result<()> {
        let sql = "SELECT username, firstname, lastname, email, description, lang FROM login_rows ORDER BY username";
        let rows: Vec<(String, String, String, String, String, String)> = self.store.fetch_all(sql, []).await?;
        let views: Vec<LoginRowView<'_>> = rows
            .iter()
            .map(|(username, firstname, lastname, email, description, lang)| LoginRowView {
                username,
                firstname,
                lastname,
                email,
                description,
                lang,
            })
            .collect();
        tasks::run_due_in(&self.moodle, &Prefix::default(), &views, self.now() / 1_000).await?;
        Ok(())
    }

    /// Ends the world and removes what it left.
    pub async fn end(self) {
        self.store.close().await;
        self.moodle.close().await;
        for server in self.servers {
            server.drop_database().await;
        }
    }
}
