//! What Kinlink counts: the closed list of metrics, each with its unit and meaning.
//!
//! Use cases count through the crate `metrics`; who listens is decided by the process (crate `setup`: on Lambda it is
//! AWS, elsewhere nobody). A metric has neither labels nor texts, so that no name, address or id can come into one.

use metrics::Unit;

/// How a metric's numbers come about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Something happened, so many times; what is not counted is zero.
    Count,
    /// Something was measured, now; what is not measured says nothing. Not a gauge of the crate `metrics`: that would repeat
    /// what an earlier event measured.
    Measure,
}

/// A metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// How its numbers come about.
    pub kind: Kind,
    /// What its numbers are.
    pub unit: Unit,
    /// What it tells.
    pub meaning: &'static str,
}

const fn count(name: &'static str, meaning: &'static str) -> Metric {
    Metric { name, kind: Kind::Count, unit: Unit::Count, meaning }
}

const fn measure(name: &'static str, unit: Unit, meaning: &'static str) -> Metric {
    Metric { name, kind: Kind::Measure, unit, meaning }
}

pub(crate) const REQUESTS_RECEIVED: Metric =
    count("RequestsReceived", "Requests that were stored; the same one sent again is not another one.");
pub(crate) const DECISIONS: Metric = count("Decisions", "Decisions of staff that were recorded, one for each request.");
pub(crate) const CYCLES_DONE: Metric =
    count("CyclesDone", "Cycles that ran to their end: the heartbeat of the provisioner.");
pub(crate) const CYCLES_FAILED: Metric = count("CyclesFailed", "Cycles that were stopped by a failure.");
pub(crate) const LINKS_MADE: Metric = count("LinksMade", "Role rows that cycles wrote to Moodle.");
pub(crate) const LINKS_REMOVED: Metric = count("LinksRemoved", "Role rows of ours that cycles removed from Moodle.");
pub(crate) const REQUESTS_PROVISIONED: Metric =
    count("RequestsProvisioned", "Requests that became provisioned by a cycle.");
pub(crate) const JOBS_WAITING: Metric =
    measure("JobsWaiting", Unit::Count, "Jobs that are still to be done, at the end of each cycle.");
pub(crate) const JOBS_DEAD: Metric =
    measure("JobsDead", Unit::Count, "Jobs that were given up and need a person, at the end of each cycle.");
pub(crate) const CYCLE_MILLISECONDS: Metric =
    measure("CycleMilliseconds", Unit::Milliseconds, "How long each cycle took.");
pub(crate) const MOODLE_STATEMENTS: Metric =
    measure("MoodleStatements", Unit::Count, "Statements that each cycle sent to Moodle's database.");
pub(crate) const BRAKE_ENGAGED: Metric =
    measure("BrakeEngaged", Unit::Count, "1 for each cycle whose removals the brake held, 0 for every other one.");
pub(crate) const MAILS_SENT: Metric = count("MailsSent", "Mails that were handed to the mail server.");
pub(crate) const MAILS_FAILED: Metric =
    count("MailsFailed", "Tries to send a mail that failed; it is tried again or was given up.");

/// Every metric there is.
pub const ALL: [Metric; 14] = [
    REQUESTS_RECEIVED,
    DECISIONS,
    CYCLES_DONE,
    CYCLES_FAILED,
    LINKS_MADE,
    LINKS_REMOVED,
    REQUESTS_PROVISIONED,
    JOBS_WAITING,
    JOBS_DEAD,
    CYCLE_MILLISECONDS,
    MOODLE_STATEMENTS,
    BRAKE_ENGAGED,
    MAILS_SENT,
    MAILS_FAILED,
];

impl Metric {
    /// Adds to a count.
    pub(crate) fn add(self, number: u64) {
        metrics::counter!(self.name).increment(number);
    }

    /// Notes what was measured.
    pub(crate) fn record(self, number: u64) {
        metrics::histogram!(self.name).record(f64::from(u32::try_from(number).unwrap_or(u32::MAX)));
    }
}

/// Tells whoever listens the units of all metrics.
pub fn describe() {
    for metric in ALL {
        match metric.kind {
            Kind::Count => metrics::describe_counter!(metric.name, metric.unit, metric.meaning),
            Kind::Measure => metrics::describe_histogram!(metric.name, metric.unit, metric.meaning),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{ALL, Kind};

    #[test]
    fn the_table_of_metrics_in_the_documentation_is_this_list() {
        let page = include_str!("../../../docs/observability.md");
        let table: Vec<&str> = page.lines().skip_while(|line| *line != "## Metrics").collect();
        let rows: Vec<&str> = table.into_iter().filter(|line| line.starts_with("| `")).collect();
        let expected: Vec<String> = ALL
            .iter()
            .map(|metric| {
                let kind = match metric.kind {
                    Kind::Count => "counted",
                    Kind::Measure => "measured",
                };
                format!("| `{}` | {kind} | {:?} | {} |", metric.name, metric.unit, metric.meaning)
            })
            .collect();
        assert_eq!(rows, expected);
    }
}
