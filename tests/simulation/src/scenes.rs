//! Scenes: acts that belong together, because by chance alone they would hardly ever meet. A pupil leaves and comes back, an
//! address changes, somebody fights over a row. What lies between them, and what goes wrong, is drawn like everything else.

use fastrand::Rng;
use kinlink_domain::request::Action;

use crate::{
    acts::{Account, Act, Meddling, Picked, Version},
    later::{Later, NEW_ADDRESSES},
    people::{self, Child},
    world::Setting,
};

/// An hour more than a day: the next night.
const NIGHT: i64 = 25 * 60;

/// Draws a scene; a calm one where nobody is at work in Moodle. Where pupils leave, that is the scene mostly.
pub fn draw(rng: &mut Rng, setting: &Setting, calm: bool) -> Vec<Act> {
    if setting.grace.is_some() && !calm && rng.bool() {
        return leaving(rng);
    }
    if setting.brake.is_some() && rng.bool() {
        return if rng.bool() { held(rng) } else { plan(rng, calm) };
    }
    match rng.u8(if calm { 2 } else { 1 }..9) {
        1 => fight(rng),
        2 => session(rng),
        3 => address(rng),
        4 => erasure(rng),
        5 => own(rng),
        _ => plan(rng, calm),
    }
}

/// A pupil leaves, nights pass, the pupil is back.
fn leaving(rng: &mut Rng) -> Vec<Act> {
    let way =
        [Meddling::MarkLeaver, Meddling::SuspendPupil, Meddling::MarkLeaver, Meddling::DeletePupil][rng.usize(..4)];
    let mut acts = vec![Act::Cron, Act::Reconcile, Act::Meddle(way, rng.usize(..3))];
    for _ in 0..rng.usize(1..6) {
        acts.extend([Act::Reconcile, Act::Wait(NIGHT)]);
    }
    if rng.bool() {
        acts.extend([Act::Meddle(Meddling::ReturnPupils, 0), Act::Later(Later::Restore(rng.usize(..2))), Act::Cycle]);
    }
    acts
}

/// An adult signs in to Moodle and loses the access.
fn session(rng: &mut Rng) -> Vec<Act> {
    let nth = rng.usize(..4);
    let loses = match rng.u8(..3) {
        0 => Act::Revoke(nth),
        1 => Act::End(nth, Action::Deny, Version::Any),
        _ => Act::Withdraw(nth, Version::Any),
    };
    vec![Act::Cron, Act::Cycle, Act::SignIn(nth), loses, Act::Cycle]
}

/// Somebody takes one row of ours away each time it is put back.
fn fight(rng: &mut Rng) -> Vec<Act> {
    let nth = rng.usize(..4);
    let mut acts = vec![Act::Cron, Act::Reconcile];
    for _ in 0..rng.usize(3..7) {
        acts.extend([Act::Meddle(Meddling::TakeAway, nth), Act::Reconcile]);
    }
    if rng.bool() {
        acts.extend([Act::Later(Later::ReleaseContest(0)), Act::Cycle]);
    }
    acts
}

/// An address changes, or not.
fn address(rng: &mut Rng) -> Vec<Act> {
    let begins = Act::Later(Later::ChangeEmail(rng.usize(..4), rng.usize(..NEW_ADDRESSES.len()), rng.bool()));
    let mut acts = vec![begins.clone()];
    match rng.u8(..6) {
        0 => acts.push(Act::Later(Later::WithdrawEmail(0))),
        1 => acts.push(begins),
        2 => acts.push(Act::Wait(72 * 60)),
        _ => {}
    }
    acts.extend([Act::Later(Later::ProveEmail(rng.usize(..2))), Act::Cycle]);
    acts
}

/// Somebody wants their data erased.
fn erasure(rng: &mut Rng) -> Vec<Act> {
    let nth = rng.usize(..4);
    let mut acts = vec![Act::Cron, Act::Cycle, Act::Later(Later::Erase(nth, true))];
    if rng.bool() {
        acts.push(Act::Approve(rng.usize(..4), Picked::Exact, Account::Auto, Version::Any));
    }
    acts.extend([Act::Cycle, Act::Tidy]);
    acts
}

/// The member of staff who is a parent asks, and wants to decide.
fn own(rng: &mut Rng) -> Vec<Act> {
    let child = Child { pupil: rng.usize(..people::pupils().len()), number: true, misspelt: false };
    let asks =
        Act::Submit { adult: people::STAFF, children: vec![child], kind: "new_account", proving: true, key: None };
    let account = if rng.bool() { Account::Staff } else { Account::Auto };
    let last = rng.usize(..4);
    let approve = Act::Approve(last, Picked::Exact, account, Version::Any);
    vec![asks, Act::ByParent(Box::new(approve.clone())), approve, Act::ByParent(Box::new(Act::Revoke(last)))]
}

/// A plan is kept; something happens or not; one or two people apply it.
fn plan(rng: &mut Rng, calm: bool) -> Vec<Act> {
    let change = |rng: &mut Rng| match rng.u8(if calm { 3 } else { 0 }..6) {
        0 => Act::Meddle(Meddling::TakeAway, rng.usize(..4)),
        1 => Act::Meddle(Meddling::MoveOurs, rng.usize(..4)),
        2 => Act::Meddle(Meddling::DeleteOurs, rng.usize(..4)),
        3 => Act::Withdraw(rng.usize(..4), Version::Any),
        _ => Act::Approve(rng.usize(..4), Picked::Exact, Account::Auto, Version::Any),
    };
    let mut acts = vec![Act::Cron, change(rng), Act::Cron, change(rng), Act::Later(Later::KeepPlan)];
    if rng.bool() {
        acts.push(if rng.bool() { Act::Cycle } else { change(rng) });
    }
    let first = rng.u8(..2);
    acts.push(Act::Later(Later::ApplyKept(0, first)));
    if rng.u8(..3) > 0 {
        acts.push(Act::Later(Later::ApplyKept(0, if rng.u8(..4) == 0 { first } else { 1 - first })));
    }
    acts
}

/// Families lose their access, the brake holds that, and one or two people apply the plan of it.
fn held(rng: &mut Rng) -> Vec<Act> {
    let first = rng.u8(..2);
    let mut acts = vec![Act::Cron, Act::Cycle];
    acts.extend((0..rng.usize(1..4)).map(|nth| Act::End(nth, Action::Deny, Version::Any)));
    if rng.bool() {
        acts.push(Act::Cycle);
    }
    acts.extend([Act::Later(Later::KeepPlan), Act::Later(Later::ApplyKept(0, first))]);
    if rng.bool() {
        acts.push(Act::Later(Later::ApplyKept(0, 1 - first)));
    }
    acts
}
