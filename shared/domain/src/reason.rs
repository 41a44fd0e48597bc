//! Why a row is planned, and which source of removals that is.
//!
//! A source is what the brake counts: one that runs away is held while the others go on. What does not live here: how many
//! removals of a source are believed ([`crate::brake`]).

use crate::{leaving::PUPIL_LEFT, outcome::Outcome, request::coded};

coded! {
    /// Why a row is planned.
    Reason {
        /// A link is in force and Moodle lacks its row.
        LinkApproved = "link_approved",
        /// We wrote the row and somebody else deleted or changed it; it is put back.
        DriftPutBack = "drift_put_back",
        /// A row that the earlier plugin or a person made becomes ours.
        Adopted = "adopted",
        /// A row that was adopted becomes again what it was.
        GivenBack = "given_back",
        /// Staff ended the link.
        LinkEnded = "link_ended",
        /// The pupil left, so the link ended.
        PupilLeft = "pupil_left",
        /// Safeguarding staff decide about this link.
        Referred = "referred",
        /// The adult may not sign in any more.
        NoSignIn = "no_sign_in",
        /// The pupil was deleted in Moodle.
        PupilDeleted = "pupil_deleted",
        /// The row is at an account that is not the adult's (any more).
        AccountChanged = "account_changed",
        /// The row bears a link in force, but in another role or at another place: somebody changed it.
        Changed = "changed",
        /// The settings ask for no such row any more.
        NotConfigured = "not_configured",
        /// The row is there twice.
        SurplusCopy = "surplus_copy",
        /// The row is marked as ours and no adult accounts for it: its link is unknown, or is somebody else's.
        Stray = "stray",
    }
}

coded! {
    /// What causes removals, each with its own count against the brake's limit.
    Source {
        /// What staff decide.
        Decisions = "decisions",
        /// Pupils who leave or are deleted in Moodle.
        Leavers = "leavers",
        /// What a comparison finds: strays, copies, rows at other accounts.
        Reconciliation = "reconciliation",
    }
}

impl Reason {
    /// The source of a removal with this reason. None for rows that are written, and for removals that are never held back:
    /// those that safeguarding asks for.
    #[must_use]
    pub const fn source(self) -> Option<Source> {
        match self {
            Self::LinkApproved | Self::DriftPutBack | Self::Adopted | Self::GivenBack | Self::Referred => None,
            Self::LinkEnded | Self::NoSignIn | Self::NotConfigured => Some(Source::Decisions),
            Self::PupilLeft | Self::PupilDeleted => Some(Source::Leavers),
            Self::AccountChanged | Self::Changed | Self::SurplusCopy | Self::Stray => Some(Source::Reconciliation),
        }
    }

    /// Why the row of an ended link goes, by the code of why it ended.
    #[must_use]
    pub fn of_end(code: Option<&str>) -> Self {
        if code == Some(PUPIL_LEFT) { Self::PupilLeft } else { Self::LinkEnded }
    }

    /// Why the row of a link in force goes, by what the cycle found about the link.
    #[must_use]
    pub const fn of_outcome(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Referred => Self::Referred,
            Outcome::NoLoginRow => Self::NoSignIn,
            Outcome::PupilDeleted => Self::PupilDeleted,
            Outcome::AccountOtherAuth | Outcome::AccountDeleted | Outcome::WaitingForAccount => Self::AccountChanged,
            _ => Self::Changed,
        }
    }

    /// What it says to staff.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::LinkApproved => "Link approved",
            Self::DriftPutBack => "Put back: somebody deleted or changed it in Moodle",
            Self::Adopted => "Adopted from the earlier plugin",
            Self::GivenBack => "Given back to the earlier plugin",
            Self::LinkEnded => "Link ended by staff",
            Self::PupilLeft => "The pupil left",
            Self::Referred => crate::hold::REFER,
            Self::NoSignIn => "The adult may not sign in any more",
            Self::PupilDeleted => "The pupil was deleted in Moodle",
            Self::AccountChanged => "At an account that is not the adult’s any more",
            Self::Changed => "Somebody changed it in Moodle",
            Self::NotConfigured => "The settings do not ask for it any more",
            Self::SurplusCopy => "There twice",
            Self::Stray => "Marked as ours, but nobody’s",
        }
    }
}

impl Source {
    /// What it says to staff.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Decisions => "Decisions by staff",
            Self::Leavers => "Pupils who left",
            Self::Reconciliation => "Comparison with Moodle",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Reason, Source};

    #[test]
    fn every_reason_has_its_source() {
        let table: Vec<String> = Reason::ALL
            .iter()
            .map(|reason| format!("{reason}: {}", reason.source().map_or("-", Source::code)))
            .collect();
        insta::assert_snapshot!(table.join("\n"), @r"
        link_approved: -
        drift_put_back: -
        adopted: -
        given_back: -
        link_ended: decisions
        pupil_left: leavers
        referred: -
        no_sign_in: decisions
        pupil_deleted: leavers
        account_changed: reconciliation
        changed: reconciliation
        not_configured: decisions
        surplus_copy: reconciliation
        stray: reconciliation
        ");
    }
}
