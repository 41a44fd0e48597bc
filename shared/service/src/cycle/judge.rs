//! What a batch comes to: from the facts to the rows that are to be, the plan that gets there, and what each link has come to.
//!
//! [`Judged::new`] decides by the facts alone; after it the store says which of the plan's rows were ours before. What does not
//! live here: what one adult is to have (`domain/desired.rs`), how rows are compared (`domain/plan.rs`), why one goes (`why.rs`).

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use kinlink_db::Connection;
use kinlink_domain::{
    desired::{Account, AdultFacts, LinkFact, SignIn, desire},
    ids::{AdultId, ClaimId, ContextId, LinkId, MoodleUserId, RoleId},
    outcome::Outcome,
    plan::{Addition, DesiredRole, Place, Plan, UserContext},
    plan_row::{PlanRow, Write},
    reason::Reason,
};
use kinlink_moodle::roles;
use kinlink_store::{accounts::Adult, ledger, links::Link, put_backs};

use super::{
    batch::Context,
    facts::{Found, Known},
    why::Why,
};
use crate::{App, ServiceError};

/// A row that was put back so often …
const PUT_BACKS: i64 = 3;
/// … within this time is left alone.
const PUT_BACKS_WITHIN: jiff::SignedDuration = jiff::SignedDuration::from_hours(24);

/// The pupil of a link in force who was deleted in Moodle.
pub(super) struct GonePupil {
    pub(super) adult: AdultId,
    pub(super) link: LinkId,
    pub(super) claim: ClaimId,
    pub(super) pupil: MoodleUserId,
}

/// What a batch comes to.
#[derive(Default)]
pub(super) struct Judged {
    pub(super) plan: Plan,
    pub(super) outcomes: BTreeMap<LinkId, Outcome>,
    pub(super) desired: BTreeMap<DesiredRole, AdultId>,
    pub(super) contexts: HashMap<MoodleUserId, UserContext>,
    /// Accounts whose sessions end, because their adult may not sign in any more.
    pub(super) ended_accounts: BTreeSet<MoodleUserId>,
    /// Accounts that Moodle has to make, revive or suspend.
    pub(super) needs_sync: bool,
    pub(super) links_of: HashMap<AdultId, Vec<LinkId>>,
    /// Each adult's account, and those in which we own rows for them.
    pub(super) accounts_of: HashMap<AdultId, Vec<MoodleUserId>>,
    /// Rows that the ledger names, that are not in Moodle and are not to be.
    pub(super) vanished: Vec<ledger::Key>,
    /// Adults for whom something was written and not recorded: a process died in between.
    pub(super) unsettled: BTreeSet<AdultId>,
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
    pub(super) put_back: Vec<ledger::Key>,
    /// Rows that were put back too often and are left alone from now on.
    pub(super) newly_contested: Vec<(ledger::Key, AdultId, LinkId)>,
    /// Accounts with a removal that is not made now.
    pub(super) held_users: BTreeSet<MoodleUserId>,
    /// Each adult's account today.
    account_today: HashMap<AdultId, MoodleUserId>,
    /// Wherever rows of a held link may stand, also of one that has ended, and what stood beside them.
    stopped_rows: BTreeSet<(MoodleUserId, ContextId)>,
    /// Rows that are not ours, and that let somebody see a pupil all the same whom a hold forbids.
    pub(super) beside_holds: u64,
}

/// Reads Moodle for a batch and decides what it comes to.
///
/// # Errors
/// Moodle, the store.
pub(super) async fn judge(
    app: &App,
    moodle: &mut Connection,
    context: &Context,
    known: &Known,
) -> Result<Judged, ServiceError> {
    let found = Found::read(app, moodle, context, known).await?;
    let mut judged = Judged::new(context, known, &found);
    judged.beside_holds = beside_holds(moodle, context, &found, &judged.stopped_rows).await?;
    let noted = noted(app, context, &judged.plan, found.differing).await?;
    judged.name_put_backs(&noted);
    // What is to be written again is not gone for good, and neither is what is left alone.
    let again: HashSet<ledger::Key> = judged.plan.additions.iter().filter_map(key_of).collect();
    leave_contested_alone(app, context, known, &mut judged).await?;
    let absent = noted.into_keys().filter(|key| !found.there.contains(key));
    judged.vanished = absent.filter(|key| !again.contains(key)).collect();
    judged.unsettled = judged.to_be_recorded(known);
    Ok(judged)
}

impl Judged {
    /// What follows from the facts alone.
    fn new(context: &Context, known: &Known, found: &Found) -> Self {
        let mut judged = Self {
            contexts: found.contexts.clone(),
            seen: found.actual.iter().filter(|row| row.ours).map(|row| row.id).collect(),
            renamed: renamed(known, found),
            ..Self::default()
        };
        for standing in &known.former_accounts {
            judged.accounts_of.entry(standing.adult).or_default().push(standing.user);
        }
        let links = known.links_by_adult();
        for adult in &known.adults {
            let own = links.get(&adult.id).map_or(&[][..], Vec::as_slice);
            judged.decide(context, known, found, adult, own);
        }
        judged.compare(context, known, found);
        judged
    }

    /// Decides which rows one adult is to have, and what each of their links has come to.
    fn decide(&mut self, context: &Context, known: &Known, found: &Found, adult: &Adult, own: &[&Link]) {
        let account = found.account_of(adult);
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
                    has_row: found.has_row(link, account),
                    held: known.stops.forbid(&identity, link.pupil),
                })
                .collect(),
        };
        let decided = desire(&facts, &found.pupils, found.sync, &context.terms);
        if let (SignIn::Nothing, Some(user)) = (facts.sign_in, account)
            && user.auth == "db"
        {
            self.ended_accounts.insert(user.id);
        }
        self.needs_sync |= decided
            .outcomes
            .values()
            .any(|outcome| matches!(outcome, Outcome::WaitingForAccount | Outcome::AccountSuspended));
        self.accounts_of.entry(adult.id).or_default().extend(account.map(|user| user.id));
        self.account_today.extend(account.map(|user| (adult.id, user.id)));
        let held = facts.links.iter().filter(|link| link.held).filter_map(|link| found.contexts.get(&link.pupil));
        let mut held: Vec<ContextId> = held.map(|context| context.id).collect();
        if !held.is_empty() {
            held.extend(&context.terms.static_contexts);
        }
        for user in self.accounts_of.get(&adult.id).into_iter().flatten() {
            self.stopped_rows.extend(held.iter().map(|context| (*user, *context)));
        }
        let gone = own.iter().filter(|link| decided.outcomes.get(&link.id) == Some(&Outcome::PupilDeleted));
        self.gone_pupils.extend(gone.map(|link| GonePupil {
            adult: adult.id,
            link: link.id,
            claim: link.claim,
            pupil: link.pupil,
        }));
        self.links_of.insert(adult.id, own.iter().map(|link| link.id).collect());
        self.desired.extend(decided.roles.into_iter().map(|row| (row, adult.id)));
        self.outcomes.extend(decided.outcomes);
    }

    /// Compares what is to be with what is: the plan, and whose its rows are.
    fn compare(&mut self, context: &Context, known: &Known, found: &Found) {
        let actual = &found.actual;
        let desired: BTreeSet<DesiredRole> = self.desired.keys().copied().collect();
        let why = Why::new(
            &known.links,
            &self.outcomes,
            &self.contexts,
            &self.account_today,
            &self.accounts_of,
            &self.stopped_rows,
            &context.terms,
        );
        let mut plan = Plan::compare(&desired, actual, &self.contexts, |row| why.removed(row));
        if !context.terms.item_is_link {
            // Without a component our row would be the very same as one that somebody made by hand: theirs serves, and stays theirs.
            let theirs: HashSet<(MoodleUserId, ContextId, RoleId)> =
                actual.iter().filter(|row| !row.ours).map(|row| (row.user, row.context, row.role)).collect();
            plan.additions.retain(|addition| {
                addition
                    .context
                    .is_none_or(|context| !theirs.contains(&(addition.row.user, context, addition.row.role)))
            });
        }
        let removed = plan
            .removals
            .iter()
            .map(|removal| (removal.row().line(), (why.adult_of(&removal.row), why.pupil_of(&removal.row))));
        let added = plan
            .additions
            .iter()
            .map(|addition| (addition.row().line(), (self.desired.get(&addition.row).copied(), None)));
        self.beside = removed.chain(added).collect();
        self.plan = plan;
    }

    /// Gives rows that we wrote and that are gone their reason: somebody took them away.
    fn name_put_backs(&mut self, noted: &HashMap<ledger::Key, bool>) {
        let additions = std::mem::take(&mut self.plan.additions).into_iter();
        self.plan.additions = additions
            .map(|addition| {
                let drifted = key_of(&addition).is_some_and(|key| noted.get(&key) == Some(&true));
                if drifted { Addition { reason: Reason::DriftPutBack, ..addition } } else { addition }
            })
            .collect();
    }

    /// Adults for whom something is still to be recorded.
    fn to_be_recorded(&self, known: &Known) -> BTreeSet<AdultId> {
        let vanished_from: HashSet<MoodleUserId> = self.vanished.iter().map(|(user, ..)| *user).collect();
        let standing = known.former_accounts.iter();
        standing
            .filter(|standing| standing.intended > 0 || vanished_from.contains(&standing.user))
            .map(|standing| standing.adult)
            .chain(self.newly_contested.iter().map(|(_, adult, _)| *adult))
            .collect()
    }

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

/// How many rows that are not ours let somebody see a pupil whom a hold forbids. Nothing is asked where nothing is held.
async fn beside_holds(
    moodle: &mut Connection,
    context: &Context,
    found: &Found,
    stopped: &BTreeSet<(MoodleUserId, ContextId)>,
) -> Result<u64, ServiceError> {
    if stopped.is_empty() {
        return Ok(0);
    }
    let users: BTreeSet<MoodleUserId> = stopped.iter().map(|(user, _)| *user).collect();
    let users: Vec<MoodleUserId> = users.into_iter().collect();
    let (role, component) = (context.terms.link_role, &context.policy.component);
    let others = roles::of_others(moodle, &context.prefix, component, role, &users).await?;
    // Without a component rows of others are among those that were read.
    let unmarked = found.actual.iter().filter(|row| !row.ours && row.role == role).map(|row| (row.user, row.context));
    let beside = others
        .into_iter()
        .chain(unmarked)
        .filter(|place| stopped.contains(place) && !context.terms.static_contexts.contains(&place.1));
    Ok(beside.count() as u64)
}

/// Accounts in which we own rows and that bear another user name today.
fn renamed(known: &Known, found: &Found) -> Vec<(AdultId, MoodleUserId)> {
    let names: HashMap<AdultId, &str> =
        known.adults.iter().filter_map(|adult| Some((adult.id, adult.username.as_deref()?))).collect();
    let is_renamed = |adult: &AdultId, user: MoodleUserId| {
        let (name, user) = (names.get(adult), found.user(user));
        user.zip(name).is_some_and(|(user, name)| !user.deleted && user.auth == "db" && user.username != *name)
    };
    known
        .former_accounts
        .iter()
        .filter(|standing| standing.rows > 0 && known.has_login_row.contains(&standing.adult))
        .filter(|standing| is_renamed(&standing.adult, standing.user))
        .map(|standing| (standing.adult, standing.user))
        .collect()
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

fn key_of(addition: &Addition) -> Option<ledger::Key> {
    Some((addition.row.user, addition.context?, addition.row.role, addition.row.item))
}
