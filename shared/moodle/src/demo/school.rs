//! The demonstration school's rows: who is in it, and filling Moodle's tables with them.
//!
//! Everything is computed from the lists in `names` and from positions in them: there is no randomness, and ids are the
//! same in every installation. What does not live here: the tables (`crate::schema`) and Moodle's tasks (`tasks`).

use kinlink_db::{Db, DbError, Engine, Session, Value, values_list};

use super::{names, text};
use crate::prefix::Prefix;

/// The instant at which the school was entered: 2025-09-01 07:00 UTC.
pub const OPENED: i64 = 1_756_710_000;
/// `config.release` of the demonstration; tells it from a school's Moodle.
pub const RELEASE: &str = "4.5 (demonstration)";
/// `role.id` of the role with the short name `parent`.
pub const PARENT_ROLE: i64 = 9;
/// `context.id` of the whole site (level 10).
pub const SYSTEM_CONTEXT: i64 = 1;
/// `context.id` of the one course category (level 40).
pub const CATEGORY_CONTEXT: i64 = 2;
/// How many pupils are at the school now.
pub const PUPIL_COUNT: usize = 320;
/// Pupils of one tutor group.
pub const GROUP_SIZE: usize = 16;

const GUEST: i64 = 1;
const ADMIN: i64 = 2;
const FIRST_STAFF: i64 = 3;
const LOCAL_HOST: i64 = 1;
const PUPILS_COHORT: i64 = 1;
const STAFF_COHORT: i64 = 2;
/// Context ids are not user ids in any real Moodle: here they are ten ahead, so that confusing them is found out.
const CONTEXT_AHEAD: i64 = 10;

const YEARS: std::ops::RangeInclusive<u8> = 7..=11;
const TUTORS: [&str; 4] = ["KL", "MB", "RS", "TH"];

/// Pupils without a context row, by name.
const WITHOUT_CONTEXT: [(&str, &str); 3] = [("Theo", "Marlow"), ("Iris", "Quinn"), ("Hugo", "Vance")];
/// The pupil whose context row has no path yet.
const UNBUILT_CONTEXT: (&str, &str) = ("Nell", "Ashby");

/// Whether a pupil is at the school.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attendance {
    /// At the school now.
    Current,
    /// Has left: `suspended` = 1.
    Suspended,
    /// Has left and was deleted: Moodle keeps the row with `deleted` = 1, no `idnumber` and a mangled user name.
    Deleted,
}

/// What is in Moodle's `context` for a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContextState {
    /// A row with path and depth.
    Built,
    /// A row with `path` NULL and `depth` 0, which Moodle's `has_capability` refuses until its hourly task repairs it.
    Unbuilt,
    /// No row; Moodle makes it on first use.
    Missing,
}

/// A pupil of the demonstration school.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pupil {
    /// `user.id`.
    pub user_id: i64,
    /// `user.firstname`.
    pub given: &'static str,
    /// `user.lastname`.
    pub family: &'static str,
    /// `user.department`, such as `7KL`.
    pub tutor_group: String,
    /// `user.idnumber`, such as `A00123`; a deleted user's was emptied by Moodle.
    pub admission_number: String,
    /// Whether this pupil is at the school.
    pub attendance: Attendance,
    /// What there is of the pupil's context.
    pub context: ContextState,
}

impl Pupil {
    /// `context.id`, when there is a row.
    #[must_use]
    pub fn context_id(&self) -> Option<i64> {
        (self.context != ContextState::Missing).then_some(self.user_id + CONTEXT_AHEAD)
    }
}

/// The tutor groups: `7KL`, `7MB` … `11TH`.
#[must_use]
pub fn tutor_groups() -> Vec<String> {
    YEARS.flat_map(|year| TUTORS.map(|tutor| format!("{year}{tutor}"))).collect()
}

/// All pupils in the order of their admission numbers: those at the school ([`PUPIL_COUNT`]), then those who left.
#[must_use]
pub fn pupils() -> Vec<Pupil> {
    let named =
        names::PUPILS.iter().map(|&(given, family, group)| (given, family, group.to_owned(), Attendance::Current));
    let others = free_places().into_iter().enumerate().map(|(at, group)| {
        // Steps without a common divisor with the lists' lengths: names are spread over groups, no pair comes twice.
        let given = names::GIVEN[at * 7 % names::GIVEN_COUNT];
        let family = names::FAMILY[at * 11 % names::FAMILY_COUNT];
        (given, family, group, Attendance::Current)
    });
    let left = names::SUSPENDED_LEAVERS
        .iter()
        .map(|&(given, family, group)| (given, family, group.to_owned(), Attendance::Suspended));
    let (given, family, group) = names::DELETED_LEAVER;
    let deleted = std::iter::once((given, family, group.to_owned(), Attendance::Deleted));

    (first_pupil()..)
        .zip(101..)
        .zip(named.chain(others).chain(left).chain(deleted))
        .map(|((user_id, number), (given, family, tutor_group, attendance))| Pupil {
            user_id,
            given,
            family,
            tutor_group,
            admission_number: format!("A{number:05}"),
            attendance,
            context: if WITHOUT_CONTEXT.contains(&(given, family)) {
                ContextState::Missing
            } else if (given, family) == UNBUILT_CONTEXT {
                ContextState::Unbuilt
            } else {
                ContextState::Built
            },
        })
        .collect()
}

/// One tutor group for each pupil who has no name of their own in `names`: year by year, until every group is full.
fn free_places() -> Vec<String> {
    tutor_groups()
        .into_iter()
        .flat_map(|group| {
            let taken = names::PUPILS.iter().filter(|(_, _, of)| *of == group).count();
            std::iter::repeat_n(group, GROUP_SIZE - taken)
        })
        .collect()
}

fn count(list: &[impl Sized]) -> i64 {
    i64::try_from(list.len()).unwrap_or(i64::MAX)
}

fn first_parent() -> i64 {
    FIRST_STAFF + count(names::STAFF)
}

fn first_pupil() -> i64 {
    first_parent() + count(names::PARENTS_BY_HAND)
}

/// Fills the tables of a Moodle that has no rows yet (see [`crate::schema::create`]) with the school, on any engine.
///
/// # Errors
/// Any [`kinlink_db::Fault`]; nothing is kept then. [`kinlink_db::Fault::Duplicate`] when the school is there already.
pub async fn fill(db: &Db, prefix: &Prefix) -> Result<(), DbError> {
    let mut tx = db.begin().await?;
    fill_in(&mut tx, prefix).await?;
    tx.commit().await
}

pub(super) async fn fill_in(session: &mut impl Session, prefix: &Prefix) -> Result<(), DbError> {
    let pupils = pupils();
    for rows in [
        hosts(),
        configuration(),
        plugin_configuration(),
        tasks(),
        roles(),
        role_levels(),
        role_capabilities(),
        users(&pupils),
        contexts(&pupils),
        cohorts(),
        cohort_members(&pupils),
        profile_fields(),
        profile_data(&pupils),
        role_assignments(&pupils),
    ] {
        rows.insert(session, prefix).await?;
    }
    Ok(())
}

/// Rows for one table, each value in the place of its column.
struct Rows {
    table: &'static str,
    columns: &'static [&'static str],
    values: Vec<Vec<Value>>,
}

impl Rows {
    async fn insert(self, session: &mut impl Session, prefix: &Prefix) -> Result<(), DbError> {
        /// Below the number of bound values that every engine takes (SQLite: 32,766).
        const VALUES: usize = 8_000;
        let table = prefix.table(self.table);
        let columns = self.columns.join(", ");
        for chunk in self.values.chunks(VALUES / self.columns.len()) {
            let places = values_list(chunk.len(), self.columns.len());
            let sql = format!("INSERT INTO {table} ({columns}) VALUES {places}");
            session.execute(&sql, chunk.concat()).await?;
        }
        if session.engine() == Engine::Postgres {
            // PostgreSQL's sequences do not notice ids that a statement chose itself.
            let sql = format!("SELECT setval(pg_get_serial_sequence(?, 'id'), (SELECT MAX(id) FROM {table}))");
            session.execute(&sql, [Value::from(table)]).await?;
        }
        Ok(())
    }
}

fn row<const N: usize>(values: [Value; N]) -> Vec<Value> {
    Vec::from(values)
}

/// Rows whose ids are 1, 2, 3 …
fn numbered(rows: impl Iterator<Item = Vec<Value>>) -> Vec<Vec<Value>> {
    (1_i64..)
        .zip(rows)
        .map(|(id, mut values)| {
            values.insert(0, id.into());
            values
        })
        .collect()
}

fn hosts() -> Rows {
    Rows {
        table: "mnet_host",
        columns: &["id", "wwwroot", "name", "public_key", "applicationid"],
        // As Moodle's installer makes them: this site, and the row that stands for all sites.
        values: vec![
            row([LOCAL_HOST.into(), text("https://moodle.kinlink.test"), text(""), text(""), 1.into()]),
            row([2.into(), text(""), text("All Hosts"), text(""), 1.into()]),
        ],
    }
}

fn configuration() -> Rows {
    let values = [
        ("auth", "email,db"),
        ("sessiontimeout", "28800"),
        ("mnet_localhost_id", "1"),
        ("siteguest", "1"),
        ("siteadmins", "2"),
        ("version", "2024100706"),
        ("release", RELEASE),
        ("allowaccountssameemail", "0"),
        ("extendedusernamechars", "0"),
        ("lang", "en"),
    ];
    Rows {
        table: "config",
        columns: &["id", "name", "value"],
        values: numbered(values.iter().map(|&(name, value)| row([text(name), text(value)]))),
    }
}

/// The external database authentication as Kinlink asks schools to set it up; `removeuser` 1 is "suspend".
fn plugin_configuration() -> Rows {
    let general = [
        ("host", "localhost"),
        ("type", "mysqli"),
        ("name", "kinlink"),
        ("user", "moodle_reads"),
        ("pass", ""),
        ("table", "login_rows"),
        ("fielduser", "username"),
        ("fieldpass", ""),
        ("passtype", "internal"),
        ("extencoding", "utf-8"),
        ("removeuser", "1"),
        ("updateusers", "1"),
    ]
    .map(|(name, value)| (name.to_owned(), value));
    let fields = [
        ("firstname", "onlogin", "locked"),
        ("lastname", "onlogin", "locked"),
        ("email", "onlogin", "locked"),
        ("description", "onlogin", "locked"),
        // People choose their language themselves; the request's is only the first one.
        ("lang", "oncreate", "unlocked"),
    ]
    .into_iter()
    .flat_map(|(field, update, lock)| {
        [
            (format!("field_map_{field}"), field),
            (format!("field_updatelocal_{field}"), update),
            (format!("field_updateremote_{field}"), "0"),
            (format!("field_lock_{field}"), lock),
        ]
    });
    Rows {
        table: "config_plugins",
        columns: &["id", "plugin", "name", "value"],
        values: numbered(
            general.into_iter().chain(fields).map(|(name, value)| row([text("auth_db"), name.into(), text(value)])),
        ),
    }
}

fn tasks() -> Rows {
    let day = super::tasks::DAY;
    Rows {
        table: "task_scheduled",
        columns: &[
            "id",
            "component",
            "classname",
            "lastruntime",
            "nextruntime",
            "minute",
            "hour",
            "day",
            "month",
            "dayofweek",
            "faildelay",
            "customised",
            "disabled",
        ],
        values: vec![
            row([
                9.into(),
                text("moodle"),
                text(super::tasks::SEND_PASSWORDS),
                OPENED.into(),
                (OPENED + 60).into(),
                text("*"),
                text("*"),
                text("*"),
                text("*"),
                text("*"),
                0.into(),
                0.into(),
                0.into(),
            ]),
            // Moodle ships this one disabled; an administrator has enabled it, therefore `customised`.
            row([
                66.into(),
                text("auth_db"),
                text(super::tasks::SYNC_USERS),
                OPENED.into(),
                (OPENED + day).into(),
                text("30"),
                text("2"),
                text("*"),
                text("*"),
                text("*"),
                0.into(),
                1.into(),
                0.into(),
            ]),
        ],
    }
}

fn roles() -> Rows {
    let archetypes = ["manager", "coursecreator", "editingteacher", "teacher", "student", "guest", "user", "frontpage"]
        .map(|name| row([text(""), text(name), text(""), text(name)]));
    let parent = row([text("Parent"), text("parent"), text("Parent / carer: sees their own children"), text("")]);
    let mut rows = numbered(archetypes.into_iter().chain([parent]));
    for row in &mut rows {
        // `sortorder` follows the id, as after a fresh installation.
        let id = row[0].clone();
        row.push(id);
    }
    Rows { table: "role", columns: &["id", "name", "shortname", "description", "archetype", "sortorder"], values: rows }
}

/// Where each role may be assigned by hand: Moodle's defaults, and `parent` (9) in user contexts (30).
fn role_levels() -> Rows {
    let levels = [
        (1, 10),
        (1, 40),
        (1, 50),
        (2, 10),
        (2, 40),
        (3, 50),
        (3, 70),
        (4, 50),
        (4, 70),
        (5, 50),
        (5, 70),
        (PARENT_ROLE, 30),
    ];
    Rows {
        table: "role_context_levels",
        columns: &["id", "roleid", "contextlevel"],
        values: numbered(levels.iter().map(|&(role, level)| row([role.into(), level.into()]))),
    }
}

/// What the parent role allows, site-wide definition; 1 is `CAP_ALLOW`.
fn role_capabilities() -> Rows {
    let allowed = [
        "moodle/user:viewdetails",
        "moodle/user:viewalldetails",
        "moodle/user:readuserblogs",
        "moodle/user:readuserposts",
        "moodle/user:viewuseractivitiesreport",
        "moodle/user:editprofile",
        "tool/policy:acceptbehalf",
    ];
    Rows {
        table: "role_capabilities",
        columns: &["id", "contextid", "roleid", "capability", "permission", "timemodified", "modifierid"],
        values: numbered(allowed.iter().map(|&capability| {
            row([SYSTEM_CONTEXT.into(), PARENT_ROLE.into(), text(capability), 1.into(), OPENED.into(), ADMIN.into()])
        })),
    }
}

/// The address, and user name, of a member of staff.
pub(super) fn staff_address(local: &str) -> String {
    format!("{local}@school.example.org")
}

struct User<'a> {
    id: i64,
    username: String,
    idnumber: &'a str,
    given: &'a str,
    family: &'a str,
    email: String,
    department: &'a str,
    deleted: bool,
    suspended: bool,
}

impl User<'_> {
    fn into_row(self) -> Vec<Value> {
        row([
            self.id.into(),
            text("manual"),
            1.into(),
            self.deleted.into(),
            self.suspended.into(),
            LOCAL_HOST.into(),
            self.username.into(),
            // Moodle's mark for "no usable password here" (AUTH_PASSWORD_NOT_CACHED).
            text("not cached"),
            text(self.idnumber),
            text(self.given),
            text(self.family),
            self.email.into(),
            text(self.department),
            text("en"),
            OPENED.into(),
            OPENED.into(),
        ])
    }
}

/// A user who is no pupil and at work.
fn adult<'a>(id: i64, username: String, given: &'a str, family: &'a str) -> User<'a> {
    User {
        id,
        email: username.clone(),
        username,
        idnumber: "",
        given,
        family,
        department: "",
        deleted: false,
        suspended: false,
    }
}

fn pupil_user(pupil: &Pupil) -> User<'_> {
    let username = pupil.admission_number.to_lowercase();
    let email = format!("{username}@pupils.kinlink.test");
    let current = User {
        id: pupil.user_id,
        username,
        idnumber: &pupil.admission_number,
        given: pupil.given,
        family: pupil.family,
        email,
        department: &pupil.tutor_group,
        deleted: false,
        suspended: false,
    };
    match pupil.attendance {
        Attendance::Current => current,
        Attendance::Suspended => User { suspended: true, ..current },
        // As Moodle's delete_user() leaves a row: user name `<email>.<time>`, email md5(user name), no idnumber.
        Attendance::Deleted => User {
            deleted: true,
            username: format!("{}.{OPENED}", current.email),
            email: DELETED_EMAIL.to_owned(),
            idnumber: "",
            ..current
        },
    }
}

/// md5 of the deleted pupil's user name `a00426`.
const DELETED_EMAIL: &str = "3942be348bf7598d32cae0170e5f37b9";

fn users(pupils: &[Pupil]) -> Rows {
    let staying = names::STAFF.len() - names::SUSPENDED_STAFF;
    let site = [
        // `lastname` of Moodle's guest is one blank.
        User { email: "root@localhost".to_owned(), ..adult(GUEST, "guest".to_owned(), "Guest user", " ") },
        User { email: "admin@school.example.org".to_owned(), ..adult(ADMIN, "admin".to_owned(), "Admin", "User") },
    ];
    let staff = (FIRST_STAFF..).zip(names::STAFF.iter().enumerate()).map(|(id, (at, &(given, family, local)))| User {
        suspended: at >= staying,
        ..adult(id, staff_address(local), given, family)
    });
    let parents = (first_parent()..)
        .zip(names::PARENTS_BY_HAND)
        .map(|(id, &((given, family, address), _))| adult(id, address.to_owned(), given, family));
    Rows {
        table: "user",
        columns: &[
            "id",
            "auth",
            "confirmed",
            "deleted",
            "suspended",
            "mnethostid",
            "username",
            "password",
            "idnumber",
            "firstname",
            "lastname",
            "email",
            "department",
            "lang",
            "timecreated",
            "timemodified",
        ],
        values: site
            .into_iter()
            .chain(staff)
            .chain(parents)
            .chain(pupils.iter().map(pupil_user))
            .map(User::into_row)
            .collect(),
    }
}

fn contexts(pupils: &[Pupil]) -> Rows {
    let built = |id: i64, level: i64, instance: i64| {
        row([id.into(), level.into(), instance.into(), format!("/{SYSTEM_CONTEXT}/{id}").into(), 2.into(), 0.into()])
    };
    let system =
        row([SYSTEM_CONTEXT.into(), 10.into(), 0.into(), format!("/{SYSTEM_CONTEXT}").into(), 1.into(), 0.into()]);
    let adults = (GUEST..first_pupil()).map(|user| built(user + CONTEXT_AHEAD, 30, user));
    let pupils = pupils.iter().filter_map(|pupil| {
        let id = pupil.context_id()?;
        Some(if pupil.context == ContextState::Unbuilt {
            row([id.into(), 30.into(), pupil.user_id.into(), Value::Text(None), 0.into(), 0.into()])
        } else {
            built(id, 30, pupil.user_id)
        })
    });
    Rows {
        table: "context",
        columns: &["id", "contextlevel", "instanceid", "path", "depth", "locked"],
        values: [system, built(CATEGORY_CONTEXT, 40, 1)].into_iter().chain(adults).chain(pupils).collect(),
    }
}

fn cohorts() -> Rows {
    let cohort = |id: i64, name: &str, idnumber: &str| {
        row([
            id.into(),
            SYSTEM_CONTEXT.into(),
            text(name),
            text(idnumber),
            text(""),
            1.into(),
            OPENED.into(),
            OPENED.into(),
            text(""),
        ])
    };
    Rows {
        table: "cohort",
        columns: &[
            "id",
            "contextid",
            "name",
            "idnumber",
            "description",
            "descriptionformat",
            "timecreated",
            "timemodified",
            "theme",
        ],
        values: vec![cohort(PUPILS_COHORT, "Pupils", "pupils"), cohort(STAFF_COHORT, "Staff", "staff")],
    }
}

fn staff_ids() -> std::ops::Range<i64> {
    FIRST_STAFF..first_parent()
}

/// Pupils with a user that is not deleted: Moodle takes deleted users out of cohorts and empties their profile fields.
fn kept(pupils: &[Pupil]) -> impl Iterator<Item = &Pupil> {
    pupils.iter().filter(|pupil| pupil.attendance != Attendance::Deleted)
}

fn cohort_members(pupils: &[Pupil]) -> Rows {
    let pupils = kept(pupils).map(|pupil| (PUPILS_COHORT, pupil.user_id));
    let staff = staff_ids().map(|user| (STAFF_COHORT, user));
    Rows {
        table: "cohort_members",
        columns: &["id", "cohortid", "userid", "timeadded"],
        values: numbered(pupils.chain(staff).map(|(cohort, user)| row([cohort.into(), user.into(), OPENED.into()]))),
    }
}

/// One profile field, `usertype`, for schools that tell pupils by a field and not by a cohort.
fn profile_fields() -> Rows {
    Rows {
        table: "user_info_field",
        columns: &["id", "shortname", "name", "datatype", "categoryid", "sortorder"],
        values: vec![row([1.into(), text("usertype"), text("User type"), text("text"), 1.into(), 1.into()])],
    }
}

fn profile_data(pupils: &[Pupil]) -> Rows {
    let pupils = kept(pupils).map(|pupil| (pupil.user_id, "pupil"));
    let staff = staff_ids().map(|user| (user, "staff"));
    Rows {
        table: "user_info_data",
        columns: &["id", "userid", "fieldid", "data"],
        values: numbered(pupils.chain(staff).map(|(user, kind)| row([user.into(), 1.into(), text(kind)]))),
    }
}

/// Rows that are not Kinlink's and that it must never touch: links made by hand (component ''), one of them twice, since
/// Moodle has no unique key against it; a manager; and a mentor by Moodle's own cohort roles.
fn role_assignments(pupils: &[Pupil]) -> Rows {
    let context_of = |child: &(&str, &str)| {
        pupils.iter().find(|pupil| (pupil.given, pupil.family) == *child).and_then(Pupil::context_id)
    };
    let by_hand: Vec<(i64, i64, i64, &str, i64)> = (first_parent()..)
        .zip(names::PARENTS_BY_HAND)
        .flat_map(|(user, (_, children))| {
            children.iter().filter_map(context_of).map(move |context| (PARENT_ROLE, context, user, "", 0))
        })
        .collect();
    let twice = by_hand.first().copied();
    // The fifth member of staff may see all of their tutor group through tool_cohortroles (itemid is its own id).
    let mentor = FIRST_STAFF + 4;
    let mentored = pupils
        .iter()
        .filter(|pupil| pupil.tutor_group == "10MB" && pupil.attendance == Attendance::Current)
        .filter_map(Pupil::context_id)
        .take(2)
        .map(|context| (PARENT_ROLE, context, mentor, "tool_cohortroles", 1));
    let manager = (1, SYSTEM_CONTEXT, FIRST_STAFF + 5, "", 0);
    Rows {
        table: "role_assignments",
        columns: &["id", "roleid", "contextid", "userid", "component", "itemid", "timemodified", "modifierid"],
        values: numbered(by_hand.iter().copied().chain(twice).chain(mentored).chain([manager]).map(
            |(role, context, user, component, item)| {
                row([
                    role.into(),
                    context.into(),
                    user.into(),
                    text(component),
                    item.into(),
                    OPENED.into(),
                    ADMIN.into(),
                ])
            },
        )),
    }
}
