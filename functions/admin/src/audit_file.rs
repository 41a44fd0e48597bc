//! The audit as a file, written while it is read, however long it is: for the API, the pages and the command line.

use axum::{body::Body, http::header, response::Response};
use futures_util::stream::try_unfold;
use kinlink_domain::staff::Actor;
use kinlink_service::{
    App, ServiceError,
    view::{AuditEntry, AuditQuery, export_audit},
};
use serde_json::Value;

use crate::pages::sheet::{self, BYTE_ORDER_MARK};

/// The form of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line, with the hashes: whoever has all lines can verify the chain.
    JsonLines,
    /// For spreadsheets.
    Csv,
}

impl Format {
    const fn name(self) -> &'static str {
        match self {
            Self::JsonLines => "kinlink-audit.jsonl",
            Self::Csv => "kinlink-audit.csv",
        }
    }
}

/// A file, piece by piece.
pub struct Pieces {
    app: App,
    actor: Actor,
    query: AuditQuery,
    format: Format,
    /// The first piece, at the beginning.
    read: Option<Vec<AuditEntry>>,
    after: Option<i64>,
}

impl Pieces {
    /// Reads the first piece: whatever can go wrong is most likely to do so here, where it still can be said.
    ///
    /// # Errors
    /// As [`export_audit`].
    pub async fn begin(app: &App, actor: &Actor, query: AuditQuery, format: Format) -> Result<Self, ServiceError> {
        let first = export_audit(app, actor, &query, None).await?;
        Ok(Self { app: app.clone(), actor: actor.clone(), query, format, read: Some(first), after: None })
    }

    /// The next piece; none at the end.
    ///
    /// # Errors
    /// As [`export_audit`].
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, ServiceError> {
        let begins = self.after.is_none();
        let entries = match self.read.take() {
            Some(first) => first,
            None => export_audit(&self.app, &self.actor, &self.query, self.after).await?,
        };
        let last = entries.last().map(|entry| entry.seq);
        if last.is_none() && !begins {
            return Ok(None);
        }
        // Where there is nothing at all, the next piece is asked for behind the end.
        self.after = Some(last.unwrap_or(i64::MAX));
        Ok(Some(match self.format {
            Format::JsonLines => json_lines(&entries),
            Format::Csv => csv(begins, entries),
        }))
    }
}

/// The file as an answer.
///
/// # Errors
/// As [`export_audit`]; what fails later breaks the file off.
pub(crate) async fn file(
    app: &App,
    actor: &Actor,
    query: AuditQuery,
    format: Format,
) -> Result<Response, ServiceError> {
    let pieces = Pieces::begin(app, actor, query, format).await?;
    let stream = try_unfold(pieces, async |mut pieces| {
        let piece = pieces.next().await.map_err(|error| std::io::Error::other(error.to_string()))?;
        Ok::<_, std::io::Error>(piece.map(|piece| (piece, pieces)))
    });
    let mut response = sheet::file(format.name(), Body::from_stream(stream));
    if format == Format::JsonLines {
        let kind = header::HeaderValue::from_static("application/jsonl");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
    }
    Ok(response)
}

fn json_lines(entries: &[AuditEntry]) -> Vec<u8> {
    // Nothing here has keys that are not texts, which is all that could fail.
    let line = |entry| serde_json::to_string(entry).unwrap_or_default() + "\n";
    entries.iter().map(line).collect::<String>().into_bytes()
}

const COLUMNS: [&str; 7] = ["number", "at (UTC)", "actor", "action", "subject", "detail", "hash"];

fn csv(begins: bool, entries: Vec<AuditEntry>) -> Vec<u8> {
    let columns = begins.then(|| COLUMNS.map(str::to_owned).to_vec());
    let mark = if begins { BYTE_ORDER_MARK } else { &[] };
    let rows = sheet::rows(columns.into_iter().chain(entries.into_iter().map(cells)));
    [mark, &rows.expect("rows of one length, into memory")].concat()
}

fn cells(entry: AuditEntry) -> Vec<String> {
    let at = entry.at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
    let (detail, hash) = (detail(&entry.detail), entry.hash.unwrap_or_default());
    vec![entry.seq.to_string(), at, entry.actor, entry.action, entry.subject, detail, hash]
}

/// Ids and codes as JSON; nothing when there are none.
pub(crate) fn detail(detail: &Value) -> String {
    match detail {
        Value::Object(parts) if parts.is_empty() => String::new(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}
