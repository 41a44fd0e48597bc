//! Which role rows of the earlier plugin become ours, and which of them become what they were again.
//!
//! The earlier plugin wrote rows without component and item. Ours stand beside them, so that a parent whose link ended keeps
//! access by the plugin's row. An adopted row is ours like any other: it goes when its link ends. Adopted is only what says
//! the same as a row that should be in Moodle; given back is only what still should be there, so that undoing an adoption
//! never gives access back. What does not live here: which rows should be there ([`crate::desired`]).

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    ids::{AdultId, ContextId, MoodleUserId, RoleId},
    plan::ActualRole,
    plan_row::{PlanRow, Scope, Write},
    reason::Reason,
    request::coded,
};

coded! {
    /// Which way.
    Direction {
        /// Rows of the earlier plugin become ours.
        Adopt = "adopt",
        /// Adopted rows become the earlier plugin's again.
        GiveBack = "give_back",
    }
}

impl Direction {
    /// The scope of its plans.
    #[must_use]
    pub const fn scope(self) -> Scope {
        match self {
            Self::Adopt => Scope::Adoption,
            Self::GiveBack => Scope::GivingBack,
        }
    }

    /// The direction of a plan, if it is one of an adoption.
    #[must_use]
    pub const fn of(scope: Scope) -> Option<Self> {
        match scope {
            Scope::Adoption => Some(Self::Adopt),
            Scope::GivingBack => Some(Self::GiveBack),
            Scope::Everything | Scope::HeldRemovals => None,
        }
    }
}

/// A row that should be in a pupil's user context, which exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// Whose link causes it.
    pub adult: AdultId,
    /// The pupil.
    pub pupil: MoodleUserId,
    /// The adult's account.
    pub user: MoodleUserId,
    /// The pupil's user context.
    pub context: ContextId,
    /// The role of links.
    pub role: RoleId,
    /// `itemid` of a row of ours: the link, or 0 where the ledger alone tells what is ours.
    pub item: i64,
}

/// What is changed of one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    /// Adopted, given back, or removed because it is a copy of what is adopted.
    pub write: Write,
    /// The row as it is.
    pub row: ActualRole,
    /// `itemid` of the row while it is ours.
    pub item: i64,
    /// Whose link it is.
    pub adult: AdultId,
    /// The pupil.
    pub pupil: MoodleUserId,
}

impl Change {
    const fn new(write: Write, row: ActualRole, wanted: &Wanted) -> Self {
        Self { write, row, item: wanted.item, adult: wanted.adult, pupil: wanted.pupil }
    }

    /// The row as it is kept and shown.
    #[must_use]
    pub fn row(&self) -> PlanRow {
        let Self { write, row, item, adult, pupil } = *self;
        let reason = match write {
            Write::Adopt => Reason::Adopted,
            Write::GiveBack => Reason::GivenBack,
            _ => Reason::SurplusCopy,
        };
        PlanRow {
            adult: Some(adult),
            pupil: Some(pupil),
            context: Some(row.context),
            role: Some(row.role),
            item,
            id: Some(row.id),
            ..PlanRow::new(write, reason, row.user)
        }
    }
}

/// A row that was adopted, as it was noted then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Adopted {
    /// `role_assignments.id`.
    pub id: i64,
    /// `userid`.
    pub user: MoodleUserId,
    /// `contextid`.
    pub context: ContextId,
    /// `roleid`.
    pub role: RoleId,
    /// `itemid` that it got.
    pub item: i64,
}

fn place(row: &ActualRole) -> (MoodleUserId, ContextId, RoleId) {
    (row.user, row.context, row.role)
}

fn by_place(wanted: &[Wanted]) -> BTreeMap<(MoodleUserId, ContextId, RoleId), &Wanted> {
    wanted.iter().map(|wanted| ((wanted.user, wanted.context, wanted.role), wanted)).collect()
}

/// The rows to adopt: nobody's, without item, and the same as a row that should be there. A copy of ours beside one goes, so
/// that one row stays.
#[must_use]
pub fn adopt(wanted: &[Wanted], rows: &[ActualRole]) -> Vec<Change> {
    let wanted = by_place(wanted);
    let nobodys = rows.iter().filter(|row| !row.ours && row.item == 0);
    let mut changes: Vec<Change> =
        nobodys.filter_map(|row| Some(Change::new(Write::Adopt, *row, wanted.get(&place(row))?))).collect();
    let adopted: BTreeSet<_> = changes.iter().map(|change| place(&change.row)).collect();
    let ours = rows.iter().filter(|row| row.ours && adopted.contains(&place(row)));
    let copies = ours.filter_map(|row| {
        let wanted = wanted.get(&place(row)).filter(|wanted| wanted.item == row.item)?;
        Some(Change::new(Write::Remove, *row, wanted))
    });
    changes.extend(copies);
    changes
}

/// What giving back comes to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GivingBack {
    /// The rows to give back.
    pub changes: Vec<Change>,
    /// Rows that are nobody's already: a process gave them back and died before it could note that.
    pub already: Vec<i64>,
}

/// The adopted rows to give back: those that are still ours and should still be there.
#[must_use]
pub fn give_back(wanted: &[Wanted], rows: &[ActualRole], adopted: &[Adopted]) -> GivingBack {
    let wanted = by_place(wanted);
    let rows: BTreeMap<i64, &ActualRole> = rows.iter().map(|row| (row.id, row)).collect();
    let mut found = GivingBack::default();
    for adopted in adopted {
        let row = rows.get(&adopted.id).filter(|row| place(row) == (adopted.user, adopted.context, adopted.role));
        let Some(row) = row else { continue };
        if row.ours && row.item == adopted.item {
            let wanted = wanted.get(&place(row)).filter(|wanted| wanted.item == row.item);
            found.changes.extend(wanted.map(|wanted| Change::new(Write::GiveBack, **row, wanted)));
        } else if !row.ours && row.item == 0 {
            found.already.push(row.id);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;
    use crate::{
        ids::Id,
        plan::{DesiredRole, Place, Plan, UserContext},
    };

    const ROLE: RoleId = RoleId(9);

    fn want(user: i64, pupil: i64, item: i64) -> Wanted {
        Wanted {
            adult: Id::new(1, &[7; 10]),
            pupil: MoodleUserId(pupil),
            user: MoodleUserId(user),
            context: ContextId(100 + pupil),
            role: ROLE,
            item,
        }
    }

    fn have(id: i64, user: i64, pupil: i64, item: i64, ours: bool) -> ActualRole {
        ActualRole { id, user: MoodleUserId(user), context: ContextId(100 + pupil), role: ROLE, item, ours }
    }

    fn noted(change: &Change) -> Adopted {
        let row = change.row;
        Adopted { id: row.id, user: row.user, context: row.context, role: row.role, item: change.item }
    }

    /// Moodle after some changes: what the adapter must bring about.
    fn after(changes: &[Change], rows: &[ActualRole]) -> Vec<ActualRole> {
        let of = |id: i64| changes.iter().find(|change| change.row.id == id);
        rows.iter()
            .filter_map(|row| match of(row.id) {
                None => Some(*row),
                Some(Change { write: Write::Adopt, item, .. }) => Some(ActualRole { item: *item, ours: true, ..*row }),
                Some(Change { write: Write::GiveBack, .. }) => Some(ActualRole { item: 0, ours: false, ..*row }),
                Some(_) => None,
            })
            .collect()
    }

    fn lines(changes: &[Change]) -> String {
        changes.iter().map(|change| change.row().line()).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn every_direction_has_a_scope_of_its_own() {
        for direction in Direction::ALL {
            assert_eq!(Direction::of(direction.scope()), Some(*direction));
        }
        assert_eq!(Direction::of(Scope::Everything), None);
    }

    #[test]
    fn a_row_like_one_that_should_be_there_is_adopted_and_our_copy_goes() {
        let rows = [have(5, 3, 9, 0, false), have(8, 3, 9, 7, true)];
        insta::assert_snapshot!(lines(&adopt(&[want(3, 9, 7)], &rows)), @r"
        adopt role=9 user=3 context=109 item=7 id=5
        remove role=9 user=3 context=109 item=7 id=8
        ");
    }

    #[test]
    fn nothing_else_is_adopted() {
        for (row, why) in [
            (have(5, 3, 10, 0, false), "another pupil"),
            (have(5, 4, 9, 0, false), "another account"),
            (have(5, 3, 9, 6, false), "it bears an item: somebody else's"),
            (have(5, 3, 9, 0, true), "it is ours already"),
            (ActualRole { role: RoleId(5), ..have(5, 3, 9, 0, false) }, "another role"),
        ] {
            assert_eq!(adopt(&[want(3, 9, 7)], &[row]), [], "{why}");
        }
        assert_eq!(adopt(&[], &[have(5, 3, 9, 0, false)]), [], "no link in force");
        assert_eq!(adopt(&[want(3, 9, 7)], &[have(8, 3, 9, 7, true)]), [], "a row of ours alone is no copy");
    }

    #[test]
    fn where_the_ledger_alone_tells_a_row_is_adopted_without_item() {
        let changes = adopt(&[want(3, 9, 0)], &[have(5, 3, 9, 0, false)]);
        assert_eq!(lines(&changes), "adopt role=9 user=3 context=109 item=0 id=5");
    }

    #[test]
    fn given_back_is_what_is_still_ours_and_still_wanted() {
        let adopted = Adopted { id: 5, user: MoodleUserId(3), context: ContextId(109), role: ROLE, item: 7 };
        let row = have(5, 3, 9, 7, true);
        let found = give_back(&[want(3, 9, 7)], &[row], &[adopted]);
        assert_eq!(
            (lines(&found.changes).as_str(), found.already.len()),
            ("give back role=9 user=3 context=109 item=7 id=5", 0)
        );
        for (wanted, row, why) in [
            (vec![], Some(row), "the link ended, or is held"),
            (vec![want(3, 9, 8)], Some(row), "it is another link by now"),
            (vec![want(3, 9, 7)], None, "the row is gone"),
            (vec![want(3, 9, 7)], Some(have(6, 3, 9, 7, true)), "the row is another one"),
            (vec![want(3, 9, 7)], Some(have(5, 3, 9, 8, true)), "the row bears another link"),
            (vec![want(3, 9, 7)], Some(have(5, 3, 10, 7, true)), "its number was given to another row"),
        ] {
            let rows: Vec<ActualRole> = row.into_iter().collect();
            assert_eq!(give_back(&wanted, &rows, &[adopted]), GivingBack::default(), "{why}");
        }
        let done = give_back(&[], &[have(5, 3, 9, 0, false)], &[adopted]);
        assert_eq!((done.changes.len(), done.already), (0, vec![5]));
    }

    prop_compose! {
        fn world()(
            wanted in prop::collection::btree_map((1_i64..5, 1_i64..5), 1_i64..4, 0..10),
            rows in prop::collection::vec((1_i64..5, 1_i64..5, 0_i64..4, any::<bool>()), 0..16),
        ) -> (Vec<Wanted>, Vec<ActualRole>) {
            let wanted = wanted.into_iter().map(|((user, pupil), item)| want(user, pupil, item)).collect();
            let rows = rows.into_iter().zip(1..).map(|((u, p, i, ours), id)| have(id, u, p, i, ours)).collect();
            (wanted, rows)
        }
    }

    fn plan(wanted: &[Wanted], rows: &[ActualRole]) -> Plan {
        let desired = wanted.iter().map(|wanted| DesiredRole {
            user: wanted.user,
            place: Place::Pupil(wanted.pupil),
            role: wanted.role,
            item: wanted.item,
        });
        let contexts: HashMap<_, _> =
            (1..5).map(|p| (MoodleUserId(p), UserContext { id: ContextId(100 + p), complete: true })).collect();
        Plan::compare(&desired.collect(), rows, &contexts, |_| Reason::LinkEnded)
    }

    proptest! {
        /// A cycle that comes next finds nothing to add and nothing that nothing wants, but for what it had before.
        #[test]
        fn what_is_adopted_is_what_a_cycle_wants((wanted, rows) in world()) {
            let changes = adopt(&wanted, &rows);
            let after = after(&changes, &rows);
            prop_assert!(adopt(&wanted, &after).is_empty(), "a second adoption finds nothing");
            let (before, then) = (plan(&wanted, &rows), plan(&wanted, &after));
            prop_assert!(then.additions.is_subset(&before.additions), "nothing more is missing");
            let ended = |plan: &Plan| plan.removals.iter().filter(|r| r.reason == Reason::LinkEnded).copied().collect::<Vec<_>>();
            prop_assert_eq!(ended(&before), ended(&then), "no adopted row is one that nothing wants");
            for change in &changes {
                prop_assert!(change.write != Write::Remove || change.row.ours, "never a foreign row is removed");
            }
        }

        /// Afterwards Moodle is as it was, but for our copies, which the next cycle writes again.
        #[test]
        fn giving_back_undoes_an_adoption((wanted, rows) in world()) {
            let changes = adopt(&wanted, &rows);
            let adopted: Vec<Adopted> = changes.iter().filter(|c| c.write == Write::Adopt).map(noted).collect();
            let then = after(&changes, &rows);
            let back = give_back(&wanted, &then, &adopted);
            prop_assert!(back.already.is_empty());
            prop_assert_eq!(back.changes.len(), adopted.len());
            let copies: Vec<i64> = changes.iter().filter(|c| c.write == Write::Remove).map(|c| c.row.id).collect();
            let left: Vec<ActualRole> = rows.iter().filter(|row| !copies.contains(&row.id)).copied().collect();
            prop_assert_eq!(after(&back.changes, &then), left);
        }

        /// Whatever ended since stays gone: no row without a cause is given back.
        #[test]
        fn giving_back_gives_no_access_back((wanted, rows) in world(), ended in any::<u16>()) {
            let changes = adopt(&wanted, &rows);
            let adopted: Vec<Adopted> = changes.iter().filter(|c| c.write == Write::Adopt).map(noted).collect();
            let still: Vec<Wanted> =
                wanted.iter().zip(0..16).filter(|(_, bit)| ended >> bit & 1 == 0).map(|(wanted, _)| *wanted).collect();
            for change in give_back(&still, &after(&changes, &rows), &adopted).changes {
                prop_assert!(still.iter().any(|w| (w.user, w.context, w.item) == (change.row.user, change.row.context, change.row.item)));
            }
        }
    }
}
