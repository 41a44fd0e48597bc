//! Instants in the store: milliseconds since 1970, UTC.

use kinlink_domain::Timestamp;

/// The stored form.
#[must_use]
pub fn millis(at: Timestamp) -> i64 {
    at.as_millisecond()
}

/// The instant of a stored form; outside jiff's range (which no clock reaches) it is the nearest end.
#[must_use]
pub fn instant(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(millis).unwrap_or(if millis < 0 { Timestamp::MIN } else { Timestamp::MAX })
}
