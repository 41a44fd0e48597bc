//! Staff roles, and what each may do.

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
        /// Decide on requests, correct them, revoke login rows.
        Decide = "decide",
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
            Permission::Decide | Permission::RunCycle => Self::Approver,
            Permission::Administer => Self::Administrator,
        }
    }
}

/// Who does something: what the audit names.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Actor {
    /// The kind of actor and who exactly: `token:<id>`, `cli:<user>`, `system`, `parent`, `source:<id>`.
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
    use super::{Actor, Permission, StaffRole};

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
        approver: read decide run_cycle
        safeguarding: read decide run_cycle
        administrator: read decide run_cycle administer
        ");
        assert!(
            Permission::ALL
                .iter()
                .all(|permission| !Actor::parent().may(*permission) && !Actor::system().may(*permission))
        );
    }
}
