//! What only a request's page shows beside the request: names of the pupils that were picked, the adult's links and account,
//! and what staff changed.

use std::collections::BTreeSet;

use kinlink_domain::{
    Timestamp,
    ids::{AdultId, LinkId, MoodleUserId},
    request::Action,
    staff::{Actor, Permission},
    submission::{Child, RawSubmission, Submission},
};
use kinlink_moodle::{
    site,
    users::{self, User},
};
use kinlink_store::{
    accounts::{self, Adult},
    links, requests,
};
use serde::Serialize;

use super::{HistoryEntry, Link, RequestDetail};
use crate::{App, ServiceError, access::require, leavers::restorable};

/// What stands beside a request on its page.
#[derive(Debug, Clone, Serialize)]
pub struct Beside {
    /// The adult whom the request was decided to be from.
    pub adult: Option<AdultId>,
    /// The pupils of the request's children and of the adult's links, by name as Moodle has it; none when Moodle cannot be
    /// asked.
    pub pupils: Option<Vec<PupilName>>,
    /// The adult's links that are in force, the oldest first.
    pub links: Vec<LinkHint>,
    /// The adult's Moodle account, if there is one (yet).
    pub account: Option<AdultAccount>,
    /// What staff corrected: as it was sent, and as it stands.
    pub changes: Vec<FieldChange>,
}

impl Beside {
    /// The name of a pupil.
    #[must_use]
    pub fn pupil(&self, id: MoodleUserId) -> Option<&PupilName> {
        self.pupils.as_ref()?.iter().find(|pupil| pupil.id == id)
    }
}

/// A pupil's name in Moodle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PupilName {
    /// `user.id`.
    pub id: MoodleUserId,
    /// First and last name.
    pub name: String,
    /// Whether the pupil has left: suspended or deleted.
    pub left: bool,
}

impl From<User> for PupilName {
    fn from(user: User) -> Self {
        Self { id: user.id, left: user.deleted || user.suspended, name: user.name }
    }
}

/// A link of the adult.
#[derive(Debug, Clone, Serialize)]
pub struct LinkHint {
    /// Its id.
    pub id: LinkId,
    /// The pupil.
    pub pupil: MoodleUserId,
    /// Whether it is in force.
    pub active: bool,
    /// When it came into force, the last time.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Why it ended: a code.
    pub end_reason: Option<String>,
    /// Whether it ended because the pupil left, so that it can be given back when they return.
    pub restorable: bool,
}

impl From<Link> for LinkHint {
    fn from(link: Link) -> Self {
        Self {
            restorable: restorable(&link),
            id: link.id,
            pupil: link.pupil,
            active: link.active,
            started_at: link.started_at,
            ended_at: link.ended_at,
            end_reason: link.end_reason,
        }
    }
}

/// An adult's account in Moodle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AdultAccount {
    /// `user.id`.
    pub id: MoodleUserId,
    /// `user.username`.
    pub username: String,
    /// `user.auth`.
    pub auth: String,
    /// `user.email`, as Moodle has it.
    pub email: String,
    /// Whether it is suspended.
    pub suspended: bool,
}

/// A field that staff corrected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldChange {
    /// JSON pointer: `/given_name`, `/children/0/tutor_group`.
    pub pointer: String,
    /// As it was sent, tidied up as it was then; empty for nothing.
    pub sent: String,
    /// As it stands; empty for nothing.
    pub now: String,
}

impl RequestDetail {
    /// What was decided about the request last, by whom and when.
    #[must_use]
    pub fn last_decision(&self) -> Option<&HistoryEntry> {
        self.history.iter().rev().find(|entry| {
            let by_itself = matches!(
                entry.action.as_str(),
                "submit" | "confirm_email" | "answer" | "provision" | "expire" | "note"
            );
            entry.claim.is_none() && !by_itself && Action::from_code(&entry.action).is_some()
        })
    }
}

/// What stands beside a request on its page. Without Moodle the pupils' names and the account are missing.
///
/// # Errors
/// [`ServiceError::Forbidden`], [`ServiceError::NotFound`], the store.
pub async fn beside_request(app: &App, actor: &Actor, detail: &RequestDetail) -> Result<Beside, ServiceError> {
    require(actor, Permission::Read)?;
    let mut store = app.store.acquire().await?;
    let request = requests::find(&mut store, detail.summary.id).await?.ok_or(ServiceError::NotFound("request"))?;
    let (adult, links) = match request.adult {
        Some(adult) => (accounts::adult(&mut store, adult).await?, links::of_adults(&mut store, &[adult]).await?),
        None => (None, Vec::new()),
    };
    drop(store);
    let links: Vec<LinkHint> = links.into_iter().filter(|link| link.active).map(LinkHint::from).collect();
    let mut wanted: BTreeSet<MoodleUserId> = detail.summary.children.iter().filter_map(|child| child.pupil).collect();
    wanted.extend(links.iter().map(|link| link.pupil));
    let moodle = people(app, adult.as_ref(), wanted).await;
    if let Err(error) = &moodle {
        tracing::warn!(request.id = %request.id, %error, "a request is shown without the names of its pupils");
    }
    let (pupils, account) = moodle.map_or((None, None), |(pupils, account)| (Some(pupils), account));
    Ok(Beside { adult: request.adult, pupils, links, account, changes: changes(detail) })
}

/// The names of pupils and an adult's account: at most three statements.
pub(crate) async fn people(
    app: &App,
    adult: Option<&Adult>,
    mut wanted: BTreeSet<MoodleUserId>,
) -> Result<(Vec<PupilName>, Option<AdultAccount>), ServiceError> {
    let picked = adult.and_then(|adult| adult.picked_user);
    let name = adult.and_then(|adult| adult.username.clone()).filter(|_| picked.is_none());
    if wanted.is_empty() && picked.is_none() && name.is_none() {
        return Ok((Vec::new(), None));
    }
    let pupils = wanted.clone();
    wanted.extend(picked);
    let mut moodle = app.moodle.connect().await?;
    let prefix = app.moodle.prefix();
    let found = users::by_ids(&mut moodle, prefix, &wanted.into_iter().collect::<Vec<_>>()).await?;
    let account = match &name {
        Some(name) => {
            let host = site::local_host(&mut moodle, prefix).await?;
            users::by_usernames(&mut moodle, prefix, host, std::slice::from_ref(name)).await?.pop()
        }
        None => found.iter().find(|user| Some(user.id) == picked).cloned(),
    };
    let account = account.filter(|user| !user.deleted).map(|user| AdultAccount {
        id: user.id,
        username: user.username,
        auth: user.auth,
        email: user.email,
        suspended: user.suspended,
    });
    Ok((found.into_iter().filter(|user| pupils.contains(&user.id)).map(PupilName::from).collect(), account))
}

/// What differs between the submission as it came, tidied up as it was then, and the request as it stands.
fn changes(detail: &RequestDetail) -> Vec<FieldChange> {
    let Ok(raw) = serde_json::from_value::<RawSubmission>(detail.submitted.clone()) else { return Vec::new() };
    let sent = Submission::check(&raw);
    let now = &detail.summary;
    let email = sent.email.as_ref().map_or_else(|| sent.email_typed.clone(), ToString::to_string);
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let mut pairs = vec![
        ("/title".to_owned(), text(&sent.title), text(&now.title)),
        ("/given_name".to_owned(), sent.given_name.clone(), now.given_name.clone()),
        ("/family_name".to_owned(), sent.family_name.clone(), now.family_name.clone()),
        ("/email".to_owned(), email, now.email.clone()),
    ];
    for (place, (child, now)) in sent.children.iter().zip(&now.children).enumerate() {
        let Child { given_name, family_name, tutor_group, admission_number } = child;
        let field = |name: &str| format!("/children/{place}/{name}");
        pairs.extend([
            (field("given_name"), given_name.clone(), now.given_name.clone()),
            (field("family_name"), family_name.clone(), now.family_name.clone()),
            (field("tutor_group"), text(tutor_group), text(&now.tutor_group)),
            (field("admission_number"), text(admission_number), text(&now.admission_number)),
        ]);
    }
    pairs
        .into_iter()
        .filter(|(_, sent, now)| sent != now)
        .map(|(pointer, sent, now)| FieldChange { pointer, sent, now })
        .collect()
}
