//! The promises: what must hold after every step, and what must hold once faults are over and everything came to rest.
//!
//! Nothing of the product's rules is asked here: what should be in Moodle follows from the clicks that were answered
//! ([`Model`]) and from plain SQL ([`Seen`]).

mod life;

use std::{collections::BTreeMap, fmt};

use anyhow::Result;
use kinlink_db::Session as _;
use kinlink_moodle::demo::school::{CATEGORY_CONTEXT, PARENT_ROLE};
use kinlink_service::mail;
use kinlink_store::{audit, mails};

use crate::{
    acts::{Answer, Deed},
    model::{Model, Played, Row, Seen, Stopped, Told},
    people,
    stage::End,
    world::World,
};

/// What must never happen, each with a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Promise {
    /// No role row of ours for a pair that nobody approved.
    OnlyApproved,
    /// No role row of ours for who is no pupil, or for oneself.
    OnlyPupils,
    /// No approval of a pupil whom nobody picked and the claim does not name.
    NoGuessing,
    /// What was answered with success is there.
    NothingLost,
    /// What was refused changed nothing.
    RefusedIsRefused,
    /// One click, one decision.
    DecidedOnce,
    /// A login row is there exactly as long as a pupil is linked.
    LoginRows,
    /// The auth table never becomes empty.
    NeverEmpty,
    /// Rows come to what was decided, within two cycles.
    Converges,
    /// What was taken away is gone.
    TakenAway,
    /// Open sessions are told of every change.
    SessionsTold,
    /// Open sessions of who lost access end, and no others.
    SessionsEnd,
    /// What is not ours stays as it is, byte by byte.
    ForeignUntouched,
    /// No row twice.
    NoDouble,
    /// The ledger names every row of ours.
    LedgerKnows,
    /// Every decision stands in the audit, and the chain verifies.
    Audited,
    /// No failure is hidden, and nothing is said to be done that is not.
    NothingHidden,
    /// At most one letter for each reason, and none names a child.
    Letters,
    /// No name, address or number in queue, audit and reports.
    NoNames,
    /// What hangs on a pupil who left ends when the grace time is over, never before, and comes back by an act only.
    Leavers,
    /// Of who is erased no name and no address is left.
    Erased,
    /// An address changes only by the button behind the link in the new mailbox, and then everywhere.
    Addresses,
    /// A plan writes what it shows or nothing; what the brake holds takes two persons.
    Plans,
    /// A row over which somebody fights is left alone.
    Contested,
    /// Nobody decides about themselves.
    OthersDecide,
    /// Data goes when its time is over.
    Forgets,
}

impl Promise {
    /// Every promise, in the order of the tables in the documentation.
    pub const ALL: [Self; 26] = [
        Self::OnlyApproved,
        Self::OnlyPupils,
        Self::NoGuessing,
        Self::NothingLost,
        Self::RefusedIsRefused,
        Self::DecidedOnce,
        Self::LoginRows,
        Self::NeverEmpty,
        Self::Converges,
        Self::TakenAway,
        Self::SessionsTold,
        Self::SessionsEnd,
        Self::ForeignUntouched,
        Self::NoDouble,
        Self::LedgerKnows,
        Self::Audited,
        Self::NothingHidden,
        Self::Letters,
        Self::NoNames,
        Self::Leavers,
        Self::Erased,
        Self::Addresses,
        Self::Plans,
        Self::Contested,
        Self::OthersDecide,
        Self::Forgets,
    ];
}

/// A promise that was broken, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// Which.
    pub promise: Promise,
    /// How.
    pub how: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.promise, self.how)
    }
}

/// Collects what is broken.
#[derive(Default)]
pub(crate) struct Findings(Vec<Broken>);

impl Findings {
    pub(crate) fn add(&mut self, promise: Promise, how: impl Into<String>) {
        self.0.push(Broken { promise, how: how.into() });
    }
}

/// What must hold after every step. `alone` says that nobody but our own code was at work in Moodle.
#[must_use]
pub fn after_step(world: &World, model: &Model, before: &Seen, now: &Seen, played: &[Played]) -> Vec<Broken> {
    let mut found = Findings::default();
    let meddled = played.iter().any(|(act, ..)| act.is_of_the_world());
    let cron = played.iter().any(|(_, deed, ..)| matches!(deed, Some(Deed::Cron)));
    rows_are_approved(&mut found, model, now);
    store_keeps(&mut found, world, model, now);
    life::after_step(&mut found, world, model, before, now, played);
    decisions_are_once(&mut found, world, model, now);
    login_rows(&mut found, model, now);
    if !meddled {
        foreign_is_untouched(&mut found, before, now, cron);
        sessions_are_told(&mut found, before, now);
    }
    failures_are_shown(&mut found, before, now, played);
    found.0
}

fn rows_are_approved(found: &mut Findings, model: &Model, now: &Seen) {
    let pupils: Vec<i64> = people::pupils().iter().map(|pupil| pupil.user_id).collect();
    let mut keys: BTreeMap<(i64, i64, i64, i64), usize> = BTreeMap::new();
    for row in now.ours().filter(|row| !model.forged.contains(&row.id)) {
        *keys.entry(row.key()).or_default() += 1;
        if !now.ledger.contains(&row.key()) {
            found.add(Promise::LedgerKnows, format!("row {} is in Moodle and not in the ledger", row.id));
        }
        let owns = |adult: &String| model.accounts.get(adult).is_some_and(|own| own.contains(&row.userid));
        if row.level == Some(30) {
            let pupil = row.instance.unwrap_or_default();
            if !pupils.contains(&pupil) || pupil == row.userid {
                found.add(
                    Promise::OnlyPupils,
                    format!("row {} gives user {} a role over user {pupil}", row.id, row.userid),
                );
            }
            let link = now.links.get(&row.itemid);
            let approved = link.is_some_and(|(adult, of)| {
                *of == pupil && owns(adult) && model.approved_ever.contains(&(adult.clone(), pupil))
            });
            if !approved {
                found.add(
                    Promise::OnlyApproved,
                    format!("row {} links user {} to pupil {pupil}: nobody approved that", row.id, row.userid),
                );
            }
        } else if !model.approved_ever.iter().any(|(adult, _)| owns(adult)) {
            found.add(
                Promise::OnlyApproved,
                format!("row {} gives a role to user {}, nobody's adult", row.id, row.userid),
            );
        }
    }
    for (key, count) in keys.iter().filter(|(_, count)| **count > 1) {
        found.add(Promise::NoDouble, format!("row {key:?} is there {count} times"));
    }
    for (claim, pupil) in &model.unfounded {
        found.add(Promise::NoGuessing, format!("claim {claim} was approved for pupil {pupil}"));
    }
}

fn store_keeps(found: &mut Findings, world: &World, model: &Model, now: &Seen) {
    let may_be_gone = |request: &String| model.may_be_gone(request, world.now());
    for reference in &model.references {
        let bears = |(_, of): &(&String, &String)| *of == reference;
        let allowed = model.reference_of.iter().find(bears).is_some_and(|(request, _)| may_be_gone(request));
        if !allowed && !now.requests.values().any(|request| request.reference == *reference) {
            found.add(Promise::NothingLost, format!("request {reference} was answered with success and is gone"));
        }
    }
    for (id, submitted) in &model.submitted {
        if may_be_gone(id) {
            continue;
        }
        if now.requests.get(id).is_none_or(|request| request.submitted != *submitted) {
            found.add(Promise::NothingLost, format!("what came with request {id} is gone or changed"));
        }
    }
    for key in &model.broken_keys {
        found.add(Promise::DecidedOnce, format!("idempotency key {key} was answered with two requests"));
    }
}

fn decisions_are_once(found: &mut Findings, world: &World, model: &Model, now: &Seen) {
    let mut by_version: BTreeMap<(String, i64), u64> = BTreeMap::new();
    for click in model.clicks.values() {
        if let Deed::Hold { actor, .. } = &click.deed {
            let placed = now.audit.iter().any(|entry| entry.actor == *actor && entry.action == "hold.place");
            if click.told == Told::Done && !placed {
                found.add(Promise::NothingLost, format!("the hold by {actor} is not there"));
            }
            continue;
        }
        let Some((actor, action)) = Model::action_of(&click.deed) else {
            let Deed::Revoke { actor, .. } = &click.deed else { continue };
            let entries = now.audit.iter().filter(|entry| entry.actor == *actor && entry.action == "login_row.revoke");
            match (click.told, entries.count()) {
                (Told::Done, 0) => found.add(Promise::NothingLost, format!("the revocation by {actor} left no trace")),
                (Told::Refused, 1..) => found.add(Promise::RefusedIsRefused, format!("{actor} revoked all the same")),
                (_, 2..) => found.add(Promise::DecidedOnce, format!("{actor} revoked twice")),
                _ => {}
            }
            continue;
        };
        let Deed::Decide { request, version, .. } = &click.deed else { continue };
        if model.may_be_gone(&request.to_string(), world.now()) {
            continue;
        }
        let main = |claim: &Option<String>| action.code() == "withdraw_child" || claim.is_none();
        let of_actor = now.decisions.iter().filter(|made| made.actor == actor);
        let made = of_actor.filter(|made| main(&made.claim_id) && made.action == action.code()).count();
        let said = format!("request.{action}");
        let told_of = now
            .audit
            .iter()
            .filter(|entry| {
                entry.actor == actor && entry.action == said && entry.subject == format!("request:{request}")
            })
            .count();
        if made != told_of {
            found
                .add(Promise::Audited, format!("{actor} ({action}): {made} decisions, {told_of} entries of the audit"));
        }
        match (click.told, made) {
            (Told::Done, 0) => {
                found
                    .add(Promise::NothingLost, format!("{actor} ({action}) was told it is done; no decision is there"));
            }
            (Told::Refused, 1..) => {
                found.add(Promise::RefusedIsRefused, format!("{actor} ({action}) was refused; a decision is there"));
            }
            (_, 2..) => {
                found.add(Promise::DecidedOnce, format!("{actor} ({action}) decided {made} times by one click"));
            }
            _ => {}
        }
        if let Some(version) = version {
            *by_version.entry((request.to_string(), *version)).or_default() += made as u64;
        }
    }
    for ((request, version), made) in by_version.iter().filter(|(_, made)| **made > 1) {
        found.add(Promise::DecidedOnce, format!("{made} decisions on version {version} of request {request}"));
    }
}

fn login_rows(found: &mut Findings, model: &Model, now: &Seen) {
    if model.had_login_rows && now.login_rows.is_empty() {
        found.add(Promise::NeverEmpty, "the auth table is empty");
    }
    for (adult, (username, _)) in &now.adults {
        let linked = model.in_force.keys().any(|(of, _)| of == adult);
        let row = now.login_rows.iter().any(|(name, of)| of == adult && Some(name) == username.as_ref());
        if linked && username.is_some() && !row {
            found.add(Promise::LoginRows, format!("adult {adult} is linked and has no login row"));
        }
        // Whose last pupil left may sign in for some days more.
        if !linked && !model.left_behind.contains_key(adult) && now.login_rows.iter().any(|(_, of)| of == adult) {
            found.add(Promise::LoginRows, format!("adult {adult} lost every pupil and still has a login row"));
        }
    }
    for (_, adult) in now.login_rows.iter().filter(|(_, adult)| !adult.is_empty()) {
        if !now.adults.contains_key(adult) {
            found.add(Promise::LoginRows, format!("a login row is of nobody: {adult}"));
        }
    }
}

fn foreign_is_untouched(found: &mut Findings, before: &Seen, now: &Seen, cron: bool) {
    let rows = |seen: &Seen| seen.foreign().cloned().collect::<Vec<Row>>();
    if rows(before) != rows(now) {
        found.add(Promise::ForeignUntouched, "role rows that are not ours changed");
    }
    if before.other_flags != now.other_flags {
        found.add(Promise::ForeignUntouched, "flags that are not ours changed");
    }
    if !cron && before.users != now.users {
        found.add(Promise::ForeignUntouched, "users changed");
    }
    for (user, context) in &before.contexts {
        let kept = now.contexts.get(user);
        let built = context.1.is_some() && context.2 > 0;
        if kept.is_none_or(|kept| kept.0 != context.0 || (built && kept != context)) {
            found.add(Promise::ForeignUntouched, format!("the context of user {user} changed"));
        }
    }
}

/// Whoever gained or lost a row has a fresh flag. Flags are aged before every step.
fn sessions_are_told(found: &mut Findings, before: &Seen, now: &Seen) {
    let key = |row: &Row| (row.id, row.key());
    let (old, new): (Vec<_>, Vec<_>) = (before.ours().map(key).collect(), now.ours().map(key).collect());
    let changed = old.iter().filter(|row| !new.contains(row)).chain(new.iter().filter(|row| !old.contains(row)));
    let mut users: Vec<i64> = changed.map(|(_, key)| key.0).collect();
    users.sort_unstable();
    users.dedup();
    for user in users {
        let told = now.flags.iter().any(|(name, stamp, value, expiry)| {
            *name == user.to_string() && *stamp > 1 && value == "1" && expiry > stamp
        });
        if !told {
            found.add(Promise::SessionsTold, format!("user {user}'s rows changed and no flag tells their sessions"));
        }
    }
}

fn failures_are_shown(found: &mut Findings, before: &Seen, now: &Seen, played: &[Played]) {
    let mut failed = 0;
    for (_, deed, end, struck) in played {
        let Some(Deed::Cycle(_)) = deed else { continue };
        match end {
            Some(End::Answered(Answer::Failed(_))) if !struck.store => failed += 1,
            Some(End::Answered(Answer::Done)) if struck.moodle => {
                found.add(Promise::NothingHidden, "Moodle's database failed a cycle that says it went well");
            }
            _ => {}
        }
    }
    if failed > 0 && now.failed_cycles - before.failed_cycles < failed {
        found.add(Promise::NothingHidden, format!("{failed} cycles failed and are not recorded as failed"));
    }
    if let [(_, Some(Deed::Cycle(_)), Some(End::Answered(Answer::Done)), struck)] = played
        && !struck.any()
    {
        for link in &now.said_linked {
            if !now.ours().any(|row| row.itemid == *link) {
                found.add(Promise::NothingHidden, format!("link {link} is said to be in Moodle and is not"));
            }
        }
    }
}

/// What must hold once everything came to rest.
///
/// # Errors
/// The databases.
pub async fn at_rest(world: &World, model: &Model, now: &Seen) -> Result<Vec<Broken>> {
    let mut found = Findings::default();
    rows_as_decided(&mut found, world, model, now);
    sessions_end(&mut found, world, model, now);
    let mut store = world.store.acquire().await?;
    let verified = audit::verify(&mut store).await?;
    if let Some(broken) = verified.broken {
        found.add(Promise::Audited, format!("the chain of the audit is broken: {broken:?}"));
    }
    drop(store);
    letters(&mut found, world).await?;
    names(&mut found, world).await?;
    life::at_rest(&mut found, world, model, now).await?;
    Ok(found.0)
}

/// Compares the rows with what was decided, given who exists in Moodle.
fn rows_as_decided(found: &mut Findings, world: &World, model: &Model, now: &Seen) {
    let mut wanted: BTreeMap<(i64, i64, i64, i64), bool> = BTreeMap::new();
    for (adult, pupil) in model.in_force.keys() {
        let Some(account) = now.account(adult) else {
            found.add(Promise::Converges, format!("adult {adult} is linked and has no account"));
            continue;
        };
        let user = now.users.get(pupil);
        if user.is_none_or(|user| user.deleted.is_set()) || account.id == *pupil {
            continue;
        }
        let stopped = now.stopped(adult, *pupil);
        if stopped == Stopped::Yes {
            continue;
        }
        // Who left keeps the rows they have and gets no new ones: both are right.
        let must = user.is_some_and(|user| !world.is_gone(user)) && stopped == Stopped::No;
        let link = now.links.iter().find(|(_, (of, to))| of == adult && to == pupil).map(|(id, _)| *id);
        let (Some(link), Some((context, path, depth))) = (link, now.contexts.get(pupil)) else {
            if must {
                found.add(Promise::Converges, format!("adult {adult}, pupil {pupil}: no link or no context"));
            }
            continue;
        };
        if must && (path.is_none() || *depth == 0) {
            found.add(Promise::Converges, format!("the context of pupil {pupil} has no path"));
        }
        wanted.insert((account.id, *context, PARENT_ROLE, link), must);
        if world.setting.category {
            let everywhere = wanted.entry((account.id, CATEGORY_CONTEXT, PARENT_ROLE, 0)).or_default();
            *everywhere |= must;
        }
    }
    let mut there: BTreeMap<(i64, i64, i64, i64), usize> = BTreeMap::new();
    for row in now.ours() {
        *there.entry(row.key()).or_default() += 1;
    }
    for (key, must) in &wanted {
        if *must && !there.contains_key(key) {
            found.add(
                Promise::Converges,
                format!("row (user, context, role, item) {key:?} was decided and is not there"),
            );
        }
    }
    for (key, count) in &there {
        if !wanted.contains_key(key) {
            found.add(
                Promise::TakenAway,
                format!("row (user, context, role, item) {key:?} is there and nobody wants it"),
            );
        }
        if *count > 1 {
            found.add(Promise::NoDouble, format!("row {key:?} is there {count} times"));
        }
        if !now.ledger.contains(key) {
            found.add(Promise::LedgerKnows, format!("row {key:?} is in Moodle and not in the ledger"));
        }
    }
    for key in &now.ledger {
        if !there.contains_key(key) {
            found.add(Promise::LedgerKnows, format!("row {key:?} is in the ledger and not in Moodle"));
        }
    }
}

fn sessions_end(found: &mut Findings, world: &World, model: &Model, now: &Seen) {
    for (session, began) in &model.sessions {
        let user = session.split('-').nth(1).and_then(|user| user.parse::<i64>().ok()).unwrap_or_default();
        let owner = model.accounts.iter().find(|(_, own)| own.contains(&user)).map(|(adult, _)| adult);
        let linked = owner.is_some_and(|adult| model.in_force.keys().any(|(of, _)| of == adult));
        let lost = owner.and_then(|adult| model.lost.get(adult));
        let open = now.sessions.contains_key(session);
        let left = |adult: &String| model.left_behind.contains_key(adult);
        if owner.is_some_and(|adult| model.held_ever.contains(adult) || left(adult)) {
            continue;
        }
        // Where the brake held the removal until somebody had taken the rows away by hand, there was none to end it with.
        if open && world.setting.brake.is_some() && model.by_hand.contains(&user) {
            continue;
        }
        let gone_user = now.users.get(&user).is_none_or(|user| user.deleted.is_set());
        match lost {
            Some(lost) if !linked && began < lost && world.setting.end_sessions => {
                if open {
                    found.add(Promise::SessionsEnd, format!("session {session} is open though its adult lost access"));
                }
            }
            Some(_) if world.setting.end_sessions => {}
            _ if open || gone_user => {}
            _ => found.add(Promise::SessionsEnd, format!("session {session} ended though nobody lost access")),
        }
    }
}

async fn letters(found: &mut Findings, world: &World) -> Result<()> {
    let mut store = world.store.acquire().await?;
    let twice: Vec<(String,)> = store
        .fetch_all("SELECT once_key FROM mails WHERE once_key IS NOT NULL GROUP BY once_key HAVING COUNT(*) > 1", [])
        .await?;
    for (key,) in twice {
        found.add(Promise::Letters, format!("two letters for {key}"));
    }
    let pupils = people::pupils();
    for letter in mails::newest(&mut store, 1_000).await? {
        let Some(written) = mail::write(&world.app, &world.school, &mut store, &letter).await? else { continue };
        for pupil in pupils {
            let name = format!("{} {}", pupil.given, pupil.family);
            if written.body.contains(&name) || written.body.contains(&pupil.admission_number) {
                found.add(Promise::Letters, format!("letter {} names a child", letter.id));
            }
        }
    }
    Ok(())
}

/// Columns that leave the house or outlast a person, in which no name may stand.
const NAMELESS: [(&str, &str); 5] = [
    ("queue_messages", "body"),
    ("audit", "CONCAT(actor, ' ', action, ' ', subject, ' ', detail)"),
    ("cycles", "COALESCE(report, '')"),
    ("cycles", "COALESCE(fault, '')"),
    ("jobs", "CONCAT(state, ' ', COALESCE(outcome, ''))"),
];

async fn names(found: &mut Findings, world: &World) -> Result<()> {
    let mut needles: Vec<String> =
        people::ADULTS.iter().flat_map(|adult| [adult.family.to_lowercase(), adult.email.to_lowercase()]).collect();
    needles.extend(
        people::pupils().iter().flat_map(|pupil| [pupil.family.to_lowercase(), pupil.admission_number.to_lowercase()]),
    );
    for (table, text) in NAMELESS {
        let rows: Vec<(String,)> = world.store.fetch_all(&format!("SELECT {text} FROM {table}"), []).await?;
        for (row,) in rows {
            let row = row.to_lowercase();
            if needles.iter().any(|needle| row.contains(needle.as_str())) {
                found.add(Promise::NoNames, format!("a name or number stands in {table}"));
            }
        }
    }
    Ok(())
}
