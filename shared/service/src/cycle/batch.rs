//! One batch of adults: facts → desired rows → plan → apply → settle. A fixed number of statements, however many adults.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use kinlink_db::Connection;
use kinlink_domain::{
    brake::Held,
    desired::{Account, AdultFacts, LinkFact, PupilFact, SignIn, SyncTask, Terms, desire},
    hold::Stops,
    ids::{AdultId, ClaimId, ContextId, JobId, LinkId, MoodleUserId, RoleId},
    outcome::{Next, Outcome},
    plan::{ActualRole, Addition, DesiredRole, Place, Plan, UserContext},
    plan_row::{PlanRow, Write},
    policy::Policy,
    reason::{Reason, Source},
    staff::Actor,
};
use kinlink_moodle::{
    Prefix, apply,
    apply::Signature,
    pupils, roles,
    site::Site,
    tasks,
    users::{self, User},
};
use kinlink_store::{
    accounts::{self, Adult},
    audit, cycles, holds,
    jobs::{self, Job, Priority},
    ledger::{self, Owned, Standing},
    links::{self, Link},
    mails, put_backs,
    put_backs::Contest,
    requests,
};
use serde_json::json;

use super::{Run, full, is_about_rows, ownership, tell, why::Why};
use crate::{
    App, ServiceError,
    mail::{self, Letter},
};

/// A row that was put back so often …
const PUT_BACKS: i64 = 3;
/// … within this time is left alone.
const PUT_BACKS_WITHIN: jiff::SignedDuration = jiff::SignedDuration::from_hours(24);

/// What holds for every batch of a run.
pub(super) struct Context {
    pub(super) policy: Policy,
    pub(super) site: Site,
    pub(super) prefix: Prefix,
    pub(super) terms: Terms,
    pub(super) signature: Signature,
}

impl Context {
    pub(super) fn new(policy: Policy, site: Site, prefix: Prefix) -> Self {
        let terms = Terms {
            link_role: site.link_role,
            static_role: site.static_role,
            static_contexts: site.static_contexts.clone(),
            item_is_link: !policy.component.is_empty(),
        };
        let signature = Signature { component: policy.component.clone(), modifier: policy.modifier_id };
        Self { policy, site, prefix, terms, signature }
    }
}

/// The adults of a batch, with the jobs that name them (none in a full cycle).
#[derive(Debug, Clone)]
pub(super) struct Batch {
    adults: Vec<AdultId>,
    pub(super) jobs: Vec<Job>,
}

impl Batch {
    pub(super) const fn of_jobs(adults: Vec<AdultId>, jobs: Vec<Job>) -> Self {
        Self { adults, jobs }
    }

    pub(super) const fn of_adults(adults: Vec<AdultId>) -> Self {
        Self { adults, jobs: Vec::new() }
    }

    /// Two halves, each with its own jobs.
    fn split(self) -> (Self, Self) {
        let (left, right) = self.adults.split_at(self.adults.len() / 2);
        let chosen: HashSet<AdultId> = left.iter().copied().collect();
        let (left_jobs, right_jobs) = self.jobs.into_iter().partition(|job| chosen.contains(&job.adult));
        (Self::of_jobs(left.to_vec(), left_jobs), Self::of_jobs(right.to_vec(), right_jobs))
    }
}

/// What the store knows of a batch's adults.
struct Known {
    adults: Vec<Adult>,
    links: Vec<Link>,
    has_login_row: HashSet<AdultId>,
    /// Accounts in which we own rows for them, whatever their name is today.
    former_accounts: Vec<Standing>,
    /// The holds in force.
    stops: Stops,
}

/// The pupil of a link in force who was deleted in Moodle.
pub(super) struct GonePupil {
    pub(super) adult: AdultId,
    pub(super) link: LinkId,
    pub(super) claim: ClaimId,
    pub(super) pupil: MoodleUserId,
}

/// What a batch comes to.
pub(super) struct Judged {
    pub(super) plan: Plan,
    pub(super) outcomes: BTreeMap<LinkId, Outcome>,
    pub(super) desired: BTreeMap<DesiredRole, AdultId>,
    pub(super) contexts: HashMap<MoodleUserId, UserContext>,
    /// Accounts whose sessions end, because their adult may not sign in any more.
    ended_accounts: BTreeSet<MoodleUserId>,
    /// Accounts that Moodle has to make, revive or suspend.
    needs_sync: bool,
    pub(super) links_of: HashMap<AdultId, Vec<LinkId>>,
    /// Each adult's account, and those in which we own rows for them.
    pub(super) accounts_of: HashMap<AdultId, Vec<MoodleUserId>>,
    /// Rows that the ledger names, that are not in Moodle and are not to be.
    vanished: Vec<ledger::Key>,
    /// Adults for whom something was written and not recorded: a process died in between.
    unsettled: BTreeSet<AdultId>,
    /// Our rows that these adults account for.
    pub(super) seen: Vec<i64>,
    /// What stands beside each planned row, by its line: the adult and the pupil.
    beside: HashMap<String, (Option<AdultId>, Option<MoodleUserId>)>,
    /// Links in force whose pupil is gone.
    pub(super) gone_pupils: Vec<GonePupil>,
    /// Accounts in which we own rows and that bear another user name today.
    pub(super) renamed: Vec<(AdultId, MoodleUserId)>,
    /// Rows that are left alone.
    pub(super) contested: Vec<(AdultId, LinkId, MoodleUserId)>,
    /// Rows that are put back: we wrote them and somebody took them away.
    put_back: Vec<ledger::Key>,
    /// Rows that were put back too often and are left alone from now on.
    newly_contested: Vec<(ledger::Key, AdultId, LinkId)>,
    /// Accounts with a removal that is not made now.
    held_users: BTreeSet<MoodleUserId>,
    /// Rows that are not ours, and that let somebody see a pupil all the same whom a hold forbids.
    pub(super) beside_holds: u64,
}

impl Judged {
    /// The planned rows, with whose they are.
    pub(super) fn rows(&self) -> impl Iterator<Item = PlanRow> + '_ {
        self.plan.rows().map(|mut row| {
            if let Some((adult, pupil)) = self.beside.get(&row.line()) {
                row.adult = *adult;
                row.pupil = row.pupil.or(*pupil);
            }
            row
        })
    }

    /// Leaves rows out of the plan; what was found about the links of their adults is not recorded.
    pub(super) fn leave_out(&mut self, rows: &[PlanRow]) {
        let lines: HashSet<String> = rows.iter().map(PlanRow::line).collect();
        self.plan.retain(|row| !lines.contains(&row.line()));
        for row in rows {
            for link in row.adult.and_then(|adult| self.links_of.get(&adult)).into_iter().flatten() {
                self.outcomes.remove(link);
            }
            if row.write == Write::Remove {
                self.held_users.insert(row.user);
            }
        }
        let stays: HashSet<ledger::Key> = self.plan.additions.iter().filter_map(key_of).collect();
        self.put_back.retain(|key| stays.contains(key));
    }

    /// The adults for whom the plan holds a row, or something is still to be recorded.
    pub(super) fn differing(&self) -> Vec<AdultId> {
        let mut adults: BTreeSet<AdultId> =
            self.plan.additions.iter().filter_map(|addition| self.desired.get(&addition.row)).copied().collect();
        let mended: BTreeSet<MoodleUserId> =
            self.plan.new_contexts.union(&self.plan.mended_contexts).copied().collect();
        adults.extend(self.desired.iter().filter_map(|(row, adult)| match row.place {
            Place::Pupil(pupil) if mended.contains(&pupil) => Some(*adult),
            _ => None,
        }));
        let removed: BTreeSet<i64> = self.plan.removals.iter().map(|removal| removal.row.item).collect();
        let users: BTreeSet<MoodleUserId> = self.plan.removals.iter().map(|removal| removal.row.user).collect();
        adults.extend(
            self.links_of
                .iter()
                .filter(|(adult, links)| {
                    links.iter().any(|link| removed.contains(&link.0))
                        || self.accounts_of.get(adult).is_some_and(|own| own.iter().any(|user| users.contains(user)))
                })
                .map(|(adult, _)| *adult),
        );
        adults.extend(&self.unsettled);
        adults.into_iter().collect()
    }
}

/// Processes a batch; one that fails for its rows is halved until the bad one stands alone (O-1: one bad row stops nobody).
pub(super) async fn process(run: &mut Run<'_>, context: &Context, batch: Batch) -> Result<(), ServiceError> {
    let mut stack = vec![batch];
    while let Some(batch) = stack.pop() {
        match process_once(run, context, &batch).await {
            Ok(()) => {}
            Err(error) if is_about_rows(&error) && batch.adults.len() > 1 => {
                tracing::warn!(adults = batch.adults.len(), %error, "a batch failed; its halves are tried");
                let (left, right) = batch.split();
                stack.extend([right, left]);
            }
            Err(error) if is_about_rows(&error) => {
                tracing::error!(adult.id = ?batch.adults.first(), %error, "one adult's rows cannot be written");
                settle_failed(run, context, &batch).await?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

async fn process_once(run: &mut Run<'_>, context: &Context, batch: &Batch) -> Result<(), ServiceError> {
    let app = run.app;
    let known = read_store(app, context, &batch.adults).await?;
    let mut judged = judge(app, &mut run.locked.connection, context, &known).await?;
    run.keep_to_plan(&mut judged);
    hold_removals(run, context, &mut judged).await?;

    // Moodle suspends whose row is gone, takes addresses over, and makes who waits. A hold leaves the login row: nothing to hurry,
    // least of all the mail with a password that Moodle sends to a new account.
    let is_referred = |adult: AdultId| {
        let mut outcomes =
            judged.links_of.get(&adult).into_iter().flatten().filter_map(|link| judged.outcomes.get(link));
        outcomes.any(|outcome| *outcome == Outcome::Referred)
    };
    let ends = batch.jobs.iter().any(|job| job.priority == Priority::Removal && !is_referred(job.adult));
    if judged.needs_sync || ends {
        hurry_sync(run, context, &judged).await?;
    }
    let made = apply::contexts(&mut run.locked.connection, &context.prefix, &context.site, &judged.plan).await?;
    complete(&mut judged.plan, &made);
    if !judged.plan.additions.is_empty() {
        let rows: Vec<Owned> = judged.plan.additions.iter().filter_map(|addition| owned(&judged, addition)).collect();
        let mut tx = app.store.begin().await?;
        ledger::intend(&mut tx, &context.policy.component, &rows, run.cycle, app.now()).await?;
        tx.commit().await?;
    }
    // Only who just lost their access loses their sessions, once.
    let removal_of: HashSet<AdultId> =
        batch.jobs.iter().filter(|job| job.priority == Priority::Removal).map(|job| job.adult).collect();
    let mut ended = BTreeSet::new();
    if context.policy.end_sessions {
        let removals = &judged.plan.removals;
        let losing: BTreeSet<MoodleUserId> = removals.iter().map(|removal| removal.row.user).collect();
        let just_lost = |user: &&MoodleUserId| {
            (!removal_of.is_empty() || losing.contains(user)) && !judged.held_users.contains(user)
        };
        ended.extend(judged.ended_accounts.iter().filter(just_lost));
        let referred = removals.iter().filter(|removal| removal.reason == Reason::Referred);
        ended.extend(referred.map(|removal| removal.row.user));
    }
    let (prefix, site, signature) = (&context.prefix, &context.site, &context.signature);
    apply::roles(&mut run.locked.connection, prefix, site, signature, &judged.plan, &ended).await?;
    if !judged.plan.additions.is_empty() {
        // Moodle mails first passwords every minute; sooner is kinder.
        tasks::hurry(&mut run.locked.connection, &context.prefix, tasks::SEND_PASSWORDS).await?;
    }
    let provisioned = settle(run, context, batch, &judged).await?;

    let report = &mut run.report;
    report.adults += batch.adults.len() as u64;
    report.added += judged.plan.additions.len() as u64;
    report.removed += judged.plan.removals.len() as u64;
    report.put_back += judged.put_back.len() as u64;
    if !judged.newly_contested.is_empty() {
        report.contested += judged.newly_contested.len() as u64;
        report.warn(
            "somebody or something in Moodle takes rows of ours away each time they are put back; they are left alone until a \
             person says otherwise"
                .to_owned(),
        );
    }
    report.beside_holds(judged.beside_holds);
    report.contexts += (judged.plan.new_contexts.len() + judged.plan.mended_contexts.len()) as u64;
    report.provisioned += provisioned;
    report.count(&judged.outcomes);
    Ok(())
}

async fn read_store(app: &App, context: &Context, adults: &[AdultId]) -> Result<Known, ServiceError> {
    let mut store = app.store.acquire().await?;
    Ok(Known {
        adults: accounts::adults(&mut store, adults).await?,
        links: links::of_adults(&mut store, adults).await?,
        has_login_row: accounts::login_rows_of(&mut store, adults).await?.into_iter().map(|row| row.adult).collect(),
        former_accounts: ledger::standing_of(&mut store, &context.policy.component, adults).await?,
        stops: holds::in_force(&mut store, app.now()).await?,
    })
}

/// Reads Moodle for a batch and decides what it comes to: three statements, two more when something is to be written.
#[expect(clippy::too_many_lines, reason = "one walk from facts to plan; its parts share everything they read")]
async fn judge(app: &App, moodle: &mut Connection, context: &Context, known: &Known) -> Result<Judged, ServiceError> {
    let prefix = &context.prefix;
    let names: Vec<String> = known.adults.iter().filter_map(|adult| adult.username.clone()).collect();
    let by_name = users::by_usernames(moodle, prefix, context.site.local_host, &names).await?;
    let wanted: BTreeSet<MoodleUserId> = known
        .links
        .iter()
        .map(|link| link.pupil)
        .chain(known.adults.iter().filter_map(|adult| adult.picked_user))
        .chain(known.former_accounts.iter().map(|standing| standing.user))
        .collect();
    let by_id = users::by_ids(moodle, prefix, &wanted.into_iter().collect::<Vec<_>>()).await?;
    let by_id: HashMap<MoodleUserId, User> = by_id.into_iter().map(|user| (user.id, user)).collect();
    let by_name: HashMap<String, User> = by_name.into_iter().map(|user| (user.username.clone(), user)).collect();

    let account_of = |adult: &Adult| match (&adult.username, adult.picked_user) {
        (_, Some(picked)) => by_id.get(&picked),
        (Some(name), None) => by_name.get(name),
        (None, None) => None,
    };
    let mut accounts: BTreeSet<MoodleUserId> = known.former_accounts.iter().map(|standing| standing.user).collect();
    accounts.extend(known.adults.iter().filter_map(account_of).map(|user| user.id));
    let accounts: Vec<MoodleUserId> = accounts.into_iter().collect();
    let ownership = ownership(app, &context.policy, &accounts).await?;
    let mut actual = roles::of_users(moodle, prefix, &ownership, &accounts).await?;
    let differing = differing_users(known, &actual);
    let there: HashSet<ledger::Key> = actual.iter().filter(|row| row.ours).map(key).collect();
    // A row of another adult's link is that adult's business, and a row whose link nobody knows is a full cycle's.
    let own_links: HashSet<i64> = known.links.iter().map(|link| link.id.0).collect();
    if context.terms.item_is_link {
        actual.retain(|row| row.item == 0 || own_links.contains(&row.item));
    }

    let contexts: HashMap<MoodleUserId, UserContext> =
        by_id.values().filter_map(|user| Some((user.id, user.context?))).collect();
    let rows: HashSet<(MoodleUserId, ContextId)> =
        actual.iter().filter(|row| row.ours).map(|row| (row.user, row.context)).collect();
    let has_row = |link: &Link, account: Option<&User>| {
        account.zip(contexts.get(&link.pupil)).is_some_and(|(user, context)| rows.contains(&(user.id, context.id)))
    };

    let mut links_by_adult: HashMap<AdultId, Vec<&Link>> = HashMap::new();
    for link in &known.links {
        links_by_adult.entry(link.adult).or_default().push(link);
    }
    // Asked only for links that would be new: a pin is no licence to write.
    let candidates: BTreeSet<MoodleUserId> = known
        .adults
        .iter()
        .flat_map(|adult| links_by_adult.get(&adult.id).into_iter().flatten().map(move |link| (adult, link)))
        .filter(|(adult, link)| link.active && !has_row(link, account_of(adult)))
        .map(|(_, link)| link.pupil)
        .collect();
    let eligible = if candidates.is_empty() {
        BTreeSet::new()
    } else {
        let candidates: Vec<MoodleUserId> = candidates.into_iter().collect();
        pupils::eligible(moodle, prefix, &context.policy, &context.site, &candidates).await?
    };
    let pupils: BTreeMap<MoodleUserId, PupilFact> = by_id
        .values()
        .map(|user| (user.id, PupilFact { deleted: user.deleted, eligible: eligible.contains(&user.id) }))
        .collect();

    let waits = known.adults.iter().any(|adult| known.has_login_row.contains(&adult.id) && account_of(adult).is_none());
    let sync = if waits { sync_task(moodle, prefix).await? } else { SyncTask::Running };

    let mut judged = Judged {
        plan: Plan::default(),
        outcomes: BTreeMap::new(),
        desired: BTreeMap::new(),
        contexts: contexts.clone(),
        ended_accounts: BTreeSet::new(),
        needs_sync: false,
        links_of: HashMap::new(),
        accounts_of: HashMap::new(),
        vanished: Vec::new(),
        unsettled: BTreeSet::new(),
        seen: actual.iter().filter(|row| row.ours).map(|row| row.id).collect(),
        beside: HashMap::new(),
        gone_pupils: Vec::new(),
        renamed: Vec::new(),
        contested: Vec::new(),
        put_back: Vec::new(),
        newly_contested: Vec::new(),
        held_users: BTreeSet::new(),
        beside_holds: 0,
    };
    let mut account_today: HashMap<AdultId, MoodleUserId> = HashMap::new();
    let mut stopped_rows: BTreeSet<(MoodleUserId, ContextId)> = BTreeSet::new();
    for standing in &known.former_accounts {
        judged.accounts_of.entry(standing.adult).or_default().push(standing.user);
    }
    for adult in &known.adults {
        let own = links_by_adult.get(&adult.id).cloned().unwrap_or_default();
        let account = account_of(adult);
        let identity = crate::holds::of_account(adult, account);
        let facts = AdultFacts {
            sign_in: match (adult.picked_user, known.has_login_row.contains(&adult.id)) {
                (Some(_), _) => SignIn::PickedAccount,
                (None, true) => SignIn::LoginRow,
                (None, false) => SignIn::Nothing,
            },
            account: account.map(|user| Account {
                id: user.id,
                auth_db: user.auth == "db",
                deleted: user.deleted,
                suspended: user.suspended,
            }),
            links: own
                .iter()
                .map(|link| LinkFact {
                    id: link.id,
                    pupil: link.pupil,
                    active: link.active,
                    has_row: has_row(link, account),
                    held: known.stops.forbid(&identity, link.pupil),
                })
                .collect(),
        };
        let decided = desire(&facts, &pupils, sync, &context.terms);
        if let (SignIn::Nothing, Some(user)) = (facts.sign_in, account)
            && user.auth == "db"
        {
            judged.ended_accounts.insert(user.id);
        }
        judged.needs_sync |= decided
            .outcomes
            .values()
            .any(|outcome| matches!(outcome, Outcome::WaitingForAccount | Outcome::AccountSuspended));
        judged.accounts_of.entry(adult.id).or_default().extend(account.map(|user| user.id));
        account_today.extend(account.map(|user| (adult.id, user.id)));
        // Wherever rows of a held link may stand, also of one that has ended, and what stood beside them.
        let held = facts.links.iter().filter(|link| link.held).filter_map(|link| contexts.get(&link.pupil));
        let mut held: Vec<ContextId> = held.map(|context| context.id).collect();
        if !held.is_empty() {
            held.extend(&context.terms.static_contexts);
        }
        for user in judged.accounts_of.get(&adult.id).into_iter().flatten() {
            stopped_rows.extend(held.iter().map(|context| (*user, *context)));
        }
        let gone = own.iter().filter(|link| decided.outcomes.get(&link.id) == Some(&Outcome::PupilDeleted));
        judged.gone_pupils.extend(gone.map(|link| GonePupil {
            adult: adult.id,
            link: link.id,
            claim: link.claim,
            pupil: link.pupil,
        }));
        judged.links_of.insert(adult.id, own.iter().map(|link| link.id).collect());
        judged.desired.extend(decided.roles.into_iter().map(|row| (row, adult.id)));
        judged.outcomes.extend(decided.outcomes);
    }
    let is_beside_hold = |row: &&ActualRole| {
        !row.ours
            && row.role == context.terms.link_role
            && !context.terms.static_contexts.contains(&row.context)
            && stopped_rows.contains(&(row.user, row.context))
    };
    judged.beside_holds = actual.iter().filter(is_beside_hold).count() as u64;
    let desired: BTreeSet<DesiredRole> = judged.desired.keys().copied().collect();
    let names: HashMap<AdultId, &str> =
        known.adults.iter().filter_map(|adult| Some((adult.id, adult.username.as_deref()?))).collect();
    for standing in known.former_accounts.iter().filter(|standing| standing.rows > 0) {
        let name = names.get(&standing.adult);
        let renamed = by_id
            .get(&standing.user)
            .is_some_and(|user| !user.deleted && user.auth == "db" && name.is_some_and(|name| user.username != *name));
        if renamed && known.has_login_row.contains(&standing.adult) {
            judged.renamed.push((standing.adult, standing.user));
        }
    }
    let why = Why::new(
        &known.links,
        &judged.outcomes,
        &judged.contexts,
        &account_today,
        &judged.accounts_of,
        &stopped_rows,
        &context.terms,
    );
    judged.plan = Plan::compare(&desired, &actual, &judged.contexts, |row| why.removed(row));
    if !context.terms.item_is_link {
        // Without a component our row would be the very same as one that somebody made by hand: theirs serves, and stays theirs.
        let theirs: HashSet<(MoodleUserId, ContextId, RoleId)> =
            actual.iter().filter(|row| !row.ours).map(|row| (row.user, row.context, row.role)).collect();
        judged.plan.additions.retain(|addition| {
            addition.context.is_none_or(|context| !theirs.contains(&(addition.row.user, context, addition.row.role)))
        });
    }
    let removals = judged.plan.removals.iter();
    judged.beside = removals
        .map(|removal| (removal.row().line(), (why.adult_of(&removal.row), why.pupil_of(&removal.row))))
        .chain(
            judged
                .plan
                .additions
                .iter()
                .map(|addition| (addition.row().line(), (judged.desired.get(&addition.row).copied(), None))),
        )
        .collect();
    let noted = noted(app, context, &judged.plan, differing).await?;
    judged.plan.additions = std::mem::take(&mut judged.plan.additions)
        .into_iter()
        .map(|addition| {
            // Written by us, and gone: somebody took it away.
            let drifted = key_of(&addition).is_some_and(|key| noted.get(&key) == Some(&true));
            if drifted { Addition { reason: Reason::DriftPutBack, ..addition } } else { addition }
        })
        .collect();
    // What is to be written again is not gone for good, and neither is what is left alone.
    let again: HashSet<ledger::Key> = judged.plan.additions.iter().filter_map(key_of).collect();
    leave_contested_alone(app, context, known, &mut judged).await?;
    let absent = noted.into_keys().filter(|key| !there.contains(key));
    judged.vanished = absent.filter(|key| !again.contains(key)).collect();
    let vanished_from: HashSet<MoodleUserId> = judged.vanished.iter().map(|(user, ..)| *user).collect();
    judged.unsettled = known
        .former_accounts
        .iter()
        .filter(|standing| standing.intended > 0 || vanished_from.contains(&standing.user))
        .map(|standing| standing.adult)
        .chain(judged.newly_contested.iter().map(|(_, adult, _)| *adult))
        .collect();
    Ok(judged)
}

/// Takes rows out of the plan that were put back again and again: two systems that fight help nobody. Nothing is asked when
/// nothing is to be put back.
async fn leave_contested_alone(
    app: &App,
    context: &Context,
    known: &Known,
    judged: &mut Judged,
) -> Result<(), ServiceError> {
    let drifted = judged.plan.additions.iter().filter(|addition| addition.reason == Reason::DriftPutBack);
    let keys: Vec<ledger::Key> = drifted.filter_map(key_of).collect();
    if keys.is_empty() {
        return Ok(());
    }
    let since = app.now().checked_sub(PUT_BACKS_WITHIN).unwrap_or(kinlink_domain::Timestamp::MIN);
    let component = &context.policy.component;
    let mut store = app.store.acquire().await?;
    let left_alone: HashSet<ledger::Key> =
        put_backs::contested(&mut store, component, &keys).await?.into_iter().collect();
    let often = put_backs::frequent(&mut store, component, &keys, since, PUT_BACKS).await?;
    let often: HashSet<ledger::Key> = often.into_iter().collect();
    let additions = std::mem::take(&mut judged.plan.additions);
    for addition in additions {
        let key = key_of(&addition).filter(|_| addition.reason == Reason::DriftPutBack);
        let Some(key) = key.filter(|key| left_alone.contains(key) || often.contains(key)) else {
            judged.put_back.extend(key);
            judged.plan.additions.insert(addition);
            continue;
        };
        let Some(adult) = judged.desired.get(&addition.row).copied() else { continue };
        let link = known
            .links
            .iter()
            .find(|link| link.adult == adult && link.active && addition.row.place == Place::Pupil(link.pupil));
        let link = link.map_or(LinkId(0), |link| link.id);
        if let Some(outcome) = judged.outcomes.get_mut(&link) {
            *outcome = Outcome::Contested;
        }
        judged.contested.push((adult, link, addition.row.user));
        if !left_alone.contains(&key) {
            judged.newly_contested.push((key, adult, link));
        }
    }
    Ok(())
}

fn key(row: &ActualRole) -> ledger::Key {
    (row.user, row.context, row.role, row.item)
}

fn key_of(addition: &Addition) -> Option<ledger::Key> {
    Some((addition.row.user, addition.context?, addition.row.role, addition.row.item))
}

/// Accounts in which there are more or fewer rows of ours than the ledger names: a process died between writing and
/// recording, or somebody changed rows.
fn differing_users(known: &Known, actual: &[ActualRole]) -> BTreeSet<MoodleUserId> {
    let mut surplus: BTreeMap<MoodleUserId, i64> = BTreeMap::new();
    for standing in &known.former_accounts {
        *surplus.entry(standing.user).or_default() += standing.rows;
    }
    for row in actual.iter().filter(|row| row.ours) {
        *surplus.entry(row.user).or_default() -= 1;
    }
    surplus.into_iter().filter(|(_, rows)| *rows != 0).map(|(user, _)| user).collect()
}

/// The rows that the ledger names in the accounts that differ, each with whether it was written. Nothing is asked when
/// everything is as it should be.
async fn noted(
    app: &App,
    context: &Context,
    plan: &Plan,
    mut users: BTreeSet<MoodleUserId>,
) -> Result<HashMap<ledger::Key, bool>, ServiceError> {
    users.extend(plan.dirty_users());
    if users.is_empty() {
        return Ok(HashMap::new());
    }
    let users: Vec<MoodleUserId> = users.into_iter().collect();
    let mut store = app.store.acquire().await?;
    let noted = ledger::noted_of_users(&mut store, &context.policy.component, &users).await?;
    Ok(noted.into_iter().collect())
}

/// The plan of some adults, for a survey: reads only.
pub(super) async fn survey(
    app: &App,
    moodle: &mut Connection,
    context: &Context,
    adults: &[AdultId],
) -> Result<Judged, ServiceError> {
    let known = read_store(app, context, adults).await?;
    judge(app, moodle, context, &known).await
}

/// Takes the removals of held sources out of a batch's plan; a source that would pass the limit by this batch is held from
/// now on. So is that of leavers when there are suddenly far fewer pupils, be it the first batch that finds it.
async fn hold_removals(run: &mut Run<'_>, context: &Context, judged: &mut Judged) -> Result<(), ServiceError> {
    let mut counts: BTreeMap<Source, u64> = BTreeMap::new();
    for removal in &judged.plan.removals {
        if let Some(source) = removal.reason.source() {
            *counts.entry(source).or_default() += 1;
        }
    }
    if let Some(count) = counts.get(&Source::Leavers).copied()
        && run.brake.is_first_of(Source::Leavers)
        && full::pupils_have_shrunk(run.app, &mut run.locked.connection, context).await?
    {
        run.hold(Source::Leavers, Held::SourceShrank, count, run.brake.owned());
    }
    for (source, count) in counts {
        run.expect_removals(source, count);
    }
    let is_held = |reason: Reason| reason.source().is_some_and(|source| run.brake.holds(source));
    let held: Vec<PlanRow> = judged.rows().filter(|row| row.write == Write::Remove && is_held(row.reason)).collect();
    if held.is_empty() {
        return Ok(());
    }
    let items: HashSet<i64> = held.iter().map(|row| row.item).collect();
    for (link, outcome) in &mut judged.outcomes {
        if *outcome == Outcome::Ended && items.contains(&link.0) {
            *outcome = Outcome::RemovalHeld;
        }
    }
    judged.plan.removals.retain(|removal| !is_held(removal.reason));
    judged.held_users.extend(held.iter().map(|row| row.user));
    run.hold_rows(&held);
    Ok(())
}

async fn sync_task(moodle: &mut Connection, prefix: &Prefix) -> Result<SyncTask, ServiceError> {
    Ok(match tasks::state(moodle, prefix, tasks::SYNC_USERS).await? {
        None => SyncTask::Disabled,
        Some(task) if task.disabled => SyncTask::Disabled,
        Some(task) if task.fail_delay > 0 => SyncTask::Failing,
        Some(_) => SyncTask::Running,
    })
}

/// Makes Moodle synchronise accounts soon, once a cycle. A task that fails keeps Moodle's own pauses.
async fn hurry_sync(run: &mut Run<'_>, context: &Context, judged: &Judged) -> Result<(), ServiceError> {
    if run.report.sync_hurried {
        return Ok(());
    }
    let moodle = &mut run.locked.connection;
    let state = sync_task(moodle, &context.prefix).await?;
    if state == SyncTask::Running {
        tasks::hurry(moodle, &context.prefix, tasks::SYNC_USERS).await?;
        run.report.sync_hurried = true;
    } else if judged.needs_sync || !judged.ended_accounts.is_empty() {
        let what = if state == SyncTask::Disabled { "is switched off" } else { "fails" };
        run.report.warn(format!(
            "Moodle's task {} {what}: accounts are neither made nor suspended; run doctor",
            tasks::SYNC_USERS
        ));
    }
    Ok(())
}

/// Puts the contexts that were just made into the plan's additions.
fn complete(plan: &mut Plan, made: &BTreeMap<MoodleUserId, ContextId>) {
    let additions = std::mem::take(&mut plan.additions);
    plan.additions = additions
        .into_iter()
        .map(|mut addition| {
            if let (None, Place::Pupil(pupil)) = (addition.context, addition.row.place) {
                addition.context = made.get(&pupil).copied();
            }
            addition
        })
        .collect();
}

fn owned(judged: &Judged, addition: &kinlink_domain::plan::Addition) -> Option<Owned> {
    let row = addition.row;
    let link = match row.place {
        Place::Pupil(_) if row.item != 0 => LinkId(row.item),
        _ => LinkId(0),
    };
    Some(Owned {
        adult: *judged.desired.get(&row)?,
        link,
        role: row.role,
        context: addition.context?,
        user: row.user,
        item: row.item,
    })
}

/// Records what a batch came to and finishes its jobs: one transaction. Gives the number of requests that became provisioned.
async fn settle(run: &mut Run<'_>, context: &Context, batch: &Batch, judged: &Judged) -> Result<u64, ServiceError> {
    let app = run.app;
    let now = app.now();
    let mut tx = app.store.begin().await?;
    if batch.jobs.is_empty() && judged.plan.is_empty() && judged.unsettled.is_empty() {
        // A full cycle looked and found everything as it should be: nothing to record.
        return Ok(0);
    }
    let held = !judged.held_users.is_empty();
    ledger::settle(&mut tx, &batch.adults, held, run.cycle, now).await?;
    // Where only a second copy went, the row itself stays ours.
    let removals = judged.plan.removals.iter().filter(|removal| removal.reason != Reason::SurplusCopy);
    let mut removed: Vec<ledger::Key> = removals.map(|r| (r.row.user, r.row.context, r.row.role, r.row.item)).collect();
    removed.extend(&judged.vanished);
    ledger::removed(&mut tx, &context.policy.component, &removed, run.cycle, now).await?;
    put_backs::note(&mut tx, &context.policy.component, &judged.put_back, now).await?;
    let contests: Vec<Contest> = judged
        .newly_contested
        .iter()
        .map(|(row, adult, link)| {
            let component = context.policy.component.clone();
            Contest { id: app.new_id(), row: *row, component, adult: *adult, link: *link, began_at: now }
        })
        .collect();
    put_backs::contest(&mut tx, &contests).await?;
    let results: Vec<(LinkId, Outcome)> = judged.outcomes.iter().map(|(link, outcome)| (*link, *outcome)).collect();
    cycles::record(&mut tx, run.cycle, &results, now).await?;
    requests::record_outcomes(&mut tx, &results, now).await?;

    let links: Vec<LinkId> = judged.outcomes.keys().copied().collect();
    let linked = requests::linked(&mut tx, &links).await?;
    let done: Vec<_> = linked.iter().filter(|request| !request.has_open_claim).map(|request| request.id).collect();
    if !done.is_empty() {
        requests::mark_provisioned(&mut tx, &done, now).await?;
        let entries: Vec<_> = done
            .iter()
            .map(|id| audit::Entry::new("request.provision", format!("request:{id}"), json!({ "cycle": run.cycle })))
            .collect();
        audit::write(&mut tx, &Actor::system(), now, &entries);
    }
    let letters: Vec<_> = linked
        .iter()
        .map(|request| {
            let letter = if request.made_login_row { Letter::Approved } else { Letter::ChildAdded };
            // One mail when the account is there, one more for every child that is added later.
            let once = format!("linked:{}:{}", request.id, request.approved);
            mail::new(app, &request.email, Some(request.id), Some(request.adult), letter, &once)
        })
        .collect::<Result<_, _>>()?;
    mails::enqueue(&mut tx, &letters).await?;
    let dead = settle_jobs(run, &mut tx, context, batch, |adult| worst(judged, adult)).await?;
    tx.commit().await?;
    tell::settled(run.cycle, batch, judged, &dead, |adult| worst(judged, adult));
    Ok(done.len() as u64)
}

/// The outcome that decides what becomes of an adult's job: the one that needs most attention.
fn worst(judged: &Judged, adult: AdultId) -> Outcome {
    let outcomes = judged.links_of.get(&adult).into_iter().flatten().filter_map(|link| judged.outcomes.get(link));
    outcomes
        .copied()
        .max_by_key(|outcome| match outcome.next() {
            Next::Done => 0,
            Next::Wait => 1,
            Next::Retry => 2,
        })
        .unwrap_or(Outcome::Ended)
}

/// Ends, puts off or gives up a batch's jobs. Gives those that were given up.
async fn settle_jobs(
    run: &Run<'_>,
    tx: &mut kinlink_store::Tx<'_>,
    context: &Context,
    batch: &Batch,
    outcome_of: impl Fn(AdultId) -> Outcome,
) -> Result<HashSet<JobId>, ServiceError> {
    let most = i64::from(context.policy.max_attempts);
    let mut groups: BTreeMap<(&'static str, i64), (Outcome, Vec<JobId>)> = BTreeMap::new();
    for job in &batch.jobs {
        let outcome = outcome_of(job.adult);
        let attempts = if outcome.next() == Next::Done { 0 } else { job.attempts };
        groups.entry((outcome.code(), attempts)).or_insert((outcome, Vec::new())).1.push(job.id);
    }
    let mut dead = HashSet::new();
    for ((_, attempts), (outcome, ids)) in groups {
        match outcome.next() {
            Next::Done => jobs::finish(tx, &ids, outcome).await?,
            // Waiting for Moodle is nobody's fault and never given up; the pauses grow to hours.
            Next::Retry if attempts + 1 >= most => {
                jobs::bury(tx, &ids, outcome).await?;
                dead.extend(ids);
            }
            Next::Wait | Next::Retry => jobs::postpone(tx, &ids, run.next_try(attempts), outcome).await?,
        }
    }
    Ok(dead)
}

/// Records that an adult's rows could not be written.
async fn settle_failed(run: &mut Run<'_>, context: &Context, batch: &Batch) -> Result<(), ServiceError> {
    let app = run.app;
    let now = app.now();
    let mut tx = app.store.begin().await?;
    let active: BTreeMap<LinkId, Outcome> = links::of_adults(&mut tx, &batch.adults)
        .await?
        .into_iter()
        .filter(|link| link.active)
        .map(|link| (link.id, Outcome::WriteFailed))
        .collect();
    let results: Vec<(LinkId, Outcome)> = active.iter().map(|(link, outcome)| (*link, *outcome)).collect();
    cycles::record(&mut tx, run.cycle, &results, now).await?;
    requests::record_outcomes(&mut tx, &results, now).await?;
    let dead = settle_jobs(run, &mut tx, context, batch, |_| Outcome::WriteFailed).await?;
    tx.commit().await?;
    tell::failed(run.cycle, batch, &dead);
    run.report.adults += batch.adults.len() as u64;
    run.report.count(&active);
    Ok(())
}
