//! `/admin/audit`: who did what to what, newest first, with filters, and the same as CSV. Only for administrators.

use askama::Template;
use axum::{Router, extract::State, response::Response, routing::get};
use jiff::{civil::Date, tz::TimeZone};
use kinlink_domain::{Timestamp, ids::RequestId};
use kinlink_service::view::{AuditEntry, AuditQuery, list_audit};
use kinlink_web::{Parameters, Problem, number::grouped, when::When};
use serde_json::Value;

use super::{
    interruption::Interruption,
    names::Names,
    numbered::link,
    sheet,
    shell::{Desk, Section, Shell},
};
use crate::AdminState;

const HERE: &str = "/admin/audit";
/// Entries on one page.
const PAGE: u32 = 50;
/// Characters of an id that the page shows.
const SHORT: usize = 8;
/// Entries in one file.
const FILE: u32 = 10_000;

pub(crate) fn routes() -> Router<AdminState> {
    Router::new().route("/audit", get(show)).route("/audit/export.csv", get(export))
}

/// The filters as they stand in the address.
#[derive(Debug)]
struct Asked {
    actor: String,
    action: String,
    subject: String,
    from: String,
    to: String,
    before: Option<i64>,
}

impl Asked {
    fn read(query: &mut Parameters) -> Self {
        let mut text = |name| query.text(name).unwrap_or_default();
        Self {
            actor: text("actor"),
            action: text("action"),
            subject: text("subject"),
            from: text("from"),
            to: text("to"),
            before: query.one("before", "the number of an entry"),
        }
    }

    /// What is asked for; a date that is none is left aside and named.
    fn query(&self, zone: &TimeZone) -> (AuditQuery, Vec<&'static str>) {
        let mut ignored = Vec::new();
        let mut day = |text: &str, name: &'static str, later: bool| {
            let date: Option<Date> = text.parse().ok();
            if date.is_none() && !text.is_empty() {
                ignored.push(name);
            }
            // The last day belongs to the span.
            let date = if later { date?.tomorrow().ok()? } else { date? };
            Some(date.to_zoned(zone.clone()).ok()?.timestamp())
        };
        let from: Option<Timestamp> = day(&self.from, "from", false);
        let to = day(&self.to, "to", true);
        let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let query = AuditQuery {
            actor: text(&self.actor),
            action: text(&self.action),
            subject: text(&self.subject),
            from,
            to,
            cursor: self.before,
        };
        (query, ignored)
    }

    fn kept(&self) -> [(&'static str, &str); 5] {
        [
            ("actor", &self.actor),
            ("action", &self.action),
            ("subject", &self.subject),
            ("from", &self.from),
            ("to", &self.to),
        ]
    }
}

struct Row {
    at: When,
    who: String,
    /// The same list, of what this one did.
    actor_href: String,
    action: String,
    subject: String,
    /// A name, or the last part of an id: enough to tell entries apart.
    id: String,
    subject_href: Option<String>,
    detail: String,
}

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage {
    shell: Shell,
    asked: Asked,
    rows: Vec<Row>,
    older: Option<String>,
    newest: Option<String>,
    file: String,
    most: String,
    ignored: String,
    zone: String,
}

async fn show(State(state): State<AdminState>, desk: Desk, mut asked: Parameters) -> Result<Response, Interruption> {
    let asked = Asked::read(&mut asked);
    let (query, ignored) = asked.query(&desk.clock.zone);
    let found = list_audit(&state.app, desk.actor(), &query, PAGE).await?;
    let names = Names::of(&state.app, found.items.iter().map(|entry| entry.actor.as_str())).await?;
    let kept = asked.kept();
    let is_filtered = kept.iter().any(|(_, value)| !value.is_empty()) || asked.before.is_some();
    Ok(desk.show(&AuditPage {
        shell: desk.shell("Audit", Section::Audit),
        older: found.next.map(|seq| link(HERE, &kept, &[("before", &seq.to_string())])),
        newest: is_filtered.then(|| HERE.to_owned()),
        file: link("/admin/audit/export.csv", &kept, &[]),
        most: grouped(FILE),
        rows: found.items.into_iter().map(|entry| row(entry, &names, &desk)).collect(),
        ignored: ignored.join(" and "),
        zone: desk.policy().time_zone.clone(),
        asked,
    }))
}

fn row(entry: AuditEntry, names: &Names, desk: &Desk) -> Row {
    let (kind, id) = entry.subject.split_once(':').unwrap_or((&entry.subject, ""));
    let subject_href = match kind {
        "request" => Some(format!("/admin/requests/{id}")),
        "adult" => Some(format!("/admin/users/{id}")),
        "cycle" => Some(format!("/admin/cycles/{id}")),
        _ => None,
    };
    Row {
        at: desk.clock.log(entry.at),
        who: names.name(&entry.actor),
        actor_href: link(HERE, &[], &[("actor", &entry.actor)]),
        action: entry.action,
        subject: kind.replace('_', " "),
        id: if id.parse::<RequestId>().is_ok() { format!("…{}", &id[id.len() - SHORT..]) } else { id.to_owned() },
        subject_href,
        detail: parts(&entry.detail),
    }
}

/// Ids and codes in words: "version: 5, reason: revoked".
fn parts(detail: &Value) -> String {
    let Value::Object(parts) = detail else { return self::detail(detail) };
    let word = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let parts = parts.iter().map(|(name, value)| format!("{}: {}", name.replace('_', " "), word(value)));
    parts.collect::<Vec<_>>().join(", ")
}

/// Ids and codes as JSON; nothing when there are none.
fn detail(detail: &Value) -> String {
    match detail {
        Value::Object(parts) if parts.is_empty() => String::new(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// The newest entries under the filters, as a file.
async fn export(State(state): State<AdminState>, desk: Desk, mut asked: Parameters) -> Result<Response, Interruption> {
    let (query, _) = Asked::read(&mut asked).query(&desk.clock.zone);
    let found = list_audit(&state.app, desk.actor(), &query, FILE).await?;
    let columns = ["number", "at (UTC)", "actor", "action", "subject", "detail"].map(str::to_owned).to_vec();
    let rows = found.items.into_iter().map(|entry| {
        let at = entry.at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
        vec![entry.seq.to_string(), at, entry.actor, entry.action, entry.subject, detail(&entry.detail)]
    });
    let rows = sheet::rows(std::iter::once(columns).chain(rows))
        .map_err(|error| Problem::internal(format!("the audit cannot be written as a file: {error}")))?;
    Ok(sheet::file("kinlink-audit.csv", [sheet::BYTE_ORDER_MARK, &rows].concat()))
}
