//! Whether the audit is what was written: the walk along its chain, for whoever has to be sure.

use std::cmp::Ordering;

use kinlink_domain::{
    audit_chain::{Broken, End},
    staff::{Actor, Permission},
};
use kinlink_store::audit;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{App, ServiceError, access::require};

/// What a walk along the audit's chain found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = AuditVerification)]
pub struct Verification {
    /// Whether every entry is what was written.
    pub whole: bool,
    /// How many entries were looked at.
    pub entries: u64,
    /// Entries up to this one are not in the chain: they are older than it, or have been purged.
    pub first: End,
    /// The chain's end. Note it where nobody can change it: a later verification can be held to it.
    pub last: End,
    /// What is wrong.
    #[schema(required)]
    pub broken: Option<Fault>,
}

/// The first entry that is not what was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = AuditFault)]
pub struct Fault {
    /// Its number.
    pub seq: i64,
    /// What is wrong with it.
    pub detail: String,
}

impl From<Broken> for Fault {
    fn from(broken: Broken) -> Self {
        Self { seq: broken.seq(), detail: broken.to_string() }
    }
}

/// Walks along the whole chain. `noted` is an end of it that was noted earlier, elsewhere: the chain must go through it.
/// Without one, a chain that somebody made anew as a whole cannot be told from the old one.
///
/// # Errors
/// [`ServiceError::Forbidden`], the store.
pub async fn verify(app: &App, actor: &Actor, noted: Option<&End>) -> Result<Verification, ServiceError> {
    require(actor, Permission::Administer)?;
    let mut store = app.store.acquire().await?;
    let found = audit::verify(&mut store).await?;
    let mut broken = found.broken.map(Fault::from);
    if let (None, Some(noted)) = (&broken, noted) {
        let at = audit::list_onwards(&mut store, &audit::Filter::default(), noted.seq - 1, 1).await?.pop();
        let goes_through = match noted.seq.cmp(&found.first.seq) {
            Ordering::Less => false,
            Ordering::Equal => noted.hash == found.first.hash,
            Ordering::Greater => {
                at.is_some_and(|entry| entry.seq == noted.seq && entry.hash.as_deref() == Some(noted.hash.as_str()))
            }
        };
        let detail = if noted.seq < found.first.seq {
            // Retention takes the oldest; so would somebody who made the rest anew.
            format!(
                "entry {} is not kept any more, so nothing tells that the chain goes through it; note newer ends",
                noted.seq
            )
        } else {
            format!("entry {} is not the one that was noted: the chain was made anew", noted.seq)
        };
        broken = (!goes_through).then_some(Fault { seq: noted.seq, detail });
    }
    Ok(Verification { whole: broken.is_none(), entries: found.entries, first: found.first, last: found.last, broken })
}
