//! Counts of statements: what tests assert and metrics report.

use std::sync::atomic::{AtomicU64, Ordering};

/// How many statements a database has been sent through one [`crate::Db`].
#[derive(Debug, Default)]
pub struct Stats {
    reads: AtomicU64,
    writes: AtomicU64,
}

impl Stats {
    pub(crate) fn count(&self, sql: &str) {
        let counter = if is_write(sql) { &self.writes } else { &self.reads };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Statements that only read.
    #[must_use]
    pub fn reads(&self) -> u64 {
        self.reads.load(Ordering::Relaxed)
    }

    /// Statements that may change rows.
    #[must_use]
    pub fn writes(&self) -> u64 {
        self.writes.load(Ordering::Relaxed)
    }
}

pub(crate) fn is_write(sql: &str) -> bool {
    let word = sql.split_whitespace().next().unwrap_or_default();
    !word.eq_ignore_ascii_case("select") && !word.eq_ignore_ascii_case("with") && !word.eq_ignore_ascii_case("pragma")
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_begins_with_select_reads_and_all_else_may_write() {
        for (sql, write) in [
            ("SELECT 1", false),
            ("  select 1", false),
            ("WITH x AS (SELECT 1) SELECT * FROM x", false),
            ("INSERT INTO t VALUES (1)", true),
            ("DELETE FROM t", true),
            ("CREATE TABLE t (x INT)", true),
        ] {
            assert_eq!(super::is_write(sql), write, "{sql}");
        }
    }
}
