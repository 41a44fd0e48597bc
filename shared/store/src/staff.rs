//! Members of staff who have signed in. What they may do is theirs to be told at each sign-in; here stands what was last told.

use kinlink_db::{Session, Value, in_list};
use kinlink_domain::{Timestamp, ids::StaffId, staff::StaffRole};
use sqlx::FromRow;

use crate::{
    StoreError,
    error::{coded, id},
    time::{instant, millis},
};

/// A member of staff, known by who vouches for them and by the name they have there.
#[derive(Debug, Clone)]
pub struct Member {
    /// Their id.
    pub id: StaffId,
    /// Who vouches for them.
    pub issuer: String,
    /// Who they are there; never given to anybody else.
    pub subject: String,
    /// What people call them.
    pub name: String,
    /// Their address.
    pub email: Option<String>,
    /// The role at their last sign-in.
    pub role: StaffRole,
    /// When they first signed in.
    pub created_at: Timestamp,
    /// When they last did.
    pub last_signed_in_at: Timestamp,
}

#[derive(FromRow)]
struct MemberRow {
    id: String,
    issuer: String,
    subject: String,
    display_name: String,
    email: Option<String>,
    staff_role: String,
    created_at: i64,
    last_signed_in_at: i64,
}

const MEMBER: &str =
    "SELECT id, issuer, subject, display_name, email, staff_role, created_at, last_signed_in_at FROM staff";

impl TryFrom<MemberRow> for Member {
    type Error = StoreError;
    fn try_from(row: MemberRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: id(&row.id, "staff.id")?,
            issuer: row.issuer,
            subject: row.subject,
            name: row.display_name,
            email: row.email,
            role: coded(StaffRole::from_code(&row.staff_role), "staff.staff_role")?,
            created_at: instant(row.created_at),
            last_signed_in_at: instant(row.last_signed_in_at),
        })
    }
}

/// Stores a member, or what is new about one who is known: name, address, role, last sign-in. Gives their id, which is
/// the earlier one then.
///
/// # Errors
/// [`StoreError`].
pub async fn keep(session: &mut impl Session, member: &Member) -> Result<StaffId, StoreError> {
    let update = ["display_name", "email", "staff_role", "last_signed_in_at"];
    let sql = format!(
        "INSERT INTO staff (id, issuer, subject, display_name, email, staff_role, created_at, last_signed_in_at) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?){}",
        session.engine().or_update("issuer, subject", &update)
    );
    let args = [
        member.id.to_string().into(),
        member.issuer.as_str().into(),
        member.subject.as_str().into(),
        member.name.as_str().into(),
        Value::from(member.email.as_deref()),
        member.role.code().into(),
        millis(member.created_at).into(),
        millis(member.last_signed_in_at).into(),
    ];
    session.execute(&sql, args).await?;
    let kept = find_by_subject(session, &member.issuer, &member.subject).await?;
    Ok(kept.map_or(member.id, |kept| kept.id))
}

/// A member by their id.
///
/// # Errors
/// [`StoreError`].
pub async fn find(session: &mut impl Session, member: StaffId) -> Result<Option<Member>, StoreError> {
    let row: Option<MemberRow> =
        session.fetch_optional(&format!("{MEMBER} WHERE id = ?"), [member.to_string().into()]).await?;
    row.map(Member::try_from).transpose()
}

/// A member by who vouches for them and the name they have there.
///
/// # Errors
/// [`StoreError`].
pub async fn find_by_subject(
    session: &mut impl Session,
    issuer: &str,
    subject: &str,
) -> Result<Option<Member>, StoreError> {
    let sql = format!("{MEMBER} WHERE issuer = ? AND subject = ?");
    let row: Option<MemberRow> = session.fetch_optional(&sql, [issuer.into(), Value::from(subject)]).await?;
    row.map(Member::try_from).transpose()
}

/// The names of members, in no order; those that do not exist are left out.
///
/// # Errors
/// [`StoreError`].
pub async fn names(session: &mut impl Session, members: &[StaffId]) -> Result<Vec<(StaffId, String)>, StoreError> {
    if members.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!("SELECT id, display_name FROM staff WHERE id IN {}", in_list(members.len()));
    let args: Vec<Value> = members.iter().map(|member| member.to_string().into()).collect();
    let rows: Vec<(String, String)> = session.fetch_all(&sql, args).await?;
    rows.into_iter().map(|(member, name)| Ok((id(&member, "staff.id")?, name))).collect()
}
