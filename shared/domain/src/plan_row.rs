//! One row of a plan as it is kept, shown and compared: what is written, why, and whose it is.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    ids::{AdultId, ContextId, MoodleUserId, RoleId},
    reason::Reason,
    request::coded,
};

coded! {
    /// What is written.
    Write {
        /// A pupil's user context is made.
        MakeContext = "make_context",
        /// A pupil's user context gets its path.
        MendContext = "mend_context",
        /// A role row is inserted.
        Add = "add",
        /// A role row of ours is deleted.
        Remove = "remove",
        /// A role row that was nobody's becomes ours.
        Adopt = "adopt",
        /// A role row that was adopted becomes nobody's again.
        GiveBack = "give_back",
    }
}

impl Write {
    /// What it says to staff.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::MakeContext => "Make a context",
            Self::MendContext => "Mend a context",
            Self::Add => "Add",
            Self::Remove => "Remove",
            Self::Adopt => "Adopt",
            Self::GiveBack => "Give back",
        }
    }
}

coded! {
    /// How much a plan that was kept speaks of.
    Scope {
        /// Everything that a full comparison would write: whatever else comes up makes it another plan.
        Everything = "everything",
        /// The removals that the brake held. What else comes up is none of its business.
        HeldRemovals = "held_removals",
        /// The role rows of the earlier plugin that become ours.
        Adoption = "adoption",
        /// The adopted role rows that become the earlier plugin's again.
        GivingBack = "giving_back",
    }
}

impl Scope {
    /// What it says to staff.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Everything => "Everything",
            Self::HeldRemovals => "Removals that the brake held",
            Self::Adoption => "Adopting rows of the earlier plugin",
            Self::GivingBack => "Giving adopted rows back",
        }
    }
}

/// A row of a plan. Ids only: whoever shows it looks up the names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub struct PlanRow {
    /// What is written.
    pub write: Write,
    /// Why.
    pub reason: Reason,
    /// The adult, if one is known.
    #[schema(required)]
    pub adult: Option<AdultId>,
    /// The account in Moodle; of a context its pupil.
    pub user: MoodleUserId,
    /// The pupil, if the row is about one.
    #[schema(required)]
    pub pupil: Option<MoodleUserId>,
    /// The context; none while it is still to be made.
    #[schema(required)]
    pub context: Option<ContextId>,
    /// The role.
    #[schema(required)]
    pub role: Option<RoleId>,
    /// `itemid`; of a row that is adopted the one that it gets, of one that is given back the one that it loses.
    pub item: i64,
    /// `role_assignments.id` of a row that is there.
    #[schema(required)]
    pub id: Option<i64>,
}

impl PlanRow {
    pub(crate) const fn new(write: Write, reason: Reason, user: MoodleUserId) -> Self {
        Self { write, reason, adult: None, user, pupil: None, context: None, role: None, item: 0, id: None }
    }

    /// The row as a text: what a digest covers and what tells rows apart. It says what is written and not why.
    #[must_use]
    pub fn line(&self) -> String {
        let number = |number: Option<i64>| number.map_or_else(|| "?".to_owned(), |number| number.to_string());
        let (role, context) = (number(self.role.map(|role| role.0)), number(self.context.map(|context| context.0)));
        let (user, item, id) = (self.user, self.item, number(self.id));
        match (self.write, self.pupil) {
            (Write::MakeContext, _) => format!("add context user={user}"),
            (Write::MendContext, _) => format!("mend context user={user}"),
            (Write::Add, Some(pupil)) => format!("add role={role} user={user} pupil={pupil} item={item}"),
            (Write::Add, None) => format!("add role={role} user={user} context={context} item={item}"),
            (Write::Remove, _) => format!("remove role={role} user={user} context={context} item={item} id={id}"),
            (Write::Adopt, _) => format!("adopt role={role} user={user} context={context} item={item} id={id}"),
            (Write::GiveBack, _) => format!("give back role={role} user={user} context={context} item={item} id={id}"),
        }
    }
}
