//! Which user name a new account gets: the first one for its address that nobody has, here or in Moodle.
//!
//! Staff are shown it before they approve, and approving asks again: what was shown is a forecast, the unique key decides.

use kinlink_domain::{email::EmailAddress, username};
use kinlink_moodle::{Prefix, users};
use kinlink_store::{
    Connection, Session,
    accounts::{self, Adult},
};

use crate::ServiceError;

/// How many names are looked at in one step, and in how many steps.
const STEPS: [std::ops::Range<u32>; 3] = [1..10, 10..100, 100..1_000];

/// What the names of one Moodle are made by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    /// Whether `extendedusernamechars` is on.
    pub(crate) extended: bool,
    /// This Moodle's own host.
    pub(crate) host: i64,
}

/// A name that is free, and the adults who have one of the names that were looked at.
#[derive(Debug)]
pub(crate) struct Looked {
    /// None when a thousand names are taken.
    pub(crate) name: Option<String>,
    /// Adults with names like it.
    pub(crate) neighbours: Vec<Adult>,
}

/// The first free user name for an address: two statements where one of the first nine is free.
///
/// # Errors
/// Moodle's database, the store.
pub(crate) async fn first_free(
    store: &mut impl Session,
    moodle: &mut Connection,
    prefix: &Prefix,
    rules: Rules,
    email: &EmailAddress,
) -> Result<Looked, ServiceError> {
    let mut neighbours = Vec::new();
    for numbers in STEPS {
        let names: Vec<String> = numbers.map(|number| username::propose(email, rules.extended, number)).collect();
        let ours = accounts::adults_by_username(store, &names).await?;
        let theirs = users::by_usernames(moodle, prefix, rules.host, &names).await?;
        let is_free = |name: &&String| {
            ours.iter().all(|adult| adult.username.as_ref() != Some(*name))
                && theirs.iter().all(|user| user.username != **name)
        };
        let name = names.iter().find(is_free).cloned();
        neighbours.extend(ours);
        if name.is_some() {
            return Ok(Looked { name, neighbours });
        }
    }
    Ok(Looked { name: None, neighbours })
}
