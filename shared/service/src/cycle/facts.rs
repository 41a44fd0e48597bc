//! The facts by which a batch is judged: what the store knows of its adults, and what stands in Moodle. A fixed number of
//! statements, however many adults. Reads only; what follows from the facts is `judge.rs`.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use kinlink_db::Connection;
use kinlink_domain::{
    desired::{PupilFact, SyncTask},
    hold::Stops,
    ids::{AdultId, ContextId, MoodleUserId},
    plan::{ActualRole, UserContext},
};
use kinlink_moodle::{
    Prefix, pupils, roles, tasks,
    users::{self, User},
};
use kinlink_store::{
    accounts::{self, Adult},
    holds,
    ledger::{self, Standing},
    links::{self, Link},
};

use super::{batch::Context, ownership};
use crate::{App, ServiceError};

/// What the store knows of a batch's adults.
pub(super) struct Known {
    pub(super) adults: Vec<Adult>,
    pub(super) links: Vec<Link>,
    pub(super) has_login_row: HashSet<AdultId>,
    /// Accounts in which we own rows for them, whatever their name is today.
    pub(super) former_accounts: Vec<Standing>,
    /// The holds in force.
    pub(super) stops: Stops,
}

impl Known {
    /// Reads what is known of these adults.
    ///
    /// # Errors
    /// The store.
    pub(super) async fn read(app: &App, context: &Context, adults: &[AdultId]) -> Result<Self, ServiceError> {
        let adults = accounts::adults(&mut app.store.acquire().await?, adults).await?;
        Self::of(app, context, adults).await
    }

    /// Reads what is known of adults besides themselves.
    ///
    /// # Errors
    /// The store.
    pub(super) async fn of(app: &App, context: &Context, adults: Vec<Adult>) -> Result<Self, ServiceError> {
        let ids: Vec<AdultId> = adults.iter().map(|adult| adult.id).collect();
        let mut store = app.store.acquire().await?;
        Ok(Self {
            adults,
            links: links::of_adults(&mut store, &ids).await?,
            has_login_row: accounts::login_rows_of(&mut store, &ids).await?.into_iter().map(|row| row.adult).collect(),
            former_accounts: ledger::standing_of(&mut store, &context.policy.component, &ids).await?,
            stops: holds::in_force(&mut store, app.now()).await?,
        })
    }

    /// The links of each adult, in force and ended.
    pub(super) fn links_by_adult(&self) -> HashMap<AdultId, Vec<&Link>> {
        let mut links: HashMap<AdultId, Vec<&Link>> = HashMap::new();
        for link in &self.links {
            links.entry(link.adult).or_default().push(link);
        }
        links
    }
}

/// What stands in Moodle about a batch's adults and their pupils.
pub(super) struct Found {
    by_id: HashMap<MoodleUserId, User>,
    by_name: HashMap<String, User>,
    /// Of everybody who was read by number: pupils, picked accounts, and those in which we own rows.
    pub(super) contexts: HashMap<MoodleUserId, UserContext>,
    pub(super) pupils: BTreeMap<MoodleUserId, PupilFact>,
    /// Role rows in the accounts that the adults have or had, without those of other adults' links.
    pub(super) actual: Vec<ActualRole>,
    /// Every row of ours in these accounts, whosever it is.
    pub(super) there: HashSet<ledger::Key>,
    /// Accounts in which there are more or fewer rows of ours than the ledger names: a process died between writing and
    /// recording, or somebody changed rows.
    pub(super) differing: BTreeSet<MoodleUserId>,
    /// Where a row of ours stands.
    ours: HashSet<(MoodleUserId, ContextId)>,
    /// Moodle's task that makes accounts; asked only where somebody waits for one.
    pub(super) sync: SyncTask,
}

impl Found {
    /// Reads Moodle: three statements, two more when something is to be written.
    ///
    /// # Errors
    /// Moodle; the store, which says by which marks a row is ours.
    pub(super) async fn read(
        app: &App,
        moodle: &mut Connection,
        context: &Context,
        known: &Known,
    ) -> Result<Self, ServiceError> {
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
        let contexts = by_id.iter().filter_map(|user| Some((user.id, user.context?))).collect();
        let mut found = Self {
            by_id: by_id.into_iter().map(|user| (user.id, user)).collect(),
            by_name: by_name.into_iter().map(|user| (user.username.clone(), user)).collect(),
            contexts,
            pupils: BTreeMap::new(),
            actual: Vec::new(),
            there: HashSet::new(),
            differing: BTreeSet::new(),
            ours: HashSet::new(),
            sync: SyncTask::Running,
        };
        found.read_rows(app, moodle, context, known).await?;
        found.read_pupils(moodle, context, known).await?;
        let waits = |adult: &Adult| known.has_login_row.contains(&adult.id) && found.account_of(adult).is_none();
        if known.adults.iter().any(waits) {
            found.sync = sync_task(moodle, prefix).await?;
        }
        Ok(found)
    }

    async fn read_rows(
        &mut self,
        app: &App,
        moodle: &mut Connection,
        context: &Context,
        known: &Known,
    ) -> Result<(), ServiceError> {
        let mut accounts: BTreeSet<MoodleUserId> = known.former_accounts.iter().map(|standing| standing.user).collect();
        accounts.extend(known.adults.iter().filter_map(|adult| self.account_of(adult)).map(|user| user.id));
        let accounts: Vec<MoodleUserId> = accounts.into_iter().collect();
        let ownership = ownership(app, &context.policy, &accounts).await?;
        self.actual = roles::of_users(moodle, &context.prefix, &ownership, &accounts).await?;
        self.differing = differing_users(known, &self.actual);
        self.there = self.actual.iter().filter(|row| row.ours).map(key).collect();
        // A row of another adult's link is that adult's business, and a row whose link nobody knows is a full cycle's.
        let own_links: HashSet<i64> = known.links.iter().map(|link| link.id.0).collect();
        if context.terms.item_is_link {
            self.actual.retain(|row| row.item == 0 || own_links.contains(&row.item));
        }
        self.ours = self.actual.iter().filter(|row| row.ours).map(|row| (row.user, row.context)).collect();
        Ok(())
    }

    async fn read_pupils(
        &mut self,
        moodle: &mut Connection,
        context: &Context,
        known: &Known,
    ) -> Result<(), ServiceError> {
        let links = known.links_by_adult();
        // Asked only for links that would be new: a pin is no licence to write.
        let candidates: BTreeSet<MoodleUserId> = known
            .adults
            .iter()
            .flat_map(|adult| links.get(&adult.id).into_iter().flatten().map(move |link| (adult, link)))
            .filter(|(adult, link)| link.active && !self.has_row(link, self.account_of(adult)))
            .map(|(_, link)| link.pupil)
            .collect();
        let eligible = if candidates.is_empty() {
            BTreeSet::new()
        } else {
            let candidates: Vec<MoodleUserId> = candidates.into_iter().collect();
            pupils::eligible(moodle, &context.prefix, &context.policy, &context.site, &candidates).await?
        };
        self.pupils = self
            .by_id
            .values()
            .map(|user| (user.id, PupilFact { deleted: user.deleted, eligible: eligible.contains(&user.id) }))
            .collect();
        Ok(())
    }

    /// An account or pupil by number.
    pub(super) fn user(&self, id: MoodleUserId) -> Option<&User> {
        self.by_id.get(&id)
    }

    /// The account that an adult signs in with today: the one that staff picked, or else the one of their user name.
    pub(super) fn account_of(&self, adult: &Adult) -> Option<&User> {
        match (&adult.username, adult.picked_user) {
            (_, Some(picked)) => self.by_id.get(&picked),
            (Some(name), None) => self.by_name.get(name),
            (None, None) => None,
        }
    }

    /// Whether a row of ours gives an account a link's pupil.
    pub(super) fn has_row(&self, link: &Link, account: Option<&User>) -> bool {
        account
            .zip(self.contexts.get(&link.pupil))
            .is_some_and(|(user, context)| self.ours.contains(&(user.id, context.id)))
    }
}

/// By what the ledger knows a row.
pub(super) fn key(row: &ActualRole) -> ledger::Key {
    (row.user, row.context, row.role, row.item)
}

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

/// How it stands with Moodle's task that makes accounts.
///
/// # Errors
/// Moodle.
pub(super) async fn sync_task(moodle: &mut Connection, prefix: &Prefix) -> Result<SyncTask, ServiceError> {
    Ok(match tasks::state(moodle, prefix, tasks::SYNC_USERS).await? {
        None => SyncTask::Disabled,
        Some(task) if task.disabled => SyncTask::Disabled,
        Some(task) if task.fail_delay > 0 => SyncTask::Failing,
        Some(_) => SyncTask::Running,
    })
}
