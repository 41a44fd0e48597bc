//! The school's settings, by name. Their meaning and checks are `domain::policy`.

use kinlink_db::{Session, Value};
use kinlink_domain::Timestamp;

use crate::{StoreError, time::millis};

/// Every stored setting as (name, value).
///
/// # Errors
/// [`StoreError`].
pub async fn all(session: &mut impl Session) -> Result<Vec<(String, String)>, StoreError> {
    Ok(session.fetch_all("SELECT name, value FROM settings ORDER BY name", []).await?)
}

/// Stores a setting over what was there.
///
/// # Errors
/// [`StoreError`].
pub async fn set(
    session: &mut impl Session,
    name: &str,
    value: &str,
    by: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let sql = format!(
        "INSERT INTO settings (name, value, changed_at, changed_by) VALUES (?, ?, ?, ?){}",
        session.engine().or_update("name", &["value", "changed_at", "changed_by"])
    );
    session.execute(&sql, [name.into(), value.into(), millis(now).into(), Value::from(by)]).await?;
    Ok(())
}
