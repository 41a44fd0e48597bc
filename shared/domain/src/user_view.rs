//! The views of the list of authorised users: which login rows staff see together.

use crate::request::coded;

coded! {
    /// A view of the list of login rows.
    UserView {
        /// Every login row.
        All = "all",
        /// No link is in force: the adult sees no pupil.
        NoPupils = "no_pupils",
        /// Moodle has no account of that name: not synchronised yet, or refused.
        NoMoodleUser = "no_moodle_user",
        /// The name belongs to an account that signs in another way.
        OtherAuth = "other_auth",
        /// The account is suspended in Moodle although the row is there.
        Suspended = "suspended",
        /// Every linked pupil is suspended, deleted or gone in Moodle.
        PupilsLeft = "pupils_left",
    }
}

impl UserView {
    /// Whether only Moodle can tell what the view holds.
    #[must_use]
    pub const fn needs_moodle(self) -> bool {
        !matches!(self, Self::All | Self::NoPupils)
    }
}
