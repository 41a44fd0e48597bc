//! What the world does to the databases behind the product's back: somebody at work in Moodle, a queue being a queue, adults
//! who sign in. Each does what Moodle itself was seen to do.

use anyhow::Result;
use kinlink_db::{Db, Int};
use kinlink_moodle::demo::tasks;

use crate::{
    acts::{Act, Meddling, QueueTrick, nth_of},
    model::{Model, Seen},
    people,
    world::{LEFT, World},
};

/// Does an act of the world.
///
/// # Errors
/// The databases.
pub async fn perform(world: &World, model: &mut Model, step: usize, act: &Act, seen: &Seen) -> Result<()> {
    match act {
        Act::Wait(minutes) => world.advance(minutes * 60_000),
        Act::SignIn(nth) => sign_in(world, model, step, *nth, seen).await?,
        Act::Queue(trick, nth) => queue(world, *trick, *nth).await?,
        Act::Meddle(what, nth) => {
            in_moodle(world, *what, *nth, seen).await?;
            model.learn_of_meddling(seen, &Seen::read(world).await?);
        }
        _ => {}
    }
    Ok(())
}

/// Only who has a login row and is not suspended gets in.
async fn sign_in(world: &World, model: &mut Model, step: usize, nth: usize, seen: &Seen) -> Result<()> {
    let able: Vec<i64> = seen
        .login_rows
        .iter()
        .filter_map(|(name, _)| seen.users.values().find(|user| user.username == *name && user.auth == "db"))
        .filter(|user| !user.suspended.is_set() && !user.deleted.is_set())
        .map(|user| user.id)
        .collect();
    let Some(user) = nth_of(&able, nth) else { return Ok(()) };
    let session = format!("s{step}-{user}");
    let sql = "INSERT INTO mdl_sessions (state, sid, userid, timecreated, timemodified) VALUES (0, ?, ?, 1, 1)";
    world.moodle.execute(sql, [session.as_str().into(), (*user).into()]).await?;
    model.sessions.insert(session, step);
    Ok(())
}

async fn queue(world: &World, trick: QueueTrick, nth: usize) -> Result<()> {
    let db = &world.store;
    let waiting: Vec<(String,)> =
        db.fetch_all("SELECT id FROM queue_messages WHERE dead_at IS NULL ORDER BY id", []).await?;
    let now = world.now();
    match trick {
        QueueTrick::Lose => {
            if let Some((id,)) = nth_of(&waiting, nth) {
                db.execute("DELETE FROM queue_messages WHERE id = ?", [id.as_str().into()]).await?;
            }
        }
        QueueTrick::Double => {
            let sql = "INSERT INTO queue_messages (id, body, receives, visible_at, created_at) SELECT ?, body, 0, ?, ? FROM \
                       queue_messages WHERE id = ?";
            for (i, (id,)) in waiting.iter().take(10).enumerate() {
                let copy = format!("copy-{now}-{nth}-{i}");
                let known: Option<(Int,)> =
                    db.fetch_optional("SELECT 1 FROM queue_messages WHERE id = ?", [copy.as_str().into()]).await?;
                if known.is_none() {
                    db.execute(sql, [copy.into(), now.into(), now.into(), id.as_str().into()]).await?;
                }
            }
        }
        QueueTrick::Reorder => {
            for (i, (id,)) in waiting.iter().rev().enumerate() {
                let sql = "UPDATE queue_messages SET visible_at = visible_at + ? WHERE id = ?";
                db.execute(sql, [i64::try_from(i).unwrap_or(0).into(), id.as_str().into()]).await?;
            }
        }
        QueueTrick::Late => {
            db.execute("UPDATE queue_messages SET visible_at = visible_at + 7200000", []).await?;
        }
        QueueTrick::Back => {
            db.execute("UPDATE queue_messages SET visible_at = 0 WHERE dead_at IS NULL", []).await?;
        }
        QueueTrick::Garbage => {
            let id = format!("garbage-{now}-{}", waiting.len());
            let sql = "INSERT INTO queue_messages (id, body, receives, visible_at, created_at) SELECT ?, 'no json', 0, 0, 0 \
                       WHERE NOT EXISTS (SELECT 1 FROM queue_messages WHERE id = ?)";
            db.execute(sql, [id.as_str().into(), id.as_str().into()]).await?;
        }
        QueueTrick::Redrive => {
            world.app.queue.redrive().await?;
        }
    }
    Ok(())
}

/// As Moodle's `delete_user()` leaves a user: its roles and the roles in its own context are gone.
async fn delete_user(db: &Db, user: i64) -> Result<()> {
    let roles = "DELETE FROM mdl_role_assignments WHERE userid = ? OR contextid IN (SELECT id FROM mdl_context WHERE \
                 contextlevel = 30 AND instanceid = ?)";
    db.execute(roles, [user.into(), user.into()]).await?;
    db.execute("DELETE FROM mdl_sessions WHERE userid = ?", [user.into()]).await?;
    db.execute(
        "UPDATE mdl_user SET deleted = 1, username = ?, email = ?, idnumber = '' WHERE id = ?",
        [format!("gone{user}@example.org.1").into(), format!("md5of{user}").into(), user.into()],
    )
    .await?;
    Ok(())
}

async fn add_row(db: &Db, context: i64, user: i64, component: &str, item: i64) -> Result<()> {
    let sql = "INSERT INTO mdl_role_assignments (roleid, contextid, userid, timemodified, modifierid, component, itemid, \
               sortorder) VALUES (9, ?, ?, 7, 2, ?, ?, 0)";
    db.execute(sql, [context.into(), user.into(), component.into(), item.into()]).await?;
    Ok(())
}

#[expect(clippy::too_many_lines, reason = "a table: a short arm for each thing that somebody does")]
async fn in_moodle(world: &World, what: Meddling, nth: usize, seen: &Seen) -> Result<()> {
    let db = &world.moodle;
    let ours: Vec<_> = seen.ours().collect();
    let pupils: Vec<i64> = people::pupils().iter().map(|pupil| pupil.user_id).collect();
    let mut here: Vec<i64> = pupils
        .iter()
        .copied()
        .filter(|id| seen.users.get(id).is_some_and(|user| !user.deleted.is_set() && !user.suspended.is_set()))
        .collect();
    // Those to whom somebody is linked first: it is their leaving that matters.
    here.sort_by_key(|pupil| !ours.iter().any(|row| row.instance == Some(*pupil)));
    let contexts: Vec<i64> = pupils.iter().filter_map(|id| seen.contexts.get(id)).map(|(id, ..)| *id).collect();
    let accounts: Vec<i64> =
        seen.users.values().filter(|user| user.auth == "db" && !user.deleted.is_set()).map(|user| user.id).collect();
    match what {
        Meddling::AddForeign => {
            // Somebody who is no pupil: whoever has such a role is none.
            let adults: Vec<i64> = accounts.iter().copied().chain([4, 28]).collect();
            if let (Some(context), Some(user)) = (nth_of(&contexts, nth), nth_of(&adults, nth / 2)) {
                add_row(db, *context, *user, "", 0).await?;
            }
        }
        Meddling::AddForeignBesideOurs => {
            if let Some(row) = nth_of(&ours, nth) {
                add_row(db, row.contextid, row.userid, "", 0).await?;
            }
        }
        Meddling::RemoveForeign => {
            let foreign: Vec<_> = seen.foreign().collect();
            if let Some(row) = nth_of(&foreign, nth) {
                db.execute("DELETE FROM mdl_role_assignments WHERE id = ?", [row.id.into()]).await?;
            }
        }
        Meddling::DeleteOurs => {
            if let Some(row) = nth_of(&ours, nth) {
                db.execute("DELETE FROM mdl_role_assignments WHERE id = ?", [row.id.into()]).await?;
            }
        }
        Meddling::MoveOurs => {
            if let (Some(row), Some(context)) = (nth_of(&ours, nth), nth_of(&contexts, nth + 1)) {
                let sql = "UPDATE mdl_role_assignments SET contextid = ? WHERE id = ?";
                db.execute(sql, [(*context).into(), row.id.into()]).await?;
            }
        }
        Meddling::DoubleOurs => {
            if let Some(row) = nth_of(&ours, nth) {
                add_row(db, row.contextid, row.userid, &row.component, row.itemid).await?;
            }
        }
        Meddling::Forge => {
            if let (Some(context), Some(user)) = (nth_of(&contexts, nth), nth_of(&accounts, nth)) {
                add_row(db, *context, *user, "local_kinlink", 999_999).await?;
            }
        }
        Meddling::SuspendPupil => {
            if let Some(pupil) = nth_of(&here, nth) {
                db.execute("UPDATE mdl_user SET suspended = 1 WHERE id = ?", [(*pupil).into()]).await?;
            }
        }
        Meddling::ReturnPupils => {
            for pupil in pupils {
                db.execute("UPDATE mdl_user SET suspended = 0 WHERE id = ? AND deleted = 0", [pupil.into()]).await?;
            }
            for pupil in people::pupils() {
                let sql = "UPDATE mdl_user SET department = ? WHERE id = ? AND department = ?";
                let group = pupil.tutor_group.as_str();
                db.execute(sql, [group.into(), pupil.user_id.into(), LEFT.into()]).await?;
            }
        }
        Meddling::MarkLeaver => {
            if let Some(pupil) = nth_of(&here, nth) {
                let sql = "UPDATE mdl_user SET department = ? WHERE id = ?";
                db.execute(sql, [LEFT.into(), (*pupil).into()]).await?;
            }
        }
        Meddling::TakeAway => {
            let mut keys: Vec<_> = ours.iter().map(|row| (row.key(), row.id)).collect();
            keys.sort_unstable();
            if let Some((_, id)) = nth_of(&keys, nth) {
                db.execute("DELETE FROM mdl_role_assignments WHERE id = ?", [(*id).into()]).await?;
            }
        }
        Meddling::DeletePupil => {
            if let Some(pupil) = nth_of(&here, nth) {
                delete_user(db, *pupil).await?;
            }
        }
        Meddling::SuspendAccount => {
            if let Some(account) = nth_of(&accounts, nth) {
                db.execute("UPDATE mdl_user SET suspended = 1 WHERE id = ?", [(*account).into()]).await?;
            }
        }
        Meddling::DeleteAccount => {
            if let Some(account) = nth_of(&accounts, nth) {
                delete_user(db, *account).await?;
            }
        }
        Meddling::RenameRole => {
            db.execute("UPDATE mdl_role SET shortname = 'elternteil' WHERE id = 9", []).await?;
        }
        Meddling::RestoreRole => restore_role(db).await?,
        Meddling::DisableTask => {
            let sql = "UPDATE mdl_task_scheduled SET disabled = 1 WHERE classname = ?";
            db.execute(sql, [tasks::SYNC_USERS.into()]).await?;
        }
        Meddling::EnableTask => enable_task(db).await?,
        Meddling::BreakContext => {
            if let Some(context) = nth_of(&contexts, nth) {
                let sql = "UPDATE mdl_context SET path = NULL, depth = 0 WHERE id = ?";
                db.execute(sql, [(*context).into()]).await?;
            }
        }
    }
    Ok(())
}

async fn restore_role(db: &Db) -> Result<()> {
    db.execute("UPDATE mdl_role SET shortname = 'parent' WHERE id = 9", []).await?;
    Ok(())
}

async fn enable_task(db: &Db) -> Result<()> {
    let sql = "UPDATE mdl_task_scheduled SET disabled = 0, faildelay = 0 WHERE classname = ?";
    db.execute(sql, [tasks::SYNC_USERS.into()]).await?;
    Ok(())
}

/// An administrator of Moodle puts right what was wrong with the site.
///
/// # Errors
/// The database.
pub async fn mend_site(world: &World) -> Result<()> {
    restore_role(&world.moodle).await?;
    enable_task(&world.moodle).await
}

/// Time passes for flags: a fresh one can be told from an older one.
///
/// # Errors
/// The database.
pub async fn age_flags(world: &World) -> Result<()> {
    let sql = "UPDATE mdl_cache_flags SET timemodified = 1 WHERE flagtype = 'accesslib/dirtyusers'";
    world.moodle.execute(sql, []).await?;
    Ok(())
}
