//! Facts about the whole Moodle that everything else needs: read once a cycle, in three statements.

use std::collections::{BTreeSet, HashMap};

use kinlink_db::{Int, Session, Value, in_list};
use kinlink_domain::{
    ids::{ContextId, MoodleUserId, RoleId},
    policy::Policy,
};
use sqlx::FromRow;

use crate::{MoodleError, Prefix, connection::sql};

/// `contextlevel` of the whole site.
pub const CONTEXT_SYSTEM: i64 = 10;
/// `contextlevel` of a user.
pub const CONTEXT_USER: i64 = 30;
/// `contextlevel` of a course category.
pub const CONTEXT_CATEGORY: i64 = 40;

/// What a cycle knows of the site.
#[derive(Debug, Clone)]
pub struct Site {
    /// `mnet_localhost_id`: accounts of this Moodle have it as `mnethostid`.
    pub local_host: i64,
    /// Seconds a session lives: how long a dirty flag must last.
    pub session_timeout: i64,
    /// Whether user names may hold more than plain characters.
    pub extended_usernames: bool,
    /// Users who can never be pupils: the guest and the site administrators.
    pub never_pupils: BTreeSet<MoodleUserId>,
    /// Whether the external-database authentication is switched on.
    pub auth_db_enabled: bool,
    /// `release`, for people to read.
    pub release: String,
    /// Path of the system context, such as `/1`.
    pub system_path: String,
    /// The role that links an adult to a pupil.
    pub link_role: RoleId,
    /// The role for static contexts.
    pub static_role: RoleId,
    /// The static contexts that can be used.
    pub static_contexts: Vec<ContextId>,
    /// The static contexts of the policy that cannot be used: missing, or neither system nor category.
    pub refused_contexts: Vec<ContextId>,
}

#[derive(FromRow)]
struct RoleRow {
    id: i64,
    shortname: String,
    in_users: Int,
}

/// A role of Moodle's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// `role.id`.
    pub id: RoleId,
    /// Whether it may be assigned in user contexts.
    pub in_users: bool,
}

/// Roles by their short names.
///
/// # Errors
/// [`MoodleError::Db`].
pub async fn roles(
    session: &mut impl Session,
    prefix: &Prefix,
    names: &[&str],
) -> Result<HashMap<String, Role>, MoodleError> {
    let text = format!(
        "SELECT r.id, r.shortname, CASE WHEN EXISTS (SELECT 1 FROM {{p}}role_context_levels l WHERE l.roleid = r.id AND \
         l.contextlevel = 30) THEN 1 ELSE 0 END AS in_users FROM {{p}}role r WHERE r.shortname IN {}",
        in_list(names.len())
    );
    let args: Vec<Value> = names.iter().map(|name| (*name).into()).collect();
    let rows: Vec<RoleRow> = session.fetch_all(&sql(prefix, &text), args).await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.shortname, Role { id: RoleId(row.id), in_users: row.in_users.is_set() }))
        .collect())
}

/// Settings of Moodle's `config` table by their names.
///
/// # Errors
/// [`MoodleError::Db`].
pub async fn config(
    session: &mut impl Session,
    prefix: &Prefix,
    names: &[&str],
) -> Result<HashMap<String, String>, MoodleError> {
    let text = format!("SELECT name, value FROM {{p}}config WHERE name IN {}", in_list(names.len()));
    let args: Vec<Value> = names.iter().map(|name| (*name).into()).collect();
    let rows: Vec<(String, String)> = session.fetch_all(&sql(prefix, &text), args).await?;
    Ok(rows.into_iter().collect())
}

/// `mnet_localhost_id` alone, for questions that need no more of the site. Taken for 1, Moodle's own first host, where it is
/// not set; a cycle refuses such a Moodle ([`read`]).
///
/// # Errors
/// [`MoodleError::Db`].
pub async fn local_host(session: &mut impl Session, prefix: &Prefix) -> Result<i64, MoodleError> {
    let name = "mnet_localhost_id";
    let found = config(session, prefix, &[name]).await?;
    Ok(found.get(name).and_then(|id| id.parse().ok()).unwrap_or(1))
}

/// Settings of one plugin.
///
/// # Errors
/// [`MoodleError::Db`].
pub async fn plugin_config(
    session: &mut impl Session,
    prefix: &Prefix,
    plugin: &str,
    names: &[&str],
) -> Result<HashMap<String, String>, MoodleError> {
    let text =
        format!("SELECT name, value FROM {{p}}config_plugins WHERE plugin = ? AND name IN {}", in_list(names.len()));
    let mut args: Vec<Value> = vec![plugin.into()];
    args.extend(names.iter().map(|name| Value::from(*name)));
    let rows: Vec<(String, String)> = session.fetch_all(&sql(prefix, &text), args).await?;
    Ok(rows.into_iter().collect())
}

/// Reads the site and checks what a cycle relies on.
///
/// # Errors
/// [`MoodleError::NoSetting`], [`MoodleError::NoSystemContext`], [`MoodleError::NoRole`] and
/// [`MoodleError::RoleNotAssignable`]: the cycle must not write then.
pub async fn read(session: &mut impl Session, prefix: &Prefix, policy: &Policy) -> Result<Site, MoodleError> {
    let names =
        ["mnet_localhost_id", "sessiontimeout", "extendedusernamechars", "siteguest", "siteadmins", "auth", "release"];
    let settings = config(session, prefix, &names).await?;
    let number = |name: &'static str| {
        settings.get(name).and_then(|value| value.parse::<i64>().ok()).ok_or(MoodleError::NoSetting(name))
    };
    let text = |name: &str| settings.get(name).cloned().unwrap_or_default();

    let mut found = roles(session, prefix, &[&policy.link_role, &policy.static_role]).await?;
    let link_role = found
        .get(&policy.link_role)
        .cloned()
        .ok_or_else(|| MoodleError::NoRole(policy.link_role.clone(), "link_role"))?;
    if !link_role.in_users {
        return Err(MoodleError::RoleNotAssignable(policy.link_role.clone()));
    }
    let static_role = found
        .remove(&policy.static_role)
        .ok_or_else(|| MoodleError::NoRole(policy.static_role.clone(), "static_role"))?;

    let contexts = format!(
        "SELECT id, contextlevel, path FROM {{p}}context WHERE contextlevel = ? OR id IN {}",
        in_list(policy.static_contexts.len())
    );
    let mut args: Vec<Value> = vec![CONTEXT_SYSTEM.into()];
    args.extend(policy.static_contexts.iter().map(|context| Value::from(context.0)));
    let contexts: Vec<(i64, i64, Option<String>)> = session.fetch_all(&sql(prefix, &contexts), args).await?;
    let system = contexts.iter().find(|(_, level, _)| *level == CONTEXT_SYSTEM).ok_or(MoodleError::NoSystemContext)?;
    // A role in a user context would show one child to every parent; one in a course would turn into a manual role when
    // the course is restored (`reference/enrolment.md` V9).
    let (static_contexts, refused_contexts) = policy.static_contexts.iter().partition(|wanted| {
        contexts.iter().any(|(id, level, _)| *id == wanted.0 && matches!(*level, CONTEXT_SYSTEM | CONTEXT_CATEGORY))
    });

    let administrators = text("siteadmins");
    let never = administrators.split(',').filter_map(|id| id.trim().parse().ok()).chain(number("siteguest").ok());
    Ok(Site {
        local_host: number("mnet_localhost_id")?,
        session_timeout: number("sessiontimeout").unwrap_or(28_800),
        extended_usernames: text("extendedusernamechars") == "1",
        never_pupils: never.map(MoodleUserId).collect(),
        auth_db_enabled: text("auth").split(',').any(|name| name.trim() == "db"),
        release: text("release"),
        system_path: system.2.clone().unwrap_or_else(|| format!("/{}", system.0)),
        link_role: link_role.id,
        static_role: static_role.id,
        static_contexts,
        refused_contexts,
    })
}
