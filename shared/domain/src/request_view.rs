//! The views of the list of requests: which requests staff see together.
//!
//! A view is a set of statuses, with one exception: [`RequestView::Todo`] also holds what was decided and still needs a
//! person. How that is found in the database stands in the store.

use crate::request::{Status, coded};

coded! {
    /// A view of the list of requests.
    RequestView {
        /// Everything that needs a person.
        Todo = "todo",
        /// Staff asked the adult something.
        Waiting = "waiting",
        /// Approved, not done in Moodle yet.
        Approved = "approved",
        /// Done in Moodle.
        Provisioned = "provisioned",
        /// Ended.
        Closed = "closed",
        /// Every request.
        All = "all",
        /// The email address is not proven yet.
        Unconfirmed = "unconfirmed",
    }
}

coded! {
    /// What a list of requests may be narrowed to: those with a certain finding.
    CheckFilter {
        /// A hold forbids it, or one of its children.
        ReferToSafeguarding = "refer_to_safeguarding",
        /// Every child has its pupil and nothing stands in the way of approving.
        Ready = "ready",
        /// No pupil matches a child exactly.
        PupilNotFound = "pupil_not_found",
        /// Several pupils match a child exactly.
        SeveralPupils = "several_pupils",
        /// Another pupil has a name like that of the one who matches.
        SharedSurname = "shared_surname",
        /// Another undecided request came from the same address.
        SameEmail = "same_email",
        /// The address has an account already.
        HasAccount = "has_account",
        /// The address is not proven.
        EmailNotConfirmed = "email_not_confirmed",
        /// Something was wrong with the submission.
        Faults = "faults",
    }
}

impl RequestView {
    /// The statuses of the view.
    #[must_use]
    pub const fn statuses(self) -> &'static [Status] {
        match self {
            Self::Todo => &[Status::Pending],
            Self::Waiting => &[Status::WaitingForParent],
            Self::Approved => &[Status::Approved],
            Self::Provisioned => &[Status::Provisioned],
            Self::Closed => &[Status::Denied, Status::Duplicate, Status::Bogus, Status::Withdrawn, Status::Expired],
            Self::All => Status::ALL,
            Self::Unconfirmed => &[Status::Unconfirmed],
        }
    }

    /// Whether the view holds a request. `stuck`: it was approved, and a child is left to decide or cannot be linked
    /// without a person.
    #[must_use]
    pub fn holds(self, status: Status, stuck: bool) -> bool {
        self.statuses().contains(&status) || (self == Self::Todo && stuck)
    }
}

#[cfg(test)]
mod tests {
    use super::RequestView;
    use crate::request::Status;

    #[test]
    fn every_status_is_in_exactly_one_view_beside_all() {
        for status in Status::ALL {
            let views: Vec<_> = RequestView::ALL.iter().filter(|view| view.holds(*status, false)).collect();
            assert_eq!(views.len(), 2, "{status}: {views:?}");
        }
        assert_eq!(RequestView::from_code("todo"), Some(RequestView::Todo));
    }

    #[test]
    fn what_is_stuck_is_to_do_as_well() {
        assert!(RequestView::Todo.holds(Status::Provisioned, true));
        assert!(RequestView::Provisioned.holds(Status::Provisioned, true));
        assert!(!RequestView::Closed.holds(Status::Provisioned, true));
    }
}
