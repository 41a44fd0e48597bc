//! Desired rows − actual rows = plan.
//!
//! A desired row has a cause (a link, or the fact that an adult has links); an actual row is a `role_assignments` row of
//! Moodle. Only rows that are ours are ever removed; foreign rows are neither touched nor a reason to skip ours. The plan
//! is data: it can be printed, digested, compared and applied; applying it and planning again gives an empty plan.
//! What does not live here: why each row is planned ([`crate::reason`]), and rows with their people ([`crate::plan_row`]).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::{
    ids::{ContextId, MoodleUserId, RoleId},
    plan_row::{PlanRow, Write},
    reason::Reason,
    submission::hex,
};

/// Where a role is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// The user context of a pupil (`contextlevel` 30). It may not exist yet.
    Pupil(MoodleUserId),
    /// A context by its id (system or category).
    Context(ContextId),
}

/// A role row that should be in Moodle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct DesiredRole {
    /// The adult's Moodle account.
    pub user: MoodleUserId,
    /// Where.
    pub place: Place,
    /// Which role.
    pub role: RoleId,
    /// `itemid`: the link that causes it; 0 for a static context.
    pub item: i64,
}

/// A role row that is in Moodle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct ActualRole {
    /// `role_assignments.id`.
    pub id: i64,
    /// `userid`.
    pub user: MoodleUserId,
    /// `contextid`.
    pub context: ContextId,
    /// `roleid`.
    pub role: RoleId,
    /// `itemid`.
    pub item: i64,
    /// Whether we wrote it: by component, or by ledger where the component is empty.
    pub ours: bool,
}

/// A pupil's user context as it stands in Moodle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct UserContext {
    /// `context.id`.
    pub id: ContextId,
    /// Whether path and depth are set; Moodle refuses every capability in a context without them.
    pub complete: bool,
}

/// A role row to insert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Addition {
    /// The row.
    #[serde(flatten)]
    pub row: DesiredRole,
    /// Its context, unless that must be made first.
    pub context: Option<ContextId>,
    /// Why.
    pub reason: Reason,
}

/// A role row of ours to delete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Removal {
    /// The row.
    #[serde(flatten)]
    pub row: ActualRole,
    /// Why.
    pub reason: Reason,
}

impl Addition {
    /// The row as it is kept and shown.
    #[must_use]
    pub fn row(&self) -> PlanRow {
        let Self { row, context, reason } = *self;
        let pupil = match row.place {
            Place::Pupil(pupil) => Some(pupil),
            Place::Context(_) => None,
        };
        let role = Some(row.role);
        PlanRow { pupil, context, role, item: row.item, ..PlanRow::new(Write::Add, reason, row.user) }
    }
}

impl Removal {
    /// The row as it is kept and shown.
    #[must_use]
    pub fn row(&self) -> PlanRow {
        let Self { row, reason } = *self;
        let (context, role, id) = (Some(row.context), Some(row.role), Some(row.id));
        PlanRow { context, role, item: row.item, id, ..PlanRow::new(Write::Remove, reason, row.user) }
    }
}

fn context_row(write: Write, pupil: MoodleUserId) -> PlanRow {
    PlanRow { pupil: Some(pupil), ..PlanRow::new(write, Reason::LinkApproved, pupil) }
}

/// What one batch of a cycle would write.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// User contexts to create (pupils without one).
    pub new_contexts: BTreeSet<MoodleUserId>,
    /// User contexts whose path and depth are to be set.
    pub mended_contexts: BTreeSet<MoodleUserId>,
    /// Rows to insert.
    pub additions: BTreeSet<Addition>,
    /// Rows to delete.
    pub removals: BTreeSet<Removal>,
}

impl Plan {
    /// Compares what should be with what is.
    ///
    /// `contexts` holds the user contexts, as far as they exist, of every pupil that `desired` names. `why_removed` says why
    /// a row goes that nothing wants; one that is wanted and there twice is a surplus copy.
    #[must_use]
    pub fn compare(
        desired: &BTreeSet<DesiredRole>,
        actual: &[ActualRole],
        contexts: &HashMap<MoodleUserId, UserContext>,
        why_removed: impl Fn(&ActualRole) -> Reason,
    ) -> Self {
        let mut plan = Self::default();
        let mut wanted = BTreeSet::new();
        // One of our rows may satisfy one desired row; a second copy of it is surplus.
        let mut ours: BTreeMap<(MoodleUserId, ContextId, RoleId, i64), Vec<ActualRole>> = BTreeMap::new();
        for row in actual.iter().filter(|row| row.ours) {
            ours.entry((row.user, row.context, row.role, row.item)).or_default().push(*row);
        }
        for row in desired {
            let context = match row.place {
                Place::Context(context) => Some(context),
                Place::Pupil(pupil) => {
                    let known = contexts.get(&pupil);
                    if known.is_none() {
                        plan.new_contexts.insert(pupil);
                    } else if known.is_some_and(|context| !context.complete) {
                        plan.mended_contexts.insert(pupil);
                    }
                    known.map(|context| context.id)
                }
            };
            wanted.extend(context.map(|context| (row.user, context, row.role, row.item)));
            let kept = context.and_then(|context| {
                let rows = ours.get_mut(&(row.user, context, row.role, row.item))?;
                // The oldest stays: its id is the one in the ledger.
                rows.sort_unstable_by_key(|row| std::cmp::Reverse(row.id));
                rows.pop()
            });
            if kept.is_none() {
                plan.additions.insert(Addition { row: *row, context, reason: Reason::LinkApproved });
            }
        }
        for (key, rows) in ours {
            let reason = |row| if wanted.contains(&key) { Reason::SurplusCopy } else { why_removed(row) };
            plan.removals.extend(rows.iter().map(|row| Removal { row: *row, reason: reason(row) }));
        }
        plan
    }

    /// Whether there is nothing to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.new_contexts.is_empty()
            && self.mended_contexts.is_empty()
            && self.additions.is_empty()
            && self.removals.is_empty()
    }

    /// Adds another batch's rows to this one.
    pub fn extend(&mut self, other: Self) {
        self.new_contexts.extend(other.new_contexts);
        self.mended_contexts.extend(other.mended_contexts);
        self.additions.extend(other.additions);
        self.removals.extend(other.removals);
    }

    /// The users whose open sessions must be told: those who gain or lose a row.
    #[must_use]
    pub fn dirty_users(&self) -> BTreeSet<MoodleUserId> {
        let gained = self.additions.iter().map(|addition| addition.row.user);
        gained.chain(self.removals.iter().map(|removal| removal.row.user)).collect()
    }

    /// Each row on its own, in a fixed order. Whose it is is left out: the plan does not know.
    pub fn rows(&self) -> impl Iterator<Item = PlanRow> + '_ {
        let made = self.new_contexts.iter().map(|pupil| context_row(Write::MakeContext, *pupil));
        let mended = self.mended_contexts.iter().map(|pupil| context_row(Write::MendContext, *pupil));
        let roles = self.additions.iter().map(Addition::row).chain(self.removals.iter().map(Removal::row));
        made.chain(mended).chain(roles)
    }

    /// Leaves only the rows that `stays` wants.
    pub fn retain(&mut self, stays: impl Fn(&PlanRow) -> bool) {
        self.new_contexts.retain(|pupil| stays(&context_row(Write::MakeContext, *pupil)));
        self.mended_contexts.retain(|pupil| stays(&context_row(Write::MendContext, *pupil)));
        self.additions.retain(|addition| stays(&addition.row()));
        self.removals.retain(|removal| stays(&removal.row()));
    }

    /// One line for each row: what a person reads and what the digest covers.
    pub fn lines(&self) -> impl Iterator<Item = String> + '_ {
        self.rows().map(|row| row.line())
    }
}

/// The digest of a plan, made batch by batch without keeping the rows. It does not depend on how rows were batched or
/// ordered: it is the sum, modulo 2¹²⁸, of each line's hash, together with the number of lines.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Digest {
    sum: u128,
    lines: u64,
}

impl Digest {
    /// Takes in one batch.
    pub fn add(&mut self, plan: &Plan) {
        for line in plan.lines() {
            self.add_line(&line);
        }
    }

    /// Takes in one line.
    pub fn add_line(&mut self, line: &str) {
        let hash = Sha256::digest(line);
        let mut first = [0_u8; 16];
        first.copy_from_slice(&hash[..16]);
        self.sum = self.sum.wrapping_add(u128::from_be_bytes(first));
        self.lines += 1;
    }
}

impl std::fmt::Display for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let all = Sha256::digest([&self.sum.to_be_bytes()[..], &self.lines.to_be_bytes()[..]].concat());
        f.write_str(&hex(&all)[..24])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ROLE: RoleId = RoleId(9);

    fn why(_: &ActualRole) -> Reason {
        Reason::LinkEnded
    }

    fn want(user: i64, pupil: i64, item: i64) -> DesiredRole {
        DesiredRole { user: MoodleUserId(user), place: Place::Pupil(MoodleUserId(pupil)), role: ROLE, item }
    }

    fn have(id: i64, user: i64, pupil: i64, item: i64, ours: bool) -> ActualRole {
        ActualRole { id, user: MoodleUserId(user), context: ContextId(100 + pupil), role: ROLE, item, ours }
    }

    fn contexts(pupils: impl IntoIterator<Item = i64>) -> HashMap<MoodleUserId, UserContext> {
        pupils.into_iter().map(|p| (MoodleUserId(p), UserContext { id: ContextId(100 + p), complete: true })).collect()
    }

    /// Moodle after the plan: what `apply` must bring about.
    fn apply(plan: &Plan, actual: &[ActualRole], contexts: &mut HashMap<MoodleUserId, UserContext>) -> Vec<ActualRole> {
        for pupil in plan.new_contexts.iter().chain(&plan.mended_contexts) {
            contexts.insert(*pupil, UserContext { id: ContextId(100 + pupil.0), complete: true });
        }
        let gone: BTreeSet<i64> = plan.removals.iter().map(|removal| removal.row.id).collect();
        let mut rows: Vec<ActualRole> = actual.iter().filter(|row| !gone.contains(&row.id)).copied().collect();
        for (Addition { row, context, .. }, id) in plan.additions.iter().zip(10_000..) {
            let context = context.unwrap_or_else(|| match row.place {
                Place::Pupil(pupil) => contexts[&pupil].id,
                Place::Context(context) => context,
            });
            rows.push(ActualRole { id, user: row.user, context, role: row.role, item: row.item, ours: true });
        }
        rows
    }

    #[test]
    fn foreign_rows_are_neither_removed_nor_a_reason_to_skip_ours() {
        let foreign = have(1, 3, 9, 0, false);
        let plan = Plan::compare(&BTreeSet::from([want(3, 9, 7)]), &[foreign], &contexts([9]), why);
        assert_eq!(plan.additions.len(), 1);
        assert!(plan.removals.is_empty());
    }

    #[test]
    fn a_missing_context_is_made_and_a_broken_one_mended() {
        let mut known = contexts([9]);
        known.get_mut(&MoodleUserId(9)).unwrap().complete = false;
        let plan = Plan::compare(&BTreeSet::from([want(3, 9, 7), want(3, 10, 8)]), &[], &known, why);
        assert_eq!(plan.mended_contexts, BTreeSet::from([MoodleUserId(9)]));
        assert_eq!(plan.new_contexts, BTreeSet::from([MoodleUserId(10)]));
        insta::assert_snapshot!(plan.lines().collect::<Vec<_>>().join("\n"), @r"
        add context user=10
        mend context user=9
        add role=9 user=3 pupil=9 item=7
        add role=9 user=3 pupil=10 item=8
        ");
    }

    #[test]
    fn surplus_copies_of_ours_go_and_the_oldest_stays() {
        let plan = Plan::compare(
            &BTreeSet::from([want(3, 9, 7)]),
            &[have(5, 3, 9, 7, true), have(4, 3, 9, 7, true)],
            &contexts([9]),
            why,
        );
        assert!(plan.additions.is_empty());
        assert_eq!(plan.removals.iter().map(|r| (r.row.id, r.reason)).collect::<Vec<_>>(), [(5, Reason::SurplusCopy)]);
    }

    #[test]
    fn a_row_that_nothing_wants_goes_for_the_reason_that_is_given() {
        let plan = Plan::compare(&BTreeSet::new(), &[have(5, 3, 9, 7, true)], &contexts([9]), |_| Reason::Stray);
        assert_eq!(plan.removals.iter().map(|r| (r.row.id, r.reason)).collect::<Vec<_>>(), [(5, Reason::Stray)]);
    }

    prop_compose! {
        fn world()(
            desired in prop::collection::btree_set((1_i64..5, 1_i64..5, 1_i64..4), 0..10),
            actual in prop::collection::vec((1_i64..5, 1_i64..5, 0_i64..4, any::<bool>()), 0..14),
            with_context in prop::collection::btree_set(1_i64..5, 0..5),
        ) -> (BTreeSet<DesiredRole>, Vec<ActualRole>, HashMap<MoodleUserId, UserContext>) {
            let desired = desired.into_iter().map(|(u, p, i)| want(u, p, i)).collect();
            let actual: Vec<_> = actual.into_iter().zip(1..)
                .filter(|((_, pupil, _, _), _)| with_context.contains(pupil))
                .map(|((u, p, i, ours), id)| have(id, u, p, i, ours)).collect();
            (desired, actual, contexts(with_context))
        }
    }

    proptest! {
        #[test]
        fn applying_a_plan_leaves_nothing_to_do_and_foreign_rows_as_they_were((desired, actual, mut contexts) in world()) {
            let plan = Plan::compare(&desired, &actual, &contexts, why);
            let after = apply(&plan, &actual, &mut contexts);
            prop_assert!(Plan::compare(&desired, &after, &contexts, why).is_empty());
            let foreign = |rows: &[ActualRole]| rows.iter().filter(|row| !row.ours).copied().collect::<Vec<_>>();
            prop_assert_eq!(foreign(&actual), foreign(&after));
        }

        #[test]
        fn what_is_left_of_a_plan_is_what_was_wanted((desired, actual, contexts) in world(), wanted in any::<u64>()) {
            let whole = Plan::compare(&desired, &actual, &contexts, why);
            let lines: Vec<String> = whole.lines().collect();
            let wanted: Vec<&String> =
                lines.iter().zip(0_u32..).filter(|(_, place)| wanted >> (place % 64) & 1 == 1).map(|(line, _)| line).collect();
            let mut some = whole.clone();
            some.retain(|row| wanted.contains(&&row.line()));
            prop_assert_eq!(some.lines().collect::<Vec<_>>(), wanted.into_iter().cloned().collect::<Vec<_>>());
        }

        #[test]
        fn a_digest_does_not_depend_on_batches((desired, actual, contexts) in world()) {
            let whole = Plan::compare(&desired, &actual, &contexts, why);
            let mut once = Digest::default();
            once.add(&whole);
            let mut pieces = Digest::default();
            let mut lines: Vec<String> = whole.lines().collect();
            lines.reverse();
            for line in &lines { pieces.add_line(line); }
            prop_assert_eq!(once.to_string(), pieces.to_string());
            if !lines.is_empty() {
                prop_assert_ne!(once.to_string(), Digest::default().to_string());
            }
        }
    }
}
