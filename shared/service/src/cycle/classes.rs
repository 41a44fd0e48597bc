//! What a full comparison finds besides the rows that it puts right: accounts and login rows without each other, addresses and
//! names that differ, pupils that are gone. Looks only; a fixed number of statements per thousand.

use std::collections::{BTreeMap, HashMap, HashSet};

use kinlink_domain::{
    finding::{Class, Finding},
    ids::{AdultId, MoodleUserId},
    plan_row::{PlanRow, Write},
    reason::Reason,
};
use kinlink_moodle::{pupils, roles, tasks, users};
use kinlink_store::{accounts, findings, links, requests};

use super::{Run, batch::Context, full::Survey, judge::GonePupil};
use crate::ServiceError;

/// Accounts or login rows that are read at once.
const PAGE: u32 = 5_000;
/// Most findings of one class that are kept; the counts are whole.
const KEPT: usize = 1_000;

/// Looks, counts in the report, and keeps what was found.
pub(super) async fn look(run: &mut Run<'_>, context: &Context, survey: &Survey) -> Result<(), ServiceError> {
    let mut found: Vec<Finding> = survey.rows.iter().filter_map(of_row).collect();
    // A row that was changed is not missing besides.
    let of = |finding: &Finding| (finding.user, finding.link);
    let changed: HashSet<_> = found.iter().filter(|finding| finding.class == Class::Changed).map(of).collect();
    found.retain(|finding| finding.class != Class::Missing || !changed.contains(&of(finding)));
    found.extend(survey.contested.iter().map(|(adult, link, user)| Finding {
        adult: Some(*adult),
        link: Some(*link),
        user: Some(*user),
        ..Finding::new(Class::Contested)
    }));
    found.extend(survey.renamed.iter().map(|(adult, user)| Finding {
        adult: Some(*adult),
        user: Some(*user),
        ..Finding::new(Class::AccountRenamed)
    }));
    found.extend(accounts_and_login_rows(run, context).await?);
    found.extend(gone_pupils(run, context, &survey.gone_pupils).await?);
    let moodle = &mut run.locked.connection;
    run.report.foreign =
        roles::count_foreign(moodle, &context.prefix, context.site.link_role, &context.policy.component).await?;

    let mut kept = Vec::new();
    let mut counts: BTreeMap<Class, u64> = BTreeMap::new();
    found.sort_unstable();
    for finding in found {
        let count = counts.entry(finding.class).or_default();
        if usize::try_from(*count).is_ok_and(|count| count < KEPT) {
            kept.push(finding);
        }
        *count += 1;
    }
    run.report.classes = counts;
    let mut tx = run.app.store.begin().await?;
    findings::replace(&mut tx, run.cycle, &kept).await?;
    Ok(tx.commit().await?)
}

fn of_row(row: &PlanRow) -> Option<Finding> {
    let class = match (row.write, row.reason) {
        (Write::Add, Reason::DriftPutBack) => Class::Missing,
        (Write::Remove, Reason::Changed) => Class::Changed,
        (Write::Remove, Reason::Stray | Reason::SurplusCopy | Reason::AccountChanged) => Class::Extra,
        _ => return None,
    };
    let link = (row.item != 0).then_some(kinlink_domain::ids::LinkId(row.item));
    Some(Finding { adult: row.adult, link, user: Some(row.user), pupil: row.pupil, ..Finding::new(class) })
}

/// Accounts of the external database and login rows, side by side.
async fn accounts_and_login_rows(run: &mut Run<'_>, context: &Context) -> Result<Vec<Finding>, ServiceError> {
    let mut found = Vec::new();
    // A login row is an orphan only when the synchronisation has run since it was made: asked before the accounts are read,
    // so that one which runs meanwhile makes no orphans.
    let synchronised = tasks::state(&mut run.locked.connection, &context.prefix, tasks::SYNC_USERS).await?;
    let mut names: HashSet<String> = HashSet::new();
    let mut after = MoodleUserId(0);
    loop {
        let moodle = &mut run.locked.connection;
        let page = users::auth_db_page(moodle, &context.prefix, context.site.local_host, after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.id;
        let asked: Vec<String> = page.iter().map(|user| user.username.clone()).collect();
        let mut store = run.app.store.acquire().await?;
        let rows = accounts::login_rows_named(&mut store, &asked).await?;
        let rows: HashMap<&str, &accounts::LoginRow> = rows.iter().map(|row| (row.username.as_str(), row)).collect();
        for user in &page {
            let class = match rows.get(user.username.as_str()) {
                None if user.suspended => continue,
                None => Class::OrphanAccount,
                Some(row) if row.email.eq_ignore_ascii_case(&user.email) => continue,
                Some(_) => Class::EmailDrift,
            };
            let adult = rows.get(user.username.as_str()).map(|row| row.adult);
            found.push(Finding { adult, user: Some(user.id), ..Finding::new(class) });
        }
        names.extend(asked);
    }
    let Some(synchronised) = synchronised.and_then(|task| task.last_run) else { return Ok(found) };
    let mut after = None;
    loop {
        let mut store = run.app.store.acquire().await?;
        let page = accounts::list_login_rows(&mut store, "", after.as_ref(), PAGE).await?;
        let orphans = page
            .iter()
            .filter(|row| !names.contains(&row.username) && row.created_at.as_second() < synchronised)
            .map(|row| Finding { adult: Some(row.adult), ..Finding::new(Class::OrphanLoginRow) });
        found.extend(orphans);
        let Some(last) = page.last() else { return Ok(found) };
        after = Some(requests::Cursor { value: last.username.clone(), id: String::new() });
    }
}

/// Pupils of links in force that were deleted in Moodle; the child's admission number may lead to another user.
async fn gone_pupils(run: &mut Run<'_>, context: &Context, gone: &[GonePupil]) -> Result<Vec<Finding>, ServiceError> {
    if gone.is_empty() {
        return Ok(Vec::new());
    }
    let pupils = pupils::all(&mut run.locked.connection, &context.prefix, &context.policy, &context.site).await?;
    let by_number: HashMap<&str, MoodleUserId> = pupils
        .iter()
        .filter(|pupil| !pupil.admission_number.is_empty())
        .map(|pupil| (pupil.admission_number.as_str(), pupil.id))
        .collect();
    let adults: HashSet<AdultId> = gone.iter().map(|gone| gone.adult).collect();
    let adults: Vec<AdultId> = adults.into_iter().collect();
    let mut numbers = HashMap::new();
    let mut store = run.app.store.acquire().await?;
    for chunk in adults.chunks(PAGE as usize) {
        let claims: Vec<_> = links::of_adults(&mut store, chunk).await?.into_iter().map(|link| link.claim).collect();
        numbers.extend(requests::admission_numbers(&mut store, &claims).await?);
    }
    Ok(gone
        .iter()
        .map(|gone| {
            let other = numbers.get(&gone.claim).and_then(|number: &String| by_number.get(number.as_str())).copied();
            let class = if other.is_some() { Class::PupilMerged } else { Class::PupilDeleted };
            Finding {
                adult: Some(gone.adult),
                link: Some(gone.link),
                pupil: Some(gone.pupil),
                other,
                ..Finding::new(class)
            }
        })
        .collect())
}
