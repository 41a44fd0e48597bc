//! Single facts that `explain` and `doctor` ask for, one statement each.

use std::collections::{BTreeMap, BTreeSet};

use kinlink_db::{DbError, Fault, Int, Session, Value};
use kinlink_domain::ids::{ContextId, MoodleUserId, RoleId};

use crate::{MoodleError, Prefix, connection::sql, schema};

/// Whether a role allows a capability in the system context: `CAP_ALLOW` is 1, and a definition applies everywhere.
///
/// # Errors
/// [`MoodleError::Db`].
pub async fn role_allows(
    session: &mut impl Session,
    prefix: &Prefix,
    role: RoleId,
    capability: &str,
) -> Result<bool, MoodleError> {
    let text = "SELECT rc.permission FROM {p}role_capabilities rc JOIN {p}context c ON c.id = rc.contextid WHERE \
                rc.roleid = ? AND rc.capability = ? AND c.contextlevel = 10";
    let row: Option<(Int,)> =
        session.fetch_optional(&sql(prefix, text), [role.0.into(), Value::from(capability)]).await?;
    Ok(row.is_some_and(|(permission,)| permission.0 == 1))
}

/// When our role row was written (seconds since 1970); `None` when it is not there.
///
/// # Errors
/// [`MoodleError::Db`].
pub async fn role_row(
    session: &mut impl Session,
    prefix: &Prefix,
    component: &str,
    role: RoleId,
    context: ContextId,
    user: MoodleUserId,
) -> Result<Option<i64>, MoodleError> {
    let text = "SELECT timemodified FROM {p}role_assignments WHERE component = ? AND roleid = ? AND contextid = ? AND \
                userid = ? ORDER BY id LIMIT 1";
    let args = [component.into(), role.0.into(), context.0.into(), Value::from(user.0)];
    let row: Option<(i64,)> = session.fetch_optional(&sql(prefix, text), args).await?;
    Ok(row.map(|(at,)| at))
}

/// Whether the user has an open session that is older than `since` and was not told by a dirty flag.
///
/// # Errors
/// [`MoodleError::Db`].
pub async fn has_stale_session(
    session: &mut impl Session,
    prefix: &Prefix,
    user: MoodleUserId,
    since: i64,
) -> Result<bool, MoodleError> {
    let clock = session.engine().clock_seconds();
    let text = format!(
        "SELECT COUNT(*) FROM {{p}}sessions s WHERE s.userid = ? AND s.timecreated < ? AND NOT EXISTS (SELECT 1 FROM \
         {{p}}cache_flags f WHERE f.flagtype = 'accesslib/dirtyusers' AND f.name = ? AND f.value = '1' AND \
         f.timemodified >= ? AND f.expiry >= {clock}) AND s.timemodified >= {clock} - 86400"
    );
    let args = [user.0.into(), since.into(), user.to_string().into(), Value::from(since)];
    let row: Option<(i64,)> = session.fetch_optional(&sql(prefix, &text), args).await?;
    Ok(row.is_some_and(|(count,)| count > 0))
}

/// What Kinlink writes, each as a statement that finds no row: the server looks at the rights all the same.
const WRITES: [&str; 9] = [
    "INSERT INTO {p}context (contextlevel, instanceid, depth, locked) SELECT contextlevel, instanceid, depth, locked FROM \
     {p}context WHERE 1 = 0",
    "UPDATE {p}context SET path = path, depth = depth WHERE 1 = 0",
    "INSERT INTO {p}role_assignments (roleid, contextid, userid, timemodified, modifierid, component, itemid, sortorder) \
     SELECT roleid, contextid, userid, timemodified, modifierid, component, itemid, sortorder FROM {p}role_assignments \
     WHERE 1 = 0",
    "DELETE FROM {p}role_assignments WHERE 1 = 0",
    "UPDATE {p}role_assignments SET component = component, itemid = itemid WHERE 1 = 0",
    "INSERT INTO {p}cache_flags (flagtype, name, timemodified, value, expiry) SELECT flagtype, name, timemodified, value, \
     expiry FROM {p}cache_flags WHERE 1 = 0",
    "UPDATE {p}cache_flags SET timemodified = timemodified, value = value, expiry = expiry WHERE 1 = 0",
    "UPDATE {p}task_scheduled SET nextruntime = nextruntime WHERE 1 = 0",
    "DELETE FROM {p}sessions WHERE 1 = 0",
];

/// The tables and columns that Kinlink needs and this database lacks or the user has no right to, as the database words it;
/// when all can be read and this process `writes`, what may not be written. Changes nothing.
///
/// # Errors
/// [`MoodleError::Db`] when the database cannot be asked at all.
pub async fn missing_schema(
    session: &mut impl Session,
    prefix: &Prefix,
    writes: bool,
) -> Result<Vec<String>, MoodleError> {
    let mut missing = Vec::new();
    let mut note = |error: DbError| match error.fault() {
        Fault::Schema | Fault::Denied => {
            missing.push(error.to_string());
            Ok(())
        }
        _ => Err(error),
    };
    let mut readable = true;
    for (table, columns) in schema::USED {
        // No row comes, so none is decoded. Not in a derived table: MariaDB checks the columns of one only when the
        // statement is prepared, and would not see a right that was revoked since then on the same connection.
        let text = format!("SELECT {} FROM {{p}}{table} WHERE 1 = 0", columns.join(", "));
        if let Err(error) = session.fetch_all::<(i64,)>(&sql(prefix, &text), []).await {
            readable = false;
            note(error)?;
        }
    }
    for text in WRITES.iter().filter(|_| readable && writes) {
        if let Err(error) = session.execute(&sql(prefix, text), []).await {
            note(error)?;
        }
    }
    Ok(missing)
}

/// How many accounts sign in by the external database, are not suspended, and have none of our login rows: those that the
/// next synchronisation would suspend. `names` are the user names of our login rows.
///
/// # Errors
/// [`MoodleError::Db`].
pub async fn accounts_without_login_row(
    session: &mut impl Session,
    prefix: &Prefix,
    names: &BTreeSet<String>,
) -> Result<u64, MoodleError> {
    let text = "SELECT username FROM {p}user WHERE auth = 'db' AND deleted = 0 AND suspended = 0";
    let rows: Vec<(String,)> = session.fetch_all(&sql(prefix, text), []).await?;
    Ok(rows.iter().filter(|(name,)| !names.contains(name)).count() as u64)
}

/// How many accounts that sign in by the external database have another address than their login row. `addresses` are those
/// of our login rows by their user names; upper and lower case are one.
///
/// # Errors
/// [`MoodleError::Db`].
pub async fn accounts_with_another_address(
    session: &mut impl Session,
    prefix: &Prefix,
    addresses: &BTreeMap<String, String>,
) -> Result<u64, MoodleError> {
    let text = "SELECT username, email FROM {p}user WHERE auth = 'db' AND deleted = 0 AND suspended = 0";
    let rows: Vec<(String, String)> = session.fetch_all(&sql(prefix, text), []).await?;
    let differs = |(name, email): &&(String, String)| {
        addresses.get(name).is_some_and(|ours| ours.to_lowercase() != email.to_lowercase())
    };
    Ok(rows.iter().filter(differs).count() as u64)
}
