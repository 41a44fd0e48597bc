//! Passwords that change while a pool lives.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use std::time::Duration;

use kinlink_db::{Db, Engine, Fault, Options, Renewal};
use kinlink_testkit::{TestDb, fresh, servers};

/// A user whose password the tests change, and a secret that should hold it.
struct User {
    test: TestDb,
    name: String,
    secret: Arc<Mutex<Result<String, String>>>,
    fetched: Arc<AtomicUsize>,
}

impl User {
    async fn new(test: TestDb) -> Self {
        // Names of users belong to the whole server.
        let name = format!("u{}", &test.name[test.name.len() - 12..]);
        let create = match test.engine() {
            Engine::MySql => format!("CREATE USER {name}@'%' IDENTIFIED BY 'one'"),
            _ => format!("CREATE ROLE {name} LOGIN PASSWORD 'one'"),
        };
        test.db.execute(&create, []).await.unwrap();
        if test.engine() == Engine::MySql {
            test.db.execute(&format!("GRANT ALL ON `{}`.* TO {name}@'%'", test.name), []).await.unwrap();
        }
        let user = Self { test, name, secret: Arc::new(Mutex::new(Ok(String::new()))), fetched: Arc::default() };
        user.put("one");
        user
    }

    fn url(&self, password: &str) -> String {
        let (scheme, rest) = self.test.url.split_once("://").unwrap();
        format!("{scheme}://{}:{password}@{}", self.name, rest.rsplit_once('@').unwrap().1)
    }

    /// Puts a password into the secret.
    fn put(&self, password: &str) {
        *self.secret.lock().unwrap() = Ok(self.url(password));
    }

    /// Changes the password in the server.
    async fn change(&self, password: &str) {
        let alter = match self.test.engine() {
            Engine::MySql => format!("ALTER USER {}@'%' IDENTIFIED BY '{password}'", self.name),
            _ => format!("ALTER ROLE {} PASSWORD '{password}'", self.name),
        };
        self.test.db.execute(&alter, []).await.unwrap();
    }

    fn fetched(&self) -> usize {
        self.fetched.load(Ordering::SeqCst)
    }

    fn connect(&self) -> Db {
        let (secret, fetched) = (Arc::clone(&self.secret), Arc::clone(&self.fetched));
        let renewal = Renewal::when_refused(move || {
            fetched.fetch_add(1, Ordering::SeqCst);
            let url = secret.lock().unwrap().clone();
            Box::pin(async move {
                tokio::task::yield_now().await;
                url.map(Into::into)
            })
        });
        Db::connect_renewing(&self.url("one"), renewal, Options::default()).unwrap()
    }

    async fn end(self, db: Db) {
        db.close().await;
        self.test.drop_database().await;
    }
}

async fn users() -> Vec<User> {
    let mut users = Vec::new();
    for test in servers().await {
        users.push(User::new(test).await);
    }
    users
}

#[tokio::test]
async fn a_password_that_was_changed_is_fetched_for_the_next_connection() {
    for user in users().await {
        let db = user.connect();
        let first = db.acquire().await.unwrap();
        assert_eq!(user.fetched(), 0);
        user.change("two").await;
        user.put("two");
        // The first connection is taken, so this needs another one.
        let second = db.acquire().await.unwrap();
        let third = db.acquire().await.unwrap();
        assert_eq!(user.fetched(), 1);
        drop((first, second, third));
        user.end(db).await;
    }
}

#[tokio::test]
async fn tasks_that_are_refused_together_fetch_once() {
    for user in users().await {
        user.change("two").await;
        user.put("two");
        let db = user.connect();
        let (a, b, c) = tokio::join!(db.acquire(), db.acquire(), db.acquire());
        assert_eq!(user.fetched(), 1);
        drop((a.unwrap(), b.unwrap(), c.unwrap()));
        user.end(db).await;
    }
}

#[tokio::test]
async fn a_second_refusal_is_the_error() {
    for user in users().await {
        let db = user.connect();
        user.change("two").await;
        // The secret holds yet another one; then the one that was refused; then there is none.
        user.put("three");
        for _ in 0..2 {
            let error = db.acquire().await.unwrap_err();
            assert_eq!(error.fault(), Fault::Unreachable);
            assert!(error.to_string().contains(&user.name), "{error}");
        }
        assert_eq!(user.fetched(), 2);
        *user.secret.lock().unwrap() = Err("the secret kinlink/store is gone".to_owned());
        let error = db.acquire().await.unwrap_err();
        assert!(error.to_string().contains("the secret kinlink/store is gone"), "{error}");
        // And when the secret is right again, so is everything.
        user.put("two");
        drop(db.acquire().await.unwrap());
        user.end(db).await;
    }
}

#[tokio::test]
async fn what_grows_old_is_fetched_first_and_again_when_it_is_too_old() {
    for (max_age, expected) in [(Duration::ZERO, 3), (Duration::from_hours(1), 1)] {
        let test = fresh(Engine::Sqlite).await;
        let fetched = Arc::new(AtomicUsize::new(0));
        let (counter, url) = (Arc::clone(&fetched), test.url.clone());
        let renewal = Renewal::by_age(max_age, move || {
            counter.fetch_add(1, Ordering::SeqCst);
            let url = url.clone().into();
            Box::pin(async move { Ok(url) })
        });
        let db = Db::connect_renewing(&test.url, renewal, Options::default()).unwrap();
        assert_eq!(fetched.load(Ordering::SeqCst), 0);
        for _ in 0..3 {
            db.execute("SELECT 1", []).await.unwrap();
        }
        assert_eq!(fetched.load(Ordering::SeqCst), expected);
        db.close().await;
    }
}

#[tokio::test]
async fn a_source_that_never_answers_is_an_error() {
    let renewal = Renewal::by_age(Duration::from_mins(1), || Box::pin(std::future::pending()));
    let db = Db::connect_renewing("sqlite::memory:", renewal, Options::default()).unwrap();
    let error = db.execute("SELECT 1", []).await.unwrap_err();
    assert_eq!(error.fault(), Fault::Unreachable);
    assert!(error.to_string().contains("no answer within 5 s"), "{error}");
}
