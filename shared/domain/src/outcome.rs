//! What a cycle found out about each link: codes that staff can act on.

use crate::request::coded;

coded! {
    /// The result of one link in one cycle.
    Outcome {
        /// The role row is in Moodle.
        Linked = "linked",
        /// The link ended and its role row is gone.
        Ended = "ended",
        /// The login row exists, Moodle has not made the account yet.
        WaitingForAccount = "waiting_for_account",
        /// As `WaitingForAccount`, and Moodle's synchronisation task is switched off.
        SyncTaskDisabled = "sync_task_disabled",
        /// As `WaitingForAccount`, and Moodle's synchronisation task fails.
        SyncTaskFailing = "sync_task_failing",
        /// There is neither a login row nor an account that staff picked.
        NoLoginRow = "no_login_row",
        /// The user name belongs to an account that signs in another way; a person must say whether it is the adult's.
        AccountOtherAuth = "account_other_auth",
        /// The account was deleted in Moodle.
        AccountDeleted = "account_deleted",
        /// The account is suspended in Moodle.
        AccountSuspended = "account_suspended",
        /// The pupil was deleted in Moodle.
        PupilDeleted = "pupil_deleted",
        /// The pinned user does not pass the pupil filter (any more); nothing new is written for them.
        NotAPupil = "not_a_pupil",
        /// A hold forbids the link; what it is about is safeguarding's to say.
        Referred = "referred",
        /// The row was put back again and again, and somebody took it away each time: it is left alone.
        Contested = "contested",
        /// The brake holds this removal.
        RemovalHeld = "removal_held",
        /// Writing failed; it will be tried again.
        WriteFailed = "write_failed",
    }
}

/// What becomes of the job after this outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Nothing is left to do.
    Done,
    /// Moodle has to act first: look again soon.
    Wait,
    /// A person has to act first: look again with growing pauses, then stop and show it.
    Retry,
}

impl Outcome {
    /// What becomes of the job.
    #[must_use]
    pub const fn next(self) -> Next {
        match self {
            // When a hold ends, it makes a job of its own.
            Self::Linked | Self::Ended | Self::Referred => Next::Done,
            Self::WaitingForAccount | Self::AccountSuspended => Next::Wait,
            Self::SyncTaskDisabled
            | Self::SyncTaskFailing
            | Self::NoLoginRow
            | Self::AccountOtherAuth
            | Self::AccountDeleted
            | Self::PupilDeleted
            | Self::NotAPupil
            | Self::Contested
            | Self::RemovalHeld
            | Self::WriteFailed => Next::Retry,
        }
    }

    /// Whether a person has to act before anything changes.
    #[must_use]
    pub const fn needs_person(self) -> bool {
        matches!(self.next(), Next::Retry)
    }

    /// What it means and what to do about it, for staff.
    #[must_use]
    pub const fn advice(self) -> &'static str {
        match self {
            Self::Linked => "The adult is linked to the pupil in Moodle.",
            Self::Ended => "The link is gone from Moodle.",
            Self::WaitingForAccount => {
                "Moodle has not made the account yet. Its synchronisation task was told to run; nothing to do unless this stays for more than an hour, then run doctor."
            }
            Self::SyncTaskDisabled => {
                "Moodle has not made the account yet, and its task \\auth_db\\task\\sync_users is switched off. Enable it in Moodle: Site administration > Server > Tasks > Scheduled tasks."
            }
            Self::SyncTaskFailing => {
                "Moodle has not made the account yet, and its task \\auth_db\\task\\sync_users fails. Look at the task's log in Moodle; usually the external database's address or password is wrong."
            }
            Self::NoLoginRow => "The adult has no login row. Approve a request of theirs again, or end the link.",
            Self::AccountOtherAuth => {
                "The user name belongs to a Moodle account that signs in another way. If it is the adult's own (a member of staff, say), approve again and choose that account; otherwise choose another user name."
            }
            Self::AccountDeleted => "The account was deleted in Moodle. Revoke the login row, then approve again.",
            Self::AccountSuspended => {
                "The account is suspended in Moodle. Its synchronisation task was told to run and should revive it; if it stays suspended, look at the account in Moodle."
            }
            Self::PupilDeleted => "The pupil was deleted in Moodle. Withdraw this child, or pick the right pupil.",
            Self::NotAPupil => {
                "The Moodle user that was picked does not pass the pupil filter. Check the filter (policy pupil_filter) and the user in Moodle."
            }
            Self::Referred => "Refer to safeguarding.",
            Self::Contested => {
                "Somebody or something in Moodle takes this role away each time it is put back. Find out who, then let Kinlink go on (Reconciliation), or end the link."
            }
            Self::RemovalHeld => {
                "The brake holds this removal, because the cycle would remove unusually much. Look at the plan; apply it by its digest if it is right."
            }
            Self::WriteFailed => "Writing to Moodle's database failed; it is tried again. Run doctor if this stays.",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Outcome;

    #[test]
    fn every_outcome_says_what_to_do() {
        for outcome in Outcome::ALL {
            assert_eq!(Outcome::from_code(outcome.code()), Some(*outcome));
            assert!(outcome.advice().ends_with('.'), "{outcome}");
        }
    }
}
