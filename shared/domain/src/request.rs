//! Requests and claims: their kinds, states, and which act is allowed in which state.

/// Gives an enum a stable text code for databases, JSON and URLs.
macro_rules! coded {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $code:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
        pub enum $name { $($(#[$variant_doc])* #[serde(rename = $code)] #[schema(rename = $code)] $variant,)* }

        impl $name {
            /// Every value.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];
            /// Every code, in the same order.
            pub const CODES: &'static [&'static str] = &[$($code),*];

            /// The stable code.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            /// The value of a code.
            #[must_use]
            pub fn from_code(code: &str) -> Option<Self> {
                match code { $($code => Some(Self::$variant),)* _ => None }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str(self.code()) }
        }
    };
}
pub(crate) use coded;

coded! {
    /// What an adult asks for.
    Kind {
        /// An account and its first links.
        NewAccount = "new_account",
        /// Help: the account exists, signing in fails.
        CannotSignIn = "cannot_sign_in",
        /// A further child on an existing account.
        ChildMissing = "child_missing",
        /// Another email address.
        ChangeEmail = "change_email",
        /// To be removed.
        Leave = "leave",
        /// Anything else.
        Other = "other",
    }
}

impl Kind {
    /// Whether a request of this kind is about children and must name one.
    #[must_use]
    pub const fn needs_children(self) -> bool {
        matches!(self, Self::NewAccount | Self::ChildMissing)
    }
}

coded! {
    /// Where a request stands.
    Status {
        /// Sent; the email address is not proven yet.
        Unconfirmed = "unconfirmed",
        /// Waits for staff.
        Pending = "pending",
        /// Staff asked the adult something.
        WaitingForParent = "waiting_for_parent",
        /// Approved; something is still to be done in Moodle or to be decided.
        Approved = "approved",
        /// Everything approved is done in Moodle.
        Provisioned = "provisioned",
        /// Refused.
        Denied = "denied",
        /// The same as another request.
        Duplicate = "duplicate",
        /// Not a genuine request.
        Bogus = "bogus",
        /// Taken back by the adult, or every child withdrawn.
        Withdrawn = "withdrawn",
        /// The email address was never proven.
        Expired = "expired",
    }
}

coded! {
    /// What can be done to a request.
    Action {
        /// The adult proved the email address.
        ConfirmEmail = "confirm_email",
        /// Staff approve one claim or more.
        Approve = "approve",
        /// Staff refuse.
        Deny = "deny",
        /// Staff ask the adult for information.
        Ask = "ask",
        /// The adult answers what staff asked.
        Answer = "answer",
        /// Staff say it repeats another request.
        MarkDuplicate = "mark_duplicate",
        /// Staff say it is not genuine.
        MarkBogus = "mark_bogus",
        /// Staff take it up again.
        Reopen = "reopen",
        /// One child is withdrawn.
        WithdrawChild = "withdraw_child",
        /// Staff correct names or the address.
        Correct = "correct",
        /// The provisioner finished.
        Provision = "provision",
        /// Time ran out.
        Expire = "expire",
    }
}

impl Status {
    /// Whether the request still waits for a decision; two open requests with the same content are one.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Unconfirmed | Self::Pending | Self::WaitingForParent)
    }

    /// Whether something of this request may be in force.
    #[must_use]
    pub const fn is_in_force(self) -> bool {
        matches!(self, Self::Approved | Self::Provisioned)
    }

    /// Whether the act is allowed in this state.
    #[must_use]
    pub const fn allows(self, action: Action) -> bool {
        match action {
            Action::ConfirmEmail | Action::Expire => matches!(self, Self::Unconfirmed),
            // An approved request may have children left to decide.
            Action::Approve => {
                matches!(self, Self::Pending | Self::WaitingForParent | Self::Approved | Self::Provisioned)
            }
            Action::Ask => matches!(self, Self::Pending | Self::WaitingForParent),
            Action::Answer => matches!(self, Self::WaitingForParent),
            Action::Deny | Action::MarkDuplicate | Action::MarkBogus => self.is_open() || self.is_in_force(),
            Action::Reopen => {
                matches!(
                    self,
                    Self::Denied
                        | Self::Duplicate
                        | Self::Bogus
                        | Self::Withdrawn
                        | Self::Expired
                        | Self::WaitingForParent
                )
            }
            Action::WithdrawChild => self.is_in_force(),
            Action::Correct => self.is_open() || matches!(self, Self::Approved),
            Action::Provision => matches!(self, Self::Approved),
        }
    }
}

coded! {
    /// Where a claim stands.
    ClaimState {
        /// Nobody decided yet.
        Open = "open",
        /// Approved for one pupil.
        Approved = "approved",
        /// Refused.
        Denied = "denied",
        /// Was approved and taken away again.
        Withdrawn = "withdrawn",
    }
}

/// The status that an approved request has by its claims: `Provisioned` when something is approved, all of that is
/// linked, and nothing is left to decide.
#[must_use]
pub fn status_by_claims(claims: impl IntoIterator<Item = (ClaimState, bool /* linked */)>) -> Status {
    let (mut approved, mut open, mut unlinked) = (0_usize, 0_usize, 0_usize);
    for (state, linked) in claims {
        match state {
            ClaimState::Approved => {
                approved += 1;
                unlinked += usize::from(!linked);
            }
            ClaimState::Open => open += 1,
            ClaimState::Denied | ClaimState::Withdrawn => {}
        }
    }
    if approved > 0 && unlinked == 0 && open == 0 { Status::Provisioned } else { Status::Approved }
}

#[cfg(test)]
mod tests {
    use super::{Action, ClaimState, Kind, Status, status_by_claims};
    use std::fmt::Write as _;

    #[test]
    fn codes_round_trip() {
        for kind in Kind::ALL {
            assert_eq!(Kind::from_code(kind.code()), Some(*kind));
        }
        assert_eq!(Status::from_code("rejected"), None);
    }

    #[test]
    fn what_is_allowed_when() {
        let mut table = String::new();
        for status in Status::ALL {
            let allowed: Vec<_> = Action::ALL.iter().filter(|a| status.allows(**a)).map(|a| a.code()).collect();
            writeln!(table, "{:<18} {}", status.code(), allowed.join(" ")).unwrap();
        }
        insta::assert_snapshot!(table, @r"
        unconfirmed        confirm_email deny mark_duplicate mark_bogus correct expire
        pending            approve deny ask mark_duplicate mark_bogus correct
        waiting_for_parent approve deny ask answer mark_duplicate mark_bogus reopen correct
        approved           approve deny mark_duplicate mark_bogus withdraw_child correct provision
        provisioned        approve deny mark_duplicate mark_bogus withdraw_child
        denied             reopen
        duplicate          reopen
        bogus              reopen
        withdrawn          reopen
        expired            reopen
        ");
    }

    #[test]
    fn every_status_can_be_left() {
        // C-12: no request may be stuck for ever.
        for status in Status::ALL {
            assert!(Action::ALL.iter().any(|action| status.allows(*action)), "{status} is a dead end");
        }
    }

    #[test]
    fn a_request_is_done_when_all_that_was_approved_is_linked_and_nothing_is_open() {
        use ClaimState::{Approved, Denied, Open};
        for (claims, expected) in [
            (vec![(Approved, true)], Status::Provisioned),
            (vec![(Approved, true), (Denied, false)], Status::Provisioned),
            (vec![(Approved, true), (Approved, false)], Status::Approved),
            // C-6: a child that waits for a person keeps the request from counting as done.
            (vec![(Approved, true), (Open, false)], Status::Approved),
            (vec![(Denied, false)], Status::Approved),
            (vec![], Status::Approved),
        ] {
            assert_eq!(status_by_claims(claims.clone()), expected, "{claims:?}");
        }
    }
}
