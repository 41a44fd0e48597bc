//! Pupils: who may be linked to, by the school's filter and by what is never a pupil.

use std::collections::{BTreeMap, BTreeSet};

use kinlink_db::{Int, Session, Value, in_list};
use kinlink_domain::{
    ids::{MoodleUserId, RoleId},
    leaving::PupilFacts,
    matching::Pupil,
    policy::{Policy, TutorGroupField},
    pupil_filter::{Condition, Field, PupilFilter},
};
use sqlx::FromRow;

use crate::{MoodleError, Prefix, connection::sql, site::Site};

#[derive(FromRow)]
struct PupilRow {
    id: i64,
    firstname: String,
    lastname: String,
    tutor_group: Option<String>,
    idnumber: String,
}

/// Every pupil, by family name and given name.
///
/// # Errors
/// [`MoodleError::Db`].
pub async fn all(
    session: &mut impl Session,
    prefix: &Prefix,
    policy: &Policy,
    site: &Site,
) -> Result<Vec<Pupil>, MoodleError> {
    let (conditions, values) = conditions(policy, site.link_role);
    let mut pupils = select(session, prefix, policy, &conditions, values).await?;
    pupils.retain(|pupil| !site.never_pupils.contains(&pupil.id));
    Ok(pupils)
}

/// These users as pupils, whether or not they are any (now), by family name and given name: for people to read.
///
/// # Errors
/// [`MoodleError::Db`].
pub async fn named(
    session: &mut impl Session,
    prefix: &Prefix,
    policy: &Policy,
    users: &[MoodleUserId],
) -> Result<Vec<Pupil>, MoodleError> {
    let condition = format!("u.id IN {}", in_list(users.len()));
    select(session, prefix, policy, &condition, users.iter().map(|user| user.0.into()).collect()).await
}

async fn select(
    session: &mut impl Session,
    prefix: &Prefix,
    policy: &Policy,
    conditions: &str,
    values: Vec<Value>,
) -> Result<Vec<Pupil>, MoodleError> {
    let mut args = Vec::new();
    let tutor_group = match &policy.tutor_group_field {
        TutorGroupField::Department => "u.department".to_owned(),
        TutorGroupField::Profile(name) => {
            args.push(name.as_str().into());
            "(SELECT d.data FROM {p}user_info_data d JOIN {p}user_info_field f ON f.id = d.fieldid WHERE d.userid = u.id AND \
             f.shortname = ?)"
                .to_owned()
        }
    };
    args.extend(values);
    let text = format!(
        "SELECT u.id, u.firstname, u.lastname, {tutor_group} AS tutor_group, u.idnumber FROM {{p}}user u WHERE {conditions} \
         ORDER BY u.lastname, u.firstname, u.id"
    );
    let rows: Vec<PupilRow> = session.fetch_all(&sql(prefix, &text), args).await?;
    Ok(rows
        .into_iter()
        .map(|row| Pupil {
            id: MoodleUserId(row.id),
            given_name: row.firstname,
            family_name: row.lastname,
            tutor_group: row.tutor_group.unwrap_or_default(),
            admission_number: row.idnumber,
        })
        .collect())
}

#[derive(FromRow)]
struct FactsRow {
    id: i64,
    deleted: Int,
    suspended: Int,
    leaver: Int,
    eligible: Int,
}

/// How these users stand who were once accepted as pupils; those missing from Moodle are missing here.
///
/// # Errors
/// [`MoodleError::Db`].
pub async fn facts(
    session: &mut impl Session,
    prefix: &Prefix,
    policy: &Policy,
    site: &Site,
    users: &[MoodleUserId],
) -> Result<BTreeMap<MoodleUserId, PupilFacts>, MoodleError> {
    let mut args = Vec::new();
    let leaver = match &policy.leaver_filter {
        Some(filter) => {
            let (condition, values) = every(filter);
            args.extend(values);
            format!("CASE WHEN {condition} THEN 1 ELSE 0 END")
        }
        None => "0".to_owned(),
    };
    let (conditions, values) = conditions(policy, site.link_role);
    args.extend(values);
    args.extend(users.iter().map(|user| Value::from(user.0)));
    let text = format!(
        "SELECT u.id, u.deleted, u.suspended, {leaver} AS leaver, CASE WHEN {conditions} THEN 1 ELSE 0 END AS eligible \
         FROM {{p}}user u WHERE u.id IN {}",
        in_list(users.len())
    );
    let rows: Vec<FactsRow> = session.fetch_all(&sql(prefix, &text), args).await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let id = MoodleUserId(row.id);
            let facts = PupilFacts {
                deleted: row.deleted.is_set(),
                suspended: row.suspended.is_set(),
                leaver: row.leaver.is_set(),
                eligible: row.eligible.is_set() && !site.never_pupils.contains(&id),
            };
            (id, facts)
        })
        .collect())
}

/// Whether anybody is a pupil. A filter that matches nobody is a broken one.
///
/// # Errors
/// [`MoodleError::Db`].
pub async fn any(
    session: &mut impl Session,
    prefix: &Prefix,
    policy: &Policy,
    site: &Site,
) -> Result<bool, MoodleError> {
    let (conditions, mut args) = conditions(policy, site.link_role);
    // No user has the number 0; nothing is NOT IN an empty list.
    args.push(0.into());
    args.extend(site.never_pupils.iter().map(|user| Value::from(user.0)));
    let text = format!(
        "SELECT u.id FROM {{p}}user u WHERE {conditions} AND u.id NOT IN {} LIMIT 1",
        in_list(site.never_pupils.len() + 1)
    );
    Ok(session.fetch_optional::<(i64,)>(&sql(prefix, &text), args).await?.is_some())
}

/// Those of these users who are pupils. Asked again by the cycle before it writes: a pin is no licence.
///
/// # Errors
/// [`MoodleError::Db`].
pub async fn eligible(
    session: &mut impl Session,
    prefix: &Prefix,
    policy: &Policy,
    site: &Site,
    users: &[MoodleUserId],
) -> Result<BTreeSet<MoodleUserId>, MoodleError> {
    let (conditions, values) = conditions(policy, site.link_role);
    let text = format!("SELECT u.id FROM {{p}}user u WHERE u.id IN {} AND {conditions}", in_list(users.len()));
    let mut args: Vec<Value> = users.iter().map(|user| user.0.into()).collect();
    args.extend(values);
    let rows: Vec<(i64,)> = session.fetch_all(&sql(prefix, &text), args).await?;
    Ok(rows.into_iter().map(|(id,)| MoodleUserId(id)).filter(|id| !site.never_pupils.contains(id)).collect())
}

/// How many pupils there are.
///
/// # Errors
/// [`MoodleError::Db`].
pub async fn count(
    session: &mut impl Session,
    prefix: &Prefix,
    policy: &Policy,
    site: &Site,
) -> Result<u64, MoodleError> {
    let (conditions, args) = conditions(policy, site.link_role);
    let text = format!("SELECT COUNT(*) FROM {{p}}user u WHERE {conditions}");
    let row: Option<(i64,)> = session.fetch_optional(&sql(prefix, &text), args).await?;
    Ok(row.map_or(0, |(count,)| count.unsigned_abs()))
}

/// The conditions on `u`. First what never is a pupil: deleted, suspended, anybody who teaches or manages anywhere, and
/// anybody who holds the link role over somebody else (their own context is a pupil's self-view). Then the filter, and that
/// nobody is left whom the school marks as a leaver.
fn conditions(policy: &Policy, link_role: RoleId) -> (String, Vec<Value>) {
    let mut parts = vec![
        "u.deleted = 0".to_owned(),
        "u.suspended = 0".to_owned(),
        "NOT EXISTS (SELECT 1 FROM {p}role_assignments ra JOIN {p}role r ON r.id = ra.roleid WHERE ra.userid = u.id AND \
         r.archetype IN ('manager', 'coursecreator', 'editingteacher', 'teacher'))"
            .to_owned(),
        "NOT EXISTS (SELECT 1 FROM {p}role_assignments ra JOIN {p}context c ON c.id = ra.contextid WHERE ra.userid = u.id AND \
         ra.roleid = ? AND c.contextlevel = 30 AND c.instanceid <> u.id)"
            .to_owned(),
    ];
    let mut args = vec![link_role.0.into()];
    let (part, values) = every(&policy.pupil_filter);
    parts.push(part);
    args.extend(values);
    if let Some(leavers) = &policy.leaver_filter {
        let (part, values) = every(leavers);
        parts.push(format!("NOT {part}"));
        args.extend(values);
    }
    (parts.join(" AND "), args)
}

/// A whole filter, in parentheses.
fn every(filter: &PupilFilter) -> (String, Vec<Value>) {
    let (parts, values): (Vec<String>, Vec<Vec<Value>>) = filter.conditions().iter().map(filter_condition).unzip();
    (format!("({})", parts.join(" AND ")), values.concat())
}

fn filter_condition(Condition { field, negated, values }: &Condition) -> (String, Vec<Value>) {
    let any = values.iter().any(|value| value == "*");
    let texts = || values.iter().map(Value::from).collect::<Vec<_>>();
    let not = if *negated { "NOT " } else { "" };
    let list = in_list(values.len());
    let column = |name: &str| {
        if any {
            (format!("{not}(u.{name} <> '')"), Vec::new())
        } else {
            (format!("{not}(u.{name} IN {list})"), texts())
        }
    };
    match field {
        Field::Auth => column("auth"),
        Field::IdNumber => column("idnumber"),
        Field::Department => column("department"),
        Field::Cohort => (
            format!(
                "{not}EXISTS (SELECT 1 FROM {{p}}cohort_members m JOIN {{p}}cohort h ON h.id = m.cohortid WHERE m.userid = u.id \
                 AND h.idnumber IN {list})"
            ),
            texts(),
        ),
        Field::Role => (
            format!(
                "{not}EXISTS (SELECT 1 FROM {{p}}role_assignments fa JOIN {{p}}role fr ON fr.id = fa.roleid WHERE \
                 fa.userid = u.id AND fr.shortname IN {list})"
            ),
            texts(),
        ),
        Field::Profile(name) => {
            let mut args = vec![name.as_str().into()];
            let wanted = if any {
                // MariaDB and PostgreSQL both take a long text for a comparison with ''.
                "d.data <> ''".to_owned()
            } else {
                args.extend(texts());
                format!("d.data IN {list}")
            };
            (
                format!(
                    "{not}EXISTS (SELECT 1 FROM {{p}}user_info_data d JOIN {{p}}user_info_field f ON f.id = d.fieldid WHERE \
                     d.userid = u.id AND f.shortname = ? AND {wanted})"
                ),
                args,
            )
        }
    }
}
