//! What a cycle found about links, written to the claims that made them, and the requests that are done with that.

use std::collections::{HashMap, HashSet};

use kinlink_db::{Session, Value, in_list};
use kinlink_domain::{
    Timestamp,
    email::EmailAddress,
    ids::{AdultId, LinkId, RequestId},
    outcome::Outcome,
    request::ClaimState,
};

use crate::{StoreError, error::id, time::millis};

/// Writes what a cycle found about links to the approved claims that made them, and to nothing else: one statement
/// for each outcome.
///
/// # Errors
/// [`StoreError`].
pub async fn record_outcomes(
    session: &mut impl Session,
    results: &[(LinkId, Outcome)],
    now: Timestamp,
) -> Result<(), StoreError> {
    for outcome in Outcome::ALL {
        let links: Vec<i64> = results.iter().filter(|(_, found)| found == outcome).map(|(link, _)| link.0).collect();
        for chunk in links.chunks(kinlink_db::ROWS_PER_STATEMENT) {
            let sql = format!(
                "UPDATE claims SET outcome = ?, outcome_at = ? WHERE state = 'approved' AND link_id IN {}",
                in_list(chunk.len())
            );
            let mut args: Vec<Value> = vec![outcome.code().into(), millis(now).into()];
            args.extend(chunk.iter().map(|link| Value::from(*link)));
            session.execute(&sql, args).await?;
        }
    }
    Ok(())
}

/// A request whose approved claims are all linked.
#[derive(Debug, Clone)]
pub struct Linked {
    /// The request.
    pub id: RequestId,
    /// The adult.
    pub adult: AdultId,
    /// Their address today; that of the request may be another, which somebody else reads by now.
    pub email: EmailAddress,
    /// Whether a claim is still to be decided.
    pub has_open_claim: bool,
    /// Whether this request gave the adult their login row.
    pub made_login_row: bool,
    /// How many of its claims are approved.
    pub approved: i64,
}

/// What a request's claims come to.
#[derive(Default)]
struct Tally {
    open: bool,
    unlinked: bool,
    approved: i64,
}

/// Of the approved requests behind these links, those whose approved claims are now all linked. Held until the end of the
/// transaction, so that no decision comes in between.
///
/// Three plain statements: as one with a subquery for every count it took a quarter of a cycle's time on MariaDB.
///
/// # Errors
/// [`StoreError`].
pub async fn linked(session: &mut impl Session, links: &[LinkId]) -> Result<Vec<Linked>, StoreError> {
    let sql = format!(
        "SELECT r.id, r.adult_id, COALESCE((SELECT a.email FROM adults a WHERE a.id = r.adult_id), r.email) FROM requests r WHERE r.status = 'approved' AND r.adult_id IS NOT NULL AND \
         r.email IS NOT NULL AND r.id IN (SELECT c.request_id FROM claims c WHERE c.state = 'approved' AND c.link_id IN {}) \
         ORDER BY r.id{}",
        in_list(links.len()),
        session.engine().for_update()
    );
    let args: Vec<Value> = links.iter().map(|link| link.0.into()).collect();
    let requests: Vec<(String, String, String)> = session.fetch_all(&sql, args).await?;
    if requests.is_empty() {
        return Ok(Vec::new());
    }
    let ids = || requests.iter().map(|(id, ..)| Value::from(id)).collect::<Vec<_>>();
    let sql = format!("SELECT request_id, state, outcome FROM claims WHERE request_id IN {}", in_list(requests.len()));
    let claims: Vec<(String, String, Option<String>)> = session.fetch_all(&sql, ids()).await?;
    let sql = format!("SELECT request_id FROM login_rows WHERE request_id IN {}", in_list(requests.len()));
    let login_rows: Vec<(String,)> = session.fetch_all(&sql, ids()).await?;
    let login_rows: HashSet<String> = login_rows.into_iter().map(|(request,)| request).collect();

    let mut tallies: HashMap<String, Tally> = HashMap::new();
    for (request, state, outcome) in claims {
        let tally = tallies.entry(request).or_default();
        if state == ClaimState::Open.code() {
            tally.open = true;
        } else if state == ClaimState::Approved.code() {
            tally.approved += 1;
            tally.unlinked |= outcome.as_deref() != Some(Outcome::Linked.code());
        }
    }
    requests
        .into_iter()
        .filter_map(|(request, adult, email)| {
            let tally = tallies.remove(&request).filter(|tally| !tally.unlinked)?;
            Some((request, adult, email, tally))
        })
        .map(|(request, adult, email, tally)| {
            Ok(Linked {
                id: id(&request, "requests.id")?,
                adult: id(&adult, "requests.adult_id")?,
                email: EmailAddress::parse(&email).map_err(|_| StoreError::Corrupt("adults.email"))?,
                has_open_claim: tally.open,
                made_login_row: login_rows.contains(&request),
                approved: tally.approved,
            })
        })
        .collect()
}

/// Makes approved requests provisioned.
///
/// # Errors
/// [`StoreError`].
pub async fn mark_provisioned(
    session: &mut impl Session,
    requests: &[RequestId],
    now: Timestamp,
) -> Result<(), StoreError> {
    let sql = format!(
        "UPDATE requests SET status = 'provisioned', updated_at = ?, version = version + 1 WHERE status = 'approved' AND id IN {}",
        in_list(requests.len())
    );
    let mut args: Vec<Value> = vec![millis(now).into()];
    args.extend(requests.iter().map(|request| Value::from(request.to_string())));
    session.execute(&sql, args).await?;
    Ok(())
}
