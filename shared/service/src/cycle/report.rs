//! What comes out of a cycle: counts and codes, no names.

use std::collections::BTreeMap;

use kinlink_domain::{
    finding::Class,
    ids::{CycleId, LinkId, PlanId},
    outcome::Outcome,
    reason::Source,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Mode;

/// How a run ended.
#[derive(Debug, Clone)]
pub enum Ran {
    /// Another one is running; nothing was done, and nothing needs to be.
    Busy,
    /// It ran.
    Done(Box<Report>),
}

/// A step of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = CycleStep)]
pub enum Step {
    /// Those who have jobs.
    Jobs,
    /// Comparing everybody.
    Compare,
    /// Putting right who differs.
    Apply,
}

impl Step {
    /// The steps of a run of this mode ([`Mode::code`]), in their order.
    #[must_use]
    pub fn of_mode(code: &str) -> &'static [Self] {
        match code {
            "reconcile" => &[Self::Jobs, Self::Compare, Self::Apply],
            "apply" => &[Self::Compare, Self::Apply],
            _ => &[Self::Jobs],
        }
    }
}

/// How far a run has come that goes on, or had come when it was stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = CycleReached)]
pub struct Reached {
    /// The step.
    pub step: Step,
    /// Adults or jobs of this step that were looked at.
    pub done: u64,
    /// How many there are, if that is known.
    #[schema(required)]
    pub total: Option<u64>,
}

/// What a run did.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = CycleReport)]
#[expect(clippy::struct_excessive_bools, reason = "each says one thing that happened or not")]
pub struct Report {
    /// The cycle.
    pub cycle: CycleId,
    /// `cycle`, `reconcile` or `apply`.
    pub mode: &'static str,
    /// Jobs that were looked at.
    pub jobs: u64,
    /// Adults that were looked at.
    pub adults: u64,
    /// How many links came to what.
    pub outcomes: BTreeMap<&'static str, u64>,
    /// Role rows inserted.
    pub added: u64,
    /// How many of them were put back: somebody had taken them away.
    pub put_back: u64,
    /// Role rows that are left alone from now on, because they were put back again and again.
    pub contested: u64,
    /// Role rows deleted.
    pub removed: u64,
    /// Role rows of the earlier plugin that became ours.
    pub adopted: u64,
    /// Adopted role rows that became the earlier plugin's again.
    pub given_back: u64,
    /// Role rows whose removal the brake holds.
    pub held: u64,
    /// How many of them of which source of removals.
    pub held_by: BTreeMap<Source, u64>,
    /// The plan of what is held: a person can look at it and apply it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_plan: Option<PlanId>,
    /// Whether the plan to be applied had been applied before: then nothing was written.
    pub already_applied: bool,
    /// User contexts made or mended.
    pub contexts: u64,
    /// Requests that became provisioned.
    pub provisioned: u64,
    /// Whether the brake is engaged.
    pub brake: bool,
    /// Whether the synchronisation of accounts was told to run.
    pub sync_hurried: bool,
    /// Messages that could not be read.
    pub unreadable: u64,
    /// Whether the queue could not be read.
    #[serde(skip)]
    pub queue_failed: bool,
    /// Whether time ran out; the next cycle goes on.
    pub unfinished: bool,
    /// The digest of the plan, after a full comparison.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan_digest: Option<String>,
    /// What a full comparison found, by class.
    pub classes: BTreeMap<Class, u64>,
    /// Rows in Moodle that link somebody to a user in our role and are not ours; they are never touched.
    pub foreign: u64,
    /// Statements sent to Moodle's database.
    pub moodle_statements: u64,
    /// What staff should look at.
    pub warnings: Vec<String>,
    /// How far it has come; none when it ended well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reached: Option<Reached>,
}

impl Report {
    pub(super) fn new(cycle: CycleId, mode: &Mode) -> Self {
        Self {
            cycle,
            mode: mode.code(),
            jobs: 0,
            adults: 0,
            outcomes: BTreeMap::new(),
            added: 0,
            put_back: 0,
            contested: 0,
            removed: 0,
            adopted: 0,
            given_back: 0,
            held: 0,
            contexts: 0,
            provisioned: 0,
            brake: false,
            held_by: BTreeMap::new(),
            held_plan: None,
            already_applied: false,
            sync_hurried: false,
            unreadable: 0,
            queue_failed: false,
            unfinished: false,
            plan_digest: None,
            classes: BTreeMap::new(),
            foreign: 0,
            moodle_statements: 0,
            warnings: Vec::new(),
            reached: None,
        }
    }

    pub(super) fn warn(&mut self, warning: String) {
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }

    /// Warns of rows that are not ours and that undo what a hold is for. Whom it concerns stands in what is referred.
    pub(super) fn beside_holds(&mut self, rows: u64) {
        if rows > 0 {
            self.warn(format!(
                "{rows} role rows that are not ours let somebody see a pupil whose link is referred to safeguarding; Kinlink \
                 touches no rows of others, so remove them in Moodle"
            ));
        }
    }

    pub(super) fn count(&mut self, outcomes: &BTreeMap<LinkId, Outcome>) {
        for outcome in outcomes.values() {
            *self.outcomes.entry(outcome.code()).or_default() += 1;
        }
    }

    /// How many links came to this outcome.
    #[must_use]
    pub fn outcome(&self, outcome: Outcome) -> u64 {
        self.outcomes.get(outcome.code()).copied().unwrap_or_default()
    }
}
