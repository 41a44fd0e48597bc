//! What adults and Moodle users are called, for lists that hold ids only: plans, findings, rows that are left alone.

use std::collections::{BTreeMap, BTreeSet};

use kinlink_domain::{
    ids::{AdultId, MoodleUserId},
    staff::{Actor, Permission},
};
use kinlink_store::accounts;

use super::people;
use crate::{App, ServiceError, access::require};

/// What some people are called; those that nobody knows any more are missing.
#[derive(Debug, Clone, Default)]
pub struct Names {
    /// Adults, by their id.
    pub adults: BTreeMap<AdultId, String>,
    /// Pupils and other users, by their id in Moodle.
    pub users: BTreeMap<MoodleUserId, String>,
}

/// What some people are called: one statement to the store, one to Moodle. Without Moodle its users' names are missing.
///
/// # Errors
/// [`ServiceError::Forbidden`], the store.
pub async fn names(
    app: &App,
    actor: &Actor,
    adults: BTreeSet<AdultId>,
    users: BTreeSet<MoodleUserId>,
) -> Result<Names, ServiceError> {
    require(actor, Permission::Read)?;
    let adults: Vec<AdultId> = adults.into_iter().collect();
    let adults = match adults.as_slice() {
        [] => Vec::new(),
        some => accounts::adults(&mut app.store.acquire().await?, some).await?,
    };
    let users = match people(app, None, users).await {
        Ok((users, _)) => users,
        Err(error) => {
            tracing::warn!(%error, "a list is shown without the names of Moodle's users");
            Vec::new()
        }
    };
    Ok(Names {
        adults: adults.into_iter().map(|a| (a.id, format!("{} {}", a.given_name, a.family_name))).collect(),
        users: users.into_iter().map(|user| (user.id, user.name)).collect(),
    })
}
