//! Rows of the earlier plugin become ours, or become again what they were: what would change, and the plan of it applied.
//!
//! A batch is judged anew right before it is written, so that a link which ended after the plan was made stops its row. The
//! ledger and the note of what was adopted come before Moodle, what became of it after: a process that dies in between
//! leaves rows that the next cycle, or the same plan applied again, puts in order.

use std::collections::{BTreeSet, HashSet};

use kinlink_db::Connection;
use kinlink_domain::{
    adoption::{self, Adopted, Change, Direction, Wanted},
    ids::{AdultId, LinkId, MoodleUserId},
    outcome::Outcome,
    plan::Place,
    plan_row::{PlanRow, Write},
    staff::Actor,
};
use kinlink_moodle::{adoption as moodle, roles::Ownership};
use kinlink_store::{
    accounts, adoptions, audit,
    ledger::{self, Owned},
    plans::{self as kept, Plan},
};
use serde_json::json;

use super::{
    BATCH, Run, Step,
    batch::Context,
    facts::Known,
    judge::{Judged, judge},
    ownership,
};
use crate::{App, ServiceError};

/// What adopting, or giving back, would change.
pub(crate) struct Survey {
    /// The rows.
    pub(crate) rows: Vec<PlanRow>,
    /// How many rows of the same kind stay as they are: nobody's rows without a link in force; adopted rows whose link
    /// ended, or that are gone.
    pub(crate) left: u64,
}

/// What some adults' rows come to.
#[derive(Default)]
struct Found {
    changes: Vec<Change>,
    /// Rows that were given back by a process that died before it could note that.
    already: Vec<i64>,
    /// Rows without component and item that are ours by the ledger.
    ours: u64,
}

/// Looks at everybody. Reads only.
pub(super) async fn survey(
    app: &App,
    connection: &mut Connection,
    context: &Context,
    direction: Direction,
) -> Result<Survey, ServiceError> {
    let mut rows = Vec::new();
    let mut ours = 0;
    let mut after = None;
    loop {
        let page = accounts::adults_after(&mut app.store.acquire().await?, after, BATCH).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        let adults: Vec<AdultId> = page.iter().map(|adult| adult.id).collect();
        let found = look(app, connection, context, direction, &adults).await?;
        rows.extend(found.changes.iter().map(Change::row));
        ours += found.ours;
    }
    let all = match direction {
        Direction::Adopt => {
            moodle::count(connection, &context.prefix, context.site.link_role).await?.saturating_sub(ours)
        }
        Direction::GiveBack => adoptions::count(&mut app.store.acquire().await?).await?,
    };
    let taken = rows.iter().filter(|row| row.write != Write::Remove).count() as u64;
    Ok(Survey { rows, left: all.saturating_sub(taken) })
}

async fn look(
    app: &App,
    connection: &mut Connection,
    context: &Context,
    direction: Direction,
    adults: &[AdultId],
) -> Result<Found, ServiceError> {
    let known = Known::read(app, context, adults).await?;
    let judged = judge(app, connection, context, &known).await?;
    let wanted = wanted(&judged);
    let users: BTreeSet<MoodleUserId> = wanted.iter().map(|wanted| wanted.user).collect();
    if users.is_empty() {
        return Ok(Found::default());
    }
    let users: Vec<MoodleUserId> = users.into_iter().collect();
    let ownership = ownership(app, &context.policy, &users).await?;
    let rows = moodle::rows(connection, &context.prefix, context.site.link_role, &ownership, &users).await?;
    let ours = match ownership {
        Ownership::Component(_) => 0,
        Ownership::Ledger(_) => rows.iter().filter(|row| row.ours).count() as u64,
    };
    Ok(match direction {
        Direction::Adopt => Found { changes: adoption::adopt(&wanted, &rows), already: Vec::new(), ours },
        Direction::GiveBack => {
            let adopted = adoptions::of_users(&mut app.store.acquire().await?, &users).await?;
            let found = adoption::give_back(&wanted, &rows, &adopted);
            Found { changes: found.changes, already: found.already, ours }
        }
    })
}

/// The rows that should be in pupils' contexts, but for those that are left alone because somebody takes them away.
fn wanted(judged: &Judged) -> Vec<Wanted> {
    let desired = judged.desired.iter().filter_map(|(row, adult)| {
        let Place::Pupil(pupil) = row.place else { return None };
        let contested = judged.outcomes.get(&LinkId(row.item)) == Some(&Outcome::Contested);
        let context = judged.contexts.get(&pupil).filter(|_| !contested)?.id;
        Some(Wanted { adult: *adult, pupil, user: row.user, context, role: row.role, item: row.item })
    });
    desired.collect()
}

/// Applies a plan, after making sure that it is still what would change.
pub(super) async fn apply(
    run: &mut Run<'_>,
    context: &Context,
    plan: &Plan,
    rows: &[PlanRow],
    direction: Direction,
    admitted_by: &Actor,
) -> Result<(), ServiceError> {
    let app = run.app;
    let survey = survey(app, &mut run.locked.connection, context, direction).await?;
    run.begin_plan(plan, rows, &survey.rows, admitted_by).await?;
    let only: HashSet<String> = rows.iter().map(PlanRow::line).collect();
    let planned: HashSet<i64> = rows.iter().filter_map(|row| row.id).collect();
    let adults: BTreeSet<AdultId> = rows.iter().filter_map(|row| row.adult).collect();
    let adults: Vec<AdultId> = adults.into_iter().collect();
    let mut done = 0;
    for some in adults.chunks(BATCH as usize) {
        if run.is_late() {
            run.report.unfinished = true;
            return Ok(());
        }
        run.renew().await?;
        let mut found = look(app, &mut run.locked.connection, context, direction, some).await?;
        found.changes.retain(|change| only.contains(&change.row().line()));
        found.already.retain(|id| planned.contains(id));
        write(run, context, plan, direction, &found).await?;
        done += some.len() as u64;
        run.report.adults += some.len() as u64;
        run.reach(Step::Apply, done, Some(adults.len() as u64)).await;
    }
    let (adopted, given_back) = (run.report.adopted, run.report.given_back);
    let (action, detail) = match direction {
        Direction::Adopt => {
            ("adoption.adopt", json!({ "cycle": run.cycle, "rows": adopted, "copies": run.report.removed }))
        }
        Direction::GiveBack => ("adoption.give_back", json!({ "cycle": run.cycle, "rows": given_back })),
    };
    let mut tx = app.store.begin().await?;
    kept::finish(&mut tx, plan.id, run.cycle, app.now()).await?;
    let entry = audit::Entry::new(action, format!("plan:{}", plan.id), detail);
    audit::write(&mut tx, admitted_by, app.now(), &[entry]);
    Ok(tx.commit().await?)
}

/// Writes a batch: intention, Moodle, what became of it.
async fn write(
    run: &mut Run<'_>,
    context: &Context,
    plan: &Plan,
    direction: Direction,
    found: &Found,
) -> Result<(), ServiceError> {
    let (app, component) = (run.app, context.policy.component.as_str());
    let marked: Vec<&Change> = found.changes.iter().filter(|change| change.write != Write::Remove).collect();
    if marked.is_empty() && found.already.is_empty() {
        return Ok(());
    }
    let owned: Vec<Owned> = marked.iter().map(|change| owned(change)).collect();
    let now = app.now();
    let mut tx = app.store.begin().await?;
    // Also of a row that is given back: should the process die, nobody takes it for one that somebody took away.
    ledger::intend(&mut tx, component, &owned, run.cycle, now).await?;
    if direction == Direction::Adopt {
        let adopted: Vec<Adopted> = marked.iter().map(|change| adopted(change)).collect();
        adoptions::note(&mut tx, plan.id, &adopted, now).await?;
    }
    tx.commit().await?;
    // Where the ledger alone tells what is ours, nothing changes in Moodle.
    if !component.is_empty() {
        let moodle = &mut run.locked.connection;
        moodle::write(moodle, &context.prefix, &context.site, component, &found.changes).await?;
    }
    let keys: Vec<ledger::Key> = owned.iter().map(|row| (row.user, row.context, row.role, row.item)).collect();
    let mut tx = app.store.begin().await?;
    match direction {
        Direction::Adopt => ledger::written(&mut tx, component, &keys, run.cycle, now).await?,
        Direction::GiveBack => {
            ledger::removed(&mut tx, component, &keys, run.cycle, now).await?;
            let rows = marked.iter().map(|change| change.row.id).chain(found.already.iter().copied());
            adoptions::given_back(&mut tx, &rows.collect::<Vec<_>>(), now).await?;
        }
    }
    tx.commit().await?;
    let report = &mut run.report;
    match direction {
        Direction::Adopt => report.adopted += marked.len() as u64,
        Direction::GiveBack => report.given_back += marked.len() as u64,
    }
    report.removed += (found.changes.len() - marked.len()) as u64;
    Ok(())
}

fn owned(change: &Change) -> Owned {
    let Change { row, item, adult, .. } = *change;
    Owned { adult, link: LinkId(item), role: row.role, context: row.context, user: row.user, item }
}

fn adopted(change: &Change) -> Adopted {
    let Change { row, item, .. } = *change;
    Adopted { id: row.id, user: row.user, context: row.context, role: row.role, item }
}
