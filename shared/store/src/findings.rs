//! What the newest full comparison found.

use kinlink_db::{Session, Value, insert_many};
use kinlink_domain::{
    finding::{Class, Finding},
    ids::{CycleId, LinkId, MoodleUserId},
};
use sqlx::FromRow;

use crate::{
    StoreError,
    error::{coded, id, id_or_none},
};

#[derive(FromRow)]
struct Row {
    class: String,
    adult_id: Option<String>,
    link_id: Option<i64>,
    user_id: Option<i64>,
    pupil_id: Option<i64>,
    other_id: Option<i64>,
}

/// Puts what a cycle found in the place of what an earlier one did.
///
/// # Errors
/// [`StoreError`].
pub async fn replace(session: &mut impl Session, cycle: CycleId, findings: &[Finding]) -> Result<(), StoreError> {
    session.execute("DELETE FROM findings", []).await?;
    let rows = findings
        .iter()
        .zip(0_i64..)
        .map(|(finding, number)| {
            [
                cycle.to_string().into(),
                number.into(),
                finding.class.code().into(),
                finding.adult.map(|adult| adult.to_string()).into(),
                finding.link.map(|link| link.0).into(),
                finding.user.map(|user| user.0).into(),
                finding.pupil.map(|pupil| pupil.0).into(),
                Value::from(finding.other.map(|other| other.0)),
            ]
        })
        .collect();
    let insert = "INSERT INTO findings (cycle_id, number, class, adult_id, link_id, user_id, pupil_id, other_id)";
    insert_many(session, insert, rows, "").await?;
    Ok(())
}

/// Some findings in the order of their classes; only those of one class, if it is given.
///
/// # Errors
/// [`StoreError`].
pub async fn list(
    session: &mut impl Session,
    class: Option<Class>,
    skip: u64,
    limit: u64,
) -> Result<Vec<Finding>, StoreError> {
    let (condition, mut args) = match class {
        Some(class) => ("WHERE class = ?", vec![Value::from(class.code())]),
        None => ("", Vec::new()),
    };
    let number = |number: u64| Value::from(i64::try_from(number).unwrap_or(i64::MAX));
    args.extend([number(limit), number(skip)]);
    let sql = format!(
        "SELECT class, adult_id, link_id, user_id, pupil_id, other_id FROM findings {condition} ORDER BY number LIMIT ? \
         OFFSET ?"
    );
    let rows: Vec<Row> = session.fetch_all(&sql, args).await?;
    rows.into_iter()
        .map(|row| {
            Ok(Finding {
                class: coded(Class::from_code(&row.class), "findings.class")?,
                adult: id_or_none(row.adult_id.as_deref(), "findings.adult_id")?,
                link: row.link_id.map(LinkId),
                user: row.user_id.map(MoodleUserId),
                pupil: row.pupil_id.map(MoodleUserId),
                other: row.other_id.map(MoodleUserId),
            })
        })
        .collect()
}

/// How many findings of which class are kept, in the order of the classes.
///
/// # Errors
/// [`StoreError`].
pub async fn count(session: &mut impl Session) -> Result<Vec<(Class, u64)>, StoreError> {
    let sql = "SELECT class, COUNT(*) FROM findings GROUP BY class";
    let rows: Vec<(String, i64)> = session.fetch_all(sql, []).await?;
    let mut counts: Vec<(Class, u64)> = rows
        .into_iter()
        .map(|(class, count)| Ok((coded(Class::from_code(&class), "findings.class")?, count.unsigned_abs())))
        .collect::<Result<_, StoreError>>()?;
    counts.sort_unstable();
    Ok(counts)
}

/// The cycle whose findings these are; none when it found nothing.
///
/// # Errors
/// [`StoreError`].
pub async fn cycle(session: &mut impl Session) -> Result<Option<CycleId>, StoreError> {
    let row: Option<(String,)> = session.fetch_optional("SELECT cycle_id FROM findings LIMIT 1", []).await?;
    row.map(|(cycle,)| id(&cycle, "findings.cycle_id")).transpose()
}
