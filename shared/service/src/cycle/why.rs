//! Why a role row of ours goes: what the store and Moodle know of the link, the adult and the pupil behind it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use kinlink_domain::{
    desired::Terms,
    ids::{AdultId, ContextId, LinkId, MoodleUserId},
    outcome::Outcome,
    plan::{ActualRole, UserContext},
    reason::Reason,
};
use kinlink_store::links::Link;

/// What tells why.
pub(super) struct Why<'a> {
    links: &'a [Link],
    by_number: HashMap<LinkId, &'a Link>,
    outcomes: &'a BTreeMap<LinkId, Outcome>,
    pupils: HashMap<ContextId, MoodleUserId>,
    /// Each adult's account as it is today.
    accounts: &'a HashMap<AdultId, MoodleUserId>,
    /// Whose rows stand in an account.
    adults: HashMap<MoodleUserId, BTreeSet<AdultId>>,
    /// Where a hold forbids rows.
    stopped: &'a BTreeSet<(MoodleUserId, ContextId)>,
    terms: &'a Terms,
}

impl<'a> Why<'a> {
    pub(super) fn new(
        links: &'a [Link],
        outcomes: &'a BTreeMap<LinkId, Outcome>,
        contexts: &HashMap<MoodleUserId, UserContext>,
        accounts: &'a HashMap<AdultId, MoodleUserId>,
        accounts_of: &HashMap<AdultId, Vec<MoodleUserId>>,
        stopped: &'a BTreeSet<(MoodleUserId, ContextId)>,
        terms: &'a Terms,
    ) -> Self {
        let mut adults: HashMap<MoodleUserId, BTreeSet<AdultId>> = HashMap::new();
        for (adult, users) in accounts_of {
            for user in users {
                adults.entry(*user).or_default().insert(*adult);
            }
        }
        Self {
            links,
            by_number: links.iter().map(|link| (link.id, link)).collect(),
            outcomes,
            pupils: contexts.iter().map(|(pupil, context)| (context.id, *pupil)).collect(),
            accounts,
            adults,
            stopped,
            terms,
        }
    }

    /// The link that a row belongs to. Without numbers in the rows it is that of the pair.
    pub(super) fn link_of(&self, row: &ActualRole) -> Option<&'a Link> {
        if self.terms.item_is_link && row.item != 0 {
            return self.by_number.get(&LinkId(row.item)).copied();
        }
        let pupil = self.pupils.get(&row.context)?;
        let adults = self.adults.get(&row.user)?;
        let own = self.links.iter().filter(|link| link.pupil == *pupil && adults.contains(&link.adult));
        own.max_by_key(|link| link.active)
    }

    /// The adult whose row it is.
    pub(super) fn adult_of(&self, row: &ActualRole) -> Option<AdultId> {
        let any = || self.adults.get(&row.user)?.first().copied();
        self.link_of(row).map(|link| link.adult).or_else(any)
    }

    /// The pupil in whose context the row is.
    pub(super) fn pupil_of(&self, row: &ActualRole) -> Option<MoodleUserId> {
        self.pupils.get(&row.context).copied()
    }

    /// Why a row goes that nothing wants.
    pub(super) fn removed(&self, row: &ActualRole) -> Reason {
        if self.stopped.contains(&(row.user, row.context)) {
            return Reason::Referred;
        }
        if let Some(link) = self.link_of(row) {
            return self.of_link(link, row.user);
        }
        // Beside a link, in a static context: it goes with the last link, or because the settings ask for it no more.
        let Some(adults) = self.adults.get(&row.user) else { return Reason::Stray };
        let own = self.links.iter().filter(|link| adults.contains(&link.adult));
        let last = own.max_by_key(|link| (self.gives_rows(link), link.active, link.ended_at));
        last.map_or(Reason::Stray, |link| {
            let reason = self.of_link(link, row.user);
            if reason == Reason::Changed { Reason::NotConfigured } else { reason }
        })
    }

    fn of_link(&self, link: &Link, user: MoodleUserId) -> Reason {
        if !link.active {
            return Reason::of_end(link.end_reason.as_deref());
        }
        if self.gives_rows(link) && self.accounts.get(&link.adult) != Some(&user) {
            return Reason::AccountChanged;
        }
        self.outcomes.get(&link.id).map_or(Reason::Stray, |outcome| Reason::of_outcome(*outcome))
    }

    fn gives_rows(&self, link: &Link) -> bool {
        matches!(self.outcomes.get(&link.id), Some(Outcome::Linked | Outcome::AccountSuspended))
    }
}
