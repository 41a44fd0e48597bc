//! Deciding about one request. Each call says which version it saw, so that a decision of somebody else is never overwritten.

use std::collections::BTreeMap;

use kinlink_domain::{ids::ClaimId, request::Action};
use kinlink_service::{
    ServiceError,
    approve::{self, Approval, Checks, ClaimChoice, Pick},
    decide::{self, ChildCorrection, Correction, Reason},
    view::{self, ChildSummary, Request, RequestSummary},
};

use super::{Approve, Ask, Correct, End};
use crate::{answer::Answer, failure::Failure, local::Local};

/// A request as it stands before the decision.
struct Seen {
    request: Request,
    summary: RequestSummary,
}

impl Seen {
    async fn new(local: &Local, name: &str) -> Result<Self, Failure> {
        let request = view::find_request(&local.app, name).await?;
        let summary = view::summarise(&local.app, &local.actor, &request).await?;
        Ok(Self { request, summary })
    }

    /// The child with this number.
    fn child(&self, number: usize) -> Result<&ChildSummary, Failure> {
        let children = &self.summary.children;
        number.checked_sub(1).and_then(|at| children.get(at)).ok_or_else(|| {
            Failure::argument("child", format!("there is no child {number}; the request has {}", children.len()))
        })
    }

    fn version(&self) -> i64 {
        self.request.version
    }
}

async fn decided(local: &Local, request: &Request, next: &str) -> Result<Answer, Failure> {
    let summary = view::summarise(&local.app, &local.actor, request).await?;
    let mut text = format!("{} is {}.", summary.reference, summary.status);
    if !next.is_empty() {
        text = format!("{text} {next}");
    }
    Ok(Answer::new(summary, text))
}

/// What a cycle does after a decision.
const CYCLE: &str = "The next cycle does the rest in Moodle (`kinlink cycle`, or `kinlink serve` by itself).";

pub(super) async fn approve(local: &Local, args: Approve) -> Result<Answer, Failure> {
    let seen = Seen::new(local, &args.request).await?;
    let mut picks: BTreeMap<ClaimId, Pick> = BTreeMap::new();
    let named = (args.pick.iter().map(|(child, pupil)| (*child, Pick::Pupil(*pupil))))
        .chain(args.deny_child.iter().map(|child| (*child, Pick::Deny)))
        .chain(args.leave.iter().map(|child| (*child, Pick::Leave)));
    for (number, pick) in named {
        if picks.insert(seen.child(number)?.claim, pick).is_some() {
            return Err(Failure::argument("child", format!("child {number} is named twice")));
        }
    }
    // Who names some children means the others to be approved by their exact match.
    if !picks.is_empty() {
        let open =
            seen.summary.children.iter().filter(|child| child.state == kinlink_domain::request::ClaimState::Open);
        for child in open {
            picks.entry(child.claim).or_insert(Pick::Exact);
        }
    }
    // In the order of the children, so that what is refused can be said by their numbers.
    let (numbers, claims): (Vec<usize>, Vec<ClaimChoice>) = (1..)
        .zip(&seen.summary.children)
        .filter_map(|(number, child)| {
            Some((number, ClaimChoice { claim: child.claim, pick: *picks.get(&child.claim)? }))
        })
        .unzip();
    let approval = Approval {
        claims,
        account: args.account,
        checks: if args.checked { Checks::ALL } else { Checks::default() },
        note: args.note,
        new_email: args.new_email,
        shared: args.shared,
    };
    let version = Some(seen.version());
    let approved = approve::approve(&local.app, &local.actor, seen.request.id, version, &approval).await;
    let request = approved.map_err(|error| by_number(error, &numbers))?;
    decided(local, &request, CYCLE).await
}

/// Names children by their numbers instead of by their places in the call, which nobody sees here.
fn by_number(error: ServiceError, numbers: &[usize]) -> ServiceError {
    let ServiceError::Invalid(mut faults) = error else { return error };
    for fault in &mut faults {
        let place =
            fault.pointer.strip_prefix("/claims/").and_then(|rest| rest.split('/').next()?.parse::<usize>().ok());
        if let Some(place) = place {
            fault.pointer = format!("child {}", numbers.get(place).copied().unwrap_or(place + 1));
        }
    }
    ServiceError::Invalid(faults)
}

impl End {
    fn reason(&self) -> Reason {
        Reason { reason: self.reason.clone(), note: self.note.clone(), message: None }
    }
}

pub(super) async fn end(local: &Local, args: End, action: Action) -> Result<Answer, Failure> {
    let seen = Seen::new(local, &args.request).await?;
    let next = if seen.request.status.is_in_force() { CYCLE } else { "" };
    let (id, version) = (seen.request.id, Some(seen.version()));
    let request = decide::end(&local.app, &local.actor, id, version, action, &args.reason()).await?;
    decided(local, &request, next).await
}

pub(super) async fn ask(local: &Local, args: Ask) -> Result<Answer, Failure> {
    let seen = Seen::new(local, &args.end.request).await?;
    let next = match args.message {
        Some(_) => "The adult is sent the question, and can answer it on a page of ours.",
        None => "Write to the adult; without --message Kinlink sends nothing for this.",
    };
    let reason = Reason { message: args.message, ..args.end.reason() };
    let request = decide::ask(&local.app, &local.actor, seen.request.id, Some(seen.version()), &reason).await?;
    decided(local, &request, next).await
}

pub(super) async fn reopen(local: &Local, args: End) -> Result<Answer, Failure> {
    let seen = Seen::new(local, &args.request).await?;
    let request =
        decide::reopen(&local.app, &local.actor, seen.request.id, Some(seen.version()), &args.reason()).await?;
    decided(local, &request, "").await
}

pub(super) async fn withdraw(local: &Local, number: usize, args: End) -> Result<Answer, Failure> {
    let seen = Seen::new(local, &args.request).await?;
    let (id, version, claim) = (seen.request.id, Some(seen.version()), seen.child(number)?.claim);
    let request = decide::withdraw_child(&local.app, &local.actor, id, version, claim, &args.reason()).await?;
    decided(local, &request, CYCLE).await
}

pub(super) async fn correct(local: &Local, args: Correct) -> Result<Answer, Failure> {
    let seen = Seen::new(local, &args.request).await?;
    let mut children: BTreeMap<usize, ChildCorrection> = BTreeMap::new();
    for (number, field, value) in args.child {
        let claim = seen.child(number)?.claim;
        let child = children.entry(number).or_insert(ChildCorrection {
            claim,
            given_name: None,
            family_name: None,
            tutor_group: None,
            admission_number: None,
        });
        match field.as_str() {
            "given_name" => child.given_name = Some(value),
            "family_name" => child.family_name = Some(value),
            "tutor_group" => child.tutor_group = Some(value),
            _ => child.admission_number = Some(value),
        }
    }
    let correction = Correction {
        title: args.title,
        given_name: args.given_name,
        family_name: args.family_name,
        email: args.email,
        children: children.into_values().collect(),
    };
    let request = decide::correct(&local.app, &local.actor, seen.request.id, Some(seen.version()), &correction).await?;
    decided(local, &request, "").await
}

pub(super) async fn note(local: &Local, name: &str, note: &str) -> Result<Answer, Failure> {
    let seen = Seen::new(local, name).await?;
    let request = decide::note(&local.app, &local.actor, seen.request.id, Some(seen.version()), note).await?;
    decided(local, &request, "The note is kept.").await
}
