//! A Kinlink for a program of its own, on databases that are there.

use anyhow::Result;
use kinlink_db::{Db, Options};
use kinlink_domain::Timestamp;
use kinlink_moodle::{Moodle, Prefix};
use kinlink_queue::{EmbeddedQueue, Queue};
use kinlink_service::{
    App,
    app::{Clock, Random, SigningKey},
};
use kinlink_store::Store;

/// What use cases take, with the machine's clock moved by `shift_ms`.
///
/// # Errors
/// A URL is none of a database.
pub fn app(store: &str, moodle: &str, shift_ms: i64) -> Result<App> {
    let now_ms = move || Timestamp::now().as_millisecond() + shift_ms;
    let store = Db::connect_lazy(store, Options::default())?;
    Ok(App {
        store: Store::new(store.clone()),
        store_owner: None,
        moodle: Moodle::new(Db::connect_lazy(moodle, Options::default())?, Prefix::default()),
        queue: Queue::Embedded(EmbeddedQueue::new(store, 5, now_ms)),
        clock: Clock::new(move || Timestamp::from_millisecond(now_ms()).expect("a time that tests use")),
        random: Random::system(),
        key: SigningKey::new("a signing key of the tests, long enough".to_owned().into()),
    })
}
