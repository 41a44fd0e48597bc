//! Whether what was expected of each family came true: in the store and in Moodle.

use std::collections::BTreeSet;

use kinlink_domain::{
    ids::{AdultId, ClaimId, LinkId},
    outcome::Outcome,
    reference::Reference,
    request::{ClaimState, Kind, Status},
};
use kinlink_moodle::{demo::Expectation, roles, roles::Ownership, users};
use kinlink_service::view::{self, LinkFilter};
use kinlink_store::{
    accounts::{self, Adult, LoginRow},
    links,
    requests::{self, Claim, Request},
};

use super::Chapter;
use crate::{failure::Failure, local::Local};

/// More links and role rows than the story has.
const MANY: u32 = 10_000;

/// How a family's part ended.
pub(super) struct Ending {
    /// In a few words.
    pub(super) result: String,
    /// What did not come true.
    pub(super) wrong: Option<String>,
}

/// The request whose child was withdrawn.
pub(super) struct Withdrawn {
    pub(super) reference: Reference,
    pub(super) claim: ClaimId,
}

/// The request that was denied after it was provisioned.
pub(super) struct Denied {
    pub(super) reference: Reference,
    pub(super) adult: Option<AdultId>,
}

/// Everything that is known about a request.
struct Facts {
    request: Request,
    claims: Vec<Claim>,
    adult: Option<Adult>,
    rows: Vec<LoginRow>,
    /// Whether Moodle holds the role row of every link of the request.
    in_moodle: bool,
}

async fn facts(local: &Local, reference: &Reference) -> Result<Facts, Failure> {
    let request = view::find_request(&local.app, reference.as_str()).await?;
    let in_moodle = links_in_moodle(local).await?;
    let mut store = local.app.store.acquire().await?;
    let claims = requests::claims(&mut store, request.id).await?;
    let adult = match request.adult {
        Some(adult) => accounts::adult(&mut store, adult).await?,
        None => None,
    };
    let rows = match &adult {
        Some(adult) => accounts::login_rows_of(&mut store, &[adult.id]).await?,
        None => Vec::new(),
    };
    let in_moodle = claims.iter().filter_map(|claim| claim.link).all(|link| in_moodle.contains(&link));
    Ok(Facts { request, claims, adult, rows, in_moodle })
}

/// How one family's part ended, and whether that is what was expected.
pub(super) async fn ending(local: &Local, chapter: &Chapter) -> Result<Ending, Failure> {
    let facts = facts(local, &chapter.reference).await?;
    let mut result = format!("{}: ", facts.request.status);
    result.push_str(chapter.decision.as_ref().map_or("not as staff expected", String::as_str));
    let wrong = match &chapter.decision {
        Err(why) => Some(why.clone()),
        Ok(_) => judge(chapter, &facts),
    };
    Ok(Ending { result, wrong })
}

/// What did not come true.
fn judge(chapter: &Chapter, facts: &Facts) -> Option<String> {
    let email = chapter.family.adult.email.to_lowercase();
    let mut wrong = Vec::new();
    let mut want = |what: bool, otherwise: &str| {
        if !what {
            wrong.push(otherwise.to_owned());
        }
    };
    let linked = |claim: &&Claim| claim.state == ClaimState::Approved && claim.outcome == Some(Outcome::Linked);
    let linked = facts.claims.iter().filter(linked).count();
    let (status, all_linked) = (facts.request.status, linked == facts.claims.len() && facts.in_moodle);
    match chapter.family.expectation {
        Expectation::Exact
        | Expectation::ExactAfterFolding
        | Expectation::ExactContextMissing
        | Expectation::JointTitle
        | Expectation::NumberNotName
        | Expectation::Duplicate => {
            want(status == Status::Provisioned && all_linked, "not every child is linked");
            want(facts.rows.len() == 1, "there is not one login row");
        }
        Expectation::Sibling => {
            want(status == Status::Provisioned && all_linked, "not every child is linked");
            want(facts.rows.len() == 1, "the child did not join the account there is");
            want(
                facts.rows.first().is_some_and(|row| row.request != facts.request.id),
                "the account is not the one that the earlier request made",
            );
        }
        Expectation::UnusableUserName => {
            want(status == Status::Provisioned && all_linked, "not every child is linked");
            want(
                facts.rows.first().is_some_and(|row| row.username != email),
                "the user name is one that Moodle refuses",
            );
        }
        Expectation::StaffParent | Expectation::AccountMadeByHand => {
            want(status == Status::Provisioned && all_linked, "not every child is linked");
            want(facts.rows.is_empty(), "a login row was made beside the account there is");
            want(facts.adult.as_ref().is_some_and(|adult| adult.picked_user.is_some()), "the account was not taken");
        }
        Expectation::WrongTutorGroup if facts.claims.len() > 1 => {
            want(status == Status::Approved, "the request does not wait for the other child");
            want(linked == 1 && facts.in_moodle, "the child that is clear is not linked");
        }
        Expectation::WrongTutorGroup => want(status == Status::Provisioned && all_linked, "the child is not linked"),
        Expectation::SameNameInGroup | Expectation::Nobody => {
            want(status == Status::WaitingForParent && facts.adult.is_none(), "it does not wait for the parent");
        }
        Expectation::Denied => want(status == Status::Denied && facts.adult.is_none(), "it is not denied"),
        Expectation::Bogus => want(status == Status::Bogus && facts.adult.is_none(), "it is not bogus"),
        Expectation::ForAPerson => {
            let answered = chapter.family.kind == Kind::CannotSignIn;
            let wanted = if answered { Status::Provisioned } else { Status::Pending };
            want(status == wanted && facts.claims.is_empty(), "it is not where staff left it");
        }
    }
    (!wrong.is_empty()).then(|| wrong.join("; "))
}

/// What of the taking away did not come true.
pub(super) async fn taken_away(local: &Local, withdrawn: &Withdrawn, denied: &Denied) -> Result<Vec<String>, Failure> {
    let mut wrong = Vec::new();
    let mut want = |what: bool, reference: &Reference, otherwise: &str| {
        if !what {
            wrong.push(format!("{reference} (taken away): {otherwise}"));
        }
    };
    let links = links_in_moodle(local).await?;
    let rows = rows_in_moodle(local).await?;

    let facts = facts(local, &withdrawn.reference).await?;
    let gone = facts.claims.iter().find(|claim| claim.id == withdrawn.claim).and_then(|claim| claim.link);
    let kept = facts.claims.iter().filter(|claim| claim.state == ClaimState::Approved).filter_map(|claim| claim.link);
    let reference = &withdrawn.reference;
    want(gone.is_none_or(|link| !rows.contains(&link)), reference, "the withdrawn child's role row is still there");
    want(kept.clone().count() + 1 == facts.claims.len(), reference, "more than one child was withdrawn");
    want(kept.clone().all(|link| links.contains(&link)), reference, "another child lost the role row");
    want(facts.request.status == Status::Provisioned, reference, "it is not provisioned any more");

    let facts = self::facts(local, &denied.reference).await?;
    let reference = &denied.reference;
    want(facts.request.status == Status::Denied, reference, "it is not denied");
    want(facts.rows.is_empty(), reference, "the login row is still there");
    if let Some(adult) = denied.adult {
        let mut store = local.app.store.acquire().await?;
        let ended = links::of_adults(&mut store, &[adult]).await?;
        want(ended.iter().all(|link| !link.active && !rows.contains(&link.id)), reference, "a role row is still there");
        let names: Vec<String> =
            accounts::adult(&mut store, adult).await?.and_then(|adult| adult.username).into_iter().collect();
        drop(store);
        let mut moodle = local.app.moodle.connect().await?;
        let accounts = users::by_usernames(&mut moodle, local.app.moodle.prefix(), 1, &names).await?;
        want(
            accounts.len() == 1 && accounts.iter().all(|account| account.suspended),
            reference,
            "the account is not suspended",
        );
    }
    Ok(wrong)
}

/// The links in force whose role row is in Moodle.
pub(super) async fn links_in_moodle(local: &Local) -> Result<BTreeSet<LinkId>, Failure> {
    let rows = rows_in_moodle(local).await?;
    let filter = LinkFilter { active: Some(true), ..LinkFilter::default() };
    let active = view::list_links(&local.app, &local.actor, filter, None, MANY).await?.items;
    Ok(active.into_iter().map(|link| link.id).filter(|link| rows.contains(link)).collect())
}

/// The links that role rows of ours in Moodle name.
async fn rows_in_moodle(local: &Local) -> Result<BTreeSet<LinkId>, Failure> {
    let ownership = Ownership::Component(local.app.policy().await?.component);
    let mut moodle = local.app.moodle.connect().await?;
    let rows = roles::page(&mut moodle, local.app.moodle.prefix(), &ownership, 0, i64::from(MANY)).await?;
    Ok(rows.into_iter().map(|row| LinkId(row.item)).collect())
}
