//! Pupils who leave: noted when they are first seen gone, their links ended when the grace time is over, and the login rows
//! of adults whose last pupil left taken away after another one.
//!
//! - this file: looking at every pinned pupil, and whether what is found can be believed.
//! - `turn.rs`: what a run writes, a transaction a batch.
//! - `restore.rs`: giving back what ended, by one act.
//! - `preview.rs`: who would lose what and when.
//!
//! Part of the nightly reconciliation ([`nightly`]), and run by hand ([`run`]). Until a link ends its parent keeps the access
//! they have; the rows in Moodle then go by way of a job, like any other removal.

mod preview;
mod restore;
mod turn;

use std::collections::BTreeMap;

use kinlink_db::Connection;
use kinlink_domain::{
    ids::{CycleId, MoodleUserId},
    leaving::{self, Departure, PupilFacts},
    policy::Policy,
    staff::{Actor, Permission},
};
use kinlink_moodle::{
    pupils,
    site::{self, Site},
};
use kinlink_store::{
    leases,
    leavers::{self, Leaver},
};
use serde::Serialize;
use utoipa::ToSchema;

pub(crate) use self::restore::restorable;
pub use self::{
    preview::{GroupCount, Leaving, Preview, WaitingRow, preview},
    restore::{restore, restore_all},
};
use crate::{App, ServiceError, access::require, observe};

/// Pupils in one batch: what bounds a transaction.
const BATCH: u32 = 1_000;
/// For how long a run by hand keeps cycles away; longer than a school takes.
const LEASE: jiff::SignedDuration = jiff::SignedDuration::from_secs(90);

/// What a run did: counts only.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = LeaversReport)]
pub struct Report {
    /// Pupils to whom somebody is linked.
    pub pupils: u64,
    /// Those of them who have left, whether or not their time of grace is over.
    pub left: u64,
    /// Those who were found to have left for the first time.
    pub newly_left: u64,
    /// Those who are back before anything ended.
    pub back: u64,
    /// Links that ended.
    pub ended_links: u64,
    /// Login rows that were taken away.
    pub removed_login_rows: u64,
    /// Whether what Moodle says is not believed: then nothing was noted and nothing ended.
    pub held: bool,
    /// Login rows that were due and are more than the brake believes: then none was taken away.
    pub held_login_rows: u64,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ran {
    /// A cycle is running; nothing was done.
    Busy,
    /// It ran.
    Done(Report),
}

/// What a look at every pinned pupil found.
struct Findings {
    /// Pupils to whom somebody is linked.
    pupils: u64,
    /// Those who have left.
    left: BTreeMap<MoodleUserId, Departure>,
    /// Those who are noted as having left.
    known: BTreeMap<MoodleUserId, Leaver>,
    /// Whether the pupil filter matches anybody at all.
    filter_matches: bool,
}

impl Findings {
    /// Looks. A fixed number of statements per batch, in the store and in Moodle.
    async fn read(app: &App, moodle: &mut Connection, policy: &Policy, site: &Site) -> Result<Self, ServiceError> {
        let prefix = app.moodle.prefix();
        let mut findings = Self { pupils: 0, left: BTreeMap::new(), known: BTreeMap::new(), filter_matches: false };
        let mut after = MoodleUserId(0);
        loop {
            let mut store = app.store.acquire().await?;
            let page = leavers::linked_pupils(&mut store, after, BATCH).await?;
            let Some(last) = page.last() else { break };
            after = *last;
            let known = leavers::of_pupils(&mut store, &page).await?;
            drop(store);
            findings.known.extend(known.into_iter().map(|leaver| (leaver.pupil, leaver)));
            findings.pupils += page.len() as u64;
            let facts = pupils::facts(moodle, prefix, policy, site, &page).await?;
            for pupil in page {
                match facts.get(&pupil).copied().unwrap_or(PupilFacts::MISSING).departure() {
                    Some(departure) => {
                        findings.left.insert(pupil, departure);
                    }
                    None => findings.filter_matches = true,
                }
            }
        }
        // Asked only when nobody of those who are linked passes it.
        if findings.pupils > 0 && !findings.filter_matches {
            findings.filter_matches = pupils::any(moodle, prefix, policy, site).await?;
        }
        Ok(findings)
    }

    /// How many have left who are not noted.
    fn newly_left(&self) -> u64 {
        self.left.keys().filter(|pupil| !self.known.contains_key(pupil)).count() as u64
    }

    /// Whether this cannot be believed. The only place that asks.
    fn is_implausible(&self, policy: &Policy) -> bool {
        leaving::is_implausible(policy.leaver_brake(), self.newly_left(), self.pupils, self.filter_matches)
    }
}

/// Looks at every pinned pupil and does what is due, unless a cycle is running.
///
/// # Errors
/// [`ServiceError::Forbidden`], the store, Moodle or its preconditions. What was finished before stays finished.
pub async fn run(app: &App, actor: &Actor) -> Result<Ran, ServiceError> {
    require(actor, Permission::RunCycle)?;
    let holder: CycleId = app.new_id();
    let until = app.now().checked_add(LEASE).unwrap_or(kinlink_domain::Timestamp::MAX);
    if !leases::take(&mut app.store.acquire().await?, leases::PROVISIONER, holder, app.now(), until).await? {
        return Ok(Ran::Busy);
    }
    let result = async {
        let policy = app.policy().await?;
        let mut moodle = app.moodle.connect().await?;
        let site = site::read(&mut moodle, app.moodle.prefix(), &policy).await?;
        run_once(app, actor, &mut moodle, &policy, &site).await
    };
    let result = result.await;
    leases::give_back(&mut app.store.acquire().await?, leases::PROVISIONER, holder).await?;
    Ok(Ran::Done(result?))
}

/// The same as a part of a full run, which keeps others away. Gives what is to be warned of.
///
/// # Errors
/// The store, Moodle.
pub(crate) async fn nightly(
    app: &App,
    moodle: &mut Connection,
    policy: &Policy,
    site: &Site,
) -> Result<Option<String>, ServiceError> {
    let report = run_once(app, &Actor::system(), moodle, policy, site).await?;
    let login_rows = (report.held_login_rows > 0).then(|| held_login_rows_warning(&report));
    Ok(report.held.then(|| held_warning(&report)).or(login_rows))
}

/// What is said when a run holds everything.
#[must_use]
pub fn held_warning(report: &Report) -> String {
    format!(
        "{} of {} linked pupils seem to have left since the last look, or the pupil filter matches nobody: that is not \
         believed and nothing ends; look at pupil_filter, leaver_filter and the accounts in Moodle, and raise \
         leaver_brake_percent if it is right",
        report.newly_left, report.pupils
    )
}

/// What is said when a run holds the login rows.
#[must_use]
pub fn held_login_rows_warning(report: &Report) -> String {
    format!(
        "{} login rows of adults without a link are due to go at once: the brake holds them all; raise \
         leaver_brake_percent if it is right",
        report.held_login_rows
    )
}

async fn run_once(
    app: &App,
    actor: &Actor,
    moodle: &mut Connection,
    policy: &Policy,
    site: &Site,
) -> Result<Report, ServiceError> {
    let findings = Findings::read(app, moodle, policy, site).await?;
    let mut report = Report {
        pupils: findings.pupils,
        left: findings.left.len() as u64,
        newly_left: findings.newly_left(),
        ..Report::default()
    };
    if findings.is_implausible(policy) {
        report.held = true;
        observe::leavers_held(&report);
        return Ok(report);
    }
    turn::pupils(app, actor, policy, &findings, &mut report).await?;
    turn::login_rows(app, actor, policy, &mut report).await?;
    Ok(report)
}
