//! A copy of one person's data, for when they ask what is held about them: of an adult, or of a pupil.
//!
//! It holds what is theirs and nobody else's: another adult is a number, staff are "a member of staff", a pupil has a name
//! only for the adult who is or was linked to them. That a hold exists is told to nobody who is not staff: it is exempt, and
//! telling could harm. What needs a person's judgement first (notes of staff, holds) is in [`Remarks`], beside the copy and
//! never in it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Display,
};

use kinlink_domain::{
    Timestamp,
    hold::HoldView,
    ids::{AdultId, HoldId, MoodleUserId, RequestId},
    request::ClaimState,
    retention::ERASED_GIVEN_NAME,
    staff::{Actor, Permission},
    submission::RawSubmission,
};
use kinlink_store::{
    Session, accounts,
    accounts::Adult,
    audit, bundle, decisions, erasure, holds as held, leavers, links,
    links::Link,
    questions, requests,
    requests::{Claim, Request},
};
use serde::{Serialize, Serializer};
use serde_json::json;
use utoipa::ToSchema;

use crate::{
    App, ServiceError,
    access::require,
    holds, looked,
    mail::Letter,
    view::{PupilName, name_pupil, people},
};

/// A copy of one person's data.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = AccessBundle)]
pub struct Bundle {
    /// Whose it is, in words.
    pub about: &'static str,
    /// When it was made.
    pub made_at: Timestamp,
    /// Its parts.
    pub sections: Vec<Section>,
}

/// A part of a copy.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = AccessBundleSection)]
pub struct Section {
    /// A stable code.
    pub code: &'static str,
    /// Its title.
    pub title: &'static str,
    /// What it is, and what it is kept for.
    pub meaning: &'static str,
    /// What is held.
    #[schema(value_type = Vec<BTreeMap<String, String>>)]
    pub records: Vec<Record>,
}

/// Something that is held: fields with their texts, in an order for people. An object in JSON.
#[derive(Debug, Clone, Default)]
pub struct Record(pub Vec<(&'static str, String)>);

impl Serialize for Record {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, text)| (name, text)))
    }
}

impl Record {
    /// With a field, unless there is nothing to say.
    fn with(mut self, name: &'static str, text: impl Display) -> Self {
        let text = text.to_string();
        if !text.trim().is_empty() {
            self.0.push((name, text));
        }
        self
    }

    fn with_some(self, name: &'static str, text: Option<impl Display>) -> Self {
        match text {
            Some(text) => self.with(name, text),
            None => self,
        }
    }
}

/// What whoever gives the copy away must look at first. It is not part of the copy and must not be handed on.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
#[schema(as = AccessBundleRemarks)]
pub struct Remarks {
    /// Holds that concern the person. That they exist is not disclosed.
    pub holds: Vec<HoldId>,
    /// What staff wrote about the person, to be read and, where the law says so, added by hand.
    pub words_of_staff: Vec<String>,
}

/// The addressed person's copy, and what to look at before it is given away.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = AccessBundleAnswer)]
pub struct Made {
    /// The copy.
    pub bundle: Bundle,
    /// For the data protection officer only.
    pub for_the_data_protection_officer: Remarks,
}

/// Links of one pupil and holds on one person that are read: more than there ever are.
const MOST: u32 = 1_000;
/// Holds on anybody that are read: more than a school ever has.
const MOST_HOLDS: u32 = 10_000;

const STAFF: &str = "a member of staff";

/// Who did something, without a name.
fn role(actor: &str) -> &'static str {
    match actor.split(':').next().unwrap_or_default() {
        "staff" | "token" | "cli" => STAFF,
        "parent" => "the parent or carer",
        "form" | "source" => "a form",
        _ => "Kinlink",
    }
}

/// Whether a code of the audit or of an ended link tells of a hold.
fn tells_of_hold(code: &str) -> bool {
    code.contains("hold")
}

/// Everything that is held about an adult.
///
/// # Errors
/// [`ServiceError::Forbidden`], [`ServiceError::NotFound`], the store. Nothing is given that could not be noted in the audit.
pub async fn of_adult(app: &App, actor: &Actor, id: AdultId) -> Result<Made, ServiceError> {
    require(actor, Permission::Administer)?;
    let mut store = app.store.acquire().await?;
    let adult = accounts::adult(&mut store, id).await?.ok_or(ServiceError::NotFound("adult"))?;
    let found = Of::read(&mut store, &adult, app.now()).await?;
    let remarks = remarks_on(app, &mut store, &adult, &found).await?;
    let mails = bundle::sent_mails(&mut store, id, &found.ids()).await?;
    let changes = bundle::email_changes(&mut store, id).await?;
    let login_rows = accounts::login_rows_of(&mut store, &[id]).await?;
    let audited = audit::of_subjects(&mut store, &found.subjects(&adult)).await?;
    drop(store);
    // Only pupils they are or were linked to have a name here.
    let linked: BTreeSet<MoodleUserId> = found.links.iter().map(|link| link.pupil).collect();
    let pupils = people(app, None, linked).await.map(|(pupils, _)| pupils).unwrap_or_default();
    let names: BTreeMap<MoodleUserId, String> = pupils.into_iter().map(|pupil| (pupil.id, pupil.name)).collect();
    let mut account = vec![
        Record::default()
            .with_some("title", adult.title.as_deref())
            .with("given_name", &adult.given_name)
            .with("family_name", &adult.family_name)
            .with("email", &adult.email)
            .with("language", &adult.locale)
            .with_some("user_name", adult.username.as_deref())
            .with_some("moodle_account", adult.picked_user)
            .with("known_since", adult.created_at),
    ];
    account.extend(login_rows.iter().map(|row| {
        Record::default()
            .with("signs_in_to_moodle_as", &row.username)
            .with("first_name_in_moodle", &row.firstname)
            .with("last_name_in_moodle", &row.lastname)
            .with("email_in_moodle", &row.email)
            .with("since", row.created_at)
    }));
    let mut sections = vec![section(
        "account",
        "Your account",
        "Who you are, and how you sign in to Moodle. Kept while you have access, and for some time after.",
        account,
    )];
    sections.extend(found.sections());
    sections.push(section(
        "links",
        "Pupils you are or were linked to",
        "Whose information you may see in Moodle.",
        found.links.iter().map(|link| of_link(link).with_some("pupil", names.get(&link.pupil))).collect(),
    ));
    sections.push(section(
        "emails",
        "Emails we sent",
        "Which emails went to you, and when.",
        mails
            .iter()
            .map(|mail| {
                Record::default()
                    .with("sent_at", mail.sent_at)
                    .with("to", &mail.recipient)
                    .with("about", letter(&mail.letter))
            })
            .collect(),
    ));
    sections.push(section(
        "email_changes",
        "Changes of your email address",
        "Addresses that were to become yours.",
        changes
            .into_iter()
            .map(|(email, at, outcome)| {
                Record::default().with("asked_at", at).with("email", email).with_some("outcome", outcome)
            })
            .collect(),
    ));
    sections.push(of_audit(&audited));
    let bundle = Bundle { about: "a parent or carer", made_at: app.now(), sections };
    note(app, actor, "adult", &id.to_string()).await?;
    Ok(Made { bundle, for_the_data_protection_officer: remarks })
}

/// What to look at before an adult's copy is given away. Who looks is noted, also where there is nothing: the copy shows these
/// looks, and must not tell by them that something is there.
///
/// # Errors
/// As [`of_adult`].
pub async fn remarks(app: &App, actor: &Actor, id: AdultId) -> Result<(Adult, Remarks), ServiceError> {
    require(actor, Permission::Administer)?;
    let mut store = app.store.acquire().await?;
    let adult = accounts::adult(&mut store, id).await?.ok_or(ServiceError::NotFound("adult"))?;
    let found = Of::read(&mut store, &adult, app.now()).await?;
    let remarks = remarks_on(app, &mut store, &adult, &found).await?;
    drop(store);
    looked::note(app, actor, "adult", id).await?;
    Ok((adult, remarks))
}

/// Everything that is held about a pupil: who is or was linked to them, as numbers, and what was said and decided.
///
/// # Errors
/// [`ServiceError::Forbidden`], [`ServiceError::NotFound`] when nobody has this number in Moodle and nothing is held; Moodle,
/// the store.
pub async fn of_pupil(app: &App, actor: &Actor, pupil: MoodleUserId) -> Result<Made, ServiceError> {
    require(actor, Permission::Administer)?;
    let known = name_pupil(app, actor, pupil).await?;
    let mut store = app.store.acquire().await?;
    let linked = links_of_pupil(&mut store, pupil).await?;
    let claims = bundle::claims_of_pupil(&mut store, pupil).await?;
    let decided = bundle::decisions_about(&mut store, pupil).await?;
    let left = leavers::of_pupils(&mut store, &[pupil]).await?;
    let mut subjects = vec![format!("pupil:{pupil}")];
    subjects.extend(linked.iter().map(|link| format!("link:{}", link.id)));
    let audited = audit::of_subjects(&mut store, &subjects).await?;
    let remarks = remarks_on_pupil(app, &mut store, pupil, &linked).await?;
    drop(store);

    // One number for one adult throughout; who was never accepted is known by the request alone.
    let mut numbers: BTreeMap<String, usize> = BTreeMap::new();
    let mut number = |key: String| {
        let next = numbers.len() + 1;
        format!("a parent or carer #{}", numbers.entry(key).or_insert(next))
    };
    let sections = vec![
        section(
            "pupil",
            "You",
            "How Moodle knows you. Kinlink keeps only your number there.",
            vec![Record::default().with("moodle_number", pupil).with("name", &known.name)],
        ),
        section(
            "leaving",
            "That you have left",
            "Noted while somebody is still linked to you, so that their access ends in time.",
            left.iter()
                .map(|left| Record::default().with("noted_at", left.since).with("because", left.reason.code()))
                .collect(),
        ),
        section(
            "links",
            "Parents and carers linked to you",
            "Who may or might see your information in Moodle.",
            linked.iter().map(|link| of_link(link).with("linked_to", number(link.adult.to_string()))).collect(),
        ),
        section(
            "claims",
            "What parents and carers said",
            "Requests in which somebody said that you are their child, as it was typed or corrected.",
            claims
                .iter()
                .map(|claim| {
                    let key = claim.adult.map_or_else(|| claim.request.to_string(), |adult| adult.to_string());
                    Record::default()
                        .with("said_at", claim.created_at)
                        .with("by", number(key))
                        .with("given_name", &claim.given_name)
                        .with("family_name", &claim.family_name)
                        .with_some("tutor_group", claim.tutor_group.as_deref())
                        .with_some("admission_number", claim.admission_number.as_deref())
                        .with("state", &claim.state)
                })
                .collect(),
        ),
        section(
            "decisions",
            "Decisions about you",
            "What staff decided about those requests.",
            decided
                .iter()
                .map(|(action, by, at)| {
                    Record::default().with("decided_at", at).with("decision", action).with("by", role(by))
                })
                .collect(),
        ),
        of_audit(&audited),
    ];
    let bundle = Bundle { about: "a pupil", made_at: app.now(), sections };
    note(app, actor, "pupil", &pupil.to_string()).await?;
    Ok(Made { bundle, for_the_data_protection_officer: remarks })
}

/// What to look at before a pupil's copy is given away. Who looks is noted, as in [`remarks`].
///
/// # Errors
/// As [`of_pupil`].
pub async fn pupil_remarks(
    app: &App,
    actor: &Actor,
    pupil: MoodleUserId,
) -> Result<(PupilName, Remarks), ServiceError> {
    require(actor, Permission::Administer)?;
    let known = name_pupil(app, actor, pupil).await?;
    let mut store = app.store.acquire().await?;
    let linked = links_of_pupil(&mut store, pupil).await?;
    let remarks = remarks_on_pupil(app, &mut store, pupil, &linked).await?;
    drop(store);
    looked::note(app, actor, "pupil", pupil).await?;
    Ok((known, remarks))
}

async fn links_of_pupil(store: &mut impl Session, pupil: MoodleUserId) -> Result<Vec<Link>, ServiceError> {
    let filter = links::Filter { pupil: Some(pupil), ..links::Filter::default() };
    Ok(links::list(store, filter, None, MOST).await?)
}

/// What the store holds about an adult that is read more than once.
struct Of {
    requests: Vec<Request>,
    claims: Vec<Claim>,
    links: Vec<Link>,
    questions: Vec<questions::Question>,
    decisions: Vec<decisions::Decision>,
}

impl Of {
    async fn read(store: &mut impl Session, adult: &Adult, now: Timestamp) -> Result<Self, ServiceError> {
        let ids = erasure::Requests::of_adults(store, &[adult.id], now).await?.ids()?;
        let mut requests = requests::by_ids(store, &ids).await?;
        requests.sort_by_key(|request| (request.created_at, request.id));
        Ok(Self {
            claims: requests::claims_of(store, &ids).await?,
            links: links::of_adults(store, &[adult.id]).await?,
            questions: questions::of_requests(store, &ids).await?,
            decisions: decisions::of_requests(store, &ids).await?,
            requests,
        })
    }

    fn ids(&self) -> Vec<RequestId> {
        self.requests.iter().map(|request| request.id).collect()
    }

    fn subjects(&self, adult: &Adult) -> Vec<String> {
        let mut subjects = vec![format!("adult:{}", adult.id)];
        subjects.extend(self.requests.iter().map(|request| format!("request:{}", request.id)));
        subjects.extend(self.links.iter().map(|link| format!("link:{}", link.id)));
        subjects
    }

    fn sections(&self) -> Vec<Section> {
        vec![
            section(
                "requests",
                "Requests you sent",
                "What you asked the school for, as it now stands.",
                self.requests.iter().map(of_request).collect(),
            ),
            section(
                "children",
                "Children you named",
                "As you typed them.",
                self.claims.iter().filter_map(|claim| self.child(claim)).collect(),
            ),
            section(
                "questions",
                "Questions and answers",
                "What the school asked you, and what you answered.",
                self.questions
                    .iter()
                    .map(|question| {
                        Record::default()
                            .with("request", reference(&self.requests, question.request))
                            .with("asked_at", question.asked_at)
                            .with("question", &question.question)
                            .with_some("answer", question.answer.as_deref())
                    })
                    .collect(),
            ),
            section(
                "decisions",
                "Decisions",
                "What was decided about your requests.",
                self.decisions
                    .iter()
                    .map(|decision| {
                        Record::default()
                            .with("request", reference(&self.requests, decision.request))
                            .with("decided_at", decision.made_at)
                            .with("decision", decision.action)
                            .with("by", role(&decision.actor))
                    })
                    .collect(),
            ),
        ]
    }

    /// A child as the adult typed it: what staff corrected may be more than the adult knew.
    fn child(&self, claim: &Claim) -> Option<Record> {
        let request = self.requests.iter().find(|request| request.id == claim.request)?;
        let sent: Option<RawSubmission> = serde_json::from_str(&request.submitted).ok();
        let place = usize::try_from(claim.position).ok()?;
        let record = Record::default().with("request", &request.reference);
        let record = match sent.as_ref().and_then(|sent| sent.children.get(place)) {
            Some(typed) => record
                .with("given_name", &typed.given_name)
                .with("family_name", &typed.family_name)
                .with_some("tutor_group", typed.tutor_group.as_deref())
                .with_some("admission_number", typed.admission_number.as_deref()),
            None if claim.state == ClaimState::Approved && claim.child.given_name != ERASED_GIVEN_NAME => {
                record.with("given_name", &claim.child.given_name).with("family_name", &claim.child.family_name)
            }
            None => record.with("name", "what you typed is no longer kept"),
        };
        Some(record.with("state", claim.state))
    }
}

fn of_request(request: &Request) -> Record {
    Record::default()
        .with("reference", &request.reference)
        .with("kind", request.kind)
        .with("status", request.status)
        .with("sent_at", request.created_at)
        .with("last_changed_at", request.updated_at)
        .with_some("email_proven_at", request.confirmed_at)
        .with("language", &request.locale)
        .with_some("title", request.title.as_deref())
        .with("given_name", &request.given_name)
        .with("family_name", &request.family_name)
        .with_some("email", request.email.as_ref())
        .with("email_as_typed", &request.email_typed)
        .with("comment", &request.comment)
        .with("form_as_it_came", if request.submitted == "null" { "" } else { &request.submitted })
}

fn of_link(link: &Link) -> Record {
    let reason = link.end_reason.as_deref().filter(|reason| !tells_of_hold(reason));
    Record::default()
        .with("in_force", if link.active { "yes" } else { "no" })
        .with("since", link.started_at)
        .with_some("ended_at", link.ended_at)
        .with_some("ended_because", reason)
}

fn of_audit(entries: &[audit::Written]) -> Section {
    let shown = entries.iter().filter(|entry| !tells_of_hold(&entry.entry.action));
    section(
        "record",
        "What was done, and who looked",
        "Kept so that everything that happens to your data can be accounted for.",
        shown
            .map(|entry| {
                Record::default().with("at", entry.at).with("what", &entry.entry.action).with("by", role(&entry.actor))
            })
            .collect(),
    )
}

const fn section(code: &'static str, title: &'static str, meaning: &'static str, records: Vec<Record>) -> Section {
    Section { code, title, meaning, records }
}

/// Which mail it was.
fn letter(stored: &str) -> &'static str {
    match serde_json::from_str(stored) {
        Ok(Letter::ConfirmAddress { .. }) => "please prove your address",
        Ok(Letter::Received) => "we have your request",
        Ok(Letter::Question { .. }) => "the school has a question",
        Ok(Letter::Approved) => "your account is ready",
        Ok(Letter::ChildAdded) => "a child was added",
        Ok(Letter::CouldNotConfirm) => "we could not confirm your request",
        Ok(Letter::AccessEnded) => "your access has ended",
        Ok(Letter::NewAddress { .. }) => "please prove your new address",
        Ok(Letter::AddressChanging { .. }) => "your address is being changed",
        Err(_) => "a message",
    }
}

/// The holds that name a pupil, and those of the adults who are or were linked to them: the copy tells of these adults too.
async fn remarks_on_pupil(
    app: &App,
    store: &mut impl Session,
    pupil: MoodleUserId,
    linked: &[Link],
) -> Result<Remarks, ServiceError> {
    let adults: BTreeSet<AdultId> = linked.iter().map(|link| link.adult).collect();
    // All at once: not a statement for each of the adults.
    let all = held::Filter { view: HoldView::All, adult: None, pupil: None };
    let all = held::list(store, &all, app.now(), None, MOST_HOLDS).await?;
    let named =
        all.iter().filter(|hold| hold.pupil == Some(pupil) || hold.adult.is_some_and(|id| adults.contains(&id)));
    let mut holds: BTreeSet<HoldId> = named.map(|hold| hold.id).collect();
    let stops = holds::in_force(app, store).await?;
    for adult in accounts::adults(store, &adults.into_iter().collect::<Vec<_>>()).await? {
        holds.extend(stops.of_pair(&holds::of_adult(&adult), pupil));
    }
    let mut about: Vec<RequestId> =
        bundle::claims_of_pupil(store, pupil).await?.into_iter().map(|claim| claim.request).collect();
    about.sort_unstable();
    about.dedup();
    let requests = requests::by_ids(store, &about).await?;
    let decided = decisions::of_requests(store, &about).await?;
    Ok(Remarks { holds: holds.into_iter().collect(), words_of_staff: words_of_staff(&requests, &decided) })
}

async fn remarks_on(app: &App, store: &mut impl Session, adult: &Adult, found: &Of) -> Result<Remarks, ServiceError> {
    let named = held::Filter { view: HoldView::All, adult: Some(adult.id), pupil: None };
    let named = held::list(store, &named, app.now(), None, MOST).await?;
    let mut holds: BTreeSet<HoldId> = named.iter().map(|hold| hold.id).collect();
    let (stops, who) = (holds::in_force(app, store).await?, holds::of_adult(adult));
    holds.extend(stops.of_person(&who));
    holds.extend(found.links.iter().flat_map(|link| stops.of_pair(&who, link.pupil)));
    Ok(Remarks {
        holds: holds.into_iter().collect(),
        words_of_staff: words_of_staff(&found.requests, &found.decisions),
    })
}

/// What staff wrote in these requests and with these decisions about them, each behind its request's reference.
fn words_of_staff(requests: &[Request], decided: &[decisions::Decision]) -> Vec<String> {
    let notes = requests.iter().map(|request| (request.id, request.staff_note.clone()));
    let said = decided.iter().flat_map(|decision| {
        [decision.reason.clone(), decision.note.clone()].into_iter().flatten().map(|text| (decision.request, text))
    });
    let words = notes.chain(said).filter(|(_, text)| !text.is_empty());
    words.map(|(request, text)| format!("{}: {text}", reference(requests, request))).collect()
}

/// What people call one of these requests.
fn reference(requests: &[Request], id: RequestId) -> String {
    requests.iter().find(|request| request.id == id).map(|request| request.reference.to_string()).unwrap_or_default()
}

async fn note(app: &App, actor: &Actor, kind: &str, id: &str) -> Result<(), ServiceError> {
    let mut tx = app.store.begin().await?;
    let entry = audit::Entry::new(format!("{kind}.access_bundle"), format!("{kind}:{id}"), json!({}));
    audit::write(&mut tx, actor, app.now(), &[entry]);
    Ok(tx.commit().await?)
}
