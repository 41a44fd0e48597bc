//! The model: what was answered, by plain bookkeeping; and what the databases hold, by plain SQL. No rule of the product is
//! called here.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use kinlink_db::{Int, Session as _};

use crate::{
    acts::{Act, Answer, Decision, Deed},
    later::Wish,
    people,
    stage::{End, Struck},
    world::World,
};
use kinlink_domain::request::Action;

/// A role row as Moodle has it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, sqlx::FromRow)]
pub struct Row {
    /// `id`.
    pub id: i64,
    /// `roleid`.
    pub roleid: i64,
    /// `contextid`.
    pub contextid: i64,
    /// `userid`.
    pub userid: i64,
    /// `component`.
    pub component: String,
    /// `itemid`.
    pub itemid: i64,
    /// `timemodified`.
    pub timemodified: i64,
    /// `modifierid`.
    pub modifierid: i64,
    /// `contextlevel` of its context.
    pub level: Option<i64>,
    /// `instanceid` of its context.
    pub instance: Option<i64>,
}

impl Row {
    /// What makes it the same row but for its id: (user, context, role, item).
    #[must_use]
    pub const fn key(&self) -> (i64, i64, i64, i64) {
        (self.userid, self.contextid, self.roleid, self.itemid)
    }
}

/// A user as Moodle has them.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct User {
    /// `id`.
    pub id: i64,
    /// `username`.
    pub username: String,
    /// `auth`.
    pub auth: String,
    /// `deleted`.
    pub deleted: Int,
    /// `suspended`.
    pub suspended: Int,
    /// `idnumber`.
    pub idnumber: String,
    /// `firstname`.
    pub firstname: String,
    /// `lastname`.
    pub lastname: String,
    /// `department`.
    pub department: String,
    /// `email`.
    pub email: String,
}

/// A request as the store has it.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Request {
    /// `id`.
    pub id: String,
    /// `reference`.
    pub reference: String,
    /// `kind`.
    pub kind: String,
    /// `status`.
    pub status: String,
    /// `adult_id`.
    pub adult_id: Option<String>,
    /// `submitted`.
    pub submitted: String,
}

/// A claim as the store has it.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Claim {
    /// `id`.
    pub id: String,
    /// `request_id`.
    pub request_id: String,
    /// `given_name`.
    pub given_name: String,
    /// `family_name`.
    pub family_name: String,
    /// `tutor_group`.
    pub tutor_group: Option<String>,
    /// `admission_number`.
    pub admission_number: Option<String>,
}

/// A decision as the store has it.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Decided {
    /// `request_id`.
    pub request_id: String,
    /// `claim_id`.
    pub claim_id: Option<String>,
    /// `actor`.
    pub actor: String,
    /// `action`.
    pub action: String,
    /// `pupil_id`.
    pub pupil_id: Option<i64>,
}

/// An entry of the audit.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Audited {
    /// `seq`.
    pub seq: i64,
    /// `actor`.
    pub actor: String,
    /// `action`.
    pub action: String,
    /// `subject`.
    pub subject: String,
}

/// What both databases hold.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// Role rows by id.
    pub rows: Vec<Row>,
    /// Flags for open sessions: user, stamp, value, expiry.
    pub flags: Vec<(String, i64, String, i64)>,
    /// Other flags.
    pub other_flags: Vec<(String, String, i64)>,
    /// Users by id.
    pub users: BTreeMap<i64, User>,
    /// User contexts: user, context, path, depth.
    pub contexts: BTreeMap<i64, (i64, Option<String>, i64)>,
    /// Open sessions: name and user.
    pub sessions: BTreeMap<String, i64>,
    /// Links: id to adult and pupil.
    pub links: BTreeMap<i64, (String, i64)>,
    /// Adults: user name and picked account.
    pub adults: BTreeMap<String, (Option<String>, Option<i64>)>,
    /// The ledger's rows that are not removed: (user, context, role, item).
    pub ledger: BTreeSet<(i64, i64, i64, i64)>,
    /// Requests by id.
    pub requests: BTreeMap<String, Request>,
    /// Claims by id.
    pub claims: BTreeMap<String, Claim>,
    /// Decisions.
    pub decisions: Vec<Decided>,
    /// The audit, by number.
    pub audit: Vec<Audited>,
    /// Login rows: user name and adult.
    pub login_rows: Vec<(String, String)>,
    /// Addresses in login rows, by adult.
    pub login_emails: BTreeMap<String, String>,
    /// Rows that are left alone, by the contest's id: (user, context, role, item).
    pub contests: BTreeMap<String, Key>,
    /// Plans by id.
    pub plans: BTreeMap<String, KeptPlan>,
    /// Changes of addresses by id: adult and new address.
    pub email_changes: BTreeMap<String, (String, String)>,
    /// How many cycles are recorded as failed.
    pub failed_cycles: i64,
    /// The link of each result `linked` of the newest cycle that ended well.
    pub said_linked: Vec<i64>,
    /// Holds that are not released: adult, pupil, who placed it.
    pub holds: Vec<(Option<String>, Option<i64>, String)>,
    /// Addresses of adults.
    pub emails: BTreeMap<String, String>,
    /// Every address that an adult ever had.
    pub addresses: BTreeMap<String, BTreeSet<String>>,
}

/// What makes a role row the same but for its id: (user, context, role, item).
pub type Key = (i64, i64, i64, i64);

/// A plan as the store has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeptPlan {
    /// Whether the brake holds it.
    pub braked: bool,
    /// The role rows that it adds; of those whose context is still to be made, the context is 0.
    pub adds: Vec<Key>,
    /// Those that it removes.
    pub removes: Vec<Key>,
}

impl KeptPlan {
    /// Reads a part of its rows, as they are kept.
    fn take(&mut self, content: &str) -> Result<()> {
        let rows: Vec<serde_json::Value> = serde_json::from_str(content)?;
        for row in rows {
            let number = |name: &str| row[name].as_i64().unwrap_or_default();
            let key = (number("user"), number("context"), number("role"), number("item"));
            match row["write"].as_str() {
                Some("add") => self.adds.push(key),
                Some("remove") => self.removes.push(key),
                _ => {}
            }
        }
        Ok(())
    }
}

/// What may have changed since the databases were read: reading everything after every step takes longer than the steps.
pub enum Touched {
    /// Everything: something was done that came to no point.
    Everything,
    /// What these statements name. Nothing in the databases changes by itself: they have neither triggers nor cascades.
    By(Vec<String>),
}

impl Touched {
    fn any_of(&self, names: &[&str]) -> bool {
        match self {
            Self::Everything => true,
            Self::By(statements) => {
                statements.iter().any(|statement| names.iter().any(|name| statement.contains(name)))
            }
        }
    }
}

/// Whether a hold stops a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// No.
    No,
    /// Perhaps: the hold names somebody with the same address or account, who may be the same person.
    Perhaps,
    /// Yes.
    Yes,
}

const OURS: &str = "local_kinlink";
/// A day in milliseconds.
pub const DAY: i64 = 24 * 3_600_000;

impl Seen {
    /// Reads both databases.
    ///
    /// # Errors
    /// The databases.
    pub async fn read(world: &World) -> Result<Self> {
        let mut seen = Self::default();
        seen.read_moodle(world).await?;
        seen.read_store(world, &Touched::Everything).await?;
        Ok(seen)
    }

    async fn read_moodle(&mut self, world: &World) -> Result<()> {
        let mut moodle = world.moodle.acquire().await?;
        let rows = moodle
            .fetch_all(
                "SELECT ra.id, ra.roleid, ra.contextid, ra.userid, ra.component, ra.itemid, ra.timemodified, ra.modifierid, \
                 c.contextlevel AS level, c.instanceid AS instance FROM mdl_role_assignments ra LEFT JOIN mdl_context c ON \
                 c.id = ra.contextid ORDER BY ra.id",
                [],
            )
            .await?;
        let all: Vec<(String, String, i64, String, i64)> = moodle
            .fetch_all("SELECT flagtype, name, timemodified, value, expiry FROM mdl_cache_flags ORDER BY id", [])
            .await?;
        let (flags, other_flags): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|(kind, ..)| kind == "accesslib/dirtyusers");
        let users: Vec<User> = moodle
            .fetch_all(
                "SELECT id, username, auth, deleted, suspended, idnumber, firstname, lastname, department, email \
                 FROM mdl_user",
                [],
            )
            .await?;
        let contexts: Vec<(i64, i64, Option<String>, Int)> =
            moodle.fetch_all("SELECT instanceid, id, path, depth FROM mdl_context WHERE contextlevel = 30", []).await?;
        let sessions: Vec<(String, i64)> = moodle.fetch_all("SELECT sid, userid FROM mdl_sessions", []).await?;
        self.rows = rows;
        self.flags = flags.into_iter().map(|(_, name, stamp, value, expiry)| (name, stamp, value, expiry)).collect();
        self.other_flags = other_flags.into_iter().map(|(kind, name, stamp, ..)| (kind, name, stamp)).collect();
        self.users = users.into_iter().map(|user| (user.id, user)).collect();
        self.contexts = contexts.into_iter().map(|(user, id, path, depth)| (user, (id, path, depth.0))).collect();
        self.sessions = sessions.into_iter().collect();
        Ok(())
    }

    /// Reads again what was touched since.
    ///
    /// # Errors
    /// The databases.
    pub async fn read_again(&mut self, world: &World, touched: &Touched) -> Result<()> {
        if touched.any_of(&["mdl_"]) {
            self.read_moodle(world).await?;
        }
        self.read_store(world, touched).await
    }

    async fn read_store(&mut self, world: &World, touched: &Touched) -> Result<()> {
        let mut store = world.store.acquire().await?;
        if touched.any_of(&["links"]) {
            let links: Vec<(i64, String, i64)> =
                store.fetch_all("SELECT id, adult_id, pupil_id FROM links", []).await?;
            self.links = links.into_iter().map(|(id, adult, pupil)| (id, (adult, pupil))).collect();
        }
        if touched.any_of(&["adults"]) {
            let adults: Vec<(String, Option<String>, Option<i64>, String)> =
                store.fetch_all("SELECT id, username, picked_user_id, email FROM adults", []).await?;
            self.emails = adults.iter().map(|(id, _, _, email)| (id.clone(), email.clone())).collect();
            for (id, _, _, email) in &adults {
                self.addresses.entry(id.clone()).or_default().insert(email.to_lowercase());
            }
            self.adults = adults.into_iter().map(|(id, name, picked, _)| (id, (name, picked))).collect();
        }
        if touched.any_of(&["email_changes"]) {
            let sql = "SELECT id, adult_id, email FROM email_changes";
            let changes: Vec<(String, String, String)> = store.fetch_all(sql, []).await?;
            self.email_changes = changes.into_iter().map(|(id, adult, email)| (id, (adult, email))).collect();
        }
        if touched.any_of(&["contests"]) {
            let sql = "SELECT id, user_id, context_id, role_id, item_id FROM contests";
            let contests: Vec<(String, i64, i64, i64, i64)> = store.fetch_all(sql, []).await?;
            self.contests =
                contests.into_iter().map(|(id, user, context, role, item)| (id, (user, context, role, item))).collect();
        }
        if touched.any_of(&["plans", "plan_rows"]) {
            let plans: Vec<(String, Int)> = store.fetch_all("SELECT id, braked FROM plans", []).await?;
            let parts: Vec<(String, String)> = store.fetch_all("SELECT plan_id, content FROM plan_rows", []).await?;
            self.plans = plans
                .into_iter()
                .map(|(id, braked)| (id, KeptPlan { braked: braked.is_set(), ..KeptPlan::default() }))
                .collect();
            for (plan, content) in parts {
                if let Some(plan) = self.plans.get_mut(&plan) {
                    plan.take(&content)?;
                }
            }
        }
        if touched.any_of(&["holds"]) {
            let sql = "SELECT adult_id, pupil_id, placed_by FROM holds WHERE released_at IS NULL";
            self.holds = store.fetch_all(sql, []).await?;
        }
        if touched.any_of(&["ledger"]) {
            let sql = "SELECT user_id, context_id, role_id, item_id FROM ledger WHERE state <> 'removed'";
            let ledger: Vec<(i64, i64, i64, i64)> = store.fetch_all(sql, []).await?;
            self.ledger = ledger.into_iter().collect();
        }
        if touched.any_of(&["requests"]) {
            let sql = "SELECT id, reference, kind, status, adult_id, submitted FROM requests";
            let requests: Vec<Request> = store.fetch_all(sql, []).await?;
            self.requests = requests.into_iter().map(|request| (request.id.clone(), request)).collect();
        }
        if touched.any_of(&["claims"]) {
            let sql = "SELECT id, request_id, given_name, family_name, tutor_group, admission_number FROM claims";
            let claims: Vec<Claim> = store.fetch_all(sql, []).await?;
            self.claims = claims.into_iter().map(|claim| (claim.id.clone(), claim)).collect();
        }
        if touched.any_of(&["decisions"]) {
            let sql = "SELECT request_id, claim_id, actor, action, pupil_id FROM decisions ORDER BY id";
            self.decisions = store.fetch_all(sql, []).await?;
        }
        if touched.any_of(&["audit"]) {
            self.audit = store.fetch_all("SELECT seq, actor, action, subject FROM audit ORDER BY seq", []).await?;
        }
        if touched.any_of(&["login_rows"]) {
            let sql = "SELECT username, adult_id, email FROM login_rows ORDER BY username";
            let rows: Vec<(String, String, String)> = store.fetch_all(sql, []).await?;
            self.login_emails = rows.iter().map(|(_, adult, email)| (adult.clone(), email.clone())).collect();
            self.login_rows = rows.into_iter().map(|(name, adult, _)| (name, adult)).collect();
        }
        if touched.any_of(&["cycles", "cycle_results"]) {
            let failed: Option<(i64,)> =
                store.fetch_optional("SELECT COUNT(*) FROM cycles WHERE state = 'failed'", []).await?;
            let said_linked: Vec<(i64,)> = store
                .fetch_all(
                    "SELECT link_id FROM cycle_results WHERE outcome = 'linked' AND cycle_id = (SELECT id FROM cycles \
                     WHERE state = 'done' ORDER BY created_at DESC, id DESC LIMIT 1)",
                    [],
                )
                .await?;
            self.failed_cycles = failed.map_or(0, |(count,)| count);
            self.said_linked = said_linked.into_iter().map(|(link,)| link).collect();
        }
        Ok(())
    }

    /// Whether a hold stops a pair, by the plainest rule: the hold names this adult (or nobody) and this pupil (or nobody).
    #[must_use]
    pub fn stopped(&self, adult: &str, pupil: i64) -> Stopped {
        let mut stopped = Stopped::No;
        for (held, from, _) in &self.holds {
            if from.is_some_and(|from| from != pupil) {
                continue;
            }
            match held {
                Some(held) if held != adult => {
                    let (theirs, own) = (self.addresses.get(held), self.addresses.get(adult));
                    let same = theirs.zip(own).is_some_and(|(theirs, own)| !theirs.is_disjoint(own));
                    if same && stopped == Stopped::No {
                        stopped = Stopped::Perhaps;
                    }
                }
                _ => stopped = Stopped::Yes,
            }
        }
        stopped
    }

    /// Our rows.
    pub fn ours(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| row.component == OURS)
    }

    /// The others.
    pub fn foreign(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| row.component != OURS)
    }

    /// The account of an adult, as Moodle would sign them in.
    #[must_use]
    pub fn account(&self, adult: &str) -> Option<&User> {
        match self.adults.get(adult)? {
            (_, Some(picked)) => self.users.get(picked).filter(|user| !user.deleted.is_set()),
            (Some(name), None) => self.users.values().find(|user| user.username == *name && user.auth == "db"),
            (None, None) => None,
        }
    }

    /// The pupils whom this claim names without doubt.
    fn meant(&self, claim: &Claim) -> BTreeSet<i64> {
        let pupils: BTreeSet<i64> = people::pupils().iter().map(|pupil| pupil.user_id).collect();
        let number = claim.admission_number.as_deref().unwrap_or_default();
        self.users
            .values()
            .filter(|user| pupils.contains(&user.id) && !user.deleted.is_set())
            .filter(|user| {
                if number.is_empty() {
                    user.firstname == claim.given_name
                        && user.lastname == claim.family_name
                        && Some(&user.department) == claim.tutor_group.as_ref()
                } else {
                    user.idnumber == number
                }
            })
            .map(|user| user.id)
            .collect()
    }
}

/// What somebody who clicked was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// That it is done.
    Done,
    /// That it cannot be done, and nothing went wrong on the way.
    Refused,
    /// Nothing that tells whether it was done.
    Unknown,
}

/// A click of staff.
#[derive(Debug, Clone)]
pub struct Click {
    /// What was clicked.
    pub deed: Deed,
    /// What they were told.
    pub told: Told,
    /// Whether the audit showed its effect before.
    seen: bool,
}

/// A pupil who was seen gone.
#[derive(Debug, Clone, Copy, Default)]
pub struct Gone {
    /// When first.
    pub first: i64,
    /// Since when without a break; none for one who is back.
    pub since: Option<i64>,
    /// Whether Moodle deleted them.
    pub deleted: bool,
}

/// What was promised by answers, and what the world did to Moodle.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "facts of a history that have nothing to do with each other")]
pub struct Model {
    /// Clicks by the name of who clicked.
    pub clicks: BTreeMap<String, Click>,
    /// References that were given, with how many answers gave them.
    pub references: BTreeSet<String>,
    /// Idempotency keys: the reference and when.
    pub keys: BTreeMap<String, (String, i64)>,
    /// Keys that were answered with two references.
    pub broken_keys: Vec<String>,
    /// Pairs that somebody approved once.
    pub approved_ever: BTreeSet<(String, i64)>,
    /// Pairs that are in force, each with the claim that it hangs on.
    pub in_force: BTreeMap<(String, i64), String>,
    /// Approvals of a pupil whom nobody picked and the claim does not name.
    pub unfounded: Vec<(String, i64)>,
    /// When each adult lost the last pupil: the number of the step.
    pub lost: BTreeMap<String, usize>,
    /// Every account that an adult ever had.
    pub accounts: BTreeMap<String, BTreeSet<i64>>,
    /// Rows with our component that somebody else put there, by id.
    pub forged: BTreeSet<i64>,
    /// Adults whom a hold named once, or whose pupil one did: their sessions may have ended.
    pub held_ever: BTreeSet<String>,
    /// Sessions: when they began.
    pub sessions: BTreeMap<String, usize>,
    /// Whom each claim ever named.
    meant: BTreeMap<String, BTreeSet<i64>>,
    /// The texts of requests as they came.
    pub submitted: BTreeMap<String, String>,
    /// Whether the auth table ever held a row.
    pub had_login_rows: bool,
    /// Pairs that ended because the pupil left, each with its claim.
    pub left: BTreeMap<(String, i64), String>,
    /// Adults whose last pair ended so, and when last.
    pub left_behind: BTreeMap<String, i64>,
    /// Pupils who were seen gone: when first, and since when they are.
    pub gone: BTreeMap<i64, Gone>,
    /// Pairs that ended as if the pupil had left, though they had not or not for long enough.
    pub ended_early: Vec<(String, i64)>,
    /// Links that were given back though they had not ended because a pupil left.
    pub given_back: Vec<String>,
    /// Adults who are erased, each with the requests that were theirs then.
    pub erased: BTreeMap<String, BTreeSet<String>>,
    /// Requests that are erased.
    pub erased_requests: BTreeSet<String>,
    /// To which adult each request ever belonged.
    pub adult_of: BTreeMap<String, String>,
    /// The reference of each request.
    pub reference_of: BTreeMap<String, String>,
    /// Since when each request stands as it stands.
    pub standing: BTreeMap<String, (String, i64)>,
    /// Requests of which what came with them went when it was time, and their status changed with that.
    pub forgotten: BTreeSet<String>,
    /// Who asked for or applied each plan.
    pub heads: BTreeMap<String, BTreeSet<String>>,
    /// Plans that somebody's word let be applied in the last step.
    pub admitted_now: BTreeSet<String>,
    /// Adults whose data is to be erased and is not yet.
    pub to_erase: BTreeSet<String>,
    /// Whether a person let a row be put back that is left alone.
    pub released: bool,
    /// Changes of addresses that staff were told are taken back.
    pub withdrawn_changes: BTreeSet<String>,
    /// When each row of ours that was there before came back.
    pub put_back: BTreeMap<Key, Vec<i64>>,
    /// How many steps were struck: what a run had written then may be unknown to the next one.
    pub strikes: usize,
    /// Accounts of which somebody took rows away by hand.
    pub by_hand: BTreeSet<i64>,
    /// Rows of ours that were there before and are not.
    taken: BTreeSet<Key>,
    /// Whether data is forgotten early.
    pub forgets: bool,
    /// Up to which number the audit is accounted for.
    reached: i64,
    /// Whether somebody meddled with Moodle.
    pub meddled: bool,
}

/// A step as it went: each act with its deed, what came back and what was struck.
pub type Played = (Act, Option<Deed>, Option<End<Answer>>, Struck);

impl Model {
    /// Takes in a step.
    pub fn learn(&mut self, step: usize, world: &World, played: &[Played], seen: &Seen) {
        let now = world.now();
        self.forgets = world.setting.forgets;
        self.look_for_leavers(world, seen);
        self.admitted_now.clear();
        self.strikes +=
            played.iter().filter(|(_, _, end, struck)| struck.any() || matches!(end, Some(End::Died))).count();
        for (_, deed, end, struck) in played {
            let Some(deed) = deed else { continue };
            let told = match end {
                Some(End::Answered(Answer::Done | Answer::Taken(_))) => Told::Done,
                Some(End::Answered(Answer::Refused(_))) if !struck.any() => Told::Refused,
                _ => Told::Unknown,
            };
            match deed {
                Deed::Decide { actor, .. } | Deed::Revoke { actor, .. } | Deed::Hold { actor, .. } => {
                    self.clicks.insert(actor.clone(), Click { deed: deed.clone(), told, seen: false });
                }
                Deed::Later { wish, actor } => {
                    if let Wish::WithdrawEmail(adult) = wish
                        && told == Told::Done
                    {
                        let adult = adult.to_string();
                        let own = seen.email_changes.iter().filter(|(_, (of, email))| {
                            *of == adult && seen.emails.get(&adult).is_some_and(|now| now != email)
                        });
                        self.withdrawn_changes.extend(own.map(|(id, _)| id.clone()));
                    }
                    if let Wish::ApplyKept(plan, person) = wish {
                        self.heads.entry(plan.to_string()).or_default().insert(format!("head:{person}"));
                    }
                    self.released |= matches!(wish, Wish::ReleaseContest(_));
                    self.clicks.insert(actor.clone(), Click { deed: deed.clone(), told, seen: false });
                }
                Deed::Submit { key, .. } => {
                    if let Some(End::Answered(Answer::Taken(reference))) = end {
                        self.references.insert(reference.clone());
                        if let Some(key) = key {
                            self.remember(key, reference, now);
                        }
                    }
                }
                _ => {}
            }
        }
        for claim in seen.claims.values() {
            self.meant.entry(claim.id.clone()).or_default().extend(seen.meant(claim));
        }
        let reached = self.reached;
        for entry in seen.audit.iter().filter(|entry| entry.seq > reached) {
            self.account_for(step, world, entry, seen);
        }
        self.reached = seen.audit.last().map_or(self.reached, |entry| entry.seq.max(self.reached));
        for adult in seen.adults.keys() {
            let account = seen.account(adult).map(|user| user.id);
            self.accounts.entry(adult.clone()).or_default().extend(account);
        }
        for request in seen.requests.values() {
            self.reference_of.entry(request.id.clone()).or_insert_with(|| request.reference.clone());
            if let Some(adult) = &request.adult_id {
                self.adult_of.insert(request.id.clone(), adult.clone());
            }
            let standing = self.standing.entry(request.id.clone()).or_insert_with(|| (request.status.clone(), now));
            let submitted = self.submitted.entry(request.id.clone()).or_insert_with(|| request.submitted.clone());
            if standing.0 != request.status {
                if is_over(standing, now, self.forgets) && *submitted != request.submitted {
                    self.forgotten.insert(request.id.clone());
                }
                *standing = (request.status.clone(), now);
            }
        }
        let held = self.approved_ever.iter().filter(|(adult, pupil)| seen.stopped(adult, *pupil) != Stopped::No);
        self.held_ever.extend(held.map(|(adult, _)| adult.clone()));
        self.had_login_rows |= !seen.login_rows.is_empty();
    }

    /// Keys are remembered for seven days.
    fn remember(&mut self, key: &str, reference: &str, now: i64) {
        let (first, _) = self.keys.get(key).cloned().unwrap_or_else(|| (reference.to_owned(), now));
        // With a request that is erased goes its key.
        let gone = self.reference_of.iter().find(|(_, of)| **of == first).map(|(request, _)| request.clone());
        let erased = gone.is_some_and(|request| self.may_be_gone(&request, now));
        let (first, since) = self.keys.entry(key.to_owned()).or_insert_with(|| (reference.to_owned(), now));
        let kept = now - *since < 7 * DAY && !erased;
        if first != reference && kept {
            self.broken_keys.push(key.to_owned());
        }
        if !kept {
            reference.clone_into(first);
            *since = now;
        }
    }

    /// What an entry of the audit says happened to the pairs in force.
    fn account_for(&mut self, step: usize, world: &World, entry: &Audited, seen: &Seen) {
        let before: BTreeSet<String> = self.in_force.keys().map(|(adult, _)| adult.clone()).collect();
        self.account_for_system(world, entry, seen);
        self.account_for_click(entry, seen);
        for adult in before {
            if !self.in_force.keys().any(|(of, _)| *of == adult) {
                self.lost.insert(adult, step);
            }
        }
    }

    /// What happens by itself: links of pupils who left end, erasures come to their end.
    fn account_for_system(&mut self, world: &World, entry: &Audited, seen: &Seen) {
        let Some((_, id)) = entry.subject.split_once(':') else { return };
        match entry.action.as_str() {
            "link.end" if !self.clicks.contains_key(&entry.actor) => {
                let Some(pair) = id.parse().ok().and_then(|link: i64| seen.links.get(&link)).cloned() else { return };
                let (grace, _) = world.setting.grace.unwrap_or((3_650, 0));
                // Days are days of a calendar: one less may have passed.
                let earliest = |gone: &Gone| {
                    let days = if gone.deleted { grace.min(1) } else { grace };
                    gone.first + i64::from(days.saturating_sub(1)) * DAY
                };
                if self.gone.get(&pair.1).is_none_or(|gone| world.now() < earliest(gone)) {
                    self.ended_early.push(pair.clone());
                }
                let Some(claim) = self.in_force.remove(&pair) else { return };
                if !self.in_force.keys().any(|(adult, _)| *adult == pair.0) {
                    self.left_behind.insert(pair.0.clone(), world.now());
                }
                self.left.insert(pair, claim);
            }
            "adult.erase" => {
                let own = self.adult_of.iter().filter(|(_, adult)| *adult == id).map(|(request, _)| request.clone());
                self.erased.insert(id.to_owned(), own.collect());
                self.to_erase.remove(id);
                self.left.retain(|(adult, _), _| adult != id);
            }
            "request.erase" => {
                self.erased_requests.insert(id.to_owned());
            }
            "adult.ask_erasure" => {
                self.to_erase.insert(id.to_owned());
            }
            "adult.drop_erasure" => {
                self.to_erase.remove(id);
            }
            "plan.ask" | "plan.admit" => {
                if entry.action == "plan.admit" {
                    self.admitted_now.insert(id.to_owned());
                }
                self.heads.entry(id.to_owned()).or_default().insert(entry.actor.clone());
            }
            _ => {}
        }
    }

    fn account_for_click(&mut self, entry: &Audited, seen: &Seen) {
        let Some(click) = self.clicks.get_mut(&entry.actor) else { return };
        match (&click.deed, entry.action.as_str()) {
            (Deed::Decide { request, decision: Decision::Approve(approval), actor, .. }, "request.approve")
                if !click.seen =>
            {
                click.seen = true;
                let (request, actor) = (request.to_string(), actor.clone());
                let adult = seen.requests.get(&request).and_then(|row| row.adult_id.clone());
                let leaves = seen.requests.get(&request).is_some_and(|row| row.kind == "leave");
                let Some(adult) = adult else { return };
                if leaves {
                    self.in_force.retain(|(of, _), _| *of != adult);
                }
                for made in seen.decisions.iter().filter(|made| made.actor == actor && made.action == "approve") {
                    let (Some(claim), Some(pupil)) = (&made.claim_id, made.pupil_id) else { continue };
                    let by_hand = approval.claims.iter().any(|choice| {
                        choice.claim.to_string() == *claim
                            && matches!(choice.pick, kinlink_service::approve::Pick::Pupil(picked) if picked.0 == pupil)
                    });
                    let named = self.meant.get(claim).is_some_and(|meant| meant.contains(&pupil));
                    if !by_hand && !named {
                        self.unfounded.push((claim.clone(), pupil));
                    }
                    self.approved_ever.insert((adult.clone(), pupil));
                    self.in_force.insert((adult.clone(), pupil), claim.clone());
                }
            }
            (Deed::Decide { request, decision: Decision::End(action), .. }, said)
                if said == format!("request.{action}") =>
            {
                click.seen = true;
                let request = request.to_string();
                let other = |claim: &String| seen.claims.get(claim).is_none_or(|row| row.request_id != request);
                self.in_force.retain(|_, claim| other(claim));
                self.left.retain(|_, claim| other(claim));
            }
            (Deed::Decide { decision: Decision::Withdraw(claim), .. }, "request.withdraw_child") => {
                click.seen = true;
                let withdrawn = claim.to_string();
                self.in_force.retain(|_, claim| *claim != withdrawn);
                self.left.retain(|_, claim| *claim != withdrawn);
            }
            (Deed::Revoke { .. }, "login_row.revoke") => {
                click.seen = true;
                let adult = entry.subject.trim_start_matches("adult:").to_owned();
                self.in_force.retain(|(of, _), _| *of != adult);
            }
            (Deed::Later { wish: Wish::Restore(link), .. }, "link.restore") => {
                let Some(pair) = seen.links.get(&link.0) else { return };
                match self.left.remove(pair) {
                    Some(claim) => {
                        self.in_force.insert(pair.clone(), claim);
                    }
                    None => self.given_back.push(format!("{} and {}", pair.0, pair.1)),
                }
            }
            (Deed::Later { wish: Wish::Erase(adult, _), .. }, "adult.ask_erasure") => {
                let adult = adult.to_string();
                self.in_force.retain(|(of, _), _| *of != adult);
                self.left.retain(|(of, _), _| *of != adult);
            }
            _ => {}
        }
        let in_force = &self.in_force;
        self.left.retain(|pair, _| !in_force.contains_key(pair));
    }

    /// Who is gone, by plain SQL: deleted, suspended, or marked where the school marks them.
    fn look_for_leavers(&mut self, world: &World, seen: &Seen) {
        for pupil in people::pupils() {
            let user = seen.users.get(&pupil.user_id);
            if user.is_none_or(|user| world.is_gone(user)) {
                let gone = self.gone.entry(pupil.user_id).or_insert(Gone { first: world.now(), ..Gone::default() });
                gone.since.get_or_insert(world.now());
                gone.deleted |= user.is_none_or(|user| user.deleted.is_set());
            } else if let Some(gone) = self.gone.get_mut(&pupil.user_id) {
                gone.since = None;
            }
        }
    }

    /// Counts how often rows come back that somebody took away.
    pub fn count_put_backs(&mut self, now: i64, before: &Seen, after: &Seen) {
        let old: BTreeSet<Key> = before.ours().map(Row::key).collect();
        let new: BTreeSet<Key> = after.ours().map(Row::key).collect();
        for key in new.difference(&old).filter(|key| self.taken.contains(*key)) {
            self.put_back.entry(*key).or_default().push(now);
        }
        self.taken.retain(|key| !new.contains(key));
    }

    /// Takes in that somebody took rows away by hand.
    fn note_taken(&mut self, before: &Seen, after: &Seen) {
        let new: BTreeSet<Key> = after.ours().map(Row::key).collect();
        let gone = before.ours().map(Row::key).filter(|key| !new.contains(key));
        self.by_hand.extend(gone.map(|(user, ..)| user));
        self.taken.extend(before.ours().map(Row::key).filter(|key| !new.contains(key)));
    }

    /// Whether a request need not be there any more, or not as it came: it is erased, was its adult's who is, or it has
    /// stood as it stands for longer than data is kept.
    #[must_use]
    pub fn may_be_gone(&self, request: &str, now: i64) -> bool {
        let theirs = |adult: &String| self.erased.contains_key(adult);
        let old = self.standing.get(request).is_some_and(|standing| is_over(standing, now, self.forgets));
        old || self.forgotten.contains(request)
            || self.erased_requests.contains(request)
            || self.adult_of.get(request).is_some_and(theirs)
            || self.is_of_erased(request)
    }

    /// Whether a request nobody accepted bears the address of an adult who is erased.
    fn is_of_erased(&self, request: &str) -> bool {
        let Some(submitted) = self.submitted.get(request) else { return false };
        let submitted = submitted.to_lowercase();
        self.erased_addresses().any(|address| submitted.contains(&address))
    }

    /// Every address that somebody had who is erased.
    pub fn erased_addresses(&self) -> impl Iterator<Item = String> + '_ {
        let own = self.erased.values().flatten();
        own.filter_map(|request| self.submitted.get(request)).flat_map(|text| {
            let text = text.to_lowercase();
            let known = people::ADULTS.iter().map(|adult| adult.email.to_lowercase());
            known.filter(move |address| text.contains(address.as_str())).collect::<Vec<_>>()
        })
    }

    /// Takes in what the world did to Moodle between two steps: rows with our component that it made or moved.
    pub fn learn_of_meddling(&mut self, before: &Seen, after: &Seen) {
        self.meddled = true;
        self.note_taken(before, after);
        for row in after.ours() {
            if !before.rows.contains(row) {
                self.forged.insert(row.id);
            }
        }
    }

    /// The main decisions that a click must have left, by its action's code; `None` for a click that leaves none.
    #[must_use]
    pub fn action_of(deed: &Deed) -> Option<(&str, Action)> {
        let Deed::Decide { decision, actor, .. } = deed else { return None };
        let action = match decision {
            Decision::Approve(_) => Action::Approve,
            Decision::End(action) => *action,
            Decision::Withdraw(_) => Action::WithdrawChild,
            Decision::Reopen => Action::Reopen,
            Decision::Correct(_) => Action::Correct,
            Decision::Ask => Action::Ask,
        };
        Some((actor, action))
    }
}

/// Whether a request has stood as it stands for longer than data is kept.
fn is_over((status, since): &(String, i64), now: i64, forgets: bool) -> bool {
    // What waits for a decision has no time that could be over.
    let waits = matches!(status.as_str(), "pending" | "waiting_for_parent");
    // The shortest times: of what a school may set, and of what is set by itself.
    let kept = if forgets { DAY } else { 7 * DAY };
    !waits && now - since >= kept
}
