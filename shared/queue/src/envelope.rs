//! What a message says: ids in a versioned envelope.
//!
//! A message never holds more than ids: what is to be done, and for whom, stands in the store. Fields that are added
//! later are ignored by older readers; a change that older readers must not act on gets a new version.

use kinlink_domain::ids::{AdultId, JobId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

/// The version that this code writes.
const VERSION: u64 = 1;

/// "There is something to do for this adult": a hint, since the store's outbox is the truth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hint {
    /// The job of the outbox.
    pub job: JobId,
    /// The adult it concerns.
    pub adult: AdultId,
    /// Under which id the log tells this story from the form to the role row. Only for whoever follows it: nothing is decided by
    /// it, and messages of older releases have none.
    pub correlation: Option<Uuid>,
}

/// A message that this code cannot act on. It is left to the dead-letter queue, where staff see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// Not JSON, or JSON without a version: nothing of ours.
    #[error("the message is not a JSON object with a version")]
    Unreadable,
    /// A later (or no) release wrote it.
    #[error("the message has version {0}, this release reads version {VERSION}")]
    UnknownVersion(u64),
    /// The right version without the ids it must have.
    #[error("the message lacks a job id or an adult id")]
    Incomplete,
}

#[derive(Serialize, Deserialize)]
struct V1 {
    v: u64,
    job: JobId,
    adult: AdultId,
    #[serde(skip_serializing_if = "Option::is_none", skip_deserializing)]
    correlation_id: Option<Uuid>,
}

impl Hint {
    /// The message's body.
    #[must_use]
    pub fn to_body(self) -> String {
        let Self { job, adult, correlation } = self;
        let envelope = V1 { v: VERSION, job, adult, correlation_id: correlation };
        serde_json::to_string(&envelope).expect("ids and a number are always JSON")
    }

    /// Reads a message's body.
    ///
    /// # Errors
    /// [`EnvelopeError`]; the body is not repeated, since anybody who may write to the queue may have written it.
    pub fn from_body(body: &str) -> Result<Self, EnvelopeError> {
        let envelope: Map<String, Value> = serde_json::from_str(body).map_err(|_| EnvelopeError::Unreadable)?;
        let v = envelope.get("v").and_then(Value::as_u64).ok_or(EnvelopeError::Unreadable)?;
        if v != VERSION {
            return Err(EnvelopeError::UnknownVersion(v));
        }
        // One that cannot be read must not keep the work from being done.
        let correlation = envelope.get("correlation_id").and_then(Value::as_str).and_then(|text| text.parse().ok());
        let V1 { job, adult, .. } = V1::deserialize(Value::Object(envelope)).map_err(|_| EnvelopeError::Incomplete)?;
        Ok(Self { job, adult, correlation })
    }
}

#[cfg(test)]
mod tests {
    use super::{EnvelopeError, Hint};

    const JOB: &str = "0192f0c1-8a5e-7c3e-9d1a-3f1b2c4d5e6f";
    const ADULT: &str = "0192f0c1-8a5e-7c3e-9d1a-000000000001";
    const REQUEST: &str = "0192f0c1-8a5e-7c3e-9d1a-000000000002";

    fn hint() -> Hint {
        Hint { job: JOB.parse().unwrap(), adult: ADULT.parse().unwrap(), correlation: None }
    }

    fn followed() -> Hint {
        Hint { correlation: Some(REQUEST.parse().unwrap()), ..hint() }
    }

    /// Messages written by an older release are still in the queue after an update: this text must never change.
    #[test]
    fn version_1_is_written_and_read_as_it_always_was() {
        let body = format!(r#"{{"v":1,"job":"{JOB}","adult":"{ADULT}"}}"#);
        assert_eq!(hint().to_body(), body);
        assert_eq!(Hint::from_body(&body), Ok(hint()));
        let body = format!(r#"{{"v":1,"job":"{JOB}","adult":"{ADULT}","correlation_id":"{REQUEST}"}}"#);
        assert_eq!(followed().to_body(), body);
        assert_eq!(Hint::from_body(&body), Ok(followed()));
    }

    #[test]
    fn a_correlation_id_that_cannot_be_read_keeps_nobody_from_the_work() {
        for odd in ["null", "7", "\"K7QX-2M9D\"", "[\"x\"]", "\"\""] {
            let body = format!(r#"{{"v":1,"job":"{JOB}","adult":"{ADULT}","correlation_id":{odd}}}"#);
            assert_eq!(Hint::from_body(&body), Ok(hint()), "{odd}");
        }
    }

    #[test]
    fn bodies() {
        for (body, result) in [
            (format!(r#"{{"adult":"{ADULT}","later":{{"x":[1]}},"job":"{JOB}","v":1}}"#), Ok(hint())),
            (format!(r#" {{ "v" : 1, "job":"{JOB}", "adult":"{ADULT}" }} "#), Ok(hint())),
            (format!(r#"{{"v":2,"job":"{JOB}","adult":"{ADULT}"}}"#), Err(EnvelopeError::UnknownVersion(2))),
            (r#"{"v":0}"#.to_owned(), Err(EnvelopeError::UnknownVersion(0))),
            (r#"{"v":3,"entirely":"different"}"#.to_owned(), Err(EnvelopeError::UnknownVersion(3))),
            (format!(r#"{{"v":1,"job":"{JOB}"}}"#), Err(EnvelopeError::Incomplete)),
            (format!(r#"{{"v":1,"job":"{JOB}","adult":7}}"#), Err(EnvelopeError::Incomplete)),
            (format!(r#"{{"v":1,"job":"K7QX-2M9D","adult":"{ADULT}"}}"#), Err(EnvelopeError::Incomplete)),
            (format!(r#"{{"job":"{JOB}","adult":"{ADULT}"}}"#), Err(EnvelopeError::Unreadable)),
            (r#"{"v":"1"}"#.to_owned(), Err(EnvelopeError::Unreadable)),
            (r#"{"v":-1}"#.to_owned(), Err(EnvelopeError::Unreadable)),
            ("[1]".to_owned(), Err(EnvelopeError::Unreadable)),
            ("null".to_owned(), Err(EnvelopeError::Unreadable)),
            ("{".to_owned(), Err(EnvelopeError::Unreadable)),
            (String::new(), Err(EnvelopeError::Unreadable)),
            ("[".repeat(10_000), Err(EnvelopeError::Unreadable)),
        ] {
            assert_eq!(Hint::from_body(&body), result, "{body:.60}");
        }
    }
}
