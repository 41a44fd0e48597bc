//! Reading and changing the school's settings.

use kinlink_domain::{
    policy::{Policy, SETTINGS},
    staff::{Actor, Permission},
};
use kinlink_store::{audit, settings};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use crate::{App, ServiceError, access::require};

/// A setting as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Setting)]
pub struct SettingView {
    /// Its name.
    pub name: &'static str,
    /// Its value.
    pub value: String,
    /// What it means.
    pub meaning: &'static str,
}

/// Every setting of a policy, in the order in which people read them.
#[must_use]
pub fn views(policy: &Policy) -> Vec<SettingView> {
    let view = |setting: &kinlink_domain::policy::Setting| SettingView {
        name: setting.name,
        value: (setting.get)(policy),
        meaning: setting.meaning,
    };
    SETTINGS.iter().map(view).collect()
}

/// Every setting as it stands.
///
/// # Errors
/// [`ServiceError::Forbidden`], the store, a stored value that does not fit.
pub async fn list(app: &App, actor: &Actor) -> Result<Vec<SettingView>, ServiceError> {
    require(actor, Permission::Administer)?;
    Ok(views(&app.policy().await?))
}

/// Sets one setting; gives the settings as they then stand.
///
/// # Errors
/// [`ServiceError::Forbidden`]; [`ServiceError::Setting`] for an unknown name or a value that does not fit, and, after
/// storing, while another stored value does not fit; the store.
pub async fn set(app: &App, actor: &Actor, name: &str, value: &str) -> Result<Policy, ServiceError> {
    require(actor, Permission::Administer)?;
    // Checked against the defaults: a stored value that does not fit must not keep people from mending it.
    Policy::default().set(name, value)?;
    let mut tx = app.store.begin().await?;
    // As it was in force: one that nobody set has its default.
    let stored = settings::all(&mut tx).await?.into_iter().find(|(known, _)| known == name);
    let default = SETTINGS.iter().find(|setting| setting.name == name).map(|setting| (setting.get)(&Policy::default()));
    let from = stored.map(|(_, value)| value).or(default);
    settings::set(&mut tx, name, value.trim(), &actor.name, app.now()).await?;
    let entry =
        audit::Entry::new("setting.set", format!("setting:{name}"), json!({ "from": from, "value": value.trim() }));
    audit::write(&mut tx, actor, app.now(), &[entry]);
    tx.commit().await?;
    app.policy().await
}
