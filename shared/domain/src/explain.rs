//! Why an adult does not see a child: the chain from the request to the role row, and its first broken link.
//!
//! The `service` crate collects the [`Evidence`]; this module only judges it, so that every fault can be tested by a table.

use serde::Serialize;
use utoipa::ToSchema;

use crate::request::{ClaimState, Status, coded};

coded! {
    /// The links of the chain, in the order in which they are walked. Each names what is wrong when it is broken.
    Step {
        /// The adult sent a request for this pupil.
        Request = "request",
        /// The email address was proven.
        EmailProven = "email_proven",
        /// Staff approved this child.
        Decision = "decision",
        /// No hold forbids it.
        Hold = "hold",
        /// The link is in force.
        Link = "link",
        /// The adult has a login row, or an account that staff picked.
        LoginRow = "login_row",
        /// Moodle has the account.
        Account = "account",
        /// The account signs in by the login row.
        AccountAuth = "account_auth",
        /// The account is not deleted.
        AccountDeleted = "account_deleted",
        /// The account is not suspended.
        AccountSuspended = "account_suspended",
        /// The account is confirmed.
        AccountConfirmed = "account_confirmed",
        /// The account belongs to this Moodle, not to a remote one.
        AccountHost = "account_host",
        /// The role exists in Moodle.
        Role = "role",
        /// The role may be given in user contexts.
        RoleAssignable = "role_assignable",
        /// The role allows seeing a user's details.
        RoleCapability = "role_capability",
        /// The pupil exists and is not deleted.
        Pupil = "pupil",
        /// The pupil passes the pupil filter.
        PupilFilter = "pupil_filter",
        /// The pupil's user context exists, with path and depth.
        Context = "context",
        /// The role row is in Moodle.
        RoleRow = "role_row",
        /// The account's open sessions know of it.
        Session = "session",
        /// Moodle's cron runs.
        Cron = "cron",
    }
}

/// How one step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = StepStanding)]
pub enum Standing {
    /// As it should be.
    Good,
    /// Broken here.
    Broken,
    /// Could not be told, since something before it is missing.
    Unknown,
}

/// One step of the chain, judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ExplainedStep)]
pub struct Finding {
    /// Which step.
    pub step: Step,
    /// How it stands.
    pub standing: Standing,
    /// What was seen; ids and states only.
    pub evidence: String,
}

/// The judged chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Explanation {
    /// Every step in order.
    pub steps: Vec<Finding>,
    /// The first broken step; none when the adult should see the child.
    #[schema(required)]
    pub broken: Option<Step>,
    /// What to do about it.
    pub remedy: &'static str,
}

/// What the store knows about a claim of this adult for this pupil.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimEvidence {
    /// The request's reference.
    pub reference: String,
    /// The request's status.
    pub status: Status,
    /// The claim's state.
    pub state: ClaimState,
}

/// What Moodle knows about the adult's account.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "these are the flags of Moodle's user table")]
pub struct AccountEvidence {
    /// `user.id`.
    pub id: i64,
    /// Whether the account signs in as the login row (or the pick of staff) expects.
    pub auth_as_expected: bool,
    /// `user.auth`.
    pub auth: String,
    /// `user.deleted`.
    pub deleted: bool,
    /// `user.suspended`.
    pub suspended: bool,
    /// `user.confirmed`.
    pub confirmed: bool,
    /// Whether `user.mnethostid` is this Moodle.
    pub local: bool,
}

/// What Moodle knows about the link role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleEvidence {
    /// `role.id`.
    pub id: i64,
    /// Whether `role_context_levels` allows user contexts.
    pub assignable: bool,
    /// Whether the role allows `moodle/user:viewdetails`.
    pub can_view: bool,
}

/// What Moodle knows about the pupil.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PupilEvidence {
    /// Whether the user is deleted.
    pub deleted: bool,
    /// Whether the user passes the pupil filter.
    pub passes_filter: bool,
    /// The user context: whether path and depth are set; `None` without a context.
    pub context_complete: Option<bool>,
}

/// Everything that [`judge`] looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// The best claim: approved before open before ended.
    pub claim: Option<ClaimEvidence>,
    /// The holds in force that forbid it: none, or as much of them as the reader may know.
    pub hold: Option<String>,
    /// Whether a link of the two is in force; `None` when there never was one.
    pub link_active: Option<bool>,
    /// Whether there is a login row or an account that staff picked.
    pub can_sign_in: bool,
    /// The account, if Moodle has it.
    pub account: Option<AccountEvidence>,
    /// The role, if Moodle has it.
    pub role: Option<RoleEvidence>,
    /// The pupil, if Moodle has the user.
    pub pupil: Option<PupilEvidence>,
    /// Whether our role row is there.
    pub role_row: bool,

    /// Whether the account has an open session that began before our row was written and was not told.
    pub stale_session: bool,
    /// Seconds since Moodle's cron last ran a task.
    pub cron_age: Option<i64>,
}

/// Cron that has not run for this long is taken for stopped.
const CRON_STOPPED_AFTER: i64 = 3_600;

/// Judges the chain.
#[must_use]
pub fn judge(evidence: &Evidence) -> Explanation {
    let steps: Vec<Finding> = Step::ALL
        .iter()
        .map(|step| {
            let (standing, seen) = stand(*step, evidence);
            Finding { step: *step, standing, evidence: seen }
        })
        .collect();
    let broken = steps.iter().find(|finding| finding.standing == Standing::Broken).map(|finding| finding.step);
    Explanation { remedy: broken.map_or("Nothing is broken: the adult should see the child. Ask them to sign out and in again, and check that they use this account.", remedy), broken, steps }
}

fn check(good: bool, seen: impl Into<String>) -> (Standing, String) {
    (if good { Standing::Good } else { Standing::Broken }, seen.into())
}

fn stand(step: Step, e: &Evidence) -> (Standing, String) {
    let unknown = || (Standing::Unknown, "not reached".to_owned());
    // A link in force proves what led to it, also where its request was erased.
    let linked = e.link_active == Some(true);
    match step {
        Step::Request => match &e.claim {
            Some(claim) => check(true, format!("request {} is {}", claim.reference, claim.status)),
            None => check(linked, "no request of this adult names this pupil"),
        },
        Step::EmailProven => match &e.claim {
            Some(claim) => check(
                claim.status != Status::Unconfirmed && claim.status != Status::Expired,
                format!("request is {}", claim.status),
            ),
            None => unknown(),
        },
        Step::Decision => match &e.claim {
            Some(claim) => check(
                claim.state == ClaimState::Approved || linked,
                format!("this child is {} on a request that is {}", claim.state, claim.status),
            ),
            None => unknown(),
        },
        Step::Hold => check(e.hold.is_none(), e.hold.clone().unwrap_or_else(|| "nothing to refer".to_owned())),
        Step::Link => match e.link_active {
            Some(active) => check(active, if active { "the link is in force" } else { "the link has ended" }),
            None => check(false, "there is no link"),
        },
        Step::LoginRow => check(
            e.can_sign_in,
            if e.can_sign_in { "there is a login row or a picked account" } else { "no login row" },
        ),
        Step::Account => match &e.account {
            Some(account) => check(true, format!("Moodle user {}", account.id)),
            None => check(false, "Moodle has no such user"),
        },
        Step::AccountAuth => account(e, |a| (a.auth_as_expected, format!("signs in by {}", a.auth))),
        Step::AccountDeleted => account(e, |a| (!a.deleted, format!("deleted={}", u8::from(a.deleted)))),
        Step::AccountSuspended => account(e, |a| (!a.suspended, format!("suspended={}", u8::from(a.suspended)))),
        Step::AccountConfirmed => account(e, |a| (a.confirmed, format!("confirmed={}", u8::from(a.confirmed)))),
        Step::AccountHost => account(e, |a| {
            (a.local, if a.local { "a local account".into() } else { "mnethostid is not this Moodle".into() })
        }),
        Step::Role => match &e.role {
            Some(role) => check(true, format!("role {}", role.id)),
            None => check(false, "Moodle has no role with this short name"),
        },
        Step::RoleAssignable => {
            e.role.as_ref().map_or_else(unknown, |r| check(r.assignable, "role_context_levels for level 30"))
        }
        Step::RoleCapability => e.role.as_ref().map_or_else(unknown, |r| check(r.can_view, "moodle/user:viewdetails")),
        Step::Pupil => match &e.pupil {
            Some(pupil) => check(!pupil.deleted, format!("deleted={}", u8::from(pupil.deleted))),
            None => check(false, "Moodle has no such user"),
        },
        // A pupil who left keeps the links they have; what cannot be is a new row.
        Step::PupilFilter => e.pupil.as_ref().map_or_else(unknown, |p| {
            check(p.passes_filter || e.role_row, if p.passes_filter { "passes" } else { "does not pass" })
        }),
        Step::Context => match e.pupil.as_ref().map(|pupil| pupil.context_complete) {
            None => unknown(),
            Some(None) => check(false, "no user context"),
            Some(Some(complete)) => {
                check(complete, if complete { "user context with path" } else { "user context without path" })
            }
        },
        Step::RoleRow => check(e.role_row, if e.role_row { "the role row is there" } else { "no role row of ours" }),
        Step::Session => {
            if e.role_row {
                check(!e.stale_session, if e.stale_session { "an open session was not told" } else { "sessions know" })
            } else {
                unknown()
            }
        }
        Step::Cron => match e.cron_age {
            Some(age) => check(age < CRON_STOPPED_AFTER, format!("a task ran {age} s ago")),
            None => check(false, "no task ever ran"),
        },
    }
}

fn account(e: &Evidence, judge: impl FnOnce(&AccountEvidence) -> (bool, String)) -> (Standing, String) {
    e.account.as_ref().map_or_else(
        || (Standing::Unknown, "not reached".to_owned()),
        |account| {
            let (good, seen) = judge(account);
            check(good, seen)
        },
    )
}

const fn remedy(step: Step) -> &'static str {
    match step {
        Step::Request => "Ask the adult to send the form for this child.",
        Step::EmailProven => "The adult must open the link in the mail and press the button, or send the form again.",
        Step::Decision => "Decide on the request: approve this child, or leave it as it is.",
        Step::Hold => "Refer to safeguarding.",
        Step::Link => {
            "The link has ended. If it ended because the pupil had left, restore access on the adult's page; otherwise approve the child again."
        }
        Step::LoginRow => "The login row was revoked. Approve the request again to give it back.",
        Step::Account => {
            "Moodle has not made the account. Run doctor: the task \\auth_db\\task\\sync_users must be enabled and succeed."
        }
        Step::AccountAuth => {
            "The account signs in another way. If it is the adult's own, approve again and choose that account."
        }
        Step::AccountDeleted => "The account was deleted in Moodle. Revoke the login row and approve again.",
        Step::AccountSuspended => {
            "The account is suspended. The synchronisation revives it if a login row is there; otherwise look at the account in Moodle."
        }
        Step::AccountConfirmed => "Confirm the account in Moodle: Site administration > Users > Browse list of users.",
        Step::AccountHost => {
            "The account belongs to another Moodle host and cannot sign in here. Delete it in Moodle; the synchronisation makes a new one."
        }
        Step::Role => "Create the role in Moodle (Define roles), or set the policy link_role to its short name.",
        Step::RoleAssignable => "In Moodle's Define roles, allow this role to be assigned in the context type User.",
        Step::RoleCapability => "In Moodle's Define roles, allow moodle/user:viewdetails for this role.",
        Step::Pupil => "The pupil was deleted in Moodle. Withdraw the child or pick the right pupil.",
        Step::PupilFilter => {
            "The user does not pass the pupil filter. Check the policy pupil_filter and the user in Moodle."
        }
        Step::Context => "Run a cycle: it makes or mends the pupil's context.",
        Step::RoleRow => "Run a cycle; if the row stays away, its result on the request says why.",
        Step::Session => "Ask the adult to sign out and in again, or run a cycle, which marks the session.",
        Step::Cron => {
            "Moodle's cron does not run: accounts, passwords and caches are stuck. Start it on Moodle's server."
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> Evidence {
        Evidence {
            claim: Some(ClaimEvidence {
                reference: "K7QX-2M9D".into(),
                status: Status::Provisioned,
                state: ClaimState::Approved,
            }),
            hold: None,
            link_active: Some(true),
            can_sign_in: true,
            account: Some(AccountEvidence {
                id: 3,
                auth_as_expected: true,
                auth: "db".into(),
                deleted: false,
                suspended: false,
                confirmed: true,
                local: true,
            }),
            role: Some(RoleEvidence { id: 9, assignable: true, can_view: true }),
            pupil: Some(PupilEvidence { deleted: false, passes_filter: true, context_complete: Some(true) }),
            role_row: true,

            stale_session: false,
            cron_age: Some(60),
        }
    }

    fn account(change: impl FnOnce(&mut AccountEvidence)) -> Evidence {
        let mut evidence = good();
        change(evidence.account.as_mut().unwrap());
        evidence
    }

    #[test]
    fn a_whole_chain_has_no_broken_link() {
        let explanation = judge(&good());
        assert_eq!(explanation.broken, None);
        assert!(explanation.steps.iter().all(|finding| finding.standing == Standing::Good));
    }

    #[test]
    fn each_fault_is_named() {
        let claim = |status, state| {
            let claim = Some(ClaimEvidence { reference: "K7QX-2M9D".into(), status, state });
            Evidence { claim, link_active: None, ..good() }
        };
        let role =
            |assignable, can_view| Evidence { role: Some(RoleEvidence { id: 9, assignable, can_view }), ..good() };
        let pupil = |deleted, passes_filter, context_complete| Evidence {
            pupil: Some(PupilEvidence { deleted, passes_filter, context_complete }),
            role_row: false,
            ..good()
        };
        for (evidence, broken) in [
            (Evidence { claim: None, link_active: None, ..good() }, Step::Request),
            (claim(Status::Unconfirmed, ClaimState::Open), Step::EmailProven),
            (claim(Status::Pending, ClaimState::Open), Step::Decision),
            (claim(Status::Denied, ClaimState::Denied), Step::Decision),
            (Evidence { hold: Some("refer to safeguarding".into()), ..good() }, Step::Hold),
            (Evidence { hold: Some("refer to safeguarding".into()), link_active: None, ..good() }, Step::Hold),
            (Evidence { link_active: Some(false), ..good() }, Step::Link),
            (Evidence { can_sign_in: false, ..good() }, Step::LoginRow),
            (Evidence { account: None, ..good() }, Step::Account),
            (account(|a| a.auth_as_expected = false), Step::AccountAuth),
            (account(|a| a.deleted = true), Step::AccountDeleted),
            (account(|a| a.suspended = true), Step::AccountSuspended),
            (account(|a| a.confirmed = false), Step::AccountConfirmed),
            (account(|a| a.local = false), Step::AccountHost),
            (Evidence { role: None, ..good() }, Step::Role),
            (role(false, true), Step::RoleAssignable),
            (role(true, false), Step::RoleCapability),
            (Evidence { pupil: None, ..good() }, Step::Pupil),
            (pupil(true, true, Some(true)), Step::Pupil),
            (pupil(false, false, Some(true)), Step::PupilFilter),
            (pupil(false, true, None), Step::Context),
            (pupil(false, true, Some(false)), Step::Context),
            (Evidence { role_row: false, ..good() }, Step::RoleRow),
            (Evidence { stale_session: true, ..good() }, Step::Session),
            (Evidence { cron_age: Some(7_200), ..good() }, Step::Cron),
            (Evidence { cron_age: None, ..good() }, Step::Cron),
        ] {
            assert_eq!(judge(&evidence).broken, Some(broken), "{evidence:?}");
        }
    }

    #[test]
    fn a_leaver_keeps_the_link_they_have() {
        let mut evidence = good();
        evidence.pupil.as_mut().unwrap().passes_filter = false;
        assert_eq!(judge(&evidence).broken, None);
    }
}
