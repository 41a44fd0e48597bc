//! What a full comparison of store and Moodle finds, in classes. Ids only.

use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    ids::{AdultId, LinkId, MoodleUserId},
    request::coded,
};

coded! {
    /// What a full comparison may find.
    Class {
        /// A row that we wrote is gone from Moodle; it is put back.
        Missing = "missing",
        /// A row marked as ours that nothing wants; it is removed.
        Extra = "extra",
        /// A row of ours bears another role or stands at another place than we wrote; it is removed and the right one written.
        Changed = "changed",
        /// A row is taken away each time it is put back; it is left alone.
        Contested = "contested",
        /// A login row for which Moodle has no account, though its synchronisation has run since.
        OrphanLoginRow = "orphan_login_row",
        /// An account that signs in by the external database, has no login row, and was not suspended by the synchronisation.
        OrphanAccount = "orphan_account",
        /// The account has another address than the login row.
        EmailDrift = "email_drift",
        /// The account has another user name than the login row.
        AccountRenamed = "account_renamed",
        /// The pupil of a link was deleted in Moodle.
        PupilDeleted = "pupil_deleted",
        /// The same, and another user has the child's admission number: the link should be pinned to that one.
        PupilMerged = "pupil_merged",
    }
}

impl Class {
    /// What it says to staff.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Missing => "Role was gone in Moodle",
            Self::Extra => "Role in Moodle that nothing wants",
            Self::Changed => "Role was changed in Moodle",
            Self::Contested => "Role is taken away again and again",
            Self::OrphanLoginRow => "Login row without an account",
            Self::OrphanAccount => "Account without a login row",
            Self::EmailDrift => "Address differs",
            Self::AccountRenamed => "Account was renamed",
            Self::PupilDeleted => "Pupil was deleted in Moodle",
            Self::PupilMerged => "Pupil has another account",
        }
    }

    /// What to do about it.
    #[must_use]
    pub const fn advice(self) -> &'static str {
        match self {
            Self::Missing => "Nothing; it is put back. If it comes again, find out who deletes it in Moodle.",
            Self::Extra => "Nothing; it is removed, unless the brake holds it.",
            Self::Changed => "Nothing; it is put right. If it comes again, find out who changes it in Moodle.",
            Self::Contested => {
                "Find out who or what takes the role away in Moodle, then let Kinlink go on, or end the link."
            }
            Self::OrphanLoginRow => {
                "Look at the log of Moodle’s task \\auth_db\\task\\sync_users: Moodle refuses the user name, or another account has it."
            }
            Self::OrphanAccount => {
                "Moodle’s synchronisation should suspend it. Check that the task runs and removes users (auth_db, removeuser)."
            }
            Self::EmailDrift => {
                "The parent or an administrator changed it in Moodle, or the synchronisation does not update addresses (auth_db, field_updatelocal_email)."
            }
            Self::AccountRenamed => {
                "Give the account its user name back in Moodle: a renamed account cannot sign in, and gets no new links."
            }
            Self::PupilDeleted => "Withdraw this child, or pick the right pupil.",
            Self::PupilMerged => "Pick the other pupil, if it is the same child.",
        }
    }
}

/// Something that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[schema(as = ComparisonFinding)]
pub struct Finding {
    /// What.
    pub class: Class,
    /// The adult, if one is known.
    #[schema(required)]
    pub adult: Option<AdultId>,
    /// The link.
    #[schema(required)]
    pub link: Option<LinkId>,
    /// The account in Moodle.
    #[schema(required)]
    pub user: Option<MoodleUserId>,
    /// The pupil.
    #[schema(required)]
    pub pupil: Option<MoodleUserId>,
    /// Another user in Moodle: who a pupil may be now.
    #[schema(required)]
    pub other: Option<MoodleUserId>,
}

impl Finding {
    /// A finding about nobody yet.
    #[must_use]
    pub const fn new(class: Class) -> Self {
        Self { class, adult: None, link: None, user: None, pupil: None, other: None }
    }
}

#[cfg(test)]
mod tests {
    use super::Class;

    #[test]
    fn every_class_says_what_it_is_and_what_to_do() {
        for class in Class::ALL {
            assert!(class.advice().ends_with(['.', ')']) && !class.words().is_empty(), "{class}");
            assert_eq!(Class::from_code(class.code()), Some(*class));
        }
    }
}
