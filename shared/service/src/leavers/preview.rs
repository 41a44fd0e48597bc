//! Who has left and what ends when: the same look as a run's, and nothing is written.

use std::collections::{BTreeMap, HashMap};

use jiff::civil::Date;
use kinlink_domain::{
    Timestamp,
    ids::{AdultId, MoodleUserId},
    leaving::{Departure, year_group},
    matching::Pupil,
    staff::{Actor, Permission},
};
use kinlink_moodle::{pupils, site};
use kinlink_store::leavers;
use serde::Serialize;
use utoipa::ToSchema;

use super::{BATCH, Findings};
use crate::{App, ServiceError, access::require};

/// Adults who are left behind that a preview names at most; the others are counted.
const MOST_ROWS: u32 = 10_000;

/// A pupil who has left.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Leaver)]
pub struct Leaving {
    /// The pupil.
    pub pupil: MoodleUserId,
    /// First and last name in Moodle; empty for one whom Moodle does not have.
    pub name: String,
    /// Tutor group in Moodle, as it stands there.
    pub tutor_group: String,
    /// Why they count as having left.
    #[schema(value_type = String, example = "suspended")]
    pub reason: Departure,
    /// Since when that is known; none when the next run will be the first to know.
    #[schema(required)]
    pub since: Option<Timestamp>,
    /// The day on which their links end.
    #[schema(value_type = String, format = Date)]
    pub ends_on: Date,
    /// How many adults are linked to them.
    pub adults: i64,
}

/// How many have left of one tutor group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = LeaverGroup)]
pub struct GroupCount {
    /// The year group, where the tutor group's name tells it.
    #[schema(required)]
    pub year_group: Option<u32>,
    /// The tutor group; empty for none.
    pub tutor_group: String,
    /// Pupils of it who have left.
    pub pupils: u64,
    /// Links that end because of it.
    pub links: i64,
}

/// An adult who may still sign in although their last pupil left.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[schema(as = LeaverLoginRow)]
pub struct WaitingRow {
    /// The adult.
    pub adult: AdultId,
    /// When their last link ended.
    pub since: Timestamp,
    /// The day on which their login row goes.
    #[schema(value_type = String, format = Date)]
    pub ends_on: Date,
}

/// What the next runs would do.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Leavers)]
pub struct Preview {
    /// Pupils to whom somebody is linked.
    pub pupils: u64,
    /// Those of them who have left: by the day on which their links end, then by name.
    pub leavers: Vec<Leaving>,
    /// How many of these the next run will be the first to know of.
    pub newly_left: u64,
    /// How many are noted and are back.
    pub back: u64,
    /// The same by tutor group.
    pub groups: Vec<GroupCount>,
    /// Adults who may still sign in although their last pupil left: by the day on which that ends.
    pub login_rows: Vec<WaitingRow>,
    /// Whether this is not believed: then the next run ends nothing.
    pub held: bool,
}

/// Looks at every pinned pupil; writes nothing.
///
/// # Errors
/// [`ServiceError::Forbidden`], the store, Moodle or its preconditions.
pub async fn preview(app: &App, actor: &Actor) -> Result<Preview, ServiceError> {
    require(actor, Permission::Read)?;
    let policy = app.policy().await?;
    let mut moodle = app.moodle.connect().await?;
    let prefix = app.moodle.prefix();
    let site = site::read(&mut moodle, prefix, &policy).await?;
    let findings = Findings::read(app, &mut moodle, &policy, &site).await?;
    let ids: Vec<MoodleUserId> = findings.left.keys().copied().collect();
    let (mut named, mut adults): (HashMap<MoodleUserId, Pupil>, HashMap<MoodleUserId, i64>) = Default::default();
    for chunk in ids.chunks(BATCH as usize) {
        let found = pupils::named(&mut moodle, prefix, &policy, chunk).await?;
        named.extend(found.into_iter().map(|pupil| (pupil.id, pupil)));
        adults.extend(leavers::count_adults(&mut app.store.acquire().await?, chunk).await?);
    }
    let (now, grace) = (app.now(), policy.leaver_grace());
    let mut leavers: Vec<Leaving> = findings
        .left
        .iter()
        .map(|(pupil, reason)| {
            let since = findings.known.get(pupil).map(|known| known.since);
            let known = named.get(pupil);
            Leaving {
                pupil: *pupil,
                name: known.map(|known| format!("{} {}", known.given_name, known.family_name)).unwrap_or_default(),
                tutor_group: known.map(|known| known.tutor_group.clone()).unwrap_or_default(),
                reason: *reason,
                since,
                ends_on: reason.ends_on(since.unwrap_or(now), &grace),
                adults: adults.get(pupil).copied().unwrap_or_default(),
            }
        })
        .collect();
    leavers.sort_by(|one, other| (one.ends_on, &one.name, one.pupil).cmp(&(other.ends_on, &other.name, other.pupil)));
    let row_grace = policy.login_row_grace();
    let mut store = app.store.acquire().await?;
    let behind = leavers::left_behind(&mut store, Timestamp::MAX, None, MOST_ROWS).await?;
    let mut login_rows: Vec<WaitingRow> = behind
        .into_iter()
        .map(|(adult, since)| WaitingRow { adult, since, ends_on: row_grace.ends_on(since) })
        .collect();
    login_rows.sort_by_key(|row| (row.ends_on, row.adult));
    Ok(Preview {
        pupils: findings.pupils,
        newly_left: findings.newly_left(),
        back: findings.known.keys().filter(|pupil| !findings.left.contains_key(pupil)).count() as u64,
        groups: groups(&leavers),
        held: findings.is_implausible(&policy),
        leavers,
        login_rows,
    })
}

fn groups(leavers: &[Leaving]) -> Vec<GroupCount> {
    let mut counts: BTreeMap<(Option<u32>, &str), (u64, i64)> = BTreeMap::new();
    for leaver in leavers {
        let count = counts.entry((year_group(&leaver.tutor_group), &leaver.tutor_group)).or_default();
        count.0 += 1;
        count.1 += leaver.adults;
    }
    let group = |((year_group, tutor_group), (pupils, links)): ((Option<u32>, &str), (u64, i64))| GroupCount {
        year_group,
        tutor_group: tutor_group.to_owned(),
        pupils,
        links,
    };
    counts.into_iter().map(group).collect()
}
