//! Leases: one holder at a time, for a while. A holder that dies loses the lease when it runs out.

use kinlink_db::{Session, Value};
use kinlink_domain::{Timestamp, ids::CycleId};

use crate::{StoreError, time::millis};

/// The provisioner's lease.
pub const PROVISIONER: &str = "provisioner";

/// Takes a lease, or renews one's own. `false` when somebody else holds it.
///
/// # Errors
/// [`StoreError`].
pub async fn take(
    session: &mut impl Session,
    name: &str,
    holder: CycleId,
    now: Timestamp,
    until: Timestamp,
) -> Result<bool, StoreError> {
    let update = "UPDATE leases SET holder = ?, expires_at = ? WHERE name = ? AND (holder = ? OR expires_at < ?)";
    let args = [
        holder.to_string().into(),
        millis(until).into(),
        name.into(),
        holder.to_string().into(),
        Value::from(millis(now)),
    ];
    if session.execute(update, args).await? == 1 {
        return Ok(true);
    }
    // A refused INSERT would end the caller's transaction on PostgreSQL; this one leaves another's row as it is.
    let insert =
        format!("INSERT INTO leases (name, holder, expires_at) VALUES (?, ?, ?){}", session.engine().or_ignore("name"));
    session.execute(&insert, [name.into(), holder.to_string().into(), Value::from(millis(until))]).await?;
    let held: Option<(String,)> =
        session.fetch_optional("SELECT holder FROM leases WHERE name = ?", [name.into()]).await?;
    Ok(held.is_some_and(|(by,)| by == holder.to_string()))
}

/// Gives a lease back. Harmless when it was lost meanwhile.
///
/// # Errors
/// [`StoreError`].
pub async fn give_back(session: &mut impl Session, name: &str, holder: CycleId) -> Result<(), StoreError> {
    let sql = "DELETE FROM leases WHERE name = ? AND holder = ?";
    session.execute(sql, [name.into(), Value::from(holder.to_string())]).await?;
    Ok(())
}
