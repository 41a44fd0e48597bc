//! What comes later in the life of an account: a pupil who is back, a new address, a parent who wants their data erased, plans
//! that two people apply, rows that somebody fights over. As `acts.rs`, of which this is a part: drawn, resolved, performed.
//!
//! What does not live here: pupils who leave; that is somebody at work in Moodle (`meddle.rs`), and the nightly comparison.

use std::fmt;

use anyhow::{Context as _, Result};
use fastrand::Rng;
use kinlink_domain::{
    ids::{AdultId, ContestId, LinkId, PlanId, RequestId},
    staff::Actor,
};
use kinlink_service::{
    ServiceError,
    cycle::Mode,
    email_change::{self, NewAddress},
    erasure, leavers, plans, reconciliation, retention,
};

use crate::{
    acts::{Answer, nth_of, run},
    world::{World, staff},
};

/// Addresses that nobody of the model world has at first; the last one is somebody's.
pub const NEW_ADDRESSES: [&str; 4] =
    ["new.one@example.org", "new.two@example.org", "New.Three@example.org", "cleo@example.org"];

/// The purpose of the secret in the link that proves a new address: what stands in the mail.
const NEW_ADDRESS: &str = "new-address";

/// An act, as it is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Later {
    /// Staff give a link back that ended because its pupil left.
    Restore(usize),
    /// Staff erase an adult's data; with `true` they end the access with it.
    Erase(usize, bool),
    /// Staff erase a request.
    EraseRequest(usize),
    /// Staff begin a change of an adult's address, to this one; with `true` they say that the mailbox is shared.
    ChangeEmail(usize, usize, bool),
    /// Somebody presses the button behind the link in a new mailbox.
    ProveEmail(usize),
    /// Staff take a change of an address back.
    WithdrawEmail(usize),
    /// Staff look at the plan and keep it.
    KeepPlan,
    /// One of two people applies a plan that was kept.
    ApplyKept(usize, u8),
    /// Staff let a row be put back that is left alone.
    ReleaseContest(usize),
    /// Staff do away with what has had its time, at once.
    Purge,
}

impl fmt::Display for Later {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Restore(nth) => write!(f, "staff give back link {nth}"),
            Self::Erase(nth, with) => {
                write!(f, "staff erase adult {nth}{}", if *with { ", with the access" } else { "" })
            }
            Self::EraseRequest(nth) => write!(f, "staff erase request {nth}"),
            Self::ChangeEmail(nth, to, shared) => {
                let shared = if *shared { ", a shared mailbox" } else { "" };
                write!(f, "staff change the address of adult {nth} to {}{shared}", NEW_ADDRESSES[*to])
            }
            Self::ProveEmail(nth) => write!(f, "somebody proves new address {nth}"),
            Self::WithdrawEmail(nth) => write!(f, "staff withdraw change {nth} of an address"),
            Self::KeepPlan => f.write_str("staff keep the plan"),
            Self::ApplyKept(nth, person) => write!(f, "person {person} applies kept plan {nth}"),
            Self::ReleaseContest(nth) => write!(f, "staff release contested row {nth}"),
            Self::Purge => f.write_str("staff purge what has had its time"),
        }
    }
}

impl Later {
    /// Draws one.
    pub fn draw(rng: &mut Rng) -> Self {
        match rng.u8(..20) {
            0..=2 => Self::Restore(rng.usize(..3)),
            3..=4 => Self::Erase(rng.usize(..6), rng.u8(..3) > 0),
            5 => Self::EraseRequest(rng.usize(..6)),
            6..=8 => Self::ChangeEmail(rng.usize(..6), rng.usize(..NEW_ADDRESSES.len()), rng.u8(..4) == 0),
            9..=11 => Self::ProveEmail(rng.usize(..2)),
            12 => Self::WithdrawEmail(rng.usize(..2)),
            13..=14 => Self::KeepPlan,
            15..=17 => Self::ApplyKept(rng.usize(..2), rng.u8(..2)),
            18 => Self::ReleaseContest(rng.usize(..2)),
            _ => Self::Purge,
        }
    }

    /// What it comes to as things stand.
    ///
    /// # Errors
    /// The databases.
    pub async fn resolve(&self, world: &World) -> Result<Option<Wish>> {
        let store = &world.store;
        let ids = async |sql: &str, nth: usize| -> Result<Option<String>> {
            let rows: Vec<(String,)> = store.fetch_all(sql, []).await?;
            Ok(nth_of(&rows, nth).map(|(id,)| id.clone()))
        };
        let adults = "SELECT id FROM adults ORDER BY created_at, id";
        let changes = "SELECT id FROM email_changes ORDER BY created_at DESC, id DESC";
        Ok(match self {
            Self::Restore(nth) => {
                let sql = "SELECT id FROM links WHERE active = 0 ORDER BY CASE end_reason WHEN 'pupil_left' THEN 0 ELSE 1 \
                           END, id";
                let rows: Vec<(i64,)> = store.fetch_all(sql, []).await?;
                nth_of(&rows, *nth).map(|(link,)| Wish::Restore(LinkId(*link)))
            }
            Self::Erase(nth, with) => match ids(adults, *nth).await? {
                Some(adult) => Some(Wish::Erase(adult.parse().context("an adult's id")?, *with)),
                None => None,
            },
            Self::EraseRequest(nth) => match ids("SELECT id FROM requests ORDER BY created_at, id", *nth).await? {
                Some(request) => Some(Wish::EraseRequest(request.parse().context("a request's id")?)),
                None => None,
            },
            Self::ChangeEmail(nth, to, shared) => match ids(adults, *nth).await? {
                Some(adult) => {
                    let adult = adult.parse().context("an adult's id")?;
                    Some(Wish::ChangeEmail(adult, NEW_ADDRESSES[*to], *shared))
                }
                None => None,
            },
            Self::ProveEmail(nth) => ids(changes, *nth).await?.map(Wish::ProveEmail),
            Self::WithdrawEmail(nth) => {
                match ids("SELECT adult_id FROM email_changes ORDER BY created_at DESC, id DESC", *nth).await? {
                    Some(adult) => Some(Wish::WithdrawEmail(adult.parse().context("an adult's id")?)),
                    None => None,
                }
            }
            Self::KeepPlan => Some(Wish::KeepPlan),
            Self::ApplyKept(nth, person) => {
                match ids("SELECT id FROM plans ORDER BY created_at DESC, id DESC", *nth).await? {
                    Some(plan) => Some(Wish::ApplyKept(plan.parse().context("a plan's id")?, *person)),
                    None => None,
                }
            }
            Self::ReleaseContest(nth) => match ids("SELECT id FROM contests ORDER BY id", *nth).await? {
                Some(contest) => Some(Wish::ReleaseContest(contest.parse().context("a contest's id")?)),
                None => None,
            },
            Self::Purge => Some(Wish::Purge),
        })
    }
}

/// An act with everything that it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    /// This link is given back.
    Restore(LinkId),
    /// This adult is erased.
    Erase(AdultId, bool),
    /// This request is erased.
    EraseRequest(RequestId),
    /// This adult is to have this address.
    ChangeEmail(AdultId, &'static str, bool),
    /// The link in the mail about this change is used.
    ProveEmail(String),
    /// The change of this adult's address is taken back.
    WithdrawEmail(AdultId),
    /// The plan is kept.
    KeepPlan,
    /// This plan is applied, by this person.
    ApplyKept(PlanId, u8),
    /// This row may be put back.
    ReleaseContest(ContestId),
    /// What has had its time goes.
    Purge,
}

impl Wish {
    /// The entry of the audit that it must leave when it is done, and must not leave when it is refused; with `false` one that
    /// may be missing, because it was so already.
    #[must_use]
    pub const fn leaves(&self) -> Option<(&'static str, bool)> {
        match self {
            Self::Restore(_) => Some(("link.restore", false)),
            Self::Erase(..) => Some(("adult.ask_erasure", false)),
            Self::EraseRequest(_) => Some(("request.erase", true)),
            Self::ChangeEmail(..) => Some(("adult.email_change", true)),
            Self::WithdrawEmail(_) => Some(("adult.email_change_withdrawn", true)),
            Self::ReleaseContest(_) => Some(("contest.release", true)),
            Self::ProveEmail(_) | Self::KeepPlan | Self::ApplyKept(..) | Self::Purge => None,
        }
    }

    /// Does it.
    pub async fn perform(self, world: &World, actor: &Actor) -> Answer {
        let app = &world.app;
        match self {
            Self::Restore(link) => Answer::of(leavers::restore(app, actor, link).await, |_| Answer::Done),
            Self::Erase(adult, with) => Answer::of(erasure::adult(app, actor, adult, with).await, |_| Answer::Done),
            Self::EraseRequest(request) => Answer::of(erasure::request(app, actor, request).await, |_| Answer::Done),
            Self::ChangeEmail(adult, email, shared) => {
                let wanted = NewAddress { email: email.to_owned(), shared };
                Answer::of(email_change::start(app, actor, adult, &wanted).await, |_| Answer::Done)
            }
            Self::ProveEmail(change) => {
                let token = app.key.derive(NEW_ADDRESS, &change);
                Answer::of(email_change::prove(app, &token).await, |proven| match proven {
                    email_change::Proven::Changed => Answer::Done,
                    email_change::Proven::Invalid => Answer::Refused("the link is not valid".to_owned()),
                })
            }
            Self::WithdrawEmail(adult) => {
                Answer::of(email_change::withdraw(app, actor, adult).await, |()| Answer::Done)
            }
            Self::KeepPlan => Answer::of(plans::make(app, actor).await, |_| Answer::Done),
            Self::ApplyKept(plan, person) => run(world, &head(person), Mode::Apply(plan.to_string())).await,
            Self::ReleaseContest(contest) => {
                let released = reconciliation::release(app, actor, contest).await;
                Answer::of(released, |()| Answer::Done)
            }
            Self::Purge => Answer::of(retention::purge(app, actor).await, |_| Answer::Done),
        }
    }
}

/// One of the two people who apply plans.
#[must_use]
pub fn head(person: u8) -> Actor {
    staff(&format!("head:{person}"))
}

/// Two people look at the plan and apply it, as they do when the brake holds removals.
pub async fn apply_together(world: &World) -> Answer {
    let made = match plans::make(&world.app, &head(0)).await {
        Ok(plan) => plan,
        Err(error) => return Answer::of(Err::<(), ServiceError>(error), |()| Answer::Done),
    };
    let wish = Wish::ApplyKept(made.id, 0);
    match wish.perform(world, &head(0)).await {
        Answer::Refused(_) => Wish::ApplyKept(made.id, 1).perform(world, &head(1)).await,
        answer => answer,
    }
}
