//! Requests and their claims: storing, finding, changing. `list`: pages of many, sorted and searched. `outcomes`: what cycles
//! say of approved claims.

use kinlink_db::{Int, Session, Value, in_list, insert_many};
use kinlink_domain::{
    Timestamp,
    email::EmailAddress,
    fold::fold_words,
    ids::{AdultId, ClaimId, LinkId, MoodleUserId, RequestId, SourceId},
    outcome::Outcome,
    reference::Reference,
    request::{ClaimState, Kind, Status},
    submission::{Child, FieldFault},
};
use sqlx::FromRow;

use crate::{
    StoreError,
    error::{coded, id, id_or_none},
    time::{instant, millis},
};

mod list;
mod outcomes;

pub(crate) use self::list::search_conditions;
pub use self::{
    list::{Cursor, Filter, Sort, counts, cursor, list},
    outcomes::{Linked, linked, mark_provisioned, record_outcomes},
};

/// A request as it stands.
#[derive(Debug, Clone)]
pub struct Request {
    /// Its id.
    pub id: RequestId,
    /// What people call it.
    pub reference: Reference,
    /// What the adult wants.
    pub kind: Kind,
    /// Where it stands.
    pub status: Status,
    /// Language for mails.
    pub locale: String,
    /// The form it came by.
    pub source: Option<SourceId>,
    /// The adult it was decided to be.
    pub adult: Option<AdultId>,
    /// Title, as corrected.
    pub title: Option<String>,
    /// Given name, as corrected.
    pub given_name: String,
    /// Family name, as corrected.
    pub family_name: String,
    /// The address, if it is one.
    pub email: Option<EmailAddress>,
    /// The address as typed.
    pub email_typed: String,
    /// The adult's free text.
    pub comment: String,
    /// What was wrong with the submission.
    pub faults: Vec<FieldFault>,
    /// The submission as it came, as JSON; never changed.
    pub submitted: String,
    /// The staff's note.
    pub staff_note: String,
    /// While the request is open: the hash of its content, unique.
    pub dedup_key: Option<String>,
    /// When it came.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When the address was proven.
    pub confirmed_at: Option<Timestamp>,
    /// When it was last decided on.
    pub decided_at: Option<Timestamp>,
    /// When the adult last answered a question.
    pub replied_at: Option<Timestamp>,
    /// Counts changes: the `ETag`.
    pub version: i64,
}

impl Request {
    /// Whether the adult answered a question and staff have decided nothing since.
    #[must_use]
    pub fn is_replied(&self) -> bool {
        self.status == Status::Pending && self.replied_at.is_some_and(|replied| self.decided_at <= Some(replied))
    }
}

/// A claim ("this is my child") of a request.
#[derive(Debug, Clone)]
pub struct Claim {
    /// Its id.
    pub id: ClaimId,
    /// Its request.
    pub request: RequestId,
    /// Its place among the request's claims, from 0.
    pub position: i64,
    /// The child, as corrected.
    pub child: Child,
    /// Where it stands.
    pub state: ClaimState,
    /// The pupil that was picked.
    pub pupil: Option<MoodleUserId>,
    /// The link that approving made.
    pub link: Option<LinkId>,
    /// What the last cycle found.
    pub outcome: Option<Outcome>,
    /// When it found that.
    pub outcome_at: Option<Timestamp>,
}

#[derive(FromRow)]
pub(crate) struct RequestRow {
    id: String,
    reference: String,
    kind: String,
    status: String,
    locale: String,
    source_id: Option<String>,
    adult_id: Option<String>,
    title: Option<String>,
    given_name: String,
    family_name: String,
    email: Option<String>,
    email_typed: String,
    comment_text: String,
    faults: String,
    submitted: String,
    staff_note: String,
    dedup_key: Option<String>,
    created_at: i64,
    updated_at: i64,
    confirmed_at: Option<i64>,
    decided_at: Option<i64>,
    replied_at: Option<i64>,
    version: i64,
}

impl TryFrom<RequestRow> for Request {
    type Error = StoreError;
    fn try_from(row: RequestRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: id(&row.id, "requests.id")?,
            reference: row.reference.parse().map_err(|_| StoreError::Corrupt("requests.reference"))?,
            kind: coded(Kind::from_code(&row.kind), "requests.kind")?,
            status: coded(Status::from_code(&row.status), "requests.status")?,
            locale: row.locale,
            source: id_or_none(row.source_id.as_deref(), "requests.source_id")?,
            adult: id_or_none(row.adult_id.as_deref(), "requests.adult_id")?,
            title: row.title,
            given_name: row.given_name,
            family_name: row.family_name,
            email: row
                .email
                .map(|email| EmailAddress::parse(&email).map_err(|_| StoreError::Corrupt("requests.email")))
                .transpose()?,
            email_typed: row.email_typed,
            comment: row.comment_text,
            faults: serde_json::from_str(&row.faults).map_err(|_| StoreError::Corrupt("requests.faults"))?,
            submitted: row.submitted,
            staff_note: row.staff_note,
            dedup_key: row.dedup_key,
            created_at: instant(row.created_at),
            updated_at: instant(row.updated_at),
            confirmed_at: row.confirmed_at.map(instant),
            decided_at: row.decided_at.map(instant),
            replied_at: row.replied_at.map(instant),
            version: row.version,
        })
    }
}

#[derive(FromRow)]
pub(crate) struct ClaimRow {
    id: String,
    request_id: String,
    position: i64,
    given_name: String,
    family_name: String,
    tutor_group: Option<String>,
    admission_number: Option<String>,
    state: String,
    pupil_id: Option<i64>,
    link_id: Option<i64>,
    outcome: Option<String>,
    outcome_at: Option<i64>,
}

impl TryFrom<ClaimRow> for Claim {
    type Error = StoreError;
    fn try_from(row: ClaimRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: id(&row.id, "claims.id")?,
            request: id(&row.request_id, "claims.request_id")?,
            position: row.position,
            child: Child {
                given_name: row.given_name,
                family_name: row.family_name,
                tutor_group: row.tutor_group,
                admission_number: row.admission_number,
            },
            state: coded(ClaimState::from_code(&row.state), "claims.state")?,
            pupil: row.pupil_id.map(MoodleUserId),
            link: row.link_id.map(LinkId),
            outcome: row.outcome.map(|code| coded(Outcome::from_code(&code), "claims.outcome")).transpose()?,
            outcome_at: row.outcome_at.map(instant),
        })
    }
}

pub(crate) const REQUEST: &str = "SELECT id, reference, kind, status, locale, source_id, adult_id, title, given_name, family_name, email, \
     email_typed, comment_text, faults, submitted, staff_note, dedup_key, created_at, updated_at, confirmed_at, decided_at, \
     replied_at, version FROM requests";
const CLAIM: &str = "SELECT id, request_id, position, given_name, family_name, tutor_group, admission_number, state, pupil_id, \
     link_id, outcome, outcome_at FROM claims";

/// Stores a new request with its claims.
///
/// # Errors
/// A duplicate ([`StoreError::is_duplicate`]) when an open request has the same `dedup_key`, or the reference is taken.
pub async fn insert(session: &mut impl Session, request: &Request, claims: &[Claim]) -> Result<(), StoreError> {
    let children: Vec<&Child> = claims.iter().map(|claim| &claim.child).collect();
    session
        .execute(
            "INSERT INTO requests (id, reference, kind, status, locale, source_id, title, given_name, family_name, email, \
             email_typed, comment_text, faults, submitted, staff_note, search_text, sort_name, dedup_key, created_at, \
             updated_at, confirmed_at, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                request.id.to_string().into(),
                request.reference.as_str().into(),
                request.kind.code().into(),
                request.status.code().into(),
                request.locale.as_str().into(),
                request.source.map(|source| source.to_string()).into(),
                request.title.as_deref().into(),
                request.given_name.as_str().into(),
                request.family_name.as_str().into(),
                request.email.as_ref().map(EmailAddress::as_str).into(),
                request.email_typed.as_str().into(),
                request.comment.as_str().into(),
                faults_json(&request.faults).into(),
                request.submitted.as_str().into(),
                request.staff_note.as_str().into(),
                search_text(request, &children).into(),
                sort_name(&request.family_name, &request.given_name).into(),
                request.dedup_key.as_deref().into(),
                millis(request.created_at).into(),
                millis(request.updated_at).into(),
                request.confirmed_at.map(millis).into(),
                Value::from(request.version),
            ],
        )
        .await?;
    let rows = claims
        .iter()
        .map(|claim| {
            [
                claim.id.to_string().into(),
                claim.request.to_string().into(),
                claim.position.into(),
                claim.child.given_name.as_str().into(),
                claim.child.family_name.as_str().into(),
                claim.child.tutor_group.as_deref().into(),
                claim.child.admission_number.as_deref().into(),
                Value::from(claim.state.code()),
            ]
        })
        .collect();
    let insert =
        "INSERT INTO claims (id, request_id, position, given_name, family_name, tutor_group, admission_number, state)";
    insert_many(session, insert, rows, "").await?;
    Ok(())
}

/// A request by its id.
///
/// # Errors
/// [`StoreError`].
pub async fn find(session: &mut impl Session, request: RequestId) -> Result<Option<Request>, StoreError> {
    find_where(session, "id = ?", request.to_string().into()).await
}

/// Whether the personal data of a request is gone, because somebody wanted that or its time was over.
///
/// # Errors
/// [`StoreError`].
pub async fn is_erased(session: &mut impl Session, request: RequestId) -> Result<bool, StoreError> {
    let sql = "SELECT 1 FROM requests WHERE id = ? AND erased_at IS NOT NULL";
    let found: Option<(Int,)> = session.fetch_optional(sql, [request.to_string().into()]).await?;
    Ok(found.is_some())
}

/// A request by its reference.
///
/// # Errors
/// [`StoreError`].
pub async fn find_by_reference(
    session: &mut impl Session,
    reference: &Reference,
) -> Result<Option<Request>, StoreError> {
    find_where(session, "reference = ?", reference.as_str().into()).await
}

/// The open request with this content, if there is one.
///
/// # Errors
/// [`StoreError`].
pub async fn find_by_dedup_key(session: &mut impl Session, key: &str) -> Result<Option<Request>, StoreError> {
    find_where(session, "dedup_key = ?", key.into()).await
}

async fn find_where(session: &mut impl Session, condition: &str, value: Value) -> Result<Option<Request>, StoreError> {
    let row: Option<RequestRow> = session.fetch_optional(&format!("{REQUEST} WHERE {condition}"), [value]).await?;
    row.map(Request::try_from).transpose()
}

/// Requests by their ids, in no order.
///
/// # Errors
/// [`StoreError`].
pub async fn by_ids(session: &mut impl Session, requests: &[RequestId]) -> Result<Vec<Request>, StoreError> {
    let sql = format!("{REQUEST} WHERE id IN {}", in_list(requests.len()));
    let args: Vec<Value> = requests.iter().map(|request| request.to_string().into()).collect();
    let rows: Vec<RequestRow> = session.fetch_all(&sql, args).await?;
    rows.into_iter().map(Request::try_from).collect()
}

/// The claims of a request, in their order.
///
/// # Errors
/// [`StoreError`].
pub async fn claims(session: &mut impl Session, request: RequestId) -> Result<Vec<Claim>, StoreError> {
    claims_of(session, &[request]).await
}

/// The claims of several requests, ordered by request and position.
///
/// # Errors
/// [`StoreError`].
pub async fn claims_of(session: &mut impl Session, requests: &[RequestId]) -> Result<Vec<Claim>, StoreError> {
    let sql = format!("{CLAIM} WHERE request_id IN {} ORDER BY request_id, position", in_list(requests.len()));
    let args: Vec<Value> = requests.iter().map(|request| request.to_string().into()).collect();
    let rows: Vec<ClaimRow> = session.fetch_all(&sql, args).await?;
    rows.into_iter().map(Claim::try_from).collect()
}

/// Writes the request's changeable columns, if it still has the version it was read with; counts the version up in place.
///
/// # Errors
/// [`StoreError::Stale`] when it has not; a duplicate when `dedup_key` is taken.
pub async fn update(session: &mut impl Session, request: &mut Request, claims: &[Claim]) -> Result<(), StoreError> {
    let children: Vec<&Child> = claims.iter().map(|claim| &claim.child).collect();
    let matched = session
        .execute(
            "UPDATE requests SET kind = ?, status = ?, adult_id = ?, title = ?, given_name = ?, family_name = ?, email = ?, \
             faults = ?, staff_note = ?, search_text = ?, sort_name = ?, dedup_key = ?, updated_at = ?, confirmed_at = ?, \
             decided_at = ?, replied_at = ?, version = version + 1 WHERE id = ? AND version = ?",
            [
                request.kind.code().into(),
                request.status.code().into(),
                request.adult.map(|adult| adult.to_string()).into(),
                request.title.as_deref().into(),
                request.given_name.as_str().into(),
                request.family_name.as_str().into(),
                request.email.as_ref().map(EmailAddress::as_str).into(),
                faults_json(&request.faults).into(),
                request.staff_note.as_str().into(),
                search_text(request, &children).into(),
                sort_name(&request.family_name, &request.given_name).into(),
                request.dedup_key.as_deref().into(),
                millis(request.updated_at).into(),
                request.confirmed_at.map(millis).into(),
                request.decided_at.map(millis).into(),
                request.replied_at.map(millis).into(),
                request.id.to_string().into(),
                Value::from(request.version),
            ],
        )
        .await?;
    if matched != 1 {
        return Err(StoreError::Stale("the request"));
    }
    request.version += 1;
    Ok(())
}

/// The admission numbers of claims that have one.
///
/// # Errors
/// [`StoreError`].
pub async fn admission_numbers(
    session: &mut impl Session,
    claims: &[ClaimId],
) -> Result<Vec<(ClaimId, String)>, StoreError> {
    let sql = format!(
        "SELECT id, admission_number FROM claims WHERE admission_number IS NOT NULL AND id IN {}",
        in_list(claims.len())
    );
    let args: Vec<Value> = claims.iter().map(|claim| claim.to_string().into()).collect();
    let rows: Vec<(String, String)> = session.fetch_all(&sql, args).await?;
    rows.into_iter().map(|(claim, number)| Ok((id(&claim, "claims.id")?, number))).collect()
}

/// Writes a claim's changeable columns. Guarded by its request's version: call [`update`] in the same transaction.
///
/// # Errors
/// [`StoreError`].
pub async fn update_claim(session: &mut impl Session, claim: &Claim) -> Result<(), StoreError> {
    session
        .execute(
            "UPDATE claims SET given_name = ?, family_name = ?, tutor_group = ?, admission_number = ?, state = ?, pupil_id = ?, \
             link_id = ?, outcome = ?, outcome_at = ? WHERE id = ?",
            [
                claim.child.given_name.as_str().into(),
                claim.child.family_name.as_str().into(),
                claim.child.tutor_group.as_deref().into(),
                claim.child.admission_number.as_deref().into(),
                claim.state.code().into(),
                claim.pupil.map(|pupil| pupil.0).into(),
                claim.link.map(|link| link.0).into(),
                claim.outcome.map(Outcome::code).into(),
                claim.outcome_at.map(millis).into(),
                Value::from(claim.id.to_string()),
            ],
        )
        .await?;
    Ok(())
}

/// The requests that came from an address, newest first.
///
/// # Errors
/// [`StoreError`].
pub async fn by_email(
    session: &mut impl Session,
    email: &EmailAddress,
    limit: u32,
) -> Result<Vec<Request>, StoreError> {
    let sql = format!("{REQUEST} WHERE email = ? ORDER BY created_at DESC, id DESC LIMIT ?");
    let rows: Vec<RequestRow> = session.fetch_all(&sql, [email.as_str().into(), i64::from(limit).into()]).await?;
    rows.into_iter().map(Request::try_from).collect()
}

/// The requests of one adult, newest first.
///
/// # Errors
/// [`StoreError`].
pub async fn of_adult(session: &mut impl Session, adult: AdultId) -> Result<Vec<Request>, StoreError> {
    let sql = format!("{REQUEST} WHERE adult_id = ? ORDER BY created_at DESC, id DESC");
    let rows: Vec<RequestRow> = session.fetch_all(&sql, [adult.to_string().into()]).await?;
    rows.into_iter().map(Request::try_from).collect()
}

/// Other requests of the same address, newest first: what staff see beside a request.
///
/// # Errors
/// [`StoreError`].
pub async fn others_of(session: &mut impl Session, request: &Request, limit: u32) -> Result<Vec<Request>, StoreError> {
    let Some(email) = &request.email else { return Ok(Vec::new()) };
    let mut others = by_email(session, email, limit + 1).await?;
    others.retain(|other| other.id != request.id);
    others.truncate(limit as usize);
    Ok(others)
}

/// Requests whose address was not proven and cannot be any more: every link that was mailed has run out by `now`.
///
/// # Errors
/// [`StoreError`].
pub async fn unprovable(session: &mut impl Session, now: Timestamp, limit: u32) -> Result<Vec<Request>, StoreError> {
    let sql = format!(
        "{REQUEST} WHERE status = ? AND NOT EXISTS (SELECT 1 FROM email_proofs p WHERE p.request_id = requests.id AND \
         p.expires_at > ?) ORDER BY created_at, id LIMIT ?"
    );
    let args = [Status::Unconfirmed.code().into(), millis(now).into(), Value::from(i64::from(limit))];
    let rows: Vec<RequestRow> = session.fetch_all(&sql, args).await?;
    rows.into_iter().map(Request::try_from).collect()
}

/// The claims of one adult's requests, newest request first, with each request's reference and status.
///
/// # Errors
/// [`StoreError`].
pub async fn claims_of_adult(
    session: &mut impl Session,
    adult: AdultId,
) -> Result<Vec<(Reference, Status, Claim)>, StoreError> {
    let requests = of_adult(session, adult).await?;
    let ids: Vec<RequestId> = requests.iter().map(|request| request.id).collect();
    let claims = claims_of(session, &ids).await?;
    Ok(requests
        .into_iter()
        .flat_map(|request| {
            let own: Vec<_> = claims.iter().filter(|claim| claim.request == request.id).cloned().collect();
            own.into_iter().map(move |claim| (request.reference.clone(), request.status, claim))
        })
        .collect())
}

pub(crate) fn search_text(request: &Request, children: &[&Child]) -> String {
    let mut parts = vec![
        request.reference.as_str(),
        &request.given_name,
        &request.family_name,
        &request.email_typed,
        request.email.as_ref().map_or("", EmailAddress::as_str),
    ];
    for child in children {
        parts.extend([
            child.given_name.as_str(),
            &child.family_name,
            child.tutor_group.as_deref().unwrap_or_default(),
            child.admission_number.as_deref().unwrap_or_default(),
        ]);
    }
    searched(&parts.join(" "), &format!("{} {}", request.comment, request.staff_note))
}

/// What a search looks at: who it is about, a bar, and what was written. Folded words hold no bar.
pub(crate) fn searched(who: &str, written: &str) -> String {
    format!("{} | {}", fold_words(who), fold_words(written))
}

/// What lists of people are sorted by.
#[must_use]
pub fn sort_name(family_name: &str, given_name: &str) -> String {
    let name = format!("{} {}", fold_words(family_name), fold_words(given_name));
    name.chars().take(200).collect()
}

fn faults_json(faults: &[FieldFault]) -> String {
    // A list of plain structs always serialises.
    serde_json::to_string(faults).unwrap_or_else(|_| "[]".to_owned())
}
