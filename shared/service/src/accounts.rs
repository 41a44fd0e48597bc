//! Login rows and adults: who can sign in, how that stands in Moodle, and taking it away.

use std::collections::BTreeSet;

use kinlink_domain::{
    brake::Brake,
    ids::{AdultId, LinkId},
    request::{ClaimState, Status},
    staff::{Actor, Permission},
};
use kinlink_moodle::{site, users};
use kinlink_store::{
    Tx, accounts,
    accounts::LoginRow,
    audit,
    jobs::Priority,
    links,
    requests::{self, Cursor, Request},
};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use crate::{
    App, ServiceError,
    access::require,
    bulk::Refusal,
    decide::{enqueue_job, reason_code, tell_queue},
    error::retry_races,
    mail::{self, Letter},
    own::Person,
};

/// More than this many at once need the number typed.
const TYPED_NUMBER_ABOVE: usize = 10;
/// Most login rows that one call may revoke.
const REVOKE_MOST: usize = 1_000;
/// Most login rows that one call may revoke one by one: a function must answer in time.
const REVOKE_ONE_BY_ONE: usize = 200;

/// How a login row stands in Moodle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AccountState {
    /// Moodle has the account; it signs in by this row.
    Active,
    /// Moodle has the account, suspended.
    Suspended,
    /// Moodle has no such account: not synchronised yet, or refused. An orphan.
    Missing,
    /// The name belongs to an account that signs in another way. An orphan.
    OtherAuth,
    /// Moodle could not be asked.
    Unknown,
}

/// A login row with its state.
#[derive(Debug, Clone)]
pub struct LoginView {
    /// The row.
    pub row: LoginRow,
    /// How it stands in Moodle.
    pub state: AccountState,
    /// Its account.
    pub moodle_user: Option<i64>,
}

/// A page of login rows with their state in Moodle. With Moodle out of reach the rows still come, their state unknown.
///
/// # Errors
/// [`ServiceError::Forbidden`], the store.
pub async fn list(
    app: &App,
    actor: &Actor,
    search: &str,
    after: Option<&Cursor>,
    limit: u32,
) -> Result<Vec<LoginView>, ServiceError> {
    require(actor, Permission::Read)?;
    let rows = accounts::list_login_rows(&mut app.store.acquire().await?, search, after, limit).await?;
    let names: Vec<String> = rows.iter().map(|row| row.username.clone()).collect();
    let found = moodle_accounts(app, &names).await;
    if let Err(error) = &found {
        tracing::warn!(%error, "login rows are listed without their state in Moodle");
    }
    Ok(rows
        .into_iter()
        .map(|row| {
            let account = found.as_ref().ok().and_then(|users| users.iter().find(|user| user.username == row.username));
            let state = if found.is_ok() { state_of(account) } else { AccountState::Unknown };
            LoginView { row, state, moodle_user: account.map(|user| user.id.0) }
        })
        .collect())
}

/// How a login row stands whose name is that of this account in Moodle, which could be asked.
pub(crate) fn state_of(account: Option<&users::User>) -> AccountState {
    match account {
        None => AccountState::Missing,
        Some(user) if user.auth != "db" => AccountState::OtherAuth,
        Some(user) if user.suspended => AccountState::Suspended,
        Some(_) => AccountState::Active,
    }
}

async fn moodle_accounts(app: &App, names: &[String]) -> Result<Vec<users::User>, ServiceError> {
    let mut moodle = app.moodle.connect().await?;
    let prefix = app.moodle.prefix();
    let host = site::local_host(&mut moodle, prefix).await?;
    Ok(users::by_usernames(&mut moodle, prefix, host, names).await?)
}

/// Revokes login rows by user name: the rows go, the adults' links end, their requests become withdrawn.
///
/// `confirmed` is the number that the caller typed; it must be right when there are more than ten.
///
/// # Errors
/// [`ServiceError::Forbidden`], [`ServiceError::NotFound`] when one of the names has no row (then none is revoked), refusals
/// `confirm_number`, `too_many` and `own_request` (one of the rows is the actor's own), the store.
pub async fn revoke(
    app: &App,
    actor: &Actor,
    usernames: &[String],
    confirmed: Option<usize>,
) -> Result<usize, ServiceError> {
    require(actor, Permission::Decide)?;
    let names: Vec<String> = usernames.iter().cloned().collect::<BTreeSet<_>>().into_iter().collect();
    require_number(names.len(), REVOKE_MOST, confirmed)?;
    let hints = retry_races!(revoke_once(app, actor, &names, None))?;
    tell_queue(app, &hints).await;
    Ok(names.len())
}

fn require_number(rows: usize, most: usize, confirmed: Option<usize>) -> Result<(), ServiceError> {
    if rows > most {
        return Err(ServiceError::refused("too_many", format!("revoke at most {most} login rows at once")));
    }
    if rows > TYPED_NUMBER_ABOVE && confirmed != Some(rows) {
        let detail = format!("this revokes {rows} login rows; confirm that number");
        return Err(ServiceError::refused("confirm_number", detail));
    }
    Ok(())
}

/// What became of one login row.
#[derive(Debug, Clone)]
pub struct RevokeResult {
    /// Its user name.
    pub username: String,
    /// Done, or why not.
    pub result: Result<(), Refusal>,
}

/// Revokes login rows by user name, each in a transaction of its own, as [`revoke`] does all at once. `reason` is a short code
/// for the audit; `typed_number` is the number that the caller typed, which must be right when there are more than ten.
///
/// # Errors
/// [`ServiceError::Forbidden`], [`ServiceError::Invalid`] for the reason, refusals `confirm_number` and `too_many`. Nothing
/// was done then. What one row refuses is in its result.
pub async fn revoke_many(
    app: &App,
    actor: &Actor,
    usernames: &[String],
    typed_number: Option<u32>,
    reason: Option<&str>,
) -> Result<Vec<RevokeResult>, ServiceError> {
    require(actor, Permission::Decide)?;
    let reason = reason_code(reason)?;
    let names: BTreeSet<&String> = usernames.iter().collect();
    require_number(names.len(), REVOKE_ONE_BY_ONE, typed_number.map(|number| number as usize))?;
    let mut results = Vec::with_capacity(names.len());
    for name in names {
        let revoked = retry_races!(revoke_once(app, actor, std::slice::from_ref(name), reason.as_deref()));
        let result = match revoked {
            Ok(hints) => {
                tell_queue(app, &hints).await;
                Ok(())
            }
            Err(error) => Err(Refusal::from(&error)),
        };
        results.push(RevokeResult { username: name.clone(), result });
    }
    Ok(results)
}

async fn revoke_once(
    app: &App,
    actor: &Actor,
    names: &[String],
    reason: Option<&str>,
) -> Result<Vec<kinlink_queue::Hint>, ServiceError> {
    let person = Person::of(app, actor).await?;
    let mut tx = app.store.begin().await?;
    let adults = accounts::adults_by_username(&mut tx, names).await?;
    person.require_others(app, &mut tx, &adults).await?;
    let adults: Vec<AdultId> = adults.iter().map(|adult| adult.id).collect();
    let rows = accounts::login_rows_of(&mut tx, &adults).await?;
    if rows.len() != names.len() {
        return Err(ServiceError::NotFound("login row"));
    }
    end_access(app, &mut tx, actor, &adults, "revoked").await?;
    if let Some(reason) = reason {
        let entry =
            |adult: &AdultId| audit::Entry::new("adult.revoke", format!("adult:{adult}"), json!({ "reason": reason }));
        audit::write(&mut tx, actor, app.now(), &adults.iter().map(entry).collect::<Vec<_>>());
    }
    let mut hints = Vec::new();
    for adult in &adults {
        hints.push(enqueue_job(app, &mut tx, *adult, None, Priority::Removal).await?);
    }
    tx.commit().await?;
    Ok(hints)
}

/// Ends everything that adults have: links, login rows, requests in force. The caller queues the jobs.
pub(crate) async fn end_access(
    app: &App,
    tx: &mut Tx<'_>,
    actor: &Actor,
    adults: &[AdultId],
    reason: &str,
) -> Result<(), ServiceError> {
    let now = app.now();
    let active: Vec<LinkId> =
        links::of_adults(tx, adults).await?.iter().filter(|link| link.active).map(|link| link.id).collect();
    links::end(tx, &active, reason, now).await?;
    for adult in adults {
        let affected: BTreeSet<_> = requests::claims_of_adult(tx, *adult)
            .await?
            .into_iter()
            .filter(|(_, status, claim)| status.is_in_force() && claim.state == ClaimState::Approved)
            .map(|(_, _, claim)| claim.request)
            .collect();
        for id in affected {
            let mut request = requests::find(tx, id).await?.ok_or(ServiceError::NotFound("request"))?;
            let mut claims = requests::claims(tx, id).await?;
            for claim in claims.iter_mut().filter(|claim| claim.state == ClaimState::Approved) {
                claim.state = ClaimState::Withdrawn;
                claim.outcome = None;
                claim.outcome_at = None;
            }
            request.status = Status::Withdrawn;
            request.updated_at = now;
            requests::update(tx, &mut request, &claims).await?;
            for claim in &claims {
                requests::update_claim(tx, claim).await?;
            }
            let detail = json!({ "reason": reason, "version": request.version });
            let entry = audit::Entry::new("request.withdraw", format!("request:{id}"), detail);
            audit::write(tx, actor, now, &[entry]);
        }
        end_account_if_unlinked(app, tx, actor, *adult, None).await?;
    }
    Ok(())
}

/// Deletes the login rows of adults for a cause about whom no person decided one by one. All of them or, when they are more than
/// the brake believes, none: counted in the transaction that deletes.
///
/// # Errors
/// The refusal `login_rows_braked`; the store.
pub(crate) async fn delete_login_rows_by_rule(
    app: &App,
    tx: &mut Tx<'_>,
    adults: &[AdultId],
    brake: Brake,
) -> Result<u64, ServiceError> {
    let rows = accounts::count_login_rows(tx).await?.unsigned_abs();
    let deleted = accounts::delete_login_rows(tx, adults, app.now()).await?;
    if brake.engages(deleted, rows) {
        return Err(login_rows_braked(deleted, rows));
    }
    Ok(deleted)
}

/// The refusal of deleting so many login rows of so many by a rule.
pub(crate) fn login_rows_braked(due: u64, rows: u64) -> ServiceError {
    let detail = format!("the brake holds login rows: {due} of {rows} would go at once; none was deleted");
    ServiceError::refused("login_rows_braked", detail)
}

/// Removes an adult's login row when no link of theirs is in force, and tells them that their access ended.
pub(crate) async fn end_account_if_unlinked(
    app: &App,
    tx: &mut Tx<'_>,
    actor: &Actor,
    adult: AdultId,
    request: Option<&Request>,
) -> Result<(), ServiceError> {
    if links::of_adults(tx, &[adult]).await?.iter().any(|link| link.active) {
        return Ok(());
    }
    let now = app.now();
    let removed = accounts::delete_login_rows(tx, &[adult], now).await?;
    if let Some(adult) = accounts::adult(tx, adult).await? {
        let once = format!("ended:{}:{}", adult.id, now.as_millisecond());
        mail::enqueue_to(
            app,
            tx,
            &adult.email,
            request.map(|request| request.id),
            Some(adult.id),
            Letter::AccessEnded,
            &once,
        )
        .await?;
    }
    let entry = audit::Entry::new("login_row.revoke", format!("adult:{adult}"), json!({ "rows": removed }));
    audit::write(tx, actor, now, &[entry]);
    Ok(())
}
