//! Coming in by a link: whoever can run the command line owns the system, so it may let somebody in. That is how one signs in
//! on a machine without the school's sign-in, and everywhere when that is out of order.
//!
//! A link works once and for ten minutes. Looking at its page uses nothing up.

use kinlink_domain::{
    Timestamp,
    staff::{Actor, Permission, StaffRole},
};
use kinlink_store::{audit, sessions::Way, sign_ins};
use serde_json::json;

use super::{Newcomer, SignedIn, UNDER_WAY, after, let_in};
use crate::{App, ServiceError, access::require, app::hash, error::retry_races};

/// Who vouches for people who come by a link; no provider's issuer, which is an address.
pub(crate) const ISSUER: &str = "link";

/// A link at the only moment when its secret can be seen.
#[derive(Debug, Clone)]
pub struct Link {
    /// The last part of its address.
    pub token: String,
    /// From when on it does not work.
    pub expires_at: Timestamp,
}

/// Makes a link for whoever may run the command line.
///
/// # Errors
/// [`ServiceError::Forbidden`], the store.
pub async fn mint(app: &App, actor: &Actor, role: StaffRole) -> Result<Link, ServiceError> {
    require(actor, Permission::Administer)?;
    let token = app.new_secret();
    let link = sign_ins::Link {
        token_hash: hash(&token),
        role,
        created_by: actor.name.clone(),
        created_at: app.now(),
        expires_at: after(app.now(), UNDER_WAY),
    };
    let mut tx = app.store.begin().await?;
    sign_ins::insert_link(&mut tx, &link).await?;
    let entry = audit::Entry::new("staff.link_minted", actor.name.clone(), json!({ "role": role }));
    audit::write(&mut tx, actor, app.now(), &[entry]);
    tx.commit().await?;
    Ok(Link { token, expires_at: link.expires_at })
}

/// Uses a link up. `earlier` is the secret of the session that the browser had before.
///
/// # Errors
/// [`ServiceError::Refused`] `link_over` for one that was used, is too old or never was; the store.
pub async fn enter(app: &App, token: &str, earlier: Option<&str>) -> Result<SignedIn, ServiceError> {
    retry_races!(enter_once(app, token, earlier))
}

async fn enter_once(app: &App, token: &str, earlier: Option<&str>) -> Result<SignedIn, ServiceError> {
    let mut tx = app.store.begin().await?;
    let link = sign_ins::take_link(&mut tx, &hash(token)).await?.filter(|link| app.now() < link.expires_at);
    let link = link.ok_or_else(|| {
        ServiceError::refused("link_over", "a link works once and for ten minutes; run `kinlink sign-in` for a new one")
    })?;
    let newcomer = Newcomer {
        issuer: ISSUER,
        subject: &link.created_by,
        name: link.created_by.trim_start_matches("cli:"),
        email: None,
        role: link.role,
        way: Way::Link,
        id_token: None,
        authenticated_at: Some(app.now()),
        detail: json!({ "way": "link", "role": link.role, "link_by": link.created_by }),
    };
    let signed_in = let_in(app, &mut tx, newcomer, earlier).await?;
    tx.commit().await?;
    Ok(signed_in)
}
