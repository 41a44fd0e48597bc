//! What staff do about each request of the story: they see what the staff pages show, and decide by the same use cases.

use kinlink_domain::{
    matching::Verdict,
    request::{Action, ClaimState, Kind},
};
use kinlink_moodle::demo::Expectation;
use kinlink_service::{
    ServiceError,
    approve::{self, AccountChoice, Approval, Checks, ClaimChoice, Pick},
    decide::{self, ChildCorrection, Correction, Reason},
    view::{self, ClaimMatch, RequestDetail},
};

use super::{Chapter, check};
use crate::{failure::Failure, local::Local};

/// What staff did, or what stood against it although it was expected.
pub(super) type Decision = Result<String, String>;

/// Decides about one family's request.
pub(super) async fn decide(local: &Local, chapter: &Chapter) -> Result<Decision, Failure> {
    let request = view::show_request(&local.app, &local.actor, chapter.reference.as_str()).await?;
    let exact = request.matches.iter().flatten().all(|found| matches!(found.found.verdict, Verdict::Exact(_)));
    let expectation = chapter.family.expectation;
    match expectation {
        Expectation::Exact
        | Expectation::ExactAfterFolding
        | Expectation::ExactContextMissing
        | Expectation::UnusableUserName
        | Expectation::JointTitle
        | Expectation::Sibling => {
            if !exact {
                return Ok(Err("a child did not match exactly".into()));
            }
            approve(local, &request, Approval::default(), "approved").await
        }
        Expectation::StaffParent | Expectation::AccountMadeByHand => own_account(local, &request).await,
        Expectation::NumberNotName => correct_name(local, &request).await,
        Expectation::WrongTutorGroup if exact => Ok(Err("a child matched although the tutor group is wrong".into())),
        Expectation::WrongTutorGroup => by_hand(local, &request).await,
        Expectation::SameNameInGroup | Expectation::Nobody => {
            // Trying to approve must be refused: no exact match, no link.
            match attempt(local, &request, Approval::default()).await {
                Err(ServiceError::Invalid(_)) => {}
                Err(error) => return Err(error.into()),
                Ok(()) => return Ok(Err("it was approved without an exact match".into())),
            }
            let reason = reason("which_child", "Which child is meant?");
            decide::ask(&local.app, &local.actor, request.summary.id, None, &reason).await?;
            Ok(Ok("asked the parent".into()))
        }
        // Decided with the request that it repeats.
        Expectation::Duplicate => Ok(Ok("the same request".into())),
        Expectation::Denied => end(local, &request, Action::Deny, "no_responsibility").await,
        Expectation::Bogus => end(local, &request, Action::MarkBogus, "nonsense").await,
        Expectation::ForAPerson if request.summary.kind == Kind::CannotSignIn => {
            decide::note(&local.app, &local.actor, request.summary.id, None, "Telephoned; it works now.").await?;
            approve(local, &request, Approval::default(), "answered").await
        }
        Expectation::ForAPerson => {
            let note = "The office must see an identity card first.";
            decide::note(&local.app, &local.actor, request.summary.id, None, note).await?;
            Ok(Ok("left for the office".into()))
        }
    }
}

fn reason(code: &str, note: &str) -> Reason {
    Reason { reason: Some(code.into()), note: Some(note.into()), message: None }
}

/// Approves, with every check in the MIS made.
async fn attempt(local: &Local, request: &RequestDetail, approval: Approval) -> Result<(), ServiceError> {
    let approval = Approval { checks: Checks::ALL, ..approval };
    Box::pin(approve::approve(&local.app, &local.actor, request.summary.id, None, &approval)).await.map(drop)
}

/// Approves. What is refused is no failure of the command but of the expectation.
async fn approve(local: &Local, request: &RequestDetail, approval: Approval, done: &str) -> Result<Decision, Failure> {
    match attempt(local, request, approval).await {
        Ok(()) => Ok(Ok(done.into())),
        Err(error @ (ServiceError::Refused { .. } | ServiceError::Invalid(_))) => {
            Ok(Err(format!("not approved: {error}")))
        }
        Err(error) => Err(error.into()),
    }
}

async fn end(local: &Local, request: &RequestDetail, action: Action, code: &str) -> Result<Decision, Failure> {
    decide::end(&local.app, &local.actor, request.summary.id, None, action, &reason(code, "")).await?;
    Ok(Ok("by staff".into()))
}

/// The address is that of an account which signs in another way: a person says that it is the adult's own.
async fn own_account(local: &Local, request: &RequestDetail) -> Result<Decision, Failure> {
    match attempt(local, request, Approval::default()).await {
        Err(ServiceError::Refused { code: "account_exists", .. }) => {}
        Err(error) => return Err(error.into()),
        Ok(()) => return Ok(Err("it was approved without asking about the account".into())),
    }
    let own = request.accounts.iter().flatten().find(|account| !account.is_pupil && account.auth != "db");
    let Some(own) = own else { return Ok(Err("the account was not shown".into())) };
    let approval = Approval { account: AccountChoice::MoodleUser(own.id), ..Approval::default() };
    approve(local, request, approval, "approved for the account they have").await
}

/// The number is a pupil's, the name not quite: staff correct it, and then it matches.
async fn correct_name(local: &Local, request: &RequestDetail) -> Result<Decision, Failure> {
    let mut children = Vec::new();
    for ClaimMatch { claim, found } in request.matches.iter().flatten() {
        let number = request
            .summary
            .children
            .iter()
            .find(|child| child.claim == *claim)
            .and_then(|child| child.admission_number.clone());
        let meant =
            found.candidates.iter().find(|candidate| Some(&candidate.pupil.admission_number) == number.as_ref());
        let Some(meant) = meant else { return Ok(Err("the pupil with the number was not proposed".into())) };
        children.push(ChildCorrection {
            claim: *claim,
            given_name: Some(meant.pupil.given_name.clone()),
            family_name: Some(meant.pupil.family_name.clone()),
            tutor_group: None,
            admission_number: None,
        });
    }
    let correction = Correction { children, ..Correction::default() };
    decide::correct(&local.app, &local.actor, request.summary.id, None, &correction).await?;
    approve(local, request, Approval::default(), "corrected and approved").await
}

/// A single child is picked by hand; where another child is clear, the doubtful one is left for later.
async fn by_hand(local: &Local, request: &RequestDetail) -> Result<Decision, Failure> {
    let matches: Vec<&ClaimMatch> = request.matches.iter().flatten().collect();
    let some_exact = matches.iter().any(|found| matches!(found.found.verdict, Verdict::Exact(_)));
    let mut claims = Vec::new();
    for found in matches {
        let pick = match (found.found.verdict, found.found.candidates.first()) {
            (Verdict::Exact(_), _) => Pick::Exact,
            (_, Some(first)) if !some_exact => Pick::Pupil(first.pupil.id),
            (_, None) => return Ok(Err("no candidate was proposed".into())),
            _ => Pick::Leave,
        };
        claims.push(ClaimChoice { claim: found.claim, pick });
    }
    let done = if some_exact { "approved one child, the other waits" } else { "approved by hand" };
    approve(local, request, Approval { claims, ..Approval::default() }, done).await
}

/// Withdraws one of several children; gives the request.
pub(super) async fn withdraw_one(local: &Local, chapters: &[Chapter]) -> Result<check::Withdrawn, Failure> {
    for chapter in chapters.iter().filter(|chapter| chapter.family.children.len() > 2) {
        let request = view::show_request(&local.app, &local.actor, chapter.reference.as_str()).await?;
        let approved = request.summary.children.iter().find(|child| child.state == ClaimState::Approved);
        if let Some(child) = approved {
            let reason = reason("parent_asked", "");
            decide::withdraw_child(&local.app, &local.actor, request.summary.id, None, child.claim, &reason).await?;
            return Ok(check::Withdrawn { reference: chapter.reference.clone(), claim: child.claim });
        }
    }
    Err(Failure::failed("demonstration", "no family of the story has three children linked"))
}

/// Denies a request that was provisioned and made a login row; gives it.
pub(super) async fn deny_one(local: &Local, chapters: &[Chapter]) -> Result<check::Denied, Failure> {
    let alone = |chapter: &&Chapter| {
        let email = &chapter.family.adult.email;
        chapter.family.expectation == Expectation::Exact
            && chapters.iter().filter(|other| other.family.adult.email.eq_ignore_ascii_case(email)).count() == 1
    };
    let chapter =
        chapters.iter().find(alone).ok_or_else(|| Failure::failed("demonstration", "the story has no such family"))?;
    let request = view::find_request(&local.app, chapter.reference.as_str()).await?;
    decide::end(&local.app, &local.actor, request.id, None, Action::Deny, &reason("court_order", "")).await?;
    Ok(check::Denied { reference: chapter.reference.clone(), adult: request.adult })
}
