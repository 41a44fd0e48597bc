//! Quotas: how often something is taken from one client, one address, one source or everybody, within a window of time.
//!
//! [`guessing`] limits how often somebody may be wrong about a secret. Whether a person or address is known plays no part in
//! any of this, and nobody is named: what is counted stands in the store under a keyed hash. Windows begin at full hours and
//! days (UTC), so that whoever waits as long as they were told is let in.
//!
//! A client is known where the function is told who calls; where it is not, only the other quotas hold.

use std::net::IpAddr;

use kinlink_domain::{Timestamp, policy::Policy};
use kinlink_store::{Session, quotas};

use crate::{App, ServiceError};

/// Purpose of the derived keys under which quotas are counted.
const PURPOSE: &str = "quota";
const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

/// So many of something from somebody within a window.
#[derive(Debug)]
pub(crate) struct Quota {
    /// Of what and from whom; hashed before it is stored.
    whom: String,
    /// How long the window is, in seconds.
    length: i64,
    most: u32,
}

impl Quota {
    /// So many within an hour.
    pub(crate) fn hourly(of: &str, whom: &str, most: u32) -> Self {
        Self { whom: format!("{of}:{whom}"), length: HOUR, most }
    }

    /// So many within a day.
    pub(crate) fn daily(of: &str, whom: &str, most: u32) -> Self {
        Self { whom: format!("{of}:{whom}"), length: DAY, most }
    }

    /// So many within an hour from one client.
    pub(crate) fn of_client(of: &str, client: IpAddr, most: u32) -> Self {
        Self::hourly(of, &network(client).to_string(), most)
    }

    /// Takes one.
    ///
    /// # Errors
    /// [`ServiceError::TooOften`] when all are taken; the store.
    pub(crate) async fn take(&self, app: &App, session: &mut impl Session) -> Result<(), ServiceError> {
        let window = self.window(app);
        if quotas::take(session, &self.key(app), window.start, self.most).await? { Ok(()) } else { Err(window.over()) }
    }

    /// Fails when all are taken; takes none.
    ///
    /// # Errors
    /// [`ServiceError::TooOften`]; the store.
    async fn look(&self, app: &App, session: &mut impl Session) -> Result<(), ServiceError> {
        let window = self.window(app);
        let used = quotas::used(session, &self.key(app), window.start).await?;
        if used < i64::from(self.most) { Ok(()) } else { Err(window.over()) }
    }

    fn key(&self, app: &App) -> String {
        app.key.derive(PURPOSE, &self.whom)
    }

    fn window(&self, app: &App) -> Window {
        let now = app.now().as_second();
        let start = now - now.rem_euclid(self.length);
        Window { start: Timestamp::from_second(start).unwrap_or(Timestamp::MIN), left: start + self.length - now }
    }
}

/// The window in which it is now.
struct Window {
    start: Timestamp,
    /// Seconds until its end.
    left: i64,
}

impl Window {
    fn over(&self) -> ServiceError {
        ServiceError::TooOften { retry_after: u32::try_from(self.left).unwrap_or(1) }
    }
}

/// Lets somebody try a secret, unless too many that came from their address lately were wrong. Then the answer is the same
/// for a right one, or the limit would be none. Right ones are never counted: many people may share an address.
///
/// # Errors
/// [`ServiceError::TooOften`]; those of the try; the store.
pub async fn guessing<T>(
    app: &App,
    client: Option<IpAddr>,
    attempt: impl Future<Output = Result<T, ServiceError>>,
    is_wrong: impl FnOnce(&Result<T, ServiceError>) -> bool,
) -> Result<T, ServiceError> {
    let Some(client) = client else { return attempt.await };
    let Policy { guesses_per_address_per_hour: most, .. } = app.policy().await?;
    let quota = Quota::of_client("guess", client, most);
    quota.look(app, &mut app.store.acquire().await?).await?;
    let result = attempt.await;
    if is_wrong(&result) {
        // The last one that was taken by somebody else meanwhile is no reason to say anything else.
        let taken = quota.take(app, &mut app.store.acquire().await?).await;
        if let Err(error) = taken
            && !matches!(error, ServiceError::TooOften { .. })
        {
            return Err(error);
        }
    }
    result
}

/// What counts as one client: an IPv4 address, or the IPv6 network that a household is given.
fn network(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) & !u128::from(u64::MAX)).into()),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::network;

    #[test]
    fn a_household_is_one_client() {
        for (client, counted) in [
            ("203.0.113.9", "203.0.113.9"),
            ("::ffff:203.0.113.9", "203.0.113.9"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
            ("::1", "::"),
        ] {
            assert_eq!(network(client.parse().unwrap()).to_string(), counted, "{client}");
        }
    }
}
