//! Promises about the later life of an account: pupils who leave, erasure, new addresses, plans, rows that are fought over.

use std::collections::BTreeSet;

use anyhow::Result;

use super::{Findings, Promise};
use crate::{
    acts::{Answer, Deed},
    later::Wish,
    model::{DAY, Key, Model, Played, Row, Seen, Told},
    people,
    stage::End,
    world::World,
};

/// How often a row may come back within a day that somebody takes away.
const PUT_BACKS: usize = 3;
/// For how many days the name of an adult without access is kept at least where data is forgotten early.
const ADULTS_KEPT: i64 = 30;

/// What must hold after every step.
pub(super) fn after_step(
    found: &mut Findings,
    world: &World,
    model: &Model,
    before: &Seen,
    now: &Seen,
    played: &[Played],
) {
    for (adult, pupil) in &model.ended_early {
        found.add(
            Promise::Leavers,
            format!("adult {adult}'s link ended and pupil {pupil} had not left for long enough"),
        );
    }
    for pair in &model.given_back {
        found.add(Promise::Leavers, format!("the link of {pair} was given back and had not ended by leaving"));
    }
    clicks_are_told(found, model, now);
    others_decide(found, model, now);
    plans_as_shown(found, world, model, before, now, played);
    contested_rows_rest(found, model, world.now(), before, now);
    addresses_are_proven(found, model, before, now, played);
    erased_are_unknown(found, model, now);
}

/// What was refused left no entry in the audit, what was done left one.
fn clicks_are_told(found: &mut Findings, model: &Model, now: &Seen) {
    for click in model.clicks.values() {
        let Deed::Later { wish, actor } = &click.deed else { continue };
        let Some((action, always)) = wish.leaves() else { continue };
        let there = now.audit.iter().any(|entry| entry.actor == *actor && entry.action == action);
        match click.told {
            Told::Done if always && !there => {
                found.add(Promise::NothingLost, format!("{actor} was told that {action} is done, and it is not"));
            }
            Told::Refused if there => {
                found.add(Promise::RefusedIsRefused, format!("{actor} was refused {action}, and it is done"));
            }
            _ => {}
        }
    }
}

/// The member of staff who is a parent decides about nobody who has their address.
fn others_decide(found: &mut Findings, model: &Model, now: &Seen) {
    let own = people::ADULTS[people::STAFF].email;
    for made in now.decisions.iter().filter(|made| made.actor.starts_with("staff:")) {
        if model.submitted.get(&made.request_id).is_some_and(|text| text.to_lowercase().contains(own)) {
            found.add(Promise::OthersDecide, format!("{} decided on their own request", made.actor));
        }
    }
    for entry in
        now.audit.iter().filter(|entry| entry.actor.starts_with("staff:") && entry.action == "login_row.revoke")
    {
        let adult = entry.subject.trim_start_matches("adult:");
        if now.emails.get(adult).is_some_and(|email| email == own) {
            found.add(Promise::OthersDecide, format!("{} revoked their own access", entry.actor));
        }
    }
}

fn ours(seen: &Seen) -> Vec<(i64, Key)> {
    seen.ours().map(|row| (row.id, row.key())).collect()
}

/// A plan that is applied writes its own rows; one that was refused, or that is not what is to be written any more, none.
fn plans_as_shown(found: &mut Findings, world: &World, model: &Model, before: &Seen, now: &Seen, played: &[Played]) {
    let [(_, Some(deed @ (Deed::ApplyPlan { .. } | Deed::Later { wish: Wish::ApplyKept(..), .. })), Some(end), struck)] =
        played
    else {
        return;
    };
    let (old, new) = (ours(before), ours(now));
    let kept = match deed {
        Deed::Later { wish: Wish::ApplyKept(id, _), .. } => {
            let id = id.to_string();
            before.plans.get(&id).map(|plan| (id, plan))
        }
        _ => None,
    };
    // Admitted just now: nothing of it can be done already.
    if let Some((id, plan)) = kept.as_ref().filter(|(id, _)| model.admitted_now.contains(id))
        && matches!(end, End::Answered(Answer::Done))
    {
        let there: BTreeSet<Key> = old.iter().map(|(_, key)| *key).collect();
        let done = |key: &Key| there.contains(key);
        if plan.adds.iter().any(done) || !plan.removes.iter().all(done) {
            found.add(Promise::Plans, format!("plan {id} is stale and was applied"));
        }
    }
    if old == new {
        return;
    }
    if matches!(end, End::Answered(Answer::Refused(_))) && !struck.any() {
        found.add(Promise::Plans, "a plan was refused and role rows changed");
    }
    let Some((id, plan)) = kept else { return };
    let heads = model.heads.get(&id).map_or(0, BTreeSet::len);
    if plan.braked && world.setting.two_persons && heads < 2 {
        found.add(Promise::Plans, format!("plan {id} is held by the brake and was applied by one person"));
    }
    let whole = |(user, _, role, item): &Key| (*user, *role, *item);
    for (_, key) in old.iter().filter(|row| !new.contains(row)) {
        if !plan.removes.contains(key) {
            found.add(Promise::Plans, format!("plan {id} does not show that row {key:?} goes"));
        }
    }
    for (_, key) in new.iter().filter(|row| !old.contains(row)) {
        if !plan.adds.iter().any(|add| whole(add) == whole(key)) {
            found.add(Promise::Plans, format!("plan {id} does not show that row {key:?} comes"));
        }
    }
}

/// A row that is left alone is not written, and one that was put back thrice within a day is left alone.
fn contested_rows_rest(found: &mut Findings, model: &Model, at: i64, before: &Seen, now: &Seen) {
    let (old, new): (BTreeSet<Key>, BTreeSet<Key>) =
        (before.ours().map(Row::key).collect(), now.ours().map(Row::key).collect());
    for (contest, key) in &before.contests {
        if now.contests.contains_key(contest) && new.contains(key) && !old.contains(key) {
            found.add(Promise::Contested, format!("row {key:?} is left alone and was written"));
        }
    }
    for (key, times) in &model.put_back {
        let lately = times.iter().filter(|time| at - **time < DAY).count();
        // Of a write whose answer was lost nobody knows: neither that it put the row back, nor that the next one does.
        if lately > PUT_BACKS + 2 * model.strikes && !model.released {
            found.add(Promise::Contested, format!("row {key:?} was put back {lately} times within a day"));
        }
    }
}

fn addresses_are_proven(found: &mut Findings, model: &Model, before: &Seen, now: &Seen, played: &[Played]) {
    for (adult, email) in &now.emails {
        let Some(earlier) = before.emails.get(adult).filter(|earlier| *earlier != email) else { continue };
        if model.erased.contains_key(adult) || email.ends_with(".invalid") {
            continue;
        }
        let proven = |change: &String| {
            now.email_changes.get(change).is_some_and(|(of, to)| of == adult && to == email)
                && !model.withdrawn_changes.contains(change)
        };
        let pressed = played.iter().any(
            |(_, deed, ..)| matches!(deed, Some(Deed::Later { wish: Wish::ProveEmail(change), .. }) if proven(change)),
        );
        if !pressed {
            found.add(Promise::Addresses, format!("adult {adult} was {earlier} and is {email}; nobody proved that"));
        }
    }
}

fn erased_are_unknown(found: &mut Findings, model: &Model, now: &Seen) {
    for (adult, requests) in &model.erased {
        if let Some(email) = now.emails.get(adult)
            && people::ADULTS.iter().any(|known| known.email.eq_ignore_ascii_case(email))
        {
            found.add(Promise::Erased, format!("adult {adult} is erased and still has an address"));
        }
        for request in requests.iter().filter_map(|request| now.requests.get(request)) {
            if request.submitted.contains('@') {
                found.add(Promise::Erased, format!("request {} still holds what an erased adult sent", request.id));
            }
        }
        for claim in now.claims.values().filter(|claim| requests.contains(&claim.request_id)) {
            if people::pupils().iter().any(|pupil| claim.family_name.contains(pupil.family)) {
                found.add(Promise::Erased, format!("claim {} still names the child of an erased adult", claim.id));
            }
        }
        if now.login_rows.iter().any(|(_, of)| of == adult) {
            found.add(Promise::Erased, format!("adult {adult} is erased and has a login row"));
        }
    }
    for request in &model.erased_requests {
        if now.requests.contains_key(request) || now.claims.values().any(|claim| claim.request_id == *request) {
            found.add(Promise::Erased, format!("request {request} is erased and is there"));
        }
    }
}

/// What must hold once everything came to rest.
///
/// # Errors
/// The databases.
pub(super) async fn at_rest(found: &mut Findings, world: &World, model: &Model, now: &Seen) -> Result<()> {
    leavers_are_gone(found, world, model, now);
    for adult in model.to_erase.iter().filter(|adult| !model.held_ever.contains(*adult)) {
        found.add(Promise::Erased, format!("adult {adult}'s data was to be erased and is not"));
    }
    addresses_arrive(found, model, now);
    erased_are_nowhere(found, world, model, now).await?;
    forgotten(found, world, model).await
}

fn leavers_are_gone(found: &mut Findings, world: &World, model: &Model, now: &Seen) {
    let Some((links, login_rows)) = world.setting.grace else { return };
    // Where everybody has left, nothing of it is believed.
    let here = |pupil: i64| now.users.get(&pupil).is_some_and(|user| !world.is_gone(user));
    if !people::pupils().iter().any(|pupil| here(pupil.user_id)) || !model.meddled {
        return;
    }
    // Noted in the first night of rest at the latest, which was followed by nights on five days at least.
    for (adult, pupil) in model.in_force.keys() {
        let since = model.gone.get(pupil).and_then(|gone| gone.since);
        if since.is_some_and(|since| world.now() - since > i64::from(links + 6) * DAY) {
            found.add(Promise::Leavers, format!("pupil {pupil} left, and adult {adult} is still linked"));
        }
    }
    for (adult, since) in &model.left_behind {
        let linked = model.in_force.keys().any(|(of, _)| of == adult);
        let over = world.now() - since > i64::from(login_rows + 6) * DAY;
        if !linked && over && now.login_rows.iter().any(|(_, of)| of == adult) {
            found.add(Promise::Leavers, format!("adult {adult}'s last pupil left, and the login row is still there"));
        }
    }
}

/// Login row and account in Moodle have the adult's address.
fn addresses_arrive(found: &mut Findings, model: &Model, now: &Seen) {
    let linked: BTreeSet<&String> = model.in_force.keys().map(|(adult, _)| adult).collect();
    for adult in linked {
        let (Some(email), Some(row)) = (now.emails.get(adult), now.login_emails.get(adult)) else { continue };
        if row != email {
            found.add(Promise::Addresses, format!("adult {adult}'s login row has another address"));
        }
        if let Some(user) = now.account(adult).filter(|user| user.auth == "db" && user.email != *email) {
            found.add(Promise::Addresses, format!("Moodle user {} has another address than adult {adult}", user.id));
        }
    }
}

/// Every text of the store in which an address can stand.
const TEXTS: [(&str, &str); 9] = [
    ("adults", "CONCAT(given_name, ' ', email, ' ', COALESCE(username, ''))"),
    ("requests", "CONCAT(COALESCE(email, ''), ' ', email_typed, ' ', submitted, ' ', search_text, ' ', staff_note)"),
    ("login_rows", "CONCAT(username, ' ', email)"),
    ("mails", "CONCAT(recipient, ' ', letter)"),
    ("email_changes", "email"),
    ("questions", "CONCAT(question, ' ', COALESCE(answer, ''))"),
    ("decisions", "CONCAT(COALESCE(reason, ''), ' ', COALESCE(note, ''))"),
    ("idempotency_keys", "COALESCE(response, '')"),
    ("audit", "CONCAT(subject, ' ', detail)"),
];

/// The address of who is erased stands nowhere, unless somebody who is not erased has it too.
async fn erased_are_nowhere(found: &mut Findings, world: &World, model: &Model, now: &Seen) -> Result<()> {
    let mut gone: BTreeSet<String> = model.erased_addresses().collect();
    let kept = |request: &String| !model.erased.values().any(|own| own.contains(request));
    gone.retain(|address| {
        let of_others =
            now.addresses.iter().any(|(adult, own)| !model.erased.contains_key(adult) && own.contains(address));
        let in_others = model.submitted.iter().any(|(request, text)| {
            kept(request) && now.requests.contains_key(request) && text.to_lowercase().contains(address.as_str())
        });
        !of_others && !in_others
    });
    if gone.is_empty() {
        return Ok(());
    }
    for (table, text) in TEXTS {
        let rows: Vec<(String,)> = world.store.fetch_all(&format!("SELECT {text} FROM {table}"), []).await?;
        if rows.iter().any(|(row,)| gone.iter().any(|address| row.to_lowercase().contains(address))) {
            found.add(Promise::Erased, format!("the address of an erased adult stands in {table}"));
        }
    }
    Ok(())
}

/// Where data is forgotten early: long after, nothing is left of who has no access.
async fn forgotten(found: &mut Findings, world: &World, model: &Model) -> Result<()> {
    if !world.setting.forgets {
        return Ok(());
    }
    world.advance((ADULTS_KEPT + 2) * DAY);
    if let Err(error) = kinlink_service::housekeeping::tidy(&world.app).await {
        found.add(Promise::Forgets, format!("the nightly tidying failed: {error}"));
        return Ok(());
    }
    // Who waits for a decision must be known, and who asked again lately.
    let sql = "SELECT id, email FROM adults WHERE NOT EXISTS (SELECT 1 FROM requests r WHERE r.adult_id = adults.id AND \
               r.status IN ('unconfirmed', 'pending', 'waiting_for_parent')) AND NOT EXISTS (SELECT 1 FROM requests r WHERE \
               r.adult_id IS NULL AND r.email = adults.email AND (r.updated_at >= ? OR \
               r.status IN ('unconfirmed', 'pending', 'waiting_for_parent')))";
    let lately = world.now() - ADULTS_KEPT * DAY;
    let adults: Vec<(String, String)> = world.store.fetch_all(sql, [lately.into()]).await?;
    for (adult, email) in adults {
        let linked = model.in_force.keys().any(|(of, _)| *of == adult);
        let known = people::ADULTS.iter().any(|known| known.email.eq_ignore_ascii_case(&email));
        if !linked && known && !model.held_ever.contains(&adult) && !model.left_behind.contains_key(&adult) {
            found.add(Promise::Forgets, format!("adult {adult} has had no access for long and is still named"));
        }
    }
    let sql = "SELECT id FROM requests WHERE status IN ('bogus', 'denied') AND adult_id IS NULL AND email IS NOT NULL";
    let requests: Vec<(String,)> = world.store.fetch_all(sql, []).await?;
    for (request,) in requests {
        found.add(Promise::Forgets, format!("request {request} was refused long ago and still names somebody"));
    }
    Ok(())
}
