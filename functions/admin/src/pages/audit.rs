//! `/admin/audit`: who did what to what, newest first, with filters; the same as files; and whether it is what was written. Only
//! for administrators.

use askama::Template;
use axum::{
    Router,
    extract::{RawQuery, State},
    response::Response,
    routing::get,
};
use jiff::{civil::Date, tz::TimeZone};
use kinlink_domain::{
    Timestamp,
    audit_chain::End,
    ids::{HoldId, RequestId},
    staff::Permission,
};
use kinlink_service::{
    access::require,
    audit_chain::{self, Verification},
    view::{AuditEntry, AuditQuery, list_audit},
};
use kinlink_web::{Parameters, number::grouped, when::When};
use serde_json::Value;

use super::{
    interruption::Interruption,
    names::Names,
    numbered::link,
    shell::{Desk, Section, Shell},
};
use crate::{
    AdminState,
    audit_file::{Format, detail, file},
};

const HERE: &str = "/admin/audit";
/// Entries on one page.
const PAGE: u32 = 50;
/// Characters of an id that the page shows.
const SHORT: usize = 8;

pub(crate) fn routes() -> Router<AdminState> {
    Router::new()
        .route("/audit", get(show))
        .route("/audit/export.csv", get(export_csv))
        .route("/audit/export.jsonl", get(export_jsonl))
        .route("/audit/verification", get(verify))
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
    csv: String,
    jsonl: String,
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
        csv: link("/admin/audit/export.csv", &kept, &[]),
        jsonl: link("/admin/audit/export.jsonl", &kept, &[]),
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
        "hold" if id.parse::<HoldId>().is_ok() => Some(format!("/admin/holds/{id}")),
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

/// Entries under the filters, as a file for spreadsheets.
async fn export_csv(
    State(state): State<AdminState>,
    desk: Desk,
    RawQuery(address): RawQuery,
    asked: Parameters,
) -> Result<Response, Interruption> {
    export(&state, &desk, address.as_deref(), asked, Format::Csv).await
}

/// Entries under the filters, as a file that programs read.
async fn export_jsonl(
    State(state): State<AdminState>,
    desk: Desk,
    RawQuery(address): RawQuery,
    asked: Parameters,
) -> Result<Response, Interruption> {
    export(&state, &desk, address.as_deref(), asked, Format::JsonLines).await
}

/// A file. Unlike the page, which says what it left aside, it is refused where something was not understood: a file would
/// hold more than was asked for, and nobody would see it.
async fn export(
    state: &AdminState,
    desk: &Desk,
    address: Option<&str>,
    mut asked: Parameters,
    format: Format,
) -> Result<Response, Interruption> {
    require(desk.actor(), Permission::Administer)?;
    let after = asked.one("after", "the number of the last entry of the file before");
    let (query, ignored) = Asked::read(&mut asked).query(&desk.clock.zone);
    for name in ignored {
        asked.refuse(name, format!("“{name}” is no date; write it as 2026-11-22"));
    }
    asked.finish()?;
    Ok(file(&state.app, desk.actor(), query, format, after, address).await?)
}

#[derive(Template)]
#[template(path = "audit-verification.html")]
struct VerificationPage {
    shell: Shell,
    found: Verification,
    entries: String,
    /// What was typed.
    seq: String,
    hash: String,
    /// Whether it was an end.
    misread: bool,
}

/// Whether the audit is what was written, and goes through an end that was noted earlier.
async fn verify(State(state): State<AdminState>, desk: Desk, mut asked: Parameters) -> Result<Response, Interruption> {
    let mut text = |name| asked.text(name).unwrap_or_default().trim().to_owned();
    let (seq, hash) = (text("seq"), text("hash"));
    let noted = End::noted(&seq, &hash);
    let found = audit_chain::verify(&state.app, desk.actor(), noted.as_ref()).await?;
    Ok(desk.show(&VerificationPage {
        shell: desk.shell("Is the audit whole?", Section::Audit),
        entries: grouped(found.entries),
        misread: noted.is_none() && !(seq.is_empty() && hash.is_empty()),
        found,
        seq,
        hash,
    }))
}
