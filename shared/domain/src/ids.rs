//! Identifiers. Those that people or other systems may see are random (`UUIDv7`); Moodle's own and ours that Moodle
//! stores are integers.

use std::{fmt, hash::Hash, marker::PhantomData, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        RefOr,
        schema::{ObjectBuilder, Schema, SchemaFormat, Type},
    },
};
use uuid::Uuid;

/// A `UUIDv7` that identifies one kind of thing; ids of different kinds cannot be confused.
pub struct Id<Of> {
    uuid: Uuid,
    of: PhantomData<fn() -> Of>,
}

/// What an [`Id`] may identify.
pub mod of {
    /// A request.
    pub enum Request {}
    /// A claim of a request.
    pub enum Claim {}
    /// An adult.
    pub enum Adult {}
    /// A job of the outbox.
    pub enum Job {}
    /// A run of the provisioner.
    pub enum Cycle {}
    /// A mail to send.
    pub enum Mail {}
    /// A proof of an email address.
    pub enum Proof {}
    /// An API token.
    pub enum Token {}
    /// A source of submissions.
    pub enum Source {}
    /// A member of staff.
    pub enum Staff {}
    /// A change of an adult's address.
    pub enum EmailChange {}
    /// A plan that was kept.
    pub enum Plan {}
    /// A row that somebody takes away each time it is put back.
    pub enum Contest {}
    /// A hold.
    pub enum Hold {}
    /// The erasure of a person's data.
    pub enum Erasure {}
}

/// Identifies a request.
pub type RequestId = Id<of::Request>;
/// Identifies a claim ("this is my child") of a request.
pub type ClaimId = Id<of::Claim>;
/// Identifies an adult.
pub type AdultId = Id<of::Adult>;
/// Identifies a job of the outbox.
pub type JobId = Id<of::Job>;
/// Identifies a cycle.
pub type CycleId = Id<of::Cycle>;
/// Identifies a mail.
pub type MailId = Id<of::Mail>;
/// Identifies a proof of an email address.
pub type ProofId = Id<of::Proof>;
/// Identifies an API token.
pub type TokenId = Id<of::Token>;
/// Identifies a source of submissions (a form).
pub type SourceId = Id<of::Source>;
/// Identifies a member of staff.
pub type StaffId = Id<of::Staff>;
/// Identifies a change of an adult's address.
pub type EmailChangeId = Id<of::EmailChange>;
/// Identifies a plan that was kept.
pub type PlanId = Id<of::Plan>;
/// Identifies a row that somebody takes away each time it is put back.
pub type ContestId = Id<of::Contest>;
/// Identifies a hold.
pub type HoldId = Id<of::Hold>;
/// Identifies the erasure of a person's data.
pub type ErasureId = Id<of::Erasure>;

impl<Of> Id<Of> {
    /// The id of a moment and 10 random bytes (`UUIDv7`: sorts by time of creation).
    #[must_use]
    pub fn new(unix_milliseconds: u64, random: &[u8; 10]) -> Self {
        Self::from_uuid(uuid::Builder::from_unix_timestamp_millis(unix_milliseconds, random).into_uuid())
    }

    /// The id that a UUID is.
    #[must_use]
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self { uuid, of: PhantomData }
    }

    /// The UUID that the id is.
    #[must_use]
    pub const fn uuid(self) -> Uuid {
        self.uuid
    }
}

impl<Of> Clone for Id<Of> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<Of> Copy for Id<Of> {}
impl<Of> PartialEq for Id<Of> {
    fn eq(&self, other: &Self) -> bool {
        self.uuid == other.uuid
    }
}
impl<Of> Eq for Id<Of> {}
impl<Of> PartialOrd for Id<Of> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<Of> Ord for Id<Of> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.uuid.cmp(&other.uuid)
    }
}
impl<Of> Hash for Id<Of> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.uuid.hash(state);
    }
}
impl<Of> fmt::Display for Id<Of> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.uuid.hyphenated().fmt(f)
    }
}
impl<Of> fmt::Debug for Id<Of> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is not an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an id is a UUID such as 0192f0c1-8a5e-7c3e-9d1a-3f1b2c4d5e6f")]
pub struct InvalidId;

impl<Of> FromStr for Id<Of> {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uuid::try_parse(text).map(Self::from_uuid).map_err(|_| InvalidId)
    }
}
impl<Of> Serialize for Id<Of> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
impl<'de, Of> Deserialize<'de> for Id<Of> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl<Of> PartialSchema for Id<Of> {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::Custom("uuid".into())))
            .description(Some("An id of ours: a UUID."))
            .into()
    }
}
impl<Of> ToSchema for Id<Of> {
    /// One name for every kind of thing: the fields say of what it is.
    fn name() -> std::borrow::Cow<'static, str> {
        "Id".into()
    }
}

/// `user.id` in Moodle: a pupil, or an adult's account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct MoodleUserId(pub i64);

/// A link's id. An integer, because Moodle stores it in `role_assignments.itemid`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct LinkId(pub i64);

/// `context.id` in Moodle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct ContextId(pub i64);

/// `role.id` in Moodle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct RoleId(pub i64);

macro_rules! display_integer {
    ($($type:ty),*) => { $(impl fmt::Display for $type {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { self.0.fmt(f) }
    })* };
}
display_integer!(MoodleUserId, LinkId, ContextId, RoleId);

#[cfg(test)]
mod tests {
    use super::{InvalidId, RequestId};

    #[test]
    fn ids_sort_by_the_moment_they_were_made_and_survive_text_and_json() {
        let early = RequestId::new(1_000, &[255; 10]);
        let late = RequestId::new(1_001, &[0; 10]);
        assert!(early < late);
        assert_eq!(early.to_string().parse(), Ok(early));
        let json = serde_json::to_string(&early).unwrap();
        assert_eq!(serde_json::from_str::<RequestId>(&json).unwrap(), early);
        assert_eq!("K7QX-2M9D".parse::<RequestId>(), Err(InvalidId));
    }
}
