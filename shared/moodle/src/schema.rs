//! The Moodle tables that Kinlink uses: their definition as of Moodle 4.5, and which of their columns our statements name.
//!
//! The definitions serve tests and the demonstration; a school's Moodle is never created or altered by Kinlink. That they
//! are Moodle's is checked against dumps of a real Moodle in `tests/schema.rs`. [`USED`] is what `doctor` compares a
//! school's database with. What does not live here: rows, and the statements that read and write them.

use kinlink_db::{Db, DbError, Engine, Session};

use crate::prefix::Prefix;

/// Tables and the columns of them that Kinlink's statements name. A Moodle that lacks one of these cannot be served.
///
/// In 4.5 all of them are there (`tests/schema.rs`). Most of these tables are unchanged from 4.1 to 5.1, by install.xml of
/// these versions; `sessions`, `user_info_field` and `cohort` were not compared, so `doctor` has to look.
pub const USED: &[(&str, &[&str])] = &[
    (
        "user",
        &[
            "id",
            "auth",
            "confirmed",
            "deleted",
            "suspended",
            "mnethostid",
            "username",
            "idnumber",
            "firstname",
            "lastname",
            "email",
            "department",
        ],
    ),
    ("context", &["id", "contextlevel", "instanceid", "path", "depth", "locked"]),
    ("role", &["id", "shortname", "archetype"]),
    ("role_context_levels", &["roleid", "contextlevel"]),
    ("role_capabilities", &["contextid", "roleid", "capability", "permission"]),
    (
        "role_assignments",
        &["id", "roleid", "contextid", "userid", "timemodified", "modifierid", "component", "itemid", "sortorder"],
    ),
    ("cache_flags", &["id", "flagtype", "name", "timemodified", "value", "expiry"]),
    ("config", &["name", "value"]),
    ("config_plugins", &["plugin", "name", "value"]),
    ("task_scheduled", &["classname", "lastruntime", "nextruntime", "faildelay", "disabled"]),
    ("sessions", &["id", "userid", "timecreated", "timemodified"]),
    ("user_info_field", &["id", "shortname"]),
    ("user_info_data", &["userid", "fieldid", "data"]),
    ("cohort", &["id", "idnumber"]),
    ("cohort_members", &["cohortid", "userid"]),
];

/// The statements that create the tables with their keys on an engine, in order.
#[must_use]
pub fn statements(engine: Engine, prefix: &Prefix) -> Vec<String> {
    let file = match engine {
        Engine::Sqlite => include_str!("../schema/sqlite.sql"),
        Engine::MySql => include_str!("../schema/mysql.sql"),
        Engine::Postgres => include_str!("../schema/postgres.sql"),
    };
    let code: Vec<&str> = file.lines().filter(|line| !line.starts_with("--")).collect();
    code.join("\n")
        .replace("{prefix}", prefix.as_str())
        .split(";\n")
        .map(|statement| statement.trim().trim_end_matches(';').to_owned())
        .filter(|statement| !statement.is_empty())
        .collect()
}

/// Creates the tables in a database that has none of them: for tests and the demonstration.
///
/// # Errors
/// Any [`kinlink_db::Fault`]; in particular when a table of that name exists. SQLite and PostgreSQL then keep nothing;
/// MariaDB/MySQL keep the tables made so far, since they cannot roll back a `CREATE TABLE`.
pub async fn create(db: &Db, prefix: &Prefix) -> Result<(), DbError> {
    let mut tx = db.begin().await?;
    create_in(&mut tx, prefix).await?;
    tx.commit().await
}

pub(crate) async fn create_in(session: &mut impl Session, prefix: &Prefix) -> Result<(), DbError> {
    for statement in statements(session.engine(), prefix) {
        session.execute(&statement, []).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use kinlink_db::Engine;

    use super::{Prefix, USED, statements};

    const ENGINES: [Engine; 3] = [Engine::Sqlite, Engine::MySql, Engine::Postgres];

    #[test]
    fn every_statement_is_whole_and_carries_the_prefix() {
        let prefix = Prefix::parse("kl7_").unwrap();
        for engine in ENGINES {
            let all = statements(engine, &prefix);
            let tables = all.iter().filter(|sql| sql.starts_with("CREATE TABLE kl7_")).count();
            assert_eq!(tables, 18, "{engine}");
            for sql in all {
                assert!(sql.starts_with("CREATE ") && !sql.contains(['{', ';']) && sql.contains("kl7_"), "{sql}");
            }
        }
    }

    #[test]
    fn every_used_column_is_defined_on_every_engine() {
        let prefix = Prefix::parse("p_").unwrap();
        for engine in ENGINES {
            let all = statements(engine, &prefix);
            for (table, columns) in USED {
                let head = format!("CREATE TABLE p_{table} (");
                let table = all.iter().find(|sql| sql.starts_with(&head)).unwrap_or_else(|| panic!("{head}"));
                for column in *columns {
                    assert!(
                        table.lines().any(|line| line.split_whitespace().next() == Some(column)),
                        "{engine}: {head} {column}"
                    );
                }
            }
        }
    }
}
