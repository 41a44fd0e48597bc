//! What somebody may do: drawn from the seed, turned into a deed when its turn comes, performed by the real use cases.
//!
//! To add an act: a variant of [`Act`] with its line in [`Act::draw`] and in `Display`, and an arm in [`Act::resolve`]; if it is a
//! new use case also an arm in [`Deed::perform`]. What a decision means for the desired rows is told to [`crate::model`].

use std::{fmt, pin::Pin};

use anyhow::{Context as _, Result};
use fastrand::Rng;
use kinlink_db::Value;
use kinlink_domain::{
    hold::HoldReason,
    ids::{ClaimId, HoldId, MoodleUserId, RequestId},
    request::Action,
    staff::Actor,
    submission::RawSubmission,
};
use kinlink_service::{
    ServiceError, accounts,
    approve::{AccountChoice, Approval, Checks, ClaimChoice, Pick, approve},
    confirm::confirm,
    cycle::{self, Mode, Ran},
    decide::{self, ChildCorrection, Correction, Reason},
    holds::{self, NewHold},
    housekeeping,
    mail::{Transport, deliver},
    plans,
    submit::{Faults, IdempotencyKey, submit},
};

use crate::{
    later::{Later, Wish},
    people::{self, Child},
    world::{World, staff},
};

/// Which version a click carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// The one that the page showed.
    Seen,
    /// An older one.
    Stale,
    /// None: whatever there is.
    Any,
}

/// Whom staff pick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Picked {
    /// Every open child by its exact match.
    Exact,
    /// The first open child by hand, as this one of [`people::pupils`].
    ByHand(usize),
    /// The first open child as a user who is no pupil.
    NoPupil,
    /// The first open child is refused, the others by exact match.
    RefuseFirst,
}

/// Whom a hold stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// An adult.
    Adult,
    /// An adult and a pupil.
    Pair,
    /// Everybody, from a pupil.
    Pupil,
}

/// Which account staff choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Account {
    /// What is clear by itself.
    Auto,
    /// A new one.
    New,
    /// The account of a member of staff.
    Staff,
    /// A new one for what is left of a request that was approved in part.
    NewForTheRest,
}

/// What somebody does in Moodle who is not Kinlink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meddling {
    /// A role is given by hand.
    AddForeign,
    /// The same role that we gave is given by hand too.
    AddForeignBesideOurs,
    /// A role that was given by hand is taken away.
    RemoveForeign,
    /// A row of ours is deleted.
    DeleteOurs,
    /// A row of ours is moved to another pupil.
    MoveOurs,
    /// A row of ours is there twice.
    DoubleOurs,
    /// A row that looks like ours and is nobody's.
    Forge,
    /// A pupil is suspended.
    SuspendPupil,
    /// Every suspended pupil is back.
    ReturnPupils,
    /// A pupil is deleted.
    DeletePupil,
    /// The account of an adult is suspended by hand.
    SuspendAccount,
    /// The account of an adult is deleted.
    DeleteAccount,
    /// The parent role gets another short name.
    RenameRole,
    /// It gets its name back.
    RestoreRole,
    /// Moodle's synchronisation is switched off.
    DisableTask,
    /// It is switched on.
    EnableTask,
    /// A pupil's context loses its path.
    BreakContext,
    /// A pupil is marked as one who left.
    MarkLeaver,
    /// A row of ours is taken away, always the same one.
    TakeAway,
}

/// What a queue may do to messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueueTrick {
    /// One is lost.
    Lose,
    /// All come twice.
    Double,
    /// They come in another order.
    Reorder,
    /// They come much later.
    Late,
    /// Those that are being worked on come back.
    Back,
    /// One that nobody can read.
    Garbage,
    /// The dead letters are put back.
    Redrive,
}

/// One act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// An adult sends a form.
    Submit {
        /// Which of [`people::ADULTS`].
        adult: usize,
        /// The children.
        children: Vec<Child>,
        /// The kind of request.
        kind: &'static str,
        /// Whether the form proves the address.
        proving: bool,
        /// An idempotency key.
        key: Option<u8>,
    },
    /// An adult presses the button behind a mailed link.
    Confirm(usize),
    /// Staff approve.
    Approve(usize, Picked, Account, Version),
    /// Staff end a request.
    End(usize, Action, Version),
    /// Staff withdraw a child.
    Withdraw(usize, Version),
    /// Staff take a request up again.
    Reopen(usize),
    /// Staff correct the first child's name, rightly or to something else.
    Correct(usize, bool),
    /// Staff ask for information.
    Ask(usize),
    /// Staff revoke a login row.
    Revoke(usize),
    /// Safeguarding places a hold: on an adult, on a pair, or on a pupil.
    Hold(usize, Held),
    /// Two people release a hold: one asks, the other does it.
    Release(usize),
    /// The last click once more, as it was sent.
    Again,
    /// A browser sends a form with a key once more, long after.
    Resend,
    /// The provisioner looks after jobs.
    Cycle,
    /// The provisioner compares everybody.
    Reconcile,
    /// Staff look at the plan and apply it.
    ApplyPlan,
    /// Moodle's cron.
    Cron,
    /// Mails are sent.
    Mail,
    /// What is tidied up every night.
    Tidy,
    /// Somebody is at work in Moodle.
    Meddle(Meddling, usize),
    /// The queue does what queues do.
    Queue(QueueTrick, usize),
    /// Time passes: minutes.
    Wait(i64),
    /// An adult signs in to Moodle.
    SignIn(usize),
    /// What comes later in the life of an account.
    Later(Later),
    /// What staff do, done by the member of staff who is a parent.
    ByParent(Box<Act>),
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Submit { adult, children, kind, proving, key } => {
                let asks = people::submission(*adult, children, kind);
                write!(f, "{} {} <{}> asks ({kind}) for", asks.given_name, asks.family_name, asks.email)?;
                for child in &asks.children {
                    write!(f, " {} {}", child.given_name, child.family_name)?;
                    if child.admission_number.is_some() {
                        f.write_str(" by number")?;
                    }
                }
                write!(f, "{}", if *proving { ", address proven by the form" } else { "" })?;
                key.map_or(Ok(()), |key| write!(f, ", key {key}"))
            }
            Self::Confirm(nth) => write!(f, "somebody presses the button behind mailed link {nth}"),
            Self::Approve(nth, picked, account, version) => {
                write!(f, "staff approve request {nth} (pick {picked:?}, account {account:?}, version {version:?})")
            }
            Self::End(nth, action, version) => write!(f, "staff {action} request {nth} (version {version:?})"),
            Self::Withdraw(nth, version) => write!(f, "staff withdraw a child of request {nth} (version {version:?})"),
            Self::Reopen(nth) => write!(f, "staff reopen request {nth}"),
            Self::Correct(nth, right) => {
                write!(f, "staff correct request {nth} {}", if *right { "rightly" } else { "wrongly" })
            }
            Self::Ask(nth) => write!(f, "staff ask about request {nth}"),
            Self::Revoke(nth) => write!(f, "staff revoke login row {nth}"),
            Self::Hold(nth, held) => write!(f, "safeguarding places a hold ({held:?} {nth})"),
            Self::Release(nth) => write!(f, "two people release hold {nth}"),
            Self::Again => f.write_str("the last click once more, as it was sent"),
            Self::Resend => f.write_str("a browser sends the last form with a key once more"),
            Self::Cycle => f.write_str("the provisioner looks after jobs"),
            Self::Reconcile => f.write_str("the provisioner compares everybody"),
            Self::ApplyPlan => f.write_str("staff look at the plan and apply it"),
            Self::Cron => f.write_str("Moodle's cron"),
            Self::Mail => f.write_str("mails are sent"),
            Self::Tidy => f.write_str("the nightly tidying"),
            Self::Meddle(what, nth) => write!(f, "in Moodle: {what:?} {nth}"),
            Self::Queue(what, nth) => write!(f, "the queue: {what:?} {nth}"),
            Self::Wait(minutes) => write!(f, "{minutes} minutes pass"),
            Self::SignIn(nth) => write!(f, "adult {nth} signs in to Moodle"),
            Self::Later(later) => write!(f, "{later}"),
            Self::ByParent(act) => write!(f, "as the parent who is staff: {act}"),
        }
    }
}

fn one_of<T: Copy>(rng: &mut Rng, among: &[T]) -> T {
    among[rng.usize(..among.len())]
}

fn version(rng: &mut Rng) -> Version {
    one_of(rng, &[Version::Seen, Version::Seen, Version::Seen, Version::Any, Version::Any, Version::Stale])
}

const ENDS: [Action; 3] = [Action::Deny, Action::MarkDuplicate, Action::MarkBogus];

const MEDDLINGS: [Meddling; 19] = [
    Meddling::AddForeign,
    Meddling::AddForeignBesideOurs,
    Meddling::RemoveForeign,
    Meddling::DeleteOurs,
    Meddling::MoveOurs,
    Meddling::DoubleOurs,
    Meddling::Forge,
    Meddling::SuspendPupil,
    Meddling::ReturnPupils,
    Meddling::DeletePupil,
    Meddling::SuspendAccount,
    Meddling::DeleteAccount,
    Meddling::RenameRole,
    Meddling::RestoreRole,
    Meddling::DisableTask,
    Meddling::EnableTask,
    Meddling::BreakContext,
    Meddling::MarkLeaver,
    Meddling::TakeAway,
];

const TRICKS: [QueueTrick; 7] = [
    QueueTrick::Lose,
    QueueTrick::Double,
    QueueTrick::Reorder,
    QueueTrick::Late,
    QueueTrick::Back,
    QueueTrick::Garbage,
    QueueTrick::Redrive,
];

type Drawer = fn(&mut Rng) -> Act;

/// How often each act is drawn, and what it is.
const ACTS: &[(u32, Drawer)] = &[
    (16, draw_submit),
    (8, |rng| Act::Confirm(rng.usize(..4))),
    (20, draw_approve),
    (5, |rng| Act::End(rng.usize(..6), one_of(rng, &ENDS), version(rng))),
    (4, |rng| Act::Withdraw(rng.usize(..6), version(rng))),
    (3, |rng| Act::Reopen(rng.usize(..6))),
    (3, |rng| Act::Correct(rng.usize(..6), rng.bool())),
    (1, |rng| Act::Ask(rng.usize(..6))),
    (2, |rng| Act::Revoke(rng.usize(..6))),
    (3, |rng| Act::Hold(rng.usize(..6), one_of(rng, &[Held::Adult, Held::Pair, Held::Pair, Held::Pupil]))),
    (2, |rng| Act::Release(rng.usize(..3))),
    (3, |_| Act::Again),
    (2, |_| Act::Resend),
    (16, |_| Act::Cycle),
    (5, |_| Act::Reconcile),
    (1, |_| Act::ApplyPlan),
    (10, |_| Act::Cron),
    (3, |_| Act::Mail),
    (1, |_| Act::Tidy),
    (8, draw_meddling),
    (4, |rng| Act::Queue(one_of(rng, &TRICKS), rng.usize(..4))),
    (6, |rng| Act::Wait(one_of(rng, &[1, 2, 5, 20, 180, 25 * 60, 72 * 60, 40 * 24 * 60]))),
    (3, |rng| Act::SignIn(rng.usize(..4))),
    (8, |rng| Act::Later(Later::draw(rng))),
    (3, draw_by_parent),
];

fn draw_by_parent(rng: &mut Rng) -> Act {
    let act = match rng.u8(..4) {
        0..=1 => draw_approve(rng),
        2 => Act::End(rng.usize(..6), one_of(rng, &ENDS), version(rng)),
        _ => Act::Revoke(rng.usize(..6)),
    };
    Act::ByParent(Box::new(act))
}

fn draw_meddling(rng: &mut Rng) -> Act {
    Act::Meddle(one_of(rng, &MEDDLINGS), rng.usize(..8))
}

fn draw_submit(rng: &mut Rng) -> Act {
    let kind = one_of(rng, &["new_account", "new_account", "new_account", "child_missing", "cannot_sign_in", "leave"]);
    let count = if kind == "leave" { 0 } else { rng.usize(1..=3) };
    let first = rng.usize(..people::pupils().len());
    let children =
        (0..count).map(|i| Child { pupil: first + i, number: rng.bool(), misspelt: rng.u8(..16) == 0 }).collect();
    let key = (rng.u8(..4) == 0).then(|| rng.u8(..3));
    Act::Submit { adult: rng.usize(..people::ADULTS.len()), children, kind, proving: rng.u8(..3) > 0, key }
}

fn draw_approve(rng: &mut Rng) -> Act {
    let picked = match rng.u8(..10) {
        0..=6 => Picked::Exact,
        7 => Picked::ByHand(rng.usize(..people::pupils().len())),
        8 => Picked::RefuseFirst,
        _ => Picked::NoPupil,
    };
    let account = match rng.u8(..10) {
        0 => Account::New,
        1 => Account::Staff,
        2 => Account::NewForTheRest,
        _ => Account::Auto,
    };
    Act::Approve(rng.usize(..6), picked, account, version(rng))
}

impl Act {
    /// Draws an act.
    #[must_use]
    pub fn draw(rng: &mut Rng) -> Self {
        let all: u32 = ACTS.iter().map(|(weight, _)| weight).sum();
        let mut at = rng.u32(..all);
        for (weight, draw) in ACTS {
            if at < *weight {
                return draw(rng);
            }
            at -= weight;
        }
        Self::Cycle
    }

    /// Whether it is the driver's own: it is played alone and nothing strikes it.
    #[must_use]
    pub const fn is_of_the_world(&self) -> bool {
        matches!(self, Self::Meddle(..) | Self::Queue(..) | Self::Wait(_) | Self::SignIn(_))
    }

    /// What it comes to as things stand; `None` when there is nothing to do it to. `name` is whoever clicks, `last` the last
    /// click, `form` the last form with a key.
    ///
    /// # Errors
    /// The databases.
    #[expect(clippy::too_many_lines, reason = "one arm an act")]
    pub async fn resolve(
        &self,
        world: &World,
        name: &str,
        last: Option<&Deed>,
        form: Option<&Deed>,
    ) -> Result<Option<Deed>> {
        let actor = name.to_owned();
        let decide = |found: Option<Found>, version: Version, decision: Decision| {
            found.map(|found| Deed::Decide {
                version: found.version(version),
                request: found.id,
                actor: actor.clone(),
                decision,
            })
        };
        Ok(match self {
            Self::Submit { adult, children, kind, proving, key } => Some(Deed::Submit {
                raw: Box::new(people::submission(*adult, children, kind)),
                proving: *proving,
                // The key of one adult's browser for one form.
                key: key.map(|key| format!("{adult}-{key}-{kind}-{children:?}")),
            }),
            Self::Confirm(nth) => {
                let sql = "SELECT id FROM email_proofs ORDER BY created_at DESC, id DESC";
                let proofs: Vec<(String,)> = world.store.fetch_all(sql, []).await?;
                nth_of(&proofs, *nth)
                    .map(|(proof,)| Deed::Confirm { token: world.app.key.derive("email-proof", proof) })
            }
            Self::Approve(nth, picked, account, version) => {
                let statuses: &[&str] = match account {
                    Account::Auto => &["pending", "waiting_for_parent", "approved"],
                    Account::New | Account::Staff => &["pending", "waiting_for_parent"],
                    Account::NewForTheRest => &["approved"],
                };
                let found = request(world, statuses, *nth).await?;
                let Some(found) = found else { return Ok(None) };
                let claims = claims(world, &found.id, "open").await?;
                let approval = approval(&claims, *picked, *account);
                decide(Some(found), *version, Decision::Approve(approval))
            }
            Self::End(nth, action, version) => {
                let open = ["unconfirmed", "pending", "waiting_for_parent", "approved", "provisioned"];
                decide(request(world, &open, *nth).await?, *version, Decision::End(*action))
            }
            Self::Withdraw(nth, version) => {
                let found = request(world, &["approved", "provisioned"], *nth).await?;
                let Some(found) = found else { return Ok(None) };
                let claims = claims(world, &found.id, "approved").await?;
                match nth_of(&claims, *nth) {
                    Some(claim) => decide(Some(found), *version, Decision::Withdraw(*claim)),
                    None => None,
                }
            }
            Self::Reopen(nth) => {
                let ended = ["denied", "duplicate", "bogus", "withdrawn", "expired", "waiting_for_parent"];
                decide(request(world, &ended, *nth).await?, Version::Seen, Decision::Reopen)
            }
            Self::Correct(nth, right) => {
                let found = request(world, &["pending", "approved"], *nth).await?;
                let Some(found) = found else { return Ok(None) };
                let claims = claims(world, &found.id, "open").await?;
                let Some(claim) = claims.first() else { return Ok(None) };
                let pupils = people::pupils();
                let pupil = &pupils[*nth % pupils.len()];
                let child = ChildCorrection {
                    claim: *claim,
                    given_name: Some(pupil.given.to_owned()),
                    family_name: Some(if *right { pupil.family.to_owned() } else { format!("{}x", pupil.family) }),
                    tutor_group: Some(pupil.tutor_group.clone()),
                    admission_number: Some(if *right { pupil.admission_number.clone() } else { String::new() }),
                };
                let correction = Correction { children: vec![child], ..Correction::default() };
                decide(Some(found), Version::Seen, Decision::Correct(correction))
            }
            Self::Ask(nth) => {
                decide(request(world, &["pending", "waiting_for_parent"], *nth).await?, Version::Seen, Decision::Ask)
            }
            Self::Revoke(nth) => {
                let sql = "SELECT username FROM login_rows WHERE adult_id <> '' ORDER BY username";
                let rows: Vec<(String,)> = world.store.fetch_all(sql, []).await?;
                nth_of(&rows, *nth).map(|(username,)| Deed::Revoke { username: username.clone(), actor })
            }
            Self::Hold(nth, held) => {
                let sql = "SELECT adult_id, pupil_id FROM links ORDER BY id";
                let links: Vec<(String, i64)> = world.store.fetch_all(sql, []).await?;
                let Some((adult, pupil)) = nth_of(&links, *nth) else { return Ok(None) };
                let adult = adult.parse().context("an adult's id")?;
                Some(Deed::Hold {
                    new: NewHold {
                        adult: (*held != Held::Pupil).then_some(adult),
                        email: None,
                        pupil: (*held != Held::Adult).then_some(MoodleUserId(*pupil)),
                        reason: HoldReason::CourtOrder,
                        reference: "file 7".to_owned(),
                        from: None,
                        until: None,
                    },
                    actor,
                })
            }
            Self::Release(nth) => {
                let sql = "SELECT id FROM holds WHERE released_at IS NULL ORDER BY id";
                let holds: Vec<(String,)> = world.store.fetch_all(sql, []).await?;
                let Some((hold,)) = nth_of(&holds, *nth) else { return Ok(None) };
                Some(Deed::Release { hold: hold.parse().context("a hold's id")?, actor })
            }
            Self::Resend => form.cloned(),
            Self::Again => last.cloned().map(|deed| deed.by(name)),
            Self::Cycle => Some(Deed::Cycle(Mode::Jobs)),
            Self::Reconcile => Some(Deed::Cycle(Mode::Full)),
            Self::ApplyPlan => Some(Deed::ApplyPlan { actor }),
            Self::Cron => Some(Deed::Cron),
            Self::Mail => Some(Deed::Mail),
            Self::Tidy => Some(Deed::Tidy),
            Self::Later(later) => later.resolve(world).await?.map(|wish| Deed::Later { wish, actor }),
            Self::ByParent(act) => {
                let parent = world.parent_of_staff(name).await?;
                Box::pin(act.resolve(world, &parent, last, form)).await?
            }
            Self::Meddle(..) | Self::Queue(..) | Self::Wait(_) | Self::SignIn(_) => None,
        })
    }
}

/// One of a list, whatever the number.
pub(crate) fn nth_of<T>(list: &[T], nth: usize) -> Option<&T> {
    if list.is_empty() { None } else { list.get(nth % list.len()) }
}

/// A request as a page shows it.
struct Found {
    id: RequestId,
    seen: i64,
}

impl Found {
    const fn version(&self, which: Version) -> Option<i64> {
        match which {
            Version::Seen => Some(self.seen),
            Version::Stale => Some(self.seen - 1),
            Version::Any => None,
        }
    }
}

async fn request(world: &World, statuses: &[&str], nth: usize) -> Result<Option<Found>> {
    let sql = format!(
        "SELECT id, version FROM requests WHERE status IN {} ORDER BY created_at, id",
        kinlink_db::in_list(statuses.len())
    );
    let args: Vec<Value> = statuses.iter().map(|status| (*status).into()).collect();
    let rows: Vec<(String, i64)> = world.store.fetch_all(&sql, args).await?;
    nth_of(&rows, nth)
        .map(|(id, seen)| Ok(Found { id: id.parse().context("a request's id")?, seen: *seen }))
        .transpose()
}

async fn claims(world: &World, request: &RequestId, state: &str) -> Result<Vec<ClaimId>> {
    let sql = "SELECT id FROM claims WHERE request_id = ? AND state = ? ORDER BY position";
    let rows: Vec<(String,)> = world.store.fetch_all(sql, [request.to_string().into(), state.into()]).await?;
    rows.iter().map(|(id,)| id.parse().context("a claim's id")).collect()
}

fn approval(claims: &[ClaimId], picked: Picked, account: Account) -> Approval {
    let first = |pick: Pick| claims.first().map(|claim| ClaimChoice { claim: *claim, pick });
    let choices = match picked {
        Picked::Exact => Vec::new(),
        Picked::ByHand(pupil) => {
            first(Pick::Pupil(MoodleUserId(people::pupils()[pupil].user_id))).into_iter().collect()
        }
        Picked::NoPupil => first(Pick::Pupil(MoodleUserId(5))).into_iter().collect(),
        Picked::RefuseFirst => {
            let others = claims.iter().skip(1).map(|claim| ClaimChoice { claim: *claim, pick: Pick::Exact });
            first(Pick::Deny).into_iter().chain(others).collect()
        }
    };
    Approval {
        claims: choices,
        account: match account {
            Account::Auto => AccountChoice::Auto,
            Account::New | Account::NewForTheRest => AccountChoice::New,
            Account::Staff => AccountChoice::MoodleUser(MoodleUserId(3)),
        },
        checks: Checks::ALL,
        ..Approval::default()
    }
}

/// What staff decide.
#[derive(Debug, Clone)]
pub enum Decision {
    /// Approve.
    Approve(Approval),
    /// End.
    End(Action),
    /// Withdraw a child.
    Withdraw(ClaimId),
    /// Take up again.
    Reopen,
    /// Correct.
    Correct(Correction),
    /// Ask.
    Ask,
}

/// An act with everything that it needs, as a browser, a schedule or a command sends it.
#[derive(Debug, Clone)]
pub enum Deed {
    /// A form.
    Submit {
        /// What is in it.
        raw: Box<RawSubmission>,
        /// By which source.
        proving: bool,
        /// The idempotency key.
        key: Option<String>,
    },
    /// The button behind a mailed link.
    Confirm {
        /// The link's secret.
        token: String,
    },
    /// A click of staff.
    Decide {
        /// On which request.
        request: RequestId,
        /// The version that was seen.
        version: Option<i64>,
        /// Who clicked: a name that no other click has.
        actor: String,
        /// What.
        decision: Decision,
    },
    /// A login row is revoked.
    Revoke {
        /// Its user name.
        username: String,
        /// Who clicked.
        actor: String,
    },
    /// A hold is placed.
    Hold {
        /// Which.
        new: NewHold,
        /// Who placed it.
        actor: String,
    },
    /// A hold is released.
    Release {
        /// Which.
        hold: HoldId,
        /// Who released it; somebody else asked for it.
        actor: String,
    },
    /// The provisioner.
    Cycle(Mode),
    /// A plan is looked at and applied.
    ApplyPlan {
        /// Who clicked.
        actor: String,
    },
    /// Moodle's cron.
    Cron,
    /// Mails are sent.
    Mail,
    /// Tidying.
    Tidy,
    /// What comes later in the life of an account.
    Later {
        /// What.
        wish: Wish,
        /// Who clicked.
        actor: String,
    },
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The form was taken: the reference.
    Taken(String),
    /// Done.
    Done,
    /// Another provisioner is at work.
    Busy,
    /// It cannot be done, in words: nothing was changed.
    Refused(String),
    /// It failed, in words: it may have been done or not.
    Failed(String),
}

impl Answer {
    pub(crate) fn of<T>(result: Result<T, ServiceError>, done: impl FnOnce(T) -> Self) -> Self {
        match result {
            Ok(value) => done(value),
            Err(
                error @ (ServiceError::NotFound(_)
                | ServiceError::Invalid(_)
                | ServiceError::Refused { .. }
                | ServiceError::Stale
                | ServiceError::Forbidden(_)
                | ServiceError::Unauthorized),
            ) => Self::Refused(error.to_string()),
            Err(error) => Self::Failed(error.to_string()),
        }
    }
}

impl Deed {
    /// The same, clicked by somebody with another name.
    #[must_use]
    pub fn by(self, name: &str) -> Self {
        let actor = name.to_owned();
        match self {
            Self::Decide { request, version, decision, .. } => Self::Decide { request, version, actor, decision },
            Self::Revoke { username, .. } => Self::Revoke { username, actor },
            Self::Later { wish, .. } => Self::Later { wish, actor },
            other => other,
        }
    }

    /// Whether it is somebody's click, which may be repeated.
    #[must_use]
    pub const fn is_click(&self) -> bool {
        matches!(
            self,
            Self::Decide { .. } | Self::Revoke { .. } | Self::Submit { .. } | Self::Confirm { .. } | Self::Later { .. }
        )
    }

    /// Does it.
    #[must_use]
    pub fn perform(self, world: &World) -> Pin<Box<dyn Future<Output = Answer> + '_>> {
        Box::pin(async move {
            let app = &world.app;
            match self {
                Self::Submit { raw, proving, key } => {
                    let source = &world.sources[usize::from(!proving)];
                    let key = key.map(|key| IdempotencyKey { fingerprint: format!("of {key}"), key });
                    let result = submit(app, source, &raw, Faults::Keep, key.as_ref()).await;
                    Answer::of(result, |accepted| Answer::Taken(accepted.reference.as_str().to_owned()))
                }
                Self::Confirm { token } => Answer::of(confirm(app, &token).await, |_| Answer::Done),
                Self::Decide { request, version, actor, decision } => {
                    let actor = staff(&actor);
                    let reason = Reason::default();
                    let result = match decision {
                        Decision::Approve(approval) => approve(app, &actor, request, version, &approval).await,
                        Decision::End(action) => decide::end(app, &actor, request, version, action, &reason).await,
                        Decision::Withdraw(claim) => {
                            decide::withdraw_child(app, &actor, request, version, claim, &reason).await
                        }
                        Decision::Reopen => decide::reopen(app, &actor, request, version, &reason).await,
                        Decision::Correct(correction) => {
                            decide::correct(app, &actor, request, version, &correction).await
                        }
                        Decision::Ask => decide::ask(app, &actor, request, version, &reason).await,
                    };
                    Answer::of(result, |_| Answer::Done)
                }
                Self::Revoke { username, actor } => {
                    Answer::of(accounts::revoke(app, &staff(&actor), &[username], None).await, |_| Answer::Done)
                }
                Self::Hold { new, actor } => {
                    Answer::of(holds::place(app, &staff(&actor), &new).await, |_| Answer::Done)
                }
                Self::Release { hold, actor } => {
                    // Asked for once; whoever comes after a try that failed finds it asked for.
                    let asked = holds::ask_release(app, &staff("click:asks"), hold).await;
                    match asked {
                        Ok(_) | Err(ServiceError::Refused { .. }) => {
                            Answer::of(holds::release(app, &staff(&actor), hold).await, |_| Answer::Done)
                        }
                        Err(error) => Answer::of(Err::<(), _>(error), |()| Answer::Done),
                    }
                }
                Self::Cycle(mode) => run(world, &Actor::system(), mode).await,
                Self::ApplyPlan { actor } => apply_plan(world, &staff(&actor)).await,
                Self::Cron => match world.cron().await {
                    Ok(()) => Answer::Done,
                    Err(error) => Answer::Failed(error.to_string()),
                },
                Self::Mail => {
                    let delivered = deliver(app, &world.school, &Transport::Store, 100, None).await;
                    Answer::of(delivered, |_| Answer::Done)
                }
                Self::Tidy => Answer::of(housekeeping::tidy(app).await, |_| Answer::Done),
                Self::Later { wish, actor } => wish.perform(world, &staff(&actor)).await,
            }
        })
    }
}

/// Runs the provisioner.
pub(crate) async fn run(world: &World, actor: &Actor, mode: Mode) -> Answer {
    let result = cycle::run(&world.app, actor, mode, None, &|_| {}).await;
    Answer::of(result, |ran| match ran {
        Ran::Busy => Answer::Busy,
        Ran::Done(_) => Answer::Done,
    })
}

/// Looks at the plan and applies it by its digest, as a person does when the brake holds removals.
pub async fn apply_plan(world: &World, actor: &Actor) -> Answer {
    match plans::make(&world.app, actor).await {
        Ok(plan) => run(world, actor, Mode::Apply(plan.id.to_string())).await,
        Err(error) => Answer::of(Err::<(), _>(error), |()| Answer::Done),
    }
}
