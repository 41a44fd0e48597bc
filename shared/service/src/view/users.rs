//! Authorised users: login rows with their pupils and how they stand in Moodle, and one of them with everything beside it.

use std::collections::{BTreeSet, HashMap, HashSet};

use jiff::civil::Date;
use kinlink_domain::{
    Timestamp,
    ids::{AdultId, HoldId, LinkId, MoodleUserId, RequestId},
    leaving::Departure,
    reference::Reference,
    staff::{Actor, Permission},
    user_view::UserView,
};
use kinlink_moodle::{
    site,
    users::{self, User},
};
use kinlink_store::{
    Connection,
    accounts::{self, LoginRow},
    audit, email_changes, leavers, links, requests,
};
use serde::Serialize;

use super::{
    AdultAccount, Link, LinkHint, PupilName, RequestSummary,
    audit::AuditEntry,
    beside::people,
    list::{PER_PAGE, count, numbers},
};
use crate::{
    App, ServiceError,
    access::require,
    accounts::{AccountState, state_of},
    email_change::EmailChangeView,
    holds::{self, HoldHint},
    leavers::restorable,
    looked, own,
};

/// Views that only Moodle can tell look at so many login rows at most.
pub const MOST_USERS: u32 = 8_000;

/// Which page of which list of login rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserQuery {
    /// The view.
    pub view: UserView,
    /// Only those that contain every word: user name, names, address.
    pub search: String,
    /// The page, from 1. One past the end gives the last page.
    pub page: u32,
    /// Rows of a page: one of [`PER_PAGE`]; anything else gives the nearest of them.
    pub per_page: u32,
}

/// A login row in a list.
#[derive(Debug, Clone, Serialize)]
pub struct UserItem {
    /// The user name.
    pub username: String,
    /// First name in Moodle.
    pub given_name: String,
    /// Last name in Moodle.
    pub family_name: String,
    /// Address.
    pub email: String,
    /// Whose row it is.
    pub adult: AdultId,
    /// The request that made it; without its reference when it is gone.
    pub request: RequestId,
    /// What people call that request.
    pub reference: Option<Reference>,
    /// How the row stands in Moodle.
    pub state: AccountState,
    /// Its account.
    pub moodle_user: Option<MoodleUserId>,
    /// The pupils of the adult's links in force.
    pub pupils: Vec<UserPupil>,
    /// When the row was made.
    pub created_at: Timestamp,
}

/// A pupil of an adult.
#[derive(Debug, Clone, Serialize)]
pub struct UserPupil {
    /// The link.
    pub link: LinkId,
    /// The pupil.
    pub pupil: MoodleUserId,
    /// Name in Moodle; none when Moodle cannot be asked or has no such user.
    pub name: Option<String>,
    /// Whether the pupil is noted as having left, or is suspended, deleted or gone in Moodle.
    pub left: bool,
}

/// A numbered page of login rows.
#[derive(Debug, Clone, Serialize)]
pub struct UserPage {
    /// The rows, by user name.
    pub items: Vec<UserItem>,
    /// How many there are on all pages.
    pub total: i64,
    /// Which page this is, from 1.
    pub page: u32,
    /// How many there are, at least 1.
    pub pages: u32,
    /// How many rows were not looked at, because there are more than [`MOST_USERS`] and the view needs Moodle.
    pub unchecked: i64,
    /// Whether Moodle could be asked. If not, views that need it are empty.
    pub moodle_known: bool,
}

/// How many login rows each view has.
#[derive(Debug, Clone, Serialize)]
pub struct UserCounts {
    /// The views in their order; none for those that need Moodle when it cannot be asked.
    pub counts: Vec<(UserView, Option<i64>)>,
    /// How many rows were not looked at for the views that need Moodle.
    pub unchecked: i64,
}

/// Login rows with their links and what Moodle knows of them: two statements to the store and three to Moodle.
struct Crowd {
    rows: Vec<LoginRow>,
    links: HashMap<AdultId, Vec<Link>>,
    /// Adults whose last link ended because the pupil left.
    left_behind: HashSet<AdultId>,
    /// Pupils who are noted as having left.
    leavers: HashSet<MoodleUserId>,
    moodle: Option<AtMoodle>,
}

struct AtMoodle {
    accounts: HashMap<String, User>,
    pupils: HashMap<MoodleUserId, PupilName>,
}

impl Crowd {
    async fn read(app: &App, store: &mut Connection, rows: Vec<LoginRow>) -> Result<Self, ServiceError> {
        let adults: Vec<AdultId> = rows.iter().map(|row| row.adult).collect();
        let mut links: HashMap<AdultId, Vec<Link>> = HashMap::new();
        let mut last_end: HashMap<AdultId, Link> = HashMap::new();
        for link in links::of_adults(store, &adults).await? {
            if link.active {
                links.entry(link.adult).or_default().push(link);
            } else if last_end.get(&link.adult).is_none_or(|last| last.ended_at <= link.ended_at) {
                last_end.insert(link.adult, link);
            }
        }
        let left_behind = last_end.into_values().filter(|link| restorable(link) && !links.contains_key(&link.adult));
        let left_behind = left_behind.map(|link| link.adult).collect();
        let pupils: BTreeSet<MoodleUserId> = links.values().flatten().map(|link| link.pupil).collect();
        let mut leavers = HashSet::new();
        for chunk in pupils.iter().copied().collect::<Vec<_>>().chunks(kinlink_db::ROWS_PER_STATEMENT) {
            leavers.extend(leavers::of_pupils(store, chunk).await?.into_iter().map(|leaver| leaver.pupil));
        }
        let names: Vec<String> = rows.iter().map(|row| row.username.clone()).collect();
        let moodle = match AtMoodle::read(app, &names, pupils).await {
            Ok(moodle) => Some(moodle),
            Err(error) => {
                tracing::warn!(%error, "login rows are listed without what Moodle knows");
                None
            }
        };
        Ok(Self { rows, links, left_behind, leavers, moodle })
    }

    fn state(&self, row: &LoginRow) -> AccountState {
        self.moodle.as_ref().map_or(AccountState::Unknown, |moodle| state_of(moodle.accounts.get(&row.username)))
    }

    fn pupils(&self, row: &LoginRow) -> Vec<UserPupil> {
        let own = self.links.get(&row.adult).into_iter().flatten();
        own.map(|link| {
            let known = self.moodle.as_ref().map(|moodle| moodle.pupils.get(&link.pupil));
            UserPupil {
                link: link.id,
                pupil: link.pupil,
                name: known.flatten().map(|pupil| pupil.name.clone()),
                left: self.leavers.contains(&link.pupil)
                    || known.is_some_and(|pupil| pupil.is_none_or(|pupil| pupil.left)),
            }
        })
        .collect()
    }

    fn holds(&self, view: UserView, row: &LoginRow) -> bool {
        match view {
            UserView::All => true,
            UserView::NoPupils => !self.links.contains_key(&row.adult),
            UserView::NoMoodleUser => self.state(row) == AccountState::Missing,
            UserView::OtherAuth => self.state(row) == AccountState::OtherAuth,
            UserView::Suspended => self.state(row) == AccountState::Suspended,
            UserView::PupilsLeft => {
                let pupils = self.pupils(row);
                self.left_behind.contains(&row.adult) || (!pupils.is_empty() && pupils.iter().all(|pupil| pupil.left))
            }
        }
    }

    fn item(&self, row: &LoginRow, references: &HashMap<RequestId, Reference>) -> UserItem {
        let account = self.moodle.as_ref().and_then(|moodle| moodle.accounts.get(&row.username));
        UserItem {
            username: row.username.clone(),
            given_name: row.firstname.clone(),
            family_name: row.lastname.clone(),
            email: row.email.clone(),
            adult: row.adult,
            request: row.request,
            reference: references.get(&row.request).cloned(),
            state: self.state(row),
            moodle_user: account.map(|user| user.id),
            pupils: self.pupils(row),
            created_at: row.created_at,
        }
    }
}

impl AtMoodle {
    async fn read(app: &App, names: &[String], pupils: BTreeSet<MoodleUserId>) -> Result<Self, ServiceError> {
        let mut moodle = app.moodle.connect().await?;
        let prefix = app.moodle.prefix();
        let host = site::local_host(&mut moodle, prefix).await?;
        let accounts = users::by_usernames(&mut moodle, prefix, host, names).await?;
        let pupils: Vec<MoodleUserId> = pupils.into_iter().collect();
        let mut found = HashMap::new();
        for chunk in pupils.chunks(kinlink_db::ROWS_PER_STATEMENT) {
            found.extend(
                users::by_ids(&mut moodle, prefix, chunk).await?.into_iter().map(|user| (user.id, user.into())),
            );
        }
        Ok(Self { accounts: accounts.into_iter().map(|user| (user.username.clone(), user)).collect(), pupils: found })
    }
}

/// The first rows, all of which a view that needs Moodle is made from, and how many were left out.
async fn everybody(app: &App, search: &str) -> Result<(Crowd, (i64, i64), i64), ServiceError> {
    let mut store = app.store.acquire().await?;
    let totals = accounts::count_login_row_pages(&mut store, search).await?;
    let rows = accounts::login_row_page(&mut store, search, false, MOST_USERS, 0).await?;
    let unchecked = (totals.0 - count(rows.len())).max(0);
    Ok((Crowd::read(app, &mut store, rows).await?, totals, unchecked))
}

/// A numbered page of login rows.
///
/// # Errors
/// [`ServiceError::Forbidden`], the store.
pub async fn list_users(app: &App, actor: &Actor, query: &UserQuery) -> Result<UserPage, ServiceError> {
    require(actor, Permission::Read)?;
    let nearest = PER_PAGE.into_iter().min_by_key(|rows| rows.abs_diff(query.per_page));
    let per_page = nearest.unwrap_or(PER_PAGE[0]);
    let (crowd, rows, total, unchecked) = if query.view.needs_moodle() {
        let (crowd, _, unchecked) = everybody(app, &query.search).await?;
        let rows: Vec<LoginRow> = crowd.rows.iter().filter(|row| crowd.holds(query.view, row)).cloned().collect();
        let total = count(rows.len());
        (crowd, rows, total, unchecked)
    } else {
        let mut store = app.store.acquire().await?;
        let no_pupils = query.view == UserView::NoPupils;
        let (all, without) = accounts::count_login_row_pages(&mut store, &query.search).await?;
        let total = if no_pupils { without } else { all };
        let offset = i64::from(numbers(query.page, per_page, total).0 - 1) * i64::from(per_page);
        let rows = accounts::login_row_page(&mut store, &query.search, no_pupils, per_page, offset).await?;
        (Crowd::read(app, &mut store, rows.clone()).await?, rows, total, 0)
    };
    let (page, pages) = numbers(query.page, per_page, total);
    // What the store paged is the page already.
    let skipped = if query.view.needs_moodle() { (page as usize - 1) * per_page as usize } else { 0 };
    let shown: Vec<&LoginRow> = rows.iter().skip(skipped).take(per_page as usize).collect();
    let ids: Vec<RequestId> = shown.iter().map(|row| row.request).collect();
    let references = requests::by_ids(&mut app.store.acquire().await?, &ids).await?;
    let references = references.into_iter().map(|request| (request.id, request.reference)).collect();
    let items = shown.into_iter().map(|row| crowd.item(row, &references)).collect();
    Ok(UserPage { items, total, page, pages, unchecked, moodle_known: crowd.moodle.is_some() })
}

/// How many login rows each view has.
///
/// # Errors
/// [`ServiceError::Forbidden`], the store.
pub async fn count_user_views(app: &App, actor: &Actor, search: &str) -> Result<UserCounts, ServiceError> {
    require(actor, Permission::Read)?;
    let (crowd, (all, without), unchecked) = everybody(app, search).await?;
    let number = |view: UserView| match view {
        UserView::All => Some(all),
        UserView::NoPupils => Some(without),
        _ if crowd.moodle.is_none() => None,
        view => Some(count(crowd.rows.iter().filter(|row| crowd.holds(view, row)).count())),
    };
    let counts = UserView::ALL.iter().map(|view| (*view, number(*view))).collect();
    Ok(UserCounts { counts, unchecked })
}

/// Somebody who can sign in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UserName {
    /// The user name.
    pub username: String,
    /// First name in Moodle.
    pub given_name: String,
    /// Last name in Moodle.
    pub family_name: String,
}

/// Those of some user names who can sign in, in the order of the user names: two statements, however many they are.
///
/// # Errors
/// [`ServiceError::Forbidden`], the store.
pub async fn name_users(app: &App, actor: &Actor, usernames: &[String]) -> Result<Vec<UserName>, ServiceError> {
    require(actor, Permission::Read)?;
    let mut store = app.store.acquire().await?;
    let mut named = Vec::with_capacity(usernames.len());
    for chunk in usernames.chunks(kinlink_db::ROWS_PER_STATEMENT) {
        let adults = accounts::adults_by_username(&mut store, chunk).await?;
        let adults: Vec<AdultId> = adults.iter().map(|adult| adult.id).collect();
        let rows = accounts::login_rows_of(&mut store, &adults).await?;
        named.extend(rows.into_iter().map(|row| UserName {
            username: row.username,
            given_name: row.firstname,
            family_name: row.lastname,
        }));
    }
    named.sort_by(|one, other| one.username.cmp(&other.username));
    Ok(named)
}

/// An adult with everything beside them.
#[derive(Debug, Clone, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "each says one thing about the adult")]
pub struct UserDetail {
    /// Their id.
    pub adult: AdultId,
    /// Title.
    pub title: Option<String>,
    /// Given name.
    pub given_name: String,
    /// Family name.
    pub family_name: String,
    /// Address.
    pub email: String,
    /// Language for mails.
    pub locale: String,
    /// The user name of their login row, kept when the row is gone.
    pub username: Option<String>,
    /// Whether they have a login row.
    pub has_login_row: bool,
    /// How the login row stands in Moodle; none without a row.
    pub state: Option<AccountState>,
    /// Their account, by user name or as it was picked.
    pub account: Option<AdultAccount>,
    /// Whether staff picked an account that signs in another way.
    pub picked_account: bool,
    /// The latest change of their address.
    pub email_change: Option<EmailChangeView>,
    /// Whether safeguarding has to be asked about the adult, or about one of their links in force.
    pub refer_to_safeguarding: bool,
    /// The holds behind that; only for safeguarding.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub holds: Option<Vec<HoldHint>>,
    /// Their links, in force or ended, the oldest first.
    pub links: Vec<LinkHint>,
    /// The pupils of the links; none when Moodle cannot be asked.
    pub pupils: Option<Vec<PupilName>>,
    /// Those of the links in force whose pupils have left.
    pub leaving: Vec<LeavingHint>,
    /// Their requests, newest first.
    pub requests: Vec<RequestSummary>,
    /// What the audit says about them, oldest first; without reasons for roles that may not read what was written.
    pub history: Vec<AuditEntry>,
    /// Whether it is the reader themself: then somebody else must decide.
    pub own: bool,
    /// When they were accepted.
    pub created_at: Timestamp,
}

/// A pupil who has left and whose link has not ended yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeavingHint {
    /// The pupil.
    pub pupil: MoodleUserId,
    /// Why they count as having left.
    pub reason: Departure,
    /// Since when that is known.
    pub since: Timestamp,
    /// The day on which the link ends.
    pub ends_on: Date,
}

/// An adult by their id or user name, with everything beside them.
///
/// # Errors
/// [`ServiceError::Forbidden`], [`ServiceError::NotFound`], the store.
pub async fn show_user(app: &App, actor: &Actor, name: &str) -> Result<UserDetail, ServiceError> {
    require(actor, Permission::Read)?;
    let mut store = app.store.acquire().await?;
    let adult = match name.parse::<AdultId>() {
        Ok(id) => accounts::adult(&mut store, id).await?,
        Err(_) => accounts::adults_by_username(&mut store, &[name.to_owned()]).await?.pop(),
    };
    let adult = adult.ok_or(ServiceError::NotFound("adult"))?;
    drop(store);
    looked::note(app, actor, "adult", adult.id).await?;
    let mut store = app.store.acquire().await?;
    let has_login_row = !accounts::login_rows_of(&mut store, &[adult.id]).await?.is_empty();
    let email_change = email_changes::latest_of(&mut store, adult.id).await?;
    let links = links::of_adults(&mut store, &[adult.id]).await?;
    let linked: Vec<MoodleUserId> = links.iter().filter(|link| link.active).map(|link| link.pupil).collect();
    let gone = leavers::of_pupils(&mut store, &linked).await?;
    let asked = requests::of_adult(&mut store, adult.id).await?;
    let claims = requests::claims_of(&mut store, &asked.iter().map(|request| request.id).collect::<Vec<_>>()).await?;
    let written = audit::of_subject(&mut store, &format!("adult:{}", adult.id)).await?;
    let stops = holds::in_force(app, &mut store).await?;
    drop(store);
    let own = own::is_own_account(app, actor, &adult).await?;
    let grace = app.policy().await?.leaver_grace();
    let leaving = |leaver: leavers::Leaver| LeavingHint {
        pupil: leaver.pupil,
        reason: leaver.reason,
        since: leaver.since,
        ends_on: leaver.reason.ends_on(leaver.since, &grace),
    };
    let moodle = people(app, Some(&adult), links.iter().map(|link| link.pupil).collect()).await;
    if let Err(error) = &moodle {
        tracing::warn!(adult.id = %adult.id, %error, "an adult is shown without what Moodle knows");
    }
    let who = holds::of_adult(&adult);
    let active = links.iter().filter(|link| link.active).map(|link| link.pupil);
    let mut held: Vec<HoldId> = active.flat_map(|pupil| stops.of_pair(&who, pupil)).collect();
    held.extend(stops.of_person(&who));
    held.sort_unstable();
    held.dedup();
    let hints = holds::hints(actor, &stops, &held);
    let state = match &moodle {
        _ if !has_login_row => None,
        Err(_) => Some(AccountState::Unknown),
        Ok((_, account)) => Some(match account {
            None => AccountState::Missing,
            Some(account) if account.auth != "db" => AccountState::OtherAuth,
            Some(account) if account.suspended => AccountState::Suspended,
            Some(_) => AccountState::Active,
        }),
    };
    let (pupils, account) = moodle.map_or((None, None), |(pupils, account)| (Some(pupils), account));
    Ok(UserDetail {
        adult: adult.id,
        title: adult.title,
        given_name: adult.given_name,
        family_name: adult.family_name,
        email: adult.email.to_string(),
        locale: adult.locale,
        username: adult.username,
        has_login_row,
        state,
        account,
        picked_account: adult.picked_user.is_some(),
        refer_to_safeguarding: !held.is_empty(),
        holds: hints,
        email_change: email_change.map(|change| EmailChangeView::new(&change, app.now())),
        links: links.into_iter().map(LinkHint::from).collect(),
        pupils,
        leaving: gone.into_iter().map(leaving).collect(),
        requests: asked.iter().map(|request| RequestSummary::new(actor, request, &claims)).collect(),
        history: written
            .into_iter()
            .filter(|entry| !looked::is_look(&entry.entry.action))
            .map(|entry| readable(entry.into(), actor))
            .collect(),
        own,
        created_at: adult.created_at,
    })
}

/// An entry as far as the actor may know it: reasons such as a restriction are not for every role.
fn readable(mut entry: AuditEntry, actor: &Actor) -> AuditEntry {
    if !actor.may(Permission::ReadNotes) {
        entry.detail = serde_json::Value::Null;
    }
    entry
}
