//! The pupils that Moodle has.

use kinlink_domain::{
    matching::{Pupil, Register},
    policy::Policy,
    staff::{Actor, Permission},
};
use kinlink_moodle::{pupils, site};

use crate::{App, ServiceError, access::require};

/// Every pupil, ready for matching.
pub(crate) async fn register(app: &App, policy: &Policy) -> Result<Register, ServiceError> {
    let mut moodle = app.moodle.connect().await?;
    let prefix = app.moodle.prefix();
    let site = site::read(&mut moodle, prefix, policy).await?;
    Ok(Register::new(pupils::all(&mut moodle, prefix, policy, &site).await?))
}

/// Pupils that contain every word, at most `limit`.
///
/// # Errors
/// [`ServiceError::Forbidden`], Moodle, the store.
pub async fn search_pupils(app: &App, actor: &Actor, query: &str, limit: usize) -> Result<Vec<Pupil>, ServiceError> {
    require(actor, Permission::Read)?;
    let policy = app.policy().await?;
    Ok(register(app, &policy).await?.search(query).take(limit).cloned().collect())
}
