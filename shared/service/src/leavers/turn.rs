//! What a run writes: who left and who is back, links that end, login rows that go. A transaction a batch.

use std::collections::{BTreeMap, BTreeSet};

use kinlink_domain::{
    ids::{AdultId, LinkId, MoodleUserId},
    leaving::PUPIL_LEFT,
    policy::Policy,
    staff::Actor,
};
use kinlink_store::{
    Tx, accounts, audit,
    jobs::{self, Job, Priority},
    leavers::{self, Leaver},
    links, mails,
};
use serde_json::json;

use super::{BATCH, Findings, Report};
use crate::{
    App, ServiceError,
    accounts::delete_login_rows_by_rule,
    mail::{self, Letter},
    observe,
};

/// What is to be done about some pupils.
#[derive(Default)]
struct Turn {
    /// Those who left, or left for another reason than was noted.
    noted: Vec<Leaver>,
    /// Those who left and were not noted.
    newly_left: Vec<Leaver>,
    /// Those who are back.
    back: Vec<MoodleUserId>,
    /// Those whose time of grace is over.
    over: Vec<MoodleUserId>,
}

/// Does what is due about every pupil who left or is back.
pub(super) async fn pupils(
    app: &App,
    actor: &Actor,
    policy: &Policy,
    findings: &Findings,
    report: &mut Report,
) -> Result<(), ServiceError> {
    let (now, grace) = (app.now(), policy.leaver_grace());
    let pupils: BTreeSet<MoodleUserId> = findings.left.keys().chain(findings.known.keys()).copied().collect();
    let pupils: Vec<MoodleUserId> = pupils.into_iter().collect();
    for batch in pupils.chunks(BATCH as usize) {
        let mut turn = Turn::default();
        for pupil in batch {
            let known = findings.known.get(pupil);
            let Some(reason) = findings.left.get(pupil).copied() else {
                turn.back.push(*pupil);
                continue;
            };
            let leaver = Leaver { pupil: *pupil, reason, since: known.map_or(now, |known| known.since) };
            if known.is_none_or(|known| known.reason != reason) {
                turn.noted.push(leaver);
            }
            if known.is_none() {
                turn.newly_left.push(leaver);
            }
            if reason.is_over(leaver.since, now, &grace) {
                turn.over.push(*pupil);
            }
        }
        take(app, actor, &turn, report).await?;
    }
    // Of those whose links ended now, or were ended by staff.
    leavers::forget_unlinked(&mut app.store.acquire().await?).await?;
    Ok(())
}

async fn take(app: &App, actor: &Actor, turn: &Turn, report: &mut Report) -> Result<(), ServiceError> {
    if turn.noted.is_empty() && turn.back.is_empty() && turn.over.is_empty() {
        return Ok(());
    }
    let now = app.now();
    let mut tx = app.store.begin().await?;
    leavers::note(&mut tx, &turn.noted).await?;
    leavers::forget(&mut tx, &turn.back).await?;
    let subject = |pupil: MoodleUserId| format!("pupil:{pupil}");
    let left = turn
        .newly_left
        .iter()
        .map(|leaver| audit::Entry::new("pupil.left", subject(leaver.pupil), json!({ "reason": leaver.reason })));
    let back = turn.back.iter().map(|pupil| audit::Entry::new("pupil.back", subject(*pupil), json!({})));
    audit::write(&mut tx, actor, now, &left.chain(back).collect::<Vec<_>>());
    let ended = end_links(app, actor, &mut tx, &turn.over).await?;
    tx.commit().await?;
    report.back += turn.back.len() as u64;
    report.ended_links += ended;
    Ok(())
}

/// Ends the links of pupils whose time is over. Whoever signs in by a login row keeps it for now; an adult with an account
/// of their own has nothing more to lose and is told at once.
async fn end_links(app: &App, actor: &Actor, tx: &mut Tx<'_>, pupils: &[MoodleUserId]) -> Result<u64, ServiceError> {
    if pupils.is_empty() {
        return Ok(0);
    }
    let now = app.now();
    let held = leavers::hold_links(tx, pupils).await?;
    let ids: Vec<LinkId> = held.iter().map(|(link, ..)| *link).collect();
    let ended = links::end(tx, &ids, PUPIL_LEFT, now).await?;
    let entries: Vec<_> = held
        .iter()
        .map(|(link, adult, pupil)| {
            let detail = json!({ "adult": adult, "pupil": pupil, "reason": PUPIL_LEFT });
            audit::Entry::new("link.end", format!("link:{link}"), detail)
        })
        .collect();
    audit::write(tx, actor, now, &entries);
    let adults: BTreeSet<AdultId> = held.into_iter().map(|(_, adult, _)| adult).collect();
    let adults: Vec<AdultId> = adults.into_iter().collect();
    let own_account: Vec<AdultId> = accounts::adults(tx, &adults)
        .await?
        .into_iter()
        .filter(|adult| adult.picked_user.is_some())
        .map(|adult| adult.id)
        .collect();
    let unlinked = unlinked(tx, &own_account).await?;
    tell_adults(app, tx, &unlinked).await?;
    enqueue_jobs(app, tx, &adults).await?;
    Ok(ended)
}

/// Takes the login rows away of adults whose last pupil left long enough ago.
pub(super) async fn login_rows(
    app: &App,
    actor: &Actor,
    policy: &Policy,
    report: &mut Report,
) -> Result<(), ServiceError> {
    let now = app.now();
    let before = policy.login_row_grace().over_before(now);
    // All that are due, or none: a rule that runs away must not empty the auth table page by page.
    let rows = accounts::count_login_rows(&mut app.store.acquire().await?).await?.unsigned_abs();
    let (mut due, mut after) = (0, None);
    loop {
        let page = leavers::left_behind(&mut app.store.acquire().await?, before, after, BATCH).await?;
        let Some((last, _)) = page.last() else { break };
        after = Some(*last);
        due += page.len() as u64;
    }
    if policy.leaver_brake().engages(due, rows) {
        report.held_login_rows = due;
        observe::login_rows_held(due, rows);
        return Ok(());
    }
    let mut after = None;
    loop {
        let page = leavers::left_behind(&mut app.store.acquire().await?, before, after, BATCH).await?;
        let Some((last, _)) = page.last() else { return Ok(()) };
        after = Some(*last);
        let adults: Vec<AdultId> = page.into_iter().map(|(adult, _)| adult).collect();
        let mut tx = app.store.begin().await?;
        // Staff may have given one of them access a moment ago.
        let adults = unlinked(&mut tx, &adults).await?;
        report.removed_login_rows += delete_login_rows_by_rule(app, &mut tx, &adults, policy.leaver_brake()).await?;
        let entry = |adult: &AdultId| {
            audit::Entry::new("login_row.revoke", format!("adult:{adult}"), json!({ "reason": PUPIL_LEFT }))
        };
        audit::write(&mut tx, actor, now, &adults.iter().map(entry).collect::<Vec<_>>());
        tell_adults(app, &mut tx, &adults).await?;
        enqueue_jobs(app, &mut tx, &adults).await?;
        tx.commit().await?;
    }
}

/// Those of some adults of whom no link is in force.
async fn unlinked(tx: &mut Tx<'_>, adults: &[AdultId]) -> Result<Vec<AdultId>, ServiceError> {
    if adults.is_empty() {
        return Ok(Vec::new());
    }
    let linked: BTreeSet<AdultId> =
        links::of_adults(tx, adults).await?.into_iter().filter(|link| link.active).map(|link| link.adult).collect();
    Ok(adults.iter().filter(|adult| !linked.contains(adult)).copied().collect())
}

/// Tells adults that their access ended. Once: what is told when is in the key.
async fn tell_adults(app: &App, tx: &mut Tx<'_>, adults: &[AdultId]) -> Result<(), ServiceError> {
    if adults.is_empty() {
        return Ok(());
    }
    let now = app.now().as_millisecond();
    let by_id: BTreeMap<AdultId, accounts::Adult> =
        accounts::adults(tx, adults).await?.into_iter().map(|adult| (adult.id, adult)).collect();
    let letters: Vec<_> = by_id
        .values()
        .map(|adult| {
            let once = format!("ended:{}:{now}", adult.id);
            mail::new(app, &adult.email, None, Some(adult.id), Letter::AccessEnded, &once)
        })
        .collect::<Result<_, _>>()?;
    Ok(mails::enqueue(tx, &letters).await?)
}

/// Queues a look at each adult. The queue is not told: the nightly run sweeps the outbox next, and whatever else runs does so
/// a few minutes later.
async fn enqueue_jobs(app: &App, tx: &mut Tx<'_>, adults: &[AdultId]) -> Result<(), ServiceError> {
    let now = app.now();
    let job = |adult: &AdultId| Job {
        id: app.new_id(),
        adult: *adult,
        request: None,
        priority: Priority::Removal,
        attempts: 0,
        available_at: now,
    };
    Ok(jobs::insert(tx, &adults.iter().map(job).collect::<Vec<_>>(), now).await?)
}
