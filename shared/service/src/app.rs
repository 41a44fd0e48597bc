//! What every use case is given: databases, queue, clock, randomness, key.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use kinlink_db::Db;
use kinlink_domain::{Timestamp, ids::Id, policy::Policy, reference::Reference, submission::hex};
use kinlink_moodle::Moodle;
use kinlink_queue::Queue;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use uuid::Uuid;

use crate::ServiceError;

// What callers make an [`App`] of.
pub use kinlink_store::Store;

/// The moment it is. Injected, so that tests decide.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    /// The machine's clock.
    #[must_use]
    pub fn system() -> Self {
        Self(Arc::new(Timestamp::now))
    }

    /// A clock of one's own.
    pub fn new(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// The moment it is.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        (self.0)()
    }
}

/// Randomness. Injected, so that tests repeat.
#[derive(Clone)]
pub struct Random(Arc<Fill>);

type Fill = dyn Fn(&mut [u8]) + Send + Sync;

impl Random {
    /// The operating system's generator.
    #[must_use]
    pub fn system() -> Self {
        Self(Arc::new(|bytes| {
            // Without randomness no token is safe: the process must not go on.
            getrandom::fill(bytes).expect("the operating system gives randomness");
        }))
    }

    /// A generator of one's own.
    pub fn new(fill: impl Fn(&mut [u8]) + Send + Sync + 'static) -> Self {
        Self(Arc::new(fill))
    }

    /// `N` random bytes.
    #[must_use]
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        (self.0)(&mut bytes);
        bytes
    }
}

/// The key from which secrets are derived that must be shown again (links in mails): the database alone reveals none.
#[derive(Debug, Clone)]
pub struct SigningKey(SecretString);

impl SigningKey {
    /// A key of at least 32 characters.
    #[must_use]
    pub const fn new(key: SecretString) -> Self {
        Self(key)
    }

    /// The secret for a purpose and an id: 43 characters that stand in URLs as they are.
    #[must_use]
    pub fn derive(&self, purpose: &str, id: &str) -> String {
        URL_SAFE_NO_PAD.encode(self.mac(format!("{purpose}:{id}").as_bytes()))
    }

    /// A text that only this key makes for a purpose: the payload, and the secret for it.
    #[must_use]
    pub fn sign(&self, purpose: &str, payload: &str) -> String {
        format!("{payload}.{}", self.derive(purpose, payload))
    }

    /// The payload of such a text; `None` when this key did not make it for this purpose. Takes as long for a wrong secret as
    /// for the right one.
    #[must_use]
    pub fn verified<'a>(&self, purpose: &str, text: &'a str) -> Option<&'a str> {
        let (payload, secret) = text.rsplit_once('.')?;
        let expected = self.derive(purpose, payload);
        bool::from(secret.as_bytes().ct_eq(expected.as_bytes())).then_some(payload)
    }

    fn mac(&self, message: &[u8]) -> Vec<u8> {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(self.0.expose_secret().as_bytes()).expect("HMAC takes a key of any length");
        mac.update(message);
        mac.finalize().into_bytes().to_vec()
    }
}

/// The hash under which a secret is stored. Our secrets are long and random, so a plain hash is enough.
#[must_use]
pub fn hash(secret: &str) -> String {
    hex(&Sha256::digest(secret))
}

/// Everything that a use case works with. Cheap to clone.
#[derive(Clone)]
pub struct App {
    /// Our database.
    pub store: Store,
    /// Our database as the owner of its tables, where its usual user is another.
    pub store_owner: Option<Db>,
    /// Moodle's.
    pub moodle: Moodle,
    /// The job queue.
    pub queue: Queue,
    /// The clock.
    pub clock: Clock,
    /// Randomness.
    pub random: Random,
    /// The key for derived secrets.
    pub key: SigningKey,
}

impl App {
    /// The moment it is.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A new id, of this moment.
    #[must_use]
    pub fn new_id<Of>(&self) -> Id<Of> {
        let millis = u64::try_from(self.now().as_millisecond()).unwrap_or_default();
        Id::new(millis, &self.random.bytes())
    }

    /// A new `UUIDv7`, for what has no id type of its own.
    #[must_use]
    pub fn new_uuid(&self) -> Uuid {
        self.new_id::<()>().uuid()
    }

    /// A new reference for a request.
    #[must_use]
    pub fn new_reference(&self) -> Reference {
        Reference::from_random(self.random.bytes())
    }

    /// A new secret: 256 random bits, as text that stands in URLs and headers as it is.
    #[must_use]
    pub fn new_secret(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.random.bytes::<32>())
    }

    /// Brings the store's schema up to date, as its owner. Never done in a function's start.
    ///
    /// # Errors
    /// A migration failed, or the store cannot be reached.
    pub async fn migrate(&self) -> Result<(), ServiceError> {
        Ok(kinlink_store::migrations::migrate(self.store_owner.as_ref().unwrap_or(&self.store)).await?)
    }

    /// The school's settings as they stand.
    ///
    /// # Errors
    /// The store failed, or holds a value that does not fit.
    pub async fn policy(&self) -> Result<Policy, ServiceError> {
        let stored = kinlink_store::settings::all(&mut self.store.acquire().await?).await?;
        Ok(Policy::with(stored.iter().map(|(name, value)| (name.as_str(), value.as_str())))?)
    }
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

    use super::{Random, SigningKey, hash};

    #[test]
    fn secrets_are_hmac_sha_256_and_hashes_sha_256() {
        // Reckoned by Python's hmac and hashlib.
        let key = SigningKey::new("a key of thirty-two characters..".to_owned().into());
        assert_eq!(key.derive("purpose", "id"), "-j45-BJ-L_nlEcp41HuPMDsNxRadUjpqHfMHjA2NqCM");
        assert_eq!(hash("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn chance_is_asked_for_256_bits_and_never_gives_the_same_twice() {
        let draws: Vec<[u8; 32]> = (0..100).map(|_| Random::system().bytes()).collect();
        let mut distinct = draws.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), draws.len());
        assert_eq!(URL_SAFE_NO_PAD.encode(draws[0]).len(), 43);
    }
}
