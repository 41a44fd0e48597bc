//! The lists of requests that staff page through: views with counts, numbered pages, the neighbours of a request.
//!
//! Rows, writing and the cursor lists of the API are in [`crate::requests`]. Which statuses a view has is the domain's.

use kinlink_db::{Session, Value, in_list};
use kinlink_domain::{
    Timestamp,
    email::EmailAddress,
    ids::RequestId,
    outcome::Outcome,
    reference::Reference,
    request::{Kind, Status},
    request_view::RequestView,
};
use sqlx::FromRow;

use crate::{
    StoreError,
    error::{coded, id, id_or_none},
    requests::{Claim, ClaimRow, Cursor, REQUEST, Request, RequestRow, Sort, cursor, search_conditions},
    time::{instant, millis},
};

/// Which requests a list holds.
#[derive(Debug, Clone)]
pub struct Selection {
    /// The view.
    pub view: RequestView,
    /// Only this kind.
    pub kind: Option<Kind>,
    /// Only those that contain every word: names, address, children, reference.
    pub search: String,
    /// Whether comment and note are searched as well: only for whoever may read them.
    pub in_notes: bool,
    /// Only those in one of these statuses as well; empty means that the view alone decides.
    pub statuses: Vec<Status>,
}

impl Selection {
    /// Everything in a view.
    #[must_use]
    pub const fn of(view: RequestView) -> Self {
        Self { view, kind: None, search: String::new(), in_notes: false, statuses: Vec::new() }
    }

    fn conditions(&self) -> (String, Vec<Value>) {
        let (mut conditions, mut args) = search_conditions(self.kind, &self.search, self.in_notes);
        match self.view {
            RequestView::All => {}
            RequestView::Todo => conditions.push(format!("({} OR {})", status_in(self.view.statuses()), stuck())),
            _ => conditions.push(status_in(self.view.statuses())),
        }
        if !self.statuses.is_empty() {
            conditions.push(format!("status IN {}", in_list(self.statuses.len())));
            args.extend(self.statuses.iter().map(|status| Value::from(status.code())));
        }
        (conditions.join(" AND "), args)
    }
}

/// Codes are ours, so that they can stand in the statement: it is the same one for everybody.
fn status_in(statuses: &[Status]) -> String {
    let codes: Vec<String> = statuses.iter().map(|status| format!("'{status}'")).collect();
    format!("status IN ({})", codes.join(", "))
}

/// Approved, and a child is left to decide or cannot be linked without a person. The inner selects do not depend on the row,
/// so that each runs once.
fn stuck() -> String {
    let outcomes: Vec<String> =
        Outcome::ALL.iter().filter(|outcome| outcome.needs_person()).map(|outcome| format!("'{outcome}'")).collect();
    format!(
        "(status IN ('approved', 'provisioned') AND id IN (SELECT request_id FROM claims WHERE outcome IN ({}) AND \
         state = 'approved')) OR (status = 'approved' AND EXISTS (SELECT 1 FROM claims c WHERE c.request_id = requests.id \
         AND c.state = 'open'))",
        outcomes.join(", ")
    )
}

/// How many requests there are by status, and by whether they are stuck ([`RequestView::holds`]).
///
/// # Errors
/// [`StoreError`].
pub async fn counts(
    session: &mut impl Session,
    kind: Option<Kind>,
    search: &str,
    in_notes: bool,
) -> Result<Vec<(Status, bool, i64)>, StoreError> {
    let (conditions, args) = search_conditions(kind, search, in_notes);
    let sql = format!(
        "SELECT status, CASE WHEN {} THEN 'stuck' ELSE '' END, COUNT(*) FROM requests WHERE {} GROUP BY 1, 2",
        stuck(),
        conditions.join(" AND ")
    );
    let rows: Vec<(String, String, i64)> = session.fetch_all(&sql, args).await?;
    rows.into_iter()
        .map(|(status, stuck, count)| {
            Ok((coded(Status::from_code(&status), "requests.status")?, !stuck.is_empty(), count))
        })
        .collect()
}

/// How many requests a selection holds.
///
/// # Errors
/// [`StoreError`].
pub async fn count(session: &mut impl Session, selection: &Selection) -> Result<i64, StoreError> {
    let (conditions, args) = selection.conditions();
    let row: Option<(i64,)> =
        session.fetch_optional(&format!("SELECT COUNT(*) FROM requests WHERE {conditions}"), args).await?;
    Ok(row.map_or(0, |(count,)| count))
}

/// A numbered page: `limit` requests behind the first `offset`.
///
/// # Errors
/// [`StoreError`].
pub async fn page(
    session: &mut impl Session,
    selection: &Selection,
    sort: Sort,
    limit: u32,
    offset: i64,
) -> Result<Vec<Request>, StoreError> {
    let (conditions, mut args) = selection.conditions();
    let (column, direction) = sort.order();
    let sql = format!("{REQUEST} WHERE {conditions} ORDER BY {column} {direction}, id {direction} LIMIT ? OFFSET ?");
    args.extend([i64::from(limit).into(), offset.into()]);
    fetch(session, &sql, args).await
}

/// The requests behind a cursor: for walks through a whole selection, whatever changes meanwhile.
///
/// # Errors
/// [`StoreError`].
pub async fn after(
    session: &mut impl Session,
    selection: &Selection,
    sort: Sort,
    after: Option<&Cursor>,
    limit: u32,
) -> Result<Vec<Request>, StoreError> {
    let (mut conditions, mut args) = selection.conditions();
    let (column, direction) = sort.order();
    if let Some(after) = after {
        let (condition, values) = sort.behind(after);
        conditions = format!("{conditions} AND {condition}");
        args.extend(values);
    }
    let sql = format!("{REQUEST} WHERE {conditions} ORDER BY {column} {direction}, id {direction} LIMIT ?");
    args.push(i64::from(limit).into());
    fetch(session, &sql, args).await
}

async fn fetch(session: &mut impl Session, sql: &str, args: Vec<Value>) -> Result<Vec<Request>, StoreError> {
    let rows: Vec<RequestRow> = session.fetch_all(sql, args).await?;
    rows.into_iter().map(Request::try_from).collect()
}

/// Where a request stands in a selection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// How many requests the selection holds.
    pub total: i64,
    /// How many of them come before the request.
    pub before: i64,
    /// Whether the selection holds the request itself.
    pub included: bool,
    /// The one before it.
    pub previous: Option<RequestId>,
    /// The one behind it.
    pub next: Option<RequestId>,
}

/// Where a request stands in a selection, also when it is not in it any more: two statements.
///
/// # Errors
/// [`StoreError`].
pub async fn place(
    session: &mut impl Session,
    selection: &Selection,
    sort: Sort,
    request: &Request,
) -> Result<Place, StoreError> {
    let here = cursor(request, sort);
    let (conditions, args) = selection.conditions();
    let (before, before_args) = sort.reversed().behind(&here);
    let sql = format!(
        "SELECT COUNT(*), COUNT(CASE WHEN {before} THEN 1 END), COUNT(CASE WHEN id = ? THEN 1 END) FROM requests \
         WHERE {conditions}"
    );
    let mut all = before_args.to_vec();
    all.push(here.id.as_str().into());
    all.extend(args.iter().cloned());
    let row: Option<(i64, i64, i64)> = session.fetch_optional(&sql, all).await?;
    let (total, before, included) = row.unwrap_or_default();

    let mut selects = Vec::new();
    let mut all = Vec::new();
    for sort in [sort.reversed(), sort] {
        let (column, direction) = sort.order();
        let (behind, behind_args) = sort.behind(&here);
        selects.push(format!(
            "(SELECT id FROM requests WHERE {conditions} AND {behind} ORDER BY {column} {direction}, id {direction} LIMIT 1)"
        ));
        all.extend(args.iter().cloned());
        all.extend(behind_args);
    }
    let row: Option<(Option<String>, Option<String>)> =
        session.fetch_optional(&format!("SELECT {}", selects.join(", ")), all).await?;
    let (previous, next) = row.unwrap_or_default();
    Ok(Place {
        total,
        before,
        included: included > 0,
        previous: id_or_none(previous.as_deref(), "requests.id")?,
        next: id_or_none(next.as_deref(), "requests.id")?,
    })
}

/// A request that waits for a decision, with its address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenRequest {
    /// Its id.
    pub id: RequestId,
    /// What people call it.
    pub reference: Reference,
    /// Its address.
    pub email: String,
}

/// The undecided requests that came from these addresses, oldest first.
///
/// # Errors
/// [`StoreError`].
pub async fn open_by_emails(
    session: &mut impl Session,
    emails: &[EmailAddress],
) -> Result<Vec<OpenRequest>, StoreError> {
    let open: Vec<Status> = Status::ALL.iter().copied().filter(|status| status.is_open()).collect();
    let sql = format!(
        "SELECT id, reference, email FROM requests WHERE {} AND email IN {} ORDER BY created_at, id",
        status_in(&open),
        in_list(emails.len())
    );
    let args: Vec<Value> = emails.iter().map(|email| email.as_str().into()).collect();
    let rows: Vec<(String, String, String)> = session.fetch_all(&sql, args).await?;
    rows.into_iter()
        .map(|(request, reference, email)| {
            Ok(OpenRequest {
                id: id(&request, "requests.id")?,
                reference: reference.parse().map_err(|_| StoreError::Corrupt("requests.reference"))?,
                email,
            })
        })
        .collect()
}

/// A claim that nobody decided and for which no pupil was pinned, with its request.
#[derive(Debug, Clone)]
pub struct Unmatched {
    /// The claim.
    pub claim: Claim,
    /// What people call its request.
    pub reference: Reference,
    /// Where its request stands.
    pub status: Status,
    /// The adult's given name.
    pub given_name: String,
    /// The adult's family name.
    pub family_name: String,
    /// When the request came.
    pub created_at: Timestamp,
    /// The request's version.
    pub version: i64,
}

#[derive(FromRow)]
struct UnmatchedRow {
    #[sqlx(flatten)]
    claim: ClaimRow,
    reference: String,
    status: String,
    adult_given_name: String,
    adult_family_name: String,
    created_at: i64,
    version: i64,
}

const UNMATCHED: &str = "FROM claims c JOIN requests r ON r.id = c.request_id WHERE r.status IN ('pending', 'approved') AND \
     c.state = 'open' AND c.pupil_id IS NULL";

/// The claims that nobody decided and for which no pupil was pinned, of requests that wait for staff; oldest request first.
///
/// # Errors
/// [`StoreError`].
pub async fn unmatched(session: &mut impl Session, limit: u32) -> Result<Vec<Unmatched>, StoreError> {
    let sql = format!(
        "SELECT c.id, c.request_id, c.position, c.given_name, c.family_name, c.tutor_group, c.admission_number, c.state, \
         c.pupil_id, c.link_id, c.outcome, c.outcome_at, r.reference, r.status, r.given_name AS adult_given_name, \
         r.family_name AS adult_family_name, r.created_at, r.version {UNMATCHED} ORDER BY r.created_at, r.id, c.position \
         LIMIT ?"
    );
    let rows: Vec<UnmatchedRow> = session.fetch_all(&sql, [i64::from(limit).into()]).await?;
    rows.into_iter()
        .map(|row| {
            Ok(Unmatched {
                claim: row.claim.try_into()?,
                reference: row.reference.parse().map_err(|_| StoreError::Corrupt("requests.reference"))?,
                status: coded(Status::from_code(&row.status), "requests.status")?,
                given_name: row.adult_given_name,
                family_name: row.adult_family_name,
                created_at: instant(row.created_at),
                version: row.version,
            })
        })
        .collect()
}

/// How many claims [`unmatched`] would give without a limit.
///
/// # Errors
/// [`StoreError`].
pub async fn count_unmatched(session: &mut impl Session) -> Result<i64, StoreError> {
    let row: Option<(i64,)> = session.fetch_optional(&format!("SELECT COUNT(*) {UNMATCHED}"), []).await?;
    Ok(row.map_or(0, |(count,)| count))
}

/// When a request came, and where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// The request.
    pub id: RequestId,
    /// Where it stands.
    pub status: Status,
    /// When it came.
    pub created_at: Timestamp,
    /// When its address was proven.
    pub confirmed_at: Option<Timestamp>,
}

/// The requests that came, waited or were decided on at or after `since`: those that wait now, and those of
/// [`crate::decisions::of_decided_since`]. Oldest first.
///
/// # Errors
/// [`StoreError`].
pub async fn arrivals(session: &mut impl Session, since: Timestamp) -> Result<Vec<Arrival>, StoreError> {
    let sql = "SELECT id, status, created_at, confirmed_at FROM requests WHERE created_at >= ? OR status IN ('pending', \
               'waiting_for_parent') OR id IN (SELECT request_id FROM decisions WHERE made_at >= ?) ORDER BY created_at, id";
    let rows: Vec<(String, String, i64, Option<i64>)> =
        session.fetch_all(sql, [millis(since).into(), Value::from(millis(since))]).await?;
    rows.into_iter()
        .map(|(request, status, created_at, confirmed_at)| {
            Ok(Arrival {
                id: id(&request, "requests.id")?,
                status: coded(Status::from_code(&status), "requests.status")?,
                created_at: instant(created_at),
                confirmed_at: confirmed_at.map(instant),
            })
        })
        .collect()
}
