//! Staff roles, what each may do, and which roles elsewhere mean them.

use std::{fmt, str::FromStr};

use crate::request::coded;

coded! {
    /// The role of a member of staff or of a script's token. Each may do what those before it may.
    StaffRole {
        /// Reads requests, pupils, links and cycles.
        Viewer = "viewer",
        /// Decides.
        Approver = "approver",
        /// Decides, and sees and places what concerns safeguarding.
        Safeguarding = "safeguarding",
        /// Also changes settings, tokens and sources.
        Administrator = "administrator",
    }
}

coded! {
    /// What a role may be needed for.
    Permission {
        /// See requests, claims, pupils, links, login rows and cycles.
        Read = "read",
        /// See what was written about people: notes, reasons, suspicions, the adult's own words, the submission as it came.
        ReadNotes = "read_notes",
        /// Decide on requests, correct them, revoke login rows.
        Decide = "decide",
        /// See, place and release holds.
        Hold = "hold",
        /// Start a cycle, apply a plan.
        RunCycle = "run_cycle",
        /// Change settings, tokens and sources.
        Administer = "administer",
    }
}

impl StaffRole {
    /// Whether the role carries the permission.
    #[must_use]
    pub fn may(self, permission: Permission) -> bool {
        self >= match permission {
            Permission::Read => Self::Viewer,
            Permission::ReadNotes | Permission::Decide | Permission::RunCycle => Self::Approver,
            Permission::Hold => Self::Safeguarding,
            Permission::Administer => Self::Administrator,
        }
    }
}

/// Which of a provider's roles or groups mean which role here: `viewer=teachers approver=office,head administrator=it`.
///
/// Names are separated by commas and may hold spaces; nothing else separates them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleMap(Vec<(StaffRole, Vec<String>)>);

/// A text that is not a [`RoleMap`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "roles here and their names at the provider, such as viewer=teachers approver=office,head administrator=it \
     (viewer, approver, safeguarding, administrator; each at most once)"
)]
pub struct InvalidRoleMap;

impl RoleMap {
    /// The highest role that somebody with these roles elsewhere has here.
    #[must_use]
    pub fn highest<'a>(&self, elsewhere: impl IntoIterator<Item = &'a str>) -> Option<StaffRole> {
        let meant = |name: &str| {
            self.0.iter().filter(|(_, names)| names.iter().any(|n| n == name)).map(|(role, _)| *role).max()
        };
        elsewhere.into_iter().filter_map(meant).max()
    }
}

impl FromStr for RoleMap {
    type Err = InvalidRoleMap;

    fn from_str(text: &str) -> Result<Self, InvalidRoleMap> {
        // A word with `=` begins the next role; any other belongs to the name before it.
        let mut parts: Vec<(StaffRole, String)> = Vec::new();
        for word in text.split_whitespace() {
            if let Some((code, names)) = word.split_once('=') {
                let role = StaffRole::from_code(code).ok_or(InvalidRoleMap)?;
                if names.contains('=') || parts.iter().any(|(known, _)| *known == role) {
                    return Err(InvalidRoleMap);
                }
                parts.push((role, names.to_owned()));
            } else {
                let (_, names) = parts.last_mut().ok_or(InvalidRoleMap)?;
                names.push(' ');
                names.push_str(word);
            }
        }
        let split = |names: String| -> Option<Vec<String>> {
            let names: Vec<String> = names.split(',').map(|name| name.trim().to_owned()).collect();
            names.iter().all(|name| !name.is_empty()).then_some(names)
        };
        let map: Option<Vec<_>> = parts.into_iter().map(|(role, names)| Some((role, split(names)?))).collect();
        map.filter(|map| !map.is_empty()).map(Self).ok_or(InvalidRoleMap)
    }
}

impl fmt::Display for RoleMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (role, names)) in self.0.iter().enumerate() {
            write!(f, "{}{role}={}", if place == 0 { "" } else { " " }, names.join(","))?;
        }
        Ok(())
    }
}

/// Who does something: what the audit names.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Actor {
    /// The kind of actor and who exactly: `staff:<id>`, `token:<id>`, `cli:<user>`, `system`, `parent`, `source:<id>`.
    pub name: String,
    /// Their role; `None` for the system and for parents, who never decide.
    pub role: Option<StaffRole>,
}

impl Actor {
    /// Kinlink itself: the provisioner, expiry.
    #[must_use]
    pub fn system() -> Self {
        Self { name: "system".into(), role: None }
    }

    /// The adult, by a link that was mailed to them.
    #[must_use]
    pub fn parent() -> Self {
        Self { name: "parent".into(), role: None }
    }

    /// Whether this actor may do what needs the permission.
    #[must_use]
    pub fn may(&self, permission: Permission) -> bool {
        self.role.is_some_and(|role| role.may(permission))
    }
}

#[cfg(test)]
mod tests {
    use super::{Actor, Permission, RoleMap, StaffRole};

    #[test]
    fn the_matrix() {
        let table: Vec<String> = StaffRole::ALL
            .iter()
            .map(|role| {
                let may: Vec<_> = Permission::ALL.iter().filter(|p| role.may(**p)).map(|p| p.code()).collect();
                format!("{role}: {}", may.join(" "))
            })
            .collect();
        insta::assert_snapshot!(table.join("\n"), @r"
        viewer: read
        approver: read read_notes decide run_cycle
        safeguarding: read read_notes decide hold run_cycle
        administrator: read read_notes decide hold run_cycle administer
        ");
        assert!(
            Permission::ALL
                .iter()
                .all(|permission| !Actor::parent().may(*permission) && !Actor::system().may(*permission))
        );
    }

    #[test]
    fn of_several_roles_the_highest_counts() {
        let map: RoleMap =
            " viewer=teachers  approver=Front Office, head safeguarding=dsl administrator=it,head ".parse().unwrap();
        assert_eq!(
            map.to_string(),
            "viewer=teachers approver=Front Office,head safeguarding=dsl administrator=it,head"
        );
        assert_eq!(map.to_string().parse(), Ok(map.clone()));
        for (elsewhere, here) in [
            (&["teachers"][..], Some(StaffRole::Viewer)),
            (&["Front Office"], Some(StaffRole::Approver)),
            (&["dsl", "teachers"], Some(StaffRole::Safeguarding)),
            (&["teachers", "head"], Some(StaffRole::Administrator)),
            (&["Teachers"], None),
            (&["Front", "Office"], None),
            (&["viewer", "administrator", ""], None),
            (&[], None),
        ] {
            assert_eq!(map.highest(elsewhere.iter().copied()), here, "{elsewhere:?}");
        }
    }

    #[test]
    fn what_does_not_say_who_is_who_is_refused() {
        for text in [
            "",
            "teachers",
            "viewer",
            "viewer=",
            "viewer=a,",
            "viewer=,a",
            "=a",
            "root=a",
            "viewer=a aprover=b",
            "viewer=a viewer=b",
            "viewer=CN=it",
            "viewer=a,,b",
        ] {
            assert!(text.parse::<RoleMap>().is_err(), "{text}");
        }
    }
}
