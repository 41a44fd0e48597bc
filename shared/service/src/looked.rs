//! Who looked at what is sensitive: noted in the audit, once within a quarter of an hour.

use jiff::SignedDuration;
use kinlink_domain::{Timestamp, staff::Actor};
use kinlink_store::audit;
use serde_json::json;

use crate::{App, ServiceError};

/// Within this time the same person's further looks at the same thing are one.
const ONE_LOOK: SignedDuration = SignedDuration::from_mins(15);

/// What the action of such an entry ends with.
const LOOKED: &str = ".view";

/// Whether an action is a look. Only the audit shows them, and only to administrators.
pub(crate) fn is_look(action: &str) -> bool {
    action.ends_with(LOOKED)
}

/// Notes that somebody looks at a record: `kind.view` of `kind:id`. Nothing is shown where it cannot be noted.
///
/// # Errors
/// The store.
pub(crate) async fn note(app: &App, actor: &Actor, kind: &str, id: impl std::fmt::Display) -> Result<(), ServiceError> {
    let (action, subject) = (format!("{kind}{LOOKED}"), format!("{kind}:{id}"));
    let since = app.now().checked_sub(ONE_LOOK).unwrap_or(Timestamp::MIN);
    if audit::did_since(&mut app.store.acquire().await?, actor, &action, &subject, since).await? {
        return Ok(());
    }
    let mut tx = app.store.begin().await?;
    audit::write(&mut tx, actor, app.now(), &[audit::Entry::new(action, subject, json!({}))]);
    Ok(tx.commit().await?)
}
