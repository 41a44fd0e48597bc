//! SQL is written once with `?`; PostgreSQL wants `$1`, `$2`, …

use std::{borrow::Cow, fmt::Write as _};

use crate::Engine;

/// The statement as the engine wants it: on PostgreSQL every `?` outside quotes becomes `$n`.
#[must_use]
pub fn rewrite(engine: Engine, sql: &str) -> Cow<'_, str> {
    if engine != Engine::Postgres || !sql.contains('?') {
        return Cow::Borrowed(sql);
    }
    let mut out = String::with_capacity(sql.len() + 32);
    let mut quote: Option<char> = None;
    let mut number = 0_u32;
    for c in sql.chars() {
        match quote {
            Some(open) => {
                if c == open {
                    quote = None;
                }
                out.push(c);
            }
            None if c == '?' => {
                number += 1;
                // Writing to a String cannot fail.
                let _ = write!(out, "${number}");
            }
            None => {
                if c == '\'' || c == '"' {
                    quote = Some(c);
                }
                out.push(c);
            }
        }
    }
    Cow::Owned(out)
}

/// `(?, ?, ?)` for `count` values. An empty list is `(NULL)`, which no value equals.
#[must_use]
pub fn in_list(count: usize) -> String {
    if count == 0 {
        return "(NULL)".to_owned();
    }
    let mut out = String::with_capacity(count * 3 + 2);
    out.push('(');
    for i in 0..count {
        out.push_str(if i == 0 { "?" } else { ", ?" });
    }
    out.push(')');
    out
}

/// `(?, ?), (?, ?)`: `rows` rows of `columns` values for a multi-row `INSERT … VALUES`.
#[must_use]
pub fn values_list(rows: usize, columns: usize) -> String {
    let row = in_list(columns);
    let mut out = String::with_capacity(rows * (row.len() + 2));
    for i in 0..rows {
        if i > 0 {
            out.push_str(", ");
        }
        out.push_str(&row);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{in_list, rewrite, values_list};
    use crate::Engine;

    #[test]
    fn only_postgres_numbers_its_placeholders_and_never_inside_quotes() {
        let sql = r#"SELECT "a?", 'it''s ?' FROM t WHERE x = ? AND y IN (?, ?)"#;
        assert_eq!(rewrite(Engine::MySql, sql), sql);
        assert_eq!(rewrite(Engine::Sqlite, sql), sql);
        assert_eq!(rewrite(Engine::Postgres, sql), r#"SELECT "a?", 'it''s ?' FROM t WHERE x = $1 AND y IN ($2, $3)"#);
    }

    #[test]
    fn lists_have_one_placeholder_a_value() {
        assert_eq!(in_list(0), "(NULL)");
        assert_eq!(in_list(3), "(?, ?, ?)");
        assert_eq!(values_list(2, 2), "(?, ?), (?, ?)");
    }
}
