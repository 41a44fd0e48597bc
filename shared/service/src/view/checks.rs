//! What a list says about each request before anybody opens it: whom its children match, and what to look at.
//!
//! Everything that is needed for all requests of a list is read at once ([`Surroundings::read`]); judging one of them is
//! pure. Only what waits for a decision is judged: what was decided needs no advice.

use std::collections::HashMap;

use kinlink_domain::{
    email::EmailAddress,
    hold::Stops,
    ids::{AdultId, ClaimId, MoodleUserId},
    matching::{Agreement, Match, Verdict},
    policy::Policy,
    reference::Reference,
    request::{ClaimState, Kind, Status},
    request_view::CheckFilter,
    staff::Actor,
};
use kinlink_moodle::users::{self, User};
use kinlink_store::{
    Connection,
    accounts::{self, Adult},
    requests::Claim,
    views::{self, OpenRequest},
};
use serde::Serialize;

use super::{Request, summaries::faults_of};
use crate::{
    App, ServiceError,
    approve::{Foreseen, School, foresee},
    holds,
};

/// What a list says about a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "check", content = "about", rename_all = "snake_case")]
pub enum Check {
    /// A hold forbids it, or one of its children.
    ReferToSafeguarding,
    /// Every child has its pupil, and approving would not be refused.
    Ready,
    /// So many children match no pupil exactly.
    PupilNotFound(usize),
    /// So many children match several pupils exactly.
    SeveralPupils(usize),
    /// For so many children another pupil has the same family name and a given name like theirs: the wrong one may be meant.
    SharedSurname(usize),
    /// Other undecided requests came from the same address, oldest first.
    SameEmailAs(Vec<Reference>),
    /// The address has an account: see [`Account`].
    HasAccount,
    /// The adult has not proven the address.
    EmailNotConfirmed,
    /// So many things were wrong with the submission.
    Faults(usize),
    /// Moodle cannot be asked: nothing is known about pupils and accounts there.
    MoodleUnknown,
}

impl Check {
    /// The filter that finds requests with this check.
    #[must_use]
    pub const fn filter(&self) -> Option<CheckFilter> {
        Some(match self {
            Self::ReferToSafeguarding => CheckFilter::ReferToSafeguarding,
            Self::Ready => CheckFilter::Ready,
            Self::PupilNotFound(_) => CheckFilter::PupilNotFound,
            Self::SeveralPupils(_) => CheckFilter::SeveralPupils,
            Self::SharedSurname(_) => CheckFilter::SharedSurname,
            Self::SameEmailAs(_) => CheckFilter::SameEmail,
            Self::HasAccount => CheckFilter::HasAccount,
            Self::EmailNotConfirmed => CheckFilter::EmailNotConfirmed,
            Self::Faults(_) => CheckFilter::Faults,
            Self::MoodleUnknown => return None,
        })
    }
}

/// Whom a child of a request matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "mark", content = "about", rename_all = "snake_case")]
pub enum Mark {
    /// Exactly this pupil.
    Matched(MoodleUserId),
    /// So many pupils exactly.
    Several(usize),
    /// Nobody exactly; so many are similar.
    None(usize),
    /// This pupil, because staff said so.
    Pinned(MoodleUserId),
    /// Moodle cannot be asked.
    Unknown,
    /// The child was decided on: see its state.
    Decided,
}

/// The account that the request's address has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "account", rename_all = "snake_case")]
pub enum Account {
    /// That of an adult whom staff accepted before.
    Adult {
        /// The adult.
        id: AdultId,
        /// The name of their login row, if they have one.
        username: Option<String>,
        /// Whether other accepted adults have the address as well.
        shared: bool,
    },
    /// A Moodle account that is no pupil's and that Kinlink did not make.
    Moodle {
        /// `user.id`.
        id: MoodleUserId,
        /// `user.username`.
        username: String,
        /// `user.auth`.
        auth: String,
    },
}

/// What was found about one request.
#[derive(Debug, Clone)]
pub(crate) struct Findings {
    pub(crate) checks: Vec<Check>,
    /// One for each claim, in their order.
    pub(crate) marks: Vec<Mark>,
    pub(crate) account: Option<Account>,
}

/// Everything that the requests of a list are judged by.
pub(crate) struct Surroundings {
    email_proof: bool,
    open: HashMap<String, Vec<OpenRequest>>,
    adults: HashMap<String, Vec<Adult>>,
    stops: Stops,
    /// None when Moodle cannot be asked.
    moodle: Option<AtMoodle>,
}

struct AtMoodle {
    school: School,
    accounts: HashMap<String, Vec<User>>,
}

/// Whether a request is judged: it waits for a decision, or one of its children does.
fn is_undecided(request: &Request, claims: &[&Claim]) -> bool {
    request.status.is_open()
        || (request.status == Status::Approved && claims.iter().any(|claim| claim.state == ClaimState::Open))
}

impl Surroundings {
    /// Reads what is needed to judge these requests: three statements to the store and five to Moodle, none to Moodle when
    /// nothing is to be judged.
    ///
    /// # Errors
    /// The store. Without Moodle what is known of it is missing.
    pub(crate) async fn read(
        app: &App,
        policy: &Policy,
        store: &mut Connection,
        requests: &[Request],
    ) -> Result<Self, ServiceError> {
        let undecided = |request: &&Request| request.status.is_open() || request.status == Status::Approved;
        let judged: Vec<&Request> = requests.iter().filter(undecided).collect();
        let is_any = !judged.is_empty();
        let mut emails: Vec<EmailAddress> = judged.iter().filter_map(|request| request.email.clone()).collect();
        emails.sort_unstable();
        emails.dedup();
        let open = views::open_by_emails(store, &emails).await?;
        let adults = accounts::adults_by_emails(store, &emails).await?;
        let stops = holds::in_force(app, store).await?;
        let moodle = if is_any {
            match AtMoodle::read(app, policy, &emails).await {
                Ok(moodle) => Some(moodle),
                Err(error) => {
                    tracing::warn!(%error, "requests are listed without what Moodle knows");
                    None
                }
            }
        } else {
            None
        };
        Ok(Self {
            email_proof: policy.email_proof,
            open: grouped(open.into_iter().map(|request| (request.email.clone(), request))),
            adults: grouped(adults.into_iter().map(|adult| (adult.email.to_string(), adult))),
            stops,
            moodle,
        })
    }

    /// Whether a hold forbids a request, or one of its children.
    fn refers(&self, request: &Request, claims: &[&Claim]) -> bool {
        let mut known = self.adults.values().flatten();
        let adult = request.adult.and_then(|id| known.find(|adult| adult.id == id));
        let who = holds::of_request(request, adult);
        let meant = |claim: ClaimId| {
            let child = &claims.iter().find(|own| own.id == claim)?.child;
            match self.moodle.as_ref()?.school.register.match_child(child).verdict {
                Verdict::Exact(pupil) => Some(pupil),
                _ => None,
            }
        };
        !holds::on_request(&self.stops, &who, claims, meant).is_empty()
    }

    /// What is to be said to the actor about a request with these claims.
    pub(crate) fn judge(&self, actor: &Actor, request: &Request, claims: &[&Claim]) -> Findings {
        let unjudged = |claim: &&Claim| match (claim.state, claim.pupil) {
            (ClaimState::Open, Some(pupil)) => Mark::Pinned(pupil),
            (ClaimState::Open, None) => Mark::Unknown,
            _ => Mark::Decided,
        };
        let mut findings = Findings { checks: Vec::new(), marks: claims.iter().map(unjudged).collect(), account: None };
        if !is_undecided(request, claims) {
            return findings;
        }
        let checks = &mut findings.checks;
        let matches = self.moodle.as_ref().map(|moodle| {
            let found = |claim: &&Claim| {
                (claim.state == ClaimState::Open && claim.pupil.is_none())
                    .then(|| moodle.school.register.match_child(&claim.child))
            };
            claims.iter().map(found).collect::<Vec<_>>()
        });
        if let Some(matches) = &matches {
            for (mark, found) in findings.marks.iter_mut().zip(matches) {
                if let Some(found) = found {
                    *mark = mark_of(found);
                }
            }
        }
        if self.refers(request, claims) {
            checks.push(Check::ReferToSafeguarding);
        }
        let is_unproven = request.status == Status::Unconfirmed
            || (self.email_proof && request.confirmed_at.is_none() && request.email.is_some());
        if !is_unproven && self.is_ready(request, claims) {
            checks.push(Check::Ready);
        }
        let marked = |wanted: fn(&Mark) -> bool| findings.marks.iter().filter(|mark| wanted(mark)).count();
        let not_found = marked(|mark| matches!(mark, Mark::None(_)));
        let several = marked(|mark| matches!(mark, Mark::Several(_)));
        let shared = matches.iter().flatten().flatten().filter(|found| has_namesake(found)).count();
        checks.extend((not_found > 0).then_some(Check::PupilNotFound(not_found)));
        checks.extend((several > 0).then_some(Check::SeveralPupils(several)));
        checks.extend((shared > 0).then_some(Check::SharedSurname(shared)));
        let email = request.email.as_ref().map(EmailAddress::as_str).unwrap_or_default();
        let others = self.open.get(email).into_iter().flatten().filter(|other| other.id != request.id);
        let others: Vec<Reference> = others.map(|other| other.reference.clone()).collect();
        if !others.is_empty() {
            checks.push(Check::SameEmailAs(others));
        }
        findings.account = self.account(email);
        if findings.account.is_some() {
            checks.push(Check::HasAccount);
        }
        if is_unproven {
            checks.push(Check::EmailNotConfirmed);
        }
        let faults = faults_of(actor, request).count();
        checks.extend((faults > 0).then_some(Check::Faults(faults)));
        if self.moodle.is_none() {
            checks.push(Check::MoodleUnknown);
        }
        findings
    }

    fn is_ready(&self, request: &Request, claims: &[&Claim]) -> bool {
        matches!(self.foresee(request, claims), Some(Ok(Foreseen::Links(_))))
    }

    /// What approving by itself would come to; `None` when Moodle cannot be asked.
    pub(crate) fn foresee(&self, request: &Request, claims: &[&Claim]) -> Option<Result<Foreseen, ServiceError>> {
        if request.kind != Kind::Leave && self.refers(request, claims) {
            return Some(Err(holds::refusal()));
        }
        let moodle = self.moodle.as_ref()?;
        let email = request.email.as_ref().map(EmailAddress::as_str).unwrap_or_default();
        let adults: Vec<&Adult> = self.adults.get(email).into_iter().flatten().collect();
        let accounts: Vec<&User> = moodle.accounts.get(email).into_iter().flatten().collect();
        let claims: Vec<Claim> = claims.iter().copied().cloned().collect();
        Some(foresee(request, &claims, &adults, &accounts, &moodle.school.register))
    }

    fn account(&self, email: &str) -> Option<Account> {
        let adults = self.adults.get(email).into_iter().flatten();
        let shared = adults.clone().count() > 1;
        let ours = adults.last().map(|adult| Account::Adult { id: adult.id, username: adult.username.clone(), shared });
        ours.or_else(|| {
            let moodle = self.moodle.as_ref()?;
            let mut others = moodle.accounts.get(email)?.iter();
            let own = others.find(|user| moodle.school.register.find(user.id).is_none())?;
            Some(Account::Moodle { id: own.id, username: own.username.clone(), auth: own.auth.clone() })
        })
    }
}

impl AtMoodle {
    async fn read(app: &App, policy: &Policy, emails: &[EmailAddress]) -> Result<Self, ServiceError> {
        let school = School::read(app, policy).await?;
        let accounts = users::by_emails(&mut app.moodle.connect().await?, app.moodle.prefix(), emails).await?;
        let local = accounts.into_iter().filter(|(_, user)| user.host == school.rules().host);
        Ok(Self { accounts: grouped(local), school })
    }
}

fn grouped<T>(items: impl Iterator<Item = (String, T)>) -> HashMap<String, Vec<T>> {
    let mut groups: HashMap<String, Vec<T>> = HashMap::new();
    for (key, item) in items {
        groups.entry(key).or_default().push(item);
    }
    groups
}

fn mark_of(found: &Match) -> Mark {
    match found.verdict {
        Verdict::Exact(pupil) => Mark::Matched(pupil),
        Verdict::Ambiguous => Mark::Several(found.candidates.iter().filter(|candidate| candidate.exact).count()),
        Verdict::Similar | Verdict::Nobody => Mark::None(found.candidates.len()),
    }
}

/// Whether somebody else than the one exact match has the same family name and a given name like theirs.
fn has_namesake(found: &Match) -> bool {
    matches!(found.verdict, Verdict::Exact(_))
        && found.candidates.iter().any(|candidate| {
            let given = [Agreement::GivenName, Agreement::GivenNameClose];
            !candidate.exact
                && candidate.agreements.contains(&Agreement::FamilyName)
                && candidate.agreements.iter().any(|agreement| given.contains(agreement))
        })
}
