//! Which role rows an adult should have, and what is to be said about each of their links: facts in, rows out.
//!
//! The same facts give the same rows, in whatever order they come. This is the one place that decides whether a role row
//! may exist.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    ids::{ContextId, LinkId, MoodleUserId, RoleId},
    outcome::Outcome,
    plan::{DesiredRole, Place},
};

/// How an adult signs in to Moodle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignIn {
    /// Not at all: no login row, no picked account.
    Nothing,
    /// By a login row.
    LoginRow,
    /// By an account of another authentication that staff picked.
    PickedAccount,
}

/// An adult's account as Moodle has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Account {
    /// `user.id`.
    pub id: MoodleUserId,
    /// Whether it signs in by the external database.
    pub auth_db: bool,
    /// Whether it is deleted.
    pub deleted: bool,
    /// Whether it is suspended.
    pub suspended: bool,
}

/// A link as the store has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LinkFact {
    /// The link.
    pub id: LinkId,
    /// Its pupil.
    pub pupil: MoodleUserId,
    /// Whether it is in force.
    pub active: bool,
    /// Whether its role row is in Moodle.
    pub has_row: bool,
    /// Whether a hold forbids it.
    pub held: bool,
}

/// A pupil as Moodle has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PupilFact {
    /// Whether the user is deleted.
    pub deleted: bool,
    /// Whether the user passes the pupil filter.
    pub eligible: bool,
}

/// How Moodle's synchronisation of accounts stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyncTask {
    /// It runs.
    Running,
    /// It is switched off, or Moodle lacks it.
    Disabled,
    /// It failed when it ran last.
    Failing,
}

/// What applies to everybody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// The role in pupils' user contexts.
    pub link_role: RoleId,
    /// The role in static contexts.
    pub static_role: RoleId,
    /// The static contexts.
    pub static_contexts: Vec<ContextId>,
    /// Whether `itemid` names the link; Moodle allows that only with a component.
    pub item_is_link: bool,
}

/// Everything about one adult.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdultFacts {
    /// How they sign in.
    pub sign_in: SignIn,
    /// Their account, if Moodle has it.
    pub account: Option<Account>,
    /// Their links, in force or ended.
    pub links: Vec<LinkFact>,
}

/// What should be, and what is to be said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Desire {
    /// The rows that should be in Moodle.
    pub roles: BTreeSet<DesiredRole>,
    /// For each link, what it comes to once those rows are there.
    pub outcomes: BTreeMap<LinkId, Outcome>,
}

/// Decides an adult's rows.
#[must_use]
pub fn desire(adult: &AdultFacts, pupils: &BTreeMap<MoodleUserId, PupilFact>, sync: SyncTask, terms: &Terms) -> Desire {
    let mut desire = Desire::default();
    for link in &adult.links {
        let outcome = if link.active { judge(adult, link, pupils.get(&link.pupil), sync) } else { Outcome::Ended };
        desire.outcomes.insert(link.id, outcome);
        // A suspended account keeps its rows: it cannot sign in, and the synchronisation revives it.
        if let (Outcome::Linked | Outcome::AccountSuspended, Some(account)) = (outcome, adult.account) {
            let item = if terms.item_is_link { link.id.0 } else { 0 };
            let place = Place::Pupil(link.pupil);
            desire.roles.insert(DesiredRole { user: account.id, place, role: terms.link_role, item });
        }
    }
    if let (Some(account), false) = (adult.account, desire.roles.is_empty()) {
        desire.roles.extend(terms.static_contexts.iter().map(|context| DesiredRole {
            user: account.id,
            place: Place::Context(*context),
            role: terms.static_role,
            item: 0,
        }));
    }
    desire
}

fn judge(adult: &AdultFacts, link: &LinkFact, pupil: Option<&PupilFact>, sync: SyncTask) -> Outcome {
    // Before everything else: whatever speaks for the link, a hold speaks louder.
    if link.held {
        return Outcome::Referred;
    }
    if adult.sign_in == SignIn::Nothing {
        return Outcome::NoLoginRow;
    }
    let Some(account) = adult.account else {
        return match (adult.sign_in, sync) {
            (SignIn::PickedAccount, _) => Outcome::AccountDeleted,
            (_, SyncTask::Running) => Outcome::WaitingForAccount,
            (_, SyncTask::Disabled) => Outcome::SyncTaskDisabled,
            (_, SyncTask::Failing) => Outcome::SyncTaskFailing,
        };
    };
    if account.deleted {
        return Outcome::AccountDeleted;
    }
    if adult.sign_in == SignIn::LoginRow && !account.auth_db {
        return Outcome::AccountOtherAuth;
    }
    match pupil {
        None | Some(PupilFact { deleted: true, .. }) => return Outcome::PupilDeleted,
        // A pupil who left keeps the links they have; nothing new is written for who is no pupil, nor for oneself.
        Some(PupilFact { eligible, .. }) if (!eligible && !link.has_row) || link.pupil == account.id => {
            return Outcome::NotAPupil;
        }
        Some(_) => {}
    }
    if account.suspended { Outcome::AccountSuspended } else { Outcome::Linked }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn terms() -> Terms {
        Terms { link_role: RoleId(9), static_role: RoleId(9), static_contexts: vec![ContextId(1)], item_is_link: true }
    }

    fn account() -> Account {
        Account { id: MoodleUserId(3), auth_db: true, deleted: false, suspended: false }
    }

    fn adult(sign_in: SignIn, account: Option<Account>) -> AdultFacts {
        let links = vec![LinkFact { id: LinkId(7), pupil: MoodleUserId(9), active: true, has_row: false, held: false }];
        AdultFacts { sign_in, account, links }
    }

    fn pupils(deleted: bool, eligible: bool) -> BTreeMap<MoodleUserId, PupilFact> {
        BTreeMap::from([(MoodleUserId(9), PupilFact { deleted, eligible })])
    }

    #[test]
    fn what_each_fact_comes_to() {
        use Outcome as O;
        let good = pupils(false, true);
        let row = SignIn::LoginRow;
        let other = Account { auth_db: false, ..account() };
        for (adult, pupils, sync, outcome, rows) in [
            (adult(row, Some(account())), &good, SyncTask::Running, O::Linked, 2),
            (adult(SignIn::PickedAccount, Some(other)), &good, SyncTask::Running, O::Linked, 2),
            (adult(SignIn::Nothing, Some(account())), &good, SyncTask::Running, O::NoLoginRow, 0),
            (adult(row, None), &good, SyncTask::Running, O::WaitingForAccount, 0),
            (adult(row, None), &good, SyncTask::Disabled, O::SyncTaskDisabled, 0),
            (adult(row, None), &good, SyncTask::Failing, O::SyncTaskFailing, 0),
            (adult(SignIn::PickedAccount, None), &good, SyncTask::Running, O::AccountDeleted, 0),
            (adult(row, Some(other)), &good, SyncTask::Running, O::AccountOtherAuth, 0),
            (adult(row, Some(Account { deleted: true, ..account() })), &good, SyncTask::Running, O::AccountDeleted, 0),
            (
                adult(row, Some(Account { suspended: true, ..account() })),
                &good,
                SyncTask::Running,
                O::AccountSuspended,
                2,
            ),
            (adult(row, Some(account())), &pupils(true, true), SyncTask::Running, O::PupilDeleted, 0),
            (adult(row, Some(account())), &pupils(false, false), SyncTask::Running, O::NotAPupil, 0),
            (adult(row, Some(account())), &BTreeMap::new(), SyncTask::Running, O::PupilDeleted, 0),
        ] {
            let desire = desire(&adult, pupils, sync, &terms());
            assert_eq!((desire.outcomes[&LinkId(7)], desire.roles.len()), (outcome, rows), "{adult:?} {pupils:?}");
        }
    }

    #[test]
    fn a_leaver_keeps_the_row_they_have_and_nobody_is_linked_to_themself() {
        let mut leaver = adult(SignIn::LoginRow, Some(account()));
        leaver.links[0].has_row = true;
        let kept = desire(&leaver, &pupils(false, false), SyncTask::Running, &terms());
        assert_eq!(kept.outcomes[&LinkId(7)], Outcome::Linked);
        let own = Account { id: MoodleUserId(9), ..account() };
        let own = desire(&adult(SignIn::LoginRow, Some(own)), &pupils(false, true), SyncTask::Running, &terms());
        assert_eq!((own.outcomes[&LinkId(7)], own.roles.len()), (Outcome::NotAPupil, 0));
    }

    #[test]
    fn a_held_link_has_no_row_whatever_else_is_known() {
        let mut held = adult(SignIn::LoginRow, Some(account()));
        held.links[0].held = true;
        held.links[0].has_row = true;
        let stopped = desire(&held, &pupils(false, true), SyncTask::Running, &terms());
        assert_eq!((stopped.outcomes[&LinkId(7)], stopped.roles.len()), (Outcome::Referred, 0), "nor a static context");
        held.links.push(LinkFact { id: LinkId(8), pupil: MoodleUserId(9), active: true, has_row: false, held: false });
        let other = desire(&held, &pupils(false, true), SyncTask::Running, &terms());
        assert_eq!((other.outcomes[&LinkId(8)], other.roles.len()), (Outcome::Linked, 2), "another link stays");
        held.links[0].active = false;
        let ended = desire(&held, &pupils(false, true), SyncTask::Running, &terms());
        assert_eq!(ended.outcomes[&LinkId(7)], Outcome::Ended);
    }

    fn any_facts() -> impl Strategy<Value = (AdultFacts, BTreeMap<MoodleUserId, PupilFact>)> {
        let sign_in = prop_oneof![Just(SignIn::Nothing), Just(SignIn::LoginRow), Just(SignIn::PickedAccount)];
        let account = (1_i64..6, any::<[bool; 3]>()).prop_map(|(id, [auth_db, deleted, suspended])| Account {
            id: MoodleUserId(id),
            auth_db,
            deleted,
            suspended,
        });
        let link = (1_i64..20, 1_i64..6, any::<[bool; 3]>()).prop_map(|(id, pupil, [active, has_row, held])| {
            LinkFact { id: LinkId(id), pupil: MoodleUserId(pupil), active, has_row, held }
        });
        let pupils = prop::collection::btree_map(
            (1_i64..6).prop_map(MoodleUserId),
            any::<[bool; 2]>().prop_map(|[deleted, eligible]| PupilFact { deleted, eligible }),
            0..6,
        );
        (sign_in, prop::option::of(account), prop::collection::vec(link, 0..6), pupils)
            .prop_map(|(sign_in, account, links, pupils)| (AdultFacts { sign_in, account, links }, pupils))
    }

    proptest! {
        /// Every row has its cause: a link in force, for a living pupil, of an adult who may sign in. Nobody else gets one.
        #[test]
        fn no_row_without_cause((adult, pupils) in any_facts()) {
            let desire = desire(&adult, &pupils, SyncTask::Running, &terms());
            for row in &desire.roles {
                let account = adult.account.expect("rows only for an account");
                prop_assert!(row.user == account.id && !account.deleted);
                prop_assert!(adult.sign_in != SignIn::Nothing);
                if let Place::Pupil(pupil) = row.place {
                    prop_assert!(adult.links.iter().any(|link| link.active && !link.held && link.pupil == pupil && link.id.0 == row.item));
                    prop_assert!(!pupils[&pupil].deleted && pupil != account.id);
                }
            }
            let gives = desire.roles.iter().any(|row| matches!(row.place, Place::Pupil(_)));
            prop_assert_eq!(gives, !desire.roles.is_empty(), "a static context only beside a link");
        }

        #[test]
        fn the_order_of_links_does_not_matter((adult, pupils) in any_facts()) {
            let mut unique = adult;
            unique.links.sort_unstable();
            unique.links.dedup_by_key(|link| link.id);
            let mut reversed = unique.clone();
            reversed.links.reverse();
            let terms = terms();
            prop_assert_eq!(
                desire(&unique, &pupils, SyncTask::Running, &terms),
                desire(&reversed, &pupils, SyncTask::Running, &terms)
            );
        }
    }
}
