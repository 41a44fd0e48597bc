//! Holds: legal or safeguarding stops on an adult, a pupil or the pair; when they are in force and whom they cover.
//!
//! Covering is careful on purpose: rather a request too many is looked at by safeguarding than one too few. What a hold does
//! to rows stands in [`crate::desired`]; who may see it is decided in the `service` crate.

use jiff::Timestamp;

use crate::{
    email::EmailAddress,
    ids::{AdultId, HoldId, MoodleUserId},
    request::coded,
};

coded! {
    /// Why somebody is held. The document itself stays where it is; a hold only bears its reference.
    HoldReason {
        /// A court forbids or limits contact.
        CourtOrder = "court_order",
        /// A care order: a local authority decides.
        CareOrder = "care_order",
        /// A concern of the school's safeguarding lead.
        SafeguardingConcern = "safeguarding_concern",
        /// The police asked for it.
        PoliceRequest = "police_request",
        /// It is disputed whether the adult may have access.
        DisputedAuthority = "disputed_authority",
        /// Anything else; the reference says where it is written.
        Other = "other",
    }
}

impl HoldReason {
    /// The words for staff.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::CourtOrder => "Court order",
            Self::CareOrder => "Care order",
            Self::SafeguardingConcern => "Safeguarding concern",
            Self::PoliceRequest => "Police request",
            Self::DisputedAuthority => "Authority disputed",
            Self::Other => "Other",
        }
    }
}

coded! {
    /// Which holds a list shows.
    HoldView {
        /// In force now, whether or not their release was asked for.
        InForce = "in_force",
        /// They begin later.
        Coming = "coming",
        /// A second person has to say whether they are released.
        ReleaseAsked = "release_asked",
        /// Released, or run out.
        Over = "over",
        /// Every one.
        All = "all",
    }
}

/// The longest reference to a document, in characters.
pub const MAX_REFERENCE: usize = 100;

/// What approvers are told of a hold: whom to ask, and nothing else.
pub const REFER: &str = "Refer to safeguarding";
/// The code of a refusal because of a hold.
pub const REFER_CODE: &str = "refer_to_safeguarding";

/// A hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// Its id.
    pub id: HoldId,
    /// The adult, if they are known.
    pub adult: Option<AdultId>,
    /// The address of somebody who need not be known (yet).
    pub email: Option<EmailAddress>,
    /// The pupil. Alone: whoever the adult is. With an adult or an address: only this pair.
    pub pupil: Option<MoodleUserId>,
    /// Why.
    pub reason: HoldReason,
    /// Where the document is: a file number.
    pub reference: String,
    /// From when.
    pub from: Timestamp,
    /// Until when; none for until it is released.
    pub until: Option<Timestamp>,
    /// Who placed it: an actor's name.
    pub placed_by: String,
    /// When it was placed.
    pub placed_at: Timestamp,
    /// Who asked to release it, and when.
    pub release_asked: Option<(String, Timestamp)>,
    /// Who released it, and when.
    pub released: Option<(String, Timestamp)>,
}

impl Hold {
    /// Whether it is in force.
    #[must_use]
    pub fn is_in_force(&self, now: Timestamp) -> bool {
        self.from <= now && !self.is_over(now)
    }

    /// Whether it is released or has run out.
    #[must_use]
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.released.is_some() || self.until.is_some_and(|until| until <= now)
    }

    /// When it next begins or ends by itself, seen from `now`.
    #[must_use]
    pub fn next_turn(&self, now: Timestamp) -> Option<Timestamp> {
        if self.is_over(now) {
            None
        } else if now < self.from {
            Some(self.from)
        } else {
            self.until
        }
    }

    /// The view that it is listed in beside [`HoldView::All`] and [`HoldView::ReleaseAsked`].
    #[must_use]
    pub fn view(&self, now: Timestamp) -> HoldView {
        if self.is_over(now) {
            HoldView::Over
        } else if self.is_in_force(now) {
            HoldView::InForce
        } else {
            HoldView::Coming
        }
    }

    /// Whether its release is asked for and not decided.
    #[must_use]
    pub fn awaits_release(&self, now: Timestamp) -> bool {
        self.release_asked.is_some() && !self.is_over(now)
    }
}

/// What two spellings of one mailbox have in common: case does not matter, nor what stands behind a `+` in the local part.
#[must_use]
pub fn address_key(address: &str) -> String {
    let whole =
        EmailAddress::parse(address).map_or_else(|_| address.trim().to_lowercase(), |address| address.to_string());
    match whole.rsplit_once('@') {
        Some((local, domain)) => {
            // An address that begins with `+` has nothing else to go by.
            let plain = local.split_once('+').map_or(local, |(plain, _)| plain);
            format!("{}@{domain}", if plain.is_empty() { local } else { plain })
        }
        None => whole,
    }
}

/// Somebody who has, or asks for, access.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// The adult, if they were accepted.
    pub adult: Option<AdultId>,
    /// Their addresses, as [`address_key`] gives them.
    pub addresses: Vec<String>,
    /// The user name of their account.
    pub username: Option<String>,
    /// Their Moodle account, as far as it is known.
    pub account: Option<MoodleUserId>,
}

/// A held adult, as they stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldAdult {
    /// Their id.
    pub id: AdultId,
    /// Their address today, those they had, and those they were accepted by, as [`address_key`] gives them.
    pub addresses: Vec<String>,
    /// The user name of their account.
    pub username: Option<String>,
    /// The Moodle account that staff picked for them.
    pub account: Option<MoodleUserId>,
}

/// A hold in force, as far as it decides whom it covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stop {
    /// The hold.
    pub hold: HoldId,
    /// Why.
    pub reason: HoldReason,
    /// The held adult.
    pub adult: Option<HeldAdult>,
    /// The held address, as [`address_key`] gives it.
    pub address: Option<String>,
    /// The adults who are or were known by the held address: as their own, or in a request that was approved for them.
    pub behind: Vec<HeldAdult>,
    /// The held pupil.
    pub pupil: Option<MoodleUserId>,
}

impl Stop {
    fn is_for_everybody(&self) -> bool {
        self.adult.is_none() && self.address.is_none()
    }

    fn covers(&self, who: &Identity) -> bool {
        let adult = |held: &HeldAdult| {
            let same = |one: &Option<String>, other: &Option<String>| one.is_some() && one == other;
            who.adult == Some(held.id)
                // Two adults of one Moodle account are one person to Moodle.
                || same(&held.username, &who.username)
                || (held.account.is_some() && held.account == who.account)
                // Who is not known to be somebody else may be the held adult asking again.
                || (who.adult.is_none() && held.addresses.iter().any(|address| who.addresses.contains(address)))
        };
        self.is_for_everybody()
            || self.adult.iter().chain(&self.behind).any(adult)
            || self.address.as_ref().is_some_and(|held| who.addresses.contains(held))
    }
}

/// The holds in force.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stops(pub Vec<Stop>);

impl Stops {
    /// The holds that forbid this pair.
    #[must_use]
    pub fn of_pair(&self, who: &Identity, pupil: MoodleUserId) -> Vec<HoldId> {
        let forbids = |stop: &&Stop| stop.pupil.is_none_or(|held| held == pupil) && stop.covers(who);
        self.0.iter().filter(forbids).map(|stop| stop.hold).collect()
    }

    /// The holds that forbid this person every pupil.
    #[must_use]
    pub fn of_person(&self, who: &Identity) -> Vec<HoldId> {
        let forbids = |stop: &&Stop| stop.pupil.is_none() && stop.covers(who);
        self.0.iter().filter(forbids).map(|stop| stop.hold).collect()
    }

    /// The holds that forbid everybody this pupil.
    #[must_use]
    pub fn of_pupil(&self, pupil: MoodleUserId) -> Vec<HoldId> {
        let forbids = |stop: &&Stop| stop.pupil == Some(pupil) && stop.is_for_everybody();
        self.0.iter().filter(forbids).map(|stop| stop.hold).collect()
    }

    /// Whether a hold names the person, alone or with a pupil.
    #[must_use]
    pub fn name(&self, who: &Identity) -> bool {
        self.0.iter().any(|stop| !stop.is_for_everybody() && stop.covers(who))
    }

    /// Whether the pair is forbidden.
    #[must_use]
    pub fn forbid(&self, who: &Identity, pupil: MoodleUserId) -> bool {
        !self.of_pair(who, pupil).is_empty()
    }

    /// Whether the person is forbidden every pupil.
    #[must_use]
    pub fn forbid_person(&self, who: &Identity) -> bool {
        !self.of_person(who).is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn adult(number: u64) -> AdultId {
        AdultId::new(number, &[0; 10])
    }

    fn hold(from: i64, until: Option<i64>, released: Option<i64>) -> Hold {
        Hold {
            id: HoldId::new(1, &[0; 10]),
            adult: Some(adult(1)),
            email: None,
            pupil: None,
            reason: HoldReason::CourtOrder,
            reference: "C-1".into(),
            from: at(from),
            until: until.map(at),
            placed_by: "staff:1".into(),
            placed_at: at(0),
            release_asked: None,
            released: released.map(|second| ("staff:2".into(), at(second))),
        }
    }

    #[test]
    fn a_hold_is_in_force_from_its_first_moment_until_just_before_its_last() {
        use HoldView as V;
        for (hold, now, view, next) in [
            (hold(10, None, None), 9, V::Coming, Some(10)),
            (hold(10, None, None), 10, V::InForce, None),
            (hold(10, Some(20), None), 10, V::InForce, Some(20)),
            (hold(10, Some(20), None), 19, V::InForce, Some(20)),
            (hold(10, Some(20), None), 20, V::Over, None),
            (hold(10, Some(20), Some(5)), 9, V::Over, None),
            (hold(10, None, Some(12)), 15, V::Over, None),
        ] {
            assert_eq!((hold.view(at(now)), hold.next_turn(at(now))), (view, next.map(at)), "{hold:?} at {now}");
            assert_eq!(hold.is_in_force(at(now)), view == V::InForce);
        }
    }

    #[test]
    fn spellings_of_one_mailbox_are_one() {
        for (one, other) in [
            ("Mum@Example.org", "mum@example.org"),
            ("mum+school@example.org", "mum@example.org"),
            (" MUM+a+b@EXAMPLE.ORG ", "mum@example.org"),
            ("mum@bücher.example", "mum@xn--bcher-kva.example"),
        ] {
            assert_eq!(address_key(one), address_key(other));
        }
        assert_ne!(address_key("mum@example.org"), address_key("dad@example.org"));
        assert_ne!(address_key("+a@example.org"), address_key("+b@example.org"));
        assert_eq!(address_key("Not an address"), "not an address");
    }

    fn stop(adult: Option<HeldAdult>, address: Option<&str>, pupil: Option<i64>) -> Stops {
        let address = address.map(str::to_owned);
        Stops(vec![Stop {
            hold: HoldId::new(1, &[0; 10]),
            reason: HoldReason::Other,
            adult,
            address,
            behind: Vec::new(),
            pupil: pupil.map(MoodleUserId),
        }])
    }

    fn held() -> HeldAdult {
        HeldAdult {
            id: adult(1),
            addresses: vec!["mum@example.org".into(), "mum-at-work@example.org".into()],
            username: Some("mum@example.org".into()),
            account: Some(MoodleUserId(70)),
        }
    }

    #[test]
    fn whom_a_hold_covers() {
        let known = |number, address: &str| Identity {
            adult: Some(adult(number)),
            addresses: vec![address.to_owned()],
            ..Identity::default()
        };
        let asker = |address: &str| Identity { addresses: vec![address.to_owned()], ..Identity::default() };
        let on_adult = stop(Some(held()), None, None);
        let on_address = stop(None, Some("mum@example.org"), None);
        let mut on_former_address = stop(None, Some("old@example.org"), None);
        on_former_address.0[0].behind.push(held());
        let on_pupil = stop(None, None, Some(9));
        let on_pair = stop(Some(held()), None, Some(9));
        for (stops, who, with_9, with_8, wholly) in [
            (&on_adult, known(1, "new@example.org"), true, true, true),
            (&on_adult, known(2, "mum@example.org"), false, false, false),
            (&on_adult, asker("mum@example.org"), true, true, true),
            (&on_adult, asker("mum-at-work@example.org"), true, true, true),
            (&on_adult, known(2, "mum-at-work@example.org"), false, false, false),
            (&on_adult, asker("dad@example.org"), false, false, false),
            (&on_adult, Identity { account: Some(MoodleUserId(70)), ..known(2, "x@example.org") }, true, true, true),
            (
                &on_adult,
                Identity { username: Some("mum@example.org".into()), ..known(2, "x@example.org") },
                true,
                true,
                true,
            ),
            (&on_address, known(2, "mum@example.org"), true, true, true),
            (&on_address, asker("mum@example.org"), true, true, true),
            (&on_address, asker("dad@example.org"), false, false, false),
            (&on_former_address, known(1, "mum@example.org"), true, true, true),
            (&on_former_address, asker("mum@example.org"), true, true, true),
            (&on_former_address, known(2, "dad@example.org"), false, false, false),
            (&on_pupil, known(2, "dad@example.org"), true, false, false),
            (&on_pupil, asker("dad@example.org"), true, false, false),
            (&on_pair, known(1, "mum@example.org"), true, false, false),
            (&on_pair, known(2, "dad@example.org"), false, false, false),
        ] {
            let (nine, eight) = (MoodleUserId(9), MoodleUserId(8));
            assert_eq!(
                (stops.forbid(&who, nine), stops.forbid(&who, eight), stops.forbid_person(&who)),
                (with_9, with_8, wholly),
                "{stops:?} {who:?}"
            );
        }
        assert_eq!(on_pupil.of_pupil(MoodleUserId(9)).len(), 1);
        assert!(on_pair.of_pupil(MoodleUserId(9)).is_empty(), "the pair is not the pupil");
        assert!(on_pair.name(&known(1, "mum@example.org")) && !on_pair.name(&known(2, "dad@example.org")));
        assert!(!on_pupil.name(&known(1, "mum@example.org")), "the pupil is not the person");
        let nobody = Stops(vec![Stop {
            adult: Some(HeldAdult { username: None, account: None, ..held() }),
            ..on_adult.0[0].clone()
        }]);
        assert!(
            !nobody.forbid_person(&Identity { adult: Some(adult(2)), ..Identity::default() }),
            "no name is no name"
        );
    }

    proptest! {
        /// A hold's states follow each other in one direction, and each turn is announced by the one before.
        #[test]
        fn holds_only_grow_older(from in 0_i64..50, length in prop::option::of(1_i64..50), now in 0_i64..100) {
            let hold = hold(from, length.map(|length| from + length), None);
            let rank = |second| match hold.view(at(second)) { HoldView::Coming => 0, HoldView::InForce => 1, _ => 2 };
            prop_assert!(rank(now) <= rank(now + 1));
            if rank(now) != rank(now + 1) {
                prop_assert_eq!(hold.next_turn(at(now)), Some(at(now + 1)));
            }
        }
    }
}
