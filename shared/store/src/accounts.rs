//! Adults, and the login rows that let them sign in to Moodle.
//!
//! `login_rows` is read by Moodle's external-database authentication: a row may sign in, no row is suspended at Moodle's
//! next synchronisation, and an *empty table suspends everybody* (`reference/moodle-database.md` §2). Therefore the only
//! way to delete here is [`delete_login_rows`], which leaves a guard row behind before the table runs out.

use kinlink_db::{Session, Value, in_list};
use kinlink_domain::{
    Timestamp,
    email::EmailAddress,
    fold::fold,
    ids::{AdultId, MoodleUserId, RequestId},
};
use sqlx::FromRow;

use crate::{
    StoreError,
    error::id,
    requests::{Cursor, sort_name},
    time::{instant, millis},
};

/// The guard row's user name. Moodle never makes an account of it, because it refuses upper case; the row only keeps the
/// table from being empty.
pub const GUARD: &str = "KINLINK-GUARD";
/// With fewer rows left than this for each row deleted, deleting adds the guard row. More than one, because transactions
/// that delete at the same time do not see each other: of so many, the one that deletes most adds it.
const GUARDED_BELOW: u64 = 25;

/// An adult that staff accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adult {
    /// Their id.
    pub id: AdultId,
    /// Title.
    pub title: Option<String>,
    /// Given name.
    pub given_name: String,
    /// Family name.
    pub family_name: String,
    /// Email address.
    pub email: EmailAddress,
    /// Language for mails.
    pub locale: String,
    /// The user name of their login row; kept when the row is revoked, so that nobody else gets it.
    pub username: Option<String>,
    /// A Moodle account of another authentication that staff picked; then there is no login row.
    pub picked_user: Option<MoodleUserId>,
    /// When they were accepted.
    pub created_at: Timestamp,
}

/// A row of the auth table.
#[derive(Debug, Clone)]
pub struct LoginRow {
    /// The user name in Moodle.
    pub username: String,
    /// First name in Moodle.
    pub firstname: String,
    /// Last name in Moodle.
    pub lastname: String,
    /// Email address in Moodle.
    pub email: String,
    /// Description in Moodle.
    pub description: String,
    /// Language in Moodle.
    pub lang: String,
    /// The request that made it.
    pub request: RequestId,
    /// Whose it is.
    pub adult: AdultId,
    /// When it was made.
    pub created_at: Timestamp,
}

#[derive(FromRow)]
struct AdultRow {
    id: String,
    title: Option<String>,
    given_name: String,
    family_name: String,
    email: String,
    locale: String,
    username: Option<String>,
    picked_user_id: Option<i64>,
    created_at: i64,
}

impl TryFrom<AdultRow> for Adult {
    type Error = StoreError;
    fn try_from(row: AdultRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: id(&row.id, "adults.id")?,
            title: row.title,
            given_name: row.given_name,
            family_name: row.family_name,
            email: EmailAddress::parse(&row.email).map_err(|_| StoreError::Corrupt("adults.email"))?,
            locale: row.locale,
            username: row.username,
            picked_user: row.picked_user_id.map(MoodleUserId),
            created_at: instant(row.created_at),
        })
    }
}

#[derive(FromRow)]
struct LoginRowRow {
    username: String,
    firstname: String,
    lastname: String,
    email: String,
    description: String,
    lang: String,
    request_id: String,
    adult_id: String,
    created_at: i64,
}

impl TryFrom<LoginRowRow> for LoginRow {
    type Error = StoreError;
    fn try_from(row: LoginRowRow) -> Result<Self, StoreError> {
        Ok(Self {
            username: row.username,
            firstname: row.firstname,
            lastname: row.lastname,
            email: row.email,
            description: row.description,
            lang: row.lang,
            request: id(&row.request_id, "login_rows.request_id")?,
            adult: id(&row.adult_id, "login_rows.adult_id")?,
            created_at: instant(row.created_at),
        })
    }
}

const ADULT: &str =
    "SELECT id, title, given_name, family_name, email, locale, username, picked_user_id, created_at FROM adults";
const LOGIN_ROW: &str =
    "SELECT username, firstname, lastname, email, description, lang, request_id, adult_id, created_at FROM login_rows";

/// Stores a new adult.
///
/// # Errors
/// A duplicate when the user name or the picked account belongs to another adult.
pub async fn insert_adult(session: &mut impl Session, adult: &Adult) -> Result<(), StoreError> {
    session
        .execute(
            "INSERT INTO adults (id, title, given_name, family_name, sort_name, email, locale, username, picked_user_id, \
             created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                adult.id.to_string().into(),
                adult.title.as_deref().into(),
                adult.given_name.as_str().into(),
                adult.family_name.as_str().into(),
                sort_name(&adult.family_name, &adult.given_name).into(),
                adult.email.as_str().into(),
                adult.locale.as_str().into(),
                adult.username.as_deref().into(),
                adult.picked_user.map(|user| user.0).into(),
                Value::from(millis(adult.created_at)),
            ],
        )
        .await?;
    Ok(())
}

/// Gives an adult a user name, or a picked account; exactly one of the two.
///
/// # Errors
/// A duplicate when it belongs to another adult.
pub async fn set_account(
    session: &mut impl Session,
    adult: AdultId,
    username: Option<&str>,
    picked_user: Option<MoodleUserId>,
) -> Result<(), StoreError> {
    let sql = "UPDATE adults SET username = ?, picked_user_id = ? WHERE id = ?";
    session
        .execute(sql, [username.into(), picked_user.map(|user| user.0).into(), Value::from(adult.to_string())])
        .await?;
    Ok(())
}

/// Gives an adult another address, and their login row with them, if they have one; the user name stays. Gives the number
/// of login rows.
///
/// # Errors
/// [`StoreError::Stale`] when there is no such adult.
pub async fn set_email(session: &mut impl Session, adult: AdultId, email: &EmailAddress) -> Result<u64, StoreError> {
    let args = || -> [Value; 2] { [email.as_str().into(), adult.to_string().into()] };
    if session.execute("UPDATE adults SET email = ? WHERE id = ?", args()).await? != 1 {
        return Err(StoreError::Stale("the adult"));
    }
    Ok(session.execute("UPDATE login_rows SET email = ? WHERE adult_id = ?", args()).await?)
}

/// Adults by their ids, in no order.
///
/// # Errors
/// [`StoreError`].
pub async fn adults(session: &mut impl Session, adults: &[AdultId]) -> Result<Vec<Adult>, StoreError> {
    let sql = format!("{ADULT} WHERE id IN {}", in_list(adults.len()));
    let args: Vec<Value> = adults.iter().map(|adult| adult.to_string().into()).collect();
    adults_where(session, &sql, args).await
}

/// The adult with this id.
///
/// # Errors
/// [`StoreError`].
pub async fn adult(session: &mut impl Session, adult: AdultId) -> Result<Option<Adult>, StoreError> {
    Ok(adults(session, &[adult]).await?.pop())
}

/// Holds an adult until the transaction ends, so that nobody is given access while they are erased. Gives whether they are
/// there and not erased.
///
/// # Errors
/// [`StoreError`].
pub async fn lock(session: &mut impl Session, adult: AdultId) -> Result<bool, StoreError> {
    let sql = format!("SELECT id FROM adults WHERE id = ? AND erased_at IS NULL{}", session.engine().for_update());
    let row: Option<(String,)> = session.fetch_optional(&sql, [Value::from(adult.to_string())]).await?;
    Ok(row.is_some())
}

/// The adults with this address, oldest first.
///
/// # Errors
/// [`StoreError`].
pub async fn adults_by_email(session: &mut impl Session, email: &EmailAddress) -> Result<Vec<Adult>, StoreError> {
    let sql = format!("{ADULT} WHERE email = ? ORDER BY created_at, id");
    adults_where(session, &sql, vec![email.as_str().into()]).await
}

/// The adults with one of these addresses, oldest first.
///
/// # Errors
/// [`StoreError`].
pub async fn adults_by_emails(session: &mut impl Session, emails: &[EmailAddress]) -> Result<Vec<Adult>, StoreError> {
    let sql = format!("{ADULT} WHERE email IN {} ORDER BY created_at, id", in_list(emails.len()));
    adults_where(session, &sql, emails.iter().map(|email| email.as_str().into()).collect()).await
}

/// The adults with this name as people compare names (without case and accents), oldest first.
///
/// # Errors
/// [`StoreError`].
pub async fn adults_by_name(
    session: &mut impl Session,
    given_name: &str,
    family_name: &str,
    limit: u32,
) -> Result<Vec<Adult>, StoreError> {
    let sql = format!("{ADULT} WHERE REPLACE(sort_name, ' ', '') = ? ORDER BY created_at, id LIMIT ?");
    let name = sort_name(family_name, given_name).replace(' ', "");
    adults_where(session, &sql, vec![name.into(), i64::from(limit).into()]).await
}

/// The adult for whom staff picked this Moodle account.
///
/// # Errors
/// [`StoreError`].
pub async fn adult_by_picked_user(session: &mut impl Session, user: MoodleUserId) -> Result<Option<Adult>, StoreError> {
    let sql = format!("{ADULT} WHERE picked_user_id = ?");
    Ok(adults_where(session, &sql, vec![user.0.into()]).await?.pop())
}

/// The adults with one of these user names, in no order.
///
/// # Errors
/// [`StoreError`].
pub async fn adults_by_username(session: &mut impl Session, names: &[String]) -> Result<Vec<Adult>, StoreError> {
    let sql = format!("{ADULT} WHERE username IN {}", in_list(names.len()));
    adults_where(session, &sql, names.iter().map(Value::from).collect()).await
}

/// A page of adults in the order of their ids (the order in which they were accepted): what a full cycle walks through.
///
/// # Errors
/// [`StoreError`].
pub async fn adults_after(
    session: &mut impl Session,
    after: Option<AdultId>,
    limit: u32,
) -> Result<Vec<Adult>, StoreError> {
    let sql = format!("{ADULT} WHERE id > ? ORDER BY id LIMIT ?");
    let after = after.map_or_else(String::new, |id| id.to_string());
    adults_where(session, &sql, vec![after.into(), i64::from(limit).into()]).await
}

async fn adults_where(session: &mut impl Session, sql: &str, args: Vec<Value>) -> Result<Vec<Adult>, StoreError> {
    let rows: Vec<AdultRow> = session.fetch_all(sql, args).await?;
    rows.into_iter().map(Adult::try_from).collect()
}

/// Stores a login row.
///
/// # Errors
/// A duplicate when the user name is taken or the adult has a row already.
pub async fn insert_login_row(session: &mut impl Session, row: &LoginRow) -> Result<(), StoreError> {
    session
        .execute(
            "INSERT INTO login_rows (username, firstname, lastname, email, description, lang, request_id, adult_id, created_at) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                row.username.as_str().into(),
                row.firstname.as_str().into(),
                row.lastname.as_str().into(),
                row.email.as_str().into(),
                row.description.as_str().into(),
                row.lang.as_str().into(),
                row.request.to_string().into(),
                row.adult.to_string().into(),
                Value::from(millis(row.created_at)),
            ],
        )
        .await?;
    Ok(())
}

/// The login rows of these adults, in no order.
///
/// # Errors
/// [`StoreError`].
pub async fn login_rows_of(session: &mut impl Session, adults: &[AdultId]) -> Result<Vec<LoginRow>, StoreError> {
    let sql = format!("{LOGIN_ROW} WHERE adult_id IN {}", in_list(adults.len()));
    let args: Vec<Value> = adults.iter().map(|adult| adult.to_string().into()).collect();
    login_rows_where(session, &sql, args).await
}

/// The login rows with these user names, in no order.
///
/// # Errors
/// [`StoreError`].
pub async fn login_rows_named(session: &mut impl Session, names: &[String]) -> Result<Vec<LoginRow>, StoreError> {
    let sql = format!("{LOGIN_ROW} WHERE username IN {}", in_list(names.len()));
    login_rows_where(session, &sql, names.iter().map(Value::from).collect()).await
}

/// A page of login rows by user name. `search` is part of a name, user name or address, word by word; names are also found
/// by their folded spelling.
///
/// # Errors
/// [`StoreError`].
pub async fn list_login_rows(
    session: &mut impl Session,
    search: &str,
    after: Option<&Cursor>,
    limit: u32,
) -> Result<Vec<LoginRow>, StoreError> {
    let (conditions, mut args) = login_row_conditions(search, false);
    let sql = format!("{LOGIN_ROW} WHERE {conditions} AND username > ? ORDER BY username LIMIT ?");
    args.extend([after.map_or("", |cursor| cursor.value.as_str()).into(), i64::from(limit).into()]);
    login_rows_where(session, &sql, args).await
}

/// A numbered page of login rows by user name, found as by [`list_login_rows`]; with `no_pupils` only those of adults
/// without a link in force.
///
/// # Errors
/// [`StoreError`].
pub async fn login_row_page(
    session: &mut impl Session,
    search: &str,
    no_pupils: bool,
    limit: u32,
    offset: i64,
) -> Result<Vec<LoginRow>, StoreError> {
    let (conditions, mut args) = login_row_conditions(search, no_pupils);
    let sql = format!("{LOGIN_ROW} WHERE {conditions} ORDER BY username LIMIT ? OFFSET ?");
    args.extend([i64::from(limit).into(), offset.into()]);
    login_rows_where(session, &sql, args).await
}

/// How many login rows [`login_row_page`] has, without and with `no_pupils`: one statement.
///
/// # Errors
/// [`StoreError`].
pub async fn count_login_row_pages(session: &mut impl Session, search: &str) -> Result<(i64, i64), StoreError> {
    let (conditions, args) = login_row_conditions(search, false);
    let sql = format!("SELECT COUNT(*), COUNT(CASE WHEN {NO_PUPILS} THEN 1 END) FROM login_rows WHERE {conditions}");
    let counts: Option<(i64, i64)> = session.fetch_optional(&sql, args).await?;
    Ok(counts.unwrap_or_default())
}

const NO_PUPILS: &str =
    "NOT EXISTS (SELECT 1 FROM links WHERE links.adult_id = login_rows.adult_id AND links.active = 1)";

fn login_row_conditions(search: &str, no_pupils: bool) -> (String, Vec<Value>) {
    let mut sql = "username <> ?".to_owned();
    let mut args: Vec<Value> = vec![GUARD.into()];
    if no_pupils {
        sql.push_str(" AND ");
        sql.push_str(NO_PUPILS);
    }
    for word in search.split_whitespace() {
        // `!` escapes the pattern's own characters, so that a search for 100% or a_b finds just that.
        let escaped = word.to_lowercase().replace('!', "!!").replace('%', "!%").replace('_', "!_");
        sql.push_str(" AND (LOWER(CONCAT(username, ' ', firstname, ' ', lastname, ' ', email)) LIKE ? ESCAPE '!'");
        args.push(format!("%{escaped}%").into());
        // LOWER knows only ASCII on SQLite, and on PostgreSQL in some databases; the adult's name is kept folded.
        let folded = fold(word);
        if !folded.is_empty() && !word.contains(['%', '_']) {
            sql.push_str(" OR EXISTS (SELECT 1 FROM adults a WHERE a.id = login_rows.adult_id AND a.sort_name LIKE ?)");
            args.push(format!("%{folded}%").into());
        }
        sql.push(')');
    }
    (sql, args)
}

/// Every login row but the guard, by user name: for the demonstration's stand-in of Moodle's synchronisation.
///
/// # Errors
/// [`StoreError`].
pub async fn all_login_rows(session: &mut impl Session) -> Result<Vec<LoginRow>, StoreError> {
    let sql = format!("{LOGIN_ROW} WHERE username <> ? ORDER BY username");
    login_rows_where(session, &sql, vec![GUARD.into()]).await
}

async fn login_rows_where(
    session: &mut impl Session,
    sql: &str,
    args: Vec<Value>,
) -> Result<Vec<LoginRow>, StoreError> {
    let rows: Vec<LoginRowRow> = session.fetch_all(sql, args).await?;
    rows.into_iter().map(LoginRow::try_from).collect()
}

/// How many login rows there are, the guard not counted.
///
/// # Errors
/// [`StoreError`].
pub async fn count_login_rows(session: &mut impl Session) -> Result<i64, StoreError> {
    let count: Option<(i64,)> =
        session.fetch_optional("SELECT COUNT(*) FROM login_rows WHERE username <> ?", [GUARD.into()]).await?;
    Ok(count.map_or(0, |(count,)| count))
}

/// Deletes the login rows of these adults, and adds the guard row when few are left. Gives the number deleted.
///
/// # Errors
/// [`StoreError`].
pub async fn delete_login_rows(
    session: &mut impl Session,
    adults: &[AdultId],
    now: Timestamp,
) -> Result<u64, StoreError> {
    let sql = format!("DELETE FROM login_rows WHERE adult_id IN {}", in_list(adults.len()));
    let args: Vec<Value> = adults.iter().map(|adult| adult.to_string().into()).collect();
    let deleted = session.execute(&sql, args).await?;
    if deleted > 0 && count_login_rows(session).await?.unsigned_abs() < GUARDED_BELOW.saturating_mul(deleted) {
        let guard = format!(
            "INSERT INTO login_rows (username, firstname, lastname, email, description, lang, request_id, adult_id, created_at) \
             VALUES (?, 'Kinlink', 'keeps this table from being empty', '', '', 'en', '', '', ?){}",
            session.engine().or_ignore("username")
        );
        session.execute(&guard, [GUARD.into(), Value::from(millis(now))]).await?;
    }
    Ok(deleted)
}
