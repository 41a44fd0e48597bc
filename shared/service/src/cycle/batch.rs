//! One batch of adults: facts → desired rows → plan → apply → settle. A fixed number of statements, however many adults.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use kinlink_db::Connection;
use kinlink_domain::{
    desired::{Account, AdultFacts, LinkFact, PupilFact, SignIn, SyncTask, Terms, desire},
    ids::{AdultId, ContextId, JobId, LinkId, MoodleUserId, RoleId},
    outcome::{Next, Outcome},
    plan::{ActualRole, DesiredRole, Place, Plan, UserContext},
    policy::Policy,
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
    audit, cycles,
    jobs::{self, Job, Priority},
    ledger::{self, Owned, Standing},
    links::{self, Link},
    mails, requests,
};
use serde_json::json;

use super::{Run, is_about_rows, ownership, tell};
use crate::{
    App, ServiceError,
    mail::{self, Letter},
};

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
}

/// What a batch comes to.
pub(super) struct Judged {
    pub(super) plan: Plan,
    pub(super) outcomes: BTreeMap<LinkId, Outcome>,
    pub(super) desired: BTreeMap<DesiredRole, AdultId>,
    contexts: HashMap<MoodleUserId, UserContext>,
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
}

impl Judged {
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
    hold_removals(run, &mut judged);

    if judged.needs_sync || batch.jobs.iter().any(|job| job.priority == Priority::Removal) {
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
    let ended = if context.policy.end_sessions && !removal_of.is_empty() && !run.report.brake {
        std::mem::take(&mut judged.ended_accounts)
    } else {
        BTreeSet::new()
    };
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
    let absent = absent(app, context, known, &actual).await?;
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
    };
    for standing in &known.former_accounts {
        judged.accounts_of.entry(standing.adult).or_default().push(standing.user);
    }
    for adult in &known.adults {
        let own = links_by_adult.get(&adult.id).cloned().unwrap_or_default();
        let account = account_of(adult);
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
        judged.links_of.insert(adult.id, own.iter().map(|link| link.id).collect());
        judged.desired.extend(decided.roles.into_iter().map(|row| (row, adult.id)));
        judged.outcomes.extend(decided.outcomes);
    }
    let desired: BTreeSet<DesiredRole> = judged.desired.keys().copied().collect();
    judged.plan = Plan::compare(&desired, &actual, &judged.contexts);
    if !context.terms.item_is_link {
        // Without a component our row would be the very same as one that somebody made by hand: theirs serves, and stays theirs.
        let theirs: HashSet<(MoodleUserId, ContextId, RoleId)> =
            actual.iter().filter(|row| !row.ours).map(|row| (row.user, row.context, row.role)).collect();
        judged.plan.additions.retain(|addition| {
            addition.context.is_none_or(|context| !theirs.contains(&(addition.row.user, context, addition.row.role)))
        });
    }
    // What is to be written again is not gone for good.
    let again: HashSet<ledger::Key> = judged
        .plan
        .additions
        .iter()
        .filter_map(|addition| Some((addition.row.user, addition.context?, addition.row.role, addition.row.item)))
        .collect();
    judged.vanished = absent.into_iter().filter(|key| !again.contains(key)).collect();
    let vanished_from: HashSet<MoodleUserId> = judged.vanished.iter().map(|(user, ..)| *user).collect();
    judged.unsettled = known
        .former_accounts
        .iter()
        .filter(|standing| standing.intended > 0 || vanished_from.contains(&standing.user))
        .map(|standing| standing.adult)
        .collect();
    Ok(judged)
}

/// Rows that the ledger names and Moodle lacks. Asked only for accounts whose numbers of rows differ: a process died between
/// writing and recording, or somebody deleted rows.
async fn absent(
    app: &App,
    context: &Context,
    known: &Known,
    actual: &[ActualRole],
) -> Result<Vec<ledger::Key>, ServiceError> {
    let mut surplus: BTreeMap<MoodleUserId, i64> = BTreeMap::new();
    for standing in &known.former_accounts {
        *surplus.entry(standing.user).or_default() += standing.rows;
    }
    for row in actual.iter().filter(|row| row.ours) {
        *surplus.entry(row.user).or_default() -= 1;
    }
    let users: Vec<MoodleUserId> = surplus.into_iter().filter(|(_, rows)| *rows != 0).map(|(user, _)| user).collect();
    if users.is_empty() {
        return Ok(Vec::new());
    }
    let there: HashSet<ledger::Key> = actual.iter().map(|row| (row.user, row.context, row.role, row.item)).collect();
    let noted = ledger::of_users(&mut app.store.acquire().await?, &context.policy.component, &users).await?;
    Ok(noted.into_iter().filter(|key| !there.contains(key)).collect())
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

/// Takes the removals out of a batch's plan when the brake is engaged, or engages it when this batch would pass the limit.
fn hold_removals(run: &mut Run<'_>, judged: &mut Judged) {
    let removals = judged.plan.removals.len() as u64;
    if removals == 0 {
        return;
    }
    if let (false, Some(limit)) = (run.report.brake, run.report.limit)
        && run.report.removed + removals > limit
    {
        run.hold(run.report.removed + removals, run.report.owned);
    }
    if !run.report.brake {
        return;
    }
    run.report.held += removals;
    let held: HashSet<i64> = judged.plan.removals.iter().map(|removal| removal.row.item).collect();
    for (link, outcome) in &mut judged.outcomes {
        if *outcome == Outcome::Ended && held.contains(&link.0) {
            *outcome = Outcome::RemovalHeld;
        }
    }
    judged.plan.removals.clear();
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
    let held = run.report.brake;
    ledger::settle(&mut tx, &batch.adults, held, run.cycle, now).await?;
    let mut removed: Vec<ledger::Key> =
        judged.plan.removals.iter().map(|r| (r.row.user, r.row.context, r.row.role, r.row.item)).collect();
    removed.extend(&judged.vanished);
    ledger::removed(&mut tx, &context.policy.component, &removed, run.cycle, now).await?;
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
        audit::write(&mut tx, &Actor::system(), now, &entries).await?;
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
